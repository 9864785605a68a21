#include "check.h"
#include "ledger_node.h"

#include <p2p/gate.h>

#include <stdio.h>
#include <stdlib.h>

#define NOW LEDGER_WORLD_TIME_MS

struct fixture {
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_gate_place place;
    struct p2p_gate_check check;
    struct p2p_gate_answer answer;
};

/* A gate at BEANR that looks into both circles. */
static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    ledger_world_init(&f->world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        ledger_world_seen(&f->world, member);
    }
    ledger_node_init(&f->node, &f->world, 0);
    snprintf(f->place.locode, sizeof(f->place.locode), "BEANR");
    for (uint32_t circle = CIRCLE_ALL; circle <= CIRCLE_PAIR; circle++) {
        f->place.circles[f->place.circle_count++] = circle;
        f->place.keys[f->place.key_count++] =
            (struct p2p_circle_secret){circle, 1, ledger_world_key(circle, 1)};
    }
    snprintf(f->check.gate, sizeof(f->check.gate), "quay-1");
    f->check.own_ms = NOW;
}

static void end(struct fixture *f)
{
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

static void ask_for(struct fixture *f, const char *purpose, const char *const *subjects,
                    size_t count)
{
    snprintf(f->check.purpose, sizeof(f->check.purpose), "%s", purpose);
    f->check.subject_count = count;
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(p2p_subject_parse(&f->check.subjects[i], p2p_slice_text(subjects[i])));
    }
}

/* Takes what is written since and decides, on a copy of the store: not the ledger's own
 * transaction, which is over. */
static void decide(struct fixture *f)
{
    ledger_node_take_all(&f->node);
    struct memory_kv *copy = memory_kv_clone(f->node.store);
    CHECK_OK(p2p_gate_decide(&f->node.ledger, memory_kv_begin(copy), &f->place, &f->check,
                             &f->answer));
    memory_kv_free(copy);
    CHECK(f->answer.reason_count <= f->answer.reasons_total);
}

/* One subject, one purpose; the answer, and its only reason ("" for none). */
static void check_answer(struct fixture *f, const char *subject, const char *purpose,
                         const char *answer, const char *code)
{
    ask_for(f, purpose, &subject, 1);
    decide(f);
    if (strcmp(p2p_answer_word(f->answer.answer), answer) != 0 ||
        f->answer.reason_count != (code[0] != '\0')) {
        print_error("%s %s: %s with %zu reasons\n", subject, purpose,
                    p2p_answer_word(f->answer.answer), f->answer.reason_count);
    }
    CHECK(strcmp(p2p_answer_word(f->answer.answer), answer) == 0);
    CHECK(f->answer.reason_count == (code[0] != '\0'));
    CHECK(f->answer.reasons_total == f->answer.reason_count);
    CHECK(code[0] == '\0' || strcmp(p2p_gate_code_word(f->answer.reasons[0].code), code) == 0);
}

static struct p2p_record_id ban(struct fixture *f, const char *subject,
                                const struct ledger_ban *options)
{
    struct ledger_ban draft = *options;
    draft.subject = subject;
    draft.ground = P2P_GROUND_COURT;
    return ledger_world_ban(&f->world, 1, COURT_1, &draft);
}

static struct p2p_record_id by_court(struct fixture *f, enum p2p_kind_number kind,
                                     struct p2p_record_id cited)
{
    return ledger_world_act(&f->world, 1, COURT_1, kind, CIRCLE_ALL, &cited, 1);
}

static const struct ledger_ban plain = {0};

/* ---- what is banned ---- */

/* Without this, a banned ship would pass, an innocent one be stopped, or nobody could tell
 * which record stopped it. */
static void test_banned(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    check_answer(&f, "imo:9179842", "call", "allow", "");
    struct p2p_record_id id = ban(&f, "imo:9179842", &plain);
    check_answer(&f, "imo:9179842", "call", "refuse", "banned");
    CHECK(f.answer.reasons[0].has_record && f.answer.reasons[0].circle == CIRCLE_ALL);
    CHECK(p2p_record_id_compare(&f.answer.reasons[0].record, &id) == 0);
    check_answer(&f, "imo:9074729", "call", "allow", "");
    check_answer(&f, "vat:BE0202239951", "enter", "allow", "");
    by_court(&f, P2P_KIND_BAN_LIFT, id);
    check_answer(&f, "imo:9179842", "call", "allow", "");
    end(&f);
}

