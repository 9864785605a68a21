/* Payloads that are lacked: each is told where it is lacked, and after everything was healed
 * nobody lacks what another has who may give it. What nobody has any more is nobody's fault. */
#include "watch.h"

#include <stdio.h>

static bool is_inside(const struct sim_watcher *watcher, uint32_t number, uint32_t member)
{
    const struct p2p_circle *circle = p2p_charter_circle(watch_charter(watcher), number);
    return number == 0 || (circle != NULL && p2p_circle_has(circle, member));
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
                       size_t count, const struct watch_machine *machine,
                       const struct watch_missing *missing)
{
    const struct p2p_feed_info *info =
        p2p_charter_feed(watch_charter(watcher), missing->id.feed);
    if (info == NULL || !is_inside(watcher, missing->circle, machine->member) ||
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
             is_inside(watcher, missing->circle, other->member))) {
            sim_violate(watcher->sim, SIM_INVARIANT_CONVERGED,
                        "%s lacks the payload of %s record %llu, which %s has, after "
                        "everything was healed",
                        machine->name, name, (unsigned long long)missing->id.index,
                        other->name);
            return;
        }
    }
}

void watch_settle_payloads(struct sim_watcher *watcher, const struct watch_summary *all,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct watch_machine *machine = all[i].machine;
        for (size_t m = 0; !machine->may_be_hurt && m < machine->missing_count; m++) {
            settle_one(watcher, all, count, machine, &machine->missing[m]);
        }
    }
}
