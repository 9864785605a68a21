/* Two heads, and the entry that ends them.
 *
 * A settle stands on the branch that goes on, as entry i. It holds the note of that branch at
 * size i, a note of the branch that ends, and that branch's leaves from the split on: so
 * whoever never saw the other branch reads its cut points here. A branch is told up to its
 * first rotation at most, because what stands behind one is signed by roots whom only that
 * rotation's own note would introduce.
 *
 * It voids the grants of both branches above the split, takes over the other branch's cut
 * points as cuts of its own, and needs one root more than the threshold at the split (or all of
 * them). */
#include "charter_state.h"

#include <p2p/assert.h>

#include <string.h>

uint32_t p2p_settle_need(const struct root_set *set)
{
    return set->threshold < set->count ? set->threshold + 1 : set->count;
}

static uint32_t rival_begin(const struct p2p_op_settle *op, struct p2p_unpack *leaves)
{
    p2p_unpack_init(leaves, op->rival_entries);
    return p2p_unpack_array(leaves);
}

uint64_t p2p_settle_split(const struct p2p_op_settle *op, const struct p2p_checkpoint *ended)
{
    struct p2p_unpack leaves;
    uint32_t count = rival_begin(op, &leaves);
    return ended->size >= count ? ended->size - count : 0;
}

/* The branch that goes on: exactly the entries below this one. */
static enum p2p_err head_held(const struct charter_fold *fold, const struct fold_place *place,
                              struct p2p_slice bytes)
{
    struct p2p_note note;
    struct p2p_checkpoint head;
    enum p2p_err err = p2p_charter_note_parse(&note, &head, fold, bytes, place->reason);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_edge edge;
    p2p_branch_edge_at(place->held, place->index, &edge);
    struct p2p_hash root = p2p_edge_root(&edge);
    if (head.size != place->index || !p2p_hash_equal(&root, &head.root)) {
        p2p_reason(place->reason, "the first head of a settle is the branch it stands on");
        return P2P_MISMATCH;
    }
    if (!place->sigs) {
        return P2P_OK;
    }
    const struct root_set *set = p2p_fold_roots_at(fold, place->index - 1);
    struct charter_signers signers = {.by = set, .need = set->threshold};
    return p2p_charter_note_verify(&note, fold, place->sigs, &signers, place->reason);
}

static enum p2p_err differs(const struct fold_place *place)
{
    p2p_reason(place->reason, "the heads of a settle are not two branches of this charter");
    return P2P_MISMATCH;
}

/* The branch that ends: from the split its leaves lead to its root. row gets split and hashes.
 */
static enum p2p_err head_ended(struct charter_fold *fold, const struct fold_place *place,
                               const struct p2p_op_settle *op, struct ended_row *row)
{
    struct p2p_note note;
    struct p2p_checkpoint head;
    struct p2p_unpack leaves;
    enum p2p_err err = p2p_charter_note_parse(&note, &head, fold, op->heads[1], place->reason);
    if (err != P2P_OK) {
        return err;
    }
    uint32_t count = rival_begin(op, &leaves);
    uint64_t split = p2p_settle_split(op, &head);
    if (split == 0 || split >= place->index) {
        return differs(place);
    }
    struct p2p_hash *hashes = p2p_arena_take(&fold->arena, count * sizeof(*hashes));
    if (!hashes) {
        return P2P_NOMEM;
    }
    struct p2p_edge edge;
    p2p_branch_edge_at(place->held, split, &edge);
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = p2p_leaf_hash(p2p_unpack_bin(&leaves));
        p2p_edge_append(&edge, &hashes[i], NULL);
    }
    struct p2p_hash root = p2p_edge_root(&edge);
    if (!p2p_hash_equal(&root, &head.root) ||
        p2p_hash_equal(&hashes[0], &place->held->entries[split]->hash)) {
        return differs(place);
    }
    *row = (struct ended_row){
        .split = split, .entry = place->index, .hashes = hashes, .count = count};
    if (!place->sigs) {
        return P2P_OK;
    }
    const struct root_set *set = p2p_fold_roots_at(fold, split);
    struct charter_signers signers = {.by = set, .need = set->threshold};
    return p2p_charter_note_verify(&note, fold, place->sigs, &signers, place->reason);
}

