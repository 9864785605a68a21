/* What trees of feeds are trimmed and mended with: see engine_relay.c. Both frames are rows of
 * one size, each beginning with its feed. */
#include <p2p/frame.h>

#include <p2p/assert.h>

enum { PRUNE_BYTES = 4 };

static struct p2p_reader row_at(struct p2p_slice rows, size_t bytes, size_t i)
{
    struct p2p_reader in;
    p2p_assert(i < rows.len / bytes);
    p2p_reader_init(&in, p2p_slice_of(rows.data + i * bytes, bytes));
    return in;
}

/* At least one row, and feeds ascend, so each stands in a frame once. */
static enum p2p_err check_rows(struct p2p_slice rows, size_t bytes)
{
    if (rows.len == 0 || rows.len % bytes != 0) {
        return P2P_MALFORMED;
    }
    if (rows.len / bytes > P2P_FEEDS_MAX) {
        return P2P_TOOLARGE;
    }
    uint64_t next = 0;
    for (size_t i = 0; i < rows.len / bytes; i++) {
        struct p2p_reader in = row_at(rows, bytes, i);
        uint32_t feed = p2p_reader_u32(&in);
        if (feed < next) {
            return P2P_MALFORMED;
        }
        next = (uint64_t)feed + 1;
    }
    return P2P_OK;
}

/* ---- prune ---- */

void p2p_prune_write(struct p2p_writer *out, const uint32_t *feeds, size_t count)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_PRUNE);
    for (size_t i = 0; i < count; i++) {
        p2p_writer_u32(out, feeds[i]);
    }
    p2p_frame_end(out, begin);
}

enum p2p_err p2p_prune_read(struct p2p_slice *feeds, struct p2p_slice body)
{
    enum p2p_err err = check_rows(body, PRUNE_BYTES);
    *feeds = err == P2P_OK ? body : *feeds;
    return err;
}

size_t p2p_prune_count(struct p2p_slice feeds)
{
    return feeds.len / PRUNE_BYTES;
}

uint32_t p2p_prune_at(struct p2p_slice feeds, size_t i)
{
    struct p2p_reader in = row_at(feeds, PRUNE_BYTES, i);
    return p2p_reader_u32(&in);
}

/* ---- graft ---- */

void p2p_graft_write(struct p2p_writer *out, const struct p2p_graft_entry *entries,
                     size_t count)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_GRAFT);
    for (size_t i = 0; i < count; i++) {
        p2p_writer_u32(out, entries[i].feed);
        p2p_writer_u64(out, entries[i].size);
        p2p_writer_u64(out, entries[i].witnessed);
        p2p_writer_u64(out, entries[i].heard_s);
    }
    p2p_frame_end(out, begin);
}

enum p2p_err p2p_graft_read(struct p2p_slice *entries, struct p2p_slice body)
{
    enum p2p_err err = check_rows(body, P2P_GRAFT_ENTRY_BYTES);
    *entries = err == P2P_OK ? body : *entries;
    return err;
}

size_t p2p_graft_count(struct p2p_slice entries)
{
    return entries.len / P2P_GRAFT_ENTRY_BYTES;
}

void p2p_graft_at(struct p2p_slice entries, size_t i, struct p2p_graft_entry *out)
{
    struct p2p_reader in = row_at(entries, P2P_GRAFT_ENTRY_BYTES, i);
    out->feed = p2p_reader_u32(&in);
    out->size = p2p_reader_u64(&in);
    out->witnessed = p2p_reader_u64(&in);
    out->heard_s = p2p_reader_u64(&in);
}
