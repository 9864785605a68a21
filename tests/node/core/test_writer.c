/* A real node, its batches run one by one: what is answered is durable, and whatever fails,
 * what was answered stays. */
#include "api_world.h"
#include "disk_fault.h"
#include "mdb_fault.h"

#include <p2p/file.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct api_world world;

/* ---- the node's files ---- */

static const char *const kept_files[] = {"fed/beanr/store/data", "fed/beanr/store/keys",
                                         "fed/beanr/spool", "fed/copies/beanr"};

static const char *path_of(const char *name)
{
    static char path[TEMP_PATH_BYTES];
    return temp_path(&world.dir, name, path);
}

static void close_node(void)
{
    p2p_node_close(world.node);
    world.node = NULL;
}

static void open_node(void)
{
    char message[P2P_MESSAGE_BYTES] = "";
    const struct p2p_node_options options = {.dir = path_of("fed/beanr")};
    enum p2p_err err = p2p_node_open(&world.node, &options, message);
    if (err != P2P_OK) {
        print_error("%s\n", message);
    }
    CHECK_OK(err);
}

/* Sets aside all that a node is made of, or puts it back; the node is closed. */
static void keep_files(bool back)
{
    for (size_t i = 0; i < sizeof(kept_files) / sizeof(kept_files[0]); i++) {
        char kept[TEMP_PATH_BYTES + 8];
        snprintf(kept, sizeof(kept), "%s.kept", path_of(kept_files[i]));
        if (access(back ? kept : path_of(kept_files[i]), F_OK) == 0) {
            temp_copy(back ? kept : path_of(kept_files[i]),
                      back ? path_of(kept_files[i]) : kept);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    api_world_make(&world, "beanr,bezee,commission", "beanr");
    json_decref(api_get(&world, "/v1/status", 200)); /* its address record stands */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mdb_fault_after_commit(NULL);
    (void)mdb_fault_disarm();
    (void)disk_fault_disarm();
    api_world_free(&world);
    return 0;
}

/* ---- asking ---- */

static json_t *ban_body(unsigned n, const char *level)
{
    char subject[32];
    char reference[32];
    snprintf(subject, sizeof(subject), "plate:BE:%06u", n);
    snprintf(reference, sizeof(reference), "R-%u", n);
    return json_pack("{s:s, s:s, s:s, s:s, s:s*}", "as", "beanr-pso", "subject", subject,
                     "ground", "local", "reference", reference, "level", level);
}

static json_t *check_body(void)
{
    return json_pack("{s:s, s:s}", "subject", "plate:BE:000001", "purpose", "enter");
}

/* A call whose status may be anything. */
static int try_post(const char *path, json_t *body)
{
    const struct p2p_api_request request = {.method = "POST", .path = path, .body = body};
    struct p2p_api_reply reply;
    p2p_api_call(world.node, &request, &reply);
    json_decref(body);
    if (reply.status != 200) {
        CHECK(*text_of(reply.json, "code") != '\0');
        CHECK(*text_of(reply.json, "text") != '\0');
    }
    int status = reply.status;
    p2p_api_reply_deinit(&reply);
    return status;
}

static size_t rows_at(const char *path, const char *query, const char *key)
{
    json_t *reply = api_call(&world, "GET", path, query, NULL, 200);
    size_t count = json_array_size(json_object_get(reply, key));
    json_decref(reply);
    return count;
}

static size_t bans(void)
{
    return rows_at("/v1/bans", "limit=1000&all=true", "bans");
}

/* The first call after a start finds what its own batch has yet to append. */
static size_t decisions(void)
{
    json_decref(api_get(&world, "/v1/status", 200));
    return rows_at("/v1/gates/log", NULL, "decisions");
}

static void check_read_only(const char *word)
{
    json_t *status = api_get(&world, "/v1/status", 200);
    if (word == NULL) {
        CHECK(json_is_null(json_object_get(status, "read_only")));
    } else {
        CHECK(strcmp(text_of(status, "read_only"), word) == 0);
    }
    json_decref(status);
}

/* A node that does not append answers all the same, and says so. */
static void check_is_spooled(void)
{
    json_t *reply = api_post(&world, "/v1/gates/main/checks", check_body(), 200);
    CHECK(json_is_null(json_object_get(reply, "decision")));
    CHECK(strchr(text_of(reply, "spooled"), ':') != NULL);
    CHECK(find_row(json_object_get(reply, "reasons"), "code", "read-only") != NULL);
    json_decref(reply);
}

/* ---- works by hand ---- */

enum { ASKED_MAX = 700 };

struct asked {
    struct p2p_work *work;
    void (*finish)(struct p2p_work *work, struct p2p_node *node);
    struct p2p_api_reply reply; /* status 0 until it is answered */
};

static struct asked asked[ASKED_MAX];
static size_t asked_count;

static void take_reply(void *context, struct p2p_api_reply *reply)
{
    struct asked *to = context;
    CHECK(to->reply.status == 0); /* once */
    to->reply = *reply;
    *reply = (struct p2p_api_reply){0};
}

static void collect(struct p2p_node *node, struct p2p_work *work)
{
    (void)node;
    asked[asked_count].work = work;
}

static struct asked *ask(const char *path, json_t *body)
{
    const struct p2p_api_request request = {.method = "POST", .path = path, .body = body};
    CHECK(asked_count < ASKED_MAX);
    asked[asked_count] = (struct asked){0};
    world.node->queue_work = collect;
    p2p_api_start(world.node, &request, take_reply, &asked[asked_count]);
    json_decref(body);
    return &asked[asked_count++];
}

static void release_all(struct p2p_work *works)
{
    while (works != NULL) {
        struct p2p_work *work = works;
        works = work->next;
        work->release(work);
    }
}

/* One batch of everything asked since the last. Returns how many works came out. */
static size_t run_asked(size_t first, struct p2p_input *inputs, size_t *closes)
{
    struct p2p_batch batch;
    size_t out = 0;
    p2p_batch_init(&batch);
    struct p2p_work **end = &batch.works;
    for (size_t i = first; i < asked_count; i++) {
        *end = asked[i].work;
        asked[i].work->next = NULL;
        end = &asked[i].work->next;
    }
    batch.inputs = inputs;
    p2p_writer_run(world.node, &batch);
    for (struct p2p_work *work = batch.works; work != NULL; work = work->next) {
        out++;
    }
    if (closes != NULL) {
        *closes = batch.actions.close_count;
    }
    release_all(batch.works);
    batch.works = NULL;
    p2p_batch_deinit(&batch);
    return out;
}

static void forget_asked(void)
{
    for (size_t i = 0; i < asked_count; i++) {
        p2p_api_reply_deinit(&asked[i].reply);
    }
    asked_count = 0;
}

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
    asked[0].finish(work, node);
}

/* Broken: a caller would be told of a ban that a power cut then takes back, or a signature
 * would leave that the copy does not know. */
static void an_append_stands_in_store_and_copy_before_its_reply(void **state)
{
    (void)state;
    struct asked *ban = ask("/v1/bans", ban_body(1, NULL));
    ban->finish = ban->work->finish;
    ban->work->finish = finish_looking;
    CHECK(run_asked(0, NULL, NULL) == 1);
    CHECK(ban->reply.status == 200);
    CHECK(finished_size >= 2);
    close_node();
    open_node();
    check_read_only(NULL);
    CHECK(bans() == 1);
    forget_asked();
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
    struct asked *early = ask("/v1/bans", ban_body(1, NULL));
    struct asked *late = ask("/v1/bans", ban_body(2, NULL));
    uint64_t commit = p2p_engine_commit_number(world.node->engine);
    late_work = late->work;
    asked_count = 1;
    world.node->more_works = add_late;
    CHECK(run_asked(0, NULL, NULL) == 2);
    world.node->more_works = NULL;
    asked_count = 2;
    CHECK(early->reply.status == 200);
    CHECK(late->reply.status == 200);
    CHECK(p2p_engine_commit_number(world.node->engine) == commit + 1);
    CHECK(bans() == 2);
    forget_asked();
}

/* ---- the n-th step fails ---- */

/* Broken: a batch that failed would leave something, or take something with it, or leave the
 * node unable to do the same work again. */
static void each_put_and_commit_may_fail_for_a_moment(void **state)
{
    static const enum mdb_fault_call calls[] = {MDB_FAULT_PUT, MDB_FAULT_COMMIT};
    size_t acknowledged = 0;
    unsigned n = 0;
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        int status = 0;
        for (long at = 0; status != 200; at++) {
            CHECK(at < 400);
            mdb_fault_arm(calls[c], at, 1, ENOMEM);
            status = try_post("/v1/bans", ban_body(++n, NULL));
            long steps = mdb_fault_disarm();
            CHECK((status == 200) == (steps <= at)); /* no failure is passed over */
            CHECK(status == 200 || status == 503);
            acknowledged += status == 200;
            CHECK(!world.node->engine_lost);
            CHECK(bans() == acknowledged);
            check_read_only(NULL);
            CHECK(try_post("/v1/bans", ban_body(n, NULL)) == 200);
            acknowledged++;
        }
        CHECK(n > 1);
    }
    CHECK(bans() == acknowledged);
    close_node();
    open_node();
    CHECK(bans() == acknowledged);
}

