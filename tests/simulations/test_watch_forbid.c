/* What forbade a release that left: forbidden. */
#include "custody_watch_case.h"

/* ---- blocks ---- */

static struct p2p_record_id block_by(uint32_t member)
{
    return right_world_act(&c.w.world, member,
                           &(struct right_act){.kind = P2P_KIND_RIGHT_BLOCK, .right = c.right});
}

static void standing_block_that_the_gate_knew_is_told(void **state)
{
    (void)state;
    block_by(2);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

/* By a gate that hears of nothing that comes now. */
static struct p2p_record_id use_unaware(void)
{
    ledger_world_seen(&c.w.world, 1);
    struct p2p_record_id use = custody_world_act(&c.w.world, 1,
                                                 &(struct custody_act){.kind = P2P_KIND_USE,
                                                                       .token = c.token,
                                                                       .about = &c.right,
                                                                       .epoch = 1,
                                                                       .no_seen = true});
    ledger_world_write(&c.w.world, 1, (struct p2p_draft){.kind = P2P_KIND_DECISIONS}, 0);
    return use;
}

static void block_that_the_gate_did_not_know_is_none(void **state)
{
    (void)state;
    struct p2p_record_id use = use_unaware();
    block_by(2);
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
}

static void block_that_was_ended_is_none(void **state)
{
    (void)state;
    struct p2p_record_id block = block_by(2);
    right_world_act(
        &c.w.world, 2,
        &(struct right_act){.kind = P2P_KIND_RIGHT_UNBLOCK, .right = c.right, .about = &block});
    leave();
    watch_world_nothing(&c.w);
}

static void block_without_grant_or_signature_or_of_another_right_is_none(void **state)
{
    (void)state;
    struct p2p_record_id right = c.right;
    right_world_act(&c.w.world, 2,
                    &(struct right_act){
                        .kind = P2P_KIND_RIGHT_BLOCK, .right = c.right, .issuer = YARD_OF(2)});
    c.w.world.keys[PARTY_OF(2)] = 90; /* not the key the charter names */
    block_by(2);
    c.w.world.keys[PARTY_OF(2)] = 0;
    c.right = right_world_issue(&c.w.world, 1, c.token, PARTY_OF(2));
    block_by(2);
    c.right = right;
    leave();
    watch_world_nothing(&c.w);
}

static void block_by_who_was_cut_or_lies_is_left_alone(void **state)
{
    (void)state;
    block_by(2);
    ledger_world_cut(&c.w.world, PARTY_OF(2), 2, 1, NULL, 0);
    leave();
    watch_world_nothing(&c.w);
}

static void liars_block_is_left_alone(void **state)
{
    (void)state;
    block_by(2);
    custody_watch_lies(&c, 2);
    leave();
    watch_world_nothing(&c.w);
}

static void overruled_block_is_none(void **state)
{
    (void)state;
    block_by(2);
    struct p2p_record_id override = right_world_act(
        &c.w.world, 1, &(struct right_act){.kind = P2P_KIND_OVERRIDE, .right = c.right});
    struct p2p_record_id cites[3] = {c.token, c.right, override};
    uint8_t room[64];
    struct p2p_pack pack;
    const struct p2p_custody_step step = {.epoch = 1};
    ledger_world_seen(&c.w.world, 1);
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_custody_step_pack(&pack, &step));
    struct p2p_record_id use =
        ledger_world_write(&c.w.world, 1,
                           (struct p2p_draft){.kind = P2P_KIND_USE,
                                              .circle = CIRCLE_ALL,
                                              .cites = cites,
                                              .cite_count = 3,
                                              .content = p2p_pack_slice(&pack)},
                           0);
    ledger_world_write(&c.w.world, 1, (struct p2p_draft){.kind = P2P_KIND_DECISIONS}, 0);
    CHECK_OK(p2p_subject_parse(&c.check.subjects[1], p2p_slice_text("plate:BE:9XYZ999")));
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
}

/* ---- the end of a right ---- */

static struct p2p_record_id end_by(uint32_t member, enum p2p_kind_number kind)
{
    return right_world_act(&c.w.world, member,
                           &(struct right_act){.kind = kind, .right = c.right});
}

