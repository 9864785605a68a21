/* Exporting: what a node holds, written as an archive (archive.h, ARCHIVE.md).
 *
 * The bytes of an archive are a function of what the node holds and of nothing else: no time of
 * the export, no order of arrival. A second export into the same directory writes what is new,
 * replaces what changed (`checkpoint`, the edges, payloads that came or went) and removes what
 * is no longer so (a partial tile that grew); an export that was killed goes on where its
 * journal ends (`manifest.part`), and in the end the bytes are those of one that was not. The
 * manifest comes last: a directory with a `manifest.part` is not finished.
 *
 * What is written is checked: the records lead to the signed head, or the export ends. It works
 * through a ledger and the kv seam, in a transaction of its caller's that lasts as long: give
 * it a copy of a store, not the store of a node that serves. One thread. */
#ifndef P2P_EXPORT_H
#define P2P_EXPORT_H

#include <p2p/archive.h>
#include <p2p/ledger.h>

#define P2P_EXPORT_ARENA_BYTES ((size_t)1 << 30) /* paths and notes: grows with the files */

struct p2p_export_options {
    const char *dir;           /* made when it is missing */
    struct p2p_ledger *ledger; /* opened from kv; the export begins its own batch */
    const struct p2p_kv *kv;   /* borrowed */
    const char *exporter;      /* whose node this is: a member's name */
    const uint32_t *feeds;     /* numbers; the charter's is added. Others stay as they are */
    size_t feed_count;         /* 0: all */
    /* Called now and then; may be NULL. */
    void (*progress)(void *context, uint64_t done_records, uint64_t of_records);
    void *context;
};

struct p2p_export_result {
    uint64_t feeds;
    uint64_t records; /* in the feeds exported, */
    uint64_t added;   /* of which were not in the archive before */
    uint64_t payloads;
    uint64_t files;         /* in the whole archive, */
    uint64_t written_files; /* of which this export wrote, */
    uint64_t written_bytes;
    uint64_t removed_files;
    struct p2p_hash manifest; /* its SHA-256: names the archive */
};

/* message [out]: one sentence on error. P2P_USAGE (dir is neither empty nor an archive, or one
 * of another federation or exporter), P2P_LOCKED (another export runs there), P2P_CORRUPT (the
 * store is damaged), P2P_FULL, P2P_IO, P2P_TOOLARGE, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_export_run(const struct p2p_export_options *options,
                                           struct p2p_export_result *result, char *message,
                                           size_t cap);

#endif
