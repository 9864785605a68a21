/* Where a feed with two histories ends: at W everywhere, whoever was shown what, and what
 * forbids above that goes on. */
#include "check.h"

#include "network_fixture.h"
#include "network_twin.h"

#include <stdio.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

static void join_honest(void)
{
    network_connect(&net, 1, 2);
    network_connect(&net, 2, 3);
    network_connect(&net, 1, 3);
}

/* All bans that a node knows; *last is set to one that another record carries. */
static unsigned count_bans(uint32_t node, struct p2p_ban *last)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    uint32_t circle = network_circle_number(&net, node, "all");
    struct p2p_ban ban;
    unsigned count = 0;
    bool begin = true;
    while (p2p_ban_next(kv, circle, begin ? NULL : &ban.id, begin, &ban) == P2P_OK) {
        begin = false;
        if (ban.id.feed == 4) {
            count++;
            continue;
        }
        *last = ban;
        last->lifted = (struct p2p_slice){0}; /* borrowed */
        count++;
    }
    memory_kv_abort(net.nodes[node].kv);
    return count;
}

/* A ban that a gate knew does not go with the branch it stood on: who held it carries it, all
 * gates refuse by it, it is one ban however many carry it, and one lift ends it everywhere. */
static void test_bans_are_rescued(void **state)
{
    (void)state;
    struct p2p_ban ban;
    for (unsigned round = 0; round < 3; round++) {
        network_start(4, 4, 60 + round);
        network_ban(&net, 4, "all", SHIP); /* below W */
        network_advance(&net, 3000 - net.wall_ms % 1000);
        struct network_moment before = network_moment(&net, 4);
        network_cut_all(&net);
        network_connect(&net, 1, 4);
        network_run(&net);
        network_ban(&net, 4, "all", OTHER); /* told to 1, by nobody else cosigned */
        if (round == 1) {
            network_connect(&net, 2, 4); /* to 2 as well: then W is above it */
        }
        network_run(&net);
        network_start_over(&net, 4, &before);
        network_connect(&net, 3, 4);
        network_run(&net);
        network_ban(&net, 4, "all", round == 2 ? OTHER : "imo:9241061");
        network_run(&net);
        network_kill(&net, 4);
        join_honest();
        network_advance(&net, 6000);
        network_agree(&net);
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
            CHECK(network_check(&net, node, OTHER) == P2P_ANSWER_REFUSE);
            CHECK(network_check(&net, node, "imo:9241061") ==
                  (round == 2 ? P2P_ANSWER_ALLOW : P2P_ANSWER_REFUSE));
            CHECK(count_bans(node, &ban) == 3);
        }
        /* Lifted once, by whichever carrier, it is lifted for all. */
        CHECK(ban.id.feed != 4);
        network_lift(&net, 2, "all", &ban.id);
        network_advance(&net, 2000);
        network_agree(&net);
        for (uint32_t node = 1; node <= 3; node++) {
            unsigned refused = 0;
            refused += network_check(&net, node, OTHER) == P2P_ANSWER_REFUSE;
            refused += network_check(&net, node, "imo:9241061") == P2P_ANSWER_REFUSE;
            CHECK(refused == 1);
        }
        network_restart(&net, 3);
        network_connect_all(&net);
        network_advance(&net, 2000);
        network_agree(&net);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

static void amend(uint32_t node, const struct p2p_record_id *ban, const char *ship)
{
    uint8_t payload[1024];
    char name[8];
    struct p2p_pack pack;
    struct p2p_subject subject;
    struct p2p_issuer_secret key = world_issuer_key(100 + node);
    struct p2p_circle_key unused = network_circle_key("all", 1);
    const struct p2p_ban_draft draft = {.subjects = &subject,
                                        .subject_count = 1,
                                        .ground = P2P_GROUND_COURT,
                                        .reference = "amended"};
    CHECK_OK(p2p_subject_parse(&subject, p2p_slice_text(ship)));
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_ban_pack(&pack, &draft, &unused, 1));
    snprintf(name, sizeof(name), "im%u", node);
    const struct p2p_issuer *issuer = p2p_charter_issuer_named(
        p2p_engine_ledger(net.nodes[node].engine)->charter, p2p_slice_text(name));
    CHECK(issuer != NULL);
    const struct p2p_append record = {.kind = P2P_KIND_BAN_AMEND,
                                      .circle = network_circle_number(&net, node, "all"),
                                      .issuer = issuer->number,
                                      .key = &key,
                                      .cites = ban,
                                      .cite_count = 1,
                                      .payload = p2p_pack_slice(&pack)};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(&net, node, &job, 1));
    CHECK_OK(job.result.err);
}

/* What amends a ban that a fork takes away stands as the imposition that it also is; the ban is
 * carried on, and both forbid. */
