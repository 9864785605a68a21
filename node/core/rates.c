#include "rates.h"

#include <p2p/assert.h>

#include <stdlib.h>

enum { MILLI = 1000 };

struct bucket {
    uint64_t level_milli; /* thousandths of a request */
    uint64_t owed_milli;  /* to be filled in first; the level is 0 then */
    uint64_t at_ms;
};

struct row {
    uint64_t caller; /* 0: free */
    uint64_t used_ms;
    struct bucket buckets[P2P_RATE_SORTS_MAX];
    bool begun[P2P_RATE_SORTS_MAX];
};

struct p2p_rates {
    struct row rows[P2P_RATE_CALLERS_MAX];
};

_Static_assert(P2P_RATE_CALLERS_MAX % P2P_RATE_WAYS == 0, "whole sets");

enum p2p_err p2p_rates_open(struct p2p_rates **out)
{
    struct p2p_rates *rates = calloc(1, sizeof(*rates));
    if (rates == NULL) {
        return P2P_NOMEM;
    }
    *out = rates;
    return P2P_OK;
}

void p2p_rates_close(struct p2p_rates *rates)
{
    free(rates);
}

/* The caller's row, or in its set the one that was used longest ago, emptied. */
static struct row *row_of(struct p2p_rates *rates, uint64_t caller)
{
    /* Knuth's multiplicative hash: neighbouring numbers go to different sets. */
    uint64_t set =
        (caller * UINT64_C(0x9e3779b97f4a7c15) >> 32) % (P2P_RATE_CALLERS_MAX / P2P_RATE_WAYS);
    struct row *oldest = &rates->rows[set * P2P_RATE_WAYS];
    for (size_t i = 0; i < P2P_RATE_WAYS; i++) {
        struct row *row = &rates->rows[set * P2P_RATE_WAYS + i];
        if (row->caller == caller) {
            return row;
        }
        if (row->used_ms < oldest->used_ms) {
            oldest = row;
        }
    }
    *oldest = (struct row){.caller = caller};
    return oldest;
}

uint64_t p2p_rates_take(struct p2p_rates *rates, uint64_t caller, unsigned sort, uint32_t per_s,
                        uint32_t burst, uint64_t now_ms)
{
    p2p_assert(caller != 0 && sort < P2P_RATE_SORTS_MAX && per_s > 0 && burst > 0);
    struct row *row = row_of(rates, caller);
    struct bucket *bucket = &row->buckets[sort];
    uint64_t full = (uint64_t)burst * MILLI;
    if (!row->begun[sort]) {
        row->begun[sort] = true;
        *bucket = (struct bucket){.level_milli = full, .at_ms = now_ms};
    }
    row->used_ms = now_ms;
    uint64_t passed_ms = now_ms > bucket->at_ms ? now_ms - bucket->at_ms : 0;
    /* Beyond what is owed and a full bucket time means nothing, and cannot overflow. */
    bool refilled = passed_ms >= 2 * full / per_s + 1;
    uint64_t gained = refilled ? 2 * full : passed_ms * per_s;
    uint64_t paid = gained < bucket->owed_milli ? gained : bucket->owed_milli;
    uint64_t level = bucket->level_milli + gained - paid;
    level = level > full ? full : level;
    *bucket = (struct bucket){level, bucket->owed_milli - paid, now_ms};
    if (level < MILLI) {
        return (bucket->owed_milli + MILLI - level + per_s - 1) / per_s;
    }
    bucket->level_milli = level - MILLI;
    return 0;
}

void p2p_rates_owe(struct p2p_rates *rates, uint64_t caller, unsigned sort, uint64_t requests,
                   uint32_t burst)
{
    p2p_assert(caller != 0 && sort < P2P_RATE_SORTS_MAX && burst > 0);
    struct row *row = row_of(rates, caller);
    struct bucket *bucket = &row->buckets[sort];
    uint64_t full = (uint64_t)burst * MILLI;
    if (!row->begun[sort]) {
        return; /* forgotten meanwhile */
    }
    uint64_t most = bucket->level_milli + full - bucket->owed_milli;
    uint64_t due = requests > most / MILLI ? most : requests * MILLI;
    uint64_t held = due < bucket->level_milli ? due : bucket->level_milli;
    bucket->level_milli -= held;
    bucket->owed_milli += due - held;
}
