/* The engine's state. Private to replication/; what works on it is in engine_parts.h. */
#ifndef P2P_ENGINE_STATE_H
#define P2P_ENGINE_STATE_H

#include "engine_scrub.h"

#include <p2p/engine.h>
#include <p2p/feed_set.h>
#include <p2p/fork.h>
#include <p2p/lease.h>
#include <p2p/overlay.h>

#define P2P_SEEN_EVERY_MS         60000u /* without a decision or an issuer's record */
#define P2P_COSIGN_EVERY_MS       100u   /* under load; idle: at once */
#define P2P_HEARTBEAT_GAP_MS      1000u  /* at most one with each own commit in this time */
#define P2P_ANTI_ENTROPY_EVERY_MS 30000u
#define P2P_PEER_QUEUE_BYTES_MAX  (P2P_SEND_AHEAD_BYTES + 2u * P2P_FRAME_BYTES_MAX)
#define P2P_WANT_TIMEOUT_MS       5000u
#define P2P_PUSH_GRACE_MS         1000u /* an owner is given this before others are asked */
#define P2P_PARENT_GRACE_MS       300u  /* a parent that is no owner is given this */
#define P2P_HOPED_GRACE_MS        50u  /* one that was asked to and brought nothing yet, this */
#define P2P_ANNOUNCE_AFTER_MS     100u /* to peers that seem to lack what was received */
#define P2P_ANNOUNCE_EVERY_MS     200u /* at most, with all that is due by then */
#define P2P_ANNOUNCED_MAX         64u  /* feeds in one announcement; more go into the next */
#define P2P_ANNOUNCE_PEERS_MAX    1u   /* told in one round, */
#define P2P_ANNOUNCE_ROUNDS       6u   /* another each time: all of a partial view */
#define P2P_PROBE_BYTES_MAX       16384u /* a larger run is not sent to who never asked */
#define P2P_TWICE_WITHIN_MS       1000u /* later a heartbeat is no second one, but a greeting */
#define P2P_UNWITNESSED_AFTER_MS  5000u /* then a peer is asked for the cosignatures, */
#define P2P_UNWITNESSED_TRIES_MAX 8u    /* and others, each time after twice as long */
#define P2P_UNWITNESSED_ASKED_MAX 256u  /* feeds at one time */
#define P2P_GRAFT_TRIES_MAX       16u   /* so many intervals between them at most */
#define P2P_GRAFTS_AT_ONCE        4u    /* of a feed that was not heard since */
#define P2P_LACK_WALK_LEAVES      4096u /* looked at in one batch after a circle was joined */
#define P2P_TICK_EVERY_MS         10000u /* when nothing is due earlier */
#define P2P_CLOCK_EVERY_MS        60000u
#define P2P_STORE_QUORUM_EVERY_MS 1000u
#define P2P_CIRCLE_LOOK_EVERY_MS  1000u /* who lacks a key that is held here */
#define P2P_CIRCLE_TURN_MS        15000u /* each holder is given this before the next one gives */
#define P2P_CIRCLE_TURNS_MAX      8u     /* no holder waits for more than so many */
#define P2P_CIRCLE_BAD_MAX        16u    /* `circle-key-bad` records in one commit */
#define P2P_REPAIR_LOOK_MS        1000u  /* when nobody has what is damaged here */
#define P2P_REPAIR_LOOKS          30u    /* so often, before payloads are given up */
#define P2P_UNGIVEN_AFTER_MS      10000u /* then a feed goes on without a payload */
#define P2P_FORK_GRACE_MS         2000u  /* before a forked feed is cut */
#define P2P_FORK_ASK_EVERY_MS     500u   /* while some of what counts of it is missing */
#define P2P_LEASE_ANSWER_EVERY_MS 1000u  /* of one peer: asked more often is not answered */

/* How a peer gets what is received of a feed of somebody else: see engine_relay.c. */
enum p2p_relay_way { P2P_WAY_UNPROVEN, P2P_WAY_EAGER, P2P_WAY_LAZY };

