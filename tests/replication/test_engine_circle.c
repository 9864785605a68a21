/* Circle keys in whole engines: drawn at one member, given to all, whoever is dead or lies. */
#include "check.h"

#include "network.h"

#include <p2p/circle_key.h>

#include <stdio.h>
#include <stdlib.h>

#define PERSON "card:alfapass:1234567"
#define SHIP   "imo:9074729"
#define ALL    "all"

static struct network net;
static struct world_draft draft;

static int teardown(void **state)
{
    (void)state;
    network_deinit(&net);
    return 0;
}

/* Nobody has a key of "all" yet. */
static void start(uint32_t nodes, uint32_t members)
{
    const struct network_options options = {.nodes = nodes, .members = members, .seed = 7};
    network_init(&net, &options);
    network_connect_all(&net);
    network_run(&net);
    network_advance(&net, 2000);
}

/* Member `i` is admitted, joins "all", and everybody who runs is given that. */
static void admit(uint32_t i)
{
    char name[16];
    world_draft(&draft);
    network_admit(&draft, i, 0);
    snprintf(name, sizeof(name), "m%u", i);
    network_circle(&draft, name, i, i, 1);
    network_circle(&draft, ALL, i, i, 1);
    size_t entry = network_entry(&net, &draft);
    for (uint32_t node = 1; node <= net.node_count; node++) {
        if (net.nodes[node].engine != NULL) {
            network_give(&net, node, entry);
        }
    }
}

/* Records of a kind in the feed of member `of`, as `node` holds it. */
static size_t kinds_of(uint32_t node, uint32_t of, uint32_t kind)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[node].engine);
    uint32_t feed = p2p_charter_member(ledger->charter, of)->feed;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    size_t count = 0;
    for (uint64_t i = 0; i < p2p_ledger_feed(ledger, feed)->edge.size; i++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        CHECK_OK(p2p_feed_leaf(p2p_ledger_feed(ledger, feed), kv, i, &leaf));
        CHECK_OK(p2p_record_decode(&record, leaf));
        count += record.kind == kind;
    }
    memory_kv_abort(net.nodes[node].kv);
    return count;
}

static size_t kinds(uint32_t node, uint32_t kind)
{
    const struct p2p_charter *charter = p2p_engine_ledger(net.nodes[node].engine)->charter;
    size_t count = 0;
    for (uint32_t i = 1; i <= p2p_charter_member_count(charter); i++) {
        count += kinds_of(node, i, kind);
    }
    return count;
}

/* A `circle-key` record by `node` that its engine would never write: for each member first to
 * last a box that opens to `key`, or, with key NULL, one that does not open. */
static void lie(uint32_t node, uint32_t first, uint32_t last, const struct p2p_circle_key *key)
{
    struct p2p_circle_box boxes[NETWORK_NODES_MAX];
    uint8_t content[2048], bound[P2P_CIRCLE_BOX_BOUND_BYTES], seed[P2P_SEED_BYTES] = {5};
    const struct p2p_engine *engine = net.nodes[node].engine;
    const char *origin =
        p2p_charter_feed(p2p_engine_ledger(engine)->charter, network_feed(&net, node))->origin;
    uint32_t circle = network_circle_number(&net, node, ALL);
    struct p2p_pack pack;
    size_t count = 0;
    for (uint32_t i = first; i <= last; i++) {
        struct p2p_circle_box *box = &boxes[count++];
        struct world_member member;
        world_member(&member, i);
        *box = (struct p2p_circle_box){.epoch = 1, .member = i};
        memcpy(box->to, member.sealing.public_key.bytes, sizeof(box->to));
        seed[1] = (uint8_t)i;
        size_t len = p2p_circle_box_bound(bound, p2p_slice_text(origin), circle, 1, i);
        if (key != NULL) {
            CHECK_OK(p2p_box_seal(box->box, p2p_slice_of(key->bytes, sizeof(key->bytes)),
                                  p2p_slice_of(bound, len), &member.sealing.public_key, seed));
        }
    }
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_circle_boxes_pack(&pack, boxes, count);
    const struct p2p_append record = {
        .kind = P2P_KIND_CIRCLE_KEY, .circle = circle, .content = p2p_pack_slice(&pack)};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(&net, node, &job, 1));
    CHECK_OK(job.result.err);
}

