/* At which size of its holder's feed a reassigned token is judged, and who has to have sealed
 * it.
 *
 * Entry e of the charter names another holder. A witness of the old holder's feed F that holds
 * e cosigns no size of F any more in which a later step of that holder stands (engine_seal.c),
 * answers no lease for less charter, and says in its next `seen` how much of F it holds. A
 * recount that rests on e names such `seen` records: two who look may hold different ones, and
 * each is judged by those it names, at the largest size that they name.
 *
 * Who witnesses F may have changed, unheard by its owner and by those who witnessed it before:
 * any set that once held may be the one that cosigned its last offer, or that answered its
 * lease. So the seals have to be a quorum of each set S0, S1, ... that held before e, but for
 * those that were replaced by a version that F itself named below the size sealed:
 *
 *     S0 .. Sj .. Sn | e       F named Sj at i, and somebody sealed more than i of F
 *     \___/\_______/
 *    nothing  each a quorum
 *
 * What rests on F above i rests on a quorum of one of those behind the first bar
 * (custody_rests.c), and so do the leases that F asked for since; what was asked for before had
 * been asked for when that seal was written. Sets that came with e or later are known to nobody
 * who does not stop for e. Whatever was quorum-cosigned of F is so below the size sealed.
 *
 * A witness is a key: what a member's next generation says, which may have lost what the one
 * before it cosigned, is no seal by that. All of it is looked at only when nothing in it can
 * become another verdict: what a seal names of F is held here, and so is what comes before it.
 */
#include "custody_fold.h"

#include <string.h>

enum verdict { NO_SEAL, SEAL, OPEN };

/* Whether the record at `seal` is the first of its feed that names the entry, and what it names
 * of the feed. at NULL: everything that is held is known. */
static enum p2p_err look(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                         const struct p2p_record_id *at, const struct p2p_record_id *seal,
                         uint64_t *size, enum verdict *verdict)
{
    const struct p2p_feed *by = p2p_ledger_feed(ledger, seal->feed);
    uint64_t known = by == NULL ? 0 : by->edge.size;
    uint64_t surely = known;
    uint64_t first = 0;
    enum p2p_err err = P2P_OK;
    *verdict = NO_SEAL;
    if (at != NULL) {
        err = p2p_known_size(ledger, at->feed, at->index, seal->feed, &known);
    }
    if (err == P2P_OK && at != NULL) {
        err = p2p_known_surely(ledger, at->feed, at->index, seal->feed, &surely);
    }
    if (err != P2P_OK || seal->index >= surely) {
        *verdict = seal->index < known ? OPEN : NO_SEAL;
        return err;
    }
    err = p2p_known_first(ledger, seal->feed, P2P_CHARTER_FEED, entry, &first);
    if (err != P2P_OK || first > seal->index) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    err = p2p_known_surely(ledger, seal->feed, first + 1, P2P_CHARTER_FEED, &surely);
    if (err != P2P_OK || surely <= entry || first != seal->index) {
        *verdict = err == P2P_OK && surely <= entry ? OPEN : NO_SEAL;
        return err;
    }
    err = p2p_known_size(ledger, seal->feed, first + 1, feed, size);
    if (err == P2P_OK) {
        err = p2p_known_surely(ledger, seal->feed, first + 1, feed, &surely);
    }
    *verdict = err == P2P_OK && surely == *size ? SEAL : OPEN;
    return err;
}

/* In any set before the entry. */
static bool was_witness(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                        uint32_t witness)
{
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set;
    while (p2p_charter_next_set(ledger->charter, feed, &walk, &set) && set.from < entry) {
        for (uint32_t i = 0; i < set.count; i++) {
            if (set.witnesses[i] == witness) {
                return true;
            }
        }
    }
    return false;
}

/* What some `seen` records come to. */
struct sealed_by {
    uint32_t witnesses[P2P_CUSTODY_SEALS_MAX];
    size_t count;
    uint64_t size; /* the largest that they name */
    bool is_open;  /* something in it may become another verdict */
};

