#include "packed_runs.h"

#include <p2p/bytes.h>

static uint32_t hash_of(struct p2p_slice key)
{
    uint32_t hash = 2166136261u; /* FNV-1a: a wrong guess only fills a block less */
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ key.data[i]) * 16777619u;
    }
    return hash;
}

void packed_runs_add(struct packed_runs *runs, struct p2p_slice key)
{
    runs->keys[runs->next++ % PACKED_RUNS_MAX] = hash_of(key);
}

static bool was_added(const struct packed_runs *runs, const struct block_walk *walk)
{
    uint32_t hash = hash_of(p2p_slice_of(walk->key, walk->key_len));
    for (size_t i = 0; i < PACKED_RUNS_MAX; i++) {
        if (runs->keys[i] == hash) {
            return true;
        }
    }
    return false;
}

size_t packed_runs_end(const struct packed_runs *runs, struct p2p_slice block, size_t before,
                       size_t *count)
{
    struct block_walk walk;
    size_t end = 0;
    *count = 0;
    enum block_found found = block_begin(&walk, block);
    while (found == BLOCK_ROW && walk.end < before) {
        found = block_next(&walk);
        ++*count;
        if (found == BLOCK_ROW && walk.at < before && was_added(runs, &walk)) {
            end = walk.end;
        }
    }
    return end;
}
