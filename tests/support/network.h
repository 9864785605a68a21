/* Many engines in one process: each with its store in memory, joined by pipes that a test cuts,
 * holds and empties as it likes. No sockets, no clock: time moves when the test says so.
 *
 * Node i (from 1) is member mi of a federation founded by network_init: issuer "im<i>" with a
 * grant for court bans everywhere, a circle of its own, circle "all" of everybody and circle
 * "police" of the first two members. Frames are cut out of a pipe when it is delivered, in
 * order within a pipe, in an order drawn from the seed between pipes. A batch is begun,
 * stepped, finished, committed, and only then its sends go into the pipes, as in a node. CHECKs
 * what it does, except where a function returns an error, and in everything that engines send:
 * that neither size nor time of a witness's cosignatures ever decreases. */
#ifndef NETWORK_H
#define NETWORK_H

#include "charter_world.h"
#include "faulty_kv.h"
#include "machine/memory_kv.h"
#include "rng.h"

#include <p2p/ban.h>
#include <p2p/engine.h>

#define NETWORK_NODES_MAX    8u
#define NETWORK_ISSUER_FIRST 100u /* numbers of issuers' keys, by node */
#define NETWORK_ENTRIES_MAX  12u
#define NETWORK_EVENTS_MAX   4096u

/* Runs that carry records, and what is in them. */
struct network_carried {
    uint64_t runs, records, bytes;
};

struct network_pipe {
    uint8_t *data;
    size_t len, cap, at;
    bool held;             /* nothing is delivered */
    uint64_t link;         /* the number of this link at its receiver; 0: cut */
    uint64_t frames, sent; /* frames and bytes ever put in */
    struct network_carried carried;
    struct p2p_frame_split split;
};

struct network_alloc {
    struct p2p_alloc alloc;
    long countdown; /* allocations until one fails; negative: never */
    long count;
};

/* What a witness key has signed, over all lives of its node. */
struct network_watch {
    uint64_t size[NETWORK_NODES_MAX + 2];   /* by feed */
    uint64_t told_s[NETWORK_NODES_MAX + 2]; /* by feed: the time of the last one */
    uint64_t time_s;
    uint64_t count;
};

struct network_node {
    uint32_t number;
    struct world_member keys;
    struct p2p_engine_options options;
    struct network_alloc memory;
    struct p2p_engine *engine; /* NULL: down */
    struct memory_kv *kv;
    struct faulty_kv faulty;
    bool use_faulty;
    struct p2p_arena arena;
    struct p2p_actions actions; /* of the last batch */
    uint64_t closed;            /* sessions the engine closed */
    enum p2p_err closed_err;    /* why, the last time */
    int64_t wall_skew_ms;
    uint64_t batches;
    uint64_t wake_ms;
    struct network_watch watch;
};

struct network {
    struct charter_world world;
    struct world_entry *entries; /* of the charter */
    size_t entry_count;
    uint32_t node_count;
    struct network_node nodes[NETWORK_NODES_MAX + 1];
    struct network_pipe pipes[NETWORK_NODES_MAX + 1][NETWORK_NODES_MAX + 1]; /* [from][to] */
    uint64_t mono_ms;
    uint64_t wall_ms;
    uint64_t next_link;
    struct rng rng;
    struct p2p_hash transcript; /* of all actions: determinism */
    bool allow_failure;         /* a failing batch takes its node down instead of the test */
};

struct network_options {
    uint32_t nodes;     /* that run */
    uint32_t members;   /* that the first charter admits; 0: as many as nodes */
    uint32_t witnesses; /* of each feed: the first so many members but its owner */
    uint64_t seed;
};

void network_init(struct network *net, const struct network_options *options);
void network_deinit(struct network *net);

/* The charter: sealed by all roots and kept; applied where the test says so. */
void network_found(struct network *net, uint32_t members, uint32_t witnesses);
/* Keeps what is in the draft as the next entry; returns its index. */
size_t network_entry(struct network *net, struct world_draft *draft);
void network_admit(struct world_draft *draft, uint32_t i, uint32_t witnesses);
void network_issuer(struct world_draft *draft, uint32_t i);
/* Circle `name` with epochs 1 to `epochs` for members first to last. Nobody holds its keys
 * until a member has drawn them. */
