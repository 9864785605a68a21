/* Rights: the table, the life of one, what forbids, who rules, what hostile records do. */
#include "check.h"
#include "ledger_history.h"
#include "right_world.h"

#include <p2p/forked.h>
#include <p2p/kind.h>
#include <p2p/rescued.h>

#include <stdlib.h>

struct fixture {
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_record_id token;
    struct p2p_record_id right;
};

/* m1 opens custody and issues the right to m2. */
static void begin(struct fixture *f)
{
    ledger_world_init(&f->world);
    custody_world_init(&f->world);
    ledger_world_grant(&f->world, YARD_OF(1), 1, "override", "*");
    f->token = custody_world_open(&f->world, 1, CUSTODY_BOX);
    f->right = right_world_issue(&f->world, 1, f->token, PARTY_OF(2));
    ledger_node_init(&f->node, &f->world, 0);
}

static void end(struct fixture *f)
{
    struct ledger_node other; /* in another order, the same */
    ledger_node_take_all(&f->node);
    ledger_node_init(&other, &f->world, 0);
    ledger_node_begin(&other);
    ledger_node_charter(&other, f->world.entry_count);
    for (uint32_t feed = LEDGER_WORLD_MEMBERS; feed >= 1; feed--) {
        ledger_node_take(&other, feed, ledger_world_size(&f->world, feed));
        ledger_node_end(&other);
        ledger_node_begin(&other);
    }
    ledger_node_end(&other);
    ledger_node_check_same(&f->node, &other);
    ledger_node_deinit(&other);
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

static struct p2p_right now(struct fixture *f)
{
    ledger_node_take_all(&f->node);
    return right_of(&f->node, f->right);
}

static void check_state(struct fixture *f, const char *expected)
{
    struct p2p_right right = now(f);
    const char *got = p2p_right_state_word(p2p_right_state_at(&right, LEDGER_WORLD_TIME_MS));
    if (strcmp(got, expected) != 0) {
        print_error("the right is %s, not %s\n", got, expected);
    }
    CHECK(strcmp(got, expected) == 0);
}

static struct p2p_record_id ask(struct fixture *f, uint32_t member, enum p2p_kind_number kind)
{
    return right_world_act(&f->world, member,
                           &(struct right_act){.kind = kind, .right = f->right});
}

static struct p2p_record_id pass(struct fixture *f, uint32_t member, uint32_t to)
{
    return right_world_act(
        &f->world, member,
        &(struct right_act){.kind = P2P_KIND_RIGHT_TRANSFER, .right = f->right, .to = to});
}

static struct p2p_record_id assign(struct fixture *f, uint32_t member)
{
    return right_world_act(&f->world, member,
                           &(struct right_act){.kind = P2P_KIND_RIGHT_ASSIGN,
                                               .right = f->right,
                                               .driver = "card:alfapass:1234567",
                                               .truck = "plate:BE:1ABC234",
                                               .slot_from_ms = 1000,
                                               .slot_until_ms = 2000});
}

static struct p2p_record_id light(struct fixture *f, uint32_t member, enum p2p_light which,
                                  unsigned value)
{
    return right_world_act(
        &f->world, member,
        &(struct right_act){
            .kind = P2P_KIND_RIGHT_LIGHT, .right = f->right, .light = which, .value = value});
}

/* m1 holds the token first, and rules. */
static struct p2p_record_id rule(struct fixture *f, struct p2p_record_id request)
{
    return right_world_rule(&f->world, 1, &request, 1, 1, 0);
}

static void ruled(struct fixture *f, uint32_t member, enum p2p_kind_number kind)
{
    rule(f, ask(f, member, kind));
}

static bool same(struct p2p_record_id a, struct p2p_record_id b)
{
    return p2p_record_id_compare(&a, &b) == 0;
}

/* ---- the table ---- */

/* Without this, the table would name kinds or grants that do not exist, or states that nobody
 * leaves or reaches. */
static void test_table(void **state)
{
    unsigned from = 0;
    unsigned to = 1u << P2P_RIGHT_PENDING | P2P_IN(RETURNED); /* the issue; given back */
    (void)state;
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        enum p2p_grant_word word;
        CHECK(p2p_kind_named(p2p_slice_text(rule->kind)) != NULL);
        CHECK(rule->text[0] != '\0' && rule->from != 0);
        CHECK(rule->grant[0] == '\0' ||
              p2p_grant_of(&word, p2p_slice_text(rule->grant)) == P2P_OK);
        from |= rule->from;
        to |= rule->to < P2P_RIGHT_STATE_COUNT ? 1u << rule->to : 0;
    }
    CHECK(from == (P2P_IN_LIVE | P2P_IN(USED)));
    CHECK(to == (P2P_IN_LIVE | P2P_IN(REVOKED) | P2P_IN(CANCELLED) | P2P_IN(USED) |
                 P2P_IN(FINISHED)));
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        enum p2p_right_state named;
        const char *word = p2p_right_state_word((enum p2p_right_state)i);
        CHECK(p2p_right_state_named(p2p_slice_text(word), &named) && named == i);
    }
}

