/* A serving node: the loop's thread with links, listeners and requests; the writer's thread
 * with batches. Private to node/daemon.
 *
 *   serve.c    from start to drain: opens everything, runs the loop, closes in order
 *   queue.c    the two threads: what arrived goes to the writer, what is durable comes back
 *   peers.c    links to members: pins, dialling, pausing, frames in and out
 *   http.c     requests to API calls
 *   answer.c   their replies to answers
 *   watch.c    events to watchers
 *
 * The loop's thread touches everything here but the node, the writer's thread nothing here but
 * the queue; the queue's lock is the only one. Bounds: each link's window bounds its frames in
 * the queue; P2P_WORKS_MAX the requests there, as many again in the batch that runs, and
 * P2P_WAITING_MAX that wait for a level (more are answered 503); P2P_BATCHES the batches under
 * way; P2P_SLOW_MAX the calls that wait for their slow part, which runs on the loop's pool, one
 * at a time; P2P_OUTSIDE_MAX the requests that do not come over the socket, P2P_PUBLIC_MAX
 * those without certificate and token, and whoever asks for what anybody may have;
 * P2P_WATCHES_MAX the open streams of events, of which P2P_WATCHES_KEPT are for the socket. */
#ifndef P2P_DAEMON_H
#define P2P_DAEMON_H

#include "../core/node_state.h"

#include <p2p/link.h>
#include <p2p/net.h>
#include <p2p/tls.h>

#include <pthread.h>
#include <uv.h>

#define P2P_WORKS_MAX 4096u
#define P2P_BATCHES   2u
/* A batch gives back its part of the window when it is durable: with all of it in one batch, a
 * peer that is behind would wait for each commit, and the writer for each round trip. */
#define P2P_BATCH_INPUT_BYTES (P2P_LINK_WINDOW_BYTES / 2)
#define P2P_SLOW_MAX          16u
/* Of P2P_WORKS_MAX: whoever floods the people's address takes no gate's place. */
#define P2P_OUTSIDE_MAX  1024u
#define P2P_PUBLIC_MAX   64u
#define P2P_WATCHES_MAX  256u
#define P2P_WATCHES_KEPT 32u
#define P2P_WATCH_AGAIN_MS                                                                     \
    5000u                   /* how long a stream may go on that would not be opened any more */
#define P2P_ALIVE_MS 15000u /* between the comments of a stream on which nothing happens */
#define P2P_DIAL_AFTER_MS                                                                      \
    5000u /* the larger name dials only after so long without a session                        \
           */
#define P2P_DIAL_AGAIN_MS     1000u /* first pause after a failed dial; doubles */
#define P2P_DIAL_AGAIN_MS_MAX 15000u
#define P2P_TIMER_MS          250u

struct p2p_daemon;

/* A member and the link with it, if any. */
struct p2p_neighbour {
    struct p2p_daemon *daemon;
    struct p2p_pin pin;
    struct p2p_link *link;  /* up, or being dialled */
    uint64_t link_number;   /* the engine's; 0 until up */
    struct p2p_input *down; /* what tells the engine of the session's end, while it stands */
    struct p2p_frame_split split;
    bool paused;
    uint64_t dial_at_ms;
    uint64_t dial_pause_ms;
    uint64_t up_at_ms;
    uint64_t since_wall_ms; /* of the present state */
    size_t sent_bytes;      /* since the engine was told that the link is writable */
    uint64_t old_bytes_in, old_bytes_out; /* of its earlier links */
    bool refused;
    char reason[128];
};

struct p2p_batch_slot {
    struct p2p_batch batch;
    struct p2p_batch_slot *next;
};

struct p2p_queue {
    pthread_mutex_t lock;
    pthread_cond_t wake_writer;
    pthread_cond_t wake_loop; /* only the end is waited for so */
    pthread_t thread;
    bool thread_runs;
    bool thread_ended;
    bool stopping;
    struct p2p_input *inputs, **inputs_end;
    struct p2p_work *works, **works_end;
    size_t work_count;
    size_t batch_work_count; /* that the batch which runs began with; P2P_WORKS_MAX: no more */
    uint32_t pauses[P2P_MEMBERS_MAX]; /* members to pause (2m+1) or resume (2m), once each */
    size_t pause_count;
    struct p2p_batch_slot *idle;
    struct p2p_batch_slot *done, **done_end;
    struct p2p_batch_slot slots[P2P_BATCHES];
    uv_async_t async;
};

