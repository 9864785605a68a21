/* The replication engine: events in, actions out, in a transaction its caller opened.
 *
 * One batch: p2p_engine_begin with the transaction and the time, p2p_engine_step for each
 * event, p2p_engine_finish. Then the caller commits and syncs, writes the checkpoint copy, and
 * only then carries out the actions: nothing signed, acknowledged or answered leaves before
 * what it rests on is durable. After any error but P2P_OK, or a failed commit, the caller
 * aborts and opens a new engine from the store: what was in memory is in doubt.
 *
 *     begin --> step* --> finish --> (commit, sync) --> actions
 *
 * Within a batch frames from peers act at once; requests of this node wait for finish, where
 * they follow in this order: fold what was received, `seen`, authority-bearing and other
 * records, fold, decisions against exactly that state, the signed head, cosignatures. So each
 * decision is evaluated against what its `seen` names.
 *
 * The engine reads no clock and draws no randomness: both come with begin. Same events, same
 * actions. One thread at a time. It borrows the options' keys and strings for its life; actions
 * live in the batch's arena until it is reset. Bounds: P2P_PEERS_MAX sessions,
 * P2P_COMMIT_RECORDS_MAX own records and P2P_COMMIT_BYTES_MAX bytes a batch (p2p_engine_full
 * tells), P2P_SEND_AHEAD_BYTES per link. */
#ifndef P2P_ENGINE_H
#define P2P_ENGINE_H

#include <p2p/damage.h>
#include <p2p/frame.h>
#include <p2p/gate.h>
#include <p2p/lease.h>
#include <p2p/ledger.h>
#include <p2p/overlay.h>
#include <p2p/spread.h>
#include <p2p/state.h>
#include <p2p/witness.h>

#define P2P_PEERS_MAX           64u
#define P2P_FULL_MESH_MAX       30u /* members; above it a partial view */
#define P2P_COMMIT_RECORDS_MAX  512u
#define P2P_COMMIT_BYTES_MAX    (1024u * 1024u)
#define P2P_SEND_AHEAD_BYTES    (1024u * 1024u)
#define P2P_BATCH_ARENA_BYTES   (256u * 1024u * 1024u) /* the cap to give a batch's arena */
#define P2P_DECISIONS_BYTES_MAX 56000u

/* X(NAME, word): why the node does not append. */
#define P2P_READ_ONLY_MAP(X)                                                                   \
    X(NONE, "")                                                                                \
    X(RESTORED, "restored")                                                                    \
    X(SYNC_FAILED, "sync-failed")                                                              \
    X(MAP_FULL, "map-full")                                                                    \
    X(DISK_FULL, "disk-full")                                                                  \
    X(FORKED, "forked")                                                                        \
    X(DAMAGED, "damaged")                                                                      \
    X(CLOSED, "closed")
enum p2p_read_only {
#define P2P_READ_ONLY_ENUM(name, word) P2P_READ_ONLY_##name,
    P2P_READ_ONLY_MAP(P2P_READ_ONLY_ENUM)
#undef P2P_READ_ONLY_ENUM
};
const char *p2p_read_only_word(enum p2p_read_only reason);

struct p2p_engine_options {
    const struct p2p_alloc *alloc;
    const struct p2p_sigs *sigs;
    const char *member;
    const struct p2p_feed_secret *feed_key;       /* of one generation; of a later one: */
    const struct p2p_witness_secret *witness_key; /* P2P_EVENT_GENERATION_KEYS */
    const struct p2p_sealing_secret *sealing_key;
    const struct p2p_hash *federation_id; /* NULL: whatever entry 0 says */
    const char *listen_peers;             /* for the `address` record */
    const char *listen_people;            /* or NULL */
    uint32_t stale_after_s;               /* 0: ages are only shown */
    uint32_t full_mesh_max;               /* members; 0: P2P_FULL_MESH_MAX */
    uint64_t kinds_unknown;               /* 0: none; see p2p_ledger_kind */
    bool release_mirrored;                /* a release is answered once a peer holds it */
    bool damage_suspected; /* what was read before could not be what was written */
    /* The checkpoint copy found at start. */
    bool copy_lost; /* missing or unreadable: restored */
    uint64_t
        copy_generation; /* that the rest is about; 0: the newest that the charter grants */
    uint64_t copy_size;
    struct p2p_hash copy_root;
    uint64_t copy_commit;
    uint64_t copy_time_s; /* that the witness key signed last */
};

