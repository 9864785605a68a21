/* Drafts of charter entries: the ops that runs need. */
#include "federation.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_draft_init(struct sim_draft *draft)
{
    *draft = (struct sim_draft){.bytes = malloc(P2P_RECORD_BYTES_MAX)};
    p2p_assert(draft->bytes != NULL);
    p2p_pack_init(&draft->ops, draft->bytes, P2P_RECORD_BYTES_MAX);
}

void sim_draft_deinit(struct sim_draft *draft)
{
    free(draft->bytes);
    *draft = (struct sim_draft){0};
}

void sim_draft_op(struct sim_draft *draft, const struct p2p_charter_op *op)
{
    p2p_charter_op_pack(&draft->ops, op);
    draft->count++;
}

void sim_draft_admit(struct sim_federation *federation, struct sim_draft *draft, uint32_t index,
                     uint32_t witnesses)
{
    const struct sim_member *member = &federation->members[index];
    const char *names[P2P_WITNESSES_MAX];
    uint32_t count = 0;
    for (uint32_t step = 1; step < federation->member_count && count < witnesses; step++) {
        uint32_t next = (index - 1 + step) % federation->member_count + 1;
        if (federation->members[next].admitted) {
            names[count++] = federation->members[next].name;
        }
    }
    const struct p2p_charter_op op = {.type = P2P_OP_ADMIT,
                                      .admit = {
                                          .member = member->name,
                                          .locode = member->locode,
                                          .role = member->role,
                                          .feed_key = member->feed_key.public_key,
                                          .witness_key = member->witness_key.public_key,
                                          .transport_key = member->transport_key.public_key,
                                          .sealing_key = member->sealing_key.public_key,
                                          .witnesses = names,
                                          .witness_count = count,
                                      }};
    sim_draft_op(draft, &op);
}

/* ---- officers ---- */

/* The n-th officer's ground; further ones begin again. */
static const enum p2p_grant_word grounds[] = {P2P_GRANT_BAN_COURT, P2P_GRANT_BAN_ADMINISTRATIVE,
                                              P2P_GRANT_BAN_LOCAL, P2P_GRANT_BAN_EU_REGULATION,
                                              P2P_GRANT_BAN_MAGISTRATE};
#define GROUNDS (sizeof(grounds) / sizeof(grounds[0]))

static bool is_ground(enum p2p_grant_word word)
{
    for (size_t i = 0; i < GROUNDS; i++) {
        if (grounds[i] == word) {
            return true;
        }
    }
    return false;
}

struct sim_officer sim_officer_of(const struct sim_federation *federation, uint32_t index,
                                  uint32_t n)
{
    struct sim_officer officer = {.grant = p2p_grant_name(grounds[(index - 1 + n) % GROUNDS])};
    uint8_t seed[P2P_SEED_BYTES];
    snprintf(officer.name, sizeof(officer.name), "%s-o%u", federation->members[index].name,
             n + 1);
    sim_federation_seed(federation, "issuer", index, n, seed);
    p2p_issuer_secret_init(&officer.key, seed);
    return officer;
}

/* What whoever is given a right needs, to do something with it. */
static bool is_party(enum p2p_grant_word word)
{
    return word == P2P_GRANT_ACCEPT || word == P2P_GRANT_TRANSFER || word == P2P_GRANT_ASSIGN;
}

/* The ground of its own, by law in one port only if it is local, and its share of every word
 * that is no ground: two of a member hold each, since some things take two; and all
 * that parties need. */
