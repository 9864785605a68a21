#include "check.h"
#include "ledger_node.h"

struct fixture {
    struct ledger_world world;
    struct ledger_node node;
};

static void begin(struct fixture *f)
{
    ledger_world_init(&f->world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        ledger_world_seen(&f->world, member); /* so each knows the founding entry */
    }
    ledger_node_init(&f->node, &f->world, 0);
}

static void end(struct fixture *f)
{
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

static const char *why(struct fixture *f, const struct p2p_record_id *id)
{
    ledger_node_begin(&f->node);
    enum p2p_why got = ledger_node_why(&f->node, id);
    ledger_node_end(&f->node);
    return p2p_why_word(got);
}

static void check_why(struct fixture *f, struct p2p_record_id id, const char *expected)
{
    const char *got = why(f, &id);
    if (strcmp(got, expected) != 0) {
        print_error("record %u:%llu is \"%s\", not \"%s\"\n", id.feed,
                    (unsigned long long)id.index, got, expected);
    }
    CHECK(strcmp(got, expected) == 0);
}

static struct p2p_record_id court_ban(struct fixture *f)
{
    return ledger_world_ban(&f->world, 1, COURT_1,
                            &(struct ledger_ban){.ground = P2P_GROUND_COURT});
}

static struct p2p_record_id lift(struct fixture *f, uint32_t member, uint32_t issuer,
                                 struct p2p_record_id cited)
{
    return ledger_world_act(&f->world, member, issuer, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &cited,
                            1);
}

/* Any draft by COURT_1 in feed 1 with the next number. */
static struct p2p_record_id write_as_court(struct fixture *f, struct p2p_draft draft,
                                           unsigned wrong)
{
    draft.issuer = COURT_1;
    draft.issuer_seq = ++f->world.next_seq[COURT_1];
    return ledger_world_write(&f->world, 1, draft, wrong);
}

static const char reason_text[] = "\x81\xa6reason\xa3why";
static struct p2p_slice reason(void)
{
    return p2p_slice_of(reason_text, sizeof(reason_text) - 1);
}

/* Without this, a key that nobody named, or one of another member, would impose bans. */
static void test_unknown_issuer(void **state)
{
    struct fixture f;
    const struct ledger_ban local = {.ground = P2P_GROUND_LOCAL};
    (void)state;
    begin(&f);
    struct p2p_record_id nobody = ledger_world_ban(&f.world, 2, LATE_2, &local);
    struct p2p_record_id elsewhere = ledger_world_ban(
        &f.world, 2, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    struct p2p_record_id node_itself = ledger_world_write(
        &f.world, 2,
        (struct p2p_draft){.kind = P2P_KIND_BAN_IMPOSE, .circle = 1, .payload = reason()}, 0);
    struct p2p_record_id charter = ledger_world_write(
        &f.world, 2, (struct p2p_draft){.kind = P2P_KIND_CHARTER, .content = reason()}, 0);
    struct p2p_record_id note =
        write_as_court(&f, (struct p2p_draft){.kind = P2P_KIND_NOTE, .content = reason()}, 0);
    ledger_node_take_all(&f.node);
    check_why(&f, nobody, "unknown-issuer");
    check_why(&f, elsewhere, "unknown-issuer");
    check_why(&f, node_itself, "unknown-issuer");
    check_why(&f, charter, "unknown-issuer");
    check_why(&f, note, "unknown-issuer"); /* a note is the node's to write */
    check_why(&f, (struct p2p_record_id){1, 0}, "");
    end(&f);
}

/* Without this, anybody with a key would hold every power: each ground and each place needs its
 * own grant, known to the author's feed before he used it. */
static void test_no_grant(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    static const struct {
        uint32_t member, issuer;
        enum p2p_ground ground;
        const char *scope;
        const char *expected;
    } rows[] = {
        {1, COURT_1, P2P_GROUND_COURT, NULL, ""},
        {1, COURT_1, P2P_GROUND_COURT, "BEGNE", ""},
        {1, COURT_1, P2P_GROUND_ADMINISTRATIVE, NULL, "no-grant"}, /* rank lifts, not imposes */
        {2, ADMIN_2, P2P_GROUND_ADMINISTRATIVE, NULL, ""},
        {2, ADMIN_2, P2P_GROUND_COURT, NULL, "no-grant"},
        {1, LOCAL_1, P2P_GROUND_LOCAL, "BEANR", ""},
        {1, LOCAL_1, P2P_GROUND_LOCAL, "BEGNE", "no-grant"},
        {1, LOCAL_1, P2P_GROUND_LOCAL, NULL, "no-grant"},
        {1, LOCAL_1, P2P_GROUND_EU_REGULATION, "BEANR", "no-grant"},
        {3, EU_3, P2P_GROUND_EU_REGULATION, NULL, ""},
        {3, EU_3, P2P_GROUND_LOCAL, "BEANR", "no-grant"},
    };
    struct p2p_record_id ids[sizeof(rows) / sizeof(rows[0])];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ids[i] = ledger_world_ban(
            &f.world, rows[i].member, rows[i].issuer,
            &(struct ledger_ban){.ground = rows[i].ground, .scope = rows[i].scope});
    }
    ledger_node_take_all(&f.node);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_why(&f, ids[i], rows[i].expected);
    }
    end(&f);
}

