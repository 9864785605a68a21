/* The scrubber's comparison of what follows from records: their rows in every table, and the
 * set hashes of the views. What differs is mended at once. */
#include "engine_parts.h"

#include "compare_kv.h"

#include <string.h>

enum {
    DERIVED_COST = 4, /* records of a step that one record's derived rows count as */
    SET_ROWS = 32     /* of a set hash, in place of one step's records */
};

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

static enum p2p_err derive(struct p2p_engine *engine, const struct p2p_record_id *id)
{
    struct p2p_ledger *ledger = &engine->ledger;
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    const struct p2p_kind *kind =
        err == P2P_OK ? p2p_ledger_kind(ledger, entry.record.kind) : NULL;
    if (err == P2P_OK && entry.record.issuer != 0) {
        err = p2p_judge_compare(ledger, &entry, engine->scrub.deep);
    }
    if (err == P2P_OK && entry.record.kind == P2P_KIND_SEEN && entry.record.issuer == 0 &&
        entry.record.body_type == P2P_BODY_PUBLIC) {
        err = p2p_known_apply(ledger, id->feed, id->index, entry.record.content);
    }
    if (err == P2P_OK && kind != NULL && kind->keys != NULL) {
        err = kind->keys(ledger, &entry);
    }
    p2p_scratch_end(&scratch, ledger);
    return err;
}

/* Derives the rows of one record once more and mends those that differ. */
static enum p2p_err compare_record(struct p2p_engine *engine, const struct p2p_record_id *id)
{
    struct p2p_ledger *ledger = &engine->ledger;
    struct p2p_compare_kv compare;
    const struct p2p_kv *kv = ledger->kv;
    p2p_compare_kv_init(&compare, kv);
    ledger->kv = &compare.kv;
    ledger->comparing = true;
    enum p2p_err err = derive(engine, id);
    if (err == P2P_OK) {
        err = p2p_ledger_fold(ledger);
    } else {
        p2p_view_forget_marks(ledger);
    }
    ledger->comparing = false;
    ledger->kv = kv;
    tell_compared(engine, &compare, id);
    if (err == P2P_CORRUPT) {
        engine->scrub.unresolved++; /* it rests on something else that is damaged */
        return P2P_OK;
    }
    return err;
}

enum p2p_err p2p_scrub_derived(struct p2p_engine *engine, size_t *budget)
{
    struct p2p_scrub *scrub = &engine->scrub;
    uint64_t end = scrub->edge.size;
    while (scrub->index<end && * budget> 0) {
        const struct p2p_record_id id = {scrub->feed, scrub->index};
        enum p2p_err err = compare_record(engine, &id);
        if (err != P2P_OK) {
            return err;
        }
        scrub->index++;
        *budget -= *budget < DERIVED_COST ? *budget : DERIVED_COST;
    }
    return P2P_OK;
}

/* ---- set hashes ---- */

/* The n-th pair of view and circle; false behind the last. */
static bool view_of(const struct p2p_engine *engine, uint32_t n, enum p2p_view_number *view,
                    uint32_t *circle)
{
    uint32_t circles = p2p_charter_circle_count(engine->ledger.charter) + 1;
    *view = n < circles ? P2P_VIEW_BANS : P2P_VIEW_FORKS;
    *circle = n < circles ? n : 0;
    return n <= circles;
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
