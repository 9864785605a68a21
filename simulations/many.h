/* Many runs, each in a process of its own: one that dies is a violation like any other, and all
 * cores are used. */
#ifndef SIM_MANY_H
#define SIM_MANY_H

#include "options.h"

/* Runs command->seeds seeds; a moving line tells how far it is. A violation ends them, once
 * all lower seeds ended: the lowest that failed is named on stdout, whatever ended first, and
 * the run is told from its story on stderr. What a violation or a signal left out is named, so
 * that another call can go on there. Returns the exit code. */
int sim_many(const struct sim_command *command);

#endif
