/* The yards: where each container of a run really is, whatever anybody wrote about it.
 *
 * Whoever works at a port sees its own yard and says what he finds there; the watcher sees all.
 * A container stands in one yard or in none. Each time it comes into one is a visit; it leaves
 * at most once in each, when a gate's answer that allows it leaves the machine. A barge that
 * carries it to another port ends no visit. */
#ifndef SIM_YARD_H
#define SIM_YARD_H

#include <p2p/container.h>
#include <p2p/record.h>
#include <p2p/subject.h>

#define SIM_TRIPS_MAX    24u
#define SIM_OPENINGS_MAX 65536u /* in one run */

/* Whom some party named to collect a container: papers say it in tokens, drivers know it. */
struct sim_trip {
    struct p2p_subject driver, truck, company;
    bool has_truck, has_company;
    uint64_t from_ms, until_ms; /* 0: at any time */
    uint8_t packed[64];         /* the driver as an assign names it */
    size_t packed_len;
};

struct sim_box {
    char number[P2P_CONTAINER_BYTES + 1];
    bool stands;
    uint32_t port;                        /* index of the member in whose yard */
    uint32_t visit;                       /* from 1; 0: it never came */
    struct sim_trip trips[SIM_TRIPS_MAX]; /* a ring */
    uint32_t trip_count;                  /* ever, in this visit */
};

/* A token and what it was opened for. */
struct sim_opening {
    struct p2p_record_id token;
    uint32_t box, visit;
    uint32_t member; /* index of who opened it */
};

struct sim_yard {
    struct sim_box *boxes;
    uint32_t box_count;
    struct sim_opening *openings; /* in order of time */
    uint32_t opening_count, opening_cap;
};

/* boxes: numbers as ISO 6346 has them, one in twenty with a wrong check digit; none stands
 * anywhere. Aborts the process without memory, as all of the simulator does. */
void sim_yard_init(struct sim_yard *yard, uint64_t seed, uint32_t boxes);
void sim_yard_deinit(struct sim_yard *yard);

/* It comes into that yard: a new visit, if it stood nowhere. */
void sim_yard_arrive(struct sim_yard *yard, uint32_t box, uint32_t port);
void sim_yard_opened(struct sim_yard *yard, const struct sim_opening *opening);
/* NULL: nobody of this run's terminals opened that. */
const struct sim_opening *sim_yard_opening(const struct sim_yard *yard,
                                           const struct p2p_record_id *token);
/* A lorry leaves that port with it, if it stands there. */
void sim_yard_leave(struct sim_yard *yard, const char *number, uint32_t port);
/* Whether the container still stands somewhere since it was opened. */
bool sim_yard_stands(const struct sim_yard *yard, const struct sim_opening *opening);
/* Whether somebody named who is presented for the container of that number since it came: the
 * driver, and the truck and the time if he named some; or that cannot be told any more.
 * overruled: the driver is enough. */
bool sim_yard_named(const struct sim_yard *yard, const char *number,
                    const struct p2p_subject *presented, size_t count, uint64_t now_ms,
                    bool overruled);
/* Whether two ports opened the same visit: both believed that it stood in their yard. */
bool sim_yard_opened_twice(const struct sim_yard *yard, const struct sim_opening *opening);

#endif
