/* Looking at the engine: for the API, the gate's advice reads, metrics and tests. */
#include "engine_parts.h"

#include <string.h>

const struct p2p_ledger *p2p_engine_ledger(const struct p2p_engine *engine)
{
    return &engine->ledger;
}

struct p2p_ledger *p2p_engine_ledger_mut(struct p2p_engine *engine)
{
    return &engine->ledger;
}

uint32_t p2p_engine_member(const struct p2p_engine *engine)
{
    return engine->member;
}

uint32_t p2p_engine_own_feed(const struct p2p_engine *engine)
{
    return engine->feed;
}

const struct p2p_gate_place *p2p_engine_place(const struct p2p_engine *engine)
{
    return &engine->place;
}

const struct p2p_witnessing *p2p_engine_witnessing(const struct p2p_engine *engine,
                                                   uint32_t feed)
{
    return feed < engine->extra_count ? &engine->extras[feed].witnessing : NULL;
}

enum p2p_read_only p2p_engine_read_only(const struct p2p_engine *engine)
{
    return engine->read_only;
}

const struct p2p_generation_keys *p2p_engine_keys(const struct p2p_engine *engine)
{
    return &engine->keys;
}

void p2p_engine_set_read_only(struct p2p_engine *engine, enum p2p_read_only reason)
{
    const struct p2p_feed_info *own = p2p_charter_feed(engine->ledger.charter, engine->feed);
    engine->read_only = reason;
    if (reason == P2P_READ_ONLY_RESTORED && own != NULL) {
        engine->restored = own->generation;
    }
}

size_t p2p_engine_kept(const struct p2p_engine *engine)
{
    return engine->kept;
}

bool p2p_engine_started(const struct p2p_engine *engine)
{
    return engine->complete;
}

/* Whether a circle that the gate looks into is not complete here; the first one. */
static bool incomplete_circle(const struct p2p_engine *engine, uint32_t *circle)
{
    for (size_t i = 0; i < engine->place.circle_count; i++) {
        if (!p2p_lack_complete(engine, engine->place.circles[i])) {
            *circle = engine->place.circles[i];
            return true;
        }
    }
    *circle = 0;
    return false;
}

bool p2p_engine_complete(const struct p2p_engine *engine)
{
    uint32_t circle;
    return engine->complete && !incomplete_circle(engine, &circle);
}

size_t p2p_engine_circles(const struct p2p_engine *engine, struct p2p_circle_state *out,
                          size_t cap)
{
    const struct p2p_lacks *lacks = &engine->lacks;
    size_t count = 0;
    for (uint32_t i = 1; i < lacks->circle_count; i++) {
        const struct p2p_lack_circle *circle = &lacks->circles[i];
        if (circle->member && count++ < cap) {
            out[count - 1] = (struct p2p_circle_state){
                .circle = i,
                .complete = p2p_lack_complete(engine, i),
                .missing = circle->missing,
                .unscanned = circle->unscanned,
                .lost = circle->lost,
            };
        }
    }
    return count;
}

uint64_t p2p_engine_mirrored(const struct p2p_engine *engine)
{
    return engine->mirrored_size;
}

uint64_t p2p_engine_commit_number(const struct p2p_engine *engine)
{
    return engine->commit_number;
}

bool p2p_engine_restored(const struct p2p_engine *engine)
{
    const struct p2p_feed_info *own = p2p_charter_feed(engine->ledger.charter, engine->feed);
    return own != NULL && engine->restored >= own->generation;
}

uint64_t p2p_engine_signed_time(const struct p2p_engine *engine)
{
    return engine->member < engine->clock_count ? engine->clocks[engine->member].time_s : 0;
}

uint64_t p2p_engine_age_ms(const struct p2p_engine *engine, uint32_t feed,
                           const struct p2p_now *now)
{
    if (feed == engine->feed && feed != 0) {
        return 0;
    }
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(engine, feed);
    if (witnessing == NULL || witnessing->heard_mono_ms == 0) {
        return UINT64_MAX;
    }
    uint64_t since = now->mono_ms - witnessing->heard_mono_ms;
    uint64_t beat_ms = witnessing->heartbeat_time_s * 1000;
    uint64_t behind = beat_ms != 0 && now->wall_ms > beat_ms ? now->wall_ms - beat_ms : 0;
    return since > behind ? since : behind;
}

