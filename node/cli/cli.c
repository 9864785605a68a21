#include "error.h"
#include "help.h"
#include "nouns.h"

int p2p_cli_run(struct p2p_cli_call *call)
{
    if (call->version) {
        call->command = p2p_cli_command_find(&p2p_cli_noun_version, NULL);
    } else if (call->help) {
        p2p_cli_help(call->out, call->noun, call->command);
        return P2P_CLI_YES;
    }
    return call->command->run(call);
}

int p2p_cli_main(int argc, char **argv, FILE *out, FILE *err)
{
    struct p2p_cli_call call;
    struct p2p_cli_problem problem;
    enum p2p_err parsed = p2p_cli_parse(&call, argc, argv, &problem);
    call.out = out;
    call.err = err;
    int exit = P2P_CLI_USAGE;
    if (parsed == P2P_OK) {
        exit = p2p_cli_run(&call);
    } else if (parsed == P2P_USAGE) {
        p2p_cli_fail(&call, exit, "usage", problem.text, problem.hint);
    } else {
        exit = p2p_cli_fail_err(&call, parsed, NULL);
    }
    /* A full disk or a reader that went away: what was asked for did not arrive. */
    if (fflush(out) != 0 || ferror(out)) {
        fputs("port2port: the answer could not be written\n", err);
        exit = P2P_CLI_UNDECIDED;
    }
    p2p_cli_call_deinit(&call);
    return exit;
}
