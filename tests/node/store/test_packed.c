/* Tables whose rows stand in blocks: against a sorted array, with as many rows as make many
 * blocks, in the orders in which rows come. */
#include "check.h"

#include "temp_dir.h"

#include "../../../node/store/block.h"
#include "../../../node/store/words.h"

#include <p2p/bytes.h>
#include <p2p/store.h>

#include <stdio.h>
#include <stdlib.h>

enum { KEY_MAX = 480, ROWS_MAX = 40000 };

static uint64_t draw(uint64_t *state)
{
    uint64_t x = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* ---- a sorted array ---- */

struct row {
    uint8_t *key;
    size_t key_len;
    uint64_t seed; /* of the value */
    size_t value_len;
};

struct model {
    struct row *rows;
    size_t count;
};

static struct p2p_slice key_of(const struct row *row)
{
    return p2p_slice_of(row->key, row->key_len);
}

static struct p2p_slice value_of(const struct row *row, uint8_t *out)
{
    uint64_t seed = row->seed;
    for (size_t i = 0; i < row->value_len; i++) {
        out[i] = (uint8_t)draw(&seed);
    }
    return p2p_slice_of(out, row->value_len);
}

static size_t place_of(const struct model *model, struct p2p_slice key)
{
    size_t low = 0;
    size_t high = model->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p2p_slice_compare(key_of(&model->rows[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool stands_at(const struct model *model, size_t at, struct p2p_slice key)
{
    return at < model->count && p2p_slice_equal(key_of(&model->rows[at]), key);
}

/* ---- the store beside it ---- */

struct both {
    struct temp_dir dir;
    struct p2p_store *store;
    struct p2p_txn *txn;
    const struct p2p_kv *kv;
    enum p2p_table table;
    struct model model;
    uint8_t *bytes;
};

static void open_store(struct both *both)
{
    struct p2p_store_options options = {.dir = both->dir.path, .map_bytes = 512u << 20};
    char message[256] = "";
    CHECK_OK(p2p_store_open(&both->store, &options, message, sizeof(message)));
}

static void begin(struct both *both)
{
    CHECK_OK(p2p_store_begin(both->store, P2P_TXN_WRITE, &both->txn));
    both->kv = p2p_txn_kv(both->txn);
}

static void both_open(struct both *both, enum p2p_table table)
{
    *both = (struct both){.table = table};
    both->model.rows = calloc(ROWS_MAX, sizeof(struct row));
    both->bytes = malloc(1u << 17);
    CHECK(both->model.rows != NULL && both->bytes != NULL);
    temp_dir_make(&both->dir);
    open_store(both);
    begin(both);
}

static void both_close(struct both *both)
{
    CHECK_OK(p2p_txn_commit(both->txn));
    p2p_store_close(both->store);
    temp_dir_remove(&both->dir);
    for (size_t i = 0; i < both->model.count; i++) {
        free(both->model.rows[i].key);
    }
    free(both->model.rows);
    free(both->bytes);
}

static void put(struct both *both, struct p2p_slice key, uint64_t seed, size_t value_len)
{
    struct model *model = &both->model;
    size_t at = place_of(model, key);
    if (!stands_at(model, at, key)) {
        CHECK(model->count < ROWS_MAX);
        memmove(&model->rows[at + 1], &model->rows[at],
                (model->count++ - at) * sizeof(struct row));
        model->rows[at].key = malloc(key.len);
        CHECK(model->rows[at].key != NULL);
        memcpy(model->rows[at].key, key.data, key.len);
        model->rows[at].key_len = key.len;
    }
    model->rows[at].seed = seed;
    model->rows[at].value_len = value_len;
    CHECK_OK(p2p_kv_put(both->kv, both->table, key, value_of(&model->rows[at], both->bytes)));
}

static void del(struct both *both, struct p2p_slice key)
{
    struct model *model = &both->model;
    size_t at = place_of(model, key);
    bool there = stands_at(model, at, key);
    CHECK_ERR(p2p_kv_del(both->kv, both->table, key), there ? P2P_OK : P2P_NOTFOUND);
    if (there) {
        free(model->rows[at].key);
        memmove(&model->rows[at], &model->rows[at + 1],
                (--model->count - at) * sizeof(struct row));
    }
}

static void check_row(struct both *both, size_t at, enum p2p_err err, struct p2p_slice key,
                      struct p2p_slice value)
{
    CHECK_ERR(err, at < both->model.count ? P2P_OK : P2P_NOTFOUND);
    if (at < both->model.count) {
        const struct row *row = &both->model.rows[at];
        CHECK(p2p_slice_equal(key, key_of(row)));
        CHECK(p2p_slice_equal(value, value_of(row, both->bytes)));
    }
}

/* Found, or what is next when it is not there; a get beside it moves nothing. */
static void look(struct both *both, struct p2p_slice key)
{
    struct p2p_slice found = {0};
    struct p2p_slice value = {0};
    struct p2p_slice got;
    size_t at = place_of(&both->model, key);
    bool there = stands_at(&both->model, at, key);
    CHECK_ERR(p2p_kv_get(both->kv, both->table, key, &got), there ? P2P_OK : P2P_NOTFOUND);
    if (there) {
        CHECK(p2p_slice_equal(got, value_of(&both->model.rows[at], both->bytes)));
    }
    enum p2p_err err = p2p_kv_seek(both->kv, both->table, key, &found, &value);
    check_row(both, at, err, found, value);
    for (size_t i = 1; i < 4 && err == P2P_OK; i++) {
        enum p2p_err beside = p2p_kv_get(both->kv, both->table, key, &got);
        CHECK(beside == P2P_OK || beside == P2P_NOTFOUND);
        err = p2p_kv_next(both->kv, both->table, &found, &value);
        check_row(both, at + i, err, found, value);
    }
}

static void check_all(struct both *both)
{
    struct p2p_slice key = {0};
    struct p2p_slice value = {0};
    enum p2p_err err = p2p_kv_seek(both->kv, both->table, p2p_slice_of(NULL, 0), &key, &value);
    for (size_t at = 0; at <= both->model.count; at++) {
        check_row(both, at, err, key, value);
        err = p2p_kv_next(both->kv, both->table, &key, &value);
    }
    CHECK_OK(p2p_txn_commit(both->txn));
    begin(both);
}

/* How full the table's pages are. */
static double fill_of(struct both *both)
{
    struct p2p_store_stat stat;
    double bytes = 0;
    CHECK_OK(p2p_txn_commit(both->txn));
    CHECK_OK(p2p_store_stat(both->store, &stat));
    begin(both);
    const struct p2p_store_table_stat *table = &stat.table[both->table];
    uint64_t pages =
        table->branch_page_count + table->leaf_page_count + table->overflow_page_count;
    for (size_t i = 0; i < both->model.count; i++) {
        bytes += (double)(both->model.rows[i].key_len + both->model.rows[i].value_len);
    }
    return bytes / (double)(pages * stat.page_bytes);
}

/* ---- the tests ---- */

/* Keys like those of records: a view, a right, who touches it. */
static struct p2p_slice touch_key(uint8_t out[25], uint64_t right, uint64_t by)
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, 25);
    p2p_writer_u8(&writer, 4);
    p2p_writer_u32(&writer, 1);
    p2p_writer_u64(&writer, right);
    p2p_writer_u32(&writer, 1);
    p2p_writer_u64(&writer, by);
    return p2p_writer_slice(&writer);
}

/* Rounds over many rights, each adding a row to each: what live rights do. Then most go. */
static void rounds_of_touches(void **state)
{
    enum { RIGHTS = 3000, ROUNDS = 7 };
    struct both both;
    uint8_t key[25];
    (void)state;
    both_open(&both, P2P_TABLE_TOUCH);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < RIGHTS; i++) {
            put(&both, touch_key(key, 2 * i, 1000000 * round + i), i, 0);
        }
        if (round ==
            0) { /* one behind the other: full pages, and keys without what they share */
            double fill = fill_of(&both);
            CHECK(fill > 1.4);
        }
    }
    double fill = fill_of(&both);
    CHECK(fill > 2.8);
    check_all(&both);
    for (uint64_t i = 0; i < RIGHTS; i += 7) {
        look(&both, touch_key(key, 2 * i, 2000000 + i));
        look(&both, touch_key(key, 2 * i + 1, 0));
        look(&both, touch_key(key, 2 * i, 2000000 + i + 1));
    }
    for (uint64_t i = 0; i < RIGHTS; i++) {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            if (i % 50 != 0 || round > 0) {
                del(&both, touch_key(key, 2 * i, 1000000 * round + i));
            }
        }
    }
    CHECK(both.model.count == RIGHTS / 50);
    check_all(&both);
    struct p2p_store_stat stat;
    CHECK_OK(p2p_store_stat(both.store, &stat)); /* blocks that became sparse were joined */
    CHECK(stat.table[P2P_TABLE_TOUCH].entry_count <= 2);
    both_close(&both);
}

