/* What a root cosigned: one root hash for each size of a federation's charter. Private.
 *
 * A text file `<rootkey>.signed`: lines `<federation id> <size> <root hash>`, hex, ascending by
 * time of signing. A missing file means nothing was cosigned. */
#ifndef SIGNED_H
#define SIGNED_H

#include <p2p/file.h>

/* Durable once P2P_OK is returned; P2P_OK also for what stands there already. P2P_REFUSED:
 * another hash for this size stands there. P2P_MALFORMED: the file is damaged. P2P_LOCKED,
 * P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err signed_remember(const char *root_key,
                                            const struct p2p_hash *federation_id, uint64_t size,
                                            const struct p2p_hash *root, char *message,
                                            size_t message_cap);

#endif