static uint64_t refused(uint32_t node)
{
    return p2p_engine_refused(net.nodes[node].engine, P2P_MISMATCH);
}

static size_t missing(uint32_t node, const char *circle)
{
    struct p2p_missing_key keys[P2P_GATE_KEYS_MAX];
    uint32_t number = network_circle_number(&net, node, circle);
    size_t total = p2p_engine_missing_keys(net.nodes[node].engine, keys, P2P_GATE_KEYS_MAX);
    size_t count = 0;
    for (size_t i = 0; i < total && i < P2P_GATE_KEYS_MAX; i++) {
        count += keys[i].circle == number;
        CHECK(keys[i].since_ms != 0);
    }
    return count;
}

/* A key that one member drew would stay with it, or be written again and again. */
static void one_draws_and_all_have_it(void **state)
{
    (void)state;
    start(3, 0);
    CHECK(missing(2, ALL) == 1);
    network_draw(&net, 1, ALL, 1);
    network_run(&net);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(network_holds(&net, i, ALL, 1) && missing(i, ALL) == 0);
    }
    network_advance(&net, 600000);
    CHECK(kinds(1, P2P_KIND_CIRCLE_KEY) == 1 && kinds(1, P2P_KIND_CIRCLE_KEY_BAD) == 0);
    for (uint32_t i = 1; i <= 3; i++) { /* what was drawn is in a box too */
        network_restart(&net, i);
        CHECK(network_holds(&net, i, ALL, 1));
    }
    network_connect_all(&net);
    network_advance(&net, 600000);
    CHECK(kinds(1, P2P_KIND_CIRCLE_KEY) == 1);
    network_agree(&net);
    /* Members of other circles have nothing to take from it. */
    CHECK(!network_holds(&net, 1, "police", 1) && missing(1, "police") == 1);
}

/* A ban under a token would be missed where the key has not come yet. */
static void gates_refer_until_the_key_is_here(void **state)
{
    (void)state;
    start(3, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        char own[16];
        snprintf(own, sizeof(own), "m%u", i);
        network_draw(&net, i, own, 1);
    }
    network_draw(&net, 1, "police", 1);
    network_draw(&net, 1, ALL, 1);
    network_ban(&net, 1, ALL, PERSON);
    network_run(&net);
    CHECK(network_check(&net, 3, PERSON) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, "card:alfapass:7") == P2P_ANSWER_ALLOW);
    world_draft(&draft); /* another epoch, whose key is not here */
    network_circle(&draft, ALL, 1, 3, 2);
    size_t entry = network_entry(&net, &draft);
    for (uint32_t i = 1; i <= 3; i++) {
        network_give(&net, i, entry);
    }
    static struct p2p_job job;
    network_check_job(&job, "card:alfapass:7");
    CHECK_OK(network_jobs(&net, 3, &job, 1));
    CHECK(job.result.answer.answer == P2P_ANSWER_REFER);
    CHECK(job.result.answer.reason_count == 1 &&
          job.result.answer.reasons[0].code == P2P_GATE_INCOMPLETE);
    CHECK(network_check(&net, 3, PERSON) == P2P_ANSWER_REFUSE); /* what forbids acts anyway */
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_ALLOW);    /* and a ship has no token */
    network_draw(&net, 2, ALL, 2);
    network_run(&net);
    CHECK(network_check(&net, 3, "card:alfapass:7") == P2P_ANSWER_ALLOW);
}

/* Who joins could not read back, or would need the drawer. */
static void who_joins_gets_every_epoch(void **state)
{
    (void)state;
    start(4, 3);
    network_draw(&net, 1, ALL, 1);
    network_run(&net);
    world_draft(&draft);
    network_circle(&draft, ALL, 1, 3, 3);
    size_t entry = network_entry(&net, &draft);
    for (uint32_t i = 1; i <= 4; i++) {
        network_give(&net, i, entry);
    }
    network_draw(&net, 2, ALL, 2);
    network_draw(&net, 3, ALL, 3);
    network_run(&net);
    size_t before = kinds(1, P2P_KIND_CIRCLE_KEY);
    CHECK(before == 3);
    admit(4);
    network_connect_all(&net);
    network_advance(&net, 2000);
    for (uint32_t e = 1; e <= 3; e++) {
        CHECK(network_holds(&net, 4, ALL, e));
    }
    CHECK(kinds(1, P2P_KIND_CIRCLE_KEY) == before + 1); /* one record, by the first holder */
    CHECK(kinds_of(1, 1, P2P_KIND_CIRCLE_KEY) == 2);
    network_advance(&net, 600000);
    CHECK(kinds(1, P2P_KIND_CIRCLE_KEY) == before + 1);
    network_agree(&net);
}

