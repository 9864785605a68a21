/* What a peer can do to us: payloads it must not get or does not bring, runs, heads and frames
 * that are wrong. Each is counted, the session goes on or ends by rule, others are unharmed. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/reuse.h>

#include <stdlib.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

static uint64_t refused(uint32_t node, enum p2p_err err)
{
    return p2p_engine_refused(net.nodes[node].engine, err);
}

static size_t copy_salted(uint32_t node, const struct p2p_record_id *id, uint8_t *out,
                          size_t cap)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    struct p2p_slice salted;
    ledger->kv = memory_kv_begin(net.nodes[node].kv);
    enum p2p_err err = p2p_ledger_salted(ledger, id, &salted);
    size_t len = 0;
    CHECK(err == P2P_OK || err == P2P_NOTFOUND);
    if (err == P2P_OK) {
        CHECK(salted.len <= cap);
        memcpy(out, salted.data, salted.len);
        len = salted.len;
    }
    memory_kv_abort(net.nodes[node].kv);
    return len;
}

static bool pipe_holds(uint32_t from, uint32_t to, const uint8_t *bytes, size_t len)
{
    const struct network_pipe *pipe = &net.pipes[from][to];
    for (size_t at = pipe->at; at + len <= pipe->len; at++) {
        if (memcmp(pipe->data + at, bytes, len) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- payloads ---- */

/* The leaf goes to everybody, the payload to the circle alone. */
static void test_payload_stays_in_its_circle(void **state)
{
    (void)state;
    uint8_t salted[1024];
    network_start(4, 4, 1);
    for (uint32_t i = 2; i <= 4; i++) {
        net.pipes[1][i].held = true;
    }
    struct p2p_record_id id = network_ban(&net, 1, "police", SHIP);
    size_t len = copy_salted(1, &id, salted, sizeof(salted));
    CHECK(len > P2P_SALT_BYTES);
    CHECK(pipe_holds(1, 2, salted, len));
    for (uint32_t i = 3; i <= 4; i++) {
        CHECK(net.pipes[1][i].len > net.pipes[1][i].at);
        CHECK(!pipe_holds(1, i, salted + P2P_SALT_BYTES, len - P2P_SALT_BYTES));
        CHECK(!pipe_holds(1, i, salted, P2P_SALT_BYTES));
    }
    for (uint32_t i = 2; i <= 4; i++) {
        net.pipes[1][i].held = false;
    }
    network_advance(&net, 2000);
    uint8_t other[1024];
    CHECK(copy_salted(2, &id, other, sizeof(other)) == len);
    CHECK_BYTES(other, salted, len);
    for (uint32_t i = 3; i <= 4; i++) {
        CHECK(network_size(&net, i, 1) == network_size(&net, 1, 1));
        CHECK(copy_salted(i, &id, other, sizeof(other)) == 0);
        CHECK(network_check(&net, i, SHIP) == P2P_ANSWER_ALLOW);
    }
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_advance(&net, 2000);
    network_agree(&net);
}

/* A relay outside the circle cannot bring the payload: it says so, and who may have it takes
 * the record from somebody else, without end of asking in between. */
static void test_relay_without_payload(void **state)
{
    (void)state;
    network_start(3, 3, 2);
    network_cut(&net, 1, 2);
    network_ban(&net, 1, "police", SHIP);
    network_advance(&net, 8000); /* after 10 s it is taken without: test_engine_payloads */
    CHECK(network_size(&net, 2, 1) < network_size(&net, 1, 1));
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_GAP) > 0);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_GAP) < 20);
    network_connect(&net, 1, 2);
    network_advance(&net, 3000);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_advance(&net, 3000);
    network_agree(&net);
}

enum change { STRIP, WRONG_PAYLOAD, WRONG_LEAF, WRONG_SIGNATURE, GARBAGE_LEAF, BYTES_BEHIND };

