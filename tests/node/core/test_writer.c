/* A real node, its batches run one by one: what is answered is durable, who waits is answered,
 * and what has no room begins the next. */
#include "asked.h"
#include "writer_parts.h"
#include "writer_world.h"

#include "mdb_fault.h"

#include <errno.h>
#include <string.h>

static struct api_world world;
static struct asked_list asked;

/* ---- durable before it is answered ---- */

static uint64_t finished_size;

static void finish_looking(struct p2p_work *work, struct p2p_node *node)
{
    struct p2p_txn *txn;
    struct p2p_slice leaf;
    struct p2p_record record;
    struct p2p_copy_point point;
    char message[P2P_MESSAGE_BYTES];
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, p2p_engine_own_feed(node->engine));
    finished_size = own->head.size;
    CHECK(node->txn == NULL); /* committed */
    CHECK_OK(p2p_store_begin(node->store, P2P_TXN_READ, &txn));
    CHECK_OK(p2p_feed_leaf(own, p2p_txn_kv(txn), own->head.size - 1, &leaf));
    CHECK_OK(p2p_record_peek(&record, leaf));
    CHECK(record.kind == P2P_KIND_BAN_IMPOSE);
    p2p_txn_abort(txn);
    CHECK(p2p_copy_read(node->config.copy, &point, message, sizeof(message)) == P2P_COPY_OK);
    CHECK(point.size == own->head.size);
    CHECK(point.commit == p2p_engine_commit_number(node->engine));
    asked.item[0].finish(work, node);
}

/* Broken: a caller would be told of a ban that a power cut then takes back, or a signature
 * would leave that the copy does not know. */
static void an_append_stands_in_store_and_copy_before_its_reply(void **state)
{
    (void)state;
    struct asked *ban = ask(&world, &asked, "/v1/bans", ban_body(1, NULL));
    ban->finish = ban->work->finish;
    ban->work->finish = finish_looking;
    CHECK(run_asked(&world, &asked, 0, NULL, NULL) == 1);
    CHECK(ban->reply.status == 200);
    CHECK(finished_size >= 2);
    close_node(&world);
    open_node(&world);
    check_read_only(&world, NULL);
    CHECK(bans(&world) == 1);
    forget_asked(&asked);
}

/* ---- what comes while a batch runs ---- */

static struct p2p_work *late_work;

static void add_late(struct p2p_node *node, struct p2p_batch *batch)
{
    CHECK(node->txn != NULL); /* the batch is under way */
    CHECK(batch->works->next == NULL);
    batch->works->next = late_work;
    late_work->next = NULL;
}

/* Broken: a check that comes while a ban is being taken in would wait for two commits. */
static void what_comes_while_a_batch_runs_may_begin_in_it(void **state)
{
    (void)state;
    struct asked *early = ask(&world, &asked, "/v1/bans", ban_body(1, NULL));
    struct asked *late = ask(&world, &asked, "/v1/bans", ban_body(2, NULL));
    uint64_t commit = p2p_engine_commit_number(world.node->engine);
    late_work = late->work;
    asked.count = 1;
    world.node->more_works = add_late;
    CHECK(run_asked(&world, &asked, 0, NULL, NULL) == 2);
    world.node->more_works = NULL;
    asked.count = 2;
    CHECK(early->reply.status == 200);
    CHECK(late->reply.status == 200);
    CHECK(p2p_engine_commit_number(world.node->engine) == commit + 1);
    CHECK(bans(&world) == 2);
    forget_asked(&asked);
}

/* ---- levels, room, order ---- */

