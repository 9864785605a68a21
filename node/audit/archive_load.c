/* The bytes of one file, whoever put what there: never blocks on a pipe, never follows a link.
 * Read, not mapped, since a file that is cut while it is mapped kills its reader. */
#include "archive_parts.h"

#include <p2p/hash.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16u /* of directories below an archive; paths of its own are shorter */

static enum p2p_err from_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return P2P_NOTFOUND;
    case ENOMEM:
        return P2P_NOMEM;
    default:
        return P2P_IO;
    }
}

static enum p2p_err read_all(int fd, uint8_t *buffer, size_t cap, size_t *len)
{
    size_t at = 0;
    while (at < cap) {
        ssize_t got = read(fd, buffer + at, cap - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return P2P_IO;
        }
        if (got == 0) {
            break;
        }
        at += (size_t)got;
    }
    *len = at;
    return P2P_OK;
}

enum p2p_err p2p_archive_read_file(int dir_fd, const char *path, size_t bytes_max,
                                   uint8_t **buffer, size_t *cap, size_t *len)
{
    struct stat info;
    enum p2p_err err = P2P_OK;
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return from_errno(errno);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        err = P2P_IO;
    } else if ((uint64_t)info.st_size > bytes_max) {
        err = P2P_TOOLARGE;
    } else if (*cap < (size_t)info.st_size + 1) {
        size_t more = ((size_t)info.st_size | 4095) + 1;
        uint8_t *grown = realloc(*buffer, more);
        if (grown == NULL) {
            err = P2P_NOMEM;
        } else {
            *buffer = grown;
            *cap = more;
        }
    }
    if (err == P2P_OK) {
        err = read_all(fd, *buffer, (size_t)info.st_size, len);
    }
    close(fd);
    return err;
}

enum p2p_err p2p_archive_load(const struct p2p_archive *archive, const char *path,
                              struct p2p_archive_map *map, struct p2p_slice *bytes)
{
    size_t len = 0;
    enum p2p_err err = p2p_archive_read_file(archive->dir_fd, path, P2P_ARCHIVE_FILE_BYTES_MAX,
                                             &map->base, &map->cap, &len);
    if (err == P2P_OK) {
        *bytes = p2p_slice_of(map->base, len);
    }
    return err;
}

/* ---- whether it is what it was ---- */

struct stamp {
    int64_t size; /* below 0: not there */
    int64_t written_s, written_ns, changed_s, changed_ns;
};

enum p2p_err p2p_archive_stamp(const struct p2p_archive *archive, struct p2p_hash *out)
{
    size_t count = archive->manifest.file_count;
    struct stamp *stamps = p2p_alloc_zeroed(archive->alloc, count + 1, sizeof(*stamps));
    if (stamps == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct stat info;
        bool there = fstatat(archive->dir_fd, archive->manifest.files[i].path, &info,
                             AT_SYMLINK_NOFOLLOW) == 0;
        stamps[i] =
            there ? (struct stamp){info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                                   info.st_ctim.tv_sec, info.st_ctim.tv_nsec}
                  : (struct stamp){.size = -1};
    }
    *out = p2p_sha256(p2p_slice_of(stamps, count * sizeof(*stamps)));
    p2p_alloc_free(archive->alloc, stamps);
    return P2P_OK;
}

void p2p_archive_unload(struct p2p_archive_map *map)
{
    free(map->base);
    *map = (struct p2p_archive_map){0};
}

/* ---- what is there and not listed ---- */

struct strays {
    const struct p2p_archive *archive;
    void (*found)(void *context, const char *path);
    void *context;
    char path[4096];
};

static enum p2p_err walk_dir(struct strays *strays, int dir_fd, size_t len, unsigned depth);

static enum p2p_err walk_entry(struct strays *strays, int dir_fd, const char *name, size_t len,
                               unsigned depth)
{
    size_t room = sizeof(strays->path) - len;
    int more = snprintf(strays->path + len, room, "%s%s", len > 0 ? "/" : "", name);
    struct stat info;
    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? P2P_OK : P2P_IO;
    }
    if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX && (size_t)more < room) {
        int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? P2P_IO : walk_dir(strays, fd, len + (size_t)more, depth + 1);
    }
    if (strcmp(strays->path, P2P_MANIFEST_NAME) != 0 &&
        (S_ISDIR(info.st_mode) || p2p_archive_file_at(strays->archive, strays->path) == NULL)) {
        strays->found(strays->context, strays->path);
    }
    return P2P_OK;
}

/* Takes dir_fd. */
static enum p2p_err walk_dir(struct strays *strays, int dir_fd, size_t len, unsigned depth)
{
    enum p2p_err err = P2P_OK;
    const struct dirent *entry;
    DIR *dir = fdopendir(dir_fd);
    if (dir == NULL) {
        close(dir_fd);
        return P2P_NOMEM;
    }
    while (err == P2P_OK && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            err = walk_entry(strays, dirfd(dir), entry->d_name, len, depth);
        }
    }
    closedir(dir);
    return err;
}

enum p2p_err p2p_archive_strays(const struct p2p_archive *archive,
                                void (*found)(void *context, const char *path), void *context)
{
    struct strays strays = {.archive = archive, .found = found, .context = context};
    int fd = openat(archive->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? P2P_IO : walk_dir(&strays, fd, 0, 0);
}
