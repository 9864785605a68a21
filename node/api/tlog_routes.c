/* Feeds as C2SP tlog-tiles, for tools that know nothing of this project: GET
 * /tlog/<feed>/checkpoint and /tlog/<feed>/tile/..., with <feed> as in an archive (`beanr-1`).
 * Whoever may ask is decided before (daemon/http.c): over node.sock everything, else the
 * charter alone. */
#include "call.h"

#include <p2p/archive.h>
#include <p2p/witness.h>

#include <stdlib.h>
#include <string.h>

static const char never[] = "no-store";
/* What a tile or bundle of one width holds never changes. */
static const char for_ever[] = "public, max-age=31536000, immutable";

static const struct p2p_feed_info *feed_of(const struct p2p_charter *charter,
                                           struct p2p_slice dir)
{
    for (uint32_t i = 0; i < p2p_charter_feed_count(charter); i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        char name[P2P_ARCHIVE_FEED_BYTES_MAX];
        if (info != NULL && p2p_archive_feed_dir(name, p2p_slice_text(info->origin)) > 0 &&
            p2p_slice_equal(dir, p2p_slice_text(name))) {
            return info;
        }
    }
    return NULL;
}

static void not_there(struct p2p_call *call)
{
    p2p_call_error(call, 404, "not-found", NULL, "there is nothing at %s", call->path);
}

/* ---- the checkpoint ---- */

/* The newest head that a quorum cosigned, or the newest there is when none ever was. */
static enum p2p_err write_checkpoint(struct p2p_node *node, const struct p2p_feed_info *info,
                                     char *note, size_t *len)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, info->number);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(node->engine, info->number);
    enum p2p_err err = witnessing == NULL
                           ? P2P_NOTFOUND
                           : p2p_witnessing_note(witnessing, ledger->charter, feed, node->kv,
                                                 note, P2P_NOTE_BYTES_MAX, len);
    if (err == P2P_NOTFOUND && feed != NULL && feed->head.size > 0) {
        const struct p2p_cosigned head = {.size = feed->head.size,
                                          .root = feed->head.root,
                                          .log = feed->head.signature,
                                          .has_log = true};
        err = p2p_cosigned_note(ledger->charter, info->number, &head, note, P2P_NOTE_BYTES_MAX,
                                len);
    }
    return err;
}

static void reply_checkpoint(struct p2p_call *call, struct p2p_node *node,
                             const struct p2p_feed_info *info)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    char *note = p2p_call_take(call, P2P_NOTE_BYTES_MAX);
    struct p2p_slice leaf;
    struct p2p_slice text = {0};
    size_t len = 0;
    enum p2p_err err;
    if (info->number == P2P_CHARTER_FEED) {
        err = p2p_charter_entry(charter, p2p_charter_size(charter) - 1, &leaf, &text);
    } else {
        err = write_checkpoint(node, info, note, &len);
        text = p2p_slice_of(note, len);
    }
    if (err == P2P_NOTFOUND) {
        not_there(call);
    } else if (err != P2P_OK) {
        p2p_call_err(call, err, "the checkpoint cannot be read");
    } else {
        p2p_call_reply_bytes(call, 200, "text/plain; charset=utf-8", never, text);
    }
}

/* ---- tiles ---- */

static enum p2p_err write_hashes(const struct p2p_node *node, uint32_t feed,
                                 const struct p2p_archive_place *place, struct p2p_writer *out)
{
    struct p2p_feed_hashes source = {.feed = feed, .kv = node->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; i < place->width && err == P2P_OK; i++) {
        struct p2p_hash hash;
        err = reader.hash(reader.context, 8u * (unsigned)place->level,
                          place->number * P2P_TILE_HASHES + i, &hash);
        if (err == P2P_OK) {
            p2p_writer_bytes(out, hash.bytes, P2P_HASH_BYTES);
        }
    }
    return err;
}

static enum p2p_err write_records(const struct p2p_node *node, const struct p2p_feed *feed,
                                  const struct p2p_archive_place *place, struct p2p_writer *out)
{
    struct p2p_feed_walk walk;
    enum p2p_err err = P2P_OK;
    p2p_feed_walk_begin(&walk, feed, node->kv, place->number * P2P_TILE_HASHES);
    for (uint32_t i = 0; i < place->width && err == P2P_OK; i++) {
        struct p2p_slice leaf;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK) {
            p2p_writer_u16(out, (uint16_t)leaf.len);
            p2p_writer_bytes(out, leaf.data, leaf.len);
        }
    }
    return err;
}

