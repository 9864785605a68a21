#include "session.h"

#include "error.h"
#include "http.h"

#include <p2p/node.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One try for the lock; between two the socket is tried, for the holder may be a starting
 * daemon. */
#define LOCK_TRY_MS 200u

uint64_t p2p_cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void p2p_cli_pause_ms(uint32_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

void p2p_cli_session_init(struct p2p_cli_session *session, const char *dir,
                          const char *passphrase_file)
{
    *session = (struct p2p_cli_session){.dir = dir, .passphrase_file = passphrase_file};
}

void p2p_cli_session_deinit(struct p2p_cli_session *session)
{
    p2p_cli_http_close(session->http);
    if (session->node != NULL) {
        p2p_node_close(session->node);
    }
    *session = (struct p2p_cli_session){0};
}

/* True when the socket gave a reply, be it that it broke on the way. */
static bool call_socket(struct p2p_cli_session *session, const struct p2p_api_request *request,
                        struct p2p_api_reply *reply)
{
    if (session->http == NULL) {
        enum p2p_err err = p2p_cli_http_open(&session->http, session->dir);
        if (err == P2P_NOTFOUND) {
            p2p_cli_problem_reply(reply, 404, "notfound",
                                  "name a node's directory with -C DIR or $PORT2PORT_DIR",
                                  "there is no directory %s", session->dir);
            return true;
        }
        if (err != P2P_OK) {
            p2p_cli_problem_reply(reply, 503, p2p_err_name(err), "", "%s: %s", session->dir,
                                  p2p_err_text(err));
            return true;
        }
    }
    switch (p2p_cli_http_call(session->http, request, P2P_CLI_TIMEOUT_MS, reply)) {
    case P2P_CLI_HTTP_DONE:
        return true;
    case P2P_CLI_HTTP_ABSENT:
        return false;
    case P2P_CLI_HTTP_BROKEN:
        p2p_cli_problem_reply(
            reply, 503, "unreachable",
            "see whether it still runs (port2port status) and whether the work "
            "was done before doing it again",
            "the node in %s stopped answering: %s", session->dir,
            p2p_cli_http_why(session->http));
        return true;
    }
    return false;
}

/* True when the node is open here. False with P2P_LOCKED: try again; otherwise reply says why.
 */
static bool open_node(struct p2p_cli_session *session, enum p2p_err *err,
                      struct p2p_api_reply *reply)
{
    char message[P2P_MESSAGE_BYTES] = "";
    struct p2p_node_options options = {
        .dir = session->dir,
        .passphrase_file = session->passphrase_file,
        .lock_wait_ms = LOCK_TRY_MS,
    };
    *err = p2p_node_open(&session->node, &options, message);
    if (*err == P2P_OK) {
        return true;
    }
    session->node = NULL;
    /* What is malformed here is a config.yaml that somebody wrote, not a record. */
    int status = *err == P2P_MALFORMED ? 400 : p2p_cli_status_of(*err);
    p2p_cli_problem_reply(reply, status, p2p_err_name(*err), "", "%s",
                          message[0] != '\0' ? message : p2p_err_text(*err));
    return false;
}

void p2p_cli_session_call(struct p2p_cli_session *session,
                          const struct p2p_api_request *request, struct p2p_api_reply *reply)
{
    *reply = (struct p2p_api_reply){0};
    uint64_t until = p2p_cli_now_ms() + P2P_CLI_LOCK_MS;
    while (session->node == NULL) {
        if (call_socket(session, request, reply)) {
            return;
        }
        if (session->socket_only) {
            p2p_cli_problem_reply(reply, 503, "not-serving", "start it with port2port serve",
                                  "no node serves in %s", session->dir);
            return;
        }
        enum p2p_err err = P2P_OK;
        if (open_node(session, &err, reply)) {
            break;
        }
        if (err != P2P_LOCKED || p2p_cli_now_ms() >= until) {
            return;
        }
        p2p_api_reply_deinit(reply);
        *reply = (struct p2p_api_reply){0};
    }
    p2p_api_call(session->node, request, reply);
}

void p2p_cli_session_get(struct p2p_cli_session *session, const char *path, const char *query,
                         struct p2p_api_reply *reply)
{
    p2p_cli_session_call(
        session, &(struct p2p_api_request){.method = "GET", .path = path, .query = query},
        reply);
}
