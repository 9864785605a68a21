#include "help.h"

#include <string.h>

static void put_words(FILE *out, const struct p2p_cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        fprintf(out, " --%s", options->name);
    }
}

/* "a|b|c" as words */
static void put_choices(FILE *out, const char *choices)
{
    for (; *choices != '\0'; choices++) {
        fputc(*choices == '|' ? ' ' : *choices, out);
    }
}

static void put_values(FILE *out, const struct p2p_cli_noun *noun,
                       const struct p2p_cli_command *command,
                       const struct p2p_cli_option *options)
{
    const char *verb = command->verb != NULL ? command->verb : "";
    for (; options != NULL && options->name != NULL; options++) {
        if (options->choices != NULL) {
            fprintf(out, "    '%s:%s:--%s') words='", noun->name, verb, options->name);
            put_choices(out, options->choices);
            fputs("' ;;\n", out);
        } else if (options->type == P2P_CLI_FILE) {
            fprintf(out, "    '%s:%s:--%s') files=yes ;;\n", noun->name, verb, options->name);
        }
    }
}

/* The words a command takes: options, choices of its first argument. */
static void put_command(FILE *out, const struct p2p_cli_noun *noun,
                        const struct p2p_cli_command *command)
{
    const struct p2p_cli_argument *a = command->arguments;
    fprintf(out, "    '%s:%s') words='", noun->name,
            command->verb != NULL ? command->verb : "");
    if (a != NULL && a->choices != NULL) {
        put_choices(out, a->choices);
        fputc(' ', out);
    }
    put_words(out, command->options);
    if (command->rules & P2P_CLI_APPENDS) {
        put_words(out, p2p_cli_appends);
    }
    fputc('\'', out);
    for (; a != NULL && a->name != NULL; a++) {
        if (strncmp(a->name, "FILE", 4) == 0 || strncmp(a->name, "DIR", 3) == 0) {
            fputs(" files=yes", out);
            break;
        }
    }
    fputs(" ;;\n", out);
}

void p2p_cli_completion(FILE *out)
{
    fputs("# bash completion for port2port: source this file\n"
          "_port2port() {\n"
          "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  local noun='' verb='' words='' files='' globals='-C",
          out);
    put_words(out, p2p_cli_globals);
    fputs("' i\n"
          "  if [[ $before == -C || $before == --passphrase-file ]]; then\n"
          "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "    return\n"
          "  fi\n"
          "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "    case ${COMP_WORDS[i]} in\n"
          "    -C | --as | --passphrase-file) ((i++)) ;;\n"
          "    -*) ;;\n"
          "    *) if [[ ! $noun ]]; then noun=${COMP_WORDS[i]}\n"
          "       elif [[ ! $verb ]]; then verb=${COMP_WORDS[i]}; fi ;;\n"
          "    esac\n"
          "  done\n"
          "  case $noun in\n    '') words='",
          out);
    for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
        if (p2p_cli_listed(p2p_cli_nouns[i], NULL)) {
            fprintf(out, "%s ", p2p_cli_nouns[i]->name);
        }
    }
    fputs("' ;;\n", out);
    for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
        const struct p2p_cli_noun *noun = p2p_cli_nouns[i];
        if (!p2p_cli_listed(noun, NULL)) {
            continue;
        }
        const struct p2p_cli_command *alone = p2p_cli_command_find(noun, NULL);
        bool verbs = false;
        for (const struct p2p_cli_command *c = noun->commands; !p2p_cli_is_end(c); c++) {
            verbs = verbs || c->verb != NULL;
        }
        if (!verbs) {
            fprintf(out, "    '%s') verb='' ;;\n", noun->name);
            continue;
        }
        fprintf(out, "    '%s') [[ $verb ]] || words='", noun->name);
        for (const struct p2p_cli_command *c = noun->commands; !p2p_cli_is_end(c); c++) {
            if (c->verb != NULL && p2p_cli_listed(noun, c)) {
                fprintf(out, "%s ", c->verb);
            }
        }
        put_words(out, alone != NULL ? alone->options : NULL);
        fputs("' ;;\n", out);
    }
    fputs("  esac\n  if [[ ! $words ]]; then\n    case $noun:$verb in\n", out);
    for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
        const struct p2p_cli_noun *noun = p2p_cli_nouns[i];
        for (const struct p2p_cli_command *c = noun->commands; c != NULL && !p2p_cli_is_end(c);
             c++) {
            if (p2p_cli_listed(noun, c)) {
                put_command(out, noun, c);
            }
        }
    }
    fputs("    esac\n    case $noun:$verb:$before in\n", out);
    for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
        const struct p2p_cli_noun *noun = p2p_cli_nouns[i];
        for (const struct p2p_cli_command *c = noun->commands; c != NULL && !p2p_cli_is_end(c);
             c++) {
            if (p2p_cli_listed(noun, c)) {
                put_values(out, noun, c, c->options);
                put_values(out, noun, c, c->rules & P2P_CLI_APPENDS ? p2p_cli_appends : NULL);
            }
        }
    }
    fputs("    esac\n  fi\n"
          "  if [[ $word == -* ]]; then words+=\" $globals\"; fi\n"
          "  mapfile -t COMPREPLY < <(compgen -W \"$words\" ${files:+-f} -- \"$word\")\n"
          "}\n"
          "complete -o filenames -F _port2port port2port\n",
          out);
}
