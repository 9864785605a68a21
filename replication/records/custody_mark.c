/* Which tokens are folded again when something changed that is none of their records: rows to
 * find them by, and marks. */
#include "custody_fold.h"

#include <p2p/right.h>

#include <string.h>

enum { ROW_BYTES_MAX = 1 + 4 + P2P_CONTAINER_BYTES_MAX + P2P_ID_KEY_BYTES };
_Static_assert(P2P_CONTAINER_BYTES_MAX >= 2 * P2P_ID_KEY_BYTES,
               "so do two ids before a token's");

static void put_id(struct p2p_writer *out, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    p2p_id_key(key, id);
    p2p_writer_bytes(out, key, sizeof(key));
}

/* (index, number, circle or a name) and an id behind it. */
static struct p2p_slice container_row(uint8_t out[ROW_BYTES_MAX], uint32_t circle,
                                      struct p2p_slice container,
                                      const struct p2p_record_id *id)
{
    struct p2p_writer row;
    p2p_writer_init(&row, out, ROW_BYTES_MAX);
    p2p_writer_u8(&row, P2P_INDEX_CONTAINER);
    p2p_writer_u32(&row, circle);
    p2p_writer_bytes(&row, container.data, container.len);
    put_id(&row, id);
    return p2p_writer_slice(&row);
}

static struct p2p_slice holder_row(uint8_t out[ROW_BYTES_MAX], uint32_t feed, uint32_t circle,
                                   const struct p2p_record_id *id)
{
    struct p2p_writer row;
    p2p_writer_init(&row, out, ROW_BYTES_MAX);
    p2p_writer_u8(&row, P2P_INDEX_HOLDER);
    p2p_writer_u32(&row, feed);
    p2p_writer_u32(&row, circle);
    put_id(&row, id);
    return p2p_writer_slice(&row);
}

static struct p2p_slice seal_row(uint8_t out[ROW_BYTES_MAX], const struct p2p_record_id *seal,
                                 const struct p2p_record_id *by, uint32_t circle,
                                 const struct p2p_record_id *id)
{
    struct p2p_writer row;
    p2p_writer_init(&row, out, ROW_BYTES_MAX);
    p2p_writer_u8(&row, P2P_INDEX_SEAL);
    put_id(&row, seal);
    put_id(&row, by);
    p2p_writer_u32(&row, circle);
    put_id(&row, id);
    return p2p_writer_slice(&row);
}

static struct p2p_slice waits_row(uint8_t out[ROW_BYTES_MAX], uint32_t circle,
                                  const struct p2p_record_id *id)
{
    struct p2p_writer row;
    p2p_writer_init(&row, out, ROW_BYTES_MAX);
    p2p_writer_u8(&row, P2P_INDEX_RESTS_BAD);
    p2p_writer_u32(&row, circle);
    put_id(&row, id);
    return p2p_writer_slice(&row);
}

/* Whether a feed holds a record about a token. */
static enum p2p_err wrote(struct p2p_ledger *ledger, uint32_t feed,
                          const struct p2p_record_id *token, bool *out)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    p2p_touch_begin(&walk, P2P_VIEW_CUSTODY, p2p_id_key(key, token));
    if (feed > 0) {
        walk.begun = true;
        walk.last = (struct p2p_record_id){feed - 1, UINT64_MAX - 1};
    }
    enum p2p_err err = p2p_touch_next(&walk, ledger->kv, &by);
    *out = err == P2P_OK && by.feed == feed;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Most who write about a token wrote about it before, and a row written again is a page written
 * again. */
enum p2p_err p2p_custody_row_holder(struct p2p_ledger *ledger, uint32_t feed, uint32_t circle,
                                    const struct p2p_record_id *token)
{
    uint8_t row[ROW_BYTES_MAX];
    struct p2p_slice key = holder_row(row, feed, circle, token);
    struct p2p_slice value;
    bool others = false;
    if (!ledger->undoing && !ledger->comparing) {
        enum p2p_err err = p2p_kv_get(ledger->kv, P2P_TABLE_INDEX, key, &value);
        return err == P2P_NOTFOUND ? p2p_index_put(ledger, key) : err;
    }
    enum p2p_err err = ledger->undoing ? wrote(ledger, feed, token, &others) : P2P_OK;
    return err == P2P_OK && !others ? p2p_index_put(ledger, key) : err;
}

