/* Rights as requests: what a party's verb says becomes a record of the right's circle. */
#include "right_verbs.h"

#include <stdio.h>
#include <string.h>

enum { PAYLOAD_CAP = 8192 };

bool p2p_call_right(struct p2p_call *call, struct p2p_node *node, const char *text,
                    struct p2p_right *out)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    if (!p2p_call_record(node, text, &id, &entry) ||
        p2p_right_get(node->kv, entry.record.circle, &id, out) != P2P_OK) {
        p2p_call_error(call, 404, "not-found", "see port2port right list",
                       "%.128s is no right here", text != NULL ? text : "(nothing)");
        return false;
    }
    return true;
}

/* ---- what is asked of a right ---- */

/* Reads one subject of these types; NULL in *out when the request does not name it. */
static bool read_subject(struct p2p_call *call, const char *key, const char *const *types,
                         const struct p2p_subject **out)
{
    const char *text = p2p_call_text(call, key);
    struct p2p_subject *subject = p2p_call_take(call, sizeof(*subject));
    *out = NULL;
    if (text == NULL) {
        return true;
    }
    if (p2p_subject_parse(subject, p2p_slice_text(text)) != P2P_OK ||
        !p2p_right_is_word(subject->type->word, types)) {
        p2p_call_error(call, 400, "bad-subject",
                       "for example --driver card:alfapass:1234567 --truck plate:BE:1ABC234 "
                       "--company vat:BE0123456789",
                       "%.128s is no %s", text, key);
        return false;
    }
    *out = subject;
    return true;
}

static bool read_slot(struct p2p_call *call, struct p2p_right_request *request)
{
    const char *text = p2p_call_text(call, "slot");
    const char *dots = text != NULL ? strstr(text, "..") : NULL;
    char from[64];
    if (text == NULL) {
        return true;
    }
    if (dots == NULL || (size_t)(dots - text) >= sizeof(from)) {
        p2p_call_error(call, 400, "bad-slot",
                       "write 2026-11-21T08:00:00Z..2026-11-21T10:00:00Z", "%.128s is no slot",
                       text);
        return false;
    }
    memcpy(from, text, (size_t)(dots - text));
    from[dots - text] = '\0';
    if (!p2p_right_read_time(call, "slot", from, &request->slot_from_ms) ||
        !p2p_right_read_time(call, "slot", dots + 2, &request->slot_until_ms)) {
        return false;
    }
    if (request->slot_from_ms >= request->slot_until_ms) {
        p2p_call_error(call, 400, "bad-slot",
                       "write the earlier time first, as 2026-11-21T08:00Z..2026-11-21T10:00Z",
                       "the slot %.128s would end before it begins", text);
        return false;
    }
    return true;
}

static bool read_light(struct p2p_call *call, struct p2p_right_request *request)
{
    enum p2p_light light;
    unsigned value;
    request->light = p2p_call_text(call, "light");
    request->value = p2p_call_text(call, "value");
    if (request->light == NULL || request->value == NULL ||
        !p2p_light_named(p2p_slice_text(request->light), &light) ||
        !p2p_light_value_named(light, p2p_slice_text(request->value), &value)) {
        p2p_call_error(call, 400, "bad-light", "see port2port right light --help",
                       "there is no light %.32s with the value %.32s",
                       request->light != NULL ? request->light : "(nothing)",
                       request->value != NULL ? request->value : "(nothing)");
        return false;
    }
    return true;
}

/* Whether some action of that kind is open in the state the right is in. */
static bool state_allows(struct p2p_call *call, const struct p2p_kind *kind,
                         const struct p2p_right *right)
{
    unsigned from = 0;
    char states[128] = "";
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        from |= strcmp(rule->kind, kind->word) == 0 ? rule->from : 0;
    }
    if ((from & 1u << right->below) != 0) {
        return true;
    }
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        size_t len = strlen(states);
        if ((from & 1u << i) != 0) {
            snprintf(states + len, sizeof(states) - len, "%s%s", len > 0 ? " or " : "",
                     p2p_right_state_word((enum p2p_right_state)i));
        }
    }
    p2p_call_error(call, 403, "wrong-state", "see port2port right show",
                   "this right is %s; %s needs one that is %s",
                   p2p_right_state_word(right->below), kind->word, states);
    return false;
}

