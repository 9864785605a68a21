/* The witnesses of a feed: who they are and were, how they change, and what a quorum of them
 * is.
 */
#include "charter_state.h"

#include <string.h>

uint32_t p2p_witness_faults(uint32_t witness_count)
{
    return witness_count == 0 ? 0 : (witness_count - 1) / 3;
}

uint32_t p2p_witness_answers(uint32_t witness_count)
{
    return witness_count == 0 ? 0
                              : witness_count - p2p_witness_quorum(witness_count) + 1 +
                                    p2p_witness_faults(witness_count);
}

uint32_t p2p_witness_quorum(uint32_t witness_count)
{
    return witness_count == 0 ? 0 : (witness_count + p2p_witness_faults(witness_count)) / 2 + 1;
}

/* ---- the sets of a feed ---- */

/* One set after the other, the present one last; they are the feed's, not the walk's. */
static bool next_set(const struct charter_fold *fold, const struct p2p_feed_info *feed,
                     struct p2p_witness_walk *walk, struct p2p_witness_set *set)
{
    const struct witness_row *rows = fold->witness_changes.at;
    uint64_t from = walk->begun ? walk->until : feed->entry;
    walk->begun = true;
    for (; walk->row < fold->witness_changes.count; walk->row++) {
        const struct witness_row *row = &rows[walk->row];
        if (row->feed == feed->number) {
            *set = (struct p2p_witness_set){row->witnesses, row->count, from, row->entry};
            walk->until = row->entry;
            walk->row++;
            return true;
        }
    }
    if (walk->ended) {
        return false;
    }
    walk->ended = true;
    *set = (struct p2p_witness_set){feed->witnesses, feed->witness_count, from, UINT64_MAX};
    return true;
}

bool p2p_charter_next_set(const struct p2p_charter *charter, uint32_t number,
                          struct p2p_witness_walk *walk, struct p2p_witness_set *set)
{
    const struct p2p_feed_info *feed = p2p_fold_feed(&charter->fold, number);
    return feed != NULL && next_set(&charter->fold, feed, walk, set);
}

static bool has(const uint32_t *witnesses, size_t count, uint32_t witness)
{
    for (size_t i = 0; i < count; i++) {
        if (witnesses[i] == witness) {
            return true;
        }
    }
    return false;
}

/* ---- their keys ---- */

static uint32_t witness_of(const struct charter_fold *fold, uint32_t number)
{
    const struct p2p_member *member = p2p_fold_member(fold, number);
    return member == NULL ? 0 : p2p_witness_number(number, member->witness_generation);
}

uint32_t p2p_charter_witness_of(const struct p2p_charter *charter, uint32_t member)
{
    return witness_of(&charter->fold, member);
}

const struct p2p_witness_public *p2p_fold_key_of(const struct charter_fold *fold,
                                                 uint32_t witness)
{
    const struct p2p_member *member = p2p_fold_member(fold, p2p_witness_member(witness));
    const struct witness_key_row *rows = fold->witness_keys.at;
    if (member == NULL || witness == witness_of(fold, member->number)) {
        return member == NULL ? NULL : &member->witness_key;
    }
    for (size_t i = 0; i < fold->witness_keys.count; i++) {
        if (rows[i].witness == witness) {
            return &rows[i].key;
        }
    }
    return NULL;
}

const struct p2p_witness_public *p2p_charter_witness_key(const struct p2p_charter *charter,
                                                         uint32_t witness)
{
    return p2p_fold_key_of(&charter->fold, witness);
}

/* A change by entry e holds from charter size e + 1; before it the set it replaced. */
uint32_t p2p_charter_witnesses_at(const struct p2p_charter *charter, uint32_t number,
                                  uint64_t charter_size, uint32_t out[P2P_WITNESSES_MAX])
{
    const struct p2p_feed_info *feed = p2p_fold_feed(&charter->fold, number);
    if (!feed || charter_size <= feed->entry) {
        return 0;
    }
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set = {0};
    while (next_set(&charter->fold, feed, &walk, &set) && set.until < charter_size) {
    }
    memcpy(out, set.witnesses, set.count * sizeof(*out));
    return set.count;
}

/* ---- quorums ---- */

int p2p_witness_place(const struct p2p_feed_info *feed, uint32_t member)
{
    for (uint32_t i = 0; i < feed->witness_count; i++) {
        if (p2p_witness_member(feed->witnesses[i]) == member) {
            return (int)i;
        }
    }
    return -1;
}

