/* Findings: what an audit has to say, one table.
 *
 * A finding names what is wrong for what it is, where, and what that means. Notices are told
 * and leave the verdict sound. The report has a line for each check, also for those that found
 * nothing; findings are sorted by (check, feed, index), so the same input gives the same bytes.
 */
#ifndef P2P_FINDING_H
#define P2P_FINDING_H

#include <p2p/alloc.h>
#include <p2p/base.h>
#include <p2p/record.h>

/* X(NAME, word, what was looked at): the checks, in the order of the report. */
#define P2P_CHECK_MAP(X)                                                                       \
    X(MANIFEST, "manifest", "every file is listed, and is as listed")                          \
    X(TRUST, "trust", "the trust file and the charter it leads to")                            \
    X(ENCODING, "encoding", "every file and record is canonical, and re-encodes to itself")    \
    X(SIGNATURE, "signature", "the log signed every archived checkpoint")                      \
    X(ROOT, "root", "roots recomputed from the records at every checkpoint")                   \
    X(TILES, "tiles", "stored tiles equal recomputed ones")                                    \
    X(ARCHIVES, "archives", "all archives tell one history")                                   \
    X(COSIGNATURES, "cosignatures", "distinct keys, monotone for each witness, quorum")        \
    X(SCHEMA, "schema", "every record is of the form its kind has")                            \
    X(COMMITMENTS, "commitments", "payloads open what their records committed to")             \
    X(ISSUERS, "issuers", "issuers' signatures, numbers and grants at that position")          \
    X(CITATIONS, "citations", "what records cite is there")                                    \
    X(SEEN, "seen", "`seen` records name what there was, and all their author held")           \
    X(STATES, "states", "replay equals every state commitment")                                \
    X(FORKS, "forks", "two histories, two records under one number")                           \
    X(DECISIONS, "decisions", "each decision follows from what its gate knew")                 \
    X(TIMES, "times", "decisions lie within their cosignatures' times")                        \
    X(SILENCE, "silence", "no member was silent for long")                                     \
    X(PAYLOADS, "payloads", "what is not in the archive is announced")

enum p2p_check {
#define P2P_CHECK_ENUM(name, word, text) P2P_CHECK_##name,
    P2P_CHECK_MAP(P2P_CHECK_ENUM)
#undef P2P_CHECK_ENUM
        P2P_CHECK_COUNT
};
const char *p2p_check_word(enum p2p_check check);
const char *p2p_check_text(enum p2p_check check);

/* NOTICE: told. FINDING: the history is not in order (exit 1). BROKEN: a hash, a signature or
 * an encoding does not fit (exit 4). */
enum p2p_severity { P2P_SEVERITY_NOTICE, P2P_SEVERITY_FINDING, P2P_SEVERITY_BROKEN };

#define P2P_FINDING_TEXT_BYTES 240u
#define P2P_FINDINGS_MAX       65536u /* listed; more are counted */

struct p2p_finding {
    enum p2p_check check;
    enum p2p_severity severity;
    const char *code; /* a word of findings.c's table: `bad-root`, `understated`, ... */
    char feed[P2P_ORIGIN_BYTES_MAX + 1]; /* `beanr/1`, a file's path, or empty */
    bool has_index;
    uint64_t index;                    /* of the record, or size of the checkpoint */
    char text[P2P_FINDING_TEXT_BYTES]; /* one sentence */
};

/* A growing list; adding is safe from several threads. */
struct p2p_findings;
P2P_MUST_CHECK enum p2p_err p2p_findings_new(struct p2p_findings **out,
                                             const struct p2p_alloc *alloc);
void p2p_findings_free(struct p2p_findings *findings); /* accepts NULL */
void p2p_findings_add(struct p2p_findings *findings, const struct p2p_finding *finding);
/* What a check has looked at, for its line: "cosignatures: 12,034 of 6 witnesses". */
void p2p_findings_count(struct p2p_findings *findings, enum p2p_check check,
                        uint64_t looked_at);
/* Sorts; then they can be read. */
void p2p_findings_sort(struct p2p_findings *findings);
size_t p2p_findings_size(const struct p2p_findings *findings);
const struct p2p_finding *p2p_findings_get(const struct p2p_findings *findings, size_t i);
uint64_t p2p_findings_looked_at(const struct p2p_findings *findings, enum p2p_check check);
enum p2p_severity p2p_findings_worst(const struct p2p_findings *findings);

#endif
