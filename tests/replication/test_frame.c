#include "check.h"
#include "frame_sample.h"

#include <stdlib.h>

static void check_entry(const struct p2p_frontier_entry *a, const struct p2p_frontier_entry *b)
{
    CHECK(a->feed == b->feed && a->size == b->size && a->witnessed == b->witnessed);
    CHECK(p2p_hash_equal(&a->root, &b->root));
}

/* Without this, two peers would not say what they mean: every field comes out as it went in. */
static void test_round_trip(void **state)
{
    struct frame_sample s;
    struct p2p_hello hello;
    struct p2p_frontier_body frontier;
    struct p2p_frontier_entry entry;
    struct p2p_want want;
    struct p2p_entry_body charter;
    struct p2p_hash digest;
    struct p2p_prove prove;
    struct p2p_proof_body proof;
    struct p2p_gap gap;
    enum p2p_neighbour_word word;
    (void)state;
    frame_sample_init(&s);

    CHECK_OK(p2p_hello_read(&hello, frame_sample_at(&s, SAMPLE_HELLO).body));
    CHECK(hello.version == P2P_WIRE_VERSION && hello.member == 4);
    CHECK(p2p_hash_equal(&hello.federation_id, &s.hash));
    CHECK(p2p_frontier_entry_count(hello.entries) == 3);
    for (size_t i = 0; i < 3; i++) {
        p2p_frontier_entry_at(hello.entries, i, &entry);
        check_entry(&entry, &s.entries[i]);
    }
    CHECK_OK(p2p_hello_read(&hello, frame_sample_at(&s, SAMPLE_HELLO_EMPTY).body));
    CHECK(p2p_frontier_entry_count(hello.entries) == 0);
    CHECK_OK(p2p_frontier_read(&frontier, frame_sample_at(&s, SAMPLE_FRONTIER).body));
    CHECK(frontier.whole && p2p_frontier_entry_count(frontier.entries) == 2);
    CHECK_OK(p2p_frontier_read(&frontier, frame_sample_at(&s, SAMPLE_FRONTIER_EMPTY).body));
    CHECK(!frontier.whole && p2p_frontier_entry_count(frontier.entries) == 0);
    CHECK_OK(p2p_want_read(&want, frame_sample_at(&s, SAMPLE_WANT).body));
    CHECK(want.feed == 3 && want.from == UINT64_MAX);
    CHECK_OK(p2p_entry_read(&charter, frame_sample_at(&s, SAMPLE_ENTRY).body));
    CHECK(charter.index == 5 && p2p_slice_equal(charter.leaf, s.entry.leaf) &&
          p2p_slice_equal(charter.note, s.entry.note));
    CHECK_OK(p2p_digest_read(&digest, frame_sample_at(&s, SAMPLE_DIGEST).body));
    CHECK(p2p_hash_equal(&digest, &s.hash));
    CHECK_OK(p2p_prove_read(&prove, frame_sample_at(&s, SAMPLE_PROVE).body));
    CHECK(prove.feed == 3 && prove.old_size == 5 && prove.new_size == 5);
    CHECK_OK(p2p_proof_read(&proof, frame_sample_at(&s, SAMPLE_PROOF).body));
    CHECK(proof.feed == 2 && proof.old_size == 5 && proof.new_size == 9);
    CHECK(p2p_hash_equal(&proof.old_root, &s.hash));
    CHECK(proof.proof.count == P2P_PROOF_HASHES_MAX);
    CHECK_BYTES(proof.proof.hashes, s.proof.proof.hashes, sizeof(proof.proof.hashes));
    CHECK(p2p_slice_equal(frame_sample_at(&s, SAMPLE_FORK).body, p2p_slice_text("a proof")));
    CHECK_OK(p2p_gap_read(&gap, frame_sample_at(&s, SAMPLE_GAP).body));
    CHECK(gap.feed == 3 && gap.at == 1ull << 40 && gap.err == 13);
    CHECK_OK(p2p_neighbour_read(&word, frame_sample_at(&s, SAMPLE_NEIGHBOUR).body));
    CHECK(word == P2P_NEIGHBOUR_NO);
    CHECK_ERR(p2p_neighbour_read(&word, p2p_slice_of("\0", 1)), P2P_MALFORMED);
    CHECK_ERR(p2p_neighbour_read(&word, p2p_slice_of("\5", 1)), P2P_MALFORMED);
}

/* Without this, records would arrive under another number, or with another's payload. */
static void test_run(void **state)
{
    struct frame_sample s;
    struct p2p_run run;
    struct p2p_run_walk walk;
    struct p2p_slice leaf, salted;
    enum p2p_err err;
    (void)state;
    frame_sample_init(&s);
    CHECK_OK(p2p_run_read(&run, frame_sample_at(&s, SAMPLE_RUN).body));
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
    struct frame_sample s;
    (void)state;
    frame_sample_init(&s);
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        struct p2p_frame whole = frame_sample_at(&s, i);
        CHECK_OK(frame_sample_decode(&whole));
        for (size_t len = 0; len < whole.body.len; len++) {
            uint8_t *exact = malloc(len > 0 ? len : 1);
            CHECK(exact != NULL);
            memcpy(exact, whole.body.data, len);
            struct p2p_frame cut = {whole.type, p2p_slice_of(exact, len)};
            enum p2p_err err = frame_sample_decode(&cut);
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
        uint8_t longer[sizeof(s.room)];
        memcpy(longer, whole.body.data, whole.body.len);
        longer[whole.body.len] = 0;
        struct p2p_frame more = {whole.type, p2p_slice_of(longer, whole.body.len + 1)};
        bool open_ended = whole.type == P2P_FRAME_ENTRY || whole.type == P2P_FRAME_FORK;
        CHECK((frame_sample_decode(&more) == P2P_OK) == open_ended);
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

/* Without this, damaged frames could crash a decoder or send it round for ever. */
static void test_bit_flips(void **state)
{
    struct frame_sample s;
    (void)state;
    frame_sample_init(&s);
    for (size_t bit = 0; bit < 8 * s.all.len; bit++) {
        struct p2p_frame_split split;
        struct p2p_slice left = s.all;
        struct p2p_frame frame;
        enum p2p_err err;
        s.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        p2p_frame_split_init(&split, p2p_alloc_default());
        size_t frames = 0;
        while (p2p_frame_split_next(&split, &left, &frame, &err)) {
            err = frame_sample_decode(&frame);
            CHECK(err == P2P_OK || err == P2P_MALFORMED || err == P2P_TOOLARGE ||
                  err == P2P_TRUNCATED);
            CHECK(++frames <= s.all.len / P2P_FRAME_HEADER_BYTES);
        }
        p2p_frame_split_deinit(&split);
        s.room[bit / 8] ^= (uint8_t)(1u << bit % 8);
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
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_run),
        cmocka_unit_test(test_run_claims), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_too_many),   cmocka_unit_test(test_frontier_ascends),
        cmocka_unit_test(test_bit_flips),  cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
