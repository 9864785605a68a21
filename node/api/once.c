/* The same request asked again under its idempotency key: it is done once, and answered as it
 * was. What is kept, for how long and where: core/replies.h. */
#include "call.h"

#include "../core/replies.h"

#include <p2p/gate.h>

#include <stdlib.h>
#include <string.h>

/* What is asked: the same words in another order are the same. With the key, since the store
 * keeps this: without knowing that nobody can try out whose card a request named. */
static bool hash_request(const struct p2p_call *call, struct p2p_hash *out)
{
    char *body = json_dumps(call->body != NULL ? call->body : json_null(),
                            JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (body == NULL) {
        return false;
    }
    const char *query = call->query != NULL ? call->query : "";
    const struct p2p_slice parts[] = {p2p_slice_text(call->idempotency_key),
                                      p2p_slice_of("\0", 1),
                                      p2p_slice_text(call->path),
                                      p2p_slice_of("\0", 1),
                                      p2p_slice_text(query),
                                      p2p_slice_of("\0", 1),
                                      p2p_slice_text(body)};
    *out = p2p_sha256_many(parts, sizeof(parts) / sizeof(parts[0]));
    free(body);
    return true;
}

static enum p2p_err open_replies(struct p2p_node *node)
{
    struct p2p_replies *replies = NULL;
    enum p2p_err err = p2p_replies_open(&replies);
    if (err == P2P_OK) {
        err = p2p_replies_load(replies, node->kv, &node->now);
    }
    if (err != P2P_OK) {
        p2p_replies_close(replies);
        return err;
    }
    node->replies = replies;
    return P2P_OK;
}

/* What was appended may still wait for the level that is asked for. Which record that was is
 * not looked at: with all that this feed has by now it is there too. */
static void reply_kept(struct p2p_call *call, const struct p2p_node *node,
                       const struct p2p_kept_reply *kept)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, p2p_engine_own_feed(node->engine));
    json_t *reply = json_loads(p2p_kept_reply_text(kept), 0, NULL);
    if (json_object_get(reply, "level") != NULL && own != NULL && p2p_call_level(call)) {
        call->work.wait_size = own->edge.size;
    }
    p2p_call_reply(call, reply);
}

bool p2p_admit_once(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_hash request;
    struct p2p_kept_reply *kept = NULL;
    enum p2p_err err = P2P_OK;
    if (call->idempotency_key == NULL || call->kept_reply != NULL ||
        strcmp(call->method, "POST") != 0 || call->route->who == P2P_WHO_SOCKET ||
        call->route->who == P2P_WHO_ANYBODY) {
        return true;
    }
    err = node->replies == NULL ? open_replies(node) : P2P_OK;
    if (err == P2P_OK && !hash_request(call, &request)) {
        err = P2P_NOMEM;
    }
    if (err != P2P_OK) {
        p2p_call_err(call, err, "what was answered before cannot be looked up");
        return false;
    }
    switch (p2p_replies_begin(node->replies, call->caller, call->idempotency_key, &request,
                              node->now.mono_ms, &kept)) {
    case P2P_REPLIES_NEW:
        call->kept_reply = kept;
        return true;
    case P2P_REPLIES_KEPT:
        reply_kept(call, node, kept);
        return false;
    case P2P_REPLIES_RUNS:
        p2p_call_error(call, 409, "under-way", "ask again in a moment",
                       "a request with this idempotency key is under way");
        return false;
    case P2P_REPLIES_OTHER:
        p2p_call_error(call, 422, "key-reused", "use a new key for a new request",
                       "this idempotency key was used for another request");
        return false;
    case P2P_REPLIES_FULL:
        p2p_call_error(call, 503, "busy", "ask again in a moment",
                       "too many requests with idempotency keys are under way");
        return false;
    }
    return false;
}

/* Whether a reason's text quotes a ban, whose payload may be erased. */
static bool quotes(const char *code)
{
    static const enum p2p_gate_code codes[] = {P2P_GATE_BANNED, P2P_GATE_PARTIAL_MATCH,
                                               P2P_GATE_SUSPENDED, P2P_GATE_CLOCK};
    bool found = false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]) && code != NULL; i++) {
        found = found || strcmp(code, p2p_gate_code_word(codes[i])) == 0;
    }
    return found;
}

/* The reply as the store may have it: what it says of a request's words, or of a ban's, stays
 * in memory, since the store holds no text that may name a person. malloc'd; NULL: no memory.
 */
static char *row_of(const json_t *reply)
{
    json_t *copy = json_deep_copy(reply);
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(copy, "refused"), i, entry)
    {
        json_object_del(entry, "text");
        json_object_del(entry, "hint");
    }
    json_array_foreach(json_object_get(copy, "flags"), i, entry)
    {
        json_object_set_new(entry, "text", json_string("why is not kept over a restart"));
    }
    json_array_foreach(json_object_get(copy, "errors"), i, entry)
    {
        json_object_set_new(entry, "text", json_string("why is not kept over a restart"));
    }
    json_array_foreach(json_object_get(copy, "reasons"), i, entry)
    {
        if (quotes(json_string_value(json_object_get(entry, "code")))) {
            json_object_set_new(entry, "text", json_string("a ban"));
        }
    }
    char *text = copy == NULL ? NULL : json_dumps(copy, JSON_COMPACT);
    json_decref(copy);
    return text;
}

enum p2p_err p2p_admit_keep(struct p2p_call *call, struct p2p_node *node)
{
    enum p2p_err err = P2P_OK;
    if (call->kept_reply == NULL || !call->route->durable) {
        return P2P_OK;
    }
    /* Again once it is durable; now for what it will say. */
    (call->route->told != NULL ? call->route->told : call->route->finish)(call, node);
    if (call->reply.status == 200) {
        char *text = row_of(call->reply.json);
        err = text == NULL ? P2P_NOMEM
                           : p2p_replies_store(node->replies, call->kept_reply, text, node->kv,
                                               &node->now);
        free(text);
    }
    p2p_api_reply_deinit(&call->reply);
    call->work.done = false;
    return err;
}

void p2p_admit_end(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_kept_reply *kept = call->kept_reply;
    if (kept != NULL) {
        bool did = call->reply.status == 200 && call->reply.json != NULL;
        bool row = did && call->route->durable && !p2p_kept_reply_stored(kept);
        call->kept_reply = NULL;
        p2p_replies_end(node->replies, kept,
                        did ? json_dumps(call->reply.json, JSON_COMPACT) : NULL,
                        row ? row_of(call->reply.json) : NULL);
    }
}

void p2p_admit_forget(struct p2p_call *call, struct p2p_node *node)
{
    if (call->kept_reply != NULL) {
        p2p_replies_end(node->replies, call->kept_reply, NULL, NULL);
        call->kept_reply = NULL;
    }
}
