/* federation up: starts the nodes of a directory, each a process of its own.
 *
 *     absent -> started -> ready -> complete    it answers on its socket; it has heard of its
 *                  |                            witnesses what they hold, so that its gate
 *                  |                            decides (WIRE.md section 15, Start-up)
 *                  '-----> gone                 it ended before: its last words are told
 *
 * Complete is waited for only where all are started, and not for long: a node whose witnesses
 * do not answer is none the less ready, and refers whom it would allow.
 *
 * With --detach the nodes get sessions of their own and this process leaves when all are ready.
 * Otherwise it stays, each node in a process group of its own, so that an interrupt of the
 * terminal reaches this process alone, which then stops them in order. A node that serves
 * already is taken as ready and left alone at the end. If one does not come up, those started
 * here go down again, unless
 * --detach was given: then they stay, to be looked at. */
#include "fleet.h"
#include "http.h"
#include "nouns.h"
#include "request.h"

#include <p2p/pidfile.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MS    30000u
#define COMPLETE_MS 3000u
#define STOP_MS     15000u
#define PAUSE_MS    25u
#define ASK_MS      2000u

struct up {
    struct p2p_cli_call *call;
    struct p2p_cli_fleet fleet;
    bool detach;
    bool whole;       /* no member was named: all are to serve */
    sigset_t signals; /* blocked here: taken by sigtimedwait */
};

/* Whether it answers; and whether it is complete, where that is asked (NULL: not asked). */
static bool answers(const struct p2p_cli_member *member, bool *complete)
{
    struct p2p_cli_http *http = NULL;
    struct p2p_api_reply reply = {0};
    if (p2p_cli_http_open(&http, member->dir) != P2P_OK) {
        return false;
    }
    bool yes = p2p_cli_http_call(
                   http, &(struct p2p_api_request){.method = "GET", .path = "/v1/status"},
                   ASK_MS, &reply) == P2P_CLI_HTTP_DONE &&
               reply.status == 200;
    if (complete != NULL) {
        *complete = yes && json_is_true(json_object_get(reply.json, "complete"));
    }
    p2p_api_reply_deinit(&reply);
    p2p_cli_http_close(http);
    return yes;
}

static pid_t holder(const struct p2p_cli_member *member)
{
    char path[P2P_PATH_BYTES_MAX];
    pid_t pid = 0;
    if (p2p_path_join(path, member->dir, "node.pid") != P2P_OK ||
        p2p_pidfile_read(path, &pid) != P2P_OK) {
        return 0;
    }
    return pid;
}

static int start(struct up *up, struct p2p_cli_member *member)
{
    char log[P2P_PATH_BYTES_MAX];
    const char *file = up->call->passphrase_file;
    const char *const argv[] = {
        "port2port", "-C", member->dir, "serve", file != NULL ? "--passphrase-file" : NULL,
        file,        NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int error = p2p_path_join(log, member->dir, "node.log") == P2P_OK ? 0 : ENAMETOOLONG;
    if (error != 0) {
        return error;
    }
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGHUP);
    sigaddset(&usual, SIGCHLD);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                             (up->detach ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP)));
    error = posix_spawn(&member->pid, "/proc/self/exe", &files, &attributes,
                        (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    member->ours = error == 0;
    return error;
}

static struct p2p_cli_member *member_of(struct up *up, pid_t pid)
{
    for (size_t i = 0; i < up->fleet.count; i++) {
        if (up->fleet.members[i].ours && up->fleet.members[i].pid == pid) {
            return &up->fleet.members[i];
        }
    }
    return NULL;
}

/* Takes note of those that ended; the last one is returned. */
static struct p2p_cli_member *reap(struct up *up)
{
    struct p2p_cli_member *last = NULL;
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct p2p_cli_member *member = member_of(up, pid);
        if (member != NULL) {
            member->gone = true;
            last = member;
        }
    }
    return last;
}

