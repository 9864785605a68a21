/* The verb by which the roots let an issuer do things. */
#include "verb_op.h"

#include <p2p/grant.h>
#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

static enum p2p_err issuer_key(struct p2p_verb *verb, const char *key,
                               struct p2p_issuer_public *out)
{
    size_t len = 0;
    struct p2p_slice text = p2p_slice_text(key);
    if (p2p_base64_measure(&len, text) == P2P_OK && len == P2P_PUBLIC_BYTES &&
        p2p_base64_decode(out->bytes, P2P_PUBLIC_BYTES, &len, text) == P2P_OK) {
        return P2P_OK;
    }
    return p2p_key_file_public(key, P2P_KEY_ISSUER, out->bytes, verb->message,
                               verb->message_cap);
}

/* Whether any issuer's grant names that facility: nothing else does. */
static bool is_facility(const struct p2p_charter *charter, const char *scope)
{
    for (uint32_t i = 1; i <= p2p_charter_issuer_count(charter); i++) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(charter, i);
        for (size_t n = 0; n < issuer->grant_count; n++) {
            if (strcmp(issuer->grants[n].scope, scope) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* A ban's grant is for ports, by their locodes, of which a wrong one would allow nothing; of
 * custody, lights and issue for a facility, which may be new. */
static enum p2p_err grant_check(struct p2p_verb *verb, enum p2p_grant_word word,
                                const char *scope)
{
    switch (word) {
    case P2P_GRANT_BAN_COURT:
    case P2P_GRANT_BAN_MAGISTRATE:
    case P2P_GRANT_BAN_ADMINISTRATIVE:
    case P2P_GRANT_BAN_LOCAL:
    case P2P_GRANT_BAN_EU_REGULATION:
        return p2p_charter_has_locode(verb->charter, p2p_slice_text(scope))
                   ? P2P_OK
                   : p2p_verb_say(verb, P2P_UNKNOWN,
                                  "no member has the locode %.32s; write it as BEANR", scope);
    case P2P_GRANT_CUSTODY:
    case P2P_GRANT_DISCHARGE_LIGHT:
    case P2P_GRANT_TERMINAL_LIGHT:
    case P2P_GRANT_ISSUE:
        if (!is_facility(verb->charter, scope) && verb->note != NULL) {
            snprintf(verb->note, verb->note_cap,
                     "no grant names the facility %.32s yet: it is new, or misspelt", scope);
        }
        return P2P_OK;
    case P2P_GRANT_LEVEL:
    case P2P_GRANT_INCIDENT:
    case P2P_GRANT_OVERRIDE:
    case P2P_GRANT_APPROVE:
    case P2P_GRANT_RECOUNT:
    case P2P_GRANT_BLOCK:
    case P2P_GRANT_HOLD:
    case P2P_GRANT_ERASE:
    case P2P_GRANT_CUSTOMS_LIGHT:
    case P2P_GRANT_COMMERCIAL_LIGHT:
    case P2P_GRANT_ACCEPT:
    case P2P_GRANT_TRANSFER:
    case P2P_GRANT_ASSIGN:
    case P2P_GRANT_OVERRIDE_BLOCK:
    case P2P_GRANT_COUNT:
        break;
    }
    return P2P_OK;
}

/* "word" or "word:scope"; a word nobody asks for would be a silent nothing. */
static enum p2p_err grant_read(struct p2p_verb *verb, const char *text, struct p2p_grant *out)
{
    enum p2p_grant_word word;
    size_t len = strcspn(text, ":");
    const char *scope = text[len] == ':' ? text + len + 1 : "*";
    *out = (struct p2p_grant){0};
    if (p2p_grant_of(&word, p2p_slice_of(text, len)) != P2P_OK) {
        return p2p_verb_say(verb, P2P_USAGE,
                            "\"%.64s\" is not a grant; write word or word:scope", text);
    }
    if (strlen(scope) == 0 || strlen(scope) > P2P_NAME_BYTES_MAX) {
        return p2p_verb_say(verb, P2P_USAGE, "\"%.64s\" has no scope; leave it out for all",
                            text);
    }
    snprintf(out->name, sizeof(out->name), "%s", p2p_grant_name(word));
    snprintf(out->scope, sizeof(out->scope), "%s", scope);
    return strcmp(scope, "*") == 0 ? P2P_OK : grant_check(verb, word, scope);
}

static enum p2p_err grant_issuer(struct p2p_verb *verb, const struct p2p_verb_grant *options,
                                 struct p2p_op_grant *op)
{
    const struct p2p_issuer *known =
        p2p_charter_issuer_named(verb->charter, p2p_slice_text(options->issuer));
    op->issuer = options->issuer;
    op->member = options->member;
    if (known) {
        const struct p2p_member *member = p2p_charter_member(verb->charter, known->member);
        op->member = op->member ? op->member : member->name;
        op->key = known->key;
    }
    if (!op->member) {
        return p2p_verb_say(verb, P2P_USAGE, "%s is new: name the member it signs for",
                            op->issuer);
    }
    if (options->key) {
        return issuer_key(verb, options->key, &op->key);
    }
    return known ? P2P_OK
                 : p2p_verb_say(verb, P2P_USAGE, "%s is new: name its key", op->issuer);
}

enum p2p_err p2p_verb_grant(struct p2p_verb *verb, const struct p2p_verb_grant *options)
{
    struct p2p_grant grants[P2P_GRANTS_MAX];
    struct p2p_charter_op op = {.type = P2P_OP_GRANT};
    if (options->grant_count == 0 || options->grant_count > P2P_GRANTS_MAX) {
        return p2p_verb_say(verb, P2P_USAGE, "name what %s is granted, at most 64 things",
                            options->issuer);
    }
    enum p2p_err err = grant_issuer(verb, options, &op.grant);
    for (size_t i = 0; err == P2P_OK && i < options->grant_count; i++) {
        err = grant_read(verb, options->grants[i], &grants[i]);
    }
    if (err != P2P_OK) {
        return err;
    }
    op.grant.grants = grants;
    op.grant.grant_count = options->grant_count;
    return p2p_verb_add(verb, &op);
}
