/* Custody: the exclusive power to release one container, held by one feed at a time.
 *
 * A token is created by `custody-open` (its id is that record's) and stands in that record's
 * circle. From then on one feed holds it, and what that feed writes about it, in its order,
 * decides what becomes of it:
 *
 *     HELD --custody-offer(e+1, to)--> OFFERED --custody-accept by `to`--> HELD by `to`, e+1
 *                                              --custody-refuse by `to`--> HELD again,   e+2
 *     HELD --use--> RELEASED, for ever          HELD --custody-withdraw--> WITHDRAWN
 *     any but RELEASED, citing it: --custody-gate-in--> CLOSED
 *
 * So a release needs no consensus, and no time-out ever takes custody back. Every step after
 * the open is a public record of the token's circle that cites it; a step counts when its
 * author's feed holds the token there at the epoch it names, and when it carries, in `rests`,
 * the quorum-cosigned checkpoints (signed notes) of what it rests on: accept and refuse the one
 * of the feed that offers, above the offer; the first holder nothing; a holder by accept that
 * of its own feed above the accept; a holder by refuse that of the refusing feed above the
 * refuse. What carries less has no effect, so every verdict is a function of records alone.
 *
 * A step that stands is never undone. A cut point at or below it freezes the token where the
 * step put it; a closed generation passes it on, frozen, to the member's next one. A frozen
 * token is thawed by `recount`: two issuers who looked at the yard and found the container
 * `held`; found `gone`, the token is GONE. A charter entry `reassign` freezes it at its holder
 * for good; it passes to the named member by two recounts there that name, in `seals`, the
 * `seen` records by which a quorum of the old holder's witnesses sealed it, since two who look
 * at a seal may hold different ones.
 *
 * A `use` at or above W of a forked feed is carried on (rescued.h). Where that feed held the
 * token at W, it is RELEASED by the first carrier, and its container is opened anew only where
 * two issuers counted it since. Where the token had passed on, it is frozen until a recount by
 * who knew of that release.
 *
 * An open has effect when every earlier token of that container that its author surely knew
 * (known.c) was, there, over (RELEASED, WITHDRAWN, CLOSED, GONE); this is judged once. Two
 * opens that did not know of each other freeze each other until one is withdrawn. A charter
 * entry `settle-opens` keeps one of them: the others are frozen at their holders for good, and
 * each is withdrawn by two recounts of the one that is kept, `held` where that stands, which
 * name in `seals` a quorum of the witnesses of the other's holder, as a reassign does.
 *
 * View `custody`, keyed by token, in its circle: the value below. Rights (right.h) and gates
 * read it and nothing else of custody. Model: simulations/CUSTODY.md; of its additions to the
 * rules those about records hold here, the others are the node's. Source: DESIGN 6,
 * replication/WIRE.md section 19. */
#ifndef P2P_CUSTODY_H
#define P2P_CUSTODY_H

#include <p2p/ledger.h>

#define P2P_CONTAINER_BYTES_MAX    32u /* a container number in its normal form */
#define P2P_FACILITY_BYTES_MAX     31u
#define P2P_CUSTODY_CALL_BYTES_MAX 64u
/* Holdings in a row, and other opens of the same container, that one token is folded through;
 * with more of either it is frozen, `too-long`. */
#define P2P_CUSTODY_TENURES_MAX 32u
#define P2P_CUSTODY_RIVALS_MAX  32u
#define P2P_CUSTODY_BEFORE_MAX  8u /* earlier opens of one container looked at, of each feed */
#define P2P_CUSTODY_RESTS_MAX   4u /* notes in one record */
#define P2P_CUSTODY_NOTE_BYTES  8192u /* of one of them */
#define P2P_CUSTODY_SEALS_MAX   64u   /* `seen` records named in one */
/* Answers to one offer that are looked at in each feed of who it was made to, by index; behind
 * so many of which none counts nobody has answered, and none ever will there. */
#define P2P_CUSTODY_ANSWERS_MAX 64u
#define P2P_CUSTODY_ENTRIES_MAX 8u /* entries of the charter that reassign one token */
/* Carriers of one feed's releases of a token at one epoch that are looked at, of each author.
 */
#define P2P_CUSTODY_RESCUED_MAX 16u
/* Of each issuer's recounts of a token in one feed, at one epoch, so many that cite others are
 * looked at for seals, by index; and those of so many issuers. Who wrote more hides his own. */
