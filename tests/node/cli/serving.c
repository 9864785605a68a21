#include "serving.h"

#include <p2p/bytes.h>
#include <p2p/net.h>
#include <p2p/server.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

struct serving {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    struct p2p_net *net;
    struct p2p_server *server;
    atomic_uint count;
};

static void reply(struct p2p_request *request, unsigned status, const char *json)
{
    (void)p2p_response_send(request, status, "application/json", p2p_slice_text(json));
}

static void on_request(void *user, struct p2p_request *request)
{
    struct serving *serving = user;
    atomic_fetch_add(&serving->count, 1);
    if (strcmp(request->path, "/v1/status") == 0) {
        reply(request, 200,
              "{\"member\":\"served\",\"leaves_digest\":\"aa\",\"custody\":\"ready\"}");
    } else if (strcmp(request->path, "/metrics") == 0) {
        (void)p2p_response_send(request, 200, "text/plain; version=0.0.4",
                                p2p_slice_text("p2p_up 1\n"));
    } else if (strcmp(request->method, "POST") == 0) {
        /* The echo: what was sent, and whether it said so. */
        char *text = NULL;
        size_t len = 0;
        FILE *memory = open_memstream(&text, &len);
        fprintf(memory, "{\"path\":\"%s\",\"type\":\"%s\",\"body\":%.*s}", request->path,
                request->content_type, (int)request->body.len,
                (const char *)request->body.data);
        fclose(memory);
        reply(request, 200, text);
        free(text);
    } else if (strcmp(request->path, "/v1/bans") == 0) {
        char text[256];
        snprintf(text, sizeof text, "{\"bans\":[{\"id\":\"q:%s\"}],\"next\":null}",
                 request->query);
        reply(request, 200, text);
    } else if (strcmp(request->path, "/v1/broken") == 0) {
        reply(request, 200, "no JSON");
    } else if (strcmp(request->path, "/v1/big") == 0) {
        size_t len = 3u << 20;
        char *text = malloc(len + 1);
        memset(text, ' ', len);
        text[0] = '[';
        text[len - 1] = ']';
        text[len] = '\0';
        reply(request, 200, text);
        free(text);
    } else if (strcmp(request->path, "/v1/events") == 0) {
        static const char lines[] = "{\"n\":1}\n\n{\"n\":2,\"kind\":\"ban\"}\n{\"n\"";
        if (p2p_response_stream_begin(request, 200, "application/x-ndjson") == P2P_OK &&
            p2p_response_stream_write(request, lines, sizeof lines - 1) == P2P_OK &&
            p2p_response_stream_write(request, ":3}\nrest", 8) == P2P_OK) {
            p2p_response_stream_end(request);
        }
    } else {
        (void)p2p_response_problem(request, 404, "notfound", "there is no such thing", "look");
    }
}

static void on_stop(uv_async_t *stop)
{
    struct serving *serving = stop->data;
    p2p_server_close(serving->server, NULL, NULL);
    p2p_net_close(serving->net, NULL, NULL);
    uv_close((uv_handle_t *)stop, NULL);
}

static void *run(void *context)
{
    struct serving *serving = context;
    uv_run(&serving->loop, UV_RUN_DEFAULT);
    return NULL;
}

struct serving *serving_start(void)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    struct serving *serving = calloc(1, sizeof *serving);
    uv_loop_init(&serving->loop);
    uv_async_init(&serving->loop, &serving->stop, on_stop);
    serving->stop.data = serving;
    struct p2p_net_options options = {.loop = &serving->loop};
    struct p2p_server_user user = {.on_request = on_request, .user = serving};
    if (p2p_net_open(&options, &serving->net) != P2P_OK ||
        p2p_server_open(serving->net, &user, &serving->server) != P2P_OK ||
        p2p_server_listen_unix(serving->server, "node.sock", message) != P2P_OK ||
        pthread_create(&serving->thread, NULL, run, serving) != 0) {
        fprintf(stderr, "no server: %s\n", message);
        return NULL;
    }
    return serving;
}

void serving_stop(struct serving *serving, bool leave)
{
    if (leave) {
        rename("node.sock", "kept.sock");
    }
    uv_async_send(&serving->stop);
    pthread_join(serving->thread, NULL);
    uv_loop_close(&serving->loop);
    free(serving);
    if (leave) {
        rename("kept.sock", "node.sock");
    }
}

unsigned serving_count(const struct serving *serving)
{
    return atomic_load(&serving->count);
}
