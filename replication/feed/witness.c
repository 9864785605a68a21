#include "witness_parts.h"

#include <p2p/assert.h>

#include <string.h>

/* ---- heads that passed by ---- */

enum p2p_err p2p_witnessing_mark(struct p2p_witnessing *witnessing, uint64_t before,
                                 const struct p2p_tree_head *head, uint64_t mono_ms)
{
    struct p2p_marked_head passed = {.head = *head};
    if (witnessing->marked == NULL) {
        witnessing->marked =
            p2p_alloc_zeroed(witnessing->alloc, P2P_MARKED_HEADS, sizeof(*witnessing->marked));
    }
    if (witnessing->marked == NULL) {
        return P2P_NOMEM;
    }
    struct p2p_marked_head *marked = &witnessing->marked[witnessing->marked_at];
    for (uint64_t changed = before ^ head->size; changed > 1; changed >>= 1) {
        passed.level++;
    }
    if (mono_ms - witnessing->marked_mono_ms >= P2P_MARK_EVERY_MS) {
        witnessing->marked_at = (witnessing->marked_at + 1) % P2P_MARKED_HEADS;
        witnessing->marked_mono_ms = mono_ms;
        witnessing->marked[witnessing->marked_at] = passed;
    } else if (passed.level >= marked->level) {
        *marked = passed;
    }
    return P2P_OK;
}

const struct p2p_tree_head *p2p_witnessing_choose(const struct p2p_witnessing *witnessing,
                                                  const struct p2p_feed *feed)
{
    const struct p2p_marked_head *best = NULL;
    for (unsigned i = 0; witnessing->marked != NULL && i < P2P_MARKED_HEADS; i++) {
        const struct p2p_marked_head *marked = &witnessing->marked[i];
        bool open = marked->head.size > witnessing->cosigned_size &&
                    marked->head.size <= feed->head.size;
        if (open && (best == NULL || marked->level > best->level ||
                     (marked->level == best->level && marked->head.size > best->head.size))) {
            best = marked;
        }
    }
    return best == NULL ? &feed->head : &best->head;
}

/* The feed's own signature over a head, if it passed by lately; NULL. */
static const struct p2p_signature *find_log(const struct p2p_witnessing *witnessing,
                                            const struct p2p_feed *feed, uint64_t size,
                                            const struct p2p_hash *root)
{
    const struct p2p_tree_head *found = NULL;
    if (feed->head.size == size && p2p_hash_equal(&feed->head.root, root)) {
        found = &feed->head;
    }
    for (unsigned i = 0; witnessing->marked != NULL && i < P2P_MARKED_HEADS; i++) {
        const struct p2p_tree_head *head = &witnessing->marked[i].head;
        if (head->size == size && p2p_hash_equal(&head->root, root)) {
            found = head;
        }
    }
    return found == NULL ? NULL : &found->signature;
}

/* ---- what came ---- */

static bool same(const struct p2p_candidate *candidate, uint64_t size,
                 const struct p2p_hash *root)
{
    return candidate->size == size && p2p_hash_equal(&candidate->root, root);
}

static struct p2p_candidate *find_candidate(const struct p2p_witnessing *witnessing,
                                            uint64_t size, const struct p2p_hash *root)
{
    for (unsigned i = 0; i < witnessing->candidate_count; i++) {
        if (same(&witnessing->candidates[i], size, root)) {
            return &witnessing->candidates[i];
        }
    }
    return NULL;
}

static bool has_witness(const struct p2p_candidate *candidate, uint32_t witness)
{
    for (uint32_t i = 0; i < candidate->count; i++) {
        if (candidate->cosigners[i].witness == witness) {
            return true;
        }
    }
    return false;
}

bool p2p_candidate_quorum(const struct p2p_candidate *candidate,
                          const struct p2p_charter *charter, uint32_t feed)
{
    uint32_t witnesses[P2P_COSIGNERS_MAX];
    for (uint32_t i = 0; i < candidate->count; i++) {
        witnesses[i] = candidate->cosigners[i].witness;
    }
    return p2p_charter_quorum(charter, feed, witnesses, candidate->count);
}

