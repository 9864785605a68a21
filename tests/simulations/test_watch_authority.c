#include "check.h"

#include "watch_world.h"

static struct watch_world w;
static struct watched m1;
static struct p2p_record_id ban;

/* m1 knows the charter, and its court bans a ship. */
static int setup(void **state)
{
    (void)state;
    watch_world_init(&w);
    watched_init(&m1, &w.world, 1);
    ledger_world_seen(&w.world, 1);
    ban = ledger_world_ban(&w.world, 1, COURT_1,
                           &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watched_deinit(&m1);
    watch_world_deinit(&w);
    return 0;
}

static void settle(void)
{
    struct watched *all[] = {&m1};
    watched_settle(&w, all, 1);
}

static void send_entry(uint64_t index, const struct world_entry *entry)
{
    const struct p2p_entry_body body = {.index = index,
                                        .leaf = p2p_slice_of(entry->leaf, entry->leaf_len)};
    watched_open(&w, &m1);
    watch_entry(w.watcher, &m1.machine, &body);
    watched_close(&m1);
}

static void entry_that_the_roots_did_not_seal_is_found(void **state)
{
    static struct world_entry other;
    (void)state;
    ledger_world_grant(&w.world, LATE_2, 2, "ban-local", "*");
    send_entry(0, &w.world.entries[0]);
    send_entry(1, &w.world.entries[1]);
    watch_world_nothing(&w);
    other = w.world.entries[1];
    other.leaf[other.leaf_len - 2] ^= 1;
    send_entry(1, &other);
    watch_world_found(&w, SIM_INVARIANT_CHARTER_ORDER);
    send_entry(2, &w.world.entries[1]);
    watch_world_found(&w, SIM_INVARIANT_CHARTER_ORDER);
}

static void charter_that_the_roots_did_not_seal_is_found(void **state)
{
    struct watched other;
    struct watched *all[] = {&other};
    (void)state;
    ledger_world_grant(&w.world, LATE_2, 2, "ban-local", "*");
    ledger_world_grant(&w.other, LATE_2, 2, "ban-court", "*");
    watched_init(&other, &w.other, 2);
    ledger_node_take_all(&other.node);
    watched_settle(&w, all, 1);
    watch_world_found(&w, SIM_INVARIANT_CHARTER_ORDER);
    watched_deinit(&other);
}

static void cut_points_as_they_should_be(void **state)
{
    struct p2p_record_id kept, below = ban;
    (void)state;
    ledger_world_ban(&w.world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    kept = ledger_world_ban(&w.world, 1, COURT_1,
                            &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_cut(&w.world, COURT_1, 1, below.index + 1, &kept.index, 1);
    ledger_world_grant(&w.world, COURT_1, 1, "ban-court", "*");
    ledger_world_seen(&w.world, 1);
    ledger_world_ban(&w.world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    watched_take_all(&m1);
    CHECK(ledger_node_ban(&m1.node, CIRCLE_ALL, &below).why == P2P_WHY_NONE);
    CHECK(ledger_node_ban(&m1.node, CIRCLE_ALL, &kept).why == P2P_WHY_NONE);
    settle();
    watch_world_nothing(&w);
}

/* Writes another verdict, or another list of lifts, into the view row of the ban. */
static void write_row(const char *why, const struct p2p_record_id *lift)
{
    static uint8_t row[4096], content[4096];
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    struct p2p_unpack in;
    struct p2p_pack pack;
    ledger_node_begin(&m1.node);
    CHECK_OK(
        p2p_view_get(m1.node.kv, P2P_VIEW_BANS, CIRCLE_ALL, p2p_id_key(key, &ban), &value));
    CHECK(p2p_unpack_find(value, "content", &in));
    struct p2p_slice found = p2p_unpack_raw(&in);
    memcpy(content, found.data, found.len);
    p2p_pack_init(&pack, row, sizeof(row));
    p2p_pack_map(&pack, 2 + (why != NULL) + (lift != NULL));
    p2p_pack_text(&pack, "content");
    p2p_pack_raw(&pack, p2p_slice_of(content, found.len));
    p2p_pack_text(&pack, "issuer");
    p2p_pack_uint(&pack, COURT_1);
    if (lift != NULL) {
        p2p_pack_text(&pack, "lifted");
        p2p_pack_array(&pack, 1);
        p2p_pack_array(&pack, 2);
        p2p_pack_uint(&pack, lift->feed);
        p2p_pack_uint(&pack, lift->index);
    }
    if (why != NULL) {
        p2p_pack_text(&pack, "why");
        p2p_pack_text(&pack, why);
    }
    CHECK_OK(p2p_view_put(&m1.node.ledger, P2P_VIEW_BANS, CIRCLE_ALL, p2p_id_key(key, &ban),
                          p2p_pack_slice(&pack)));
    ledger_node_end(&m1.node);
}

static void effect_past_a_cut_is_found(void **state)
{
    (void)state;
    ledger_world_cut(&w.world, COURT_1, 1, ban.index, NULL, 0);
    watched_take_all(&m1);
    CHECK(ledger_node_ban(&m1.node, CIRCLE_ALL, &ban).why == P2P_WHY_PAST_CUT);
    write_row(NULL, NULL);
    settle();
    watch_world_found(&w, SIM_INVARIANT_CUT_POINT);
}

static void effect_lost_before_a_cut_is_found(void **state)
{
    (void)state;
    ledger_world_cut(&w.world, COURT_1, 1, ban.index + 1, NULL, 0);
    watched_take_all(&m1);
    write_row("past-cut-point", NULL);
    settle();
    watch_world_found(&w, SIM_INVARIANT_CUT_POINT);
}

static void lift_of_what_was_not_known_is_found(void **state)
{
    struct p2p_record_id lift;
    (void)state;
    lift = ledger_world_act(&w.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    watched_take_all(&m1);
    CHECK(ledger_node_ban(&m1.node, CIRCLE_ALL, &ban).lifted.len == 0);
    write_row(NULL, &lift);
    settle();
    watch_world_found(&w, SIM_INVARIANT_DENY_WINS);
}

static void lift_of_what_was_known_is_as_it_should_be(void **state)
{
    (void)state;
    ledger_world_seen(&w.world, 3);
    ledger_world_act(&w.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    watched_take_all(&m1);
    CHECK(ledger_node_ban(&m1.node, CIRCLE_ALL, &ban).lifted.len > 0);
    settle();
    watch_world_nothing(&w);
}

static void verdict_that_changes_without_the_charter_is_found(void **state)
{
    (void)state;
    watched_take_all(&m1);
    settle();
    watch_world_nothing(&w);
    write_row("no-grant", NULL);
    settle();
    watch_world_found(&w, SIM_INVARIANT_SETTLED);
}

static void verdict_may_change_with_the_charter(void **state)
{
    (void)state;
    watched_take_all(&m1);
    settle();
    ledger_world_cut(&w.world, COURT_1, 1, ban.index, NULL, 0);
    watched_take_all(&m1);
    settle();
    watch_world_nothing(&w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(entry_that_the_roots_did_not_seal_is_found),
        T(charter_that_the_roots_did_not_seal_is_found),
        T(cut_points_as_they_should_be),
        T(effect_past_a_cut_is_found),
        T(effect_lost_before_a_cut_is_found),
        T(lift_of_what_was_not_known_is_found),
        T(lift_of_what_was_known_is_as_it_should_be),
        T(verdict_that_changes_without_the_charter_is_found),
        T(verdict_may_change_with_the_charter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
