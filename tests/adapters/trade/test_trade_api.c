#include "check.h"

#include "adapters/trade/api.h"
#include "adapters/trade/task.h"
#include "disk_fault.h"
#include "script_node.h"
#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/sigs.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>

#define KEY    "0123456789abcdef0123456789abcdef"
#define NOW_MS 1795334400000u

struct world {
    struct temp_dir dir;
    char socket[TEMP_PATH_BYTES];
    struct p2p_trade_endpoint endpoint;
    struct p2p_trade_api api;
    struct p2p_trade_carrier carrier;
    struct p2p_trade_signer signer;
    struct script_node *node;
    long fault_at; /* which write after a step fails */
};

/* signs: with a key of its own, under the passphrase "trade". */
static struct world *world_new(bool signs)
{
    struct world *world = calloc(1, sizeof *world);
    char problem[P2P_TRADE_PROBLEM_BYTES] = "";
    temp_dir_make(&world->dir);
    temp_path(&world->dir, "s", world->socket);
    world->endpoint.socket = world->socket;
    CHECK_OK(p2p_trade_http_open(&world->api.http, &world->endpoint));
    CHECK_OK(p2p_journal_open(&world->api.journal, world->dir.path, NOW_MS));
    world->api.as = "beanr-carrier";
    if (signs) {
        char path[TEMP_PATH_BYTES];
        char passphrase[TEMP_PATH_BYTES];
        char text[P2P_KEYFILE_BYTES_MAX];
        static const uint8_t SALT[P2P_KDF_SALT_BYTES] = {1};
        static const uint8_t NONCE[P2P_KEYFILE_NONCE_BYTES] = {2};
        static const uint8_t SEED[P2P_SEED_BYTES] = {3};
        struct p2p_kdf kdf;
        struct p2p_unlock_key key;
        struct p2p_keyfile file;
        p2p_kdf_init(&kdf, P2P_KDF_MIN, SALT);
        CHECK_OK(p2p_kdf_derive(&kdf, p2p_slice_text("trade"), &key));
        p2p_keyfile_seal(&file, P2P_KEY_ISSUER, "beanr-carrier", SEED, NONCE, &key);
        temp_write(temp_path(&world->dir, "kdf", path), text, p2p_kdf_format(&kdf, text));
        temp_path(&world->dir, "passphrase", passphrase);
        temp_write(passphrase, "trade\n", 6);
        temp_path(&world->dir, "carrier.key", path);
        temp_write(path, text, p2p_keyfile_format(&file, text));
        CHECK_ERR(p2p_trade_signer_open(&world->signer, path, NULL, problem), P2P_PASSPHRASE);
        CHECK(problem[0] != '\0');
        CHECK_OK(p2p_trade_signer_open(&world->signer, path, passphrase, problem));
        world->api.signer = &world->signer;
    }
    world->carrier = p2p_trade_api_carrier(&world->api);
    return world;
}

static void world_free(struct world *world)
{
    p2p_trade_http_close(world->api.http);
    p2p_journal_close(world->api.journal);
    p2p_trade_signer_close(&world->signer);
    temp_dir_remove(&world->dir);
    free(world);
}

static struct p2p_trade_result carry(struct world *world, const char *step, const char *issued)
{
    struct p2p_trade_result result;
    json_t *json = json_loads(step, 0, NULL);
    CHECK(json != NULL);
    world->carrier.carry(world->carrier.context, json, issued, KEY, &result);
    if (result.outcome == P2P_TRADE_DONE) {
        CHECK_OK(world->carrier.settle(world->carrier.context, KEY));
    }
    json_decref(json);
    return result;
}

/* One step against a script. */
static struct p2p_trade_result play(struct world *world, const char *step,
                                    const struct script_line *lines)
{
    world->node = script_node_start(world->socket, lines);
    CHECK(world->node != NULL);
    struct p2p_trade_result result = carry(world, step, "beanr/1:9");
    CHECK(script_node_stop(world->node));
    return result;
}

