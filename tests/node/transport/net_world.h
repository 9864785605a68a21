/* A loop, a clock that tests move, and nodes on them: nets with links and a server, real
 * sockets on 127.0.0.1. What happens at a node is written down in it. Turns of the loop never
 * wait, so tests run until something is true, not for a while. */
#ifndef NET_WORLD_H
#define NET_WORLD_H

#include "check.h"

#include <net_private.h>
#include <p2p/link.h>
#include <p2p/net.h>
#include <p2p/server.h>
#include <p2p/tls.h>
#include <uv.h>

#define WORLD_TURNS_MAX 4000000L

struct raw_client;

struct world {
    uv_loop_t loop;
    uint64_t now_ms;
    unsigned nets; /* not yet closed */
    struct raw_client *clients;
    const struct p2p_alloc *alloc; /* of nodes made from now on; NULL: the default */
};

/* What a test does at a callback of a link. */
enum link_act {
    LINK_ACT_NONE,
    LINK_ACT_CLOSE, /* gracefully */
    LINK_ACT_LIMIT, /* with P2P_LINK_END_LIMIT */
    LINK_ACT_NET,   /* close links, server and net from inside */
};

struct node {
    struct world *world;
    struct p2p_net *net;
    struct p2p_tls *tls;
    struct p2p_tls *people;
    struct p2p_links *links;
    struct p2p_server *server;
    bool closing;
    uint8_t seed[32], key[32];

    /* pinning: member number i+1 has pins[i] */
    uint8_t pins[4][32];
    unsigned pin_count;

    /* links */
    struct p2p_link *link; /* the latest that is up */
    unsigned ups, downs, writables;
    uint32_t up_member;
    enum p2p_link_end end;
    char end_text[256];
    uint64_t received;
    uint32_t checksum; /* of all received bytes */
    bool consumes;     /* at once */
    enum link_act on_up, on_bytes, on_writable, on_down;

    /* the server's handler */
    unsigned asked, cancelled, stream_writables;
    bool holds; /* keeps requests instead of answering */
    struct p2p_request *held[512];
    unsigned held_count;
    char last_path[256], last_query[256], last_method[16], last_type[64];
    size_t last_body_bytes;
    bool last_via_unix;

    /* refusals */
    unsigned refusals[P2P_REFUSAL_COUNT];
    char detail[256];
};

void world_init(struct world *world);
void world_deinit(struct world *world); /* checks that nothing is left */
void world_turn(struct world *world);
/* Moves the clock and lets every net tick. */
void world_pass(struct world *world, struct node **nodes, unsigned count, uint64_t ms);

#define WORLD_UNTIL(world, cond)                                                               \
    do {                                                                                       \
        long turns_ = 0;                                                                       \
        while (!(cond)) {                                                                      \
            if (turns_++ > WORLD_TURNS_MAX) {                                                  \
                print_error("%s:%d: never true: %s\n", __FILE__, __LINE__, #cond);             \
                _fail(__FILE__, __LINE__);                                                     \
            }                                                                                  \
            world_turn(world);                                                                 \
        }                                                                                      \
    } while (0)

/* A node whose transport seed is 32 times `seed`. */
void node_init(struct node *node, struct world *world, uint8_t seed);
/* Both know each other as the members given. */
void node_pin(struct node *node, const struct node *other);
void node_listen_peers(struct node *node);
void node_listen_people(struct node *node);
void node_listen_unix(struct node *node, const char *path);
struct p2p_link *node_dial(struct node *node, const char *address, uint32_t member);
/* Closes everything and waits for it. */
void node_deinit(struct node *node);
/* Only starts to. */
void node_close(struct node *node);

/* The checksum of n bytes continued from sum: the same for any cut. */
uint32_t bytes_sum(uint32_t sum, const uint8_t *data, size_t n);

#endif
