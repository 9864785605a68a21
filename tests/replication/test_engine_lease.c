/* Whole engines ask their witnesses, which answer: until when a port may release. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/frame.h>

#include <stdio.h>
#include <string.h>

#define SHIP "imo:9179842"

enum { LEASE_S = 120, LEASE_MS = LEASE_S * 1000 };

/* n nodes, each witnessed by all others, with a lease of two minutes. */
static void start(uint32_t nodes, uint32_t witnesses, uint64_t seed)
{
    struct world_draft draft;
    const struct p2p_policy policy = {
        .lease_s = LEASE_S, .heartbeat_s = 60, .fresh_cosignature_s = 900, .clock_skew_s = 300};
    network_start(nodes, witnesses, seed);
    world_draft(&draft);
    p2p_op_policy_pack(&draft.ops, &policy);
    world_op(&draft);
    network_give(&net, 2, network_entry(&net, &draft));
    network_advance(&net, 2000);
}

static enum p2p_custody_ready custody(uint32_t node, uint64_t *left_ms)
{
    struct p2p_now now = network_now(&net, node);
    return p2p_engine_custody(net.nodes[node].engine, &now, left_ms);
}

static void cut_off(uint32_t node)
{
    for (uint32_t i = 1; i <= net.node_count; i++) {
        if (i != node && network_connected(&net, node, i)) {
            network_cut(&net, node, i);
        }
    }
}

/* Without this a port that lost its line would go on releasing when it was replaced, or one
 * that got it back would never release again. */
static void test_cut_off_for_longer_than_the_lease(void **state)
{
    uint64_t left_ms;
    (void)state;
    start(4, 4, 1);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(custody(i, &left_ms) == P2P_CUSTODY_READY);
        CHECK(left_ms <= LEASE_MS && left_ms > LEASE_MS - LEASE_MS / 10 - 1000);
    }
    network_advance(&net, LEASE_MS * 3); /* it is renewed */
    CHECK(custody(1, &left_ms) == P2P_CUSTODY_READY && left_ms > LEASE_MS * 8 / 10);
    cut_off(1);
    network_advance(&net, LEASE_MS * 8 / 10);
    CHECK(custody(1, &left_ms) == P2P_CUSTODY_READY && left_ms <= LEASE_MS * 2 / 10);
    network_advance(&net, LEASE_MS * 2 / 10 + 1000);
    CHECK(custody(1, &left_ms) == P2P_CUSTODY_LEASE_OVER && left_ms == 0);
    CHECK(custody(2, NULL) == P2P_CUSTODY_READY); /* two of three answer */
    network_connect_all(&net);
    network_run(&net);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
}

/* Who was switched off may have been replaced meanwhile. */
static void test_a_restart_voids_it(void **state)
{
    (void)state;
    start(4, 4, 2);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    network_advance(&net, 1000);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    network_connect(&net, 1, 2);
    network_run(&net);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING); /* one of three */
    network_connect(&net, 1, 3);
    network_run(&net); /* the same round: who comes is asked */
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
}

/* Frames of cosignatures about a feed that wait in a pipe. */
static unsigned cosigned_in(const struct network_pipe *pipe, uint32_t feed)
{
    unsigned found = 0;
    for (size_t at = pipe->at; at + 4 < pipe->len;) {
        size_t len = (size_t)pipe->data[at] << 24 | (size_t)pipe->data[at + 1] << 16 |
                     (size_t)pipe->data[at + 2] << 8 | pipe->data[at + 3];
        struct p2p_cosign_body body;
        if (pipe->data[at + 4] == P2P_FRAME_COSIGN) {
            CHECK_OK(p2p_cosign_read(&body, p2p_slice_of(pipe->data + at + 5, len - 1)));
            found += body.feed == feed;
        }
        at += 4 + len;
    }
    return found;
}

/* What nobody has written since is signed again all the same, or an idle port could not
 * release; and it is no news to anybody else. */
static void test_an_unchanged_size_is_signed_again(void **state)
{
    (void)state;
    start(3, 3, 3);
    network_advance(&net, 90000);
    uint64_t size = network_size(&net, 1, network_feed(&net, 1));
    uint64_t signed_before = p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_COSIGNED);
    net.pipes[2][3].held = true;
    network_advance(&net, LEASE_MS / 2);
    CHECK(network_size(&net, 1, network_feed(&net, 1)) == size);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_COSIGNED) >= signed_before + 4);
    CHECK(cosigned_in(&net.pipes[2][3], network_feed(&net, 1)) == 0);
}

