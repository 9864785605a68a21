/* A real node whose store and disk fail at every step: whatever fails, what was answered stays,
 * and what cannot be appended is still decided. */
#include "asked.h"
#include "writer_world.h"

#include "disk_fault.h"
#include "feed_news.h"
#include "mdb_fault.h"

#include <p2p/file.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct api_world world;
static struct asked_list asked;

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
            status = try_post(&world, "/v1/bans", ban_body(++n, NULL));
            long steps = mdb_fault_disarm();
            CHECK((status == 200) == (steps <= at)); /* no failure is passed over */
            CHECK(status == 200 || status == 503);
            acknowledged += status == 200;
            CHECK(!world.node->engine_lost);
            CHECK(bans(&world) == acknowledged);
            check_read_only(&world, NULL);
            CHECK(try_post(&world, "/v1/bans", ban_body(n, NULL)) == 200);
            acknowledged++;
        }
        CHECK(n > 1);
    }
    CHECK(bans(&world) == acknowledged);
    close_node(&world);
    open_node(&world);
    CHECK(bans(&world) == acknowledged);
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
        disk_fault_arm(DISK_FAULT_EIO, at, false);
        status = try_post(&world, "/v1/bans", ban_body(++n, NULL));
        calls = disk_fault_disarm();
        acknowledged += status == 200;
        size_t found = bans(&world);
        CHECK(found == acknowledged);
        if (status != 200) {
            CHECK(status == 503);
            CHECK(p2p_store_read_only_reason(world.node->store) != NULL);
            CHECK(try_post(&world, "/v1/bans", ban_body(n + 1000, NULL)) == 503);
            check_is_spooled(&world);
        }
        close_node(&world);
        open_node(&world);
        check_read_only(&world, NULL);
        size_t after = bans(&world);
        CHECK(after >= acknowledged && after <= acknowledged + (status != 200));
        acknowledged = after;
        CHECK(try_post(&world, "/v1/bans", ban_body(n + 2000, NULL)) == 200);
        acknowledged++;
    }
    CHECK(status == 200 && n > 5);
}

/* ---- no room ---- */

/* Broken: on a full map a node would lose what it had acknowledged, stop answering at its gate,
 * forget the decisions it made meanwhile, or never recover. */
static void a_full_map_stops_appending_and_nothing_else(void **state)
{
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    mdb_fault_arm(MDB_FAULT_PUT, 3, 1, MDB_MAP_FULL);
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 503);
    (void)mdb_fault_disarm();
    check_read_only(&world, "map-full");
    CHECK(try_post(&world, "/v1/bans", ban_body(3, NULL)) == 503);
    CHECK(bans(&world) == 1);
    check_is_spooled(&world);
    check_is_spooled(&world);
    CHECK(decisions(&world) == 0);
    CHECK(p2p_spool_count(world.node->spool) == 2);
    close_node(&world);
    open_node(&world);
    check_read_only(&world, NULL);
    CHECK(decisions(&world) == 2);
    CHECK(p2p_spool_count(world.node->spool) == 0);
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(bans(&world) == 2);
    CHECK(decisions(&world) == 2);
}

/* Broken: the decision that finds the disk full would be answered with an error, not by the
 * gate. */
static void the_check_that_finds_it_full_is_spooled(void **state)
{
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    mdb_fault_arm(MDB_FAULT_PUT, 1, 1, MDB_MAP_FULL);
    check_is_spooled(&world);
    (void)mdb_fault_disarm();
    check_read_only(&world, "map-full");
    CHECK(p2p_spool_count(world.node->spool) == 1);
    close_node(&world);
    open_node(&world);
    CHECK(decisions(&world) == 1);
    CHECK(p2p_spool_count(world.node->spool) == 0);
}

/* Broken: with no room in the spool either a decision would be answered that nobody can find
 * again, or nobody would be told. */
static void a_full_spool_decides_nothing(void **state)
{
    char path[TEMP_PATH_BYTES];
    static uint8_t bytes[60000]; /* no decision is that large: they stay */
    struct p2p_spool_id id;
    (void)state;
    close_node(&world);
    struct p2p_spool *spool = open_spool(&world);
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
    open_node(&world);
    mdb_fault_arm(MDB_FAULT_PUT, 3, 1, MDB_MAP_FULL);
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 503);
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
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 503);
    (void)mdb_fault_disarm();
    check_read_only(&world, "map-full");
    check_is_spooled(&world);
    close_node(&world);
    open_node(&world);
    CHECK(decisions(&world) == 1);
}

