#include "schedule.h"

#include <p2p/assert.h>

#include <stdlib.h>

/* Of each event in the heap: half as many levels as with two, each of which is a place in
 * memory that was not touched for long. */
enum { CHILDREN = 4 };

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->number < b->number);
}

void sim_schedule_init(struct sim_schedule *schedule)
{
    *schedule = (struct sim_schedule){0};
}

void sim_schedule_deinit(struct sim_schedule *schedule)
{
    for (size_t i = 0; i < schedule->count; i++) {
        if (schedule->heap[i].drop != NULL) {
            schedule->heap[i].drop(schedule->heap[i].data);
        }
    }
    free(schedule->heap);
    *schedule = (struct sim_schedule){0};
}

void sim_schedule_at(struct sim_schedule *schedule, uint64_t at_us, sim_happening *run,
                     uint64_t subject, void *data, void (*drop)(void *data))
{
    if (schedule->count == schedule->cap) {
        schedule->cap = schedule->cap == 0 ? 1024 : 2 * schedule->cap;
        schedule->heap = realloc(schedule->heap, schedule->cap * sizeof(*schedule->heap));
        p2p_assert(schedule->heap != NULL);
    }
    const struct sim_event event = {.at_us =
                                        at_us > schedule->now_us ? at_us : schedule->now_us,
                                    .number = schedule->made++,
                                    .run = run,
                                    .subject = subject,
                                    .data = data,
                                    .drop = drop};
    size_t at = schedule->count++;
    while (at > 0 && before(&event, &schedule->heap[(at - 1) / CHILDREN])) {
        schedule->heap[at] = schedule->heap[(at - 1) / CHILDREN];
        at = (at - 1) / CHILDREN;
    }
    schedule->heap[at] = event;
}

static void sink(struct sim_schedule *schedule, struct sim_event event)
{
    size_t at = 0;
    for (;;) {
        size_t child = CHILDREN * at + 1;
        if (child >= schedule->count) {
            break;
        }
        size_t end = child + CHILDREN < schedule->count ? child + CHILDREN : schedule->count;
        for (size_t other = child + 1; other < end; other++) {
            child = before(&schedule->heap[other], &schedule->heap[child]) ? other : child;
        }
        if (!before(&schedule->heap[child], &event)) {
            break;
        }
        schedule->heap[at] = schedule->heap[child];
        at = child;
    }
    schedule->heap[at] = event;
}

bool sim_schedule_take(struct sim_schedule *schedule, uint64_t until_us, struct sim_event *out)
{
    if (schedule->count == 0 || schedule->heap[0].at_us > until_us) {
        if (until_us > schedule->now_us) {
            schedule->now_us = until_us;
        }
        return false;
    }
    *out = schedule->heap[0];
    schedule->now_us = out->at_us;
    schedule->count--;
    if (schedule->count > 0) {
        sink(schedule, schedule->heap[schedule->count]);
    }
    return true;
}
