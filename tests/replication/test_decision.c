/* Decisions computed once more: by the gate's own function over what its feed shows it knew. */
#include "check.h"
#include "ledger_history.h"

#include <p2p/decision.h>

#include <stdio.h>

#define NOW LEDGER_WORLD_TIME_MS

enum { FEEDS = LEDGER_WORLD_MEMBERS + 1, ROOM = 8192 };

static const char *const subjects[] = {"imo:9179842", "imo:9074729", "card:alfapass:1",
                                       "phone:1", "imo:9179841"};

/* ---- a gate that decides, and packs what it decided ---- */

struct gate {
    struct p2p_gate_place place;
    struct p2p_gate_check check;
    struct p2p_gate_answer answer;
    uint8_t room[ROOM];
};

/* Of a member, as the charter has it: m1 and m2 are in both circles. */
static void stand(struct gate *gate, const struct p2p_charter *charter, uint32_t member)
{
    *gate = (struct gate){.check = {.own_ms = NOW}};
    snprintf(gate->check.gate, sizeof(gate->check.gate), "quay-1");
    p2p_gate_stand(&gate->place, charter, p2p_charter_member(charter, member));
    for (size_t i = 1; i < gate->place.circle_count; i++) { /* circle 0 has no key */
        uint32_t circle = gate->place.circles[i];
        gate->place.keys[gate->place.key_count++] =
            (struct p2p_circle_secret){circle, 1, ledger_world_key(circle, 1)};
    }
}

static void ask_for(struct gate *gate, const char *purpose, const char *const *texts,
                    size_t count)
{
    snprintf(gate->check.purpose, sizeof(gate->check.purpose), "%s", purpose);
    gate->check.subject_count = count;
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(p2p_subject_parse(&gate->check.subjects[i], p2p_slice_text(texts[i])));
    }
}

static struct p2p_slice decide(struct gate *gate, struct p2p_ledger *ledger,
                               const struct p2p_kv *kv, const struct p2p_ledger *late)
{
    struct p2p_pack pack;
    CHECK_OK(p2p_gate_decide(ledger, kv, &gate->place, &gate->check, &gate->answer));
    p2p_pack_init(&pack, gate->room, sizeof(gate->room));
    p2p_gate_pack(&pack, &gate->place, &gate->check, &gate->answer, late);
    CHECK(!p2p_pack_failed(&pack));
    CHECK_OK(p2p_wire_check(p2p_pack_slice(&pack)));
    return p2p_pack_slice(&pack);
}

/* ---- what was decided, judged over the past of everything ---- */

struct court {
    struct ledger_world world;
    struct ledger_node node; /* holds everything */
    const struct p2p_kv *kv;
    struct p2p_past *past;
    uint64_t sizes[FEEDS];
    struct p2p_horizon horizon;
    struct p2p_decision decision;
    struct p2p_decided_again again;
};

static void open_court(struct court *court)
{
    ledger_node_init(&court->node, &court->world, 0);
    ledger_node_take_all(&court->node);
    court->kv = memory_kv_begin(court->node.store);
    court->horizon = (struct p2p_horizon){.sizes = court->sizes, .count = FEEDS};
    CHECK_OK(p2p_past_new(&court->past, p2p_alloc_default(), &court->node.ledger, court->kv));
}

static void close_court(struct court *court)
{
    p2p_past_free(court->past);
    memory_kv_abort(court->node.store);
    ledger_node_deinit(&court->node);
    ledger_world_deinit(&court->world);
}

static enum p2p_decided judge(struct court *court, struct p2p_slice packed, uint32_t feed,
                              uint64_t index)
{
    const struct p2p_decision_place place = {.feed = feed, .index = index};
    CHECK_OK(p2p_decision_parse(&court->decision, packed));
    CHECK_OK(p2p_decision_known(&court->decision, court->kv, feed, index, &court->horizon));
    CHECK_OK(p2p_decision_again(court->past, &court->horizon, &place, &court->decision,
                                &court->again));
    return court->again.decided;
}

/* A fresh node that holds what was known then. */
static void take_known(struct ledger_node *node, const uint64_t sizes[FEEDS])
{
    ledger_node_begin(node);
    ledger_node_charter(node, sizes[0]);
    for (uint32_t f = 1; f < FEEDS; f++) {
        ledger_node_take(node, f, sizes[f]);
    }
    ledger_node_end(node);
}

/* ---- random histories: what an honest gate decides is right ---- */

