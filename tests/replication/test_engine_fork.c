/* A member that shows two histories: found, proven, quarantined everywhere; nobody is framed.
 */
#include "check.h"

#include "network_fixture.h"
#include "network_twin.h"

#include <stdio.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

static enum p2p_feed_state state_of(uint32_t node, uint32_t feed)
{
    return p2p_ledger_feed(p2p_engine_ledger(net.nodes[node].engine), feed)->state;
}

/* Node 4 goes on from `common` records in two ways: `one` more told to node 1, `two` more told
 * to node 2, none of them to the others yet. */
static void equivocate(uint64_t common, uint64_t one, uint64_t two)
{
    struct network_node *n = &net.nodes[4];
    while (network_size(&net, 4, 4) < common) {
        CHECK_OK(network_notes(&net, 4, 1));
    }
    network_run(&net);
    CHECK(network_size(&net, 4, 4) == common);
    struct network_moment before = network_moment(&net, 4);
    network_cut_all(&net);
    CHECK(network_size(&net, 4, 4) == common);
    for (unsigned side = 1; side <= 2; side++) {
        uint64_t more = side == 1 ? one : two;
        if (side == 1) {
            network_restart(&net, 4);
        } else {
            n->options = before.options;
            memset(n->watch.size, 0, sizeof(n->watch.size)); /* it has no shame */
            network_put_back(&net, 4, &before);
        }
        network_connect(&net, side, 4);
        network_run(&net);
        for (uint64_t i = 0; i < more; i++) {
            net.mono_ms += 7; /* the histories differ in their times */
            net.wall_ms += 7;
            CHECK_OK(network_notes(&net, 4, 1));
        }
        network_run(&net);
        CHECK(network_size(&net, side, 4) == common + more);
        network_cut(&net, side, 4);
        if (side == 2) {
            CHECK(p2p_engine_read_only(n->engine) == P2P_READ_ONLY_NONE);
        }
    }
    network_kill(&net, 4);
}

/* The proof in some honest node's feed, verified with nothing but the feed's key. */
static void check_portable(uint32_t node)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, node);
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, 4);
    bool found = false;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    for (uint64_t i = 0; i < own->edge.size; i++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        struct p2p_unpack in;
        CHECK_OK(p2p_feed_leaf(own, kv, i, &leaf));
        CHECK_OK(p2p_record_decode(&record, leaf));
        if (record.kind != P2P_KIND_FORK) {
            continue;
        }
        CHECK(!found); /* told once */
        found = true;
        static uint8_t bytes[P2P_FORK_BYTES_MAX];
        struct p2p_fork_proof proof;
        CHECK(p2p_unpack_find(record.content, "proof", &in));
        struct p2p_slice encoded = p2p_unpack_bin(&in);
        CHECK(encoded.len < 1500);
        memcpy(bytes, encoded.data, encoded.len);
        CHECK_OK(p2p_fork_decode(&proof, p2p_slice_of(bytes, encoded.len)));
        CHECK_OK(p2p_fork_verify(&proof, p2p_sigs_ed25519(), &info->key));
        /* No other feed is accused by it, and no bit of it can be changed. */
        CHECK(p2p_fork_verify(&proof, p2p_sigs_ed25519(),
                              &p2p_charter_feed(ledger->charter, 1)->key) != P2P_OK);
        for (size_t at = 0; at < encoded.len; at++) {
            bytes[at] ^= 0x10;
            if (p2p_fork_decode(&proof, p2p_slice_of(bytes, encoded.len)) == P2P_OK) {
                CHECK(p2p_fork_verify(&proof, p2p_sigs_ed25519(), &info->key) != P2P_OK);
            }
            bytes[at] ^= 0x10;
        }
    }
    CHECK(found);
    memory_kv_abort(net.nodes[node].kv);
}

/* How many `fork` records stand in a node's own feed. */
static unsigned forks_by(uint32_t node)
{
    const struct p2p_feed *own =
        p2p_ledger_feed(p2p_engine_ledger(net.nodes[node].engine), node);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    unsigned count = 0;
    for (uint64_t i = 0; i < own->edge.size; i++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        CHECK_OK(p2p_feed_leaf(own, kv, i, &leaf));
        CHECK_OK(p2p_record_decode(&record, leaf));
        count += record.kind == P2P_KIND_FORK;
    }
    memory_kv_abort(net.nodes[node].kv);
    return count;
}

