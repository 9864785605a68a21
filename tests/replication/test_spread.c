/* Who is known to hold what: the table, and what engines put into it. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/kind.h>
#include <p2p/spread.h>

#include <stdio.h>

#define SHIP "imo:9179842"

static struct p2p_spread spread;

static int begin(void **state)
{
    (void)state;
    spread = (struct p2p_spread){.rows = NULL};
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_spread_deinit(&spread, p2p_alloc_default());
    return 0;
}

/* Record `index` of m1's feed, taken by m2 among `members`. */
static void take(uint64_t index, uint32_t members, uint64_t mono_ms)
{
    p2p_spread_take(&spread, p2p_alloc_default(),
                    &(struct p2p_spread_taken){.id = {1, index},
                                               .kind = P2P_KIND_BAN_IMPOSE,
                                               .self = 2,
                                               .owner = 1,
                                               .members = members,
                                               .mono_ms = mono_ms});
}

static const struct p2p_spread_row *row(uint64_t index)
{
    return p2p_spread_find(&spread, &(struct p2p_record_id){1, index});
}

/* A member would count twice, or for a record it was never shown to hold. */
static void each_member_counts_once_and_for_what_it_holds(void **state)
{
    (void)state;
    take(7, 4, 1000);
    CHECK(row(7)->others == 3 && row(7)->had == 1); /* the owner */
    p2p_spread_show(&spread, 1, 3, 7, 1010);        /* 7 records are 0 to 6 */
    p2p_spread_show(&spread, 2, 3, 8, 1010);        /* another feed */
    p2p_spread_show(&spread, 1, 2, 8, 1010);        /* this node itself */
    p2p_spread_show(&spread, 1, 1, 8, 1010);        /* the owner again */
    p2p_spread_show(&spread, 1, 5, 8, 1010);        /* came into the charter later */
    CHECK(row(7)->had == 1 && row(7)->slowest == 0);
    p2p_spread_show(&spread, 1, 3, 8, 1020);
    p2p_spread_show(&spread, 1, 3, 9, 1900);
    CHECK(row(7)->had == 2 && row(7)->slowest == 3 && row(7)->last_ms == 20);
    size_t at = 0;
    CHECK(p2p_spread_tell(&spread, &at) == NULL && spread.open == 1);
    p2p_spread_show(&spread, 1, 4, 100, 1400);
    CHECK(p2p_spread_done(row(7)) && row(7)->slowest == 4 && row(7)->last_ms == 400);
    at = 0;
    CHECK(p2p_spread_tell(&spread, &at) == row(7));
    CHECK(p2p_spread_tell(&spread, &at) == NULL && spread.open == 0);
    at = 0;
    CHECK(p2p_spread_tell(&spread, &at) == NULL);
    CHECK(spread.done == 1 && spread.done_ms == 400 && spread.buckets[4] == 1);
    p2p_spread_show(&spread, 1, 4, 200, 9000); /* nothing changes what is done */
    CHECK(row(7)->last_ms == 400);
}

/* The table would grow with what peers send, or lose its order when it goes round. */
static void the_oldest_row_gives_way(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < P2P_SPREAD_ROWS_MAX + 100; i++) {
        take(i, 4, i);
    }
    CHECK(spread.cap == P2P_SPREAD_ROWS_MAX && spread.open == P2P_SPREAD_ROWS_MAX);
    CHECK(spread.dropped == 100 && row(99) == NULL && row(100) != NULL);
    for (size_t n = 0; n < P2P_SPREAD_ROWS_MAX; n++) {
        CHECK(p2p_spread_newest(&spread, n)->id.index == P2P_SPREAD_ROWS_MAX + 99 - n);
    }
    CHECK(p2p_spread_newest(&spread, P2P_SPREAD_ROWS_MAX) == NULL);
    size_t at = 0;
    size_t open = 0;
    while (p2p_spread_open(&spread, &at) != NULL) {
        open++;
    }
    CHECK(open == P2P_SPREAD_ROWS_MAX);
}

