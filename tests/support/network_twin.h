/* A node as it was at one moment, and started over from there: a backup put back, or a thief
 * who has its store and keys and signs another history. */
#ifndef NETWORK_TWIN_H
#define NETWORK_TWIN_H

#include "network.h"

#include <p2p/forked.h>

struct network_moment {
    struct memory_kv *kv;
    struct p2p_engine_options options; /* with the checkpoint copy of that moment */
};

/* Has to be given to one of the next three. */
struct network_moment network_moment(const struct network *net, uint32_t node);
void network_moment_deinit(struct network_moment *moment);
/* The node dies and starts from that moment, its checkpoint copy included; that its witness key
 * signs what it should is looked at from now on. Takes the moment. */
void network_start_over(struct network *net, uint32_t node, struct network_moment *moment);
/* The node dies and starts with the store of that moment, and the copy that it has. Takes the
 * moment. */
void network_put_back(struct network *net, uint32_t node, struct network_moment *moment);

/* What a node has of a feed with two histories; CHECKs that it knows of them. */
struct p2p_forked network_forked(const struct network *net, uint32_t node, uint32_t feed);
enum p2p_feed_state network_feed_state(const struct network *net, uint32_t node, uint32_t feed);
/* How many `fork` records stand in a node's own feed. */
unsigned network_forks_by(const struct network *net, uint32_t node);

#endif