/* Broken: a peer would be connected to a node that can take nothing, and nothing would happen.
 */
static void peers_are_turned_away_while_nothing_can_be_stored(void **state)
{
    size_t closes = 0;
    struct p2p_input *up = calloc(1, sizeof(*up));
    (void)state;
    mdb_fault_arm(MDB_FAULT_PUT, 0, 1, MDB_MAP_FULL);
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 503);
    (void)mdb_fault_disarm();
    CHECK(up != NULL);
    *up = (struct p2p_input){.type = P2P_EVENT_LINK_UP, .link = 7, .member = 2};
    run_asked(&world, &asked, asked.count, up, &closes);
    CHECK(closes == 1);
}

/* ---- an engine that cannot be opened again ---- */

static void no_links(void *context, struct p2p_link_view *views, size_t *count, size_t cap)
{
    (void)context;
    (void)views;
    (void)cap;
    *count = 0;
}

/* Broken: after a failure on top of a failure the node would write what was never committed. */
static void a_lost_engine_is_opened_again_by_a_later_batch(void **state)
{
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    struct asked *ban = ask(&world, &asked, "/v1/bans", ban_body(2, NULL));
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
    release_works(batch.works);
    p2p_batch_clear(&batch);
    CHECK(ban->reply.status == 503);

    world.node->engine_lost = true; /* as if that had failed */
    mdb_fault_arm(MDB_FAULT_READ, 0, 1000, ENOMEM);
    CHECK(try_post(&world, "/v1/bans", ban_body(3, NULL)) == 503);
    CHECK(try_post(&world, "/v1/gates/main/checks", check_body()) == 503);
    CHECK(world.node->engine_lost);
    /* Nobody asks: the next attempt waits, each time longer; also while watchers are owed news.
     */
    world.node->describe_links = no_links;
    world.node->now.mono_ms -= 5000;
    p2p_news_tell(world.node, true);
    p2p_news_tell(world.node, true);
    CHECK(p2p_news_wake_ms(world.node) != UINT64_MAX);
    uint64_t until_ms = world.node->lost_until_ms;
    uint64_t pause_ms = world.node->lost_pause_ms;
    p2p_writer_run(world.node, &batch);
    CHECK(batch.failed && batch.actions.wake_mono_ms == until_ms);
    CHECK(world.node->lost_until_ms == until_ms && world.node->lost_pause_ms == pause_ms);
    p2p_batch_clear(&batch);
    world.node->lost_until_ms = 0;
    p2p_writer_run(world.node, &batch);
    CHECK(batch.failed && world.node->lost_pause_ms == 2 * pause_ms);
    p2p_batch_clear(&batch);
    (void)mdb_fault_disarm();
    CHECK(bans(&world) == 1);
    CHECK(!world.node->engine_lost);
    CHECK(try_post(&world, "/v1/bans", ban_body(3, NULL)) == 200);
    CHECK(bans(&world) == 2);
    p2p_batch_deinit(&batch);
    forget_asked(&asked);
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
    CHECK(try_post(&world, "/v1/records",
                   json_pack("{s:s, s:{s:s}}", "kind", "note", "fields", "text", marked)) ==
          422);
    mdb_fault_after_commit(NULL);
    CHECK(garbled);
    check_read_only(&world, "sync-failed");
    CHECK(world.node->alarm[0] != '\0');
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 503);
    check_is_spooled(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRITER_TEST(each_put_and_commit_may_fail_for_a_moment, &world),
        WRITER_TEST(a_full_map_stops_appending_and_nothing_else, &world),
        WRITER_TEST(the_check_that_finds_it_full_is_spooled, &world),
        WRITER_TEST(a_full_spool_decides_nothing, &world),
        WRITER_TEST(the_first_write_of_all_may_fail, &world),
        WRITER_TEST(peers_are_turned_away_while_nothing_can_be_stored, &world),
        WRITER_TEST(each_disk_call_may_fail, &world),
        WRITER_TEST(a_lost_engine_is_opened_again_by_a_later_batch, &world),
        WRITER_TEST(records_that_read_back_wrong_stop_the_node, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
