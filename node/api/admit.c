/* Who asks, and whether it may: before a call is queued as far as that can be told without the
 * charter, and at its start with it; then how often it asks.
 *
 * On the socket there is nothing to ask: its caller is our own user. Outside, a certificate
 * whose binding the named issuer's key has signed makes a party, config.yaml one of those an
 * operator, a bearer token a reader. */
#include "verb.h"

#include "../core/rates.h"

#include <p2p/party.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Static_assert(P2P_PARTY_NAME_BYTES_MAX == P2P_NAME_BYTES_MAX,
               "an issuer's name fits a binding");
_Static_assert(P2P_PARTY_BINDING_BYTES_MAX <= P2P_TLS_VOUCHER_BYTES_MAX, "and a certificate");
_Static_assert(P2P_RATE_COUNT <= P2P_RATE_SORTS_MAX, "a bucket for each rate");

/* How far a caller's clock may be ahead of ours when it makes a certificate. */
#define CLOCK_SKEW_S 300

/* Numbers of callers for rates and replies: the socket, issuers, tokens. */
#define CALLER_SOCKET       UINT64_C(1)
#define CALLER_ISSUER(n)    (UINT64_C(1) << 32 | (n))
#define CALLER_TOKEN(index) (UINT64_C(2) << 32 | (index))

static const char bearer[] = "Bearer "; /* in any case: RFC 9110 section 11.1 */

/* ---- before it is queued ---- */

static void refuse_unnamed(struct p2p_call *call)
{
    p2p_call_error(
        call, 401, "no-credentials",
        "show a client certificate (port2port key certificate), or a bearer token to "
        "read",
        "%s %s is not for everybody", call->method, call->path);
}

static void refuse_lesser(struct p2p_call *call)
{
    static const char *const hints[] = {
        [P2P_WHO_ANYBODY] = "",
        [P2P_WHO_READER] = "show a bearer token or a client certificate",
        [P2P_WHO_PARTY] = "show a client certificate: a token only reads",
        [P2P_WHO_OPERATOR] = "sign it with prepare and submit, or be named under operators",
        [P2P_WHO_SOCKET] = "use the node's socket",
    };
    p2p_call_error(call, 403, "not-allowed", hints[call->route->who], "%s %s is for %s",
                   call->method, call->path, p2p_who_word(call->route->who));
}

static enum p2p_err binding_of(const struct p2p_call *call, struct p2p_party_binding *out)
{
    return p2p_party_decode(out, p2p_slice_of(call->party.voucher, call->party.voucher_len));
}

static bool has_binding(const struct p2p_call *call)
{
    struct p2p_party_binding binding;
    return binding_of(call, &binding) == P2P_OK;
}

static void refuse_unbound(struct p2p_call *call)
{
    p2p_call_error(call, 401, "no-binding", "make one with port2port key certificate",
                   "no issuer vouches for the client certificate");
}

void p2p_admit_early(struct p2p_call *call, const struct p2p_api_caller *caller)
{
    call->who = P2P_WHO_SOCKET;
    if (caller == NULL) {
        return;
    }
    call->outside = true;
    call->who = P2P_WHO_ANYBODY;
    if (caller->party != NULL) {
        call->has_party = true;
        call->party = *caller->party;
    } else if (strncasecmp(caller->authorization, bearer, sizeof(bearer) - 1) == 0) {
        call->has_token = true;
        call->token = p2p_sha256(p2p_slice_text(caller->authorization + sizeof(bearer) - 1));
    }
    if (call->route->who == P2P_WHO_ANYBODY) {
        return;
    }
    if (!call->has_party && !call->has_token) {
        refuse_unnamed(call);
    } else if (call->has_party && !has_binding(call)) {
        refuse_unbound(call);
    } else if (call->route->who == P2P_WHO_SOCKET ||
               (call->has_token && call->route->who > P2P_WHO_READER)) {
        refuse_lesser(call);
    }
}

/* ---- at its start ---- */

/* "NAME:HEX"; the lengths were checked when the configuration was read. */
static bool is_token(const char *entry, const struct p2p_hash *token)
{
    struct p2p_hash held;
    const char *hex = strchr(entry, ':') + 1;
    return p2p_hex_decode(held.bytes, P2P_HASH_BYTES, p2p_slice_text(hex)) == P2P_OK &&
           p2p_secret_equal(held.bytes, token->bytes, P2P_HASH_BYTES);
}

