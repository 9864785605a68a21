/* The newest quorum of a feed as a signed note. */
#include <p2p/witness.h>

/* The newest quorum there is, which may not be stored yet. */
static enum p2p_err newest_quorum(const struct p2p_witnessing *witnessing,
                                  const struct p2p_feed *feed, const struct p2p_kv *kv,
                                  struct p2p_cosigned *out)
{
    enum p2p_err err = witnessing->quorum_dirty
                           ? p2p_witnessing_quorum(witnessing, feed, kv, out)
                           : P2P_NOTFOUND;
    if (err != P2P_NOTFOUND) {
        return err;
    }
    return p2p_quorum_load(out, kv, feed->number);
}

enum p2p_err p2p_witnessing_note(const struct p2p_witnessing *witnessing,
                                 const struct p2p_charter *charter, const struct p2p_feed *feed,
                                 const struct p2p_kv *kv, char *out, size_t cap, size_t *len)
{
    struct p2p_cosigned quorum;
    enum p2p_err err = newest_quorum(witnessing, feed, kv, &quorum);
    return err == P2P_OK ? p2p_cosigned_note(charter, feed->number, &quorum, out, cap, len)
                         : err;
}

/* Of witnesses that held at charter size `from` or later. */
static bool is_quorum(const struct p2p_cosigned *cosigned, const struct p2p_charter *charter,
                      uint32_t feed, uint64_t from)
{
    return p2p_charter_quorum(charter, feed, cosigned->witnesses, cosigned->count) &&
           p2p_charter_quorum_between(charter, feed, cosigned->witnesses, cosigned->count, from,
                                      p2p_charter_size(charter));
}

/* Leaves out each cosignature, the last ones first, without which the rest are a quorum still.
 */
static void leave_out(struct p2p_cosigned *quorum, const struct p2p_charter *charter,
                      uint64_t from, uint32_t feed)
{
    for (uint32_t i = quorum->count; i-- > 0;) {
        struct p2p_cosigned fewer = *quorum;
        fewer.count--;
        for (uint32_t j = i; j < fewer.count; j++) {
            fewer.witnesses[j] = quorum->witnesses[j + 1];
            fewer.cosignatures[j] = quorum->cosignatures[j + 1];
        }
        if (is_quorum(&fewer, charter, feed, from)) {
            *quorum = fewer;
        }
    }
}

enum p2p_err p2p_witnessing_short_note(const struct p2p_witnessing *witnessing,
                                       const struct p2p_charter *charter, uint64_t from,
                                       const struct p2p_feed *feed, const struct p2p_kv *kv,
                                       char *out, size_t cap, size_t *len)
{
    struct p2p_cosigned quorum;
    enum p2p_err err = newest_quorum(witnessing, feed, kv, &quorum);
    if (err != P2P_OK) {
        return err;
    }
    leave_out(&quorum, charter, from, feed->number);
    return p2p_cosigned_note(charter, feed->number, &quorum, out, cap, len);
}
