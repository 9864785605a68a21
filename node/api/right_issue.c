/* The issue of a right as a request: what it says, who may, and that none is issued twice. */
#include "right_verbs.h"

#include <p2p/container.h>
#include <p2p/grant.h>

#include <string.h>

enum { PAYLOAD_CAP = 8192, DAY_MS = 24 * 3600 * 1000 };

/* ---- reading ---- */

bool p2p_right_read_party(struct p2p_call *call, struct p2p_node *node, uint32_t *party)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const char *name = p2p_call_text(call, "to");
    const struct p2p_issuer *issuer =
        name != NULL ? p2p_charter_issuer_named(charter, p2p_slice_text(name)) : NULL;
    if (issuer == NULL) {
        p2p_call_error(call, 400, "unknown-party",
                       "name an issuer, as --to beanr-forwarder; see port2port charter show",
                       "the charter names no party %.64s", name != NULL ? name : "(nothing)");
        return false;
    }
    *party = issuer->number;
    return true;
}

/* Who has no grant to accept anything could only leave it there. */
void p2p_right_flag_party(struct p2p_call *call, const struct p2p_node *node, uint32_t party)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_issuer *issuer = p2p_charter_issuer(charter, party);
    for (size_t i = 0; i < issuer->grant_count; i++) {
        if (strcmp(issuer->grants[i].name, p2p_grant_name(P2P_GRANT_ACCEPT)) == 0) {
            return;
        }
    }
    p2p_call_flag(call, "cannot-accept",
                  "%s has no grant to accept a right; see port2port charter show",
                  issuer->name);
}

bool p2p_right_read_time(struct p2p_call *call, const char *key, const char *text, uint64_t *ms)
{
    if (!p2p_time_parse(text, ms)) {
        p2p_call_error(call, 400, "bad-time", "write 2026-11-21 or 2026-11-21T22:00:00Z",
                       "%.64s is no time for --%s", text, key);
        return false;
    }
    return true;
}

bool p2p_right_is_word(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(*words, text) != 0) {
        words++;
    }
    return *words != NULL;
}

/* The token it names, or the only open one of the container. */
static bool read_token(struct p2p_call *call, struct p2p_node *node, const char *container,
                       struct p2p_custody *custody)
{
    const char *token = p2p_call_text(call, "token");
    struct p2p_record_id id;
    struct p2p_entry entry;
    size_t count = 1;
    enum p2p_err err = P2P_NOTFOUND;
    if (token == NULL) {
        err = p2p_custody_find(node, container, p2p_custody_is_open, custody, &count);
    } else if (p2p_call_record(node, token, &id, &entry)) {
        err = p2p_custody_get(node->kv, entry.record.circle, &id, custody);
    }
    if (err == P2P_OK && count == 1 &&
        p2p_slice_equal(custody->container, p2p_slice_text(container)) &&
        !p2p_custody_is_over(custody->state)) {
        return true;
    }
    if (err == P2P_OK && count > 1) {
        p2p_call_error(call, 400, "several-tokens", "name one with --token",
                       "%s is in custody %zu times", container, count);
    } else if (token != NULL && (err == P2P_OK || err == P2P_NOTFOUND)) {
        p2p_call_error(call, 404, "no-custody", "see port2port custody list --container",
                       "%.64s is no open token of %s", token, container);
    } else if (err == P2P_OK || err == P2P_NOTFOUND) {
        p2p_call_error(call, 404, "no-custody",
                       "a terminal opens it with port2port custody open, once it is discharged",
                       "%s is in nobody's custody", container);
    } else {
        p2p_call_err(call, err, "the custody in the store cannot be read");
    }
    return false;
}

