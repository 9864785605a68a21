#include "check.h"

#include "temp_dir.h"

#include <p2p/bundle.h>
#include <p2p/draft.h>
#include <p2p/sandbox.h>
#include <p2p/text.h>
#include <p2p/token.h>
#include <p2p/verbs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW_MS UINT64_C(1700000000000)

static struct temp_dir temp;
static char dir[TEMP_PATH_BYTES], keys[3][P2P_PATH_BYTES_MAX];
static char message[P2P_MESSAGE_BYTES_MAX];
static struct p2p_charter *charter;
static struct p2p_ceremony ceremony;
static struct p2p_change change;
static struct p2p_verb verb;

static int begin(void **state)
{
    (void)state;
    char path[P2P_PATH_BYTES_MAX];
    CHECK_OK(p2p_crypto_init());
    temp_dir_make(&temp);
    temp_path(&temp, "sandbox", dir);
    struct p2p_sandbox_options options = {
        .dir = dir, .members = "beanr,bezee,begne,commission", .now_ms = NOW_MS};
    CHECK_OK(p2p_sandbox_make(&options, message, sizeof(message)));
    CHECK_OK(p2p_path_join(path, dir, "federation.json"));
    CHECK_OK(p2p_bundle_read(&charter, path, NULL, message, sizeof(message)));
    for (int i = 0; i < 3; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%s/roots/root-%d.key", dir, i + 1);
    }
    CHECK_OK(p2p_ceremony_open_beside(&ceremony, keys[0], p2p_slice_of(NULL, 0), message,
                                      sizeof(message)));
    CHECK_OK(p2p_change_init(&change));
    verb = (struct p2p_verb){.charter = charter,
                             .change = &change,
                             .message = message,
                             .message_cap = sizeof(message)};
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_change_deinit(&change);
    p2p_ceremony_close(&ceremony);
    p2p_charter_free(charter);
    temp_dir_remove(&temp);
    return 0;
}

static enum p2p_err complete(uint64_t term, size_t roots)
{
    struct p2p_charter_draft draft = {0};
    struct p2p_signing signing = {.root_keys = (const char *const[]){keys[0], keys[1], keys[2]},
                                  .root_key_count = roots,
                                  .now_ms = NOW_MS};
    enum p2p_err err =
        p2p_draft_complete(&draft, charter, &change, term, &signing, message, sizeof(message));
    p2p_draft_deinit(&draft);
    p2p_change_reset(&change);
    return err;
}

/* Whether the key of that hash lies in a node's directory, and opens to it. */
static bool drawn_at(const char *node, const struct p2p_hash *hash)
{
    char path[P2P_PATH_BYTES_MAX], file[P2P_PATH_BYTES_MAX];
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    struct p2p_keydir keydir;
    struct p2p_keydir_key key;
    struct p2p_circle_key circle;
    CHECK_OK(p2p_path_join(path, node, "keys"));
    CHECK_OK(p2p_keydir_init(&keydir, path, message, sizeof(message)));
    p2p_hex_encode(hex, hash->bytes, sizeof(hash->bytes));
    CHECK_OK(p2p_keydir_file(file, P2P_KEY_CIRCLE, hex));
    enum p2p_err err =
        p2p_keydir_load(&keydir, file, P2P_KEY_CIRCLE, NULL, &key, message, sizeof(message));
    p2p_keydir_deinit(&keydir);
    if (err != P2P_OK) {
        return false;
    }
    memcpy(circle.bytes, key.seed, sizeof(circle.bytes));
    struct p2p_hash found = p2p_circle_key_hash(&circle);
    return p2p_hash_equal(&found, hash);
}

