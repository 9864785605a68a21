/* Batches of the nodes of a network, and what goes between them. */
#include "check.h"

#include "network.h"

#include <p2p/frame.h>

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 20000u

struct p2p_now network_now(const struct network *net, uint32_t node)
{
    const struct network_node *n = &net->nodes[node];
    struct p2p_now now = {.mono_ms = net->mono_ms,
                          .wall_ms = (uint64_t)((int64_t)net->wall_ms + n->wall_skew_ms)};
    struct rng rng = {net->mono_ms * 1000003 + n->batches * 31 + node};
    rng_fill(&rng, now.seed, sizeof(now.seed));
    return now;
}

static void note(struct network *net, const void *data, size_t n)
{
    const struct p2p_slice parts[] = {
        p2p_slice_of(net->transcript.bytes, sizeof(net->transcript.bytes)),
        p2p_slice_of(data, n)};
    net->transcript = p2p_sha256_many(parts, 2);
}

static void note_actions(struct network *net, uint32_t node, const struct p2p_actions *actions)
{
    note(net, &node, sizeof(node));
    for (size_t i = 0; i < actions->send_count; i++) {
        note(net, &actions->sends[i].link, sizeof(actions->sends[i].link));
        note(net, actions->sends[i].bytes.data, actions->sends[i].bytes.len);
    }
    for (size_t i = 0; i < actions->trace_count; i++) {
        const struct p2p_trace *t = &actions->traces[i];
        const uint64_t values[] = {
            (uint64_t)t->type, (uint64_t)(-(int)t->err), t->feed, t->member, t->at, t->value};
        note(net, values, sizeof(values));
    }
    note(net, &actions->wake_mono_ms, sizeof(actions->wake_mono_ms));
}

static uint32_t peer_of(const struct network *net, uint32_t node, uint64_t link)
{
    for (uint32_t j = 1; j <= net->node_count; j++) {
        if (net->pipes[j][node].link == link) {
            return j;
        }
    }
    return 0;
}

/* The copy is written before anything leaves. */
static void write_copy(struct network_node *n)
{
    const struct p2p_feed *own =
        p2p_ledger_feed(p2p_engine_ledger(n->engine), p2p_engine_own_feed(n->engine));
    if (p2p_engine_read_only(n->engine) != P2P_READ_ONLY_NONE && !n->actions.signature_made) {
        return; /* a restored node's copy stays */
    }
    n->options.copy_commit = p2p_engine_commit_number(n->engine);
    n->options.copy_time_s = p2p_engine_signed_time(n->engine);
    if (p2p_engine_own_feed(n->engine) != 0) {
        const struct p2p_charter *charter = p2p_engine_ledger(n->engine)->charter;
        n->options.copy_lost = false;
        n->options.copy_generation =
            p2p_charter_feed(charter, p2p_engine_own_feed(n->engine))->generation;
        n->options.copy_size = own->head.size;
        n->options.copy_root = own->head.root;
    }
}

/* Whether this batch made this cosignature; else it is an older one, told again: of another
 * size, or of another time than the newest of that feed. */
static bool made(const struct network_node *n, const struct p2p_cosign_body *body)
{
    const struct p2p_witnessing *own = p2p_engine_witnessing(n->engine, body->feed);
    for (size_t i = 0; i < n->actions.trace_count; i++) {
        const struct p2p_trace *trace = &n->actions.traces[i];
        if (trace->type == P2P_TRACE_COSIGNED && trace->feed == body->feed &&
            trace->at == body->size) {
            return body->cosignature.time_s == own->cosigned_time_s;
        }
    }
    return false;
}

static void watch_sizes(struct network_node *n)
{
    for (size_t i = 0; i < n->actions.trace_count; i++) {
        const struct p2p_trace *trace = &n->actions.traces[i];
        if (trace->type == P2P_TRACE_COSIGNED && trace->feed < NETWORK_NODES_MAX + 2) {
            CHECK(trace->at >= n->watch.size[trace->feed]);
            n->watch.size[trace->feed] = trace->at;
            n->watch.count++;
        }
    }
}

