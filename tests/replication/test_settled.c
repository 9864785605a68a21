/* Since when values have stood: epochs, and the bytes they are kept as. Whether values that are
 * said to stand do stand is held against a fresh ledger in test_past.c. */
#include "check.h"

#include <p2p/settled.h>

#include <stdlib.h>
#include <string.h>

enum { FEEDS = 3 };

static void fold(struct p2p_settled *settled, uint32_t feed, uint64_t index)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    const struct p2p_record_id id = {feed, index};
    CHECK_OK(p2p_settled_folded(settled, P2P_VIEW_BANS, p2p_id_key(key, &id)));
}

static bool stands(const struct p2p_settled *settled, uint32_t feed, uint64_t index,
                   uint64_t one, uint64_t two)
{
    const uint64_t sizes[FEEDS] = {1, one, two};
    uint32_t epoch = p2p_settled_before(settled, sizes, FEEDS);
    return p2p_settled_stands(settled, &(struct p2p_record_id){feed, index}, epoch);
}

static struct p2p_settled *some(void)
{
    struct p2p_settled *settled;
    CHECK_OK(p2p_settled_new(&settled, p2p_alloc_default(), FEEDS));
    fold(settled, 1, 5);
    fold(settled, 2, 3);
    CHECK_OK(p2p_settled_end(settled, (const uint64_t[]){1, 10, 4}));
    fold(settled, 1, 2000); /* beyond what there was room for */
    fold(settled, 2, 3);
    CHECK_OK(p2p_settled_end(settled, (const uint64_t[]){1, 2001, 9}));
    fold(settled, 1, 7); /* in an epoch that never ended */
    return settled;
}

static void check_some(const struct p2p_settled *settled)
{
    CHECK(!stands(settled, 1, 5, 9, 4) && !stands(settled, 1, 5, 5000, 3));
    CHECK(stands(settled, 1, 5, 10, 4) && stands(settled, 1, 5, 5000, 9));
    CHECK(!stands(settled, 2, 3, 10, 4)); /* folded once more */
    CHECK(stands(settled, 2, 3, 2001, 9) && stands(settled, 1, 2000, 2001, 9));
    CHECK(!stands(settled, 1, 7, 5000, 5000));
    CHECK(!stands(settled, 1, 6, 5000, 5000)); /* nothing is known of it */
    CHECK(!stands(settled, 2, 2001, 5000, 5000) && !stands(settled, 9, 0, 5000, 5000));
}

/* Without this, a past would take what was folded later for what stood then. */
static void test_epochs(void **state)
{
    (void)state;
    struct p2p_settled *settled = some();
    check_some(settled);
    const uint64_t one_feed[] = {1};
    CHECK(p2p_settled_before(settled, one_feed, 1) == 0); /* the others hold nothing */
    CHECK_OK(p2p_settled_folded(settled, P2P_VIEW_FORKS, p2p_slice_text("a name")));
    fold(settled, FEEDS, 1); /* of a feed that it does not follow */
    check_some(settled);
    p2p_settled_free(settled);
    p2p_settled_free(NULL);
}

/* Without this, what is kept would be believed though it was cut off, or say something else. */
static void test_bytes(void **state)
{
    (void)state;
    struct p2p_settled *settled = some();
    struct p2p_settled *again = NULL;
    size_t len = p2p_settled_bytes(settled);
    uint8_t *bytes = malloc(len + 1);
    CHECK(bytes != NULL);
    p2p_settled_encode(settled, bytes);
    CHECK_OK(p2p_settled_decode(&again, p2p_alloc_default(), FEEDS, p2p_slice_of(bytes, len)));
    check_some(again);
    p2p_settled_free(again);
    again = NULL;
    for (size_t cut = 0; cut < len; cut++) {
        CHECK_ERR(
            p2p_settled_decode(&again, p2p_alloc_default(), FEEDS, p2p_slice_of(bytes, cut)),
            P2P_CORRUPT);
    }
    bytes[len] = 0;
    CHECK_ERR(
        p2p_settled_decode(&again, p2p_alloc_default(), FEEDS, p2p_slice_of(bytes, len + 1)),
        P2P_CORRUPT);
    CHECK_ERR(
        p2p_settled_decode(&again, p2p_alloc_default(), FEEDS + 1, p2p_slice_of(bytes, len)),
        P2P_CORRUPT);
    bytes[8 + 2 * 8 + 7] = 3; /* the first epoch ended with less than the second: now more */
    bytes[8 + 5 * 8 + 7] = 2;
    CHECK_ERR(p2p_settled_decode(&again, p2p_alloc_default(), FEEDS, p2p_slice_of(bytes, len)),
              P2P_CORRUPT);
    CHECK(again == NULL);
    free(bytes);
    p2p_settled_free(settled);
}

/* Without this, many epochs would be taken for few. */
static void test_bound(void **state)
{
    (void)state;
    struct p2p_settled *settled;
    CHECK_OK(p2p_settled_new(&settled, p2p_alloc_default(), FEEDS));
    for (uint64_t i = 0; i < P2P_EPOCHS_MAX; i++) {
        CHECK_OK(p2p_settled_end(settled, (const uint64_t[]){1, i, i}));
    }
    fold(settled, 1, 0);
    CHECK_OK(p2p_settled_end(settled, (const uint64_t[]){1, 1u << 20, 1u << 20}));
    CHECK(!stands(settled, 1, 0, 1u << 21, 1u << 21)); /* the last one does not end */
    p2p_settled_free(settled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
