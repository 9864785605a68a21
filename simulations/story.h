/* The story of a run: its last events in words, and its summary.
 *
 * Every trace that a node's writer hands to p2p_events_add comes here with its machine's name,
 * as do the faults. The newest SIM_STORY_LINES are kept; a run that fails prints them. A digest
 * over all lines and everything sent shows that two runs were the same. */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include <p2p/event.h>

#include <stdio.h>

#define SIM_STORY_LINES      400u
#define SIM_STORY_LINE_BYTES 160u

struct sim_line {
    uint64_t at_us;
    const char *who;
    bool is_trace;
    union {
        struct p2p_event_entry trace; /* put into words when it is printed */
        char text[SIM_STORY_LINE_BYTES];
    };
};

struct sim_story {
    struct sim_line *lines; /* a ring */
    uint64_t count;
    uint64_t digest[2]; /* of all that was told and sent; against accidents, not enemies */
    FILE *live;         /* also printed at once; NULL: not */
};

void sim_story_init(struct sim_story *story);
void sim_story_deinit(struct sim_story *story);
/* [t] who: what. who lives as long as the story. */
void sim_story_tell(struct sim_story *story, uint64_t now_us, const char *who,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
void sim_story_trace(struct sim_story *story, uint64_t now_us, const char *who,
                     const struct p2p_event_entry *entry);
/* Takes bytes into the digest only. */
void sim_story_mix(struct sim_story *story, const void *bytes, size_t len);
void sim_story_print(const struct sim_story *story, FILE *out);

#endif
