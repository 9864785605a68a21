#include "check.h"

#include "disk_fault.h"
#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/spool.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRIES  5u
#define CAPACITY ((uint64_t)P2P_SPOOL_BYTES_MIN)

static struct p2p_spool *open_in(const char *path, uint64_t boot, uint64_t *lost)
{
    struct p2p_spool *spool = NULL;
    char message[256] = "";
    enum p2p_err err =
        p2p_spool_open(&spool, path, boot, CAPACITY, lost, message, sizeof(message));

    if (err != P2P_OK) {
        print_error("%s\n", message);
    }
    CHECK_OK(err);
    return spool;
}

static struct p2p_slice text_of(char out[64], uint64_t n)
{
    snprintf(out, 64, "decision %llu refused %.*s", (unsigned long long)n, (int)(n * 3),
             "for reasons of its own, which follow");
    return p2p_slice_text(out);
}

static void append(struct p2p_spool *spool, uint64_t n, uint64_t boot)
{
    char text[64];
    struct p2p_spool_id id;

    CHECK_OK(p2p_spool_append(spool, text_of(text, n), &id));
    CHECK(id.boot == boot);
    CHECK(id.n == n);
}

/* The entries are those of boot 7, numbered from 0, without a gap; how many. */
static size_t check_entries(struct p2p_spool *spool)
{
    char text[64];
    uint64_t at = 0;
    struct p2p_spool_id id;
    struct p2p_slice payload;
    size_t count = 0;

    while (p2p_spool_next(spool, &at, &id, &payload) == P2P_OK) {
        CHECK(id.boot == 7);
        CHECK(id.n == count);
        CHECK(p2p_slice_equal(payload, text_of(text, count)));
        count++;
    }
    CHECK(at == p2p_spool_bytes(spool));
    CHECK(count == p2p_spool_count(spool));
    return count;
}

/* Entries come back in order with their ids after opening anew; clearing empties; numbers go
 * on. */
static void keeps_order(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    struct p2p_spool *second = NULL;
    uint64_t lost = 1;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_spool *spool = open_in(temp_path(&dir, "spool", path), 7, &lost);
    CHECK(lost == 0);
    for (uint64_t n = 0; n < ENTRIES; n++) {
        append(spool, n, 7);
    }
    CHECK(check_entries(spool) == ENTRIES);
    CHECK_ERR(p2p_spool_open(&second, path, 8, CAPACITY, NULL, NULL, 0), P2P_LOCKED);
    p2p_spool_close(spool);
    spool = open_in(path, 8, NULL);
    CHECK(check_entries(spool) == ENTRIES);
    append(spool, 0, 8);
    append(spool, 1, 8);
    CHECK(p2p_spool_count(spool) == ENTRIES + 2);
    CHECK_OK(p2p_spool_clear(spool));
    CHECK(p2p_spool_count(spool) == 0);
    append(spool, 2, 8);
    p2p_spool_close(spool);
    p2p_spool_close(NULL);
    spool = open_in(path, 8, NULL); /* the same boot again: no id twice */
    append(spool, 3, 8);
    p2p_spool_close(spool);
    temp_dir_remove(&dir);
}

/* Entries a spool of boot 7 is left with. */
static unsigned char *leave(const char *path, size_t entries, size_t *len)
{
    struct p2p_spool *spool = open_in(path, 7, NULL);
    for (uint64_t n = 0; n < entries; n++) {
        append(spool, n, 7);
    }
    size_t used = P2P_SPOOL_HEAD_BYTES + (size_t)p2p_spool_bytes(spool);
    p2p_spool_close(spool);
    unsigned char *whole = temp_read(path, len);
    CHECK(*len == P2P_SPOOL_HEAD_BYTES + CAPACITY); /* reserved */
    *len = used;
    return whole;
}

/* Cut off at every length the spool has every whole entry, tells what it lost, keeps what was
 * left of that aside, and takes new ones. */
static void cut_at_every_length(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char damaged[TEMP_PATH_BYTES];
    size_t len;
    size_t before = 0;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "spool.damaged", damaged);
    unsigned char *whole = leave(temp_path(&dir, "spool", path), ENTRIES, &len);
    for (size_t cut = P2P_SPOOL_HEAD_BYTES; cut <= len; cut++) {
        uint64_t lost = 0;
        temp_write(path, whole, cut);
        struct p2p_spool *spool = open_in(path, 7, &lost);
        size_t count = check_entries(spool);
        CHECK(count >= before && count <= before + 1);
        CHECK(p2p_spool_bytes(spool) + lost == len - P2P_SPOOL_HEAD_BYTES);
        if (lost > 0) {
            size_t tail_len;
            size_t left = cut - P2P_SPOOL_HEAD_BYTES - (size_t)p2p_spool_bytes(spool);
            unsigned char *tail = temp_read(damaged, &tail_len);
            CHECK(tail_len == lost && tail_len >= left);
            CHECK_BYTES(tail, whole + cut - left, left);
            free(tail);
            CHECK(unlink(damaged) == 0);
        }
        append(spool, count, 7);
        CHECK(check_entries(spool) == count + 1);
        p2p_spool_close(spool);
        spool = open_in(path, 7, &lost); /* and it is whole again */
        CHECK(lost == 0);
        CHECK(check_entries(spool) == count + 1);
        p2p_spool_close(spool);
        before = count;
    }
    CHECK(before == ENTRIES);
    free(whole);
    temp_dir_remove(&dir);
}

