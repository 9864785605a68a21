/* The file: a head (spool_head.h), then room for entries, reserved at open. An entry: length
 * u32, boot u64, n u64, first SUM_BYTES of SHA-256 over the head's epoch, the three and the
 * payload, then the payload. Integers big-endian.
 *
 * Promises: 1. What was confirmed ends at or before `used` of a head that is synced with it, so
 * an end of the whole entries that lies before `used` is damage, or what a crash tore before it
 * was confirmed. 2. An entry counts only if its checksum fits; each clearing draws a new epoch,
 * so what stands behind the last entry never does. 3. Within what was reserved nothing asks the
 * disk for room. 4. After a failed sync nothing more is appended: the disk may hold anything
 * from `end` on. */
#include "spool_head.h"

#include <p2p/bytes.h>
#include <p2p/file.h>
#include <p2p/hash.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBERS_BYTES 20u
#define SUM_BYTES     16u
#define HEADER_BYTES  (NUMBERS_BYTES + SUM_BYTES)
#define COPY_BYTES    65536u

struct p2p_spool {
    int fd;
    uint64_t boot;
    uint64_t next_n;
    uint64_t capacity;
    bool reserved;
    struct spool_head head;
    uint64_t end; /* behind the last whole entry */
    size_t count;
    bool failed;
    uint8_t *buffer; /* one entry, header and payload */
    char path[P2P_PATH_BYTES_MAX];
};

struct header {
    uint32_t len;
    struct p2p_spool_id id;
    uint8_t sum[SUM_BYTES];
};

/* Over the epoch, the numbers as they stand in the file and the payload behind the header. */
static void entry_sum(uint64_t epoch, const uint8_t *entry, size_t payload_len,
                      uint8_t out[SUM_BYTES])
{
    uint8_t bytes[8];
    struct p2p_writer writer;

    p2p_writer_init(&writer, bytes, sizeof(bytes));
    p2p_writer_u64(&writer, epoch);
    const struct p2p_slice parts[] = {p2p_writer_slice(&writer),
                                      p2p_slice_of(entry, NUMBERS_BYTES),
                                      p2p_slice_of(entry + HEADER_BYTES, payload_len)};
    struct p2p_hash hash = p2p_sha256_many(parts, 3);

    memcpy(out, hash.bytes, SUM_BYTES);
}

static bool header_parse(const uint8_t bytes[HEADER_BYTES], struct header *out)
{
    struct p2p_reader reader;

    p2p_reader_init(&reader, p2p_slice_of(bytes, HEADER_BYTES));
    out->len = p2p_reader_u32(&reader);
    out->id.boot = p2p_reader_u64(&reader);
    out->id.n = p2p_reader_u64(&reader);
    p2p_reader_copy(&reader, out->sum, SUM_BYTES);
    return out->len > 0 && out->len <= P2P_SPOOL_ENTRY_BYTES_MAX;
}

