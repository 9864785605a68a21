/* What a witness cosigns no more once it has said that it holds an entry of the charter that
 * reassigns a token, or settles it away: any size of the old holder's feed in which a later
 * step of that holder stands by which the token is let go. So whatever a quorum cosigned of it
 * is below what a quorum named; see custody_seal.c.
 *
 *     offer, withdraw    somebody else could accept it, or take the other open for freed
 *     recount            by who was named before: it could pass the token on from there
 *     use                bars nothing: it counts wherever it stands, and nothing rests on it.
 *                        A port that releases while it is cut off, as its lease allows, and
 *                        finds that somebody was to replace it, goes on
 *
 * It is for good, whatever becomes of the token: who knows of the step and of nothing else may
 * act by it at any time. The way on is another generation of that feed. */
#include "custody_fold.h"

#include <p2p/kind.h>

/* One entry about one token. */
struct mover {
    struct p2p_record_id token;
    uint64_t epoch;  /* 0: it is settled away, at whichever epoch */
    uint32_t member; /* who is to hold it; 0: nobody */
    uint64_t entry;
};

/* A step that only the holder at the epoch before the entry's, or somebody named for the
 * entry's by an earlier one, would write. */
static bool is_step_of(const struct p2p_record *record, const struct mover *mover,
                       bool named_before)
{
    struct p2p_unpack in;
    if (record->body_type != P2P_BODY_PUBLIC ||
        !p2p_unpack_find(record->content, "epoch", &in)) {
        return false;
    }
    uint64_t epoch = p2p_unpack_uint(&in);
    if (p2p_unpack_failed(&in)) {
        return false;
    }
    if (mover->epoch == 0) {
        return record->kind == P2P_KIND_CUSTODY_OFFER;
    }
    switch (record->kind) {
    case P2P_KIND_CUSTODY_OFFER:
        return epoch == mover->epoch + named_before;
    case P2P_KIND_CUSTODY_WITHDRAW:
        return epoch + 1 == mover->epoch + named_before;
    case P2P_KIND_RECOUNT:
        return named_before && epoch == mover->epoch;
    default:
        return false;
    }
}

/* Whether an earlier entry named the owner of a feed for the same epoch, and this one another.
 */
static bool was_named(const struct p2p_ledger *ledger, const struct mover *mover, uint32_t feed)
{
    struct p2p_reassign rows[P2P_CUSTODY_ENTRIES_MAX];
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed);
    size_t count = mover->epoch == 0 ? 0
                                     : p2p_charter_reassigns(ledger->charter, &mover->token,
                                                             rows, P2P_CUSTODY_ENTRIES_MAX);
    for (size_t i = 0; i < count && i < P2P_CUSTODY_ENTRIES_MAX; i++) {
        if (rows[i].entry < mover->entry && rows[i].epoch == mover->epoch &&
            rows[i].member == info->member) {
            return mover->member != info->member;
        }
    }
    return false;
}

/* The first such step of a feed from an index on, below `below`. P2P_NOTFOUND. */
static enum p2p_err find_step(struct p2p_ledger *ledger, const struct mover *mover,
                              uint32_t feed, uint64_t from, uint64_t below, bool named,
                              uint64_t *index)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    enum p2p_err err = P2P_OK;
    bool found = false;
    p2p_touch_begin(&walk, P2P_VIEW_CUSTODY, p2p_id_key(key, &mover->token));
    walk.begun = true;
    walk.last = from > 0 ? (struct p2p_record_id){feed, from - 1}
                         : (struct p2p_record_id){feed - 1, UINT64_MAX - 1};
    while (err == P2P_OK && !found) {
        struct p2p_scratch scratch;
        struct p2p_entry entry;
        struct p2p_record_id id;
        err = p2p_touch_next(&walk, ledger->kv, &id);
        if (err == P2P_OK && (id.feed != feed || id.index >= below)) {
            return P2P_NOTFOUND;
        }
        p2p_scratch_begin(&scratch, ledger);
        err = err == P2P_OK ? p2p_ledger_entry(ledger, &id, &entry) : err;
        found = err == P2P_OK && is_step_of(&entry.record, mover, named);
        p2p_scratch_end(&scratch, ledger);
        *index = found ? id.index : *index;
    }
    return err;
}

