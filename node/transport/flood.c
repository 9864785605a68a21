#include "flood.h"

#include <p2p/limits.h>

#include <stdio.h>
#include <string.h>

/* RFC 9113 section 6; only what the watch tells apart. */
enum frame_type {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PUSH_PROMISE = 5,
    FRAME_PING = 6,
    FRAME_CONTINUATION = 9,
};

#define FLAG_END_STREAM  0x1u
#define FLAG_ACK         0x1u
#define FLAG_END_HEADERS 0x4u
#define FLAG_PADDED      0x8u

static void bucket_fill(struct p2p_bucket *bucket, uint64_t burst, uint64_t now_ms)
{
    bucket->milli_tokens = burst * 1000;
    bucket->filled_ms = now_ms;
}

/* per_minute tokens flow in each minute, up to burst. */
static bool bucket_take(struct p2p_bucket *bucket, uint64_t per_minute, uint64_t burst,
                        uint64_t now_ms)
{
    uint64_t full = burst * 1000;
    if (now_ms > bucket->filled_ms) {
        uint64_t passed_ms = now_ms - bucket->filled_ms;
        /* Past an hour every bucket here is full; the cap keeps the product small. */
        uint64_t gain = (passed_ms < 3600000 ? passed_ms : 3600000) * per_minute / 60;
        if (gain > 0) {
            bucket->milli_tokens =
                gain < full - bucket->milli_tokens ? bucket->milli_tokens + gain : full;
            bucket->filled_ms = now_ms;
        }
    }
    if (bucket->milli_tokens < 1000) {
        return false;
    }
    bucket->milli_tokens -= 1000;
    return true;
}

void p2p_flood_init(struct p2p_flood *flood, uint64_t now_ms)
{
    memset(flood, 0, sizeof *flood);
    bucket_fill(&flood->pings, P2P_PINGS_PER_S, now_ms);
    bucket_fill(&flood->settings, P2P_SETTINGS_PER_MIN, now_ms);
    bucket_fill(&flood->useless, P2P_USELESS_BURST, now_ms);
    bucket_fill(&flood->resets, P2P_RESETS_BURST, now_ms);
}

static bool useless(struct p2p_flood *flood, const char *what, uint64_t now_ms,
                    enum p2p_refusal *out_reason)
{
    if (bucket_take(&flood->useless, P2P_USELESS_PER_S * 60, P2P_USELESS_BURST, now_ms)) {
        return true;
    }
    snprintf(flood->why, sizeof flood->why, "more than %u useless frames, the last one %s",
             P2P_USELESS_BURST, what);
    *out_reason = P2P_REFUSAL_USELESS_FRAMES;
    return false;
}

/* A frame of a header block: the first, or a CONTINUATION. */
static bool block_frame(struct p2p_flood *flood, uint32_t length, uint8_t flags,
                        enum p2p_refusal *out_reason)
{
    flood->block_bytes += length; /* bounded: checked below after each frame */
    flood->block_frames++;
    if (flood->block_bytes > P2P_HEADER_BLOCK_BYTES ||
        flood->block_frames > P2P_CONTINUATIONS_MAX + 1) {
        snprintf(flood->why, sizeof flood->why, "a header block of %u bytes in %u frames",
                 flood->block_bytes, flood->block_frames);
        *out_reason = P2P_REFUSAL_HEADER_FLOOD;
        return false;
    }
    if (flags & FLAG_END_HEADERS) {
        flood->block_bytes = 0;
        flood->block_frames = 0;
    }
    return true;
}