/* Nobody passes on or uses what is over; who gave it ends it, or issues another. */
static bool not_over(struct p2p_call *call, const struct p2p_node *node, uint32_t kind,
                     const struct p2p_right *right)
{
    bool over = p2p_right_state_at(right, node->now.wall_ms) == P2P_RIGHT_EXPIRED &&
                (kind == P2P_KIND_RIGHT_ACCEPT || kind == P2P_KIND_RIGHT_TRANSFER ||
                 kind == P2P_KIND_RIGHT_ASSIGN);
    if (over) {
        p2p_call_error(call, 403, "expired", "who issued it may issue another",
                       "this right is over: nobody collects on it");
    }
    return !over;
}

static bool is_ruled(const struct p2p_kind *kind)
{
    bool ruled = false;
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        ruled = ruled || (rule->ruled && strcmp(rule->kind, kind->word) == 0);
    }
    return ruled;
}

static bool is_green(const struct p2p_right_request *request)
{
    enum p2p_light light;
    unsigned value;
    return p2p_light_named(p2p_slice_text(request->light), &light) &&
           p2p_light_value_named(light, p2p_slice_text(request->value), &value) && value == 0;
}

/* What allows acts once this node has ruled on it, which it does when it may release. */
static void flag_waiting(struct p2p_call *call, const struct p2p_node *node,
                         const struct p2p_kind *kind, const struct p2p_right *right,
                         const struct p2p_right_request *request)
{
    bool allows = is_ruled(kind) && (request->light == NULL || is_green(request));
    if (allows && right->custodian == p2p_engine_own_feed(node->engine) &&
        p2p_engine_custody(node->engine, &node->now, NULL) != P2P_CUSTODY_READY) {
        p2p_call_flag(call, "not-ruled-yet",
                      "it stands, and acts once this node may release again: port2port wait "
                      "custody");
    }
}

/* The issue, and of an unblock all blocks there are. */
static void cite_right(struct p2p_call *call, const struct p2p_right *right, bool blocks,
                       struct p2p_append *out)
{
    struct p2p_record_id *cites =
        p2p_call_take(call, (1 + right->block_count) * sizeof(*cites));
    cites[0] = right->id;
    out->cite_count = 1;
    for (size_t i = 0; i < right->block_count && blocks; i++) {
        cites[out->cite_count++] = right->blocks[i];
    }
    out->cites = cites;
    out->circle = right->circle;
}

static bool pack_request(struct p2p_call *call, struct p2p_node *node,
                         const struct p2p_right_request *request, struct p2p_append *out)
{
    struct p2p_circle_secret secret = {0};
    struct p2p_pack pack;
    enum p2p_err err = P2P_OK;
    if (request->driver != NULL) {
        err = p2p_engine_circle_key(node->engine, out->circle, &secret);
    }
    if (err != P2P_OK) {
        p2p_call_error(call, 503, "no-circle-key", "see port2port status",
                       "the key of circle %s has not come yet",
                       p2p_circle_name(p2p_engine_ledger(node->engine), out->circle));
        return false;
    }
    if (request->reason != NULL && strlen(request->reason) > P2P_RIGHT_REASON_BYTES_MAX) {
        p2p_call_error(call, 400, "bad-reason", "say it shorter",
                       "reason has %zu bytes; it may have %u at most", strlen(request->reason),
                       P2P_RIGHT_REASON_BYTES_MAX);
        return false;
    }
    p2p_pack_init(&pack, p2p_call_take(call, PAYLOAD_CAP), PAYLOAD_CAP);
    if (p2p_right_request_pack(&pack, request, &secret.key, secret.epoch) != P2P_OK) {
        p2p_call_err(call, P2P_TOOLARGE, "the reason is too long");
        return false;
    }
    out->payload = p2p_pack_slice(&pack);
    return true;
}

