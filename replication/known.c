#include <p2p/ledger.h>

#include <string.h>

/* SEEN: by u32, of u32, complement of index u64 -> format, size u64, root. The complement makes
 * the newest row the first at or after a seek. */
enum { FORMAT = 1, KEY_BYTES = 16, VALUE_BYTES = 1 + 8 + P2P_HASH_BYTES };

static struct p2p_slice seen_key(uint8_t out[KEY_BYTES], uint32_t by, uint32_t of,
                                 uint64_t below)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES);
    p2p_writer_u32(&key, by);
    p2p_writer_u32(&key, of);
    p2p_writer_u64(&key, ~below);
    return p2p_writer_slice(&key);
}

struct claim {
    uint64_t size;
    struct p2p_hash root;
};

/* The claim at the row found, if it still is one by `by` about `of`; P2P_NOTFOUND otherwise. */
static enum p2p_err read_claim(struct p2p_slice found, struct p2p_slice value, uint32_t by,
                               uint32_t of, struct claim *claim)
{
    struct p2p_reader in;
    p2p_reader_init(&in, found);
    uint32_t found_by = p2p_reader_u32(&in);
    uint32_t found_of = p2p_reader_u32(&in);
    if (found_by != by || found_of != of) {
        return P2P_NOTFOUND;
    }
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    claim->size = p2p_reader_u64(&in);
    p2p_reader_copy(&in, claim->root.bytes, P2P_HASH_BYTES);
    return p2p_reader_done(&in) && format == FORMAT ? P2P_OK : P2P_CORRUPT;
}

/* A claim about more than is held cannot be refuted here; one about a prefix must have its
 * root. */
static enum p2p_err claim_holds(const struct p2p_ledger *ledger, uint32_t of,
                                const struct claim *claim, bool *holds)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    struct p2p_hash root;
    if (feed == NULL || claim->size > feed->edge.size) {
        *holds = true;
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_root_at(feed, ledger->kv, claim->size, &root);
    if (err == P2P_OK) {
        *holds = p2p_hash_equal(&root, &claim->root);
    }
    return err;
}

/* The largest claim of `by` about `of` in rows below index `at`. Claims rise, so it is the
 * newest that holds. */
static enum p2p_err newest_claim(const struct p2p_ledger *ledger, uint32_t by, uint64_t at,
                                 uint32_t of, struct claim *claim)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    if (at == 0) {
        return P2P_NOTFOUND;
    }
    uint64_t below = at - 1;
    for (;;) {
        enum p2p_err err = p2p_kv_seek(ledger->kv, P2P_TABLE_SEEN, seen_key(key, by, of, below),
                                       &found, &value);
        if (err == P2P_OK) {
            err = read_claim(found, value, by, of, claim);
        }
        if (err != P2P_OK) {
            return err;
        }
        struct p2p_reader in;
        p2p_reader_init(&in, found);
        p2p_reader_bytes(&in, 8);
        uint64_t index = ~p2p_reader_u64(&in);
        bool holds = false;
        err = claim_holds(ledger, of, claim, &holds);
        if (err != P2P_OK || holds) {
            return err;
        }
        if (index == 0) {
            return P2P_NOTFOUND;
        }
        below = index - 1;
    }
}

enum p2p_err p2p_known_size(const struct p2p_ledger *ledger, uint32_t by, uint64_t at,
                            uint32_t of, uint64_t *size)
{
    struct claim claim = {0};
    if (by == of) {
        *size = at;
        return P2P_OK;
    }
    enum p2p_err err = newest_claim(ledger, by, at, of, &claim);
    if (err == P2P_NOTFOUND) {
        claim.size = 0;
        err = P2P_OK;
    }
    if (err == P2P_OK) {
        *size = claim.size;
    }
    return err;
}

/* INDEX_CLAIM: of u32, size u64, by u32, index u64 -> root: claims about more than is held, to
 * be checked when `of` has grown so far. */
enum { CLAIM_KEY_BYTES = 1 + 4 + 8 + 4 + 8 };

static enum p2p_err note_unchecked(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                   uint32_t of, const struct claim *claim)
{
    uint8_t key[CLAIM_KEY_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, key, sizeof(key));
    p2p_writer_u8(&out, P2P_INDEX_CLAIM);
    p2p_writer_u32(&out, of);
    p2p_writer_u64(&out, claim->size);
    p2p_writer_u32(&out, by);
    p2p_writer_u64(&out, index);
    return p2p_kv_put(ledger->kv, P2P_TABLE_INDEX, p2p_writer_slice(&out),
                      p2p_slice_of(claim->root.bytes, P2P_HASH_BYTES));
}

