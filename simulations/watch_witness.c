/* Cosignatures: what one witness said must fit together, and two quorums must not contradict
 * each other. */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

static struct watch_cosigner *cosigner_of(struct watch_feed *feed, uint32_t witness)
{
    for (size_t i = 0; i < feed->cosigner_count; i++) {
        if (feed->cosigners[i].witness == witness) {
            return &feed->cosigners[i];
        }
    }
    feed->cosigners = watch_room(feed->cosigners, feed->cosigner_count, &feed->cosigner_cap,
                                 sizeof(*feed->cosigners));
    feed->cosigners[feed->cosigner_count] = (struct watch_cosigner){.witness = witness};
    return &feed->cosigners[feed->cosigner_count++];
}

/* Where (time, size, root) stands or belongs. */
static size_t place_of(const struct watch_cosigner *cosigner, const struct watch_cosigned *new,
                       bool *found)
{
    size_t at = cosigner->count;
    while (at > 0) {
        const struct watch_cosigned *known = &cosigner->all[at - 1];
        int order = known->time_s != new->time_s ? (known->time_s < new->time_s ? -1 : 1)
                    : known->size != new->size
                        ? (known->size < new->size ? -1 : 1)
                        : memcmp(known->root.bytes, new->root.bytes, P2P_HASH_BYTES);
        if (order == 0) {
            *found = true;
            return at - 1;
        }
        if (order < 0) {
            break;
        }
        at--;
    }
    *found = false;
    return at;
}

static void insert(struct watch_cosigner *cosigner, size_t at, const struct watch_cosigned *new)
{
    cosigner->all =
        watch_room(cosigner->all, cosigner->count, &cosigner->cap, sizeof(*cosigner->all));
    memmove(&cosigner->all[at + 1], &cosigner->all[at],
            (cosigner->count - at) * sizeof(*cosigner->all));
    cosigner->all[at] = *new;
    cosigner->count++;
}

/* Neighbours in time: sizes never decrease, one size has one root. Beside equal times the order
 * is not known. */
static void check_order(struct sim_watcher *watcher, const struct watch_feed *feed,
                        const struct watch_cosigner *cosigner, size_t at)
{
    const struct watch_cosigned *all = cosigner->all;
    const struct p2p_member *member =
        p2p_charter_member(watch_charter(watcher), p2p_witness_member(cosigner->witness));
    const struct watch_cosigned *smaller = NULL;
    if (at > 0 && all[at - 1].size > all[at].size) {
        smaller = &all[at - 1];
    } else if (at + 1 < cosigner->count && all[at + 1].size < all[at].size) {
        smaller = &all[at];
        at++;
    }
    if (smaller != NULL) {
        sim_violate(watcher->sim, SIM_INVARIANT_WITNESS_MONOTONE,
                    "%s cosigned %s size %llu at %llu after size %llu at %llu", member->name,
                    watch_feed_name(watcher, feed->number), (unsigned long long)all[at].size,
                    (unsigned long long)all[at].time_s, (unsigned long long)smaller->size,
                    (unsigned long long)smaller->time_s);
    }
    for (size_t i = at > 0 ? at - 1 : at; i <= at + 1 && i < cosigner->count; i++) {
        if (i != at && all[i].size == all[at].size &&
            !p2p_hash_equal(&all[i].root, &all[at].root)) {
            sim_violate(watcher->sim, SIM_INVARIANT_WITNESS_MONOTONE,
                        "%s cosigned two different roots of %s at size %llu", member->name,
                        watch_feed_name(watcher, feed->number),
                        (unsigned long long)all[at].size);
        }
    }
}

static bool cosignature_holds(const struct sim_watcher *watcher,
                              const struct p2p_feed_info *info,
                              const struct p2p_witness_public *key,
                              const struct p2p_cosign_body *body)
{
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = body->size, .root = body->root};
    return p2p_cosignature_verify_witness(&checkpoint, watcher->sim->federation.sigs, key,
                                          &body->cosignature) == P2P_OK;
}

/* Whether one history has both; what the watcher followed tells, else the disk. */
static bool extends(struct sim_watcher *watcher, const struct watch_machine *machine,
                    uint32_t number, const struct watch_point *before,
                    const struct watch_point *after)
{
    const struct watch_feed *feed = watch_feed_of(watcher, number);
    for (uint32_t i = 0; i < feed->branch_count; i++) {
        if (watch_log_has(&feed->branches[i], before->size, &before->root) &&
            watch_log_has(&feed->branches[i], after->size, &after->root)) {
            return true;
        }
    }
    return watch_holds(machine->kv, number, before);
}

