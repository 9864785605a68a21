/* The parts of the rights' benchmark. Each adds its figures to `part`, a string that stays. */
#ifndef BENCH_RIGHTS_H
#define BENCH_RIGHTS_H

#include "right_load.h"

/* collect.c: collects rights of the set from number `from` on, each by its driver. */
bool bench_collect(struct right_set *set, size_t from, size_t count, const char *part);
/* transfer.c: makes rights of its own, from container `first` on. */
bool bench_transfer(const struct fleet *fleet, uint64_t first, size_t count, const char *part);
/* bulk.c: so many rights of a ship at once, in a federation of seven of its own; and at the two
 * nodes of a fleet, from container `first` on. */
#define BULK_RIGHTS       5000u
#define BULK_QUICK_RIGHTS 500u
bool bench_bulk(const struct bench *bench);
bool bench_bulk_loaded(const struct fleet *fleet, uint64_t first, const char *part);

#endif
