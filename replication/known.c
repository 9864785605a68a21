/* Lookup of the past: what a feed's `seen` records say it held.
 *
 * One row per (claim, place). A claim is `open` while it is about more than is held here: it
 * cannot be refuted and counts. When the feed it is about has grown that far it becomes `true`,
 * or `false` and counts no longer, and whatever its author wrote from there on is looked at
 * again. Rows and their states are a function of the records held, in whatever order they came:
 * every claim is stored, whatever was claimed before it.
 *
 *     apply --held--> true | false
 *       |
 *       +--not held--> open --settle--> true | false
 *
 * What was known at an index is the largest claim below it that is not false. Honest claims
 * rise, so the newest row answers; `highest` says when an older one might be larger. No more
 * than CLAIMS_LOOKED_AT rows are read: who made that many claims that are false, or smaller
 * than earlier ones, in a row, has named nothing. */
#include <p2p/ledger.h>

#include <p2p/assert.h>

#include "views.h"

#include <string.h>

/* SEEN: by u32, of u32, complement of index u64 -> format, state, size u64, highest u64, root.
 * The complement makes the newest row the first at or after a seek. */
enum { FORMAT = 2, KEY_BYTES = 16, VALUE_BYTES = P2P_CLAIM_BYTES, CLAIMS_LOOKED_AT = 64 };

enum claim_state { CLAIM_OPEN, CLAIM_TRUE, CLAIM_FALSE };

struct claim {
    enum claim_state state;
    uint64_t size;
    uint64_t highest; /* the largest size in rows before this one, whatever their state */
    struct p2p_hash root;
};

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
    uint8_t state = p2p_reader_u8(&in);
    claim->size = p2p_reader_u64(&in);
    claim->highest = p2p_reader_u64(&in);
    p2p_reader_copy(&in, claim->root.bytes, P2P_HASH_BYTES);
    if (!p2p_reader_done(&in) || format != FORMAT || state > CLAIM_FALSE) {
        return P2P_CORRUPT;
    }
    claim->state = (enum claim_state)state;
    return P2P_OK;
}

/* Claims about the charter and about closed feeds say where those end. */
static void note_closing(struct p2p_ledger *ledger, uint32_t of)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, of);
    ledger->closings_stale =
        ledger->closings_stale || of == P2P_CHARTER_FEED || (info != NULL && info->closed != 0);
}

static enum p2p_err put_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                              uint32_t of, const struct claim *claim)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[VALUE_BYTES];
    struct p2p_writer out;
    note_closing(ledger, of);
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u8(&out, (uint8_t)claim->state);
    p2p_writer_u64(&out, claim->size);
    p2p_writer_u64(&out, claim->highest);
    p2p_writer_bytes(&out, claim->root.bytes, P2P_HASH_BYTES);
    return p2p_kv_put(ledger->kv, P2P_TABLE_SEEN, seen_key(key, by, of, index),
                      p2p_writer_slice(&out));
}

/* The newest claim in rows at or below an index. */
static enum p2p_err newest_claim(const struct p2p_kv *kv, uint32_t by, uint64_t below,
                                 uint32_t of, struct claim *claim)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_SEEN, seen_key(key, by, of, below), &found, &value);
    return err == P2P_OK ? read_claim(found, value, by, of, claim) : err;
}

enum p2p_err p2p_known_size_in(const struct p2p_kv *kv, uint32_t by, uint64_t at, uint32_t of,
                               uint64_t *size)
{
    uint64_t best = 0;
    struct claim claim;
    if (by == of || at == 0) {
        *size = at;
        return P2P_OK;
    }
    enum p2p_err err = newest_claim(kv, by, at - 1, of, &claim);
    for (unsigned i = 0; err == P2P_OK && i < CLAIMS_LOOKED_AT; i++) {
        struct p2p_slice found;
        struct p2p_slice value;
        if (claim.state != CLAIM_FALSE && claim.size > best) {
            best = claim.size;
        }
        if (claim.highest <= best) {
            break;
        }
        err = p2p_kv_next(kv, P2P_TABLE_SEEN, &found, &value);
        if (err == P2P_OK) {
            err = read_claim(found, value, by, of, &claim);
        }
    }
    if (err == P2P_OK || err == P2P_NOTFOUND) {
        *size = best;
        err = P2P_OK;
    }
    return err;
}

