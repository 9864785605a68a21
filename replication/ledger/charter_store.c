/* The charter in the store: the held branch as feed 0, a rival branch beside it.
 *
 * The fold decides (charter.h); this file makes the store say the same. Mostly the held branch
 * grew by an entry. When a settle was cosigned on the other branch, the fold has taken that
 * branch over: then feed 0 is written anew. A rival's entries stand in META under "rival/" and
 * their index, since a start must find the same two heads again. */
#include "charter_store.h"

#include "feed/feed_rows.h"
#include "feed/lately.h"

#include <p2p/assert.h>

#include <string.h>

enum { FORMAT = 1, RIVAL_KEY_BYTES = 6 + 8 };

static struct p2p_slice rival_key(uint8_t out[RIVAL_KEY_BYTES], uint64_t index)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, RIVAL_KEY_BYTES);
    p2p_writer_text(&key, "rival/");
    p2p_writer_u64(&key, index);
    return p2p_writer_slice(&key);
}

/* Whether a META row holds a rival's entry. */
static bool is_rival_key(struct p2p_slice key)
{
    return key.len == RIVAL_KEY_BYTES && memcmp(key.data, "rival/", 6) == 0;
}

/* ---- the held branch ---- */

/* Deletes the rows of one table that begin with a feed's number. */
static enum p2p_err delete_feed_rows(const struct p2p_kv *kv, enum p2p_table table,
                                     uint32_t feed)
{
    uint8_t prefix[4];
    struct p2p_writer key;
    p2p_writer_init(&key, prefix, sizeof(prefix));
    p2p_writer_u32(&key, feed);
    for (;;) {
        uint8_t copy[P2P_KV_KEY_BYTES_MAX];
        struct p2p_slice found;
        struct p2p_slice value;
        enum p2p_err err = p2p_kv_seek(kv, table, p2p_writer_slice(&key), &found, &value);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        if (found.len < sizeof(prefix) || memcmp(found.data, prefix, sizeof(prefix)) != 0) {
            return P2P_OK;
        }
        memcpy(copy, found.data, found.len);
        err = p2p_kv_del(kv, table, p2p_slice_of(copy, found.len));
        if (err != P2P_OK) {
            return err;
        }
    }
}

static enum p2p_err begin_anew(struct p2p_ledger *ledger, struct p2p_feed *feed)
{
    static const enum p2p_table tables[] = {P2P_TABLE_RECORD, P2P_TABLE_HASH, P2P_TABLE_FEED,
                                            P2P_TABLE_CHECKPOINT};
    enum p2p_err err = p2p_feed_flush(feed, ledger->kv);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && err == P2P_OK; i++) {
        err = delete_feed_rows(ledger->kv, tables[i], P2P_CHARTER_FEED);
    }
    if (err == P2P_OK) {
        p2p_feed_init(feed, P2P_CHARTER_FEED);
        feed->lately = ledger->lately;
        feed->touched = &ledger->touched;
        p2p_lately_forget(ledger->lately);
    }
    return err;
}

/* Whether what is stored is a prefix of the branch that the fold holds now. */
static enum p2p_err is_prefix(const struct p2p_ledger *ledger, const struct p2p_feed *feed,
                              bool *prefix)
{
    struct p2p_hash root;
    struct p2p_hash stored = p2p_edge_root(&feed->edge);
    *prefix = feed->edge.size == 0;
    if (*prefix || feed->edge.size > p2p_charter_size(ledger->charter)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_charter_root_at(ledger->charter, feed->edge.size, &root);
    if (err == P2P_OK) {
        *prefix = p2p_hash_equal(&root, &stored);
    }
    return err;
}

static enum p2p_err append_entry(struct p2p_ledger *ledger, struct p2p_feed *feed)
{
    struct p2p_slice leaf;
    struct p2p_slice note;
    enum p2p_err err = p2p_charter_entry(ledger->charter, feed->edge.size, &leaf, &note);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_hash leaf_hash = p2p_leaf_hash(leaf);
    err = p2p_feed_append(feed, ledger->kv, ledger->arena, leaf, &leaf_hash, note.len);
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_tree_head head = {.size = feed->edge.size,
                                       .root = p2p_edge_root(&feed->edge)};
    return p2p_feed_set_head(feed, ledger->kv, &head, note);
}

/* ---- the rival ---- */

static enum p2p_err delete_rivals(const struct p2p_kv *kv)
{
    for (;;) {
        uint8_t key[RIVAL_KEY_BYTES];
        struct p2p_slice found;
        struct p2p_slice value;
        enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_META, rival_key(key, 0), &found, &value);
        if (err != P2P_OK || !is_rival_key(found)) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        memcpy(key, found.data, sizeof(key));
        err = p2p_kv_del(kv, P2P_TABLE_META, p2p_slice_of(key, sizeof(key)));
        if (err != P2P_OK) {
            return err;
        }
    }
}

