/* Who gets a link, who is told why not, and when a handshake takes too long. */
#include "pair.h"
#include "raw_client.h"

#include <p2p/limits.h>

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Who is let in. */

/* Broken if a stranger got a link, or was turned away without both sides knowing why. In
 * TLS 1.3 the dialler's handshake is complete before the acceptor has judged it: it must not
 * come up either. */
static void test_acceptor_refuses_a_stranger(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair.b.pin_count = 0;
    node_dial(&pair.a, p2p_links_address(pair.b.links), 1);
    WORLD_UNTIL(&pair.world, pair.a.downs == 1);
    CHECK(pair.a.ups == 0 && pair.b.ups == 0 && pair.b.downs == 0);
    CHECK(pair.a.end == P2P_LINK_END_REFUSED_THERE);
    CHECK(strstr(pair.a.end_text, "our transport key is not in its charter") != NULL);
    CHECK(pair.b.refusals[P2P_REFUSAL_UNPINNED] == 1);
    char expected[64];
    snprintf(expected, sizeof expected,
             "certificate key %02x%02x%02x%02x\xe2\x80\xa6 is not in", pair.a.key[0],
             pair.a.key[1], pair.a.key[2], pair.a.key[3]);
    CHECK(strncmp(pair.b.detail, "refused 127.0.0.1:", 18) == 0);
    CHECK(strstr(pair.b.detail, expected) != NULL);
    pair_deinit(&pair);
}

/* Broken if a node sent records to someone who only holds the member's address. */
static void test_dialler_refuses_a_stranger(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair.a.pin_count = 0;
    node_dial(&pair.a, p2p_links_address(pair.b.links), 1);
    WORLD_UNTIL(&pair.world, pair.a.downs == 1);
    CHECK(pair.a.end == P2P_LINK_END_REFUSED_HERE);
    CHECK(pair.a.refusals[P2P_REFUSAL_UNPINNED] == 1);
    CHECK(pair.a.ups == 0 && pair.b.ups == 0);
    pair_deinit(&pair);
}

/* Broken if one member could stand in for another. */
static void test_dialler_refuses_another_member(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    memcpy(pair.a.pins[1], pair.a.key, 32);
    pair.a.pin_count = 2;
    node_dial(&pair.a, p2p_links_address(pair.b.links), 2);
    WORLD_UNTIL(&pair.world, pair.a.downs == 1);
    CHECK(pair.a.end == P2P_LINK_END_REFUSED_HERE);
    CHECK(pair.a.refusals[P2P_REFUSAL_WRONG_MEMBER] == 1);
    CHECK(pair.a.ups == 0 && pair.b.ups == 0);
    pair_deinit(&pair);
}

struct stranger {
    enum raw_tls tls;
    bool pinned_seed;
    const char *text; /* sent at once, as it is */
    enum p2p_refusal reason;
};

/* Broken if anything but TLS 1.3 with ALPN h2 and a pinned certificate got further, or was
 * dropped without a count and a sentence, or if it disturbed a link that was up. */
static void test_strangers_at_the_peers_address(void **state)
{
    (void)state;
    static const struct stranger strangers[] = {
        {RAW_TLS_1_2, true, "", P2P_REFUSAL_TLS_VERSION},
        {RAW_TLS_1_2, false, "", P2P_REFUSAL_TLS_VERSION},
        {RAW_TLS, false, "", P2P_REFUSAL_NO_CERTIFICATE},
        {RAW_TLS_NO_ALPN, true, "", P2P_REFUSAL_ALPN},
        {RAW_TLS_ALPN_HTTP1, true, "", P2P_REFUSAL_ALPN},
        {RAW_PLAIN, false, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, false, NGHTTP2_CLIENT_MAGIC, P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, false, "\x80\x2e\x01", P2P_REFUSAL_NOT_TLS},
        {RAW_PLAIN, false, "\x16nonsense that is long enough for a record", P2P_REFUSAL_COUNT},
        {RAW_TLS, true, "GET / HTTP/1.1\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_TLS, true, "\x01\x02\x03", P2P_REFUSAL_PROTOCOL_ERROR},
    };
    struct pair pair;
    pair_init(&pair, NULL);
    pair_connect(&pair);
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const struct stranger *who = &strangers[i];
        struct raw_options options = {.address = p2p_links_address(pair.b.links),
                                      .tls = who->tls,
                                      .seed = who->pinned_seed ? pair.a.seed : NULL};
        unsigned before[P2P_REFUSAL_COUNT];
        memcpy(before, pair.b.refusals, sizeof before);
        struct raw_client *client = raw_open(&pair.world, &options);
        raw_text(client, who->text);
        WORLD_UNTIL(&pair.world, client->closed);
        unsigned after = 0;
        for (int r = 0; r < P2P_REFUSAL_COUNT; r++) {
            after += pair.b.refusals[r] - before[r];
        }
        CHECK(after == 1);
        CHECK(who->reason == P2P_REFUSAL_COUNT ||
              pair.b.refusals[who->reason] == before[who->reason] + 1);
        if (who->reason == P2P_REFUSAL_HTTP1) {
            CHECK(client->in_len > 0 && memcmp(client->in, "HTTP/1.1 505", 12) == 0);
        }
    }
    CHECK_OK(p2p_link_send(pair.a.link, "still here", 10));
    WORLD_UNTIL(&pair.world, pair.b.received == 10);
    CHECK(pair.b.ups == 1 && pair.b.downs == 0);
    pair_deinit(&pair);
}

