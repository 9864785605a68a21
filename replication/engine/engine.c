#include "engine_parts.h"

#include <p2p/address.h>
#include <p2p/assert.h>
#include <p2p/planted.h>
#include <string.h>

const char *p2p_read_only_word(enum p2p_read_only reason)
{
    static const char *const words[] = {
#define READ_ONLY_WORD(name, word) [P2P_READ_ONLY_##name] = word,
        P2P_READ_ONLY_MAP(READ_ONLY_WORD)
#undef READ_ONLY_WORD
    };
    return words[reason];
}

const char *p2p_trace_word(enum p2p_trace_type type)
{
    static const char *const words[P2P_TRACE_COUNT] = {
#define TRACE_WORD(name, word) [P2P_TRACE_##name] = word,
        P2P_TRACE_MAP(TRACE_WORD)
#undef TRACE_WORD
    };
    return words[type];
}

/* ---- peers ---- */

struct p2p_peer *p2p_engine_peer(struct p2p_engine *engine, uint64_t link)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        if (engine->peers[i].link == link) {
            return &engine->peers[i];
        }
    }
    return NULL;
}

struct p2p_feed *p2p_engine_own(const struct p2p_engine *engine)
{
    return engine->feed == 0 ? NULL : p2p_ledger_feed(&engine->ledger, engine->feed);
}

struct p2p_peer_feed *p2p_peer_feed(struct p2p_engine *engine, struct p2p_peer *peer,
                                    uint32_t feed)
{
    if (feed >= engine->extra_count) {
        return NULL;
    }
    if (feed >= peer->feed_cap) {
        size_t cap = engine->extra_count;
        struct p2p_peer_feed *grown =
            p2p_alloc_resize(engine->options.alloc, peer->feeds, cap, sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        memset(grown + peer->feed_cap, 0, (cap - peer->feed_cap) * sizeof(*grown));
        peer->feeds = grown;
        peer->feed_cap = cap;
    }
    return &peer->feeds[feed];
}

static void drop_peer(struct p2p_engine *engine, struct p2p_peer *peer)
{
    for (size_t i = 0; i < engine->extra_count; i++) {
        if (engine->extras[i].want_link == peer->link) {
            engine->extras[i].want_link = 0;
        }
        if (engine->extras[i].parent_link == peer->link) {
            p2p_graft_parent_gone(engine, &engine->extras[i]);
        }
    }
    p2p_fetch_drop(engine, peer);
    p2p_overlay_link_gone(engine, peer);
    if (P2P_PLANT(CACHED_FRONTIER)) {
        *peer = (struct p2p_peer){
            .member = peer->member, .feeds = peer->feeds, .feed_cap = peer->feed_cap};
        return;
    }
    p2p_alloc_free(engine->options.alloc, peer->feeds);
    *peer = (struct p2p_peer){0};
}

#ifdef P2P_PLANTED
/* A mistake: what was known of a member at the end of a session counts in its next. */
static void recall(struct p2p_engine *engine, struct p2p_peer *peer)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *before = &engine->peers[i];
        if (before->link == 0 && before->feeds != NULL && before->member == peer->member) {
            peer->feeds = before->feeds;
            peer->feed_cap = before->feed_cap;
            before->feeds = NULL;
            return;
        }
    }
}
#endif

static enum p2p_err link_up(struct p2p_engine *engine, uint64_t link, uint32_t member)
{
    struct p2p_peer *peer = p2p_engine_peer(engine, 0);
    p2p_assert(link != 0);
    if (peer == NULL || member == engine->member) {
        struct p2p_peer refused = {.link = link, .member = member};
        p2p_engine_refuse(engine, member, 0, 0, P2P_BUSY);
        p2p_engine_close_link(engine, &refused, P2P_BUSY, "no room for another session");
        return P2P_OK;
    }
#ifdef P2P_PLANTED
    struct p2p_peer known = {.link = link, .member = member};
    if (P2P_PLANT(CACHED_FRONTIER)) {
        recall(engine, &known);
        p2p_alloc_free(engine->options.alloc, peer->feeds); /* of another */
        *peer = known;
        return p2p_session_greet(engine, peer);
    }
#endif
    *peer = (struct p2p_peer){.link = link, .member = member};
    return p2p_session_greet(engine, peer);
}

/* ---- a batch ---- */

void p2p_engine_begin(struct p2p_engine *engine, const struct p2p_kv *kv,
                      struct p2p_arena *arena, const struct p2p_now *now)
{
    engine->kv = kv;
    engine->arena = arena;
    engine->now = *now;
    engine->salts = 0;
    engine->lists = (struct p2p_batch_lists){0};
    engine->jobs = NULL;
    engine->jobs_end = &engine->jobs;
    engine->own_records = 0;
    engine->own_bytes = 0;
    engine->seen_written = false;
    engine->ticked = false;
    engine->was_busy = false;
    engine->signature_made = false;
    engine->number_given = false;
    engine->heartbeat_due = false;
    engine->proofs = NULL;
    engine->proofs_end = &engine->proofs;
    p2p_feed_set_clear(&engine->due.grew);
    p2p_feed_set_clear(&engine->due.addresses);
    p2p_ledger_begin(&engine->ledger, kv, arena);
}

