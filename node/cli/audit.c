/* audit: proofs against others as files, and whether such a file proves what it says. Checking
 * needs a charter, of the node or of a federation.json, and nothing else. */
#include "charter_source.h"
#include "error.h"
#include "nouns.h"
#include "request.h"
#include "trusted.h"

#include <p2p/file.h>
#include <p2p/forked.h>
#include <p2p/reuse.h>

#include <stdlib.h>
#include <string.h>

#define CHECK_ARENA_BYTES ((size_t)1 << 20)

/* ---- writing ---- */

static int keep(const struct p2p_cli_call *call, const struct p2p_api_reply *reply)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    const char *file = p2p_cli_value(call, "out", NULL);
    const char *proof = json_string_value(json_object_get(reply->json, "proof"));
    if (p2p_cli_is_problem(reply) || proof == NULL) {
        return p2p_cli_fail_reply(call, reply);
    }
    enum p2p_err err = p2p_file_write(file, p2p_slice_text(proof), 0644, P2P_FILE_REPLACE,
                                      message, sizeof message);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, message);
    }
    if (call->json) {
        p2p_cli_put_json(call->out, reply->json);
    } else {
        fputs("the proof stands in ", call->out);
        p2p_cli_put(call->out, file);
        fputc('\n', call->out);
    }
    return P2P_CLI_YES;
}

static int write_proof(struct p2p_cli_call *call, const char *prefix)
{
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    char path[P2P_CLI_PATH_BYTES];
    if (!p2p_cli_path(path, prefix, p2p_cli_argument(call, 0))) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "the name is too long", NULL);
    }
    p2p_cli_session_of(&session, call);
    p2p_cli_session_get(&session, path, NULL, &reply);
    int exit = keep(call, &reply);
    p2p_api_reply_deinit(&reply);
    p2p_cli_session_deinit(&session);
    return exit;
}

static int fork_run(struct p2p_cli_call *call)
{
    return write_proof(call, "/v1/proofs/fork/");
}

static int reuse_run(struct p2p_cli_call *call)
{
    return write_proof(call, "/v1/proofs/reuse/");
}

/* ---- checking ---- */

/* What a file was found to be. */
struct finding {
    enum p2p_err err; /* P2P_OK: it proves it */
    const char *word; /* "forked", "reused" */
    char who[P2P_ORIGIN_BYTES_MAX + 1];
    char text[P2P_MESSAGE_BYTES_MAX];
};

static void check_fork(const struct p2p_charter *charter, struct p2p_slice text,
                       struct p2p_arena *arena, struct finding *finding)
{
    struct p2p_fork_told *told = p2p_arena_take(arena, sizeof(*told));
    finding->word = "forked";
    finding->err = told == NULL ? P2P_NOMEM : p2p_fork_text_read(&told->proof, text);
    if (finding->err == P2P_OK) {
        told->witnessed = (struct p2p_slice){0};
        finding->err = p2p_fork_told_verify(charter, p2p_sigs_ed25519(), told);
    }
    if (finding->err != P2P_OK) {
        snprintf(finding->text, sizeof finding->text, "it proves no fork: %s",
                 finding->err == P2P_UNKNOWN ? "the charter names no feed of that origin"
                                             : p2p_err_text(finding->err));
        return;
    }
    snprintf(finding->who, sizeof finding->who, "%s",
             p2p_fork_told_feed(charter, told)->origin);
    snprintf(finding->text, sizeof finding->text,
             "%s signed two histories: sizes %llu and %llu contradict each other", finding->who,
             (unsigned long long)told->proof.heads[0].size,
             (unsigned long long)told->proof.heads[1].size);
}

