/* Runs port2port as a person would, with --json, and keeps what it said.
 *
 * A command is started, waited for in short turns, and ended; it stands in a process group of
 * its own, so that an interrupt of the terminal reaches the demo alone, which then ends the
 * command. One thread. */
#ifndef P2P_DEMO_RUN_H
#define P2P_DEMO_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define P2P_DEMO_WORDS_MAX      40u
#define P2P_DEMO_SENTENCE_BYTES 512u

struct p2p_demo_text {
    char *data;
    size_t len;
    size_t cap;
};

struct p2p_demo_command {
    pid_t pid; /* 0: none runs */
    int out, err;
    struct p2p_demo_text out_text, err_text;
    int exit;
};

/* What a command said. */
struct p2p_demo_said {
    int exit;      /* its exit code; 128 and more: ended by a signal */
    json_t *lines; /* an array of the objects it printed */
    char error[P2P_DEMO_SENTENCE_BYTES];
};

/* Starts binary [-C dir] --json words...; dir may be NULL, words ends with NULL. False with the
 * reason in said->error. */
bool p2p_demo_command_start(struct p2p_demo_command *command, const char *binary,
                            const char *dir, const char *const *words,
                            struct p2p_demo_said *said);
/* Takes in what it says for at most wait_ms; true once it has ended. */
bool p2p_demo_command_turn(struct p2p_demo_command *command, int wait_ms);
/* What it said; the command has ended. said is the caller's to deinit. */
void p2p_demo_command_said(struct p2p_demo_command *command, struct p2p_demo_said *said);
/* Ends one that still runs. Accepts one that has ended. */
void p2p_demo_command_stop(struct p2p_demo_command *command);

void p2p_demo_said_deinit(struct p2p_demo_said *said);
/* The first object it printed, or NULL. */
const json_t *p2p_demo_said_first(const struct p2p_demo_said *said);

/* A member of an object that is text; "" when it is not there. */
const char *p2p_demo_text(const json_t *object, const char *name);
json_int_t p2p_demo_number(const json_t *object, const char *name); /* -1 when it is none */

#endif
