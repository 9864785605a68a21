/* One simulated machine: a real node (struct p2p_node, its writer and engine) on a simulated
 * disk, clock and network.
 *
 * A machine is up or down. While it is up, what arrives waits in its inbox; a batch takes it
 * all, runs p2p_writer_run, and after the time that a synced commit takes its actions are
 * carried out. A machine that fails in between has carried out nothing. */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "clock.h"
#include "disk.h"
#include "heap.h"
#include "schedule.h"

#include "../node/core/node_state.h"

struct sim;
struct sim_member; /* keys and name: federation.h */

enum sim_conduct {
    SIM_HONEST,
    SIM_DOUBLE, /* one of two live copies of a member, by mistake: no honesty is asked of it */
    SIM_BYZANTINE /* an adversary's */
};

struct sim_host {
    struct sim *sim;
    uint32_t number;                   /* from 1; a copy of a node has one of its own */
    char name[P2P_NAME_BYTES_MAX + 4]; /* beanr; a second live copy: beanr+1 */
    const struct sim_member *member;
    uint32_t generation;      /* of its keys: as they were when it was made or renewed */
    uint32_t used_generation; /* as it stands beside its keys; 0: none above the first */
    uint64_t kinds_unknown;   /* to its version: that of its member's machines for good */
    enum sim_conduct conduct;
    bool up;
    bool leaves;          /* asked to stay away until it is told to come back */
    struct sim_heap heap; /* of its engine */
    struct p2p_node node; /* meaningful while up */
    struct p2p_events *events;
    struct sim_disk *disk;
    struct sim_clock clock;
    struct p2p_batch batch; /* the one that runs or is being committed */
    bool batch_runs;
    bool batch_due;   /* one stands in the schedule */
    uint64_t life;    /* counts starts: what was scheduled in an earlier one is void */
    uint64_t wake_us; /* when the engine wants a tick */
    struct p2p_input *inbox, **inbox_end;
    struct p2p_work *works, **works_end;
    struct p2p_pin *pins; /* whom it lets in */
    size_t pin_count;
    struct p2p_wanted wanted; /* whom it dials */
    bool damaged;             /* its store could not be opened at the last start */
    uint64_t batches, crashes;
};

struct sim_host *sim_host_new(struct sim *sim, uint32_t number,
                              const struct sim_member *member);
/* The first copy, of an empty feed of its generation; the machine must be down. */
void sim_host_make_copy(struct sim_host *host);
void sim_host_free(struct sim_host *host);

/* Starts the machine: opens the engine over what its disk holds. False, and told, when it
 * cannot start because its store is damaged. */
bool sim_host_start(struct sim_host *host);
/* The process ends at once, or the power fails; it starts again after down_us (UINT64_MAX: when
 * somebody starts it). */
void sim_host_kill(struct sim_host *host, bool power, uint64_t down_us);

/* What arrives: bytes of a frame are copied. */
void sim_host_link_up(struct sim_host *host, uint64_t link, uint32_t member);
void sim_host_link_down(struct sim_host *host, uint64_t link);
void sim_host_writable(struct sim_host *host, uint64_t link);
void sim_host_frame(struct sim_host *host, uint64_t link, uint8_t type, struct p2p_slice body);
/* Work for the next batch. Its release is always called in the end. When the machine goes down
 * before the reply left, `fail` is called with P2P_BUSY before it, also after `finish`:
 * nobody got that reply. False when the machine is down: nothing is taken. */
bool sim_host_work(struct sim_host *host, struct p2p_work *work);

/* What its monotonic clock shows. */
uint64_t sim_host_mono_ms(const struct sim_host *host);
/* Honest, up, in the charter, and able to append. */
bool sim_host_is_sound(const struct sim_host *host);

#endif
