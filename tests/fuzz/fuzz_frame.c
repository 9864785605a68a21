/* Any bytes as a stream from a peer: it is cut into the same frames however they arrive, every
 * decoder stays inside its frame, and what a decoder takes is the only encoding of what it
 * says. */
#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/fork.h>
#include <p2p/frame.h>

#include <stdlib.h>
#include <string.h>

enum { AGAIN_BYTES = 1 << 21 };

static uint8_t again[AGAIN_BYTES];

static void check_again(const struct p2p_frame *frame, const struct p2p_writer *out)
{
    p2p_assert(!out->failed && out->len == P2P_FRAME_HEADER_BYTES + frame->body.len);
    p2p_assert(out->data[4] == frame->type);
    p2p_assert(frame->body.len == 0 || memcmp(out->data + P2P_FRAME_HEADER_BYTES,
                                              frame->body.data, frame->body.len) == 0);
}

static void read_entries(struct p2p_slice entries, struct p2p_slice body)
{
    struct p2p_frontier_entry entry;
    size_t count = p2p_frontier_entry_count(entries);
    p2p_assert(entries.len <= body.len && count <= P2P_FRONTIER_ENTRIES_MAX);
    for (size_t i = 0; i < count; i++) {
        p2p_frontier_entry_at(entries, i, &entry);
    }
}

static void read_run(const struct p2p_frame *frame, struct p2p_writer *out)
{
    struct p2p_run run;
    struct p2p_run_walk walk;
    struct p2p_slice leaf, salted;
    enum p2p_err err;
    uint32_t count = 0;
    if (p2p_run_read(&run, frame->body) != P2P_OK) {
        return;
    }
    p2p_assert(run.count <= P2P_RUN_RECORDS_MAX && run.head.size - run.first == run.count);
    size_t begin = p2p_run_begin_write(out, run.feed, run.first, run.count, &run.head);
    p2p_run_begin(&walk, &run);
    while (p2p_run_next(&walk, &leaf, &salted, &err)) {
        p2p_assert(leaf.len > 0 && ++count <= run.count);
        p2p_run_record_write(out, leaf, salted);
    }
    p2p_frame_end(out, begin);
    if (err == P2P_OK) {
        p2p_assert(count == run.count);
        check_again(frame, out);
    }
}

static void read_ask_payloads(const struct p2p_frame *frame, struct p2p_writer *out)
{
    static uint64_t indexes[P2P_ASK_PAYLOADS_MAX];
    struct p2p_ask_payloads ask;
    if (p2p_ask_payloads_read(&ask, frame->body) != P2P_OK) {
        return;
    }
    size_t count = p2p_ask_payloads_count(&ask);
    p2p_assert(count > 0 && count <= P2P_ASK_PAYLOADS_MAX);
    for (size_t i = 0; i < count; i++) {
        indexes[i] = p2p_ask_payloads_at(&ask, i);
        p2p_assert(i == 0 || indexes[i] > indexes[i - 1]);
    }
    p2p_ask_payloads_write(out, ask.feed, indexes, count);
    check_again(frame, out);
}

static void read_payloads(const struct p2p_frame *frame, struct p2p_writer *out)
{
    struct p2p_payloads_body payloads;
    struct p2p_payloads_walk walk;
    struct p2p_slice salted;
    uint64_t index;
    uint64_t last = 0;
    size_t count = 0;
    if (p2p_payloads_read(&payloads, frame->body) != P2P_OK) {
        return;
    }
    size_t begin = p2p_payloads_begin_write(out, payloads.feed);
    p2p_payloads_begin(&walk, &payloads);
    for (; p2p_payloads_next(&walk, &index, &salted); count++) {
        p2p_assert(count == 0 || index > last);
        last = index;
        p2p_payload_write(out, index, salted);
    }
    p2p_assert(count > 0 && count <= P2P_ASK_PAYLOADS_MAX);
    p2p_frame_end(out, begin);
    check_again(frame, out);
}

static void read_prune(const struct p2p_frame *frame, struct p2p_writer *out)
{
    static uint32_t numbers[P2P_FEEDS_MAX];
    struct p2p_slice feeds;
    if (p2p_prune_read(&feeds, frame->body) != P2P_OK) {
        return;
    }
    size_t count = p2p_prune_count(feeds);
    p2p_assert(count > 0 && count <= P2P_FEEDS_MAX);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = p2p_prune_at(feeds, i);
        p2p_assert(i == 0 || numbers[i] > numbers[i - 1]);
    }
    p2p_prune_write(out, numbers, count);
    check_again(frame, out);
}

static void read_graft(const struct p2p_frame *frame, struct p2p_writer *out)
{
    static struct p2p_graft_entry all[P2P_FEEDS_MAX];
    struct p2p_slice entries;
    if (p2p_graft_read(&entries, frame->body) != P2P_OK) {
        return;
    }
    size_t count = p2p_graft_count(entries);
    p2p_assert(count > 0 && count <= P2P_FEEDS_MAX);
    for (size_t i = 0; i < count; i++) {
        p2p_graft_at(entries, i, &all[i]);
        p2p_assert(i == 0 || all[i].feed > all[i - 1].feed);
    }
    p2p_graft_write(out, all, count);
    check_again(frame, out);
}

