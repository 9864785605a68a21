/* Watchers: open /v1/events. On the socket a line of JSON for each event; for whoever accepts
 * text/event-stream, and on the people's listener always, Server-Sent Events (WHATWG HTML
 * section 9.2), whose id `<boot>-<n>` is what Last-Event-ID goes on from. What the ring has
 * lost in between, or a start of the node, is told as an event `gap`.
 *
 * Who watches from outside is asked about again every P2P_WATCH_AGAIN_MS, by the same question
 * that opened the stream: when it would be refused now, its certificate being over, its issuer
 * revoked or its token gone, the stream ends. */
#include "daemon.h"

#include <p2p/api.h>
#include <p2p/server.h>

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_AT_ONCE = 256, STREAM_HIGH_BYTES = 128 * 1024 };

static const char sse_type[] = "text/event-stream";

struct asked_again;

struct p2p_watch {
    struct p2p_request *request;
    struct asked_again *again; /* under way; NULL: none */
    uint64_t after;
    uint64_t wrote_ms;
    uint64_t asked_ms; /* when it was last known that it may watch */
    bool is_sse;
    bool lost; /* events of an earlier start, which it has not been told yet */
    struct p2p_watch *next;
};

/* How a feed stands, as in status; what is withheld of a circle. */
static void add_news(json_t *json, const struct p2p_event_entry *entry)
{
    if (entry->news == P2P_NEWS_WITHHELD) {
        json_object_set_new(json, "circle", json_string(entry->circle));
        json_object_set_new(json, "payloads", json_integer((json_int_t)entry->trace.value));
        return;
    }
    json_object_set_new(json, "size", json_integer((json_int_t)entry->trace.at));
    json_object_set_new(json, "witnessed", json_integer((json_int_t)entry->witnessed));
    json_object_set_new(json, "lag", json_integer((json_int_t)entry->trace.value));
    json_object_set_new(
        json, "heard_s",
        entry->heard_s == UINT64_MAX ? json_null() : json_integer((json_int_t)entry->heard_s));
    json_object_set_new(json, "state", json_string(entry->what));
}

static json_t *event_json(uint64_t boot, const struct p2p_event_entry *entry)
{
    const struct p2p_trace *trace = &entry->trace;
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:s, s:s, s:s}", "n", (json_int_t)entry->number, "boot",
                  (json_int_t)boot, "time_ms", (json_int_t)entry->time_ms, "event",
                  p2p_event_word(entry), "feed", entry->feed, "member", entry->member);
    if (entry->kind[0] != '\0') {
        json_object_set_new(json, "kind", json_string(entry->kind));
        json_object_set_new(
            json, "id", json_sprintf("%s:%llu", entry->feed, (unsigned long long)trace->at));
    }
    json_object_set_new(json, "at", json_integer((json_int_t)trace->at));
    json_object_set_new(json, "value", json_integer((json_int_t)trace->value));
    if (entry->news != P2P_NEWS_NONE) {
        add_news(json, entry);
        return json;
    }
    if (trace->type == P2P_TRACE_TAKEN) {
        json_object_set_new(json, "what", json_string(entry->what));
    }
    if (trace->type == P2P_TRACE_EVERYWHERE) {
        json_object_set_new(json, "ms", json_integer((json_int_t)trace->value));
        json_object_set_new(json, "what", json_string(entry->what));
        json_object_set_new(json, "had", json_integer((json_int_t)entry->had));
        json_object_set_new(json, "of", json_integer((json_int_t)entry->had));
        json_object_set_new(json, "slowest", json_string(entry->member));
    }
    if (trace->err != P2P_OK) {
        json_object_set_new(json, "error", json_string(p2p_err_name(trace->err)));
    }
    return json;
}

/* False when the stream was ended underneath: on_cancel follows and forgets the watch. */
static bool put(struct p2p_watch *watch, const char *text)
{
    watch->wrote_ms = p2p_daemon_mono_ms();
    return p2p_response_stream_write(watch->request, text, strlen(text)) == P2P_OK;
}

static bool put_event(struct p2p_watch *watch, uint64_t boot,
                      const struct p2p_event_entry *entry)
{
    char head[160];
    json_t *json = event_json(boot, entry);
    char *text = json_dumps(json, JSON_COMPACT);
    bool written = true;
    json_decref(json);
    if (text == NULL) {
        return true; /* no memory: the gap in the numbers shows it */
    }
    if (watch->is_sse) {
        snprintf(head, sizeof(head),
                 "id: %llu-%llu\nevent: %s\ndata: ", (unsigned long long)boot,
                 (unsigned long long)entry->number, p2p_event_word(entry));
        written = put(watch, head);
    }
    written = written && put(watch, text) && put(watch, watch->is_sse ? "\n\n" : "\n");
    free(text);
    return written;
}

/* An SSE watcher went on from a number behind which the ring has lost some, or from one of an
 * earlier start. */
static bool put_gap(struct p2p_watch *watch, uint64_t first)
{
    char text[128];
    bool lost = watch->lost || (watch->after != 0 && first > watch->after + 1);
    watch->lost = false;
    if (!watch->is_sse || !lost) {
        return true;
    }
    snprintf(text, sizeof(text), "event: gap\ndata: {\"after\":%llu,\"next\":%llu}\n\n",
             (unsigned long long)watch->after, (unsigned long long)first);
    return put(watch, text);
}

