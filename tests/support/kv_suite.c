#include "check.h"

#include "kv_suite.h"

#include <p2p/bytes.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MODEL_ROWS_MAX 600u
#define RANDOM_ROUNDS  120u
#define VALUE_MAX      70000u

/* A sorted array, searched from the front: too simple to be wrong. */
struct row {
    uint8_t *key;
    size_t key_len;
    uint8_t *value;
    size_t value_len;
};

struct model {
    struct row rows[P2P_TABLE_COUNT][MODEL_ROWS_MAX];
    size_t count[P2P_TABLE_COUNT];
};

static uint64_t draw(uint64_t *state)
{
    uint64_t x = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint8_t *copy_of(struct p2p_slice bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);

    CHECK(copy != NULL);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return copy;
}

static struct p2p_slice row_key(const struct row *row)
{
    return p2p_slice_of(row->key, row->key_len);
}

static size_t model_seek(const struct model *model, int table, struct p2p_slice key)
{
    size_t at = 0;

    while (at < model->count[table] &&
           p2p_slice_compare(row_key(&model->rows[table][at]), key) < 0) {
        at++;
    }
    return at;
}

static bool model_at(const struct model *model, int table, size_t at, struct p2p_slice key)
{
    return at < model->count[table] && p2p_slice_equal(row_key(&model->rows[table][at]), key);
}

static void model_del(struct model *model, int table, size_t at)
{
    struct row *rows = model->rows[table];

    free(rows[at].key);
    free(rows[at].value);
    model->count[table]--;
    memmove(rows + at, rows + at + 1, (model->count[table] - at) * sizeof(*rows));
}

static void model_put(struct model *model, int table, struct p2p_slice key,
                      struct p2p_slice value)
{
    struct row *rows = model->rows[table];
    size_t at = model_seek(model, table, key);

    if (model_at(model, table, at, key)) {
        model_del(model, table, at);
    }
    CHECK(model->count[table] < MODEL_ROWS_MAX);
    memmove(rows + at + 1, rows + at, (model->count[table] - at) * sizeof(*rows));
    model->count[table]++;
    rows[at] = (struct row){copy_of(key), key.len, copy_of(value), value.len};
}

static void model_clear(struct model *model)
{
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        while (model->count[t] > 0) {
            model_del(model, t, model->count[t] - 1);
        }
    }
}

static void model_copy(struct model *to, const struct model *from)
{
    model_clear(to);
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        for (size_t i = 0; i < from->count[t]; i++) {
            const struct row *row = &from->rows[t][i];
            model_put(to, t, row_key(row), p2p_slice_of(row->value, row->value_len));
        }
    }
}

static void check_same(const struct p2p_kv *kv, const struct model *model)
{
    struct p2p_slice key;
    struct p2p_slice value;

    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        size_t at = 0;
        enum p2p_err err = p2p_kv_seek(kv, t, p2p_slice_of(NULL, 0), &key, &value);
        while (err == P2P_OK) {
            const struct row *row = &model->rows[t][at];
            CHECK(at < model->count[t]);
            CHECK(p2p_slice_equal(key, row_key(row)));
            CHECK(p2p_slice_equal(value, p2p_slice_of(row->value, row->value_len)));
            at++;
            err = p2p_kv_next(kv, t, &key, &value);
        }
        CHECK_ERR(err, P2P_NOTFOUND);
        CHECK(at == model->count[t]);
        if (at > 0) {
            CHECK_ERR(p2p_kv_next(kv, t, &key, &value), P2P_NOTFOUND); /* stays past the end */
        }
    }
}

static void put_text(const struct p2p_kv *kv, enum p2p_table table, const char *key,
                     const char *value)
{
    CHECK_OK(p2p_kv_put(kv, table, p2p_slice_text(key), p2p_slice_text(value)));
}

static void check_text(const struct p2p_kv *kv, enum p2p_table table, const char *key,
                       const char *expected)
{
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(kv, table, p2p_slice_text(key), &value);

    if (expected == NULL) {
        CHECK_ERR(err, P2P_NOTFOUND);
    } else {
        CHECK_OK(err);
        CHECK(p2p_slice_equal(value, p2p_slice_text(expected)));
    }
}

/* A transaction sees its own writes; abort undoes all of them, commit keeps all. */
static void transactions(const struct kv_suite_maker *maker)
{
    void *store = maker->open(maker->context);
    const struct p2p_kv *kv = maker->begin(store);

    check_text(kv, P2P_TABLE_META, "a", NULL);
    put_text(kv, P2P_TABLE_META, "a", "1");
    put_text(kv, P2P_TABLE_META, "b", "2");
    check_text(kv, P2P_TABLE_META, "a", "1");
    check_text(kv, P2P_TABLE_VIEW, "a", NULL); /* tables are apart */
    CHECK_OK(maker->commit(store));

    kv = maker->begin(store);
    put_text(kv, P2P_TABLE_META, "a", "another and longer one");
    CHECK_OK(p2p_kv_del(kv, P2P_TABLE_META, p2p_slice_text("b")));
    CHECK_ERR(p2p_kv_del(kv, P2P_TABLE_META, p2p_slice_text("b")), P2P_NOTFOUND);
    put_text(kv, P2P_TABLE_META, "c", "3");
    check_text(kv, P2P_TABLE_META, "a", "another and longer one");
    check_text(kv, P2P_TABLE_META, "b", NULL);
    maker->abort(store);

    kv = maker->begin(store);
    check_text(kv, P2P_TABLE_META, "a", "1");
    check_text(kv, P2P_TABLE_META, "b", "2");
    check_text(kv, P2P_TABLE_META, "c", NULL);
    CHECK_OK(maker->commit(store));
    kv = maker->begin(store); /* one without writes, and an empty one */
    maker->abort(store);
    maker->close(store);
}