static bool admit_token(struct p2p_call *call, const struct p2p_node *node)
{
    for (size_t i = 0; i < node->config.tokens_count; i++) {
        if (is_token(node->config.tokens[i], &call->token)) {
            call->who = P2P_WHO_READER;
            call->caller = CALLER_TOKEN(i);
            return true;
        }
    }
    p2p_call_error(call, 401, "unknown-token", "ask whoever runs the node for one",
                   "this node knows no such token");
    return false;
}

/* The signature, which is looked at once for each certificate and charter. */
static bool verified(struct p2p_node *node, const struct p2p_party_binding *binding,
                     const struct p2p_tls_party *party, const struct p2p_issuer *issuer)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_slice parts[] = {
        p2p_slice_of(party->voucher, party->voucher_len),
        p2p_slice_of(party->spki.bytes, P2P_HASH_BYTES),
        p2p_slice_of(issuer->key.bytes, P2P_PUBLIC_BYTES),
    };
    struct p2p_hash name = p2p_sha256_many(parts, 3);
    struct p2p_vouched *row = &node->vouched[name.bytes[0] % P2P_VOUCHED_MAX];
    if (!row->known || !p2p_hash_equal(&row->name, &name)) {
        char origin[P2P_ORIGIN_BYTES_MAX + 1];
        snprintf(origin, sizeof(origin), "%s/charter/1", p2p_charter_federation(charter));
        *row = (struct p2p_vouched){.name = name, .known = true};
        row->good = p2p_party_verify(binding, p2p_sigs_ed25519(), &issuer->key,
                                     p2p_slice_text(origin), &party->spki) == P2P_OK;
    }
    return row->good;
}

static bool is_revoked(const struct p2p_node *node, const struct p2p_issuer *issuer)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    uint32_t own = p2p_engine_own_feed(node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, own);
    return feed != NULL &&
           p2p_charter_cut(ledger->charter, issuer->number, own, feed->edge.size,
                           p2p_charter_size(ledger->charter)) == P2P_CUT_PAST;
}

static bool in_time(struct p2p_call *call, const struct p2p_node *node,
                    const struct p2p_party_binding *binding)
{
    int64_t now_s = (int64_t)(node->now.wall_ms / 1000);
    if (binding->until_s < (uint64_t)now_s || call->party.not_after_unix_s < now_s) {
        p2p_call_error(call, 401, "certificate-expired", "make a new one",
                       "the certificate of %s is over", binding->issuer);
        return false;
    }
    if (call->party.not_before_unix_s > now_s + CLOCK_SKEW_S) {
        p2p_call_error(call, 401, "certificate-early", "compare the clocks",
                       "the certificate of %s is not valid yet", binding->issuer);
        return false;
    }
    return true;
}

static bool is_operator(const struct p2p_node *node, const char *issuer)
{
    for (size_t i = 0; i < node->config.operators_count; i++) {
        if (strcmp(node->config.operators[i], issuer) == 0) {
            return true;
        }
    }
    return false;
}

static bool admit_party(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_party_binding binding;
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    if (binding_of(call, &binding) != P2P_OK) {
        refuse_unbound(call);
        return false;
    }
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(charter, p2p_slice_text(binding.issuer));
    if (issuer == NULL || issuer->member != p2p_engine_member(node->engine)) {
        p2p_call_error(call, 401, "unknown-issuer", "ask at the issuer's own member",
                       "%s is no issuer of this node", binding.issuer);
        return false;
    }
    if (!in_time(call, node, &binding)) {
        return false;
    }
    if (!verified(node, &binding, &call->party, issuer)) {
        p2p_call_error(call, 401, "bad-binding",
                       "make one with the key that the charter names now",
                       "the client certificate is not signed by the key of %s", issuer->name);
        return false;
    }
    if (is_revoked(node, issuer)) {
        p2p_call_error(call, 403, "revoked", "ask the federation's roots", "%s is revoked",
                       issuer->name);
        return false;
    }
    call->who = is_operator(node, issuer->name) ? P2P_WHO_OPERATOR : P2P_WHO_PARTY;
    call->issuer = issuer->number;
    call->caller = CALLER_ISSUER(issuer->number);
    strcpy(call->issuer_name, issuer->name); /* the charter may move */
    return true;
}

