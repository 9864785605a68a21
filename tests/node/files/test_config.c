#include "check.h"

#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/config.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char message[P2P_MESSAGE_BYTES_MAX];

static enum p2p_err parse(struct p2p_config *config, const char *text)
{
    message[0] = '\0';
    return p2p_config_parse(config, "/srv/beanr", "config.yaml", p2p_slice_text(text), message,
                            sizeof(message));
}

/* Everything has the documented default but the two names. */
static void defaults(void **state)
{
    struct p2p_config config;

    (void)state;
    CHECK_OK(parse(&config, "federation: sandbox.example\nmember: beanr\n"));
    CHECK(strcmp(config.federation, "sandbox.example") == 0);
    CHECK(strcmp(config.member, "beanr") == 0);
    CHECK(config.role == P2P_ROLE_PORT);
    CHECK(strcmp(config.locode, "") == 0);
    CHECK(strcmp(config.listen_peers, "0.0.0.0:7400") == 0);
    CHECK(strcmp(config.listen_people, "127.0.0.1:7401") == 0);
    CHECK(strcmp(config.dial_from, "") == 0);
    CHECK(config.peers_count == 0);
    CHECK(strcmp(config.copy, "/srv/beanr/../copies/beanr") == 0);
    CHECK(config.map_bytes == (uint64_t)64 << 30);
    CHECK(config.spool_bytes == 16 << 20);
    CHECK(config.release_level == P2P_RELEASE_MIRRORED);
    CHECK(config.commit_records_max == 512);
    CHECK(config.stale_after_s == 0);
    CHECK(config.operators_count == 0);
    CHECK(strcmp(config.log, "-") == 0);
    CHECK(config.level == P2P_LOG_INFO);
    p2p_config_deinit(&config);
    p2p_config_deinit(&config);
}

/* Every key is read. */
static void all_keys(void **state)
{
    struct p2p_config config;

    (void)state;
    CHECK_OK(parse(&config, "# a comment\n"
                            "federation: port2port.example\n"
                            "member: commission\n"
                            "role: observer\n"
                            "locode: BEBRU\n"
                            "listen_peers: 127.77.0.7:7400\n"
                            "listen_people: \"[::1]:0\"\n"
                            "dial_from: 127.77.0.7\n"
                            "peers:\n"
                            "  - member: beanr\n"
                            "    address: 127.77.0.1:7400\n"
                            "  - {member: bezee, address: \"bezee.example:7400\"}\n"
                            "copy: /mnt/copy/commission\n"
                            "map_size: 2 TiB\n"
                            "spool_size: 1GiB\n"
                            "release_level: local\n"
                            "commit_max_records: 64\n"
                            "stale_after_s: 600\n"
                            "operators: [beanr-pso, beanr-pso2]\n"
                            "witness_logs: [\"port.example/antwerp+af206f91+"
                            "AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\"]\n"
                            "log: node.log\n"
                            "level: debug\n"));
    CHECK(config.role == P2P_ROLE_OBSERVER);
    CHECK(strcmp(config.locode, "BEBRU") == 0);
    CHECK(strcmp(config.listen_peers, "127.77.0.7:7400") == 0);
    CHECK(strcmp(config.listen_people, "[::1]:0") == 0);
    CHECK(strcmp(config.dial_from, "127.77.0.7") == 0);
    CHECK(config.peers_count == 2);
    CHECK(strcmp(config.peers[1].member, "bezee") == 0);
    CHECK(strcmp(config.peers[1].address, "bezee.example:7400") == 0);
    CHECK(strcmp(config.copy, "/mnt/copy/commission") == 0);
    CHECK(config.map_bytes == (uint64_t)2 << 40);
    CHECK(config.spool_bytes == (uint64_t)1 << 30);
    CHECK(config.release_level == P2P_RELEASE_LOCAL);
    CHECK(config.commit_records_max == 64);
    CHECK(config.stale_after_s == 600);
    CHECK(config.operators_count == 2);
    CHECK(config.witness_logs_count == 1);
    CHECK(strcmp(config.operators[1], "beanr-pso2") == 0);
    CHECK(strcmp(config.log, "/srv/beanr/node.log") == 0);
    CHECK(config.level == P2P_LOG_DEBUG);
    p2p_config_deinit(&config);
}

