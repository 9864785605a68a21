#include "listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void on_connection(uv_stream_t *handle, int status)
{
    struct p2p_listener *listener = handle->data;
    if (listener->closing) {
        return;
    }
    if (status != 0) {
        p2p_net_refuse(listener->net, P2P_REFUSAL_ACCEPT_FAILED, "refused", "unknown address",
                       uv_strerror(status));
        return;
    }
    bool was_stalled = listener->stalled;
    listener->stalled = listener->incoming(listener) != P2P_OK;
    if (listener->stalled && !was_stalled) {
        p2p_net_refuse(listener->net, P2P_REFUSAL_NO_MEMORY, "keeps waiting", "unknown address",
                       "no memory to accept a connection");
    }
}

void p2p_listener_tick(struct p2p_listener *listener)
{
    if (listener->stalled) {
        on_connection(&listener->uv.stream, 0);
    }
}

static void begin(struct p2p_listener *listener, struct p2p_net *net)
{
    listener->uv.handle.data = listener;
    listener->net = net;
    listener->bound = true;
    listener->next = net->listeners;
    if (net->listeners) {
        net->listeners->prev = listener;
    }
    net->listeners = listener;
    p2p_net_hold(net);
}

enum p2p_err p2p_listener_open_tcp(struct p2p_listener *listener, struct p2p_net *net,
                                   const char *address, char message[P2P_NET_MESSAGE_BYTES])
{
    struct sockaddr_storage to;
    if (p2p_address_parse(address, &to) != P2P_OK) {
        snprintf(message, P2P_NET_MESSAGE_BYTES,
                 "listen on \"%.80s\": write it as ip:tcp_port, e.g. 127.0.0.1:7400", address);
        return P2P_USAGE;
    }
    int rc = uv_tcp_init(net->loop, &listener->uv.tcp);
    if (rc != 0) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "listen on %.80s: %s", address,
                 uv_strerror(rc));
        return P2P_IO;
    }
    begin(listener, net);
    rc = uv_tcp_bind(&listener->uv.tcp, (const struct sockaddr *)&to, 0);
    if (rc == 0) {
        rc = uv_listen(&listener->uv.stream, P2P_LISTEN_BACKLOG, on_connection);
    }
    struct sockaddr_storage got = {0};
    int len = sizeof got;
    if (rc == 0) {
        rc = uv_tcp_getsockname(&listener->uv.tcp, (struct sockaddr *)&got, &len);
    }
    if (rc != 0) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "listen on %.80s: %s", address,
                 uv_strerror(rc));
        return P2P_IO;
    }
    p2p_address_text(&got, listener->address);
    return P2P_OK;
}

/* Whoever holds the store's lock knows that a socket file found here is a killed node's. */
static bool stale_remove(const char *path)
{
    struct stat found;
    return lstat(path, &found) != 0 || (S_ISSOCK(found.st_mode) && unlink(path) == 0);
}

static int unix_socket(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path) + 1);
    /* On Linux a socket's mode before bind becomes its file's: no moment in which others may
     * connect, and no umask, which all threads share. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

enum p2p_err p2p_listener_open_unix(struct p2p_listener *listener, struct p2p_net *net,
                                    const char *path, char message[P2P_NET_MESSAGE_BYTES])
{
    if (strlen(path) >= sizeof listener->path) {
        snprintf(message, P2P_NET_MESSAGE_BYTES,
                 "listen on %.120s...: a socket's path has at most 107 bytes; use a shorter "
                 "directory",
                 path);
        return P2P_USAGE;
    }
    if (!stale_remove(path)) {
        snprintf(message, P2P_NET_MESSAGE_BYTES,
                 "listen on %.120s: something else than a socket is there", path);
        return P2P_IO;
    }
    int fd = unix_socket(path);
    if (fd < 0) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "listen on %.120s: %s", path, strerror(errno));
        return P2P_IO;
    }
    int rc = uv_pipe_init(net->loop, &listener->uv.pipe, 0);
    if (rc != 0) {
        close(fd);
        unlink(path);
        snprintf(message, P2P_NET_MESSAGE_BYTES, "listen on %.120s: %s", path, uv_strerror(rc));
        return P2P_IO;
    }
    snprintf(listener->path, sizeof listener->path, "%s", path);
    begin(listener, net);
    rc = uv_pipe_open(&listener->uv.pipe, fd);
    if (rc != 0) {
        close(fd);
    } else {
        rc = uv_listen(&listener->uv.stream, P2P_LISTEN_BACKLOG, on_connection);
    }
    if (rc != 0) {
        snprintf(message, P2P_NET_MESSAGE_BYTES, "listen on %.120s: %s", path, uv_strerror(rc));
        return P2P_IO;
    }
    return P2P_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct p2p_listener *listener = handle->data;
    struct p2p_net *net = listener->net;
    if (listener->prev) {
        listener->prev->next = listener->next;
    } else {
        net->listeners = listener->next;
    }
    if (listener->next) {
        listener->next->prev = listener->prev;
    }
    listener->bound = false;
    listener->closing = false;
    listener->stalled = false;
    listener->address[0] = '\0';
    listener->path[0] = '\0';
    listener->closed(listener);
    p2p_net_release(net);
}

bool p2p_listener_close(struct p2p_listener *listener)
{
    if (!listener->bound) {
        return false;
    }
    if (!listener->closing) {
        listener->closing = true;
        if (listener->path[0]) {
            unlink(listener->path);
        }
        uv_close(&listener->uv.handle, on_closed);
    }
    return true;
}
