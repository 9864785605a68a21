/* Tokens: keyed pseudonyms of identifiers of persons, cards, documents and plates.
 *
 * token = first 16 bytes of BLAKE2b-256(key = circle key, "port2port/v1/token" NUL || epoch u32
 * || 16-bit length || type || identifier in its normal form). They protect against outsiders
 * and stolen disks, not against who holds the circle key. The key stays inside the node. */
#ifndef P2P_TOKEN_H
#define P2P_TOKEN_H

#include <p2p/base.h>

#define P2P_TOKEN_BYTES      16u
#define P2P_CIRCLE_KEY_BYTES 32u

struct p2p_token {
    uint8_t bytes[P2P_TOKEN_BYTES];
};

struct p2p_circle_key {
    uint8_t bytes[P2P_CIRCLE_KEY_BYTES];
};

/* type: at most 65,535 bytes, as identifier in the form that p2p_subject_parse gives
 * (replication/); neither is looked at here. */
struct p2p_token p2p_token_of(const struct p2p_circle_key *key, uint32_t epoch,
                              struct p2p_slice type, struct p2p_slice identifier);
/* What the charter holds of a circle key: SHA256("port2port/v1/circle-key" NUL || key). */
struct p2p_hash p2p_circle_key_hash(const struct p2p_circle_key *key);

#endif
