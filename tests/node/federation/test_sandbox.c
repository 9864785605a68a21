#include "check.h"

#include "temp_dir.h"

#include <p2p/bundle.h>
#include <p2p/copy.h>
#include <p2p/sandbox.h>
#include <p2p/text.h>
#include <p2p/tls.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_MS UINT64_C(1700000000000)

static struct temp_dir temp;
static char dir[TEMP_PATH_BYTES], message[P2P_MESSAGE_BYTES_MAX];
static struct p2p_charter *charter;
static char called[256];

static enum p2p_err store_make(void *context, const char *path, const char *member,
                               const struct p2p_charter *given, char *text, size_t text_cap)
{
    char store[P2P_PATH_BYTES_MAX];
    struct stat info;
    (void)text;
    (void)text_cap;
    CHECK(context == &called && p2p_charter_size(given) > 0);
    CHECK_OK(p2p_path_join(store, path, "store"));
    CHECK(stat(store, &info) == 0 && S_ISDIR(info.st_mode));
    snprintf(called + strlen(called), sizeof(called) - strlen(called), "%s ", member);
    return P2P_OK;
}

static enum p2p_err sandbox(const char *members, const char *name, uint32_t tcp_port)
{
    struct p2p_sandbox_options options = {.dir = dir,
                                          .members = members,
                                          .name = name,
                                          .tcp_port = tcp_port,
                                          .now_ms = NOW_MS,
                                          .store = {store_make, &called}};
    return p2p_sandbox_make(&options, message, sizeof(message));
}

static int begin(void **state)
{
    (void)state;
    CHECK_OK(p2p_crypto_init());
    temp_dir_make(&temp);
    temp_path(&temp, "sandbox", dir);
    called[0] = '\0';
    charter = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    temp_dir_remove(&temp);
    return 0;
}

static void read_charter(void)
{
    char path[P2P_PATH_BYTES_MAX];
    CHECK_OK(p2p_path_join(path, dir, "federation.json"));
    CHECK_OK(p2p_bundle_read(&charter, path, NULL, message, sizeof(message)));
}

/* The names in a directory, sorted, with a space after each. */
static const char *listing(const char *name)
{
    static char text[1024];
    char path[P2P_PATH_BYTES_MAX];
    struct dirent **names;
    CHECK_OK(p2p_path_join(path, dir, name));
    int count = scandir(path, &names, NULL, alphasort);
    CHECK(count >= 0);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            strncat(text, names[i]->d_name, sizeof(text) - strlen(text) - 2);
            strcat(text, " ");
        }
        free(names[i]);
    }
    free(names);
    return text;
}

static void check_listing(const char *name, const char *expected)
{
    const char *got = listing(name);
    if (strcmp(got, expected) != 0) {
        print_error("%s holds %s\n", name, got);
    }
    CHECK(strcmp(got, expected) == 0);
}

/* What people and scripts look for in the directory would not be there. */
static void the_layout_is_that_of_the_contract(void **state)
{
    (void)state;
    CHECK_OK(sandbox(NULL, NULL, 0));
    check_listing(".", "beanr bebru begne belgg beost bezee commission copies federation.json "
                       "roots trust ");
    check_listing("roots", "charter.key kdf root-1.key root-1.key.signed root-2.key "
                           "root-2.key.signed root-3.key root-3.key.signed ");
    check_listing("copies", "beanr bebru begne belgg beost bezee commission ");
    check_listing("beanr", "config.yaml keys people.crt people.key store ");
    check_listing("beanr/keys",
                  "circles feed.key issuers kdf sealing.key transport.key witness.key ");
    check_listing("beanr/keys/issuers",
                  "beanr-carrier.key beanr-court.key beanr-customs.key beanr-forwarder.key "
                  "beanr-haulier.key beanr-police.key beanr-pso.key beanr-pso2.key "
                  "beanr-terminal.key ");
    check_listing("commission/keys",
                  "circles feed.key kdf sealing.key transport.key witness.key ");
    CHECK(strcmp(called, "beanr bezee begne beost belgg bebru commission ") == 0);
    CHECK_ERR(sandbox(NULL, NULL, 0), P2P_USAGE);
}

