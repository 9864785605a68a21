/* The clocks and the randomness of this machine: the only place a node reads them. */
#include <p2p/assert.h>
#include <p2p/clock.h>

#include <sys/random.h>
#include <time.h>

static uint64_t clock_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void p2p_node_now(const struct p2p_node *node, struct p2p_now *now)
{
    (void)node;                              /* all nodes of a machine have its clocks */
    now->mono_ms = clock_ms(CLOCK_BOOTTIME); /* counts suspension */
    now->wall_ms = clock_ms(CLOCK_REALTIME);
    int failed = getentropy(now->seed, sizeof(now->seed));
    p2p_assert(failed == 0); /* Linux gives 32 bytes always */
}
