#include "check.h"
#include "faulty_alloc.h"
#include "rng.h"

#include <p2p/frame.h>

#include <stdlib.h>

enum { STREAM_BYTES_MAX = 8192 };

/* One frame of each type, with made-up but distinct values. */
struct sample {
    struct p2p_hash hash;
    struct p2p_signature signature;
    struct p2p_frontier_entry entries[3];
    struct p2p_tree_head head;
    struct p2p_entry_body entry;
    struct p2p_cosign_body cosign;
    struct p2p_lease_ask lease_ask;
    struct p2p_lease_answer lease_answer;
    struct p2p_ack ack;
    struct p2p_proof_body proof;
};

static void sample_init(struct sample *sample)
{
    struct rng rng = {7};
    *sample = (struct sample){0};
    rng_fill(&rng, sample->hash.bytes, P2P_HASH_BYTES);
    rng_fill(&rng, sample->signature.bytes, P2P_SIGNATURE_BYTES);
    for (uint32_t i = 0; i < 3; i++) {
        sample->entries[i] =
            (struct p2p_frontier_entry){i, rng_next(&rng) >> 8, sample->hash, i};
        rng_fill(&rng, sample->entries[i].root.bytes, P2P_HASH_BYTES);
    }
    sample->head = (struct p2p_tree_head){1002, sample->hash, sample->signature};
    sample->entry =
        (struct p2p_entry_body){5, p2p_slice_text("leaf"), p2p_slice_text("note\n")};
    sample->cosign =
        (struct p2p_cosign_body){3, 77, sample->hash, 4, {1700000000, sample->signature}};
    sample->lease_ask = (struct p2p_lease_ask){3, 79, sample->hash, sample->entries[0].root};
    sample->lease_answer =
        (struct p2p_lease_answer){sample->entries[1].root, sample->cosign, 6, 80};
    sample->ack = (struct p2p_ack){3, 78, sample->signature};
    sample->proof.feed = 2;
    sample->proof.old_size = 5;
    sample->proof.new_size = 9;
    sample->proof.old_root = sample->hash;
    sample->proof.proof.count = P2P_PROOF_HASHES_MAX;
    for (size_t i = 0; i < P2P_PROOF_HASHES_MAX; i++) {
        rng_fill(&rng, sample->proof.proof.hashes[i].bytes, P2P_HASH_BYTES);
    }
}

static void write_run(struct p2p_writer *out, const struct sample *sample)
{
    size_t begin = p2p_run_begin_write(out, 9, 1000, 2, &sample->head);
    p2p_run_record_write(out, p2p_slice_text("leaf one"), p2p_slice_text("salted"));
    p2p_run_record_write(out, p2p_slice_text("leaf two"), (struct p2p_slice){0});
    p2p_frame_end(out, begin);
}

/* All of them in a row; offsets[i] is where the i-th begins, the last is the end. */
enum { SAMPLE_FRAMES = 21 };
static struct p2p_slice write_all(uint8_t *room, const struct sample *sample,
                                  size_t offsets[SAMPLE_FRAMES + 1])
{
    struct p2p_writer out;
    size_t n = 0;
    p2p_writer_init(&out, room, STREAM_BYTES_MAX);
    offsets[n++] = 0;
    p2p_hello_write(&out, &sample->hash, 4, sample->entries, 3);
    offsets[n++] = out.len;
    p2p_hello_write(&out, &sample->hash, 4, NULL, 0);
    offsets[n++] = out.len;
    p2p_frontier_write(&out, true, sample->entries, 2);
    offsets[n++] = out.len;
    p2p_frontier_write(&out, false, NULL, 0);
    offsets[n++] = out.len;
    p2p_want_write(&out, &(struct p2p_want){.feed = 3, .from = UINT64_MAX});
    offsets[n++] = out.len;
    write_run(&out, sample);
    offsets[n++] = out.len;
    p2p_entry_write(&out, &sample->entry);
    offsets[n++] = out.len;
    p2p_cosign_write(&out, &sample->cosign);
    offsets[n++] = out.len;
    p2p_ack_write(&out, &sample->ack);
    offsets[n++] = out.len;
    p2p_digest_write(&out, &sample->hash);
    offsets[n++] = out.len;
    p2p_prove_write(&out, &(struct p2p_prove){3, 5, 5});
    offsets[n++] = out.len;
    p2p_proof_write(&out, &sample->proof);
    offsets[n++] = out.len;
    p2p_fork_write(&out, p2p_slice_text("a proof"));
    offsets[n++] = out.len;
    p2p_gap_write(&out, &(struct p2p_gap){3, 1ull << 40, 13});
    offsets[n++] = out.len;
    p2p_prune_write(&out, (const uint32_t[]){7, 9}, 2);
    offsets[n++] = out.len;
    p2p_ask_payloads_write(&out, 8, (const uint64_t[]){0, 4, UINT64_MAX}, 3);
    offsets[n++] = out.len;
    size_t begin = p2p_payloads_begin_write(&out, 8);
    p2p_payload_write(&out, 4, p2p_slice_text("salted"));
    p2p_payload_write(&out, UINT64_MAX, (struct p2p_slice){0});
    p2p_frame_end(&out, begin);
    offsets[n++] = out.len;
    p2p_neighbour_write(&out, P2P_NEIGHBOUR_NO);
    offsets[n++] = out.len;
    p2p_lease_ask_write(&out, &sample->lease_ask);
    offsets[n++] = out.len;
    p2p_lease_answer_write(&out, &sample->lease_answer);
    offsets[n++] = out.len;
    p2p_graft_write(&out, (const struct p2p_graft_entry[]){{3, 5, 4, 1700000000}, {9, 0, 0, 0}},
                    2);
    offsets[n++] = out.len;
    CHECK(n == SAMPLE_FRAMES + 1 && !out.failed);
    return p2p_writer_slice(&out);
}

