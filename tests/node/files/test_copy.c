#include "check.h"

#include "disk_fault.h"
#include "temp_dir.h"

#include <p2p/copy.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct p2p_copy_point point_of(uint64_t commit)
{
    struct p2p_copy_point point;

    memset(&point, 0, sizeof(point));
    snprintf(point.feed, sizeof(point.feed), "sandbox.example/beanr");
    point.generation = 1;
    point.size = commit * 10;
    memset(point.root.bytes, (int)commit & 0xff, sizeof(point.root.bytes));
    memset(point.signature.bytes, 0xee, sizeof(point.signature.bytes));
    point.commit = commit;
    point.time_s = 1750000000 + commit;
    return point;
}

static uint64_t commit_in(const char *path)
{
    struct p2p_copy_point point;
    char message[256] = "";

    CHECK(p2p_copy_read(path, &point, message, sizeof(message)) == P2P_COPY_OK);
    struct p2p_copy_point expected = point_of(point.commit);
    CHECK(memcmp(&point, &expected, sizeof(point)) == 0); /* whole, never a mixture */
    return point.commit;
}

static struct p2p_copy *make(const char *path, uint64_t commit)
{
    struct p2p_copy_point point = point_of(commit);
    struct p2p_copy *copy = NULL;

    CHECK_OK(p2p_copy_create(path, &point, NULL, 0));
    CHECK_OK(p2p_copy_open(&copy, path, NULL, 0));
    return copy;
}

static enum p2p_err write_commit(struct p2p_copy *copy, uint64_t commit)
{
    struct p2p_copy_point point = point_of(commit);

    return p2p_copy_write(copy, &point);
}

/* What was written last is read back, synced or not, across opens. */
static void last_one_counts(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];

    (void)state;
    temp_dir_make(&dir);
    struct p2p_copy *copy = make(temp_path(&dir, "copy", path), 1);
    CHECK(commit_in(path) == 1);
    for (uint64_t commit = 2; commit < 40; commit++) {
        CHECK_OK(write_commit(copy, commit));
        CHECK(commit_in(path) == commit);
        if (commit % 3 == 0) {
            CHECK_OK(p2p_copy_sync(copy));
        }
        if (commit % 7 == 0) {
            p2p_copy_close(copy);
            CHECK_OK(p2p_copy_open(&copy, path, NULL, 0));
        }
    }
    CHECK_OK(p2p_copy_sync(copy));
    CHECK_OK(p2p_copy_sync(copy));
    p2p_copy_close(copy);
    p2p_copy_close(NULL);
    CHECK(commit_in(path) == 39);
    temp_dir_remove(&dir);
}

/* Missing, unreadable and good are told apart, with a sentence for people. */
static void states(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char message[256] = "";
    struct p2p_copy_point point;
    struct p2p_copy *copy = NULL;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "copy", path);
    CHECK(p2p_copy_read(path, &point, message, sizeof(message)) == P2P_COPY_MISSING);
    CHECK(strstr(message, path) != NULL);
    CHECK_ERR(p2p_copy_open(&copy, path, NULL, 0), P2P_NOTFOUND);
    CHECK(p2p_copy_read(dir.path, &point, message, sizeof(message)) == P2P_COPY_UNREADABLE);
    temp_write(path, "", 0);
    CHECK(p2p_copy_read(path, &point, message, sizeof(message)) == P2P_COPY_UNREADABLE);
    CHECK_ERR(p2p_copy_open(&copy, path, NULL, 0), P2P_CORRUPT);
    p2p_copy_close(make(path, 5));
    CHECK(commit_in(path) == 5);
    temp_dir_remove(&dir);
}

