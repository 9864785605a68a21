#include "h2_client.h"
#include "net_world.h"

#include <p2p/limits.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <temp_dir.h>
#include <unistd.h>

/* One node that serves on a Unix socket and to people. */
struct served {
    struct world world;
    struct node node;
    struct temp_dir directory;
    char path[TEMP_PATH_BYTES];
    char people[64];
};

static void served_init(struct served *served)
{
    world_init(&served->world);
    node_init(&served->node, &served->world, 1);
    temp_dir_make(&served->directory);
    temp_path(&served->directory, "node.sock", served->path);
    node_listen_unix(&served->node, served->path);
    node_listen_people(&served->node);
    snprintf(served->people, sizeof served->people, "%s",
             p2p_server_address(served->node.server));
}

static void served_deinit(struct served *served)
{
    node_deinit(&served->node);
    CHECK(access(served->path, F_OK) != 0);
    temp_dir_remove(&served->directory);
    world_deinit(&served->world);
}

static uint32_t open_requests(struct served *served)
{
    struct p2p_server_counts counts;
    p2p_server_counts_get(served->node.server, &counts);
    return counts.open;
}

/* Requests. */

/* Broken if a request lost a part of itself, or if the handler could not tell the local user.
 */
static void test_requests_whole_on_both_listeners(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    const char *addresses[] = {served.path, served.people};
    for (int i = 0; i < 2; i++) {
        struct h2_client *client = h2_open(&served.world, addresses[i], false);
        struct h2_answer *get = h2_get(client, "/v1/bans?subject=imo:9179842&all=");
        CHECK(get->status == 200 && get->body_bytes == 0);
        CHECK(strcmp(served.node.last_method, "GET") == 0);
        CHECK(strcmp(served.node.last_path, "/v1/bans") == 0);
        CHECK(strcmp(served.node.last_query, "subject=imo:9179842&all=") == 0);
        CHECK(served.node.last_via_unix == (i == 0));
        struct h2_answer *post =
            h2_ask(client, &(struct h2_request){.path = "/v1/bans",
                                                .content_type = "application/json",
                                                .body = "{\"as\":\"beanr-pso\"}",
                                                .body_bytes = 18});
        WORLD_UNTIL(&served.world, post->done);
        CHECK(post->status == 200 && strcmp(post->body, "{\"as\":\"beanr-pso\"}") == 0);
        CHECK(strcmp(post->type, "application/json") == 0);
        CHECK(strcmp(served.node.last_type, "application/json") == 0);
        CHECK(strcmp(served.node.last_method, "POST") == 0);
        /* END_STREAM comes on HEADERS then, not on DATA. */
        struct h2_answer *trailed =
            h2_ask(client, &(struct h2_request){
                               .path = "/t", .body = "abc", .body_bytes = 3, .trailers = true});
        WORLD_UNTIL(&served.world, trailed->done);
        CHECK(trailed->status == 200 && strcmp(trailed->body, "abc") == 0);
        h2_free(client);
    }
    served_deinit(&served);
}

/* Broken if many requests at once mixed up their bodies or some never got an answer. */
static void test_many_at_once(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    struct h2_client *clients[4];
    char bodies[4][100][32];
    for (int c = 0; c < 4; c++) {
        clients[c] = h2_open(&served.world, c % 2 ? served.path : served.people, false);
        for (int i = 0; i < 100; i++) {
            snprintf(bodies[c][i], sizeof bodies[c][i], "body %d of %d", i, c);
            h2_ask(clients[c], &(struct h2_request){.path = "/echo",
                                                    .body = bodies[c][i],
                                                    .body_bytes = strlen(bodies[c][i])});
        }
    }
    for (int c = 0; c < 4; c++) {
        for (int i = 0; i < 100; i++) {
            WORLD_UNTIL(&served.world, clients[c]->answers[i].done);
            CHECK(strcmp(clients[c]->answers[i].body, bodies[c][i]) == 0);
        }
        h2_free(clients[c]);
    }
    CHECK(served.node.asked == 400);
    served_deinit(&served);
}