/* What one peer has of one feed, as far as we know: hints, never facts. */
struct p2p_peer_feed {
    uint64_t size; /* it named or acknowledged this much */
    uint64_t sent; /* it will have this much once what we sent arrives */
    enum p2p_relay_way way;
    bool sending;         /* what it lacks is being sent, until it has caught up */
    bool leaves;          /* it also takes what it may hold without payloads lacked here */
    bool told;            /* `size` came from it, in this session */
    bool pruned;          /* by us, and not asked since: it sends what is under way at most */
    uint64_t hello_size;  /* what its hello named: the start-up rule */
    uint64_t quorum_told; /* its cosignatures were sent on this link */
};

struct p2p_peer {
    uint64_t link; /* 0: free slot */
    uint32_t member;
    bool greeted;
    bool closing;
    bool wanted;             /* was, of a partial view, at some time: see engine_overlay.c */
    bool asked;              /* for payloads, and has not answered */
    uint64_t withheld;       /* payloads that it was asked for and did not give */
    uint32_t digests_sent;   /* so many of the next digests answer ours */
    uint32_t frontiers_sent; /* so many of the next whole frontiers answer ours */
    bool hello_unknown;      /* its hello named feeds of a charter version to come */
    uint64_t ahead_bytes;    /* queued since it was last writable */
    struct p2p_peer_feed *feeds; /* feed_cap entries */
    size_t feed_cap;
    uint64_t lease_round;         /* the newest that it was asked in, on this link */
    uint64_t lease_answered_ms;   /* when it was answered as an asker; 0: never */
    struct p2p_tree_head suspect; /* a head that did not fit: a proof was asked for */
    uint32_t suspect_feed;
};

/* Whose turn it is to be asked for payloads of one feed: see engine_fetch.c. */
struct p2p_fetch {
    uint64_t link;          /* whose turn it is; 0: nobody's */
    bool waiting;           /* it was asked and has not answered */
    uint64_t until_ms;      /* for its answer */
    uint64_t next;          /* the first index it was not asked for in its turn */
    uint64_t tried;         /* bit i: peers[i] had its turn in this round */
    uint64_t rest_until_ms; /* no round before; 0: at once */
};

/* A forked feed as it was when it was last compared with W. */
struct p2p_fork_look {
    uint64_t size; /* W; 0: not compared */
    struct p2p_hash root;
    uint64_t held_size;
    struct p2p_hash held_root;
    bool same; /* what was held led to W */
};

/* Of which feeds something is to be done: a batch looks at these alone. */
struct p2p_feeds_due {
    struct p2p_feed_set grew;        /* in this batch */
    struct p2p_feed_set addresses;   /* in this batch: their owners told where they listen */
    struct p2p_feed_set unsettled;   /* they, cosignatures or charter are others since a quorum
                                        was looked for */
    struct p2p_feed_set unwitnessed; /* heard since they had a quorum for what is held */
    struct p2p_feed_set unstored; /* a quorum or what is kept for audits waits for a commit, */
    struct p2p_feed_set unkept;   /* or is not due yet: looked at with the store's timer */
    struct p2p_feed_set cosign;   /* to be cosigned or acknowledged */
    struct p2p_feed_set sends;    /* some peer is being sent them */
    struct p2p_feed_set announce; /* at announce_at_ms */
    struct p2p_feed_set lacks;    /* expected, or some peer may have named more of them */
    struct p2p_feed_set stopped;  /* before a payload that nobody gives: engine_ungiven.c */
    struct p2p_feed_set states;   /* their newest `state` is to be compared */
    struct p2p_feed_set holes;    /* damaged here */
    struct p2p_feed_set forked;
    struct p2p_feed_set closed; /* by the charter */
};

/* What the engine keeps of each feed beside the ledger. */
/* Of which feeds `barred_from` is known, by what: see engine_seal.c. */
struct p2p_seals {
    struct p2p_feed_set looked;
    uint32_t witness; /* this node's feed, */
    uint64_t charter_size, good_size;
    uint64_t said; /* how much of the charter it had said that it holds */
};

