#include <p2p/frame.h>

#include <p2p/assert.h>

#include <string.h>

const char *p2p_frame_word(uint8_t type)
{
    switch (type) {
#define FRAME_WORD(name, number, word)                                                         \
    case number:                                                                               \
        return word;
        P2P_FRAME_MAP(FRAME_WORD)
#undef FRAME_WORD
    default: /* a byte from a peer, not our enum */
        return "unknown";
    }
}

/* A record in a run: its length and at least a byte of it, the length of its payload. */
#define RUN_RECORD_BYTES_MIN 5u

/* ---- encoding ---- */

size_t p2p_frame_begin(struct p2p_writer *out, enum p2p_frame_type type)
{
    size_t begin = out->len;
    p2p_writer_u32(out, 0);
    p2p_writer_u8(out, (uint8_t)type);
    return begin;
}

void p2p_frame_end(struct p2p_writer *out, size_t begin)
{
    if (out->failed) {
        return;
    }
    size_t len = out->len - begin - 4;
    p2p_assert(len <= P2P_FRAME_BYTES_MAX);
    for (unsigned i = 0; i < 4; i++) {
        out->data[begin + i] = (uint8_t)(len >> (24 - 8 * i));
    }
}

static void write_hash(struct p2p_writer *out, const struct p2p_hash *hash)
{
    p2p_writer_bytes(out, hash->bytes, P2P_HASH_BYTES);
}

static void read_hash(struct p2p_reader *in, struct p2p_hash *hash)
{
    p2p_reader_copy(in, hash->bytes, P2P_HASH_BYTES);
}

static void write_entries(struct p2p_writer *out, const struct p2p_frontier_entry *entries,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        p2p_writer_u32(out, entries[i].feed);
        p2p_writer_u64(out, entries[i].size);
        write_hash(out, &entries[i].root);
        p2p_writer_u64(out, entries[i].witnessed);
    }
}

void p2p_hello_write(struct p2p_writer *out, const struct p2p_hash *federation_id,
                     uint32_t member, const struct p2p_frontier_entry *entries, size_t count)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_HELLO);
    p2p_writer_u16(out, P2P_WIRE_VERSION);
    write_hash(out, federation_id);
    p2p_writer_u32(out, member);
    write_entries(out, entries, count);
    p2p_frame_end(out, begin);
}

void p2p_frontier_write(struct p2p_writer *out, bool whole,
                        const struct p2p_frontier_entry *entries, size_t count)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_FRONTIER);
    p2p_writer_u8(out, whole ? 1 : 0);
    write_entries(out, entries, count);
    p2p_frame_end(out, begin);
}

void p2p_want_write(struct p2p_writer *out, const struct p2p_want *want)
{
    size_t begin = p2p_frame_begin(out, want->leaves ? P2P_FRAME_WANT_LEAVES : P2P_FRAME_WANT);
    p2p_writer_u32(out, want->feed);
    p2p_writer_u64(out, want->from);
    p2p_frame_end(out, begin);
}

size_t p2p_run_begin_write(struct p2p_writer *out, uint32_t feed, uint64_t first,
                           uint32_t count, const struct p2p_tree_head *head)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_RUN);
    p2p_writer_u32(out, feed);
    p2p_writer_u64(out, first);
    p2p_writer_u64(out, head->size);
    write_hash(out, &head->root);
    p2p_writer_bytes(out, head->signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_writer_u32(out, count);
    return begin;
}

void p2p_run_record_write(struct p2p_writer *out, struct p2p_slice leaf,
                          struct p2p_slice salted)
{
    p2p_writer_u16(out, (uint16_t)leaf.len);
    p2p_writer_bytes(out, leaf.data, leaf.len);
    p2p_writer_u16(out, (uint16_t)salted.len);
    p2p_writer_bytes(out, salted.data, salted.len);
}

void p2p_entry_write(struct p2p_writer *out, const struct p2p_entry_body *entry)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_ENTRY);
    p2p_writer_u64(out, entry->index);
    p2p_writer_u16(out, (uint16_t)entry->leaf.len);
    p2p_writer_bytes(out, entry->leaf.data, entry->leaf.len);
    p2p_writer_bytes(out, entry->note.data, entry->note.len);
    p2p_frame_end(out, begin);
}

void p2p_digest_write(struct p2p_writer *out, const struct p2p_hash *digest)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_DIGEST);
    write_hash(out, digest);
    p2p_frame_end(out, begin);
}

void p2p_prove_write(struct p2p_writer *out, const struct p2p_prove *prove)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_PROVE);
    p2p_writer_u32(out, prove->feed);
    p2p_writer_u64(out, prove->old_size);
    p2p_writer_u64(out, prove->new_size);
    p2p_frame_end(out, begin);
}

