/* Custody as requests: what a verb says becomes a record of the token's circle, with the
 * checkpoints that it rests on. */
#include "custody_verbs.h"

#include <p2p/container.h>

#include <stdio.h>
#include <string.h>

enum { PAYLOAD_CAP = 1024, STEP_CAP = 1024 + P2P_CUSTODY_RESTS_MAX * P2P_CUSTODY_NOTE_BYTES };

/* ---- containers and tokens ---- */

bool p2p_call_container(struct p2p_call *call, const char *text, const char **out)
{
    struct p2p_subject subject;
    char typed[P2P_SUBJECT_BYTES_MAX + 16];
    int len = snprintf(typed, sizeof(typed), "container:%s", text != NULL ? text : "");
    if (text == NULL || len >= (int)sizeof(typed) ||
        p2p_subject_parse(&subject, p2p_slice_text(typed)) != P2P_OK ||
        strlen(subject.value) > P2P_CONTAINER_BYTES_MAX) {
        p2p_call_error(call, 400, "bad-container", "write it as CSQU3054383 (ISO 6346)",
                       "%.64s is no container number", text != NULL ? text : "(nothing)");
        return false;
    }
    char *normal = p2p_call_take(call, strlen(subject.value) + 1);
    memcpy(normal, subject.value, strlen(subject.value));
    *out = normal;
    return true;
}

/* The container's token that is not over, in the circles of this node. What is asked for a
 * second time is rare: the first by circle and id that fits, of those that fit better. */
