#include "check.h"

#include <p2p/charter.h>
#include <p2p/feed_set.h>

#include <stdlib.h>
#include <string.h>

enum { STEPS = 20000 };

/* A feed that is left out of a walk would never be stored, sent or asked for. */
static void test_walk(void **state)
{
    (void)state;
    static const uint32_t members[] = {0,   1,    63,   64,   65,    127,
                                       128, 4095, 4096, 8191, 16383, P2P_FEEDS_MAX};
    size_t count = sizeof(members) / sizeof(members[0]);
    static struct p2p_feed_set set;
    uint32_t feed = 0;
    CHECK(!p2p_feed_set_next(&set, &feed));
    for (size_t i = count; i > 0; i--) {
        p2p_feed_set_add(&set, members[i - 1]);
    }
    size_t seen = 0;
    for (feed = 0; p2p_feed_set_next(&set, &feed); feed++) {
        CHECK(seen < count && feed == members[seen]);
        seen++;
    }
    CHECK(seen == count);
    feed = 129;
    CHECK(p2p_feed_set_next(&set, &feed) &&
          feed == 4095); /* the walk begins where it is told */
    for (feed = 1; p2p_feed_set_next(&set, &feed); feed++) {
        p2p_feed_set_remove(&set, feed); /* each is visited though it goes meanwhile */
    }
    feed = 0;
    CHECK(p2p_feed_set_next(&set, &feed) && feed == 0);
    feed = 1;
    CHECK(!p2p_feed_set_next(&set, &feed));
}

/* The same as an array of flags, whatever the order of calls. */
static void test_like_flags(void **state)
{
    (void)state;
    static struct p2p_feed_set set;
    static bool flags[P2P_FEEDS_MAX + 1];
    uint64_t random = 1;
    for (int step = 0; step < STEPS; step++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t feed = (uint32_t)(random >> 33) % (P2P_FEEDS_MAX + 1);
        bool member = (random >> 62) != 0;
        p2p_feed_set_put(&set, feed, member);
        flags[feed] = member;
        if (step == STEPS / 2) {
            p2p_feed_set_clear(&set);
            memset(flags, 0, sizeof(flags));
        }
    }
    uint32_t next = 0;
    bool more = p2p_feed_set_next(&set, &next);
    for (uint32_t feed = 0; feed <= P2P_FEEDS_MAX; feed++) {
        CHECK(p2p_feed_set_has(&set, feed) == flags[feed]);
        CHECK((more && next == feed) == flags[feed]);
        if (more && next == feed) {
            next++;
            more = p2p_feed_set_next(&set, &next);
        }
    }
    CHECK(!more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_like_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
