/* What a node is made of. Private to node/core, node/api and node/daemon: the API's handlers
 * run on the writer's thread and look at it directly. */
#ifndef P2P_NODE_STATE_H
#define P2P_NODE_STATE_H

#include "rates.h"

#include <p2p/clock.h>
#include <p2p/config.h>
#include <p2p/copy.h>
#include <p2p/event.h>
#include <p2p/keydir.h>
#include <p2p/log.h>
#include <p2p/spool.h>
#include <p2p/store.h>
#include <p2p/writer.h>

#define P2P_UNLOCKED_MAX   256u
#define P2P_REFUSALS_COUNT 64u /* of the network layer; its table is in p2p/refusal.h */

/* A client certificate whose binding was looked at (node/api/admit.c). */
#define P2P_VOUCHED_MAX 256u
struct p2p_vouched {
    struct p2p_hash name; /* of binding, TLS key and issuer's key */
    bool known, good;
};

/* An issuer's key that this node may sign with until a time. */
struct p2p_unlocked {
    char issuer[P2P_NAME_BYTES_MAX + 1];
    struct p2p_issuer_secret secret;
    uint64_t until_mono_ms; /* UINT64_MAX: as long as the node runs */
};

/* How the network side sees a member. */
struct p2p_link_view {
    uint32_t member;
    bool connected;
    bool paused;
    bool refused;      /* the last attempt ended in a refusal, by either side: see reason */
    uint64_t since_ms; /* POSIX; 0 not since the node started */
    char reason[128];
    uint64_t socket_bytes_in, socket_bytes_out; /* of all its links since the node started */
};

