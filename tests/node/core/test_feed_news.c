/* What watchers are told of how feeds stand. */
#include "check.h"

#include "api_world.h"

#include "feed_news.h"

#include <p2p/event.h>
#include <p2p/witness.h>

static struct api_world world;
static struct p2p_event_entry events[64];

static void no_links(void *context, struct p2p_link_view *views, size_t *count, size_t cap)
{
    (void)context;
    (void)views;
    (void)cap;
    *count = 0;
}

static int begin(void **state)
{
    (void)state;
    api_world_make(&world, "beanr,bezee,commission", "beanr");
    world.node->describe_links = no_links; /* as one that serves */
    return 0;
}

static int end(void **state)
{
    (void)state;
    api_world_free(&world);
    return 0;
}

/* What is told of feeds when so many ms have passed. */
static size_t told_after(uint64_t ms)
{
    static uint64_t newest;
    struct p2p_node *node = world.node;
    size_t count = 0;
    newest = node->news == NULL ? 0 : newest;
    node->now.mono_ms += ms;
    node->now.wall_ms += ms;
    p2p_news_tell(node, false);
    size_t all = p2p_events_after(node->events, newest, events, 64);
    for (size_t i = 0; i < all; i++) {
        newest = events[i].number;
        if (events[i].news == P2P_NEWS_FEED) {
            events[count++] = events[i];
        }
    }
    return count;
}

/* A watcher would be told nothing, the same again and again, or more than once a second. */
static void a_feed_is_told_of_when_it_stands_otherwise(void **state)
{
    char id[64];
    (void)state;
    CHECK(told_after(1000) == 4); /* the charter, and three members */
    CHECK(strcmp(events[1].feed, "beanr/1") == 0 && strcmp(events[1].member, "beanr") == 0);
    CHECK(strcmp(events[2].what, "ok") == 0 && events[2].heard_s == UINT64_MAX);
    CHECK(told_after(1000) == 0 && told_after(5000) == 0);
    impose(&world, "beanr-pso", "imo:9179842", id);
    told_after(0); /* the batch was told, or is within the second */
    p2p_news_tell(world.node, true);
    told_after(1000);
    struct p2p_events *ring = world.node->events;
    size_t count = p2p_events_after(ring, 0, events, 64);
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        bool own = events[i].news == P2P_NEWS_FEED && strcmp(events[i].feed, "beanr/1") == 0;
        size = own ? events[i].trace.at : size;
    }
    const struct p2p_ledger *ledger = p2p_engine_ledger(world.node->engine);
    CHECK(size == p2p_ledger_feed(ledger, p2p_engine_own_feed(world.node->engine))->edge.size);
}

/* A member that went silent would look as it did. */
static void silence_is_told_each_minute(void **state)
{
    (void)state;
    uint32_t feed = 2;
    struct p2p_witnessing *heard =
        (struct p2p_witnessing *)p2p_engine_witnessing(world.node->engine, feed);
    heard->heard_mono_ms = world.node->now.mono_ms;
    CHECK(told_after(1000) == 4);
    CHECK(events[2].heard_s == 1);
    CHECK(told_after(60000) == 0); /* a heartbeat may be that late */
    CHECK(told_after(60000) == 1);
    CHECK(strcmp(events[0].feed, "bezee/1") == 0 && events[0].heard_s == 121);
    CHECK(told_after(30000) == 0);
    CHECK(told_after(30000) == 1 && events[0].heard_s == 181);
    heard->heard_mono_ms = world.node->now.mono_ms;
    CHECK(told_after(1000) == 1 && events[0].heard_s == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_feed_is_told_of_when_it_stands_otherwise, begin, end),
        cmocka_unit_test_setup_teardown(silence_is_told_each_minute, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