/* Broken: on a full map a node would lose what it had acknowledged, stop answering at its gate,
 * forget the decisions it made meanwhile, or never recover. */
static void a_full_map_stops_appending_and_nothing_else(void **state)
{
    (void)state;
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 200);
    mdb_fault_arm(MDB_FAULT_PUT, 3, 1, MDB_MAP_FULL);
    CHECK(try_post("/v1/bans", ban_body(2, NULL)) == 503);
    (void)mdb_fault_disarm();
    check_read_only("map-full");
    CHECK(try_post("/v1/bans", ban_body(3, NULL)) == 503);
    CHECK(bans() == 1);
    check_is_spooled();
    check_is_spooled();
    CHECK(decisions() == 0);
    CHECK(p2p_spool_count(world.node->spool) == 2);
    close_node();
    open_node();
    check_read_only(NULL);
    CHECK(decisions() == 2);
    CHECK(p2p_spool_count(world.node->spool) == 0);
    CHECK(try_post("/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(bans() == 2);
    CHECK(decisions() == 2);
}

/* Broken: the decision that finds the disk full would be answered with an error, not by the
 * gate. */
static void the_check_that_finds_it_full_is_spooled(void **state)
{
    (void)state;
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 200);
    mdb_fault_arm(MDB_FAULT_PUT, 1, 1, MDB_MAP_FULL);
    check_is_spooled();
    (void)mdb_fault_disarm();
    check_read_only("map-full");
    CHECK(p2p_spool_count(world.node->spool) == 1);
    close_node();
    open_node();
    CHECK(decisions() == 1);
    CHECK(p2p_spool_count(world.node->spool) == 0);
}

