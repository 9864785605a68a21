#include "quay.h"

#include "check.h"

#include <p2p/kind.h>

#include <stdio.h>

static void name_parties(void)
{
    static const char *const grants[] = {"custody",         "recount",          "issue",
                                         "accept",          "transfer",         "assign",
                                         "block",           "commercial-light", "customs-light",
                                         "discharge-light", "terminal-light",   "override",
                                         "override-block",  "ban-court"};
    static struct world_draft draft;
    world_draft(&draft);
    for (uint32_t m = 1; m <= 2; m++) {
        char member[8], party[8], second[8];
        snprintf(member, sizeof(member), "m%u", m);
        snprintf(party, sizeof(party), "p%u", m);
        snprintf(second, sizeof(second), "s%u", m);
        for (size_t g = 0; g < sizeof(grants) / sizeof(grants[0]); g++) {
            world_grant(&draft, party, KEY_OF_PARTY + m, member, grants[g], "*");
        }
        world_grant(&draft, second, KEY_OF_SECOND + m, member, "approve", "*");
        world_grant(&draft, second, KEY_OF_SECOND + m, member, "recount", "*");
    }
    network_give(&net, 1, network_entry(&net, &draft));
    network_advance(&net, 3000);
}

void quay_start(uint32_t nodes, uint32_t witnesses, uint64_t seed)
{
    network_start(nodes, witnesses, seed);
    for (uint32_t i = 1; i <= nodes; i++) {
        char own[8];
        snprintf(own, sizeof(own), "m%u", i);
        network_draw(&net, i, own, 1);
    }
    network_draw(&net, 1, "police", 1);
    network_draw(&net, 1, "all", 1);
    network_advance(&net, 3000);
    name_parties();
}

void quay_start_mirrored(uint32_t nodes, uint64_t seed)
{
    quay_start(nodes, nodes, seed);
    net.nodes[1].options.release_mirrored = true;
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    network_connect_all(&net);
    network_advance(&net, 3000);
}

static uint32_t issuer(const char *name)
{
    uint32_t up = net.nodes[1].engine != NULL ? 1 : 2;
    const struct p2p_issuer *found = p2p_charter_issuer_named(
        p2p_engine_ledger(net.nodes[up].engine)->charter, p2p_slice_text(name));
    CHECK(found != NULL);
    return found->number;
}

void quay_draft_lease(struct world_draft *draft)
{
    const struct p2p_policy policy = {
        .lease_s = 120, .heartbeat_s = 60, .fresh_cosignature_s = 900, .clock_skew_s = 300};
    world_draft(draft);
    p2p_op_policy_pack(&draft->ops, &policy);
    world_op(draft);
}

enum p2p_err quay_try(const struct quay_record *record, struct p2p_record_id *id)
{
    char name[8];
    snprintf(name, sizeof(name), "%c%u", record->second ? 's' : 'p', record->node);
    struct p2p_issuer_secret key =
        world_issuer_key((record->second ? KEY_OF_SECOND : KEY_OF_PARTY) + record->node);
    const struct p2p_append written = {.kind = record->kind,
                                       .circle =
                                           network_circle_number(&net, record->node, "all"),
                                       .issuer = issuer(name),
                                       .key = &key,
                                       .cites = record->cites,
                                       .cite_count = record->cite_count,
                                       .payload = record->payload,
                                       .content = record->content};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&written, 1}};
    CHECK_OK(network_jobs(&net, record->node, &job, 1));
    *id = job.result.first;
    return job.result.err;
}

struct p2p_record_id quay_append(const struct quay_record *record)
{
    struct p2p_record_id id;
    CHECK_OK(quay_try(record, &id));
    return id;
}

struct p2p_record_id quay_open(uint32_t node, const char *box)
{
    uint8_t room[256];
    struct p2p_pack pack;
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_custody_open_pack(&pack, p2p_slice_text(box), p2p_slice_text("call"),
                                   p2p_slice_text("m1-f1")));
    return quay_append(&(struct quay_record){
        .kind = P2P_KIND_CUSTODY_OPEN, .node = node, .payload = p2p_pack_slice(&pack)});
}