/* Without this, a light could be green by a value that is not its first, or nameless. */
static void test_lights(void **state)
{
    (void)state;
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        enum p2p_light which;
        enum p2p_grant_word word;
        CHECK(p2p_light_named(p2p_slice_text(p2p_light_word((enum p2p_light)i)), &which));
        CHECK(which == i);
        CHECK_OK(p2p_grant_of(&word, p2p_slice_text(p2p_light_grant(which))));
        CHECK(p2p_light_value(which, 0) != NULL && p2p_light_value(which, 1) != NULL);
        CHECK(p2p_light_value(which, P2P_LIGHT_VALUES_MAX) == NULL);
        for (unsigned v = 0; v < P2P_LIGHT_VALUES_MAX && p2p_light_value(which, v); v++) {
            unsigned value;
            CHECK(p2p_light_value_named(which, p2p_slice_text(p2p_light_value(which, v)),
                                        &value));
            CHECK(value == v);
        }
    }
    unsigned value;
    CHECK(!p2p_light_value_named(P2P_LIGHT_CUSTOMS, p2p_slice_text("ok"), &value));
    CHECK(!p2p_light_value_named(P2P_LIGHT_DISCHARGE, p2p_slice_text(""), &value));
}

/* ---- a life ---- */

/* Without this, a right would not pass from party to party, or be used by nobody or by anybody.
 */
static void test_life(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    check_state(&f, "PENDING");
    struct p2p_right right = now(&f);
    CHECK(right.first == PARTY_OF(1) && p2p_right_pending(&right) == PARTY_OF(2));
    CHECK(p2p_right_holder(&right) == 0 && p2p_right_giver(&right) == PARTY_OF(1));
    CHECK(same(right.token, f.token) && right.custodian == 1);
    struct p2p_record_id accept = ask(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    check_state(&f, "PENDING"); /* asked, not ruled */
    right = now(&f);
    CHECK(right.unruled_count == 1 && same(right.unruled[0], accept));
    rule(&f, accept);
    check_state(&f, "ACTIVE");
    right = now(&f);
    CHECK(right.unruled_count == 0 && p2p_right_holder(&right) == PARTY_OF(2));
    rule(&f, pass(&f, 2, PARTY_OF(3)));
    check_state(&f, "PENDING");
    ruled(&f, 3, P2P_KIND_RIGHT_ACCEPT);
    rule(&f, assign(&f, 3));
    right = now(&f);
    CHECK(right.chain_count == 3 && p2p_right_holder(&right) == PARTY_OF(3));
    CHECK(right.driver.len > 0 && right.slot_from_ms == 1000 && right.slot_until_ms == 2000);
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        CHECK(right.lights[i] == 1);
        rule(&f, light(&f, 4, (enum p2p_light)i, 0));
    }
    right = now(&f);
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        CHECK(right.lights[i] == 0 && right.light_by[i].feed == 4);
    }
    ask(&f, 4, P2P_KIND_RIGHT_GATE_OUT); /* before the release: of nothing */
    struct p2p_record_id use = right_world_use(&f.world, 1, f.token, f.right, 1);
    check_state(&f, "USED");
    right = now(&f);
    CHECK(same(right.used_by, use) && !right.unfit && right.finished_by.feed == 0);
    struct p2p_record_id out = ask(&f, 4, P2P_KIND_RIGHT_GATE_OUT);
    check_state(&f, "FINISHED");
    ask(&f, 3, P2P_KIND_RIGHT_GATE_OUT);
    right = now(&f);
    CHECK(right.finished_by.feed == 3 || same(right.finished_by, out));
    CHECK(p2p_right_state_at(&right, UINT64_MAX) == P2P_RIGHT_FINISHED);
    end(&f);
}

/* Without this, somebody else than the party whose turn it is could move a right. */
static void test_others_may_not(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ruled(&f, 3, P2P_KIND_RIGHT_ACCEPT);
    ruled(&f, 3, P2P_KIND_RIGHT_DECLINE);
    ruled(&f, 3, P2P_KIND_RIGHT_REVOKE);
    ruled(&f, 3, P2P_KIND_RIGHT_RETURN);
    ask(&f, 3, P2P_KIND_RIGHT_CANCEL);
    rule(&f, assign(&f, 2)); /* not accepted yet */
    rule(&f, pass(&f, 2, PARTY_OF(3)));
    check_state(&f, "PENDING");
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    rule(&f, pass(&f, 3, PARTY_OF(3)));
    rule(&f, pass(&f, 1, PARTY_OF(3))); /* the first issuer, while it lies with another */
    ruled(&f, 1, P2P_KIND_RIGHT_RETURN);
    struct p2p_right right = now(&f);
    CHECK(right.below == P2P_RIGHT_ACTIVE && right.chain_count == 2);
    CHECK(p2p_right_holder(&right) == PARTY_OF(2) && right.assigned_by.feed == 0);
    CHECK(right.unruled_count == 0); /* all of them were ruled, to no effect */
    end(&f);
}

