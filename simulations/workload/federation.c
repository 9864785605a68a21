#include "federation.h"

#include <p2p/assert.h>
#include <p2p/hash.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEDERATION_NAME  "sim.example"
#define FOUNDING_MS      UINT64_C(1748736000000) /* 2025-06-01, before anything else */
#define THRESHOLD        3u                      /* of SIM_ROOTS */
#define ADMITTED_AT_ONCE 32u /* per entry: with everything that belongs to them they fit */
#define PARTIAL_CIRCLE   24u /* members of one, at most */
#define OBSERVER_EVERY   16u
#define NAMED_MEMBERS    7u

_Static_assert(THRESHOLD > SIM_ROOTS / 2, "the charter wants more than half of its roots");

void sim_federation_seed(const struct sim_federation *federation, const char *purpose,
                         uint32_t number, uint32_t generation, uint8_t out[P2P_SEED_BYTES])
{
    char text[128];
    int len = snprintf(text, sizeof(text), "%llu %s %u %u",
                       (unsigned long long)federation->seed, purpose, number, generation);
    p2p_assert(len > 0 && (size_t)len < sizeof(text));
    struct p2p_hash hash = p2p_sha256(p2p_slice_of(text, (size_t)len));
    _Static_assert(sizeof(hash.bytes) == P2P_SEED_BYTES, "a hash is a seed");
    memcpy(out, hash.bytes, P2P_SEED_BYTES);
}

void sim_federation_root_keys(const struct sim_federation *federation, uint32_t generation,
                              struct p2p_root_secret out[SIM_ROOTS])
{
    for (uint32_t i = 0; i < SIM_ROOTS; i++) {
        uint8_t seed[P2P_SEED_BYTES];
        sim_federation_seed(federation, "root", i, generation, seed);
        p2p_root_secret_init(&out[i], seed);
    }
}

/* ---- members ---- */

void sim_member_keys(const struct sim_federation *federation, struct sim_member *member,
                     uint32_t generation)
{
    uint8_t seed[P2P_SEED_BYTES];
    sim_federation_seed(federation, "feed", member->index, generation, seed);
    p2p_feed_secret_init(&member->feed_key, seed);
    sim_federation_seed(federation, "witness", member->index, generation, seed);
    p2p_witness_secret_init(&member->witness_key, seed);
    member->generation = generation;
}

static enum p2p_role role_of(uint32_t index)
{
    static const enum p2p_role later[] = {P2P_ROLE_PORT, P2P_ROLE_PORT, P2P_ROLE_POLICE,
                                          P2P_ROLE_CUSTOMS, P2P_ROLE_TERMINAL};
    if (index % OBSERVER_EVERY == NAMED_MEMBERS) {
        return P2P_ROLE_OBSERVER;
    }
    return index < NAMED_MEMBERS ? P2P_ROLE_PORT
                                 : later[index % (sizeof(later) / sizeof(later[0]))];
}

static void member_init(const struct sim_federation *federation, uint32_t index,
                        uint32_t officers, struct sim_member *member)
{
    static const char *const names[NAMED_MEMBERS][2] = {
        {"beanr", "BEANR"}, {"bezee", "BEZEE"}, {"begne", "BEGNE"}, {"beost", "BEOST"},
        {"belgg", "BELGG"}, {"bebru", "BEBRU"}, {"ncdrug", ""},
    };
    uint8_t seed[P2P_SEED_BYTES];
    member->index = index;
    member->role = role_of(index);
    if (index <= NAMED_MEMBERS) {
        snprintf(member->name, sizeof(member->name), "%s", names[index - 1][0]);
        snprintf(member->locode, sizeof(member->locode), "%s", names[index - 1][1]);
    } else {
        snprintf(member->name, sizeof(member->name), "m%u", index);
        if (member->role != P2P_ROLE_OBSERVER) {
            snprintf(member->locode, sizeof(member->locode), "X%c%03u", 'A' + index / 1000,
                     index % 1000);
        }
    }
    sim_member_keys(federation, member, 1);
    sim_federation_seed(federation, "transport", index, 1, seed);
    p2p_transport_secret_init(&member->transport_key, seed);
    sim_federation_seed(federation, "sealing", index, 1, seed);
    p2p_sealing_secret_init(&member->sealing_key, seed);
    for (uint32_t n = 0; n < officers && member->role != P2P_ROLE_OBSERVER; n++) {
        member->officers[member->officer_count++] = sim_officer_of(federation, index, n);
    }
}