/* A member would listen elsewhere, or not find its copy. */
static void configurations_can_be_read(void **state)
{
    (void)state;
    struct p2p_config config;
    struct p2p_copy_point point;
    char path[P2P_PATH_BYTES_MAX];
    CHECK_OK(sandbox(NULL, NULL, 0));
    CHECK_OK(p2p_path_join(path, dir, "begne"));
    CHECK_OK(p2p_config_read(&config, path, message, sizeof(message)));
    CHECK(strcmp(config.federation, "sandbox.example") == 0);
    CHECK(strcmp(config.member, "begne") == 0 && strcmp(config.locode, "BEGNE") == 0);
    CHECK(strcmp(config.listen_peers, "127.77.0.3:7400") == 0);
    CHECK(strcmp(config.listen_people, "127.77.0.3:7401") == 0);
    CHECK(strcmp(config.dial_from, "127.77.0.3") == 0 && config.peers_count == 6);
    CHECK(strcmp(config.peers[2].member, "beost") == 0);
    CHECK(strcmp(config.peers[2].address, "127.77.0.4:7400") == 0);
    CHECK(config.release_level == P2P_RELEASE_LOCAL && config.role == P2P_ROLE_PORT);
    CHECK(p2p_copy_read(config.copy, &point, message, sizeof(message)) == P2P_COPY_OK);
    CHECK(point.size == 0 && point.generation == 1 && point.commit == 0);
    CHECK(strcmp(point.feed, "sandbox.example/begne") == 0);
    p2p_config_deinit(&config);
    CHECK_OK(p2p_path_join(path, dir, "commission"));
    CHECK_OK(p2p_config_read(&config, path, message, sizeof(message)));
    CHECK(config.role == P2P_ROLE_OBSERVER && config.locode[0] == '\0');
    p2p_config_deinit(&config);
    char crt[P2P_PATH_BYTES_MAX], key[P2P_PATH_BYTES_MAX];
    struct p2p_tls *tls;
    CHECK_OK(p2p_path_join(crt, dir, "beanr/people.crt"));
    CHECK_OK(p2p_path_join(key, dir, "beanr/people.key"));
    CHECK_OK(p2p_tls_open_people(crt, key, &tls, message));
    p2p_tls_free(tls);
}

static bool granted(const char *issuer, const char *word, const char *scope)
{
    const struct p2p_issuer *found = p2p_charter_issuer_named(charter, p2p_slice_text(issuer));
    CHECK(found != NULL);
    const struct p2p_member *member = p2p_charter_member(charter, found->member);
    return p2p_charter_granted(charter, found->number, word, p2p_slice_text(scope),
                               member->feed, 0, p2p_charter_size(charter));
}

/* An issuer could do less, or more, than the contract says. */
static void issuers_hold_their_grants(void **state)
{
    (void)state;
    CHECK_OK(sandbox(NULL, NULL, 0));
    read_charter();
    CHECK(p2p_charter_issuer_count(charter) == 54 && p2p_charter_member_count(charter) == 7);
    CHECK(granted("beanr-court", "ban-court", "*") && granted("beanr-court", "ban-local", "*"));
    CHECK(!granted("beanr-pso", "ban-court", "*") && granted("beanr-pso2", "approve", "*"));
    CHECK(granted("beanr-pso", "ban-eu-regulation", "*") && granted("beanr-pso", "level", "*"));
    CHECK(granted("bezee-police", "block", "*") && granted("bezee-police", "erase", "*"));
    CHECK(granted("bezee-customs", "customs-light", "*"));
    CHECK(granted("bezee-terminal", "custody", "bezee-f1"));
    CHECK(granted("bezee-terminal", "custody", "bezee-f2"));
    CHECK(!granted("bezee-terminal", "custody", "beanr-f1"));
    CHECK(!granted("bezee-terminal", "custody", "*"));
    CHECK(granted("bebru-carrier", "issue", "*") && granted("bebru-haulier", "assign", "*"));
    CHECK(p2p_charter_issuer_named(charter, p2p_slice_text("commission-pso")) == NULL);
    const struct p2p_feed_info *feed =
        p2p_charter_feed_named(charter, p2p_slice_text("beanr/1"));
    CHECK(feed->witness_count == 6 && feed->witnesses[0] == 2 && feed->witnesses[5] == 7);
    CHECK(p2p_charter_root_count(charter) == 3 && p2p_charter_threshold(charter) == 2);
    CHECK(p2p_charter_member(charter, 7)->role == P2P_ROLE_OBSERVER);
}

/* Whether the key of that circle lies at a member, and opens to what the charter names. */
static bool drawn_at(const char *member, const struct p2p_circle *circle)
{
    char path[P2P_PATH_BYTES_MAX], file[P2P_PATH_BYTES_MAX];
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    struct p2p_keydir keydir;
    struct p2p_keydir_key key;
    struct p2p_circle_key opened;
    snprintf(path, sizeof(path), "%s/%s/keys", dir, member);
    CHECK_OK(p2p_keydir_init(&keydir, path, message, sizeof(message)));
    p2p_hex_encode(hex, circle->epochs[0].key_hash.bytes, P2P_HASH_BYTES);
    CHECK_OK(p2p_keydir_file(file, P2P_KEY_CIRCLE, hex));
    enum p2p_err err = p2p_keydir_load(&keydir, file, P2P_KEY_CIRCLE, circle->name, &key,
                                       message, sizeof(message));
    p2p_keydir_deinit(&keydir);
    if (err != P2P_OK) {
        return false;
    }
    memcpy(opened.bytes, key.seed, sizeof(opened.bytes));
    struct p2p_hash hash = p2p_circle_key_hash(&opened);
    return p2p_hash_equal(&hash, &circle->epochs[0].key_hash);
}