/* Without this, a grant would act before the feed that uses it says it has seen it. */
static void test_grant_begins_with_seen(void **state)
{
    struct fixture f;
    const struct ledger_ban local = {.ground = P2P_GROUND_LOCAL};
    (void)state;
    begin(&f);
    ledger_world_grant(&f.world, LATE_2, 2, "ban-local", "*");
    struct p2p_record_id before = ledger_world_ban(&f.world, 2, LATE_2, &local);
    ledger_world_seen(&f.world, 2);
    struct p2p_record_id after = ledger_world_ban(&f.world, 2, LATE_2, &local);
    ledger_node_take_all(&f.node);
    check_why(&f, before, "no-grant");
    check_why(&f, after, "");
    end(&f);
}

/* Without this, a forged or changed record would act, or block the number of a good one. */
static void test_bad_signature(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id ban = court_ban(&f);
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_LIFT,
                              .circle = CIRCLE_ALL,
                              .issuer = COURT_1,
                              .issuer_seq = 50,
                              .cites = &ban,
                              .cite_count = 1,
                              .payload = reason()};
    struct p2p_record_id forged = ledger_world_write(&f.world, 1, draft, WRITE_BAD_SIGNATURE);
    ledger_node_take_all(&f.node);
    check_why(&f, forged, "bad-signature");
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
    draft.issuer_seq = 2; /* below the forged one, which took no number */
    struct p2p_record_id good = ledger_world_write(&f.world, 1, draft, 0);
    ledger_node_take_all(&f.node);
    check_why(&f, good, "");
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_LIFTED);
    end(&f);
}

/* Without this, an old record copied forward would come back to life. */
static void test_repeated_number(void **state)
{
    static const struct {
        uint64_t seq;
        const char *expected;
    } rows[] = {{1, ""},
                {5, ""},
                {5, "repeated-seq"},
                {4, "repeated-seq"},
                {6, ""},
                {100, ""},
                {7, "repeated-seq"},
                {UINT64_MAX, ""},
                {UINT64_MAX, "repeated-seq"}};
    struct fixture f;
    struct p2p_record_id ids[9];
    uint64_t seq;
    (void)state;
    begin(&f);
    struct p2p_record_id ban = court_ban(&f);
    for (size_t i = 0; i < 9; i++) {
        ids[i] = ledger_world_write(&f.world, 3,
                                    (struct p2p_draft){.kind = P2P_KIND_BAN_LIFT,
                                                       .circle = CIRCLE_ALL,
                                                       .issuer = COURT_3,
                                                       .issuer_seq = rows[i].seq,
                                                       .payload = reason(),
                                                       .cites = &ids[0],
                                                       .cite_count = 0},
                                    0);
    }
    (void)ban;
    ledger_node_take_all(&f.node);
    for (size_t i = 0; i < 9;
         i++) { /* without citations a lift is a bad one, if heard at all */
        check_why(&f, ids[i], rows[i].expected[0] ? rows[i].expected : "bad-citation");
    }
    ledger_node_begin(&f.node);
    CHECK_OK(p2p_issuer_seq(&f.node.ledger, 3, COURT_3, &seq));
    CHECK(seq == UINT64_MAX);
    CHECK_OK(p2p_issuer_seq(&f.node.ledger, 1, COURT_3, &seq));
    CHECK(seq == 0);
    ledger_node_end(&f.node);
    end(&f);
}

