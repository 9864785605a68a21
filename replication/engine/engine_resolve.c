/* Taking a fork: the branch of W is the feed.
 *
 *     forked, W unknown ----> past W ----------cut----------> taken (W, root)
 *             |                  |                              ^      |
 *             |                  +--on another branch--cut--+   |      | W rises
 *             |                                             v   |      v
 *             +--------------------------------------> short of W --fetched from peers
 *
 * Promises:
 *   1. Nothing is taken of a forked feed but what leads to W's root; what was fetched and leads
 *      elsewhere goes again.
 *   2. Before a ban leaves the ledger it is rescued, in the same commit: engine_rescue.c.
 *   3. While a fork is not taken here, what would be allowed is referred.
 *   4. What only this node knows to be quorum-cosigned stays until a record of it says so.
 *
 * A cut waits for P2P_FORK_GRACE_MS after W last rose: cosignatures under way may make another
 * rise, and whoever still holds that much is the one to tell it and to give it to others.
 *
 * Who may not know the branch of W goes back in steps that double until it holds a prefix of
 * it, and asks for the rest: the owner only where nobody else has it, which may be so when
 * others cut before W rose. Of the owner nothing is taken but a run that ends in W, and nobody
 * goes back because of what it sent. */
#include "engine_parts.h"

#include <p2p/assert.h>
#include <p2p/forked.h>

#include <string.h>

/* Records that one batch takes back at most, but for those of one run. */
#define P2P_CUT_RECORDS_MAX 4096u

bool p2p_fork_open(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    return held->state == P2P_FEED_FORKED && held->ends_at != P2P_FEED_GOES_ON &&
           !engine->extras[feed].fork_taken;
}

bool p2p_feed_takes(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    return held->state == P2P_FEED_OK ||
           (p2p_fork_open(engine, feed) && !engine->extras[feed].fork_astray &&
            held->edge.size < held->ends_at);
}

/* ---- cutting ---- */

/* Payloads that are missing in what goes are asked for no more. */
static enum p2p_err end_lacks(struct p2p_engine *engine, uint32_t feed, uint64_t from)
{
    const struct p2p_record_id id = {feed, from};
    struct p2p_lack lack;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && (err = p2p_lack_walk(engine, &id, true, &lack)) == P2P_OK) {
        err = p2p_lack_end(engine, &lack);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* done [out]: it was cut; else no more can be kept aside, and that is tried again later. */
static enum p2p_err cut_to(struct p2p_engine *engine, uint32_t feed,
                           const struct p2p_tree_head *head, bool *done)
{
    bool full = false;
    enum p2p_err err = p2p_rescue(engine, feed, head->size, &full);
    if (err != P2P_OK || full) {
        engine->extras[feed].fork_since_ms = engine->now.mono_ms;
        return err;
    }
    err = end_lacks(engine, feed, head->size);
    if (err == P2P_OK) {
        err = p2p_fork_keep_told(engine, feed, head->size);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_cut(&engine->ledger, feed, head);
    }
    p2p_spread_taken_back(engine, feed, head->size);
    p2p_scrub_cut(engine, feed);
    struct p2p_feed_extra *extra = &engine->extras[feed];
    p2p_feed_set_add(&engine->due.grew, feed);
    p2p_feed_set_add(&engine->due.unsettled, feed);
    p2p_feed_set_add(&engine->due.lacks, feed);
    extra->want_link = 0;
    extra->fork_base = head->size;
    if (feed == engine->feed && engine->mirrored_size > head->size) {
        engine->mirrored_size = head->size;
    }
    *done = true;
    return err == P2P_OK ? p2p_engine_load_seen(engine) : err;
}

/* The head before `size`, or nothing at all. */
static enum p2p_err head_before(const struct p2p_engine *engine, const struct p2p_feed *feed,
                                uint64_t size, struct p2p_tree_head *head)
{
    *head = (struct p2p_tree_head){.size = 0};
    enum p2p_err err = p2p_feed_head_before(feed, engine->kv, size, head);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* W of a forked feed as a signed head, and whether what is held leads to it. P2P_NOTFOUND:
 * there is no W. */
static enum p2p_err look(struct p2p_engine *engine, uint32_t number,
                         struct p2p_tree_head *target, bool *same)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    struct p2p_forked forked;
    struct p2p_hash root;
    *same = false;
    enum p2p_err err = p2p_forked_get(&engine->ledger, engine->kv, number, &forked);
    if (err == P2P_OK) {
        err = p2p_forked_head(&engine->ledger, number, &forked, target);
    }
    if (err == P2P_OK) {
        err = p2p_feed_flush(feed, engine->kv);
    }
    if (err == P2P_OK && feed->edge.size >= target->size) {
        err = p2p_feed_root_at(feed, engine->kv, target->size, &root);
        *same = err == P2P_OK && p2p_hash_equal(&root, &target->root);
    }
    return err;
}

/* Whether what is held of a forked feed leads to W, which is looked at again when either is
 * another than it was. size [out]: W. P2P_NOTFOUND: there is no W. */
static enum p2p_err leads_to_w(struct p2p_engine *engine, uint32_t number, uint64_t *size,
                               bool *same)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    struct p2p_fork_look *last = &engine->extras[number].fork_look;
    struct p2p_tree_head target;
    struct p2p_forked forked;
    bool held = last->size != 0 && last->held_size == feed->head.size &&
                p2p_hash_equal(&last->held_root, &feed->head.root);
    *size = last->size;
    *same = last->same;
    if (held && !engine->ledger.forks_changed) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_forked_get(&engine->ledger, engine->kv, number, &forked);
    if (err != P2P_OK || forked.size == 0) {
        *last = (struct p2p_fork_look){0};
        *same = false;
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    *size = forked.size;
    if (held && last->size == forked.size && p2p_hash_equal(&last->root, &forked.root)) {
        return P2P_OK;
    }
    err = look(engine, number, &target, same);
    *last = (struct p2p_fork_look){.size = err == P2P_OK ? forked.size : 0,
                                   .root = forked.root,
                                   .held_size = feed->head.size,
                                   .held_root = feed->head.root,
                                   .same = *same};
    return err;
}

enum p2p_err p2p_fork_count(struct p2p_engine *engine)
{
    engine->forks_short = 0;
    for (uint32_t i = 1; p2p_feed_set_next(&engine->due.forked, &i); i++) {
        const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, i);
        uint64_t size = 0;
        bool same = false;
        enum p2p_err err = leads_to_w(engine, i, &size, &same);
        if (err != P2P_OK && err != P2P_NOTFOUND && err != P2P_CORRUPT) {
            return err;
        }
        engine->forks_short += err != P2P_NOTFOUND && !same; /* what is damaged is not held */
        engine->extras[i].fork_taken = same && feed->edge.size == size;
    }
    return P2P_OK;
}

