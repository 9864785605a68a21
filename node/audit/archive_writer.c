#include "archive_writer_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_NAME  "manifest.tmp" /* of whatever file is being written */
#define PATHS_BYTES_MAX P2P_MANIFEST_BYTES_MAX

const char *p2p_archive_writer_message(const struct p2p_archive_writer *writer)
{
    return writer->message;
}

struct p2p_archive_written p2p_archive_writer_written(const struct p2p_archive_writer *writer)
{
    return writer->written;
}

enum p2p_err p2p_archive_writer_fail(struct p2p_archive_writer *writer, enum p2p_err err,
                                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(writer->message, sizeof(writer->message), format, args);
    va_end(args);
    return err;
}

enum p2p_err p2p_archive_writer_fail_errno(struct p2p_archive_writer *writer, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return p2p_archive_writer_fail(writer, full ? P2P_FULL : P2P_IO, "%s/%s: %s", writer->dir,
                                   path, strerror(errno));
}

enum p2p_err p2p_archive_writer_fail_memory(struct p2p_archive_writer *writer)
{
    return p2p_archive_writer_fail(writer, P2P_NOMEM, "%s", p2p_err_text(P2P_NOMEM));
}

void *p2p_archive_writer_grow(const struct p2p_alloc *alloc, void **items, size_t *count,
                              size_t *cap, size_t bytes)
{
    if (*count == *cap) {
        size_t more = *cap == 0 ? 64 : 2 * *cap;
        void *grown = p2p_alloc_resize(alloc, *items, more, bytes);
        if (grown == NULL) {
            return NULL;
        }
        *items = grown;
        *cap = more;
    }
    return (uint8_t *)*items + (*count)++ * bytes;
}

/* ---- opening ---- */

enum p2p_err p2p_archive_writer_open(struct p2p_archive_writer **out, const char *dir,
                                     const struct p2p_alloc *alloc,
                                     const struct p2p_hash *federation_id, const char *exporter,
                                     char *message, size_t cap)
{
    struct p2p_archive_writer *writer = p2p_alloc_zeroed(alloc, 1, sizeof(*writer));
    if (writer == NULL) {
        snprintf(message, cap, "%s", p2p_err_text(P2P_NOMEM));
        return P2P_NOMEM;
    }
    writer->alloc = alloc;
    writer->dir_fd = -1;
    writer->federation_id = *federation_id;
    snprintf(writer->dir, sizeof(writer->dir), "%s", dir);
    snprintf(writer->exporter, sizeof(writer->exporter), "%s", exporter);
    p2p_arena_init(&writer->paths, alloc, PATHS_BYTES_MAX);
    enum p2p_err err = p2p_archive_writer_left(writer, dir);
    if (err != P2P_OK) {
        snprintf(message, cap, "%s", writer->message);
        p2p_archive_writer_close(writer);
        return err;
    }
    *out = writer;
    return P2P_OK;
}

void p2p_archive_writer_close(struct p2p_archive_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    const struct p2p_alloc *alloc = writer->alloc;
    if (writer->journal != NULL) {
        fclose(writer->journal);
    }
    if (writer->dir_fd >= 0) {
        close(writer->dir_fd);
    }
    p2p_manifest_deinit(&writer->manifest);
    p2p_arena_deinit(&writer->paths);
    p2p_alloc_free(alloc, writer->journaled);
    p2p_alloc_free(alloc, writer->files);
    p2p_alloc_free(alloc, writer->ranges);
    p2p_alloc_free(alloc, writer->unsynced);
    free(writer->manifest_text);
    free(writer->journal_text);
    p2p_alloc_free(alloc, writer);
}

/* ---- files ---- */

/* Lists a file; path is copied. */
static struct p2p_archive_file *list(struct p2p_archive_writer *writer, const char *path,
                                     uint64_t size, const struct p2p_hash *hash)
{
    struct p2p_slice copy =
        p2p_arena_copy(&writer->paths, p2p_slice_of(path, strlen(path) + 1));
    struct p2p_archive_file *file =
        copy.data == NULL
            ? NULL
            : p2p_archive_writer_grow(writer->alloc, (void **)&writer->files,
                                      &writer->file_count, &writer->file_cap, sizeof(*file));
    if (file != NULL) {
        *file = (struct p2p_archive_file){
            .path = (const char *)copy.data, .size = size, .hash = *hash};
    }
    return file;
}

static bool write_all(int fd, struct p2p_slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.data, bytes.len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return false;
        }
        bytes = p2p_slice_of(bytes.data + put, bytes.len - (size_t)put);
    }
    return true;
}

/* Makes the directories that path lies in. */
static bool make_parents(int dir_fd, const char *path)
{
    char part[P2P_ARCHIVE_PATH_BYTES_MAX];
    for (size_t i = 1; path[i] != '\0'; i++) {
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdirat(dir_fd, part, P2P_ARCHIVE_DIR_MODE) != 0 && errno != EEXIST) {
                return false;
            }
        }
    }
    return true;
}

