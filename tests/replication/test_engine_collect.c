/* Whole engines release containers: what is asked of rights is ruled by itself, and a container
 * leaves once. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/collect.h>
#include <p2p/decision.h>
#include <p2p/forked.h>
#include <p2p/kind.h>

#include <stdio.h>
#include <string.h>

#define BOX    "CSQU3054383"
#define DRIVER "card:alfapass:1234567"
#define OTHER  "card:alfapass:7654321"
#define TRUCK  "plate:BE:1ABC234"

enum { KEY_OF_PARTY = 200, KEY_OF_SECOND = 210 };

/* Party "pM" of member M may do everything but approve, "sM" may approve and recount. */
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

static void start(uint32_t nodes, uint32_t witnesses, uint64_t seed)
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

static uint32_t issuer(const char *name)
{
    uint32_t up = net.nodes[1].engine != NULL ? 1 : 2;
    const struct p2p_issuer *found = p2p_charter_issuer_named(
        p2p_engine_ledger(net.nodes[up].engine)->charter, p2p_slice_text(name));
    CHECK(found != NULL);
    return found->number;
}

struct request {
    uint32_t kind;
    uint32_t node;
    bool second; /* by sM instead of pM */
    struct p2p_record_id cites[2];
    size_t cite_count;
    struct p2p_slice payload;
    struct p2p_slice content;
};

static enum p2p_err try_append(const struct request *request, struct p2p_record_id *id)
{
    char name[8];
    snprintf(name, sizeof(name), "%c%u", request->second ? 's' : 'p', request->node);
    struct p2p_issuer_secret key =
        world_issuer_key((request->second ? KEY_OF_SECOND : KEY_OF_PARTY) + request->node);
    const struct p2p_append record = {.kind = request->kind,
                                      .circle =
                                          network_circle_number(&net, request->node, "all"),
                                      .issuer = issuer(name),
                                      .key = &key,
                                      .cites = request->cites,
                                      .cite_count = request->cite_count,
                                      .payload = request->payload,
                                      .content = request->content};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(&net, request->node, &job, 1));
    *id = job.result.first;
    return job.result.err;
}

static struct p2p_record_id append(const struct request *request)
{
    struct p2p_record_id id;
    CHECK_OK(try_append(request, &id));
    return id;
}

static struct p2p_record_id open_box(uint32_t node, const char *box)
{
    uint8_t room[256];
    struct p2p_pack pack;
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_custody_open_pack(&pack, p2p_slice_text(box), p2p_slice_text("call"),
                                   p2p_slice_text("m1-f1")));
    return append(&(struct request){
        .kind = P2P_KIND_CUSTODY_OPEN, .node = node, .payload = p2p_pack_slice(&pack)});
}

static struct p2p_record_id issue(uint32_t node, struct p2p_record_id token, const char *box,
                                  const char *to)
{
    uint8_t room[512];
    struct p2p_pack pack;
    const struct p2p_right_draft draft = {
        .container = box, .bl = "BL1", .to = issuer(to), .expires_ms = net.wall_ms + 86400000};
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_right_issue_pack(&pack, &draft));
    return append(&(struct request){.kind = P2P_KIND_RIGHT_ISSUE,
                                    .node = node,
                                    .cites = {token},
                                    .cite_count = 1,
                                    .payload = p2p_pack_slice(&pack)});
}

static struct p2p_record_id ask(uint32_t node, uint32_t kind, struct p2p_record_id right,
                                const struct p2p_record_id *about,
                                const struct p2p_right_request *what)
{
    uint8_t room[1024];
    struct p2p_pack pack;
    struct p2p_circle_key key = network_circle_key("all", 1);
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_right_request_pack(&pack, what, &key, 1));
    return append(&(struct request){.kind = kind,
                                    .node = node,
                                    .second = kind == P2P_KIND_APPROVE,
                                    .cites = {right, about != NULL ? *about : right},
                                    .cite_count = about != NULL ? 2 : 1,
                                    .payload = p2p_pack_slice(&pack)});
}

static void assign(uint32_t node, struct p2p_record_id right, uint64_t slot_from_ms)
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
    ask(node, P2P_KIND_RIGHT_ASSIGN, right, NULL, &what);
}

static struct p2p_record_id set_light(uint32_t node, struct p2p_record_id right,
                                      enum p2p_light light, unsigned value)
{
    const struct p2p_right_request what = {.light = p2p_light_word(light),
                                           .value = p2p_light_value(light, value)};
    return ask(node, P2P_KIND_RIGHT_LIGHT, right, NULL, &what);
}

static void all_green(uint32_t node, struct p2p_record_id right)
{
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        set_light(node, right, (enum p2p_light)i, 0);
    }
}

static const struct p2p_right_request nothing = {.reason = NULL};

/* Everything that a release at node 1 needs, of a box opened there. */
static struct p2p_record_id make_ready(const char *box, struct p2p_record_id *token)
{
    *token = open_box(1, box);
    struct p2p_record_id right = issue(1, *token, box, "p1");
    ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    assign(1, right, 0);
    all_green(1, right);
    return right;
}

