#include "key_file.h"

#include "passphrase.h"

#include <p2p/bytes.h>

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beside the key file lies the directory's kdf, or above it when it is an issuer's. */
static enum p2p_err open_keydir(struct p2p_keydir *keydir, const char *path,
                                char file[P2P_PATH_BYTES_MAX], char *message, size_t cap)
{
    char copy[P2P_PATH_BYTES_MAX];
    char other[P2P_PATH_BYTES_MAX];
    char kdf[P2P_PATH_BYTES_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(other, sizeof other, "%s", path);
    const char *dir = dirname(copy);
    const char *base = basename(other);
    enum p2p_err err = p2p_path_join(kdf, dir, "kdf");
    if (err == P2P_OK && access(kdf, F_OK) == 0) {
        snprintf(file, P2P_PATH_BYTES_MAX, "%s", base);
        return p2p_keydir_init(keydir, dir, message, cap);
    }
    char parent[P2P_PATH_BYTES_MAX];
    if (err == P2P_OK) {
        err = p2p_path_join(parent, dir, "..");
    }
    if (err == P2P_OK) {
        char resolved[P2P_PATH_BYTES_MAX];
        snprintf(resolved, sizeof resolved, "%s", dir);
        int len = snprintf(file, P2P_PATH_BYTES_MAX, "%s/%s", basename(resolved), base);
        err = len > 0 && (size_t)len < P2P_PATH_BYTES_MAX ? P2P_OK : P2P_TOOLARGE;
    }
    return err == P2P_OK ? p2p_keydir_init(keydir, parent, message, cap) : err;
}

enum p2p_err p2p_cli_key_file(const struct p2p_cli_call *call, const char *path,
                              struct p2p_keydir_key *key, char *message, size_t cap)
{
    char passphrase[P2P_PASSPHRASE_BYTES_MAX];
    char file[P2P_PATH_BYTES_MAX];
    struct p2p_keydir keydir = {0};
    size_t len = 0;
    enum p2p_err err = open_keydir(&keydir, path, file, message, cap);
    if (err == P2P_OK) {
        err = p2p_cli_passphrase(call, passphrase, &len, message, cap);
    }
    if (err == P2P_OK) {
        err = p2p_keydir_unlock(&keydir, p2p_slice_of(passphrase, len), message, cap);
        p2p_wipe(passphrase, sizeof passphrase);
    }
    if (err == P2P_OK) {
        err = p2p_keydir_load(&keydir, file, P2P_KEY_ISSUER, NULL, key, message, cap);
    }
    p2p_keydir_deinit(&keydir);
    return err;
}