/* Broken: with no room in the spool either a decision would be answered that nobody can find
 * again, or nobody would be told. */
static void a_full_spool_decides_nothing(void **state)
{
    char path[TEMP_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES];
    static uint8_t bytes[60000]; /* no decision is that large: they stay */
    struct p2p_spool *spool = NULL;
    struct p2p_spool_id id;
    (void)state;
    close_node();
    temp_path(&world.dir, "fed/beanr/spool", path);
    CHECK_OK(
        p2p_spool_open(&spool, path, 1, P2P_SPOOL_BYTES_MIN, NULL, message, sizeof(message)));
    CHECK_OK(p2p_spool_append(spool, p2p_slice_of(bytes, sizeof(bytes)), &id));
    CHECK_OK(p2p_spool_append(
        spool, p2p_slice_of(bytes, P2P_SPOOL_BYTES_MIN - sizeof(bytes) - 2 * 36 - 50), &id));
    p2p_spool_close(spool);
    char *config = NULL;
    size_t len = 0;
    temp_path(&world.dir, "fed/beanr/config.yaml", path);
    CHECK_OK(p2p_file_read(path, P2P_CONFIG_BYTES_MAX, &config, &len, NULL, 0));
    char *line = strstr(config, "\nspool_size: 1048576\n");
    CHECK(line != NULL);
    memcpy(line, "\nspool_size:   65536\n", 21);
    temp_write(path, (const unsigned char *)config, len);
    free(config);
    open_node();
    mdb_fault_arm(MDB_FAULT_PUT, 3, 1, MDB_MAP_FULL);
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 503);
    (void)mdb_fault_disarm();
    json_t *reply = api_post(&world, "/v1/gates/main/checks", check_body(), 503);
    CHECK(strcmp(text_of(reply, "code"), "spool-full") == 0);
    CHECK(strstr(text_of(reply, "text"), "neither recorded nor spooled") != NULL);
    json_decref(reply);
    CHECK(strstr(world.node->alarm, "spooled") != NULL);
    CHECK(p2p_spool_count(world.node->spool) == 2);
}

