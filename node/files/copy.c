/* The file is two slots of SLOT_BYTES, SLOT_BYTES_APART from each other:
 *
 *     port2port copy v1                     serial: rises with every write of this file
 *     serial: 17                            sum: SHA-256 in hex over all lines above it
 *     feed: port2port.example/beanr         then spaces, and a line end as the last byte
 *     ...
 *
 * Promises: 1. The valid slot with the highest serial is what was written last, as far as it
 * reached the disk. 2. Between two syncs writes go to one slot only, never to the one that is
 * known to be on the disk: `safe`. A sync makes the written one the safe one. 3. After a failed
 * write or sync nothing is assumed about the slot written to, and it is written again. */
#include <p2p/copy.h>

#include <p2p/bytes.h>
#include <p2p/file.h>
#include <p2p/text.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER           "port2port copy v1\n"
#define SLOTS            2u
#define SLOT_BYTES       1024u
#define SLOT_BYTES_APART 4096u /* a page and a sector never hold both */
#define FILE_BYTES       (SLOT_BYTES_APART + SLOT_BYTES)

struct slot {
    uint64_t serial; /* 0: not valid */
    struct p2p_copy_point point;
};

struct p2p_copy {
    int fd; /* -1: to be opened again */
    unsigned safe;
    bool safe_known; /* kept across opening again: a failed sync tells nothing about the newest
                      */
    uint64_t serial;
    bool unsynced;
    char path[P2P_PATH_BYTES_MAX];
};

/* Writing a slot */