/* Decodes by type; what came out does not matter here. */
static enum p2p_err decode(const struct p2p_frame *frame)
{
    union {
        struct p2p_hello hello;
        struct p2p_frontier_body frontier;
        struct p2p_want want;
        struct p2p_run run;
        struct p2p_entry_body entry;
        struct p2p_cosign_body cosign;
        struct p2p_lease_ask lease_ask;
        struct p2p_lease_answer lease_answer;
        struct p2p_ack ack;
        struct p2p_hash digest;
        struct p2p_prove prove;
        struct p2p_proof_body proof;
        struct p2p_gap gap;
        struct p2p_slice rows;
        enum p2p_neighbour_word word;
        struct p2p_ask_payloads ask;
        struct p2p_payloads_body payloads;
    } out;
    struct p2p_run_walk walk;
    struct p2p_slice leaf, salted;
    enum p2p_err err;
    switch (frame->type) {
    case P2P_FRAME_HELLO:
        return p2p_hello_read(&out.hello, frame->body);
    case P2P_FRAME_FRONTIER:
        return p2p_frontier_read(&out.frontier, frame->body);
    case P2P_FRAME_WANT:
        return p2p_want_read(&out.want, frame->body);
    case P2P_FRAME_RUN:
        err = p2p_run_read(&out.run, frame->body);
        if (err == P2P_OK) {
            p2p_run_begin(&walk, &out.run);
            while (p2p_run_next(&walk, &leaf, &salted, &err)) {
                CHECK(leaf.len > 0);
            }
        }
        return err;
    case P2P_FRAME_ENTRY:
        return p2p_entry_read(&out.entry, frame->body);
    case P2P_FRAME_COSIGN:
        return p2p_cosign_read(&out.cosign, frame->body);
    case P2P_FRAME_LEASE_ASK:
        return p2p_lease_ask_read(&out.lease_ask, frame->body);
    case P2P_FRAME_LEASE_ANSWER:
        return p2p_lease_answer_read(&out.lease_answer, frame->body);
    case P2P_FRAME_ACK:
        return p2p_ack_read(&out.ack, frame->body);
    case P2P_FRAME_DIGEST:
        return p2p_digest_read(&out.digest, frame->body);
    case P2P_FRAME_PROVE:
        return p2p_prove_read(&out.prove, frame->body);
    case P2P_FRAME_PROOF:
        return p2p_proof_read(&out.proof, frame->body);
    case P2P_FRAME_GAP:
        return p2p_gap_read(&out.gap, frame->body);
    case P2P_FRAME_NEIGHBOUR:
        return p2p_neighbour_read(&out.word, frame->body);
    case P2P_FRAME_PRUNE:
        return p2p_prune_read(&out.rows, frame->body);
    case P2P_FRAME_GRAFT:
        return p2p_graft_read(&out.rows, frame->body);
    case P2P_FRAME_ASK_PAYLOADS:
        return p2p_ask_payloads_read(&out.ask, frame->body);
    case P2P_FRAME_PAYLOADS:
        return p2p_payloads_read(&out.payloads, frame->body);
    default:
        return P2P_OK;
    }
}

static struct p2p_frame frame_at(struct p2p_slice stream, const size_t *offsets, size_t i)
{
    const uint8_t *bytes = stream.data + offsets[i];
    return (struct p2p_frame){
        bytes[4], p2p_slice_of(bytes + P2P_FRAME_HEADER_BYTES,
                               offsets[i + 1] - offsets[i] - P2P_FRAME_HEADER_BYTES)};
}

static void check_entry(const struct p2p_frontier_entry *a, const struct p2p_frontier_entry *b)
{
    CHECK(a->feed == b->feed && a->size == b->size && a->witnessed == b->witnessed);
    CHECK(p2p_hash_equal(&a->root, &b->root));
}

