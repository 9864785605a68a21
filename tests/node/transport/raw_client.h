/* A client that does what it likes: raw bytes or raw HTTP/2 frames, over TCP or a Unix socket,
 * with whatever TLS a test wants to offer. It lives in a world and moves at each of its turns.
 */
#ifndef RAW_CLIENT_H
#define RAW_CLIENT_H

#include "net_world.h"

#include <openssl/ssl.h>

enum raw_tls {
    RAW_PLAIN,
    RAW_TLS,     /* 1.3, ALPN h2, no certificate unless a seed is given */
    RAW_TLS_1_2, /* at most 1.2 */
    RAW_TLS_NO_ALPN,
    RAW_TLS_ALPN_HTTP1,
};

struct raw_options {
    const char *address; /* "ip:tcp_port", or a path */
    const char *from;    /* local ip; NULL: any */
    enum raw_tls tls;
    const uint8_t *seed; /* of a peer's certificate; NULL: none */
    bool silent;         /* connects and does not even begin TLS */
};

struct raw_client {
    struct world *world;
    struct raw_client *next;
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    bool silent, open, closed; /* open: TLS is done; closed: by the other side, or broken */
    bool deaf;                 /* reads nothing */
    uint8_t *out;
    size_t out_len, out_at, out_cap;
    uint8_t *in;
    size_t in_len, in_cap;
    int alert;                                 /* received, or 0 */
    void (*pumped)(struct raw_client *client); /* after each turn; may be NULL */
    void *user;
};

struct raw_client *raw_open(struct world *world, const struct raw_options *options);
void raw_close(struct raw_client *client); /* abruptly */
void raw_send(struct raw_client *client, const void *data, size_t len);
void raw_text(struct raw_client *client, const char *text);
void raw_frame(struct raw_client *client, uint8_t type, uint8_t flags, uint32_t stream,
               const void *payload, uint32_t len);
/* The client preface and an empty SETTINGS. */
void raw_preface(struct raw_client *client);
/* HEADERS for "GET /" or "POST <path>" over literals; ends the block, and the stream if `end`.
 */
void raw_get(struct raw_client *client, uint32_t stream);
void raw_post(struct raw_client *client, uint32_t stream, const char *path, bool end);
/* How many whole frames of a type came so far; the payload of the last one through last. */
unsigned raw_frames(const struct raw_client *client, uint8_t type, struct p2p_slice *last);
bool raw_all_sent(const struct raw_client *client);

void raw_clients_pump(struct world *world);
void raw_clients_close(struct world *world);

#endif
