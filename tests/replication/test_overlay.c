/* The partial view: who is connected to whom, when members come, go and turn each other away.
 */
#include "check.h"
#include "rng.h"

#include <p2p/overlay.h>

#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 200u

/* A federation of views only: a question takes no time, who is down does not answer. */
static struct p2p_overlay views[MEMBERS_MAX + 1];
static bool down[MEMBERS_MAX + 1];
static uint32_t side[MEMBERS_MAX + 1]; /* nothing passes between two sides */
static uint32_t members;
static uint64_t now_ms;
static struct rng rng;

static void begin(uint32_t count, uint64_t seed)
{
    memset(views, 0, sizeof(views));
    memset(down, 0, sizeof(down));
    memset(side, 0, sizeof(side));
    members = count;
    now_ms = 1000;
    rng = (struct rng){seed};
}

static bool reaches(uint32_t a, uint32_t b)
{
    return !down[a] && !down[b] && side[a] == side[b];
}

/* What one side no longer wants is closed, and the other side sees it go. */
static void close_unwanted(uint32_t a, uint32_t b)
{
    if (!p2p_overlay_wants(&views[a], b)) {
        p2p_overlay_down(&views[b], a);
    }
}

static void ask(uint32_t a, uint32_t b)
{
    enum p2p_neighbour_word word = p2p_overlay_up(&views[a], b);
    uint32_t from = a;
    uint32_t to = b;
    struct p2p_overlay before = views[b];
    for (unsigned turn = 0; word != P2P_NEIGHBOUR_NONE; turn++) {
        CHECK(turn < 3); /* question, answer, and no more than one word about that */
        word = p2p_overlay_hear(&views[to], from, word, rng_next(&rng));
        uint32_t last = from;
        from = to;
        to = last;
    }
    close_unwanted(a, b);
    close_unwanted(b, a);
    for (size_t i = 0; i < before.active_count; i++) {
        close_unwanted(b, before.active[i]); /* whom the newcomer displaced */
    }
}

static void step(void)
{
    for (uint32_t a = 1; a <= members; a++) {
        for (unsigned tries = 0; !down[a] && p2p_overlay_seeks(&views[a], now_ms); tries++) {
            uint32_t b = p2p_overlay_draw(&views[a], members, a, rng_next(&rng));
            CHECK(b != 0 && b != a && !p2p_overlay_wants(&views[a], b) && tries < 8);
            p2p_overlay_ask(&views[a], b, now_ms);
        }
        struct p2p_overlay before = views[a];
        for (size_t i = 0; i < before.asked_count; i++) {
            if (reaches(a, before.asked[i].member)) {
                ask(a, before.asked[i].member);
            }
        }
    }
    now_ms += 1000;
}

static void check_bounds(void)
{
    for (uint32_t a = 1; a <= members; a++) {
        CHECK(views[a].active_count <= P2P_OVERLAY_ACTIVE_MAX);
        CHECK(views[a].asked_count <= P2P_OVERLAY_ASKED_MAX);
        for (size_t i = 0; i < views[a].active_count && !down[a]; i++) {
            CHECK(views[a].active[i] != a);
            CHECK(p2p_overlay_is_active(&views[views[a].active[i]], a)); /* both agree */
        }
    }
}

/* How many a message from `from` reaches. */
static uint32_t spread(uint32_t from)
{
    static uint32_t queue[MEMBERS_MAX];
    bool seen[MEMBERS_MAX + 1] = {false};
    uint32_t count = 1;
    queue[0] = from;
    seen[from] = true;
    for (uint32_t at = 0; at < count; at++) {
        const struct p2p_overlay *view = &views[queue[at]];
        for (size_t i = 0; i < view->active_count; i++) {
            uint32_t next = view->active[i];
            if (!seen[next] && reaches(queue[at], next)) {
                seen[next] = true;
                queue[count++] = next;
            }
        }
    }
    return count;
}

/* From nothing everybody finds neighbours, all agree on who they are, and nobody is cut off. */
static void test_all_start_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        begin(31 + (uint32_t)seed * 8, seed);
        for (unsigned i = 0; i < 30; i++) {
            step();
            check_bounds();
        }
        for (uint32_t a = 1; a <= members; a++) {
            CHECK(views[a].active_count >= P2P_OVERLAY_ACTIVE_MIN);
        }
        CHECK(spread(1) == members);
    }
}

/* A fifth gone at once: their neighbours find others, and nobody who is left is cut off. */
static void test_a_fifth_goes(void **state)
{
    (void)state;
    begin(150, 7);
    for (unsigned i = 0; i < 30; i++) {
        step();
    }
    for (uint32_t a = 1; a <= 30; a++) {
        uint32_t gone = a * 5;
        down[gone] = true;
        struct p2p_overlay last = views[gone];
        for (size_t i = 0; i < last.active_count; i++) {
            p2p_overlay_down(&views[last.active[i]], gone);
        }
        views[gone] = (struct p2p_overlay){0};
    }
    for (unsigned i = 0; i < 60; i++) {
        step();
    }
    check_bounds();
    for (uint32_t a = 1; a <= members; a++) {
        CHECK(down[a] || views[a].active_count >= P2P_OVERLAY_ACTIVE_MIN);
    }
    CHECK(spread(1) == members - 30);
}

static void fill(struct p2p_overlay *view)
{
    for (uint32_t m = 11; m < 11 + P2P_OVERLAY_ACTIVE_MAX; m++) {
        CHECK(p2p_overlay_hear(view, m, P2P_NEIGHBOUR_ASK, 0) == P2P_NEIGHBOUR_YES);
    }
}