static void collect_job(struct p2p_job *job, const char *box, const char *driver,
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

static struct p2p_job last;

static enum p2p_answer collect(uint32_t node, const char *box, const char *driver)
{
    collect_job(&last, box, driver, "main");
    CHECK_OK(network_jobs(&net, node, &last, 1));
    CHECK_OK(last.result.err);
    return last.result.answer.answer;
}

static bool because(enum p2p_gate_code code)
{
    for (size_t i = 0; i < last.result.answer.reason_count; i++) {
        if (last.result.answer.reasons[i].code == code) {
            return true;
        }
    }
    return false;
}

static void tell_reasons(void)
{
    for (size_t i = 0; i < last.result.answer.reason_count; i++) {
        print_message("  %s\n", p2p_gate_code_word(last.result.answer.reasons[i].code));
    }
}

static struct p2p_custody custody_at(uint32_t node, struct p2p_record_id token)
{
    struct p2p_custody custody;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    CHECK_OK(p2p_custody_get(kv, network_circle_number(&net, node, "all"), &token, &custody));
    memory_kv_abort(net.nodes[node].kv);
    return custody;
}

static struct p2p_right right_at(uint32_t node, struct p2p_record_id id)
{
    struct p2p_right right;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    CHECK_OK(p2p_right_get(kv, network_circle_number(&net, node, "all"), &id, &right));
    memory_kv_abort(net.nodes[node].kv);
    return right;
}

/* ---- the audit ---- */

/* What the audit says a release was about is what its `use` names: token, right, approval. */
static void check_about(struct p2p_ledger *ledger, uint32_t feed,
                        const struct p2p_decision *decision,
                        const struct p2p_decided_collect *about)
{
    const struct p2p_record_id use = {feed, decision->use};
    const struct p2p_record_id *names[] = {&about->token, &about->right, &about->seconded};
    struct p2p_cites walk;
    struct p2p_record_id cite;
    struct p2p_entry entry;
    size_t count = 0;
    if (decision->answer != P2P_ANSWER_ALLOW || !decision->released || decision->repeated) {
        return;
    }
    CHECK_OK(p2p_ledger_entry(ledger, &use, &entry));
    p2p_cites_begin(&walk, &entry.record);
    while (p2p_cites_next(&walk, &cite)) {
        CHECK(count < 3 && p2p_record_id_compare(&cite, names[count]) == 0);
        count++;
    }
    CHECK(count == 2u + (about->seconded.feed != 0));
    CHECK(about->circle == entry.record.circle);
}

static void audit_one(struct p2p_past *past, struct p2p_ledger *ledger, const struct p2p_kv *kv,
                      const struct p2p_record_id *id, struct p2p_slice packed)
{
    static uint64_t sizes[NETWORK_NODES_MAX + 2];
    struct p2p_horizon horizon = {.sizes = sizes, .count = ledger->feed_count};
    struct p2p_decision decision;
    struct p2p_decided_again again;
    const struct p2p_decision_place place = {.feed = id->feed, .index = id->index};
    CHECK_OK(p2p_decision_parse(&decision, packed));
    CHECK_OK(p2p_decision_known(&decision, kv, id->feed, id->index, &horizon));
    CHECK_OK(p2p_decision_again(past, &horizon, &place, &decision, &again));
    if (again.decided > P2P_DECIDED_CLAIMED) {
        print_message("%s: said %s, should be %s\n", p2p_decided_word(again.decided),
                      p2p_answer_word(decision.answer), p2p_answer_word(again.should.answer));
        for (size_t i = 0; i < again.should.reason_count; i++) {
            print_message("  should: %s\n", p2p_gate_code_word(again.should.reasons[i].code));
        }
    }
    CHECK(again.decided <= P2P_DECIDED_CLAIMED);
    check_about(ledger, id->feed, &decision, &again.collect);
}

/* Computes every decision of a node once more from what it knew; returns how many there are. */
static unsigned audit(uint32_t node)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, network_feed(&net, node));
    struct p2p_past *past = NULL;
    struct p2p_arena arena;
    unsigned count = 0;
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 26);
    p2p_ledger_begin(ledger, kv, &arena);
    CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), ledger, kv));
    for (uint64_t i = 0; i < own->edge.size; i++) {
        const struct p2p_record_id id = {own->number, i};
        struct p2p_entry entry;
        struct p2p_decisions_walk walk;
        struct p2p_slice packed;
        CHECK_OK(p2p_ledger_entry(ledger, &id, &entry));
        if (entry.record.kind != P2P_KIND_DECISIONS) {
            continue;
        }
        p2p_decisions_begin(&walk, entry.payload);
        while (p2p_decisions_next(&walk, &packed) == P2P_OK) {
            audit_one(past, ledger, kv, &id, packed);
            count++;
        }
    }
    p2p_past_free(past);
    p2p_arena_deinit(&arena);
    memory_kv_abort(net.nodes[node].kv);
    return count;
}

/* ---- releases ---- */

/* Without this no container would ever leave, or one twice. */
static void test_a_container_leaves_once(void **state)
{
    struct p2p_record_id token;
    (void)state;
    start(3, 3, 1);
    struct p2p_record_id right = make_ready(BOX, &token);
    CHECK(collect(1, "MSCU1000070", DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_NO_RIGHT));
    CHECK(collect(1, BOX, OTHER) == P2P_ANSWER_REFUSE && because(P2P_GATE_WRONG_DRIVER));
    CHECK(last.result.answer.reason_count == 1);
    if (collect(1, BOX, DRIVER) != P2P_ANSWER_ALLOW) {
        tell_reasons();
    }
    CHECK(last.result.answer.answer == P2P_ANSWER_ALLOW && !last.result.spooled);
    CHECK(last.result.release.feed == 1);
    CHECK(custody_at(1, token).state == P2P_CUSTODY_RELEASED);
    CHECK(right_at(1, right).below == P2P_RIGHT_USED);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_USED));
    network_advance(&net, 3000);
    CHECK(custody_at(3, token).state == P2P_CUSTODY_RELEASED);
    CHECK(collect(2, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_USED));
    network_run(&net);
    network_agree(&net);
    CHECK(audit(1) == 4 && audit(2) == 1);
}