void p2p_proof_write(struct p2p_writer *out, const struct p2p_proof_body *proof)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_PROOF);
    p2p_writer_u32(out, proof->feed);
    p2p_writer_u64(out, proof->old_size);
    p2p_writer_u64(out, proof->new_size);
    write_hash(out, &proof->old_root);
    for (size_t i = 0; i < proof->proof.count; i++) {
        write_hash(out, &proof->proof.hashes[i]);
    }
    p2p_frame_end(out, begin);
}

void p2p_fork_write(struct p2p_writer *out, struct p2p_slice proof)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_FORK);
    p2p_writer_bytes(out, proof.data, proof.len);
    p2p_frame_end(out, begin);
}

void p2p_gap_write(struct p2p_writer *out, const struct p2p_gap *gap)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_GAP);
    p2p_writer_u32(out, gap->feed);
    p2p_writer_u64(out, gap->at);
    p2p_writer_u8(out, gap->err);
    p2p_frame_end(out, begin);
}

void p2p_neighbour_write(struct p2p_writer *out, enum p2p_neighbour_word word)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_NEIGHBOUR);
    p2p_writer_u8(out, (uint8_t)word);
    p2p_frame_end(out, begin);
}

/* ---- decoding ---- */

static enum p2p_err done(const struct p2p_reader *in)
{
    return p2p_reader_done(in) ? P2P_OK : P2P_MALFORMED;
}

static struct p2p_slice rest(struct p2p_reader *in)
{
    return p2p_reader_bytes(in, p2p_reader_left(in));
}

static enum p2p_err check_entries(struct p2p_slice entries)
{
    if (entries.len % P2P_FRONTIER_ENTRY_BYTES != 0) {
        return P2P_MALFORMED;
    }
    size_t count = p2p_frontier_entry_count(entries);
    if (count > P2P_FRONTIER_ENTRIES_MAX) {
        return P2P_TOOLARGE;
    }
    uint64_t next = 0; /* feeds ascend, so each stands in a frame once */
    for (size_t i = 0; i < count; i++) {
        struct p2p_frontier_entry entry;
        p2p_frontier_entry_at(entries, i, &entry);
        if (entry.feed < next) {
            return P2P_MALFORMED;
        }
        next = (uint64_t)entry.feed + 1;
    }
    return P2P_OK;
}

size_t p2p_frontier_entry_count(struct p2p_slice entries)
{
    return entries.len / P2P_FRONTIER_ENTRY_BYTES;
}

void p2p_frontier_entry_at(struct p2p_slice entries, size_t i, struct p2p_frontier_entry *out)
{
    struct p2p_reader in;
    p2p_assert(i < p2p_frontier_entry_count(entries));
    p2p_reader_init(&in, p2p_slice_of(entries.data + i * P2P_FRONTIER_ENTRY_BYTES,
                                      P2P_FRONTIER_ENTRY_BYTES));
    out->feed = p2p_reader_u32(&in);
    out->size = p2p_reader_u64(&in);
    read_hash(&in, &out->root);
    out->witnessed = p2p_reader_u64(&in);
}

enum p2p_err p2p_hello_read(struct p2p_hello *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_hello hello;
    p2p_reader_init(&in, body);
    hello.version = p2p_reader_u16(&in);
    read_hash(&in, &hello.federation_id);
    hello.member = p2p_reader_u32(&in);
    hello.entries = rest(&in);
    enum p2p_err err = in.failed ? P2P_MALFORMED : check_entries(hello.entries);
    if (err == P2P_OK) {
        *out = hello;
    }
    return err;
}

enum p2p_err p2p_frontier_read(struct p2p_frontier_body *out, struct p2p_slice body)
{
    struct p2p_reader in;
    p2p_reader_init(&in, body);
    uint8_t whole = p2p_reader_u8(&in);
    struct p2p_slice entries = rest(&in);
    if (in.failed || whole > 1) {
        return P2P_MALFORMED;
    }
    enum p2p_err err = check_entries(entries);
    if (err == P2P_OK) {
        *out = (struct p2p_frontier_body){.whole = whole == 1, .entries = entries};
    }
    return err;
}

enum p2p_err p2p_want_read(struct p2p_want *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_want want = {.leaves = false};
    p2p_reader_init(&in, body);
    want.feed = p2p_reader_u32(&in);
    want.from = p2p_reader_u64(&in);
    if (done(&in) != P2P_OK) {
        return P2P_MALFORMED;
    }
    *out = want;
    return P2P_OK;
}

