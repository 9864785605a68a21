/* Blocks that a disk spoiled: noticed before a row of them is believed, mended where one bit
 * was changed, and else taken away whole. The file is changed below the open store, whose map
 * of it shows that at once. */
#include "check.h"

#include "temp_dir.h"

#include "../../../node/store/sum.h"

#include <p2p/bytes.h>
#include <p2p/store.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 4096, HEADER = 16, ROWS = 500, KEY_BYTES = 12 };

static const enum p2p_table tables[] = {P2P_TABLE_PAYLOAD, P2P_TABLE_ISSUER, P2P_TABLE_TOUCH,
                                        P2P_TABLE_VIEW, P2P_TABLE_INDEX};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* ---- a store with some blocks in one table ---- */

struct stored {
    struct temp_dir dir;
    struct p2p_store *store;
    enum p2p_table table;
    int fd;
    unsigned char *data; /* the file as it was written */
    size_t size;
};

static struct p2p_slice key_of(uint8_t out[KEY_BYTES], uint64_t index)
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, KEY_BYTES);
    p2p_writer_u32(&writer, 1);
    p2p_writer_u64(&writer, index);
    return p2p_slice_of(out, KEY_BYTES);
}

static struct p2p_slice value_of(char out[64], uint64_t index)
{
    snprintf(out, 64, "\246holder of row %llu, and more", (unsigned long long)index);
    return p2p_slice_text(out);
}

static struct p2p_txn *begin(struct stored *stored, enum p2p_txn_kind kind)
{
    struct p2p_txn *txn = NULL;
    CHECK_OK(p2p_store_begin(stored->store, kind, &txn));
    return txn;
}

static enum p2p_err put(struct stored *stored, struct p2p_txn *txn, uint64_t index)
{
    uint8_t key[KEY_BYTES];
    char text[64];
    return p2p_kv_put(p2p_txn_kv(txn), stored->table, key_of(key, index),
                      value_of(text, index));
}

static void stored_open(struct stored *stored, enum p2p_table table)
{
    struct p2p_store_options options = {.map_bytes = (uint64_t)64 << 20};
    char path[TEMP_PATH_BYTES];
    char message[256] = "";
    *stored = (struct stored){.table = table};
    temp_dir_make(&stored->dir);
    options.dir = stored->dir.path;
    CHECK_OK(p2p_store_open(&stored->store, &options, message, sizeof(message)));
    struct p2p_txn *txn = begin(stored, P2P_TXN_WRITE);
    for (uint64_t i = 0; i < ROWS; i++) {
        CHECK_OK(put(stored, txn, 2 * i));
    }
    CHECK_OK(p2p_txn_commit(txn));
    stored->data = temp_read(temp_path(&stored->dir, "data", path), &stored->size);
    stored->fd = open(path, O_WRONLY);
    CHECK(stored->fd >= 0);
}

static void stored_close(struct stored *stored)
{
    CHECK(close(stored->fd) == 0);
    p2p_store_close(stored->store);
    free(stored->data);
    temp_dir_remove(&stored->dir);
}

/* What the file has at that place from here on. */
static void change(const struct stored *stored, size_t at, const void *bytes, size_t len)
{
    CHECK(pwrite(stored->fd, bytes, len, (off_t)at) == (ssize_t)len);
}

static void flip(const struct stored *stored, size_t at, unsigned bit)
{
    uint8_t byte = stored->data[at] ^ (uint8_t)(1u << bit);
    change(stored, at, &byte, 1);
}

static void flip_back(const struct stored *stored, size_t at)
{
    change(stored, at, stored->data + at, 1);
}

/* Where the block stands that begins with the row of that index: its only page. */
static size_t block_of(const struct stored *stored, uint64_t index)
{
    uint8_t begin_with[4 + KEY_BYTES] = {2, 1, KEY_BYTES};
    uint8_t key[KEY_BYTES];
    key_of(key, index);
    for (size_t page = PAGE; page + PAGE <= stored->size; page += PAGE) {
        const unsigned char *at = stored->data + page + HEADER;
        begin_with[3] = at[3];
        memcpy(begin_with + 4, key, KEY_BYTES);
        if (memcmp(at, begin_with, sizeof(begin_with)) == 0) {
            return page;
        }
    }
    return 0;
}

/* A block in the middle of the table, and the first index behind it. */
static size_t middle_block(const struct stored *stored, uint64_t *first, uint64_t *end)
{
    size_t found = 0;
    *end = 0;
    for (uint64_t i = 1; i < ROWS && *end == 0; i++) {
        size_t at = block_of(stored, 2 * i);
        if (at != 0 && found == 0) {
            found = at;
            *first = 2 * i;
        } else if (at != 0) {
            *end = 2 * i;
        }
    }
    CHECK(found != 0 && *end != 0);
    return found;
}

static enum p2p_err get_in(struct stored *stored, struct p2p_txn *txn, uint64_t index)
{
    uint8_t key[KEY_BYTES];
    char text[64];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(p2p_txn_kv(txn), stored->table, key_of(key, index), &value);
    CHECK(err != P2P_OK || p2p_slice_equal(value, value_of(text, index)));
    return err;
}