/* A newcomer would not be heard, or could not read the circles it was given. */
static void admit_from_a_join_file(void **state)
{
    (void)state;
    char federation[P2P_PATH_BYTES_MAX], node[TEMP_PATH_BYTES], join[P2P_PATH_BYTES_MAX];
    const char *const circles[] = {"national", "police"}, *const none[] = {"nosuch"};
    CHECK_OK(p2p_path_join(federation, dir, "federation.json"));
    struct p2p_member_init init = {.dir = temp_path(&temp, "nlrtm", node),
                                   .federation = federation,
                                   .name = "nlrtm",
                                   .locode = "NLRTM",
                                   .cost = P2P_KDF_MIN,
                                   .now_ms = NOW_MS};
    CHECK_OK(p2p_member_init(&init, message, sizeof(message)));
    CHECK_OK(p2p_path_join(join, node, "join.json"));
    struct p2p_verb_admit admit = {.join = join, .circles = none, .circle_count = 1};
    CHECK_ERR(p2p_verb_admit(&verb, &admit), P2P_UNKNOWN);
    p2p_change_reset(&change);
    admit.circles = circles;
    admit.circle_count = 2;
    CHECK_OK(p2p_verb_admit(&verb, &admit));
    CHECK_OK(complete(0, 2));
    const struct p2p_member *member =
        p2p_charter_member_named(charter, p2p_slice_text("nlrtm"));
    CHECK(member && member->number == 5);
    CHECK(p2p_charter_feed(charter, member->feed)->witness_count == 4);
    const struct p2p_circle *police =
        p2p_charter_circle_named(charter, p2p_slice_text("police"));
    CHECK(p2p_circle_has(police, 5));
    CHECK(police->epoch_count == 1); /* whose key its members give */
    const struct p2p_circle *own = p2p_charter_circle_named(charter, p2p_slice_text("nlrtm"));
    CHECK(own && own->member_count == 1 && p2p_circle_has(own, 5));
    CHECK(drawn_at(node, &own->epochs[0].key_hash));
    CHECK_ERR(p2p_verb_admit(&verb, &admit), P2P_REFUSED);
}

/* A grant with a typing error would be a silent nothing. */
static void grants_are_read_word_by_word(void **state)
{
    (void)state;
    char key[P2P_PATH_BYTES_MAX];
    const char *const good[] = {"block", "custody:beanr-f3"}, *const bad[] = {"blocks"};
    struct p2p_verb_grant grant = {.issuer = "beanr-pso", .grants = bad, .grant_count = 1};
    CHECK_ERR(p2p_verb_grant(&verb, &grant), P2P_USAGE);
    grant.grants = good;
    grant.grant_count = 2;
    CHECK_OK(p2p_verb_grant(&verb, &grant));
    grant.issuer = "beanr-new";
    CHECK_ERR(p2p_verb_grant(&verb, &grant), P2P_USAGE);
    grant.member = "beanr";
    CHECK_ERR(p2p_verb_grant(&verb, &grant), P2P_USAGE);
    CHECK_OK(p2p_path_join(key, dir, "beanr/keys/feed.key"));
    grant.key = key;
    CHECK_ERR(p2p_verb_grant(&verb, &grant), P2P_BADKEY);
    grant.key = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    CHECK_OK(p2p_verb_grant(&verb, &grant));
    CHECK_OK(complete(0, 2));
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(charter, p2p_slice_text("beanr-new"));
    CHECK(issuer && issuer->grant_count == 2);
    CHECK(p2p_charter_granted(charter, issuer->number, "custody", p2p_slice_text("beanr-f3"), 1,
                              0, 2));
}

/* Broken: a ban's grant for a port that is none would allow nothing, and a misspelt facility
 * not what was meant, without a word. */
static void grants_are_for_what_there_is(void **state)
{
    static const char *const scopes[] = {"ban-local:NLRTM", "ban-local:beanr",
                                         "custody:beanr-f9", "terminal-light:beanr-f1",
                                         "ban-local:BEZEE"};
    static const enum p2p_err errs[] = {P2P_UNKNOWN, P2P_UNKNOWN, P2P_OK, P2P_OK, P2P_OK};
    char note[P2P_MESSAGE_BYTES_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        const struct p2p_verb_grant grant = {
            .issuer = "beanr-pso", .grants = &scopes[i], .grant_count = 1};
        note[0] = '\0';
        verb.note = note;
        verb.note_cap = sizeof(note);
        CHECK(p2p_verb_grant(&verb, &grant) == errs[i]);
        CHECK((strstr(note, "beanr-f9") != NULL) == (i == 2));
        CHECK(errs[i] == P2P_OK || strstr(message, strchr(scopes[i], ':') + 1) != NULL);
    }
}

