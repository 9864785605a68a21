#include "check.h"
#include "replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct p2p_hash one = {{1}}, two = {{2}};

static enum p2p_replies_answer begin(struct p2p_replies *replies, uint64_t caller,
                                     const char *key, const struct p2p_hash *request,
                                     uint64_t now_ms, struct p2p_kept_reply **out)
{
    *out = NULL;
    return p2p_replies_begin(replies, caller, key, request, now_ms, out);
}

/* Does one whole request; its reply is its key. */
static void ask(struct p2p_replies *replies, uint64_t caller, const char *key, uint64_t now_ms)
{
    struct p2p_kept_reply *kept;
    CHECK(begin(replies, caller, key, &one, now_ms, &kept) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, kept, strdup(key));
}

static bool is_kept(struct p2p_replies *replies, uint64_t caller, const char *key,
                    uint64_t now_ms)
{
    struct p2p_kept_reply *kept;
    enum p2p_replies_answer answer = begin(replies, caller, key, &one, now_ms, &kept);
    if (answer == P2P_REPLIES_NEW) {
        p2p_replies_end(replies, kept, NULL);
        return false;
    }
    CHECK(answer == P2P_REPLIES_KEPT);
    CHECK(strcmp(p2p_kept_reply_text(kept), key) == 0);
    return true;
}

/* Broken: a request that is sent twice would be done twice, or one be taken for another. */
static void the_same_is_done_once(void **state)
{
    struct p2p_replies *replies;
    struct p2p_kept_reply *kept, *other;
    (void)state;
    CHECK_OK(p2p_replies_open(&replies));
    CHECK(begin(replies, 7, "a", &one, 0, &kept) == P2P_REPLIES_NEW);
    CHECK(begin(replies, 7, "a", &one, 0, &other) == P2P_REPLIES_RUNS);
    CHECK(begin(replies, 7, "a", &two, 0, &other) == P2P_REPLIES_OTHER);
    p2p_replies_end(replies, kept, strdup("{}"));
    CHECK(begin(replies, 7, "a", &one, 1, &other) == P2P_REPLIES_KEPT);
    CHECK(strcmp(p2p_kept_reply_text(other), "{}") == 0);
    CHECK(begin(replies, 7, "a", &two, 1, &other) == P2P_REPLIES_OTHER);
    /* Keys are each caller's own. */
    CHECK(begin(replies, 8, "a", &two, 1, &other) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, other, NULL);
    /* What did nothing is forgotten. */
    CHECK(begin(replies, 8, "a", &one, 1, &other) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, other, NULL);
    p2p_replies_close(replies);
}

/* Broken: replies would be kept for ever, or one under way be taken for over. */
static void they_are_kept_for_a_day(void **state)
{
    struct p2p_replies *replies;
    struct p2p_kept_reply *slow, *other;
    (void)state;
    CHECK_OK(p2p_replies_open(&replies));
    CHECK(begin(replies, 7, "slow", &one, 0, &slow) == P2P_REPLIES_NEW);
    ask(replies, 7, "a", 5);
    CHECK(is_kept(replies, 7, "a", P2P_REPLY_KEPT_MS + 4));
    CHECK(!is_kept(replies, 7, "a", P2P_REPLY_KEPT_MS + 5));
    CHECK(begin(replies, 7, "slow", &one, P2P_REPLY_KEPT_MS + 5, &other) == P2P_REPLIES_RUNS);
    p2p_replies_end(replies, slow, NULL);
    p2p_replies_close(replies);
}

/* Broken: memory would grow with every key, or one caller's keys push out another's. */
static void a_caller_has_room_of_its_own(void **state)
{
    struct p2p_replies *replies;
    char key[32];
    (void)state;
    CHECK_OK(p2p_replies_open(&replies));
    ask(replies, 8, "other", 0);
    for (unsigned i = 0; i < P2P_REPLIES_PER_CALLER_MAX + 3; i++) {
        snprintf(key, sizeof(key), "%u", i);
        ask(replies, 7, key, i);
    }
    CHECK(is_kept(replies, 8, "other", 1));
    CHECK(!is_kept(replies, 7, "0", 1)); /* asking made room for it: one more is gone */
    CHECK(!is_kept(replies, 7, "3", 1));
    CHECK(is_kept(replies, 7, "5", 1));
    /* All callers together: the oldest goes. */
    for (unsigned i = 0; i < P2P_REPLIES_MAX; i++) {
        snprintf(key, sizeof(key), "%u", i);
        ask(replies, 100 + i % 64, key, 1000 + i);
    }
    CHECK(!is_kept(replies, 8, "other", 5000));
    CHECK(!is_kept(replies, 7, "5", 5000));
    p2p_replies_close(replies);
}

/* Broken: requests under way could be pushed out, and then be done twice. */
static void what_is_under_way_stays(void **state)
{
    static struct p2p_kept_reply *kept[P2P_REPLIES_PER_CALLER_MAX];
    struct p2p_replies *replies;
    struct p2p_kept_reply *other;
    char key[32];
    (void)state;
    CHECK_OK(p2p_replies_open(&replies));
    for (unsigned i = 0; i < P2P_REPLIES_PER_CALLER_MAX; i++) {
        snprintf(key, sizeof(key), "%u", i);
        CHECK(begin(replies, 7, key, &one, 0, &kept[i]) == P2P_REPLIES_NEW);
    }
    CHECK(begin(replies, 7, "more", &one, 0, &other) == P2P_REPLIES_FULL);
    CHECK(begin(replies, 8, "more", &one, 0, &other) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, other, NULL);
    p2p_replies_end(replies, kept[9], strdup("x"));
    CHECK(begin(replies, 7, "more", &one, 0, &other) == P2P_REPLIES_NEW);
    /* An answer too large to keep is forgotten. */
    char *large = malloc(P2P_REPLY_BYTES_MAX + 2);
    CHECK(large != NULL);
    memset(large, 'x', P2P_REPLY_BYTES_MAX + 1);
    large[P2P_REPLY_BYTES_MAX + 1] = '\0';
    p2p_replies_end(replies, other, large);
    CHECK(!is_kept(replies, 7, "more", 0));
    p2p_replies_close(replies); /* with some under way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_done_once),
        cmocka_unit_test(they_are_kept_for_a_day),
        cmocka_unit_test(a_caller_has_room_of_its_own),
        cmocka_unit_test(what_is_under_way_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