static void test_an_amend_of_what_goes(void **state)
{
    (void)state;
    network_start(4, 4, 75);
    network_ban(&net, 4, "all", SHIP);
    network_advance(&net, 3000 - net.wall_ms % 1000);
    struct network_moment before = network_moment(&net, 4);
    network_cut_all(&net);
    network_connect(&net, 1, 4);
    network_run(&net);
    struct p2p_record_id ban = network_ban(&net, 4, "all", OTHER); /* told to 1 alone */
    network_run(&net);
    amend(1, &ban, "imo:9241061");
    CHECK(network_check(&net, 1, "imo:9241061") == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 1, OTHER) == P2P_ANSWER_ALLOW);
    network_start_over(&net, 4, &before);
    network_connect(&net, 3, 4);
    network_run(&net);
    network_ban(&net, 4, "all", "imo:9176187");
    network_run(&net);
    network_kill(&net, 4);
    join_honest();
    network_advance(&net, 8000);
    network_agree(&net);
    CHECK(network_size(&net, 1, 4) <= ban.index);
    for (uint32_t node = 1; node <= 3; node++) {
        CHECK(network_check(&net, node, "imo:9241061") == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, node, OTHER) == P2P_ANSWER_REFUSE);
    }
}

/* The only record that tells of a fork stands in a feed that forks itself, above its W: what
 * was proven is not forgotten with it. */
static void test_a_fork_told_in_a_fork(void **state)
{
    (void)state;
    network_start(4, 4, 71);
    for (uint32_t node = 3; node <= 4; node++) {
        network_ban(&net, node, "all", SHIP);
    }
    network_advance(&net, 3000 - net.wall_ms % 1000);
    struct network_moment before3 = network_moment(&net, 3);
    struct network_moment before4 = network_moment(&net, 4);
    network_cut_all(&net);
    network_connect(&net, 3, 4); /* 4 alone is shown that 3 has two histories */
    network_ban(&net, 3, "all", OTHER);
    network_run(&net);
    network_start_over(&net, 3, &before3);
    network_ban(&net, 3, "all", "imo:9241061");
    network_connect(&net, 3, 4);
    network_advance(&net, 2000);
    CHECK(network_feed_state(&net, 4, 3) == P2P_FEED_FORKED && network_forks_by(&net, 4) == 1);
    network_kill(&net, 3);
    struct network_moment knows = network_moment(&net, 4);
    network_start_over(&net, 4, &before4); /* 1 is shown another history of 4 */
    network_connect(&net, 1, 4);
    network_ban(&net, 4, "all", OTHER);
    network_run(&net);
    network_start_over(&net, 4, &knows);
    network_connect(&net, 1, 4);
    network_connect(&net, 1, 2);
    network_advance(&net, 8000);
    CHECK(network_feed_state(&net, 1, 4) == P2P_FEED_FORKED);
    CHECK(network_size(&net, 4, 4) == network_size(&net, 1, 4));
    for (uint32_t node = 1; node <= 4; node++) {
        CHECK(node == 3 || network_feed_state(&net, node, 3) == P2P_FEED_FORKED);
    }
    uint64_t frames = network_frames(&net);
    network_advance(&net, 60000);
    CHECK(network_frames(&net) - frames < 200); /* nobody tells it again and again */
}

/* A tiny fork far below W, made with a stolen feed key, takes nothing away from anybody; who
 * was shown nothing but it comes back to the feed. */
static void test_a_tiny_fork(void **state)
{
    (void)state;
    struct p2p_ban ban;
    network_start(4, 4, 70);
    network_advance(&net, 3000 - net.wall_ms % 1000);
    struct network_moment before = network_moment(&net, 4);
    network_cut(&net, 3, 4);
    network_cut(&net, 2, 3);
    network_cut(&net, 1, 3);
    for (unsigned i = 0; i < 30; i++) {
        CHECK_OK(network_notes(&net, 4, 100));
        network_run(&net);
    }
    network_ban(&net, 4, "all", SHIP);
    network_advance(&net, 1000);
    uint64_t size = network_size(&net, 1, 4);
    CHECK(size > 3000 && p2p_engine_witnessing(net.nodes[1].engine, 4)->quorum_size == size);
    network_cut_all(&net);
    network_start_over(&net, 4, &before);
    network_connect(&net, 3, 4);
    network_run(&net);
    CHECK_OK(network_notes(&net, 4, 1)); /* what 3 gets of it */
    network_run(&net);
    uint64_t tiny = network_size(&net, 3, 4);
    CHECK(tiny < 20);
    network_kill(&net, 4);
    join_honest();
    network_advance(&net, 30000);
    for (uint32_t node = 1; node <= 3; node++) {
        CHECK(network_feed_state(&net, node, 4) == P2P_FEED_FORKED);
        CHECK(network_size(&net, node, 4) == size);
        CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
        CHECK(count_bans(node, &ban) == 1);
    }
    network_advance(&net, 1000);
    network_agree(&net);
}

/* Where nobody but its owner holds a forked feed up to W, since the others lost it or cut it
 * before W rose, nobody would ever have it again. */