/* Keys stand in memcmp order, a shorter one first; seek finds the one at or above. */
static void order(const struct kv_suite_maker *maker)
{
    static const uint8_t keys[][3] = {
        {0, 0, 0}, {0, 1, 0}, {0x7f, 0, 0}, {0x80, 0, 0}, {0xff, 0xff, 0}};
    static const size_t lens[] = {1, 2, 1, 1, 2};
    void *store = maker->open(maker->context);
    const struct p2p_kv *kv = maker->begin(store);
    struct p2p_slice key;
    struct p2p_slice value;

    CHECK_ERR(p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_of(NULL, 0), &key, &value),
              P2P_NOTFOUND);
    for (size_t i = 5; i-- > 0;) {
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_INDEX, p2p_slice_of(keys[i], lens[i]),
                            p2p_slice_of(NULL, 0)));
    }
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_of(NULL, 0), &key, &value));
    for (size_t i = 0; i < 5; i++) {
        CHECK(p2p_slice_equal(key, p2p_slice_of(keys[i], lens[i])));
        CHECK(value.len == 0);
        CHECK_ERR(p2p_kv_next(kv, P2P_TABLE_INDEX, &key, &value),
                  i < 4 ? P2P_OK : P2P_NOTFOUND);
    }
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_text("\x7f\x01"), &key, &value));
    CHECK(p2p_slice_equal(key, p2p_slice_of(keys[3], 1)));
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_text("\x80"), &key, &value));
    CHECK(p2p_slice_equal(key, p2p_slice_of(keys[3], 1)));
    CHECK_ERR(p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_text("\xff\xff\x01"), &key, &value),
              P2P_NOTFOUND);
    CHECK_OK(maker->commit(store));
    maker->close(store);
}

/* Every table has its own cursor, and a get does not move it. */
static void cursors(const struct kv_suite_maker *maker)
{
    void *store = maker->open(maker->context);
    const struct p2p_kv *kv = maker->begin(store);
    struct p2p_slice key;
    struct p2p_slice value;

    for (int i = 0; i < 3; i++) {
        char name[2] = {(char)('a' + i), 0};
        put_text(kv, P2P_TABLE_VIEW, name, name);
        put_text(kv, P2P_TABLE_TOUCH, name, name);
    }
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_VIEW, p2p_slice_of(NULL, 0), &key, &value));
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_TOUCH, p2p_slice_text("b"), &key, &value));
    check_text(kv, P2P_TABLE_VIEW, "c", "c");
    CHECK_OK(p2p_kv_next(kv, P2P_TABLE_VIEW, &key, &value));
    CHECK(p2p_slice_equal(key, p2p_slice_text("b")));
    CHECK_OK(p2p_kv_next(kv, P2P_TABLE_TOUCH, &key, &value));
    CHECK(p2p_slice_equal(value, p2p_slice_text("c")));

    /* Deleting what a seek found, until nothing is left: the borrowed key is good for that. */
    for (int i = 0; i < 3; i++) {
        CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_VIEW, p2p_slice_of(NULL, 0), &key, &value));
        CHECK_OK(p2p_kv_del(kv, P2P_TABLE_VIEW, key));
    }
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_TOUCH, p2p_slice_text("b"), &key, &value));
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_TOUCH, key, p2p_slice_text("longer than before")));
    check_text(kv, P2P_TABLE_TOUCH, "b", "longer than before");
    CHECK_ERR(p2p_kv_seek(kv, P2P_TABLE_VIEW, p2p_slice_of(NULL, 0), &key, &value),
              P2P_NOTFOUND);
    CHECK_OK(maker->commit(store));
    maker->close(store);
}

static void fill(uint8_t *bytes, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(draw(&seed) >> 13);
    }
}

