/* Findings: what an audit has to say, two tables.
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

#include <stdio.h>

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
    X(CUSTODY, "custody",                                                                      \
      "one feed at a time holds a container, and each release has a right")                    \
    X(TIMES, "times", "decisions lie within their cosignatures' times")                        \
    X(SILENCE, "silence", "when each member gave no sign of life")                             \
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
const char *p2p_severity_word(enum p2p_severity severity);

/* X(NAME, word, check, severity, what it means): everything an audit can find. */
#define P2P_FINDING_MAP(X)                                                                     \
    X(FILE_MISSING, "file-missing", MANIFEST, BROKEN,                                          \
      "the manifest lists a file that is not there")                                           \
    X(FILE_EXTRA, "file-extra", MANIFEST, FINDING,                                             \
      "a file that the manifest does not list, or that no archive of these feeds has")         \
    X(FILE_DIFFERS, "file-differs", MANIFEST, BROKEN,                                          \
      "a file is not the one the manifest lists")                                              \
    X(CHARTER_UNTRUSTED, "charter-untrusted", TRUST, BROKEN,                                   \
      "no version of the charter carries what the trust file asks for")                        \
    X(CHARTER_BROKEN, "charter-broken", TRUST, BROKEN,                                         \
      "an entry of the charter or its checkpoint does not verify")                             \
    X(TRUST_DIFFERS, "trust-differs", TRUST, FINDING,                                          \
      "the trust file names other roots, or another threshold, than any version of the "       \
      "charter")                                                                               \
    X(CHARTER_RIVAL, "charter-rival", TRUST, FINDING, "the charter has two heads")             \
    X(FEED_UNKNOWN, "feed-unknown", TRUST, FINDING,                                            \
      "a feed that the charter does not name: nothing of it was checked")                      \
    X(RECORD_MALFORMED, "record-malformed", ENCODING, BROKEN,                                  \
      "a leaf is no record in the one canonical form")                                         \
    X(BUNDLE_MALFORMED, "bundle-malformed", ENCODING, BROKEN,                                  \
      "an entry bundle is not what its name says")                                             \
    X(NOTE_MALFORMED, "note-malformed", ENCODING, BROKEN,                                      \
      "a checkpoint is no signed note in the one canonical form")                              \
    X(BAD_SIGNATURE, "bad-signature", SIGNATURE, BROKEN,                                       \
      "the log did not sign this checkpoint")                                                  \
    X(FOREIGN_CHECKPOINT, "foreign-checkpoint", SIGNATURE, BROKEN,                             \
      "a checkpoint of another log, or of another size or time than its name says")            \
    X(UNKNOWN_KEY, "unknown-key", SIGNATURE, FINDING,                                          \
      "a signature line by a key that neither trust file nor charter names")                   \
    X(BAD_ROOT, "bad-root", ROOT, BROKEN,                                                      \
      "the records do not lead to the root that was signed")                                   \
    X(NO_CHECKPOINT, "no-checkpoint", ROOT, BROKEN, "records under no signed checkpoint")      \
    X(RECORDS_MISSING, "records-missing", ROOT, BROKEN,                                        \
      "fewer records than the signed checkpoint counts")                                       \
    X(RECORDS_UNSIGNED, "records-unsigned", ROOT, BROKEN,                                      \
      "more records than the signed checkpoint counts")                                        \
    X(BAD_TILE, "bad-tile", TILES, BROKEN, "a stored tile differs from the recomputed one")    \
    X(TILE_MISSING, "tile-missing", TILES, BROKEN, "a tile that the layout has is not there")  \
    X(ARCHIVES_DIFFER, "archives-differ", ARCHIVES, FINDING,                                   \
      "two archives hold different histories of one feed")                                     \
    X(ARCHIVES_FOREIGN, "archives-foreign", ARCHIVES, FINDING,                                 \
      "an archive of another federation, or by nobody that the charter names")                 \
    X(ARCHIVE_BEHIND, "archive-behind", ARCHIVES, NOTICE,                                      \
      "another archive holds more of this feed")                                               \
    X(BAD_COSIGNATURE, "bad-cosignature", COSIGNATURES, BROKEN,                                \
      "a cosignature does not verify over the checkpoint it stands under")                     \
    X(REPEATED_KEY, "repeated-key", COSIGNATURES, FINDING,                                     \
      "one key cosigned the same checkpoint twice")                                            \
    X(TIME_FALLS, "time-falls", COSIGNATURES, FINDING,                                         \
      "a witness key cosigned a larger size at an earlier time")                               \
    X(UNWITNESSED, "unwitnessed", COSIGNATURES, NOTICE,                                        \
      "the newest records stand under no quorum of cosignatures")                              \
    X(BAD_CONTENT, "bad-content", SCHEMA, FINDING,                                             \
      "a record's content is not of the form its kind has")                                    \
    X(WRONG_AUTHOR, "wrong-author", SCHEMA, FINDING,                                           \
      "this sort of author may not write this kind")                                           \
    X(KIND_UNKNOWN, "kind-unknown", SCHEMA, NOTICE,                                            \
      "a record of a kind that this program does not know")                                    \
    X(NO_ADDRESS, "no-address", SCHEMA, FINDING, "a feed does not begin with its address")     \
    X(BAD_COMMITMENT, "bad-commitment", COMMITMENTS, BROKEN,                                   \
      "a payload does not open its record's commitment")                                       \
    X(ISSUER_SIGNATURE, "issuer-signature", ISSUERS, BROKEN,                                   \
      "the issuer did not sign this record")                                                   \
    X(UNKNOWN_ISSUER, "unknown-issuer", ISSUERS, FINDING,                                      \
      "the charter names no such issuer for this feed")                                        \
    X(NO_GRANT, "no-grant", ISSUERS, FINDING,                                                  \
      "its issuer had no grant for this when it was written")                                  \
    X(REPEATED_SEQ, "repeated-seq", ISSUERS, FINDING,                                          \
      "the issuer's number was used before: an old record copied forward")                     \
    X(PAST_CUT, "past-cut-point", ISSUERS, FINDING,                                            \
      "signed with a key past the point at which it was revoked")                              \
    X(FORKED_RANGE, "forked-range", ISSUERS, FINDING,                                          \
      "stands where its feed's history has ended")                                             \
    X(CITES_NOTHING, "cites-nothing", CITATIONS, FINDING,                                      \
      "cites a record that is in no archive")                                                  \
    X(BAD_CITATION, "bad-citation", CITATIONS, FINDING,                                        \
      "cites what a record of its kind may not act on")                                        \
    X(FALSE_SEEN, "false-seen", SEEN, FINDING,                                                 \
      "a `seen` names a root that its feed never had")                                         \
    X(SEEN_FORKED, "seen-forked", SEEN, NOTICE,                                                \
      "a `seen` names a root of a forked feed that is not of the history here")                \
    X(SEEN_SHRINKS, "seen-shrinks", SEEN, FINDING,                                             \
      "a `seen` names less of a feed than an earlier one")                                     \
    X(OMITTED, "omitted", SEEN, FINDING, "a member saw more of a feed than the archive holds") \
    X(UNDERSTATED, "understated", SEEN, FINDING,                                               \
      "a member had cosigned more of a feed than it said it had seen")                         \
    X(STATE_DIFFERS, "state-differs", STATES, FINDING,                                         \
      "a member committed to another state than its records lead to")                          \
    X(STATE_FRONTIER, "state-frontier", STATES, FINDING,                                       \
      "a state commitment names another frontier than its author had seen")                    \
    X(STATE_APART, "state-apart", STATES, NOTICE,                                              \
      "a state commitment of which not everything was compared")                               \
    X(FORKED, "forked", FORKS, FINDING, "a log signed two histories")                          \
    X(WITNESS_FORKED, "witness-forked", FORKS, FINDING,                                        \
      "a witness cosigned two histories of one feed")                                          \
    X(NUMBER_REUSED, "number-reused", FORKS, FINDING,                                          \
      "an issuer signed two records under one number")                                         \
    X(BAD_PROOF, "bad-proof", FORKS, BROKEN, "a proof that proves nothing")                    \
    X(DECISION_DIFFERS, "decision-differs", DECISIONS, FINDING,                                \
      "the gate knew what calls for another answer")                                           \
    X(DECISION_MALFORMED, "decision-malformed", DECISIONS, FINDING,                            \
      "a decision is not of the form decisions have")                                          \
    X(NOT_CHECKABLE, "not-checkable", DECISIONS, NOTICE,                                       \
      "decisions whose payloads are not here, or whose keys are not")                          \
    X(NOT_HELD, "not-held", CUSTODY, FINDING,                                                  \
      "a release by who did not hold the container's custody there")                           \
    X(RELEASED_TWICE, "released-twice", CUSTODY, FINDING,                                      \
      "custody of one container was opened twice, and both were released")                     \
    X(LOST_RELEASE, "lost-release", CUSTODY, FINDING,                                          \
      "a release on a history that its feed lost")                                             \
    X(NO_RIGHT, "no-right", CUSTODY, FINDING,                                                  \
      "a release on no right, or on one that did not allow it")                                \
    X(CUSTODY_RIVAL, "custody-rival", CUSTODY, NOTICE,                                         \
      "custody of one container was opened twice, by who did not know of each other")          \
    X(RELEASED_AGAIN, "released-again", CUSTODY, FINDING,                                      \
      "it came in elsewhere before its release was known, and was released there too: it "     \
      "left twice, or was back in between")                                                    \
    X(CLOSED_ELSEWHERE, "closed-elsewhere", CUSTODY, NOTICE,                                   \
      "a container came in at another port than held it, which ended that custody")            \
    X(DECISION_TIME, "decision-time", TIMES, FINDING,                                          \
      "a decision's time is not between the cosignatures before and after it")                 \
    X(RECORD_TIME, "record-time", TIMES, FINDING,                                              \
      "a record's time is not between the cosignatures before and after it")                   \
    X(SILENT, "silent", SILENCE, NOTICE,                                                       \
      "a member gave no sign of life for more than three minutes")                             \
    X(LAST_HEARD, "last-heard", SILENCE, NOTICE,                                               \
      "a member gave no sign of life any more while others did")                               \
    X(NEVER_HEARD, "never-heard", SILENCE, NOTICE, "a member gave no sign of life at all")     \
    X(PAYLOAD_MISSING, "payload-missing", PAYLOADS, FINDING,                                   \
      "a payload is neither here nor announced as withheld or erased")                         \
    X(FALSE_RANGE, "false-range", PAYLOADS, FINDING,                                           \
      "the manifest says of payloads that are here, or never were, that they are not")         \
    X(WITHHELD, "withheld", PAYLOADS, NOTICE, "payloads of circles the exporter is not in")    \
    X(WITHHELD_OWN, "withheld-own", PAYLOADS, FINDING,                                         \
      "the exporter withholds payloads of a circle that it is in")                             \
    X(LOST, "lost", PAYLOADS, NOTICE, "payloads that the exporter should hold and does not")   \
    X(ERASED, "erased", PAYLOADS, NOTICE, "payloads that the exporter says were erased")