void p2p_witnessing_drop(struct p2p_witnessing *witnessing, uint8_t count)
{
    while (witnessing->candidate_count > count) {
        witnessing->candidate_count--;
        p2p_alloc_free(witnessing->alloc,
                       witnessing->candidates[witnessing->candidate_count].cosigners);
    }
    if (count == 0) {
        p2p_alloc_free(witnessing->alloc, witnessing->candidates);
        witnessing->candidates = NULL;
    }
}

uint64_t p2p_witnessing_newest(const struct p2p_witnessing *witnessing)
{
    return witnessing->candidate_count == 0 ? 0 : witnessing->candidates[0].size;
}

/* It takes the witness's place among those that wait: its own, that of one that nobody has a
 * right to any more, or one more. */
static enum p2p_err wait_ahead(struct p2p_witnessing *witnessing,
                               const struct p2p_feed_info *info,
                               const struct p2p_cosigned_ahead *cosigned)
{
    struct p2p_cosigned_ahead *room = NULL;
    for (unsigned i = 0; i < witnessing->ahead_count; i++) {
        struct p2p_cosigned_ahead *ahead = &witnessing->ahead[i];
        if (ahead->witness == cosigned->witness) {
            room = ahead;
            break;
        }
        if (room == NULL && (ahead->witness == 0 || !p2p_feed_cosigner(info, ahead->witness))) {
            room = ahead;
        }
    }
    if (room == NULL) {
        p2p_assert(witnessing->ahead_count < P2P_COSIGNERS_MAX);
        struct p2p_cosigned_ahead *grown = p2p_alloc_resize(
            witnessing->alloc, witnessing->ahead, witnessing->ahead_count + 1u, sizeof(*grown));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        witnessing->ahead = grown;
        room = &grown[witnessing->ahead_count++];
    }
    *room = *cosigned;
    return P2P_OK;
}

/* What gave way to another checkpoint does not come back: else nodes that keep different ones
 * would pass it on to each other without end. */
static uint64_t gone_of(const struct p2p_witnessing *witnessing, uint32_t witness)
{
    for (unsigned i = 0; i < witnessing->holding_count; i++) {
        if (witnessing->holdings[i].witness == witness) {
            return witnessing->holdings[i].gone;
        }
    }
    return 0;
}

static void note_gone(struct p2p_witnessing *witnessing, const struct p2p_candidate *candidate)
{
    for (unsigned i = 0; i < witnessing->holding_count; i++) {
        struct p2p_holding *holding = &witnessing->holdings[i];
        if (holding->gone < candidate->size && has_witness(candidate, holding->witness)) {
            holding->gone = candidate->size;
        }
    }
}

bool p2p_witnessing_wants(const struct p2p_witnessing *witnessing,
                          const struct p2p_feed_info *info, uint32_t witness, uint64_t size,
                          const struct p2p_hash *root, const struct p2p_feed *feed)
{
    if (!p2p_feed_cosigner(info, witness) || size == 0 || size < witnessing->quorum_size) {
        return false;
    }
    if (size > feed->edge.size) {
        for (unsigned i = 0; i < witnessing->ahead_count; i++) {
            if (witnessing->ahead[i].witness == witness) {
                return size > witnessing->ahead[i].size;
            }
        }
        return true;
    }
    const struct p2p_candidate *candidate = find_candidate(witnessing, size, root);
    if (candidate != NULL) {
        return !has_witness(candidate, witness);
    }
    return (witnessing->candidate_count < P2P_CANDIDATES_MAX ||
            size > witnessing->candidates[P2P_CANDIDATES_MAX - 1].size) &&
           size > gone_of(witnessing, witness);
}

