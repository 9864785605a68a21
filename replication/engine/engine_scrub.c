/* The scrubber: walks all leaves in the background, and decides what is looked at when. See
 * p2p/damage.h, engine_scrub.h. */
#include "engine_parts.h"

#include "feed/feed_mend.h"
#include "ledger/charter_store.h"

#include <p2p/assert.h>

static const char place_name[] = "scrub";

enum { PLACE_FORMAT = 2 };

/* ---- the place ---- */

static void begin_feed(struct p2p_scrub *scrub, uint32_t feed)
{
    scrub->phase = P2P_SCRUB_LEAVES;
    scrub->feed = feed;
    scrub->start = 0;
    scrub->index = 0;
    p2p_edge_init(&scrub->start_edge);
    scrub->edge = scrub->start_edge;
    scrub->bad_payload = UINT64_MAX;
    scrub->bad_head = 0;
}

static void begin_pass(struct p2p_scrub *scrub)
{
    scrub->turn = (uint8_t)((scrub->turn + 1) % P2P_SCRUB_CLAIM_PASSES);
    scrub->walking = true;
    scrub->deep = scrub->emptied;
    scrub->partial = false;
    scrub->unresolved = 0;
    scrub->mended = 0;
    scrub->view_at = 0;
    p2p_folded_forget(&scrub->folded);
    begin_feed(scrub, P2P_CHARTER_FEED);
    scrub->phase = P2P_SCRUB_ROWS;
    scrub->table = 0;
    scrub->place = (struct p2p_kv_place){.key_len = 0};
}

void p2p_scrub_cut(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_scrub *scrub = &engine->scrub;
    if (scrub->walking && scrub->phase != P2P_SCRUB_SETS && scrub->feed == feed) {
        begin_feed(scrub, feed); /* what was hashed of it may be of the history that it left */
    }
}

static enum p2p_err store_place(struct p2p_engine *engine)
{
    struct p2p_scrub *scrub = &engine->scrub;
    uint8_t value[14];
    struct p2p_writer out;
    if (engine->now.mono_ms - scrub->placed_ms < P2P_SCRUB_PLACE_MS) {
        return P2P_OK;
    }
    scrub->placed_ms = engine->now.mono_ms;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, PLACE_FORMAT);
    p2p_writer_u32(&out, scrub->feed);
    p2p_writer_u64(&out, scrub->start);
    p2p_writer_u8(&out, scrub->turn);
    return p2p_kv_put(engine->kv, P2P_TABLE_META, p2p_slice_text(place_name),
                      p2p_writer_slice(&out));
}

static enum p2p_err verify_head(const struct p2p_engine *engine, uint32_t feed,
                                const struct p2p_tree_head *head)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    if (info == NULL) {
        return P2P_UNKNOWN;
    }
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = head->size, .root = head->root};
    return p2p_checkpoint_verify_feed(&checkpoint, engine->options.sigs, &info->key,
                                      &head->signature);
}