struct p2p_node {
    char dir[P2P_PATH_BYTES_MAX];
    struct p2p_config config;
    struct p2p_keydir keydir;
    struct p2p_feed_secret feed_key;       /* of the first generation */
    struct p2p_witness_secret witness_key; /* likewise; of later ones: generation_keys */
    struct p2p_transport_secret transport_key;
    struct p2p_sealing_secret sealing_key;
    struct p2p_witness_secret foreign_key; /* for logs outside; when witness_logs names some */
    struct p2p_unlocked unlocked[P2P_UNLOCKED_MAX];
    size_t unlocked_count;
    struct p2p_store *store;
    struct p2p_copy *copy; /* NULL while it is lost */
    enum p2p_copy_state copy_state;
    struct p2p_copy_point copy_point;
    struct p2p_spool *spool;
    uint64_t spool_at;             /* how far the spool was appended in this start */
    bool spool_damaged;            /* what waits in it is not appended in this start */
    struct p2p_job *late_job;      /* that appends from it in the batch that runs, or NULL */
    uint64_t late_at;              /* behind what the job appends, */
    struct p2p_spool_id late_last; /* and the id of the last of it */
    struct p2p_log *log;
    struct p2p_events *events;
    struct p2p_sigs_pool *sigs;
    struct p2p_engine *engine;
    struct p2p_hash federation_id;
    uint32_t full_mesh_max;               /* 0: P2P_FULL_MESH_MAX; the simulator compares */
    const struct p2p_alloc *engine_alloc; /* NULL: the heap; the simulator counts */
    uint64_t kinds_unknown; /* 0: none; the simulator runs several versions: p2p_ledger_kind */
    uint64_t boot;
    uint64_t started_wall_ms;
    bool serving;
    bool damage_suspected;  /* the engine to be opened shall look for what could not be read */
    bool engine_lost;       /* it could not be opened again after a failure: see writer.c */
    enum p2p_err lost_err;  /* why */
    uint64_t lost_pause_ms; /* between attempts; doubles */
    uint64_t lost_until_ms;
    bool read_back_failed; /* own records came back otherwise than written: nothing more is */
    bool copy_looked_at;   /* since the start: whether it is behind the store */
    bool copy_dirty;       /* written and not synced */
    bool copy_owed;        /* it must be synced before anything leaves */
    bool copy_failed;      /* at the last attempt */
    uint64_t copy_synced_ms;
    uint64_t maintained_ms;      /* when dead readers of the store were last looked for */
    uint64_t drawn_looked_ms;    /* when keys/circles was last looked into; 0: not yet */
    uint64_t drawn_charter_size; /* and for which charter */
    char drawn_alarm[P2P_MESSAGE_BYTES]; /* a key there that cannot be opened, or "" */
    uint64_t renewed_looked_ms;          /* the same for the keys of the newest generation */
    uint64_t renewed_charter_size;
    char renewed_alarm[P2P_MESSAGE_BYTES];
    uint32_t used_generation;      /* of the keys that were marked as used in this start */
    uint64_t used_tried_ms;        /* when that failed last; 0: it did not */
    char alarm[P2P_MESSAGE_BYTES]; /* the newest reason for concern, or "" */
    /* the batch that runs */
    struct p2p_txn *txn;
    const struct p2p_kv *kv;
    struct p2p_now now;
    struct p2p_batch *batch;
    bool import_runs; /* an import has given its rows to this batch: one at a time */
    struct p2p_given_issue *issues; /* of rights, given to this batch; of the calls' arenas */
    struct p2p_work *waiting;       /* for a level; at most P2P_WAITING_MAX */
    size_t waiting_count;
    size_t waiting_outside;    /* of those, with is_outside */
    struct p2p_work *deferred; /* for the next batch; at most P2P_WORKS_MAX */
    /* callers from outside */
    struct p2p_rates *rates;     /* NULL until the first */
    struct p2p_replies *replies; /* NULL until the first idempotency key */
    struct p2p_vouched vouched[P2P_VOUCHED_MAX];
    /* counters since the start, for metrics and doctor */
    struct p2p_withheld *withheld;         /* counted when somebody asks, or NULL */
    struct p2p_feed_news *news;            /* what watchers were told of feeds, or NULL */
    uint64_t refused_frames;               /* cut out of a stream that was not well-formed */
    uint64_t decisions[4];                 /* by enum p2p_answer */
    uint64_t limited[P2P_RATE_SORTS_MAX];  /* requests above a rate, by enum p2p_rate */
    _Atomic uint64_t turned_away;          /* requests from outside that may not be asked */
    uint64_t refusals[P2P_REFUSALS_COUNT]; /* by enum p2p_refusal; filled by the daemon */
    /* Adds to a batch that runs, while works can still be started in it, what was queued since
     * it began; NULL or set by the daemon. */
    void (*more_works)(struct p2p_node *node, struct p2p_batch *batch);
    /* The circle key of that hash, if it was drawn here; P2P_NOTFOUND otherwise, anything else
     * with a sentence. NULL: none was. */
    enum p2p_err (*drawn_key)(struct p2p_node *node, const struct p2p_hash *hash,
                              struct p2p_circle_key *out, char message[P2P_MESSAGE_BYTES]);
    /* The keys of a later generation of this member, likewise. */
    enum p2p_err (*generation_keys)(struct p2p_node *node, uint32_t generation,
                                    struct p2p_generation_keys *out,
                                    char message[P2P_MESSAGE_BYTES]);
    /* Says so beside these, durably, before anything that they signed leaves; NULL: it is not.
     */
    enum p2p_err (*mark_used)(struct p2p_node *node, uint32_t generation,
                              char message[P2P_MESSAGE_BYTES]);
    /* Makes the copy anew, when a generation is begun and there is none; NULL: it is not. */
    enum p2p_err (*make_copy)(struct p2p_node *node, const struct p2p_copy_point *point);
    /* Hands work to the thread that runs batches; set by the daemon. */
    void (*queue_work)(struct p2p_node *node, struct p2p_work *work);
    /* What the network side knows, set by the daemon for status and peers. */
    void (*describe_links)(void *context, struct p2p_link_view *views, size_t *count,
                           size_t cap);
    /* Closes the session with a member and refuses it until it is resumed; set by the daemon.
     */
    void (*pause)(struct p2p_node *node, uint32_t member, bool paused);
    void *daemon;
};

/* Opens the engine from the store, in a transaction of its own; closes an earlier one. */
P2P_MUST_CHECK enum p2p_err p2p_node_open_engine(struct p2p_node *node);
/* The key of an issuer, if it is here and usable: in memory, or in a file without passphrase.
 * P2P_NOTFOUND (no such file), P2P_LOCKED. */
P2P_MUST_CHECK enum p2p_err p2p_node_issuer_key(struct p2p_node *node, const char *issuer,
                                                const struct p2p_issuer_secret **key);
/* Unlocks one issuer for a while; key: derived from its passphrase with the key directory's
 * kdf. Nothing of it stays but that issuer's secret. P2P_NOTFOUND, P2P_PASSPHRASE, P2P_BUSY and
 * those of p2p_keydir_load, with a sentence. */
P2P_MUST_CHECK enum p2p_err p2p_node_unlock(struct p2p_node *node, const char *issuer,
                                            const struct p2p_unlock_key *key, uint64_t for_ms,
                                            char message[P2P_MESSAGE_BYTES]);
/* Forgets an issuer's key for what comes next; what the batch has borrowed stays until the next
 * p2p_node_sweep_keys. */
void p2p_node_lock(struct p2p_node *node, const char *issuer);
/* Between batches: wipes keys that were locked or whose time is over. */
void p2p_node_sweep_keys(struct p2p_node *node);
/* When it has something to wipe, monotonic; UINT64_MAX: not before somebody locks one. */
uint64_t p2p_node_keys_until(const struct p2p_node *node);

#endif
