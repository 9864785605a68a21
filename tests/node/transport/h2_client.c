#include "h2_client.h"

#include <stdlib.h>

static struct h2_answer *answer_of(struct h2_client *client, int32_t stream)
{
    for (unsigned i = 0; i < client->count; i++) {
        if (client->answers[i].stream == stream) {
            return &client->answers[i];
        }
    }
    CHECK(!"a stream that was asked");
    return NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    (void)session;
    (void)flags;
    struct h2_answer *answer = answer_of(user, frame->hd.stream_id);
    if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
        answer->status = (unsigned)strtoul((const char *)value, NULL, 10);
    } else if (name_len == 12 && memcmp(name, "content-type", 12) == 0) {
        CHECK(value_len < sizeof answer->type);
        memcpy(answer->type, value, value_len);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    (void)session;
    (void)flags;
    struct h2_answer *answer = answer_of(user, stream);
    answer->body = realloc(answer->body, answer->body_bytes + len + 1);
    CHECK(answer->body != NULL);
    memcpy(answer->body + answer->body_bytes, data, len);
    answer->body_bytes += len;
    answer->body[answer->body_bytes] = '\0';
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct h2_client *client = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->goaway = true;
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    (void)session;
    struct h2_answer *answer = answer_of(user, stream);
    answer->done = true;
    answer->code = code;
    return 0;
}

static void pumped(struct raw_client *raw)
{
    struct h2_client *client = raw->user;
    while (client->in_at < raw->in_len) {
        ssize_t n = nghttp2_session_mem_recv(client->session, raw->in + client->in_at,
                                             raw->in_len - client->in_at);
        CHECK(n > 0);
        client->in_at += (size_t)n;
    }
    const uint8_t *data = NULL;
    ssize_t n;
    /* No more than the socket may take soon: a body stays with nghttp2, where RST can end it.
     */
    while (raw->out_len - raw->out_at < 65536 &&
           (n = nghttp2_session_mem_send(client->session, &data)) > 0) {
        raw_send(raw, data, (size_t)n);
    }
}

struct h2_client *h2_open(struct world *world, const char *address, bool stingy)
{
    struct h2_client *client = calloc(1, sizeof *client);
    CHECK(client != NULL);
    client->stingy = stingy;
    struct raw_options options = {.address = address,
                                  .tls = strchr(address, '/') ? RAW_PLAIN : RAW_TLS};
    client->raw = raw_open(world, &options);
    client->raw->user = client;
    client->raw->pumped = pumped;

    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option_set_no_auto_window_update(option, stingy);
    CHECK(nghttp2_session_client_new2(&client->session, callbacks, client, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    CHECK(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0) == 0);
    return client;
}

void h2_free(struct h2_client *client)
{
    client->raw->pumped = NULL;
    raw_close(client->raw);
    nghttp2_session_del(client->session);
    for (unsigned i = 0; i < client->count; i++) {
        free(client->answers[i].body);
    }
    free(client);
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t on_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t cap,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)user;
    struct h2_answer *answer = source->ptr;
    size_t n = answer->out_bytes - answer->out_at;
    n = n < cap ? n : cap;
    if (n > 0) {
        memcpy(out, answer->out + answer->out_at, n);
    }
    answer->out_at += n;
    if (answer->out_at < answer->out_bytes) {
        return (ssize_t)n;
    }
    if (answer->holds_end) {
        return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (answer->code == UINT32_MAX) { /* marked: a trailer follows */
        nghttp2_nv trailer = field("x-trailer", "1");
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        CHECK(nghttp2_submit_trailer(session, stream, &trailer, 1) == 0);
    }
    return (ssize_t)n;
}

struct h2_answer *h2_ask(struct h2_client *client, const struct h2_request *request)
{
    CHECK(client->count < H2_ANSWERS_MAX);
    struct h2_answer *answer = &client->answers[client->count++];
    bool sends = request->body != NULL || request->holds_end;
    const char *method = request->method ? request->method : sends ? "POST" : "GET";
    nghttp2_nv fields[5] = {field(":method", method), field(":scheme", "http"),
                            field(":authority", "node"), field(":path", request->path)};
    size_t n = 4;
    if (request->content_type) {
        fields[n++] = field("content-type", request->content_type);
    }
    answer->out = request->body;
    answer->out_bytes = request->body_bytes;
    answer->holds_end = request->holds_end;
    answer->code = request->trailers ? UINT32_MAX : 0;
    nghttp2_data_provider provider = {.source.ptr = answer, .read_callback = on_body};
    answer->stream = nghttp2_submit_request(client->session, NULL, fields, n,
                                            sends ? &provider : NULL, NULL);
    CHECK(answer->stream > 0);
    return answer;
}

struct h2_answer *h2_get(struct h2_client *client, const char *path)
{
    struct h2_answer *answer = h2_ask(client, &(struct h2_request){.path = path});
    WORLD_UNTIL(client->raw->world, answer->done);
    return answer;
}

void h2_cancel(struct h2_client *client, struct h2_answer *answer)
{
    CHECK(nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, answer->stream,
                                    NGHTTP2_CANCEL) == 0);
}