/* Broken: a member without witnesses, complete at once, could not answer when the very first
 * thing that it writes fails. */
static void the_first_write_of_all_may_fail(void **state)
{
    (void)state;
    api_world_free(&world);
    api_world_make(&world, "beanr", "beanr");
    mdb_fault_arm(MDB_FAULT_PUT, 0, 1, MDB_MAP_FULL);
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 503);
    (void)mdb_fault_disarm();
    check_read_only("map-full");
    check_is_spooled();
    close_node();
    open_node();
    CHECK(decisions() == 1);
}

/* Broken: a peer would be connected to a node that can take nothing, and nothing would happen.
 */
static void peers_are_turned_away_while_nothing_can_be_stored(void **state)
{
    size_t closes = 0;
    struct p2p_input *up = calloc(1, sizeof(*up));
    (void)state;
    mdb_fault_arm(MDB_FAULT_PUT, 0, 1, MDB_MAP_FULL);
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 503);
    (void)mdb_fault_disarm();
    CHECK(up != NULL);
    *up = (struct p2p_input){.type = P2P_EVENT_LINK_UP, .link = 7, .member = 2};
    run_asked(asked_count, up, &closes);
    CHECK(closes == 1);
}

/* Broken: at some step of writing and syncing, what was acknowledged would be gone, or the node
 * would go on writing after a failed sync. */
static void each_disk_call_may_fail(void **state)
{
    size_t acknowledged = 0;
    unsigned n = 0;
    int status = 0;
    long calls = 0;
    (void)state;
    for (long at = 0; at == 0 || calls > at - 1; at++) {
        CHECK(at < 200);
        world.node->copy_synced_ms = 0; /* the copy is synced in this batch */
        disk_fault_arm(DISK_FAULT_EIO, at, false);
        status = try_post("/v1/bans", ban_body(++n, NULL));
        calls = disk_fault_disarm();
        acknowledged += status == 200;
        size_t found = bans();
        CHECK(found == acknowledged);
        if (status != 200) {
            CHECK(status == 503);
            CHECK(p2p_store_read_only_reason(world.node->store) != NULL);
            CHECK(try_post("/v1/bans", ban_body(n + 1000, NULL)) == 503);
            check_is_spooled();
        }
        close_node();
        open_node();
        check_read_only(NULL);
        size_t after = bans();
        CHECK(after >= acknowledged && after <= acknowledged + (status != 200));
        acknowledged = after;
        CHECK(try_post("/v1/bans", ban_body(n + 2000, NULL)) == 200);
        acknowledged++;
    }
    CHECK(status == 200 && n > 5);
}

/* ---- an engine that cannot be opened again ---- */