/* What `key circle` prints at a member. */
static const char *draw(const char *member, char base64[P2P_BASE64_BYTES(P2P_HASH_BYTES)])
{
    char path[P2P_PATH_BYTES_MAX];
    uint8_t hash[P2P_PUBLIC_BYTES];
    struct p2p_keydir keydir;
    snprintf(path, sizeof(path), "%s/%s/keys", dir, member);
    CHECK_OK(p2p_keydir_init(&keydir, path, message, sizeof(message)));
    CHECK_OK(p2p_keydir_draw(&keydir, "harbour", hash, message, sizeof(message)));
    p2p_keydir_deinit(&keydir);
    p2p_base64_encode(base64, hash, sizeof(hash));
    return base64;
}

/* Who left a circle would read on, or a root would have to make up a key. */
static void circles_come_and_go(void **state)
{
    (void)state;
    char first[P2P_BASE64_BYTES(P2P_HASH_BYTES)], second[sizeof(first)], third[sizeof(first)];
    const char *const some[] = {"beanr", "bezee"}, *const begne[] = {"begne"};
    const char *const beanr[] = {"beanr"}, *const nobody[] = {"nosuch"};
    struct p2p_verb_circle make = {.circle = "harbour", .add = some, .add_count = 2};
    struct p2p_verb_circle swap = {
        .circle = "harbour", .add = begne, .add_count = 1, .remove = beanr, .remove_count = 1};
    struct p2p_verb_circle join = {.circle = "harbour", .add = beanr, .add_count = 1};
    struct p2p_verb_circle rekey = {.circle = "harbour"};
    CHECK_ERR(p2p_verb_circle(&verb, &rekey), P2P_USAGE);
    CHECK_ERR(p2p_verb_circle(&verb, &make), P2P_USAGE); /* a new circle without a key */
    make.key = "too-short";
    CHECK_ERR(p2p_verb_circle(&verb, &make), P2P_USAGE);
    make.key = draw("bezee", first);
    CHECK_OK(p2p_verb_circle(&verb, &make));
    CHECK_OK(complete(0, 2));
    CHECK_ERR(p2p_verb_circle(&verb, &swap), P2P_USAGE); /* a leave without a new key */
    swap.key = draw("begne", second);
    CHECK_OK(p2p_verb_circle(&verb, &swap));
    CHECK_OK(complete(0, 2));
    const struct p2p_circle *harbour =
        p2p_charter_circle_named(charter, p2p_slice_text("harbour"));
    CHECK(harbour->member_count == 2 && harbour->epoch_count == 2);
    CHECK(!p2p_circle_has(harbour, 1) && p2p_circle_has(harbour, 3));
    rekey.key = draw("begne", third);
    CHECK_OK(p2p_verb_circle(&verb, &rekey));
    CHECK_OK(complete(0, 2));
    CHECK_OK(p2p_verb_circle(&verb, &join));
    CHECK_OK(complete(0, 2));
    harbour = p2p_charter_circle_named(charter, p2p_slice_text("harbour"));
    CHECK(harbour->epoch_count == 3 && p2p_circle_has(harbour, 1));
    join.add = nobody;
    CHECK_ERR(p2p_verb_circle(&verb, &join), P2P_UNKNOWN);
    rekey.key = first; /* was the key of an epoch already */
    CHECK_OK(p2p_verb_circle(&verb, &rekey));
    CHECK_ERR(complete(0, 2), P2P_REFUSED);
}