/* All honest nodes quarantine the feed, whatever the sizes of the two histories. */
static void test_two_histories(void **state)
{
    (void)state;
    static const uint64_t cases[][3] = {{4, 1, 1}, {4, 4, 4}, {4, 1, 4},  {4, 4, 1},
                                        {8, 8, 3}, {8, 1, 8}, {5, 2, 11}, {7, 1, 9}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        network_start(4, 4, 20 + i);
        network_ban(&net, 4, "all", SHIP); /* before the split: keeps its effect */
        equivocate(cases[i][0], cases[i][1], cases[i][2]);
        network_connect(&net, 1, 2);
        network_connect(&net, 2, 3);
        network_connect(&net, 1, 3);
        network_advance(&net, 4000);
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(state_of(node, 4) == P2P_FEED_FORKED);
            CHECK(p2p_engine_traced(net.nodes[node].engine, P2P_TRACE_FORK) == 1);
            CHECK(net.nodes[node].closed == 0);
            check_portable(node);
            CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
        }
        /* The honest go on with each other. */
        network_ban(&net, 1, "all", OTHER);
        network_advance(&net, 3000);
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(network_check(&net, node, OTHER) == P2P_ANSWER_REFUSE);
            for (uint32_t feed = 1; feed <= 3; feed++) {
                CHECK(state_of(node, feed) == P2P_FEED_OK);
            }
        }
        /* All hold the branch of W, and nothing else of it. */
        struct p2p_forked forked = network_forked(&net, 1, 4);
        CHECK(forked.size > 0 && forked.size <= cases[i][0]);
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(network_size(&net, node, 4) == forked.size);
        }
        network_run(&net);
        network_agree(&net);
        /* It survives a restart, nobody cosigns the feed any more, and the net is quiet. */
        network_restart(&net, 2);
        CHECK(state_of(2, 4) == P2P_FEED_FORKED);
        network_connect_all(&net);
        network_advance(&net, 5000);
        uint64_t frames = network_frames(&net);
        network_advance(&net, 60000);
        CHECK(network_frames(&net) - frames < 200);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* The member itself learns of it, stops appending, and stays so. */
static void test_own_feed_forked(void **state)
{
    (void)state;
    network_start(4, 4, 40);
    equivocate(4, 2, 2);
    network_connect(&net, 1, 2);
    network_run(&net);
    CHECK_OK(network_open(&net, 4));
    network_connect(&net, 1, 4);
    network_advance(&net, 2000);
    CHECK(p2p_engine_read_only(net.nodes[4].engine) == P2P_READ_ONLY_FORKED);
    CHECK_ERR(network_notes(&net, 4, 1), P2P_RDONLY);
    network_restart(&net, 4);
    CHECK(p2p_engine_read_only(net.nodes[4].engine) == P2P_READ_ONLY_FORKED);
    CHECK(network_check(&net, 4, SHIP) == P2P_ANSWER_ALLOW ||
          network_check(&net, 4, SHIP) == P2P_ANSWER_REFER);
}

/* A node that was away hears of it when it comes back, from a feed or from a peer. */
static void test_fork_told_to_who_was_away(void **state)
{
    (void)state;
    network_start(4, 4, 41);
    equivocate(4, 1, 3);
    network_kill(&net, 3);
    network_connect(&net, 1, 2);
    network_advance(&net, 2000);
    CHECK(state_of(1, 4) == P2P_FEED_FORKED);
    network_restart(&net, 3);
    network_connect(&net, 1, 3);
    network_advance(&net, 2000);
    CHECK(state_of(3, 4) == P2P_FEED_FORKED);
}

/* Found by nodes that may not append: they keep the proof, tell it to who comes later, and in a
 * record when they may. */
