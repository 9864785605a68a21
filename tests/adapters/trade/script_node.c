#include "script_node.h"

#include <p2p/bytes.h>
#include <p2p/net.h>
#include <p2p/server.h>

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define REQUESTS_MAX 16u

struct script_node {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    struct p2p_net *net;
    struct p2p_server *server;
    const struct script_line *lines;
    unsigned at;
    char *bodies[REQUESTS_MAX];
    bool wrong;
};

static bool same_json(const char *expected, const char *got)
{
    json_t *a = json_loads(expected, 0, NULL);
    json_t *b = json_loads(got, 0, NULL);
    bool same = a != NULL && b != NULL && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

static void on_request(void *user, struct p2p_request *request)
{
    struct script_node *node = user;
    const struct script_line *line = &node->lines[node->at];
    char asked[512];
    char *body = calloc(1, request->body.len + 1);
    if (request->body.len > 0) {
        memcpy(body, request->body.data, request->body.len);
    }
    snprintf(asked, sizeof asked, "%s %s%s%s", request->method, request->path,
             request->query[0] != '\0' ? "?" : "", request->query);
    if (line->asked == NULL || node->at == REQUESTS_MAX || strcmp(line->asked, asked) != 0 ||
        (line->body != NULL && !same_json(line->body, body))) {
        fprintf(stderr, "asked %s %s; the script has %s %s\n", asked, body,
                line->asked != NULL ? line->asked : "nothing more",
                line->body != NULL ? line->body : "");
        node->wrong = true;
        (void)p2p_response_problem(request, 500, "not-in-the-script", "no", NULL);
        free(body);
        return;
    }
    node->bodies[node->at++] = body;
    (void)p2p_response_send(request, line->status, "application/json",
                            p2p_slice_text(line->answer));
}

static void on_stop(uv_async_t *stop)
{
    struct script_node *node = stop->data;
    p2p_server_close(node->server, NULL, NULL);
    p2p_net_close(node->net, NULL, NULL);
    uv_close((uv_handle_t *)stop, NULL);
}

static void *run(void *context)
{
    struct script_node *node = context;
    uv_run(&node->loop, UV_RUN_DEFAULT);
    return NULL;
}

struct script_node *script_node_start(const char *path, const struct script_line *lines)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    struct script_node *node = calloc(1, sizeof *node);
    node->lines = lines;
    uv_loop_init(&node->loop);
    uv_async_init(&node->loop, &node->stop, on_stop);
    node->stop.data = node;
    struct p2p_net_options options = {.loop = &node->loop};
    struct p2p_server_user user = {.on_request = on_request, .user = node};
    if (p2p_net_open(&options, &node->net) != P2P_OK ||
        p2p_server_open(node->net, &user, &node->server) != P2P_OK ||
        p2p_server_listen_unix(node->server, path, message) != P2P_OK ||
        pthread_create(&node->thread, NULL, run, node) != 0) {
        fprintf(stderr, "no server: %s\n", message);
        return NULL;
    }
    return node;
}

const char *script_node_body(const struct script_node *node, unsigned n)
{
    return node->bodies[n];
}

bool script_node_stop(struct script_node *node)
{
    uv_async_send(&node->stop);
    pthread_join(node->thread, NULL);
    uv_loop_close(&node->loop);
    bool good = !node->wrong && node->lines[node->at].asked == NULL;
    if (!node->wrong && !good) {
        fprintf(stderr, "nobody asked %s\n", node->lines[node->at].asked);
    }
    for (unsigned i = 0; i < REQUESTS_MAX; i++) {
        free(node->bodies[i]);
    }
    free(node);
    return good;
}
