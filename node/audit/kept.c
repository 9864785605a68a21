/* An index that is used again: `DIR.index/state` says what `rows` beside it follows from.
 *
 *     magic, sizes of what is dumped; trust file, archives, SHA-256 of rows; logs, signings,
 *     digests; since when values stand; findings; SHA-256 of all before it
 *
 * It is a cache of this program on this machine, so memory is written as it is. It is used only
 * when all of it fits: the same trust file and manifests, files that nobody wrote since, rows
 * of that hash, and an index that belongs to who asks and that nobody else may write; an index
 * that came along with an archive is nobody's word. Anything else is made anew, without a word.
 */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/file.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAGIC "port2port index v5\n"
#define STATE_NAME  "state"

struct head {
    char magic[sizeof(STATE_MAGIC)];
    uint32_t log_bytes, signing_bytes, finding_bytes, code_count;
    struct p2p_hash trust;
    uint64_t archive_count;
    struct p2p_hash archives[P2P_AUDIT_ARCHIVES_MAX];
    struct p2p_hash stamps[P2P_AUDIT_ARCHIVES_MAX];
    struct p2p_hash rows;
    uint64_t log_count, signing_count, settled_bytes;
    struct p2p_hash frontier, leaves;
};

/* Of each log; its flags and times follow. */
struct kept_log {
    uint64_t size;
    struct p2p_tree_head head;
    uint64_t witnessed_size;
    uint64_t differs;
};

/* ---- whole files ---- */

/* Its own, and closed to others. */
static bool is_private(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Maps a private file; {NULL, 0} when it is none, or empty. */
static struct p2p_slice map_file(const char *path)
{
    struct stat info;
    struct p2p_slice bytes = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && is_private(fd) && fstat(fd, &info) == 0 && info.st_size > 0) {
        void *base = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        bytes = base == MAP_FAILED ? bytes : p2p_slice_of(base, (size_t)info.st_size);
    }
    if (fd >= 0) {
        close(fd);
    }
    return bytes;
}

static void unmap_file(struct p2p_slice bytes)
{
    if (bytes.data != NULL) {
        munmap((void *)(uintptr_t)bytes.data, bytes.len);
    }
}

static bool hash_file(const char *path, struct p2p_hash *out)
{
    struct p2p_slice bytes = map_file(path);
    if (bytes.data == NULL) {
        return false;
    }
    *out = p2p_sha256(bytes);
    unmap_file(bytes);
    return true;
}

/* ---- what it follows from ---- */

static bool make_head(const struct p2p_audit *audit, struct head *head)
{
    char rows[P2P_PATH_BYTES_MAX];
    memset(head, 0, sizeof(*head));
    memcpy(head->magic, STATE_MAGIC, sizeof(STATE_MAGIC));
    head->log_bytes = sizeof(struct kept_log);
    head->signing_bytes = sizeof(struct audit_signing);
    head->finding_bytes = sizeof(struct p2p_finding);
    head->code_count = P2P_FINDING_COUNT;
    head->trust = audit->trust_hash;
    head->archive_count = audit->options.dir_count;
    for (size_t i = 0; i < audit->options.dir_count; i++) {
        head->archives[i] = p2p_archive_hash(audit->archives[i]);
        head->stamps[i] = audit->stamps[i];
    }
    head->log_count = audit->log_count;
    head->signing_count = audit->signing_count;
    head->settled_bytes = audit->settled == NULL ? 0 : p2p_settled_bytes(audit->settled);
    head->frontier = audit->frontier;
    head->leaves = audit->leaves;
    return audit_index_path(audit, "rows", rows) == P2P_OK && hash_file(rows, &head->rows);
}

/* ---- writing ---- */

static bool put(FILE *out, const void *bytes, size_t n)
{
    return fwrite(bytes, 1, n, out) == n;
}

static bool put_log(FILE *out, const struct audit_log *log)
{
    struct kept_log kept;
    memset(&kept, 0, sizeof(kept));
    kept.size = log->size;
    kept.head = log->head;
    kept.witnessed_size = log->witnessed_size;
    kept.differs = log->differs;
    return put(out, &kept, sizeof(kept)) && put(out, log->flags, (size_t)log->size) &&
           put(out, log->times_s, (size_t)log->size * sizeof(*log->times_s));
}

static bool put_settled(FILE *out, const struct p2p_audit *audit, size_t len)
{
    uint8_t *bytes = p2p_alloc_zeroed(audit->alloc, len, 1);
    if (bytes == NULL) {
        return false;
    }
    p2p_settled_encode(audit->settled, bytes);
    bool good = put(out, bytes, len);
    p2p_alloc_free(audit->alloc, bytes);
    return good;
}

