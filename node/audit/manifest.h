/* The manifest of an archive: its files and what is not in it, as text (ARCHIVE.md). Private to
 * node/audit.
 *
 *     port2port archive v1
 *     federation <id in hex>
 *     exporter <member>
 *
 *     <SHA-256 in hex> <size> <path>         a line each, sorted by the bytes of the path
 *
 *     <state> <feed> <circle> <first> <last>         sorted by feed, circle, first; of one feed
 * and circle no two share a record */
#ifndef P2P_MANIFEST_H
#define P2P_MANIFEST_H

#include <p2p/archive.h>

#include <stdio.h>

#define P2P_MANIFEST_NAME  "manifest"
#define P2P_MANIFEST_MAGIC "port2port archive v1\n"

struct p2p_manifest {
    struct p2p_hash federation_id;
    char exporter[P2P_NAME_BYTES_MAX + 1];
    struct p2p_archive_file *files;
    size_t file_count;
    struct p2p_payload_range *ranges;
    size_t range_count;
    const struct p2p_alloc *alloc;
};

/* Takes text apart, in place: paths and names stay in it, ended by zeros, so it must outlive
 * out. Strict: of two manifests that say the same, one is malformed. line [out]: the number of
 * the first bad line. P2P_MALFORMED, P2P_TOOLARGE, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_manifest_parse(struct p2p_manifest *out,
                                               const struct p2p_alloc *alloc, char *text,
                                               size_t len, size_t *line);
void p2p_manifest_deinit(struct p2p_manifest *manifest); /* accepts a zeroed object */

/* One line of a file, without its LF, taken apart in place; path stays in it, len bytes long
 * and not ended. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_manifest_file_line(struct p2p_slice line,
                                                   struct p2p_archive_file *file);
/* Orders: negative, 0 or positive, as strcmp. */
int p2p_manifest_compare_files(const void *left, const void *right);
int p2p_manifest_compare_ranges(const void *left, const void *right);

/* What a manifest begins with, and its lines; false when out failed. */
bool p2p_manifest_put_head(FILE *out, const struct p2p_hash *federation_id,
                           const char *exporter);
bool p2p_manifest_put_file(FILE *out, const struct p2p_archive_file *file);
bool p2p_manifest_put_range(FILE *out, const struct p2p_payload_range *range);

#endif