/* Broken: after a failure on top of a failure the node would write what was never committed. */
static void a_lost_engine_is_opened_again_by_a_later_batch(void **state)
{
    (void)state;
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 200);
    struct asked *ban = ask("/v1/bans", ban_body(2, NULL));
    struct p2p_batch batch;
    p2p_batch_init(&batch);
    batch.works = ban->work;
    /* Reads of the batch itself come before its commit; after the commit has failed, none
     * works. */
    mdb_fault_arm(MDB_FAULT_COMMIT, 0, 1, ENOMEM);
    struct p2p_engine *before = world.node->engine;
    world.node->read_back_failed = false;
    mdb_fault_after_commit(NULL);
    p2p_writer_run(world.node, &batch);
    (void)mdb_fault_disarm();
    CHECK(world.node->engine != before); /* opened anew */
    release_all(batch.works);
    p2p_batch_clear(&batch);
    CHECK(ban->reply.status == 503);

    world.node->engine_lost = true; /* as if that had failed */
    mdb_fault_arm(MDB_FAULT_READ, 0, 1000, ENOMEM);
    CHECK(try_post("/v1/bans", ban_body(3, NULL)) == 503);
    CHECK(try_post("/v1/gates/main/checks", check_body()) == 503);
    CHECK(world.node->engine_lost);
    (void)mdb_fault_disarm();
    CHECK(bans() == 1);
    CHECK(!world.node->engine_lost);
    CHECK(try_post("/v1/bans", ban_body(3, NULL)) == 200);
    CHECK(bans() == 2);
    p2p_batch_deinit(&batch);
    forget_asked();
}

/* ---- read back ---- */

static const char marked[] = "a-note-that-the-disk-garbles";
static bool garbled;

/* Finds the note in the data file and changes a byte of it, as a bad disk would. */
static void garble(void)
{
    size_t len = 0;
    char path[TEMP_PATH_BYTES];
    unsigned char *bytes = temp_read(temp_path(&world.dir, "fed/beanr/store/data", path), &len);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (size_t i = 0; i + sizeof(marked) <= len; i++) {
        if (memcmp(bytes + i, marked, sizeof(marked) - 1) == 0) {
            CHECK(pwrite(fd, "A", 1, (off_t)i) == 1);
            garbled = true;
        }
    }
    close(fd);
    free(bytes);
}

/* Broken: a signature would leave over records that the store gives back otherwise. */
static void records_that_read_back_wrong_stop_the_node(void **state)
{
    (void)state;
    mdb_fault_after_commit(garble);
    CHECK(try_post("/v1/records", json_pack("{s:s, s:{s:s}}", "kind", "note", "fields", "text",
                                            marked)) == 422);
    mdb_fault_after_commit(NULL);
    CHECK(garbled);
    check_read_only("sync-failed");
    CHECK(world.node->alarm[0] != '\0');
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 503);
    check_is_spooled();
}

/* ---- the copy ---- */

/* Broken: a backup that was restored would append beside what others hold already; or a node
 * that was only missing a disk would lose the decisions it made meanwhile. */
static void without_its_copy_a_node_is_restored(void **state)
{
    char kept[TEMP_PATH_BYTES + 8];
    char path[TEMP_PATH_BYTES];
    (void)state;
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 200);
    close_node();
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(kept, sizeof(kept), "%s.kept", path);
    CHECK(rename(path, kept) == 0);
    open_node();
    check_read_only("restored");
    CHECK(world.node->alarm[0] != '\0');
    CHECK(try_post("/v1/bans", ban_body(2, NULL)) == 503);
    check_is_spooled();
    check_is_spooled();
    CHECK(decisions() == 0);
    CHECK(access(path, F_OK) != 0); /* nothing is signed, nothing is written */
    close_node();
    CHECK(rename(kept, path) == 0);
    open_node();
    check_read_only(NULL);
    CHECK(decisions() == 2);
    close_node();
    open_node();
    CHECK(decisions() == 2);
    CHECK(bans() == 1);
}

