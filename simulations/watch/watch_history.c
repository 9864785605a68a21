/* Per feed the histories that honest machines hold and show, as trees of the watcher's own.
 *
 * A head is placed on the branch it is on; what a branch lacks is read from the disk of the
 * machine that showed the head, which must be a machine that holds it. An honest feed has one
 * branch. */
#include "watch.h"

#include <stdlib.h>

static bool same_point(const struct watch_point *a, const struct watch_point *b)
{
    return a->size == b->size && p2p_hash_equal(&a->root, &b->root);
}

bool watch_holds(const struct p2p_kv *kv, uint32_t feed, const struct watch_point *point)
{
    struct p2p_feed held;
    struct p2p_hash root;
    p2p_feed_init(&held, feed);
    if (point->size == 0) {
        return true;
    }
    if (p2p_feed_load(&held, kv) != P2P_OK) {
        return false;
    }
    if (held.edge.size == point->size) {
        return p2p_hash_equal(&held.head.root, &point->root);
    }
    return p2p_feed_root_at(&held, kv, point->size, &root) == P2P_OK &&
           p2p_hash_equal(&root, &point->root);
}

/* ---- following a disk ---- */

/* The hashes of the leaves [from, size) as a disk gives them, if they lead from that branch to
 * the root of the feed's head; NULL otherwise. */
static struct p2p_hash *read_leaves(const struct p2p_kv *kv, const struct p2p_feed *held,
                                    const struct watch_log *branch)
{
    struct p2p_edge edge = branch->edge;
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    size_t count = (size_t)(held->edge.size - edge.size);
    struct p2p_hash *hashes = NULL;
    size_t cap = 0;
    hashes = watch_room(hashes, 0, &cap, sizeof(*hashes));
    p2p_feed_walk_begin(&walk, held, kv, edge.size);
    for (size_t i = 0; i < count; i++) {
        if (p2p_feed_walk_next(&walk, &leaf) != P2P_OK) {
            free(hashes);
            return NULL;
        }
        hashes = watch_room(hashes, i, &cap, sizeof(*hashes));
        hashes[i] = p2p_leaf_hash(leaf);
        p2p_edge_append(&edge, &hashes[i], NULL);
    }
    struct p2p_hash root = p2p_edge_root(&edge);
    if (!p2p_hash_equal(&root, &held->head.root)) {
        free(hashes);
        return NULL;
    }
    return hashes;
}

static bool leads_on(const struct p2p_kv *kv, const struct p2p_feed *held,
                     const struct watch_log *branch)
{
    struct p2p_hash *hashes = read_leaves(kv, held, branch);
    bool leads = hashes != NULL;
    free(hashes);
    return leads;
}

/* Whether a disk extends a branch, or is a prefix of it. Where a bit may have flipped in one of
 * the hashes that it keeps, its leaves tell. */
static bool on_branch(const struct watch_machine *machine, const struct p2p_feed *held,
                      const struct watch_log *branch)
{
    struct watch_point end = {.size = branch->edge.size};
    if (held->edge.size <= end.size) {
        return watch_log_has(branch, held->edge.size, &held->head.root);
    }
    struct p2p_hash root;
    end.root = p2p_edge_root(&branch->edge);
    return end.size == 0 ||
           (p2p_feed_root_at(held, machine->kv, end.size, &root) == P2P_OK &&
            p2p_hash_equal(&root, &end.root)) ||
           (machine->may_be_hurt && leads_on(machine->kv, held, branch));
}

static bool extend(struct watch_log *branch, const struct p2p_kv *kv,
                   const struct p2p_feed *held)
{
    if (held->edge.size <= branch->edge.size) {
        return true;
    }
    struct p2p_hash *hashes = read_leaves(kv, held, branch);
    if (hashes == NULL) {
        return false;
    }
    for (size_t i = 0, count = (size_t)(held->edge.size - branch->edge.size); i < count; i++) {
        watch_log_append(branch, &hashes[i]);
    }
    free(hashes);
    return true;
}

