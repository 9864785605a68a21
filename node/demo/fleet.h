/* The seven members of the demo's federation: who they are and where they live.
 *
 * Everything lies under one directory: DIR/federation is the sandbox, made anew by each run,
 * DIR/report.json and DIR/lock lie beside it. Nodes are processes that outlive the demo only
 * with --keep; the next run stops them before it begins. */
#ifndef P2P_DEMO_FLEET_H
#define P2P_DEMO_FLEET_H

#include "http.h"

#include <limits.h>
#include <sys/types.h>

enum p2p_demo_member {
    P2P_DEMO_ANTWERP,
    P2P_DEMO_ZEEBRUGGE,
    P2P_DEMO_GHENT,
    P2P_DEMO_OSTEND,
    P2P_DEMO_LIEGE,
    P2P_DEMO_BRUSSELS,
    P2P_DEMO_COMMISSION,
    P2P_DEMO_MEMBERS
};
#define P2P_DEMO_PORTS P2P_DEMO_COMMISSION /* the members with gates */

struct p2p_demo_fleet {
    char dir[PATH_MAX];
    char federation[PATH_MAX];
    char members[P2P_DEMO_MEMBERS][PATH_MAX];
    char binary[PATH_MAX];
    unsigned tcp_port;
    struct p2p_demo_http *http[P2P_DEMO_MEMBERS]; /* once the sandbox stands */
    pid_t pids[P2P_DEMO_MEMBERS];
    bool up;
    int lock;
};

const char *p2p_demo_name(enum p2p_demo_member member);                   /* Antwerp */
const char *p2p_demo_word(enum p2p_demo_member member);                   /* beanr */
enum p2p_demo_member p2p_demo_member_named(const char *word, size_t len); /* or _MEMBERS */

/* Takes dir (made when absent) for this run alone. The exit code, with a sentence when it is
 * not 0: 2 a directory that is no demo's, 3 another demo is at work there or it cannot be had.
 */
int p2p_demo_fleet_open(struct p2p_demo_fleet *fleet, const char *dir, char *why, size_t cap);
void p2p_demo_fleet_close(struct p2p_demo_fleet *fleet);
/* Whether an earlier run left its federation; it goes, its nodes stopped before. */
bool p2p_demo_fleet_left(const struct p2p_demo_fleet *fleet);
bool p2p_demo_fleet_clear(const struct p2p_demo_fleet *fleet);
/* A number that is free, with the next one, at all the members' addresses; 0 for none. */
unsigned p2p_demo_fleet_tcp_port(void);
bool p2p_demo_fleet_connect(struct p2p_demo_fleet *fleet);

#endif