/* Without this, who may not enter could come in to work, and a ship that may not call would be
 * asked for its crew's ban. */
static void test_purposes(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ban(&f, "card:alfapass:1", &(struct ledger_ban){.effect = "enter"});
    ban(&f, "card:alfapass:2", &(struct ledger_ban){.effect = "work"});
    ban(&f, "card:alfapass:3", &(struct ledger_ban){.effect = "call"});
    check_answer(&f, "card:alfapass:1", "enter", "refuse", "banned");
    check_answer(&f, "card:alfapass:1", "work", "refuse", "banned");
    check_answer(&f, "card:alfapass:1", "call", "allow", "");
    check_answer(&f, "card:alfapass:2", "enter", "allow", "");
    check_answer(&f, "card:alfapass:2", "work", "refuse", "banned");
    check_answer(&f, "card:alfapass:3", "enter", "allow", "");
    check_answer(&f, "card:alfapass:3", "call", "refuse", "banned");
    end(&f);
}

/* Without this, a ban of one port would act in all of them, or a general one in none. */
static void test_scope(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ban(&f, "imo:9179842", &(struct ledger_ban){.scope = "BEGNE"});
    check_answer(&f, "imo:9179842", "call", "allow", "");
    snprintf(f.place.locode, sizeof(f.place.locode), "BEGNE");
    check_answer(&f, "imo:9179842", "call", "refuse", "banned");
    f.place.locode[0] = '\0'; /* a member without a port of its own */
    check_answer(&f, "imo:9179842", "call", "allow", "");
    ban(&f, "imo:9074729", &plain);
    check_answer(&f, "imo:9074729", "call", "refuse", "banned");
    end(&f);
}

/* Without this, a gate would look into circles that are not its own, or miss one that is. */
static void test_circles(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ban(&f, "imo:9179842", &(struct ledger_ban){.circle = CIRCLE_PAIR});
    ban(&f, "card:alfapass:1", &(struct ledger_ban){.circle = CIRCLE_PAIR});
    check_answer(&f, "imo:9179842", "call", "refuse", "banned");
    CHECK(f.answer.reasons[0].circle == CIRCLE_PAIR);
    check_answer(&f, "card:alfapass:1", "enter", "refuse", "banned");
    f.place.circle_count = 1;
    f.place.key_count = 1;
    check_answer(&f, "imo:9179842", "call", "allow", "");
    check_answer(&f, "card:alfapass:1", "enter", "allow", "");
    end(&f);
}

/* Without this, a gate of a member in more circles than one gate looks into would allow what is
 * banned in those that are left out. */
static void test_circles_left_out(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ban(&f, "imo:9179842", &plain);
    f.place.circles_left_out = 1;
    check_answer(&f, "imo:9179842", "call", "refuse", "banned");
    check_answer(&f, "imo:9074729", "call", "refer", "incomplete");
    check_answer(&f, "card:alfapass:1", "enter", "refer", "incomplete");
    end(&f);
}

/* Without this, a ban under an older key of a circle would end when the key changes: every
 * epoch the gate holds is tried. */
static void test_epochs(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id old = ban(&f, "card:alfapass:1", &plain);
    struct p2p_record_id fresh = ban(&f, "card:alfapass:1", &(struct ledger_ban){.epoch = 2});
    check_answer(&f, "card:alfapass:1", "enter", "refuse", "banned");
    CHECK(p2p_record_id_compare(&f.answer.reasons[0].record, &old) == 0);
    f.place.keys[f.place.key_count++] =
        (struct p2p_circle_secret){CIRCLE_ALL, 2, ledger_world_key(CIRCLE_ALL, 2)};
    const char *card = "card:alfapass:1";
    ask_for(&f, "enter", &card, 1);
    decide(&f);
    CHECK(f.answer.answer == P2P_ANSWER_REFUSE && f.answer.reason_count == 2);
    f.place.keys[0] = f.place.keys[2];
    f.place.key_count = 1;
    check_answer(&f, "card:alfapass:1", "enter", "refuse", "banned");
    CHECK(p2p_record_id_compare(&f.answer.reasons[0].record, &fresh) == 0);
    f.place.keys[0].epoch = 1; /* the wrong key for that epoch finds nothing */
    check_answer(&f, "card:alfapass:1", "enter", "allow", "");
    end(&f);
}

