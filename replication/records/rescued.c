/* The kind `rescued`: which carriers have effect, and what they touch. */
#include <p2p/ban.h>
#include <p2p/custody.h>
#include <p2p/rescued.h>

#include "kinds.h"
#include "ledger/views.h"

#include <string.h>

#define MARK_KEY_BYTES 5u

/* TOUCH rows of the view `forks` under this key: the carriers of bans from one feed. No feed
 * has such a name, so the fold of forks never meets them. */
static struct p2p_slice feed_key(uint8_t out[MARK_KEY_BYTES], uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, MARK_KEY_BYTES);
    p2p_writer_u8(&key, 0);
    p2p_writer_u32(&key, feed);
    return p2p_writer_slice(&key);
}

void p2p_rescued_carriers(struct p2p_touch_walk *walk, const struct p2p_hash *hash)
{
    p2p_touch_begin(walk, P2P_VIEW_BANS, p2p_slice_of(hash->bytes, P2P_HASH_BYTES));
}

enum p2p_err p2p_rescued_next(struct p2p_touch_walk *walk, const struct p2p_kv *kv,
                              struct p2p_record_id *id)
{
    enum p2p_err err = p2p_touch_next(walk, kv, id);
    walk->last.index = UINT64_MAX - 1; /* on to the next author */
    return err;
}

/* ---- judging ---- */

static enum p2p_err check_signature(struct p2p_ledger *ledger,
                                    const struct p2p_rescued *rescued, enum p2p_why *why)
{
    struct p2p_arrival arrival = {.feed = rescued->feed, .record = rescued->record};
    enum p2p_err err = p2p_ledger_verify(ledger, &arrival, 1);
    *why = arrival.signature == P2P_SIGNATURE_GOOD             ? P2P_WHY_NONE
           : arrival.signature == P2P_SIGNATURE_UNKNOWN_ISSUER ? P2P_WHY_UNKNOWN_ISSUER
                                                               : P2P_WHY_BAD_SIGNATURE;
    return err;
}

enum p2p_err p2p_rescued_is_there(const struct p2p_ledger *ledger,
                                  const struct p2p_rescued *rescued, bool *there)
{
    uint64_t index = rescued->index;
    struct p2p_slice leaf;
    *there = false;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, rescued->feed);
    enum p2p_err err = P2P_OK;
    if (rescued->record.issuer != 0) {
        err = p2p_number_find(ledger, rescued->feed, rescued->record.issuer,
                              rescued->record.issuer_seq, &index);
    } else if (feed == NULL || index >= feed->ends_at) { /* it has no number */
        return P2P_OK;
    }
    if (err == P2P_OK && index >= feed->edge.size && ledger->on_absent != NULL) {
        const struct p2p_record_id at = {rescued->feed, index};
        ledger->on_absent(ledger->absent_context, &at); /* a past's numbers are all there are */
    }
    if (err == P2P_OK) {
        err = p2p_feed_leaf(feed, ledger->kv, index, &leaf);
    }
    if (err == P2P_OK) {
        *there = p2p_slice_equal(leaf, rescued->leaf);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err judge(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                          enum p2p_why *why)
{
    struct p2p_rescued rescued;
    bool there = false;
    if (entry->payload.len == 0) {
        return P2P_OK; /* not entitled: nobody's business here */
    }
    if (!p2p_rescued_carries(ledger, entry, &rescued)) {
        *why = P2P_WHY_BAD_PAYLOAD;
        return P2P_OK;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, rescued.feed);
    if (feed == NULL || feed->ends_at == P2P_FEED_GOES_ON) {
        *why = P2P_WHY_BAD_PAYLOAD; /* nothing was to be rescued */
        return P2P_OK;
    }
    enum p2p_err err = rescued.record.issuer == 0 /* it would carry nothing */
                           ? P2P_OK
                           : check_signature(ledger, &rescued, why);
    if (err != P2P_OK || *why != P2P_WHY_NONE) {
        return err;
    }
    err = p2p_rescued_is_there(ledger, &rescued, &there);
    if (err != P2P_OK || there) {
        *why = P2P_WHY_REPEATED_SEQ;
        return err;
    }
    const struct p2p_entry at_end = {.id = {rescued.feed, feed->ends_at},
                                     .record = rescued.record,
                                     .payload = rescued.payload};
    return p2p_judge_content(ledger, &at_end, false, why); /* it forbids, whatever it cites */
}

/* ---- what it touches ---- */

/* The rights that a carried block names; here, or taken back. */
static enum p2p_err touch_rights(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                 const struct p2p_rescued *rescued)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    enum p2p_err err = P2P_OK;
    if (rescued->record.kind != P2P_KIND_RIGHT_BLOCK) {
        return P2P_OK;
    }
    p2p_cites_begin(&walk, &rescued->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        uint8_t key[P2P_ID_KEY_BYTES];
        err = p2p_touch_add(ledger, P2P_VIEW_RIGHTS, p2p_id_key(key, &cite), id);
        if (err == P2P_OK) {
            err = p2p_view_mark(ledger, P2P_VIEW_RIGHTS, p2p_id_key(key, &cite));
        }
    }
    return err;
}

