/* Decisions that wait in the spool of a real node: each is appended once, whatever happens on
 * the way. */
#include "writer_world.h"

#include "disk_fault.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct api_world world;

/* The node is closed, two decisions wait in its spool and it may append. */
static void leave_two_in_the_spool(void)
{
    char path[TEMP_PATH_BYTES];
    char kept[TEMP_PATH_BYTES + 8];
    close_node(&world);
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(kept, sizeof(kept), "%s.away", path);
    CHECK(rename(path, kept) == 0);
    open_node(&world);
    check_is_spooled(&world);
    check_is_spooled(&world);
    close_node(&world);
    CHECK(rename(kept, path) == 0);
}

/* Runs in a process of its own, which may crash at any disk call. */
static int in_child(void (*run)(void), long crash_at)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        open_node(&world);
        if (crash_at >= 0) {
            disk_fault_arm(DISK_FAULT_CRASH, crash_at, true);
        }
        run();
        (void)disk_fault_disarm();
        close_node(&world);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void append_late(void)
{
    (void)decisions(&world);
}

static void look_for_two(void)
{
    bool two = decisions(&world) == 2 && decisions(&world) == 2 &&
               p2p_spool_count(world.node->spool) == 0;
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
    keep_files(&world, false);
    for (long at = 0; code == DISK_FAULT_EXIT; at++) {
        CHECK(at < 200);
        keep_files(&world, true);
        code = in_child(append_late, at);
        CHECK(code == 0 || code == DISK_FAULT_EXIT);
        CHECK(in_child(look_for_two, -1) == 0);
        CHECK(code == DISK_FAULT_EXIT || at > 5);
    }
    open_node(&world);
}

/* Broken: decisions made after the clock went back between two starts would be dropped as taken
 * already. */
static void boots_whose_numbers_fall_lose_no_decision(void **state)
{
    struct p2p_spool_id id;
    struct p2p_slice payload;
    uint8_t copy[2048];
    uint64_t at = 0;
    (void)state;
    leave_two_in_the_spool();
    struct p2p_spool *spool = open_spool(&world);
    CHECK_OK(p2p_spool_next(spool, &at, &id, &payload));
    CHECK(payload.len <= sizeof(copy));
    memcpy(copy, payload.data, payload.len);
    size_t len = payload.len;
    p2p_spool_close(spool);
    open_node(&world);
    CHECK(decisions(&world) == 2);
    close_node(&world);
    spool = open_spool(&world);
    CHECK_OK(p2p_spool_append(spool, p2p_slice_of(copy, len), &id));
    p2p_spool_close(spool);
    open_node(&world);
    CHECK(decisions(&world) == 3);
    CHECK(p2p_spool_count(world.node->spool) == 0);
}

/* Broken: a decision in the spool that the feed does not take would be forgotten, or a spool
 * that cannot be read would stop all work. */
static void a_spool_that_is_not_taken_stays(void **state)
{
    char path[TEMP_PATH_BYTES];
    static const uint8_t no_decision[] = {0xc1};
    struct p2p_spool_id id;
    (void)state;
    close_node(&world);
    struct p2p_spool *spool = open_spool(&world);
    CHECK_OK(p2p_spool_append(spool, p2p_slice_of(no_decision, 1), &id));
    p2p_spool_close(spool);
    open_node(&world);
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    CHECK(decisions(&world) == 0);
    CHECK(p2p_spool_count(world.node->spool) == 1);
    temp_path(&world.dir, "fed/beanr/spool", path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && pwrite(fd, "x", 1, P2P_SPOOL_HEAD_BYTES + 36) == 1);
    close(fd);
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(strstr(world.node->alarm, "spool") != NULL);
    CHECK(bans(&world) == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRITER_TEST(a_crash_at_any_moment_appends_late_decisions_once, &world),
        WRITER_TEST(boots_whose_numbers_fall_lose_no_decision, &world),
        WRITER_TEST(a_spool_that_is_not_taken_stays, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
