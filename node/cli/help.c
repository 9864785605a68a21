#include "help.h"

#include "error.h"
#include "nouns.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 96u

bool p2p_cli_listed(const struct p2p_cli_noun *noun, const struct p2p_cli_command *command)
{
    return noun->commands != NULL &&
           (command == NULL || (command->rules & P2P_CLI_HIDDEN) == 0);
}

/* Text from column on, words wrapped, further lines indented to column. */
static void put_wrapped(FILE *out, const char *text, size_t at, size_t column)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (at > column && at + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, len, out);
        at += len;
        text += len + (text[len] == ' ');
    }
    fputc('\n', out);
}

/* "  name      help" */
static void put_item(FILE *out, const char *name, const char *help, size_t column)
{
    size_t len = strlen(name) + 2;
    fprintf(out, "  %s", name);
    if (len + 1 > column) {
        fprintf(out, "\n%*s", (int)column, "");
    } else {
        fprintf(out, "%*s", (int)(column - len), "");
    }
    put_wrapped(out, help, column, column);
}

static void option_name(char *out, size_t cap, const struct p2p_cli_option *option)
{
    snprintf(out, cap, "--%s%s%s", option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
}

static void put_options(FILE *out, const struct p2p_cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        char name[96], help[512];
        bool told = options->choices == NULL || strcmp(options->name, "level") == 0;
        option_name(name, sizeof name, options);
        snprintf(help, sizeof help, "%s%s%s", options->help, told ? "" : ": ",
                 told ? "" : options->choices);
        put_item(out, name, help, 28);
    }
}

static void put_global_options(FILE *out)
{
    put_item(out, "-C DIR",
             "the node's directory (default $PORT2PORT_DIR, then the current one)", 28);
    put_options(out, p2p_cli_globals);
}

void p2p_cli_usage_line(FILE *out, const struct p2p_cli_noun *noun,
                        const struct p2p_cli_command *command)
{
    fprintf(out, "%s%s%s", noun->name, command->verb != NULL ? " " : "",
            command->verb != NULL ? command->verb : "");
    const struct p2p_cli_argument *a = command->arguments;
    for (; a != NULL && a->name != NULL; a++) {
        bool required = a->rules & P2P_CLI_REQUIRED;
        fprintf(out, " %s%s%s%s", required ? "" : "[", a->name,
                a->rules & P2P_CLI_REPEATS ? " ..." : "", required ? "" : "]");
    }
    const struct p2p_cli_option *o = command->options;
    for (; o != NULL && o->name != NULL; o++) {
        char name[96];
        bool required = o->rules & (P2P_CLI_REQUIRED | P2P_CLI_UNLESS_PREFIXED);
        option_name(name, sizeof name, o);
        fprintf(out, " %s%s%s%s", required ? "" : "[", name,
                o->rules & P2P_CLI_REPEATS ? " ..." : "", required ? "" : "]");
    }
}

static void put_usage(FILE *out, const struct p2p_cli_noun *noun,
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
    fputs("usage: port2port ", out);
    put_wrapped(out, line, 17, 17);
    free(line);
}

static void help_command(FILE *out, const struct p2p_cli_noun *noun,
                         const struct p2p_cli_command *command)
{
    put_usage(out, noun, command);
    fputc('\n', out);
    put_wrapped(out, command->summary, 0, 0);
    if (command->details != NULL) {
        fputc('\n', out);
        put_wrapped(out, command->details, 0, 0);
    }
    const struct p2p_cli_argument *a = command->arguments;
    if (a != NULL || command->options != NULL || (command->rules & P2P_CLI_APPENDS) != 0) {
        fputc('\n', out);
    }
    for (; a != NULL && a->name != NULL; a++) {
        put_item(out, a->name, a->help, 28);
    }
    put_options(out, command->options);
    if (command->rules & P2P_CLI_APPENDS) {
        put_options(out, p2p_cli_appends);
    }
    fputs("\nas with every command:\n", out);
    put_global_options(out);
}

static void help_noun(FILE *out, const struct p2p_cli_noun *noun)
{
    fprintf(out, "port2port %s: %s\n\n", noun->name, noun->summary);
    for (const struct p2p_cli_command *c = noun->commands; !p2p_cli_is_end(c); c++) {
        if (p2p_cli_listed(noun, c)) {
            put_item(out, c->verb != NULL ? c->verb : "(no verb)", c->summary, 16);
        }
    }
    fprintf(out, "\nport2port %s VERB --help tells more of a verb.\n", noun->name);
}

