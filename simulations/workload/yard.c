#include "yard.h"

#include "chance.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAD_PERMILLE 50u /* of numbers: painted with a wrong check digit */

static void number(struct sim_box *box, struct sim_chance *chance)
{
    static const char *const owners[] = {"MSCU", "CSQU", "HBMU", "TLLU", "PTPU"};
    char text[P2P_CONTAINER_BYTES + 1];
    snprintf(text, sizeof(text), "%s%06u0", owners[sim_chance_below(chance, 5)],
             (unsigned)sim_chance_below(chance, 1000000));
    int digit = p2p_container_digit(text);
    p2p_assert(digit >= 0 && digit < 10);
    if (sim_chance_permille(chance, BAD_PERMILLE)) {
        digit = (digit + 1) % 10;
    }
    text[P2P_CONTAINER_BYTES - 1] = (char)('0' + digit);
    snprintf(box->number, sizeof(box->number), "%s", text);
}

void sim_yard_init(struct sim_yard *yard, uint64_t seed, uint32_t boxes)
{
    struct sim_chance chance = sim_chance_of(seed, "yard", 0);
    *yard = (struct sim_yard){.box_count = boxes};
    yard->boxes = calloc(boxes + 1u, sizeof(*yard->boxes));
    p2p_assert(yard->boxes != NULL);
    for (uint32_t i = 0; i < boxes; i++) {
        number(&yard->boxes[i], &chance);
    }
}

void sim_yard_deinit(struct sim_yard *yard)
{
    free(yard->boxes);
    free(yard->openings);
    *yard = (struct sim_yard){0};
}

void sim_yard_arrive(struct sim_yard *yard, uint32_t box, uint32_t port)
{
    struct sim_box *arrives = &yard->boxes[box];
    p2p_assert(box < yard->box_count);
    if (!arrives->stands) {
        arrives->visit++;
        arrives->trip_count = 0;
        memset(arrives->trips, 0, sizeof(arrives->trips));
    }
    arrives->stands = true;
    arrives->port = port;
}

void sim_yard_leave(struct sim_yard *yard, const char *number, uint32_t port)
{
    for (uint32_t i = 0; i < yard->box_count; i++) {
        struct sim_box *box = &yard->boxes[i];
        if (strcmp(box->number, number) == 0 && box->port == port) {
            box->stands = false;
        }
    }
}

void sim_yard_opened(struct sim_yard *yard, const struct sim_opening *opening)
{
    if (yard->opening_count == yard->opening_cap) {
        yard->opening_cap = yard->opening_cap ? 2 * yard->opening_cap : 16;
        yard->openings = realloc(yard->openings, yard->opening_cap * sizeof(*yard->openings));
        p2p_assert(yard->openings != NULL && yard->opening_cap <= SIM_OPENINGS_MAX);
    }
    yard->openings[yard->opening_count++] = *opening;
}

const struct sim_opening *sim_yard_opening(const struct sim_yard *yard,
                                           const struct p2p_record_id *token)
{
    for (uint32_t i = yard->opening_count; i > 0; i--) {
        if (p2p_record_id_compare(&yard->openings[i - 1].token, token) == 0) {
            return &yard->openings[i - 1];
        }
    }
    return NULL;
}

bool sim_yard_stands(const struct sim_yard *yard, const struct sim_opening *opening)
{
    const struct sim_box *box = &yard->boxes[opening->box];
    return box->stands && box->visit == opening->visit;
}

static bool is_among(const struct p2p_subject *one, const struct p2p_subject *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (one->type == all[i].type && strcmp(one->value, all[i].value) == 0) {
            return true;
        }
    }
    return false;
}

bool sim_yard_named(const struct sim_yard *yard, const char *number,
                    const struct p2p_subject *presented, size_t count, uint64_t now_ms,
                    bool overruled)
{
    for (uint32_t b = 0; b < yard->box_count; b++) {
        const struct sim_box *box = &yard->boxes[b];
        if (strcmp(box->number, number) != 0) {
            continue;
        }
        bool named = box->trip_count > SIM_TRIPS_MAX; /* some were forgotten */
        for (uint32_t i = 0; i < SIM_TRIPS_MAX && i < box->trip_count; i++) {
            const struct sim_trip *trip = &box->trips[i];
            bool in_time =
                trip->until_ms == 0 || (now_ms >= trip->from_ms && now_ms < trip->until_ms);
            bool fits =
                in_time && (!trip->has_truck || is_among(&trip->truck, presented, count));
            named = named || (is_among(&trip->driver, presented, count) && (overruled || fits));
        }
        return named;
    }
    return false;
}

bool sim_yard_opened_twice(const struct sim_yard *yard, const struct sim_opening *opening)
{
    for (uint32_t i = 0; i < yard->opening_count; i++) {
        const struct sim_opening *other = &yard->openings[i];
        if (other->box == opening->box && other->visit == opening->visit &&
            other->member != opening->member) {
            return true;
        }
    }
    return false;
}
