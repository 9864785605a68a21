#include <p2p/member_init.h>

#include "join.h"

#include <p2p/bundle.h>
#include <p2p/checkpoint.h>
#include <p2p/copy.h>
#include <p2p/tls.h>
#include <p2p/tree.h>

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PEOPLE_VALID_S (825 * 86400)

/* --- keys -------------------------------------------------------------------------------- */

static enum p2p_err key_make(struct p2p_keydir *keydir, enum p2p_key_purpose purpose,
                             const char *member, uint8_t public_key[P2P_PUBLIC_BYTES],
                             char *message, size_t message_cap)
{
    char file[P2P_PATH_BYTES_MAX];
    struct p2p_keydir_key key;
    enum p2p_err err = p2p_keydir_file(file, purpose, NULL);
    if (err == P2P_OK) {
        err = p2p_keydir_make(keydir, file, purpose, member, &key, message, message_cap);
    }
    if (err == P2P_OK) {
        memcpy(public_key, key.public_key, P2P_PUBLIC_BYTES);
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

static enum p2p_err keys_make(struct p2p_keydir *keydir, const char *member,
                              struct p2p_join *join, char *message, size_t message_cap)
{
    const struct {
        enum p2p_key_purpose purpose;
        uint8_t *out;
    } keys[] = {{P2P_KEY_FEED, join->feed_key.bytes},
                {P2P_KEY_WITNESS, join->witness_key.bytes},
                {P2P_KEY_TRANSPORT, join->transport_key.bytes},
                {P2P_KEY_SEALING, join->sealing_key.bytes}};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        enum p2p_err err =
            key_make(keydir, keys[i].purpose, member, keys[i].out, message, message_cap);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_member_keys_make(const char *dir, const char *member, enum p2p_kdf_cost cost,
                                  struct p2p_slice passphrase, struct p2p_keydir *keydir,
                                  struct p2p_join *join, char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_keydir made = {0};
    enum p2p_err err = p2p_path_join(path, dir, "keys");
    if (err == P2P_OK) {
        err = p2p_keydir_create(&made, path, cost, message, message_cap);
    }
    if (err == P2P_OK && passphrase.len > 0) {
        err = p2p_keydir_unlock(&made, passphrase, message, message_cap);
    }
    if (err == P2P_OK) {
        snprintf(join->member, sizeof(join->member), "%s", member);
        err = keys_make(&made, member, join, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_keydir_draw(&made, member, join->circle.bytes, message, message_cap);
    }
    if (err != P2P_OK) {
        p2p_keydir_deinit(&made);
        return err;
    }
    *keydir = made;
    p2p_wipe(&made, sizeof(made));
    return P2P_OK;
}

/* --- files ------------------------------------------------------------------------------- */

static enum p2p_err people_write(const struct p2p_member_files *files,
                                 const struct p2p_people_pem *pem, char *message,
                                 size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    enum p2p_err err = p2p_path_join(path, files->dir, "people.key");
    if (err == P2P_OK) {
        err = p2p_file_write(path, p2p_slice_text(pem->key), 0600, P2P_FILE_NEW, message,
                             message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_path_join(path, files->dir, "people.crt");
    }
    if (err == P2P_OK) {
        err = p2p_file_write(path, p2p_slice_text(pem->certificate), 0644, P2P_FILE_NEW,
                             message, message_cap);
    }
    return err;
}

static enum p2p_err people_make(const struct p2p_member_files *files, char *message,
                                size_t message_cap)
{
    char name[P2P_NAME_BYTES_MAX + 8], text[P2P_NET_MESSAGE_BYTES];
    struct p2p_people_pem pem;
    snprintf(name, sizeof(name), "%s node", files->config->member);
    struct p2p_people_request request = {.common_name = name,
                                         .hosts = files->hosts,
                                         .host_count = files->host_count,
                                         .not_before_unix_s = (int64_t)(files->now_ms / 1000),
                                         .valid_s = PEOPLE_VALID_S};
    enum p2p_err err = p2p_tls_make_people(&request, &pem, text);
    if (err != P2P_OK) {
        snprintf(message, message_cap, "%s", text);
        return err;
    }
    err = people_write(files, &pem, message, message_cap);
    p2p_wipe(&pem, sizeof(pem));
    return err;
}

static enum p2p_err empty_point(const struct p2p_config *config, struct p2p_keydir *keydir,
                                struct p2p_copy_point *point, char *message, size_t message_cap)
{
    char origin[P2P_ORIGIN_BYTES_MAX + 1];
    struct p2p_keydir_key key;
    struct p2p_feed_secret secret;
    struct p2p_edge edge;
    enum p2p_err err =
        p2p_keydir_load(keydir, "feed.key", P2P_KEY_FEED, NULL, &key, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    p2p_edge_init(&edge);
    snprintf(origin, sizeof(origin), "%s/%s/1", config->federation, config->member);
    *point = (struct p2p_copy_point){.generation = 1, .root = p2p_edge_root(&edge)};
    snprintf(point->feed, sizeof(point->feed), "%s/%s", config->federation, config->member);
    struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(origin), .root = point->root};
    p2p_feed_secret_init(&secret, key.seed);
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &secret, &point->signature);
    p2p_feed_secret_deinit(&secret);
    p2p_wipe(&key, sizeof(key));
    return P2P_OK;
}

/* The first copy says that nothing was written yet. One that is there already is of a node that
 * was: replacing it would let a restored node believe it only restarted. */
static enum p2p_err copy_make(const struct p2p_member_files *files, struct p2p_keydir *keydir,
                              char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX], parent[P2P_PATH_BYTES_MAX];
    struct p2p_copy_point point;
    enum p2p_err err = p2p_path_join(path, files->dir, files->config->copy);
    if (err == P2P_OK) {
        snprintf(parent, sizeof(parent), "%s", path);
        err = p2p_dir_make(dirname(parent), 0755, message, message_cap);
    }
    if (err == P2P_OK && access(path, F_OK) == 0) {
        snprintf(message, message_cap,
                 "%s is the copy of a node that ran before; move it away first", path);
        return P2P_USAGE;
    }
    if (err == P2P_OK) {
        err = empty_point(files->config, keydir, &point, message, message_cap);
    }
    return err == P2P_OK ? p2p_copy_create(path, &point, message, message_cap) : err;
}

enum p2p_err p2p_member_files_make(const struct p2p_member_files *files,
                                   struct p2p_keydir *keydir, char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    enum p2p_err err = people_make(files, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_path_join(path, files->dir, "store");
    }
    if (err == P2P_OK) {
        err = p2p_dir_make(path, 0700, message, message_cap);
    }
    if (err == P2P_OK) {
        err = copy_make(files, keydir, message, message_cap);
    }
    return err == P2P_OK ? p2p_config_write(files->config, files->dir, message, message_cap)
                         : err;
}

/* --- init -------------------------------------------------------------------------------- */

static enum p2p_err options_validate(const struct p2p_member_init *options, char *message,
                                     size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    if (!p2p_name_valid(p2p_slice_text(options->name))) {
        snprintf(message, message_cap, "a member's name has 1 to %u of a-z, 0-9 and '-'",
                 P2P_NAME_BYTES_MAX);
        return P2P_USAGE;
    }
    if (options->locode && !p2p_locode_valid(p2p_slice_text(options->locode))) {
        snprintf(message, message_cap, "%s is not a UN/LOCODE, as BEANR is one",
                 options->locode);
        return P2P_USAGE;
    }
    enum p2p_err err = p2p_path_join(path, options->dir, "config.yaml");
    if (err == P2P_OK && access(path, F_OK) == 0) {
        snprintf(message, message_cap, "there is a node in %s already; name another directory",
                 options->dir);
        return P2P_USAGE;
    }
    return err;
}

static enum p2p_err init_files(const struct p2p_member_init *options,
                               const struct p2p_charter *charter, struct p2p_keydir *keydir,
                               char *message, size_t message_cap)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    char copy[P2P_NAME_BYTES_MAX + 16], name[P2P_NAME_BYTES_MAX + 1], locode[6] = "";
    char federation[P2P_FEDERATION_BYTES_MAX + 1];
    snprintf(copy, sizeof(copy), "../copies/%s", options->name);
    snprintf(name, sizeof(name), "%s", options->name);
    snprintf(locode, sizeof(locode), "%s", options->locode ? options->locode : "");
    snprintf(federation, sizeof(federation), "%s", p2p_charter_federation(charter));
    struct p2p_config config = {.federation = federation,
                                .member = name,
                                .role = options->role,
                                .locode = locode[0] ? locode : NULL,
                                .copy = copy,
                                .level = P2P_LOG_INFO};
    struct p2p_member_files files = {.dir = options->dir,
                                     .config = &config,
                                     .hosts = hosts,
                                     .host_count = sizeof(hosts) / sizeof(hosts[0]),
                                     .now_ms = options->now_ms};
    return p2p_member_files_make(&files, keydir, message, message_cap);
}

static enum p2p_err join_make(const struct p2p_member_init *options,
                              const struct p2p_charter *charter, struct p2p_keydir *keydir,
                              struct p2p_join *join, char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    snprintf(join->federation, sizeof(join->federation), "%s", p2p_charter_federation(charter));
    snprintf(join->locode, sizeof(join->locode), "%s", options->locode ? options->locode : "");
    join->federation_id = p2p_charter_federation_id(charter);
    join->role = options->role;
    enum p2p_err err = p2p_join_prove(join, keydir, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_path_join(path, options->dir, "join.json");
    }
    if (err == P2P_OK) {
        err = p2p_join_write(join, path, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_path_join(path, options->dir, "federation.json");
    }
    return err == P2P_OK ? p2p_bundle_write(charter, path, message, message_cap) : err;
}

enum p2p_err p2p_member_init(const struct p2p_member_init *options, char *message,
                             size_t message_cap)
{
    struct p2p_charter *charter = NULL;
    struct p2p_keydir keydir = {0};
    struct p2p_join join = {0};
    enum p2p_err err = options_validate(options, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_bundle_read(&charter, options->federation, NULL, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_dir_make(options->dir, 0755, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_member_keys_make(options->dir, options->name, options->cost,
                                   options->passphrase, &keydir, &join, message, message_cap);
    }
    if (err == P2P_OK) {
        err = join_make(options, charter, &keydir, &join, message, message_cap);
    }
    if (err == P2P_OK) {
        err = init_files(options, charter, &keydir, message, message_cap);
    }
    if (err == P2P_OK && options->store.make) {
        err = options->store.make(options->store.context, options->dir, options->name, charter,
                                  message, message_cap);
    }
    p2p_keydir_deinit(&keydir);
    p2p_charter_free(charter);
    return err;
}