static void say_ready(const struct up *up, const struct p2p_cli_member *member)
{
    if (up->call->json) {
        json_t *line = json_pack("{s:s,s:s,s:I}", "event", "ready", "member", member->name,
                                 "pid", (json_int_t)member->pid);
        p2p_cli_put_json(up->call->out, line);
        json_decref(line);
    } else {
        fprintf(up->call->out, "%s is ready (pid %d)\n", member->name, (int)member->pid);
    }
    fflush(up->call->out);
}

static int failed(const struct up *up, const struct p2p_cli_member *member, const char *what)
{
    char words[P2P_CLI_SENTENCE_BYTES], text[2 * P2P_CLI_SENTENCE_BYTES],
        hint[P2P_PATH_BYTES_MAX + 32];
    p2p_cli_last_words(member, words);
    snprintf(text, sizeof text, "%s %s%s%s", member->name, what,
             words[0] != '\0' ? "; its log ends with: " : " and its log is empty", words);
    snprintf(hint, sizeof hint, "see %s/node.log", member->dir);
    return p2p_cli_fail(up->call, P2P_CLI_UNDECIDED, "not-ready", text, hint);
}

/* One round over those not ready yet: the exit code of a failure, or 0; *left counts the rest.
 */
static int look_round(struct up *up, bool late, size_t *left)
{
    *left = 0;
    reap(up);
    for (size_t i = 0; i < up->fleet.count; i++) {
        struct p2p_cli_member *member = &up->fleet.members[i];
        if (member->ready) {
            continue;
        }
        if (answers(member, NULL)) {
            member->ready = true;
            say_ready(up, member);
        } else if (member->gone) {
            return failed(up, member, "ended before it was ready");
        } else if (!member->ours && holder(member) == 0) {
            /* Who held the directory at the first look was on its way out. */
            int error = start(up, member);
            if (error != 0) {
                return failed(up, member, strerror(error));
            }
            (*left)++;
        } else if (late) {
            return failed(up, member, "is not ready after 30 s");
        } else {
            (*left)++;
        }
    }
    return P2P_CLI_YES;
}

/* Of the members, the first that is not complete; NULL when all are. */
static const struct p2p_cli_member *incomplete(const struct up *up)
{
    for (size_t i = 0; i < up->fleet.count; i++) {
        bool complete = false;
        if (!answers(&up->fleet.members[i], &complete) || !complete) {
            return &up->fleet.members[i];
        }
    }
    return NULL;
}

/* Waits for a signal for at most ms; 0 for none. SIGCHLD only wakes. */
static int next_signal(const struct up *up, uint32_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    int got = sigtimedwait(&up->signals, NULL, &pause);
    return got > 0 && got != SIGCHLD ? got : 0;
}

/* Gives all a moment to hear of each other; who has not is told, and is ready all the same.
 * False when a signal came instead. */
static bool hear(const struct up *up)
{
    uint64_t until = p2p_cli_now_ms() + COMPLETE_MS;
    const struct p2p_cli_member *member = NULL;
    while ((member = incomplete(up)) != NULL && p2p_cli_now_ms() < until) {
        if (next_signal(up, PAUSE_MS) != 0) {
            return false;
        }
    }
    if (member != NULL) {
        fprintf(up->call->err,
                "%s has not yet heard of its witnesses what they hold: until then its gate "
                "refers whom it would allow.\n",
                member->name);
    }
    return true;
}

static int start_all(struct up *up, bool *stopped)
{
    for (size_t i = 0; i < up->fleet.count; i++) {
        struct p2p_cli_member *member = &up->fleet.members[i];
        member->pid = holder(member);
        int error = member->pid == 0 ? start(up, member) : 0;
        if (error != 0) {
            return failed(up, member, strerror(error));
        }
    }
    uint64_t until = p2p_cli_now_ms() + READY_MS;
    for (size_t left = 1; left > 0;) {
        int exit = look_round(up, p2p_cli_now_ms() >= until, &left);
        if (exit != P2P_CLI_YES) {
            return exit;
        }
        if (left > 0 && next_signal(up, PAUSE_MS) != 0) {
            *stopped = true;
            return P2P_CLI_UNDECIDED;
        }
    }
    *stopped = up->whole && !hear(up);
    return *stopped ? P2P_CLI_UNDECIDED : P2P_CLI_YES;
}

