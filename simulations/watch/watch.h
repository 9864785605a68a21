/* The parts of the watcher, one noun each. Private to invariant.c and its tests.
 *
 *   invariant.c        what the simulator calls: frames that leave, starts, decisions, settling
 *   watch_log.c        an RFC 6962 tree of leaf hashes, of the watcher's own
 *   watch_history.c    per feed the histories that were seen, and what left a machine of them
 *   watch_witness.c    cosignatures: one witness's sizes, quorums
 *   watch_fork.c       fork proofs, who knows of them, what they may take away
 *   watch_record.c     what records say, read naively: `seen`, bans, what acts on them
 *   watch_gate.c       may this gate have allowed that?
 *   watch_release.c    what left which gate
 *   watch_forbid.c     what forbade it
 *   watch_lease.c      who had a lease
 *   watch_rests.c      how many witnesses a step of custody rests on
 *   watch_custody.c    who believes that he may let out what, and what he believes let out
 *   watch_authority.c  charter entries, cut points, lifts, verdicts that stand
 *   watch_disk.c       what one disk holds, against the watcher's trees
 *   watch_payload.c    payloads that are lacked
 *   watch_view.c       equal frontiers, equal views
 *   watch_replay.c     the same records in another order
 *   watch_again.c      every decision once more, as an audit does it
 *   watch_bound.c      bounds
 *
 * An oracle outside the nodes: it shares formats and hashes with them, and nothing of what they
 * conclude. Work per batch is in proportion to what leaves; everything else waits for settle.
 * What is wrong is told with sim_violate, in a sentence that names machine, feed and size. */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "sim.h"

#include <p2p/ban.h>
#include <p2p/fork.h>
#include <p2p/frame.h>

#define WATCH_BRANCHES_MAX 4u /* of one feed; more are not told apart */
#define WATCH_NO_BRANCH    UINT32_MAX

/* Room for one more of count items; aborts without memory, as the simulator does. */
void *watch_room(void *items, size_t count, size_t *cap, size_t bytes);

/* ---- watch_log.c ---- */

struct watch_log {
    struct p2p_edge edge;
    struct p2p_hash *levels[P2P_TREE_LEVELS_MAX]; /* perfect subtrees; [0]: leaves */
    size_t caps[P2P_TREE_LEVELS_MAX];
};
void watch_log_append(struct watch_log *log, const struct p2p_hash *leaf);
/* False when it has fewer leaves. */
bool watch_log_root(const struct watch_log *log, uint64_t size, struct p2p_hash *root);
bool watch_log_has(const struct watch_log *log, uint64_t size, const struct p2p_hash *root);
void watch_log_deinit(struct watch_log *log);

/* ---- machines and feeds ---- */

struct watch_point {
    uint64_t size; /* 0: none */
    struct p2p_hash root;
};

/* What left one machine about one feed, and how far its disk was walked. */
struct watch_left {
    struct watch_point head; /* of its own feed */
    struct watch_point acked;
    struct watch_point cosigned;
    uint64_t cosigned_time_s;
    uint64_t walked;    /* leaves and payloads below this index were compared */
    uint64_t open_size; /* of its own feed on disk while that was not closed */
    bool closed;        /* an own feed of a generation before the one it writes in */
};

struct watch_verdict {
    uint32_t circle;
    struct p2p_record_id id;
    enum p2p_why why;
};

/* A private record whose payload a disk lacks. */
struct watch_missing {
    struct p2p_record_id id;
    uint32_t circle;
};

/* A token that was seen as released. */
struct watch_released {
    struct p2p_record_id token;
    bool told; /* that it is not any more */
};

/* A lease that was asked for. */
#define WATCH_ROUNDS_MAX 32u
struct watch_round {
    struct p2p_hash nonce;
    uint64_t asked_us; /* when the first of it left */
    uint64_t answered; /* bit per charter number of the members whose answer left */
};

