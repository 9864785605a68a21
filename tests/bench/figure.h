/* Figures: what was measured, what was hoped for, and how near the machine's limit it comes. */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#define FIGURE_SAMPLES_MAX 16u

enum figure_aim { AIM_NONE, AIM_AT_LEAST, AIM_AT_MOST };

struct figure {
    const char *part; /* static strings all */
    const char *name;
    const char *unit;
    enum figure_aim aim_type;
    double aim;
    const char *limit;  /* a figure of part "limits" to be compared with, or NULL */
    double limit_scale; /* limit in this figure's unit = limit_scale * limit; 0: 1 */
    double ratio_aim;   /* at least this much of the limit; 0: only shown */
    const char *unmet;  /* why not, where known: said only if it is not met */
    /* filled in by figure_add */
    double samples[FIGURE_SAMPLES_MAX];
    double ratios[FIGURE_SAMPLES_MAX]; /* to the limit, where it was measured beside it */
    size_t sample_count;
    bool paired; /* ratios counts, not the limit's own median */
};

/* Samples of a figure with the same part and name belong together; more than
 * FIGURE_SAMPLES_MAX are dropped. The rest of `figure` is taken from the first. */
void figure_add(const struct figure *figure, double sample);
/* A sample with the limit as it was just then: a shared machine changes from second to second,
 * so that a ratio of two medians from different minutes says nothing. The ratio is then the
 * median of these. */
void figure_add_paired(const struct figure *figure, double sample, double limit);
/* The median so far; 0 when there is none. */
double figure_value(const char *part, const char *name);
/* The table on standard output. */
void figures_print(bool quick);
/* Returns false when the file cannot be written. */
bool figures_write(const char *path, bool quick, double took_s);
/* Counts: how many figures have an aim, and how many of those do not meet it. */
void figures_count(size_t *aims, size_t *unmet);

#endif