#define P2P_CUSTODY_RECOUNTS_MAX 16u
#define P2P_CUSTODY_COUNTERS_MAX 64u

/* X(NAME, word, over). */
#define P2P_CUSTODY_STATE_MAP(X)                                                               \
    X(HELD, "held", false)                                                                     \
    X(OFFERED, "offered", false)                                                               \
    X(RELEASED, "released", true)                                                              \
    X(WITHDRAWN, "withdrawn", true)                                                            \
    X(CLOSED, "closed", true)                                                                  \
    X(GONE, "gone", true)                                                                      \
    X(NO_EFFECT, "no-effect", true) /* the open itself has none */

enum p2p_custody_state {
#define P2P_CUSTODY_STATE_ENUM(name, word, over) P2P_CUSTODY_##name,
    P2P_CUSTODY_STATE_MAP(P2P_CUSTODY_STATE_ENUM)
#undef P2P_CUSTODY_STATE_ENUM
};
const char *p2p_custody_state_word(enum p2p_custody_state state);
bool p2p_custody_is_over(enum p2p_custody_state state);

/* X(NAME, bit, word, what thaws it). A token with any of them is not released, offered or ruled
 * on. */
#define P2P_FROZEN_MAP(X)                                                                      \
    X(GENERATION, 0, "generation", "a recount: its holder's feed was closed")                  \
    X(REASSIGNED, 1, "reassigned", "a recount by who it was reassigned to, after the wait")    \
    X(CUT, 2, "cut", "a recount: a cut point lies at or below the last step")                  \
    X(RIVAL, 3, "rival", "the withdrawal of the other one of two opens")                       \
    X(FORKED, 4, "forked", "a recount: a feed that holds it, or did, has two histories")       \
    X(TOO_LONG, 5, "too-long", "nothing but a withdrawal: it passed on too often")             \
    X(SETTLED, 6, "settled",                                                                   \
      "nothing: the charter keeps another open; its holder may withdraw it, and where the "    \
      "kept one is no more a gate-in closes it")

enum p2p_frozen {
#define P2P_FROZEN_ENUM(name, bit, word, text) P2P_FROZEN_##name = 1 << (bit),
    P2P_FROZEN_MAP(P2P_FROZEN_ENUM)
#undef P2P_FROZEN_ENUM
};
const char *p2p_frozen_word(enum p2p_frozen one);
/* What thaws it, for people. */
const char *p2p_frozen_end(enum p2p_frozen one);

/* One feed's time as the holder: its records with from < index < to are the holder's, at that
 * epoch. */
struct p2p_tenure {
    uint32_t feed;
    uint64_t epoch;
    uint64_t
        from;    /* index of the step that began it: the open, accept, offer refused, recount */
    uint64_t to; /* of the step that ended it; UINT64_MAX: it goes on */
    /* What its records rest on: a checkpoint of that feed above that index. feed 0: on nothing.
     */
    uint32_t rests_feed;
    uint64_t rests_index;
};

/* A view value taken apart; slices borrow from it. */
struct p2p_custody {
    struct p2p_record_id id;
    uint32_t circle;
    uint32_t opened_by; /* issuer */
    struct p2p_slice container;
    struct p2p_slice call; /* of the ship */
    struct p2p_slice facility;
    enum p2p_custody_state state;
    enum p2p_why why; /* of the open: NO_EFFECT; NONE there: an earlier token was not over */
    uint32_t holder;  /* feed */
    uint64_t epoch;   /* of that holding */
    uint32_t to;      /* member: OFFERED to */
    struct p2p_record_id step; /* the last one that counted: open, offer, accept, ... */
    unsigned frozen;           /* enum p2p_frozen, combined */
    struct p2p_record_id rivals[P2P_CUSTODY_RIVALS_MAX]; /* opens that freeze it */
    size_t rival_count;
    /* What the holder's next step rests on: a checkpoint of that feed above that index. feed 0:
     * on nothing. */
    uint32_t rests_feed;
    uint64_t rests_index;
    struct p2p_tenure tenures[P2P_CUSTODY_TENURES_MAX]; /* in order */
    size_t tenure_count;
};

/* P2P_CORRUPT when value is not one that the fold wrote. */
P2P_MUST_CHECK enum p2p_err p2p_custody_decode(struct p2p_custody *out,
                                               const struct p2p_record_id *id, uint32_t circle,
                                               struct p2p_slice value);
