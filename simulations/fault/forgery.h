/* Forgeries: runs of records that nobody's engine made, signed with a feed key that is at hand.
 *
 * A forgery stands on the first `from` records of a feed as a machine holds them, and goes on
 * with leaves of its own: at the end of the feed an extension, below it a fork. */
#ifndef SIM_FORGERY_H
#define SIM_FORGERY_H

#include "machine/host.h"

struct sim_forgery {
    uint32_t feed;
    uint64_t from;
    struct p2p_edge edge;
    struct p2p_tree_head head; /* of what was added so far, once signed */
    uint8_t *records;          /* as in a run frame */
    size_t len, cap;
    uint32_t count;
};

/* False when the machine does not hold so much, or its store cannot be read. */
bool sim_forgery_begin(struct sim_forgery *forgery, struct sim_host *holder, uint32_t feed,
                       uint64_t from);
void sim_forgery_deinit(struct sim_forgery *forgery);
/* A note by the node itself: anybody with the feed key can write one. */
void sim_forgery_note(struct sim_forgery *forgery, uint64_t time_ms, const char *text);
/* A record of the same feed again, as it stands there with its payload. False when there is
 * none.
 */
bool sim_forgery_copy(struct sim_forgery *forgery, struct sim_host *holder, uint64_t index);
/* Signs what was added; a frame with it, which the caller frees. */
uint8_t *sim_forgery_sign(struct sim_forgery *forgery, const char *origin,
                          const struct p2p_sigs *sigs, const struct p2p_feed_secret *key,
                          size_t *len);
/* A cosignature over a head, as a frame that the caller frees. */
uint8_t *sim_forgery_cosign(const struct p2p_tree_head *head, uint32_t feed, const char *origin,
                            uint32_t witness, const struct p2p_sigs *sigs,
                            const struct p2p_witness_secret *key, uint64_t time_s, size_t *len);

#endif
