/* Claims about what is not here yet, and what is looked at again when they are settled.
 *
 * Any member's claims may turn out false by the thousand, so nothing is looked at again for
 * each of them: claims that changed first say which records of their author rest on them, as
 * one range for each author, and each range is walked once. A claim is settled once, and a
 * record stands in the ranges of P2P_CLAIMS_LOOKED_AT claims about a feed at most: what one
 * liar costs is a multiple of what he wrote. */
#include "known_claim.h"

#include <p2p/custody.h>
#include <p2p/rescued.h>

#include "views.h"

#include <string.h>

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

enum p2p_err p2p_claim_note_open(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                 uint32_t of, uint64_t size)
{
    uint8_t key[OPEN_KEY_BYTES];
    return p2p_kv_put(ledger->kv, P2P_TABLE_INDEX, open_key(key, by, index, of, size),
                      p2p_slice_of("", 0));
}

enum p2p_err p2p_claim_drop_open(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                 uint32_t of, uint64_t size)
{
    uint8_t key[OPEN_KEY_BYTES];
    enum p2p_err err =
        p2p_kv_del(ledger->kv, P2P_TABLE_INDEX, open_key(key, by, index, of, size));
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- what rests on claims ---- */

/* Whether the record a walk gave touches any view key. */
static enum p2p_err touches(const struct p2p_ledger *ledger, struct p2p_slice leaf, bool *out)
{
    struct p2p_record record;
    if (p2p_record_peek(&record, leaf) != P2P_OK) {
        return P2P_CORRUPT; /* only canonical records were let in */
    }
    const struct p2p_kind *kind = p2p_ledger_kind(ledger, record.kind);
    *out = kind != NULL && kind->keys != NULL;
    return P2P_OK;
}

/* Marks what feed `by` wrote in [from, to), as if it had come now. */
static enum p2p_err mark_range(struct p2p_ledger *ledger, const struct p2p_feed *feed,
                               uint64_t from, uint64_t to)
{
    struct p2p_feed_walk walk;
    enum p2p_err err = P2P_OK;
    p2p_feed_walk_begin(&walk, feed, ledger->kv, from);
    while (err == P2P_OK && walk.index < to) {
        struct p2p_record_id id = {feed->number, walk.index};
        struct p2p_slice leaf;
        bool acts = false;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK) {
            err = touches(ledger, leaf, &acts);
        }
        if (err == P2P_OK && acts) {
            err = p2p_ledger_touch_again(ledger, &id); /* which writes, and ends the walk */
            p2p_feed_walk_begin(&walk, feed, ledger->kv, id.index + 1);
        }
    }
    return err;
}

enum p2p_err p2p_known_mark_from(struct p2p_ledger *ledger, uint32_t by, uint64_t index)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, by);
    return feed == NULL ? P2P_OK : mark_range(ledger, feed, index, feed->edge.size);
}

/* A claim is another one than it was. */
static void doubt(struct p2p_ledger *ledger, uint32_t by, uint64_t index)
{
    struct p2p_feed *feed = p2p_ledger_feed(ledger, by);
    if (feed == NULL) {
        return;
    }
    bool first = feed->doubted_from == feed->doubted_to;
    feed->doubted_from = first || index < feed->doubted_from ? index : feed->doubted_from;
    feed->doubted_to = first || index >= feed->doubted_to ? index + 1 : feed->doubted_to;
    p2p_feed_set_add(&ledger->doubted, by);
}

/* Marks, for each author whose claims about feed `of` are others now, what may rest on them. */
static enum p2p_err mark_doubted(struct p2p_ledger *ledger, uint32_t of)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t by = 0; err == P2P_OK && p2p_feed_set_next(&ledger->doubted, &by); by++) {
        struct p2p_feed *feed = ledger->feeds[by];
        uint64_t from = feed->doubted_from;
        uint64_t to = feed->doubted_to - 1;
        feed->doubted_from = 0;
        feed->doubted_to = 0;
        p2p_feed_set_remove(&ledger->doubted, by);
        for (unsigned i = 0; i < P2P_CLAIMS_LOOKED_AT && err == P2P_OK && to < feed->edge.size;
             i++) {
            err = p2p_claim_above(ledger->kv, by, of, to, feed->edge.size, &to);
        }
        if (err == P2P_OK) {
            err = mark_range(ledger, feed, from, to);
        }
        if (err == P2P_OK) {
            err = p2p_custody_mark_sealed_by(ledger, by, from);
        }
        if (err == P2P_OK && feed->ends_at != P2P_FEED_GOES_ON) {
            err = p2p_rescued_mark(ledger, by); /* judged as if they stood there */
        }
    }
    return err;
}