/* Two lanes that ask in the same moment let one truck out. */
static void test_two_lanes_at_once(void **state)
{
    struct p2p_record_id token;
    struct p2p_job lanes[3];
    (void)state;
    start(3, 3, 2);
    make_ready(BOX, &token);
    for (unsigned i = 0; i < 3; i++) {
        char gate[8];
        snprintf(gate, sizeof(gate), "lane-%u", i);
        collect_job(&lanes[i], BOX, DRIVER, gate);
    }
    CHECK_OK(network_jobs(&net, 1, lanes, 3));
    CHECK(lanes[0].result.answer.answer == P2P_ANSWER_ALLOW);
    CHECK(lanes[1].result.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(lanes[2].result.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(lanes[1].result.answer.reasons[0].code == P2P_GATE_USED);
    CHECK(lanes[1].result.release.feed == 0);
    CHECK(lanes[0].result.first.index == lanes[2].result.first.index); /* one record */
    CHECK(audit(1) == 3);
}

/* Whatever one of these forbids has to be told, each, and to forbid at once. */
static void test_everything_that_speaks_against_it(void **state)
{
    (void)state;
    start(3, 3, 3);
    struct p2p_record_id token = open_box(1, BOX);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_NO_RIGHT));
    struct p2p_record_id right = issue(1, token, BOX, "p1");
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_NOT_ACCEPTED));
    CHECK(because(P2P_GATE_LIGHT_COMMERCIAL) && because(P2P_GATE_LIGHT_CUSTOMS) &&
          because(P2P_GATE_LIGHT_DISCHARGE) && because(P2P_GATE_LIGHT_TERMINAL));
    ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_NOT_ACCEPTED));
    assign(1, right, net.wall_ms + 7200000);
    all_green(1, right);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_OUTSIDE_SLOT) &&
          last.result.answer.reason_count == 1);
    assign(1, right, net.wall_ms - 60000);
    struct p2p_record_id block = ask(1, P2P_KIND_RIGHT_BLOCK, right, NULL, &nothing);
    set_light(1, right, P2P_LIGHT_CUSTOMS, 2);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_BLOCKED) &&
          because(P2P_GATE_LIGHT_CUSTOMS) && last.result.answer.reason_count == 2);
    ask(1, P2P_KIND_RIGHT_UNBLOCK, right, &block, &nothing);
    set_light(1, right, P2P_LIGHT_CUSTOMS, 0);
    network_ban(&net, 2, "all", DRIVER);
    network_advance(&net, 1000);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_BANNED));
    CHECK(last.result.answer.reason_count == 1);
    CHECK(collect(1, BOX, OTHER) == P2P_ANSWER_REFUSE && because(P2P_GATE_BANNED) &&
          because(P2P_GATE_WRONG_DRIVER)); /* whom the right names, whoever stands there */
    CHECK(collect(2, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_CUSTODY_ELSEWHERE));
    CHECK(custody_at(1, token).state == P2P_CUSTODY_HELD);
    CHECK(audit(1) == 7 && audit(2) == 1);
}

static void start_mirrored(uint32_t nodes, uint64_t seed)
{
    start(nodes, nodes, seed);
    net.nodes[1].options.release_mirrored = true;
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    network_connect_all(&net);
    network_advance(&net, 3000);
}

/* A container that a court seized stays, though everything about its right is in order; and one
 * whose ban comes between the release and its answer. */
static void test_a_banned_container_stays(void **state)
{
    (void)state;
    start_mirrored(3, 3);
    struct p2p_record_id token = open_box(1, BOX);
    struct p2p_record_id right = issue(1, token, BOX, "p1");
    ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    assign(1, right, net.wall_ms - 60000);
    all_green(1, right);
    struct p2p_record_id ban = network_ban(&net, 2, "all", "container:" BOX);
    network_advance(&net, 1000);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_BANNED) &&
          last.result.answer.reason_count == 1);
    CHECK(custody_at(1, token).state == P2P_CUSTODY_HELD);
    network_lift(&net, 2, "all", &ban);
    network_advance(&net, 1000);
    network_cut(&net, 1, 2);
    network_cut(&net, 1, 3);
    collect(1, BOX, DRIVER); /* released, and not answered: nobody mirrors it */
    CHECK(custody_at(1, token).state == P2P_CUSTODY_RELEASED);
    network_ban(&net, 1, "all", "container:" BOX);
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_BANNED));
    audit(1);
}

/* A port that was cut off for longer than a lease, or has just begun, releases nothing. */
static void test_not_before_the_witnesses_answer(void **state)
{
    struct p2p_record_id token;
    (void)state;
    start(3, 3, 4);
    make_ready(BOX, &token);
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFER && because(P2P_GATE_CUSTODY_WAITING));
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW);
}

/* ---- rulings ---- */

