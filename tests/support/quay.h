/* The network of a test file (network_fixture.h) whose ports hold containers: parties with
 * every grant, what they record, and collects at a gate.
 *
 * Of members 1 and 2, party "pM" may do everything but approve, and "sM" may approve and
 * recount. Records stand in circle `all`, whose first key everybody has. What a function here
 * records it CHECKs to have been taken, except where it returns an error. */
#ifndef QUAY_H
#define QUAY_H

#include "network_fixture.h"

#include <p2p/custody.h>
#include <p2p/gate.h>
#include <p2p/right.h>

#define BOX    "CSQU3054383"
#define DRIVER "card:alfapass:1234567"
#define OTHER  "card:alfapass:7654321" /* another driver */
#define TRUCK  "plate:BE:1ABC234"

void quay_start(uint32_t nodes, uint32_t witnesses, uint64_t seed);
/* All witness each other, and node 1 answers a release once another node holds it. */
void quay_start_mirrored(uint32_t nodes, uint64_t seed);

/* Puts a lease of two minutes into a draft of the charter. */
void quay_draft_lease(struct world_draft *draft);

/* Numbers of the keys of "pM" and "sM" behind these. */
enum { KEY_OF_PARTY = 200, KEY_OF_SECOND = 210 };

/* A record by party "pM" of node M. */
struct quay_record {
    uint32_t kind;
    uint32_t node;
    bool second; /* by "sM" */
    struct p2p_record_id cites[2];
    size_t cite_count;
    struct p2p_slice payload;
    struct p2p_slice content;
};
enum p2p_err quay_try(const struct quay_record *record, struct p2p_record_id *id);
struct p2p_record_id quay_append(const struct quay_record *record);

/* ---- custody ---- */

struct p2p_record_id quay_open(uint32_t node, const char *box);
/* A step of a token, of which it cites an offer too, unless that is NULL. rests: the feed whose
 * cosigned checkpoint, as the node has it, goes with it; 0: none. */
struct p2p_record_id quay_step(uint32_t node, uint32_t kind, struct p2p_record_id token,
                               const struct p2p_record_id *offer, uint64_t epoch, uint32_t to,
                               uint32_t rests);
enum p2p_err quay_try_step(uint32_t node, uint32_t kind, struct p2p_record_id token,
                           const struct p2p_record_id *offer, uint64_t epoch, uint32_t to,
                           uint32_t rests, struct p2p_record_id *id);
struct p2p_custody quay_custody(uint32_t node, struct p2p_record_id token);

/* ---- rights ---- */

struct p2p_record_id quay_issue(uint32_t node, struct p2p_record_id token, const char *box,
                                const char *to);
/* What somebody asks of a right; about: another record that it cites, or NULL. */
struct p2p_record_id quay_ask(uint32_t node, uint32_t kind, struct p2p_record_id right,
                              const struct p2p_record_id *about,
                              const struct p2p_right_request *what);
extern const struct p2p_right_request quay_nothing; /* asked with neither value nor reason */
/* DRIVER and TRUCK, within an hour from then on; 0: at any time. */
void quay_assign(uint32_t node, struct p2p_record_id right, uint64_t slot_from_ms);
/* value: as p2p_light_value has them; 0 is green. */
struct p2p_record_id quay_light(uint32_t node, struct p2p_record_id right, enum p2p_light light,
                                unsigned value);
void quay_green(uint32_t node, struct p2p_record_id right);
/* Issued at node 1 to its own party, accepted, assigned and green: the right. */
struct p2p_record_id quay_grant(struct p2p_record_id token, const char *box);
/* The same of a box that is opened there. */
struct p2p_record_id quay_ready(const char *box, struct p2p_record_id *token);
struct p2p_right quay_right(uint32_t node, struct p2p_record_id id);

/* ---- collects ---- */

extern struct p2p_job quay_last; /* the last collect, with its result */

void quay_collect_job(struct p2p_job *job, const char *box, const char *driver,
                      const char *gate);
enum p2p_answer quay_collect(uint32_t node, const char *box, const char *driver);
/* It is among the reasons of the last. */
bool quay_because(enum p2p_gate_code code);
/* A collect that came out so; the last two: for this reason among others. */
bool quay_allowed(uint32_t node, const char *box, const char *driver);
bool quay_refused(uint32_t node, const char *box, const char *driver, enum p2p_gate_code why);
bool quay_referred(uint32_t node, const char *box, const char *driver, enum p2p_gate_code why);
/* Computes every decision of a node once more from what it knew, and CHECKs that each comes out
 * the same, or as what was claimed, and is about what its release names; returns how many there
 * are. */
unsigned quay_audit(uint32_t node);

#endif
