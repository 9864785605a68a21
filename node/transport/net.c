#include "net_private.h"

#include "conn.h"
#include "h2.h"
#include "listener.h"

#include <p2p/assert.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

uint64_t p2p_net_now_ms(const struct p2p_net *net)
{
    return net->options.now_ms ? net->options.now_ms(net->options.user) : uv_now(net->loop);
}

void p2p_net_refuse(struct p2p_net *net, enum p2p_refusal reason, const char *verb,
                    const char *remote, const char *why)
{
    net->counts.refusals[reason]++;
    if (net->options.on_refusal) {
        char detail[P2P_NET_MESSAGE_BYTES];
        snprintf(detail, sizeof detail, "%s %s: %s", verb, remote, why);
        net->options.on_refusal(net->options.user, reason, remote, detail);
    }
}

void p2p_net_counts_get(const struct p2p_net *net, struct p2p_net_counts *out_counts)
{
    *out_counts = net->counts;
}

/* The turn of the loop. */

/* In the order in which they became dirty: what a batch sends to peers leaves before the
 * answers that wake whoever waits for them on the same machine. */
static struct p2p_conn *first_dirty(struct p2p_net *net)
{
    struct p2p_conn *first = NULL;
    while (net->dirty) {
        struct p2p_conn *conn = net->dirty;
        net->dirty = conn->dirty_next;
        conn->dirty_next = first;
        first = conn;
    }
    return first;
}

static void flush(struct p2p_net *net)
{
    /* Taken first: what becomes dirty during these visits waits for the next turn. */
    struct p2p_conn *conn = first_dirty(net);
    struct p2p_net_due *due = net->due;
    net->due = NULL;
    while (conn) {
        struct p2p_conn *next = conn->dirty_next;
        conn->dirty = false;
        conn->dirty_next = NULL;
        p2p_conn_flush(conn);
        conn = next;
    }
    while (due) {
        struct p2p_net_due *next = due->next;
        due->queued = false;
        due->next = NULL;
        due->run(due);
        due = next;
    }
}

static void on_again(uv_idle_t *again)
{
    (void)again; /* being active is all it does: the loop does not wait then */
}

void p2p_net_flush_soon(struct p2p_net *net)
{
    uv_idle_start(&net->again, on_again); /* no more than a flag when it is active already */
}

static void on_flush(uv_prepare_t *flusher)
{
    struct p2p_net *net = flusher->data;
    flush(net);
    if (!net->dirty && !net->due) {
        uv_idle_stop(&net->again);
    }
}

void p2p_net_defer(struct p2p_net *net, struct p2p_net_due *due)
{
    if (!due->queued) {
        due->queued = true;
        due->next = net->due;
        net->due = due;
        p2p_net_flush_soon(net);
    }
}

void p2p_net_tick(struct p2p_net *net)
{
    uint64_t now_ms = p2p_net_now_ms(net);
    /* Visits only ask for things; nothing leaves the lists before its close callback. */
    for (struct p2p_conn *conn = net->conns; conn; conn = conn->next) {
        p2p_conn_tick(conn, now_ms);
    }
    for (struct p2p_listener *listener = net->listeners; listener; listener = listener->next) {
        p2p_listener_tick(listener);
    }
}

static void on_tick(uv_timer_t *ticker)
{
    p2p_net_tick(ticker->data);
}

/* Life. */

static void buffers_free(struct p2p_net *net)
{
    p2p_tls_wire_deinit(&net->wire);
    nghttp2_session_callbacks_del(net->h2_callbacks);
    p2p_alloc_free(net->alloc, net->wire_bytes);
    p2p_alloc_free(net->alloc, net->frames);
    p2p_alloc_free(net->alloc, net->plaintext);
    p2p_alloc_free(net->alloc, net->received);
}

