/* The schedule: what happens when, in simulated time. A heap of events in order of (time,
 * number of their making), so that two events of one microsecond have one order in every run.
 */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MS     UINT64_C(1000) /* simulated microseconds */
#define SIM_SECOND (1000 * SIM_MS)
#define SIM_MINUTE (60 * SIM_SECOND)
#define SIM_HOUR   (60 * SIM_MINUTE)

struct sim;

/* data, when not NULL, is freed by run, or by the schedule's end. */
typedef void sim_happening(struct sim *sim, uint64_t subject, void *data);

struct sim_event {
    uint64_t at_us;
    uint64_t number;
    sim_happening *run;
    uint64_t subject;
    void *data;
    void (*drop)(void *data); /* of data that was never run; NULL: nothing to free */
};

struct sim_schedule {
    struct sim_event *heap;
    size_t count, cap;
    uint64_t made;
    uint64_t now_us;
};

void sim_schedule_init(struct sim_schedule *schedule);
void sim_schedule_deinit(struct sim_schedule *schedule);
/* at_us in the past means now. */
void sim_schedule_at(struct sim_schedule *schedule, uint64_t at_us, sim_happening *run,
                     uint64_t subject, void *data, void (*drop)(void *data));
/* Takes the next event no later than until_us and sets now to its time; false, with now at
 * until_us, when there is none. */
bool sim_schedule_take(struct sim_schedule *schedule, uint64_t until_us, struct sim_event *out);

#endif
