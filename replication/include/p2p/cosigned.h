/* A checkpoint of a feed with its cosignatures, as a value: how it is stored, and as a signed
 * note.
 *
 * What a node gathers until it is one, and which cosignatures count, is p2p/witness.h. */
#ifndef P2P_COSIGNED_H
#define P2P_COSIGNED_H

#include <p2p/charter.h>
#include <p2p/kv.h>

struct p2p_cosigned {
    uint64_t size;
    struct p2p_hash root;
    struct p2p_signature log; /* the feed's own signature over it, when has_log */
    bool has_log;
    uint32_t count;
    uint32_t witnesses[P2P_COSIGNERS_MAX]; /* whose the cosignatures are */
    struct p2p_cosignature cosignatures[P2P_COSIGNERS_MAX];
};

/* As a row: format 1, size u64, root 32, signature of the feed 64, count u8, then count times:
 * witness u32, time u64, signature 64. */
#define P2P_COSIGNED_BYTES_MAX                                                                 \
    (1u + 8u + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES + 1u +                                     \
     P2P_COSIGNERS_MAX * (4u + 8u + P2P_SIGNATURE_BYTES))
/* Returns the length. */
size_t p2p_cosigned_encode(const struct p2p_cosigned *cosigned,
                           uint8_t bytes[P2P_COSIGNED_BYTES_MAX]);
/* P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_cosigned_decode(struct p2p_cosigned *out,
                                                struct p2p_slice bytes);

/* The stored quorum with its cosignatures. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_quorum_load(struct p2p_cosigned *out, const struct p2p_kv *kv,
                                            uint32_t feed);
/* The seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_quorum_store(const struct p2p_cosigned *quorum,
                                             const struct p2p_kv *kv, uint32_t feed);
/* A head and its cosignatures as a signed note, with lines in their order; returns its length
 * in *len. P2P_UNKNOWN (no such feed), P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_cosigned_note(const struct p2p_charter *charter, uint32_t feed,
                                              const struct p2p_cosigned *cosigned, char *out,
                                              size_t cap, size_t *len);
/* The stored quorum-cosigned checkpoint of a feed as a signed note; returns its length in *len.
 */
P2P_MUST_CHECK enum p2p_err p2p_quorum_note(const struct p2p_charter *charter,
                                            const struct p2p_kv *kv, uint32_t feed, char *out,
                                            size_t cap, size_t *len);

#endif
