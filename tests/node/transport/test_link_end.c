/* How a link ends: closed by either side, by a peer that vanishes, or by one that is silent. */
#include "pair.h"
#include "raw_client.h"

#include <p2p/limits.h>

/* Broken if a graceful close lost queued bytes or its reason. */
static void test_close_drains_and_says_why(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair_connect(&pair);
    static uint8_t bytes[3u * 1024 * 1024];
    CHECK_OK(p2p_link_send(pair.a.link, bytes, sizeof bytes));
    p2p_link_close(pair.a.link, P2P_LINK_END_CLOSED, "paused by the operator");
    p2p_link_close(pair.a.link, P2P_LINK_END_LIMIT, "too late to matter");
    CHECK_ERR(p2p_link_send(pair.a.link, bytes, 1), P2P_USAGE);
    WORLD_UNTIL(&pair.world, pair.a.downs == 1 && pair.b.downs == 1);
    CHECK(pair.b.received == sizeof bytes);
    CHECK(pair.a.end == P2P_LINK_END_CLOSED && pair.b.end == P2P_LINK_END_PEER_CLOSED);
    CHECK(strcmp(pair.b.end_text, "paused by the operator") == 0);
    CHECK(strcmp(pair.a.end_text, "paused by the operator") == 0);
    pair_deinit(&pair);
}

/* Broken if the acceptor's close differed from the dialler's, or a refusal were told as a mere
 * end. */
static void test_close_with_another_end(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair_connect(&pair);
    p2p_link_close(pair.b.link, P2P_LINK_END_REFUSED_HERE, "paused");
    WORLD_UNTIL(&pair.world, pair.a.downs == 1 && pair.b.downs == 1);
    CHECK(pair.a.end == P2P_LINK_END_REFUSED_THERE && strcmp(pair.a.end_text, "paused") == 0);
    CHECK(pair.b.end == P2P_LINK_END_REFUSED_HERE);
    pair_connect(&pair);
    p2p_link_close(pair.b.link, P2P_LINK_END_LIMIT, "a run of 600 records");
    WORLD_UNTIL(&pair.world, pair.a.downs == 2 && pair.b.downs == 2);
    CHECK(pair.a.end == P2P_LINK_END_PEER_CLOSED);
    CHECK(strcmp(pair.a.end_text, "a run of 600 records") == 0);
    pair_deinit(&pair);
}

/* Broken if a reader that never consumes could hold up a node that stops. */
static void test_drain_has_an_end(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair_connect(&pair);
    pair.b.consumes = false;
    static uint8_t bytes[P2P_LINK_QUEUE_BYTES_MAX];
    CHECK_OK(p2p_link_send(pair.a.link, bytes, sizeof bytes));
    p2p_link_close(pair.a.link, P2P_LINK_END_CLOSED, "stopping");
    WORLD_UNTIL(&pair.world, pair.b.received == P2P_LINK_WINDOW_BYTES);
    CHECK(pair.a.downs == 0);
    struct node *nodes[] = {&pair.a, &pair.b};
    world_pass(&pair.world, nodes, 2, P2P_DRAIN_MS_MAX);
    WORLD_UNTIL(&pair.world, pair.a.downs == 1 && pair.b.downs == 1);
    CHECK(pair.a.end == P2P_LINK_END_CLOSED);
    pair_deinit(&pair);
}

/* Broken if a peer that vanishes at any moment left a link, a handshake or memory behind. */
static void test_peer_vanishes_at_any_moment(void **state)
{
    (void)state;
    for (int turns = 0; turns < 24; turns++) {
        struct pair pair;
        pair_init(&pair, NULL);
        static uint8_t bytes[1024 * 1024];
        node_dial(&pair.a, p2p_links_address(pair.b.links), 1);
        for (int i = 0; i < turns; i++) {
            world_turn(&pair.world);
            if (pair.a.link) {
                (void)!p2p_link_send(pair.a.link, bytes, sizeof bytes);
            }
            if (pair.b.link) {
                (void)!p2p_link_send(pair.b.link, bytes, sizeof bytes);
            }
        }
        node_close(turns % 2 ? &pair.a : &pair.b);
        struct node *left = turns % 2 ? &pair.b : &pair.a;
        struct p2p_net_counts counts;
        do {
            world_turn(&pair.world);
            p2p_net_counts_get(left->net, &counts);
        } while (counts.connections > 0);
        CHECK(left->downs == left->ups || left == &pair.a);
        CHECK(left != &pair.a || left->downs == 1);
        CHECK(counts.handshakes == 0);
        pair_deinit(&pair);
    }
}

