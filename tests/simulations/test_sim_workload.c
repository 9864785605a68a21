#include "check.h"

#include "workload/workload_task.h"

#include <stdlib.h>

#define DRAWS   100000u
#define PAYLOAD (P2P_RECORD_BYTES_MAX + 4096u)

/* ---- draws ---- */

static const struct sim_workload_options usual = {.records = 600,
                                                  .decisions = 600,
                                                  .bans = 300,
                                                  .other = 50,
                                                  .charter = 50,
                                                  .custody = 100,
                                                  .wrong = 100,
                                                  .rivals = 50,
                                                  .subjects = 200};

static void check_share(uint64_t count, uint64_t of, uint64_t permille)
{
    uint64_t got = count * 1000 / of;
    if (got + 15 + permille / 5 < permille || got > permille + 15 + permille / 5) {
        print_error("%llu of %llu, not %llu of a thousand\n", (unsigned long long)count,
                    (unsigned long long)of, (unsigned long long)permille);
    }
    CHECK(got + 15 + permille / 5 >= permille && got <= permille + 15 + permille / 5);
}

/* Draws orders of a profile, and holds their shares against its numbers. Rivals are drawn in
 * place of other mistakes of the charter. */
static void check_profile(const struct sim_workload_options *options)
{
    struct sim_chance chance = sim_chance_of(1, "test", 0);
    uint64_t types[5] = {0};
    uint64_t kinds[64] = {0};
    uint64_t wrongs[SIM_WRONG_COUNT] = {0};
    uint64_t changes[SIM_CHANGE_COUNT] = {0};
    const uint32_t parts[] = {[SIM_ORDER_DECISION] = options->decisions,
                              [SIM_ORDER_BAN] = options->bans,
                              [SIM_ORDER_OTHER] = options->other,
                              [SIM_ORDER_CHARTER] = options->charter,
                              [SIM_ORDER_CUSTODY] = options->custody};
    uint64_t sum = 0;
    size_t count;
    const struct p2p_kind *const *rows = p2p_kinds(&count);
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct sim_order order;
        sim_order_draw(&order, options, &chance);
        types[order.type]++;
        wrongs[order.wrong]++;
        changes[order.change] += order.type == SIM_ORDER_CHARTER;
        CHECK((order.kind == NULL) ==
              (order.type != SIM_ORDER_BAN && order.type != SIM_ORDER_OTHER));
        for (size_t k = 0; k < count; k++) {
            kinds[k] += rows[k] == order.kind;
        }
    }
    for (size_t type = 0; type < sizeof(parts) / sizeof(parts[0]); type++) {
        sum += parts[type];
    }
    for (size_t type = 0; type < sizeof(parts) / sizeof(parts[0]); type++) {
        check_share(types[type], DRAWS, parts[type] * UINT64_C(1000) / sum);
    }
    check_share(DRAWS - wrongs[SIM_WRONG_NONE] - wrongs[SIM_WRONG_RIVAL], DRAWS,
                options->wrong);
    check_share(wrongs[SIM_WRONG_RIVAL], types[SIM_ORDER_CHARTER], options->rivals);
    for (size_t k = 0; k < count; k++) {
        if (rows[k]->number == P2P_KIND_BAN_LIFT) {
            check_share(kinds[k], types[SIM_ORDER_BAN], 250);
        } else if (rows[k]->number == P2P_KIND_BAN_AMEND) {
            check_share(kinds[k], types[SIM_ORDER_BAN], 100);
        }
        CHECK((kinds[k] > 0) == ((rows[k]->authors & (P2P_BY_NODE | P2P_BY_ISSUER)) != 0));
    }
    for (int wrong = 0; wrong < SIM_WRONG_COUNT; wrong++) {
        bool drawn = wrong != SIM_WRONG_RIVAL || options->rivals > 0;
        if ((wrongs[wrong] > 0) != drawn) {
            print_error("%s drawn: %s\n", drawn ? "never" : "is",
                        sim_wrong_word((enum sim_wrong)wrong));
        }
        CHECK((wrongs[wrong] > 0) == drawn);
    }
    for (int change = 0; change < SIM_CHANGE_COUNT; change++) {
        CHECK(changes[change] > 0);
    }
}