/* Broken: a caller would wait for ever at the end, or not be told what stands. */
static void who_waits_for_a_level_is_answered_at_last(void **state)
{
    (void)state;
    world.node->serving = true;
    struct asked *ban = ask(&world, &asked, "/v1/bans", ban_body(1, "witnessed"));
    CHECK(run_asked(&world, &asked, 0, NULL, NULL) == 0);
    CHECK(ban->reply.status == 0 && world.node->waiting_count == 1);
    ask(&world, &asked, "/v1/bans", ban_body(2, "mirrored"));
    CHECK(run_asked(&world, &asked, 1, NULL, NULL) == 0);
    CHECK(world.node->waiting_count == 2);
    world.node->waiting->wait_until_ms = 0;
    CHECK(run_asked(&world, &asked, asked.count, NULL, NULL) == 1); /* its time is over */
    release_works(p2p_writer_give_up(world.node));
    CHECK(world.node->waiting == NULL && world.node->waiting_count == 0);
    for (size_t i = 0; i < 2; i++) {
        CHECK(asked.item[i].reply.status == 503);
        CHECK(strcmp(text_of(asked.item[i].reply.json, "code"), "level-not-reached") == 0);
        CHECK(strncmp(text_of(asked.item[i].reply.json, "id"), "beanr/1:", 8) == 0);
    }
    /* What was refused waits for nothing. */
    json_t *nobody = ban_body(3, "witnessed");
    json_object_set_new(nobody, "as", json_string("bezee-pso"));
    struct asked *refused = ask(&world, &asked, "/v1/bans", nobody);
    CHECK(run_asked(&world, &asked, 2, NULL, NULL) == 1);
    CHECK(refused->reply.status == 403);
    world.node->serving = false;
    CHECK(bans(&world) == 2);
    forget_asked(&asked);
}

static size_t told_not_yet;

static void count_waited(struct p2p_work *work, struct p2p_node *node, bool reached)
{
    (void)work;
    (void)node;
    told_not_yet += !reached;
}

static void let_go(struct p2p_work *work)
{
    (void)work;
}

/* Broken: one party that waits for witnesses who are not there would keep every other one out,
 * and gates would not get their releases mirrored. */
static void of_parties_only_so_many_wait(void **state)
{
    enum { WORKS = P2P_WAITING_OUTSIDE_MAX + 2 };
    static struct p2p_work works[WORKS];
    struct p2p_work *out = NULL;
    (void)state;
    world.node->serving = true;
    told_not_yet = 0;
    for (size_t i = 0; i < WORKS; i++) {
        works[i] = (struct p2p_work){.waited = count_waited,
                                     .release = let_go,
                                     .is_outside = i < WORKS - 1, /* the last is a gate's */
                                     .wait_level = P2P_LEVEL_WITNESSED,
                                     .wait_size = 1000000};
        p2p_waiting_add(world.node, &works[i], &out);
    }
    CHECK(told_not_yet == 1 && out == &works[WORKS - 2] && out->next == NULL);
    CHECK(world.node->waiting_count == WORKS - 1);
    works[0].wait_until_ms = 0; /* whose time is over makes room */
    works[1].wait_until_ms = 0;
    CHECK(run_asked(&world, &asked, 0, NULL, NULL) == 2);
    CHECK(world.node->waiting_outside == P2P_WAITING_OUTSIDE_MAX - 2);
    world.node->serving = false;
    p2p_writer_give_up(world.node);
    CHECK(world.node->waiting_outside == 0 && told_not_yet == WORKS);
}

/* Broken: asked for again after a start, what a quorum holds would be told as held by nobody
 * else, until something new is appended. */
static void what_is_witnessed_is_mirrored(void **state)
{
    (void)state;
    const struct p2p_engine *engine = world.node->engine;
    uint32_t own = p2p_engine_own_feed(engine);
    world.node->serving = true;
    struct asked *ban = ask(&world, &asked, "/v1/bans", ban_body(1, "mirrored"));
    CHECK(run_asked(&world, &asked, 0, NULL, NULL) == 0);
    CHECK(world.node->waiting_count == 1 && p2p_engine_mirrored(engine) == 0);
    /* As if the store had said so. */
    struct p2p_witnessing *witnessing =
        (struct p2p_witnessing *)p2p_engine_witnessing(engine, own);
    witnessing->quorum_size = p2p_ledger_feed(p2p_engine_ledger(engine), own)->head.size;
    CHECK(run_asked(&world, &asked, 1, NULL, NULL) == 1);
    CHECK(ban->reply.status == 200);
    CHECK(strcmp(text_of(ban->reply.json, "level"), "mirrored") == 0);
    witnessing->quorum_size = 0;
    world.node->serving = false;
    forget_asked(&asked);
}

