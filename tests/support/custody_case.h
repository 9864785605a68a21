/* What each test of custody begins with: a federation of ledger_world.h whose issuers may open,
 * offer and recount, each member of which knows the charter. Definitions, not declarations: a
 * test program includes this once and has its own. Inline is what not every one needs. */
#ifndef CUSTODY_CASE_H
#define CUSTODY_CASE_H

#include "check.h"
#include "custody_world.h"

static struct ledger_world world;

static int setup(void **state)
{
    (void)state;
    ledger_world_init(&world);
    custody_world_init(&world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        const struct ledger_claim claim = {0, world.entry_count, false, NULL};
        ledger_world_claims(&world, member, &claim, 1);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_world_deinit(&world);
    return 0;
}

static struct p2p_record_id open_box(uint32_t feed)
{
    return custody_world_open(&world, feed, CUSTODY_BOX);
}

/* The same by who has heard of nothing since its last `seen`. */
static inline struct p2p_record_id open_unaware(uint32_t feed)
{
    return custody_world_open_unaware(&world, feed, CUSTODY_BOX);
}

static inline struct p2p_record_id accept_offer(uint32_t feed, struct p2p_record_id token,
                                                struct p2p_record_id offer, uint64_t epoch)
{
    return custody_world_answer(&world, feed, P2P_KIND_CUSTODY_ACCEPT, token, offer, epoch);
}

/* A quorum of m1's witnesses says that it holds so much of a closed feed. */
static inline void seal_closed(uint32_t closed, uint64_t size)
{
    custody_world_seal(&world, 2, closed, size);
    custody_world_seal(&world, 3, closed, size);
}

static inline struct p2p_custody now(struct p2p_record_id token)
{
    return custody_world_now(&world, token);
}

static inline bool is(const struct p2p_custody *custody, enum p2p_custody_state state,
                      uint32_t holder, uint64_t epoch)
{
    return custody->state == state && custody->holder == holder && custody->epoch == epoch;
}

static inline void check_orders(uint64_t seed)
{
    custody_world_check_orders(&world, seed);
}

/* A test between setup and teardown. */
#define CUSTODY_CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
