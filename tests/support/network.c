#include "check.h"

#include "network.h"

#include <p2p/frame.h>

#include <stdio.h>
#include <stdlib.h>

#define ALL_ROOTS    ((1u << WORLD_ROOTS) - 1)
#define ROUNDS_MAX   20000u
#define START_MONO   UINT64_C(1000000)
#define START_WALL   UINT64_C(1750000000000)
#define ISSUER_FIRST 100u /* numbers of keys */

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

/* ---- the charter ---- */

static void name_of(char out[16], uint32_t i)
{
    snprintf(out, 16, "m%u", i);
}

void network_admit(struct world_draft *draft, uint32_t i, uint32_t witnesses)
{
    static const char *const locodes[] = {"",      "BEANR", "BEZEE", "BEGNE", "BEOST",
                                          "BELGG", "BEBRU", "NLRTM", "DEHAM"};
    char names[P2P_WITNESSES_MAX][16];
    const char *list[P2P_WITNESSES_MAX];
    struct world_member member;
    uint32_t count = 0;
    for (uint32_t w = 1; w <= witnesses && count < P2P_WITNESSES_MAX; w++) {
        if (w != i) {
            name_of(names[count], w);
            list[count] = names[count];
            count++;
        }
    }
    world_member(&member, i);
    const struct p2p_op_admit op = {.member = member.name,
                                    .locode = i < 9 ? locodes[i] : "",
                                    .feed_key = member.feed.public_key,
                                    .witness_key = member.witness.public_key,
                                    .transport_key = member.transport.public_key,
                                    .sealing_key = member.sealing.public_key,
                                    .witnesses = list,
                                    .witness_count = count};
    p2p_op_admit_pack(&draft->ops, &op);
    world_op(draft);
}

void network_issuer(struct world_draft *draft, uint32_t i)
{
    char issuer[24];
    char member[16];
    snprintf(issuer, sizeof(issuer), "im%u", i);
    name_of(member, i);
    world_grant(draft, issuer, ISSUER_FIRST + i, member, "ban-court", "*");
}

struct p2p_circle_key network_circle_key(const char *name, uint32_t epoch)
{
    char text[64];
    struct p2p_circle_key key;
    snprintf(text, sizeof(text), "circle %s %u", name, epoch);
    struct p2p_hash hash = p2p_sha256(p2p_slice_text(text));
    memcpy(key.bytes, hash.bytes, sizeof(key.bytes));
    return key;
}

void network_circle(struct world_draft *draft, const char *name, uint32_t first, uint32_t last,
                    uint32_t epochs)
{
    char names[WORLD_MEMBERS][16];
    const char *members[WORLD_MEMBERS];
    struct p2p_circle_epoch list[8];
    size_t count = 0;
    CHECK(epochs <= 8);
    for (uint32_t i = first; i <= last; i++) {
        name_of(names[count], i);
        members[count] = names[count];
        count++;
    }
    for (uint32_t e = 1; e <= epochs; e++) {
        struct p2p_circle_key key = network_circle_key(name, e);
        list[e - 1] =
            (struct p2p_circle_epoch){.epoch = e, .key_hash = p2p_circle_key_hash(&key)};
    }
    const struct p2p_op_circle op = {.circle = name,
                                     .members = members,
                                     .member_count = count,
                                     .epochs = list,
                                     .epoch_count = epochs};
    p2p_op_circle_pack(&draft->ops, &op);
    world_op(draft);
}

size_t network_entry(struct network *net, struct world_draft *draft)
{
    CHECK(net->entry_count < NETWORK_ENTRIES_MAX);
    struct world_entry *entry = &net->entries[net->entry_count];
    world_seal(&net->world, draft, ALL_ROOTS, entry);
    world_push(&net->world, entry);
    return net->entry_count++;
}

void network_found(struct network *net, uint32_t members, uint32_t witnesses)
{
    static struct world_draft draft;
    world_draft(&draft);
    world_found(&draft, &net->world, 5, 3);
    for (uint32_t i = 1; i <= members; i++) {
        network_admit(&draft, i, witnesses);
    }
    for (uint32_t i = 1; i <= members; i++) {
        char name[16];
        network_issuer(&draft, i);
        name_of(name, i);
        network_circle(&draft, name, i, i, 1);
    }
    network_circle(&draft, "all", 1, members, 1);
    if (members >= 2) {
        network_circle(&draft, "police", 1, 2, 1);
    }
    network_entry(net, &draft);
}

