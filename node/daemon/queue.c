#include "daemon.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

/* ---- the writer's thread ---- */

/* They were taken by a batch. */
static void forget_works(struct p2p_queue *queue)
{
    queue->works = NULL;
    queue->works_end = &queue->works;
    queue->work_count = 0;
}

/* The requests that came while the frames of a batch were looked at begin in it: else a check
 * that asks at that moment would wait for two commits. Not when the batch would then have more
 * of them than P2P_WORKS_MAX, or has some that the last one had no room for. */
static void more_works(struct p2p_node *node, struct p2p_batch *batch)
{
    struct p2p_daemon *daemon = node->daemon;
    struct p2p_queue *queue = &daemon->queue;
    struct p2p_work **end = &batch->works;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    pthread_mutex_lock(&queue->lock);
    if (queue->batch_work_count + queue->work_count <= P2P_WORKS_MAX) {
        queue->batch_work_count += queue->work_count;
        *end = queue->works;
        forget_works(queue);
    }
    pthread_mutex_unlock(&queue->lock);
}

/* Waits until there is something to do, a free batch to do it in, or the engine's wake time.
 * deferred: works of an earlier batch are still to be started, so that no more are taken; else
 * a fast client would have them pile up there, beyond P2P_WORKS_MAX. */
static struct p2p_batch_slot *next_batch(struct p2p_queue *queue, uint64_t wake_mono_ms,
                                         bool deferred, bool *stop)
{
    struct p2p_batch_slot *slot = NULL;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        bool due = p2p_daemon_mono_ms() >= wake_mono_ms;
        bool something = queue->inputs != NULL || queue->works != NULL || due;
        *stop = queue->stopping && queue->works == NULL && !deferred;
        if (*stop || (something && queue->idle != NULL)) {
            break;
        }
        struct timespec until;
        uint64_t now_ms = p2p_daemon_mono_ms();
        uint64_t wait_ms = something ? 1000 : wake_mono_ms > now_ms ? wake_mono_ms - now_ms : 0;
        wait_ms = wait_ms > 1000 ? 1000 : wait_ms;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(wait_ms / 1000);
        until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&queue->wake_writer, &queue->lock, &until);
    }
    if (!*stop) {
        slot = queue->idle;
        queue->idle = slot->next;
        struct p2p_input **at = &slot->batch.inputs;
        size_t bytes = 0;
        for (size_t i = 0;
             i < P2P_BATCH_INPUTS_MAX && bytes < P2P_BATCH_INPUT_BYTES && queue->inputs != NULL;
             i++) {
            bytes += queue->inputs->owed_bytes;
            *at = queue->inputs;
            queue->inputs = queue->inputs->next;
            at = &(*at)->next;
            *at = NULL;
        }
        if (queue->inputs == NULL) {
            queue->inputs_end = &queue->inputs;
        }
        queue->batch_work_count = deferred ? P2P_WORKS_MAX : queue->work_count;
        if (!deferred) {
            slot->batch.works = queue->works;
            forget_works(queue);
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return slot;
}

static void *write_batches(void *context)
{
    struct p2p_daemon *daemon = context;
    struct p2p_queue *queue = &daemon->queue;
    uint64_t wake_mono_ms = 0;
    for (;;) {
        bool stop;
        bool deferred = daemon->node->deferred != NULL;
        struct p2p_batch_slot *slot = next_batch(queue, wake_mono_ms, deferred, &stop);
        if (stop) {
            break;
        }
        p2p_writer_run(daemon->node, &slot->batch);
        wake_mono_ms = slot->batch.actions.wake_mono_ms;
        pthread_mutex_lock(&queue->lock);
        slot->next = NULL;
        *queue->done_end = slot;
        queue->done_end = &slot->next;
        pthread_cond_signal(&queue->wake_loop);
        pthread_mutex_unlock(&queue->lock);
        uv_async_send(&queue->async);
    }
    pthread_mutex_lock(&queue->lock);
    queue->thread_ended = true;
    pthread_cond_signal(&queue->wake_loop);
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* ---- the loop's side ---- */

static void release_all(struct p2p_work *works)
{
    while (works != NULL) {
        struct p2p_work *work = works;
        works = work->next;
        work->release(work);
    }
}

static void carry_out(struct p2p_daemon *daemon, struct p2p_batch *batch)
{
    if (batch->wanted_changed) {
        p2p_peers_take_wanted(daemon, &batch->wanted);
    }
    if (batch->pins != NULL) {
        p2p_peers_take_pins(daemon, batch->pins, batch->pin_count);
    }
    p2p_peers_carry_out(daemon, batch);
    release_all(batch->works);
    batch->works = NULL;
}

void p2p_queue_pause(struct p2p_daemon *daemon, uint32_t member, bool paused)
{
    struct p2p_queue *queue = &daemon->queue;
    size_t at = 0;
    pthread_mutex_lock(&queue->lock);
    while (at < queue->pause_count && queue->pauses[at] / 2 != member) {
        at++;
    }
    p2p_assert(at < P2P_MEMBERS_MAX); /* each member stands there once */
    queue->pauses[at] = 2 * member + (paused ? 1 : 0);
    queue->pause_count += at == queue->pause_count;
    pthread_mutex_unlock(&queue->lock);
}

static void take_pauses(struct p2p_daemon *daemon)
{
    struct p2p_queue *queue = &daemon->queue;
    uint32_t pauses[sizeof(queue->pauses) / sizeof(queue->pauses[0])];
    pthread_mutex_lock(&queue->lock);
    size_t count = queue->pause_count;
    memcpy(pauses, queue->pauses, count * sizeof(pauses[0]));
    queue->pause_count = 0;
    pthread_mutex_unlock(&queue->lock);
    for (size_t i = 0; i < count; i++) {
        p2p_peers_pause(daemon, pauses[i] / 2, pauses[i] % 2 == 1);
    }
}

static void take_done(uv_async_t *async)
{
    struct p2p_daemon *daemon = async->data;
    struct p2p_queue *queue = &daemon->queue;
    take_pauses(daemon);
    pthread_mutex_lock(&queue->lock);
    struct p2p_batch_slot *slot = queue->done;
    queue->done = NULL;
    queue->done_end = &queue->done;
    pthread_mutex_unlock(&queue->lock);
    while (slot != NULL) {
        struct p2p_batch_slot *next = slot->next;
        carry_out(daemon, &slot->batch);
        p2p_batch_clear(&slot->batch);
        pthread_mutex_lock(&queue->lock);
        slot->next = queue->idle;
        queue->idle = slot;
        pthread_cond_signal(&queue->wake_writer);
        pthread_mutex_unlock(&queue->lock);
        slot = next;
    }
    p2p_watch_pump(daemon);
    if (!daemon->ready_said) {
        daemon->ready_said = true;
        if (daemon->ready != NULL) {
            daemon->ready(daemon->ready_context, daemon->node);
        }
    }
}

void p2p_queue_input(struct p2p_daemon *daemon, struct p2p_input *input)
{
    struct p2p_queue *queue = &daemon->queue;
    input->next = NULL;
    pthread_mutex_lock(&queue->lock);
    *queue->inputs_end = input;
    queue->inputs_end = &input->next;
    pthread_cond_signal(&queue->wake_writer);
    pthread_mutex_unlock(&queue->lock);
}

bool p2p_queue_work(struct p2p_daemon *daemon, struct p2p_work *work)
{
    struct p2p_queue *queue = &daemon->queue;
    bool taken = false;
    work->next = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->work_count < P2P_WORKS_MAX && !queue->stopping) {
        *queue->works_end = work;
        queue->works_end = &work->next;
        queue->work_count++;
        pthread_cond_signal(&queue->wake_writer);
        taken = true;
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

static void queue_from_api(struct p2p_node *node, struct p2p_work *work)
{
    if (!p2p_queue_work(node->daemon, work)) {
        work->fail(work, node, P2P_BUSY);
        work->release(work);
    }
}

enum p2p_err p2p_queue_open(struct p2p_daemon *daemon)
{
    struct p2p_queue *queue = &daemon->queue;
    pthread_condattr_t attributes;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->wake_writer, &attributes);
    pthread_cond_init(&queue->wake_loop, NULL);
    pthread_condattr_destroy(&attributes);
    queue->inputs_end = &queue->inputs;
    queue->works_end = &queue->works;
    queue->done_end = &queue->done;
    for (size_t i = 0; i < P2P_BATCHES; i++) {
        p2p_batch_init(&queue->slots[i].batch);
        queue->slots[i].next = queue->idle;
        queue->idle = &queue->slots[i];
    }
    daemon->node->queue_work = queue_from_api;
    daemon->node->more_works = more_works;
    if (uv_async_init(&daemon->loop, &queue->async, take_done) != 0) {
        p2p_queue_close(daemon);
        return P2P_IO;
    }
    queue->async.data = daemon;
    if (pthread_create(&queue->thread, NULL, write_batches, daemon) != 0) {
        uv_close((uv_handle_t *)&queue->async, NULL); /* or the loop would never end */
        p2p_queue_close(daemon);
        return P2P_NOMEM;
    }
    queue->thread_runs = true;
    return P2P_OK;
}

void p2p_queue_stop(struct p2p_daemon *daemon)
{
    struct p2p_queue *queue = &daemon->queue;
    if (!queue->thread_runs) {
        return;
    }
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    pthread_cond_signal(&queue->wake_writer);
    while (!queue->thread_ended) {
        if (queue->done == NULL) {
            pthread_cond_wait(&queue->wake_loop, &queue->lock);
            continue;
        }
        pthread_mutex_unlock(&queue->lock);
        take_done(&queue->async); /* gives back the batches in which the rest is answered */
        pthread_mutex_lock(&queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    queue->thread_runs = false;
    take_done(&queue->async); /* the last answers */
    release_all(p2p_writer_give_up(daemon->node));
}

void p2p_queue_close(struct p2p_daemon *daemon)
{
    struct p2p_queue *queue = &daemon->queue;
    p2p_assert(!queue->thread_runs);
    p2p_assert(queue->works == NULL);
    while (queue->inputs != NULL) {
        struct p2p_input *input = queue->inputs;
        queue->inputs = input->next;
        free(input->bytes);
        free(input);
    }
    for (size_t i = 0; i < P2P_BATCHES; i++) {
        p2p_batch_deinit(&queue->slots[i].batch);
    }
    pthread_cond_destroy(&queue->wake_loop);
    pthread_cond_destroy(&queue->wake_writer);
    pthread_mutex_destroy(&queue->lock);
}
