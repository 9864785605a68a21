#include <p2p/ceremony.h>

#include <p2p/bundle.h>
#include <p2p/draft.h>

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_FILE "charter.key"

static enum p2p_err unlock(struct p2p_ceremony *ceremony, struct p2p_slice passphrase,
                           char *message, size_t message_cap)
{
    /* The empty passphrase is derived when it is first tried. */
    return passphrase.len == 0
               ? P2P_OK
               : p2p_keydir_unlock(&ceremony->keydir, passphrase, message, message_cap);
}

enum p2p_err p2p_ceremony_create(struct p2p_ceremony *ceremony, const char *dir,
                                 enum p2p_kdf_cost cost, struct p2p_slice passphrase,
                                 char *message, size_t message_cap)
{
    struct p2p_ceremony fresh = {0};
    enum p2p_err err = p2p_keydir_create(&fresh.keydir, dir, cost, message, message_cap);
    if (err == P2P_OK) {
        err = unlock(&fresh, passphrase, message, message_cap);
    }
    if (err != P2P_OK) {
        p2p_ceremony_close(&fresh);
        return err;
    }
    *ceremony = fresh;
    p2p_wipe(&fresh, sizeof(fresh));
    return P2P_OK;
}

enum p2p_err p2p_ceremony_open(struct p2p_ceremony *ceremony, const char *dir,
                               struct p2p_slice passphrase, char *message, size_t message_cap)
{
    struct p2p_ceremony fresh = {0};
    enum p2p_err err = p2p_keydir_init(&fresh.keydir, dir, message, message_cap);
    if (err == P2P_OK) {
        err = unlock(&fresh, passphrase, message, message_cap);
    }
    if (err == P2P_OK) {
        *ceremony = fresh;
        p2p_wipe(&fresh, sizeof(fresh));
        return P2P_OK;
    }
    p2p_ceremony_close(&fresh);
    return err;
}

enum p2p_err p2p_ceremony_open_beside(struct p2p_ceremony *ceremony, const char *root_key,
                                      struct p2p_slice passphrase, char *message,
                                      size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    if (access(root_key, F_OK) != 0) {
        snprintf(message, message_cap, "there is no root key %s: %s", root_key,
                 strerror(errno));
        return P2P_NOTFOUND;
    }
    snprintf(path, sizeof(path), "%s", root_key);
    return p2p_ceremony_open(ceremony, dirname(path), passphrase, message, message_cap);
}

void p2p_ceremony_close(struct p2p_ceremony *ceremony)
{
    p2p_keydir_deinit(&ceremony->keydir);
}

