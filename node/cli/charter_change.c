#include "charter_change.h"

#include "error.h"
#include "request.h"

#include <p2p/bytes.h>
#include <p2p/file.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char **p2p_cli_values(const struct p2p_cli_call *call, const char *name, size_t *count)
{
    const char **values = calloc(call->given_count + 1, sizeof *values);
    *count = 0;
    while (values != NULL && (values[*count] = p2p_cli_value_at(call, name, *count)) != NULL) {
        (*count)++;
    }
    return values;
}

static enum p2p_err fill_admit(const struct p2p_cli_call *call, struct p2p_verb *verb)
{
    struct p2p_verb_admit options = {.join = p2p_cli_argument(call, 0)};
    const char **witnesses = p2p_cli_values(call, "witness", &options.witness_count);
    const char **circles = p2p_cli_values(call, "circle", &options.circle_count);
    options.witnesses = witnesses;
    options.circles = circles;
    enum p2p_err err =
        witnesses == NULL || circles == NULL ? P2P_NOMEM : p2p_verb_admit(verb, &options);
    free(witnesses);
    free(circles);
    return err;
}

static enum p2p_err fill_generation(const struct p2p_cli_call *call, struct p2p_verb *verb)
{
    struct p2p_verb_generation options = {.renewal = p2p_cli_argument(call, 0)};
    const char **witnesses = p2p_cli_values(call, "witness", &options.witness_count);
    options.witnesses = witnesses;
    enum p2p_err err = witnesses == NULL ? P2P_NOMEM : p2p_verb_generation(verb, &options);
    free(witnesses);
    return err;
}

static enum p2p_err fill_grant(const struct p2p_cli_call *call, struct p2p_verb *verb)
{
    struct p2p_verb_grant options = {
        .issuer = p2p_cli_argument(call, 0),
        .member = p2p_cli_value(call, "member", NULL),
        .key = p2p_cli_value(call, "key", NULL),
    };
    const char **grants = p2p_cli_values(call, "grant", &options.grant_count);
    options.grants = grants;
    enum p2p_err err = grants == NULL ? P2P_NOMEM : p2p_verb_grant(verb, &options);
    free(grants);
    return err;
}

static enum p2p_err fill_circle(const struct p2p_cli_call *call, struct p2p_verb *verb)
{
    struct p2p_verb_circle options = {
        .circle = p2p_cli_argument(call, 0),
        .key = p2p_cli_value(call, "key", NULL),
    };
    const char **add = p2p_cli_values(call, "add", &options.add_count);
    const char **remove = p2p_cli_values(call, "remove", &options.remove_count);
    options.add = add;
    options.remove = remove;
    enum p2p_err err =
        add == NULL || remove == NULL ? P2P_NOMEM : p2p_verb_circle(verb, &options);
    free(add);
    free(remove);
    return err;
}

static enum p2p_err fill_witness(const struct p2p_cli_call *call, struct p2p_verb *verb)
{
    struct p2p_verb_witness options = {
        .feed = p2p_cli_argument(call, 0),
        .add = p2p_cli_value(call, "add", NULL),
        .remove = p2p_cli_value(call, "remove", NULL),
    };
    return p2p_verb_witness(verb, &options);
}

static enum p2p_err fill_policy(const struct p2p_cli_call *call, struct p2p_verb *verb)
{
    static const char *const names[] = {"lease", "heartbeat", "fresh-cosignature",
                                        "clock-skew"};
    uint32_t values[4] = {0};
    bool any = false;
    for (size_t i = 0; i < 4; i++) {
        any = any || p2p_cli_flag(call, names[i]);
    }
    if (!any) {
        snprintf(verb->message, verb->message_cap,
                 "nothing would change; say what with --lease, --heartbeat, "
                 "--fresh-cosignature or --clock-skew");
        return P2P_USAGE;
    }
    for (size_t i = 0; i < 4; i++) {
        uint64_t seconds = p2p_cli_seconds(call, names[i], 0);
        if (seconds > UINT32_MAX || (seconds == 0 && p2p_cli_flag(call, names[i]))) {
            snprintf(verb->message, verb->message_cap, "--%s cannot be that; give some time",
                     names[i]);
            return P2P_USAGE;
        }
        values[i] = (uint32_t)seconds;
    }
    struct p2p_policy changes = {
        .lease_s = values[0],
        .heartbeat_s = values[1],
        .fresh_cosignature_s = values[2],
        .clock_skew_s = values[3],
    };
    return p2p_verb_policy(verb, &changes);
}

