/* Digests as of a horizon: of the frontier, and of a whole view. */
#include "past_state.h"

#include <string.h>

enum { ELEMENT_BYTES_MAX = 4 << 20 };

enum p2p_err p2p_past_edges(struct p2p_past *past)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < past->ledger.feed_count && err == P2P_OK; i++) {
        struct p2p_feed_hashes source = {.feed = (uint32_t)i, .kv = past->under};
        struct p2p_tree_reader reader = p2p_feed_tree(&source);
        struct p2p_feed *feed = &past->feeds[i];
        if (feed->hidden == 0) {
            feed->edge = past->full->feeds[i]->edge;
        } else {
            err = p2p_tree_edge_at(&reader, feed->edge.size, &feed->edge);
        }
    }
    return err;
}

/* Rows of ISSUER as judge.c writes them: 2, feed u32, index u64 -> format, verdict. */
enum { ROW_VERDICT = 2, VERDICT_KEY_BYTES = 1 + P2P_ID_KEY_BYTES, VERDICT_BYTES = 2 };

/* Of signature and number of a record, which are what they were before anything came after it.
 */
static enum p2p_err sum_verdicts(const struct p2p_past *past, struct p2p_lthash *set)
{
    static const uint8_t prefix[] = {ROW_VERDICT};
    struct p2p_slice key, value;
    p2p_lthash_init(set);
    enum p2p_err err = p2p_kv_seek(past->under, P2P_TABLE_ISSUER,
                                   p2p_slice_of(prefix, sizeof(prefix)), &key, &value);
    while (err == P2P_OK && key.len == VERDICT_KEY_BYTES && key.data[0] == ROW_VERDICT) {
        uint8_t element[VERDICT_KEY_BYTES + 1];
        struct p2p_record_id id;
        if (value.len != VERDICT_BYTES ||
            !p2p_id_from_key(p2p_slice_of(key.data + 1, P2P_ID_KEY_BYTES), &id)) {
            return P2P_CORRUPT;
        }
        memcpy(element, key.data, VERDICT_KEY_BYTES);
        element[VERDICT_KEY_BYTES] = value.data[1];
        if (p2p_past_sees(past, &id)) {
            p2p_lthash_add(set, p2p_slice_of(element, sizeof(element)));
        }
        err = p2p_kv_next(past->under, P2P_TABLE_ISSUER, &key, &value);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_past_leaves(struct p2p_past *past, struct p2p_hash *out)
{
    const struct p2p_charter *whole = past->full->charter;
    const struct p2p_charter *then = past->ledger.charter;
    struct p2p_hash frontier;
    if (p2p_charter_size(then) != p2p_charter_size(whole) ||
        p2p_charter_good_size(then) != p2p_charter_good_size(whole)) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = sum_verdicts(past, &past->ledger.verdict_set);
    if (err == P2P_OK) {
        err = p2p_frontier_digest(&past->ledger, &frontier);
    }
    if (err == P2P_OK) {
        *out = p2p_leaves_digest_of(&past->ledger, &frontier);
    }
    return err;
}

/* One set hash in the making: of rows whose keys begin with so many bytes of prefix. */
struct summing {
    struct p2p_past *past;
    struct p2p_arena arena;
    struct p2p_lthash set;
    uint8_t prefix[5 + P2P_VIEW_KEY_BYTES_MAX];
    size_t len;
};

static enum p2p_err sum(struct summing *summing, struct p2p_slice key, struct p2p_slice value,
                        bool add)
{
    struct p2p_slice element;
    enum p2p_err err = p2p_view_element(
        &summing->arena, p2p_slice_of(key.data + 5, key.len - 5), value, &element);
    if (err == P2P_OK && add) {
        p2p_lthash_add(&summing->set, element);
    } else if (err == P2P_OK) {
        p2p_lthash_remove(&summing->set, element);
    }
    p2p_arena_reset(&summing->arena);
    return err;
}

/* All rows there are, added up. */
static enum p2p_err sum_all(struct summing *summing)
{
    const struct p2p_kv *kv = &summing->past->kv;
    struct p2p_slice key, value;
    p2p_lthash_init(&summing->set);
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_VIEW,
                                   p2p_slice_of(summing->prefix, summing->len), &key, &value);
    while (err == P2P_OK) {
        err = sum(summing, key, value, true);
        if (err == P2P_OK) {
            err = p2p_kv_next(kv, P2P_TABLE_VIEW, &key, &value);
        }
    }
    return err;
}

/* A row of the whole ledger: taken away where it was not there, or was another. */
static enum p2p_err sum_change(struct summing *summing, struct p2p_slice key,
                               struct p2p_slice whole)
{
    struct p2p_past *past = summing->past;
    struct p2p_record_id id;
    struct p2p_slice then = {0};
    if (key.len != PAST_KEY_BYTES ||
        !p2p_id_from_key(p2p_slice_of(key.data + 5, P2P_ID_KEY_BYTES), &id)) {
        return P2P_CORRUPT;
    }
    bool seen = p2p_past_sees(past, &id);
    if (seen && p2p_past_stands(past, &id)) {
        return P2P_OK;
    }
    enum p2p_err err = seen ? p2p_past_value(past, key, &then) : P2P_NOTFOUND;
    bool there = err == P2P_OK;
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    if (there && p2p_slice_equal(then, whole)) {
        return P2P_OK;
    }
    err = sum(summing, key, whole, false);
    return err == P2P_OK && there ? sum(summing, key, then, true) : err;
}

/* The set hash of the whole ledger, less what was not so then. */
static enum p2p_err sum_changes(struct summing *summing, uint32_t circle)
{
    const struct p2p_kv *kv = summing->past->under;
    struct p2p_slice key, value;
    enum p2p_err err = p2p_view_set(kv, P2P_VIEW_BANS, circle, &summing->set);
    if (err == P2P_OK) {
        err = p2p_kv_seek(kv, P2P_TABLE_VIEW, p2p_slice_of(summing->prefix, summing->len), &key,
                          &value);
    }
    while (err == P2P_OK && key.len > summing->len &&
           memcmp(key.data, summing->prefix, summing->len) == 0) {
        err = sum_change(summing, key, value);
        if (err == P2P_OK) {
            err = p2p_kv_next(kv, P2P_TABLE_VIEW, &key, &value);
        }
    }
    return err;
}

/* Whether more was there then than came since. */
static bool is_late(const struct p2p_past *past)
{
    uint64_t seen = 0;
    uint64_t hidden = 0;
    for (size_t i = 1; i < past->full->feed_count; i++) {
        seen += past->feeds[i].edge.size;
        hidden += past->feeds[i].hidden;
    }
    return seen > hidden;
}

enum p2p_err p2p_past_digest(struct p2p_past *past, enum p2p_view_number view, uint32_t circle,
                             struct p2p_hash *out)
{
    struct summing summing = {.past = past};
    summing.len = p2p_view_row_key(summing.prefix, view, circle, p2p_slice_of(NULL, 0));
    p2p_arena_init(&summing.arena, past->alloc, ELEMENT_BYTES_MAX);
    enum p2p_err err = view == P2P_VIEW_BANS && past->stands > 0 && is_late(past)
                           ? sum_changes(&summing, circle)
                           : sum_all(&summing);
    p2p_arena_deinit(&summing.arena);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    *out = p2p_lthash_digest(&summing.set);
    return P2P_OK;
}
