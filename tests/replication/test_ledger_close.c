/* Where a closed generation ends: the same in whatever order the records came, at or above what
 * a quorum holds, and never later than it was. */
#include "check.h"
#include "ledger_node.h"
#include "rng.h"

#include <p2p/circle_key.h>
#include <p2p/kind.h>

#include <string.h>

static struct ledger_world world;
static struct world_draft draft;

enum { CLOSED = 1, NEXT = LEDGER_WORLD_MEMBERS + 1 };

static int setup(void **state)
{
    (void)state;
    ledger_world_init(&world);
    world_draft(&draft);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_world_deinit(&world);
    return 0;
}

/* The next generation of m1, witnessed by the others. */
static void close_feed(void)
{
    static const char *const witnesses[] = {"m2", "m3", "m4"};
    struct world_member spare;
    world_member(&spare, 20);
    const struct p2p_op_generation op = {.member = "m1",
                                         .feed_key = spare.feed.public_key,
                                         .witness_key = spare.witness.public_key,
                                         .witnesses = witnesses,
                                         .witness_count = 3};
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
    ledger_world_entry(&world, &draft);
    world_draft(&draft);
}

static struct p2p_record_id ban(const char *subject)
{
    return ledger_world_ban(
        &world, CLOSED, COURT_1,
        &(struct ledger_ban){.subject = subject, .ground = P2P_GROUND_COURT});
}

/* A `seen` of the whole charter and so much of the closed feed. */
static void seals_at(uint32_t member, uint64_t size)
{
    const struct ledger_claim claims[] = {{0, world.entry_count, false, NULL},
                                          {CLOSED, size, false, NULL}};
    ledger_world_claims(&world, member, claims, size > 0 ? 2 : 1);
}

static uint64_t end_at(struct ledger_node *node)
{
    return p2p_ledger_feed(&node->ledger, CLOSED)->closed_at;
}

/* Records of a closed generation that the witnesses did not hold would go on having effect, or
 * earlier ones would lose it. */
static void later_records_have_no_effect(void **state)
{
    (void)state;
    struct ledger_node node;
    ledger_world_seen(&world, CLOSED);
    struct p2p_record_id kept = ban("imo:9179842");
    uint64_t end = ledger_world_size(&world, CLOSED);
    struct p2p_record_id late = ban("imo:9321483");
    close_feed();
    seals_at(2, end);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    CHECK(end_at(&node) == P2P_FEED_GOES_ON); /* m2 alone is no quorum of three */
    CHECK(ledger_node_why(&node, &late) == P2P_WHY_NONE);
    ledger_node_end(&node);
    seals_at(3, end - 1);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    CHECK(end_at(&node) == end);
    CHECK(ledger_node_why(&node, &kept) == P2P_WHY_NONE);
    CHECK(ledger_node_why(&node, &late) == P2P_WHY_PAST_CUT);
    CHECK(ledger_node_state(&node, CIRCLE_ALL, &kept) == P2P_BAN_IN_FORCE);
    CHECK(ledger_node_state(&node, CIRCLE_ALL, &late) == P2P_BAN_NO_EFFECT);
    CHECK(ledger_node_ban(&node, CIRCLE_ALL, &late).why == P2P_WHY_PAST_CUT);
    ledger_node_end(&node);
    ledger_node_reopen(&node);
    CHECK(end_at(&node) == end);
    ledger_node_deinit(&node);
}

/* One witness could hold a generation open by naming more each time, or what nobody has. */
static void the_end_never_rises(void **state)
{
    (void)state;
    struct ledger_node node;
    const struct p2p_hash nobodys = p2p_sha256(p2p_slice_text("what nobody has"));
    for (unsigned i = 0; i < 6; i++) {
        ledger_world_note(&world, CLOSED);
    }
    close_feed();
    const struct ledger_claim lie[] = {{0, world.entry_count, false, NULL},
                                       {CLOSED, 1000, false, &nobodys}};
    ledger_world_claims(&world, 4, lie, 2);
    seals_at(2, 4);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == 1000); /* nothing of which is refuted: all of it counts */
    seals_at(3, 5);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == 5);
    seals_at(3, 6);
    seals_at(2, 6);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == 5); /* each said it once */
    ledger_node_deinit(&node);
}

