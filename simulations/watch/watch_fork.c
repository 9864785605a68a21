/* Fork proofs: real ones spread to everybody, false ones to nobody, and none about a feed with
 * one history. */
#include "watch.h"

#include <string.h>

void watch_fork_proof(struct sim_watcher *watcher, const struct watch_machine *machine,
                      struct p2p_slice bytes)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    const struct p2p_feed_info *info = NULL;
    struct p2p_fork_proof proof;
    enum p2p_err err = p2p_fork_decode(&proof, bytes);
    for (uint32_t i = 1; err == P2P_OK && i < p2p_charter_feed_count(charter); i++) {
        const struct p2p_feed_info *each = p2p_charter_feed(charter, i);
        if (each != NULL && p2p_slice_equal(p2p_slice_text(each->origin), proof.origin)) {
            info = each;
        }
    }
    if (info == NULL && p2p_charter_rival_size(charter) > 0) {
        return; /* while the charter has two heads some feeds have no name */
    }
    if (info == NULL ||
        p2p_fork_verify(&proof, watcher->sim->federation.sigs, &info->key) != P2P_OK) {
        sim_violate(watcher->sim, SIM_INVARIANT_FORK_REAL,
                    "%s passed on a proof of a fork of %s that proves nothing", machine->name,
                    info == NULL ? "no feed" : watch_feed_name(watcher, info->number));
        return;
    }
    watch_feed_of(watcher, info->number)->proven = true;
    if (watch_is_honest_feed(watcher, info->number)) {
        sim_violate(watcher->sim, SIM_INVARIANT_NO_FRAMING,
                    "%s passed on a proof that %s forked between size %llu and %llu, and its "
                    "owner is honest",
                    machine->name, watch_feed_name(watcher, info->number),
                    (unsigned long long)proof.heads[0].size,
                    (unsigned long long)proof.heads[1].size);
    }
}

/* ---- W ---- */

/* What a machine's view says of a forked feed; false when it says nothing. */
static bool find_view(const struct sim_watcher *watcher, const struct watch_machine *machine,
                      uint32_t feed, struct p2p_slice *value)
{
    struct p2p_slice name = p2p_slice_text(watch_feed_name(watcher, feed));
    return p2p_view_get(machine->kv, P2P_VIEW_FORKS, 0, name, value) == P2P_OK;
}

bool watch_w_by(const struct sim_watcher *watcher, const struct watch_machine *machine,
                uint32_t feed, struct p2p_record_id *by)
{
    struct p2p_slice value;
    struct p2p_unpack in;
    if (!find_view(watcher, machine, feed, &value) || !p2p_unpack_find(value, "by", &in) ||
        p2p_unpack_array(&in) != 2) {
        return false;
    }
    by->feed = (uint32_t)p2p_unpack_uint(&in);
    by->index = p2p_unpack_uint(&in);
    return !p2p_unpack_failed(&in);
}

bool watch_w(const struct sim_watcher *watcher, const struct watch_machine *machine,
             uint32_t feed, struct watch_point *w)
{
    struct p2p_slice value;
    struct p2p_unpack in;
    if (!find_view(watcher, machine, feed, &value) || !p2p_unpack_find(value, "size", &in)) {
        return false;
    }
    w->size = p2p_unpack_uint(&in);
    if (!p2p_unpack_find(value, "root", &in)) {
        return false;
    }
    struct p2p_slice root = p2p_unpack_bin(&in);
    if (p2p_unpack_failed(&in) || root.len != P2P_HASH_BYTES) {
        return false;
    }
    memcpy(w->root.bytes, root.data, P2P_HASH_BYTES);
    return true;
}

bool watch_was_cut(struct sim_watcher *watcher, const struct watch_machine *machine,
                   uint32_t number, const struct watch_point *point)
{
    const struct watch_feed *feed = watch_feed_of(watcher, number);
    struct p2p_feed held;
    struct watch_point w;
    p2p_feed_init(&held, number);
    if (p2p_feed_load(&held, machine->kv) != P2P_OK || held.state != P2P_FEED_FORKED) {
        return false;
    }
    if (!watch_w(watcher, machine, number, &w) || held.edge.size < w.size) {
        return true;
    }
    for (size_t i = 0; i < feed->branch_count; i++) {
        if (watch_log_has(&feed->branches[i], w.size, &w.root)) {
            return point->size > w.size ||
                   !watch_log_has(&feed->branches[i], point->size, &point->root);
        }
    }
    return true; /* of a branch that the watcher has not followed */
}

