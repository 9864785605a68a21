/* Where an entry belongs, and taking it.
 *
 * The note's root tells which branch an entry is on: it is the root of the entries below and
 * this leaf. On each branch it is then one of three things:
 *
 *     known        that leaf stands there already                 -> nothing changes
 *     extends      index is that branch's size                    -> the branch grows
 *     contradicts  another leaf stands there                      -> two heads, if its roots
 * signed it
 *
 *     one head  --contradicts the held branch-->  two heads: the fold goes back to the split
 *     two heads --extends either-->               two heads: the fold stays at the split
 *     two heads --settle extends either-->        one head: that branch, with its fold
 *     two heads --contradicts below the split-->  two heads: that one is the rival now
 *
 * Whatever comes of it, the entry is first applied to a fold of the entries below it and its
 * signatures are verified, by entry_verify alone. */
#include "charter_state.h"

#include <p2p/assert.h>

#include <string.h>

enum p2p_err p2p_charter_new(struct p2p_charter **out, const struct p2p_alloc *alloc,
                             const struct p2p_hash *federation_id)
{
    struct p2p_charter *charter = p2p_alloc_zeroed(alloc, 1, sizeof(*charter));
    if (!charter) {
        return P2P_NOMEM;
    }
    charter->alloc = alloc;
    if (federation_id) {
        charter->pinned = true;
        charter->federation_id = *federation_id;
    }
    p2p_edge_init(&charter->held.edge);
    p2p_fold_init(&charter->fold, alloc);
    *out = charter;
    return P2P_OK;
}

void p2p_charter_free(struct p2p_charter *charter)
{
    if (!charter) {
        return;
    }
    p2p_branch_deinit(&charter->held, charter->alloc);
    p2p_branch_deinit(&charter->rival, charter->alloc);
    p2p_fold_deinit(&charter->fold);
    p2p_alloc_free(charter->alloc, charter);
}

enum p2p_err p2p_charter_clone(struct p2p_charter **out, const struct p2p_charter *charter)
{
    struct p2p_charter *copy = p2p_alloc_zeroed(charter->alloc, 1, sizeof(*copy));
    if (!copy) {
        return P2P_NOMEM;
    }
    copy->alloc = charter->alloc;
    copy->pinned = charter->pinned;
    copy->federation_id = charter->federation_id;
    enum p2p_err err = p2p_branch_clone(&copy->held, &charter->held, copy->alloc);
    if (err == P2P_OK) {
        err = p2p_branch_clone(&copy->rival, &charter->rival, copy->alloc);
    }
    if (err == P2P_OK) {
        err = p2p_fold_clone(&copy->fold, &charter->fold);
    }
    if (err != P2P_OK) {
        p2p_charter_free(copy);
        return err;
    }
    *out = copy;
    return P2P_OK;
}

/* --- one entry that came in -------------------------------------------------------------- */

struct arrival {
    struct p2p_charter *charter;
    const struct p2p_sigs *sigs;
    uint64_t index;
    struct p2p_slice leaf;
    struct p2p_slice note_bytes;
    char *reason;
    struct p2p_hash hash; /* of the leaf */
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    struct p2p_arena arena;
    struct p2p_version version; /* in arena */
};

enum relation { ELSEWHERE, KNOWN, EXTENDS, CONTRADICTS };

static bool leads_to(const struct p2p_edge *below, const struct p2p_hash *leaf,
                     const struct p2p_hash *root)
{
    struct p2p_edge edge = *below;
    p2p_edge_append(&edge, leaf, NULL);
    struct p2p_hash here = p2p_edge_root(&edge);
    return p2p_hash_equal(&here, root);
}

/* branch starts at entry 0. */
static enum relation relate(const struct arrival *in, const struct charter_branch *branch)
{
    struct p2p_edge edge;
    if (in->index > branch->count) {
        return ELSEWHERE;
    }
    p2p_branch_edge_at(branch, in->index, &edge);
    if (!leads_to(&edge, &in->hash, &in->checkpoint.root)) {
        return ELSEWHERE;
    }
    if (in->index == branch->count) {
        return EXTENDS;
    }
    if (p2p_hash_equal(&branch->entries[in->index]->hash, &in->hash)) {
        return KNOWN;
    }
    return in->index > 0 ? CONTRADICTS : ELSEWHERE; /* another entry 0 is another federation */
}