struct p2p_feed_extra {
    bool spread_fresh;          /* in this batch: a record that is followed, */
    bool said_seen;             /* a `seen`; */
    bool spread_open;           /* and while it is looked: rows of this feed are not done */
    bool noteworthy;            /* grew by more than `seen` since our own newest `seen` */
    bool asked;                 /* by a want; else it is pushed to us */
    bool parent_hoped;          /* was asked to be it, and brought nothing yet */
    bool fork_taken;            /* held exactly up to W */
    bool fork_was_taken;        /* and told so */
    bool fork_astray;           /* what is held leads elsewhere than W */
    uint8_t announce_rounds;    /* that it takes part in, from announce_at_ms on */
    uint8_t graft_tries;        /* since the feed was last heard */
    uint8_t unwitnessed_tries;  /* the same */
    uint32_t state_tries;       /* its newest `state` is compared in so many batches yet */
    uint64_t graft_at_ms;       /* when another parent is looked for; 0: not begun */
    uint64_t graft_not;         /* this link is not asked, since it asks us; 0: none */
    uint64_t unwitnessed_at_ms; /* in `unwitnessed`: when another peer is asked */
    uint64_t announce_at_ms;    /* in `announce` */
    uint64_t announce_size;     /* to whom lacks some of this much then */
    struct p2p_hole *hole;      /* in `holes`; or NULL */
    uint64_t want_link;         /* expected from this link, 0: from nobody */
    uint64_t want_until_ms;
    uint64_t missed_ms; /* a cosignature of more than is held came then first; 0: none since */
    uint64_t parent_link; /* brought what was new last; 0: gone, or nothing yet */
    uint64_t seen_size;   /* named by our own newest `seen` */
    uint64_t state_at;    /* its newest record is a `state`, to be compared */
    struct p2p_fetch fetch;
    uint64_t fork_told_size; /* a quorum of this size was told, or needed no telling */
    uint64_t fork_end;       /* W as it was last seen, */
    uint64_t fork_since_ms;  /* and when it became that */
    uint64_t fork_base;      /* what was left by the last cut */
    struct p2p_fork_look fork_look;
#ifdef P2P_PLANTED
    uint64_t snapshot_size; /* a mistake's: see engine_decide.c */
#endif
    /* A payload that nobody gives: see engine_ungiven.c. */
    uint64_t stopped_at;       /* the feed, held up to here, */
    uint64_t stopped_since_ms; /* since then; in `stopped` */
    uint64_t stopped_link;     /* who said so last, and has the leaves */
    uint64_t bare_until;       /* leaves below this size are taken without payloads */
    uint64_t barred_from;      /* cosigned up to here; UINT64_MAX: without end */
    struct p2p_witnessing witnessing;
};
/* A node keeps this of every feed, for good: a thousand of them in a large federation. What is
 * under way comes on top: p2p/witness.h, P2P_PEERS_MAX. */
#define P2P_FEED_KEPT_BYTES(cosigners)                                                         \
    (sizeof(struct p2p_feed) + sizeof(struct p2p_feed_extra) + sizeof(struct p2p_candidate) +  \
     (cosigners) * (sizeof(struct p2p_cosigner) + sizeof(struct p2p_holding)))
_Static_assert(P2P_FEED_KEPT_BYTES(6u) <= 4096u, "4 KiB for each feed of six witnesses");

/* The newest time a member's witness key has signed, and when that arrived. */
struct p2p_member_clock {
    uint64_t time_s;
    uint64_t heard_mono_ms; /* 0: never */
};

/* One leaf whose payload is not here: see engine_lack.c. */
enum p2p_lack_state {
    P2P_LACK_MISSING,
    P2P_LACK_LOST,   /* only this node ever held it */
    P2P_LACK_UNGIVEN /* missing, and its leaf was taken since nobody gave it */
};
struct p2p_lack {
    struct p2p_record_id id;
    uint32_t circle;
    enum p2p_lack_state state;
};
struct p2p_lack_circle {
    bool member;    /* by the charter that was followed last */
    bool unscanned; /* not all leaves were looked at since that changed */
    bool told_complete;
    bool dirty; /* since it was stored */
    uint64_t missing;
    uint64_t lost;
};
struct p2p_lacks {
    struct p2p_lack_circle *circles; /* by number; [0]: everybody */
    size_t circle_count;
    size_t followed;           /* as circle_count, in the store */
    struct p2p_record_id next; /* leaf to be looked at; feed 0: all were */
    bool dirty;
    bool changed; /* some circle is dirty, and `any` may be another */
    bool any;     /* a payload is missing in a circle of this member */
};

