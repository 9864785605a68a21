#include <p2p/file.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum p2p_err from_errno(int rc)
{
    switch (rc) {
    case 0:
        return P2P_OK;
    case ENOENT:
    case ENOTDIR:
        return P2P_NOTFOUND;
    case ENOSPC:
    case EDQUOT:
        return P2P_FULL;
    case EEXIST:
        return P2P_USAGE;
    case ENOMEM:
        return P2P_NOMEM;
    case ENAMETOOLONG:
        return P2P_TOOLARGE;
    default:
        return P2P_IO;
    }
}

/* Reads until the end or bytes_max + 1; returns errno. */
static int read_all(int fd, char *bytes, size_t bytes_max, size_t *len)
{
    *len = 0;
    while (*len <= bytes_max) {
        ssize_t got = read(fd, bytes + *len, bytes_max + 1 - *len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        *len += (size_t)got;
    }
    return 0;
}

enum p2p_err p2p_file_read(const char *path, size_t bytes_max, char **out, size_t *len,
                           char *message, size_t message_cap)
{
    char *bytes = NULL;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? errno : 0;

    if (rc == 0) {
        bytes = malloc(bytes_max + 2);
        rc = bytes == NULL ? ENOMEM : read_all(fd, bytes, bytes_max, &got);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rc != 0) {
        free(bytes);
        snprintf(message, message_cap, "read %s: %s", path, strerror(rc));
        return from_errno(rc);
    }
    if (got > bytes_max) {
        free(bytes);
        snprintf(message, message_cap, "%s has more than %zu bytes; is it the right file?",
                 path, bytes_max);
        return P2P_TOOLARGE;
    }
    bytes[got] = '\0';
    *out = bytes;
    *len = got;
    return P2P_OK;
}

static int write_all(int fd, struct p2p_slice bytes)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t put = write(fd, bytes.data + done, bytes.len - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return errno;
        }
        done += (size_t)put;
    }
    return 0;
}

int p2p_parent_sync(const char *path)
{
    char copy[P2P_PATH_BYTES_MAX];

    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int rc = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

/* DIR/.NAME.PID.tmp beside path. */
static bool temporary_path(char out[P2P_PATH_BYTES_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t dir_len = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    int len = snprintf(out, P2P_PATH_BYTES_MAX, "%.*s.%s.%ld.tmp", (int)dir_len, path,
                       path + dir_len, (long)getpid());

    return len > 0 && (size_t)len < P2P_PATH_BYTES_MAX;
}

static int write_temporary(const char *path, struct p2p_slice bytes, unsigned mode)
{
    unlink(path); /* left by a crash of a process with our number */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return errno;
    }
    int rc = write_all(fd, bytes);
    if (rc == 0 && fchmod(fd, mode) != 0) { /* whatever the umask says */
        rc = errno;
    }
    if (rc == 0 && fsync(fd) != 0) {
        rc = errno;
    }
    if (close(fd) != 0 && rc == 0) {
        rc = errno;
    }
    return rc;
}

enum p2p_err p2p_file_write(const char *path, struct p2p_slice bytes, unsigned mode,
                            enum p2p_file_presence presence, char *message, size_t message_cap)
{
    char temporary[P2P_PATH_BYTES_MAX];

    if (!temporary_path(temporary, path)) {
        snprintf(message, message_cap, "write %s: the path is too long", path);
        return P2P_IO;
    }
    int rc = write_temporary(temporary, bytes, mode);
    if (rc == 0) {
        /* link, unlike rename, fails when the name is taken. */
        int moved = presence == P2P_FILE_NEW ? link(temporary, path) : rename(temporary, path);
        rc = moved == 0 ? 0 : errno;
    }
    if (rc != 0 || presence == P2P_FILE_NEW) {
        unlink(temporary);
    }
    if (rc == 0) {
        rc = p2p_parent_sync(path);
    }
    if (rc == EEXIST) {
        snprintf(message, message_cap, "%s exists already; move it away first", path);
    } else if (rc != 0) {
        snprintf(message, message_cap, "write %s: %s", path, strerror(rc));
    }
    enum p2p_err err = from_errno(rc);
    return err == P2P_NOTFOUND || err == P2P_TOOLARGE ? P2P_IO : err;
}

enum p2p_err p2p_dir_make(const char *path, unsigned mode, char *message, size_t message_cap)
{
    struct stat info;
    int rc = mkdir(path, mode) == 0 ? 0 : errno;

    if (rc == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return P2P_OK;
    }
    if (rc == 0) {
        rc = p2p_parent_sync(path);
    }
    if (rc != 0) {
        snprintf(message, message_cap, "make directory %s: %s", path, strerror(rc));
    }
    enum p2p_err err = from_errno(rc);
    return err == P2P_OK || err == P2P_FULL ? err : P2P_IO;
}

enum p2p_err p2p_path_join(char out[P2P_PATH_BYTES_MAX], const char *dir, const char *path)
{
    char joined[P2P_PATH_BYTES_MAX];
    int len = path[0] == '/' ? snprintf(joined, sizeof(joined), "%s", path)
                             : snprintf(joined, sizeof(joined), "%s/%s", dir, path);

    if (len < 0 || (size_t)len >= sizeof(joined)) {
        return P2P_TOOLARGE;
    }
    memcpy(out, joined, (size_t)len + 1);
    return P2P_OK;
}
