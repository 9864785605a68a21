#include "double.h"

#include "node/cli/nouns.h"

#include <p2p/node_export.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 64

struct double_node double_node;
char *double_out, *double_err;

struct p2p_node {
    int unused;
};
static struct p2p_node the_node;

void double_reset(void)
{
    for (size_t i = 0; i < double_node.call_count; i++) {
        json_decref(double_node.calls[i].body);
    }
    memset(&double_node, 0, sizeof double_node);
    free(double_out);
    free(double_err);
    double_out = double_err = NULL;
}

enum p2p_err p2p_node_open(struct p2p_node **out, const struct p2p_node_options *options,
                           char message[P2P_MESSAGE_BYTES])
{
    (void)options;
    if (double_node.open_err != P2P_OK) {
        snprintf(message, P2P_MESSAGE_BYTES, "%s", double_node.open_message);
        return double_node.open_err;
    }
    double_node.opened++;
    *out = &the_node;
    return P2P_OK;
}

enum p2p_err p2p_node_make_store(void *context, const char *dir, const char *member,
                                 const struct p2p_charter *charter, char *message,
                                 size_t message_cap)
{
    (void)context, (void)dir, (void)member, (void)message, (void)message_cap;
    double_node.stores += charter != NULL;
    return P2P_OK;
}

enum p2p_err p2p_node_export(const struct p2p_node_export *what,
                             struct p2p_export_result *result, char message[P2P_MESSAGE_BYTES])
{
    (void)what, (void)message;
    *result = (struct p2p_export_result){.feeds = 0};
    return P2P_OK;
}

void p2p_node_close(struct p2p_node *node)
{
    double_node.closed += node != NULL;
}

int p2p_node_serve(struct p2p_node *node, void (*ready)(void *context, struct p2p_node *node),
                   void *context, char message[P2P_MESSAGE_BYTES])
{
    (void)message;
    ready(context, node);
    return 0;
}

void p2p_api_call(struct p2p_node *node, const struct p2p_api_request *request,
                  struct p2p_api_reply *reply)
{
    (void)node;
    if (double_node.call_count == DOUBLE_CALLS_MAX) {
        abort();
    }
    size_t n = double_node.call_count++;
    struct double_call *call = &double_node.calls[n];
    snprintf(call->method, sizeof call->method, "%s", request->method);
    snprintf(call->path, sizeof call->path, "%s", request->path);
    snprintf(call->query, sizeof call->query, "%s",
             request->query != NULL ? request->query : "");
    call->body = request->body != NULL ? json_deep_copy(request->body) : NULL;
    *reply = (struct p2p_api_reply){.status = 200};
    if (double_node.answer != NULL) {
        double_node.answer(request, n, reply);
        return;
    }
    reply->status = double_node.status != 0 ? double_node.status : 200;
    size_t last = double_node.reply_count - 1;
    reply->json = json_loads(double_node.replies[n < last ? n : last], 0, NULL);
}

void p2p_api_start(struct p2p_node *node, const struct p2p_api_request *request,
                   p2p_api_done done, void *context)
{
    struct p2p_api_reply reply;
    p2p_api_call(node, request, &reply);
    done(context, &reply);
}

void p2p_api_reply_deinit(struct p2p_api_reply *reply)
{
    json_decref(reply->json);
    free(reply->text);
    *reply = (struct p2p_api_reply){0};
}

int p2p_api_exit_code(const struct p2p_api_reply *reply)
{
    const char *answer = json_string_value(json_object_get(reply->json, "answer"));
    switch (reply->status) {
    case 200:
        if (answer == NULL || strcmp(answer, "allow") == 0) {
            return 0;
        }
        return strcmp(answer, "refuse") == 0 ? 1 : 3;
    case 400:
        return 2;
    case 403:
        return 1;
    case 422:
        return 4;
    default:
        return 3;
    }
}

int double_run(const char *words)
{
    char program[] = "port2port";
    char *argv[WORDS_MAX + 1] = {program};
    char *copy = strdup(words), *at = copy;
    int argc = 1;
    size_t out_len = 0, err_len = 0;
    while (*at != '\0' && argc < WORDS_MAX) {
        at += strspn(at, " ");
        char end = *at == '\'' ? '\'' : ' ';
        at += end == '\'';
        argv[argc++] = at;
        while (*at != '\0' && *at != end) {
            at++;
        }
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
    free(double_out);
    free(double_err);
    double_out = double_err = NULL;
    FILE *out = open_memstream(&double_out, &out_len);
    FILE *err = open_memstream(&double_err, &err_len);
    int exit = p2p_cli_main(argc, argv, out, err);
    fclose(out);
    fclose(err);
    free(copy);
    return exit;
}
