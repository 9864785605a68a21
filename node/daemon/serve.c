#include "daemon.h"

#include <p2p/pidfile.h>
#include <p2p/server.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* From start to drain:
 *
 *     open loop, net, pid file, log --> listeners --> writer's thread --> first batch: ready
 *        --SIGTERM--> draining: no new links or requests, the writer answers what it has
 *        --> links and server closed, once that has left or had its P2P_DRAIN_MS_MAX
 *        --> net closed --> loop ends --> exit 0; a second SIGTERM waits for nobody */

static uint64_t clock_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t p2p_daemon_mono_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME); /* as the engine counts */
}

uint64_t p2p_daemon_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

static void on_refusal(void *user, enum p2p_refusal reason, const char *remote,
                       const char *detail)
{
    struct p2p_daemon *daemon = user;
    p2p_log_write(daemon->node->log, P2P_LOG_WARN, "network.refused",
                  P2P_LOG_FIELDS(p2p_log_text("reason", p2p_refusal_name(reason)),
                                 p2p_log_text("remote", remote),
                                 p2p_log_text("detail", detail)));
}

static void on_timer(uv_timer_t *timer)
{
    struct p2p_daemon *daemon = timer->data;
    p2p_peers_tick(daemon);
    p2p_peers_publish(daemon);
    p2p_watch_tick(daemon);
}

static void close_net(struct p2p_daemon *daemon)
{
    struct p2p_net *net = daemon->net;
    daemon->net = NULL;
    p2p_net_close(net, NULL, NULL);
}

/* Answers and frames on their way have left, or had their time. */
static void on_part_closed(void *user)
{
    struct p2p_daemon *daemon = user;
    if (--daemon->parts_open == 0) {
        close_net(daemon);
    }
}

static void drain(struct p2p_daemon *daemon)
{
    if (daemon->draining) {
        close_net(daemon); /* asked twice: at once */
        return;
    }
    daemon->draining = true;
    p2p_log_write(daemon->node->log, P2P_LOG_INFO, "node.stopping", NULL, 0);
    uv_timer_stop(&daemon->timer);
    p2p_queue_stop(daemon);
    daemon->parts_open = 2;
    p2p_server_close(daemon->server, on_part_closed, daemon);
    p2p_links_close(daemon->links, on_part_closed, daemon);
    daemon->server = NULL;
    daemon->links = NULL;
    uv_close((uv_handle_t *)&daemon->timer, NULL);
    uv_unref((uv_handle_t *)&daemon->sigterm); /* they listen on, and keep nothing waiting */
    uv_unref((uv_handle_t *)&daemon->sigint);
    uv_close((uv_handle_t *)&daemon->queue.async, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    drain(handle->data);
}

static enum p2p_err open_files(struct p2p_daemon *daemon, struct p2p_pidfile **pidfile,
                               char message[P2P_MESSAGE_BYTES])
{
    struct p2p_node *node = daemon->node;
    char path[P2P_PATH_BYTES_MAX];
    enum p2p_err err = p2p_path_join(path, node->dir, "node.pid");
    if (err == P2P_OK) {
        err = p2p_pidfile_open(pidfile, path, message, P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        err = p2p_log_open(&node->log, node->config.log, node->config.level, NULL, message,
                           P2P_MESSAGE_BYTES);
    }
    return err;
}

static enum p2p_err open_loop(struct p2p_daemon *daemon)
{
    const struct p2p_net_options options = {
        .loop = &daemon->loop, .on_refusal = on_refusal, .user = daemon};
    if (uv_loop_init(&daemon->loop) != 0) {
        return P2P_NOMEM;
    }
    uv_timer_init(&daemon->loop, &daemon->timer);
    uv_signal_init(&daemon->loop, &daemon->sigterm);
    uv_signal_init(&daemon->loop, &daemon->sigint);
    daemon->timer.data = daemon;
    daemon->sigterm.data = daemon;
    daemon->sigint.data = daemon;
    uv_signal_start(&daemon->sigterm, on_signal, SIGTERM);
    uv_signal_start(&daemon->sigint, on_signal, SIGINT);
    uv_timer_start(&daemon->timer, on_timer, P2P_TIMER_MS, P2P_TIMER_MS);
    return p2p_net_open(&options, &daemon->net);
}

int p2p_node_serve(struct p2p_node *node, void (*ready)(void *context, struct p2p_node *node),
                   void *context, char message[P2P_MESSAGE_BYTES])
{
    struct p2p_daemon *daemon = calloc(1, sizeof(*daemon));
    struct p2p_pidfile *pidfile = NULL;
    if (daemon == NULL) {
        snprintf(message, P2P_MESSAGE_BYTES, "out of memory");
        return 3;
    }
    daemon->node = node;
    daemon->ready = ready;
    daemon->ready_context = context;
    pthread_mutex_init(&daemon->view_lock, NULL);
    enum p2p_err err = open_files(daemon, &pidfile, message);
    bool looping = false;
    if (err == P2P_OK) {
        err = open_loop(daemon);
        looping = err == P2P_OK;
    }
    if (err == P2P_OK) {
        err = p2p_peers_open(daemon, message);
    }
    if (err == P2P_OK) {
        err = p2p_http_open(daemon, message);
    }
    if (err == P2P_OK) {
        node->serving = true;
        err = p2p_queue_open(daemon);
    }
    if (err == P2P_OK) {
        p2p_log_write(node->log, P2P_LOG_INFO, "node.started",
                      P2P_LOG_FIELDS(p2p_log_text("member", node->config.member),
                                     p2p_log_text("peers", node->config.listen_peers),
                                     p2p_log_text("people", node->config.listen_people)));
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
    } else if (message[0] == '\0') {
        snprintf(message, P2P_MESSAGE_BYTES, "the node could not start: %s", p2p_err_text(err));
    }
    if (err == P2P_OK) {
        uv_close((uv_handle_t *)&daemon->sigterm, NULL);
        uv_close((uv_handle_t *)&daemon->sigint, NULL);
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
        uv_loop_close(&daemon->loop);
        p2p_queue_close(daemon);
    } else if (looping) {
        daemon->draining = true;
        p2p_server_close(daemon->server, NULL, NULL);
        p2p_links_close(daemon->links, NULL, NULL);
        p2p_net_close(daemon->net, NULL, NULL);
        uv_close((uv_handle_t *)&daemon->timer, NULL);
        uv_close((uv_handle_t *)&daemon->sigterm, NULL);
        uv_close((uv_handle_t *)&daemon->sigint, NULL);
        uv_run(&daemon->loop, UV_RUN_DEFAULT);
        uv_loop_close(&daemon->loop);
    }
    node->serving = false;
    node->describe_links = NULL;
    node->queue_work = NULL;
    node->more_works = NULL;
    node->pause = NULL;
    p2p_peers_close(daemon);
    pthread_mutex_destroy(&daemon->view_lock);
    p2p_pidfile_close(pidfile);
    free(daemon);
    return err == P2P_OK ? 0 : 3;
}
