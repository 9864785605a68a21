#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STAMP_BYTES 32u
#define TAIL_BYTES  256
#define CLAIMS_MAX  1000u

static const char *const SUBS[] = {"work", "done", "failed", "answers", "state"};

enum p2p_err p2p_spool_path(const struct p2p_spool *spool, const char *sub, const char *name,
                            char out[P2P_SPOOL_PATH_BYTES])
{
    int n = snprintf(out, P2P_SPOOL_PATH_BYTES, "%s/%s%s%s", spool->dir, sub,
                     name[0] != '\0' ? "/" : "", name);
    return n < 0 || (size_t)n >= P2P_SPOOL_PATH_BYTES ? P2P_TOOLARGE : P2P_OK;
}

enum p2p_err p2p_spool_open(struct p2p_spool *spool, const char *dir, uint64_t settle_ms)
{
    struct p2p_spool opened = {.settle_ms = settle_ms, .fd = -1};
    int n = snprintf(opened.dir, sizeof opened.dir, "%s", dir);
    if (n < 0 || (size_t)n >= sizeof opened.dir) {
        return P2P_TOOLARGE;
    }
    opened.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened.fd < 0) {
        return P2P_IO;
    }
    for (size_t i = 0; i < sizeof SUBS / sizeof SUBS[0]; i++) {
        if (mkdirat(opened.fd, SUBS[i], 0750) != 0 && errno != EEXIST) {
            close(opened.fd);
            return P2P_IO;
        }
    }
    if (fsync(opened.fd) != 0) {
        close(opened.fd);
        return P2P_IO;
    }
    *spool = opened;
    return P2P_OK;
}

void p2p_spool_close(struct p2p_spool *spool)
{
    if (spool->fd >= 0) {
        close(spool->fd);
    }
    spool->fd = -1;
}

/* ---- looking ---- */

struct found {
    char name[P2P_SPOOL_NAME_BYTES];
    struct timespec changed;
};

static int by_age(const void *a, const void *b)
{
    const struct found *x = a;
    const struct found *y = b;
    if (x->changed.tv_sec != y->changed.tv_sec) {
        return x->changed.tv_sec < y->changed.tv_sec ? -1 : 1;
    }
    if (x->changed.tv_nsec != y->changed.tv_nsec) {
        return x->changed.tv_nsec < y->changed.tv_nsec ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name);
    size_t n = strlen(end);
    return len >= n && strcmp(name + len - n, end) == 0;
}

static bool is_for_us(const char *name)
{
    return name[0] != '.' && strlen(name) + STAMP_BYTES < P2P_SPOOL_NAME_BYTES &&
           !ends_with(name, ".tmp") && !ends_with(name, ".part") &&
           !ends_with(name, ".filepart");
}

/* Whether UNZ stands near the end: the writer is probably done. */
static bool looks_whole(int dir, const char *name, off_t size)
{
    char tail[TAIL_BYTES + 1];
    bool whole = false;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        ssize_t n = pread(fd, tail, TAIL_BYTES, size > TAIL_BYTES ? size - TAIL_BYTES : 0);
        whole = n > 0 && memmem(tail, (size_t)n, "UNZ", 3) != NULL;
        close(fd);
    }
    return whole;
}

static bool is_ready(const struct p2p_spool *spool, const char *name, const struct stat *stat,
                     uint64_t now_ms)
{
    uint64_t changed_ms =
        (uint64_t)stat->st_mtim.tv_sec * 1000u + (uint64_t)stat->st_mtim.tv_nsec / 1000000u;
    uint64_t age_ms = now_ms > changed_ms ? now_ms - changed_ms : 0;
    return age_ms >= spool->settle_ms &&
           (age_ms >= P2P_SPOOL_PATIENCE_MS || looks_whole(spool->fd, name, stat->st_size));
}

