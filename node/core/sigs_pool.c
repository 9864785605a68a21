#include <p2p/sigs_pool.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Jobs are handed out in chunks, in order: `next` is the first that nobody took, `done` counts
 * the chunks that are decided, each of which is marked in `decided` as well. Helpers work on
 * one list at a time, which the caller sets while they are idle. */
enum { CHUNK = 16 };

struct jobs {
    struct p2p_verify_job *items;
    size_t count;
};

struct p2p_sigs_pool {
    struct p2p_sigs sigs;
    pthread_t threads[P2P_SIGS_THREADS_MAX];
    unsigned thread_count;
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_cond_t progress; /* a chunk was decided, or a helper became idle */
    uint64_t round;          /* rises with each list */
    unsigned busy;
    bool closing;
    struct jobs list;
    atomic_size_t next;
    /* the announcement */
    bool ahead;          /* list is one */
    size_t asked;        /* jobs of it before this one were asked for, or passed over */
    atomic_bool *chunks; /* by chunk: decided */
    size_t chunk_cap;
};

static void verify(struct p2p_verify_job *jobs, size_t count)
{
    const struct p2p_sigs *ed25519 = p2p_sigs_ed25519();
    ed25519->verify_many(ed25519->context, jobs, count);
}

static size_t chunk_count(size_t jobs)
{
    return (jobs + CHUNK - 1) / CHUNK;
}

/* Takes and decides one chunk; false when none is left. */
static bool verify_chunk(struct p2p_sigs_pool *pool)
{
    size_t begin = atomic_fetch_add(&pool->next, CHUNK);
    if (begin >= pool->list.count) {
        return false;
    }
    size_t left = pool->list.count - begin;
    verify(pool->list.items + begin, left < CHUNK ? left : CHUNK);
    if (pool->ahead) {
        pthread_mutex_lock(&pool->lock);
        atomic_store(&pool->chunks[begin / CHUNK], true);
        pthread_cond_signal(&pool->progress);
        pthread_mutex_unlock(&pool->lock);
    }
    return true;
}

static void *help(void *context)
{
    struct p2p_sigs_pool *pool = context;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->closing) {
            pthread_cond_wait(&pool->work, &pool->lock);
        }
        if (pool->closing) {
            break;
        }
        seen = pool->round;
        pthread_mutex_unlock(&pool->lock);
        while (verify_chunk(pool)) {
        }
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) {
            pthread_cond_signal(&pool->progress);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void start_helpers(struct p2p_sigs_pool *pool, struct p2p_verify_job *jobs, size_t count)
{
    pthread_mutex_lock(&pool->lock);
    p2p_assert(pool->busy == 0);
    pool->list = (struct jobs){jobs, count};
    atomic_store(&pool->next, 0);
    pool->busy = pool->thread_count;
    pool->round++;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

static void wait_for_helpers(struct p2p_sigs_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0) {
        pthread_cond_wait(&pool->progress, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* ---- ahead ---- */

void p2p_sigs_pool_ahead(struct p2p_sigs_pool *pool, struct p2p_verify_job *jobs, size_t count)
{
    p2p_assert(!pool->ahead);
    if (pool->thread_count == 0 || count <= CHUNK) {
        return;
    }
    if (chunk_count(count) > pool->chunk_cap) {
        atomic_bool *grown = realloc(pool->chunks, chunk_count(count) * sizeof(*grown));
        if (grown == NULL) {
            return; /* nothing is verified ahead, then */
        }
        pool->chunks = grown;
        pool->chunk_cap = chunk_count(count);
    }
    for (size_t i = 0; i < chunk_count(count); i++) {
        atomic_init(&pool->chunks[i], false);
    }
    pool->ahead = true;
    pool->asked = 0;
    start_helpers(pool, jobs, count);
}

void p2p_sigs_pool_ahead_end(struct p2p_sigs_pool *pool)
{
    if (!pool->ahead) {
        return;
    }
    atomic_store(&pool->next, pool->list.count); /* what nobody asked for stays undone */
    wait_for_helpers(pool);
    pool->ahead = false;
    pool->list = (struct jobs){NULL, 0};
}

static bool same_job(const struct p2p_verify_job *a, const struct p2p_verify_job *b)
{
    return memcmp(a->signature, b->signature, P2P_SIGNATURE_BYTES) == 0 &&
           memcmp(a->public_key, b->public_key, P2P_PUBLIC_BYTES) == 0 &&
           p2p_slice_equal(a->message, b->message);
}

/* The caller takes part until the chunk that holds this job is decided. */
static void decide_ahead(struct p2p_sigs_pool *pool, size_t at)
{
    atomic_bool *chunk = &pool->chunks[at / CHUNK];
    while (!atomic_load(chunk)) {
        if (verify_chunk(pool)) {
            continue;
        }
        pthread_mutex_lock(&pool->lock);
        while (!atomic_load(chunk)) {
            pthread_cond_wait(&pool->progress, &pool->lock);
        }
        pthread_mutex_unlock(&pool->lock);
    }
}

/* Jobs are asked for in the order of their announcement; those in between were refused before
 * anybody looked at their signature. False when this one was not announced. */
static bool take_ahead(struct p2p_sigs_pool *pool, struct p2p_verify_job *job)
{
    for (size_t i = pool->asked; i < pool->list.count; i++) {
        if (same_job(&pool->list.items[i], job)) {
            decide_ahead(pool, i);
            job->good = pool->list.items[i].good;
            pool->asked = i + 1;
            return true;
        }
    }
    return false;
}

/* ---- the seam ---- */

static void pool_verify_many(void *context, struct p2p_verify_job *jobs, size_t count)
{
    struct p2p_sigs_pool *pool = context;
    size_t taken = 0;
    while (pool->ahead && taken < count && take_ahead(pool, &jobs[taken])) {
        taken++;
    }
    jobs += taken;
    count -= taken;
    if (count <= CHUNK || pool->thread_count == 0) {
        verify(jobs, count);
        return;
    }
    p2p_sigs_pool_ahead_end(pool); /* this comes first */
    start_helpers(pool, jobs, count);
    while (verify_chunk(pool)) {
    }
    wait_for_helpers(pool);
}

enum p2p_err p2p_sigs_pool_open(struct p2p_sigs_pool **out, unsigned helpers)
{
    struct p2p_sigs_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return P2P_NOMEM;
    }
    pool->sigs = *p2p_sigs_ed25519();
    pool->sigs.context = pool;
    pool->sigs.verify_many = pool_verify_many;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->progress, NULL);
    for (unsigned i = 0; i < helpers && i < P2P_SIGS_THREADS_MAX; i++) {
        if (pthread_create(&pool->threads[i], NULL, help, pool) != 0) {
            break; /* fewer helpers, same verdicts */
        }
        pool->thread_count++;
    }
    *out = pool;
    return P2P_OK;
}

void p2p_sigs_pool_close(struct p2p_sigs_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    p2p_sigs_pool_ahead_end(pool);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->progress);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->chunks);
    free(pool);
}

const struct p2p_sigs *p2p_sigs_pool_sigs(struct p2p_sigs_pool *pool)
{
    return &pool->sigs;
}