#define ISSUE                                                                                  \
    "{\"verb\":\"right "                                                                       \
    "issue\",\"body\":{\"container\":\"CSQU3054383\",\"bl\":\"B\",\"to\":\"f\"}}"
#define CANCEL                                                                                 \
    "{\"verb\":\"right cancel\",\"body\":{},\"states\":\"PENDING|ACTIVE\","                    \
    "\"where\":{\"container\":\"CSQU3054383\",\"bl\":\"B\"}}"
#define LIST "GET /v1/rights?all=1&container=CSQU3054383"
#define HELD                                                                                   \
    {                                                                                          \
        "GET /v1/custody?all=1&container=CSQU3054383", 200,                                    \
            "{\"custody\":[{\"token\":\"x:1\",\"state\":\"released\"},{\"token\":\"x:2\","     \
            "\"state\":\"held\"}]}",                                                           \
            NULL                                                                               \
    }

static void a_request_is_asked_and_answered(void **state)
{
    (void)state;
    struct world *world = world_new(false);
    static const struct script_line ISSUED[] = {
        HELD,
        {"POST /v1/rights", 200, "{\"id\":\"beanr/1:17\"}",
         "{\"as\":\"beanr-carrier\",\"container\":\"CSQU3054383\",\"bl\":\"B\",\"to\":\"f\"}"},
        {0}};
    struct p2p_trade_result result = play(world, ISSUE, ISSUED);
    CHECK(result.outcome == P2P_TRADE_DONE && strcmp(result.id, "beanr/1:17") == 0);
    static const struct script_line LIGHT[] = {
        {"POST /v1/rights/light", 200, "{\"id\":\"beanr/1:18\"}",
         "{\"as\":\"beanr-carrier\",\"id\":\"beanr/"
         "1:9\",\"light\":\"commercial\",\"value\":\"ok\"}"},
        {0}};
    result = play(world,
                  "{\"verb\":\"right light\",\"issued\":true,"
                  "\"body\":{\"light\":\"commercial\",\"value\":\"ok\"}}",
                  LIGHT);
    CHECK(result.outcome == P2P_TRADE_DONE && strcmp(result.id, "beanr/1:18") == 0);
    CHECK(json_object_size(p2p_journal_all(world->api.journal, P2P_JOURNAL_ASKED)) == 0);
    world_free(world);
}

static void what_it_is_done_to_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *rights;
        const char *id; /* NULL: not asked further */
        enum p2p_trade_outcome outcome;
        const char *code;
    } ROWS[] = {
        {"[]", NULL, P2P_TRADE_ABSENT, "nothing-there"},
        {"[{\"id\":\"x:1\",\"bl\":\"B\",\"state\":\"CANCELLED\"}]", NULL, P2P_TRADE_ABSENT,
         "nothing-there"},
        {"[{\"id\":\"x:1\",\"bl\":\"C\",\"state\":\"ACTIVE\"}]", NULL, P2P_TRADE_ABSENT,
         "nothing-there"},
        {"[{\"id\":\"x:1\",\"bl\":\"C\",\"state\":\"ACTIVE\"},"
         "{\"id\":\"x:2\",\"bl\":\"B\",\"state\":\"PENDING\"}]",
         "x:2", P2P_TRADE_DONE, ""},
        /* one is ours: another's on the same bill of lading is his to cancel */
        {"[{\"id\":\"x:1\",\"bl\":\"B\",\"state\":\"ACTIVE\",\"issuer\":\"beanr-other\"},"
         "{\"id\":\"x:2\",\"bl\":\"B\",\"state\":\"PENDING\",\"issuer\":\"beanr-carrier\"}]",
         "x:2", P2P_TRADE_DONE, ""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct world *world = world_new(false);
        char list[400];
        char body[100];
        snprintf(list, sizeof list, "{\"rights\":%s,\"next\":null}", ROWS[i].rights);
        snprintf(body, sizeof body, "{\"as\":\"beanr-carrier\",\"id\":\"%s\"}",
                 ROWS[i].id != NULL ? ROWS[i].id : "");
        const struct script_line found[] = {
            {LIST, 200, list, NULL},
            {"POST /v1/rights/cancel", 200, "{\"id\":\"beanr/1:20\"}", body},
            {0}};
        const struct script_line not_found[] = {{LIST, 200, list, NULL}, {0}};
        struct p2p_trade_result result =
            play(world, CANCEL, ROWS[i].id != NULL ? found : not_found);
        CHECK(result.outcome == ROWS[i].outcome && strcmp(result.code, ROWS[i].code) == 0);
        world_free(world);
    }
}

