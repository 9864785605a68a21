/* Which records act on a view key, and what of that is looked at again when a cited record
 * comes.
 */
#include <p2p/ledger.h>

#include <p2p/assert.h>

#include "views.h"

#include <string.h>

static size_t touch_prefix(uint8_t *out, enum p2p_view_number view, struct p2p_slice key)
{
    p2p_assert(key.len <= P2P_VIEW_KEY_BYTES_MAX);
    out[0] = (uint8_t)view;
    memcpy(out + 1, key.data, key.len);
    return 1 + key.len;
}

static struct p2p_slice touch_key(uint8_t *out, const uint8_t *prefix, size_t prefix_len,
                                  const struct p2p_record_id *by)
{
    memcpy(out, prefix, prefix_len);
    p2p_id_key(out + prefix_len, by);
    return p2p_slice_of(out, prefix_len + P2P_ID_KEY_BYTES);
}

/* Rows without a value; while records are taken back they go instead. */
static enum p2p_err put_or_take_back(struct p2p_ledger *ledger, enum p2p_table table,
                                     struct p2p_slice key)
{
    if (!ledger->undoing) {
        return p2p_kv_put(ledger->kv, table, key, p2p_slice_of("", 0));
    }
    enum p2p_err err = p2p_kv_del(ledger->kv, table, key);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_touch_add(struct p2p_ledger *ledger, enum p2p_view_number view,
                           struct p2p_slice key, const struct p2p_record_id *by)
{
    uint8_t prefix[1 + P2P_VIEW_KEY_BYTES_MAX];
    uint8_t row[sizeof(prefix) + P2P_ID_KEY_BYTES];
    size_t len = touch_prefix(prefix, view, key);
    return put_or_take_back(ledger, P2P_TABLE_TOUCH, touch_key(row, prefix, len, by));
}

enum p2p_err p2p_index_put(struct p2p_ledger *ledger, struct p2p_slice key)
{
    return put_or_take_back(ledger, P2P_TABLE_INDEX, key);
}

void p2p_touch_begin(struct p2p_touch_walk *walk, enum p2p_view_number view,
                     struct p2p_slice key)
{
    walk->prefix_len = touch_prefix(walk->prefix, view, key);
    walk->begun = false;
    walk->looks_ahead = false;
    walk->ended = false;
    walk->ahead_at = 0;
    walk->ahead_count = 0;
}

void p2p_touch_begin_still(struct p2p_touch_walk *walk, enum p2p_view_number view,
                           struct p2p_slice key)
{
    p2p_touch_begin(walk, view, key);
    walk->looks_ahead = true;
}

/* Who acts on the walk's key by a row. P2P_NOTFOUND: it is of another key. */
static enum p2p_err acts(const struct p2p_touch_walk *walk, struct p2p_slice found,
                         struct p2p_record_id *by)
{
    if (found.len != walk->prefix_len + P2P_ID_KEY_BYTES ||
        memcmp(found.data, walk->prefix, walk->prefix_len) != 0) {
        return P2P_NOTFOUND;
    }
    return p2p_id_from_key(p2p_slice_of(found.data + walk->prefix_len, P2P_ID_KEY_BYTES), by)
               ? P2P_OK
               : P2P_CORRUPT;
}

/* The first row behind the last one; when the walk looks ahead, some more as well. */
static enum p2p_err look(struct p2p_touch_walk *walk, const struct p2p_kv *kv)
{
    uint8_t row[sizeof(walk->prefix) + P2P_ID_KEY_BYTES];
    const unsigned most = walk->looks_ahead ? P2P_TOUCH_AHEAD_MAX : 1;
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_record_id from = {0, 0};
    if (walk->begun) {
        from = walk->last;
        from.index++;
    }
    walk->ahead_at = 0;
    walk->ahead_count = 0;
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_TOUCH, touch_key(row, walk->prefix, walk->prefix_len, &from),
                    &found, &value);
    while (err == P2P_OK) {
        err = acts(walk, found, &walk->ahead[walk->ahead_count]);
        if (err == P2P_OK && ++walk->ahead_count == most) {
            return P2P_OK;
        }
        err = err == P2P_OK ? p2p_kv_next(kv, P2P_TABLE_TOUCH, &found, &value) : err;
    }
    walk->ended = err == P2P_NOTFOUND;
    return walk->ended && walk->ahead_count > 0 ? P2P_OK : err;
}

enum p2p_err p2p_touch_next(struct p2p_touch_walk *walk, const struct p2p_kv *kv,
                            struct p2p_record_id *by)
{
    if (walk->ahead_at == walk->ahead_count) {
        enum p2p_err err = walk->looks_ahead && walk->ended ? P2P_NOTFOUND : look(walk, kv);
        if (err != P2P_OK) {
            return err;
        }
    }
    walk->last = walk->ahead[walk->ahead_at++];
    walk->begun = true;
    *by = walk->last;
    return P2P_OK;
}

/* Those who cite what must not be cited are marked once for all they cite; of more than so many
 * in one batch, perhaps again. */
#define TOUCHED_ONCE_MAX 256u

/* A row of TOUCH that says who cites which record. */
enum { CITE_ROW_BYTES = 1 + P2P_ID_KEY_BYTES + P2P_ID_KEY_BYTES };

/* The views whose rows say that, of records that have effect only when what they cite may be
 * cited. */
static const enum p2p_view_number citing_views[] = {P2P_VIEW_BANS, P2P_VIEW_RIGHTS};

