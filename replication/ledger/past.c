#include "past_state.h"

#include <p2p/assert.h>
#include <p2p/forked.h>

#include <string.h>

enum { WORK_BYTES_MAX = 4 << 20, APART_BYTES_MAX = 64 << 20 };

/* ---- what a feed knew ---- */

enum p2p_err p2p_horizon_known(const struct p2p_kv *kv, uint32_t by, uint64_t at,
                               struct p2p_horizon *out)
{
    enum p2p_err err = P2P_OK;
    out->good_size = 0;
    out->refuted = false;
    out->taken_back = false;
    for (size_t of = 0; of < out->count && err == P2P_OK; of++) {
        bool refuted = false;
        err = p2p_known_size_in(kv, by, at, (uint32_t)of, &out->sizes[of], &refuted);
        out->refuted = out->refuted || refuted;
    }
    return err;
}

/* ---- forks and carriers of the whole ledger ---- */

static void *grow(const struct p2p_past *past, void *at, size_t count, size_t *cap, size_t each)
{
    if (count < *cap) {
        return at;
    }
    size_t more = *cap == 0 ? 8 : 2 * *cap;
    void *grown = p2p_alloc_resize(past->alloc, at, more, each);
    *cap = grown != NULL ? more : *cap;
    return grown;
}

static enum p2p_err add_name(struct p2p_past *past, struct p2p_slice bytes)
{
    void *grown =
        grow(past, past->names, past->name_count, &past->name_cap, sizeof(*past->names));
    if (grown == NULL) {
        return P2P_NOMEM;
    }
    past->names = grown;
    struct past_name *name = &past->names[past->name_count++];
    name->len = (uint8_t)bytes.len;
    memcpy(name->bytes, bytes.data, bytes.len);
    return P2P_OK;
}

/* Keeps them in order. */
static enum p2p_err add_carrier(struct p2p_past *past, const struct p2p_record_id *id)
{
    void *grown = grow(past, past->carriers, past->carrier_count, &past->carrier_cap,
                       sizeof(*past->carriers));
    if (grown == NULL) {
        return P2P_NOMEM;
    }
    past->carriers = grown;
    size_t at = past->carrier_count++;
    while (at > 0 && p2p_record_id_compare(&past->carriers[at - 1], id) > 0) {
        past->carriers[at] = past->carriers[at - 1];
        at--;
    }
    past->carriers[at] = *id;
    return P2P_OK;
}

/* The rows of TOUCH for the view `forks`: a feed's name and a record that tells of it, or a
 * name that no feed has and a carrier (records/rescued.c). */
static enum p2p_err find_forks(struct p2p_past *past)
{
    uint8_t key[1 + P2P_VIEW_KEY_BYTES_MAX + P2P_ID_KEY_BYTES] = {P2P_VIEW_FORKS};
    size_t len = 1;
    for (;;) {
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_record_id id;
        enum p2p_err err =
            p2p_kv_seek(past->under, P2P_TABLE_TOUCH, p2p_slice_of(key, len), &found, &value);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        if (found.data[0] != P2P_VIEW_FORKS) {
            return P2P_OK;
        }
        if (found.len <= 1 + P2P_ID_KEY_BYTES || found.len > sizeof(key)) {
            return P2P_CORRUPT;
        }
        len = found.len;
        memcpy(key, found.data, len);
        struct p2p_slice name = p2p_slice_of(key + 1, len - 1 - P2P_ID_KEY_BYTES);
        bool is_id = p2p_id_from_key(p2p_slice_of(name.data + name.len, P2P_ID_KEY_BYTES), &id);
        p2p_assert(is_id);
        if (name.data[0] == 0) {
            err = add_carrier(past, &id);
        } else if (name.data[0] != 1) { /* records/forked_rests.c */
            err = add_name(past, name);
        }
        if (err != P2P_OK) {
            return err;
        }
        id = name.data[0] == 0 ? (struct p2p_record_id){id.feed, id.index + 1}
                               : (struct p2p_record_id){UINT32_MAX, UINT64_MAX};
        p2p_id_key(key + 1 + name.len, &id);
    }
}

/* ---- life ---- */

static void on_absent(void *context, const struct p2p_record_id *id)
{
    p2p_past_rest(context, id->feed, id->index);
}