struct p2p_now {
    uint64_t mono_ms; /* monotonic, counts suspension */
    uint64_t wall_ms; /* POSIX */
    uint8_t seed[32]; /* fresh random bytes */
};

/* ---- jobs: what this node wants done ---- */

/* One record to append. Everything is borrowed until the reply. */
struct p2p_append {
    uint32_t kind;
    uint32_t circle;
    uint32_t issuer;                     /* 0: the node itself */
    const struct p2p_issuer_secret *key; /* of the issuer; NULL for 0 */
    const struct p2p_record_id *cites;
    size_t cite_count;
    struct p2p_slice content; /* a public kind's map, or */
    struct p2p_slice payload; /* a private kind's payload */
};

enum p2p_job_type {
    P2P_JOB_APPEND,
    P2P_JOB_CHECK,
    P2P_JOB_COLLECT,
    P2P_JOB_PREPARE,
    P2P_JOB_SUBMIT,
    P2P_JOB_CHARTER
};

struct p2p_job {
    enum p2p_job_type type;
    void *owner;          /* the caller's */
    struct p2p_job *next; /* the engine's, until the reply */
    union {
        struct {
            const struct p2p_append *records; /* all or none */
            size_t count;
        } append;
        struct p2p_gate_check check; /* of CHECK and COLLECT (which names a container); clocks
                                        and state are filled in by the engine */
        struct p2p_append prepare;   /* one record to be signed outside */
        struct {
            struct p2p_slice leaf;   /* signed */
            struct p2p_slice salted; /* empty for none */
        } submit;
        struct {
            uint64_t index;
            struct p2p_slice leaf;
            struct p2p_slice note;
        } charter;
    };
    struct {
        enum p2p_err err;
        char reason[P2P_REASON_BYTES]; /* of err; may be empty */
        const char
            *code; /* a word for what programs tell from other reasons, static; or NULL */
        struct p2p_record_id first; /* of what was appended, or the decisions record */
        uint32_t decision;          /* n of <record id>#n */
        bool spooled;               /* decided but not recorded: the caller spools `packed` */
        struct p2p_gate_answer answer;
        /* COLLECT: the `use` that this job wrote; feed 0: none. With release_mirrored the
         * caller answers its allow only once that is mirrored, and p2p_engine_release_take
         * agrees. */
        struct p2p_record_id release;
        struct p2p_record_id seconded; /* the approve that it rests on; feed 0: none */
        struct p2p_slice leaf;   /* PREPARE: the unsigned leaf; CHECK: the packed decision */
        struct p2p_slice salted; /* PREPARE */
    } result;
};

/* ---- events ---- */

enum p2p_event_type {
    P2P_EVENT_LINK_UP,         /* link, member: authenticated */
    P2P_EVENT_LINK_DOWN,       /* link */
    P2P_EVENT_WRITABLE,        /* link: what was queued has left */
    P2P_EVENT_FRAME,           /* link, frame: borrowed for the batch */
    P2P_EVENT_JOB,             /* job: taken until its reply */
    P2P_EVENT_CIRCLE_KEY,      /* circle_key: drawn at this member, durable outside; copied */
    P2P_EVENT_GENERATION_KEYS, /* generation_keys: durable outside; copied */
    P2P_EVENT_TICK,
};

/* What a generation is written with: see p2p_engine_wants_keys. */
struct p2p_generation_keys {
    struct p2p_feed_secret feed;
    struct p2p_witness_secret witness;
    bool used; /* something they signed has left: a store without any of it has lost it */
};

struct p2p_event {
    enum p2p_event_type type;
    uint64_t link; /* the caller's number, never reused */
    uint32_t member;
    struct p2p_frame frame;
    struct p2p_job *job;
    const struct p2p_circle_key *circle_key;
    const struct p2p_generation_keys *generation_keys;
};

/* ---- actions ---- */

struct p2p_send {
    uint64_t link;
    struct p2p_slice bytes; /* whole frames */
};
struct p2p_close {
    uint64_t link;
    enum p2p_err err;
    const char *text; /* static */
};

