/* Many connections to one node, each with one request under way. */
#include "bench.h"
#include "client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMES_MAX = 4 * 1024 * 1024, WAIT_MS = 10000 };

struct run {
    const struct load *load;
    struct load_result *result;
    struct client *clients;
    struct pollfd *polls;
    uint64_t *asked; /* the number of each client's request */
    float *times_ms;
    uint64_t next;
};

static bool ask(struct run *run, unsigned at)
{
    const struct load *load = run->load;
    char body[CLIENT_REQUEST_BYTES];
    run->asked[at] = run->next++;
    size_t len = load->make(load->context, run->asked[at], body);
    return client_ask(&run->clients[at], "POST", load->path, body, len);
}

static bool all_asked(const struct run *run)
{
    return run->load->count > 0 && run->next - run->load->first >= run->load->count;
}

static void note(struct run *run, unsigned at, double now_s)
{
    const struct load *load = run->load;
    const struct client *client = &run->clients[at];
    struct load_result *result = run->result;
    if (client->status != 200 ||
        (load->answered != NULL &&
         !load->answered(load->context, run->asked[at], client->body))) {
        result->refused++;
        snprintf(result->refusal, sizeof(result->refusal), "%u %.200s", client->status,
                 client->body);
        return;
    }
    if (result->answered < TIMES_MAX) {
        run->times_ms[result->answered] = (float)((now_s - client->begun_s) * 1e3);
    }
    result->answered++;
}

/* Until the time is over and all have been answered. */
static bool drive(struct run *run)
{
    unsigned connections = run->load->connections;
    double begin = bench_now_s();
    double until = begin + run->load->seconds;
    double last = begin;
    unsigned waiting = 0;
    for (unsigned i = 0; i < connections; i++) {
        run->polls[i] = (struct pollfd){.fd = -1, .events = POLLIN};
        if (all_asked(run)) {
            continue;
        }
        run->polls[i].fd = run->clients[i].fd;
        waiting++;
        if (!ask(run, i)) {
            return false;
        }
    }
    while (waiting > 0) {
        if (poll(run->polls, connections, WAIT_MS) <= 0) {
            return bench_fail("%s gave no answer for 10 s", run->load->socket_path);
        }
        for (unsigned i = 0; i < connections; i++) {
            struct client *client = &run->clients[i];
            if ((run->polls[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) {
                continue;
            }
            if (!client_pump(client)) {
                return bench_fail("a connection to %s broke", run->load->socket_path);
            }
            if (client->waiting || run->polls[i].fd < 0) {
                continue;
            }
            last = bench_now_s();
            note(run, i, last);
            if (last >= until || all_asked(run)) {
                run->polls[i].fd = -1;
                waiting--;
            } else if (!ask(run, i)) {
                return false;
            }
        }
    }
    run->result->rate = (double)run->result->answered / (last - begin);
    return true;
}

static int ascending(const void *left, const void *right)
{
    float a = *(const float *)left;
    float b = *(const float *)right;
    return (a > b) - (a < b);
}

static void take_percentiles(struct run *run)
{
    size_t n = run->result->answered < TIMES_MAX ? (size_t)run->result->answered : TIMES_MAX;
    if (n > 0) {
        qsort(run->times_ms, n, sizeof(run->times_ms[0]), ascending);
        run->result->p50_ms = run->times_ms[n / 2];
        run->result->p99_ms = run->times_ms[n * 99 / 100];
    }
}

bool load_run(const struct load *load, struct load_result *result)
{
    struct run run = {.load = load, .result = result, .next = load->first};
    bool good = load->connections <= LOAD_CONNECTIONS_MAX;
    *result = (struct load_result){0};
    run.clients = calloc(load->connections, sizeof(*run.clients));
    run.polls = calloc(load->connections, sizeof(*run.polls));
    run.asked = calloc(load->connections, sizeof(*run.asked));
    run.times_ms = malloc(TIMES_MAX * sizeof(*run.times_ms));
    good = good && run.clients != NULL && run.polls != NULL && run.asked != NULL &&
           run.times_ms != NULL;
    for (unsigned i = 0; i < load->connections && good; i++) {
        good = client_open(&run.clients[i], load->socket_path);
    }
    good = good && drive(&run);
    if (good) {
        take_percentiles(&run);
    }
    for (unsigned i = 0; run.clients != NULL && i < load->connections; i++) {
        client_close(&run.clients[i]);
    }
    free(run.clients);
    free(run.polls);
    free(run.asked);
    free(run.times_ms);
    return good;
}