static void tell_two_histories(struct sim_watcher *watcher, struct watch_feed *feed,
                               const struct watch_machine *machine, uint64_t size)
{
    if (!feed->told_twice && watch_is_honest_feed(watcher, feed->number)) {
        sim_violate(watcher->sim, SIM_INVARIANT_ONE_HISTORY,
                    "%s holds a history of %s at size %llu that contradicts what was shown "
                    "before",
                    machine->name, watch_feed_name(watcher, feed->number),
                    (unsigned long long)size);
    }
    feed->told_twice = true;
}

static void tell_damage(struct sim_watcher *watcher, const struct watch_machine *machine,
                        uint32_t feed, uint64_t size)
{
    if (!machine->may_be_hurt) {
        sim_violate(watcher->sim, SIM_INVARIANT_ROOT_RECOMPUTED,
                    "the records that %s stores of %s do not hash to the root of size %llu",
                    machine->name, watch_feed_name(watcher, feed), (unsigned long long)size);
    }
}

uint32_t watch_follow(struct sim_watcher *watcher, struct watch_machine *machine,
                      uint32_t number)
{
    struct watch_feed *feed = watch_feed_of(watcher, number);
    struct p2p_feed held;
    p2p_feed_init(&held, number);
    if (p2p_feed_load(&held, machine->kv) != P2P_OK) {
        tell_damage(watcher, machine, number, 0);
        return WATCH_NO_BRANCH;
    }
    if (held.edge.size == 0) {
        return WATCH_NO_BRANCH;
    }
    uint32_t at = 0;
    while (at < feed->branch_count && !on_branch(machine, &held, &feed->branches[at])) {
        at++;
    }
    if (at == WATCH_BRANCHES_MAX) {
        return WATCH_NO_BRANCH;
    }
    if (!extend(&feed->branches[at], machine->kv, &held)) {
        tell_damage(watcher, machine, number, held.edge.size);
        return WATCH_NO_BRANCH;
    }
    if (at == feed->branch_count) {
        feed->branch_count++;
        if (feed->branch_count > 1) {
            tell_two_histories(watcher, feed, machine, held.edge.size);
            watch_quorums(watcher, feed);
        }
    }
    if (at == 0) {
        watch_read_records(watcher, machine, feed);
    }
    return at;
}

static uint32_t find_branch(const struct watch_feed *feed, const struct watch_point *point)
{
    for (uint32_t i = 0; i < feed->branch_count; i++) {
        if (watch_log_has(&feed->branches[i], point->size, &point->root)) {
            return i;
        }
    }
    return WATCH_NO_BRANCH;
}

uint32_t watch_place(struct sim_watcher *watcher, struct watch_machine *machine,
                     uint32_t number, const struct watch_point *point)
{
    struct watch_feed *feed = watch_feed_of(watcher, number);
    if (same_point(&feed->memo, point)) {
        return feed->memo_branch;
    }
    uint32_t branch = find_branch(feed, point);
    if (branch == WATCH_NO_BRANCH) {
        watch_follow(watcher, machine, number);
        branch = find_branch(feed, point);
    }
    if (branch != WATCH_NO_BRANCH) {
        feed->memo = *point;
        feed->memo_branch = branch;
    }
    return branch;
}

/* ---- what leaves ---- */

void watch_signed(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t feed,
                  uint64_t size)
{
    if (!machine->lost) {
        return;
    }
    for (uint32_t i = 0; i < machine->left_count; i++) {
        if (machine->left[i].head.size > 0 &&
            !watch_holds(machine->kv, i, &machine->left[i].head)) {
            sim_violate(watcher->sim, SIM_INVARIANT_NO_SILENT_RESTORE,
                        "%s signed %s size %llu although its disk lacks %s up to size %llu, "
                        "which it had signed before",
                        machine->name, watch_feed_name(watcher, feed), (unsigned long long)size,
                        watch_feed_name(watcher, i),
                        (unsigned long long)machine->left[i].head.size);
            return;
        }
    }
    machine->lost = false; /* it fetched back what it had shown */
}