static bool read_request(struct p2p_call *call, struct p2p_node *node, uint32_t number,
                         struct p2p_right_request *request, struct p2p_append *out)
{
    const struct p2p_kind *kind = p2p_kind_find(number);
    struct p2p_right right;
    if (!p2p_call_right(call, node, p2p_call_text(call, "id"), &right) ||
        !state_allows(call, kind, &right) || !not_over(call, node, number, &right)) {
        return false;
    }
    if (number == P2P_KIND_RIGHT_UNASSIGN && right.driver.len == 0 &&
        right.unruled_count == 0) {
        p2p_call_error(call, 403, "not-assigned", "see port2port right show",
                       "nobody is assigned to this right");
        return false;
    }
    if (number == P2P_KIND_RIGHT_UNBLOCK && right.block_count == 0) {
        p2p_call_error(call, 403, "not-blocked", "see port2port right show",
                       "nothing blocks this right");
        return false;
    }
    out->kind = number;
    flag_waiting(call, node, kind, &right, request);
    cite_right(call, &right, number == P2P_KIND_RIGHT_UNBLOCK, out);
    return pack_request(call, node, request, out);
}

/* Verbs that say nothing but a reason. */
static bool read_plain(struct p2p_call *call, struct p2p_node *node, uint32_t kind,
                       struct p2p_append *out)
{
    static const char *const keys[] = {"as", "id", "reason", "level", NULL};
    struct p2p_right_request request = {.reason = p2p_call_text(call, "reason")};
    return p2p_call_keys(call, keys) && read_request(call, node, kind, &request, out);
}

#define READ_PLAIN(name, kind)                                                                 \
    static bool read_##name(struct p2p_call *call, struct p2p_node *node,                      \
                            struct p2p_append *out)                                            \
    {                                                                                          \
        return read_plain(call, node, P2P_KIND_RIGHT_##kind, out);                             \
    }
READ_PLAIN(accept, ACCEPT)
READ_PLAIN(decline, DECLINE)
READ_PLAIN(return, RETURN)
READ_PLAIN(revoke, REVOKE)
READ_PLAIN(cancel, CANCEL)
READ_PLAIN(unassign, UNASSIGN)
READ_PLAIN(block, BLOCK)
READ_PLAIN(unblock, UNBLOCK)
READ_PLAIN(gate_out, GATE_OUT)
#undef READ_PLAIN

static bool read_transfer(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as", "id", "to", "reason", "level", NULL};
    struct p2p_right_request request = {.reason = p2p_call_text(call, "reason")};
    if (!p2p_call_keys(call, keys) || !p2p_right_read_party(call, node, &request.to) ||
        !read_request(call, node, P2P_KIND_RIGHT_TRANSFER, &request, out)) {
        return false;
    }
    p2p_right_flag_party(call, node, request.to);
    return true;
}

static bool read_assign(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as",      "id",   "driver", "truck",
                                       "company", "slot", "level",  NULL};
    static const char *const persons[] = {"card", "nrn", "doc", NULL};
    static const char *const plates[] = {"plate", NULL};
    static const char *const companies[] = {"vat", NULL};
    struct p2p_right_request request = {.driver = NULL};
    if (!p2p_call_keys(call, keys) || !read_subject(call, "driver", persons, &request.driver) ||
        !read_subject(call, "truck", plates, &request.truck) ||
        !read_subject(call, "company", companies, &request.company) ||
        !read_slot(call, &request)) {
        return false;
    }
    if (request.driver == NULL) {
        p2p_call_error(call, 400, "bad-request", "for example --driver card:alfapass:1234567",
                       "an assignment names the driver");
        return false;
    }
    return read_request(call, node, P2P_KIND_RIGHT_ASSIGN, &request, out);
}

