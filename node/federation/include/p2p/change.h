/* A change to the charter while it is put together: packed ops, at most one entry's worth. */
#ifndef P2P_CHANGE_H
#define P2P_CHANGE_H

#include <p2p/charter_op.h>

/* Room for ops in one entry. */
#define P2P_CHANGE_BYTES_MAX (P2P_BODY_BYTES_MAX - 64u)

struct p2p_change {
    uint8_t *bytes;
    struct p2p_pack ops; /* pack one op, then call p2p_change_count */
    uint32_t count;
    size_t good_bytes; /* of the counted ops */
};

P2P_MUST_CHECK enum p2p_err p2p_change_init(struct p2p_change *change);
void p2p_change_deinit(struct p2p_change *change); /* accepts a zeroed object */
/* Forgets all ops. */
void p2p_change_reset(struct p2p_change *change);
/* Counts the op just packed. P2P_TOOLARGE when it did not fit: the change holds then what it
 * held. */
P2P_MUST_CHECK enum p2p_err p2p_change_count(struct p2p_change *change);

#endif
