#include <p2p/ledger.h>

#include <p2p/assert.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct p2p_slice p2p_id_key(uint8_t out[P2P_ID_KEY_BYTES], const struct p2p_record_id *id)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, P2P_ID_KEY_BYTES);
    p2p_writer_u32(&key, id->feed);
    p2p_writer_u64(&key, id->index);
    return p2p_writer_slice(&key);
}

bool p2p_id_from_key(struct p2p_slice key, struct p2p_record_id *id)
{
    struct p2p_reader in;
    p2p_reader_init(&in, key);
    id->feed = p2p_reader_u32(&in);
    id->index = p2p_reader_u64(&in);
    return p2p_reader_done(&in);
}

struct p2p_slice p2p_feed_name(const struct p2p_ledger *ledger, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed);
    if (info == NULL) {
        return p2p_slice_text(feed == P2P_CHARTER_FEED ? "charter/1" : "?");
    }
    size_t prefix = strlen(p2p_charter_federation(ledger->charter)) + 1;
    return p2p_slice_text(info->origin + prefix);
}

struct line {
    struct p2p_slice name;
    const struct p2p_feed *feed;
};

static int compare_lines(const void *left, const void *right)
{
    const struct line *a = left;
    const struct line *b = right;
    int order = p2p_slice_compare(a->name, b->name);
    if (order != 0) {
        return order;
    }
    /* While the charter has two heads some feeds have no name. */
    return a->feed->number < b->feed->number ? -1 : a->feed->number > b->feed->number;
}

enum p2p_err p2p_frontier_digest(const struct p2p_ledger *ledger, struct p2p_hash *out)
{
    return p2p_frontier_digest_at(ledger, UINT32_MAX, 0, NULL, out);
}

enum p2p_err p2p_frontier_digest_at(const struct p2p_ledger *ledger, uint32_t number,
                                    uint64_t size, const struct p2p_hash *root_at,
                                    struct p2p_hash *out)
{
    enum { LINE_BYTES_MAX = P2P_ORIGIN_BYTES_MAX + 1 + 20 + 1 + P2P_BASE64_BYTES(32) + 1 };
    struct line *lines = p2p_alloc_zeroed(ledger->alloc, ledger->feed_count + 1,
                                          sizeof(*lines) + LINE_BYTES_MAX);
    if (lines == NULL) {
        return P2P_NOMEM;
    }
    char *text = (char *)(lines + ledger->feed_count + 1);
    size_t count = 0;
    size_t len = 0;
    for (size_t i = 0; i < ledger->feed_count; i++) {
        const struct p2p_feed *feed = ledger->feeds[i];
        if (feed->number == number ? size > 0 : feed->edge.size > 0) {
            lines[count++] = (struct line){p2p_feed_name(ledger, feed->number), feed};
        }
    }
    qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < count; i++) {
        char root[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
        bool other = lines[i].feed->number == number;
        struct p2p_hash hash = other ? *root_at : p2p_feed_root_held(lines[i].feed);
        p2p_base64_encode(root, hash.bytes, sizeof(hash.bytes));
        len += (size_t)snprintf(text + len, LINE_BYTES_MAX, "%.*s %llu %s\n",
                                (int)lines[i].name.len, (const char *)lines[i].name.data,
                                (unsigned long long)(other ? size : lines[i].feed->edge.size),
                                root);
    }
    *out = p2p_sha256(p2p_slice_of(text, len));
    p2p_alloc_free(ledger->alloc, lines);
    return P2P_OK;
}

struct p2p_hash p2p_leaves_digest_of(const struct p2p_ledger *ledger,
                                     const struct p2p_hash *frontier)
{
    static const char use[] = "port2port/v1/leaves"; /* its NUL is part of the bytes */
    struct p2p_hash verdicts = p2p_lthash_digest(&ledger->verdict_set);
    const struct p2p_slice parts[] = {
        p2p_slice_of(use, sizeof(use)),
        p2p_slice_of(frontier->bytes, P2P_HASH_BYTES),
        p2p_slice_of(verdicts.bytes, P2P_HASH_BYTES),
    };
    return p2p_sha256_many(parts, 3);
}

enum p2p_err p2p_leaves_digest(const struct p2p_ledger *ledger, struct p2p_hash *out)
{
    struct p2p_hash frontier;
    enum p2p_err err = p2p_frontier_digest(ledger, &frontier);
    if (err == P2P_OK) {
        *out = p2p_leaves_digest_of(ledger, &frontier);
    }
    return err;
}
