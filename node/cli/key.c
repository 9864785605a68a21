#include "charter_source.h"
#include "error.h"
#include "nouns.h"
#include "passphrase.h"
#include "print.h"
#include "request.h"
#include "style.h"

#include <p2p/bytes.h>
#include <p2p/charter.h>
#include <p2p/config.h>
#include <p2p/key.h>
#include <p2p/keydir.h>
#include <p2p/renewal.h>
#include <p2p/text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define UNLOCK_SECONDS (8u * 3600u)

/* One line from the terminal, not shown. The caller wipes out. */
static enum p2p_err ask(const char *issuer, char out[P2P_PASSPHRASE_BYTES_MAX], size_t *len)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios shown, hidden;
    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return P2P_NOTFOUND;
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ECHONL;
    /* An interrupt here must not leave the terminal mute: the keys that raise signals end the
     * line instead. */
    hidden.c_lflag &= ~(tcflag_t)ISIG;
    tcsetattr(fd, TCSAFLUSH, &hidden);
    dprintf(fd, "Passphrase of %s: ", issuer);
    size_t used = 0;
    enum p2p_err err = P2P_OK;
    for (;;) {
        char c = 0;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0 || c == '\n' || c == '\r') {
            break;
        }
        if (c == 3) {
            err = P2P_REFUSED;
            break;
        }
        if (used == P2P_PASSPHRASE_BYTES_MAX - 1) {
            err = P2P_TOOLARGE;
            break;
        }
        out[used++] = c;
    }
    tcsetattr(fd, TCSAFLUSH, &shown);
    close(fd);
    out[used] = '\0';
    *len = used;
    return err;
}

/* The node's keys, under the passphrase given. The caller deinits keydir. */
static enum p2p_err open_keydir(struct p2p_cli_call *call, struct p2p_keydir *keydir,
                                size_t *passphrase_len, char *message, size_t message_cap)
{
    char dir[P2P_PATH_BYTES_MAX], passphrase[P2P_PASSPHRASE_BYTES_MAX];
    enum p2p_err err =
        p2p_cli_passphrase(call, passphrase, passphrase_len, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_path_join(dir, call->dir, "keys");
    }
    if (err == P2P_OK) {
        err = p2p_keydir_init(keydir, dir, message, message_cap);
    }
    if (err == P2P_OK && *passphrase_len > 0) {
        err = p2p_keydir_unlock(keydir, p2p_slice_of(passphrase, *passphrase_len), message,
                                message_cap);
    }
    p2p_wipe(passphrase, sizeof passphrase);
    return err;
}

static void say_empty(const struct p2p_cli_call *call, size_t passphrase_len)
{
    if (passphrase_len == 0) {
        fputs("The key has an empty passphrase; --passphrase-file gives it one.\n", call->err);
    }
}

/* How a key that was made is told: what is named, what the roots need of it, and the words. */
struct made {
    const char *named, *needed;
    const char *before, *between;
};

static int tell_made(const struct p2p_cli_call *call, const struct made *made, const char *name,
                     const uint8_t needed[P2P_PUBLIC_BYTES], size_t passphrase_len)
{
    char base64[P2P_BASE64_BYTES(P2P_PUBLIC_BYTES)];
    say_empty(call, passphrase_len);
    p2p_base64_encode(base64, needed, P2P_PUBLIC_BYTES);
    if (call->json) {
        json_t *json = json_pack("{s:s,s:s}", made->named, name, made->needed, base64);
        p2p_cli_put_json(call->out, json);
        json_decref(json);
    } else {
        fprintf(call->out, "%s%s%s%s\n", made->before, name, made->between, base64);
    }
    return P2P_CLI_YES;
}

/* The key of an officer to be, in keys/issuers. What the roots need of it is its public half.
 */