/* Without this, a stolen key would go on acting after its cut, or what was good before the cut
 * and what the entry keeps would be lost. */
static void test_cut_point(void **state)
{
    struct fixture f;
    struct p2p_record_id bans[6];
    (void)state;
    begin(&f);
    for (size_t i = 0; i < 5; i++) {
        bans[i] = court_ban(&f);
    }
    uint64_t keep[] = {bans[3].index};
    ledger_node_take_all(&f.node);
    check_why(&f, bans[4], "");
    ledger_world_cut(&f.world, COURT_1, 1, bans[2].index, keep, 1);
    ledger_node_take_all(&f.node);
    static const char *const expected[] = {"", "", "past-cut-point", "", "past-cut-point"};
    for (size_t i = 0; i < 5; i++) {
        check_why(&f, bans[i], expected[i]);
        CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &bans[i]) ==
              (expected[i][0] ? P2P_BAN_NO_EFFECT : P2P_BAN_IN_FORCE));
    }
    /* A later entry may grant anew, from its own first `seen` on. */
    ledger_world_seen(&f.world, 1);
    ledger_world_grant(&f.world, COURT_1, 1, "ban-court", "*");
    struct p2p_record_id early = court_ban(&f);
    ledger_world_seen(&f.world, 1);
    bans[5] = court_ban(&f);
    ledger_node_take_all(&f.node);
    check_why(&f, early, "past-cut-point");
    check_why(&f, bans[5], "");
    check_why(&f, bans[2], "past-cut-point");
    check_why(&f, bans[3], "");
    ledger_node_check_digests(&f.node);
    end(&f);
}

/* Without this, records that came before the entry that names their issuer would stay void at
 * the nodes where they came first, or be taken out of their numbers' order. */
static void test_late_charter(void **state)
{
    struct fixture f;
    struct ledger_node early;
    const struct ledger_ban local = {.ground = P2P_GROUND_LOCAL};
    (void)state;
    begin(&f);
    ledger_world_grant(&f.world, LATE_2, 2, "ban-local", "*");
    ledger_world_seen(&f.world, 2);
    struct p2p_record_id first = ledger_world_ban(&f.world, 2, LATE_2, &local);
    struct p2p_record_id second = ledger_world_ban(&f.world, 2, LATE_2, &local);
    f.world.next_seq[LATE_2] = 0;
    struct p2p_record_id repeated = ledger_world_ban(&f.world, 2, LATE_2, &local);

    ledger_node_begin(&f.node);
    ledger_node_charter(&f.node, 1);
    ledger_node_take(&f.node, 2, ledger_world_size(&f.world, 2));
    ledger_node_end(&f.node);
    check_why(&f, first, "unknown-issuer");
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &first) == P2P_BAN_NO_EFFECT);
    struct p2p_ban ban = ledger_node_ban(&f.node, CIRCLE_ALL, &first);
    CHECK(ban.why == P2P_WHY_UNKNOWN_ISSUER);

    ledger_node_take_all(&f.node);
    check_why(&f, first, "");
    check_why(&f, second, "");
    check_why(&f, repeated, "repeated-seq");
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &first) == P2P_BAN_IN_FORCE);
    ledger_node_init(&early, &f.world, 0);
    ledger_node_take_all(&early);
    ledger_node_check_same(&early, &f.node);
    ledger_node_deinit(&early);
    end(&f);
}

/* Without this, a run whose signatures were checked just before the entry that names their
 * issuer would leave them unknown for ever: checking and taking happen on different threads. */
static void test_verified_before_entry(void **state)
{
    struct fixture f;
    struct p2p_arrival arrivals[8] = {{.feed = 2}};
    (void)state;
    begin(&f);
    ledger_world_grant(&f.world, LATE_2, 2, "ban-local", "*");
    ledger_world_seen(&f.world, 2);
    struct p2p_record_id ban =
        ledger_world_ban(&f.world, 2, LATE_2, &(struct ledger_ban){.ground = P2P_GROUND_LOCAL});
    size_t count = (size_t)ledger_world_size(&f.world, 2);
    ledger_node_begin(&f.node);
    ledger_node_charter(&f.node, 1);
    for (size_t i = 0; i < count; i++) {
        const struct written *record = &f.world.feeds[2].records[i];
        arrivals[i] = (struct p2p_arrival){
            .feed = 2, .leaf_hash = record->leaf_hash, .salted = record->salted};
        CHECK_OK(p2p_record_decode(&arrivals[i].record, record->leaf));
    }
    CHECK_OK(p2p_ledger_verify(&f.node.ledger, arrivals, count));
    CHECK(arrivals[count - 1].signature == P2P_SIGNATURE_UNKNOWN_ISSUER);
    ledger_node_charter(&f.node, 2);
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(p2p_ledger_apply(&f.node.ledger, &arrivals[i]));
    }
    struct p2p_tree_head head = {.size = count, .root = ledger_world_root(&f.world, 2, count)};
    CHECK_OK(p2p_feed_set_head(p2p_ledger_feed(&f.node.ledger, 2), f.node.kv, &head,
                               (struct p2p_slice){0}));
    ledger_node_end(&f.node);
    check_why(&f, ban, "");
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
    end(&f);
}