/* Without this, two peers would not say what they mean: every field comes out as it went in. */
static void test_round_trip(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    struct p2p_hello hello;
    struct p2p_frontier_body frontier;
    struct p2p_frontier_entry entry;
    struct p2p_want want;
    struct p2p_entry_body charter;
    struct p2p_cosign_body cosign;
    struct p2p_lease_ask lease_ask;
    struct p2p_lease_answer lease_answer;
    struct p2p_ack ack;
    struct p2p_hash digest;
    struct p2p_prove prove;
    struct p2p_proof_body proof;
    struct p2p_gap gap;
    struct p2p_slice rows;
    struct p2p_graft_entry graft;
    enum p2p_neighbour_word word;
    (void)state;
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);

    CHECK_OK(p2p_hello_read(&hello, frame_at(all, offsets, 0).body));
    CHECK(hello.version == P2P_WIRE_VERSION && hello.member == 4);
    CHECK(p2p_hash_equal(&hello.federation_id, &s.hash));
    CHECK(p2p_frontier_entry_count(hello.entries) == 3);
    for (size_t i = 0; i < 3; i++) {
        p2p_frontier_entry_at(hello.entries, i, &entry);
        check_entry(&entry, &s.entries[i]);
    }
    CHECK_OK(p2p_hello_read(&hello, frame_at(all, offsets, 1).body));
    CHECK(p2p_frontier_entry_count(hello.entries) == 0);
    CHECK_OK(p2p_frontier_read(&frontier, frame_at(all, offsets, 2).body));
    CHECK(frontier.whole && p2p_frontier_entry_count(frontier.entries) == 2);
    CHECK_OK(p2p_frontier_read(&frontier, frame_at(all, offsets, 3).body));
    CHECK(!frontier.whole && p2p_frontier_entry_count(frontier.entries) == 0);
    CHECK_OK(p2p_want_read(&want, frame_at(all, offsets, 4).body));
    CHECK(want.feed == 3 && want.from == UINT64_MAX);
    CHECK_OK(p2p_entry_read(&charter, frame_at(all, offsets, 6).body));
    CHECK(charter.index == 5 && p2p_slice_equal(charter.leaf, s.entry.leaf) &&
          p2p_slice_equal(charter.note, s.entry.note));
    CHECK_OK(p2p_cosign_read(&cosign, frame_at(all, offsets, 7).body));
    CHECK(cosign.feed == 3 && cosign.size == 77 && cosign.witness == 4);
    CHECK(p2p_hash_equal(&cosign.root, &s.hash));
    CHECK(cosign.cosignature.time_s == 1700000000);
    CHECK_BYTES(cosign.cosignature.signature.bytes, s.signature.bytes, P2P_SIGNATURE_BYTES);
    CHECK_OK(p2p_ack_read(&ack, frame_at(all, offsets, 8).body));
    CHECK(ack.feed == 3 && ack.size == 78);
    CHECK_BYTES(ack.signature.bytes, s.signature.bytes, P2P_SIGNATURE_BYTES);
    CHECK_OK(p2p_digest_read(&digest, frame_at(all, offsets, 9).body));
    CHECK(p2p_hash_equal(&digest, &s.hash));
    CHECK_OK(p2p_prove_read(&prove, frame_at(all, offsets, 10).body));
    CHECK(prove.feed == 3 && prove.old_size == 5 && prove.new_size == 5);
    CHECK_OK(p2p_proof_read(&proof, frame_at(all, offsets, 11).body));
    CHECK(proof.feed == 2 && proof.old_size == 5 && proof.new_size == 9);
    CHECK(p2p_hash_equal(&proof.old_root, &s.hash));
    CHECK(proof.proof.count == P2P_PROOF_HASHES_MAX);
    CHECK_BYTES(proof.proof.hashes, s.proof.proof.hashes, sizeof(proof.proof.hashes));
    CHECK(p2p_slice_equal(frame_at(all, offsets, 12).body, p2p_slice_text("a proof")));
    CHECK_OK(p2p_gap_read(&gap, frame_at(all, offsets, 13).body));
    CHECK(gap.feed == 3 && gap.at == 1ull << 40 && gap.err == 13);
    CHECK_OK(p2p_prune_read(&rows, frame_at(all, offsets, 14).body));
    CHECK(p2p_prune_count(rows) == 2 && p2p_prune_at(rows, 0) == 7 &&
          p2p_prune_at(rows, 1) == 9);
    CHECK_ERR(p2p_prune_read(&rows, p2p_slice_of("\0\0\0\1\0\0\0\1", 8)), P2P_MALFORMED);
    CHECK_ERR(p2p_prune_read(&rows, p2p_slice_of("", 0)), P2P_MALFORMED);
    CHECK_OK(p2p_neighbour_read(&word, frame_at(all, offsets, 17).body));
    CHECK(word == P2P_NEIGHBOUR_NO);
    CHECK_ERR(p2p_neighbour_read(&word, p2p_slice_of("\0", 1)), P2P_MALFORMED);
    CHECK_ERR(p2p_neighbour_read(&word, p2p_slice_of("\5", 1)), P2P_MALFORMED);
    CHECK_OK(p2p_lease_ask_read(&lease_ask, frame_at(all, offsets, 18).body));
    CHECK(lease_ask.feed == 3 && lease_ask.size == 79);
    CHECK(p2p_hash_equal(&lease_ask.root, &s.hash));
    CHECK(p2p_hash_equal(&lease_ask.nonce, &s.entries[0].root));
    CHECK_OK(p2p_lease_answer_read(&lease_answer, frame_at(all, offsets, 19).body));
    CHECK(p2p_hash_equal(&lease_answer.nonce, &s.entries[1].root));
    CHECK(lease_answer.sign.feed == 3 && lease_answer.sign.size == 77 &&
          lease_answer.sign.witness == 4 && lease_answer.sign.cosignature.time_s == 1700000000);
    CHECK(lease_answer.charter == 6 && lease_answer.held == 80);
    CHECK_OK(p2p_graft_read(&rows, frame_at(all, offsets, 20).body));
    CHECK(p2p_graft_count(rows) == 2);
    p2p_graft_at(rows, 0, &graft);
    CHECK(graft.feed == 3 && graft.size == 5 && graft.witnessed == 4 &&
          graft.heard_s == 1700000000);
    p2p_graft_at(rows, 1, &graft);
    CHECK(graft.feed == 9 && graft.size == 0 && graft.witnessed == 0 && graft.heard_s == 0);
}