static bool read_set_light(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as", "id", "light", "value", "reason", "level", NULL};
    struct p2p_right_request request = {.reason = p2p_call_text(call, "reason")};
    return p2p_call_keys(call, keys) && read_light(call, &request) &&
           read_request(call, node, P2P_KIND_RIGHT_LIGHT, &request, out);
}

/* ---- overrides ---- */

/* The only live right on a token of the container that is held here. */
static bool find_right(struct p2p_call *call, struct p2p_node *node, const char *container,
                       struct p2p_right *out)
{
    struct p2p_custody custody;
    struct p2p_record_id id = {0, 0};
    struct p2p_record_id found = {0, 0};
    size_t count = 0;
    size_t live = 0;
    bool begin = true;
    enum p2p_err err = p2p_custody_find(node, container, p2p_custody_is_open, &custody, &count);
    while (err == P2P_OK && count == 1) {
        struct p2p_right right;
        err = p2p_right_next_on(node->kv, custody.circle, &custody.id, &id, begin, &id);
        if (err == P2P_OK) {
            err = p2p_right_get(node->kv, custody.circle, &id, &right);
        }
        begin = false;
        if (err == P2P_OK && right.below == P2P_RIGHT_ACTIVE) {
            found = id;
            live++;
        }
    }
    if (live == 1 && err == P2P_NOTFOUND) {
        err = p2p_right_get(node->kv, custody.circle, &found, out);
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        p2p_call_err(call, err, "the rights in the store cannot be read");
    } else if (live != 1) {
        p2p_call_error(call, 403, "no-right", "see port2port right list --container",
                       "%s has %zu rights here that could be used", container, live);
    }
    return live == 1 && call->reply.json == NULL;
}

static bool read_override(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as", "container", "reason", "level", NULL};
    struct p2p_right_request request = {.reason = p2p_call_text(call, "reason")};
    struct p2p_right right;
    if (!p2p_call_keys(call, keys) ||
        !p2p_call_container(call, p2p_call_text(call, "container"), &request.container) ||
        !find_right(call, node, request.container, &right)) {
        return false;
    }
    if (request.reason == NULL || *request.reason == '\0') {
        p2p_call_error(call, 400, "bad-request", "add --reason TEXT", "an override says why");
        return false;
    }
    out->kind = P2P_KIND_OVERRIDE;
    cite_right(call, &right, false, out);
    return pack_request(call, node, &request, out);
}

/* The override that a text names, and the right that it is about. */
static bool read_approve(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as", "id", "reason", "level", NULL};
    const char *text = p2p_call_text(call, "id");
    const struct p2p_right_request request = {.reason = p2p_call_text(call, "reason")};
    struct p2p_record_id *cites = p2p_call_take(call, 2 * sizeof(*cites));
    struct p2p_entry entry;
    struct p2p_cites walk;
    struct p2p_right right;
    if (!p2p_call_keys(call, keys)) {
        return false;
    }
    if (!p2p_call_record(node, text, &cites[1], &entry) ||
        entry.record.kind != P2P_KIND_OVERRIDE) {
        p2p_call_error(call, 404, "not-found", "give the id that gate override printed",
                       "%.128s is no override", text != NULL ? text : "(nothing)");
        return false;
    }
    if (!p2p_call_second(call, node, &entry.record,
                         "asked for this override; another officer has to approve it")) {
        return false;
    }
    p2p_cites_begin(&walk, &entry.record);
    if (!p2p_cites_next(&walk, &cites[0])) {
        p2p_call_error(call, 403, "no-right", NULL, "%s is about no right", text);
        return false;
    }
    out->kind = P2P_KIND_APPROVE;
    out->circle = entry.record.circle;
    if (p2p_right_get(node->kv, out->circle, &cites[0], &right) == P2P_OK &&
        p2p_record_id_compare(&right.override.by, &cites[1]) == 0) {
        p2p_call_error(call, 403, "approved", "see port2port right show",
                       "%s is approved already", text);
        return false;
    }
    out->cites = cites;
    out->cite_count = 2;
    return pack_request(call, node, &request, out);
}

