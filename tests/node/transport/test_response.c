/* Answers: whole, bounded while nobody reads them, and streams that run and end. */
#include "served.h"

#include <p2p/limits.h>

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
    CHECK(strcmp(answer->body,
                 "{\"title\":\"\\\"x\\\\y\\\"\\u000a has no gr\xc3\xa4nt\",\"status\":403,"
                 "\"code\":\"no-grant\",\"text\":\"\\\"x\\\\y\\\"\\u000a has no "
                 "gr\xc3\xa4nt\",\"hint\":\"ask a root\"}\n") == 0);
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

static uint64_t unread_bytes(const struct served *served)
{
    struct p2p_server_counts counts;
    p2p_server_counts_get(served->node.server, &counts);
    return counts.unread_bytes;
}

/* Broken if many who ask for much and read nothing could make us hold all of their answers,
 * each connection as much as it may; or if the socket were told to wait with them. */
static void test_backlogs_are_bounded(void **state)
{
    (void)state;
    enum { BODY_BYTES = 50 * 1024 * 1024, ANSWERS = 3 };
    struct served served;
    served_init(&served);
    served.node.holds = true;
    uint8_t *body = calloc(1, BODY_BYTES);
    CHECK(body != NULL);
    struct h2_client *readers[ANSWERS];
    for (unsigned i = 0; i < ANSWERS; i++) {
        readers[i] = h2_open(&served.world, served.people, true);
        h2_ask(readers[i], &(struct h2_request){.path = "/"});
        WORLD_UNTIL(&served.world, served.node.held_count == 1);
        served.node.held_count = 0;
        CHECK_OK(p2p_response_send(served.node.held[0], 200, NULL,
                                   (struct p2p_slice){body, BODY_BYTES}));
    }
    free(body);
    struct h2_client *another = h2_open(&served.world, served.people, false);
    struct h2_answer *answer = h2_ask(another, &(struct h2_request){.path = "/"});
    WORLD_UNTIL(&served.world, answer->done);
    CHECK(answer->status == 503);
    CHECK(served.node.refusals[P2P_REFUSAL_BACKLOG] == 1);
    struct h2_client *local = h2_open(&served.world, served.path, false);
    answer = h2_ask(local, &(struct h2_request){.path = "/"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    served.node.held_count = 0;
    CHECK_OK(p2p_response_send(served.node.held[0], 200, NULL, (struct p2p_slice){NULL, 0}));
    WORLD_UNTIL(&served.world, answer->done && answer->status == 200);
    h2_free(readers[0]); /* who is gone holds nothing */
    WORLD_UNTIL(&served.world, unread_bytes(&served) <= P2P_BACKLOGS_BYTES_MAX);
    answer = h2_ask(another, &(struct h2_request){.path = "/"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    CHECK_OK(p2p_response_send(served.node.held[0], 200, NULL, (struct p2p_slice){NULL, 0}));
    served.node.held_count = 0;
    WORLD_UNTIL(&served.world, answer->done && answer->status == 200);
    h2_free(readers[1]);
    h2_free(readers[2]);
    h2_free(another);
    h2_free(local);
    served_deinit(&served);
}

/* Streams. */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_answer),       cmocka_unit_test(test_problem_is_json),
        cmocka_unit_test(test_backlog_is_bounded), cmocka_unit_test(test_backlogs_are_bounded),
        cmocka_unit_test(test_event_stream),       cmocka_unit_test(test_slow_stream_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