/* Broken: a node restored from a backup would write a second history. */
static void a_copy_ahead_of_the_store_is_a_restored_backup(void **state)
{
    char path[TEMP_PATH_BYTES];
    char newest[TEMP_PATH_BYTES + 8];
    (void)state;
    close_node();
    keep_files(false);
    open_node();
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 200);
    close_node();
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(newest, sizeof(newest), "%s.newest", path);
    temp_copy(path, newest);
    keep_files(true);
    temp_copy(newest, path);
    open_node();
    check_read_only("restored");
    CHECK(try_post("/v1/bans", ban_body(2, NULL)) == 503);
    check_is_spooled();
    close_node();
    open_node(); /* the copy was left as it was */
    check_read_only("restored");
}

/* Broken: a copy that cannot be written would go unnoticed, or its alarm would stay for good.
 */
static void a_copy_that_cannot_be_written_is_an_alarm_until_it_can(void **state)
{
    char path[TEMP_PATH_BYTES];
    char kept[TEMP_PATH_BYTES + 8];
    (void)state;
    CHECK(world.node->alarm[0] == '\0');
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(kept, sizeof(kept), "%s.kept", path);
    CHECK(rename(path, kept) == 0);
    world.node->copy_synced_ms = 0;
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 200); /* appends go on */
    CHECK(strstr(world.node->alarm, "copies/beanr") != NULL);
    CHECK(try_post("/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(world.node->copy_failed);
    CHECK(rename(kept, path) == 0);
    world.node->copy_synced_ms = 0;
    json_decref(api_get(&world, "/v1/status", 200)); /* nothing new is signed, and still */
    CHECK(!world.node->copy_failed);
    CHECK(world.node->alarm[0] == '\0');
    close_node();
    open_node();
    check_read_only(NULL);
    CHECK(bans() == 2);
}

/* ---- late decisions ---- */

/* The node is closed, two decisions wait in its spool and it may append. */
static void leave_two_in_the_spool(void)
{
    char path[TEMP_PATH_BYTES];
    char kept[TEMP_PATH_BYTES + 8];
    close_node();
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(kept, sizeof(kept), "%s.away", path);
    CHECK(rename(path, kept) == 0);
    open_node();
    check_is_spooled();
    check_is_spooled();
    close_node();
    CHECK(rename(kept, path) == 0);
}

/* Runs in a process of its own, which may crash at any disk call. */
static int in_child(void (*run)(void), long crash_at)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        open_node();
        if (crash_at >= 0) {
            disk_fault_arm(DISK_FAULT_CRASH, crash_at, true);
        }
        run();
        (void)disk_fault_disarm();
        close_node();
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void append_late(void)
{
    (void)decisions();
}

static void look_for_two(void)
{
    bool two = decisions() == 2 && decisions() == 2 && p2p_spool_count(world.node->spool) == 0;
    if (!two) {
        _exit(1);
    }
}

/* Broken: a crash between the commit and the clearing of the spool would write decisions twice,
 * or one before the commit would lose them. */
static void a_crash_at_any_moment_appends_late_decisions_once(void **state)
{
    int code = DISK_FAULT_EXIT;
    (void)state;
    leave_two_in_the_spool();
    keep_files(false);
    for (long at = 0; code == DISK_FAULT_EXIT; at++) {
        CHECK(at < 200);
        keep_files(true);
        code = in_child(append_late, at);
        CHECK(code == 0 || code == DISK_FAULT_EXIT);
        CHECK(in_child(look_for_two, -1) == 0);
        CHECK(code == DISK_FAULT_EXIT || at > 5);
    }
    open_node();
}

/* Broken: decisions made after the clock went back between two starts would be dropped as taken
 * already. */
static void boots_whose_numbers_fall_lose_no_decision(void **state)
{
    char path[TEMP_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES];
    struct p2p_spool *spool = NULL;
    struct p2p_spool_id id;
    struct p2p_slice payload;
    uint8_t copy[2048];
    uint64_t at = 0;
    (void)state;
    leave_two_in_the_spool();
    temp_path(&world.dir, "fed/beanr/spool", path);
    CHECK_OK(
        p2p_spool_open(&spool, path, 1, P2P_SPOOL_BYTES_MIN, NULL, message, sizeof(message)));
    CHECK_OK(p2p_spool_next(spool, &at, &id, &payload));
    CHECK(payload.len <= sizeof(copy));
    memcpy(copy, payload.data, payload.len);
    size_t len = payload.len;
    p2p_spool_close(spool);
    open_node();
    CHECK(decisions() == 2);
    close_node();
    CHECK_OK(
        p2p_spool_open(&spool, path, 1, P2P_SPOOL_BYTES_MIN, NULL, message, sizeof(message)));
    CHECK_OK(p2p_spool_append(spool, p2p_slice_of(copy, len), &id));
    p2p_spool_close(spool);
    open_node();
    CHECK(decisions() == 3);
    CHECK(p2p_spool_count(world.node->spool) == 0);
}

/* Broken: a decision in the spool that the feed does not take would be forgotten, or a spool
 * that cannot be read would stop all work. */
static void a_spool_that_is_not_taken_stays(void **state)
{
    char path[TEMP_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES];
    static const uint8_t no_decision[] = {0xc1};
    struct p2p_spool *spool = NULL;
    struct p2p_spool_id id;
    (void)state;
    close_node();
    temp_path(&world.dir, "fed/beanr/spool", path);
    CHECK_OK(
        p2p_spool_open(&spool, path, 1, P2P_SPOOL_BYTES_MIN, NULL, message, sizeof(message)));
    CHECK_OK(p2p_spool_append(spool, p2p_slice_of(no_decision, 1), &id));
    p2p_spool_close(spool);
    open_node();
    CHECK(try_post("/v1/bans", ban_body(1, NULL)) == 200);
    CHECK(decisions() == 0);
    CHECK(p2p_spool_count(world.node->spool) == 1);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && pwrite(fd, "x", 1, P2P_SPOOL_HEAD_BYTES + 36) == 1);
    close(fd);
    CHECK(try_post("/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(strstr(world.node->alarm, "spool") != NULL);
    CHECK(bans() == 2);
}

/* ---- levels, room, order ---- */

/* Broken: a caller would wait for ever at the end, or not be told what stands. */
static void who_waits_for_a_level_is_answered_at_last(void **state)
{
    (void)state;
    world.node->serving = true;
    struct asked *ban = ask("/v1/bans", ban_body(1, "witnessed"));
    CHECK(run_asked(0, NULL, NULL) == 0);
    CHECK(ban->reply.status == 0 && world.node->waiting_count == 1);
    ask("/v1/bans", ban_body(2, "mirrored"));
    CHECK(run_asked(1, NULL, NULL) == 0);
    CHECK(world.node->waiting_count == 2);
    world.node->waiting->wait_until_ms = 0;
    CHECK(run_asked(asked_count, NULL, NULL) == 1); /* its time is over */
    release_all(p2p_writer_give_up(world.node));
    CHECK(world.node->waiting == NULL && world.node->waiting_count == 0);
    for (size_t i = 0; i < 2; i++) {
        CHECK(asked[i].reply.status == 503);
        CHECK(strcmp(text_of(asked[i].reply.json, "code"), "level-not-reached") == 0);
        CHECK(strncmp(text_of(asked[i].reply.json, "id"), "beanr/1:", 8) == 0);
    }
    /* What was refused waits for nothing. */
    json_t *nobody = ban_body(3, "witnessed");
    json_object_set_new(nobody, "as", json_string("bezee-pso"));
    struct asked *refused = ask("/v1/bans", nobody);
    CHECK(run_asked(2, NULL, NULL) == 1);
    CHECK(refused->reply.status == 403);
    world.node->serving = false;
    CHECK(bans() == 2);
    forget_asked();
}

/* Broken: under load works would be lost, answered twice or starve. */
static void what_has_no_room_in_a_batch_begins_the_next(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600; i++) {
        ask("/v1/bans", ban_body(i, NULL));
    }
    size_t out = run_asked(0, NULL, NULL);
    CHECK(out >= 256 && out < 600);
    CHECK(world.node->deferred != NULL);
    for (size_t i = 0; i < out; i++) {
        CHECK(asked[i].reply.status == 200); /* first come, first served */
    }
    while (out < 600) {
        size_t more = run_asked(asked_count, NULL, NULL);
        CHECK(more > 0);
        out += more;
    }
    CHECK(world.node->deferred == NULL);
    for (size_t i = 0; i < 600; i++) {
        CHECK(asked[i].reply.status == 200);
    }
    CHECK(bans() == 600);
    forget_asked();
}

/* Broken: works that wait for the next batch would go down with the one that fails, and with it
 * their callers' connection. */
static void a_failed_batch_answers_its_own_work_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600; i++) {
        ask("/v1/bans", ban_body(i, NULL));
    }
    mdb_fault_arm(MDB_FAULT_COMMIT, 0, 1, ENOMEM);
    size_t out = run_asked(0, NULL, NULL);
    (void)mdb_fault_disarm();
    CHECK(out > 0 && out < 600);
    CHECK(asked[0].reply.status == 503 && asked[599].reply.status == 0);
    while (world.node->deferred != NULL) {
        out += run_asked(asked_count, NULL, NULL);
    }
    CHECK(out == 600 && asked[599].reply.status == 200);
    size_t good = 0;
    for (size_t i = 0; i < 600; i++) {
        good += asked[i].reply.status == 200;
    }
    CHECK(bans() == good);
    forget_asked();
}

