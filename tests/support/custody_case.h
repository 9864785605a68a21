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

/* Seals by two members, a quorum of three witnesses: each says that it holds the whole charter
 * and so much of a feed. */
struct seals {
    struct p2p_record_id by[2];
    uint64_t size;
};

static inline struct seals seal_by(uint32_t first, uint32_t second, uint32_t feed,
                                   uint64_t size)
{
    struct seals seals = {.size = size};
    seals.by[0] = custody_world_seal(&world, first, feed, size);
    seals.by[1] = custody_world_seal(&world, second, feed, size);
    return seals;
}

/* A quorum of m1's witnesses says that it holds so much of a closed feed. */
static inline void seal_closed(uint32_t closed, uint64_t size)
{
    seal_by(2, 3, closed, size);
}

/* The charter gives a token of m1 to m3, and m2 and m4 seal m1's feed as it was before. */
static inline struct seals reassign_sealed(struct p2p_record_id token)
{
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    return seal_by(2, 4, 1, size);
}

/* The charter keeps m1's open and lets m2's go, and m3 and m4 seal m2's feed as it was before.
 */
static inline struct seals settle_sealed(struct p2p_record_id kept, struct p2p_record_id other)
{
    uint64_t size = ledger_world_size(&world, 2);
    custody_world_settle(&world, kept, &other, 1);
    return seal_by(3, 4, 2, size);
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

static inline bool is_now(struct p2p_record_id token, enum p2p_custody_state state,
                          uint32_t holder, uint64_t epoch)
{
    struct p2p_custody custody = now(token);
    return is(&custody, state, holder, epoch);
}

static inline void check_orders(uint64_t seed)
{
    custody_world_check_orders(&world, seed);
}

/* A test between setup and teardown. */
#define CUSTODY_CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
