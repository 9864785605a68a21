/* Convergence: honest machines that had time to talk hold one frontier, and one frontier means
 * the same views. */
#include "watch.h"

/* Whether a record that stops nobody stands where a machine stopped: one without effect, or of
 * a kind it need not know. */
static bool stopped_at_void(const struct sim_watcher *watcher,
                            const struct watch_summary *ahead, uint32_t feed, uint64_t index)
{
    struct p2p_feed held;
    struct p2p_slice leaf;
    struct p2p_record record;
    (void)watcher;
    p2p_feed_init(&held, feed);
    if (p2p_feed_load(&held, ahead->machine->kv) != P2P_OK ||
        p2p_feed_leaf(&held, ahead->machine->kv, index, &leaf) != P2P_OK ||
        p2p_record_decode(&record, leaf) != P2P_OK) {
        return false;
    }
    if (p2p_kind_find(record.kind) == NULL) {
        return true;
    }
    struct p2p_writer out;
    uint8_t key[13];
    struct p2p_slice value;
    p2p_writer_init(&out, key, sizeof(key));
    p2p_writer_u8(&out, 2); /* ISSUER: 2, feed, index -> a verdict other than none */
    p2p_writer_u32(&out, feed);
    p2p_writer_u64(&out, index);
    return p2p_kv_get(ahead->machine->kv, P2P_TABLE_ISSUER, p2p_writer_slice(&out), &value) ==
           P2P_OK;
}

/* A forked feed without W: nothing more is taken of it, and what is held stays. Whether
 * somebody could have told of a W is asked in watch_fork.c. */
static bool stays_as_it_is(const struct sim_watcher *watcher, const struct watch_summary *all,
                           uint32_t feed)
{
    struct watch_point w;
    return feed < all->feed_count && all->forked[feed] &&
           !watch_w(watcher, all->machine, feed, &w);
}

/* Who may not append keeps what only it knows a quorum to have cosigned. */
static bool keeps_more(const struct sim_watcher *watcher, const struct watch_summary *all,
                       uint32_t feed)
{
    struct p2p_cosigned quorum;
    struct watch_point w;
    return feed < all->feed_count && all->forked[feed] && !all->machine->appends &&
           watch_w(watcher, all->machine, feed, &w) &&
           p2p_quorum_load(&quorum, all->machine->kv, feed) == P2P_OK && quorum.size > w.size;
}

/* Whether W of a feed is another at one machine than at the other because the record that
 * carries it stands in what the first keeps of a second forked feed. */
static bool keeps_what_tells(const struct sim_watcher *watcher, const struct watch_summary *one,
                             const struct watch_summary *other, uint32_t feed)
{
    struct p2p_record_id by;
    return watch_w_by(watcher, one->machine, feed, &by) && by.feed != feed &&
           keeps_more(watcher, one, by.feed) &&
           (by.feed >= other->feed_count || other->feeds[by.feed].size <= by.index);
}

static void tell_apart(struct sim_watcher *watcher, const struct watch_summary *all,
                       size_t count, const struct watch_summary *a,
                       const struct watch_summary *b)
{
    size_t feeds = a->feed_count > b->feed_count ? a->feed_count : b->feed_count;
    for (uint32_t i = 0; i < feeds; i++) {
        const struct watch_point none = {0};
        const struct watch_point *of_a = i < a->feed_count ? &a->feeds[i] : &none;
        const struct watch_point *of_b = i < b->feed_count ? &b->feeds[i] : &none;
        if (of_a->size == of_b->size &&
            (of_a->size == 0 || p2p_hash_equal(&of_a->root, &of_b->root))) {
            continue;
        }
        if ((stays_as_it_is(watcher, a, i) && stays_as_it_is(watcher, b, i)) ||
            keeps_more(watcher, a, i) || keeps_more(watcher, b, i) ||
            keeps_what_tells(watcher, a, b, i) || keeps_what_tells(watcher, b, a, i)) {
            continue;
        }
        bool a_behind = of_a->size < of_b->size;
        if (of_a->size != of_b->size &&
            watch_stands_before_lost(watcher, all, count, a_behind ? a : b, a_behind ? b : a,
                                     i)) {
            continue;
        }
        uint64_t at = a_behind ? of_a->size : of_b->size;
        bool stopped = of_a->size != of_b->size && i != P2P_CHARTER_FEED &&
                       stopped_at_void(watcher, a_behind ? b : a, i, at);
        sim_violate(watcher->sim, stopped ? SIM_INVARIANT_NOT_BLOCKED : SIM_INVARIANT_CONVERGED,
                    "%s holds %s at size %llu, %s at size %llu, after everything was healed",
                    a->machine->name, watch_feed_name(watcher, i),
                    (unsigned long long)of_a->size, b->machine->name,
                    (unsigned long long)of_b->size);
        return;
    }
}

static bool same_frontier(const struct watch_summary *a, const struct watch_summary *b)
{
    return p2p_hash_equal(&a->frontier, &b->frontier);
}

/* A view that depends on a clock differs where a clock was wrong. */
static enum sim_invariant blame(const struct watch_summary *a, const struct watch_summary *b)
{
    return a->machine->clock_wrong != b->machine->clock_wrong ? SIM_INVARIANT_TIMELESS
                                                              : SIM_INVARIANT_SAME_VIEWS;
}

static void compare_views(struct sim_watcher *watcher, const struct watch_summary *a,
                          const struct watch_summary *b)
{
    if (a->machine->may_be_hurt || b->machine->may_be_hurt) {
        return;
    }
    if (!p2p_hash_equal(&a->leaves, &b->leaves)) {
        sim_violate(watcher->sim, blame(a, b),
                    "%s and %s hold one frontier and judge its records differently",
                    a->machine->name, b->machine->name);
    }
    if (a->machine->kinds_unknown != b->machine->kinds_unknown) {
        return; /* what the one keeps without effect has some at the other */
    }
    for (size_t i = 0; i < a->circle_count && i < b->circle_count; i++) {
        if (a->complete[i] && b->complete[i] &&
            !p2p_hash_equal(&a->circles[i], &b->circles[i])) {
            sim_violate(watcher->sim, blame(a, b),
                        "%s and %s hold one frontier and other bans in circle %zu",
                        a->machine->name, b->machine->name, i);
        }
    }
}

void watch_compare(struct sim_watcher *watcher, const struct watch_summary *all, size_t count)
{
    const struct watch_summary *sound = NULL;
    for (size_t i = 0; i < count; i++) {
        if (all[i].machine->may_be_hurt) {
            continue; /* it is repaired in its own time: see watch_disk.c */
        }
        if (sound != NULL && !same_frontier(sound, &all[i])) {
            tell_apart(watcher, all, count, sound, &all[i]);
        }
        sound = sound == NULL ? &all[i] : sound;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t n = i + 1; n < count; n++) {
            if (same_frontier(&all[i], &all[n])) {
                compare_views(watcher, &all[i], &all[n]);
            }
        }
    }
}
