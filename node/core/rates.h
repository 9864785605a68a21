/* Rates: how often each caller from outside asks, in token buckets. Private to node/core and
 * node/api; the writer's thread.
 *
 * P2P_RATE_CALLERS_MAX callers are remembered, in sets of P2P_RATE_WAYS; whoever asked longest
 * ago in its set makes room for a new one and begins anew, with a full bucket: with more
 * callers at once than that a bound may be overstepped, and none is ever refused for it. */
#ifndef P2P_RATES_H
#define P2P_RATES_H

#include <p2p/base.h>

#define P2P_RATE_CALLERS_MAX 1024u
#define P2P_RATE_WAYS        8u
#define P2P_RATE_SORTS_MAX   5u

struct p2p_rates;
P2P_MUST_CHECK enum p2p_err p2p_rates_open(struct p2p_rates **out);
void p2p_rates_close(struct p2p_rates *rates); /* accepts NULL */

/* Takes one request of a sort (< P2P_RATE_SORTS_MAX) for a caller (never 0). 0: it may; else
 * the milliseconds until it may, and nothing is taken. per_s, burst: at least 1. */
uint64_t p2p_rates_take(struct p2p_rates *rates, uint64_t caller, unsigned sort, uint32_t per_s,
                        uint32_t burst, uint64_t now_ms);
/* What was taken turned out to be so many requests more: they are taken as well, from those to
 * come where there are not enough, though never from more than a full bucket of them. */
void p2p_rates_owe(struct p2p_rates *rates, uint64_t caller, unsigned sort, uint64_t requests,
                   uint32_t burst);

#endif