/* Without this, somebody would be refused for a telephone number others use too. */
static void test_weak_subjects(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ban(&f, "phone:0470123456", &plain);
    ban(&f, "mmsi:205123456", &plain);
    check_answer(&f, "phone:0470123456", "enter", "possible", "partial-match");
    check_answer(&f, "mmsi:205123456", "call", "possible", "partial-match");
    check_answer(&f, "phone:0470123457", "enter", "allow", "");
    end(&f);
}

/* Without this, a mistyped number would be waved through as one without a ban. */
static void test_bad_identifier(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    check_answer(&f, "imo:9179841", "call", "possible", "bad-identifier");
    CHECK(!f.answer.reasons[0].has_record);
    ban(&f, "imo:9179841", &plain); /* a list may hold the same mistake */
    const char *ship = "imo:9179841";
    ask_for(&f, "call", &ship, 1);
    decide(&f);
    CHECK(f.answer.answer == P2P_ANSWER_REFUSE && f.answer.reason_count == 2);
    end(&f);
}

/* Without this, a suspended ban would stop somebody, or not be told. */
static void test_suspended(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id id = ban(&f, "imo:9179842", &plain);
    struct p2p_record_id suspend = by_court(&f, P2P_KIND_BAN_SUSPEND, id);
    check_answer(&f, "imo:9179842", "call", "allow", "suspended");
    by_court(&f, P2P_KIND_BAN_RESUME, suspend);
    check_answer(&f, "imo:9179842", "call", "refuse", "banned");
    end(&f);
}

/* ---- what the gate knows of itself ---- */

/* Without this, an empty, cut off or read-only node would answer as if it knew everything. */
static void test_own_state(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    f.check.incomplete = true;
    check_answer(&f, "imo:9179842", "call", "refer", "incomplete");
    f.check.incomplete = false;
    f.check.stale = true;
    check_answer(&f, "imo:9179842", "call", "refer", "stale-knowledge");
    f.check.stale = false;
    f.check.read_only = true;
    check_answer(&f, "imo:9179842", "call", "allow", "read-only");
    f.check.read_only = false;
    f.check.incomplete = true;
    const char *mistyped = "imo:9179841";
    ask_for(&f, "call", &mistyped, 1);
    decide(&f);
    CHECK(f.answer.answer == P2P_ANSWER_REFER && f.answer.reason_count == 2);
    end(&f);
}

/* Without this, an incomplete node would not refuse what it knows to be banned. */
static void test_refuses_though_incomplete(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    ban(&f, "imo:9179842", &plain);
    f.check.incomplete = true;
    check_answer(&f, "imo:9179842", "call", "refuse", "banned");
    f.check.stale = true;
    const char *ship = "imo:9179842";
    ask_for(&f, "call", &ship, 1);
    decide(&f);
    CHECK(f.answer.answer == P2P_ANSWER_REFUSE && f.answer.reason_count == 2);
    end(&f);
}

/* Without this, a wrong clock would let somebody in, or nobody be asked where two clocks
 * disagree: within policy a prohibition holds if either says so, beyond it people decide. */
static void test_clocks(void **state)
{
    static const struct {
        int64_t own, quorum; /* seconds after the ban begins; it lasts 1,000 */
        const char *answer, *code;
    } rows[] = {
        {500, 500, "refuse", "banned"},  {500, 700, "refuse", "banned"},
        {-1, -1, "allow", ""},           {1001, 1001, "allow", ""},
        {-100, 100, "refuse", "banned"}, /* 200 s apart: either */
        {100, -100, "refuse", "banned"}, {900, 1100, "refuse", "banned"},
        {1100, 900, "refuse", "banned"}, {-100, 200, "refuse", "banned"}, /* exactly 300 s */
        {-100, 201, "refer", "clock"},   {201, -100, "refer", "clock"},
        {900, 1300, "refer", "clock"},   {1300, 900, "refer", "clock"},
        {-1000, 5000, "allow", ""}, /* far apart, but the answer does not depend on it */
        {100, 900, "refuse", "banned"},
    };
    struct fixture f;
    (void)state;
    begin(&f);
    uint64_t from = NOW;
    ban(&f, "imo:9179842",
        &(struct ledger_ban){.from_ms = from, .until_ms = from + 1000 * 1000});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f.check.own_ms = (uint64_t)((int64_t)from + 1000 * rows[i].own);
        f.check.quorum_ms = (uint64_t)((int64_t)from + 1000 * rows[i].quorum);
        check_answer(&f, "imo:9179842", "call", rows[i].answer, rows[i].code);
    }
    f.check.quorum_ms = 0; /* too few fresh cosignatures: the own clock decides alone */
    f.check.own_ms = from - 1;
    check_answer(&f, "imo:9179842", "call", "allow", "");
    f.check.own_ms = from;
    check_answer(&f, "imo:9179842", "call", "refuse", "banned");
    end(&f);
}

