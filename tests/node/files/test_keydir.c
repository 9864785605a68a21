#include "check.h"

#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/keydir.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char message[P2P_MESSAGE_BYTES_MAX];

static struct p2p_slice passphrase(void)
{
    return p2p_slice_text("correct horse");
}

/* A node's keys under the empty passphrase open without asking for one, by one derivation. */
static void sandbox_keys(void **state)
{
    static const enum p2p_key_purpose purposes[] = {
        P2P_KEY_FEED, P2P_KEY_WITNESS, P2P_KEY_TRANSPORT, P2P_KEY_SEALING, P2P_KEY_ISSUER};
    struct temp_dir dir;
    char keys[TEMP_PATH_BYTES];
    char file[P2P_PATH_BYTES_MAX];
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_keydir keydir;
    struct p2p_keydir_key made[5];
    struct p2p_keydir_key loaded;
    struct p2p_keydir_entry *entries = NULL;
    struct stat info;
    size_t count = 0;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "keys", keys);
    CHECK_ERR(p2p_keydir_init(&keydir, keys, message, sizeof(message)), P2P_NOTFOUND);
    CHECK_OK(p2p_keydir_create(&keydir, keys, P2P_KDF_MIN, message, sizeof(message)));
    CHECK_OK(p2p_keydir_list(&keydir, &entries, &count, NULL, 0));
    CHECK(count == 0);
    for (size_t i = 0; i < 5; i++) {
        CHECK_OK(p2p_keydir_file(file, purposes[i], "beanr-pso"));
        CHECK_OK(p2p_keydir_make(&keydir, file, purposes[i], "beanr-pso", &made[i], message,
                                 sizeof(message)));
        CHECK_ERR(p2p_keydir_make(&keydir, file, purposes[i], "beanr-pso", NULL, message,
                                  sizeof(message)),
                  P2P_USAGE);
        CHECK_OK(p2p_path_join(path, keys, file));
        CHECK(stat(path, &info) == 0);
        CHECK((info.st_mode & 07777) == 0600);
        for (size_t j = 0; j < i; j++) {
            CHECK(memcmp(made[i].seed, made[j].seed, P2P_SEED_BYTES) != 0);
        }
    }
    p2p_keydir_deinit(&keydir);
    CHECK_OK(
        p2p_keydir_create(&keydir, keys, P2P_KDF_MODERATE, NULL, 0)); /* keeps what is there */
    CHECK(keydir.kdf.memory_kib < 1024);
    for (size_t i = 0; i < 5; i++) {
        CHECK_OK(p2p_keydir_file(file, purposes[i], "beanr-pso"));
        CHECK_OK(p2p_keydir_load(&keydir, file, purposes[i], "beanr-pso", &loaded, message,
                                 sizeof(message)));
        CHECK_BYTES(loaded.seed, made[i].seed, P2P_SEED_BYTES);
        CHECK_BYTES(loaded.public_key, made[i].public_key, P2P_PUBLIC_BYTES);
    }
    CHECK_OK(p2p_keydir_list(&keydir, &entries, &count, NULL, 0));
    CHECK(count == 5);
    CHECK(strcmp(entries[0].file, "feed.key") == 0);
    CHECK(strcmp(entries[1].file, "issuers/beanr-pso.key") == 0);
    CHECK(entries[1].purpose == P2P_KEY_ISSUER);
    CHECK_BYTES(entries[1].public_key, made[4].public_key, P2P_PUBLIC_BYTES);
    free(entries);
    p2p_keydir_deinit(&keydir);
    temp_dir_remove(&dir);
}

/* Broken: a machine that lost its store and its copy would sign a generation a second time. */
static void keys_that_were_used_say_so(void **state)
{
    struct temp_dir dir;
    char keys[TEMP_PATH_BYTES];
    struct p2p_keydir keydir;
    struct p2p_keydir_entry *entries = NULL;
    size_t count = 0;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "keys", keys);
    CHECK_OK(p2p_keydir_create(&keydir, keys, P2P_KDF_MIN, message, sizeof(message)));
    CHECK(!p2p_keydir_is_used(&keydir, 2));
    CHECK_OK(p2p_keydir_mark_used(&keydir, 2, message, sizeof(message)));
    CHECK_OK(p2p_keydir_mark_used(&keydir, 2, message, sizeof(message)));
    CHECK(p2p_keydir_is_used(&keydir, 2) && !p2p_keydir_is_used(&keydir, 3));
    CHECK_OK(p2p_keydir_list(&keydir, &entries, &count, NULL, 0));
    CHECK(count == 0); /* it is no key */
    free(entries);
    p2p_keydir_deinit(&keydir);
    temp_dir_remove(&dir);
}

