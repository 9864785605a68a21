#include "h2load.h"

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMES_MAX = 4 * 1024 * 1024 };

bool h2load_there(void)
{
    return access("/usr/bin/h2load", X_OK) == 0;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* A line of the log: start (us since 1970), status, duration (us). */
static bool read_log(FILE *log, struct load_result *result)
{
    double *times_ms = malloc(TIMES_MAX * sizeof(*times_ms));
    double first_us = 0;
    double last_us = 0;
    double start_us;
    double took_us;
    int status;
    size_t count = 0;
    while (times_ms != NULL && count < TIMES_MAX &&
           fscanf(log, "%lf %d %lf", &start_us, &status, &took_us) == 3) {
        if (status != 200) {
            result->refused++;
            snprintf(result->refusal, sizeof(result->refusal), "%d", status);
            continue;
        }
        first_us = count == 0 || start_us < first_us ? start_us : first_us;
        last_us = start_us + took_us > last_us ? start_us + took_us : last_us;
        times_ms[count++] = took_us / 1e3;
    }
    if (count > 0 && last_us > first_us) {
        qsort(times_ms, count, sizeof(times_ms[0]), ascending);
        result->answered = count;
        result->rate = (double)count / (last_us - first_us) * 1e6;
        result->p50_ms = times_ms[count / 2];
        result->p99_ms = times_ms[count * 99 / 100];
    }
    free(times_ms);
    return count > 0;
}

bool h2load_run(const struct load *load, const char *dir, struct load_result *result)
{
    char *command = NULL;
    char body_path[BENCH_PATH_BYTES];
    char log_path[BENCH_PATH_BYTES];
    char body[CLIENT_REQUEST_BYTES];
    *result = (struct load_result){0};
    snprintf(body_path, sizeof(body_path), "%.4000s/h2load.json", dir);
    snprintf(log_path, sizeof(log_path), "%.4000s/h2load.log", dir);
    unlink(log_path); /* it appends */
    FILE *file = fopen(body_path, "w");
    size_t len = load->make(load->context, load->first, body);
    if (file == NULL || fwrite(body, 1, len, file) != len || fclose(file) != 0) {
        return bench_fail("%s cannot be written", body_path);
    }
    /* Not -D: a run by time spends its answers on requests that it throws away. */
    if (asprintf(&command,
                 "h2load -n %.0f -c %u -t 1 -p h2c -d '%s' -H 'content-type: application/json' "
                 "--log-file='%s' -B 'unix:%s' 'http://localhost%s' >'%s.out' 2>&1",
                 load->seconds * 20000, load->connections, body_path, log_path,
                 load->socket_path, load->path, log_path) < 0) {
        return bench_fail("no memory for a command");
    }
    int status = system(command); /* nothing in it comes from outside */
    free(command);
    if (status != 0) {
        return bench_fail("h2load failed; see %s.out", log_path);
    }
    file = fopen(log_path, "r");
    bool read = file != NULL && read_log(file, result);
    if (file != NULL) {
        fclose(file);
    }
    return read || bench_fail("h2load wrote no log");
}
