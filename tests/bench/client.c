#include "client.h"

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MS = 60000 };

/* ---- nghttp2 ---- */

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
                       void *user)
{
    const struct client *client = user;
    (void)session;
    (void)flags;
    ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct client *client = user;
    (void)session;
    (void)frame;
    (void)flags;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0 && value_len == 3) {
        client->status = (unsigned)(value[0] - '0') * 100 + (unsigned)(value[1] - '0') * 10 +
                         (unsigned)(value[2] - '0');
    }
    return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
                    const uint8_t *data, size_t len, void *user)
{
    struct client *client = user;
    (void)session;
    (void)flags;
    (void)stream;
    if (len < CLIENT_BODY_BYTES_MAX - client->body_len) {
        memcpy(client->body + client->body_len, data, len);
        client->body_len += len;
        client->body[client->body_len] = '\0';
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    struct client *client = user;
    (void)session;
    (void)stream;
    (void)code;
    client->waiting = false;
    return 0;
}

static ssize_t on_read(nghttp2_session *session, int32_t stream, uint8_t *out, size_t len,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct client *client = user;
    size_t left = client->request_len - client->request_sent;
    size_t n = left < len ? left : len;
    (void)session;
    (void)stream;
    (void)source;
    memcpy(out, client->request + client->request_sent, n);
    client->request_sent += n;
    if (n == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static int session_new(struct client *client)
{
    nghttp2_session_callbacks *callbacks = NULL;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1024 * 1024}};
    int rc = nghttp2_session_callbacks_new(&callbacks);
    if (rc != 0) {
        return rc;
    }
    nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    rc = nghttp2_session_client_new(&client->session, callbacks, client);
    nghttp2_session_callbacks_del(callbacks);
    if (rc == 0) {
        rc = nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, settings, 1);
    }
    return rc;
}

/* ---- a connection ---- */

bool client_open(struct client *client, const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *client = (struct client){.fd = -1};
    if (strlen(socket_path) >= sizeof(address.sun_path)) {
        return bench_fail("the path of the socket is too long: %s", socket_path);
    }
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    client->body = malloc(CLIENT_BODY_BYTES_MAX + 1);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->body == NULL || client->fd < 0 ||
        connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0 || session_new(client) != 0) {
        client_close(client);
        return bench_fail("%s does not answer: %s", socket_path, strerror(errno));
    }
    return true;
}

void client_close(struct client *client)
{
    nghttp2_session_del(client->session);
    free(client->body);
    if (client->body != NULL && client->fd >= 0) {
        close(client->fd);
    }
    *client = (struct client){.fd = -1};
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

bool client_ask(struct client *client, const char *method, const char *path, const char *body,
                size_t body_len)
{
    const nghttp2_nv fields[] = {field(":method", method), field(":scheme", "http"),
                                 field(":authority", "localhost"), field(":path", path),
                                 field("content-type", "application/json")};
    nghttp2_data_provider provider = {.read_callback = on_read};
    if (body_len > sizeof(client->request)) {
        return false;
    }
    if (body_len > 0 && body != client->request) {
        memcpy(client->request, body, body_len);
    }
    client->request_len = body_len;
    client->request_sent = 0;
    client->body_len = 0;
    client->body[0] = '\0';
    client->status = 0;
    client->waiting = true;
    client->begun_s = bench_now_s();
    return nghttp2_submit_request(client->session, NULL, fields,
                                  sizeof(fields) / sizeof(fields[0]),
                                  body_len > 0 ? &provider : NULL, NULL) >= 0 &&
           nghttp2_session_send(client->session) == 0;
}

bool client_pump(struct client *client)
{
    uint8_t data[32 * 1024];
    ssize_t n = recv(client->fd, data, sizeof(data), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        return false;
    }
    if (n > 0 && nghttp2_session_mem_recv(client->session, data, (size_t)n) != n) {
        return false;
    }
    return nghttp2_session_send(client->session) == 0;
}

bool client_call(struct client *client, const char *method, const char *path, const char *body,
                 size_t body_len)
{
    if (!client_ask(client, method, path, body, body_len)) {
        return false;
    }
    while (client->waiting) {
        struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, ANSWER_MS) <= 0 || !client_pump(client)) {
            return false;
        }
    }
    return client->status != 0;
}