size_t p2p_job_bytes(const struct p2p_job *job)
{
    size_t bytes = 512;
    for (size_t i = 0; job->type == P2P_JOB_APPEND && i < job->append.count; i++) {
        const struct p2p_append *record = &job->append.records[i];
        bytes += 256 + record->payload.len + record->content.len + 16 * record->cite_count;
    }
    return bytes;
}

/* What a job will add, so that a batch ends before it is too large for one commit. */
static void count_job(struct p2p_engine *engine, const struct p2p_job *job)
{
    engine->own_records += job->type == P2P_JOB_APPEND    ? job->append.count
                           : job->type == P2P_JOB_COLLECT ? 2
                                                          : 1;
    engine->own_bytes += p2p_job_bytes(job);
}

bool p2p_engine_full(const struct p2p_engine *engine)
{
    return engine->own_records >= P2P_COMMIT_RECORDS_MAX ||
           engine->own_bytes >= P2P_COMMIT_BYTES_MAX / 2;
}

enum p2p_err p2p_engine_step(struct p2p_engine *engine, const struct p2p_event *event)
{
    struct p2p_peer *peer = NULL;
    switch (event->type) {
    case P2P_EVENT_LINK_UP:
        return link_up(engine, event->link, event->member);
    case P2P_EVENT_LINK_DOWN:
        peer = p2p_engine_peer(engine, event->link);
        if (peer != NULL) {
            drop_peer(engine, peer);
        }
        return P2P_OK;
    case P2P_EVENT_WRITABLE:
        peer = p2p_engine_peer(engine, event->link);
        if (peer != NULL) {
            peer->ahead_bytes = 0;
        }
        return P2P_OK;
    case P2P_EVENT_FRAME:
        peer = p2p_engine_peer(engine, event->link);
        if (peer == NULL || peer->closing) {
            return P2P_OK;
        }
        engine->was_busy = true;
        return p2p_session_frame(engine, peer, &event->frame);
    case P2P_EVENT_JOB:
        engine->was_busy = true;
        count_job(engine, event->job);
        event->job->next = NULL;
        *engine->jobs_end = event->job;
        engine->jobs_end = &event->job->next;
        return P2P_OK;
    case P2P_EVENT_CIRCLE_KEY:
        return p2p_circle_take(engine, event->circle_key);
    case P2P_EVENT_GENERATION_KEYS:
        return p2p_generation_take(engine, event->generation_keys);
    case P2P_EVENT_TICK:
        engine->ticked = true;
        return P2P_OK;
    }
    return P2P_USAGE;
}

/* The first record of a feed is its address, so that none stays empty; a new one when it
 * changes. */
static enum p2p_err append_address(struct p2p_engine *engine)
{
    uint8_t content[1024];
    struct p2p_pack pack;
    struct p2p_record_id id;
    struct p2p_slice newest;
    if (engine->address_told || p2p_engine_own(engine) == NULL ||
        engine->read_only != P2P_READ_ONLY_NONE || engine->options.listen_peers == NULL) {
        return P2P_OK;
    }
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, engine->options.listen_people != NULL ? 2 : 1);
    p2p_pack_text(&pack, "peers");
    p2p_pack_text(&pack, engine->options.listen_peers);
    if (engine->options.listen_people != NULL) {
        p2p_pack_text(&pack, "people");
        p2p_pack_text(&pack, engine->options.listen_people);
    }
    if (p2p_pack_failed(&pack)) {
        return P2P_TOOLARGE;
    }
    engine->address_told = true;
    enum p2p_err err = p2p_address_newest(&engine->ledger, engine->kv, engine->feed, &newest);
    if (err == P2P_OK && p2p_slice_equal(newest, p2p_pack_slice(&pack))) {
        return P2P_OK;
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    const struct p2p_append address = {.kind = P2P_KIND_ADDRESS,
                                       .content = p2p_pack_slice(&pack)};
    return p2p_append_own(engine, &address, &id);
}

bool p2p_engine_stores(const struct p2p_engine *engine)
{
    return engine->read_only != P2P_READ_ONLY_SYNC_FAILED &&
           engine->read_only != P2P_READ_ONLY_MAP_FULL &&
           engine->read_only != P2P_READ_ONLY_DISK_FULL;
}

