#include "net_world.h"

#include "raw_client.h"

#include <certificate.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The world. */

void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->now_ms = 1000000;
    CHECK(uv_loop_init(&world->loop) == 0);
}

void world_turn(struct world *world)
{
    uv_run(&world->loop, UV_RUN_NOWAIT);
    raw_clients_pump(world);
}

void world_deinit(struct world *world)
{
    raw_clients_close(world);
    WORLD_UNTIL(world, world->nets == 0);
    CHECK(uv_run(&world->loop, UV_RUN_NOWAIT) == 0);
    CHECK(uv_loop_close(&world->loop) == 0);
}

void world_pass(struct world *world, struct node **nodes, unsigned count, uint64_t ms)
{
    world->now_ms += ms;
    for (unsigned i = 0; i < count; i++) {
        p2p_net_tick(nodes[i]->net);
    }
    world_turn(world);
}

static uint64_t world_now(void *user)
{
    return ((struct node *)user)->world->now_ms;
}

uint32_t bytes_sum(uint32_t sum, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum = sum * 31 + data[i];
    }
    return sum;
}

/* What a node does. */

static void on_refusal(void *user, enum p2p_refusal reason, const char *remote,
                       const char *detail)
{
    struct node *node = user;
    CHECK(remote[0] != '\0' && strstr(detail, remote) != NULL);
    node->refusals[reason]++;
    snprintf(node->detail, sizeof node->detail, "%s", detail);
}

static uint32_t on_pin(void *user, const uint8_t key[32])
{
    struct node *node = user;
    for (unsigned i = 0; i < node->pin_count; i++) {
        if (memcmp(node->pins[i], key, 32) == 0) {
            return i + 1;
        }
    }
    return 0;
}

static void act(struct node *node, struct p2p_link *link, enum link_act what)
{
    switch (what) {
    case LINK_ACT_NONE:
        break;
    case LINK_ACT_CLOSE:
        p2p_link_close(link, P2P_LINK_END_CLOSED, "the test says so");
        break;
    case LINK_ACT_LIMIT:
        p2p_link_close(link, P2P_LINK_END_LIMIT, "the test's limit");
        break;
    case LINK_ACT_NET:
        node_close(node);
        break;
    }
}

static void on_link_up(void *user, struct p2p_link *link, uint32_t member)
{
    struct node *node = user;
    node->link = link;
    node->ups++;
    node->up_member = member;
    act(node, link, node->on_up);
}

static void on_link_bytes(void *user, struct p2p_link *link, const uint8_t *data, size_t len)
{
    struct node *node = user;
    CHECK(len > 0);
    node->received += len;
    node->checksum = bytes_sum(node->checksum, data, len);
    if (node->consumes) {
        p2p_link_consume(link, len);
    }
    act(node, link, node->on_bytes);
}

static void on_link_writable(void *user, struct p2p_link *link)
{
    struct node *node = user;
    node->writables++;
    act(node, link, node->on_writable);
}

static void on_link_down(void *user, struct p2p_link *link, enum p2p_link_end end,
                         const char *text)
{
    struct node *node = user;
    node->downs++;
    node->end = end;
    snprintf(node->end_text, sizeof node->end_text, "%s", text);
    if (node->link == link) {
        node->link = NULL;
    }
    act(node, link, node->on_down);
}

static void on_request(void *user, struct p2p_request *request)
{
    struct node *node = user;
    node->asked++;
    snprintf(node->last_method, sizeof node->last_method, "%s", request->method);
    snprintf(node->last_path, sizeof node->last_path, "%s", request->path);
    snprintf(node->last_query, sizeof node->last_query, "%s", request->query);
    snprintf(node->last_type, sizeof node->last_type, "%s", request->content_type);
    node->last_body_bytes = request->body.len;
    node->last_via_unix = request->via_unix;
    if (node->holds) {
        CHECK(node->held_count < sizeof node->held / sizeof node->held[0]);
        node->held[node->held_count++] = request;
        return;
    }
    /* An echo, so that a test sees its own bytes again. */
    enum p2p_err err = p2p_response_send(request, 200, "application/json", request->body);
    CHECK(err == P2P_OK || (err == P2P_NOMEM && node->world->alloc));
}