struct p2p_daemon {
    struct p2p_node *node;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t sigterm, sigint;
    struct p2p_net *net;
    struct p2p_links *links;
    struct p2p_server *server;
    struct p2p_queue queue;
    struct p2p_neighbour **neighbours; /* by order of the pins; never removed */
    size_t neighbour_count;
    uint64_t next_link_number;
    struct p2p_wanted wanted; /* whom it dials */
    struct p2p_watch *watches;
    size_t watch_count;
    struct p2p_asked *slow; /* the first one's slow part runs */
    size_t slow_count;
    size_t outside_count;      /* requests under way that did not come over the socket, and */
    size_t unnamed_count;      /* those of them that P2P_PUBLIC_MAX bounds */
    pthread_mutex_t view_lock; /* of what status and peers are told about links */
    struct p2p_link_view *views;
    size_t view_count;
    uint64_t refusals[P2P_REFUSALS_COUNT]; /* of the network */
    uint64_t refused_frames;               /* cut out of streams that were not well-formed */
    bool draining;
    unsigned parts_open; /* of server and links, while draining */
    bool ready_said;
    void (*ready)(void *context, struct p2p_node *node);
    void *ready_context;
};

uint64_t p2p_daemon_mono_ms(void);
uint64_t p2p_daemon_wall_ms(void);

/* queue.c */
P2P_MUST_CHECK enum p2p_err p2p_queue_open(struct p2p_daemon *daemon);
void p2p_queue_stop(
    struct p2p_daemon *daemon); /* ends the thread; what is queued is answered first */
void p2p_queue_close(struct p2p_daemon *daemon);
/* input: taken. */
void p2p_queue_input(struct p2p_daemon *daemon, struct p2p_input *input);
/* False when P2P_WORKS_MAX wait already. */
bool p2p_queue_work(struct p2p_daemon *daemon, struct p2p_work *work);

/* From the writer's thread: pause or resume on the loop's. */
void p2p_queue_pause(struct p2p_daemon *daemon, uint32_t member, bool paused);

/* peers.c */
P2P_MUST_CHECK enum p2p_err p2p_peers_open(struct p2p_daemon *daemon,
                                           char message[P2P_MESSAGE_BYTES]);
void p2p_peers_take_pins(struct p2p_daemon *daemon, const struct p2p_pin *pins, size_t count);
void p2p_peers_take_wanted(struct p2p_daemon *daemon, const struct p2p_wanted *wanted);
/* Carries out the sends, closes and consumption of a batch that is durable. */
void p2p_peers_carry_out(struct p2p_daemon *daemon, const struct p2p_batch *batch);
void p2p_peers_tick(struct p2p_daemon *daemon);
void p2p_peers_pause(struct p2p_daemon *daemon, uint32_t member, bool paused);
void p2p_peers_close(struct p2p_daemon *daemon);
void p2p_peers_publish(struct p2p_daemon *daemon);

/* http.c */
P2P_MUST_CHECK enum p2p_err p2p_http_open(struct p2p_daemon *daemon,
                                          char message[P2P_MESSAGE_BYTES]);

/* answer.c: an answer of the API as one of HTTP. */
struct p2p_api_reply;
struct p2p_request;
void p2p_answer_send(struct p2p_request *request, const struct p2p_api_reply *reply);

/* watch.c */
/* Streams the events after that number until the request is gone, or refuses. lost: there were
 * others before, which nobody has any more. */
void p2p_watch_start(struct p2p_daemon *daemon, struct p2p_request *request, uint64_t after,
                     bool lost);
void p2p_watch_go_on(struct p2p_daemon *daemon, struct p2p_request *request);
void p2p_watch_forget(struct p2p_daemon *daemon, const struct p2p_request *request);
void p2p_watch_pump(struct p2p_daemon *daemon); /* all of them, when something happened */
void p2p_watch_tick(struct p2p_daemon *daemon); /* says now and then that it is there */

#endif
