/* The federation of a run: members with their keys, the roots, and the charter that they sign.
 *
 * The ceremony is one person here: it holds all root keys, makes the next entry over the
 * charter as it signed it so far, and gives it to one node, from where it spreads like any
 * record. */
#ifndef SIM_FEDERATION_H
#define SIM_FEDERATION_H

#include "chance.h"

#include <p2p/charter_op.h>
#include <p2p/subject.h>

#define SIM_MEMBERS_MAX     1024u
#define SIM_OFFICERS_MAX    4u /* per member */
#define SIM_ROOTS           5u
#define SIM_GENERATIONS_MAX 16u /* of keys of one member */

struct sim_officer {
    char name[P2P_NAME_BYTES_MAX + 1];
    struct p2p_issuer_secret key;
    const char *grant; /* ban-court, ... */
    bool revoked;
};

struct sim_member {
    uint32_t index;                    /* from 1, in order of the founding */
    char name[P2P_NAME_BYTES_MAX + 1]; /* beanr, bezee, ..., then m8, m9, ... */
    char locode[6];
    enum p2p_role role;
    bool admitted;
    uint32_t generation; /* of feed and witness keys in use */
    struct p2p_feed_secret feed_key;
    struct p2p_witness_secret witness_key;
    struct p2p_transport_secret transport_key;
    struct p2p_sealing_secret sealing_key;
    struct sim_officer officers[SIM_OFFICERS_MAX];
    size_t officer_count;
};

struct sim_entry {
    uint8_t *leaf;
    size_t leaf_len;
    char *note;
    size_t note_len;
};

struct sim_federation {
    char name[P2P_FEDERATION_BYTES_MAX + 1];
    const struct p2p_sigs *sigs;
    struct p2p_charter_secret log;
    struct p2p_root_secret roots[SIM_ROOTS];
    uint32_t root_generation; /* rotations so far */
    uint32_t threshold;
    struct p2p_edge edge;
    struct p2p_charter *charter; /* all entries: what the roots know */
    struct p2p_hash id;
    struct sim_entry *entries;
    size_t entry_count, entry_cap;
    struct sim_member *members; /* [0] unused */
    uint32_t member_count;
    uint64_t seed;
};

struct sim_federation_options {
    uint32_t members;   /* that exist */
    uint32_t admitted;  /* by the founding entry; the others join later */
    uint32_t witnesses; /* of each feed, the next ones in the ring, at most 15 */
    uint32_t officers;  /* per member, at most SIM_OFFICERS_MAX */
};

/* Founds: entry 0. sigs is borrowed. */
void sim_federation_init(struct sim_federation *federation,
                         const struct sim_federation_options *options, uint64_t seed,
                         const struct p2p_sigs *sigs);
void sim_federation_deinit(struct sim_federation *federation);

/* The draft of the next entry: pack ops into it, then seal. Sealing applies the entry to the
 * roots' own charter; P2P_OK gives its index, any error leaves everything as it was. */
struct sim_draft {
    uint8_t *bytes;
    struct p2p_pack ops;
    uint32_t count;
};
void sim_draft_init(struct sim_draft *draft);
void sim_draft_deinit(struct sim_draft *draft);
void sim_draft_op(struct sim_draft *draft, const struct p2p_charter_op *op);
enum p2p_err sim_federation_seal(struct sim_federation *federation, struct sim_draft *draft,
                                 uint64_t time_ms, uint64_t *index,
                                 char reason[P2P_REASON_BYTES]);

/* Ops that runs need often. */
void sim_draft_admit(struct sim_federation *federation, struct sim_draft *draft, uint32_t index,
                     uint32_t witnesses);
void sim_draft_officers(struct sim_federation *federation, struct sim_draft *draft,
                        uint32_t index);
/* New keys for the roots; in use once the draft is sealed. */
void sim_draft_rotate(struct sim_federation *federation, struct sim_draft *draft);
const struct p2p_circle_key *sim_federation_circle_key(struct sim_federation *federation,
                                                       const char *circle, uint32_t epoch);

#endif
