#include "nouns.h"
#include "request.h"

#include <p2p/config.h>
#include <p2p/node.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct serve {
    struct p2p_cli_call *call;
    struct p2p_config config;
    char socket_path[P2P_PATH_BYTES_MAX];
};

/* The line, or with --json the object, that says that this node serves. */
static void say_ready(void *context, struct p2p_api_reply *reply)
{
    struct serve *serve = context;
    FILE *out = serve->call->out;
    const json_t *listen = json_object_get(reply->json, "listen"); /* what was really bound */
    const char *peers = p2p_cli_text(listen, "peers");
    const char *people = p2p_cli_text(listen, "people");
    const char *read_only = json_string_value(json_object_get(reply->json, "read_only"));
    peers = peers[0] != '\0' ? peers : serve->config.listen_peers;
    people = people[0] != '\0' ? people : serve->config.listen_people;
    if (serve->call->json) {
        json_t *line =
            json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s?}", "event", "ready", "member",
                      serve->config.member, "pid", (json_int_t)getpid(), "peers", peers,
                      "people", people, "socket", serve->socket_path, "read_only", read_only);
        p2p_cli_put_json(out, line);
        json_decref(line);
    } else {
        fprintf(out, "ready %s peers %s people %s socket %s\n", serve->config.member, peers,
                people, serve->socket_path);
        if (read_only != NULL) {
            fprintf(serve->call->err,
                    "This node appends nothing (%s): port2port status says why.\n", read_only);
        }
    }
    fflush(out);
    p2p_api_reply_deinit(reply);
}

static void on_ready(void *context, struct p2p_node *node)
{
    p2p_api_start(node, &(struct p2p_api_request){.method = "GET", .path = "/v1/status"},
                  say_ready, context);
}

int p2p_cli_serve_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES] = "";
    struct p2p_node *node = NULL;
    struct serve serve = {.call = call};
    struct p2p_node_options options = {
        .dir = call->dir,
        .passphrase_file = call->passphrase_file,
        .lock_wait_ms = P2P_CLI_LOCK_MS,
    };
    enum p2p_err err = p2p_config_read(&serve.config, call->dir, message, sizeof message);
    char *dir = realpath(call->dir, NULL);
    if (err == P2P_OK) {
        err = p2p_path_join(serve.socket_path, dir != NULL ? dir : call->dir, "node.sock");
    }
    if (err == P2P_OK) {
        err = p2p_node_open(&node, &options, message);
    }
    int exit = P2P_CLI_YES;
    if (err == P2P_MALFORMED) { /* config.yaml: what somebody wrote, not a record */
        exit = p2p_cli_fail(call, P2P_CLI_USAGE, p2p_err_name(err), message, NULL);
        goto out;
    }
    if (err != P2P_OK) {
        exit = p2p_cli_fail_err(call, err, message);
        goto out;
    }
    message[0] = '\0';
    exit = p2p_node_serve(node, on_ready, &serve, message);
    if (exit != P2P_CLI_YES) {
        p2p_cli_fail(call, exit, "serve",
                     message[0] != '\0' ? message : "the node stopped without saying why",
                     NULL);
    }
out:
    if (node != NULL) {
        p2p_node_close(node);
    }
    p2p_config_deinit(&serve.config);
    free(dir);
    return exit;
}