static void on_cancel(void *user, struct p2p_request *request)
{
    struct node *node = user;
    node->cancelled++;
    for (unsigned i = 0; i < node->held_count; i++) {
        if (node->held[i] == request) {
            node->held[i] = node->held[--node->held_count];
            return;
        }
    }
    CHECK(!"a cancelled request was one that the handler holds");
}

static void on_stream_writable(void *user, struct p2p_request *request)
{
    struct node *node = user;
    (void)request;
    node->stream_writables++;
}

/* Life. */

void node_init(struct node *node, struct world *world, uint8_t seed)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    memset(node, 0, sizeof *node);
    node->world = world;
    node->consumes = true;
    memset(node->seed, seed, sizeof node->seed);
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    CHECK_OK(p2p_certificate_of_seed(node->seed, &certificate, &key));
    CHECK(p2p_certificate_key(certificate, node->key));
    X509_free(certificate);
    EVP_PKEY_free(key);

    struct p2p_net_options options = {.loop = &world->loop,
                                      .alloc = world->alloc,
                                      .on_refusal = on_refusal,
                                      .now_ms = world_now,
                                      .user = node};
    CHECK_OK(p2p_net_open(&options, &node->net));
    world->nets++;
    CHECK_OK(p2p_tls_open_peer(node->seed, &node->tls, message));
    struct p2p_links_user links = {.pin = on_pin,
                                   .link_up = on_link_up,
                                   .link_bytes = on_link_bytes,
                                   .link_writable = on_link_writable,
                                   .link_down = on_link_down,
                                   .user = node};
    CHECK_OK(p2p_links_open(node->net, node->tls, &links, &node->links));
    struct p2p_server_user server = {.on_request = on_request,
                                     .on_cancel = on_cancel,
                                     .on_writable = on_stream_writable,
                                     .user = node};
    CHECK_OK(p2p_server_open(node->net, &server, &node->server));
}

void node_pin(struct node *node, const struct node *other)
{
    CHECK(node->pin_count < 4);
    memcpy(node->pins[node->pin_count++], other->key, 32);
}

void node_listen_peers(struct node *node)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    CHECK_OK(p2p_links_listen(node->links, "127.0.0.1:0", message));
}

void node_listen_unix(struct node *node, const char *path)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    CHECK_OK(p2p_server_listen_unix(node->server, path, message));
}

static void text_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

void node_listen_people(struct node *node)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    char directory[] = "/tmp/p2p-people-XXXXXX";
    char crt[64], key[64];
    CHECK(mkdtemp(directory) != NULL);
    snprintf(crt, sizeof crt, "%s/people.crt", directory);
    snprintf(key, sizeof key, "%s/people.key", directory);
    const char *hosts[] = {"localhost", "127.0.0.1"};
    struct p2p_people_request request = {.common_name = "test node",
                                         .hosts = hosts,
                                         .host_count = 2,
                                         .not_before_unix_s = 1700000000,
                                         .valid_s = 800LL * 86400};
    struct p2p_people_pem pem;
    CHECK_OK(p2p_tls_make_people(&request, &pem, message));
    text_write(crt, pem.certificate);
    text_write(key, pem.key);
    CHECK_OK(p2p_tls_open_people(crt, key, &node->people, message));
    unlink(crt);
    unlink(key);
    rmdir(directory);
    CHECK_OK(p2p_server_listen_tls(node->server, node->people, "127.0.0.1:0", message));
}

struct p2p_link *node_dial(struct node *node, const char *address, uint32_t member)
{
    char message[P2P_NET_MESSAGE_BYTES] = "";
    struct p2p_link *link = NULL;
    struct p2p_link_dial dial = {.address = address, .member = member};
    CHECK_OK(p2p_link_dial(node->links, &dial, &link, message));
    return link;
}

static void on_net_closed(void *user)
{
    struct node *node = user;
    node->world->nets--;
    node->net = NULL;
}

void node_close(struct node *node)
{
    if (node->closing) {
        return;
    }
    node->closing = true;
    p2p_links_close(node->links, NULL, NULL);
    p2p_server_close(node->server, NULL, NULL);
    p2p_net_close(node->net, on_net_closed, node);
}

void node_deinit(struct node *node)
{
    node_close(node);
    WORLD_UNTIL(node->world, node->net == NULL);
    CHECK(node->held_count == 0);
    p2p_tls_free(node->tls);
    p2p_tls_free(node->people);
}
