/* The server: who is let in, and how it ends. */
#include "served.h"

#include <p2p/limits.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Broken if others could open the socket, or a stale file kept a node from starting. */
static void test_unix_socket_file(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    struct stat found;
    CHECK(stat(served.path, &found) == 0 && S_ISSOCK(found.st_mode));
    CHECK((found.st_mode & 0777) == 0600);

    char other[TEMP_PATH_BYTES];
    char message[P2P_NET_MESSAGE_BYTES];
    struct node second;
    node_init(&second, &served.world, 2);
    temp_path(&served.directory, "stale.sock", other);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    CHECK(strlen(other) < sizeof to.sun_path);
    memcpy(to.sun_path, other, strlen(other));
    CHECK(bind(fd, (struct sockaddr *)&to, sizeof to) == 0);
    close(fd); /* killed: the file stays */
    node_listen_unix(&second, other);
    struct h2_client *client = h2_open(&served.world, other, false);
    CHECK(h2_get(client, "/")->status == 200);
    h2_free(client);
    node_deinit(&second);

    node_init(&second, &served.world, 2);
    temp_path(&served.directory, "precious", other);
    temp_write(other, "data", 4);
    CHECK_ERR(p2p_server_listen_unix(second.server, other, message), P2P_IO);
    CHECK(access(other, F_OK) == 0 && strstr(message, other) != NULL);
    char long_path[300];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    CHECK_ERR(p2p_server_listen_unix(second.server, long_path, message), P2P_USAGE);
    CHECK_ERR(p2p_server_listen_tls(second.server, served.node.people, served.people, message),
              P2P_IO);
    CHECK(strstr(message, "in use") != NULL && strstr(message, served.people) != NULL);
    node_deinit(&second);
    served_deinit(&served);
}

struct stranger {
    enum raw_tls tls;
    bool to_unix;
    const char *text;
    enum p2p_refusal reason;
};

/* Broken if anything but HTTP/2 got an answer, or was dropped in silence. */
static void test_strangers(void **state)
{
    (void)state;
    static const struct stranger strangers[] = {
        {RAW_TLS_1_2, false, "", P2P_REFUSAL_TLS_VERSION},
        {RAW_TLS_NO_ALPN, false, "GET / HTTP/1.1\r\n\r\n", P2P_REFUSAL_ALPN},
        {RAW_TLS_ALPN_HTTP1, false, "", P2P_REFUSAL_ALPN},
        {RAW_TLS, false, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, false, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, true, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, true, "PRI * HTTP/1.1\r\n\r\n", P2P_REFUSAL_HTTP1},
        {RAW_PLAIN, true, "{\"verb\":\"status\"}", P2P_REFUSAL_PROTOCOL_ERROR},
    };
    struct served served;
    served_init(&served);
    struct h2_client *client = h2_open(&served.world, served.people, false);
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const struct stranger *who = &strangers[i];
        struct raw_options options = {.address = who->to_unix ? served.path : served.people,
                                      .tls = who->tls};
        unsigned before = served.node.refusals[who->reason];
        struct raw_client *raw = raw_open(&served.world, &options);
        raw_text(raw, who->text);
        WORLD_UNTIL(&served.world, raw->closed);
        CHECK(served.node.refusals[who->reason] == before + 1);
        CHECK(strncmp(served.node.detail, "refused ", 8) == 0);
        if (who->reason == P2P_REFUSAL_HTTP1) {
            CHECK(raw->in_len > 0 && memcmp(raw->in, "HTTP/1.1 505", 12) == 0);
        }
        CHECK(h2_get(client, "/still")->status == 200);
    }
    h2_free(client);
    served_deinit(&served);
}

/* Broken if a stopping server lost an answer under way, or waited for streams that never end.
 */
static void test_graceful_close(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct node *nodes[] = {&served.node};
    struct h2_client *client = h2_open(&served.world, served.people, false);
    struct h2_answer *asked = h2_ask(client, &(struct h2_request){.path = "/1"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    struct h2_answer *events = h2_ask(client, &(struct h2_request){.path = "/v1/events"});
    WORLD_UNTIL(&served.world, served.node.held_count == 2);
    struct p2p_request *request = served.node.held[0];
    CHECK_OK(p2p_response_stream_begin(served.node.held[1], 200, NULL));
    CHECK_OK(p2p_response_stream_write(served.node.held[1], "event", 5));

    p2p_server_close(served.node.server, NULL, NULL);
    served.node.server = NULL;
    CHECK(served.node.cancelled == 1 && served.node.held_count == 1);
    WORLD_UNTIL(&served.world, events->done && client->goaway);
    CHECK(events->code == NGHTTP2_NO_ERROR && strcmp(events->body, "event") == 0);
    CHECK(!asked->done && !client->raw->closed);
    world_pass(&served.world, nodes, 1, P2P_TICK_MS);
    served.node.held_count = 0;
    CHECK_OK(p2p_response_send(request, 200, NULL, (struct p2p_slice){(uint8_t *)"ok", 2}));
    WORLD_UNTIL(&served.world, asked->done && client->raw->closed);
    CHECK(asked->status == 200 && strcmp(asked->body, "ok") == 0);
    h2_free(client);
    served_deinit(&served);
}

/* Broken if a handler that never answers could keep a server from stopping. */
static void test_close_has_an_end(void **state)
{
    (void)state;
    struct served served;
    served_init(&served);
    served.node.holds = true;
    struct node *nodes[] = {&served.node};
    struct h2_client *client = h2_open(&served.world, served.path, false);
    h2_ask(client, &(struct h2_request){.path = "/"});
    WORLD_UNTIL(&served.world, served.node.held_count == 1);
    p2p_server_close(served.node.server, NULL, NULL);
    served.node.server = NULL;
    world_pass(&served.world, nodes, 1, P2P_DRAIN_MS_MAX);
    WORLD_UNTIL(&served.world, client->raw->closed);
    CHECK(served.node.cancelled == 1 && served.node.held_count == 0);
    h2_free(client);
    served_deinit(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unix_socket_file),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_graceful_close),
        cmocka_unit_test(test_close_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
