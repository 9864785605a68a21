/* Renewal: what a member asks of the federation when it needs its next generation.
 *
 * A node that was restored or forked makes a feed key and a witness key for the generation
 * after its newest in DIR/keys/{feed,witness}-G.key, and writes what the roots need of them:
 *
 *     {"federation", "federation_id", "member", "generation",
 *      "feed", "witness": base64 public keys,
 *      "proofs": {"feed", "witness", "transport": base64 signatures}}
 *
 * Each of the two keys, and the transport key that the charter names for the member, signs
 * prefix "join" and the origin of the feed to be, then the federation id and the map {feed,
 * witness}: who asks is that member, and holds the keys. Source: replication/WIRE.md section 8.
 * Not on the loop's thread. */
#ifndef P2P_RENEWAL_H
#define P2P_RENEWAL_H

#include <p2p/charter.h>
#include <p2p/keydir.h>

struct p2p_renewal {
    char federation[P2P_FEDERATION_BYTES_MAX + 1];
    struct p2p_hash federation_id;
    char member[P2P_NAME_BYTES_MAX + 1];
    uint32_t generation; /* that it asks for */
    struct p2p_feed_public feed_key;
    struct p2p_witness_public witness_key;
    struct p2p_signature feed_proof;
    struct p2p_signature witness_proof;
    struct p2p_signature transport_proof;
};

/* Makes the two keys under the passphrase last unlocked in keydir, or takes those that are
 * there, and signs. The federation, member and generation stand in renewal already; the rest is
 * filled in. P2P_LOCKED, P2P_FULL, P2P_IO and those of p2p_keydir_load. */
P2P_MUST_CHECK enum p2p_err p2p_renewal_make(struct p2p_renewal *renewal,
                                             struct p2p_keydir *keydir, char *message,
                                             size_t message_cap);
P2P_MUST_CHECK enum p2p_err p2p_renewal_write(const struct p2p_renewal *renewal,
                                              const char *path, char *message,
                                              size_t message_cap);
/* P2P_NOTFOUND, P2P_MALFORMED, P2P_IO. Proofs are for p2p_renewal_verify. */
P2P_MUST_CHECK enum p2p_err p2p_renewal_read(struct p2p_renewal *renewal, const char *path,
                                             char *message, size_t message_cap);
/* Whether the keys are admissible and the proofs theirs and this member's. P2P_BADKEY,
 * P2P_BADSIG. */
P2P_MUST_CHECK enum p2p_err p2p_renewal_verify(const struct p2p_renewal *renewal,
                                               const struct p2p_transport_public *transport,
                                               char *message, size_t message_cap);

#endif
