/* What the parts of an audit share. Private to node/audit.
 *
 *   verify.c     the order of it all, opening and closing
 *   place.c      where it reads and writes, held against the archives
 *   pool.c       one function over many items on several threads
 *   charter.c    the charter, proven by the trust file
 *   scan.c       every file once: its hash, and of bundles what the later passes must know
 *   blocks.c     every record once more, in blocks of 256: hashes, payloads, form
 *   signatures.c issuers' signatures, verified beside the replay
 *   roots.c      what follows from the blocks: roots at all sizes anybody names, tiles
 *   notes.c      checkpoints and who cosigned them
 *   fork_proof.c two histories, as a file
 *   logs.c       several archives of one log
 *   witnesses.c  who cosigned two histories
 *   shelf.c      bundles that were read lately
 *   index.c      rows of the replay: LMDB of its own, records and payloads from the archive
 *   kept.c       an index that is used again
 *   replay.c     the order of application
 *   states.c     state commitments
 *   after.c      what the replayed ledger says: verdicts, seen, forks
 *   decisions.c  each decision once more
 *   custody.c    who held what was released, and on which right
 *   clocks.c     times, understated `seen`
 *   silence.c    of each member, when it gave no sign of life
 *   moment.c     where the feeds stood at a time
 *   verdict.c    the text of it */
#ifndef P2P_AUDIT_PARTS_H
#define P2P_AUDIT_PARTS_H

#include <p2p/audit.h>
#include <p2p/file.h>

#include <pthread.h>
#include <stdatomic.h>

#define AUDIT_NO_NUMBER UINT32_MAX

/* What is known of one record, a byte each. */
enum {
    AUDIT_BAD_SIGNATURE = 1, /* the issuer that the charter names did not sign it */
    AUDIT_DECIDES = 2,       /* a decision, or signed by an issuer: a `seen` heads its commit */
    AUDIT_MALFORMED = 4,     /* no record: the replay of this feed ends before it */
    AUDIT_HELD = 8,          /* its payload is here and opens its commitment */
    AUDIT_PRIVATE = 16,      /* it has one */
    AUDIT_JUDGED = 32,       /* whether it has effect is a question */
    AUDIT_DECISIONS = 64,    /* what a gate answered */
    AUDIT_LATE = 128, /* its time may be long before its place: signed outside, spooled */
};

/* A `seen` at index says its author held that much. */
struct audit_claim {
    uint64_t index;
    uint64_t size;
    uint32_t of;
};

/* A key that some version of the charter names for cosigning: of a member, or of a root. */
struct audit_key {
    uint32_t witness; /* number; 0: a root */
    char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
    uint8_t public_key[P2P_PUBLIC_BYTES];
    struct p2p_key_id id;
};

/* What a heartbeat does to a stretch without silence. */
enum audit_beat { AUDIT_NO_BEAT, AUDIT_BEGINS, AUDIT_ENDS };

/* A good cosignature over a head that the records lead to. */
struct audit_signing {
    uint32_t key;  /* index into audit.keys */
    uint32_t feed; /* number */
    uint64_t size;
    uint64_t time_s;
    uint32_t archive;
    uint32_t beat; /* enum audit_beat, by what the archive says */
};

/* One feed in one archive. */
struct audit_log {
    size_t archive;
    size_t place; /* the archive's number for it */
    const char *dir;
    char name[P2P_ARCHIVE_FEED_BYTES_MAX]; /* `beanr/1` */
    uint32_t number;                       /* the charter's, or AUDIT_NO_NUMBER */
    const struct p2p_feed_info *info;      /* NULL likewise */
    uint64_t size;                         /* records in bundles */
    struct p2p_tree_head head;   /* the largest good one: signed, and the records lead to it */
    uint64_t witnessed_size;     /* of the largest with a quorum */
    uint8_t *flags;              /* [size] */
    uint32_t *times_s;           /* [size]: POSIX, by the author's clock */
    struct p2p_hash *blocks;     /* of each 256 records the subtree's hash; the last if whole */
    struct p2p_feed_root *roots; /* at sizes that somebody names, rising; until roots.c of what
                                    stands right of the whole blocks only */
    size_t root_count, root_cap;
    struct audit_claim *claims; /* by rising index */
    size_t claim_count, claim_cap;
    uint64_t *states; /* indexes of state commitments, rising */
    size_t state_count, state_cap;
    bool out_of_memory; /* while threads collected */
    bool differs;       /* another archive has another history of it */
    bool forked;        /* it signed two histories, and that is shown */
    pthread_mutex_t lock;
    bool has_lock;
};

