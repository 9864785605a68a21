#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/keyfile.h>

/* The file of seed 00 01 .. 1f under the unlock key 80 81 .. 9f, by an independent
 * XChaCha20-Poly1305 in Python. */
#define KEY_LINES_HEAD  "port2port key v1\npurpose: issuer\nname: beanr-pso\n"
#define KEY_LINE_PUBLIC "public: A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n"
#define KEY_LINE_NONCE  "nonce: YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3\n"
#define KEY_LINE_SEALED                                                                        \
    "sealed: 0QEQN7R4Sv3lk+mgWVNP/RojAMzj/96wsKtaCb/jbvEdsGaoD/iRUsodfjjQsl4v\n"
#define KEY_FILE KEY_LINES_HEAD KEY_LINE_PUBLIC KEY_LINE_NONCE KEY_LINE_SEALED

#define KDF_SALT_LINE "salt: AAECAwQFBgcICQoLDA0ODw==\n"
#define KDF_FILE                                                                               \
    "port2port kdf v1\nalgorithm: argon2id13\nops: 1\nmemory_kib: 8\n" KDF_SALT_LINE

#define KDF_ARGON2I                                                                            \
    "port2port kdf v1\nalgorithm: argon2i13\nops: 1\nmemory_kib: 8\n" KDF_SALT_LINE
#define KDF_SHORT_SALT                                                                         \
    "port2port kdf v1\nalgorithm: argon2id13\nops: 1\nmemory_kib: 8\nsalt: "                   \
    "AAECAwQFBgcICQoLDA0O\n"

static struct p2p_unlock_key unlock_key(void)
{
    struct p2p_unlock_key key;
    tlog_seed(key.bytes, 0x80);
    return key;
}

static struct p2p_kdf cheap_kdf(void)
{
    struct p2p_kdf kdf;
    uint8_t salt[32];
    tlog_seed(salt, 0);
    p2p_kdf_init(&kdf, P2P_KDF_MIN, salt);
    return kdf;
}

static enum p2p_err parse_and_open(struct p2p_slice text, uint8_t seed[P2P_SEED_BYTES])
{
    struct p2p_keyfile file;
    struct p2p_unlock_key key = unlock_key();
    enum p2p_err err = p2p_keyfile_parse(&file, text);
    return err ? err : p2p_keyfile_open(&file, &key, seed);
}

/* Keys sealed by one version would not open in the next. */
static void key_files_are_as_documented(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES], nonce[32], opened[P2P_SEED_BYTES];
    char text[P2P_KEYFILE_BYTES_MAX];
    struct p2p_keyfile file;
    struct p2p_unlock_key key = unlock_key();
    tlog_seed(seed, 0);
    tlog_seed(nonce, 0x60);
    p2p_keyfile_seal(&file, P2P_KEY_ISSUER, "beanr-pso", seed, nonce, &key);
    CHECK(p2p_keyfile_format(&file, text) == strlen(KEY_FILE));
    CHECK(strcmp(text, KEY_FILE) == 0);
    CHECK_OK(parse_and_open(p2p_slice_text(text), opened));
    CHECK_BYTES(opened, seed, sizeof seed);
}

/* Some kind of key could not be kept. */
static void every_purpose_round_trips(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES], nonce[32];
    char name[P2P_KEY_NAME_BYTES_MAX + 1] = {0};
    struct p2p_unlock_key key = unlock_key();
    tlog_seed(seed, 5);
    tlog_seed(nonce, 6);
    memset(name, 'n', P2P_KEY_NAME_BYTES_MAX);
    for (int id = 1; id <= 7; id++) {
        struct p2p_keyfile file, parsed;
        char text[P2P_KEYFILE_BYTES_MAX];
        uint8_t opened[P2P_SEED_BYTES], expected[P2P_PUBLIC_BYTES];
        p2p_keyfile_seal(&file, (enum p2p_key_purpose)id, name, seed, nonce, &key);
        size_t len = p2p_keyfile_format(&file, text);
        CHECK_OK(p2p_keyfile_parse(&parsed, p2p_slice_of(text, len)));
        CHECK(parsed.purpose == file.purpose && strcmp(parsed.name, name) == 0);
        p2p_key_derive(parsed.purpose, seed, expected);
        CHECK_BYTES(parsed.public_key, expected, sizeof expected);
        CHECK_OK(p2p_keyfile_open(&parsed, &key, opened));
        CHECK_BYTES(opened, seed, sizeof seed);
    }
}

/* Someone with the disk could alter a key file: every single bit of it. */
static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    char text[sizeof KEY_FILE];
    uint8_t seed[P2P_SEED_BYTES], untouched[P2P_SEED_BYTES];
    memset(seed, 7, sizeof seed);
    memset(untouched, 7, sizeof untouched);
    memcpy(text, KEY_FILE, sizeof text);
    struct p2p_slice bytes = p2p_slice_text(text);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        text[bit / 8] ^= (char)(1u << bit % 8);
        enum p2p_err err = parse_and_open(bytes, seed);
        CHECK(err == P2P_MALFORMED || err == P2P_PASSPHRASE);
        CHECK_BYTES(seed, untouched, sizeof seed);
        text[bit / 8] ^= (char)(1u << bit % 8);
    }
    for (size_t len = 0; len < bytes.len; len++) {
        CHECK_ERR(parse_and_open(p2p_slice_of(text, len), seed), P2P_MALFORMED);
    }
}

