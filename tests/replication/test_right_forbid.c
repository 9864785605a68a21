/* What forbids a right to be used, in any order of arrival, and what overrules it. */
#include "right_case.h"

#include <p2p/rescued.h>

#include <stdlib.h>

/* Without this, a revoke or cancel would wait for a ruling, or be undone by one. */
static void test_ends(void **state)
{
    (void)state;
    for (unsigned cancels = 0; cancels < 2; cancels++) {
        struct right_case f;
        begin(&f);
        ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
        struct p2p_record_id by =
            ask(&f, 1, cancels ? P2P_KIND_RIGHT_CANCEL : P2P_KIND_RIGHT_REVOKE);
        check_state(&f, cancels ? "CANCELLED" : "REVOKED");
        rule(&f, assign(&f, 2));
        rule(&f, pass(&f, 2, PARTY_OF(3)));
        check_state(&f, cancels ? "CANCELLED" : "REVOKED");
        CHECK(same(now(&f).ended_by, by) && now(&f).unruled_count == 0);
        struct p2p_record_id use = right_world_use(&f.world, 1, f.token, f.right, 1);
        check_state(&f, "USED"); /* whatever else is known; and flagged */
        CHECK(same(now(&f).used_by, use) && now(&f).unfit);
        end(&f);
    }
}

/* Without this, a block would wait for a ruling, or end without one. */
static void test_blocks(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    struct p2p_record_id first = ask(&f, 3, P2P_KIND_RIGHT_BLOCK);
    struct p2p_record_id second = ask(&f, 4, P2P_KIND_RIGHT_BLOCK);
    check_state(&f, "BLOCKED");
    CHECK(now(&f).block_count == 2 && now(&f).below == P2P_RIGHT_ACTIVE);
    struct right_act act = {.kind = P2P_KIND_RIGHT_UNBLOCK, .right = f.right, .about = &first};
    struct p2p_record_id unblock = right_world_act(&f.world, 3, &act);
    CHECK(now(&f).block_count == 2 && now(&f).unruled_count == 1); /* asked, not ruled */
    rule(&f, unblock);
    CHECK(now(&f).block_count == 1 && same(now(&f).blocks[0], second));
    ruled(&f, 4, P2P_KIND_RIGHT_UNBLOCK); /* of none */
    check_state(&f, "BLOCKED");
    act.about = &second;
    rule(&f, right_world_act(&f.world, 3, &act)); /* what another member closed */
    check_state(&f, "BLOCKED");
    rule(&f, right_world_act(&f.world, 4, &act));
    check_state(&f, "ACTIVE");
    ask(&f, 3, P2P_KIND_RIGHT_BLOCK);
    check_state(&f, "BLOCKED");
    end(&f);
}

/* Without this, a light would turn green by who did not know why it had left green. */
static void test_lights_leave_green(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    rule(&f, light(&f, 2, P2P_LIGHT_CUSTOMS, 0));
    CHECK(now(&f).lights[P2P_LIGHT_CUSTOMS] == 0);
    struct p2p_record_id away = light(&f, 2, P2P_LIGHT_CUSTOMS, 2); /* unruled */
    struct p2p_right right = now(&f);
    CHECK(right.lights[P2P_LIGHT_CUSTOMS] == 2);
    CHECK(same(right.light_by[P2P_LIGHT_CUSTOMS], away) && right.unruled_count == 0);
    struct p2p_record_id green =
        right_world_act(&f.world, 3,
                        &(struct right_act){.kind = P2P_KIND_RIGHT_LIGHT,
                                            .right = f.right,
                                            .light = P2P_LIGHT_CUSTOMS,
                                            .no_seen = true});
    CHECK(ledger_world_size(&f.world, 3) == 1); /* knows nothing, so it has no effect */
    rule(&f, green);
    CHECK(now(&f).lights[P2P_LIGHT_CUSTOMS] == 2);
    ledger_world_seen(&f.world, 3);
    light(&f, 2, P2P_LIGHT_CUSTOMS, 4); /* which m3 does not know */
    green = right_world_act(&f.world, 3,
                            &(struct right_act){.kind = P2P_KIND_RIGHT_LIGHT,
                                                .right = f.right,
                                                .light = P2P_LIGHT_CUSTOMS,
                                                .no_seen = true});
    rule(&f, green);
    CHECK(now(&f).lights[P2P_LIGHT_CUSTOMS] == 4);
    rule(&f, light(&f, 3, P2P_LIGHT_CUSTOMS, 0));
    CHECK(now(&f).lights[P2P_LIGHT_CUSTOMS] == 0);
    CHECK(now(&f).lights[P2P_LIGHT_COMMERCIAL] == 1);
    end(&f);
}

/* Without this, a gate would allow what a block forbids that it cannot judge yet. */
static void test_unsure(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    struct p2p_record_id block = right_world_act(
        &f.world, 3,
        &(struct right_act){
            .kind = P2P_KIND_RIGHT_BLOCK, .right = f.right, .issuer = YARD_OF(3)});
    struct p2p_right right = now(&f);
    CHECK(right.block_count == 0 && right.unsure_count == 1 && same(right.unsure[0], block));
    ledger_world_grant(&f.world, YARD_OF(3), 3, "block", "*");
    ledger_world_seen(&f.world, 3);
    right = now(&f); /* the old one was written without the grant */
    CHECK(right.block_count == 0 && right.unsure_count == 1);
    block = right_world_act(&f.world, 3,
                            &(struct right_act){.kind = P2P_KIND_RIGHT_BLOCK,
                                                .right = f.right,
                                                .issuer = YARD_OF(3)});
    right = now(&f);
    CHECK(right.block_count == 1 && right.unsure_count == 1);
    end(&f);
}

