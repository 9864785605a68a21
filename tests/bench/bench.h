/* The benchmark: what ./dev bench measures, beside the limits of the machine in the same run.
 *
 * A figure is the median of a few samples, with its aim and, where there is one, the limit it
 * is compared with. Two real nodes, beanr and bezee, and five more for a bulk release, are
 * processes of their own in a sandbox below build/bench, on the same cores, with TLS and synced
 * commits; what is measured "in the library" runs in a child of the benchmark itself
 * (loader.h), so that no part's memory or threads weigh on another. Any step that fails ends
 * its part with a sentence, never with a number. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_PATH_BYTES 4096u

struct bench {
    bool quick;
    bool full;        /* ten million records in an archive, a million rights */
    bool keep;        /* rights that are loaded stay for the next run, or are there */
    const char *only; /* a part's name, or NULL for all */
    char self[BENCH_PATH_BYTES]; /* this program */
    char node[BENCH_PATH_BYTES]; /* the node's */
    char dir[BENCH_PATH_BYTES];  /* data of this run; emptied first */
    char report[BENCH_PATH_BYTES];
    double started_s;
};

double bench_now_s(void);
void bench_pause_ms(long ms);
/* Says on standard error what is going on. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says what went wrong; returns false, for `return bench_fail(...)`. */
bool bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The parts; false: it could not be measured, and it has been said why. */
bool bench_limits(const struct bench *bench);
bool bench_appends(const struct bench *bench);
bool bench_catchup(const struct bench *bench);
bool bench_signed(const struct bench *bench);
bool bench_latency(const struct bench *bench);
bool bench_gate(const struct bench *bench);
bool bench_export(const struct bench *bench);
bool bench_audit(const struct bench *bench);
bool bench_rights(const struct bench *bench);
bool bench_collects(const struct bench *bench); /* of bench_rights, what is collected */

/* Another sample of a limit, next to what is compared with it: a machine that others use too
 * changes from minute to minute. */
void bench_limit_hash(const struct bench *bench);
double bench_limit_verify(const struct bench *bench); /* the sample, per second */
/* How many times as much two threads verify as one; the machine's cores need not be whole ones.
 */
double bench_limit_scaling(const struct bench *bench);
bool bench_limit_commit(const struct bench *bench);

/* limit_tls.c: bytes per second from one thread to another through node/transport; 0 when it
 * cannot be measured. */
double bench_tls_bytes_per_s(double bytes);

/* loader.c: what runs in the children, `bench --child WHAT DIR COUNT`; the exit code. */
int bench_child(int argc, char **argv);

#endif
