/* The ceremony: how entries of the charter are signed. */
#include "federation.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_ROOTS ((1u << SIM_ROOTS) - 1)

void sim_entry_deinit(struct sim_entry *entry)
{
    free(entry->leaf);
    free(entry->note);
    *entry = (struct sim_entry){0};
}

struct sim_sealing sim_sealing_due(const struct sim_federation *federation, uint64_t time_ms)
{
    struct sim_sealing how = {
        .index = federation->edge.size,
        .term = federation->entry_count == 0 ? 0 : p2p_charter_term(federation->charter),
        .time_ms = time_ms};
    for (uint32_t i = 0; i < federation->threshold; i++) {
        how.roots |= 1u << ((how.index + i) % SIM_ROOTS);
    }
    return how;
}

/* The charter's tree up to the entry, with it. */
static struct p2p_edge edge_with(const struct sim_federation *federation, uint64_t index,
                                 struct p2p_slice leaf)
{
    struct p2p_edge edge = federation->edge;
    if (index < edge.size) {
        p2p_edge_init(&edge);
        for (uint64_t i = 0; i < index; i++) {
            struct p2p_hash held = p2p_leaf_hash(
                p2p_slice_of(federation->entries[i].leaf, federation->entries[i].leaf_len));
            p2p_edge_append(&edge, &held, NULL);
        }
    }
    struct p2p_hash hash = p2p_leaf_hash(leaf);
    p2p_edge_append(&edge, &hash, NULL);
    return edge;
}

/* Adds the cosignatures of the roots in mask. */
static void cosign(const struct sim_federation *federation,
                   const struct p2p_checkpoint *checkpoint,
                   const struct p2p_root_secret roots[SIM_ROOTS], uint32_t mask,
                   uint64_t time_s, struct sim_entry *entry)
{
    for (uint32_t i = 0; i < SIM_ROOTS; i++) {
        char name[P2P_ROOT_NAME_BYTES_MAX + 1];
        struct p2p_cosignature cosignature;
        if ((mask & (1u << i)) == 0) {
            continue;
        }
        size_t len = p2p_root_name(name, federation->name, &roots[i].public_key);
        p2p_cosign_root(checkpoint, federation->sigs, &roots[i], time_s, &cosignature);
        entry->note_len = p2p_checkpoint_note_add(entry->note, P2P_NOTE_BYTES_MAX,
                                                  entry->note_len, p2p_slice_of(name, len),
                                                  roots[i].public_key.bytes, &cosignature);
        p2p_assert(entry->note_len > 0);
    }
}

static void sign_note(const struct sim_federation *federation, const struct sim_draft *draft,
                      const struct sim_sealing *how, struct sim_entry *entry)
{
    char origin[P2P_FEDERATION_BYTES_MAX + 16];
    struct p2p_signature signature;
    struct p2p_edge edge =
        edge_with(federation, how->index, p2p_slice_of(entry->leaf, entry->leaf_len));
    snprintf(origin, sizeof(origin), "%s/charter/1", federation->name);
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(origin), .size = edge.size, .root = p2p_edge_root(&edge)};
    p2p_checkpoint_sign_charter(&checkpoint, federation->sigs, &federation->log, &signature);
    entry->note_len = p2p_checkpoint_note(&checkpoint, federation->log.public_key.bytes,
                                          &signature, entry->note, P2P_NOTE_BYTES_MAX);
    p2p_assert(entry->note_len > 0);
    for (int time = 0; time < (how->twice ? 2 : 1); time++) {
        cosign(federation, &checkpoint, federation->roots, how->roots, how->time_ms / 1000,
               entry);
    }
    if (draft->rotates) {
        struct p2p_root_secret next[SIM_ROOTS];
        sim_federation_root_keys(federation, federation->root_generation + 1, next);
        cosign(federation, &checkpoint, next, how->roots, how->time_ms / 1000, entry);
    }
}

