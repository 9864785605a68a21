/* Which links this node wants: all of them while the federation is small, else those of its
 * partial view (p2p/overlay.h), and until it has what they named those to its witnesses. The
 * host dials whom it wants and lets in whoever is in the charter; a link that was wanted and is
 * no longer is closed from here. Links of a full mesh that grew too large stay until they
 * break.
 */
#include "engine_parts.h"

#include <string.h>

#define SILENT_INTERVALS 3u /* of heartbeats; then a member is reached for */

static uint32_t mesh_max(const struct p2p_engine *engine)
{
    return engine->options.full_mesh_max != 0 ? engine->options.full_mesh_max
                                              : P2P_FULL_MESH_MAX;
}

static bool is_large(const struct p2p_engine *engine)
{
    return p2p_charter_member_count(engine->ledger.charter) > mesh_max(engine);
}

uint64_t p2p_overlay_seen_every_ms(const struct p2p_engine *engine)
{
    uint64_t times = p2p_charter_member_count(engine->ledger.charter) / P2P_FULL_MESH_MAX;
    return P2P_SEEN_EVERY_MS * (times == 0 ? 1 : times);
}

bool p2p_wanted_has(const struct p2p_wanted *wanted, uint32_t member)
{
    for (size_t i = 0; i < wanted->count && !wanted->all; i++) {
        if (wanted->members[i] == member) {
            return true;
        }
    }
    return wanted->all;
}

const struct p2p_wanted *p2p_engine_wanted(const struct p2p_engine *engine)
{
    return &engine->wanted;
}

static uint64_t draw_random(struct p2p_engine *engine)
{
    uint8_t bytes[32];
    uint64_t random = 0;
    p2p_engine_random(engine, bytes);
    memcpy(&random, bytes, sizeof(random));
    return random;
}

static enum p2p_err say(struct p2p_engine *engine, struct p2p_peer *peer,
                        enum p2p_neighbour_word word)
{
    uint8_t bytes[16];
    struct p2p_writer out;
    if (word == P2P_NEIGHBOUR_NONE) {
        return P2P_OK;
    }
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_neighbour_write(&out, word);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_overlay_receive(struct p2p_engine *engine, struct p2p_peer *peer,
                                 struct p2p_slice body)
{
    enum p2p_neighbour_word word;
    enum p2p_err err = p2p_neighbour_read(&word, body);
    if (err != P2P_OK) {
        return err;
    }
    if (!is_large(engine)) { /* it knows more members than we do */
        bool asks = word == P2P_NEIGHBOUR_ASK || word == P2P_NEIGHBOUR_PRIORITY;
        return say(engine, peer, asks ? P2P_NEIGHBOUR_YES : P2P_NEIGHBOUR_NONE);
    }
    return say(engine, peer,
               p2p_overlay_hear(&engine->overlay, peer->member, word, draw_random(engine)));
}

void p2p_overlay_link_gone(struct p2p_engine *engine, const struct p2p_peer *peer)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *other = &engine->peers[i];
        if (other != peer && other->link != 0 && other->member == peer->member &&
            !other->closing) {
            return; /* another session took its place */
        }
    }
    p2p_overlay_down(&engine->overlay, peer->member);
}

/* ---- the view ---- */

static bool is_candidate(const struct p2p_engine *engine, uint32_t member)
{
    return member != 0 && p2p_charter_member(engine->ledger.charter, member) != NULL;
}

static bool is_silent(const struct p2p_engine *engine, uint32_t member)
{
    const struct p2p_member *info = p2p_charter_member(engine->ledger.charter, member);
    uint64_t interval_ms = p2p_charter_policy(engine->ledger.charter)->heartbeat_s * 1000ull;
    return info != NULL && info->feed < engine->extra_count &&
           engine->now.mono_ms - engine->extras[info->feed].witnessing.heard_mono_ms >
               SILENT_INTERVALS * interval_ms;
}

/* One that was not heard for long, drawn among all such. */
static void reach(struct p2p_engine *engine)
{
    uint32_t members = p2p_charter_member_count(engine->ledger.charter);
    uint64_t random = draw_random(engine);
    for (uint32_t i = 0; i < members; i++) {
        uint32_t member = (uint32_t)((random + i) % members) + 1;
        if (member != engine->member && is_silent(engine, member) &&
            !p2p_overlay_wants(&engine->overlay, member)) {
            p2p_overlay_reach(&engine->overlay, member, engine->now.mono_ms);
            return;
        }
    }
}

static void seek(struct p2p_engine *engine)
{
    uint32_t members = p2p_charter_member_count(engine->ledger.charter);
    unsigned tries = 0;
    while (p2p_overlay_seeks(&engine->overlay, engine->now.mono_ms) &&
           tries++ < P2P_OVERLAY_ACTIVE_MAX) {
        uint32_t member =
            p2p_overlay_draw(&engine->overlay, members, engine->member, draw_random(engine));
        if (is_candidate(engine, member)) {
            p2p_overlay_ask(&engine->overlay, member, engine->now.mono_ms);
        }
    }
    if (p2p_overlay_reaches(&engine->overlay, engine->now.mono_ms)) {
        reach(engine);
    }
}

/* ---- what the host is told ---- */

static void add_wanted(struct p2p_wanted *wanted, uint32_t member)
{
    if (wanted->count < P2P_WANTED_MAX && !p2p_wanted_has(wanted, member)) {
        wanted->members[wanted->count++] = member;
    }
}

static struct p2p_wanted gather(const struct p2p_engine *engine)
{
    struct p2p_wanted wanted = {.all = !is_large(engine)};
    const struct p2p_feed_info *own = p2p_charter_feed(engine->ledger.charter, engine->feed);
    if (wanted.all) {
        return wanted;
    }
    for (size_t i = 0; i < engine->overlay.active_count; i++) {
        add_wanted(&wanted, engine->overlay.active[i]);
    }
    for (size_t i = 0; i < engine->overlay.asked_count; i++) {
        add_wanted(&wanted, engine->overlay.asked[i].member);
    }
    /* The start-up rule rests on what the own witnesses say themselves. */
    for (uint32_t i = 0; own != NULL && !engine->complete && i < own->witness_count; i++) {
        add_wanted(&wanted, p2p_witness_member(own->witnesses[i]));
    }
    return wanted;
}

static bool same(const struct p2p_wanted *a, const struct p2p_wanted *b)
{
    return a->all == b->all && a->count == b->count &&
           memcmp(a->members, b->members, a->count * sizeof(a->members[0])) == 0;
}

enum p2p_err p2p_overlay_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = P2P_OK;
    if (is_large(engine)) {
        seek(engine);
        for (size_t i = 0; i < engine->overlay.asked_count; i++) {
            p2p_wake_at(wake_ms, engine->overlay.asked[i].until_ms);
        }
    }
    const struct p2p_wanted wanted = gather(engine);
    engine->wanted_changed = !same(&wanted, &engine->wanted);
    engine->wanted = wanted;
    for (size_t i = 0; i < P2P_PEERS_MAX && err == P2P_OK && !wanted.all; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && p2p_wanted_has(&wanted, peer->member)) {
            peer->wanted = true; /* for it to be closed, if it is not when it is greeted */
        }
        if (peer->link == 0 || !peer->greeted || peer->closing) {
            continue;
        }
        err = say(engine, peer, p2p_overlay_up(&engine->overlay, peer->member));
        if (peer->wanted && !p2p_wanted_has(&wanted, peer->member)) {
            p2p_engine_close_link(engine, peer, P2P_OK, "no neighbour any more");
        }
    }
    return err;
}