/* X(NAME, word): what happened, for logs, events and counters. */
#define P2P_TRACE_MAP(X)                                                                       \
    X(APPENDED, "appended") /* own record: feed, index, kind in value */                       \
    X(RECEIVED, "received") /* a run: feed, new size, count in value, member */                \
    X(TAKEN, "taken") /* another's ban, lift or override: feed, index, owner, kind in value */ \
    X(COSIGNED, "cosigned")           /* this node: feed, size */                              \
    X(WITNESSED, "witnessed")         /* a quorum: feed, size */                               \
    X(MIRRORED, "mirrored")           /* own feed: size, member */                             \
    X(CHARTER, "charter")             /* a new version: size */                                \
    X(CHARTER_RIVAL, "charter-rival") /* two heads: index */                                   \
    X(FORK, "fork")                   /* proven: feed */                                       \
    X(FORK_TAKEN, "fork-taken")       /* held up to W and no further: feed, size */            \
    X(KEPT, "ban-kept")               /* of a forked feed, aside: feed, index */               \
    X(REUSED, "number-reused") /* one number, two records: feed, index; value: issuer */       \
    X(GAP, "gap")              /* feed, index, err, member */                                  \
    X(LOST, "payload-lost") /* own feed, index: fetched back without what only we ever had */  \
    X(PAYLOADS, "payloads") /* came late: feed, first index, member; value: how many */        \
    X(WITHHELD, "payloads-withheld") /* likewise, not given; value 0: it did not answer */     \
    X(CIRCLE, "circle")              /* value: its number; at: payloads missing in it now */   \
    X(REFUSED, "refused")            /* err, member; feed and size where known */              \
    X(SESSION, "session")            /* hello taken: member */                                 \
    X(COMPLETE, "complete")          /* the start-up rule is met */                            \
    X(CIRCLE_KEY, "circle-key")      /* a key is here now: circle in at, epoch in value */     \
    X(DAMAGED, "damaged")            /* found here: feed, index; value: enum p2p_table */      \
    X(REPAIRED, "repaired")          /* likewise */                                            \
    X(DIVERGED, "diverged")   /* member's `state`: feed, index; value: view << 32 | circle */  \
    X(READ_ONLY, "read-only") /* value: enum p2p_read_only */                                  \
    X(CLOCK, "clock")         /* quorum time and own clock apart: value in s */                \
    X(EVERYWHERE, "everywhere") /* feed, index, slowest; kind << 48 | had << 32 | ms */
enum p2p_trace_type {
#define P2P_TRACE_ENUM(name, word) P2P_TRACE_##name,
    P2P_TRACE_MAP(P2P_TRACE_ENUM)
#undef P2P_TRACE_ENUM
        P2P_TRACE_COUNT
};
const char *p2p_trace_word(enum p2p_trace_type type);

struct p2p_trace {
    enum p2p_trace_type type;
    enum p2p_err err;
    uint32_t feed;
    uint32_t member;
    uint64_t at; /* index or size */
    uint64_t value;
};

/* The links that shall stand: to everybody, or to these members. */
#define P2P_WANTED_MAX (P2P_OVERLAY_ACTIVE_MAX + P2P_OVERLAY_ASKED_MAX + P2P_WITNESSES_MAX)
struct p2p_wanted {
    bool all;
    size_t count;
    uint32_t members[P2P_WANTED_MAX];
};
bool p2p_wanted_has(const struct p2p_wanted *wanted, uint32_t member);

struct p2p_actions {
    const struct p2p_send *sends;
    size_t send_count;
    const struct p2p_close *closes;
    size_t close_count;
    struct p2p_job *replies; /* linked by next, in order */
    const struct p2p_trace *traces;
    size_t trace_count;
    bool charter_changed; /* pins, roles and circles may have changed */
    /* Feeds whose owners told where they listen, until the next batch begins; NULL: none. */
    const struct p2p_feed_set *addresses;
    bool wanted_changed;   /* see p2p_engine_wanted */
    bool own_head_changed; /* the copy must be synced before anything leaves, */
    bool number_given;     /* and when an issuer's number leaves to be signed outside */
    bool signature_made;   /* the commit number counts: the copy must be written */
    uint64_t wake_mono_ms; /* when the next TICK is due */
};

struct p2p_engine;

/* kv: a transaction, borrowed for the call; nothing is written. Errors: P2P_NOMEM, P2P_CORRUPT
 * (what the store holds does not check), or the seam's; *out is untouched then. */
P2P_MUST_CHECK enum p2p_err p2p_engine_open(struct p2p_engine **out,
                                            const struct p2p_engine_options *options,
                                            const struct p2p_kv *kv);
