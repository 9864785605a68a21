/* Two histories of a feed that have a quorum each: with more witnesses that lie than may, the
 * feed ends at what both have, everywhere. */
#include "check.h"

#include "network_fixture.h"
#include "network_twin.h"

#include <p2p/custody.h>

#include <string.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"
#define THIRD "imo:9176187"

/* Of feed 4, whose owner signs two histories, 1, 2 and 3 are the witnesses, any two of them a
 * quorum; 2 cosigns both. */
enum { OWNER = 4, LIAR = 2 };

static uint64_t quorum(uint32_t node)
{
    return p2p_engine_witnessing(net.nodes[node].engine, OWNER)->quorum_size;
}

/* The owner has written `common` records at least, 1 and 2 cosigned one history of it, 3 and 2
 * another that is `more` records longer; then the two who lie are gone. */
static void two_quorums(uint64_t seed, size_t common, size_t more)
{
    network_start(4, 4, seed);
    network_ban(&net, OWNER, "all", THIRD);
    while (network_size(&net, OWNER, OWNER) < common) {
        CHECK_OK(network_notes(&net, OWNER, 100));
        network_advance(&net, 500);
    }
    network_advance(&net, 3000);
    struct network_moment owner = network_moment(&net, OWNER);
    struct network_moment liar = network_moment(&net, LIAR);
    network_cut_all(&net);
    network_connect(&net, 1, OWNER);
    network_connect(&net, LIAR, OWNER);
    network_ban(&net, OWNER, "all", SHIP);
    network_advance(&net, 2000);
    CHECK(quorum(1) == network_size(&net, 1, OWNER) && quorum(1) > quorum(3));
    network_cut_all(&net);
    network_start_over(&net, OWNER, &owner);
    network_start_over(&net, LIAR, &liar);
    network_connect(&net, 3, OWNER);
    network_connect(&net, LIAR, OWNER);
    network_ban(&net, OWNER, "all", OTHER);
    CHECK_OK(network_notes(&net, OWNER, more));
    network_advance(&net, 2000);
    CHECK(quorum(3) == network_size(&net, 3, OWNER) && quorum(3) > quorum(1));
    network_kill(&net, OWNER);
    network_kill(&net, LIAR);
}

/* Who was shown the one history would lose to the other what a quorum had cosigned for it. */
static void it_ends_at_what_both_have(void **state)
{
    (void)state;
    two_quorums(51, 600, 5);
    uint64_t parted = network_size(&net, 1, OWNER);
    network_connect(&net, 1, 3);
    network_advance(&net, 20000);
    struct p2p_forked one = network_forked(&net, 1, OWNER);
    struct p2p_forked three = network_forked(&net, 3, OWNER);
    CHECK(one.split && three.split);
    CHECK(one.size == three.size && p2p_hash_equal(&one.root, &three.root));
    CHECK(one.size > 0 && one.size < parted);
    CHECK(network_size(&net, 1, OWNER) == one.size && network_size(&net, 3, OWNER) == one.size);
    for (uint32_t node = 1; node <= 3; node += 2) { /* what forbids goes on, from both */
        CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, node, OTHER) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, node, THIRD) == P2P_ANSWER_REFUSE);
    }
    network_restart(&net, 1);
    network_restart(&net, 3);
    network_connect(&net, 1, 3);
    network_advance(&net, 10000);
    CHECK(network_forked(&net, 1, OWNER).split &&
          network_forked(&net, 1, OWNER).size == one.size);
    CHECK(network_size(&net, 1, OWNER) == one.size);
    network_agree(&net);
    uint64_t frames = network_frames(&net); /* and that is the end of it */
    network_advance(&net, 60000);
    CHECK(network_frames(&net) - frames < 100);
}

/* Histories that part before the first head that anybody kept: the larger quorum has it, as
 * when nobody could tell. */
static void without_a_common_head_the_larger_quorum_has_it(void **state)
{
    (void)state;
    two_quorums(52, 5, 5);
    uint64_t larger = quorum(3);
    network_connect(&net, 1, 3);
    network_advance(&net, 40000);
    CHECK(!network_forked(&net, 1, OWNER).split && !network_forked(&net, 3, OWNER).split);
    CHECK(network_size(&net, 1, OWNER) == larger && network_size(&net, 3, OWNER) == larger);
    for (uint32_t node = 1; node <= 3; node += 2) {
        CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, node, OTHER) == P2P_ANSWER_REFUSE);
    }
    network_advance(&net, 70000); /* the `seen` that a minute calls for */
    network_agree(&net);
}

/* What a node holds of the owner's feed as a note that these two cosigned. */
static size_t note_by(uint32_t node, const uint32_t *witnesses, size_t count, char *out,
                      size_t cap)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[node].engine);
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, OWNER);
    const struct p2p_tree_head *head = &p2p_ledger_feed(ledger, OWNER)->head;
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = head->size, .root = head->root};
    size_t len = p2p_checkpoint_note(&checkpoint, info->key.bytes, &head->signature, out, cap);
    for (size_t i = 0; i < count; i++) {
        char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
        struct world_member witness;
        struct p2p_cosignature cosignature;
        world_member(&witness, witnesses[i]);
        size_t name_len = p2p_witness_name(name, WORLD_FEDERATION, witness.name, 1);
        p2p_cosign_witness(&checkpoint, ledger->sigs, &witness.witness, 1700000000,
                           &cosignature);
        len = p2p_checkpoint_note_add(out, cap, len, p2p_slice_of(name, name_len),
                                      witness.witness.public_key.bytes, &cosignature);
    }
    CHECK(len > 0);
    return len;
}

