/* What the parts of an export share. Private to node/audit.
 *
 *   export.c           which feeds; the order of things
 *   export_tiles.c     records and hashes
 *   export_notes.c     checkpoints, cosignatures, heartbeats
 *   export_payloads.c  payloads, and why some are not here
 *   export_proofs.c    forks and reused numbers */
#ifndef P2P_EXPORT_PARTS_H
#define P2P_EXPORT_PARTS_H

#include "archive_writer.h"

#include <p2p/export.h>

/* One feed that is exported, up to its newest head. */
struct p2p_export_feed {
    const struct p2p_feed *feed;
    const struct p2p_feed_info *info;
    char name[P2P_ARCHIVE_FEED_BYTES_MAX]; /* its directory */
};

struct p2p_export {
    const struct p2p_export_options *options;
    struct p2p_export_result *result;
    struct p2p_archive_writer *writer;
    struct p2p_arena arena;
    struct p2p_export_feed *feeds; /* in the order of their numbers */
    size_t feed_count;
    uint32_t member; /* the exporter's number; 0: the charter does not name it */
    uint64_t done;   /* steps of progress: records, counted twice */
    char message[512];
};

__attribute__((format(printf, 3, 4))) enum p2p_err
p2p_export_fail(struct p2p_export *export, enum p2p_err err, const char *format, ...);
void p2p_export_progress(struct p2p_export *export, uint64_t records);
/* The path of something of this feed. */
struct p2p_archive_place p2p_export_place(const struct p2p_export_feed *feed,
                                          enum p2p_place_type type);

P2P_MUST_CHECK enum p2p_err p2p_export_tiles(struct p2p_export *export,
                                             const struct p2p_export_feed *feed);
P2P_MUST_CHECK enum p2p_err p2p_export_notes(struct p2p_export *export,
                                             const struct p2p_export_feed *feed);
P2P_MUST_CHECK enum p2p_err p2p_export_payloads(struct p2p_export *export,
                                                const struct p2p_export_feed *feed);
P2P_MUST_CHECK enum p2p_err p2p_export_proofs(struct p2p_export *export);

#endif