/* P2P_NOTFOUND when no open stands there in this circle. Borrows from the store. */
P2P_MUST_CHECK enum p2p_err p2p_custody_get(const struct p2p_kv *kv, uint32_t circle,
                                            const struct p2p_record_id *id,
                                            struct p2p_custody *out);
/* Walks all tokens of a circle in order of id, from `after` (exclusive) or from the first. */
P2P_MUST_CHECK enum p2p_err p2p_custody_next(const struct p2p_kv *kv, uint32_t circle,
                                             const struct p2p_record_id *after, bool begin,
                                             struct p2p_custody *out);
/* Walks the tokens of one container in one circle likewise. container: in its normal form. */
P2P_MUST_CHECK enum p2p_err p2p_custody_next_of(const struct p2p_kv *kv, uint32_t circle,
                                                struct p2p_slice container,
                                                const struct p2p_record_id *after, bool begin,
                                                struct p2p_record_id *out);
/* Whether what stands at (feed, index) was written by the holder, at that epoch. */
bool p2p_custody_held_by(const struct p2p_custody *custody, uint32_t feed, uint64_t index,
                         uint64_t epoch);

/* Whether its holder may have given it away or ended it by a grant that two heads of the
 * charter hide, or that a settle voided: such a step stands in the holder's feed, behind where
 * it came to hold the token, and decides nothing, until one head is settled on or for good.
 * What others did by it before stays done. In a batch. */
P2P_MUST_CHECK enum p2p_err p2p_custody_undecided(struct p2p_ledger *ledger,
                                                  const struct p2p_custody *custody,
                                                  bool *undecided);

/* One set of a feed's witnesses of which too few sealed a reassigned token. */
#define P2P_SEALS_LACKING_MAX 4u
struct p2p_seals_lacking {
    uint32_t witnesses[P2P_WITNESSES_MAX]; /* those who did not; by witness number */
    uint32_t count;
    uint32_t needed; /* how many of them; 0: nobody witnessed the feed then */
    uint64_t from;   /* they were its witnesses from charter size from + 1 */
    uint64_t until;  /* to this one; UINT64_MAX: they still are */
    bool never;      /* too many of their keys were replaced: it cannot be sealed any more */
};
/* How far the sealing of a reassigned token has come, by what is held. */
struct p2p_sealing {
    struct p2p_record_id seals[P2P_CUSTODY_SEALS_MAX]; /* ascending, as a recount names them */
    size_t seal_count;
    bool sealed;
    uint32_t unended; /* a closed generation where such a token stands, which has no end yet:
                         until it has, no recount counts, and it will stand in the next one */
    uint32_t feed; /* the first that is not sealed: the holder's, or of who was named before */
    uint64_t size; /* the largest that the seals name of it */
    struct p2p_seals_lacking lacking[P2P_SEALS_LACKING_MAX];
    size_t lacking_count; /* may be more than are told */
};
/* Which seals a look has waited for. */
struct p2p_waited {
    bool (*has)(void *context, const struct p2p_record_id *seal);
    void *context;
};
/* What a recount by who an entry names has to name, as far as it is held here; sealed: it would
 * count. waited NULL: whatever there is. */
P2P_MUST_CHECK enum p2p_err p2p_custody_gather(const struct p2p_ledger *ledger,
                                               const struct p2p_custody *custody,
                                               const struct p2p_reassign *given,
                                               const struct p2p_waited *waited,
                                               struct p2p_sealing *out);
/* The same of a recount of a token that the charter keeps, by the newest such entry: the seals
 * of the others' holders. P2P_NOTFOUND: no other is to be settled away. */
P2P_MUST_CHECK enum p2p_err p2p_custody_gather_settled(const struct p2p_ledger *ledger,
                                                       const struct p2p_custody *keep,
                                                       const struct p2p_waited *waited,
                                                       struct p2p_sealing *out);

/* From which record of a feed on a witness cosigns nothing, for good: a token was offered or
 * withdrawn there that an entry, of which the witness had said before that it holds it, gave to
 * another or settled away. */
struct p2p_barred {
    uint64_t from; /* index; UINT64_MAX: nothing is barred */
    struct p2p_record_id token;
    uint64_t entry;
    bool is_settled; /* else reassigned */
};
/* witness: the feed of the member that cosigns; 0: nothing is barred. Costs a look at each
 * entry about a token. */
P2P_MUST_CHECK enum p2p_err p2p_custody_barred(struct p2p_ledger *ledger, uint32_t witness,
                                               uint32_t feed, struct p2p_barred *out);