enum p2p_err p2p_custody_row_container(struct p2p_ledger *ledger, uint32_t circle,
                                       struct p2p_slice container,
                                       const struct p2p_record_id *token)
{
    uint8_t row[ROW_BYTES_MAX];
    return p2p_index_put(ledger, container_row(row, circle, container, token));
}

enum p2p_err p2p_custody_row_seal(struct p2p_ledger *ledger, const struct p2p_record_id *seal,
                                  const struct p2p_record_id *by, uint32_t circle,
                                  const struct p2p_record_id *token)
{
    uint8_t row[ROW_BYTES_MAX];
    return p2p_index_put(ledger, seal_row(row, seal, by, circle, token));
}

enum p2p_err p2p_custody_row_waits(struct p2p_ledger *ledger, uint32_t circle,
                                   const struct p2p_record_id *token, bool waits)
{
    uint8_t bytes[ROW_BYTES_MAX];
    struct p2p_slice value;
    struct p2p_slice row = waits_row(bytes, circle, token);
    enum p2p_err err = p2p_kv_get(ledger->kv, P2P_TABLE_INDEX, row, &value);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    if (waits == (err == P2P_OK)) {
        return P2P_OK;
    }
    return waits ? p2p_kv_put(ledger->kv, P2P_TABLE_INDEX, row, p2p_slice_of("", 0))
                 : p2p_kv_del(ledger->kv, P2P_TABLE_INDEX, row);
}

/* ---- walks ---- */

/* The first row at or above one that ends in an id, of those that begin alike; *id is its own.
 * P2P_NOTFOUND. */
static enum p2p_err next_row(const struct p2p_kv *kv, struct p2p_slice from, size_t prefix,
                             struct p2p_record_id *id)
{
    struct p2p_slice found;
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_INDEX, from, &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != from.len || memcmp(found.data, from.data, prefix) != 0) {
        return P2P_NOTFOUND;
    }
    return p2p_id_from_key(
               p2p_slice_of(found.data + found.len - P2P_ID_KEY_BYTES, P2P_ID_KEY_BYTES), id)
               ? P2P_OK
               : P2P_CORRUPT;
}

enum p2p_err p2p_custody_next_of(const struct p2p_kv *kv, uint32_t circle,
                                 struct p2p_slice container, const struct p2p_record_id *after,
                                 bool begin, struct p2p_record_id *out)
{
    uint8_t row[ROW_BYTES_MAX];
    struct p2p_record_id from = {0, 0};
    if (container.len == 0 || container.len > P2P_CONTAINER_BYTES_MAX) {
        return P2P_NOTFOUND;
    }
    if (!begin) {
        from = *after;
        from.index++;
    }
    struct p2p_slice key = container_row(row, circle, container, &from);
    return next_row(kv, key, key.len - P2P_ID_KEY_BYTES, out);
}

/* ---- marks ---- */

static enum p2p_err mark_one(struct p2p_ledger *ledger, uint32_t circle,
                             const struct p2p_record_id *token)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    enum p2p_err err = p2p_view_mark(ledger, P2P_VIEW_CUSTODY, p2p_id_key(key, token));
    return err == P2P_OK ? p2p_right_mark_on(ledger, circle, token) : err;
}

