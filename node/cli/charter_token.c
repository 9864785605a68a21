/* The charter verbs about containers' custody: who is to hold a token, which of several opens
 * is kept. An entry about the wrong token freezes a container for good, so the node is asked
 * first: what it sees to be a mistake is refused. What it does not know the roots may. */
#include "charter_change.h"

#include "request.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool p2p_cli_token_read(const char *id, char feed[P2P_ORIGIN_BYTES_MAX + 1], uint64_t *index)
{
    const char *colon = strrchr(id, ':');
    size_t len = colon != NULL ? (size_t)(colon - id) : 0;
    if (len == 0 || len > P2P_ORIGIN_BYTES_MAX ||
        p2p_decimal_decode(index, p2p_slice_text(colon + 1)) != P2P_OK) {
        return false;
    }
    memcpy(feed, id, len);
    feed[len] = '\0';
    return true;
}

static enum p2p_err read_token(const char *text, char feed[P2P_ORIGIN_BYTES_MAX + 1],
                               uint64_t *index, struct p2p_verb *verb)
{
    if (p2p_cli_token_read(text, feed, index)) {
        return P2P_OK;
    }
    snprintf(verb->message, verb->message_cap,
             "%.64s is no token; write it as beanr/1:17, the record that opened it", text);
    return P2P_USAGE;
}

/* What the node has of a token. The caller gives the reply back in every case. */
static enum p2p_err ask_node(struct p2p_cli_charter *source, const char *token,
                             struct p2p_api_reply *reply)
{
    char path[P2P_CLI_PATH_BYTES];
    *reply = (struct p2p_api_reply){0};
    if (!p2p_cli_path(path, "/v1/custody/", token)) {
        return P2P_TOOLARGE;
    }
    p2p_cli_session_get(&source->session, path, NULL, reply);
    return P2P_OK;
}

static bool is_told(const struct p2p_api_reply *reply)
{
    return !p2p_cli_is_problem(reply) && p2p_cli_text(reply->json, "state")[0] != '\0';
}

/* ---- reassign ---- */

static bool is_frozen(const json_t *custody, const char *why)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(custody, "frozen"), i, one)
    {
        if (strcmp(json_string_value(one), why) == 0) {
            return true;
        }
    }
    return false;
}

/* Refuses what the node sees to be without effect: a token that is held is given to another
 * than its holder, unless that takes an entry back, and at the epoch that follows its own. */
static enum p2p_err check_reassign(const json_t *custody, const char *token, const char *to,
                                   uint64_t epoch, struct p2p_verb *verb)
{
    uint64_t held = (uint64_t)json_integer_value(json_object_get(custody, "epoch"));
    if (strcmp(p2p_cli_text(custody, "holder"), to) == 0 && !is_frozen(custody, "reassigned")) {
        snprintf(verb->message, verb->message_cap,
                 "%.64s is held by %.64s already; the entry would only freeze it there", token,
                 to);
        return P2P_REFUSED;
    }
    if (epoch != held + 1) {
        snprintf(verb->message, verb->message_cap,
                 "%.64s is held at epoch %" PRIu64 ", so only an entry at %" PRIu64
                 " has an effect; leave --epoch out",
                 token, held, held + 1);
        return P2P_REFUSED;
    }
    return P2P_OK;
}

/* One more than the epoch at which the node sees a token held: what an entry about who holds it
 * now has to name, where *epoch is 0. Where the node is behind, the entry has no effect. */
static enum p2p_err next_epoch(struct p2p_cli_charter *source, const char *token,
                               const char *to, uint64_t *epoch, struct p2p_verb *verb)
{
    struct p2p_api_reply reply;
    enum p2p_err err = ask_node(source, token, &reply);
    const char *state = p2p_cli_text(reply.json, "state");
    json_int_t held = json_integer_value(json_object_get(reply.json, "epoch"));
    bool told = is_told(&reply) && held > 0;
    if (err != P2P_OK) {
        return err;
    }
    if (told && strcmp(state, "held") == 0) {
        *epoch = *epoch != 0 ? *epoch : (uint64_t)held + 1;
        err = check_reassign(reply.json, token, to, *epoch, verb);
    } else if (*epoch != 0) {
        err = P2P_OK; /* the roots know what the node does not */
    } else if (!told) {
        snprintf(verb->message, verb->message_cap,
                 "the node does not tell who holds %.64s (%.128s); give the epoch with --epoch",
                 token, p2p_cli_text(reply.json, "text"));
        err = P2P_NOTFOUND;
    } else {
        snprintf(
            verb->message, verb->message_cap,
            "%.64s is %.32s, so whom the entry is about is not plain; see port2port custody "
            "show, and give the epoch with --epoch",
            token, state);
        err = P2P_REFUSED;
    }
    p2p_api_reply_deinit(&reply);
    return err;
}