#define TWO_LIVE                                                                               \
    {                                                                                          \
        LIST, 200,                                                                             \
            "{\"rights\":[{\"id\":\"x:1\",\"bl\":\"B\",\"state\":\"ACTIVE\"},{\"id\":\"x:2\"," \
            "\"bl\":\"B\",\"state\":\"PENDING\"}],\"next\":null}",                             \
            NULL                                                                               \
    }
#define CANCELLED(right, status, answer)                                                       \
    {                                                                                          \
        "POST /v1/rights/cancel", status, answer,                                              \
            "{\"as\":\"beanr-carrier\",\"id\":\"" right "\"}"                                  \
    }

/* Broken: a line that takes a release back by its bill of lading would leave one of two rights
 * on it to be collected on, or forget the second when the node goes away after the first. */
static void a_cancellation_takes_back_all_that_fits(void **state)
{
    (void)state;
    static const struct script_line BOTH[] = {TWO_LIVE,
                                              CANCELLED("x:1", 200, "{\"id\":\"beanr/1:20\"}"),
                                              CANCELLED("x:2", 200, "{\"id\":\"beanr/1:21\"}"),
                                              {0}};
    struct world *world = world_new(false);
    CHECK(play(world, CANCEL, BOTH).outcome == P2P_TRADE_DONE);
    CHECK(json_object_size(p2p_journal_all(world->api.journal, P2P_JOURNAL_ASKED)) == 0);

    static const struct script_line BROKEN[] = {
        TWO_LIVE,
        CANCELLED("x:1", 200, "{\"id\":\"beanr/1:20\"}"),
        CANCELLED("x:2", 503, "{\"code\":\"busy\"}"),
        {0}};
    static const struct script_line AGAIN[] = {
        CANCELLED("x:1", 403, "{\"code\":\"wrong-state\"}"), /* it was done: it comes again */
        CANCELLED("x:2", 200, "{\"id\":\"beanr/1:21\"}"),
        {0}};
    CHECK(play(world, CANCEL, BROKEN).outcome == P2P_TRADE_UNREACHABLE);
    CHECK(play(world, CANCEL, AGAIN).outcome == P2P_TRADE_DONE);
    CHECK(json_object_size(p2p_journal_all(world->api.journal, P2P_JOURNAL_ASKED)) == 0);

    static const struct script_line ONE_REFUSED[] = {
        TWO_LIVE,
        CANCELLED("x:1", 403, "{\"code\":\"no-grant\"}"),
        CANCELLED("x:2", 200, "{\"id\":\"beanr/1:21\"}"),
        {0}};
    struct p2p_trade_result result = play(world, CANCEL, ONE_REFUSED);
    CHECK(result.outcome == P2P_TRADE_REFUSED && strcmp(result.code, "no-grant") == 0);
    CHECK(json_object_size(p2p_journal_all(world->api.journal, P2P_JOURNAL_ASKED)) == 0);
    world_free(world);
}

/* Broken: a haulier is told to name the bill of lading that he named. */
static void what_is_ambiguous_says_what_would_decide(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        const char *text;
    } ROWS[] = {
        {"", "several rights on this container fit; name its bill of lading (RFF+BM)"},
        {",\"bl\":\"B\"",
         "several rights on this bill of lading fit; name the release reference (RFF+RE)"},
        {",\"bl\":\"B\",\"reference\":\"R\"",
         "several rights fit all that is named; their issuer cancels all but one"},
    };
    static const struct script_line FOUND[] = {TWO_LIVE, {0}};
    struct world *world = world_new(false);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char step[300];
        snprintf(step, sizeof step,
                 "{\"verb\":\"right assign\",\"body\":{},\"where\":{\"container\":"
                 "\"CSQU3054383\"%s}}",
                 ROWS[i].where);
        struct p2p_trade_result result = play(world, step, FOUND);
        CHECK(result.outcome == P2P_TRADE_REFUSED && strcmp(result.code, "ambiguous") == 0);
        CHECK(strcmp(result.text, ROWS[i].text) == 0);
    }
    world_free(world);
}

