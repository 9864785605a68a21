/* audit verify: archives and a trust file, every check; the report for people or as JSON, the
 * verdict as a note. No node is asked. */
#include "audited.h"
#include "error.h"
#include "key_file.h"
#include "nouns.h"
#include "progress.h"
#include "style.h"

#include <p2p/audit.h>
#include <p2p/file.h>
#include <p2p/keydir.h>
#include <p2p/note.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct verifying {
    const struct p2p_cli_call *call;
    struct p2p_findings *findings;
    struct p2p_audit *audit;
    struct p2p_cli_stages stages;
};

/* ---- the report ---- */

static json_t *hash_json(const struct p2p_hash *hash)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(hex, hash->bytes, P2P_HASH_BYTES);
    return json_string(hex);
}

static json_t *finding_json(const struct p2p_finding *finding)
{
    enum p2p_check check = p2p_finding_check(finding->code);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "check", p2p_check_word(check),
                             "severity", p2p_severity_word(p2p_finding_severity(finding->code)),
                             "code", p2p_finding_word(finding->code), "where", finding->feed,
                             "text", finding->text);
    if (json != NULL && finding->has_index) {
        json_object_set_new(json, "index", json_integer((json_int_t)finding->index));
    }
    return json;
}

static json_t *checks_json(const struct p2p_findings *findings)
{
    json_t *checks = json_object();
    for (int i = 0; i < P2P_CHECK_COUNT; i++) {
        enum p2p_check check = (enum p2p_check)i;
        json_object_set_new(
            checks, p2p_check_word(check),
            json_pack("{s:I, s:I, s:I, s:I}", "looked_at",
                      (json_int_t)p2p_findings_looked_at(findings, check), "broken",
                      (json_int_t)p2p_findings_tally(findings, check, P2P_SEVERITY_BROKEN),
                      "findings",
                      (json_int_t)p2p_findings_tally(findings, check, P2P_SEVERITY_FINDING),
                      "notices",
                      (json_int_t)p2p_findings_tally(findings, check, P2P_SEVERITY_NOTICE)));
    }
    return checks;
}

static void put_line(const struct p2p_cli_call *call, json_t *json)
{
    if (json != NULL) {
        p2p_cli_put_json(call->out, json);
        json_decref(json);
    }
}

static void report_json(const struct verifying *verifying, const char *note)
{
    const struct p2p_findings *findings = verifying->findings;
    struct p2p_audit_summary summary;
    p2p_audit_summary(verifying->audit, &summary);
    for (size_t i = 0; i < p2p_findings_size(findings); i++) {
        put_line(verifying->call, finding_json(p2p_findings_get(findings, i)));
    }
    json_t *archives = json_array();
    for (size_t i = 0; i < summary.archive_count; i++) {
        struct p2p_hash hash = p2p_audit_archive_hash(verifying->audit, i);
        json_array_append_new(archives, hash_json(&hash));
    }
    json_t *json = json_pack(
        "{s:s, s:s, s:o, s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:I}", "verdict",
        p2p_cli_verdict_word(findings), "federation", summary.federation, "federation_id",
        hash_json(&summary.federation_id), "charter", (json_int_t)summary.charter_size, "trust",
        hash_json(&summary.trust_hash), "archives", archives, "feeds",
        (json_int_t)summary.feed_count, "records", (json_int_t)summary.records, "frontier",
        hash_json(&summary.frontier), "leaves", hash_json(&summary.leaves), "checks",
        checks_json(findings), "unlisted", (json_int_t)p2p_findings_unlisted(findings));
    if (json != NULL && note != NULL) {
        json_object_set_new(json, "note", json_string(note));
    }
    put_line(verifying->call, json);
}

