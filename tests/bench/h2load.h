/* h2load of nghttp2-client as a load; the same question over and over. */
#ifndef BENCH_H2LOAD_H
#define BENCH_H2LOAD_H

#include "client.h"

bool h2load_there(void);
/* dir: for its input and its log of every request. */
bool h2load_run(const struct load *load, const char *dir, struct load_result *result);

#endif
