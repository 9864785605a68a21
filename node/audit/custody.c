/* Custody and releases: whether each release was by who held the container's custody, and on a
 * right that allowed it, and what came in at another port than held it. What the folds say of
 * tokens and rights is taken from the replay; that the gate's answer follows from what it knew
 * is decisions.c's. */
#include "parts.h"

#include <p2p/custody.h>
#include <p2p/rescued.h>
#include <p2p/right.h>
#include <p2p/wire.h>

#include <stdio.h>

#define ARENA_BYTES ((size_t)64 << 20)

struct looking {
    struct p2p_audit *audit;
    const struct p2p_kv *kv;
    struct p2p_arena arena;
    struct p2p_custody token;
    struct p2p_custody rival;
    struct p2p_right right;
};

static bool same(const struct p2p_record_id *a, const struct p2p_record_id *b)
{
    return p2p_record_id_compare(a, b) == 0;
}

static void tell(const struct looking *looking, enum p2p_finding_code code,
                 const struct p2p_record_id *id, const char *text)
{
    const struct p2p_custody *token = &looking->token;
    struct p2p_slice of = p2p_feed_name(&looking->audit->ledger, token->id.feed);
    const struct audit_log *log = looking->audit->chosen[id->feed];
    p2p_findings_tell(looking->audit->findings, code, log == NULL ? "?" : log->name, id->index,
                      "%.*s, by %.*s:%llu: %s", (int)token->container.len,
                      (const char *)token->container.data, (int)of.len, (const char *)of.data,
                      (unsigned long long)token->id.index, text);
}

/* ---- what came in elsewhere ---- */

/* Whether the author of one record surely knew of another where he wrote it. */
static enum p2p_err knew(const struct looking *looking, const struct p2p_record_id *author,
                         const struct p2p_record_id *of, bool *known)
{
    uint64_t size = 0;
    enum p2p_err err =
        p2p_known_surely(&looking->audit->ledger, author->feed, author->index, of->feed, &size);
    *known = err == P2P_OK && of->index < size;
    return err;
}

/* Another token of the container in that circle, opened by who knew of the gate-in, and
 * released. P2P_NOTFOUND. */