/* Both send a full queue once they can; `ends`: then a closes. True when every link is down. */
static bool scene_over(struct pair *pair, bool ends, const uint8_t *bytes, bool done[3])
{
    if (pair->a.link && !done[0]) {
        done[0] = p2p_link_send(pair->a.link, bytes, P2P_LINK_QUEUE_BYTES_MAX) == P2P_OK;
    }
    if (pair->b.link && !done[1]) {
        done[1] = p2p_link_send(pair->b.link, bytes, P2P_LINK_QUEUE_BYTES_MAX) == P2P_OK;
    }
    if (ends && pair->a.link && pair->b.link && !done[2]) {
        done[2] = true;
        p2p_link_close(pair->a.link, P2P_LINK_END_LIMIT, "enough");
    }
    return pair->a.downs == 1 && pair->b.downs == pair->b.ups;
}

/* Broken if closing from inside any callback touched freed memory or lost a link_down. */
static void test_close_inside_callbacks(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        for (int where = 0; where < 4; where++) {
            for (int what = LINK_ACT_CLOSE; what <= LINK_ACT_NET; what++) {
                struct pair pair;
                pair_init(&pair, NULL);
                struct node *node = who ? &pair.b : &pair.a;
                node->on_up = where == 0 ? (enum link_act)what : LINK_ACT_NONE;
                node->on_bytes = where == 1 ? (enum link_act)what : LINK_ACT_NONE;
                node->on_writable = where == 2 ? (enum link_act)what : LINK_ACT_NONE;
                node->on_down = where == 3 ? (enum link_act)what : LINK_ACT_NONE;
                node_dial(&pair.a, p2p_links_address(pair.b.links), 1);
                static uint8_t bytes[P2P_LINK_QUEUE_BYTES_MAX];
                bool done[3] = {false, false, false};
                WORLD_UNTIL(&pair.world, scene_over(&pair, where == 3, bytes, done));
                CHECK(pair.a.downs == 1 && pair.b.downs <= 1);
                pair_deinit(&pair);
            }
        }
    }
}

/* Broken if a link that idles were closed, or a dead one kept. */
static void test_ping_keeps_and_ends(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair_connect(&pair);
    struct node *nodes[] = {&pair.a, &pair.b};
    for (int i = 0; i < 8; i++) {
        struct p2p_link_counts before, after;
        p2p_link_counts_get(pair.a.link, &before);
        world_pass(&pair.world, nodes, 2, P2P_PING_MS);
        do { /* until the answer to our PING is here */
            world_turn(&pair.world);
            p2p_link_counts_get(pair.a.link, &after);
        } while (after.socket_bytes_in < before.socket_bytes_in + 2 * 17 + 22);
    }
    CHECK(pair.a.downs == 0 && pair.b.downs == 0);

    /* A member whose process hangs: it came up and then neither reads nor writes. */
    struct raw_options options = {
        .address = p2p_links_address(pair.b.links), .tls = RAW_TLS, .seed = pair.a.seed};
    struct raw_client *client = raw_open(&pair.world, &options);
    raw_preface(client);
    raw_post(client, 1, "/v1/peer", false);
    WORLD_UNTIL(&pair.world, pair.b.ups == 2);
    client->deaf = true;
    for (unsigned i = 0; i <= P2P_PING_MISSES_MAX; i++) {
        CHECK(pair.b.downs == 0);
        struct p2p_link_counts before, after;
        p2p_link_counts_get(pair.a.link, &before);
        world_pass(&pair.world, nodes, 2, P2P_PING_MS);
        do {
            world_turn(&pair.world);
            p2p_link_counts_get(pair.a.link, &after);
        } while (after.socket_bytes_in < before.socket_bytes_in + 2 * 17 + 22);
    }
    WORLD_UNTIL(&pair.world, pair.b.downs == 1);
    CHECK(pair.b.end == P2P_LINK_END_TIMEOUT);
    CHECK(pair.b.refusals[P2P_REFUSAL_PING_TIMEOUT] == 1);
    CHECK(pair.a.downs == 0);
    pair_deinit(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_drains_and_says_why),
        cmocka_unit_test(test_close_with_another_end),
        cmocka_unit_test(test_drain_has_an_end),
        cmocka_unit_test(test_peer_vanishes_at_any_moment),
        cmocka_unit_test(test_close_inside_callbacks),
        cmocka_unit_test(test_ping_keeps_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
