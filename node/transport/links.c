#include <p2p/link.h>

#include "link_private.h"

#include <p2p/assert.h>

#include <stdio.h>

static void free_if_done(struct p2p_links *links)
{
    if (!links->closing || links->closing_due.queued || links->count > 0 ||
        links->listener.bound) {
        return;
    }
    void (*on_closed)(void *) = links->on_closed;
    void *user = links->closed_user;
    struct p2p_net *net = links->net;
    SSL_CTX_free(links->accept);
    SSL_CTX_free(links->dial);
    p2p_alloc_free(net->alloc, links);
    if (on_closed) {
        on_closed(user);
    }
    p2p_net_release(net);
}

static void on_closing_due(struct p2p_net_due *due)
{
    free_if_done(due->owner);
}

void p2p_links_freed_one(struct p2p_links *links)
{
    links->count--;
    free_if_done(links);
}

/* expected 0: accepts from the listener. */
static enum p2p_err link_new(struct p2p_links *links, uint32_t expected,
                             struct p2p_link **out_link)
{
    struct p2p_net *net = links->net;
    struct p2p_link *link = p2p_alloc_zeroed(net->alloc, 1, sizeof *link);
    if (!link) {
        return P2P_NOMEM;
    }
    link->links = links;
    link->judge = (struct p2p_tls_judge){
        .pin = links->user.pin, .user = links->user.user, .expected = expected};
    struct p2p_conn_options options = {
        .user = &p2p_link_conn_user,
        .owner = links,
        .listener = expected == 0 ? &links->listener : NULL,
        .tls = expected == 0 ? links->accept : links->dial,
        .judge = &link->judge,
        .consume_by_hand = true,
        .window_bytes = P2P_LINK_WINDOW_BYTES,
        .streams_max = 2, /* a second one is refused by on_begin, by name */
    };
    enum p2p_err err = p2p_conn_init(&link->conn, net, &options);
    if (err) {
        p2p_alloc_free(net->alloc, link);
        return err;
    }
    links->count++;
    *out_link = link;
    return P2P_OK;
}

static enum p2p_err on_incoming(struct p2p_listener *listener)
{
    struct p2p_link *link = NULL;
    enum p2p_err err = link_new(listener->owner, 0, &link);
    if (!err) {
        p2p_conn_accept(&link->conn);
    }
    return err;
}

enum p2p_err p2p_link_dial(struct p2p_links *links, const struct p2p_link_dial *dial,
                           struct p2p_link **out_link, char message[P2P_NET_MESSAGE_BYTES])
{
    struct sockaddr_storage to;
    struct sockaddr_storage from;
    const char *why = "out of memory";
    if (links->closing || dial->member == 0 ||
        p2p_address_parse(dial->address, &to) != P2P_OK ||
        (dial->dial_from && p2p_address_parse_ip(dial->dial_from, &from) != P2P_OK)) {
        snprintf(message, P2P_NET_MESSAGE_BYTES,
                 "dial \"%.80s\" from \"%.40s\": write them as ip:tcp_port and ip",
                 dial->address, dial->dial_from ? dial->dial_from : "");
        return P2P_USAGE;
    }
    struct p2p_link *link = NULL;
    enum p2p_err err = link_new(links, dial->member, &link);
    if (!err) {
        link->data = dial->data;
        err = p2p_conn_connect(&link->conn, &to, dial->dial_from ? &from : NULL, &why);
    }
    if (err) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "dial %.80s: %s", dial->address, why);
        return err; /* a link that was made closes by itself, unannounced */
    }
    link->announced = true;
    *out_link = link;
    return P2P_OK;
}

enum p2p_err p2p_links_open(struct p2p_net *net, struct p2p_tls *tls,
                            const struct p2p_links_user *user, struct p2p_links **out_links)
{
    p2p_assert(tls->dial != NULL && user->pin != NULL);
    struct p2p_links *links = p2p_alloc_zeroed(net->alloc, 1, sizeof *links);
    if (!links) {
        return P2P_NOMEM;
    }
    links->net = net;
    links->user = *user;
    SSL_CTX_up_ref(tls->accept);
    SSL_CTX_up_ref(tls->dial);
    links->accept = tls->accept;
    links->dial = tls->dial;
    links->listener.owner = links;
    links->listener.incoming = on_incoming;
    links->closing_due = (struct p2p_net_due){.run = on_closing_due, .owner = links};
    p2p_net_hold(net);
    *out_links = links;
    return P2P_OK;
}

static void on_listener_closed(struct p2p_listener *listener)
{
    free_if_done(listener->owner);
}

enum p2p_err p2p_links_listen(struct p2p_links *links, const char *address,
                              char message[P2P_NET_MESSAGE_BYTES])
{
    if (links->listener.bound || links->closing) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "it listens already, or is closing");
        return P2P_USAGE;
    }
    links->listener.closed = on_listener_closed;
    enum p2p_err err = p2p_listener_open_tcp(&links->listener, links->net, address, message);
    if (err) {
        p2p_listener_close(&links->listener);
    }
    return err;
}

const char *p2p_links_address(const struct p2p_links *links)
{
    return links->listener.address;
}

void p2p_links_close(struct p2p_links *links, void (*on_closed)(void *user), void *user)
{
    if (!links) {
        return;
    }
    p2p_assert(!links->closing);
    links->closing = true;
    links->on_closed = on_closed;
    links->closed_user = user;
    p2p_listener_close(&links->listener);
    for (struct p2p_conn *conn = links->net->conns; conn; conn = conn->next) {
        if (conn->options.owner == links) {
            p2p_link_close((struct p2p_link *)conn, P2P_LINK_END_CLOSED,
                           "this node is stopping");
        }
    }
    p2p_net_defer(links->net, &links->closing_due); /* there may be nothing left to wait for */
}
