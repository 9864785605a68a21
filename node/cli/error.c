#include "error.h"

#include "style.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <stdarg.h>
#include <string.h>

/* A message may quote bytes of a file or a path that are no UTF-8, which JSON cannot hold. */
static json_t *json_text(const char *text)
{
    char plain[P2P_CLI_SENTENCE_BYTES];
    snprintf(plain, sizeof plain, "%s", text);
    bool valid = p2p_utf8_valid(p2p_slice_text(plain));
    for (size_t i = 0; plain[i] != '\0'; i++) {
        unsigned char c = (unsigned char)plain[i];
        if (c < 0x20 || (!valid && c >= 0x80)) {
            plain[i] = '?';
        }
    }
    return json_string(plain);
}

int p2p_cli_fail(const struct p2p_cli_call *call, int exit, const char *code, const char *text,
                 const char *hint)
{
    if (hint == NULL) {
        hint = "";
    }
    fflush(call->out);
    fputs("port2port: ", call->err);
    size_t len = strlen(text);
    p2p_cli_put_clean(call->err, text, len > 0 && text[len - 1] == '.' ? len - 1 : len);
    fputs(hint[0] != '\0' ? "; " : "", call->err);
    p2p_cli_put(call->err, hint);
    fputc('\n', call->err);
    if (call->json) {
        json_t *error = json_pack("{s:{s:s,s:o,s:o}}", "error", "code", code, "text",
                                  json_text(text), "hint", json_text(hint));
        p2p_cli_put_json(call->out, error);
        json_decref(error);
    }
    return exit;
}

int p2p_cli_status_of(enum p2p_err err)
{
    switch (err) {
    case P2P_OK:
        return 200;
    case P2P_USAGE:
    case P2P_TOOLARGE:
        return 400;
    case P2P_REFUSED:
    case P2P_QUORUM:
        return 403;
    case P2P_NOTFOUND:
    case P2P_UNKNOWN:
        return 404;
    case P2P_NOMEM:
    case P2P_IO:
    case P2P_FULL:
    case P2P_LOCKED:
    case P2P_PASSPHRASE:
    case P2P_RDONLY:
    case P2P_BUSY:
    case P2P_GAP:
        return 503;
    case P2P_BADSIG:
    case P2P_MALFORMED:
    case P2P_TRUNCATED:
    case P2P_BADKEY:
    case P2P_BADPROOF:
    case P2P_MISMATCH:
    case P2P_FORKED:
    case P2P_COMMITMENT:
    case P2P_CORRUPT:
        return 422;
    }
    return 503;
}

static int exit_of_status(int status)
{
    switch (status) {
    case 200:
        return P2P_CLI_YES;
    case 400:
        return P2P_CLI_USAGE;
    case 403:
        return P2P_CLI_NO;
    case 422:
        return P2P_CLI_DAMAGED;
    default:
        return P2P_CLI_UNDECIDED;
    }
}

int p2p_cli_fail_err(const struct p2p_cli_call *call, enum p2p_err err, const char *message)
{
    const char *text = message != NULL && message[0] != '\0' ? message : p2p_err_text(err);
    return p2p_cli_fail(call, exit_of_status(p2p_cli_status_of(err)), p2p_err_name(err), text,
                        NULL);
}

bool p2p_cli_is_problem(const struct p2p_api_reply *reply)
{
    return reply->status != 200;
}

static const char *member(const struct p2p_api_reply *reply, const char *name)
{
    const char *text = json_string_value(json_object_get(reply->json, name));
    return text != NULL ? text : "";
}

const char *p2p_cli_problem_code(const struct p2p_api_reply *reply)
{
    return p2p_cli_is_problem(reply) ? member(reply, "code") : "";
}

int p2p_cli_fail_reply(const struct p2p_cli_call *call, const struct p2p_api_reply *reply)
{
    char plain[P2P_CLI_SENTENCE_BYTES];
    const char *text = member(reply, "text");
    const char *code = member(reply, "code");
    if (text[0] == '\0') {
        snprintf(plain, sizeof plain, "the node answered with status %d and no explanation",
                 reply->status);
        text = plain;
    }
    return p2p_cli_fail(call, p2p_api_exit_code(reply), code[0] != '\0' ? code : "unexplained",
                        text, member(reply, "hint"));
}

void p2p_cli_problem_reply(struct p2p_api_reply *reply, int status, const char *code,
                           const char *hint, const char *format, ...)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *reply = (struct p2p_api_reply){
        .status = status,
        .json = json_pack("{s:s,s:o,s:o}", "code", code, "text", json_text(text), "hint",
                          json_text(hint)),
    };
}