/* Broken: under load works would be lost, answered twice or starve. */
static void what_has_no_room_in_a_batch_begins_the_next(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600; i++) {
        ask(&world, &asked, "/v1/bans", ban_body(i, NULL));
    }
    size_t out = run_asked(&world, &asked, 0, NULL, NULL);
    CHECK(out >= 256 && out < 600);
    CHECK(world.node->deferred != NULL);
    for (size_t i = 0; i < out; i++) {
        CHECK(asked.item[i].reply.status == 200); /* first come, first served */
    }
    while (out < 600) {
        size_t more = run_asked(&world, &asked, asked.count, NULL, NULL);
        CHECK(more > 0);
        out += more;
    }
    CHECK(world.node->deferred == NULL);
    for (size_t i = 0; i < 600; i++) {
        CHECK(asked.item[i].reply.status == 200);
    }
    CHECK(bans(&world) == 600);
    forget_asked(&asked);
}

/* Broken: works that wait for the next batch would go down with the one that fails, and with it
 * their callers' connection. */
static void a_failed_batch_answers_its_own_work_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600; i++) {
        ask(&world, &asked, "/v1/bans", ban_body(i, NULL));
    }
    mdb_fault_arm(MDB_FAULT_COMMIT, 0, 1, ENOMEM);
    size_t out = run_asked(&world, &asked, 0, NULL, NULL);
    (void)mdb_fault_disarm();
    CHECK(out > 0 && out < 600);
    CHECK(asked.item[0].reply.status == 503 && asked.item[599].reply.status == 0);
    while (world.node->deferred != NULL) {
        out += run_asked(&world, &asked, asked.count, NULL, NULL);
    }
    CHECK(out == 600 && asked.item[599].reply.status == 200);
    size_t good = 0;
    for (size_t i = 0; i < 600; i++) {
        good += asked.item[i].reply.status == 200;
    }
    CHECK(bans(&world) == good);
    forget_asked(&asked);
}

/* Broken: two people who import the same list at once would impose each ban twice. */
static void two_imports_at_once_impose_a_row_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        ask(&world, &asked, "/v1/bans/import",
            json_pack("{s:s, s:s, s:[{s:i, s:s, s:s}, {s:i, s:s, s:s}]}", "as", "beanr-pso",
                      "ground", "local", "rows", "line", 2, "subject", "plate:BE:1",
                      "reference", "A", "line", 3, "subject", "imo:9179842", "reference", "A"));
    }
    CHECK(run_asked(&world, &asked, 0, NULL, NULL) == 1);
    CHECK(run_asked(&world, &asked, asked.count, NULL, NULL) == 1);
    CHECK(number_of(asked.item[0].reply.json, "imposed") == 2);
    CHECK(number_of(asked.item[1].reply.json, "imposed") == 0);
    CHECK(number_of(asked.item[1].reply.json, "already") == 2);
    CHECK(bans(&world) == 2);
    forget_asked(&asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRITER_TEST(an_append_stands_in_store_and_copy_before_its_reply, &world),
        WRITER_TEST(what_comes_while_a_batch_runs_may_begin_in_it, &world),
        WRITER_TEST(who_waits_for_a_level_is_answered_at_last, &world),
        WRITER_TEST(of_parties_only_so_many_wait, &world),
        WRITER_TEST(what_is_witnessed_is_mirrored, &world),
        WRITER_TEST(what_has_no_room_in_a_batch_begins_the_next, &world),
        WRITER_TEST(a_failed_batch_answers_its_own_work_only, &world),
        WRITER_TEST(two_imports_at_once_impose_a_row_once, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