static enum p2p_err copy_feeds(struct p2p_past *past)
{
    const struct p2p_ledger *full = past->full;
    past->feeds = p2p_alloc_zeroed(past->alloc, full->feed_count, sizeof(*past->feeds));
    past->pointers = p2p_alloc_zeroed(past->alloc, full->feed_count, sizeof(*past->pointers));
    if (past->feeds == NULL || past->pointers == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < full->feed_count; i++) {
        p2p_assert(full->feeds[i]->tail == NULL);
        past->feeds[i] = *full->feeds[i];
        past->feeds[i].touched = NULL;
        past->feeds[i].hidden = past->feeds[i].edge.size;
        past->feeds[i].edge.size = 0;
        past->feeds[i].ends_at = P2P_FEED_GOES_ON;
        past->feeds[i].closed_at = P2P_FEED_GOES_ON;
        past->pointers[i] = &past->feeds[i];
    }
    return P2P_OK;
}

enum p2p_err p2p_past_new(struct p2p_past **out, const struct p2p_alloc *alloc,
                          const struct p2p_ledger *ledger, const struct p2p_kv *kv)
{
    struct p2p_past *past = p2p_alloc_zeroed(alloc, 1, sizeof(*past));
    if (past == NULL) {
        return P2P_NOMEM;
    }
    past->alloc = alloc;
    past->full = ledger;
    past->under = kv;
    past->epoch = 1;
    past->stale = true;
    p2p_past_kv_init(past);
    for (size_t i = 0; i < PAST_DEPTH_MAX; i++) {
        p2p_arena_init(&past->work[i], alloc, WORK_BYTES_MAX);
    }
    p2p_arena_init(&past->values.arena, alloc, P2P_PAST_BYTES_MAX);
    p2p_arena_init(&past->apart.arena, alloc, APART_BYTES_MAX);
    p2p_arena_init(&past->reweighed.arena, alloc, APART_BYTES_MAX);
    past->ledger = (struct p2p_ledger){.alloc = alloc,
                                       .sigs = ledger->sigs,
                                       .kv = &past->kv,
                                       .arena = &past->work[0],
                                       .kinds_unknown = ledger->kinds_unknown,
                                       .comparing = true, /* set hashes stay as they are */
                                       .on_absent = on_absent,
                                       .absent_context = past};
    enum p2p_err err = p2p_charter_as_of(&past->ledger.charter, ledger->charter, 0, 0);
    if (err == P2P_OK) {
        err = copy_feeds(past);
    }
    past->ledger.feeds = past->pointers;
    if (err == P2P_OK) {
        err = find_forks(past);
    }
    if (err != P2P_OK) {
        p2p_past_free(past);
        return err;
    }
    *out = past;
    return P2P_OK;
}

void p2p_past_free(struct p2p_past *past)
{
    if (past == NULL) {
        return;
    }
    p2p_charter_free(past->ledger.charter);
    p2p_alloc_free(past->alloc, past->ledger.digests);
    p2p_alloc_free(past->alloc, past->feeds);
    p2p_alloc_free(past->alloc, past->pointers);
    p2p_alloc_free(past->alloc, past->names);
    p2p_alloc_free(past->alloc, past->carriers);
    p2p_alloc_free(past->alloc, past->issuers);
    p2p_alloc_free(past->alloc, past->values.slots);
    p2p_alloc_free(past->alloc, past->apart_rests.at);
    p2p_alloc_free(past->alloc, past->apart.at);
    p2p_alloc_free(past->alloc, past->reweighed.at);
    p2p_arena_deinit(&past->apart.arena);
    p2p_arena_deinit(&past->reweighed.arena);
    p2p_arena_deinit(&past->values.arena);
    for (size_t i = 0; i < PAST_DEPTH_MAX; i++) {
        p2p_alloc_free(past->alloc, past->value_rests[i].at);
        p2p_arena_deinit(&past->work[i]);
    }
    p2p_alloc_free(past->alloc, past);
}

void p2p_past_settled(struct p2p_past *past, const struct p2p_settled *settled)
{
    past->settled = settled;
}

const struct p2p_kv *p2p_past_under(const struct p2p_past *past)
{
    return past->under;
}

const struct p2p_ledger *p2p_past_whole(const struct p2p_past *past)
{
    return past->full;
}

struct p2p_ledger *p2p_past_ledger(struct p2p_past *past)
{
    return &past->ledger;
}

