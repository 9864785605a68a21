/* The scrubber's comparison of what follows from records: their rows in every table, and the
 * set hashes of the views. What differs is mended at once. */
#include "engine_parts.h"

#include "wire/compare_kv.h"

#include <string.h>

enum {
    DERIVED_COST = 4,     /* records of a step that one record's derived rows count as */
    READ_AHEAD = 16,      /* records whose leaves are read at once: they stand in one row */
    CLAIMS_TOGETHER = 64, /* records whose claims have their turn at once: roots of one tree */
    SET_ROWS = 32         /* of a set hash, in place of one step's records */
};
_Static_assert(READ_AHEAD *P2P_RECORD_BYTES_MAX <= P2P_SCRATCH_BYTES_MAX, "they fit");

/* ---- rows ---- */

/* Rows that were derived once more and stood there otherwise: mended already. */
static void tell_compared(struct p2p_engine *engine, const struct p2p_compare_kv *compare,
                          const struct p2p_record_id *id)
{
    struct p2p_damage *told = &engine->scrub.told;
    if (compare->differing == 0) {
        return;
    }
    p2p_scrub_found(engine, compare->table, id->feed, id->index);
    memcpy(told->key, compare->key, compare->key_len);
    told->key_len = compare->key_len;
    p2p_scrub_mended(engine, compare->table, id->feed, id->index);
}

/* Whether this pass computes anew that the claims of a `seen` are true. */
static bool is_claim_turn(const struct p2p_scrub *scrub, const struct p2p_record_id *id)
{
    return scrub->deep || scrub->suspect ||
           (id->index / CLAIMS_TOGETHER + scrub->turn) % P2P_SCRUB_CLAIM_PASSES == 0;
}

/* leaf: as it was read ahead; empty: it could not be. own: marks the key that the record begins
 * alone. */
static enum p2p_err derive(struct p2p_engine *engine, const struct p2p_record_id *id,
                           struct p2p_slice leaf, bool own)
{
    struct p2p_ledger *ledger = &engine->ledger;
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    p2p_scratch_begin(&scratch, ledger);
    ledger->marks_of = own ? id : NULL;
    enum p2p_err err = leaf.len > 0 ? p2p_ledger_entry_of(ledger, id, leaf, &entry)
                                    : p2p_ledger_entry(ledger, id, &entry);
    const struct p2p_kind *kind =
        err == P2P_OK ? p2p_ledger_kind(ledger, entry.record.kind) : NULL;
    if (err == P2P_OK && entry.record.issuer != 0) {
        err = p2p_judge_compare(ledger, &entry, engine->scrub.deep);
    }
    if (err == P2P_OK && entry.record.kind == P2P_KIND_SEEN && entry.record.issuer == 0 &&
        entry.record.body_type == P2P_BODY_PUBLIC) {
        err = p2p_known_compare(ledger, id->feed, id->index, entry.record.content,
                                is_claim_turn(&engine->scrub, id));
    }
    if (err == P2P_OK && kind != NULL && kind->keys != NULL) {
        err = kind->keys(ledger, &entry);
    }
    ledger->marks_of = NULL;
    p2p_scratch_end(&scratch, ledger);
    return err;
}

/* Compares what follows from a record: its rows, and the value that it begins. That rests on
 * the rows of all records about it, so it is enough to fold it there: a `ruled` acts on up to
 * 65,536 rights, and a right is acted on by ten records and more. Only where something differed
 * all that the record acts on is folded too. */
static enum p2p_err compare(struct p2p_engine *engine, const struct p2p_record_id *id,
                            struct p2p_slice leaf, const struct p2p_compare_kv *compared)
{
    struct p2p_ledger *ledger = &engine->ledger;
    bool stale = ledger->closings_stale;
    enum p2p_err err = derive(engine, id, leaf, true);
    if (compared->differing == 0) {
        ledger->closings_stale = stale; /* no claim is another one than it was */
        ledger->folded = &engine->scrub.folded;
    }
    if (err == P2P_OK) {
        err = p2p_ledger_fold(ledger);
    }
    ledger->folded = NULL;
    if (err == P2P_OK && compared->differing > 0) {
        err = derive(engine, id, leaf, false);
        if (err == P2P_OK) {
            err = p2p_ledger_fold(ledger);
        }
    }
    return err;
}

/* Derives the rows of one record once more and mends those that differ. */
static enum p2p_err compare_record(struct p2p_engine *engine, const struct p2p_record_id *id,
                                   struct p2p_slice leaf)
{
    struct p2p_ledger *ledger = &engine->ledger;
    struct p2p_compare_kv compared;
    const struct p2p_kv *kv = ledger->kv;
    p2p_compare_kv_init(&compared, kv);
    ledger->kv = &compared.kv;
    ledger->comparing = true;
    enum p2p_err err = compare(engine, id, leaf, &compared);
    if (err != P2P_OK) {
        p2p_view_forget_marks(ledger);
    }
    ledger->comparing = false;
    ledger->kv = kv;
    tell_compared(engine, &compared, id);
    if (err == P2P_CORRUPT) {
        engine->scrub.unresolved++; /* it rests on something else that is damaged */
        return P2P_OK;
    }
    return err;
}

