/* The journal over crashes, damage and years. */
#include "check.h"
#include "trade_world.h"

#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What another process does between our opening the file and our lock; once. */
static void (*before_lock)(void);

/* Stands in front of the C library's. */
int flock(int fd, int operation)
{
    void (*meanwhile)(void) = before_lock;
    before_lock = NULL;
    if (meanwhile != NULL) {
        meanwhile();
    }
    return (int)syscall(SYS_flock, fd, operation);
}

static void a_journal_survives_what_a_crash_leaves(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    char path[TEMP_PATH_BYTES];
    trade_world_take(world, TWO, "a");
    temp_path(&world->dir, "journal", path);
    FILE *file = fopen(path, "a");
    fputs("{\"m\":\"i\",\"k\":\"torn", file);
    fclose(file);
    struct p2p_journal *other = NULL;
    CHECK_ERR(p2p_journal_open(&other, world->dir.path, TRADE_WORLD_NOW_MS), P2P_LOCKED);
    trade_world_reopen(world);
    trade_world_take(world, TWO, "b");
    CHECK(world->tally.duplicates == 1);
    trade_world_reopen(world);
    trade_world_take(world, TWO, "c");
    CHECK(world->tally.duplicates == 1);

    p2p_journal_close(world->trade.journal);
    world->trade.journal = NULL;
    file = fopen(path, "r+"); /* damage in the middle is not passed over */
    fputs("XXXX", file);
    fclose(file);
    CHECK_ERR(p2p_journal_open(&world->trade.journal, world->dir.path, TRADE_WORLD_NOW_MS),
              P2P_CORRUPT);
    trade_world_free(world);
}

static void a_journal_forgets_and_is_written_anew(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    char path[TEMP_PATH_BYTES];
    struct stat before;
    struct stat after;
    trade_world_take(world, TWO, "a");
    for (int i = 0; i < 3000; i++) {
        CHECK_OK(
            p2p_journal_put(world->trade.journal, P2P_JOURNAL_ASKED, "k", json_integer(i)));
    }
    temp_path(&world->dir, "journal", path);
    CHECK(stat(path, &before) == 0);
    CHECK_OK(p2p_journal_sync(world->trade.journal)); /* also while it is in use */
    CHECK(stat(path, &after) == 0 && after.st_size < before.st_size / 10);
    for (int i = 0; i < 3000; i++) {
        CHECK_OK(
            p2p_journal_put(world->trade.journal, P2P_JOURNAL_ASKED, "k", json_integer(i)));
    }
    CHECK(stat(path, &before) == 0);
    trade_world_reopen(world);
    CHECK(stat(path, &after) == 0 && after.st_size < before.st_size / 10);
    CHECK(json_integer_value(p2p_journal_get(world->trade.journal, P2P_JOURNAL_ASKED, "k")) ==
          2999);
    trade_world_take(world, TWO, "b");
    CHECK(world->tally.duplicates == 1);
    p2p_journal_close(world->trade.journal);
    CHECK_OK(p2p_journal_open(&world->trade.journal, world->dir.path,
                              TRADE_WORLD_NOW_MS + 500ull * 86400000u));
    json_object_clear(world->keys); /* the same steps have the same keys */
    trade_world_take(world, TWO, "c");
    CHECK(world->tally.duplicates == 0);
    trade_world_free(world);
}

static struct p2p_journal *other;
static const char *shared;

/* Another one opens it, has so much history that it writes the file anew, and ends. */
static void written_anew_meanwhile(void)
{
    CHECK_OK(p2p_journal_open(&other, shared, TRADE_WORLD_NOW_MS));
    for (int i = 0; i < 3000; i++) {
        CHECK_OK(p2p_journal_put(other, P2P_JOURNAL_ASKED, "k", json_integer(i)));
    }
    CHECK_OK(p2p_journal_sync(other));
}

static void end_other(void)
{
    written_anew_meanwhile();
    p2p_journal_close(other);
    other = NULL;
}

/* Broken: two processes would each hold a journal, one of them a file that no name leads to any
 * more: what that one did would be done again. */
static void a_file_that_was_replaced_is_nobodys(void **state)
{
    (void)state;
    struct temp_dir dir;
    struct p2p_journal *journal = NULL;
    temp_dir_make(&dir);
    shared = dir.path;
    before_lock = written_anew_meanwhile;
    CHECK_ERR(p2p_journal_open(&journal, dir.path, TRADE_WORLD_NOW_MS), P2P_LOCKED);
    p2p_journal_close(other);
    before_lock = end_other;
    CHECK_OK(p2p_journal_open(&journal, dir.path, TRADE_WORLD_NOW_MS));
    CHECK(json_integer_value(p2p_journal_get(journal, P2P_JOURNAL_ASKED, "k")) == 2999);
    CHECK_OK(p2p_journal_put(journal, P2P_JOURNAL_ASKED, "k", json_integer(1)));
    CHECK_OK(p2p_journal_sync(journal));
    p2p_journal_close(journal);
    CHECK_OK(p2p_journal_open(&journal, dir.path, TRADE_WORLD_NOW_MS));
    CHECK(json_integer_value(p2p_journal_get(journal, P2P_JOURNAL_ASKED, "k")) == 1);
    p2p_journal_close(journal);
    temp_dir_remove(&dir);
}

static void a_journal_is_bounded(void **state)
{
    (void)state;
    struct p2p_journal *journal = NULL;
    json_t *done = json_pack("{s:b}", "done", 1);
    json_t *open = json_pack("{s:b}", "done", 0);
    char key[16];
    CHECK_OK(p2p_journal_open(&journal, NULL, TRADE_WORLD_NOW_MS));
    for (unsigned i = 0; i < P2P_JOURNAL_ENTRIES_MAX; i++) {
        snprintf(key, sizeof key, "%u", i);
        CHECK_OK(p2p_journal_put(journal, P2P_JOURNAL_INTERCHANGES, key,
                                 json_incref(i == 1 ? open : done)));
    }
    CHECK_OK(p2p_journal_put(journal, P2P_JOURNAL_TASKS, "t", json_incref(done)));
    CHECK(p2p_journal_get(journal, P2P_JOURNAL_INTERCHANGES, "0") == NULL);
    CHECK(p2p_journal_get(journal, P2P_JOURNAL_INTERCHANGES, "1") != NULL);
    CHECK(p2p_journal_get(journal, P2P_JOURNAL_TASKS, "t") != NULL);
    /* The oldest is not done now: what is known of it is not given up. */
    CHECK_ERR(p2p_journal_put(journal, P2P_JOURNAL_TASKS, "u", json_incref(done)), P2P_FULL);
    CHECK_OK(p2p_journal_put(journal, P2P_JOURNAL_TASKS, "t", json_incref(open)));
    p2p_journal_close(journal);
    json_decref(done);
    json_decref(open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_survives_what_a_crash_leaves),
        cmocka_unit_test(a_journal_forgets_and_is_written_anew),
        cmocka_unit_test(a_file_that_was_replaced_is_nobodys),
        cmocka_unit_test(a_journal_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
