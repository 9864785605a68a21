#include "raw_client.h"

#include <certificate.h>
#include <h2.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define IN_BYTES_MAX (64u * 1024u * 1024u)

static int any_certificate(X509_STORE_CTX *store, void *arg)
{
    (void)store;
    (void)arg;
    return 1;
}

static SSL_CTX *context(const struct raw_options *options)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    CHECK(ctx != NULL);
    SSL_CTX_set_cert_verify_callback(ctx, any_certificate, NULL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    if (options->tls == RAW_TLS_1_2) {
        CHECK(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1);
    }
    if (options->tls == RAW_TLS || options->tls == RAW_TLS_1_2) {
        CHECK(SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)"\x02h2", 3) == 0);
    } else if (options->tls == RAW_TLS_ALPN_HTTP1) {
        CHECK(SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)"\x08http/1.1", 9) == 0);
    }
    if (options->seed) {
        X509 *certificate = NULL;
        EVP_PKEY *key = NULL;
        CHECK_OK(p2p_certificate_of_seed(options->seed, &certificate, &key));
        CHECK(SSL_CTX_use_certificate(ctx, certificate) == 1);
        CHECK(SSL_CTX_use_PrivateKey(ctx, key) == 1);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    return ctx;
}

static int connect_tcp(const struct raw_options *options)
{
    struct sockaddr_storage to, from;
    int on = 1;
    CHECK_OK(p2p_address_parse(options->address, &to));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (options->from) {
        CHECK_OK(p2p_address_parse_ip(options->from, &from));
        CHECK(bind(fd, (struct sockaddr *)&from, sizeof(struct sockaddr_in)) == 0);
    }
    /* Blocking, but only until the kernel's queue has it. */
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof(struct sockaddr_in)) == 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    CHECK(strlen(path) < sizeof to.sun_path);
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

