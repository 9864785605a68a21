#include "archive_writer.h"

#include "archive_parts.h"

#include <p2p/assert.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_NAME  "manifest.tmp" /* of whatever file is being written */
#define PATHS_BYTES_MAX P2P_MANIFEST_BYTES_MAX
#define MESSAGE_BYTES   512u
#define DIR_MODE        0755
#define FILE_MODE       0644
#define HEAD_BYTES_MAX  256u

struct p2p_archive_writer {
    const struct p2p_alloc *alloc;
    int dir_fd;
    char dir[256]; /* for messages */
    char message[MESSAGE_BYTES];
    char head[HEAD_BYTES_MAX]; /* of manifest and journal */
    size_t head_len;
    struct p2p_hash federation_id;
    char exporter[P2P_NAME_BYTES_MAX + 1];
    struct p2p_arena paths;
    /* what was there at open: of the manifest, and of a journal */
    char *manifest_text;
    struct p2p_manifest manifest;
    char *journal_text;
    struct p2p_archive_file *journaled; /* sorted; of one path the last line alone */
    size_t journaled_count;
    /* what will be there */
    struct p2p_archive_file *files;
    size_t file_count, file_cap;
    struct p2p_payload_range *ranges;
    size_t range_count, range_cap;
    /* the journal of this run */
    FILE *journal;
    size_t journal_len; /* of what was found and is good */
    size_t *unsynced;   /* files written since the last sync: indexes */
    size_t unsynced_count, unsynced_cap;
    uint64_t unsynced_bytes;
    struct p2p_archive_written written;
};

const char *p2p_archive_writer_message(const struct p2p_archive_writer *writer)
{
    return writer->message;
}

struct p2p_archive_written p2p_archive_writer_written(const struct p2p_archive_writer *writer)
{
    return writer->written;
}

__attribute__((format(printf, 3, 4))) static enum p2p_err
fail(struct p2p_archive_writer *writer, enum p2p_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(writer->message, sizeof(writer->message), format, args);
    va_end(args);
    return err;
}

static enum p2p_err fail_errno(struct p2p_archive_writer *writer, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return fail(writer, full ? P2P_FULL : P2P_IO, "%s/%s: %s", writer->dir, path,
                strerror(errno));
}

static enum p2p_err fail_memory(struct p2p_archive_writer *writer)
{
    return fail(writer, P2P_NOMEM, "%s", p2p_err_text(P2P_NOMEM));
}

/* One more item in a growing array; NULL when there is no memory. */
static void *grow(const struct p2p_alloc *alloc, void **items, size_t *count, size_t *cap,
                  size_t bytes)
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

/* ---- what was there ---- */

static enum p2p_err make_head(struct p2p_archive_writer *writer)
{
    FILE *out = fmemopen(writer->head, sizeof(writer->head), "w");
    if (out == NULL) {
        return fail_memory(writer);
    }
    bool good = p2p_manifest_put_head(out, &writer->federation_id, writer->exporter);
    long len = ftell(out);
    good = fclose(out) == 0 && good && len > 0 && (size_t)len < sizeof(writer->head);
    p2p_assert(good); /* an id and a name of bounded length */
    writer->head_len = (size_t)len;
    return P2P_OK;
}

/* P2P_NOTFOUND when there is no such file. */
static enum p2p_err read_text(struct p2p_archive_writer *writer, const char *name, char **text,
                              size_t *len)
{
    uint8_t *bytes = NULL;
    size_t cap = 0;
    enum p2p_err err =
        p2p_archive_read_file(writer->dir_fd, name, P2P_MANIFEST_BYTES_MAX, &bytes, &cap, len);
    *text = (char *)bytes;
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return fail(writer, err, "%s/%s: %s", writer->dir, name, p2p_err_text(err));
    }
    return err;
}

static enum p2p_err other_archive(struct p2p_archive_writer *writer, const char *name)
{
    return fail(writer, P2P_USAGE,
                "%s/%s is not one that %s exports of this federation; name an empty directory",
                writer->dir, name, writer->exporter);
}

static enum p2p_err load_manifest(struct p2p_archive_writer *writer, bool *found)
{
    size_t len = 0;
    size_t line = 0;
    enum p2p_err err = read_text(writer, P2P_MANIFEST_NAME, &writer->manifest_text, &len);
    *found = err == P2P_OK;
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    err =
        p2p_manifest_parse(&writer->manifest, writer->alloc, writer->manifest_text, len, &line);
    if (err == P2P_NOMEM) {
        return fail_memory(writer);
    }
    if (err != P2P_OK ||
        !p2p_hash_equal(&writer->manifest.federation_id, &writer->federation_id) ||
        strcmp(writer->manifest.exporter, writer->exporter) != 0) {
        return other_archive(writer, P2P_MANIFEST_NAME);
    }
    return P2P_OK;
}

