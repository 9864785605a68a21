/* What the view holds of a ban, how it is found, and what records cost it. */
#include "ban_world.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the value ---- */

/* Without this, `ban show` and the gate would read something else than was imposed. */
static void test_value(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id id = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .scope = "BEANR", .effect = "enter"});
    struct p2p_record_id lift = ban_world_by_court(&f, P2P_KIND_BAN_LIFT, id);
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    struct p2p_ban ban;
    CHECK_OK(p2p_ban_get(kv, CIRCLE_ALL, &id, &ban));
    CHECK(ban.issuer == COURT_1 && ban.ground == P2P_GROUND_COURT && ban.circle == CIRCLE_ALL);
    CHECK(p2p_slice_equal(ban.reference, p2p_slice_text("a reference")) && ban.reason.len == 0);
    CHECK(p2p_ban_covers(&ban, p2p_slice_text("BEANR")));
    CHECK(!p2p_ban_covers(&ban, p2p_slice_text("BEGNE")));
    CHECK(!p2p_ban_covers(&ban, p2p_slice_text("")));
    CHECK(p2p_ban_has_effect(&ban, p2p_slice_text("enter")));
    CHECK(p2p_ban_has_effect(&ban, p2p_slice_text("work"))); /* who may not enter cannot work */
    CHECK(!p2p_ban_has_effect(&ban, p2p_slice_text("call")));
    struct p2p_unpack in;
    p2p_unpack_init(&in, ban.lifted);
    CHECK(p2p_unpack_array(&in) == 1 && p2p_unpack_array(&in) == 2);
    CHECK(p2p_unpack_u32(&in) == 1 && p2p_unpack_uint(&in) == lift.index);
    CHECK(ban.suspended.len == 0);
    CHECK_ERR(p2p_ban_get(kv, CIRCLE_PAIR, &id, &ban), P2P_NOTFOUND);
    CHECK_ERR(p2p_ban_get(kv, CIRCLE_ALL, &lift, &ban), P2P_NOTFOUND);
    memory_kv_abort(f.node.store);
    ban_world_end(&f);
}

/* Without this, work would be forbidden to whoever may not call, or entering to whoever may not
 * work. */
static void test_effects(void **state)
{
    static const char *const effects[] = {"enter", "work", "call"};
    static const bool expected[3][3] = {/* enter, work, call */
                                        {true, true, false},
                                        {false, true, false},
                                        {false, false, true}};
    struct ban_world f;
    struct p2p_record_id ids[3];
    (void)state;
    ban_world_begin(&f);
    for (size_t i = 0; i < 3; i++) {
        ids[i] = ledger_world_ban(
            &f.world, 1, COURT_1,
            &(struct ledger_ban){.ground = P2P_GROUND_COURT, .effect = effects[i]});
    }
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    for (size_t i = 0; i < 3; i++) {
        struct p2p_ban ban;
        CHECK_OK(p2p_ban_get(kv, CIRCLE_ALL, &ids[i], &ban));
        for (size_t p = 0; p < 3; p++) {
            CHECK(p2p_ban_has_effect(&ban, p2p_slice_text(effects[p])) == expected[i][p]);
        }
        CHECK(!p2p_ban_has_effect(&ban, p2p_slice_text("")));
    }
    memory_kv_abort(f.node.store);
    ban_world_end(&f);
}

/* Without this, a badly made payload would make the view's value one that no reader takes: one
 * record by anyone, and every check of that ship is an error. */