static void slot_format(char out[SLOT_BYTES], uint64_t serial,
                        const struct p2p_copy_point *point)
{
    char root[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
    char signature[P2P_BASE64_BYTES(P2P_SIGNATURE_BYTES)];
    char sum[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    char text[SLOT_BYTES];

    p2p_base64_encode(root, point->root.bytes, sizeof(point->root.bytes));
    p2p_base64_encode(signature, point->signature.bytes, sizeof(point->signature.bytes));
    int len =
        snprintf(text, sizeof(text),
                 HEADER "serial: %" PRIu64 "\nfeed: %s\ngeneration: %" PRIu64 "\nsize: %" PRIu64
                        "\nroot: %s\nsignature: %s\ncommit: %" PRIu64 "\ntime: %" PRIu64 "\n",
                 serial, point->feed, point->generation, point->size, root, signature,
                 point->commit, point->time_s);
    struct p2p_hash hash = p2p_sha256(p2p_slice_of(text, (size_t)len));
    p2p_hex_encode(sum, hash.bytes, sizeof(hash.bytes));
    len += snprintf(text + len, sizeof(text) - (size_t)len, "sum: %s\n", sum);
    memset(out, ' ', SLOT_BYTES);
    memcpy(out, text, (size_t)len);
    out[SLOT_BYTES - 1] = '\n';
}

/* The longest slot: every number 20 digits, the longest feed. */
_Static_assert(sizeof(HEADER) + 9 * 16 + 5 * 20 + P2P_ORIGIN_BYTES_MAX + P2P_BASE64_BYTES(32) +
                       P2P_BASE64_BYTES(64) + P2P_HEX_BYTES(32) <
                   SLOT_BYTES,
               "a slot holds every copy");

/* Reading a slot */

static bool take(struct p2p_slice *text, struct p2p_slice expected)
{
    if (text->len < expected.len || memcmp(text->data, expected.data, expected.len) != 0) {
        return false;
    }
    text->data += expected.len;
    text->len -= expected.len;
    return true;
}

/* The value of the line `name: value`, which must come next. */
static bool take_line(struct p2p_slice *text, const char *name, struct p2p_slice *value)
{
    if (!take(text, p2p_slice_text(name)) || !take(text, p2p_slice_text(": "))) {
        return false;
    }
    const uint8_t *end = memchr(text->data, '\n', text->len);
    if (end == NULL) {
        return false;
    }
    *value = p2p_slice_of(text->data, (size_t)(end - text->data));
    text->len -= value->len + 1;
    text->data = end + 1;
    return true;
}

static bool take_number(struct p2p_slice *text, const char *name, uint64_t *out)
{
    struct p2p_slice value;

    return take_line(text, name, &value) && p2p_decimal_decode(out, value) == P2P_OK;
}

static bool take_base64(struct p2p_slice *text, const char *name, uint8_t *out, size_t n)
{
    struct p2p_slice value;
    size_t len;

    return take_line(text, name, &value) && p2p_base64_decode(out, n, &len, value) == P2P_OK &&
           len == n;
}

/* The checksum is compared before anything is believed. */
static bool slot_parse(const char bytes[SLOT_BYTES], struct slot *out)
{
    struct p2p_slice text = p2p_slice_of(bytes, SLOT_BYTES);
    struct p2p_slice feed;
    struct p2p_slice sum;
    struct p2p_hash stated;
    struct slot slot;

    memset(&slot, 0, sizeof(slot));
    if (!take(&text, p2p_slice_text(HEADER)) || !take_number(&text, "serial", &slot.serial) ||
        !take_line(&text, "feed", &feed) || feed.len > P2P_ORIGIN_BYTES_MAX ||
        !take_number(&text, "generation", &slot.point.generation) ||
        !take_number(&text, "size", &slot.point.size) ||
        !take_base64(&text, "root", slot.point.root.bytes, P2P_HASH_BYTES) ||
        !take_base64(&text, "signature", slot.point.signature.bytes, P2P_SIGNATURE_BYTES) ||
        !take_number(&text, "commit", &slot.point.commit) ||
        !take_number(&text, "time", &slot.point.time_s)) {
        return false;
    }
    struct p2p_hash hash = p2p_sha256(p2p_slice_of(bytes, SLOT_BYTES - text.len));
    if (!take_line(&text, "sum", &sum) ||
        p2p_hex_decode(stated.bytes, sizeof(stated.bytes), sum) != P2P_OK ||
        !p2p_hash_equal(&hash, &stated) || slot.serial == 0) {
        return false;
    }
    memcpy(slot.point.feed, feed.data, feed.len);
    *out = slot;
    return true;
}

/* Reads both slots; returns the number of the newest valid one, or -1. */
static int slots_read(int fd, struct slot slots[SLOTS])
{
    int newest = -1;

    for (unsigned i = 0; i < SLOTS; i++) {
        char bytes[SLOT_BYTES];
        slots[i].serial = 0;
        if (pread(fd, bytes, sizeof(bytes), (off_t)(i * SLOT_BYTES_APART)) != sizeof(bytes) ||
            !slot_parse(bytes, &slots[i])) {
            continue;
        }
        if (newest < 0 || slots[i].serial > slots[newest].serial) {
            newest = (int)i;
        }
    }
    return newest;
}

enum p2p_copy_state p2p_copy_read(const char *path, struct p2p_copy_point *point, char *message,
                                  size_t message_cap)
{
    struct slot slots[SLOTS];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        snprintf(
            message, message_cap,
            "copy %s is missing; if its disk is only not mounted, mount it and start again",
            path);
        return P2P_COPY_MISSING;
    }
    if (fd < 0) {
        snprintf(message, message_cap, "copy %s cannot be read: %s", path, strerror(errno));
        return P2P_COPY_UNREADABLE;
    }
    int newest = slots_read(fd, slots);
    close(fd);
    if (newest < 0) {
        snprintf(message, message_cap,
                 "copy %s is damaged: no checksum in it fits; ask for a new generation", path);
        return P2P_COPY_UNREADABLE;
    }
    *point = slots[newest].point;
    return P2P_COPY_OK;
}

enum p2p_err p2p_copy_create(const char *path, const struct p2p_copy_point *point,
                             char *message, size_t message_cap)
{
    char bytes[FILE_BYTES];

    memset(bytes, ' ', sizeof(bytes));
    bytes[SLOT_BYTES_APART - 1] = '\n';
    slot_format(bytes, 1, point);
    bytes[FILE_BYTES - 1] = '\n';
    return p2p_file_write(path, p2p_slice_of(bytes, sizeof(bytes)), 0600, P2P_FILE_REPLACE,
                          message, message_cap);
}

/* Opens the file and finds out which slot to spare. */
static enum p2p_err reopen(struct p2p_copy *copy)
{
    struct slot slots[SLOTS];
    int fd = open(copy->path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT ? P2P_NOTFOUND : P2P_IO;
    }
    int newest = slots_read(fd, slots);
    /* Synced now: after a kill the newest slot may still be only in the page cache. */
    if (newest < 0 || fdatasync(fd) != 0) {
        close(fd);
        return newest < 0 ? P2P_CORRUPT : P2P_IO;
    }
    copy->fd = fd;
    if (!copy->safe_known || slots[copy->safe].serial == 0) {
        copy->safe = (unsigned)newest;
        copy->safe_known = true;
    }
    copy->unsynced = false;
    if (slots[newest].serial > copy->serial) {
        copy->serial = slots[newest].serial;
    }
    return P2P_OK;
}

enum p2p_err p2p_copy_open(struct p2p_copy **out, const char *path, char *message,
                           size_t message_cap)
{
    struct p2p_copy *copy = calloc(1, sizeof(*copy));
    enum p2p_err err = P2P_NOMEM;

    if (copy != NULL) {
        copy->fd = -1;
        int len = snprintf(copy->path, sizeof(copy->path), "%s", path);
        err = len > 0 && (size_t)len < sizeof(copy->path) ? reopen(copy) : P2P_IO;
    }
    if (err != P2P_OK) {
        snprintf(message, message_cap, "open copy %s: %s", path, p2p_err_text(err));
        free(copy);
        return err;
    }
    *out = copy;
    return P2P_OK;
}

static void drop(struct p2p_copy *copy)
{
    close(copy->fd);
    copy->fd = -1;
}

void p2p_copy_close(struct p2p_copy *copy)
{
    if (copy == NULL) {
        return;
    }
    if (copy->fd >= 0) {
        if (copy->unsynced && fdatasync(copy->fd) != 0) {
            copy->unsynced = false; /* the next start sees an older copy, as after a crash */
        }
        close(copy->fd);
    }
    free(copy);
}

/* A file that was removed or replaced would take writes that nobody reads again. */
static bool still_there(const struct p2p_copy *copy)
{
    struct stat opened;
    struct stat named;

    return fstat(copy->fd, &opened) == 0 && stat(copy->path, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

enum p2p_err p2p_copy_write(struct p2p_copy *copy, const struct p2p_copy_point *point)
{
    char bytes[SLOT_BYTES];

    if (copy->fd < 0) {
        enum p2p_err err = reopen(copy);
        if (err != P2P_OK) {
            return P2P_IO;
        }
    }
    slot_format(bytes, copy->serial + 1, point);
    off_t at = (off_t)((1 - copy->safe) * SLOT_BYTES_APART);
    if (pwrite(copy->fd, bytes, sizeof(bytes), at) != (ssize_t)sizeof(bytes)) {
        drop(copy);
        return P2P_IO;
    }
    copy->serial++;
    copy->unsynced = true;
    return P2P_OK;
}

enum p2p_err p2p_copy_sync(struct p2p_copy *copy)
{
    if (copy->fd < 0) {
        return P2P_IO; /* the last write failed: what it had is not there */
    }
    if (!still_there(copy)) {
        drop(copy);
        return P2P_IO;
    }
    if (!copy->unsynced) {
        return P2P_OK;
    }
    if (fdatasync(copy->fd) != 0) { /* final for this open: the pages may be dropped as clean */
        drop(copy);
        return P2P_IO;
    }
    copy->unsynced = false;
    copy->safe = 1 - copy->safe;
    return P2P_OK;
}
