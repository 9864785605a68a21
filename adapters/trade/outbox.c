#include "outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void p2p_outbox_name(char out[P2P_OUTBOX_NAME_BYTES], const char *sender, const char *reference,
                     const char *key, const char *kind)
{
    snprintf(out, P2P_OUTBOX_NAME_BYTES, "%.35s-%.14s-%.8s", sender, reference, key);
    for (char *at = out; *at != '\0'; at++) {
        bool good = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= '0' && *at <= '9') || *at == '-' || *at == '_';
        if (!good) {
            *at = '_';
        }
    }
    size_t len = strlen(out);
    snprintf(out + len, P2P_OUTBOX_NAME_BYTES - len, ".%s", kind);
}

enum p2p_err p2p_outbox_write(const char *dir, const char *name, struct p2p_slice bytes)
{
    char temporary[P2P_OUTBOX_NAME_BYTES + 8];
    enum p2p_err err = P2P_IO;
    size_t at = 0;
    int fd = -1;
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return P2P_IO;
    }
    snprintf(temporary, sizeof temporary, ".%s.tmp", name);
    fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        goto out;
    }
    while (at < bytes.len) {
        ssize_t n = write(fd, bytes.data + at, bytes.len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            err = errno == ENOSPC ? P2P_FULL : P2P_IO;
            goto out;
        }
        at += (size_t)n;
    }
    if (fsync(fd) == 0 && renameat(folder, temporary, folder, name) == 0 &&
        fsync(folder) == 0) {
        err = P2P_OK;
    }
out:
    if (fd >= 0) {
        close(fd);
    }
    close(folder);
    return err;
}