/* A state commitment, and how much of each feed its author had seen. */
struct audit_apart {
    struct p2p_record_id id;
    uint64_t *sizes; /* by feed number */
};

struct p2p_audit {
    struct p2p_audit_options options;
    struct p2p_findings *findings;
    const struct p2p_alloc *alloc;
    unsigned threads;
    struct p2p_archive *archives[P2P_AUDIT_ARCHIVES_MAX];
    char *trust_text;
    size_t trust_len;
    struct p2p_trust trust;
    struct p2p_hash trust_hash;
    struct p2p_hash stamps[P2P_AUDIT_ARCHIVES_MAX]; /* before anything was looked at */
    struct p2p_charter *charter;                    /* NULL: none verifies */
    size_t charter_archive;                         /* whose it is */
    struct audit_key *keys; /* of every version of every charter that verifies */
    size_t key_count, key_cap;
    struct audit_log *logs;
    size_t log_count;
    struct audit_signing *signings;
    size_t signing_count, signing_cap;
    struct audit_signing *strays; /* over heads that the records do not lead to */
    size_t stray_count, stray_cap;
    pthread_mutex_t lock; /* of both */
    /* by feed number: the log that is replayed, or NULL */
    struct audit_log **chosen;
    size_t chosen_count;
    struct audit_index *index;
    struct p2p_ledger ledger;
    bool has_ledger;
    struct audit_apart *apart; /* state commitments that no way through the records meets */
    size_t apart_count, apart_cap;
    struct p2p_settled *settled;              /* since when its values have stood */
    bool was_kept;                            /* the index, by an audit before this one; then */
    char no_index[P2P_PATH_BYTES_MAX];        /* where it could not be made; "" */
    char damaged[P2P_ARCHIVE_PATH_BYTES_MAX]; /* a file that is not as listed any more; "" */
    struct p2p_hash frontier, leaves;
};

/* ---- pool.c ---- */

/* One function over 0 to count - 1, on several threads. */
struct audit_job {
    struct p2p_audit *audit;
    const char *stage; /* for progress */
    size_t count;
    enum p2p_err (*work)(void *context, size_t i);
    void *context;
    /* the pool's */
    atomic_size_t next;
    atomic_int err; /* the first */
    pthread_t helpers[P2P_AUDIT_THREADS_MAX];
    size_t helper_count;
};
/* Begins it on audit->threads - 1 threads, while the caller does something else; work is to
 * write nothing that he reads. */
void audit_job_begin(struct audit_job *job);
/* The caller's thread helps, and waits for the others; the first error ends it, and is
 * returned. */
P2P_MUST_CHECK enum p2p_err audit_job_end(struct audit_job *job);
/* Calls work for 0 to count - 1 on audit->threads threads; the first error ends it, and is
 * returned. stage: for progress. */
P2P_MUST_CHECK enum p2p_err audit_parallel(struct p2p_audit *audit, const char *stage,
                                           size_t count,
                                           enum p2p_err (*work)(void *context, size_t i),
                                           void *context);
void audit_progress(const struct p2p_audit *audit, const char *stage, uint64_t done,
                    uint64_t of);
/* Doubles a list that is full: items of bytes each. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err audit_grow(const struct p2p_alloc *alloc, void **items,
                                       size_t count, size_t *cap, size_t bytes);

/* ---- charter.c ---- */

