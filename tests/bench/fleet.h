/* Two nodes of a sandbox, or more, as processes of their own, and what /proc says about them.
 */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include "bench.h"

#include <jansson.h>
#include <sys/types.h>

struct fleet_node {
    char dir[BENCH_PATH_BYTES];    /* the node's directory */
    char socket[BENCH_PATH_BYTES]; /* its node.sock */
    pid_t pid;                     /* 0: not running */
    double ready_s;                /* from start to the line that says ready */
};

#define FLEET_MORE_MAX 5u

struct fleet {
    const struct bench *bench;
    char dir[BENCH_PATH_BYTES];
    struct fleet_node a; /* beanr: writes */
    struct fleet_node b; /* bezee: mirrors, and answers */
    struct fleet_node more[FLEET_MORE_MAX];
    size_t more_count;
    double patience_s; /* to come together, and to be ready for custody; a minute at first */
    bool stays;        /* what was kept is there for another run: fleet_close leaves it */
};

/* Makes a sandbox of two members in bench->dir/NAME. */
bool fleet_open(struct fleet *fleet, const struct bench *bench, const char *name);
/* The same with more members, FLEET_MORE_MAX at most: node directories of the same names. */
bool fleet_open_with(struct fleet *fleet, const struct bench *bench, const char *name,
                     const char *const *more, size_t more_count);
/* Takes up the two members of a fleet of that name that stayed, as they were when they were
 * kept (fleet_keep), instead of making a sandbox. */
bool fleet_reopen(struct fleet *fleet, const struct bench *bench, const char *name);
/* Stops what runs, and removes everything, but for what stays. */
void fleet_close(struct fleet *fleet);
/* Starts `serve` and waits until it says ready. */
bool fleet_start(struct fleet *fleet, struct fleet_node *node);
/* Starts all, the first at last; waits until they are connected, and ready for custody. */
bool fleet_start_all(struct fleet *fleet);
/* SIGTERM, and waits for its end. */
bool fleet_stop(struct fleet_node *node);
/* Keeps a copy of a stopped node's directory and its checkpoint copy, or brings it back. */
bool fleet_keep(struct fleet *fleet, const struct fleet_node *node);
bool fleet_bring_back(struct fleet *fleet, const struct fleet_node *node);
/* Runs `bench --child WHAT DIR COUNT` and reads the JSON line it prints; NULL when it failed.
 * The caller frees it. */
json_t *fleet_child(const struct fleet *fleet, const char *what, const struct fleet_node *node,
                    size_t count);

/* Runs the node's program, argv[0] set by this, and drops what it prints; seconds [out]: how
 * long it took until it ended well. */
bool fleet_run(const struct fleet *fleet, const char *argv[], double *seconds);

/* kB of RssAnon; 0 when it cannot be read. */
double fleet_rss_kb(const struct fleet_node *node);
/* Seconds of CPU that the process has used. */
double fleet_cpu_s(const struct fleet_node *node);
/* GET path as JSON, over a connection of its own; NULL when that fails. */
json_t *fleet_get(const struct fleet_node *node, const char *path);
/* What node holds of a feed; 0 when it cannot be asked. */
double fleet_size(const struct fleet_node *node, const char *feed);
/* Waits until node holds that much of a feed; the time is when it was first seen. */
bool fleet_wait_size(const struct fleet_node *node, const char *feed, double size,
                     double timeout_s, double *when_s);
/* Waits until all have sessions with each other and nothing is behind. */
bool fleet_wait_connected(const struct fleet *fleet);
/* Waits until a node's witnesses have answered, so that it acts on the custody that it holds.
 */
bool fleet_wait_custody(const struct fleet *fleet, const struct fleet_node *node);
/* Bytes on the TLS sockets of this node's peers, both ways. */
double fleet_wire_bytes(const struct fleet_node *node);

#endif