void p2p_engine_close(struct p2p_engine *engine); /* accepts NULL */

/* kv, arena: borrowed until the batch's actions are carried out; now: copied. */
void p2p_engine_begin(struct p2p_engine *engine, const struct p2p_kv *kv,
                      struct p2p_arena *arena, const struct p2p_now *now);
P2P_MUST_CHECK enum p2p_err p2p_engine_step(struct p2p_engine *engine,
                                            const struct p2p_event *event);
P2P_MUST_CHECK enum p2p_err p2p_engine_finish(struct p2p_engine *engine,
                                              struct p2p_actions *actions);
/* The batch holds as many own records or bytes as one commit may: finish it before more
 * requests. */
bool p2p_engine_full(const struct p2p_engine *engine);

/* Within a batch: cosigns a head that somebody submitted and that the feed signed (the caller
 * verified that), and sends the cosignature to everybody, too. It counts once the batch is
 * committed. P2P_REFUSED (this node does not cosign this feed at present, or cosigned a larger
 * size), P2P_GAP (larger than what is held), P2P_MISMATCH (another history than the one held:
 * from here on the feed is forked), else the seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_engine_cosign(struct p2p_engine *engine, uint32_t feed,
                                              const struct p2p_tree_head *head,
                                              struct p2p_cosignature *out);

/* ---- looking at it, between batches or within one ---- */

const struct p2p_ledger *p2p_engine_ledger(const struct p2p_engine *engine);
/* The ledger for reads that need a mutable cache (digests, entries): same thread, in a batch.
 */
struct p2p_ledger *p2p_engine_ledger_mut(struct p2p_engine *engine);
uint32_t p2p_engine_member(const struct p2p_engine *engine);   /* 0: not in the charter (yet) */
uint32_t p2p_engine_own_feed(const struct p2p_engine *engine); /* 0 likewise */
const struct p2p_gate_place *p2p_engine_place(const struct p2p_engine *engine);
/* Whether this node cosigns nothing of a feed from some record on (custody.h), as it found when
 * it was to cosign that feed last. */
bool p2p_engine_bars(const struct p2p_engine *engine, uint32_t feed);
const struct p2p_witnessing *p2p_engine_witnessing(const struct p2p_engine *engine,
                                                   uint32_t feed);
enum p2p_read_only p2p_engine_read_only(const struct p2p_engine *engine);
/* After an old backup was put back and the own feed fetched back: the witness key may have
 * cosigned more than is known here, so it cosigns nothing of others until the charter names a
 * new one. */
bool p2p_engine_witness_lost(const struct p2p_engine *engine);
/* The newest generation that the charter grants this member is written with other keys than are
 * held here; returns which, 0 when they are held. Until they come the node is read-only,
 * closed.
 */
uint32_t p2p_engine_wants_keys(const struct p2p_engine *engine);
/* The keys it holds, of whatever generation; they live as long as the engine. */
const struct p2p_generation_keys *p2p_engine_keys(const struct p2p_engine *engine);
/* The store or copy failed: the node answers but does not append. */
void p2p_engine_set_read_only(struct p2p_engine *engine, enum p2p_read_only reason);
/* Bans of forked feeds that this node keeps aside, since it might not append: kept.h. */
size_t p2p_engine_kept(const struct p2p_engine *engine);
/* The copy cannot be written, or can again: until it can, custody is not ready. The caller says
 * so before the batch that it holds for, also of an engine that was opened anew. */
void p2p_engine_hold_custody(struct p2p_engine *engine, bool held);
/* Whether the release that this record made may be answered allow now: once only, in this
 * start, by whoever asks first; false also where something arrived since that may forbid it,
 * which is weighed for who asks the same again. */
bool p2p_engine_release_take(struct p2p_engine *engine, const struct p2p_record_id *use);
/* Whether the wait of who takes tokens over is over for this seal: see WIRE.md section 19. The
 * first recount that rests on it, of whatever token, begins it in this start. */
bool p2p_engine_waited(struct p2p_engine *engine, const struct p2p_now *now,
                       const struct p2p_record_id *seal);
/* What is left of it in ms; UINT64_MAX: nothing has begun it. */
uint64_t p2p_engine_wait_left(struct p2p_engine *engine, const struct p2p_now *now,
                              const struct p2p_record_id *seal);
