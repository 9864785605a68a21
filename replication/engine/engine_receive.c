/* Runs and charter entries from peers: nothing unverified reaches the store. */
#include "engine_parts.h"

#include <p2p/assert.h>
#include <p2p/planted.h>

#include <string.h>

/* Whether this node may hold payloads of a circle; an unknown circle is one of a later charter.
 */
static enum p2p_err entitled(const struct p2p_engine *engine, uint32_t circle, bool *out)
{
    const struct p2p_circle *info = p2p_charter_circle(engine->ledger.charter, circle);
    if (circle != 0 && info == NULL) {
        return P2P_UNKNOWN;
    }
    *out = circle == 0 || p2p_circle_has(info, engine->member);
    return P2P_OK;
}

/* Takes one record of a run apart. A record this node is entitled to comes with a payload that
 * opens its commitment, or not at all; but a node that fetches a feed of its own back, of
 * whatever generation, takes without it what it alone ever held, and everybody what nobody
 * gives: engine_ungiven.c. */
static enum p2p_err read_arrival(struct p2p_engine *engine, const struct p2p_feed_info *info,
                                 struct p2p_slice leaf, struct p2p_slice salted,
                                 struct p2p_arrival *out)
{
    bool may_hold = false;
    struct p2p_slice payload;
    enum p2p_err err = p2p_record_decode(&out->record, leaf);
    if (err == P2P_OK) {
        err = entitled(engine, out->record.circle, &may_hold);
    }
    if (err == P2P_OK && salted.len == 0 &&
        (P2P_PLANT(PAYLOAD_LESS) || p2p_ungiven_takes(engine, info->number) ||
         (info->member == engine->member &&
          p2p_engine_alone(engine, out->record.circle, engine->member)))) {
        may_hold = false; /* p2p_lack_arrived says so when it is taken */
    }
    if (err == P2P_OK && out->record.body_type == P2P_BODY_COMMITMENT && may_hold) {
        err = p2p_record_open(&out->record, p2p_slice_text(info->origin), salted, &payload);
        if (err != P2P_OK) {
            err = P2P_COMMITMENT;
        }
    } else {
        salted = (struct p2p_slice){0};
    }
    out->feed = info->number;
    out->salted = salted;
    out->leaf_hash = p2p_leaf_hash(leaf);
    return err;
}

/* Reads the records of a run that are not held yet and the tree they lead to, with the interior
 * hashes they complete on the way. at [out]: the record an error is about. */
static enum p2p_err read_run(struct p2p_engine *engine, const struct p2p_feed_info *info,
                             const struct p2p_run *run, struct p2p_edge *edge,
                             struct p2p_arrival *arrivals, struct p2p_hash *interior,
                             uint64_t *at)
{
    uint64_t held = edge->size - run->first;
    struct p2p_run_walk walk;
    struct p2p_slice leaf;
    struct p2p_slice salted;
    enum p2p_err err = P2P_OK;
    p2p_run_begin(&walk, run);
    for (uint64_t i = 0;
         run->first + i < run->head.size && p2p_run_next(&walk, &leaf, &salted, &err); i++) {
        *at = run->first + i;
        if (i < held) {
            continue; /* whoever sent it did not know that we had got so far */
        }
        struct p2p_arrival *arrival = &arrivals[i - held];
        err = read_arrival(engine, info, leaf, salted, arrival);
        if (err != P2P_OK) {
            return err;
        }
        interior += p2p_edge_append(edge, &arrival->leaf_hash, interior);
    }
    if (err == P2P_OK) {
        p2p_run_next(&walk, &leaf, &salted, &err); /* nothing stands behind the last one */
    }
    return err;
}

static enum p2p_err check_head(const struct p2p_engine *engine,
                               const struct p2p_feed_info *info,
                               const struct p2p_tree_head *head)
{
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = head->size, .root = head->root};
    return p2p_checkpoint_verify_feed(&checkpoint, engine->options.sigs, &info->key,
                                      &head->signature);
}

enum p2p_err p2p_receive_check(struct p2p_engine *engine, const struct p2p_feed_info *info,
                               const struct p2p_run *run, struct p2p_edge *edge,
                               struct p2p_arrival *arrivals, struct p2p_hash *interior,
                               uint64_t *at)
{
    enum p2p_err err = read_run(engine, info, run, edge, arrivals, interior, at);
    return err == P2P_OK ? check_head(engine, info, &run->head) : err;
}