const struct p2p_kv *p2p_past_kv(struct p2p_past *past)
{
    return &past->kv;
}

bool p2p_past_lacks(const struct p2p_past *past)
{
    return past->lacks;
}

bool p2p_past_parted(const struct p2p_past *past, uint64_t *split)
{
    return p2p_charter_parted(past->full->charter, p2p_charter_size(past->ledger.charter),
                              split);
}

/* ---- moving ---- */

/* Everything folded so far may be another. */
static void forget(struct p2p_past *past)
{
    past->epoch++;
    past->stale = true;
}

static enum p2p_err move_charter(struct p2p_past *past, uint64_t size, uint64_t good_size)
{
    struct p2p_charter *charter = past->ledger.charter;
    if (charter != NULL && p2p_charter_size(charter) == size &&
        p2p_charter_good_size(charter) == good_size) {
        return P2P_OK;
    }
    forget(past);
    past->issuer_count = 0;
    p2p_past_rows_clear(&past->reweighed);
    enum p2p_err err =
        p2p_charter_as_of(&past->ledger.charter, past->full->charter, size, good_size);
    if (err != P2P_OK) {
        past->ledger.feed_count = 0;
        return err;
    }
    size_t named = p2p_charter_feed_count(past->ledger.charter);
    past->ledger.feed_count =
        named == 0 ? 1 : (named < past->full->feed_count ? named : past->full->feed_count);
    for (size_t i = 1; i < named && !past->closings; i++) {
        past->closings = p2p_charter_feed(past->ledger.charter, (uint32_t)i)->closed != 0;
    }
    return P2P_OK;
}

static void move_feed(struct p2p_past *past, uint32_t number, uint64_t size)
{
    struct p2p_feed *feed = &past->feeds[number];
    if (size < feed->edge.size) {
        forget(past);
    }
    if (size != feed->edge.size) {
        uint64_t held = feed->edge.size + feed->hidden;
        feed->edge = (struct p2p_edge){.size = size};
        feed->hidden = held - size;
    }
}

/* Who had not named the entry that closes a feed may name it in any record to come. */
static enum p2p_err rest_on_witnesses(struct p2p_past *past, const struct p2p_feed_info *closed)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t by = 1; by < past->ledger.feed_count && err == P2P_OK; by++) {
        uint64_t at = 0;
        err = p2p_known_first(&past->ledger, by, P2P_CHARTER_FEED, closed->closed, &at);
        if (err == P2P_NOTFOUND) {
            p2p_past_rest(past, by, p2p_past_size(past, by));
            err = P2P_OK;
        }
    }
    return err;
}

/* A feed that ends elsewhere by its closing is one that ends anew. */
static enum p2p_err close_feeds(struct p2p_past *past)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < past->ledger.feed_count && err == P2P_OK; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(past->ledger.charter, i);
        past->feeds[i].closed_from = past->feeds[i].closed_at;
        if (info != NULL && info->closed != 0) {
            err = rest_on_witnesses(past, info);
        }
    }
    if (err == P2P_OK) {
        err = p2p_closed_load(&past->ledger);
    }
    for (uint32_t i = 1; i < past->ledger.feed_count; i++) {
        struct p2p_feed *feed = &past->feeds[i];
        feed->ends_anew = feed->ends_anew || feed->closed_from != feed->closed_at;
    }
    return err;
}

/* Where feeds end, then what was rescued from them: as p2p_ledger_fold does it. */
static enum p2p_err fold_apart(struct p2p_past *past)
{
    enum p2p_err err = P2P_OK;
    bool moved = false;
    for (size_t i = 0; i < past->full->feed_count; i++) {
        past->feeds[i].ends_anew = false;
    }
    for (size_t i = 0; i < past->name_count && err == P2P_OK; i++) {
        p2p_arena_reset(&past->work[0]);
        err = p2p_view_fold(&past->ledger, P2P_VIEW_FORKS,
                            p2p_slice_of(past->names[i].bytes, past->names[i].len));
    }
    if (err == P2P_OK) {
        err = close_feeds(past);
    }
    for (size_t i = 0; i < past->full->feed_count; i++) {
        moved = moved || past->feeds[i].ends_anew;
    }
    past->epoch += moved;
    for (size_t i = 0; i < past->carrier_count && err == P2P_OK; i++) {
        uint8_t key[P2P_ID_KEY_BYTES];
        p2p_arena_reset(&past->work[0]);
        if (p2p_past_sees(past, &past->carriers[i])) {
            err = p2p_view_fold(&past->ledger, P2P_VIEW_BANS,
                                p2p_id_key(key, &past->carriers[i]));
        } else {
            p2p_past_rest(past, past->carriers[i].feed, past->carriers[i].index);
        }
    }
    return err;
}

