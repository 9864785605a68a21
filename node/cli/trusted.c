#include "trusted.h"

#include "error.h"

#include <p2p/bundle.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* False: none is named, and none lies beside the trust file. */
static bool charter_path(const struct p2p_cli_call *call, char path[P2P_PATH_BYTES_MAX])
{
    const char *given = p2p_cli_value(call, "federation", NULL);
    const char *trust = p2p_cli_value(call, "trust", "");
    const char *slash = strrchr(trust, '/');
    int dir = slash == NULL ? 0 : (int)(slash - trust + 1);
    int len = given != NULL
                  ? snprintf(path, P2P_PATH_BYTES_MAX, "%s", given)
                  : snprintf(path, P2P_PATH_BYTES_MAX, "%.*sfederation.json", dir, trust);
    return len < (int)P2P_PATH_BYTES_MAX && (given != NULL || access(path, F_OK) == 0);
}

static int read_trust(struct p2p_cli_trusted *trusted, const struct p2p_cli_call *call)
{
    const char *file = p2p_cli_value(call, "trust", NULL);
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    char place[32] = "";
    size_t len = 0;
    size_t line = 0;
    enum p2p_err err = p2p_file_read(file, P2P_TRUST_FILE_BYTES_MAX, &trusted->text, &len,
                                     message, sizeof message);
    if (err != P2P_OK) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, p2p_err_name(err), message, NULL);
    }
    err = p2p_trust_parse(&trusted->trust, p2p_slice_of(trusted->text, len), &line);
    if (err == P2P_OK) {
        return P2P_CLI_YES;
    }
    if (line > 0) {
        snprintf(place, sizeof place, ":%zu", line);
    }
    snprintf(message, sizeof message, "%.200s%s: %s", file, place,
             err == P2P_REFUSED ? "a quorum of nobody is no trust" : p2p_err_text(err));
    return p2p_cli_fail(call, P2P_CLI_DAMAGED, "bad-trust", message,
                        "a trust file comes from federation new, or from somebody you trust");
}

/* A charter that does not prove itself is damaged or forged, whatever rule it breaks. */
static int fail_charter(const struct p2p_cli_call *call, enum p2p_err err, const char *message)
{
    bool absent = err == P2P_NOTFOUND || err == P2P_IO || err == P2P_NOMEM || err == P2P_USAGE;
    return absent ? p2p_cli_fail_err(call, err, message)
                  : p2p_cli_fail(call, P2P_CLI_DAMAGED, p2p_err_name(err), message, NULL);
}

static bool is_directory(const char *path)
{
    struct stat stat_buffer;
    return stat(path, &stat_buffer) == 0 && S_ISDIR(stat_buffer.st_mode);
}

static int read_archive(struct p2p_cli_trusted *trusted, const struct p2p_cli_call *call,
                        const char *path)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    char reason[P2P_REASON_BYTES] = "";
    struct p2p_archive *archive = NULL;
    enum p2p_err err =
        p2p_archive_open(&archive, path, p2p_alloc_default(), message, sizeof message);
    if (err == P2P_OK) {
        err = p2p_archive_charter(&trusted->charter, archive, p2p_alloc_default(), reason);
        snprintf(message, sizeof message, "%.200s: its charter: %.200s", path, reason);
    }
    p2p_archive_close(archive);
    return err == P2P_OK ? P2P_CLI_YES : fail_charter(call, err, message);
}

int p2p_cli_trusted_init(struct p2p_cli_trusted *trusted, const struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    char path[P2P_PATH_BYTES_MAX];
    *trusted = (struct p2p_cli_trusted){.text = NULL};
    int exit = read_trust(trusted, call);
    if (exit != P2P_CLI_YES || !charter_path(call, path)) {
        return exit;
    }
    if (is_directory(path)) {
        return read_archive(trusted, call, path);
    }
    enum p2p_err err = p2p_bundle_read(&trusted->charter, path, NULL, message, sizeof message);
    return err == P2P_OK ? P2P_CLI_YES : fail_charter(call, err, message);
}

void p2p_cli_trusted_deinit(struct p2p_cli_trusted *trusted)
{
    p2p_charter_free(trusted->charter);
    free(trusted->text);
    *trusted = (struct p2p_cli_trusted){.text = NULL};
}

int p2p_cli_trusted_anchor(const struct p2p_cli_trusted *trusted,
                           const struct p2p_cli_call *call)
{
    uint64_t version;
    if (trusted->charter == NULL) {
        return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "no-charter",
                            "there is no federation.json beside the trust file",
                            "name one with --federation");
    }
    enum p2p_err err =
        p2p_charter_anchor(trusted->charter, &trusted->trust, p2p_sigs_ed25519(), &version);
    return err == P2P_OK
               ? P2P_CLI_YES
               : p2p_cli_fail(call, P2P_CLI_DAMAGED, "mismatch", p2p_anchor_text(err), NULL);
}