struct watch_machine {
    uint32_t number;
    const char *name;
    uint32_t member;        /* charter number; 0: not in the charter */
    uint64_t kinds_unknown; /* to its version */
    bool honest;
    bool clock_wrong;                  /* its clock was not the true one at some time */
    const struct p2p_kv *kv;           /* what is durable, during a call */
    const struct p2p_actions *actions; /* of the batch that leaves, or NULL */
    struct watch_left *left;           /* by feed */
    size_t left_count;
    struct watch_missing *missing; /* among what was walked */
    size_t missing_count, missing_cap;
    struct watch_verdict *verdicts; /* of the last settling, by (circle, id) */
    size_t verdict_count;
    uint64_t verdict_charter; /* its charter size then */
    bool may_lose;            /* a backup was put back, its disk lied, or it lost everything, */
    bool lost_once;           /* in this phase, or in any */
    bool may_be_hurt;         /* bits of its disk were flipped */
    uint64_t hurt_us;         /* when */
    bool lost;                /* it started over less than had left it */
    bool appends;             /* when it was last settled */
    uint32_t generation;      /* of the newest keys it has signed with */
    uint64_t batches;         /* when it was last settled */
    struct watch_released *released;
    size_t released_count, released_cap;
    struct watch_round rounds[WATCH_ROUNDS_MAX]; /* a ring of what it asked in this start */
    size_t round_count;                          /* ever, in this start */
};
struct watch_left *watch_left_of(struct watch_machine *machine, uint32_t feed);
/* It signed with keys of this generation: what left it under earlier ones, it need not hold. */
void watch_renewed(struct sim_watcher *watcher, struct watch_machine *machine,
                   uint32_t generation);
/* It has written in its own feed, whatever of this batch leaves it first. */
void watch_wrote(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t number);
/* What its disk holds of its own feed, signed before the entry that closes it came. */
void watch_own_feed(struct sim_watcher *watcher, struct watch_machine *machine,
                    uint32_t number);
/* Its disk is another one perhaps: everything on it is looked at again. */
void watch_walk_anew(struct watch_machine *machine);

/* A cosignature that left any honest machine. */
struct watch_cosigned {
    uint64_t time_s;
    uint64_t size;
    struct p2p_hash root;
    uint64_t seen_us; /* when it was first seen: as it left, if it did */
    bool forgotten;   /* it was of the second that a disk that lied took from store and copy */
};
struct watch_cosigner {
    uint32_t witness;
    bool forgot;                /* some of these */
    struct watch_cosigned *all; /* by (time, size) */
    size_t count, cap;
};

/* A `seen` entry: from index + 1 on its feed knows this much of the other. */
struct watch_claim {
    uint64_t index;
    struct watch_point point;
};
struct watch_claims {
    struct watch_claim *all; /* ascending by index */
    size_t count, cap;
};

/* The largest number an issuer validly used in a feed. */
struct watch_number {
    uint32_t issuer;
    uint64_t last;
};

struct watch_feed {
    uint32_t number;
    struct watch_log branches[WATCH_BRANCHES_MAX];
    size_t branch_count;
    struct watch_point memo; /* the newest head that was placed, */
    uint32_t memo_branch;    /* and where */
    bool told_twice;         /* its two histories were reported or excused */
    bool counted;
    uint32_t fewest; /* witnesses that the charter ever named for it, once counted */
    struct watch_cosigner *cosigners;
    size_t cosigner_count, cosigner_cap;
    struct watch_point quorums[WATCH_BRANCHES_MAX]; /* the largest with a quorum, per branch */
    bool proven;                                    /* a real proof of a fork left somewhere */
    uint64_t read;                                  /* records of branch 0 that were read */
    struct watch_number *numbers;
    size_t number_count, number_cap;
    struct watch_claims *claims; /* by the feed they are about */
    size_t claims_count;
};

/* An imposition, or what acts on some. */
struct watch_ban_record {
    struct p2p_record_id id;
    uint32_t kind, circle, issuer;
    bool signed_well; /* the issuer's signature holds and its number rises */
    struct p2p_record_id *cites;
    size_t cite_count;
    uint8_t *payload; /* NULL: not found on any disk yet */
    size_t payload_len;
    bool imposes; /* content is that of an imposition; then: */
    struct p2p_ban ban;
    struct p2p_subject_key subjects[P2P_SUBJECTS_MAX];
    size_t subject_count;
};

/* From which size of the charter on a member has been in a circle. */
struct watch_membership {
    uint32_t circle, member;
    uint64_t since; /* 0: it is not */
};

/* An answer that let a container out. */
struct watch_release {
    struct p2p_record_id token, right, use;
    uint64_t own_ms; /* what the gate's clock said */
    bool overruled;  /* by an approve that the `use` cites */
    uint32_t circle;
    const char *machine;
    bool honest;
};

