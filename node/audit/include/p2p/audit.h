/* An audit: archives and a trust file in, findings and a verdict out. No node, no store.
 *
 * p2p_audit_run opens the archives, proves the charter by the trust file, recomputes every root
 * from the records, verifies what was signed, and replays the records through the same folds
 * that a node uses, into an index of its own beside the first archive (`DIR.index`). What it
 * has to say are findings; its own failures (no memory, no disk) are errors.
 *
 * Everything of an archive is data of strangers: whatever it holds, the audit ends, within the
 * bounds named here and in archive.h, and writes nothing below DIR. Integrity runs on several
 * threads, the replay on the caller's; the object belongs to one thread. */
#ifndef P2P_AUDIT_H
#define P2P_AUDIT_H

#include <p2p/archive.h>
#include <p2p/finding.h>
#include <p2p/kv.h>
#include <p2p/ledger.h>
#include <p2p/past.h>
#include <p2p/trust.h>

#define P2P_AUDIT_ARCHIVES_MAX 16u
#define P2P_AUDIT_THREADS_MAX  64u

/* How far an audit goes. */
enum p2p_audit_depth {
    P2P_AUDIT_INTEGRITY, /* up to CITATIONS, without what only a replay can tell */
    P2P_AUDIT_REPLAY     /* everything */
};

struct p2p_audit_options {
    const struct p2p_alloc *alloc; /* thread-safe */
    const char *const *dirs;       /* 1 to P2P_AUDIT_ARCHIVES_MAX */
    size_t dir_count;
    const char *trust_path;
    enum p2p_audit_depth depth;
    const char
        *proofs_dir; /* takes the proofs of forks that are found; NULL: none are written */
    bool skip_issuer_signatures; /* for measuring: they are taken for good */
    /* Keeps the index, and uses one that was kept, if it is of the same archives and trust file
     * and none of these was written since: then nothing but the charter is verified again. For
     * questions after the first; a verdict is not for the keeping. */
    bool keep_index;
    const char *index_dir; /* made where it is not there; NULL: `DIR.index` beside the first */
    unsigned threads;      /* 0: as many as there are processors */
    /* Told now and then: what is being done, and how far; from the caller's thread. NULL: no.
     */
    void (*progress)(void *context, const char *stage, uint64_t done, uint64_t of);
    void *progress_context;
};

struct p2p_audit;

/* The archive, of count directories, that a path lies in or is; NULL: none. Of what is not
 * there yet, its directory counts. */
const char *p2p_audit_around(const char *path, const char *const *dirs, size_t count);

/* findings: borrowed, grows. message [out]: one sentence on error. P2P_USAGE (the trust file
 * lies inside an archive, or is malformed, or index or proofs would lie inside one: exit 2),
 * P2P_NOTFOUND, P2P_MALFORMED (a manifest),
 * P2P_IO, P2P_FULL, P2P_NOMEM. On P2P_OK *out stays open for the questions below. */
P2P_MUST_CHECK enum p2p_err p2p_audit_run(struct p2p_audit **out,
                                          const struct p2p_audit_options *options,
                                          struct p2p_findings *findings, char *message,
                                          size_t cap);
void p2p_audit_close(struct p2p_audit *audit); /* accepts NULL */

/* What it was about, for the report. */
struct p2p_audit_summary {
    const char *federation; /* its name, or "" */
    struct p2p_hash federation_id;
    uint64_t charter_size;
    struct p2p_hash trust_hash;
    size_t archive_count;
    size_t feed_count;
    uint64_t records;         /* replayed, or that would be */
    struct p2p_hash frontier; /* frontier digest; zeros without replay */
    struct p2p_hash leaves;   /* leaves digest; zeros without replay */
};
void p2p_audit_summary(const struct p2p_audit *audit, struct p2p_audit_summary *out);
struct p2p_hash p2p_audit_archive_hash(const struct p2p_audit *audit, size_t archive);

/* The replayed ledger and its rows, for reads on the caller's thread; NULL without replay. */
struct p2p_ledger *p2p_audit_ledger(struct p2p_audit *audit);
const struct p2p_kv *p2p_audit_kv(struct p2p_audit *audit);

/* A file of the archive that is not as its manifest lists it, found while it was read with an
 * index of an earlier audit, which knew nothing of that; NULL: none was. What rests on it
 * cannot be told; the next audit looks at all of the archive. */
const char *p2p_audit_damaged(const struct p2p_audit *audit);

/* Since when its values have stood, for p2p_past_settled; NULL without replay. */
const struct p2p_settled *p2p_audit_settled(const struct p2p_audit *audit);

/* How much of each feed had been written at a time, by its authors' clocks: up to the first
 * record that says a later one; of the charter everything, as is known now. Fills
 * out->sizes[out->count]. P2P_NOTFOUND without replay. */
P2P_MUST_CHECK enum p2p_err p2p_audit_at(const struct p2p_audit *audit, uint64_t time_ms,
                                         struct p2p_horizon *out);
/* Between which times a record was written, by those who cosigned its feed before and after it;
 * 0 and UINT64_MAX where nobody did. */
void p2p_audit_span(const struct p2p_audit *audit, const struct p2p_record_id *id,
                    uint64_t *from_s, uint64_t *until_s);
/* Whether payloads of a circle are missing in every archive: then bans may be unseen. */
bool p2p_audit_withholds(const struct p2p_audit *audit, uint32_t circle);

/* The verdict: a text of what was asked and found, with the hashes of all inputs, and nothing
 * of when, where or how fast; so the same input gives the same bytes. Terminated; owned by the
 * caller, freed with alloc. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_audit_verdict(const struct p2p_audit *audit,
                                              const struct p2p_findings *findings,
                                              const struct p2p_alloc *alloc, char **out,
                                              size_t *len);

#endif