/* Whether custody may be used at this time, and, while it may, the milliseconds that are left
 * of the lease (left_ms may be NULL). Never while this node may not append. */
enum p2p_custody_ready p2p_engine_custody(const struct p2p_engine *engine,
                                          const struct p2p_now *now, uint64_t *left_ms);
/* The start-up rule is met. */
bool p2p_engine_started(const struct p2p_engine *engine);
/* It is, and every circle that the gate looks into is complete. */
bool p2p_engine_complete(const struct p2p_engine *engine);
/* A circle this node's member is in. */
struct p2p_circle_state {
    uint32_t circle;
    bool complete;
    uint64_t missing; /* payloads of leaves held here, not held; more may be found until */
    bool unscanned;   /* all leaves were looked at */
    uint64_t lost;    /* only this node ever held them: nobody can be asked */
};
/* In order; returns how many there are, fills at most cap of them. */
size_t p2p_engine_circles(const struct p2p_engine *engine, struct p2p_circle_state *out,
                          size_t cap);
/* Whether another member folds something else from the same records. */
const struct p2p_divergence *p2p_engine_divergence(const struct p2p_engine *engine);
/* What is known of damage to what is stored here. */
const struct p2p_damage *p2p_engine_damage(const struct p2p_engine *engine);
uint64_t p2p_engine_mirrored(const struct p2p_engine *engine); /* size of the own feed */
uint64_t p2p_engine_commit_number(const struct p2p_engine *engine);
/* Whether the copy, or its loss, told at the start that what is held is not all there was, of
 * the generation that the charter grants; whatever else keeps the node from appending. */
bool p2p_engine_restored(const struct p2p_engine *engine);
/* POSIX seconds: the newest time that the own witness key has signed, as far as is known. */
uint64_t p2p_engine_signed_time(const struct p2p_engine *engine);
/* Milliseconds since the owner of this feed was last heard of (UINT64_MAX: never): the larger
 * of the time since receipt and own clock minus its heartbeat's time. The own feed: 0. */
uint64_t p2p_engine_age_ms(const struct p2p_engine *engine, uint32_t feed,
                           const struct p2p_now *now);
/* POSIX ms by quorum time, 0 with too few fresh cosignatures. */
uint64_t p2p_engine_quorum_ms(const struct p2p_engine *engine, const struct p2p_now *now);
/* Fills what the engine knows of itself into a check, as it does for recorded ones. */
void p2p_engine_fill_check(const struct p2p_engine *engine, const struct p2p_now *now,
                           struct p2p_gate_check *check);

/* How far bans and lifts have got, as far as this node was told. */
const struct p2p_spread *p2p_engine_spread(const struct p2p_engine *engine);
/* Whether a forked feed is held here just up to where the branch that counts ends. */
bool p2p_engine_fork_taken(const struct p2p_engine *engine, uint32_t feed);
/* Records of this feed that a connected peer has named and that are not held here. */
uint64_t p2p_engine_lag(const struct p2p_engine *engine, uint32_t feed);

struct p2p_peer_state {
    uint32_t member;
    uint64_t link;
    bool greeted;      /* its hello was taken */
    uint64_t behind;   /* records it has named that are not held here */
    uint64_t withheld; /* payloads it was asked for in this session and did not give */
};
size_t p2p_engine_peers(const struct p2p_engine *engine, struct p2p_peer_state *out,
                        size_t cap);

/* Whom the host dials; it lets in whoever is in the charter. */
const struct p2p_wanted *p2p_engine_wanted(const struct p2p_engine *engine);

/* Counters since open: refusals by error, everything else by trace. */
uint64_t p2p_engine_refused(const struct p2p_engine *engine, enum p2p_err err);
uint64_t p2p_engine_traced(const struct p2p_engine *engine, enum p2p_trace_type type);
/* Epochs of our circles whose key is not here; returns how many, of which cap are told. */
struct p2p_missing_key {
    uint32_t circle;
    uint32_t epoch;
    struct p2p_hash hash; /* of the key */
    uint64_t since_ms;    /* POSIX: noted in this start; 0: not yet */
};
size_t p2p_engine_missing_keys(const struct p2p_engine *engine, struct p2p_missing_key *out,
                               size_t cap);
/* The key of a circle's newest epoch held here. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_engine_circle_key(const struct p2p_engine *engine,
                                                  uint32_t circle,
                                                  struct p2p_circle_secret *out);

#endif
