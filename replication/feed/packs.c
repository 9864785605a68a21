#include "packs.h"

#include "feed_rows.h"

static struct p2p_pack_marks *place_of(struct p2p_packs *packs, uint32_t feed, uint64_t last)
{
    uint64_t mixed = (feed * UINT64_C(0x9e3779b97f4a7c15)) ^ last;
    return &packs->held[(mixed * UINT64_C(0xd6e8feb86659fd93) >> 32) % P2P_PACKS_HELD];
}

/* Leaves from one mark to the next. */
static uint64_t apart(uint16_t count)
{
    return (count + P2P_PACK_MARKS_HELD - 1) / P2P_PACK_MARKS_HELD;
}

/* Counts the leaves, and marks where they stand. */
static enum p2p_err count_leaves(struct p2p_pack_marks *marks, struct p2p_reader leaves)
{
    const uint64_t step = apart(marks->count);
    size_t begin = leaves.at;
    for (uint64_t at = 0; at < marks->count; at += step) {
        uint64_t left = marks->count - at;
        marks->at[at / step] = (uint16_t)(leaves.at - begin);
        if (!p2p_feed_pack_pass(&leaves, left < step ? left : step)) {
            return P2P_CORRUPT;
        }
    }
    return p2p_reader_done(&leaves) ? P2P_OK : P2P_CORRUPT;
}

enum p2p_err p2p_packs_skip(struct p2p_packs *packs, uint32_t feed, uint64_t last,
                            struct p2p_reader *leaves, uint16_t count, uint64_t skip)
{
    size_t bytes = p2p_reader_left(leaves);
    if (packs == NULL || count == 0 || skip >= count || bytes > UINT16_MAX) {
        return p2p_feed_pack_skip(leaves, count, skip);
    }
    struct p2p_pack_marks *held = place_of(packs, feed, last);
    if (held->feed != feed || held->last != last || held->count != count ||
        held->bytes != bytes) {
        struct p2p_pack_marks marks = {
            .feed = feed, .count = count, .bytes = (uint16_t)bytes, .last = last};
        enum p2p_err err = count_leaves(&marks, *leaves);
        if (err != P2P_OK) {
            return err;
        }
        *held = marks;
    }
    const uint64_t step = apart(count);
    p2p_reader_bytes(leaves, held->at[skip / step]);
    return p2p_feed_pack_pass(leaves, skip % step) ? P2P_OK : P2P_CORRUPT;
}

void p2p_packs_forget(struct p2p_packs *packs)
{
    if (packs != NULL) {
        *packs = (struct p2p_packs){0};
    }
}
