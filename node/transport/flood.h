/* The flood watch: counts what a peer sends, frame by frame, before nghttp2 sees it.
 *
 * nghttp2 stops floods whose answers are not read, and rapid resets; a peer that reads its
 * answers may send PING, SETTINGS, empty DATA, WINDOW_UPDATE, PRIORITY and unknown frames
 * without limit, and some of these reach no callback at all. So the watch walks the frame
 * headers itself (RFC 9113 section 4.1: 24-bit length, type, flags, stream) over the same
 * bytes, keeps token buckets, and knows whether a header block or control frame has been under
 * way for too long. It interprets no payload except the padding length of DATA. No I/O, no
 * clock, no allocation: one per connection. */
#ifndef P2P_TRANSPORT_FLOOD_H
#define P2P_TRANSPORT_FLOOD_H

#include <p2p/base.h>
#include <p2p/refusal.h>

#define P2P_FRAME_HEAD_BYTES 9u

struct p2p_bucket {
    uint64_t milli_tokens;
    uint64_t filled_ms;
};

struct p2p_flood {
    uint8_t head[P2P_FRAME_HEAD_BYTES];
    size_t head_bytes;     /* of the present frame's head seen so far */
    uint32_t payload_left; /* of the present frame; meaningful once the head is whole */
    uint32_t block_bytes;  /* of the present header block, in all its frames */
    uint32_t block_frames; /* 0: not inside a header block */
    bool padding_due;      /* the next payload byte is a DATA frame's padding length */
    bool settings_seen;
    uint64_t partial_ms; /* since when an unfinished header block or control frame is here; 0:
                            none */
    struct p2p_bucket pings, settings, useless, resets;
    char why[96]; /* filled when a scan fails */
};

void p2p_flood_init(struct p2p_flood *flood, uint64_t now_ms);
/* Walks the next bytes of the connection. False: a limit was overstepped; reason and flood->why
 * say which, and nothing more is to be scanned. */
P2P_MUST_CHECK bool p2p_flood_scan(struct p2p_flood *flood, const uint8_t *data, size_t len,
                                   uint64_t now_ms, enum p2p_refusal *out_reason);
/* We sent a frame that carried something: its receiver may answer with WINDOW_UPDATEs. */
void p2p_flood_allow(struct p2p_flood *flood);
/* True when a header block or a frame other than DATA has been incomplete for
 * P2P_HEADER_MS_MAX. */
bool p2p_flood_stalled(const struct p2p_flood *flood, uint64_t now_ms);

#endif
