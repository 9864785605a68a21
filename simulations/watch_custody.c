/* Custody as the yards show it: what left which gate, and who believes that he may let out
 * what.
 *
 * Whether a container leaves is asked of the world (yard.h) and of what leaves a machine. Who
 * could release now is what each machine itself believes, since that is what a gate acts on;
 * the beliefs of honest machines are compared with one another. Where a member in a token's
 * chain lies, or two ports opened one visit, nothing is claimed of that token but what is said
 * of second accepts. */
#include "watch.h"

#include "yard.h"

#include <p2p/custody.h>
#include <p2p/grant.h>

#include <p2p/assert.h>

#include <stdlib.h>

/* ---- what honest chains are ---- */

/* Everybody who ever held or was offered it, as one machine has it. */
static bool is_honest_chain(const struct sim_watcher *watcher,
                            const struct p2p_custody *custody)
{
    bool honest = watch_is_honest_feed(watcher, custody->id.feed) &&
                  watch_is_honest_feed(watcher, custody->holder) &&
                  (custody->to == 0 || watch_is_honest_member(watcher, custody->to));
    for (size_t i = 0; i < custody->tenure_count; i++) {
        honest = honest && watch_is_honest_feed(watcher, custody->tenures[i].feed);
    }
    return honest;
}

static bool same(const struct p2p_record_id *a, const struct p2p_record_id *b)
{
    return p2p_record_id_compare(a, b) == 0;
}

static const struct sim_yard *yard_of(const struct sim_watcher *watcher)
{
    return sim_workload_yard(watcher->sim->workload);
}

/* ---- a container leaves ---- */

/* The record at (feed, index) of a disk, if it holds one of that kind. */
static bool find_record(const struct watch_machine *machine, uint32_t number, uint64_t index,
                        uint32_t kind, struct p2p_record *out)
{
    struct p2p_feed feed;
    struct p2p_slice leaf;
    p2p_feed_init(&feed, number);
    return p2p_feed_load(&feed, machine->kv) == P2P_OK && index < feed.edge.size &&
           p2p_feed_leaf(&feed, machine->kv, index, &leaf) == P2P_OK &&
           p2p_record_decode(out, leaf) == P2P_OK && out->kind == kind;
}