/* Keys and values of every size that falls on a page boundary come back as they went in. */
static void sizes(const struct kv_suite_maker *maker)
{
    static const size_t lens[] = {0,    1,    63,   993,  2016, 2017,  2018,  2047,
                                  4064, 4065, 4079, 4080, 4081, 16368, 16369, VALUE_MAX};
    void *store = maker->open(maker->context);
    uint8_t *bytes = malloc(VALUE_MAX);
    uint8_t key[P2P_KV_KEY_BYTES_MAX];
    struct p2p_slice value;

    CHECK(bytes != NULL);
    for (int round = 0; round < 2; round++) { /* the second one replaces by another size */
        const struct p2p_kv *kv = maker->begin(store);
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            size_t len = lens[round == 0 ? i : sizeof(lens) / sizeof(lens[0]) - 1 - i];
            fill(bytes, len, i);
            memset(key, 0, sizeof(key));
            key[11] = (uint8_t)i;
            CHECK_OK(p2p_kv_put(kv, P2P_TABLE_HASH, p2p_slice_of(key, 13),
                                p2p_slice_of(bytes, len)));
            CHECK_OK(p2p_kv_put(kv, P2P_TABLE_PAYLOAD, p2p_slice_of(key, 12),
                                p2p_slice_of(bytes, len)));
            CHECK_OK(p2p_kv_get(kv, P2P_TABLE_PAYLOAD, p2p_slice_of(key, 12), &value));
            CHECK(p2p_slice_equal(value, p2p_slice_of(bytes, len)));
            memset(key, (int)i + 1, sizeof(key));
            size_t key_len = 1 + (sizeof(key) - 1) * i / (sizeof(lens) / sizeof(lens[0]) - 1);
            CHECK_OK(p2p_kv_put(kv, P2P_TABLE_INDEX, p2p_slice_of(key, key_len),
                                p2p_slice_of(bytes, len)));
        }
        CHECK_OK(maker->commit(store));
        kv = maker->begin(store);
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            size_t len = lens[round == 0 ? i : sizeof(lens) / sizeof(lens[0]) - 1 - i];
            fill(bytes, len, i);
            memset(key, 0, sizeof(key));
            key[11] = (uint8_t)i;
            CHECK_OK(p2p_kv_get(kv, P2P_TABLE_HASH, p2p_slice_of(key, 13), &value));
            CHECK(p2p_slice_equal(value, p2p_slice_of(bytes, len)));
            CHECK_OK(p2p_kv_get(kv, P2P_TABLE_PAYLOAD, p2p_slice_of(key, 12), &value));
            CHECK(p2p_slice_equal(value, p2p_slice_of(bytes, len)));
        }
        maker->abort(store);
    }
    free(bytes);
    maker->close(store);
}

static struct p2p_slice draw_key(uint8_t out[P2P_KV_KEY_BYTES_MAX], int table, uint64_t *seed)
{
    size_t len = table == P2P_TABLE_PAYLOAD ? 12 : 1 + draw(seed) % 24;

    memset(out, 0, 12);
    out[3] = (uint8_t)(draw(seed) % 3); /* few values, so that they meet */
    out[10] = (uint8_t)(draw(seed) % 12);
    out[11] = (uint8_t)(draw(seed) % 8);
    if (table != P2P_TABLE_PAYLOAD) {
        for (size_t i = 0; i < len; i++) {
            out[i] = (uint8_t)(draw(seed) % 3 * 127);
        }
    }
    return p2p_slice_of(out, len);
}

/* Any sequence of puts, deletes, commits and aborts leaves what a simple model has. */
static void random_work(const struct kv_suite_maker *maker, uint64_t seed)
{
    struct model *now = calloc(1, sizeof(*now));
    struct model *committed = calloc(1, sizeof(*committed));
    void *store = maker->open(maker->context);
    uint8_t *bytes = malloc(VALUE_MAX);
    uint8_t key_bytes[P2P_KV_KEY_BYTES_MAX];

    CHECK(now != NULL && committed != NULL && bytes != NULL);
    for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
        const struct p2p_kv *kv = maker->begin(store);
        size_t steps = draw(&seed) % 40;
        for (size_t s = 0; s < steps; s++) {
            int table = (int)(draw(&seed) % P2P_TABLE_COUNT);
            struct p2p_slice key = draw_key(key_bytes, table, &seed);
            size_t at = model_seek(now, table, key);
            bool there = model_at(now, table, at, key);
            if (draw(&seed) % 3 == 0 || now->count[table] > MODEL_ROWS_MAX - 2) {
                CHECK_ERR(p2p_kv_del(kv, table, key), there ? P2P_OK : P2P_NOTFOUND);
                if (there) {
                    model_del(now, table, at);
                }
            } else {
                size_t len = draw(&seed) % 8 == 0 ? draw(&seed) % 9000 : draw(&seed) % 400;
                fill(bytes, len, draw(&seed));
                CHECK_OK(p2p_kv_put(kv, table, key, p2p_slice_of(bytes, len)));
                model_put(now, table, key, p2p_slice_of(bytes, len));
            }
        }
        check_same(kv, now);
        if (draw(&seed) % 3 == 0) {
            maker->abort(store);
            model_copy(now, committed);
        } else {
            CHECK_OK(maker->commit(store));
            model_copy(committed, now);
        }
    }
    model_clear(now);
    model_clear(committed);
    free(now);
    free(committed);
    free(bytes);
    maker->close(store);
}

void kv_suite_run(const struct kv_suite_maker *maker, uint64_t seed)
{
    print_message("%s: seed %" PRIu64 "\n", maker->name, seed);
    transactions(maker);
    order(maker);
    cursors(maker);
    sizes(maker);
    random_work(maker, seed);
}