/* ---- open claims whose feed has grown ---- */

/* One open claim whose feed has grown so far. A true one lets what its author wrote take away
 * what it cites; and the newest P2P_CLAIMS_LOOKED_AT of an author that is far ahead of us may
 * all have been open, so what older ones name counts again, too. */
static enum p2p_err settle_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                 uint32_t of)
{
    uint8_t key[P2P_CLAIM_KEY_BYTES];
    struct p2p_slice value;
    struct p2p_claim claim;
    struct p2p_slice row = p2p_claim_key(key, by, of, index);
    enum p2p_err err = p2p_kv_get(ledger->kv, P2P_TABLE_SEEN, row, &value);
    if (err == P2P_OK) {
        err = p2p_claim_read(row, value, by, of, &claim);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    err = p2p_claim_look(ledger, of, &claim);
    if (err == P2P_OK) {
        err = p2p_claim_put(ledger, by, index, of, &claim);
    }
    if (err == P2P_OK) {
        doubt(ledger, by, index);
    }
    return err;
}

/* All of them, in order of size. */
static enum p2p_err settle_claims(struct p2p_ledger *ledger, uint32_t of)
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

enum p2p_err p2p_known_settle(struct p2p_ledger *ledger, uint32_t of)
{
    enum p2p_err err = settle_claims(ledger, of);
    return err == P2P_OK ? mark_doubted(ledger, of) : err;
}

/* ---- feeds that are others now ---- */

/* All claims of one feed about another, newest first; those that are others now are doubted. */
static enum p2p_err claims_anew(struct p2p_ledger *ledger, uint32_t by, uint32_t of)
{
    uint64_t index = UINT64_MAX;
    for (;;) {
        uint8_t key[P2P_CLAIM_KEY_BYTES];
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_reader in;
        struct p2p_claim claim;
        enum p2p_err err = p2p_kv_seek(ledger->kv, P2P_TABLE_SEEN,
                                       p2p_claim_key(key, by, of, index), &found, &value);
        if (err == P2P_OK) {
            err = p2p_claim_read(found, value, by, of, &claim);
        }
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        p2p_reader_init(&in, found);
        p2p_reader_bytes(&in, 8);
        index = ~p2p_reader_u64(&in);
        enum p2p_claim_state before = claim.state;
        err = p2p_claim_look(ledger, of, &claim);
        if (before != claim.state) {
            doubt(ledger, by, index);
        }
        if (err == P2P_OK) {
            err = p2p_claim_put(ledger, by, index, of, &claim);
        }
        if (err == P2P_OK && claim.state == P2P_CLAIM_OPEN) {
            err = p2p_claim_note_open(ledger, by, index, of, claim.size);
        } else if (err == P2P_OK) {
            err = p2p_claim_drop_open(ledger, by, index, of, claim.size);
        }
        if (err != P2P_OK || index == 0) {
            return err;
        }
        index--;
    }
}

static enum p2p_err all_anew(struct p2p_ledger *ledger, uint32_t of)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t by = 0; by < ledger->feed_count && err == P2P_OK; by++) {
        err = claims_anew(ledger, by, of);
    }
    return err;
}

enum p2p_err p2p_known_anew(struct p2p_ledger *ledger, uint32_t of)
{
    enum p2p_err err = all_anew(ledger, of);
    for (uint32_t by = 0; p2p_feed_set_next(&ledger->doubted, &by); by++) {
        ledger->feeds[by]->doubted_from = 0;
        ledger->feeds[by]->doubted_to = 0;
    }
    p2p_feed_set_clear(&ledger->doubted);
    return err;
}

enum p2p_err p2p_known_again(struct p2p_ledger *ledger, uint32_t of)
{
    enum p2p_err err = all_anew(ledger, of);
    return err == P2P_OK ? mark_doubted(ledger, of) : err;
}
