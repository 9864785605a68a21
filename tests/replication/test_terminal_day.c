/* A whole day of a terminal, done by engines, against the model of terminal_day.h: 820
 * containers, two ports that release, parties at both, two more members as witnesses. What each
 * collect is answered, and what is left at the end of the day, must be what the model says. */
#include "check.h"
#include "network.h"
#include "terminal_day.h"

#include <p2p/collect.h>

#include <stdio.h>
#include <string.h>

enum {
    TERMINAL_NODE = 1,
    BARGE_NODE = 2,
    NODES = 4,
    PARTY_KEYS = 300, /* numbers of their keys */
    STEPS_AT_ONCE = 64,
    BYTES_MAX = 1024 + P2P_CUSTODY_NOTE_BYTES
};

struct world {
    struct network net;
    uint32_t circle;
    uint32_t parties[DAY_PARTIES]; /* issuer numbers */
    struct p2p_record_id tokens[DAY_BOXES];
    struct p2p_record_id rights[DAY_BOXES];
    bool has_token[DAY_BOXES];
    bool has_right[DAY_BOXES];
    struct p2p_record_id offers[DAY_BOXES];
};

/* One step on its way through an engine. */
struct work {
    const struct day_step *step;
    uint32_t node;
    struct p2p_issuer_secret key;
    struct p2p_record_id cites[1 + P2P_RIGHT_BLOCKS_MAX];
    uint8_t bytes[BYTES_MAX];
    uint8_t note[P2P_CUSTODY_NOTE_BYTES];
    struct p2p_append record;
    struct p2p_job job;
};

static const char *const party_names[DAY_PARTIES] = {
    [DAY_TERMINAL] = "terminal",
    [DAY_CARRIER] = "carrier",
    [DAY_FORWARDER] = "forwarder",
    [DAY_HAULIER] = "haulier",
    [DAY_CUSTOMS] = "customs",
    [DAY_POLICE] = "police",
    [DAY_BARGE_TERMINAL] = "barge-terminal",
    [DAY_BARGE_HAULIER] = "barge-haulier",
};

static uint32_t node_of(enum day_party party)
{
    return day_port(party) == 0 ? TERMINAL_NODE : BARGE_NODE;
}

/* ---- the federation ---- */

static void grant_all(struct world_draft *draft, enum day_party party)
{
    static const char *const grants[] = {"custody",        "recount",         "issue",
                                         "accept",         "transfer",        "assign",
                                         "block",          "customs-light",   "discharge-light",
                                         "terminal-light", "commercial-light"};
    char member[16];
    snprintf(member, sizeof(member), "m%u", node_of(party));
    for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
        world_grant(draft, party_names[party], PARTY_KEYS + party, member, grants[i], "*");
    }
}

static void world_begin(struct world *world)
{
    static struct world_draft draft;
    network_init(&world->net,
                 &(struct network_options){.nodes = NODES, .witnesses = NODES - 1, .seed = 5});
    world_draft(&draft);
    for (enum day_party p = DAY_TERMINAL; p < DAY_PARTIES; p++) {
        grant_all(&draft, p);
    }
    size_t entry = network_entry(&world->net, &draft);
    network_connect_all(&world->net);
    network_give(&world->net, TERMINAL_NODE, entry);
    network_run(&world->net);
    network_draw(&world->net, TERMINAL_NODE, "all", 1);
    network_draw(&world->net, TERMINAL_NODE, "police", 1);
    for (uint32_t i = 1; i <= NODES; i++) {
        char circle[16];
        snprintf(circle, sizeof(circle), "m%u", i);
        network_draw(&world->net, i, circle, 1);
    }
    network_advance(&world->net, 2000);
    const struct p2p_charter *charter =
        p2p_engine_ledger(world->net.nodes[TERMINAL_NODE].engine)->charter;
    for (enum day_party p = DAY_TERMINAL; p < DAY_PARTIES; p++) {
        const struct p2p_issuer *issuer =
            p2p_charter_issuer_named(charter, p2p_slice_text(party_names[p]));
        CHECK(issuer != NULL);
        world->parties[p] = issuer->number;
    }
    world->circle = network_circle_number(&world->net, TERMINAL_NODE, "all");
}

