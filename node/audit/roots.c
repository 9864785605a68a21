/* Roots at every size that a checkpoint or a `seen` names, from the hashes of whole blocks and
 * what stands right of them; and the tiles above level 0. */
#include "parts.h"

#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

/* ---- which ---- */

static enum p2p_err want(struct p2p_audit *audit, struct audit_log *log, uint64_t size)
{
    if (size == 0 || size > log->size) {
        return P2P_OK;
    }
    enum p2p_err err = audit_grow(audit->alloc, (void **)&log->roots, log->root_count,
                                  &log->root_cap, sizeof(*log->roots));
    if (err == P2P_OK) {
        log->roots[log->root_count++] = (struct p2p_feed_root){.size = size};
    }
    return err;
}

/* In every archive's log of that name: histories are compared at sizes that either names. */
static enum p2p_err want_everywhere(struct p2p_audit *audit, const struct audit_log *of,
                                    uint64_t size)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->log_count && err == P2P_OK; i++) {
        if (strcmp(audit->logs[i].name, of->name) == 0) {
            err = want(audit, &audit->logs[i], size);
        }
    }
    return err;
}

static enum p2p_err want_notes(struct p2p_audit *audit, const struct audit_log *log)
{
    struct p2p_archive_map map = {0};
    const struct p2p_archive *archive = audit->archives[log->archive];
    enum p2p_err err = want_everywhere(audit, log, log->size);
    for (size_t i = 0; i < p2p_archive_note_count(archive, log->place) && err == P2P_OK; i++) {
        struct p2p_archive_place place;
        struct p2p_slice bytes;
        struct p2p_note note;
        struct p2p_checkpoint checkpoint;
        err = p2p_archive_note(archive, log->place, i, &map, &place, &bytes);
        if (err == P2P_OK && p2p_note_parse(&note, bytes) == P2P_OK &&
            p2p_checkpoint_parse(&checkpoint, note.text, true) == P2P_OK) {
            err = want_everywhere(audit, log, checkpoint.size);
        } else if (err != P2P_NOMEM) {
            err = P2P_OK; /* notes.c says so */
        }
    }
    p2p_archive_unload(&map);
    return err;
}

static enum p2p_err want_claims(struct p2p_audit *audit, const struct audit_log *log)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < log->claim_count && err == P2P_OK; i++) {
        for (size_t j = 0; j < audit->log_count && err == P2P_OK; j++) {
            if (audit->logs[j].number == log->claims[i].of) {
                err = want(audit, &audit->logs[j], log->claims[i].size);
            }
        }
    }
    return err;
}

static int by_size(const void *left, const void *right)
{
    const struct p2p_feed_root *a = left;
    const struct p2p_feed_root *b = right;
    return a->size < b->size ? -1 : a->size > b->size;
}

static void settle(struct audit_log *log)
{
    size_t kept = 0;
    if (log->root_count > 0) {
        qsort(log->roots, log->root_count, sizeof(*log->roots), by_size);
    }
    for (size_t i = 0; i < log->root_count; i++) {
        if (kept == 0 || log->roots[kept - 1].size != log->roots[i].size) {
            log->roots[kept++] = log->roots[i];
        }
    }
    log->root_count = kept;
}

enum p2p_err audit_roots_want(struct p2p_audit *audit)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->log_count && err == P2P_OK; i++) {
        err = want_notes(audit, &audit->logs[i]);
        if (err == P2P_OK) {
            err = want_claims(audit, &audit->logs[i]);
        }
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        settle(&audit->logs[i]);
    }
    return err;
}

/* ---- what they are ---- */

/* tail: the root of what stands right of the whole blocks; NULL: nothing does. */
static struct p2p_hash root_with(const struct p2p_edge *blocks, const struct p2p_hash *tail)
{
    if (tail == NULL) {
        return p2p_edge_root(blocks);
    }
    struct p2p_hash root = *tail;
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX; level++) {
        if ((blocks->size >> level & 1) != 0) {
            root = p2p_node_hash(&blocks->peaks[level], &root);
        }
    }
    return root;
}

