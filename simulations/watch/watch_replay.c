/* Replay: the records of one disk once more, by a fresh ledger on an empty store, in another
 * order and in other batches. What is folded must come out the same, byte for byte. */
#include "watch.h"

#include <p2p/assert.h>
#include <p2p/text.h>

#include <stdlib.h>

enum {
    BATCH_STEPS_MAX = 24,
    STEP_RECORDS_MAX = 64,
    REPLAY_ARENA_BYTES = 256 << 20,
    KEY_SHOWN_BYTES = 48
};

struct replay {
    struct sim_watcher *watcher;
    const struct watch_machine *machine;
    struct sim_chance chance;
    struct p2p_ledger from; /* over the machine's disk */
    struct p2p_arena from_arena;
    struct sim_disk *disk;
    struct p2p_store *store;
    struct p2p_ledger ledger; /* over the other one */
    struct p2p_arena arena;
    const struct p2p_kv *kv; /* of its open batch */
};

static enum p2p_err take_entry(struct replay *replay, uint64_t index)
{
    struct p2p_slice leaf;
    struct p2p_slice note;
    enum p2p_err err =
        p2p_feed_leaf(replay->from.feeds[P2P_CHARTER_FEED], replay->machine->kv, index, &leaf);
    if (err == P2P_OK) {
        err = p2p_feed_note(replay->machine->kv, P2P_CHARTER_FEED, index + 1, &note);
    }
    return err == P2P_OK ? p2p_ledger_apply_charter(&replay->ledger, index, leaf, note, NULL)
                         : err;
}

