/* Proofs against others, as `audit fork` and `audit reuse` write them. */
#include "export_parts.h"

#include <p2p/forked.h>
#include <p2p/reuse.h>

#include <stdio.h>
#include <string.h>

static enum p2p_err put(struct p2p_export *export, const char *name, const char *text,
                        size_t len)
{
    const struct p2p_archive_place place = {.type = P2P_PLACE_PROOF,
                                            .name = p2p_slice_text(name)};
    return p2p_archive_writer_put(export->writer, &place, p2p_slice_of(text, len));
}

static enum p2p_err fork_of(struct p2p_export *export, const struct p2p_feed_info *info,
                            const char *dir)
{
    struct p2p_ledger *ledger = export->options->ledger;
    struct p2p_fork_told *told = p2p_arena_take(&export->arena, sizeof(*told));
    char *text = p2p_arena_take(&export->arena, P2P_FORK_TEXT_BYTES_MAX);
    char name[P2P_ARCHIVE_FEED_BYTES_MAX + 8];
    struct p2p_forked forked;
    struct p2p_entry entry;
    if (told == NULL || text == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_forked_get(ledger, export->options->kv, info->number, &forked);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    err = p2p_ledger_entry(ledger, &forked.proof, &entry);
    if (err == P2P_OK) {
        err = p2p_fork_told_read(told, entry.record.content);
    }
    if (err != P2P_OK) {
        return err;
    }
    snprintf(name, sizeof(name), "fork-%s", dir);
    return put(export, name, text, p2p_fork_text(&told->proof, &info->key, text));
}

static enum p2p_err reuse_of(struct p2p_export *export, const struct p2p_reused *at)
{
    struct p2p_ledger *ledger = export->options->ledger;
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, at->feed);
    struct p2p_reuse *reuse = p2p_arena_take(&export->arena, sizeof(*reuse));
    char *text = p2p_arena_take(&export->arena, P2P_REUSE_BYTES_MAX);
    char dir[P2P_ARCHIVE_FEED_BYTES_MAX];
    char name[P2P_ARCHIVE_FEED_BYTES_MAX + 32];
    if (info == NULL || p2p_archive_feed_dir(dir, p2p_slice_text(info->origin)) == 0) {
        return P2P_CORRUPT;
    }
    if (reuse == NULL || text == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_reuse_of(ledger, at->feed, at->issuer, reuse);
    if (err != P2P_OK) {
        return err;
    }
    snprintf(name, sizeof(name), "reuse-%s-%u", dir, (unsigned)at->issuer);
    return put(export, name, text, p2p_reuse_encode(reuse, &info->key, text));
}

enum p2p_err p2p_export_proofs(struct p2p_export *export)
{
    struct p2p_reused at = {.feed = 0};
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < export->feed_count && err == P2P_OK; i++) {
        if (export->feeds[i].feed->number != P2P_CHARTER_FEED) {
            err = fork_of(export, export->feeds[i].info, export->feeds[i].name);
        }
    }
    while (err == P2P_OK && (err = p2p_reused_next(export->options->kv, &at)) == P2P_OK) {
        err = reuse_of(export, &at);
    }
    err = err == P2P_NOTFOUND ? P2P_OK : err;
    return err == P2P_OK
               ? err
               : p2p_export_fail(export, err, "a proof in the store cannot be read: %s",
                                 p2p_err_text(err));
}