/* Stops what this process started, and says so when one has to be killed. */
static void stop_all(struct up *up)
{
    for (size_t i = 0; i < up->fleet.count; i++) {
        const struct p2p_cli_member *member = &up->fleet.members[i];
        if (member->ours && !member->gone) {
            kill(member->pid, SIGTERM);
        }
    }
    uint64_t until = p2p_cli_now_ms() + STOP_MS;
    for (bool killed = false;;) {
        size_t left = 0;
        reap(up);
        for (size_t i = 0; i < up->fleet.count; i++) {
            left += up->fleet.members[i].ours && !up->fleet.members[i].gone;
        }
        if (left == 0) {
            return;
        }
        for (size_t i = 0; !killed && p2p_cli_now_ms() >= until && i < up->fleet.count; i++) {
            const struct p2p_cli_member *member = &up->fleet.members[i];
            if (member->ours && !member->gone) {
                fprintf(up->call->err, "%s did not stop in %u s and is killed.\n", member->name,
                        STOP_MS / 1000);
                kill(member->pid, SIGKILL);
            }
        }
        killed = killed || p2p_cli_now_ms() >= until;
        (void)next_signal(up, PAUSE_MS);
    }
}

/* Stays until told to stop, or until nothing is left of what was started. */
static int stay(struct up *up)
{
    if (!up->call->json) {
        fputs("Interrupt stops them all.\n", up->call->err);
    }
    for (;;) {
        struct p2p_cli_member *ended = reap(up);
        if (ended != NULL) {
            char words[P2P_CLI_SENTENCE_BYTES];
            fprintf(up->call->err, "%s ended; its log ends with: ", ended->name);
            p2p_cli_put(up->call->err, p2p_cli_last_words(ended, words));
            fputc('\n', up->call->err);
        }
        size_t left = 0;
        for (size_t i = 0; i < up->fleet.count; i++) {
            left += up->fleet.members[i].ours && !up->fleet.members[i].gone;
        }
        if (left == 0) {
            return P2P_CLI_UNDECIDED;
        }
        int got = sigwaitinfo(&up->signals, NULL);
        if (got > 0 && got != SIGCHLD) {
            stop_all(up);
            return P2P_CLI_YES;
        }
    }
}

int p2p_cli_up_run(struct p2p_cli_call *call)
{
    struct up up = {.call = call,
                    .detach = p2p_cli_flag(call, "detach"),
                    .whole = p2p_cli_argument(call, 1) == NULL};
    sigset_t before;
    sigemptyset(&up.signals);
    sigaddset(&up.signals, SIGINT);
    sigaddset(&up.signals, SIGTERM);
    sigaddset(&up.signals, SIGHUP);
    sigaddset(&up.signals, SIGCHLD);
    int exit = p2p_cli_fleet_init(&up.fleet, call);
    if (exit != P2P_CLI_YES) {
        p2p_cli_fleet_deinit(&up.fleet);
        return exit;
    }
    sigprocmask(SIG_BLOCK, &up.signals, &before);
    bool stopped = false;
    exit = start_all(&up, &stopped);
    if (exit != P2P_CLI_YES && (stopped || !up.detach)) {
        stop_all(&up);
    } else if (exit == P2P_CLI_YES && !up.detach) {
        bool any = false;
        for (size_t i = 0; i < up.fleet.count; i++) {
            any = any || up.fleet.members[i].ours;
        }
        exit = any ? stay(&up) : P2P_CLI_YES;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    p2p_cli_fleet_deinit(&up.fleet);
    return exit;
}
