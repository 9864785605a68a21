/* What each test of the watcher's custody begins with: c, made by setup and ended by teardown.
 */
#ifndef CUSTODY_WATCH_CASE_H
#define CUSTODY_WATCH_CASE_H

#include "check.h"

#include "custody_watch.h"

static struct custody_watch c;

static inline int setup(void **state)
{
    (void)state;
    custody_watch_init(&c);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    custody_watch_deinit(&c);
    return 0;
}

/* The container is let out under its token and its right, at the epoch of its open. */
static inline void leave(void)
{
    struct p2p_record_id use = custody_watch_use(&c, 1);
    custody_watch_left(&c, &use);
}

#endif