static bool is_held(const struct p2p_feed *feed, const struct p2p_archive_place *place)
{
    unsigned level = place->type == P2P_PLACE_TILE ? (unsigned)place->level : 0;
    uint64_t count = feed == NULL ? 0 : feed->edge.size >> (level * 8) % 64;
    return level * 8 < 64 && place->number <= count / P2P_TILE_HASHES &&
           place->number * P2P_TILE_HASHES + place->width <= count;
}

static void reply_tile(struct p2p_call *call, struct p2p_node *node,
                       const struct p2p_feed_info *info, const struct p2p_archive_place *place)
{
    struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(node->engine), info->number);
    const bool entries = place->type == P2P_PLACE_ENTRIES;
    const size_t cap =
        place->width * (entries ? 2 + (size_t)P2P_RECORD_BYTES_MAX : (size_t)P2P_HASH_BYTES);
    struct p2p_writer out;
    if (!is_held(feed, place)) {
        not_there(call);
        return;
    }
    uint8_t *bytes = malloc(cap); /* a bundle of the largest records takes as much as a call's
                                     arena */
    if (bytes == NULL) {
        p2p_call_err(call, P2P_NOMEM, p2p_err_text(P2P_NOMEM));
        return;
    }
    p2p_writer_init(&out, bytes, cap);
    enum p2p_err err = p2p_feed_flush(feed, node->kv);
    if (err == P2P_OK) {
        err = entries ? write_records(node, feed, place, &out)
                      : write_hashes(node, info->number, place, &out);
    }
    if (err != P2P_OK || out.failed) {
        p2p_call_err(call, err == P2P_OK ? P2P_CORRUPT : err, "the tile cannot be read");
    } else {
        p2p_call_reply_bytes(call, 200, "application/octet-stream", for_ever,
                             p2p_writer_slice(&out));
    }
    free(bytes);
}

/* ---- routes ---- */

/* The verifier key under which logs outside the federation are witnessed. */
static void reply_witness(struct p2p_call *call, const struct p2p_node *node)
{
    char name[P2P_TLOG_NAME_BYTES];
    char text[P2P_VKEY_BYTES_MAX + 1];
    struct p2p_vkey vkey;
    if (node->config.witness_logs_count == 0) {
        not_there(call);
        return;
    }
    p2p_vkey_init(&vkey, p2p_tlog_witness_name(node, name), P2P_NOTE_COSIGNATURE,
                  node->foreign_key.public_key.bytes);
    size_t len = p2p_vkey_format(&vkey, text);
    text[len++] = '\n';
    p2p_call_reply_bytes(call, 200, "text/plain; charset=utf-8", never,
                         p2p_slice_of(text, len));
}

static void start_get(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_archive_place place;
    const struct p2p_feed_info *info = NULL;
    const char *path = call->path + strlen("/tlog/");
    if (strcmp(path, "witness") == 0) {
        reply_witness(call, node);
        return;
    }
    enum p2p_err err = p2p_archive_path_parse(p2p_slice_text(path), &place);
    if (err == P2P_OK && place.type != P2P_PLACE_PROOF) {
        info = feed_of(p2p_engine_ledger(node->engine)->charter, place.feed);
    }
    if (info != NULL && place.type == P2P_PLACE_CHECKPOINT) {
        reply_checkpoint(call, node, info);
    } else if (info != NULL &&
               (place.type == P2P_PLACE_TILE || place.type == P2P_PLACE_ENTRIES)) {
        reply_tile(call, node, info, &place);
    } else {
        not_there(call);
    }
}

const struct p2p_route p2p_tlog_routes[] = {
    {.method = "GET",
     .path = "/tlog/charter-1/{path}",
     .start = start_get,
     .who = P2P_WHO_ANYBODY,
     .errors = "404"},
    {.method = "GET",
     .path = "/tlog/witness",
     .start = start_get,
     .who = P2P_WHO_ANYBODY,
     .errors = "404"},
    {.method = "GET",
     .path = "/tlog/{path}",
     .start = start_get,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .errors = "404"},
    {.method = "POST",
     .path = "/tlog/add-checkpoint",
     .start = p2p_tlog_witness_start,
     .who = P2P_WHO_ANYBODY,
     .errors = "400 403 404 409 422"},
    {.method = "POST",
     .path = "/tlog/{path}",
     .start = p2p_tlog_witness_start,
     .who = P2P_WHO_OPERATOR,
     .rate = P2P_RATE_WRITE,
     .errors = "400 404 409 422"},
    {0},
};
