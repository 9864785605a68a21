#include "terminal_day.h"

#include "check.h"

#include <p2p/container.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned day_port(enum day_party party)
{
    return party == DAY_BARGE_TERMINAL || party == DAY_BARGE_HAULIER;
}

void day_container(unsigned box, char out[16])
{
    snprintf(out, 16, "PTPU%06u", 100001u + box);
    int digit = p2p_container_digit(out);
    snprintf(out + 10, 6, "%d", digit);
}

/* ---- the rules, one if each ---- */

static enum day_party holder(const struct day_box *box)
{
    return box->state == DAY_ACTIVE ? box->chain[box->parties - 1] : DAY_NOBODY;
}

static bool is_live(const struct day_box *box)
{
    return box->state == DAY_PENDING || box->state == DAY_ACTIVE || box->state == DAY_RETURNED;
}

/* What allows is ruled by who holds the box, and nobody does while it is under way. */
static bool is_ruled(const struct day_box *box)
{
    return box->open && !box->offered && !box->released;
}

static void back_to_giver(struct day_box *box)
{
    box->parties--;
    box->state = box->parties == 1 ? DAY_RETURNED : DAY_ACTIVE;
    box->driver = 0;
}

static enum day_answer collect(const struct day_box *box, const struct day_step *step)
{
    bool green = true;
    for (unsigned i = 0; i < DAY_LIGHTS; i++) {
        green = green && box->green[i];
    }
    if (box->released) {
        return DAY_USED;
    }
    if (!box->open || box->state == DAY_NONE) {
        return DAY_NO_RIGHT;
    }
    if (box->offered || (box->there ? 1u : 0u) != day_port(step->by)) {
        return DAY_ELSEWHERE;
    }
    if (!is_live(box)) {
        return DAY_NO_RIGHT;
    }
    if (box->state != DAY_ACTIVE || box->driver == 0) {
        return box->state == DAY_RETURNED ? DAY_NO_RIGHT : DAY_NOT_ACCEPTED;
    }
    if (box->blocked[0] || box->blocked[1]) {
        return DAY_BLOCKED;
    }
    if (!green) {
        return DAY_RED_LIGHT;
    }
    return box->driver == step->driver ? DAY_ALLOW : DAY_WRONG_DRIVER;
}

/* Does one step to a box, and says whether it changed anything that is told. */
static bool apply(struct day_box *box, struct day_step *step)
{
    unsigned blocker = step->by == DAY_POLICE;
    switch (step->verb) {
    case DAY_OPEN:
        if (box->open) {
            return false;
        }
        box->open = true;
        return true;
    case DAY_ISSUE:
        if (box->state != DAY_NONE || !is_ruled(box)) {
            return false;
        }
        box->state = DAY_PENDING;
        box->chain[0] = step->by;
        box->chain[1] = step->to;
        box->parties = 2;
        return true;
    case DAY_ACCEPT:
        if (box->state != DAY_PENDING || box->chain[box->parties - 1] != step->by ||
            !is_ruled(box)) {
            return false;
        }
        box->state = DAY_ACTIVE;
        return true;
    case DAY_DECLINE:
        if (box->state != DAY_PENDING || box->chain[box->parties - 1] != step->by ||
            !is_ruled(box)) {
            return false;
        }
        back_to_giver(box);
        return true;
    case DAY_TRANSFER:
        if (!is_ruled(box) || !((box->state == DAY_ACTIVE && holder(box) == step->by) ||
                                (box->state == DAY_RETURNED && box->chain[0] == step->by))) {
            return false;
        }
        box->chain[box->parties++] = step->to;
        box->state = DAY_PENDING;
        box->driver = 0;
        return true;
    case DAY_RETURN:
        if (!is_ruled(box) || holder(box) != step->by) {
            return false;
        }
        back_to_giver(box);
        return true;
    case DAY_REVOKE:
        if (is_live(box) && box->chain[0] == step->by) {
            box->state = DAY_REVOKED;
            return true;
        }
        if (is_ruled(box) && box->state == DAY_PENDING &&
            box->chain[box->parties - 2] == step->by) {
            back_to_giver(box);
            return true;
        }
        return false;
    case DAY_CANCEL:
        if (!is_live(box) || box->chain[0] != step->by) {
            return false;
        }
        box->state = DAY_CANCELLED;
        return true;
    case DAY_ASSIGN:
        if (!is_ruled(box) || holder(box) != step->by) {
            return false;
        }
        box->driver = step->driver;
        return true;
    case DAY_UNASSIGN:
        if (!is_ruled(box) || holder(box) != step->by) {
            return false;
        }
        box->driver = 0;
        return true;
    case DAY_LIGHT:
        if (!is_live(box) || (step->green && !is_ruled(box))) {
            return false;
        }
        box->green[step->light] = step->green;
        return true;
    case DAY_BLOCK:
        if (!is_live(box)) {
            return false;
        }
        box->blocked[blocker] = true;
        return true;
    case DAY_UNBLOCK: /* of one member all of them */
        if (!is_live(box) || !is_ruled(box) || (!box->blocked[0] && !box->blocked[1])) {
            return false;
        }
        box->blocked[0] = box->blocked[1] = false;
        return true;
    case DAY_OFFER:
        if (!is_ruled(box) || box->there) {
            return false;
        }
        box->offered = true;
        return true;
    case DAY_TAKE:
        if (!box->offered) {
            return false;
        }
        box->offered = false;
        box->there = true;
        return true;
    case DAY_REFUSE:
        if (!box->offered) {
            return false;
        }
        box->offered = false;
        return true;
    case DAY_COLLECT:
        step->answer = collect(box, step);
        if (step->answer != DAY_ALLOW) {
            return false;
        }
        box->released = true;
        box->state = DAY_IS_USED;
        return true;
    }
    return false;
}