/* A write torn at any byte, in any mixture of old and new, leaves the slot that was synced. */
static void torn_at_every_byte(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    size_t before_len;
    size_t after_len;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_copy *copy = make(temp_path(&dir, "copy", path), 1);
    CHECK_OK(write_commit(copy, 2));
    CHECK_OK(p2p_copy_sync(copy)); /* 2 is safe; 1 lies in the other slot */
    unsigned char *before = temp_read(path, &before_len);
    CHECK_OK(write_commit(copy, 3));
    CHECK_OK(write_commit(copy, 4)); /* both over 1 */
    unsigned char *after = temp_read(path, &after_len);
    CHECK(before_len == after_len);
    unsigned char *torn = malloc(after_len);
    CHECK(torn != NULL);
    for (size_t at = 0; at <= after_len; at++) {
        memcpy(torn, after, at);
        memcpy(torn + at, before + at, after_len - at);
        temp_write(path, torn, after_len);
        uint64_t commit = commit_in(path);
        CHECK(commit == 2 || commit == 4);
        memcpy(torn, before, at);
        memcpy(torn + at, after + at, after_len - at);
        temp_write(path, torn, after_len);
        commit = commit_in(path);
        CHECK(commit == 2 || commit == 4);
    }
    for (size_t at = 0; at < after_len; at++) { /* any damaged byte: the one or the other */
        memcpy(torn, after, after_len);
        torn[at] ^= 0x20;
        temp_write(path, torn, after_len);
        uint64_t commit = commit_in(path);
        CHECK(commit == 2 || commit == 4);
    }
    struct p2p_copy_point point;
    for (size_t len = 0; len < after_len; len++) { /* and any length: one, or unreadable */
        temp_write(path, after, len);
        enum p2p_copy_state found = p2p_copy_read(path, &point, NULL, 0);
        CHECK(found == P2P_COPY_UNREADABLE ||
              (found == P2P_COPY_OK && (point.commit == 2 || point.commit == 4)));
    }
    p2p_copy_close(copy);
    free(before);
    free(after);
    free(torn);
    temp_dir_remove(&dir);
}

/* A failed write or sync is said, the safe slot stays, and a disk that comes back is used. */
static void failing_disk(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];

    (void)state;
    temp_dir_make(&dir);
    struct p2p_copy *copy = make(temp_path(&dir, "copy", path), 1);
    for (int kind = DISK_FAULT_EIO; kind <= DISK_FAULT_SHORT; kind++) {
        uint64_t first = (uint64_t)kind * 100 + 10;
        CHECK_OK(write_commit(copy, first));
        CHECK_OK(p2p_copy_sync(copy));
        disk_fault_arm((enum disk_fault_kind)kind, 0, false);
        CHECK_ERR(write_commit(copy, first + 1), P2P_IO);
        disk_fault_disarm();
        CHECK_ERR(p2p_copy_sync(copy), P2P_IO); /* until a write succeeds */
        CHECK(commit_in(path) <= first + 1);    /* a short write may hold a whole slot */
        CHECK_OK(write_commit(copy, first + 2));
        disk_fault_arm((enum disk_fault_kind)kind, 0, false);
        CHECK_ERR(p2p_copy_sync(copy), P2P_IO);
        disk_fault_disarm();
        CHECK_OK(write_commit(copy, first + 3)); /* not over the slot that is safe */
        CHECK_OK(write_commit(copy, first + 4));
        CHECK(commit_in(path) == first + 4);
        CHECK_OK(p2p_copy_sync(copy));
    }
    CHECK(unlink(path) == 0); /* the file went, as with a disk that is unmounted */
    CHECK_OK(write_commit(copy, 500));
    CHECK_ERR(p2p_copy_sync(copy), P2P_IO);
    CHECK_ERR(write_commit(copy, 501), P2P_IO);
    struct p2p_copy_point point = point_of(502);
    CHECK_OK(p2p_copy_create(path, &point, NULL, 0));
    CHECK_OK(write_commit(copy, 503));
    CHECK_OK(p2p_copy_sync(copy));
    CHECK(commit_in(path) == 503);
    p2p_copy_close(copy);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_one_counts),
        cmocka_unit_test(states),
        cmocka_unit_test(torn_at_every_byte),
        cmocka_unit_test(failing_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
