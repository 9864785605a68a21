/* The n-th allocation fails, for every n: that connection ends, nothing else does, nothing
 * leaks, and the same work then succeeds. OpenSSL's and libuv's own allocations are not among
 * them. */
#include "h2_client.h"
#include "net_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <temp_dir.h>

struct faulty {
    long countdown; /* at 0 the next allocation fails, once; below 0 none */
    long steps;
};

static void *faulty_realloc(void *context, void *old, size_t bytes)
{
    struct faulty *faulty = context;
    faulty->steps++;
    if (faulty->countdown == 0) {
        faulty->countdown = -1;
        return NULL;
    }
    if (faulty->countdown > 0) {
        faulty->countdown--;
    }
    return realloc(old, bytes);
}

static void faulty_free(void *context, void *old)
{
    (void)context;
    free(old);
}

struct scene {
    struct world world;
    struct node a, b;
    struct temp_dir directory;
    char path[TEMP_PATH_BYTES];
};

static void scene_init(struct scene *scene, const struct p2p_alloc *alloc)
{
    world_init(&scene->world);
    scene->world.alloc = alloc;
    node_init(&scene->a, &scene->world, 1);
    node_init(&scene->b, &scene->world, 2);
    node_pin(&scene->a, &scene->b);
    node_pin(&scene->b, &scene->a);
    node_listen_peers(&scene->b);
    temp_dir_make(&scene->directory);
    temp_path(&scene->directory, "s", scene->path);
    node_listen_unix(&scene->b, scene->path);
}

static void scene_deinit(struct scene *scene)
{
    node_deinit(&scene->a);
    node_deinit(&scene->b);
    temp_dir_remove(&scene->directory);
    world_deinit(&scene->world);
}

/* A link that carries bytes both ways and closes. True when all of it worked. */
static bool link_works(struct scene *scene)
{
    static const uint8_t bytes[200000];
    char message[P2P_NET_MESSAGE_BYTES];
    struct p2p_link_dial dial = {.address = p2p_links_address(scene->b.links), .member = 1};
    struct p2p_link *link = NULL;
    unsigned downs = scene->a.downs;
    unsigned ups = scene->b.ups;
    uint64_t to_a = scene->a.received + sizeof bytes;
    uint64_t to_b = scene->b.received + sizeof bytes;
    struct node *nodes[] = {&scene->a, &scene->b};
    if (p2p_link_dial(scene->a.links, &dial, &link, message) != P2P_OK) {
        return false;
    }
    /* An acceptor without memory leaves us waiting in the kernel's queue until its next tick.
     */
    for (int i = 0; i < 20000 && !(scene->a.link && scene->b.ups > ups); i++) {
        world_turn(&scene->world);
        if (i % 1000 == 999) {
            world_pass(&scene->world, nodes, 2, 1);
        }
        if (scene->a.downs > downs) {
            return false;
        }
    }
    if (!scene->a.link || !scene->b.link) {
        p2p_link_close(link, P2P_LINK_END_CLOSED, "given up");
        WORLD_UNTIL(&scene->world, scene->a.downs > downs && !scene->b.link);
        return false;
    }
    enum p2p_err sent_a = p2p_link_send(scene->a.link, bytes, sizeof bytes);
    enum p2p_err sent_b = p2p_link_send(scene->b.link, bytes, sizeof bytes);
    CHECK(sent_a == P2P_OK || sent_a == P2P_NOMEM);
    CHECK(sent_b == P2P_OK || sent_b == P2P_NOMEM);
    WORLD_UNTIL(&scene->world, scene->a.downs > downs ||
                                   (scene->a.received == to_a && scene->b.received == to_b));
    bool good = scene->a.downs == downs;
    if (good) {
        p2p_link_close(link, P2P_LINK_END_CLOSED, "done");
        WORLD_UNTIL(&scene->world, scene->a.downs > downs);
    }
    WORLD_UNTIL(&scene->world, !scene->a.link && !scene->b.link);
    scene->a.received = scene->b.received = 0;
    return good;
}

static void turns_with_ticks(struct scene *scene, int i)
{
    struct node *nodes[] = {&scene->b};
    world_turn(&scene->world);
    if (i % 1000 == 999) {
        world_pass(&scene->world, nodes, 1, 1);
    }
}