static void test_found_by_who_may_not_append(void **state)
{
    (void)state;
    network_start(4, 4, 44);
    equivocate(4, 1, 1);
    for (uint32_t node = 1; node <= 2; node++) {
        network_kill(&net, node);
        net.nodes[node].options.copy_lost = true;
        CHECK_OK(network_open(&net, node));
    }
    network_connect(&net, 1, 2);
    network_advance(&net, 2000);
    CHECK(state_of(1, 4) == P2P_FEED_FORKED && state_of(2, 4) == P2P_FEED_FORKED);
    CHECK(forks_by(1) == 0 && forks_by(2) == 0);
    network_cut(&net, 1, 2);
    network_kill(&net, 1);
    net.nodes[1].options.copy_lost = true;
    CHECK_OK(network_open(&net, 1));
    network_connect(&net, 1, 3);
    network_advance(&net, 2000);
    CHECK(state_of(3, 4) == P2P_FEED_FORKED && forks_by(3) == 1);
    network_kill(&net, 2);
    net.nodes[2].options.copy_lost = false;
    CHECK_OK(network_open(&net, 2));
    network_advance(&net, 1000);
    CHECK(forks_by(2) == 1);
}

/* The records carry the largest quorum-cosigned checkpoint that anybody held, so W is the same
 * everywhere; who comes to hold a larger one tells it too, and then all are silent. */
static void test_the_largest_quorum_is_told(void **state)
{
    (void)state;
    network_start(4, 4, 43); /* two of 1, 2 and 3 witness feed 4 */
    while (network_size(&net, 4, 4) < 5) {
        CHECK_OK(network_notes(&net, 4, 1));
    }
    /* What follows is signed within one second: the fixture looks at the order of times. */
    network_advance(&net, 3000 - net.wall_ms % 1000);
    uint64_t common = network_size(&net, 4, 4);
    CHECK(p2p_engine_witnessing(net.nodes[1].engine, 4)->quorum_size == common);
    struct network_moment before = network_moment(&net, 4);
    /* 1 and 2 cosign one history and do not hear each other, not even by 4. */
    network_cut(&net, 1, 2);
    network_cut(&net, 1, 3);
    network_cut(&net, 2, 3);
    network_cut(&net, 3, 4);
    CHECK_OK(network_notes(&net, 4, 2));
    network_deliver(&net, 4, 1, SIZE_MAX);
    network_deliver(&net, 4, 2, SIZE_MAX);
    CHECK(network_size(&net, 1, 4) == common + 2 && network_size(&net, 2, 4) == common + 2);
    CHECK(p2p_engine_witnessing(net.nodes[1].engine, 4)->quorum_size == common);
    network_start_over(&net, 4, &before);
    network_connect(&net, 3, 4); /* 3 is shown another */
    net.mono_ms += 7;
    net.wall_ms += 7;
    CHECK_OK(network_notes(&net, 4, 1));
    network_run(&net);
    network_kill(&net, 4);
    network_connect(&net, 1, 3);
    network_advance(&net, 2000);
    CHECK(state_of(1, 4) == P2P_FEED_FORKED && state_of(3, 4) == P2P_FEED_FORKED);
    CHECK(network_forked(&net, 1, 4).size == common &&
          network_forked(&net, 3, 4).size == common);
    CHECK(forks_by(1) == 1 && forks_by(3) == 1);
    network_connect(&net, 1, 2);
    network_advance(&net, 8000);
    for (uint32_t node = 1; node <= 3; node++) {
        CHECK(network_forked(&net, node, 4).size == common + 2);
        CHECK(forks_by(node) <= 2);
        CHECK(network_size(&net, node, 4) == common + 2); /* 3 was shown another */
    }
    network_agree(&net);
    network_restart(&net, 1);
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(network_forked(&net, 1, 4).size == common + 2 && forks_by(1) <= 2);
    uint64_t frames = network_frames(&net);
    network_advance(&net, 60000);
    CHECK(network_frames(&net) - frames < 200);
}