/* A key under a passphrase: locked without, refused with a wrong one, opened with the right
 * one, beside keys of the empty passphrase. */
static void passphrases(void **state)
{
    struct temp_dir dir;
    char keys[TEMP_PATH_BYTES];
    char path[TEMP_PATH_BYTES];
    char given[P2P_PASSPHRASE_BYTES_MAX];
    size_t len = 0;
    struct p2p_keydir keydir;
    struct p2p_keydir_key made;
    struct p2p_keydir_key loaded;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "keys", keys);
    CHECK_OK(p2p_keydir_create(&keydir, keys, P2P_KDF_MIN, NULL, 0));
    CHECK_OK(p2p_keydir_make(&keydir, "feed.key", P2P_KEY_FEED, "beanr", NULL, NULL, 0));
    CHECK_OK(p2p_keydir_unlock(&keydir, passphrase(), NULL, 0));
    CHECK_OK(p2p_keydir_make(&keydir, "issuers/a.key", P2P_KEY_ISSUER, "a", &made, NULL, 0));
    CHECK_OK(p2p_keydir_load(&keydir, "feed.key", P2P_KEY_FEED, NULL, &loaded, NULL, 0));
    p2p_keydir_deinit(&keydir);

    CHECK_OK(p2p_keydir_init(&keydir, keys, NULL, 0));
    memset(&loaded, 0x77, sizeof(loaded));
    struct p2p_keydir_key untouched = loaded;
    CHECK_ERR(p2p_keydir_load(&keydir, "issuers/a.key", P2P_KEY_ISSUER, "a", &loaded, message,
                              sizeof(message)),
              P2P_LOCKED);
    CHECK(strstr(message, "issuers/a.key") != NULL);
    CHECK(strstr(message, "key unlock") != NULL);
    CHECK_OK(p2p_keydir_unlock(&keydir, p2p_slice_text("wrong horse"), NULL, 0));
    CHECK_ERR(p2p_keydir_load(&keydir, "issuers/a.key", P2P_KEY_ISSUER, "a", &loaded, message,
                              sizeof(message)),
              P2P_PASSPHRASE);
    CHECK(memcmp(&loaded, &untouched, sizeof(loaded)) == 0);
    temp_write(temp_path(&dir, "pass", path), "correct horse\r\nsecond line\n", 28);
    CHECK_OK(p2p_passphrase_read(path, given, &len, NULL, 0));
    CHECK(len == 13);
    CHECK_OK(p2p_keydir_unlock(&keydir, p2p_slice_of(given, len), NULL, 0));
    CHECK_OK(p2p_keydir_load(&keydir, "issuers/a.key", P2P_KEY_ISSUER, "a", &loaded, NULL, 0));
    CHECK_BYTES(loaded.seed, made.seed, P2P_SEED_BYTES);
    CHECK_ERR(p2p_keydir_load(&keydir, "issuers/a.key", P2P_KEY_ISSUER, "b", &loaded, message,
                              sizeof(message)),
              P2P_BADKEY);
    CHECK_ERR(p2p_keydir_load(&keydir, "feed.key", P2P_KEY_WITNESS, NULL, &loaded, message,
                              sizeof(message)),
              P2P_BADKEY);
    CHECK(strstr(message, "holds the feed key of beanr") != NULL);
    CHECK_ERR(p2p_keydir_load(&keydir, "witness.key", P2P_KEY_WITNESS, NULL, &loaded, message,
                              sizeof(message)),
              P2P_NOTFOUND);
    p2p_keydir_deinit(&keydir);
    static const struct p2p_keydir zeroed;
    CHECK(memcmp(&keydir, &zeroed, sizeof(keydir)) == 0); /* wiped */
    temp_dir_remove(&dir);
}

/* Every byte of the kdf and of a key file damaged or cut off in turn: never a key, always a
 * name. */