void watch_renewed(struct sim_watcher *watcher, struct watch_machine *machine,
                   uint32_t generation)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    if (generation <= machine->generation) {
        return;
    }
    machine->generation = generation;
    machine->lost = machine->lost && generation == 1;
    for (uint32_t i = 0; i < machine->left_count && generation > 1; i++) {
        struct watch_left *left = &machine->left[i];
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        left->head = (struct watch_point){0};
        left->acked = (struct watch_point){0};
        left->cosigned = (struct watch_point){0};
        left->cosigned_time_s = 0;
        left->closed =
            info != NULL && info->member == machine->member && info->generation < generation;
    }
}

bool watch_holds_entry(const struct sim_watcher *watcher, const struct watch_machine *machine,
                       uint64_t index)
{
    const struct sim_federation *federation = &watcher->sim->federation;
    struct p2p_feed charter;
    struct p2p_slice leaf;
    p2p_feed_init(&charter, P2P_CHARTER_FEED);
    if (index >= federation->entry_count || p2p_feed_load(&charter, machine->kv) != P2P_OK ||
        charter.edge.size <= index ||
        p2p_feed_leaf(&charter, machine->kv, index, &leaf) != P2P_OK) {
        return false;
    }
    const struct sim_entry *entry = &federation->entries[index];
    return p2p_slice_equal(leaf, p2p_slice_of(entry->leaf, entry->leaf_len));
}

/* Whether its disk holds the entry that opened a later generation than this feed. */
static bool holds_closing(const struct sim_watcher *watcher,
                          const struct watch_machine *machine, const struct p2p_feed_info *info,
                          const struct p2p_feed_info *newest)
{
    return newest != NULL && newest->number != info->number &&
           watch_holds_entry(watcher, machine, newest->entry);
}

void watch_own_feed(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t number)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    const struct p2p_feed_info *info = p2p_charter_feed(charter, number);
    const struct p2p_member *member =
        info == NULL ? NULL : p2p_charter_member(charter, info->member);
    struct p2p_feed feed;
    p2p_feed_init(&feed, number);
    if (member != NULL &&
        !holds_closing(watcher, machine, info, p2p_charter_feed(charter, member->feed)) &&
        p2p_feed_load(&feed, machine->kv) == P2P_OK) {
        watch_left_of(machine, number)->open_size = feed.edge.size;
    }
}

void watch_wrote(struct sim_watcher *watcher, struct watch_machine *machine, uint32_t number)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), number);
    if (info != NULL) {
        watch_renewed(watcher, machine, info->generation);
    }
    watch_own_feed(watcher, machine, number);
}

/* The feed's owner shows a new head of its own, which it may have signed long ago. */
static void own_head(struct sim_watcher *watcher, struct watch_machine *machine,
                     const struct p2p_feed_info *info, const struct watch_point *point)
{
    const struct p2p_member *member = p2p_charter_member(watch_charter(watcher), info->member);
    watch_renewed(watcher, machine, info->generation);
    struct watch_left *left = watch_left_of(machine, info->number);
    if (left->closed || point->size <= left->head.size) {
        return;
    }
    watch_signed(watcher, machine, info->number, point->size);
    const struct p2p_feed_info *newest = p2p_charter_feed(watch_charter(watcher), member->feed);
    if (point->size > left->open_size && holds_closing(watcher, machine, info, newest)) {
        sim_violate(watcher->sim, SIM_INVARIANT_CLOSED,
                    "%s signed %s size %llu although it holds the entry that opened %s",
                    machine->name, watch_feed_name(watcher, info->number),
                    (unsigned long long)point->size, watch_feed_name(watcher, newest->number));
    }
    left->head = *point;
}

static bool head_signed(const struct sim_watcher *watcher, const struct p2p_feed_info *info,
                        const struct p2p_tree_head *head)
{
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = head->size, .root = head->root};
    return p2p_checkpoint_verify_feed(&checkpoint, watcher->sim->federation.sigs, &info->key,
                                      &head->signature) == P2P_OK;
}