/* Without this, somebody could act on what he did not know, on another circle's records, or on
 * what is no ban at all. */
static void test_citations(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id ban = court_ban(&f);
    struct p2p_record_id pair = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .circle = CIRCLE_PAIR});
    struct p2p_record_id unseen = lift(&f, 3, COURT_3, ban);
    ledger_world_seen(&f.world, 3);
    struct p2p_record_id seen = lift(&f, 3, COURT_3, ban);
    struct p2p_record_id other_circle = lift(&f, 3, COURT_3, pair);
    struct p2p_record_id note = lift(&f, 3, COURT_3, (struct p2p_record_id){1, 0});
    struct p2p_record_id lift_of_lift = lift(&f, 3, COURT_3, seen);
    struct p2p_record_id future = lift(&f, 3, COURT_3, (struct p2p_record_id){1, 77});
    struct p2p_record_id no_feed = lift(&f, 3, COURT_3, (struct p2p_record_id){99, 0});
    struct p2p_record_id charter = lift(&f, 3, COURT_3, (struct p2p_record_id){0, 0});
    struct p2p_record_id self =
        lift(&f, 3, COURT_3, (struct p2p_record_id){3, ledger_world_size(&f.world, 3)});
    struct p2p_record_id none =
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, NULL, 0);
    struct p2p_record_id both[] = {ban, pair};
    struct p2p_record_id one_bad =
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, both, 2);
    struct p2p_record_id resume_of_ban =
        ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_RESUME, CIRCLE_ALL, &ban, 1);
    struct p2p_record_id own_before = ledger_world_ban(
        &f.world, 3, COURT_3, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    struct p2p_record_id own = lift(&f, 3, COURT_3, own_before);
    struct p2p_draft draft = {
        .kind = P2P_KIND_BAN_IMPOSE, .circle = CIRCLE_ALL, .cites = &ban, .cite_count = 1};
    draft.payload = p2p_slice_of(ledger_world_record(&f.world, &ban)->salted.data + 32,
                                 ledger_world_record(&f.world, &ban)->salted.len - 32);
    struct p2p_record_id citing_imposition = write_as_court(&f, draft, 0);
    ledger_node_take_all(&f.node);
    check_why(&f, unseen, "bad-citation");
    check_why(&f, seen, "");
    check_why(&f, other_circle, "bad-citation");
    check_why(&f, note, "bad-citation");
    check_why(&f, lift_of_lift, "bad-citation");
    check_why(&f, future, "bad-citation");
    check_why(&f, no_feed, "bad-citation");
    check_why(&f, charter, "bad-citation");
    check_why(&f, self, "bad-citation");
    check_why(&f, none, "bad-citation");
    check_why(&f, one_bad, "bad-citation");
    check_why(&f, resume_of_ban, "bad-citation");
    check_why(&f, own, ""); /* one's own earlier records are known */
    check_why(&f, citing_imposition, "bad-citation");
    CHECK(ledger_node_state(&f.node, CIRCLE_PAIR, &pair) == P2P_BAN_IN_FORCE);
    end(&f);
}

/* Without this, a lift that also names a record of another circle would go on acting at the
 * nodes where that record came last. */
