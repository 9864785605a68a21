/* federation down: asks the nodes of a directory to stop, and waits until they have. A process
 * is held by its pidfd, so that no other process that got its number is ever signalled. */
#include "fleet.h"
#include "nouns.h"
#include "request.h"

#include <p2p/pidfile.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define STOP_MS 15000u
#define KILL_MS 5000u

/* Takes hold of the process that serves in the directory; false when none does. */
static bool grasp(struct p2p_cli_member *member)
{
    char path[P2P_PATH_BYTES_MAX];
    pid_t again = 0;
    if (p2p_path_join(path, member->dir, "node.pid") != P2P_OK ||
        p2p_pidfile_read(path, &member->pid) != P2P_OK) {
        return false;
    }
    member->handle = pidfd_open(member->pid, 0);
    /* Still the holder once we hold it: then it is the right one. */
    return member->handle >= 0 && p2p_pidfile_read(path, &again) == P2P_OK &&
           again == member->pid;
}

static void say(const struct p2p_cli_call *call, const struct p2p_cli_member *member,
                const char *event, const char *words)
{
    if (call->json) {
        json_t *line = json_pack("{s:s,s:s}", "event", event, "member", member->name);
        p2p_cli_put_json(call->out, line);
        json_decref(line);
    } else {
        fprintf(call->out, "%s %s\n", member->name, words);
    }
    fflush(call->out);
}

/* Waits for one process to end, until the time given. */
static bool ended(const struct p2p_cli_member *member, uint64_t until_ms)
{
    struct pollfd poll_fd = {.fd = member->handle, .events = POLLIN};
    for (;;) {
        uint64_t now = p2p_cli_now_ms();
        int got = poll(&poll_fd, 1, now < until_ms ? (int)(until_ms - now) : 0);
        if (got >= 0 || errno != EINTR) {
            return got > 0;
        }
    }
}

int p2p_cli_down_run(struct p2p_cli_call *call)
{
    struct p2p_cli_fleet fleet;
    int exit = p2p_cli_fleet_init(&fleet, call);
    for (size_t i = 0; exit == P2P_CLI_YES && i < fleet.count; i++) {
        struct p2p_cli_member *member = &fleet.members[i];
        if (!grasp(member)) {
            member->gone = true;
            say(call, member, "absent", "was not running");
        } else if (pidfd_send_signal(member->handle, SIGTERM, NULL, 0) != 0 && errno != ESRCH) {
            char text[P2P_CLI_SENTENCE_BYTES];
            snprintf(text, sizeof text, "%s (pid %d) cannot be stopped: %s", member->name,
                     (int)member->pid, strerror(errno));
            exit = p2p_cli_fail(call, P2P_CLI_UNDECIDED, "io", text, "");
        }
    }
    uint64_t until = p2p_cli_now_ms() + STOP_MS;
    for (size_t i = 0; exit == P2P_CLI_YES && i < fleet.count; i++) {
        struct p2p_cli_member *member = &fleet.members[i];
        if (member->gone) {
            continue;
        }
        if (ended(member, until)) {
            say(call, member, "stopped", "stopped");
            continue;
        }
        fprintf(call->err, "%s (pid %d) did not stop in %u s and is killed.\n", member->name,
                (int)member->pid, STOP_MS / 1000);
        pidfd_send_signal(member->handle, SIGKILL, NULL, 0);
        if (ended(member, p2p_cli_now_ms() + KILL_MS)) {
            say(call, member, "killed", "was killed");
        } else {
            char text[P2P_CLI_SENTENCE_BYTES];
            snprintf(text, sizeof text, "%s (pid %d) does not end", member->name,
                     (int)member->pid);
            exit = p2p_cli_fail(call, P2P_CLI_UNDECIDED, "io", text, "its disk may hang");
        }
    }
    p2p_cli_fleet_deinit(&fleet);
    return exit;
}
