/* LMDB's own synced commits, to be compared with the node's: one commit at a time, so that they
 * can be measured in turn with what they are the limit of. */
#ifndef BENCH_LIMIT_COMMIT_H
#define BENCH_LIMIT_COMMIT_H

#include "bench.h"

#include <lmdb.h>

struct commits {
    MDB_env *env;
    MDB_dbi dbi;
    uint64_t next;
    char path[BENCH_PATH_BYTES];
};

/* Makes an empty environment in a directory. False when it cannot; it has been said why. */
bool commits_open(struct commits *commits, const char *dir);
/* Removes it. */
void commits_close(struct commits *commits);
/* One synced commit of so many puts. */
bool commits_once(struct commits *commits, unsigned puts);

#endif