/* How many bytes were read before the end; -1 with errno. */
static ssize_t read_at(int fd, uint8_t *out, size_t len, uint64_t at)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(fd, out + done, len - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* Reads the entry at `at` into the buffer. P2P_NOTFOUND: none that is whole. */
static enum p2p_err entry_read(struct p2p_spool *spool, uint64_t at, struct header *header)
{
    uint8_t sum[SUM_BYTES];

    at += P2P_SPOOL_HEAD_BYTES;
    ssize_t got = read_at(spool->fd, spool->buffer, HEADER_BYTES, at);
    if (got < 0) {
        return P2P_IO;
    }
    if ((size_t)got < HEADER_BYTES || !header_parse(spool->buffer, header)) {
        return P2P_NOTFOUND;
    }
    got = read_at(spool->fd, spool->buffer + HEADER_BYTES, header->len, at + HEADER_BYTES);
    if (got < 0) {
        return P2P_IO;
    }
    if ((size_t)got < header->len) {
        return P2P_NOTFOUND;
    }
    entry_sum(spool->head.epoch, spool->buffer, header->len, sum);
    return memcmp(sum, header->sum, SUM_BYTES) == 0 ? P2P_OK : P2P_NOTFOUND;
}

static int write_at(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
    size_t done = 0;

    while (done < len) {
        ssize_t put = pwrite(fd, bytes + done, len - done, (off_t)(at + done));
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

/* Opening */

/* An empty spool, under an epoch that no entry in the file has. */
static int begin_epoch(struct p2p_spool *spool)
{
    uint64_t epoch;

    if (getentropy(&epoch, sizeof(epoch)) != 0) {
        return errno;
    }
    int rc = spool_head_write(spool->fd, &spool->head, epoch, 0);
    return rc == 0 && fdatasync(spool->fd) != 0 ? errno : rc;
}

/* Appends the file's bytes from `at` to `end` to PATH.damaged, synced: nothing is thrown away
 * unseen. */
static int save_aside(const struct p2p_spool *spool, uint64_t at, uint64_t end)
{
    char path[P2P_PATH_BYTES_MAX + 8];
    uint8_t *bytes = malloc(COPY_BYTES);
    int rc = bytes == NULL ? ENOMEM : 0;

    snprintf(path, sizeof(path), "%s.damaged", spool->path);
    int fd = rc != 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (rc == 0 && fd < 0) {
        rc = errno;
    }
    off_t to = rc == 0 ? lseek(fd, 0, SEEK_END) : 0;
    while (rc == 0 && at < end) {
        size_t want = end - at < COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;
        ssize_t got = read_at(spool->fd, bytes, want, at);
        if (got <= 0) {
            rc = got < 0 ? errno : 0;
            break; /* the file ends before what its head says */
        }
        rc = write_at(fd, bytes, (size_t)got, (uint64_t)to);
        at += (uint64_t)got;
        to += got;
    }
    if (rc == 0 && fsync(fd) != 0) {
        rc = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    free(bytes);
    return rc;
}

/* Its head is lost: all of the file is set aside, and the spool begins anew. */
static int start_over(struct p2p_spool *spool, uint64_t *lost_bytes)
{
    struct stat info;

    if (fstat(spool->fd, &info) != 0) {
        return errno;
    }
    *lost_bytes = (uint64_t)info.st_size;
    int rc = save_aside(spool, 0, *lost_bytes);
    return rc == 0 ? begin_epoch(spool) : rc;
}

/* Finds the end of the whole entries; sets aside what should stand behind it. Without room for
 * that it stays where it is until the next entry is written over it. */
static int scan(struct p2p_spool *spool, uint64_t *lost_bytes)
{
    struct header header;
    enum p2p_err err;

    while ((err = entry_read(spool, spool->end, &header)) == P2P_OK) {
        spool->end += HEADER_BYTES + header.len;
        spool->count++;
        if (header.id.boot == spool->boot && header.id.n >= spool->next_n) {
            spool->next_n = header.id.n + 1;
        }
    }
    if (err != P2P_NOTFOUND) {
        return EIO;
    }
    *lost_bytes = spool->head.used > spool->end ? spool->head.used - spool->end : 0;
    if (*lost_bytes == 0) {
        return 0;
    }
    int rc = save_aside(spool, P2P_SPOOL_HEAD_BYTES + spool->end,
                        P2P_SPOOL_HEAD_BYTES + spool->head.used);
    if (rc == ENOSPC || rc == EDQUOT) {
        return 0;
    }
    if (rc == 0) {
        rc = spool_head_write(spool->fd, &spool->head, spool->head.epoch, spool->end);
    }
    return rc == 0 && fdatasync(spool->fd) != 0 ? errno : rc;
}

/* Zeros from `at` to `end`: real blocks on a file system that cannot reserve them, and nothing
 * left of entries that are done with. */
static int fill(const struct p2p_spool *spool, uint64_t at, uint64_t end)
{
    uint8_t *zeros = calloc(1, COPY_BYTES);
    int rc = zeros == NULL ? ENOMEM : 0;

    while (rc == 0 && at < end) {
        size_t len = end - at < COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;
        rc = write_at(spool->fd, zeros, len, at);
        at += len;
    }
    free(zeros);
    return rc;
}

/* Asks for all the room there is to be. A disk that is full already is no error: entries then
 * find room or do not. */
static int reserve(struct p2p_spool *spool)
{
    uint64_t len = P2P_SPOOL_HEAD_BYTES + spool->capacity;
    struct stat info;

    if (fstat(spool->fd, &info) != 0) {
        return errno;
    }
    int rc = fallocate(spool->fd, 0, 0, (off_t)len) == 0 ? 0 : errno;
    if (rc == EOPNOTSUPP) {
        rc = (uint64_t)info.st_size < len ? fill(spool, (uint64_t)info.st_size, len) : 0;
    }
    if (rc == 0 && fsync(spool->fd) != 0) {
        rc = errno;
    }
    spool->reserved = rc == 0;
    return rc == ENOSPC || rc == EDQUOT ? 0 : rc;
}

static int load(struct p2p_spool *spool, uint64_t *lost_bytes)
{
    enum spool_head_state state;

    int rc = spool_head_read(spool->fd, &spool->head, &state);
    if (rc == 0 && state == SPOOL_HEAD_DAMAGED) {
        rc = start_over(spool, lost_bytes);
    }
    if (rc == 0) {
        rc = reserve(spool);
    }
    if (rc == 0 && state == SPOOL_HEAD_NEW) {
        rc = begin_epoch(spool);
    }
    return rc == 0 && state == SPOOL_HEAD_GOOD ? scan(spool, lost_bytes) : rc;
}

static int open_and_lock(struct p2p_spool *spool, const char *path)
{
    int len = snprintf(spool->path, sizeof(spool->path), "%s", path);

    if (len <= 0 || (size_t)len >= sizeof(spool->path)) {
        return ENAMETOOLONG;
    }
    spool->buffer = malloc(HEADER_BYTES + P2P_SPOOL_ENTRY_BYTES_MAX);
    if (spool->buffer == NULL) {
        return ENOMEM;
    }
    spool->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->fd < 0 || flock(spool->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno;
    }
    return p2p_parent_sync(path);
}

enum p2p_err p2p_spool_open(struct p2p_spool **out, const char *path, uint64_t boot,
                            uint64_t capacity, uint64_t *lost_bytes, char *message,
                            size_t message_cap)
{
    uint64_t lost = 0;
    struct p2p_spool *spool = calloc(1, sizeof(*spool));
    int rc = ENOMEM;

    if (spool != NULL) {
        spool->fd = -1;
        spool->boot = boot;
        spool->capacity = capacity;
        rc = open_and_lock(spool, path);
    }
    if (rc == 0) {
        rc = load(spool, &lost);
    }
    if (rc != 0) {
        p2p_spool_close(spool);
        snprintf(message, message_cap, "spool %s: %s", path,
                 rc == EWOULDBLOCK ? "in use by another process" : strerror(rc));
        return rc == EWOULDBLOCK              ? P2P_LOCKED
               : rc == ENOMEM                 ? P2P_NOMEM
               : rc == ENOSPC || rc == EDQUOT ? P2P_FULL
                                              : P2P_IO;
    }
    if (lost_bytes != NULL) {
        *lost_bytes = lost;
    }
    *out = spool;
    return P2P_OK;
}

void p2p_spool_close(struct p2p_spool *spool)
{
    if (spool == NULL) {
        return;
    }
    if (spool->fd >= 0) {
        close(spool->fd);
    }
    free(spool->buffer);
    free(spool);
}

/* Using */

enum p2p_err p2p_spool_append(struct p2p_spool *spool, struct p2p_slice payload,
                              struct p2p_spool_id *id)
{
    struct p2p_writer writer;
    uint8_t sum[SUM_BYTES];
    size_t entry_len = HEADER_BYTES + payload.len;

    if (spool->failed) {
        return P2P_IO;
    }
    if (payload.len == 0 || payload.len > P2P_SPOOL_ENTRY_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (entry_len > spool->capacity || spool->end > spool->capacity - entry_len) {
        return P2P_FULL;
    }
    memcpy(spool->buffer + HEADER_BYTES, payload.data, payload.len);
    p2p_writer_init(&writer, spool->buffer, HEADER_BYTES);
    p2p_writer_u32(&writer, (uint32_t)payload.len);
    p2p_writer_u64(&writer, spool->boot);
    p2p_writer_u64(&writer, spool->next_n);
    entry_sum(spool->head.epoch, spool->buffer, payload.len, sum);
    p2p_writer_bytes(&writer, sum, SUM_BYTES);
    int rc = write_at(spool->fd, spool->buffer, entry_len, P2P_SPOOL_HEAD_BYTES + spool->end);
    if (rc == ENOSPC || rc == EDQUOT) {
        return P2P_FULL; /* what was written stands behind `used` */
    }
    if (rc == 0) {
        rc = spool_head_write(spool->fd, &spool->head, spool->head.epoch,
                              spool->end + entry_len);
    }
    if (rc != 0 || fdatasync(spool->fd) != 0) {
        spool->failed = true;
        return P2P_IO;
    }
    *id = (struct p2p_spool_id){spool->boot, spool->next_n};
    spool->next_n++;
    spool->end += entry_len;
    spool->count++;
    return P2P_OK;
}

size_t p2p_spool_count(const struct p2p_spool *spool)
{
    return spool->count;
}

uint64_t p2p_spool_bytes(const struct p2p_spool *spool)
{
    return spool->end;
}

bool p2p_spool_reserved(const struct p2p_spool *spool)
{
    return spool->reserved;
}

enum p2p_err p2p_spool_next(struct p2p_spool *spool, uint64_t *at, struct p2p_spool_id *id,
                            struct p2p_slice *payload)
{
    struct header header;

    if (*at >= spool->end) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = entry_read(spool, *at, &header);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err; /* it was whole at open */
    }
    *at += HEADER_BYTES + header.len;
    *id = header.id;
    *payload = p2p_slice_of(spool->buffer + HEADER_BYTES, header.len);
    return P2P_OK;
}

enum p2p_err p2p_spool_clear(struct p2p_spool *spool)
{
    if (spool->failed) {
        return P2P_IO;
    }
    uint64_t end = spool->end;
    spool->failed = begin_epoch(spool) != 0;
    if (!spool->failed) {
        spool->end = 0;
        spool->count = 0;
        /* Empty from here on, whatever a crash leaves of the old bytes. */
        spool->failed = fill(spool, P2P_SPOOL_HEAD_BYTES, P2P_SPOOL_HEAD_BYTES + end) != 0;
    }
    return spool->failed ? P2P_IO : P2P_OK;
}
