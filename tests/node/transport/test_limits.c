/* Hostile clients on real sockets: each is closed and counted, while another connection goes
 * on. */
#include "h2_client.h"
#include "net_world.h"

#include <p2p/limits.h>

#include <stdio.h>

struct field {
    struct world world;
    struct node node, friendly;
    struct h2_client *bystander; /* a person, on the people's listener */
};

static void field_init(struct field *field)
{
    world_init(&field->world);
    node_init(&field->node, &field->world, 1);
    node_init(&field->friendly, &field->world, 2);
    node_pin(&field->node, &field->friendly);
    node_pin(&field->friendly, &field->node);
    node_listen_peers(&field->node);
    node_listen_people(&field->node);
    node_dial(&field->friendly, p2p_links_address(field->node.links), 1);
    field->bystander = h2_open(&field->world, p2p_server_address(field->node.server), false);
    CHECK(h2_get(field->bystander, "/before")->status == 200);
    WORLD_UNTIL(&field->world, field->node.link && field->friendly.link);
}

/* The bystander's request and a link's bytes still pass. */
static void check_unharmed(struct field *field)
{
    uint64_t before = field->node.received;
    CHECK(h2_get(field->bystander, "/still")->status == 200);
    CHECK_OK(p2p_link_send(field->friendly.link, "still", 5));
    WORLD_UNTIL(&field->world, field->node.received == before + 5);
    CHECK(field->friendly.downs == 0);
}

static void field_deinit(struct field *field)
{
    h2_free(field->bystander);
    node_deinit(&field->friendly);
    node_deinit(&field->node);
    world_deinit(&field->world);
}

/* Floods. */

struct flood {
    const char *what;
    void (*send)(struct raw_client *client, unsigned i);
    unsigned rounds; /* per turn; endless turns until it is closed */
    bool reads;
    enum p2p_refusal reason;
};

static void send_ping(struct raw_client *client, unsigned i)
{
    (void)i;
    raw_frame(client, NGHTTP2_PING, 0, 0, "12345678", 8);
}