/* A peer's fault: counted, named; what proves malice or a broken program ends the session. */
static enum p2p_err refuse_run(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed,
                               uint64_t at, enum p2p_err err)
{
    engine->extras[feed].want_link = 0;
    p2p_engine_refuse(engine, peer->member, feed, at, err);
    switch (err) {
    case P2P_COMMITMENT: /* the run ends before it: another peer is asked */
        p2p_ungiven_stopped(engine, peer, feed);
        /* fall through */
    case P2P_UNKNOWN: /* of a charter version still to come */
    case P2P_GAP: {
        struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
        if (row != NULL) {
            row->size = 0; /* until it names a size again */
        }
        return P2P_OK;
    }
    default:
        p2p_engine_close_link(engine, peer, err, "sent a run that does not verify");
        return P2P_OK;
    }
}

/* What it sent of that feed was refused, and it named no size since: what comes now is the rest
 * of that answer, and asking again would bring the same, as fast as the line goes. */
static bool is_stopped(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed)
{
    const struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
    return row != NULL && row->told && row->size == 0 && row->sent > 0;
}

enum p2p_err p2p_receive_restored(struct p2p_engine *engine)
{
    const struct p2p_engine_options *options = &engine->options;
    const struct p2p_feed *own = p2p_engine_own(engine);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    struct p2p_hash root;
    if (engine->read_only != P2P_READ_ONLY_RESTORED || options->copy_lost || own == NULL ||
        info->generation != engine->restored || own->edge.size < options->copy_size) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_flush(p2p_engine_own(engine), engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(own, engine->kv, options->copy_size, &root);
    }
    if (err == P2P_OK && p2p_hash_equal(&root, &options->copy_root)) {
        engine->read_only = P2P_READ_ONLY_NONE;
        engine->restored = 0;
        engine->begun = info->generation;
        err = p2p_append_skip_numbers(engine);
        if (engine->commit_number < options->copy_commit) {
            engine->commit_number = options->copy_commit;
        }
        if (err == P2P_OK) {
            err = p2p_engine_lose_witness(engine); /* its cosignatures nobody can give back */
        }
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_READ_ONLY,
                                                    .value = P2P_READ_ONLY_NONE});
    }
    return err;
}

/* What some kinds cause beyond the ledger. */
static void act_on(struct p2p_engine *engine, const struct p2p_arrival *arrival)
{
    if (arrival->record.kind == P2P_KIND_ADDRESS) {
        p2p_feed_set_add(&engine->due.addresses, arrival->feed);
    }
    if (arrival->record.kind == P2P_KIND_CIRCLE_KEY ||
        arrival->record.kind == P2P_KIND_CIRCLE_KEY_BAD) {
        engine->boxes_changed = true;
    }
    if (arrival->record.kind != P2P_KIND_SEEN && arrival->record.kind != P2P_KIND_STATE) {
        engine->extras[arrival->feed].noteworthy = true;
    }
}

static enum p2p_err take_run(struct p2p_engine *engine, struct p2p_peer *peer,
                             struct p2p_feed *feed, const struct p2p_run *run,
                             struct p2p_arrival *arrivals, size_t count,
                             const struct p2p_hash *interior)
{
    enum p2p_err err = p2p_feed_keep_for(feed, engine->kv, count, run->records.len);
    if (err == P2P_OK) {
        err = p2p_ledger_verify(&engine->ledger, arrivals, count);
    }
    feed->known = interior;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        const struct p2p_record_id id = {feed->number, feed->edge.size};
        err = p2p_ledger_apply(&engine->ledger, &arrivals[i]);
        if (err == P2P_OK) {
            p2p_spread_arrived(engine, &id, &arrivals[i].record);
            p2p_ruling_arrived(engine, &id, &arrivals[i].record);
            err = p2p_lack_arrived(engine, &id, &arrivals[i]);
        }
    }
    feed->known = NULL;
    engine->ledger.newest.arrivals = arrivals;
    engine->ledger.newest.count = err == P2P_OK ? count : 0;
    engine->ledger.newest.first = run->head.size - count;
    if (err == P2P_OK) {
        p2p_assert(feed->edge.size == run->head.size);
        err = p2p_feed_set_head(feed, engine->kv, &run->head, p2p_slice_of(NULL, 0));
    }
    if (err != P2P_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        act_on(engine, &arrivals[i]);
        p2p_state_note(engine, &arrivals[i], run->head.size - count + i, i + 1 == count);
    }
    struct p2p_feed_extra *extra = &engine->extras[run->feed];
    err = p2p_witnessing_mark(&extra->witnessing, run->head.size - count, &run->head,
                              engine->now.mono_ms);
    if (err != P2P_OK) {
        return err;
    }
    p2p_feed_set_add(&engine->due.grew, run->feed);
    p2p_feed_set_add(&engine->due.unsettled, run->feed);
    p2p_feed_set_add(&engine->due.cosign, run->feed);
    extra->want_until_ms = engine->now.mono_ms + P2P_WANT_TIMEOUT_MS; /* it goes on well */
    extra->missed_ms = 0;
    p2p_session_note_size(engine, peer, run->feed, run->head.size);
    p2p_witness_heard(engine, run->feed);
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_RECEIVED,
                                                .feed = run->feed,
                                                .member = peer->member,
                                                .at = run->head.size,
                                                .value = count});
    bool asked = extra->asked && extra->want_link == peer->link;
    if (!extra->asked || (extra->want_link == peer->link &&
                          feed->edge.size >= p2p_peer_feed(engine, peer, run->feed)->size)) {
        extra->want_link = 0;
    }
    err = p2p_relay_run(engine, peer, run, run->head.size - count, asked);
    if (err != P2P_OK || run->feed != engine->feed) {
        return err;
    }
    err = p2p_engine_load_seen(engine);
    return err == P2P_OK ? p2p_receive_restored(engine) : err;
}

