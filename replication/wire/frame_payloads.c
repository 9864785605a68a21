/* Frames that ask for single payloads and bring them: what a run could not bring, because its
 * receiver joined the circle later or lost them. */
#include <p2p/frame.h>

#include <p2p/assert.h>

/* ---- ask-payloads ---- */

void p2p_ask_payloads_write(struct p2p_writer *out, uint32_t feed, const uint64_t *indexes,
                            size_t count)
{
    p2p_assert(count > 0 && count <= P2P_ASK_PAYLOADS_MAX);
    size_t begin = p2p_frame_begin(out, P2P_FRAME_ASK_PAYLOADS);
    p2p_writer_u32(out, feed);
    for (size_t i = 0; i < count; i++) {
        p2p_writer_u64(out, indexes[i]);
    }
    p2p_frame_end(out, begin);
}

size_t p2p_ask_payloads_count(const struct p2p_ask_payloads *ask)
{
    return ask->indexes.len / 8;
}

uint64_t p2p_ask_payloads_at(const struct p2p_ask_payloads *ask, size_t i)
{
    struct p2p_reader in;
    p2p_assert(i < p2p_ask_payloads_count(ask));
    p2p_reader_init(&in, p2p_slice_of(ask->indexes.data + 8 * i, 8));
    return p2p_reader_u64(&in);
}

enum p2p_err p2p_ask_payloads_read(struct p2p_ask_payloads *out, struct p2p_slice body)
{
    struct p2p_reader in;
    p2p_reader_init(&in, body);
    uint32_t feed = p2p_reader_u32(&in);
    size_t left = p2p_reader_left(&in);
    const struct p2p_ask_payloads ask = {.feed = feed, .indexes = p2p_reader_bytes(&in, left)};
    if (in.failed || left == 0 || left % 8 != 0) {
        return P2P_MALFORMED;
    }
    if (left / 8 > P2P_ASK_PAYLOADS_MAX) {
        return P2P_TOOLARGE;
    }
    for (size_t i = 1; i < left / 8; i++) {
        if (p2p_ask_payloads_at(&ask, i) <= p2p_ask_payloads_at(&ask, i - 1)) {
            return P2P_MALFORMED;
        }
    }
    *out = ask;
    return P2P_OK;
}

/* ---- payloads ---- */

size_t p2p_payloads_begin_write(struct p2p_writer *out, uint32_t feed)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_PAYLOADS);
    p2p_writer_u32(out, feed);
    return begin;
}

void p2p_payload_write(struct p2p_writer *out, uint64_t index, struct p2p_slice salted)
{
    p2p_assert(salted.len <= UINT16_MAX);
    p2p_writer_u64(out, index);
    p2p_writer_u16(out, (uint16_t)salted.len);
    p2p_writer_bytes(out, salted.data, salted.len);
}

void p2p_payloads_begin(struct p2p_payloads_walk *walk, const struct p2p_payloads_body *body)
{
    p2p_reader_init(&walk->in, body->items);
}

bool p2p_payloads_next(struct p2p_payloads_walk *walk, uint64_t *index,
                       struct p2p_slice *salted)
{
    if (walk->in.failed || p2p_reader_left(&walk->in) == 0) {
        return false;
    }
    *index = p2p_reader_u64(&walk->in);
    *salted = p2p_reader_bytes(&walk->in, p2p_reader_u16(&walk->in));
    return !walk->in.failed;
}

enum p2p_err p2p_payloads_read(struct p2p_payloads_body *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_payloads_walk walk;
    struct p2p_slice salted;
    uint64_t last = 0;
    uint64_t index;
    size_t count = 0;
    p2p_reader_init(&in, body);
    uint32_t feed = p2p_reader_u32(&in);
    const struct p2p_payloads_body payloads = {
        .feed = feed, .items = p2p_reader_bytes(&in, p2p_reader_left(&in))};
    p2p_payloads_begin(&walk, &payloads);
    for (; p2p_payloads_next(&walk, &index, &salted); count++) {
        if (count > 0 && index <= last) {
            return P2P_MALFORMED;
        }
        last = index;
    }
    if (in.failed || walk.in.failed || count == 0) {
        return P2P_MALFORMED;
    }
    if (count > P2P_ASK_PAYLOADS_MAX) {
        return P2P_TOOLARGE;
    }
    *out = payloads;
    return P2P_OK;
}