/* Two runs that grow side by side within the table, below rows that stand there before. */
static void runs_within(void **state)
{
    struct both both;
    uint8_t key[25];
    (void)state;
    both_open(&both, P2P_TABLE_TOUCH);
    put(&both, touch_key(key, UINT64_C(1) << 40, 0), 0, 0);
    for (uint64_t i = 0; i < 8000; i++) {
        put(&both, touch_key(key, i, i), i, 0);
        put(&both, touch_key(key, (UINT64_C(1) << 32) + i, i), i, 0);
    }
    double fill = fill_of(&both);
    CHECK(fill > 1.4);
    check_all(&both);
    both_close(&both);
}

/* Rows that become longer one behind the other, twice: what rights do that are folded anew. */
static void rows_that_grow(void **state)
{
    enum { RIGHTS = 6000 };
    struct both both;
    uint8_t key[25];
    (void)state;
    both_open(&both, P2P_TABLE_VIEW);
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < RIGHTS; i++) {
            put(&both, touch_key(key, i, 0), i, 100 + 40 * (size_t)round + i % 7);
        }
        double fill = fill_of(&both);
        CHECK(fill > 0.93);
    }
    check_all(&both);
    both_close(&both);
}

/* Rows in descending order: each is below all others. */
static void descending(void **state)
{
    struct both both;
    uint8_t key[25];
    (void)state;
    both_open(&both, P2P_TABLE_INDEX);
    for (uint64_t i = 5000; i-- > 0;) {
        put(&both, touch_key(key, i, 1), i, i % 5);
    }
    check_all(&both);
    double fill = fill_of(&both);
    CHECK(fill > 0.7);
    both_close(&both);
}