static void send_settings(struct raw_client *client, unsigned i)
{
    (void)i;
    raw_frame(client, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void send_empty_data(struct raw_client *client, unsigned i)
{
    if (i == 0) {
        raw_post(client, 1, "/", false);
    }
    raw_frame(client, NGHTTP2_DATA, 0, 1, NULL, 0);
}

static void send_padding(struct raw_client *client, unsigned i)
{
    static const uint8_t padding[2] = {1, 0}; /* few, so that they fit the window */
    if (i == 0) {
        raw_post(client, 1, "/", false);
    }
    raw_frame(client, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, padding, sizeof padding);
}

static void send_window_update(struct raw_client *client, unsigned i)
{
    (void)i;
    raw_frame(client, NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
}

static void send_priority(struct raw_client *client, unsigned i)
{
    raw_frame(client, NGHTTP2_PRIORITY, 0, 2 * i + 1, "\0\0\0\0\1", 5);
}

static void send_unknown(struct raw_client *client, unsigned i)
{
    raw_frame(client, (uint8_t)(0x20 + i % 200), 0, 0, "xyz", 3);
}

static void send_ping_ack(struct raw_client *client, unsigned i)
{
    (void)i;
    raw_frame(client, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678", 8);
}

static void send_continuation(struct raw_client *client, unsigned i)
{
    if (i == 0) {
        raw_frame(client, NGHTTP2_HEADERS, 0, 1, "\x82", 1);
    }
    raw_frame(client, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
}

static void send_large_block(struct raw_client *client, unsigned i)
{
    static uint8_t block[16384];
    if (i == 0) {
        raw_frame(client, NGHTTP2_HEADERS, 0, 1, block, sizeof block);
    }
    raw_frame(client, NGHTTP2_CONTINUATION, 0, 1, block, sizeof block);
}

/* One field of 4,000 bytes in the dynamic table, then named again and again, a byte each time.
 */
static void send_hpack_bomb(struct raw_client *client, unsigned i)
{
    static uint8_t block[8192] = {0x82, 0x87, 0x84, 0x01, 0x01, 'x',
                                  0x40, 0x01, 'a',  0x7f, 0xa1, 0x1e}; /* 127 + 33 + 30*128 */
    if (i > 0) {
        return;
    }
    size_t len = 12;
    memset(block + len, 'v', 4000);
    len += 4000;
    memset(block + len, 0xbe, 4000); /* index 62: the newest entry */
    len += 4000;
    raw_frame(client, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
              block, (uint32_t)len);
}

static void send_rapid_reset(struct raw_client *client, unsigned i)
{
    raw_get(client, 2 * i + 1);
    raw_frame(client, NGHTTP2_RST_STREAM, 0, 2 * i + 1, "\0\0\0\x08", 4);
}

static const struct flood floods[] = {
    {"PING, answers read", send_ping, 50, true, P2P_REFUSAL_PING_FLOOD},
    {"PING, answers not read", send_ping, 50, false, P2P_REFUSAL_PING_FLOOD},
    {"SETTINGS", send_settings, 10, true, P2P_REFUSAL_SETTINGS_FLOOD},
    {"empty DATA", send_empty_data, 500, true, P2P_REFUSAL_USELESS_FRAMES},
    {"DATA of padding", send_padding, 500, true, P2P_REFUSAL_USELESS_FRAMES},
    {"WINDOW_UPDATE", send_window_update, 500, true, P2P_REFUSAL_USELESS_FRAMES},
    {"PRIORITY", send_priority, 500, true, P2P_REFUSAL_USELESS_FRAMES},
    {"unknown frames", send_unknown, 500, true, P2P_REFUSAL_USELESS_FRAMES},
    {"PING ACK", send_ping_ack, 500, true, P2P_REFUSAL_USELESS_FRAMES},
    {"CONTINUATION", send_continuation, 10, true, P2P_REFUSAL_HEADER_FLOOD},
    {"a large header block", send_large_block, 1, true, P2P_REFUSAL_HEADER_FLOOD},
    {"a header block that unpacks", send_hpack_bomb, 1, true, P2P_REFUSAL_HEADER_FLOOD},
    {"rapid reset", send_rapid_reset, 200, true, P2P_REFUSAL_RESET_FLOOD},
};

/* Broken if a peer that reads its answers could keep a node busy with frames that carry
 * nothing. */
static void test_floods(void **state)
{
    (void)state;
    struct field field;
    field_init(&field);
    for (size_t f = 0; f < sizeof floods / sizeof floods[0]; f++) {
        const struct flood *flood = &floods[f];
        struct raw_options options = {.address = p2p_server_address(field.node.server),
                                      .tls = RAW_TLS};
        unsigned all = 0;
        for (int r = 0; r < P2P_REFUSAL_COUNT; r++) {
            all += field.node.refusals[r];
        }
        unsigned before = field.node.refusals[flood->reason];
        struct raw_client *client = raw_open(&field.world, &options);
        WORLD_UNTIL(&field.world, client->open);
        raw_preface(client);
        client->deaf = !flood->reads;
        for (unsigned i = 0, turns = 0; field.node.refusals[flood->reason] == before; turns++) {
            for (unsigned n = 0; n < flood->rounds && raw_all_sent(client); n++) {
                for (unsigned k = 0; k < 1 || k < flood->rounds; k++) {
                    flood->send(client, i++);
                }
            }
            if (turns > 100000) {
                print_error("%s: never refused\n", flood->what);
                fail();
            }
            world_turn(&field.world);
        }
        client->deaf = false;
        WORLD_UNTIL(&field.world, client->closed);
        for (int r = 0; r < P2P_REFUSAL_COUNT; r++) {
            all -= field.node.refusals[r];
        }
        if (all != (unsigned)-1) { /* counted once, and nothing else was */
            print_error("%s: counted %u times; %s\n", flood->what, 0 - all, field.node.detail);
            fail();
        }
        CHECK(strstr(field.node.detail, "closed 127.0.0.1:") == field.node.detail);
        struct p2p_slice goaway = {0};
        CHECK(!flood->reads || raw_frames(client, NGHTTP2_GOAWAY, &goaway) >= 1);
        check_unharmed(&field);
    }
    field_deinit(&field);
}

/* Broken if TLS itself could be used for a flood: each update costs us two key derivations. */
static void test_key_updates(void **state)
{
    (void)state;
    struct field field;
    field_init(&field);
    struct raw_options options = {.address = p2p_server_address(field.node.server),
                                  .tls = RAW_TLS};
    struct raw_client *client = raw_open(&field.world, &options);
    raw_preface(client);
    WORLD_UNTIL(&field.world, client->open && raw_frames(client, NGHTTP2_SETTINGS, NULL) == 2);
    for (unsigned i = 0; i < P2P_KEY_UPDATES_MAX; i++) {
        CHECK(SSL_key_update(client->ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        CHECK(SSL_do_handshake(client->ssl) == 1);
        world_turn(&field.world);
    }
    raw_get(client, 1);
    WORLD_UNTIL(&field.world, raw_frames(client, NGHTTP2_HEADERS, NULL) == 1);
    CHECK(field.node.refusals[P2P_REFUSAL_KEY_UPDATE_FLOOD] == 0);
    CHECK(SSL_key_update(client->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    CHECK(SSL_do_handshake(client->ssl) == 1);
    WORLD_UNTIL(&field.world, client->closed);
    CHECK(field.node.refusals[P2P_REFUSAL_KEY_UPDATE_FLOOD] == 1);
    check_unharmed(&field);
    field_deinit(&field);
}

/* Broken if a violation of the protocol ended more than its connection, or went uncounted. */
static void test_protocol_errors(void **state)
{
    (void)state;
    struct field field;
    field_init(&field);
    for (int kind = 0; kind < 5; kind++) {
        struct raw_options options = {.address = p2p_server_address(field.node.server),
                                      .tls = RAW_TLS};
        unsigned before = field.node.refusals[P2P_REFUSAL_PROTOCOL_ERROR];
        struct raw_client *client = raw_open(&field.world, &options);
        raw_preface(client);
        switch (kind) {
        case 0: /* a frame longer than SETTINGS_MAX_FRAME_SIZE */
            raw_send(client, "\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9);
            break;
        case 1: /* DATA on a stream that was never opened */
            raw_frame(client, NGHTTP2_DATA, 0, 1, "x", 1);
            break;
        case 2: /* CONTINUATION without HEADERS */
            raw_frame(client, NGHTTP2_CONTINUATION, 4, 1, "\x82", 1);
            break;
        case 3: /* a header block that HPACK cannot read */
            raw_frame(client, NGHTTP2_HEADERS, 5, 1, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
            break;
        default: /* WINDOW_UPDATE of nothing */
            raw_frame(client, NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\0", 4);
            break;
        }
        WORLD_UNTIL(&field.world, client->closed);
        CHECK(field.node.refusals[P2P_REFUSAL_PROTOCOL_ERROR] == before + 1);
        check_unharmed(&field);
    }
    field_deinit(&field);
}

/* Broken if someone who asks and never reads could make nghttp2 hold answers without end. */
static void test_header_trickle(void **state)
{
    (void)state;
    struct field field;
    field_init(&field);
    struct raw_options options = {.address = p2p_server_address(field.node.server),
                                  .tls = RAW_TLS};
    struct raw_client *client = raw_open(&field.world, &options);
    raw_preface(client);
    raw_frame(client, NGHTTP2_HEADERS, 0, 1, "\x82", 1);
    struct node *nodes[] = {&field.node};
    WORLD_UNTIL(&field.world, raw_frames(client, NGHTTP2_SETTINGS, NULL) == 2);
    for (int i = 0; i < 50; i++) {
        world_turn(&field.world);
    }
    world_pass(&field.world, nodes, 1, P2P_HEADER_MS_MAX - 1);
    raw_send(client, "\0\0", 2); /* a little more of it */
    for (int i = 0; i < 50; i++) {
        world_turn(&field.world);
    }
    CHECK(field.node.refusals[P2P_REFUSAL_HEADER_TIMEOUT] == 0);
    world_pass(&field.world, nodes, 1, 1);
    WORLD_UNTIL(&field.world, client->closed);
    CHECK(field.node.refusals[P2P_REFUSAL_HEADER_TIMEOUT] == 1);
    check_unharmed(&field);
    field_deinit(&field);
}

/* Broken if a socket that takes nothing could hold its connection and what waits in it. */
static void test_stuck_socket(void **state)
{
    (void)state;
    struct field field;
    field_init(&field);
    field.node.holds = true;
    struct raw_options options = {.address = p2p_server_address(field.node.server),
                                  .tls = RAW_TLS};
    struct raw_client *client = raw_open(&field.world, &options);
    raw_preface(client);
    raw_frame(client, NGHTTP2_SETTINGS, 0, 0, "\0\4\x7f\xff\xff\xff",
              6); /* a window of 2 GiB */
    raw_frame(client, NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xfe\0\0", 4);
    raw_get(client, 1);
    WORLD_UNTIL(&field.world, field.node.held_count == 1);
    client->deaf = true;
    static uint8_t body[P2P_RESPONSE_BYTES_MAX];
    field.node.held_count = 0;
    CHECK_OK(p2p_response_send(field.node.held[0], 200, NULL,
                               (struct p2p_slice){body, sizeof body}));
    field.node.holds = false;
    struct node *nodes[] = {&field.node, &field.friendly};
    for (unsigned ms = 0; ms < P2P_NO_PROGRESS_MS; ms += 10000) {
        for (int i = 0; i < 2000; i++) {
            world_turn(&field.world); /* until nothing moves any more, and PINGs are answered */
        }
        CHECK(field.node.refusals[P2P_REFUSAL_NO_PROGRESS] == 0);
        world_pass(&field.world, nodes, 2, 10000);
    }
    WORLD_UNTIL(&field.world, field.node.refusals[P2P_REFUSAL_NO_PROGRESS] > 0);
    struct p2p_net_counts counts;
    do {
        world_turn(&field.world);
        p2p_net_counts_get(field.node.net, &counts);
    } while (counts.connections > 2);
    check_unharmed(&field);
    field_deinit(&field);
}

/* Handshakes. */

/* Broken if half-open handshakes could crowd out honest ones, or a flood of them cost memory.
 */
static void test_half_open_handshakes(void **state)
{
    (void)state;
    struct field field;
    field_init(&field);
    struct p2p_net_counts counts;
    unsigned opened = 0;
    /* Eight from each of 32 addresses, all silent: the ninth of an address is one too many. */
    for (unsigned host = 0; host < P2P_HANDSHAKES_MAX / P2P_HANDSHAKES_PER_ADDRESS_MAX;
         host++) {
        char from[32];
        snprintf(from, sizeof from, "127.0.1.%u", host + 1);
        struct raw_options options = {.address = host % 2
                                                     ? p2p_server_address(field.node.server)
                                                     : p2p_links_address(field.node.links),
                                      .from = from,
                                      .silent = true};
        for (unsigned i = 0; i < P2P_HANDSHAKES_PER_ADDRESS_MAX; i++) {
            raw_open(&field.world, &options);
            opened++;
            do {
                world_turn(&field.world);
                p2p_net_counts_get(field.node.net, &counts);
            } while (counts.handshakes < opened);
        }
        if (host == 0) {
            struct raw_client *ninth = raw_open(&field.world, &options);
            WORLD_UNTIL(&field.world, ninth->closed);
            CHECK(field.node.refusals[P2P_REFUSAL_TOO_MANY_FROM_ADDRESS] == 1);
            CHECK(strstr(field.node.detail, "refused 127.0.1.1:") == field.node.detail);
        }
    }
    CHECK(opened == P2P_HANDSHAKES_MAX && counts.handshakes == P2P_HANDSHAKES_MAX);
    CHECK(field.node.refusals[P2P_REFUSAL_TOO_MANY_HANDSHAKES] == 0);
    struct raw_options fresh = {
        .address = p2p_server_address(field.node.server), .from = "127.0.2.1", .silent = true};
    struct raw_client *one_more = raw_open(&field.world, &fresh);
    WORLD_UNTIL(&field.world, one_more->closed);
    CHECK(field.node.refusals[P2P_REFUSAL_TOO_MANY_HANDSHAKES] == 1);
    check_unharmed(&field); /* who is in stays in */

    /* One of them gives up: there is room for one. */
    raw_close(field.world.clients->next);
    do {
        world_turn(&field.world);
        p2p_net_counts_get(field.node.net, &counts);
    } while (counts.handshakes == P2P_HANDSHAKES_MAX);
    struct h2_client *person =
        h2_open(&field.world, p2p_server_address(field.node.server), false);
    CHECK(h2_get(person, "/in")->status == 200);
    h2_free(person);

    struct node *nodes[] = {&field.node};
    world_pass(&field.world, nodes, 1, P2P_HANDSHAKE_MS_MAX);
    do {
        world_turn(&field.world);
        p2p_net_counts_get(field.node.net, &counts);
    } while (counts.handshakes > 0);
    CHECK(field.node.refusals[P2P_REFUSAL_HANDSHAKE_TIMEOUT] == P2P_HANDSHAKES_MAX - 1);
    check_unharmed(&field);
    field_deinit(&field);
}

/* Broken if a hello cut at any byte left something behind. */
static void test_partial_hello(void **state)
{
    (void)state;
    struct field field;
    field_init(&field);
    /* A record of a ClientHello that announces 512 bytes and never brings them. */
    static const uint8_t hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01,
                                    0x00, 0x01, 0xfc, 0x03, 0x03};
    for (size_t len = 1; len <= sizeof hello; len++) {
        struct raw_options options = {.address = p2p_links_address(field.node.links),
                                      .tls = RAW_PLAIN};
        struct raw_client *client = raw_open(&field.world, &options);
        raw_send(client, hello, len);
        struct p2p_net_counts counts;
        do {
            world_turn(&field.world);
            p2p_net_counts_get(field.node.net, &counts);
        } while (counts.handshakes == 0);
        raw_close(client);
        do {
            world_turn(&field.world);
            p2p_net_counts_get(field.node.net, &counts);
        } while (counts.handshakes > 0 || counts.connections > 2);
    }
    check_unharmed(&field);
    field_deinit(&field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floods),          cmocka_unit_test(test_key_updates),
        cmocka_unit_test(test_protocol_errors), cmocka_unit_test(test_header_trickle),
        cmocka_unit_test(test_stuck_socket),    cmocka_unit_test(test_half_open_handshakes),
        cmocka_unit_test(test_partial_hello),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