/* Without this, a ban whose author's grant has not arrived here would be taken for none. */
static void test_void_only_here(void **state)
{
    struct fixture f;
    const char *ship = "imo:9179842";
    const struct ledger_ban local = {.subject = "imo:9179842"};
    const struct ledger_ban no_grant = {.subject = "imo:9074729", .ground = P2P_GROUND_COURT};
    (void)state;
    begin(&f);
    struct ledger_ban draft = local;
    draft.ground = P2P_GROUND_LOCAL;
    struct p2p_record_id early = ledger_world_ban(&f.world, 2, LATE_2, &draft);
    (void)early;
    check_answer(&f, "imo:9179842", "call", "allow", ""); /* nobody's: it has no effect */
    ledger_world_grant(&f.world, LATE_2, 2, "ban-local", "*");
    ledger_world_grant(&f.world, ADMIN_2, 2, "ban-court", "*");
    ledger_world_seen(&f.world, 2);
    ledger_world_ban(&f.world, 2, LATE_2, &draft);
    ledger_world_ban(&f.world, 2, ADMIN_2, &no_grant);
    /* The records come, the entries do not. */
    ledger_node_begin(&f.node);
    ledger_node_take(&f.node, 2, ledger_world_size(&f.world, 2));
    ledger_node_end(&f.node);
    struct memory_kv *copy = memory_kv_clone(f.node.store);
    const struct p2p_kv *kv = memory_kv_begin(copy);
    for (unsigned i = 0; i < 2; i++) {
        ask_for(&f, "call", &ship, 1);
        CHECK_OK(p2p_gate_decide(&f.node.ledger, kv, &f.place, &f.check, &f.answer));
        CHECK(f.answer.answer == P2P_ANSWER_REFER);
        CHECK(f.answer.reasons[0].code == P2P_GATE_INCOMPLETE &&
              f.answer.reasons[0].has_record);
        ship = "imo:9074729";
    }
    memory_kv_free(copy);
    check_answer(&f, "imo:9179842", "call", "refuse", "banned"); /* with the charter */
    check_answer(&f, "imo:9074729", "call", "refuse", "banned");
    end(&f);
}

/* Without this, one badly made or badly signed record about a ship would stop it, or stop the
 * gate. */
static void test_void_bans(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id id = ban(&f, "imo:9179842", &plain);
    by_court(&f, P2P_KIND_BAN_LIFT, id);
    uint8_t room[256];
    struct p2p_pack pack;
    struct p2p_subject ship;
    CHECK_OK(p2p_subject_parse(&ship, p2p_slice_text("imo:9179842")));
    p2p_pack_init(&pack, room, sizeof(room));
    p2p_pack_map(&pack, 2);
    p2p_pack_text(&pack, "deep");
    for (unsigned d = 1; d < P2P_WIRE_DEPTH_MAX; d++) {
        p2p_pack_array(&pack, 1);
    }
    p2p_pack_nil(&pack);
    p2p_pack_text(&pack, "subjects");
    p2p_pack_array(&pack, 1);
    p2p_subject_pack(&pack, &ship, NULL, 0);
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_IMPOSE,
                              .circle = CIRCLE_ALL,
                              .issuer = COURT_1,
                              .issuer_seq = 100,
                              .payload = p2p_pack_slice(&pack)};
    ledger_world_write(&f.world, 1, draft, 0);
    draft.payload = p2p_slice_of(ledger_world_record(&f.world, &id)->salted.data + 32,
                                 ledger_world_record(&f.world, &id)->salted.len - 32);
    draft.issuer_seq = 101;
    ledger_world_write(&f.world, 1, draft, WRITE_BAD_SIGNATURE);
    draft.issuer_seq = 1; /* repeated */
    ledger_world_write(&f.world, 1, draft, 0);
    check_answer(&f, "imo:9179842", "call", "allow", "");
    end(&f);
}

/* ---- several subjects, many bans ---- */

