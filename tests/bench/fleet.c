#include "fleet.h"

#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 60000, CHILD_MS = 3600000, TCP_PORT_FIRST = 20000, TCP_PORT_SPAN = 10000 };

extern char **environ;

/* ---- processes ---- */

/* Starts argv with its standard output in *out (or as ours when out is NULL). */
static pid_t start(const char *const argv[], int *out)
{
    posix_spawn_file_actions_t actions;
    int fds[2] = {-1, -1};
    pid_t pid = 0;
    if (out != NULL && pipe2(fds, O_CLOEXEC) != 0) {
        return 0;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (out != NULL) {
        posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    } else {
        posix_spawn_file_actions_adddup2(&actions, 2, 1);
    }
    if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) !=
        0) {
        pid = 0;
    }
    posix_spawn_file_actions_destroy(&actions);
    if (out != NULL) {
        close(fds[1]);
        *out = fds[0];
    }
    return pid;
}

static bool ended_well(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool run(const char *const argv[])
{
    pid_t pid = start(argv, NULL);
    return (pid > 0 && ended_well(pid)) || bench_fail("%s %s failed", argv[0], argv[1]);
}

/* All that comes until the end, or until a line when line is set. */
static bool read_text(int fd, char *text, size_t cap, bool line, int wait_ms)
{
    size_t len = 0;
    while (len + 1 < cap) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, wait_ms) <= 0) {
            return false;
        }
        ssize_t n = read(fd, text + len, cap - 1 - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        text[len] = '\0';
        if (line && strchr(text, '\n') != NULL) {
            return true;
        }
    }
    text[len] = '\0';
    return !line;
}

/* ---- the sandbox ---- */

static void set_node(struct fleet *fleet, struct fleet_node *node, const char *name)
{
    *node = (struct fleet_node){0};
    snprintf(node->dir, sizeof(node->dir), "%.4000s/%s", fleet->dir, name);
    snprintf(node->socket, sizeof(node->socket), "%.4000s/%s/node.sock", fleet->dir, name);
}

static void set_paths(struct fleet *fleet, const struct bench *bench, const char *name)
{
    memset(fleet, 0, sizeof(*fleet));
    fleet->bench = bench;
    fleet->patience_s = 60;
    snprintf(fleet->dir, sizeof(fleet->dir), "%.4000s/%s", bench->dir, name);
    set_node(fleet, &fleet->a, "beanr");
    set_node(fleet, &fleet->b, "bezee");
}

bool fleet_open(struct fleet *fleet, const struct bench *bench, const char *name)
{
    return fleet_open_with(fleet, bench, name, NULL, 0);
}

bool fleet_open_with(struct fleet *fleet, const struct bench *bench, const char *name,
                     const char *const *more, size_t more_count)
{
    char tcp_port[16];
    char members[256] = "beanr,bezee";
    int out;
    char text[4096];
    set_paths(fleet, bench, name);
    snprintf(tcp_port, sizeof(tcp_port), "%d",
             TCP_PORT_FIRST + 2 * (getpid() % (TCP_PORT_SPAN / 2)));
    const char *const remove[] = {"rm", "-rf", fleet->dir, NULL};
    const char *const make[] = {bench->node, "federation",    "sandbox",    fleet->dir,
                                "--members", members,         "--tcp-port", tcp_port,
                                "--name",    "bench.example", NULL};
    for (size_t i = 0; i < more_count && i < FLEET_MORE_MAX; i++) {
        size_t len = strlen(members);
        snprintf(members + len, sizeof(members) - len, ",%s", more[i]);
        set_node(fleet, &fleet->more[fleet->more_count++], more[i]);
    }
    if (!run(remove)) {
        return false;
    }
    pid_t pid = start(make, &out);
    bool made = pid > 0 && read_text(out, text, sizeof(text), false, READY_MS);
    close(out);
    return (pid > 0 && ended_well(pid) && made) ||
           bench_fail("no sandbox could be made in %s", fleet->dir);
}

bool fleet_reopen(struct fleet *fleet, const struct bench *bench, const char *name)
{
    set_paths(fleet, bench, name);
    fleet->stays = true;
    return fleet_bring_back(fleet, &fleet->a) && fleet_bring_back(fleet, &fleet->b);
}

