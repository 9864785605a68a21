#include "help.h"

#include <string.h>

/* Text for roff: a backslash, a leading dot or quote, and hyphens would mean something to it.
 */
static void put_roff(FILE *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (at == text && (*at == '.' || *at == '\'')) {
            fputs("\\&", out);
        }
        if (*at == '\\') {
            fputs("\\e", out);
        } else if (*at == '-') {
            fputs("\\-", out);
        } else {
            fputc(*at, out);
        }
    }
}

static void put_term(FILE *out, const char *name, const char *value)
{
    fputs(".TP\n\\fB", out);
    put_roff(out, name);
    fputs("\\fR", out);
    if (value != NULL) {
        fputs(" \\fI", out);
        put_roff(out, value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
}

static void put_options(FILE *out, const struct p2p_cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        char name[96];
        snprintf(name, sizeof name, "--%s", options->name);
        put_term(out, name, options->value);
        put_roff(out, options->help);
        if (options->choices != NULL) {
            fputs(": ", out);
            put_roff(out, options->choices);
        }
        fputc('\n', out);
    }
}

static void put_command(FILE *out, const struct p2p_cli_noun *noun,
                        const struct p2p_cli_command *command)
{
    char *line = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&line, &len);
    if (memory == NULL) {
        return;
    }
    p2p_cli_usage_line(memory, noun, command);
    fclose(memory);
    fputs(".SS \"", out);
    put_roff(out, noun->name);
    if (command->verb != NULL) {
        fputc(' ', out);
        put_roff(out, command->verb);
    }
    fputs("\"\n\\fBport2port\\fR ", out);
    put_roff(out, line);
    free(line);
    fputs("\n.PP\n", out);
    put_roff(out, command->summary);
    fputs(".\n", out);
    if (command->details != NULL) {
        fputs(".PP\n", out);
        put_roff(out, command->details);
        fputc('\n', out);
    }
    const struct p2p_cli_argument *a = command->arguments;
    for (; a != NULL && a->name != NULL; a++) {
        put_term(out, a->name, NULL);
        put_roff(out, a->help);
        fputc('\n', out);
    }
    put_options(out, command->options);
    if (command->rules & P2P_CLI_APPENDS) {
        put_options(out, p2p_cli_appends);
    }
}

void p2p_cli_man(FILE *out)
{
    fputs(".TH PORT2PORT 1 \"\" \"port2port " P2P_VERSION "\" \"User Commands\"\n"
          ".SH NAME\nport2port \\- bans and gates of a federation of ports\n"
          ".SH SYNOPSIS\n\\fBport2port\\fR [\\fB\\-C\\fR \\fIDIR\\fR] [\\fB\\-\\-json\\fR] "
          "[\\fB\\-\\-as\\fR \\fIISSUER\\fR] \\fINOUN\\fR \\fIVERB\\fR ...\n"
          ".SH DESCRIPTION\nEach port runs a node with its own store; nodes replicate signed "
          "records to each other, and every node computes the same state from them. Commands "
          "talk "
          "to the node that serves in \\fIDIR\\fR, or work on its store themselves when none "
          "does.\n"
          ".SH OPTIONS\nThey may stand before or after the verb.\n",
          out);
    put_term(out, "-C", "DIR");
    fputs("the node's directory; by default $PORT2PORT_DIR, then the current directory\n", out);
    put_options(out, p2p_cli_globals);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
        const struct p2p_cli_noun *noun = p2p_cli_nouns[i];
        for (const struct p2p_cli_command *c = noun->commands; c != NULL && !p2p_cli_is_end(c);
             c++) {
            if (p2p_cli_listed(noun, c)) {
                put_command(out, noun, c);
            }
        }
    }
    fputs(
        ".SH EXIT STATUS\n.TP\n0\nyes, done\n.TP\n1\na definite no: refused, banned, findings\n"
        ".TP\n2\nusage\n.TP\n3\nundecided, out of reach, not found\n.TP\n4\na hash, signature "
        "or encoding does not fit\n"
        ".SH ENVIRONMENT\n.TP\nPORT2PORT_DIR\nthe node's directory\n.TP\n"
        "PORT2PORT_PASSPHRASE_FILE\nas \\-\\-passphrase\\-file\n.TP\nNO_COLOR\nno colours\n",
        out);
}
