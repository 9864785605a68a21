/* What an earlier export left in a directory: a manifest, and a journal when it was killed. */
#include "archive_writer_parts.h"

#include <p2p/assert.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum p2p_err make_head(struct p2p_archive_writer *writer)
{
    FILE *out = fmemopen(writer->head, sizeof(writer->head), "w");
    if (out == NULL) {
        return p2p_archive_writer_fail_memory(writer);
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
        return p2p_archive_writer_fail(writer, err, "%s/%s: %s", writer->dir, name,
                                       p2p_err_text(err));
    }
    return err;
}

static enum p2p_err other_archive(struct p2p_archive_writer *writer, const char *name)
{
    return p2p_archive_writer_fail(
        writer, P2P_USAGE,
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
        return p2p_archive_writer_fail_memory(writer);
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
        struct p2p_archive_file *place =
            p2p_archive_writer_grow(writer->alloc, (void **)&writer->journaled,
                                    &writer->journaled_count, &cap, sizeof(*place));
        if (place == NULL) {
            return p2p_archive_writer_fail_memory(writer);
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
    int fd =
        openat(writer->dir_fd, P2P_JOURNAL_NAME,
               O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, P2P_ARCHIVE_FILE_MODE);
    if (fd < 0) {
        return p2p_archive_writer_fail_errno(writer, P2P_JOURNAL_NAME);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return p2p_archive_writer_fail(writer, P2P_LOCKED,
                                       "another export runs in %s; wait until it is done",
                                       writer->dir);
    }
    if (ftruncate(fd, (off_t)writer->journal_len) != 0) {
        enum p2p_err err = p2p_archive_writer_fail_errno(writer, P2P_JOURNAL_NAME);
        close(fd);
        return err;
    }
    writer->journal = fdopen(fd, "a");
    if (writer->journal == NULL) {
        close(fd);
        return p2p_archive_writer_fail_memory(writer);
    }
    if (writer->journal_len == 0) {
        fwrite(writer->head, 1, writer->head_len, writer->journal);
    }
    return P2P_OK;
}

static enum p2p_err open_dir(struct p2p_archive_writer *writer, const char *dir)
{
    if (mkdir(dir, P2P_ARCHIVE_DIR_MODE) != 0 && errno != EEXIST) {
        return p2p_archive_writer_fail(writer, P2P_USAGE, "%s: %s", dir, strerror(errno));
    }
    writer->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return writer->dir_fd < 0
               ? p2p_archive_writer_fail(writer, P2P_USAGE, "%s: %s", dir, strerror(errno))
               : P2P_OK;
}

enum p2p_err p2p_archive_writer_left(struct p2p_archive_writer *writer, const char *dir)
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
        return p2p_archive_writer_fail(
            writer, P2P_USAGE, "%s is not empty and not an archive; name an empty directory",
            dir);
    }
    return err == P2P_OK ? open_journal(writer) : err;
}

/* ---- what it says of a path ---- */

const struct p2p_archive_file *p2p_archive_writer_known(const struct p2p_archive_writer *writer,
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