static enum p2p_err store_rival(struct p2p_ledger *ledger, uint64_t index)
{
    uint8_t key[RIVAL_KEY_BYTES];
    struct p2p_slice leaf;
    struct p2p_slice note;
    struct p2p_writer out;
    enum p2p_err err = p2p_charter_rival_entry(ledger->charter, index, &leaf, &note);
    if (err != P2P_OK) {
        return err;
    }
    size_t cap = 1 + 4 + leaf.len + note.len;
    uint8_t *value = p2p_arena_take(ledger->arena, cap);
    if (value == NULL) {
        return P2P_NOMEM;
    }
    p2p_writer_init(&out, value, cap);
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u32(&out, (uint32_t)leaf.len);
    p2p_writer_bytes(&out, leaf.data, leaf.len);
    p2p_writer_bytes(&out, note.data, note.len);
    return p2p_kv_put(ledger->kv, P2P_TABLE_META, rival_key(key, index),
                      p2p_writer_slice(&out));
}

static enum p2p_err store(struct p2p_ledger *ledger, bool anew)
{
    struct p2p_feed *feed = ledger->feeds[P2P_CHARTER_FEED];
    uint64_t split = 0;
    struct p2p_slice leaf;
    struct p2p_slice note;
    enum p2p_err err = anew ? begin_anew(ledger, feed) : P2P_OK;
    while (err == P2P_OK && feed->edge.size < p2p_charter_size(ledger->charter)) {
        err = append_entry(ledger, feed);
    }
    if (err == P2P_OK) {
        err = delete_rivals(ledger->kv);
    }
    if (err != P2P_OK || p2p_charter_rival(ledger->charter, &split, &leaf, &note) != P2P_OK) {
        return err;
    }
    for (uint64_t i = split; i < p2p_charter_rival_size(ledger->charter) && err == P2P_OK;
         i++) {
        err = store_rival(ledger, i);
    }
    return err;
}

enum p2p_err p2p_charter_store(struct p2p_ledger *ledger)
{
    bool prefix = false;
    enum p2p_err err = is_prefix(ledger, ledger->feeds[P2P_CHARTER_FEED], &prefix);
    return err == P2P_OK ? store(ledger, !prefix) : err;
}

/* ---- compared ---- */