enum p2p_err network_give_entry(struct network *net, uint32_t node,
                                const struct world_entry *entry)
{
    struct p2p_job job = {.type = P2P_JOB_CHARTER};
    job.charter.index = entry->index;
    job.charter.leaf = p2p_slice_of(entry->leaf, entry->leaf_len);
    job.charter.note = p2p_slice_of((const uint8_t *)entry->note, entry->note_len);
    CHECK_OK(network_jobs(net, node, &job, 1));
    if (job.result.err != P2P_OK && job.result.err != P2P_FORKED) {
        print_error("entry %llu: %s\n", (unsigned long long)entry->index, job.result.reason);
    }
    return job.result.err;
}

void network_give(struct network *net, uint32_t node, size_t index)
{
    CHECK_OK(network_give_entry(net, node, &net->entries[index]));
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

/* ---- batches ---- */

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

/* ---- work ---- */

enum p2p_err network_jobs(struct network *net, uint32_t node, struct p2p_job *jobs,
                          size_t count)
{
    struct p2p_event events[64];
    CHECK(count <= 64);
    for (size_t i = 0; i < count; i++) {
        events[i] = (struct p2p_event){.type = P2P_EVENT_JOB, .job = &jobs[i]};
    }
    return network_batch(net, node, events, count);
}

uint32_t network_circle_number(const struct network *net, uint32_t node, const char *name)
{
    const struct p2p_circle *circle = p2p_charter_circle_named(
        p2p_engine_ledger(net->nodes[node].engine)->charter, p2p_slice_text(name));
    return circle == NULL ? 0 : circle->number;
}

static uint32_t issuer_number(const struct network *net, uint32_t node)
{
    char name[24];
    snprintf(name, sizeof(name), "im%u", node);
    const struct p2p_issuer *issuer = p2p_charter_issuer_named(
        p2p_engine_ledger(net->nodes[node].engine)->charter, p2p_slice_text(name));
    CHECK(issuer != NULL);
    return issuer->number;
}

static uint32_t newest_epoch(const struct network *net, uint32_t node, const char *circle)
{
    const struct p2p_charter *charter = p2p_engine_ledger(net->nodes[node].engine)->charter;
    const struct p2p_circle *row = p2p_charter_circle_named(charter, p2p_slice_text(circle));
    return row == NULL ? 1 : (uint32_t)row->epoch_count;
}

enum p2p_err network_try_ban(struct network *net, uint32_t node, const char *circle,
                             const char *subject, struct p2p_record_id *id)
{
    uint8_t payload[1024];
    struct p2p_pack pack;
    struct p2p_subject parsed;
    struct p2p_issuer_secret issuer = world_issuer_key(ISSUER_FIRST + node);
    uint32_t epoch = newest_epoch(net, node, circle);
    struct p2p_circle_key key = network_circle_key(circle, epoch);
    const struct p2p_ban_draft draft = {.subjects = &parsed,
                                        .subject_count = 1,
                                        .ground = P2P_GROUND_COURT,
                                        .reference = "test",
                                        .reason = NULL};
    CHECK_OK(p2p_subject_parse(&parsed, p2p_slice_text(subject)));
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_ban_pack(&pack, &draft, &key, epoch));
    const struct p2p_append record = {.kind = P2P_KIND_BAN_IMPOSE,
                                      .circle = network_circle_number(net, node, circle),
                                      .issuer = issuer_number(net, node),
                                      .key = &issuer,
                                      .payload = p2p_pack_slice(&pack)};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    enum p2p_err err = network_jobs(net, node, &job, 1);
    if (err == P2P_OK) {
        err = job.result.err;
    }
    if (err == P2P_OK) {
        *id = job.result.first;
    }
    return err;
}

struct p2p_record_id network_ban(struct network *net, uint32_t node, const char *circle,
                                 const char *subject)
{
    struct p2p_record_id id = {0, 0};
    CHECK_OK(network_try_ban(net, node, circle, subject, &id));
    return id;
}