bool p2p_feed_cosigner(const struct p2p_feed_info *feed, uint32_t witness)
{
    return has(feed->witnesses, feed->witness_count, witness) ||
           has(feed->former_witnesses, feed->former_count, witness);
}

bool p2p_fold_was_witness(const struct charter_fold *fold, const struct p2p_feed_info *feed,
                          uint32_t witness)
{
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set;
    while (next_set(fold, feed, &walk, &set)) {
        if (has(set.witnesses, set.count, witness)) {
            return true;
        }
    }
    return false;
}

/* Each witness of the set counts once, however often it is among the cosigners. */
static uint32_t count_of(const struct p2p_witness_set *set, const uint32_t *cosigners,
                         size_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        found += has(cosigners, count, set->witnesses[i]);
    }
    return found;
}

bool p2p_fold_quorum(const struct charter_fold *fold, const struct p2p_feed_info *feed,
                     const uint32_t *cosigners, size_t count)
{
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set;
    bool before = true; /* nobody stands before the first set */
    while (next_set(fold, feed, &walk, &set)) {
        bool here = count_of(&set, cosigners, count) >= p2p_witness_quorum(set.count);
        if (set.count > 0 && here && before) {
            return true;
        }
        before = here;
    }
    return false;
}

bool p2p_charter_quorum(const struct p2p_charter *charter, uint32_t number,
                        const uint32_t *cosigners, size_t count)
{
    const struct p2p_feed_info *feed = p2p_fold_feed(&charter->fold, number);
    return feed != NULL && feed->member != 0 &&
           p2p_fold_quorum(&charter->fold, feed, cosigners, count);
}

bool p2p_charter_quorum_between(const struct p2p_charter *charter, uint32_t number,
                                const uint32_t *cosigners, size_t count, uint64_t from,
                                uint64_t to)
{
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set;
    bool before = true;
    while (from <= to && p2p_charter_next_set(charter, number, &walk, &set)) {
        bool here = count_of(&set, cosigners, count) >= p2p_witness_quorum(set.count);
        bool held = set.from < to && set.until >= (set.count > 0 ? from : to);
        if (here && before && held) {
            return true;
        }
        before = here;
    }
    return false;
}

/* ---- naming and changing them ---- */

/* Adds one witness to a feed, in the order the charter names them. */
static enum p2p_err witness_add(const struct charter_fold *fold, struct p2p_feed_info *feed,
                                const char *name, char *reason)
{
    uint32_t member = p2p_fold_name(fold, NAME_MEMBER, p2p_slice_text(name));
    if (member == 0) {
        p2p_reason(reason, "the witness %s is not a member", name);
        return P2P_UNKNOWN;
    }
    uint32_t witness = witness_of(fold, member);
    if (member == feed->member) {
        p2p_reason(reason, "%s cannot witness its own feed", name);
        return P2P_REFUSED;
    }
    if (has(feed->witnesses, feed->witness_count, witness)) {
        p2p_reason(reason, "the witness %s is named twice and would be counted twice", name);
        return P2P_REFUSED;
    }
    if (feed->witness_count == P2P_WITNESSES_MAX) {
        p2p_reason(reason, "%s would have more than %u witnesses", feed->origin,
                   P2P_WITNESSES_MAX);
        return P2P_REFUSED;
    }
    feed->witnesses[feed->witness_count++] = witness;
    return P2P_OK;
}