static enum p2p_err fill_rotate(const struct p2p_cli_call *call, struct p2p_verb *verb)
{
    struct p2p_verb_rotate options = {0};
    uint64_t threshold = 0;
    enum p2p_err err =
        p2p_decimal_decode(&threshold, p2p_slice_text(p2p_cli_value(call, "threshold", "")));
    const char **roots = p2p_cli_values(call, "new-root", &options.root_count);
    options.roots = roots;
    options.threshold = (uint32_t)threshold;
    if (err != P2P_OK || threshold > P2P_ROOTS_MAX) {
        snprintf(verb->message, verb->message_cap, "--threshold is at most %u", P2P_ROOTS_MAX);
        err = P2P_USAGE;
    } else {
        err = roots == NULL ? P2P_NOMEM : p2p_verb_rotate(verb, &options);
    }
    free(roots);
    return err;
}

/* "beanr/1:17" -> 17; all ids have to be of one feed, which is told. */
static enum p2p_err read_keep(const char *id, char feed[P2P_ORIGIN_BYTES_MAX + 1],
                              uint64_t *index, struct p2p_verb *verb)
{
    char named[P2P_ORIGIN_BYTES_MAX + 1];
    if (!p2p_cli_token_read(id, named, index)) {
        snprintf(verb->message, verb->message_cap,
                 "--keep %.64s is no record; write it as "
                 "beanr/1:17",
                 id);
        return P2P_USAGE;
    }
    if (feed[0] != '\0' && strcmp(feed, named) != 0) {
        snprintf(verb->message, verb->message_cap,
                 "--keep %.64s is not of %.64s; one revoke cuts one feed", id, feed);
        return P2P_USAGE;
    }
    snprintf(feed, P2P_ORIGIN_BYTES_MAX + 1, "%s", named);
    return P2P_OK;
}

/* The newest quorum-cosigned checkpoint of a feed: of --checkpoint FILE, or the node's. *out is
 * the caller's to free. */
static enum p2p_err read_note(const struct p2p_cli_call *call, struct p2p_cli_charter *source,
                              const char *feed, char **out, size_t *len, struct p2p_verb *verb)
{
    const char *file = p2p_cli_value(call, "checkpoint", NULL);
    if (file != NULL) {
        return p2p_file_read(file, P2P_NOTE_BYTES_MAX, out, len, verb->message,
                             verb->message_cap);
    }
    char path[P2P_CLI_PATH_BYTES];
    struct p2p_api_reply reply = {0};
    enum p2p_err err = P2P_OK;
    if (!p2p_cli_path(path, "/v1/checkpoints/", feed)) {
        return P2P_TOOLARGE;
    }
    p2p_cli_session_get(&source->session, path, NULL, &reply);
    const char *note = p2p_cli_text(reply.json, "checkpoint");
    if (p2p_cli_is_problem(&reply) || note[0] == '\0') {
        snprintf(verb->message, verb->message_cap,
                 "the node has no quorum-cosigned checkpoint of %.64s (%.128s); give one with "
                 "--checkpoint FILE",
                 feed, p2p_cli_text(reply.json, "text"));
        err = P2P_NOTFOUND;
    } else {
        *out = strdup(note);
        *len = strlen(note);
        err = *out != NULL ? P2P_OK : P2P_NOMEM;
    }
    p2p_api_reply_deinit(&reply);
    return err;
}