static void check_reuse(const struct p2p_charter *charter, struct p2p_slice text,
                        struct p2p_arena *arena, struct finding *finding)
{
    char reason[P2P_REUSE_REASON_BYTES] = "the file is not of that form";
    uint32_t issuer = 0;
    struct p2p_reuse *reuse = p2p_arena_take(arena, sizeof(*reuse));
    finding->word = "reused";
    finding->err = reuse == NULL ? P2P_NOMEM : p2p_reuse_decode(reuse, arena, text);
    if (finding->err == P2P_OK) {
        finding->err =
            p2p_reuse_verify(reuse, charter, p2p_sigs_ed25519(), arena, &issuer, reason);
    }
    if (finding->err != P2P_OK) {
        snprintf(finding->text, sizeof finding->text, "it proves nothing: %s", reason);
        return;
    }
    snprintf(finding->who, sizeof finding->who, "%s",
             p2p_charter_issuer(charter, issuer)->name);
    snprintf(finding->text, sizeof finding->text,
             "%s signed two different records under one number, at %llu and %llu of %.*s",
             finding->who, (unsigned long long)reuse->records[0].index,
             (unsigned long long)reuse->records[1].index, (int)reuse->origin.len,
             (const char *)reuse->origin.data);
}

/* 0 proven; 1 all of it is real and it proves nothing; 3 about nobody the charter names; 4 what
 * does not verify. */
static int tell(const struct p2p_cli_call *call, const struct finding *finding)
{
    if (finding->err == P2P_OK && call->json) {
        json_t *json = json_pack("{s:s, s:s, s:s}", "proven", finding->word, "who",
                                 finding->who, "text", finding->text);
        p2p_cli_put_json(call->out, json);
        json_decref(json);
        return P2P_CLI_YES;
    }
    if (finding->err == P2P_OK) {
        p2p_cli_put(call->out, finding->text);
        fputc('\n', call->out);
        return P2P_CLI_YES;
    }
    int exit = finding->err == P2P_REFUSED                                ? P2P_CLI_NO
               : finding->err == P2P_UNKNOWN || finding->err == P2P_NOMEM ? P2P_CLI_UNDECIDED
                                                                          : P2P_CLI_DAMAGED;
    return p2p_cli_fail(call, exit, p2p_err_name(finding->err), finding->text,
                        finding->err == P2P_UNKNOWN ? "is the charter that of its federation?"
                                                    : NULL);
}

/* Without --trust: a charter whose word is taken, of --federation or of the node. */
static int read_charter(const struct p2p_cli_call *call, struct p2p_cli_trusted *trusted,
                        struct p2p_cli_charter *source, const struct p2p_charter **charter)
{
    int exit;
    if (p2p_cli_value(call, "trust", NULL) == NULL) {
        exit = p2p_cli_charter_init(source, call);
        *charter = source->charter;
        return exit;
    }
    exit = p2p_cli_trusted_init(trusted, call);
    *charter = trusted->charter;
    return exit == P2P_CLI_YES ? p2p_cli_trusted_anchor(trusted, call) : exit;
}

static int check_file(struct p2p_cli_call *call,
                      void (*check)(const struct p2p_charter *charter, struct p2p_slice text,
                                    struct p2p_arena *arena, struct finding *finding))
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    char *bytes = NULL;
    size_t len = 0;
    struct p2p_cli_trusted trusted = {.text = NULL};
    struct p2p_cli_charter source = {.call = call};
    const struct p2p_charter *charter = NULL;
    struct p2p_arena arena;
    struct finding finding = {.err = P2P_OK};
    enum p2p_err err = p2p_file_read(p2p_cli_argument(call, 0), P2P_REUSE_BYTES_MAX, &bytes,
                                     &len, message, sizeof message);
    if (err != P2P_OK) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, p2p_err_name(err), message, NULL);
    }
    p2p_arena_init(&arena, p2p_alloc_default(), CHECK_ARENA_BYTES);
    int exit = read_charter(call, &trusted, &source, &charter);
    if (exit == P2P_CLI_YES) {
        check(charter, p2p_slice_of(bytes, len), &arena, &finding);
        exit = tell(call, &finding);
    }
    p2p_cli_charter_deinit(&source);
    p2p_cli_trusted_deinit(&trusted);
    p2p_arena_deinit(&arena);
    free(bytes);
    return exit;
}

static int check_fork_run(struct p2p_cli_call *call)
{
    return check_file(call, check_fork);
}