static enum p2p_err make_issuer_key(struct p2p_cli_call *call, const char *issuer,
                                    uint8_t public_key[P2P_PUBLIC_BYTES],
                                    size_t *passphrase_len, char *message, size_t message_cap)
{
    char file[P2P_PATH_BYTES_MAX];
    struct p2p_keydir keydir = {0};
    struct p2p_keydir_key key;
    if (!p2p_name_valid(p2p_slice_text(issuer))) {
        snprintf(message, message_cap,
                 "an issuer's name has 1 to %u of a-z, 0-9 and '-', as beanr-pso",
                 P2P_NAME_BYTES_MAX);
        return P2P_USAGE;
    }
    enum p2p_err err = open_keydir(call, &keydir, passphrase_len, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_keydir_file(file, P2P_KEY_ISSUER, issuer);
    }
    if (err == P2P_OK) {
        err =
            p2p_keydir_make(&keydir, file, P2P_KEY_ISSUER, issuer, &key, message, message_cap);
    }
    if (err == P2P_OK) {
        memcpy(public_key, key.public_key, P2P_PUBLIC_BYTES);
        p2p_wipe(&key, sizeof key);
    }
    p2p_keydir_deinit(&keydir);
    return err;
}

/* A circle's key, drawn here and known to nobody else until the charter names its hash. */
static int circle_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    uint8_t hash[P2P_PUBLIC_BYTES];
    size_t passphrase_len = 0;
    const char *circle = p2p_cli_argument(call, 0);
    struct p2p_keydir keydir = {0};
    if (!p2p_name_valid(p2p_slice_text(circle))) {
        snprintf(message, sizeof message,
                 "a circle's name has 1 to %u of a-z, 0-9 and '-', as national",
                 P2P_NAME_BYTES_MAX);
        return p2p_cli_fail_err(call, P2P_USAGE, message);
    }
    enum p2p_err err = open_keydir(call, &keydir, &passphrase_len, message, sizeof message);
    if (err == P2P_OK) {
        err = p2p_keydir_draw(&keydir, circle, hash, message, sizeof message);
    }
    p2p_keydir_deinit(&keydir);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, message);
    }
    static const struct made made = {"circle", "key", "a key for ",
                                     " lies here; its hash, for charter circle --key: "};
    return tell_made(call, &made, circle, hash, passphrase_len);
}

/* What this node's member asks for: the generation after its newest, by the charter. */
static enum p2p_err renewal_of(const struct p2p_cli_charter *source,
                               const struct p2p_config *config, struct p2p_renewal *renewal,
                               char *message, size_t message_cap)
{
    const struct p2p_charter *charter = source->charter;
    const struct p2p_member *member =
        p2p_charter_member_named(charter, p2p_slice_text(config->member));
    if (member == NULL) {
        snprintf(message, message_cap,
                 "the charter does not name %s yet: its first generation comes with charter "
                 "admit",
                 config->member);
        return P2P_UNKNOWN;
    }
    snprintf(renewal->federation, sizeof renewal->federation, "%s",
             p2p_charter_federation(charter));
    snprintf(renewal->member, sizeof renewal->member, "%s", member->name);
    renewal->federation_id = p2p_charter_federation_id(charter);
    renewal->generation = p2p_charter_feed(charter, member->feed)->generation + 1;
    return P2P_OK;
}

static enum p2p_err make_renewal(struct p2p_cli_call *call,
                                 const struct p2p_cli_charter *source,
                                 struct p2p_renewal *renewal, char *path, size_t *len,
                                 char *message, size_t message_cap)
{
    struct p2p_config config = {0};
    struct p2p_keydir keydir = {0};
    enum p2p_err err = p2p_config_read(&config, call->dir, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    err = renewal_of(source, &config, renewal, message, message_cap);
    if (err == P2P_OK) {
        err = open_keydir(call, &keydir, len, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_renewal_make(renewal, &keydir, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_path_join(path, call->dir, "generation.json");
    }
    if (err == P2P_OK) {
        err = p2p_renewal_write(renewal, path, message, message_cap);
    }
    p2p_keydir_deinit(&keydir);
    p2p_config_deinit(&config);
    return err;
}

/* The node takes them by itself once the charter grants the generation, also while it serves.
 */
static int generation_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "", path[P2P_PATH_BYTES_MAX];
    struct p2p_renewal renewal = {0};
    struct p2p_cli_charter source;
    size_t passphrase_len = 0;
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        enum p2p_err err = make_renewal(call, &source, &renewal, path, &passphrase_len, message,
                                        sizeof message);
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message) : P2P_CLI_YES;
    }
    p2p_cli_charter_deinit(&source);
    if (exit != P2P_CLI_YES) {
        return exit;
    }
    say_empty(call, passphrase_len);
    if (call->json) {
        json_t *json = json_pack("{s:s,s:I,s:s}", "member", renewal.member, "generation",
                                 (json_int_t)renewal.generation, "file", path);
        p2p_cli_put_json(call->out, json);
        json_decref(json);
    } else {
        fprintf(call->out,
                "%s has the keys of generation %u\nSend this file to the federation's roots, "
                "for charter generation: %s\n",
                renewal.member, (unsigned)renewal.generation, path);
    }
    return P2P_CLI_YES;
}