static unsigned decided[P2P_ANSWER_REFUSE + 1];

static void decide_at(struct court *court, struct rng *rng, uint32_t member, uint64_t index)
{
    static struct gate gate;
    struct ledger_node node;
    uint64_t sizes[FEEDS];
    bool late = rng_below(rng, 3) == 0;
    CHECK_OK(p2p_horizon_known(court->kv, member, index,
                               &(struct p2p_horizon){.sizes = sizes, .count = FEEDS}));
    if (sizes[0] == 0) {
        return; /* it knew no charter, and could decide nothing */
    }
    for (uint32_t f = 0; f < FEEDS; f++) {
        uint64_t held = ledger_world_size(&court->world, f);
        sizes[f] = sizes[f] < held ? sizes[f] : held; /* a lie about what nobody wrote */
        if (late && f > 0 && sizes[f] > 0) {          /* long before it could be appended */
            sizes[f] -= rng_below(rng, sizes[f]);
        }
    }
    ledger_node_init(&node, &court->world, 0);
    take_known(&node, sizes);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    stand(&gate, node.ledger.charter, member);
    gate.check.quorum_ms = rng_below(rng, 2) ? NOW + 5 : 0;
    gate.check.read_only = late;
    gate.check.stale = rng_below(rng, 8) == 0;
    gate.check.incomplete = rng_below(rng, 8) == 0;
    const char *const two[] = {subjects[rng_below(rng, 5)], subjects[rng_below(rng, 5)]};
    ask_for(&gate, rng_below(rng, 2) ? "call" : "enter", two, 1 + rng_below(rng, 2));
    struct p2p_slice packed = decide(&gate, &node.ledger, kv, late ? &node.ledger : NULL);
    enum p2p_decided is = judge(court, packed, member, index);
    CHECK(is == P2P_DECIDED_RIGHT || is == P2P_DECIDED_CLAIMED ||
          (is == P2P_DECIDED_UNCHECKABLE && p2p_past_lacks(court->past)));
    CHECK(is != P2P_DECIDED_CLAIMED || gate.check.stale || gate.check.incomplete);
    CHECK(court->again.should.answer == gate.answer.answer);
    decided[gate.answer.answer]++;
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
}

/* Without this, an audit would accuse honest gates, or none at all. */
static void test_honest_gates(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct rng rng = {seed};
        static struct court court;
        print_message("seed %llu\n", (unsigned long long)seed);
        ledger_history_write(&court.world, &rng, 60, seed % 2 == 0);
        open_court(&court);
        for (unsigned i = 0; i < 30; i++) {
            uint32_t member = 1 + (uint32_t)rng_below(&rng, 4);
            uint64_t size = ledger_world_size(&court.world, member);
            decide_at(&court, &rng, member, 1 + rng_below(&rng, size));
        }
        close_court(&court);
    }
    for (int answer = P2P_ANSWER_ALLOW; answer <= P2P_ANSWER_REFUSE; answer++) {
        CHECK(decided[answer] > 5);
    }
}

/* ---- one of each ---- */

struct one {
    struct court court;
    struct gate gate;
    struct p2p_record_id ban;
    uint64_t before, after; /* places in the feed of m2: before it knew of the ban, and after */
};

/* m1 bans a ship; m2 learns of it; m1 lifts it, which m2 never learns. */
static struct one *begin(void)
{
    static struct one one;
    struct ledger_world *world = &one.court.world;
    ledger_world_init(world);
    ledger_world_seen(world, 1);
    ledger_world_seen(world, 2);
    one.before = ledger_world_size(world, 2);
    one.ban =
        ledger_world_ban(world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_ban(
        world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .subject = "card:alfapass:1"});
    ledger_world_seen(world, 2);
    one.after = ledger_world_size(world, 2);
    ledger_world_act(world, 1, COURT_1, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &one.ban, 1);
    open_court(&one.court);
    stand(&one.gate, world->charter, 2);
    ask_for(&one.gate, "call", subjects, 1);
    return &one;
}

/* Decides by the past as of a place; the record behind it, and what the court says. */
static struct p2p_slice decide_then(struct one *one, uint64_t index)
{
    struct court *court = &one->court;
    CHECK_OK(p2p_horizon_known(court->kv, 2, index, &court->horizon));
    CHECK_OK(p2p_past_set(court->past, &court->horizon));
    return decide(&one->gate, p2p_past_ledger(court->past), p2p_past_kv(court->past), NULL);
}