/* ---- what people do ---- */

static void add(struct day *day, struct day_step step)
{
    CHECK(day->count < DAY_STEPS_MAX);
    step.counts = apply(&day->boxes[step.box], &step);
    day->collects += step.verb == DAY_COLLECT;
    day->allowed += step.verb == DAY_COLLECT && step.counts;
    day->refused += step.verb == DAY_COLLECT && !step.counts;
    day->void_steps += step.verb != DAY_COLLECT && !step.counts;
    day->steps[day->count++] = step;
}

static bool one_in(struct day *day, unsigned n)
{
    return rng_below(&day->rng, n) == 0;
}

static unsigned some_driver(struct day *day)
{
    return 1 + (unsigned)rng_below(&day->rng, DAY_DRIVERS);
}

/* Somebody asks what may well not be his to ask. */
static void ask_anything(struct day *day, struct day_step step)
{
    static const enum day_verb verbs[] = {DAY_ACCEPT, DAY_DECLINE,  DAY_TRANSFER, DAY_RETURN,
                                          DAY_ASSIGN, DAY_UNASSIGN, DAY_REVOKE,   DAY_CANCEL};
    static const enum day_party parties[] = {DAY_CARRIER, DAY_FORWARDER, DAY_HAULIER,
                                             DAY_BARGE_HAULIER};
    step.verb = verbs[rng_below(&day->rng, sizeof(verbs) / sizeof(verbs[0]))];
    step.by = parties[rng_below(&day->rng, sizeof(parties) / sizeof(parties[0]))];
    step.to = parties[rng_below(&day->rng, sizeof(parties) / sizeof(parties[0]))];
    step.driver = some_driver(day);
    if (step.verb == DAY_REVOKE || step.verb == DAY_CANCEL) {
        step.by = DAY_HAULIER; /* who never may end it for good: too many would end early */
    }
    add(day, step);
}