/* In the place behind the others, or in that of who cosigns no longer. */
static enum p2p_err add_cosigner(const struct p2p_witnessing *witnessing,
                                 struct p2p_candidate *candidate,
                                 const struct p2p_feed_info *info,
                                 const struct p2p_cosigner *cosigner)
{
    uint32_t at = 0;
    if (candidate->count < P2P_COSIGNERS_MAX) {
        struct p2p_cosigner *grown = p2p_alloc_resize(witnessing->alloc, candidate->cosigners,
                                                      candidate->count + 1u, sizeof(*grown));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        candidate->cosigners = grown;
        at = candidate->count++;
    } else {
        while (p2p_feed_cosigner(info, candidate->cosigners[at].witness)) {
            at++;
            p2p_assert(at < candidate->count);
        }
    }
    candidate->cosigners[at] = *cosigner;
    return P2P_OK;
}

/* In the place of the witness, of one that is not asked for any more, or one more. */
static enum p2p_err note_holding(struct p2p_witnessing *witnessing,
                                 const struct p2p_feed_info *info, uint32_t witness,
                                 uint64_t size)
{
    struct p2p_holding *room = NULL;
    for (unsigned i = 0; i < witnessing->holding_count; i++) {
        struct p2p_holding *holding = &witnessing->holdings[i];
        if (holding->witness == witness) {
            room = holding;
            break;
        }
        if (room == NULL && !p2p_feed_cosigner(info, holding->witness)) {
            room = holding;
        }
    }
    if (room == NULL) {
        p2p_assert(witnessing->holding_count < P2P_COSIGNERS_MAX);
        struct p2p_holding *grown =
            p2p_alloc_resize(witnessing->alloc, witnessing->holdings,
                             witnessing->holding_count + 1u, sizeof(*grown));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        witnessing->holdings = grown;
        room = &grown[witnessing->holding_count++];
        *room = (struct p2p_holding){0};
    }
    if (room->witness != witness || room->size < size) {
        uint64_t gone = room->witness == witness ? room->gone : 0;
        *room =
            (struct p2p_holding){.witness = witness, .size = size, .grew = true, .gone = gone};
        witnessing->holdings_grew = true;
    }
    return P2P_OK;
}

void p2p_witnessing_cut(struct p2p_witnessing *witnessing, uint64_t size)
{
    for (unsigned i = 0; i < witnessing->holding_count; i++) {
        struct p2p_holding *holding = &witnessing->holdings[i];
        holding->size = holding->size < size ? holding->size : size;
        holding->gone = holding->gone < size ? holding->gone : size;
    }
}

/* Whether a gives way before b: what is below the quorum, then what fewer have cosigned, then
 * what is smaller. */
static bool gives_way(const struct p2p_witnessing *witnessing, const struct p2p_candidate *a,
                      const struct p2p_candidate *b)
{
    bool a_old = a->size < witnessing->quorum_size;
    bool b_old = b->size < witnessing->quorum_size;
    if (a_old != b_old) {
        return a_old;
    }
    return a->count != b->count ? a->count < b->count : a->size < b->size;
}

/* The one that gives way to another of this size. The largest one stays, which is where all
 * witnesses arrive in the end, and so does the quorum. */
static unsigned give_way(const struct p2p_witnessing *witnessing, uint64_t size)
{
    const struct p2p_candidate *candidates = witnessing->candidates;
    unsigned at = P2P_CANDIDATES_MAX;
    for (unsigned i = candidates[0].size > size; i < P2P_CANDIDATES_MAX; i++) {
        bool quorum = candidates[i].size == witnessing->quorum_size;
        if (!quorum && (at == P2P_CANDIDATES_MAX ||
                        gives_way(witnessing, &candidates[i], &candidates[at]))) {
            at = i;
        }
    }
    return at;
}