/* An entry of a branch that a settle ended, or the next one on it. */
static bool belongs_to_ended(const struct arrival *in)
{
    const struct ended_row *rows = in->charter->fold.ended.at;
    for (size_t i = 0; i < in->charter->fold.ended.count; i++) {
        const struct ended_row *row = &rows[i];
        if (in->index < row->split || in->index > row->split + row->count) {
            continue;
        }
        struct p2p_edge edge;
        p2p_branch_edge_at(&in->charter->held, row->split, &edge);
        for (uint64_t at = 0; at < in->index - row->split; at++) {
            p2p_edge_append(&edge, &row->hashes[at], NULL);
        }
        bool told = in->index == row->split + row->count ||
                    p2p_hash_equal(&row->hashes[in->index - row->split], &in->hash);
        if (told && leads_to(&edge, &in->hash, &in->checkpoint.root)) {
            return true;
        }
    }
    return false;
}

static struct p2p_slice log_key_name(const struct charter_fold *fold)
{
    return p2p_slice_text(p2p_fold_feed(fold, P2P_CHARTER_FEED)->origin);
}

/* Who must have signed the entry that led to this fold. */
static struct charter_signers signers_of(const struct charter_fold *fold, uint64_t index)
{
    const struct ended_row *ended = fold->ended.at;
    const struct root_set *before = p2p_fold_roots_at(fold, index);
    const struct root_set *after = p2p_fold_roots_at(fold, index + 1);
    struct charter_signers signers = {.by = before, .need = before->threshold};
    if (fold->ended.count > 0 && ended[fold->ended.count - 1].entry == index) {
        signers.by = p2p_fold_roots_at(fold, ended[fold->ended.count - 1].split);
        signers.need = p2p_settle_need(signers.by);
        signers.also = signers.by != before ? before : NULL;
    } else if (after != before) {
        signers.also = after;
    }
    return signers;
}

/* fold [in, out]: what the branch's entries below in->index amount to; then with this one. */
static enum p2p_err entry_verify(struct arrival *in, const struct charter_branch *branch,
                                 struct charter_fold *fold)
{
    struct fold_place place = {
        .sigs = in->sigs, .held = branch, .index = in->index, .reason = in->reason};
    enum p2p_err err = p2p_fold_apply(fold, &place, &in->version);
    if (err != P2P_OK) {
        return err;
    }
    struct charter_signers signers = signers_of(fold, in->index);
    return p2p_charter_note_verify(&in->note, fold, in->sigs, &signers, in->reason);
}

/* A fold of branch[0..index). The charter's own fold is a prefix of both branches. */
static enum p2p_err fold_at(const struct p2p_charter *charter,
                            const struct charter_branch *branch, uint64_t index,
                            struct charter_fold *out)
{
    enum p2p_err err = P2P_OK;
    if (index >= charter->fold.size) {
        err = p2p_fold_clone(out, &charter->fold);
    } else {
        p2p_fold_init(out, charter->alloc);
    }
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_fold_replay(out, branch, index);
    if (err != P2P_OK) {
        p2p_fold_deinit(out);
    }
    return err;
}

static void fold_replace(struct p2p_charter *charter, struct charter_fold *fold)
{
    p2p_fold_deinit(&charter->fold);
    charter->fold = *fold;
    *fold = (struct charter_fold){0};
}

/* The rival branch from entry 0 on; release with p2p_branch_deinit. */
static enum p2p_err rival_whole(const struct p2p_charter *charter, struct charter_branch *out)
{
    struct charter_branch below = charter->held;
    struct charter_branch whole = {0};
    below.count = charter->rival.first;
    enum p2p_err err = p2p_branch_clone(&whole, &below, charter->alloc);
    for (size_t i = 0; err == P2P_OK && i < charter->rival.count; i++) {
        const struct charter_entry *entry = charter->rival.entries[i];
        err = p2p_branch_push(&whole, charter->alloc, p2p_entry_leaf(entry),
                              p2p_entry_note(entry));
    }
    if (err != P2P_OK) {
        p2p_branch_deinit(&whole, charter->alloc);
        return err;
    }
    whole.edge = charter->rival.edge;
    *out = whole;
    return P2P_OK;
}

/* --- taking it --------------------------------------------------------------------------- */

static enum p2p_err known(struct arrival *in, const struct charter_branch *branch)
{
    struct charter_fold fold = {0};
    enum p2p_err err = fold_at(in->charter, branch, in->index, &fold);
    if (err == P2P_OK) {
        err = entry_verify(in, branch, &fold);
    }
    p2p_fold_deinit(&fold);
    return err;
}

