/* Replies of the API as answers of HTTP: type, entity tag, and the fields that a status has. */
#include "daemon.h"

#include <p2p/api.h>
#include <p2p/hash.h>
#include <p2p/server.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_BYTES = 16, TAG_TEXT_BYTES = 2 + P2P_HEX_BYTES(TAG_BYTES) };

/* What is read changes with the ledger: a copy may be kept, and is asked about each time. */
static const char ask_again[] = "private, no-cache";

static void add(struct p2p_response *response, const char *name, const char *value)
{
    size_t i = 0;
    while (i < P2P_RESPONSE_FIELDS_MAX && response->fields[i].name != NULL) {
        i++;
    }
    if (i < P2P_RESPONSE_FIELDS_MAX && value != NULL && value[0] != '\0') {
        response->fields[i] = (struct p2p_response_field){name, value};
    }
}

/* A strong tag: the bytes themselves (RFC 9110 section 8.8.3). */
static void tag_of(struct p2p_slice bytes, char out[TAG_TEXT_BYTES])
{
    char hex[P2P_HEX_BYTES(TAG_BYTES)];
    struct p2p_hash hash = p2p_sha256(bytes);
    p2p_hex_encode(hex, hash.bytes, TAG_BYTES);
    snprintf(out, TAG_TEXT_BYTES, "\"%s\"", hex);
}

/* Whether If-None-Match names the tag, or is `*`; weak ones compare alike there. */
static bool is_held(const char *if_none_match, const char *tag)
{
    return strcmp(if_none_match, "*") == 0 || strstr(if_none_match, tag) != NULL;
}

static void send_text(struct p2p_request *request, const struct p2p_api_reply *reply,
                      struct p2p_response *response)
{
    response->content_type = reply->text_type;
    response->cache_control = reply->text_cache;
    response->body = p2p_slice_of(reply->text, reply->text_len);
    p2p_response_send_with(request, response);
}

static void send_json(struct p2p_request *request, const struct p2p_api_reply *reply,
                      struct p2p_response *response)
{
    char tag[TAG_TEXT_BYTES];
    char *text = reply->json != NULL ? json_dumps(reply->json, JSON_COMPACT) : NULL;
    if (text == NULL) { /* an empty document would be an answer */
        p2p_response_problem(request, reply->status == 200 ? 503 : (unsigned)reply->status,
                             "no-memory", "there was no memory for the answer", NULL);
        return;
    }
    response->content_type =
        reply->status == 200 ? "application/json" : "application/problem+json";
    response->body = p2p_slice_text(text);
    if (reply->reads) {
        tag_of(response->body, tag);
        add(response, "etag", tag);
        response->cache_control = ask_again;
        if (is_held(request->if_none_match, tag)) {
            response->status = 304;
            response->content_type = NULL;
            response->body = (struct p2p_slice){0};
        }
    }
    p2p_response_send_with(request, response);
    free(text);
}

void p2p_answer_send(struct p2p_request *request, const struct p2p_api_reply *reply)
{
    struct p2p_response response = {.status = (unsigned)reply->status};
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
    add(&response, "allow", reply->allow);
    add(&response, "retry-after", reply->retry_after_s > 0 ? seconds : NULL);
    add(&response, "www-authenticate",
        reply->status == 401 ? "Bearer realm=\"port2port\"" : NULL);
    add(&response, "link", reply->link);
    if (reply->text != NULL) {
        send_text(request, reply, &response);
    } else {
        send_json(request, reply, &response);
    }
}