/* ---- witnesses that say what the test says ---- */

/* Node 1 starts again and asks: what it asked member 2 with. Its frames to witnesses stop
 * there. */
static struct p2p_lease_ask asked(void)
{
    struct p2p_lease_ask ask = {0};
    const struct network_pipe *pipe = &net.pipes[1][2];
    for (size_t at = pipe->at; at + 4 < pipe->len;) {
        size_t len = (size_t)pipe->data[at] << 24 | (size_t)pipe->data[at + 1] << 16 |
                     (size_t)pipe->data[at + 2] << 8 | pipe->data[at + 3];
        if (pipe->data[at + 4] == P2P_FRAME_LEASE_ASK) {
            CHECK_OK(p2p_lease_ask_read(&ask, p2p_slice_of(pipe->data + at + 5, len - 1)));
        }
        at += 4 + len;
    }
    CHECK(ask.size > 0);
    return ask;
}

static struct p2p_lease_ask start_again(void)
{
    network_restart(&net, 1);
    network_connect_all(&net);
    network_run(&net);
    network_kill(&net, 1); /* once more, with all that is to be told being told already */
    CHECK_OK(network_open(&net, 1));
    for (uint32_t i = 2; i <= net.node_count; i++) {
        network_connect(&net, 1, i);
        net.pipes[1][i].held = true;
    }
    network_run(&net);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    return asked();
}

static struct p2p_lease_answer answer_to(const struct p2p_lease_ask *ask, uint32_t witness)
{
    const struct p2p_charter *charter = p2p_engine_ledger(net.nodes[1].engine)->charter;
    struct p2p_lease_answer answer = {
        .nonce = ask->nonce, .charter = p2p_charter_size(charter), .held = ask->size};
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(p2p_charter_feed(charter, ask->feed)->origin),
        .size = ask->size,
        .root = ask->root};
    answer.sign = (struct p2p_cosign_body){.feed = ask->feed,
                                           .size = ask->size,
                                           .root = ask->root,
                                           .witness = p2p_charter_witness_of(charter, witness)};
    p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &net.nodes[witness].keys.witness,
                       net.wall_ms / 1000 + 1, &answer.sign.cosignature);
    return answer;
}

static void say(uint32_t witness, const struct p2p_lease_answer *answer)
{
    uint8_t bytes[256];
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_lease_answer_write(&out, answer);
    network_inject(&net, witness, 1, p2p_writer_slice(&out));
    network_run(&net);
}

/* The witnesses of who was replaced know it by the charter. */
static void test_a_witness_with_a_larger_charter(void **state)
{
    (void)state;
    start(4, 4, 4);
    struct p2p_lease_ask ask = start_again();
    struct p2p_lease_answer two = answer_to(&ask, 2);
    struct p2p_lease_answer three = answer_to(&ask, 3);
    struct p2p_lease_answer four = answer_to(&ask, 4);
    two.charter++;
    four.charter++;
    say(2, &two);
    say(3, &three);
    say(4, &four);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    four.charter--;
    say(4, &four);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
}

/* An answer of yesterday, kept by somebody, must grant nothing today. */
static void test_a_stale_nonce(void **state)
{
    (void)state;
    start(4, 4, 5);
    struct p2p_lease_ask old = start_again();
    struct p2p_lease_answer two = answer_to(&old, 2);
    struct p2p_lease_answer three = answer_to(&old, 3);
    struct p2p_lease_ask ask = start_again();
    CHECK(!p2p_hash_equal(&old.nonce, &ask.nonce));
    uint64_t refused = p2p_engine_refused(net.nodes[1].engine, P2P_REFUSED);
    say(2, &two);
    say(3, &three);
    CHECK(p2p_engine_refused(net.nodes[1].engine, P2P_REFUSED) == refused + 2);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    two = answer_to(&ask, 2);
    three = answer_to(&ask, 3);
    say(3, &two); /* another member's link */
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    say(2, &two);
    say(3, &three);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
}

