/* The node directories below one directory: a sandbox, or all nodes of a machine. Every
 * directory with a config.yaml counts; their order is that of their names. */
#ifndef P2P_CLI_FLEET_H
#define P2P_CLI_FLEET_H

#include "command.h"

#include <p2p/file.h>

#include <sys/types.h>

#define P2P_CLI_FLEET_MAX 256u

struct p2p_cli_member {
    char *name;
    char dir[P2P_PATH_BYTES_MAX];
    pid_t pid;  /* up, down: 0 none */
    int handle; /* down: a pidfd; -1 none */
    bool ours;  /* up: this process started it */
    bool ready; /* up */
    bool gone;  /* up, down: it ended */
};

struct p2p_cli_fleet {
    struct p2p_cli_member *members;
    size_t count;
};

/* dir is the call's first argument; further arguments name members, none means all. Says what
 * is wrong and returns the exit code, or 0. Given back with deinit in every case. */
int p2p_cli_fleet_init(struct p2p_cli_fleet *fleet, const struct p2p_cli_call *call);
void p2p_cli_fleet_deinit(struct p2p_cli_fleet *fleet);

/* The last line of a member's node.log that says something, cut; "" when there is none. */
const char *p2p_cli_last_words(const struct p2p_cli_member *member,
                               char out[P2P_CLI_SENTENCE_BYTES]);

#endif
