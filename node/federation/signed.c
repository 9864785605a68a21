#include "signed.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SIGNED_FILE_BYTES_MAX ((size_t)16 << 20)
#define SIGNED_LINE_BYTES_MAX 256u

/* Two tools must not both find the size free: the key file itself is the lock. */
static int lock_key(const char *root_key, char *message, size_t message_cap)
{
    int fd = open(root_key, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        snprintf(message, message_cap, "lock %s: %s", root_key, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* P2P_NOTFOUND: nothing said of this size. */
static enum p2p_err line_ask(struct p2p_slice line, const char *id, uint64_t size,
                             const char *root)
{
    char text[SIGNED_LINE_BYTES_MAX], line_id[80], line_root[80], digits[P2P_DECIMAL_BYTES];
    uint64_t line_size = 0;
    int used = 0;
    if (line.len == 0 || line.len >= sizeof(text)) {
        return P2P_MALFORMED;
    }
    memcpy(text, line.data, line.len);
    text[line.len] = '\0';
    if (sscanf(text, "%79s %20s %79s%n", line_id, digits, line_root, &used) != 3 ||
        (size_t)used != line.len || strlen(line_id) != 2 * P2P_HASH_BYTES ||
        strlen(line_root) != 2 * P2P_HASH_BYTES ||
        p2p_decimal_decode(&line_size, p2p_slice_text(digits)) != P2P_OK) {
        return P2P_MALFORMED;
    }
    if (line_size != size || strcmp(line_id, id) != 0) {
        return P2P_NOTFOUND;
    }
    return strcmp(line_root, root) == 0 ? P2P_OK : P2P_REFUSED;
}

static enum p2p_err file_ask(struct p2p_slice text, const char *id, uint64_t size,
                             const char *root)
{
    enum p2p_err answer = P2P_NOTFOUND;
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        if (!end) {
            return P2P_MALFORMED;
        }
        struct p2p_slice line = p2p_slice_of(text.data, (size_t)(end - text.data));
        enum p2p_err err = line_ask(line, id, size, root);
        if (err == P2P_REFUSED || err == P2P_MALFORMED) {
            return err;
        }
        answer = err == P2P_OK ? P2P_OK : answer;
        text = p2p_slice_of(end + 1, text.len - line.len - 1);
    }
    return answer;
}

static enum p2p_err append(const char *path, const char *text, size_t len, const char *line,
                           char *message, size_t message_cap)
{
    size_t line_len = strlen(line);
    char *all = malloc(len + line_len);
    if (!all) {
        snprintf(message, message_cap, "no memory to write %s", path);
        return P2P_NOMEM;
    }
    if (len > 0) {
        memcpy(all, text, len);
    }
    memcpy(all + len, line, line_len);
    enum p2p_err err = p2p_file_write(path, p2p_slice_of(all, len + line_len), 0600,
                                      P2P_FILE_REPLACE, message, message_cap);
    free(all);
    return err;
}

static enum p2p_err remember(const char *path, const char *id, uint64_t size, const char *root,
                             char *message, size_t message_cap)
{
    char line[SIGNED_LINE_BYTES_MAX];
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err =
        p2p_file_read(path, SIGNED_FILE_BYTES_MAX, &text, &len, message, message_cap);
    if (err == P2P_OK) {
        err = file_ask(p2p_slice_of(text, len), id, size, root);
    }
    if (err == P2P_NOTFOUND) {
        snprintf(line, sizeof(line), "%s %llu %s\n", id, (unsigned long long)size, root);
        err = append(path, text, len, line, message, message_cap);
    } else if (err == P2P_REFUSED) {
        snprintf(message, message_cap,
                 "this root cosigned another charter of size %llu (%s); two histories would be "
                 "a fork, so it does not sign this one",
                 (unsigned long long)size, path);
    } else if (err == P2P_MALFORMED) {
        snprintf(message, message_cap, "%s is damaged; restore it before this root signs again",
                 path);
    }
    free(text);
    return err;
}

enum p2p_err signed_remember(const char *root_key, const struct p2p_hash *federation_id,
                             uint64_t size, const struct p2p_hash *root, char *message,
                             size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX], id[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    char hash[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    int len = snprintf(path, sizeof(path), "%s.signed", root_key);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        snprintf(message, message_cap, "the path of the root key is too long");
        return P2P_USAGE;
    }
    int lock = lock_key(root_key, message, message_cap);
    if (lock < 0) {
        return P2P_IO;
    }
    p2p_hex_encode(id, federation_id->bytes, P2P_HASH_BYTES);
    p2p_hex_encode(hash, root->bytes, P2P_HASH_BYTES);
    enum p2p_err err = remember(path, id, size, hash, message, message_cap);
    close(lock);
    return err;
}
