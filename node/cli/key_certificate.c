/* key certificate: a client certificate for any program that speaks HTTP, made from the
 * issuer's key file, which it does not leave. */
#include "charter_source.h"
#include "error.h"
#include "key_file.h"
#include "nouns.h"
#include "party.h"
#include "passphrase.h"
#include "print.h"

#include <p2p/bytes.h>
#include <p2p/charter.h>
#include <p2p/file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALID_S     (UINT64_C(365) * 86400)
#define VALID_S_MAX (UINT64_C(825) * 86400) /* as long as browsers take one */

/* Whether the charter has this key for that issuer: else no node would take what it signs. */
static enum p2p_err compare(const struct p2p_charter *charter, const struct p2p_keydir_key *key,
                            char *message, size_t cap)
{
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(charter, p2p_slice_text(key->name));
    if (issuer == NULL) {
        snprintf(message, cap, "the charter names no issuer %.64s yet", key->name);
        return P2P_NOTFOUND;
    }
    if (memcmp(issuer->key.bytes, key->public_key, P2P_PUBLIC_BYTES) != 0) {
        snprintf(message, cap, "the charter names another key for %.64s than this one",
                 key->name);
        return P2P_BADKEY;
    }
    return P2P_OK;
}

/* The certificate and its key in one file, as curl and most clients take them. */
static enum p2p_err write_pem(const char *path, struct p2p_people_pem *pem, char *message,
                              size_t cap)
{
    char text[2 * P2P_TLS_PEM_BYTES];
    snprintf(text, sizeof text, "%s%s", pem->certificate, pem->key);
    enum p2p_err err =
        p2p_file_write(path, p2p_slice_text(text), 0600, P2P_FILE_NEW, message, cap);
    p2p_wipe(text, sizeof text);
    return err;
}

static enum p2p_err make(const struct p2p_cli_call *call, const struct p2p_charter *charter,
                         struct p2p_keydir_key *key, uint64_t valid_s, char *message,
                         size_t cap)
{
    struct p2p_people_pem pem;
    enum p2p_err err =
        p2p_cli_key_file(call, p2p_cli_value(call, "key", NULL), key, message, cap);
    if (err == P2P_OK) {
        err = compare(charter, key, message, cap);
    }
    if (err == P2P_OK) {
        err = p2p_cli_party_pem(key, p2p_charter_federation(charter), p2p_cli_wall_ms(),
                                valid_s, &pem, message, cap);
    }
    if (err == P2P_OK) {
        err = write_pem(p2p_cli_value(call, "out", NULL), &pem, message, cap);
        p2p_wipe(&pem, sizeof pem);
    }
    return err;
}

int p2p_cli_key_certificate_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    struct p2p_cli_charter source;
    struct p2p_keydir_key key = {.name = ""};
    uint64_t valid_s = p2p_cli_seconds(call, "for", VALID_S);
    if (valid_s == 0 || valid_s > VALID_S_MAX) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "--for is at most 825d", NULL);
    }
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        enum p2p_err err = make(call, source.charter, &key, valid_s, message, sizeof message);
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message) : P2P_CLI_YES;
    }
    if (exit == P2P_CLI_YES && call->json) {
        json_t *json =
            json_pack("{s:s,s:s,s:I}", "issuer", key.name, "file",
                      p2p_cli_value(call, "out", NULL), "for_s", (json_int_t)valid_s);
        p2p_cli_put_json(call->out, json);
        json_decref(json);
    } else if (exit == P2P_CLI_YES) {
        fprintf(call->out, "%s: a client certificate and its key, vouched for by %s\n",
                p2p_cli_value(call, "out", NULL), key.name);
    }
    p2p_wipe(&key, sizeof key);
    p2p_cli_charter_deinit(&source);
    return exit;
}
