/* One HTTP/2 connection: bytes in, bytes out, and events about streams in between. No socket.
 *
 * It owns the nghttp2 session, checks the client preface itself (to tell HTTP/1.1 by name),
 * lets the flood watch see every byte before nghttp2 does, and coalesces frames into the
 * caller's buffer. A violation marks the connection *failed*, once, with a reason and a
 * sentence; from then on no event comes, and only goodbye, fill and deinit mean anything. Users
 * submit to `session` directly, also from inside events; they call wake afterwards when it was
 * not an event that got them there. Time comes in as an argument. Owner embeds the struct; one
 * thread. */
#ifndef P2P_TRANSPORT_H2_H
#define P2P_TRANSPORT_H2_H

#include "flood.h"

#include <nghttp2/nghttp2.h>
#include <p2p/alloc.h>

struct p2p_h2;

/* Events; stream is HTTP/2's number. All may be NULL but wake. Data and text are borrowed. */
struct p2p_h2_user {
    void (*wake)(struct p2p_h2 *h2); /* there is something to send, or the connection failed */
    void (*settled)(struct p2p_h2 *h2);               /* the other side's first SETTINGS */
    void (*begin)(struct p2p_h2 *h2, int32_t stream); /* of a request or response */
    void (*header)(struct p2p_h2 *h2, int32_t stream, struct p2p_slice name,
                   struct p2p_slice value);
    void (*headers)(struct p2p_h2 *h2, int32_t stream); /* all of them */
    void (*data)(struct p2p_h2 *h2, int32_t stream, const uint8_t *data, size_t len);
    void (*finished)(struct p2p_h2 *h2, int32_t stream); /* END_STREAM, on DATA or on HEADERS */
    void (*sent_all)(struct p2p_h2 *h2, int32_t stream); /* our END_STREAM left */
    void (*sent_reset)(struct p2p_h2 *h2, int32_t stream,
                       uint32_t code); /* ours or nghttp2's */
    void (*closed)(struct p2p_h2 *h2, int32_t stream, uint32_t code);
    void (*pong)(struct p2p_h2 *h2);
    void (*goaway)(struct p2p_h2 *h2, uint32_t code, struct p2p_slice text);
};

struct p2p_h2_options {
    bool server;
    bool consume_by_hand;  /* no automatic window updates: nghttp2_session_consume */
    uint32_t window_bytes; /* of the connection; of each stream too when consume_by_hand */
    uint32_t streams_max;  /* that the other side may have open */
    nghttp2_mem *mem;      /* borrowed until deinit */
    const nghttp2_session_callbacks *callbacks; /* from p2p_h2_callbacks; borrowed for init */
    const struct p2p_h2_user *user;             /* borrowed until deinit */
};

struct p2p_h2 {
    nghttp2_session *session;
    const struct p2p_h2_user *user;
    struct p2p_flood flood;
    size_t preface_bytes;     /* of the client's, seen so far */
    size_t header_list_bytes; /* of the present header block, uncompressed */
    bool server, settled;
    bool failed; /* see reason and why */
    bool broken; /* nghttp2 itself may only be freed */
    bool saying_goodbye;
    enum p2p_refusal reason;
    char why[160];
    char clue[96]; /* nghttp2's latest complaint */
};

/* One set for any number of connections; NULL: no memory. */
nghttp2_session_callbacks *p2p_h2_callbacks(void);
/* An allocator in nghttp2's words; alloc is borrowed. */
nghttp2_mem p2p_h2_mem(const struct p2p_alloc *alloc);

/* Makes the session and queues our SETTINGS. Errors: P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_h2_init(struct p2p_h2 *h2, const struct p2p_h2_options *options,
                                        uint64_t now_ms);
void p2p_h2_deinit(struct p2p_h2 *h2); /* accepts a zeroed object */

/* Received bytes; events come from inside. Look at h2->failed afterwards. */
void p2p_h2_feed(struct p2p_h2 *h2, const uint8_t *data, size_t len, uint64_t now_ms);
/* False while a server has not seen the whole preface: nothing is sent to who may not speak
 * HTTP/2. */
bool p2p_h2_ready(const struct p2p_h2 *h2);
/* Writes whole frames into out (cap at least 32 KiB); returns the bytes, 0: nothing to send
 * now. */
size_t p2p_h2_fill(struct p2p_h2 *h2, uint8_t *out, size_t cap);
/* Marks the connection failed; only the first failure counts. why: copied. */
void p2p_h2_fail(struct p2p_h2 *h2, enum p2p_refusal reason, const char *why);
/* Queues the last GOAWAY with a code (RFC 9113 section 7) and text; nothing is accepted after
 * it. */
void p2p_h2_goodbye(struct p2p_h2 *h2, uint32_t code, const char *text);
/* True when both directions are done: every stream ended and the last GOAWAY left. */
bool p2p_h2_over(const struct p2p_h2 *h2);

#endif