enum p2p_err p2p_fold_feed_witnesses(struct charter_fold *fold, uint32_t number,
                                     const char *const *names, uint32_t count, char *reason)
{
    struct p2p_feed_info *feed = p2p_fold_feed(fold, number);
    for (uint32_t i = 0; i < count; i++) {
        enum p2p_err err = witness_add(fold, feed, names[i], reason);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_fold_witness_key(struct charter_fold *fold, uint32_t witness,
                                  const struct p2p_witness_public *key)
{
    struct witness_key_row *row = p2p_rows_add(fold->alloc, &fold->witness_keys, sizeof(*row));
    if (!row) {
        return P2P_NOMEM;
    }
    *row = (struct witness_key_row){.witness = witness, .key = *key};
    return P2P_OK;
}

/* Whether this entry changed the witnesses of a feed, or created it. */
static bool changed_in(const struct charter_fold *fold, const struct p2p_feed_info *feed,
                       uint64_t entry)
{
    const struct witness_row *rows = fold->witness_changes.at;
    for (size_t i = fold->witness_changes.count; i > 0 && rows[i - 1].entry == entry; i--) {
        if (rows[i - 1].feed == feed->number) {
            return true;
        }
    }
    return feed->entry == entry;
}

static enum p2p_err witness_remember(struct charter_fold *fold, struct p2p_feed_info *feed,
                                     uint64_t entry)
{
    struct witness_row *row = p2p_rows_add(fold->alloc, &fold->witness_changes, sizeof(*row));
    if (!row) {
        return P2P_NOMEM;
    }
    row->feed = feed->number;
    row->entry = entry;
    row->count = feed->witness_count;
    memcpy(row->witnesses, feed->witnesses, sizeof(row->witnesses));
    feed->former_count = feed->witness_count;
    memcpy(feed->former_witnesses, feed->witnesses, sizeof(feed->former_witnesses));
    return P2P_OK;
}

static enum p2p_err witness_remove(const struct charter_fold *fold, struct p2p_feed_info *feed,
                                   const char *name, char *reason)
{
    uint32_t member = p2p_fold_name(fold, NAME_MEMBER, p2p_slice_text(name)), at = 0;
    while (at < feed->witness_count && p2p_witness_member(feed->witnesses[at]) != member) {
        at++;
    }
    if (member == 0 || at == feed->witness_count) {
        p2p_reason(reason, "%s is not a witness of %s", name, feed->origin);
        return P2P_UNKNOWN;
    }
    for (feed->witness_count--; at < feed->witness_count; at++) {
        feed->witnesses[at] = feed->witnesses[at + 1];
    }
    feed->witnesses[feed->witness_count] = 0;
    return P2P_OK;
}

/* One witness more, one less, or one for another: p2p_charter_quorum says why no more. */
enum p2p_err p2p_fold_witness(struct charter_fold *fold, const struct fold_place *place,
                              const struct p2p_op_witness *op)
{
    char *reason = place->reason;
    uint32_t number = p2p_fold_name(fold, NAME_FEED, p2p_slice_text(op->feed));
    struct p2p_feed_info *feed = number ? p2p_fold_feed(fold, number) : NULL;
    if (!feed) {
        p2p_reason(reason, "there is no feed %s", op->feed);
        return P2P_UNKNOWN;
    }
    if (feed->closed != 0) {
        p2p_reason(reason, "%s is closed: nobody witnesses it any more", op->feed);
        return P2P_REFUSED;
    }
    if (!op->add && !op->remove) {
        p2p_reason(reason, "the witness change of %s changes nothing", op->feed);
        return P2P_REFUSED;
    }
    if (changed_in(fold, feed, place->index)) {
        p2p_reason(reason, "the witnesses of %s change one per version", op->feed);
        return P2P_REFUSED;
    }
    enum p2p_err err = witness_remember(fold, feed, place->index);
    if (err == P2P_OK && op->remove) {
        err = witness_remove(fold, feed, op->remove, reason);
    }
    if (err == P2P_OK && op->add) {
        err = witness_add(fold, feed, op->add, reason);
    }
    if (err == P2P_OK && feed->witness_count == 0) {
        p2p_reason(reason, "%s would be left without witnesses", op->feed);
        return P2P_REFUSED;
    }
    return err;
}

enum p2p_err p2p_fold_witness_anew(struct charter_fold *fold, const struct fold_place *place,
                                   uint32_t before, uint32_t witness)
{
    for (size_t i = 1; i < fold->feeds.count; i++) {
        struct p2p_feed_info *feed = p2p_fold_feed(fold, (uint32_t)i);
        if (feed->closed != 0 || !has(feed->witnesses, feed->witness_count, before)) {
            continue;
        }
        if (feed->entry != place->index) { /* else nobody ever cosigned it */
            if (changed_in(fold, feed, place->index)) {
                p2p_reason(place->reason, "the witnesses of %s change one per version",
                           feed->origin);
                return P2P_REFUSED;
            }
            enum p2p_err err = witness_remember(fold, feed, place->index);
            if (err != P2P_OK) {
                return err;
            }
        }
        for (uint32_t at = 0; at < feed->witness_count; at++) {
            feed->witnesses[at] = feed->witnesses[at] == before ? witness : feed->witnesses[at];
        }
    }
    return P2P_OK;
}