/* A drawer that dies after it gave the key to some would keep it from the rest for ever. */
static void a_dead_drawer_is_passed_over(void **state)
{
    (void)state;
    start(4, 3);
    network_draw(&net, 1, ALL, 1);
    network_run(&net);
    network_kill(&net, 1);
    admit(4);
    network_connect_all(&net);
    network_advance(&net, 13000);
    CHECK(!network_holds(&net, 4, ALL, 1) && missing(4, ALL) == 1);
    network_advance(&net, 4000); /* the second holder's turn comes after 15 s */
    CHECK(network_holds(&net, 4, ALL, 1));
    CHECK(kinds_of(2, 2, P2P_KIND_CIRCLE_KEY) == 1 && kinds_of(2, 3, P2P_KIND_CIRCLE_KEY) == 0);
    network_advance(&net, 600000);
    CHECK(kinds_of(2, 2, P2P_KIND_CIRCLE_KEY) == 1 && kinds_of(2, 3, P2P_KIND_CIRCLE_KEY) == 0);
}

/* A member that boxes something else would stop the key from coming, or from ever coming. */
static void a_lying_box_is_refused_and_replaced(void **state)
{
    const struct p2p_circle_key wrong = {.bytes = {1, 2, 3}};
    (void)state;
    for (int opens = 0; opens < 2; opens++) {
        start(4, 0);
        lie(1, 1, 4, opens ? &wrong : NULL);
        network_run(&net);
        for (uint32_t i = 1; i <= 4; i++) {
            CHECK(!network_holds(&net, i, ALL, 1) && refused(i) == 1);
            CHECK(kinds_of(1, i, P2P_KIND_CIRCLE_KEY_BAD) == 1);
        }
        network_draw(&net, 3, ALL, 1);
        network_advance(&net, 2000);
        for (uint32_t i = 1; i <= 4; i++) {
            CHECK(network_holds(&net, i, ALL, 1));
        }
        lie(1, 1, 4, NULL); /* again: nobody listens any more */
        network_advance(&net, 600000);
        CHECK(kinds(1, P2P_KIND_CIRCLE_KEY) == 3 && kinds(1, P2P_KIND_CIRCLE_KEY_BAD) == 4);
        for (uint32_t i = 1; i <= 4; i++) {
            CHECK(refused(i) == 1);
        }
        network_agree(&net);
        network_restart(&net, 4);
        CHECK(network_holds(&net, 4, ALL, 1));
        network_deinit(&net);
    }
    start(1, 0);
}

/* A holder that serves all but one would be waited for by that one. */
static void a_holder_that_lies_to_one_is_passed_over_at_once(void **state)
{
    (void)state;
    start(4, 3);
    network_draw(&net, 1, ALL, 1);
    network_run(&net);
    lie(1, 4, 4, NULL); /* before it is a member: all will think that it has a box */
    network_run(&net);
    admit(4);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(network_holds(&net, 4, ALL, 1) && refused(4) == 1);
    CHECK(kinds_of(2, 2, P2P_KIND_CIRCLE_KEY) == 1);
    CHECK(kinds_of(2, 1, P2P_KIND_CIRCLE_KEY) == 2);
    network_advance(&net, 600000);
    CHECK(kinds(2, P2P_KIND_CIRCLE_KEY) == 3 && kinds(2, P2P_KIND_CIRCLE_KEY_BAD) == 1);
}

