/* A federation for tests: fixed keys, and entries that its roots sign or do not.
 *
 * Every key follows from a number, so a failing test can be run again. A draft collects ops;
 * sealing it makes a leaf and a note over the world's tree so far, signed by the log and the
 * roots in a mask; a world keeps the tree, so a branch is a copy of the world. Static sizes;
 * CHECKs what it does. */
#ifndef CHARTER_WORLD_H
#define CHARTER_WORLD_H

#include <p2p/charter_op.h>

#define WORLD_FEDERATION "test.example"
#define WORLD_ROOTS      5u
#define WORLD_MEMBERS    30u

struct world_member {
    char name[P2P_NAME_BYTES_MAX + 1]; /* m1, m2, ... */
    struct p2p_feed_secret feed;
    struct p2p_witness_secret witness;
    struct p2p_transport_secret transport;
    struct p2p_sealing_secret sealing;
};

struct charter_world {
    struct p2p_charter_secret log;
    struct p2p_root_secret roots[WORLD_ROOTS];
    struct p2p_edge edge; /* of the entries sealed and pushed so far */
    uint64_t term;
};

struct world_draft {
    uint8_t bytes[P2P_RECORD_BYTES_MAX];
    struct p2p_pack ops;
    uint32_t count;
};

struct world_entry {
    uint64_t index;
    uint8_t leaf[P2P_RECORD_BYTES_MAX];
    size_t leaf_len;
    char note[P2P_NOTE_BYTES_MAX];
    size_t note_len;
};

void world_init(struct charter_world *world);
/* Member keys of number i, from 1. */
void world_member(struct world_member *member, uint32_t i);
struct p2p_issuer_secret world_issuer_key(uint32_t i);
struct p2p_circle_key world_circle_key(uint32_t i);

void world_draft(struct world_draft *draft);
void world_found(struct world_draft *draft, const struct charter_world *world, uint32_t roots,
                 uint32_t threshold);
/* Member i, witnessed by those of 1 to `of` that are not it (at most 15). */
void world_admit(struct world_draft *draft, uint32_t i, uint32_t of);
void world_grant(struct world_draft *draft, const char *issuer, uint32_t key,
                 const char *member, const char *grant, const char *scope);
/* A circle whose members get boxes of epochs first to last (keys of those numbers). */
void world_circle(struct world_draft *draft, const char *circle, uint32_t first, uint32_t last,
                  const char *const *members, size_t member_count, const char *const *remove,
                  size_t remove_count);
/* Counts one op that the caller packed into draft->ops. */
void world_op(struct world_draft *draft);

/* Bit i of mask: root i cosigns. The world's tree does not change. */
void world_seal(const struct charter_world *world, struct world_draft *draft, uint32_t mask,
                struct world_entry *entry);
/* A note for any leaf in the place of the next entry. */
void world_sign(const struct charter_world *world, uint32_t mask, struct world_entry *entry);
/* The entry counts from now on. */
void world_push(struct charter_world *world, const struct world_entry *entry);
enum p2p_err world_apply(struct p2p_charter *charter, const struct world_entry *entry,
                         char reason[P2P_REASON_BYTES]);
/* Seals, applies, pushes: CHECKs success. */
void world_add(struct charter_world *world, struct p2p_charter *charter,
               struct world_draft *draft, uint32_t mask);
/* A feed's checkpoint of that size with made-up root, cosigned by the members whose bit (1 <<
 * number) stands in witnesses. Returns the length. */
size_t world_feed_note(char *out, size_t cap, uint32_t member, uint64_t size,
                       uint32_t witnesses);

#endif