void fleet_close(struct fleet *fleet)
{
    const char *const remove[] = {"rm", "-rf", fleet->dir, NULL};
    fleet_stop(&fleet->a);
    fleet_stop(&fleet->b);
    for (size_t i = 0; i < fleet->more_count; i++) {
        fleet_stop(&fleet->more[i]);
    }
    if (fleet->dir[0] != '\0' && !fleet->stays) {
        run(remove);
    }
}

bool fleet_start(struct fleet *fleet, struct fleet_node *node)
{
    const char *const serve[] = {fleet->bench->node, "--json", "-C", node->dir, "serve", NULL};
    char line[4096];
    int out = -1;
    double begin = bench_now_s();
    node->pid = start(serve, &out);
    bool ready = node->pid > 0 && read_text(out, line, sizeof(line), true, READY_MS) &&
                 strstr(line, "\"ready\"") != NULL;
    node->ready_s = bench_now_s() - begin;
    close(out);
    return ready || bench_fail("the node in %s did not become ready", node->dir);
}

bool fleet_start_all(struct fleet *fleet)
{
    bool good = true;
    for (size_t i = fleet->more_count; i-- > 0 && good;) {
        good = fleet_start(fleet, &fleet->more[i]);
    }
    return good && fleet_start(fleet, &fleet->b) && fleet_start(fleet, &fleet->a) &&
           fleet_wait_connected(fleet) && fleet_wait_custody(fleet, &fleet->a);
}

bool fleet_stop(struct fleet_node *node)
{
    pid_t pid = node->pid;
    if (pid == 0) {
        return true;
    }
    node->pid = 0;
    kill(pid, SIGTERM);
    return ended_well(pid) || bench_fail("the node in %s did not end well", node->dir);
}

static bool copy(const char *from, const char *to)
{
    const char *const remove[] = {"rm", "-rf", to, NULL};
    const char *const copy_all[] = {"cp", "-a", "--sparse=always", from, to, NULL};
    return run(remove) && run(copy_all);
}

static bool move_kept(const struct fleet *fleet, const struct fleet_node *node, bool back)
{
    char kept[2][BENCH_PATH_BYTES];
    char held[2][BENCH_PATH_BYTES];
    const char *name = strrchr(node->dir, '/') + 1;
    snprintf(held[0], sizeof(held[0]), "%.4000s", node->dir);
    snprintf(held[1], sizeof(held[1]), "%.4000s/copies/%s", fleet->dir, name);
    snprintf(kept[0], sizeof(kept[0]), "%.4000s/kept-%s", fleet->dir, name);
    snprintf(kept[1], sizeof(kept[1]), "%.4000s/kept-copy-%s", fleet->dir, name);
    for (unsigned i = 0; i < 2; i++) {
        if (!(back ? copy(kept[i], held[i]) : copy(held[i], kept[i]))) {
            return false;
        }
    }
    return true;
}

bool fleet_keep(struct fleet *fleet, const struct fleet_node *node)
{
    return move_kept(fleet, node, false);
}

bool fleet_bring_back(struct fleet *fleet, const struct fleet_node *node)
{
    return move_kept(fleet, node, true);
}

json_t *fleet_child(const struct fleet *fleet, const char *what, const struct fleet_node *node,
                    size_t count)
{
    char number[32];
    char text[8192];
    int out = -1;
    snprintf(number, sizeof(number), "%zu", count);
    const char *const argv[] = {fleet->bench->self, "--child", what, node->dir, number, NULL};
    pid_t pid = start(argv, &out);
    bool told = pid > 0 && read_text(out, text, sizeof(text), false, CHILD_MS);
    close(out);
    if (pid <= 0 || !ended_well(pid) || !told) {
        bench_fail("%s in the library failed", what);
        return NULL;
    }
    json_t *json = json_loads(text, 0, NULL);
    if (json == NULL) {
        bench_fail("%s in the library said nothing", what);
    }
    return json;
}

bool fleet_run(const struct fleet *fleet, const char *argv[], double *seconds)
{
    char text[65536];
    int out = -1;
    double begin = bench_now_s();
    argv[0] = fleet->bench->node;
    pid_t pid = start(argv, &out);
    while (pid > 0 && read(out, text, sizeof(text)) > 0) {
    }
    close(out);
    if (pid <= 0 || !ended_well(pid)) {
        return bench_fail("%s %s failed", argv[1], argv[2]);
    }
    *seconds = bench_now_s() - begin;
    return true;
}

/* ---- /proc ---- */