/* Who was seen last to be able to release a token. */
struct watch_held {
    struct p2p_record_id token;
    uint64_t scan, epoch;
    uint32_t member;
    bool lies; /* somebody in its chain does; */
    bool twice;
    uint32_t liar; /* his feed */
};

struct sim_watcher {
    struct sim *sim;
    struct watch_machine *machines; /* by host number; [0] unused */
    size_t machine_count;
    struct watch_feed *feeds; /* by number */
    size_t feed_count;
    bool *excused; /* by charter number of the member: two histories are to be expected */
    size_t excused_count;
    bool *expected; /* by index of the member: it will be excused as soon as it is named */
    size_t expected_count;
    struct watch_ban_record *bans; /* in order of reading */
    size_t ban_count, ban_cap;
    size_t bans_unopened; /* first of them whose payload is missing */
    struct watch_membership *memberships;
    size_t membership_count, membership_cap;
    uint64_t membership_size;      /* of the charter, up to which they were followed */
    struct watch_ban_record *said; /* of containers and rights; payloads never kept */
    size_t said_count, said_cap;
    struct watch_release *releases;
    size_t release_count, release_cap;
    struct watch_held *held;
    size_t held_count, held_cap;
    uint64_t scans;
    uint64_t settles;
    uint64_t replayed;      /* records in the largest replay so far */
    struct p2p_arena arena; /* scratch */
};

const struct p2p_charter *watch_charter(const struct sim_watcher *watcher); /* the roots' own */
struct watch_feed *watch_feed_of(struct sim_watcher *watcher, uint32_t number);
/* `beanr/1`, for sentences. */
const char *watch_feed_name(const struct sim_watcher *watcher, uint32_t number);
/* Whether the owner of a feed is to have one history. */
bool watch_is_honest_feed(const struct sim_watcher *watcher, uint32_t number);
bool watch_is_honest_member(const struct sim_watcher *watcher, uint32_t member);
void watch_excuse(struct sim_watcher *watcher, uint32_t member);
/* Looks at what the roots have sealed since: before anything else that is asked. */
void watch_look(struct sim_watcher *watcher);
/* One frame that leaves an honest machine. */
void watch_frame(struct sim_watcher *watcher, struct watch_machine *machine,
                 const struct p2p_frame *frame);
/* Everything that can be asked of machines that had time to talk. */
void watch_settle(struct sim_watcher *watcher, struct watch_machine *const *machines,
                  size_t count);

/* ---- watch_history.c ---- */

/* Whether that disk holds (size, root) of a feed. */
bool watch_holds(const struct p2p_kv *kv, uint32_t feed, const struct watch_point *point);
/* Whether that machine's charter goes through an entry of the roots, and not through another
 * that they sealed in its place. */
bool watch_holds_entry(const struct sim_watcher *watcher, const struct watch_machine *machine,
                       uint64_t index);
/* Follows a feed as far as a machine's disk holds it; returns the branch that is, or none when
 * its records do not hash to its root. */
uint32_t watch_follow(struct sim_watcher *watcher, struct watch_machine *machine,
                      uint32_t feed);
/* The branch a signed head or cosigned size is on, after following the machine's disk. */
uint32_t watch_place(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t feed,
                     const struct watch_point *point);
/* Frames that leave. */
void watch_run(struct sim_watcher *watcher, struct watch_machine *machine,
               const struct p2p_run *run);
void watch_ack(struct sim_watcher *watcher, struct watch_machine *machine,
               const struct p2p_ack *ack);
/* The machine starts; appends: the own feed that its node would sign, or 0. */
void watch_restarted(struct sim_watcher *watcher, struct watch_machine *machine,
                     uint32_t appends);
/* A signature was made by a machine that lost what it had signed: unless it has it again. */
void watch_signed(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t feed,
                  uint64_t size);

/* ---- watch_witness.c ---- */

void watch_cosign(struct sim_watcher *watcher, struct watch_machine *machine,
                  const struct p2p_cosign_body *body);
/* The power failed under a machine's disk that lied, and its copy came to stand at that commit
 * number. Where the store is not behind that, nothing tells the machine that it went back: what
 * it cosigned in the last second it does not know of (disk.h). */
void watch_went_back(struct sim_watcher *watcher, const struct watch_machine *machine,
                     uint64_t copy_commit);