static enum p2p_err read_seals(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                               const struct p2p_record_id *at,
                               const struct p2p_record_id *seals, size_t count,
                               struct sealed_by *out)
{
    enum p2p_err err = P2P_OK;
    *out = (struct sealed_by){.count = 0};
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        const struct p2p_feed_info *by = p2p_charter_feed(ledger->charter, seals[i].feed);
        enum verdict verdict = NO_SEAL;
        uint64_t size = 0;
        uint32_t witness =
            by == NULL || by->member == 0 ? 0 : p2p_witness_number(by->member, by->generation);
        if (witness == 0 || !was_witness(ledger, feed, entry, witness)) {
            continue;
        }
        err = look(ledger, feed, entry, at, &seals[i], &size, &verdict);
        if (err == P2P_OK && verdict == SEAL) {
            out->witnesses[out->count++] = witness;
            out->size = size > out->size ? size : out->size;
        }
        out->is_open = out->is_open || verdict == OPEN;
    }
    return err;
}

/* Whether a feed itself named, below `size` of it, that a set of its witnesses holds. */
static enum p2p_err has_named(const struct p2p_ledger *ledger, uint32_t feed,
                              const struct p2p_witness_set *set, uint64_t size, bool *named)
{
    uint64_t at = 0;
    uint64_t surely = 0;
    *named = false;
    enum p2p_err err = p2p_known_first(ledger, feed, P2P_CHARTER_FEED, set->from, &at);
    if (err != P2P_OK || at >= size) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    err = p2p_known_surely(ledger, feed, at + 1, P2P_CHARTER_FEED, &surely);
    *named = err == P2P_OK && surely > set->from;
    return err;
}

/* How many sets were replaced by one that the feed itself named below that size. */
static enum p2p_err count_past(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                               uint64_t size, size_t *past)
{
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set;
    enum p2p_err err = P2P_OK;
    bool named = true;
    *past = 0;
    for (size_t i = 0;
         err == P2P_OK && named && p2p_charter_next_set(ledger->charter, feed, &walk, &set) &&
         set.from < entry;
         i++) {
        if (i > 0) {
            err = has_named(ledger, feed, &set, size, &named);
        }
        *past = err == P2P_OK && named ? i : *past;
    }
    return err;
}

static bool has(const struct sealed_by *sealed, uint32_t witness)
{
    for (size_t i = 0; i < sealed->count; i++) {
        if (sealed->witnesses[i] == witness) {
            return true;
        }
    }
    return false;
}

/* Who of a set is missing, and whether the rest make no quorum. A key that was replaced says
 * nothing more. */
static bool lacks(const struct p2p_ledger *ledger, const struct p2p_witness_set *set,
                  const struct sealed_by *sealed, struct p2p_seals_lacking *out)
{
    uint32_t quorum = p2p_witness_quorum(set->count);
    uint32_t gone = 0;
    *out = (struct p2p_seals_lacking){.from = set->from, .until = set->until};
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t witness = set->witnesses[i];
        uint32_t present = p2p_charter_witness_of(ledger->charter, p2p_witness_member(witness));
        if (!has(sealed, witness)) {
            out->witnesses[out->count++] = witness;
            gone += witness != present;
        }
    }
    uint32_t there = set->count - out->count;
    out->needed = quorum > there ? quorum - there : 0;
    out->never = set->count == 0 || out->needed > out->count - gone;
    return set->count == 0 || out->needed > 0;
}

