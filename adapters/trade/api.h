/* The carrier that asks a node's API.
 *
 * A verb becomes a request by one table. Where a step says how to find what it is done to, that
 * is asked for first: one that fits, or the step is ABSENT (none) or REFUSED (several). What
 * takes back (cancel, unassign) is done to all that fit: those of the asking issuer, if some
 * are.
 *
 * What is sent is put into the journal and synced first, and sent again, byte for byte and
 * under the same idempotency key, when a crash or a broken line left it without an answer. With
 * an issuer key of our own a request goes by way of /v1/prepare and /v1/submit: the record is
 * signed here, and one that is handed in twice is one record, for ever. Without a key the node
 * signs with one of its own officers' (over its socket); then the idempotency key alone makes
 * two attempts one, for as long as the node remembers it. */
#ifndef P2P_TRADE_API_H
#define P2P_TRADE_API_H

#include "carrier.h"
#include "http.h"
#include "journal.h"
#include "signer.h"

struct p2p_trade_api {
    struct p2p_trade_http *http; /* borrowed, as all of it */
    struct p2p_journal *journal;
    const struct p2p_trade_signer *signer; /* NULL: the node signs */
    const char *as;                        /* the issuer, or NULL: the node decides */
};

struct p2p_trade_carrier p2p_trade_api_carrier(struct p2p_trade_api *api);

#endif