/* A party at another port asks there; the holder of the token takes it by itself. */
static void test_what_is_asked_elsewhere_is_ruled(void **state)
{
    (void)state;
    start(3, 3, 5);
    struct p2p_record_id token = open_box(1, BOX);
    struct p2p_record_id right = issue(1, token, BOX, "p2");
    all_green(1, right);
    network_advance(&net, 1000);
    ask(2, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    assign(2, right, 0);
    CHECK(right_at(2, right).below == P2P_RIGHT_PENDING); /* asked, and not ruled */
    network_run(&net);
    struct p2p_right ruled = right_at(1, right);
    CHECK(ruled.below == P2P_RIGHT_ACTIVE && ruled.assigned_by.feed == 2);
    CHECK(ruled.unruled_count == 0);
    CHECK(right_at(2, right).below == P2P_RIGHT_ACTIVE);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* What was asked while custody waited is taken when it is ready. */
static void test_what_waited_is_ruled(void **state)
{
    (void)state;
    start(3, 3, 6);
    struct p2p_record_id token = open_box(1, BOX);
    struct p2p_record_id right = issue(1, token, BOX, "p1");
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    CHECK(right_at(1, right).below == P2P_RIGHT_PENDING);
    CHECK(right_at(1, right).unruled_count == 1);
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(right_at(1, right).below == P2P_RIGHT_ACTIVE);
}

/* Many requests in one record, as many records as they need. */
static void test_many_at_once(void **state)
{
    enum { RIGHTS = 40 };
    struct p2p_record_id rights[RIGHTS];
    (void)state;
    start(3, 3, 7);
    struct p2p_record_id token = open_box(1, BOX);
    for (unsigned i = 0; i < RIGHTS; i++) {
        rights[i] = issue(1, token, BOX, "p2");
    }
    network_advance(&net, 1000);
    net.pipes[2][1].held = true;
    for (unsigned i = 0; i < RIGHTS; i++) {
        ask(2, P2P_KIND_RIGHT_ACCEPT, rights[i], NULL, &nothing);
    }
    uint64_t before = network_size(&net, 1, 1);
    net.pipes[2][1].held = false;
    CHECK(network_deliver(&net, 2, 1, 1u << 20));
    CHECK(network_size(&net, 1, 1) <= before + 2); /* a `seen`, and one `ruled` */
    for (unsigned i = 0; i < RIGHTS; i++) {
        CHECK(right_at(1, rights[i]).below == P2P_RIGHT_ACTIVE);
    }
}

/* A cut point of p1's that lies below the last `assign`, and above the one before. */
static void cut_party(uint64_t index)
{
    static struct world_draft draft;
    static char note[P2P_NOTE_BYTES_MAX];
    size_t len = 0;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    CHECK_OK(p2p_quorum_note(p2p_engine_ledger(net.nodes[2].engine)->charter, kv, 1, note,
                             sizeof(note), &len));
    memory_kv_abort(net.nodes[2].kv);
    world_draft(&draft);
    const struct p2p_op_revoke op = {.issuer = "p1",
                                     .feed = "m1/1",
                                     .index = index,
                                     .note = p2p_slice_of((const uint8_t *)note, len)};
    p2p_op_revoke_pack(&draft.ops, &op);
    world_op(&draft);
    network_give(&net, 1, network_entry(&net, &draft));
}

/* Without this, what was found good for one release would be good for the next one, whatever
 * the charter says meanwhile: all that these rights rest on stands in the same rulings. */
static void test_a_cut_point_between_two_collects(void **state)
{
    static const char *const boxes[] = {BOX, "MSCU1000070", "HBMU2699702"};
    struct p2p_record_id tokens[3];
    struct p2p_record_id rights[3];
    uint64_t cut = 0;
    (void)state;
    start(3, 3, 17);
    for (unsigned i = 0; i < 3; i++) {
        tokens[i] = open_box(1, boxes[i]);
        rights[i] = issue(1, tokens[i], boxes[i], "p1");
        all_green(1, rights[i]);
        ask(1, P2P_KIND_RIGHT_ACCEPT, rights[i], NULL, &nothing);
    }
    for (unsigned i = 0; i < 3; i++) {
        cut = i == 2 ? network_size(&net, 1, 1) : cut;
        assign(1, rights[i], 0);
    }
    network_advance(&net, 3000);
    CHECK(collect(1, boxes[0], DRIVER) == P2P_ANSWER_ALLOW);
    network_advance(&net, 3000);
    cut_party(cut);
    CHECK(collect(1, boxes[2], DRIVER) == P2P_ANSWER_REFUSE);
    CHECK(because(P2P_GATE_NOT_ACCEPTED));                   /* nobody is assigned */
    CHECK(collect(1, boxes[1], DRIVER) == P2P_ANSWER_ALLOW); /* signed before */
    CHECK(custody_at(1, tokens[2]).state == P2P_CUSTODY_HELD);
    network_run(&net);
    network_agree(&net);
    CHECK(audit(1) == 3);
}

/* A terminal whose container another port let in would not know why it may not let it go: the
 * refusal names the record by which it is over. */
static void test_a_container_that_came_in_elsewhere(void **state)
{
    struct p2p_record_id token;
    struct p2p_pack pack;
    uint8_t bytes[128];
    (void)state;
    start(3, 3, 18);
    make_ready(BOX, &token);
    network_advance(&net, 1000);
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_gate_in_pack(&pack, p2p_slice_text(BOX), p2p_slice_text("m2-f1")));
    struct p2p_record_id gate_in = append(&(struct request){.kind = P2P_KIND_CUSTODY_GATE_IN,
                                                            .node = 2,
                                                            .cites = {token},
                                                            .cite_count = 1,
                                                            .payload = p2p_pack_slice(&pack)});
    network_advance(&net, 1000);
    CHECK(custody_at(1, token).state == P2P_CUSTODY_CLOSED);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && last.result.answer.reason_count == 1);
    const struct p2p_gate_reason *why = &last.result.answer.reasons[0];
    CHECK(why->code == P2P_GATE_NO_RIGHT && why->has_record);
    CHECK(p2p_record_id_compare(&why->record, &gate_in) == 0);
    CHECK(audit(1) == 1);
}

/* ---- overrides ---- */

/* Two issuers and a reason overrule lights and slot, never a ban. */
static void test_an_override(void **state)
{
    (void)state;
    start(3, 3, 8);
    struct p2p_record_id token = open_box(1, BOX);
    struct p2p_record_id right = issue(1, token, BOX, "p1");
    ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    assign(1, right, net.wall_ms + 7200000);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_LIGHT_CUSTOMS) &&
          because(P2P_GATE_OUTSIDE_SLOT));
    const struct p2p_right_request why = {.container = BOX, .reason = "reefer fails"};
    struct p2p_record_id asked = ask(1, P2P_KIND_OVERRIDE, right, NULL, &why);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE);
    struct p2p_record_id seconded = ask(1, P2P_KIND_APPROVE, right, &asked, &nothing);
    struct p2p_right now = right_at(1, right);
    CHECK(p2p_record_id_compare(&now.override.seconded, &seconded) == 0);
    CHECK(collect(1, BOX, OTHER) == P2P_ANSWER_REFUSE && because(P2P_GATE_WRONG_DRIVER) &&
          last.result.answer.reason_count == 1);
    if (collect(1, BOX, DRIVER) != P2P_ANSWER_ALLOW) {
        tell_reasons();
    }
    CHECK(last.result.answer.answer == P2P_ANSWER_ALLOW);
    CHECK(custody_at(1, token).state == P2P_CUSTODY_RELEASED);
    CHECK(audit(1) == 4);
}

/* ---- custody that passed on ---- */

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

static struct p2p_record_id step(uint32_t node, uint32_t kind, struct p2p_record_id token,
                                 const struct p2p_record_id *offer, uint64_t epoch, uint32_t to,
                                 uint32_t rests)
{
    static char room[P2P_CUSTODY_NOTE_BYTES];
    uint8_t bytes[P2P_CUSTODY_NOTE_BYTES + 64];
    struct p2p_pack pack;
    struct p2p_slice note = rests != 0 ? note_of(node, rests, room) : (struct p2p_slice){0};
    const struct p2p_custody_step what = {
        .epoch = epoch, .to = to, .rests = &note, .rests_count = rests != 0};
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    return append(&(struct request){.kind = kind,
                                    .node = node,
                                    .cites = {token, offer != NULL ? *offer : token},
                                    .cite_count = offer != NULL ? 2 : 1,
                                    .content = p2p_pack_slice(&pack)});
}