/* A record of a branch that ended would count as spread. */
static void what_is_taken_back_is_not_followed(void **state)
{
    (void)state;
    take(1, 3, 0);
    take(2, 3, 0);
    take(3, 3, 0);
    p2p_spread_cut(&spread, 1, 2);
    CHECK(row(1) != NULL && row(2) == NULL && row(3) == NULL);
    CHECK(spread.open == 1 && spread.dropped == 2);
    p2p_spread_show(&spread, 1, 3, 10, 5);
    CHECK(spread.done == 1 && p2p_spread_newest(&spread, 0)->id.index == 1);
    take(2, 3, 10); /* the other branch's record of that number */
    CHECK(row(2)->had == 1 && row(2)->taken_mono_ms == 10);
}

/* Too large a federation, or no memory, would end the node instead of the table. */
static void what_cannot_be_followed_is_counted(void **state)
{
    (void)state;
    take(1, P2P_SPREAD_MEMBERS_MAX, 0);
    CHECK(spread.missed == 1 && row(1) == NULL);
    take(2, P2P_SPREAD_MEMBERS_MAX - 1, 0);
    CHECK(row(2) != NULL);
    take(3, 1, 0); /* m2 alone, if there were such a thing */
    CHECK(p2p_spread_done(row(3)));
}

/* ---- engines ---- */

static const struct p2p_spread_row *seen_by(uint32_t node, const struct p2p_record_id *id)
{
    return p2p_spread_find(p2p_engine_spread(net.nodes[node].engine), id);
}

/* "Everywhere" would be said too early, too late, or by some and not by others. */
static void test_a_lift_is_everywhere(void **state)
{
    (void)state;
    network_start(4, 4, 1);
    struct p2p_record_id ban = network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 500);
    network_cut(&net, 4, 1);
    network_cut(&net, 4, 2);
    network_cut(&net, 4, 3);
    struct p2p_record_id lift = network_lift(&net, 1, "all", &ban);
    network_advance(&net, 3000);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(p2p_spread_done(seen_by(i, &ban)));
        CHECK(p2p_engine_traced(net.nodes[i].engine, P2P_TRACE_EVERYWHERE) == 1);
    }
    for (uint32_t i = 1; i <= 3; i++) {
        const struct p2p_spread_row *at = seen_by(i, &lift);
        CHECK(at->had == 2 && at->others == 3 && !p2p_spread_has(at, 4));
    }
    CHECK(seen_by(4, &lift) == NULL);
    network_connect_all(&net);
    network_advance(&net, 3000);
    for (uint32_t i = 1; i <= 3; i++) {
        const struct p2p_spread_row *at = seen_by(i, &lift);
        CHECK(p2p_spread_done(at) && at->slowest == 4 && at->last_ms >= 3000);
    }
    CHECK(p2p_spread_done(seen_by(4, &lift))); /* the others held it before */
}

/* Who is no witness of a feed would never be known to hold its bans, or only by its owner. */
static void test_who_is_no_witness_says_so_in_its_seen(void **state)
{
    (void)state;
    network_start(4, 2, 2); /* m3 and m4 witness nothing */
    struct p2p_record_id ban = network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 500);
    CHECK(p2p_spread_done(seen_by(1, &ban))); /* the owner has their acknowledgements */
    CHECK(seen_by(2, &ban)->had == 1);
    network_ban(&net, 3, "all", "imo:9074729"); /* a `seen` comes before it */
    network_ban(&net, 4, "all", "imo:9074729");
    network_advance(&net, 2500);
    CHECK(p2p_spread_done(seen_by(2, &ban)));
}

/* Approves something: whether it may is nothing to who counts them. */
static struct p2p_record_id approve(uint32_t node, const struct p2p_record_id *what)
{
    static const uint8_t no_reason[] = {0x80};
    struct p2p_issuer_secret issuer = world_issuer_key(NETWORK_ISSUER_FIRST + node);
    char name[24];
    snprintf(name, sizeof(name), "im%u", node);
    const struct p2p_charter *charter = p2p_engine_ledger(net.nodes[node].engine)->charter;
    const struct p2p_append record = {
        .kind = P2P_KIND_APPROVE,
        .circle = network_circle_number(&net, node, "all"),
        .issuer = p2p_charter_issuer_named(charter, p2p_slice_text(name))->number,
        .key = &issuer,
        .cites = what,
        .cite_count = 1,
        .payload = p2p_slice_of(no_reason, sizeof(no_reason))};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(&net, node, &job, 1));
    CHECK_OK(job.result.err);
    return job.result.first;
}

