#include <p2p/event.h>

#include <pthread.h>
#include <stdlib.h>

struct p2p_events {
    pthread_mutex_t lock;
    uint64_t newest;
    struct p2p_event_entry ring[P2P_EVENTS_MAX];
};

const char *p2p_event_word(const struct p2p_event_entry *entry)
{
    static const char *const words[] = {
#define NEWS_WORD(name, word) [P2P_NEWS_##name] = word,
        P2P_NEWS_MAP(NEWS_WORD)
#undef NEWS_WORD
    };
    return entry->news == P2P_NEWS_NONE ? p2p_trace_word(entry->trace.type)
                                        : words[entry->news];
}

enum p2p_err p2p_events_open(struct p2p_events **out)
{
    struct p2p_events *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return P2P_NOMEM;
    }
    pthread_mutex_init(&events->lock, NULL);
    *out = events;
    return P2P_OK;
}

void p2p_events_close(struct p2p_events *events)
{
    if (events != NULL) {
        pthread_mutex_destroy(&events->lock);
        free(events);
    }
}

void p2p_events_add(struct p2p_events *events, const struct p2p_event_entry *entry)
{
    pthread_mutex_lock(&events->lock);
    uint64_t number = ++events->newest;
    struct p2p_event_entry *slot = &events->ring[number % P2P_EVENTS_MAX];
    *slot = *entry;
    slot->number = number;
    pthread_mutex_unlock(&events->lock);
}

size_t p2p_events_after(struct p2p_events *events, uint64_t after, struct p2p_event_entry *out,
                        size_t cap)
{
    size_t count = 0;
    pthread_mutex_lock(&events->lock);
    uint64_t oldest =
        events->newest >= P2P_EVENTS_MAX ? events->newest - P2P_EVENTS_MAX + 1 : 1;
    if (after > events->newest) {
        after = 0; /* a number of an earlier start: everything is news */
    }
    for (uint64_t n = after + 1 < oldest ? oldest : after + 1;
         n <= events->newest && count < cap; n++) {
        out[count++] = events->ring[n % P2P_EVENTS_MAX];
    }
    pthread_mutex_unlock(&events->lock);
    return count;
}
