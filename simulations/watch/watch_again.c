/* Every decision of one machine once more, by the gate's own function over the past of what its
 * feed shows it knew: as an audit does it. watch_gate.c reads the same naively, and sees only
 * wrong allows; this sees every other answer, too, and shares its code with the gate. */
#include "watch.h"

#include <p2p/assert.h>
#include <p2p/decision.h>

#include <stdlib.h>
#include <string.h>

struct again {
    struct sim_watcher *watcher;
    const struct watch_machine *machine;
    struct p2p_ledger ledger; /* over the machine's disk */
    struct p2p_past *past;
    struct p2p_horizon horizon;
    bool *withheld; /* by circle number: a fork took a history away with a payload of it */
    size_t circles;
    uint8_t payload[P2P_PAYLOAD_BYTES_MAX];
};

static void tell(struct again *again, const struct p2p_record_id *id, uint32_t n,
                 const struct p2p_decision *decision, const struct p2p_decided_again *found)
{
    sim_violate(again->watcher->sim,
                decision->answer == P2P_ANSWER_ALLOW ? SIM_INVARIANT_NEVER_ALLOWED
                                                     : SIM_INVARIANT_REPLAY,
                "%s answered %s in %s record %llu #%u, and from what it knew %s follows: %s",
                again->machine->name, p2p_answer_word(decision->answer),
                watch_feed_name(again->watcher, id->feed), (unsigned long long)id->index, n,
                p2p_answer_word(found->should.answer), p2p_decided_text(found->decided));
}

static enum p2p_err decide(struct again *again, const struct p2p_record_id *id, uint32_t n,
                           struct p2p_slice packed)
{
    const struct p2p_decision_place place = {.feed = id->feed,
                                             .index = id->index,
                                             .withheld = again->withheld,
                                             .withheld_count = again->circles};
    struct p2p_decision decision;
    struct p2p_decided_again found;
    enum p2p_err err = p2p_decision_parse(&decision, packed);
    if (err == P2P_MALFORMED) {
        return P2P_OK; /* written on purpose: it is no decision */
    }
    if (err == P2P_OK) {
        err = p2p_decision_known(&decision, again->machine->kv, id->feed, id->index,
                                 &again->horizon);
    }
    if (err == P2P_OK) {
        err = p2p_decision_again(again->past, &again->horizon, &place, &decision, &found);
    }
    if (err == P2P_OK && (found.decided == P2P_DECIDED_OTHER_ANSWER ||
                          found.decided == P2P_DECIDED_OTHER_REASONS)) {
        tell(again, id, n, &decision, &found);
    }
    return err;
}

static enum p2p_err decide_record(struct again *again, const struct p2p_record_id *id)
{
    struct p2p_decisions_walk walk;
    struct p2p_slice salted;
    struct p2p_slice packed;
    enum p2p_err err = p2p_ledger_salted(&again->ledger, id, &salted);
    if (err != P2P_OK || salted.len <= P2P_SALT_BYTES) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    memcpy(again->payload, salted.data + P2P_SALT_BYTES, salted.len - P2P_SALT_BYTES);
    p2p_decisions_begin(&walk, p2p_slice_of(again->payload, salted.len - P2P_SALT_BYTES));
    err = p2p_decisions_next(&walk, &packed);
    for (uint32_t n = 0; err == P2P_OK; n++) {
        err = decide(again, id, n, packed);
        if (err == P2P_OK) {
            err = p2p_decisions_next(&walk, &packed);
        }
    }
    /* A record of this kind that was written wrong on purpose holds no list. */
    return err == P2P_NOTFOUND || err == P2P_MALFORMED ? P2P_OK : err;
}

static enum p2p_err decide_feed(struct again *again, uint32_t number)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&again->ledger, number);
    enum p2p_err err = P2P_OK;
    for (uint64_t i = 0; i < feed->edge.size && err == P2P_OK; i++) {
        const struct p2p_record_id id = {number, i};
        struct p2p_slice leaf;
        struct p2p_record record;
        err = p2p_feed_leaf(feed, again->machine->kv, i, &leaf);
        if (err == P2P_OK) {
            err = p2p_record_decode(&record, leaf);
        }
        if (err == P2P_OK && record.kind == P2P_KIND_DECISIONS) {
            err = decide_record(again, &id);
        }
    }
    return err;
}

/* In which circles the disk lacks payloads: who came back to a history that it had left may
 * find nobody who still has them all, and sees fewer bans than the gate saw then. */
static void find_withheld(struct again *again)
{
    again->circles = p2p_charter_circle_count(again->ledger.charter) + 1u;
    again->withheld = calloc(again->circles, sizeof(*again->withheld));
    p2p_assert(again->withheld != NULL);
    for (size_t i = 0; i < again->machine->missing_count; i++) {
        uint32_t circle = again->machine->missing[i].circle;
        if (circle < again->circles) {
            again->withheld[circle] = true;
        }
    }
}

static enum p2p_err decide_all(struct again *again)
{
    enum p2p_err err =
        p2p_past_new(&again->past, p2p_alloc_default(), &again->ledger, again->machine->kv);
    for (uint32_t i = 1; i < again->ledger.feed_count && err == P2P_OK; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(again->ledger.charter, i);
        if (info != NULL && info->member == again->machine->member) {
            err = decide_feed(again, i);
        }
    }
    return err;
}

void watch_again(struct sim_watcher *watcher, struct watch_machine *machine)
{
    struct again *again = calloc(1, sizeof(*again));
    p2p_assert(again != NULL);
    again->watcher = watcher;
    again->machine = machine;
    if (machine->lost_once) { /* what only it ever held, nobody can look up any more */
        free(again);
        return;
    }
    enum p2p_err err = p2p_ledger_open(&again->ledger, p2p_alloc_default(),
                                       watcher->sim->federation.sigs, machine->kv, NULL);
    if (err == P2P_OK) {
        again->ledger.kinds_unknown =
            machine->kinds_unknown; /* of what a record carries, too */
        again->horizon.count = again->ledger.feed_count;
        again->horizon.sizes = calloc(again->horizon.count, sizeof(uint64_t));
        p2p_assert(again->horizon.sizes != NULL);
        find_withheld(again);
        err = decide_all(again);
    }
    if (err != P2P_OK) {
        sim_violate(watcher->sim, SIM_INVARIANT_REPLAY,
                    "the decisions of %s cannot be computed once more: %s", machine->name,
                    p2p_err_text(err));
    }
    p2p_past_free(again->past);
    p2p_ledger_close(&again->ledger);
    free(again->horizon.sizes);
    free(again->withheld);
    free(again);
}
