#include "check.h"
#include "frame_sample.h"

/* Without this, a peer would trim or mend the tree of another feed. */
static void test_rows(void **state)
{
    struct frame_sample s;
    struct p2p_slice rows;
    struct p2p_graft_entry graft;
    (void)state;
    frame_sample_init(&s);
    CHECK_OK(p2p_prune_read(&rows, frame_sample_at(&s, SAMPLE_PRUNE).body));
    CHECK(p2p_prune_count(rows) == 2 && p2p_prune_at(rows, 0) == 7 &&
          p2p_prune_at(rows, 1) == 9);
    CHECK_OK(p2p_graft_read(&rows, frame_sample_at(&s, SAMPLE_GRAFT).body));
    CHECK(p2p_graft_count(rows) == 2);
    p2p_graft_at(rows, 0, &graft);
    CHECK(graft.feed == 3 && graft.size == 5 && graft.witnessed == 4 &&
          graft.heard_s == 1700000000);
    p2p_graft_at(rows, 1, &graft);
    CHECK(graft.feed == 9 && graft.size == 0 && graft.witnessed == 0 && graft.heard_s == 0);
}

/* Feeds that do not ascend, none, part of a row, and more than there may be. */
static void test_rows_that_are_none(void **state)
{
    static uint8_t many[P2P_GRAFT_ENTRY_BYTES * (P2P_FEEDS_MAX + 1)];
    struct p2p_slice rows;
    (void)state;
    CHECK_ERR(p2p_prune_read(&rows, p2p_slice_of("\0\0\0\1\0\0\0\1", 8)), P2P_MALFORMED);
    CHECK_ERR(p2p_prune_read(&rows, p2p_slice_of("", 0)), P2P_MALFORMED);
    CHECK_ERR(p2p_graft_read(&rows, p2p_slice_of("", 0)), P2P_MALFORMED);
    for (unsigned graft = 0; graft < 2; graft++) {
        size_t bytes = graft ? P2P_GRAFT_ENTRY_BYTES : 4;
        for (uint32_t i = 0; i <= P2P_FEEDS_MAX; i++) {
            for (unsigned b = 0; b < 4; b++) {
                many[i * bytes + b] = (uint8_t)(i >> (24 - 8 * b));
            }
        }
        for (unsigned more = 0; more < 2; more++) {
            struct p2p_slice body = p2p_slice_of(many, (P2P_FEEDS_MAX + more) * bytes);
            enum p2p_err err =
                graft ? p2p_graft_read(&rows, body) : p2p_prune_read(&rows, body);
            CHECK_ERR(err, more ? P2P_TOOLARGE : P2P_OK);
        }
        memset(many + bytes, 0, 4); /* the second row names the first one's feed */
        struct p2p_slice twice = p2p_slice_of(many, 2 * bytes);
        CHECK_ERR(graft ? p2p_graft_read(&rows, twice) : p2p_prune_read(&rows, twice),
                  P2P_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