/* Copies of the leaves from `index` on, before anything is written; returns how many. */
static size_t read_ahead(struct p2p_engine *engine, struct p2p_arena *arena, uint64_t index,
                         struct p2p_slice *leaves, size_t count)
{
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    size_t read = 0;
    p2p_feed_walk_begin(&walk, p2p_ledger_feed(&engine->ledger, engine->scrub.feed), engine->kv,
                        index);
    while (read < count && p2p_feed_walk_next(&walk, &leaf) == P2P_OK) {
        leaves[read] = p2p_arena_copy(arena, leaf);
        if (leaves[read].data == NULL) {
            break;
        }
        read++;
    }
    return read;
}

enum p2p_err p2p_scrub_derived(struct p2p_engine *engine, size_t *budget)
{
    struct p2p_scrub *scrub = &engine->scrub;
    uint64_t end = scrub->edge.size;
    struct p2p_slice leaves[READ_AHEAD];
    struct p2p_arena arena;
    size_t read = 0;
    size_t at = 0;
    enum p2p_err err = P2P_OK;
    p2p_arena_init(&arena, engine->options.alloc, P2P_SCRATCH_BYTES_MAX);
    while (scrub->index<end && * budget> 0 && err == P2P_OK) {
        const struct p2p_record_id id = {scrub->feed, scrub->index};
        if (at == read) {
            uint64_t left = end - scrub->index;
            p2p_arena_reset(&arena);
            at = 0;
            read = read_ahead(engine, &arena, scrub->index, leaves,
                              left < READ_AHEAD ? (size_t)left : READ_AHEAD);
        }
        /* What could not be read ahead is tried, and told of, on its own. */
        err = compare_record(engine, &id, at < read ? leaves[at++] : (struct p2p_slice){0});
        if (err == P2P_OK) {
            scrub->index++;
            *budget -= *budget < DERIVED_COST ? *budget : DERIVED_COST;
        }
    }
    p2p_arena_deinit(&arena);
    return err;
}

/* ---- set hashes ---- */

/* The n-th pair of view and circle; false behind the last. */
static bool view_of(const struct p2p_engine *engine, uint32_t n, enum p2p_view_number *view,
                    uint32_t *circle)
{
    size_t count = 0;
    const enum p2p_view_number *views = p2p_views_in_circles(&count);
    uint32_t circles = p2p_charter_circle_count(engine->ledger.charter) + 1;
    size_t at = n / circles;
    *view = at < count ? views[at] : P2P_VIEW_FORKS;
    *circle = at < count ? n % circles : 0;
    return n <= count * circles;
}

enum p2p_err p2p_scrub_sets(struct p2p_engine *engine, size_t *budget, bool *ended)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_ledger *ledger = &engine->ledger;
    enum p2p_view_number view;
    uint32_t circle;
    size_t rows = (*budget + SET_ROWS - 1) / 2;
    bool differs = false;
    enum p2p_err err;
    *budget = 0;
    *ended = false;
    if (!view_of(engine, scrub->view_at, &view, &circle)) {
        err = p2p_judge_compare_set(ledger, &differs);
        if (err == P2P_CORRUPT) {
            scrub->unresolved++;
            err = P2P_OK;
        }
        if (err == P2P_OK && differs) {
            p2p_scrub_found(engine, P2P_TABLE_ISSUER, 0, 0);
            p2p_scrub_mended(engine, P2P_TABLE_ISSUER, 0, 0);
        }
        if (err == P2P_OK && scrub->emptied) {
            err = p2p_lack_recount(engine, &differs);
            if (err == P2P_OK && differs) {
                p2p_scrub_found(engine, P2P_TABLE_INDEX, 0, 0);
                p2p_scrub_mended(engine, P2P_TABLE_INDEX, 0, 0);
            }
        }
        *ended = true;
        return err;
    }
    if (ledger->walk == NULL) {
        p2p_view_walk_begin(&scrub->walk, view, circle);
        ledger->walk = &scrub->walk;
    }
    err = p2p_view_walk_step(ledger, &scrub->walk, &rows, &differs);
    if (err == P2P_OK && rows > 0) {
        ledger->walk = NULL;
        scrub->view_at++;
        if (differs) {
            p2p_scrub_found(engine, P2P_TABLE_VIEW, 0, 0);
            p2p_scrub_mended(engine, P2P_TABLE_VIEW, 0, 0);
        }
    }
    return err;
}