enum p2p_err p2p_receive_run(struct p2p_engine *engine, struct p2p_peer *peer,
                             struct p2p_slice body)
{
    struct p2p_run run;
    uint64_t at = 0;
    enum p2p_err err = p2p_run_read(&run, body);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, run.feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, run.feed);
    if (feed == NULL || info == NULL || run.feed == P2P_CHARTER_FEED) {
        p2p_engine_refuse(engine, peer->member, run.feed, run.first, P2P_UNKNOWN);
        return P2P_OK;
    }
    if (engine->extras[run.feed].hole != NULL) {
        return p2p_repair_run(engine, peer, &run);
    }
    if (p2p_engine_damaged(engine)) { /* it is asked for when that is repaired */
        p2p_session_note_size(engine, peer, run.feed, run.head.size);
        return P2P_OK;
    }
#ifdef P2P_PLANTED
    if (P2P_PLANT(WITNESS_UNCHECKED) && run.head.size <= feed->edge.size) {
        return p2p_witness_cosign_unchecked(engine, run.feed, &run.head);
    }
#endif
    at = run.first;
    if (run.head.size <= feed->edge.size) {
        p2p_session_answered(engine, peer, run.feed);
        err = p2p_fork_check_head(engine, peer, run.feed, &run.head);
        return err == P2P_OK ? p2p_relay_twice(engine, peer, &run) : err;
    }
    if (feed->state == P2P_FEED_FORKED) {
        err = p2p_fork_expect(engine, peer, &run);
    } else if (feed->state != P2P_FEED_OK ||
               (run.feed == engine->feed && !p2p_engine_fetches_back(engine))) {
        err = P2P_FORKED;
    }
    if (err != P2P_OK && err != P2P_FORKED) {
        return err;
    }
    if (err == P2P_FORKED) {
        p2p_engine_refuse(engine, peer->member, run.feed, run.first, P2P_FORKED);
        return P2P_OK;
    }
    if (run.first > feed->edge.size) {
        p2p_engine_refuse(engine, peer->member, run.feed, run.first, P2P_GAP);
        if (is_stopped(engine, peer, run.feed)) {
            return P2P_OK;
        }
        p2p_session_note_size(engine, peer, run.feed, run.head.size);
        return p2p_session_want(engine, peer, run.feed);
    }
    struct p2p_edge *edge = p2p_arena_take(engine->arena, sizeof(*edge));
    struct p2p_arrival *arrivals =
        p2p_arena_take(engine->arena, (run.count + 1) * sizeof(*arrivals));
    /* Fewer than one for each leaf and each peak of the edge. */
    struct p2p_hash *interior =
        p2p_arena_take(engine->arena, (run.count + P2P_TREE_LEVELS_MAX) * sizeof(*interior));
    if (edge == NULL || arrivals == NULL || interior == NULL) {
        return P2P_NOMEM;
    }
    *edge = feed->edge;
    err = p2p_receive_check(engine, info, &run, edge, arrivals, interior, &at);
    if (err == P2P_NOMEM) {
        return err;
    }
    if (err != P2P_OK) {
        return refuse_run(engine, peer, run.feed, at, err);
    }
    struct p2p_hash root = p2p_edge_root(edge);
    if (!p2p_hash_equal(&root, &run.head.root) && !P2P_PLANT(ROOT_UNCOMPARED)) {
        if (feed->state == P2P_FEED_FORKED) {
            p2p_fork_astray(engine, peer, run.feed);
            return P2P_OK;
        }
        /* A validly signed head over another history, or records that are not its own: ask. */
        return p2p_fork_ask(engine, peer, run.feed, &run.head);
    }
    return take_run(engine, peer, feed, &run, arrivals,
                    (size_t)(run.head.size - feed->edge.size), interior);
}

