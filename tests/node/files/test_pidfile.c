#include "check.h"

#include "temp_dir.h"

#include <p2p/pidfile.h>

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A living holder is named to others; its file goes with it. */
static void living(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char message[256] = "";
    char expected[32];
    struct p2p_pidfile *first = NULL;
    struct p2p_pidfile *second = NULL;
    pid_t pid = 0;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "node.pid", path);
    CHECK_ERR(p2p_pidfile_read(path, &pid), P2P_NOTFOUND);
    CHECK_OK(p2p_pidfile_open(&first, path, message, sizeof(message)));
    CHECK_OK(p2p_pidfile_read(path, &pid));
    CHECK(pid == getpid());
    CHECK_ERR(p2p_pidfile_open(&second, path, message, sizeof(message)), P2P_LOCKED);
    snprintf(expected, sizeof(expected), "process %ld", (long)getpid());
    CHECK(strstr(message, expected) != NULL);
    CHECK_OK(p2p_pidfile_read(path, &pid)); /* asking took nothing away */
    p2p_pidfile_close(first);
    p2p_pidfile_close(NULL);
    CHECK(access(path, F_OK) != 0);
    CHECK_OK(p2p_pidfile_open(&second, path, message, sizeof(message)));
    p2p_pidfile_close(second);
    temp_dir_remove(&dir);
}

/* A file left by a killed process counts as absent, also when its number is alive elsewhere. */
static void stale(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char text[32];
    struct p2p_pidfile *pidfile = NULL;
    int ready[2];
    char byte;
    int status;
    pid_t pid = 0;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "node.pid", path);
    CHECK(pipe(ready) == 0);
    pid_t holder = fork();
    CHECK(holder >= 0);
    if (holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (p2p_pidfile_open(&pidfile, path, NULL, 0) == P2P_OK &&
            write(ready[1], "r", 1) == 1) {
            pause();
        }
        _exit(1);
    }
    close(ready[1]);
    ssize_t got = read(ready[0], &byte, 1);
    enum p2p_err alive = p2p_pidfile_read(path, &pid);
    CHECK(kill(holder, SIGKILL) == 0);
    CHECK(waitpid(holder, &status, 0) == holder);
    CHECK(got == 1);
    CHECK_OK(alive);
    CHECK(pid == holder);
    close(ready[0]);
    CHECK(access(path, F_OK) == 0);
    CHECK_ERR(p2p_pidfile_read(path, &pid), P2P_NOTFOUND);
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    temp_write(path, text, (size_t)len);
    CHECK_ERR(p2p_pidfile_read(path, &pid), P2P_NOTFOUND);
    CHECK_OK(p2p_pidfile_open(&pidfile, path, NULL, 0));
    CHECK_OK(p2p_pidfile_read(path, &pid));
    CHECK(pid == getpid());
    p2p_pidfile_close(pidfile);
    CHECK_ERR(p2p_pidfile_open(&pidfile, dir.path, NULL, 0), P2P_IO);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(living),
        cmocka_unit_test(stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
