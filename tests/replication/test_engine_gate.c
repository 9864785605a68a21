/* Gates in the engine: the start-up rule, what a decision knew, numbers, the spool. */
#include "check.h"

#include "network_fixture.h"

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

static struct world_draft draft;

/* A node that nobody witnesses allows at once; one with witnesses only when it has reached what
 * n-k+1+f of them named, and remembers that. */
static void test_start_up_rule(void **state)
{
    (void)state;
    const struct network_options options = {.nodes = 4, .witnesses = 4, .seed = 1};
    network_init(&net, &options);
    network_kill(&net, 4);
    network_connect_all(&net);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    network_restart(&net, 4); /* three witnesses: k = 2, f = 0: two must be reached */
    CHECK(!p2p_engine_complete(net.nodes[4].engine));
    CHECK(network_check(&net, 4, OTHER) == P2P_ANSWER_REFER);
    network_connect(&net, 4, 2);
    network_run(&net);
    CHECK(!p2p_engine_complete(net.nodes[4].engine));
    CHECK(network_check(&net, 4, OTHER) == P2P_ANSWER_REFER);
    CHECK(network_check(&net, 4, SHIP) == P2P_ANSWER_REFUSE); /* what forbids acts at once */
    net.pipes[3][4].held = true;
    network_connect(&net, 4, 3);
    CHECK_OK(network_notes(&net, 3, 1));
    network_run(&net);
    CHECK(!p2p_engine_complete(net.nodes[4].engine));
    net.pipes[3][4].held = false;
    network_run(&net);
    CHECK(p2p_engine_complete(net.nodes[4].engine));
    CHECK(p2p_engine_traced(net.nodes[4].engine, P2P_TRACE_COMPLETE) == 1);
    CHECK(network_check(&net, 4, OTHER) == P2P_ANSWER_ALLOW);
    network_restart(&net, 4); /* later silence shows as age only */
    CHECK(network_check(&net, 4, OTHER) == P2P_ANSWER_ALLOW);
    network_deinit(&net);

    network_start(1, 0, 1);
    CHECK(p2p_engine_complete(net.nodes[1].engine));
    CHECK(network_check(&net, 1, OTHER) == P2P_ANSWER_ALLOW);
}

/* A hello alone does not make complete: the records it names must be there. */
static void test_complete_needs_the_records(void **state)
{
    (void)state;
    const struct network_options options = {.nodes = 3, .witnesses = 3, .seed = 2};
    network_init(&net, &options);
    network_kill(&net, 3);
    network_connect_all(&net);
    CHECK_OK(network_notes(&net, 1, 600));
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    network_restart(&net, 3);
    network_connect_all(&net);
    for (unsigned i = 0; i < 2000 && !p2p_engine_complete(net.nodes[3].engine); i++) {
        CHECK(network_check(&net, 3, SHIP) != P2P_ANSWER_ALLOW);
        network_deliver(&net, 1, 3, 900);
        network_deliver(&net, 2, 3, 900);
        network_deliver(&net, 3, 1, SIZE_MAX);
        network_deliver(&net, 3, 2, SIZE_MAX);
    }
    CHECK(p2p_engine_complete(net.nodes[3].engine));
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
}

/* A feed that only a later charter version names counts as not reached, or a fresh node would
 * allow whom that feed bans. */