static struct p2p_slice pack_again(struct one *one, const struct p2p_ledger *late)
{
    struct p2p_pack pack;
    p2p_pack_init(&pack, one->gate.room, sizeof(one->gate.room));
    p2p_gate_pack(&pack, &one->gate.place, &one->gate.check, &one->gate.answer, late);
    CHECK(!p2p_pack_failed(&pack));
    return p2p_pack_slice(&pack);
}

/* Without this, an allow before the ban was known would be called wrong, or one after it right;
 * and a lift that the gate never heard of would excuse or accuse it. */
static void test_before_and_after(void **state)
{
    struct one *one = begin();
    (void)state;
    struct p2p_slice packed = decide_then(one, one->before);
    CHECK(one->gate.answer.answer == P2P_ANSWER_ALLOW);
    CHECK(judge(&one->court, packed, 2, one->before) == P2P_DECIDED_RIGHT);
    CHECK(judge(&one->court, packed, 2, one->after) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(one->court.again.should.answer == P2P_ANSWER_REFUSE);
    CHECK(p2p_record_id_compare(&one->court.again.should.reasons[0].record, &one->ban) == 0);
    packed = decide_then(one, one->after);
    CHECK(one->gate.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(judge(&one->court, packed, 2, one->after) == P2P_DECIDED_RIGHT);
    CHECK(judge(&one->court, packed, 2, one->before) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(!one->court.again.two_heads && !one->court.again.keys_missing);
    close_court(&one->court);
}

/* Without this, a gate could refuse for a reason that is none. */
static void test_reasons(void **state)
{
    struct one *one = begin();
    (void)state;
    decide_then(one, one->after);
    one->gate.answer.reasons[0].record.index++;
    CHECK(judge(&one->court, pack_again(one, NULL), 2, one->after) ==
          P2P_DECIDED_OTHER_REASONS);
    one->gate.answer.reasons[0].record.index--;
    one->gate.answer.reasons[1] = one->gate.answer.reasons[0]; /* told twice */
    one->gate.answer.reason_count = 2;
    CHECK(judge(&one->court, pack_again(one, NULL), 2, one->after) ==
          P2P_DECIDED_OTHER_REASONS);
    one->gate.answer.reason_count = 0;
    CHECK(judge(&one->court, pack_again(one, NULL), 2, one->after) ==
          P2P_DECIDED_OTHER_REASONS);
    close_court(&one->court);
}

/* Without this, `incomplete` would be a word that excuses an allow, or one that accuses who
 * lacked a payload. */
static void test_claims(void **state)
{
    struct one *one = begin();
    (void)state;
    decide_then(one, one->after);
    one->gate.check.incomplete = true;
    one->gate.answer = (struct p2p_gate_answer){
        .answer = P2P_ANSWER_REFER, .reason_count = 1, .reasons_total = 1};
    one->gate.answer.reasons[0].code = P2P_GATE_INCOMPLETE;
    CHECK(judge(&one->court, pack_again(one, NULL), 2, one->after) == P2P_DECIDED_CLAIMED);
    one->gate.check.incomplete = false; /* said as a reason, and not of itself */
    CHECK(judge(&one->court, pack_again(one, NULL), 2, one->after) == P2P_DECIDED_OTHER_ANSWER);
    one->gate.check.incomplete = true;
    one->gate.answer.answer = P2P_ANSWER_ALLOW;
    CHECK(judge(&one->court, pack_again(one, NULL), 2, one->after) == P2P_DECIDED_OTHER_ANSWER);
    one->gate.answer.reason_count = 0;
    CHECK(judge(&one->court, pack_again(one, NULL), 2, one->after) == P2P_DECIDED_OTHER_ANSWER);
    one->gate.check.incomplete = false;
    one->gate.check.stale = true;
    struct p2p_slice packed = decide_then(one, one->before);
    CHECK(judge(&one->court, packed, 2, one->before) == P2P_DECIDED_CLAIMED);
    close_court(&one->court);
}

/* Without this, a gate could look a person up under no key, and let him in. */
static void test_keys(void **state)
{
    struct one *one = begin();
    (void)state;
    ask_for(&one->gate, "enter", &subjects[2], 1);
    struct p2p_slice packed = decide_then(one, one->after);
    CHECK(one->gate.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(judge(&one->court, packed, 2, one->after) == P2P_DECIDED_RIGHT);
    one->gate.place.keys[0] = one->gate.place.keys[--one->gate.place.key_count];
    one->gate.place.keys_missing = 1;
    packed = decide_then(one, one->after);
    CHECK(one->gate.answer.answer == P2P_ANSWER_REFER);
    CHECK(judge(&one->court, packed, 2, one->after) == P2P_DECIDED_CLAIMED);
    CHECK(one->court.again.keys_missing);
    one->gate.place.keys_missing = 0;
    packed = decide_then(one, one->after);
    CHECK(one->gate.answer.answer == P2P_ANSWER_ALLOW);
    CHECK(judge(&one->court, packed, 2, one->after) == P2P_DECIDED_OTHER_ANSWER);
    /* A token under a key of a circle that it is not in looks for nothing. */
    one->gate.place.keys[0].epoch = 7;
    packed = decide_then(one, one->after);
    CHECK(judge(&one->court, packed, 2, one->after) == P2P_DECIDED_OTHER_ANSWER);
    close_court(&one->court);
}

/* Without this, what was decided while nothing could be appended would be judged by what was
 * known much later. */
static void test_late(void **state)
{
    struct one *one = begin();
    struct court *court = &one->court;
    (void)state;
    one->gate.check.read_only = true;
    decide_then(one, one->before);
    struct p2p_slice packed = pack_again(one, p2p_past_ledger(court->past));
    CHECK(judge(court, packed, 2, one->after) == P2P_DECIDED_RIGHT); /* appended there */
    CHECK(court->sizes[1] == 1 && court->sizes[2] == one->before);
    CHECK_ERR(
        p2p_decision_known(&court->decision, court->kv, 2, one->before - 1, &court->horizon),
        P2P_MALFORMED); /* more of its own than stood there */
    struct p2p_horizon few = {.sizes = court->sizes, .count = 2};
    CHECK_ERR(p2p_decision_known(&court->decision, court->kv, 2, one->after, &few),
              P2P_MALFORMED);
    court->decision.has_known = false; /* of too many feeds, or before late ones named them */
    CHECK_ERR(p2p_decision_known(&court->decision, court->kv, 2, one->after, &court->horizon),
              P2P_NOTFOUND);
    close_court(court);
}

/* Without this, an auditor who lacks payloads or records would call a refusal wrong; what he
 * has is enough to call an allow wrong. */
static void test_not_all_here(void **state)
{
    struct one *one = begin();
    struct court *court = &one->court;
    const bool withheld[] = {false, true, false};
    struct p2p_decision_place place = {
        .feed = 2, .index = one->after, .withheld = withheld, .withheld_count = 3};
    (void)state;
    decide_then(one, one->after);
    one->gate.answer.reasons[0].record.index += 5; /* of a ban that is not here */
    CHECK_OK(p2p_decision_parse(&court->decision, pack_again(one, NULL)));
    CHECK_OK(p2p_decision_again(court->past, &court->horizon, &place, &court->decision,
                                &court->again));
    CHECK(court->again.decided == P2P_DECIDED_UNCHECKABLE);
    struct p2p_slice packed = decide_then(one, one->before);
    CHECK_OK(p2p_decision_parse(&court->decision, packed));
    CHECK_OK(p2p_horizon_known(court->kv, 2, one->after, &court->horizon));
    CHECK_OK(p2p_decision_again(court->past, &court->horizon, &place, &court->decision,
                                &court->again));
    CHECK(court->again.decided == P2P_DECIDED_OTHER_ANSWER);
    court->sizes[3] += 100;
    CHECK_OK(p2p_decision_again(court->past, &court->horizon, &place, &court->decision,
                                &court->again));
    CHECK(court->again.decided == P2P_DECIDED_UNCHECKABLE);
    close_court(court);
}

/* Without this, a gate would be accused of what it decided by another history of a forked feed,
 * which nobody holds any more; false words excuse no longer than they are its newest. */
static void test_another_history(void **state)
{
    static struct court court;
    static struct gate gate;
    struct p2p_record_id ban;
    (void)state;
    ledger_world_init(&court.world);
    ledger_world_seen(&court.world, 1);
    ban = ledger_world_ban(&court.world, 1, COURT_1,
                           &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_claims(&court.world, 2,
                        (struct ledger_claim[]){{0, 1, false, NULL}, {1, 2, true, NULL}}, 2);
    uint64_t then = ledger_world_size(&court.world, 2);
    ledger_world_claims(&court.world, 2, &(struct ledger_claim){1, 1, false, NULL}, 1);
    uint64_t later = ledger_world_size(&court.world, 2);
    open_court(&court);
    stand(&gate, court.world.charter, 2);
    ask_for(&gate, "call", subjects, 1);
    struct p2p_slice packed = decide(&gate, &court.node.ledger, court.kv, NULL);
    CHECK(gate.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(p2p_record_id_compare(&gate.answer.reasons[0].record, &ban) == 0);
    CHECK(judge(&court, packed, 2, then) == P2P_DECIDED_UNCHECKABLE);
    CHECK(court.horizon.refuted && court.sizes[1] == 0);
    CHECK(judge(&court, packed, 2, later) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(!court.horizon.refuted && court.sizes[1] == 1);
    close_court(&court);
}

/* ---- on the wire ---- */

/* Without this, a payload made by anybody could crash an audit, or pass as a decision. */
static void test_wrong_bytes(void **state)
{
    struct one *one = begin();
    struct p2p_decision decision;
    uint8_t copy[ROOM];
    (void)state;
    one->gate.check.read_only = true;
    one->gate.check.quorum_ms = NOW;
    ask_for(&one->gate, "enter", &subjects[2], 3);
    decide_then(one, one->after);
    struct p2p_slice packed = pack_again(one, p2p_past_ledger(one->court.past));
    CHECK_OK(p2p_decision_parse(&decision, packed));
    CHECK(decision.late && decision.has_known && decision.subject_count == 3);
    CHECK(decision.quorum_ms == NOW && decision.own_ms == NOW);
    for (size_t len = 0; len < packed.len; len++) {
        CHECK_ERR(p2p_decision_parse(&decision, p2p_slice_of(packed.data, len)), P2P_MALFORMED);
    }
    for (size_t bit = 0; bit < 8 * packed.len; bit++) {
        memcpy(copy, packed.data, packed.len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct p2p_slice changed = p2p_slice_of(copy, packed.len);
        if (p2p_wire_check(changed) == P2P_OK &&
            p2p_decision_parse(&decision, changed) == P2P_OK) {
            struct p2p_decision_subjects walk;
            struct p2p_decision_subject subject;
            p2p_decision_subjects_begin(&walk, &decision);
            while (p2p_decision_subjects_next(&walk, &subject)) {
                CHECK(p2p_subject_type_named(subject.type) != NULL);
            }
        }
    }
    close_court(&one->court);
}

static void test_walk(void **state)
{
    static const char two[] = "\x81\xa9"
                              "decisions\x92\x80\x81\xa1"
                              "a\x01";
    struct p2p_decisions_walk walk;
    struct p2p_slice packed;
    struct p2p_decision decision;
    (void)state;
    p2p_decisions_begin(&walk, p2p_slice_of(two, sizeof(two) - 1));
    CHECK_OK(p2p_decisions_next(&walk, &packed));
    CHECK(packed.len == 1);
    CHECK_ERR(p2p_decision_parse(&decision, packed), P2P_MALFORMED);
    CHECK_OK(p2p_decisions_next(&walk, &packed));
    CHECK(packed.len == 4);
    CHECK_ERR(p2p_decision_parse(&decision, packed), P2P_MALFORMED);
    CHECK_ERR(p2p_decisions_next(&walk, &packed), P2P_NOTFOUND);
    p2p_decisions_begin(&walk, p2p_slice_of(two, sizeof(two) - 2));
    CHECK_ERR(p2p_decisions_next(&walk, &packed), P2P_MALFORMED);
    p2p_decisions_begin(&walk, p2p_slice_text("\x80"));
    CHECK_ERR(p2p_decisions_next(&walk, &packed), P2P_MALFORMED);
    for (int i = 0; i <= P2P_DECIDED_UNCHECKABLE; i++) {
        CHECK(p2p_decided_word((enum p2p_decided)i)[0] != '\0');
        CHECK(p2p_decided_text((enum p2p_decided)i)[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_gates), cmocka_unit_test(test_before_and_after),
        cmocka_unit_test(test_reasons),      cmocka_unit_test(test_claims),
        cmocka_unit_test(test_keys),         cmocka_unit_test(test_late),
        cmocka_unit_test(test_not_all_here), cmocka_unit_test(test_another_history),
        cmocka_unit_test(test_wrong_bytes),  cmocka_unit_test(test_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