static void right_that_its_issuer_ended_is_told(void **state)
{
    (void)state;
    end_by(1, P2P_KIND_RIGHT_REVOKE);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

static void right_that_its_issuer_cancelled_is_told(void **state)
{
    (void)state;
    end_by(1, P2P_KIND_RIGHT_CANCEL);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

static void right_that_somebody_else_would_end_is_none(void **state)
{
    (void)state;
    end_by(2, P2P_KIND_RIGHT_REVOKE);
    leave();
    watch_world_nothing(&c.w);
}

/* ---- lights ---- */

static void light_that_never_was_green_is_told(void **state)
{
    (void)state;
    c.right = right_world_issue(&c.w.world, 1, c.token, PARTY_OF(1));
    for (unsigned light = 1; light < P2P_LIGHT_COUNT; light++) {
        custody_watch_light(&c, (enum p2p_light)light, 0);
    }
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

static void light_that_was_turned_away_is_told(void **state)
{
    (void)state;
    custody_watch_light(&c, P2P_LIGHT_CUSTOMS, 2);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

static void light_that_turned_green_again_is_none(void **state)
{
    (void)state;
    custody_watch_light(&c, P2P_LIGHT_CUSTOMS, 2);
    custody_watch_light(&c, P2P_LIGHT_CUSTOMS, 0);
    leave();
    watch_world_nothing(&c.w);
}

static void light_that_the_gate_cannot_read_is_left_alone(void **state)
{
    (void)state;
    struct p2p_record_id away = custody_watch_light(&c, P2P_LIGHT_CUSTOMS, 2);
    watched_take_all(&c.m1);
    uint8_t key[P2P_ID_KEY_BYTES];
    ledger_node_begin(&c.m1.node);
    CHECK_OK(p2p_kv_del(c.m1.node.kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &away)));
    ledger_node_end(&c.m1.node);
    leave();
    watch_world_nothing(&c.w);
}

/* ---- what is frozen ---- */

/* m3 opens the same box, and m1 hears of it before it lets it out; unaware: m3 had not heard of
 * m1's. */
static struct p2p_record_id open_twice(bool unaware)
{
    struct p2p_record_id other = unaware
                                     ? custody_world_open_unaware(&c.w.world, 3, CUSTODY_BOX)
                                     : custody_world_open(&c.w.world, 3, CUSTODY_BOX);
    sim_yard_opened(&c.workload.yard,
                    &(struct sim_opening){.token = other, .box = 0, .visit = 1, .member = 2});
    return other;
}

static void second_open_that_knew_nothing_of_the_first_is_told(void **state)
{
    (void)state;
    open_twice(true);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

static void second_open_that_knew_of_the_first_is_none(void **state)
{
    (void)state;
    open_twice(false);
    leave();
    watch_world_nothing(&c.w);
}

static void second_open_that_was_withdrawn_is_none(void **state)
{
    (void)state;
    struct p2p_record_id other = open_twice(true);
    custody_world_act(
        &c.w.world, 3,
        &(struct custody_act){.kind = P2P_KIND_CUSTODY_WITHDRAW, .token = other, .epoch = 1});
    leave();
    watch_world_nothing(&c.w);
}

static void what_the_charter_gave_to_another_is_told(void **state)
{
    (void)state;
    custody_world_reassign(&c.w.world, c.token, 2, 3);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

static void what_the_charter_gave_at_another_epoch_is_none(void **state)
{
    (void)state;
    custody_world_reassign(&c.w.world, c.token, 3, 3);
    leave();
    watch_world_nothing(&c.w);
}

static void what_was_opened_past_a_cut_that_the_gate_knew_is_told(void **state)
{
    (void)state;
    ledger_world_cut(&c.w.world, CUSTODY_OF(1), 1, c.token.index, NULL, 0);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

static void cut_above_the_open_is_none(void **state)
{
    (void)state;
    ledger_world_cut(&c.w.world, CUSTODY_OF(1), 1, c.token.index + 1, NULL, 0);
    leave();
    watch_world_nothing(&c.w);
}

static void open_that_the_cut_keeps_is_none(void **state)
{
    (void)state;
    ledger_world_cut(&c.w.world, CUSTODY_OF(1), 1, c.token.index, &c.token.index, 1);
    leave();
    watch_world_nothing(&c.w);
}

static void cut_that_the_gate_did_not_know_is_none(void **state)
{
    (void)state;
    struct p2p_record_id use = use_unaware();
    ledger_world_cut(&c.w.world, CUSTODY_OF(1), 1, c.token.index, NULL, 0);
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
}

static void what_two_counted_since_the_cut_is_none(void **state)
{
    (void)state;
    ledger_world_cut(&c.w.world, CUSTODY_OF(1), 1, c.token.index, NULL, 0);
    custody_world_recount(&c.w.world, 1, c.token, 1, "held");
    leave();
    watch_world_nothing(&c.w);
}

static void what_never_came_to_the_feed_that_lets_it_out_is_told(void **state)
{
    (void)state;
    c.token = custody_world_open(&c.w.world, 2, "MSCU6639871");
    sim_yard_opened(&c.workload.yard,
                    &(struct sim_opening){.token = c.token, .box = 0, .visit = 2});
    c.right = right_world_issue(&c.w.world, 1, c.token, PARTY_OF(1));
    custody_watch_lights(&c);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_FORBIDDEN);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(standing_block_that_the_gate_knew_is_told),
        T(block_that_the_gate_did_not_know_is_none),
        T(block_that_was_ended_is_none),
        T(block_without_grant_or_signature_or_of_another_right_is_none),
        T(block_by_who_was_cut_or_lies_is_left_alone),
        T(liars_block_is_left_alone),
        T(overruled_block_is_none),
        T(right_that_its_issuer_ended_is_told),
        T(right_that_its_issuer_cancelled_is_told),
        T(right_that_somebody_else_would_end_is_none),
        T(light_that_never_was_green_is_told),
        T(light_that_was_turned_away_is_told),
        T(light_that_turned_green_again_is_none),
        T(light_that_the_gate_cannot_read_is_left_alone),
        T(second_open_that_knew_nothing_of_the_first_is_told),
        T(second_open_that_knew_of_the_first_is_none),
        T(second_open_that_was_withdrawn_is_none),
        T(what_the_charter_gave_to_another_is_told),
        T(what_the_charter_gave_at_another_epoch_is_none),
        T(what_was_opened_past_a_cut_that_the_gate_knew_is_told),
        T(cut_above_the_open_is_none),
        T(open_that_the_cut_keeps_is_none),
        T(cut_that_the_gate_did_not_know_is_none),
        T(what_two_counted_since_the_cut_is_none),
        T(what_never_came_to_the_feed_that_lets_it_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