/* A machine stores a quorum of a feed. */
void watch_quorum_found(struct watch_feed *feed, const struct watch_point *point);
/* Looks for two quorums that contradict each other. */
void watch_quorums(struct sim_watcher *watcher, struct watch_feed *feed);

/* ---- watch_fork.c ---- */

void watch_fork_proof(struct sim_watcher *watcher, const struct watch_machine *machine,
                      struct p2p_slice proof);
/* W of a forked feed, as a machine's view shows it; false when it shows none. */
bool watch_w(const struct sim_watcher *watcher, const struct watch_machine *machine,
             uint32_t feed, struct watch_point *w);
/* The record that carries it there; likewise. */
bool watch_w_by(const struct sim_watcher *watcher, const struct watch_machine *machine,
                uint32_t feed, struct p2p_record_id *by);
/* Whether a fork took that much of a feed away from a machine, or took some and W is still
 * being fetched: below W everything stays. */
bool watch_was_cut(struct sim_watcher *watcher, const struct watch_machine *machine,
                   uint32_t feed, const struct watch_point *point);

/* ---- watch_record.c ---- */

/* Reads what is new in a feed's first branch from a machine that holds it. */
void watch_read_records(struct sim_watcher *watcher, struct watch_machine *machine,
                        struct watch_feed *feed);
/* Looks for payloads that were missing when their record was read. */
void watch_open_payloads(struct sim_watcher *watcher, const struct watch_machine *machine);
/* What feed `by` knew of feed `of` at its index `at`, from its `seen` alone. */
uint64_t watch_known(struct sim_watcher *watcher, uint32_t by, uint64_t at, uint32_t of);
const struct watch_ban_record *watch_ban_at(const struct sim_watcher *watcher,
                                            const struct p2p_record_id *id);
/* Whether an issuer was ever granted this ground, or one that outranks it, for that scope
 * (NULL: any) by an entry below charter size `known`. */
bool watch_ever_granted(const struct sim_watcher *watcher, uint32_t issuer,
                        enum p2p_ground ground, bool or_higher, struct p2p_slice scope,
                        uint64_t known);

/* Whether an issuer was granted that word for everywhere by an entry below charter size
 * `known`.
 */
bool watch_granted_word(const struct sim_watcher *watcher, uint32_t issuer, const char *word,
                        uint64_t known);

/* ---- watch_gate.c ---- */

/* No cut point ever named him. */
bool watch_never_revoked(const struct sim_watcher *watcher, uint32_t issuer);
/* Of the charter that the author of a record knew there, as much as a second entry put nothing
 * beside: a gate that holds both grants nothing by what stands above. */
uint64_t watch_charter_known(struct sim_watcher *watcher, const struct p2p_record_id *id);

/* A decision of a machine's gate: `at` is the index of its record, or that it was spooled. */
#define WATCH_SPOOLED UINT64_MAX
void watch_decision(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t feed,
                    uint64_t at, const struct p2p_gate_check *check, enum p2p_answer answer);

/* ---- watch_release.c ---- */

struct p2p_custody;

/* What a machine's gate goes by, beside its disk. */
struct watch_gate {
    uint32_t feed;   /* that it writes in */
    uint64_t copied; /* so many records of it stand in its copy */
    bool ready;      /* it believes that it may release now */
    bool hides;      /* two heads of the charter hide from it what a step may rest on */
    bool voided;     /* a settle voided grants by which steps were written */
    const uint32_t *circles;
    size_t circle_count;
    /* Of how much of a feed it holds a quorum. */
    uint64_t (*quorum)(const void *context, uint32_t feed);
    const void *context;
};
/* An allow left the machine, and the container with it. */
void watch_left(struct sim_watcher *watcher, struct watch_machine *machine,
                const struct watch_gate *gate, const struct p2p_job *collect);

/* ---- watch_forbid.c ---- */

/* What forbade a release that left, as far as that is beyond doubt. custody: as the machine has
 * the token now. */
void watch_forbidden(struct sim_watcher *watcher, struct watch_machine *machine,
                     const struct watch_release *release, const struct p2p_custody *custody);

/* ---- watch_lease.c ---- */

/* Frames that leave. */
void watch_lease_asked(struct sim_watcher *watcher, struct watch_machine *machine,
                       const struct p2p_lease_ask *ask);