static void watch_times(struct network_node *n, struct p2p_slice bytes)
{
    struct p2p_frame_split split;
    struct p2p_frame frame;
    enum p2p_err err;
    p2p_frame_split_init(&split, p2p_alloc_default());
    while (p2p_frame_split_next(&split, &bytes, &frame, &err)) {
        struct p2p_cosign_body body;
        if (frame.type != P2P_FRAME_COSIGN) {
            continue;
        }
        CHECK_OK(p2p_cosign_read(&body, frame.body));
        CHECK(body.feed < NETWORK_NODES_MAX + 2);
        bool again = body.cosignature.time_s == n->watch.told_s[body.feed];
        if (body.witness == n->number && !again && made(n, &body)) {
            CHECK(body.cosignature.time_s >= n->watch.time_s);
            n->watch.time_s = body.cosignature.time_s;
            n->watch.told_s[body.feed] = body.cosignature.time_s;
        }
    }
    CHECK_OK(err);
    p2p_frame_split_deinit(&split);
}

static void carry_out(struct network *net, uint32_t node)
{
    struct network_node *n = &net->nodes[node];
    const struct p2p_actions *actions = &n->actions;
    note_actions(net, node, actions);
    watch_sizes(n);
    for (size_t i = 0; i < actions->send_count; i++) {
        uint32_t peer = peer_of(net, node, actions->sends[i].link);
        watch_times(n, actions->sends[i].bytes);
        if (peer != 0) {
            network_inject(net, node, peer, actions->sends[i].bytes);
        }
    }
    uint64_t closes[64];
    size_t close_count = actions->close_count < 64 ? actions->close_count : 64;
    for (size_t i = 0; i < close_count; i++) {
        closes[i] = actions->closes[i].link;
        n->closed_err = actions->closes[i].err;
        n->closed++;
    }
    for (size_t i = 0; i < close_count; i++) {
        uint32_t peer = peer_of(net, node, closes[i]);
        if (peer != 0) {
            network_cut(net, node, peer);
        }
    }
}

enum p2p_err network_batch(struct network *net, uint32_t node, const struct p2p_event *events,
                           size_t count)
{
    struct network_node *n = &net->nodes[node];
    struct p2p_now now = network_now(net, node);
    CHECK(n->engine != NULL);
    n->batches++;
    p2p_arena_reset(&n->arena);
    const struct p2p_kv *kv = memory_kv_begin(n->kv);
    if (n->use_faulty) {
        kv = faulty_kv_begin(&n->faulty, kv);
    }
    p2p_engine_begin(n->engine, kv, &n->arena, &now);
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = p2p_engine_step(n->engine, &events[i]);
    }
    if (err == P2P_OK) {
        err = p2p_engine_finish(n->engine, &n->actions);
    }
    if (err == P2P_OK && n->use_faulty && n->faulty.tripped) {
        err = P2P_IO; /* the commit of a transaction that failed */
    }
    if (err != P2P_OK) {
        memory_kv_abort(n->kv);
        if (!net->allow_failure) {
            print_error("node %u: %s\n", node, p2p_err_name(err));
        }
        network_kill(net, node);
        return err;
    }
    CHECK_OK(memory_kv_commit(n->kv));
    CHECK(n->actions.wake_mono_ms > net->mono_ms); /* never spins */
    n->wake_ms = n->actions.wake_mono_ms;
    write_copy(n);
    carry_out(net, node);
    return P2P_OK;
}

static bool deliver(struct network *net, uint32_t from, uint32_t to, size_t bytes_max,
                    struct p2p_job *job)
{
    static struct p2p_event events[NETWORK_EVENTS_MAX + 1];
    struct network_pipe *pipe = &net->pipes[from][to];
    struct network_node *n = &net->nodes[to];
    size_t count = 0;
    size_t len = pipe->len - pipe->at;
    if (pipe->link == 0 || len == 0 || n->engine == NULL) {
        return false;
    }
    if (len > bytes_max) {
        len = bytes_max;
    }
    /* What is borrowed must live through the batch, whatever happens to the pipe meanwhile. */
    uint8_t *copy = malloc(len);
    CHECK(copy != NULL);
    memcpy(copy, pipe->data + pipe->at, len);
    pipe->at += len;
    struct p2p_slice bytes = p2p_slice_of(copy, len);
    struct p2p_frame frame;
    enum p2p_err err = P2P_OK;
    enum p2p_err split_err = P2P_OK;
    while (err == P2P_OK && pipe->link != 0 &&
           p2p_frame_split_next(&pipe->split, &bytes, &frame, &split_err)) {
        events[count++] =
            (struct p2p_event){.type = P2P_EVENT_FRAME, .link = pipe->link, .frame = frame};
        /* A frame put together in the splitter dies with the next one. */
        bool borrowed = frame.body.data >= copy && frame.body.data <= copy + len;
        if (count == NETWORK_EVENTS_MAX || !borrowed) {
            err = network_batch(net, to, events, count);
            count = 0;
        }
    }
    if (job != NULL) {
        events[count++] = (struct p2p_event){.type = P2P_EVENT_JOB, .job = job};
    }
    if (count > 0 && err == P2P_OK && (pipe->link != 0 || job != NULL)) {
        err = network_batch(net, to, events, count);
    }
    free(copy);
    CHECK(err == P2P_OK || net->allow_failure);
    if (split_err != P2P_OK && pipe->link != 0) {
        network_cut(net, from, to);
    } else if (err == P2P_OK && pipe->link != 0 && net->pipes[to][from].link != 0 &&
               pipe->at == pipe->len && net->nodes[from].engine != NULL) {
        const struct p2p_event event = {.type = P2P_EVENT_WRITABLE,
                                        .link = net->pipes[to][from].link};
        err = network_batch(net, from, &event, 1);
        CHECK(err == P2P_OK || net->allow_failure);
    }
    return true;
}