static void test_complete_needs_the_charter(void **state)
{
    (void)state;
    const struct network_options options = {
        .nodes = 4, .members = 3, .witnesses = 3, .seed = 3};
    network_init(&net, &options);
    network_kill(&net, 3);
    network_kill(&net, 4);
    network_connect(&net, 1, 2);
    world_draft(&draft);
    network_admit(&draft, 4, 3);
    network_issuer(&draft, 4);
    network_circle(&draft, "m4", 4, 4, 1);
    network_circle(&draft, "all", 4, 4, 1);
    size_t entry = network_entry(&net, &draft);
    network_give(&net, 1, entry);
    CHECK_OK(network_open(&net, 4));
    network_give(&net, 4, entry);
    network_connect(&net, 1, 4);
    network_ban(&net, 4, "all", SHIP);
    network_advance(&net, 2000);
    network_kill(&net, 4);
    network_restart(&net, 3);
    for (uint32_t i = 1; i <= 2; i++) {
        net.pipes[i][3].held = true;
        network_connect(&net, i, 3);
    }
    network_run(&net);
    for (uint32_t i = 1; i <= 2; i++) { /* the hello, but neither charter nor records */
        network_drop(&net, i, 3, P2P_FRAME_ENTRY);
        network_drop(&net, i, 3, P2P_FRAME_RUN);
        net.pipes[i][3].held = false;
        network_deliver(&net, i, 3, SIZE_MAX);
    }
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFER);
    network_advance(&net, 65000);
    CHECK(p2p_engine_complete(net.nodes[3].engine));
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
}

/* The decision stands behind a `seen` that names exactly what it was evaluated against. */
static void check_seen_at(uint32_t node, const struct p2p_record_id *decisions)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    struct p2p_slice leaf;
    struct p2p_record record;
    ledger->kv = kv;
    CHECK(decisions->feed == network_feed(&net, node));
    CHECK_OK(
        p2p_feed_leaf(p2p_ledger_feed(ledger, decisions->feed), kv, decisions->index, &leaf));
    CHECK_OK(p2p_record_decode(&record, leaf));
    CHECK(record.kind == P2P_KIND_DECISIONS);
    for (uint32_t of = 0; of < ledger->feed_count; of++) {
        uint64_t known = 0;
        if (of != decisions->feed) {
            CHECK_OK(p2p_known_size(ledger, decisions->feed, decisions->index, of, &known));
            CHECK(known == network_size(&net, node, of));
        }
    }
    memory_kv_abort(net.nodes[node].kv);
}

/* A decision in the batch that brings a ban sees the ban, and says that it did. */
static void test_decision_beside_a_received_ban(void **state)
{
    (void)state;
    static struct p2p_job job;
    network_start(2, 0, 4);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_ALLOW);
    network_ban(&net, 1, "all", SHIP);
    network_check_job(&job, SHIP);
    CHECK(network_deliver_with(&net, 1, 2, &job));
    CHECK_OK(job.result.err);
    CHECK(job.result.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(!job.result.spooled);
    check_seen_at(2, &job.result.first);
}

/* Many decisions of one commit stand in one record, each with its number. */
static void test_decisions_of_one_commit(void **state)
{
    (void)state;
    static struct p2p_job jobs[50];
    network_start(2, 0, 5);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    for (size_t i = 0; i < 50; i++) {
        network_check_job(&jobs[i], i % 2 ? SHIP : OTHER);
    }
    CHECK_OK(network_jobs(&net, 2, jobs, 50));
    for (size_t i = 0; i < 50; i++) {
        CHECK_OK(jobs[i].result.err);
        CHECK(jobs[i].result.decision == i);
        CHECK(p2p_record_id_compare(&jobs[i].result.first, &jobs[0].result.first) == 0);
        CHECK(jobs[i].result.answer.answer == (i % 2 ? P2P_ANSWER_REFUSE : P2P_ANSWER_ALLOW));
    }
    check_seen_at(2, &jobs[0].result.first);
    network_run(&net);
    network_agree(&net);
}

/* Decisions of persons are nobody's but the member's: without a circle of its own they are
 * spooled, never told to everybody. */