static const struct p2p_kv *look(const struct world *world, uint32_t node)
{
    return memory_kv_begin(world->net.nodes[node].kv);
}

static void look_away(const struct world *world, uint32_t node)
{
    memory_kv_abort(world->net.nodes[node].kv);
}

/* ---- one step as a record ---- */

static void driver_of(unsigned number, struct p2p_subject *driver, struct p2p_subject *truck)
{
    char text[64];
    snprintf(text, sizeof(text), "card:alfapass:%07u", number);
    CHECK_OK(p2p_subject_parse(driver, p2p_slice_text(text)));
    snprintf(text, sizeof(text), "plate:BE:1DAY%03u", number);
    CHECK_OK(p2p_subject_parse(truck, p2p_slice_text(text)));
}

/* Slices in what these return are dead. */
static struct p2p_custody custody_at(const struct world *world, uint32_t node, unsigned box)
{
    struct p2p_custody custody;
    CHECK_OK(p2p_custody_get(look(world, node), world->circle, &world->tokens[box], &custody));
    look_away(world, node);
    return custody;
}

static struct p2p_right right_at(const struct world *world, uint32_t node, unsigned box)
{
    struct p2p_right right;
    CHECK_OK(p2p_right_get(look(world, node), world->circle, &world->rights[box], &right));
    look_away(world, node);
    return right;
}

static struct p2p_slice note_of(struct world *world, struct work *work, uint32_t feed)
{
    struct p2p_engine *engine = world->net.nodes[work->node].engine;
    const struct p2p_ledger *ledger = p2p_engine_ledger(engine);
    size_t len = 0;
    CHECK_OK(p2p_witnessing_note(p2p_engine_witnessing(engine, feed), ledger->charter,
                                 p2p_ledger_feed(ledger, feed), look(world, work->node),
                                 (char *)work->note, sizeof(work->note), &len));
    look_away(world, work->node);
    return p2p_slice_of(work->note, len);
}

static void pack_open(struct work *work, struct p2p_pack *pack)
{
    char container[16];
    day_container(work->step->box, container);
    CHECK_OK(p2p_custody_open_pack(pack, p2p_slice_text(container), p2p_slice_text("PTP 1"),
                                   p2p_slice_text("f1")));
    work->record.kind = P2P_KIND_CUSTODY_OPEN;
    work->record.payload = p2p_pack_slice(pack);
}

static void pack_issue(struct world *world, struct work *work, struct p2p_pack *pack)
{
    char container[16];
    day_container(work->step->box, container);
    const struct p2p_right_draft draft = {.container = container,
                                          .bl = "PTP1",
                                          .to = world->parties[work->step->to],
                                          .expires_ms = world->net.wall_ms +
                                                        UINT64_C(60) * 24 * 3600 * 1000};
    CHECK_OK(p2p_right_issue_pack(pack, &draft));
    work->record.kind = P2P_KIND_RIGHT_ISSUE;
    work->record.payload = p2p_pack_slice(pack);
    work->cites[0] = world->tokens[work->step->box];
    work->record.cite_count = 1;
}

static void pack_step(struct world *world, struct work *work, struct p2p_pack *pack)
{
    const struct day_step *step = work->step;
    const struct p2p_custody custody = custody_at(world, work->node, step->box);
    struct p2p_slice note;
    struct p2p_custody_step said = {.epoch = custody.epoch + 1};
    work->cites[0] = world->tokens[step->box];
    work->record.cite_count = 1;
    if (step->verb == DAY_OFFER) {
        work->record.kind = P2P_KIND_CUSTODY_OFFER;
        said.to = BARGE_NODE;
        if (custody.rests_feed != 0) {
            note = note_of(world, work, custody.rests_feed);
            said.rests = &note;
            said.rests_count = 1;
        }
    } else {
        work->record.kind =
            step->verb == DAY_TAKE ? P2P_KIND_CUSTODY_ACCEPT : P2P_KIND_CUSTODY_REFUSE;
        note = note_of(world, work, custody.step.feed);
        said.rests = &note;
        said.rests_count = 1;
        work->cites[1] = custody.step;
        work->record.cite_count = 2;
    }
    CHECK_OK(p2p_custody_step_pack(pack, &said));
    work->record.content = p2p_pack_slice(pack);
}