/* Otherwise a run would test something else than it says. */
static void orders_come_in_the_shares_asked_for(void **state)
{
    const struct sim_workload_options day = sim_options_default().workload;
    const struct sim_workload_options brief = sim_options_short().workload;
    (void)state;
    check_profile(&day);
    check_profile(&brief);
    check_profile(&usual);
    /* What containers leave of a day: of 1,000 works 600 decisions, 300 bans, 50 each of the
     * rest; and one in ten of everything wrong, in both. */
    const uint64_t sum = (uint64_t)day.decisions + day.bans + day.other + day.charter;
    check_share(day.decisions, sum, 600);
    check_share(day.bans, sum, 300);
    check_share(day.other, sum, 50);
    check_share(day.charter, sum, 50);
    CHECK(day.wrong == 100 && brief.wrong == 100);
    CHECK(day.subjects == 10000);
}

/* Works that were asked for by until_us, of a federation without machines. */
static uint64_t asked_until(struct sim *sim, uint64_t until_us)
{
    struct sim_event event;
    while (sim_schedule_take(&sim->schedule, until_us, &event)) {
        event.run(sim, event.subject, event.data);
    }
    return sim_workload_count(sim->workload).asked;
}

/* Otherwise queues would never be full, and nobody would see what they do then. */
static void every_six_hours_500_come_within_a_minute(void **state)
{
    enum { BURST = 500, HOURS = 6, PIECES = 6, NOISE = 20 };
    struct sim sim = {.options = sim_options_default()};
    const uint64_t piece_us = SIM_MINUTE / PIECES;
    (void)state;
    sim.options.workload.renew_after_us = 0; /* there is nobody to watch over */
    sim_schedule_init(&sim.schedule);
    sim.workload = sim_workload_new(&sim, &sim.options.workload);
    sim_workload_start(sim.workload, sim.options.length_us);
    for (uint64_t at = HOURS * SIM_HOUR / 2; at < sim.options.length_us;
         at += HOURS * SIM_HOUR) {
        const uint64_t before = asked_until(&sim, at - SIM_MINUTE);
        uint64_t asked = asked_until(&sim, at - 1);
        CHECK(asked - before < NOISE);
        for (uint64_t piece = 1; piece <= PIECES; piece++) { /* not all of them at once */
            uint64_t now = asked_until(&sim, at + piece * piece_us);
            CHECK(now - asked > BURST / PIECES / 2 && now - asked < BURST / PIECES * 2);
            asked = now;
        }
        CHECK(asked - before >= BURST && asked - before < BURST + 2 * NOISE);
        CHECK(asked_until(&sim, at + 2 * SIM_MINUTE) - asked < NOISE);
    }
    const uint64_t all = asked_until(&sim, sim.options.length_us);
    CHECK(all > 4700 && all < 5300); /* of 5,000 */
    sim_workload_free(sim.workload);
    sim_schedule_deinit(&sim.schedule);
}

/* Otherwise a new kind would be in every run and never be tested by one. */
static void every_kind_is_drawn_as_its_row_wants_it(void **state)
{
    static uint8_t bytes[PAYLOAD];
    struct sim sim = {.options.seed = 3};
    struct sim_chance chance = sim_chance_of(3, "test", 0);
    struct p2p_circle_secret key = {.circle = 1, .epoch = 1};
    struct sim_workload *workload = sim_workload_new(&sim, &usual);
    size_t count;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    (void)state;
    CHECK_OK(p2p_crypto_init());
    for (size_t k = 0; k < count; k++) {
        bool any = false;
        for (size_t f = 0; f < kinds[k]->field_count; f++) {
            any = any || kinds[k]->fields[f].type == P2P_FIELD_ANY;
        }
        for (uint32_t i = 0; i < 300; i++) {
            struct p2p_pack pack;
            bool wrong = i % 3 == 0;
            p2p_pack_init(&pack, bytes, sizeof(bytes));
            sim_kind_fill(&pack, kinds[k], workload, &chance, UINT64_C(1750000000000), &key,
                          wrong);
            CHECK(!p2p_pack_failed(&pack));
            CHECK_OK(p2p_wire_check(p2p_pack_slice(&pack)));
            bool fits = p2p_kind_validate(kinds[k], p2p_pack_slice(&pack)) == P2P_OK;
            CHECK(fits == (any || !wrong));
        }
    }
    sim_workload_free(workload);
}

