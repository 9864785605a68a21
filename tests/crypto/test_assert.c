#undef NDEBUG
#define NDEBUG

#include "check.h"

#include <p2p/assert.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Release builds, which define NDEBUG, would run on in a state that we know to be wrong. */
static void false_aborts_even_under_ndebug(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        p2p_assert(1 + 1 == 3);
        _exit(0);
    }
    int status = 0;
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* Every assertion would end the program. */
static void true_does_nothing(void **state)
{
    (void)state;
    p2p_assert(1 + 1 == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(false_aborts_even_under_ndebug),
        cmocka_unit_test(true_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