/* Under another name first, so that a file is whole or not there. */
static enum p2p_err write_file(struct p2p_archive_writer *writer, const char *path,
                               struct p2p_slice bytes)
{
    int fd =
        openat(writer->dir_fd, TEMPORARY_NAME,
               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, P2P_ARCHIVE_FILE_MODE);
    if (fd < 0) {
        return p2p_archive_writer_fail_errno(writer, TEMPORARY_NAME);
    }
    bool good = write_all(fd, bytes);
    good = close(fd) == 0 && good;
    if (!good) {
        return p2p_archive_writer_fail_errno(writer, path);
    }
    if (renameat(writer->dir_fd, TEMPORARY_NAME, writer->dir_fd, path) == 0) {
        return P2P_OK;
    }
    if (errno != ENOENT || !make_parents(writer->dir_fd, path) ||
        renameat(writer->dir_fd, TEMPORARY_NAME, writer->dir_fd, path) != 0) {
        return p2p_archive_writer_fail_errno(writer, path);
    }
    return P2P_OK;
}

/* Everything written is on the disk, and then the journal says so. */
static enum p2p_err sync_files(struct p2p_archive_writer *writer)
{
    bool good = true;
    if (writer->unsynced_count == 0) {
        return P2P_OK;
    }
    if (syncfs(writer->dir_fd) != 0) {
        return p2p_archive_writer_fail_errno(writer, ".");
    }
    for (size_t i = 0; i < writer->unsynced_count && good; i++) {
        good = p2p_manifest_put_file(writer->journal, &writer->files[writer->unsynced[i]]);
    }
    if (!good || fflush(writer->journal) != 0) {
        return p2p_archive_writer_fail_errno(writer, P2P_JOURNAL_NAME);
    }
    writer->unsynced_count = 0;
    writer->unsynced_bytes = 0;
    return P2P_OK;
}

enum p2p_err p2p_archive_writer_put(struct p2p_archive_writer *writer,
                                    const struct p2p_archive_place *place,
                                    struct p2p_slice bytes)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    struct p2p_hash hash = p2p_sha256(bytes);
    p2p_archive_path(path, place);
    const struct p2p_archive_file *there = p2p_archive_writer_known(writer, path);
    if (list(writer, path, bytes.len, &hash) == NULL) {
        return p2p_archive_writer_fail_memory(writer);
    }
    if (there != NULL && there->size == bytes.len && p2p_hash_equal(&there->hash, &hash)) {
        return P2P_OK;
    }
    size_t *unsynced = p2p_archive_writer_grow(writer->alloc, (void **)&writer->unsynced,
                                               &writer->unsynced_count, &writer->unsynced_cap,
                                               sizeof(*unsynced));
    if (unsynced == NULL) {
        return p2p_archive_writer_fail_memory(writer);
    }
    *unsynced = writer->file_count - 1;
    enum p2p_err err = write_file(writer, path, bytes);
    if (err != P2P_OK) {
        return err;
    }
    writer->written.files++;
    writer->written.bytes += bytes.len;
    writer->unsynced_bytes += bytes.len;
    return writer->unsynced_bytes >= P2P_JOURNAL_EVERY_BYTES ? sync_files(writer) : P2P_OK;
}

bool p2p_archive_writer_has(const struct p2p_archive_writer *writer,
                            const struct p2p_archive_place *place)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    p2p_archive_path(path, place);
    return p2p_archive_writer_known(writer, path) != NULL;
}

bool p2p_archive_writer_is(const struct p2p_archive_writer *writer,
                           const struct p2p_archive_place *place, struct p2p_slice bytes)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    p2p_archive_path(path, place);
    const struct p2p_archive_file *there = p2p_archive_writer_known(writer, path);
    struct p2p_hash hash = p2p_sha256(bytes);
    return there != NULL && there->size == bytes.len && p2p_hash_equal(&there->hash, &hash);
}

bool p2p_archive_writer_keep(struct p2p_archive_writer *writer,
                             const struct p2p_archive_place *place)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    p2p_archive_path(path, place);
    const struct p2p_archive_file *there = p2p_archive_writer_known(writer, path);
    return there != NULL && list(writer, path, there->size, &there->hash) != NULL;
}

static bool named(struct p2p_slice feed, const char *const *feeds, size_t feed_count)
{
    for (size_t i = 0; i < feed_count; i++) {
        if (p2p_slice_equal(feed, p2p_slice_text(feeds[i]))) {
            return true;
        }
    }
    return false;
}

