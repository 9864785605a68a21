/* federation up and down: processes started, waited for, and ended. This program plays the node
 * too: called as `... -C DIR serve` it serves, or does what DIR/role says instead. */
#include <check.h>

#include "double.h"
#include "serving.h"

#include <p2p/key.h>
#include <p2p/pidfile.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/port2port-up-XXXXXX";

static int play_node(const char *dir)
{
    char role[16] = "";
    char message[256] = "";
    struct p2p_pidfile *pidfile = NULL;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (chdir(dir) != 0) {
        return 1;
    }
    FILE *file = fopen("role", "r");
    if (file != NULL) {
        role[fread(role, 1, sizeof role - 1, file)] = '\0';
        fclose(file);
    }
    if (strcmp(role, "fail") == 0) {
        puts("first line");
        puts("config.yaml:3: there is no key \"peeers\"");
        return 2;
    }
    if (p2p_pidfile_open(&pidfile, "node.pid", message, sizeof message) != P2P_OK) {
        return 3;
    }
    struct serving *serving = serving_start();
    if (serving == NULL) {
        return 1;
    }
    int got = 0;
    sigwait(&signals, &got);
    serving_stop(serving, false);
    p2p_pidfile_close(pidfile);
    return 0;
}

static void make_node(const char *name, const char *role)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    CHECK(mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "%s/%s/config.yaml", root, name);
    FILE *file = fopen(path, "w");
    fclose(file);
    snprintf(path, sizeof path, "%s/%s/role", root, name);
    file = fopen(path, "w");
    fputs(role, file);
    fclose(file);
}

static int run(const char *verb, const char *rest)
{
    char line[512];
    snprintf(line, sizeof line, "federation %s %s %s", verb, root, rest);
    return double_run(line);
}

static pid_t pid_of(const char *name)
{
    char path[256];
    pid_t pid = 0;
    snprintf(path, sizeof path, "%s/%s/node.pid", root, name);
    return p2p_pidfile_read(path, &pid) == P2P_OK ? pid : 0;
}

static void nodes_come_up_and_go_down(void **state)
{
    (void)state;
    CHECK(run("up", "a b --detach") == 0);
    CHECK(strstr(double_out, "a is ready (pid ") != NULL);
    CHECK(strstr(double_out, "b is ready (pid ") != NULL);
    pid_t a = pid_of("a"), b = pid_of("b");
    CHECK(a > 0 && b > 0);
    /* A session of its own: the terminal that started it does not take it along. */
    CHECK(getsid(a) == a);
    /* Once more: those that serve are left as they are. */
    CHECK(run("up", "a --detach") == 0 && pid_of("a") == a);
    CHECK(run("status", "") == 3);
    CHECK(strstr(double_err, "c does not answer") != NULL);
    CHECK(run("down", "a") == 0);
    CHECK(strcmp(double_out, "a stopped\n") == 0);
    CHECK(pid_of("a") == 0 && pid_of("b") == b);
    CHECK(run("down", "a b --json") == 0);
    CHECK(strcmp(double_out, "{\"event\":\"absent\",\"member\":\"a\"}\n"
                             "{\"event\":\"stopped\",\"member\":\"b\"}\n") == 0);
}

static void one_that_ends_is_named_with_its_last_words(void **state)
{
    (void)state;
    CHECK(run("up", "--detach") == 3);
    CHECK(strstr(double_err,
                 "c ended before it was ready; its log ends with: config.yaml:3: there "
                 "is no key \"peeers\"; see ") != NULL);
    CHECK(run("down", "") == 0);
    /* Without --detach nothing is left behind. */
    CHECK(run("up", "") == 3);
    CHECK(pid_of("a") == 0 && pid_of("b") == 0);
}

/* In the foreground it stays, and SIGTERM stops what it started. */
static void in_the_foreground_a_signal_stops_all(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        _exit(run("up", "a b"));
    }
    while (pid_of("a") == 0 || pid_of("b") == 0) {
        usleep(10000);
    }
    kill(child, SIGTERM);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(pid_of("a") == 0 && pid_of("b") == 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_up_and_go_down),
        cmocka_unit_test(one_that_ends_is_named_with_its_last_words),
        cmocka_unit_test(in_the_foreground_a_signal_stops_all),
    };
    char command[128];
    if (argc > 3 && strcmp(argv[3], "serve") == 0) {
        return play_node(argv[2]);
    }
    if (p2p_crypto_init() != P2P_OK || mkdtemp(root) == NULL) {
        return 1;
    }
    make_node("a", "");
    make_node("b", "");
    make_node("c", "fail");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    double_reset();
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) == 0 ? failed : 1;
}