static void test_bad_payload_in_view(void **state)
{
    static const char subject[] = "\x91\x92\xa3imo\xa7"
                                  "9179842";
    struct ban_world f;
    struct p2p_record_id ids[4];
    (void)state;
    ban_world_begin(&f);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t room[256];
        struct p2p_pack pack;
        p2p_pack_init(&pack, room, sizeof(room));
        if (i == 3) {
            p2p_pack_uint(&pack, 7); /* no map at all */
        } else {
            p2p_pack_map(&pack, i == 0 ? 1 : 2);
            if (i == 1) { /* nested as deep as a payload may be */
                p2p_pack_text(&pack, "deep");
                for (unsigned d = 1; d < P2P_WIRE_DEPTH_MAX; d++) {
                    p2p_pack_array(&pack, 1);
                }
                p2p_pack_nil(&pack);
            } else if (i == 2) {
                p2p_pack_text(&pack, "effects");
                p2p_pack_uint(&pack, 1);
            }
            p2p_pack_text(&pack, "subjects");
            p2p_pack_raw(&pack, p2p_slice_of(subject, sizeof(subject) - 1));
        }
        ids[i] = ledger_world_write(
            &f.world, 1,
            (struct p2p_draft){.kind = P2P_KIND_BAN_IMPOSE,
                               .circle = CIRCLE_ALL,
                               .issuer = i % 2 ? COURT_1 : LATE_2,
                               .issuer_seq = ++f.world.next_seq[i % 2 ? COURT_1 : LATE_2],
                               .payload = p2p_pack_slice(&pack)},
            0);
    }
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    for (unsigned i = 0; i < 4; i++) {
        struct p2p_ban ban;
        CHECK_OK(p2p_ban_get(kv, CIRCLE_ALL, &ids[i], &ban));
        CHECK(ban.why == (i % 2 ? P2P_WHY_BAD_PAYLOAD : P2P_WHY_UNKNOWN_ISSUER));
        CHECK(p2p_ban_state_at(&ban, 0) == P2P_BAN_NO_EFFECT);
        CHECK(!p2p_ban_has_effect(&ban, p2p_slice_text("call")));
        CHECK(!p2p_ban_covers(&ban, p2p_slice_text("BEANR")));
    }
    memory_kv_abort(f.node.store);
    ban_world_end(&f);
}

/* Without this, more lifts than the value names would overrun its room. */
static void test_many_lifts(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    for (unsigned i = 0; i < 100; i++) {
        ban_world_by_court(&f, i % 2 ? P2P_KIND_BAN_LIFT : P2P_KIND_BAN_SUSPEND, ban);
    }
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    struct p2p_ban got;
    struct p2p_unpack in;
    CHECK_OK(p2p_ban_get(kv, CIRCLE_ALL, &ban, &got));
    p2p_unpack_init(&in, got.lifted);
    CHECK(p2p_unpack_array(&in) == 50);
    for (unsigned i = 0; i < 100; i++) {
        CHECK(i > 0 || p2p_unpack_array(&in) == 2);
    }
    memory_kv_abort(f.node.store);
    for (unsigned i = 0; i < 40; i++) {
        ban_world_by_court(&f, P2P_KIND_BAN_LIFT, ban);
    }
    ledger_node_take_all(&f.node);
    kv = memory_kv_begin(f.node.store);
    CHECK_OK(p2p_ban_get(kv, CIRCLE_ALL, &ban, &got));
    p2p_unpack_init(&in, got.lifted);
    CHECK(p2p_unpack_array(&in) == 64); /* the first by id prove as much as all */
    memory_kv_abort(f.node.store);
    ban_world_end(&f);
}

/* Without this, a resume that names large records could never be taken, or would stop the
 * charter entry that names its issuer, at every node: what it looks at is let go one by one. */
static void test_resume_of_large_records(void **state)
{
    static uint8_t content[59000];
    struct ban_world f;
    struct p2p_record_id cites[24];
    struct p2p_pack pack;
    (void)state;
    ban_world_begin(&f);
    uint8_t *text = calloc(1, sizeof(content) - 64);
    CHECK(text != NULL);
    memset(text, 'x', sizeof(content) - 65);
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "text");
    p2p_pack_text(&pack, (const char *)text);
    free(text);
    for (size_t i = 0; i < sizeof(cites) / sizeof(cites[0]); i++) {
        cites[i] = ledger_world_write(
            &f.world, 1,
            (struct p2p_draft){.kind = P2P_KIND_NOTE, .content = p2p_pack_slice(&pack)}, 0);
    }
    ledger_world_seen(&f.world, 2);
    struct p2p_record_id resume =
        ledger_world_act(&f.world, 2, LATE_2, P2P_KIND_BAN_RESUME, CIRCLE_ALL, cites, 24);
    ledger_node_take_all(&f.node);
    ledger_world_grant(&f.world, LATE_2, 2, "ban-local", "*");
    ledger_node_take_all(&f.node);
    ledger_node_begin(&f.node);
    CHECK(ledger_node_why(&f.node, &resume) == P2P_WHY_BAD_CITATION);
    ledger_node_end(&f.node);
    ban_world_end(&f);
}