static enum p2p_err settle_apart(struct p2p_past *past)
{
    struct past_rests *rests = &past->apart_rests;
    if (past->name_count == 0 && past->carrier_count == 0 && !past->closings) {
        past->stale = false;
        return P2P_OK;
    }
    if (!past->stale && !rests->lost && p2p_past_rests_hold(past, rests->at, rests->count)) {
        return P2P_OK;
    }
    p2p_past_rows_clear(&past->apart);
    rests->count = 0;
    rests->lost = false;
    past->stale = true; /* until it is through */
    past->ledger.arena = &past->work[0];
    past->rests = rests;
    past->folding = true;
    past->folding_apart = true;
    enum p2p_err err = fold_apart(past);
    past->folding_apart = false;
    past->folding = false;
    past->rests = NULL;
    if (err == P2P_OK) {
        past->stale = false;
    }
    return err;
}

static uint64_t wanted(const struct p2p_horizon *horizon, size_t feed)
{
    return feed < horizon->count ? horizon->sizes[feed] : 0;
}

/* Up to which epoch values stand. What ends a feed, and a charter as of then, may change a
 * value without a record about it. */
static uint32_t standing(const struct p2p_past *past, const struct p2p_horizon *horizon)
{
    const struct p2p_charter *whole = past->full->charter;
    const struct p2p_charter *then = past->ledger.charter;
    if (past->settled == NULL || past->name_count > 0 || past->carrier_count > 0 ||
        past->closings || p2p_charter_size(then) != p2p_charter_size(whole) ||
        p2p_charter_good_size(then) != p2p_charter_good_size(whole)) {
        return 0;
    }
    return p2p_settled_before(past->settled, horizon->sizes, horizon->count);
}

bool p2p_past_beyond(const struct p2p_past *past)
{
    for (size_t i = 1; i < past->ledger.feed_count; i++) {
        if (past->feeds[i].edge.size > past->feeds[i].ends_at) {
            return true;
        }
    }
    return false;
}

/* Where feeds end follows from records that are gone then, perhaps: once more. */
static enum p2p_err take_back(struct p2p_past *past)
{
    bool any = p2p_past_beyond(past);
    for (size_t i = 1; i < past->ledger.feed_count && any; i++) {
        if (past->feeds[i].edge.size > past->feeds[i].ends_at) {
            move_feed(past, (uint32_t)i, past->feeds[i].ends_at);
        }
    }
    return any ? settle_apart(past) : P2P_OK;
}

enum p2p_err p2p_past_set(struct p2p_past *past, const struct p2p_horizon *horizon)
{
    uint64_t charter_size = p2p_charter_size(past->full->charter);
    bool lacks = wanted(horizon, P2P_CHARTER_FEED) > charter_size;
    charter_size = lacks ? charter_size : wanted(horizon, P2P_CHARTER_FEED);
    uint64_t good = horizon->good_size != 0 && horizon->good_size < charter_size
                        ? horizon->good_size
                        : charter_size;
    enum p2p_err err = move_charter(past, charter_size, good);
    if (err != P2P_OK) {
        return err;
    }
    for (size_t i = 0; i < past->full->feed_count || i < horizon->count; i++) {
        bool known = i < past->ledger.feed_count;
        uint64_t held = i < past->full->feed_count ? past->full->feeds[i]->edge.size : 0;
        uint64_t size = i == P2P_CHARTER_FEED ? charter_size : wanted(horizon, i);
        lacks = lacks || size > (known ? held : 0);
        if (i < past->full->feed_count) {
            size = known ? size : 0;
            move_feed(past, (uint32_t)i, size < held ? size : held);
        }
    }
    past->lacks = lacks || horizon->refuted;
    past->stands = standing(past, horizon);
    err = settle_apart(past);
    return err == P2P_OK && horizon->taken_back ? take_back(past) : err;
}