enum p2p_err p2p_run_read(struct p2p_run *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_run run;
    p2p_reader_init(&in, body);
    run.feed = p2p_reader_u32(&in);
    run.first = p2p_reader_u64(&in);
    run.head.size = p2p_reader_u64(&in);
    read_hash(&in, &run.head.root);
    p2p_reader_copy(&in, run.head.signature.bytes, P2P_SIGNATURE_BYTES);
    run.count = p2p_reader_u32(&in);
    run.records = rest(&in);
    if (in.failed) {
        return P2P_MALFORMED;
    }
    if (run.count > P2P_RUN_RECORDS_MAX || run.head.size > INT64_MAX) {
        return P2P_TOOLARGE;
    }
    if (run.first > run.head.size || run.head.size - run.first != run.count ||
        run.count > run.records.len / RUN_RECORD_BYTES_MIN) {
        return P2P_MALFORMED;
    }
    *out = run;
    return P2P_OK;
}

void p2p_run_begin(struct p2p_run_walk *walk, const struct p2p_run *run)
{
    p2p_reader_init(&walk->in, run->records);
    walk->left = run->count;
}

bool p2p_run_next(struct p2p_run_walk *walk, struct p2p_slice *leaf, struct p2p_slice *salted,
                  enum p2p_err *err)
{
    *err = P2P_OK;
    if (walk->left == 0) {
        *err = done(&walk->in);
        return false;
    }
    walk->left--;
    *leaf = p2p_reader_bytes(&walk->in, p2p_reader_u16(&walk->in));
    *salted = p2p_reader_bytes(&walk->in, p2p_reader_u16(&walk->in));
    if (walk->in.failed || leaf->len == 0) {
        *err = P2P_TRUNCATED;
        return false;
    }
    return true;
}

enum p2p_err p2p_entry_read(struct p2p_entry_body *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_entry_body entry;
    p2p_reader_init(&in, body);
    entry.index = p2p_reader_u64(&in);
    entry.leaf = p2p_reader_bytes(&in, p2p_reader_u16(&in));
    entry.note = rest(&in);
    if (in.failed || entry.leaf.len == 0 || entry.note.len == 0) {
        return P2P_MALFORMED;
    }
    *out = entry;
    return P2P_OK;
}

enum p2p_err p2p_digest_read(struct p2p_hash *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_hash digest;
    p2p_reader_init(&in, body);
    read_hash(&in, &digest);
    if (done(&in) != P2P_OK) {
        return P2P_MALFORMED;
    }
    *out = digest;
    return P2P_OK;
}

enum p2p_err p2p_prove_read(struct p2p_prove *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_prove prove;
    p2p_reader_init(&in, body);
    prove.feed = p2p_reader_u32(&in);
    prove.old_size = p2p_reader_u64(&in);
    prove.new_size = p2p_reader_u64(&in);
    if (done(&in) != P2P_OK || prove.old_size > prove.new_size) {
        return P2P_MALFORMED;
    }
    *out = prove;
    return P2P_OK;
}

enum p2p_err p2p_proof_read(struct p2p_proof_body *out, struct p2p_slice body)
{
    struct p2p_reader in;
    p2p_reader_init(&in, body);
    uint32_t feed = p2p_reader_u32(&in);
    uint64_t old_size = p2p_reader_u64(&in);
    uint64_t new_size = p2p_reader_u64(&in);
    struct p2p_hash old_root;
    read_hash(&in, &old_root);
    size_t left = p2p_reader_left(&in);
    if (in.failed || left % P2P_HASH_BYTES != 0) {
        return P2P_MALFORMED;
    }
    if (left / P2P_HASH_BYTES > P2P_PROOF_HASHES_MAX) {
        return P2P_TOOLARGE;
    }
    out->feed = feed;
    out->old_size = old_size;
    out->new_size = new_size;
    out->old_root = old_root;
    out->proof.count = left / P2P_HASH_BYTES;
    for (size_t i = 0; i < out->proof.count; i++) {
        read_hash(&in, &out->proof.hashes[i]);
    }
    return P2P_OK;
}

enum p2p_err p2p_gap_read(struct p2p_gap *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_gap gap;
    p2p_reader_init(&in, body);
    gap.feed = p2p_reader_u32(&in);
    gap.at = p2p_reader_u64(&in);
    gap.err = p2p_reader_u8(&in);
    if (done(&in) != P2P_OK) {
        return P2P_MALFORMED;
    }
    *out = gap;
    return P2P_OK;
}

enum p2p_err p2p_neighbour_read(enum p2p_neighbour_word *word, struct p2p_slice body)
{
    struct p2p_reader in;
    p2p_reader_init(&in, body);
    uint8_t number = p2p_reader_u8(&in);
    if (done(&in) != P2P_OK || number < P2P_NEIGHBOUR_ASK || number > P2P_NEIGHBOUR_NO) {
        return P2P_MALFORMED;
    }
    *word = (enum p2p_neighbour_word)number;
    return P2P_OK;
}
