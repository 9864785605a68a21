#include "check.h"

#include "../../simulations/machine/disk.h"

#include <p2p/bytes.h>

#include <stdlib.h>

static const struct sim_disk_options honest = {.commit_us = 1};
static const struct sim_disk_options liar = {.commit_us = 1, .lying = true};

/* A node in small: what its disk has answered P2P_OK to, and how far it tried. */
struct node {
    struct sim_disk *disk;
    struct p2p_store *store;
    struct p2p_spool *spool;
    struct p2p_copy *copy; /* NULL: lost */
    uint64_t committed, copied, copy_synced, spooled;
    uint64_t commit_tried, copy_tried, spool_tried, clear_tried;
    uint64_t copy_found; /* at the last start */
};

static struct p2p_copy_point point_of(uint64_t commit)
{
    return (struct p2p_copy_point){.feed = "port2port.example/beanr", .commit = commit};
}

static void start(struct node *node, uint64_t boot)
{
    struct p2p_copy_point point = point_of(0);

    node->store = sim_disk_store(node->disk);
    node->spool = sim_disk_spool(node->disk, boot);
    sim_disk_copy(node->disk, &point, &node->copy);
    node->copy_found = point.commit;
}

static struct node node_new(const struct sim_disk_options *options, uint64_t seed)
{
    struct node node = {.disk = sim_disk_new(options, seed, 1)};
    struct p2p_copy_point point = point_of(0);

    sim_disk_make_copy(node.disk, &point);
    start(&node, 1);
    return node;
}

static void restart(struct node *node, uint64_t boot)
{
    sim_disk_revive(node->disk);
    start(node, boot);
}

static void node_free(struct node *node)
{
    sim_disk_kill(node->disk);
    sim_disk_free(node->disk);
}

static enum p2p_err put_number(const struct p2p_kv *kv, enum p2p_table table, uint64_t number)
{
    uint8_t key[12] = {0};
    uint8_t value[64] = {0};

    key[11] = (uint8_t)number;
    memset(value, (int)number, sizeof(value));
    return p2p_kv_put(kv, table, p2p_slice_of(key, sizeof(key)),
                      p2p_slice_of(value, sizeof(value)));
}

/* One transaction: row n is there, and META says n. */
static enum p2p_err commit(struct node *node, uint64_t n)
{
    struct p2p_txn *txn;
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_WRITE, &txn);

    if (err == P2P_OK) {
        uint8_t value = (uint8_t)n;
        node->commit_tried = n;
        CHECK_OK(put_number(p2p_txn_kv(txn), P2P_TABLE_PAYLOAD, n));
        CHECK_OK(put_number(p2p_txn_kv(txn), P2P_TABLE_RECORD, n));
        CHECK_OK(p2p_kv_put(p2p_txn_kv(txn), P2P_TABLE_META, p2p_slice_text("n"),
                            p2p_slice_of(&value, 1)));
        err = p2p_txn_commit(txn);
    }
    if (err == P2P_OK) {
        node->committed = n;
    }
    return err;
}

static enum p2p_err step(struct node *node, uint64_t n)
{
    struct p2p_copy_point point = point_of(n);
    struct p2p_spool_id id = {0, 0};
    uint8_t entry = (uint8_t)n;
    enum p2p_err err = commit(node, n);

    if (err == P2P_OK) {
        node->copy_tried = n;
        err = p2p_copy_write(node->copy, &point);
    }
    if (err == P2P_OK) {
        node->copied = n;
    }
    if (err == P2P_OK && n % 3 == 0) {
        err = p2p_copy_sync(node->copy);
        node->copy_synced = err == P2P_OK ? n : node->copy_synced;
    }
    if (err == P2P_OK && n == 5) {
        node->clear_tried = node->spooled;
        err = p2p_spool_clear(node->spool);
    }
    if (err == P2P_OK) {
        node->spool_tried = n;
        err = p2p_spool_append(node->spool, p2p_slice_of(&entry, 1), &id);
    }
    if (err == P2P_OK) {
        CHECK(id.boot == 1);
        CHECK(id.n == n - 1);
        node->spooled = n;
    }
    return err;
}

