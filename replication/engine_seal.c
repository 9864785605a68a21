/* What a witness cosigns no more once it has said that it holds an entry of the charter that
 * reassigns a token, or settles it away: any size of the old holder's feed in which a later
 * step of that holder stands. So whatever a quorum cosigned of it is below what a quorum named;
 * see records/custody_seal.c. */
#include "engine_parts.h"

#include <p2p/custody.h>

/* A step that only the holder at the epoch before the entry's, or somebody named for the
 * entry's by an earlier one, would write; of a token that is settled away (epoch 0) one by
 * which whoever holds it lets it go. */
static bool is_step_of(const struct p2p_record *record, const struct p2p_reassign *reassign,
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
    if (reassign->epoch == 0) {
        return record->kind == P2P_KIND_CUSTODY_OFFER || record->kind == P2P_KIND_USE;
    }
    switch (record->kind) {
    case P2P_KIND_CUSTODY_OFFER:
        return epoch == reassign->epoch + named_before;
    case P2P_KIND_USE:
    case P2P_KIND_CUSTODY_WITHDRAW:
        return epoch + 1 == reassign->epoch + named_before;
    case P2P_KIND_RECOUNT:
        return named_before && epoch == reassign->epoch;
    default:
        return false;
    }
}

/* Whether an earlier entry named the owner of a feed for the same epoch, and this one another.
 */
static bool was_named(const struct p2p_reassign *rows, size_t n, uint32_t member)
{
    for (size_t i = 0; i < n; i++) {
        if (p2p_record_id_compare(&rows[i].token, &rows[n].token) == 0 &&
            rows[i].epoch == rows[n].epoch && rows[i].member == member) {
            return rows[n].member != member;
        }
    }
    return false;
}

/* Whether a feed holds such a step in [from, to). */
static enum p2p_err holds_step(struct p2p_engine *engine, const struct p2p_reassign *rows,
                               size_t n, uint32_t feed, uint64_t from, uint64_t to, bool *holds)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    struct p2p_ledger *ledger = &engine->ledger;
    uint32_t member = p2p_charter_feed(ledger->charter, feed)->member;
    bool named = was_named(rows, n, member);
    enum p2p_err err = P2P_OK;
    p2p_touch_begin(&walk, P2P_VIEW_CUSTODY, p2p_id_key(key, &rows[n].token));
    walk.begun = true;
    walk.last = from > 0 ? (struct p2p_record_id){feed, from - 1}
                         : (struct p2p_record_id){feed - 1, UINT64_MAX - 1};
    while (err == P2P_OK && !*holds) {
        struct p2p_scratch scratch;
        struct p2p_entry entry;
        err = p2p_touch_next(&walk, engine->kv, &id);
        if (err == P2P_OK && (id.feed != feed || id.index >= to)) {
            return P2P_OK;
        }
        p2p_scratch_begin(&scratch, ledger);
        err = err == P2P_OK ? p2p_ledger_entry(ledger, &id, &entry) : err;
        *holds = err == P2P_OK && is_step_of(&entry.record, &rows[n], named);
        p2p_scratch_end(&scratch, ledger);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* One entry: what this node held of the feed when it first said that it holds the entry. */
static enum p2p_err forbids(struct p2p_engine *engine, const struct p2p_reassign *rows,
                            size_t n, uint32_t feed, uint64_t size, bool *forbidden)
{
    uint64_t at = 0;
    uint64_t named = 0;
    struct p2p_ledger *ledger = &engine->ledger;
    enum p2p_err err =
        p2p_known_first(ledger, engine->feed, P2P_CHARTER_FEED, rows[n].entry, &at);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err; /* its next `seen` will name what it holds */
    }
    err = p2p_known_size(ledger, engine->feed, at + 1, feed, &named);
    return err == P2P_OK && named < size
               ? holds_step(engine, rows, n, feed, named, size, forbidden)
               : err;
}

enum p2p_err p2p_seal_forbids(struct p2p_engine *engine, uint32_t feed, uint64_t size,
                              bool *forbidden)
{
    size_t count = 0;
    const struct p2p_reassign *rows = p2p_charter_all_reassigns(engine->ledger.charter, &count);
    enum p2p_err err = P2P_OK;
    *forbidden = false;
    for (size_t n = 0; n < count && engine->feed != 0 && err == P2P_OK && !*forbidden; n++) {
        err = forbids(engine, rows, n, feed, size, forbidden);
    }
    const struct p2p_settled_open *settled =
        p2p_charter_settled_opens(engine->ledger.charter, &count);
    for (size_t n = 0; n < count && engine->feed != 0 && err == P2P_OK && !*forbidden; n++) {
        const struct p2p_reassign any = {.token = settled[n].token, .entry = settled[n].entry};
        err = forbids(engine, &any, 0, feed, size, forbidden);
    }
    return err;
}
