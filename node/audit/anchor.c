#include <p2p/anchor.h>

#include <stdio.h>
#include <string.h>

enum p2p_err p2p_charter_anchor(const struct p2p_charter *charter,
                                const struct p2p_trust *trust, const struct p2p_sigs *sigs,
                                uint64_t *version)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, P2P_CHARTER_FEED);
    const struct p2p_vkey *log =
        info == NULL ? NULL : p2p_trust_log(trust, p2p_slice_text(info->origin));
    if (log == NULL) {
        return P2P_UNKNOWN;
    }
    if (memcmp(log->public_key, info->key.bytes, P2P_PUBLIC_BYTES) != 0) {
        return P2P_BADKEY;
    }
    for (uint64_t size = p2p_charter_good_size(charter); size > 0; size--) {
        struct p2p_slice leaf, note;
        struct p2p_checkpoint checkpoint;
        if (p2p_charter_entry(charter, size - 1, &leaf, &note) == P2P_OK &&
            p2p_trust_verify(trust, sigs, note, &checkpoint) == P2P_OK) {
            *version = size;
            return P2P_OK;
        }
    }
    return P2P_QUORUM;
}

const char *p2p_anchor_text(enum p2p_err err)
{
    switch (err) {
    case P2P_UNKNOWN:
        return "the charter is another federation's than the trust file names";
    case P2P_BADKEY:
        return "the charter's key is not the one that the trust file names";
    default:
        return "no version of the charter is cosigned by the roots that the trust file names";
    }
}

/* ---- the charter of an archive ---- */

/* Applies each entry with the note of exactly its size; notes ascend, and the newest one may
 * stand there twice. */
static enum p2p_err apply_entries(struct p2p_charter *charter,
                                  const struct p2p_archive *archive, size_t feed,
                                  char reason[P2P_REASON_BYTES])
{
    struct p2p_archive_map map = {0};
    struct p2p_archive_walk walk;
    size_t count = p2p_archive_note_count(archive, feed);
    enum p2p_err err = P2P_OK;
    p2p_archive_walk_begin(&walk, archive, feed, 0);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        struct p2p_slice note, leaf;
        uint64_t size = p2p_charter_size(charter);
        err = p2p_archive_note(archive, feed, i, &map, NULL, &note);
        if (err == P2P_OK && p2p_archive_note_size(note) == size + 1) {
            err = p2p_archive_walk_next(&walk, &leaf);
            err = err == P2P_OK
                      ? p2p_charter_apply(charter, p2p_sigs_ed25519(), size, leaf, note, reason)
                      : err;
        }
    }
    p2p_archive_walk_end(&walk);
    p2p_archive_unload(&map);
    if (err == P2P_OK && p2p_charter_size(charter) < p2p_archive_feed_size(archive, feed)) {
        snprintf(reason, P2P_REASON_BYTES, "no checkpoint is archived over its entry %llu",
                 (unsigned long long)p2p_charter_size(charter));
        err = P2P_MALFORMED;
    }
    return err;
}

enum p2p_err p2p_archive_charter(struct p2p_charter **out, const struct p2p_archive *archive,
                                 const struct p2p_alloc *alloc, char reason[P2P_REASON_BYTES])
{
    struct p2p_charter *charter = NULL;
    size_t feed = 0;
    reason[0] = '\0';
    enum p2p_err err = p2p_archive_feed_find(archive, "charter-1", &feed);
    if (err == P2P_OK) {
        err = p2p_charter_new(&charter, alloc, NULL);
    }
    if (err == P2P_OK) {
        err = apply_entries(charter, archive, feed, reason);
    }
    if (err == P2P_OK && p2p_charter_size(charter) == 0) {
        err = P2P_NOTFOUND;
    }
    if (err != P2P_OK) {
        if (reason[0] == '\0') {
            snprintf(reason, P2P_REASON_BYTES, "%s", p2p_err_text(err));
        }
        p2p_charter_free(charter);
        return err;
    }
    *out = charter;
    return P2P_OK;
}