/* Goes on where the last start was, if the tree below it is the one that was signed. */
enum p2p_err p2p_scrub_open(struct p2p_engine *engine)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_slice value;
    struct p2p_reader in;
    struct p2p_tree_head head;
    struct p2p_edge edge;
    begin_pass(scrub);
    scrub->walking = false;
    enum p2p_err err =
        p2p_kv_get(engine->kv, P2P_TABLE_META, p2p_slice_text(place_name), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    uint32_t number = p2p_reader_u32(&in);
    uint64_t start = p2p_reader_u64(&in);
    uint8_t turn = p2p_reader_u8(&in);
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    if (!p2p_reader_done(&in) || format != PLACE_FORMAT || turn >= P2P_SCRUB_CLAIM_PASSES ||
        feed == NULL || number == P2P_CHARTER_FEED) {
        return P2P_OK; /* from the beginning, then */
    }
    scrub->turn = turn;
    scrub->walking = true;
    scrub->partial = true;
    begin_feed(scrub, number);
    struct p2p_feed_hashes source = {.feed = number, .kv = engine->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    if (start == 0 || start >= feed->edge.size) {
        return P2P_OK;
    }
    err = p2p_feed_head_from(feed, engine->kv, start, &head);
    if (err == P2P_OK) {
        err = p2p_tree_edge_at(&reader, start, &edge);
    }
    if (err != P2P_OK) {
        return err == P2P_CORRUPT ? P2P_OK : err; /* found again from the feed's beginning */
    }
    struct p2p_hash root = p2p_edge_root(&edge);
    if (head.size == start && verify_head(engine, number, &head) == P2P_OK &&
        p2p_hash_equal(&root, &head.root)) {
        scrub->start = start;
        scrub->index = start;
        scrub->start_edge = edge;
        scrub->edge = edge;
    }
    return P2P_OK;
}

/* ---- rows ---- */

/* Spoiled rows are mended here and now, by the store, or gone. */
static enum p2p_err scrub_rows(struct p2p_engine *engine, size_t *budget)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_kv_mended mended = {0, 0, P2P_TABLE_META};
    if (scrub->table == P2P_TABLE_COUNT) {
        begin_feed(scrub, P2P_CHARTER_FEED);
        return P2P_OK;
    }
    enum p2p_table table = (enum p2p_table)scrub->table;
    enum p2p_err err =
        p2p_kv_sweep(engine->kv, table, *budget * P2P_SCRUB_ROW_BYTES, &scrub->place);
    if (err == P2P_OK) {
        err = p2p_kv_mend(engine->kv, &mended);
    }
    if (err != P2P_OK) {
        return err;
    }
    for (uint32_t i = 0; i < mended.mended + mended.emptied; i++) {
        p2p_scrub_found(engine, mended.table, 0, 0);
    }
    for (uint32_t i = 0; i < mended.mended; i++) {
        p2p_scrub_mended(engine, mended.table, 0, 0);
    }
    if (scrub->place.ended) {
        scrub->table++;
        scrub->place = (struct p2p_kv_place){.key_len = 0};
    } else {
        *budget = 0;
    }
    return mended.emptied > 0 ? p2p_scrub_emptied(engine) : P2P_OK;
}

/* ---- leaves ---- */

static enum p2p_err open_hole(struct p2p_engine *engine, enum p2p_table table, uint64_t at,
                              uint64_t to)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_hole *hole = p2p_alloc_zeroed(engine->options.alloc, 1, sizeof(*hole));
    if (hole == NULL) {
        return P2P_NOMEM;
    }
    p2p_assert(engine->extras[scrub->feed].hole == NULL);
    *hole = (struct p2p_hole){
        .from = scrub->start, .to = to, .edge = scrub->start_edge, .at = at, .table = table};
    engine->extras[scrub->feed].hole = hole;
    p2p_feed_set_add(&engine->due.holes, scrub->feed);
    p2p_scrub_found(engine, table, scrub->feed, at);
    p2p_scrub_damage(engine);
    begin_feed(scrub, scrub->feed + 1);
    return P2P_OK;
}

enum p2p_err p2p_scrub_payload(const struct p2p_engine *engine, const struct p2p_record_id *id,
                               struct p2p_slice leaf, size_t *bytes)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
    struct p2p_record record;
    struct p2p_slice salted;
    struct p2p_slice payload;
    if (info == NULL || p2p_record_peek(&record, leaf) != P2P_OK ||
        record.body_type != P2P_BODY_COMMITMENT) {
        return P2P_OK; /* a leaf that is none is found by its hash */
    }
    enum p2p_err err = p2p_ledger_salted(&engine->ledger, id, &salted);
    if (err == P2P_NOTFOUND) {
        err = p2p_lack_told(engine, id, record.circle);
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    if (err == P2P_OK) {
        *bytes += salted.len;
        err = p2p_record_open(&record, p2p_slice_text(info->origin), salted, &payload);
        err = err == P2P_OK ? P2P_OK : P2P_CORRUPT;
    }
    return err;
}

