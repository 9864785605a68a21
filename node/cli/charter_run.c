/* charter: who is who and who may do what, read, changed and carried about.
 *
 * A change is one version: ops from the verb's words, made and signed with the root keys at
 * hand, verified as every node will, then given to the node (or written into --federation
 * FILE). When the roots sit in different cities it goes about as a draft:
 *
 *     charter draft VERB ... --out F     where the log key is
 *     charter sign F --root-key K        in each root's city
 *     charter append F                   anywhere, once enough have signed */
#include "charter_change.h"
#include "error.h"
#include "http.h"
#include "nouns.h"
#include "passphrase.h"
#include "request.h"

#include <p2p/bytes.h>
#include <p2p/draft.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a change needs while it is made. */
struct change {
    struct p2p_cli_call *call;
    struct p2p_cli_charter source;
    struct p2p_ceremony ceremony;
    struct p2p_change change;
    struct p2p_charter_draft draft;
    const char **root_keys;
    size_t root_key_count;
    char passphrase[P2P_PASSPHRASE_BYTES_MAX];
    size_t passphrase_len;
    char message[P2P_MESSAGE_BYTES_MAX];
};

static enum p2p_err open_ceremony(struct change *c)
{
    const char *dir = p2p_cli_value(c->call, "ceremony", NULL);
    struct p2p_slice passphrase = p2p_slice_of(c->passphrase, c->passphrase_len);
    if (dir != NULL) {
        return p2p_ceremony_open(&c->ceremony, dir, passphrase, c->message, sizeof c->message);
    }
    if (c->root_key_count > 0) {
        return p2p_ceremony_open_beside(&c->ceremony, c->root_keys[0], passphrase, c->message,
                                        sizeof c->message);
    }
    snprintf(c->message, sizeof c->message,
             "the charter's log key is needed: name its directory with --ceremony DIR");
    return P2P_USAGE;
}

static enum p2p_err make_ops(struct change *c, uint64_t *term)
{
    *term = p2p_charter_term(c->source.charter);
    char note[P2P_MESSAGE_BYTES_MAX] = "";
    struct p2p_verb verb = {
        .charter = c->source.charter,
        .change = &c->change,
        .message = c->message,
        .message_cap = sizeof c->message,
        .note = note,
        .note_cap = sizeof note,
    };
    enum p2p_err err = p2p_change_init(&c->change);
    if (err == P2P_OK) {
        err = p2p_cli_change_fill(c->call, &c->source, &verb, term);
    }
    if (err == P2P_OK && note[0] != '\0') {
        fputs("port2port: ", c->call->err);
        p2p_cli_put(c->call->err, note);
        fputc('\n', c->call->err);
    }
    return err;
}

/* Makes the version; with too few roots for it P2P_QUORUM, and the draft holds what there is.
 */
static enum p2p_err make_version(struct change *c, uint64_t term)
{
    struct p2p_slice passphrase = p2p_slice_of(c->passphrase, c->passphrase_len);
    if (c->root_key_count > 0) {
        struct p2p_signing signing = {
            .root_keys = c->root_keys,
            .root_key_count = c->root_key_count,
            .whole_only = c->call->prefix == NULL, /* a draft goes about with what it has */
            .passphrase = passphrase,
            .now_ms = p2p_cli_wall_ms(),
        };
        return p2p_draft_complete(&c->draft, c->source.charter, &c->change, term, &signing,
                                  c->message, sizeof c->message);
    }
    struct p2p_charter_secret log;
    enum p2p_err err = p2p_ceremony_log_key(&c->ceremony, &log, c->message, sizeof c->message);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_draft_make(&c->draft, c->source.charter, &c->change, term, p2p_cli_wall_ms(),
                         &log, c->message, sizeof c->message);
    p2p_charter_secret_deinit(&log);
    return err == P2P_OK ? P2P_QUORUM : err;
}

/* A draft is done when it is written; it may have all its signatures already. */
static int write_draft(struct change *c)
{
    const char *out = p2p_cli_value(c->call, "out", "");
    /* The charter that was read stands in the draft's file as what it builds on; one that was
     * completed has moved on and still names the same federation. */
    enum p2p_err err =
        p2p_draft_write(&c->draft, c->source.charter, out, c->message, sizeof c->message);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(c->call, err, c->message);
    }
    if (c->call->json) {
        json_t *json =
            json_pack("{s:s,s:I}", "draft", out, "version", (json_int_t)(c->draft.index + 1));
        p2p_cli_put_json(c->call->out, json);
        json_decref(json);
    } else {
        fprintf(c->call->out,
                "%s is a draft of version %" PRIu64
                "; each root signs it with port2port charter "
                "sign\n",
                out, c->draft.index + 1);
    }
    return P2P_CLI_YES;
}

