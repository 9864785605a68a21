/* Rights: the table, the life of one, and how they are found. */
#include "right_case.h"

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
    struct right_case f;
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
    struct right_case f;
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
    struct right_case f;
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
    struct right_case f;
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

/* ---- walks ---- */

/* Without this, a party would not find its rights, or those of others. */
static void test_walks(void **state)
{
    struct right_case f;
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
    struct right_case f;
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
        cmocka_unit_test(test_table), cmocka_unit_test(test_lights),
        cmocka_unit_test(test_life),  cmocka_unit_test(test_others_may_not),
        cmocka_unit_test(test_back),  cmocka_unit_test(test_old_word),
        cmocka_unit_test(test_walks), cmocka_unit_test(test_bulk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
