#include "parts.h"

#include <p2p/assert.h>

#include <string.h>

void audit_progress(const struct p2p_audit *audit, const char *stage, uint64_t done,
                    uint64_t of)
{
    if (audit->options.progress != NULL) {
        audit->options.progress(audit->options.progress_context, stage, done, of);
    }
}

static void work_on(struct audit_job *job, bool tells)
{
    for (;;) {
        size_t i = atomic_fetch_add(&job->next, 1);
        if (i >= job->count || atomic_load(&job->err) != P2P_OK) {
            return;
        }
        if (tells) {
            audit_progress(job->audit, job->stage, i, job->count);
        }
        enum p2p_err err = job->work(job->context, i);
        if (err != P2P_OK) {
            int none = P2P_OK;
            atomic_compare_exchange_strong(&job->err, &none, err);
        }
    }
}

static void *help(void *context)
{
    work_on(context, false);
    return NULL;
}

void audit_job_begin(struct audit_job *job)
{
    unsigned threads = job->audit->threads;
    p2p_assert(threads >= 1 && threads <= P2P_AUDIT_THREADS_MAX);
    atomic_init(&job->next, 0);
    atomic_init(&job->err, P2P_OK);
    job->helper_count = 0;
    while (job->helper_count + 1 < threads && job->helper_count + 1 < job->count &&
           pthread_create(&job->helpers[job->helper_count], NULL, help, job) == 0) {
        job->helper_count++;
    }
}

enum p2p_err audit_job_end(struct audit_job *job)
{
    work_on(job, true);
    for (size_t i = 0; i < job->helper_count; i++) {
        pthread_join(job->helpers[i], NULL);
    }
    audit_progress(job->audit, job->stage, job->count, job->count);
    return (enum p2p_err)atomic_load(&job->err);
}

enum p2p_err audit_parallel(struct p2p_audit *audit, const char *stage, size_t count,
                            enum p2p_err (*work)(void *context, size_t i), void *context)
{
    struct audit_job job = {
        .audit = audit, .stage = stage, .count = count, .work = work, .context = context};
    audit_job_begin(&job);
    return audit_job_end(&job);
}

enum p2p_err audit_grow(const struct p2p_alloc *alloc, void **items, size_t count, size_t *cap,
                        size_t bytes)
{
    if (count < *cap) {
        return P2P_OK;
    }
    size_t grown_cap = *cap == 0 ? 64 : 2 * *cap;
    void *grown = p2p_alloc_resize(alloc, *items, grown_cap, bytes);
    if (grown == NULL) {
        return P2P_NOMEM;
    }
    *items = grown;
    *cap = grown_cap;
    return P2P_OK;
}
