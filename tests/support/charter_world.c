#include "check.h"

#include "charter_world.h"

#include <stdio.h>
#include <string.h>

#define WORLD_TIME_S 1700000000u

static void seed(uint8_t out[P2P_SEED_BYTES], const char *what, uint32_t i)
{
    char text[64];
    snprintf(text, sizeof(text), "%s %u", what, i);
    struct p2p_hash hash = p2p_sha256(p2p_slice_text(text));
    memcpy(out, hash.bytes, P2P_SEED_BYTES);
}

void world_init(struct charter_world *world)
{
    uint8_t bytes[P2P_SEED_BYTES];
    CHECK_OK(p2p_crypto_init());
    *world = (struct charter_world){0};
    seed(bytes, "log", 0);
    p2p_charter_secret_init(&world->log, bytes);
    for (uint32_t i = 0; i < WORLD_ROOTS; i++) {
        seed(bytes, "root", i);
        p2p_root_secret_init(&world->roots[i], bytes);
    }
    p2p_edge_init(&world->edge);
}

void world_member(struct world_member *member, uint32_t i)
{
    uint8_t bytes[P2P_SEED_BYTES];
    snprintf(member->name, sizeof(member->name), "m%u", i);
    seed(bytes, "feed", i);
    p2p_feed_secret_init(&member->feed, bytes);
    seed(bytes, "witness", i);
    p2p_witness_secret_init(&member->witness, bytes);
    seed(bytes, "transport", i);
    p2p_transport_secret_init(&member->transport, bytes);
    seed(bytes, "sealing", i);
    p2p_sealing_secret_init(&member->sealing, bytes);
}

struct p2p_issuer_secret world_issuer_key(uint32_t i)
{
    struct p2p_issuer_secret key;
    uint8_t bytes[P2P_SEED_BYTES];
    seed(bytes, "issuer", i);
    p2p_issuer_secret_init(&key, bytes);
    return key;
}

struct p2p_circle_key world_circle_key(uint32_t i)
{
    struct p2p_circle_key key;
    seed(key.bytes, "circle", i);
    return key;
}

void world_draft(struct world_draft *draft)
{
    p2p_pack_init(&draft->ops, draft->bytes, sizeof(draft->bytes));
    draft->count = 0;
}

void world_op(struct world_draft *draft)
{
    CHECK(!p2p_pack_failed(&draft->ops));
    draft->count++;
}

void world_found(struct world_draft *draft, const struct charter_world *world, uint32_t roots,
                 uint32_t threshold)
{
    struct p2p_root_public keys[WORLD_ROOTS];
    for (uint32_t i = 0; i < WORLD_ROOTS; i++) {
        keys[i] = world->roots[i].public_key;
    }
    struct p2p_op_found op = {.federation = WORLD_FEDERATION,
                              .log_key = world->log.public_key,
                              .roots = keys,
                              .root_count = roots,
                              .threshold = threshold};
    p2p_op_found_pack(&draft->ops, &op);
    world_op(draft);
}

void world_admit(struct world_draft *draft, uint32_t i, uint32_t of)
{
    char names[WORLD_MEMBERS + 1][8];
    const char *witnesses[P2P_WITNESSES_MAX];
    struct world_member member;
    uint32_t count = 0;
    for (uint32_t w = 1; w <= of && count < P2P_WITNESSES_MAX; w++) {
        if (w != i) {
            snprintf(names[w], sizeof(names[w]), "m%u", w);
            witnesses[count++] = names[w];
        }
    }
    world_member(&member, i);
    struct p2p_op_admit op = {.member = member.name,
                              .locode = i == 1 ? "BEANR" : "",
                              .feed_key = member.feed.public_key,
                              .witness_key = member.witness.public_key,
                              .transport_key = member.transport.public_key,
                              .sealing_key = member.sealing.public_key,
                              .witnesses = witnesses,
                              .witness_count = count};
    p2p_op_admit_pack(&draft->ops, &op);
    world_op(draft);
}

void world_grant(struct world_draft *draft, const char *issuer, uint32_t key,
                 const char *member, const char *grant, const char *scope)
{
    struct p2p_grant given = {0};
    struct p2p_op_grant op = {.issuer = issuer,
                              .member = member,
                              .key = world_issuer_key(key).public_key,
                              .grants = &given,
                              .grant_count = 1};
    snprintf(given.name, sizeof(given.name), "%s", grant);
    snprintf(given.scope, sizeof(given.scope), "%s", scope);
    p2p_op_grant_pack(&draft->ops, &op);
    world_op(draft);
}

void world_circle(struct world_draft *draft, const char *circle, uint32_t first, uint32_t last,
                  const char *const *members, size_t member_count, const char *const *remove,
                  size_t remove_count)
{
    struct p2p_circle_epoch epochs[8];
    struct p2p_op_circle op = {.circle = circle,
                               .members = members,
                               .member_count = member_count,
                               .epochs = epochs,
                               .remove = remove,
                               .remove_count = remove_count};
    for (uint32_t e = first; e <= last; e++) {
        struct p2p_circle_key key = world_circle_key(e);
        epochs[op.epoch_count].epoch = e;
        epochs[op.epoch_count++].key_hash = p2p_circle_key_hash(&key);
    }
    p2p_op_circle_pack(&draft->ops, &op);
    world_op(draft);
}