static enum p2p_err run(struct node *node, uint64_t steps)
{
    enum p2p_err err = P2P_OK;

    for (uint64_t n = 1; n <= steps && err == P2P_OK; n++) {
        err = step(node, n);
    }
    return err;
}

/* What META says; checks that exactly the rows up to there stand. */
static uint64_t stored(struct sim_disk *disk)
{
    const struct p2p_kv *kv = sim_disk_look(disk);
    struct p2p_slice key;
    struct p2p_slice value;
    uint64_t n = 0;
    uint64_t rows = 0;

    if (p2p_kv_get(kv, P2P_TABLE_META, p2p_slice_text("n"), &value) == P2P_OK) {
        n = value.data[0];
    }
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_RECORD, p2p_slice_of(NULL, 0), &key, &value);
    while (err == P2P_OK) {
        rows++;
        CHECK(key.data[11] == rows);
        CHECK(value.len == 64 && value.data[0] == rows && value.data[63] == rows);
        err = p2p_kv_next(kv, P2P_TABLE_RECORD, &key, &value);
    }
    CHECK_ERR(err, P2P_NOTFOUND);
    CHECK(rows == n);
    sim_disk_look_end(disk);
    return n;
}

/* The first and the last entry of the spool, which must follow each other; 0: empty. */
static void spool_range(struct p2p_spool *spool, uint64_t *first, uint64_t *last)
{
    struct p2p_spool_id id;
    struct p2p_slice payload;
    uint64_t at = 0;
    size_t count = 0;

    *first = 0;
    *last = 0;
    while (p2p_spool_next(spool, &at, &id, &payload) == P2P_OK) {
        CHECK(payload.len == 1);
        CHECK(*first == 0 || payload.data[0] == *last + 1);
        *last = payload.data[0];
        *first = *first == 0 ? *last : *first;
        count++;
    }
    CHECK(at == p2p_spool_bytes(spool));
    CHECK(count == p2p_spool_count(spool));
}

/* What was answered with P2P_OK is there, what was never tried is not. */
static void check_survivors(struct node *node)
{
    uint64_t first, last;
    uint64_t n = stored(node->disk);

    CHECK(n >= node->committed);
    CHECK(n <= node->commit_tried);
    CHECK(node->copy_found >= node->copy_synced);
    CHECK(node->copy_found <= node->copy_tried);
    spool_range(node->spool, &first, &last);
    CHECK(last <= node->spool_tried);
    CHECK(last >= node->spooled || (node->clear_tried == node->spooled && last == 0));
}

enum { STEPS = 8 };

/* Something acknowledged would be lost, or something half done be there, after a power failure
 * at one of the effects. */
static void every_effect_may_be_the_last(void **state)
{
    unsigned before = 0, after = 0, spooled_after = 0, copied_after = 0;
    struct node whole = node_new(&honest, 7);

    (void)state;
    CHECK_OK(run(&whole, STEPS));
    uint64_t effects = sim_disk_effects(whole.disk);
    CHECK(effects == 4 * STEPS + STEPS / 3 + 1);
    node_free(&whole);
    for (uint64_t at = 1; at <= effects; at++) {
        for (uint64_t seed = 0; seed < 12; seed++) {
            struct node node = node_new(&honest, seed);
            sim_disk_fail_at(node.disk, at);
            CHECK_ERR(run(&node, STEPS), P2P_IO);
            CHECK(sim_disk_is_dead(node.disk));
            CHECK(sim_disk_effects(node.disk) == at);
            CHECK_ERR(commit(&node, 9), P2P_IO);
            CHECK(sim_disk_effects(node.disk) == at);
            restart(&node, 2);
            check_survivors(&node);
            uint64_t first, last;
            spool_range(node.spool, &first, &last);
            before += stored(node.disk) < node.commit_tried;
            after += stored(node.disk) > node.committed;
            spooled_after += last > node.spooled;
            copied_after += node.copy_found > node.copied;
            node_free(&node);
        }
    }
    CHECK(before > 20);
    CHECK(after > 20);
    CHECK(spooled_after > 20);
    CHECK(copied_after > 5);
}

