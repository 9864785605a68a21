/* audit explain: one decision step by step, by the archive alone: text, JSON or a page; or
 * which there are. */
#include "error.h"
#include "explained.h"
#include "nouns.h"

#include <p2p/file.h>

#include <stdlib.h>
#include <string.h>

/* The page goes to its file whole or not at all. */
static int write_page(const struct p2p_cli_call *call, const char *path, const json_t *facts)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return p2p_cli_fail_err(call, P2P_NOMEM, NULL);
    }
    p2p_cli_page_explained(out, facts);
    enum p2p_err err = fclose(out) == 0 ? P2P_OK : P2P_NOMEM;
    if (err == P2P_OK) {
        err = p2p_file_write(path, p2p_slice_of(text, len), 0644, P2P_FILE_REPLACE, message,
                             sizeof message);
    }
    free(text);
    return err == P2P_OK ? P2P_CLI_YES : p2p_cli_fail_err(call, err, message);
}

static int exit_of(const struct p2p_cli_audited *audited, enum p2p_decided decided)
{
    int exit = p2p_cli_audited_exit(audited);
    switch (decided) {
    case P2P_DECIDED_RIGHT:
    case P2P_DECIDED_CLAIMED:
        break;
    case P2P_DECIDED_OTHER_REASONS:
    case P2P_DECIDED_OTHER_ANSWER:
        return exit != P2P_CLI_YES ? exit : P2P_CLI_NO;
    case P2P_DECIDED_UNCHECKABLE:
        return exit != P2P_CLI_YES ? exit : P2P_CLI_UNDECIDED;
    }
    return exit;
}

static int tell(struct p2p_cli_audited *audited, const struct p2p_cli_decision *decision)
{
    const struct p2p_cli_call *call = audited->call;
    const struct p2p_cli_style style = p2p_cli_style_of(call->out);
    const char *page = p2p_cli_value(call, "html", NULL);
    struct p2p_decided_again again;
    json_t *facts = NULL;
    int exit = P2P_CLI_YES;
    enum p2p_err err = p2p_cli_explain(audited, decision, &again, &facts);
    if (p2p_audit_damaged(audited->audit) != NULL) {
        json_decref(facts);
        return p2p_cli_audited_fail(audited, err);
    }
    if (err == P2P_NOTFOUND || err == P2P_MALFORMED) {
        return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "uncheckable",
                            "the decision was recorded late and does not say what was known",
                            "audit replay --at tells what was true then");
    }
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, NULL);
    }
    if (page != NULL) {
        exit = write_page(call, page, facts);
    }
    if (exit == P2P_CLI_YES && call->json) {
        p2p_cli_put_json(call->out, facts);
    } else if (exit == P2P_CLI_YES && page == NULL) {
        p2p_cli_print_explained(&style, facts);
    }
    json_decref(facts);
    return exit != P2P_CLI_YES ? exit : exit_of(audited, again.decided);
}

static int explain(struct p2p_cli_audited *audited, const char *id)
{
    struct p2p_cli_decision decision = {.payload = NULL};
    int exit = p2p_cli_decision_find(audited, id, &decision);
    if (exit == P2P_CLI_YES) {
        exit = tell(audited, &decision);
    }
    free(decision.payload);
    return exit;
}

int p2p_cli_explain_run(struct p2p_cli_call *call)
{
    struct p2p_cli_audited audited;
    bool all = call->argument_count == 1;
    int exit = p2p_cli_outside(call, "html", 1);
    if (exit != P2P_CLI_YES) {
        return exit;
    }
    if (all && p2p_cli_value(call, "html", NULL) != NULL) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "a page is of one decision",
                            "name it; without --html those of the archive are listed");
    }
    exit = p2p_cli_audited_init(&audited, call);
    if (exit == P2P_CLI_YES) {
        exit = all ? p2p_cli_decisions_list(&audited)
                   : explain(&audited, p2p_cli_argument(call, 1));
    }
    p2p_cli_audited_deinit(&audited);
    return exit;
}