/* The tokens that a carried release names, likewise. */
static enum p2p_err touch_tokens(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                 const struct p2p_rescued *rescued)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    enum p2p_err err = P2P_OK;
    if (rescued->record.kind != P2P_KIND_USE) {
        return P2P_OK;
    }
    p2p_cites_begin(&walk, &rescued->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        err = p2p_custody_touch_rescued(ledger, rescued->record.circle, &cite, rescued->feed,
                                        rescued->record.content, id);
    }
    return err;
}

/* What the carrier at id carries is looked at again. */
static enum p2p_err mark_carried(struct p2p_ledger *ledger, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_rescued rescued;
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err == P2P_OK && p2p_rescued_parse(&rescued, entry.payload) == P2P_OK) {
        err = touch_rights(ledger, id, &rescued);
        err = err == P2P_OK ? touch_tokens(ledger, id, &rescued) : err;
    }
    p2p_scratch_end(&scratch, ledger);
    return err == P2P_OK ? p2p_view_mark(ledger, P2P_VIEW_BANS, p2p_id_key(key, id)) : err;
}

static enum p2p_err mark_walk(struct p2p_ledger *ledger, struct p2p_touch_walk *walk)
{
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK) {
        err = p2p_touch_next(walk, ledger->kv, &id);
        if (err == P2P_OK) {
            err = mark_carried(ledger, &id);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_rescued rescued;
    uint8_t key[P2P_ID_KEY_BYTES];
    uint8_t of_feed[MARK_KEY_BYTES];
    struct p2p_touch_walk walk;
    enum p2p_err err = P2P_OK;
    if (entry->payload.len == 0 || p2p_rescued_parse(&rescued, entry->payload) != P2P_OK) {
        return P2P_OK; /* it carries nothing under any charter */
    }
    if (ledger->undoing && p2p_rescued_is_ban(rescued.record.kind)) {
        err = p2p_ban_row(ledger, entry->record.circle, rescued.payload, &entry->id, false);
    }
    if (err == P2P_OK) {
        err = p2p_touch_add(ledger, P2P_VIEW_BANS,
                            p2p_slice_of(rescued.hash.bytes, P2P_HASH_BYTES), &entry->id);
    }
    if (err == P2P_OK) {
        err =
            p2p_touch_add(ledger, P2P_VIEW_FORKS, feed_key(of_feed, rescued.feed), &entry->id);
    }
    if (err == P2P_OK && rescued.record.issuer != 0) {
        err = p2p_index_issuer(ledger, rescued.record.issuer, &entry->id);
    }
    if (err == P2P_OK) {
        err = touch_rights(ledger, &entry->id, &rescued);
    }
    if (err == P2P_OK) {
        err = touch_tokens(ledger, &entry->id, &rescued);
    }
    if (err == P2P_OK) {
        err = p2p_view_mark(ledger, P2P_VIEW_BANS, p2p_id_key(key, &entry->id));
    }
    if (err == P2P_OK && ledger->undoing) { /* one of the others makes the fold look at all */
        struct p2p_record_id other;
        p2p_rescued_carriers(&walk, &rescued.hash);
        err = p2p_rescued_next(&walk, ledger->kv, &other);
        err =
            err == P2P_OK ? p2p_view_mark(ledger, P2P_VIEW_BANS, p2p_id_key(key, &other)) : err;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_rescued_mark(struct p2p_ledger *ledger, uint32_t feed)
{
    uint8_t key[MARK_KEY_BYTES];
    struct p2p_touch_walk walk;
    p2p_touch_begin(&walk, P2P_VIEW_FORKS, feed_key(key, feed));
    return mark_walk(ledger, &walk);
}

enum p2p_err p2p_rescued_held(struct p2p_ledger *ledger, const struct p2p_rescued *rescued,
                              const struct p2p_record_id *going, bool *held)
{
    struct p2p_scratch scratch;
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    bool found = false;
    p2p_scratch_begin(&scratch, ledger);
    p2p_touch_begin(&walk, P2P_VIEW_BANS, p2p_slice_of(rescued->hash.bytes, P2P_HASH_BYTES));
    while (err == P2P_OK && !found &&
           (err = p2p_touch_next(&walk, ledger->kv, &id)) == P2P_OK) {
        struct p2p_rescued carried;
        struct p2p_entry entry;
        if (going != NULL && id.feed == going->feed && id.index >= going->index) {
            continue;
        }
        err = p2p_ledger_entry(ledger, &id, &entry);
        found = err == P2P_OK && p2p_rescued_carries(ledger, &entry, &carried);
        p2p_scratch_reset(&scratch);
    }
    p2p_scratch_end(&scratch, ledger);
    *held = found;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static const struct p2p_field fields[] = {
    {"feed", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
    {"index", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
    {"leaf", P2P_FIELD_BYTES, 0, true, P2P_TLP_AMBER},
    {"proof", P2P_FIELD_BYTES, P2P_RESCUED_PROOF_BYTES_MAX, false, P2P_TLP_CLEAR},
    {"salted", P2P_FIELD_BYTES, 0, false, P2P_TLP_RED},
};
const struct p2p_kind p2p_kind_rescued = {
    .number = P2P_KIND_RESCUED,
    .word = "rescued",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(fields),
    .judge = judge,
    .keys = keys,
};