/* ---- who may ---- */

/* Whether one of the blocks that are cited is by an issuer of the same member, or is carried on
 * for somebody. */
static bool ends_any(struct p2p_node *node, const struct p2p_append *append,
                     const struct p2p_issuer *issuer)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    bool ends = false;
    for (size_t i = 1; i < append->cite_count && !ends; i++) {
        struct p2p_entry block;
        ends = p2p_ledger_entry(ledger, &append->cites[i], &block) == P2P_OK &&
               (block.record.kind == P2P_KIND_RESCUED ||
                p2p_right_same_member(ledger->charter, block.record.issuer, issuer->number));
    }
    return ends;
}

bool p2p_right_may_append(struct p2p_node *node, const struct p2p_append *append,
                          const struct p2p_issuer *issuer)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_kind *kind = p2p_kind_find(append->kind);
    struct p2p_right right;
    struct p2p_entry asked;
    struct p2p_unpack in;
    enum p2p_light light;
    if (append->kind == P2P_KIND_RIGHT_ISSUE) {
        return p2p_right_may_issue(node, append, issuer);
    }
    if (append->cite_count == 0 ||
        p2p_right_get(node->kv, append->circle, &append->cites[0], &right) != P2P_OK) {
        return false;
    }
    if (append->kind == P2P_KIND_APPROVE &&
        (append->cite_count != 2 ||
         p2p_ledger_entry(p2p_engine_ledger_mut(node->engine), &append->cites[1], &asked) !=
             P2P_OK ||
         asked.record.issuer == issuer->number)) {
        return false; /* two people answer for it */
    }
    if (append->kind == P2P_KIND_RIGHT_LIGHT) {
        return p2p_unpack_find(append->payload, "light", &in) &&
               p2p_light_named(p2p_unpack_str(&in), &light) &&
               p2p_right_may_set(charter, &right, issuer->number, light);
    }
    if (append->kind == P2P_KIND_RIGHT_UNBLOCK && !ends_any(node, append, issuer)) {
        return false;
    }
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        if (strcmp(p2p_right_rule((enum p2p_right_action)i)->kind, kind->word) == 0 &&
            p2p_right_may(charter, &right, issuer->number, (enum p2p_right_action)i)) {
            return true;
        }
    }
    return false;
}

const struct p2p_verb p2p_right_verbs[] = {
    {"/v1/rights", p2p_right_read_issue, "issue a right"},
    {"/v1/rights/accept", read_accept, "accept this right"},
    {"/v1/rights/decline", read_decline, "decline this right"},
    {"/v1/rights/transfer", read_transfer, "pass this right on"},
    {"/v1/rights/return", read_return, "return this right"},
    {"/v1/rights/revoke", read_revoke, "revoke this right"},
    {"/v1/rights/cancel", read_cancel, "cancel this right"},
    {"/v1/rights/assign", read_assign, "assign a driver to this right"},
    {"/v1/rights/unassign", read_unassign, "take the driver away from this right"},
    {"/v1/rights/block", read_block, "block this right"},
    {"/v1/rights/unblock", read_unblock, "unblock this right"},
    {"/v1/rights/light", read_set_light, "set this light"},
    {"/v1/rights/gate-out", read_gate_out, "confirm that this container left"},
    {"/v1/rights/override", read_override, "overrule a gate"},
    {"/v1/rights/approve", read_approve, "approve this override"},
    {NULL, NULL, NULL},
};