static bool put_all(FILE *out, const struct p2p_audit *audit, const struct head *head)
{
    bool good = put(out, head, sizeof(*head));
    for (size_t i = 0; i < audit->log_count && good; i++) {
        good = put_log(out, &audit->logs[i]);
    }
    return good && put(out, audit->signings, audit->signing_count * sizeof(*audit->signings)) &&
           put_settled(out, audit, (size_t)head->settled_bytes) &&
           p2p_findings_save(audit->findings, out) && fflush(out) == 0;
}

/* The hash of what was written, at its end. */
static bool put_sum(FILE *out, const char *path)
{
    struct p2p_hash sum;
    return hash_file(path, &sum) && put(out, sum.bytes, P2P_HASH_BYTES);
}

void audit_keep(const struct p2p_audit *audit)
{
    char path[P2P_PATH_BYTES_MAX];
    struct head head;
    if (audit_index_path(audit, STATE_NAME, path) != P2P_OK || !make_head(audit, &head)) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");
    bool good = out != NULL && put_all(out, audit, &head) && put_sum(out, path);
    if (out != NULL) {
        good = fclose(out) == 0 && good;
    }
    if (!good) {
        unlink(path);
    }
}

void audit_forget(const struct p2p_audit *audit)
{
    char path[P2P_PATH_BYTES_MAX];
    if (audit_index_path(audit, STATE_NAME, path) == P2P_OK) {
        unlink(path);
    }
}

/* ---- reading ---- */

static bool take_log(struct p2p_reader *in, struct audit_log *log)
{
    struct kept_log kept;
    p2p_reader_copy(in, &kept, sizeof(kept));
    if (in->failed || kept.size != log->size || kept.head.size > log->size) {
        return false;
    }
    log->head = kept.head;
    log->witnessed_size = kept.witnessed_size;
    log->differs = kept.differs != 0;
    p2p_reader_copy(in, log->flags, (size_t)log->size);
    p2p_reader_copy(in, log->times_s, (size_t)log->size * sizeof(*log->times_s));
    return !in->failed;
}

static bool take_signings(struct p2p_audit *audit, struct p2p_reader *in, uint64_t count)
{
    if (count > p2p_reader_left(in) / sizeof(*audit->signings)) {
        return false;
    }
    audit->signings =
        p2p_alloc_zeroed(audit->alloc, (size_t)count + 1, sizeof(*audit->signings));
    if (audit->signings == NULL) {
        return false;
    }
    audit->signing_cap = (size_t)count + 1;
    audit->signing_count = (size_t)count;
    p2p_reader_copy(in, audit->signings, (size_t)count * sizeof(*audit->signings));
    for (size_t i = 0; i < audit->signing_count; i++) {
        if (audit->signings[i].key >= audit->key_count) {
            return false;
        }
    }
    return !in->failed;
}

/* By feed number, as the replay had it: the charter names as many now. */
static bool take_settled(struct p2p_audit *audit, struct p2p_reader *in, uint64_t len)
{
    size_t feeds = p2p_charter_feed_count(audit->charter);
    return len <= p2p_reader_left(in) &&
           p2p_settled_decode(&audit->settled, audit->alloc, feeds,
                              p2p_reader_bytes(in, (size_t)len)) == P2P_OK;
}

static bool take_all(struct p2p_audit *audit, struct p2p_slice bytes)
{
    struct p2p_reader in;
    struct head head;
    struct head wanted;
    if (bytes.len < sizeof(head) + P2P_HASH_BYTES || !make_head(audit, &wanted)) {
        return false;
    }
    size_t len = bytes.len - P2P_HASH_BYTES;
    struct p2p_hash sum = p2p_sha256(p2p_slice_of(bytes.data, len));
    p2p_reader_init(&in, p2p_slice_of(bytes.data, len));
    p2p_reader_copy(&in, &head, sizeof(head));
    wanted.signing_count = head.signing_count; /* what is taken from it */
    wanted.settled_bytes = head.settled_bytes;
    wanted.frontier = head.frontier;
    wanted.leaves = head.leaves;
    if (memcmp(sum.bytes, bytes.data + len, P2P_HASH_BYTES) != 0 ||
        memcmp(&head, &wanted, sizeof(head)) != 0) {
        return false;
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        if (!take_log(&in, &audit->logs[i])) {
            return false;
        }
    }
    audit->frontier = head.frontier;
    audit->leaves = head.leaves;
    return take_signings(audit, &in, head.signing_count) &&
           take_settled(audit, &in, head.settled_bytes) &&
           p2p_findings_load(audit->findings, p2p_reader_bytes(&in, p2p_reader_left(&in)));
}

bool audit_take(struct p2p_audit *audit)
{
    char path[P2P_PATH_BYTES_MAX];
    if (audit_index_path(audit, STATE_NAME, path) != P2P_OK) {
        return false;
    }
    struct p2p_slice bytes = map_file(path);
    bool good = bytes.data != NULL && take_all(audit, bytes);
    unmap_file(bytes);
    return good;
}