/* The settle stands on `branch`: that is the held branch from now on. */
static enum p2p_err settle(struct arrival *in, const struct charter_branch *branch,
                           struct charter_fold *fold)
{
    struct p2p_charter *charter = in->charter;
    struct charter_branch held;
    enum p2p_err err = p2p_branch_clone(&held, branch, charter->alloc);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_branch_push(&held, charter->alloc, in->leaf, in->note_bytes);
    if (err != P2P_OK) {
        p2p_branch_deinit(&held, charter->alloc);
        return err;
    }
    p2p_branch_deinit(&charter->held, charter->alloc);
    p2p_branch_deinit(&charter->rival, charter->alloc);
    charter->held = held;
    fold_replace(charter, fold);
    return P2P_OK;
}

static enum p2p_err extend(struct arrival *in, const struct charter_branch *branch)
{
    struct p2p_charter *charter = in->charter;
    struct charter_fold fold = {0};
    bool two_heads = charter->rival.count > 0, on_held = branch == &charter->held;
    enum p2p_err err = fold_at(charter, branch, in->index, &fold);
    if (err == P2P_OK) {
        err = entry_verify(in, branch, &fold);
    }
    if (err == P2P_OK && two_heads && in->version.ops[0].type == P2P_OP_SETTLE) {
        err = settle(in, branch, &fold);
    } else if (err == P2P_OK) {
        err = p2p_branch_push(on_held ? &charter->held : &charter->rival, charter->alloc,
                              in->leaf, in->note_bytes);
        if (err == P2P_OK && !two_heads) {
            fold_replace(charter, &fold);
        } else if (err == P2P_OK && !on_held) {
            err = P2P_FORKED;
        }
    }
    p2p_fold_deinit(&fold);
    return err;
}

static enum p2p_err contradict(struct arrival *in, const struct charter_branch *branch)
{
    struct p2p_charter *charter = in->charter;
    struct charter_fold below = {0}, fold = {0};
    struct charter_branch rival = {.first = in->index};
    bool keep = branch == &charter->held &&
                (charter->rival.count == 0 || in->index < charter->rival.first);
    enum p2p_err err = fold_at(charter, branch, in->index, &below);
    if (err == P2P_OK) {
        err = p2p_fold_clone(&fold, &below);
    }
    if (err == P2P_OK) {
        err = entry_verify(in, branch, &fold);
    }
    if (err == P2P_OK && keep) {
        p2p_branch_edge_at(&charter->held, in->index, &rival.edge);
        err = p2p_branch_push(&rival, charter->alloc, in->leaf, in->note_bytes);
    }
    if (err == P2P_OK && keep) {
        p2p_branch_deinit(&charter->rival, charter->alloc);
        charter->rival = rival;
        rival = (struct charter_branch){0};
        fold_replace(charter, &below);
    }
    p2p_branch_deinit(&rival, charter->alloc);
    p2p_fold_deinit(&below);
    p2p_fold_deinit(&fold);
    if (err != P2P_OK) {
        return err;
    }
    p2p_reason(in->reason, "two heads: another entry %llu was cosigned by the roots",
               (unsigned long long)in->index);
    return P2P_FORKED;
}

/* Before anything is replayed for an entry of the past: did the log sign it at all? */
static enum p2p_err log_signed(const struct arrival *in)
{
    struct p2p_vkey key;
    const struct charter_fold *fold = &in->charter->fold;
    p2p_vkey_init(&key, log_key_name(fold), P2P_NOTE_ED25519, fold->log_key.bytes);
    enum p2p_err err = p2p_note_verify(&in->note, in->sigs, &key, 1, NULL, NULL);
    if (err != P2P_OK) {
        p2p_reason(in->reason, "the checkpoint is not signed by the charter's log key");
    }
    return err;
}

static enum p2p_err place_entry(struct arrival *in, const struct charter_branch *rival)
{
    const struct charter_branch *held = &in->charter->held;
    enum relation on_held = relate(in, held);
    enum relation on_rival = rival ? relate(in, rival) : ELSEWHERE;
    if (on_held == KNOWN) {
        return known(in, held);
    }
    if (on_rival == KNOWN) {
        enum p2p_err err = known(in, rival);
        return err == P2P_OK ? P2P_FORKED : err;
    }
    if (on_held == EXTENDS) {
        return extend(in, held);
    }
    if (on_rival == EXTENDS) {
        return extend(in, rival);
    }
    if (belongs_to_ended(in)) {
        p2p_reason(in->reason, "the entry belongs to a branch that was settled");
        return P2P_REFUSED;
    }
    if (on_held == CONTRADICTS) {
        return contradict(in, held);
    }
    if (on_rival == CONTRADICTS) {
        return contradict(in, rival);
    }
    p2p_reason(in->reason,
               "the checkpoint's root is not that of the entries held and this one");
    return P2P_MISMATCH;
}