static int check_reuse_run(struct p2p_cli_call *call)
{
    return check_file(call, check_reuse);
}

#define OUT                                                                                    \
    {                                                                                          \
        .name = "out", .value = "F", .help = "the file to write", .type = P2P_CLI_FILE,        \
        .rules = P2P_CLI_REQUIRED                                                              \
    }
#define TRUST(text, more)                                                                      \
    {                                                                                          \
        .name = "trust", .value = "FILE", .help = text, .type = P2P_CLI_FILE, .rules = more    \
    }
#define INDEX                                                                                  \
    {                                                                                          \
        .name = "index", .value = "DIR",                                                       \
        .help = "where its index lies (default: DIR.index, beside the archive)",               \
        .type = P2P_CLI_FILE                                                                   \
    }
#define SOURCE                                                                                 \
    {                                                                                          \
        .name = "federation", .value = "FILE",                                                 \
        .help =                                                                                \
            "the charter: a federation.json, or with a trust file also an archive "            \
            "(default: the federation.json beside the trust file; without one the node's)",    \
        .type = P2P_CLI_FILE                                                                   \
    }
#define FILE_ARGUMENT                                                                          \
    {                                                                                          \
        .name = "FILE", .help = "the file with the proof", .rules = P2P_CLI_REQUIRED           \
    }