enum p2p_err p2p_known_size(const struct p2p_ledger *ledger, uint32_t by, uint64_t at,
                            uint32_t of, uint64_t *size)
{
    return p2p_known_size_in(ledger->kv, by, at, of, size);
}

/* Rows are walked from the newest down, and no further once no older one names as much. */
enum p2p_err p2p_known_first(const struct p2p_ledger *ledger, uint32_t by, uint32_t of,
                             uint64_t size, uint64_t *index)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    struct claim claim = {.highest = UINT64_MAX};
    uint64_t first = UINT64_MAX;
    enum p2p_err err = p2p_kv_seek(ledger->kv, P2P_TABLE_SEEN,
                                   seen_key(key, by, of, UINT64_MAX), &found, &value);
    while (err == P2P_OK && claim.highest > size) {
        struct p2p_reader in;
        err = read_claim(found, value, by, of, &claim);
        if (err == P2P_OK && claim.state != CLAIM_FALSE && claim.size > size) {
            p2p_reader_init(&in, found);
            p2p_reader_bytes(&in, 8);
            first = ~p2p_reader_u64(&in);
        }
        if (err == P2P_OK) {
            err = p2p_kv_next(ledger->kv, P2P_TABLE_SEEN, &found, &value);
        }
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    *index = first;
    return first != UINT64_MAX ? P2P_OK : P2P_NOTFOUND;
}

/* Compares a claim with what is held of the feed it is about. */
static enum p2p_err look_at_claim(const struct p2p_ledger *ledger, uint32_t of,
                                  struct claim *claim)
{
    struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    struct p2p_hash root;
    if (feed != NULL && claim->size > feed->ends_at) {
        claim->state = CLAIM_FALSE; /* of no prefix of a feed that ends before */
        return P2P_OK;
    }
    if (feed == NULL || claim->size > feed->edge.size) {
        claim->state = CLAIM_OPEN;
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_feed_flush(feed, ledger->kv); /* its hashes are read from the store */
    if (err == P2P_OK) {
        err = p2p_feed_root_at(feed, ledger->kv, claim->size, &root);
    }
    if (err == P2P_OK) {
        claim->state = p2p_hash_equal(&root, &claim->root) ? CLAIM_TRUE : CLAIM_FALSE;
    }
    return err;
}

enum p2p_err p2p_known_row_read(struct p2p_known_row *out, struct p2p_slice key,
                                struct p2p_slice value)
{
    struct p2p_reader in;
    struct claim claim;
    struct p2p_known_row row;
    p2p_reader_init(&in, key);
    row.by = p2p_reader_u32(&in);
    row.of = p2p_reader_u32(&in);
    row.index = ~p2p_reader_u64(&in);
    enum p2p_err err =
        p2p_reader_done(&in) ? read_claim(key, value, row.by, row.of, &claim) : P2P_CORRUPT;
    if (err == P2P_OK) {
        row.size = claim.size;
        row.highest = claim.highest;
        row.is_open = claim.state == CLAIM_OPEN;
        row.is_false = claim.state == CLAIM_FALSE;
        *out = row;
    }
    return err;
}

/* ---- claims about what is not here yet ---- */

/* INDEX_CLAIM: of u32, size u64, by u32, index u64 -> nothing: open claims, in the order in
 * which they can be looked at. */
enum { OPEN_KEY_BYTES = 1 + 4 + 8 + 4 + 8 };

static struct p2p_slice open_key(uint8_t bytes[OPEN_KEY_BYTES], uint32_t by, uint64_t index,
                                 uint32_t of, uint64_t size)
{
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, OPEN_KEY_BYTES);
    p2p_writer_u8(&out, P2P_INDEX_CLAIM);
    p2p_writer_u32(&out, of);
    p2p_writer_u64(&out, size);
    p2p_writer_u32(&out, by);
    p2p_writer_u64(&out, index);
    return p2p_writer_slice(&out);
}

