#include <p2p/anchor.h>

#include <string.h>

enum p2p_err p2p_charter_anchor(const struct p2p_charter *charter,
                                const struct p2p_trust *trust, const struct p2p_sigs *sigs,
                                uint64_t *version)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, P2P_CHARTER_FEED);
    const struct p2p_vkey *log =
        info == NULL ? NULL : p2p_trust_log(trust, p2p_slice_text(info->origin));
    if (log == NULL) {
        return P2P_UNKNOWN;
    }
    if (memcmp(log->public_key, info->key.bytes, P2P_PUBLIC_BYTES) != 0) {
        return P2P_BADKEY;
    }
    for (uint64_t size = p2p_charter_good_size(charter); size > 0; size--) {
        struct p2p_slice leaf, note;
        struct p2p_checkpoint checkpoint;
        if (p2p_charter_entry(charter, size - 1, &leaf, &note) == P2P_OK &&
            p2p_trust_verify(trust, sigs, note, &checkpoint) == P2P_OK) {
            *version = size;
            return P2P_OK;
        }
    }
    return P2P_QUORUM;
}

const char *p2p_anchor_text(enum p2p_err err)
{
    switch (err) {
    case P2P_UNKNOWN:
        return "the charter is another federation's than the trust file names";
    case P2P_BADKEY:
        return "the charter's key is not the one that the trust file names";
    default:
        return "no version of the charter is cosigned by the roots that the trust file names";
    }
}
