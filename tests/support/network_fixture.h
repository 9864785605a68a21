/* The one network of a test file: each test starts it, a teardown ends it. */
#ifndef NETWORK_FIXTURE_H
#define NETWORK_FIXTURE_H

#include "network.h"

extern struct network net;

/* Nodes 1 to `nodes`, all connected, at rest and two seconds old. */
void network_start(uint32_t nodes, uint32_t witnesses, uint64_t seed);
/* As options say, which may admit other members than run. */
void network_start_as(const struct network_options *options);
/* The same in a line, each connected to the next. */
void network_chain(uint32_t nodes, uint32_t witnesses, uint64_t seed);
/* All nodes hold all of everything. */
bool network_even(void);
/* A cmocka teardown. */
int network_stop(void **state);

#endif
