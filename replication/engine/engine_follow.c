/* Following the charter: own number and feed, rows for new feeds, the circles. */
#include "engine_parts.h"

#include <string.h>

static enum p2p_err grow_extras(struct p2p_engine *engine)
{
    struct p2p_feeds_due *due = &engine->due;
    size_t count = engine->ledger.feed_count;
    if (count > engine->extra_count) {
        struct p2p_feed_extra *grown =
            p2p_alloc_resize(engine->options.alloc, engine->extras, count, sizeof(*grown));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        engine->extras = grown;
        for (size_t i = engine->extra_count; i < count; i++) {
            uint32_t number = (uint32_t)i;
            const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
            grown[i] = (struct p2p_feed_extra){0};
            enum p2p_err err = p2p_witnessing_load(&grown[i].witnessing, engine->options.alloc,
                                                   engine->kv, number);
            if (err != P2P_OK) {
                return err;
            }
            if (!p2p_witnessing_check(&grown[i].witnessing, engine->ledger.charter, number,
                                      engine->options.sigs)) {
                engine->refused[-(int)P2P_CORRUPT]++; /* at a start nobody is told yet */
            }
            if (grown[i].witnessing.own_damaged) { /* what it cosigned it held */
                grown[i].witnessing.cosigned_size = feed->edge.size;
                engine->refused[-(int)P2P_CORRUPT]++;
            }
            /* What was cosigned before a restart and reached nobody is cosigned again. */
            p2p_feed_set_put(&due->cosign, number,
                             feed->head.size > grown[i].witnessing.quorum_size);
            p2p_feed_set_put(&due->forked, number, feed->state == P2P_FEED_FORKED);
            p2p_feed_set_add(&due->unsettled, number);
            p2p_feed_set_add(&due->lacks, number);
            engine->extra_count = i + 1;
        }
    }
    size_t members = p2p_charter_member_count(engine->ledger.charter) + 1;
    if (members > engine->clock_count) {
        struct p2p_member_clock *clocks =
            p2p_alloc_resize(engine->options.alloc, engine->clocks, members, sizeof(*clocks));
        if (clocks == NULL) {
            return P2P_NOMEM;
        }
        memset(clocks + engine->clock_count, 0,
               (members - engine->clock_count) * sizeof(*clocks));
        engine->clocks = clocks;
        engine->clock_count = members;
    }
    return P2P_OK;
}

enum p2p_err p2p_engine_follow_charter(struct p2p_engine *engine)
{
    p2p_ruling_anew(engine); /* who may ask for what may be others */
    const struct p2p_charter *charter = engine->ledger.charter;
    const struct p2p_member *own =
        p2p_charter_member_named(charter, p2p_slice_text(engine->options.member));
    enum p2p_err err = grow_extras(engine);
    if (err != P2P_OK) {
        return err;
    }
    p2p_wipe(&engine->place, sizeof(engine->place));
    engine->member = own == NULL ? 0 : own->number;
    uint32_t feed_before = engine->feed;
    engine->feed = own == NULL ? 0 : own->feed;
    if (feed_before != 0 && feed_before != engine->feed &&
        engine->read_only == P2P_READ_ONLY_NONE) {
        engine->read_only = P2P_READ_ONLY_CLOSED; /* until the next generation is begun */
    }
    engine->graft_next_ms = 0;
    for (uint32_t i = 0; i < engine->extra_count; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        p2p_feed_set_add(&engine->due.unsettled, i); /* who may cosign what, it says */
        p2p_feed_set_add(&engine->due.lacks, i);     /* another branch may hold less of it */
        p2p_feed_set_put(&engine->due.closed, i, info != NULL && info->closed != 0);
    }
    err = p2p_lack_follow(engine);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_charter_hides(charter, engine->member, UINT64_MAX, &engine->place.hidden);
    if (err != P2P_OK) {
        return err;
    }
    if (own == NULL) {
        return p2p_circle_follow(engine);
    }
    /* The times that a witness key signs never decrease, across restarts too. */
    struct p2p_member_clock *clock = &engine->clocks[engine->member];
    if (clock->time_s < engine->options.copy_time_s) { /* of which a backup knows nothing */
        clock->time_s = engine->options.copy_time_s;
    }
    for (uint32_t i = 0; i < engine->extra_count; i++) {
        struct p2p_witnessing *witnessing = &engine->extras[i].witnessing;
        uint64_t time_s = witnessing->cosigned_time_s;
        clock->time_s = time_s > clock->time_s ? time_s : clock->time_s;
        /* Who became a witness by this version cosigns what has no quorum yet. */
        if (p2p_ledger_feed(&engine->ledger, i)->head.size > witnessing->quorum_size) {
            p2p_feed_set_add(&engine->due.cosign, i);
        }
    }
    p2p_gate_stand(&engine->place, charter, own);
    err = p2p_circle_follow(engine);
    if (err != P2P_OK) {
        return err;
    }
    p2p_session_check_complete(engine);
    /* A settle may have put another branch below what our `seen` named. */
    const struct p2p_feed *feed = p2p_engine_own(engine);
    return feed == NULL
               ? P2P_OK
               : p2p_known_size(&engine->ledger, engine->feed, feed->edge.size,
                                P2P_CHARTER_FEED, &engine->extras[P2P_CHARTER_FEED].seen_size);
}
