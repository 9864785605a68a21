/* What a step of custody rests on: signed notes it carries.
 *
 * A note is good for ever under some set of witnesses that a feed had (charter.h), also under
 * one that was replaced long ago. For custody that is too much: those who never heard of it
 * could go on deciding who holds a container, unseen by whoever witnesses the feed now. So
 * here the set has to have held at some version of the charter between what the feed itself had
 * named, below what is rested on, and what the author of the step knew. Both stand in records
 * that are held when the step is judged, so that who once found it good finds it good for ever.
 *
 * A verdict on a note costs several signatures, and the same few are asked about again and
 * again while tokens are folded, so what was found lately is remembered. */
#include "custody_fold.h"

#include <p2p/planted.h>

#include <string.h>

/* The size of the checkpoint of a feed that a note is, cosigned by a quorum of witnesses that
 * held at charter sizes [from, to]; 0: it is none. */
static enum p2p_err cosigned_size(struct p2p_ledger *ledger, uint32_t feed,
                                  struct p2p_slice note, uint64_t from, uint64_t to,
                                  uint64_t *size)
{
    struct p2p_hash hash = p2p_sha256(note);
    struct p2p_rested *memo = &ledger->rested[hash.bytes[0] % P2P_RESTED_MAX];
    const struct p2p_charter *charter = ledger->charter;
    struct p2p_cosigners by = {.size = 0};
    if (memo->known && memo->feed == feed && memo->charter_size == p2p_charter_size(charter) &&
        memo->good_size == p2p_charter_good_size(charter) && memo->from == from &&
        memo->to == to && p2p_hash_equal(&memo->note, &hash)) {
        *size = memo->size;
        return P2P_OK;
    }
    enum p2p_err err = p2p_charter_cosigners(charter, ledger->sigs, feed, note, &by);
    if (err == P2P_NOMEM) {
        return err;
    }
    bool good = err == P2P_OK &&
                (P2P_PLANT(QUORUM_LESS) ||
                 p2p_charter_quorum_between(charter, feed, by.witnesses, by.count, from, to));
    *memo = (struct p2p_rested){.known = true,
                                .feed = feed,
                                .charter_size = p2p_charter_size(charter),
                                .good_size = p2p_charter_good_size(charter),
                                .from = from,
                                .to = to,
                                .note = hash,
                                .size = good ? by.size : 0};
    *size = memo->size;
    return P2P_OK;
}

enum p2p_err p2p_custody_rests_on(struct p2p_ledger *ledger, uint32_t feed, uint64_t index,
                                  uint64_t known, struct p2p_slice note, bool *rests)
{
    uint64_t size = 0;
    uint64_t named = 0;
    enum p2p_err err = p2p_known_named(ledger, feed, index, P2P_CHARTER_FEED, &named);
    if (err == P2P_OK) {
        err = cosigned_size(ledger, feed, note, named, known, &size);
    }
    if (err == P2P_OK) {
        *rests = size > index;
    }
    return err;
}

enum p2p_err p2p_custody_rests_any(struct custody_trace *trace, uint32_t feed, uint64_t index,
                                   uint64_t known, struct p2p_slice rests, bool *found)
{
    struct p2p_unpack in;
    enum p2p_err err = P2P_OK;
    *found = false;
    p2p_unpack_init(&in, rests);
    uint32_t count = rests.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK && !*found; i++) {
        struct p2p_slice note = p2p_unpack_bin(&in);
        err = p2p_custody_rests_on(trace->ledger, feed, index, known, note, found);
        trace->waits = trace->waits || !*found;
    }
    return err;
}