/* One body by its type. */
static void read_body(const struct p2p_frame *frame)
{
    static struct p2p_proof_body proof;
    static struct p2p_fork_proof fork;
    struct p2p_writer out;
    struct p2p_hello hello;
    struct p2p_frontier_body frontier;
    struct p2p_want want;
    struct p2p_entry_body entry;
    struct p2p_cosign_body cosign;
    struct p2p_lease_ask lease_ask;
    struct p2p_lease_answer lease_answer;
    struct p2p_ack ack;
    struct p2p_hash digest;
    struct p2p_prove prove;
    struct p2p_gap gap;
    enum p2p_neighbour_word word;
    bool whole = false;
    p2p_writer_init(&out, again, sizeof(again));
    p2p_assert(strlen(p2p_frame_word(frame->type)) > 0);
    switch (frame->type) {
    case P2P_FRAME_HELLO:
        if (p2p_hello_read(&hello, frame->body) == P2P_OK) {
            read_entries(hello.entries, frame->body);
        }
        break;
    case P2P_FRAME_FRONTIER:
        if (p2p_frontier_read(&frontier, frame->body) == P2P_OK) {
            read_entries(frontier.entries, frame->body);
        }
        break;
    case P2P_FRAME_WANT:
        whole = p2p_want_read(&want, frame->body) == P2P_OK;
        if (whole) {
            p2p_want_write(&out, &want);
        }
        break;
    case P2P_FRAME_RUN:
        read_run(frame, &out);
        break;
    case P2P_FRAME_ENTRY:
        whole = p2p_entry_read(&entry, frame->body) == P2P_OK;
        if (whole) {
            p2p_entry_write(&out, &entry);
        }
        break;
    case P2P_FRAME_COSIGN:
        whole = p2p_cosign_read(&cosign, frame->body) == P2P_OK;
        if (whole) {
            p2p_cosign_write(&out, &cosign);
        }
        break;
    case P2P_FRAME_ACK:
        whole = p2p_ack_read(&ack, frame->body) == P2P_OK;
        if (whole) {
            p2p_ack_write(&out, &ack);
        }
        break;
    case P2P_FRAME_DIGEST:
        whole = p2p_digest_read(&digest, frame->body) == P2P_OK;
        if (whole) {
            p2p_digest_write(&out, &digest);
        }
        break;
    case P2P_FRAME_LEASE_ASK:
        whole = p2p_lease_ask_read(&lease_ask, frame->body) == P2P_OK;
        if (whole) {
            p2p_lease_ask_write(&out, &lease_ask);
        }
        break;
    case P2P_FRAME_LEASE_ANSWER:
        whole = p2p_lease_answer_read(&lease_answer, frame->body) == P2P_OK;
        if (whole) {
            p2p_lease_answer_write(&out, &lease_answer);
        }
        break;
    case P2P_FRAME_NEIGHBOUR:
        whole = p2p_neighbour_read(&word, frame->body) == P2P_OK;
        if (whole) {
            p2p_neighbour_write(&out, word);
        }
        break;
    case P2P_FRAME_PROVE:
        whole = p2p_prove_read(&prove, frame->body) == P2P_OK;
        if (whole) {
            p2p_prove_write(&out, &prove);
        }
        break;
    case P2P_FRAME_PROOF:
        whole = p2p_proof_read(&proof, frame->body) == P2P_OK;
        if (whole) {
            p2p_proof_write(&out, &proof);
        }
        break;
    case P2P_FRAME_FORK:
        if (p2p_fork_decode(&fork, frame->body) == P2P_OK) {
            p2p_assert(fork.proof.count <= P2P_PROOF_HASHES_MAX);
        }
        break;
    case P2P_FRAME_GAP:
        whole = p2p_gap_read(&gap, frame->body) == P2P_OK;
        if (whole) {
            p2p_gap_write(&out, &gap);
        }
        break;
    case P2P_FRAME_PRUNE:
        read_prune(frame, &out);
        break;
    case P2P_FRAME_GRAFT:
        read_graft(frame, &out);
        break;
    case P2P_FRAME_ASK_PAYLOADS:
        read_ask_payloads(frame, &out);
        break;
    case P2P_FRAME_PAYLOADS:
        read_payloads(frame, &out);
        break;
    default: /* a type of a later version */
        break;
    }
    if (whole) {
        check_again(frame, &out);
    }
}

struct cut {
    struct p2p_hash frames; /* over all types and bodies */
    size_t count;
    enum p2p_err err;
};

static struct cut cut_stream(const uint8_t *data, size_t size, size_t piece, bool read)
{
    struct p2p_frame_split split;
    struct cut cut = {.err = P2P_OK};
    p2p_frame_split_init(&split, p2p_alloc_default());
    for (size_t at = 0; at < size && cut.err == P2P_OK; at += piece) {
        struct p2p_slice left = p2p_slice_of(data + at, size - at < piece ? size - at : piece);
        struct p2p_frame frame;
        while (p2p_frame_split_next(&split, &left, &frame, &cut.err)) {
            const struct p2p_slice parts[] = {p2p_slice_of(cut.frames.bytes, P2P_HASH_BYTES),
                                              p2p_slice_of(&frame.type, 1), frame.body};
            cut.frames = p2p_sha256_many(parts, 3);
            cut.count++;
            if (read) {
                read_body(&frame);
            }
        }
        p2p_assert(cut.err != P2P_OK || left.len == 0);
    }
    p2p_frame_split_deinit(&split);
    return cut;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cut whole = cut_stream(data, size, size + 1, true);
    struct cut pieces = cut_stream(data, size, 1 + size % 13, false);
    p2p_assert(whole.count == pieces.count && whole.err == pieces.err);
    p2p_assert(p2p_hash_equal(&whole.frames, &pieces.frames));
    /* Every decoder also sees bytes that no splitter has been over. */
    if (size > 0) {
        const struct p2p_frame frame = {data[0] % 16, p2p_slice_of(data + 1, size - 1)};
        read_body(&frame);
    }
    return 0;
}