/* What was `seen` of a branch that is not the feed, or of a charter that is not, seals nothing.
 */
static void false_claims_seal_nothing(void **state)
{
    (void)state;
    struct ledger_node node;
    for (unsigned i = 0; i < 6; i++) {
        ledger_world_note(&world, CLOSED);
    }
    close_feed();
    const struct ledger_claim lies[] = {{0, world.entry_count, true, NULL},
                                        {CLOSED, 3, false, NULL}};
    ledger_world_claims(&world, 4, lies, 2);
    seals_at(2, 4);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == P2P_FEED_GOES_ON);
    const struct ledger_claim branch[] = {{0, world.entry_count, false, NULL},
                                          {CLOSED, 2, true, NULL}};
    ledger_world_claims(&world, 3, branch, 2);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == 4); /* m3 seals it at nothing, m2 at 4 */
    ledger_node_deinit(&node);
}

/* A box for m4, and m4's word that it gave nothing: what nodes write about circle keys. */
static void write_box(void)
{
    uint8_t room[512];
    struct p2p_pack pack;
    struct p2p_circle_box box = {.epoch = 1, .member = 4};
    p2p_pack_init(&pack, room, sizeof(room));
    p2p_circle_boxes_pack(&pack, &box, 1);
    struct p2p_record_id boxed =
        ledger_world_write(&world, CLOSED,
                           (struct p2p_draft){.kind = P2P_KIND_CIRCLE_KEY,
                                              .circle = CIRCLE_ALL,
                                              .content = p2p_pack_slice(&pack)},
                           0);
    ledger_world_seen(&world, 4);
    static const char bad[] = "\x81\xa5"
                              "epoch\x01";
    ledger_world_write(&world, 4,
                       (struct p2p_draft){.kind = P2P_KIND_CIRCLE_KEY_BAD,
                                          .circle = CIRCLE_ALL,
                                          .cites = &boxed,
                                          .cite_count = 1,
                                          .content = p2p_slice_of(bad, sizeof(bad) - 1)},
                       0);
}

static void change_hurriedly(void)
{
    ledger_world_witness(&world, CLOSED, 2, 0);
    ledger_world_witness(&world, CLOSED, 3, 0);
    ledger_world_witness(&world, CLOSED, 4, 4); /* m4 alone, then as before */
}

/* What witnesses cosigned who were replaced, and never told, could stand above the end. */
static void those_replaced_unheard_say_where_it_ends(void **state)
{
    (void)state;
    struct ledger_node node;
    ledger_world_seen(&world, CLOSED);
    for (unsigned i = 0; i < 6; i++) {
        ledger_world_note(&world, CLOSED);
    }
    uint64_t size = ledger_world_size(&world, CLOSED);
    change_hurriedly();
    close_feed();
    seals_at(4, size - 4);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == P2P_FEED_GOES_ON); /* m2 and m3 may have cosigned all of it */
    seals_at(2, size);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == P2P_FEED_GOES_ON); /* and so m3 and m4, of whom both are needed */
    seals_at(3, size - 1);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == size - 1);
    ledger_node_reopen(&node);
    CHECK(end_at(&node) == size - 1);
    ledger_node_deinit(&node);
}

/* Nobody could end a feed whose witnesses of long ago are gone, though it named those of now.
 */