static enum p2p_err find_released_after(struct looking *looking, uint32_t circle,
                                        const struct p2p_record_id *gate_in,
                                        struct p2p_record_id *out)
{
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    for (bool begin = true; err == P2P_OK; begin = false) {
        bool after = false;
        err =
            p2p_custody_next_of(looking->kv, circle, looking->token.container, &id, begin, &id);
        if (err != P2P_OK || same(&id, &looking->token.id)) {
            continue;
        }
        err = p2p_custody_get(looking->kv, circle, &id, &looking->rival);
        if (err == P2P_OK && looking->rival.state == P2P_CUSTODY_RELEASED) {
            err = knew(looking, &id, gate_in, &after);
        }
        if (after) {
            *out = id;
            return P2P_OK;
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err; /* its payload is not here */
    }
    return err;
}

/* The token was released, which who let the container in did not know. By itself that is late
 * news; released again behind that gate, it has to be explained. */
static enum p2p_err look_for_another(struct looking *looking,
                                     const struct p2p_record_id *gate_in)
{
    bool known = false;
    struct p2p_record_id later = {0, 0};
    enum p2p_err err = knew(looking, gate_in, &looking->token.step, &known);
    if (err != P2P_OK || known) {
        return err;
    }
    err = P2P_NOTFOUND;
    for (uint32_t circle = 0;
         circle <= p2p_charter_circle_count(looking->audit->charter) && err == P2P_NOTFOUND;
         circle++) {
        err = find_released_after(looking, circle, gate_in, &later);
    }
    if (err == P2P_OK) {
        char text[128];
        struct p2p_slice of = p2p_feed_name(&looking->audit->ledger, later.feed);
        snprintf(text, sizeof text, "released there, and after it came in here on %.*s:%llu",
                 (int)of.len, (const char *)of.data, (unsigned long long)later.index);
        tell(looking, P2P_FINDING_RELEASED_AGAIN, gate_in, text);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static bool of_container(const struct p2p_entry *entry, const struct p2p_custody *token)
{
    struct p2p_unpack container;
    return entry->record.circle == token->circle && entry->payload.len > 0 &&
           p2p_unpack_find(entry->payload, "container", &container) &&
           p2p_slice_equal(p2p_unpack_str(&container), token->container);
}

/* A gate-in by a port that did not hold the token: it ends what another one held, who may be
 * cut off and know nothing of it. */
static enum p2p_err look_at_gate_in(struct looking *looking, const struct p2p_entry *entry)
{
    const struct p2p_custody *token = &looking->token;
    const struct p2p_charter *charter = looking->audit->charter;
    enum p2p_why why = P2P_WHY_NONE;
    if (!of_container(entry, token) || p2p_charter_feed(charter, entry->id.feed)->member ==
                                           p2p_charter_feed(charter, token->holder)->member) {
        return P2P_OK;
    }
    if (token->state == P2P_CUSTODY_CLOSED && same(&token->step, &entry->id)) {
        tell(looking, P2P_FINDING_CLOSED_ELSEWHERE, &entry->id, "held at another port");
        return P2P_OK;
    }
    enum p2p_err err = p2p_judge(&looking->audit->ledger, entry, &why);
    return err == P2P_OK && why == P2P_WHY_NONE && token->state == P2P_CUSTODY_RELEASED
               ? look_for_another(looking, &entry->id)
               : err;
}

/* ---- one feed at a time ---- */

static enum p2p_err look_at_step(struct looking *looking, const struct p2p_record_id *by)
{
    const struct p2p_custody *token = &looking->token;
    struct p2p_entry entry;
    enum p2p_err err = p2p_ledger_entry(&looking->audit->ledger, by, &entry);
    if (err == P2P_OK && entry.record.kind == P2P_KIND_USE &&
        entry.record.circle == token->circle &&
        !(token->state == P2P_CUSTODY_RELEASED && same(&token->step, by))) {
        tell(looking, P2P_FINDING_NOT_HELD, by,
             token->state == P2P_CUSTODY_RELEASED ? "it was released by another record"
                                                  : "its author did not hold it there");
    }
    if (err == P2P_OK && entry.record.kind == P2P_KIND_CUSTODY_GATE_IN) {
        err = look_at_gate_in(looking, &entry);
    }
    p2p_arena_reset(&looking->arena);
    return err;
}

/* Every step that was written of it: only one release may be what released it. */
static enum p2p_err look_at_steps(struct looking *looking)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    p2p_touch_begin(&walk, P2P_VIEW_CUSTODY, p2p_id_key(key, &looking->token.id));
    while (err == P2P_OK) {
        err = p2p_touch_next(&walk, looking->kv, &by);
        if (err == P2P_OK) {
            err = look_at_step(looking, &by);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Whether the record at id is the first that carries its release with effect. */
static enum p2p_err carries_first(struct looking *looking, const struct p2p_record_id *by,
                                  bool *first)
{
    struct p2p_ledger *ledger = &looking->audit->ledger;
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    struct p2p_entry entry;
    struct p2p_rescued rescued;
    enum p2p_why why = P2P_WHY_BAD_PAYLOAD;
    *first = false;
    enum p2p_err err = p2p_ledger_entry(ledger, by, &entry);
    if (err != P2P_OK || !p2p_rescued_carries(ledger, &entry, &rescued) ||
        rescued.record.circle != looking->token.circle) {
        return err;
    }
    p2p_rescued_carriers(&walk, &rescued.hash);
    while (err == P2P_OK && why != P2P_WHY_NONE) {
        err = p2p_touch_next(&walk, looking->kv, &id);
        if (err == P2P_OK) {
            err = p2p_ledger_entry(ledger, &id, &entry);
        }
        if (err == P2P_OK) {
            err = p2p_judge(ledger, &entry, &why);
        }
    }
    *first = err == P2P_OK && same(&id, by);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Every release that went with a history of its feed: each once, whoever carries it. */
static enum p2p_err look_at_lost(struct looking *looking)
{
    const struct p2p_custody *token = &looking->token;
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    p2p_custody_rescuers(&walk, &token->id);
    while (err == P2P_OK) {
        bool first = false;
        err = p2p_touch_next(&walk, looking->kv, &by);
        if (err == P2P_OK) {
            err = carries_first(looking, &by, &first);
        }
        if (first) {
            tell(looking, P2P_FINDING_LOST_RELEASE, &by,
                 token->state == P2P_CUSTODY_RELEASED
                     ? (same(&token->step, &by) ? "nothing else released it"
                                                : "it was released by another record")
                     : "on the history that stayed it was not released there");
        }
        p2p_arena_reset(&looking->arena);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Two opens that did not know of each other freeze each other; each pair is told once. */
static enum p2p_err look_at_rivals(struct looking *looking)
{
    const struct p2p_custody *token = &looking->token;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < token->rival_count && err == P2P_OK; i++) {
        const struct p2p_record_id *id = &token->rivals[i];
        err = p2p_custody_get(looking->kv, token->circle, id, &looking->rival);
        if (err != P2P_OK || p2p_record_id_compare(&token->id, id) > 0) {
            err = err == P2P_NOTFOUND ? P2P_OK : err; /* its payload is not here */
            continue;
        }
        if (token->state == P2P_CUSTODY_RELEASED &&
            looking->rival.state == P2P_CUSTODY_RELEASED) {
            tell(looking, P2P_FINDING_RELEASED_TWICE, id, "both were released");
        } else if (!p2p_custody_is_over(token->state) &&
                   !p2p_custody_is_over(looking->rival.state)) {
            tell(looking, P2P_FINDING_CUSTODY_RIVAL, id, "neither is released until then");
        }
    }
    return err;
}

/* ---- on a right ---- */

static enum p2p_err look_at_right(struct looking *looking)
{
    const struct p2p_custody *token = &looking->token;
    struct p2p_record_id id = {0, 0};
    bool found = false;
    bool withheld = false;
    enum p2p_err err =
        p2p_right_next_on(looking->kv, token->circle, &token->id, &id, true, &id);
    while (err == P2P_OK) {
        err = p2p_right_get(looking->kv, token->circle, &id, &looking->right);
        withheld = withheld || err == P2P_NOTFOUND;
        if (err == P2P_OK && same(&looking->right.used_by, &token->step)) {
            found = true;
            if (looking->right.unfit) {
                tell(looking, P2P_FINDING_NO_RIGHT, &token->step,
                     "the right it names was not active, as its author knew");
            }
        }
        if (err == P2P_OK || err == P2P_NOTFOUND) {
            err = p2p_right_next_on(looking->kv, token->circle, &token->id, &id, false, &id);
        }
    }
    if (err == P2P_NOTFOUND && !found && !withheld) {
        tell(looking, P2P_FINDING_NO_RIGHT, &token->step, "it names no right to it");
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- all of them ---- */

static enum p2p_err look_at_token(struct looking *looking)
{
    p2p_findings_count(looking->audit->findings, P2P_CHECK_CUSTODY, 1);
    enum p2p_err err = look_at_steps(looking);
    if (err == P2P_OK) {
        err = look_at_lost(looking);
    }
    if (err == P2P_OK) {
        err = look_at_rivals(looking);
    }
    return err == P2P_OK && looking->token.state == P2P_CUSTODY_RELEASED
               ? look_at_right(looking)
               : err;
}

enum p2p_err audit_custody(struct p2p_audit *audit)
{
    const struct p2p_alloc *alloc = audit->alloc;
    struct looking *looking = p2p_alloc_zeroed(alloc, 1, sizeof(*looking));
    enum p2p_err err = P2P_NOTFOUND;
    if (looking == NULL) {
        return P2P_NOMEM;
    }
    looking->audit = audit;
    looking->kv = audit_index_kv(audit->index);
    p2p_arena_init(&looking->arena, alloc, ARENA_BYTES);
    p2p_ledger_begin(&audit->ledger, looking->kv, &looking->arena);
    for (uint32_t circle = 0;
         circle <= p2p_charter_circle_count(audit->charter) && err == P2P_NOTFOUND; circle++) {
        err = p2p_custody_next(looking->kv, circle, NULL, true, &looking->token);
        while (err == P2P_OK) {
            const struct p2p_record_id id = looking->token.id;
            err = look_at_token(looking);
            if (err == P2P_OK) {
                err = p2p_custody_next(looking->kv, circle, &id, false, &looking->token);
            }
        }
    }
    audit->ledger.arena = NULL;
    p2p_arena_deinit(&looking->arena);
    p2p_alloc_free(alloc, looking);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}