/* What is in doubt after a failed sync would be lost although acknowledged, or be half there.
 */
static void every_sync_may_fail(void **state)
{
    static const struct sim_disk_options failing = {.failed_sync_permille = 50};
    unsigned store_failed = 0, spool_failed = 0, copy_failed = 0, found = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct node node = node_new(&failing, seed);
        sim_disk_calm(node.disk, false);
        enum p2p_err err = run(&node, STEPS);
        CHECK(err == P2P_OK || err == P2P_IO);
        CHECK(!sim_disk_is_dead(node.disk));
        sim_disk_calm(node.disk, true);
        uint64_t last = node.commit_tried;
        store_failed += err != P2P_OK && node.committed < last;
        spool_failed += err != P2P_OK && node.spool_tried == last && node.spooled < last;
        copy_failed += err != P2P_OK && last % 3 == 0 && node.copied == last &&
                       node.spool_tried < last && node.copy_synced < last;
        if (err != P2P_OK && node.spool_tried == last) { /* no more until it is opened anew */
            struct p2p_spool_id id;
            uint8_t entry = 99;
            CHECK_ERR(p2p_spool_append(node.spool, p2p_slice_of(&entry, 1), &id), P2P_IO);
        }
        if (seed % 2 == 0) {
            sim_disk_fail_power(node.disk);
        }
        restart(&node, 2);
        check_survivors(&node);
        found += stored(node.disk) > node.committed;
        node_free(&node);
    }
    CHECK(store_failed > 10);
    CHECK(spool_failed > 10);
    CHECK(copy_failed > 5);
    CHECK(found > 5);
}

/* A failure of one run could not be looked at again. */
static void a_seed_decides_everything(void **state)
{
    struct sim_disk_options options = {
        .failed_sync_permille = 30, .power_after_effects = 40, .lying = true};

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct node a = node_new(&options, seed);
        struct node b = node_new(&options, seed);
        sim_disk_calm(a.disk, false);
        sim_disk_calm(b.disk, false);
        for (uint64_t life = 0; life < 5; life++) {
            enum p2p_err err = P2P_OK;
            for (uint64_t n = stored(a.disk) + 1; n < 200 && err == P2P_OK; n++) {
                err = commit(&a, n);
                CHECK_ERR(commit(&b, n), err);
            }
            CHECK(sim_disk_is_dead(a.disk) == sim_disk_is_dead(b.disk));
            CHECK(sim_disk_effects(a.disk) == sim_disk_effects(b.disk));
            restart(&a, life + 2);
            restart(&b, life + 2);
            CHECK(stored(a.disk) == stored(b.disk));
            CHECK(sim_disk_bytes(a.disk) == sim_disk_bytes(b.disk));
        }
        node_free(&a);
        node_free(&b);
    }
}

/* A process that dies would lose what it wrote, or keep what it did not commit. */
static void a_kill_loses_only_what_is_open(void **state)
{
    struct node node = node_new(&honest, 3);
    struct p2p_txn *txn;
    uint64_t first, last;

    (void)state;
    CHECK_OK(run(&node, 4)); /* the copy of 4 is written and not synced */
    CHECK_OK(p2p_store_begin(node.store, P2P_TXN_WRITE, &txn));
    CHECK_OK(put_number(p2p_txn_kv(txn), P2P_TABLE_RECORD, 5));
    sim_disk_kill(node.disk);
    CHECK(!sim_disk_is_dead(node.disk));
    p2p_spool_close(node.spool); /* as a machine does that takes its node apart */
    p2p_copy_close(node.copy);
    start(&node, 2);
    CHECK(stored(node.disk) == 4);
    CHECK(node.copy_found == 4);
    spool_range(node.spool, &first, &last);
    CHECK(first == 1 && last == 4);
    node_free(&node);
}

