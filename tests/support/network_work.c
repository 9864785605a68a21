/* What the nodes of a network are asked to do, and looking at what they hold. */
#include "check.h"

#include "network.h"

#include <stdio.h>
#include <string.h>

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
    struct p2p_issuer_secret issuer = world_issuer_key(NETWORK_ISSUER_FIRST + node);
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
    struct p2p_issuer_secret issuer = world_issuer_key(NETWORK_ISSUER_FIRST + node);
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