/* Hashes records up to `end`, or as many as the step may. */
static enum p2p_err walk_leaves(struct p2p_engine *engine, const struct p2p_feed *feed,
                                uint64_t end, size_t *budget)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_feed_walk walk;
    size_t bytes = 0;
    enum p2p_err err = P2P_OK;
    p2p_feed_walk_begin(&walk, feed, engine->kv, scrub->index);
    while (scrub->index<end && * budget> 0) {
        const struct p2p_record_id id = {feed->number, scrub->index};
        struct p2p_slice leaf;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err != P2P_OK) {
            return err;
        }
        struct p2p_hash hash = p2p_leaf_hash(leaf);
        bytes += leaf.len;
        p2p_edge_append(&scrub->edge, &hash, NULL);
        err = p2p_scrub_payload(engine, &id, leaf, &bytes);
        if (err == P2P_CORRUPT && scrub->bad_payload == UINT64_MAX) {
            scrub->bad_payload = id.index;
        }
        if (err != P2P_OK && err != P2P_CORRUPT) {
            return err;
        }
        scrub->index++;
        scrub->told.scrubbed_records++;
        (*budget)--;
        if (bytes >= P2P_SCRUB_BYTES && !scrub->suspect) {
            *budget = 0;
        }
    }
    scrub->told.scrubbed_bytes += bytes;
    return P2P_OK;
}

/* The first record of the stretch whose stored hash is not that of its leaf; the first of all
 * when there is none. */
static enum p2p_err first_differing(const struct p2p_engine *engine,
                                    const struct p2p_feed *feed, uint64_t from, uint64_t to,
                                    uint64_t *at)
{
    struct p2p_feed_hashes source = {.feed = feed->number, .kv = engine->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    bool differs = false;
    *at = from;
    for (uint64_t i = from; i < to && !differs; i++) {
        struct p2p_slice leaf;
        struct p2p_hash stored;
        struct p2p_hash hash = {{0}};
        enum p2p_err err = p2p_feed_leaf(feed, engine->kv, i, &leaf);
        if (err == P2P_OK) {
            hash = p2p_leaf_hash(leaf);
            err = reader.hash(reader.context, 0, i, &stored);
        }
        if (err != P2P_OK && err != P2P_CORRUPT) {
            return err;
        }
        differs = err == P2P_CORRUPT || !p2p_hash_equal(&hash, &stored);
        *at = differs ? i : from;
    }
    return P2P_OK;
}

/* A head kept below this stretch's end is not what its owner signed, and the records are. */
static enum p2p_err mend_head(struct p2p_engine *engine, struct p2p_feed *feed, uint64_t end)
{
    struct p2p_scrub *scrub = &engine->scrub;
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed->number);
    uint64_t size = scrub->bad_head;
    scrub->bad_head = 0;
    if (feed->number != engine->feed) {
        enum p2p_err err = p2p_feed_mend_head(feed, engine->kv, size, NULL);
        return err == P2P_OK ? open_hole(engine, P2P_TABLE_CHECKPOINT, size - 1, end) : err;
    }
    /* It was signed once: the same bytes again. */
    struct p2p_tree_head head = {.size = size, .root = scrub->bad_head_root};
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = size, .root = head.root};
    p2p_checkpoint_sign_feed(&checkpoint, engine->options.sigs, &engine->keys.feed,
                             &head.signature);
    p2p_scrub_found(engine, P2P_TABLE_CHECKPOINT, feed->number, size - 1);
    p2p_scrub_mended(engine, P2P_TABLE_CHECKPOINT, feed->number, size - 1);
    return p2p_feed_mend_head(feed, engine->kv, size, &head);
}

