/* Liege is killed while clients hand it bans; whatever it acknowledged has to be there after.
 *
 * Each client is a thread with a connection of its own: it imposes a ban, notes it once it is
 * acknowledged, and goes on until the node does not answer any more. A truck's plate names
 * client and number, so that a ban can be asked for by it. */
#include "story.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS     4u
#define BANS_MAX    2000u /* per client */
#define BEFORE_KILL 100u  /* acknowledged, all clients */
#define NAP_MS      1
#define FEED        "belgg/1"
#define PLATE_BYTES 40u

struct client {
    pthread_t thread;
    bool runs;
    unsigned number;
    struct p2p_demo_http *http;
    char (*ids)[P2P_DEMO_ID_BYTES];
    size_t count; /* acknowledged; under the lock until the thread has ended */
    pthread_mutex_t *lock;
};

static void plate(char out[PLATE_BYTES], unsigned client, size_t number)
{
    snprintf(out, PLATE_BYTES, "plate:BE:%uLGG%03zu", client + 1, number);
}

static void *impose_many(void *context)
{
    struct client *client = context;
    for (size_t i = 0; i < BANS_MAX; i++) {
        char subject[PLATE_BYTES];
        json_t *reply = NULL;
        plate(subject, client->number, i);
        json_t *body =
            json_pack("{s:s, s:[s], s:s, s:s}", "as", "belgg-pso", "subject", subject, "ground",
                      "local", "reference", "a truck made up for the demo");
        long status = p2p_demo_http_ask(client->http, "/v1/bans", body, &reply);
        const char *id = p2p_demo_text(reply, "id");
        bool acknowledged = status == 200 && *id != '\0';
        if (acknowledged) {
            pthread_mutex_lock(client->lock);
            snprintf(client->ids[client->count++], P2P_DEMO_ID_BYTES, "%s", id);
            pthread_mutex_unlock(client->lock);
        }
        json_decref(body);
        json_decref(reply);
        if (!acknowledged) {
            break;
        }
    }
    return NULL;
}

static size_t acknowledged(struct client *clients, pthread_mutex_t *lock)
{
    size_t count = 0;
    pthread_mutex_lock(lock);
    for (size_t i = 0; i < CLIENTS; i++) {
        count += clients[i].count;
    }
    pthread_mutex_unlock(lock);
    return count;
}

static bool clients_start(struct p2p_demo *demo, struct client *clients, pthread_mutex_t *lock)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.number = i, .lock = lock};
        clients[i].http = p2p_demo_http_open(demo->fleet.members[P2P_DEMO_LIEGE]);
        clients[i].ids = calloc(BANS_MAX, sizeof *clients[i].ids);
        clients[i].runs =
            clients[i].http != NULL && clients[i].ids != NULL &&
            pthread_create(&clients[i].thread, NULL, impose_many, &clients[i]) == 0;
        if (!clients[i].runs) {
            return p2p_demo_false(demo, "a client could not be started");
        }
    }
    return true;
}

static void clients_end(struct client *clients)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        if (clients[i].runs) {
            pthread_join(clients[i].thread, NULL);
        }
        clients[i].runs = false;
    }
}

static void clients_deinit(struct client *clients)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        p2p_demo_http_close(clients[i].http);
        free(clients[i].ids);
    }
}

/* Kills Liege once enough is acknowledged, with requests under way. */
static bool kill_it(struct p2p_demo *demo, struct client *clients, pthread_mutex_t *lock)
{
    uint64_t since_ms = p2p_demo_now_ms();
    pid_t pid = demo->fleet.pids[P2P_DEMO_LIEGE];
    bool enough = true;
    while (enough && acknowledged(clients, lock) < BEFORE_KILL) {
        enough = p2p_demo_wait(demo, since_ms, NAP_MS);
    }
    if (pid <= 0 || kill(pid, SIGKILL) != 0) {
        return p2p_demo_false(demo, "Liege has no process to be killed");
    }
    clients_end(clients);
    return enough || p2p_demo_false(demo, "Liege acknowledged only %zu bans in time",
                                    acknowledged(clients, lock));
}

static bool start_again(struct p2p_demo *demo)
{
    struct p2p_demo_said up = {0};
    bool done = p2p_demo_done(
        demo, P2P_DEMO_MEMBERS,
        P2P_DEMO_WORDS("federation", "up", demo->fleet.federation, "belgg", "--detach"), 0,
        &up);
    if (done) {
        demo->fleet.pids[P2P_DEMO_LIEGE] =
            (pid_t)p2p_demo_number(p2p_demo_said_first(&up), "pid");
    }
    p2p_demo_said_deinit(&up);
    return done;
}