static uint32_t request_kind(enum day_verb verb)
{
    switch (verb) {
    case DAY_ACCEPT:
        return P2P_KIND_RIGHT_ACCEPT;
    case DAY_DECLINE:
        return P2P_KIND_RIGHT_DECLINE;
    case DAY_TRANSFER:
        return P2P_KIND_RIGHT_TRANSFER;
    case DAY_RETURN:
        return P2P_KIND_RIGHT_RETURN;
    case DAY_REVOKE:
        return P2P_KIND_RIGHT_REVOKE;
    case DAY_CANCEL:
        return P2P_KIND_RIGHT_CANCEL;
    case DAY_ASSIGN:
        return P2P_KIND_RIGHT_ASSIGN;
    case DAY_UNASSIGN:
        return P2P_KIND_RIGHT_UNASSIGN;
    case DAY_LIGHT:
        return P2P_KIND_RIGHT_LIGHT;
    case DAY_BLOCK:
        return P2P_KIND_RIGHT_BLOCK;
    default:
        return P2P_KIND_RIGHT_UNBLOCK;
    }
}

static void pack_request(struct world *world, struct work *work, struct p2p_pack *pack)
{
    const struct day_step *step = work->step;
    struct p2p_subject driver;
    struct p2p_subject truck;
    struct p2p_right_request request = {.reason = NULL};
    const struct p2p_circle_key key = network_circle_key("all", 1);
    work->record.kind = request_kind(step->verb);
    work->cites[0] = world->rights[step->box];
    work->record.cite_count = 1;
    switch (step->verb) {
    case DAY_TRANSFER:
        request.to = world->parties[step->to];
        break;
    case DAY_ASSIGN:
        driver_of(step->driver, &driver, &truck);
        request.driver = &driver;
        request.truck = &truck;
        break;
    case DAY_LIGHT:
        request.light = p2p_light_word((enum p2p_light)step->light);
        request.value = p2p_light_value((enum p2p_light)step->light, step->green ? 0 : 1);
        break;
    case DAY_UNBLOCK: {
        const struct p2p_right right = right_at(world, work->node, step->box);
        for (size_t i = 0; i < right.block_count; i++) {
            work->cites[work->record.cite_count++] = right.blocks[i];
        }
        break;
    }
    default:
        break;
    }
    CHECK_OK(p2p_right_request_pack(pack, &request, &key, 1));
    work->record.payload = p2p_pack_slice(pack);
}

static void pack_record(struct world *world, struct work *work)
{
    struct p2p_pack pack;
    p2p_pack_init(&pack, work->bytes, sizeof(work->bytes));
    work->key = world_issuer_key(PARTY_KEYS + work->step->by);
    work->record = (struct p2p_append){.circle = world->circle,
                                       .issuer = world->parties[work->step->by],
                                       .key = &work->key,
                                       .cites = work->cites};
    switch (work->step->verb) {
    case DAY_OPEN:
        pack_open(work, &pack);
        break;
    case DAY_ISSUE:
        pack_issue(world, work, &pack);
        break;
    case DAY_OFFER:
    case DAY_TAKE:
    case DAY_REFUSE:
        pack_step(world, work, &pack);
        break;
    default:
        pack_request(world, work, &pack);
        break;
    }
    work->job = (struct p2p_job){.type = P2P_JOB_APPEND, .append = {&work->record, 1}};
}

