/* Every bound of the network layer, in one place, with its unit.
 *
 * What happens at a bound is written beside it; whoever runs into one is refused or closed,
 * reported through on_refusal (refusal.h) and counted, while everyone else goes on unharmed. A
 * peer cannot make a node hold more memory by sending more. The numbers about floods were
 * measured against nghttp2 1.52, which stops a peer that does not read its answers but not one
 * that does. */
#ifndef P2P_LIMITS_H
#define P2P_LIMITS_H

/* -- admission: before anyone is known
 * --------------------------------------------------------- */
#define P2P_HANDSHAKES_MAX 256u /* unfinished, all TCP listeners of a net; the next is closed  \
                                 */
#define P2P_HANDSHAKES_PER_ADDRESS_MAX 8u    /* unfinished, from one IP address */
#define P2P_HANDSHAKE_MS_MAX           5000u /* from accept or dial to the other side's SETTINGS */
#define P2P_CONNECTIONS_MAX            1024u /* per listener; the next is closed */
#define P2P_LISTEN_BACKLOG             511   /* the kernel's queue */
#define P2P_LINGER_MS_MAX              1000u /* after a last word (alert, GOAWAY), until it was read */
#define P2P_LINGER_BYTES_MAX           (256u * 1024u) /* thrown away meanwhile */
#define P2P_KEY_UPDATES_MAX            64u /* TLS key updates in the life of one connection */

/* -- bytes in flight
 * --------------------------------------------------------------------------- */
#define P2P_STREAM_BUFFER_BYTES (64u * 1024u) /* one coalesced write */
#define P2P_STREAM_PENDING_BYTES                                                               \
    (128u * 1024u) /* high-water mark: above, no more frames are made */

/* -- useless frames, per connection: closed at the bound
 * --------------------------------------- */
#define P2P_PINGS_PER_S        10u   /* also the burst */
#define P2P_SETTINGS_PER_MIN   5u    /* also the burst; the first, mandatory one is free */
#define P2P_USELESS_BURST      2000u /* empty DATA, WINDOW_UPDATE, PRIORITY, unknown, stray ACK */
#define P2P_USELESS_PER_S      200u
#define P2P_USELESS_PER_FRAME  4u /* allowance for each frame of ours that carried something */
#define P2P_RESETS_BURST       1000u /* RST_STREAM received */
#define P2P_RESETS_PER_S       33u
#define P2P_CONTINUATIONS_MAX  8u            /* in one header block */
#define P2P_HEADER_BLOCK_BYTES (16u * 1024u) /* compressed; nghttp2 bounds the rest */
#define P2P_HEADER_MS_MAX      5000u         /* for a header block, or any frame but DATA */

/* -- liveness
 * ---------------------------------------------------------------------------------- */
#define P2P_PING_MS             15000u /* between our PINGs */
#define P2P_PING_MISSES_MAX     2u     /* then the connection is dead */
#define P2P_TCP_USER_TIMEOUT_MS 30000u /* unacknowledged bytes, by the kernel */
#define P2P_NO_PROGRESS_MS      30000u /* ends a request stream; never the peer stream */
#define P2P_DRAIN_MS_MAX        5000u  /* for what is under way at a graceful end */
#define P2P_TICK_MS             500u   /* how exact all of these times are */

/* -- peer links
 * -------------------------------------------------------------------------------- */
#define P2P_LINK_WINDOW_BYTES (2u * 1024u * 1024u) /* stream and connection: unconsumed bytes  \
                                                    */
#define P2P_LINK_QUEUE_BYTES_MAX                                                               \
    (4u * 1024u * 1024u) /* accepted, not yet sent; then P2P_BUSY */
#define P2P_LINK_QUEUE_BYTES_LOW (1u * 1024u * 1024u) /* link_writable at or below */

/* -- requests
 * ---------------------------------------------------------------------------------- */
#define P2P_REQUEST_BODY_BYTES_MAX  (1024u * 1024u)       /* then 413 */
#define P2P_REQUEST_PATH_BYTES_MAX  4096u                 /* path and query; then 414 */
#define P2P_REQUEST_FIELD_BYTES_MAX 1024u                 /* one header field kept; then 431 */
#define P2P_REQUEST_MS_MAX          120000u               /* for a whole request to arrive */
#define P2P_BODIES_BYTES_MAX        (64u * 1024u * 1024u) /* all bodies held by a server; then 503 */
#define P2P_STREAMS_PER_CONNECTION  256u                  /* SETTINGS_MAX_CONCURRENT_STREAMS */
#define P2P_SERVER_WINDOW_BYTES     (1024u * 1024u)       /* per connection */
#define P2P_RESPONSE_BYTES_MAX      (64u * 1024u * 1024u) /* one answer; then P2P_TOOLARGE */
#define P2P_BACKLOG_BYTES_MAX                                                                  \
    (16u * 1024u * 1024u) /* unread answers of a connection; then 503 */
#define P2P_RESPONSE_STREAM_BYTES_MAX (256u * 1024u) /* unread events; then closed as slow */

#endif