enum p2p_finding_code {
#define P2P_FINDING_ENUM(name, word, check, severity, text) P2P_FINDING_##name,
    P2P_FINDING_MAP(P2P_FINDING_ENUM)
#undef P2P_FINDING_ENUM
        P2P_FINDING_COUNT
};
const char *p2p_finding_word(enum p2p_finding_code code);
const char *p2p_finding_meaning(enum p2p_finding_code code);
enum p2p_check p2p_finding_check(enum p2p_finding_code code);
enum p2p_severity p2p_finding_severity(enum p2p_finding_code code);

#define P2P_FINDING_TEXT_BYTES 240u
#define P2P_FINDINGS_MAX       65536u /* listed, the worst first; more are counted */

struct p2p_finding {
    enum p2p_finding_code code;
    char feed[P2P_ORIGIN_BYTES_MAX + 1]; /* `beanr/1`, a file's path, or empty */
    bool has_index;
    uint64_t index;                    /* of the record, or size of the checkpoint */
    char text[P2P_FINDING_TEXT_BYTES]; /* one sentence; control bytes are replaced */
};

/* A growing list; adding and counting are safe from several threads. */
struct p2p_findings;
P2P_MUST_CHECK enum p2p_err p2p_findings_new(struct p2p_findings **out,
                                             const struct p2p_alloc *alloc);