/* ---- what stands at W and above ---- */

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
    CHECK(state_of(4, 3) == P2P_FEED_FORKED && forks_by(4) == 1);
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
    CHECK(state_of(1, 4) == P2P_FEED_FORKED);
    CHECK(network_size(&net, 4, 4) == network_size(&net, 1, 4));
    for (uint32_t node = 1; node <= 4; node++) {
        CHECK(node == 3 || state_of(node, 3) == P2P_FEED_FORKED);
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
        CHECK(state_of(node, 4) == P2P_FEED_FORKED);
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

/* Proofs that do not prove are counted and dropped: an honest feed is never framed. */
static void test_nobody_is_framed(void **state)
{
    (void)state;
    static uint8_t bytes[P2P_FORK_BYTES_MAX];
    static uint8_t frame[P2P_FORK_BYTES_MAX + 16];
    struct p2p_tree_head heads[2];
    network_start(3, 3, 42);
    CHECK_OK(network_notes(&net, 1, 2));
    heads[0] = p2p_ledger_feed(p2p_engine_ledger(net.nodes[1].engine), 1)->head;
    CHECK_OK(network_notes(&net, 1, 5));
    heads[1] = p2p_ledger_feed(p2p_engine_ledger(net.nodes[1].engine), 1)->head;
    network_advance(&net, 1000);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[1].engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, 1);
    struct p2p_slice origin = p2p_slice_text(p2p_charter_feed(ledger->charter, 1)->origin);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    struct p2p_fork_proof proof = {
        .origin = origin, .heads = {heads[0], heads[1]}, .other_root = heads[0].root};
    struct p2p_feed_hashes source = {.feed = 1, .kv = kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    CHECK_OK(p2p_tree_consistency(&reader, heads[0].size, heads[1].size, &proof.proof));
    struct p2p_fork_proof none;
    CHECK_ERR(p2p_fork_from_held(&none, feed, kv, origin, &heads[0]), P2P_USAGE);
    memory_kv_abort(net.nodes[1].kv);
    for (unsigned i = 0; i < 6; i++) {
        struct p2p_fork_proof tampered = proof;
        switch (i) {
        case 0: /* one history, shown as it is */
            break;
        case 1: /* another root is claimed for the smaller size */
            tampered.other_root.bytes[0] ^= 1;
            break;
        case 2: /* the same head twice */
            tampered.heads[1] = tampered.heads[0];
            break;
        case 3:
            tampered.heads[0].root.bytes[3] ^= 1;
            break;
        case 4: /* sizes the wrong way round */
            tampered.heads[0] = proof.heads[1];
            tampered.heads[1] = proof.heads[0];
            break;
        default:
            tampered.proof.hashes[0].bytes[1] ^= 1;
            tampered.other_root.bytes[0] ^= 1;
            break;
        }
        struct p2p_writer out;
        size_t len = p2p_fork_encode(&tampered, bytes);
        p2p_writer_init(&out, frame, sizeof(frame));
        p2p_fork_write(&out, p2p_slice_of(bytes, len));
        uint64_t before = p2p_engine_refused(net.nodes[2].engine, P2P_BADPROOF);
        network_inject(&net, 3, 2, p2p_writer_slice(&out));
        network_run(&net);
        CHECK(p2p_engine_refused(net.nodes[2].engine, P2P_BADPROOF) == before + 1);
        CHECK(state_of(2, 1) == P2P_FEED_OK);
    }
    CHECK(net.nodes[2].closed == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_two_histories, network_stop),
        cmocka_unit_test_teardown(test_own_feed_forked, network_stop),
        cmocka_unit_test_teardown(test_fork_told_to_who_was_away, network_stop),
        cmocka_unit_test_teardown(test_found_by_who_may_not_append, network_stop),
        cmocka_unit_test_teardown(test_the_largest_quorum_is_told, network_stop),
        cmocka_unit_test_teardown(test_bans_are_rescued, network_stop),
        cmocka_unit_test_teardown(test_an_amend_of_what_goes, network_stop),
        cmocka_unit_test_teardown(test_a_fork_told_in_a_fork, network_stop),
        cmocka_unit_test_teardown(test_a_tiny_fork, network_stop),
        cmocka_unit_test_teardown(test_the_owner_alone_has_it, network_stop),
        cmocka_unit_test_teardown(test_random_forks, network_stop),
        cmocka_unit_test_teardown(test_nobody_is_framed, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
