/* A ledger that has taken part of a world (ledger_world.h): charter up to some size, feeds up
 * to some sizes, payloads of the circles of its member only. Everything CHECKs, but for what
 * returns an error. */
#ifndef LEDGER_NODE_H
#define LEDGER_NODE_H

#include "faulty_alloc.h"
#include "faulty_kv.h"
#include "ledger_world.h"
#include "machine/memory_kv.h"

struct ledger_node {
    const struct ledger_world *world;
    uint32_t member; /* whose payloads it is given; 0: everybody's */
    struct memory_kv *store;
    struct faulty_kv faulty;
    struct faulty_alloc heap;
    struct p2p_ledger ledger;
    struct p2p_arena arena;
    const struct p2p_kv *kv; /* of the open batch, or NULL */
};

void ledger_node_init(struct ledger_node *node, const struct ledger_world *world,
                      uint32_t member);
void ledger_node_deinit(struct ledger_node *node);
void ledger_node_begin(struct ledger_node *node);
/* Finishes and commits. */
void ledger_node_end(struct ledger_node *node);
/* Ends the batch without a trace and opens the ledger again, as after a failure. */
void ledger_node_abort(struct ledger_node *node);
void ledger_node_reopen(struct ledger_node *node); /* as after a restart */

/* Within a batch: entries up to a charter size; records up to a feed size, verified, applied
 * and headed. */
enum p2p_err ledger_node_try_charter(struct ledger_node *node, uint64_t size);
enum p2p_err ledger_node_try_take(struct ledger_node *node, uint32_t feed, uint64_t size);
void ledger_node_charter(struct ledger_node *node, uint64_t size);
void ledger_node_take(struct ledger_node *node, uint32_t feed, uint64_t size);
/* A batch of its own: the whole charter, then everything in order of feeds. */
void ledger_node_take_all(struct ledger_node *node);

/* Why the record has no effect, by p2p_judge. In a batch. */
enum p2p_why ledger_node_why(struct ledger_node *node, const struct p2p_record_id *id);
/* The state of a ban at a time, and why it is one of no effect. In a batch or not. */
enum p2p_ban_state ledger_node_state(struct ledger_node *node, uint32_t circle,
                                     const struct p2p_record_id *id);
struct p2p_ban ledger_node_ban(struct ledger_node *node, uint32_t circle,
                               const struct p2p_record_id *id);
/* CHECKs that two nodes of equal frontier hold the same views, verdicts, touches and claims,
 * byte for byte, and say the same digests. */
void ledger_node_check_same(struct ledger_node *a, struct ledger_node *b);
/* CHECKs that the digest kept for each circle is that of the rows that stand there. */
void ledger_node_check_digests(struct ledger_node *node);

#endif