static enum p2p_err get(struct stored *stored, uint64_t index)
{
    struct p2p_txn *txn = begin(stored, P2P_TXN_READ);
    enum p2p_err err = get_in(stored, txn, index);
    p2p_txn_abort(txn);
    return err;
}

/* Every row by a walk: how many there are. */
static size_t count_rows(struct stored *stored, struct p2p_txn *txn)
{
    const struct p2p_kv *kv = p2p_txn_kv(txn);
    struct p2p_slice key;
    struct p2p_slice value;
    size_t count = 0;
    enum p2p_err err = p2p_kv_seek(kv, stored->table, p2p_slice_of(NULL, 0), &key, &value);
    while (err == P2P_OK) {
        struct p2p_reader in;
        char text[64];
        p2p_reader_init(&in, key);
        CHECK(p2p_reader_u32(&in) == 1);
        CHECK(p2p_slice_equal(value, value_of(text, p2p_reader_u64(&in))));
        count++;
        err = p2p_kv_next(kv, stored->table, &key, &value);
    }
    CHECK_ERR(err, P2P_NOTFOUND);
    return count;
}

/* Mends, in a transaction that stays undone, and returns how many rows there are then. */
static size_t mend(struct stored *stored, struct p2p_kv_mended *out)
{
    struct p2p_txn *txn = begin(stored, P2P_TXN_WRITE);
    *out = (struct p2p_kv_mended){0, 0, P2P_TABLE_META};
    CHECK_OK(p2p_kv_mend(p2p_txn_kv(txn), out));
    CHECK(!p2p_store_spoiled(stored->store));
    CHECK(out->mended + out->emptied == 0 || out->table == stored->table);
    size_t count = count_rows(stored, txn);
    p2p_txn_abort(txn);
    return count;
}

/* A sweep as the scrubber makes it. */
static void sweep(struct stored *stored)
{
    struct p2p_txn *txn = begin(stored, P2P_TXN_READ);
    struct p2p_kv_place at = {.key_len = 0};
    unsigned steps = 0;
    while (!at.ended) {
        CHECK_OK(p2p_kv_sweep(p2p_txn_kv(txn), stored->table, PAGE, &at));
        CHECK(steps++ < ROWS);
    }
    CHECK(steps > 1);
    p2p_txn_abort(txn);
}

/* ---- tests ---- */

/* Broken: a flipped bit of a block hides rows, changes them, or makes them unreadable for ever.
 */
static void each_flip_is_noticed_and_mended(void **state)
{
    (void)state;
    for (unsigned t = 0; t < TABLES; t++) {
        struct stored stored;
        uint64_t first;
        uint64_t end;
        unsigned noticed = 0;
        stored_open(&stored, tables[t]);
        size_t page = middle_block(&stored, &first, &end);
        for (size_t i = HEADER + t % 3; i < PAGE; i += 11) {
            struct p2p_kv_mended mended;
            flip(&stored, page + i, (unsigned)(i % 8));
            enum p2p_err err = get(&stored, first + 2);
            if (err == P2P_CORRUPT) {
                CHECK_ERR(get(&stored, end - 2), P2P_CORRUPT);
                CHECK_ERR(get(&stored, end - 1), P2P_CORRUPT); /* was never there: who knows */
                CHECK_OK(get(&stored, end));
                CHECK(p2p_store_spoiled(stored.store));
                CHECK(mend(&stored, &mended) == ROWS);
                CHECK(mended.mended == 1 && mended.emptied == 0);
                noticed++;
            } else { /* behind the block's end */
                CHECK_OK(err);
                CHECK_OK(get(&stored, end - 2));
                CHECK(mend(&stored, &mended) == ROWS);
            }
            flip_back(&stored, page + i);
        }
        CHECK(noticed > 250);
        stored_close(&stored);
    }
}

/* Broken: a flipped bit in the key under which LMDB holds a block hides rows, or lets rows be
 * put where they are not found once it is mended. */
static void each_flip_of_a_name_is_noticed_and_mended(void **state)
{
    struct stored stored;
    uint64_t first;
    uint64_t end;
    uint8_t node[2 + KEY_BYTES] = {KEY_BYTES, 0}; /* a length and a key, as LMDB has them */
    (void)state;
    stored_open(&stored, P2P_TABLE_INDEX);
    middle_block(&stored, &first, &end);
    key_of(node + 2, first);
    const unsigned char *found = memmem(stored.data, stored.size, node, sizeof(node));
    CHECK(found != NULL);
    size_t at = (size_t)(found - stored.data) + 2;
    for (size_t bit = 0; bit < 8 * KEY_BYTES; bit++) {
        struct p2p_kv_mended mended;
        flip(&stored, at + bit / 8, (unsigned)(bit % 8));
        for (uint64_t i = first - 2; i <= end; i += 2) {
            enum p2p_err err = get(&stored, i);
            CHECK(err == P2P_OK || err == P2P_CORRUPT);
            CHECK(err == P2P_CORRUPT || i < first || i >= end);
        }
        struct p2p_txn *txn = begin(&stored, P2P_TXN_WRITE);
        CHECK_ERR(put(&stored, txn, first + 1), P2P_CORRUPT);
        p2p_txn_abort(txn);
        CHECK(p2p_store_spoiled(stored.store));
        CHECK(mend(&stored, &mended) == ROWS);
        CHECK(mended.mended == 1 && mended.emptied == 0);
        flip_back(&stored, at + bit / 8);
    }
    stored_close(&stored);
}