/* A barge takes a box from one port to the other: only who holds it releases it, and carries
 * the checkpoint that shows it. */
static void test_who_took_it_over_releases(void **state)
{
    struct p2p_record_id token;
    (void)state;
    start(4, 4, 9);
    struct p2p_record_id right = make_ready(BOX, &token);
    network_advance(&net, 2000);
    struct p2p_record_id offer = step(1, P2P_KIND_CUSTODY_OFFER, token, NULL, 2, 2, 0);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_CUSTODY_ELSEWHERE));
    network_advance(&net, 2000);
    step(2, P2P_KIND_CUSTODY_ACCEPT, token, &offer, 2, 0, 1);
    CHECK(custody_at(2, token).holder == 2);
    CHECK(collect(2, BOX, DRIVER) == P2P_ANSWER_REFER &&
          because(P2P_GATE_CUSTODY_WAITING)); /* nobody has cosigned the accept */
    const struct p2p_right_request hold = {.light = "terminal", .value = "hold"};
    ask(2, P2P_KIND_RIGHT_LIGHT, right, NULL, &hold);
    network_advance(&net, 2000);
    set_light(2, right, P2P_LIGHT_TERMINAL, 0); /* ruled there, with the checkpoint */
    network_run(&net);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_CUSTODY_ELSEWHERE));
    if (collect(2, BOX, DRIVER) != P2P_ANSWER_ALLOW) {
        tell_reasons();
    }
    CHECK(last.result.answer.answer == P2P_ANSWER_ALLOW);
    network_advance(&net, 2000);
    CHECK(custody_at(1, token).state == P2P_CUSTODY_RELEASED);
    network_agree(&net);
    CHECK(audit(1) == 2 && audit(2) == 2);
}

/* A port that cannot know whether it gave a token away does not pass it on. */
static void test_nothing_passes_on_before_the_witnesses_answer(void **state)
{
    struct p2p_record_id id;
    struct p2p_pack pack;
    uint8_t bytes[128];
    const struct p2p_custody_step what = {.epoch = 2, .to = 2};
    (void)state;
    start(3, 3, 11);
    struct p2p_record_id token = open_box(1, BOX);
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    const struct request offer = {.kind = P2P_KIND_CUSTODY_OFFER,
                                  .node = 1,
                                  .cites = {token},
                                  .cite_count = 1,
                                  .content = p2p_pack_slice(&pack)};
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    CHECK_ERR(try_append(&offer, &id), P2P_BUSY);
    network_connect_all(&net);
    network_run(&net);
    CHECK_OK(try_append(&offer, &id));
    CHECK(custody_at(1, token).state == P2P_CUSTODY_OFFERED);
}

static void draft_lease(struct world_draft *draft)
{
    const struct p2p_policy policy = {
        .lease_s = 120, .heartbeat_s = 60, .fresh_cosignature_s = 900, .clock_skew_s = 300};
    world_draft(draft);
    p2p_op_policy_pack(&draft->ops, &policy);
    world_op(draft);
}

static void shorten_lease(void)
{
    static struct world_draft draft;
    draft_lease(&draft);
    network_give(&net, 2, network_entry(&net, &draft));
    network_advance(&net, 2000);
}

/* The charter gives two tokens of a lost port to another one; a lease of two minutes. */
static void reassign(struct p2p_record_id token, struct p2p_record_id other)
{
    static struct world_draft draft;
    const struct p2p_record_id tokens[] = {token, other};
    draft_lease(&draft);
    for (size_t i = 0; i < 2; i++) {
        const struct p2p_op_reassign op = {
            .feed = "m1/1", .index = tokens[i].index, .epoch = 2, .member = "m2"};
        p2p_op_reassign_pack(&draft.ops, &op);
        world_op(&draft);
    }
    network_give(&net, 3, network_entry(&net, &draft));
}

/* The seals that are known at a node. */
static size_t seals_at(uint32_t node, uint64_t entry, struct p2p_record_id *seals)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    struct p2p_arena arena;
    size_t count = 0;
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 20);
    p2p_ledger_begin(ledger, kv, &arena);
    for (uint32_t feed = 2; feed <= 4; feed++) {
        uint64_t at = 0;
        if (p2p_known_first(ledger, feed, P2P_CHARTER_FEED, entry, &at) == P2P_OK) {
            seals[count++] = (struct p2p_record_id){feed, at};
        }
    }
    p2p_arena_deinit(&arena);
    memory_kv_abort(net.nodes[node].kv);
    return count;
}

static enum p2p_err recount(uint64_t epoch, bool second, struct p2p_record_id token,
                            const struct p2p_record_id *first, struct p2p_record_id *id)
{
    uint8_t bytes[512];
    struct p2p_pack pack;
    struct p2p_record_id seals[4];
    const struct p2p_custody_step what = {.epoch = epoch,
                                          .found = "held",
                                          .seals = seals,
                                          .seal_count =
                                              seals_at(2, net.entry_count - 1, seals)};
    CHECK(what.seal_count >= 2);
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    const struct request request = {.kind = P2P_KIND_RECOUNT,
                                    .node = 2,
                                    .second = second,
                                    .cites = {token, first != NULL ? *first : token},
                                    .cite_count = first != NULL ? 2 : 1,
                                    .content = p2p_pack_slice(&pack)};
    return try_append(&request, id);
}

/* Until the lease of who was replaced has ended two ports could release; a restart cannot tell
 * how long it has run. Of all that its witnesses sealed at once it is one wait: a yard of
 * thousands would never be over. */