enum p2p_err p2p_receive_charter(struct p2p_engine *engine, uint32_t member,
                                 const struct p2p_entry_body *entry,
                                 char reason[P2P_REASON_BYTES])
{
    const struct p2p_charter *charter = engine->ledger.charter;
    uint64_t rival_size = p2p_charter_rival_size(charter);
    struct p2p_hash before = p2p_charter_root(charter);
    enum p2p_err applied = p2p_ledger_apply_charter(&engine->ledger, entry->index, entry->leaf,
                                                    entry->note, reason);
    struct p2p_hash after = p2p_charter_root(charter);
    bool same_rival = rival_size == p2p_charter_rival_size(charter);
    if ((applied != P2P_OK && applied != P2P_FORKED) ||
        (p2p_hash_equal(&before, &after) && same_rival)) {
        return applied; /* refused, or nothing new */
    }
    p2p_feed_set_add(&engine->due.grew, P2P_CHARTER_FEED);
    engine->extras[P2P_CHARTER_FEED].noteworthy = true;
    enum p2p_err err = p2p_engine_follow_charter(engine);
    if (applied == P2P_OK) {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_CHARTER,
                                                    .member = member,
                                                    .at = p2p_charter_size(charter)});
    } else {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_CHARTER_RIVAL,
                                                    .member = member,
                                                    .at = entry->index});
    }
    if (err == P2P_OK && applied == P2P_FORKED) {
        err = p2p_fork_spread_rival(engine, entry);
    }
    return err == P2P_OK ? applied : err;
}

/* Who sends entries of a branch that was ended missed the settle: it gets everything from where
 * that branch parted, whatever was sent before. */
static enum p2p_err lead_over(struct p2p_engine *engine, struct p2p_peer *peer, uint64_t split)
{
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, P2P_CHARTER_FEED);
    if (row == NULL) {
        return P2P_NOMEM;
    }
    row->told = true;
    row->sent = row->sent < split ? row->sent : split;
    p2p_send_to(engine, row, P2P_CHARTER_FEED);
    return P2P_OK;
}

enum p2p_err p2p_receive_entry(struct p2p_engine *engine, struct p2p_peer *peer,
                               struct p2p_slice body)
{
    uint64_t split;
    struct p2p_entry_body entry;
    enum p2p_err err = p2p_entry_read(&entry, body);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_receive_charter(engine, peer->member, &entry, NULL);
    struct p2p_feed_extra *extra = &engine->extras[P2P_CHARTER_FEED];
    if (err != P2P_GAP) {
        extra->want_link = 0;
    }
    switch (err) {
    case P2P_OK:
        p2p_session_note_size(engine, peer, P2P_CHARTER_FEED, entry.index + 1);
        return P2P_OK;
    case P2P_FORKED:
        return P2P_OK;
    case P2P_GAP:
        return p2p_session_want(engine, peer, P2P_CHARTER_FEED);
    case P2P_MISMATCH:
        if (entry.index > 0) { /* it stands on a branch that parts earlier */
            p2p_engine_refuse(engine, peer->member, P2P_CHARTER_FEED, entry.index, err);
            extra->want_link = peer->link; /* what follows it leaves a gap that need not */
            extra->asked = true;           /* be asked for */
            extra->want_until_ms = engine->now.mono_ms + P2P_WANT_TIMEOUT_MS;
            return p2p_fork_ask_branch(engine, peer);
        }
        break;
    case P2P_REFUSED:
        if (p2p_charter_ended(engine->ledger.charter, entry.index, entry.leaf, &split)) {
            p2p_engine_refuse(engine, peer->member, P2P_CHARTER_FEED, entry.index, err);
            return lead_over(engine, peer, split);
        }
        break;
    case P2P_NOMEM:
    case P2P_IO:
    case P2P_FULL:
    case P2P_CORRUPT:
        return err;
    default:
        break;
    }
    p2p_engine_refuse(engine, peer->member, P2P_CHARTER_FEED, entry.index, err);
    p2p_engine_close_link(engine, peer, err, "sent a charter entry that does not verify");
    return P2P_OK;
}