struct p2p_record_id network_lift(struct network *net, uint32_t node, const char *circle,
                                  const struct p2p_record_id *ban)
{
    uint8_t payload[64];
    struct p2p_pack pack;
    struct p2p_issuer_secret issuer = world_issuer_key(ISSUER_FIRST + node);
    p2p_pack_init(&pack, payload, sizeof(payload));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_text(&pack, "served");
    const struct p2p_append record = {.kind = P2P_KIND_BAN_LIFT,
                                      .circle = network_circle_number(net, node, circle),
                                      .issuer = issuer_number(net, node),
                                      .key = &issuer,
                                      .cites = ban,
                                      .cite_count = 1,
                                      .payload = p2p_pack_slice(&pack)};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(net, node, &job, 1));
    CHECK_OK(job.result.err);
    return job.result.first;
}

enum p2p_err network_notes(struct network *net, uint32_t node, size_t count)
{
    static uint8_t bytes[512][64];
    static struct p2p_append records[512];
    enum p2p_err err = P2P_OK;
    for (size_t done = 0; done < count && err == P2P_OK;) {
        size_t n = count - done < 512 ? count - done : 512;
        for (size_t i = 0; i < n; i++) {
            char text[40];
            struct p2p_pack pack;
            snprintf(text, sizeof(text), "note %zu of node %u", done + i, node);
            p2p_pack_init(&pack, bytes[i], sizeof(bytes[i]));
            p2p_pack_map(&pack, 1);
            p2p_pack_text(&pack, "text");
            p2p_pack_text(&pack, text);
            records[i] =
                (struct p2p_append){.kind = P2P_KIND_NOTE, .content = p2p_pack_slice(&pack)};
        }
        struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {records, n}};
        err = network_jobs(net, node, &job, 1);
        if (err == P2P_OK) {
            err = job.result.err;
        }
        done += n;
    }
    return err;
}

void network_check_job(struct p2p_job *job, const char *subject)
{
    *job = (struct p2p_job){.type = P2P_JOB_CHECK};
    snprintf(job->check.gate, sizeof(job->check.gate), "main");
    CHECK_OK(p2p_subject_parse(&job->check.subjects[0], p2p_slice_text(subject)));
    snprintf(job->check.purpose, sizeof(job->check.purpose), "%s",
             job->check.subjects[0].type->effect);
    job->check.subject_count = 1;
}

enum p2p_answer network_check(struct network *net, uint32_t node, const char *subject)
{
    static struct p2p_job job;
    network_check_job(&job, subject);
    CHECK_OK(network_jobs(net, node, &job, 1));
    CHECK_OK(job.result.err);
    return job.result.answer.answer;
}

void network_draw(struct network *net, uint32_t node, const char *circle, uint32_t epoch)
{
    struct p2p_circle_key key = network_circle_key(circle, epoch);
    const struct p2p_event event = {.type = P2P_EVENT_CIRCLE_KEY, .circle_key = &key};
    CHECK_OK(network_batch(net, node, &event, 1));
}

/* ---- looking ---- */

bool network_holds(const struct network *net, uint32_t node, const char *circle, uint32_t epoch)
{
    const struct p2p_gate_place *place = p2p_engine_place(net->nodes[node].engine);
    uint32_t number = network_circle_number(net, node, circle);
    struct p2p_circle_key key = network_circle_key(circle, epoch);
    for (size_t i = 0; i < place->key_count; i++) {
        if (place->keys[i].circle == number && place->keys[i].epoch == epoch) {
            return memcmp(place->keys[i].key.bytes, key.bytes, sizeof(key.bytes)) == 0;
        }
    }
    return false;
}

uint32_t network_feed(const struct network *net, uint32_t node)
{
    return p2p_engine_own_feed(net->nodes[node].engine);
}

uint64_t network_size(const struct network *net, uint32_t node, uint32_t feed)
{
    const struct p2p_feed *held =
        p2p_ledger_feed(p2p_engine_ledger(net->nodes[node].engine), feed);
    return held == NULL ? 0 : held->edge.size;
}

static struct p2p_hash frontier_of(struct network *net, uint32_t node)
{
    struct p2p_hash digest;
    CHECK_OK(p2p_frontier_digest(p2p_engine_ledger(net->nodes[node].engine), &digest));
    return digest;
}

bool network_same_frontier(struct network *net, uint32_t a, uint32_t b)
{
    struct p2p_hash left = frontier_of(net, a);
    struct p2p_hash right = frontier_of(net, b);
    return p2p_hash_equal(&left, &right);
}