static void those_it_named_say_where_it_ends(void **state)
{
    (void)state;
    struct ledger_node node;
    ledger_world_seen(&world, CLOSED);
    change_hurriedly();
    ledger_world_note(&world, CLOSED);
    uint64_t named = ledger_world_seen(&world, CLOSED).index;
    ledger_world_note(&world, CLOSED);
    uint64_t size = ledger_world_size(&world, CLOSED);
    close_feed();
    seals_at(4, size);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == size);
    ledger_node_deinit(&node);
    /* Who sealed less has not seen it: what it named stands all the same. */
    teardown(NULL);
    setup(NULL);
    ledger_world_seen(&world, CLOSED);
    change_hurriedly();
    ledger_world_note(&world, CLOSED);
    CHECK(ledger_world_seen(&world, CLOSED).index == named);
    close_feed();
    seals_at(4, 1);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == named + 1);
    seals_at(2, 3);
    seals_at(3, 2); /* each set has a quorum now, none of which has seen so much */
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == 2);
    ledger_node_deinit(&node);
}

/* A witness that lost its store, and has another key since, does not know what it had cosigned.
 */
static void a_new_generation_says_nothing_for_the_one_before(void **state)
{
    (void)state;
    struct ledger_node node;
    for (unsigned i = 0; i < 6; i++) {
        ledger_world_note(&world, CLOSED);
    }
    close_feed();
    uint32_t next = ledger_world_generation(&world, 2, 21);
    seals_at(next, 1);
    seals_at(4, 3);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == P2P_FEED_GOES_ON);
    seals_at(3, 5);
    ledger_node_take_all(&node);
    CHECK(end_at(&node) == 5);
    ledger_node_deinit(&node);
}

/* Equal frontiers would have unequal views, after partitions as after restarts. */
static void any_order_gives_the_same(void **state)
{
    (void)state;
    struct p2p_record_id bans[8];
    ledger_world_seen(&world, CLOSED);
    for (unsigned i = 0; i < 8; i++) {
        static const char *const subjects[] = {"imo:9179842", "imo:9321483", "imo:9074729",
                                               "imo:9241061"};
        bans[i] = ban(subjects[i % 4]);
        if (i % 3 == 1) {
            write_box();
        }
    }
    ledger_world_seen(&world, 2);
    uint64_t size = ledger_world_size(&world, CLOSED);
    write_box(); /* nobody seals it */
    close_feed();
    seals_at(3, size);
    seals_at(2, size);
    const struct ledger_claim older[] = {{0, world.entry_count, false, NULL},
                                         {CLOSED, size - 4, false, NULL}};
    ledger_world_claims(&world, 4, older, 2);
    struct ledger_node straight;
    ledger_node_init(&straight, &world, 0);
    ledger_node_take_all(&straight);
    CHECK(end_at(&straight) == size);
    (void)bans;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng rng = {seed};
        struct ledger_node node;
        uint64_t held[LEDGER_WORLD_MEMBERS + 1] = {0};
        bool chartered = false, more = true;
        ledger_node_init(&node, &world, 0);
        while (more) {
            ledger_node_begin(&node);
            if (!chartered) {
                ledger_node_charter(&node, rng_below(&rng, 3) == 0 ? world.entry_count : 1);
                chartered = p2p_charter_size(node.ledger.charter) == world.entry_count;
            }
            uint32_t feed = 1 + (uint32_t)rng_below(&rng, LEDGER_WORLD_MEMBERS);
            uint64_t left = ledger_world_size(&world, feed) - held[feed];
            if (left > 0) {
                held[feed] += 1 + rng_below(&rng, left);
                ledger_node_take(&node, feed, held[feed]);
            }
            ledger_node_end(&node);
            if (rng_below(&rng, 4) == 0) {
                ledger_node_reopen(&node);
            }
            more = !chartered;
            for (uint32_t f = 1; f <= LEDGER_WORLD_MEMBERS; f++) {
                more = more || held[f] < ledger_world_size(&world, f);
            }
        }
        ledger_node_check_same(&straight, &node);
        CHECK(end_at(&node) == end_at(&straight));
        ledger_node_deinit(&node);
    }
    ledger_node_deinit(&straight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(later_records_have_no_effect, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_never_rises, setup, teardown),
        cmocka_unit_test_setup_teardown(false_claims_seal_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(those_replaced_unheard_say_where_it_ends, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(those_it_named_say_where_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_generation_says_nothing_for_the_one_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(any_order_gives_the_same, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