/* ---- settling ---- */

static const struct watch_point *held_of(const struct watch_summary *summary, uint32_t feed)
{
    static const struct watch_point none;
    return feed < summary->feed_count ? &summary->feeds[feed] : &none;
}

static bool holds_for_forked(const struct watch_summary *summary, uint32_t feed)
{
    return feed < summary->feed_count && summary->forked[feed];
}

static void settle_feed(struct sim_watcher *watcher, const struct watch_summary *all,
                        size_t count, struct watch_feed *feed)
{
    const struct watch_summary *knows = NULL;
    const struct watch_summary *knows_not = NULL;
    for (size_t i = 0; i < count; i++) {
        if (holds_for_forked(&all[i], feed->number)) {
            knows = &all[i];
        } else if (held_of(&all[i], feed->number)->size > 0) {
            knows_not = &all[i];
        }
    }
    const char *name = watch_feed_name(watcher, feed->number);
    if (knows != NULL && !feed->proven && feed->branch_count < 2) {
        sim_violate(watcher->sim, SIM_INVARIANT_FORK_REAL,
                    "%s holds %s for forked and no proof of it ever left anybody",
                    knows->machine->name, name);
    }
    if (knows != NULL && knows_not != NULL) {
        sim_violate(watcher->sim, SIM_INVARIANT_FORK_KNOWN,
                    "%s knows that %s forked, %s does not", knows->machine->name, name,
                    knows_not->machine->name);
    }
    for (size_t i = 1; knows == NULL && i < count; i++) {
        const struct watch_point *a = held_of(&all[0], feed->number);
        const struct watch_point *b = held_of(&all[i], feed->number);
        if (a->size > 0 && b->size > 0 && feed->branch_count > 1 && a->size == b->size &&
            !p2p_hash_equal(&a->root, &b->root)) {
            sim_violate(watcher->sim, SIM_INVARIANT_FORK_KNOWN,
                        "%s and %s hold different histories of %s at size %llu, and neither "
                        "knows of a fork",
                        all[0].machine->name, all[i].machine->name, name,
                        (unsigned long long)a->size);
        }
    }
}

/* W as the watcher finds it: the largest quorum-cosigned size that any of them stores which may
 * tell it in a record. Who knows of the fork must hold that branch up to there. */
static void settle_w(struct sim_watcher *watcher, const struct watch_summary *all, size_t count,
                     struct watch_feed *feed)
{
    struct watch_point w = {.size = 0};
    for (size_t i = 0; i < count; i++) {
        struct p2p_cosigned quorum;
        if (all[i].machine->appends &&
            p2p_quorum_load(&quorum, all[i].machine->kv, feed->number) == P2P_OK &&
            quorum.size > w.size) {
            w = (struct watch_point){quorum.size, quorum.root};
        }
    }
    watch_quorum_found(feed, &w);
    for (size_t i = 0; i < count && w.size > 0; i++) {
        if (holds_for_forked(&all[i], feed->number) && !all[i].machine->may_be_hurt &&
            !watch_holds(all[i].machine->kv, feed->number, &w)) {
            sim_violate(watcher->sim, SIM_INVARIANT_TINY_FORK,
                        "%s holds %s at size %llu, not the branch that a quorum cosigned up to "
                        "%llu",
                        all[i].machine->name, watch_feed_name(watcher, feed->number),
                        (unsigned long long)held_of(&all[i], feed->number)->size,
                        (unsigned long long)w.size);
        }
    }
}

void watch_settle_forks(struct sim_watcher *watcher, const struct watch_summary *all,
                        size_t count)
{
    for (size_t i = 1; i < watcher->feed_count; i++) {
        struct watch_feed *feed = &watcher->feeds[i];
        settle_feed(watcher, all, count, feed);
        settle_w(watcher, all, count, feed);
        if (feed->branch_count > 1) {
            watch_quorums(watcher, feed);
        }
    }
}