static enum p2p_err read_arrival(struct replay *replay, uint32_t feed,
                                 struct p2p_feed_walk *walk, struct p2p_arrival *arrival)
{
    const struct p2p_record_id id = {feed, walk->index};
    struct p2p_slice bytes;
    *arrival = (struct p2p_arrival){.feed = feed};
    enum p2p_err err = p2p_feed_walk_next(walk, &bytes);
    if (err != P2P_OK) {
        return err;
    }
    arrival->leaf_hash = p2p_leaf_hash(bytes);
    err = p2p_record_decode(&arrival->record, p2p_arena_copy(&replay->arena, bytes));
    if (err == P2P_OK && arrival->record.body_type == P2P_BODY_COMMITMENT) {
        err = p2p_ledger_salted(&replay->from, &id, &bytes);
        if (err == P2P_OK) {
            arrival->salted = p2p_arena_copy(&replay->arena, bytes);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err take_records(struct replay *replay, uint32_t number, uint64_t count)
{
    struct p2p_feed *feed = p2p_ledger_feed(&replay->ledger, number);
    struct p2p_arrival *arrivals =
        p2p_arena_take(&replay->arena, (size_t)count * sizeof(*arrivals));
    struct p2p_feed_walk walk;
    enum p2p_err err = P2P_OK;
    p2p_assert(arrivals != NULL);
    p2p_feed_walk_begin(&walk, replay->from.feeds[number], replay->machine->kv,
                        feed->edge.size);
    for (uint64_t i = 0; i < count && err == P2P_OK; i++) {
        err = read_arrival(replay, number, &walk, &arrivals[i]);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_verify(&replay->ledger, arrivals, (size_t)count);
    }
    for (uint64_t i = 0; i < count && err == P2P_OK; i++) {
        err = p2p_ledger_apply(&replay->ledger, &arrivals[i]);
    }
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_tree_head head = {.size = feed->edge.size,
                                       .root = p2p_edge_root(&feed->edge)};
    return p2p_feed_set_head(feed, replay->kv, &head, p2p_slice_of(NULL, 0));
}

/* How much of a feed is left to take now: of one that is named already. */
static uint64_t left_of(const struct replay *replay, uint32_t number)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&replay->ledger, number);
    return feed == NULL ||
                   (number > 0 && p2p_charter_feed(replay->ledger.charter, number) == NULL)
               ? 0
               : replay->from.feeds[number]->edge.size - feed->edge.size;
}

/* Some records of one feed drawn from those that have any left; false when none has. */
static bool step(struct replay *replay, enum p2p_err *err)
{
    uint32_t start = (uint32_t)sim_chance_below(&replay->chance, replay->from.feed_count);
    for (uint32_t i = 0; i < replay->from.feed_count; i++) {
        uint32_t number = (uint32_t)((start + i) % replay->from.feed_count);
        uint64_t left = left_of(replay, number);
        if (left == 0) {
            continue;
        }
        uint64_t count = sim_chance_between(&replay->chance, 1, STEP_RECORDS_MAX);
        count = count < left ? count : left;
        *err = number == P2P_CHARTER_FEED
                   ? take_entry(replay, replay->ledger.feeds[P2P_CHARTER_FEED]->edge.size)
                   : take_records(replay, number, count);
        return *err == P2P_OK;
    }
    return false;
}

static enum p2p_err batch(struct replay *replay, bool *more)
{
    struct p2p_txn *txn;
    enum p2p_err err = p2p_store_begin(replay->store, P2P_TXN_WRITE, &txn);
    if (err != P2P_OK) {
        return err;
    }
    replay->kv = p2p_txn_kv(txn);
    p2p_ledger_begin(&replay->ledger, replay->kv, &replay->arena);
    for (uint64_t steps = sim_chance_between(&replay->chance, 1, BATCH_STEPS_MAX);
         steps > 0 && *more; steps--) {
        *more = step(replay, &err);
    }
    for (size_t i = 1; !*more && err == P2P_OK && i < replay->from.feed_count; i++) {
        struct p2p_feed *feed = p2p_ledger_feed(&replay->ledger, (uint32_t)i);
        if (feed != NULL && feed->state != replay->from.feeds[i]->state) {
            err = p2p_feed_set_state(feed, replay->kv, replay->from.feeds[i]->state);
        }
    }
    if (err == P2P_OK) {
        err = p2p_ledger_finish(&replay->ledger);
    }
    if (err == P2P_OK) {
        err = p2p_txn_commit(txn);
    } else {
        p2p_txn_abort(txn);
    }
    p2p_arena_reset(&replay->arena);
    return err;
}

/* ---- comparing ---- */

/* One table, without what is a node's own business: the numbers it keeps back for records
 * signed outside, the payloads it lacks, the bans it keeps aside. */
struct rows {
    const struct p2p_kv *kv;
    enum p2p_table table;
    struct p2p_slice key, value;
    enum p2p_err err;
};

static bool is_own(const struct rows *rows)
{
    enum { ROW_RESERVED = 3 }; /* STORE.md, table issuer */
    return (rows->table == P2P_TABLE_ISSUER && rows->key.data[0] == ROW_RESERVED) ||
           (rows->table == P2P_TABLE_INDEX && rows->key.data[0] >= P2P_INDEX_LACK &&
            rows->key.data[0] <= P2P_INDEX_KEPT_ON);
}

static void skip_own(struct rows *rows)
{
    while (rows->err == P2P_OK && is_own(rows)) {
        rows->err = p2p_kv_next(rows->kv, rows->table, &rows->key, &rows->value);
    }
}

static struct rows rows_of(const struct p2p_kv *kv, enum p2p_table table)
{
    struct rows rows = {.kv = kv, .table = table};
    rows.err = p2p_kv_seek(kv, table, (struct p2p_slice){0}, &rows.key, &rows.value);
    skip_own(&rows);
    return rows;
}

static void step_on(struct rows *rows)
{
    rows->err = p2p_kv_next(rows->kv, rows->table, &rows->key, &rows->value);
    skip_own(rows);
}

/* Where two tables part, if they do: the key of a row that is in one only, or has two values.
 */
static bool differ(const struct p2p_kv *one, const struct p2p_kv *other, enum p2p_table table,
                   char key[P2P_HEX_BYTES(KEY_SHOWN_BYTES)])
{
    struct rows a = rows_of(one, table);
    struct rows b = rows_of(other, table);
    while (a.err == P2P_OK && b.err == P2P_OK && p2p_slice_equal(a.key, b.key) &&
           p2p_slice_equal(a.value, b.value)) {
        step_on(&a);
        step_on(&b);
    }
    if (a.err == P2P_NOTFOUND && b.err == P2P_NOTFOUND) {
        return false;
    }
    bool first = b.err != P2P_OK || (a.err == P2P_OK && p2p_slice_compare(a.key, b.key) <= 0);
    struct p2p_slice at = first ? a.key : b.key;
    p2p_hex_encode(key, at.data, at.len < KEY_SHOWN_BYTES ? at.len : KEY_SHOWN_BYTES);
    return true;
}

static void tell(struct replay *replay, const char *what, const char *key)
{
    sim_violate(replay->watcher->sim,
                replay->machine->clock_wrong ? SIM_INVARIANT_TIMELESS : SIM_INVARIANT_REPLAY,
                "the records of %s in another order give another %s %s", replay->machine->name,
                what, key);
}

static void compare(struct replay *replay)
{
    static const struct {
        enum p2p_table table;
        const char *what;
    } tables[] = {
        {P2P_TABLE_VIEW, "view"},  {P2P_TABLE_ISSUER, "verdict"}, {P2P_TABLE_TOUCH, "touch"},
        {P2P_TABLE_SEEN, "claim"}, {P2P_TABLE_INDEX, "index"},
    };
    char key[P2P_HEX_BYTES(KEY_SHOWN_BYTES)];
    struct p2p_hash was;
    struct p2p_hash is;
    const struct p2p_kv *kv = sim_disk_look(replay->disk);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (differ(replay->machine->kv, kv, tables[i].table, key)) {
            tell(replay, tables[i].what, key);
        }
    }
    if (p2p_leaves_digest(&replay->from, &was) != P2P_OK ||
        p2p_leaves_digest(&replay->ledger, &is) != P2P_OK || !p2p_hash_equal(&was, &is)) {
        tell(replay, "digest", "of leaves and verdicts");
    }
    sim_disk_look_end(replay->disk);
}