/* Broken: an order that comes again, and whose right lives, would never be answered by who
 * signs with a key of his own. */
static void what_lives_is_not_signed_again(void **state)
{
    (void)state;
    static const struct script_line LIVES[] = {
        HELD, {"POST /v1/prepare", 200, "{\"id\":\"beanr/1:17\",\"already\":true}", NULL}, {0}};
    struct world *world = world_new(true);
    struct p2p_trade_result result = play(world, ISSUE, LIVES);
    CHECK(result.outcome == P2P_TRADE_DONE && strcmp(result.id, "beanr/1:17") == 0);
    world_free(world);
}

/* Broken: of a container with more history than a page of a list has, the right that counts
 * would not be found, or one of two would be taken. */
static void what_stands_on_a_later_page_is_found(void **state)
{
    (void)state;
    struct world *world = world_new(false);
    static const struct script_line FOUND[] = {
        {LIST, 200,
         "{\"rights\":[{\"id\":\"x:1\",\"bl\":\"B\",\"state\":\"CANCELLED\"}],"
         "\"next\":\"0/beanr/1:4\"}",
         NULL},
        {LIST "&after=0%2Fbeanr%2F1%3A4", 200, "{\"rights\":[],\"next\":\"1/beanr/1:7\"}",
         NULL},
        {LIST "&after=1%2Fbeanr%2F1%3A7", 200,
         "{\"rights\":[{\"id\":\"x:9\",\"bl\":\"B\",\"state\":\"ACTIVE\"}],\"next\":null}",
         NULL},
        {"POST /v1/rights/cancel", 200, "{\"id\":\"beanr/1:20\"}",
         "{\"as\":\"beanr-carrier\",\"id\":\"x:9\"}"},
        {0}};
    CHECK(play(world, CANCEL, FOUND).outcome == P2P_TRADE_DONE);
    static const struct script_line TWO[] = {
        {LIST, 200,
         "{\"rights\":[{\"id\":\"x:1\",\"bl\":\"B\",\"state\":\"ACTIVE\"}],"
         "\"next\":\"0/beanr/1:4\"}",
         NULL},
        {LIST "&after=0%2Fbeanr%2F1%3A4", 200,
         "{\"rights\":[{\"id\":\"x:9\",\"bl\":\"B\",\"state\":\"ACTIVE\"}],\"next\":null}",
         NULL},
        CANCELLED("x:1", 200, "{\"id\":\"beanr/1:20\"}"),
        CANCELLED("x:9", 200, "{\"id\":\"beanr/1:21\"}"),
        {0}};
    CHECK(play(world, CANCEL, TWO).outcome == P2P_TRADE_DONE);
    world_free(world);
}

static void without_custody_nothing_is_sent_and_nothing_kept(void **state)
{
    (void)state;
    struct world *world = world_new(false);
    static const struct script_line NOBODY[] = {
        {"GET /v1/custody?all=1&container=CSQU3054383", 200,
         "{\"custody\":[{\"token\":\"x:1\",\"state\":\"released\"}]}", NULL},
        {0}};
    struct p2p_trade_result result = play(world, ISSUE, NOBODY);
    CHECK(result.outcome == P2P_TRADE_ABSENT && strcmp(result.code, "nothing-there") == 0);
    CHECK(p2p_journal_get(world->api.journal, P2P_JOURNAL_ASKED, KEY) == NULL);
    world_free(world);
}

