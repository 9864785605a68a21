/* The one network of a test file: each test starts it, a teardown ends it. */
#ifndef NETWORK_FIXTURE_H
#define NETWORK_FIXTURE_H

#include "network_twin.h"

extern struct network net;

/* Nodes 1 to `nodes`, all connected, at rest and two seconds old. */
void network_start(uint32_t nodes, uint32_t witnesses, uint64_t seed);
/* As options say, which may admit other members than run. */
void network_start_as(const struct network_options *options);
/* The same in a line, each connected to the next. */
void network_chain(uint32_t nodes, uint32_t witnesses, uint64_t seed);
/* All nodes hold all of everything. */
bool network_even(void);

/* Of four nodes, of which two of 1, 2 and 3 witness feed 4: begins a fork of it. All of it is
 * cosigned, and what follows is signed within one second, since the network looks at the order
 * of times; 1 and 2 hear of it from 4 alone, and 3 hears nothing. The moment is for the second
 * history. */
struct network_moment network_fork_begin(void);
/* Node 4 starts over from there, shows one note more to 3 and to nobody else, and dies; 1 and 3
 * are connected, and nothing went between them yet. Takes the moment. */
void network_fork_show(struct network_moment *before);

/* A cmocka teardown. */
int network_stop(void **state);

#endif