static void test_who_takes_over_waits(void **state)
{
    struct p2p_record_id first;
    struct p2p_record_id second;
    (void)state;
    start(4, 4, 12);
    struct p2p_record_id token = open_box(1, BOX);
    network_advance(&net, 2000);
    struct p2p_record_id other = open_box(1, "MSCU1000070");
    network_advance(&net, 2000);
    network_kill(&net, 1);
    reassign(token, other);
    network_advance(&net, 130000); /* the others say that they hold the entry */
    CHECK(custody_at(2, token).frozen != 0);
    CHECK_ERR(recount(2, false, token, NULL, &first), P2P_BUSY);
    network_advance(&net, 100000);
    CHECK_ERR(recount(2, false, token, NULL, &first), P2P_BUSY);
    network_kill(&net, 2);
    CHECK_OK(network_open(&net, 2));
    network_connect_all(&net);
    network_advance(&net, 60000);
    CHECK_ERR(recount(2, false, token, NULL, &first), P2P_BUSY); /* it begins again */
    network_advance(&net, 133000);
    CHECK_OK(recount(2, false, token, NULL, &first));
    CHECK_OK(recount(2, true, token, &first, &second));
    struct p2p_custody custody = custody_at(2, token);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.holder == 2 && custody.epoch == 2);
    CHECK(custody.frozen == 0);
    CHECK_OK(recount(2, false, other, NULL, &first));
    CHECK_OK(recount(2, true, other, &first, &second));
    custody = custody_at(2, other);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.holder == 2 && custody.frozen == 0);
}

/* How much of a feed a quorum has cosigned, as a node holds it. */
static uint64_t witnessed_at(uint32_t node, uint32_t feed)
{
    return p2p_engine_witnessing(net.nodes[node].engine, feed)->quorum_size;
}

static void cut_off(uint32_t node)
{
    for (uint32_t other = 1; other <= 4; other++) {
        if (other != node) {
            network_cut(&net, node, other);
        }
    }
}

/* A port that released while it was cut off, as its lease allows, and was replaced meanwhile,
 * got no cosignature any more, for ever. One that offered what is another's by then gets none:
 * whoever knows of nothing else could accept it. */
static void test_who_was_replaced_unheard_goes_on_unless_it_offered(void **state)
{
    static uint8_t bytes[64];
    struct p2p_record_id token;
    struct p2p_record_id offer;
    struct p2p_pack pack;
    (void)state;
    start(4, 4, 62);
    make_ready(BOX, &token);
    struct p2p_record_id other = open_box(1, "MSCU1000070");
    network_advance(&net, 3000);
    cut_off(1);
    reassign(token, other);
    network_advance(&net, 65000); /* the others say that they hold the entry */
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW);
    struct p2p_record_id use = last.result.release;
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(witnessed_at(2, 1) > use.index);
    const struct p2p_custody_step what = {.epoch = 2, .to = 2};
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    offer = append(&(struct request){.kind = P2P_KIND_CUSTODY_OFFER,
                                     .node = 1,
                                     .cites = {other},
                                     .cite_count = 1,
                                     .content = p2p_pack_slice(&pack)});
    network_advance(&net, 5000);
    CHECK(witnessed_at(2, 1) > use.index && witnessed_at(2, 1) <= offer.index);
    open_box(1, "HBMU2699702");
    network_advance(&net, 5000);
    CHECK(witnessed_at(2, 1) <= offer.index);
}

/* Two ports that each opened a container could neither release it, or both. */
static void test_the_roots_keep_one_open(void **state)
{
    static struct world_draft draft;
    struct p2p_record_id first;
    struct p2p_record_id second;
    (void)state;
    start(4, 4, 61);
    for (uint32_t a = 1; a <= 4; a++) {
        for (uint32_t b = a + 1; b <= 4; b++) {
            network_cut(&net, a, b);
        }
    }
    struct p2p_record_id goes = open_box(1, BOX);
    struct p2p_record_id kept = open_box(2, BOX);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(custody_at(2, kept).frozen == P2P_FROZEN_RIVAL);
    CHECK(custody_at(1, goes).frozen == P2P_FROZEN_RIVAL);
    network_kill(&net, 1);
    const struct p2p_op_open other = {.feed = "m1/1", .index = goes.index};
    const struct p2p_op_settle_opens op = {
        .keep = {.feed = "m2/1", .index = kept.index}, .others = &other, .other_count = 1};
    draft_lease(&draft);
    p2p_op_settle_opens_pack(&draft.ops, &op);
    world_op(&draft);
    network_give(&net, 3, network_entry(&net, &draft));
    network_advance(&net, 130000);
    CHECK_ERR(recount(1, false, kept, NULL, &first), P2P_BUSY);
    network_advance(&net, 133000);
    CHECK_OK(recount(1, false, kept, NULL, &first));
    CHECK(custody_at(2, kept).frozen == P2P_FROZEN_RIVAL);
    CHECK_OK(recount(1, true, kept, &first, &second));
    CHECK(custody_at(2, goes).state == P2P_CUSTODY_WITHDRAWN);
    CHECK(custody_at(2, kept).state == P2P_CUSTODY_HELD && custody_at(2, kept).frozen == 0);
    CHECK_OK(network_open(&net, 1));
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(custody_at(1, goes).state == P2P_CUSTODY_WITHDRAWN);
}

static void withdraw(uint32_t node, struct p2p_record_id token)
{
    uint8_t bytes[64];
    const struct p2p_custody_step what = {.epoch = 1};
    struct p2p_pack pack;
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    append(&(struct request){.kind = P2P_KIND_CUSTODY_WITHDRAW,
                             .node = node,
                             .cites = {token},
                             .cite_count = 1,
                             .content = p2p_pack_slice(&pack)});
}

/* A withdrawal that only two have heard of goes with the disk of who wrote it, or is none any
 * more where its feed is sealed; the other open of the container would have been released. */
static void test_a_withdrawal_counts_once_it_is_witnessed(void **state)
{
    struct p2p_record_id kept;
    (void)state;
    start(4, 4, 63);
    for (uint32_t a = 1; a <= 4; a++) {
        for (uint32_t b = a + 1; b <= 4; b++) {
            network_cut(&net, a, b);
        }
    }
    struct p2p_record_id goes = open_box(2, BOX);
    make_ready(BOX, &kept);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(collect(1, BOX, DRIVER) != P2P_ANSWER_ALLOW && because(P2P_GATE_CUSTODY_FROZEN));
    for (uint32_t other = 3; other <= 4; other++) { /* nobody but the two hears of it */
        network_cut(&net, 1, other);
        network_cut(&net, 2, other);
    }
    withdraw(2, goes);
    network_advance(&net, 2000);
    CHECK(custody_at(1, goes).state == P2P_CUSTODY_WITHDRAWN);
    CHECK(custody_at(1, kept).frozen == 0);
    CHECK(collect(1, BOX, DRIVER) != P2P_ANSWER_ALLOW && because(P2P_GATE_CUSTODY_WAITING));
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW);
    CHECK(audit(1) == 3);
}

