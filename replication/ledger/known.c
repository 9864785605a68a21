/* Lookup of the past: what a feed's `seen` records say it held.
 *
 * One row per (claim, place). A claim is `open` while it is about more than is held here, and
 * cannot be refuted. When the feed it is about has grown that far it becomes `true` or `false`,
 * and what rests on it is looked at again. A false one counts for nothing. An open one, which
 * may stay open for ever, counts only where it makes an answer stricter, or stands for records
 * that are not here: whatever allows, or takes a ban away, rests on true ones. Rows and their
 * states are a function of the records held, in whatever order they came: every claim is
 * stored, whatever was claimed before it.
 *
 *     apply --held--> true | false
 *       |
 *       +--not held--> open --settle--> true | false
 *
 * What was known at an index is the largest claim below it that counts. Honest claims
 * rise, so the newest row answers; `highest` says when an older one might be larger. No more
 * than P2P_CLAIMS_LOOKED_AT rows are read: who made that many claims that are false, or smaller
 * than earlier ones, in a row, has named nothing. */
#include <p2p/ledger.h>

#include <p2p/assert.h>

#include "known_claim.h"
#include "views.h"

#include <string.h>

/* SEEN: the key of known_claim.h -> format, state, size u64, highest u64, root. */
enum { FORMAT = 2 };

struct p2p_slice p2p_claim_key(uint8_t out[P2P_CLAIM_KEY_BYTES], uint32_t by, uint32_t of,
                               uint64_t below)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, P2P_CLAIM_KEY_BYTES);
    p2p_writer_u32(&key, by);
    p2p_writer_u32(&key, of);
    p2p_writer_u64(&key, ~below);
    return p2p_writer_slice(&key);
}

enum p2p_err p2p_claim_read(struct p2p_slice found, struct p2p_slice value, uint32_t by,
                            uint32_t of, struct p2p_claim *claim)
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
    if (!p2p_reader_done(&in) || format != FORMAT || state > P2P_CLAIM_FALSE) {
        return P2P_CORRUPT;
    }
    claim->state = (enum p2p_claim_state)state;
    return P2P_OK;
}

/* Claims about the charter and about closed feeds say where those end. */
static void note_closing(struct p2p_ledger *ledger, uint32_t of)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, of);
    ledger->closings_stale =
        ledger->closings_stale || of == P2P_CHARTER_FEED || (info != NULL && info->closed != 0);
}

enum p2p_err p2p_claim_put(struct p2p_ledger *ledger, uint32_t by, uint64_t index, uint32_t of,
                           const struct p2p_claim *claim)
{
    uint8_t key[P2P_CLAIM_KEY_BYTES];
    uint8_t value[P2P_CLAIM_BYTES];
    struct p2p_writer out;
    note_closing(ledger, of);
    p2p_judge_forget_above(ledger, by, index);
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u8(&out, (uint8_t)claim->state);
    p2p_writer_u64(&out, claim->size);
    p2p_writer_u64(&out, claim->highest);
    p2p_writer_bytes(&out, claim->root.bytes, P2P_HASH_BYTES);
    return p2p_kv_put(ledger->kv, P2P_TABLE_SEEN, p2p_claim_key(key, by, of, index),
                      p2p_writer_slice(&out));
}

enum p2p_err p2p_claim_below(const struct p2p_kv *kv, uint32_t by, uint32_t of, uint64_t below,
                             struct p2p_claim *claim, uint64_t *index)
{
    uint8_t key[P2P_CLAIM_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_SEEN, p2p_claim_key(key, by, of, below), &found, &value);
    if (err == P2P_OK) {
        err = p2p_claim_read(found, value, by, of, claim);
    }
    if (err == P2P_OK) {
        p2p_reader_init(&in, found);
        p2p_reader_bytes(&in, 8);
        *index = ~p2p_reader_u64(&in);
    }
    return err;
}