/* The stretch was read to its end, at which a signed head should stand. */
static enum p2p_err end_stretch(struct p2p_engine *engine, struct p2p_feed *feed,
                                const struct p2p_tree_head *head)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_hash root = p2p_edge_root(&scrub->edge);
    size_t mended = 0;
    bool newest = head->size == feed->head.size;
    if (verify_head(engine, feed->number, head) != P2P_OK && !newest) {
        scrub->bad_head = head->size; /* the stretch goes on to the next */
        scrub->bad_head_root = root;
        return P2P_OK;
    }
    if (!p2p_hash_equal(&root, &head->root)) {
        uint64_t at = 0;
        enum p2p_err err = first_differing(engine, feed, scrub->start, head->size, &at);
        return err == P2P_OK ? open_hole(engine, P2P_TABLE_RECORD, at, head->size) : err;
    }
    enum p2p_err err = p2p_feed_mend_hashes(feed, engine->kv, engine->arena, scrub->start,
                                            head->size, &mended);
    if (err == P2P_OK && mended > 0) {
        p2p_scrub_found(engine, P2P_TABLE_HASH, feed->number, scrub->start);
        p2p_scrub_mended(engine, P2P_TABLE_HASH, feed->number, scrub->start);
    }
    if (err == P2P_OK && scrub->bad_payload != UINT64_MAX) {
        return open_hole(engine, P2P_TABLE_PAYLOAD, scrub->bad_payload, head->size);
    }
    if (err == P2P_OK && scrub->bad_head != 0) {
        err = mend_head(engine, feed, head->size);
        if (engine->extras[feed->number].hole != NULL) {
            return err;
        }
    }
    if (err == P2P_OK) {
        scrub->phase = P2P_SCRUB_DERIVED;
        scrub->index = scrub->start;
    }
    return err;
}

/* The charter is held in memory, verified: what is stored of it should be that. */
static enum p2p_err scrub_charter(struct p2p_engine *engine, size_t *budget)
{
    bool same = false;
    enum p2p_err err = p2p_charter_compare(&engine->ledger, &same);
    size_t cost = (size_t)p2p_charter_size(engine->ledger.charter);
    *budget -= cost < *budget ? cost : *budget;
    if (err == P2P_OK && !same) {
        p2p_scrub_found(engine, P2P_TABLE_RECORD, P2P_CHARTER_FEED, 0);
        err = p2p_charter_rewrite(&engine->ledger);
        p2p_scrub_mended(engine, P2P_TABLE_RECORD, P2P_CHARTER_FEED, 0);
    }
    begin_feed(&engine->scrub, 1);
    return err;
}

static enum p2p_err scrub_leaves(struct p2p_engine *engine, size_t *budget)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, scrub->feed);
    struct p2p_tree_head head;
    if (feed == NULL) {
        scrub->phase = P2P_SCRUB_SETS;
        scrub->view_at = 0;
        scrub->walk = (struct p2p_view_walk){0};
        return P2P_OK;
    }
    if (scrub->feed == P2P_CHARTER_FEED) {
        return scrub_charter(engine, budget);
    }
    if (scrub->start >= feed->edge.size || engine->extras[scrub->feed].hole != NULL ||
        p2p_charter_feed(engine->ledger.charter, scrub->feed) == NULL) {
        begin_feed(scrub, scrub->feed + 1);
        return P2P_OK;
    }
    uint64_t above = scrub->bad_head > scrub->start ? scrub->bad_head : scrub->start;
    enum p2p_err err = p2p_feed_head_from(feed, engine->kv, above + 1, &head);
    if (err == P2P_CORRUPT) { /* a row that is no head at all */
        uint64_t size = 0;
        err = p2p_feed_kept_from(feed, engine->kv, above + 1, &size);
        head = (struct p2p_tree_head){.size = size};
    }
    if (err == P2P_OK) {
        err = walk_leaves(engine, feed, head.size, budget);
    }
    if (err == P2P_CORRUPT) {
        return open_hole(engine, P2P_TABLE_RECORD, scrub->index, head.size);
    }
    return err == P2P_OK && scrub->index == head.size ? end_stretch(engine, feed, &head) : err;
}

/* ---- the end of a stretch and of a pass ---- */

/* What follows from the stretch was compared: on to the next, and the place is kept. */
static enum p2p_err end_derived(struct p2p_engine *engine)
{
    struct p2p_scrub *scrub = &engine->scrub;
    scrub->phase = P2P_SCRUB_LEAVES;
    scrub->start = scrub->edge.size;
    scrub->start_edge = scrub->edge;
    scrub->bad_payload = UINT64_MAX;
    return store_place(engine);
}

void p2p_scrub_anew(struct p2p_engine *engine, bool deep)
{
    struct p2p_scrub *scrub = &engine->scrub;
    engine->ledger.walk = NULL;
    begin_pass(scrub);
    scrub->deep = deep;
    scrub->next_ms = engine->now.mono_ms;
}

