#include <p2p/pidfile.h>

#include <p2p/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_TEXT_BYTES 24u
#define OPEN_TRIES     8

struct p2p_pidfile {
    int fd;
    char path[P2P_PATH_BYTES_MAX];
};

/* Locks of the open file description: they end with it, and can be asked for without taking. */
static struct flock whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static pid_t read_pid(int fd)
{
    char text[PID_TEXT_BYTES] = "";
    char *end;
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
    long pid = len > 0 ? strtol(text, &end, 10) : 0;

    return pid > 0 && *end == '\n' ? (pid_t)pid : 0;
}

/* 0, or errno; EAGAIN: somebody holds it, and *pid says who. */
static int take(const char *path, int *out, pid_t *pid)
{
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        struct flock lock = whole_file(F_WRLCK);
        struct stat opened;
        struct stat named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            return errno;
        }
        if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
            int rc = errno == EACCES ? EAGAIN : errno;
            *pid = read_pid(fd);
            close(fd);
            return rc;
        }
        if (fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
            opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
            *out = fd;
            return 0;
        }
        close(fd); /* its holder removed it between open and lock */
    }
    return EAGAIN;
}

static int write_pid(int fd)
{
    char text[PID_TEXT_BYTES];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0) {
        return errno;
    }
    ssize_t put = pwrite(fd, text, (size_t)len, 0);
    return put == len ? 0 : put < 0 ? errno : ENOSPC;
}

enum p2p_err p2p_pidfile_open(struct p2p_pidfile **out, const char *path, char *message,
                              size_t message_cap)
{
    pid_t pid = 0;
    struct p2p_pidfile *pidfile = calloc(1, sizeof(*pidfile));

    if (pidfile == NULL) {
        snprintf(message, message_cap, "%s: out of memory", path);
        return P2P_NOMEM;
    }
    pidfile->fd = -1;
    int len = snprintf(pidfile->path, sizeof(pidfile->path), "%s", path);
    int rc = len > 0 && (size_t)len < sizeof(pidfile->path) ? 0 : ENAMETOOLONG;
    if (rc == 0) {
        rc = take(path, &pidfile->fd, &pid);
    }
    if (rc == 0) {
        rc = write_pid(pidfile->fd);
    }
    if (rc == 0) {
        *out = pidfile;
        return P2P_OK;
    }
    if (pidfile->fd >= 0) {
        unlink(path);
        close(pidfile->fd);
    }
    free(pidfile);
    if (rc == EAGAIN) {
        snprintf(message, message_cap, "a node serves here already: process %ld (%s)",
                 (long)pid, path);
        return P2P_LOCKED;
    }
    snprintf(message, message_cap, "%s: %s", path, strerror(rc));
    return rc == ENOSPC || rc == EDQUOT ? P2P_FULL : P2P_IO;
}

void p2p_pidfile_close(struct p2p_pidfile *pidfile)
{
    if (pidfile == NULL) {
        return;
    }
    unlink(pidfile->path); /* before the lock ends: nobody else can be in it */
    close(pidfile->fd);
    free(pidfile);
}

enum p2p_err p2p_pidfile_read(const char *path, pid_t *pid)
{
    struct flock lock = whole_file(F_WRLCK);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT ? P2P_NOTFOUND : P2P_IO;
    }
    int rc = fcntl(fd, F_OFD_GETLK, &lock);
    pid_t found = rc == 0 && lock.l_type != F_UNLCK ? read_pid(fd) : 0;
    close(fd);
    if (rc != 0) {
        return P2P_IO;
    }
    if (found == 0) { /* nobody holds it, or not yet written */
        return P2P_NOTFOUND;
    }
    *pid = found;
    return P2P_OK;
}