static void pack_collect(struct work *work)
{
    const struct day_step *step = work->step;
    struct p2p_gate_check *check = &work->job.check;
    work->job = (struct p2p_job){.type = P2P_JOB_COLLECT};
    snprintf(check->gate, sizeof(check->gate), "lane-%u", step->box % 4);
    day_container(step->box, check->container);
    driver_of(step->driver, &check->subjects[0], &check->subjects[1]);
    check->subject_count = 2;
}

/* ---- a minute of them ---- */

static bool can_be_done(const struct world *world, const struct day_step *step)
{
    /* What acts on nothing that was ever written cannot be written. */
    return step->verb == DAY_OPEN || step->verb == DAY_COLLECT ||
           (step->verb == DAY_ISSUE && world->has_token[step->box]) ||
           world->has_right[step->box];
}

static void check_answer(const struct work *work)
{
    static const struct {
        enum p2p_answer answer;
        enum p2p_gate_code codes[4];
        size_t count;
    } due[] = {
        [DAY_ALLOW] = {P2P_ANSWER_ALLOW, {0}, 0},
        [DAY_USED] = {P2P_ANSWER_REFUSE, {P2P_GATE_USED}, 1},
        [DAY_ELSEWHERE] = {P2P_ANSWER_REFUSE, {P2P_GATE_CUSTODY_ELSEWHERE}, 1},
        [DAY_NO_RIGHT] = {P2P_ANSWER_REFUSE, {P2P_GATE_NO_RIGHT}, 1},
        [DAY_NOT_ACCEPTED] = {P2P_ANSWER_REFUSE, {P2P_GATE_NOT_ACCEPTED}, 1},
        [DAY_BLOCKED] = {P2P_ANSWER_REFUSE, {P2P_GATE_BLOCKED}, 1},
        [DAY_RED_LIGHT] = {P2P_ANSWER_REFUSE,
                           {P2P_GATE_LIGHT_COMMERCIAL, P2P_GATE_LIGHT_CUSTOMS,
                            P2P_GATE_LIGHT_DISCHARGE, P2P_GATE_LIGHT_TERMINAL},
                           4},
        [DAY_WRONG_DRIVER] = {P2P_ANSWER_REFUSE, {P2P_GATE_WRONG_DRIVER}, 1},
    };
    const struct day_step *step = work->step;
    const struct p2p_gate_answer *answer = &work->job.result.answer;
    bool told = due[step->answer].count == 0;
    for (size_t i = 0; i < answer->reason_count; i++) {
        for (size_t c = 0; c < due[step->answer].count; c++) {
            told = told || answer->reasons[i].code == due[step->answer].codes[c];
        }
    }
    if (answer->answer != due[step->answer].answer || !told) {
        print_error("minute %u, box %u at node %u: model %d, answered %s, %s\n", step->minute,
                    step->box, work->node, (int)step->answer, p2p_answer_word(answer->answer),
                    answer->reason_count > 0 ? p2p_gate_code_word(answer->reasons[0].code)
                                             : "no reason");
        for (size_t i = 0; i < answer->reason_count; i++) {
            print_error("    %s\n", p2p_gate_code_word(answer->reasons[i].code));
        }
    }
    CHECK(answer->answer == due[step->answer].answer && told);
}

static void note_done(struct world *world, const struct work *work)
{
    unsigned box = work->step->box;
    CHECK_OK(work->job.result.err);
    switch (work->step->verb) {
    case DAY_OPEN:
        world->tokens[box] = work->job.result.first;
        world->has_token[box] = true;
        break;
    case DAY_ISSUE:
        world->rights[box] = work->job.result.first;
        world->has_right[box] = true;
        break;
    case DAY_COLLECT:
        check_answer(work);
        break;
    default:
        break;
    }
}

/* All steps of one minute at one node as one batch of jobs. */
static void do_at(struct world *world, struct work *works, size_t count, uint32_t node)
{
    static struct p2p_job *jobs[STEPS_AT_ONCE];
    static struct p2p_event events[STEPS_AT_ONCE];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (works[i].node == node) {
            jobs[n] = &works[i].job;
            events[n] = (struct p2p_event){.type = P2P_EVENT_JOB, .job = jobs[n]};
            n++;
        }
    }
    if (n > 0) {
        CHECK_OK(network_batch(&world->net, node, events, n));
    }
}

