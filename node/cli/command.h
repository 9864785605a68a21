/* The table of commands, and the words of a command line read against it.
 *
 * One row per verb says what it takes, in words; parsing, --help, the man page, completion and
 * the request that most verbs become all come from the rows. A verb that only asks the API
 * needs no code: its `run` is p2p_cli_request_run and its `route` says the rest. Rows are
 * static and constant; a call borrows argv and owns its arrays. Main thread. */
#ifndef P2P_CLI_COMMAND_H
#define P2P_CLI_COMMAND_H

#include <p2p/base.h>

#include <jansson.h>
#include <stdio.h>

#define P2P_CLI_SENTENCE_BYTES 512u

/* What every command ends with; README.md says it in words. */
enum p2p_cli_exit {
    P2P_CLI_YES = 0,
    P2P_CLI_NO = 1,
    P2P_CLI_USAGE = 2,
    P2P_CLI_UNDECIDED = 3,
    P2P_CLI_DAMAGED = 4,
};

enum p2p_cli_type {
    P2P_CLI_TEXT,
    P2P_CLI_FLAG,
    P2P_CLI_NUMBER,   /* decimal, sent as a number */
    P2P_CLI_DURATION, /* 30, 30s, 5m, 8h, 2d: sent as seconds, its key with _s */
    P2P_CLI_FILE,
};

/* Rules of options, arguments and commands. */
enum {
    P2P_CLI_REPEATS = 1,           /* option, last argument: any number, sent as an array */
    P2P_CLI_REQUIRED = 2,          /* option, argument */
    P2P_CLI_LOCAL = 4,             /* option, argument: for this program, never sent */
    P2P_CLI_APPENDS = 8,           /* command: takes --level and --prepare */
    P2P_CLI_HIDDEN = 16,           /* command: known, and not part of this version */
    P2P_CLI_PREFIX = 32,           /* command: stands before another verb, whose command runs */
    P2P_CLI_PREFIXED = 64,         /* command: may stand behind such a one */
    P2P_CLI_UNLESS_PREFIXED = 128, /* option: required, but not behind such a one */
};

struct p2p_cli_option {
    const char *name;  /* "reference-column"; its key has _ for - */
    const char *value; /* "TEXT" in the help; NULL for a flag */
    const char *help;
    enum p2p_cli_type type;
    unsigned rules;
    const char *choices; /* "enter|work|call", or NULL */
};

struct p2p_cli_argument {
    const char *name; /* "ID"; its key is the same in lower case */
    const char *help;
    unsigned rules;
    const char *choices;
    const char *key; /* when it is another, e.g. "members" */
};

struct p2p_cli_call;
struct p2p_cli_style;

/* What p2p_cli_request_run does. */
struct p2p_cli_route {
    const char *method;
    const char *path; /* "/v1/bans", or "/v1/bans/ID": a trailing ID is the first argument */
    const char *rows; /* a list: the member of the reply that holds it; pages are followed */
    const char *done; /* what to say of an append, e.g. "imposed" */
    /* Prints one reply, or for a list one page of rows. */
    void (*print)(const struct p2p_cli_style *style, const json_t *reply);
    const char *none; /* what to say for people when a list is empty */
};

struct p2p_cli_command {
    const char *verb; /* NULL: the noun stands alone */
    const char *summary;
    const char *details;                      /* more for --help and the man page, or NULL */
    const struct p2p_cli_option *options;     /* ends with a nameless one; NULL for none */
    const struct p2p_cli_argument *arguments; /* likewise */
    unsigned rules;
    int (*run)(struct p2p_cli_call *call); /* returns the exit code */
    struct p2p_cli_route route;
};

struct p2p_cli_noun {
    const char *name;
    const char *summary;
    const struct p2p_cli_command *commands; /* ends with one without a summary; NULL: the whole
                                               noun is not part of this version */
};

#define P2P_CLI_OPTIONS(...)   ((const struct p2p_cli_option[]){__VA_ARGS__, {0}})
#define P2P_CLI_ARGUMENTS(...) ((const struct p2p_cli_argument[]){__VA_ARGS__, {0}})

/* table.c: every noun, in the order of the help; ends with NULL. */
extern const struct p2p_cli_noun *const p2p_cli_nouns[];
/* What every command takes, and what a command with P2P_CLI_APPENDS takes besides. */
extern const struct p2p_cli_option p2p_cli_globals[];
extern const struct p2p_cli_option p2p_cli_appends[];

struct p2p_cli_given {
    const struct p2p_cli_option *option;
    const char *text; /* NULL for a flag */
};

struct p2p_cli_call {
    const struct p2p_cli_noun *noun;       /* NULL: none was named */
    const struct p2p_cli_command *command; /* NULL: none was named */
    const struct p2p_cli_command *prefix;  /* what stood before it, or NULL */
    const char *dir;                       /* -C, $PORT2PORT_DIR or "." */
    const char *as;
    const char *passphrase_file; /* the option, $PORT2PORT_PASSPHRASE_FILE or NULL */
    bool json;
    bool help;
    bool version;
    struct p2p_cli_given *given; /* the command's own options, in order */
    size_t given_count;
    char **arguments;
    size_t argument_count;
    char **words; /* argv in the order getopt left it */
    FILE *out;
    FILE *err;
};

/* What is wrong, without a full stop, and what to do about it. */
struct p2p_cli_problem {
    char text[P2P_CLI_SENTENCE_BYTES];
    char hint[P2P_CLI_SENTENCE_BYTES];
};

/* Reads argv. P2P_USAGE: problem says what to do; call->json is set all the same. P2P_NOMEM.
 * The call must be given back in every case. */
P2P_MUST_CHECK enum p2p_err p2p_cli_parse(struct p2p_cli_call *call, int argc, char **argv,
                                          struct p2p_cli_problem *problem);
void p2p_cli_call_deinit(struct p2p_cli_call *call); /* accepts a zeroed object */

/* The text given for a command's option, the default when left out. */
const char *p2p_cli_value(const struct p2p_cli_call *call, const char *name,
                          const char *otherwise);
/* The n-th text of an option that repeats; NULL after the last. */
const char *p2p_cli_value_at(const struct p2p_cli_call *call, const char *name, size_t n);
bool p2p_cli_flag(const struct p2p_cli_call *call, const char *name);
/* Seconds of a DURATION option that the parser has let through. */
uint64_t p2p_cli_seconds(const struct p2p_cli_call *call, const char *name, uint64_t otherwise);
/* The n-th argument or NULL. */
const char *p2p_cli_argument(const struct p2p_cli_call *call, size_t n);

/* "30", "30s", "5m", "8h", "2d". P2P_USAGE. */
P2P_MUST_CHECK enum p2p_err p2p_cli_duration(uint64_t *seconds, const char *text);
/* Whether word is one of "a|b|c". */
bool p2p_cli_choice(const char *choices, const char *word);
/* The nearest of two words so far: keeps the better candidate in *best when it is near enough
 * to word to be a slip of the fingers. Start with *best NULL. */
void p2p_cli_nearest(const char *word, const char *candidate, const char **best,
                     unsigned *distance);

const struct p2p_cli_noun *p2p_cli_noun_find(const char *name);
/* verb NULL: the noun alone. NULL when there is none. */
const struct p2p_cli_command *p2p_cli_command_find(const struct p2p_cli_noun *noun,
                                                   const char *verb);
bool p2p_cli_is_end(const struct p2p_cli_command *command);

#endif