P2P_MUST_CHECK enum p2p_err audit_charter(struct p2p_audit *audit);

/* ---- scan.c ---- */

P2P_MUST_CHECK enum p2p_err audit_logs_make(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_scan(struct p2p_audit *audit);
struct audit_log *audit_log_find(const struct p2p_audit *audit, size_t archive,
                                 struct p2p_slice dir);

/* ---- blocks.c, roots.c ---- */

P2P_MUST_CHECK enum p2p_err audit_blocks(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_roots_want(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_roots(struct p2p_audit *audit);
/* Compares one tile with what the records hash to. */
P2P_MUST_CHECK enum p2p_err audit_compare_tile(struct p2p_audit *audit,
                                               const struct audit_log *log, int level,
                                               uint64_t number, const struct p2p_hash *hashes,
                                               uint32_t width);
/* The root at a size that was wanted; NULL: of more records than there are. */
const struct p2p_hash *audit_root_at(const struct audit_log *log, uint64_t size);

/* ---- signatures.c ---- */

/* Verifies every issuer's signature on the other threads, until its end. */
struct audit_signatures;
P2P_MUST_CHECK enum p2p_err audit_signatures_begin(struct audit_signatures **out,
                                                   struct p2p_audit *audit);
/* Waits for it, notes the bad ones in the flags of their logs, and frees it; takes NULL.
 * bad [out]: how many of them stand in logs that are replayed. */
P2P_MUST_CHECK enum p2p_err audit_signatures_end(struct audit_signatures *signatures,
                                                 size_t *bad);

/* ---- notes.c, logs.c, witnesses.c ---- */

P2P_MUST_CHECK enum p2p_err audit_notes(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_compare_logs(struct p2p_audit *audit);
/* The first size that two logs of one name both know a root of, and at which these differ; 0:
 * none. */
uint64_t audit_parted(const struct audit_log *a, const struct audit_log *b);
/* Behind the comparison of logs. */
P2P_MUST_CHECK enum p2p_err audit_witnesses(struct p2p_audit *audit);
/* Of each feed the log that is replayed. */
P2P_MUST_CHECK enum p2p_err audit_choose(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_proofs(struct p2p_audit *audit);

/* ---- fork_proof.c ---- */

/* Writes the proof that a log whose records lead to log->head signed `other` too, a head no
 * larger, into the directory that was given for proofs; without one does nothing. */
P2P_MUST_CHECK enum p2p_err audit_prove_fork(struct p2p_audit *audit,
                                             const struct audit_log *log,
                                             const struct p2p_tree_head *other);

/* ---- index.c ---- */

struct audit_index;
/* Beside the first archive, anew. P2P_IO, P2P_FULL, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err audit_index_new(struct p2p_audit *audit);
/* The one that is there, which audit_take found fit. */
P2P_MUST_CHECK enum p2p_err audit_index_again(struct p2p_audit *audit);
void audit_index_close(struct audit_index *index); /* accepts NULL */
/* P2P_NOTFOUND: the trust file or an archive is not there; P2P_USAGE: the trust file lies in an
 * archive, or something that is written would. */
P2P_MUST_CHECK enum p2p_err audit_places(const struct p2p_audit *audit, char *message,
                                         size_t cap);
/* A file of the index beside the first archive; "": the directory. P2P_TOOLARGE, P2P_NOTFOUND.
 */
P2P_MUST_CHECK enum p2p_err audit_index_path(const struct p2p_audit *audit, const char *name,
                                             char out[P2P_PATH_BYTES_MAX]);
/* Begins a write transaction, or goes on in the open one. */
P2P_MUST_CHECK enum p2p_err audit_index_begin(struct audit_index *index);
P2P_MUST_CHECK enum p2p_err audit_index_commit(struct audit_index *index);
/* Gives back the pages of the file that this process looked at; the system still caches them,
 * and what was borrowed stays. For walks of so many steps in one transaction. */
#define AUDIT_RELAX_STEPS 16384u
void audit_index_relax(struct audit_index *index);
const struct p2p_kv *audit_index_kv(struct audit_index *index);
/* Salt and payload of a record, from whichever archive holds it; P2P_NOTFOUND: none does.
 * Borrowed until SHELF_KEPT other bundles were asked for. */
P2P_MUST_CHECK enum p2p_err audit_index_payload(struct audit_index *index, uint32_t feed,
                                                uint64_t at, struct p2p_slice *salted);

/* ---- kept.c ---- */

/* Writes down what the index follows from and what was found; failing, it is not kept. */
void audit_keep(const struct p2p_audit *audit);
void audit_forget(const struct p2p_audit *audit);
/* Whether the index that is there is of exactly these archives and this trust file, and
 * unchanged; then logs, signings and findings are as they were when it was made. */
bool audit_take(struct p2p_audit *audit);

/* ---- shelf.c ---- */

#define SHELF_KEPT 8u /* bundles that are kept however large they are */
struct audit_shelf;
P2P_MUST_CHECK enum p2p_err audit_shelf_new(struct audit_shelf **out, struct p2p_audit *audit);
void audit_shelf_free(struct audit_shelf *shelf); /* accepts NULL */
/* A record as a pack of one: format u8, count u16, length u16, leaf. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err audit_shelf_record(struct audit_shelf *shelf,
                                               const struct audit_log *log, uint64_t index,
                                               struct p2p_slice *pack);
#define AUDIT_PACK_HEADER_BYTES 5u
/* Salt and payload. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err audit_shelf_payload(struct audit_shelf *shelf,
                                                const struct audit_log *log, uint64_t index,
                                                struct p2p_slice *salted);

/* ---- states.c ---- */

/* A ledger as it stands at a frontier: that of the replay, or a past of it, edges filled. */
struct audit_standing {
    struct p2p_ledger *ledger;
    const struct p2p_kv *kv;
    struct p2p_past *past; /* NULL: that of the replay */
};
P2P_MUST_CHECK enum p2p_err audit_state_compare(struct p2p_audit *audit,
                                                const struct p2p_record_id *id,
                                                const struct audit_standing *at);
/* One that stands beside another: looked at when all is replayed. sizes are copied. */
P2P_MUST_CHECK enum p2p_err audit_state_apart(struct p2p_audit *audit,
                                              const struct p2p_record_id *id,
                                              const uint64_t *sizes);
/* Those. */
P2P_MUST_CHECK enum p2p_err audit_states(struct p2p_audit *audit);
void audit_states_forget(struct p2p_audit *audit);

/* ---- replay.c, after.c, decisions.c, custody.c, clocks.c, silence.c ---- */

/* By the flags as they are: who verifies signatures meanwhile may call for another one. */
P2P_MUST_CHECK enum p2p_err audit_replay(struct p2p_audit *audit);
/* Opens the ledger over the rows of an index that was kept. */
P2P_MUST_CHECK enum p2p_err audit_reopen(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_after(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_decisions(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_custody(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_clocks(struct p2p_audit *audit);
P2P_MUST_CHECK enum p2p_err audit_silence(struct p2p_audit *audit);
/* Whether some archive has every payload of a circle, but those that were erased. */
bool audit_complete_in(const struct p2p_audit *audit, uint32_t circle);
/* The span of times at which records [first, end) of a feed can have been written, by those who
 * cosigned the feed before and after them; 0 and UINT64_MAX where nobody did. */
struct audit_span {
    uint32_t feed;
    uint64_t first, end;
    uint64_t from_s, until_s;
};
/* The span of record `index`; out is zeroed, or one that may be of it, and then stays. */
void audit_span_of(const struct p2p_audit *audit, uint32_t feed, uint64_t index,
                   struct audit_span *out);

#endif