/* Everything that must stand in the transaction before it is committed. */
static enum p2p_err complete_batch(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = p2p_ledger_finish(&engine->ledger); /* what peers sent */
    if (err == P2P_OK && engine->ledger.charter_changed) {
        err = p2p_engine_follow_charter(engine);
    }
    if (err == P2P_OK) {
        err = p2p_scrub_step(engine, wake_ms);
    }
    if (err == P2P_OK && engine->complete) {
        err = p2p_receive_restored(engine); /* nothing of the own feed was missing, perhaps */
    }
    if (err == P2P_OK) {
        err = p2p_job_charters(engine);
    }
    if (err == P2P_OK) {
        err = p2p_generation_follow(engine);
    }
    if (err == P2P_OK) {
        err = append_address(engine);
    }
    if (err == P2P_OK && !p2p_engine_damaged(engine)) {
        err = p2p_fork_follow(engine);
    }
    if (err == P2P_OK && !p2p_engine_damaged(engine)) {
        err = p2p_fork_append(engine);
    }
    if (err == P2P_OK) {
        err = p2p_generation_seal(engine);
    }
    if (err == P2P_OK) {
        err = p2p_circle_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_fold(&engine->ledger); /* which says where forked feeds end */
    }
    if (err == P2P_OK && !p2p_engine_damaged(engine)) {
        err = p2p_fork_resolve(engine, wake_ms);
    }
    if (err == P2P_OK && !p2p_engine_damaged(engine)) {
        err = p2p_rescue_settle(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_job_all(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_append_head(engine);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_finish(&engine->ledger);
    }
    if (err == P2P_OK && engine->ledger.charter_changed) {
        err = p2p_engine_follow_charter(engine); /* a version that came as a job */
    }
    if (err == P2P_OK) {
        err = p2p_collect_follow(engine);
    }
    if (err == P2P_OK) {
        err = p2p_state_compare(engine);
    }
    if (err == P2P_OK) {
        err = p2p_repair_ask(engine, wake_ms);
    }
    if (err == P2P_OK) { /* before the cosignatures, which name what a peer then has */
        err = p2p_send_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_relay_pass_on(engine);
    }
    if (err == P2P_OK) {
        err = p2p_witness_cosign_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_witness_heartbeat(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_lease_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_witness_store_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_spread_due(engine);
    }
    return err;
}

static void tell_reused(struct p2p_engine *engine)
{
    const struct p2p_ledger *ledger = &engine->ledger;
    for (size_t i = 0; i < ledger->reused_count; i++) {
        const struct p2p_reuse_found *found = &ledger->reused[i];
        const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, found->feed);
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_REUSED,
                                                    .feed = found->feed,
                                                    .member = info != NULL ? info->member : 0,
                                                    .at = found->index,
                                                    .value = found->issuer});
    }
}

enum p2p_err p2p_engine_finish(struct p2p_engine *engine, struct p2p_actions *actions)
{
    uint64_t wake_ms = engine->now.mono_ms + P2P_TICK_EVERY_MS;
    const struct p2p_feed *before = p2p_engine_own(engine);
    uint64_t size_before = before == NULL ? 0 : before->head.size;
    enum p2p_err err = complete_batch(engine, &wake_ms);
    if (err == P2P_OK) {
        err = p2p_session_tick(engine, &wake_ms);
    }
    if (err == P2P_OK && !p2p_engine_damaged(engine)) {
        err = p2p_lack_finish(engine, &wake_ms);
    }
    if (err == P2P_OK && !p2p_engine_damaged(engine)) {
        err = p2p_fetch_due(engine, &wake_ms);
    }
    if (err == P2P_OK && engine->ledger.charter_changed) {
        err = p2p_session_resync(engine);
    }
    if (err == P2P_OK) {
        err = p2p_overlay_due(engine, &wake_ms);
    }
    if (err == P2P_OK && engine->complete && !engine->complete_stored &&
        p2p_engine_stores(engine)) {
        engine->complete_stored = true;
        err = p2p_engine_store_complete(engine);
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_COMPLETE});
    }
    const struct p2p_feed *own = p2p_engine_own(engine);
    bool head_changed =
        own != NULL && own->head.size != (own == before ? size_before : 0); /* or a new feed */
    if (err == P2P_OK && engine->feed != 0 && (engine->signature_made || head_changed)) {
        err = p2p_engine_count_commit(engine);
    }
    if (err != P2P_OK) {
        return err;
    }
    tell_reused(engine);
    uint32_t first = 0;
    bool told_addresses = p2p_feed_set_next(&engine->due.addresses, &first);
    *actions = (struct p2p_actions){
        .sends = engine->lists.sends,
        .send_count = engine->lists.send_count,
        .closes = engine->lists.closes,
        .close_count = engine->lists.close_count,
        .replies = engine->jobs,
        .traces = engine->lists.traces,
        .trace_count = engine->lists.trace_count,
        .charter_changed = engine->ledger.charter_changed,
        .addresses = told_addresses ? &engine->due.addresses : NULL,
        .wanted_changed = engine->wanted_changed,
        .own_head_changed = head_changed,
        .signature_made = engine->signature_made,
        .number_given = engine->number_given,
        .wake_mono_ms = wake_ms,
    };
    return P2P_OK;
}