/* One entry: only what stands where the witness did not know it yet, when it first said that it
 * holds the entry, bars anything. */
static enum p2p_err look_at(struct p2p_ledger *ledger, const struct mover *mover,
                            uint32_t witness, uint32_t feed, struct p2p_barred *out)
{
    uint64_t at = 0;
    uint64_t named = 0;
    uint64_t index = 0;
    /* Most feeds have nothing to do with most tokens. */
    enum p2p_err err =
        find_step(ledger, mover, feed, 0, out->from, was_named(ledger, mover, feed), &index);
    if (err == P2P_OK) {
        err = p2p_known_first(ledger, witness, P2P_CHARTER_FEED, mover->entry, &at);
    }
    if (err == P2P_OK) {
        err = p2p_known_size(ledger, witness, at + 1, feed, &named);
    }
    if (err == P2P_OK && index < named) {
        err = find_step(ledger, mover, feed, named, out->from, was_named(ledger, mover, feed),
                        &index);
    }
    if (err == P2P_OK) {
        *out = (struct p2p_barred){.from = index,
                                   .token = mover->token,
                                   .entry = mover->entry,
                                   .is_settled = mover->epoch == 0};
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_custody_barred(struct p2p_ledger *ledger, uint32_t witness, uint32_t feed,
                                struct p2p_barred *out)
{
    size_t count = 0;
    const struct p2p_reassign *rows = p2p_charter_all_reassigns(ledger->charter, &count);
    enum p2p_err err = P2P_OK;
    *out = (struct p2p_barred){.from = UINT64_MAX};
    if (witness == 0 || p2p_charter_feed(ledger->charter, feed) == NULL) {
        return P2P_OK;
    }
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        const struct mover mover = {.token = rows[i].token,
                                    .epoch = rows[i].epoch,
                                    .member = rows[i].member,
                                    .entry = rows[i].entry};
        err = look_at(ledger, &mover, witness, feed, out);
    }
    const struct p2p_settled_open *settled = p2p_charter_settled_opens(ledger->charter, &count);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        const struct mover mover = {.token = settled[i].token, .entry = settled[i].entry};
        err = look_at(ledger, &mover, witness, feed, out);
    }
    return err;
}

enum p2p_err p2p_custody_bars(struct p2p_ledger *ledger, uint32_t feed, struct p2p_bars *out)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed);
    enum p2p_err err = P2P_OK;
    *out = (struct p2p_bars){.first = {.from = UINT64_MAX}};
    for (uint32_t i = 0; info != NULL && i < info->witness_count && err == P2P_OK; i++) {
        struct p2p_barred barred;
        const struct p2p_member *member =
            p2p_charter_member(ledger->charter, p2p_witness_member(info->witnesses[i]));
        err = p2p_custody_barred(ledger, member == NULL ? 0 : member->feed, feed, &barred);
        out->barred += err == P2P_OK && barred.from != UINT64_MAX;
        if (err == P2P_OK && barred.from < out->first.from) {
            out->first = barred;
        }
        out->witnesses++;
    }
    out->is_lost =
        out->barred > 0 && out->witnesses - out->barred < p2p_witness_quorum(out->witnesses);
    return err;
}

void p2p_custody_lets_go(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                         const struct p2p_record_id *token)
{
    size_t count = 0;
    bool moved = false;
    uint32_t kind = entry->record.kind;
    if (kind != P2P_KIND_CUSTODY_OFFER && kind != P2P_KIND_CUSTODY_WITHDRAW &&
        kind != P2P_KIND_RECOUNT) {
        return;
    }
    const struct p2p_reassign *rows = p2p_charter_all_reassigns(ledger->charter, &count);
    for (size_t i = 0; i < count && !moved; i++) {
        moved = p2p_record_id_compare(&rows[i].token, token) == 0;
    }
    const struct p2p_settled_open *settled = p2p_charter_settled_opens(ledger->charter, &count);
    for (size_t i = 0; i < count && !moved; i++) {
        moved = p2p_record_id_compare(&settled[i].token, token) == 0;
    }
    if (moved) {
        p2p_feed_set_add(&ledger->let_go, entry->id.feed);
    }
}
