/* Every bound of the network layer, in one place, with its unit.
 *
 * Whoever runs into one is refused or closed, reported through on_refusal (refusal.h) and
 * counted, while everyone else goes on unharmed. A peer cannot make a node hold more memory by
 * sending more. The numbers about floods were measured against nghttp2 1.52, which stops a peer
 * that does not read its answers, but not one that does. */
#ifndef P2P_LIMITS_H
#define P2P_LIMITS_H

/* Admission, before anyone is known. A handshake is unfinished from accept or dial to the other
 * side's SETTINGS (a link: to its POST, or the answer 200). Whoever comes on top is closed. */
#define P2P_HANDSHAKES_MAX             256u /* of all TCP listeners of a net */
#define P2P_HANDSHAKES_PER_ADDRESS_MAX 8u   /* per IPv4 address, per IPv6 /64 */
#define P2P_HANDSHAKE_MS_MAX           5000u
#define P2P_CONNECTIONS_MAX            1024u /* per listener */
#define P2P_LISTEN_BACKLOG             511   /* the kernel's queue, connections */
#define P2P_KEY_UPDATES_MAX            64u   /* TLS key updates in the life of a connection */

/* A last word (alert, GOAWAY) is given this much time to be read; what arrives is thrown away.
 */
#define P2P_LINGER_MS_MAX    1000u
#define P2P_LINGER_BYTES_MAX (256u * 1024u)

/* Bytes in flight: one coalesced write; above the high-water mark no more frames are made. */
#define P2P_STREAM_BUFFER_BYTES  (64u * 1024u)
#define P2P_STREAM_PENDING_BYTES (128u * 1024u)

/* Frames a connection may receive; closed at the bound. Rates are token buckets of the same
 * burst unless a burst is named. Useless: empty DATA, WINDOW_UPDATE, PRIORITY, unknown types,
 * stray ACKs; each DATA or HEADERS frame of ours allows some more of them. */
#define P2P_PINGS_PER_S        10u
#define P2P_SETTINGS_PER_MIN   5u /* besides the first, mandatory one */
#define P2P_USELESS_BURST      2000u
#define P2P_USELESS_PER_S      200u
#define P2P_USELESS_PER_FRAME  4u
#define P2P_RESETS_BURST       1000u
#define P2P_RESETS_PER_S       33u
#define P2P_CONTINUATIONS_MAX  8u            /* in one header block */
#define P2P_HEADER_BLOCK_BYTES (16u * 1024u) /* compressed */
#define P2P_HEADER_MS_MAX      5000u         /* a header block, or any frame but DATA */
#define P2P_HEADER_LIST_BYTES  (16u * 1024u) /* uncompressed, announced in SETTINGS */

/* Liveness. P2P_TICK_MS is how exact all times here are. */
#define P2P_PING_MS             15000u /* between our PINGs */
#define P2P_PING_MISSES_MAX     2u     /* then the connection is dead */
#define P2P_TCP_USER_TIMEOUT_MS 30000u /* unacknowledged bytes, by the kernel */
#define P2P_NO_PROGRESS_MS      30000u /* ends a request or a stuck socket, never a peer stream */
#define P2P_DRAIN_MS_MAX        5000u /* what is under way at a graceful end */
#define P2P_TICK_MS             500u

/* Peer links. The window (stream and connection) is what may be under way unconsumed; the queue
 * holds what was accepted and not yet sent: P2P_BUSY above MAX, link_writable at LOW. */
#define P2P_LINK_WINDOW_BYTES    (2u * 1024u * 1024u)
#define P2P_LINK_QUEUE_BYTES_MAX (4u * 1024u * 1024u)
#define P2P_LINK_QUEUE_BYTES_LOW (1u * 1024u * 1024u)
#define P2P_LINK_REASON_BYTES    128u /* of the text that travels with an end */

/* Requests: what is beyond is answered with the status beside it. */
#define P2P_REQUEST_BODY_BYTES_MAX (1024u * 1024u) /* 413 */
#define P2P_REQUEST_DISCARD_BYTES_MAX                                                          \
    (4u * 1024u * 1024u)                    /* the rest of it, then it is reset */
#define P2P_REQUEST_PATH_BYTES_MAX  4096u   /* 414, path and query together */
#define P2P_REQUEST_FIELD_BYTES_MAX 1024u   /* 431, each header field that is kept */
#define P2P_REQUEST_MS_MAX          120000u /* for a whole request to arrive */
#define P2P_BODIES_BYTES_MAX        (64u * 1024u * 1024u) /* 503, all bodies held by a server */
#define P2P_BACKLOG_BYTES_MAX       (16u * 1024u * 1024u) /* 503, unread answers of a connection */
#define P2P_BACKLOGS_BYTES_MAX                                                                 \
    (128u * 1024u * 1024u) /* 503, those of all connections but the socket's */
#define P2P_STREAMS_PER_CONNECTION 256u
#define P2P_SERVER_WINDOW_BYTES    (1024u * 1024u) /* per connection */

/* Answers: a whole one (then P2P_TOOLARGE), and unread events (then closed as a slow reader).
 */
#define P2P_RESPONSE_BYTES_MAX        (64u * 1024u * 1024u)
#define P2P_RESPONSE_STREAM_BYTES_MAX (256u * 1024u)
#define P2P_RESPONSE_FIELDS_MAX       6u /* besides type, length and cache-control */

#endif