static struct p2p_edge edge_with(const struct charter_world *world,
                                 const struct world_entry *entry)
{
    struct p2p_edge edge = world->edge;
    struct p2p_hash leaf = p2p_leaf_hash(p2p_slice_of(entry->leaf, entry->leaf_len));
    p2p_edge_append(&edge, &leaf, NULL);
    return edge;
}

void world_sign(const struct charter_world *world, uint32_t mask, struct world_entry *entry)
{
    struct p2p_edge edge = edge_with(world, entry);
    struct p2p_signature signature;
    struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(WORLD_FEDERATION "/charter/1"),
                                        .size = edge.size,
                                        .root = p2p_edge_root(&edge)};
    p2p_checkpoint_sign_charter(&checkpoint, p2p_sigs_ed25519(), &world->log, &signature);
    size_t len = p2p_checkpoint_note(&checkpoint, world->log.public_key.bytes, &signature,
                                     entry->note, sizeof(entry->note));
    for (uint32_t i = 0; i < WORLD_ROOTS; i++) {
        char name[P2P_ROOT_NAME_BYTES_MAX + 1];
        const struct p2p_root_public *key = &world->roots[i].public_key;
        struct p2p_cosignature cosignature;
        if ((mask & (1u << i)) == 0) {
            continue;
        }
        size_t name_len = p2p_root_name(name, WORLD_FEDERATION, key);
        p2p_cosign_root(&checkpoint, p2p_sigs_ed25519(), &world->roots[i], WORLD_TIME_S,
                        &cosignature);
        len = p2p_checkpoint_note_add(entry->note, sizeof(entry->note), len,
                                      p2p_slice_of(name, name_len), key->bytes, &cosignature);
    }
    CHECK(len > 0);
    entry->index = world->edge.size;
    entry->note_len = len;
}

void world_seal(const struct charter_world *world, struct world_draft *draft, uint32_t mask,
                struct world_entry *entry)
{
    struct p2p_pack leaf;
    p2p_pack_init(&leaf, entry->leaf, sizeof(entry->leaf));
    CHECK_OK(p2p_charter_leaf(p2p_pack_slice(&draft->ops), draft->count, world->term,
                              WORLD_TIME_S * UINT64_C(1000), &leaf));
    entry->leaf_len = p2p_pack_slice(&leaf).len;
    world_sign(world, mask, entry);
}

void world_push(struct charter_world *world, const struct world_entry *entry)
{
    world->edge = edge_with(world, entry);
}

enum p2p_err world_apply(struct p2p_charter *charter, const struct world_entry *entry,
                         char reason[P2P_REASON_BYTES])
{
    return p2p_charter_apply(charter, p2p_sigs_ed25519(), entry->index,
                             p2p_slice_of(entry->leaf, entry->leaf_len),
                             p2p_slice_of(entry->note, entry->note_len), reason);
}

void world_add(struct charter_world *world, struct p2p_charter *charter,
               struct world_draft *draft, uint32_t mask)
{
    static struct world_entry entry;
    char reason[P2P_REASON_BYTES];
    world_seal(world, draft, mask, &entry);
    enum p2p_err err = world_apply(charter, &entry, reason);
    if (err != P2P_OK) {
        print_error("entry %llu: %s\n", (unsigned long long)entry.index, reason);
    }
    CHECK_OK(err);
    world_push(world, &entry);
}

size_t world_feed_note(char *out, size_t cap, uint32_t member, uint64_t size,
                       uint32_t witnesses)
{
    char origin[P2P_ORIGIN_BYTES_MAX + 1], name[P2P_WITNESS_NAME_BYTES_MAX + 1];
    struct world_member owner, witness;
    struct p2p_signature signature;
    world_member(&owner, member);
    snprintf(origin, sizeof(origin), WORLD_FEDERATION "/%s/1", owner.name);
    struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(origin),
                                        .size = size,
                                        .root = p2p_sha256(p2p_slice_text("any"))};
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &owner.feed, &signature);
    size_t len =
        p2p_checkpoint_note(&checkpoint, owner.feed.public_key.bytes, &signature, out, cap);
    for (uint32_t i = 1; i <= WORLD_MEMBERS; i++) {
        struct p2p_cosignature cosignature;
        if ((witnesses & (1u << i)) == 0) {
            continue;
        }
        world_member(&witness, i);
        size_t name_len = p2p_witness_name(name, WORLD_FEDERATION, witness.name, 1);
        p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &witness.witness, WORLD_TIME_S,
                           &cosignature);
        len = p2p_checkpoint_note_add(out, cap, len, p2p_slice_of(name, name_len),
                                      witness.witness.public_key.bytes, &cosignature);
    }
    CHECK(len > 0);
    return len;
}