enum p2p_err p2p_custody_find(struct p2p_node *node, const char *container,
                              bool (*fits)(const struct p2p_node *node,
                                           const struct p2p_custody *custody),
                              struct p2p_custody *out, size_t *count)
{
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    struct p2p_record_id found = {0, 0};
    uint32_t circle = 0;
    enum p2p_err err = P2P_OK;
    *count = 0;
    for (size_t i = 0; i < place->circle_count && err == P2P_OK; i++) {
        struct p2p_record_id id = {0, 0};
        bool begin = true;
        while ((err = p2p_custody_next_of(node->kv, place->circles[i],
                                          p2p_slice_text(container), &id, begin, &id)) ==
               P2P_OK) {
            struct p2p_custody custody;
            begin = false;
            err = p2p_custody_get(node->kv, place->circles[i], &id, &custody);
            if (err != P2P_OK) {
                return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
            }
            if (fits(node, &custody)) {
                found = id;
                circle = custody.circle;
                (*count)++;
            }
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (err == P2P_OK && *count == 0) {
        return P2P_NOTFOUND;
    }
    return err == P2P_OK ? p2p_custody_get(node->kv, circle, &found, out) : err;
}

bool p2p_custody_is_open(const struct p2p_node *node, const struct p2p_custody *custody)
{
    (void)node;
    return !p2p_custody_is_over(custody->state);
}

static bool held_here(const struct p2p_node *node, const struct p2p_custody *custody)
{
    return custody->state == P2P_CUSTODY_HELD &&
           custody->holder == p2p_engine_own_feed(node->engine);
}

static bool offered_here(const struct p2p_node *node, const struct p2p_custody *custody)
{
    return custody->state == P2P_CUSTODY_OFFERED &&
           custody->to == p2p_engine_member(node->engine);
}

/* A word or two on why a container cannot be acted on as asked. */
static void tell_state(struct p2p_call *call, struct p2p_node *node, const char *container,
                       const char *wanted)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_custody custody;
    size_t count;
    if (p2p_custody_find(node, container, p2p_custody_is_open, &custody, &count) != P2P_OK) {
        p2p_call_error(call, 404, "not-found", "see port2port custody list --all",
                       "nobody has %s in custody", container);
        return;
    }
    if (custody.state == P2P_CUSTODY_OFFERED) {
        p2p_call_error(call, 403, "not-held", "see port2port custody show",
                       "%s is offered to %s by %s, not %s", container,
                       p2p_member_name(ledger, custody.to),
                       p2p_owner_name(ledger, custody.holder), wanted);
        return;
    }
    p2p_call_error(call, 403, "not-held", "see port2port custody show",
                   "%s is %s by %s, not %s", container, p2p_custody_state_word(custody.state),
                   p2p_owner_name(ledger, custody.holder), wanted);
}

bool p2p_custody_find_one(struct p2p_call *call, struct p2p_node *node,
                          bool (*fits)(const struct p2p_node *, const struct p2p_custody *),
                          const char *wanted, struct p2p_custody *out)
{
    const char *container;
    size_t count;
    if (!p2p_call_container(call, p2p_call_text(call, "container"), &container)) {
        return false;
    }
    enum p2p_err err = p2p_custody_find(node, container, fits, out, &count);
    if (err == P2P_NOTFOUND) {
        tell_state(call, node, container, wanted);
        return false;
    }
    if (err != P2P_OK) {
        p2p_call_err(call, err, "the custody in the store cannot be read");
        return false;
    }
    if (count > 1) {
        p2p_call_error(call, 403, "several-tokens", "withdraw what was opened twice",
                       "%s is in custody here %zu times", container, count);
    }
    return count == 1;
}

static bool not_frozen(struct p2p_call *call, const struct p2p_custody *custody)
{
    for (unsigned bit = 1; custody->frozen != 0; bit <<= 1) {
        if ((custody->frozen & bit) != 0) {
            p2p_call_error(call, 403, "custody-frozen", p2p_frozen_end((enum p2p_frozen)bit),
                           "%.*s is frozen (%s)", (int)custody->container.len,
                           (const char *)custody->container.data,
                           p2p_frozen_word((enum p2p_frozen)bit));
            return false;
        }
    }
    return true;
}

/* ---- what a step rests on ---- */

/* The newest quorum-cosigned checkpoint of a feed, if it is above an index. */
static bool rest_on(struct p2p_call *call, struct p2p_node *node, uint32_t feed, uint64_t index,
                    struct p2p_slice *note)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(node->engine, feed);
    char *text = p2p_call_take(call, P2P_CUSTODY_NOTE_BYTES);
    size_t len = 0;
    bool rests = false;
    enum p2p_err err = P2P_NOTFOUND;
    if (witnessing != NULL && witnessing->quorum_size > index) {
        err = p2p_witnessing_note(witnessing, ledger->charter, p2p_ledger_feed(ledger, feed),
                                  node->kv, text, P2P_CUSTODY_NOTE_BYTES, &len);
    }
    if (err == P2P_OK) {
        err = p2p_custody_rests_on(p2p_engine_ledger_mut(node->engine), feed, index,
                                   p2p_charter_size(ledger->charter), p2p_slice_of(text, len),
                                   &rests);
    }
    if (err != P2P_OK || !rests) {
        struct p2p_slice name = p2p_feed_name(ledger, feed);
        p2p_call_error(call, 503, "not-witnessed",
                       "once a quorum of its witnesses is up this takes less than a second",
                       "no quorum has cosigned %.*s as far as this rests on it yet",
                       (int)name.len, (const char *)name.data);
        return false;
    }
    *note = p2p_slice_of(text, len);
    return true;
}

bool p2p_custody_pack_step(struct p2p_call *call, const struct p2p_custody_step *step,
                           struct p2p_append *out)
{
    struct p2p_pack pack;
    p2p_pack_init(&pack, p2p_call_take(call, STEP_CAP), STEP_CAP);
    if (p2p_custody_step_pack(&pack, step) != P2P_OK) {
        p2p_call_err(call, P2P_TOOLARGE, "what this rests on does not fit a record");
        return false;
    }
    out->content = p2p_pack_slice(&pack);
    return true;
}

void p2p_custody_cite(struct p2p_call *call, struct p2p_append *out,
                      const struct p2p_record_id *first, const struct p2p_record_id *second)
{
    struct p2p_record_id *cites = p2p_call_take(call, 2 * sizeof(*cites));
    cites[0] = *first;
    out->cites = cites;
    out->cite_count = 1;
    if (second != NULL) {
        cites[out->cite_count++] = *second;
    }
}

