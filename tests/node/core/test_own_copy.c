/* The checkpoint copy beside a real node: without it, or behind it, nothing is appended. */
#include "writer_parts.h"
#include "writer_world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct api_world world;

/* Broken: a backup that was restored would append beside what others hold already; or a node
 * that was only missing a disk would lose the decisions it made meanwhile. */
static void without_its_copy_a_node_is_restored(void **state)
{
    char kept[TEMP_PATH_BYTES + 8];
    char path[TEMP_PATH_BYTES];
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    close_node(&world);
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(kept, sizeof(kept), "%s.kept", path);
    CHECK(rename(path, kept) == 0);
    open_node(&world);
    check_read_only(&world, "restored");
    CHECK(world.node->alarm[0] != '\0');
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 503);
    check_is_spooled(&world);
    check_is_spooled(&world);
    CHECK(decisions(&world) == 0);
    CHECK(access(path, F_OK) != 0); /* nothing is signed, nothing is written */
    close_node(&world);
    CHECK(rename(kept, path) == 0);
    open_node(&world);
    check_read_only(&world, NULL);
    CHECK(decisions(&world) == 2);
    close_node(&world);
    open_node(&world);
    CHECK(decisions(&world) == 2);
    CHECK(bans(&world) == 1);
}

/* Broken: a node restored from a backup would write a second history. */
static void a_copy_ahead_of_the_store_is_a_restored_backup(void **state)
{
    char path[TEMP_PATH_BYTES];
    char newest[TEMP_PATH_BYTES + 8];
    (void)state;
    close_node(&world);
    keep_files(&world, false);
    open_node(&world);
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    close_node(&world);
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(newest, sizeof(newest), "%s.newest", path);
    temp_copy(path, newest);
    keep_files(&world, true);
    temp_copy(newest, path);
    open_node(&world);
    check_read_only(&world, "restored");
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 503);
    check_is_spooled(&world);
    close_node(&world);
    open_node(&world); /* the copy was left as it was */
    check_read_only(&world, "restored");
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
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200); /* appends go on */
    CHECK(strstr(world.node->alarm, "copies/beanr") != NULL);
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(world.node->copy_failed);
    CHECK(rename(kept, path) == 0);
    world.node->copy_synced_ms = 0;
    json_decref(api_get(&world, "/v1/status", 200)); /* nothing new is signed, and still */
    CHECK(!world.node->copy_failed);
    CHECK(world.node->alarm[0] == '\0');
    close_node(&world);
    open_node(&world);
    check_read_only(&world, NULL);
    CHECK(bans(&world) == 2);
}

/* Broken: what was released, or given away, might be so again after the disk was lost. */
static void a_record_about_custody_leaves_after_the_copy_is_synced(void **state)
{
    const struct p2p_actions grown = {.own_head_changed = true};
    const struct p2p_actions custody = {.own_head_changed = true, .custody_changed = true};
    char path[TEMP_PATH_BYTES];
    char kept[TEMP_PATH_BYTES + 8];
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    world.node->copy_synced_ms = world.node->now.mono_ms; /* the next one is due in a second */
    p2p_own_copy_write(world.node, &grown);
    CHECK(world.node->copy_dirty);
    p2p_own_copy_write(world.node, &custody);
    CHECK(!world.node->copy_dirty && !world.node->copy_failed);
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(kept, sizeof(kept), "%s.kept", path);
    CHECK(rename(path, kept) == 0);
    p2p_own_copy_write(world.node, &custody);
    CHECK(world.node->copy_failed && world.node->alarm[0] != '\0');
    json_decref(api_get(&world, "/v1/status", 200)); /* the batch that follows knows of it */
    CHECK(p2p_engine_custody(world.node->engine, &world.node->now, NULL) != P2P_CUSTODY_READY);
    CHECK(rename(kept, path) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRITER_TEST(without_its_copy_a_node_is_restored, &world),
        WRITER_TEST(a_copy_ahead_of_the_store_is_a_restored_backup, &world),
        WRITER_TEST(a_copy_that_cannot_be_written_is_an_alarm_until_it_can, &world),
        WRITER_TEST(a_record_about_custody_leaves_after_the_copy_is_synced, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
