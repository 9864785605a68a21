/* Release rights made over the sockets, each step a signed request of the party whose turn it
 * is, many connections at once: what a terminal and its parties do, and no short cut.
 *
 * A set is `count` containers from number `first` on, all in custody of beanr. */
#ifndef BENCH_RIGHT_LOAD_H
#define BENCH_RIGHT_LOAD_H

#include "client.h"
#include "fleet.h"

#define RIGHT_CONNECTIONS     64u
#define RIGHT_ID_BYTES        32u
#define RIGHT_CONTAINER_BYTES 16u
#define RIGHT_SUBJECT_BYTES   32u

/* Container n: of an owner that nobody is, another one for each million. */
void right_container(char out[RIGHT_CONTAINER_BYTES], uint64_t n);
/* Who collects it, and in which truck: subjects. */
void right_driver(char card[RIGHT_SUBJECT_BYTES], char plate[RIGHT_SUBJECT_BYTES], uint64_t n);

struct right_set {
    const struct fleet *fleet;
    uint64_t first;
    size_t count;
    /* That make requests at once, RIGHT_CONNECTIONS at first. What comes in one batch is ruled
     * by one record, so that this shows later, too. */
    unsigned connections;
    uint64_t *issued; /* where in beanr/1 each one's issue stands */
};

/* False with a sentence when there is no memory. */
bool right_set_init(struct right_set *set, const struct fleet *fleet, uint64_t first,
                    size_t count);
void right_set_deinit(struct right_set *set); /* accepts a zeroed object */
void right_id(const struct right_set *set, size_t i, char out[RIGHT_ID_BYTES]);

/* The steps, in their order; false with a sentence when any request was refused. */
bool right_set_open(struct right_set *set);                 /* custody, by the terminal */
bool right_set_issue(struct right_set *set, const char *to, /* by the carrier */
                     double *seconds);
bool right_set_accept(struct right_set *set, const struct fleet_node *at, const char *party);
bool right_set_assign(struct right_set *set); /* driver and truck, by beanr-haulier */
bool right_set_lights(struct right_set *set); /* all four green */

/* The body of a collect of the set's container n by the assigned driver, in its truck; context:
 * a set. */
size_t right_collect_body(void *context, uint64_t n, char *out);
/* What a node says of a right, once it says so with nothing left to rule; NULL party: in any
 * hands. False with a sentence after timeout_s. client: of that node. */
bool right_wait(struct client *client, const char *id, const char *state, const char *party,
                double timeout_s);

#endif