static struct p2p_hash view_of(struct network *net, uint32_t node, enum p2p_view_number view,
                               uint32_t circle)
{
    struct network_node *n = &net->nodes[node];
    struct p2p_hash digest;
    const struct p2p_kv *kv = memory_kv_begin(n->kv);
    CHECK_OK(p2p_view_digest(p2p_engine_ledger_mut(n->engine), kv, view, circle, &digest));
    memory_kv_abort(n->kv);
    return digest;
}

static bool in_circle(const struct network *net, uint32_t node, uint32_t circle)
{
    const struct p2p_engine *engine = net->nodes[node].engine;
    const struct p2p_circle *info =
        p2p_charter_circle(p2p_engine_ledger(engine)->charter, circle);
    return info != NULL && p2p_circle_has(info, p2p_engine_member(engine));
}

static void print_frontier(const struct network *net, uint32_t node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(net->nodes[node].engine);
    print_error("node %u:", node);
    for (size_t f = 0; f < ledger->feed_count; f++) {
        print_error(" %llu", (unsigned long long)ledger->feeds[f]->edge.size);
    }
    print_error("\n");
}

void network_agree(struct network *net)
{
    static const enum p2p_view_number in_circles[] = {P2P_VIEW_BANS, P2P_VIEW_CUSTODY,
                                                      P2P_VIEW_RIGHTS};
    uint32_t first = 0;
    for (uint32_t i = 1; i <= net->node_count; i++) {
        if (net->nodes[i].engine == NULL) {
            continue;
        }
        if (first == 0) {
            first = i;
            continue;
        }
        struct p2p_hash left;
        struct p2p_hash right;
        if (!network_same_frontier(net, first, i)) {
            print_frontier(net, first);
            print_frontier(net, i);
        }
        CHECK(network_same_frontier(net, first, i));
        CHECK_OK(p2p_leaves_digest(p2p_engine_ledger(net->nodes[first].engine), &left));
        CHECK_OK(p2p_leaves_digest(p2p_engine_ledger(net->nodes[i].engine), &right));
        CHECK(p2p_hash_equal(&left, &right));
        left = view_of(net, first, P2P_VIEW_FORKS, 0);
        right = view_of(net, i, P2P_VIEW_FORKS, 0);
        CHECK(p2p_hash_equal(&left, &right));
        const struct p2p_charter *charter = p2p_engine_ledger(net->nodes[i].engine)->charter;
        for (uint32_t c = 1; c <= p2p_charter_circle_count(charter); c++) {
            if (in_circle(net, first, c) && in_circle(net, i, c)) {
                for (size_t v = 0; v < sizeof(in_circles) / sizeof(in_circles[0]); v++) {
                    left = view_of(net, first, in_circles[v], c);
                    right = view_of(net, i, in_circles[v], c);
                    CHECK(p2p_hash_equal(&left, &right));
                }
            }
        }
    }
}

uint64_t network_frames(const struct network *net)
{
    uint64_t frames = 0;
    for (uint32_t i = 1; i <= net->node_count; i++) {
        for (uint32_t j = 1; j <= net->node_count; j++) {
            frames += net->pipes[i][j].frames;
        }
    }
    return frames;
}

uint64_t network_bytes(const struct network *net)
{
    uint64_t bytes = 0;
    for (uint32_t i = 1; i <= net->node_count; i++) {
        for (uint32_t j = 1; j <= net->node_count; j++) {
            bytes += net->pipes[i][j].sent;
        }
    }
    return bytes;
}

struct network_carried network_carried(const struct network *net)
{
    struct network_carried sum = {0, 0, 0};
    for (uint32_t i = 1; i <= net->node_count; i++) {
        for (uint32_t j = 1; j <= net->node_count; j++) {
            const struct network_carried *carried = &net->pipes[i][j].carried;
            sum.runs += carried->runs;
            sum.records += carried->records;
            sum.bytes += carried->bytes;
        }
    }
    return sum;
}

void network_count_anew(struct network *net)
{
    for (uint32_t i = 1; i <= net->node_count; i++) {
        for (uint32_t j = 1; j <= net->node_count; j++) {
            struct network_pipe *pipe = &net->pipes[i][j];
            pipe->frames = pipe->sent = 0;
            pipe->carried = (struct network_carried){0, 0, 0};
        }
    }
}
