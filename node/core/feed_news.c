#include "feed_news.h"

#include "feed_view.h"
#include "withheld.h"

#include <p2p/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a feed stood when it was last told of. */
struct told {
    uint64_t size, witnessed, lag;
    uint64_t silent_min; /* 0: heard of lately, or never */
    const char *state;   /* NULL: not told of yet */
};

struct p2p_feed_news {
    uint64_t looked_ms;
    bool owed; /* something happened since then */
    struct told *feeds;
    size_t feed_count;
    uint64_t *withheld; /* by circle */
    size_t circle_count;
};

void p2p_news_free(struct p2p_feed_news *news)
{
    if (news != NULL) {
        free(news->feeds);
        free(news->withheld);
        free(news);
    }
}

static bool is_due(const struct p2p_node *node)
{
    return node->describe_links != NULL &&
           (node->news == NULL ||
            node->now.mono_ms - node->news->looked_ms >= P2P_NEWS_EVERY_MS);
}

/* Room for so many more rows, zeroed. */
static void *grow(void *rows, size_t *count, size_t wanted, size_t bytes)
{
    if (wanted <= *count) {
        return rows;
    }
    uint8_t *grown = realloc(rows, wanted * bytes);
    if (grown == NULL) {
        return rows;
    }
    memset(grown + *count * bytes, 0, (wanted - *count) * bytes);
    *count = wanted;
    return grown;
}

/* ---- feeds ---- */

static void tell_feed(struct p2p_node *node, uint32_t number, struct told *last)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_feed_info *info = p2p_charter_feed(charter, number);
    const struct p2p_member *member =
        info == NULL ? NULL : p2p_charter_member(charter, info->member);
    struct p2p_feed_view view;
    p2p_feed_view(node, number, &view);
    bool heard = view.age_ms != UINT64_MAX;
    uint64_t minutes = heard ? view.age_ms / 60000 : 0;
    const struct told now = {.size = view.size,
                             .witnessed = view.witnessed,
                             .lag = view.lag,
                             .silent_min = minutes >= P2P_NEWS_SILENT_MIN ? minutes : 0,
                             .state = view.state};
    if (last->state != NULL && last->size == now.size && last->witnessed == now.witnessed &&
        last->lag == now.lag && last->silent_min == now.silent_min &&
        strcmp(last->state, now.state) == 0) {
        return;
    }
    *last = now;
    struct p2p_event_entry entry = {.time_ms = node->now.wall_ms,
                                    .news = P2P_NEWS_FEED,
                                    .trace = {.at = view.size, .value = view.lag},
                                    .what = view.state,
                                    .witnessed = view.witnessed,
                                    .heard_s = heard ? view.age_ms / 1000 : UINT64_MAX};
    snprintf(entry.feed, sizeof(entry.feed), "%.*s", (int)view.name.len,
             (const char *)view.name.data);
    snprintf(entry.member, sizeof(entry.member), "%s", member != NULL ? member->name : "");
    p2p_events_add(node->events, &entry);
}

static void tell_feeds(struct p2p_node *node, struct p2p_feed_news *news)
{
    size_t count = p2p_engine_ledger(node->engine)->feed_count;
    news->feeds = grow(news->feeds, &news->feed_count, count, sizeof(*news->feeds));
    for (uint32_t i = 0; i < count && i < news->feed_count; i++) {
        tell_feed(node, i, &news->feeds[i]);
    }
}

/* ---- what is withheld ---- */

static bool is_observer(const struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_member *own = p2p_charter_member(charter, p2p_engine_member(node->engine));
    return own != NULL && own->role == P2P_ROLE_OBSERVER;
}

void p2p_news_count(struct p2p_node *node)
{
    if (is_due(node) && is_observer(node)) {
        (void)p2p_node_withheld(node, P2P_NEWS_LEAVES);
    }
}

static void tell_withheld(struct p2p_node *node, struct p2p_feed_news *news)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_withheld *withheld = node->withheld;
    if (withheld == NULL || !is_observer(node)) {
        return;
    }
    news->owed = news->owed || !withheld->whole;
    news->withheld = grow(news->withheld, &news->circle_count, withheld->circle_count,
                          sizeof(*news->withheld));
    for (uint32_t i = 1;
         withheld->whole && i < withheld->circle_count && i < news->circle_count; i++) {
        if (news->withheld[i] != withheld->counts[i]) {
            struct p2p_event_entry entry = {.time_ms = node->now.wall_ms,
                                            .news = P2P_NEWS_WITHHELD,
                                            .trace = {.value = withheld->counts[i]}};
            const struct p2p_circle *circle = p2p_charter_circle(charter, i);
            news->withheld[i] = withheld->counts[i];
            snprintf(entry.circle, sizeof(entry.circle), "%s",
                     circle != NULL ? circle->name : "");
            p2p_events_add(node->events, &entry);
        }
    }
}

/* ---- when ---- */

void p2p_news_tell(struct p2p_node *node, bool happened)
{
    if (node->news == NULL && node->describe_links != NULL) {
        node->news = calloc(1, sizeof(*node->news));
    } else if (!is_due(node)) {
        if (node->news != NULL) {
            node->news->owed = node->news->owed || happened;
        }
        return;
    }
    struct p2p_feed_news *news = node->news;
    if (news != NULL) {
        news->looked_ms = node->now.mono_ms;
        news->owed = false;
        tell_feeds(node, news);
        tell_withheld(node, news);
    }
}

uint64_t p2p_news_wake_ms(const struct p2p_node *node)
{
    return node->news != NULL && node->news->owed ? node->news->looked_ms + P2P_NEWS_EVERY_MS
                                                  : UINT64_MAX;
}
