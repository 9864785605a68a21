#include "check.h"

#include "network.h"

#include <p2p/frame.h>

#include <stdlib.h>
#include <string.h>

#define START_MONO UINT64_C(1000000)
#define START_WALL UINT64_C(1750000000000)

/* ---- memory that fails ---- */

static void *counted_realloc(void *context, void *old, size_t bytes)
{
    struct network_alloc *memory = context;
    memory->count++;
    if (memory->countdown >= 0 && memory->countdown-- == 0) {
        return NULL;
    }
    const struct p2p_alloc *heap = p2p_alloc_default();
    return heap->realloc(heap->context, old, bytes);
}

static void counted_free(void *context, void *old)
{
    const struct p2p_alloc *heap = p2p_alloc_default();
    (void)context;
    heap->free(heap->context, old);
}

/* ---- nodes ---- */

enum p2p_err network_open(struct network *net, uint32_t node)
{
    struct network_node *n = &net->nodes[node];
    const struct p2p_kv *kv = memory_kv_begin(n->kv);
    CHECK(n->engine == NULL);
    if (n->use_faulty) {
        kv = faulty_kv_begin(&n->faulty, kv);
    }
    enum p2p_err err = p2p_engine_open(&n->engine, &n->options, kv);
    memory_kv_abort(n->kv);
    n->wake_ms = net->mono_ms;
    return err;
}

static void init_node(struct network *net, uint32_t i)
{
    struct network_node *n = &net->nodes[i];
    n->number = i;
    n->memory = (struct network_alloc){.alloc = {counted_realloc, counted_free, &n->memory},
                                       .countdown = -1};
    world_member(&n->keys, i);
    n->kv = memory_kv_new();
    faulty_kv_init(&n->faulty, -1, P2P_IO);
    p2p_arena_init(&n->arena, &n->memory.alloc, P2P_BATCH_ARENA_BYTES);
    n->options = (struct p2p_engine_options){.alloc = &n->memory.alloc,
                                             .sigs = p2p_sigs_ed25519(),
                                             .member = n->keys.name,
                                             .feed_key = &n->keys.feed,
                                             .witness_key = &n->keys.witness,
                                             .sealing_key = &n->keys.sealing,
                                             .listen_peers = "127.0.0.1:9000"};
}

void network_init(struct network *net, const struct network_options *options)
{
    uint32_t members = options->members == 0 ? options->nodes : options->members;
    *net = (struct network){.node_count = options->nodes,
                            .mono_ms = START_MONO,
                            .wall_ms = START_WALL,
                            .next_link = 1,
                            .rng = {options->seed}};
    CHECK(options->nodes <= NETWORK_NODES_MAX);
    net->entries = calloc(NETWORK_ENTRIES_MAX, sizeof(*net->entries));
    CHECK(net->entries != NULL);
    world_init(&net->world);
    network_found(net, members, options->witnesses);
    for (uint32_t i = 1; i <= options->nodes; i++) {
        init_node(net, i);
        CHECK_OK(network_open(net, i));
        network_give(net, i, 0);
    }
}

void network_deinit(struct network *net)
{
    for (uint32_t i = 1; i <= net->node_count; i++) {
        struct network_node *n = &net->nodes[i];
        p2p_engine_close(n->engine);
        memory_kv_free(n->kv);
        p2p_arena_deinit(&n->arena);
        for (uint32_t j = 1; j <= net->node_count; j++) {
            struct network_pipe *pipe = &net->pipes[i][j];
            free(pipe->data);
            p2p_frame_split_deinit(&pipe->split);
        }
    }
    free(net->entries);
    *net = (struct network){0};
}

void network_kill(struct network *net, uint32_t node)
{
    struct network_node *n = &net->nodes[node];
    p2p_engine_close(n->engine);
    n->engine = NULL;
    p2p_arena_reset(&n->arena);
    for (uint32_t j = 1; j <= net->node_count; j++) {
        if (network_connected(net, node, j)) {
            network_cut(net, node, j);
        }
    }
}

void network_restart(struct network *net, uint32_t node)
{
    if (net->nodes[node].engine != NULL) {
        network_kill(net, node);
    }
    CHECK_OK(network_open(net, node));
}

/* ---- links ---- */

bool network_connected(const struct network *net, uint32_t a, uint32_t b)
{
    return net->pipes[a][b].link != 0 || net->pipes[b][a].link != 0;
}