/* The newest part of node 1's feed as a run, changed by whoever sends it. */
static void inject_run(uint32_t from, uint32_t to, uint64_t first, enum change change)
{
    static uint8_t bytes[1 << 16];
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[1].engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, 1);
    struct p2p_tree_head head = feed->head;
    struct p2p_writer out;
    ledger->kv = memory_kv_begin(net.nodes[1].kv);
    p2p_writer_init(&out, bytes, sizeof(bytes));
    if (change == WRONG_SIGNATURE) {
        head.signature.bytes[5] ^= 1;
    }
    size_t begin = p2p_run_begin_write(&out, 1, first, (uint32_t)(head.size - first), &head);
    for (uint64_t i = first; i < head.size; i++) {
        const struct p2p_record_id id = {1, i};
        static uint8_t leaf_copy[4096];
        static uint8_t salted_copy[4096];
        struct p2p_slice leaf;
        struct p2p_slice salted;
        bool last = i + 1 == head.size;
        CHECK_OK(p2p_feed_leaf(feed, ledger->kv, i, &leaf));
        memcpy(leaf_copy, leaf.data, leaf.len);
        if (last && change == WRONG_LEAF) {
            leaf_copy[leaf.len - 1] ^= 1; /* in the issuer's signature: canonical still */
        }
        if (last && change == GARBAGE_LEAF) {
            leaf_copy[0] = 0xc1;
        }
        size_t salted_len = 0;
        if (p2p_ledger_salted(ledger, &id, &salted) == P2P_OK) {
            memcpy(salted_copy, salted.data, salted.len);
            salted_len = change == STRIP ? 0 : salted.len;
            if (last && change == WRONG_PAYLOAD) {
                salted_copy[40] ^= 1;
            }
        }
        p2p_run_record_write(&out, p2p_slice_of(leaf_copy, leaf.len),
                             p2p_slice_of(salted_copy, salted_len));
    }
    memory_kv_abort(net.nodes[1].kv);
    if (change == BYTES_BEHIND) {
        p2p_writer_u8(&out, 0);
    }
    p2p_frame_end(&out, begin);
    CHECK(!out.failed);
    network_inject(&net, from, to, p2p_writer_slice(&out));
}

/* An entitled node takes no record without the payload that opens it, names gap and peer, and
 * gets it from another. */