static void test_decision_without_own_circle(void **state)
{
    (void)state;
    static struct p2p_job job;
    const struct network_options options = {.nodes = 2, .members = 1, .seed = 6};
    network_init(&net, &options);
    world_draft(&draft);
    network_admit(&draft, 2, 0);
    network_circle(&draft, "all", 2, 2, 1);
    size_t entry = network_entry(&net, &draft);
    network_give(&net, 1, entry);
    network_give(&net, 2, entry);
    network_connect_all(&net);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    uint64_t size = network_size(&net, 2, network_feed(&net, 2));
    network_check_job(&job, SHIP);
    CHECK_OK(network_jobs(&net, 2, &job, 1));
    CHECK(job.result.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(job.result.spooled);
    CHECK(job.result.leaf.len > 0);
    CHECK(network_size(&net, 2, network_feed(&net, 2)) == size);
}

/* ---- numbers ---- */

static void ban_record(struct p2p_append *record, uint8_t *payload, size_t cap, bool key)
{
    static struct p2p_issuer_secret issuer;
    struct p2p_pack pack;
    struct p2p_subject subject;
    struct p2p_circle_key circle = network_circle_key("all", 1);
    const struct p2p_ban_draft ban = {.subjects = &subject,
                                      .subject_count = 1,
                                      .ground = P2P_GROUND_COURT,
                                      .reference = "outside"};
    CHECK_OK(p2p_subject_parse(&subject, p2p_slice_text(SHIP)));
    p2p_pack_init(&pack, payload, cap);
    CHECK_OK(p2p_ban_pack(&pack, &ban, &circle, 1));
    issuer = world_issuer_key(101);
    *record = (struct p2p_append){
        .kind = P2P_KIND_BAN_IMPOSE,
        .circle = network_circle_number(&net, 1, "all"),
        .issuer = p2p_charter_issuer_named(p2p_engine_ledger(net.nodes[1].engine)->charter,
                                           p2p_slice_text("im1"))
                      ->number,
        .key = key ? &issuer : NULL,
        .payload = p2p_pack_slice(&pack)};
}

struct prepared {
    uint8_t leaf[2048];
    size_t leaf_len;
    uint8_t salted[2048];
    size_t salted_len;
    uint64_t seq;
};

/* Signed outside, as a party with its own key would. */
static void prepare(struct prepared *out)
{
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    uint8_t payload[512];
    struct p2p_job job = {.type = P2P_JOB_PREPARE};
    struct p2p_record record;
    struct p2p_signature signature;
    struct p2p_pack pack;
    struct p2p_issuer_secret issuer = world_issuer_key(101);
    ban_record(&job.prepare, payload, sizeof(payload), false);
    CHECK_OK(network_jobs(&net, 1, &job, 1));
    CHECK_OK(job.result.err);
    /* All of it but the nil where the signature will stand. */
    struct p2p_slice head = p2p_slice_of(job.result.leaf.data, job.result.leaf.len - 1);
    size_t len =
        p2p_record_signed_bytes(message, head, p2p_slice_text(WORLD_FEDERATION "/m1/1"));
    p2p_sigs_ed25519()->sign(NULL, issuer.seed, issuer.public_key.bytes,
                             p2p_slice_of(message, len), &signature);
    p2p_pack_init(&pack, out->leaf, sizeof(out->leaf));
    CHECK_OK(p2p_record_attach(head, &signature, &pack));
    out->leaf_len = p2p_pack_slice(&pack).len;
    memcpy(out->salted, job.result.salted.data, job.result.salted.len);
    out->salted_len = job.result.salted.len;
    CHECK_OK(p2p_record_decode(&record, p2p_pack_slice(&pack)));
    out->seq = record.issuer_seq;
}

static enum p2p_err submit(const struct prepared *prepared)
{
    struct p2p_job job = {.type = P2P_JOB_SUBMIT};
    job.submit.leaf = p2p_slice_of(prepared->leaf, prepared->leaf_len);
    job.submit.salted = p2p_slice_of(prepared->salted, prepared->salted_len);
    CHECK_OK(network_jobs(&net, 1, &job, 1));
    return job.result.err;
}

/* Without this, a ban that everybody may read, in circle 0, would be in force and refuse
 * nobody.
 */
static void test_a_ban_for_everybody(void **state)
{
    (void)state;
    struct p2p_append record;
    uint8_t payload[512];
    network_start(2, 0, 9);
    ban_record(&record, payload, sizeof(payload), true);
    record.circle = 0;
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(&net, 1, &job, 1));
    CHECK_OK(job.result.err);
    network_connect_all(&net);
    network_run(&net);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_ALLOW);
}