/* Without this, a payload would be taken for another record's, or one asked for be forgotten.
 */
static void test_payloads(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    struct p2p_ask_payloads ask;
    struct p2p_payloads_body payloads;
    struct p2p_payloads_walk walk;
    struct p2p_slice salted;
    uint64_t index;
    (void)state;
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);
    CHECK_OK(p2p_ask_payloads_read(&ask, frame_at(all, offsets, 15).body));
    CHECK(ask.feed == 8 && p2p_ask_payloads_count(&ask) == 3);
    CHECK(p2p_ask_payloads_at(&ask, 0) == 0 && p2p_ask_payloads_at(&ask, 1) == 4);
    CHECK(p2p_ask_payloads_at(&ask, 2) == UINT64_MAX);
    CHECK_OK(p2p_payloads_read(&payloads, frame_at(all, offsets, 16).body));
    CHECK(payloads.feed == 8);
    p2p_payloads_begin(&walk, &payloads);
    CHECK(p2p_payloads_next(&walk, &index, &salted));
    CHECK(index == 4 && p2p_slice_equal(salted, p2p_slice_text("salted")));
    CHECK(p2p_payloads_next(&walk, &index, &salted) && index == UINT64_MAX && salted.len == 0);
    CHECK(!p2p_payloads_next(&walk, &index, &salted));
}

/* Indexes that do not ascend, none, or more than the bound. */
static void test_payloads_claims(void **state)
{
    static uint8_t room[64 + 10 * (P2P_ASK_PAYLOADS_MAX + 1)];
    struct p2p_ask_payloads ask;
    struct p2p_payloads_body payloads;
    (void)state;
    for (uint64_t count = 0; count <= P2P_ASK_PAYLOADS_MAX + 1; count++) {
        enum p2p_err expected = count == 0                      ? P2P_MALFORMED
                                : count <= P2P_ASK_PAYLOADS_MAX ? P2P_OK
                                                                : P2P_TOOLARGE;
        struct p2p_writer out;
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        for (uint64_t i = 0; i < count; i++) {
            p2p_writer_u64(&out, i);
        }
        CHECK(p2p_ask_payloads_read(&ask, p2p_writer_slice(&out)) == expected);
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        for (uint64_t i = 0; i < count; i++) {
            p2p_payload_write(&out, i, (struct p2p_slice){0});
        }
        CHECK(p2p_payloads_read(&payloads, p2p_writer_slice(&out)) == expected);
    }
    static const uint64_t not_ascending[][2] = {{5, 5}, {5, 4}};
    for (unsigned i = 0; i < 2; i++) {
        struct p2p_writer out;
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        p2p_writer_u64(&out, not_ascending[i][0]);
        p2p_writer_u64(&out, not_ascending[i][1]);
        CHECK_ERR(p2p_ask_payloads_read(&ask, p2p_writer_slice(&out)), P2P_MALFORMED);
        p2p_writer_init(&out, room, sizeof(room));
        p2p_writer_u32(&out, 1);
        p2p_payload_write(&out, not_ascending[i][0], p2p_slice_text("x"));
        p2p_payload_write(&out, not_ascending[i][1], p2p_slice_text("x"));
        CHECK_ERR(p2p_payloads_read(&payloads, p2p_writer_slice(&out)), P2P_MALFORMED);
    }
}

