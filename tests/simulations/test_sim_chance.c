#include "check.h"

#include "chance.h"

#include <math.h>

#define DRAWS 200000u

/* A count of DRAWS is what its probability says, within five standard deviations. */
static void check_count(uint64_t count, double probability)
{
    const double expected = probability * DRAWS;
    if (fabs((double)count - expected) > 5 * sqrt(expected * (1 - probability)) + 1) {
        print_error("%llu, not about %.1f\n", (unsigned long long)count, expected);
    }
    CHECK(fabs((double)count - expected) <= 5 * sqrt(expected * (1 - probability)) + 1);
}

/* Otherwise either all subjects would be as rare as each other, or nearly all works about one.
 */
static void subjects_are_drawn_by_zipf(void **state)
{
    enum { RANKS = 10000 };
    static uint64_t counts[RANKS];
    static const size_t looked_at[] = {0, 1, 2, 9, 99, 999};
    struct sim_chance chance = sim_chance_of(1, "zipf", 0);
    struct sim_zipf zipf;
    double weights = 0;
    double weight_so_far = 0;
    uint64_t so_far = 0;
    (void)state;
    sim_zipf_init(&zipf, RANKS);
    for (uint32_t i = 0; i < DRAWS; i++) {
        size_t rank = sim_zipf_draw(&zipf, &chance);
        CHECK(rank < RANKS);
        counts[rank]++;
    }
    for (size_t rank = 0; rank < RANKS; rank++) {
        weights += pow((double)rank + 1, -1.1);
    }
    for (size_t i = 0; i < sizeof(looked_at) / sizeof(looked_at[0]); i++) {
        check_count(counts[looked_at[i]], pow((double)looked_at[i] + 1, -1.1) / weights);
    }
    for (size_t rank = 0; rank < RANKS; rank++) {
        so_far += counts[rank];
        weight_so_far += pow((double)rank + 1, -1.1);
        if (rank + 1 == 10 || rank + 1 == 100 || rank + 1 == 1000 || rank + 1 == RANKS / 2) {
            check_count(so_far, weight_so_far / weights);
        }
    }
    sim_zipf_deinit(&zipf);
    sim_zipf_init(&zipf, 1);
    CHECK(sim_zipf_draw(&zipf, &chance) == 0);
    sim_zipf_deinit(&zipf);
}

/* Otherwise works and faults would come in step. */
static void gaps_are_of_events_that_know_nothing_of_each_other(void **state)
{
    enum { MEAN = 1000000 };
    struct sim_chance chance = sim_chance_of(1, "gap", 0);
    double sum = 0;
    uint64_t within_mean = 0;
    uint64_t beyond_thrice = 0;
    (void)state;
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint64_t gap = sim_chance_gap(&chance, MEAN);
        CHECK(gap > 0);
        sum += (double)gap;
        within_mean += gap <= MEAN;
        beyond_thrice += gap > UINT64_C(3) * MEAN;
    }
    CHECK(fabs(sum / DRAWS / MEAN - 1) < 5 / sqrt(DRAWS));
    check_count(within_mean, 1 - exp(-1));
    check_count(beyond_thrice, exp(-3));
    CHECK(sim_chance_gap(&chance, 0) == 1);
}

/* Otherwise a draw more of one concern would make another run of all others. */
static void each_concern_has_numbers_of_its_own(void **state)
{
    const struct sim_chance first = sim_chance_of(1, "disk", 0);
    const struct sim_chance others[] = {
        sim_chance_of(2, "disk", 0), sim_chance_of(1, "disk", 1), sim_chance_of(1, "line", 0),
        sim_chance_of(1, "dis", 'k')};
    (void)state;
    for (size_t o = 0; o < sizeof(others) / sizeof(others[0]); o++) {
        struct sim_chance a = first;
        struct sim_chance again = sim_chance_of(1, "disk", 0);
        struct sim_chance b = others[o];
        for (uint32_t i = 0; i < 1000; i++) {
            uint64_t drawn = sim_chance_next(&a);
            CHECK(drawn == sim_chance_next(&again));
            CHECK(drawn != sim_chance_next(&b));
        }
    }
}

/* Otherwise what should never be would be at times, or what is always so would not. */
static void draws_stay_in_their_bounds(void **state)
{
    struct sim_chance chance = sim_chance_of(1, "bounds", 0);
    uint64_t hits = 0;
    uint64_t of[5] = {0};
    (void)state;
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint64_t drawn = sim_chance_between(&chance, 3, 7);
        CHECK(drawn >= 3 && drawn <= 7);
        of[drawn - 3]++;
        hits += sim_chance_permille(&chance, 300);
        CHECK(!sim_chance_permille(&chance, 0));
        CHECK(sim_chance_permille(&chance, 1000));
    }
    check_count(hits, 0.3);
    for (size_t i = 0; i < 5; i++) {
        check_count(of[i], 0.2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_are_drawn_by_zipf),
        cmocka_unit_test(gaps_are_of_events_that_know_nothing_of_each_other),
        cmocka_unit_test(each_concern_has_numbers_of_its_own),
        cmocka_unit_test(draws_stay_in_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
