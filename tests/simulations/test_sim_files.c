#include "check.h"

#include "../../simulations/machine/disk.h"

#include <p2p/bytes.h>

#include <stdlib.h>

static const struct sim_disk_options honest = {.commit_us = 1};

struct node {
    struct sim_disk *disk;
    struct p2p_spool *spool;
    struct p2p_copy *copy;
    uint64_t copy_found; /* at the last start */
};

static struct p2p_copy_point point_of(uint64_t commit)
{
    return (struct p2p_copy_point){.feed = "port2port.example/beanr", .commit = commit};
}

static void start(struct node *node, uint64_t boot)
{
    struct p2p_copy_point point;

    node->spool = sim_disk_spool(node->disk, boot);
    CHECK(sim_disk_copy(node->disk, &point, &node->copy) == P2P_COPY_OK);
    node->copy_found = point.commit;
}

static struct node node_new(const struct sim_disk_options *options, uint64_t seed)
{
    struct node node = {.disk = sim_disk_new(options, seed, 1)};
    struct p2p_copy_point point = point_of(0);

    sim_disk_make_copy(node.disk, &point);
    start(&node, 1);
    return node;
}

static void node_free(struct node *node)
{
    sim_disk_kill(node->disk);
    sim_disk_free(node->disk);
}

/* After a failed sync the copy is written again, and is good again. */
static void a_copy_that_failed_is_used_again(void **state)
{
    static const struct sim_disk_options failing = {.failed_sync_permille = 1000};

    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct node node = node_new(&failing, seed);
        struct p2p_copy_point point = point_of(1);
        CHECK_OK(p2p_copy_write(node.copy, &point));
        CHECK_OK(p2p_copy_sync(node.copy));
        point.commit = 2;
        CHECK_OK(p2p_copy_write(node.copy, &point));
        sim_disk_calm(node.disk, false);
        CHECK_ERR(p2p_copy_sync(node.copy), P2P_IO);
        CHECK_ERR(p2p_copy_sync(node.copy), P2P_IO); /* nothing was written since */
        sim_disk_calm(node.disk, true);
        point.commit = 3;
        CHECK_OK(p2p_copy_write(node.copy, &point));
        if (seed % 2 == 0) {
            CHECK_OK(p2p_copy_sync(node.copy));
        }
        sim_disk_fail_power(node.disk);
        sim_disk_revive(node.disk);
        start(&node, 2);
        CHECK(node.copy_found == 3 || (seed % 2 == 1 && node.copy_found == 1));
        node_free(&node);
    }
}

/* A copy that is gone takes what is written to it until somebody syncs, then nothing. */
static void a_lost_copy_is_missed_at_the_sync(void **state)
{
    struct node node = node_new(&honest, 5);
    struct p2p_copy_point point = point_of(4);

    (void)state;
    sim_disk_lose_copy(node.disk);
    CHECK_OK(p2p_copy_write(node.copy, &point));
    CHECK_ERR(p2p_copy_sync(node.copy), P2P_IO);
    CHECK_ERR(p2p_copy_write(node.copy, &point), P2P_IO);
    sim_disk_kill(node.disk);
    CHECK(sim_disk_copy(node.disk, &point, &node.copy) == P2P_COPY_MISSING);
    sim_disk_make_copy(node.disk, &point);
    CHECK(sim_disk_copy(node.disk, &point, &node.copy) == P2P_COPY_OK);
    CHECK(point.commit == 4);
    CHECK_OK(p2p_copy_write(node.copy, &point));
    p2p_copy_close(node.copy);
    node_free(&node);
}

/* A full disk takes decisions, to the spool's capacity and not one more; emptied it takes them
 * again. */
static void a_full_disk_takes_decisions(void **state)
{
    struct node node = node_new(&honest, 2);
    struct p2p_spool_id id;
    uint8_t entry = 1;
    struct p2p_slice one = p2p_slice_of(&entry, 1);

    (void)state;
    sim_disk_set_full(node.disk, true);
    CHECK_ERR(p2p_spool_append(node.spool, p2p_slice_of(NULL, 0), &id), P2P_TOOLARGE);
    CHECK_OK(p2p_spool_append(node.spool, one, &id));
    CHECK(id.boot == 1 && id.n == 0);
    uint8_t *large = calloc(1, P2P_SPOOL_ENTRY_BYTES_MAX + 1);
    CHECK(large != NULL);
    struct p2p_slice most = p2p_slice_of(large, P2P_SPOOL_ENTRY_BYTES_MAX);
    while (p2p_spool_bytes(node.spool) + most.len + 36 <= P2P_SPOOL_BYTES_DEFAULT) {
        CHECK_OK(p2p_spool_append(node.spool, most, &id));
    }
    CHECK_ERR(p2p_spool_append(node.spool, most, &id), P2P_FULL);
    CHECK_ERR(
        p2p_spool_append(node.spool, p2p_slice_of(large, P2P_SPOOL_ENTRY_BYTES_MAX + 1), &id),
        P2P_TOOLARGE);
    CHECK_OK(p2p_spool_append(node.spool, one, &id));
    uint64_t n = id.n;
    CHECK_OK(p2p_spool_clear(node.spool));
    CHECK_OK(p2p_spool_append(node.spool, one, &id)); /* numbering goes on */
    CHECK(id.n == n + 1);
    free(large);
    node_free(&node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_that_failed_is_used_again),
        cmocka_unit_test(a_lost_copy_is_missed_at_the_sync),
        cmocka_unit_test(a_full_disk_takes_decisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