/* ---- founding ---- */

static void found(const struct sim_federation *federation, struct sim_draft *draft)
{
    struct p2p_root_public keys[SIM_ROOTS];
    for (uint32_t i = 0; i < SIM_ROOTS; i++) {
        keys[i] = federation->roots[i].public_key;
    }
    const struct p2p_charter_op op = {.type = P2P_OP_FOUND,
                                      .found = {.federation = federation->name,
                                                .log_key = federation->log.public_key,
                                                .roots = keys,
                                                .root_count = SIM_ROOTS,
                                                .threshold = federation->threshold}};
    sim_draft_op(draft, &op);
}

static void partial_circle(const struct sim_federation *federation, struct sim_draft *draft,
                           const char *name, uint32_t first, uint32_t step)
{
    uint32_t members[PARTIAL_CIRCLE];
    size_t count = 0;
    for (uint32_t i = first; i <= federation->member_count && count < PARTIAL_CIRCLE;
         i += step) {
        if (federation->members[i].admitted) {
            members[count++] = i;
        }
    }
    const struct sim_circle_change change = {.circle = name,
                                             .first_epoch = 1,
                                             .last_epoch = 1,
                                             .members = members,
                                             .member_count = count};
    if (count > 0) {
        sim_draft_circle(federation, draft, &change);
    }
}

/* Members first to last with all they need, and everybody's circle grown by them. */
static void found_members(struct sim_federation *federation, struct sim_draft *draft,
                          uint32_t first, uint32_t last, uint32_t witnesses)
{
    uint32_t members[ADMITTED_AT_ONCE];
    const struct sim_circle_change all = {.circle = "all",
                                          .first_epoch = 1,
                                          .last_epoch = 1,
                                          .members = members,
                                          .member_count = last - first + 1};
    for (uint32_t i = first; i <= last; i++) {
        members[i - first] = i;
        federation->members[i].admitted = true; /* they may witness one another at once */
    }
    for (uint32_t i = first; i <= last; i++) {
        sim_draft_admit(federation, draft, i, witnesses);
    }
    for (uint32_t i = first; i <= last; i++) {
        sim_draft_officers(federation, draft, i);
    }
    sim_draft_circle(federation, draft, &all);
}

static void seal_founding(struct sim_federation *federation, struct sim_draft *draft)
{
    char reason[P2P_REASON_BYTES] = "";
    uint64_t index;
    enum p2p_err err = sim_federation_seal(federation, draft, FOUNDING_MS, &index, reason);
    if (err != P2P_OK) {
        fprintf(stderr, "the founding does not seal: %s: %s\n", p2p_err_name(err), reason);
    }
    p2p_assert(err == P2P_OK);
    sim_draft_deinit(draft);
}

static void found_all(struct sim_federation *federation,
                      const struct sim_federation_options *options)
{
    struct sim_draft draft;
    sim_draft_init(&draft);
    found(federation, &draft);
    if (options->lease_s > 0) {
        struct p2p_policy policy = *p2p_charter_policy(federation->charter);
        policy.lease_s = options->lease_s;
        const struct p2p_charter_op op = {.type = P2P_OP_POLICY, .policy = policy};
        sim_draft_op(&draft, &op);
    }
    for (uint32_t first = 1; first <= options->admitted; first += ADMITTED_AT_ONCE) {
        uint32_t last = first + ADMITTED_AT_ONCE - 1;
        if (first > 1) {
            seal_founding(federation, &draft);
            sim_draft_init(&draft);
        }
        found_members(federation, &draft, first,
                      last < options->admitted ? last : options->admitted, options->witnesses);
    }
    partial_circle(federation, &draft, "police", 1, 2);
    partial_circle(federation, &draft, "coast", 2, 3);
    seal_founding(federation, &draft);
}

