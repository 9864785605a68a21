/* A link that is up: bytes both ways, only as they are consumed, within bounds. */
#include "pair.h"

#include <p2p/limits.h>

#include <malloc.h>
#include <stdlib.h>

/* Broken if two members who pin each other's key could not talk, or bytes came changed. */
static void test_up_and_bytes_both_ways(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair_connect(&pair);
    CHECK(pair.a.up_member == 1 && pair.b.up_member == 1);
    CHECK(p2p_link_dialled(pair.a.link) && !p2p_link_dialled(pair.b.link));
    CHECK_OK(p2p_link_send(pair.a.link, "hello", 5));
    CHECK_OK(p2p_link_send(pair.b.link, "good ", 5));
    CHECK_OK(p2p_link_send(pair.b.link, "day", 3));
    WORLD_UNTIL(&pair.world, pair.b.received == 5 && pair.a.received == 8);
    CHECK(pair.b.checksum == bytes_sum(0, (const uint8_t *)"hello", 5));
    CHECK(pair.a.checksum == bytes_sum(0, (const uint8_t *)"good day", 8));
    struct p2p_link_counts counts;
    p2p_link_counts_get(pair.a.link, &counts);
    CHECK(counts.data_bytes_out == 5 && counts.data_bytes_in == 8);
    CHECK(counts.socket_bytes_out > 500 && counts.socket_bytes_in > 500);
    struct p2p_net_counts net;
    p2p_net_counts_get(pair.b.net, &net);
    CHECK(net.handshakes == 0 && net.connections == 1);
    pair_deinit(&pair);
}

/* Flow. */

/* The heap, counted. */
struct tally {
    size_t live_bytes, peak_bytes;
};

static void *tally_realloc(void *context, void *old, size_t bytes)
{
    struct tally *tally = context;
    tally->live_bytes -= old ? malloc_usable_size(old) : 0;
    void *fresh = realloc(old, bytes);
    CHECK(fresh != NULL);
    tally->live_bytes += malloc_usable_size(fresh);
    if (tally->live_bytes > tally->peak_bytes) {
        tally->peak_bytes = tally->live_bytes;
    }
    return fresh;
}

static void tally_free(void *context, void *old)
{
    struct tally *tally = context;
    tally->live_bytes -= old ? malloc_usable_size(old) : 0;
    free(old);
}

/* Sends patterned bytes up to total as long as the link takes them. */
static void push(struct p2p_link *link, uint64_t *sent, uint64_t total)
{
    static uint8_t record[10007];
    for (;;) {
        size_t n = total - *sent < sizeof record ? (size_t)(total - *sent) : sizeof record;
        for (size_t i = 0; i < n; i++) {
            record[i] = (uint8_t)((*sent + i) * 7 >> 3);
        }
        enum p2p_err err = n > 0 ? p2p_link_send(link, record, n) : P2P_BUSY;
        if (err == P2P_BUSY) {
            return;
        }
        CHECK_OK(err);
        *sent += n;
    }
}

/* Broken if a slow disk at the receiver did not stall the sender, or if either side held more
 * than its bounds, or if a byte of 50 MiB came changed. */
static void test_50_mib_only_as_consumed(void **state)
{
    (void)state;
    struct tally tally = {0};
    const struct p2p_alloc alloc = {tally_realloc, tally_free, &tally};
    struct pair pair;
    pair_init(&pair, &alloc);
    pair_connect(&pair);
    pair.b.consumes = false;

    const uint64_t total = 50u * 1024 * 1024;
    uint64_t sent = 0;
    uint64_t consumed = 0;
    uint64_t before = 0;
    push(pair.a.link, &sent, total);
    CHECK(sent <= P2P_LINK_QUEUE_BYTES_MAX && sent > P2P_LINK_QUEUE_BYTES_MAX - 10007);
    WORLD_UNTIL(&pair.world, pair.b.received == P2P_LINK_WINDOW_BYTES);
    push(pair.a.link, &sent, total);
    for (int i = 0; i < 2000; i++) {
        world_turn(&pair.world);
    }
    CHECK(pair.b.received == P2P_LINK_WINDOW_BYTES);
    CHECK(p2p_link_queued_bytes(pair.a.link) <= P2P_LINK_QUEUE_BYTES_MAX);
    CHECK(p2p_link_queued_bytes(pair.a.link) > P2P_LINK_QUEUE_BYTES_MAX / 2);
    struct p2p_link_counts counts;
    p2p_link_counts_get(pair.b.link, &counts);
    CHECK(counts.unconsumed_bytes == P2P_LINK_WINDOW_BYTES);

    while (pair.b.received < total) {
        uint64_t due = pair.b.received - consumed;
        p2p_link_consume(pair.b.link, due);
        consumed += due;
        before = pair.b.received;
        WORLD_UNTIL(&pair.world, pair.b.received > before);
        CHECK(pair.b.received - consumed <= P2P_LINK_WINDOW_BYTES);
        push(pair.a.link, &sent, total);
    }
    CHECK(sent == total && pair.b.received == total && pair.a.writables > 0);
    uint32_t sum = 0;
    for (uint64_t at = 0; at < total; at++) {
        /* push() restarts its pattern with each record, from the byte's position. */
        sum = sum * 31 + (uint8_t)(at * 7 >> 3);
    }
    CHECK(pair.b.checksum == sum);
    /* Two nets' buffers, one full queue, a socket's pending bytes, two sessions. */
    CHECK(tally.peak_bytes < P2P_LINK_QUEUE_BYTES_MAX + 2u * 1024 * 1024);
    pair_deinit(&pair);
    CHECK(tally.live_bytes == 0);
}

/* Broken if a full queue took more, took a part, or never said that there is room again. */
static void test_queue_is_bounded(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    static uint8_t big[P2P_LINK_QUEUE_BYTES_MAX + 1];
    struct p2p_link *link = node_dial(&pair.a, p2p_links_address(pair.b.links), 1);
    CHECK_ERR(p2p_link_send(link, big, 1), P2P_USAGE);
    WORLD_UNTIL(&pair.world, pair.a.link && pair.b.link);
    CHECK_ERR(p2p_link_send(link, big, sizeof big), P2P_TOOLARGE);
    CHECK_OK(p2p_link_send(link, big, P2P_LINK_QUEUE_BYTES_MAX));
    CHECK_ERR(p2p_link_send(link, big, 1), P2P_BUSY);
    CHECK(p2p_link_queued_bytes(link) == P2P_LINK_QUEUE_BYTES_MAX);
    CHECK(pair.a.writables == 0);
    WORLD_UNTIL(&pair.world, pair.a.writables == 1);
    CHECK(p2p_link_queued_bytes(link) <= P2P_LINK_QUEUE_BYTES_LOW);
    CHECK_OK(p2p_link_send(link, big, 1));
    WORLD_UNTIL(&pair.world, pair.b.received == P2P_LINK_QUEUE_BYTES_MAX + 1);
    CHECK(pair.a.writables == 1);
    pair_deinit(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_and_bytes_both_ways),
        cmocka_unit_test(test_50_mib_only_as_consumed),
        cmocka_unit_test(test_queue_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