/* Carries a record of another branch on. */
static struct p2p_record_id carry(struct right_case *f, uint32_t by, const struct written *lost)
{
    static uint8_t payload[4096];
    struct p2p_pack pack;
    const struct p2p_rescued rescued = {.feed = lost->id.feed,
                                        .index = lost->id.index,
                                        .leaf = lost->leaf,
                                        .salted = lost->salted};
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_rescued_pack(&pack, &rescued));
    return ledger_world_write(&f->world, by,
                              (struct p2p_draft){.kind = P2P_KIND_RESCUED,
                                                 .circle = CIRCLE_ALL,
                                                 .payload = p2p_pack_slice(&pack)},
                              0);
}

/* Without this, a block would go with the branch it stood on, or stay for ever. */
static void test_rescued_block(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    ledger_world_seen(&f.world, 3);
    struct written_feed *feed = &f.world.feeds[3];
    const struct p2p_edge before = feed->edge;
    right_world_act(
        &f.world, 3,
        &(struct right_act){.kind = P2P_KIND_RIGHT_BLOCK, .right = f.right, .no_seen = true});
    struct written lost = feed->records[--feed->count];
    feed->edge = before;
    struct p2p_record_id first = carry(&f, 2, &lost);
    check_state(&f, "ACTIVE"); /* nothing was to be rescued */
    ledger_history_tell(&f.world, 1, 3, ledger_world_size(&f.world, 3));
    check_state(&f, "BLOCKED");
    CHECK(now(&f).block_count == 1 && same(now(&f).blocks[0], first));
    struct p2p_record_id second = carry(&f, 4, &lost);
    CHECK(now(&f).block_count == 1 && same(now(&f).blocks[0], first)); /* it is one */
    const struct right_act act = {
        .kind = P2P_KIND_RIGHT_UNBLOCK, .right = f.right, .about = &second};
    rule(&f, right_world_act(&f.world, 4, &act)); /* who carries it did not block */
    check_state(&f, "BLOCKED");
    struct p2p_record_id unblock = right_world_act(&f.world, 3, &act);
    ledger_history_tell(&f.world, 1, 3, ledger_world_size(&f.world, 3));
    check_state(&f, "BLOCKED");
    rule(&f, unblock);
    check_state(&f, "ACTIVE"); /* whichever of them it cites */
    end(&f);
    free((void *)lost.leaf.data);
    free((void *)lost.salted.data);
}

/* Without this, one issuer could overrule a light alone, or two what they did not know of. */
static void test_override(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    struct p2p_record_id override = ask(&f, 1, P2P_KIND_OVERRIDE);
    struct right_act act = {
        .kind = P2P_KIND_APPROVE, .right = f.right, .about = &override, .issuer = YARD_OF(1)};
    CHECK(now(&f).override.by.feed == 0);
    struct p2p_record_id elsewhere = ask(&f, 2, P2P_KIND_OVERRIDE);
    act.about = &elsewhere; /* not in the holder's feed */
    right_world_act(&f.world, 1, &act);
    CHECK(now(&f).override.by.feed == 0);
    struct p2p_record_id own = right_world_act(
        &f.world, 1,
        &(struct right_act){.kind = P2P_KIND_OVERRIDE, .right = f.right, .issuer = YARD_OF(1)});
    act.about = &own; /* his own */
    right_world_act(&f.world, 1, &act);
    CHECK(now(&f).override.by.feed == 0);
    struct p2p_record_id box = right_world_act(&f.world, 1,
                                               &(struct right_act){.kind = P2P_KIND_OVERRIDE,
                                                                   .right = f.right,
                                                                   .container = "MSCU1000070"});
    act.about = &box; /* of another box, as who approves it reads */
    right_world_act(&f.world, 1, &act);
    CHECK(now(&f).override.by.feed == 0);
    act.about = &override;
    struct p2p_record_id approve = right_world_act(&f.world, 1, &act);
    struct p2p_right right = now(&f);
    CHECK(same(right.override.by, override) && same(right.override.seconded, approve));
    CHECK(right.override.lights == 0xfu && !right.override.blocks);
    light(&f, 3, P2P_LIGHT_CUSTOMS, 3); /* which they did not know of */
    ask(&f, 3, P2P_KIND_RIGHT_BLOCK);
    right = now(&f);
    CHECK(right.override.lights == (0xfu & ~(1u << P2P_LIGHT_CUSTOMS)));
    override = ask(&f, 1, P2P_KIND_OVERRIDE);
    approve = right_world_act(&f.world, 1, &act);
    right = now(&f);
    CHECK(same(right.override.seconded, approve) && right.override.lights == 0xfu);
    CHECK(!right.override.blocks); /* nobody granted so */
    ledger_world_grant(&f.world, PARTY_OF(1), 1, "override-block", "*");
    ledger_world_grant(&f.world, YARD_OF(1), 1, "override-block", "*");
    override = ask(&f, 1, P2P_KIND_OVERRIDE);
    right_world_act(&f.world, 1, &act);
    CHECK(now(&f).override.blocks);
    ask(&f, 4, P2P_KIND_RIGHT_BLOCK); /* which they did not know of */
    CHECK(!now(&f).override.blocks && now(&f).override.lights == 0xfu);
    right_world_use(&f.world, 1, f.token, f.right, 1);
    CHECK(now(&f).override.by.feed == 0 && now(&f).below == P2P_RIGHT_USED);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_lights_leave_green),
        cmocka_unit_test(test_unsure),
        cmocka_unit_test(test_rescued_block),
        cmocka_unit_test(test_override),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
