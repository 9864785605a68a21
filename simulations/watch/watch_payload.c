/* Payloads that are lacked: each is told where it is lacked, and after everything was healed
 * nobody lacks what another has who may give it. What nobody has any more is nobody's fault. */
#include "watch.h"

#include <stdio.h>

/* Whether the charter has a member in that circle as far as this machine holds it: an entry
 * that the roots gave to nobody but a disk that lost it again makes nobody's gate look there.
 */
static bool is_inside(const struct sim_watcher *watcher, const struct watch_summary *summary,
                      uint32_t circle, uint32_t member)
{
    uint64_t since = watch_member_since(watcher, circle, member);
    return circle == 0 || (since > 0 && since <= summary->feeds[P2P_CHARTER_FEED].size);
}

static bool holds(const struct watch_machine *machine, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice salted;
    return p2p_kv_get(machine->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id), &salted) == P2P_OK;
}

/* Whether that disk counts what is missing or lost in the circle (STORE.md, `lack/`): by that
 * its gate knows that it is not complete. */
static bool is_told(const struct watch_machine *machine, uint32_t circle)
{
    char name[24];
    struct p2p_slice value;
    struct p2p_reader in;
    int len = snprintf(name, sizeof(name), "lack/%u", (unsigned)circle);
    if (p2p_kv_get(machine->kv, P2P_TABLE_META, p2p_slice_of(name, (size_t)len), &value) !=
        P2P_OK) {
        return false;
    }
    p2p_reader_init(&in, value);
    p2p_reader_u8(&in);
    uint8_t flags = p2p_reader_u8(&in);
    uint64_t missing = p2p_reader_u64(&in);
    uint64_t lost = p2p_reader_u64(&in);
    return missing > 0 || lost > 0 || (flags & 2) != 0;
}

static void settle_one(struct sim_watcher *watcher, const struct watch_summary *all,
                       size_t count, const struct watch_summary *summary,
                       const struct watch_missing *missing)
{
    const struct watch_machine *machine = summary->machine;
    const struct p2p_feed_info *info =
        p2p_charter_feed(watch_charter(watcher), missing->id.feed);
    if (info == NULL || !is_inside(watcher, summary, missing->circle, machine->member) ||
        holds(machine, &missing->id)) {
        return;
    }
    const char *name = watch_feed_name(watcher, missing->id.feed);
    if (!is_told(machine, missing->circle)) {
        sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY,
                    "%s took %s record %llu without its payload and does not say so",
                    machine->name, name, (unsigned long long)missing->id.index);
    }
    for (size_t i = 0; i < count; i++) {
        const struct watch_machine *other = all[i].machine;
        if (!other->may_be_hurt && holds(other, &missing->id) &&
            (other->member == info->member ||
             is_inside(watcher, summary, missing->circle, other->member))) {
            sim_violate(watcher->sim, SIM_INVARIANT_CONVERGED,
                        "%s lacks the payload of %s record %llu, which %s has, after "
                        "everything was healed",
                        machine->name, name, (unsigned long long)missing->id.index,
                        other->name);
            return;
        }
    }
}

/* ---- who stands before one that nobody holds ---- */

/* The first record from `from` on whose payload this machine may hold, and no machine of an
 * author or a member of its circle does; UINT64_MAX: none. */
static uint64_t first_lost(const struct sim_watcher *watcher, const struct watch_summary *all,
                           size_t count, const struct watch_summary *behind,
                           const struct watch_machine *ahead, const struct p2p_feed *held,
                           uint64_t from)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), held->number);
    struct p2p_feed_walk walk;
    p2p_feed_walk_begin(&walk, held, ahead->kv, from);
    while (info != NULL && walk.index < held->edge.size) {
        const struct p2p_record_id id = {held->number, walk.index};
        struct p2p_record record;
        struct p2p_slice leaf;
        if (p2p_feed_walk_next(&walk, &leaf) != P2P_OK ||
            p2p_record_peek(&record, leaf) != P2P_OK) {
            return UINT64_MAX;
        }
        bool lost = record.body_type == P2P_BODY_COMMITMENT &&
                    is_inside(watcher, behind, record.circle, behind->machine->member);
        for (size_t i = 0; i < count && lost; i++) {
            const struct watch_machine *other = all[i].machine;
            lost = !holds(other, &id) ||
                   (other->member != info->member &&
                    !is_inside(watcher, behind, record.circle, other->member));
        }
        if (lost) {
            return id.index;
        }
    }
    return UINT64_MAX;
}

/* Whether a signed head that a disk keeps leads to somewhere above `from` and not beyond `to`.
 */
static bool has_head_between(const struct watch_machine *machine, uint32_t number,
                             uint64_t from, uint64_t to)
{
    struct p2p_feed held;
    struct p2p_tree_head head;
    p2p_feed_init(&held, number);
    return p2p_feed_load(&held, machine->kv) == P2P_OK && held.edge.size > from &&
           p2p_feed_head_from(&held, machine->kv, from + 1, &head) == P2P_OK && head.size <= to;
}

/* Whether a witness cosigned more of a feed than that, or names more in what is held of its
 * member's feeds. */
static bool vouches(struct sim_watcher *watcher, const struct watch_summary *behind,
                    uint32_t number, uint32_t witness, uint64_t size)
{
    const struct watch_feed *feed = watch_feed_of(watcher, number);
    for (size_t i = 0; i < feed->cosigner_count; i++) {
        const struct watch_cosigner *cosigner = &feed->cosigners[i];
        for (size_t n = 0; n < cosigner->count && cosigner->witness == witness; n++) {
            if (cosigner->all[n].size > size) {
                return true;
            }
        }
    }
    for (uint32_t by = 1; by < behind->feed_count; by++) {
        const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), by);
        if (info != NULL && info->member == p2p_witness_member(witness) &&
            watch_known(watcher, by, behind->feeds[by].size, number) > size) {
            return true;
        }
    }
    return false;
}

bool watch_stands_before_lost(struct sim_watcher *watcher, const struct watch_summary *all,
                              size_t count, const struct watch_summary *behind,
                              const struct watch_summary *ahead, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), feed);
    uint64_t size = feed < behind->feed_count ? behind->feeds[feed].size : 0;
    struct p2p_feed held;
    struct watch_point w;
    uint32_t vouching = 0;
    p2p_feed_init(&held, feed);
    if (info == NULL || p2p_feed_load(&held, ahead->machine->kv) != P2P_OK ||
        (size > 0 && !watch_holds(ahead->machine->kv, feed, &behind->feeds[feed])) ||
        (watch_w(watcher, behind->machine, feed, &w) && w.size > size)) {
        return false;
    }
    uint64_t lost = first_lost(watcher, all, count, behind, ahead->machine, &held, size);
    for (size_t i = 0; i < count && lost != UINT64_MAX; i++) {
        if (has_head_between(all[i].machine, feed, size, lost)) {
            return false; /* it could have come further */
        }
    }
    for (uint32_t i = 0; i < info->witness_count; i++) {
        vouching += vouches(watcher, behind, feed, info->witnesses[i], size) ? 1 : 0;
    }
    return lost != UINT64_MAX && vouching <= p2p_witness_faults(info->witness_count);
}

void watch_settle_payloads(struct sim_watcher *watcher, const struct watch_summary *all,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct watch_machine *machine = all[i].machine;
        for (size_t m = 0; !machine->may_be_hurt && m < machine->missing_count; m++) {
            settle_one(watcher, all, count, &all[i], &machine->missing[m]);
        }
    }
}