enum p2p_err p2p_ceremony_log_make(struct p2p_ceremony *ceremony,
                                   struct p2p_charter_public *out, char *message,
                                   size_t message_cap)
{
    struct p2p_keydir_key key;
    enum p2p_err err = p2p_keydir_make(&ceremony->keydir, LOG_FILE, P2P_KEY_CHARTER, "charter",
                                       &key, message, message_cap);
    if (err == P2P_OK) {
        memcpy(out->bytes, key.public_key, P2P_PUBLIC_BYTES);
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

enum p2p_err p2p_ceremony_log_key(struct p2p_ceremony *ceremony, struct p2p_charter_secret *out,
                                  char *message, size_t message_cap)
{
    struct p2p_keydir_key key;
    enum p2p_err err = p2p_keydir_load(&ceremony->keydir, LOG_FILE, P2P_KEY_CHARTER, NULL, &key,
                                       message, message_cap);
    if (err == P2P_OK) {
        p2p_charter_secret_init(out, key.seed);
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

enum p2p_err p2p_ceremony_root_make(struct p2p_ceremony *ceremony, uint32_t number,
                                    struct p2p_root_public *out, char *message,
                                    size_t message_cap)
{
    char name[32], file[40];
    struct p2p_keydir_key key;
    snprintf(name, sizeof(name), "root-%u", number);
    snprintf(file, sizeof(file), "%s.key", name);
    enum p2p_err err = p2p_keydir_make(&ceremony->keydir, file, P2P_KEY_ROOT, name, &key,
                                       message, message_cap);
    if (err == P2P_OK) {
        memcpy(out->bytes, key.public_key, P2P_PUBLIC_BYTES);
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

/* --- founding ---------------------------------------------------------------------------- */

/* P2P_USAGE unless a federation can be founded so. */
static enum p2p_err check_founding(const char *name, uint32_t count, uint32_t threshold,
                                   char *message, size_t message_cap)
{
    if (!p2p_federation_valid(p2p_slice_text(name))) {
        snprintf(message, message_cap,
                 "a federation's name has 1 to %u of a-z, 0-9, '.' and '-', like port.example",
                 P2P_FEDERATION_BYTES_MAX);
        return P2P_USAGE;
    }
    if (count == 0 || count > P2P_ROOTS_MAX || threshold > count || threshold <= count / 2) {
        snprintf(message, message_cap,
                 "a federation has 1 to %u roots and a threshold above half of them",
                 P2P_ROOTS_MAX);
        return P2P_USAGE;
    }
    return P2P_OK;
}

enum p2p_err p2p_ceremony_found(struct p2p_ceremony *ceremony, const char *name, uint32_t count,
                                uint32_t threshold, struct p2p_change *change, char *message,
                                size_t message_cap)
{
    struct p2p_root_public roots[P2P_ROOTS_MAX];
    struct p2p_op_found op = {
        .federation = name, .roots = roots, .root_count = count, .threshold = threshold};
    enum p2p_err err = check_founding(name, count, threshold, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_ceremony_log_make(ceremony, &op.log_key, message, message_cap);
    }
    for (uint32_t i = 0; err == P2P_OK && i < count; i++) {
        err = p2p_ceremony_root_make(ceremony, i + 1, &roots[i], message, message_cap);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_op_found_pack(&change->ops, &op);
    return p2p_change_count(change);
}

enum p2p_err p2p_federation_dir(const char *dir, char *message, size_t message_cap)
{
    DIR *open_dir = opendir(dir);
    if (!open_dir && errno == ENOENT) {
        return p2p_dir_make(dir, 0755, message, message_cap);
    }
    bool empty = open_dir != NULL;
    for (struct dirent *entry; empty && (entry = readdir(open_dir)) != NULL;) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (open_dir) {
        closedir(open_dir);
    }
    if (!empty) {
        snprintf(message, message_cap, "%s is not an empty directory; name another one", dir);
        return P2P_USAGE;
    }
    return P2P_OK;
}

static enum p2p_err write_out(const struct p2p_charter *charter, const char *dir, char *message,
                              size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    enum p2p_err err = p2p_path_join(path, dir, "federation.json");
    if (err == P2P_OK) {
        err = p2p_bundle_write(charter, path, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_path_join(path, dir, "trust");
    }
    return err == P2P_OK ? p2p_trust_write(charter, path, message, message_cap) : err;
}

static enum p2p_err found(const struct p2p_federation_new *options, struct p2p_charter *charter,
                          struct p2p_change *change, char *message, size_t message_cap)
{
    char dir[P2P_PATH_BYTES_MAX], keys[P2P_ROOTS_MAX][P2P_PATH_BYTES_MAX + 32];
    const char *root_keys[P2P_ROOTS_MAX];
    struct p2p_ceremony ceremony = {0};
    struct p2p_charter_draft draft = {0};
    enum p2p_err err = p2p_path_join(dir, options->dir, "roots");
    if (err == P2P_OK) {
        err = p2p_ceremony_create(&ceremony, dir, options->cost, options->passphrase, message,
                                  message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_ceremony_found(&ceremony, options->name, options->roots, options->threshold,
                                 change, message, message_cap);
    }
    for (uint32_t i = 0; err == P2P_OK && i < options->roots; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%s/root-%u.key", dir, i + 1);
        root_keys[i] = keys[i];
    }
    if (err == P2P_OK) {
        struct p2p_signing signing = {.root_keys = root_keys,
                                      .root_key_count = options->roots,
                                      .passphrase = options->passphrase,
                                      .now_ms = options->now_ms};
        err = p2p_draft_complete(&draft, charter, change, 0, &signing, message, message_cap);
    }
    p2p_draft_deinit(&draft);
    p2p_ceremony_close(&ceremony);
    return err;
}

enum p2p_err p2p_federation_create(const struct p2p_federation_new *options,
                                   struct p2p_charter **out, char *message, size_t message_cap)
{
    struct p2p_charter *charter = NULL;
    struct p2p_change change = {0};
    /* What is refused leaves nothing behind that would refuse the next try. */
    enum p2p_err err =
        check_founding(options->name, options->roots, options->threshold, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_federation_dir(options->dir, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_change_init(&change);
    }
    if (err == P2P_OK) {
        err = p2p_charter_new(&charter, p2p_alloc_default(), NULL);
    }
    if (err == P2P_OK) {
        err = found(options, charter, &change, message, message_cap);
    }
    if (err == P2P_OK) {
        err = write_out(charter, options->dir, message, message_cap);
    }
    if (err == P2P_OK) {
        *out = charter;
        charter = NULL;
    }
    p2p_charter_free(charter);
    p2p_change_deinit(&change);
    return err;
}