bool p2p_right_read_issue(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out)
{
    static const char *const keys[] = {"as",    "container", "bl",        "to",
                                       "token", "terminal",  "reference", "expires",
                                       "means", "level",     NULL};
    static const char *const means[] = {
#define MEANS_WORD(name, word) word,
        P2P_MEANS_MAP(MEANS_WORD)
#undef MEANS_WORD
            NULL};
    const char *expires = p2p_call_text(call, "expires");
    struct p2p_custody custody;
    struct p2p_pack pack;
    struct p2p_right_draft draft = {
        .bl = p2p_call_text(call, "bl"),
        .reference = p2p_call_text(call, "reference"),
        .terminal = p2p_call_text(call, "terminal"),
        .means = p2p_call_text(call, "means"),
        .expires_ms = node->now.wall_ms + (uint64_t)P2P_RIGHT_DEFAULT_DAYS * DAY_MS,
    };
    if (!p2p_call_keys(call, keys) ||
        !p2p_call_container(call, p2p_call_text(call, "container"), &draft.container) ||
        !p2p_right_read_party(call, node, &draft.to) ||
        (expires != NULL &&
         !p2p_right_read_time(call, "expires", expires, &draft.expires_ms)) ||
        !read_token(call, node, draft.container, &custody)) {
        return false;
    }
    if (draft.expires_ms <= node->now.wall_ms) {
        p2p_call_error(call, 400, "bad-time", "give an --expires that is still to come",
                       "the right would be over before anybody could use it");
        return false;
    }
    if (draft.bl == NULL || *draft.bl == '\0') {
        p2p_call_error(call, 400, "bad-request", "add --bl NUMBER",
                       "a right names its bill of lading");
        return false;
    }
    if (draft.means != NULL && !p2p_right_is_word(draft.means, means)) {
        p2p_call_error(call, 400, "bad-means", "use truck, barge or rail",
                       "%.32s is no means of transport", draft.means);
        return false;
    }
    p2p_right_flag_party(call, node, draft.to);
    struct p2p_record_id *cites = p2p_call_take(call, sizeof(*cites));
    *cites = custody.id;
    p2p_pack_init(&pack, p2p_call_take(call, PAYLOAD_CAP), PAYLOAD_CAP);
    if (p2p_right_issue_pack(&pack, &draft) != P2P_OK) {
        p2p_call_err(call, P2P_TOOLARGE, "bill of lading, reference or terminal are too long");
        return false;
    }
    out->kind = P2P_KIND_RIGHT_ISSUE;
    out->circle = custody.circle;
    out->cites = cites;
    out->cite_count = 1;
    out->payload = p2p_pack_slice(&pack);
    return true;
}

/* ---- who may ---- */

bool p2p_right_may_issue(struct p2p_node *node, const struct p2p_append *append,
                         const struct p2p_issuer *issuer)
{
    uint32_t own = p2p_engine_own_feed(node->engine);
    uint64_t at = p2p_ledger_feed(p2p_engine_ledger(node->engine), own)->edge.size;
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    struct p2p_custody custody;
    bool held = false;
    if (append->cite_count != 1 ||
        p2p_custody_get(node->kv, append->circle, &append->cites[0], &custody) != P2P_OK) {
        return false;
    }
    for (size_t i = 0; i < custody.tenure_count; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, custody.tenures[i].feed);
        held = held || (info != NULL && info->member == issuer->member);
    }
    return held ? p2p_verb_granted_somewhere(node, issuer, "issue")
                : p2p_charter_granted(charter, issuer->number, "issue", custody.facility, own,
                                      at, p2p_charter_size(charter));
}

/* ---- what is issued already ---- */

/* Of the batch that runs. */
struct p2p_given_issue {
    struct p2p_record_id token;
    struct p2p_slice payload;
    struct p2p_given_issue *next;
};

/* Whether both are what one release order says: a deliberate second right differs in one. */
static bool is_same(const struct p2p_right *a, const struct p2p_right *b)
{
    return a->chain_count > 1 && b->chain_count > 1 && a->chain[1].party == b->chain[1].party &&
           p2p_slice_equal(a->bl, b->bl) && p2p_slice_equal(a->reference, b->reference);
}

/* In what else the living one differs from what is asked for; NULL: in nothing that was said.
 */