/* Without this, records would arrive under another number, or with another's payload. */
static void test_run(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    struct p2p_run run;
    struct p2p_run_walk walk;
    struct p2p_slice leaf, salted;
    enum p2p_err err;
    (void)state;
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);
    CHECK_OK(p2p_run_read(&run, frame_at(all, offsets, 5).body));
    CHECK(run.feed == 9 && run.first == 1000 && run.count == 2 && run.head.size == 1002);
    CHECK(p2p_hash_equal(&run.head.root, &s.hash));
    CHECK_BYTES(run.head.signature.bytes, s.signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_run_begin(&walk, &run);
    CHECK(p2p_run_next(&walk, &leaf, &salted, &err));
    CHECK(p2p_slice_equal(leaf, p2p_slice_text("leaf one")));
    CHECK(p2p_slice_equal(salted, p2p_slice_text("salted")));
    CHECK(p2p_run_next(&walk, &leaf, &salted, &err));
    CHECK(p2p_slice_equal(leaf, p2p_slice_text("leaf two")) && salted.len == 0);
    CHECK(!p2p_run_next(&walk, &leaf, &salted, &err));
    CHECK_OK(err);
}

/* The run's bytes, its claims changed before it is read. */
static enum p2p_err read_run(uint64_t first, uint64_t size, uint32_t count, const void *records,
                             size_t records_len, enum p2p_err *walked)
{
    uint8_t room[512];
    struct p2p_writer out;
    struct p2p_run run;
    struct p2p_run_walk walk;
    struct p2p_slice leaf, salted;
    const struct p2p_tree_head head = {.size = size};
    p2p_writer_init(&out, room, sizeof(room));
    size_t begin = p2p_run_begin_write(&out, 1, first, count, &head);
    p2p_writer_bytes(&out, records, records_len);
    p2p_frame_end(&out, begin);
    enum p2p_err err = p2p_run_read(
        &run, p2p_slice_of(room + P2P_FRAME_HEADER_BYTES, out.len - P2P_FRAME_HEADER_BYTES));
    *walked = P2P_OK;
    if (err == P2P_OK) {
        p2p_run_begin(&walk, &run);
        while (p2p_run_next(&walk, &leaf, &salted, walked)) {
            CHECK(leaf.len > 0);
        }
    }
    return err;
}

/* Without this, a run could claim places and numbers that its records do not fill. */
static void test_run_claims(void **state)
{
    static const uint8_t one[] = {0, 1, 'x', 0, 0};
    enum p2p_err walked;
    (void)state;
    CHECK_OK(read_run(7, 8, 1, one, sizeof(one), &walked));
    CHECK_OK(walked);
    CHECK_OK(read_run(7, 7, 0, NULL, 0, &walked)); /* a head alone */
    CHECK_OK(walked);
    CHECK_ERR(read_run(7, 9, 1, one, sizeof(one), &walked), P2P_MALFORMED);
    CHECK_ERR(read_run(7, 7, 1, one, sizeof(one), &walked), P2P_MALFORMED);
    CHECK_ERR(read_run(8, 7, UINT32_MAX, one, sizeof(one), &walked), P2P_TOOLARGE);
    CHECK_ERR(read_run(UINT64_MAX, 0, 1, one, sizeof(one), &walked), P2P_MALFORMED);
    CHECK_ERR(read_run(0, 1ull << 63, 1, one, sizeof(one), &walked), P2P_TOOLARGE);
    CHECK_ERR(read_run(0, P2P_RUN_RECORDS_MAX + 1, P2P_RUN_RECORDS_MAX + 1, one, sizeof(one),
                       &walked),
              P2P_TOOLARGE);
    /* More records than the bytes that are there could hold: nothing is set aside for them. */
    CHECK_ERR(read_run(0, P2P_RUN_RECORDS_MAX, P2P_RUN_RECORDS_MAX, one, sizeof(one), &walked),
              P2P_MALFORMED);
    CHECK_ERR(read_run(7, 8, 1, one, sizeof(one) - 1, &walked), P2P_MALFORMED);
    CHECK_OK(read_run(7, 7, 0, one, sizeof(one), &walked));
    CHECK_ERR(walked, P2P_MALFORMED); /* a record more than it says */
    CHECK_OK(read_run(7, 8, 1, "\0\0\0\0\0", 5, &walked));
    CHECK(walked != P2P_OK); /* an empty leaf */
    CHECK_OK(read_run(7, 8, 1, "\xff\xffxxx", 5, &walked));
    CHECK_ERR(walked, P2P_TRUNCATED);
}