/* ---- lifts that cost ---- */

enum { CITED = 64, LIFTS = 50 };

/* A lift that no charter knows the signer of. */
static void lift_by_nobody(struct ban_world *f, const struct p2p_record_id *cites)
{
    static const char content[] = "\x81\xa6reason\xa1x";
    ledger_world_write(
        &f->world, 3,
        (struct p2p_draft){.kind = P2P_KIND_BAN_LIFT,
                           .circle = CIRCLE_ALL,
                           .issuer = ISSUERS_MAX - 1,
                           .issuer_seq = ++f->world.counter,
                           .cites = cites,
                           .cite_count = CITED,
                           .payload = p2p_slice_of(content, sizeof(content) - 1)},
        0);
}

static long steps_of(struct ban_world *f)
{
    f->node.faulty.steps = 0;
    ledger_node_take_all(&f->node);
    return f->node.faulty.steps;
}

/* Without this, lifts that nobody signed would make each record about the bans they name, and
 * each record at a place they name, cost as much as all of them together. */
static void test_lifts_by_nobody(void **state)
{
    struct ban_world f;
    struct p2p_record_id bans[CITED];
    struct p2p_record_id to_come[CITED];
    (void)state;
    ban_world_begin(&f);
    for (size_t i = 0; i < CITED; i++) {
        bans[i] = ban_world_court(&f);
    }
    for (size_t i = 0; i < CITED; i++) {
        to_come[i] = (struct p2p_record_id){2, ledger_world_size(&f.world, 2) + i};
    }
    ledger_world_seen(&f.world, 3);
    for (unsigned i = 0; i < LIFTS; i++) {
        lift_by_nobody(&f, bans);
        lift_by_nobody(&f, to_come);
    }
    ledger_node_take_all(&f.node);
    ledger_world_note(&f.world, 2);
    CHECK(steps_of(&f) < 10 * LIFTS);
    lift_by_nobody(&f, bans);
    CHECK(steps_of(&f) < 10 * CITED);
    ban_world_by_court(&f, P2P_KIND_BAN_LIFT, bans[0]);
    CHECK(steps_of(&f) < 10 * LIFTS);
    ban_world_check(&f, bans[0], "lifted");
    ban_world_check(&f, bans[1], "in-force");
    ban_world_end(&f);
}

/* Without this, a lift of many bans that comes before them would be looked at as a whole once
 * for each of them, and one of many notes at each note. */
static void test_lifts_before_what_they_name(void **state)
{
    struct ban_world f;
    struct p2p_record_id ids[CITED + 1];
    (void)state;
    for (unsigned notes = 0; notes < 2; notes++) {
        ban_world_begin(&f);
        ledger_world_seen(&f.world, 3);
        ids[CITED] = ban_world_court(&f);
        for (size_t i = 0; i < CITED; i++) {
            ids[i] = notes != 0 ? ledger_world_note(&f.world, 1) : ban_world_court(&f);
        }
        uint64_t all = ledger_world_size(&f.world, 1);
        ledger_world_seen(&f.world, 3);
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ids[CITED], 1);
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, ids, CITED);
        ledger_node_begin(&f.node);
        ledger_node_charter(&f.node, f.world.entry_count);
        ledger_node_take(&f.node, 3, ledger_world_size(&f.world, 3));
        ledger_node_take(&f.node, 1, all - CITED);
        ledger_node_end(&f.node);
        CHECK(steps_of(&f) < (notes != 0 ? 30 : 60) * CITED);
        ban_world_check(&f, ids[CITED], "lifted");
        if (notes == 0) {
            ban_world_check(&f, ids[0], "lifted");
            ban_world_check(&f, ids[CITED - 1], "lifted");
        }
        ban_world_end(&f);
    }
}

