/* Rows of SEEN: one for each claim of a `seen` record. Private to known.c, which looks them up,
 * known_settle.c, which looks again at what could not be refuted, and known_compare.c, which
 * the scrubber asks. */
#ifndef P2P_KNOWN_CLAIM_H
#define P2P_KNOWN_CLAIM_H

#include <p2p/ledger.h>

/* At most so many rows are read to answer what was known at a place, so a claim says nothing
 * about records behind so many later ones of the same author about the same feed. */
#define P2P_CLAIMS_LOOKED_AT 64u

enum p2p_claim_state { P2P_CLAIM_OPEN, P2P_CLAIM_TRUE, P2P_CLAIM_FALSE };

struct p2p_claim {
    enum p2p_claim_state state;
    uint64_t size;
    uint64_t highest; /* the largest size in rows before this one, whatever their state */
    struct p2p_hash root;
};

/* by u32, of u32, complement of index u64: the newest row is the first at or after a seek. */
#define P2P_CLAIM_KEY_BYTES 16u
struct p2p_slice p2p_claim_key(uint8_t out[P2P_CLAIM_KEY_BYTES], uint32_t by, uint32_t of,
                               uint64_t below);
/* The claim at the row found, if it still is one by `by` about `of`. P2P_NOTFOUND, P2P_CORRUPT.
 */
P2P_MUST_CHECK enum p2p_err p2p_claim_read(struct p2p_slice found, struct p2p_slice value,
                                           uint32_t by, uint32_t of, struct p2p_claim *claim);
/* The newest claim by `by` about `of` at or below an index, and the index of its record.
 * P2P_NOTFOUND: none. P2P_CORRUPT, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_claim_below(const struct p2p_kv *kv, uint32_t by, uint32_t of,
                                            uint64_t below, struct p2p_claim *claim,
                                            uint64_t *index);
/* The oldest such row above the one at index and below end, or end. Rows are found from the
 * newest down alone, so it is searched for. */
P2P_MUST_CHECK enum p2p_err p2p_claim_above(const struct p2p_kv *kv, uint32_t by, uint32_t of,
                                            uint64_t index, uint64_t end, uint64_t *out);
P2P_MUST_CHECK enum p2p_err p2p_claim_put(struct p2p_ledger *ledger, uint32_t by,
                                          uint64_t index, uint32_t of,
                                          const struct p2p_claim *claim);
/* Compares a claim with what is held of the feed it is about, and sets its state. */
P2P_MUST_CHECK enum p2p_err p2p_claim_look(const struct p2p_ledger *ledger, uint32_t of,
                                           struct p2p_claim *claim);

/* Whether a root decides the claim. If not, sets its state: it is of no prefix, or of more than
 * is held. */
bool p2p_claim_is_of_held(const struct p2p_ledger *ledger, uint32_t of,
                          struct p2p_claim *claim);

/* claim: its size and root; the rest is set. */
typedef enum p2p_err p2p_on_claim(struct p2p_ledger *ledger, uint32_t by, uint64_t index,
                                  uint32_t of, struct p2p_claim *claim);
/* Every entry of a `seen` that says anything: not about its own feed, and not of nothing. */
P2P_MUST_CHECK enum p2p_err p2p_claim_each(struct p2p_ledger *ledger, uint32_t by,
                                           uint64_t index, struct p2p_slice content,
                                           p2p_on_claim *act);
/* Looks at one and stores it. */
P2P_MUST_CHECK enum p2p_err p2p_claim_apply(struct p2p_ledger *ledger, uint32_t by,
                                            uint64_t index, uint32_t of,
                                            struct p2p_claim *claim);

/* ---- known_settle.c ---- */

/* Open claims are found again when the feed they are about has grown. */
P2P_MUST_CHECK enum p2p_err p2p_claim_note_open(struct p2p_ledger *ledger, uint32_t by,
                                                uint64_t index, uint32_t of, uint64_t size);
P2P_MUST_CHECK enum p2p_err p2p_claim_drop_open(struct p2p_ledger *ledger, uint32_t by,
                                                uint64_t index, uint32_t of, uint64_t size);

#endif
