/* From which record of a feed on this node cosigns nothing, since a token whose holder the
 * charter replaced, or which it settled away, was let go there (records/custody_bar.c).
 *
 * It is asked before each cosignature, and entries about tokens are never forgotten: what was
 * found is remembered for each feed, until the charter, what this node said of it, or what
 * that feed wrote about such a token is more. */
#include "engine_parts.h"

#include <p2p/custody.h>

/* What was found counts for this charter, and for what this node said of it. */
static void keep_fresh(struct p2p_engine *engine)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    struct p2p_seals *seals = &engine->seals;
    uint64_t said = engine->extras[P2P_CHARTER_FEED].seen_size;
    if (seals->witness != engine->feed || seals->charter_size != p2p_charter_size(charter) ||
        seals->good_size != p2p_charter_good_size(charter) || seals->said != said) {
        p2p_feed_set_clear(&seals->looked);
        seals->witness = engine->feed;
        seals->charter_size = p2p_charter_size(charter);
        seals->good_size = p2p_charter_good_size(charter);
        seals->said = said;
    }
}

bool p2p_engine_bars(const struct p2p_engine *engine, uint32_t feed)
{
    return feed < engine->extra_count && p2p_feed_set_has(&engine->seals.looked, feed) &&
           engine->extras[feed].barred_from != UINT64_MAX;
}

enum p2p_err p2p_seal_forbids(struct p2p_engine *engine, uint32_t feed, uint64_t size,
                              bool *forbidden)
{
    struct p2p_seals *seals = &engine->seals;
    struct p2p_feed_set *let_go = &engine->ledger.let_go;
    uint64_t *from = &engine->extras[feed].barred_from;
    keep_fresh(engine);
    if (!p2p_feed_set_has(&seals->looked, feed) || p2p_feed_set_has(let_go, feed)) {
        struct p2p_barred barred;
        enum p2p_err err = p2p_custody_barred(&engine->ledger, engine->feed, feed, &barred);
        if (err != P2P_OK) {
            return err;
        }
        *from = barred.from;
        p2p_feed_set_add(&seals->looked, feed);
        p2p_feed_set_remove(let_go, feed);
    }
    *forbidden = size > *from;
    return P2P_OK;
}