void watch_lease_answered(struct sim_watcher *watcher, const struct watch_machine *machine,
                          const struct p2p_lease_answer *answer);
/* Whether a machine that lets a container out may have a lease for it. */
bool watch_may_have_lease(const struct sim_watcher *watcher,
                          const struct watch_machine *machine, uint32_t feed);

/* ---- watch_rests.c ---- */

/* Looks at what the tokens of a machine's views came to be where they are by. */
void watch_rests(struct sim_watcher *watcher, const struct watch_machine *machine);

/* ---- watch_custody.c ---- */

/* What this machine believes now; one scan goes over all. */
void watch_custody(struct sim_watcher *watcher, struct watch_machine *machine,
                   const struct watch_gate *gate);
/* Whether nobody lies who ever held it or was offered it, as one machine has it. */
bool watch_is_honest_chain(const struct sim_watcher *watcher,
                           const struct p2p_custody *custody);
/* The first feed of somebody who lies, of those who held it; 0: none. */
uint32_t watch_liar_of(const struct sim_watcher *watcher, const struct p2p_custody *custody);
/* The record at (feed, index) of a disk, if it holds one of that kind. */
bool watch_record_at(const struct watch_machine *machine, uint32_t number, uint64_t index,
                     uint32_t kind, struct p2p_record *out);
/* Its disk is another one: what it knew before, it need not know. */
void watch_forget_released(struct watch_machine *machine);
void watch_settle_custody(struct sim_watcher *watcher);

/* ---- watch_authority.c ---- */

void watch_entry(struct sim_watcher *watcher, const struct watch_machine *machine,
                 const struct p2p_entry_body *entry);
/* Follows who is in which circle. */
void watch_follow_charter(struct sim_watcher *watcher);
uint64_t watch_member_since(const struct sim_watcher *watcher, uint32_t circle,
                            uint32_t member);

/* ---- settling ---- */

/* What one machine was found to hold. */
struct watch_summary {
    struct watch_machine *machine;
    struct p2p_hash frontier, leaves;
    struct watch_point *feeds; /* by number */
    bool *forked;
    size_t feed_count;
    struct p2p_hash *circles; /* digest of the ban view, by number */
    bool *complete;
    size_t circle_count;
    uint64_t records;
};
void watch_summary_deinit(struct watch_summary *summary);

/* watch_disk.c: leaves against the trees, payloads against their leaves, kept digests against a
 * walk. False when the store could not be read. */
bool watch_disk(struct sim_watcher *watcher, struct watch_machine *machine,
                struct watch_summary *summary);
/* watch_view.c */
void watch_compare(struct sim_watcher *watcher, const struct watch_summary *all, size_t count);
/* watch_payload.c */
void watch_settle_payloads(struct sim_watcher *watcher, const struct watch_summary *all,
                           size_t count);
/* Whether a machine that holds less of a feed than another may stay there (WIRE.md, Payloads
 * that nobody gives): no head that any of these machines keeps leads further without a record
 * whose payload it may hold and none of them can give, and no more of the feed's witnesses than
 * may lie are known to have gone further. */
bool watch_stands_before_lost(struct sim_watcher *watcher, const struct watch_summary *all,
                              size_t count, const struct watch_summary *behind,
                              const struct watch_summary *ahead, uint32_t feed);
/* watch_authority.c: the ban views of one machine at the common frontier. */
void watch_settle_authority(struct sim_watcher *watcher, struct watch_machine *machine);
/* watch_number.c */
void watch_settle_numbers(struct sim_watcher *watcher, struct watch_machine *machine);
/* watch_fork.c */
void watch_settle_forks(struct sim_watcher *watcher, const struct watch_summary *all,
                        size_t count);
/* watch_replay.c */
void watch_replay(struct sim_watcher *watcher, struct watch_machine *machine);
/* watch_again.c */
void watch_again(struct sim_watcher *watcher, struct watch_machine *machine);

/* ---- watch_bound.c ---- */

void watch_bounds(struct sim_watcher *watcher, const struct watch_machine *machine,
                  const struct p2p_actions *actions);

/* What an engine holds between batches, and for what. */
struct watch_kept {
    size_t bytes, feeds, circles, entries;
    size_t cosigners; /* of all feeds: whose cosignatures may be kept or wait */
};
void watch_heap(struct sim_watcher *watcher, const struct watch_machine *machine,
                const struct watch_kept *kept);

#endif
