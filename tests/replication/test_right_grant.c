/* Who may do what to a right: by whom it was given, at which quay, of which box. */
#include "right_case.h"

/* Without this, a party would be told that it may what it may not, or not what it may. */
static void test_may(void **state)
{
    struct right_case f;
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
    struct right_case f;
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
    struct right_case f;
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
    struct right_case f;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_may),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_another_box),
        cmocka_unit_test(test_issue_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