static int compare_paths_then_age(const void *left, const void *right)
{
    const struct p2p_archive_file *a = left;
    const struct p2p_archive_file *b = right;
    int by = strcmp(a->path, b->path);
    return by != 0 ? by : (a->path > b->path) - (a->path < b->path); /* as they stand in text */
}

/* Sorts, and of several lines of one path keeps the last. */
static void sort_journal(struct p2p_archive_writer *writer)
{
    size_t kept = 0;
    qsort(writer->journaled, writer->journaled_count, sizeof(*writer->journaled),
          compare_paths_then_age);
    for (size_t i = 0; i < writer->journaled_count; i++) {
        if (kept > 0 &&
            strcmp(writer->journaled[kept - 1].path, writer->journaled[i].path) == 0) {
            kept--;
        }
        writer->journaled[kept++] = writer->journaled[i];
    }
    writer->journaled_count = kept;
}

/* A journal ends anywhere; what follows the last whole good line counts for nothing. */
static enum p2p_err load_journal(struct p2p_archive_writer *writer, bool *found)
{
    size_t len = 0;
    size_t cap = 0;
    struct p2p_archive_file file;
    enum p2p_err err = read_text(writer, P2P_JOURNAL_NAME, &writer->journal_text, &len);
    *found = err == P2P_OK;
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (len < writer->head_len) {
        return P2P_OK; /* killed before anything was written */
    }
    if (memcmp(writer->journal_text, writer->head, writer->head_len) != 0) {
        return other_archive(writer, P2P_JOURNAL_NAME);
    }
    char *at = writer->journal_text + writer->head_len;
    char *end = writer->journal_text + len;
    char *lf;
    while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL &&
           p2p_manifest_file_line(p2p_slice_of(at, (size_t)(lf - at)), &file) == P2P_OK) {
        struct p2p_archive_file *place = grow(writer->alloc, (void **)&writer->journaled,
                                              &writer->journaled_count, &cap, sizeof(*place));
        if (place == NULL) {
            return fail_memory(writer);
        }
        *lf = '\0';
        *place = file;
        at = lf + 1;
    }
    writer->journal_len = (size_t)(at - writer->journal_text);
    if (writer->journaled_count > 0) {
        sort_journal(writer);
    }
    return P2P_OK;
}

static bool is_empty(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool empty = true;
    const struct dirent *entry;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    while (empty && (entry = readdir(dir)) != NULL) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    closedir(dir);
    return empty;
}

/* ---- opening ---- */

/* Opens the journal, alone: what is good of it stays, and is appended to. */
static enum p2p_err open_journal(struct p2p_archive_writer *writer)
{
    int fd = openat(writer->dir_fd, P2P_JOURNAL_NAME,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        return fail_errno(writer, P2P_JOURNAL_NAME);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return fail(writer, P2P_LOCKED, "another export runs in %s; wait until it is done",
                    writer->dir);
    }
    if (ftruncate(fd, (off_t)writer->journal_len) != 0) {
        enum p2p_err err = fail_errno(writer, P2P_JOURNAL_NAME);
        close(fd);
        return err;
    }
    writer->journal = fdopen(fd, "a");
    if (writer->journal == NULL) {
        close(fd);
        return fail_memory(writer);
    }
    if (writer->journal_len == 0) {
        fwrite(writer->head, 1, writer->head_len, writer->journal);
    }
    return P2P_OK;
}

static enum p2p_err open_dir(struct p2p_archive_writer *writer, const char *dir)
{
    if (mkdir(dir, DIR_MODE) != 0 && errno != EEXIST) {
        return fail(writer, P2P_USAGE, "%s: %s", dir, strerror(errno));
    }
    writer->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return writer->dir_fd < 0 ? fail(writer, P2P_USAGE, "%s: %s", dir, strerror(errno))
                              : P2P_OK;
}

static enum p2p_err open_files(struct p2p_archive_writer *writer, const char *dir)
{
    bool manifest = false;
    bool journal = false;
    enum p2p_err err = make_head(writer);
    if (err == P2P_OK) {
        err = open_dir(writer, dir);
    }
    if (err == P2P_OK) {
        err = load_manifest(writer, &manifest);
    }
    if (err == P2P_OK) {
        err = load_journal(writer, &journal);
    }
    if (err == P2P_OK && !manifest && !journal && !is_empty(writer->dir_fd)) {
        return fail(writer, P2P_USAGE,
                    "%s is not empty and not an archive; name an empty directory", dir);
    }
    return err == P2P_OK ? open_journal(writer) : err;
}

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
    enum p2p_err err = open_files(writer, dir);
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

/* What an earlier export wrote there to the end; NULL when it did not. The bytes are not read
 * again: who changes files of an archive is found by the audit, not by the next export. */
