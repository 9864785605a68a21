/* How far bans, lifts and overrides of gates have got: which other members are known to hold
 * each of the newest.
 *
 * A row begins when this node takes a record of a ban's kind, an override or its approval, own
 * or received, and is done when every other member of the charter of that time is known to hold
 * it. Known is what a member signed: its cosignature of the feed, its acknowledgement to the
 * owner, or a `seen` of its own that names as much; the owner holds its own record. So the time
 * of a row is measured by this node's clock, from taking the record until the last such word
 * came: an upper bound of how long this node saw it spread, with the way back in it and the 100
 * ms that a witness under load may wait. Whoever held the record before this node did counts as
 * nothing later than that. It says what is held, never that a gate was asked.
 *
 * In memory only, since the engine was opened. A ban that its author dates more than
 * P2P_SPREAD_HISTORY_S before it came is history and not followed: a node that fetches a year
 * of bans would tell of each that everybody has it. At P2P_SPREAD_ROWS_MAX the oldest row gives
 * way; above P2P_SPREAD_MEMBERS_MAX members nothing is followed. Without memory a record is not
 * followed, and nothing else happens. */
#ifndef P2P_SPREAD_H
#define P2P_SPREAD_H

#include <p2p/alloc.h>
#include <p2p/record.h>

#define P2P_SPREAD_ROWS_MAX    1024u
#define P2P_SPREAD_MEMBERS_MAX 256u
#define P2P_SPREAD_HISTORY_S   3600u

/* X(upper bound in ms, the same as a Prometheus label in seconds) */
#define P2P_SPREAD_BUCKET_MAP(X)                                                               \
    X(25, "0.025")                                                                             \
    X(50, "0.05")                                                                              \
    X(100, "0.1")                                                                              \
    X(250, "0.25")                                                                             \
    X(500, "0.5")                                                                              \
    X(1000, "1")                                                                               \
    X(2500, "2.5")                                                                             \
    X(5000, "5")                                                                               \
    X(10000, "10")                                                                             \
    X(60000, "60")                                                                             \
    X(600000, "600")
#define P2P_SPREAD_BUCKETS 11u

struct p2p_spread_row {
    struct p2p_record_id id;
    uint32_t kind;
    uint32_t members; /* numbers up to this one are meant */
    uint32_t others;  /* how many members shall have it, this node's left out */
    uint32_t had;     /* how many are known to */
    uint32_t slowest; /* the member that was last so far; 0: only the owner */
    uint64_t last_ms; /* from taking it until that word came */
    uint64_t taken_mono_ms;
    uint64_t taken_wall_ms; /* POSIX */
    bool told;              /* done, and its trace is out */
    uint8_t has[P2P_SPREAD_MEMBERS_MAX / 8];
};

struct p2p_spread {
    struct p2p_spread_row *rows; /* a ring: taken modulo cap */
    size_t cap;
    uint64_t taken;     /* rows ever begun */
    uint64_t open;      /* of those in the ring: not done */
    uint64_t untold;    /* done, and p2p_spread_tell has not said so, at most */
    uint64_t dropped;   /* gave way before they were done, or were taken back */
    uint64_t missed;    /* not followed: too many members, or no memory */
    uint64_t overrides; /* approved ones, taken since the engine was opened */
    uint64_t done;
    uint64_t done_ms;                     /* the sum of their times */
    uint64_t buckets[P2P_SPREAD_BUCKETS]; /* done within each bound, not cumulated */
};

/* "imposed", "lifted", ... of a followed kind; "" for a kind that is not followed. Static. */
const char *p2p_spread_word(uint32_t kind);

/* Frees the rows; accepts a zeroed object, and leaves one. */
void p2p_spread_deinit(struct p2p_spread *spread, const struct p2p_alloc *alloc);

struct p2p_spread_taken {
    struct p2p_record_id id;
    uint32_t kind;
    uint32_t self;    /* this node's member */
    uint32_t owner;   /* of the feed */
    uint32_t members; /* in the charter, numbered from 1 */
    uint64_t mono_ms;
    uint64_t wall_ms;
};
/* This node has taken a record. */
void p2p_spread_take(struct p2p_spread *spread, const struct p2p_alloc *alloc,
                     const struct p2p_spread_taken *taken);
/* A member is known to hold the first `size` records of a feed. */
void p2p_spread_show(struct p2p_spread *spread, uint32_t feed, uint32_t member, uint64_t size,
                     uint64_t mono_ms);
/* Records of a feed from `size` on were taken back. */
void p2p_spread_cut(struct p2p_spread *spread, uint32_t feed, uint64_t size);
/* The next row that is not done, in no order; *at begins with 0. NULL: no more. */
const struct p2p_spread_row *p2p_spread_open(const struct p2p_spread *spread, size_t *at);
/* The next row that is done and not told, marked as told; *at begins with 0. NULL: no more. */
const struct p2p_spread_row *p2p_spread_tell(struct p2p_spread *spread, size_t *at);

/* The row of a record, NULL when it is not (or no longer) followed. Lives until the next take.
 */
const struct p2p_spread_row *p2p_spread_find(const struct p2p_spread *spread,
                                             const struct p2p_record_id *id);
/* The n-th newest row, from 0; NULL after the oldest held. */
const struct p2p_spread_row *p2p_spread_newest(const struct p2p_spread *spread, size_t n);
bool p2p_spread_has(const struct p2p_spread_row *row, uint32_t member);
static inline bool p2p_spread_done(const struct p2p_spread_row *row)
{
    return row->had == row->others;
}

#endif