static struct p2p_slice note_of(uint32_t node, uint32_t feed, char *room)
{
    size_t len = 0;
    const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[node].engine);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    CHECK_OK(p2p_witnessing_short_note(p2p_engine_witnessing(net.nodes[node].engine, feed),
                                       ledger->charter, 0, p2p_ledger_feed(ledger, feed), kv,
                                       room, P2P_CUSTODY_NOTE_BYTES, &len));
    memory_kv_abort(net.nodes[node].kv);
    return p2p_slice_of(room, len);
}

enum p2p_err quay_try_step(uint32_t node, uint32_t kind, struct p2p_record_id token,
                           const struct p2p_record_id *offer, uint64_t epoch, uint32_t to,
                           uint32_t rests, struct p2p_record_id *id)
{
    static char room[P2P_CUSTODY_NOTE_BYTES];
    uint8_t bytes[P2P_CUSTODY_NOTE_BYTES + 64];
    struct p2p_pack pack;
    struct p2p_slice note = rests != 0 ? note_of(node, rests, room) : (struct p2p_slice){0};
    const struct p2p_custody_step what = {
        .epoch = epoch, .to = to, .rests = &note, .rests_count = rests != 0};
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    const struct quay_record record = {.kind = kind,
                                       .node = node,
                                       .cites = {token, offer != NULL ? *offer : token},
                                       .cite_count = offer != NULL ? 2 : 1,
                                       .content = p2p_pack_slice(&pack)};
    return quay_try(&record, id);
}

struct p2p_record_id quay_step(uint32_t node, uint32_t kind, struct p2p_record_id token,
                               const struct p2p_record_id *offer, uint64_t epoch, uint32_t to,
                               uint32_t rests)
{
    struct p2p_record_id id;
    CHECK_OK(quay_try_step(node, kind, token, offer, epoch, to, rests, &id));
    return id;
}

struct p2p_record_id quay_issue(uint32_t node, struct p2p_record_id token, const char *box,
                                const char *to)
{
    uint8_t room[512];
    struct p2p_pack pack;
    const struct p2p_right_draft draft = {
        .container = box, .bl = "BL1", .to = issuer(to), .expires_ms = net.wall_ms + 86400000};
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_right_issue_pack(&pack, &draft));
    return quay_append(&(struct quay_record){.kind = P2P_KIND_RIGHT_ISSUE,
                                             .node = node,
                                             .cites = {token},
                                             .cite_count = 1,
                                             .payload = p2p_pack_slice(&pack)});
}

struct p2p_record_id quay_ask(uint32_t node, uint32_t kind, struct p2p_record_id right,
                              const struct p2p_record_id *about,
                              const struct p2p_right_request *what)
{
    uint8_t room[1024];
    struct p2p_pack pack;
    struct p2p_circle_key key = network_circle_key("all", 1);
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_right_request_pack(&pack, what, &key, 1));
    return quay_append(&(struct quay_record){.kind = kind,
                                             .node = node,
                                             .second = kind == P2P_KIND_APPROVE,
                                             .cites = {right, about != NULL ? *about : right},
                                             .cite_count = about != NULL ? 2 : 1,
                                             .payload = p2p_pack_slice(&pack)});
}

void quay_assign(uint32_t node, struct p2p_record_id right, uint64_t slot_from_ms)
{
    struct p2p_subject driver;
    struct p2p_subject truck;
    CHECK_OK(p2p_subject_parse(&driver, p2p_slice_text(DRIVER)));
    CHECK_OK(p2p_subject_parse(&truck, p2p_slice_text(TRUCK)));
    const struct p2p_right_request what = {.driver = &driver,
                                           .truck = &truck,
                                           .slot_from_ms = slot_from_ms,
                                           .slot_until_ms =
                                               slot_from_ms == 0 ? 0 : slot_from_ms + 3600000};
    quay_ask(node, P2P_KIND_RIGHT_ASSIGN, right, NULL, &what);
}