/* Without this, who had an issuer's key once could use its last number, and every later ban of
 * that issuer would be accepted and void. */
static void test_numbers_that_were_never_given(void **state)
{
    (void)state;
    static struct prepared far;
    struct p2p_record_id id;
    network_start(1, 0, 7);
    for (int i = 0; i < 5; i++) {
        prepare(&far);
    }
    network_deinit(&net);
    network_start(1, 0, 7);
    CHECK_ERR(submit(&far), P2P_REFUSED);
    /* The last one was given, however that came about. */
    const uint8_t key[] = {3, 0, 0, 0, 1, 0, 0, 0, 1};
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK(p2p_charter_issuer_named(p2p_engine_ledger(net.nodes[1].engine)->charter,
                                   p2p_slice_text("im1"))
              ->number == 1);
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_ISSUER, p2p_slice_of(key, sizeof(key)),
                        p2p_slice_of("\xff\xff\xff\xff\xff\xff\xff\xff", 8)));
    CHECK_OK(memory_kv_commit(net.nodes[1].kv));
    CHECK_ERR(network_try_ban(&net, 1, "all", SHIP, &id), P2P_REFUSED);
    struct p2p_job job = {.type = P2P_JOB_PREPARE};
    uint8_t payload[512];
    ban_record(&job.prepare, payload, sizeof(payload), false);
    CHECK_OK(network_jobs(&net, 1, &job, 1));
    CHECK_ERR(job.result.err, P2P_REFUSED);
}

/* An issuer's number is given once, whether a record was appended, prepared or lost. */
static void test_numbers_are_never_reused(void **state)
{
    (void)state;
    static struct prepared first, second, third;
    network_start(2, 0, 7);
    network_ban(&net, 1, "all", SHIP); /* number 1 */
    prepare(&first);
    CHECK(first.seq == 2);
    prepare(&second);
    CHECK(second.seq == 3);
    network_ban(&net, 1, "all", SHIP); /* 4, although 2 and 3 are not here */
    CHECK_ERR(submit(&first), P2P_REFUSED);
    network_restart(&net, 1);
    prepare(&third);
    CHECK(third.seq == 5);
    third.leaf[third.leaf_len - 1] ^= 1;
    CHECK_ERR(submit(&third), P2P_BADSIG);
    third.leaf[third.leaf_len - 1] ^= 1;
    third.salted[third.salted_len - 1] ^= 1;
    CHECK_ERR(submit(&third), P2P_COMMITMENT);
    third.salted[third.salted_len - 1] ^= 1;
    size_t salted_len = third.salted_len;
    third.salted_len = 0;
    CHECK(submit(&third) != P2P_OK);
    third.salted_len = salted_len;
    CHECK_OK(submit(&third));
    CHECK_ERR(submit(&third), P2P_REFUSED);
    network_connect_all(&net);
    network_run(&net);
    network_agree(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
}

/* A commit that failed gave numbers to nobody; what came before stands. */
static void test_numbers_after_a_failed_commit(void **state)
{
    (void)state;
    static struct prepared first, second;
    network_start(1, 0, 8);
    net.allow_failure = true;
    for (long at = 0; at < 12; at++) {
        struct p2p_record_id id;
        prepare(&first);
        net.nodes[1].use_faulty = true;
        net.nodes[1].faulty.countdown = at;
        net.nodes[1].faulty.writes_only = true;
        if (network_try_ban(&net, 1, "all", SHIP, &id) != P2P_OK) {
            net.nodes[1].use_faulty = false;
            CHECK_OK(network_open(&net, 1));
        }
        net.nodes[1].use_faulty = false;
        prepare(&second);
        CHECK(second.seq > first.seq);
        CHECK_OK(submit(&second));
    }
}

/* ---- refusals of what would block the feed ---- */

static void test_own_records_that_peers_would_refuse(void **state)
{
    (void)state;
    uint8_t payload[512];
    struct p2p_append record;
    struct p2p_job job;
    network_start(2, 0, 9);
    uint64_t size = network_size(&net, 1, 1);
    for (unsigned i = 0; i < 6; i++) {
        ban_record(&record, payload, sizeof(payload), true);
        switch (i) {
        case 0:
            record.circle = 99;
            break;
        case 1:
            record.kind = 4711;
            break;
        case 2:
            record.payload.len--;
            break;
        case 3:
            record.payload = p2p_slice_of("\x81\xa1z\x01", 4);
            break;
        case 4: /* nobody's own kind */
            record.issuer = 0;
            record.key = NULL;
            break;
        default: /* a public kind's content beside a payload */
            record.content = record.payload;
            break;
        }
        job = (struct p2p_job){.type = P2P_JOB_APPEND, .append = {&record, 1}};
        CHECK_OK(network_jobs(&net, 1, &job, 1));
        CHECK(job.result.err != P2P_OK);
        CHECK(job.result.reason[0] != 0);
        CHECK(network_size(&net, 1, 1) == size);
    }
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    network_agree(&net);
}

/* A job far larger than a run is signed in between and reaches everybody. */
static void test_large_job(void **state)
{
    (void)state;
    enum { COUNT = 5000, NOTE_BYTES = 1000 };
    static uint8_t content[NOTE_BYTES + 16];
    static struct p2p_append records[COUNT];
    static char text[NOTE_BYTES + 1];
    struct p2p_pack pack;
    network_start(2, 0, 10);
    memset(text, 'x', NOTE_BYTES);
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "text");
    p2p_pack_text(&pack, text);
    for (size_t i = 0; i < COUNT; i++) {
        records[i] =
            (struct p2p_append){.kind = P2P_KIND_NOTE, .content = p2p_pack_slice(&pack)};
    }
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {records, COUNT}};
    CHECK_OK(network_jobs(&net, 1, &job, 1));
    CHECK_OK(job.result.err);
    network_advance(&net, 1000);
    CHECK(network_size(&net, 2, 1) == network_size(&net, 1, 1));
    network_agree(&net);
}

