#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_ROOM 65536u

enum p2p_err p2p_whole_stream(int fd, size_t bytes_max, char **out, size_t *len)
{
    enum p2p_err err = P2P_OK;
    size_t room = FIRST_ROOM;
    size_t at = 0;
    char *bytes = malloc(room);
    for (bool ended = false; !ended && err == P2P_OK;) {
        if (bytes == NULL) {
            return P2P_NOMEM;
        }
        ssize_t n = read(fd, bytes + at, room - at - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        at += n > 0 ? (size_t)n : 0;
        if (n < 0) {
            err = P2P_IO;
        } else if (n == 0) {
            ended = true;
        } else if (at > bytes_max) {
            err = P2P_TOOLARGE;
        } else if (at + 1 == room) {
            char *grown = realloc(bytes, 2 * room);
            if (grown == NULL) {
                err = P2P_NOMEM;
            } else {
                bytes = grown;
                room *= 2;
            }
        }
    }
    if (err != P2P_OK) {
        free(bytes);
        return err;
    }
    bytes[at] = '\0';
    *out = bytes;
    *len = at;
    return P2P_OK;
}

enum p2p_err p2p_whole_file(const char *path, size_t bytes_max, char **out, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? P2P_NOTFOUND : P2P_IO;
    }
    enum p2p_err err = p2p_whole_stream(fd, bytes_max, out, len);
    close(fd);
    return err;
}
