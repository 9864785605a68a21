/* federation status: asks every node of a directory and compares what they hold. */
#include "fleet.h"
#include "http.h"
#include "nouns.h"
#include "request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS     2000u
#define PAUSE_MS     50u
#define ASK_MS       2000u
#define DIGEST_SHOWN 12

static const char NATIONAL[] = "/national";

/* Replaces replies[i] by the present ones; NULL for a node that does not answer. */
static void ask_all(const struct p2p_cli_fleet *fleet, json_t **replies)
{
    for (size_t i = 0; i < fleet->count; i++) {
        struct p2p_cli_http *http = NULL;
        struct p2p_api_reply reply = {0};
        json_decref(replies[i]);
        replies[i] = NULL;
        if (p2p_cli_http_open(&http, fleet->members[i].dir) == P2P_OK &&
            p2p_cli_http_call(http,
                              &(struct p2p_api_request){.method = "GET", .path = "/v1/status"},
                              ASK_MS, &reply) == P2P_CLI_HTTP_DONE &&
            reply.status == 200) {
            replies[i] = json_incref(reply.json);
        }
        p2p_api_reply_deinit(&reply);
        p2p_cli_http_close(http);
    }
}

static bool is_national(const char *name)
{
    size_t len = strlen(name), tail = strlen(NATIONAL);
    return len >= tail && strcmp(name + len - tail, NATIONAL) == 0;
}

/* Every national digest of a is b's as well. */
static bool covers(const json_t *a, const json_t *b)
{
    const char *name = NULL;
    const json_t *digest = NULL;
    json_object_foreach(json_object_get(a, "digests"), name, digest)
    {
        if (is_national(name) &&
            !json_equal(digest, json_object_get(json_object_get(b, "digests"), name))) {
            return false;
        }
    }
    return true;
}

/* A national circle of which that node lacks payloads, or NULL: it has no state to compare. */
static const char *unfinished(const json_t *status)
{
    size_t index = 0;
    const json_t *circle = NULL;
    json_array_foreach(json_object_get(status, "circles"), index, circle)
    {
        const char *name = p2p_cli_text(circle, "circle");
        if (strcmp(name, NATIONAL + 1) == 0 &&
            json_is_false(json_object_get(circle, "complete"))) {
            return name;
        }
    }
    return NULL;
}

/* Whether all agree; otherwise why not. */
static bool agree(const struct p2p_cli_fleet *fleet, json_t *const *replies,
                  char why[P2P_CLI_SENTENCE_BYTES])
{
    for (size_t i = 0; i < fleet->count; i++) {
        const char *name = fleet->members[i].name, *first = fleet->members[0].name;
        if (replies[i] == NULL) {
            snprintf(why, P2P_CLI_SENTENCE_BYTES, "%s does not answer", name);
            return false;
        }
        const char *digest = p2p_cli_text(replies[i], "leaves_digest");
        if (digest[0] == '\0' ||
            strcmp(digest, p2p_cli_text(replies[0], "leaves_digest")) != 0) {
            snprintf(why, P2P_CLI_SENTENCE_BYTES, "%s and %s do not hold the same records",
                     first, name);
            return false;
        }
        const char *circle = unfinished(replies[i]);
        if (circle != NULL) {
            snprintf(why, P2P_CLI_SENTENCE_BYTES, "%s lacks payloads of circle %s", name,
                     circle);
            return false;
        }
        if (!covers(replies[0], replies[i]) || !covers(replies[i], replies[0])) {
            snprintf(why, P2P_CLI_SENTENCE_BYTES,
                     "%s and %s hold the same records and yet computed different states", first,
                     name);
            return false;
        }
    }
    return true;
}

/* Whether its member went on in the generation after it: then it is closed, and has no age. */
static bool is_followed(const json_t *feeds, const char *feed)
{
    char next[P2P_CLI_SENTENCE_BYTES];
    size_t index = 0;
    const json_t *item = NULL;
    const char *slash = strrchr(feed, '/');
    bool found = false;
    if (slash == NULL) {
        return false;
    }
    snprintf(next, sizeof next, "%.*s/%lu", (int)(slash - feed), feed,
             strtoul(slash + 1, NULL, 10) + 1);
    json_array_foreach(feeds, index, item)
    {
        found = found || strcmp(p2p_cli_text(item, "feed"), next) == 0;
    }
    return found;
}

/* How many sessions a node has, and the age of the feed it heard last. */
static void count_peers(const json_t *status, uint64_t *connected, uint64_t *total,
                        double *age_s)
{
    size_t index = 0;
    const json_t *item = NULL;
    *connected = *total = 0;
    *age_s = 0;
    json_array_foreach(json_object_get(status, "peers"), index, item)
    {
        (*total)++;
        *connected += strcmp(p2p_cli_text(item, "state"), "connected") == 0;
    }
    json_array_foreach(json_object_get(status, "feeds"), index, item)
    {
        double heard = json_number_value(json_object_get(item, "heard_s"));
        bool closed = is_followed(json_object_get(status, "feeds"), p2p_cli_text(item, "feed"));
        *age_s = heard > *age_s && !closed ? heard : *age_s;
    }
}

