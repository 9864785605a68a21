/* What people read: golden texts from replies as --json writes them. */
#include <check.h>

#include "node/cli/print.h"

#include <stdlib.h>

typedef void print(const struct p2p_cli_style *style, const json_t *json);

static void expect(print *printer, const char *json, const char *text, bool colour)
{
    char *got = NULL;
    size_t len = 0;
    json_t *reply = json_loads(json, 0, NULL);
    CHECK(reply != NULL);
    struct p2p_cli_style style = {.out = open_memstream(&got, &len), .colour = colour};
    printer(&style, reply);
    fclose(style.out);
    if (strcmp(got, text) != 0) {
        print_error("printed\n%s\nnot\n%s\n", got, text);
    }
    CHECK(strcmp(got, text) == 0);
    free(got);
    json_decref(reply);
}

static void a_gate_answers_loud_and_with_reasons(void **state)
{
    (void)state;
    expect(
        p2p_cli_print_gate,
        "{\"answer\":\"refuse\",\"reasons\":[{\"code\":\"banned\",\"record\":\"beanr/1:17\","
        "\"text\":\"eu-regulation, Reg. (EU) 833/2014\"},{\"code\":\"bad-identifier\","
        "\"record\":null,\"text\":\"the check digit is wrong\"}],\"decision\":\"beanr/1:20#0\","
        "\"knowledge\":[{\"feed\":\"beanr/1\",\"size\":21,\"age_s\":0},{\"feed\":\"bezee/1\","
        "\"size\":3,\"age_s\":312}],\"knowledge_total\":8}",
        "REFUSE    banned: eu-regulation, Reg. (EU) 833/2014 (beanr/1:17)\n"
        "          bad-identifier: the check digit is wrong\n"
        "          decision beanr/1:20#0; knows 8 feeds; the oldest was heard 5 min ago "
        "(bezee/1)\n",
        false);
    expect(
        p2p_cli_print_gate,
        "{\"answer\":\"allow\",\"reasons\":[],\"decision\":null,\"spooled\":\"ab12:4\","
        "\"knowledge\":[{\"feed\":\"beanr/1\",\"size\":21,\"age_s\":0}],\"knowledge_total\":1}",
        "ALLOW\n"
        "          decision kept as ab12:4 until this node may append again; knows 1 feed; all "
        "heard from just now\n",
        false);
    expect(p2p_cli_print_gate,
           "{\"answer\":\"refer\",\"reasons\":[{\"code\":\"incomplete\",\"text\":\"\"}],"
           "\"decision\":\"x#1\",\"knowledge\":[],\"knowledge_total\":0}",
           "\033[1;33mREFER\033[0m     a human must decide\n"
           "          incomplete\n"
           "          decision x#1; nothing known of any feed\n",
           true);
}

static void an_allow_by_override_says_so(void **state)
{
    (void)state;
    expect(p2p_cli_print_gate,
           "{\"answer\":\"allow\",\"reasons\":[],\"decision\":\"beanr/1:78#0\","
           "\"release\":\"beanr/1:77\",\"override\":{\"asked\":\"beanr/1:73\","
           "\"approved\":\"beanr/1:75\"},\"knowledge\":[],\"knowledge_total\":0}",
           "ALLOW\n"
           "          overruled by two officers: asked for in beanr/1:73, approved in "
           "beanr/1:75\n"
           "          decision beanr/1:78#0; nothing known of any feed\n",
           false);
    expect(p2p_cli_print_gate,
           "{\"answer\":\"allow\",\"reasons\":[],\"decision\":\"beanr/1:78#0\","
           "\"override\":null,\"knowledge\":[],\"knowledge_total\":0}",
           "ALLOW\n"
           "          decision beanr/1:78#0; nothing known of any feed\n",
           false);
}

/* A feed that was never heard counts as the oldest, not as the newest. */
static void never_heard_is_older_than_long_ago(void **state)
{
    (void)state;
    expect(p2p_cli_print_gate,
           "{\"answer\":\"allow\",\"reasons\":[],\"decision\":\"x#0\",\"knowledge\":[{\"feed\":"
           "\"a/1\",\"age_s\":900},{\"feed\":\"b/1\",\"age_s\":null}],\"knowledge_total\":2}",
           "ALLOW\n          decision x#0; knows 2 feeds; b/1 was never heard\n", false);
}