static int new_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    uint8_t public_key[P2P_PUBLIC_BYTES];
    size_t passphrase_len = 0;
    const char *issuer = p2p_cli_argument(call, 0);
    enum p2p_err err =
        make_issuer_key(call, issuer, public_key, &passphrase_len, message, sizeof message);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, message);
    }
    static const struct made made = {"issuer", "public_key", "",
                                     " has a key; its public half, for charter grant --key: "};
    return tell_made(call, &made, issuer, public_key, passphrase_len);
}

static int unlock_run(struct p2p_cli_call *call)
{
    char passphrase[P2P_PASSPHRASE_BYTES_MAX] = "";
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    size_t len = 0;
    const char *issuer = p2p_cli_argument(call, 0);
    enum p2p_err err = call->passphrase_file != NULL
                           ? p2p_passphrase_read(call->passphrase_file, passphrase, &len,
                                                 message, sizeof message)
                           : ask(issuer, passphrase, &len);
    if (err == P2P_REFUSED) {
        p2p_wipe(passphrase, sizeof passphrase);
        return P2P_CLI_UNDECIDED;
    }
    if (err != P2P_OK) {
        p2p_wipe(passphrase, sizeof passphrase);
        return message[0] != '\0'
                   ? p2p_cli_fail_err(call, err, message)
                   : p2p_cli_fail(call, P2P_CLI_USAGE, "usage",
                                  "there is no terminal to ask for the passphrase",
                                  "give it with --passphrase-file F");
    }
    json_t *body = json_pack("{s:s,s:s%,s:I}", "issuer", issuer, "passphrase", passphrase, len,
                             "for_s", (json_int_t)p2p_cli_seconds(call, "for", UNLOCK_SECONDS));
    p2p_wipe(passphrase, sizeof passphrase);
    if (body == NULL) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "the passphrase is not UTF-8", "");
    }
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    p2p_cli_session_of(&session, call);
    session.socket_only = true; /* a key is unlocked in the node that serves, or not at all */
    p2p_cli_session_call(
        &session,
        &(struct p2p_api_request){.method = "POST", .path = "/v1/keys/unlock", .body = body},
        &reply);
    int exit = p2p_cli_is_problem(&reply) ? p2p_cli_fail_reply(call, &reply) : P2P_CLI_YES;
    if (exit == P2P_CLI_YES && call->json) {
        p2p_cli_put_json(call->out, reply.json);
    } else if (exit == P2P_CLI_YES && strcmp(p2p_cli_text(reply.json, "state"), "open") == 0) {
        fprintf(call->out, "%s is open without that, for as long as the node serves\n", issuer);
    } else if (exit == P2P_CLI_YES) {
        char span[P2P_CLI_SPAN_BYTES];
        fprintf(call->out, "%s is unlocked for %s\n", issuer,
                p2p_cli_span(span, (double)p2p_cli_seconds(call, "for", UNLOCK_SECONDS)));
    }
    json_decref(body);
    p2p_api_reply_deinit(&reply);
    p2p_cli_session_deinit(&session);
    return exit;
}

static int lock_run(struct p2p_cli_call *call)
{
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    json_t *body = p2p_cli_body(call);
    p2p_cli_session_of(&session, call);
    session.socket_only = true;
    p2p_cli_session_call(
        &session,
        &(struct p2p_api_request){.method = "POST", .path = "/v1/keys/lock", .body = body},
        &reply);
    int exit = p2p_cli_is_problem(&reply) ? p2p_cli_fail_reply(call, &reply) : P2P_CLI_YES;
    if (exit == P2P_CLI_YES && call->json) {
        p2p_cli_put_json(call->out, reply.json);
    } else if (exit == P2P_CLI_YES) {
        fprintf(call->out, "%s is locked\n", p2p_cli_argument(call, 0));
    }
    json_decref(body);
    p2p_api_reply_deinit(&reply);
    p2p_cli_session_deinit(&session);
    return exit;
}

