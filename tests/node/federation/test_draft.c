#include "check.h"

#include "temp_dir.h"

#include <p2p/bundle.h>
#include <p2p/draft.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_MS UINT64_C(1700000000000)

static struct temp_dir dir;
static char out[TEMP_PATH_BYTES], keys[3][P2P_PATH_BYTES_MAX], message[P2P_MESSAGE_BYTES_MAX];
static struct p2p_charter *charter;
static struct p2p_change change;
static struct p2p_charter_draft draft;

static void setup_keys(void)
{
    for (int i = 0; i < 3; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%s/roots/root-%d.key", out, i + 1);
    }
}

static int begin(void **state)
{
    (void)state;
    CHECK_OK(p2p_crypto_init());
    temp_dir_make(&dir);
    temp_path(&dir, "fed", out);
    setup_keys();
    struct p2p_federation_new options = {.name = "test.example",
                                         .dir = out,
                                         .roots = 3,
                                         .threshold = 2,
                                         .cost = P2P_KDF_MIN,
                                         .now_ms = NOW_MS};
    CHECK_OK(p2p_federation_create(&options, &charter, message, sizeof(message)));
    CHECK_OK(p2p_change_init(&change));
    draft = (struct p2p_charter_draft){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_draft_deinit(&draft);
    p2p_change_deinit(&change);
    p2p_charter_free(charter);
    temp_dir_remove(&dir);
    return 0;
}

static void policy(uint32_t lease_s)
{
    struct p2p_policy op = {
        .lease_s = lease_s, .heartbeat_s = 60, .fresh_cosignature_s = 900, .clock_skew_s = 300};
    p2p_change_reset(&change);
    p2p_op_policy_pack(&change.ops, &op);
    CHECK_OK(p2p_change_count(&change));
}

static void make(void)
{
    struct p2p_ceremony ceremony;
    struct p2p_charter_secret log;
    CHECK_OK(p2p_ceremony_open_beside(&ceremony, keys[0], p2p_slice_of(NULL, 0), message,
                                      sizeof(message)));
    CHECK_OK(p2p_ceremony_log_key(&ceremony, &log, message, sizeof(message)));
    p2p_draft_deinit(&draft);
    CHECK_OK(
        p2p_draft_make(&draft, charter, &change, 0, NOW_MS, &log, message, sizeof(message)));
    p2p_charter_secret_deinit(&log);
    p2p_ceremony_close(&ceremony);
}

static enum p2p_err sign(int root)
{
    return p2p_draft_sign(&draft, charter, keys[root], p2p_slice_of(NULL, 0), NOW_MS, message,
                          sizeof(message));
}

static bool there(const char *name)
{
    char path[TEMP_PATH_BYTES + 64];
    snprintf(path, sizeof(path), "%s/%s", out, name);
    return access(path, F_OK) == 0;
}

/* A federation without its files, or with a key anyone may read. */
static void a_new_federation_has_its_files(void **state)
{
    (void)state;
    struct p2p_charter *read;
    char path[P2P_PATH_BYTES_MAX];
    struct stat info;
    CHECK(there("federation.json") && there("trust") && there("roots/kdf"));
    CHECK(there("roots/charter.key") && there("roots/root-3.key") &&
          !there("roots/root-4.key"));
    CHECK(stat(keys[0], &info) == 0 && (info.st_mode & 0777) == 0600);
    snprintf(path, sizeof(path), "%s/federation.json", out);
    CHECK_OK(p2p_bundle_read(&read, path, NULL, message, sizeof(message)));
    CHECK(p2p_charter_threshold(read) == 2 && p2p_charter_root_count(read) == 3);
    p2p_charter_free(read);
    struct p2p_federation_new again = {
        .name = "test.example", .dir = out, .roots = 3, .threshold = 2};
    CHECK_ERR(p2p_federation_create(&again, &read, message, sizeof(message)), P2P_USAGE);
    CHECK(strstr(message, "not an empty directory") != NULL);
}

/* Too small a threshold, or a name that is none, would found a federation all the same. */
static void founding_is_refused_early(void **state)
{
    (void)state;
    const struct {
        const char *name;
        uint32_t roots, threshold;
    } bad[] = {{"test.example", 3, 1},  {"test.example", 4, 2}, {"test.example", 0, 0},
               {"test.example", 16, 9}, {"Test", 3, 2},         {"a/b", 3, 2}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char other[TEMP_PATH_BYTES], name[16];
        struct p2p_charter *none;
        snprintf(name, sizeof(name), "bad-%zu", i);
        struct p2p_federation_new options = {.name = bad[i].name,
                                             .dir = temp_path(&dir, name, other),
                                             .roots = bad[i].roots,
                                             .threshold = bad[i].threshold,
                                             .cost = P2P_KDF_MIN};
        CHECK_ERR(p2p_federation_create(&options, &none, message, sizeof(message)), P2P_USAGE);
    }
}

/* Roots in different cities could not found a version together. */
static void roots_sign_one_after_another(void **state)
{
    (void)state;
    char path[TEMP_PATH_BYTES];
    temp_path(&dir, "draft.json", path);
    policy(3600);
    make();
    CHECK_ERR(p2p_draft_finish(&draft, charter, message, sizeof(message)), P2P_QUORUM);
    CHECK_OK(p2p_draft_write(&draft, charter, path, message, sizeof(message)));
    p2p_draft_deinit(&draft);
    for (int i = 1; i < 3; i++) {
        CHECK_OK(p2p_draft_read(&draft, path, charter, message, sizeof(message)));
        CHECK_OK(sign(i));
        CHECK_OK(sign(i)); /* twice changes nothing */
        CHECK_OK(p2p_draft_write(&draft, charter, path, message, sizeof(message)));
        enum p2p_err err = p2p_draft_finish(&draft, charter, message, sizeof(message));
        CHECK_ERR(err, i == 1 ? P2P_QUORUM : P2P_OK);
        p2p_draft_deinit(&draft);
    }
    CHECK(p2p_charter_size(charter) == 2 && p2p_charter_policy(charter)->lease_s == 3600);
    CHECK_OK(p2p_draft_read(&draft, path, charter, message, sizeof(message)));
    CHECK_ERR(sign(0), P2P_GAP); /* the charter went on */
}

/* One root could put its name to two histories. */
static void a_root_signs_one_hash_for_a_size(void **state)
{
    (void)state;
    char memory[P2P_PATH_BYTES_MAX + 16];
    size_t len;
    policy(3600);
    make();
    CHECK_OK(sign(0));
    policy(7200);
    make();
    CHECK_ERR(sign(0), P2P_REFUSED);
    CHECK(strstr(message, "fork") != NULL);
    CHECK(draft.note_len < 400 &&
          memmem(draft.note, draft.note_len, "/root/", 6) == NULL); /* and left no signature */
    CHECK_OK(sign(1));
    policy(3600);
    make();
    CHECK_OK(sign(0)); /* what it signed, it signs again */
    CHECK_ERR(sign(1), P2P_REFUSED);

    snprintf(memory, sizeof(memory), "%s.signed", keys[0]);
    char *text = (char *)temp_read(memory, &len);
    CHECK(len > 0 && text[len - 1] == '\n');
    temp_write(memory, text, len - 5); /* a damaged memory is no memory */
    free(text);
    make();
    CHECK_ERR(sign(0), P2P_MALFORMED);
}

/* A root would sign what breaks a rule, or what another log drafted. */
static void a_root_looks_before_it_signs(void **state)
{
    (void)state;
    struct p2p_charter *other;
    char path[TEMP_PATH_BYTES], foreign[P2P_PATH_BYTES_MAX];
    policy(3600);
    make();
    draft.note[draft.note_len - 8] ^= 1;
    CHECK(sign(0) != P2P_OK);
    make();
    draft.leaf[draft.leaf_len - 2] ^= 1;
    CHECK(sign(0) != P2P_OK);
    struct p2p_federation_new options = {.name = "test.example",
                                         .dir = temp_path(&dir, "other", path),
                                         .roots = 1,
                                         .threshold = 1,
                                         .cost = P2P_KDF_MIN,
                                         .now_ms = NOW_MS};
    CHECK_OK(p2p_federation_create(&options, &other, message, sizeof(message)));
    snprintf(foreign, sizeof(foreign), "%s/roots/root-1.key", path);
    make();
    CHECK_ERR(p2p_draft_sign(&draft, charter, foreign, p2p_slice_of(NULL, 0), NOW_MS, message,
                             sizeof(message)),
              P2P_REFUSED);
    char file[TEMP_PATH_BYTES];
    CHECK_OK(
        p2p_draft_write(&draft, charter, temp_path(&dir, "d", file), message, sizeof(message)));
    p2p_draft_deinit(&draft);
    CHECK_ERR(p2p_draft_read(&draft, file, other, message, sizeof(message)), P2P_MISMATCH);
    p2p_charter_free(other);

    policy(1);
    struct p2p_signing signing = {.root_keys = (const char *const[]){keys[0], keys[1]},
                                  .root_key_count = 2};
    CHECK_ERR(
        p2p_draft_complete(&draft, charter, &change, 0, &signing, message, sizeof(message)),
        P2P_REFUSED);
    CHECK(strstr(message, "lease") != NULL);
    policy(3600);
    CHECK_OK(
        p2p_draft_complete(&draft, charter, &change, 0, &signing, message, sizeof(message)));
    CHECK(p2p_charter_size(charter) == 2);
}

/* A root that signed a version which never came about could sign no other of its number. */
static void too_few_roots_leave_no_trace(void **state)
{
    (void)state;
    char remembered[P2P_PATH_BYTES_MAX + 16];
    struct p2p_signing signing = {.root_keys = (const char *const[]){keys[0], keys[0]},
                                  .root_key_count = 2,
                                  .whole_only = true};
    snprintf(remembered, sizeof(remembered), "%s.signed", keys[0]);
    char *before = NULL, *after = NULL;
    size_t before_len = 0, after_len = 0;
    CHECK_OK(
        p2p_file_read(remembered, 1 << 16, &before, &before_len, message, sizeof(message)));
    policy(3600);
    CHECK_ERR(
        p2p_draft_complete(&draft, charter, &change, 0, &signing, message, sizeof(message)),
        P2P_QUORUM);
    CHECK(message[0] != '\0' && draft.leaf == NULL && p2p_charter_size(charter) == 1);
    CHECK_OK(p2p_file_read(remembered, 1 << 16, &after, &after_len, message, sizeof(message)));
    CHECK(before_len == after_len && memcmp(before, after, after_len) == 0);
    free(before);
    free(after);

    policy(7200);
    signing.root_keys = (const char *const[]){keys[0], keys[1]};
    CHECK_OK(
        p2p_draft_complete(&draft, charter, &change, 0, &signing, message, sizeof(message)));
    CHECK(p2p_charter_size(charter) == 2);
}

/* A passphrase that guards nothing. */
static void keys_open_with_their_passphrase_only(void **state)
{
    (void)state;
    struct p2p_charter *other;
    char path[TEMP_PATH_BYTES], key[P2P_PATH_BYTES_MAX];
    struct p2p_federation_new options = {.name = "locked.example",
                                         .dir = temp_path(&dir, "locked", path),
                                         .roots = 1,
                                         .threshold = 1,
                                         .cost = P2P_KDF_MIN,
                                         .passphrase = p2p_slice_text("open sesame"),
                                         .now_ms = NOW_MS};
    CHECK_OK(p2p_federation_create(&options, &other, message, sizeof(message)));
    snprintf(key, sizeof(key), "%s/roots/root-1.key", path);
    const char *const root_keys[] = {key};
    struct p2p_signing signing = {.root_keys = root_keys, .root_key_count = 1};
    policy(3600);
    CHECK_ERR(p2p_draft_complete(&draft, other, &change, 0, &signing, message, sizeof(message)),
              P2P_LOCKED);
    signing.passphrase = p2p_slice_text("wrong");
    CHECK_ERR(p2p_draft_complete(&draft, other, &change, 0, &signing, message, sizeof(message)),
              P2P_PASSPHRASE);
    signing.passphrase = p2p_slice_text("open sesame");
    CHECK_OK(p2p_draft_complete(&draft, other, &change, 0, &signing, message, sizeof(message)));
    p2p_charter_free(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_new_federation_has_its_files), TEST(founding_is_refused_early),
        TEST(roots_sign_one_after_another),   TEST(a_root_signs_one_hash_for_a_size),
        TEST(a_root_looks_before_it_signs),   TEST(keys_open_with_their_passphrase_only),
        TEST(too_few_roots_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
