/* The start-up rule: a node that began with an empty store is complete once it has reached what
 * its own witnesses named. */
#include "engine_parts.h"

/* WIRE.md section 15: complete once every size is reached that n-k+1+f of the own witnesses
 * named in their hello. */
void p2p_session_check_complete(struct p2p_engine *engine)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    if (engine->complete || engine->feed == 0 || info == NULL) {
        return;
    }
    uint32_t n = info->witness_count;
    uint32_t needed = p2p_witness_answers(n);
    uint32_t reached = 0;
    for (uint32_t i = 0; i < n; i++) {
        reached += engine->greeted_witnesses[i] != 0 &&
                   engine->greeted_witnesses[i] == p2p_witness_member(info->witnesses[i]) &&
                   engine->unreached[i] == 0;
    }
    engine->complete = reached >= needed;
}

/* Counts, for one witness, the feeds whose named size is not reached yet. */
void p2p_session_follow_witness(struct p2p_engine *engine, const struct p2p_peer *peer)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    int place = info == NULL ? -1 : p2p_witness_place(info, peer->member);
    if (engine->complete || engine->feed == 0 || place < 0 || !peer->greeted) {
        return;
    }
    uint32_t unreached = 0;
    for (uint32_t i = 0; i < engine->extra_count && i < peer->feed_cap; i++) {
        const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, i);
        unreached += peer->feeds[i].hello_size > held->edge.size && held->state == P2P_FEED_OK;
    }
    engine->greeted_witnesses[place] = peer->member;
    engine->unreached[place] = unreached + peer->hello_unknown;
    p2p_session_check_complete(engine);
}
