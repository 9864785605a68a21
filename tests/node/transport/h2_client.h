/* A well-behaved HTTP/2 client on a raw client: asks, and keeps what was answered. */
#ifndef H2_CLIENT_H
#define H2_CLIENT_H

#include "raw_client.h"

#include <nghttp2/nghttp2.h>

#define H2_ANSWERS_MAX 512

struct h2_answer {
    int32_t stream;
    unsigned status;
    char type[64];
    char *body; /* zero-terminated */
    size_t body_bytes;
    bool done; /* the stream is closed */
    uint32_t code;
    /* what is sent */
    const uint8_t *out;
    size_t out_bytes, out_at;
    bool holds_end; /* keeps the stream open after the body */
};

struct h2_client {
    struct raw_client *raw;
    nghttp2_session *session;
    size_t in_at;
    struct h2_answer answers[H2_ANSWERS_MAX];
    unsigned count;
    bool goaway;
    bool stingy; /* never opens a window again */
};

struct h2_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *path;
    const char *content_type;
    const void *body;
    size_t body_bytes;
    bool trailers;  /* ends with a trailer */
    bool holds_end; /* does not end */
};

struct h2_client *h2_open(struct world *world, const char *address, bool stingy);
void h2_free(struct h2_client *client);
struct h2_answer *h2_ask(struct h2_client *client, const struct h2_request *request);
/* Asks GET path and waits for the whole answer. */
struct h2_answer *h2_get(struct h2_client *client, const char *path);
void h2_cancel(struct h2_client *client, struct h2_answer *answer);

#endif