static enum p2p_err note_open(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                              uint32_t of, uint64_t size)
{
    uint8_t key[OPEN_KEY_BYTES];
    return p2p_kv_put(ledger->kv, P2P_TABLE_INDEX, open_key(key, by, index, of, size),
                      p2p_slice_of("", 0));
}

static enum p2p_err drop_open(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                              uint32_t of, uint64_t size)
{
    uint8_t key[OPEN_KEY_BYTES];
    enum p2p_err err =
        p2p_kv_del(ledger->kv, P2P_TABLE_INDEX, open_key(key, by, index, of, size));
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Whether the record a walk gave touches any view key. */
static enum p2p_err touches(struct p2p_slice leaf, bool *out)
{
    struct p2p_record record;
    if (p2p_record_decode(&record, leaf) != P2P_OK) {
        return P2P_CORRUPT; /* only canonical records were let in */
    }
    const struct p2p_kind *kind = p2p_kind_find(record.kind);
    *out = kind != NULL && kind->keys != NULL;
    return P2P_OK;
}

enum p2p_err p2p_known_mark_from(struct p2p_ledger *ledger, uint32_t by, uint64_t index)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, by);
    struct p2p_feed_walk walk;
    enum p2p_err err = P2P_OK;
    if (feed == NULL) {
        return P2P_OK;
    }
    p2p_feed_walk_begin(&walk, feed, ledger->kv, index);
    while (err == P2P_OK && walk.index < feed->edge.size) {
        struct p2p_record_id id = {by, walk.index};
        struct p2p_slice leaf;
        bool acts = false;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK) {
            err = touches(leaf, &acts);
        }
        if (err == P2P_OK && acts) {
            err = p2p_ledger_touch_again(ledger, &id); /* which writes, and ends the walk */
            p2p_feed_walk_begin(&walk, feed, ledger->kv, id.index + 1);
        }
    }
    return err;
}

/* One open claim whose feed has grown so far. */
static enum p2p_err settle_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                 uint32_t of)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    struct claim claim;
    struct p2p_slice row = seen_key(key, by, of, index);
    enum p2p_err err = p2p_kv_get(ledger->kv, P2P_TABLE_SEEN, row, &value);
    if (err == P2P_OK) {
        err = read_claim(row, value, by, of, &claim);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    err = look_at_claim(ledger, of, &claim);
    if (err == P2P_OK) {
        err = put_claim(ledger, by, index, of, &claim);
    }
    if (err == P2P_OK && claim.state == CLAIM_FALSE) {
        err = p2p_known_mark_from(ledger, by, index);
    }
    return err;
}

enum p2p_err p2p_known_settle(struct p2p_ledger *ledger, uint32_t of)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    for (;;) {
        uint8_t key[OPEN_KEY_BYTES] = {P2P_INDEX_CLAIM};
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_writer out;
        struct p2p_reader in;
        p2p_writer_init(&out, key + 1, 4);
        p2p_writer_u32(&out, of);
        enum p2p_err err =
            p2p_kv_seek(ledger->kv, P2P_TABLE_INDEX, p2p_slice_of(key, 5), &found, &value);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        if (found.len != sizeof(key) || memcmp(found.data, key, 5) != 0) {
            return P2P_OK;
        }
        memcpy(key, found.data, sizeof(key));
        p2p_reader_init(&in, p2p_slice_of(key + 5, sizeof(key) - 5));
        uint64_t size = p2p_reader_u64(&in);
        uint32_t by = p2p_reader_u32(&in);
        uint64_t index = p2p_reader_u64(&in);
        if (size > feed->edge.size) {
            return P2P_OK;
        }
        err = p2p_kv_del(ledger->kv, P2P_TABLE_INDEX, p2p_slice_of(key, sizeof(key)));
        if (err == P2P_OK) {
            err = settle_claim(ledger, by, index, of);
        }
        if (err != P2P_OK) {
            return err;
        }
    }
}

