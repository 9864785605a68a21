/* What left which gate: once a visit, kept before it was answered, for whom somebody named, and
 * over nothing that the gate knew to forbid it.
 *
 * Whether a container leaves is asked of the world (yard.h) and of what leaves a machine. Where
 * a member in a token's chain lies, or two ports opened one visit, nothing is claimed. */
#include "watch.h"

#include "workload/yard.h"

#include <p2p/custody.h>

static bool same(const struct p2p_record_id *a, const struct p2p_record_id *b)
{
    return p2p_record_id_compare(a, b) == 0;
}

static const struct sim_yard *yard_of(const struct sim_watcher *watcher)
{
    return sim_workload_yard(watcher->sim->workload);
}

/* ---- a container leaves ---- */

/* What was answered stands on the disk, and in the copy. Fills the token. */
static bool is_kept(struct sim_watcher *watcher, const struct watch_machine *machine,
                    const struct watch_gate *gate, const struct p2p_job *collect,
                    struct watch_release *release)
{
    struct p2p_record record;
    struct p2p_cites walk;
    const struct p2p_record_id *decided = &collect->result.first;
    const char *lacks = NULL;
    if (collect->result.spooled || !collect->check.released ||
        !watch_record_at(machine, release->use.feed, release->use.index, P2P_KIND_USE,
                         &record)) {
        lacks = "no use";
    } else {
        p2p_cites_begin(&walk, &record);
        release->circle = record.circle;
        bool cites =
            p2p_cites_next(&walk, &release->token) && p2p_cites_next(&walk, &release->right);
        struct p2p_record_id approve;
        release->overruled = cites && p2p_cites_next(&walk, &approve);
        lacks = cites ? NULL : "a use of nothing";
    }
    if (lacks == NULL && (decided->index <= release->use.index ||
                          !watch_record_at(machine, decided->feed, decided->index,
                                           P2P_KIND_DECISIONS, &record))) {
        lacks = "no decision";
    } else if (lacks == NULL && gate->copied <= release->use.index) {
        lacks = "no copy";
    }
    if (lacks != NULL) {
        sim_violate(watcher->sim, SIM_INVARIANT_RELEASE_KEPT,
                    "%s let out %s by %s record %llu, and its disk has %s of that",
                    machine->name, collect->check.container,
                    watch_feed_name(watcher, release->use.feed),
                    (unsigned long long)release->use.index, lacks);
    }
    return lacks == NULL;
}

/* The same container in the same visit, by whichever token. */
static bool is_same_visit(const struct sim_watcher *watcher, const struct watch_release *a,
                          const struct watch_release *b)
{
    const struct sim_opening *of_a = sim_yard_opening(yard_of(watcher), &a->token);
    const struct sim_opening *of_b = sim_yard_opening(yard_of(watcher), &b->token);
    return of_a != NULL && of_b != NULL && of_a->box == of_b->box &&
           of_a->visit == of_b->visit && !sim_yard_opened_twice(yard_of(watcher), of_a);
}

static void compare_releases(struct sim_watcher *watcher, const struct watch_machine *machine,
                             const struct watch_release *release)
{
    bool wild = false; /* somebody who lies let it out before */
    for (size_t i = 0; i < watcher->release_count; i++) {
        const struct watch_release *other = &watcher->releases[i];
        wild = wild || (!other->honest && is_same_visit(watcher, other, release));
    }
    for (size_t i = 0; i < watcher->release_count && !wild; i++) {
        const struct watch_release *other = &watcher->releases[i];
        if (other->honest &&
            (same(&other->token, &release->token) || is_same_visit(watcher, other, release))) {
            sim_violate(watcher->sim, SIM_INVARIANT_ONE_RELEASE,
                        "%s let out the container of %s record %llu, which %s had let out",
                        machine->name, watch_feed_name(watcher, release->token.feed),
                        (unsigned long long)release->token.index, other->machine);
        }
    }
}

/* ---- for whom ---- */

static void look_at_driver(struct sim_watcher *watcher, const struct watch_machine *machine,
                           const struct p2p_gate_check *check,
                           const struct watch_release *release)
{
    if (!sim_yard_named(yard_of(watcher), check->container, check->subjects,
                        check->subject_count, check->own_ms, release->overruled)) {
        sim_violate(watcher->sim, SIM_INVARIANT_RELEASE_FITS,
                    "%s let out %s by %s record %llu for whom or when nobody named",
                    machine->name, check->container,
                    watch_feed_name(watcher, release->use.feed),
                    (unsigned long long)release->use.index);
    }
}

static void look_at_lease(struct sim_watcher *watcher, const struct watch_machine *machine,
                          const struct watch_release *release)
{
    if (!watch_may_have_lease(watcher, machine, release->use.feed)) {
        sim_violate(watcher->sim, SIM_INVARIANT_LEASED,
                    "%s let a container out by %s record %llu, and no quorum of its witnesses "
                    "was asked and answered in a lease's time",
                    machine->name, watch_feed_name(watcher, release->use.feed),
                    (unsigned long long)release->use.index);
    }
}

void watch_left(struct sim_watcher *watcher, struct watch_machine *machine,
                const struct watch_gate *gate, const struct p2p_job *collect)
{
    struct watch_release release = {.use = {gate->feed, collect->check.use},
                                    .own_ms = collect->check.own_ms,
                                    .machine = machine->name,
                                    .honest = machine->honest};
    struct p2p_custody custody;
    const struct sim_opening *opening;
    if (!machine->honest) {
        struct p2p_record record;
        struct p2p_cites walk;
        if (watch_record_at(machine, release.use.feed, release.use.index, P2P_KIND_USE,
                            &record)) {
            p2p_cites_begin(&walk, &record);
            (void)p2p_cites_next(&walk, &release.token);
        }
    } else if (!is_kept(watcher, machine, gate, collect, &release)) {
        return;
    } else if (p2p_custody_get(machine->kv, release.circle, &release.token, &custody) ==
                   P2P_OK &&
               watch_is_honest_chain(watcher, &custody)) {
        compare_releases(watcher, machine, &release);
        opening = sim_yard_opening(yard_of(watcher), &release.token);
        if (opening != NULL && sim_yard_stands(yard_of(watcher), opening)) {
            look_at_driver(watcher, machine, &collect->check, &release);
        }
        look_at_lease(watcher, machine, &release);
        if (!machine->lost_once) {
            watch_forbidden(watcher, machine, &release, &custody);
        }
    }
    watcher->releases = watch_room(watcher->releases, watcher->release_count,
                                   &watcher->release_cap, sizeof(release));
    watcher->releases[watcher->release_count++] = release;
}
