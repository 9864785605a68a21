#include "check.h"

#include "charter_world.h"
#include "temp_dir.h"

#include <p2p/bundle.h>
#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

static struct charter_world world;
static struct p2p_charter *charter;
static struct world_draft draft;
static struct world_entry entry;
static struct temp_dir dir;
static char path[TEMP_PATH_BYTES], message[P2P_MESSAGE_BYTES_MAX], reason[P2P_REASON_BYTES];

static void policy(uint32_t lease_s)
{
    struct p2p_policy op = {
        .lease_s = lease_s, .heartbeat_s = 60, .fresh_cosignature_s = 900, .clock_skew_s = 300};
    world_draft(&draft);
    p2p_op_policy_pack(&draft.ops, &op);
    world_op(&draft);
}

static int begin(void **state)
{
    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "federation.json", path);
    world_init(&world);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &world, 3, 2);
    world_admit(&draft, 1, 2);
    world_admit(&draft, 2, 2);
    world_add(&world, charter, &draft, 3);
    policy(3600);
    world_add(&world, charter, &draft, 3);
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    temp_dir_remove(&dir);
    return 0;
}

/* A charter that went through a file would be another one. */
static void a_bundle_comes_back(void **state)
{
    (void)state;
    struct p2p_charter *read;
    struct p2p_hash id = p2p_charter_federation_id(charter), wrong = id;
    CHECK_OK(p2p_bundle_write(charter, path, message, sizeof(message)));
    CHECK_OK(p2p_bundle_read(&read, path, &id, message, sizeof(message)));
    struct p2p_hash a = p2p_charter_root(charter), b = p2p_charter_root(read);
    CHECK(p2p_hash_equal(&a, &b) && p2p_charter_policy(read)->lease_s == 3600);
    p2p_charter_free(read);
    wrong.bytes[0] ^= 1;
    CHECK_ERR(p2p_bundle_read(&read, path, &wrong, message, sizeof(message)), P2P_MISMATCH);
    CHECK(strstr(message, "another federation") != NULL);
    CHECK_ERR(p2p_bundle_read(&read, "/nonexistent", NULL, message, sizeof(message)),
              P2P_NOTFOUND);
}

/* Two heads would be forgotten by whoever starts from the file. */
static void a_rival_travels_along(void **state)
{
    (void)state;
    struct p2p_charter *read;
    struct charter_world other = world;
    policy(7200);
    world_seal(&other, &draft, 3, &entry);
    policy(9000);
    world_add(&world, charter, &draft, 3);
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_FORKED);
    CHECK_OK(p2p_bundle_write(charter, path, message, sizeof(message)));
    CHECK_OK(p2p_bundle_read(&read, path, NULL, message, sizeof(message)));
    CHECK(p2p_charter_rival_size(read) == 3 && p2p_charter_good_size(read) == 2);
    p2p_charter_free(read);
}

/* A file that lies about its name, or lost an entry, would be believed. */
static void damaged_bundles_are_refused(void **state)
{
    (void)state;
    struct p2p_charter *read = NULL;
    char *text = NULL;
    size_t len = 0;
    CHECK_OK(p2p_bundle_format(charter, &text, &len));
    for (size_t cut = 0; cut + 2 < len; cut++) {
        CHECK(p2p_bundle_parse(&read, "f", p2p_slice_of(text, cut), NULL, message,
                               sizeof(message)) != P2P_OK);
        CHECK(message[0] != '\0');
    }
    for (size_t at = 0; at < len; at++) {
        char kept = text[at];
        text[at] = kept == 'x' ? 'y' : 'x';
        enum p2p_err err = p2p_bundle_parse(&read, "f", p2p_slice_of(text, len), NULL, message,
                                            sizeof(message));
        if (err == P2P_OK) { /* white space only, or the key of a field nobody reads */
            struct p2p_hash a = p2p_charter_root(charter), b = p2p_charter_root(read);
            CHECK(p2p_hash_equal(&a, &b));
            p2p_charter_free(read);
        }
        text[at] = kept;
    }
    free(text);
}

/* An auditor would trust other keys than the charter's, or fewer roots. */
static void the_trust_file_is_a_policy(void **state)
{
    (void)state;
    char text[P2P_TRUST_BYTES_MAX];
    size_t len = p2p_trust_format(charter, text);
    CHECK(len == strlen(text));
    const char *log = strstr(text, "\nlog ");
    CHECK(log != NULL);
    struct p2p_vkey vkey;
    struct p2p_slice line = p2p_slice_of(log + 5, strcspn(log + 5, "\n"));
    CHECK_OK(p2p_vkey_parse(&vkey, line));
    CHECK(vkey.type == P2P_NOTE_ED25519);
    CHECK_BYTES(vkey.public_key, world.log.public_key.bytes, P2P_PUBLIC_BYTES);
    const char *witness = strstr(text, "\nwitness root-3 ");
    CHECK(witness != NULL);
    CHECK_OK(p2p_vkey_parse(&vkey, p2p_slice_of(witness + 16, strcspn(witness + 16, "\n"))));
    CHECK(vkey.type == P2P_NOTE_COSIGNATURE);
    CHECK_BYTES(vkey.public_key, world.roots[2].public_key.bytes, P2P_PUBLIC_BYTES);
    CHECK(strstr(text, "\ngroup roots 2 root-1 root-2 root-3\nquorum roots\n") != NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_bundle_comes_back),
        TEST(a_rival_travels_along),
        TEST(damaged_bundles_are_refused),
        TEST(the_trust_file_is_a_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
