#include <p2p/settled.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <string.h>

/* By index of the record that imposes: the epoch of its value, or 0. */
struct feed {
    uint16_t *epochs;
    size_t size;
    size_t cap;
};

struct p2p_settled {
    const struct p2p_alloc *alloc;
    struct feed *feeds;
    size_t feed_count;
    uint64_t *ends; /* feed_count for each epoch that ended */
    uint32_t ended;
    size_t cap; /* of ends, in epochs */
};

enum p2p_err p2p_settled_new(struct p2p_settled **out, const struct p2p_alloc *alloc,
                             size_t feed_count)
{
    struct p2p_settled *settled = p2p_alloc_zeroed(alloc, 1, sizeof(*settled));
    if (settled == NULL) {
        return P2P_NOMEM;
    }
    settled->alloc = alloc;
    settled->feed_count = feed_count;
    settled->feeds = p2p_alloc_zeroed(alloc, feed_count + 1, sizeof(*settled->feeds));
    if (settled->feeds == NULL) {
        p2p_settled_free(settled);
        return P2P_NOMEM;
    }
    *out = settled;
    return P2P_OK;
}

void p2p_settled_free(struct p2p_settled *settled)
{
    if (settled == NULL) {
        return;
    }
    for (size_t i = 0; settled->feeds != NULL && i < settled->feed_count; i++) {
        p2p_alloc_free(settled->alloc, settled->feeds[i].epochs);
    }
    p2p_alloc_free(settled->alloc, settled->feeds);
    p2p_alloc_free(settled->alloc, settled->ends);
    p2p_alloc_free(settled->alloc, settled);
}

/* ---- being told ---- */

static enum p2p_err make_room(const struct p2p_settled *settled, struct feed *feed,
                              uint64_t index)
{
    size_t cap = feed->cap == 0 ? 1024 : feed->cap;
    if (index >= SIZE_MAX / 4) {
        return P2P_NOMEM;
    }
    while (cap <= index) {
        cap *= 2;
    }
    if (cap > feed->cap) {
        void *grown =
            p2p_alloc_resize(settled->alloc, feed->epochs, cap, sizeof(*feed->epochs));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        feed->epochs = grown;
        feed->cap = cap;
    }
    if (index >= feed->size) {
        memset(feed->epochs + feed->size, 0,
               ((size_t)index + 1 - feed->size) * sizeof(*feed->epochs));
        feed->size = (size_t)index + 1;
    }
    return P2P_OK;
}

enum p2p_err p2p_settled_folded(struct p2p_settled *settled, enum p2p_view_number view,
                                struct p2p_slice key)
{
    struct p2p_record_id id;
    if (view != P2P_VIEW_BANS || !p2p_id_from_key(key, &id) || id.feed >= settled->feed_count) {
        return P2P_OK;
    }
    struct feed *feed = &settled->feeds[id.feed];
    enum p2p_err err = make_room(settled, feed, id.index);
    if (err == P2P_OK) {
        feed->epochs[id.index] = (uint16_t)(settled->ended + 1);
    }
    return err;
}

enum p2p_err p2p_settled_end(struct p2p_settled *settled, const uint64_t *sizes)
{
    if (settled->ended == P2P_EPOCHS_MAX) {
        return P2P_OK;
    }
    if (settled->ended == settled->cap) {
        size_t cap = settled->cap == 0 ? 16 : 2 * settled->cap;
        void *grown = p2p_alloc_resize(settled->alloc, settled->ends, cap * settled->feed_count,
                                       sizeof(*sizes));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        settled->ends = grown;
        settled->cap = cap;
    }
    memcpy(settled->ends + settled->ended * settled->feed_count, sizes,
           settled->feed_count * sizeof(*sizes));
    settled->ended++;
    return P2P_OK;
}

/* ---- asking ---- */

static bool ended_below(const struct p2p_settled *settled, uint32_t epoch,
                        const uint64_t *sizes, size_t count)
{
    const uint64_t *end = settled->ends + (size_t)(epoch - 1) * settled->feed_count;
    for (size_t i = 0; i < settled->feed_count; i++) {
        if (end[i] > (i < count ? sizes[i] : 0)) {
            return false;
        }
    }
    return true;
}

