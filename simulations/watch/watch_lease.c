/* Leases, as the frames show them: who asked his witnesses when, and who of them answered.
 *
 * A gate that lets a container out asked less than a lease ago, and a quorum of its feed's
 * witnesses answered. One-sided: the quorum is that of the fewest witnesses the feed ever had,
 * whoever lies has answered, and an answer that left has arrived. */
#include "watch.h"

#define ANSWER_US                                                                              \
    (5 * SIM_SECOND) /* from a decision to the barrier: somebody else holds it                 \
                      */

static struct watch_round *round_of(struct watch_machine *machine, const struct p2p_hash *nonce)
{
    size_t kept =
        machine->round_count < WATCH_ROUNDS_MAX ? machine->round_count : WATCH_ROUNDS_MAX;
    for (size_t i = 0; i < kept; i++) {
        if (p2p_hash_equal(&machine->rounds[i].nonce, nonce)) {
            return &machine->rounds[i];
        }
    }
    return NULL;
}

void watch_lease_asked(struct sim_watcher *watcher, struct watch_machine *machine,
                       const struct p2p_lease_ask *ask)
{
    if (round_of(machine, &ask->nonce) == NULL) {
        machine->rounds[machine->round_count++ % WATCH_ROUNDS_MAX] = (struct watch_round){
            .nonce = ask->nonce, .asked_us = watcher->sim->schedule.now_us};
    }
}

static uint64_t bit_of(uint32_t member)
{
    return member < 64 ? UINT64_C(1) << member : 0;
}

void watch_lease_answered(struct sim_watcher *watcher, const struct watch_machine *machine,
                          const struct p2p_lease_answer *answer)
{
    for (size_t i = 0; i < watcher->machine_count; i++) {
        struct watch_round *round = round_of(&watcher->machines[i], &answer->nonce);
        if (round != NULL) {
            round->answered |= bit_of(machine->member);
        }
    }
}

bool watch_may_have_lease(const struct sim_watcher *watcher,
                          const struct watch_machine *machine, uint32_t feed)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    uint32_t needed = p2p_witness_quorum(watcher->feeds[feed].fewest);
    uint64_t lease_us = p2p_charter_policy(charter)->lease_s * SIM_SECOND;
    uint64_t now_us = watcher->sim->schedule.now_us;
    uint64_t liars = 0;
    bool leased = watcher->feeds[feed].fewest == 0 || p2p_charter_member_count(charter) >= 64;
    for (uint32_t m = 1; m <= p2p_charter_member_count(charter); m++) {
        liars |= watch_is_honest_member(watcher, m) ? 0 : bit_of(m);
    }
    for (size_t i = 0; i < WATCH_ROUNDS_MAX && i < machine->round_count; i++) {
        const struct watch_round *round = &machine->rounds[i];
        uint32_t count = (uint32_t)__builtin_popcountll(round->answered | liars);
        leased = leased || (now_us - round->asked_us < lease_us + ANSWER_US && count >= needed);
    }
    return leased;
}
