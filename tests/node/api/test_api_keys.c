#include "api_world.h"

#include <stdio.h>
#include <string.h>

static struct api_world world;

/* The sandbox's keys have empty passphrases; these two have another. */
static int setup(void **state)
{
    char message[P2P_MESSAGE_BYTES] = "";
    struct p2p_keydir keydir;
    (void)state;
    api_world_make(&world, "beanr,bezee", "beanr");
    CHECK_OK(p2p_keydir_init(&keydir, world.node->keydir.dir, message, sizeof(message)));
    CHECK_OK(p2p_keydir_unlock(&keydir, p2p_slice_text("harbour"), message, sizeof(message)));
    CHECK_OK(p2p_keydir_make(&keydir, "issuers/beanr-night.key", P2P_KEY_ISSUER, "beanr-night",
                             NULL, message, sizeof(message)));
    CHECK_OK(p2p_keydir_make(&keydir, "issuers/beanr-day.key", P2P_KEY_ISSUER, "beanr-day",
                             NULL, message, sizeof(message)));
    p2p_keydir_deinit(&keydir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    api_world_free(&world);
    return 0;
}

static json_t *unlock(const char *issuer, const char *passphrase, int status)
{
    return api_post(
        &world, "/v1/keys/unlock",
        json_pack("{s:s, s:s, s:i}", "issuer", issuer, "passphrase", passphrase, "for_s", 60),
        status);
}

static void check_state(const char *issuer, const char *state, bool usable)
{
    const struct p2p_issuer_secret *key;
    json_t *reply = api_get(&world, "/v1/keys", 200);
    json_t *row = find_row(json_object_get(reply, "keys"), "issuer", issuer);
    CHECK(row != NULL);
    if (strcmp(text_of(row, "state"), state) != 0) {
        print_error("%s is %s, not %s\n", issuer, text_of(row, "state"), state);
    }
    CHECK(strcmp(text_of(row, "state"), state) == 0);
    CHECK(json_is_true(json_object_get(row, "unlocked")) == usable);
    json_decref(reply);
    CHECK((p2p_node_issuer_key(world.node, issuer, &key) == P2P_OK) == usable);
}

/* Broken: an officer could not see which keys lie here and which of them the charter knows. */
static void keys_are_listed_with_their_state(void **state)
{
    (void)state;
    json_t *reply = api_get(&world, "/v1/keys", 200);
    json_t *keys = json_object_get(reply, "keys");
    CHECK(json_array_size(keys) == 11);
    CHECK(json_is_true(json_object_get(find_row(keys, "issuer", "beanr-pso"), "known")));
    CHECK(json_is_false(json_object_get(find_row(keys, "issuer", "beanr-night"), "known")));
    json_decref(reply);
    check_state("beanr-pso", "open", true);
    check_state("beanr-night", "locked", false);
}

/* Broken: unlocking one issuer would unlock every issuer with the same passphrase. */
static void a_session_is_one_issuers(void **state)
{
    (void)state;
    json_decref(unlock("beanr-night", "wrong", 503));
    check_state("beanr-night", "locked", false);
    json_t *reply = unlock("beanr-night", "harbour", 200);
    CHECK(strcmp(text_of(reply, "state"), "unlocked") == 0);
    CHECK(number_of(reply, "for_s") == 60);
    json_decref(reply);
    check_state("beanr-night", "unlocked", true);
    check_state("beanr-day", "locked", false);
}

/* Broken: a locked key would go on signing. */
static void lock_takes_the_key_away(void **state)
{
    (void)state;
    json_decref(unlock("beanr-night", "harbour", 200));
    json_decref(
        api_post(&world, "/v1/keys/lock", json_pack("{s:s}", "issuer", "beanr-night"), 200));
    check_state("beanr-night", "locked", false);
    CHECK(world.node->unlocked_count <= 1);
    json_decref(
        api_post(&world, "/v1/keys/lock", json_pack("{s:s}", "issuer", "beanr-pso"), 403));
    json_decref(
        api_post(&world, "/v1/keys/lock", json_pack("{s:s}", "issuer", "beanr-none"), 404));
    json_decref(
        api_post(&world, "/v1/keys/lock", json_pack("{s:s}", "issuer", "../feed"), 400));
}

/* Broken: a session would outlive the time it was given. */
static void a_session_ends_by_itself(void **state)
{
    (void)state;
    json_decref(unlock("beanr-night", "harbour", 200));
    world.node->unlocked[world.node->unlocked_count - 1].until_mono_ms = 1;
    check_state("beanr-night", "locked", false);
}

/* Broken: the key that a record of this batch was to be signed with would be another's. */
static void a_borrowed_key_stays_until_the_batch_is_done(void **state)
{
    const struct p2p_issuer_secret *key;
    struct p2p_issuer_secret kept;
    (void)state;
    json_decref(unlock("beanr-night", "harbour", 200));
    json_decref(unlock("beanr-day", "harbour", 200));
    CHECK_OK(p2p_node_issuer_key(world.node, "beanr-night", &key));
    kept = *key;
    p2p_node_lock(world.node, "beanr-night");
    CHECK_BYTES(key->seed, kept.seed, sizeof(kept.seed));
    p2p_node_sweep_keys(world.node);
    CHECK_ERR(p2p_node_issuer_key(world.node, "beanr-night", &key), P2P_LOCKED);
    CHECK_OK(p2p_node_issuer_key(world.node, "beanr-day", &key));
}

/* Broken: nonsense would be taken for a request. */
static void bad_requests_are_refused(void **state)
{
    (void)state;
    json_decref(api_post(&world, "/v1/keys/unlock", json_object(), 400));
    json_decref(unlock("beanr-none", "harbour", 404));
    json_decref(api_post(&world, "/v1/keys/unlock",
                         json_pack("{s:s, s:s, s:i}", "issuer", "beanr-night", "passphrase",
                                   "harbour", "for_s", 0),
                         400));
    check_state("beanr-night", "locked", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_listed_with_their_state, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_is_one_issuers, setup, teardown),
        cmocka_unit_test_setup_teardown(lock_takes_the_key_away, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_ends_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_borrowed_key_stays_until_the_batch_is_done, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bad_requests_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