static void witness_and_policy(void **state)
{
    (void)state;
    struct p2p_verb_witness change_one = {.feed = "beanr", .remove = "bezee"};
    struct p2p_policy lease = {.lease_s = 3600};
    CHECK_OK(p2p_verb_witness(&verb, &change_one));
    CHECK_OK(p2p_verb_policy(&verb, &lease));
    CHECK_OK(complete(0, 2));
    CHECK(p2p_charter_feed(charter, 1)->witness_count == 2);
    CHECK(p2p_charter_policy(charter)->lease_s == 3600);
    CHECK(p2p_charter_policy(charter)->heartbeat_s == 60);
    change_one.feed = "nosuch";
    CHECK_ERR(p2p_verb_witness(&verb, &change_one), P2P_UNKNOWN);
}

static size_t load(const char *file, enum p2p_key_purpose purpose, uint8_t seed[P2P_SEED_BYTES])
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_keydir keydir;
    struct p2p_keydir_key key;
    snprintf(path, sizeof(path), "%s/%s/keys", dir, file);
    CHECK_OK(p2p_keydir_init(&keydir, path, message, sizeof(message)));
    snprintf(path, sizeof(path), "%s.key", p2p_key_purpose_word(purpose));
    CHECK_OK(p2p_keydir_load(&keydir, path, purpose, NULL, &key, message, sizeof(message)));
    memcpy(seed, key.seed, P2P_SEED_BYTES);
    p2p_wipe(&key, sizeof(key));
    p2p_keydir_deinit(&keydir);
    return P2P_SEED_BYTES;
}

/* beanr's checkpoint of that size, cosigned by these members. */
static size_t feed_note(char *note, uint64_t size, const char *const *members, size_t count)
{
    uint8_t seed[P2P_SEED_BYTES];
    struct p2p_feed_secret feed;
    struct p2p_signature signature;
    struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text("sandbox.example/beanr/1"),
                                        .size = size,
                                        .root = p2p_sha256(p2p_slice_text("any"))};
    load("beanr", P2P_KEY_FEED, seed);
    p2p_feed_secret_init(&feed, seed);
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &feed, &signature);
    size_t len = p2p_checkpoint_note(&checkpoint, feed.public_key.bytes, &signature, note,
                                     P2P_NOTE_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
        struct p2p_witness_secret witness;
        struct p2p_cosignature cosignature;
        load(members[i], P2P_KEY_WITNESS, seed);
        p2p_witness_secret_init(&witness, seed);
        size_t name_len = p2p_witness_name(name, "sandbox.example", members[i], 1);
        p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &witness, NOW_MS / 1000,
                           &cosignature);
        len =
            p2p_checkpoint_note_add(note, P2P_NOTE_BYTES_MAX, len, p2p_slice_of(name, name_len),
                                    witness.public_key.bytes, &cosignature);
    }
    return len;
}

/* A cut at the wrong place, or one that no witness saw. */
static void revoke_at_a_cosigned_size(void **state)
{
    (void)state;
    static char note[P2P_NOTE_BYTES_MAX];
    const char *const witnesses[] = {"bezee", "begne"};
    const uint64_t at = 4, keep[] = {9, 5};
    size_t len = feed_note(note, 12, witnesses, 1);
    struct p2p_verb_revoke revoke = {.issuer = "beanr-pso", .note = p2p_slice_of(note, len)};
    CHECK_ERR(p2p_verb_revoke(&verb, &revoke), P2P_QUORUM);
    revoke.note = p2p_slice_of(note, feed_note(note, 12, witnesses, 2));
    revoke.issuer = "nobody";
    CHECK_ERR(p2p_verb_revoke(&verb, &revoke), P2P_UNKNOWN);
    revoke.issuer = "beanr-pso";
    CHECK_OK(p2p_verb_revoke(&verb, &revoke));
    CHECK_OK(complete(0, 2));
    uint32_t pso = p2p_charter_issuer_named(charter, p2p_slice_text("beanr-pso"))->number;
    CHECK(p2p_charter_cut(charter, pso, 1, 11, 2) == P2P_CUT_NONE);
    CHECK(p2p_charter_cut(charter, pso, 1, 12, 2) == P2P_CUT_PAST);
    revoke.issuer = "beanr-court";
    revoke.at = &at;
    revoke.keep = keep;
    revoke.keep_count = 2;
    CHECK_OK(p2p_verb_revoke(&verb, &revoke));
    CHECK_OK(complete(0, 2));
    uint32_t court = p2p_charter_issuer_named(charter, p2p_slice_text("beanr-court"))->number;
    CHECK(p2p_charter_cut(charter, court, 1, 4, 3) == P2P_CUT_PAST);
    CHECK(p2p_charter_cut(charter, court, 1, 5, 3) == P2P_CUT_NONE);
    CHECK(p2p_charter_cut(charter, court, 1, 6, 3) == P2P_CUT_PAST);
}

