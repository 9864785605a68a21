/* The rows of a ledger as they would stand had it taken only what lies below a horizon. */
#include "past_state.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

/* ISSUER rows, as judge.c and number.c write them. */
enum { ROW_VERDICT = 2, VERDICT_KEY_BYTES = 1 + 4 + 8, ROW_NUMBER = 4 };

/* ---- rows that stand apart ---- */

static int compare_row(const struct past_row *row, enum p2p_table table, struct p2p_slice key)
{
    if (row->table != table) {
        return row->table < table ? -1 : 1;
    }
    return p2p_slice_compare(row->key, key);
}

size_t p2p_past_row_place(const struct past_rows *rows, enum p2p_table table,
                          struct p2p_slice key)
{
    size_t low = 0;
    size_t high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_row(&rows->at[middle], table, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct past_row *p2p_past_row_find(const struct past_rows *rows, enum p2p_table table,
                                         struct p2p_slice key)
{
    size_t at = p2p_past_row_place(rows, table, key);
    return at < rows->count && compare_row(&rows->at[at], table, key) == 0 ? &rows->at[at]
                                                                           : NULL;
}

enum p2p_err p2p_past_row_put(const struct p2p_past *past, struct past_rows *rows,
                              enum p2p_table table, struct p2p_slice key,
                              struct p2p_slice value)
{
    size_t at = p2p_past_row_place(rows, table, key);
    bool there = at < rows->count && compare_row(&rows->at[at], table, key) == 0;
    struct past_row row = {.table = table, .key = key, .value = value};
    if (value.len > 0) {
        row.value = p2p_arena_copy(&rows->arena, value);
    }
    if (!there) {
        row.key = p2p_arena_copy(&rows->arena, key);
    }
    if (row.key.data == NULL || (value.len > 0 && row.value.data == NULL)) {
        return P2P_NOMEM;
    }
    if (there) {
        rows->at[at].value = row.value;
        return P2P_OK;
    }
    if (rows->count == rows->cap) {
        size_t cap = rows->cap == 0 ? 16 : 2 * rows->cap;
        void *grown = p2p_alloc_resize(past->alloc, rows->at, cap, sizeof(*rows->at));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        rows->at = grown;
        rows->cap = cap;
    }
    memmove(&rows->at[at + 1], &rows->at[at], (rows->count - at) * sizeof(row));
    rows->at[at] = row;
    rows->count++;
    return P2P_OK;
}

static enum p2p_err row_del(struct past_rows *rows, enum p2p_table table, struct p2p_slice key)
{
    size_t at = p2p_past_row_place(rows, table, key);
    if (at == rows->count || compare_row(&rows->at[at], table, key) != 0) {
        return P2P_NOTFOUND;
    }
    rows->count--;
    memmove(&rows->at[at], &rows->at[at + 1], (rows->count - at) * sizeof(*rows->at));
    return P2P_OK;
}

void p2p_past_rows_clear(struct past_rows *rows)
{
    rows->count = 0;
    p2p_arena_reset(&rows->arena);
}

bool p2p_past_is_carrier(const struct p2p_past *past, const struct p2p_record_id *id)
{
    size_t low = 0;
    size_t high = past->carrier_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = p2p_record_id_compare(&past->carriers[middle], id);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* ---- rows that end in a record's id: TOUCH, INDEX, and all views but forks ---- */

/* The first row from key on that begins with the same `prefix` bytes, is as long as key, and is
 * about a record below the horizon. What is passed over is noted for the fold. key [in, out]:
 * P2P_KV_KEY_BYTES_MAX bytes of room. */
static enum p2p_err seek_seen(struct p2p_past *past, enum p2p_table table, uint8_t *key,
                              size_t len, struct p2p_slice *found, struct p2p_slice *value)
{
    size_t prefix = len - P2P_ID_KEY_BYTES;
    for (;;) {
        struct p2p_record_id id;
        struct p2p_slice at;
        enum p2p_err err = p2p_kv_seek(past->under, table, p2p_slice_of(key, len), &at, value);
        if (err != P2P_OK) {
            return err;
        }
        if (at.len != len || memcmp(at.data, key, prefix) != 0 ||
            !p2p_id_from_key(p2p_slice_of(at.data + prefix, P2P_ID_KEY_BYTES), &id)) {
            return P2P_NOTFOUND;
        }
        if (p2p_past_sees(past, &id)) {
            *found = at;
            return P2P_OK;
        }
        p2p_past_rest(past, id.feed, id.index);
        if (id.feed == UINT32_MAX) {
            return P2P_NOTFOUND;
        }
        p2p_id_key(key + prefix, &(struct p2p_record_id){id.feed + 1, 0});
    }
}

/* To the smallest key above one that ends in an id. */
static bool step(uint8_t *key, size_t len)
{
    size_t at = len;
    while (at > len - P2P_ID_KEY_BYTES && key[at - 1] == 0xff) {
        key[--at] = 0;
    }
    if (at == len - P2P_ID_KEY_BYTES) {
        return false;
    }
    key[at - 1]++;
    return true;
}

/* The same without carriers of rescued bans, whose rows stand apart. values: a row of the view
 * counts when there is a value then, which is given instead. */
static enum p2p_err seek_own(struct p2p_past *past, enum p2p_table table, uint8_t *key,
                             size_t len, bool values, struct p2p_slice *found,
                             struct p2p_slice *value)
{
    for (;;) {
        struct p2p_record_id id;
        enum p2p_err err = seek_seen(past, table, key, len, found, value);
        if (err != P2P_OK) {
            return err;
        }
        memcpy(key, found->data, len);
        *found = p2p_slice_of(key, len);
        bool is_id =
            p2p_id_from_key(p2p_slice_of(key + len - P2P_ID_KEY_BYTES, P2P_ID_KEY_BYTES), &id);
        p2p_assert(is_id);
        err = p2p_past_is_carrier(past, &id) ? P2P_NOTFOUND : P2P_OK;
        if (err == P2P_OK && values && !p2p_past_stands(past, &id)) {
            err = p2p_past_value(past, *found, value);
        }
        if (err != P2P_NOTFOUND) {
            return err;
        }
        if (!step(key, len)) {
            return P2P_NOTFOUND;
        }
    }
}

/* The first of the rows apart from key on that begins with the same `prefix` bytes. */
static const struct past_row *seek_apart(const struct p2p_past *past, enum p2p_table table,
                                         struct p2p_slice key, size_t prefix)
{
    size_t at = p2p_past_row_place(&past->apart, table, key);
    bool there = at < past->apart.count && past->apart.at[at].table == table &&
                 past->apart.at[at].key.len >= prefix &&
                 memcmp(past->apart.at[at].key.data, key.data, prefix) == 0;
    return there ? &past->apart.at[at] : NULL;
}

/* Own rows and rows apart, in order. */
static enum p2p_err seek_both(struct p2p_past *past, enum p2p_table table, struct p2p_slice key,
                              size_t prefix, struct p2p_slice *found, struct p2p_slice *value)
{
    uint8_t *room = past->last[table];
    const struct past_row *apart = seek_apart(past, table, key, prefix);
    enum p2p_err err = P2P_NOTFOUND;
    if (key.len >= prefix && key.len <= prefix + P2P_ID_KEY_BYTES) {
        size_t len = prefix + P2P_ID_KEY_BYTES;
        memmove(room, key.data, key.len);
        memset(room + key.len, 0, len - key.len);
        err = seek_own(past, table, room, len, table == P2P_TABLE_VIEW, found, value);
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    if (apart != NULL && (err == P2P_NOTFOUND || p2p_slice_compare(apart->key, *found) < 0)) {
        memcpy(room, apart->key.data, apart->key.len);
        *found = p2p_slice_of(room, apart->key.len);
        *value = apart->value;
        err = P2P_OK;
    }
    return err;
}

/* ---- the tables ---- */

static enum p2p_err get_view(struct p2p_past *past, struct p2p_slice key,
                             struct p2p_slice *value)
{
    struct p2p_record_id id;
    const struct past_row *apart = p2p_past_row_find(&past->apart, P2P_TABLE_VIEW, key);
    if (apart != NULL) {
        *value = apart->value;
        return P2P_OK;
    }
    bool inside = past->folding && (past->folding_apart || key.len == 0 ||
                                    key.data[0] >= (uint8_t)past->folding_view);
    if (inside || key.len != PAST_KEY_BYTES || !p2p_past_folds(key.data[0]) ||
        !p2p_id_from_key(p2p_slice_of(key.data + 5, P2P_ID_KEY_BYTES), &id) ||
        p2p_past_is_carrier(past, &id)) {
        return P2P_NOTFOUND;
    }
    if (!p2p_past_sees(past, &id)) {
        p2p_past_rest(past, id.feed, id.index);
        return P2P_NOTFOUND;
    }
    struct p2p_slice there; /* one whose payload is held, as the fold would find */
    enum p2p_err err = p2p_kv_get(past->under, P2P_TABLE_VIEW, key, &there);
    if (err == P2P_OK && p2p_past_stands(past, &id)) {
        *value = there;
        return P2P_OK;
    }
    return err == P2P_OK ? p2p_past_value(past, key, value) : err;
}

static enum p2p_err seek_view(struct p2p_past *past, struct p2p_slice key,
                              struct p2p_slice *found, struct p2p_slice *value)
{
    p2p_assert(!past->folding && key.len >= 5);
    if (p2p_past_folds(key.data[0])) {
        return seek_both(past, P2P_TABLE_VIEW, key, 5, found, value);
    }
    const struct past_row *apart = seek_apart(past, P2P_TABLE_VIEW, key, 5);
    if (apart == NULL) {
        return P2P_NOTFOUND;
    }
    memcpy(past->last[P2P_TABLE_VIEW], apart->key.data, apart->key.len);
    *found = p2p_slice_of(past->last[P2P_TABLE_VIEW], apart->key.len);
    *value = apart->value;
    return P2P_OK;
}

static enum p2p_err seek_index(struct p2p_past *past, struct p2p_slice key,
                               struct p2p_slice *found, struct p2p_slice *value)
{
    bool by_id = key.data[0] == P2P_INDEX_SUBJECT || key.data[0] == P2P_INDEX_CONTAINER ||
                 key.data[0] == P2P_INDEX_TOKEN_RIGHT;
    /* Rows by party are those of the whole ledger: who reads them looks at the right's value.
     */
    if (key.data[0] >= P2P_INDEX_LACK && !by_id && key.data[0] != P2P_INDEX_PARTY_RIGHT) {
        return P2P_NOTFOUND; /* what a node lacks, keeps aside or folds again is its own */
    }
    if (key.len <= P2P_ID_KEY_BYTES || !by_id) {
        return p2p_kv_seek(past->under, P2P_TABLE_INDEX, key, found, value);
    }
    return seek_both(past, P2P_TABLE_INDEX, key, key.len - P2P_ID_KEY_BYTES, found, value);
}

static enum p2p_err seek_touch(struct p2p_past *past, struct p2p_slice key,
                               struct p2p_slice *found, struct p2p_slice *value)
{
    uint8_t *room = past->last[P2P_TABLE_TOUCH];
    if (key.len <= P2P_ID_KEY_BYTES) {
        return P2P_NOTFOUND;
    }
    memmove(room, key.data, key.len);
    return seek_seen(past, P2P_TABLE_TOUCH, room, key.len, found, value);
}

/* A row of SEEN that was found, as it was; of the same two feeds as the key. */
static enum p2p_err claim_then(struct p2p_past *past, struct p2p_slice key,
                               struct p2p_slice found, struct p2p_slice *value)
{
    struct p2p_reader in;
    uint64_t settled_by = 0;
    if (found.len != key.len || memcmp(found.data, key.data, 8) != 0) {
        return P2P_NOTFOUND;
    }
    p2p_reader_init(&in, found);
    p2p_reader_u32(&in);
    uint32_t of = p2p_reader_u32(&in);
    enum p2p_err err = p2p_known_then(&past->ledger, past->full, past->under, found, *value,
                                      p2p_past_size(past, of), past->claim, &settled_by);
    if (err == P2P_OK) {
        *value = p2p_slice_of(past->claim, sizeof(past->claim));
        if (settled_by > 0) {
            p2p_past_rest(past, of, settled_by - 1);
        }
    }
    return err;
}

static enum p2p_err seek_seen_rows(struct p2p_past *past, struct p2p_slice key,
                                   struct p2p_slice *found, struct p2p_slice *value)
{
    uint8_t *room = past->last[P2P_TABLE_SEEN];
    struct p2p_reader in;
    struct p2p_writer out;
    p2p_reader_init(&in, key);
    uint32_t by = p2p_reader_u32(&in);
    uint32_t of = p2p_reader_u32(&in);
    uint64_t index = ~p2p_reader_u64(&in);
    if (!p2p_reader_done(&in) || p2p_past_size(past, by) == 0) {
        return P2P_NOTFOUND;
    }
    p2p_writer_init(&out, room, P2P_KV_KEY_BYTES_MAX);
    p2p_writer_u32(&out, by);
    p2p_writer_u32(&out, of);
    p2p_writer_u64(&out,
                   ~(index < p2p_past_size(past, by) ? index : p2p_past_size(past, by) - 1));
    enum p2p_err err =
        p2p_kv_seek(past->under, P2P_TABLE_SEEN, p2p_writer_slice(&out), found, value);
    return err == P2P_OK ? claim_then(past, p2p_writer_slice(&out), *found, value) : err;
}

/* A verdict or a number that rests on an issuer whom only the charter as of then names. */
static enum p2p_err get_issuer(struct p2p_past *past, struct p2p_slice key,
                               struct p2p_slice *value)
{
    struct p2p_reader in;
    struct p2p_slice leaf;
    struct p2p_record record;
    uint32_t issuer = 0;
    enum p2p_err err = p2p_kv_get(past->under, P2P_TABLE_ISSUER, key, value);
    p2p_reader_init(&in, key);
    uint8_t type = p2p_reader_u8(&in);
    uint32_t feed = p2p_reader_u32(&in);
    if (type == ROW_VERDICT && key.len == VERDICT_KEY_BYTES && err == P2P_OK &&
        value->len == 2 && value->data[1] == P2P_WHY_UNKNOWN_ISSUER &&
        p2p_past_size(past, feed) > 0) {
        err = p2p_feed_leaf(&past->feeds[feed], past->under, p2p_reader_u64(&in), &leaf);
        if (err == P2P_OK && p2p_record_decode(&record, leaf) != P2P_OK) {
            err = P2P_CORRUPT; /* only canonical records were let in */
        }
        issuer = err == P2P_OK ? record.issuer : 0;
    } else if (type == ROW_NUMBER && err == P2P_NOTFOUND) {
        issuer = p2p_reader_u32(&in);
    }
    if (issuer == 0 || p2p_charter_issuer(past->full->charter, issuer) != NULL ||
        p2p_charter_issuer(past->ledger.charter, issuer) == NULL) {
        return err;
    }
    enum p2p_err weighed = p2p_past_reweigh(past, issuer);
    if (weighed != P2P_OK) {
        return weighed;
    }
    const struct past_row *row = p2p_past_row_find(&past->reweighed, P2P_TABLE_ISSUER, key);
    if (row == NULL) {
        return P2P_NOTFOUND; /* a verdict of none has no row */
    }
    *value = row->value;
    return P2P_OK;
}

/* ---- the seam ---- */

static enum p2p_err kv_seek(void *context, enum p2p_table table, struct p2p_slice key,
                            struct p2p_slice *found, struct p2p_slice *value)
{
    struct p2p_past *past = context;
    enum p2p_err err = P2P_OK;
    switch (table) {
    case P2P_TABLE_VIEW:
        err = seek_view(past, key, found, value);
        break;
    case P2P_TABLE_INDEX:
        err = seek_index(past, key, found, value);
        break;
    case P2P_TABLE_TOUCH:
        err = seek_touch(past, key, found, value);
        break;
    case P2P_TABLE_SEEN:
        err = seek_seen_rows(past, key, found, value);
        break;
    case P2P_TABLE_RECORD:
    case P2P_TABLE_HASH:
    case P2P_TABLE_FEED:
    case P2P_TABLE_CHECKPOINT:
    case P2P_TABLE_PAYLOAD:
    case P2P_TABLE_ISSUER:
    case P2P_TABLE_META:
    case P2P_TABLE_HISTORY:
    case P2P_TABLE_COUNT:
        return p2p_kv_seek(past->under, table, key, found, value);
    }
    if (err == P2P_OK) {
        memmove(past->last[table], found->data, found->len);
        past->last_len[table] = found->len;
    }
    return err;
}

static enum p2p_err kv_next(void *context, enum p2p_table table, struct p2p_slice *found,
                            struct p2p_slice *value)
{
    struct p2p_past *past = context;
    uint8_t from[P2P_KV_KEY_BYTES_MAX + 1];
    size_t len = past->last_len[table];
    switch (table) {
    case P2P_TABLE_VIEW:
    case P2P_TABLE_INDEX:
    case P2P_TABLE_TOUCH:
    case P2P_TABLE_SEEN:
        memcpy(from, past->last[table], len);
        if (table == P2P_TABLE_VIEW && len > 0 && !p2p_past_folds(from[0])) {
            from[len++] = 0;
        } else if (len < P2P_ID_KEY_BYTES || !step(from, len)) {
            return P2P_NOTFOUND;
        }
        return kv_seek(context, table, p2p_slice_of(from, len), found, value);
    case P2P_TABLE_RECORD:
    case P2P_TABLE_HASH:
    case P2P_TABLE_FEED:
    case P2P_TABLE_CHECKPOINT:
    case P2P_TABLE_PAYLOAD:
    case P2P_TABLE_ISSUER:
    case P2P_TABLE_META:
    case P2P_TABLE_HISTORY:
    case P2P_TABLE_COUNT:
        break;
    }
    return p2p_kv_next(past->under, table, found, value);
}

static enum p2p_err kv_get(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice *value)
{
    struct p2p_past *past = context;
    struct p2p_slice found;
    enum p2p_err err = P2P_OK;
    switch (table) {
    case P2P_TABLE_VIEW:
        return get_view(past, key, value);
    case P2P_TABLE_ISSUER:
        return get_issuer(past, key, value);
    case P2P_TABLE_INDEX:
    case P2P_TABLE_TOUCH:
    case P2P_TABLE_SEEN:
        err = kv_seek(context, table, key, &found, value);
        return err == P2P_OK && !p2p_slice_equal(found, key) ? P2P_NOTFOUND : err;
    case P2P_TABLE_RECORD:
    case P2P_TABLE_HASH:
    case P2P_TABLE_FEED:
    case P2P_TABLE_CHECKPOINT:
    case P2P_TABLE_PAYLOAD:
    case P2P_TABLE_META:
    case P2P_TABLE_HISTORY:
    case P2P_TABLE_COUNT:
        break;
    }
    return p2p_kv_get(past->under, table, key, value);
}

/* Folds write values of views, and rescued bans their rows; nothing else is written to a past,
 * or stands in it. */
static enum p2p_err kv_put(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice value)
{
    struct p2p_past *past = context;
    if (past->folding_apart && (table == P2P_TABLE_VIEW || table == P2P_TABLE_INDEX)) {
        return p2p_past_row_put(past, &past->apart, table, key, value);
    }
    if (past->folding && table == P2P_TABLE_INDEX) {
        return P2P_OK; /* by which a fold is found again: a past finds none */
    }
    if (!past->folding || table != P2P_TABLE_VIEW) {
        return P2P_RDONLY;
    }
    past->folded = p2p_arena_copy(&past->work[past->depth - 1], value);
    return past->folded.data == NULL ? P2P_NOMEM : P2P_OK;
}

static enum p2p_err kv_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct p2p_past *past = context;
    return past->folding_apart ? row_del(&past->apart, table, key) : P2P_RDONLY;
}

void p2p_past_kv_init(struct p2p_past *past)
{
    past->kv = (struct p2p_kv){.get = kv_get,
                               .put = kv_put,
                               .del = kv_del,
                               .seek = kv_seek,
                               .next = kv_next,
                               .context = past};
}
