#include "disk_fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_bool armed;
static enum disk_fault_kind fault_kind;
static bool fault_persistent;
static long fault_at; /* the call that goes wrong; negative: none */
static atomic_long fault_calls;

void disk_fault_arm(enum disk_fault_kind kind, long countdown, bool persistent)
{
    fault_kind = kind;
    fault_persistent = persistent;
    fault_at = countdown;
    atomic_store(&fault_calls, 0);
    atomic_store(&armed, true);
}

long disk_fault_disarm(void)
{
    atomic_store(&armed, false);
    return atomic_load(&fault_calls);
}

/* True when this call goes wrong. */
static bool step(void)
{
    if (!atomic_load(&armed)) {
        return false;
    }
    long call = atomic_fetch_add(&fault_calls, 1);
    return fault_at >= 0 && (call == fault_at || (fault_persistent && call > fault_at));
}

static int fail(void)
{
    if (fault_kind == DISK_FAULT_CRASH) {
        _exit(DISK_FAULT_EXIT);
    }
    errno = fault_kind == DISK_FAULT_FULL ? ENOSPC : EIO;
    return -1;
}

/* The next definition of the same name: the sanitizer's or the C library's. */
static void next(const char *name, void *out)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    memcpy(out, &symbol, sizeof(symbol));
}

ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*real)(int, const void *, size_t);

    next("write", &real);
    if (fd > 2 && step()) {
        if (fault_kind != DISK_FAULT_EIO && len > 1) {
            real(fd, data, len / 2);
        }
        return fail();
    }
    return real(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t);

    next("pwrite", &real);
    if (step()) {
        if (fault_kind != DISK_FAULT_EIO && len > 1) {
            real(fd, data, len / 2, at);
        }
        return fail();
    }
    return real(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t (*real)(int, const struct iovec *, int);

    next("writev", &real);
    if (fd > 2 && step()) {
        if (fault_kind != DISK_FAULT_EIO && count > 1) {
            real(fd, parts, count / 2);
        }
        return fail();
    }
    return real(fd, parts, count);
}

int fsync(int fd)
{
    int (*real)(int);

    next("fsync", &real);
    return step() ? fail() : real(fd);
}

int fdatasync(int fd)
{
    int (*real)(int);

    next("fdatasync", &real);
    return step() ? fail() : real(fd);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    int (*real)(int, int, off_t, off_t);

    next("fallocate", &real);
    return step() ? fail() : real(fd, mode, at, len);
}

int ftruncate(int fd, off_t len)
{
    int (*real)(int, off_t);

    next("ftruncate", &real);
    return step() ? fail() : real(fd, len);
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *);

    next("rename", &real);
    return step() ? fail() : real(from, to);
}
