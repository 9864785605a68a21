/* Damage: what was found and mended is told, and while some is known the node only repairs
 * itself. See p2p/damage.h.
 *
 *     fine --p2p_scrub_damage---> known ----------------+
 *     fine --p2p_scrub_suspect--> known and suspected --+--p2p_scrub_settle--> fine
 *
 * It is settled once no feed has a hole and nothing is suspected; a suspicion ends with a pass
 * that could compare everything. */
#include "engine_parts.h"
#include "ledger/once.h"

/* ---- telling ---- */

void p2p_scrub_found(struct p2p_engine *engine, enum p2p_table table, uint32_t feed,
                     uint64_t index)
{
    struct p2p_damage *told = &engine->scrub.told;
    told->table = table;
    told->feed = feed;
    told->index = index;
    told->key_len = 0;
    told->count_found++;
    p2p_folded_forget(&engine->scrub.folded);
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_DAMAGED,
                                                .err = P2P_CORRUPT,
                                                .feed = feed,
                                                .at = index,
                                                .value = (uint64_t)table});
}

void p2p_scrub_mended(struct p2p_engine *engine, enum p2p_table table, uint32_t feed,
                      uint64_t index)
{
    engine->scrub.told.count_repaired++;
    engine->scrub.mended++;
    p2p_folded_forget(&engine->scrub.folded);
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_REPAIRED,
                                                .feed = feed,
                                                .at = index,
                                                .value = (uint64_t)table});
}

const struct p2p_damage *p2p_engine_damage(const struct p2p_engine *engine)
{
    return &engine->scrub.told;
}

/* ---- known damage ---- */

bool p2p_engine_damaged(const struct p2p_engine *engine)
{
    return engine->scrub.told.is_known;
}

void p2p_scrub_damage(struct p2p_engine *engine)
{
    struct p2p_damage *told = &engine->scrub.told;
    if (!told->is_known && engine->read_only == P2P_READ_ONLY_NONE) {
        engine->read_only = P2P_READ_ONLY_DAMAGED;
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_READ_ONLY,
                                                    .value = P2P_READ_ONLY_DAMAGED});
    }
    told->is_known = true;
    told->is_suspected = engine->scrub.suspect;
}

void p2p_scrub_suspect(struct p2p_engine *engine)
{
    if (!engine->scrub.suspect) {
        engine->scrub.partial = true; /* a whole pass after this one clears it */
        engine->scrub.next_ms = engine->now.mono_ms;
    }
    engine->scrub.suspect = true;
    engine->scrub.told.is_known = true;
    engine->scrub.told.is_suspected = true;
    if (engine->read_only == P2P_READ_ONLY_NONE) {
        engine->read_only = P2P_READ_ONLY_DAMAGED;
    }
}

/* ---- across restarts ---- */

static const char noted_name[] = "damage";

enum { FORMAT = 2, FLAG_EMPTIED = 1 };

static enum p2p_err write_note(const struct p2p_kv *kv, bool emptied)
{
    const uint8_t value[] = {FORMAT, emptied ? FLAG_EMPTIED : 0};
    return p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text(noted_name),
                      p2p_slice_of(value, sizeof(value)));
}

enum p2p_err p2p_scrub_recall(struct p2p_engine *engine)
{
    struct p2p_scrub *scrub = &engine->scrub;
    struct p2p_slice value;
    enum p2p_err err =
        p2p_kv_get(engine->kv, P2P_TABLE_META, p2p_slice_text(noted_name), &value);
    scrub->noted = err == P2P_OK;
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    /* What is no note, the disk made of one. */
    scrub->emptied = value.len != 2 || value.data[0] != FORMAT || value.data[1] != 0;
    scrub->noted_emptied = scrub->emptied;
    return P2P_OK;
}

/* A start that did not know of it would sign over it until a pass comes by again. */
static enum p2p_err note(struct p2p_engine *engine)
{
    struct p2p_scrub *scrub = &engine->scrub;
    bool known = scrub->told.is_known;
    if ((scrub->noted == known && scrub->noted_emptied == scrub->emptied) ||
        !p2p_engine_stores(engine)) {
        return P2P_OK;
    }
    scrub->noted = known;
    scrub->noted_emptied = scrub->emptied;
    return known ? write_note(engine->kv, scrub->emptied)
                 : p2p_kv_del(engine->kv, P2P_TABLE_META, p2p_slice_text(noted_name));
}

/* ---- rows that are gone ---- */

enum p2p_err p2p_damage_mend(const struct p2p_kv *kv, struct p2p_kv_mended *out)
{
    *out = (struct p2p_kv_mended){0, 0, P2P_TABLE_META};
    enum p2p_err err = p2p_kv_mend(kv, out);
    return err == P2P_OK && out->emptied > 0 ? write_note(kv, true) : err;
}

enum p2p_err p2p_scrub_emptied(struct p2p_engine *engine)
{
    struct p2p_scrub *scrub = &engine->scrub;
    scrub->emptied = true;
    p2p_scrub_suspect(engine);
    p2p_judge_forget(&engine->ledger);
    p2p_once_forget(&engine->ledger);
    p2p_scrub_anew(engine, true);
    return p2p_rescue_open(engine);
}

enum p2p_err p2p_scrub_settle(struct p2p_engine *engine)
{
    struct p2p_damage *told = &engine->scrub.told;
    told->holes = 0;
    for (uint32_t i = 0; p2p_feed_set_next(&engine->due.holes, &i); i++) {
        told->holes++;
    }
    told->is_suspected = engine->scrub.suspect;
    if (!told->is_known || told->holes > 0 || engine->scrub.suspect) {
        return note(engine);
    }
    told->is_known = false;
    if (engine->read_only == P2P_READ_ONLY_DAMAGED) {
        engine->read_only = P2P_READ_ONLY_NONE;
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_READ_ONLY,
                                                    .value = P2P_READ_ONLY_NONE});
    }
    for (uint32_t i = 0; i < engine->extra_count; i++) {
        p2p_feed_set_add(&engine->due.cosign, i);
        engine->extras[i].want_link = 0;
    }
    enum p2p_err err = note(engine);
    return err == P2P_OK
               ? p2p_session_resync(engine) /* what came meanwhile was not looked at */
               : err;
}
