/* Requests: whole at the handler, within their bounds, and gone with their client. */
#include "served.h"

#include <p2p/limits.h>

#include <stdio.h>

/* Whole. */

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

/* Cancelling. */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_whole_on_both_listeners),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_body_too_large),
        cmocka_unit_test(test_endless_upload),
        cmocka_unit_test(test_long_paths_and_fields),
        cmocka_unit_test(test_bodies_are_bounded),
        cmocka_unit_test(test_malformed_requests_are_counted),
        cmocka_unit_test(test_no_progress),
        cmocka_unit_test(test_cancelled_by_the_client),
        cmocka_unit_test(test_client_vanishes_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
