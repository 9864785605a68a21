#include "right_load.h"

#include <p2p/container.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRIVERS = 997, LOAD_S = 24 * 3600, PAUSE_MS = 1 };

static const char feed[] = "beanr/1:";

bool right_set_init(struct right_set *set, const struct fleet *fleet, uint64_t first,
                    size_t count)
{
    *set = (struct right_set){
        .fleet = fleet, .first = first, .count = count, .connections = RIGHT_CONNECTIONS};
    set->issued = calloc(count, sizeof(*set->issued));
    return set->issued != NULL || bench_fail("no memory for %zu rights", count);
}

void right_set_deinit(struct right_set *set)
{
    free(set->issued);
    *set = (struct right_set){0};
}

void right_id(const struct right_set *set, size_t i, char out[RIGHT_ID_BYTES])
{
    snprintf(out, RIGHT_ID_BYTES, "%s%llu", feed, (unsigned long long)set->issued[i]);
}

void right_container(char out[RIGHT_CONTAINER_BYTES], uint64_t n)
{
    snprintf(out, RIGHT_CONTAINER_BYTES, "PT%cU%06u", (char)('A' + n / 1000000 % 26),
             (unsigned)(n % 1000000));
    int digit = p2p_container_digit(out);
    snprintf(out + 10, RIGHT_CONTAINER_BYTES - 10, "%d", digit);
}

void right_driver(char card[RIGHT_SUBJECT_BYTES], char plate[RIGHT_SUBJECT_BYTES], uint64_t n)
{
    unsigned driver = (unsigned)(n % DRIVERS);
    snprintf(card, RIGHT_SUBJECT_BYTES, "card:alfapass:%07u", 1000000 + driver);
    snprintf(plate, RIGHT_SUBJECT_BYTES, "plate:BE:1PTP%03u", driver);
}

/* ---- the requests ---- */

/* One kind of request about every right of a set. */
struct step {
    struct right_set *set;
    const char *as;
    const char *more; /* of the body */
};

static size_t open_body(void *context, uint64_t n, char *out)
{
    const struct step *step = context;
    char box[RIGHT_CONTAINER_BYTES];
    right_container(box, step->set->first + n);
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES,
                            "{\"as\":\"%s\",\"container\":\"%s\",\"call\":\"PTP EXPRESS 41\","
                            "\"facility\":\"beanr-f1\"}",
                            step->as, box);
}

static size_t issue_body(void *context, uint64_t n, char *out)
{
    const struct step *step = context;
    char box[RIGHT_CONTAINER_BYTES];
    right_container(box, step->set->first + n);
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES,
                            "{\"as\":\"%s\",\"container\":\"%s\",\"bl\":\"PTP41%06llu\","
                            "\"to\":\"%s\"}",
                            step->as, box, (unsigned long long)n, step->more);
}

static bool note_issue(void *context, uint64_t n, const char *body)
{
    const struct step *step = context;
    const char *id = strstr(body, feed);
    if (id == NULL) {
        return false;
    }
    step->set->issued[n] = strtoull(id + sizeof(feed) - 1, NULL, 10);
    return true;
}

static size_t request_body(void *context, uint64_t n, char *out)
{
    const struct step *step = context;
    char id[RIGHT_ID_BYTES];
    right_id(step->set, (size_t)n, id);
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES, "{\"as\":\"%s\",\"id\":\"%s\"%s}",
                            step->as, id, step->more);
}

static size_t assign_body(void *context, uint64_t n, char *out)
{
    const struct step *step = context;
    char id[RIGHT_ID_BYTES];
    char card[RIGHT_SUBJECT_BYTES];
    char plate[RIGHT_SUBJECT_BYTES];
    right_id(step->set, (size_t)n, id);
    right_driver(card, plate, step->set->first + n);
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES,
                            "{\"as\":\"%s\",\"id\":\"%s\",\"driver\":\"%s\",\"truck\":\"%s\"}",
                            step->as, id, card, plate);
}

