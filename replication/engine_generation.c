/* Generations: sealing those that the charter closed. */
#include "engine_parts.h"

/* Whether this member is among those whose `seen` of the closing entry seals the feed. */
static bool seals(const struct p2p_engine *engine, const struct p2p_feed_info *info)
{
    if (p2p_witness_place(info, engine->member) >= 0) {
        return true;
    }
    for (uint32_t i = 0; i < info->former_count; i++) {
        if (p2p_witness_member(info->former_witnesses[i]) == engine->member) {
            return true;
        }
    }
    return false;
}

enum p2p_err p2p_generation_seal(struct p2p_engine *engine)
{
    uint64_t seen = engine->extras[P2P_CHARTER_FEED].seen_size;
    if (engine->read_only != P2P_READ_ONLY_NONE || engine->feed == 0 ||
        p2p_charter_good_size(engine->ledger.charter) <= seen) {
        return P2P_OK;
    }
    for (uint32_t i = 1; i < engine->extra_count; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, i);
        if (info != NULL && info->closed != 0 && info->closed >= seen && seals(engine, info)) {
            return p2p_append_seen(engine);
        }
    }
    return P2P_OK;
}
