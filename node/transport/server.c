#include <p2p/server.h>

#include "conn.h"
#include "listener.h"
#include "request.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

struct p2p_server {
    struct p2p_desk desk; /* first: found from the desk's callback */
    struct p2p_net *net;
    struct p2p_listener unix_listener;
    struct p2p_listener tls_listener;
    SSL_CTX *tls; /* the people's; NULL until listen_tls */
    uint32_t connections;
    bool closing;
    struct p2p_net_due closing_due;
    void (*on_closed)(void *user);
    void *closed_user;
};

struct server_conn {
    struct p2p_conn conn; /* first */
    struct p2p_requests requests;
    struct p2p_server *server;
    struct p2p_tls_party party;
    bool last_goaway_said;
};

static struct server_conn *of_conn(struct p2p_conn *conn)
{
    return (struct server_conn *)conn;
}

/* Events come with the time: requests are judged by when they last moved. */
static struct p2p_requests *requests_of(struct p2p_h2 *h2)
{
    struct p2p_conn *conn = p2p_conn_of_h2(h2);
    struct p2p_requests *requests = &of_conn(conn)->requests;
    requests->now_ms = p2p_net_now_ms(conn->net);
    return requests;
}

static void on_settled(struct p2p_h2 *h2)
{
    p2p_conn_admit(p2p_conn_of_h2(h2));
}

static void on_begin(struct p2p_h2 *h2, int32_t stream)
{
    p2p_requests_begin(requests_of(h2), stream);
}

static void on_header(struct p2p_h2 *h2, int32_t stream, struct p2p_slice name,
                      struct p2p_slice value)
{
    p2p_requests_header(&of_conn(p2p_conn_of_h2(h2))->requests, stream, name, value);
}

static void on_headers(struct p2p_h2 *h2, int32_t stream)
{
    p2p_requests_headers(requests_of(h2), stream);
}

static void on_data(struct p2p_h2 *h2, int32_t stream, const uint8_t *data, size_t len)
{
    p2p_requests_data(requests_of(h2), stream, data, len);
}

static void on_finished(struct p2p_h2 *h2, int32_t stream)
{
    p2p_requests_finished(requests_of(h2), stream);
}

static void on_sent_reset(struct p2p_h2 *h2, int32_t stream, uint32_t code)
{
    p2p_requests_sent_reset(requests_of(h2), stream, code);
}

static void on_stream_closed(struct p2p_h2 *h2, int32_t stream, uint32_t code)
{
    (void)code;
    p2p_requests_closed(requests_of(h2), stream);
}

static void on_opened(struct p2p_conn *conn)
{
    struct server_conn *mine = of_conn(conn);
    p2p_requests_init(&mine->requests, &mine->server->desk, &conn->h2, conn->stream.remote,
                      conn->options.tls == NULL);
    if (conn->options.tls != NULL &&
        p2p_tls_session_party(&conn->stream.session, &mine->party)) {
        mine->requests.party = &mine->party;
    }
}

static void on_before_frames(struct p2p_conn *conn, uint64_t now_ms)
{
    of_conn(conn)->requests.now_ms = now_ms;
    p2p_requests_settle(&of_conn(conn)->requests);
}

static void on_after_frames(struct p2p_conn *conn)
{
    p2p_requests_settle(&of_conn(conn)->requests);
}

/* The second half of a graceful end, for those who had requests under way at the first. */
static void goodbye(struct server_conn *mine)
{
    if (!mine->last_goaway_said) {
        mine->last_goaway_said = true;
        p2p_h2_goodbye(&mine->conn.h2, NGHTTP2_NO_ERROR, "closed by this node");
        p2p_conn_wake(&mine->conn);
    }
}

static void on_conn_tick(struct p2p_conn *conn, uint64_t now_ms)
{
    p2p_requests_tick(&of_conn(conn)->requests, now_ms);
    if (conn->state == P2P_CONN_DRAINING) {
        goodbye(of_conn(conn));
    }
}

static void drain(struct p2p_conn *conn)
{
    struct server_conn *mine = of_conn(conn);
    if (conn->state == P2P_CONN_STARTING) {
        p2p_conn_abort(conn, P2P_LINK_END_CLOSED, "closed by this node");
        return;
    }
    if (conn->state != P2P_CONN_OPEN || !p2p_conn_lives(conn)) {
        return;
    }
    p2p_conn_drain(conn);
    p2p_requests_drain(&mine->requests);
    if (mine->requests.open == 0) {
        goodbye(mine);
    } else if (nghttp2_submit_shutdown_notice(conn->h2.session) != 0) {
        p2p_conn_refuse(conn, P2P_REFUSAL_NO_MEMORY, "no memory for this connection");
    }
}

static void on_conn_ended(struct p2p_conn *conn)
{
    if (conn->h2_made) {
        p2p_requests_end(&of_conn(conn)->requests);
    }
}

static void server_free_if_done(struct p2p_server *server)
{
    if (!server->closing || server->closing_due.queued || server->connections > 0 ||
        server->unix_listener.bound || server->tls_listener.bound) {
        return;
    }
    void (*on_closed)(void *) = server->on_closed;
    void *user = server->closed_user;
    struct p2p_net *net = server->net;
    p2p_assert(server->desk.counts.open == 0 && server->desk.counts.body_bytes == 0 &&
               server->desk.counts.unread_bytes == 0);
    p2p_desk_deinit(&server->desk);
    SSL_CTX_free(server->tls);
    p2p_alloc_free(net->alloc, server);
    if (on_closed) {
        on_closed(user);
    }
    p2p_net_release(net);
}

