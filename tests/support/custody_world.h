/* Custody in the federation of ledger_world.h: issuers who may open, offer and recount at every
 * member, and one function for each record. Records stand in circle `all`; a `seen` of
 * everything written so far goes before each record that an issuer signs, as nodes write it. */
#ifndef CUSTODY_WORLD_H
#define CUSTODY_WORLD_H

#include "ledger_node.h"

#include <p2p/custody.h>
#include <p2p/rescued.h>

/* Issuers by member m: CUSTODY_OF(m) has custody, recount and what rights need everywhere,
 * YARD_OF(m) has recount. */
#define CUSTODY_OF(m) (5u + (m))
#define YARD_OF(m)    (9u + (m))

/* The box that all tests open unless they say otherwise. */
#define CUSTODY_BOX "CSQU3054383"

/* One entry that names the issuers. After ledger_world_init. */
void custody_world_init(struct ledger_world *world);
/* The member whose feed it is. */
uint32_t custody_world_member(const struct ledger_world *world, uint32_t feed);

struct p2p_record_id custody_world_open(struct ledger_world *world, uint32_t feed,
                                        const char *container);
/* The same by who has heard of nothing since its last `seen`. */
struct p2p_record_id custody_world_open_unaware(struct ledger_world *world, uint32_t feed,
                                                const char *container);
struct p2p_record_id custody_world_gate_in(struct ledger_world *world, uint32_t feed,
                                           const char *container,
                                           const struct p2p_record_id *opens, size_t count);

/* A step in a feed: by its member's custody issuer, `use` by the node. rests: checkpoints of
 * these feeds as written so far, cosigned by all their witnesses. */
struct custody_act {
    enum p2p_kind_number kind;
    struct p2p_record_id token;
    const struct p2p_record_id *about; /* what else it cites, or NULL */
    uint64_t epoch;
    uint32_t to;                       /* offer: member */
    const char *found;                 /* recount */
    uint32_t issuer;                   /* 0: the usual one */
    uint32_t rests[2];                 /* feeds; 0 ends */
    const struct p2p_record_id *seals; /* recount */
    size_t seal_count;
    uint32_t witnesses; /* who cosigns, as ledger_world_checkpoint; 0: all */
    bool bare_second;   /* the second of rests is cosigned by nobody */
    bool no_seen;       /* without the `seen` before it */
    unsigned wrong;     /* of ledger_world_write */
};
struct p2p_record_id custody_world_act(struct ledger_world *world, uint32_t feed,
                                       const struct custody_act *act);
/* What they usually are. */
struct p2p_record_id custody_world_offer(struct ledger_world *world, uint32_t feed,
                                         struct p2p_record_id token, uint64_t epoch,
                                         uint32_t to, uint32_t rests);
struct p2p_record_id custody_world_answer(struct ledger_world *world, uint32_t feed,
                                          enum p2p_kind_number kind, struct p2p_record_id token,
                                          struct p2p_record_id offer, uint64_t epoch);
struct p2p_record_id custody_world_use(struct ledger_world *world, uint32_t feed,
                                       struct p2p_record_id token, uint64_t epoch,
                                       uint32_t rests);
/* Both recounts; returns the second. */
struct p2p_record_id custody_world_recount(struct ledger_world *world, uint32_t feed,
                                           struct p2p_record_id token, uint64_t epoch,
                                           const char *found);

/* The same with seals. */
struct p2p_record_id custody_world_recount_by(struct ledger_world *world, uint32_t feed,
                                              struct p2p_record_id token, uint64_t epoch,
                                              const char *found,
                                              const struct p2p_record_id *seals,
                                              size_t seal_count);
/* An entry of the charter that gives a token to a member at an epoch. */
void custody_world_reassign(struct ledger_world *world, struct p2p_record_id token,
                            uint64_t epoch, uint32_t member);
/* An entry that keeps one open and settles others away. */
void custody_world_settle(struct ledger_world *world, struct p2p_record_id keep,
                          const struct p2p_record_id *others, uint32_t count);
/* A member says that it holds the whole charter and so much of a feed. */
struct p2p_record_id custody_world_seal(struct ledger_world *world, uint32_t member,
                                        uint32_t feed, uint64_t size);

/* A member tells that another one's feed has two histories, of which so many records are
 * witnessed. */
struct p2p_record_id custody_world_fork(struct ledger_world *world, uint32_t by,
                                        uint32_t accused, uint64_t witnessed);

/* The newest record of a feed, as it stood on a branch that is not the one written here, and
 * the proof that the feed signed it. */
struct custody_lost {
    struct written record;
    uint8_t proof[P2P_RESCUED_PROOF_BYTES_MAX];
    size_t proof_len;
};
void custody_world_lose(struct ledger_world *world, uint32_t feed, struct custody_lost *lost);
void custody_lost_deinit(struct custody_lost *lost);
/* Somebody carries it on. */
struct p2p_record_id custody_world_rescue(struct ledger_world *world, uint32_t by,
                                          const struct custody_lost *lost);

/* The token as a ledger has it that takes everything written so far. */
struct p2p_custody custody_world_now(const struct ledger_world *world,
                                     struct p2p_record_id token);
/* Everything written, taken in many orders by many ledgers: CHECKs that they hold the same. */
void custody_world_check_orders(const struct ledger_world *world, uint64_t seed);

/* The token as a node has it. Its slices are dead when the node is not in a batch. */
struct p2p_custody custody_of(struct ledger_node *node, struct p2p_record_id token);

#endif
