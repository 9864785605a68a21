/* The lines between machines: long-lived streams, as node/transport makes them.
 *
 * A stream keeps order and loses nothing while it stands: what a lossy line loses is sent again
 * and comes later. What cuts a line ends the stream on both sides, at different times. Of each
 * pair the smaller member name dials, the other one after five seconds without a session; only
 * who is pinned by the charter is let in. A pair of which neither wants the other's link, in a
 * partial view, does not dial. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "chance.h"
#include "schedule.h"

#include <p2p/base.h>

/* What goes wrong with lines. The system promises: nothing here loses, doubles or reorders the
 * effect of a record; after the lines are whole again all honest nodes hold the same within 60
 * simulated seconds. A line that is silent one way is found by the pings of the transport. */
struct sim_network_options {
    uint32_t delay_us;         /* one way, half of it at least, twice of it at most */
    uint32_t loss_permille;    /* of messages: each loss delays what follows by a resend */
    uint32_t bytes_per_ms;     /* of a slow line; 0: lines are never the limit */
    uint32_t slow_permille;    /* of lines */
    uint64_t reset_mean_us;    /* between streams that break; 0: never */
    uint64_t cut_mean_us;      /* between partitions; 0: never */
    uint64_t cut_length_us;    /* mean */
    uint32_t one_way_permille; /* of partitions: only one direction is cut */
    /* Frames that a broken middle drops, doubles or swaps within a stream. TLS makes this
     * impossible for strangers; the engine must survive it all the same. */
    uint32_t drop_permille, double_permille, swap_permille;
};

struct sim;
struct sim_network;
struct sim_host;

/* options: borrowed. */
struct sim_network *sim_network_new(struct sim *sim, const struct sim_network_options *options);
void sim_network_free(struct sim_network *network);

/* A machine was added, whether it will ever start or not: lines lead to it. */
void sim_network_added(struct sim_network *network);
/* A machine came up, with whom it may talk, or went down. */
void sim_network_up(struct sim_network *network, struct sim_host *host);
void sim_network_down(struct sim_network *network, struct sim_host *host);
void sim_network_pins_changed(struct sim_network *network, struct sim_host *host);
/* It wants links to others than before. */
void sim_network_wanted_changed(struct sim_network *network, struct sim_host *host);
/* What an engine sends or closes on one of its links; numbers of links that are gone are
 * ignored, as the transport does. */
void sim_network_send(struct sim_network *network, struct sim_host *from, uint64_t link,
                      struct p2p_slice frames);
void sim_network_close(struct sim_network *network, struct sim_host *from, uint64_t link);

bool sim_network_connected(const struct sim_network *network, const struct sim_host *a,
                           const struct sim_host *b);
/* Bytes on the stream between two machines that no engine sent; none when there is no stream.
 */
void sim_network_inject(struct sim_network *network, struct sim_host *from, struct sim_host *to,
                        struct p2p_slice bytes);

/* Partitions: nothing passes from a to b (b to a as well, with both) until it is mended. */
void sim_network_cut(struct sim_network *network, struct sim_host *a, struct sim_host *b,
                     bool both);
void sim_network_mend_all(struct sim_network *network);
/* Also ends the random faults from now on, or begins them again. */
void sim_network_calm(struct sim_network *network, bool calm);

#define SIM_FRAME_TYPES 32u
struct sim_network_count {
    uint64_t frames, bytes, runs, records; /* that left any machine; records in runs */
    uint64_t by_type[SIM_FRAME_TYPES];     /* frames by enum p2p_frame_type; 0: all others */
    uint64_t streams, resets;
};
struct sim_network_count sim_network_count(const struct sim_network *network);

#endif