static void on_closing_due(struct p2p_net_due *due)
{
    server_free_if_done(due->owner);
}

static void on_conn_closed(struct p2p_conn *conn)
{
    struct p2p_server *server = of_conn(conn)->server;
    server->connections--;
    p2p_alloc_free(conn->net->alloc, of_conn(conn));
    server_free_if_done(server);
}

static const struct p2p_conn_user conn_user = {
    .h2 = {.wake = p2p_conn_h2_wake,
           .settled = on_settled,
           .begin = on_begin,
           .header = on_header,
           .headers = on_headers,
           .data = on_data,
           .finished = on_finished,
           .sent_reset = on_sent_reset,
           .closed = on_stream_closed,
           .pong = p2p_conn_h2_pong,
           .goaway = p2p_conn_h2_goaway},
    .opened = on_opened,
    .before_frames = on_before_frames,
    .after_frames = on_after_frames,
    .tick = on_conn_tick,
    .ended = on_conn_ended,
    .closed = on_conn_closed,
};

static enum p2p_err on_incoming(struct p2p_listener *listener)
{
    struct p2p_server *server = listener->owner;
    struct p2p_net *net = server->net;
    struct server_conn *mine = p2p_alloc_zeroed(net->alloc, 1, sizeof *mine);
    if (!mine) {
        return P2P_NOMEM;
    }
    struct p2p_conn_options options = {
        .user = &conn_user,
        .owner = server,
        .listener = listener,
        .tls = listener == &server->tls_listener ? server->tls : NULL,
        .window_bytes = P2P_SERVER_WINDOW_BYTES,
        .streams_max = P2P_STREAMS_PER_CONNECTION,
    };
    enum p2p_err err = p2p_conn_init(&mine->conn, net, &options);
    if (err) {
        p2p_alloc_free(net->alloc, mine);
        return err;
    }
    mine->server = server;
    server->connections++;
    p2p_conn_accept(&mine->conn);
    return P2P_OK;
}

static void on_listener_closed(struct p2p_listener *listener)
{
    server_free_if_done(listener->owner);
}

static void on_desk_refusal(struct p2p_desk *desk, enum p2p_refusal reason, const char *verb,
                            const char *remote, const char *why)
{
    p2p_net_refuse(((struct p2p_server *)desk)->net, reason, verb, remote, why);
}

enum p2p_err p2p_server_open(struct p2p_net *net, const struct p2p_server_user *user,
                             struct p2p_server **out_server)
{
    struct p2p_server *server = p2p_alloc_zeroed(net->alloc, 1, sizeof *server);
    if (!server) {
        return P2P_NOMEM;
    }
    server->net = net;
    server->closing_due = (struct p2p_net_due){.run = on_closing_due, .owner = server};
    server->desk =
        (struct p2p_desk){.alloc = net->alloc, .user = *user, .refuse = on_desk_refusal};
    struct p2p_listener *both[] = {&server->unix_listener, &server->tls_listener};
    for (size_t i = 0; i < 2; i++) {
        both[i]->owner = server;
        both[i]->incoming = on_incoming;
        both[i]->closed = on_listener_closed;
    }
    p2p_net_hold(net);
    *out_server = server;
    return P2P_OK;
}

enum p2p_err p2p_server_listen_unix(struct p2p_server *server, const char *path,
                                    char message[P2P_NET_MESSAGE_BYTES])
{
    if (server->unix_listener.bound || server->closing) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "it listens already, or is closing");
        return P2P_USAGE;
    }
    enum p2p_err err =
        p2p_listener_open_unix(&server->unix_listener, server->net, path, message);
    if (err) {
        p2p_listener_close(&server->unix_listener);
    }
    return err;
}

enum p2p_err p2p_server_listen_tls(struct p2p_server *server, struct p2p_tls *tls,
                                   const char *address, char message[P2P_NET_MESSAGE_BYTES])
{
    if (server->tls_listener.bound || server->closing) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "it listens already, or is closing");
        return P2P_USAGE;
    }
    p2p_assert(tls->dial == NULL); /* a people's identity: a peer's asks for a judge */
    enum p2p_err err =
        p2p_listener_open_tcp(&server->tls_listener, server->net, address, message);
    if (err) {
        p2p_listener_close(&server->tls_listener);
        return err;
    }
    SSL_CTX_up_ref(tls->accept);
    SSL_CTX_free(server->tls);
    server->tls = tls->accept;
    return P2P_OK;
}

const char *p2p_server_address(const struct p2p_server *server)
{
    return server->tls_listener.address;
}

void p2p_server_counts_get(const struct p2p_server *server,
                           struct p2p_server_counts *out_counts)
{
    *out_counts = server->desk.counts;
    out_counts->connections = server->connections;
}

void p2p_server_close(struct p2p_server *server, void (*on_closed)(void *user), void *user)
{
    if (!server) {
        return;
    }
    p2p_assert(!server->closing);
    server->closing = true;
    server->on_closed = on_closed;
    server->closed_user = user;
    p2p_listener_close(&server->unix_listener);
    p2p_listener_close(&server->tls_listener);
    for (struct p2p_conn *conn = server->net->conns; conn; conn = conn->next) {
        if (conn->options.owner == server) {
            drain(conn);
        }
    }
    p2p_net_defer(server->net,
                  &server->closing_due); /* there may be nothing left to wait for */
}
