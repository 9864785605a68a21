/* Whether a record may cite what it cites: each cited record is known to its author there, of a
 * kind that this kind may cite, and of the same circle.
 *
 * A `ruled` cites up to 256 requests, a request as many rights, and each is judged for each
 * right that is folded over it, so it is remembered of which records all citations fit, until
 * the ledger is closed. That follows from nothing but the leaves below a record and the claims
 * of its author below it: who changes leaves calls p2p_judge_forget, who writes a claim
 * p2p_judge_forget_above. What may change with a charter entry, a cut point, a fork or a
 * closing is looked at each time, by judge.c. */
#include "known_claim.h"
#include "views.h"

#include <p2p/rescued.h>

#include <string.h>

enum { CITES_MIN = 2 }; /* with fewer, a record's citations are not remembered to fit */

static bool may_cite(const struct p2p_kind *kind, uint32_t cited)
{
    for (size_t i = 0; i < sizeof(kind->cites) / sizeof(kind->cites[0]); i++) {
        if (kind->cites[i] == cited) {
            return cited != 0;
        }
    }
    return false;
}

bool p2p_judge_cite_fits(const struct p2p_record *citing, const struct p2p_record *cited)
{
    const struct p2p_kind *kind = p2p_kind_find(citing->kind);
    return kind != NULL && cited->circle == citing->circle && may_cite(kind, cited->kind);
}

void p2p_judge_forget(struct p2p_ledger *ledger)
{
    if (ledger->cites_remembered) {
        memset(ledger->cited, 0, sizeof(ledger->cited));
        ledger->cites_remembered = false;
    }
}

void p2p_judge_forget_above(struct p2p_ledger *ledger, uint32_t by, uint64_t index)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, by);
    if (!ledger->cites_remembered || (feed != NULL && index + 1 == feed->edge.size)) {
        return; /* nothing stands above it */
    }
    for (size_t i = 0; i < P2P_CITED_MAX; i++) {
        if (ledger->cited[i].feed == by && ledger->cited[i].index > index) {
            ledger->cited[i] = (struct p2p_record_id){0, 0};
        }
    }
}

uint64_t p2p_judge_spread(const struct p2p_record_id *id)
{
    return (id->index + id->feed) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

/* The place of a record among those whose citations fit, and whether it stands there; NULL for
 * those that are soon judged, and for kinds that are judged where they do not stand, too
 * (rescued.h). A past (past.h) has to see all that a verdict rests on, each time. */
static struct p2p_record_id *cited_place(struct p2p_ledger *ledger,
                                         const struct p2p_entry *entry, bool *there)
{
    *there = false;
    if (ledger->comparing || entry->record.cite_count < CITES_MIN ||
        p2p_rescued_kind(entry->record.kind)) {
        return NULL;
    }
    struct p2p_record_id *place = &ledger->cited[p2p_judge_spread(&entry->id) % P2P_CITED_MAX];
    *there = p2p_record_id_compare(place, &entry->id) == 0;
    return place;
}

/* What a record cites, one after the other: most of it stands in one feed, close together. */
struct citing {
    struct p2p_ledger *ledger;
    const struct p2p_entry *entry;
    const struct p2p_kind *kind;
    uint32_t known_feed; /* whose known size that is; the record's own at first */
    uint64_t known;
    bool absent;                 /* something that it cites is not here yet */
    struct p2p_feed_walk leaves; /* nothing is written meanwhile */
};

/* Whether its author claimed to know that much, true or not: it may have been a history that a
 * fork took away. What amends a ban there takes nothing away, and is an imposition too. */
static enum p2p_err was_claimed(const struct p2p_ledger *ledger, const struct p2p_record_id *by,
                                const struct p2p_record_id *cite, bool *claimed)
{
    struct p2p_claim claim;
    uint64_t index;
    enum p2p_err err =
        p2p_claim_below(ledger->kv, by->feed, cite->feed, by->index, &claim, &index);
    *claimed = err == P2P_OK && (claim.size > cite->index || claim.highest > cite->index);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err judge_cite(struct citing *citing, const struct p2p_record_id *cite,
                               bool *fits)
{
    struct p2p_ledger *ledger = citing->ledger;
    const struct p2p_record_id *by = &citing->entry->id;
    struct p2p_slice leaf;
    uint32_t kind = 0;
    uint32_t circle = 0;
    enum p2p_err err = P2P_OK;
    if (cite->feed != citing->known_feed) {
        err = p2p_known_size(ledger, by->feed, by->index, cite->feed, &citing->known);
        citing->known_feed = cite->feed;
    }
    *fits = cite->index < citing->known;
    if (err == P2P_OK && !*fits && citing->entry->record.kind == P2P_KIND_BAN_AMEND) {
        return was_claimed(ledger, by, cite, fits);
    }
    if (err != P2P_OK || !*fits) {
        return err;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, cite->feed);
    if (feed == NULL || cite->index >= feed->edge.size) {
        citing->absent = true;
        if (ledger->on_absent != NULL) {
            ledger->on_absent(ledger->absent_context, cite);
        }
        return P2P_OK; /* not here yet: p2p_touch_settle comes back to it */
    }
    if (citing->leaves.feed != feed) {
        p2p_feed_walk_begin(&citing->leaves, feed, ledger->kv, cite->index);
    }
    err = p2p_feed_walk_to(&citing->leaves, cite->index, &leaf);
    if (err == P2P_OK && p2p_record_peek_kind(leaf, &kind, &circle) != P2P_OK) {
        err = P2P_CORRUPT; /* only canonical records were let in */
    }
    *fits = circle == citing->entry->record.circle && may_cite(citing->kind, kind);
    return err;
}

enum p2p_err p2p_judge_cites(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                             const struct p2p_kind *kind, enum p2p_why *why)
{
    struct citing citing = {.ledger = ledger,
                            .entry = entry,
                            .kind = kind,
                            .known_feed = entry->id.feed,
                            .known = entry->id.index};
    struct p2p_cites walk;
    struct p2p_record_id cite;
    bool fits = !kind->cites_required || entry->record.cite_count > 0;
    bool found = false;
    struct p2p_record_id *place = cited_place(ledger, entry, &found);
    enum p2p_err err = P2P_OK;
    p2p_cites_begin(&walk, &entry->record);
    while (err == P2P_OK && fits && !found && p2p_cites_next(&walk, &cite)) {
        err = judge_cite(&citing, &cite, &fits);
    }
    if (err == P2P_OK && fits && !citing.absent && place != NULL) {
        *place = entry->id;
        ledger->cites_remembered = true;
    }
    *why = err == P2P_OK && !fits ? P2P_WHY_BAD_CITATION : *why;
    return err;
}