/* A larger quorum-cosigned checkpoint of W's branch than any record carries, and no record of
 * ours may carry it yet: what it stands on would be gone when one does. One that no note can be
 * made of, since its head is not kept here, is for others to tell. */
static enum p2p_err look_what_to_tell(struct p2p_engine *engine, uint32_t number, bool same,
                                      bool *to_be_told)
{
    bool appends = engine->read_only == P2P_READ_ONLY_NONE && engine->feed != 0;
    uint64_t end = p2p_ledger_feed(&engine->ledger, number)->ends_at;
    struct p2p_slice note;
    uint64_t size = 0;
    enum p2p_err err = P2P_OK;
    if (same && !appends && engine->extras[number].witnessing.quorum_size > end) {
        err = p2p_fork_held_note(engine, number, &note, &size);
    }
    *to_be_told = size > end;
    return err;
}

/* One step of one fork. more [out]: there is another to do at once. */
static enum p2p_err resolve(struct p2p_engine *engine, uint32_t number, bool *more)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    struct p2p_feed_extra *extra = &engine->extras[number];
    struct p2p_tree_head target;
    struct p2p_tree_head step;
    bool same = false;
    bool done = false;
    bool to_be_told = false;
    enum p2p_err err = look(engine, number, &target, &same);
    if (err == P2P_NOTFOUND) {
        return P2P_OK; /* two heads of the charter hide where it ends */
    }
    if (err == P2P_OK) {
        err = look_what_to_tell(engine, number, same, &to_be_told);
    }
    if (err != P2P_OK || to_be_told || (feed->edge.size < target.size && !extra->fork_astray)) {
        return err; /* it is kept; or the rest is asked for */
    }
    if (!same) {
        err = p2p_fork_common_keep(engine, number);
    }
    if (err == P2P_OK &&
        !same) { /* from where it was cut last, or from W: at most half of it */
        uint64_t from = extra->fork_astray ? extra->fork_base / 2 + 1 : target.size;
        err = head_before(engine, feed, from, &target);
    }
    if (err == P2P_OK && feed->edge.size - target.size > P2P_CUT_RECORDS_MAX) {
        err = head_before(engine, feed, feed->edge.size, &step);
        return err == P2P_OK
                   ? cut_to(engine, number, step.size > target.size ? &step : &target, more)
                   : err;
    }
    if (err == P2P_OK) {
        err = cut_to(engine, number, &target, &done);
    }
    extra->fork_astray = extra->fork_astray && !done;
    return err;
}

