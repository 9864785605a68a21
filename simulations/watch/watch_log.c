#include "watch.h"

#include <p2p/assert.h>

#include <stdlib.h>

void *watch_room(void *items, size_t count, size_t *cap, size_t bytes)
{
    if (count < *cap) {
        return items;
    }
    size_t grown = *cap == 0 ? 16 : 2 * *cap;
    void *room = realloc(items, grown * bytes);
    p2p_assert(room != NULL);
    *cap = grown;
    return room;
}

void watch_log_append(struct watch_log *log, const struct p2p_hash *leaf)
{
    struct p2p_hash completed[P2P_TREE_LEVELS_MAX];
    uint64_t index = log->edge.size;
    unsigned count = p2p_edge_append(&log->edge, leaf, completed);
    for (unsigned level = 0; level <= count; level++) {
        log->levels[level] = watch_room(log->levels[level], (size_t)(index >> level),
                                        &log->caps[level], sizeof(*leaf));
        log->levels[level][index >> level] = level == 0 ? *leaf : completed[level - 1];
    }
}

static enum p2p_err read_level(void *context, unsigned level, uint64_t index,
                               struct p2p_hash *out)
{
    const struct watch_log *log = context;
    if (index >= log->edge.size >> level) {
        return P2P_NOTFOUND;
    }
    *out = log->levels[level][index];
    return P2P_OK;
}

bool watch_log_root(const struct watch_log *log, uint64_t size, struct p2p_hash *root)
{
    const struct p2p_tree_reader reader = {.hash = read_level, .context = (void *)log};
    if (size == log->edge.size) {
        *root = p2p_edge_root(&log->edge);
        return true;
    }
    return size < log->edge.size && p2p_tree_root_at(&reader, size, root) == P2P_OK;
}

bool watch_log_has(const struct watch_log *log, uint64_t size, const struct p2p_hash *root)
{
    struct p2p_hash own;
    return watch_log_root(log, size, &own) && p2p_hash_equal(&own, root);
}

void watch_log_deinit(struct watch_log *log)
{
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX; level++) {
        free(log->levels[level]);
    }
    *log = (struct watch_log){0};
}