/* The next thing that is due for a box, as its people see it. */
static void go_on(struct day *day, struct day_step step)
{
    struct day_box *box = &day->boxes[step.box];
    unsigned light = (unsigned)rng_below(&day->rng, DAY_LIGHTS);
    static const enum day_party light_by[DAY_LIGHTS] = {DAY_CARRIER, DAY_CUSTOMS, DAY_TERMINAL,
                                                        DAY_TERMINAL};
    if (!box->open) {
        step.verb = DAY_OPEN;
        step.by = DAY_TERMINAL;
    } else if (box->offered) { /* what is asked meanwhile waits: nobody asks here */
        static const enum day_verb verbs[] = {DAY_TAKE, DAY_TAKE, DAY_REFUSE, DAY_COLLECT};
        step.verb = verbs[rng_below(&day->rng, 4)];
        step.by =
            step.verb == DAY_COLLECT && one_in(day, 2) ? DAY_TERMINAL : DAY_BARGE_TERMINAL;
        step.driver = some_driver(day);
    } else if (box->state == DAY_NONE) {
        step.verb = DAY_ISSUE;
        step.by = DAY_CARRIER;
        step.to = one_in(day, 3) ? DAY_BARGE_HAULIER : DAY_FORWARDER;
    } else if (is_live(box) && one_in(day, 120)) {
        step.verb = one_in(day, 2) ? DAY_REVOKE : DAY_CANCEL;
        step.by = DAY_CARRIER;
    } else if (is_live(box) && one_in(day, 30)) {
        step.verb = DAY_BLOCK;
        step.by = one_in(day, 2) ? DAY_CUSTOMS : DAY_POLICE;
    } else if ((box->blocked[0] || box->blocked[1]) && one_in(day, 3)) {
        step.verb = DAY_UNBLOCK;
        step.by = one_in(day, 2) ? DAY_CUSTOMS : DAY_POLICE;
    } else if (is_live(box) && !box->there && one_in(day, 60)) {
        step.verb = DAY_OFFER;
        step.by = DAY_TERMINAL;
    } else if (is_live(box) && (!box->green[light] || one_in(day, 40))) {
        step.verb = DAY_LIGHT;
        step.by = light_by[light];
        step.light = light;
        step.green = !box->green[light] || !one_in(day, 2);
    } else if (box->state == DAY_PENDING) {
        step.verb = one_in(day, 10) ? DAY_DECLINE : DAY_ACCEPT;
        step.by = box->chain[box->parties - 1];
    } else if (box->state == DAY_RETURNED) {
        step.verb = DAY_TRANSFER;
        step.by = box->chain[0];
        step.to = DAY_FORWARDER;
    } else if (box->state == DAY_ACTIVE && box->parties < 8 &&
               (holder(box) == DAY_FORWARDER || one_in(day, 15))) {
        step.verb = DAY_TRANSFER;
        step.by = holder(box);
        step.to = box->there || one_in(day, 5) ? DAY_BARGE_HAULIER : DAY_HAULIER;
    } else if (box->state == DAY_ACTIVE && (box->driver == 0 || one_in(day, 10))) {
        step.verb = box->driver != 0 && one_in(day, 2) ? DAY_UNASSIGN : DAY_ASSIGN;
        step.by = holder(box);
        step.driver = some_driver(day);
    } else {
        step.verb = DAY_COLLECT;
        step.by = one_in(day, 12) ? DAY_BARGE_TERMINAL
                  : box->there    ? DAY_BARGE_TERMINAL
                                  : DAY_TERMINAL;
        step.driver = box->driver == 0 || one_in(day, 6) ? some_driver(day) : box->driver;
    }
    add(day, step);
}

void day_init(struct day *day, uint64_t seed)
{
    memset(day, 0, sizeof(*day));
    day->rng.state = seed;
    day->steps = calloc(DAY_STEPS_MAX, sizeof(*day->steps));
    CHECK(day->steps != NULL);
    /* Each box comes at some minute and then sees something every so often. */
    for (unsigned minute = 0; minute < DAY_MINUTES; minute++) {
        for (unsigned box = 0; box < DAY_BOXES; box++) {
            unsigned comes = box * (DAY_MINUTES * 3 / 4) / DAY_BOXES;
            bool is_over = day->boxes[box].open && !is_live(&day->boxes[box]) &&
                           day->boxes[box].state != DAY_NONE;
            struct day_step step = {.minute = minute, .box = box};
            if (minute == comes || (minute > comes && one_in(day, is_over ? 300 : 30))) {
                if (day->boxes[box].state != DAY_NONE && !day->boxes[box].offered &&
                    one_in(day, 10)) {
                    ask_anything(day, step);
                } else {
                    go_on(day, step);
                }
            }
        }
    }
}

void day_deinit(struct day *day)
{
    free(day->steps);
    day->steps = NULL;
}
