#include "nouns.h"
#include "print.h"
#include "request.h"

#include <string.h>

#define WAIT_SECONDS 30u
#define PAUSE_MS     30u

struct goal {
    const char *what;
    const char *which; /* digest or id */
    const char *level;
    char missing[P2P_CLI_SENTENCE_BYTES]; /* what is not yet so */
};

static bool all_connected(struct goal *goal, const json_t *reply)
{
    size_t index = 0;
    const json_t *peer = NULL;
    json_array_foreach(p2p_cli_rows(reply, "peers"), index, peer)
    {
        const char *state = p2p_cli_text(peer, "state");
        if (strcmp(state, "connected") != 0 && strcmp(state, "paused") != 0) {
            char text[256];
            snprintf(goal->missing, sizeof goal->missing, "there is no session with %.64s: %s",
                     p2p_cli_text(peer, "member"), p2p_cli_peer_state(text, sizeof text, peer));
            return false;
        }
    }
    return true;
}

static bool has_digest(struct goal *goal, const json_t *status)
{
    const char *names[] = {"leaves_digest", "frontier_digest"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(p2p_cli_text(status, names[i]), goal->which) == 0) {
            return true;
        }
    }
    const char *name = NULL;
    const json_t *digest = NULL;
    json_object_foreach(json_object_get(status, "digests"), name, digest)
    {
        const char *hex = json_string_value(digest);
        if (hex != NULL && strcmp(hex, goal->which) == 0) {
            return true;
        }
    }
    snprintf(goal->missing, sizeof goal->missing,
             "no digest is %.64s; leaves_digest is %.64s, frontier_digest %.64s", goal->which,
             p2p_cli_text(status, "leaves_digest"), p2p_cli_text(status, "frontier_digest"));
    return false;
}

static int level_rank(const char *level)
{
    static const char *const levels[] = {"local", "mirrored", "witnessed"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(level, levels[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static bool has_record(struct goal *goal, const json_t *record)
{
    const char *level = p2p_cli_text(record, "level");
    if (level_rank(level[0] != '\0' ? level : "local") >= level_rank(goal->level)) {
        return true;
    }
    snprintf(goal->missing, sizeof goal->missing, "%.64s is only %.32s yet", goal->which,
             level);
    return false;
}

static bool reached(struct goal *goal, const json_t *reply)
{
    if (strcmp(goal->what, "ready") == 0) {
        return true;
    }
    if (strcmp(goal->what, "connected") == 0) {
        return all_connected(goal, reply);
    }
    if (strcmp(goal->what, "digest") == 0) {
        return has_digest(goal, reply);
    }
    if (strcmp(goal->what, "record") == 0) {
        return has_record(goal, reply);
    }
    const char *custody = p2p_cli_text(reply, "custody");
    snprintf(goal->missing, sizeof goal->missing, "custody is %.64s",
             custody[0] != '\0' ? custody : "not there");
    return strcmp(custody, "ready") == 0;
}

int p2p_cli_wait_run(struct p2p_cli_call *call)
{
    struct goal goal = {
        .what = p2p_cli_argument(call, 0),
        .which = p2p_cli_argument(call, 1),
        .level = p2p_cli_value(call, "level", "local"),
    };
    bool record = strcmp(goal.what, "record") == 0;
    bool needs_which = record || strcmp(goal.what, "digest") == 0;
    if (needs_which != (goal.which != NULL)) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage",
                            needs_which
                                ? "wait needs to know which one"
                                : "wait takes a second word with digest and record only",
                            "write wait digest HEX or wait record ID");
    }
    char path[P2P_CLI_PATH_BYTES];
    if (!p2p_cli_path(path,
                      record                                ? "/v1/records/"
                      : strcmp(goal.what, "connected") == 0 ? "/v1/peers"
                                                            : "/v1/status",
                      record ? goal.which : "")) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "toolarge", "the ID is too long", "");
    }
    uint64_t seconds = p2p_cli_seconds(call, "timeout", WAIT_SECONDS);
    uint64_t until = p2p_cli_now_ms() + seconds * 1000;
    struct p2p_cli_session session;
    p2p_cli_session_of(&session, call);
    session.socket_only = true;
    int exit = P2P_CLI_UNDECIDED;
    for (bool done = false; !done;) {
        struct p2p_api_reply reply = {0};
        p2p_cli_session_get(&session, path, NULL, &reply);
        if (!p2p_cli_is_problem(&reply) && reached(&goal, reply.json)) {
            exit = P2P_CLI_YES;
            done = true;
            if (call->json) {
                p2p_cli_put_json(call->out, reply.json);
            }
        } else if (p2p_cli_is_problem(&reply)) {
            snprintf(goal.missing, sizeof goal.missing, "%s", p2p_cli_text(reply.json, "text"));
            /* What waiting cannot mend is told at once. */
            int code = p2p_api_exit_code(&reply);
            done = code == P2P_CLI_USAGE || code == P2P_CLI_DAMAGED;
            exit = done ? code : exit;
        }
        p2p_api_reply_deinit(&reply);
        if (!done && p2p_cli_now_ms() >= until) {
            break;
        }
        if (!done) {
            p2p_cli_pause_ms(PAUSE_MS);
        }
    }
    p2p_cli_session_deinit(&session);
    if (exit != P2P_CLI_YES) {
        char text[P2P_CLI_SENTENCE_BYTES];
        snprintf(text, sizeof text, "%.400s after %llu s", goal.missing,
                 (unsigned long long)seconds);
        p2p_cli_fail(call, exit, exit == P2P_CLI_UNDECIDED ? "timeout" : "usage",
                     exit == P2P_CLI_UNDECIDED ? text : goal.missing,
                     exit == P2P_CLI_UNDECIDED ? "wait longer with --timeout S" : NULL);
    }
    return exit;
}