static void check_line(FILE *out, const struct p2p_findings *findings, enum p2p_check check)
{
    uint64_t broken = p2p_findings_tally(findings, check, P2P_SEVERITY_BROKEN);
    uint64_t found = p2p_findings_tally(findings, check, P2P_SEVERITY_FINDING);
    uint64_t notices = p2p_findings_tally(findings, check, P2P_SEVERITY_NOTICE);
    uint64_t looked_at = p2p_findings_looked_at(findings, check);
    fprintf(out, "%-13s %-8s %10" PRIu64 "  %s", p2p_check_word(check),
            broken > 0       ? "BROKEN"
            : found > 0      ? "FINDINGS"
            : looked_at == 0 ? "none" /* there was nothing that could be checked */
                             : "ok",
            looked_at, p2p_check_text(check));
    if (broken + found > 0) {
        fprintf(out, ": %" PRIu64, broken + found);
    }
    if (notices > 0) {
        fprintf(out, " (%" PRIu64 " to be told)", notices);
    }
    fputc('\n', out);
}

static void finding_line(FILE *out, const struct p2p_finding *finding)
{
    fprintf(out, "%-8s %s", p2p_severity_word(p2p_finding_severity(finding->code)),
            p2p_finding_word(finding->code));
    if (finding->feed[0] != '\0') {
        fputc(' ', out);
        p2p_cli_put(out, finding->feed);
    }
    if (finding->has_index) {
        fprintf(out, ":%" PRIu64, finding->index);
    }
    fputs("  ", out);
    p2p_cli_put(out, finding->text);
    fputc('\n', out);
}

static void report_text(const struct verifying *verifying)
{
    FILE *out = verifying->call->out;
    const struct p2p_findings *findings = verifying->findings;
    struct p2p_audit_summary summary;
    p2p_audit_summary(verifying->audit, &summary);
    fprintf(out, "%-13s %-8s %10s\n", "CHECK", "RESULT", "LOOKED AT");
    for (int i = 0; i < P2P_CHECK_COUNT; i++) {
        check_line(out, findings, (enum p2p_check)i);
    }
    fputc('\n', out);
    for (size_t i = 0; i < p2p_findings_size(findings); i++) {
        finding_line(out, p2p_findings_get(findings, i));
    }
    if (p2p_findings_unlisted(findings) > 0) {
        fprintf(out, "%" PRIu64 " more are not listed\n", p2p_findings_unlisted(findings));
    }
    fprintf(out, "%s: %s, charter %" PRIu64 ", %zu feeds, %" PRIu64 " records\n",
            p2p_cli_verdict_word(findings),
            summary.federation[0] == '\0' ? "no federation" : summary.federation,
            summary.charter_size, summary.feed_count, summary.records);
}

/* ---- the note ---- */

/* text, an empty line, and the auditor's line: as a log signs, under the name in the key file.
 */
static enum p2p_err sign(const struct p2p_keydir_key *key, const char *text, size_t len,
                         char **out, size_t *out_len)
{
    struct p2p_slice name = p2p_slice_text(key->name);
    struct p2p_signature signature;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    size_t cap = len + 1024;
    char *note = malloc(cap);
    if (note == NULL) {
        return P2P_NOMEM;
    }
    struct p2p_key_id id = p2p_key_id_of(name, P2P_NOTE_ED25519, key->public_key);
    sigs->sign(sigs->context, key->seed, key->public_key, p2p_slice_of(text, len), &signature);
    memcpy(note, text, len);
    note[len] = '\n';
    size_t total = p2p_note_append_line(note, cap - 1, len + 1, name, &id,
                                        p2p_slice_of(signature.bytes, P2P_SIGNATURE_BYTES));
    if (total == 0) {
        free(note);
        return P2P_TOOLARGE;
    }
    note[total] = '\0';
    *out = note;
    *out_len = total;
    return P2P_OK;
}

