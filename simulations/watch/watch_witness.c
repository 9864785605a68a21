/* Cosignatures: what one witness said must fit together, and two quorums must not contradict
 * each other. */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

/* The copy is synced within a second (p2p/copy.h), in the batch that runs then. */
#define COPY_LAG_US (SIM_SECOND + 50 * SIM_MS)

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

/* The next one before or behind `at` that its witness has to know of; count: none. */
static size_t neighbour(const struct watch_cosigner *cosigner, size_t at, bool behind)
{
    size_t next = at;
    do {
        if (!behind && next == 0) {
            return cosigner->count;
        }
        next = behind ? next + 1 : next - 1;
    } while (next < cosigner->count && cosigner->all[next].forgotten);
    return next;
}

static void tell_smaller(struct sim_watcher *watcher, const struct watch_feed *feed,
                         const struct watch_cosigner *cosigner,
                         const struct watch_cosigned *before, const struct watch_cosigned *then)
{
    const struct p2p_member *member =
        p2p_charter_member(watch_charter(watcher), p2p_witness_member(cosigner->witness));
    sim_violate(watcher->sim, SIM_INVARIANT_WITNESS_MONOTONE,
                "%s cosigned %s size %llu at %llu after size %llu at %llu", member->name,
                watch_feed_name(watcher, feed->number), (unsigned long long)then->size,
                (unsigned long long)then->time_s, (unsigned long long)before->size,
                (unsigned long long)before->time_s);
}

/* Neighbours in time: sizes never decrease, one size has one root. Beside equal times the order
 * is not known. */
static void check_order(struct sim_watcher *watcher, const struct watch_feed *feed,
                        const struct watch_cosigner *cosigner, size_t at)
{
    const struct watch_cosigned *own = &cosigner->all[at];
    for (int behind = 0; behind <= 1; behind++) {
        size_t beside = neighbour(cosigner, at, behind == 1);
        if (beside == cosigner->count) {
            continue;
        }
        const struct watch_cosigned *other = &cosigner->all[beside];
        const struct watch_cosigned *before = behind == 1 ? own : other;
        const struct watch_cosigned *then = behind == 1 ? other : own;
        if (then->size < before->size) {
            tell_smaller(watcher, feed, cosigner, before, then);
        } else if (then->size == before->size && !p2p_hash_equal(&then->root, &before->root)) {
            const struct p2p_member *member = p2p_charter_member(
                watch_charter(watcher), p2p_witness_member(cosigner->witness));
            sim_violate(watcher->sim, SIM_INVARIANT_WITNESS_MONOTONE,
                        "%s cosigned two different roots of %s at size %llu", member->name,
                        watch_feed_name(watcher, feed->number), (unsigned long long)own->size);
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
    const struct watch_cosigned new = {.time_s = body->cosignature.time_s,
                                       .size = body->size,
                                       .root = body->root,
                                       .seen_us = watcher->sim->schedule.now_us};
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

/* ---- a second that is gone ---- */

/* The newest commit number under any feed of a disk (replication/STORE.md, the row beside a
 * feed's own). */
static uint64_t stored_commit(const struct sim_watcher *watcher, const struct p2p_kv *kv)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < watcher->feed_count; i++) {
        uint8_t key[5];
        struct p2p_writer out;
        struct p2p_reader in;
        struct p2p_slice value;
        p2p_writer_init(&out, key, sizeof(key));
        p2p_writer_u32(&out, i);
        p2p_writer_u8(&out, 'c');
        if (p2p_kv_get(kv, P2P_TABLE_FEED, p2p_writer_slice(&out), &value) == P2P_OK) {
            p2p_reader_init(&in, value);
            uint64_t number = p2p_reader_u64(&in);
            newest = number > newest ? number : newest;
        }
    }
    return newest;
}

static void forget_last(const struct watch_machine *machine, uint32_t feed,
                        struct watch_cosigner *cosigner, uint64_t since_us)
{
    struct p2p_witnessing row = {0};
    if (p2p_witnessing_load(&row, p2p_alloc_default(), machine->kv, feed) != P2P_OK) {
        row = (struct p2p_witnessing){0};
    }
    for (size_t i = 0; i < cosigner->count; i++) {
        struct watch_cosigned *one = &cosigner->all[i];
        bool held = one->size <= row.cosigned_size && one->time_s <= row.cosigned_time_s;
        if (!held && one->seen_us >= since_us) {
            one->forgotten = true;
            cosigner->forgot = true;
        }
    }
    p2p_witnessing_deinit(&row);
}

void watch_went_back(struct sim_watcher *watcher, const struct watch_machine *machine,
                     uint64_t copy_commit)
{
    uint64_t now_us = watcher->sim->schedule.now_us;
    uint64_t since_us = now_us > COPY_LAG_US ? now_us - COPY_LAG_US : 0;
    if (copy_commit > stored_commit(watcher, machine->kv)) {
        return; /* it cosigns nothing until it has its own feed again, or another */
    }
    for (uint32_t i = 0; i < watcher->feed_count; i++) {
        struct watch_feed *feed = watch_feed_of(watcher, i);
        for (size_t c = 0; c < feed->cosigner_count; c++) {
            if (p2p_witness_member(feed->cosigners[c].witness) == machine->member) {
                forget_last(machine, i, &feed->cosigners[c], since_us);
            }
        }
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

static bool forgot(const struct watch_feed *feed, uint32_t witness)
{
    bool any = false;
    for (size_t i = 0; i < feed->cosigner_count; i++) {
        any = any || (feed->cosigners[i].witness == witness && feed->cosigners[i].forgot);
    }
    return any;
}

/* Who forgot what it cosigned of a feed is one of them there. */
static uint32_t liars_among(const struct sim_watcher *watcher, const struct watch_feed *feed,
                            const struct p2p_feed_info *info)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < info->witness_count; i++) {
        count += !watch_is_honest_member(watcher, p2p_witness_member(info->witnesses[i])) ||
                 forgot(feed, info->witnesses[i]);
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
                liars_among(watcher, feed, info) <= p2p_witness_faults(info->witness_count)) {
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
