/* The portable proof that a log signed two histories: two heads, and how the tree of the larger
 * one leads from the size of the smaller one to it, through another root. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/file.h>
#include <p2p/fork.h>

#include <stdio.h>
#include <string.h>

/* The tree of one log: whole blocks are at hand, what is in them stands in tiles. */
struct tree {
    struct p2p_audit *audit;
    const struct audit_log *log;
    struct p2p_archive_map map;
};

static enum p2p_err in_block(struct tree *tree, unsigned level, uint64_t index,
                             struct p2p_edge *edge)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    struct p2p_slice bytes;
    uint64_t first = index << level;
    uint64_t number = first / P2P_TILE_HASHES;
    uint64_t left = tree->log->size - number * P2P_TILE_HASHES;
    const struct p2p_archive_place place = {.type = P2P_PLACE_TILE,
                                            .feed = p2p_slice_text(tree->log->dir),
                                            .number = number,
                                            .width = left < P2P_TILE_HASHES ? (uint32_t)left
                                                                            : P2P_TILE_HASHES};
    p2p_archive_path(path, &place);
    enum p2p_err err =
        p2p_archive_load(tree->audit->archives[tree->log->archive], path, &tree->map, &bytes);
    for (uint64_t i = first; err == P2P_OK && i < first + (UINT64_C(1) << level); i++) {
        size_t at = (size_t)(i % P2P_TILE_HASHES) * P2P_HASH_BYTES;
        struct p2p_hash hash;
        if (at + P2P_HASH_BYTES > bytes.len) {
            return P2P_CORRUPT;
        }
        memcpy(hash.bytes, bytes.data + at, P2P_HASH_BYTES);
        p2p_edge_append(edge, &hash, NULL);
    }
    return err;
}

static enum p2p_err subtree(void *context, unsigned level, uint64_t index, struct p2p_hash *out)
{
    enum { BLOCK_LEVEL = 8 };
    struct tree *tree = context;
    struct p2p_edge edge;
    enum p2p_err err = P2P_OK;
    p2p_edge_init(&edge);
    if (level < BLOCK_LEVEL) {
        err = in_block(tree, level, index, &edge);
        if (err == P2P_OK) {
            *out = edge.peaks[level];
        }
        return err;
    }
    level -= BLOCK_LEVEL;
    uint64_t first = index << level;
    if (first + (UINT64_C(1) << level) > tree->log->size / P2P_TILE_HASHES) {
        return P2P_CORRUPT;
    }
    for (uint64_t i = 0; i < UINT64_C(1) << level; i++) {
        p2p_edge_append(&edge, &tree->log->blocks[first + i], NULL);
    }
    *out = edge.peaks[level];
    return P2P_OK;
}

static enum p2p_err build(struct p2p_audit *audit, const struct audit_log *log,
                          const struct p2p_tree_head *other, struct p2p_fork_proof *proof)
{
    struct tree tree = {.audit = audit, .log = log};
    const struct p2p_tree_reader reader = {.hash = subtree, .context = &tree};
    const struct p2p_hash *root = audit_root_at(log, other->size);
    *proof = (struct p2p_fork_proof){.origin = p2p_slice_text(log->info->origin),
                                     .heads = {*other, log->head}};
    if (root == NULL || other->size > log->head.size) {
        return P2P_USAGE;
    }
    proof->other_root = *root;
    enum p2p_err err =
        other->size == log->head.size
            ? P2P_OK
            : p2p_tree_consistency(&reader, other->size, log->head.size, &proof->proof);
    p2p_archive_unload(&tree.map);
    return err;
}

enum p2p_err audit_prove_fork(struct p2p_audit *audit, const struct audit_log *log,
                              const struct p2p_tree_head *other)
{
    char text[P2P_FORK_TEXT_BYTES_MAX];
    char path[P2P_PATH_BYTES_MAX];
    char message[P2P_MESSAGE_BYTES_MAX];
    struct p2p_fork_proof proof;
    if (audit->options.proofs_dir == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = build(audit, log, other, &proof);
    if (err != P2P_OK ||
        p2p_fork_verify(&proof, p2p_sigs_ed25519(), &log->info->key) != P2P_OK) {
        return err == P2P_NOMEM ? err : P2P_OK; /* nothing that proves it is here */
    }
    int len = snprintf(path, sizeof path, "%s/%s.fork", audit->options.proofs_dir, log->dir);
    if (len < 0 || (size_t)len >= sizeof path) {
        return P2P_TOOLARGE;
    }
    err = p2p_dir_make(audit->options.proofs_dir, 0755, message, sizeof message);
    if (err == P2P_OK) {
        size_t bytes = p2p_fork_text(&proof, &log->info->key, text);
        err = p2p_file_write(path, p2p_slice_of(text, bytes), 0644, P2P_FILE_REPLACE, message,
                             sizeof message);
    }
    return err;
}