/* Every record of a run is the leaf of its place on that branch. */
static bool run_fits(const struct watch_log *branch, const struct p2p_run *run)
{
    struct p2p_run_walk walk;
    struct p2p_slice leaf;
    struct p2p_slice salted;
    enum p2p_err err = P2P_OK;
    uint64_t index = run->first;
    p2p_run_begin(&walk, run);
    while (p2p_run_next(&walk, &leaf, &salted, &err)) {
        struct p2p_hash hash = p2p_leaf_hash(leaf);
        if (index >= branch->edge.size || !p2p_hash_equal(&hash, &branch->levels[0][index])) {
            return false;
        }
        index++;
    }
    return err == P2P_OK && index == run->head.size;
}

void watch_run(struct sim_watcher *watcher, struct watch_machine *machine,
               const struct p2p_run *run)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), run->feed);
    const struct watch_point point = {run->head.size, run->head.root};
    if (info == NULL && p2p_charter_rival_size(watch_charter(watcher)) > 0) {
        return; /* while the charter has two heads some feeds have no name */
    }
    bool named = info != NULL && info->member != 0;
    if (named && machine->may_be_hurt && !head_signed(watcher, info, &run->head)) {
        return; /* a bit of that row: whoever gets it refuses it */
    }
    if (!named || !head_signed(watcher, info, &run->head)) {
        sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY,
                    "%s passed on a head of %s at size %llu that its owner did not sign",
                    machine->name, watch_feed_name(watcher, run->feed),
                    (unsigned long long)point.size);
        return;
    }
    uint32_t branch = watch_place(watcher, machine, run->feed, &point);
    bool own = info->member == machine->member;
    if (branch == WATCH_NO_BRANCH) {
        if (!machine->may_be_hurt &&
            watch_feed_of(watcher, run->feed)->branch_count < WATCH_BRANCHES_MAX) {
            sim_violate(watcher->sim,
                        own ? SIM_INVARIANT_REPRODUCIBLE : SIM_INVARIANT_VERIFIED_ONLY,
                        "%s showed a head of %s at size %llu that is not of what it stores",
                        machine->name, watch_feed_name(watcher, run->feed),
                        (unsigned long long)point.size);
        }
        return;
    }
    if (!run_fits(&watch_feed_of(watcher, run->feed)->branches[branch], run) &&
        !machine->may_be_hurt) {
        sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY,
                    "%s sent records of %s up to size %llu that do not lead to their head",
                    machine->name, watch_feed_name(watcher, run->feed),
                    (unsigned long long)point.size);
    }
    if (own) {
        own_head(watcher, machine, info, &point);
    }
}

void watch_ack(struct sim_watcher *watcher, struct watch_machine *machine,
               const struct p2p_ack *ack)
{
    struct watch_point point = {.size = ack->size};
    struct p2p_feed held;
    if (ack->feed >= watcher->feed_count) {
        sim_violate(watcher->sim, SIM_INVARIANT_REPRODUCIBLE,
                    "%s acknowledged feed %u, which nobody has", machine->name, ack->feed);
        return;
    }
    struct watch_left *left = watch_left_of(machine, ack->feed);
    p2p_feed_init(&held, ack->feed);
    if (p2p_feed_load(&held, machine->kv) != P2P_OK ||
        p2p_feed_root_at(&held, machine->kv, point.size, &point.root) != P2P_OK) {
        if (!machine->may_be_hurt) {
            sim_violate(watcher->sim, SIM_INVARIANT_REPRODUCIBLE,
                        "%s acknowledged %s size %llu, of which its disk holds %llu",
                        machine->name, watch_feed_name(watcher, ack->feed),
                        (unsigned long long)point.size, (unsigned long long)held.edge.size);
        }
        return;
    }
    watch_signed(watcher, machine, ack->feed, ack->size);
    if (point.size > left->acked.size) {
        left->acked = point;
    }
}

/* ---- a start ---- */