/* Otherwise gates would only ever see papers without a fault, or of one sort. */
static void subjects_are_of_every_type_and_some_have_wrong_digits(void **state)
{
    struct sim sim = {.options.seed = 5};
    struct sim_workload *workload = sim_workload_new(&sim, &usual);
    uint64_t bad = 0;
    size_t type_count;
    const struct p2p_subject_type *types = p2p_subject_types(&type_count);
    uint64_t of_type[64] = {0};
    (void)state;
    CHECK(type_count <= 64);
    for (size_t rank = 0; rank < 2000; rank++) {
        struct p2p_subject subject;
        struct p2p_subject again;
        sim_subject_of(workload, rank, &subject);
        sim_subject_of(workload, rank, &again);
        CHECK(strcmp(subject.value, again.value) == 0 && subject.type == again.type);
        of_type[subject.type - types]++;
        bad += !subject.check_ok;
        sim_subject_mistype(&again);
        CHECK(!again.check_ok || again.type->check == NULL);
    }
    for (size_t i = 0; i < type_count; i++) {
        CHECK(of_type[i] > 0);
    }
    CHECK(bad > 10 && bad < 200);
    sim_workload_free(workload);
}

/* ---- a run without faults ---- */

static void run(struct sim *sim, uint32_t rivals)
{
    struct sim_options options = sim_options_short();
    options.joiners = 0;
    options.fault.old_version_permille = 0;
    options.seed = 11;
    options.network = (struct sim_network_options){.delay_us = 5 * SIM_MS};
    options.disk.power_after_effects = 0;
    options.clock = (struct sim_clock_options){.skew_ms = 10};
    options.workload = usual;
    options.workload.rivals = rivals;
    options.workload.charter = 100;
    options.workload.burst_records = 100;
    options.workload.burst_every_us = 4 * SIM_MINUTE;
    options.workload.burst_us = 5 * SIM_SECOND;
    sim_begin(sim, &options, getenv("SIM_LIVE") != NULL ? stderr : NULL);
    sim_go(sim, 10 * SIM_SECOND);
    sim_workload_start(sim->workload, 8 * SIM_MINUTE);
    sim_go(sim, 10 * SIM_MINUTE);
    if (sim->violation.found) {
        print_error("%s: %s\n", sim_invariant_word(sim->violation.invariant),
                    sim->violation.text);
    }
    CHECK(!sim->violation.found);
}

static struct p2p_hash frontier_of(const struct sim_host *host)
{
    struct p2p_hash digest;
    CHECK(host->up && !host->node.engine_lost);
    CHECK_OK(p2p_frontier_digest(p2p_engine_ledger(host->node.engine), &digest));
    return digest;
}

/* Otherwise most of what is asked would never come to the engine, and nobody would see it. */
static void a_run_asks_and_is_answered(void **state)
{
    struct sim sim;
    (void)state;
    CHECK_OK(p2p_crypto_init());
    run(&sim, 30);
    struct sim_workload_count count = sim_workload_count(sim.workload);
    print_message("asked %llu, done %llu, refused %llu, failed %llu, wrong %llu, charter %llu "
                  "of %zu entries\n",
                  (unsigned long long)count.asked, (unsigned long long)count.done,
                  (unsigned long long)count.refused, (unsigned long long)count.failed,
                  (unsigned long long)count.wrong, (unsigned long long)count.charter,
                  sim.federation.entry_count);
    CHECK(count.asked > 500 && count.asked < 700);
    CHECK(count.failed == 0);
    CHECK(count.asked == count.done + count.refused);
    CHECK(count.refused < count.asked / 5);
    CHECK(count.turned_away > 0); /* gates come upon bans */
    CHECK(sim.federation.entry_count > 10);
    CHECK(sim.federation.root_generation > 0);
    struct p2p_hash first = frontier_of(sim.hosts[1]);
    for (uint32_t i = 1; i <= sim.host_count; i++) {
        const struct p2p_charter *charter =
            p2p_engine_ledger(sim.hosts[i]->node.engine)->charter;
        struct p2p_hash other = frontier_of(sim.hosts[i]);
        CHECK(p2p_charter_size(charter) == sim.federation.entry_count);
        CHECK(p2p_charter_good_size(charter) == sim.federation.entry_count);
        CHECK(p2p_hash_equal(&first, &other));
    }
    sim_end(&sim);
}