/* Without this, a frame cut short at some length would be taken for another whole one. A
 * frontier may end after any whole entry, a list of proof hashes after any whole hash, payloads
 * and what asks for them after any whole one, a note and a proof of a fork anywhere: their own
 * readers check those. */
static void test_truncation(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    (void)state;
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);
    for (size_t i = 0; i < SAMPLE_FRAMES; i++) {
        struct p2p_frame whole = frame_at(all, offsets, i);
        CHECK_OK(decode(&whole));
        for (size_t len = 0; len < whole.body.len; len++) {
            uint8_t *exact = malloc(len > 0 ? len : 1);
            CHECK(exact != NULL);
            memcpy(exact, whole.body.data, len);
            struct p2p_frame cut = {whole.type, p2p_slice_of(exact, len)};
            enum p2p_err err = decode(&cut);
            free(exact);
            bool may_end = false;
            if (whole.type == P2P_FRAME_HELLO) {
                may_end = len >= 38 && (len - 38) % P2P_FRONTIER_ENTRY_BYTES == 0;
            } else if (whole.type == P2P_FRAME_FRONTIER) {
                may_end = len >= 1 && (len - 1) % P2P_FRONTIER_ENTRY_BYTES == 0;
            } else if (whole.type == P2P_FRAME_PROOF) {
                may_end = len >= 52 && (len - 52) % P2P_HASH_BYTES == 0;
            } else if (whole.type == P2P_FRAME_ASK_PAYLOADS) {
                may_end = len > 4 && (len - 4) % 8 == 0;
            } else if (whole.type == P2P_FRAME_PRUNE) {
                may_end = len > 0 && len % 4 == 0;
            } else if (whole.type == P2P_FRAME_GRAFT) {
                may_end = len > 0 && len % P2P_GRAFT_ENTRY_BYTES == 0;
            } else if (whole.type == P2P_FRAME_PAYLOADS) {
                may_end = len == 4 + 8 + 2 + 6; /* after the first of two */
            } else if (whole.type == P2P_FRAME_ENTRY) {
                may_end = len > 8 + 2 + 4;
            } else if (whole.type == P2P_FRAME_FORK) {
                may_end = true;
            }
            CHECK((err == P2P_OK) == may_end);
        }
        /* One byte more is refused wherever lengths are fixed. */
        uint8_t longer[STREAM_BYTES_MAX];
        memcpy(longer, whole.body.data, whole.body.len);
        longer[whole.body.len] = 0;
        struct p2p_frame more = {whole.type, p2p_slice_of(longer, whole.body.len + 1)};
        bool open_ended = whole.type == P2P_FRAME_ENTRY || whole.type == P2P_FRAME_FORK;
        CHECK((decode(&more) == P2P_OK) == open_ended);
    }
}

/* Without this, too long a proof or frontier would overrun the room for it. */
static void test_too_many(void **state)
{
    static uint8_t room[P2P_FRAME_BYTES_MAX];
    static struct p2p_frontier_entry entries[P2P_FRONTIER_ENTRIES_MAX + 1];
    struct p2p_frontier_body frontier;
    struct p2p_proof_body proof = {.feed = 77};
    struct p2p_hello hello;
    struct p2p_writer out;
    (void)state;
    for (uint32_t i = 0; i <= P2P_FRONTIER_ENTRIES_MAX; i++) {
        entries[i].feed = i;
    }
    for (unsigned more = 0; more < 2; more++) {
        p2p_writer_init(&out, room, sizeof(room));
        p2p_frontier_write(&out, true, entries, P2P_FRONTIER_ENTRIES_MAX + more);
        CHECK(!out.failed); /* the largest frontier fits a frame */
        CHECK_ERR(p2p_frontier_read(&frontier, p2p_slice_of(room + 5, out.len - 5)),
                  more ? P2P_TOOLARGE : P2P_OK);
        p2p_writer_init(&out, room, sizeof(room));
        p2p_hello_write(&out, &entries[0].root, 1, entries, P2P_FRONTIER_ENTRIES_MAX + more);
        CHECK_ERR(p2p_hello_read(&hello, p2p_slice_of(room + 5, out.len - 5)),
                  more ? P2P_TOOLARGE : P2P_OK);
        size_t len = 52 + (P2P_PROOF_HASHES_MAX + more) * P2P_HASH_BYTES;
        CHECK_ERR(p2p_proof_read(&proof, p2p_slice_of(room, len)),
                  more ? P2P_TOOLARGE : P2P_OK);
    }
    uint8_t whole = 2;
    CHECK_ERR(p2p_frontier_read(&frontier, p2p_slice_of(&whole, 1)), P2P_MALFORMED);
    uint8_t backwards[20] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9};
    struct p2p_prove prove;
    CHECK_ERR(p2p_prove_read(&prove, p2p_slice_of(backwards, sizeof(backwards))),
              P2P_MALFORMED);
}