/* Broken: what cannot be mended stays in the way of its neighbours and of who puts the rows
 * again, or is not found before somebody needs it. */
static void what_is_torn_goes_whole(void **state)
{
    static const uint8_t zeros[512];
    (void)state;
    for (unsigned t = 0; t < TABLES; t++) {
        struct stored stored;
        struct p2p_kv_mended mended = {0, 0, P2P_TABLE_META};
        uint64_t first;
        uint64_t end;
        stored_open(&stored, tables[t]);
        size_t page = middle_block(&stored, &first, &end);
        change(&stored, page + 1024, zeros, sizeof(zeros));
        CHECK(!p2p_store_spoiled(stored.store));
        sweep(&stored);
        CHECK(p2p_store_spoiled(stored.store));
        struct p2p_txn *txn = begin(&stored, P2P_TXN_WRITE);
        CHECK_OK(p2p_kv_mend(p2p_txn_kv(txn), &mended));
        CHECK(mended.mended == 0 && mended.emptied == 1);
        CHECK(count_rows(&stored, txn) == ROWS - (end - first) / 2);
        CHECK_ERR(get_in(&stored, txn, first), P2P_NOTFOUND);
        for (uint64_t i = first; i < end; i += 2) {
            CHECK_OK(put(&stored, txn, i));
        }
        CHECK(count_rows(&stored, txn) == ROWS);
        CHECK_OK(p2p_txn_commit(txn));
        sweep(&stored);
        CHECK(!p2p_store_spoiled(stored.store));
        stored_close(&stored);
    }
}

/* Broken: two flipped bits are taken for one, and what was never written is believed. */
static void two_flips_are_not_taken_for_one(void **state)
{
    struct stored stored;
    uint64_t first;
    uint64_t end;
    (void)state;
    stored_open(&stored, P2P_TABLE_TOUCH);
    size_t page = middle_block(&stored, &first, &end) + HEADER;
    for (size_t i = 0; i < 200; i++) {
        struct p2p_kv_mended mended;
        size_t one = page + 19 * i;
        size_t other = page + 1 + (i * 1237) % 3800;
        flip(&stored, one, (unsigned)(i % 8));
        flip(&stored, other, (unsigned)(i % 7));
        if (one != other) {
            CHECK_ERR(get(&stored, first), P2P_CORRUPT);
            CHECK(mend(&stored, &mended) == ROWS - (end - first) / 2);
            CHECK(mended.mended == 0 && mended.emptied == 1);
        }
        flip_back(&stored, one);
        flip_back(&stored, other);
    }
    CHECK_OK(get(&stored, first));
    stored_close(&stored);
}

/* Both ways to sum are RFC 3720's CRC, and each single bit is found by what it does to it. */
static void sums(void **state)
{
    uint8_t bytes[333];
    uint32_t crc[2] = {UINT32_MAX, UINT32_MAX};
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    sum_words(crc, bytes, 4);
    CHECK(~crc[0] == 0x8a9136aa && ~crc[1] == 0x8a9136aa); /* B.4: 32 bytes of zeros */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * i + 3 * i);
    }
    uint32_t plain[2] = {crc[0], crc[1]};
    sum_words(crc, bytes, sizeof(bytes) / 16);
    sum_words_plain(plain, bytes, sizeof(bytes) / 16);
    CHECK(crc[0] == plain[0] && crc[1] == plain[1]);
    const struct p2p_slice segments[] = {p2p_slice_of(bytes, 13),
                                         p2p_slice_of(bytes + 13, sizeof(bytes) - 13)};
    struct sum held = sum_of(segments, 2);
    struct sum_bit found;
    CHECK(!sum_find_bit(segments, 2, held, &found));
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        size_t byte = bit / 8;
        bytes[byte] ^= (uint8_t)(1u << bit % 8);
        CHECK(sum_find_bit(segments, 2, held, &found));
        CHECK(found.segment == (byte >= 13));
        CHECK(found.byte == (byte >= 13 ? byte - 13 : byte));
        CHECK(found.bit == 1u << bit % 8);
        bytes[byte] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        struct sum changed = held;
        changed.crc[bit / 32] ^= 1u << bit % 32;
        CHECK(sum_find_bit(segments, 2, changed, &found) && found.segment == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),
        cmocka_unit_test(each_flip_is_noticed_and_mended),
        cmocka_unit_test(each_flip_of_a_name_is_noticed_and_mended),
        cmocka_unit_test(what_is_torn_goes_whole),
        cmocka_unit_test(two_flips_are_not_taken_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
