/* The story of a run: its last events in words, and its summary.
 *
 * Every trace that a node's writer hands to p2p_events_add comes here with its machine's name,
 * as do the faults. The newest SIM_STORY_LINES are kept; a run that fails prints them. A digest
 * over all lines and everything sent shows that two runs were the same. */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include <p2p/hash.h>

#include <stdio.h>

#define SIM_STORY_LINES      400u
#define SIM_STORY_LINE_BYTES 160u

struct sim_story {
    char (*lines)[SIM_STORY_LINE_BYTES]; /* a ring */
    uint64_t count;
    struct p2p_hash digest;
    FILE *live; /* also printed at once; NULL: not */
};

void sim_story_init(struct sim_story *story);
void sim_story_deinit(struct sim_story *story);
/* [t] who: what */
void sim_story_tell(struct sim_story *story, uint64_t now_us, const char *who,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Takes bytes into the digest only. */
void sim_story_mix(struct sim_story *story, const void *bytes, size_t len);
void sim_story_print(const struct sim_story *story, FILE *out);

#endif