static const struct p2p_cli_command AUDIT_COMMANDS[] = {
    {
        .verb = "export",
        .summary = "write an archive of what this node holds",
        .details = "A second export into the same directory adds what is new; one that was "
                   "killed goes on. The archive is whole when there is no manifest.part in it.",
        .options = P2P_CLI_OPTIONS({.name = "feed",
                                    .value = "F",
                                    .help = "only this feed, as beanr/1, and the charter's",
                                    .rules = P2P_CLI_REPEATS}),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "OUTDIR",
                               .help = "an empty directory, or an archive of this node",
                               .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_export_run,
    },
    {
        .verb = "verify",
        .summary = "check archives against a trust file; needs no node",
        .details = "Exit 0 sound, 1 findings, 4 something does not verify. The index of the "
                   "replay lies beside the first archive, in DIR.index, or where --index says. "
                   "KEY is an issuer's key "
                   "file, as key new makes it; the note is signed under the name in it.",
        .options = P2P_CLI_OPTIONS(
            {.name = "trust",
             .value = "FILE",
             .help = "whom you trust: the charter's key and the roots; not out of the archive",
             .type = P2P_CLI_FILE,
             .rules = P2P_CLI_REQUIRED},
            {.name = "out",
             .value = "F",
             .help = "write the verdict, the same bytes for the same input",
             .type = P2P_CLI_FILE},
            {.name = "sign",
             .value = "KEY",
             .help = "sign the verdict as a note; without --out it is printed",
             .type = P2P_CLI_FILE},
            {.name = "proofs",
             .value = "DIR",
             .help = "write a proof of each fork that is found, for audit check-fork",
             .type = P2P_CLI_FILE},
            INDEX),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "DIR",
                               .help = "an archive; several are held against each other",
                               .rules = P2P_CLI_REQUIRED | P2P_CLI_REPEATS}),
        .run = p2p_cli_verify_run,
    },
    {
        .verb = "replay",
        .summary = "the state of an archive as of a record or a time; needs no node",
        .details =
            "Two questions. With --at: what was true then, as is known now; records that "
            "were written by then, under the charter of today. With --as-known-by: what "
            "was known then, as the author of that record had seen it, under the charter "
            "he knew. Without either: everything. One line for the state, then one for "
            "each ban. Exit 4 when the archive does not verify.",
        .options = P2P_CLI_OPTIONS(
            TRUST("whom you trust: the charter's key and the roots; not out of the archive",
                  P2P_CLI_REQUIRED),
            {.name = "at", .value = "ID|T", .help = "a record, or a time"},
            {.name = "as-known-by",
             .value = "ID",
             .help =
                 "a record or decision: what its author knew; --at then sets the time only"},
            {.name = "subject", .value = "S", .help = "only bans on this, in whatever state"},
            {.name = "all",
             .help = "also bans that were lifted, expired or without effect",
             .type = P2P_CLI_FLAG},
            INDEX),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "DIR", .help = "an archive", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_replay_run,
    },
    {
        .verb = "explain",
        .summary = "one decision step by step, from what its gate knew; needs no node",
        .details = "Exit 0 the answer follows, 1 it does not, 3 it cannot be told by this "
                   "archive, 4 the archive does not verify. Decisions are told to no other "
                   "member: use the archive of the gate's own.",
        .options = P2P_CLI_OPTIONS(
            TRUST("whom you trust: the charter's key and the roots; not out of the archive",
                  P2P_CLI_REQUIRED),
            {.name = "html",
             .value = "FILE",
             .help = "write a page for people instead, made for A4",
             .type = P2P_CLI_FILE},
            INDEX),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "DIR", .help = "an archive", .rules = P2P_CLI_REQUIRED},
                              {.name = "DECISION",
                               .help = "a decision, as begne/1:9#0 (default: those that are "
                                       "here are listed)"}),
        .run = p2p_cli_explain_run,
    },
    {
        .verb = "receipt",
        .summary = "write a file that proves one record to anybody",
        .details =
            "A tlog-proof that holds the record, the hashes that lead to a checkpoint of its "
            "feed, and a quorum of cosignatures. Exit 1 while no quorum has cosigned it.",
        .options = P2P_CLI_OPTIONS(
            OUT, {.name = "qr",
                  .help = "also print it as a QR code; with a file that ends in .svg: write "
                          "the code there instead",
                  .type = P2P_CLI_FLAG}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ID", .help = "a record, as beanr/1:17", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_receipt_run,
    },
    {
        .verb = "check-receipt",
        .summary = "whether a receipt proves its record; needs no node",
        .details =
            "The keys come from the charter, which has to be the one that the trust file "
            "means. A record of the charter itself needs the trust file alone. Exit 0 it "
            "does, 1 cosigned by fewer than a quorum, 3 about a feed that the charter does "
            "not name, 4 damaged or forged.",
        .options = P2P_CLI_OPTIONS(
            TRUST("the trust file: the charter's key and its roots", P2P_CLI_REQUIRED), SOURCE),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "FILE", .help = "the receipt", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_check_receipt_run,
    },
    {
        .verb = "fork",
        .summary = "write the proof that a feed has two histories",
        .options = P2P_CLI_OPTIONS(OUT),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "FEED", .help = "a feed, as beanr/1", .rules = P2P_CLI_REQUIRED}),
        .run = fork_run,
    },
    {
        .verb = "check-fork",
        .summary = "whether a file proves that a feed has two histories",
        .details = "Exit 0 it does, 3 about no feed of this charter, 4 it does not verify.",
        .options = P2P_CLI_OPTIONS(
            TRUST("check that the charter is the one this trust file means", 0), SOURCE),
        .arguments = P2P_CLI_ARGUMENTS(FILE_ARGUMENT),
        .run = check_fork_run,
    },
    {
        .verb = "reuse",
        .summary = "write the proof that an issuer signed two records under one number",
        .options = P2P_CLI_OPTIONS(OUT),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "ISSUER", .help = "whose", .rules = P2P_CLI_REQUIRED}),
        .run = reuse_run,
    },
    {
        .verb = "check-reuse",
        .summary = "whether a file proves that an issuer signed two records under one number",
        .details = "Exit 0 it does, 1 it is real and proves nothing, 3 about no issuer of this "
                   "charter, 4 it does not verify.",
        .options = P2P_CLI_OPTIONS(
            TRUST("check that the charter is the one this trust file means", 0), SOURCE),
        .arguments = P2P_CLI_ARGUMENTS(FILE_ARGUMENT),
        .run = check_reuse_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_audit = {
    .name = "audit",
    .summary = "archives, proofs and receipts, written and checked",
    .commands = AUDIT_COMMANDS,
};