static const struct p2p_cli_command KEY_COMMANDS[] = {
    {
        .verb = "new",
        .summary = "make an officer's key, for the roots to grant it something",
        .details =
            "The key stays in keys/issuers; send its public half to the federation's roots, "
            "for "
            "charter grant. The passphrase comes from --passphrase-file; none means an empty "
            "one, which needs no key unlock.",
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ISSUER", .help = "as beanr-pso", .rules = P2P_CLI_REQUIRED}),
        .run = new_run,
    },
    {
        .verb = "circle",
        .summary = "draw a key for a circle, for the roots to enter its hash",
        .details =
            "The key stays in keys/circles and is never shown; send its hash to the "
            "federation's "
            "roots, for charter circle --key. Once the charter names it, this node gives the "
            "key, sealed, to the other members of the circle. No root ever has it.",
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "CIRCLE", .help = "as national", .rules = P2P_CLI_REQUIRED}),
        .run = circle_run,
    },
    {
        .verb = "generation",
        .summary = "make the keys of this member's next generation, for the roots to grant it",
        .details = "For a node that was restored or forked. The keys stay in keys; send "
                   "generation.json, which this writes, to the federation's roots, for charter "
                   "generation. Once the charter grants it, this node goes on by itself.",
        .options = P2P_CLI_OPTIONS({.name = "federation",
                                    .value = "FILE",
                                    .help = "by this federation.json instead of the node's "
                                            "charter",
                                    .type = P2P_CLI_FILE}),
        .run = generation_run,
    },
    {
        .verb = "certificate",
        .summary = "make the client certificate with which an issuer speaks to its node",
        .details =
            "Makes a new P-256 key and a certificate in which the issuer's key vouches for it, "
            "for any program that speaks to a node's listener for people (curl --cert FILE). "
            "The issuer's key file stays where it is, and its key signs records as before; "
            "FILE only proves who asks, until its time is over.",
        .options =
            P2P_CLI_OPTIONS({.name = "key",
                             .value = "F",
                             .help = "the issuer's key file, with kdf beside it",
                             .type = P2P_CLI_FILE,
                             .rules = P2P_CLI_REQUIRED},
                            {.name = "out",
                             .value = "FILE",
                             .help = "certificate and key in PEM; must not be there yet",
                             .type = P2P_CLI_FILE,
                             .rules = P2P_CLI_REQUIRED},
                            {.name = "for",
                             .value = "TIME",
                             .help = "how long it is valid, as 30d (default 365d)",
                             .type = P2P_CLI_DURATION},
                            {.name = "federation",
                             .value = "FILE",
                             .help = "by this federation.json instead of the node's charter",
                             .type = P2P_CLI_FILE}),
        .run = p2p_cli_key_certificate_run,
    },
    {
        .verb = "unlock",
        .summary = "let the serving node sign for an issuer for a while",
        .details =
            "Asks for the passphrase on the terminal, without showing it, or reads it from "
            "--passphrase-file.",
        .options = P2P_CLI_OPTIONS({.name = "for",
                                    .value = "TIME",
                                    .help = "how long, as 30m or 8h (default 8h)",
                                    .type = P2P_CLI_DURATION}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ISSUER", .help = "as beanr-pso", .rules = P2P_CLI_REQUIRED}),
        .run = unlock_run,
    },
    {
        .verb = "lock",
        .summary = "take an issuer's key away from the serving node again",
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ISSUER", .help = "as beanr-pso", .rules = P2P_CLI_REQUIRED}),
        .run = lock_run,
    },
    {
        .verb = "list",
        .summary = "the issuers whose keys lie here, locked or not",
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/keys",
                  .rows = "keys",
                  .print = p2p_cli_print_keys,
                  .none = "no issuer's key lies here"},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_key = {
    .name = "key",
    .summary = "the keys of this member's officers, circles and generations",
    .commands = KEY_COMMANDS,
};