/* Fewer than k of the own witnesses' feeds are younger than the policy allows. */
static bool is_stale(const struct p2p_engine *engine, const struct p2p_now *now)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    if (engine->options.stale_after_s == 0 || engine->feed == 0 || info->witness_count == 0) {
        return false;
    }
    uint32_t young = 0;
    for (uint32_t i = 0; i < info->witness_count; i++) {
        const struct p2p_member *member =
            p2p_charter_member(engine->ledger.charter, p2p_witness_member(info->witnesses[i]));
        uint64_t age =
            member == NULL ? UINT64_MAX : p2p_engine_age_ms(engine, member->feed, now);
        young += age != UINT64_MAX && age / 1000 < engine->options.stale_after_s;
    }
    return young < p2p_witness_quorum(info->witness_count);
}

void p2p_engine_fill_check(const struct p2p_engine *engine, const struct p2p_now *now,
                           struct p2p_gate_check *check)
{
    check->own_ms = now->wall_ms;
    check->quorum_ms = p2p_engine_quorum_ms(engine, now);
    check->incomplete = incomplete_circle(engine, &check->incomplete_circle) ||
                        !engine->complete || p2p_engine_damaged(engine) ||
                        engine->kept_lost > 0 || engine->forks_short > 0 ||
                        p2p_charter_hides_feeds(engine->ledger.charter);
    check->stale = is_stale(engine, now);
    check->read_only = engine->read_only != P2P_READ_ONLY_NONE;
}

bool p2p_engine_fork_taken(const struct p2p_engine *engine, uint32_t feed)
{
    return feed < engine->extra_count && engine->extras[feed].fork_taken;
}

uint64_t p2p_engine_lag(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    uint64_t named = 0;
    if (held != NULL &&
        held->state == P2P_FEED_FORKED) { /* what others have beyond is nothing */
        bool known = held->ends_at != P2P_FEED_GOES_ON;
        return known && held->ends_at > held->edge.size ? held->ends_at - held->edge.size : 0;
    }
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && feed < peer->feed_cap && peer->feeds[feed].size > named) {
            named = peer->feeds[feed].size;
        }
    }
    return held != NULL && named > held->edge.size ? named - held->edge.size : 0;
}

size_t p2p_engine_peers(const struct p2p_engine *engine, struct p2p_peer_state *out, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < P2P_PEERS_MAX && count < cap; i++) {
        const struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0) {
            continue;
        }
        struct p2p_peer_state state = {.member = peer->member,
                                       .link = peer->link,
                                       .greeted = peer->greeted,
                                       .withheld = peer->withheld};
        for (uint32_t f = 0; f < peer->feed_cap && f < engine->extra_count; f++) {
            uint64_t held = p2p_ledger_feed(&engine->ledger, f)->edge.size;
            if (peer->feeds[f].size > held) {
                state.behind += peer->feeds[f].size - held;
            }
        }
        out[count++] = state;
    }
    return count;
}

uint64_t p2p_engine_refused(const struct p2p_engine *engine, enum p2p_err err)
{
    return engine->refused[-(int)err];
}

uint64_t p2p_engine_traced(const struct p2p_engine *engine, enum p2p_trace_type type)
{
    return engine->traced[type];
}

size_t p2p_engine_missing_keys(const struct p2p_engine *engine, struct p2p_missing_key *out,
                               size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < engine->epoch_count; i++) {
        const struct p2p_epoch_key *key = &engine->epochs[i];
        if (key->held) {
            continue;
        }
        if (count < cap) {
            out[count] = (struct p2p_missing_key){.circle = key->circle,
                                                  .epoch = key->epoch,
                                                  .hash = key->hash,
                                                  .since_ms = key->missing_since_ms};
        }
        count++;
    }
    return count + engine->epochs_left_out;
}

enum p2p_err p2p_engine_circle_key(const struct p2p_engine *engine, uint32_t circle,
                                   struct p2p_circle_secret *out)
{
    const struct p2p_circle_secret *newest = NULL;
    for (size_t i = 0; i < engine->place.key_count; i++) {
        const struct p2p_circle_secret *key = &engine->place.keys[i];
        if (key->circle == circle && (newest == NULL || key->epoch > newest->epoch)) {
            newest = key;
        }
    }
    if (newest == NULL) {
        return P2P_NOTFOUND;
    }
    *out = *newest;
    return P2P_OK;
}