static enum p2p_err end_pass(struct p2p_engine *engine)
{
    struct p2p_scrub *scrub = &engine->scrub;
    enum p2p_err err = P2P_OK;
    p2p_state_checked(engine, scrub->mended > 0);
    bool clean = scrub->unresolved == 0 && scrub->told.holes == 0 && !scrub->partial &&
                 (!scrub->emptied || scrub->mended == 0);
    scrub->walking = false;
    scrub->deep = false;
    scrub->told.passes++;
    if (scrub->suspect && clean) {
        scrub->suspect = false; /* everything that can be read was compared */
        if (scrub->emptied) {   /* which numbers were only given out, no record says */
            err = p2p_append_skip_numbers(engine);
        }
        scrub->emptied = false;
    }
    bool again = scrub->mended > 0 || scrub->partial;
    uint64_t rest_ms = !scrub->suspect ? P2P_SCRUB_REST_MS : again ? 1 : P2P_SCRUB_AGAIN_MS;
    scrub->next_ms = engine->now.mono_ms + rest_ms;
    return err;
}

/* ---- steps ---- */

/* Whether a step is due; else when. Nothing that people or peers wait for waits for it. */
static bool is_due(const struct p2p_engine *engine, uint64_t *wake_ms)
{
    const struct p2p_scrub *scrub = &engine->scrub;
    uint64_t now = engine->now.mono_ms;
    uint64_t due = scrub->next_ms;
    if (engine->was_busy && !scrub->suspect && due < scrub->stepped_ms + P2P_SCRUB_BUSY_MS) {
        due = scrub->stepped_ms + P2P_SCRUB_BUSY_MS;
    }
    if (now < due) {
        p2p_wake_at(wake_ms, scrub->next_ms > now ? scrub->next_ms : due);
        return false;
    }
    return true;
}

static enum p2p_err step(struct p2p_engine *engine, size_t *budget)
{
    struct p2p_scrub *scrub = &engine->scrub;
    bool ended;
    enum p2p_err err = P2P_OK;
    switch (scrub->phase) {
    case P2P_SCRUB_ROWS:
        return scrub_rows(engine, budget);
    case P2P_SCRUB_LEAVES:
        return scrub_leaves(engine, budget);
    case P2P_SCRUB_DERIVED:
        err = p2p_scrub_derived(engine, budget);
        return err == P2P_OK && scrub->index >= scrub->edge.size ? end_derived(engine) : err;
    case P2P_SCRUB_SETS:
        err = p2p_scrub_sets(engine, budget, &ended);
        if (ended && err == P2P_OK) {
            err = end_pass(engine);
        }
        return err;
    }
    return err;
}

enum p2p_err p2p_scrub_step(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_scrub *scrub = &engine->scrub;
    size_t budget = scrub->suspect ? P2P_SCRUB_URGENT_RECORDS : P2P_SCRUB_RECORDS;
    enum p2p_err err = P2P_OK;
    if (!p2p_engine_stores(engine) || !is_due(engine, wake_ms)) {
        return P2P_OK;
    }
    if (!scrub->walking) {
        begin_pass(scrub);
    }
    while (budget > 0 && scrub->walking && err == P2P_OK) {
        err = step(engine, &budget);
        if (err == P2P_CORRUPT) { /* damage of a sort that is not looked for here */
            scrub->unresolved++;
            p2p_scrub_suspect(engine);
            engine->ledger.walk = NULL;
            scrub->view_at += scrub->phase == P2P_SCRUB_SETS;
            if (scrub->phase != P2P_SCRUB_SETS) {
                begin_feed(scrub, scrub->feed + 1);
            }
            err = P2P_OK;
        }
    }
    scrub->stepped_ms = engine->now.mono_ms;
    if (scrub->walking) {
        scrub->next_ms = engine->now.mono_ms + (scrub->suspect ? 1 : P2P_SCRUB_EVERY_MS);
    }
    p2p_wake_at(wake_ms, scrub->next_ms);
    return err == P2P_OK ? p2p_scrub_settle(engine) : err;
}