/* Without this, a frontier could name a feed twice, with two sizes. */
static void test_frontier_ascends(void **state)
{
    static const uint32_t feeds[][3] = {
        {0, 1, 2}, {0, 2, 1}, {1, 1, 2}, {5, 7, UINT32_MAX}, {UINT32_MAX, 0, 1}};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        uint8_t room[512];
        struct p2p_frontier_entry entries[3] = {0};
        struct p2p_frontier_body frontier;
        struct p2p_writer out;
        for (size_t f = 0; f < 3; f++) {
            entries[f].feed = feeds[i][f];
        }
        p2p_writer_init(&out, room, sizeof(room));
        p2p_frontier_write(&out, false, entries, 3);
        CHECK_ERR(p2p_frontier_read(&frontier, p2p_slice_of(room + 5, out.len - 5)),
                  i == 0 || i == 3 ? P2P_OK : P2P_MALFORMED);
    }
}

/* ---- cutting a stream ---- */

struct cut {
    uint8_t types[SAMPLE_FRAMES + 1];
    struct p2p_hash bodies[SAMPLE_FRAMES + 1];
    size_t count;
};

static enum p2p_err feed_split(struct p2p_frame_split *split, struct p2p_slice bytes,
                               struct cut *cut)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1); /* gone right after: as a socket's */
    enum p2p_err err;
    struct p2p_frame frame;
    CHECK(copy != NULL);
    memcpy(copy, bytes.data, bytes.len);
    struct p2p_slice left = p2p_slice_of(copy, bytes.len);
    while (p2p_frame_split_next(split, &left, &frame, &err)) {
        CHECK(cut->count <= SAMPLE_FRAMES);
        cut->types[cut->count] = frame.type;
        cut->bodies[cut->count++] = p2p_sha256(frame.body);
    }
    CHECK(err != P2P_OK || left.len == 0);
    free(copy);
    return err;
}

/* Without this, where a packet happens to end would change what a peer is heard to say. */
static void test_split_everywhere(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    (void)state;
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);
    for (size_t at = 0; at <= all.len; at++) {
        struct p2p_frame_split split;
        struct cut cut = {.count = 0};
        p2p_frame_split_init(&split, p2p_alloc_default());
        CHECK_OK(feed_split(&split, p2p_slice_of(all.data, at), &cut));
        CHECK_OK(feed_split(&split, p2p_slice_of(all.data + at, all.len - at), &cut));
        p2p_frame_split_deinit(&split);
        CHECK(cut.count == SAMPLE_FRAMES);
        for (size_t i = 0; i < SAMPLE_FRAMES; i++) {
            struct p2p_frame frame = frame_at(all, offsets, i);
            struct p2p_hash body = p2p_sha256(frame.body);
            CHECK(cut.types[i] == frame.type && p2p_hash_equal(&cut.bodies[i], &body));
        }
    }
}

/* Without this, small or odd pieces would lose a frame or join two. */
static void test_split_pieces(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    struct rng rng = {20260110};
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);
    for (size_t max = 1; max < 300; max += 1 + max / 8) {
        struct p2p_frame_split split;
        struct cut cut = {.count = 0};
        p2p_frame_split_init(&split, p2p_alloc_default());
        for (size_t at = 0; at < all.len;) {
            size_t n = 1 + rng_below(&rng, max);
            n = n < all.len - at ? n : all.len - at;
            CHECK_OK(feed_split(&split, p2p_slice_of(all.data + at, n), &cut));
            at += n;
        }
        p2p_frame_split_deinit(&split);
        CHECK(cut.count == SAMPLE_FRAMES);
        for (size_t i = 0; i < SAMPLE_FRAMES; i++) {
            struct p2p_hash body = p2p_sha256(frame_at(all, offsets, i).body);
            CHECK(p2p_hash_equal(&cut.bodies[i], &body));
        }
    }
}

/* Without this, a length that a peer only claims would take memory or desynchronise the
 * stream. */
static void test_split_refuses(void **state)
{
    static const struct {
        uint8_t header[4];
        enum p2p_err expected;
    } headers[] = {
        {{0xff, 0xff, 0xff, 0xff}, P2P_TOOLARGE},
        {{0x00, 0x1c, 0x00, 0x01}, P2P_TOOLARGE},
        {{0x00, 0x00, 0x00, 0x00}, P2P_MALFORMED},
    };
    (void)state;
    for (size_t h = 0; h < 3; h++) {
        for (size_t at = 0; at <= 4; at++) {
            struct faulty_alloc heap;
            struct p2p_frame_split split;
            struct cut cut = {.count = 0};
            uint8_t bytes[4]; /* the length alone says it */
            memcpy(bytes, headers[h].header, 4);
            faulty_alloc_init(&heap, -1);
            p2p_frame_split_init(&split, &heap.alloc);
            enum p2p_err err = feed_split(&split, p2p_slice_of(bytes, at), &cut);
            if (err == P2P_OK) {
                err = feed_split(&split, p2p_slice_of(bytes + at, sizeof(bytes) - at), &cut);
            }
            CHECK_ERR(err, headers[h].expected);
            CHECK(cut.count == 0 && heap.peak_bytes <= 64);
            p2p_frame_split_deinit(&split);
            CHECK(heap.live_bytes == 0);
        }
    }
}