static void test_the_owner_alone_has_it(void **state)
{
    (void)state;
    network_start(4, 4, 71);
    network_advance(&net, 3000 - net.wall_ms % 1000);
    struct network_moment before = network_moment(&net, 4);
    CHECK_OK(network_notes(&net, 4, 3));
    network_advance(&net, 1000);
    struct network_moment older = network_moment(&net, 3);
    uint64_t part = network_size(&net, 3, 4);
    CHECK_OK(network_notes(&net, 4, 3));
    network_advance(&net, 1000);
    struct network_moment whole = network_moment(&net, 4);
    uint64_t size = network_size(&net, 1, 4);
    CHECK(size == part + 3 && network_size(&net, 3, 4) == size);
    network_cut_all(&net);
    network_start_over(&net, 4, &before);
    net.mono_ms += 7;
    net.wall_ms += 7;
    CHECK_OK(network_notes(&net, 4, 20));
    network_connect(&net, 1, 4);
    network_run(&net);
    join_honest();
    network_advance(&net, 6000);
    CHECK(network_forked(&net, 1, 4).size == size && network_size(&net, 3, 4) == size);
    network_cut_all(&net);
    network_kill(&net, 1);
    network_kill(&net, 2);
    network_start_over(&net, 3, &older);
    CHECK(network_size(&net, 3, 4) == part);
    network_start_over(&net, 4, &whole);
    CHECK_OK(network_open(&net, 1));
    network_connect(&net, 1, 4);
    network_advance(&net, 3000);
    network_kill(&net, 1); /* the proof and W are in records that 4 passes on */
    network_connect(&net, 3, 4);
    network_advance(&net, 20000);
    CHECK(network_forked(&net, 3, 4).size == size && network_size(&net, 3, 4) == size);
    CHECK_OK(network_open(&net, 1));
    CHECK_OK(network_open(&net, 2));
}

/* Whatever is told to whom, in whatever order links come and nodes start again: the honest end
 * at one frontier with the same views, and no gate forgets a ban that an honest node knew. */
static void test_random_forks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        char subjects[12][24];
        unsigned bans = 0;
        print_message("seed %llu\n", (unsigned long long)seed);
        network_start(4, 4, 900 + seed);
        network_advance(&net, 3000 - net.wall_ms % 1000);
        struct rng rng = {seed};
        struct network_moment before = {.kv = NULL};
        for (unsigned step = 0; step < 30; step++) {
            uint32_t a = 1 + (uint32_t)rng_below(&rng, 4), b = 1 + (uint32_t)rng_below(&rng, 4);
            switch (rng_below(&rng, 6)) {
            case 0:
            case 1:
                if (a != b && network_connected(&net, a, b)) {
                    network_cut(&net, a, b);
                } else if (a != b && net.nodes[a].engine != NULL &&
                           net.nodes[b].engine != NULL) {
                    network_connect(&net, a, b);
                }
                break;
            case 2:
                if (net.nodes[4].engine != NULL && bans < 12) {
                    struct p2p_record_id id;
                    snprintf(subjects[bans], sizeof(subjects[bans]), "imo:%07d",
                             9000000 + (int)(seed * 12 + bans));
                    if (network_try_ban(&net, 4, "all", subjects[bans], &id) == P2P_OK) {
                        bans++;
                    }
                }
                break;
            case 3:
                CHECK_OK(network_notes(&net, 1 + (uint32_t)rng_below(&rng, 3), 1));
                break;
            case 4:
                if (before.kv == NULL) {
                    before = network_moment(&net, 4);
                } else if (rng_below(&rng, 3) == 0) {
                    struct network_moment again = {memory_kv_clone(before.kv), before.options};
                    network_start_over(&net, 4, &again);
                }
                break;
            default:
                if (a < 4) {
                    network_restart(&net, a);
                }
                break;
            }
            if (rng_below(&rng, 3) > 0) {
                network_run(&net);
            }
        }
        network_moment_deinit(&before);
        network_run(&net);
        /* What honest nodes know before the thief is gone. */
        bool known[12] = {false};
        for (unsigned i = 0; i < bans; i++) {
            for (uint32_t node = 1; node <= 3; node++) {
                known[i] =
                    known[i] || network_check(&net, node, subjects[i]) == P2P_ANSWER_REFUSE;
            }
        }
        network_kill(&net, 4);
        network_connect_all(&net);
        network_advance(&net, 40000);
        network_agree(&net);
        for (unsigned i = 0; i < bans; i++) {
            for (uint32_t node = 1; node <= 3 && known[i]; node++) {
                CHECK(network_check(&net, node, subjects[i]) == P2P_ANSWER_REFUSE);
            }
        }
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_bans_are_rescued, network_stop),
        cmocka_unit_test_teardown(test_an_amend_of_what_goes, network_stop),
        cmocka_unit_test_teardown(test_a_fork_told_in_a_fork, network_stop),
        cmocka_unit_test_teardown(test_a_tiny_fork, network_stop),
        cmocka_unit_test_teardown(test_the_owner_alone_has_it, network_stop),
        cmocka_unit_test_teardown(test_random_forks, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