static void test_runs_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        enum change change;
        enum p2p_err err;
        bool closes;
    } cases[] = {
        {STRIP, P2P_COMMITMENT, false},      {WRONG_PAYLOAD, P2P_COMMITMENT, false},
        {WRONG_LEAF, P2P_MISMATCH, true},    {WRONG_SIGNATURE, P2P_BADSIG, true},
        {GARBAGE_LEAF, P2P_MALFORMED, true}, {BYTES_BEHIND, P2P_MALFORMED, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        network_start(3, 0, 10 + i);
        net.pipes[1][2].held = true;
        uint64_t held = network_size(&net, 2, 1);
        network_ban(&net, 1, "all", SHIP);
        net.pipes[3][2].held = true; /* nothing true comes from there */
        network_run(&net);
        net.pipes[3][2].len = net.pipes[3][2].at;
        inject_run(3, 2, held, cases[i].change);
        net.pipes[3][2].held = false;
        uint64_t before = refused(2, cases[i].err);
        network_deliver(&net, 3, 2, SIZE_MAX);
        CHECK(refused(2, cases[i].err) == before + 1);
        CHECK(network_size(&net, 2, 1) == held);
        CHECK(network_check(&net, 2, SHIP) != P2P_ANSWER_REFUSE);
        /* A true proof of a head over other records shows whose fault it was. */
        network_run(&net);
        CHECK((net.nodes[2].closed > 0) == cases[i].closes);
        CHECK(network_connected(&net, 1, 2));
        net.pipes[1][2].held = false;
        network_advance(&net, 3000);
        CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
        const struct p2p_feed *feed =
            p2p_ledger_feed(p2p_engine_ledger(net.nodes[2].engine), 1);
        CHECK(feed->state == P2P_FEED_OK);
        network_connect_all(&net);
        network_advance(&net, 3000);
        network_agree(&net);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* ---- frames ---- */

/* Where a run is refused for want of a payload, what the same answer brings behind it leaves a
 * gap: asked for, it would bring both again, as fast as the line goes. */
static void test_the_rest_of_what_was_refused(void **state)
{
    (void)state;
    network_start(3, 0, 19);
    uint64_t held = network_size(&net, 2, 1);
    net.pipes[1][2].held = true;
    net.pipes[3][2].held = true;
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    net.pipes[3][2].len = net.pipes[3][2].at;
    inject_run(3, 2, held, STRIP);
    uint64_t middle = network_size(&net, 1, 1);
    network_ban(&net, 1, "all", OTHER);
    inject_run(3, 2, middle, STRIP);
    uint64_t before = refused(2, P2P_GAP);
    uint64_t asked = net.pipes[2][3].frames;
    net.pipes[3][2].held = false;
    network_deliver(&net, 3, 2, SIZE_MAX);
    CHECK(refused(2, P2P_GAP) == before + 1);
    CHECK(net.pipes[2][3].frames == asked);
    net.pipes[1][2].held = false;
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
    network_advance(&net, 3000);
    network_agree(&net);
}

static void inject_hello(uint16_t version, const struct p2p_hash *id, uint32_t member)
{
    uint8_t bytes[256];
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_hello_write(&out, id, member, NULL, 0);
    bytes[P2P_FRAME_HEADER_BYTES + 1] = (uint8_t)version;
    network_inject(&net, 2, 1, p2p_writer_slice(&out));
}

/* Another federation, another member, another version, twice, or not first: the session ends
 * with a reason, and a good one begins. */
static void test_hello_that_is_wrong(void **state)
{
    (void)state;
    network_start(3, 0, 3);
    struct p2p_hash id =
        p2p_charter_federation_id(p2p_engine_ledger(net.nodes[1].engine)->charter);
    struct p2p_hash wrong = p2p_sha256(p2p_slice_text("another federation"));
    for (unsigned i = 0; i < 5; i++) {
        uint64_t closed = net.nodes[1].closed;
        network_cut(&net, 1, 2);
        net.pipes[2][1].held = true;
        network_connect(&net, 1, 2);
        net.pipes[2][1].len = net.pipes[2][1].at; /* its own hello never arrives */
        switch (i) {
        case 0:
            inject_hello(P2P_WIRE_VERSION, &wrong, 2);
            break;
        case 1:
            inject_hello(P2P_WIRE_VERSION, &id, 3);
            break;
        case 2:
            inject_hello(P2P_WIRE_VERSION + 1, &id, 2);
            break;
        case 3:
            inject_hello(P2P_WIRE_VERSION, &id, 2);
            inject_hello(P2P_WIRE_VERSION, &id, 2);
            break;
        default: {
            const uint8_t digest[] = {0, 0, 0, 1, P2P_FRAME_DIGEST};
            network_inject(&net, 2, 1, p2p_slice_of(digest, sizeof(digest)));
            break;
        }
        }
        net.pipes[2][1].held = false;
        network_deliver(&net, 2, 1, SIZE_MAX);
        CHECK(net.nodes[1].closed == closed + 1);
        CHECK(!network_connected(&net, 1, 2));
        CHECK(network_connected(&net, 1, 3));
        network_connect(&net, 1, 2);
        network_run(&net);
        CHECK(network_connected(&net, 1, 2));
    }
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
}

/* Random frames of every type: none brings the engine down, none changes a feed. */
static void test_garbage_frames(void **state)
{
    (void)state;
    network_start(3, 3, 4);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    struct rng rng = {4};
    for (unsigned i = 0; i < 1500; i++) {
        uint8_t bytes[300];
        size_t len = rng_below(&rng, sizeof(bytes) - 5);
        rng_fill(&rng, bytes, sizeof(bytes));
        bytes[0] = bytes[1] = 0;
        bytes[2] = (uint8_t)((len + 1) >> 8);
        bytes[3] = (uint8_t)(len + 1);
        bytes[4] = (uint8_t)(1 + rng_below(&rng, 14));
        if (len > 8 && rng_below(&rng, 2) == 0) { /* small numbers reach further */
            memset(bytes + 5, 0, 3);
            bytes[8] = (uint8_t)rng_below(&rng, 5);
            memset(bytes + 9, 0, 7);
            bytes[16] = (uint8_t)rng_below(&rng, 6);
        }
        if (!network_connected(&net, 2, 1)) {
            network_connect(&net, 1, 2);
            network_run(&net);
        }
        network_inject(&net, 2, 1, p2p_slice_of(bytes, len + 5));
        network_run(&net);
    }
    CHECK(net.nodes[1].closed > 10);
    if (!network_connected(&net, 1, 2)) {
        network_connect(&net, 1, 2);
    }
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 40000);
    CHECK(network_check(&net, 3, OTHER) == P2P_ANSWER_REFUSE);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* True frames with one bit wrong. */
static void test_bits_that_flip(void **state)
{
    (void)state;
    network_start(3, 3, 5);
    struct rng rng = {5};
    for (unsigned i = 0; i < 150; i++) {
        if (!network_connected(&net, 2, 1)) {
            network_connect(&net, 1, 2);
        }
        if (rng_below(&rng, 3) == 0) {
            network_ban(&net, 1, "all", i % 2 ? SHIP : OTHER);
        } else {
            CHECK_OK(network_notes(&net, 1, 1));
        }
        struct network_pipe *pipe = &net.pipes[1][2];
        if (pipe->len > pipe->at) {
            pipe->data[pipe->at + rng_below(&rng, pipe->len - pipe->at)] ^=
                (uint8_t)(1u << rng_below(&rng, 8));
        }
        network_run(&net);
        network_advance(&net, 50);
    }
    for (uint32_t f = 1; f <= 3; f++) {
        CHECK(p2p_ledger_feed(p2p_engine_ledger(net.nodes[2].engine), f)->state == P2P_FEED_OK);
    }
    if (network_connected(&net, 1, 2)) {
        network_cut(&net, 1, 2); /* a frame whose length flipped may be waited for */
    }
    network_connect(&net, 1, 2);
    network_advance(&net, 40000);
    network_agree(&net);
}

/* A frontier without end, or one feed a thousand times in it: answered at most in kind. */
static void test_endless_frontier(void **state)
{
    (void)state;
    enum { FRAMES = 400, ENTRIES = 200 };
    static uint8_t bytes[64 + ENTRIES * P2P_FRONTIER_ENTRY_BYTES];
    static struct p2p_frontier_entry entries[ENTRIES];
    struct p2p_writer out;
    network_start(3, 3, 6);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        entries[i] = (struct p2p_frontier_entry){.feed = i, .size = 1};
    }
    uint64_t in = net.pipes[2][1].sent;
    uint64_t back = net.pipes[1][2].sent;
    for (unsigned i = 0; i < FRAMES && network_connected(&net, 1, 2); i++) {
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_frontier_write(&out, i % 2, entries, ENTRIES);
        network_inject(&net, 2, 1, p2p_writer_slice(&out));
        network_deliver(&net, 2, 1, SIZE_MAX);
    }
    CHECK(net.pipes[1][2].sent - back < net.pipes[2][1].sent - in);
    if (network_connected(&net, 1, 2)) {
        network_cut(&net, 1, 2);
    }
    network_connect(&net, 1, 2);
    network_run(&net);
    /* The same feed twice is no frontier. */
    entries[1].feed = 0;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_frontier_write(&out, false, entries, 2);
    network_inject(&net, 2, 1, p2p_writer_slice(&out));
    network_run(&net);
    CHECK(!network_connected(&net, 1, 2));
    CHECK(net.nodes[1].closed_err == P2P_MALFORMED);
    CHECK(network_connected(&net, 1, 3));
}

/* A peer that asks and asks and takes nothing is closed. */
static void test_peer_that_takes_nothing(void **state)
{
    (void)state;
    uint8_t bytes[32];
    struct p2p_writer out;
    network_start(3, 0, 7);
    CHECK_OK(network_notes(&net, 1, 3000));
    network_run(&net);
    net.pipes[1][2].held = true;
    const uint8_t whole[] = {0, 0, 0, 2, P2P_FRAME_FRONTIER, 1};
    const struct p2p_want want = {.feed = 1, .from = 5000};
    for (unsigned i = 0; i < 60000 && network_connected(&net, 1, 2); i++) {
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_want_write(&out, &want);
        network_inject(&net, 2, 1,
                       i % 2 ? p2p_writer_slice(&out) : p2p_slice_of(whole, sizeof(whole)));
        if (i % 500 == 0) {
            network_run(&net);
        }
        CHECK(net.pipes[1][2].len - net.pipes[1][2].at < 8u << 20);
    }
    CHECK(!network_connected(&net, 1, 2));
    CHECK(net.nodes[1].closed_err == P2P_BUSY);
    CHECK(network_connected(&net, 1, 3));
    net.pipes[1][2].held = false;
}

/* ---- numbers ---- */

/* The node of member 1 forgets which numbers its issuer has used, as no honest node does. */
static void forget_numbers(uint32_t issuer)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    for (uint8_t row = 1; row <= 3; row += 2) {
        uint8_t key[9];
        struct p2p_writer out;
        p2p_writer_init(&out, key, sizeof(key));
        p2p_writer_u8(&out, row);
        p2p_writer_u32(&out, 1);
        p2p_writer_u32(&out, issuer);
        enum p2p_err err = p2p_kv_del(kv, P2P_TABLE_ISSUER, p2p_writer_slice(&out));
        CHECK(err == P2P_OK || err == P2P_NOTFOUND);
    }
    CHECK_OK(memory_kv_commit(net.nodes[1].kv));
}