/* A witness that holds the entry which closes a feed cosigns no more of it than it did. */
static void tell_closed(struct sim_watcher *watcher, struct watch_machine *machine,
                        const struct p2p_cosign_body *body)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), body->feed);
    const struct watch_left *left = watch_left_of(machine, body->feed);
    if (info->closed == 0 || info->member == machine->member || left->closed ||
        body->size <= left->cosigned.size ||
        body->cosignature.time_s <= left->cosigned_time_s) {
        return;
    }
    if (machine->generation < 2 && watch_holds_entry(watcher, machine, info->closed)) {
        sim_violate(watcher->sim, SIM_INVARIANT_CLOSED,
                    "%s cosigned %s size %llu although it holds the entry that closed it",
                    machine->name, watch_feed_name(watcher, body->feed),
                    (unsigned long long)body->size);
    }
}

/* Whether it was made in the batch that leaves. One that was made before, in a batch that left
 * nothing since the machine failed, is told to who comes later. */
static bool is_new(const struct watch_machine *machine, const struct p2p_feed_info *info,
                   const struct p2p_cosign_body *body)
{
    const struct p2p_actions *actions = machine->actions;
    bool made = actions == NULL || info->member == machine->member;
    for (size_t i = 0; actions != NULL && i < actions->trace_count && !made; i++) {
        const struct p2p_trace *trace = &actions->traces[i];
        made = trace->type == P2P_TRACE_COSIGNED && trace->feed == body->feed &&
               trace->at == body->size;
    }
    return made;
}

/* This machine made it: what it cosigned, it must hold, and so must what it cosigned before. */
static void own_cosignature(struct sim_watcher *watcher, struct watch_machine *machine,
                            const struct p2p_cosign_body *body)
{
    const struct watch_point point = {body->size, body->root};
    watch_renewed(watcher, machine, p2p_witness_generation(body->witness));
    struct watch_left *left = watch_left_of(machine, body->feed);
    bool new = is_new(machine, p2p_charter_feed(watch_charter(watcher), body->feed), body);
    if (new) {
        tell_closed(watcher, machine, body);
    }
    if (!machine->lost && body->size == left->cosigned.size &&
        p2p_hash_equal(&body->root, &left->cosigned.root)) {
        if (body->cosignature.time_s > left->cosigned_time_s) {
            left->cosigned_time_s = body->cosignature.time_s;
        }
        return; /* the same again, at another time */
    }
    if (!watch_holds(machine->kv, body->feed, &point)) {
        /* Made before it learnt of a fork, it may be told later, so that W rises. */
        if (!machine->may_be_hurt && !watch_was_cut(watcher, machine, body->feed, &point)) {
            sim_violate(watcher->sim, SIM_INVARIANT_REPRODUCIBLE,
                        "%s cosigned %s size %llu, which is not what its disk holds",
                        machine->name, watch_feed_name(watcher, body->feed),
                        (unsigned long long)body->size);
        }
        return;
    }
    if (!machine->lost && !machine->may_be_hurt && left->cosigned.size > 0 &&
        !extends(watcher, machine, body->feed, &left->cosigned, &point)) {
        sim_violate(watcher->sim, SIM_INVARIANT_WITNESS_MONOTONE,
                    "%s cosigned %s size %llu, which does not extend the size %llu it cosigned "
                    "before",
                    machine->name, watch_feed_name(watcher, body->feed),
                    (unsigned long long)body->size, (unsigned long long)left->cosigned.size);
    }
    if (body->size >= left->cosigned.size &&
        body->cosignature.time_s >= left->cosigned_time_s) {
        if (new) {
            watch_signed(watcher, machine, body->feed, body->size);
        }
        left->cosigned = point;
        left->cosigned_time_s = body->cosignature.time_s;
    }
}

void watch_cosign(struct sim_watcher *watcher, struct watch_machine *machine,
                  const struct p2p_cosign_body *body)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    const struct p2p_feed_info *info = p2p_charter_feed(charter, body->feed);
    const struct p2p_witness_public *key = p2p_charter_witness_key(charter, body->witness);
    uint32_t member = p2p_witness_member(body->witness);
    if (p2p_charter_rival_size(charter) > 0 && (info == NULL || key == NULL)) {
        return; /* while the charter has two heads some have no name */
    }
    if (info == NULL || key == NULL) {
        sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY,
                    "%s passed on a cosignature by nobody or of no feed", machine->name);
        return;
    }
    struct watch_feed *feed = watch_feed_of(watcher, body->feed);
    const struct watch_cosigned new = {body->cosignature.time_s, body->size, body->root};
    struct watch_cosigner *cosigner = cosigner_of(feed, body->witness);
    bool found;
    size_t at = place_of(cosigner, &new, &found);
    if (found) {
        return;
    }
    if (!cosignature_holds(watcher, info, key, body)) {
        sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY,
                    "%s passed on a cosignature of %s size %llu that %s did not make",
                    machine->name, watch_feed_name(watcher, body->feed),
                    (unsigned long long)body->size, p2p_charter_member(charter, member)->name);
        return;
    }
    insert(cosigner, at, &new);
    if (watch_is_honest_member(watcher, member)) {
        check_order(watcher, feed, cosigner, at);
    }
    if (member == machine->member) {
        own_cosignature(watcher, machine, body);
    }
    if (feed->branch_count > 1) {
        watch_quorums(watcher, feed);
    }
}

