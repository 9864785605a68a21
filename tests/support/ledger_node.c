#include "check.h"

#include "ledger_node.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 64 << 20 };

static void open_ledger(struct ledger_node *node)
{
    CHECK_OK(p2p_ledger_open(&node->ledger, &node->heap.alloc, &node->world->sigs,
                             memory_kv_begin(node->store), NULL));
    CHECK_OK(memory_kv_commit(node->store));
}

void ledger_node_init(struct ledger_node *node, const struct ledger_world *world,
                      uint32_t member)
{
    *node = (struct ledger_node){.world = world, .member = member};
    node->store = memory_kv_new();
    faulty_kv_init(&node->faulty, -1, P2P_IO);
    faulty_alloc_init(&node->heap, -1);
    p2p_arena_init(&node->arena, p2p_alloc_default(), ARENA_BYTES);
    open_ledger(node);
}

void ledger_node_deinit(struct ledger_node *node)
{
    p2p_ledger_close(&node->ledger);
    CHECK(node->heap.live_bytes == 0);
    p2p_arena_deinit(&node->arena);
    memory_kv_free(node->store);
}

void ledger_node_begin(struct ledger_node *node)
{
    CHECK(node->kv == NULL);
    node->kv = faulty_kv_begin(&node->faulty, memory_kv_begin(node->store));
    p2p_ledger_begin(&node->ledger, node->kv, &node->arena);
}

void ledger_node_end(struct ledger_node *node)
{
    CHECK_OK(p2p_ledger_finish(&node->ledger));
    CHECK_OK(memory_kv_commit(node->store));
    p2p_arena_reset(&node->arena);
    node->kv = NULL;
}

void ledger_node_abort(struct ledger_node *node)
{
    memory_kv_abort(node->store);
    p2p_arena_reset(&node->arena);
    node->kv = NULL;
    ledger_node_reopen(node);
}

void ledger_node_reopen(struct ledger_node *node)
{
    p2p_ledger_close(&node->ledger);
    CHECK(node->heap.live_bytes == 0);
    open_ledger(node);
}

enum p2p_err ledger_node_try_charter(struct ledger_node *node, uint64_t size)
{
    enum p2p_err err = P2P_OK;
    for (uint64_t i = p2p_charter_size(node->ledger.charter); i < size && err == P2P_OK; i++) {
        const struct world_entry *entry = &node->world->entries[i];
        err = p2p_ledger_apply_charter(&node->ledger, i,
                                       p2p_slice_of(entry->leaf, entry->leaf_len),
                                       p2p_slice_of(entry->note, entry->note_len), NULL);
    }
    return err;
}

static bool entitled(const struct ledger_node *node, const struct p2p_record *record)
{
    const struct p2p_circle *circle = p2p_charter_circle(node->ledger.charter, record->circle);
    return node->member == 0 || record->circle == 0 ||
           (circle != NULL && p2p_circle_has(circle, node->member));
}

enum p2p_err ledger_node_try_take(struct ledger_node *node, uint32_t number, uint64_t size)
{
    const struct written_feed *written = &node->world->feeds[number];
    struct p2p_feed *feed = p2p_ledger_feed(&node->ledger, number);
    CHECK(feed != NULL && size <= written->count);
    uint64_t from = feed->edge.size;
    if (size <= from) {
        return P2P_OK;
    }
    struct p2p_arrival *arrivals = calloc((size_t)(size - from), sizeof(*arrivals));
    CHECK(arrivals != NULL);
    for (uint64_t i = from; i < size; i++) {
        struct p2p_arrival *arrival = &arrivals[i - from];
        *arrival =
            (struct p2p_arrival){.feed = number, .leaf_hash = written->records[i].leaf_hash};
        CHECK_OK(p2p_record_decode(&arrival->record, written->records[i].leaf));
        if (entitled(node, &arrival->record)) {
            arrival->salted = written->records[i].salted;
        }
    }
    enum p2p_err err = p2p_ledger_verify(&node->ledger, arrivals, (size_t)(size - from));
    for (uint64_t i = from; i < size && err == P2P_OK; i++) {
        err = p2p_ledger_apply(&node->ledger, &arrivals[i - from]);
    }
    if (err == P2P_OK) {
        struct p2p_tree_head head = {.size = size, .root = written->roots[size]};
        err = p2p_feed_set_head(feed, node->kv, &head, (struct p2p_slice){0});
    }
    free(arrivals);
    return err;
}

void ledger_node_charter(struct ledger_node *node, uint64_t size)
{
    CHECK_OK(ledger_node_try_charter(node, size));
}

void ledger_node_take(struct ledger_node *node, uint32_t feed, uint64_t size)
{
    CHECK_OK(ledger_node_try_take(node, feed, size));
}

void ledger_node_take_all(struct ledger_node *node)
{
    ledger_node_begin(node);
    ledger_node_charter(node, node->world->entry_count);
    for (uint32_t f = 1; f < node->ledger.feed_count; f++) {
        ledger_node_take(node, f, ledger_world_size(node->world, f));
    }
    ledger_node_end(node);
}

enum p2p_why ledger_node_why(struct ledger_node *node, const struct p2p_record_id *id)
{
    struct p2p_entry entry;
    enum p2p_why why;
    CHECK_OK(p2p_ledger_entry(&node->ledger, id, &entry));
    CHECK_OK(p2p_judge(&node->ledger, &entry, &why));
    return why;
}