/* Room for one more checkpoint, in order of size. */
static enum p2p_err make_candidate(struct p2p_witnessing *witnessing, uint64_t size,
                                   const struct p2p_hash *root, struct p2p_candidate **out)
{
    struct p2p_candidate *candidates = witnessing->candidates;
    unsigned at = witnessing->candidate_count;
    if (at < P2P_CANDIDATES_MAX) {
        candidates =
            p2p_alloc_resize(witnessing->alloc, candidates, at + 1u, sizeof(*candidates));
        if (candidates == NULL) {
            return P2P_NOMEM;
        }
        witnessing->candidates = candidates;
        witnessing->candidate_count++;
    } else {
        at = give_way(witnessing, size);
        note_gone(witnessing, &candidates[at]);
        p2p_alloc_free(witnessing->alloc, candidates[at].cosigners);
        for (; at + 1u < P2P_CANDIDATES_MAX; at++) {
            candidates[at] = candidates[at + 1];
        }
    }
    for (; at > 0 && candidates[at - 1].size < size; at--) {
        candidates[at] = candidates[at - 1];
    }
    candidates[at] = (struct p2p_candidate){.size = size, .root = *root};
    *out = &candidates[at];
    return P2P_OK;
}

enum p2p_err p2p_witnessing_add(struct p2p_witnessing *witnessing,
                                const struct p2p_feed_info *info, uint32_t witness,
                                uint64_t size, const struct p2p_hash *root,
                                const struct p2p_cosignature *cosignature,
                                const struct p2p_feed *feed)
{
    p2p_assert(p2p_witnessing_wants(witnessing, info, witness, size, root, feed));
    if (size > feed->edge.size) {
        return wait_ahead(
            witnessing, info,
            &(struct p2p_cosigned_ahead){
                .witness = witness, .size = size, .root = *root, .cosignature = *cosignature});
    }
    enum p2p_err err = note_holding(witnessing, info, witness, size);
    struct p2p_candidate *candidate = find_candidate(witnessing, size, root);
    if (err == P2P_OK && candidate == NULL) {
        err = make_candidate(witnessing, size, root, &candidate);
    }
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_signature *log = find_log(witnessing, feed, size, root);
    if (log != NULL) {
        candidate->log = *log;
        candidate->has_log = true;
    }
    return add_cosigner(witnessing, candidate, info,
                        &(struct p2p_cosigner){witness, *cosignature});
}

/* What waited for records: taken when it fits them, forgotten when it does not. */
static enum p2p_err take_ahead(struct p2p_witnessing *witnessing,
                               const struct p2p_feed_info *info, const struct p2p_feed *feed,
                               const struct p2p_kv *kv)
{
    enum p2p_err err = P2P_OK;
    bool waiting = false;
    for (unsigned i = witnessing->ahead_count; i-- > 0 && err == P2P_OK;) {
        const struct p2p_cosigned_ahead ahead = witnessing->ahead[i];
        struct p2p_hash root;
        if (ahead.witness == 0 || ahead.size > feed->edge.size) {
            waiting = waiting || ahead.witness != 0;
            continue;
        }
        witnessing->ahead[i] = (struct p2p_cosigned_ahead){0};
        err = p2p_feed_root_at(feed, kv, ahead.size, &root);
        if (err == P2P_OK && p2p_hash_equal(&root, &ahead.root) &&
            p2p_witnessing_wants(witnessing, info, ahead.witness, ahead.size, &root, feed)) {
            err = p2p_witnessing_add(witnessing, info, ahead.witness, ahead.size, &root,
                                     &ahead.cosignature, feed);
        }
    }
    if (err == P2P_OK && !waiting) {
        p2p_alloc_free(witnessing->alloc, witnessing->ahead);
        witnessing->ahead = NULL;
        witnessing->ahead_count = 0;
    }
    return err;
}

/* Nobody asks any more for what is below the quorum. */
static void drop_old(struct p2p_witnessing *witnessing)
{
    uint8_t count = witnessing->candidate_count;
    while (count > 0 && witnessing->candidates[count - 1].size < witnessing->quorum_size) {
        count--;
    }
    p2p_witnessing_drop(witnessing, count);
}

