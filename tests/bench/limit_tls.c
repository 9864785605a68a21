/* How fast bytes go from one node to another on this machine: two links of node/transport on
 * 127.0.0.1, each on a thread and loop of its own, nothing done with what arrives. */
#include "bench.h"

#include <p2p/key.h>
#include <p2p/link.h>
#include <p2p/net.h>
#include <p2p/tls.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { CHUNK_BYTES = 128 * 1024 };

struct side {
    uv_loop_t loop;
    struct p2p_net *net;
    struct p2p_links *links;
    struct p2p_link *link;
    struct p2p_tls *tls;
    uint8_t seed[P2P_TLS_KEY_BYTES];
    uint8_t peer_key[P2P_TLS_KEY_BYTES];
    uint64_t left; /* bytes still to be sent, or to be received */
    double begun_s, ended_s;
    bool failed;
    uint8_t *chunk;
};

static uint32_t pin(void *user, const uint8_t key[P2P_TLS_KEY_BYTES])
{
    struct side *side = user;
    return memcmp(key, side->peer_key, P2P_TLS_KEY_BYTES) == 0 ? 1 : 0;
}

static void end(struct side *side)
{
    p2p_links_close(side->links, NULL, NULL);
    p2p_net_close(side->net, NULL, NULL);
    side->links = NULL;
    side->net = NULL;
}

static void fill(struct side *side)
{
    while (side->left > 0 &&
           p2p_link_queued_bytes(side->link) + CHUNK_BYTES <= P2P_LINK_QUEUE_BYTES_MAX) {
        size_t n = side->left < CHUNK_BYTES ? (size_t)side->left : CHUNK_BYTES;
        if (p2p_link_send(side->link, side->chunk, n) != P2P_OK) {
            return;
        }
        side->left -= n;
    }
}

static void link_up(void *user, struct p2p_link *link, uint32_t member)
{
    struct side *side = user;
    (void)member;
    side->link = link;
    side->begun_s = bench_now_s();
    if (side->chunk != NULL) {
        fill(side);
    }
}

static void link_writable(void *user, struct p2p_link *link)
{
    (void)link;
    fill(user);
}

static void link_bytes(void *user, struct p2p_link *link, const uint8_t *data, size_t len)
{
    struct side *side = user;
    (void)data;
    p2p_link_consume(link, len);
    side->left -= len < side->left ? len : side->left;
    if (side->left == 0) {
        side->ended_s = bench_now_s();
        p2p_link_close(link, P2P_LINK_END_CLOSED, "all of it arrived");
    }
}

static void link_down(void *user, struct p2p_link *link, enum p2p_link_end how,
                      const char *text)
{
    struct side *side = user;
    (void)link;
    (void)text;
    side->failed = side->left > 0;
    (void)how;
    end(side);
}

static bool open_side(struct side *side, uint8_t seed, uint8_t peer_seed)
{
    char message[P2P_NET_MESSAGE_BYTES];
    struct p2p_links_user user = {.pin = pin,
                                  .link_up = link_up,
                                  .link_bytes = link_bytes,
                                  .link_writable = link_writable,
                                  .link_down = link_down,
                                  .user = side};
    uint8_t theirs[P2P_SEED_BYTES];
    memset(side->seed, seed, sizeof(side->seed));
    memset(theirs, peer_seed, sizeof(theirs));
    p2p_key_derive(P2P_KEY_TRANSPORT, theirs, side->peer_key);
    if (uv_loop_init(&side->loop) != 0) {
        return false;
    }
    const struct p2p_net_options options = {.loop = &side->loop};
    return p2p_net_open(&options, &side->net) == P2P_OK &&
           p2p_tls_open_peer(side->seed, &side->tls, message) == P2P_OK &&
           p2p_links_open(side->net, side->tls, &user, &side->links) == P2P_OK;
}

static void *run(void *context)
{
    struct side *side = context;
    uv_run(&side->loop, UV_RUN_DEFAULT);
    return NULL;
}

double bench_tls_bytes_per_s(double bytes)
{
    struct side *from = calloc(1, sizeof(*from));
    struct side *to = calloc(1, sizeof(*to));
    uint8_t *chunk = calloc(1, CHUNK_BYTES);
    char message[P2P_NET_MESSAGE_BYTES];
    pthread_t thread;
    double rate = 0;
    if (from == NULL || to == NULL || chunk == NULL || !open_side(from, 1, 2) ||
        !open_side(to, 2, 1) || p2p_links_listen(to->links, "127.0.0.1:0", message) != P2P_OK) {
        bench_fail("the TLS loopback could not be opened");
        return 0; /* the process ends soon: nothing is worth freeing */
    }
    from->chunk = chunk;
    from->left = (uint64_t)bytes;
    to->left = (uint64_t)bytes;
    const struct p2p_link_dial dial = {.address = p2p_links_address(to->links), .member = 1};
    if (p2p_link_dial(from->links, &dial, &from->link, message) == P2P_OK &&
        pthread_create(&thread, NULL, run, to) == 0) {
        run(from);
        pthread_join(thread, NULL);
        rate = to->failed ? 0 : bytes / (to->ended_s - to->begun_s);
    }
    uv_loop_close(&from->loop);
    uv_loop_close(&to->loop);
    p2p_tls_free(from->tls);
    p2p_tls_free(to->tls);
    free(from);
    free(to);
    free(chunk);
    return rate;
}