/* Every acknowledged ban is in force at Liege, under the id it was acknowledged with. */
static bool all_there(struct p2p_demo *demo, const struct client *clients)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        for (size_t j = 0; j < clients[i].count; j++) {
            char subject[PLATE_BYTES], path[128];
            plate(subject, i, j);
            snprintf(path, sizeof path, "/v1/bans?subject=%s", subject);
            json_t *reply = p2p_demo_get(demo, P2P_DEMO_LIEGE, path);
            const json_t *ban = json_array_get(json_object_get(reply, "bans"), 0);
            bool there = strcmp(p2p_demo_text(ban, "id"), clients[i].ids[j]) == 0 &&
                         strcmp(p2p_demo_text(ban, "state"), "in-force") == 0;
            json_decref(reply);
            if (!there) {
                return p2p_demo_false(demo,
                                      "%s, the ban on %s that Liege acknowledged, is lost",
                                      clients[i].ids[j], subject);
            }
        }
    }
    return true;
}

/* Size and root of the feed as its quorum-cosigned checkpoint has them at a member; a note's
 * second and third line (C2SP tlog-checkpoint). */
static bool read_checkpoint(const struct p2p_demo *demo, enum p2p_demo_member member,
                            unsigned long long *size, char root[64])
{
    json_t *reply = p2p_demo_get(demo, member, "/v1/checkpoints/" FEED);
    int got = sscanf(p2p_demo_text(reply, "checkpoint"), "%*[^\n]\n%llu\n%63[^\n]", size, root);
    json_decref(reply);
    return got == 2;
}

/* Waits until every member holds Liege's feed up to its size, witnessed, under one root, and
 * computed the same bans. */
static bool same_root(struct p2p_demo *demo, unsigned long long *size, char root[64])
{
    uint64_t since_ms = p2p_demo_now_ms();
    enum p2p_demo_member differs = P2P_DEMO_LIEGE;
    do {
        json_t *liege = p2p_demo_get(demo, P2P_DEMO_LIEGE, "/v1/status");
        json_int_t full = p2p_demo_number(p2p_demo_feed(liege, FEED), "size");
        bool equal =
            read_checkpoint(demo, P2P_DEMO_LIEGE, size, root) && full == (json_int_t)*size;
        for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS && equal; m++) {
            unsigned long long there = 0;
            char root_there[64] = "";
            json_t *status = p2p_demo_get(demo, m, "/v1/status");
            equal = read_checkpoint(demo, m, &there, root_there) && there == *size &&
                    strcmp(root_there, root) == 0 &&
                    strcmp(p2p_demo_bans_digest(status), p2p_demo_bans_digest(liege)) == 0;
            differs = equal ? differs : m;
            json_decref(status);
        }
        json_decref(liege);
        if (equal) {
            return true;
        }
    } while (p2p_demo_wait(demo, since_ms, NAP_MS));
    return p2p_demo_false(demo, "%s does not hold %s as Liege does", p2p_demo_name(differs),
                          FEED);
}

bool p2p_demo_step_killed(struct p2p_demo *demo)
{
    struct client clients[CLIENTS] = {0};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    unsigned long long size = 0;
    char root[64] = "";
    bool done = clients_start(demo, clients, &lock);
    done = done && kill_it(demo, clients, &lock);
    uint64_t killed_ms = p2p_demo_now_ms();
    if (!done) {
        kill(demo->fleet.pids[P2P_DEMO_LIEGE], SIGKILL);
        clients_end(clients);
    }
    size_t count = acknowledged(clients, &lock);
    done = done && start_again(demo);
    uint64_t back_ms = p2p_demo_now_ms() - killed_ms;
    done = done && all_there(demo, clients);
    if (done) {
        json_t *status = p2p_demo_get(demo, P2P_DEMO_LIEGE, "/v1/status");
        if (!json_is_null(json_object_get(status, "read_only"))) {
            done = p2p_demo_false(demo, "Liege came back as %s",
                                  p2p_demo_text(status, "read_only"));
        }
        json_decref(status);
    }
    done = done && same_root(demo, &size, root);
    clients_deinit(clients);
    pthread_mutex_destroy(&lock);
    return done &&
           p2p_demo_holds(
               demo,
               "%zu bans acknowledged before, all %zu in force after; ready again in %llu "
               "ms; all seven hold its %llu records under one root, %.12s.",
               count, count, (unsigned long long)back_ms, size, root);
}