/* Without this, giving back would lead to the wrong party, or keep the other's driver. */
static void test_back(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    rule(&f, assign(&f, 2));
    CHECK(now(&f).driver.len > 0);
    rule(&f, pass(&f, 2, PARTY_OF(3)));
    CHECK(now(&f).driver.len == 0);
    ruled(&f, 3, P2P_KIND_RIGHT_DECLINE);
    struct p2p_right right = now(&f);
    CHECK(right.below == P2P_RIGHT_ACTIVE && p2p_right_holder(&right) == PARTY_OF(2));
    CHECK(right.driver.len == 0);
    rule(&f, pass(&f, 2, PARTY_OF(4)));
    ruled(&f, 2, P2P_KIND_RIGHT_REVOKE); /* taken back before it is accepted */
    right = now(&f);
    CHECK(right.below == P2P_RIGHT_ACTIVE && p2p_right_holder(&right) == PARTY_OF(2));
    rule(&f, pass(&f, 2, PARTY_OF(4)));
    ruled(&f, 4, P2P_KIND_RIGHT_ACCEPT);
    ruled(&f, 2, P2P_KIND_RIGHT_REVOKE); /* too late: it is accepted */
    CHECK(now(&f).chain_count == 3);
    ruled(&f, 4, P2P_KIND_RIGHT_RETURN);
    ruled(&f, 2, P2P_KIND_RIGHT_RETURN);
    check_state(&f, "RETURNED");
    right = now(&f);
    CHECK(right.chain_count == 1 && p2p_right_holder(&right) == 0);
    rule(&f, pass(&f, 1, PARTY_OF(3))); /* the first issuer gives it to another */
    ruled(&f, 3, P2P_KIND_RIGHT_ACCEPT);
    right = now(&f);
    CHECK(right.below == P2P_RIGHT_ACTIVE && p2p_right_holder(&right) == PARTY_OF(3));
    end(&f);
}

/* Without this, who was given a right twice would hold it by what he said the first time. */
static void test_old_word(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    rule(&f, pass(&f, 2, PARTY_OF(3)));
    struct p2p_record_id old = ask(&f, 3, P2P_KIND_RIGHT_ACCEPT);
    ruled(&f, 2, P2P_KIND_RIGHT_REVOKE);
    rule(&f, pass(&f, 2, PARTY_OF(3)));
    CHECK(now(&f).unruled_count == 0);
    rule(&f, old);
    check_state(&f, "PENDING");
    ruled(&f, 3, P2P_KIND_RIGHT_ACCEPT);
    check_state(&f, "ACTIVE");
    end(&f);
}

/* ---- what forbids ---- */