/* Any damaged byte is noticed: what comes back is a whole prefix, the rest is set aside. Of the
 * head one slot may be damaged, and nothing is lost; of both, everything is set aside. */
static void every_damaged_byte(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    size_t len;
    uint64_t lost;

    (void)state;
    temp_dir_make(&dir);
    unsigned char *whole = leave(temp_path(&dir, "spool", path), ENTRIES, &len);
    for (size_t at = P2P_SPOOL_HEAD_BYTES; at < len; at++) {
        whole[at] ^= 0x40;
        temp_write(path, whole, len);
        whole[at] ^= 0x40;
        struct p2p_spool *spool = open_in(path, 9, &lost);
        CHECK(check_entries(spool) < ENTRIES);
        CHECK(P2P_SPOOL_HEAD_BYTES + p2p_spool_bytes(spool) <= at);
        CHECK(lost == len - P2P_SPOOL_HEAD_BYTES - p2p_spool_bytes(spool));
        p2p_spool_close(spool);
    }
    for (size_t at = 0; at < 48; at++) {
        for (size_t slots = 1; slots <= 3; slots++) {
            whole[at] ^= slots & 1 ? 0x40 : 0;
            whole[4096 + at] ^= slots & 2 ? 0x40 : 0;
            temp_write(path, whole, len);
            whole[at] ^= slots & 1 ? 0x40 : 0;
            whole[4096 + at] ^= slots & 2 ? 0x40 : 0;
            struct p2p_spool *spool = open_in(path, 7, &lost);
            CHECK(check_entries(spool) == (slots == 3 ? 0 : ENTRIES));
            CHECK(lost == (slots == 3 ? len : 0));
            append(spool, slots == 3 ? 0 : ENTRIES, 7);
            p2p_spool_close(spool);
        }
    }
    free(whole);
    temp_dir_remove(&dir);
}

/* What was cleared stays cleared, although it stands in the file until it is overwritten: also
 * when the process ends at any of the calls that clear. */
static void cleared_stays_cleared(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    size_t len;

    (void)state;
    for (long at = 0; at < 4; at++) { /* head, sync, zeros */
        int status;
        temp_dir_make(&dir);
        free(leave(temp_path(&dir, "spool", path), ENTRIES, &len));
        fflush(NULL);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            struct p2p_spool *spool = open_in(path, 7, NULL);
            disk_fault_arm(DISK_FAULT_CRASH, at, false);
            enum p2p_err err = p2p_spool_clear(spool);
            disk_fault_disarm();
            _exit(err == P2P_OK ? 0 : 1);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == (at < 3 ? DISK_FAULT_EXIT : 0));
        struct p2p_spool *spool = open_in(path, 7, NULL);
        size_t count = check_entries(spool);
        CHECK(count == (at == 0 ? ENTRIES : 0));
        append(spool, count, 7);
        append(spool, count + 1, 7);
        CHECK(p2p_spool_count(spool) == count + 2);
        p2p_spool_close(spool);
        temp_dir_remove(&dir);
    }
}

/* A disk that is full afterwards takes entries up to the capacity; one that was full before
 * takes as many as find room, and says that it did not get all. */