/* ---- walks ---- */

/* Without this, a list of bans would miss some, repeat some, or show another circle's. */
static void test_walks(void **state)
{
    struct ban_world f;
    struct p2p_record_id ids[12];
    size_t counts[3] = {0};
    (void)state;
    ban_world_begin(&f);
    for (unsigned i = 0; i < 12; i++) {
        ids[i] = ledger_world_ban(
            &f.world, i % 3 == 2 ? 3 : 1, i % 3 == 2 ? COURT_3 : COURT_1,
            &(struct ledger_ban){.ground = P2P_GROUND_COURT,
                                 .subject = i % 2 ? "imo:9179842" : "card:alfapass:1",
                                 .circle = i >= 10 ? CIRCLE_PAIR : CIRCLE_ALL});
    }
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    struct p2p_ban ban;
    struct p2p_record_id last = {0, 0};
    for (uint32_t circle = 0; circle <= 2; circle++) {
        enum p2p_err err = p2p_ban_next(kv, circle, NULL, true, &ban);
        for (; err == P2P_OK; err = p2p_ban_next(kv, circle, &ban.id, false, &ban)) {
            CHECK(counts[circle] == 0 || p2p_record_id_compare(&last, &ban.id) < 0);
            CHECK(ban.circle == circle);
            last = ban.id;
            counts[circle]++;
        }
        CHECK_ERR(err, P2P_NOTFOUND);
    }
    CHECK(counts[0] == 0 && counts[CIRCLE_ALL] == 10 && counts[CIRCLE_PAIR] == 2);

    struct p2p_subject_key ship;
    struct p2p_record_id id = {0, 0};
    size_t found = 0;
    p2p_subject_key_clear(&ship, "imo", p2p_slice_text("9179842"));
    enum p2p_err err = p2p_ban_next_on(kv, CIRCLE_ALL, &ship, NULL, true, &id);
    for (; err == P2P_OK; err = p2p_ban_next_on(kv, CIRCLE_ALL, &ship, &id, false, &id)) {
        found++;
    }
    CHECK_ERR(err, P2P_NOTFOUND);
    CHECK(found == 5);
    p2p_subject_key_clear(&ship, "imo", p2p_slice_text("917984")); /* no prefix matches */
    CHECK_ERR(p2p_ban_next_on(kv, CIRCLE_ALL, &ship, NULL, true, &id), P2P_NOTFOUND);
    memory_kv_abort(f.node.store);
    (void)ids;
    ban_world_end(&f);
}

/* ---- drafting ---- */

