/* The scrubber's comparison of claims: a row that is not what its record says is put again,
 * whatever of it changed, and one that became true in the turn of its record. */
#include "check.h"
#include "ledger/views.h"
#include "ledger_node.h"
#include "wire/compare_kv.h"

#include <p2p/damage.h>

#include <string.h>

enum { STATE_AT = 1, TRUE_STATE = 1 };

struct fixture {
    struct ledger_world world;
    struct ledger_node node;
};

struct row {
    uint8_t key[16];
    uint8_t value[64];
    size_t len;
};

static struct p2p_record_id claim(struct fixture *f, uint64_t size, bool lie)
{
    const struct ledger_claim claim = {.of = 1, .size = size, .lie = lie};
    return ledger_world_claims(&f->world, 2, &claim, 1);
}

/* Of feed 2 about feed 1, of which five are held: one that is true, one that is not, one of
 * more than is held. */
static void begin(struct fixture *f)
{
    ledger_world_init(&f->world);
    ledger_node_init(&f->node, &f->world, 0);
    for (unsigned i = 0; i < 8; i++) {
        ledger_world_note(&f->world, 1);
    }
    claim(f, 3, false);
    claim(f, 4, true);
    claim(f, 7, false);
    ledger_node_begin(&f->node);
    ledger_node_charter(&f->node, f->world.entry_count);
    ledger_node_take(&f->node, 1, 5);
    ledger_node_take(&f->node, 2, 3);
    ledger_node_end(&f->node);
}

static void end(struct fixture *f)
{
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

/* In a batch. */
static struct row row_of(struct fixture *f, uint64_t index)
{
    struct row row;
    struct p2p_slice value;
    struct p2p_writer key;
    p2p_writer_init(&key, row.key, sizeof(row.key));
    p2p_writer_u32(&key, 2);
    p2p_writer_u32(&key, 1);
    p2p_writer_u64(&key, ~index);
    CHECK_OK(p2p_kv_get(f->node.kv, P2P_TABLE_SEEN, p2p_writer_slice(&key), &value));
    CHECK(value.len <= sizeof(row.value));
    memcpy(row.value, value.data, value.len);
    row.len = value.len;
    return row;
}

static void put(struct fixture *f, const struct row *row)
{
    CHECK_OK(p2p_kv_put(f->node.kv, P2P_TABLE_SEEN, p2p_slice_of(row->key, sizeof(row->key)),
                        p2p_slice_of(row->value, row->len)));
}

/* How many rows differed from what the record at 2:index says. */
static size_t compare(struct fixture *f, uint64_t index, bool deep)
{
    struct p2p_ledger *ledger = &f->node.ledger;
    const struct p2p_record_id id = {2, index};
    struct p2p_compare_kv compared;
    struct p2p_entry entry;
    CHECK_OK(p2p_ledger_entry(ledger, &id, &entry));
    p2p_compare_kv_init(&compared, f->node.kv);
    ledger->kv = &compared.kv;
    ledger->comparing = true;
    CHECK_OK(p2p_known_compare(ledger, 2, index, entry.record.content, deep));
    ledger->comparing = false;
    ledger->kv = f->node.kv;
    return compared.differing;
}

static bool is_as(struct fixture *f, uint64_t index, const struct row *row)
{
    struct row now = row_of(f, index);
    return now.len == row->len && memcmp(now.value, row->value, now.len) == 0;
}

/* Without this, a pass would write anew what nothing is wrong with. */
static void test_sound(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ledger_node_begin(&f.node);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK(compare(&f, i, false) == 0);
        CHECK(compare(&f, i, true) == 0);
    }
    ledger_node_end(&f.node);
    end(&f);
}

/* Without this, what a disk changed in a claim would stand for what was known. One that became
 * true of itself is all that waits for its turn. */
static void test_every_bit(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ledger_node_begin(&f.node);
    for (uint64_t i = 0; i < 3; i++) {
        const struct row before = row_of(&f, i);
        for (size_t bit = 0; bit < before.len * 8; bit++) {
            struct row hurt = before;
            hurt.value[bit / 8] ^= (uint8_t)(1u << bit % 8);
            put(&f, &hurt);
            CHECK(compare(&f, i, false) == 1);
            CHECK(is_as(&f, i, &before));
        }
        struct row cut = before;
        cut.len--;
        put(&f, &cut);
        CHECK(compare(&f, i, false) == 1);
        CHECK(is_as(&f, i, &before));
        CHECK_OK(p2p_kv_del(f.node.kv, P2P_TABLE_SEEN,
                            p2p_slice_of(before.key, sizeof(before.key))));
        CHECK(compare(&f, i, false) == 1);
        CHECK(is_as(&f, i, &before));
    }
    ledger_node_end(&f.node);
    end(&f);
}

/* Without this, a lie whose row says that it is true would be believed until all is set up
 * anew.
 */
static void test_became_true(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ledger_node_begin(&f.node);
    for (uint64_t i = 1; i < 3; i++) {
        const struct row before = row_of(&f, i);
        struct row hurt = before;
        CHECK(before.value[STATE_AT] != TRUE_STATE);
        hurt.value[STATE_AT] = TRUE_STATE;
        put(&f, &hurt);
        bool is_held = i == 1; /* 2:2 is of more: no root is needed to see that */
        CHECK(compare(&f, i, false) == (is_held ? 0 : 1));
        CHECK(compare(&f, i, true) == (is_held ? 1 : 0));
        CHECK(is_as(&f, i, &before));
    }
    ledger_node_end(&f.node);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_became_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