/* Broken if a large answer were cut or stalled. */
static void test_large_answer(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    static uint8_t body[5u * 1024 * 1024];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)(i * 13 >> 4);
    }
    struct h2_client *client = h2_open(&served.world, served.people, false);
    struct h2_answer *answer = h2_ask(client, &(struct h2_request){.path = "/big"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    served.node.held_count = 0;
    CHECK_OK(p2p_response_send(served.node.held[0], 200, "application/octet-stream",
                               (struct p2p_slice){body, sizeof body}));
    WORLD_UNTIL(&served.world, answer->done);
    CHECK(answer->body_bytes == sizeof body && memcmp(answer->body, body, sizeof body) == 0);

    struct h2_answer *head =
        h2_ask(client, &(struct h2_request){.path = "/x", .method = "HEAD"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    served.node.held_count = 0;
    CHECK_OK(p2p_response_send(served.node.held[0], 200, NULL, (struct p2p_slice){body, 10}));
    WORLD_UNTIL(&served.world, head->done);
    CHECK(head->status == 200 && head->body_bytes == 0);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if quotes or control characters of a sentence broke the JSON around it. */
static void test_problem_is_json(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct h2_client *client = h2_open(&served.world, served.path, false);
    struct h2_answer *answer = h2_ask(client, &(struct h2_request){.path = "/"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    served.node.held_count = 0;
    CHECK_OK(p2p_response_problem(served.node.held[0], 403, "no-grant",
                                  "\"x\\y\"\n has no gr\xc3\xa4nt", "ask a root"));
    WORLD_UNTIL(&served.world, answer->done);
    CHECK(answer->status == 403);
    CHECK(strcmp(answer->type, "application/problem+json") == 0);
    CHECK(strcmp(answer->body, "{\"code\":\"no-grant\",\"text\":\"\\\"x\\\\y\\\"\\u000a has no "
                               "gr\xc3\xa4nt\",\"hint\":\"ask a root\"}\n") == 0);
    h2_free(client);
    served_deinit(&served);
}

/* Bounds. */

/* Broken if a body beyond the bound reached the handler or memory, or ended more than its
 * request. */
static void test_body_too_large(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    static uint8_t body[P2P_REQUEST_BODY_BYTES_MAX + 1];
    struct h2_client *client = h2_open(&served.world, served.people, false);
    struct h2_answer *fits = h2_ask(
        client, &(struct h2_request){.path = "/", .body = body, .body_bytes = sizeof body - 1});
    WORLD_UNTIL(&served.world, fits->done);
    CHECK(fits->status == 200 && fits->body_bytes == sizeof body - 1);
    struct h2_answer *large = h2_ask(
        client, &(struct h2_request){.path = "/", .body = body, .body_bytes = sizeof body});
    WORLD_UNTIL(&served.world, large->done);
    CHECK(large->status == 413 && strstr(large->body, "body-too-large") != NULL);
    CHECK(strcmp(large->type, "application/problem+json") == 0);
    CHECK(served.node.refusals[P2P_REFUSAL_BODY_TOO_LARGE] == 1);
    CHECK(strstr(served.node.detail, "answered 413 to 127.0.0.1:") != NULL);
    CHECK(served.node.asked == 1);
    struct p2p_server_counts counts;
    p2p_server_counts_get(served.node.server, &counts);
    CHECK(counts.body_bytes == 0);
    CHECK(h2_get(client, "/after")->status == 200);
    h2_free(client);
    served_deinit(&served);
}

/* The sum of all WINDOW_UPDATEs of a stream so far. */
static size_t window_updates(const struct raw_client *client, uint8_t stream)
{
    size_t sum = 0;
    for (size_t at = 0; client->in_len - at >= 13;) {
        const uint8_t *head = client->in + at;
        if (head[3] == NGHTTP2_WINDOW_UPDATE && head[8] == stream) {
            sum += (size_t)head[9] << 24 | (size_t)head[10] << 16 | (size_t)head[11] << 8 |
                   head[12];
        }
        size_t len = 9 + ((size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2]);
        if (len > client->in_len - at) {
            break;
        }
        at += len;
    }
    return sum;
}

/* Broken if an upload without end or length got past its 413, or cost the client its answer. */
static void test_endless_upload(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    struct raw_options options = {.address = served.path, .tls = RAW_PLAIN};
    struct raw_client *client = raw_open(&served.world, &options);
    static const uint8_t part[16384];
    size_t sent = 0;
    raw_preface(client);
    raw_post(client, 1, "/v1/bans", false);
    struct p2p_slice headers = {0};
    struct p2p_slice reset = {0};
    while (raw_frames(client, NGHTTP2_RST_STREAM, &reset) == 0) {
        if (raw_all_sent(client)) {
            if (sent + sizeof part <= 65535 + window_updates(client, 1) &&
                sent + sizeof part <= 65535 + window_updates(client, 0)) {
                raw_frame(client, NGHTTP2_DATA, 0, 1, part, sizeof part);
                sent += sizeof part;
            }
        }
        world_turn(&served.world);
        CHECK(sent < 2 * P2P_REQUEST_DISCARD_BYTES_MAX);
        CHECK(raw_frames(client, NGHTTP2_HEADERS, &headers) <= 1);
    }
    CHECK(raw_frames(client, NGHTTP2_HEADERS, &headers) == 1 && headers.len > 0);
    CHECK(raw_frames(client, NGHTTP2_DATA, NULL) == 1);
    CHECK(reset.len == 4 && memcmp(reset.data, "\0\0\0\0", 4) == 0);
    CHECK(sent > P2P_REQUEST_DISCARD_BYTES_MAX && served.node.asked == 0);
    CHECK(served.node.refusals[P2P_REFUSAL_BODY_TOO_LARGE] == 1);
    served_deinit(&served);
}

/* Broken if a long path or field were cut short and judged as something else. */
static void test_long_paths_and_fields(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    static char path[P2P_REQUEST_PATH_BYTES_MAX + 2];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    struct h2_client *client = h2_open(&served.world, served.path, false);
    CHECK(h2_get(client, path)->status == 414);
    path[P2P_REQUEST_PATH_BYTES_MAX] = '\0';
    CHECK(h2_get(client, path)->status == 200);
    path[P2P_REQUEST_FIELD_BYTES_MAX + 1] = '\0';
    struct h2_answer *typed =
        h2_ask(client, &(struct h2_request){.path = "/", .content_type = path});
    WORLD_UNTIL(&served.world, typed->done);
    CHECK(typed->status == 431);
    CHECK(served.node.refusals[P2P_REFUSAL_BAD_REQUEST] == 2 && served.node.asked == 1);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if bodies of many honest requests could fill the memory, or if the bound never let go.
 */
static void test_bodies_are_bounded(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    static uint8_t body[P2P_REQUEST_BODY_BYTES_MAX];
    const unsigned fit = P2P_BODIES_BYTES_MAX / P2P_REQUEST_BODY_BYTES_MAX;
    struct h2_client *client = h2_open(&served.world, served.path, false);
    for (unsigned i = 0; i < fit; i++) {
        h2_ask(client,
               &(struct h2_request){.path = "/", .body = body, .body_bytes = sizeof body});
        WORLD_UNTIL(&served.world, served.node.held_count == i + 1);
    }
    struct h2_answer *late =
        h2_ask(client, &(struct h2_request){.path = "/", .body = "x", .body_bytes = 1});
    WORLD_UNTIL(&served.world, late->done);
    CHECK(late->status == 503 && strstr(late->body, "\"busy\"") != NULL);
    CHECK(served.node.refusals[P2P_REFUSAL_BODIES_FULL] == 1);
    struct p2p_request *one = served.node.held[--served.node.held_count];
    CHECK_OK(p2p_response_send(one, 204, NULL, (struct p2p_slice){NULL, 0}));
    WORLD_UNTIL(&served.world, client->answers[fit - 1].done);
    h2_ask(client, &(struct h2_request){.path = "/", .body = "x", .body_bytes = 1});
    WORLD_UNTIL(&served.world, served.node.held_count == fit);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if a request that HTTP/2 itself forbids were dropped without a count. */
static void test_malformed_requests_are_counted(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    struct raw_options options = {.address = served.path, .tls = RAW_PLAIN};
    struct raw_client *client = raw_open(&served.world, &options);
    raw_preface(client);
    /* GET without :path; an upper-case field name; a body longer than its content-length. */
    raw_frame(client, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
              "\x82\x86\x01\x01x", 5);
    raw_frame(client, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3,
              "\x82\x86\x84\x01\x01x\x40\x01X\x01y", 11);
    raw_frame(client, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 5,
              "\x83\x86\x84\x01\x01x\x0f\x0d\x01"
              "1",
              10); /* index 28: content-length */
    raw_frame(client, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 5, "abc", 3);
    raw_get(client, 7);
    WORLD_UNTIL(&served.world, raw_frames(client, NGHTTP2_RST_STREAM, NULL) == 3);
    WORLD_UNTIL(&served.world, served.node.asked == 1);
    CHECK(served.node.refusals[P2P_REFUSAL_BAD_REQUEST] == 3);
    CHECK(!client->closed);
    served_deinit(&served);
}

/* Broken if a request that never gets on could stay, or if waiting for our own handler counted.
 */
static void test_no_progress(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct node *nodes[] = {&served.node};
    struct h2_client *client = h2_open(&served.world, served.path, false);
    struct h2_answer *asked = h2_ask(client, &(struct h2_request){.path = "/slow-handler"});
    struct h2_answer *stuck = h2_ask(
        client,
        &(struct h2_request){.path = "/", .body = "part", .body_bytes = 4, .holds_end = true});
    WORLD_UNTIL(&served.world, served.node.held_count == 1 && stuck->out_at == 4);
    for (int i = 0; i < 50; i++) {
        world_turn(&served.world);
    }
    for (unsigned ms = 0; ms < P2P_NO_PROGRESS_MS; ms += 10000) {
        CHECK(!stuck->done);
        world_pass(&served.world, nodes, 1, 10000);
        for (int i = 0; i < 50; i++) {
            world_turn(&served.world); /* PINGs are answered */
        }
    }
    WORLD_UNTIL(&served.world, stuck->done);
    CHECK(stuck->code == NGHTTP2_CANCEL);
    CHECK(served.node.refusals[P2P_REFUSAL_NO_PROGRESS] == 1);
    CHECK(!asked->done);
    served.node.held_count = 0;
    p2p_response_send(served.node.held[0], 204, NULL, (struct p2p_slice){NULL, 0});
    WORLD_UNTIL(&served.world, asked->done);
    CHECK(asked->status == 204);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if someone who asks for much and reads nothing could make us hold all of the answers.
 */
static void test_backlog_is_bounded(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    static uint8_t body[1024 * 1024];
    struct h2_client *client = h2_open(&served.world, served.path, true);
    for (unsigned i = 0; i < 40; i++) {
        h2_ask(client, &(struct h2_request){.path = "/"});
        unsigned refused = served.node.refusals[P2P_REFUSAL_BACKLOG];
        WORLD_UNTIL(&served.world, served.node.held_count == 1 ||
                                       served.node.refusals[P2P_REFUSAL_BACKLOG] > refused);
        if (served.node.held_count == 1) {
            served.node.held_count = 0;
            CHECK_OK(p2p_response_send(served.node.held[0], 200, NULL,
                                       (struct p2p_slice){body, sizeof body}));
        }
    }
    CHECK(served.node.asked >= 16 && served.node.asked <= 18);
    CHECK(served.node.refusals[P2P_REFUSAL_BACKLOG] == 40 - served.node.asked);
    h2_free(client);
    served_deinit(&served);
}

/* Streams and cancelling. */

/* Broken if events did not come as written, came late, or the stream could not end. */
static void test_event_stream(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct h2_client *client = h2_open(&served.world, served.people, false);
    struct h2_answer *answer =
        h2_ask(client, &(struct h2_request){.path = "/v1/events?after=7"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    struct p2p_request *request = served.node.held[0];
    CHECK_OK(p2p_response_stream_begin(request, 200, "application/jsonl"));
    WORLD_UNTIL(&served.world, answer->status == 200 && served.node.stream_writables > 0);
    for (unsigned i = 1; i <= 20; i++) {
        CHECK_OK(p2p_response_stream_write(request, "event\n", 6));
        CHECK(p2p_response_stream_queued(request) == 6);
        WORLD_UNTIL(&served.world, answer->body_bytes == i * 6);
        CHECK(p2p_response_stream_queued(request) == 0);
    }
    CHECK(!answer->done);
    CHECK_OK(p2p_response_stream_write(request, "last\n", 5));
    p2p_response_stream_end(request);
    served.node.held_count = 0;
    WORLD_UNTIL(&served.world, answer->done);
    CHECK(answer->body_bytes == 125 && strcmp(answer->body + 120, "last\n") == 0);
    CHECK(served.node.cancelled == 0 && open_requests(&served) == 0);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if a reader that stops reading could hold more than its bound, or stayed uncounted. */
static void test_slow_stream_reader(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct h2_client *slow = h2_open(&served.world, served.people, true);
    struct h2_client *quick = h2_open(&served.world, served.people, false);
    struct h2_answer *stuck = h2_ask(slow, &(struct h2_request){.path = "/v1/events"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    struct h2_answer *flows = h2_ask(quick, &(struct h2_request){.path = "/v1/events"});
    WORLD_UNTIL(&served.world, served.node.held_count == 2);
    struct p2p_request *to_slow = served.node.held[0];
    struct p2p_request *to_quick = served.node.held[1];
    CHECK_OK(p2p_response_stream_begin(to_slow, 200, "application/jsonl"));
    CHECK_OK(p2p_response_stream_begin(to_quick, 200, "application/jsonl"));
    static uint8_t event[1000];
    size_t written = 0;
    enum p2p_err err = P2P_OK;
    while (!err) {
        CHECK_OK(p2p_response_stream_write(to_quick, event, sizeof event));
        err = p2p_response_stream_write(to_slow, event, sizeof event);
        written += sizeof event;
        WORLD_UNTIL(&served.world, flows->body_bytes == written);
    }
    CHECK_ERR(err, P2P_BUSY);
    /* What nghttp2's 64 KiB window let through, and the bound. */
    CHECK(written > P2P_RESPONSE_STREAM_BYTES_MAX &&
          written < P2P_RESPONSE_STREAM_BYTES_MAX + 70000);
    CHECK_ERR(p2p_response_stream_write(to_slow, event, 1), P2P_BUSY);
    CHECK(served.node.refusals[P2P_REFUSAL_SLOW_READER] == 1);
    WORLD_UNTIL(&served.world, served.node.cancelled == 1 && stuck->done);
    CHECK(stuck->code == NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK(served.node.held_count == 1 && served.node.held[0] == to_quick);
    p2p_response_stream_end(to_quick);
    served.node.held_count = 0;
    WORLD_UNTIL(&served.world, flows->done);
    h2_free(slow);
    h2_free(quick);
    served_deinit(&served);
}

/* Broken if a handler kept a request whose client is gone, or was told twice. */
static void test_cancelled_by_the_client(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct h2_client *client = h2_open(&served.world, served.people, false);
    struct h2_answer *one = h2_ask(client, &(struct h2_request){.path = "/1"});
    h2_ask(client, &(struct h2_request){.path = "/2"});
    h2_ask(client, &(struct h2_request){.path = "/v1/events"});
    WORLD_UNTIL(&served.world, served.node.held_count == 3);
    CHECK_OK(p2p_response_stream_begin(served.node.held[2], 200, NULL));
    CHECK_OK(p2p_response_stream_write(served.node.held[2], "x", 1));
    h2_cancel(client, one);
    WORLD_UNTIL(&served.world, served.node.cancelled == 1);
    CHECK(served.node.held_count == 2 && open_requests(&served) == 2);
    raw_close(client->raw); /* and then the whole client goes */
    WORLD_UNTIL(&served.world, served.node.cancelled == 3);
    CHECK(served.node.held_count == 0 && open_requests(&served) == 0);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if a client that goes at any moment left a request, a body or memory behind. */
static void test_client_vanishes_at_any_moment(void **state)
{
    (void)state;
    static uint8_t body[300000];
    for (int turns = 0; turns < 30; turns++) {
        struct served served;
        served_init(&served);
        served.node.holds = turns % 3 == 0;
        struct h2_client *client =
            h2_open(&served.world, turns % 2 ? served.people : served.path, turns % 5 == 0);
        for (int i = 0; i < 5; i++) {
            h2_ask(client,
                   &(struct h2_request){.path = "/", .body = body, .body_bytes = sizeof body});
        }
        for (int i = 0; i < turns; i++) {
            world_turn(&served.world);
        }
        raw_close(client->raw);
        struct p2p_server_counts counts;
        do {
            world_turn(&served.world);
            p2p_server_counts_get(served.node.server, &counts);
        } while (counts.connections > 0);
        CHECK(counts.open == 0 && counts.body_bytes == 0 && served.node.held_count == 0);
        h2_free(client);
        served_deinit(&served);
    }
}

/* Who is let in, and how it ends. */

/* Broken if others could open the socket, or a stale file kept a node from starting. */
static void test_unix_socket_file(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    struct stat found;
    CHECK(stat(served.path, &found) == 0 && S_ISSOCK(found.st_mode));
    CHECK((found.st_mode & 0777) == 0600);

    char other[TEMP_PATH_BYTES];
    char message[P2P_NET_MESSAGE_BYTES];
    struct node second;
    node_init(&second, &served.world, 2);
    temp_path(&served.directory, "stale.sock", other);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    CHECK(strlen(other) < sizeof to.sun_path);
    memcpy(to.sun_path, other, strlen(other));
    CHECK(bind(fd, (struct sockaddr *)&to, sizeof to) == 0);
    close(fd); /* killed: the file stays */
    node_listen_unix(&second, other);
    struct h2_client *client = h2_open(&served.world, other, false);
    CHECK(h2_get(client, "/")->status == 200);
    h2_free(client);
    node_deinit(&second);

    node_init(&second, &served.world, 2);
    temp_path(&served.directory, "precious", other);
    temp_write(other, "data", 4);
    CHECK_ERR(p2p_server_listen_unix(second.server, other, message), P2P_IO);
    CHECK(access(other, F_OK) == 0 && strstr(message, other) != NULL);
    char long_path[300];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    CHECK_ERR(p2p_server_listen_unix(second.server, long_path, message), P2P_USAGE);
    CHECK_ERR(p2p_server_listen_tls(second.server, served.node.people, served.people, message),
              P2P_IO);
    CHECK(strstr(message, "in use") != NULL && strstr(message, served.people) != NULL);
    node_deinit(&second);
    served_deinit(&served);
}

struct stranger {
    enum raw_tls tls;
    bool to_unix;
    const char *text;
    enum p2p_refusal reason;
};

/* Broken if anything but HTTP/2 got an answer, or was dropped in silence. */
static void test_strangers(void **state)
{
    (void)state;
    static const struct stranger strangers[] = {
        {RAW_TLS_1_2, false, "", P2P_REFUSAL_TLS_VERSION},
        {RAW_TLS_NO_ALPN, false, "GET / HTTP/1.1\r\n\r\n", P2P_REFUSAL_ALPN},
        {RAW_TLS_ALPN_HTTP1, false, "", P2P_REFUSAL_ALPN},
        {RAW_TLS, false, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, false, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, true, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, true, "PRI * HTTP/1.1\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, true, "{\"verb\":\"status\"}", P2P_REFUSAL_PROTOCOL_ERROR},
    };
    struct served served;
    served_init(&served);
    struct h2_client *client = h2_open(&served.world, served.people, false);
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const struct stranger *who = &strangers[i];
        struct raw_options options = {.address = who->to_unix ? served.path : served.people,
                                      .tls = who->tls};
        unsigned before = served.node.refusals[who->reason];
        struct raw_client *raw = raw_open(&served.world, &options);
        raw_text(raw, who->text);
        WORLD_UNTIL(&served.world, raw->closed);
        CHECK(served.node.refusals[who->reason] == before + 1);
        CHECK(strncmp(served.node.detail, "refused ", 8) == 0);
        if (who->reason == P2P_REFUSAL_HTTP1) {
            CHECK(raw->in_len > 0 && memcmp(raw->in, "HTTP/1.1 505", 12) == 0);
        }
        CHECK(h2_get(client, "/still")->status == 200);
    }
    h2_free(client);
    served_deinit(&served);
}

/* Broken if a stopping server lost an answer under way, or waited for streams that never end.
 */
static void test_graceful_close(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct node *nodes[] = {&served.node};
    struct h2_client *client = h2_open(&served.world, served.people, false);
    struct h2_answer *asked = h2_ask(client, &(struct h2_request){.path = "/1"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    struct h2_answer *events = h2_ask(client, &(struct h2_request){.path = "/v1/events"});
    WORLD_UNTIL(&served.world, served.node.held_count == 2);
    struct p2p_request *request = served.node.held[0];
    CHECK_OK(p2p_response_stream_begin(served.node.held[1], 200, NULL));
    CHECK_OK(p2p_response_stream_write(served.node.held[1], "event", 5));

    p2p_server_close(served.node.server, NULL, NULL);
    served.node.server = NULL;
    CHECK(served.node.cancelled == 1 && served.node.held_count == 1);
    WORLD_UNTIL(&served.world, events->done && client->goaway);
    CHECK(events->code == NGHTTP2_NO_ERROR && strcmp(events->body, "event") == 0);
    CHECK(!asked->done && !client->raw->closed);
    world_pass(&served.world, nodes, 1, P2P_TICK_MS);
    served.node.held_count = 0;
    CHECK_OK(p2p_response_send(request, 200, NULL, (struct p2p_slice){(uint8_t *)"ok", 2}));
    WORLD_UNTIL(&served.world, asked->done && client->raw->closed);
    CHECK(asked->status == 200 && strcmp(asked->body, "ok") == 0);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if a handler that never answers could keep a server from stopping. */
static void test_close_has_an_end(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct node *nodes[] = {&served.node};
    struct h2_client *client = h2_open(&served.world, served.path, false);
    h2_ask(client, &(struct h2_request){.path = "/"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    p2p_server_close(served.node.server, NULL, NULL);
    served.node.server = NULL;
    world_pass(&served.world, nodes, 1, P2P_DRAIN_MS_MAX);
    WORLD_UNTIL(&served.world, client->raw->closed);
    CHECK(served.node.cancelled == 1 && served.node.held_count == 0);
    h2_free(client);
    served_deinit(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_whole_on_both_listeners),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_large_answer),
        cmocka_unit_test(test_problem_is_json),
        cmocka_unit_test(test_body_too_large),
        cmocka_unit_test(test_endless_upload),
        cmocka_unit_test(test_long_paths_and_fields),
        cmocka_unit_test(test_bodies_are_bounded),
        cmocka_unit_test(test_malformed_requests_are_counted),
        cmocka_unit_test(test_no_progress),
        cmocka_unit_test(test_backlog_is_bounded),
        cmocka_unit_test(test_event_stream),
        cmocka_unit_test(test_slow_stream_reader),
        cmocka_unit_test(test_cancelled_by_the_client),
        cmocka_unit_test(test_client_vanishes_at_any_moment),
        cmocka_unit_test(test_unix_socket_file),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_graceful_close),
        cmocka_unit_test(test_close_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