void sim_draft_officer(struct sim_federation *federation, struct sim_draft *draft,
                       uint32_t index, const struct sim_officer *officer)
{
    const struct sim_member *member = &federation->members[index];
    struct p2p_grant grants[P2P_GRANT_COUNT] = {0};
    size_t count = 0;
    bool local = strcmp(officer->grant, p2p_grant_name(P2P_GRANT_BAN_LOCAL)) == 0;
    uint32_t share = 0;
    while (share < member->officer_count &&
           strcmp(member->officers[share].name, officer->name) != 0) {
        share++;
    }
    size_t shares = share < member->officer_count ? member->officer_count : share + 1;
    snprintf(grants[0].name, sizeof(grants[0].name), "%s", officer->grant);
    snprintf(grants[0].scope, sizeof(grants[0].scope), "%s",
             local && member->locode[0] != '\0' ? member->locode : "*");
    count = 1;
    for (uint32_t word = 0; word < P2P_GRANT_COUNT; word++) {
        if (!is_ground((enum p2p_grant_word)word) &&
            (word % shares == share || (word + 1) % shares == share ||
             is_party((enum p2p_grant_word)word))) {
            snprintf(grants[count].name, sizeof(grants[count].name), "%s",
                     p2p_grant_name((enum p2p_grant_word)word));
            snprintf(grants[count].scope, sizeof(grants[count].scope), "*");
            count++;
        }
    }
    const struct p2p_charter_op op = {.type = P2P_OP_GRANT,
                                      .grant = {.issuer = officer->name,
                                                .member = member->name,
                                                .key = officer->key.public_key,
                                                .grants = grants,
                                                .grant_count = count}};
    sim_draft_op(draft, &op);
}

void sim_draft_officers(struct sim_federation *federation, struct sim_draft *draft,
                        uint32_t index)
{
    const struct sim_member *member = &federation->members[index];
    const struct sim_circle_change alone = {.circle = member->name,
                                            .first_epoch = 1,
                                            .last_epoch = 1,
                                            .members = &index,
                                            .member_count = 1};
    for (size_t n = 0; n < member->officer_count; n++) {
        sim_draft_officer(federation, draft, index, &member->officers[n]);
    }
    sim_draft_circle(federation, draft, &alone);
}

/* ---- circles ---- */

struct p2p_circle_key sim_federation_circle_key(const struct sim_federation *federation,
                                                const char *circle, uint32_t epoch)
{
    char purpose[P2P_NAME_BYTES_MAX + 16];
    struct p2p_circle_key key;
    _Static_assert(P2P_CIRCLE_KEY_BYTES == P2P_SEED_BYTES, "a seed is a key");
    snprintf(purpose, sizeof(purpose), "circle %s", circle);
    sim_federation_seed(federation, purpose, epoch, 1, key.bytes);
    return key;
}

static const char **names_of(const struct sim_federation *federation, const uint32_t *members,
                             size_t count)
{
    const char **names = calloc(count + 1, sizeof(*names));
    p2p_assert(names != NULL);
    for (size_t i = 0; i < count; i++) {
        names[i] = federation->members[members[i]].name;
    }
    return names;
}

void sim_draft_circle(const struct sim_federation *federation, struct sim_draft *draft,
                      const struct sim_circle_change *change)
{
    size_t epoch_count = change->last_epoch - change->first_epoch + 1;
    struct p2p_circle_epoch *epochs = calloc(epoch_count, sizeof(*epochs));
    p2p_assert(epochs != NULL);
    for (size_t e = 0; e < epoch_count; e++) {
        uint32_t epoch = change->first_epoch + (uint32_t)e;
        struct p2p_circle_key key =
            sim_federation_circle_key(federation, change->circle, epoch);
        epochs[e].epoch = epoch;
        epochs[e].key_hash = p2p_circle_key_hash(&key);
    }
    const char **members = names_of(federation, change->members, change->member_count);
    const char **removed = names_of(federation, change->removed, change->removed_count);
    const struct p2p_charter_op op = {.type = P2P_OP_CIRCLE,
                                      .circle = {.circle = change->circle,
                                                 .members = members,
                                                 .member_count = change->member_count,
                                                 .epochs = epochs,
                                                 .epoch_count = epoch_count,
                                                 .remove = removed,
                                                 .remove_count = change->removed_count}};
    sim_draft_op(draft, &op);
    free(removed);
    free(members);
    free(epochs);
}

/* ---- roots ---- */

void sim_draft_rotate(struct sim_federation *federation, struct sim_draft *draft)
{
    struct p2p_root_secret next[SIM_ROOTS];
    struct p2p_root_public keys[SIM_ROOTS];
    sim_federation_root_keys(federation, federation->root_generation + 1, next);
    for (uint32_t i = 0; i < SIM_ROOTS; i++) {
        keys[i] = next[i].public_key;
    }
    const struct p2p_charter_op op = {
        .type = P2P_OP_ROTATE,
        .rotate = {.roots = keys, .root_count = SIM_ROOTS, .threshold = federation->threshold}};
    sim_draft_op(draft, &op);
    draft->rotates = true;
}