size_t right_collect_body(void *context, uint64_t n, char *out)
{
    const struct right_set *set = context;
    char box[RIGHT_CONTAINER_BYTES];
    char card[RIGHT_SUBJECT_BYTES];
    char plate[RIGHT_SUBJECT_BYTES];
    right_container(box, set->first + n);
    right_driver(card, plate, set->first + n);
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES,
                            "{\"container\":\"%s\",\"subject\":[\"%s\",\"%s\"]}", box, card,
                            plate);
}

/* ---- a step for all ---- */

static bool ask_all(const struct step *step, const struct fleet_node *at, struct load *load,
                    double *seconds)
{
    struct load_result result;
    struct step context = *step;
    double begin = bench_now_s();
    load->socket_path = at->socket;
    load->connections = step->set->connections;
    load->seconds = LOAD_S;
    load->count = step->set->count;
    load->context = &context;
    if (!load_run(load, &result)) {
        return false;
    }
    if (seconds != NULL) {
        *seconds = bench_now_s() - begin;
    }
    return result.refused == 0 ||
           bench_fail("%s: %llu of the requests were refused, the last with %s", load->path,
                      (unsigned long long)result.refused, result.refusal);
}

bool right_set_open(struct right_set *set)
{
    struct load load = {.path = "/v1/custody", .make = open_body};
    return ask_all(&(struct step){set, "beanr-terminal", ""}, &set->fleet->a, &load, NULL);
}

bool right_set_issue(struct right_set *set, const char *to, double *seconds)
{
    struct load load = {.path = "/v1/rights", .make = issue_body, .answered = note_issue};
    return ask_all(&(struct step){set, "beanr-carrier", to}, &set->fleet->a, &load, seconds);
}

bool right_set_accept(struct right_set *set, const struct fleet_node *at, const char *party)
{
    struct load load = {.path = "/v1/rights/accept", .make = request_body};
    return ask_all(&(struct step){set, party, ""}, at, &load, NULL);
}

bool right_set_assign(struct right_set *set)
{
    struct load load = {.path = "/v1/rights/assign", .make = assign_body};
    return ask_all(&(struct step){set, "beanr-haulier", ""}, &set->fleet->a, &load, NULL);
}

bool right_set_lights(struct right_set *set)
{
    const struct step steps[] = {
        {set, "beanr-carrier", ",\"light\":\"commercial\",\"value\":\"ok\""},
        {set, "beanr-customs", ",\"light\":\"customs\",\"value\":\"released\""},
        {set, "beanr-terminal", ",\"light\":\"discharge\",\"value\":\"discharged\""},
        {set, "beanr-terminal", ",\"light\":\"terminal\",\"value\":\"released\""},
    };
    bool good = true;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && good; i++) {
        struct load load = {.path = "/v1/rights/light", .make = request_body};
        good = ask_all(&steps[i], &set->fleet->a, &load, NULL);
    }
    return good;
}

/* ---- what a node says ---- */

static bool is_so(const struct client *client, const char *state, const char *party)
{
    json_t *right = json_loadb(client->body, client->body_len, 0, NULL);
    const char *is = json_string_value(json_object_get(right, "state"));
    const char *of = json_string_value(json_object_get(right, "party"));
    bool so = is != NULL && strcmp(is, state) == 0 && of != NULL &&
              (party == NULL || strcmp(of, party) == 0) &&
              json_array_size(json_object_get(right, "unruled")) == 0;
    json_decref(right);
    return so;
}

bool right_wait(struct client *client, const char *id, const char *state, const char *party,
                double timeout_s)
{
    char path[64];
    double until = bench_now_s() + timeout_s;
    snprintf(path, sizeof(path), "/v1/rights/%s", id);
    while (bench_now_s() < until) {
        if (!client_call(client, "GET", path, NULL, 0)) {
            return bench_fail("a connection broke while %s was waited for", id);
        }
        if (client->status == 200 && is_so(client, state, party)) {
            return true;
        }
        bench_pause_ms(PAUSE_MS);
    }
    return bench_fail("%s was not %s within %.0f s, but %u: %.600s", id, state, timeout_s,
                      client->status, client->body);
}