static void damaged_files(void **state)
{
    static const char *const files[] = {"kdf", "feed.key"};
    struct temp_dir dir;
    struct p2p_keydir keydir;
    struct p2p_keydir_key made;
    struct p2p_keydir_key loaded;

    (void)state;
    temp_dir_make(&dir);
    CHECK_OK(p2p_keydir_create(&keydir, dir.path, P2P_KDF_MIN, NULL, 0));
    CHECK_OK(p2p_keydir_make(&keydir, "feed.key", P2P_KEY_FEED, "beanr", &made, NULL, 0));
    for (int f = 0; f < 2; f++) {
        char path[TEMP_PATH_BYTES];
        size_t len;
        unsigned char *good = temp_read(temp_path(&dir, files[f], path), &len);
        unsigned char *bad = malloc(len);
        CHECK(bad != NULL);
        for (size_t at = 0; at < 2 * len; at++) {
            struct p2p_keydir damaged;
            memcpy(bad, good, len);
            bad[at % len] ^= 0x01;
            temp_write(path, bad, at < len ? len : at - len);
            message[0] = '\0';
            enum p2p_err err = p2p_keydir_init(&damaged, dir.path, message, sizeof(message));
            if (err == P2P_OK && damaged.kdf.memory_kib <= 64 && damaged.kdf.ops < 10) {
                CHECK_OK(p2p_keydir_unlock(&damaged, passphrase(), NULL, 0));
                err = p2p_keydir_load(&damaged, "feed.key", P2P_KEY_FEED, NULL, &loaded,
                                      message, sizeof(message));
            }
            if (err != P2P_OK) {
                CHECK(strstr(message, dir.path) != NULL);
                CHECK(err == P2P_MALFORMED || err == P2P_PASSPHRASE || err == P2P_BADKEY ||
                      err == P2P_TOOLARGE);
            } else { /* another cost than the one it was sealed under, not even tried here */
                CHECK(f == 0);
            }
            p2p_keydir_deinit(&damaged);
        }
        temp_write(path, good, len);
        free(good);
        free(bad);
    }
    CHECK_OK(p2p_keydir_load(&keydir, "feed.key", P2P_KEY_FEED, "beanr", &loaded, NULL, 0));
    CHECK_BYTES(loaded.seed, made.seed, P2P_SEED_BYTES);
    p2p_keydir_deinit(&keydir);
    temp_dir_remove(&dir);
}

/* Names that would leave the directory are refused; a listing names what it cannot read. */
static void names(void **state)
{
    static const char *const bad[] = {"", "../feed", "a/b", "A", "a b", "\xc3\xa9"};
    struct temp_dir dir;
    char out[P2P_PATH_BYTES_MAX];
    char path[TEMP_PATH_BYTES];
    struct p2p_keydir keydir;
    struct p2p_keydir_entry *entries = NULL;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_ERR(p2p_keydir_file(out, P2P_KEY_ISSUER, bad[i]), P2P_USAGE);
    }
    temp_dir_make(&dir);
    CHECK_OK(p2p_keydir_create(&keydir, dir.path, P2P_KDF_MIN, NULL, 0));
    CHECK_ERR(p2p_keydir_make(&keydir, "a.key", P2P_KEY_ROOT, "two\nlines", NULL, message,
                              sizeof(message)),
              P2P_USAGE);
    CHECK_OK(p2p_keydir_make(&keydir, "root-1.key", P2P_KEY_ROOT, "root-1", NULL, NULL, 0));
    temp_write(temp_path(&dir, "broken.key", path), "x", 1);
    temp_write(temp_path(&dir, "notes.txt", path), "x", 1);
    CHECK_OK(p2p_keydir_list(&keydir, &entries, &count, NULL, 0));
    CHECK(count == 2);
    CHECK(strcmp(entries[0].file, "broken.key") == 0);
    CHECK_ERR(entries[0].err, P2P_MALFORMED);
    CHECK_OK(entries[1].err);
    CHECK(entries[1].purpose == P2P_KEY_ROOT);
    free(entries);
    p2p_keydir_deinit(&keydir);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sandbox_keys), cmocka_unit_test(keys_that_were_used_say_so),
        cmocka_unit_test(passphrases),  cmocka_unit_test(damaged_files),
        cmocka_unit_test(names),
    };
    if (p2p_crypto_init() != P2P_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
