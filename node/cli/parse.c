#include "command.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* More long options than any command has; tests walk the table against it. */
#define LONG_OPTIONS_MAX 48u
/* getopt_long gives back FIRST + index into the list of options. */
#define FIRST 256

__attribute__((format(printf, 2, 3))) static enum p2p_err usage(struct p2p_cli_problem *problem,
                                                                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(problem->text, sizeof problem->text, format, args);
    va_end(args);
    return P2P_USAGE;
}

/* "did you mean X?" or where to look. */
static void advise(struct p2p_cli_problem *problem, const struct p2p_cli_call *call,
                   const char *nearest)
{
    if (nearest != NULL) {
        snprintf(problem->hint, sizeof problem->hint, "did you mean %s?", nearest);
        return;
    }
    const char *verb = call->command != NULL ? call->command->verb : NULL;
    snprintf(problem->hint, sizeof problem->hint, "port2port %s%s%s%s--help says how",
             call->noun != NULL ? call->noun->name : "", call->noun != NULL ? " " : "",
             verb != NULL ? verb : "", verb != NULL ? " " : "");
}

/* How many words an option that every command takes uses up at argv[i]; 0: it is none. */
static int global_words(int argc, char **argv, int i)
{
    const char *word = argv[i];
    if (strncmp(word, "-C", 2) == 0) {
        return word[2] != '\0' || i + 1 == argc ? 1 : 2;
    }
    if (strcmp(word, "-h") == 0) {
        return 1;
    }
    if (strncmp(word, "--", 2) != 0) {
        return 0;
    }
    for (const struct p2p_cli_option *o = p2p_cli_globals; o->name != NULL; o++) {
        size_t len = strlen(o->name);
        if (strncmp(word + 2, o->name, len) == 0 &&
            (word[2 + len] == '\0' || word[2 + len] == '=')) {
            return o->value != NULL && word[2 + len] == '\0' && i + 1 < argc ? 2 : 1;
        }
    }
    return 0;
}

/* The next word that is no option every command takes; argc when there is none. */
static int next_word(int argc, char **argv, int i)
{
    int used = 0;
    while (i < argc && (used = global_words(argc, argv, i)) > 0) {
        i += used;
    }
    return i;
}

static bool is_word(int argc, char **argv, int i)
{
    return i < argc && argv[i][0] != '-';
}

/* Names noun and command, and copies the words that are neither into call->words. */
static enum p2p_err find_command(struct p2p_cli_call *call, int argc, char **argv, int *count,
                                 struct p2p_cli_problem *problem)
{
    int noun_at = next_word(argc, argv, 1);
    int verb_at = argc;
    if (is_word(argc, argv, noun_at)) {
        call->noun = p2p_cli_noun_find(argv[noun_at]);
        if (call->noun == NULL) {
            const char *best = NULL;
            unsigned distance = 0;
            for (size_t i = 0; p2p_cli_nouns[i] != NULL; i++) {
                p2p_cli_nearest(argv[noun_at], p2p_cli_nouns[i]->name, &best, &distance);
            }
            usage(problem, "there is no command \"%s\"", argv[noun_at]);
            advise(problem, call, best);
            return P2P_USAGE;
        }
        if (call->noun->commands == NULL) {
            usage(problem, "%s is not part of this version of port2port", argv[noun_at]);
            snprintf(problem->hint, sizeof problem->hint, "port2port help lists what is");
            return P2P_USAGE;
        }
        call->command = p2p_cli_command_find(call->noun, NULL);
        int at = next_word(argc, argv, noun_at + 1);
        if (is_word(argc, argv, at)) {
            const struct p2p_cli_command *command = p2p_cli_command_find(call->noun, argv[at]);
            if (command != NULL) {
                call->command = command;
                verb_at = at;
            } else if (call->command == NULL || call->command->arguments == NULL) {
                const char *best = NULL;
                unsigned distance = 0;
                bool verbs = false;
                for (const struct p2p_cli_command *c = call->noun->commands; !p2p_cli_is_end(c);
                     c++) {
                    if (c->verb != NULL) {
                        verbs = true;
                        p2p_cli_nearest(argv[at], c->verb, &best, &distance);
                    }
                }
                usage(problem, verbs ? "%s has no verb \"%s\"" : "%s takes no argument \"%s\"",
                      call->noun->name, argv[at]);
                call->command = NULL;
                advise(problem, call, best);
                return P2P_USAGE;
            }
        }
    } else {
        noun_at = argc;
    }
    int second_at = argc;
    if (call->command != NULL && (call->command->rules & P2P_CLI_PREFIX)) {
        int at = next_word(argc, argv, verb_at + 1);
        const struct p2p_cli_command *command =
            is_word(argc, argv, at) ? p2p_cli_command_find(call->noun, argv[at]) : NULL;
        if (command != NULL && (command->rules & P2P_CLI_PREFIXED)) {
            call->prefix = call->command;
            call->command = command;
            second_at = at;
        }
    }
    *count = 0;
    for (int i = 0; i < argc; i++) {
        if (i != noun_at && i != verb_at && i != second_at) {
            call->words[(*count)++] = argv[i];
        }
    }
    call->words[*count] = NULL;
    return P2P_OK;
}

