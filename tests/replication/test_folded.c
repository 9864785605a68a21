#include "check.h"
#include "ledger/folded.h"

enum { KEYS = 5000 };

static struct p2p_folded folded;

static struct p2p_hash name_of(uint32_t key)
{
    uint8_t bytes[] = {(uint8_t)(key >> 16), (uint8_t)(key >> 8), (uint8_t)key};
    return p2p_folded_name(p2p_slice_of(bytes, sizeof(bytes)));
}

/* A key that was taken for folded and was not would keep what a disk spoiled for another hour.
 */
static void test_only_what_was_added(void **state)
{
    (void)state;
    size_t kept = 0;
    p2p_folded_forget(&folded);
    for (uint32_t key = 0; key < KEYS; key++) {
        struct p2p_hash name = name_of(key);
        CHECK(!p2p_folded_has(&folded, &name));
        p2p_folded_add(&folded, &name);
        CHECK(p2p_folded_has(&folded, &name));
    }
    for (uint32_t key = 0; key < KEYS; key++) {
        struct p2p_hash same = name_of(key);
        struct p2p_hash other = name_of(KEYS + key);
        kept += p2p_folded_has(&folded, &same);
        CHECK(!p2p_folded_has(&folded, &other));
    }
    CHECK(kept <= P2P_FOLDED_HELD); /* later ones took the places of earlier ones */
    CHECK(kept > P2P_FOLDED_HELD / 2);
}

/* What rests on a row that was mended would stay as it followed from the spoiled one. */
static void test_forgotten(void **state)
{
    (void)state;
    struct p2p_hash name = name_of(7);
    p2p_folded_add(&folded, &name);
    p2p_folded_forget(&folded);
    CHECK(!p2p_folded_has(&folded, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_was_added),
        cmocka_unit_test(test_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
