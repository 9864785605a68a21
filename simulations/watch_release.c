/* What left which gate: once a visit, kept before it was answered, for whom somebody named, and
 * over nothing that the gate knew to forbid it.
 *
 * Whether a container leaves is asked of the world (yard.h) and of what leaves a machine. Where
 * a member in a token's chain lies, or two ports opened one visit, nothing is claimed. */
#include "watch.h"

#include "yard.h"

#include <p2p/custody.h>
#include <p2p/grant.h>

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

/* ---- what forbade it ---- */

static bool cites(const struct watch_ban_record *record, const struct p2p_record_id *id)
{
    for (size_t i = 0; i < record->cite_count; i++) {
        if (same(&record->cites[i], id)) {
            return true;
        }
    }
    return false;
}

/* It has effect, whatever else there is, on the right that was used; and the gate knew it. */
static bool surely_blocks(struct sim_watcher *watcher, const struct watch_release *release,
                          const struct watch_ban_record *block)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), block->id.feed);
    return block->kind == P2P_KIND_RIGHT_BLOCK && block->circle == release->circle &&
           block->signed_well && cites(block, &release->right) && block->cite_count == 1 &&
           info != NULL && info->closed == 0 && watch_is_honest_feed(watcher, block->id.feed) &&
           watch_never_revoked(watcher, block->issuer) &&
           watch_granted_word(watcher, block->issuer, p2p_grant_name(P2P_GRANT_BLOCK),
                              watch_charter_known(watcher, &block->id)) &&
           watch_known(watcher, block->id.feed, block->id.index, release->right.feed) >
               release->right.index &&
           watch_known(watcher, release->use.feed, release->use.index, block->id.feed) >
               block->id.index;
}

static void look_at_blocks(struct sim_watcher *watcher, struct watch_machine *machine,
                           const struct watch_release *release)
{
    for (uint32_t i = 1; i < watcher->feed_count; i++) {
        watch_follow(watcher, machine, i);
    }
    for (size_t i = 0; i < watcher->block_count && !release->overruled; i++) {
        const struct watch_ban_record *block = &watcher->blocks[i];
        bool ended = false;
        for (size_t n = 0; n < watcher->block_count; n++) {
            ended = ended || (watcher->blocks[n].kind == P2P_KIND_RIGHT_UNBLOCK &&
                              cites(&watcher->blocks[n], &block->id));
        }
        if (!ended && surely_blocks(watcher, release, block)) {
            sim_violate(watcher->sim, SIM_INVARIANT_FORBIDDEN,
                        "%s let a container out by %s record %llu, and knew that %s record "
                        "%llu blocks it",
                        machine->name, watch_feed_name(watcher, release->use.feed),
                        (unsigned long long)release->use.index,
                        watch_feed_name(watcher, block->id.feed),
                        (unsigned long long)block->id.index);
        }
    }
}

static void look_at_driver(struct sim_watcher *watcher, const struct watch_machine *machine,
                           const struct p2p_gate_check *check,
                           const struct watch_release *release)
{
    if (!sim_yard_named(yard_of(watcher), check->container, check->subjects,
                        check->subject_count, release->overruled)) {
        sim_violate(watcher->sim, SIM_INVARIANT_RELEASE_FITS,
                    "%s let out %s by %s record %llu for whom nobody named", machine->name,
                    check->container, watch_feed_name(watcher, release->use.feed),
                    (unsigned long long)release->use.index);
    }
}

void watch_left(struct sim_watcher *watcher, struct watch_machine *machine,
                const struct watch_gate *gate, const struct p2p_job *collect)
{
    struct watch_release release = {.use = {gate->feed, collect->check.use},
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
        if (!machine->lost_once) {
            look_at_blocks(watcher, machine, &release);
        }
    }
    watcher->releases = watch_room(watcher->releases, watcher->release_count,
                                   &watcher->release_cap, sizeof(release));
    watcher->releases[watcher->release_count++] = release;
}
