/* The watcher beside a ledger_world: machines are ledgers on stores in memory, what leaves them
 * is written by the test. So each forbidden situation can be built by hand.
 *
 * A second world has the same members and keys; what is written there and not here is another
 * history. */
#ifndef WATCH_WORLD_H
#define WATCH_WORLD_H

#include "ledger_node.h"

#include "watch/watch.h"

struct watch_world {
    struct ledger_world world;
    struct ledger_world other;
    struct sim sim;
    struct sim_watcher *watcher;
    struct sim_entry entries[LEDGER_WORLD_ENTRIES];
};

/* One machine: its store and how the watcher knows it. */
struct watched {
    struct ledger_node node;
    struct watch_machine machine;
    char name[8];
};

void watch_world_init(struct watch_world *w);
/* Where feed 1 has `size` records, and in the other world another last one. */
void watch_world_init_forked(struct watch_world *w, uint64_t size);
void watch_world_deinit(struct watch_world *w);
/* The federation of the run is what is written in `world` so far. */
void watch_world_look(struct watch_world *w);

void watched_init(struct watched *watched, const struct ledger_world *world, uint32_t member);
void watched_deinit(struct watched *watched);
/* A batch of its own: the whole charter, and a feed up to a size under its owner's head. */
void watched_take(struct watched *watched, uint32_t feed, uint64_t size);
void watched_take_all(struct watched *watched);
/* The disk is open to the watcher between the two. */
void watched_open(struct watch_world *w, struct watched *watched);
void watched_close(struct watched *watched);

/* What the owner signs at a size; frames that carry it. */
struct p2p_tree_head watch_world_head(const struct ledger_world *world, uint32_t feed,
                                      uint64_t size);
/* Lives until the next call. */
struct p2p_run watch_world_run(const struct ledger_world *world, uint32_t feed, uint64_t first,
                               uint64_t size);
struct p2p_cosign_body watch_world_cosign(const struct ledger_world *world, uint32_t witness,
                                          uint32_t feed, uint64_t size, uint64_t time_s);

/* The machine sends it: opens, shows, closes. */
void watched_run(struct watch_world *w, struct watched *watched,
                 const struct ledger_world *world, uint32_t feed, uint64_t first,
                 uint64_t size);
void watched_cosign(struct watch_world *w, struct watched *watched,
                    const struct p2p_cosign_body *body);
void watched_restart(struct watch_world *w, struct watched *watched, uint32_t appends);
void watched_settle(struct watch_world *w, struct watched **all, size_t count);

/* CHECKs that nothing was found, or that this was, and forgets it. */
void watch_world_nothing(struct watch_world *w);
void watch_world_found(struct watch_world *w, enum sim_invariant invariant);

#endif