/* Broken if a member's certificate were enough for something other than a link. */
static void test_only_post_v1_peer(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    struct raw_options options = {
        .address = p2p_links_address(pair.b.links), .tls = RAW_TLS, .seed = pair.a.seed};
    struct raw_client *client = raw_open(&pair.world, &options);
    raw_preface(client);
    raw_get(client, 1);
    WORLD_UNTIL(&pair.world, client->closed);
    CHECK(pair.b.refusals[P2P_REFUSAL_BAD_REQUEST] == 1 && pair.b.ups == 0);
    client = raw_open(&pair.world, &options);
    raw_preface(client);
    raw_post(client, 1, "/v1/peers", false);
    WORLD_UNTIL(&pair.world, client->closed);
    CHECK(pair.b.refusals[P2P_REFUSAL_BAD_REQUEST] == 2 && pair.b.ups == 0);
    /* A second stream beside the peer stream ends the link: nothing may share its window. */
    client = raw_open(&pair.world, &options);
    raw_preface(client);
    raw_post(client, 1, "/v1/peer", false);
    WORLD_UNTIL(&pair.world, pair.b.ups == 1);
    raw_post(client, 3, "/v1/peer", false);
    WORLD_UNTIL(&pair.world, client->closed);
    CHECK(pair.b.downs == 1);
    pair_deinit(&pair);
}

/* Dialling. */

/* Broken if a dial to nobody hung, or said nothing. */
static void test_unreachable(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    char address[64];
    snprintf(address, sizeof address, "%s", p2p_links_address(pair.b.links));
    p2p_links_close(pair.b.links, NULL, NULL);
    pair.b.links = NULL;
    for (int i = 0; i < 10; i++) {
        world_turn(&pair.world);
    }
    node_dial(&pair.a, address, 1);
    WORLD_UNTIL(&pair.world, pair.a.downs == 1);
    CHECK(pair.a.end == P2P_LINK_END_UNREACHABLE);
    CHECK(strstr(pair.a.end_text, address) != NULL);
    CHECK(strstr(pair.a.end_text, "refused") != NULL);
    pair_deinit(&pair);
}

/* Broken if a wrong address or source address crashed, or dialled something. */
static void test_dial_checks_its_words(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    static const char *const wrong[] = {
        "",         "127.0.0.1",     "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "::1:7400", "[127.0.0.1]:1", "[::1]",      "host:1"};
    char message[P2P_NET_MESSAGE_BYTES];
    struct p2p_link *link = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct p2p_link_dial dial = {.address = wrong[i], .member = 1};
        CHECK_ERR(p2p_link_dial(pair.a.links, &dial, &link, message), P2P_USAGE);
    }
    struct p2p_link_dial from = {
        .address = p2p_links_address(pair.b.links), .dial_from = "127.0.0.9", .member = 1};
    CHECK_OK(p2p_link_dial(pair.a.links, &from, &link, message));
    WORLD_UNTIL(&pair.world, pair.b.link != NULL);
    CHECK(strncmp(p2p_link_remote(pair.b.link), "127.0.0.9:", 10) == 0);
    pair_deinit(&pair);
}

/* Broken if someone who connects and says nothing, or too little, could stay. */
static void test_handshake_timeout(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, NULL);
    pair_connect(&pair);
    struct raw_options quiet = {
        .address = p2p_links_address(pair.b.links), .tls = RAW_PLAIN, .silent = true};
    struct raw_options member = {
        .address = p2p_links_address(pair.b.links), .tls = RAW_TLS, .seed = pair.a.seed};
    struct raw_client *silent = raw_open(&pair.world, &quiet);
    struct raw_client *unasking = raw_open(&pair.world, &member); /* TLS, SETTINGS, no POST */
    raw_preface(unasking);
    struct p2p_net_counts counts;
    do {
        world_turn(&pair.world);
        p2p_net_counts_get(pair.b.net, &counts);
    } while (counts.handshakes != 2 || raw_frames(unasking, NGHTTP2_SETTINGS, NULL) < 2);
    struct node *nodes[] = {&pair.b};
    world_pass(&pair.world, nodes, 1, P2P_HANDSHAKE_MS_MAX - 1);
    CHECK(pair.b.refusals[P2P_REFUSAL_HANDSHAKE_TIMEOUT] == 0);
    world_pass(&pair.world, nodes, 1, 1);
    WORLD_UNTIL(&pair.world, silent->closed && unasking->closed);
    CHECK(pair.b.refusals[P2P_REFUSAL_HANDSHAKE_TIMEOUT] == 2);
    p2p_net_counts_get(pair.b.net, &counts);
    CHECK(counts.handshakes == 0);

    /* And the other way round: we dial someone who takes the connection and says nothing. */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in mute = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof mute;
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&mute, len) == 0 && listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&mute, &len) == 0);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(mute.sin_port));
    node_dial(&pair.a, address, 1);
    for (int i = 0; i < 100; i++) {
        world_turn(&pair.world);
    }
    struct node *dialler[] = {&pair.a};
    world_pass(&pair.world, dialler, 1, P2P_HANDSHAKE_MS_MAX);
    WORLD_UNTIL(&pair.world, pair.a.downs == 1);
    CHECK(pair.a.end == P2P_LINK_END_TIMEOUT);
    close(fd);
    pair_deinit(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acceptor_refuses_a_stranger),
        cmocka_unit_test(test_dialler_refuses_a_stranger),
        cmocka_unit_test(test_dialler_refuses_another_member),
        cmocka_unit_test(test_strangers_at_the_peers_address),
        cmocka_unit_test(test_only_post_v1_peer),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_dial_checks_its_words),
        cmocka_unit_test(test_handshake_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