static enum p2p_err open_both(struct replay *replay)
{
    const struct p2p_sigs *sigs = replay->watcher->sim->federation.sigs;
    struct p2p_txn *txn;
    enum p2p_err err =
        p2p_ledger_open(&replay->from, p2p_alloc_default(), sigs, replay->machine->kv, NULL);
    if (err == P2P_OK) {
        replay->from.kinds_unknown = replay->machine->kinds_unknown;
        p2p_ledger_begin(&replay->from, replay->machine->kv, &replay->from_arena);
        err = p2p_store_begin(replay->store, P2P_TXN_READ, &txn);
    }
    if (err == P2P_OK) {
        err =
            p2p_ledger_open(&replay->ledger, p2p_alloc_default(), sigs, p2p_txn_kv(txn), NULL);
        p2p_txn_abort(txn);
        replay->ledger.kinds_unknown = replay->machine->kinds_unknown;
    }
    return err;
}

void watch_replay(struct sim_watcher *watcher, struct watch_machine *machine)
{
    static const struct sim_disk_options sound = {.commit_us = 1};
    struct replay *replay = calloc(1, sizeof(*replay));
    bool more = true;
    p2p_assert(replay != NULL);
    replay->watcher = watcher;
    replay->machine = machine;
    replay->chance = sim_chance_of(watcher->sim->options.seed, "replay", watcher->settles);
    p2p_arena_init(&replay->arena, p2p_alloc_default(), REPLAY_ARENA_BYTES);
    p2p_arena_init(&replay->from_arena, p2p_alloc_default(), REPLAY_ARENA_BYTES);
    replay->disk = sim_disk_new(&sound, watcher->sim->options.seed, machine->number);
    replay->store = sim_disk_store(replay->disk);
    enum p2p_err err = open_both(replay);
    if (err == P2P_OK && p2p_charter_rival_size(replay->from.charter) > 0) {
        more = false; /* which of two heads comes first is part of what a node knows */
    } else {
        while (err == P2P_OK && more) {
            err = batch(replay, &more);
        }
        if (err != P2P_OK) {
            tell(replay, "error:", p2p_err_text(err));
        } else {
            compare(replay);
        }
    }
    p2p_ledger_close(&replay->ledger);
    p2p_ledger_close(&replay->from);
    p2p_arena_deinit(&replay->arena);
    p2p_arena_deinit(&replay->from_arena);
    sim_disk_free(replay->disk);
    free(replay);
}