enum p2p_err p2p_cli_fill_reassign(const struct p2p_cli_call *call,
                                   struct p2p_cli_charter *source, struct p2p_verb *verb)
{
    char feed[P2P_ORIGIN_BYTES_MAX + 1] = "";
    struct p2p_verb_reassign options = {.feed = feed, .member = p2p_cli_value(call, "to", "")};
    const char *token = p2p_cli_argument(call, 0);
    const char *epoch = p2p_cli_value(call, "epoch", NULL);
    enum p2p_err err = read_token(token, feed, &options.index, verb);
    if (err != P2P_OK) {
        return err;
    }
    if (epoch != NULL && (p2p_decimal_decode(&options.epoch, p2p_slice_text(epoch)) != P2P_OK ||
                          options.epoch == 0)) {
        snprintf(verb->message, verb->message_cap, "--epoch is a number above 0");
        return P2P_USAGE;
    }
    err = next_epoch(source, token, options.member, &options.epoch, verb);
    return err == P2P_OK ? p2p_verb_reassign(verb, &options) : err;
}

/* ---- settle-opens ---- */

/* An open that is over is not to be settled, whichever side it is named on. */
static enum p2p_err check_open(const json_t *custody, const char *token, bool keep,
                               struct p2p_verb *verb)
{
    const char *state = p2p_cli_text(custody, "state");
    if (strcmp(state, "held") == 0 || strcmp(state, "offered") == 0) {
        return P2P_OK;
    }
    snprintf(verb->message, verb->message_cap,
             keep ? "%.64s is %.32s: one that is over keeps nothing; name the open that the "
                    "container stands under"
                  : "%.64s is %.32s already, so there is nothing to settle away",
             token, state);
    return P2P_REFUSED;
}

/* Only opens of one container, in one circle, freeze each other: naming any other one freezes
 * that one for good, and settles nothing. */
static enum p2p_err check_pair(const json_t *keep, const json_t *other, struct p2p_verb *verb)
{
    static const struct {
        const char *key, *of;
    } both[] = {{"container", "of"}, {"circle", "in circle"}};
    for (size_t i = 0; i < 2; i++) {
        const char *kept = p2p_cli_text(keep, both[i].key);
        const char *goes = p2p_cli_text(other, both[i].key);
        if (strcmp(kept, goes) != 0) {
            snprintf(verb->message, verb->message_cap,
                     "%.64s is %s %.64s, %.64s %s %.64s: the entry would freeze that one for "
                     "good and settle nothing",
                     p2p_cli_text(keep, "token"), both[i].of, kept,
                     p2p_cli_text(other, "token"), both[i].of, goes);
            return P2P_REFUSED;
        }
    }
    return P2P_OK;
}

/* What no node tells is the roots' word alone, and said to be. */
static void tell_unknown(const struct p2p_cli_charter *source, const char *token)
{
    fputs("port2port: the node does not know ", source->call->err);
    p2p_cli_put(source->call->err, token);
    fputs(": whether it is an open of that container is not checked\n", source->call->err);
}

/* With --federation no node is asked: what it would say may lie years behind. */
static enum p2p_err check_opens(struct p2p_cli_charter *source, const char *keep,
                                const char *const *others, size_t count, struct p2p_verb *verb)
{
    struct p2p_api_reply kept = {0};
    if (source->file != NULL) {
        return P2P_OK;
    }
    enum p2p_err err = ask_node(source, keep, &kept);
    bool keep_told = err == P2P_OK && is_told(&kept);
    if (keep_told) {
        err = check_open(kept.json, keep, true, verb);
    } else if (err == P2P_OK) {
        tell_unknown(source, keep);
    }
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        struct p2p_api_reply other;
        err = ask_node(source, others[i], &other);
        bool told = err == P2P_OK && is_told(&other);
        if (told) {
            err = check_open(other.json, others[i], false, verb);
        } else if (err == P2P_OK) {
            tell_unknown(source, others[i]);
        }
        if (err == P2P_OK && told && keep_told) {
            err = check_pair(kept.json, other.json, verb);
        }
        p2p_api_reply_deinit(&other);
    }
    p2p_api_reply_deinit(&kept);
    return err;
}

enum p2p_err p2p_cli_fill_settle_opens(const struct p2p_cli_call *call,
                                       struct p2p_cli_charter *source, struct p2p_verb *verb)
{
    static char feeds[P2P_SETTLE_OPENS_MAX + 1][P2P_ORIGIN_BYTES_MAX + 1];
    struct p2p_op_open others[P2P_SETTLE_OPENS_MAX];
    size_t count = 0;
    const char *keep = p2p_cli_argument(call, 0);
    struct p2p_op_settle_opens op = {.keep = {.feed = feeds[0]}, .others = others};
    const char **names = p2p_cli_values(call, "other", &count);
    enum p2p_err err = names == NULL ? P2P_NOMEM : P2P_OK;
    if (err == P2P_OK && count > P2P_SETTLE_OPENS_MAX) {
        snprintf(verb->message, verb->message_cap, "an entry settles %u others away at most",
                 P2P_SETTLE_OPENS_MAX);
        err = P2P_USAGE;
    }
    err = err == P2P_OK ? read_token(keep, feeds[0], &op.keep.index, verb) : err;
    for (; err == P2P_OK && op.other_count < count; op.other_count++) {
        char *feed = feeds[op.other_count + 1];
        others[op.other_count] = (struct p2p_op_open){.feed = feed};
        err = read_token(names[op.other_count], feed, &others[op.other_count].index, verb);
    }
    err = err == P2P_OK ? check_opens(source, keep, names, count, verb) : err;
    err = err == P2P_OK ? p2p_verb_settle_opens(verb, &op) : err;
    free(names);
    return err;
}
