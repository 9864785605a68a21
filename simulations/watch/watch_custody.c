/* Custody as each machine has it: what is released stays so, and one at a time could release.
 *
 * Who could release now is what each machine itself believes, since that is what a gate acts
 * on; the beliefs of honest machines are compared with one another. Where a member in a token's
 * chain lies, or two ports opened one visit, nothing is claimed of that token but what is said
 * of second accepts. */
#include "watch.h"

#include <p2p/custody.h>

/* ---- what honest chains are ---- */

bool watch_is_honest_chain(const struct sim_watcher *watcher, const struct p2p_custody *custody)
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

bool watch_record_at(const struct watch_machine *machine, uint32_t number, uint64_t index,
                     uint32_t kind, struct p2p_record *out)
{
    struct p2p_feed feed;
    struct p2p_slice leaf;
    p2p_feed_init(&feed, number);
    return p2p_feed_load(&feed, machine->kv) == P2P_OK && index < feed.edge.size &&
           p2p_feed_leaf(&feed, machine->kv, index, &leaf) == P2P_OK &&
           p2p_record_decode(out, leaf) == P2P_OK && out->kind == kind;
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
    if (told != NULL && !*told && watch_is_honest_chain(watcher, custody)) {
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
            watch_is_honest_chain(watcher, custody) &&
            watch_is_honest_feed(watcher, release->use.feed) &&
            watch_record_at(machine, release->use.feed, release->use.index, P2P_KIND_USE,
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

static bool could_release(const struct watch_gate *gate, const struct p2p_custody *custody)
{
    return custody->state == P2P_CUSTODY_HELD && custody->frozen == 0 &&
           custody->holder == gate->feed && gate->ready &&
           (custody->rests_feed == 0 ||
            gate->quorum(gate->context, custody->rests_feed) > custody->rests_index);
}

/* While two heads of the charter hide by whose word it was, or once a settle voided that, its
 * holder may have given it away, and lets nothing out by it. */
static bool may_be_given(struct sim_watcher *watcher, struct watch_machine *machine,
                         const struct watch_gate *gate, const struct p2p_custody *custody)
{
    if (!gate->hides && !gate->voided) {
        return false;
    }
    uint64_t from = custody->tenures[custody->tenure_count - 1].from;
    watch_follow(watcher, machine, custody->holder);
    for (size_t i = 0; i < watcher->said_count; i++) {
        const struct watch_ban_record *said = &watcher->said[i];
        bool gives = said->kind == P2P_KIND_CUSTODY_OFFER ||
                     said->kind == P2P_KIND_CUSTODY_WITHDRAW ||
                     (said->kind == P2P_KIND_RECOUNT && gate->hides);
        for (size_t n = 0; gives && n < said->cite_count; n++) {
            if (said->id.feed == custody->holder && said->id.index > from &&
                same(&said->cites[n], &custody->id)) {
                return true;
            }
        }
    }
    return false;
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
    bool honest = watch_is_honest_chain(watcher, custody) && !held->lies;
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
                   const struct watch_gate *gate)
{
    for (size_t i = 0; i < gate->circle_count; i++) {
        struct p2p_record_id id = {0, 0};
        struct p2p_custody custody;
        for (bool begin = true;
             p2p_custody_next(machine->kv, gate->circles[i], &id, begin, &custody) == P2P_OK;
             begin = false) {
            id = custody.id;
            if (!gate->hides) {
                look_at_released(watcher, machine, &custody);
                look_at_use(watcher, machine, &custody);
            }
            if (could_release(gate, &custody) &&
                !may_be_given(watcher, machine, gate, &custody)) {
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
