#include "forgery.h"

#include <p2p/assert.h>
#include <p2p/frame.h>

#include <stdlib.h>
#include <string.h>

#define COSIGN_BYTES_MAX 512u

bool sim_forgery_begin(struct sim_forgery *forgery, struct sim_host *holder, uint32_t feed,
                       uint64_t from)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(holder->node.engine);
    const struct p2p_feed *held = p2p_ledger_feed(ledger, feed);
    *forgery = (struct sim_forgery){.feed = feed, .from = from};
    if (held == NULL || held->edge.size < from) {
        return false;
    }
    struct p2p_feed_hashes hashes = {feed, sim_disk_look(holder->disk)};
    struct p2p_tree_reader tree = p2p_feed_tree(&hashes);
    enum p2p_err err = p2p_tree_edge_at(&tree, from, &forgery->edge);
    sim_disk_look_end(holder->disk);
    return err == P2P_OK;
}

void sim_forgery_deinit(struct sim_forgery *forgery)
{
    free(forgery->records);
    *forgery = (struct sim_forgery){0};
}

static void add(struct sim_forgery *forgery, struct p2p_slice leaf, struct p2p_slice salted)
{
    size_t more = 4 + leaf.len + salted.len;
    struct p2p_writer out;
    if (forgery->len + more > forgery->cap) {
        forgery->cap = 2 * (forgery->len + more);
        forgery->records = realloc(forgery->records, forgery->cap);
        p2p_assert(forgery->records != NULL);
    }
    p2p_writer_init(&out, forgery->records + forgery->len, more);
    p2p_run_record_write(&out, leaf, salted);
    p2p_assert(p2p_writer_slice(&out).len == more);
    forgery->len += more;
    forgery->count++;
    struct p2p_hash hash = p2p_leaf_hash(leaf);
    p2p_edge_append(&forgery->edge, &hash, NULL);
}

void sim_forgery_note(struct sim_forgery *forgery, uint64_t time_ms, const char *text)
{
    uint8_t content[256];
    uint8_t leaf[512];
    struct p2p_pack pack;
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "text");
    p2p_pack_text(&pack, text);
    const struct p2p_draft draft = {
        .kind = P2P_KIND_NOTE, .time_ms = time_ms, .content = p2p_pack_slice(&pack)};
    struct p2p_pack out;
    p2p_pack_init(&out, leaf, sizeof(leaf));
    enum p2p_err err = p2p_record_encode(&draft, p2p_slice_text(""), &out);
    p2p_assert(err == P2P_OK);
    add(forgery, p2p_pack_slice(&out), p2p_slice_of(NULL, 0));
}

bool sim_forgery_copy(struct sim_forgery *forgery, struct sim_host *holder, uint64_t index)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(holder->node.engine);
    const struct p2p_feed *held = p2p_ledger_feed(ledger, forgery->feed);
    const struct p2p_kv *kv = sim_disk_look(holder->disk);
    struct p2p_slice leaf;
    struct p2p_slice salted = {NULL, 0};
    uint8_t key[12];
    struct p2p_writer out;
    uint8_t *copy = NULL;
    enum p2p_err err = p2p_feed_leaf(held, kv, index, &leaf);
    if (err == P2P_OK) {
        copy = malloc(leaf.len);
        p2p_assert(copy != NULL);
        memcpy(copy, leaf.data, leaf.len);
        leaf = p2p_slice_of(copy, leaf.len);
        p2p_writer_init(&out, key, sizeof(key));
        p2p_writer_u32(&out, forgery->feed);
        p2p_writer_u64(&out, index);
        enum p2p_err found = p2p_kv_get(kv, P2P_TABLE_PAYLOAD, p2p_writer_slice(&out), &salted);
        if (found != P2P_OK) {
            salted = p2p_slice_of(NULL, 0);
        }
        add(forgery, leaf, salted);
    }
    free(copy);
    sim_disk_look_end(holder->disk);
    return err == P2P_OK;
}

uint8_t *sim_forgery_sign(struct sim_forgery *forgery, const char *origin,
                          const struct p2p_sigs *sigs, const struct p2p_feed_secret *key,
                          size_t *len)
{
    const struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(origin),
                                              .size = forgery->edge.size,
                                              .root = p2p_edge_root(&forgery->edge)};
    size_t cap = forgery->len + 256;
    uint8_t *bytes = malloc(cap);
    struct p2p_writer out;
    p2p_assert(bytes != NULL);
    forgery->head.size = checkpoint.size;
    forgery->head.root = checkpoint.root;
    p2p_checkpoint_sign_feed(&checkpoint, sigs, key, &forgery->head.signature);
    p2p_writer_init(&out, bytes, cap);
    size_t begin =
        p2p_run_begin_write(&out, forgery->feed, forgery->from, forgery->count, &forgery->head);
    p2p_writer_bytes(&out, forgery->records, forgery->len);
    p2p_frame_end(&out, begin);
    *len = p2p_writer_slice(&out).len;
    return bytes;
}

uint8_t *sim_forgery_cosign(const struct p2p_tree_head *head, uint32_t feed, const char *origin,
                            uint32_t witness, const struct p2p_sigs *sigs,
                            const struct p2p_witness_secret *key, uint64_t time_s, size_t *len)
{
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(origin), .size = head->size, .root = head->root};
    struct p2p_cosign_body body = {
        .feed = feed, .size = head->size, .root = head->root, .witness = witness};
    uint8_t *bytes = malloc(COSIGN_BYTES_MAX);
    struct p2p_writer out;
    p2p_assert(bytes != NULL);
    p2p_cosign_witness(&checkpoint, sigs, key, time_s, &body.cosignature);
    p2p_writer_init(&out, bytes, COSIGN_BYTES_MAX);
    p2p_cosign_write(&out, &body);
    *len = p2p_writer_slice(&out).len;
    return bytes;
}
