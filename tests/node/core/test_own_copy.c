/* The checkpoint copy beside a real node: without it, or behind it, nothing is appended; it is
 * on the disk before own records leave. */
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

/* The node runs over a store from before it imposed a ban, its copy from after that. */
static void put_an_older_store_back(void)
{
    char path[TEMP_PATH_BYTES];
    char newest[TEMP_PATH_BYTES + 8];
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
}

/* Broken: a node restored from a backup would write a second history. */
static void a_copy_ahead_of_the_store_is_a_restored_backup(void **state)
{
    (void)state;
    put_an_older_store_back();
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 503);
    check_is_spooled(&world);
    close_node(&world);
    open_node(&world); /* the copy was left as it was */
    check_read_only(&world, "restored");
}

/* The size in a slot of the copy, as STORE.md describes it. */
static unsigned long long slot_size(const char *path, long at)
{
    char text[1024];
    unsigned long long size = 0;
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fseek(file, at, SEEK_SET) == 0);
    CHECK(fread(text, 1, sizeof(text), file) == sizeof(text));
    CHECK(fclose(file) == 0);
    text[sizeof(text) - 1] = '\0';
    const char *line = strstr(text, "\nsize: ");
    CHECK(line != NULL && sscanf(line, "\nsize: %llu", &size) == 1);
    return size;
}

/* Broken: the power would take the last second from the copy; a store that goes back then,
 * since its disk lost a commit or an old backup is put in its place, would be taken for whole,
 * and the node would write a second history. Two slots hold two sizes only when the copy was
 * synced between them, and after that. */
static void the_copy_is_synced_before_an_own_record_leaves(void **state)
{
    char path[TEMP_PATH_BYTES];
    (void)state;
    temp_path(&world.dir, "fed/copies/beanr", path);
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(!world.node->copy_dirty && !world.node->copy_owed);
    unsigned long long first = slot_size(path, 0);
    unsigned long long second = slot_size(path, 4096);
    CHECK(first != second);
    CHECK((first > second ? first : second) == world.node->copy_point.size);
}

/* Broken: the power failed between a commit and its copy, peers are shown the commit, and the
 * copy knows nothing of it when the store goes back. */
static void a_copy_behind_the_store_is_synced_at_the_start(void **state)
{
    char path[TEMP_PATH_BYTES];
    char older[TEMP_PATH_BYTES + 8];
    struct p2p_copy_point point;
    char message[P2P_MESSAGE_BYTES];
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    close_node(&world);
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(older, sizeof(older), "%s.older", path);
    temp_copy(path, older);
    open_node(&world);
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 200);
    uint64_t size = world.node->copy_point.size;
    close_node(&world);
    temp_copy(older, path);
    open_node(&world);
    check_read_only(&world, NULL); /* a batch that signs nothing */
    CHECK(!world.node->copy_dirty);
    CHECK(p2p_copy_read(path, &point, message, sizeof(message)) == P2P_COPY_OK);
    CHECK(point.size == size);
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
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200); /* appends go on */
    CHECK(strstr(world.node->alarm, "copies/beanr") != NULL);
    CHECK(try_post(&world, "/v1/bans", ban_body(2, NULL)) == 200);
    CHECK(world.node->copy_failed);
    CHECK(rename(kept, path) == 0);
    json_decref(api_get(&world, "/v1/status", 200)); /* nothing new is signed, and still */
    CHECK(!world.node->copy_failed);
    CHECK(world.node->alarm[0] == '\0');
    close_node(&world);
    open_node(&world);
    check_read_only(&world, NULL);
    CHECK(bans(&world) == 2);
}

/* Broken: what was released, or given away, might be so again after the disk was lost; or each
 * cosignature would wait for another sync. */