/* Lost syncs take back what was answered with P2P_OK, but never what the copy synced. */
static void a_lie_ends_with_the_power(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        struct node node = node_new(&liar, seed);
        uint64_t first, last;
        CHECK_OK(run(&node, 2));
        sim_disk_lie(node.disk);
        for (uint64_t n = 3; n <= 5; n++) {
            CHECK_OK(step(&node, n));
        }
        CHECK(stored(node.disk) == 5);
        CHECK(!sim_disk_went_back(node.disk));
        sim_disk_fail_power(node.disk);
        CHECK(sim_disk_went_back(node.disk));
        restart(&node, 2);
        CHECK(!sim_disk_went_back(node.disk));
        CHECK(stored(node.disk) == 2);
        CHECK(node.copy_found == 3 || node.copy_found == 5); /* 3 was synced */
        spool_range(node.spool, &first, &last);
        CHECK(first == 1 && last == 2);

        sim_disk_lie(node.disk); /* a kill alone loses nothing, nor does a disk that recants */
        CHECK_OK(commit(&node, 3));
        sim_disk_kill(node.disk);
        start(&node, 3);
        CHECK(stored(node.disk) == 3);
        sim_disk_be_honest(node.disk);
        sim_disk_fail_power(node.disk);
        CHECK(!sim_disk_went_back(node.disk));
        restart(&node, 4);
        CHECK(stored(node.disk) == 3);
        node_free(&node);
    }
}

/* A restored machine would not look like one. */
static void a_backup_brings_back_store_and_spool(void **state)
{
    struct node node = node_new(&honest, 5);
    uint64_t first, last;

    (void)state;
    CHECK_OK(run(&node, 3));
    sim_disk_kill(node.disk);
    struct sim_backup *backup = sim_disk_backup(node.disk);
    start(&node, 2);
    CHECK_OK(commit(&node, 4));
    struct p2p_copy_point point = point_of(4);
    CHECK_OK(p2p_copy_write(node.copy, &point));
    sim_disk_kill(node.disk);
    for (int times = 0; times < 2; times++) { /* a backup can be put back again */
        sim_disk_restore(node.disk, backup);
        start(&node, 3);
        CHECK(stored(node.disk) == 3);
        CHECK(node.copy_found == 4);
        spool_range(node.spool, &first, &last);
        CHECK(first == 1 && last == 3);
        CHECK_OK(commit(&node, 4));
        sim_disk_kill(node.disk);
    }
    sim_backup_free(backup);

    sim_disk_wipe(node.disk);
    node.store = sim_disk_store(node.disk);
    CHECK(stored(node.disk) == 0);
    CHECK(sim_disk_bytes(node.disk) == 0);
    CHECK(sim_disk_copy(node.disk, &point, &node.copy) == P2P_COPY_MISSING);
    CHECK(node.copy == NULL);
    CHECK(p2p_spool_count(sim_disk_spool(node.disk, 4)) == 0);
    node_free(&node);
}

/* What one of two live copies writes would show in the other. */
static void a_clone_is_another_machine(void **state)
{
    struct node node = node_new(&honest, 5);

    (void)state;
    CHECK_OK(run(&node, 3));
    struct node twin = {.disk = sim_disk_clone(node.disk, 2)};
    start(&twin, 9);
    CHECK(stored(twin.disk) == 3);
    CHECK(twin.copy_found == 3);
    CHECK_OK(commit(&twin, 4));
    CHECK_OK(commit(&node, 4));
    CHECK_OK(commit(&node, 5));
    CHECK(stored(twin.disk) == 4);
    CHECK(stored(node.disk) == 5);
    node_free(&node);
    node_free(&twin);
}

/* The whole content in one string of bytes; the caller frees. */
static size_t content(struct sim_disk *disk, uint8_t **out)
{
    const struct p2p_kv *kv = sim_disk_look(disk);
    struct p2p_slice key, value;
    size_t len = 0;
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_RECORD, p2p_slice_of(NULL, 0), &key, &value);

    *out = calloc(1, 4096);
    CHECK(*out != NULL);
    while (err == P2P_OK) {
        memcpy(*out + len, value.data, value.len);
        len += value.len;
        err = p2p_kv_next(kv, P2P_TABLE_RECORD, &key, &value);
    }
    sim_disk_look_end(disk);
    return len;
}

static unsigned bits(uint8_t byte)
{
    unsigned count = 0;

    for (; byte != 0; byte &= (uint8_t)(byte - 1)) {
        count++;
    }
    return count;
}

