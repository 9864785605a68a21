/* Bounds: what one batch may hand to one link, whoever is at its other end; what an engine
 * keeps from one batch to the next. */
#include "watch.h"

#include <p2p/witness.h>

#define PEER_BYTES_MAX (4u << 20)
/* Of an engine's heap; above what was measured, near enough to find what grows. First itself,
 * and the largest frame. */
#define ENGINE_BYTES_MAX    ((2u << 20) + FOLDED_BYTES + PACKS_BYTES + MARKS_BYTES)
#define FOLDED_BYTES        (32u << 10) /* keys that a pass of the scrubber has folded */
#define PACKS_BYTES         (12u << 10) /* where leaves stand in packs */
#define MARKS_BYTES         (64u << 10) /* room for keys that a large batch marked */
#define FEED_BYTES_MAX      (4u << 10)  /* its edge, heads, newest quorum, and who is asked */
#define PEER_FEED_BYTES_MAX 64u         /* what one peer has of one feed */
#define CIRCLE_BYTES_MAX    (4u << 10)  /* its members, and the set hash of its bans */
#define ENTRY_BYTES_MAX     (8u << 10)  /* of the charter, with what it says */
/* The queue of a feed: checkpoints that have no quorum yet, the heads that they may be of, and
 * for each of its witnesses the cosignatures of those, one of what is to come, and how far it
 * is.
 */
#define QUEUE_BYTES_MAX                                                                        \
    (P2P_CANDIDATES_MAX * sizeof(struct p2p_candidate) +                                       \
     P2P_MARKED_HEADS * sizeof(struct p2p_marked_head))
#define COSIGNER_BYTES_MAX                                                                     \
    (P2P_CANDIDATES_MAX * sizeof(struct p2p_cosigner) + sizeof(struct p2p_cosigned_ahead) +    \
     sizeof(struct p2p_holding))

void watch_bounds(struct sim_watcher *watcher, const struct watch_machine *machine,
                  const struct p2p_actions *actions)
{
    size_t all = 0;
    for (size_t i = 0; i < actions->send_count; i++) {
        all += actions->sends[i].bytes.len;
    }
    if (all <= PEER_BYTES_MAX) {
        return; /* then no link has more */
    }
    for (size_t i = 0; i < actions->send_count; i++) {
        size_t bytes = 0;
        for (size_t n = 0; n < actions->send_count; n++) {
            if (actions->sends[n].link == actions->sends[i].link) {
                bytes += actions->sends[n].bytes.len;
            }
        }
        if (bytes > PEER_BYTES_MAX) {
            sim_violate(watcher->sim, SIM_INVARIANT_BOUNDED,
                        "%s hands %zu bytes to one link in one batch", machine->name, bytes);
            return;
        }
    }
}

void watch_heap(struct sim_watcher *watcher, const struct watch_machine *machine,
                const struct watch_kept *kept)
{
    size_t most = ENGINE_BYTES_MAX + kept->feeds * (FEED_BYTES_MAX + QUEUE_BYTES_MAX) +
                  kept->cosigners * COSIGNER_BYTES_MAX +
                  kept->feeds * P2P_PEERS_MAX * PEER_FEED_BYTES_MAX +
                  kept->circles * CIRCLE_BYTES_MAX + kept->entries * ENTRY_BYTES_MAX;
    if (kept->bytes > most) {
        sim_violate(
            watcher->sim, SIM_INVARIANT_BOUNDED,
            "the engine of %s keeps %zu bytes for %zu feeds, %zu circles and %zu charter "
            "entries, not at most %zu",
            machine->name, kept->bytes, kept->feeds, kept->circles, kept->entries, most);
    }
}