enum p2p_err p2p_archive_writer_keep_others(struct p2p_archive_writer *writer,
                                            const char *const *feeds, size_t feed_count)
{
    const struct p2p_manifest *manifest = &writer->manifest;
    for (size_t i = 0; i < manifest->file_count; i++) {
        const struct p2p_archive_file *file = &manifest->files[i];
        struct p2p_archive_place place;
        if (p2p_archive_path_parse(p2p_slice_text(file->path), &place) == P2P_OK &&
            place.type != P2P_PLACE_PROOF && !named(place.feed, feeds, feed_count) &&
            list(writer, file->path, file->size, &file->hash) == NULL) {
            return p2p_archive_writer_fail_memory(writer);
        }
    }
    for (size_t i = 0; i < manifest->range_count; i++) {
        const struct p2p_payload_range *range = &manifest->ranges[i];
        if (!named(p2p_slice_text(range->feed), feeds, feed_count)) {
            enum p2p_err err = p2p_archive_writer_range(writer, range);
            if (err != P2P_OK) {
                return err;
            }
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_archive_writer_range(struct p2p_archive_writer *writer,
                                      const struct p2p_payload_range *range)
{
    if (writer->range_count == P2P_MANIFEST_RANGES_MAX) {
        return p2p_archive_writer_fail(writer, P2P_TOOLARGE,
                                       "more than %u ranges of payloads are not here",
                                       P2P_MANIFEST_RANGES_MAX);
    }
    struct p2p_payload_range *place =
        p2p_archive_writer_grow(writer->alloc, (void **)&writer->ranges, &writer->range_count,
                                &writer->range_cap, sizeof(*place));
    if (place == NULL) {
        return p2p_archive_writer_fail_memory(writer);
    }
    *place = *range;
    return P2P_OK;
}

/* ---- the end ---- */

static bool put_lines(struct p2p_archive_writer *writer, FILE *out)
{
    bool good = fwrite(writer->head, 1, writer->head_len, out) == writer->head_len;
    for (size_t i = 0; i < writer->file_count && good; i++) {
        good = p2p_manifest_put_file(out, &writer->files[i]);
    }
    good = good && fputc('\n', out) != EOF;
    for (size_t i = 0; i < writer->range_count && good; i++) {
        good = p2p_manifest_put_range(out, &writer->ranges[i]);
    }
    return good;
}

static enum p2p_err write_manifest(struct p2p_archive_writer *writer)
{
    int fd =
        openat(writer->dir_fd, TEMPORARY_NAME,
               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, P2P_ARCHIVE_FILE_MODE);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL) {
        return p2p_archive_writer_fail_errno(writer, P2P_MANIFEST_NAME);
    }
    bool good = put_lines(writer, out);
    good = fflush(out) == 0 && good && fsync(fd) == 0;
    good = fclose(out) == 0 && good;
    good = good &&
           renameat(writer->dir_fd, TEMPORARY_NAME, writer->dir_fd, P2P_MANIFEST_NAME) == 0;
    return good ? P2P_OK : p2p_archive_writer_fail_errno(writer, P2P_MANIFEST_NAME);
}

/* Only what can be of an archive: other files are somebody's, and the audit names them. */
static void remove_stray(void *context, const char *path)
{
    struct p2p_archive_writer *writer = context;
    struct p2p_archive_place place;
    char dir[P2P_ARCHIVE_PATH_BYTES_MAX];
    if (p2p_archive_path_parse(p2p_slice_text(path), &place) != P2P_OK ||
        unlinkat(writer->dir_fd, path, 0) != 0) {
        return;
    }
    writer->written.removed++;
    snprintf(dir, sizeof(dir), "%s", path);
    for (char *slash; (slash = strrchr(dir, '/')) != NULL;) { /* up to one that holds more */
        *slash = '\0';
        if (unlinkat(writer->dir_fd, dir, AT_REMOVEDIR) != 0) {
            break;
        }
    }
}

/* Reads what was written as an auditor would, and removes what is not in it. */
static enum p2p_err tidy(struct p2p_archive_writer *writer, struct p2p_hash *manifest,
                         uint64_t *files)
{
    struct p2p_archive *archive = NULL;
    char dir[64];
    snprintf(dir, sizeof(dir), "/proc/self/fd/%d", writer->dir_fd);
    enum p2p_err err = p2p_archive_open(&archive, dir, writer->alloc, writer->message,
                                        sizeof(writer->message));
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_archive_strays(archive, remove_stray, writer);
    *manifest = p2p_archive_hash(archive);
    *files = p2p_archive_file_count(archive);
    p2p_archive_close(archive);
    return err == P2P_OK ? P2P_OK : p2p_archive_writer_fail_errno(writer, ".");
}

enum p2p_err p2p_archive_writer_finish(struct p2p_archive_writer *writer,
                                       struct p2p_hash *manifest, uint64_t *files)
{
    enum p2p_err err = sync_files(writer);
    if (writer->file_count > 0) {
        qsort(writer->files, writer->file_count, sizeof(*writer->files),
              p2p_manifest_compare_files);
    }
    if (writer->range_count > 0) {
        qsort(writer->ranges, writer->range_count, sizeof(*writer->ranges),
              p2p_manifest_compare_ranges);
    }
    if (err == P2P_OK) {
        err = write_manifest(writer);
    }
    if (err == P2P_OK) {
        err = tidy(writer, manifest, files);
    }
    if (err == P2P_OK &&
        (unlinkat(writer->dir_fd, P2P_JOURNAL_NAME, 0) != 0 || fsync(writer->dir_fd) != 0)) {
        err = p2p_archive_writer_fail_errno(writer, P2P_JOURNAL_NAME);
    }
    return err;
}