/* A heartbeat or cosignature that was news here, to be passed on. */
struct p2p_passing {
    uint64_t from_link;
    uint32_t along; /* the feed whose tree it takes */
    struct p2p_cosign_body body;
};

struct p2p_batch_lists {
    struct p2p_send *sends;
    size_t send_count, send_cap;
    struct p2p_close *closes;
    size_t close_count, close_cap;
    struct p2p_trace *traces;
    size_t trace_count, trace_cap;
    struct p2p_passing *passing;
    size_t passing_count, passing_cap;
};

/* State commitments of this node, and what those of others said. */
/* Who tells another digest, of what. */
struct p2p_differing {
    uint32_t member;
    uint32_t circle;
    enum p2p_view_number view;
};

struct p2p_states {
    bool begun;
    bool noteworthy;  /* more than `seen` and `state` came since the last one */
    uint64_t records; /* came since the last one was written */
    uint64_t told_ms;
    struct p2p_divergence divergence;
    uint64_t checking_ms; /* when it was begun to compute everything anew */
    /* For these everything was computed anew, or is now, and nothing differed here; oldest
     * first. */
    struct p2p_differing found[P2P_STATE_FOUND_MAX];
    size_t found_count;
};

/* A fork found in this batch; own records wait until all frames were taken. */
struct p2p_kept_proof {
    uint32_t feed; /* that it is about */
    struct p2p_slice bytes;
    struct p2p_kept_proof *next;
};

/* One epoch of a circle that this member is in. */
struct p2p_epoch_key {
    uint32_t circle;
    uint32_t epoch;
    struct p2p_hash hash; /* the charter's */
    bool held;
    struct p2p_circle_key key; /* of that hash, when held */
    uint64_t missing_since_ms; /* POSIX, in this start; 0: not noted yet */
    uint64_t lacking_since_ms; /* monotonic: another member has no box; 0: all have one */
    uint64_t looked_ms;        /* monotonic: who lacks it; 0: not yet */
};

/* A release that no peer held yet when it was asked for: see engine_collect.c. */
#define P2P_RELEASES_MAX 256u
struct p2p_release {
    bool waits;    /* for its one allow, */
    bool is_asked; /* which is given to who asks again alone: something that forbids came since,
                    * or the container was opened for another visit */
    struct p2p_hash same;
    char container[P2P_CONTAINER_BYTES_MAX + 1];
    struct p2p_record_id use;
    struct p2p_record_id right;
};

/* Who takes tokens over by an entry of the charter waits, in this start, from when each seal
 * that he rests on was named first: see engine_lease.c. One that is forgotten begins anew. The
 * witnesses of a lost port seal all that it held at once, so that its yard is one wait. */
#define P2P_TAKEOVERS_MAX 256u
struct p2p_takeover {
    bool begun;
    struct p2p_record_id seal;
    uint64_t since_ms;
};

/* Rights that are looked at for what this node has to rule: see engine_ruling.c. */
#define P2P_RULINGS_DUE_MAX 1024u
struct p2p_ruling_due {
    uint32_t circle;
    struct p2p_record_id right;
    size_t taken_count; /* requests of it that were taken last, and the first of them */
    struct p2p_record_id taken_first;
};
#define P2P_RULINGS_PLACES (4u * P2P_RULINGS_DUE_MAX)
struct p2p_rulings {
    struct p2p_ruling_due due[P2P_RULINGS_DUE_MAX];
    size_t count;
    uint16_t places[P2P_RULINGS_PLACES]; /* one more than where in due a right may stand */
    bool was_ready;                      /* custody was, in the last batch */
    bool scan;                           /* all rights are to be looked at, */
    bool scanning; /* and have been up to `at` of the circle in that place */
    bool begun;
    size_t circle_at;
    struct p2p_record_id at;
};