/* Otherwise two heads would be what no run ever sees, or never leaves. */
static void two_heads_come_and_go(void **state)
{
    struct sim sim;
    uint64_t settled = 0;
    (void)state;
    run(&sim, 300);
    for (uint32_t i = 1; i <= sim.host_count; i++) {
        const struct p2p_charter *charter =
            p2p_engine_ledger(sim.hosts[i]->node.engine)->charter;
        CHECK(p2p_charter_good_size(charter) == sim.federation.entry_count);
        settled += p2p_charter_term(charter);
    }
    CHECK(settled >= 2 * (uint64_t)sim.host_count);
    sim_end(&sim);
}

/* ---- what is wrong on purpose ---- */

static void send(struct sim *sim, enum sim_order_type type, uint32_t kind, enum sim_wrong wrong)
{
    const struct sim_order order = {.type = type, .wrong = wrong, .kind = p2p_kind_find(kind)};
    const struct sim_errand *errand =
        type == SIM_ORDER_BAN ? &sim_errand_ban : &sim_errand_charter;
    sim_task_send(sim_task_new(sim->workload, sim->hosts[1], errand, &order));
    sim_go(sim, sim->schedule.now_us + SIM_MINUTE);
}

/* Why the newest record by an issuer of the first machine has no effect. */
static enum p2p_why newest_verdict(struct sim *sim)
{
    struct sim_host *host = sim->hosts[1];
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(host->node.engine);
    uint32_t own = p2p_engine_own_feed(host->node.engine);
    struct p2p_arena arena;
    struct p2p_entry entry;
    enum p2p_why why = P2P_WHY_NONE;
    struct p2p_record_id id = {own, p2p_ledger_feed(ledger, own)->edge.size};
    p2p_arena_init(&arena, p2p_alloc_default(), (size_t)1 << 20);
    p2p_ledger_begin(ledger, sim_disk_look(host->disk), &arena);
    do {
        CHECK(id.index > 0);
        id.index--;
        CHECK_OK(p2p_ledger_entry(ledger, &id, &entry));
    } while (entry.record.issuer == 0);
    CHECK_OK(p2p_judge(ledger, &entry, &why));
    sim_disk_look_end(host->disk);
    p2p_arena_deinit(&arena);
    return why;
}

static void revoke_somebody(struct sim *sim)
{
    const struct sim_member *member = &sim->federation.members[1];
    const struct sim_order order = {.type = SIM_ORDER_CHARTER, .change = SIM_CHANGE_REVOKE};
    for (;;) {
        for (size_t i = 0; i < member->officer_count; i++) {
            if (member->officers[i].revoked) {
                return;
            }
        }
        sim_task_send(sim_task_new(sim->workload, sim->hosts[1], &sim_errand_charter, &order));
        sim_go(sim, sim->schedule.now_us + SIM_MINUTE);
    }
}