/* Each mistake is refused with file and line, and leaves nothing allocated. */
static void mistakes(void **state)
{
    static const struct {
        const char *text; /* after the two names, which are lines 1 and 2 */
        const char *expected;
    } cases[] = {
        {"mapsize: 1GiB\n", "line 3: unknown key \"mapsize\""},
        {"level: info\n\n# level again\nbogus: 1\n", "line 6: unknown key \"bogus\""},
        {"level: info\nbogus: 1\nlog: -\n", "line 4: unknown key \"bogus\""},
        {"peers:\n  - member: a\n    adress: b:1\n", "line 5: unknown key \"adress\""},
        {"peers:\n  - member: a\n", "line 4: Missing required mapping field: address"},
        {"level: info\nlevel: warn\n", "line 4: \"level\" stands there twice"},
        {"\nmap_size: 64GB\n", "line 4: map_size: \"64GB\" is not a size"},
        {"map_size: -1\n", "line 3: map_size"},
        {"map_size: 0\n", "line 3: map_size"},
        {"spool_size: 63KiB\n", "line 3: spool_size: \"63KiB\" is not between"},
        {"spool_size: 2GiB\n", "line 3: spool_size: \"2GiB\" is not between"},
        {"spool_size: much\n", "line 3: spool_size: \"much\" is not a size"},
        {"map_size: 99999999TiB\n", "line 3: map_size"},
        {"commit_max_records: many\n", "line 3: Invalid"},
        {"commit_max_records: 0\n", "line 3: commit_max_records: 0 is not between 1 and 4096"},
        {"commit_max_records: 5000\n", "line 3: commit_max_records"},
        {"stale_after_s: -4\n", "line 3: Invalid"},
        {"stale_after_s: 4294967296\n", "line 3: Invalid"},
        {"role: king\n", "line 3: role: \"king\""},
        {"locode: Antwerp\n", "line 3: locode"},
        {"listen_peers: 7400\n", "line 3: listen_peers"},
        {"listen_peers: \"::1:7400\"\n", "line 3: listen_peers"},
        {"listen_people: host:70000\n", "line 3: listen_people"},
        {"dial_from: nowhere\n", "line 3: dial_from"},
        {"peers:\n  - member: A\n    address: b:1\n", "line 3: peers"},
        {"peers: 4\n", "line 3:"},
        {"release_level: never\n", "line 3: release_level"},
        {"operators: [\"a b\"]\n", "line 3: operators"},
        {"tokens: [\"a\"]\n", "line 3: tokens"},
        {"tokens: [\"a:00\"]\n", "line 3: tokens: \"a:00\" is not NAME:SHA256"},
        {"tokens: [\"A:0000000000000000000000000000000000000000000000000000000000000000\"]\n",
         "line 3: tokens"},
        {"rates_percent: 0\n", "line 3: rates_percent: 0 is not between 1 and 10000"},
        {"witness_logs: [\"a+00000000+AQ==\"]\n", "line 3: witness_logs"},
        {"level: loud\n", "line 3: level"},
        {"copy: ''\n", "line 3: copy"},
        {"  indented: [\n", "not YAML"},
        {"log: &a x\ncopy: *a\n", "line 4:"},
    };
    struct p2p_config config;
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "federation: a.example\nmember: beanr\n%s", cases[i].text);
        enum p2p_err err = parse(&config, text);
        if (err != P2P_MALFORMED || strstr(message, cases[i].expected) == NULL ||
            strncmp(message, "config.yaml ", 12) != 0) {
            print_error("%s: %s\n", cases[i].text, message);
        }
        CHECK_ERR(err, P2P_MALFORMED);
        CHECK(strstr(message, cases[i].expected) != NULL);
        CHECK(strncmp(message, "config.yaml ", 12) == 0);
    }
    CHECK_ERR(parse(&config, ""), P2P_MALFORMED);
    CHECK(strstr(message, "federation: is missing") != NULL);
    CHECK_ERR(parse(&config, "federation: a.example\n"), P2P_MALFORMED);
    CHECK(strstr(message, "member: is missing") != NULL);
    CHECK_ERR(parse(&config, "- a\n- b\n"), P2P_MALFORMED);
    CHECK_ERR(parse(&config, "federation: Ä\nmember: beanr\n"), P2P_MALFORMED);
}

