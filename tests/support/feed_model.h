/* What a feed should be, kept beside it the simplest way: its leaves, and the root after each
 * of them. CHECKs that memory is there. */
#ifndef FEED_MODEL_H
#define FEED_MODEL_H

#include "machine/memory_kv.h"

#include <p2p/feed.h>

#define FEED_MODEL_ARENA_BYTES ((size_t)1 << 20) /* enough for a batch of it */

struct feed_model {
    uint8_t **leaves;
    size_t *lens;
    struct p2p_hash *hashes;
    struct p2p_hash *roots; /* roots[n]: of the first n leaves */
    size_t count;
    size_t cap;
    struct p2p_edge edge;
};

void feed_model_init(struct feed_model *model);
void feed_model_free(struct feed_model *model);
/* One more leaf, of len bytes, at least 10; no two are the same. */
void feed_model_add(struct feed_model *model, size_t len);
struct p2p_slice feed_model_leaf(const struct feed_model *model, size_t i);
/* A head is opaque to the feed; this one can be told from others. */
struct p2p_tree_head feed_model_head(const struct feed_model *model, size_t size);
/* Appends the model's leaves from the feed's size up to `to`, in one batch with its head. */
enum p2p_err feed_model_append(struct p2p_feed *feed, const struct p2p_kv *kv,
                               struct p2p_arena *arena, const struct feed_model *model,
                               size_t to);
/* The same, committed. */
void feed_model_commit(struct p2p_feed *feed, struct memory_kv *store,
                       const struct feed_model *model, size_t to);
#endif