/* All claims of one feed about another, newest first. changed [out], if any is another now: the
 * index of the oldest of them. */
static enum p2p_err claims_anew(struct p2p_ledger *ledger, uint32_t by, uint32_t of,
                                uint64_t *changed)
{
    uint64_t index = UINT64_MAX;
    for (;;) {
        uint8_t key[KEY_BYTES];
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_reader in;
        struct claim claim;
        enum p2p_err err = p2p_kv_seek(ledger->kv, P2P_TABLE_SEEN, seen_key(key, by, of, index),
                                       &found, &value);
        if (err == P2P_OK) {
            err = read_claim(found, value, by, of, &claim);
        }
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        p2p_reader_init(&in, found);
        p2p_reader_bytes(&in, 8);
        index = ~p2p_reader_u64(&in);
        enum claim_state before = claim.state;
        err = look_at_claim(ledger, of, &claim);
        if ((before == CLAIM_FALSE) != (claim.state == CLAIM_FALSE)) {
            *changed = index;
        }
        if (err == P2P_OK) {
            err = put_claim(ledger, by, index, of, &claim);
        }
        if (err == P2P_OK && claim.state == CLAIM_OPEN) {
            err = note_open(ledger, by, index, of, claim.size);
        } else if (err == P2P_OK) {
            err = drop_open(ledger, by, index, of, claim.size);
        }
        if (err != P2P_OK || index == 0) {
            return err;
        }
        index--;
    }
}

enum p2p_err p2p_known_anew(struct p2p_ledger *ledger, uint32_t of)
{
    enum p2p_err err = P2P_OK;
    for (size_t by = 0; by < ledger->feed_count && err == P2P_OK; by++) {
        uint64_t changed = 0;
        err = claims_anew(ledger, (uint32_t)by, of, &changed);
    }
    return err;
}

enum p2p_err p2p_known_again(struct p2p_ledger *ledger, uint32_t of)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t by = 0; by < ledger->feed_count && err == P2P_OK; by++) {
        uint64_t changed = UINT64_MAX;
        err = claims_anew(ledger, by, of, &changed);
        if (err == P2P_OK && changed != UINT64_MAX) {
            err = p2p_known_mark_from(ledger, by, changed);
        }
    }
    return err;
}

/* ---- as it was ---- */

/* A claim about more than was known then was open; and one about no prefix only because the
 * feed is known to end before was not known to be that. */
static enum p2p_err state_then(const struct p2p_ledger *full, const struct p2p_kv *under,
                               const struct p2p_feed *feed, uint32_t of, uint64_t then,
                               struct claim *claim)
{
    const struct p2p_feed *held = p2p_ledger_feed(full, of);
    struct p2p_hash root;
    if (feed != NULL && claim->size > feed->ends_at) {
        claim->state = CLAIM_FALSE;
        return P2P_OK;
    }
    if (claim->size > then) {
        claim->state = CLAIM_OPEN;
        return P2P_OK;
    }
    if (held == NULL || claim->size <= held->ends_at) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_root_at(held, under, claim->size, &root);
    if (err == P2P_OK) {
        claim->state = p2p_hash_equal(&root, &claim->root) ? CLAIM_TRUE : CLAIM_FALSE;
    }
    return err;
}

enum p2p_err p2p_known_then(const struct p2p_ledger *past, const struct p2p_ledger *full,
                            const struct p2p_kv *under, struct p2p_slice key,
                            struct p2p_slice value, uint64_t then, uint8_t out[P2P_CLAIM_BYTES],
                            uint64_t *refuted_by)
{
    struct p2p_reader in;
    struct claim claim;
    p2p_reader_init(&in, key);
    uint32_t by = p2p_reader_u32(&in);
    uint32_t of = p2p_reader_u32(&in);
    enum p2p_err err = key.len == KEY_BYTES && value.len == VALUE_BYTES ? P2P_OK : P2P_CORRUPT;
    if (err == P2P_OK) {
        err = read_claim(key, value, by, of, &claim);
    }
    if (err != P2P_OK) {
        return err;
    }
    bool was_false = claim.state == CLAIM_FALSE;
    err = state_then(full, under, p2p_ledger_feed(past, of), of, then, &claim);
    if (err == P2P_OK) {
        memcpy(out, value.data, VALUE_BYTES);
        out[1] = (uint8_t)claim.state;
        *refuted_by = was_false && claim.state == CLAIM_OPEN ? claim.size : 0;
    }
    return err;
}