enum p2p_err p2p_witnessing_settle(struct p2p_witnessing *witnessing,
                                   const struct p2p_charter *charter,
                                   const struct p2p_feed *feed, const struct p2p_kv *kv,
                                   bool *found)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed->number);
    *found = false;
    if (info == NULL) {
        return P2P_OK; /* named by a branch of the charter that does not stand */
    }
    enum p2p_err err = take_ahead(witnessing, info, feed, kv);
    for (unsigned i = 0; i < witnessing->candidate_count && err == P2P_OK && !*found; i++) {
        const struct p2p_candidate *candidate = &witnessing->candidates[i];
        /* A forked feed may have been cut since they came: only what is held is told of. */
        if (candidate->size > witnessing->quorum_size && candidate->size <= feed->edge.size &&
            p2p_candidate_quorum(candidate, charter, feed->number)) {
            witnessing->quorum_size = candidate->size;
            witnessing->quorum_root = candidate->root;
            witnessing->quorum_dirty = true;
            *found = true;
        }
    }
    drop_old(witnessing);
    return err;
}

void p2p_witnessing_rest(struct p2p_witnessing *witnessing)
{
    p2p_alloc_free(witnessing->alloc, witnessing->marked);
    witnessing->marked = NULL;
}

/* ---- quorums ---- */

/* The feed's signature over exactly this size, if that is of a kept head. */
static enum p2p_err kept_signature(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                   uint64_t size, struct p2p_signature *out)
{
    struct p2p_tree_head head;
    enum p2p_err err = p2p_feed_head_from(feed, kv, size, &head);
    if (err == P2P_OK && head.size != size) {
        err = P2P_NOTFOUND;
    }
    if (err == P2P_OK) {
        *out = head.signature;
    }
    return err;
}

enum p2p_err p2p_witnessing_log(const struct p2p_witnessing *witnessing,
                                const struct p2p_feed *feed, const struct p2p_kv *kv,
                                uint64_t size, const struct p2p_hash *root,
                                struct p2p_signature *out)
{
    const struct p2p_signature *found = find_log(witnessing, feed, size, root);
    if (found != NULL) {
        *out = *found;
        return P2P_OK;
    }
    return kept_signature(feed, kv, size, out);
}

enum p2p_err p2p_witnessing_quorum(const struct p2p_witnessing *witnessing,
                                   const struct p2p_feed *feed, const struct p2p_kv *kv,
                                   struct p2p_cosigned *out)
{
    const struct p2p_candidate *candidate =
        find_candidate(witnessing, witnessing->quorum_size, &witnessing->quorum_root);
    if (candidate == NULL) {
        return P2P_NOTFOUND;
    }
    struct p2p_cosigned quorum = {.size = candidate->size,
                                  .root = candidate->root,
                                  .log = candidate->log,
                                  .has_log = true,
                                  .count = candidate->count};
    for (uint32_t i = 0; i < candidate->count; i++) {
        quorum.witnesses[i] = candidate->cosigners[i].witness;
        quorum.cosignatures[i] = candidate->cosigners[i].cosignature;
    }
    enum p2p_err err =
        candidate->has_log ? P2P_OK : kept_signature(feed, kv, candidate->size, &quorum.log);
    if (err == P2P_OK) {
        *out = quorum;
    }
    return err;
}

enum p2p_err p2p_witnessing_store(struct p2p_witnessing *witnessing, const struct p2p_kv *kv,
                                  const struct p2p_feed *feed)
{
    struct p2p_cosigned quorum;
    if (!witnessing->quorum_dirty) {
        return P2P_OK;
    }
    witnessing->quorum_dirty = false;
    enum p2p_err err = p2p_witnessing_quorum(witnessing, feed, kv, &quorum);
    if (err != P2P_OK) { /* overtaken: a later quorum is stored */
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return p2p_quorum_store(&quorum, kv, feed->number);
}
