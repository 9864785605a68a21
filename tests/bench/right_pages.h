/* Lists read page by page, as a party reads them. */
#ifndef BENCH_RIGHT_PAGES_H
#define BENCH_RIGHT_PAGES_H

#include "fleet.h"

#define PAGES_MAX 400u

/* Reads at most so many pages of a list (path ends in its query) from the first on; rows: of
 * all of them. False with a sentence. */
bool pages_read(const struct fleet_node *node, const char *path, const char *array,
                size_t pages, size_t *rows, double *p95_ms);

#endif