bool p2p_call_second(struct p2p_call *call, const struct p2p_node *node,
                     const struct p2p_record *first, const char *what)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_issuer *before = p2p_charter_issuer(charter, first->issuer);
    const char *as = p2p_call_as(call);
    if (as == NULL || before == NULL || strcmp(as, before->name) != 0) {
        return true;
    }
    p2p_call_error(call, 403, "same-officer", "two people answer for this: name the other",
                   "%s %s", as, what);
    return false;
}

bool p2p_stands_at_gate(const struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_append open = {.kind = P2P_KIND_CUSTODY_OPEN};
    return call->who > P2P_WHO_PARTY ||
           (call->who == P2P_WHO_PARTY && p2p_engine_own_feed(node->engine) != 0 &&
            p2p_custody_may(node, &open, p2p_charter_issuer(charter, call->issuer)));
}

bool p2p_call_at_gate(struct p2p_call *call, struct p2p_node *node)
{
    bool may = p2p_stands_at_gate(call, node);
    if (!may) {
        p2p_call_error(call, 403, "no-grant",
                       "a terminal with custody here asks, or an operator of the node",
                       "%s stands at no gate of this port, and may not ask who is banned",
                       call->who == P2P_WHO_PARTY ? call->issuer_name : "a reader");
    }
    return may;
}

bool p2p_call_speaks(struct p2p_call *call)
{
    const char *as = p2p_call_text(call, "as");
    if (call->issuer == 0 || as == NULL || strcmp(as, call->issuer_name) == 0) {
        return true;
    }
    p2p_call_error(call, 403, "not-yours",
                   "leave \"as\" out, or show that issuer's certificate",
                   "the client certificate is that of %s, not of %s", call->issuer_name, as);
    return false;
}

const char *p2p_call_as(const struct p2p_call *call)
{
    return call->issuer != 0 ? call->issuer_name : p2p_call_text(call, "as");
}

/* ---- how often ---- */

static uint32_t scaled(const struct p2p_node *node, uint32_t rate)
{
    uint64_t much = (uint64_t)rate * node->config.rates_percent / 100;
    return much > 0 ? (uint32_t)much : 1;
}

static const struct {
    uint32_t per_s, burst;
} rates[] = {
#define RATE_ROW(name, word, per_s, burst) {per_s, burst},
    P2P_RATE_MAP(RATE_ROW)
#undef RATE_ROW
};

void p2p_admit_looked(struct p2p_call *call, struct p2p_node *node)
{
    enum p2p_rate rate = call->route->rate;
    size_t more = call->looked / P2P_LOOKED_PER_REQUEST;
    if (more > 0 && call->outside && rate != P2P_RATE_FREE && node->rates != NULL) {
        p2p_rates_owe(node->rates, call->caller, rate, more, scaled(node, rates[rate].burst));
    }
}

static bool admit_rate(struct p2p_call *call, struct p2p_node *node)
{
    enum p2p_rate rate = call->route->rate;
    if (!call->outside || rate == P2P_RATE_FREE) {
        return true;
    }
    if (node->rates == NULL && p2p_rates_open(&node->rates) != P2P_OK) {
        p2p_call_err(call, P2P_NOMEM, "there is no memory to count requests in");
        return false;
    }
    uint32_t per_s = scaled(node, rates[rate].per_s);
    uint64_t wait_ms = p2p_rates_take(node->rates, call->caller, rate, per_s,
                                      scaled(node, rates[rate].burst), node->now.mono_ms);
    if (wait_ms == 0) {
        return true;
    }
    node->limited[rate]++;
    p2p_call_error(call, 429, "too-often", "wait as long as Retry-After says",
                   "more than %u requests of this sort a second", per_s);
    call->reply.retry_after_s = (uint32_t)((wait_ms + 999) / 1000);
    return false;
}

bool p2p_admit(struct p2p_call *call, struct p2p_node *node)
{
    bool admitted = true;
    if (call->admitted) { /* started anew in a later batch */
        return true;
    }
    call->caller = CALLER_SOCKET;
    if (call->route->who != P2P_WHO_ANYBODY) {
        admitted = call->has_party   ? admit_party(call, node)
                   : call->has_token ? admit_token(call, node)
                                     : true;
    }
    if (admitted && call->route->who > call->who) {
        refuse_lesser(call);
        admitted = false;
    }
    call->admitted = admitted && p2p_call_speaks(call) && admit_rate(call, node);
    if (!call->admitted && call->reply.status != 429) {
        node->turned_away++;
    }
    return call->admitted;
}