/* Without this, the mildest of several findings would decide, or one record count twice. */
static void test_several_subjects(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id suspended = ban(&f, "card:alfapass:1", &plain);
    by_court(&f, P2P_KIND_BAN_SUSPEND, suspended);
    ban(&f, "phone:1", &plain);
    ban(&f, "vat:BE0202239951", &plain);
    static const char *const all[] = {"card:alfapass:1", "phone:1", "vat:BE0202239951",
                                      "vat:BE0202239951", "imo:9179842"};
    static const enum p2p_answer expected[] = {P2P_ANSWER_ALLOW, P2P_ANSWER_POSSIBLE,
                                               P2P_ANSWER_REFUSE, P2P_ANSWER_REFUSE,
                                               P2P_ANSWER_REFUSE};
    for (size_t n = 1; n <= 5; n++) {
        ask_for(&f, "enter", all, n);
        decide(&f);
        CHECK(f.answer.answer == expected[n - 1]);
        CHECK(f.answer.reason_count == (n < 3 ? n : 3));
        CHECK(f.answer.reasons_total == f.answer.reason_count);
    }
    ask_for(&f, "enter", NULL, 0);
    decide(&f);
    CHECK(f.answer.answer == P2P_ANSWER_ALLOW && f.answer.reason_count == 0);
    end(&f);
}

/* Without this, more bans than reasons fit would overrun the answer, or be forgotten in it. */
static void test_many_bans(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    for (unsigned i = 0; i < P2P_GATE_REASONS_MAX + 20; i++) {
        ban(&f, "imo:9179842", &plain);
    }
    const char *ship = "imo:9179842";
    ask_for(&f, "call", &ship, 1);
    decide(&f);
    CHECK(f.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(f.answer.reason_count == P2P_GATE_REASONS_MAX);
    CHECK(f.answer.reasons_total == P2P_GATE_REASONS_MAX + 20);
    end(&f);
}

/* ---- faults ---- */

/* Without this, a disk that fails would be an answer: it is an error at every step. */
static void test_every_read_fails(void **state)
{
    struct fixture f;
    static const char *const subjects[] = {"imo:9179842", "card:alfapass:1"};
    (void)state;
    begin(&f);
    ban(&f, "imo:9179842", &plain);
    ban(&f, "card:alfapass:1", &plain);
    ledger_world_ban(&f.world, 2, LATE_2, &(struct ledger_ban){.ground = P2P_GROUND_LOCAL});
    ask_for(&f, "enter", subjects, 2);
    snprintf(f.check.purpose, sizeof(f.check.purpose), "call");
    decide(&f);
    for (long at = 0;; at++) {
        struct faulty_kv faulty;
        faulty_kv_init(&faulty, at, P2P_IO);
        const struct p2p_kv *kv = faulty_kv_begin(&faulty, memory_kv_begin(f.node.store));
        enum p2p_err err = p2p_gate_decide(&f.node.ledger, kv, &f.place, &f.check, &f.answer);
        memory_kv_abort(f.node.store);
        CHECK_ERR(err, faulty.tripped ? P2P_IO : P2P_OK);
        if (err == P2P_OK) {
            CHECK(at > 5 && f.answer.answer == P2P_ANSWER_REFUSE);
            break;
        }
    }
    /* An index that leads nowhere is damage, not absence. */
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    struct p2p_slice found, value;
    uint8_t row[96];
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_VIEW, (struct p2p_slice){0}, &found, &value));
    size_t len = found.len;
    memcpy(row, found.data, len);
    CHECK_OK(p2p_kv_del(kv, P2P_TABLE_VIEW, p2p_slice_of(row, len)));
    CHECK_ERR(p2p_gate_decide(&f.node.ledger, kv, &f.place, &f.check, &f.answer), P2P_CORRUPT);
    memory_kv_abort(f.node.store);
    end(&f);
}

/* ---- on the wire ---- */

/* Without this, an auditor could not recompute a decision, or a person would stand in it in
 * clear. */