static void print_json(FILE *out, const char *name, const json_t *status)
{
    uint64_t connected = 0, total = 0;
    double age_s = 0;
    count_peers(status, &connected, &total, &age_s);
    json_t *line = json_pack("{s:s,s:b}", "member", name, "ready", status != NULL);
    if (line != NULL && status != NULL) {
        const json_t *store = json_object_get(status, "store");
        json_object_set_new(line, "records",
                            json_integer((json_int_t)p2p_cli_number(store, "records")));
        json_object_set_new(line, "connected", json_integer((json_int_t)connected));
        json_object_set_new(line, "peers", json_integer((json_int_t)total));
        json_object_set(line, "leaves_digest", json_object_get(status, "leaves_digest"));
        json_object_set(line, "digests", json_object_get(status, "digests"));
        json_object_set(line, "read_only", json_object_get(status, "read_only"));
        json_object_set_new(line, "age_s", json_real(age_s));
    }
    p2p_cli_put_json(out, line);
    json_decref(line);
}

static void add_row(struct p2p_cli_table *table, const char *name, const json_t *status)
{
    uint64_t connected = 0, total = 0;
    double age_s = 0;
    char number[P2P_CLI_SPAN_BYTES], peers[48], digest[DIGEST_SHOWN + 1],
        span[P2P_CLI_SPAN_BYTES];
    const char *read_only = p2p_cli_text(status, "read_only");
    count_peers(status, &connected, &total, &age_s);
    snprintf(peers, sizeof peers, "%" PRIu64 " of %" PRIu64, connected, total);
    snprintf(digest, sizeof digest, "%s", p2p_cli_text(status, "leaves_digest"));
    p2p_cli_cell_add(table, name, P2P_CLI_PLAIN);
    if (status == NULL) {
        p2p_cli_cell_add(table, "not running", P2P_CLI_BAD);
    } else {
        p2p_cli_cell_add(table, read_only[0] != '\0' ? read_only : "ready",
                         read_only[0] != '\0' ? P2P_CLI_DOUBT : P2P_CLI_GOOD);
    }
    const json_t *store = json_object_get(status, "store");
    p2p_cli_cell_add(
        table, status != NULL ? p2p_cli_count(number, p2p_cli_number(store, "records")) : "",
        P2P_CLI_PLAIN);
    p2p_cli_cell_add(table, status != NULL ? peers : "",
                     connected == total ? P2P_CLI_PLAIN : P2P_CLI_DOUBT);
    p2p_cli_cell_add(table, digest, P2P_CLI_PLAIN);
    p2p_cli_cell_add(table, status != NULL ? p2p_cli_span(span, age_s) : "", P2P_CLI_PLAIN);
}

static void print_table(FILE *out, const struct p2p_cli_fleet *fleet, json_t *const *replies)
{
    static const char *const heads[] = {"MEMBER", "STATE", "RECORDS>", "PEERS",
                                        "LEAVES", "AGE",   NULL};
    struct p2p_cli_style style = p2p_cli_style_of(out);
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    for (size_t i = 0; i < fleet->count; i++) {
        add_row(&table, fleet->members[i].name, replies[i]);
    }
    p2p_cli_table_print(&table, &style);
    p2p_cli_table_deinit(&table);
}

int p2p_cli_fleet_status_run(struct p2p_cli_call *call)
{
    json_t *replies[P2P_CLI_FLEET_MAX] = {NULL};
    char why[P2P_CLI_SENTENCE_BYTES] = "";
    struct p2p_cli_fleet fleet;
    int exit = p2p_cli_fleet_init(&fleet, call);
    if (exit == P2P_CLI_YES) {
        uint64_t until = p2p_cli_now_ms() + AGAIN_MS;
        bool equal = false;
        for (;;) {
            ask_all(&fleet, replies);
            equal = agree(&fleet, replies, why);
            if (equal || p2p_cli_now_ms() >= until) {
                break;
            }
            p2p_cli_pause_ms(PAUSE_MS);
        }
        for (size_t i = 0; call->json && i < fleet.count; i++) {
            print_json(call->out, fleet.members[i].name, replies[i]);
        }
        if (!call->json) {
            print_table(call->out, &fleet, replies);
        }
        if (equal && !call->json) {
            fputs("all hold the same\n", call->out);
        } else if (!equal) {
            exit = p2p_cli_fail(call, P2P_CLI_UNDECIDED, "unequal", why,
                                "port2port -C DIR/MEMBER status tells more");
        }
    }
    for (size_t i = 0; i < P2P_CLI_FLEET_MAX; i++) {
        json_decref(replies[i]);
    }
    p2p_cli_fleet_deinit(&fleet);
    return exit;
}