struct p2p_ban ledger_node_ban(struct ledger_node *node, uint32_t circle,
                               const struct p2p_record_id *id)
{
    struct p2p_ban ban;
    const struct p2p_kv *kv = node->kv != NULL ? node->kv : memory_kv_begin(node->store);
    CHECK_OK(p2p_ban_get(kv, circle, id, &ban));
    if (node->kv == NULL) {
        memory_kv_abort(node->store);
    }
    return ban; /* its slices are dead; numbers and verdict are not */
}

enum p2p_ban_state ledger_node_state(struct ledger_node *node, uint32_t circle,
                                     const struct p2p_record_id *id)
{
    struct p2p_ban ban = ledger_node_ban(node, circle, id);
    return p2p_ban_state_at(&ban, LEDGER_WORLD_TIME_MS);
}

static void check_table(const struct p2p_kv *a, const struct p2p_kv *b, enum p2p_table table)
{
    struct p2p_slice key_a, key_b, value_a, value_b;
    enum p2p_err err_a = p2p_kv_seek(a, table, (struct p2p_slice){0}, &key_a, &value_a);
    enum p2p_err err_b = p2p_kv_seek(b, table, (struct p2p_slice){0}, &key_b, &value_b);
    while (err_a == P2P_OK && err_b == P2P_OK) {
        CHECK(p2p_slice_equal(key_a, key_b));
        CHECK(p2p_slice_equal(value_a, value_b));
        err_a = p2p_kv_next(a, table, &key_a, &value_a);
        err_b = p2p_kv_next(b, table, &key_b, &value_b);
    }
    CHECK_ERR(err_a, P2P_NOTFOUND);
    CHECK_ERR(err_b, P2P_NOTFOUND);
}

void ledger_node_check_same(struct ledger_node *a, struct ledger_node *b)
{
    static const enum p2p_table tables[] = {P2P_TABLE_VIEW, P2P_TABLE_ISSUER, P2P_TABLE_TOUCH,
                                            P2P_TABLE_SEEN, P2P_TABLE_INDEX};
    struct p2p_hash of_a, of_b;
    CHECK(a->kv == NULL && b->kv == NULL);
    const struct p2p_kv *kv_a = memory_kv_begin(a->store);
    const struct p2p_kv *kv_b = memory_kv_begin(b->store);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        check_table(kv_a, kv_b, tables[i]);
    }
    size_t views = 0;
    const enum p2p_view_number *view_of = p2p_views_in_circles(&views);
    for (uint32_t i = 0; i < views * 4; i++) { /* circles 0 to 3 */
        enum p2p_view_number view = view_of[i / 4];
        CHECK_OK(p2p_view_digest(&a->ledger, kv_a, view, i % 4, &of_a));
        CHECK_OK(p2p_view_digest(&b->ledger, kv_b, view, i % 4, &of_b));
        CHECK(p2p_hash_equal(&of_a, &of_b));
    }
    CHECK_OK(p2p_view_digest(&a->ledger, kv_a, P2P_VIEW_FORKS, 0, &of_a));
    CHECK_OK(p2p_view_digest(&b->ledger, kv_b, P2P_VIEW_FORKS, 0, &of_b));
    CHECK(p2p_hash_equal(&of_a, &of_b));
    CHECK_OK(p2p_leaves_digest(&a->ledger, &of_a));
    CHECK_OK(p2p_leaves_digest(&b->ledger, &of_b));
    CHECK(p2p_hash_equal(&of_a, &of_b));
    memory_kv_abort(a->store);
    memory_kv_abort(b->store);
}

void ledger_node_check_digests(struct ledger_node *node)
{
    const struct p2p_kv *kv = memory_kv_begin(node->store);
    size_t views = 0;
    const enum p2p_view_number *view_of = p2p_views_in_circles(&views);
    for (uint32_t i = 0; i < views * 4; i++) { /* circles 0 to 3 */
        enum p2p_view_number view = view_of[i / 4];
        uint32_t circle = i % 4;
        struct p2p_lthash set;
        struct p2p_hash kept, walked;
        struct p2p_slice key, value;
        p2p_lthash_init(&set);
        enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_VIEW, (struct p2p_slice){0}, &key, &value);
        for (; err == P2P_OK; err = p2p_kv_next(kv, P2P_TABLE_VIEW, &key, &value)) {
            static uint8_t element[P2P_PAYLOAD_BYTES_MAX + 4096];
            struct p2p_reader in;
            struct p2p_writer out;
            p2p_reader_init(&in, key);
            if (p2p_reader_u8(&in) != view || p2p_reader_u32(&in) != circle) {
                continue;
            }
            size_t len = p2p_reader_left(&in);
            p2p_writer_init(&out, element, sizeof(element));
            p2p_writer_u16(&out, (uint16_t)len);
            p2p_writer_bytes(&out, p2p_reader_bytes(&in, len).data, len);
            p2p_writer_bytes(&out, value.data, value.len);
            CHECK_OK(p2p_wire_check(value));
            p2p_lthash_add(&set, p2p_writer_slice(&out));
        }
        walked = p2p_lthash_digest(&set);
        CHECK_OK(p2p_view_digest(&node->ledger, kv, view, circle, &kept));
        CHECK(p2p_hash_equal(&kept, &walked));
    }
    memory_kv_abort(node->store);
}
