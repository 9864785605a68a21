/* Signing a join; reading and writing one is public (member_init.h). Private. */
#ifndef JOIN_H
#define JOIN_H

#include <p2p/member_init.h>

/* Fills the three proofs with keys of keydir. */
P2P_MUST_CHECK enum p2p_err p2p_join_prove(struct p2p_join *join, struct p2p_keydir *keydir,
                                           char *message, size_t message_cap);

#endif