/* The verdict, signed when a key is given. */
static enum p2p_err make_note(const struct verifying *verifying, char **note, size_t *len,
                              char *message, size_t cap)
{
    struct p2p_keydir_key key;
    char *text = NULL;
    size_t text_len = 0;
    enum p2p_err err = p2p_audit_verdict(verifying->audit, verifying->findings,
                                         p2p_alloc_default(), &text, &text_len);
    if (err != P2P_OK || p2p_cli_value(verifying->call, "sign", NULL) == NULL) {
        *note = text;
        *len = text_len;
        return err;
    }
    err = p2p_cli_key_file(verifying->call, p2p_cli_value(verifying->call, "sign", NULL), &key,
                           message, cap);
    if (err == P2P_OK) {
        err = sign(&key, text, text_len, note, len);
        p2p_wipe(&key, sizeof key);
    }
    p2p_alloc_free(p2p_alloc_default(), text);
    return err;
}

/* ---- running ---- */

static int exit_of(const struct p2p_findings *findings)
{
    switch (p2p_findings_worst(findings)) {
    case P2P_SEVERITY_NOTICE:
        return P2P_CLI_YES;
    case P2P_SEVERITY_FINDING:
        return P2P_CLI_NO;
    case P2P_SEVERITY_BROKEN:
        break;
    }
    return P2P_CLI_DAMAGED;
}

static int report(const struct verifying *verifying)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    const struct p2p_cli_call *call = verifying->call;
    const char *out = p2p_cli_value(call, "out", NULL);
    bool is_signed = p2p_cli_value(call, "sign", NULL) != NULL;
    char *note = NULL;
    size_t len = 0;
    enum p2p_err err = make_note(verifying, &note, &len, message, sizeof message);
    if (err == P2P_OK && out != NULL) {
        err = p2p_file_write(out, p2p_slice_of(note, len), 0644, P2P_FILE_REPLACE, message,
                             sizeof message);
    }
    if (err != P2P_OK) {
        free(note);
        return p2p_cli_fail_err(call, err, message);
    }
    if (call->json) {
        report_json(verifying, is_signed && out == NULL ? note : NULL);
    } else if (is_signed && out == NULL) {
        fputs(note, call->out);
    } else {
        report_text(verifying);
    }
    free(note);
    return exit_of(verifying->findings);
}

static int fail(const struct p2p_cli_call *call, enum p2p_err err, const char *message)
{
    int exit = err == P2P_USAGE       ? P2P_CLI_USAGE
               : err == P2P_NOTFOUND  ? P2P_CLI_UNDECIDED
               : err == P2P_MALFORMED ? P2P_CLI_DAMAGED
                                      : P2P_CLI_UNDECIDED;
    return p2p_cli_fail(call, exit, p2p_err_name(err), message, NULL);
}

int p2p_cli_verify_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    struct verifying verifying = {.call = call, .stages = {.out = call->err}};
    bool terminal = isatty(fileno(call->err)) != 0;
    const struct p2p_audit_options options = {.alloc = p2p_alloc_default(),
                                              .dirs = (const char *const *)call->arguments,
                                              .dir_count = call->argument_count,
                                              .trust_path = p2p_cli_value(call, "trust", NULL),
                                              .depth = P2P_AUDIT_REPLAY,
                                              .proofs_dir = p2p_cli_value(call, "proofs", NULL),
                                              .index_dir = p2p_cli_value(call, "index", NULL),
                                              .progress = terminal ? p2p_cli_stages_show : NULL,
                                              .progress_context = &verifying.stages};
    if (call->argument_count > P2P_AUDIT_ARCHIVES_MAX) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "more than 16 archives at once",
                            "verify some of them at a time");
    }
    int outside = p2p_cli_outside(call, "out", call->argument_count);
    if (outside != P2P_CLI_YES) {
        return outside;
    }
    enum p2p_err err = p2p_findings_new(&verifying.findings, p2p_alloc_default());
    if (err == P2P_OK) {
        err = p2p_audit_run(&verifying.audit, &options, verifying.findings, message,
                            sizeof message);
    }
    p2p_cli_progress_clear(&verifying.stages.progress);
    int exit = err == P2P_OK ? report(&verifying) : fail(call, err, message);
    p2p_audit_close(verifying.audit);
    p2p_findings_free(verifying.findings);
    return exit;
}