struct p2p_record_id quay_light(uint32_t node, struct p2p_record_id right, enum p2p_light light,
                                unsigned value)
{
    const struct p2p_right_request what = {.light = p2p_light_word(light),
                                           .value = p2p_light_value(light, value)};
    return quay_ask(node, P2P_KIND_RIGHT_LIGHT, right, NULL, &what);
}

void quay_green(uint32_t node, struct p2p_record_id right)
{
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        quay_light(node, right, (enum p2p_light)i, 0);
    }
}

const struct p2p_right_request quay_nothing = {.reason = NULL};

struct p2p_record_id quay_grant(struct p2p_record_id token, const char *box)
{
    struct p2p_record_id right = quay_issue(1, token, box, "p1");
    quay_ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    quay_assign(1, right, 0);
    quay_green(1, right);
    return right;
}

struct p2p_record_id quay_ready(const char *box, struct p2p_record_id *token)
{
    *token = quay_open(1, box);
    return quay_grant(*token, box);
}

void quay_collect_job(struct p2p_job *job, const char *box, const char *driver,
                      const char *gate)
{
    *job = (struct p2p_job){.type = P2P_JOB_COLLECT};
    snprintf(job->check.gate, sizeof(job->check.gate), "%s", gate);
    snprintf(job->check.purpose, sizeof(job->check.purpose), "enter");
    snprintf(job->check.container, sizeof(job->check.container), "%s", box);
    CHECK_OK(p2p_subject_parse(&job->check.subjects[0], p2p_slice_text(driver)));
    CHECK_OK(p2p_subject_parse(&job->check.subjects[1], p2p_slice_text(TRUCK)));
    job->check.subject_count = 2;
}

struct p2p_job quay_last;

enum p2p_answer quay_collect(uint32_t node, const char *box, const char *driver)
{
    quay_collect_job(&quay_last, box, driver, "main");
    CHECK_OK(network_jobs(&net, node, &quay_last, 1));
    CHECK_OK(quay_last.result.err);
    return quay_last.result.answer.answer;
}

bool quay_because(enum p2p_gate_code code)
{
    for (size_t i = 0; i < quay_last.result.answer.reason_count; i++) {
        if (quay_last.result.answer.reasons[i].code == code) {
            return true;
        }
    }
    return false;
}

bool quay_allowed(uint32_t node, const char *box, const char *driver)
{
    bool allowed = quay_collect(node, box, driver) == P2P_ANSWER_ALLOW;
    for (size_t i = 0; !allowed && i < quay_last.result.answer.reason_count; i++) {
        print_message("  %s\n", p2p_gate_code_word(quay_last.result.answer.reasons[i].code));
    }
    return allowed;
}

bool quay_refused(uint32_t node, const char *box, const char *driver, enum p2p_gate_code why)
{
    return quay_collect(node, box, driver) == P2P_ANSWER_REFUSE && quay_because(why);
}

bool quay_referred(uint32_t node, const char *box, const char *driver, enum p2p_gate_code why)
{
    return quay_collect(node, box, driver) == P2P_ANSWER_REFER && quay_because(why);
}

struct p2p_custody quay_custody(uint32_t node, struct p2p_record_id token)
{
    struct p2p_custody custody;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    CHECK_OK(p2p_custody_get(kv, network_circle_number(&net, node, "all"), &token, &custody));
    memory_kv_abort(net.nodes[node].kv);
    return custody;
}

struct p2p_right quay_right(uint32_t node, struct p2p_record_id id)
{
    struct p2p_right right;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    CHECK_OK(p2p_right_get(kv, network_circle_number(&net, node, "all"), &id, &right));
    memory_kv_abort(net.nodes[node].kv);
    return right;
}