/* An echo, a large answer, a problem, an event stream. True when all of it worked. */
static bool requests_work(struct scene *scene)
{
    static const uint8_t body[100000];
    struct h2_client *client = h2_open(&scene->world, scene->path, false);
    scene->b.holds = false;
    struct h2_answer *echo = h2_ask(
        client, &(struct h2_request){.path = "/echo", .body = body, .body_bytes = sizeof body});
    for (int i = 0; !echo->done && !client->raw->closed; i++) {
        turns_with_ticks(scene, i);
    }
    bool good = echo->done && echo->body_bytes == sizeof body;
    scene->b.holds = true;
    struct h2_answer *problem = h2_ask(client, &(struct h2_request){.path = "/problem"});
    struct h2_answer *events = h2_ask(client, &(struct h2_request){.path = "/events"});
    for (int i = 0; scene->b.held_count < 2 && !client->raw->closed; i++) {
        turns_with_ticks(scene, i);
    }
    if (scene->b.held_count == 2) {
        struct p2p_request *first = scene->b.held[0];
        struct p2p_request *second = scene->b.held[1];
        scene->b.held[0] = second;
        scene->b.held_count = 1;
        enum p2p_err err = p2p_response_problem(first, 404, "not-found", "no such ban", "look");
        CHECK(err == P2P_OK || err == P2P_NOMEM);
        err = p2p_response_stream_begin(second, 200, "application/jsonl");
        if (!err) {
            err = p2p_response_stream_write(second, body, sizeof body);
        }
        if (!err) {
            p2p_response_stream_end(second);
            scene->b.held_count = 0;
        }
        WORLD_UNTIL(&scene->world, client->raw->closed || (problem->done && events->done));
    }
    good = good && problem->done && problem->status == 404 && events->done &&
           events->body_bytes == sizeof body;
    h2_free(client);
    struct p2p_server_counts counts;
    do {
        world_turn(&scene->world);
        p2p_server_counts_get(scene->b.server, &counts);
    } while (counts.connections > 0);
    CHECK(counts.open == 0 && counts.body_bytes == 0 && scene->b.held_count == 0);
    return good;
}

static void test_each_allocation_of_links(void **state)
{
    (void)state;
    struct faulty faulty = {.countdown = -1};
    const struct p2p_alloc alloc = {faulty_realloc, faulty_free, &faulty};
    struct scene scene;
    scene_init(&scene, &alloc);
    CHECK(link_works(&scene));
    faulty.steps = 0;
    CHECK(link_works(&scene));
    long steps = faulty.steps;
    CHECK(steps > 50);
    unsigned failures = 0;
    for (long at = 0; at < steps; at++) {
        faulty.countdown = at;
        failures += !link_works(&scene);
        faulty.countdown = -1;
        CHECK(link_works(&scene));
    }
    CHECK(failures > steps / 4);
    CHECK(scene.a.refusals[P2P_REFUSAL_NO_MEMORY] + scene.b.refusals[P2P_REFUSAL_NO_MEMORY] >
          0);
    scene_deinit(&scene);
}

static void test_each_allocation_of_requests(void **state)
{
    (void)state;
    struct faulty faulty = {.countdown = -1};
    const struct p2p_alloc alloc = {faulty_realloc, faulty_free, &faulty};
    struct scene scene;
    scene_init(&scene, &alloc);
    CHECK(requests_work(&scene));
    faulty.steps = 0;
    CHECK(requests_work(&scene));
    long steps = faulty.steps;
    CHECK(steps > 20);
    unsigned failures = 0;
    for (long at = 0; at < steps; at++) {
        faulty.countdown = at;
        failures += !requests_work(&scene);
        faulty.countdown = -1;
        CHECK(requests_work(&scene));
    }
    CHECK(failures > steps / 4);
    scene_deinit(&scene);
}

static void test_each_allocation_of_opening(void **state)
{
    (void)state;
    uv_loop_t loop;
    CHECK(uv_loop_init(&loop) == 0);
    long refused = 0;
    for (long at = 0;; at++) {
        struct faulty faulty = {.countdown = at};
        const struct p2p_alloc alloc = {faulty_realloc, faulty_free, &faulty};
        struct p2p_net_options options = {.loop = &loop, .alloc = &alloc};
        struct p2p_net *net = NULL;
        struct p2p_server *server = NULL;
        struct p2p_server_user user = {0};
        enum p2p_err err = p2p_net_open(&options, &net);
        if (!err) {
            err = p2p_server_open(net, &user, &server);
            p2p_server_close(server, NULL, NULL);
            p2p_net_close(net, NULL, NULL);
        }
        CHECK(uv_run(&loop, UV_RUN_DEFAULT) == 0);
        if (!err) {
            break;
        }
        CHECK_ERR(err, P2P_NOMEM);
        refused++;
    }
    CHECK(refused >= 5);
    CHECK(uv_loop_close(&loop) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_of_opening),
        cmocka_unit_test(test_each_allocation_of_links),
        cmocka_unit_test(test_each_allocation_of_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
