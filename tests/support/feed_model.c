#include "check.h"

#include "feed_model.h"

#include <stdlib.h>
#include <string.h>

void feed_model_init(struct feed_model *model)
{
    *model = (struct feed_model){.cap = 16};
    model->leaves = calloc(model->cap, sizeof(*model->leaves));
    model->lens = calloc(model->cap, sizeof(*model->lens));
    model->hashes = calloc(model->cap, sizeof(*model->hashes));
    model->roots = calloc(model->cap + 1, sizeof(*model->roots));
    CHECK(model->leaves && model->lens && model->hashes && model->roots);
    p2p_edge_init(&model->edge);
    model->roots[0] = p2p_edge_root(&model->edge);
}

void feed_model_free(struct feed_model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        free(model->leaves[i]);
    }
    free(model->leaves);
    free(model->lens);
    free(model->hashes);
    free(model->roots);
}

void feed_model_add(struct feed_model *model, size_t len)
{
    if (model->count == model->cap) {
        model->cap *= 2;
        model->leaves = realloc(model->leaves, model->cap * sizeof(*model->leaves));
        model->lens = realloc(model->lens, model->cap * sizeof(*model->lens));
        model->hashes = realloc(model->hashes, model->cap * sizeof(*model->hashes));
        model->roots = realloc(model->roots, (model->cap + 1) * sizeof(*model->roots));
        CHECK(model->leaves && model->lens && model->hashes && model->roots);
    }
    size_t i = model->count++;
    model->leaves[i] = malloc(len);
    CHECK(model->leaves[i] != NULL && len >= 10);
    memset(model->leaves[i], (int)(i * 7 + len), len);
    for (size_t b = 0; b < 8; b++) {
        model->leaves[i][b] = (uint8_t)(i >> (8 * b)); /* no two leaves are the same */
    }
    model->lens[i] = len;
    model->hashes[i] = p2p_leaf_hash(p2p_slice_of(model->leaves[i], len));
    p2p_edge_append(&model->edge, &model->hashes[i], NULL);
    model->roots[i + 1] = p2p_edge_root(&model->edge);
}

struct p2p_slice feed_model_leaf(const struct feed_model *model, size_t i)
{
    return p2p_slice_of(model->leaves[i], model->lens[i]);
}

struct p2p_tree_head feed_model_head(const struct feed_model *model, size_t size)
{
    struct p2p_tree_head head = {.size = size, .root = model->roots[size]};
    memset(head.signature.bytes, (int)size, P2P_SIGNATURE_BYTES);
    head.signature.bytes[0] = (uint8_t)(size >> 8);
    return head;
}

enum p2p_err feed_model_append(struct p2p_feed *feed, const struct p2p_kv *kv,
                               struct p2p_arena *arena, const struct feed_model *model,
                               size_t to)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = (size_t)feed->edge.size; i < to && err == P2P_OK; i++) {
        err = p2p_feed_append(feed, kv, arena, feed_model_leaf(model, i), &model->hashes[i], 0);
    }
    if (err == P2P_OK) {
        struct p2p_tree_head head = feed_model_head(model, to);
        err = p2p_feed_set_head(feed, kv, &head, (struct p2p_slice){0});
    }
    if (err == P2P_OK) {
        p2p_feed_end_batch(feed);
    }
    return err;
}

void feed_model_commit(struct p2p_feed *feed, struct memory_kv *store,
                       const struct feed_model *model, size_t to)
{
    struct p2p_arena arena;
    p2p_arena_init(&arena, p2p_alloc_default(), FEED_MODEL_ARENA_BYTES);
    CHECK_OK(feed_model_append(feed, memory_kv_begin(store), &arena, model, to));
    CHECK_OK(memory_kv_commit(store));
    p2p_arena_deinit(&arena);
}