/* Everything `by` wrote from index on may have rested on a claim that was false. */
static enum p2p_err mark_from(struct p2p_ledger *ledger, uint32_t by, uint64_t index)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, by);
    for (; feed != NULL && index < feed->edge.size; index++) {
        struct p2p_entry entry;
        const struct p2p_record_id id = {by, index};
        enum p2p_err err = p2p_ledger_entry(ledger, &id, &entry);
        const struct p2p_kind *kind = err == P2P_OK ? p2p_kind_find(entry.record.kind) : NULL;
        if (kind != NULL && kind->keys != NULL) {
            err = kind->keys(ledger, &entry);
        }
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_known_settle(struct p2p_ledger *ledger, uint32_t of)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    for (;;) {
        uint8_t key[CLAIM_KEY_BYTES] = {P2P_INDEX_CLAIM};
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_writer out;
        p2p_writer_init(&out, key + 1, 4);
        p2p_writer_u32(&out, of);
        enum p2p_err err =
            p2p_kv_seek(ledger->kv, P2P_TABLE_INDEX, p2p_slice_of(key, 5), &found, &value);
        if (err == P2P_NOTFOUND) {
            return P2P_OK;
        }
        if (err != P2P_OK) {
            return err;
        }
        if (found.len != sizeof(key) || memcmp(found.data, key, 5) != 0) {
            return P2P_OK;
        }
        memcpy(key, found.data, sizeof(key));
        struct p2p_reader in;
        p2p_reader_init(&in, p2p_slice_of(key + 5, sizeof(key) - 5));
        uint64_t size = p2p_reader_u64(&in);
        uint32_t by = p2p_reader_u32(&in);
        uint64_t index = p2p_reader_u64(&in);
        struct claim claim = {.size = size};
        if (size > feed->edge.size) {
            return P2P_OK;
        }
        if (value.len != P2P_HASH_BYTES) {
            return P2P_CORRUPT;
        }
        memcpy(claim.root.bytes, value.data, P2P_HASH_BYTES);
        bool holds = false;
        err = claim_holds(ledger, of, &claim, &holds);
        if (err == P2P_OK) {
            err = p2p_kv_del(ledger->kv, P2P_TABLE_INDEX, p2p_slice_of(key, sizeof(key)));
        }
        if (err == P2P_OK && !holds) {
            err = mark_from(ledger, by, index);
        }
        if (err != P2P_OK) {
            return err;
        }
    }
}

/* One [feed, size, root] of a `seen`: stored unless it would shrink what the feed claimed
 * before. */
static enum p2p_err apply_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                uint32_t of, const struct claim *claim)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[VALUE_BYTES];
    struct claim before;
    struct p2p_writer out;
    enum p2p_err err = newest_claim(ledger, by, index, of, &before);
    if (err == P2P_OK && before.size >= claim->size) {
        return P2P_OK;
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u64(&out, claim->size);
    p2p_writer_bytes(&out, claim->root.bytes, P2P_HASH_BYTES);
    err = p2p_kv_put(ledger->kv, P2P_TABLE_SEEN, seen_key(key, by, of, index),
                     p2p_writer_slice(&out));
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    if (err == P2P_OK && (feed == NULL || claim->size > feed->edge.size)) {
        err = note_unchecked(ledger, by, index, of, claim);
    }
    return err;
}

enum p2p_err p2p_known_apply(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                             struct p2p_slice content)
{
    struct p2p_unpack in;
    if (!p2p_unpack_find(content, "feeds", &in)) {
        return P2P_OK; /* names nothing */
    }
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && !p2p_unpack_failed(&in); i++) {
        struct claim claim = {0};
        bool shape = p2p_unpack_array(&in) == 3;
        uint32_t of = p2p_unpack_u32(&in);
        claim.size = p2p_unpack_uint(&in);
        p2p_unpack_fixed(&in, claim.root.bytes, P2P_HASH_BYTES);
        if (!shape || p2p_unpack_failed(&in)) {
            return P2P_OK;
        }
        if (of == by) {
            continue;
        }
        enum p2p_err err = apply_claim(ledger, by, index, of, &claim);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_known_ahead(const struct p2p_ledger *ledger, uint32_t by, bool *ahead)
{
    uint64_t size = 0;
    enum p2p_err err = p2p_known_size(ledger, by, UINT64_MAX, P2P_CHARTER_FEED, &size);
    if (err == P2P_OK) {
        *ahead = size > p2p_charter_size(ledger->charter);
    }
    return err;
}