/* Broken: two people who import the same list at once would impose each ban twice. */
static void two_imports_at_once_impose_a_row_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        ask("/v1/bans/import",
            json_pack("{s:s, s:s, s:[{s:i, s:s, s:s}, {s:i, s:s, s:s}]}", "as", "beanr-pso",
                      "ground", "local", "rows", "line", 2, "subject", "plate:BE:1",
                      "reference", "A", "line", 3, "subject", "imo:9179842", "reference", "A"));
    }
    CHECK(run_asked(0, NULL, NULL) == 1);
    CHECK(run_asked(asked_count, NULL, NULL) == 1);
    CHECK(number_of(asked[0].reply.json, "imposed") == 2);
    CHECK(number_of(asked[1].reply.json, "imposed") == 0);
    CHECK(number_of(asked[1].reply.json, "already") == 2);
    CHECK(bans() == 2);
    forget_asked();
}

int main(void)
{
#define WRITER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        WRITER_TEST(an_append_stands_in_store_and_copy_before_its_reply),
        WRITER_TEST(what_comes_while_a_batch_runs_may_begin_in_it),
        WRITER_TEST(each_put_and_commit_may_fail_for_a_moment),
        WRITER_TEST(a_full_map_stops_appending_and_nothing_else),
        WRITER_TEST(the_check_that_finds_it_full_is_spooled),
        WRITER_TEST(a_full_spool_decides_nothing),
        WRITER_TEST(the_first_write_of_all_may_fail),
        WRITER_TEST(peers_are_turned_away_while_nothing_can_be_stored),
        WRITER_TEST(each_disk_call_may_fail),
        WRITER_TEST(a_lost_engine_is_opened_again_by_a_later_batch),
        WRITER_TEST(records_that_read_back_wrong_stop_the_node),
        WRITER_TEST(without_its_copy_a_node_is_restored),
        WRITER_TEST(a_copy_ahead_of_the_store_is_a_restored_backup),
        WRITER_TEST(a_copy_that_cannot_be_written_is_an_alarm_until_it_can),
        WRITER_TEST(a_crash_at_any_moment_appends_late_decisions_once),
        WRITER_TEST(boots_whose_numbers_fall_lose_no_decision),
        WRITER_TEST(a_spool_that_is_not_taken_stays),
        WRITER_TEST(who_waits_for_a_level_is_answered_at_last),
        WRITER_TEST(what_has_no_room_in_a_batch_begins_the_next),
        WRITER_TEST(a_failed_batch_answers_its_own_work_only),
        WRITER_TEST(two_imports_at_once_impose_a_row_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