struct p2p_engine {
    struct p2p_engine_options options;
    struct p2p_ledger ledger;
    uint32_t member;               /* own number */
    uint32_t feed;                 /* own feed */
    struct p2p_feed_extra *extras; /* by feed number */
    size_t extra_count;
    struct p2p_feeds_due due;
    uint64_t unwitnessed_next_ms; /* no sooner is anybody asked for cosignatures */
    size_t unwitnessed_turn;      /* who is, of those that are greeted */
    uint64_t graft_next_ms; /* no feed's graft_at_ms is earlier; 0: they are to be looked at */
    struct p2p_peer peers[P2P_PEERS_MAX];
    struct p2p_gate_place place;
    struct p2p_epoch_key epochs[P2P_GATE_KEYS_MAX]; /* in order of circle and epoch */
    size_t epoch_count;
    size_t epochs_left_out; /* beyond P2P_GATE_KEYS_MAX */
    bool boxes_changed;     /* boxes, members or keys: to be looked at */
    uint64_t boxes_at_ms;   /* monotonic: to be looked at again; 0: no need */
    enum p2p_read_only read_only;
    struct p2p_generation_keys keys;
    uint64_t restored; /* up to this generation the own feed may have been written further than
                          is known here; 0: in none */
    uint64_t begun; /* the newest generation that store or copy say was begun here; 0: none */
    uint64_t witness_lost; /* of its witness key: that generation may have cosigned more than is
                              known here, and does so no more; 0: none */
    bool complete;
    bool proofs_kept; /* of forks that were found while nothing might be appended: perhaps */
    size_t kept;      /* bans of forked feeds that are kept aside: kept.h */
    size_t kept_lost; /* that were, and are not in the store any more */
    bool kept_due;    /* they are looked at in the next batch */
    uint32_t forks_short; /* forked feeds of which not all that counts is held */
    bool address_told;    /* our own address was compared with the newest told, in this start */
    bool complete_stored;
    /* The start-up rule, by place in the own feed's list of witnesses. */
    uint32_t greeted_witnesses[P2P_WITNESSES_MAX]; /* member, 0: no hello yet */
    uint32_t unreached[P2P_WITNESSES_MAX];         /* feeds whose named size is not reached */
    struct p2p_lease lease;
    bool custody_held; /* the copy cannot be written */
    struct p2p_release releases[P2P_RELEASES_MAX];
    size_t release_at; /* the next one's place */
    bool opened;       /* custody of some container, by a record that came in this batch */
    struct p2p_rulings rulings;
    struct p2p_seals seals;
    struct p2p_takeover takeovers[P2P_TAKEOVERS_MAX];
    size_t takeover_at; /* the next one's place */
    struct p2p_lacks lacks;
    uint64_t mirrored_size;
    uint64_t commit_number;
    uint64_t last_seen_ms;
    uint64_t last_heartbeat_ms;
    uint64_t next_anti_entropy_ms;
    uint64_t announce_round_ms; /* of announcements: the last one that was set */
    size_t announce_turn;       /* who is told first in it, of those that are greeted */
    uint64_t next_store_quorum_ms;
#ifdef P2P_PLANTED
    uint64_t snapshot_mono_ms;
#endif
    uint64_t next_clock_ms;
    struct p2p_member_clock *clocks; /* by member number */
    size_t clock_count;
    struct p2p_overlay overlay; /* of a large federation */
    struct p2p_wanted wanted;
    uint64_t refused[P2P_ERR_COUNT];
    uint64_t traced[P2P_TRACE_COUNT];
    uint8_t *scratch; /* one frame */
    struct p2p_scrub scrub;
    struct p2p_states states;
    struct p2p_spread spread;
    bool spread_news; /* something that may show who holds what */
    /* the batch */
    const struct p2p_kv *kv;
    struct p2p_arena *arena;
    struct p2p_now now;
    uint64_t salts; /* drawn from now.seed so far */
    struct p2p_batch_lists lists;
    struct p2p_job *jobs, **jobs_end;
    size_t own_records;
    size_t own_bytes;
    bool seen_written;
    bool ticked;
    bool was_busy; /* with frames or requests */
    bool signature_made;
    bool number_given; /* to be signed outside */
    bool heartbeat_due;
    bool wanted_changed;
    struct p2p_kept_proof *proofs, **proofs_end; /* to be appended as `fork` */
};

#endif
