/* Rights are bounded, and no bytes break what reads them. */
#include "right_case.h"

/* Without this, a chain without end would grow, or be cut where nobody sees it. */
static void test_long_chain(void **state)
{
    struct right_case f;
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
    struct right_case f;
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
    struct right_case f;
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
    struct right_case f;
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
    struct right_case f;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_chain), cmocka_unit_test(test_many),
        cmocka_unit_test(test_too_long),   cmocka_unit_test(test_bad_payloads),
        cmocka_unit_test(test_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
