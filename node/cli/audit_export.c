/* audit export: an archive of what the node in -C DIR holds, of its store or, while it serves,
 * of a copy that it makes. */
#include "error.h"
#include "nouns.h"
#include "progress.h"
#include "request.h"

#include <p2p/node_export.h>
#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

#define LOCK_TRY_MS 200u
#define FEEDS_MAX   1024u

static void show(void *context, uint64_t done_records, uint64_t of_records)
{
    struct p2p_cli_progress *progress = context;
    progress->total = of_records;
    p2p_cli_progress_show(progress, done_records, done_records);
}

/* ---- the store, or a copy ---- */

/* Asks a serving node for a copy. P2P_NOTFOUND: none serves. */
static enum p2p_err ask_copy(const struct p2p_cli_call *call, struct p2p_api_reply *reply)
{
    struct p2p_cli_session session;
    p2p_cli_session_of(&session, call);
    session.socket_only = true;
    p2p_cli_session_call(
        &session, &(struct p2p_api_request){.method = "POST", .path = "/v1/store/copy"}, reply);
    p2p_cli_session_deinit(&session);
    if (!p2p_cli_is_problem(reply)) {
        return P2P_OK;
    }
    return strcmp(p2p_cli_problem_code(reply), "not-serving") == 0 ? P2P_NOTFOUND : P2P_IO;
}

/* While another command or a starting node has the store's lock, goes on trying both. problem
 * [out]: the reply of a node that could make no copy. */
static enum p2p_err write_archive(const struct p2p_cli_call *call, struct p2p_node_export *what,
                                  struct p2p_export_result *result,
                                  struct p2p_api_reply *problem,
                                  char message[P2P_MESSAGE_BYTES])
{
    uint64_t until = p2p_cli_now_ms() + P2P_CLI_LOCK_MS;
    for (;;) {
        struct p2p_api_reply reply = {0};
        enum p2p_err err = ask_copy(call, &reply);
        if (err == P2P_IO) {
            *problem = reply;
            return err;
        }
        p2p_api_reply_deinit(&reply);
        what->copied = err == P2P_OK;
        err = p2p_node_export(what, result, message);
        if (what->copied || err != P2P_LOCKED || p2p_cli_now_ms() >= until) {
            return err;
        }
    }
}

/* ---- what came of it ---- */

static void tell_json(const struct p2p_cli_call *call, const char *dir,
                      const struct p2p_export_result *result)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(hex, result->manifest.bytes, P2P_HASH_BYTES);
    json_t *json = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I}, s:I}", "archive", dir, "manifest",
        hex, "feeds", (json_int_t)result->feeds, "records", (json_int_t)result->records,
        "added", (json_int_t)result->added, "payloads", (json_int_t)result->payloads, "files",
        (json_int_t)result->files, "written", "files", (json_int_t)result->written_files,
        "bytes", (json_int_t)result->written_bytes, "removed",
        (json_int_t)result->removed_files);
    p2p_cli_put_json(call->out, json);
    json_decref(json);
}

static void tell(const struct p2p_cli_call *call, const char *dir,
                 const struct p2p_export_result *result)
{
    char number[P2P_CLI_SPAN_BYTES];
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(hex, result->manifest.bytes, P2P_HASH_BYTES);
    p2p_cli_put(call->out, dir);
    fprintf(call->out, " holds %s records", p2p_cli_count(number, result->records));
    fprintf(call->out, " of %s feeds", p2p_cli_count(number, result->feeds));
    fprintf(call->out, ", %s of them new", p2p_cli_count(number, result->added));
    fprintf(call->out, ", and %s payloads\n", p2p_cli_count(number, result->payloads));
    fprintf(call->out, "its manifest, which names all of it: %s\n", hex);
}

int p2p_cli_export_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES] = "";
    const char *feeds[FEEDS_MAX];
    struct p2p_cli_progress progress;
    struct p2p_api_reply problem = {0};
    struct p2p_export_result result = {0};
    struct p2p_node_export what = {.dir = call->dir,
                                   .out_dir = p2p_cli_argument(call, 0),
                                   .feeds = feeds,
                                   .lock_wait_ms = LOCK_TRY_MS,
                                   .progress = show,
                                   .context = &progress};
    const char *feed;
    while ((feed = p2p_cli_value_at(call, "feed", what.feed_count)) != NULL) {
        if (what.feed_count == FEEDS_MAX) {
            return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "too many feeds are named",
                                "leave --feed out for all of them");
        }
        feeds[what.feed_count++] = feed;
    }
    p2p_cli_progress_init(&progress, call->err, "exporting", 0);
    progress.unit = "records";
    enum p2p_err err = write_archive(call, &what, &result, &problem, message);
    p2p_cli_progress_clear(&progress);
    int exit = P2P_CLI_YES;
    if (problem.json != NULL) {
        exit = p2p_cli_fail_reply(call, &problem);
    } else if (err == P2P_FULL) {
        exit = p2p_cli_fail(call, P2P_CLI_UNDECIDED, p2p_err_name(err), message,
                            "make room and run it again: it goes on where it stopped");
    } else if (err != P2P_OK) {
        exit = p2p_cli_fail_err(call, err, message);
    } else if (call->json) {
        tell_json(call, what.out_dir, &result);
    } else {
        tell(call, what.out_dir, &result);
    }
    p2p_api_reply_deinit(&problem);
    return exit;
}