/* The commission would not see at a glance what it is there to see. */
static void an_observer_sees_forks_and_bans_first(void **state)
{
    (void)state;
    expect(
        p2p_cli_print_observed,
        "{\"feeds\":[{\"feed\":\"a/1\",\"state\":\"forked\"},{\"feed\":\"b/"
        "1\",\"state\":\"ok\"},"
        "{\"feed\":\"c/"
        "1\",\"state\":\"quarantined\"}],\"withheld\":{\"counted\":false,\"circles\":["
        "{\"circle\":\"police\",\"payloads\":3},{\"circle\":\"a\",\"payloads\":12}]},"
        "\"everywhere\":{\"done\":7,\"open\":1,\"newest\":[{\"id\":\"a/"
        "1:9\",\"what\":\"lifted\","
        "\"time\":\"2026-11-22T05:38:07.571Z\",\"had\":6,\"of\":6,\"ms\":412,\"slowest\":"
        "\"belgg\",\"lacking\":[]},{\"id\":\"a/1:8\",\"what\":\"imposed\",\"time\":"
        "\"2026-11-22T05:38:06Z\",\"had\":4,\"of\":6,\"ms\":null,\"slowest\":\"b\",\"lacking\":"
        "["
        "\"c\",\"d\"]}]}}",
        "forked        a/1, c/1\n"
        "quarantined   c/1\n"
        "withheld      police 3, a 12 (still counting)\n"
        "overrides     none since the start\n"
        "bans, lifts   7 everywhere, 1 not yet\n"
        "\n"
        "BAN OR LIFT  TAKEN HERE           WHO HAS IT\n"
        "a/1:9        2026-11-22 05:38:07  lifted, 6 of 6 in 0.4 s, slowest belgg\n"
        "a/1:8        2026-11-22 05:38:06  imposed, 4 of 6, not known of c, d\n",
        false);
}

static void bans_stand_in_columns(void **state)
{
    (void)state;
    expect(
        p2p_cli_print_bans,
        "[{\"id\":\"beanr/1:17\",\"subjects\":[\"imo:9179842\"],\"ground\":\"eu-regulation\","
        "\"reference\":\"Art. 3\",\"from\":\"2024-06-25T00:00:00Z\",\"until\":null,\"state\":"
        "\"in-force\"},{\"id\":\"bezee/1:9\",\"subjects\":[\"a\",\"b\"],\"ground\":\"local\","
        "\"reference\":\"\xc3\xa9t\xc3\xa9\",\"from\":\"2024-06-25T06:30:00Z\",\"until\":"
        "\"2025-01-01T00:00:00.000Z\",\"state\":\"no-effect\"}]",
        "ID          STATE      GROUND         WHO OR WHAT  FROM                 UNTIL       "
        "REFERENCE\n"
        "beanr/1:17  in force   eu-regulation  imo:9179842  2024-06-25                       "
        "Art. 3\n"
        "bezee/1:9   no effect  local          a, b         2024-06-25 06:30:00  2025-01-01  "
        "\xc3\xa9t\xc3\xa9\n",
        false);
    expect(p2p_cli_print_ban,
           "{\"id\":\"beanr/"
           "1:17\",\"subjects\":[\"imo:9179842\"],\"ground\":\"local\",\"reference\":"
           "\"r\",\"effects\":[\"call\"],\"scope\":\"*\",\"from\":\"2024-06-25T00:00:00Z\","
           "\"until\":"
           "null,\"reason\":null,\"issuer\":\"beanr-pso\",\"state\":\"no-effect\",\"why\":"
           "\"no-grant\",\"lifted_by\":[],\"suspended_by\":[\"bezee/1:4\"],"
           "\"level\":\"local\"}",
           "beanr/1:17  no effect: its issuer may not do this\n"
           "who or what   imo:9179842\n"
           "may not       call\n"
           "where         every port\n"
           "from          2024-06-25\n"
           "until         lifted\n"
           "ground        local\n"
           "reference     r\n"
           "imposed by    beanr-pso\n"
           "suspended by  bezee/1:4\n"
           "held          local\n",
           false);
}

/* What others wrote must not steer the terminal of who reads it. */
static void text_of_others_cannot_steer_the_terminal(void **state)
{
    (void)state;
    expect(p2p_cli_print_bans,
           "[{\"id\":\"a\\u001b[2J\",\"reference\":\"x\\ny\\u202ez\\u009b\"}]",
           "ID     STATE  GROUND  WHO OR WHAT  FROM  UNTIL  REFERENCE\n"
           "a?[2J                                           x?y?z?\n",
           false);
}