/* Otherwise what a run calls wrong would be right, or wrong in another way. */
static void what_is_wrong_is_refused_or_has_no_effect(void **state)
{
    static const enum sim_wrong at_the_door[] = {
        SIM_WRONG_FOREIGN_ISSUER, SIM_WRONG_UNKNOWN_ISSUER, SIM_WRONG_BAD_SIGNATURE,
        SIM_WRONG_REPEATED_SEQ,   SIM_WRONG_OLD_SEQ,        SIM_WRONG_COMMITMENT,
        SIM_WRONG_NOT_CANONICAL,  SIM_WRONG_CONTENT,        SIM_WRONG_TOO_LARGE,
        SIM_WRONG_FOREIGN_CIRCLE};
    static const enum sim_wrong entries[] = {SIM_WRONG_FEW_ROOTS, SIM_WRONG_ROOT_TWICE,
                                             SIM_WRONG_WRONG_INDEX, SIM_WRONG_WRONG_TERM};
    static const struct {
        uint32_t kind;
        enum sim_wrong wrong;
        enum p2p_why why;
    } later[] = {{P2P_KIND_BAN_IMPOSE, SIM_WRONG_NO_GRANT, P2P_WHY_NO_GRANT},
                 {P2P_KIND_BAN_LIFT, SIM_WRONG_NO_CITE, P2P_WHY_BAD_CITATION},
                 {P2P_KIND_BAN_LIFT, SIM_WRONG_MISSING_CITE, P2P_WHY_BAD_CITATION},
                 {P2P_KIND_BAN_LIFT, SIM_WRONG_CITE_KIND, P2P_WHY_BAD_CITATION},
                 {P2P_KIND_BAN_AMEND, SIM_WRONG_CITE_CIRCLE, P2P_WHY_BAD_CITATION},
                 {P2P_KIND_BAN_IMPOSE, SIM_WRONG_PAST_CUT, P2P_WHY_PAST_CUT}};
    struct sim sim;
    uint64_t refused = 0;
    (void)state;
    struct sim_options options = sim_options_short();
    options.joiners = 0;
    options.fault.old_version_permille = 0;
    options.network = (struct sim_network_options){.delay_us = 5 * SIM_MS};
    options.disk.power_after_effects = 0;
    options.clock = (struct sim_clock_options){.skew_ms = 10};
    sim_begin(&sim, &options, NULL);
    sim_go(&sim, SIM_MINUTE);
    for (int i = 0; i < 20; i++) { /* something to act on */
        send(&sim, SIM_ORDER_BAN, P2P_KIND_BAN_IMPOSE, SIM_WRONG_NONE);
        CHECK(newest_verdict(&sim) == P2P_WHY_NONE);
    }
    CHECK(sim_workload_count(sim.workload).done == 20);
    for (size_t i = 0; i < sizeof(at_the_door) / sizeof(at_the_door[0]); i++) {
        send(&sim, SIM_ORDER_BAN, P2P_KIND_BAN_IMPOSE, at_the_door[i]);
        CHECK(sim_workload_count(sim.workload).refused == ++refused);
    }
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        send(&sim, SIM_ORDER_CHARTER, 0, entries[i]);
        CHECK(sim_workload_count(sim.workload).refused == ++refused);
    }
    revoke_somebody(&sim);
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        uint64_t done = sim_workload_count(sim.workload).done;
        send(&sim, SIM_ORDER_BAN, later[i].kind, later[i].wrong);
        enum p2p_why why = newest_verdict(&sim);
        if (why != later[i].why) {
            print_error("%s: \"%s\"\n", sim_wrong_word(later[i].wrong), p2p_why_word(why));
        }
        CHECK(sim_workload_count(sim.workload).done == done + 1);
        CHECK(why == later[i].why);
    }
    sim_end(&sim);
}

/* Otherwise no failure could be run again. */
static void the_same_seed_asks_the_same(void **state)
{
    struct sim a;
    struct sim b;
    (void)state;
    run(&a, 0);
    run(&b, 0);
    CHECK(a.story.count == b.story.count);
    CHECK_BYTES(a.story.digest, b.story.digest, sizeof(a.story.digest));
    sim_end(&a);
    sim_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_come_in_the_shares_asked_for),
        cmocka_unit_test(every_six_hours_500_come_within_a_minute),
        cmocka_unit_test(every_kind_is_drawn_as_its_row_wants_it),
        cmocka_unit_test(subjects_are_of_every_type_and_some_have_wrong_digits),
        cmocka_unit_test(a_run_asks_and_is_answered),
        cmocka_unit_test(two_heads_come_and_go),
        cmocka_unit_test(what_is_wrong_is_refused_or_has_no_effect),
        cmocka_unit_test(the_same_seed_asks_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
