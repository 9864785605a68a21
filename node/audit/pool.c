#include "parts.h"

#include <p2p/assert.h>

#include <string.h>

struct round {
    struct p2p_audit *audit;
    const char *stage;
    size_t count;
    enum p2p_err (*work)(void *context, size_t i);
    void *context;
    atomic_size_t next;
    atomic_int err; /* the first */
};

void audit_progress(const struct p2p_audit *audit, const char *stage, uint64_t done,
                    uint64_t of)
{
    if (audit->options.progress != NULL) {
        audit->options.progress(audit->options.progress_context, stage, done, of);
    }
}

static void work_on(struct round *round, bool tells)
{
    for (;;) {
        size_t i = atomic_fetch_add(&round->next, 1);
        if (i >= round->count || atomic_load(&round->err) != P2P_OK) {
            return;
        }
        if (tells) {
            audit_progress(round->audit, round->stage, i, round->count);
        }
        enum p2p_err err = round->work(round->context, i);
        if (err != P2P_OK) {
            int none = P2P_OK;
            atomic_compare_exchange_strong(&round->err, &none, err);
        }
    }
}

static void *help(void *context)
{
    work_on(context, false);
    return NULL;
}

enum p2p_err audit_parallel(struct p2p_audit *audit, const char *stage, size_t count,
                            enum p2p_err (*work)(void *context, size_t i), void *context)
{
    pthread_t helpers[P2P_AUDIT_THREADS_MAX];
    size_t helper_count = 0;
    struct round round = {
        .audit = audit, .stage = stage, .count = count, .work = work, .context = context};
    p2p_assert(audit->threads >= 1 && audit->threads <= P2P_AUDIT_THREADS_MAX);
    while (helper_count + 1 < audit->threads && helper_count + 1 < count &&
           pthread_create(&helpers[helper_count], NULL, help, &round) == 0) {
        helper_count++;
    }
    work_on(&round, true);
    for (size_t i = 0; i < helper_count; i++) {
        pthread_join(helpers[i], NULL);
    }
    audit_progress(audit, stage, count, count);
    return (enum p2p_err)atomic_load(&round.err);
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