struct option_list {
    struct option list[LONG_OPTIONS_MAX + 1];
    const struct p2p_cli_option *options[LONG_OPTIONS_MAX];
    size_t count;
    size_t globals;
};

static void add_options(struct option_list *all, const struct p2p_cli_option *options)
{
    for (const struct p2p_cli_option *o = options; o != NULL && o->name != NULL; o++) {
        p2p_assert(all->count < LONG_OPTIONS_MAX);
        all->list[all->count] =
            (struct option){o->name, o->value != NULL ? required_argument : no_argument, NULL,
                            FIRST + (int)all->count};
        all->options[all->count++] = o;
    }
}

static enum p2p_err unknown_option(struct p2p_cli_call *call, const struct option_list *all,
                                   const char *word, struct p2p_cli_problem *problem)
{
    const char *best = NULL;
    unsigned distance = 0;
    char name[64] = "", full[72];
    snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
    name[strcspn(name, "=")] = '\0';
    for (size_t i = 0; i < all->count && strncmp(word, "--", 2) == 0; i++) {
        p2p_cli_nearest(name, all->options[i]->name, &best, &distance);
    }
    const char *verb = call->command != NULL ? call->command->verb : NULL;
    char who[96] = "port2port";
    if (call->noun != NULL) {
        snprintf(who, sizeof who, "%s%s%s", call->noun->name, verb != NULL ? " " : "",
                 verb != NULL ? verb : "");
    }
    usage(problem, "%s takes no option %s", who, word);
    snprintf(full, sizeof full, "--%s", best != NULL ? best : "");
    advise(problem, call, best != NULL ? full : NULL);
    return P2P_USAGE;
}

/* The value fits its type and choices. */
static enum p2p_err check_value(const struct p2p_cli_call *call, const char *name,
                                enum p2p_cli_type type, const char *choices, const char *text,
                                struct p2p_cli_problem *problem)
{
    uint64_t number = 0;
    if (choices != NULL && !p2p_cli_choice(choices, text)) {
        usage(problem, "%s cannot be \"%s\"", name, text);
        snprintf(problem->hint, sizeof problem->hint, "it is one of %s", choices);
        return P2P_USAGE;
    }
    if (type == P2P_CLI_NUMBER && p2p_decimal_decode(&number, p2p_slice_text(text)) != P2P_OK) {
        usage(problem, "%s needs a number, not \"%s\"", name, text);
        advise(problem, call, NULL);
        return P2P_USAGE;
    }
    if (type == P2P_CLI_DURATION && p2p_cli_duration(&number, text) != P2P_OK) {
        usage(problem, "%s needs a span of time, not \"%s\"", name, text);
        snprintf(problem->hint, sizeof problem->hint, "write it as 90s, 5m, 8h or 2d");
        return P2P_USAGE;
    }
    if (!p2p_utf8_valid(p2p_slice_text(text))) {
        usage(problem, "%s is not UTF-8", name);
        advise(problem, call, NULL);
        return P2P_USAGE;
    }
    return P2P_OK;
}