static void what_a_status_means(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *code;
        enum p2p_trade_outcome outcome;
        bool kept; /* to be sent again as it is */
    } ROWS[] = {
        {400, "bad-container", P2P_TRADE_REFUSED, false},
        {403, "no-grant", P2P_TRADE_REFUSED, false},
        {422, "malformed", P2P_TRADE_REFUSED, false},
        {404, "no-custody", P2P_TRADE_ABSENT, false},
        {404, "no-such-route", P2P_TRADE_UNREACHABLE, true},
        {401, "no-credentials", P2P_TRADE_UNREACHABLE, true},
        {409, "under-way", P2P_TRADE_UNREACHABLE, true},
        {429, "too-many", P2P_TRADE_UNREACHABLE, true},
        {500, "x", P2P_TRADE_UNREACHABLE, true},
        {503, "locked", P2P_TRADE_UNREACHABLE, true},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct world *world = world_new(false);
        char answer[100];
        snprintf(answer, sizeof answer, "{\"code\":\"%s\",\"text\":\"caf\xc3\xa9\\n\"}",
                 ROWS[i].code);
        const struct script_line lines[] = {
            HELD, {"POST /v1/rights", ROWS[i].status, answer, NULL}, {0}};
        struct p2p_trade_result result = play(world, ISSUE, lines);
        CHECK(result.outcome == ROWS[i].outcome && strcmp(result.code, ROWS[i].code) == 0);
        CHECK(strcmp(result.text, "caf...") == 0);
        CHECK((p2p_journal_get(world->api.journal, P2P_JOURNAL_ASKED, KEY) != NULL) ==
              ROWS[i].kept);
        world_free(world);
    }
}

static void without_an_answer_the_same_is_sent_again(void **state)
{
    (void)state;
    struct world *world = world_new(false);
    CHECK(carry(world, ISSUE, "").outcome == P2P_TRADE_UNREACHABLE); /* nobody serves */
    p2p_journal_close(world->api.journal);
    CHECK_OK(p2p_journal_open(&world->api.journal, world->dir.path, NOW_MS));
    static const struct script_line AGAIN[] = {
        HELD,
        {"POST /v1/rights", 200, "{\"id\":\"beanr/1:17\"}",
         "{\"as\":\"beanr-carrier\",\"container\":\"CSQU3054383\",\"bl\":\"B\",\"to\":\"f\"}"},
        {0}};
    CHECK(play(world, ISSUE, AGAIN).outcome == P2P_TRADE_DONE);

    /* A cancellation whose answer was lost is not looked up anew: it may have been done. */
    static const struct script_line LOST[] = {
        {LIST, 200, "{\"rights\":[{\"id\":\"x:2\",\"bl\":\"B\",\"state\":\"PENDING\"}]}", NULL},
        {"POST /v1/rights/cancel", 503, "{\"code\":\"busy\"}", NULL},
        {0}};
    CHECK(play(world, CANCEL, LOST).outcome == P2P_TRADE_UNREACHABLE);
    static const struct script_line DONE_BEFORE[] = {
        {"POST /v1/rights/cancel", 403, "{\"code\":\"wrong-state\"}",
         "{\"as\":\"beanr-carrier\",\"id\":\"x:2\"}"},
        {0}};
    CHECK(play(world, CANCEL, DONE_BEFORE).outcome == P2P_TRADE_DONE);
    world_free(world);
}

/* Carries a step, and then the disk is full. */
static void carry_then_fail(void *context, const json_t *step, const char *issued,
                            const char *key, struct p2p_trade_result *out)
{
    struct world *world = context;
    world->carrier.carry(world->carrier.context, step, issued, key, out);
    disk_fault_arm(DISK_FAULT_FULL, world->fault_at, true);
}

static enum p2p_err settle_too(void *context, const char *key)
{
    struct world *world = context;
    return world->carrier.settle(world->carrier.context, key);
}

/* Broken: a crash between the node's answer and the journal's line on it would have the step
 * looked up and asked for anew: told as refused though it was done, or done twice. */
