/* Addresses: where a member says it listens, the newest `address` record of its feed.
 *
 * A node announces its listeners with its first record and again when they change. An address
 * that cannot be dialled (0.0.0.0, ::) is announced all the same, for people; who dials leaves
 * it out. META holds, under "address/" and the feed's number, the index of the newest one. */
#ifndef P2P_ADDRESS_H
#define P2P_ADDRESS_H

#include <p2p/ledger.h>

/* The content of the newest one as an encoded map, borrowed from the store. P2P_NOTFOUND, also
 * when what says where it stands is damaged: whose feed it is writes it again. */
P2P_MUST_CHECK enum p2p_err p2p_address_newest(const struct p2p_ledger *ledger,
                                               const struct p2p_kv *kv, uint32_t feed,
                                               struct p2p_slice *content);
/* Its peers' listener as `ip:tcp_port`, borrowed; empty when there is none that can be dialled.
 */
struct p2p_slice p2p_address_peers(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                   uint32_t feed);

#endif
