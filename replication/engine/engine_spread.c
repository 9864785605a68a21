/* Following bans and lifts to every member: what this engine learns of who holds them. */
#include "engine_parts.h"

#include <p2p/kind.h>

/* Overrides never are: few as they are, who was cut off is to be told of each. */
static bool is_history(const struct p2p_engine *engine, const struct p2p_record *record)
{
    return record->kind != P2P_KIND_OVERRIDE && record->kind != P2P_KIND_APPROVE &&
           engine->now.wall_ms > record->time_ms &&
           engine->now.wall_ms - record->time_ms > P2P_SPREAD_HISTORY_S * 1000ull;
}

void p2p_spread_arrived(struct p2p_engine *engine, const struct p2p_record_id *id,
                        const struct p2p_record *record)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    struct p2p_feed_extra *extra = &engine->extras[id->feed];
    if (record->kind == P2P_KIND_SEEN) {
        extra->said_seen = true;
        engine->spread_news = true;
    }
    if (*p2p_spread_word(record->kind) == '\0' || is_history(engine, record)) {
        return;
    }
    const struct p2p_feed_info *info = p2p_charter_feed(charter, id->feed);
    if (info == NULL) {
        return;
    }
    extra->spread_fresh = true;
    engine->spread_news = true;
    p2p_spread_take(&engine->spread, engine->options.alloc,
                    &(struct p2p_spread_taken){.id = *id,
                                               .kind = record->kind,
                                               .self = engine->member,
                                               .owner = info->member,
                                               .members = p2p_charter_member_count(charter),
                                               .mono_ms = engine->now.mono_ms,
                                               .wall_ms = engine->now.wall_ms});
    if (info->member != engine->member) { /* of its own it is told that it was appended */
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_TAKEN,
                                                    .feed = id->feed,
                                                    .member = info->member,
                                                    .at = id->index,
                                                    .value = record->kind});
    }
}

void p2p_spread_acknowledged(struct p2p_engine *engine, uint32_t feed, uint32_t member,
                             uint64_t size)
{
    p2p_spread_show(&engine->spread, feed, member, size, engine->now.mono_ms);
    engine->spread_news = true;
}

void p2p_spread_taken_back(struct p2p_engine *engine, uint32_t feed, uint64_t size)
{
    p2p_spread_cut(&engine->spread, feed, size);
    p2p_witnessing_cut(&engine->extras[feed].witnessing, size);
}

/* What this member's `seen` records name of the feed. */
static enum p2p_err look_at_seen(struct p2p_engine *engine, uint32_t feed,
                                 const struct p2p_member *member)
{
    uint64_t size = 0;
    const struct p2p_feed *own = p2p_ledger_feed(&engine->ledger, member->feed);
    if (own == NULL || own->edge.size == 0) {
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_known_size(&engine->ledger, member->feed, own->edge.size, feed, &size);
    if (err == P2P_OK) {
        p2p_spread_show(&engine->spread, feed, member->number, size, engine->now.mono_ms);
    }
    return err;
}

static enum p2p_err look_at_feed(struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed);
    struct p2p_feed_extra *extra = &engine->extras[feed];
    enum p2p_err err = P2P_OK;
    for (unsigned i = extra->witnessing.holding_count; i-- > 0;) {
        struct p2p_holding *holding = &extra->witnessing.holdings[i];
        if (holding->grew || extra->spread_fresh) {
            holding->grew = false;
            p2p_spread_show(&engine->spread, feed, p2p_witness_member(holding->witness),
                            holding->size, engine->now.mono_ms);
        }
    }
    for (uint32_t m = 1; m <= p2p_charter_member_count(charter) && err == P2P_OK; m++) {
        const struct p2p_member *member = p2p_charter_member(charter, m);
        if (member == NULL || info == NULL || m == info->member || m == engine->member ||
            p2p_feed_cosigner(info, p2p_charter_witness_of(charter, m))) {
            continue; /* a witness says so with each cosignature */
        }
        if (extra->spread_fresh ||
            (member->feed < engine->extra_count && engine->extras[member->feed].said_seen)) {
            err = look_at_seen(engine, feed, member);
        }
    }
    return err;
}

static void tell(struct p2p_engine *engine)
{
    const struct p2p_spread_row *row;
    size_t at = 0;
    while ((row = p2p_spread_tell(&engine->spread, &at)) != NULL) {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_EVERYWHERE,
                                                    .feed = row->id.feed,
                                                    .member = row->slowest,
                                                    .at = row->id.index,
                                                    .value = (uint64_t)row->kind << 48 |
                                                             (uint64_t)row->had << 32 |
                                                             (row->last_ms & UINT32_MAX)});
    }
}

enum p2p_err p2p_spread_due(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    if (!engine->spread_news) {
        return P2P_OK;
    }
    size_t at = 0;
    for (const struct p2p_spread_row *row = p2p_spread_open(&engine->spread, &at); row != NULL;
         row = p2p_spread_open(&engine->spread, &at)) {
        engine->extras[row->id.feed].spread_open = true;
    }
    for (uint32_t i = 1; i < engine->extra_count && err == P2P_OK; i++) {
        if (engine->extras[i].spread_open) {
            err = look_at_feed(engine, i);
        }
    }
    for (uint32_t i = 1; i < engine->extra_count; i++) {
        engine->extras[i].spread_fresh = false;
        engine->extras[i].said_seen = false;
        engine->extras[i].spread_open = false;
    }
    engine->spread_news = false;
    tell(engine);
    return err;
}

const struct p2p_spread *p2p_engine_spread(const struct p2p_engine *engine)
{
    return &engine->spread;
}