static enum p2p_err mark_container(struct p2p_ledger *ledger, uint32_t circle,
                                   struct p2p_slice container)
{
    struct p2p_record_id id;
    enum p2p_err err = p2p_custody_next_of(ledger->kv, circle, container, NULL, true, &id);
    while (err == P2P_OK) {
        err = mark_one(ledger, circle, &id);
        if (err == P2P_OK) {
            err = p2p_custody_next_of(ledger->kv, circle, container, &id, false, &id);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err knows(const struct p2p_ledger *ledger, const struct p2p_record_id *one,
                          const struct p2p_record_id *other, bool *out)
{
    uint64_t known = 0;
    enum p2p_err err = p2p_known_surely(ledger, one->feed, one->index, other->feed, &known);
    *out = err == P2P_OK && other->index < known;
    return err;
}

/* Whether a record about one token may matter to another of its container: whose author knew
 * the record, or who knew as little of the token as it of him. */
static enum p2p_err matters(const struct p2p_ledger *ledger, const struct p2p_record_id *token,
                            const struct p2p_record_id *by, const struct p2p_record_id *other,
                            bool *out)
{
    bool known = false;
    enum p2p_err err = knows(ledger, other, by, out);
    if (err != P2P_OK || *out) {
        return err;
    }
    err = knows(ledger, other, token, &known);
    if (err == P2P_OK && !known) {
        err = knows(ledger, token, other, &known);
    }
    *out = !known;
    return err;
}

/* Usually a record about one token is nothing to those of other visits: they were over, or knew
 * nothing of it. Where it matters to one, all are looked at. */
static enum p2p_err mark_others(struct p2p_ledger *ledger, uint32_t circle,
                                struct p2p_slice container, const struct p2p_record_id *token,
                                const struct p2p_record_id *by)
{
    struct p2p_record_id id;
    bool all = by == NULL || ledger->undoing || ledger->reweighing;
    enum p2p_err err = p2p_custody_next_of(ledger->kv, circle, container, NULL, true, &id);
    while (err == P2P_OK && !all) {
        if (p2p_record_id_compare(&id, token) != 0) {
            err = matters(ledger, token, by, &id, &all);
        }
        if (err == P2P_OK) {
            err = p2p_custody_next_of(ledger->kv, circle, container, &id, false, &id);
        }
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    return all ? mark_container(ledger, circle, container) : P2P_OK;
}

/* The others are known by the value that stands; an open that has none yet marks them itself.
 */
static enum p2p_err mark_by(struct p2p_ledger *ledger, uint32_t circle,
                            const struct p2p_record_id *token, const struct p2p_record_id *by)
{
    uint8_t container[P2P_CONTAINER_BYTES_MAX];
    struct p2p_custody custody;
    enum p2p_err err = mark_one(ledger, circle, token);
    if (err == P2P_OK) {
        err = p2p_custody_get(ledger->kv, circle, token, &custody);
    }
    if (err != P2P_OK || custody.container.len == 0) {
        return err == P2P_NOTFOUND || err == P2P_CORRUPT ? P2P_OK : err; /* the fold mends it */
    }
    size_t len = custody.container.len; /* borrowed: marks may fold, and write */
    memcpy(container, custody.container.data, len);
    return mark_others(ledger, circle, p2p_slice_of(container, len), token, by);
}

/* The circle of the record that opened a token. P2P_NOTFOUND: it is folded when it comes. */
static enum p2p_err circle_of(struct p2p_ledger *ledger, const struct p2p_record_id *token,
                              uint32_t *circle)
{
    struct p2p_slice leaf;
    struct p2p_record record;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, token->feed);
    enum p2p_err err =
        feed == NULL ? P2P_NOTFOUND : p2p_feed_leaf(feed, ledger->kv, token->index, &leaf);
    if (err == P2P_OK && p2p_record_peek(&record, leaf) != P2P_OK) {
        err = P2P_CORRUPT; /* only canonical records were let in */
    }
    if (err == P2P_OK) {
        *circle = record.circle;
    }
    return err;
}

/* The tokens that the charter settles away for this one: what was counted of it is theirs, too.
 * What is settled for them in turn asks for what was written about them, not for this. */
static enum p2p_err mark_settled(struct p2p_ledger *ledger, const struct p2p_record_id *keep)
{
    size_t count = 0;
    const struct p2p_settled_open *rows = p2p_charter_settled_opens(ledger->charter, &count);
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        uint32_t circle = 0;
        if (p2p_record_id_compare(&rows[i].keep, keep) != 0) {
            continue;
        }
        err = circle_of(ledger, &rows[i].token, &circle);
        err = err == P2P_OK ? mark_by(ledger, circle, &rows[i].token, NULL) : err;
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return err;
}

enum p2p_err p2p_custody_mark_open(struct p2p_ledger *ledger, uint32_t circle,
                                   struct p2p_slice container,
                                   const struct p2p_record_id *token)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err =
        p2p_view_get(ledger->kv, P2P_VIEW_CUSTODY, circle, p2p_id_key(key, token), &value);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    /* What was folded before may rest on what its author was thought to have known. */
    err = mark_others(ledger, circle, container, token, err == P2P_OK ? NULL : token);
    return err == P2P_OK ? mark_settled(ledger, token) : err;
}

enum p2p_err p2p_custody_mark_by(struct p2p_ledger *ledger, uint32_t circle,
                                 const struct p2p_record_id *token,
                                 const struct p2p_record_id *by)
{
    enum p2p_err err = mark_by(ledger, circle, token, by);
    return err == P2P_OK ? mark_settled(ledger, token) : err;
}

enum p2p_err p2p_custody_mark(struct p2p_ledger *ledger, const struct p2p_record_id *token)
{
    uint32_t circle = 0;
    enum p2p_err err = circle_of(ledger, token, &circle);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return p2p_custody_mark_by(ledger, circle, token, NULL);
}

/* All rows of INDEX from `row` on that begin with `prefix` bytes of it, and end in a circle and
 * a token's id. */
static enum p2p_err mark_rows(struct p2p_ledger *ledger, uint8_t *row, size_t prefix,
                              size_t len)
{
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK) {
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_record_id id;
        struct p2p_reader in;
        err = p2p_kv_seek(ledger->kv, P2P_TABLE_INDEX, p2p_slice_of(row, len), &found, &value);
        if (err != P2P_OK || found.len != len || memcmp(found.data, row, prefix) != 0) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        memcpy(row, found.data, len);
        p2p_reader_init(&in, p2p_slice_of(row + len - P2P_ID_KEY_BYTES - 4, 4));
        uint32_t circle = p2p_reader_u32(&in);
        if (!p2p_id_from_key(p2p_slice_of(row + len - P2P_ID_KEY_BYTES, P2P_ID_KEY_BYTES),
                             &id)) {
            return P2P_CORRUPT;
        }
        err = p2p_custody_mark_by(ledger, circle, &id, NULL);
        for (size_t at = len; at > prefix && ++row[at - 1] == 0;) {
            at--; /* to the next key */
        }
    }
    return err;
}

enum p2p_err p2p_custody_mark_feed(struct p2p_ledger *ledger, uint32_t feed)
{
    uint8_t row[ROW_BYTES_MAX];
    const struct p2p_record_id none = {0, 0};
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed);
    enum p2p_err err = P2P_OK;
    /* A token that passed to a later generation was held by an earlier one. */
    for (uint32_t i = 1; info != NULL && i < ledger->feed_count && err == P2P_OK; i++) {
        const struct p2p_feed_info *of = p2p_charter_feed(ledger->charter, i);
        if (of != NULL && of->member == info->member) {
            size_t len = holder_row(row, i, 0, &none).len;
            err = mark_rows(ledger, row, 1 + 4, len);
        }
    }
    return err;
}

enum p2p_err p2p_custody_mark_waiting(struct p2p_ledger *ledger)
{
    uint8_t row[ROW_BYTES_MAX];
    const struct p2p_record_id none = {0, 0};
    size_t len = waits_row(row, 0, &none).len;
    return mark_rows(ledger, row, 1, len);
}

enum p2p_err p2p_custody_mark_sealed_by(struct p2p_ledger *ledger, uint32_t feed,
                                        uint64_t index)
{
    uint8_t row[ROW_BYTES_MAX];
    const struct p2p_record_id none = {0, 0};
    size_t len = seal_row(row, &(struct p2p_record_id){feed, index}, &none, 0, &none).len;
    return mark_rows(ledger, row, 1 + 4, len);
}

enum p2p_err p2p_custody_mark_reassigned(struct p2p_ledger *ledger)
{
    size_t count = 0;
    const struct p2p_reassign *rows = p2p_charter_all_reassigns(ledger->charter, &count);
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = p2p_custody_mark(ledger, &rows[i].token);
    }
    const struct p2p_settled_open *settled = p2p_charter_settled_opens(ledger->charter, &count);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = p2p_custody_mark(ledger, &settled[i].token);
    }
    return err;
}