static enum p2p_err take_option(struct p2p_cli_call *call, const struct option_list *all,
                                size_t index, const char *text, struct p2p_cli_problem *problem)
{
    const struct p2p_cli_option *option = all->options[index];
    char name[72];
    snprintf(name, sizeof name, "--%s", option->name);
    if (text != NULL) {
        enum p2p_err err =
            check_value(call, name, option->type, option->choices, text, problem);
        if (err != P2P_OK) {
            return err;
        }
    }
    if (index < all->globals) {
        if (strcmp(option->name, "json") == 0) {
            call->json = true;
        } else if (strcmp(option->name, "help") == 0) {
            call->help = true;
        } else if (strcmp(option->name, "version") == 0) {
            call->version = true;
        } else if (strcmp(option->name, "as") == 0) {
            call->as = text;
        } else {
            call->passphrase_file = text;
        }
        return P2P_OK;
    }
    if ((option->rules & P2P_CLI_REPEATS) == 0 && p2p_cli_flag(call, option->name)) {
        usage(problem, "%s stands there twice", name);
        snprintf(problem->hint, sizeof problem->hint, "give it once");
        return P2P_USAGE;
    }
    call->given[call->given_count++] = (struct p2p_cli_given){option, text};
    return P2P_OK;
}

/* getopt_long takes beginnings of names too; a script that relies on one breaks when an option
 * is added, so only whole names count here. */
static bool whole_name(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, len) == 0 &&
           (word[2 + len] == '\0' || word[2 + len] == '=');
}

static enum p2p_err take_options(struct p2p_cli_call *call, int count,
                                 struct p2p_cli_problem *problem)
{
    struct option_list all = {0};
    add_options(&all, p2p_cli_globals);
    all.globals = all.count;
    if (call->command != NULL) {
        add_options(&all, call->command->options);
        add_options(&all, call->prefix != NULL ? call->prefix->options : NULL);
        if (call->command->rules & P2P_CLI_APPENDS) {
            add_options(&all, p2p_cli_appends);
        }
    }
    opterr = 0;
    optind = 0; /* GNU: begin anew, also after an earlier call */
    for (;;) {
        int got = getopt_long(count, call->words, ":C:h", all.list, NULL);
        if (got == -1) {
            return P2P_OK;
        }
        enum p2p_err err = P2P_OK;
        const char *word = call->words[optind - 1];
        if (got >= FIRST) {
            size_t index = (size_t)(got - FIRST);
            const char *name = all.options[index]->name;
            if (optarg != NULL && optarg == word && optind >= 2) {
                word = call->words[optind - 2];
            }
            err = whole_name(word, name) ? take_option(call, &all, index, optarg, problem)
                                         : unknown_option(call, &all, word, problem);
        } else if (got == 'C') {
            call->dir = optarg;
        } else if (got == 'h') {
            call->help = true;
        } else if (got == ':') {
            err = usage(problem, "%s needs a value", word);
            advise(problem, call, NULL);
        } else if (optopt >= FIRST) {
            err = usage(problem, "%s takes no value", word);
            advise(problem, call, NULL);
        } else {
            char letter[3] = {'-', (char)optopt, '\0'};
            bool is_short = optopt != 0 && strncmp(word, "--", 2) != 0;
            err = unknown_option(call, &all, is_short ? letter : word, problem);
        }
        if (err != P2P_OK) {
            return err;
        }
    }
}