/* ---- taking a `seen` ---- */

static enum p2p_err apply_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                uint32_t of, struct claim *claim)
{
    struct claim before;
    enum p2p_err err =
        index == 0 ? P2P_NOTFOUND : newest_claim(ledger->kv, by, index - 1, of, &before);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    if (err == P2P_OK) {
        claim->highest = before.size > before.highest ? before.size : before.highest;
    }
    err = look_at_claim(ledger, of, claim);
    if (err == P2P_OK) {
        err = put_claim(ledger, by, index, of, claim);
    }
    if (err == P2P_OK && claim->state == CLAIM_OPEN) {
        err = note_open(ledger, by, index, of, claim->size);
    }
    return err;
}

/* Reads one [feed, size, root]; feeds ascend. */
static bool read_entry(struct p2p_unpack *in, uint64_t *least, uint32_t *of,
                       struct claim *claim)
{
    *claim = (struct claim){.state = CLAIM_OPEN};
    bool shape = p2p_unpack_array(in) == 3;
    *of = p2p_unpack_u32(in);
    claim->size = p2p_unpack_uint(in);
    p2p_unpack_fixed(in, claim->root.bytes, P2P_HASH_BYTES);
    shape = shape && !p2p_unpack_failed(in) && *of >= *least;
    *least = (uint64_t)*of + 1;
    return shape;
}

static bool entries_fit(struct p2p_unpack in)
{
    struct claim claim;
    uint64_t least = 0;
    uint32_t of;
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        if (!read_entry(&in, &least, &of, &claim)) {
            return false;
        }
    }
    return p2p_unpack_done(&in);
}

typedef enum p2p_err on_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                              uint32_t of, struct claim *claim);

/* Every entry of a `seen` that says anything: not about its own feed, and not of nothing. */
static enum p2p_err each_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                               struct p2p_slice content, on_claim *act)
{
    struct p2p_unpack in;
    uint64_t least = 0;
    enum p2p_err err = P2P_OK;
    if (p2p_kind_validate(p2p_kind_find(P2P_KIND_SEEN), content) != P2P_OK ||
        !p2p_unpack_find(content, "feeds", &in) || !entries_fit(in)) {
        return P2P_OK; /* names nothing */
    }
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK; i++) {
        struct claim claim;
        uint32_t of;
        bool fits = read_entry(&in, &least, &of, &claim);
        p2p_assert(fits);
        if (of != by && claim.size > 0) {
            err = act(ledger, by, index, of, &claim);
        }
    }
    return err;
}

static enum p2p_err undo_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                               uint32_t of, struct claim *claim)
{
    uint8_t key[KEY_BYTES];
    note_closing(ledger, of);
    enum p2p_err err = drop_open(ledger, by, index, of, claim->size);
    return err == P2P_OK ? p2p_kv_del(ledger->kv, P2P_TABLE_SEEN, seen_key(key, by, of, index))
                         : err;
}

enum p2p_err p2p_known_apply(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                             struct p2p_slice content)
{
    return each_claim(ledger, by, index, content, apply_claim);
}

enum p2p_err p2p_known_undo(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                            struct p2p_slice content)
{
    return each_claim(ledger, by, index, content, undo_claim);
}

enum p2p_err p2p_known_ahead(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                             uint32_t by, bool *ahead)
{
    uint64_t size = 0;
    enum p2p_err err = p2p_known_size_in(kv, by, UINT64_MAX, P2P_CHARTER_FEED, &size);
    if (err == P2P_OK) {
        *ahead = size > p2p_charter_size(ledger->charter);
    }
    return err;
}