/* Nobody would ever have a circle's key, or others than its members. */
static void members_draw_their_circles_keys(void **state)
{
    (void)state;
    CHECK_OK(sandbox(NULL, NULL, 0));
    read_charter();
    const struct p2p_circle *national =
        p2p_charter_circle_named(charter, p2p_slice_text("national"));
    const struct p2p_circle *police =
        p2p_charter_circle_named(charter, p2p_slice_text("police"));
    const struct p2p_circle *own = p2p_charter_circle_named(charter, p2p_slice_text("begne"));
    CHECK(national->member_count == 7 && police->member_count == 6 && own->member_count == 1);
    CHECK(!p2p_circle_has(police, 7) && p2p_circle_has(own, 3));
    CHECK(drawn_at("beanr", national) && drawn_at("beanr", police) && drawn_at("begne", own));
    CHECK(!drawn_at("begne", national) && !drawn_at("beanr", own));
}

/* What a root had drawn, a root could read: all keys of the ceremony are the roots' and the
 * log's. */
static void the_ceremony_has_no_circle_keys(void **state)
{
    (void)state;
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_keydir keydir;
    struct p2p_keydir_entry *entries = NULL;
    size_t count = 0;
    CHECK_OK(sandbox(NULL, NULL, 0));
    CHECK_OK(p2p_path_join(path, dir, "roots"));
    CHECK_OK(p2p_keydir_init(&keydir, path, message, sizeof(message)));
    CHECK_OK(p2p_keydir_list(&keydir, &entries, &count, message, sizeof(message)));
    CHECK(count == 4);
    for (size_t i = 0; i < count; i++) {
        CHECK(entries[i].purpose == P2P_KEY_ROOT || entries[i].purpose == P2P_KEY_CHARTER);
    }
    free(entries);
    p2p_keydir_deinit(&keydir);
}

/* Other members, another name and another base would be ignored, or half made. */
static void options_are_followed(void **state)
{
    (void)state;
    struct p2p_config config;
    char path[P2P_PATH_BYTES_MAX];
    const char *const bad[] = {
        "", "a,,b", "a,a", "a,B", "charter", "a,", "twenty-three-characters", NULL};
    for (size_t i = 0; bad[i]; i++) {
        CHECK_ERR(sandbox(bad[i], NULL, 0), P2P_USAGE);
        CHECK(message[0] != '\0' && access(dir, F_OK) != 0);
    }
    CHECK_ERR(sandbox("a", "Not a name", 0), P2P_USAGE);
    CHECK_ERR(sandbox("a", NULL, 65535), P2P_USAGE);
    CHECK_OK(sandbox("one,commission,two", "other.example", 9000));
    read_charter();
    CHECK(strcmp(p2p_charter_federation(charter), "other.example") == 0);
    CHECK(p2p_charter_issuer_count(charter) == 18);
    CHECK_OK(p2p_path_join(path, dir, "two"));
    CHECK_OK(p2p_config_read(&config, path, message, sizeof(message)));
    CHECK(strcmp(config.listen_people, "127.77.0.3:9001") == 0 && config.locode[0] == '\0');
    p2p_config_deinit(&config);
}

/* Sixty members do not fit into one entry: the rest would be lost, or a feed have 59 witnesses.
 */
static void sixty_members_fit(void **state)
{
    (void)state;
    char members[60 * 5] = "";
    for (int i = 1; i <= 60; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%sm%d", i > 1 ? "," : "", i);
        strcat(members, name);
    }
    CHECK_OK(sandbox(members, NULL, 0));
    read_charter();
    CHECK(p2p_charter_size(charter) > 1 && p2p_charter_issuer_count(charter) == 540);
    CHECK(p2p_charter_feed(charter, 20)->witness_count == 15);
    CHECK(granted("m60-haulier", "assign", "*"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_layout_is_that_of_the_contract),
        TEST(configurations_can_be_read),
        TEST(issuers_hold_their_grants),
        TEST(members_draw_their_circles_keys),
        TEST(the_ceremony_has_no_circle_keys),
        TEST(options_are_followed),
        TEST(sixty_members_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
