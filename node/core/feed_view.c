#include "feed_view.h"

#include <string.h>

static const char *state_word(const struct p2p_node *node, const struct p2p_feed *feed,
                              uint64_t lag)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    bool rival = feed->number == P2P_CHARTER_FEED && p2p_charter_rival_size(charter) > 0;
    if (feed->state != P2P_FEED_OK) {
        return p2p_engine_fork_taken(node->engine, feed->number) ? "forked" : "quarantined";
    }
    return rival ? "forked" : lag > 0 ? "behind" : "ok";
}

void p2p_feed_view(const struct p2p_node *node, uint32_t feed, struct p2p_feed_view *out)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *held = p2p_ledger_feed(ledger, feed);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(node->engine, feed);
    *out = (struct p2p_feed_view){
        .name = p2p_feed_name(ledger, feed),
        .size = held->edge.size,
        .witnessed = feed == P2P_CHARTER_FEED ? p2p_charter_good_size(ledger->charter)
                     : witnessing != NULL     ? witnessing->quorum_size
                                              : 0,
        .lag = p2p_engine_lag(node->engine, feed),
        .age_ms = p2p_engine_age_ms(node->engine, feed, &node->now),
    };
    out->state = state_word(node, held, out->lag);
}

bool p2p_feed_view_is_forked(const struct p2p_feed_view *view)
{
    return strcmp(view->state, "forked") == 0 || strcmp(view->state, "quarantined") == 0;
}
