/* audit receipt and check-receipt: one record proven by one file. Making asks the node;
 * checking needs a trust file and the charter's federation.json, and no node. */
#include "error.h"
#include "nouns.h"
#include "qr.h"
#include "request.h"
#include "trusted.h"

#include <p2p/file.h>
#include <p2p/receipt.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- making ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int write_out(const struct p2p_cli_call *call, const char *file, const char *text)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    enum p2p_err err = p2p_file_write(file, p2p_slice_text(text), 0644, P2P_FILE_REPLACE,
                                      message, sizeof message);
    return err == P2P_OK ? P2P_CLI_YES : p2p_cli_fail_err(call, err, message);
}

static int fail_qr(const struct p2p_cli_call *call, enum p2p_err err, size_t bytes)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    if (err != P2P_TOOLARGE) {
        return p2p_cli_fail_err(call, err, NULL);
    }
    snprintf(text, sizeof text,
             "the receipt has %zu bytes, and a QR code holds at most %u: it does not fit",
             bytes, P2P_CLI_QR_BYTES_MAX);
    return p2p_cli_fail(call, P2P_CLI_NO, "too-large", text, "leave --qr out");
}

/* With --qr: blocks [out] for the terminal, or the image in their place as what the file gets.
 * Both NULL without. */
static int draw(const struct p2p_cli_call *call, const char *file, const char *receipt,
                char **blocks, char **image)
{
    struct p2p_cli_qr qr = {0};
    if (!p2p_cli_flag(call, "qr")) {
        return P2P_CLI_YES;
    }
    enum p2p_err err = p2p_cli_qr_init(&qr, p2p_slice_text(receipt));
    if (err != P2P_OK) {
        return fail_qr(call, err, strlen(receipt));
    }
    char **drawn = ends_with(file, ".svg") ? image : blocks;
    *drawn = drawn == image ? p2p_cli_qr_svg(&qr) : p2p_cli_qr_blocks(&qr);
    p2p_cli_qr_deinit(&qr);
    return *drawn != NULL ? P2P_CLI_YES : p2p_cli_fail_err(call, P2P_NOMEM, NULL);
}

static int keep_receipt(const struct p2p_cli_call *call, const struct p2p_api_reply *reply)
{
    const char *file = p2p_cli_value(call, "out", NULL);
    const char *receipt = json_string_value(json_object_get(reply->json, "receipt"));
    char *blocks = NULL;
    char *image = NULL;
    if (p2p_cli_is_problem(reply) || receipt == NULL) {
        return p2p_cli_fail_reply(call, reply);
    }
    int exit = draw(call, file, receipt, &blocks, &image);
    if (exit == P2P_CLI_YES) {
        exit = write_out(call, file, image != NULL ? image : receipt);
    }
    if (exit == P2P_CLI_YES && call->json) {
        p2p_cli_put_json(call->out, reply->json);
    } else if (exit == P2P_CLI_YES) {
        fputs(image != NULL ? "the receipt's QR code stands in " : "the receipt stands in ",
              call->out);
        p2p_cli_put(call->out, file);
        fprintf(call->out, " (%zu bytes)\n", strlen(receipt));
        fputs(blocks != NULL ? blocks : "", call->out);
    }
    free(blocks);
    free(image);
    return exit;
}

int p2p_cli_receipt_run(struct p2p_cli_call *call)
{
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    char path[P2P_CLI_PATH_BYTES];
    if (!p2p_cli_path(path, "/v1/receipts/", p2p_cli_argument(call, 0))) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "the id is too long", NULL);
    }
    p2p_cli_session_of(&session, call);
    p2p_cli_session_get(&session, path, NULL, &reply);
    int exit = keep_receipt(call, &reply);
    p2p_api_reply_deinit(&reply);
    p2p_cli_session_deinit(&session);
    return exit;
}

/* ---- checking ---- */

struct checking {
    const struct p2p_cli_call *call;
    struct p2p_arena arena;
    char *text; /* the receipt */
    size_t len;
    struct p2p_cli_trusted trusted;
    struct p2p_receipt *receipt;
};

static int read_receipt(struct checking *checking)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    enum p2p_err err =
        p2p_file_read(p2p_cli_argument(checking->call, 0), P2P_TLOG_PROOF_BYTES_MAX,
                      &checking->text, &checking->len, message, sizeof message);
    return err == P2P_OK ? P2P_CLI_YES
                         : p2p_cli_fail(checking->call,
                                        err == P2P_TOOLARGE   ? P2P_CLI_DAMAGED
                                        : err == P2P_NOTFOUND ? P2P_CLI_UNDECIDED
                                                              : P2P_CLI_USAGE,
                                        p2p_err_name(err), message, NULL);
}

static int tell_refusal(const struct p2p_cli_call *call, enum p2p_err err, const char *reason)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    snprintf(text, sizeof text, "%.200s proves nothing: %s", p2p_cli_argument(call, 0), reason);
    switch (err) {
    case P2P_QUORUM:
        return p2p_cli_fail(call, P2P_CLI_NO, "quorum", text,
                            "a newer federation.json may name other witnesses");
    case P2P_NOTFOUND:
        return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "no-charter", text,
                            "name its federation.json with --federation");
    case P2P_UNKNOWN:
        return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "unknown", text,
                            "is the charter that of its federation, and new enough?");
    case P2P_NOMEM:
        return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "nomem", text, NULL);
    default:
        return p2p_cli_fail(call, P2P_CLI_DAMAGED, p2p_err_name(err), text, NULL);
    }
}

static void time_text(char out[32], time_t time_s)
{
    struct tm tm;
    if (gmtime_r(&time_s, &tm) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        snprintf(out, 32, "?");
    }
}