/* A file cut off anywhere, or with any byte changed, is read or refused; the sanitizers watch.
 */
static void any_bytes(void **state)
{
    static const char text[] =
        "federation: a.example\nmember: beanr\npeers:\n  - member: bezee\n"
        "    address: \"b:1\"\noperators: [x, y]\nmap_size: 1GiB\n";
    struct p2p_config config;

    (void)state;
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        char changed[sizeof(text)];
        for (int bit = -1; bit < 8; bit++) {
            memcpy(changed, text, sizeof(text));
            if (bit >= 0) {
                changed[at] = (char)(changed[at] ^ (1 << bit));
            }
            size_t len = bit < 0 ? at : sizeof(text) - 1;
            if (p2p_config_parse(&config, ".", "f", p2p_slice_of(changed, len), message,
                                 sizeof(message)) == P2P_OK) {
                p2p_config_deinit(&config);
            }
        }
    }
}

/* What is written for a new node reads back as the same values, comments and all. */
static void written_file_reads_back(void **state)
{
    struct temp_dir dir;
    struct p2p_config config;
    char path[TEMP_PATH_BYTES];
    struct p2p_config_peer peers[] = {{(char[]){"bezee"}, (char[]){"127.77.0.2:7400"}}};
    char *operators[] = {(char[]){"beanr-pso"}};
    struct p2p_config made = {
        .federation = (char[]){"sandbox.example"},
        .member = (char[]){"beanr"},
        .role = P2P_ROLE_POLICE,
        .locode = (char[]){"BEANR"},
        .listen_peers = (char[]){"127.77.0.1:7400"},
        .listen_people = (char[]){"127.77.0.1:7401"},
        .dial_from = (char[]){"127.77.0.1"},
        .peers = peers,
        .peers_count = 1,
        .copy = (char[]){"../copies/\"odd\\name\""},
        .map_bytes = (uint64_t)1 << 30,
        .release_level = P2P_RELEASE_LOCAL,
        .commit_records_max = 100,
        .stale_after_s = 5,
        .operators = operators,
        .operators_count = 1,
        .log = (char[]){"node.log"},
        .level = P2P_LOG_WARN,
    };

    (void)state;
    temp_dir_make(&dir);
    CHECK_ERR(p2p_config_read(&config, dir.path, message, sizeof(message)), P2P_NOTFOUND);
    CHECK_OK(p2p_config_write(&made, dir.path, message, sizeof(message)));
    CHECK_ERR(p2p_config_write(&made, dir.path, message, sizeof(message)), P2P_USAGE);
    CHECK_OK(p2p_config_read(&config, dir.path, message, sizeof(message)));
    CHECK(strcmp(config.federation, made.federation) == 0);
    CHECK(config.role == P2P_ROLE_POLICE);
    CHECK(strcmp(config.locode, "BEANR") == 0);
    CHECK(strcmp(config.dial_from, made.dial_from) == 0);
    CHECK(config.peers_count == 1);
    CHECK(strcmp(config.peers[0].address, "127.77.0.2:7400") == 0);
    CHECK(strstr(config.copy, "/../copies/\"odd\\name\"") != NULL);
    CHECK(config.map_bytes == made.map_bytes);
    CHECK(config.release_level == P2P_RELEASE_LOCAL);
    CHECK(config.commit_records_max == 100);
    CHECK(config.stale_after_s == 5);
    CHECK(config.operators_count == 1);
    CHECK(config.level == P2P_LOG_WARN);
    p2p_config_deinit(&config);

    CHECK(unlink(temp_path(&dir, "config.yaml", path)) == 0);
    struct p2p_config least = {
        .federation = made.federation, .member = made.member, .level = P2P_LOG_INFO};
    CHECK_OK(p2p_config_write(&least, dir.path, message, sizeof(message)));
    CHECK_OK(p2p_config_read(&config, dir.path, message, sizeof(message)));
    CHECK(config.commit_records_max == 512);
    CHECK(config.map_bytes == (uint64_t)64 << 30);
    p2p_config_deinit(&config);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_keys),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(written_file_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