struct raw_client *raw_open(struct world *world, const struct raw_options *options)
{
    struct raw_client *client = calloc(1, sizeof *client);
    CHECK(client != NULL);
    client->world = world;
    client->silent = options->silent;
    client->fd =
        strchr(options->address, '/') ? connect_unix(options->address) : connect_tcp(options);
    CHECK(fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0);
    if (options->tls != RAW_PLAIN) {
        client->ctx = context(options);
        client->ssl = SSL_new(client->ctx);
        CHECK(client->ssl != NULL && SSL_set_fd(client->ssl, client->fd) == 1);
        SSL_set_mode(client->ssl,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_set_connect_state(client->ssl);
    } else {
        client->open = true;
    }
    client->next = world->clients;
    world->clients = client;
    return client;
}

void raw_close(struct raw_client *client)
{
    if (client->fd >= 0) {
        SSL_free(client->ssl);
        SSL_CTX_free(client->ctx);
        close(client->fd);
        client->ssl = NULL;
        client->ctx = NULL;
        client->fd = -1;
        client->closed = true;
    }
}

void raw_clients_close(struct world *world)
{
    while (world->clients) {
        struct raw_client *client = world->clients;
        world->clients = client->next;
        raw_close(client);
        free(client->in);
        free(client->out);
        free(client);
    }
}

static void append(uint8_t **bytes, size_t *len, size_t *cap, const void *data, size_t n)
{
    if (*len + n > *cap) {
        *cap = (*len + n) * 2;
        *bytes = realloc(*bytes, *cap);
        CHECK(*bytes != NULL);
    }
    if (n > 0) {
        memcpy(*bytes + *len, data, n);
    }
    *len += n;
}

void raw_send(struct raw_client *client, const void *data, size_t len)
{
    append(&client->out, &client->out_len, &client->out_cap, data, len);
}

void raw_text(struct raw_client *client, const char *text)
{
    raw_send(client, text, strlen(text));
}

void raw_frame(struct raw_client *client, uint8_t type, uint8_t flags, uint32_t stream,
               const void *payload, uint32_t len)
{
    uint8_t head[9] = {(uint8_t)(len >> 16),
                       (uint8_t)(len >> 8),
                       (uint8_t)len,
                       type,
                       flags,
                       (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16),
                       (uint8_t)(stream >> 8),
                       (uint8_t)stream};
    raw_send(client, head, sizeof head);
    raw_send(client, payload, len);
}

void raw_preface(struct raw_client *client)
{
    raw_text(client, NGHTTP2_CLIENT_MAGIC);
    raw_frame(client, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

void raw_get(struct raw_client *client, uint32_t stream)
{
    /* Static table: GET, https, "/"; then a literal ":authority: x" (RFC 7541 appendix A). */
    static const uint8_t block[] = {0x82, 0x87, 0x84, 0x01, 0x01, 'x'};
    raw_frame(client, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
              stream, block, sizeof block);
}

void raw_post(struct raw_client *client, uint32_t stream, const char *path, bool end)
{
    uint8_t block[256] = {0x83, 0x87, 0x01, 0x01, 'x', 0x04};
    size_t len = strlen(path);
    CHECK(len < 127);
    block[6] = (uint8_t)len;
    memcpy(block + 7, path, len);
    raw_frame(client, NGHTTP2_HEADERS,
              NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0), stream, block,
              (uint32_t)(7 + len));
}

unsigned raw_frames(const struct raw_client *client, uint8_t type, struct p2p_slice *last)
{
    unsigned count = 0;
    size_t at = 0;
    while (client->in_len - at >= 9) {
        const uint8_t *head = client->in + at;
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (client->in_len - at - 9 < len) {
            break;
        }
        if (head[3] == type) {
            count++;
            if (last) {
                *last = (struct p2p_slice){head + 9, len};
            }
        }
        at += 9 + len;
    }
    return count;
}

bool raw_all_sent(const struct raw_client *client)
{
    return client->out_at == client->out_len;
}

/* Moving. */

static void note_error(struct raw_client *client, int result)
{
    int kind = SSL_get_error(client->ssl, result);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        return;
    }
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (kind == SSL_ERROR_SSL && reason > SSL_AD_REASON_OFFSET) {
        client->alert = reason - SSL_AD_REASON_OFFSET;
    }
    client->closed = true;
}

static void pump_out(struct raw_client *client)
{
    while (!client->closed && client->out_at < client->out_len) {
        const uint8_t *data = client->out + client->out_at;
        size_t len = client->out_len - client->out_at;
        if (client->ssl) {
            size_t n = 0;
            ERR_clear_error();
            int result = SSL_write_ex(client->ssl, data, len, &n);
            if (result != 1) {
                /* A write that fails may still leave an alert to be read. */
                if (SSL_get_error(client->ssl, result) != SSL_ERROR_WANT_WRITE &&
                    SSL_get_error(client->ssl, result) != SSL_ERROR_WANT_READ) {
                    client->out_at = client->out_len;
                }
                return;
            }
            client->out_at += n;
        } else {
            ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);
            if (n < 0) {
                if (errno != EAGAIN) {
                    client->out_at = client->out_len;
                }
                return;
            }
            client->out_at += (size_t)n;
        }
    }
    if (client->out_at == client->out_len) {
        client->out_at = client->out_len = 0;
    }
}

static void pump_in(struct raw_client *client)
{
    uint8_t buffer[16384];
    while (!client->closed && !client->deaf) {
        size_t n = 0;
        if (client->ssl) {
            ERR_clear_error();
            int result = SSL_read_ex(client->ssl, buffer, sizeof buffer, &n);
            if (result != 1) {
                note_error(client, result);
                return;
            }
        } else {
            ssize_t got = recv(client->fd, buffer, sizeof buffer, 0);
            if (got < 0 && errno == EAGAIN) {
                return;
            }
            if (got <= 0) {
                client->closed = true;
                return;
            }
            n = (size_t)got;
        }
        CHECK(client->in_len + n < IN_BYTES_MAX);
        append(&client->in, &client->in_len, &client->in_cap, buffer, n);
    }
}

static void pump(struct raw_client *client)
{
    if (client->closed || client->silent) {
        uint8_t byte;
        if (!client->closed && recv(client->fd, &byte, 1, 0) == 0) {
            client->closed = true;
        }
        return;
    }
    if (!client->open) {
        ERR_clear_error();
        int result = SSL_do_handshake(client->ssl);
        if (result != 1) {
            note_error(client, result);
            return;
        }
        client->open = true;
    }
    pump_out(client);
    pump_in(client);
}

void raw_clients_pump(struct world *world)
{
    for (struct raw_client *client = world->clients; client; client = client->next) {
        if (client->fd >= 0) {
            pump(client);
        }
        if (client->pumped) {
            client->pumped(client);
        }
    }
}