/* Two that accuse each other for ever would fill everybody's disk. */
static void who_refuses_every_box_ends_it(void **state)
{
    (void)state;
    start(3, 0);
    /* Node 3 has lost its sealing key: no box that anybody makes for it opens. */
    struct p2p_sealing_secret lost = net.nodes[3].keys.sealing;
    uint8_t other[P2P_SEED_BYTES] = {9};
    p2p_sealing_secret_init(&net.nodes[3].keys.sealing, other);
    memcpy(net.nodes[3].keys.sealing.public_key.bytes, lost.public_key.bytes,
           P2P_CIRCLE_BOX_TO_BYTES);
    network_restart(&net, 3);
    network_connect_all(&net);
    network_draw(&net, 1, ALL, 1);
    network_draw(&net, 2, ALL, 1);
    network_advance(&net, 3600000);
    CHECK(!network_holds(&net, 3, ALL, 1));
    CHECK(kinds(1, P2P_KIND_CIRCLE_KEY) <= 3);
    CHECK(kinds_of(1, 3, P2P_KIND_CIRCLE_KEY_BAD) == 2);
    network_agree(&net);
}

/* A node that may not append would do so for a key. */
static void read_only_nodes_take_and_do_not_give(void **state)
{
    (void)state;
    start(3, 0);
    network_kill(&net, 2);
    net.nodes[2].options.copy_lost = true;
    network_restart(&net, 2);
    uint64_t size = network_size(&net, 2, 2);
    CHECK(p2p_engine_read_only(net.nodes[2].engine) == P2P_READ_ONLY_RESTORED);
    network_connect_all(&net);
    network_draw(&net, 2, ALL, 1);
    network_advance(&net, 120000);
    CHECK(network_holds(&net, 2, ALL, 1) && network_size(&net, 2, 2) == size);
    CHECK(!network_holds(&net, 1, ALL, 1));
    lie(1, 2, 2, NULL);
    network_draw(&net, 3, ALL, 1);
    network_advance(&net, 2000);
    CHECK(network_holds(&net, 1, ALL, 1) && network_size(&net, 2, 2) == size);
}

/* More epochs than a node holds keys would be gates that see nothing of the rest; and more
 * boxes than a record holds would be lost. */
static void many_epochs(void **state)
{
    enum { EPOCHS = 260, HELD = P2P_GATE_KEYS_MAX - 1 }; /* m3 has its own circle as well */
    static struct p2p_circle_epoch epochs[EPOCHS];
    static struct p2p_event events[EPOCHS];
    static struct p2p_circle_key keys[EPOCHS];
    (void)state;
    start(3, 0);
    for (uint32_t e = 1; e <= EPOCHS; e++) {
        keys[e - 1] = network_circle_key(ALL, e);
        epochs[e - 1] = (struct p2p_circle_epoch){
            .epoch = e, .key_hash = p2p_circle_key_hash(&keys[e - 1])};
        events[e - 1] =
            (struct p2p_event){.type = P2P_EVENT_CIRCLE_KEY, .circle_key = &keys[e - 1]};
    }
    const struct p2p_op_circle op = {.circle = ALL, .epochs = epochs, .epoch_count = EPOCHS};
    world_draft(&draft);
    p2p_op_circle_pack(&draft.ops, &op);
    world_op(&draft);
    size_t entry = network_entry(&net, &draft);
    for (uint32_t i = 1; i <= 3; i++) {
        network_give(&net, i, entry);
    }
    CHECK_OK(network_batch(&net, 3, events, EPOCHS));
    network_advance(&net, 5000);
    CHECK(kinds_of(3, 3, P2P_KIND_CIRCLE_KEY) == 2); /* 512 boxes, and the rest */
    for (uint32_t e = 1; e <= HELD; e++) {
        CHECK(network_holds(&net, 1, ALL, e) && network_holds(&net, 3, ALL, e));
    }
    char own[] = "m3";
    network_draw(&net, 3, own, 1);
    CHECK(p2p_engine_missing_keys(net.nodes[3].engine, NULL, 0) == EPOCHS - HELD);
    CHECK(network_check(&net, 3, PERSON) == P2P_ANSWER_REFER);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_ALLOW);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_draws_and_all_have_it),
        TEST(gates_refer_until_the_key_is_here),
        TEST(who_joins_gets_every_epoch),
        TEST(a_dead_drawer_is_passed_over),
        TEST(a_lying_box_is_refused_and_replaced),
        TEST(a_holder_that_lies_to_one_is_passed_over_at_once),
        TEST(who_refuses_every_box_ends_it),
        TEST(read_only_nodes_take_and_do_not_give),
        TEST(many_epochs),
    };
    CHECK_OK(p2p_crypto_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