int p2p_cli_charter_change_run(struct p2p_cli_call *call)
{
    struct change *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return p2p_cli_fail_err(call, P2P_NOMEM, NULL);
    }
    c->call = call;
    bool draft = call->prefix != NULL;
    uint64_t term = 0;
    c->root_keys = p2p_cli_values(call, "root-key", &c->root_key_count);
    enum p2p_err err = c->root_keys == NULL ? P2P_NOMEM : P2P_OK;
    int exit = p2p_cli_charter_init(&c->source, call);
    if (exit != P2P_CLI_YES) {
        goto out;
    }
    if (err == P2P_OK) {
        err = p2p_cli_passphrase(call, c->passphrase, &c->passphrase_len, c->message,
                                 sizeof c->message);
    }
    if (err == P2P_OK) {
        err = open_ceremony(c);
    }
    if (err == P2P_OK) {
        err = make_ops(c, &term);
    }
    if (err == P2P_OK) {
        err = make_version(c, term);
        if (draft && (err == P2P_OK || err == P2P_QUORUM)) {
            exit = write_draft(c);
            goto out;
        }
    }
    if (err != P2P_OK) {
        exit = p2p_cli_fail_err(call, err, c->message);
        goto out;
    }
    exit = p2p_cli_charter_give(&c->source, c->source.charter, c->source.known_size);
out:
    p2p_draft_deinit(&c->draft);
    p2p_change_deinit(&c->change);
    p2p_ceremony_close(&c->ceremony);
    p2p_cli_charter_deinit(&c->source);
    free(c->root_keys);
    p2p_wipe(c, sizeof *c);
    free(c);
    return exit;
}

int p2p_cli_charter_sign_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "", passphrase[P2P_PASSPHRASE_BYTES_MAX];
    size_t len = 0;
    const char *file = p2p_cli_argument(call, 0);
    struct p2p_charter_draft draft = {0};
    struct p2p_cli_charter source;
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        enum p2p_err err = p2p_cli_passphrase(call, passphrase, &len, message, sizeof message);
        if (err == P2P_OK) {
            err = p2p_draft_read(&draft, file, source.charter, message, sizeof message);
        }
        if (err == P2P_OK) {
            err = p2p_draft_sign(&draft, source.charter, p2p_cli_value(call, "root-key", ""),
                                 p2p_slice_of(passphrase, len), p2p_cli_wall_ms(), message,
                                 sizeof message);
        }
        if (err == P2P_OK) {
            err = p2p_draft_write(&draft, source.charter, file, message, sizeof message);
        }
        p2p_wipe(passphrase, sizeof passphrase);
        if (err != P2P_OK) {
            exit = p2p_cli_fail_err(call, err, message);
        } else if (call->json) {
            fprintf(call->out, "{\"version\":%" PRIu64 ",\"signed\":true}\n", draft.index + 1);
        } else {
            fprintf(call->out, "version %" PRIu64 " is signed with this root key\n",
                    draft.index + 1);
        }
    }
    p2p_draft_deinit(&draft);
    p2p_cli_charter_deinit(&source);
    return exit;
}

int p2p_cli_charter_append_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    struct p2p_charter_draft draft = {0};
    struct p2p_cli_charter source;
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        enum p2p_err err = p2p_draft_read(&draft, p2p_cli_argument(call, 0), source.charter,
                                          message, sizeof message);
        if (err == P2P_OK) {
            err = p2p_draft_finish(&draft, source.charter, message, sizeof message);
        }
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message)
                             : p2p_cli_charter_give(&source, source.charter, source.known_size);
    }
    p2p_draft_deinit(&draft);
    p2p_cli_charter_deinit(&source);
    return exit;
}

int p2p_cli_charter_fetch_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    const char *from = p2p_cli_argument(call, 0);
    struct p2p_charter *fetched = NULL;
    struct p2p_cli_charter source;
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        struct p2p_hash id = p2p_charter_federation_id(source.charter);
        enum p2p_err err = P2P_OK;
        if (strstr(from, "://") != NULL) {
            char *text = NULL;
            size_t len = 0;
            err = p2p_cli_http_fetch(from, P2P_BUNDLE_BYTES_MAX, &text, &len, message,
                                     sizeof message);
            if (err == P2P_OK) {
                err = p2p_bundle_parse(&fetched, from, p2p_slice_of(text, len), &id, message,
                                       sizeof message);
            }
            free(text);
        } else {
            err = p2p_bundle_read(&fetched, from, &id, message, sizeof message);
        }
        /* All of it, not only what is above our size: it may tell of another head. */
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message)
                             : p2p_cli_charter_give(&source, fetched, 0);
    }
    p2p_charter_free(fetched);
    p2p_cli_charter_deinit(&source);
    return exit;
}
