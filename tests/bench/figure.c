#include "figure.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { FIGURES_MAX = 96 };

static struct figure figures[FIGURES_MAX];
static size_t figure_count;

static struct figure *find(const char *part, const char *name)
{
    for (size_t i = 0; i < figure_count; i++) {
        if (strcmp(figures[i].part, part) == 0 && strcmp(figures[i].name, name) == 0) {
            return &figures[i];
        }
    }
    return NULL;
}

static struct figure *add(const struct figure *figure, double sample, double ratio)
{
    struct figure *held = find(figure->part, figure->name);
    if (held == NULL && figure_count < FIGURES_MAX) {
        held = &figures[figure_count++];
        *held = *figure;
        held->sample_count = 0;
    }
    if (held != NULL && held->sample_count < FIGURE_SAMPLES_MAX) {
        held->ratios[held->sample_count] = ratio;
        held->samples[held->sample_count++] = sample;
    }
    return held;
}

void figure_add(const struct figure *figure, double sample)
{
    add(figure, sample, 0);
}

void figure_add_paired(const struct figure *figure, double sample, double limit)
{
    struct figure *held = add(figure, sample, limit > 0 ? sample / limit : 0);
    if (held != NULL) {
        held->paired = true;
    }
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of(const double *values, size_t n)
{
    double sorted[FIGURE_SAMPLES_MAX];
    if (n == 0) {
        return 0;
    }
    memcpy(sorted, values, n * sizeof(sorted[0]));
    qsort(sorted, n, sizeof(sorted[0]), ascending);
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double median(const struct figure *figure)
{
    return median_of(figure->samples, figure->sample_count);
}

double figure_value(const char *part, const char *name)
{
    const struct figure *figure = find(part, name);
    return figure == NULL ? 0 : median(figure);
}

static double ratio_of(const struct figure *figure);

/* What the machine could do at most, in the figure's unit; 0 when it was not measured. */
static double limit_of(const struct figure *figure)
{
    if (figure->paired) {
        return ratio_of(figure) > 0 ? median(figure) / ratio_of(figure) : 0;
    }
    double limit = figure->limit == NULL ? 0 : figure_value("limits", figure->limit);
    return limit * (figure->limit_scale > 0 ? figure->limit_scale : 1);
}

static double ratio_of(const struct figure *figure)
{
    if (figure->paired) {
        return median_of(figure->ratios, figure->sample_count);
    }
    double limit = limit_of(figure);
    return limit > 0 ? median(figure) / limit : 0;
}

static bool aim_met(const struct figure *figure)
{
    double value = median(figure);
    return figure->aim_type == AIM_NONE ||
           (figure->aim_type == AIM_AT_LEAST ? value >= figure->aim : value <= figure->aim);
}

static bool ratio_met(const struct figure *figure)
{
    return figure->ratio_aim <= 0 || ratio_of(figure) >= figure->ratio_aim;
}

static bool has_aim(const struct figure *figure)
{
    return figure->aim_type != AIM_NONE || figure->ratio_aim > 0;
}

static const char *verdict(const struct figure *figure)
{
    if (!has_aim(figure)) {
        return "";
    }
    if (aim_met(figure) && ratio_met(figure)) {
        return "met";
    }
    if (figure->ratio_aim > 0 && ratio_met(figure)) {
        return "NOT MET, though the ratio is";
    }
    return figure->ratio_aim > 0 && aim_met(figure) ? "NOT MET: the ratio" : "NOT MET";
}

void figures_count(size_t *aims, size_t *unmet)
{
    *aims = 0;
    *unmet = 0;
    for (size_t i = 0; i < figure_count; i++) {
        *aims += has_aim(&figures[i]);
        *unmet += has_aim(&figures[i]) && !(aim_met(&figures[i]) && ratio_met(&figures[i]));
    }
}

/* 1234567.8 as 1,234,568; small numbers with as many digits as matter. */
static const char *number(char out[32], double value)
{
    char plain[32];
    if (value < 100) {
        snprintf(out, 32, value < 10 ? "%.2f" : "%.1f", value);
        return out;
    }
    int len = snprintf(plain, sizeof(plain), "%.0f", value);
    char *to = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = plain[i];
    }
    *to = '\0';
    return out;
}

static void print_one(const struct figure *figure)
{
    char value[32];
    char aim[48] = "";
    char limit[48] = "";
    char ratio[64] = "";
    char text[32];
    if (figure->aim_type != AIM_NONE) {
        snprintf(aim, sizeof(aim), "%s %s",
                 figure->aim_type == AIM_AT_LEAST ? ">=" : "<=", number(text, figure->aim));
    }
    if (limit_of(figure) > 0) {
        snprintf(limit, sizeof(limit), "%s", number(text, limit_of(figure)));
        if (figure->ratio_aim > 0) {
            snprintf(ratio, sizeof(ratio), "%.2f (>= %.2f)", ratio_of(figure),
                     figure->ratio_aim);
        } else {
            snprintf(ratio, sizeof(ratio), "%.2f", ratio_of(figure));
        }
    }
    printf("  %-46s %12s %-5s %-12s %12s %-15s %s\n", figure->name,
           number(value, median(figure)), figure->unit, aim, limit, ratio, verdict(figure));
    if (has_aim(figure) && figure->unmet != NULL && verdict(figure)[0] == 'N') {
        printf("      %s\n", figure->unmet);
    }
}

static void print_machine(void)
{
    struct utsname name;
    char load[64] = "?";
    FILE *file = fopen("/proc/loadavg", "r");
    if (file != NULL) {
        if (fgets(load, sizeof(load), file) != NULL) {
            load[strcspn(load, "\n")] = '\0';
        }
        fclose(file);
    }
    printf("%ld cores, Linux %s, load %s\n", sysconf(_SC_NPROCESSORS_ONLN),
           uname(&name) == 0 ? name.release : "?", load);
}

static const char loud[] =
    "*** --quick: small numbers and few runs. These are no results; only that it works. ***";

static void print_part(const char *part)
{
    printf("%s\n", part);
    for (size_t i = 0; i < figure_count; i++) {
        if (strcmp(figures[i].part, part) == 0) {
            print_one(&figures[i]);
        }
    }
}

void figures_print(bool quick)
{
    print_machine();
    if (quick) {
        printf("%s\n", loud);
    }
    printf("  %-46s %12s %-5s %-12s %12s %-15s %s\n", "median", "", "", "aim", "limit", "ratio",
           "");
    for (size_t i = 0; i < figure_count; i++) {
        bool known = false;
        for (size_t k = 0; k < i; k++) {
            known = known || strcmp(figures[k].part, figures[i].part) == 0;
        }
        if (!known) {
            print_part(figures[i].part);
        }
    }
    if (quick) {
        printf("%s\n", loud);
    }
}

static json_t *figure_json(const struct figure *figure)
{
    json_t *samples = json_array();
    json_t *json = json_pack("{s:s, s:s, s:s, s:f}", "part", figure->part, "name", figure->name,
                             "unit", figure->unit, "median", median(figure));
    for (size_t i = 0; i < figure->sample_count; i++) {
        json_array_append_new(samples, json_real(figure->samples[i]));
    }
    json_object_set_new(json, "samples", samples);
    if (figure->aim_type != AIM_NONE) {
        json_object_set_new(json,
                            figure->aim_type == AIM_AT_LEAST ? "aim_at_least" : "aim_at_most",
                            json_real(figure->aim));
    }
    if (figure->paired) {
        json_t *ratios = json_array();
        for (size_t i = 0; i < figure->sample_count; i++) {
            json_array_append_new(ratios, json_real(figure->ratios[i]));
        }
        json_object_set_new(json, "ratios", ratios);
    }
    if (limit_of(figure) > 0) {
        json_object_set_new(json, "limit_name", json_string(figure->limit));
        json_object_set_new(json, "limit", json_real(limit_of(figure)));
        json_object_set_new(json, "ratio", json_real(ratio_of(figure)));
    }
    if (figure->ratio_aim > 0) {
        json_object_set_new(json, "ratio_at_least", json_real(figure->ratio_aim));
    }
    if (has_aim(figure)) {
        bool met = aim_met(figure) && ratio_met(figure);
        json_object_set_new(json, "met", json_boolean(met));
        if (!met && figure->unmet != NULL) {
            json_object_set_new(json, "reason", json_string(figure->unmet));
        }
    }
    return json;
}

bool figures_write(const char *path, bool quick, double took_s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < figure_count; i++) {
        json_array_append_new(list, figure_json(&figures[i]));
    }
    json_t *report =
        json_pack("{s:b, s:i, s:f, s:o}", "quick", quick, "cores",
                  (int)sysconf(_SC_NPROCESSORS_ONLN), "seconds", took_s, "figures", list);
    bool written = json_dump_file(report, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0;
    json_decref(report);
    return written;
}