/* Signatures that do not verify, about another history, about more than was written. */
static void test_answers_that_are_wrong(void **state)
{
    (void)state;
    start(4, 4, 6);
    struct p2p_lease_ask ask = start_again();
    struct p2p_lease_answer good = answer_to(&ask, 2);
    struct p2p_lease_answer bad = good;
    bad.sign.root.bytes[0] ^= 1;
    say(2, &bad);
    bad = good;
    bad.sign.size++;
    say(2, &bad);
    bad = good;
    bad.sign.feed = 2;
    say(2, &bad);
    bad = good;
    bad.held += 5; /* it has more of the feed than is here */
    say(2, &bad);
    bad = answer_to(&ask, 3);
    bad.held += 5;
    say(3, &bad);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    CHECK(network_connected(&net, 1, 2));
    bad = good;
    bad.sign.cosignature.signature.bytes[0] ^= 1;
    say(2, &bad);
    CHECK(!network_connected(&net, 1, 2));
    good = answer_to(&ask, 4);
    say(4, &good);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING); /* one of two has named no more */
    good = answer_to(&ask, 3);
    say(3, &good);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
}

/* A peer cannot make a witness sign and commit as often as it likes. */
static void test_a_witness_answers_once_a_second(void **state)
{
    (void)state;
    start(3, 3, 7);
    network_advance(&net, 2000);
    struct p2p_hash nonce = {{7}};
    const struct p2p_feed *own = p2p_ledger_feed(p2p_engine_ledger(net.nodes[1].engine), 1);
    struct p2p_lease_ask ask = {1, own->head.size, own->head.root, nonce};
    uint8_t bytes[128];
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_lease_ask_write(&out, &ask);
    uint64_t busy = p2p_engine_refused(net.nodes[2].engine, P2P_BUSY);
    uint64_t answered = p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_COSIGNED);
    for (unsigned i = 0; i < 10; i++) {
        network_inject(&net, 1, 2, p2p_writer_slice(&out));
    }
    network_run(&net);
    CHECK(p2p_engine_refused(net.nodes[2].engine, P2P_BUSY) - busy >= 9);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_COSIGNED) - answered <= 1);
    /* and never about the feed of somebody else */
    uint64_t unknown = p2p_engine_refused(net.nodes[2].engine, P2P_UNKNOWN);
    ask.feed = 3;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_lease_ask_write(&out, &ask);
    network_inject(&net, 1, 2, p2p_writer_slice(&out));
    network_run(&net);
    CHECK(p2p_engine_refused(net.nodes[2].engine, P2P_UNKNOWN) == unknown + 1);
}

/* A federation in which nobody witnesses would otherwise never release. */
static void test_without_witnesses(void **state)
{
    uint64_t left_ms;
    (void)state;
    start(2, 0, 8);
    cut_off(1);
    network_advance(&net, LEASE_MS * 2);
    CHECK(custody(1, &left_ms) == P2P_CUSTODY_READY && left_ms == LEASE_MS);
}

/* A node that may not append uses no custody, whatever its witnesses said. */
static void test_read_only(void **state)
{
    (void)state;
    start(3, 3, 9);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
    p2p_engine_hold_custody(net.nodes[1].engine, true); /* its copy cannot be written */
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
    p2p_engine_hold_custody(net.nodes[1].engine, false);
    CHECK(custody(1, NULL) == P2P_CUSTODY_READY);
    p2p_engine_set_read_only(net.nodes[1].engine, P2P_READ_ONLY_SYNC_FAILED);
    CHECK(custody(1, NULL) == P2P_CUSTODY_WAITING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_cut_off_for_longer_than_the_lease, network_stop),
        cmocka_unit_test_teardown(test_a_restart_voids_it, network_stop),
        cmocka_unit_test_teardown(test_an_unchanged_size_is_signed_again, network_stop),
        cmocka_unit_test_teardown(test_a_witness_with_a_larger_charter, network_stop),
        cmocka_unit_test_teardown(test_a_stale_nonce, network_stop),
        cmocka_unit_test_teardown(test_answers_that_are_wrong, network_stop),
        cmocka_unit_test_teardown(test_a_witness_answers_once_a_second, network_stop),
        cmocka_unit_test_teardown(test_without_witnesses, network_stop),
        cmocka_unit_test_teardown(test_read_only, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
