/* Bans, and blocks of rights, that a forked feed no longer holds: carried on by who held them.
 * What is said of a ban here holds of a block; it stands in no view by itself, but among the
 * blocks of the rights that it cites (right.h).
 *
 * At or above W, and on the branch that W is not on, no record of a forked feed is in the
 * frontier any more. A node that held a ban there writes it into a `rescued` record of its own,
 * in the commit in which it takes the fork, so that no gate forgets what it knew. The payload
 * is the record verbatim, with the place it stood at; it stands in that record's circle.
 *
 * A rescued ban is judged as if it stood at W of its feed, by its own issuer's grants there: a
 * cut point at or below W voids it. The number of a record is looked at only to see whether the
 * feed holds the very same record below W; then the rescue has no effect (`repeated-seq`). That
 * its issuer used the number for another record on the branch of W is no reason: on two
 * branches two records under one number are no lie, and what forbids stays. What of a release
 * (`use`) goes on, custody says: custody.h.
 *
 * The same leaf hash is the same ban, whoever carries it: it has one value in the view, under
 * its first carrier, and citing any carrier cites all. When the feed of a carrier forks in its
 * turn, who takes that fork carries the ban on. Who may not append keeps it aside: kept.h.
 * Source: replication/WIRE.md section 15. */
#ifndef P2P_RESCUED_H
#define P2P_RESCUED_H

#include <p2p/ledger.h>

struct p2p_rescued {
    uint32_t feed;
    uint64_t index; /* where it stood, on whichever branch */
    struct p2p_slice leaf;
    struct p2p_slice salted; /* of a ban or block: its salt and payload */
    struct p2p_slice proof;  /* of a release: see p2p_rescued_prove */
    /* read from these: */
    struct p2p_record record;
    struct p2p_slice payload;
    struct p2p_hash hash; /* of the leaf */
};

/* Whether records of a kind are carried. */
bool p2p_rescued_kind(uint32_t kind);
/* Takes the payload of a `rescued` record apart, borrowing from it, as far as can be told
 * without the charter, which may name the feed later: a ban or block in its kind's form, a
 * release below the root it names. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_rescued_parse(struct p2p_rescued *out,
                                              struct p2p_slice payload);
/* The same of a feed the charter names; a ban opens its own commitment there. Signatures and
 * grants are not looked at. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_rescued_read(struct p2p_rescued *out,
                                             const struct p2p_charter *charter,
                                             struct p2p_slice payload);
/* Which of those kinds are bans, with a value in the view of bans. */
bool p2p_rescued_is_ban(uint32_t kind);
/* A release is signed by nobody but the feed: a signed head of it, and that the leaf stands
 * below that. Encoded it is size u64, root, signature, count u8, hashes. */
struct p2p_rescued_proof {
    struct p2p_tree_head head;
    struct p2p_proof path;
};
#define P2P_RESCUED_PROOF_BYTES_MAX (8u + 32u + 64u + 1u + P2P_PROOF_HASHES_MAX * 32u)
/* out: P2P_RESCUED_PROOF_BYTES_MAX bytes of room. */
struct p2p_slice p2p_rescued_prove(const struct p2p_rescued_proof *proof, uint8_t *out);
/* Packs that payload. P2P_TOOLARGE: no record can carry it. */
P2P_MUST_CHECK enum p2p_err p2p_rescued_pack(struct p2p_pack *pack,
                                             const struct p2p_rescued *rescued);
/* Whether a record carries anything at all: a `rescued` of the node itself, without citations,
 * in the circle of what it carries; of a release, the feed signed the head. What does not
 * stands in nobody's way. out: borrows from entry. */
bool p2p_rescued_carries(const struct p2p_ledger *ledger, const struct p2p_entry *entry,
                         struct p2p_rescued *out);
/* Whether some record held here carries this ban already; going (NULL: none): records of its
 * feed from its index on are about to go, and do not count. */
P2P_MUST_CHECK enum p2p_err p2p_rescued_held(struct p2p_ledger *ledger,
                                             const struct p2p_rescued *rescued,
                                             const struct p2p_record_id *going, bool *held);
/* Whether the feed, as it is held, holds this very record. */
P2P_MUST_CHECK enum p2p_err p2p_rescued_is_there(const struct p2p_ledger *ledger,
                                                 const struct p2p_rescued *rescued,
                                                 bool *there);
/* Rescues from a feed that has changed are looked at again. */
P2P_MUST_CHECK enum p2p_err p2p_rescued_mark(struct p2p_ledger *ledger, uint32_t feed);
/* Carriers of one ban in order of (feed, index), of each author the first: begin with the hash,
 * then next until P2P_NOTFOUND. */
void p2p_rescued_carriers(struct p2p_touch_walk *walk, const struct p2p_hash *hash);
P2P_MUST_CHECK enum p2p_err p2p_rescued_next(struct p2p_touch_walk *walk,
                                             const struct p2p_kv *kv, struct p2p_record_id *id);

#endif