/* Peers that are short of W learn who has it: everybody is sent the whole frontier. */
static enum p2p_err tell_taken(struct p2p_engine *engine)
{
    bool news = false;
    for (uint32_t i = 1; p2p_feed_set_next(&engine->due.forked, &i); i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        if (!extra->fork_taken || extra->fork_was_taken) {
            continue;
        }
        extra->fork_was_taken = true;
        news = true;
        p2p_engine_trace(
            engine, (struct p2p_trace){.type = P2P_TRACE_FORK_TAKEN,
                                       .feed = i,
                                       .at = p2p_ledger_feed(&engine->ledger, i)->edge.size});
    }
    return news ? p2p_session_resync(engine) : P2P_OK;
}

enum p2p_err p2p_fork_resolve(struct p2p_engine *engine, uint64_t *wake_ms)
{
    bool any = false;
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.forked, &i); i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, i);
        bool more = false;
        any = true;
        extra->fork_was_taken = extra->fork_taken && feed->edge.size == feed->ends_at;
        extra->fork_taken = extra->fork_was_taken; /* or W rose */
        if (extra->fork_end != feed->ends_at) {
            extra->fork_end = feed->ends_at;
            extra->fork_since_ms = engine->now.mono_ms;
            extra->fork_told_size = 0; /* who told of a larger one may be cut back himself */
        }
        if (!p2p_fork_open(engine, i) || !p2p_engine_stores(engine)) {
            continue;
        }
        bool past = feed->edge.size >= feed->ends_at;
        if (past && engine->now.mono_ms - extra->fork_since_ms < P2P_FORK_GRACE_MS) {
            p2p_wake_at(wake_ms, extra->fork_since_ms + P2P_FORK_GRACE_MS);
            continue;
        }
        uint64_t held = feed->edge.size;
        err = resolve(engine, i, &more);
        if (more) {
            p2p_wake_at(wake_ms, engine->now.mono_ms + 1);
        }
        if (err == P2P_OK &&
            feed->edge.size != held) { /* what told of other forks may be gone */
            err = p2p_ledger_fold(&engine->ledger);
        }
    }
    if (err == P2P_OK && any) {
        err = p2p_fork_count(engine);
    }
    if (err == P2P_OK && any) {
        err = tell_taken(engine);
    }
    if (engine->forks_short > 0) {
        p2p_wake_at(wake_ms, engine->now.mono_ms + P2P_FORK_ASK_EVERY_MS);
    }
    return err;
}

/* ---- fetching ---- */

enum p2p_err p2p_fork_expect(struct p2p_engine *engine, struct p2p_peer *peer,
                             struct p2p_run *run)
{
    struct p2p_forked forked;
    struct p2p_tree_head target;
    if (!p2p_feed_takes(engine, run->feed)) {
        return P2P_FORKED;
    }
    enum p2p_err err = p2p_forked_get(&engine->ledger, engine->kv, run->feed, &forked);
    if (err == P2P_OK) {
        err = p2p_forked_head(&engine->ledger, run->feed, &forked, &target);
    }
    if (err == P2P_OK && run->head.size >= target.size) {
        run->head = target; /* no further, and to nothing else */
    } else if (err == P2P_OK && p2p_session_owns(engine, peer, run->feed)) {
        p2p_peer_feed(engine, peer, run->feed)->size = 0; /* until it names a size again */
        err = P2P_FORKED;
    } else if (err == P2P_NOTFOUND) { /* where it ends is hidden at present */
        err = P2P_FORKED;
    }
    return err;
}

void p2p_fork_astray(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
    p2p_engine_refuse(engine, peer->member, feed,
                      p2p_ledger_feed(&engine->ledger, feed)->edge.size, P2P_MISMATCH);
    extra->want_link = 0;
    uint64_t held = p2p_ledger_feed(&engine->ledger, feed)->edge.size;
    bool owner = p2p_session_owns(engine, peer, feed); /* who can sign any branch */
    if (!owner && (extra->fork_base == 0 || extra->fork_base > held)) {
        extra->fork_base = held; /* nothing is known to be good */
    }
    extra->fork_astray = extra->fork_astray || (!owner && held > 0);
    if (row != NULL) {
        row->size = 0; /* until it names a size again */
    }
}
