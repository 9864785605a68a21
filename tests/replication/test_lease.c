/* When witnesses are asked, and what their answers come to. */
#include "check.h"

#include "charter_world.h"

#include <p2p/lease.h>

/* Feed 1 of six members has four witnesses, members 2 to 5: three make a quorum, and three must
 * have named no more of it. The lease is ten minutes, so a round is due every minute. */
enum { LEASE_MS = 600000, EVERY_MS = 60000, START_MS = 1000 };

static struct charter_world world;
static struct world_draft draft;
static struct p2p_charter *charter;
static struct p2p_lease lease;
static unsigned rounds;

static int setup(void **state)
{
    const struct p2p_policy policy = {.lease_s = LEASE_MS / 1000,
                                      .heartbeat_s = 60,
                                      .fresh_cosignature_s = 900,
                                      .clock_skew_s = 300};
    (void)state;
    world_init(&world);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &world, 3, 2);
    for (uint32_t i = 1; i <= 6; i++) {
        world_admit(&draft, i, i == 6 ? 0 : 5);
    }
    p2p_op_policy_pack(&draft.ops, &policy);
    world_op(&draft);
    world_add(&world, charter, &draft, 3);
    p2p_lease_void(&lease, 1);
    rounds = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    return 0;
}

static void change(const char *add, const char *remove)
{
    const struct p2p_op_witness op = {.feed = "m1/1", .add = add, .remove = remove};
    world_draft(&draft);
    p2p_op_witness_pack(&draft.ops, &op);
    world_op(&draft);
    world_add(&world, charter, &draft, 3);
}

static struct p2p_hash nonce_of(unsigned round)
{
    struct p2p_hash nonce = {{0}};
    nonce.bytes[0] = (uint8_t)round;
    return nonce;
}

static void ask(uint64_t mono_ms)
{
    struct p2p_hash nonce = nonce_of(++rounds);
    p2p_lease_ask(&lease, &nonce, mono_ms);
}

/* The member's witness answers the newest round. */
static bool answer(uint32_t member, uint64_t charter_size, bool no_more)
{
    struct p2p_hash nonce = nonce_of(rounds);
    return p2p_lease_take(&lease, charter, p2p_charter_witness_of(charter, member), &nonce,
                          charter_size, no_more);
}

static enum p2p_custody_ready at(uint64_t mono_ms, uint64_t *left_ms)
{
    return p2p_lease_ready(&lease, charter, mono_ms, left_ms);
}

/* A lease that counted from the answers would outlive the wait of who took over. */
static void test_it_counts_from_the_question(void **state)
{
    uint64_t left_ms = 1;
    (void)state;
    CHECK(at(START_MS, &left_ms) == P2P_CUSTODY_WAITING && left_ms == 0);
    CHECK(p2p_lease_next_ms(&lease, charter) == 0);
    ask(START_MS);
    CHECK(answer(2, 1, true) && answer(3, 1, true));
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_WAITING);
    CHECK(answer(4, 1, true)); /* whenever it comes */
    CHECK(at(START_MS + 4000, &left_ms) == P2P_CUSTODY_READY);
    CHECK(left_ms == LEASE_MS - 4000);
    CHECK(at(START_MS + LEASE_MS - 1, &left_ms) == P2P_CUSTODY_READY && left_ms == 1);
    CHECK(at(START_MS + LEASE_MS, &left_ms) == P2P_CUSTODY_LEASE_OVER && left_ms == 0);
    CHECK(at(START_MS - 1, NULL) == P2P_CUSTODY_LEASE_OVER); /* a clock that went back */
    p2p_lease_void(&lease, 1);
    CHECK(at(START_MS + 4000, NULL) == P2P_CUSTODY_WAITING);
}

/* Asking all the time would cost every witness a commit each time; never again, the lease. */
static void test_when_it_asks(void **state)
{
    (void)state;
    ask(START_MS);
    for (uint64_t wait_ms = P2P_LEASE_RETRY_MS, now_ms = START_MS; wait_ms < EVERY_MS;
         wait_ms *= 2) {
        CHECK(p2p_lease_next_ms(&lease, charter) == now_ms + wait_ms);
        now_ms += wait_ms;
        ask(now_ms);
    }
    for (uint64_t i = 1; i < 100; i++) { /* nobody answers: as often as if they did */
        ask(i * 1000000);
        CHECK(p2p_lease_next_ms(&lease, charter) == i * 1000000 + EVERY_MS);
    }
    CHECK(answer(2, 1, true) && answer(3, 1, true) && answer(4, 1, false));
    CHECK(answer(5, 1, true));
    CHECK(p2p_lease_next_ms(&lease, charter) == 99 * 1000000 + EVERY_MS);
    ask(200000000);
    CHECK(p2p_lease_next_ms(&lease, charter) == 200000000 + P2P_LEASE_RETRY_MS);
}