/* By steps that double, then by halves. */
enum p2p_err p2p_claim_above(const struct p2p_kv *kv, uint32_t by, uint32_t of, uint64_t index,
                             uint64_t end, uint64_t *out)
{
    uint64_t low = index; /* no row in (index, low] */
    uint64_t high = index;
    uint64_t step = 1;
    struct p2p_claim claim;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && high == index) {
        uint64_t probe = end - low > step ? low + step : end - 1;
        if (probe <= low) {
            *out = end;
            return P2P_OK;
        }
        err = p2p_claim_below(kv, by, of, probe, &claim, &high);
        low = high == index ? probe : low;
        step *= 2;
    }
    while (err == P2P_OK && high - low > 1) {
        uint64_t found = index;
        uint64_t middle = low + (high - low) / 2;
        err = p2p_claim_below(kv, by, of, middle, &claim, &found);
        low = found == index ? middle : low;
        high = found == index ? high : found;
    }
    if (err == P2P_OK) {
        *out = high;
    }
    return err;
}

/* open: whether claims that cannot be refuted yet count. refuted as in p2p_known_size_in. */
static enum p2p_err largest_claim(const struct p2p_kv *kv, uint32_t by, uint64_t at,
                                  uint32_t of, bool open, uint64_t *size, bool *refuted)
{
    uint64_t best = 0;
    struct p2p_claim claim;
    *refuted = false;
    if (by == of || at == 0) {
        *size = at;
        return P2P_OK;
    }
    uint64_t index;
    enum p2p_err err = p2p_claim_below(kv, by, of, at - 1, &claim, &index);
    *refuted = err == P2P_OK && claim.state == P2P_CLAIM_FALSE;
    for (unsigned i = 0; err == P2P_OK && i < P2P_CLAIMS_LOOKED_AT; i++) {
        struct p2p_slice found;
        struct p2p_slice value;
        bool counts = claim.state == P2P_CLAIM_TRUE || (open && claim.state == P2P_CLAIM_OPEN);
        if (counts && claim.size > best) {
            best = claim.size;
        }
        if (claim.highest <= best) {
            break;
        }
        err = p2p_kv_next(kv, P2P_TABLE_SEEN, &found, &value);
        if (err == P2P_OK) {
            err = p2p_claim_read(found, value, by, of, &claim);
        }
    }
    if (err == P2P_OK || err == P2P_NOTFOUND) {
        *size = best;
        err = P2P_OK;
    }
    return err;
}

enum p2p_err p2p_known_size_in(const struct p2p_kv *kv, uint32_t by, uint64_t at, uint32_t of,
                               uint64_t *size, bool *refuted)
{
    return largest_claim(kv, by, at, of, true, size, refuted);
}

enum p2p_err p2p_known_size(const struct p2p_ledger *ledger, uint32_t by, uint64_t at,
                            uint32_t of, uint64_t *size)
{
    bool refuted = false;
    return p2p_known_size_in(ledger->kv, by, at, of, size, &refuted);
}

enum p2p_err p2p_known_surely(const struct p2p_ledger *ledger, uint32_t by, uint64_t at,
                              uint32_t of, uint64_t *size)
{
    bool refuted = false;
    return largest_claim(ledger->kv, by, at, of, false, size, &refuted);
}

enum p2p_err p2p_known_named(const struct p2p_ledger *ledger, uint32_t by, uint64_t at,
                             uint32_t of, uint64_t *size)
{
    struct p2p_claim claim;
    uint64_t index;
    enum p2p_err err =
        at == 0 ? P2P_NOTFOUND : p2p_claim_below(ledger->kv, by, of, at - 1, &claim, &index);
    if (err == P2P_OK) {
        *size = claim.size > claim.highest ? claim.size : claim.highest;
    } else if (err == P2P_NOTFOUND) {
        *size = 0;
        err = P2P_OK;
    }
    return err;
}

/* Whether this row or one before it, false or not, names more than a size: true of all rows
 * from the oldest such one on. */
static bool has_named(const struct p2p_claim *claim, uint64_t size)
{
    return claim->size > size || claim->highest > size;
}

/* The oldest row by `by` about `of` that names more than a size, false or not, and the newest
 * row of all. */
static enum p2p_err oldest_above(const struct p2p_kv *kv, uint32_t by, uint32_t of,
                                 uint64_t size, struct p2p_claim *claim, uint64_t *index,
                                 uint64_t *newest)
{
    uint64_t low = 0; /* no row below it is one */
    enum p2p_err err = p2p_claim_below(kv, by, of, UINT64_MAX, claim, newest);
    if (err != P2P_OK || !has_named(claim, size)) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    *index = *newest;
    while (low < *index) {
        uint64_t middle = low + (*index - low) / 2;
        uint64_t at = 0;
        struct p2p_claim found;
        err = p2p_claim_below(kv, by, of, middle, &found, &at);
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            return err;
        }
        if (err == P2P_OK && has_named(&found, size)) {
            *claim = found;
            *index = at;
        } else {
            low = middle + 1;
        }
    }
    return P2P_OK;
}

