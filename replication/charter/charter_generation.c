/* The feeds of a member: the first, and the generation that follows one that is closed. */
#include "charter_state.h"

#include <p2p/assert.h>

#include <stdio.h>

enum p2p_err p2p_fold_feed_add(struct charter_fold *fold, const struct fold_feed *add,
                               uint32_t *number)
{
    char name[NAME_BYTES_MAX];
    uint32_t n = (uint32_t)fold->feeds.count;
    if (n >= P2P_FEEDS_MAX) {
        return P2P_TOOLARGE;
    }
    struct p2p_feed_info *feed = p2p_rows_add(fold->alloc, &fold->feeds, sizeof(*feed));
    if (!feed) {
        return P2P_NOMEM;
    }
    feed->number = n;
    feed->member = add->member;
    feed->generation = add->generation;
    feed->key = *add->key;
    feed->entry = (uint32_t)add->entry;
    snprintf(name, sizeof(name), "%s/%u", add->name, (unsigned)add->generation);
    snprintf(feed->origin, sizeof(feed->origin), "%s/%s", fold->federation, name);
    *number = n;
    return p2p_fold_name_add(fold, NAME_FEED, p2p_slice_text(name), n);
}

static enum p2p_err keys_add(struct charter_fold *fold, const struct p2p_op_generation *op,
                             char *reason)
{
    enum p2p_err err =
        p2p_fold_key_add(fold, op->feed_key.bytes, P2P_KEY_FEED,
                         p2p_feed_public_check(&op->feed_key), op->member, reason);
    return err != P2P_OK ? err
                         : p2p_fold_key_add(fold, op->witness_key.bytes, P2P_KEY_WITNESS,
                                            p2p_witness_public_check(&op->witness_key),
                                            op->member, reason);
}

/* The feed that ends with this entry; NULL when there is none that may. */
static struct p2p_feed_info *newest_feed(const struct charter_fold *fold,
                                         const struct fold_place *place,
                                         const struct p2p_member *member)
{
    struct p2p_feed_info *feed = p2p_fold_feed(fold, member->feed);
    p2p_assert(feed->closed == 0);
    if (feed->entry == place->index) {
        p2p_reason(place->reason, "%s begins with this entry already", feed->origin);
        return NULL;
    }
    return feed;
}

enum p2p_err p2p_fold_generation(struct charter_fold *fold, const struct fold_place *place,
                                 const struct p2p_op_generation *op)
{
    uint32_t number = p2p_fold_name(fold, NAME_MEMBER, p2p_slice_text(op->member));
    struct p2p_member *member = p2p_fold_member(fold, number);
    uint32_t next = 0;
    if (!member) {
        p2p_reason(place->reason, "%s is not a member", op->member);
        return P2P_UNKNOWN;
    }
    struct p2p_feed_info *feed = newest_feed(fold, place, member);
    if (!feed) {
        return P2P_REFUSED;
    }
    const struct fold_feed add = {.member = number,
                                  .name = member->name,
                                  .generation = feed->generation + 1,
                                  .key = &op->feed_key,
                                  .entry = place->index};
    feed->closed = (uint32_t)place->index; /* before feeds move */
    enum p2p_err err = keys_add(fold, op, place->reason);
    if (err == P2P_OK) {
        err = p2p_fold_feed_add(fold, &add, &next);
    }
    if (err == P2P_TOOLARGE) {
        return p2p_fold_too_many("feeds", place->reason);
    }
    if (err == P2P_OK) {
        err = p2p_fold_feed_witnesses(fold, next, op->witnesses, op->witness_count,
                                      place->reason);
    }
    if (err != P2P_OK) {
        return err;
    }
    uint32_t before = p2p_witness_number(number, member->witness_generation);
    member->feed = next;
    member->witness_key = op->witness_key;
    member->witness_generation++;
    uint32_t witness = p2p_witness_number(number, member->witness_generation);
    err = p2p_fold_witness_key(fold, witness, &op->witness_key);
    return err == P2P_OK ? p2p_fold_witness_anew(fold, place, before, witness) : err;
}