static enum p2p_err take(struct arrival *in)
{
    struct p2p_charter *charter = in->charter;
    struct charter_branch rival = {0};
    bool two_heads = charter->rival.count > 0;
    uint64_t end = two_heads ? charter->rival.first + charter->rival.count : 0;
    if (in->index > charter->held.count && in->index > end) {
        p2p_reason(in->reason, "the charter is held up to entry %llu",
                   (unsigned long long)charter->held.count);
        return P2P_GAP;
    }
    enum p2p_err err = p2p_charter_note_parse(&in->note, &in->checkpoint, &charter->fold,
                                              in->note_bytes, in->reason);
    if (err == P2P_OK && in->checkpoint.size != in->index + 1) {
        p2p_reason(in->reason, "the checkpoint of entry %llu is of another size",
                   (unsigned long long)in->index);
        err = P2P_MISMATCH;
    }
    if (err == P2P_OK && (two_heads || in->index < charter->held.count)) {
        err = log_signed(in);
    }
    if (err == P2P_OK && two_heads) {
        err = rival_whole(charter, &rival);
    }
    if (err == P2P_OK) {
        err = place_entry(in, two_heads ? &rival : NULL);
    }
    p2p_branch_deinit(&rival, charter->alloc);
    return err;
}

/* Entry 0 says itself who its roots are: applied first, then held against its own word. */
static enum p2p_err take_first(struct arrival *in)
{
    struct p2p_charter *charter = in->charter;
    struct p2p_hash id = p2p_sha256(in->leaf);
    if (in->index != 0) {
        p2p_reason(in->reason, "the charter begins with entry 0");
        return P2P_GAP;
    }
    if (charter->pinned && !p2p_hash_equal(&id, &charter->federation_id)) {
        p2p_reason(in->reason, "entry 0 founds another federation than the one expected");
        return P2P_MISMATCH;
    }
    struct charter_fold fold = {0};
    struct fold_place place = {.sigs = in->sigs, .held = &charter->held, .reason = in->reason};
    p2p_fold_init(&fold, charter->alloc);
    fold.federation_id = id;
    enum p2p_err err = p2p_fold_apply(&fold, &place, &in->version);
    if (err == P2P_OK) {
        err = p2p_charter_note_parse(&in->note, &in->checkpoint, &fold, in->note_bytes,
                                     in->reason);
    }
    if (err == P2P_OK && (in->checkpoint.size != 1 || relate(in, &charter->held) != EXTENDS)) {
        p2p_reason(in->reason, "the checkpoint is not of entry 0");
        err = P2P_MISMATCH;
    }
    if (err == P2P_OK) {
        struct charter_signers signers = signers_of(&fold, 0);
        err = p2p_charter_note_verify(&in->note, &fold, in->sigs, &signers, in->reason);
    }
    if (err == P2P_OK) {
        err = p2p_branch_push(&charter->held, charter->alloc, in->leaf, in->note_bytes);
    }
    if (err == P2P_OK) {
        fold_replace(charter, &fold);
    }
    p2p_fold_deinit(&fold);
    return err;
}

static bool held_exactly(const struct arrival *in)
{
    const struct charter_branch *held = &in->charter->held;
    return in->index < held->count &&
           p2p_slice_equal(p2p_entry_leaf(held->entries[in->index]), in->leaf) &&
           p2p_slice_equal(p2p_entry_note(held->entries[in->index]), in->note_bytes);
}

enum p2p_err p2p_charter_apply(struct p2p_charter *charter, const struct p2p_sigs *sigs,
                               uint64_t index, struct p2p_slice leaf, struct p2p_slice note,
                               char reason[P2P_REASON_BYTES])
{
    struct arrival in = {.charter = charter,
                         .sigs = sigs,
                         .index = index,
                         .leaf = leaf,
                         .note_bytes = note,
                         .reason = reason};
    p2p_reason(reason, "%s", "");
    if (leaf.len > P2P_RECORD_BYTES_MAX || note.len > P2P_NOTE_BYTES_MAX ||
        index >= P2P_VERSIONS_MAX) {
        p2p_reason(reason, "the entry or its checkpoint is too large");
        return P2P_TOOLARGE;
    }
    if (held_exactly(&in)) {
        return P2P_OK;
    }
    in.hash = p2p_leaf_hash(leaf);
    p2p_arena_init(&in.arena, charter->alloc, P2P_VERSION_ARENA_BYTES_MAX);
    enum p2p_err err = p2p_version_decode(&in.version, leaf, &in.arena);
    if (err != P2P_OK) {
        p2p_reason(reason, "the entry is not a charter record this program can read");
    } else {
        err = charter->held.count == 0 ? take_first(&in) : take(&in);
    }
    p2p_arena_deinit(&in.arena);
    if (reason && err != P2P_OK && reason[0] == '\0') {
        p2p_reason(reason, "%s", p2p_err_text(err));
    }
    return err;
}