/* ---- mirrored ---- */

/* A release that nobody else holds yet is told, and answered allow once when somebody does. */
static void test_the_same_question_is_the_same_release(void **state)
{
    struct p2p_record_id token;
    (void)state;
    start(3, 3, 10);
    make_ready(BOX, &token);
    network_kill(&net, 1);
    net.nodes[1].options.release_mirrored = true;
    CHECK_OK(network_open(&net, 1));
    network_connect_all(&net);
    network_advance(&net, 3000);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW); /* the caller waits until it is held */
    struct p2p_record_id release = last.result.release;
    CHECK(release.feed == 1 && p2p_engine_mirrored(net.nodes[1].engine) <= release.index);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFER && because(P2P_GATE_NOT_MIRRORED));
    CHECK(last.result.release.feed == 0);
    CHECK(collect(1, BOX, OTHER) == P2P_ANSWER_REFUSE && because(P2P_GATE_USED));
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW); /* once */
    CHECK(!p2p_engine_release_take(net.nodes[1].engine, &release));
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_USED));
    CHECK(audit(1) == 5);
}

/* Without this, who was told to wait on the last visit would be let out with what stands there
 * for somebody else on this one, on a release that is not of it. */
static void test_a_later_visit_is_another_question(void **state)
{
    struct p2p_record_id token;
    struct p2p_record_id later;
    (void)state;
    start_mirrored(3, 14);
    make_ready(BOX, &token);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW); /* nobody waits for its answer */
    network_advance(&net, 500);
    later = open_box(1, BOX);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_NO_RIGHT));
    struct p2p_record_id right = issue(1, later, BOX, "p1");
    ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    assign(1, right, 0);
    all_green(1, right);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW);
    CHECK(last.result.release.feed == 1);
    CHECK(custody_at(1, later).state == P2P_CUSTODY_RELEASED);
    uint64_t use = last.result.release.index;
    network_advance(&net, 500);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW && last.check.use == use); /* once */
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_USED));
    CHECK(audit(1) == 5);
}

/* Without this, a container would leave that customs blocked while its driver waited for the
 * answer: it leaves on that, not on the record. */
static void test_a_late_answer_looks_at_what_came_since(void **state)
{
    struct p2p_record_id token;
    (void)state;
    start_mirrored(3, 16);
    struct p2p_record_id right = make_ready(BOX, &token);
    network_advance(&net, 3000);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW); /* the caller waits until it is held */
    struct p2p_record_id release = last.result.release;
    ask(2, P2P_KIND_RIGHT_BLOCK, right, NULL, &nothing);
    network_advance(&net, 500);
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) > release.index);
    CHECK(!p2p_engine_release_take(net.nodes[1].engine, &release)); /* nor who waits */
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_BLOCKED));
    CHECK(last.result.answer.reason_count == 1);
    CHECK(custody_at(1, token).state == P2P_CUSTODY_RELEASED);
    set_light(1, right, P2P_LIGHT_CUSTOMS, 2);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_LIGHT_CUSTOMS));
    ask(1, P2P_KIND_RIGHT_CANCEL, right, NULL, &nothing);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE && because(P2P_GATE_NO_RIGHT));
    CHECK(last.result.answer.reason_count == 3);
    CHECK(audit(1) == 4); /* each of these can be computed again */
}

/* What was known and overruled when the container was released is no reason later. */
static void test_a_late_answer_is_not_of_what_was_overruled(void **state)
{
    struct p2p_record_id token;
    (void)state;
    start_mirrored(3, 17);
    struct p2p_record_id right = make_ready(BOX, &token);
    set_light(2, right, P2P_LIGHT_CUSTOMS, 2);
    network_advance(&net, 3000);
    const struct p2p_right_request why = {.container = BOX, .reason = "reefer fails"};
    struct p2p_record_id asked = ask(1, P2P_KIND_OVERRIDE, right, NULL, &why);
    ask(1, P2P_KIND_APPROVE, right, &asked, &nothing);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW);
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW); /* once */
    CHECK(audit(1) == 2);
}

/* Without this, who was cut off would let a container out when another holds it by now. */
static void test_a_late_answer_needs_the_lease(void **state)
{
    struct p2p_record_id token;
    (void)state;
    start_mirrored(4, 15);
    shorten_lease();
    make_ready(BOX, &token);
    for (uint32_t i = 2; i <= 4; i++) {
        net.pipes[1][i].held = net.pipes[i][1].held = true;
    }
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW); /* the caller waits in vain */
    struct p2p_record_id release = last.result.release;
    network_advance(&net, 130000);
    net.pipes[1][2].held = net.pipes[2][1].held = false;
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) > release.index);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_REFER && because(P2P_GATE_LEASE_OVER));
    for (uint32_t i = 3; i <= 4; i++) {
        net.pipes[1][i].held = net.pipes[i][1].held = false;
    }
    network_connect_all(&net);
    network_advance(&net, 60000);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW); /* once */
    CHECK(audit(1) == 3);
}

/* A port that is started over from before a release, or writes another history, could release
 * the same container again: whoever heard of the first release carries it on. */
