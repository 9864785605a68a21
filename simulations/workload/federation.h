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

/* A second entry that the roots sealed under one number; a settle ends it. */
struct sim_rival {
    uint64_t index;
    struct p2p_hash leaf;
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
    struct sim_rival *rivals; /* all there ever were */
    size_t rival_count;
    struct sim_member *members; /* [0] unused */
    uint32_t member_count;
    uint64_t seed;
};

struct sim_federation_options {
    uint32_t members;   /* that exist */
    uint32_t admitted;  /* by the founding entries; the others join later */
    uint32_t witnesses; /* of each feed, the next ones in the ring, at most 15 */
    uint32_t officers;  /* per member, at most SIM_OFFICERS_MAX */
    uint32_t lease_s;   /* of custody, at least 60; 0: as every charter begins */
};

/* Founds: entry 0, and as many more as the members need. Aborts the process without memory, as
 * all of the simulator does. sigs is borrowed. */
void sim_federation_init(struct sim_federation *federation,
                         const struct sim_federation_options *options, uint64_t seed,
                         const struct p2p_sigs *sigs);
void sim_federation_deinit(struct sim_federation *federation);
/* Gives a member the feed and witness keys of a generation. */
void sim_member_keys(const struct sim_federation *federation, struct sim_member *member,
                     uint32_t generation);
/* The seed of a key, from the run's and its purpose and numbers. */
void sim_federation_seed(const struct sim_federation *federation, const char *purpose,
                         uint32_t number, uint32_t generation, uint8_t out[P2P_SEED_BYTES]);
void sim_federation_root_keys(const struct sim_federation *federation, uint32_t generation,
                              struct p2p_root_secret out[SIM_ROOTS]);

/* The draft of the next entry: pack ops into it, then seal. An op that does not fit anymore is
 * found at the seal, which then says P2P_TOOLARGE. */
struct sim_draft {
    uint8_t *bytes; /* P2P_RECORD_BYTES_MAX */
    struct p2p_pack ops;
    uint32_t count;
    bool rotates; /* the roots' next keys cosign it too */
};
void sim_draft_init(struct sim_draft *draft);
void sim_draft_deinit(struct sim_draft *draft);
void sim_draft_op(struct sim_draft *draft, const struct p2p_charter_op *op);

/* Seals with as many roots as it takes, in turn, and applies the entry to the roots' own
 * charter. P2P_OK gives its index; any error leaves everything as it was. reason may be NULL.
 */
P2P_MUST_CHECK enum p2p_err sim_federation_seal(struct sim_federation *federation,
                                                struct sim_draft *draft, uint64_t time_ms,
                                                uint64_t *index, char reason[P2P_REASON_BYTES]);

/* How an entry is signed, for those that are not as they should be. */
struct sim_sealing {
    uint64_t index; /* at most that of the next entry; below it, a rival to the one held */
    uint64_t term;
    uint64_t time_ms;
    uint32_t roots; /* bit i: root i cosigns */
    bool twice;     /* every cosignature stands there twice */
};
/* As sim_federation_seal would sign it. */
struct sim_sealing sim_sealing_due(const struct sim_federation *federation, uint64_t time_ms);
/* Signs without applying. out is the caller's then. P2P_TOOLARGE, P2P_USAGE (no ops). */
P2P_MUST_CHECK enum p2p_err sim_federation_sign(const struct sim_federation *federation,
                                                const struct sim_draft *draft,
                                                const struct sim_sealing *how,
                                                struct sim_entry *out);
void sim_entry_deinit(struct sim_entry *entry); /* accepts a zeroed object */
/* The roots' own charter takes an entry as a node would; on P2P_OK the federation keeps it
 * (taken) and goes on from it, on P2P_FORKED the charter holds a rival. */
P2P_MUST_CHECK enum p2p_err sim_federation_take(struct sim_federation *federation,
                                                uint64_t index, struct sim_entry *entry,
                                                char reason[P2P_REASON_BYTES]);
/* Ends two heads: a settle on the held branch, with one root more than usual. */
P2P_MUST_CHECK enum p2p_err sim_federation_settle(struct sim_federation *federation,
                                                  uint64_t time_ms, uint64_t *index,
                                                  char reason[P2P_REASON_BYTES]);

/* Ops that runs need often; members by their index. */
/* Its witnesses are the next ones in the ring of those admitted. */
void sim_draft_admit(struct sim_federation *federation, struct sim_draft *draft, uint32_t index,
                     uint32_t witnesses);
/* Its officers with their grants, and the circle of it alone, which its decisions need. */
void sim_draft_officers(struct sim_federation *federation, struct sim_draft *draft,
                        uint32_t index);
/* One more officer, or more grants to one there is. */
void sim_draft_officer(struct sim_federation *federation, struct sim_draft *draft,
                       uint32_t index, const struct sim_officer *officer);
/* The keys of the officer that would be the n-th of this member. */
struct sim_officer sim_officer_of(const struct sim_federation *federation, uint32_t index,
                                  uint32_t n);

struct sim_circle_change {
    const char *circle;
    uint32_t first_epoch, last_epoch;
    const uint32_t *members;
    size_t member_count;
    const uint32_t *removed;
    size_t removed_count;
};
void sim_draft_circle(const struct sim_federation *federation, struct sim_draft *draft,
                      const struct sim_circle_change *change);
/* New keys for the roots; in use once the draft is sealed. */
void sim_draft_rotate(struct sim_federation *federation, struct sim_draft *draft);
struct p2p_circle_key sim_federation_circle_key(const struct sim_federation *federation,
                                                const char *circle, uint32_t epoch);

#endif
