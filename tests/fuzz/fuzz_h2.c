/* What a stranger can send to the API server, without the socket: bytes into the server side of
 * an HTTP/2 session with the flood watch in front and the requests behind.
 *
 * The first byte chooses how the bytes are cut into reads, how fast the clock goes and whether
 * the client preface is put in front; the handler answers, streams or keeps requests by their
 * path's length. Whatever comes, nothing may be lost: each request is answered or cancelled
 * exactly once, all memory comes back, and the answers' bytes fit the buffer. */
#include "node/transport/request.h"

#include <p2p/assert.h>
#include <p2p/limits.h>

#include <string.h>

#define KEPT_MAX 64u

struct scene {
    struct p2p_h2 h2; /* first: found from HTTP/2's events */
    struct p2p_requests requests;
    struct p2p_desk desk;
    struct p2p_request *kept[KEPT_MAX];
    size_t kept_count;
    uint64_t asked;
};

static void on_wake(struct p2p_h2 *h2)
{
    (void)h2;
}

static struct p2p_requests *requests_of(struct p2p_h2 *h2)
{
    return &((struct scene *)h2)->requests;
}

static void on_begin(struct p2p_h2 *h2, int32_t stream)
{
    p2p_requests_begin(requests_of(h2), stream);
}

static void on_header(struct p2p_h2 *h2, int32_t stream, struct p2p_slice name,
                      struct p2p_slice value)
{
    p2p_requests_header(requests_of(h2), stream, name, value);
}

static void on_headers(struct p2p_h2 *h2, int32_t stream)
{
    p2p_requests_headers(requests_of(h2), stream);
}

static void on_data(struct p2p_h2 *h2, int32_t stream, const uint8_t *data, size_t len)
{
    p2p_requests_data(requests_of(h2), stream, data, len);
}

static void on_finished(struct p2p_h2 *h2, int32_t stream)
{
    p2p_requests_finished(requests_of(h2), stream);
}

static void on_sent_reset(struct p2p_h2 *h2, int32_t stream, uint32_t code)
{
    p2p_requests_sent_reset(requests_of(h2), stream, code);
}

static void on_closed(struct p2p_h2 *h2, int32_t stream, uint32_t code)
{
    (void)code;
    p2p_requests_closed(requests_of(h2), stream);
}

static const struct p2p_h2_user user = {.wake = on_wake,
                                        .begin = on_begin,
                                        .header = on_header,
                                        .headers = on_headers,
                                        .data = on_data,
                                        .finished = on_finished,
                                        .sent_reset = on_sent_reset,
                                        .closed = on_closed};

static void on_request(void *context, struct p2p_request *request)
{
    struct scene *scene = context;
    scene->asked++;
    /* All text is there, and ends. */
    size_t len = strlen(request->path) + strlen(request->query) +
                 strlen(request->content_type) + strlen(request->accept) +
                 strlen(request->authorization);
    p2p_assert(len <= P2P_REQUEST_PATH_BYTES_MAX + 3 * P2P_REQUEST_FIELD_BYTES_MAX);
    p2p_assert(request->body.len <= P2P_REQUEST_BODY_BYTES_MAX);
    switch (strlen(request->path) % 4) {
    case 0:
        (void)p2p_response_send(request, 200, "text/plain", request->body);
        return;
    case 1:
        (void)p2p_response_problem(request, 404, "not-found", request->path, request->query);
        return;
    case 2:
        if (p2p_response_stream_begin(request, 200, "text/plain") != P2P_OK) {
            break;
        }
        request->data = scene; /* marks a stream */
        (void)!p2p_response_stream_write(request, "event\n", 6);
        break;
    default:
        break;
    }
    if (scene->kept_count < KEPT_MAX) {
        scene->kept[scene->kept_count++] = request;
    }
}

static void on_cancel(void *context, struct p2p_request *request)
{
    struct scene *scene = context;
    for (size_t i = 0; i < scene->kept_count; i++) {
        if (scene->kept[i] == request) {
            scene->kept[i] = scene->kept[--scene->kept_count];
            return;
        }
    }
}

static void on_refuse(struct p2p_desk *desk, enum p2p_refusal reason, const char *verb,
                      const char *remote, const char *why)
{
    (void)desk;
    p2p_assert(reason < P2P_REFUSAL_COUNT && verb[0] && remote[0] && why[0]);
}

static void drain_frames(struct scene *scene)
{
    static uint8_t frames[P2P_STREAM_BUFFER_BYTES];
    size_t len = p2p_h2_fill(&scene->h2, frames, sizeof frames);
    p2p_assert(len <= sizeof frames);
    p2p_requests_settle(&scene->requests);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nghttp2_session_callbacks *callbacks;
    static nghttp2_mem mem;
    if (!callbacks) {
        callbacks = p2p_h2_callbacks();
        mem = p2p_h2_mem(p2p_alloc_default());
    }
    if (size < 1) {
        return 0;
    }
    uint8_t style = data[0];
    size_t step = style & 1 ? 1 + (style >> 4) : 16384;
    uint64_t pace_ms = style & 2 ? 400 : 0;
    uint64_t now_ms = 1000;
    static struct scene scene;
    memset(&scene, 0, sizeof scene);
    scene.desk = (struct p2p_desk){
        .alloc = p2p_alloc_default(),
        .user = {.on_request = on_request, .on_cancel = on_cancel, .user = &scene},
        .refuse = on_refuse};
    struct p2p_h2_options options = {.server = true,
                                     .window_bytes = P2P_SERVER_WINDOW_BYTES,
                                     .streams_max = P2P_STREAMS_PER_CONNECTION,
                                     .mem = &mem,
                                     .callbacks = callbacks,
                                     .user = &user};
    if (p2p_h2_init(&scene.h2, &options, now_ms) != P2P_OK) {
        return 0;
    }
    p2p_requests_init(&scene.requests, &scene.desk, &scene.h2, "127.0.0.1:1", false);
    scene.requests.now_ms = now_ms;
    if (style & 4) {
        p2p_h2_feed(&scene.h2, (const uint8_t *)NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN,
                    now_ms);
    }
    for (size_t at = 1; at < size && !scene.h2.failed; at += step) {
        size_t len = size - at < step ? size - at : step;
        p2p_h2_feed(&scene.h2, data + at, len, now_ms);
        drain_frames(&scene);
        if (pace_ms > 0) {
            now_ms += pace_ms;
            p2p_requests_tick(&scene.requests, now_ms);
        }
        if ((style & 8) && scene.kept_count > 0) {
            struct p2p_request *request = scene.kept[--scene.kept_count];
            if (request->data) {
                p2p_response_stream_end(request);
            } else {
                (void)p2p_response_send(request, 200, NULL, request->body);
            }
        }
    }
    if (!scene.h2.failed) {
        p2p_requests_drain(&scene.requests);
        p2p_h2_goodbye(&scene.h2, NGHTTP2_NO_ERROR, "done");
        drain_frames(&scene);
    }
    p2p_requests_end(&scene.requests);
    p2p_assert(scene.desk.counts.open == 0 && scene.desk.counts.body_bytes == 0);
    p2p_assert(scene.desk.counts.answers + scene.desk.counts.cancelled == scene.asked);
    p2p_h2_deinit(&scene.h2);
    p2p_desk_deinit(&scene.desk);
    return 0;
}