static enum p2p_err weigh(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                          const struct sealed_by *sealed, struct p2p_sealing *out)
{
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set;
    size_t past = 0;
    enum p2p_err err = count_past(ledger, feed, entry, sealed->size, &past);
    out->feed = feed;
    out->size = sealed->size;
    out->lacking_count = 0;
    for (size_t i = 0;
         err == P2P_OK && p2p_charter_next_set(ledger->charter, feed, &walk, &set) &&
         set.from < entry;
         i++) {
        struct p2p_seals_lacking lacking;
        if (i < past || !lacks(ledger, &set, sealed, &lacking)) {
            continue;
        }
        if (out->lacking_count < P2P_SEALS_LACKING_MAX) {
            out->lacking[out->lacking_count] = lacking;
        }
        out->lacking_count++;
    }
    out->sealed = err == P2P_OK && out->lacking_count == 0 && !sealed->is_open;
    return err;
}

enum p2p_err p2p_custody_sealed(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry,
                                const struct p2p_record_id *at,
                                const struct p2p_record_id *seals, size_t count, uint64_t *size,
                                bool *sealed)
{
    struct sealed_by by;
    struct p2p_sealing sealing = {.sealed = false};
    enum p2p_err err = P2P_OK;
    *size = 0;
    *sealed = false;
    if (p2p_charter_feed(ledger->charter, feed) == NULL || count == 0) {
        return P2P_OK;
    }
    err = read_seals(ledger, feed, entry, at, seals, count, &by);
    if (err == P2P_OK) {
        err = weigh(ledger, feed, entry, &by, &sealing);
    }
    *size = by.size;
    *sealed = err == P2P_OK && sealing.sealed;
    return err;
}

/* ---- gathering ---- */

/* The seal by one feed, if it is or was a witness of one of those that are to be sealed. */
static enum p2p_err gather_from(const struct p2p_ledger *ledger, const struct p2p_feed_info *by,
                                const uint32_t *feeds, size_t feed_count, uint64_t entry,
                                struct p2p_record_id *seal, bool *found)
{
    uint32_t witness = p2p_witness_number(by->member, by->generation);
    uint64_t at = 0;
    enum p2p_err err = P2P_OK;
    bool waits = false;
    *found = false;
    for (size_t i = 0; i < feed_count && err == P2P_OK; i++) {
        enum verdict verdict = NO_SEAL;
        uint64_t size = 0;
        if (!was_witness(ledger, feeds[i], entry, witness)) {
            continue;
        }
        err = p2p_known_first(ledger, by->number, P2P_CHARTER_FEED, entry, &at);
        if (err == P2P_OK) {
            *seal = (struct p2p_record_id){by->number, at};
            err = look(ledger, feeds[i], entry, NULL, seal, &size, &verdict);
        }
        *found = *found || verdict == SEAL;
        waits = waits || verdict == OPEN;
    }
    *found = *found && !waits; /* what it names of another may be more than is held here */
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_seals_gather(const struct p2p_ledger *ledger, const uint32_t *feeds,
                              size_t feed_count, uint64_t entry,
                              const struct p2p_waited *waited, struct p2p_sealing *out)
{
    enum p2p_err err = P2P_OK;
    *out = (struct p2p_sealing){.sealed = false};
    for (uint32_t i = 1; i < ledger->feed_count && err == P2P_OK; i++) {
        const struct p2p_feed_info *by = p2p_charter_feed(ledger->charter, i);
        struct p2p_record_id seal;
        bool found = false;
        if (by == NULL || by->member == 0 || out->seal_count == P2P_CUSTODY_SEALS_MAX) {
            continue;
        }
        err = gather_from(ledger, by, feeds, feed_count, entry, &seal, &found);
        if (err == P2P_OK && found && (waited == NULL || waited->has(waited->context, &seal))) {
            out->seals[out->seal_count++] = seal;
        }
    }
    for (size_t i = 0; i < feed_count && err == P2P_OK && (i == 0 || out->sealed); i++) {
        struct sealed_by sealed;
        err = read_seals(ledger, feeds[i], entry, NULL, out->seals, out->seal_count, &sealed);
        if (err == P2P_OK) {
            err = weigh(ledger, feeds[i], entry, &sealed, out);
        }
    }
    return err;
}