/* Who comes to a federation of many years would tell of each old ban that all have it; and who
 * was cut off for hours would never be told of an override meanwhile. */
static void test_history_is_not_followed(void **state)
{
    (void)state;
    network_start(4, 4, 3);
    network_kill(&net, 4);
    struct p2p_record_id old = network_ban(&net, 1, "all", SHIP);
    struct p2p_record_id override = approve(1, &old);
    network_advance(&net, 3000);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_TAKEN) == 2);
    CHECK(p2p_engine_traced(net.nodes[1].engine, P2P_TRACE_TAKEN) == 0); /* its own */
    net.nodes[4].wall_skew_ms = 1000 * (P2P_SPREAD_HISTORY_S + 60);
    network_restart(&net, 4);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(network_size(&net, 4, old.feed) > old.index && seen_by(4, &old) == NULL);
    CHECK(p2p_spread_done(seen_by(2, &old)) && seen_by(2, &old)->slowest == 4);
    CHECK(p2p_engine_spread(net.nodes[4].engine)->overrides == 1);
    CHECK(seen_by(4, &override) != NULL);
    CHECK(p2p_engine_traced(net.nodes[4].engine, P2P_TRACE_TAKEN) == 1);
    net.nodes[4].wall_skew_ms = 0;
    struct p2p_record_id now = network_ban(&net, 1, "all", "imo:9074729");
    network_advance(&net, 3000);
    CHECK(p2p_spread_done(seen_by(4, &now)));
}

/* Every row of every node that is done: the others do hold that record. */
static void check_all_rows(uint32_t nodes, size_t *done)
{
    for (uint32_t i = 1; i <= nodes; i++) {
        const struct p2p_spread *of = p2p_engine_spread(net.nodes[i].engine);
        const struct p2p_spread_row *at;
        for (size_t n = 0; (at = p2p_spread_newest(of, n)) != NULL; n++) {
            for (uint32_t m = 1; m <= nodes; m++) {
                CHECK(!p2p_spread_has(at, m) ||
                      network_size(&net, m, at->id.feed) > at->id.index);
            }
            *done += p2p_spread_done(at);
        }
    }
}

/* Lines come and go: nobody would be said to hold what it does not, or, once all is quiet,
 * not to hold what it does. */
static void test_random_cuts(void **state)
{
    (void)state;
    enum { NODES = 5, ROUNDS = 60 };
    size_t done = 0;
    struct rng rng = {.state = 20261122};
    network_start(NODES, NODES, 4);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t a = 1 + (uint32_t)rng_below(&rng, NODES);
        uint32_t b = 1 + (uint32_t)rng_below(&rng, NODES);
        if (a != b && network_connected(&net, a, b)) {
            network_cut(&net, a, b);
        } else if (a != b) {
            network_connect(&net, a, b);
        }
        network_ban(&net, 1 + (uint32_t)rng_below(&rng, NODES), "all", SHIP);
        network_advance(&net, 50 + rng_below(&rng, 400));
        check_all_rows(NODES, &done);
    }
    CHECK(done > 0);
    network_connect_all(&net);
    network_advance(&net, 70000); /* a cosignature that went with a line comes again with the
                                     heartbeat of a minute */
    for (uint32_t i = 1; i <= NODES; i++) {
        const struct p2p_spread *of = p2p_engine_spread(net.nodes[i].engine);
        CHECK(of->open == 0 && of->done == ROUNDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_member_counts_once_and_for_what_it_holds, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_oldest_row_gives_way, begin, end),
        cmocka_unit_test_setup_teardown(what_is_taken_back_is_not_followed, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_followed_is_counted, begin, end),
        cmocka_unit_test_teardown(test_a_lift_is_everywhere, network_stop),
        cmocka_unit_test_teardown(test_random_cuts, network_stop),
        cmocka_unit_test_teardown(test_history_is_not_followed, network_stop),
        cmocka_unit_test_teardown(test_who_is_no_witness_says_so_in_its_seen, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