/* Honest claims rise and are true, so the first that is looked at is the one; who made false
 * ones is gone through from there. */
enum p2p_err p2p_known_first(const struct p2p_ledger *ledger, uint32_t by, uint32_t of,
                             uint64_t size, uint64_t *index)
{
    struct p2p_claim claim;
    uint64_t at = 0;
    uint64_t newest = 0;
    enum p2p_err err = oldest_above(ledger->kv, by, of, size, &claim, &at, &newest);
    while (err == P2P_OK && (claim.state == P2P_CLAIM_FALSE || claim.size <= size)) {
        if (at == newest) {
            return P2P_NOTFOUND;
        }
        err = p2p_claim_above(ledger->kv, by, of, at, newest + 1, &at);
        if (err == P2P_OK) {
            err = p2p_claim_below(ledger->kv, by, of, at, &claim, &at);
        }
    }
    if (err == P2P_OK) {
        *index = at;
    }
    return err;
}

/* Of no prefix of a feed that ends before, and of no charter that there can be. */
static bool of_nothing(const struct p2p_feed *feed, uint32_t of, const struct p2p_claim *claim)
{
    return (feed != NULL && claim->size > feed->ends_at) ||
           (of == P2P_CHARTER_FEED && claim->size > P2P_VERSIONS_MAX);
}

bool p2p_claim_is_of_held(const struct p2p_ledger *ledger, uint32_t of, struct p2p_claim *claim)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    if (of_nothing(feed, of, claim)) {
        claim->state = P2P_CLAIM_FALSE;
        return false;
    }
    if (feed == NULL || claim->size > feed->edge.size) {
        claim->state = P2P_CLAIM_OPEN;
        return false;
    }
    return true;
}

