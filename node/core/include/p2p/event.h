/* Events: what happened on this node, numbered, for watchers.
 *
 * A ring in memory of the newest P2P_EVENTS_MAX traces of the engine with their time, and of
 * what the node itself tells of how feeds stand; a watcher says which number it has seen and
 * gets what follows. Numbers start at 1 with each start of the node, whose boot number stands
 * beside them. Written by the writer's thread, read from any: one lock. */
#ifndef P2P_NODE_EVENT_H
#define P2P_NODE_EVENT_H

#include <p2p/engine.h>

#define P2P_EVENTS_MAX 16384u

/* X(NAME, word): what a node tells besides. */
#define P2P_NEWS_MAP(X)                                                                        \
    X(FEED, "feed")         /* how it stands: size in at, lag in value, and below */           \
    X(WITHHELD, "withheld") /* from this member, of a circle: how many payloads in value */
enum p2p_news {
    P2P_NEWS_NONE, /* a trace of the engine */
#define P2P_NEWS_ENUM(name, word) P2P_NEWS_##name,
    P2P_NEWS_MAP(P2P_NEWS_ENUM)
#undef P2P_NEWS_ENUM
};

struct p2p_event_entry {
    uint64_t number;
    uint64_t time_ms;
    enum p2p_news news;
    struct p2p_trace trace;              /* of news only at and value */
    char feed[P2P_ORIGIN_BYTES_MAX + 1]; /* beanr/1 */
    char member[P2P_NAME_BYTES_MAX + 1];
    char kind[32]; /* of a record, or "" */
    /* TAKEN, EVERYWHERE: what was done to the ban; FEED: its state. Static */
    const char *what;
    uint32_t had;       /* EVERYWHERE: how many other members hold it */
    uint64_t witnessed; /* FEED: its records in a quorum-cosigned checkpoint, */
    uint64_t heard_s;   /* and since when its owner was heard of; UINT64_MAX: never */
    char circle[P2P_NAME_BYTES_MAX + 1]; /* WITHHELD */
};

/* The word of an event. Static. */
const char *p2p_event_word(const struct p2p_event_entry *entry);

struct p2p_events;
P2P_MUST_CHECK enum p2p_err p2p_events_open(struct p2p_events **out);
void p2p_events_close(struct p2p_events *events);
void p2p_events_add(struct p2p_events *events, const struct p2p_event_entry *entry);
/* Copies up to cap entries with numbers above after; returns how many. A number above the
 * newest is one of an earlier start of the node and stands for 0. What the ring has lost shows
 * as a gap in the numbers. */
size_t p2p_events_after(struct p2p_events *events, uint64_t after, struct p2p_event_entry *out,
                        size_t cap);

#endif