static const char *signature_word(enum p2p_signature_verdict verdict)
{
    switch (verdict) {
    case P2P_SIGNATURE_NONE:
        return "none";
    case P2P_SIGNATURE_GOOD:
        return "good";
    case P2P_SIGNATURE_BAD:
        return "bad";
    case P2P_SIGNATURE_UNKNOWN_ISSUER:
        return "unknown-issuer";
    }
    return "none";
}

static json_t *cosigners_json(const struct checking *checking)
{
    json_t *list = json_array();
    for (size_t i = 0; i < checking->receipt->cosigner_count; i++) {
        const struct p2p_receipt_cosigner *cosigner = &checking->receipt->cosigners[i];
        char time[32];
        time_text(time, (time_t)cosigner->time_s);
        json_array_append_new(list, json_pack("{s:s%, s:s}", "witness", cosigner->name.data,
                                              cosigner->name.len, "time", time));
    }
    return list;
}

static json_t *receipt_json(const struct checking *checking)
{
    const struct p2p_receipt *receipt = checking->receipt;
    const struct p2p_record *record = &receipt->record;
    const struct p2p_charter *charter = checking->trusted.charter;
    const struct p2p_kind *kind = p2p_kind_find(record->kind);
    const struct p2p_issuer *issuer =
        charter == NULL ? NULL : p2p_charter_issuer(charter, record->issuer);
    const struct p2p_circle *circle =
        charter == NULL ? NULL : p2p_charter_circle(charter, record->circle);
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    char root[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
    char time[32];
    p2p_hex_encode(hex, receipt->leaf_hash.bytes, P2P_HASH_BYTES);
    p2p_base64_encode(root, receipt->root.bytes, P2P_HASH_BYTES);
    time_text(time, (time_t)(record->time_ms / 1000));
    return json_pack(
        "{s:b, s:o, s:s, s:I, s:o, s:s, s:o, s:o, s:s, s:s, s:I, s:s, s:o}", "proven", 1, "id",
        json_sprintf("%s:%" PRIu64, receipt->feed, receipt->index), "feed", receipt->feed,
        "index", (json_int_t)receipt->index, "kind",
        kind != NULL ? json_string(kind->word) : json_sprintf("unknown-%u", record->kind),
        "time", time, "issuer", issuer != NULL ? json_string(issuer->name) : json_null(),
        "circle", circle != NULL ? json_string(circle->name) : json_null(), "signature",
        signature_word(receipt->signature), "leaf_hash", hex, "size", (json_int_t)receipt->size,
        "root", root, "cosigned", cosigners_json(checking));
}

static void tell_proof(const struct checking *checking)
{
    const struct p2p_cli_call *call = checking->call;
    json_t *json = receipt_json(checking);
    if (call->json) {
        p2p_cli_put_json(call->out, json);
        json_decref(json);
        return;
    }
    fputs("proven: ", call->out);
    p2p_cli_put(call->out, p2p_cli_text(json, "id"));
    fprintf(call->out, ", %s", p2p_cli_text(json, "kind"));
    if (*p2p_cli_text(json, "issuer") != '\0') {
        fputs(" signed by ", call->out);
        p2p_cli_put(call->out, p2p_cli_text(json, "issuer"));
    }
    fprintf(call->out, ", stands in the feed of size %" PRIu64 "\n", checking->receipt->size);
    if (checking->receipt->signature == P2P_SIGNATURE_BAD) {
        fputs("its issuer's own signature is bad: it never had effect\n", call->out);
    }
    fprintf(call->out, "cosigned by %zu:", checking->receipt->cosigner_count);
    for (size_t i = 0; i < checking->receipt->cosigner_count; i++) {
        const struct p2p_receipt_cosigner *cosigner = &checking->receipt->cosigners[i];
        char time[32];
        time_text(time, (time_t)cosigner->time_s);
        fputs(i > 0 ? ", " : " ", call->out);
        p2p_cli_put_clean(call->out, (const char *)cosigner->name.data, cosigner->name.len);
        fprintf(call->out, " at %s", time);
    }
    fputs("\nit says nothing of what came after it, nor whether it has effect\n", call->out);
    json_decref(json);
}

static int check(struct checking *checking)
{
    char reason[P2P_REASON_BYTES] = "";
    checking->receipt = p2p_arena_take(&checking->arena, sizeof(*checking->receipt));
    if (checking->receipt == NULL) {
        return p2p_cli_fail_err(checking->call, P2P_NOMEM, NULL);
    }
    int exit = read_receipt(checking);
    if (exit == P2P_CLI_YES) {
        exit = p2p_cli_trusted_init(&checking->trusted, checking->call);
    }
    if (exit != P2P_CLI_YES) {
        return exit;
    }
    const struct p2p_receipt_keys keys = {.trust = &checking->trusted.trust,
                                          .charter = checking->trusted.charter,
                                          .sigs = p2p_sigs_ed25519()};
    enum p2p_err err = p2p_receipt_verify(checking->receipt, &keys,
                                          p2p_slice_of(checking->text, checking->len),
                                          &checking->arena, reason);
    if (err != P2P_OK) {
        return tell_refusal(checking->call, err, reason);
    }
    tell_proof(checking);
    return P2P_CLI_YES;
}

int p2p_cli_check_receipt_run(struct p2p_cli_call *call)
{
    struct checking checking = {.call = call};
    p2p_arena_init(&checking.arena, p2p_alloc_default(), P2P_RECEIPT_ARENA_BYTES);
    int exit = check(&checking);
    p2p_cli_trusted_deinit(&checking.trusted);
    free(checking.text);
    p2p_arena_deinit(&checking.arena);
    return exit;
}
