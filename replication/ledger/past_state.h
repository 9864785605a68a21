/* The inside of a past. Private to past.c, past_kv.c and past_value.c.
 *
 *   past.c        the horizon: charter, feeds, where they end
 *   past_kv.c     the rows as they would stand
 *   past_value.c  values that were folded, and what they rest on
 *   past_issuer.c verdicts under a charter that the whole ledger went back from
 *   past_digest.c digests of all that */
#ifndef P2P_PAST_STATE_H
#define P2P_PAST_STATE_H

#include <p2p/past.h>

#include "views.h"

/* Something was folded without the record at index of a feed: so it stands while the horizon of
 * that feed is at or below index. */
struct past_rest {
    uint32_t feed;
    uint64_t index;
};
struct past_rests {
    struct past_rest *at;
    size_t count;
    size_t cap;
    bool lost; /* no memory to note one: nothing is kept */
};

/* A value of a view that is folded when it is asked for, by its row's key. */
#define PAST_KEY_BYTES (5u + P2P_ID_KEY_BYTES)
struct past_value {
    uint8_t key[PAST_KEY_BYTES];
    uint64_t epoch;
    struct p2p_slice value; /* empty: there is none */
    size_t rest_count;
    struct past_rest rests[];
};
struct past_values {
    struct p2p_arena arena;
    struct past_value **slots; /* open addressing; a power of two of them, or none */
    size_t slot_count;
    size_t used;
};

/* Rows that the whole ledger has otherwise: where feeds end, rescued bans; and verdicts under a
 * version of the charter that the whole ledger went back from. Ascending by (table, key). */
struct past_row {
    enum p2p_table table;
    struct p2p_slice key;
    struct p2p_slice value;
};
struct past_rows {
    struct p2p_arena arena;
    struct past_row *at;
    size_t count;
    size_t cap;
};

/* Names of feeds that are told to be forked, and carriers of bans from such feeds: all there
 * are in the whole ledger. */
struct past_name {
    uint8_t len;
    uint8_t bytes[P2P_VIEW_KEY_BYTES_MAX];
};

/* Views folded inside each other. */
#define PAST_DEPTH_MAX 2u

struct p2p_past {
    const struct p2p_alloc *alloc;
    const struct p2p_ledger *full;
    const struct p2p_kv *under;
    struct p2p_kv kv;
    struct p2p_ledger ledger;
    struct p2p_feed *feeds;     /* full->feed_count of them */
    struct p2p_feed **pointers; /* ledger.feeds */
    bool lacks;
    bool closings;  /* some version of the charter seen so far closes a generation */
    bool stale;     /* ends and carriers are folded by the next set, come what may */
    uint64_t epoch; /* values of an earlier one are not looked at */
    const struct p2p_settled *settled;
    uint32_t stands; /* values folded up to this epoch of it stand; 0: none */
    struct past_name *names;
    size_t name_count, name_cap;
    struct p2p_record_id *carriers; /* ascending */
    size_t carrier_count, carrier_cap;
    struct past_rows apart; /* ends and carriers */
    struct past_rests apart_rests;
    struct past_rows reweighed; /* verdicts and numbers of some issuers */
    uint32_t *issuers;          /* whose */
    size_t issuer_count, issuer_cap;
    struct past_values values;
    struct past_rests value_rests[PAST_DEPTH_MAX]; /* of the values that are folded */
    struct p2p_arena work[PAST_DEPTH_MAX];         /* of one fold each */
    /* while folding: a fold may ask for values of views with smaller numbers */
    unsigned depth;
    enum p2p_view_number folding_view;
    struct past_rests *rests;
    bool folding;
    bool folding_apart;      /* what is written goes to `apart` */
    struct p2p_slice folded; /* else here, in work */
    /* what was last found, for next, and where rewritten rows stand */
    uint8_t last[P2P_TABLE_COUNT][P2P_KV_KEY_BYTES_MAX + 1];
    size_t last_len[P2P_TABLE_COUNT];
    uint8_t claim[P2P_CLAIM_BYTES];
};

static inline uint64_t p2p_past_size(const struct p2p_past *past, uint32_t feed)
{
    return feed < past->ledger.feed_count ? past->feeds[feed].edge.size : 0;
}

static inline bool p2p_past_sees(const struct p2p_past *past, const struct p2p_record_id *id)
{
    return id->index < p2p_past_size(past, id->feed);
}

/* Whether the value of a ban is what it is in the whole ledger. */
static inline bool p2p_past_stands(const struct p2p_past *past, const struct p2p_record_id *id)
{
    return past->stands > 0 && p2p_settled_stands(past->settled, id, past->stands);
}

/* ---- past_kv.c ---- */

void p2p_past_kv_init(struct p2p_past *past);
bool p2p_past_is_carrier(const struct p2p_past *past, const struct p2p_record_id *id);
/* The first row at or above (table, key). */
size_t p2p_past_row_place(const struct past_rows *rows, enum p2p_table table,
                          struct p2p_slice key);
const struct past_row *p2p_past_row_find(const struct past_rows *rows, enum p2p_table table,
                                         struct p2p_slice key);
/* Copies key and value. */
P2P_MUST_CHECK enum p2p_err p2p_past_row_put(const struct p2p_past *past,
                                             struct past_rows *rows, enum p2p_table table,
                                             struct p2p_slice key, struct p2p_slice value);
void p2p_past_rows_clear(struct past_rows *rows);

/* ---- past_value.c ---- */

/* Notes that what is being folded does not rest on the record at index, or anything after. */
void p2p_past_rest(struct p2p_past *past, uint32_t feed, uint64_t index);
bool p2p_past_rests_hold(const struct p2p_past *past, const struct past_rest *rests,
                         size_t count);
/* Whether a row of VIEW is of a view whose values are folded when they are asked for. */
static inline bool p2p_past_folds(uint8_t view)
{
    return view != P2P_VIEW_FORKS;
}
/* The value of such a view as of the horizon, by its row's key. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_past_value(struct p2p_past *past, struct p2p_slice key,
                                           struct p2p_slice *value);
void p2p_past_values_clear(struct p2p_past *past);

/* ---- past_issuer.c ---- */

/* Weighs again, under the charter as of then, what an issuer signed whom the whole ledger does
 * not know. */
P2P_MUST_CHECK enum p2p_err p2p_past_reweigh(struct p2p_past *past, uint32_t issuer);

#endif
