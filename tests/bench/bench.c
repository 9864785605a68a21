#include "bench.h"

#include "figure.h"

#include <p2p/key.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct part {
    const char *name;
    bool (*run)(const struct bench *bench);
    bool of_another; /* a piece of another part, run only when it is named */
} parts[] = {
    {"limits", bench_limits, false},   {"catchup", bench_catchup, false},
    {"signed", bench_signed, false},   {"latency", bench_latency, false},
    {"appends", bench_appends, false}, {"gate", bench_gate, false},
    {"export", bench_export, false},   {"audit", bench_audit, false},
    {"rights", bench_rights, false},   {"collect", bench_collects, true},
};
enum { PART_COUNT = sizeof(parts) / sizeof(parts[0]) };

static double started_s;

double bench_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

void bench_say(const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%4.0f s  ", bench_now_s() - started_s);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

bool bench_fail(const char *format, ...)
{
    va_list args;
    fputs("bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

static void usage(FILE *out)
{
    fputs(
        "usage: bench [--quick | --full] [--keep] [--only PART] [--dir DIR] [--node BINARY]\n\n"
        "Measures two nodes on this machine, and the machine itself; writes the table here "
        "and\n"
        "report.json into DIR (build/bench). --quick takes a minute and proves nothing.\n"
        "--full audits ten million records, not one, which takes 4 GB of DIR, and loads "
        "1,000,000\n"
        "rights and 100,000 bans, not 20,000 and 10,000, which takes 4 GB more.\n"
        "--keep leaves the nodes that were loaded with rights in DIR/rights, as they were "
        "before\n"
        "anything else was measured, and a next run with --keep measures these: twice as much "
        "of DIR.\n"
        "Parts:",
        out);
    for (size_t i = 0; i < PART_COUNT; i++) {
        fprintf(out, " %s", parts[i].name);
    }
    fputs("\nExit: 0 measured, whether the aims are met or not; 1 something could not be "
          "measured;\n2 usage.\n",
          out);
}

static bool known_part(const char *name)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* argv[at] takes a value; NULL with a sentence when there is none. */
static const char *value_of(int argc, char **argv, int at)
{
    if (at + 1 < argc) {
        return argv[at + 1];
    }
    bench_fail("%s needs a value", argv[at]);
    return NULL;
}

static int read_options(struct bench *bench, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--quick") == 0) {
            bench->quick = true;
            continue;
        }
        if (strcmp(argv[i], "--full") == 0) {
            bench->full = true;
            continue;
        }
        if (strcmp(argv[i], "--keep") == 0) {
            bench->keep = true;
            continue;
        }
        if (strcmp(argv[i], "--only") != 0 && strcmp(argv[i], "--dir") != 0 &&
            strcmp(argv[i], "--node") != 0) {
            bench_fail("it does not know %s", argv[i]);
            usage(stderr);
            return 2;
        }
        if ((value = value_of(argc, argv, i)) == NULL) {
            return 2;
        }
        if (strcmp(argv[i], "--only") == 0) {
            bench->only = value;
        } else if (strcmp(argv[i], "--dir") == 0) {
            snprintf(bench->dir, sizeof(bench->dir), "%s", value);
        } else {
            snprintf(bench->node, sizeof(bench->node), "%s", value);
        }
        i++;
    }
    if (bench->quick && bench->full) {
        bench_fail("--quick and --full are two things");
        return 2;
    }
    if (bench->only != NULL && !known_part(bench->only)) {
        bench_fail("there is no part %s", bench->only);
        usage(stderr);
        return 2;
    }
    return -1;
}

/* This program lies in build/PRESET/tests/bench, the node in build/PRESET/node. */
static bool find_paths(struct bench *bench)
{
    char up[BENCH_PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", bench->self, sizeof(bench->self) - 1);
    if (n <= 0) {
        return bench_fail("/proc/self/exe: %s", strerror(errno));
    }
    bench->self[n] = '\0';
    snprintf(up, sizeof(up), "%.4000s", bench->self);
    for (unsigned i = 0; i < 3; i++) { /* the program, bench, tests */
        char *slash = strrchr(up, '/');
        if (slash == NULL) {
            return bench_fail("%s lies in no build folder", bench->self);
        }
        *slash = '\0';
    }
    snprintf(bench->node, sizeof(bench->node), "%.4000s/node/port2port", up);
    snprintf(bench->dir, sizeof(bench->dir), "%.4000s/../bench", up);
    return true;
}

/* The children's own paths are long, and a Unix socket's path may not be. */
static bool make_dir(struct bench *bench)
{
    char full[BENCH_PATH_BYTES];
    if (mkdir(bench->dir, 0700) != 0 && errno != EEXIST) {
        return bench_fail("%s: %s", bench->dir, strerror(errno));
    }
    if (realpath(bench->dir, full) == NULL) {
        return bench_fail("%s: %s", bench->dir, strerror(errno));
    }
    snprintf(bench->dir, sizeof(bench->dir), "%.4000s", full);
    snprintf(bench->report, sizeof(bench->report), "%.4000s/report.json", full);
    return access(bench->node, X_OK) == 0 ||
           bench_fail("%s is not there; build the node first", bench->node);
}

static int run_parts(const struct bench *bench)
{
    bool good = true;
    size_t aims;
    size_t unmet;
    for (size_t i = 0; i < PART_COUNT; i++) {
        bool asked = bench->only == NULL ? !parts[i].of_another
                                         : strcmp(bench->only, parts[i].name) == 0;
        bool limits = parts[i].run == bench_limits; /* what the others are compared with */
        if (asked || limits) {
            good = parts[i].run(bench) && good;
        }
    }
    figures_print(bench->quick);
    figures_count(&aims, &unmet);
    if (!figures_write(bench->report, bench->quick, bench_now_s() - started_s)) {
        good = bench_fail("%s cannot be written", bench->report);
    }
    printf("%zu of %zu aims met; it took %.0f s; %s\n", aims - unmet, aims,
           bench_now_s() - started_s, bench->report);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    started_s = bench_now_s();
    if (p2p_crypto_init() != P2P_OK) {
        return 1;
    }
    if (argc > 2 && strcmp(argv[1], "--child") == 0) {
        return bench_child(argc - 2, argv + 2);
    }
    if (!find_paths(&bench)) {
        return 1;
    }
    int exit = read_options(&bench, argc, argv);
    if (exit >= 0) {
        return exit;
    }
    return make_dir(&bench) ? run_parts(&bench) : 1;
}