/* A step of the holder's: an offer, or the end. */
static bool read_held(struct p2p_call *call, struct p2p_node *node, struct p2p_custody *custody,
                      struct p2p_custody_step *step, struct p2p_slice *note)
{
    if (!not_frozen(call, custody)) {
        return false;
    }
    if (custody->rests_feed == 0) {
        return true;
    }
    step->rests = note;
    step->rests_count = 1;
    return rest_on(call, node, custody->rests_feed, custody->rests_index, note);
}

/* ---- the verbs ---- */

bool p2p_custody_waits_for_count(const struct p2p_node *node, const struct p2p_custody *custody)
{
    bool counted = true;
    return custody->state == P2P_CUSTODY_RELEASED &&
           (p2p_custody_counted_anew(p2p_engine_ledger_mut(node->engine), custody,
                                     p2p_engine_own_feed(node->engine), UINT64_MAX,
                                     &counted) != P2P_OK ||
            !counted);
}

static bool read_open(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as",     "container", "call", "facility",
                                       "circle", "level",     NULL};
    const char *ship = p2p_call_text(call, "call");
    const char *facility = p2p_call_text(call, "facility");
    const char *container;
    struct p2p_pack pack;
    struct p2p_custody other;
    size_t count;
    const struct p2p_circle *circle;
    if (!p2p_call_keys(call, keys) ||
        !p2p_call_container(call, p2p_call_text(call, "container"), &container)) {
        return false;
    }
    enum p2p_err err = p2p_custody_find(node, container, p2p_custody_is_open, &other, &count);
    if (err == P2P_OK) {
        p2p_call_error(call, 403, "in-custody",
                       "if it came in by a gate here, port2port custody gate-in says so",
                       "%s is in custody of %s", container,
                       p2p_owner_name(p2p_engine_ledger(node->engine), other.holder));
        return false;
    }
    if (err == P2P_NOTFOUND) {
        err = p2p_custody_find(node, container, p2p_custody_waits_for_count, &other, &count);
    }
    if (err == P2P_OK) {
        p2p_call_error(call, 403, "recount-first",
                       "two officers look at the yard: port2port custody recount",
                       "%s was released on a history that %s lost", container,
                       p2p_owner_name(p2p_engine_ledger(node->engine), other.holder));
        return false;
    }
    if (err != P2P_NOTFOUND) {
        p2p_call_err(call, err, "the custody in the store cannot be read");
        return false;
    }
    if (ship == NULL || facility == NULL) {
        p2p_call_error(call, 400, "bad-request",
                       "for example --call MSC-4711 --facility "
                       "beanr-f1",
                       "the ship's call and the facility are needed");
        return false;
    }
    circle = p2p_call_circle(call, node);
    if (circle == NULL) {
        return false;
    }
    p2p_pack_init(&pack, p2p_call_take(call, PAYLOAD_CAP), PAYLOAD_CAP);
    if (p2p_custody_open_pack(&pack, p2p_slice_text(container), p2p_slice_text(ship),
                              p2p_slice_text(facility)) != P2P_OK) {
        p2p_call_err(call, P2P_TOOLARGE, "call and facility are at most 64 and 31 bytes");
        return false;
    }
    out->kind = P2P_KIND_CUSTODY_OPEN;
    out->circle = circle->number;
    out->payload = p2p_pack_slice(&pack);
    p2p_call_flag_container(call, container);
    return true;
}