/* What was answered stands on the disk, and in the copy. Fills the token. */
static bool is_kept(struct sim_watcher *watcher, const struct watch_machine *machine,
                    const struct sim_host *host, const struct p2p_job *collect,
                    struct watch_release *release)
{
    struct p2p_record record;
    struct p2p_cites walk;
    struct p2p_copy_point copy;
    const struct p2p_record_id *decided = &collect->result.first;
    const char *lacks = NULL;
    if (collect->result.spooled || !collect->check.released ||
        !find_record(machine, release->use.feed, release->use.index, P2P_KIND_USE, &record)) {
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
    if (lacks == NULL &&
        (decided->index <= release->use.index ||
         !find_record(machine, decided->feed, decided->index, P2P_KIND_DECISIONS, &record))) {
        lacks = "no decision";
    } else if (lacks == NULL &&
               (!sim_disk_copied(host->disk, &copy) || copy.size <= release->use.index)) {
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
                const struct sim_host *host, const struct p2p_job *collect)
{
    struct watch_release release = {
        .use = {p2p_engine_own_feed(host->node.engine), collect->check.use},
        .machine = machine->name,
        .honest = machine->honest};
    struct p2p_custody custody;
    const struct sim_opening *opening;
    if (!machine->honest) {
        struct p2p_record record;
        struct p2p_cites walk;
        if (find_record(machine, release.use.feed, release.use.index, P2P_KIND_USE, &record)) {
            p2p_cites_begin(&walk, &record);
            (void)p2p_cites_next(&walk, &release.token);
        }
    } else if (!is_kept(watcher, machine, host, collect, &release)) {
        return;
    } else if (p2p_custody_get(machine->kv, release.circle, &release.token, &custody) ==
                   P2P_OK &&
               is_honest_chain(watcher, &custody)) {
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

/* ---- what is released stays so ---- */

static bool *released_here(struct watch_machine *machine, const struct p2p_record_id *token)
{
    for (size_t i = 0; i < machine->released_count; i++) {
        if (same(&machine->released[i].token, token)) {
            return &machine->released[i].told;
        }
    }
    return NULL;
}

static void look_at_released(struct sim_watcher *watcher, struct watch_machine *machine,
                             const struct p2p_custody *custody)
{
    bool *told = released_here(machine, &custody->id);
    if (custody->state == P2P_CUSTODY_RELEASED) {
        if (told == NULL && watch_is_honest_feed(watcher, custody->step.feed)) {
            const struct watch_released released = {.token = custody->id};
            machine->released = watch_room(machine->released, machine->released_count,
                                           &machine->released_cap, sizeof(released));
            machine->released[machine->released_count++] = released;
        }
        return;
    }
    if (told != NULL && !*told && is_honest_chain(watcher, custody)) {
        *told = true;
        sim_violate(watcher->sim, SIM_INVARIANT_RELEASED_STANDS,
                    "%s has %s record %llu as %s, and had it as released", machine->name,
                    watch_feed_name(watcher, custody->id.feed),
                    (unsigned long long)custody->id.index,
                    p2p_custody_state_word(custody->state));
    }
}

/* Whether a machine holds of every feed what the author of a record knew there. */
static bool holds_known(struct sim_watcher *watcher, const struct watch_machine *machine,
                        const struct p2p_record_id *id)
{
    for (uint32_t i = 1; i < watcher->feed_count; i++) {
        struct p2p_feed feed;
        p2p_feed_init(&feed, i);
        if (p2p_feed_load(&feed, machine->kv) != P2P_OK ||
            feed.edge.size < watch_known(watcher, id->feed, id->index, i)) {
            return false;
        }
    }
    return true;
}

/* A machine that holds the `use` by which a container left, and what its gate and who opened
 * the token knew, has it as released: who fetches everything anew comes by it before it holds
 * what it rests on. */
static void look_at_use(struct sim_watcher *watcher, const struct watch_machine *machine,
                        const struct p2p_custody *custody)
{
    for (size_t i = 0; i < watcher->release_count; i++) {
        const struct watch_release *release = &watcher->releases[i];
        struct p2p_record record;
        if (release->honest && same(&release->token, &custody->id) &&
            release->circle == custody->circle && custody->state != P2P_CUSTODY_RELEASED &&
            is_honest_chain(watcher, custody) &&
            watch_is_honest_feed(watcher, release->use.feed) &&
            find_record(machine, release->use.feed, release->use.index, P2P_KIND_USE,
                        &record) &&
            holds_known(watcher, machine, &release->use) &&
            holds_known(watcher, machine, &release->token)) {
            sim_violate(watcher->sim, SIM_INVARIANT_RELEASED_STANDS,
                        "%s holds %s record %llu, which let a container out, and has it as %s",
                        machine->name, watch_feed_name(watcher, release->use.feed),
                        (unsigned long long)release->use.index,
                        p2p_custody_state_word(custody->state));
        }
    }
}

void watch_forget_released(struct watch_machine *machine)
{
    machine->released_count = 0;
}

/* ---- who could release now ---- */

static bool rests(const struct sim_host *host, const struct p2p_custody *custody)
{
    const struct p2p_witnessing *witnessing =
        custody->rests_feed == 0
            ? NULL
            : p2p_engine_witnessing(host->node.engine, custody->rests_feed);
    return custody->rests_feed == 0 ||
           (witnessing != NULL && witnessing->quorum_size > custody->rests_index);
}

static bool could_release(const struct sim_host *host, const struct p2p_custody *custody)
{
    const struct p2p_now now = {.mono_ms = sim_host_mono_ms(host)};
    return custody->state == P2P_CUSTODY_HELD && custody->frozen == 0 &&
           custody->holder == p2p_engine_own_feed(host->node.engine) &&
           p2p_engine_custody(host->node.engine, &now, NULL) == P2P_CUSTODY_READY &&
           rests(host, custody);
}

static struct watch_held *held_row(struct sim_watcher *watcher,
                                   const struct p2p_record_id *token)
{
    for (size_t i = 0; i < watcher->held_count; i++) {
        if (same(&watcher->held[i].token, token)) {
            return &watcher->held[i];
        }
    }
    watcher->held = watch_room(watcher->held, watcher->held_count, &watcher->held_cap,
                               sizeof(*watcher->held));
    watcher->held[watcher->held_count] = (struct watch_held){.token = *token};
    return &watcher->held[watcher->held_count++];
}

static void tell_held(struct sim_watcher *watcher, const struct watch_machine *machine,
                      const struct p2p_custody *custody, const char *and)
{
    sim_violate(watcher->sim, SIM_INVARIANT_ONE_HOLDER,
                "%s could release %s record %llu at epoch %llu, %s", machine->name,
                watch_feed_name(watcher, custody->id.feed),
                (unsigned long long)custody->id.index, (unsigned long long)custody->epoch, and);
}

static void look_at_holder(struct sim_watcher *watcher, const struct watch_machine *machine,
                           const struct p2p_custody *custody)
{
    struct watch_held *held = held_row(watcher, &custody->id);
    bool honest = is_honest_chain(watcher, custody) && !held->lies;
    if (held->scan == watcher->scans && held->member != machine->member) {
        held->twice = held->twice || !honest;
        if (honest) {
            tell_held(watcher, machine, custody, "and so could another at this moment");
        }
    } else if (honest && held->epoch > custody->epoch) {
        tell_held(watcher, machine, custody, "and somebody could at a later epoch before");
    } else if (honest && held->epoch == custody->epoch && held->member != 0 &&
               held->member != machine->member) {
        tell_held(watcher, machine, custody, "and another could at that epoch before");
    }
    for (size_t i = 0; i < watcher->release_count && honest; i++) {
        if (watcher->releases[i].honest && same(&watcher->releases[i].token, &custody->id)) {
            tell_held(watcher, machine, custody, "and its container has left");
        }
    }
    held->lies = held->lies || !honest;
    held->liar = honest ? held->liar : watch_liar_of(watcher, custody);
    held->scan = watcher->scans;
    held->member = machine->member;
    held->epoch = custody->epoch;
}

uint32_t watch_liar_of(const struct sim_watcher *watcher, const struct p2p_custody *custody)
{
    for (size_t i = 0; i < custody->tenure_count; i++) {
        if (!watch_is_honest_feed(watcher, custody->tenures[i].feed)) {
            return custody->tenures[i].feed;
        }
    }
    return 0;
}

void watch_custody(struct sim_watcher *watcher, struct watch_machine *machine,
                   const struct sim_host *host)
{
    const struct p2p_gate_place *place = p2p_engine_place(host->node.engine);
    for (size_t i = 0; i < place->circle_count; i++) {
        struct p2p_record_id id = {0, 0};
        struct p2p_custody custody;
        for (bool begin = true;
             p2p_custody_next(machine->kv, place->circles[i], &id, begin, &custody) == P2P_OK;
             begin = false) {
            id = custody.id;
            look_at_released(watcher, machine, &custody);
            look_at_use(watcher, machine, &custody);
            if (could_release(host, &custody)) {
                look_at_holder(watcher, machine, &custody);
            }
        }
    }
}

/* Two who could release at one moment, since somebody lied: both rest on what a quorum cosigned
 * of him, so by now his two histories are proven. */
void watch_settle_custody(struct sim_watcher *watcher)
{
    for (size_t i = 0; i < watcher->held_count; i++) {
        struct watch_held *held = &watcher->held[i];
        if (held->twice && held->liar != 0 && !watch_feed_of(watcher, held->liar)->proven) {
            sim_violate(watcher->sim, SIM_INVARIANT_SECOND_ACCEPT,
                        "two ports could release %s record %llu, and nothing proves that %s "
                        "lied",
                        watch_feed_name(watcher, held->token.feed),
                        (unsigned long long)held->token.index,
                        watch_feed_name(watcher, held->liar));
        }
        held->twice = false;
    }
}
