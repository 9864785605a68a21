/* The clocks of one simulated machine: p2p/clock.h for the node's writer. */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include "chance.h"

/* What goes wrong with clocks. The system promises: no fold changes whatever a clock says; a
 * prohibition stays in force when a clock is wrong; a permission does not come into force by
 * it; disagreement is an alarm. The monotonic clock is trusted never to go back while a machine
 * runs. */
struct sim_clock_options {
    uint32_t skew_ms;           /* of wall clocks, at most, either way */
    uint32_t year_off_permille; /* of faults: the wall clock is a year off, either way */
    uint32_t back_permille;     /* the wall clock jumps back by up to a day */
    uint32_t frozen_permille;   /* the wall clock stands still */
};

struct sim_clock {
    int64_t wall_offset_ms; /* from true time */
    uint64_t frozen_at_ms;  /* what it says while it stands; 0: it goes */
    struct sim_chance entropy;
};

#endif
