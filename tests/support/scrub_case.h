/* What each test of the scrubber begins with: the store of node HURT is spoiled, in a
 * federation that has some of everything. Definitions, not declarations: a test program
 * includes this once and has its own. */
#ifndef SCRUB_CASE_H
#define SCRUB_CASE_H

#include "check.h"
#include "network_fixture.h"

#include <stdio.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

enum { HURT = 2, AWAY = 5, PASS_MS = P2P_SCRUB_REST_MS + 120000 };

static const struct p2p_damage *damage(uint32_t node)
{
    return p2p_engine_damage(net.nodes[node].engine);
}

static enum p2p_read_only read_only(uint32_t node)
{
    return p2p_engine_read_only(net.nodes[node].engine);
}

/* Five nodes, of which AWAY is dead: bans in two circles, lifts, decisions, notes in three
 * feeds, all of it everywhere. */
static void populate(void)
{
    struct p2p_record_id ban = {0, 0};
    network_start(5, 4, 11);
    network_kill(&net, AWAY);
    for (uint32_t i = 0; i < 24; i++) {
        uint32_t node = 1 + i % 3;
        char subject[32];
        snprintf(subject, sizeof(subject), "imo:%07u", 9000000 + i);
        ban = network_ban(&net, node, i % 2 || node == 3 ? "all" : "police", subject);
        network_run(&net);
        if (i % 5 == 0 && i % 2) {
            network_lift(&net, node, "all", &ban);
        }
        if (i % 7 == 0) {
            network_check(&net, node, SHIP);
        }
    }
    network_ban(&net, 1, "all", SHIP);
    for (uint32_t i = 1; i <= 3; i++) {
        for (unsigned n = 0; n < 3; n++) {
            CHECK_OK(network_notes(&net, i, 240));
            network_run(&net);
        }
    }
    network_advance(&net, 2000);
    network_agree(&net);
}

static void check_sound(uint32_t node)
{
    CHECK(!damage(node)->is_known);
    CHECK(damage(node)->holes == 0);
    CHECK(read_only(node) == P2P_READ_ONLY_NONE);
}

#endif
