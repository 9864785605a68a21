/* What the past has to say: a fresh ledger takes exactly the records below a horizon, and the
 * past, moved there, has to answer as it does. */
#ifndef PAST_ORACLE_H
#define PAST_ORACLE_H

#include "ledger_node.h"

#include <p2p/past.h>

enum { PAST_FEEDS = LEDGER_WORLD_FEEDS + 1 }; /* with the charter, which is 0 */

/* How often what should come up came up. */
struct past_met {
    unsigned values, reasons, forked, closed, rescued, lifted, suspended, without_effect;
    unsigned custody, frozen, passed, carried, rights, walked, leaves;
};

/* Moves the past to a horizon and CHECKs that forks, answers of a gate, verdicts, what is
 * known, views, walks and digests are those of a fresh ledger; met is added to. Of a feed that
 * no entry below the horizon names nothing is taken. */
void past_oracle_check(struct p2p_past *past, const struct ledger_world *world,
                       const uint64_t wanted[PAST_FEEDS], struct past_met *met);
/* Values of one view alone, in order. */
void past_oracle_view(const struct ledger_world *world, const struct p2p_kv *then,
                      const struct p2p_kv *fresh, enum p2p_view_number view, uint32_t circle,
                      struct past_met *met);
/* The horizon of everything written. */
void past_oracle_sizes(const struct ledger_world *world, uint64_t sizes[PAST_FEEDS]);

#endif