void network_circle(struct world_draft *draft, const char *name, uint32_t first, uint32_t last,
                    uint32_t epochs);
struct p2p_circle_key network_circle_key(const char *name, uint32_t epoch);
/* Gives entry `index` to a node as a job; CHECKs that it is taken. */
void network_give(struct network *net, uint32_t node, size_t index);
enum p2p_err network_give_entry(struct network *net, uint32_t node,
                                const struct world_entry *entry);

/* ---- running ---- */

/* Opens the engine over what the node's store holds; the copy is what the node last wrote. */
enum p2p_err network_open(struct network *net, uint32_t node);
/* The process ends: links go down, an uncommitted batch is lost. */
void network_kill(struct network *net, uint32_t node);
void network_restart(struct network *net, uint32_t node);

void network_connect(struct network *net, uint32_t a, uint32_t b);
void network_connect_all(struct network *net);
void network_cut(struct network *net, uint32_t a, uint32_t b);
/* Every line, and every line of one node. */
void network_cut_all(struct network *net);
void network_cut_off(struct network *net, uint32_t node);
bool network_connected(const struct network *net, uint32_t a, uint32_t b);

struct p2p_now network_now(const struct network *net, uint32_t node);
/* One batch. After any error the transaction is aborted and the engine closed. */
enum p2p_err network_batch(struct network *net, uint32_t node, const struct p2p_event *events,
                           size_t count);
/* Up to bytes_max of the pipe as one batch; false when there was nothing. */
bool network_deliver(struct network *net, uint32_t from, uint32_t to, size_t bytes_max);
/* Delivers until every pipe that is not held is empty. */
void network_run(struct network *net);
/* Time passes; everybody ticks when its wake time has come; frames flow. */
void network_advance(struct network *net, uint64_t ms);
void network_tick(struct network *net, uint32_t node);
/* As deliver, with one more job in the same batch, behind the frames. */
bool network_deliver_with(struct network *net, uint32_t from, uint32_t to, struct p2p_job *job);
/* Takes the frames of one type out of what a pipe holds. */
void network_drop(struct network *net, uint32_t from, uint32_t to, enum p2p_frame_type type);
/* Puts raw bytes into a pipe, as a peer that does not follow the rules would. */
void network_inject(struct network *net, uint32_t from, uint32_t to, struct p2p_slice bytes);

/* ---- work ---- */

enum p2p_err network_jobs(struct network *net, uint32_t node, struct p2p_job *jobs,
                          size_t count);
/* Imposes a ban on `subject` in circle `name`, under its newest epoch, by the node's issuer. */
struct p2p_record_id network_ban(struct network *net, uint32_t node, const char *circle,
                                 const char *subject);
enum p2p_err network_try_ban(struct network *net, uint32_t node, const char *circle,
                             const char *subject, struct p2p_record_id *id);
struct p2p_record_id network_lift(struct network *net, uint32_t node, const char *circle,
                                  const struct p2p_record_id *ban);
/* Appends `count` notes by the node itself. */
enum p2p_err network_notes(struct network *net, uint32_t node, size_t count);
void network_check_job(struct p2p_job *job, const char *subject);
/* A recorded decision. */
enum p2p_answer network_check(struct network *net, uint32_t node, const char *subject);

/* The key of that epoch is drawn at this node, which gives it to the others. After a restart it
 * has what a box gives it. */
void network_draw(struct network *net, uint32_t node, const char *circle, uint32_t epoch);

/* ---- looking ---- */

bool network_holds(const struct network *net, uint32_t node, const char *circle,
                   uint32_t epoch);
uint32_t network_feed(const struct network *net, uint32_t node);
uint64_t network_size(const struct network *net, uint32_t node, uint32_t feed);
/* CHECKs that all nodes that run agree on frontier, leaves and views. */
void network_agree(struct network *net);
bool network_same_frontier(struct network *net, uint32_t a, uint32_t b);
uint32_t network_circle_number(const struct network *net, uint32_t node, const char *name);
uint64_t network_frames(const struct network *net);
uint64_t network_bytes(const struct network *net);
struct network_carried network_carried(const struct network *net);
/* Forgets what went through the pipes so far. */
void network_count_anew(struct network *net);

#endif