enum p2p_err p2p_charter_try(const struct p2p_charter *charter, const struct p2p_sigs *sigs,
                             struct p2p_slice leaf, char reason[P2P_REASON_BYTES])
{
    struct p2p_arena arena;
    struct p2p_version version;
    struct charter_fold fold = {0};
    struct fold_place place = {
        .sigs = sigs, .held = &charter->held, .index = charter->held.count, .reason = reason};
    p2p_reason(reason, "%s", "");
    p2p_arena_init(&arena, charter->alloc, P2P_VERSION_ARENA_BYTES_MAX);
    enum p2p_err err = p2p_version_decode(&version, leaf, &arena);
    if (err != P2P_OK) {
        p2p_reason(reason, "the entry is not a charter record this program can read");
    } else {
        err = fold_at(charter, &charter->held, charter->held.count, &fold);
    }
    if (err == P2P_OK) {
        err = p2p_fold_apply(&fold, &place, &version);
    }
    p2p_fold_deinit(&fold);
    p2p_arena_deinit(&arena);
    if (reason && err != P2P_OK && reason[0] == '\0') {
        p2p_reason(reason, "%s", p2p_err_text(err));
    }
    return err;
}

/* --- what is held ------------------------------------------------------------------------ */

uint64_t p2p_charter_size(const struct p2p_charter *charter)
{
    return charter->held.count;
}

struct p2p_hash p2p_charter_root(const struct p2p_charter *charter)
{
    return p2p_edge_root(&charter->held.edge);
}

uint64_t p2p_charter_good_size(const struct p2p_charter *charter)
{
    return charter->fold.size;
}

enum p2p_err p2p_charter_root_at(const struct p2p_charter *charter, uint64_t size,
                                 struct p2p_hash *root)
{
    struct p2p_edge edge;
    if (size > charter->held.count) {
        return P2P_USAGE;
    }
    p2p_branch_edge_at(&charter->held, size, &edge);
    *root = p2p_edge_root(&edge);
    return P2P_OK;
}

struct p2p_hash p2p_charter_root_with(const struct p2p_charter *charter, struct p2p_slice leaf)
{
    struct p2p_edge edge = charter->held.edge;
    struct p2p_hash hash = p2p_leaf_hash(leaf);
    p2p_edge_append(&edge, &hash, NULL);
    return p2p_edge_root(&edge);
}

static enum p2p_err branch_entry(const struct charter_branch *branch, uint64_t index,
                                 struct p2p_slice *leaf, struct p2p_slice *note)
{
    if (index < branch->first || index - branch->first >= branch->count) {
        return P2P_NOTFOUND;
    }
    *leaf = p2p_entry_leaf(branch->entries[index - branch->first]);
    *note = p2p_entry_note(branch->entries[index - branch->first]);
    return P2P_OK;
}

enum p2p_err p2p_charter_entry(const struct p2p_charter *charter, uint64_t index,
                               struct p2p_slice *leaf, struct p2p_slice *note)
{
    return branch_entry(&charter->held, index, leaf, note);
}

enum p2p_err p2p_charter_rival_entry(const struct p2p_charter *charter, uint64_t index,
                                     struct p2p_slice *leaf, struct p2p_slice *note)
{
    return branch_entry(&charter->rival, index, leaf, note);
}

uint64_t p2p_charter_rival_size(const struct p2p_charter *charter)
{
    return charter->rival.count > 0 ? charter->rival.first + charter->rival.count : 0;
}

enum p2p_err p2p_charter_rival(const struct p2p_charter *charter, uint64_t *index,
                               struct p2p_slice *leaf, struct p2p_slice *note)
{
    enum p2p_err err = branch_entry(&charter->rival, charter->rival.first, leaf, note);
    if (err == P2P_OK) {
        *index = charter->rival.first;
    }
    return err;
}
