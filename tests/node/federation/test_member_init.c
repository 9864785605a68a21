#include "check.h"

#include "temp_dir.h"

#include <p2p/bundle.h>
#include <p2p/ceremony.h>
#include <p2p/copy.h>
#include <p2p/member_init.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW_MS UINT64_C(1700000000000)

static struct temp_dir temp;
static char federation[P2P_PATH_BYTES_MAX], node[TEMP_PATH_BYTES];
static char message[P2P_MESSAGE_BYTES_MAX];
static struct p2p_charter *charter;
static int stores;

static enum p2p_err store_make(void *context, const char *path, const char *member,
                               const struct p2p_charter *given, char *text, size_t text_cap)
{
    (void)context;
    (void)text;
    (void)text_cap;
    CHECK(strcmp(path, node) == 0 && strcmp(member, "nlrtm") == 0);
    CHECK(p2p_charter_size(given) == 1);
    stores++;
    return P2P_OK;
}

static int begin(void **state)
{
    (void)state;
    char dir[TEMP_PATH_BYTES];
    CHECK_OK(p2p_crypto_init());
    temp_dir_make(&temp);
    temp_path(&temp, "fed", dir);
    temp_path(&temp, "nlrtm", node);
    struct p2p_federation_new options = {.name = "test.example",
                                         .dir = dir,
                                         .roots = 1,
                                         .threshold = 1,
                                         .cost = P2P_KDF_MIN,
                                         .now_ms = NOW_MS};
    CHECK_OK(p2p_federation_create(&options, &charter, message, sizeof(message)));
    snprintf(federation, sizeof(federation), "%s/federation.json", dir);
    stores = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    temp_dir_remove(&temp);
    return 0;
}

static enum p2p_err init(const char *name, const char *locode)
{
    struct p2p_member_init options = {.dir = node,
                                      .federation = federation,
                                      .name = name,
                                      .locode = locode,
                                      .cost = P2P_KDF_MIN,
                                      .now_ms = NOW_MS,
                                      .store = {store_make, NULL}};
    return p2p_member_init(&options, message, sizeof(message));
}

/* A newcomer would have no node, or ask with keys it does not hold. */
static void init_makes_a_node_and_asks_to_join(void **state)
{
    (void)state;
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_join join;
    struct p2p_config config;
    struct p2p_copy_point point;
    struct p2p_charter *read;
    CHECK_OK(init("nlrtm", "NLRTM"));
    CHECK(stores == 1);
    CHECK_OK(p2p_path_join(path, node, "join.json"));
    CHECK_OK(p2p_join_read(&join, path, message, sizeof(message)));
    CHECK(strcmp(join.member, "nlrtm") == 0 && strcmp(join.locode, "NLRTM") == 0);
    struct p2p_hash id = p2p_charter_federation_id(charter);
    CHECK(p2p_hash_equal(&join.federation_id, &id));
    CHECK_OK(p2p_config_read(&config, node, message, sizeof(message)));
    CHECK(strcmp(config.federation, "test.example") == 0);
    CHECK(p2p_copy_read(config.copy, &point, message, sizeof(message)) == P2P_COPY_OK);
    p2p_config_deinit(&config);
    CHECK_OK(p2p_path_join(path, node, "federation.json"));
    CHECK_OK(p2p_bundle_read(&read, path, &id, message, sizeof(message)));
    p2p_charter_free(read);
    CHECK_ERR(init("nlrtm", NULL), P2P_USAGE);
    CHECK(strstr(message, "already") != NULL);
}

/* A second node under an old one's copy would take a restore for a restart. */
static void an_old_copy_is_not_replaced(void **state)
{
    (void)state;
    char dir[TEMP_PATH_BYTES], copy[TEMP_PATH_BYTES];
    temp_path(&temp, "copies", dir);
    CHECK_OK(p2p_dir_make(dir, 0755, message, sizeof(message)));
    temp_path(&temp, "copies/nlrtm", copy);
    temp_write(copy, "old", 3);
    CHECK_ERR(init("nlrtm", NULL), P2P_USAGE);
    CHECK(strstr(message, "ran before") != NULL);
}

static void words_are_checked(void **state)
{
    (void)state;
    CHECK_ERR(init("NLRTM", NULL), P2P_USAGE);
    CHECK_ERR(init("charter", NULL), P2P_USAGE);
    CHECK_ERR(init("nlrtm", "rotterdam"), P2P_USAGE);
    CHECK(access(node, F_OK) != 0);
}

/* Someone could ask to be admitted with the keys of another. */
static void a_changed_join_is_refused(void **state)
{
    (void)state;
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_join join, other;
    CHECK_OK(init("nlrtm", "NLRTM"));
    CHECK_OK(p2p_path_join(path, node, "join.json"));
    CHECK_OK(p2p_join_read(&join, path, message, sizeof(message)));
    const size_t places[] = {
        offsetof(struct p2p_join, federation_id),   offsetof(struct p2p_join, member),
        offsetof(struct p2p_join, locode),          offsetof(struct p2p_join, feed_key),
        offsetof(struct p2p_join, witness_key),     offsetof(struct p2p_join, transport_key),
        offsetof(struct p2p_join, sealing_key),     offsetof(struct p2p_join, feed_proof),
        offsetof(struct p2p_join, transport_proof), offsetof(struct p2p_join, witness_proof)};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        other = join;
        ((uint8_t *)&other)[places[i]] ^= 3; /* n -> m, N -> M */
        CHECK_OK(p2p_join_write(&other, path, message, sizeof(message)));
        enum p2p_err err = p2p_join_read(&other, path, message, sizeof(message));
        CHECK(err == P2P_BADSIG || err == P2P_BADKEY);
    }
    other = join;
    other.role = P2P_ROLE_CUSTOMS;
    CHECK_OK(p2p_join_write(&other, path, message, sizeof(message)));
    CHECK_ERR(p2p_join_read(&other, path, message, sizeof(message)), P2P_BADSIG);
    temp_write(path, "{}", 2);
    CHECK_ERR(p2p_join_read(&other, path, message, sizeof(message)), P2P_MALFORMED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(init_makes_a_node_and_asks_to_join),
        TEST(an_old_copy_is_not_replaced),
        TEST(words_are_checked),
        TEST(a_changed_join_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