/* A flip changes one bit of one value, a tear a stretch that ends with its value. */
static void damage_is_what_it_says(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct node node = node_new(&honest, seed);
        bool tears = seed % 2 == 1;
        uint8_t *was, *is;
        CHECK(!sim_disk_flip(node.disk, P2P_TABLE_RECORD));
        CHECK_OK(run(&node, STEPS));
        size_t len = content(node.disk, &was);
        CHECK(tears ? sim_disk_tear(node.disk, P2P_TABLE_RECORD)
                    : sim_disk_flip(node.disk, P2P_TABLE_RECORD));
        CHECK(content(node.disk, &is) == len);
        unsigned changed_bits = 0;
        size_t first = len, end = 0;
        for (size_t i = 0; i < len; i++) {
            changed_bits += bits(was[i] ^ is[i]);
            first = was[i] != is[i] && first == len ? i : first;
            end = was[i] != is[i] ? i + 1 : end;
        }
        CHECK(tears ? changed_bits > 0 : changed_bits == 1);
        CHECK(first / 64 == (end - 1) / 64); /* within one value */
        free(was);
        free(is);
        node_free(&node);
    }
}

/* Rows of a damaged block would be read as if nothing had happened, or stay as they are. */
static void a_damaged_block_is_corrupt_until_mended(void **state)
{
    (void)state;
    for (unsigned torn = 0; torn < 2; torn++) {
        struct node node = node_new(&honest, 11);
        struct p2p_slice value;
        struct p2p_txn *txn;
        struct p2p_kv_mended mended = {0, 0, P2P_TABLE_META};
        uint64_t damaged = 0;

        CHECK_OK(run(&node, STEPS));
        CHECK(torn ? sim_disk_tear(node.disk, P2P_TABLE_PAYLOAD)
                   : sim_disk_flip(node.disk, P2P_TABLE_PAYLOAD));
        sim_disk_kill(node.disk); /* it is on the disk: a start changes nothing */
        start(&node, 2);
        for (uint64_t n = 1; n <= STEPS; n++) {
            uint8_t key[12] = {0};
            key[11] = (uint8_t)n;
            CHECK_OK(p2p_store_begin(node.store, P2P_TXN_READ, &txn));
            enum p2p_err err = p2p_kv_get(p2p_txn_kv(txn), P2P_TABLE_PAYLOAD,
                                          p2p_slice_of(key, sizeof(key)), &value);
            CHECK(err == P2P_OK || err == P2P_CORRUPT);
            damaged = err == P2P_OK ? damaged : n;
            p2p_txn_abort(txn);
        }
        CHECK(damaged > 0 && p2p_store_spoiled(node.store));
        CHECK_OK(p2p_store_begin(node.store, P2P_TXN_WRITE, &txn));
        CHECK_OK(p2p_kv_mend(p2p_txn_kv(txn), &mended));
        CHECK(mended.mended == !torn && mended.emptied == torn);
        CHECK_OK(p2p_txn_commit(txn));
        CHECK(!p2p_store_spoiled(node.store));
        CHECK_OK(p2p_store_begin(node.store, P2P_TXN_READ, &txn));
        uint8_t key[12] = {0};
        key[11] = (uint8_t)damaged;
        CHECK_ERR(p2p_kv_get(p2p_txn_kv(txn), P2P_TABLE_PAYLOAD, p2p_slice_of(key, 12), &value),
                  torn ? P2P_NOTFOUND : P2P_OK);
        CHECK(torn || (value.len == 64 && value.data[63] == damaged));
        p2p_txn_abort(txn);
        node_free(&node);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_effect_may_be_the_last),
        cmocka_unit_test(every_sync_may_fail),
        cmocka_unit_test(a_seed_decides_everything),
        cmocka_unit_test(a_kill_loses_only_what_is_open),
        cmocka_unit_test(a_lie_ends_with_the_power),
        cmocka_unit_test(a_backup_brings_back_store_and_spool),
        cmocka_unit_test(a_clone_is_another_machine),
        cmocka_unit_test(damage_is_what_it_says),
        cmocka_unit_test(a_damaged_block_is_corrupt_until_mended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