static void test_pack(void **state)
{
    struct fixture f;
    static const char *const subjects[] = {"imo:9179841", "card:alfapass:1234567"};
    (void)state;
    begin(&f);
    ban(&f, "card:alfapass:1234567", &plain);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t room[4096];
        struct p2p_pack pack;
        struct p2p_unpack in;
        ask_for(&f, "enter", subjects, 2);
        f.check.quorum_ms = i & 1 ? NOW + 5 : 0;
        f.check.read_only = (i & 2) != 0;
        f.check.stale = (i & 4) != 0;
        decide(&f);
        p2p_pack_init(&pack, room, sizeof(room));
        p2p_gate_pack(&pack, &f.place, &f.check, &f.answer,
                      f.check.read_only ? &f.node.ledger : NULL);
        CHECK(!p2p_pack_failed(&pack));
        struct p2p_slice map = p2p_pack_slice(&pack);
        CHECK_OK(p2p_wire_check(map));
        CHECK(p2p_unpack_find(map, "answer", &in));
        CHECK(p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text("refuse")));
        CHECK(p2p_unpack_find(map, "gate", &in));
        CHECK(p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text("quay-1")));
        CHECK(p2p_unpack_find(map, "purpose", &in));
        CHECK(p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text("enter")));
        CHECK(p2p_unpack_find(map, "time", &in) && p2p_unpack_uint(&in) == NOW);
        CHECK(p2p_unpack_find(map, "quorum_time", &in) == ((i & 1) != 0));
        CHECK(p2p_unpack_find(map, "late", &in) == ((i & 2) != 0));
        CHECK(p2p_unpack_find(map, "known", &in) == ((i & 2) != 0));
        if ((i & 2) != 0) { /* charter and four feeds */
            CHECK(p2p_unpack_array(&in) == 5 && p2p_unpack_array(&in) == 2);
            CHECK(p2p_unpack_uint(&in) == 0 && p2p_unpack_uint(&in) == 1);
        }
        CHECK(p2p_unpack_find(map, "state", &in) && p2p_unpack_uint(&in) == (i & 4 ? 2u : 0u));
        CHECK(p2p_unpack_find(map, "reasons", &in));
        CHECK(p2p_unpack_array(&in) == 2u + ((i & 2) != 0) + ((i & 4) != 0));
        CHECK(p2p_unpack_find(map, "subjects", &in) && p2p_unpack_array(&in) == 2);
        CHECK(p2p_unpack_array(&in) == 3); /* the ship: clear, and flagged */
        CHECK(p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text("imo")));
        CHECK(p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text("9179841")));
        CHECK(!p2p_unpack_bool(&in) && !p2p_unpack_failed(&in));
        CHECK(p2p_unpack_array(&in) == 3); /* the card: a token for each key the gate holds */
        CHECK(p2p_slice_equal(p2p_unpack_str(&in), p2p_slice_text("card")));
        CHECK(p2p_unpack_array(&in) == 2);
        CHECK(memmem(map.data, map.len, "1234567", 7) == NULL);
    }
    end(&f);
}

/* Without this, a gate's name could carry anything into records and onto screens. */
static void test_words(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } names[] = {{"quay-1", true},
                 {"", false},
                 {"Quay", false},
                 {"a b", false},
                 {"a/b", false},
                 {"q\x1b", false},
                 {"\xc3\xa9", false},
                 {"12345678901234567890123456789012", true},
                 {"123456789012345678901234567890123", false}};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK(p2p_gate_name_valid(p2p_slice_text(names[i].name)) == names[i].valid);
    }
    CHECK(p2p_gate_purpose_valid(p2p_slice_text("enter")));
    CHECK(p2p_gate_purpose_valid(p2p_slice_text("work")));
    CHECK(p2p_gate_purpose_valid(p2p_slice_text("call")));
    CHECK(!p2p_gate_purpose_valid(p2p_slice_text("")));
    CHECK(!p2p_gate_purpose_valid(p2p_slice_text("entering")));
    CHECK(P2P_ANSWER_ALLOW < P2P_ANSWER_POSSIBLE && P2P_ANSWER_POSSIBLE < P2P_ANSWER_REFER &&
          P2P_ANSWER_REFER < P2P_ANSWER_REFUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_banned),
        cmocka_unit_test(test_purposes),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_circles),
        cmocka_unit_test(test_circles_left_out),
        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_weak_subjects),
        cmocka_unit_test(test_bad_identifier),
        cmocka_unit_test(test_suspended),
        cmocka_unit_test(test_own_state),
        cmocka_unit_test(test_refuses_though_incomplete),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_void_only_here),
        cmocka_unit_test(test_void_bans),
        cmocka_unit_test(test_several_subjects),
        cmocka_unit_test(test_many_bans),
        cmocka_unit_test(test_every_read_fails),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
