/* The table of commands as text: help on every level, the man page, completion for bash. Pure.
 */
#ifndef P2P_CLI_HELP_H
#define P2P_CLI_HELP_H

#include "command.h"

/* noun NULL: everything; command NULL: all verbs of the noun. */
void p2p_cli_help(FILE *out, const struct p2p_cli_noun *noun,
                  const struct p2p_cli_command *command);
/* port2port(1) in man's own macros. */
void p2p_cli_man(FILE *out);
/* A script for bash to source. */
void p2p_cli_completion(FILE *out);

/* "ban impose --subject S ... [--json]": the line of a command, options and all. */
void p2p_cli_usage_line(FILE *out, const struct p2p_cli_noun *noun,
                        const struct p2p_cli_command *command);
bool p2p_cli_listed(const struct p2p_cli_noun *noun, const struct p2p_cli_command *command);

#endif