static void test_cited_comes_late(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct fixture f;
        begin(&f);
        struct p2p_record_id ban = court_ban(&f);
        struct p2p_record_id other = ledger_world_ban(
            &f.world, 2, ADMIN_2,
            &(struct ledger_ban){.ground = P2P_GROUND_ADMINISTRATIVE, .circle = CIRCLE_PAIR});
        ledger_world_seen(&f.world, 3);
        struct p2p_record_id both[] = {ban, other};
        struct p2p_record_id lifted =
            ledger_world_act(&f.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, both, 2);
        struct p2p_record_id amend = ledger_world_ban(
            &f.world, 3, COURT_3,
            &(struct ledger_ban){.ground = P2P_GROUND_COURT, .amends = both, .amend_count = 2});
        if (late) {
            ledger_node_begin(&f.node);
            ledger_node_charter(&f.node, 1);
            ledger_node_take(&f.node, 1, ledger_world_size(&f.world, 1));
            ledger_node_take(&f.node, 3, ledger_world_size(&f.world, 3));
            ledger_node_end(&f.node);
            check_why(&f, lifted, "");
            CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_LIFTED);
            CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &amend) == P2P_BAN_IN_FORCE);
        }
        ledger_node_take_all(&f.node);
        check_why(&f, lifted, "bad-citation");
        CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
        CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &amend) == P2P_BAN_NO_EFFECT);
        end(&f);
    }
}

/* Without this, a payload of another shape would be half understood, differently by each
 * reader. */
static void test_bad_payload(void **state)
{
    static const char *const payloads[] = {"\x80", "\xc0", "\x81\xa6reason\x01",
                                           "\x82\xa6reason\xa1x\xa1z\xc0", "\x81\xa1z\xc0"};
    struct fixture f;
    struct p2p_record_id ids[5];
    (void)state;
    begin(&f);
    struct p2p_record_id ban = court_ban(&f);
    struct p2p_draft draft = {
        .kind = P2P_KIND_BAN_LIFT, .circle = CIRCLE_ALL, .cites = &ban, .cite_count = 1};
    for (size_t i = 0; i < 5; i++) {
        draft.payload = p2p_slice_text(payloads[i]);
        ids[i] = write_as_court(&f, draft, 0);
    }
    draft.payload = (struct p2p_slice){0};
    struct p2p_record_id empty = write_as_court(&f, draft, 0);
    draft.content = reason();
    struct p2p_record_id open = write_as_court(&f, draft, 0); /* in the leaf, for all to read */
    ledger_node_take_all(&f.node);
    for (size_t i = 0; i < 5; i++) {
        check_why(&f, ids[i], "bad-payload");
    }
    check_why(&f, empty, "bad-payload");
    check_why(&f, open, "bad-payload");
    CHECK(ledger_node_state(&f.node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
    end(&f);
}

/* Without this, records of a later version would stop those who do not know them. */
static void test_unknown_kind(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f);
    struct p2p_record_id by_issuer = write_as_court(
        &f, (struct p2p_draft){.kind = 999, .circle = CIRCLE_ALL, .payload = reason()}, 0);
    struct p2p_record_id by_node = ledger_world_write(
        &f.world, 1, (struct p2p_draft){.kind = UINT32_MAX, .content = reason()}, 0);
    struct p2p_record_id ban = court_ban(&f);
    ledger_node_take_all(&f.node);
    check_why(&f, by_issuer, "unknown-kind");
    check_why(&f, by_node, "unknown-kind");
    check_why(&f, ban, ""); /* its number went on */
    end(&f);
}

/* Without this, who holds no payload would judge otherwise about what everybody can see. */
static void test_without_payload(void **state)
{
    struct fixture f;
    struct ledger_node outside;
    (void)state;
    begin(&f);
    struct p2p_record_id pair = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .circle = CIRCLE_PAIR});
    struct p2p_draft forged = {.kind = P2P_KIND_BAN_LIFT,
                               .circle = CIRCLE_PAIR,
                               .cites = &pair,
                               .cite_count = 1,
                               .payload = reason()};
    struct p2p_record_id bad = write_as_court(&f, forged, WRITE_BAD_SIGNATURE);
    ledger_node_take_all(&f.node);
    ledger_node_init(&outside, &f.world, 4);
    ledger_node_take_all(&outside);
    ledger_node_begin(&outside);
    CHECK(ledger_node_why(&outside, &bad) == P2P_WHY_BAD_SIGNATURE);
    CHECK(ledger_node_why(&outside, &pair) == P2P_WHY_NONE);
    struct p2p_ban ban;
    CHECK_ERR(p2p_ban_get(outside.kv, CIRCLE_PAIR, &pair, &ban), P2P_NOTFOUND);
    ledger_node_end(&outside);
    CHECK(memory_kv_count(outside.store, P2P_TABLE_PAYLOAD) == 0);
    struct p2p_hash a, b;
    CHECK_OK(p2p_leaves_digest(&f.node.ledger, &a));
    CHECK_OK(p2p_leaves_digest(&outside.ledger, &b));
    CHECK(p2p_hash_equal(&a, &b));
    ledger_node_deinit(&outside);
    end(&f);
}