static void custody_stops_while_the_copy_cannot_be_synced(void **state)
{
    const struct p2p_actions cosigned = {.signature_made = true};
    const struct p2p_actions appended = {.own_head_changed = true};
    const struct p2p_actions prepared = {.signature_made = true, .number_given = true};
    char path[TEMP_PATH_BYTES];
    char kept[TEMP_PATH_BYTES + 8];
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    world.node->copy_synced_ms = world.node->now.mono_ms; /* the next one is due in a second */
    p2p_own_copy_write(world.node, &cosigned);
    CHECK(world.node->copy_dirty);
    p2p_own_copy_write(world.node, &appended);
    CHECK(!world.node->copy_dirty && !world.node->copy_failed);
    p2p_own_copy_write(world.node, &cosigned);
    CHECK(world.node->copy_dirty);
    p2p_own_copy_write(world.node, &prepared);
    CHECK(!world.node->copy_dirty && !world.node->copy_failed);
    temp_path(&world.dir, "fed/copies/beanr", path);
    snprintf(kept, sizeof(kept), "%s.kept", path);
    CHECK(rename(path, kept) == 0);
    p2p_own_copy_write(world.node, &appended);
    CHECK(world.node->copy_failed && world.node->alarm[0] != '\0');
    json_decref(api_get(&world, "/v1/status", 200)); /* the batch that follows knows of it */
    CHECK(p2p_engine_custody(world.node->engine, &world.node->now, NULL) != P2P_CUSTODY_READY);
    CHECK(rename(kept, path) == 0);
}

static uint64_t wake_after_a_batch(void)
{
    struct p2p_batch batch;
    p2p_batch_init(&batch);
    p2p_writer_run(world.node, &batch);
    uint64_t wake_ms = batch.actions.wake_mono_ms;
    p2p_batch_deinit(&batch);
    return wake_ms;
}

/* Broken: what a witness cosigned early in a second would be in the copy for good only at the
 * end of the next one, and the power would take more than the second that is told. */
static void what_was_cosigned_is_synced_within_a_second(void **state)
{
    const struct p2p_actions cosigned = {.signature_made = true};
    const struct p2p_actions nothing = {.signature_made = false};
    (void)state;
    CHECK(try_post(&world, "/v1/bans", ban_body(1, NULL)) == 200);
    world.node->copy_synced_ms = world.node->now.mono_ms - P2P_COPY_SYNC_EVERY_MS / 2;
    p2p_own_copy_write(world.node, &cosigned);
    CHECK(world.node->copy_dirty);
    uint64_t wake_ms = wake_after_a_batch();
    CHECK(!world.node->copy_dirty || /* that batch came late */
          wake_ms <= world.node->copy_synced_ms + P2P_COPY_SYNC_EVERY_MS);
    world.node->copy_dirty = true;
    world.node->copy_synced_ms = world.node->now.mono_ms - P2P_COPY_SYNC_EVERY_MS;
    p2p_own_copy_write(world.node, &nothing);
    CHECK(!world.node->copy_dirty);
}

/* Broken: the same of a witness that may not append in its own feed any more. */
static void who_may_not_append_syncs_it_too(void **state)
{
    const struct p2p_actions nothing = {.signature_made = false};
    struct p2p_copy_point before;
    struct p2p_copy_point after;
    char path[TEMP_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES];
    (void)state;
    put_an_older_store_back();
    temp_path(&world.dir, "fed/copies/beanr", path);
    CHECK(p2p_copy_read(path, &before, message, sizeof(message)) == P2P_COPY_OK);
    world.node->copy_dirty = true; /* as a signature before left it */
    world.node->copy_synced_ms = world.node->now.mono_ms - P2P_COPY_SYNC_EVERY_MS;
    p2p_own_copy_write(world.node, &nothing);
    CHECK(!world.node->copy_dirty && world.node->copy_synced_ms == world.node->now.mono_ms);
    CHECK(p2p_copy_read(path, &after, message, sizeof(message)) == P2P_COPY_OK);
    CHECK(after.size == before.size && after.commit == before.commit); /* it stays ahead */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRITER_TEST(without_its_copy_a_node_is_restored, &world),
        WRITER_TEST(a_copy_ahead_of_the_store_is_a_restored_backup, &world),
        WRITER_TEST(the_copy_is_synced_before_an_own_record_leaves, &world),
        WRITER_TEST(a_copy_behind_the_store_is_synced_at_the_start, &world),
        WRITER_TEST(a_copy_that_cannot_be_written_is_an_alarm_until_it_can, &world),
        WRITER_TEST(custody_stops_while_the_copy_cannot_be_synced, &world),
        WRITER_TEST(what_was_cosigned_is_synced_within_a_second, &world),
        WRITER_TEST(who_may_not_append_syncs_it_too, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