/* Without this, the largest frame would not pass, or cost more than itself. */
static void test_split_largest(void **state)
{
    static uint8_t bytes[4 + P2P_FRAME_BYTES_MAX];
    struct faulty_alloc heap;
    struct p2p_frame_split split;
    struct cut cut = {.count = 0};
    (void)state;
    bytes[1] = P2P_FRAME_BYTES_MAX >> 16;
    bytes[2] = (P2P_FRAME_BYTES_MAX >> 8) & 0xff;
    bytes[3] = P2P_FRAME_BYTES_MAX & 0xff;
    bytes[4] = 200;
    faulty_alloc_init(&heap, -1);
    p2p_frame_split_init(&split, &heap.alloc);
    CHECK_OK(feed_split(&split, p2p_slice_of(bytes, sizeof(bytes)), &cut));
    CHECK(cut.count == 1 && heap.peak_bytes == 0); /* whole already: not copied */
    CHECK_OK(feed_split(&split, p2p_slice_of(bytes, 1000), &cut));
    CHECK_OK(feed_split(&split, p2p_slice_of(bytes + 1000, sizeof(bytes) - 1000), &cut));
    CHECK(cut.count == 2 && cut.types[1] == 200);
    CHECK(heap.peak_bytes <= sizeof(bytes) + 64); /* the old and the new buffer */
    p2p_frame_split_deinit(&split);
    CHECK(heap.live_bytes == 0);
}

/* Without this, a node short of memory would leak, or take a frame for whole that is not. */
static void test_split_without_memory(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    (void)state;
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);
    for (long at = 0;; at++) {
        struct faulty_alloc heap;
        struct p2p_frame_split split;
        struct cut cut = {.count = 0};
        enum p2p_err err = P2P_OK;
        faulty_alloc_init(&heap, at);
        p2p_frame_split_init(&split, &heap.alloc);
        for (size_t i = 0; i < all.len && err == P2P_OK; i += 7) {
            size_t n = all.len - i < 7 ? all.len - i : 7;
            err = feed_split(&split, p2p_slice_of(all.data + i, n), &cut);
        }
        p2p_frame_split_deinit(&split);
        CHECK(heap.live_bytes == 0);
        CHECK(err == P2P_OK || err == P2P_NOMEM);
        CHECK((err == P2P_OK) == !heap.tripped);
        if (err == P2P_OK) {
            CHECK(at > 0 && cut.count == SAMPLE_FRAMES);
            break;
        }
    }
}

/* Without this, damaged frames could crash a decoder or send it round for ever. */
static void test_bit_flips(void **state)
{
    uint8_t room[STREAM_BYTES_MAX];
    size_t offsets[SAMPLE_FRAMES + 1];
    struct sample s;
    (void)state;
    sample_init(&s);
    struct p2p_slice all = write_all(room, &s, offsets);
    for (size_t bit = 0; bit < 8 * all.len; bit++) {
        struct p2p_frame_split split;
        struct p2p_slice left = all;
        struct p2p_frame frame;
        enum p2p_err err;
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        p2p_frame_split_init(&split, p2p_alloc_default());
        size_t frames = 0;
        while (p2p_frame_split_next(&split, &left, &frame, &err)) {
            err = decode(&frame);
            CHECK(err == P2P_OK || err == P2P_MALFORMED || err == P2P_TOOLARGE ||
                  err == P2P_TRUNCATED);
            CHECK(++frames <= all.len / P2P_FRAME_HEADER_BYTES);
        }
        p2p_frame_split_deinit(&split);
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Without this, a log line would name a frame wrongly, or crash on one it does not know. */
static void test_words(void **state)
{
    (void)state;
    CHECK(strcmp(p2p_frame_word(P2P_FRAME_HELLO), "hello") == 0);
    CHECK(strcmp(p2p_frame_word(P2P_FRAME_GAP), "gap") == 0);
    CHECK(strcmp(p2p_frame_word(0), "unknown") == 0);
    CHECK(strcmp(p2p_frame_word(255), "unknown") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_payloads_claims),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_run_claims),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_frontier_ascends),
        cmocka_unit_test(test_split_everywhere),
        cmocka_unit_test(test_split_pieces),
        cmocka_unit_test(test_split_refuses),
        cmocka_unit_test(test_split_largest),
        cmocka_unit_test(test_split_without_memory),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