void sim_federation_init(struct sim_federation *federation,
                         const struct sim_federation_options *options, uint64_t seed,
                         const struct p2p_sigs *sigs)
{
    uint8_t bytes[P2P_SEED_BYTES];
    p2p_assert(options->members >= options->admitted && options->admitted > 0);
    p2p_assert(options->members < SIM_MEMBERS_MAX);
    p2p_assert(options->witnesses <= P2P_WITNESSES_MAX);
    p2p_assert(options->officers <= SIM_OFFICERS_MAX);
    *federation = (struct sim_federation){
        .sigs = sigs, .threshold = THRESHOLD, .member_count = options->members, .seed = seed};
    snprintf(federation->name, sizeof(federation->name), FEDERATION_NAME);
    sim_federation_seed(federation, "charter", 0, 1, bytes);
    p2p_charter_secret_init(&federation->log, bytes);
    sim_federation_root_keys(federation, 0, federation->roots);
    p2p_edge_init(&federation->edge);
    federation->members = calloc(options->members + 1, sizeof(*federation->members));
    p2p_assert(federation->members != NULL);
    for (uint32_t i = 1; i <= options->members; i++) {
        member_init(federation, i, options->officers, &federation->members[i]);
    }
    enum p2p_err err = p2p_charter_new(&federation->charter, p2p_alloc_default(), NULL);
    p2p_assert(err == P2P_OK);
    found_all(federation, options);
    federation->id = p2p_charter_federation_id(federation->charter);
}

void sim_federation_deinit(struct sim_federation *federation)
{
    for (size_t i = 0; i < federation->entry_count; i++) {
        sim_entry_deinit(&federation->entries[i]);
    }
    free(federation->entries);
    free(federation->rivals);
    free(federation->members);
    p2p_charter_free(federation->charter);
    *federation = (struct sim_federation){0};
}

/* ---- what the roots know ---- */

/* What follows from a version for the keys and members held here. */
static void follow(struct sim_federation *federation)
{
    struct p2p_root_secret next[SIM_ROOTS];
    sim_federation_root_keys(federation, federation->root_generation + 1, next);
    const struct p2p_root_public *now = p2p_charter_roots(federation->charter);
    if (memcmp(now[0].bytes, next[0].public_key.bytes, P2P_PUBLIC_BYTES) == 0) {
        memcpy(federation->roots, next, sizeof(next));
        federation->root_generation++;
    }
    for (uint32_t i = 1; i <= federation->member_count; i++) {
        struct sim_member *member = &federation->members[i];
        member->admitted =
            p2p_charter_member_named(federation->charter, p2p_slice_text(member->name)) != NULL;
    }
}

static void keep_rival(struct sim_federation *federation, uint64_t index, struct p2p_slice leaf)
{
    size_t count = federation->rival_count + 1;
    federation->rivals = realloc(federation->rivals, count * sizeof(*federation->rivals));
    p2p_assert(federation->rivals != NULL);
    federation->rivals[federation->rival_count++] =
        (struct sim_rival){.index = index, .leaf = p2p_leaf_hash(leaf)};
}

enum p2p_err sim_federation_take(struct sim_federation *federation, uint64_t index,
                                 struct sim_entry *entry, char reason[P2P_REASON_BYTES])
{
    struct p2p_slice leaf = p2p_slice_of(entry->leaf, entry->leaf_len);
    uint64_t before = p2p_charter_size(federation->charter);
    enum p2p_err err = p2p_charter_apply(federation->charter, federation->sigs, index, leaf,
                                         p2p_slice_of(entry->note, entry->note_len), reason);
    if (err == P2P_FORKED) {
        keep_rival(federation, index, leaf);
    }
    if (err != P2P_OK || p2p_charter_size(federation->charter) == before) {
        return err;
    }
    if (federation->entry_count == federation->entry_cap) {
        federation->entry_cap = federation->entry_cap ? 2 * federation->entry_cap : 16;
        federation->entries =
            realloc(federation->entries, federation->entry_cap * sizeof(*federation->entries));
        p2p_assert(federation->entries != NULL);
    }
    struct p2p_hash hash = p2p_leaf_hash(leaf);
    p2p_edge_append(&federation->edge, &hash, NULL);
    federation->entries[federation->entry_count++] = *entry;
    *entry = (struct sim_entry){0};
    follow(federation);
    return P2P_OK;
}