/* Regular files of a directory, oldest first; with now_ms only those that are ready. */
static enum p2p_err list(const struct p2p_spool *spool, const char *sub, const uint64_t *now_ms,
                         struct p2p_spool_list *out, bool *unready)
{
    enum p2p_err err = P2P_NOMEM;
    struct found *found = calloc(P2P_SPOOL_FILES_MAX, sizeof *found);
    size_t count = 0;
    int fd = openat(spool->fd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    *out = (struct p2p_spool_list){0};
    *unready = false;
    if (dir == NULL) {
        err = P2P_IO;
        if (fd >= 0) {
            close(fd);
        }
        goto out;
    }
    if (found == NULL) {
        goto out;
    }
    for (struct dirent *each; count < P2P_SPOOL_FILES_MAX && (each = readdir(dir)) != NULL;) {
        struct stat stat;
        if (each->d_name[0] == '.' || (now_ms != NULL && !is_for_us(each->d_name)) ||
            fstatat(fd, each->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(stat.st_mode)) {
            continue;
        }
        if (now_ms != NULL && !is_ready(spool, each->d_name, &stat, *now_ms)) {
            *unready = true;
            continue;
        }
        snprintf(found[count].name, sizeof found[count].name, "%s", each->d_name);
        found[count++].changed = stat.st_mtim;
    }
    qsort(found, count, sizeof *found, by_age);
    out->names = calloc(count + 1, sizeof *out->names);
    if (out->names == NULL) {
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(out->names[i], found[i].name, sizeof found[i].name);
    }
    out->count = count;
    err = P2P_OK;
out:
    if (dir != NULL) {
        closedir(dir);
    }
    free(found);
    return err;
}

void p2p_spool_list_free(struct p2p_spool_list *list_)
{
    free(list_->names);
    *list_ = (struct p2p_spool_list){0};
}

enum p2p_err p2p_spool_interrupted(const struct p2p_spool *spool, struct p2p_spool_list *out)
{
    bool unready = false;
    return list(spool, "work", NULL, out, &unready);
}

enum p2p_err p2p_spool_ready(const struct p2p_spool *spool, uint64_t now_ms,
                             struct p2p_spool_list *out, bool *unready)
{
    return list(spool, ".", &now_ms, out, unready);
}

/* ---- moving ---- */

static enum p2p_err sync_dir(const struct p2p_spool *spool, const char *sub)
{
    int fd = openat(spool->fd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return good ? P2P_OK : P2P_IO;
}

enum p2p_err p2p_spool_claim(const struct p2p_spool *spool, const char *name, uint64_t now_ms,
                             char claimed[P2P_SPOOL_NAME_BYTES])
{
    time_t now = (time_t)(now_ms / 1000u);
    struct tm tm;
    char stamp[STAMP_BYTES];
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
    for (unsigned i = (unsigned)(now_ms % 1000u); i < CLAIMS_MAX + 1000u; i++) {
        char to[P2P_SPOOL_NAME_BYTES + 8];
        char own[P2P_SPOOL_NAME_BYTES];
        snprintf(own, sizeof own, "%s.%03u-%.*s", stamp, i, (int)(sizeof own - STAMP_BYTES),
                 name);
        snprintf(to, sizeof to, "work/%s", own);
        if (renameat2(spool->fd, name, spool->fd, to, RENAME_NOREPLACE) == 0) {
            memcpy(claimed, own, sizeof own);
            enum p2p_err err = sync_dir(spool, "work");
            return err == P2P_OK ? sync_dir(spool, ".") : err;
        }
        if (errno == ENOENT) {
            return P2P_NOTFOUND;
        }
        if (errno != EEXIST) {
            return P2P_IO;
        }
    }
    return P2P_IO;
}

enum p2p_err p2p_spool_settle(const struct p2p_spool *spool, const char *claimed, bool done)
{
    char from[P2P_SPOOL_NAME_BYTES + 8];
    char to[P2P_SPOOL_NAME_BYTES + 8];
    const char *sub = done ? "done" : "failed";
    snprintf(from, sizeof from, "work/%s", claimed);
    snprintf(to, sizeof to, "%s/%s", sub, claimed);
    if (renameat(spool->fd, from, spool->fd, to) != 0) {
        return P2P_IO;
    }
    enum p2p_err err = sync_dir(spool, sub);
    return err == P2P_OK ? sync_dir(spool, "work") : err;
}
