/* Founding a network, and what its charter may say. */
#include "check.h"

#include "network.h"

#include <stdio.h>
#include <string.h>

#define ALL_ROOTS ((1u << WORLD_ROOTS) - 1)

static void name_of(char out[16], uint32_t i)
{
    snprintf(out, 16, "m%u", i);
}

void network_admit(struct world_draft *draft, uint32_t i, uint32_t witnesses)
{
    static const char *const locodes[] = {"",      "BEANR", "BEZEE", "BEGNE", "BEOST",
                                          "BELGG", "BEBRU", "NLRTM", "DEHAM"};
    char names[P2P_WITNESSES_MAX][16];
    const char *list[P2P_WITNESSES_MAX];
    struct world_member member;
    uint32_t count = 0;
    for (uint32_t w = 1; w <= witnesses && count < P2P_WITNESSES_MAX; w++) {
        if (w != i) {
            name_of(names[count], w);
            list[count] = names[count];
            count++;
        }
    }
    world_member(&member, i);
    const struct p2p_op_admit op = {.member = member.name,
                                    .locode = i < 9 ? locodes[i] : "",
                                    .feed_key = member.feed.public_key,
                                    .witness_key = member.witness.public_key,
                                    .transport_key = member.transport.public_key,
                                    .sealing_key = member.sealing.public_key,
                                    .witnesses = list,
                                    .witness_count = count};
    p2p_op_admit_pack(&draft->ops, &op);
    world_op(draft);
}

void network_issuer(struct world_draft *draft, uint32_t i)
{
    char issuer[24];
    char member[16];
    snprintf(issuer, sizeof(issuer), "im%u", i);
    name_of(member, i);
    world_grant(draft, issuer, NETWORK_ISSUER_FIRST + i, member, "ban-court", "*");
}

struct p2p_circle_key network_circle_key(const char *name, uint32_t epoch)
{
    char text[64];
    struct p2p_circle_key key;
    snprintf(text, sizeof(text), "circle %s %u", name, epoch);
    struct p2p_hash hash = p2p_sha256(p2p_slice_text(text));
    memcpy(key.bytes, hash.bytes, sizeof(key.bytes));
    return key;
}

void network_circle(struct world_draft *draft, const char *name, uint32_t first, uint32_t last,
                    uint32_t epochs)
{
    char names[WORLD_MEMBERS][16];
    const char *members[WORLD_MEMBERS];
    struct p2p_circle_epoch list[8];
    size_t count = 0;
    CHECK(epochs <= 8);
    for (uint32_t i = first; i <= last; i++) {
        name_of(names[count], i);
        members[count] = names[count];
        count++;
    }
    for (uint32_t e = 1; e <= epochs; e++) {
        struct p2p_circle_key key = network_circle_key(name, e);
        list[e - 1] =
            (struct p2p_circle_epoch){.epoch = e, .key_hash = p2p_circle_key_hash(&key)};
    }
    const struct p2p_op_circle op = {.circle = name,
                                     .members = members,
                                     .member_count = count,
                                     .epochs = list,
                                     .epoch_count = epochs};
    p2p_op_circle_pack(&draft->ops, &op);
    world_op(draft);
}

size_t network_entry(struct network *net, struct world_draft *draft)
{
    CHECK(net->entry_count < NETWORK_ENTRIES_MAX);
    struct world_entry *entry = &net->entries[net->entry_count];
    world_seal(&net->world, draft, ALL_ROOTS, entry);
    world_push(&net->world, entry);
    return net->entry_count++;
}

void network_found(struct network *net, uint32_t members, uint32_t witnesses)
{
    static struct world_draft draft;
    world_draft(&draft);
    world_found(&draft, &net->world, 5, 3);
    for (uint32_t i = 1; i <= members; i++) {
        network_admit(&draft, i, witnesses);
    }
    for (uint32_t i = 1; i <= members; i++) {
        char name[16];
        network_issuer(&draft, i);
        name_of(name, i);
        network_circle(&draft, name, i, i, 1);
    }
    network_circle(&draft, "all", 1, members, 1);
    if (members >= 2) {
        network_circle(&draft, "police", 1, 2, 1);
    }
    network_entry(net, &draft);
}

enum p2p_err network_give_entry(struct network *net, uint32_t node,
                                const struct world_entry *entry)
{
    struct p2p_job job = {.type = P2P_JOB_CHARTER};
    job.charter.index = entry->index;
    job.charter.leaf = p2p_slice_of(entry->leaf, entry->leaf_len);
    job.charter.note = p2p_slice_of((const uint8_t *)entry->note, entry->note_len);
    CHECK_OK(network_jobs(net, node, &job, 1));
    if (job.result.err != P2P_OK && job.result.err != P2P_FORKED) {
        print_error("entry %llu: %s\n", (unsigned long long)entry->index, job.result.reason);
    }
    return job.result.err;
}

void network_give(struct network *net, uint32_t node, size_t index)
{
    CHECK_OK(network_give_entry(net, node, &net->entries[index]));
}