static bool frame_begin(struct p2p_flood *flood, uint64_t now_ms, enum p2p_refusal *out_reason)
{
    const uint8_t *head = flood->head;
    uint32_t length = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    uint8_t type = head[3];
    uint8_t flags = head[4];
    flood->payload_left = length;

    switch (type) {
    case FRAME_DATA:
        if ((flags & FLAG_PADDED) && length > 0) {
            flood->padding_due = true; /* judged when its first byte is here */
            return true;
        }
        return length > 0 || (flags & FLAG_END_STREAM) ||
               useless(flood, "empty DATA", now_ms, out_reason);
    case FRAME_HEADERS:
    case FRAME_PUSH_PROMISE:
    case FRAME_CONTINUATION:
        return block_frame(flood, length, flags, out_reason);
    case FRAME_RST_STREAM:
        if (bucket_take(&flood->resets, P2P_RESETS_PER_S * 60, P2P_RESETS_BURST, now_ms)) {
            return true;
        }
        snprintf(flood->why, sizeof flood->why, "more than %u RST_STREAM frames",
                 P2P_RESETS_BURST);
        *out_reason = P2P_REFUSAL_RESET_FLOOD;
        return false;
    case FRAME_SETTINGS:
        if (flags & FLAG_ACK) {
            return useless(flood, "SETTINGS ACK", now_ms, out_reason);
        }
        if (!flood->settings_seen) {
            flood->settings_seen = true;
            return true;
        }
        if (bucket_take(&flood->settings, P2P_SETTINGS_PER_MIN, P2P_SETTINGS_PER_MIN, now_ms)) {
            return true;
        }
        snprintf(flood->why, sizeof flood->why, "more than %u SETTINGS frames in a minute",
                 P2P_SETTINGS_PER_MIN);
        *out_reason = P2P_REFUSAL_SETTINGS_FLOOD;
        return false;
    case FRAME_PING:
        if (flags & FLAG_ACK) {
            return useless(flood, "PING ACK", now_ms, out_reason);
        }
        if (bucket_take(&flood->pings, P2P_PINGS_PER_S * 60, P2P_PINGS_PER_S, now_ms)) {
            return true;
        }
        snprintf(flood->why, sizeof flood->why, "more than %u PING frames in a second",
                 P2P_PINGS_PER_S);
        *out_reason = P2P_REFUSAL_PING_FLOOD;
        return false;
    default: { /* WINDOW_UPDATE, PRIORITY, GOAWAY, and whatever has no meaning here */
        char what[24];
        snprintf(what, sizeof what, "of type %u", type);
        return useless(flood, what, now_ms, out_reason);
    }
    }
}

/* The first payload byte of a padded DATA frame: is there anything but padding? */
static bool padding_seen(struct p2p_flood *flood, uint8_t padding, uint64_t now_ms,
                         enum p2p_refusal *out_reason)
{
    flood->padding_due = false;
    return flood->payload_left > (uint32_t)padding + 1 || (flood->head[4] & FLAG_END_STREAM) ||
           useless(flood, "DATA of padding only", now_ms, out_reason);
}

bool p2p_flood_scan(struct p2p_flood *flood, const uint8_t *data, size_t len, uint64_t now_ms,
                    enum p2p_refusal *out_reason)
{
    bool finished_one = false;
    size_t at = 0;
    while (at < len) {
        if (flood->head_bytes < P2P_FRAME_HEAD_BYTES) {
            flood->head[flood->head_bytes++] = data[at++];
            if (flood->head_bytes < P2P_FRAME_HEAD_BYTES) {
                continue;
            }
            if (!frame_begin(flood, now_ms, out_reason)) {
                return false;
            }
        } else {
            if (flood->padding_due && !padding_seen(flood, data[at], now_ms, out_reason)) {
                return false;
            }
            size_t left = len - at;
            size_t part = left < flood->payload_left ? left : flood->payload_left;
            at += part;
            flood->payload_left -= (uint32_t)part;
        }
        if (flood->payload_left == 0) {
            flood->head_bytes = 0;
            finished_one = finished_one || flood->block_frames == 0;
        }
    }

    bool whole = flood->head_bytes == 0;
    bool in_data = flood->head_bytes == P2P_FRAME_HEAD_BYTES && flood->head[3] == FRAME_DATA;
    if (flood->block_frames == 0 && (whole || in_data)) {
        flood->partial_ms = 0;
    } else if (flood->partial_ms == 0 || finished_one) {
        flood->partial_ms = now_ms > 0 ? now_ms : 1;
    }
    return true;
}

void p2p_flood_allow(struct p2p_flood *flood)
{
    uint64_t full = (uint64_t)P2P_USELESS_BURST * 1000;
    uint64_t gain = (uint64_t)P2P_USELESS_PER_FRAME * 1000;
    flood->useless.milli_tokens =
        gain < full - flood->useless.milli_tokens ? flood->useless.milli_tokens + gain : full;
}

bool p2p_flood_stalled(const struct p2p_flood *flood, uint64_t now_ms)
{
    return flood->partial_ms > 0 && now_ms >= flood->partial_ms + P2P_HEADER_MS_MAX;
}