static void test_a_release_outlives_its_branch(void **state)
{
    struct p2p_record_id token;
    struct p2p_record record;
    struct p2p_slice leaf;
    (void)state;
    start(4, 4, 60);
    make_ready(BOX, &token);
    network_advance(&net, 65000);
    struct network_node *n = &net.nodes[1];
    struct memory_kv *before = memory_kv_clone(n->kv);
    struct p2p_engine_options options = n->options;
    for (uint32_t a = 1; a <= 4; a++) {
        for (uint32_t b = a + 1; b <= 4; b++) {
            network_cut(&net, a, b);
        }
    }
    network_connect(&net, 1, 2);
    network_run(&net);
    CHECK(collect(1, BOX, DRIVER) == P2P_ANSWER_ALLOW);
    struct p2p_record_id use = last.result.release;
    network_run(&net);
    CHECK(custody_at(2, token).state == P2P_CUSTODY_RELEASED);
    network_kill(&net, 1);
    memory_kv_free(n->kv);
    n->kv = before;
    n->options = options;
    n->watch = (struct network_watch){.count = 0};
    CHECK_OK(network_open(&net, 1));
    network_connect(&net, 1, 3);
    network_run(&net);
    CHECK_OK(network_notes(&net, 1, 1));
    network_run(&net);
    network_kill(&net, 1);
    network_connect(&net, 2, 3);
    network_connect(&net, 2, 4);
    network_connect(&net, 3, 4);
    network_advance(&net, 8000);
    network_agree(&net);
    for (uint32_t node = 2; node <= 4; node++) {
        struct p2p_custody custody = custody_at(node, token);
        CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_FORKED);
        CHECK(custody.step.feed == network_feed(&net, 2));
        CHECK(network_size(&net, node, use.feed) <= use.index);
        const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
        const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[node].engine);
        CHECK_OK(p2p_feed_leaf(p2p_ledger_feed(ledger, custody.step.feed), kv,
                               custody.step.index, &leaf));
        CHECK_OK(p2p_record_decode(&record, leaf));
        CHECK(record.kind == P2P_KIND_RESCUED);
        memory_kv_abort(net.nodes[node].kv);
    }
}

/* A node in whose feed a request stood that a fork takes wrote rulings of it without end, until
 * the feed was cut: nobody knows what stands above that end, so it went on waiting. */
static void test_what_a_fork_takes_is_ruled_once_at_most(void **state)
{
    struct p2p_forked forked;
    (void)state;
    start(4, 4, 64);
    struct p2p_record_id token = open_box(1, BOX);
    struct p2p_record_id right = issue(1, token, BOX, "p2");
    network_advance(&net, 65000);
    struct network_node *n = &net.nodes[2];
    struct memory_kv *before = memory_kv_clone(n->kv);
    struct p2p_engine_options options = n->options;
    cut_off(1);
    cut_off(2);
    network_restart(&net, 1); /* it rules nothing before its witnesses answer */
    network_connect(&net, 1, 2);
    network_advance(&net, 500);
    struct p2p_record_id asked = ask(2, P2P_KIND_RIGHT_ACCEPT, right, NULL, &nothing);
    network_advance(&net, 500);
    CHECK(right_at(1, right).unruled_count == 1);
    network_kill(&net, 2);
    memory_kv_free(n->kv);
    n->kv = before;
    n->options = options;
    n->watch = (struct network_watch){.count = 0};
    CHECK_OK(network_open(&net, 2));
    network_connect(&net, 2, 3);
    network_connect(&net, 2, 4);
    network_run(&net);
    CHECK_OK(network_notes(&net, 2, 1));
    network_advance(&net, 500);
    network_kill(&net, 2);
    uint64_t size = network_size(&net, 1, 1);
    network_connect(&net, 1, 3);
    network_connect(&net, 1, 4);
    network_advance(&net, 1500); /* it knows of the fork, and waits before it cuts */
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK_OK(p2p_forked_get(p2p_engine_ledger(net.nodes[1].engine), kv, 2, &forked));
    memory_kv_abort(net.nodes[1].kv);
    CHECK(forked.size > 0 && forked.size <= asked.index);
    CHECK(network_size(&net, 1, 2) > asked.index);
    CHECK(network_size(&net, 1, 1) - size < 12);
    network_advance(&net, 8000);
    CHECK(network_size(&net, 1, 2) == forked.size);
    CHECK(network_size(&net, 1, 1) - size < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_container_leaves_once, network_stop),
        cmocka_unit_test_teardown(test_two_lanes_at_once, network_stop),
        cmocka_unit_test_teardown(test_everything_that_speaks_against_it, network_stop),
        cmocka_unit_test_teardown(test_a_banned_container_stays, network_stop),
        cmocka_unit_test_teardown(test_not_before_the_witnesses_answer, network_stop),
        cmocka_unit_test_teardown(test_what_is_asked_elsewhere_is_ruled, network_stop),
        cmocka_unit_test_teardown(test_what_waited_is_ruled, network_stop),
        cmocka_unit_test_teardown(test_many_at_once, network_stop),
        cmocka_unit_test_teardown(test_a_cut_point_between_two_collects, network_stop),
        cmocka_unit_test_teardown(test_a_container_that_came_in_elsewhere, network_stop),
        cmocka_unit_test_teardown(test_an_override, network_stop),
        cmocka_unit_test_teardown(test_who_took_it_over_releases, network_stop),
        cmocka_unit_test_teardown(test_who_takes_over_waits, network_stop),
        cmocka_unit_test_teardown(test_who_was_replaced_unheard_goes_on_unless_it_offered,
                                  network_stop),
        cmocka_unit_test_teardown(test_the_roots_keep_one_open, network_stop),
        cmocka_unit_test_teardown(test_a_withdrawal_counts_once_it_is_witnessed, network_stop),
        cmocka_unit_test_teardown(test_nothing_passes_on_before_the_witnesses_answer,
                                  network_stop),
        cmocka_unit_test_teardown(test_the_same_question_is_the_same_release, network_stop),
        cmocka_unit_test_teardown(test_a_later_visit_is_another_question, network_stop),
        cmocka_unit_test_teardown(test_a_late_answer_looks_at_what_came_since, network_stop),
        cmocka_unit_test_teardown(test_a_late_answer_is_not_of_what_was_overruled,
                                  network_stop),
        cmocka_unit_test_teardown(test_a_late_answer_needs_the_lease, network_stop),
        cmocka_unit_test_teardown(test_a_release_outlives_its_branch, network_stop),
        cmocka_unit_test_teardown(test_what_a_fork_takes_is_ruled_once_at_most, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
