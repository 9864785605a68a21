/* Witnesses that cosigned two histories of one feed, which none may: whoever rests on a quorum
 * rests on no more than f of them doing so.
 *
 * One archive shows it by a cosigned head that its records do not lead to, beside a head over
 * as much to which they do; two archives that differ, by what stands in each. Any size from the
 * one on at which histories differ is of one of them alone. */
#include "parts.h"

#include <string.h>

struct looking {
    struct p2p_audit *audit;
    uint64_t *largest;   /* by key: what it cosigned of one log, 0 for nothing */
    uint64_t *elsewhere; /* of another */
};

/* Signings are sorted by feed. */
static void gather(const struct p2p_audit *audit, const struct audit_log *log,
                   uint64_t *largest)
{
    memset(largest, 0, audit->key_count * sizeof(*largest));
    for (size_t i = 0; i < audit->signing_count; i++) {
        const struct audit_signing *at = &audit->signings[i];
        if (at->feed == log->number && at->archive == log->archive &&
            at->size > largest[at->key]) {
            largest[at->key] = at->size;
        }
    }
}

static void tell(const struct looking *looking, const struct audit_log *log, uint32_t key,
                 uint64_t size, uint64_t other)
{
    p2p_findings_tell(looking->audit->findings, P2P_FINDING_WITNESS_FORKED, log->name, size,
                      "%s cosigned another history of its first %llu records, and %llu of this",
                      looking->audit->keys[key].name, (unsigned long long)size,
                      (unsigned long long)other);
}

/* Heads that the records of their own archive do not lead to. */
static void look_at_strays(const struct looking *looking, const struct audit_log *log)
{
    const struct p2p_audit *audit = looking->audit;
    bool some = false;
    for (size_t i = 0; i < audit->stray_count; i++) {
        const struct audit_signing *at = &audit->strays[i];
        if (at->feed != log->number || at->archive != log->archive) {
            continue;
        }
        if (!some) {
            gather(audit, log, looking->largest);
            some = true;
        }
        if (looking->largest[at->key] >= at->size) {
            tell(looking, log, at->key, at->size, looking->largest[at->key]);
        }
    }
}

static void look_at_pair(const struct looking *looking, const struct audit_log *a,
                         const struct audit_log *b)
{
    uint64_t size = audit_parted(a, b);
    if (size == 0) {
        return;
    }
    gather(looking->audit, a, looking->largest);
    gather(looking->audit, b, looking->elsewhere);
    for (uint32_t key = 0; key < looking->audit->key_count; key++) {
        if (looking->largest[key] >= size && looking->elsewhere[key] >= size) {
            tell(looking, a, key, size, looking->largest[key]);
        }
    }
}

enum p2p_err audit_witnesses(struct p2p_audit *audit)
{
    const struct p2p_alloc *alloc = audit->alloc;
    const size_t cap = audit->key_count + 1;
    struct looking looking = {.audit = audit};
    looking.largest = p2p_alloc_zeroed(alloc, cap, sizeof(*looking.largest));
    looking.elsewhere = p2p_alloc_zeroed(alloc, cap, sizeof(*looking.elsewhere));
    bool good = looking.largest != NULL && looking.elsewhere != NULL;
    for (size_t i = 0; good && i < audit->log_count; i++) {
        const struct audit_log *log = &audit->logs[i];
        if (log->number == AUDIT_NO_NUMBER) {
            continue;
        }
        look_at_strays(&looking, log);
        for (size_t j = i + 1; log->differs && j < audit->log_count; j++) {
            const struct audit_log *other = &audit->logs[j];
            if (other->number == log->number && other->archive != log->archive) {
                look_at_pair(&looking, log, other);
            }
        }
    }
    p2p_alloc_free(alloc, looking.largest);
    p2p_alloc_free(alloc, looking.elsewhere);
    return good ? P2P_OK : P2P_NOMEM;
}