static void peers_are_told_in_words(void **state)
{
    (void)state;
    expect(p2p_cli_print_peers,
           "[{\"member\":\"bezee\",\"state\":\"connected\",\"behind\":0},{\"member\":\"begne\","
           "\"state\":\"connected\",\"behind\":12},{\"member\":\"beost\",\"state\":\"offline\","
           "\"since\":\"2026-11-21T10:00:00Z\"},{\"member\":\"belgg\",\"state\":\"refused\","
           "\"reason\":\"wrong key\"},{\"member\":\"bebru\",\"state\":\"paused\"}]",
           "PEER   STATE\n"
           "bezee  up to date\n"
           "begne  behind 12\n"
           "beost  offline since 2026-11-21 10:00:00\n"
           "belgg  refused: wrong key\n"
           "bebru  paused\n",
           false);
}

static void status_says_what_matters_first(void **state)
{
    (void)state;
    expect(
        p2p_cli_print_status,
        "{\"federation\":\"sandbox.example\",\"member\":\"beanr\",\"role\":\"port\","
        "\"generation\":1,\"read_only\":\"disk-full\",\"charter\":{\"size\":12,\"root\":\"x\"},"
        "\"feeds\":[{\"feed\":\"beanr/"
        "1\",\"size\":1234,\"witnessed\":1230,\"lag\":4,\"heard_s\":"
        "0,\"state\":\"ok\"},{\"feed\":\"bezee/1\",\"size\":0,\"witnessed\":0,\"lag\":0,"
        "\"heard_s\":null,\"state\":\"forked\"}],\"peers\":[],\"custody\":\"ready\",\"lease_"
        "s\":"
        "259200,\"leaves_digest\":\"00112233445566778899aabbccddeeff\",\"digests\":"
        "{\"bans/national\":\"ffeeddccbbaa99887766\"},\"store\":{\"records\":1234,\"bytes\":"
        "2411724,\"map_bytes\":1}}",
        "beanr, port of sandbox.example, generation 1\n"
        "appends nothing: the disk is full; make room\n"
        "charter       12 versions\n"
        "custody       ready (lease for another 3 days)\n"
        "store         1,234 records, 2.3 MiB\n"
        "leaves        0011223344556677\n"
        "\n"
        "FEED      SIZE  WITNESSED  LAG  HEARD  STATE\n"
        "beanr/1  1,234      1,230    4  now    ok\n"
        "bezee/1      0          0    0  never  forked\n"
        "\n"
        "VIEW           DIGEST\n"
        "bans/national  ffeeddccbbaa9988\n",
        false);
}

static void the_doctor_names_what_to_mend(void **state)
{
    (void)state;
    expect(
        p2p_cli_print_doctor,
        "{\"checks\":[{\"name\":\"disk\",\"ok\":true,\"text\":\"12 GiB free\",\"hint\":\"\"},"
        "{\"name\":\"clock\",\"ok\":false,\"text\":\"9 min off\",\"hint\":\"start chrony\"}]}",
        "ok  disk            12 GiB free\n"
        "no  clock           9 min off\n"
        "                    start chrony\n"
        "1 of 2 to mend\n",
        false);
}

static void the_rest_prints_what_it_finds(void **state)
{
    (void)state;
    expect(p2p_cli_print_record,
           "{\"id\":\"a/1:2\",\"kind\":\"ban\",\"fields\":{\"subject\":[\"x\"],\"n\":3},"
           "\"issuer\":null}",
           "id            a/1:2\n"
           "kind          ban\n"
           "fields        \n"
           "  subject     [\"x\"]\n"
           "  n           3\n",
           false);
    expect(p2p_cli_print_event,
           "{\"n\":7,\"time\":\"2026-11-21T10:00:00Z\",\"kind\":\"ban\",\"id\":\"a/1:2\"}",
           "2026-11-21 10:00:00  ban  a/1:2  n=7\n", false);
    expect(p2p_cli_print_keys,
           "[{\"issuer\":\"beanr-pso\",\"unlocked\":true,\"for_s\":3600},{\"issuer\":\"x\","
           "\"unlocked\":false}]",
           "ISSUER     STATE\n"
           "beanr-pso  unlocked, for another 60 min\n"
           "x          locked\n",
           false);
    expect(
        p2p_cli_print_charter,
        "{\"federation\":\"f\",\"federation_id\":\"00ff\",\"version\":3,\"members\":[{\"name\":"
        "\"beanr\",\"role\":\"port\",\"feed\":\"beanr/1\",\"witnesses\":[\"a\",\"b\"]}],"
        "\"issuers\":[{\"name\":\"beanr-pso\",\"member\":\"beanr\",\"grants\":[{\"name\":"
        "\"level\",\"scope\":\"*\"},{\"name\":\"custody\",\"scope\":\"beanr-f1\"}]}],"
        "\"circles\":"
        "[{\"name\":\"national\",\"members\":[\"beanr\"]}]}",
        "federation    f\n"
        "id            00ff\n"
        "version       3\n"
        "\n"
        "MEMBER  ROLE  FEED     WITNESSES\n"
        "beanr   port  beanr/1  a, b\n"
        "\n"
        "ISSUER     MEMBER  MAY\n"
        "beanr-pso  beanr   level, custody at beanr-f1\n"
        "\n"
        "circle national: beanr\n",
        false);
}