static struct p2p_slice any_key(uint8_t out[KEY_MAX], uint64_t *seed)
{
    size_t len = 1 + draw(seed) % (draw(seed) % 50 == 0 ? KEY_MAX : 30);
    memset(out, 7, len);
    for (size_t i = 0; i < 4; i++) { /* few bytes differ, at the begin and at the end */
        size_t at = draw(seed) % 2 == 0 ? draw(seed) % len : len - 1 - draw(seed) % len / 8;
        out[at] = (uint8_t)(draw(seed) % 4 * 85);
    }
    return p2p_slice_of(out, len);
}

/* Anything, again and again: rows of all lengths come, change and go. */
static void anything(void **state)
{
    static const enum p2p_table tables[] = {P2P_TABLE_TOUCH, P2P_TABLE_INDEX, P2P_TABLE_ISSUER,
                                            P2P_TABLE_VIEW};
    (void)state;
    for (uint64_t run = 0; run < 4; run++) {
        struct both both;
        uint64_t seed = 100 + run;
        both_open(&both, tables[run]);
        for (unsigned i = 0; i < 12000; i++) {
            uint8_t key[KEY_MAX];
            struct p2p_slice at = any_key(key, &seed);
            uint64_t what = draw(&seed) % 100;
            size_t len = draw(&seed) % (what == 0   ? 60000
                                        : what < 10 ? 3000
                                        : what < 40 ? 40
                                                    : 2); /* many as long as the one before */
            if (what < (i / 3000 % 2 == 0 ? 70 : 35)) {
                put(&both, at, draw(&seed), len);
            } else if (what < 90) {
                del(&both, at);
            } else {
                look(&both, at);
            }
            if (i % 1000 == 0) {
                check_all(&both);
            }
        }
        check_all(&both);
        CHECK_OK(p2p_txn_commit(both.txn));
        p2p_store_close(both.store);
        open_store(&both);
        begin(&both);
        check_all(&both);
        both_close(&both);
    }
}

/* No bytes make a block's reader or writer leave it, and what cannot be read is said to be bad.
 */