/* A key could be relabelled and then used for another purpose, or under another's name. */
static void relabelled_files_do_not_open(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES];
    const char *bad[] = {
        "port2port key v1\npurpose: root\nname: beanr-pso\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose: sealing\nname: beanr-pso\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose: issuer\nname: nlrtm-pso\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose: issuer\nname: beanr-ps\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        KEY_LINES_HEAD
        "public: KayyKasuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMg=\n" KEY_LINE_NONCE KEY_LINE_SEALED,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(parse_and_open(p2p_slice_text(bad[i]), seed), P2P_PASSPHRASE);
    }
}

/* A file that says something else than we understand would be half obeyed. */
static void other_forms_are_malformed(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES];
    const char *bad[] = {
        "",
        KEY_FILE "\n",
        KEY_FILE "comment: hello\n",
        " " KEY_FILE,
        "port2port key v2\npurpose: issuer\nname: beanr-pso\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose: queen\nname: beanr-pso\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose:\nname: beanr-pso\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\nname: beanr-pso\npurpose: issuer\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose: issuer\n" KEY_LINE_PUBLIC KEY_LINE_NONCE KEY_LINE_SEALED,
        "port2port key v1\npurpose: issuer\nname: \n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose: issuer\nname: a\tb\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\npurpose: issuer\nname: a\xFF\n" KEY_LINE_PUBLIC KEY_LINE_NONCE
            KEY_LINE_SEALED,
        "port2port key v1\r\npurpose: issuer\r\nname: beanr-pso\n" KEY_LINE_PUBLIC
            KEY_LINE_NONCE KEY_LINE_SEALED,
        KEY_LINES_HEAD KEY_LINE_NONCE KEY_LINE_PUBLIC KEY_LINE_SEALED,
        KEY_LINES_HEAD KEY_LINE_PUBLIC KEY_LINE_PUBLIC KEY_LINE_NONCE KEY_LINE_SEALED,
        KEY_LINES_HEAD KEY_LINE_PUBLIC KEY_LINE_NONCE,
        KEY_LINES_HEAD KEY_LINE_PUBLIC
        "nonce: YGFiY2RlZmdoaWprbG1ub3BxcnN0dXY=\n" KEY_LINE_SEALED,
        KEY_LINES_HEAD KEY_LINE_PUBLIC "nonce: \n" KEY_LINE_SEALED,
        KEY_LINES_HEAD KEY_LINE_PUBLIC
        "nonce:YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3\n" KEY_LINE_SEALED,
        KEY_LINES_HEAD
        "public: A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbh=\n" KEY_LINE_NONCE KEY_LINE_SEALED,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(parse_and_open(p2p_slice_text(bad[i]), seed), P2P_MALFORMED);
    }
}

/* A person's input would end the program, or a name break its file apart. */
static void names_have_bounds(void **state)
{
    (void)state;
    char name[P2P_KEY_NAME_BYTES_MAX + 1];
    memset(name, 'n', sizeof name);
    CHECK(p2p_keyfile_name_valid(p2p_slice_of(name, P2P_KEY_NAME_BYTES_MAX)));
    CHECK(!p2p_keyfile_name_valid(p2p_slice_of(name, P2P_KEY_NAME_BYTES_MAX + 1)));
    CHECK(p2p_keyfile_name_valid(p2p_slice_text("Zeebr\xC3\xBCgge: night shift")));
    CHECK(!p2p_keyfile_name_valid(p2p_slice_text("")));
    CHECK(!p2p_keyfile_name_valid(p2p_slice_text("a\nb")));
    CHECK(!p2p_keyfile_name_valid(p2p_slice_text("a\x7F")));
    CHECK(!p2p_keyfile_name_valid(p2p_slice_text("\xC2")));
}

/* A seed that is not that of the file's public key would be handed out. */
static void the_seed_must_match_the_public_key(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES], nonce[32], opened[P2P_SEED_BYTES];
    struct p2p_unlock_key key = unlock_key(), other = key;
    struct p2p_keyfile file;
    tlog_seed(seed, 0);
    tlog_seed(nonce, 1);
    p2p_keyfile_seal(&file, P2P_KEY_FEED, "feed", seed, nonce, &key);
    other.bytes[31] ^= 0x80;
    CHECK_ERR(p2p_keyfile_open(&file, &other, opened), P2P_PASSPHRASE);
    file.public_key[0] ^= 1;
    CHECK_ERR(p2p_keyfile_open(&file, &key, opened), P2P_PASSPHRASE);
}