static enum p2p_err compare_entry(const struct p2p_ledger *ledger, uint64_t index, bool *same)
{
    const struct p2p_feed_hashes source = {.feed = P2P_CHARTER_FEED, .kv = ledger->kv};
    const struct p2p_feed *feed = ledger->feeds[P2P_CHARTER_FEED];
    struct p2p_slice leaf;
    struct p2p_slice note;
    struct p2p_slice stored;
    struct p2p_hash hash;
    enum p2p_err err = p2p_charter_entry(ledger->charter, index, &leaf, &note);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_feed_leaf(feed, ledger->kv, index, &stored);
    *same = err == P2P_OK && p2p_slice_equal(stored, leaf);
    if (*same) {
        err = p2p_feed_note(ledger->kv, P2P_CHARTER_FEED, index + 1, &stored);
        *same = err == P2P_OK && p2p_slice_equal(stored, note);
    }
    if (*same) {
        struct p2p_hash leaf_hash = p2p_leaf_hash(leaf);
        err = p2p_feed_hash_get(&source, 0, index, &hash);
        *same = err == P2P_OK && p2p_hash_equal(&hash, &leaf_hash);
    }
    return err == P2P_CORRUPT || err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err compare_rival(const struct p2p_ledger *ledger, uint64_t index, bool *same)
{
    uint8_t key[RIVAL_KEY_BYTES];
    struct p2p_slice leaf;
    struct p2p_slice note;
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err = p2p_charter_rival_entry(ledger->charter, index, &leaf, &note);
    if (err == P2P_OK) {
        err = p2p_kv_get(ledger->kv, P2P_TABLE_META, rival_key(key, index), &value);
    }
    if (err != P2P_OK) {
        *same = false;
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    struct p2p_slice held = p2p_reader_bytes(&in, p2p_reader_u32(&in));
    *same = format == FORMAT && !in.failed && p2p_slice_equal(held, leaf) &&
            p2p_slice_equal(p2p_reader_bytes(&in, p2p_reader_left(&in)), note);
    return P2P_OK;
}

enum p2p_err p2p_charter_compare(struct p2p_ledger *ledger, bool *same)
{
    uint64_t split = 0;
    struct p2p_slice leaf;
    struct p2p_slice note;
    enum p2p_err err = P2P_OK;
    *same = true;
    for (uint64_t i = 0; i < p2p_charter_size(ledger->charter) && *same && err == P2P_OK; i++) {
        err = compare_entry(ledger, i, same);
    }
    if (err != P2P_OK || p2p_charter_rival(ledger->charter, &split, &leaf, &note) != P2P_OK) {
        return err;
    }
    for (uint64_t i = split;
         i < p2p_charter_rival_size(ledger->charter) && *same && err == P2P_OK; i++) {
        err = compare_rival(ledger, i, same);
    }
    return err;
}

enum p2p_err p2p_charter_rewrite(struct p2p_ledger *ledger)
{
    enum p2p_err err = store(ledger, true);
    p2p_feed_end_batch(ledger->feeds[P2P_CHARTER_FEED]);
    return err;
}

/* ---- at start ---- */

static enum p2p_err load_rivals(struct p2p_ledger *ledger, const struct p2p_kv *kv)
{
    uint8_t key[RIVAL_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_META, rival_key(key, 0), &found, &value);
    while (err == P2P_OK && is_rival_key(found)) {
        struct p2p_reader in;
        p2p_reader_init(&in, p2p_slice_of(found.data + 6, 8));
        uint64_t index = p2p_reader_u64(&in);
        p2p_reader_init(&in, value);
        uint8_t format = p2p_reader_u8(&in);
        struct p2p_slice leaf = p2p_reader_bytes(&in, p2p_reader_u32(&in));
        struct p2p_slice note = p2p_reader_bytes(&in, p2p_reader_left(&in));
        if (in.failed || format != FORMAT) {
            return P2P_CORRUPT;
        }
        err = p2p_charter_apply(ledger->charter, ledger->sigs, index, leaf, note, NULL);
        if (err != P2P_FORKED) {
            return err == P2P_NOMEM ? err : P2P_CORRUPT;
        }
        err = p2p_kv_next(kv, P2P_TABLE_META, &found, &value);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_charter_load(struct p2p_ledger *ledger, const struct p2p_kv *kv)
{
    const struct p2p_feed *feed = ledger->feeds[P2P_CHARTER_FEED];
    for (uint64_t i = 0; i < feed->edge.size; i++) {
        struct p2p_slice leaf;
        struct p2p_slice note;
        enum p2p_err err = p2p_feed_leaf(feed, kv, i, &leaf);
        if (err == P2P_OK) {
            err = p2p_feed_note(kv, P2P_CHARTER_FEED, i + 1, &note);
        }
        if (err == P2P_OK) {
            err = p2p_charter_apply(ledger->charter, ledger->sigs, i, leaf, note, NULL);
        }
        if (err != P2P_OK) {
            return err == P2P_NOMEM || err == P2P_IO ? err : P2P_CORRUPT;
        }
    }
    return load_rivals(ledger, kv);
}