/* A full view says no, but not to who has nobody: that one displaces one that is drawn. */
static void test_priority_displaces(void **state)
{
    struct p2p_overlay view = {0};
    (void)state;
    fill(&view);
    CHECK(p2p_overlay_hear(&view, 20, P2P_NEIGHBOUR_ASK, 0) == P2P_NEIGHBOUR_NO);
    CHECK(!p2p_overlay_wants(&view, 20));
    CHECK(p2p_overlay_hear(&view, 20, P2P_NEIGHBOUR_PRIORITY, 2) == P2P_NEIGHBOUR_YES);
    CHECK(p2p_overlay_is_active(&view, 20) && !p2p_overlay_wants(&view, 13));
    CHECK(view.active_count == P2P_OVERLAY_ACTIVE_MAX);
    CHECK(p2p_overlay_hear(&view, 20, P2P_NEIGHBOUR_PRIORITY, 5) == P2P_NEIGHBOUR_YES);
    CHECK(view.active_count == P2P_OVERLAY_ACTIVE_MAX); /* it is there already */
}

/* Who is turned away and has nobody asks with priority; who has somebody does not. */
static void test_turned_away(void **state)
{
    struct p2p_overlay view = {0};
    (void)state;
    for (uint32_t m = 2; m < 2 + P2P_OVERLAY_PATIENCE; m++) {
        p2p_overlay_ask(&view, m, 0);
        CHECK(p2p_overlay_up(&view, m) == P2P_NEIGHBOUR_ASK);
        CHECK(p2p_overlay_up(&view, m) == P2P_NEIGHBOUR_NONE); /* once */
        CHECK(p2p_overlay_hear(&view, m, P2P_NEIGHBOUR_NO, 0) == P2P_NEIGHBOUR_NONE);
        CHECK(!p2p_overlay_wants(&view, m));
    }
    p2p_overlay_ask(&view, 8, 0);
    CHECK(p2p_overlay_up(&view, 8) == P2P_NEIGHBOUR_PRIORITY);
    CHECK(p2p_overlay_hear(&view, 8, P2P_NEIGHBOUR_YES, 0) == P2P_NEIGHBOUR_NONE);
    p2p_overlay_ask(&view, 9, 0);
    CHECK(p2p_overlay_up(&view, 9) == P2P_NEIGHBOUR_ASK);
}

/* An answer that does not come is waited for no longer than its time; one that nobody asked for
 * makes no neighbour. */
static void test_answers(void **state)
{
    struct p2p_overlay view = {0};
    (void)state;
    p2p_overlay_ask(&view, 2, 100);
    p2p_overlay_ask(&view, 2, 100);
    CHECK(view.asked_count == 1);
    CHECK(p2p_overlay_seeks(&view, 100 + P2P_OVERLAY_ASK_MS - 1) && view.asked_count == 1);
    CHECK(p2p_overlay_hear(&view, 2, P2P_NEIGHBOUR_YES, 0) == P2P_NEIGHBOUR_NO); /* not told */
    CHECK(p2p_overlay_seeks(&view, 100 + P2P_OVERLAY_ASK_MS) && view.asked_count == 0);
    CHECK(p2p_overlay_hear(&view, 3, P2P_NEIGHBOUR_YES, 0) == P2P_NEIGHBOUR_NO);
    CHECK(view.active_count == 0);
    for (uint32_t m = 2; m < 10; m++) {
        p2p_overlay_ask(&view, m, 100);
    }
    CHECK(view.asked_count == P2P_OVERLAY_ASKED_MAX && !p2p_overlay_seeks(&view, 100));
    /* Both ask: they are neighbours, whoever is heard first. */
    CHECK(p2p_overlay_up(&view, 2) == P2P_NEIGHBOUR_ASK);
    CHECK(p2p_overlay_hear(&view, 2, P2P_NEIGHBOUR_ASK, 0) == P2P_NEIGHBOUR_YES);
    CHECK(p2p_overlay_hear(&view, 2, P2P_NEIGHBOUR_YES, 0) == P2P_NEIGHBOUR_NONE);
    CHECK(view.active_count == 1 && view.asked_count == P2P_OVERLAY_ASKED_MAX - 1);
    CHECK(p2p_overlay_draw(&view, 1, 1, 9) == 0); /* nobody else */
}

/* Two halves that each filled their views do not stay apart: somebody silent is reached for. */
static void test_halves_join(void **state)
{
    (void)state;
    begin(80, 3);
    for (uint32_t a = 1; a <= members; a++) {
        side[a] = a % 2;
    }
    for (unsigned i = 0; i < 60; i++) {
        step();
    }
    CHECK(spread(1) == members / 2);
    memset(side, 0, sizeof(side));
    CHECK(!p2p_overlay_reaches(&views[1], now_ms));
    CHECK(!p2p_overlay_reaches(&views[1], now_ms + P2P_OVERLAY_REACH_MS - 1));
    CHECK(p2p_overlay_reaches(&views[1], now_ms + P2P_OVERLAY_REACH_MS));
    p2p_overlay_reach(&views[1], 2, now_ms);
    for (unsigned i = 0; i < 10; i++) {
        step();
    }
    check_bounds();
    CHECK(spread(1) == members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_start_at_once),
        cmocka_unit_test(test_a_fifth_goes),
        cmocka_unit_test(test_priority_displaces),
        cmocka_unit_test(test_turned_away),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_halves_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