/* A keys directory would ask for another derivation than it was made with. */
static void kdf_files_are_as_documented(void **state)
{
    (void)state;
    char text[P2P_KEYFILE_BYTES_MAX];
    struct p2p_kdf kdf = cheap_kdf(), parsed;
    CHECK(p2p_kdf_format(&kdf, text) == strlen(KDF_FILE));
    CHECK(strcmp(text, KDF_FILE) == 0);
    CHECK_OK(p2p_kdf_parse(&parsed, p2p_slice_text(text)));
    CHECK(parsed.ops == 1 && parsed.memory_kib == 8);
    CHECK_BYTES(parsed.salt, kdf.salt, sizeof kdf.salt);
    p2p_kdf_init(&kdf, P2P_KDF_MODERATE, kdf.salt);
    CHECK(kdf.ops == 3 && kdf.memory_kib == 256 * 1024);
    CHECK_OK(p2p_kdf_parse(&parsed, p2p_slice_of(text, p2p_kdf_format(&kdf, text))));
    CHECK(parsed.memory_kib == kdf.memory_kib);
}

/* A planted kdf file could make the node take all memory, or none of the protection. */
static void kdf_costs_have_bounds(void **state)
{
    (void)state;
#define KDF(ops, kib)                                                                          \
    "port2port kdf v1\nalgorithm: argon2id13\nops: " ops "\nmemory_kib: " kib "\n" KDF_SALT_LINE
    const char *large[] = {KDF("65", "8"), KDF("1", "4194305"),
                           KDF("9223372036854775807", "8")};
    const char *malformed[] = {KDF("0", "8"),  KDF("1", "7"), KDF("01", "8"),
                               KDF("-1", "8"), KDF("1", ""),  KDF("1", "18446744073709551616"),
                               KDF_FILE "\n",  KDF_ARGON2I,   KDF_SHORT_SALT};
    struct p2p_kdf kdf;
    CHECK_OK(p2p_kdf_parse(&kdf, p2p_slice_text(KDF("64", "4194304"))));
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        CHECK_ERR(p2p_kdf_parse(&kdf, p2p_slice_text(large[i])), P2P_TOOLARGE);
    }
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        CHECK_ERR(p2p_kdf_parse(&kdf, p2p_slice_text(malformed[i])), P2P_MALFORMED);
    }
    for (size_t len = 0; len < strlen(KDF_FILE); len++) {
        CHECK_ERR(p2p_kdf_parse(&kdf, p2p_slice_of(KDF_FILE, len)), P2P_MALFORMED);
    }
#undef KDF
}

/* A wrong passphrase would open the keys, or the right one not. */
static void only_the_passphrase_opens(void **state)
{
    (void)state;
    const char *passphrases[] = {"", "correct horse", "correct horse ", "Correct horse"};
    uint8_t seed[P2P_SEED_BYTES], nonce[32], opened[P2P_SEED_BYTES];
    struct p2p_kdf kdf = cheap_kdf();
    tlog_seed(seed, 0);
    tlog_seed(nonce, 1);
    for (size_t i = 0; i < 4; i++) {
        struct p2p_unlock_key key;
        struct p2p_keyfile file;
        CHECK_OK(p2p_kdf_derive(&kdf, p2p_slice_text(passphrases[i]), &key));
        p2p_keyfile_seal(&file, P2P_KEY_FEED, "feed", seed, nonce, &key);
        for (size_t j = 0; j < 4; j++) {
            CHECK_OK(p2p_kdf_derive(&kdf, p2p_slice_text(passphrases[j]), &key));
            CHECK_ERR(p2p_keyfile_open(&file, &key, opened), i == j ? P2P_OK : P2P_PASSPHRASE);
        }
    }
}

/* Two directories with one passphrase would have one key; and salt or cost could be changed. */
static void salt_and_cost_change_the_key(void **state)
{
    (void)state;
    struct p2p_kdf kdfs[4] = {cheap_kdf(), cheap_kdf(), cheap_kdf(), cheap_kdf()};
    struct p2p_unlock_key keys[4];
    kdfs[1].salt[0] ^= 1;
    kdfs[2].ops = 2;
    kdfs[3].memory_kib = 16;
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(p2p_kdf_derive(&kdfs[i], (struct p2p_slice){NULL, 0}, &keys[i]));
        for (size_t j = 0; j < i; j++) {
            CHECK(!p2p_secret_equal(keys[i].bytes, keys[j].bytes, sizeof keys[i].bytes));
        }
    }
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_files_are_as_documented),
        cmocka_unit_test(every_purpose_round_trips),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(relabelled_files_do_not_open),
        cmocka_unit_test(other_forms_are_malformed),
        cmocka_unit_test(names_have_bounds),
        cmocka_unit_test(the_seed_must_match_the_public_key),
        cmocka_unit_test(kdf_files_are_as_documented),
        cmocka_unit_test(kdf_costs_have_bounds),
        cmocka_unit_test(only_the_passphrase_opens),
        cmocka_unit_test(salt_and_cost_change_the_key),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