/* ---- read-only ---- */

/* A node that may not append still answers; what it decided is handed over for the spool. */
static void test_spool(void **state)
{
    (void)state;
    static struct p2p_job job;
    network_start(2, 0, 11);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    p2p_engine_set_read_only(net.nodes[2].engine, P2P_READ_ONLY_DISK_FULL);
    uint64_t size = network_size(&net, 2, 2);
    network_check_job(&job, SHIP);
    CHECK_OK(network_jobs(&net, 2, &job, 1));
    CHECK_OK(job.result.err);
    CHECK(job.result.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(job.result.spooled);
    CHECK(job.result.leaf.len > 0);
    CHECK(network_size(&net, 2, 2) == size);
    CHECK_ERR(network_notes(&net, 2, 1), P2P_RDONLY);
    network_ban(&net, 1, "all", OTHER); /* it still learns */
    network_run(&net);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_start_up_rule, network_stop),
        cmocka_unit_test_teardown(test_complete_needs_the_records, network_stop),
        cmocka_unit_test_teardown(test_complete_needs_the_charter, network_stop),
        cmocka_unit_test_teardown(test_decision_beside_a_received_ban, network_stop),
        cmocka_unit_test_teardown(test_decisions_of_one_commit, network_stop),
        cmocka_unit_test_teardown(test_decision_without_own_circle, network_stop),
        cmocka_unit_test_teardown(test_a_ban_for_everybody, network_stop),
        cmocka_unit_test_teardown(test_numbers_that_were_never_given, network_stop),
        cmocka_unit_test_teardown(test_numbers_are_never_reused, network_stop),
        cmocka_unit_test_teardown(test_numbers_after_a_failed_commit, network_stop),
        cmocka_unit_test_teardown(test_own_records_that_peers_would_refuse, network_stop),
        cmocka_unit_test_teardown(test_large_job, network_stop),
        cmocka_unit_test_teardown(test_spool, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