static bool read_offer(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as", "container", "to", "level", NULL};
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const char *to = p2p_call_text(call, "to");
    const struct p2p_member *member =
        to != NULL ? p2p_charter_member_named(charter, p2p_slice_text(to)) : NULL;
    struct p2p_custody custody;
    struct p2p_custody_step step = {0};
    struct p2p_slice note;
    if (!p2p_call_keys(call, keys) ||
        !p2p_custody_find_one(call, node, held_here, "held here", &custody) ||
        !read_held(call, node, &custody, &step, &note)) {
        return false;
    }
    if (member == NULL || member->role == P2P_ROLE_OBSERVER ||
        member->number == p2p_engine_member(node->engine)) {
        p2p_call_error(call, 400, "bad-member", "name another port, as --to belgg",
                       "a container cannot be offered to %.64s", to != NULL ? to : "nobody");
        return false;
    }
    const struct p2p_circle *circle = p2p_charter_circle(charter, custody.circle);
    if (circle != NULL && !p2p_circle_has(circle, member->number)) {
        p2p_call_error(call, 400, "bad-member",
                       "withdraw it, and open custody in a circle that both are in",
                       "%s is not in the circle %s, in which this token was opened, and could "
                       "neither accept nor refuse it",
                       member->name, circle->name);
        return false;
    }
    step.epoch = custody.epoch + 1;
    step.to = member->number;
    out->kind = P2P_KIND_CUSTODY_OFFER;
    out->circle = custody.circle;
    p2p_custody_cite(call, out, &custody.id, NULL);
    return p2p_custody_pack_step(call, &step, out);
}

static bool read_answer(struct p2p_call *call, struct p2p_node *node, uint32_t kind,
                        struct p2p_append *out)
{
    static const char *const keys[] = {"as", "container", "level", NULL};
    struct p2p_custody custody;
    struct p2p_slice note;
    if (!p2p_call_keys(call, keys) ||
        !p2p_custody_find_one(call, node, offered_here, "offered to this port", &custody) ||
        (kind == P2P_KIND_CUSTODY_ACCEPT && !not_frozen(call, &custody)) ||
        !rest_on(call, node, custody.step.feed, custody.step.index, &note)) {
        return false;
    }
    const struct p2p_custody_step step = {
        .epoch = custody.epoch + 1, .rests = &note, .rests_count = 1};
    out->kind = kind;
    out->circle = custody.circle;
    p2p_custody_cite(call, out, &custody.id, &custody.step);
    return p2p_custody_pack_step(call, &step, out);
}

static bool read_accept(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    return read_answer(call, node, P2P_KIND_CUSTODY_ACCEPT, out);
}

static bool read_refuse(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    return read_answer(call, node, P2P_KIND_CUSTODY_REFUSE, out);
}

/* A token by its id. */
static bool read_token(struct p2p_call *call, struct p2p_node *node, const char *text,
                       struct p2p_custody *out)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    if (!p2p_call_record(node, text, &id, &entry) ||
        p2p_custody_get(node->kv, entry.record.circle, &id, out) != P2P_OK) {
        p2p_call_error(call, 404, "not-found", "see port2port custody list",
                       "%.128s is no custody token here", text != NULL ? text : "(nothing)");
        return false;
    }
    return true;
}

static bool read_withdraw(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as", "id", "level", NULL};
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_custody custody;
    struct p2p_custody_step step = {0};
    struct p2p_slice note;
    if (!p2p_call_keys(call, keys) ||
        !read_token(call, node, p2p_call_text(call, "id"), &custody)) {
        return false;
    }
    if (!held_here(node, &custody)) {
        p2p_call_error(call, 403, "not-held", "see port2port custody show",
                       "that token is %s by %s", p2p_custody_state_word(custody.state),
                       p2p_owner_name(ledger, custody.holder));
        return false;
    }
    /* Of two opens one has to be withdrawn while they freeze each other. */
    custody.frozen &= ~(unsigned)(P2P_FROZEN_RIVAL | P2P_FROZEN_TOO_LONG | P2P_FROZEN_SETTLED);
    if (!read_held(call, node, &custody, &step, &note)) {
        return false;
    }
    step.epoch = custody.epoch;
    out->kind = P2P_KIND_CUSTODY_WITHDRAW;
    out->circle = custody.circle;
    p2p_custody_cite(call, out, &custody.id, NULL);
    return p2p_custody_pack_step(call, &step, out);
}

/* Where a container came in, when nobody says it: where its token was opened, if that is a
 * facility of this member, else the only one there is. NULL with an error reply. */