/* Old answers would renew a lease for ever, and those of strangers grant one. */
static void test_what_does_not_count(void **state)
{
    struct p2p_hash old = nonce_of(1);
    (void)state;
    struct p2p_hash none = {{0}};
    CHECK(!p2p_lease_take(&lease, charter, 2, &none, 1, true)); /* nothing was asked */
    ask(START_MS);
    ask(START_MS + 5000);
    for (uint32_t i = 2; i <= 5; i++) {
        CHECK(!p2p_lease_take(&lease, charter, i, &old, 1, true));
    }
    CHECK(!answer(6, 1, true) && !answer(1, 1, true) && !answer(99, 1, true));
    CHECK(answer(2, 1, true) && answer(2, 1, true) && answer(2, 1, true));
    CHECK(answer(3, 1, true));
    CHECK(at(START_MS + 5000, NULL) == P2P_CUSTODY_WAITING);
    CHECK(answer(5, 1, true));
    CHECK(at(START_MS + 5000, NULL) == P2P_CUSTODY_READY);
}

/* Who knows of a larger charter may know that the holder was replaced. */
static void test_a_larger_charter_is_waited_for(void **state)
{
    (void)state;
    ask(START_MS);
    CHECK(answer(2, 2, true) && answer(3, 2, true) && answer(4, 1, true));
    CHECK(answer(5, UINT64_MAX, true)); /* a lie only does not count */
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_WAITING);
    change(NULL, "m5");
    p2p_lease_follow(&lease, charter);
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_READY);
    ask(START_MS + EVERY_MS);
    CHECK(answer(2, 3, true) && answer(3, 3, true) && answer(4, 2, true));
    CHECK(at(START_MS + LEASE_MS - 1, NULL) == P2P_CUSTODY_READY);
    CHECK(at(START_MS + LEASE_MS, NULL) == P2P_CUSTODY_LEASE_OVER);
}

/* A store that lost the end of its feed would use custody that it gave away. */
static void test_who_names_more_of_the_feed(void **state)
{
    (void)state;
    ask(START_MS);
    CHECK(answer(2, 1, false) && answer(3, 1, false) && answer(4, 1, true));
    CHECK(answer(5, 1, true));
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_WAITING);
    CHECK(p2p_lease_next_ms(&lease, charter) == START_MS + P2P_LEASE_RETRY_MS);
    ask(START_MS + 5000);
    CHECK(answer(2, 1, true)); /* by now it is here */
    CHECK(at(START_MS + 5000, NULL) == P2P_CUSTODY_READY);
    ask(START_MS + 10000);
    CHECK(answer(2, 1, false)); /* told once is enough */
    CHECK(at(START_MS + 10000, NULL) == P2P_CUSTODY_READY);
}

/* Across a change a quorum of either set has to answer, as with everything witnessed. */
static void test_a_change_of_witnesses(void **state)
{
    (void)state;
    change(NULL, "m5"); /* three left: two make a quorum, of the four before three */
    ask(START_MS);
    CHECK(answer(2, 2, true) && answer(3, 2, true));
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_WAITING);
    CHECK(answer(5, 2, true));
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_READY);
    for (uint32_t i = 0; i < 20; i++) { /* rows of who left are taken again */
        change(i % 2 == 0 ? "m6" : NULL, i % 2 == 0 ? NULL : "m6");
        ask(START_MS + i);
        CHECK(answer(6, 2, true));
    }
}

/* Those who were enough before could answer for ever who never heard of the others, whom alone
 * a reassign asks. */
static void test_an_old_quorum_is_none(void **state)
{
    (void)state;
    change("m6", NULL); /* five: four make a quorum; of the four before three did */
    ask(START_MS);
    for (uint32_t member = 2; member <= 4; member++) {
        CHECK(answer(member, 2, true));
    }
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_WAITING);
    CHECK(answer(6, 2, true));
    CHECK(at(START_MS, NULL) == P2P_CUSTODY_READY);
}

/* A feed that nobody witnesses has nobody to ask, and nobody can replace its holder. */
static void test_without_witnesses(void **state)
{
    uint64_t left_ms = 0;
    (void)state;
    p2p_lease_void(&lease, 6);
    CHECK(p2p_lease_next_ms(&lease, charter) == UINT64_MAX);
    CHECK(at(START_MS, &left_ms) == P2P_CUSTODY_READY && left_ms == LEASE_MS);
    p2p_lease_void(&lease, 0); /* the charter does not name this node yet */
    CHECK(p2p_lease_next_ms(&lease, charter) == UINT64_MAX);
    CHECK(at(START_MS, &left_ms) == P2P_CUSTODY_WAITING && left_ms == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_counts_from_the_question, setup, teardown),
        cmocka_unit_test_setup_teardown(test_when_it_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_larger_charter_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_names_more_of_the_feed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_change_of_witnesses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_old_quorum_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_witnesses, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