/* ---- quorums ---- */

static bool is_among(const uint32_t *witnesses, uint32_t count, uint32_t witness)
{
    for (uint32_t i = 0; i < count; i++) {
        if (witnesses[i] == witness) {
            return true;
        }
    }
    return false;
}

/* Of one set, those who cosigned that point. */
static uint32_t count_cosigners(const struct watch_feed *feed, const uint32_t *witnesses,
                                uint32_t witness_count, const struct watch_point *point)
{
    uint32_t count = 0;
    for (size_t i = 0; i < feed->cosigner_count; i++) {
        const struct watch_cosigner *cosigner = &feed->cosigners[i];
        bool says = false;
        for (size_t n = cosigner->count; n > 0 && !says; n--) {
            says = cosigner->all[n - 1].size == point->size &&
                   p2p_hash_equal(&cosigner->all[n - 1].root, &point->root);
        }
        count += says && is_among(witnesses, witness_count, cosigner->witness);
    }
    return count;
}

/* Across a change of witnesses a quorum holds under both sets. */
static bool has_quorum(const struct watch_feed *feed, const struct p2p_feed_info *info,
                       const struct watch_point *point)
{
    return count_cosigners(feed, info->witnesses, info->witness_count, point) >=
               p2p_witness_quorum(info->witness_count) &&
           (info->former_count == 0 ||
            count_cosigners(feed, info->former_witnesses, info->former_count, point) >=
                p2p_witness_quorum(info->former_count));
}

/* The largest size on a branch that a quorum cosigned. */
static void find_quorum(struct watch_feed *feed, const struct p2p_feed_info *info,
                        uint32_t branch)
{
    for (size_t i = 0; i < feed->cosigner_count; i++) {
        for (size_t n = 0; n < feed->cosigners[i].count; n++) {
            const struct watch_cosigned *one = &feed->cosigners[i].all[n];
            const struct watch_point point = {one->size, one->root};
            if (one->size > feed->quorums[branch].size &&
                watch_log_has(&feed->branches[branch], one->size, &one->root) &&
                has_quorum(feed, info, &point)) {
                feed->quorums[branch] = point;
            }
        }
    }
}

void watch_quorum_found(struct watch_feed *feed, const struct watch_point *point)
{
    for (uint32_t i = 0; i < feed->branch_count; i++) {
        if (point->size > feed->quorums[i].size &&
            watch_log_has(&feed->branches[i], point->size, &point->root)) {
            feed->quorums[i] = *point;
        }
    }
}

static uint32_t liars_among(const struct sim_watcher *watcher, const struct p2p_feed_info *info)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < info->witness_count; i++) {
        count += !watch_is_honest_member(watcher, p2p_witness_member(info->witnesses[i]));
    }
    return count;
}

void watch_quorums(struct sim_watcher *watcher, struct watch_feed *feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), feed->number);
    if (info == NULL || info->witness_count == 0) {
        return;
    }
    for (uint32_t i = 0; i < feed->branch_count; i++) {
        find_quorum(feed, info, i);
    }
    for (uint32_t a = 0; a < feed->branch_count; a++) {
        for (uint32_t b = 0; b < feed->branch_count; b++) {
            const struct watch_point *of_a = &feed->quorums[a];
            const struct watch_point *of_b = &feed->quorums[b];
            if (of_a->size > 0 && of_a->size <= of_b->size &&
                !watch_log_has(&feed->branches[b], of_a->size, &of_a->root) &&
                liars_among(watcher, info) <= p2p_witness_faults(info->witness_count)) {
                sim_violate(watcher->sim, SIM_INVARIANT_ONE_QUORUM,
                            "two histories of %s have a quorum each, one of size %llu and one "
                            "of size %llu",
                            watch_feed_name(watcher, feed->number),
                            (unsigned long long)of_a->size, (unsigned long long)of_b->size);
                return;
            }
        }
    }
}