/* The same of all present witnesses of a feed, by what is held of theirs. */
struct p2p_bars {
    struct p2p_barred first;
    uint32_t barred; /* so many of them bar something */
    uint32_t witnesses;
    bool
        is_lost; /* too few are left: nothing behind it is quorum-cosigned in this generation */
};
P2P_MUST_CHECK enum p2p_err p2p_custody_bars(struct p2p_ledger *ledger, uint32_t feed,
                                             struct p2p_bars *out);

/* Marks a token and the rights that name it: what it follows from changed. For everything that
 * changes a fold without being one of its records. */
P2P_MUST_CHECK enum p2p_err p2p_custody_mark(struct p2p_ledger *ledger,
                                             const struct p2p_record_id *token);
/* The same of a token that a carried release names (rescued.h), because of the carrier, which
 * is entered among those that the fold looks at; or goes. feed, content: of what it carries. */
P2P_MUST_CHECK enum p2p_err p2p_custody_touch_rescued(struct p2p_ledger *ledger,
                                                      uint32_t circle,
                                                      const struct p2p_record_id *token,
                                                      uint32_t feed, struct p2p_slice content,
                                                      const struct p2p_record_id *carrier);
/* Of a token that only a carried release ended: whether two who knew of that counted its
 * container in a feed below an index, where an open may stand then. Of any other: true. */
P2P_MUST_CHECK enum p2p_err p2p_custody_counted_anew(struct p2p_ledger *ledger,
                                                     const struct p2p_custody *custody,
                                                     uint32_t feed, uint64_t below,
                                                     bool *counted);
/* Walks those carriers of one token, with p2p_touch_next; effect and form are not looked at. */
void p2p_custody_rescuers(struct p2p_touch_walk *walk, const struct p2p_record_id *token);
/* All tokens that a feed holds or was offered, or that name it: it was closed, forked or cut.
 */
P2P_MUST_CHECK enum p2p_err p2p_custody_mark_feed(struct p2p_ledger *ledger, uint32_t feed);
/* Those that somebody took over by `seen` records of a feed from an index on: what these name
 * is found to be another. */
P2P_MUST_CHECK enum p2p_err p2p_custody_mark_sealed_by(struct p2p_ledger *ledger, uint32_t feed,
                                                       uint64_t index);
/* Those that an entry of the charter reassigns or settles: what was seen of it may be another.
 */
P2P_MUST_CHECK enum p2p_err p2p_custody_mark_reassigned(struct p2p_ledger *ledger);
/* Those that carry a note that may be good under another version of the charter. */
P2P_MUST_CHECK enum p2p_err p2p_custody_mark_waiting(struct p2p_ledger *ledger);

/* Packs the payloads and contents of custody's records; containers in their normal form.
 * P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_custody_open_pack(struct p2p_pack *pack,
                                                  struct p2p_slice container,
                                                  struct p2p_slice call,
                                                  struct p2p_slice facility);
P2P_MUST_CHECK enum p2p_err p2p_custody_gate_in_pack(struct p2p_pack *pack,
                                                     struct p2p_slice container,
                                                     struct p2p_slice facility);
/* What a step says: those that are 0 or empty are left out. */
struct p2p_custody_step {
    uint64_t epoch;
    uint32_t to;                   /* offer: member */
    const char *found;             /* recount: "held" or "gone" */
    const struct p2p_slice *rests; /* signed notes */
    size_t rests_count;
    const struct p2p_record_id *seals; /* recount after a reassign */
    size_t seal_count;
};
P2P_MUST_CHECK enum p2p_err p2p_custody_step_pack(struct p2p_pack *pack,
                                                  const struct p2p_custody_step *step);

/* Whether a note is a checkpoint of that feed above that index, cosigned by a quorum of
 * witnesses (p2p_charter_quorum_between) that the feed had at some charter size from what it
 * had itself named below the index up to `known`, the one that who rests on it knows. What was
 * found of notes lately is remembered in the ledger, by their hash and the charter's size. Of
 * which history it is, is not asked: two that are each quorum-cosigned are a proof against that
 * feed's witnesses. */
P2P_MUST_CHECK enum p2p_err p2p_custody_rests_on(struct p2p_ledger *ledger, uint32_t feed,
                                                 uint64_t index, uint64_t known,
                                                 struct p2p_slice note, bool *rests);

#endif