static void damaged_blocks(void **state)
{
    enum { ROWS = 60, ROOM = 16384 };
    uint64_t seed = 5;
    unsigned bad = 0;
    uint8_t *good = malloc(ROOM);
    uint8_t *other = malloc(ROOM);
    struct block_place place = {.found = BLOCK_END};
    size_t row_at;
    size_t row_end;
    size_t len = 0;
    bool flag;
    (void)state;
    CHECK(good != NULL && other != NULL);
    for (uint64_t i = 0; i < ROWS; i++) {
        uint8_t key[25];
        struct p2p_slice at = touch_key(key, draw(&seed) % 1000, i);
        if (len > 0) {
            block_find(&place, p2p_slice_of(good, len), at);
        }
        len = block_put(other, &place, at, p2p_slice_text("value"), &row_at, &row_end, &flag);
        memcpy(good, other, len);
    }
    len = block_mark(other, p2p_slice_of(good, len));
    CHECK(len > 0 && block_is_marked(p2p_slice_of(other, len)));
    memcpy(good, other, len);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t key[25];
        size_t cut = draw(&seed) % 4 == 0 ? draw(&seed) % (len + 1) : len;
        uint8_t *exact = malloc(cut + 1); /* so that a byte too far is seen */
        CHECK(exact != NULL);
        memcpy(exact, good, cut);
        for (unsigned n = 0; n < 3 && cut > 0; n++) {
            size_t at = draw(&seed) % (draw(&seed) % 2 == 0 ? cut : cut / 20 + 1);
            exact[draw(&seed) % 2 == 0 ? at : cut - 1 - at] ^= (uint8_t)(1u << draw(&seed) % 8);
        }
        struct p2p_slice block = p2p_slice_of(exact, cut);
        struct p2p_slice at = touch_key(key, draw(&seed) % 1000, draw(&seed) % ROWS);
        struct block_walk walk;
        enum block_found found = block_begin(&walk, block);
        while (found == BLOCK_ROW) {
            found = block_next(&walk);
        }
        bad += found == BLOCK_BAD;
        block_find(&place, block, at);
        if (place.found != BLOCK_BAD) {
            block_put(other, &place, at, p2p_slice_text("v"), &row_at, &row_end, &flag);
            if (place.equal) {
                bool rest_bad;
                block_del(other, &place, &flag, &rest_bad);
            }
        }
        block_mark(other, block);
        block_join(other, p2p_slice_of(good, len), block);
        free(exact);
    }
    CHECK(bad > 2000);
    free(good);
    free(other);
}

/* What is written short comes back as it was, whatever it is. */
static void words_come_back(void **state)
{
    static const char *const texts[] = {"\247content",  "\245chain\222\222",
                                        "\245truck",    "\301",
                                        "\222\000\222", "\246driver\222\244card\222\001"};
    uint64_t seed = 9;
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t value[600];
        uint8_t packed[1200];
        uint8_t back[600];
        size_t len = 0;
        size_t back_len;
        while (len + 40 < sizeof(value) && draw(&seed) % 20 != 0) {
            const char *text = texts[draw(&seed) % (sizeof(texts) / sizeof(texts[0]))];
            size_t some = draw(&seed) % 2 == 0 ? strlen(text) : 1 + draw(&seed) % strlen(text);
            memcpy(value + len, text, some);
            len += some;
            value[len++] = (uint8_t)(draw(&seed) % 3 == 0 ? 0xc1 : draw(&seed));
        }
        struct p2p_slice short_one =
            p2p_slice_of(packed, words_pack(packed, p2p_slice_of(value, len)));
        CHECK(short_one.len <= 2 * len);
        CHECK(words_length(short_one, &back_len) && back_len == len);
        words_unpack(back, short_one);
        CHECK_BYTES(back, value, len);
    }
    size_t len;
    CHECK(!words_length(p2p_slice_text("\301"), &len));     /* nothing behind the mark */
    CHECK(!words_length(p2p_slice_text("\301\376"), &len)); /* no such word */
}

/* Each word is found: they stand in the order in which they are searched. */
static void each_word(void **state)
{
    uint8_t word[64];
    uint8_t packed[128];
    size_t len;
    unsigned count = 0;
    (void)state;
    for (unsigned number = 1; number < 256; number++) {
        const uint8_t marked[] = {0xc1, (uint8_t)number};
        if (!words_length(p2p_slice_of(marked, 2), &len)) {
            break;
        }
        CHECK(len >= 3 && len <= sizeof(word));
        words_unpack(word, p2p_slice_of(marked, 2));
        CHECK(words_pack(packed, p2p_slice_of(word, len)) == 2);
        CHECK_BYTES(packed, marked, 2);
        count++;
    }
    CHECK(count > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_of_touches), cmocka_unit_test(runs_within),
        cmocka_unit_test(rows_that_grow),    cmocka_unit_test(descending),
        cmocka_unit_test(anything),          cmocka_unit_test(damaged_blocks),
        cmocka_unit_test(words_come_back),   cmocka_unit_test(each_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
