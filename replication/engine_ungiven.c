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

static bool is_witness(const struct p2p_feed_info *info, uint32_t witness)
{
    for (uint32_t i = 0; i < info->witness_count; i++) {
        if (info->witnesses[i] == witness) {
            return true;
        }
    }
    return false;
}

/* The largest size that more witnesses than may lie have cosigned, of more than is held; W of a
 * forked feed. 0: no more than is held. */
static uint64_t vouched_size(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    const struct p2p_cosigned_ahead *ahead = engine->extras[feed].witnessing.ahead;
    uint64_t best = 0;
    if (p2p_fork_open(engine, feed)) {
        return held->ends_at;
    }
    for (size_t i = 0; info != NULL && i < P2P_COSIGNERS_MAX; i++) {
        uint32_t as_far = 0;
        for (size_t j = 0; ahead[i].size > best && j < P2P_COSIGNERS_MAX; j++) {
            as_far += ahead[j].size >= ahead[i].size && is_witness(info, ahead[j].witness);
        }
        if (as_far > p2p_witness_faults(info->witness_count)) {
            best = ahead[i].size;
        }
    }
    return best > held->edge.size ? best : 0;
}

void p2p_ungiven_stopped(struct p2p_engine *engine, const struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    uint64_t held = p2p_ledger_feed(&engine->ledger, feed)->edge.size;
    if (extra->stopped_since_ms == 0 || extra->stopped_at != held) {
        extra->stopped_since_ms = engine->now.mono_ms;
        extra->stopped_at = held;
    }
    extra->stopped_link = peer->link;
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
    for (uint32_t i = 1; i < engine->extra_count && err == P2P_OK; i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        if (extra->stopped_since_ms == 0) {
            continue;
        }
        if (p2p_ledger_feed(&engine->ledger, i)->edge.size != extra->stopped_at) {
            extra->stopped_since_ms = 0;
            continue;
        }
        uint64_t due_ms = extra->stopped_since_ms + P2P_UNGIVEN_AFTER_MS;
        if (engine->now.mono_ms < due_ms) {
            p2p_wake_at(wake_ms, due_ms);
            continue;
        }
        extra->bare_until = vouched_size(engine, i);
        extra->stopped_since_ms = 0; /* the next gap begins it again */
        struct p2p_peer *peer =
            extra->stopped_link == 0 ? NULL : p2p_engine_peer(engine, extra->stopped_link);
        if (peer != NULL && peer->greeted && !peer->closing && p2p_ungiven_takes(engine, i)) {
            extra->want_link = 0;
            err = p2p_session_want(engine, peer, i);
        }
    }
    return err;
}