uint32_t p2p_settled_before(const struct p2p_settled *settled, const uint64_t *sizes,
                            size_t count)
{
    uint32_t low = 0; /* ended below; what is above high did not */
    uint32_t high = settled->ended;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (ended_below(settled, middle, sizes, count)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

bool p2p_settled_stands(const struct p2p_settled *settled, const struct p2p_record_id *id,
                        uint32_t epoch)
{
    if (id->feed >= settled->feed_count || id->index >= settled->feeds[id->feed].size) {
        return false;
    }
    uint16_t folded = settled->feeds[id->feed].epochs[id->index];
    return folded != 0 && folded <= epoch;
}

/* ---- as bytes ---- */

/* Epochs that ended u64; their ends u64; of each feed its size u64, and so many epochs u16. */
size_t p2p_settled_bytes(const struct p2p_settled *settled)
{
    size_t bytes = 8 + (settled->ended + 1) * settled->feed_count * 8;
    for (size_t i = 0; i < settled->feed_count; i++) {
        bytes += settled->feeds[i].size * 2;
    }
    return bytes;
}

void p2p_settled_encode(const struct p2p_settled *settled, uint8_t *out)
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, p2p_settled_bytes(settled));
    p2p_writer_u64(&writer, settled->ended);
    for (size_t i = 0; i < settled->ended * settled->feed_count; i++) {
        p2p_writer_u64(&writer, settled->ends[i]);
    }
    for (size_t i = 0; i < settled->feed_count; i++) {
        const struct feed *feed = &settled->feeds[i];
        p2p_writer_u64(&writer, feed->size);
        for (size_t at = 0; at < feed->size; at++) {
            p2p_writer_u16(&writer, feed->epochs[at]);
        }
    }
    p2p_assert(!writer.failed);
}

static enum p2p_err decode_ends(struct p2p_settled *settled, struct p2p_reader *in)
{
    uint64_t ended = p2p_reader_u64(in);
    enum p2p_err err = P2P_OK;
    if (in->failed || ended > P2P_EPOCHS_MAX) {
        return P2P_CORRUPT;
    }
    uint64_t *sizes = p2p_alloc_zeroed(settled->alloc, settled->feed_count + 1, sizeof(*sizes));
    if (sizes == NULL) {
        return P2P_NOMEM;
    }
    for (uint64_t epoch = 0; epoch < ended && err == P2P_OK; epoch++) {
        for (size_t i = 0; i < settled->feed_count; i++) {
            uint64_t size = p2p_reader_u64(in);
            err = size < sizes[i] || in->failed ? P2P_CORRUPT : err;
            sizes[i] = size;
        }
        err = err == P2P_OK ? p2p_settled_end(settled, sizes) : err;
    }
    p2p_alloc_free(settled->alloc, sizes);
    return err;
}

static enum p2p_err decode_feed(struct p2p_settled *settled, struct feed *feed,
                                struct p2p_reader *in)
{
    uint64_t size = p2p_reader_u64(in);
    enum p2p_err err = in->failed || size > p2p_reader_left(in) / 2 ? P2P_CORRUPT : P2P_OK;
    if (err == P2P_OK && size > 0) {
        err = make_room(settled, feed, size - 1);
    }
    for (uint64_t i = 0; i < size && err == P2P_OK; i++) {
        feed->epochs[i] = p2p_reader_u16(in);
        err = feed->epochs[i] > settled->ended + 1 ? P2P_CORRUPT : P2P_OK;
    }
    return err;
}

enum p2p_err p2p_settled_decode(struct p2p_settled **out, const struct p2p_alloc *alloc,
                                size_t feed_count, struct p2p_slice bytes)
{
    struct p2p_settled *settled = NULL;
    struct p2p_reader in;
    p2p_reader_init(&in, bytes);
    enum p2p_err err = p2p_settled_new(&settled, alloc, feed_count);
    if (err == P2P_OK) {
        err = decode_ends(settled, &in);
    }
    for (size_t i = 0; i < feed_count && err == P2P_OK; i++) {
        err = decode_feed(settled, &settled->feeds[i], &in);
    }
    if (err == P2P_OK && !p2p_reader_done(&in)) {
        err = P2P_CORRUPT;
    }
    if (err != P2P_OK) {
        p2p_settled_free(settled);
        return err;
    }
    *out = settled;
    return P2P_OK;
}