/* The first such row of a view at or above (cited, by) about feed cited->feed below index `to`;
 * both are set to what it says. P2P_NOTFOUND. */
static enum p2p_err next_cite(const struct p2p_kv *kv, enum p2p_view_number view, uint64_t to,
                              struct p2p_record_id *cited, struct p2p_record_id *by)
{
    uint8_t row[CITE_ROW_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    uint32_t of = cited->feed;
    row[0] = (uint8_t)view;
    p2p_id_key(row + 1, cited);
    p2p_id_key(row + 1 + P2P_ID_KEY_BYTES, by);
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_TOUCH, p2p_slice_of(row, sizeof(row)), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != CITE_ROW_BYTES || found.data[0] != (uint8_t)view ||
        !p2p_id_from_key(p2p_slice_of(found.data + 1, P2P_ID_KEY_BYTES), cited) ||
        !p2p_id_from_key(p2p_slice_of(found.data + 1 + P2P_ID_KEY_BYTES, P2P_ID_KEY_BYTES),
                         by) ||
        cited->feed != of || cited->index >= to) {
        return P2P_NOTFOUND;
    }
    return P2P_OK;
}

/* A record that came stands where it was cited, and is of a kind or circle that must not be
 * cited there: then who cites it has no effect any more, which is marked once in a batch. What
 * fits changes no verdict, and marks itself. */
struct settling {
    struct p2p_ledger *ledger;
    enum p2p_view_number view;
    struct p2p_record_id cited;
    struct p2p_record record; /* at cited; its leaf lives in the scratch */
    struct p2p_record_id touched[TOUCHED_ONCE_MAX];
    size_t touched_count;
};

static bool was_touched(const struct settling *settling, const struct p2p_record_id *by)
{
    size_t count =
        settling->touched_count < TOUCHED_ONCE_MAX ? settling->touched_count : TOUCHED_ONCE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (p2p_record_id_compare(&settling->touched[i], by) == 0) {
            return true;
        }
    }
    return false;
}

/* One that cites it. Whoever has no effect whatever he cites is passed over: when that changes,
 * what he cites is marked for that reason. */
static enum p2p_err settle_cite(struct settling *settling, const struct p2p_record_id *by)
{
    struct p2p_ledger *ledger = settling->ledger;
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_slice leaf;
    struct p2p_record citing;
    enum p2p_why why = P2P_WHY_NONE;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, by->feed);
    enum p2p_err err = p2p_judge_arrived(ledger, by, &why);
    if (err != P2P_OK || why != P2P_WHY_NONE) {
        return err;
    }
    err = feed == NULL ? P2P_NOTFOUND : p2p_feed_leaf(feed, ledger->kv, by->index, &leaf);
    if (err == P2P_OK && p2p_record_peek(&citing, leaf) != P2P_OK) {
        err = P2P_CORRUPT; /* only canonical records were let in */
    }
    if (err != P2P_OK || p2p_judge_cite_fits(&citing, &settling->record) ||
        was_touched(settling, by)) {
        return err;
    }
    p2p_scratch_begin(&scratch, ledger);
    err = p2p_ledger_entry(ledger, by, &entry);
    if (err == P2P_OK) {
        err = p2p_judge_but_cites(ledger, &entry, &why);
    }
    p2p_scratch_end(&scratch, ledger);
    if (err == P2P_OK && why == P2P_WHY_NO_GRANT && citing.kind == P2P_KIND_BAN_AMEND) {
        /* In its own value, a bad citation is named before that. */
        uint8_t key[P2P_ID_KEY_BYTES];
        return p2p_view_mark(ledger, P2P_VIEW_BANS, p2p_id_key(key, by));
    }
    bool told = why == P2P_WHY_NO_GRANT && settling->view == P2P_VIEW_RIGHTS; /* right.h */
    if (err != P2P_OK || (why != P2P_WHY_NONE && !told)) {
        return err;
    }
    settling->touched[settling->touched_count++ % TOUCHED_ONCE_MAX] = *by;
    return p2p_ledger_touch_again(ledger, by);
}

/* All that cite the record at settling->cited, from `by` on. */
static enum p2p_err settle_cited(struct settling *settling, struct p2p_record_id by)
{
    struct p2p_ledger *ledger = settling->ledger;
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    uint64_t to = settling->cited.index + 1;
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, &settling->cited, &entry);
    settling->record = entry.record;
    while (err == P2P_OK) {
        err = settle_cite(settling, &by);
        by.index++;
        if (err == P2P_OK) {
            err = next_cite(ledger->kv, settling->view, to, &settling->cited, &by);
        }
    }
    p2p_scratch_end(&scratch, ledger);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err settle_view(struct p2p_ledger *ledger, enum p2p_view_number view,
                                uint32_t of, uint64_t from)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, of);
    struct settling settling = {.ledger = ledger, .view = view, .cited = {of, from}};
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && settling.cited.index < feed->edge.size) {
        struct p2p_record_id by = {0, 0};
        err = next_cite(ledger->kv, view, feed->edge.size, &settling.cited, &by);
        uint64_t at = settling.cited.index;
        if (err == P2P_OK) {
            err = settle_cited(&settling, by);
        }
        settling.cited = (struct p2p_record_id){of, at + 1};
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_touch_settle(struct p2p_ledger *ledger, uint32_t of, uint64_t from)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < sizeof(citing_views) / sizeof(citing_views[0]) && err == P2P_OK;
         i++) {
        err = settle_view(ledger, citing_views[i], of, from);
    }
    return err;
}
