/* A day of a mid-sized terminal, and what must come of it, the simplest possible way.
 *
 * day_init draws from a seed what 820 containers see in 24 hours: discharge, release, parties
 * that accept, decline, pass on and come back, drivers, lights, blocks, trucks that come too
 * early, twice, with another driver or at two lanes at once, boxes that go on by barge, and one
 * request in ten that nobody may make. Beside each step stands what it must come to.
 *
 * The model knows nothing of records, views or folds: a box is a struct, a step an if. It is
 * the oracle of test_terminal_day, which does the same steps with engines and compares. */
#ifndef TERMINAL_DAY_H
#define TERMINAL_DAY_H

#include "rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAY_BOXES     820u
#define DAY_MINUTES   1440u
#define DAY_STEPS_MAX 24000u
#define DAY_DRIVERS   97u
#define DAY_LIGHTS    4u

/* Who acts; the last two at the other port. */
enum day_party {
    DAY_NOBODY,
    DAY_TERMINAL,
    DAY_CARRIER,
    DAY_FORWARDER,
    DAY_HAULIER,
    DAY_CUSTOMS,
    DAY_POLICE,
    DAY_BARGE_TERMINAL,
    DAY_BARGE_HAULIER,
    DAY_PARTIES
};

enum day_verb {
    DAY_OPEN,
    DAY_ISSUE, /* to */
    DAY_ACCEPT,
    DAY_DECLINE,
    DAY_TRANSFER, /* to */
    DAY_RETURN,
    DAY_REVOKE,
    DAY_CANCEL,
    DAY_ASSIGN, /* driver, and a truck of the same number */
    DAY_UNASSIGN,
    DAY_LIGHT, /* light, green */
    DAY_BLOCK,
    DAY_UNBLOCK,
    DAY_OFFER,  /* to the other port */
    DAY_TAKE,   /* accept of an offer */
    DAY_REFUSE, /* of an offer */
    DAY_COLLECT /* at the port where by works, by that driver */
};

/* What a collect is answered. The words of the gate, in the order in which they decide. */
enum day_answer {
    DAY_ALLOW,
    DAY_USED,
    DAY_ELSEWHERE,
    DAY_NO_RIGHT,
    DAY_NOT_ACCEPTED,
    DAY_BLOCKED,
    DAY_RED_LIGHT,
    DAY_WRONG_DRIVER
};

struct day_step {
    unsigned minute;
    unsigned box;
    enum day_verb verb;
    enum day_party by;
    enum day_party to;
    unsigned driver;
    unsigned light;
    bool green;
    bool counts;            /* whether it changes anything; a collect: whether it is allowed */
    enum day_answer answer; /* of a collect */
};

enum day_state {
    DAY_NONE, /* no right was issued */
    DAY_PENDING,
    DAY_ACTIVE,
    DAY_RETURNED,
    DAY_REVOKED,
    DAY_CANCELLED,
    DAY_IS_USED
};

struct day_box {
    bool open;
    bool released;
    bool offered; /* to the other port, not answered */
    bool there;   /* it is the other port's now */
    enum day_state state;
    enum day_party chain[16]; /* the carrier first; of PENDING the last has not accepted */
    unsigned parties;
    unsigned driver; /* 0: none */
    bool green[DAY_LIGHTS];
    bool blocked[2]; /* by customs, by police */
};

struct day {
    struct rng rng;
    struct day_box boxes[DAY_BOXES];
    struct day_step *steps;
    size_t count;
    size_t collects, allowed, refused, void_steps;
};

/* Draws all steps of a day, in order; boxes then are as they must be at its end. */
void day_init(struct day *day, uint64_t seed);
void day_deinit(struct day *day);
/* "PTPU1000012": the box's number, with its check digit. */
void day_container(unsigned box, char out[16]);
/* Where somebody works: 0 the terminal's port, 1 the other. */
unsigned day_port(enum day_party party);

#endif