void p2p_findings_free(struct p2p_findings *findings); /* accepts NULL */
/* Beyond P2P_FINDINGS_MAX the worst are listed and the others counted; without memory it is
 * only counted. Severities count always. */
void p2p_findings_add(struct p2p_findings *findings, const struct p2p_finding *finding);
/* The same from a format. feed may be NULL; index P2P_FINDING_NOWHERE: of no one record. */
#define P2P_FINDING_NOWHERE UINT64_MAX
void p2p_findings_tell(struct p2p_findings *findings, enum p2p_finding_code code,
                       const char *feed, uint64_t index, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* What a check has looked at, for its line. */
void p2p_findings_count(struct p2p_findings *findings, enum p2p_check check,
                        uint64_t looked_at);
/* Adds all that another list has, and what it looked at. */
void p2p_findings_join(struct p2p_findings *findings, const struct p2p_findings *others);
/* Sorts, drops what was told twice, lists no more than P2P_FINDINGS_MAX; then they can be read.
 */
void p2p_findings_sort(struct p2p_findings *findings);
size_t p2p_findings_size(const struct p2p_findings *findings);
const struct p2p_finding *p2p_findings_get(const struct p2p_findings *findings, size_t i);
uint64_t p2p_findings_looked_at(const struct p2p_findings *findings, enum p2p_check check);
/* How many of one severity a check had, those that are not listed included; of those that are
 * not, as often as they were told. Of a sorted list. */
uint64_t p2p_findings_tally(const struct p2p_findings *findings, enum p2p_check check,
                            enum p2p_severity severity);
uint64_t p2p_findings_unlisted(const struct p2p_findings *findings);
/* Writes them as they stand in memory, and takes them back into an empty list; false when they
 * cannot be written, or are not what was written. */
bool p2p_findings_save(const struct p2p_findings *findings, FILE *out);
bool p2p_findings_load(struct p2p_findings *findings, struct p2p_slice bytes);
/* NOTICE when there is none at all. */
enum p2p_severity p2p_findings_worst(const struct p2p_findings *findings);

#endif