static enum p2p_err buffers_make(struct p2p_net *net)
{
    net->received = p2p_alloc_zeroed(net->alloc, 1, P2P_STREAM_BUFFER_BYTES);
    net->plaintext = p2p_alloc_zeroed(net->alloc, 1, P2P_STREAM_BUFFER_BYTES);
    net->frames = p2p_alloc_zeroed(net->alloc, 1, P2P_STREAM_BUFFER_BYTES);
    net->wire_bytes = p2p_alloc_zeroed(net->alloc, 1, P2P_TLS_WIRE_BYTES);
    net->h2_callbacks = p2p_h2_callbacks();
    net->h2_mem = p2p_h2_mem(net->alloc);
    if (!net->received || !net->plaintext || !net->frames || !net->wire_bytes ||
        !net->h2_callbacks || p2p_tls_wire_init(&net->wire, net->wire_bytes) != P2P_OK) {
        return P2P_NOMEM;
    }
    return P2P_OK;
}

/* libuv writes without MSG_NOSIGNAL: a peer that resets would end the process. */
static void ignore_broken_pipes(void)
{
    struct sigaction present;
    if (sigaction(SIGPIPE, NULL, &present) == 0 && present.sa_handler == SIG_DFL) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &ignore, NULL);
    }
}

enum p2p_err p2p_net_open(const struct p2p_net_options *options, struct p2p_net **out_net)
{
    const struct p2p_alloc *alloc = options->alloc ? options->alloc : p2p_alloc_default();
    struct p2p_net *net = p2p_alloc_zeroed(alloc, 1, sizeof *net);
    if (!net) {
        return P2P_NOMEM;
    }
    ignore_broken_pipes();
    net->options = *options;
    net->alloc = alloc;
    net->loop = options->loop;
    if (buffers_make(net) != P2P_OK) {
        buffers_free(net);
        p2p_alloc_free(alloc, net);
        return P2P_NOMEM;
    }
    /* None of these can fail on Linux: they only link a struct into the loop. */
    uv_prepare_init(net->loop, &net->flusher);
    uv_idle_init(net->loop, &net->again);
    uv_timer_init(net->loop, &net->ticker);
    net->flusher.data = net;
    net->again.data = net;
    net->ticker.data = net;
    net->handles = 3;
    uv_prepare_start(&net->flusher, on_flush);
    uv_timer_start(&net->ticker, on_tick, P2P_TICK_MS, P2P_TICK_MS);
    /* Neither keeps a loop alive that has nothing else to do. */
    uv_unref((uv_handle_t *)&net->flusher);
    uv_unref((uv_handle_t *)&net->ticker);
    *out_net = net;
    return P2P_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct p2p_net *net = handle->data;
    if (--net->handles > 0) {
        return;
    }
    void (*on_closed)(void *) = net->on_closed;
    void *user = net->closed_user;
    p2p_assert(!net->conns && !net->listeners && !net->dirty && !net->due);
    buffers_free(net);
    p2p_alloc_free(net->alloc, net);
    if (on_closed) {
        on_closed(user);
    }
}

static void handles_close(struct p2p_net *net)
{
    uv_close((uv_handle_t *)&net->flusher, on_handle_closed);
    uv_close((uv_handle_t *)&net->again, on_handle_closed);
    uv_close((uv_handle_t *)&net->ticker, on_handle_closed);
}

void p2p_net_hold(struct p2p_net *net)
{
    net->users++;
}

void p2p_net_release(struct p2p_net *net)
{
    p2p_assert(net->users > 0);
    net->users--;
    if (net->users == 0 && net->closing) {
        handles_close(net);
    }
}

void p2p_net_close(struct p2p_net *net, void (*on_closed)(void *user), void *user)
{
    if (!net) {
        return;
    }
    p2p_assert(!net->closing);
    net->closing = true;
    net->on_closed = on_closed;
    net->closed_user = user;
    for (struct p2p_conn *conn = net->conns; conn; conn = conn->next) {
        p2p_conn_abort(conn, P2P_LINK_END_CLOSED, "closed by this node");
    }
    if (net->users == 0) {
        handles_close(net);
    } else if (net->dirty) {
        uv_idle_start(&net->again,
                      on_again); /* the flush must come even if nothing else does */
    }
}
