/* The writer: all write transactions of a node, one batch at a time.
 *
 * A batch takes what has arrived (frames of peers, pieces of work from the API), runs the
 * engine over it in one transaction, commits and syncs, re-reads and re-hashes the node's own
 * new records, writes the checkpoint copy, and only then hands out what others may see: frames,
 * replies, events. A failed commit undoes the batch: the engine is opened again from the store,
 * the work is answered with the error, and sessions end, since what was said in them is in
 * doubt. Should that opening fail too, each batch begins by trying it again, and is answered
 * with the error until it works.
 *
 *     gather --> begin --> step, start work --> finish --> commit, sync --> re-hash --> copy
 * --> hand out
 *                                     \--(any failure)--> abort, reopen, answer with the error
 *
 * Work that comes while the frames of a batch are looked at still begins in it.
 *
 * With the daemon up one thread runs batches (daemon/queue.c); a command with the daemon down
 * runs them itself. When the store takes no more writes, batches run on a read transaction:
 * checks are answered and spooled, nothing is appended, peers are turned away, and the status
 * says why. */
#ifndef P2P_NODE_WRITER_H
#define P2P_NODE_WRITER_H

#include <p2p/engine.h>
#include <p2p/node.h>

#define P2P_BATCH_INPUTS_MAX 4096u
#define P2P_WORK_WAIT_MS     30000u /* for a level */
#define P2P_WAITING_MAX      4096u /* works that wait for one; more are told "not yet" at once */
/* Likewise of those from outside, gates left aside: else one party would have all of the places
 * that there are for requests from outside (daemon.h), each for as long as nobody witnesses. */
#define P2P_WAITING_OUTSIDE_MAX 512u

/* ---- work: one request of a person or program, from its start to its reply ---- */

enum p2p_level { P2P_LEVEL_LOCAL, P2P_LEVEL_MIRRORED, P2P_LEVEL_WITNESSED };
const char *p2p_level_word(enum p2p_level level);

struct p2p_work {
    /* Called in a batch, on the writer's thread: reads what it needs, gives jobs to the engine
     * with p2p_work_job, or is done at once by setting `done`; or sets `again` before it has
     * done anything, and is started anew in the next batch. */
    void (*start)(struct p2p_work *work, struct p2p_node *node);
    /* May be NULL. Called when the engine has done the batch's jobs, unless the work is done:
     * what it writes in the batch's transaction becomes durable with them, or never. An error
     * undoes the batch. */
    enum p2p_err (*keep)(struct p2p_work *work, struct p2p_node *node);
    /* Called once its batch is durable: makes the reply. May set wait_level and wait_size. */
    void (*finish)(struct p2p_work *work, struct p2p_node *node);
    /* Called instead of finish when the batch failed: makes an error reply. */
    void (*fail)(struct p2p_work *work, struct p2p_node *node, enum p2p_err err);
    /* Called when the level waited for is reached (true) or its time is over. */
    void (*waited)(struct p2p_work *work, struct p2p_node *node, bool reached);
    /* Hands the work back to whoever made it, on the thread that carries out the batch. */
    void (*release)(struct p2p_work *work);
    void *context; /* the maker's */
    bool done;     /* nothing more to wait for in the batch */
    bool again;    /* not in this batch; cleared by the writer */
    /* Set by start: all it did was to give a job. When the batch is undone because the store
     * takes no more writes, it is started anew, once, in one that only reads. */
    bool repeatable;
    bool is_outside; /* of a party, and no gate's */
    enum p2p_level wait_level;
    uint64_t wait_size; /* of the own feed */
    uint64_t wait_ms;   /* at most so long; 0: P2P_WORK_WAIT_MS */
    uint64_t wait_until_ms;
    struct p2p_work *next;
};

/* Gives one job to the engine in the batch that runs now; job->owner is free for the caller. */
void p2p_work_job(struct p2p_node *node, struct p2p_job *job);

/* ---- batches ---- */

/* What arrived from the network, in order. frame bytes are owned by the input. */
struct p2p_input {
    enum p2p_event_type type;
    uint64_t link;
    uint32_t member;
    struct p2p_frame frame;
    void *bytes;       /* of the frame; freed with the batch */
    size_t owed_bytes; /* to be consumed on the link once committed */
    struct p2p_input *next;
};

/* One entry of who may connect and where to reach them. */
struct p2p_pin {
    uint32_t member;
    char name[P2P_NAME_BYTES_MAX + 1];
    struct p2p_transport_public key;
    char address[256]; /* "" unknown */
};

struct p2p_batch {
    struct p2p_input *inputs;
    struct p2p_work *works; /* in: to be started; out: finished, to be released */
    struct p2p_arena arena;
    struct p2p_actions actions;
    bool failed; /* links must end: their sessions are in doubt */
    /* Everybody's when the charter changed, else of those who told where they listen; malloc'd,
     * taken by the receiver. */
    struct p2p_pin *pins;
    size_t pin_count;
    bool wanted_changed;
    struct p2p_wanted wanted; /* whom to dial, when it changed */
};

void p2p_batch_init(struct p2p_batch *batch);
void p2p_batch_deinit(struct p2p_batch *batch);
/* Runs one batch to the end, as above. Work that waits for a level stays with the node and
 * comes out of a later batch. After it, the caller carries out batch->actions and releases
 * batch->works. */
void p2p_writer_run(struct p2p_node *node, struct p2p_batch *batch);
/* When no more batches come: everything that waits is answered and comes out, to be released.
 */
struct p2p_work *p2p_writer_give_up(struct p2p_node *node);
/* Frees inputs and resets the arena, when everything is carried out. */
void p2p_batch_clear(struct p2p_batch *batch);
/* Who may connect, as the charter stands, in the batch that runs: everybody, or (feeds not
 * NULL) only the owners of these feeds; pins: malloc'd.
 * first: everybody, before any batch ran, in a transaction of its own. P2P_NOMEM, and first
 * those of p2p_store_begin. */
P2P_MUST_CHECK enum p2p_err p2p_writer_pins(struct p2p_node *node,
                                            const struct p2p_feed_set *feeds,
                                            struct p2p_pin **pins, size_t *count);
P2P_MUST_CHECK enum p2p_err p2p_writer_first_pins(struct p2p_node *node, struct p2p_pin **pins,
                                                  size_t *count);

#endif