enum p2p_err sim_federation_sign(const struct sim_federation *federation,
                                 const struct sim_draft *draft, const struct sim_sealing *how,
                                 struct sim_entry *out)
{
    struct p2p_pack leaf;
    p2p_assert(how->index <= federation->edge.size);
    if (p2p_pack_failed(&draft->ops)) {
        return P2P_TOOLARGE;
    }
    struct sim_entry entry = {.leaf = malloc(P2P_RECORD_BYTES_MAX),
                              .note = malloc(P2P_NOTE_BYTES_MAX)};
    p2p_assert(entry.leaf != NULL && entry.note != NULL);
    p2p_pack_init(&leaf, entry.leaf, P2P_RECORD_BYTES_MAX);
    enum p2p_err err = p2p_charter_leaf(p2p_pack_slice(&draft->ops), draft->count, how->term,
                                        how->time_ms, &leaf);
    if (err != P2P_OK) {
        sim_entry_deinit(&entry);
        return err;
    }
    entry.leaf_len = p2p_pack_slice(&leaf).len;
    sign_note(federation, draft, how, &entry);
    entry.leaf = realloc(entry.leaf, entry.leaf_len);
    entry.note = realloc(entry.note, entry.note_len);
    p2p_assert(entry.leaf != NULL && entry.note != NULL);
    *out = entry;
    return P2P_OK;
}

static enum p2p_err seal(struct sim_federation *federation, const struct sim_draft *draft,
                         const struct sim_sealing *how, uint64_t *index, char *reason)
{
    struct sim_entry entry = {0};
    enum p2p_err err = sim_federation_sign(federation, draft, how, &entry);
    if (err == P2P_OK) {
        err = sim_federation_take(federation, how->index, &entry, reason);
    }
    sim_entry_deinit(&entry);
    if (err == P2P_OK) {
        *index = how->index;
    }
    return err;
}

enum p2p_err sim_federation_seal(struct sim_federation *federation, struct sim_draft *draft,
                                 uint64_t time_ms, uint64_t *index,
                                 char reason[P2P_REASON_BYTES])
{
    const struct sim_sealing how = sim_sealing_due(federation, time_ms);
    return seal(federation, draft, &how, index, reason);
}

/* The branch that ends, from the split on. */
static struct p2p_slice rival_leaves(const struct sim_federation *federation, uint64_t split,
                                     uint64_t size, uint8_t *out, struct p2p_slice *head)
{
    struct p2p_pack pack;
    p2p_pack_init(&pack, out, P2P_RECORD_BYTES_MAX);
    p2p_pack_array(&pack, (uint32_t)(size - split));
    for (uint64_t i = split; i < size; i++) {
        struct p2p_slice leaf;
        enum p2p_err err = p2p_charter_rival_entry(federation->charter, i, &leaf, head);
        p2p_assert(err == P2P_OK);
        p2p_pack_bin(&pack, leaf.data, leaf.len);
    }
    p2p_assert(!p2p_pack_failed(&pack));
    return p2p_pack_slice(&pack);
}

enum p2p_err sim_federation_settle(struct sim_federation *federation, uint64_t time_ms,
                                   uint64_t *index, char reason[P2P_REASON_BYTES])
{
    uint8_t leaves[P2P_RECORD_BYTES_MAX];
    struct p2p_slice leaf;
    struct p2p_slice note;
    struct p2p_slice ended;
    struct sim_draft draft;
    uint64_t split;
    enum p2p_err err = p2p_charter_rival(federation->charter, &split, &leaf, &note);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_slice rival = rival_leaves(
        federation, split, p2p_charter_rival_size(federation->charter), leaves, &ended);
    const struct sim_entry *last = &federation->entries[federation->entry_count - 1];
    const struct p2p_charter_op op = {
        .type = P2P_OP_SETTLE,
        .settle = {.heads = {p2p_slice_of(last->note, last->note_len), ended},
                   .rival_entries = rival}};
    struct sim_sealing how = sim_sealing_due(federation, time_ms);
    how.term++;
    how.roots = ALL_ROOTS;
    sim_draft_init(&draft);
    sim_draft_op(&draft, &op);
    err = seal(federation, &draft, &how, index, reason);
    sim_draft_deinit(&draft);
    return err;
}
