/* Damage on the disk below a node, as the scrubber found it.
 *
 * The scrubber reads everything that is stored, a little at a time, and compares it: leaves
 * with the signed heads, hashes with the leaves, payloads with their commitments, and what
 * follows from records with the same computed once more. Hashes and what follows are mended at
 * once; but a claim of a `seen` that stands as true is computed again only in one of
 * P2P_SCRUB_CLAIM_PASSES passes, and where damage is suspected. Records and payloads are
 * fetched again from peers and take their places only when they lead to the head that is held.
 * While such damage is known, and while it is only known that there is some, the node signs,
 * cosigns, acknowledges, takes and sends nothing, and its gate allows nothing (`refer`, code
 * `incomplete`).
 *
 * What the store itself finds spoiled (p2p_kv_sweep) it mends itself, where it can. Where rows
 * are gone, passes over everything follow one another, with all signatures, until one of them
 * finds nothing to put again.
 *
 * A whole pass of a large store takes hours: P2P_SCRUB_RECORDS or P2P_SCRUB_BYTES each
 * P2P_SCRUB_EVERY_MS while nothing else is to be done, and each P2P_SCRUB_BUSY_MS otherwise.
 * After a pass it rests. Where it is stands in the store, so that a restart goes on. */
#ifndef P2P_DAMAGE_H
#define P2P_DAMAGE_H

#include <p2p/kv.h>

#define P2P_SCRUB_RECORDS        64u           /* looked at in one step */
#define P2P_SCRUB_BYTES          (64u * 1024u) /* of leaves and payloads, likewise */
#define P2P_SCRUB_URGENT_RECORDS 4096u         /* in one step, while there is unknown damage */
#define P2P_SCRUB_EVERY_MS       50u
#define P2P_SCRUB_BUSY_MS        1000u
#define P2P_SCRUB_REST_MS        3600000u /* between passes */
#define P2P_SCRUB_AGAIN_MS       5000u    /* between passes while there is unknown damage */
#define P2P_SCRUB_PLACE_MS       60000u   /* the place is stored so often */
#define P2P_SCRUB_CLAIM_PASSES   8u
/* So many bytes of rows are looked at in place of one record. */
#define P2P_SCRUB_ROW_BYTES 4096u

struct p2p_damage {
    bool is_known;     /* and not repaired: see above */
    bool is_suspected; /* where is still being looked for */
    uint32_t holes;    /* feeds with damaged records or payloads that peers are asked for */
    /* Bans, blocks and releases of a forked feed that only this node kept, and that are gone:
     * its gate allows nothing any more, until its store is taken back from peers. */
    uint64_t lost_bans;
    /* The newest that was found, repaired or not; count_found 0: none. */
    enum p2p_table table;
    uint32_t feed; /* RECORD, HASH, PAYLOAD, CHECKPOINT */
    uint64_t index;
    uint8_t key[P2P_KV_KEY_BYTES_MAX]; /* the row of any other table */
    size_t key_len;
    /* Since the engine was opened. */
    uint64_t scrubbed_bytes, scrubbed_records, passes;
    uint64_t count_found, count_repaired;
};

/* Before an engine is opened over a store of which something could not be read: mends that
 * (p2p_kv_mend), and where rows are gone notes in the store that they are, so that the engine
 * allows and signs nothing until they were derived or fetched again. kv: of a transaction that
 * writes. *out is set. */
P2P_MUST_CHECK enum p2p_err p2p_damage_mend(const struct p2p_kv *kv, struct p2p_kv_mended *out);

#endif