static enum p2p_err void_grants(struct charter_fold *fold, uint64_t split, uint64_t entry)
{
    for (uint32_t number = 1; number <= fold->issuers.count; number++) {
        struct p2p_issuer *issuer = p2p_fold_issuer(fold, number);
        size_t kept = issuer->grant_count;
        while (kept > 0 && issuer->grants[kept - 1].entry >= split) {
            kept--; /* grants stand in order of entry */
        }
        if (kept < issuer->grant_count) {
            issuer->grant_count = kept;
            enum p2p_err err = p2p_fold_touch(fold, entry, number);
            if (err != P2P_OK) {
                return err;
            }
        }
    }
    return P2P_OK;
}

/* The cut points of one ended entry. Its roots cosigned the note inside; what it says of
 * issuers and feeds that only that branch knew has no object here and is passed over. */
static enum p2p_err take_cuts(struct charter_fold *fold, const struct fold_place *place,
                              const struct p2p_version *version)
{
    struct fold_place trusted = {.held = place->held, .index = place->index};
    for (size_t i = 0; i < version->op_count; i++) {
        if (version->ops[i].type == P2P_OP_REVOKE) {
            enum p2p_err err = p2p_fold_revoke(fold, &trusted, &version->ops[i].revoke);
            if (err == P2P_NOMEM) {
                return err;
            }
        }
    }
    return P2P_OK;
}

static bool has_rotation(const struct p2p_version *version)
{
    for (size_t i = 0; i < version->op_count; i++) {
        if (version->ops[i].type == P2P_OP_ROTATE) {
            return true;
        }
    }
    return false;
}

static enum p2p_err take_rival(struct charter_fold *fold, const struct fold_place *place,
                               const struct p2p_op_settle *op, uint64_t term)
{
    struct p2p_arena arena;
    struct p2p_unpack leaves;
    enum p2p_err err = P2P_OK;
    uint32_t count = rival_begin(op, &leaves);
    p2p_arena_init(&arena, fold->alloc, P2P_VERSION_ARENA_BYTES_MAX);
    for (uint32_t i = 0; i < count && err == P2P_OK; i++) {
        struct p2p_version version;
        p2p_arena_reset(&arena);
        err = p2p_version_decode(&version, p2p_unpack_bin(&leaves), &arena);
        if (err == P2P_OK && version.term >= term) {
            p2p_reason(place->reason, "a settle carries a higher term than either branch");
            err = P2P_REFUSED;
        }
        if (err == P2P_OK && has_rotation(&version) && i + 1 < count) {
            p2p_reason(place->reason, "the branch that ends is told up to its first rotation");
            err = P2P_REFUSED;
        }
        if (err == P2P_OK) {
            err = take_cuts(fold, place, &version);
        }
    }
    p2p_arena_deinit(&arena);
    return err;
}

enum p2p_err p2p_fold_settle(struct charter_fold *fold, const struct fold_place *place,
                             const struct p2p_op_settle *op, uint64_t term)
{
    struct ended_row ended;
    p2p_assert(place->index > 0);
    if (term <= fold->term) {
        p2p_reason(place->reason, "a settle carries a higher term than either branch");
        return P2P_REFUSED;
    }
    enum p2p_err err = head_held(fold, place, op->heads[0]);
    if (err == P2P_OK) {
        err = head_ended(fold, place, op, &ended);
    }
    if (err == P2P_OK) {
        err = void_grants(fold, ended.split, place->index);
    }
    if (err == P2P_OK) {
        err = take_rival(fold, place, op, term);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct ended_row *row = p2p_rows_add(fold->alloc, &fold->ended, sizeof(*row));
    if (!row) {
        return P2P_NOMEM;
    }
    *row = ended;
    fold->term = term;
    return P2P_OK;
}
