#include "net_world.h"
#include "raw_client.h"

#include <p2p/limits.h>

#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two nodes that know each other, `a` dialling `b`. */
struct pair {
    struct world world;
    struct node a, b;
};

static void pair_init(struct pair *pair)
{
    world_init(&pair->world);
    node_init(&pair->a, &pair->world, 1);
    node_init(&pair->b, &pair->world, 2);
    node_pin(&pair->a, &pair->b);
    node_pin(&pair->b, &pair->a);
    node_listen_peers(&pair->b);
}

static void pair_connect(struct pair *pair)
{
    struct p2p_link *link = node_dial(&pair->a, p2p_links_address(pair->b.links), 1);
    WORLD_UNTIL(&pair->world, pair->a.link && pair->b.link);
    CHECK(pair->a.link == link);
}

static void pair_deinit(struct pair *pair)
{
    node_deinit(&pair->a);
    node_deinit(&pair->b);
    world_deinit(&pair->world);
}

/* Broken if two members who pin each other's key could not talk, or bytes came changed. */
static void test_up_and_bytes_both_ways(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
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
    world_init(&pair.world);
    pair.world.alloc = &alloc;
    node_init(&pair.a, &pair.world, 1);
    node_init(&pair.b, &pair.world, 2);
    node_pin(&pair.a, &pair.b);
    node_pin(&pair.b, &pair.a);
    node_listen_peers(&pair.b);
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
    pair_init(&pair);
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

/* Who is let in. */

/* Broken if a stranger got a link, or was turned away without both sides knowing why. In
 * TLS 1.3 the dialler's handshake is complete before the acceptor has judged it: it must not
 * come up either. */
static void test_acceptor_refuses_a_stranger(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
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
    pair_init(&pair);
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
    pair_init(&pair);
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
    pair_init(&pair);
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
    pair_init(&pair);
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

/* Ends. */

/* Broken if a dial to nobody hung, or said nothing. */
static void test_unreachable(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
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
    pair_init(&pair);
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

/* Broken if a graceful close lost queued bytes or its reason. */
static void test_close_drains_and_says_why(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
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
    pair_init(&pair);
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
    pair_init(&pair);
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
        pair_init(&pair);
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
                pair_init(&pair);
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

/* The clock. */

/* Broken if a link that idles were closed, or a dead one kept. */
static void test_ping_keeps_and_ends(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
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

/* Broken if someone who connects and says nothing, or too little, could stay. */
static void test_handshake_timeout(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
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
        cmocka_unit_test(test_up_and_bytes_both_ways),
        cmocka_unit_test(test_50_mib_only_as_consumed),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_acceptor_refuses_a_stranger),
        cmocka_unit_test(test_dialler_refuses_a_stranger),
        cmocka_unit_test(test_dialler_refuses_another_member),
        cmocka_unit_test(test_strangers_at_the_peers_address),
        cmocka_unit_test(test_only_post_v1_peer),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_dial_checks_its_words),
        cmocka_unit_test(test_close_drains_and_says_why),
        cmocka_unit_test(test_close_with_another_end),
        cmocka_unit_test(test_drain_has_an_end),
        cmocka_unit_test(test_peer_vanishes_at_any_moment),
        cmocka_unit_test(test_close_inside_callbacks),
        cmocka_unit_test(test_ping_keeps_and_ends),
        cmocka_unit_test(test_handshake_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
