#include "audited.h"

#include "error.h"

#include <unistd.h>

static int fail(const struct p2p_cli_call *call, enum p2p_err err, const char *message)
{
    int exit = err == P2P_USAGE                             ? P2P_CLI_USAGE
               : err == P2P_MALFORMED || err == P2P_CORRUPT ? P2P_CLI_DAMAGED
                                                            : P2P_CLI_UNDECIDED;
    return p2p_cli_fail(call, exit, p2p_err_name(err), message, NULL);
}

static enum p2p_err look_back(struct p2p_cli_audited *audited)
{
    audited->kv = p2p_audit_kv(audited->audit);
    audited->horizon.count = audited->ledger->feed_count;
    audited->horizon.sizes =
        p2p_alloc_zeroed(p2p_alloc_default(), audited->horizon.count, sizeof(uint64_t));
    enum p2p_err err =
        audited->horizon.sizes == NULL
            ? P2P_NOMEM
            : p2p_past_new(&audited->past, p2p_alloc_default(), audited->ledger, audited->kv);
    if (err == P2P_OK) {
        p2p_past_settled(audited->past, p2p_audit_settled(audited->audit));
    }
    return err;
}

int p2p_cli_audited_init(struct p2p_cli_audited *audited, const struct p2p_cli_call *call)
{
    char message[P2P_CLI_SENTENCE_BYTES] = "";
    bool terminal = isatty(fileno(call->err)) != 0;
    const char *dir = p2p_cli_argument(call, 0);
    *audited = (struct p2p_cli_audited){.call = call, .stages = {.out = call->err}};
    const struct p2p_audit_options options = {.alloc = p2p_alloc_default(),
                                              .dirs = &dir,
                                              .dir_count = 1,
                                              .trust_path = p2p_cli_value(call, "trust", NULL),
                                              .index_dir = p2p_cli_value(call, "index", NULL),
                                              .depth = P2P_AUDIT_REPLAY,
                                              .keep_index = true,
                                              .progress = terminal ? p2p_cli_stages_show : NULL,
                                              .progress_context = &audited->stages};
    enum p2p_err err = p2p_findings_new(&audited->findings, p2p_alloc_default());
    if (err == P2P_OK) {
        err = p2p_audit_run(&audited->audit, &options, audited->findings, message,
                            sizeof message);
    }
    p2p_cli_progress_clear(&audited->stages.progress);
    if (err != P2P_OK) {
        return fail(call, err, message[0] != '\0' ? message : p2p_err_text(err));
    }
    audited->ledger = p2p_audit_ledger(audited->audit);
    if (audited->ledger == NULL) {
        return p2p_cli_fail(call, P2P_CLI_DAMAGED, "untrusted",
                            "no charter in the archive is the one that the trust file means",
                            "see what audit verify says");
    }
    err = look_back(audited);
    return err == P2P_OK ? P2P_CLI_YES : p2p_cli_fail_err(call, err, NULL);
}

void p2p_cli_audited_deinit(struct p2p_cli_audited *audited)
{
    p2p_past_free(audited->past);
    p2p_alloc_free(p2p_alloc_default(), audited->horizon.sizes);
    p2p_audit_close(audited->audit);
    p2p_findings_free(audited->findings);
}

int p2p_cli_outside(const struct p2p_cli_call *call, const char *option, size_t count)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    const char *path = p2p_cli_value(call, option, NULL);
    const char *around =
        path == NULL ? NULL
                     : p2p_audit_around(path, (const char *const *)call->arguments, count);
    if (around == NULL) {
        return P2P_CLI_YES;
    }
    snprintf(text, sizeof text, "%.200s lies inside the archive %.200s", path, around);
    return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", text,
                        "nothing is written into an archive: name another place");
}

const char *p2p_cli_verdict_word(const struct p2p_findings *findings)
{
    switch (p2p_findings_worst(findings)) {
    case P2P_SEVERITY_NOTICE:
        return "sound";
    case P2P_SEVERITY_FINDING:
        return "findings";
    case P2P_SEVERITY_BROKEN:
        break;
    }
    return "broken";
}

int p2p_cli_audited_exit(const struct p2p_cli_audited *audited)
{
    return p2p_findings_worst(audited->findings) == P2P_SEVERITY_BROKEN ||
                   p2p_audit_damaged(audited->audit) != NULL
               ? P2P_CLI_DAMAGED
               : P2P_CLI_YES;
}

int p2p_cli_audited_fail(const struct p2p_cli_audited *audited, enum p2p_err err)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    const char *damaged = p2p_audit_damaged(audited->audit);
    if (damaged == NULL) {
        return p2p_cli_fail_err(audited->call, err, NULL);
    }
    snprintf(text, sizeof text, "%.200s is not as the archive's manifest lists it", damaged);
    return p2p_cli_fail(audited->call, P2P_CLI_DAMAGED, "damaged", text,
                        "audit verify tells what else does not fit");
}