/* The newest feed of the member an issuer belongs to, as "beanr/2". */
static enum p2p_err feed_of_issuer(const struct p2p_charter *charter, const char *name,
                                   char feed[P2P_ORIGIN_BYTES_MAX + 1], struct p2p_verb *verb)
{
    const struct p2p_issuer *issuer = p2p_charter_issuer_named(charter, p2p_slice_text(name));
    const struct p2p_member *member =
        issuer != NULL ? p2p_charter_member(charter, issuer->member) : NULL;
    const struct p2p_feed_info *info =
        member != NULL ? p2p_charter_feed(charter, member->feed) : NULL;
    if (info == NULL) {
        snprintf(verb->message, verb->message_cap,
                 "the charter knows no issuer %.64s; port2port charter show lists them", name);
        return P2P_UNKNOWN;
    }
    snprintf(feed, P2P_ORIGIN_BYTES_MAX + 1, "%s/%u", member->name, (unsigned)info->generation);
    return P2P_OK;
}

static enum p2p_err fill_revoke(const struct p2p_cli_call *call, struct p2p_cli_charter *source,
                                struct p2p_verb *verb)
{
    char feed[P2P_ORIGIN_BYTES_MAX + 1] = "";
    const char *at = p2p_cli_value(call, "at", NULL), *id = NULL;
    uint64_t index = 0;
    char *note = NULL;
    size_t len = 0;
    struct p2p_verb_revoke options = {.issuer = p2p_cli_argument(call, 0)};
    uint64_t *keep = calloc(call->given_count + 1, sizeof *keep);
    enum p2p_err err = keep == NULL ? P2P_NOMEM : P2P_OK;
    snprintf(feed, sizeof feed, "%s", p2p_cli_value(call, "feed", ""));
    while (err == P2P_OK && (id = p2p_cli_value_at(call, "keep", options.keep_count)) != NULL) {
        err = read_keep(id, feed, &keep[options.keep_count++], verb);
    }
    if (err == P2P_OK && feed[0] == '\0') {
        err = feed_of_issuer(verb->charter, options.issuer, feed, verb);
    }
    if (err == P2P_OK && at != NULL) {
        err = p2p_decimal_decode(&index, p2p_slice_text(at));
        options.at = &index;
    }
    if (err == P2P_OK) {
        err = read_note(call, source, feed, &note, &len, verb);
    }
    if (err == P2P_OK) {
        options.feed = feed;
        options.keep = keep;
        options.note = p2p_slice_of(note, len);
        err = p2p_verb_revoke(verb, &options);
    }
    free(note);
    free(keep);
    return err;
}

enum p2p_err p2p_cli_change_fill(const struct p2p_cli_call *call,
                                 struct p2p_cli_charter *source, struct p2p_verb *verb,
                                 uint64_t *term)
{
    static const struct {
        const char *name;
        enum p2p_err (*fill)(const struct p2p_cli_call *call, struct p2p_verb *verb);
    } fills[] = {
        {"admit", fill_admit},           {"grant", fill_grant},   {"circle", fill_circle},
        {"witness", fill_witness},       {"policy", fill_policy}, {"rotate", fill_rotate},
        {"generation", fill_generation},
    };
    const char *name = call->command->verb;
    for (size_t i = 0; i < sizeof fills / sizeof fills[0]; i++) {
        if (strcmp(name, fills[i].name) == 0) {
            return fills[i].fill(call, verb);
        }
    }
    if (strcmp(name, "settle") == 0) {
        return p2p_verb_settle(verb, term);
    }
    if (strcmp(name, "settle-opens") == 0) {
        return p2p_cli_fill_settle_opens(call, source, verb);
    }
    return strcmp(name, "reassign") == 0 ? p2p_cli_fill_reassign(call, source, verb)
                                         : fill_revoke(call, source, verb);
}