/* Writes what has happened since. */
static void pump(struct p2p_daemon *daemon, struct p2p_watch *watch)
{
    const struct p2p_node *node = daemon->node;
    struct p2p_event_entry *entries = malloc(EVENTS_AT_ONCE * sizeof(*entries));
    size_t count = 1;
    bool lives = entries != NULL;
    while (lives && count > 0 &&
           p2p_response_stream_queued(watch->request) < STREAM_HIGH_BYTES) {
        count = p2p_events_after(node->events, watch->after, entries, EVENTS_AT_ONCE);
        lives = count == 0 || put_gap(watch, entries[0].number);
        for (size_t i = 0; i < count && lives; i++) {
            watch->after = entries[i].number;
            lives = put_event(watch, node->boot, &entries[i]);
        }
    }
    free(entries);
}

void p2p_watch_pump(struct p2p_daemon *daemon)
{
    struct p2p_watch *watch = daemon->watches;
    while (watch != NULL) {
        struct p2p_watch *next = watch->next;
        pump(daemon, watch);
        watch = next;
    }
}

/* ---- whether it still may ---- */

/* Outlives the watch where that ends first. */
struct asked_again {
    struct p2p_daemon *daemon;
    struct p2p_watch *watch; /* NULL: it is gone */
};

static void answered_again(void *context, struct p2p_api_reply *reply)
{
    struct asked_again *again = context;
    if (again->watch != NULL) {
        struct p2p_request *request = again->watch->request;
        again->watch->again = NULL;
        if (reply->status == 401 || reply->status == 403) {
            p2p_watch_forget(again->daemon, request);
            p2p_response_stream_end(request);
        }
    }
    free(again);
}

/* What cannot be asked now is asked at the next tick. */
static void ask_again(struct p2p_daemon *daemon, struct p2p_watch *watch, uint64_t now_ms)
{
    const struct p2p_request *request = watch->request;
    const struct p2p_api_caller caller = {.party = request->party,
                                          .authorization = request->authorization};
    const struct p2p_api_request asked = {
        .method = "GET", .path = "/v1/events", .caller = &caller};
    struct asked_again *again = calloc(1, sizeof(*again));
    struct p2p_call *call = NULL;
    if (again != NULL) {
        *again = (struct asked_again){.daemon = daemon, .watch = watch};
        call = p2p_api_new(&asked, answered_again, again);
    }
    if (call == NULL) {
        free(again);
        return;
    }
    watch->asked_ms = now_ms;
    watch->again = again;
    p2p_api_queue(call, daemon->node);
}

void p2p_watch_tick(struct p2p_daemon *daemon)
{
    uint64_t now_ms = p2p_daemon_mono_ms();
    struct p2p_watch *watch = daemon->watches;
    while (watch != NULL) {
        struct p2p_watch *next = watch->next;
        if (!watch->request->via_unix && watch->again == NULL &&
            now_ms - watch->asked_ms >= P2P_WATCH_AGAIN_MS) {
            ask_again(daemon, watch, now_ms);
        }
        watch = next;
    }
    watch = daemon->watches;
    while (watch != NULL) {
        struct p2p_watch *next = watch->next;
        if (watch->is_sse && now_ms - watch->wrote_ms >= P2P_ALIVE_MS &&
            p2p_response_stream_queued(watch->request) == 0) {
            put(watch, ": alive\n\n");
        }
        watch = next;
    }
}

void p2p_watch_start(struct p2p_daemon *daemon, struct p2p_request *request, uint64_t after,
                     bool lost)
{
    size_t room = P2P_WATCHES_MAX - (request->via_unix ? 0 : P2P_WATCHES_KEPT);
    if (strcmp(request->method, "HEAD") == 0) {
        p2p_response_send(request, 200, sse_type, (struct p2p_slice){0});
        return;
    }
    struct p2p_watch *watch = daemon->watch_count < room ? calloc(1, sizeof(*watch)) : NULL;
    if (watch == NULL) {
        p2p_response_problem(request, 503, "busy", "too many watch this node already",
                             "try again later");
        return;
    }
    watch->request = request;
    watch->asked_ms = p2p_daemon_mono_ms();
    watch->after = after;
    watch->lost = lost;
    watch->is_sse = !request->via_unix || strstr(request->accept, sse_type) != NULL;
    watch->next = daemon->watches;
    daemon->watches = watch;
    daemon->watch_count++;
    if (p2p_response_stream_begin(
            request, 200, watch->is_sse ? sse_type : "application/x-ndjson") == P2P_OK &&
        (!watch->is_sse || put(watch, "retry: 1000\n\n"))) {
        pump(daemon, watch);
    }
}

void p2p_watch_go_on(struct p2p_daemon *daemon, struct p2p_request *request)
{
    for (struct p2p_watch *watch = daemon->watches; watch != NULL; watch = watch->next) {
        if (watch->request == request) {
            pump(daemon, watch);
            return;
        }
    }
}

void p2p_watch_forget(struct p2p_daemon *daemon, const struct p2p_request *request)
{
    for (struct p2p_watch **at = &daemon->watches; *at != NULL; at = &(*at)->next) {
        if ((*at)->request == request) {
            struct p2p_watch *gone = *at;
            *at = gone->next;
            daemon->watch_count--;
            if (gone->again != NULL) {
                gone->again->watch = NULL;
            }
            free(gone);
            return;
        }
    }
}