enum p2p_err p2p_claim_look(const struct p2p_ledger *ledger, uint32_t of,
                            struct p2p_claim *claim)
{
    struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    struct p2p_hash root;
    if (!p2p_claim_is_of_held(ledger, of, claim)) {
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_feed_flush(feed, ledger->kv); /* its hashes are read from the store */
    if (err == P2P_OK) {
        err = p2p_feed_root_at(feed, ledger->kv, claim->size, &root);
    }
    if (err == P2P_OK) {
        claim->state = p2p_hash_equal(&root, &claim->root) ? P2P_CLAIM_TRUE : P2P_CLAIM_FALSE;
    }
    return err;
}

enum p2p_err p2p_known_row_read(struct p2p_known_row *out, struct p2p_slice key,
                                struct p2p_slice value)
{
    struct p2p_reader in;
    struct p2p_claim claim;
    struct p2p_known_row row;
    p2p_reader_init(&in, key);
    row.by = p2p_reader_u32(&in);
    row.of = p2p_reader_u32(&in);
    row.index = ~p2p_reader_u64(&in);
    enum p2p_err err =
        p2p_reader_done(&in) ? p2p_claim_read(key, value, row.by, row.of, &claim) : P2P_CORRUPT;
    if (err == P2P_OK) {
        row.size = claim.size;
        row.highest = claim.highest;
        row.is_open = claim.state == P2P_CLAIM_OPEN;
        row.is_false = claim.state == P2P_CLAIM_FALSE;
        *out = row;
    }
    return err;
}

/* ---- as it was ---- */

/* A claim about more than was known then was open; and one about no prefix only because the
 * feed is known to end before was not known to be that. */
static enum p2p_err state_then(const struct p2p_ledger *full, const struct p2p_kv *under,
                               const struct p2p_feed *feed, uint32_t of, uint64_t then,
                               struct p2p_claim *claim)
{
    const struct p2p_feed *held = p2p_ledger_feed(full, of);
    struct p2p_hash root;
    if (of_nothing(feed, of, claim)) {
        claim->state = P2P_CLAIM_FALSE;
        return P2P_OK;
    }
    if (claim->size > then) {
        claim->state = P2P_CLAIM_OPEN;
        return P2P_OK;
    }
    if (held == NULL || claim->size <= held->ends_at) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_root_at(held, under, claim->size, &root);
    if (err == P2P_OK) {
        claim->state = p2p_hash_equal(&root, &claim->root) ? P2P_CLAIM_TRUE : P2P_CLAIM_FALSE;
    }
    return err;
}

enum p2p_err p2p_known_then(const struct p2p_ledger *past, const struct p2p_ledger *full,
                            const struct p2p_kv *under, struct p2p_slice key,
                            struct p2p_slice value, uint64_t then, uint8_t out[P2P_CLAIM_BYTES],
                            uint64_t *settled_by)
{
    struct p2p_reader in;
    struct p2p_claim claim;
    p2p_reader_init(&in, key);
    uint32_t by = p2p_reader_u32(&in);
    uint32_t of = p2p_reader_u32(&in);
    enum p2p_err err =
        key.len == P2P_CLAIM_KEY_BYTES && value.len == P2P_CLAIM_BYTES ? P2P_OK : P2P_CORRUPT;
    if (err == P2P_OK) {
        err = p2p_claim_read(key, value, by, of, &claim);
    }
    if (err != P2P_OK) {
        return err;
    }
    bool is_open = claim.state == P2P_CLAIM_OPEN;
    err = state_then(full, under, p2p_ledger_feed(past, of), of, then, &claim);
    if (err == P2P_OK) {
        memcpy(out, value.data, P2P_CLAIM_BYTES);
        out[1] = (uint8_t)claim.state;
        *settled_by = !is_open && claim.state == P2P_CLAIM_OPEN ? claim.size : 0;
    }
    return err;
}

/* ---- taking a `seen` ---- */

enum p2p_err p2p_claim_apply(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                             uint32_t of, struct p2p_claim *claim)
{
    struct p2p_claim before;
    uint64_t at;
    enum p2p_err err = index == 0
                           ? P2P_NOTFOUND
                           : p2p_claim_below(ledger->kv, by, of, index - 1, &before, &at);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    if (err == P2P_OK) {
        claim->highest = before.size > before.highest ? before.size : before.highest;
    }
    err = p2p_claim_look(ledger, of, claim);
    if (err == P2P_OK) {
        err = p2p_claim_put(ledger, by, index, of, claim);
    }
    if (err == P2P_OK && claim->state == P2P_CLAIM_OPEN) {
        err = p2p_claim_note_open(ledger, by, index, of, claim->size);
    }
    return err;
}

/* Reads one [feed, size, root]; feeds ascend. */
static bool read_entry(struct p2p_unpack *in, uint64_t *least, uint32_t *of,
                       struct p2p_claim *claim)
{
    *claim = (struct p2p_claim){.state = P2P_CLAIM_OPEN};
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
    struct p2p_claim claim;
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

enum p2p_err p2p_claim_each(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                            struct p2p_slice content, p2p_on_claim *act)
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
        struct p2p_claim claim;
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
                               uint32_t of, struct p2p_claim *claim)
{
    uint8_t key[P2P_CLAIM_KEY_BYTES];
    note_closing(ledger, of);
    p2p_judge_forget_above(ledger, by, index);
    enum p2p_err err = p2p_claim_drop_open(ledger, by, index, of, claim->size);
    return err == P2P_OK
               ? p2p_kv_del(ledger->kv, P2P_TABLE_SEEN, p2p_claim_key(key, by, of, index))
               : err;
}

enum p2p_err p2p_known_apply(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                             struct p2p_slice content)
{
    return p2p_claim_each(ledger, by, index, content, p2p_claim_apply);
}

enum p2p_err p2p_known_undo(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                            struct p2p_slice content)
{
    return p2p_claim_each(ledger, by, index, content, undo_claim);
}

enum p2p_err p2p_known_ahead(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                             uint32_t by, bool *ahead)
{
    uint64_t size = 0;
    bool refuted = false;
    enum p2p_err err = p2p_known_size_in(kv, by, UINT64_MAX, P2P_CHARTER_FEED, &size, &refuted);
    if (err == P2P_OK) {
        *ahead = size > p2p_charter_size(ledger->charter);
    }
    return err;
}