static const char *difference(const struct p2p_call *call, const struct p2p_right *right,
                              const struct p2p_right *asked)
{
    if (p2p_call_text(call, "expires") != NULL && asked->expires_ms != right->expires_ms) {
        return "another expiry";
    }
    if (asked->terminal.len > 0 && !p2p_slice_equal(asked->terminal, right->terminal)) {
        return "another terminal";
    }
    return p2p_slice_equal(asked->means, right->means) ? NULL : "another means of transport";
}

static bool lives(const struct p2p_right *right, uint64_t now_ms)
{
    return (right->below == P2P_RIGHT_PENDING || right->below == P2P_RIGHT_ACTIVE) &&
           p2p_right_state_at(right, now_ms) != P2P_RIGHT_EXPIRED;
}

static bool is_given(const struct p2p_node *node, const struct p2p_record_id *token,
                     const struct p2p_right *asked)
{
    for (const struct p2p_given_issue *given = node->issues; given != NULL;
         given = given->next) {
        struct p2p_right right;
        if (p2p_record_id_compare(&given->token, token) == 0 &&
            p2p_right_issue_read(&right, given->payload) == P2P_OK && is_same(&right, asked)) {
            return true;
        }
    }
    return false;
}

void p2p_right_given(struct p2p_call *call, struct p2p_node *node,
                     const struct p2p_append *append)
{
    if (append->kind == P2P_KIND_RIGHT_ISSUE && append->cite_count == 1) {
        struct p2p_given_issue *given = p2p_call_take(call, sizeof(*given));
        *given = (struct p2p_given_issue){append->cites[0], append->payload, node->issues};
        node->issues = given;
    }
}

/* The first that lives and is the same, in order of id. */
static enum p2p_err find_same(struct p2p_node *node, const struct p2p_append *append,
                              const struct p2p_issuer *issuer, const struct p2p_right *asked,
                              struct p2p_right *out)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    bool begin = true;
    while ((err = p2p_right_next_on(node->kv, append->circle, &append->cites[0], &id, begin,
                                    &id)) == P2P_OK) {
        begin = false;
        err = p2p_right_get(node->kv, append->circle, &id, out);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
        }
        if (lives(out, node->now.wall_ms) && is_same(out, asked) &&
            p2p_right_same_member(charter, out->first, issuer->number)) {
            return P2P_OK;
        }
    }
    return err;
}

bool p2p_right_stands(struct p2p_call *call, struct p2p_node *node,
                      const struct p2p_append *append, const struct p2p_issuer *issuer,
                      bool *stands, struct p2p_record_id *id)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_right asked;
    struct p2p_right right;
    char text[P2P_ID_TEXT_BYTES];
    *stands = false;
    if (append->kind != P2P_KIND_RIGHT_ISSUE || append->cite_count != 1 ||
        p2p_right_issue_read(&asked, append->payload) != P2P_OK) {
        return true;
    }
    if (is_given(node, &append->cites[0], &asked)) {
        p2p_call_error(call, 409, "under-way", "ask again in a moment",
                       "the same right is being issued by another request");
        return false;
    }
    enum p2p_err err = find_same(node, append, issuer, &asked, &right);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        p2p_call_err(call, err, "the rights in the store cannot be read");
        return false;
    }
    if (err == P2P_NOTFOUND) {
        return true;
    }
    const char *other = difference(call, &right, &asked);
    p2p_id_text(ledger, &right.id, text);
    if (other != NULL) {
        p2p_call_error(call, 403, "issued-otherwise",
                       "cancel that one first, or give this one another --reference",
                       "%s lives, with that bill of lading, reference and party, and %s", text,
                       other);
        return false;
    }
    if (right.first != issuer->number) {
        const struct p2p_issuer *first = p2p_charter_issuer(ledger->charter, right.first);
        p2p_call_flag(call, "other-issuer", "%s was issued by %s, who alone can cancel it",
                      text, first != NULL ? first->name : "another");
    }
    *id = right.id;
    *stands = true;
    return true;
}
