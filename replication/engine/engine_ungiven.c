/* A feed that goes on without a payload which nobody gives.
 *
 *     goes on --a run ends before a payload that this node may hold--> stopped at that size
 *        ^                                                                |
 *        |                        nobody gave it for P2P_UNGIVEN_AFTER_MS, and more of
 *        |                        the feed's witnesses than may lie went further
 *        +------held as far as they went------ taken without <------------+
 *
 * All who held a payload may have lost it, or its author gave it to nobody. Then the records
 * behind it would never come to this node, and its gate would go on allowing without knowing
 * them. So the leaves are taken: that circle is not complete here, the gate refers where it
 * would allow, the payload goes on being asked for (engine_fetch.c), and this node cosigns and
 * acknowledges nothing of the feed until it has it.
 *
 * That the author alone goes further is no reason, nor with those who may lie: an honest
 * witness must, which held what it was entitled to; or W of a forked feed must lie further on,
 * whose author is not asked. So an author cannot make the gates of a circle refer by keeping a
 * payload from all of it while enough of its witnesses are in the circle. */
#include "engine_parts.h"

#include <p2p/forked.h>

/* How far a witness says that it is, by a cosignature of more than is held here, or by `seen`
 * of a feed of its member: who cosigns no more, because the feed is closed or its own key may
 * have signed more than it knows, says so there alone. */
static enum p2p_err witness_size(const struct p2p_engine *engine, uint32_t feed,
                                 uint32_t witness, uint64_t *size)
{
    const struct p2p_ledger *ledger = &engine->ledger;
    const struct p2p_witnessing *witnessing = &engine->extras[feed].witnessing;
    enum p2p_err err = P2P_OK;
    *size = 0;
    for (size_t i = 0; i < witnessing->ahead_count; i++) {
        const struct p2p_cosigned_ahead *ahead = &witnessing->ahead[i];
        if (ahead->witness == witness && ahead->size > *size) {
            *size = ahead->size;
        }
    }
    for (uint32_t by = 1; by < engine->extra_count && err == P2P_OK; by++) {
        const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, by);
        uint64_t named = 0;
        if (info == NULL || info->member != p2p_witness_member(witness)) {
            continue;
        }
        err = p2p_known_size(ledger, by, p2p_ledger_feed(ledger, by)->edge.size, feed, &named);
        *size = err == P2P_OK && named > *size ? named : *size;
    }
    return err;
}

/* size [out]: the largest that more witnesses than may lie have reached, of more than is held;
 * W of a forked feed. 0: no more than is held. */
static enum p2p_err vouched_size(const struct p2p_engine *engine, uint32_t feed, uint64_t *size)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    uint64_t sizes[P2P_WITNESSES_MAX]; /* the largest first */
    uint32_t count = info == NULL ? 0 : info->witness_count;
    enum p2p_err err = P2P_OK;
    *size = 0;
    if (p2p_fork_open(engine, feed)) {
        *size = held->ends_at;
        return P2P_OK;
    }
    for (uint32_t i = 0; i < count && err == P2P_OK; i++) {
        uint64_t reached = 0;
        err = witness_size(engine, feed, info->witnesses[i], &reached);
        uint32_t at = i;
        for (; at > 0 && sizes[at - 1] < reached; at--) {
            sizes[at] = sizes[at - 1];
        }
        sizes[at] = reached;
    }
    uint32_t faults = p2p_witness_faults(count);
    if (err == P2P_OK && faults < count && sizes[faults] > held->edge.size) {
        *size = sizes[faults];
    }
    return err;
}

void p2p_ungiven_stopped(struct p2p_engine *engine, const struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    uint64_t held = p2p_ledger_feed(&engine->ledger, feed)->edge.size;
    if (!p2p_feed_set_has(&engine->due.stopped, feed) || extra->stopped_at != held) {
        extra->stopped_since_ms = engine->now.mono_ms;
        extra->stopped_at = held;
    }
    p2p_feed_set_add(&engine->due.stopped, feed);
    /* No run of a forked feed is taken from its owner. */
    if (p2p_ledger_feed(&engine->ledger, feed)->state != P2P_FEED_FORKED ||
        !p2p_session_owns(engine, peer, feed)) {
        extra->stopped_link = peer->link;
    }
}

bool p2p_ungiven_takes(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed_extra *extra = &engine->extras[feed];
    return extra->hole == NULL &&
           p2p_ledger_feed(&engine->ledger, feed)->edge.size < extra->bare_until;
}

enum p2p_err p2p_ungiven_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.stopped, &i); i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        if (p2p_ledger_feed(&engine->ledger, i)->edge.size != extra->stopped_at) {
            p2p_feed_set_remove(&engine->due.stopped, i);
            continue;
        }
        uint64_t due_ms = extra->stopped_since_ms + P2P_UNGIVEN_AFTER_MS;
        if (engine->now.mono_ms < due_ms) {
            p2p_wake_at(wake_ms, due_ms);
            continue;
        }
        err = vouched_size(engine, i, &extra->bare_until);
        p2p_feed_set_remove(&engine->due.stopped, i); /* the next gap begins it again */
        struct p2p_peer *peer =
            extra->stopped_link == 0 ? NULL : p2p_engine_peer(engine, extra->stopped_link);
        if (err == P2P_OK && peer != NULL && peer->greeted && !peer->closing &&
            p2p_ungiven_takes(engine, i)) {
            extra->want_link = 0;
            err = p2p_session_want(engine, peer, i);
        }
    }
    return err;
}