/* Without this, a revoke or cancel would wait for a ruling, or be undone by one. */
static void test_ends(void **state)
{
    (void)state;
    for (unsigned cancels = 0; cancels < 2; cancels++) {
        struct fixture f;
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
    struct fixture f;
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
    struct fixture f;
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
    struct fixture f;
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
static struct p2p_record_id carry(struct fixture *f, uint32_t by, const struct written *lost)
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
    struct fixture f;
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

/* ---- who rules ---- */

/* Without this, a node that does not hold the token would rule, or one that holds it no more.
 */
static void test_rulers(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id accept = ask(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    right_world_rule(&f.world, 3, &accept, 1, 1, 0);
    right_world_rule(&f.world, 1, &accept, 1, 2, 0); /* another epoch */
    check_state(&f, "PENDING");
    CHECK(now(&f).unruled_count == 1);
    struct p2p_record_id offer = custody_world_offer(&f.world, 1, f.token, 2, 4, 0);
    rule(&f, accept); /* while it is offered */
    check_state(&f, "PENDING");
    custody_world_answer(&f.world, 4, P2P_KIND_CUSTODY_ACCEPT, f.token, offer, 2);
    CHECK(now(&f).custodian == 4);
    rule(&f, accept);
    right_world_rule(&f.world, 4, &accept, 1, 2, 0); /* rests on nothing */
    check_state(&f, "PENDING");
    right_world_rule(&f.world, 4, &accept, 1, 2, 4);
    check_state(&f, "ACTIVE");
    struct p2p_record_id back = ask(&f, 2, P2P_KIND_RIGHT_RETURN);
    rule(&f, back);
    check_state(&f, "ACTIVE");
    right_world_rule(&f.world, 4, &back, 1, 2, 4);
    check_state(&f, "RETURNED");
    end(&f);
}

/* Without this, a fork would take back the refusal by which who rules holds the token again. */
static void test_rulings_are_rested_on(void **state)
{
    struct fixture f;
    struct p2p_forked forked;
    (void)state;
    begin(&f);
    struct p2p_record_id accept = ask(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    struct p2p_record_id offer = custody_world_offer(&f.world, 1, f.token, 2, 4, 0);
    ledger_world_note(&f.world, 4);
    uint64_t before = ledger_world_size(&f.world, 4);
    custody_world_answer(&f.world, 4, P2P_KIND_CUSTODY_REFUSE, f.token, offer, 2);
    uint64_t size = ledger_world_size(&f.world, 4);
    ledger_history_tell(&f.world, 3, 4, before);
    now(&f);
    struct p2p_custody custody = custody_of(&f.node, f.token);
    CHECK(custody.state == P2P_CUSTODY_OFFERED);
    right_world_rule(&f.world, 1, &accept, 1, 3, 4);
    check_state(&f, "ACTIVE");
    custody = custody_of(&f.node, f.token);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.holder == 1 && custody.epoch == 3);
    ledger_node_begin(&f.node);
    CHECK_OK(p2p_forked_get(&f.node.ledger, f.node.kv, 4, &forked));
    ledger_node_end(&f.node);
    CHECK(forked.size == size && forked.by.feed == 1);
    end(&f);
}

/* Without this, one request would act twice, or in the order of its arrival. */
static void test_order_of_rulings(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id requests[3];
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    requests[0] = pass(&f, 2, PARTY_OF(3));
    requests[1] = ask(&f, 2, P2P_KIND_RIGHT_RETURN);
    CHECK(now(&f).unruled_count == 2);
    struct p2p_record_id reversed[2] = {requests[1], requests[0]};
    right_world_rule(&f.world, 1, reversed, 2, 1, 0); /* the return first: the pass is void */
    check_state(&f, "RETURNED");
    rule(&f, pass(&f, 1, PARTY_OF(2)));
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    check_state(&f, "ACTIVE");
    rule(&f, requests[0]); /* taken once: nothing */
    rule(&f, requests[1]);
    check_state(&f, "ACTIVE");
    end(&f);
}

/* ---- what comes late ---- */

/* Takes so much of a feed, in a batch of its own. */
static void take(struct fixture *f, uint32_t feed, uint64_t size)
{
    ledger_node_begin(&f->node);
    ledger_node_charter(&f->node, f->world.entry_count);
    ledger_node_take(&f->node, feed, size);
    ledger_node_end(&f->node);
}

/* Without this, a right that came before its token would know nothing of it until something
 * else came. */
static void test_open_comes_late(void **state)
{
    struct fixture f;
    (void)state;
    ledger_world_init(&f.world);
    custody_world_init(&f.world);
    f.token = custody_world_open(&f.world, 1, CUSTODY_BOX);
    ledger_world_note(&f.world, 1); /* so that what m2 saw is not all here with the open */
    f.right = right_world_issue(&f.world, 2, f.token, PARTY_OF(3));
    ledger_node_init(&f.node, &f.world, 0);
    take(&f, 2, ledger_world_size(&f.world, 2));
    CHECK(right_of(&f.node, f.right).custodian == 0);
    take(&f, 1, f.token.index + 1);
    CHECK(right_of(&f.node, f.right).custodian == 1);
    end(&f);
}

/* Without this, a block that cites what no block may cite would hold until something else came.
 */
static void test_bad_citation_comes_late(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id note = ledger_world_note(&f.world, 3);
    ledger_world_note(&f.world, 3);
    right_world_act(
        &f.world, 2,
        &(struct right_act){.kind = P2P_KIND_RIGHT_BLOCK, .right = f.right, .about = &note});
    take(&f, 1, ledger_world_size(&f.world, 1));
    take(&f, 2, ledger_world_size(&f.world, 2));
    CHECK(right_of(&f.node, f.right).block_count == 1); /* perhaps it may */
    take(&f, 3, note.index + 1);
    CHECK(right_of(&f.node, f.right).block_count == 0);
    end(&f);
}

/* ---- what changes between two folds of one batch ---- */

/* m2 accepts, and asks for something else; m1 rules both at once. */
static struct p2p_record_id rule_two(struct fixture *f, struct p2p_record_id *accept,
                                     struct p2p_record_id *other)
{
    *accept = ask(f, 2, P2P_KIND_RIGHT_ACCEPT);
    *other = assign(f, 2);
    ledger_world_seen(&f->world, 1); /* of no more than that */
    const struct p2p_record_id requests[] = {*accept, *other};
    return right_world_rule(&f->world, 1, requests, 2, 1, 0);
}

/* Takes what is written of m1 and m2 in a batch that stays open, and folds it. */
static void take_ruled(struct fixture *f)
{
    ledger_node_begin(&f->node);
    ledger_node_charter(&f->node, f->world.entry_count);
    ledger_node_take(&f->node, 1, ledger_world_size(&f->world, 1));
    ledger_node_take(&f->node, 2, ledger_world_size(&f->world, 2));
    CHECK_OK(p2p_ledger_fold(&f->node.ledger));
}

static enum p2p_right_state below(struct fixture *f)
{
    CHECK_OK(p2p_ledger_fold(&f->node.ledger));
    return right_of(&f->node, f->right).below;
}

/* Without this, a ruling that was found to be good once would stay so for the whole batch, when
 * what its author said to know turns out to be false. */
static void test_ruling_of_what_is_not_known(void **state)
{
    struct fixture f;
    struct p2p_record_id accept;
    struct p2p_record_id other;
    (void)state;
    begin(&f);
    rule_two(&f, &accept, &other);
    take_ruled(&f);
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    custody_world_fork(&f.world, 4, 2, other.index); /* the accept stands, the other one not */
    ledger_node_take(&f.node, 4, ledger_world_size(&f.world, 4));
    CHECK(below(&f) == P2P_RIGHT_PENDING);
    ledger_node_end(&f.node);
    CHECK(right_of(&f.node, f.right).below == P2P_RIGHT_PENDING);
    end(&f);
}

/* Without this, the same when what it cites comes and is nothing that may be ruled. */
static void test_ruling_of_what_comes_late(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id accept = ask(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    const struct p2p_record_id requests[] = {accept, ledger_world_note(&f.world, 3)};
    ledger_world_seen(&f.world, 1);
    right_world_rule(&f.world, 1, requests, 2, 1, 0);
    take_ruled(&f);
    CHECK(below(&f) == P2P_RIGHT_ACTIVE); /* perhaps it is a request */
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    ledger_node_take(&f.node, 3, ledger_world_size(&f.world, 3));
    CHECK(below(&f) == P2P_RIGHT_PENDING);
    ledger_node_end(&f.node);
    end(&f);
}

/* Without this, a cut point that comes between two collects would hold for the later ones only
 * when they are in another batch. */
static void test_cut_between_folds(void **state)
{
    struct fixture f;
    struct p2p_record_id accept;
    struct p2p_record_id other;
    (void)state;
    begin(&f);
    rule_two(&f, &accept, &other);
    uint64_t before = f.world.entry_count;
    ledger_world_cut(&f.world, PARTY_OF(2), 2, other.index, NULL, 0);
    ledger_node_begin(&f.node);
    ledger_node_charter(&f.node, before);
    ledger_node_take(&f.node, 1, ledger_world_size(&f.world, 1));
    ledger_node_take(&f.node, 2, ledger_world_size(&f.world, 2));
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    CHECK(same(right_of(&f.node, f.right).assigned_by, other));
    ledger_node_charter(&f.node, f.world.entry_count);
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    CHECK(right_of(&f.node, f.right).assigned_by.feed == 0); /* nobody may collect */
    ledger_node_end(&f.node);
    end(&f);
}

/* Without this, who held the token in a generation that is closed would go on ruling until the
 * batch ends. */
static void test_closed_between_folds(void **state)
{
    struct fixture f;
    struct p2p_record_id accept;
    struct p2p_record_id other;
    (void)state;
    begin(&f);
    struct p2p_record_id ruling = rule_two(&f, &accept, &other);
    take_ruled(&f);
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    ledger_world_generation(&f.world, 1, 20);
    for (uint32_t member = 2; member <= 4; member++) {
        custody_world_seal(&f.world, member, 1, ruling.index);
    }
    ledger_node_charter(&f.node, f.world.entry_count);
    for (uint32_t feed = 2; feed <= 4; feed++) {
        ledger_node_take(&f.node, feed, ledger_world_size(&f.world, feed));
    }
    CHECK(below(&f) == P2P_RIGHT_PENDING);
    ledger_node_end(&f.node);
    end(&f);
}

/* ---- overrides ---- */

/* Without this, one issuer could overrule a light alone, or two what they did not know of. */
static void test_override(void **state)
{
    struct fixture f;
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

/* ---- who may ---- */

/* Without this, a party would be told that it may what it may not, or not what it may. */
static void test_may(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    const struct p2p_charter *charter = f.world.charter;
    struct p2p_right right = now(&f);
    CHECK(p2p_right_may(charter, &right, PARTY_OF(2), P2P_RIGHT_DO_ACCEPT));
    CHECK(p2p_right_may(charter, &right, PARTY_OF(2), P2P_RIGHT_DO_DECLINE));
    CHECK(!p2p_right_may(charter, &right, PARTY_OF(2), P2P_RIGHT_DO_ASSIGN));
    CHECK(!p2p_right_may(charter, &right, PARTY_OF(3), P2P_RIGHT_DO_ACCEPT));
    CHECK(p2p_right_may(charter, &right, PARTY_OF(1), P2P_RIGHT_DO_REVOKE));
    CHECK(!p2p_right_may(charter, &right, PARTY_OF(1), P2P_RIGHT_DO_TAKE_BACK));
    CHECK(p2p_right_may(charter, &right, PARTY_OF(4), P2P_RIGHT_DO_BLOCK));
    CHECK(!p2p_right_may(charter, &right, YARD_OF(4), P2P_RIGHT_DO_BLOCK)); /* no grant */
    CHECK(!p2p_right_may(charter, &right, PARTY_OF(4), P2P_RIGHT_DO_UNBLOCK));
    CHECK(!p2p_right_may(charter, &right, 0, P2P_RIGHT_DO_USE));
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    ask(&f, 4, P2P_KIND_RIGHT_BLOCK);
    right = now(&f);
    CHECK(p2p_right_may(charter, &right, PARTY_OF(2), P2P_RIGHT_DO_ASSIGN));
    CHECK(p2p_right_may(charter, &right, PARTY_OF(2), P2P_RIGHT_DO_TRANSFER));
    CHECK(p2p_right_may(charter, &right, PARTY_OF(4), P2P_RIGHT_DO_UNBLOCK));
    CHECK(p2p_right_may(charter, &right, PARTY_OF(3), P2P_RIGHT_DO_LIGHT));
    CHECK(!p2p_right_may(charter, &right, YARD_OF(3), P2P_RIGHT_DO_LIGHT));
    CHECK(p2p_right_may(charter, &right, 0, P2P_RIGHT_DO_USE));
    CHECK(!p2p_right_may(charter, &right, PARTY_OF(4), P2P_RIGHT_DO_GATE_OUT));
    end(&f);
}

/* Without this, a grant for one quay would move rights of another, or a terminal where the
 * token came to could not set its own light. */
static void test_scopes(void **state)
{
    struct fixture f;
    (void)state;
    ledger_world_init(&f.world);
    custody_world_init(&f.world);
    ledger_world_grant(&f.world, YARD_OF(2), 2, "terminal-light", "quay-1");
    ledger_world_grant(&f.world, YARD_OF(3), 3, "terminal-light", "quay-9");
    f.token = custody_world_open(&f.world, 1, CUSTODY_BOX); /* at quay-1 */
    f.right = right_world_issue(&f.world, 1, f.token, PARTY_OF(2));
    ledger_node_init(&f.node, &f.world, 0);
    struct right_act act = {.kind = P2P_KIND_RIGHT_LIGHT,
                            .right = f.right,
                            .light = P2P_LIGHT_TERMINAL,
                            .value = 2};
    act.issuer = YARD_OF(3);
    right_world_act(&f.world, 3, &act);
    struct p2p_right right = now(&f);
    CHECK(right.lights[P2P_LIGHT_TERMINAL] == 1 && right.unsure_count == 1);
    CHECK(!p2p_right_may(f.world.charter, &right, YARD_OF(3), P2P_RIGHT_DO_LIGHT));
    CHECK(p2p_right_may(f.world.charter, &right, YARD_OF(2), P2P_RIGHT_DO_LIGHT));
    struct p2p_record_id offer = custody_world_offer(&f.world, 1, f.token, 2, 3, 0);
    custody_world_answer(&f.world, 3, P2P_KIND_CUSTODY_ACCEPT, f.token, offer, 2);
    right = now(&f); /* the token is at m3 now */
    CHECK(right.lights[P2P_LIGHT_TERMINAL] == 2 && right.unsure_count == 0);
    CHECK(p2p_right_may(f.world.charter, &right, YARD_OF(3), P2P_RIGHT_DO_LIGHT));
    act.issuer = YARD_OF(2);
    act.value = 0;
    struct p2p_record_id green = right_world_act(&f.world, 2, &act);
    right_world_rule(&f.world, 3, &green, 1, 2, 3);
    CHECK(now(&f).lights[P2P_LIGHT_TERMINAL] == 0);
    end(&f);
}

/* Without this, customs would release one box, and another would leave on it. */
static void test_another_box(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id token = custody_world_open(&f.world, 1, "MSCU1000070");
    struct p2p_record_id id = right_world_issue(&f.world, 1, token, PARTY_OF(2)); /* of BOX */
    take(&f, 1, id.index); /* the token comes last */
    now(&f);
    struct p2p_right right = right_of(&f.node, id);
    CHECK(right.below == P2P_RIGHT_NO_EFFECT && right.why == P2P_WHY_BAD_CITATION);
    CHECK(right.chain_count == 0 && right.custodian == 0);
    end(&f);
}

static struct p2p_record_id issue_by(struct ledger_world *world, uint32_t member,
                                     uint32_t issuer, struct p2p_record_id token)
{
    uint8_t room[512];
    struct p2p_pack pack;
    const struct p2p_right_draft draft = {.container = CUSTODY_BOX,
                                          .bl = "MAEU123456789",
                                          .to = PARTY_OF(2),
                                          .expires_ms = RIGHT_EXPIRES_MS};
    ledger_world_seen(world, member);
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_right_issue_pack(&pack, &draft));
    return ledger_world_write(world, member,
                              (struct p2p_draft){.kind = P2P_KIND_RIGHT_ISSUE,
                                                 .circle = CIRCLE_ALL,
                                                 .issuer = issuer,
                                                 .issuer_seq = ++world->next_seq[issuer],
                                                 .cites = &token,
                                                 .cite_count = 1,
                                                 .payload = p2p_pack_slice(&pack)},
                              0);
}

/* Without this, who may issue at one quay would give away what stands at another. */
static void test_issue_elsewhere(void **state)
{
    struct fixture f;
    (void)state;
    ledger_world_init(&f.world);
    custody_world_init(&f.world);
    ledger_world_grant(&f.world, YARD_OF(2), 2, "issue", "quay-1");
    ledger_world_grant(&f.world, YARD_OF(3), 3, "issue", "quay-9");
    f.token = custody_world_open(&f.world, 1, CUSTODY_BOX); /* at quay-1 */
    f.right = issue_by(&f.world, 2, YARD_OF(2), f.token);
    struct p2p_record_id other = issue_by(&f.world, 3, YARD_OF(3), f.token);
    ledger_node_init(&f.node, &f.world, 0);
    struct p2p_right right = now(&f);
    CHECK(right.below == P2P_RIGHT_PENDING && right.custodian == 1);
    right = right_of(&f.node, other);
    CHECK(right.below == P2P_RIGHT_NO_EFFECT && right.why == P2P_WHY_NO_GRANT);
    /* It comes to who is granted nothing but that quay. */
    struct p2p_record_id offer = custody_world_offer(&f.world, 1, f.token, 2, 3, 0);
    custody_world_answer(&f.world, 3, P2P_KIND_CUSTODY_ACCEPT, f.token, offer, 2);
    now(&f);
    right = right_of(&f.node, other);
    CHECK(right.below == P2P_RIGHT_PENDING && right.custodian == 3);
    end(&f);
}

/* ---- bounds and hostile bytes ---- */

/* Without this, a chain without end would grow, or be cut where nobody sees it. */
static void test_long_chain(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    for (uint32_t i = 0; i < P2P_RIGHT_CHAIN_MAX; i++) {
        rule(&f, pass(&f, 2 + i % 2, PARTY_OF(2 + (i + 1) % 2)));
        ruled(&f, 2 + (i + 1) % 2, P2P_KIND_RIGHT_ACCEPT);
    }
    struct p2p_right right = now(&f);
    CHECK(right.chain_count == P2P_RIGHT_CHAIN_MAX && right.below == P2P_RIGHT_ACTIVE);
    CHECK(!p2p_right_may(f.world.charter, &right, p2p_right_holder(&right),
                         P2P_RIGHT_DO_TRANSFER));
    end(&f);
}

/* Without this, blocks without end would be folded into a value without end. */
static void test_many(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    for (unsigned i = 0; i < P2P_RIGHT_BLOCKS_MAX + 4; i++) {
        ask(&f, 3, P2P_KIND_RIGHT_BLOCK);
        light(&f, 4, P2P_LIGHT_CUSTOMS, 0);
    }
    struct p2p_right right = now(&f);
    CHECK(right.block_count == P2P_RIGHT_BLOCKS_MAX && !right.too_long);
    CHECK(right.unruled_count == P2P_RIGHT_UNRULED_MAX);
    CHECK(right.unruled[0].index < right.unruled[1].index);
    end(&f);
}

/* Without this, a right that was ruled on without end would be folded without end; it is
 * blocked instead, by the first rulings. */
static void test_too_long(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    ledger_world_seen(&f.world, 2);
    for (unsigned i = 1; i < P2P_RIGHT_RULINGS_MAX; i++) {
        rule(&f, right_world_act(&f.world, 1,
                                 &(struct right_act){.kind = P2P_KIND_RIGHT_LIGHT,
                                                     .right = f.right,
                                                     .light = P2P_LIGHT_CUSTOMS,
                                                     .no_seen = true}));
    }
    CHECK(!now(&f).too_long);
    check_state(&f, "ACTIVE");
    rule(&f, pass(&f, 2, PARTY_OF(3)));
    struct p2p_right right = now(&f);
    CHECK(right.too_long && right.below == P2P_RIGHT_ACTIVE && right.unruled_count == 0);
    check_state(&f, "BLOCKED");
    end(&f);
}

/* Without this, what somebody packed wrongly would be folded, or stop the fold. */
static void test_bad_payloads(void **state)
{
    static const struct {
        enum p2p_kind_number kind;
        const char *bytes;
        size_t len;
    } bad[] = {
#define BAD(kind, text) {P2P_KIND_##kind, text, sizeof(text) - 1}
        BAD(RIGHT_ACCEPT, "\x81\xa1x\x01"),     /* a field that it does not have */
        BAD(RIGHT_TRANSFER, "\x80"),            /* to nobody */
        BAD(RIGHT_TRANSFER, "\x81\xa2to\x00"),  /* to nobody */
        BAD(RIGHT_TRANSFER, "\x81\xa2to\xa1x"), /* to a text */
        BAD(RIGHT_ASSIGN, "\x80"),              /* nobody */
        BAD(RIGHT_ASSIGN, "\x81\xa6"
                          "driver\x01"), /* no subject */
        BAD(RIGHT_ASSIGN, "\x81\xa6"
                          "driver\x92\xa4"
                          "card\xa1"
                          "1"), /* a card in clear */
        BAD(RIGHT_ASSIGN, "\x81\xa6"
                          "driver\x92\xa3vat\xac"
                          "BE0123456789"), /* a company, whom nobody bans from driving */
        BAD(RIGHT_LIGHT, "\x82\xa5light\xa7"
                         "customs\xa5value\xa2ok"), /* of another light */
        BAD(RIGHT_LIGHT, "\x82\xa5light\xa5green\xa5value\xa2ok"),
        BAD(OVERRIDE, "\x81\xa6reason\xa1x"), /* of which container */
#undef BAD
    };
    struct fixture f;
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ledger_world_seen(&f.world, 2);
        struct p2p_record_id id = ledger_world_write(
            &f.world, 2,
            (struct p2p_draft){.kind = bad[i].kind,
                               .circle = CIRCLE_ALL,
                               .issuer = PARTY_OF(2),
                               .issuer_seq = ++f.world.next_seq[PARTY_OF(2)],
                               .cites = &f.right,
                               .cite_count = 1,
                               .payload = p2p_slice_of(bad[i].bytes, bad[i].len)},
            0);
        ledger_node_take_all(&f.node);
        ledger_node_begin(&f.node);
        CHECK(ledger_node_why(&f.node, &id) == P2P_WHY_BAD_PAYLOAD);
        ledger_node_end(&f.node);
        rule(&f, id);
    }
    struct p2p_right right = now(&f);
    CHECK(right.below == P2P_RIGHT_ACTIVE && right.chain_count == 2 && right.block_count == 0);
    end(&f);
}

/* Without this, a damaged row would be read as some other right. */
static void test_decode(void **state)
{
    static uint8_t bytes[4096];
    struct fixture f;
    struct p2p_slice value;
    struct p2p_right right;
    uint8_t key[P2P_ID_KEY_BYTES];
    (void)state;
    begin(&f);
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    rule(&f, assign(&f, 2));
    rule(&f, light(&f, 3, P2P_LIGHT_TERMINAL, 0));
    ask(&f, 3, P2P_KIND_RIGHT_BLOCK);
    light(&f, 3, P2P_LIGHT_TERMINAL, 0);
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    CHECK_OK(p2p_view_get(kv, P2P_VIEW_RIGHTS, CIRCLE_ALL, p2p_id_key(key, &f.right), &value));
    CHECK(value.len <= sizeof(bytes));
    CHECK_OK(p2p_right_decode(&right, &f.right, CIRCLE_ALL, value));
    CHECK(right.block_count == 1 && right.unruled_count == 1 && right.driver.len > 0);
    CHECK(p2p_slice_equal(right.container, p2p_slice_text(CUSTODY_BOX)));
    CHECK(p2p_slice_equal(right.means, p2p_slice_text("truck")));
    CHECK(p2p_slice_equal(right.facility, p2p_slice_text("quay-1")));
    CHECK(p2p_right_state_at(&right, RIGHT_EXPIRES_MS) == P2P_RIGHT_BLOCKED);
    right.block_count = 0;
    CHECK(p2p_right_state_at(&right, RIGHT_EXPIRES_MS) == P2P_RIGHT_EXPIRED);
    CHECK(p2p_right_state_at(&right, RIGHT_EXPIRES_MS - 1) == P2P_RIGHT_ACTIVE);
    for (size_t len = 0; len < value.len; len++) {
        CHECK_ERR(p2p_right_decode(&right, &f.right, CIRCLE_ALL, p2p_slice_of(value.data, len)),
                  P2P_CORRUPT);
    }
    for (size_t bit = 0; bit < 8 * value.len; bit++) { /* no undefined behaviour */
        memcpy(bytes, value.data, value.len);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum p2p_err err =
            p2p_right_decode(&right, &f.right, CIRCLE_ALL, p2p_slice_of(bytes, value.len));
        CHECK(err == P2P_OK || err == P2P_CORRUPT);
    }
    memory_kv_abort(f.node.store);
    end(&f);
}

/* ---- walks ---- */

/* Without this, a party would not find its rights, or those of others. */
static void test_walks(void **state)
{
    struct fixture f;
    struct p2p_record_id id;
    struct p2p_right right;
    (void)state;
    begin(&f);
    struct p2p_record_id other_token = custody_world_open(&f.world, 3, "HBMU2699702");
    struct p2p_record_id other =
        right_world_issue_of(&f.world, 3, other_token, "HBMU2699702", PARTY_OF(2));
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    pass(&f, 2, PARTY_OF(4)); /* unruled: 4 is no party of it yet */
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    CHECK_OK(p2p_right_next(kv, CIRCLE_ALL, NULL, true, &right));
    CHECK(same(right.id, f.right));
    CHECK_OK(p2p_right_next(kv, CIRCLE_ALL, &f.right, false, &right));
    CHECK(same(right.id, other));
    CHECK_ERR(p2p_right_next(kv, CIRCLE_ALL, &other, false, &right), P2P_NOTFOUND);
    CHECK_ERR(p2p_right_next(kv, CIRCLE_PAIR, NULL, true, &right), P2P_NOTFOUND);
    CHECK_OK(p2p_right_next_on(kv, CIRCLE_ALL, &other_token, NULL, true, &id));
    CHECK(same(id, other));
    CHECK_ERR(p2p_right_next_on(kv, CIRCLE_ALL, &other_token, &id, false, &id), P2P_NOTFOUND);
    CHECK_OK(p2p_right_next_of(kv, CIRCLE_ALL, PARTY_OF(2), NULL, true, &id));
    CHECK(same(id, f.right));
    CHECK_OK(p2p_right_next_of(kv, CIRCLE_ALL, PARTY_OF(2), &id, false, &id));
    CHECK(same(id, other));
    CHECK_ERR(p2p_right_next_of(kv, CIRCLE_ALL, PARTY_OF(2), &id, false, &id), P2P_NOTFOUND);
    CHECK_OK(p2p_right_next_of(kv, CIRCLE_ALL, PARTY_OF(3), NULL, true, &id));
    CHECK(same(id, other));
    CHECK_ERR(p2p_right_next_of(kv, CIRCLE_ALL, PARTY_OF(4), NULL, true, &id), P2P_NOTFOUND);
    memory_kv_abort(f.node.store);
    end(&f);
}

/* Without this, a record about many rights would move one of them. */
static void test_bulk(void **state)
{
    struct fixture f;
    struct p2p_record_id rights[3];
    (void)state;
    begin(&f);
    rights[0] = f.right;
    for (size_t i = 1; i < 3; i++) {
        rights[i] = right_world_issue(&f.world, 1, f.token, PARTY_OF(2));
    }
    ledger_world_seen(&f.world, 2);
    static const uint8_t nothing[] = {0x80};
    struct p2p_record_id accept =
        ledger_world_write(&f.world, 2,
                           (struct p2p_draft){.kind = P2P_KIND_RIGHT_ACCEPT,
                                              .circle = CIRCLE_ALL,
                                              .issuer = PARTY_OF(2),
                                              .issuer_seq = ++f.world.next_seq[PARTY_OF(2)],
                                              .cites = rights,
                                              .cite_count = 3,
                                              .payload = p2p_slice_of(nothing, 1)},
                           0);
    rule(&f, accept);
    ledger_node_take_all(&f.node);
    for (size_t i = 0; i < 3; i++) {
        CHECK(right_of(&f.node, rights[i]).below == P2P_RIGHT_ACTIVE);
    }
    right_world_use(&f.world, 1, f.token, rights[1], 1);
    ledger_node_take_all(&f.node);
    CHECK(right_of(&f.node, rights[0]).below == P2P_RIGHT_ACTIVE);
    CHECK(right_of(&f.node, rights[1]).below == P2P_RIGHT_USED);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_lights),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_others_may_not),
        cmocka_unit_test(test_back),
        cmocka_unit_test(test_old_word),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_lights_leave_green),
        cmocka_unit_test(test_unsure),
        cmocka_unit_test(test_rescued_block),
        cmocka_unit_test(test_rulers),
        cmocka_unit_test(test_rulings_are_rested_on),
        cmocka_unit_test(test_order_of_rulings),
        cmocka_unit_test(test_open_comes_late),
        cmocka_unit_test(test_bad_citation_comes_late),
        cmocka_unit_test(test_ruling_of_what_is_not_known),
        cmocka_unit_test(test_ruling_of_what_comes_late),
        cmocka_unit_test(test_cut_between_folds),
        cmocka_unit_test(test_closed_between_folds),
        cmocka_unit_test(test_override),
        cmocka_unit_test(test_may),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_another_box),
        cmocka_unit_test(test_issue_elsewhere),
        cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_bad_payloads),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_bulk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