static enum p2p_err compute(void *context, size_t i)
{
    struct p2p_audit *audit = context;
    struct audit_log *log = &audit->logs[i];
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    for (size_t at = 0; at < log->root_count; at++) {
        struct p2p_feed_root *root = &log->roots[at];
        while ((edge.size + 1) * P2P_TILE_HASHES <= root->size) {
            p2p_edge_append(&edge, &log->blocks[edge.size], NULL);
        }
        bool whole = edge.size * P2P_TILE_HASHES == root->size;
        root->root = root_with(&edge, whole ? NULL : &root->root);
    }
    return P2P_OK;
}

const struct p2p_hash *audit_root_at(const struct audit_log *log, uint64_t size)
{
    const struct p2p_feed_root key = {.size = size};
    const struct p2p_feed_root *found =
        log->root_count == 0
            ? NULL
            : bsearch(&key, log->roots, log->root_count, sizeof(*log->roots), by_size);
    return found == NULL ? NULL : &found->root;
}

/* ---- tiles above level 0 ---- */

enum p2p_err audit_compare_tile(struct p2p_audit *audit, const struct audit_log *log, int level,
                                uint64_t number, const struct p2p_hash *hashes, uint32_t width)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    struct p2p_archive_map map = {0};
    struct p2p_slice bytes;
    const struct p2p_archive_place place = {.type = P2P_PLACE_TILE,
                                            .feed = p2p_slice_text(log->dir),
                                            .level = level,
                                            .number = number,
                                            .width = width};
    p2p_archive_path(path, &place);
    enum p2p_err err = p2p_archive_load(audit->archives[log->archive], path, &map, &bytes);
    if (err == P2P_OK &&
        !p2p_slice_equal(bytes, p2p_slice_of(hashes, width * sizeof(*hashes)))) {
        p2p_findings_tell(audit->findings, P2P_FINDING_BAD_TILE, path, P2P_FINDING_NOWHERE,
                          "it is not what the records hash to");
    } else if (err == P2P_NOTFOUND) {
        p2p_findings_tell(audit->findings, P2P_FINDING_TILE_MISSING, path, P2P_FINDING_NOWHERE,
                          "the layout has a tile here");
    }
    p2p_archive_unload(&map);
    return err == P2P_NOMEM ? err : P2P_OK;
}

/* One level: its tiles compared, and in place the hashes of the level above, so many of them.
 */
static enum p2p_err do_level(struct p2p_audit *audit, const struct audit_log *log, int level,
                             struct p2p_hash *hashes, uint64_t *count)
{
    enum p2p_err err = P2P_OK;
    uint64_t above = 0;
    for (uint64_t at = 0; at < *count && err == P2P_OK; at += P2P_TILE_HASHES) {
        uint64_t left = *count - at;
        uint32_t width = left < P2P_TILE_HASHES ? (uint32_t)left : P2P_TILE_HASHES;
        err = audit_compare_tile(audit, log, level, at / P2P_TILE_HASHES, hashes + at, width);
        if (width == P2P_TILE_HASHES) {
            struct p2p_edge edge;
            p2p_edge_init(&edge);
            for (uint32_t i = 0; i < width; i++) {
                p2p_edge_append(&edge, &hashes[at + i], NULL);
            }
            hashes[above++] = edge.peaks[8];
        }
    }
    *count = above;
    return err;
}

static enum p2p_err do_tiles(void *context, size_t i)
{
    struct p2p_audit *audit = context;
    const struct audit_log *log = &audit->logs[i];
    uint64_t count = log->size / P2P_TILE_HASHES;
    struct p2p_hash *hashes =
        p2p_alloc_zeroed(audit->alloc, (size_t)count + 1, sizeof(*hashes));
    if (hashes == NULL) {
        return P2P_NOMEM;
    }
    memcpy(hashes, log->blocks, (size_t)count * sizeof(*hashes));
    enum p2p_err err = P2P_OK;
    for (int level = 1; count > 0 && err == P2P_OK; level++) {
        err = do_level(audit, log, level, hashes, &count);
    }
    p2p_alloc_free(audit->alloc, hashes);
    return err;
}

enum p2p_err audit_roots(struct p2p_audit *audit)
{
    enum p2p_err err =
        audit_parallel(audit, "computing roots", audit->log_count, compute, audit);
    return err == P2P_OK
               ? audit_parallel(audit, "comparing tiles", audit->log_count, do_tiles, audit)
               : err;
}
