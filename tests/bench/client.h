/* A small HTTP/2 client for node.sock: one request at a time on a connection, and many
 * connections at once as a load. Blocking; one thread. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_BODY_BYTES_MAX (1024u * 1024u)
#define CLIENT_REQUEST_BYTES  4096u

struct nghttp2_session;

struct client {
    int fd;
    struct nghttp2_session *session;
    char request[CLIENT_REQUEST_BYTES];
    size_t request_len, request_sent;
    bool waiting; /* a request is under way */
    double begun_s;
    unsigned status; /* of the last answer; 0 while there is none */
    char *body;      /* of the last answer, zero-terminated */
    size_t body_len;
};

bool client_open(struct client *client, const char *socket_path);
void client_close(struct client *client); /* accepts a zeroed object */
/* Sends the request's first bytes; body (JSON, may be NULL) is copied. */
bool client_ask(struct client *client, const char *method, const char *path, const char *body,
                size_t body_len);
/* Reads and writes what is possible; false when the connection broke. */
bool client_pump(struct client *client);
/* Asks and waits for the answer. */
bool client_call(struct client *client, const char *method, const char *path, const char *body,
                 size_t body_len);

/* ---- load ---- */

#define LOAD_CONNECTIONS_MAX 256u

struct load {
    const char *socket_path;
    const char *path; /* POST */
    unsigned connections;
    double seconds;
    uint64_t count; /* of requests at most, where it is not 0 */
    /* Writes the body of request number n into out (CLIENT_REQUEST_BYTES); returns its length.
     */
    size_t (*make)(void *context, uint64_t n, char *out);
    /* Looks at what number n was answered with 200; false: that counts as refused. May be NULL.
     */
    bool (*answered)(void *context, uint64_t n, const char *body);
    void *context;
    uint64_t first; /* the first n */
};

struct load_result {
    uint64_t answered; /* with 200, and as was hoped for */
    uint64_t refused;  /* with anything else */
    double rate;       /* answered per second */
    double p50_ms, p99_ms;
    char refusal[256]; /* the last one's body */
};

/* Each connection has one request under way, for `seconds` or until all were asked. False when
 * it cannot be run. */
bool load_run(const struct load *load, struct load_result *result);

#endif