static void a_full_disk(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    struct p2p_spool_id id;
    static uint8_t bytes[4000];

    (void)state;
    temp_dir_make(&dir);
    struct p2p_spool *spool = open_in(temp_path(&dir, "spool", path), 7, NULL);
    CHECK(p2p_spool_reserved(spool));
    size_t count = 0;
    enum p2p_err err;
    struct stat info;
    CHECK(stat(path, &info) == 0);
    CHECK((uint64_t)info.st_size == P2P_SPOOL_HEAD_BYTES + CAPACITY);
    CHECK((uint64_t)info.st_blocks * 512 >= CAPACITY); /* real blocks */
    while ((err = p2p_spool_append(spool, p2p_slice_of(bytes, sizeof(bytes)), &id)) == P2P_OK) {
        count++;
    }
    CHECK_ERR(err, P2P_FULL);
    CHECK(count == CAPACITY / (sizeof(bytes) + 36));
    p2p_spool_close(spool);
    CHECK(stat(path, &info) == 0); /* not a byte more */
    CHECK((uint64_t)info.st_size == P2P_SPOOL_HEAD_BYTES + CAPACITY);
    CHECK(unlink(path) == 0);
    disk_fault_arm(DISK_FAULT_FULL, 1, false); /* the reservation, behind the directory */
    spool = open_in(path, 7, NULL);
    disk_fault_disarm();
    CHECK(!p2p_spool_reserved(spool));
    append(spool, 0, 7);
    disk_fault_arm(DISK_FAULT_FULL, 0, false);
    CHECK_ERR(p2p_spool_append(spool, p2p_slice_of(bytes, sizeof(bytes)), &id), P2P_FULL);
    disk_fault_disarm();
    append(spool, 1, 7); /* there is room again */
    CHECK(check_entries(spool) == 2);
    p2p_spool_close(spool);
    spool = open_in(path, 8, NULL);
    CHECK(p2p_spool_reserved(spool));
    CHECK(check_entries(spool) == 2);
    p2p_spool_close(spool);
    temp_dir_remove(&dir);
}

/* An entry that was confirmed survives a crash at any later disk call; one that was not is
 * whole or gone. A failed call is said, and nothing more is taken. */
static void crashes_and_failures(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char text[64];
    struct p2p_spool_id id;

    (void)state;
    for (int kind = DISK_FAULT_EIO; kind <= DISK_FAULT_CRASH; kind++) {
        for (long at = 0; at < 3; at++) { /* entry, head, sync */
            int status;
            temp_dir_make(&dir);
            temp_path(&dir, "spool", path);
            fflush(NULL);
            pid_t pid = fork();
            CHECK(pid >= 0);
            if (pid == 0) {
                struct p2p_spool *spool = open_in(path, 7, NULL);
                append(spool, 0, 7);
                disk_fault_arm((enum disk_fault_kind)kind, at, false);
                enum p2p_err err = p2p_spool_append(spool, text_of(text, 1), &id);
                disk_fault_disarm();
                bool closed = p2p_spool_append(spool, text_of(text, 1), &id) == P2P_IO &&
                              p2p_spool_clear(spool) == P2P_IO;
                _exit(err == P2P_IO && closed ? 0 : 1);
            }
            CHECK(waitpid(pid, &status, 0) == pid);
            CHECK(WIFEXITED(status));
            CHECK(WEXITSTATUS(status) == (kind == DISK_FAULT_CRASH ? DISK_FAULT_EXIT : 0));
            struct p2p_spool *spool = open_in(path, 7, NULL);
            size_t count = check_entries(spool);
            CHECK(count == 1 || count == 2);
            append(spool, count, 7);
            p2p_spool_close(spool);
            temp_dir_remove(&dir);
        }
    }
}

/* An entry has a bound of its own; cleared, the spool takes as much again; a larger capacity
 * is reserved at the next open. */
static void bounded(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char message[256];
    struct p2p_spool_id id;
    uint8_t *bytes = calloc(1, P2P_SPOOL_ENTRY_BYTES_MAX + 1);
    struct p2p_spool *spool = NULL;
    struct stat info;

    (void)state;
    CHECK(bytes != NULL);
    temp_dir_make(&dir);
    spool = open_in(temp_path(&dir, "spool", path), 7, NULL);
    CHECK_ERR(p2p_spool_append(spool, p2p_slice_of(bytes, 0), &id), P2P_TOOLARGE);
    CHECK_ERR(p2p_spool_append(spool, p2p_slice_of(bytes, P2P_SPOOL_ENTRY_BYTES_MAX + 1), &id),
              P2P_TOOLARGE);
    CHECK_ERR(p2p_spool_append(spool, p2p_slice_of(bytes, P2P_SPOOL_ENTRY_BYTES_MAX), &id),
              P2P_FULL);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(p2p_spool_append(spool, p2p_slice_of(bytes, 60000), &id));
        CHECK_ERR(p2p_spool_append(spool, p2p_slice_of(bytes, 60000), &id), P2P_FULL);
        CHECK_OK(p2p_spool_append(spool, p2p_slice_of(bytes, 100), &id)); /* still fits */
        CHECK_OK(p2p_spool_clear(spool));
    }
    p2p_spool_close(spool);
    CHECK_OK(p2p_spool_open(&spool, path, 7, 2 << 20, NULL, message, sizeof(message)));
    CHECK(stat(path, &info) == 0 && info.st_size == P2P_SPOOL_HEAD_BYTES + (2 << 20));
    CHECK_OK(p2p_spool_append(spool, p2p_slice_of(bytes, P2P_SPOOL_ENTRY_BYTES_MAX), &id));
    p2p_spool_close(spool);
    free(bytes);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(every_damaged_byte),
        cmocka_unit_test(crashes_and_failures),
        cmocka_unit_test(cleared_stays_cleared),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
