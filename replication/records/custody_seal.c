/* At which size of its holder's feed a reassigned token is judged.
 *
 * Entry e of the charter names another holder. A witness of the old holder's feed F that holds
 * e cosigns no size of F any more in which a later step of that holder stands (engine_seal.c),
 * and says in its next `seen` how much of F it holds. A recount that rests on e names the
 * `seen` records of a quorum: two who look may hold different ones, and each is judged by those
 * it names. Whatever was quorum-cosigned of F is below every size that a quorum names. */
#include "custody_fold.h"

/* Whether the record at `seal` is the first of its member that names the entry, and what it
 * names of the feed. */
static enum p2p_err look(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                         const struct p2p_record_id *at, const struct p2p_record_id *seal,
                         uint64_t *size, bool *counts)
{
    uint64_t known = 0;
    uint64_t before = 0;
    uint64_t after = 0;
    enum p2p_err err = p2p_known_surely(ledger, at->feed, at->index, seal->feed, &known);
    if (err == P2P_OK) {
        err = p2p_known_surely(ledger, seal->feed, seal->index, P2P_CHARTER_FEED, &before);
    }
    if (err == P2P_OK) {
        err = p2p_known_surely(ledger, seal->feed, seal->index + 1, P2P_CHARTER_FEED, &after);
    }
    if (err == P2P_OK) {
        err = p2p_known_size(ledger, seal->feed, seal->index + 1, feed, size);
    }
    *counts = err == P2P_OK && seal->index < known && before <= entry && after > entry;
    return err;
}

/* How many of a set of witnesses are among the members that sealed it. */
static uint32_t present(const uint32_t *witnesses, uint32_t count, const uint32_t *members,
                        size_t member_count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool there = false;
        for (size_t j = 0; j < member_count; j++) {
            there = there || p2p_witness_member(witnesses[i]) == members[j];
        }
        found += there;
    }
    return found;
}

enum p2p_err p2p_custody_sealed(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                                const struct p2p_record_id *at,
                                const struct p2p_record_id *seals, size_t count, uint64_t *size,
                                bool *sealed)
{
    uint32_t members[P2P_CUSTODY_SEALS_MAX];
    size_t member_count = 0;
    enum p2p_err err = P2P_OK;
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed);
    *size = 0;
    *sealed = false;
    for (size_t i = 0; i < count && err == P2P_OK && info != NULL; i++) {
        uint64_t named = 0;
        bool counts = false;
        const struct p2p_feed_info *by = p2p_charter_feed(ledger->charter, seals[i].feed);
        if (by == NULL || by->member == 0) {
            continue;
        }
        err = look(ledger, feed, entry, at, &seals[i], &named, &counts);
        if (err == P2P_OK && counts) {
            members[member_count++] = by->member;
            *size = named > *size ? named : *size;
        }
    }
    if (err != P2P_OK || info == NULL || info->witness_count == 0) {
        return err;
    }
    *sealed = present(info->witnesses, info->witness_count, members, member_count) >=
                  p2p_witness_quorum(info->witness_count) &&
              present(info->former_witnesses, info->former_count, members, member_count) >=
                  p2p_witness_quorum(info->former_count);
    return P2P_OK;
}