/* A step of custody at a node, of nothing, that carries a note. */
static void carry(uint32_t node, struct p2p_slice note)
{
    static uint8_t bytes[P2P_CUSTODY_NOTE_BYTES + 64];
    const struct p2p_custody_step what = {.epoch = 1, .rests = &note, .rests_count = 1};
    const struct p2p_charter *charter = p2p_engine_ledger(net.nodes[node].engine)->charter;
    const struct p2p_record_id something = {node, 0};
    const struct p2p_issuer_secret key = world_issuer_key(NETWORK_ISSUER_FIRST + node);
    struct p2p_pack pack;
    uint32_t issuer = 1;
    while (p2p_charter_issuer(charter, issuer)->member != node) {
        issuer++;
    }
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    const struct p2p_append record = {.kind = P2P_KIND_CUSTODY_WITHDRAW,
                                      .circle = network_circle_number(&net, node, "all"),
                                      .issuer = issuer,
                                      .key = &key,
                                      .cites = &something,
                                      .cite_count = 1,
                                      .content = p2p_pack_slice(&pack)};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(&net, node, &job, 1));
    CHECK_OK(job.result.err);
}

/* Where no `fork` record names so much of a history as a step of custody does, a node that had
 * held the other one stopped for good: what carries W had no note where it looked for one. */
static void what_custody_carries_tells_of_both(void **state)
{
    static char note[P2P_CUSTODY_NOTE_BYTES];
    static const uint32_t witnesses[] = {LIAR, 3};
    (void)state;
    two_quorums(54, 600, 5);
    CHECK_OK(network_open(&net, OWNER));
    network_connect(&net, 3, OWNER);
    CHECK_OK(network_notes(&net, OWNER, 5));
    network_advance(&net, 2000);
    network_kill(&net, OWNER);
    CHECK(network_size(&net, 3, OWNER) > quorum(3)); /* 3 alone has cosigned so much */
    size_t len = note_by(3, witnesses, 2, note, sizeof(note));
    carry(3, p2p_slice_of(note, len));
    uint64_t parted = network_size(&net, 1, OWNER);
    network_connect(&net, 1, 3);
    network_advance(&net, 20000);
    struct p2p_forked one = network_forked(&net, 1, OWNER);
    struct p2p_forked three = network_forked(&net, 3, OWNER);
    CHECK(one.split && three.split && one.size == three.size);
    CHECK(one.size > 0 && one.size < parted);
    CHECK(network_size(&net, 1, OWNER) == one.size && network_size(&net, 3, OWNER) == one.size);
}

/* The record that tells of both, changed in any of its parts, tells nothing: or two honest
 * heads could be made to look like two quorums, and a feed be cut where somebody likes. */
static void what_tells_of_both_is_verified(void **state)
{
    (void)state;
    two_quorums(53, 600, 5);
    network_connect(&net, 1, 3);
    network_advance(&net, 20000);
    struct p2p_forked forked = network_forked(&net, 1, OWNER);
    CHECK(forked.split);
    const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[1].engine);
    const struct p2p_charter *charter = ledger->charter;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    static uint8_t leaf[P2P_RECORD_BYTES_MAX];
    struct p2p_slice stored;
    struct p2p_record record;
    static struct p2p_fork_told told;
    static struct p2p_fork_told changed;
    CHECK_OK(p2p_feed_leaf(ledger->feeds[forked.by.feed], kv, forked.by.index, &stored));
    memcpy(leaf, stored.data, stored.len);
    size_t len = stored.len;
    memory_kv_abort(net.nodes[1].kv);
    CHECK_OK(p2p_record_decode(&record, p2p_slice_of(leaf, len)));
    CHECK_OK(p2p_fork_told_read(&told, record.content));
    CHECK_OK(p2p_fork_told_verify(charter, ledger->sigs, &told));
    changed = told;
    changed.other = told.witnessed;
    changed.other_checkpoint = told.checkpoint;
    CHECK_ERR(p2p_fork_told_verify(charter, ledger->sigs, &changed), P2P_MISMATCH);
    changed = told;
    changed.common.head.size--;
    CHECK(p2p_fork_told_verify(charter, ledger->sigs, &changed) != P2P_OK);
    changed = told;
    changed.common.head.signature.bytes[5] ^= 1;
    CHECK_ERR(p2p_fork_told_verify(charter, ledger->sigs, &changed), P2P_BADSIG);
    for (unsigned i = 0; i < 2; i++) {
        changed = told;
        CHECK(told.common.to[i].count > 0);
        changed.common.to[i].hashes[0].bytes[0] ^= 1;
        CHECK_ERR(p2p_fork_told_verify(charter, ledger->sigs, &changed), P2P_BADPROOF);
    }
    changed = told;
    changed.common.head = told.proof.heads[0]; /* it has what only one history has */
    CHECK_ERR(p2p_fork_told_verify(charter, ledger->sigs, &changed), P2P_BADPROOF);
    /* Byte for byte, as it stands in a record. */
    uint8_t bytes[P2P_FORK_COMMON_BYTES_MAX];
    struct p2p_fork_common common;
    size_t common_len = p2p_fork_common_encode(&told.common, bytes);
    CHECK_OK(p2p_fork_common_decode(&common, p2p_slice_of(bytes, common_len)));
    for (size_t cut = 0; cut < common_len; cut++) {
        CHECK_ERR(p2p_fork_common_decode(&common, p2p_slice_of(bytes, cut)), P2P_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(it_ends_at_what_both_have, network_stop),
        cmocka_unit_test_teardown(without_a_common_head_the_larger_quorum_has_it, network_stop),
        cmocka_unit_test_teardown(what_custody_carries_tells_of_both, network_stop),
        cmocka_unit_test_teardown(what_tells_of_both_is_verified, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
