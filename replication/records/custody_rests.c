/* What a step of custody rests on: signed notes it carries. A verdict on one costs several
 * signatures, and the same few are asked about again and again while tokens are folded, so what
 * was found lately is remembered. */
#include "custody_fold.h"

#include <string.h>

/* The size of the quorum-cosigned checkpoint of a feed that a note is; 0: it is none. */
static enum p2p_err cosigned_size(struct p2p_ledger *ledger, uint32_t feed,
                                  struct p2p_slice note, uint64_t *size)
{
    struct p2p_hash hash = p2p_sha256(note);
    struct p2p_rested *memo = &ledger->rested[hash.bytes[0] % P2P_RESTED_MAX];
    uint64_t charter_size = p2p_charter_size(ledger->charter);
    uint64_t good_size = p2p_charter_good_size(ledger->charter);
    if (memo->known && memo->feed == feed && memo->charter_size == charter_size &&
        memo->good_size == good_size && p2p_hash_equal(&memo->note, &hash)) {
        *size = memo->size;
        return P2P_OK;
    }
    uint64_t found = 0;
    enum p2p_err err = p2p_charter_cosigned(ledger->charter, ledger->sigs, feed, note, &found);
    if (err == P2P_NOMEM) {
        return err;
    }
    *memo = (struct p2p_rested){.known = true,
                                .feed = feed,
                                .charter_size = charter_size,
                                .good_size = good_size,
                                .note = hash,
                                .size = found};
    *size = found;
    return P2P_OK;
}

enum p2p_err p2p_custody_rests_on(struct p2p_ledger *ledger, uint32_t feed, uint64_t index,
                                  struct p2p_slice note, bool *rests)
{
    uint64_t size = 0;
    enum p2p_err err = cosigned_size(ledger, feed, note, &size);
    if (err == P2P_OK) {
        *rests = size > index;
    }
    return err;
}

enum p2p_err p2p_custody_rests_any(struct custody_trace *trace, uint32_t feed, uint64_t index,
                                   struct p2p_slice rests, bool *found)
{
    struct p2p_unpack in;
    enum p2p_err err = P2P_OK;
    *found = false;
    p2p_unpack_init(&in, rests);
    uint32_t count = rests.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK && !*found; i++) {
        uint64_t size = 0;
        struct p2p_slice note = p2p_unpack_bin(&in);
        err = cosigned_size(trace->ledger, feed, note, &size);
        *found = err == P2P_OK && size > index;
        trace->waits = trace->waits || size == 0;
    }
    return err;
}