static void open_pipe(struct network *net, uint32_t from, uint32_t to)
{
    struct network_pipe *pipe = &net->pipes[from][to];
    p2p_frame_split_deinit(&pipe->split);
    p2p_frame_split_init(&pipe->split, p2p_alloc_default());
    pipe->len = 0;
    pipe->at = 0;
    pipe->link = net->next_link++;
}

void network_connect(struct network *net, uint32_t a, uint32_t b)
{
    CHECK(!network_connected(net, a, b));
    open_pipe(net, a, b);
    open_pipe(net, b, a);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t at = i == 0 ? a : b;
        uint32_t peer = i == 0 ? b : a;
        const struct p2p_event event = {
            .type = P2P_EVENT_LINK_UP, .link = net->pipes[peer][at].link, .member = peer};
        if (network_connected(net, a, b)) {
            enum p2p_err err = network_batch(net, at, &event, 1);
            CHECK(err == P2P_OK || net->allow_failure);
        }
    }
}

void network_connect_all(struct network *net)
{
    for (uint32_t a = 1; a <= net->node_count; a++) {
        for (uint32_t b = a + 1; b <= net->node_count; b++) {
            if (!network_connected(net, a, b) && net->nodes[a].engine != NULL &&
                net->nodes[b].engine != NULL) {
                network_connect(net, a, b);
            }
        }
    }
}

void network_cut(struct network *net, uint32_t a, uint32_t b)
{
    uint64_t links[2] = {net->pipes[b][a].link, net->pipes[a][b].link};
    for (unsigned i = 0; i < 2; i++) {
        struct network_pipe *pipe = i == 0 ? &net->pipes[b][a] : &net->pipes[a][b];
        pipe->link = 0;
        pipe->len = 0;
        pipe->at = 0;
        p2p_frame_split_deinit(&pipe->split);
    }
    for (unsigned i = 0; i < 2; i++) {
        uint32_t at = i == 0 ? a : b;
        const struct p2p_event event = {.type = P2P_EVENT_LINK_DOWN, .link = links[i]};
        if (net->nodes[at].engine != NULL && links[i] != 0) {
            enum p2p_err err = network_batch(net, at, &event, 1);
            CHECK(err == P2P_OK || net->allow_failure);
        }
    }
}

void network_cut_all(struct network *net)
{
    for (uint32_t a = 1; a <= net->node_count; a++) {
        for (uint32_t b = a + 1; b <= net->node_count; b++) {
            network_cut(net, a, b);
        }
    }
}

void network_cut_off(struct network *net, uint32_t node)
{
    for (uint32_t other = 1; other <= net->node_count; other++) {
        if (other != node) {
            network_cut(net, node, other);
        }
    }
}

static void count_run(struct network_carried *carried, struct p2p_slice frame)
{
    struct p2p_run run;
    if (frame.len > 0 && frame.data[0] == P2P_FRAME_RUN &&
        p2p_run_read(&run, p2p_slice_of(frame.data + 1, frame.len - 1)) == P2P_OK &&
        run.count > 0) {
        carried->runs++;
        carried->records += run.count;
        carried->bytes += P2P_FRAME_HEADER_BYTES - 1 + frame.len;
    }
}

void network_inject(struct network *net, uint32_t from, uint32_t to, struct p2p_slice bytes)
{
    struct network_pipe *pipe = &net->pipes[from][to];
    if (pipe->at > 0) {
        memmove(pipe->data, pipe->data + pipe->at, pipe->len - pipe->at);
        pipe->len -= pipe->at;
        pipe->at = 0;
    }
    if (pipe->len + bytes.len > pipe->cap) {
        pipe->cap = 2 * (pipe->len + bytes.len);
        pipe->data = realloc(pipe->data, pipe->cap);
        CHECK(pipe->data != NULL);
    }
    memcpy(pipe->data + pipe->len, bytes.data, bytes.len);
    pipe->len += bytes.len;
    pipe->sent += bytes.len;
    for (size_t at = 0; at + 4 <= bytes.len;) {
        size_t len = (size_t)bytes.data[at] << 24 | (size_t)bytes.data[at + 1] << 16 |
                     (size_t)bytes.data[at + 2] << 8 | bytes.data[at + 3];
        count_run(&pipe->carried, p2p_slice_of(bytes.data + at + 4, len));
        at += 4 + len;
        pipe->frames++;
    }
}
