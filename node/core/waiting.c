/* Work that is durable here and waits until peers hold it too. */
#include "writer_parts.h"

#include <p2p/assert.h>

const char *p2p_level_word(enum p2p_level level)
{
    switch (level) {
    case P2P_LEVEL_LOCAL:
        return "local";
    case P2P_LEVEL_MIRRORED:
        return "mirrored";
    case P2P_LEVEL_WITNESSED:
        return "witnessed";
    }
    return "?";
}

void p2p_work_push(struct p2p_work **list, struct p2p_work *work)
{
    work->next = *list;
    *list = work;
}

static bool level_reached(const struct p2p_node *node, const struct p2p_work *work)
{
    uint32_t own = p2p_engine_own_feed(node->engine);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(node->engine, own);
    bool witnessed = witnessing != NULL && witnessing->quorum_size >= work->wait_size;
    if (node->engine_lost) {
        return false; /* what it believes is in doubt */
    }
    switch (work->wait_level) {
    case P2P_LEVEL_LOCAL:
        return true;
    case P2P_LEVEL_MIRRORED: /* which a start forgets, but not who cosigned */
        return witnessed || p2p_engine_mirrored(node->engine) >= work->wait_size;
    case P2P_LEVEL_WITNESSED:
        return witnessed;
    }
    return false;
}

void p2p_waiting_add(struct p2p_node *node, struct p2p_work *work, struct p2p_work **out)
{
    if (node->waiting_count == P2P_WAITING_MAX ||
        (work->is_outside && node->waiting_outside == P2P_WAITING_OUTSIDE_MAX)) {
        work->waited(work, node, level_reached(node, work));
        p2p_work_push(out, work);
        return;
    }
    uint64_t wait_ms = work->wait_ms != 0 ? work->wait_ms : P2P_WORK_WAIT_MS;
    work->wait_until_ms = node->now.mono_ms + wait_ms;
    p2p_work_push(&node->waiting, work);
    node->waiting_count++;
    node->waiting_outside += work->is_outside;
}

void p2p_waiting_settle(struct p2p_node *node, struct p2p_work **out)
{
    struct p2p_work *work = node->waiting;
    node->waiting = NULL;
    node->waiting_count = 0;
    node->waiting_outside = 0;
    while (work != NULL) {
        struct p2p_work *next = work->next;
        bool reached = level_reached(node, work);
        bool over = !node->serving || node->now.mono_ms >= work->wait_until_ms;
        if (reached || over) {
            work->waited(work, node, reached);
            p2p_work_push(out, work);
        } else {
            p2p_work_push(&node->waiting, work);
            node->waiting_count++;
            node->waiting_outside += work->is_outside;
            p2p_assert(node->batch != NULL);
            if (work->wait_until_ms < node->batch->actions.wake_mono_ms) {
                node->batch->actions.wake_mono_ms = work->wait_until_ms;
            }
        }
        work = next;
    }
}

struct p2p_work *p2p_writer_give_up(struct p2p_node *node)
{
    struct p2p_work *out = NULL;
    while (node->waiting != NULL) {
        struct p2p_work *work = node->waiting;
        node->waiting = work->next;
        work->waited(work, node, level_reached(node, work));
        p2p_work_push(&out, work);
    }
    while (node->deferred != NULL) {
        struct p2p_work *work = node->deferred;
        node->deferred = work->next;
        work->fail(work, node, P2P_BUSY);
        p2p_work_push(&out, work);
    }
    node->waiting_count = 0;
    node->waiting_outside = 0;
    return out;
}
