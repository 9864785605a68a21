#include "check.h"
#include "rates.h"

/* How many of `asked` requests at one moment are let through. */
static unsigned through(struct p2p_rates *rates, uint64_t caller, unsigned asked,
                        uint64_t now_ms)
{
    unsigned count = 0;
    for (unsigned i = 0; i < asked; i++) {
        count += p2p_rates_take(rates, caller, 1, 50, 200, now_ms) == 0;
    }
    return count;
}

/* Broken: a caller could ask more than its rate, or be refused below it, or wait too long. */
static void a_bucket_fills_by_its_rate(void **state)
{
    struct p2p_rates *rates;
    (void)state;
    CHECK_OK(p2p_rates_open(&rates));
    CHECK(through(rates, 7, 1000, 5000) == 200);
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 5000) == 20);
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 5019) == 1);
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 5020) == 0);
    CHECK(through(rates, 7, 1000, 6020) == 50);
    CHECK(through(rates, 7, 1000, 6020 + 3600000) == 200); /* never above its size */
    CHECK(through(rates, 7, 1000, UINT64_MAX) == 200);     /* no overflow */
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 0) > 0);    /* nor time that went back */
    p2p_rates_close(rates);
}

/* Broken: one caller's load would refuse another's, or reading stop somebody from writing. */
static void callers_and_sorts_are_apart(void **state)
{
    struct p2p_rates *rates;
    (void)state;
    CHECK_OK(p2p_rates_open(&rates));
    CHECK(through(rates, 7, 201, 0) == 200);
    CHECK(through(rates, 8, 201, 0) == 200);
    CHECK(p2p_rates_take(rates, 7, 2, 1, 1, 0) == 0);
    CHECK(p2p_rates_take(rates, 7, 2, 1, 1, 0) == 1000);
    p2p_rates_close(rates);
}

/* Broken: what a request cost beyond its turn would be free, or never be paid off. */
static void what_is_owed_is_waited_for(void **state)
{
    struct p2p_rates *rates;
    (void)state;
    CHECK_OK(p2p_rates_open(&rates));
    p2p_rates_owe(rates, 7, 1, 5, 200); /* of whom nothing is known */
    CHECK(through(rates, 7, 1, 0) == 1);
    p2p_rates_owe(rates, 7, 1, 99, 200);
    CHECK(through(rates, 7, 200, 0) == 100);
    p2p_rates_owe(rates, 7, 1, 50, 200);
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 0) == 1020);
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 1000) == 20);
    CHECK(through(rates, 7, 100, 2000) == 50);
    p2p_rates_owe(rates, 7, 1, UINT64_MAX, 200);
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 2000) == 4020); /* no more than a bucket */
    p2p_rates_owe(rates, 7, 1, 1, 200);
    CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 2000) == 4020);
    CHECK(through(rates, 7, 100, 6020) == 1);
    CHECK(through(rates, 7, 1000, 6020 + 3600000) == 200);
    p2p_rates_close(rates);
}

/* Broken: many callers would grow the table, or throw out one who asks all the time. */
static void who_asks_last_stays(void **state)
{
    struct p2p_rates *rates;
    (void)state;
    CHECK_OK(p2p_rates_open(&rates));
    CHECK(through(rates, 7, 201, 1) == 200);
    for (uint64_t caller = 100; caller < 20 * P2P_RATE_CALLERS_MAX; caller++) {
        CHECK(p2p_rates_take(rates, caller, 1, 50, 200, 2) == 0);
        CHECK(p2p_rates_take(rates, 7, 1, 50, 200, 3) > 0);
    }
    p2p_rates_close(rates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_fills_by_its_rate),
        cmocka_unit_test(callers_and_sorts_are_apart),
        cmocka_unit_test(what_is_owed_is_waited_for),
        cmocka_unit_test(who_asks_last_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