static const char *facility_here(struct p2p_call *call, struct p2p_node *node,
                                 struct p2p_slice opened)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t own = p2p_engine_member(node->engine);
    const char *only = NULL;
    bool several = false;
    for (uint32_t i = 1; i <= p2p_charter_issuer_count(charter); i++) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(charter, i);
        for (size_t n = 0; issuer->member == own && n < issuer->grant_count; n++) {
            const struct p2p_grant *grant = &issuer->grants[n];
            if (strcmp(grant->name, p2p_grant_name(P2P_GRANT_CUSTODY)) != 0) {
                continue;
            }
            if (p2p_slice_equal(p2p_slice_text(grant->scope), opened)) {
                return grant->scope;
            }
            several = several || (only != NULL && strcmp(only, grant->scope) != 0) ||
                      strcmp(grant->scope, "*") == 0;
            only = grant->scope;
        }
    }
    if (only == NULL || several) {
        p2p_call_error(call, 400, "bad-request", "for example --facility beanr-f1",
                       "this port has several facilities: say which one it came into");
        return NULL;
    }
    return only;
}

/* All tokens of the container that are open anywhere: the box is here. */
static bool read_gate_in(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as", "container", "facility", "level", NULL};
    const char *facility = p2p_call_text(call, "facility");
    struct p2p_custody custody;
    struct p2p_pack pack;
    const char *container;
    size_t count;
    if (!p2p_call_keys(call, keys) ||
        !p2p_call_container(call, p2p_call_text(call, "container"), &container)) {
        return false;
    }
    enum p2p_err err = p2p_custody_find(node, container, p2p_custody_is_open, &custody, &count);
    if (err != P2P_OK) {
        tell_state(call, node, container, "open");
        return false;
    }
    if (facility == NULL) {
        facility = facility_here(call, node, custody.facility);
    }
    if (facility == NULL) {
        return false;
    }
    p2p_pack_init(&pack, p2p_call_take(call, PAYLOAD_CAP), PAYLOAD_CAP);
    if (p2p_custody_gate_in_pack(&pack, p2p_slice_text(container), p2p_slice_text(facility)) !=
        P2P_OK) {
        p2p_call_err(call, P2P_TOOLARGE, "a facility is at most 31 bytes");
        return false;
    }
    out->kind = P2P_KIND_CUSTODY_GATE_IN;
    out->circle = custody.circle;
    out->payload = p2p_pack_slice(&pack);
    p2p_custody_cite(call, out, &custody.id, NULL);
    return true;
}

/* ---- who may ---- */

/* The grant that a kind needs; the facility of an open stands in its payload. */
bool p2p_custody_may(struct p2p_node *node, const struct p2p_append *append,
                     const struct p2p_issuer *issuer)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t own = p2p_engine_own_feed(node->engine);
    uint64_t at = p2p_ledger_feed(p2p_engine_ledger(node->engine), own)->edge.size;
    const char *grant = append->kind == P2P_KIND_RECOUNT ? "recount" : "custody";
    struct p2p_unpack in;
    struct p2p_entry first;
    if (append->kind == P2P_KIND_RECOUNT && append->cite_count == 2 &&
        (p2p_ledger_entry(p2p_engine_ledger_mut(node->engine), &append->cites[1], &first) !=
             P2P_OK ||
         first.record.issuer == issuer->number)) {
        return false; /* two people look */
    }
    if (append->payload.len > 0 && p2p_unpack_find(append->payload, "facility", &in)) {
        return p2p_charter_granted(charter, issuer->number, grant, p2p_unpack_str(&in), own, at,
                                   p2p_charter_size(charter));
    }
    return p2p_verb_granted_somewhere(node, issuer, grant);
}

const struct p2p_verb p2p_custody_verbs[] = {
    {"/v1/custody", read_open, "open custody in that facility"},
    {"/v1/custody/withdraw", read_withdraw, "end custody"},
    {"/v1/custody/offer", read_offer, "offer custody"},
    {"/v1/custody/accept", read_accept, "accept custody"},
    {"/v1/custody/refuse", read_refuse, "refuse custody"},
    {"/v1/custody/gate-in", read_gate_in, "record a gate-in in that facility"},
    {"/v1/custody/recount", p2p_custody_read_recount, "state a recount"},
    {NULL, NULL, NULL},
};