static enum p2p_err check_required(const struct p2p_cli_call *call, const char *who,
                                   const struct p2p_cli_option *options,
                                   struct p2p_cli_problem *problem)
{
    unsigned rules = P2P_CLI_REQUIRED | (call->prefix == NULL ? P2P_CLI_UNLESS_PREFIXED : 0u);
    for (const struct p2p_cli_option *o = options; o != NULL && o->name != NULL; o++) {
        if ((o->rules & rules) && !p2p_cli_flag(call, o->name)) {
            usage(problem, "%s needs --%s", who, o->name);
            advise(problem, call, NULL);
            return P2P_USAGE;
        }
    }
    return P2P_OK;
}

static enum p2p_err check_arguments(struct p2p_cli_call *call, struct p2p_cli_problem *problem)
{
    const char *verb = call->command->verb;
    char who[96];
    snprintf(who, sizeof who, "%s%s%s", call->noun->name, verb != NULL ? " " : "",
             verb != NULL ? verb : "");
    const struct p2p_cli_argument *a = call->command->arguments;
    size_t taken = 0;
    for (; a != NULL && a->name != NULL; a++) {
        if (taken == call->argument_count) {
            if (a->rules & P2P_CLI_REQUIRED) {
                usage(problem, "%s needs %s", who, a->name);
                advise(problem, call, NULL);
                return P2P_USAGE;
            }
            continue;
        }
        do {
            enum p2p_err err = check_value(call, a->name, P2P_CLI_TEXT, a->choices,
                                           call->arguments[taken++], problem);
            if (err != P2P_OK) {
                return err;
            }
        } while ((a->rules & P2P_CLI_REPEATS) && taken < call->argument_count);
    }
    if (taken < call->argument_count) {
        usage(problem, "%s takes no argument \"%s\"", who, call->arguments[taken]);
        advise(problem, call, NULL);
        return P2P_USAGE;
    }
    enum p2p_err err = check_required(call, who, call->command->options, problem);
    if (err == P2P_OK && call->prefix != NULL) {
        err = check_required(call, who, call->prefix->options, problem);
    }
    return err;
}

static bool asked_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static const char *from_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

enum p2p_err p2p_cli_parse(struct p2p_cli_call *call, int argc, char **argv,
                           struct p2p_cli_problem *problem)
{
    *call = (struct p2p_cli_call){.out = stdout, .err = stderr};
    *problem = (struct p2p_cli_problem){{0}, {0}};
    call->json = asked_for_json(argc, argv); /* so that even a slip is told as JSON */
    call->dir = from_environment("PORT2PORT_DIR", ".");
    call->passphrase_file = from_environment("PORT2PORT_PASSPHRASE_FILE", NULL);
    call->words = calloc((size_t)argc + 1, sizeof *call->words);
    call->given = calloc((size_t)argc + 1, sizeof *call->given);
    if (call->words == NULL || call->given == NULL) {
        return P2P_NOMEM;
    }
    int count = 0;
    enum p2p_err err = find_command(call, argc, argv, &count, problem);
    if (err == P2P_OK && call->command != NULL && (call->command->rules & P2P_CLI_HIDDEN)) {
        usage(problem, "%s %s is not part of this version of port2port", call->noun->name,
              call->command->verb);
        snprintf(problem->hint, sizeof problem->hint, "port2port %s --help lists what is",
                 call->noun->name);
        return P2P_USAGE;
    }
    if (err == P2P_OK) {
        err = take_options(call, count, problem);
    }
    if (err != P2P_OK) {
        return err;
    }
    call->arguments = call->words + optind;
    call->argument_count = (size_t)(count - optind);
    if (call->help || call->version) {
        return P2P_OK;
    }
    if (call->command != NULL && (call->command->rules & P2P_CLI_PREFIX)) {
        usage(problem, "%s %s needs another verb behind it", call->noun->name,
              call->command->verb);
        advise(problem, call, NULL);
        return P2P_USAGE;
    }
    if (call->command == NULL) {
        usage(problem, "%s needs %s", call->noun != NULL ? call->noun->name : "port2port",
              call->noun != NULL ? "a verb" : "a command");
        advise(problem, call, NULL);
        return P2P_USAGE;
    }
    return check_arguments(call, problem);
}