/* New roots without the old, or the old without the new. */
static void rotate_to_new_roots(void **state)
{
    (void)state;
    struct p2p_root_public made;
    char fourth[P2P_PATH_BYTES_MAX];
    CHECK_OK(p2p_ceremony_root_make(&ceremony, 4, &made, message, sizeof(message)));
    snprintf(fourth, sizeof(fourth), "%s/roots/root-4.key", dir);
    const char *const roots[] = {keys[1], keys[2], fourth};
    struct p2p_verb_rotate rotate = {.roots = roots, .root_count = 3, .threshold = 2};
    CHECK_OK(p2p_verb_rotate(&verb, &rotate));
    CHECK_OK(complete(0, 3)); /* 1 and 2 of the old, 2 and 3 of the new */
    CHECK_BYTES(p2p_charter_roots(charter)[2].bytes, made.bytes, P2P_PUBLIC_BYTES);
    struct p2p_policy lease = {.lease_s = 3600};
    CHECK_OK(p2p_verb_policy(&verb, &lease));
    CHECK_ERR(complete(0, 1), P2P_REFUSED); /* root 1 is a root no more */
}

/* Two heads would never end. */
static void settle_two_heads(void **state)
{
    (void)state;
    uint64_t term = 0;
    struct p2p_charter *other, *kept = charter;
    struct p2p_slice leaf, note;
    struct p2p_policy lease = {.lease_s = 3600};
    char path[4 * P2P_PATH_BYTES_MAX], reason[P2P_REASON_BYTES];
    CHECK_ERR(p2p_verb_settle(&verb, &term), P2P_NOTFOUND);
    CHECK_OK(p2p_charter_clone(&other, charter));
    CHECK_OK(p2p_verb_policy(&verb, &lease));
    CHECK_OK(complete(0, 2));
    for (int i = 0; i < 2; i++) { /* two roots lose their memory, or were forced */
        snprintf(path, sizeof(path), "%s.signed", keys[i]);
        CHECK(unlink(path) == 0);
    }
    charter = other;
    verb.charter = other;
    lease.lease_s = 7200;
    CHECK_OK(p2p_verb_policy(&verb, &lease));
    CHECK_OK(complete(0, 2));
    CHECK_OK(p2p_charter_entry(other, 1, &leaf, &note));
    CHECK_ERR(p2p_charter_apply(kept, p2p_sigs_ed25519(), 1, leaf, note, reason), P2P_FORKED);
    charter = kept;
    verb.charter = kept;
    p2p_charter_free(other);
    CHECK(p2p_charter_policy(charter)->lease_s == 259200);
    CHECK_OK(p2p_verb_settle(&verb, &term));
    CHECK(term == 1);
    CHECK_ERR(complete(term, 2), P2P_QUORUM);
    CHECK_OK(p2p_verb_settle(&verb, &term));
    CHECK_OK(complete(term, 3));
    CHECK(p2p_charter_good_size(charter) == 3 && p2p_charter_policy(charter)->lease_s == 3600);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(admit_from_a_join_file),    TEST(grants_are_read_word_by_word),
        TEST(admit_from_a_join_file),    TEST(grants_are_for_what_there_is),
        TEST(circles_come_and_go),       TEST(witness_and_policy),
        TEST(revoke_at_a_cosigned_size), TEST(rotate_to_new_roots),
        TEST(settle_two_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