/* Without this, a draft would be packed in a form that the judge refuses. */
static void test_pack(void **state)
{
    static const char *const effects[] = {"work", "call", "enter"};
    static const char *const scopes[] = {"BEGNE", "BEANR", "BEGNE", "BEZEE"};
    struct p2p_circle_key key = {{1}};
    struct p2p_subject subjects[P2P_SUBJECTS_MAX + 1];
    uint8_t room[8192];
    struct p2p_pack pack;
    struct p2p_ban ban = {.circle = 1};
    (void)state;
    for (size_t i = 0; i <= P2P_SUBJECTS_MAX; i++) {
        CHECK_OK(p2p_subject_parse(&subjects[i], p2p_slice_text("card:alfapass:1")));
    }
    struct p2p_ban_draft draft = {.subjects = subjects,
                                  .subject_count = P2P_SUBJECTS_MAX,
                                  .ground = P2P_GROUND_MAGISTRATE,
                                  .reference = "r",
                                  .reason = "because",
                                  .effects = effects,
                                  .effect_count = 3,
                                  .scope = scopes,
                                  .scope_count = 4,
                                  .from_ms = 5,
                                  .until_ms = 6};
    const struct p2p_kind *kind = p2p_kind_find(P2P_KIND_BAN_IMPOSE);
    for (unsigned i = 0; i < 16; i++) {
        draft.reason = i & 1 ? "because" : NULL;
        draft.from_ms = i & 2 ? 5 : 0;
        draft.until_ms = i & 4 ? 6 : 0;
        draft.scope_count = i & 8 ? 4 : 0;
        draft.effect_count = i & 8 ? 3 : 0;
        p2p_pack_init(&pack, room, sizeof(room));
        CHECK_OK(p2p_ban_pack(&pack, &draft, &key, 2));
        CHECK_OK(p2p_wire_check(p2p_pack_slice(&pack)));
        CHECK_OK(p2p_kind_validate(kind, p2p_pack_slice(&pack)));
        CHECK_OK(p2p_ban_read_content(&ban, p2p_pack_slice(&pack)));
        CHECK(ban.ground == P2P_GROUND_MAGISTRATE);
        CHECK(ban.from_ms == draft.from_ms && ban.until_ms == draft.until_ms);
        CHECK((ban.reason.len > 0) == (draft.reason != NULL));
        CHECK(p2p_ban_covers(&ban, p2p_slice_text("BEZEE")));
        CHECK(p2p_ban_covers(&ban, p2p_slice_text("NLRTM")) == !(i & 8));
        CHECK(p2p_ban_has_effect(&ban, p2p_slice_text("call")) == ((i & 8) != 0));
    }
    for (size_t cap = 0; cap < p2p_pack_slice(&pack).len; cap++) {
        p2p_pack_init(&pack, room, cap);
        CHECK_ERR(p2p_ban_pack(&pack, &draft, &key, 2), P2P_TOOLARGE);
    }
    p2p_pack_init(&pack, room, sizeof(room));
    draft.subject_count = P2P_SUBJECTS_MAX + 1;
    CHECK_ERR(p2p_ban_pack(&pack, &draft, &key, 2), P2P_TOOLARGE);
    draft.subject_count = 0;
    CHECK_ERR(p2p_ban_pack(&pack, &draft, &key, 2), P2P_TOOLARGE);
    draft.subject_count = 1;
    draft.effect_count = P2P_BAN_EFFECTS_MAX + 1;
    CHECK_ERR(p2p_ban_pack(&pack, &draft, &key, 2), P2P_TOOLARGE);
    draft.effect_count = 1;
    draft.scope_count = P2P_BAN_SCOPES_MAX + 1;
    CHECK_ERR(p2p_ban_pack(&pack, &draft, &key, 2), P2P_TOOLARGE);
}

/* Without this, a damaged value would be shown or decided by: it is corrupt. */
static void test_damaged_value(void **state)
{
    struct ban_world f;
    struct p2p_slice value;
    uint8_t row[5 + P2P_VIEW_KEY_BYTES_MAX], key[P2P_ID_KEY_BYTES], copy[1024];
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id id = ban_world_court(&f);
    ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, id);
    ledger_node_take_all(&f.node);
    const struct p2p_kv *kv = memory_kv_begin(f.node.store);
    size_t row_len = p2p_view_row_key(row, P2P_VIEW_BANS, CIRCLE_ALL, p2p_id_key(key, &id));
    CHECK_OK(p2p_view_get(kv, P2P_VIEW_BANS, CIRCLE_ALL, p2p_id_key(key, &id), &value));
    size_t len = value.len;
    memcpy(copy, value.data, len);
    for (size_t cut = 0; cut < len; cut++) {
        struct p2p_ban ban = {.issuer = 77};
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_VIEW, p2p_slice_of(row, row_len),
                            p2p_slice_of(copy, cut)));
        CHECK_ERR(p2p_ban_get(kv, CIRCLE_ALL, &id, &ban), P2P_CORRUPT);
        CHECK(ban.issuer == 77);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        struct p2p_ban ban;
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_VIEW, p2p_slice_of(row, row_len),
                            p2p_slice_of(copy, len)));
        enum p2p_err err = p2p_ban_get(kv, CIRCLE_ALL, &id, &ban);
        CHECK(err == P2P_OK || err == P2P_CORRUPT);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memory_kv_abort(f.node.store);
    ban_world_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_bad_payload_in_view),
        cmocka_unit_test(test_many_lifts),
        cmocka_unit_test(test_resume_of_large_records),
        cmocka_unit_test(test_lifts_by_nobody),
        cmocka_unit_test(test_lifts_before_what_they_name),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_damaged_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