static void help_all(FILE *out)
{
    fputs("usage: port2port [-C DIR] [--json] [--as ISSUER] NOUN VERB ...\n\n", out);
    for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
        if (p2p_cli_listed(p2p_cli_nouns[i], NULL)) {
            put_item(out, p2p_cli_nouns[i]->name, p2p_cli_nouns[i]->summary, 16);
        }
    }
    fputs("\nas with every command:\n", out);
    put_global_options(out);
    fputs("\nport2port NOUN --help lists the verbs of a noun.\n"
          "Exit: 0 yes, done; 1 a definite no; 2 usage; 3 undecided, out of reach, not found;\n"
          "4 a hash, signature or encoding does not fit.\n",
          out);
}

void p2p_cli_help(FILE *out, const struct p2p_cli_noun *noun,
                  const struct p2p_cli_command *command)
{
    if (noun == NULL) {
        help_all(out);
    } else if (command == NULL) {
        help_noun(out, noun);
    } else {
        help_command(out, noun, command);
    }
}

static int help_run(struct p2p_cli_call *call)
{
    if (p2p_cli_flag(call, "man")) {
        p2p_cli_man(call->out);
        return P2P_CLI_YES;
    }
    const char *name = p2p_cli_argument(call, 0), *verb = p2p_cli_argument(call, 1);
    const struct p2p_cli_noun *noun = name != NULL ? p2p_cli_noun_find(name) : NULL;
    const struct p2p_cli_command *command = NULL;
    if (noun != NULL && p2p_cli_listed(noun, NULL)) {
        command = p2p_cli_command_find(noun, verb);
        if (verb == NULL && !p2p_cli_is_end(noun->commands) && noun->commands[1].verb != NULL) {
            command = NULL; /* a noun with verbs: list them all */
        }
    }
    if ((name != NULL && (noun == NULL || !p2p_cli_listed(noun, NULL))) ||
        (verb != NULL && (command == NULL || !p2p_cli_listed(noun, command)))) {
        char text[P2P_CLI_SENTENCE_BYTES];
        snprintf(text, sizeof text, "there is no command \"%.64s%s%.64s\"", name,
                 verb != NULL ? " " : "", verb != NULL ? verb : "");
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", text, "port2port help lists them");
    }
    p2p_cli_help(call->out, noun, command);
    return P2P_CLI_YES;
}

static const struct p2p_cli_command HELP_COMMANDS[] = {
    {
        .summary = "what there is, or how one command works",
        .options = P2P_CLI_OPTIONS(
            {.name = "man", .help = "the manual page, for man -l -", .type = P2P_CLI_FLAG}),
        .arguments = P2P_CLI_ARGUMENTS({.name = "NOUN", .help = "of which noun"},
                                       {.name = "VERB", .help = "of which verb"}),
        .run = help_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_help = {
    .name = "help",
    .summary = "what there is, or how one command works",
    .commands = HELP_COMMANDS,
};

static int completion_run(struct p2p_cli_call *call)
{
    p2p_cli_completion(call->out);
    return P2P_CLI_YES;
}

static const struct p2p_cli_command COMPLETION_COMMANDS[] = {
    {
        .summary = "print what makes bash complete commands and options",
        .details = "Put it where bash looks: port2port completion bash > "
                   "/etc/bash_completion.d/port2port, or source <(port2port completion bash).",
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "SHELL", .help = "bash", .rules = P2P_CLI_REQUIRED, .choices = "bash"}),
        .run = completion_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_completion = {
    .name = "completion",
    .summary = "print what makes bash complete commands and options",
    .commands = COMPLETION_COMMANDS,
};

static int version_run(struct p2p_cli_call *call)
{
    if (call->json) {
        fprintf(call->out, "{\"version\":\"%s\"}\n", P2P_VERSION);
    } else {
        fprintf(call->out, "port2port %s\n", P2P_VERSION);
    }
    return P2P_CLI_YES;
}

static const struct p2p_cli_command VERSION_COMMANDS[] = {
    {.summary = "which version this is", .run = version_run},
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_version = {
    .name = "version",
    .summary = "which version this is",
    .commands = VERSION_COMMANDS,
};