double fleet_rss_kb(const struct fleet_node *node)
{
    char path[64];
    char line[256];
    double kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)node->pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kb = strtod(line + 8, NULL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kb;
}

double fleet_cpu_s(const struct fleet_node *node)
{
    char path[64];
    char text[1024] = "";
    unsigned long user = 0;
    unsigned long system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)node->pid);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        char *end = fgets(text, sizeof(text), file) != NULL ? strrchr(text, ')') : NULL;
        fclose(file);
        if (end == NULL ||
            sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                   &system) != 2) {
            return 0;
        }
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- asking ---- */

json_t *fleet_get(const struct fleet_node *node, const char *path)
{
    struct client client;
    json_t *json = NULL;
    if (client_open(&client, node->socket)) {
        if (client_call(&client, "GET", path, NULL, 0) && client.status == 200) {
            json = json_loadb(client.body, client.body_len, 0, NULL);
        }
        client_close(&client);
    }
    return json;
}

double fleet_size(const struct fleet_node *node, const char *feed)
{
    json_t *status = fleet_get(node, "/v1/status");
    const json_t *row;
    size_t i;
    double size = 0;
    json_array_foreach(json_object_get(status, "feeds"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "feed"));
        if (name != NULL && strcmp(name, feed) == 0) {
            size = (double)json_integer_value(json_object_get(row, "size"));
        }
    }
    json_decref(status);
    return size;
}

bool fleet_wait_size(const struct fleet_node *node, const char *feed, double size,
                     double timeout_s, double *when_s)
{
    double until = bench_now_s() + timeout_s;
    while (bench_now_s() < until) {
        if (fleet_size(node, feed) >= size) {
            *when_s = bench_now_s();
            return true;
        }
        bench_pause_ms(50);
    }
    return bench_fail("%s has only %.0f of %.0f records of %s after %.0f s", node->dir,
                      fleet_size(node, feed), size, feed, timeout_s);
}

static bool up_to_date(const struct fleet_node *node)
{
    json_t *status = fleet_get(node, "/v1/status");
    const json_t *peers = json_object_get(status, "peers");
    const json_t *peer;
    size_t i;
    bool up = json_array_size(peers) > 0;
    json_array_foreach(peers, i, peer)
    {
        const char *state = json_string_value(json_object_get(peer, "state"));
        up = up && state != NULL && strcmp(state, "connected") == 0 &&
             json_integer_value(json_object_get(peer, "behind")) == 0;
    }
    json_decref(status);
    return up;
}

bool fleet_wait_connected(const struct fleet *fleet)
{
    double until = bench_now_s() + fleet->patience_s;
    while (bench_now_s() < until) {
        bool all = up_to_date(&fleet->a) && up_to_date(&fleet->b);
        for (size_t i = 0; i < fleet->more_count && all; i++) {
            all = up_to_date(&fleet->more[i]);
        }
        if (all) {
            return true;
        }
        bench_pause_ms(50);
    }
    return bench_fail("the nodes did not come together within %.0f s", fleet->patience_s);
}

bool fleet_wait_custody(const struct fleet *fleet, const struct fleet_node *node)
{
    double until = bench_now_s() + fleet->patience_s;
    while (bench_now_s() < until) {
        json_t *status = fleet_get(node, "/v1/status");
        const char *custody = json_string_value(json_object_get(status, "custody"));
        bool ready = custody != NULL && strcmp(custody, "ready") == 0;
        json_decref(status);
        if (ready) {
            return true;
        }
        bench_pause_ms(50);
    }
    return bench_fail("the witnesses of %s did not answer within %.0f s", node->dir,
                      fleet->patience_s);
}

static bool is_peer_bytes(const char *line)
{
    return line[0] != '#' && (strstr(line, "peer_received_bytes_total{") != NULL ||
                              strstr(line, "peer_sent_bytes_total{") != NULL);
}

double fleet_wire_bytes(const struct fleet_node *node)
{
    struct client client;
    double sum = 0;
    if (!client_open(&client, node->socket)) {
        return 0;
    }
    if (client_call(&client, "GET", "/metrics", NULL, 0) && client.status == 200) {
        char *rest = NULL;
        for (char *line = strtok_r(client.body, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            const char *value = strrchr(line, ' ');
            if (is_peer_bytes(line) && value != NULL) {
                sum += strtod(value, NULL);
            }
        }
    }
    client_close(&client);
    return sum;
}