bool network_deliver(struct network *net, uint32_t from, uint32_t to, size_t bytes_max)
{
    return deliver(net, from, to, bytes_max, NULL);
}

bool network_deliver_with(struct network *net, uint32_t from, uint32_t to, struct p2p_job *job)
{
    return deliver(net, from, to, SIZE_MAX, job);
}

void network_drop(struct network *net, uint32_t from, uint32_t to, enum p2p_frame_type type)
{
    struct network_pipe *pipe = &net->pipes[from][to];
    size_t kept = pipe->at;
    for (size_t at = pipe->at; at + 4 < pipe->len;) {
        size_t len = 4 + ((size_t)pipe->data[at] << 24 | (size_t)pipe->data[at + 1] << 16 |
                          (size_t)pipe->data[at + 2] << 8 | pipe->data[at + 3]);
        if (pipe->data[at + 4] != (uint8_t)type) {
            memmove(pipe->data + kept, pipe->data + at, len);
            kept += len;
        }
        at += len;
    }
    pipe->len = kept;
}

void network_run(struct network *net)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        uint32_t from[NETWORK_NODES_MAX * NETWORK_NODES_MAX];
        uint32_t to[NETWORK_NODES_MAX * NETWORK_NODES_MAX];
        size_t count = 0;
        for (uint32_t i = 1; i <= net->node_count; i++) {
            for (uint32_t j = 1; j <= net->node_count; j++) {
                const struct network_pipe *pipe = &net->pipes[i][j];
                if (!pipe->held && pipe->link != 0 && pipe->len > pipe->at &&
                    net->nodes[j].engine != NULL) {
                    from[count] = i;
                    to[count++] = j;
                }
            }
        }
        if (count == 0) {
            return;
        }
        size_t pick = rng_below(&net->rng, count);
        size_t bytes = rng_below(&net->rng, 4) == 0 ? 1 + rng_below(&net->rng, 3000) : SIZE_MAX;
        network_deliver(net, from[pick], to[pick], bytes);
    }
    bool comes_to_rest = false;
    CHECK(comes_to_rest);
}

void network_tick(struct network *net, uint32_t node)
{
    const struct p2p_event event = {.type = P2P_EVENT_TICK};
    enum p2p_err err = network_batch(net, node, &event, 1);
    CHECK(err == P2P_OK || net->allow_failure);
}

void network_advance(struct network *net, uint64_t ms)
{
    uint64_t end = net->mono_ms + ms;
    for (;;) {
        uint64_t next = end;
        network_run(net);
        for (uint32_t i = 1; i <= net->node_count; i++) {
            if (net->nodes[i].engine != NULL && net->nodes[i].wake_ms < next) {
                next = net->nodes[i].wake_ms;
            }
        }
        if (next > net->mono_ms) {
            net->wall_ms += next - net->mono_ms;
            net->mono_ms = next;
        }
        for (uint32_t i = 1; i <= net->node_count; i++) {
            if (net->nodes[i].engine != NULL && net->nodes[i].wake_ms <= net->mono_ms) {
                network_tick(net, i);
            }
        }
        network_run(net);
        if (net->mono_ms >= end) {
            return;
        }
    }
}
