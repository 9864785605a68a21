/* What every step of the story works with: the fleet, the screen, and ways to ask and to wait.
 *
 * A step shows one claim. It ends with p2p_demo_holds, which says by what evidence, or with
 * p2p_demo_false, which says what was seen instead; the verbs below that return false have said
 * so already. Nothing is taken for granted: whatever the evidence names was read from a node.
 * Waiting ends at an interrupt and when the story's time is over. One thread, but for the
 * clients of step_crash.c. */
#ifndef P2P_DEMO_DEMO_H
#define P2P_DEMO_DEMO_H

#include "fleet.h"
#include "report.h"
#include "run.h"
#include "screen.h"

#define P2P_DEMO_STORY_MS       90000u
#define P2P_DEMO_WAIT_MS        20000u /* for one thing to become so */
#define P2P_DEMO_EVIDENCE_BYTES 1024u
#define P2P_DEMO_ID_BYTES       64u

/* Ships that no register has: their check digits are right, their numbers unassigned. */
#define P2P_DEMO_UNLISTED "imo:9999993"
#define P2P_DEMO_ONE_MORE "imo:9999981"

struct p2p_demo {
    struct p2p_demo_fleet fleet;
    struct p2p_demo_screen screen;
    struct p2p_demo_report report;
    const char *list; /* the EU's list */
    uint64_t until_ms;
    char evidence[P2P_DEMO_EVIDENCE_BYTES];
    /* What one step leaves for a later one. */
    int64_t spread_ms[P2P_DEMO_MEMBERS]; /* of the import */
    char spread_digest[80];
    char ship[32]; /* a listed one, as imo:9179842 */
    char ship_name[64];
    char one_more[P2P_DEMO_ID_BYTES];  /* the ban on P2P_DEMO_ONE_MORE */
    char right[P2P_DEMO_ID_BYTES];     /* of the container that a driver collects */
    char collected[P2P_DEMO_ID_BYTES]; /* the decision that let one out */
};

/* What stands behind the type of a subject: 9179842 of imo:9179842. */
const char *p2p_demo_value(const char *subject);
uint64_t p2p_demo_now_ms(void); /* monotonic */
/* Stopped by a signal. */
bool p2p_demo_stopped(void);
/* Forgets it, for the end that follows; a second one cuts that short. */
void p2p_demo_go_on(void);
void p2p_demo_catch_signals(void);

bool p2p_demo_holds(struct p2p_demo *demo, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool p2p_demo_false(struct p2p_demo *demo, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Draws, naps nap_ms, and returns whether to go on waiting for what began at since_ms. */
bool p2p_demo_wait(struct p2p_demo *demo, uint64_t since_ms, int nap_ms);

#define P2P_DEMO_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* Runs a command at a member (P2P_DEMO_MEMBERS: at none). False when it cannot be run or was
 * stopped. The caller deinits said in either case. */
bool p2p_demo_run(struct p2p_demo *demo, enum p2p_demo_member member, const char *const *words,
                  struct p2p_demo_said *said);
/* As p2p_demo_run, and false with evidence unless it ends with this exit code. */
bool p2p_demo_done(struct p2p_demo *demo, enum p2p_demo_member member, const char *const *words,
                   int exit, struct p2p_demo_said *said);

/* GET from a member; NULL unless it answers 200. The caller decrefs. */
json_t *p2p_demo_get(const struct p2p_demo *demo, enum p2p_demo_member member,
                     const char *path);
/* Whether a ban on the subject is in force there (GET /v1/bans?subject=). */
bool p2p_demo_banned(const struct p2p_demo *demo, enum p2p_demo_member member,
                     const char *subject);
/* The bans view of the circle all are in, as a status tells it; "" when it does not. */
const char *p2p_demo_bans_digest(const json_t *status);
/* A feed's row in a status, or NULL. */
const json_t *p2p_demo_feed(const json_t *status, const char *feed);

/* Asks a member's gate. record: the ban that has to be among the reasons, or NULL. False with
 * evidence when the answer is another. said (may be NULL) holds the answer, the caller's. */
bool p2p_demo_gate_is(struct p2p_demo *demo, enum p2p_demo_member member, const char *subject,
                      const char *purpose, const char *answer, const char *record,
                      struct p2p_demo_said *said);

/* Runs a command at source and watches all members until each one's bans are what source's are
 * after it: ms[m] counts from the start of the command to when m was seen so, for source to the
 * end of the command. Members whose ms is negative before are left out. */
bool p2p_demo_spread(struct p2p_demo *demo, enum p2p_demo_member source,
                     const char *const *words, int64_t ms[P2P_DEMO_MEMBERS],
                     struct p2p_demo_said *said);
/* "Antwerp 12, Zeebrugge 14": the members whose ms is not negative. */
const char *p2p_demo_spread_text(const int64_t ms[P2P_DEMO_MEMBERS], char *out, size_t cap);

/* peers pause --all at a member, until nobody is connected to it; and the opposite. */
bool p2p_demo_cut(struct p2p_demo *demo, enum p2p_demo_member member);
bool p2p_demo_mend(struct p2p_demo *demo, enum p2p_demo_member member);
/* Waits until a member is connected to all others. */
bool p2p_demo_connected(struct p2p_demo *demo, enum p2p_demo_member member);

#endif