static void what_was_done_is_not_asked_anew_after_a_crash(void **state)
{
    (void)state;
    for (int fault_at = 0; fault_at < 2; fault_at++) {
        struct world *world = world_new(false);
        struct p2p_trade_carrier failing = {carry_then_fail, settle_too, world};
        enum p2p_trade_end end = P2P_TRADE_UNDECIDED;
        struct p2p_trade_result result;
        json_t *task = json_pack("{s:s, s:i, s:[o]}", "container", "CSQU3054383", "segment", 7,
                                 "steps", json_loads(CANCEL, 0, NULL));
        json_t *origin = json_object();
        static const struct script_line FIRST[] = {
            {LIST, 200, "{\"rights\":[{\"id\":\"x:2\",\"bl\":\"B\",\"state\":\"PENDING\"}]}",
             NULL},
            {"POST /v1/rights/cancel", 200, "{\"id\":\"beanr/1:20\"}", NULL},
            {0}};
        /* The same request, unless it was noted that it is done. */
        static const struct script_line AGAIN[] = {
            {"POST /v1/rights/cancel", 200, "{\"id\":\"beanr/1:20\"}",
             "{\"as\":\"beanr-carrier\",\"id\":\"x:2\"}"},
            {0}};
        CHECK_OK(p2p_task_begin(world->api.journal, KEY, task, origin, NOW_MS));
        json_decref(task);
        json_decref(origin);
        world->fault_at = fault_at;
        world->node = script_node_start(world->socket, FIRST);
        CHECK(world->node != NULL);
        CHECK(p2p_task_run(world->api.journal, KEY, &failing, NOW_MS, NULL, &end, &result) !=
              P2P_OK);
        disk_fault_disarm();
        CHECK(script_node_stop(world->node));
        p2p_journal_close(world->api.journal);
        CHECK_OK(p2p_journal_open(&world->api.journal, world->dir.path, NOW_MS));
        world->node = script_node_start(world->socket, fault_at == 0 ? AGAIN : AGAIN + 1);
        CHECK(world->node != NULL);
        CHECK_OK(p2p_task_run(world->api.journal, KEY, &world->carrier, NOW_MS, NULL, &end,
                              &result));
        CHECK(end == P2P_TRADE_OVER);
        CHECK(script_node_stop(world->node));
        CHECK(json_object_size(p2p_journal_all(world->api.journal, P2P_JOURNAL_ASKED)) == 0);
        world_free(world);
    }
}

/* The bytes that a node would have signed: prefix `record`, origin, leaf. */
static void prepared(char out[600], const char *use, const char *leaf, const char *told_leaf)
{
    uint8_t bytes[200];
    char text[P2P_BASE64_BYTES(200)];
    char leaf_text[P2P_BASE64_BYTES(100)];
    struct p2p_writer writer;
    p2p_writer_init(&writer, bytes, sizeof bytes);
    p2p_writer_bytes(&writer, use, strlen(use) + 1);
    p2p_writer_u16(&writer, 7);
    p2p_writer_text(&writer, "x/beanr");
    p2p_writer_text(&writer, leaf);
    p2p_base64_encode(text, bytes, writer.len);
    p2p_base64_encode(leaf_text, told_leaf, strlen(told_leaf));
    snprintf(out, 600, "{\"bytes\":\"%s\",\"leaf\":\"%s\",\"payload\":null}", text, leaf_text);
}

