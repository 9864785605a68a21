/* A long history as an archive, made with the keys of a sandbox and without a node: what an
 * audit is measured on. The mix: 60 % decisions, 30 % bans and lifts, 10 % `seen`, each in a
 * record of its own, on two feeds that have seen each other's; a head every 512 records, signed
 * and cosigned; every payload held. */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include <stddef.h>
#include <stdint.h>

/* `bench --child history DIR N`: DIR is beanr's in a sandbox of beanr and bezee; the archive
 * takes DIR's place with `.archive` behind it. Prints records and seconds. */
int bench_child_history(const char *dir, size_t count);
/* When so many of its records had been written, in milliseconds. */
uint64_t bench_history_ms(uint64_t records);
/* `bench --child verify DIR HOW`: 0 integrity alone, 1 with the replay, 2 with issuers'
 * signatures too; both before without them; 3 the same as 2, on one thread. Prints records,
 * seconds, signatures, rss_kb, findings. */
int bench_child_verify(const char *dir, size_t how);

#endif