/* Without this, two nodes could say they agree while they judge one signature differently. */
static void test_verdicts_in_digest(void **state)
{
    struct fixture f;
    struct p2p_hash before, after, again;
    (void)state;
    begin(&f);
    struct p2p_record_id ban = court_ban(&f);
    ledger_node_take_all(&f.node);
    CHECK_OK(p2p_leaves_digest(&f.node.ledger, &before));
    ledger_node_begin(&f.node); /* a verdict that is not so */
    struct p2p_entry entry;
    CHECK_OK(p2p_ledger_entry(&f.node.ledger, &ban, &entry));
    struct p2p_arrival arrival = {
        .feed = 1, .record = entry.record, .signature = P2P_SIGNATURE_BAD};
    CHECK_OK(p2p_judge_arrival(&f.node.ledger, &arrival, ban.index));
    CHECK_OK(p2p_leaves_digest(&f.node.ledger, &after));
    CHECK(!p2p_hash_equal(&before, &after));
    ledger_node_end(&f.node);
    ledger_node_reopen(&f.node);
    CHECK_OK(p2p_leaves_digest(&f.node.ledger, &again));
    CHECK(p2p_hash_equal(&again, &after)); /* and it is kept */
    check_why(&f, ban, "bad-signature");
    end(&f);
}

/* Without this, a damaged row would be taken for a verdict or a number. */
static void test_damaged_rows(void **state)
{
    struct fixture f;
    struct p2p_slice found, value;
    (void)state;
    begin(&f);
    struct p2p_record_id ban = court_ban(&f);
    write_as_court(
        &f, (struct p2p_draft){.kind = P2P_KIND_BAN_LIFT, .circle = 1, .payload = reason()},
        WRITE_BAD_SIGNATURE);
    struct p2p_record_id bad = {1, ban.index + 1};
    ledger_node_take_all(&f.node);
    for (unsigned row = 0; row < 2; row++) {
        for (unsigned damage = 0; damage < 3; damage++) {
            uint8_t key[16], bytes[16] = {0};
            ledger_node_begin(&f.node);
            CHECK_OK(p2p_kv_seek(f.node.kv, P2P_TABLE_ISSUER,
                                 p2p_slice_of(row ? "\2" : "\1", 1), &found, &value));
            size_t key_len = found.len, len = value.len;
            memcpy(key, found.data, key_len);
            memcpy(bytes, value.data, len);
            len = damage == 0 ? len + 1 : damage == 1 ? 0 : len;
            bytes[0] ^= damage == 2;
            CHECK_OK(p2p_kv_put(f.node.kv, P2P_TABLE_ISSUER, p2p_slice_of(key, key_len),
                                p2p_slice_of(bytes, len)));
            uint64_t seq;
            struct p2p_entry entry;
            enum p2p_why got;
            CHECK_OK(p2p_ledger_entry(&f.node.ledger, &bad, &entry));
            CHECK_ERR(row ? p2p_judge(&f.node.ledger, &entry, &got)
                          : p2p_issuer_seq(&f.node.ledger, 1, COURT_1, &seq),
                      P2P_CORRUPT);
            ledger_node_abort(&f.node);
        }
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_issuer),
        cmocka_unit_test(test_no_grant),
        cmocka_unit_test(test_grant_begins_with_seen),
        cmocka_unit_test(test_bad_signature),
        cmocka_unit_test(test_repeated_number),
        cmocka_unit_test(test_cut_point),
        cmocka_unit_test(test_late_charter),
        cmocka_unit_test(test_verified_before_entry),
        cmocka_unit_test(test_citations),
        cmocka_unit_test(test_cited_comes_late),
        cmocka_unit_test(test_bad_payload),
        cmocka_unit_test(test_unknown_kind),
        cmocka_unit_test(test_without_payload),
        cmocka_unit_test(test_verdicts_in_digest),
        cmocka_unit_test(test_damaged_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