static const struct p2p_archive_file *known(const struct p2p_archive_writer *writer,
                                            const char *path)
{
    const struct p2p_archive_file sought = {.path = path};
    struct stat info;
    const struct p2p_archive_file *found =
        writer->journaled_count == 0
            ? NULL
            : bsearch(&sought, writer->journaled, writer->journaled_count, sizeof(sought),
                      p2p_manifest_compare_files);
    if (found == NULL && writer->manifest.file_count > 0) {
        found = bsearch(&sought, writer->manifest.files, writer->manifest.file_count,
                        sizeof(sought), p2p_manifest_compare_files);
    }
    if (found == NULL || fstatat(writer->dir_fd, path, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode) || (uint64_t)info.st_size != found->size) {
        return NULL;
    }
    return found;
}

/* Lists a file; path is copied. */
static struct p2p_archive_file *list(struct p2p_archive_writer *writer, const char *path,
                                     uint64_t size, const struct p2p_hash *hash)
{
    struct p2p_slice copy =
        p2p_arena_copy(&writer->paths, p2p_slice_of(path, strlen(path) + 1));
    struct p2p_archive_file *file =
        copy.data == NULL ? NULL
                          : grow(writer->alloc, (void **)&writer->files, &writer->file_count,
                                 &writer->file_cap, sizeof(*file));
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
            if (mkdirat(dir_fd, part, DIR_MODE) != 0 && errno != EEXIST) {
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
    int fd = openat(writer->dir_fd, TEMPORARY_NAME,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        return fail_errno(writer, TEMPORARY_NAME);
    }
    bool good = write_all(fd, bytes);
    good = close(fd) == 0 && good;
    if (!good) {
        return fail_errno(writer, path);
    }
    if (renameat(writer->dir_fd, TEMPORARY_NAME, writer->dir_fd, path) == 0) {
        return P2P_OK;
    }
    if (errno != ENOENT || !make_parents(writer->dir_fd, path) ||
        renameat(writer->dir_fd, TEMPORARY_NAME, writer->dir_fd, path) != 0) {
        return fail_errno(writer, path);
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
        return fail_errno(writer, ".");
    }
    for (size_t i = 0; i < writer->unsynced_count && good; i++) {
        good = p2p_manifest_put_file(writer->journal, &writer->files[writer->unsynced[i]]);
    }
    if (!good || fflush(writer->journal) != 0) {
        return fail_errno(writer, P2P_JOURNAL_NAME);
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
    const struct p2p_archive_file *there = known(writer, path);
    if (list(writer, path, bytes.len, &hash) == NULL) {
        return fail_memory(writer);
    }
    if (there != NULL && there->size == bytes.len && p2p_hash_equal(&there->hash, &hash)) {
        return P2P_OK;
    }
    size_t *unsynced = grow(writer->alloc, (void **)&writer->unsynced, &writer->unsynced_count,
                            &writer->unsynced_cap, sizeof(*unsynced));
    if (unsynced == NULL) {
        return fail_memory(writer);
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
    return known(writer, path) != NULL;
}

bool p2p_archive_writer_is(const struct p2p_archive_writer *writer,
                           const struct p2p_archive_place *place, struct p2p_slice bytes)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    p2p_archive_path(path, place);
    const struct p2p_archive_file *there = known(writer, path);
    struct p2p_hash hash = p2p_sha256(bytes);
    return there != NULL && there->size == bytes.len && p2p_hash_equal(&there->hash, &hash);
}

bool p2p_archive_writer_keep(struct p2p_archive_writer *writer,
                             const struct p2p_archive_place *place)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    p2p_archive_path(path, place);
    const struct p2p_archive_file *there = known(writer, path);
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
            return fail_memory(writer);
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
        return fail(writer, P2P_TOOLARGE, "more than %u ranges of payloads are not here",
                    P2P_MANIFEST_RANGES_MAX);
    }
    struct p2p_payload_range *place =
        grow(writer->alloc, (void **)&writer->ranges, &writer->range_count, &writer->range_cap,
             sizeof(*place));
    if (place == NULL) {
        return fail_memory(writer);
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
    int fd = openat(writer->dir_fd, TEMPORARY_NAME,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL) {
        return fail_errno(writer, P2P_MANIFEST_NAME);
    }
    bool good = put_lines(writer, out);
    good = fflush(out) == 0 && good && fsync(fd) == 0;
    good = fclose(out) == 0 && good;
    good = good &&
           renameat(writer->dir_fd, TEMPORARY_NAME, writer->dir_fd, P2P_MANIFEST_NAME) == 0;
    return good ? P2P_OK : fail_errno(writer, P2P_MANIFEST_NAME);
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
    return err == P2P_OK ? P2P_OK : fail_errno(writer, ".");
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
        err = fail_errno(writer, P2P_JOURNAL_NAME);
    }
    return err;
}
