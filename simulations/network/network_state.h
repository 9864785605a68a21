/* The network's state and its parts, one file each. Private to simulations/.
 *
 *   network.c    lines, who dials whom, machines that come and go
 *   stream.c     streams and what is under way on them
 *   partition.c  lines that are cut, and faults at random */
#ifndef SIM_NETWORK_STATE_H
#define SIM_NETWORK_STATE_H

#include "sim.h"

/* As node/daemon does: the pause doubles while who lets in refuses soon afterwards. */
#define SIM_DIAL_AGAIN_US   SIM_SECOND
#define SIM_DIAL_AGAIN_MAX  (15 * SIM_SECOND)
#define SIM_LASTED_US       (5 * SIM_SECOND)
#define SIM_SILENCE_US      (30 * SIM_SECOND) /* two pings of 15 s missed: both ends give up */
#define SIM_SILENCE_MORE_US (15 * SIM_SECOND) /* by when they notice */

struct stream;
struct message;

/* One direction of a stream. */
struct way {
    struct sim_host *from, *to;
    uint64_t link;       /* its number at the receiver; 0: that end is closed */
    uint64_t arrives_us; /* when the last of what is under way arrives: order is kept */
    uint64_t free_us;    /* when a slow line is free again */
    size_t since_told;   /* bytes sent since the sender was told that they have left */
    size_t under_way;
    struct message *held, **held_end; /* sent while the line was cut */
};

/* Frames on their way. */
struct message {
    struct stream *stream;
    unsigned way;
    struct message *next;
    size_t len;
    uint8_t bytes[];
};

struct stream {
    struct way ways[2];
    unsigned users; /* both ends, messages under way, and a silence that is waited out */
    bool broken;
    bool refused;      /* one of its ends closed it */
    uint64_t since_us; /* it stands */
    uint64_t number;   /* its ends are links 2 * number and 2 * number + 1 */
};

struct line {
    uint64_t delay_us;
    bool slow;
    bool cut;              /* in this direction */
    struct stream *stream; /* both directions hold the same one */
    bool dialling;
    uint64_t pause_us; /* before the next dialling; 0: the shortest */
    uint64_t life;     /* of the dialling, so that an old one in the schedule is void */
};

struct sim_network {
    struct sim *sim;
    const struct sim_network_options *options;
    struct sim_chance chance;
    struct line *lines; /* [from * width + to] */
    size_t width;
    struct stream **by_number; /* NULL: over */
    uint64_t next_stream, stream_cap;
    struct sim_network_count count;
    bool calm;
};

/* network.c */
struct line *sim_line(const struct sim_network *network, const struct sim_host *from,
                      const struct sim_host *to);
void sim_dial_later(struct sim_network *network, struct sim_host *a, struct sim_host *b,
                    uint64_t after_us);
/* The two ends of what is over. */
void sim_dial_again(struct sim_network *network, const struct stream *stream);

/* stream.c */
void sim_stream_connect(struct sim_network *network, struct sim_host *a, struct sim_host *b);
/* Ends at once at the receiver of ways[w], who is told or not, and later at the other end. */
void sim_stream_break(struct sim_network *network, struct stream *stream, unsigned w,
                      bool tell);
/* Somebody holds on to it: the schedule, a message. The last to leave frees it. */
void sim_stream_leave(struct sim_network *network, struct stream *stream);
/* What was sent while its line was cut goes out now. */
void sim_stream_mend(struct sim_network *network, struct stream *stream);

/* partition.c */
void sim_partitions_start(struct sim_network *network);

#endif