static void do_minute(struct world *world, const struct day_step *steps, size_t count)
{
    static struct work works[STEPS_AT_ONCE];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!can_be_done(world, &steps[i])) {
            CHECK(!steps[i].counts);
            continue;
        }
        CHECK(n < STEPS_AT_ONCE);
        works[n].step = &steps[i];
        works[n].node = node_of(steps[i].by);
        if (steps[i].verb == DAY_COLLECT) {
            pack_collect(&works[n]);
        } else {
            pack_record(world, &works[n]);
        }
        n++;
    }
    do_at(world, works, n, TERMINAL_NODE);
    do_at(world, works, n, BARGE_NODE);
    for (size_t i = 0; i < n; i++) {
        note_done(world, &works[i]);
    }
    /* Everybody hears of it, it is ruled on and witnessed, before anybody goes on. */
    network_advance(&world->net, 1000);
}

/* ---- the end of the day ---- */

static void compare_box(struct world *world, uint32_t node, const struct day_box *box,
                        unsigned number)
{
    static const enum p2p_right_state due[] = {
        [DAY_PENDING] = P2P_RIGHT_PENDING,     [DAY_ACTIVE] = P2P_RIGHT_ACTIVE,
        [DAY_RETURNED] = P2P_RIGHT_RETURNED,   [DAY_REVOKED] = P2P_RIGHT_REVOKED,
        [DAY_CANCELLED] = P2P_RIGHT_CANCELLED, [DAY_IS_USED] = P2P_RIGHT_USED};
    const struct p2p_custody custody = custody_at(world, node, number);
    CHECK((custody.state == P2P_CUSTODY_RELEASED) == box->released);
    CHECK((custody.state == P2P_CUSTODY_OFFERED) == box->offered);
    CHECK(custody.holder == network_feed(&world->net, box->there ? BARGE_NODE : TERMINAL_NODE));
    CHECK(custody.frozen == 0);
    const struct p2p_right right = right_at(world, node, number);
    if (right.below != due[box->state]) {
        print_error("box %u at node %u: model %d, right is %s\n", number, node, (int)box->state,
                    p2p_right_state_word(right.below));
    }
    CHECK(right.below == due[box->state]);
    CHECK((right.block_count > 0) == (box->blocked[0] || box->blocked[1]));
    for (unsigned i = 0; i < DAY_LIGHTS; i++) {
        CHECK((right.lights[i] == 0) == box->green[i]);
    }
    if (box->state == DAY_PENDING || box->state == DAY_ACTIVE) {
        CHECK(right.chain_count == box->parties);
        for (unsigned i = 0; i < box->parties; i++) {
            CHECK(right.chain[i].party == world->parties[box->chain[i]]);
        }
        CHECK((right.driver.len > 0) == (box->driver != 0));
    }
}

static void test_a_day(void **state)
{
    static struct world world;
    static struct day day;
    (void)state;
    memset(&world, 0, sizeof(world));
    day_init(&day, 20261122);
    CHECK(day.allowed > DAY_BOXES / 2 && day.refused > DAY_BOXES && day.void_steps > 500);
    world_begin(&world);
    for (size_t from = 0; from < day.count;) {
        size_t to = from;
        while (to < day.count && day.steps[to].minute == day.steps[from].minute) {
            to++;
        }
        do_minute(&world, &day.steps[from], to - from);
        from = to;
    }
    network_advance(&world.net, 5000);
    network_agree(&world.net);
    for (unsigned box = 0; box < DAY_BOXES; box++) {
        compare_box(&world, TERMINAL_NODE, &day.boxes[box], box);
        compare_box(&world, BARGE_NODE, &day.boxes[box], box);
    }
    network_deinit(&world.net);
    day_deinit(&day);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_day)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