/* What is gone is told once; what a fault took is no longer asked for, but for its own feed. */
static void tell_lost(struct sim_watcher *watcher, const struct watch_machine *machine,
                      uint32_t feed, const char *what, uint64_t size)
{
    if (!machine->may_lose && !machine->may_be_hurt && !machine->lost) {
        sim_violate(watcher->sim, SIM_INVARIANT_REPRODUCIBLE,
                    "%s started without %s %s size %llu, which had left it", machine->name,
                    what, watch_feed_name(watcher, feed), (unsigned long long)size);
    }
}

/* The largest it cosigned is in its own row of that feed. */
static bool remembers(const struct p2p_kv *kv, uint32_t feed, const struct watch_left *left)
{
    struct p2p_witnessing witnessing = {0};
    bool remembered =
        left->cosigned.size == 0 ||
        (p2p_witnessing_load(&witnessing, p2p_alloc_default(), kv, feed) == P2P_OK &&
         witnessing.cosigned_size >= left->cosigned.size &&
         witnessing.cosigned_time_s >= left->cosigned_time_s);
    p2p_witnessing_deinit(&witnessing);
    return remembered;
}

/* Whether that own feed is of a later generation than what it showed, and its disk holds some
 * of it: begun in a batch of which nothing left, since the machine failed. */
static bool began_unseen(const struct sim_watcher *watcher, const struct watch_machine *machine,
                         uint32_t number)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), number);
    struct p2p_feed feed;
    p2p_feed_init(&feed, number);
    return info != NULL && info->member == machine->member && info->generation > 1 &&
           info->generation > machine->generation &&
           p2p_feed_load(&feed, machine->kv) == P2P_OK && feed.edge.size > 0;
}

/* Whether its disk was hurt and holds more of that feed: what stands below is the scrubber's.
 */
static bool hurt_below(const struct watch_machine *machine, uint32_t number, uint64_t size)
{
    struct p2p_feed feed;
    p2p_feed_init(&feed, number);
    return machine->may_be_hurt && p2p_feed_load(&feed, machine->kv) == P2P_OK &&
           feed.edge.size > size;
}

void watch_restarted(struct sim_watcher *watcher, struct watch_machine *machine,
                     uint32_t appends)
{
    bool own_lost = false;
    for (uint32_t i = 0; i < machine->left_count; i++) {
        struct watch_left *left = &machine->left[i];
        if (!watch_holds(machine->kv, i, &left->head)) {
            if (watch_was_cut(watcher, machine, i, &left->head)) { /* its key was stolen */
                left->head = (struct watch_point){0};
            } else if (!hurt_below(machine, i, left->head.size)) {
                tell_lost(watcher, machine, i, "its own", left->head.size);
                own_lost = true;
            }
        }
        if (!watch_holds(machine->kv, i, &left->acked)) {
            if (!watch_was_cut(watcher, machine, i, &left->acked)) {
                tell_lost(watcher, machine, i, "what it acknowledged,", left->acked.size);
            }
            left->acked = (struct watch_point){0};
        }
        if (!watch_holds(machine->kv, i, &left->cosigned) || !remembers(machine->kv, i, left)) {
            if (!watch_was_cut(watcher, machine, i, &left->cosigned)) {
                tell_lost(watcher, machine, i, "what it cosigned,", left->cosigned.size);
            }
            left->cosigned = (struct watch_point){0};
            left->cosigned_time_s = 0;
        }
    }
    machine->lost = own_lost;
    if (machine->may_lose || machine->may_be_hurt) { /* what came since it was expected, too */
        watch_walk_anew(machine);
        watch_forget_released(machine);
    }
    if (own_lost && began_unseen(watcher, machine, appends)) {
        watch_renewed(watcher, machine,
                      p2p_charter_feed(watch_charter(watcher), appends)->generation);
    } else if (own_lost && appends != 0) {
        sim_violate(watcher->sim, SIM_INVARIANT_NO_SILENT_RESTORE,
                    "%s appends after a start that gave back less than it had signed",
                    machine->name);
    }
}