/* A node of another version may leave out or change anything: printing must not fail on it. */
static void replies_of_any_shape_print(void **state)
{
    (void)state;
    static print *const printers[] = {
        p2p_cli_print_bans,      p2p_cli_print_ban,         p2p_cli_print_gate,
        p2p_cli_print_peers,     p2p_cli_print_status,      p2p_cli_print_doctor,
        p2p_cli_print_keys,      p2p_cli_print_records,     p2p_cli_print_record,
        p2p_cli_print_charter,   p2p_cli_print_charter_log, p2p_cli_print_event,
        p2p_cli_print_decisions,
    };
    static const char *const shapes[] = {
        "{}",
        "[]",
        "[null,1,\"x\",[],{}]",
        "{\"answer\":7,\"reasons\":{},\"feeds\":[1],\"peers\":[null],\"checks\":3,\"digests\":["
        "],"
        "\"knowledge\":[{}],\"subjects\":[1,null],\"members\":7,\"issuers\":[{\"grants\":[1]}]"
        "}",
    };
    for (size_t i = 0; i < sizeof printers / sizeof printers[0]; i++) {
        for (size_t j = 0; j < sizeof shapes / sizeof shapes[0]; j++) {
            char *got = NULL;
            size_t len = 0;
            json_t *reply = json_loads(shapes[j], 0, NULL);
            struct p2p_cli_style style = {.out = open_memstream(&got, &len)};
            printers[i](&style, reply);
            CHECK(fclose(style.out) == 0);
            free(got);
            json_decref(reply);
        }
    }
}

static void spans_and_sizes_read_well(void **state)
{
    (void)state;
    char out[P2P_CLI_SPAN_BYTES];
    CHECK(strcmp(p2p_cli_span(out, 0), "now") == 0);
    CHECK(strcmp(p2p_cli_span(out, 30), "30 s") == 0);
    CHECK(strcmp(p2p_cli_span(out, 86400), "24 h") == 0);
    CHECK(strcmp(p2p_cli_span(out, 10 * 86400), "10 days") == 0);
    CHECK(strcmp(p2p_cli_count(out, 0), "0") == 0);
    CHECK(strcmp(p2p_cli_count(out, 999), "999") == 0);
    CHECK(strcmp(p2p_cli_count(out, 1000), "1,000") == 0);
    CHECK(strcmp(p2p_cli_count(out, 12345678), "12,345,678") == 0);
    CHECK(strcmp(p2p_cli_size(out, 512), "512 B") == 0);
    CHECK(strcmp(p2p_cli_size(out, 64ull << 30), "64.0 GiB") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_answers_loud_and_with_reasons),
        cmocka_unit_test(an_allow_by_override_says_so),
        cmocka_unit_test(never_heard_is_older_than_long_ago),
        cmocka_unit_test(an_observer_sees_forks_and_bans_first),
        cmocka_unit_test(bans_stand_in_columns),
        cmocka_unit_test(text_of_others_cannot_steer_the_terminal),
        cmocka_unit_test(peers_are_told_in_words),
        cmocka_unit_test(status_says_what_matters_first),
        cmocka_unit_test(the_doctor_names_what_to_mend),
        cmocka_unit_test(the_rest_prints_what_it_finds),
        cmocka_unit_test(replies_of_any_shape_print),
        cmocka_unit_test(spans_and_sizes_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