static void a_record_is_signed_here_and_handed_in_once(void **state)
{
    (void)state;
    struct world *world = world_new(true);
    char answer[600];
    prepared(answer, "port2port/v1/record", "the leaf", "the leaf");
    static const char REQUEST[] =
        "{\"path\":\"/v1/rights\",\"request\":{\"as\":\"beanr-carrier\","
        "\"container\":\"CSQU3054383\",\"bl\":\"B\",\"to\":\"f\"}}";
    const struct script_line lost[] = {HELD,
                                       {"POST /v1/prepare", 200, answer, REQUEST},
                                       {"POST /v1/submit", 503, "{\"code\":\"busy\"}", NULL},
                                       {0}};
    world->node = script_node_start(world->socket, lost);
    CHECK(world->node != NULL);
    CHECK(carry(world, ISSUE, "").outcome == P2P_TRADE_UNREACHABLE);
    char *sent = strdup(script_node_body(world->node, 2));
    CHECK(script_node_stop(world->node));

    /* The signature is the issuer's, over what was prepared. */
    json_t *record = json_loads(sent, 0, NULL);
    json_t *told = json_loads(answer, 0, NULL);
    const char *encoded = json_string_value(json_object_get(record, "signature"));
    const char *encoded_bytes = json_string_value(json_object_get(told, "bytes"));
    uint8_t signature[P2P_SIGNATURE_BYTES];
    uint8_t bytes[300];
    size_t len = 0;
    CHECK_OK(p2p_base64_decode(signature, sizeof signature, &len, p2p_slice_text(encoded)));
    CHECK_OK(p2p_base64_decode(bytes, sizeof bytes, &len, p2p_slice_text(encoded_bytes)));
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    CHECK(sigs->verify(sigs->context, world->signer.secret.public_key.bytes, signature,
                       p2p_slice_of(bytes, len)));
    json_decref(record);
    json_decref(told);

    /* After a crash the very same record is handed in, and nothing is prepared again. */
    p2p_journal_close(world->api.journal);
    CHECK_OK(p2p_journal_open(&world->api.journal, world->dir.path, NOW_MS));
    const struct script_line again[] = {
        {"POST /v1/submit", 200, "{\"id\":\"beanr/1:17\"}", sent}, {0}};
    struct p2p_trade_result result = play(world, ISSUE, again);
    CHECK(result.outcome == P2P_TRADE_DONE && strcmp(result.id, "beanr/1:17") == 0);

    /* One that was overtaken is prepared anew the next time. */
    const struct script_line overtaken[] = {
        HELD,
        {"POST /v1/prepare", 200, answer, NULL},
        {"POST /v1/submit", 403, "{\"code\":\"overtaken\",\"text\":\"another sentence\"}",
         NULL},
        {0}};
    CHECK(play(world, ISSUE, overtaken).outcome == P2P_TRADE_UNREACHABLE);
    const struct script_line anew[] = {
        HELD,
        {"POST /v1/prepare", 200, answer, NULL},
        {"POST /v1/submit", 200, "{\"id\":\"beanr/1:19\"}", NULL},
        {0}};
    CHECK(play(world, ISSUE, anew).outcome == P2P_TRADE_DONE);
    free(sent);
    world_free(world);
}

static void nothing_but_a_record_is_signed(void **state)
{
    (void)state;
    char answers[4][600];
    prepared(answers[0], "port2port/v1/party", "the leaf", "the leaf");
    prepared(answers[1], "port2port/v1/record", "another", "the leaf");
    prepared(answers[2], "port2port/v1/record", "", "");
    snprintf(answers[3], sizeof answers[3], "{\"bytes\":\"AAAA\",\"leaf\":\"AAAA\"}");
    for (size_t i = 0; i < 4; i++) {
        struct world *world = world_new(true);
        const struct script_line lines[] = {
            HELD, {"POST /v1/prepare", 200, answers[i], NULL}, {0}};
        struct p2p_trade_result result = play(world, ISSUE, lines);
        CHECK(result.outcome == P2P_TRADE_UNREACHABLE);
        CHECK(strcmp(result.code, "bad-prepare") == 0);
        world_free(world);
    }
}

int main(void)
{
    if (p2p_crypto_init() != P2P_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_asked_and_answered),
        cmocka_unit_test(what_it_is_done_to_is_found),
        cmocka_unit_test(a_cancellation_takes_back_all_that_fits),
        cmocka_unit_test(what_is_ambiguous_says_what_would_decide),
        cmocka_unit_test(what_lives_is_not_signed_again),
        cmocka_unit_test(what_stands_on_a_later_page_is_found),
        cmocka_unit_test(without_custody_nothing_is_sent_and_nothing_kept),
        cmocka_unit_test(what_a_status_means),
        cmocka_unit_test(without_an_answer_the_same_is_sent_again),
        cmocka_unit_test(what_was_done_is_not_asked_anew_after_a_crash),
        cmocka_unit_test(a_record_is_signed_here_and_handed_in_once),
        cmocka_unit_test(nothing_but_a_record_is_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