/* Every other node finds it, tells it once, and can prove it to who has the charter alone. */
static void test_a_number_used_twice(void **state)
{
    (void)state;
    network_start(3, 3, 50);
    struct p2p_record_id first = network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[2].engine);
    uint32_t issuer = p2p_charter_issuer_named(ledger->charter, p2p_slice_text("im1"))->number;
    forget_numbers(issuer);
    struct p2p_record_id second = network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 2000);
    for (uint32_t node = 2; node <= 3; node++) {
        struct p2p_reuse reuse;
        struct p2p_reuse read;
        static char text[P2P_REUSE_BYTES_MAX];
        uint32_t found = 0;
        struct p2p_arena arena;
        CHECK(p2p_engine_traced(net.nodes[node].engine, P2P_TRACE_REUSED) == 1);
        struct p2p_ledger *held = p2p_engine_ledger_mut(net.nodes[node].engine);
        p2p_arena_init(&arena, p2p_alloc_default(), (size_t)1 << 20);
        held->kv = memory_kv_begin(net.nodes[node].kv);
        held->arena = &arena;
        CHECK_OK(p2p_reuse_of(held, 1, issuer, &reuse));
        CHECK(reuse.records[0].index == first.index && reuse.records[1].index == second.index);
        size_t len = p2p_reuse_encode(&reuse, &p2p_charter_feed(held->charter, 1)->key, text);
        CHECK_OK(p2p_reuse_decode(&read, &arena, p2p_slice_of(text, len)));
        CHECK_OK(
            p2p_reuse_verify(&read, held->charter, p2p_sigs_ed25519(), &arena, &found, NULL));
        CHECK(found == issuer);
        memory_kv_abort(net.nodes[node].kv);
        p2p_arena_deinit(&arena);
        /* Of the two the first counts, as ever. */
        CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, node, OTHER) == P2P_ANSWER_ALLOW);
    }
    network_advance(&net, 5000);
    network_restart(&net, 2);
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_REUSED) == 0); /* told already */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_payload_stays_in_its_circle, network_stop),
        cmocka_unit_test_teardown(test_relay_without_payload, network_stop),
        cmocka_unit_test_teardown(test_runs_that_are_wrong, network_stop),
        cmocka_unit_test_teardown(test_the_rest_of_what_was_refused, network_stop),
        cmocka_unit_test_teardown(test_hello_that_is_wrong, network_stop),
        cmocka_unit_test_teardown(test_garbage_frames, network_stop),
        cmocka_unit_test_teardown(test_bits_that_flip, network_stop),
        cmocka_unit_test_teardown(test_a_number_used_twice, network_stop),
        cmocka_unit_test_teardown(test_endless_frontier, network_stop),
        cmocka_unit_test_teardown(test_peer_that_takes_nothing, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
