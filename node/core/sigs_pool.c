#include <p2p/sigs_pool.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CHUNK = 16 };

struct p2p_sigs_pool {
    struct p2p_sigs sigs;
    pthread_t threads[P2P_SIGS_THREADS_MAX];
    unsigned thread_count;
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_cond_t idle;
    uint64_t round; /* rises with each batch */
    unsigned busy;
    bool closing;
    struct p2p_verify_job *jobs;
    size_t count;
    atomic_size_t next;
};

static void verify_some(struct p2p_sigs_pool *pool)
{
    const struct p2p_sigs *ed25519 = p2p_sigs_ed25519();
    for (;;) {
        size_t begin = atomic_fetch_add(&pool->next, CHUNK);
        if (begin >= pool->count) {
            return;
        }
        size_t end = begin + CHUNK < pool->count ? begin + CHUNK : pool->count;
        ed25519->verify_many(ed25519->context, pool->jobs + begin, end - begin);
    }
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
        verify_some(pool);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) {
            pthread_cond_signal(&pool->idle);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void pool_verify_many(void *context, struct p2p_verify_job *jobs, size_t count)
{
    struct p2p_sigs_pool *pool = context;
    if (count <= CHUNK || pool->thread_count == 0) {
        const struct p2p_sigs *ed25519 = p2p_sigs_ed25519();
        ed25519->verify_many(ed25519->context, jobs, count);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->jobs = jobs;
    pool->count = count;
    atomic_store(&pool->next, 0);
    pool->busy = pool->thread_count;
    pool->round++;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    verify_some(pool);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0) {
        pthread_cond_wait(&pool->idle, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
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
    pthread_cond_init(&pool->idle, NULL);
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
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

const struct p2p_sigs *p2p_sigs_pool_sigs(struct p2p_sigs_pool *pool)
{
    return &pool->sigs;
}
