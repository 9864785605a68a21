/* Where an audit reads and writes, held against its archives: what judges an archive does not
 * come out of it, and nothing is written into one. */
#include "parts.h"

#include <p2p/file.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of what is not there yet: where its directory is. */
static bool resolve(const char *path, char out[PATH_MAX])
{
    char dir[P2P_PATH_BYTES_MAX];
    size_t len = strlen(path);
    if (realpath(path, out) != NULL) {
        return true;
    }
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    int n = snprintf(dir, sizeof dir, "%.*s", (int)len, path);
    return n >= 0 && (size_t)n < sizeof dir && realpath(len == 0 ? "." : dir, out) != NULL;
}

const char *p2p_audit_around(const char *path, const char *const *dirs, size_t count)
{
    char place[PATH_MAX];
    char dir[PATH_MAX];
    if (!resolve(path, place)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = realpath(dirs[i], dir) == NULL ? 0 : strlen(dir);
        if (len > 0 && strncmp(place, dir, len) == 0 &&
            (place[len] == '/' || place[len] == '\0' || len == 1)) {
            return dirs[i];
        }
    }
    return NULL;
}

static enum p2p_err check_trust(const struct p2p_audit *audit, char *message, size_t cap)
{
    char path[PATH_MAX];
    const struct p2p_audit_options *options = &audit->options;
    if (realpath(options->trust_path, path) == NULL) {
        snprintf(message, cap, "trust file %s: it is not there", options->trust_path);
        return P2P_NOTFOUND;
    }
    for (size_t i = 0; i < options->dir_count; i++) {
        if (realpath(options->dirs[i], path) == NULL) {
            snprintf(message, cap, "archive %s: it is not there", options->dirs[i]);
            return P2P_NOTFOUND;
        }
    }
    const char *around =
        p2p_audit_around(options->trust_path, options->dirs, options->dir_count);
    if (around == NULL) {
        return P2P_OK;
    }
    snprintf(message, cap, "trust file %s lies inside the archive %s: take one from elsewhere",
             options->trust_path, around);
    return P2P_USAGE;
}

static enum p2p_err check_written(const struct p2p_audit *audit, const char *path,
                                  const char *option, char *message, size_t cap)
{
    const struct p2p_audit_options *options = &audit->options;
    const char *around = p2p_audit_around(path, options->dirs, options->dir_count);
    if (around == NULL) {
        return P2P_OK;
    }
    snprintf(message, cap,
             "%s lies inside the archive %s, into which nothing is written: name another place "
             "with --%s DIR",
             path, around, option);
    return P2P_USAGE;
}

enum p2p_err audit_places(const struct p2p_audit *audit, char *message, size_t cap)
{
    char index[P2P_PATH_BYTES_MAX];
    enum p2p_err err = check_trust(audit, message, cap);
    if (err != P2P_OK) {
        return err;
    }
    if (audit_index_path(audit, "", index) != P2P_OK) {
        snprintf(message, cap, "the path of the archive %s is too long",
                 audit->options.dirs[0]);
        return P2P_USAGE;
    }
    err = check_written(audit, index, "index", message, cap);
    if (err == P2P_OK && audit->options.proofs_dir != NULL) {
        err = check_written(audit, audit->options.proofs_dir, "proofs", message, cap);
    }
    return err;
}
