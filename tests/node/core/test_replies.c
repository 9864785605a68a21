#include "check.h"
#include "machine/memory_kv.h"
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
    p2p_replies_end(replies, kept, strdup(key), NULL);
}

static bool is_kept(struct p2p_replies *replies, uint64_t caller, const char *key,
                    uint64_t now_ms)
{
    struct p2p_kept_reply *kept;
    enum p2p_replies_answer answer = begin(replies, caller, key, &one, now_ms, &kept);
    if (answer == P2P_REPLIES_NEW) {
        p2p_replies_end(replies, kept, NULL, NULL);
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
    p2p_replies_end(replies, kept, strdup("{}"), NULL);
    CHECK(begin(replies, 7, "a", &one, 1, &other) == P2P_REPLIES_KEPT);
    CHECK(strcmp(p2p_kept_reply_text(other), "{}") == 0);
    CHECK(begin(replies, 7, "a", &two, 1, &other) == P2P_REPLIES_OTHER);
    /* Keys are each caller's own. */
    CHECK(begin(replies, 8, "a", &two, 1, &other) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, other, NULL, NULL);
    /* What did nothing is forgotten. */
    CHECK(begin(replies, 8, "a", &one, 1, &other) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, other, NULL, NULL);
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
    p2p_replies_end(replies, slow, NULL, NULL);
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
    p2p_replies_end(replies, other, NULL, NULL);
    p2p_replies_end(replies, kept[9], strdup("x"), NULL);
    CHECK(begin(replies, 7, "more", &one, 0, &other) == P2P_REPLIES_NEW);
    /* An answer too large to keep is forgotten. */
    char *large = malloc(P2P_REPLY_BYTES_MAX + 2);
    CHECK(large != NULL);
    memset(large, 'x', P2P_REPLY_BYTES_MAX + 1);
    large[P2P_REPLY_BYTES_MAX + 1] = '\0';
    p2p_replies_end(replies, other, large, NULL);
    CHECK(!is_kept(replies, 7, "more", 0));
    p2p_replies_close(replies); /* with some under way */
}

/* Does one whole request, whose row is written as its records are. */
static void ask_for_good(struct p2p_replies *replies, struct memory_kv *memory, uint64_t caller,
                         const char *key, const struct p2p_now *now)
{
    struct p2p_kept_reply *kept;
    CHECK(begin(replies, caller, key, &one, now->mono_ms, &kept) == P2P_REPLIES_NEW);
    CHECK_OK(p2p_replies_store(replies, kept, key, memory_kv_begin(memory), now));
    CHECK_OK(memory_kv_commit(memory));
    p2p_replies_end(replies, kept, strdup(key), NULL);
}

/* A start: what memory held is gone. */
static struct p2p_replies *start_again(struct p2p_replies *before, struct memory_kv *memory,
                                       const struct p2p_now *now)
{
    struct p2p_replies *replies;
    p2p_replies_close(before);
    CHECK_OK(p2p_replies_open(&replies));
    CHECK_OK(p2p_replies_load(replies, memory_kv_begin(memory), now));
    memory_kv_abort(memory);
    return replies;
}

/* Broken: what was appended just before a crash would be appended again by who asks again. */
static void what_was_appended_is_known_after_a_start(void **state)
{
    const struct p2p_now before = {.mono_ms = 500000, .wall_ms = 1000000};
    const struct p2p_now after = {.mono_ms = 7, .wall_ms = 1000000 + P2P_REPLY_KEPT_MS - 10};
    struct memory_kv *memory = memory_kv_new();
    struct p2p_replies *replies = start_again(NULL, memory, &before);
    struct p2p_kept_reply *kept;
    (void)state;
    ask_for_good(replies, memory, 7, "a", &before);
    ask(replies, 7, "in memory", before.mono_ms);
    /* A batch that is undone leaves no row. */
    CHECK(begin(replies, 7, "undone", &one, before.mono_ms, &kept) == P2P_REPLIES_NEW);
    CHECK_OK(p2p_replies_store(replies, kept, "x", memory_kv_begin(memory), &before));
    memory_kv_abort(memory);
    p2p_replies_end(replies, kept, NULL, NULL);
    replies = start_again(replies, memory, &after);
    CHECK(is_kept(replies, 7, "a", after.mono_ms));
    CHECK(begin(replies, 7, "a", &two, after.mono_ms, &kept) == P2P_REPLIES_OTHER);
    CHECK(!is_kept(replies, 8, "a", after.mono_ms));
    CHECK(!is_kept(replies, 7, "in memory", after.mono_ms));
    CHECK(!is_kept(replies, 7, "undone", after.mono_ms));
    /* Its day goes on from where it was, also where this clock began later. */
    CHECK(is_kept(replies, 7, "a", after.mono_ms + 9));
    CHECK(!is_kept(replies, 7, "a", after.mono_ms + 10));
    p2p_replies_close(replies);
    memory_kv_free(memory);
}

/* Broken: what is known only after its commit, that another member holds a release, would be
 * asked for again; or what is to be asked anew be answered as it was. */
static void what_ended_late_is_written_with_the_next_commit(void **state)
{
    const struct p2p_now now = {.mono_ms = 5, .wall_ms = 5};
    struct memory_kv *memory = memory_kv_new();
    struct p2p_replies *replies = start_again(NULL, memory, &now);
    struct p2p_kept_reply *kept, *other;
    (void)state;
    CHECK(begin(replies, 7, "late", &one, now.mono_ms, &kept) == P2P_REPLIES_NEW);
    CHECK(begin(replies, 7, "none", &one, now.mono_ms, &other) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, kept, strdup("in full"), strdup("late"));
    p2p_replies_end(replies, other, strdup("none"), NULL);
    CHECK_OK(p2p_replies_flush(replies, memory_kv_begin(memory), &now));
    CHECK_OK(memory_kv_commit(memory));
    CHECK(memory_kv_count(memory, P2P_TABLE_META) == 1);
    CHECK(begin(replies, 7, "late", &one, now.mono_ms, &kept) == P2P_REPLIES_KEPT);
    CHECK(strcmp(p2p_kept_reply_text(kept), "in full") == 0);
    /* Its row was written with a release that is not to be answered after all. */
    CHECK(begin(replies, 7, "held back", &one, now.mono_ms, &kept) == P2P_REPLIES_NEW);
    CHECK_OK(p2p_replies_store(replies, kept, "x", memory_kv_begin(memory), &now));
    CHECK_OK(memory_kv_commit(memory));
    CHECK(p2p_kept_reply_stored(kept));
    p2p_replies_end(replies, kept, NULL, NULL);
    CHECK(memory_kv_count(memory, P2P_TABLE_META) == 2);
    CHECK_OK(p2p_replies_flush(replies, memory_kv_begin(memory), &now));
    CHECK_OK(memory_kv_commit(memory));
    CHECK(memory_kv_count(memory, P2P_TABLE_META) == 1);
    replies = start_again(replies, memory, &now);
    CHECK(is_kept(replies, 7, "late", now.mono_ms));
    CHECK(!is_kept(replies, 7, "none", now.mono_ms));
    CHECK(!is_kept(replies, 7, "held back", now.mono_ms));
    /* One that goes before its row was written leaves none. */
    CHECK(begin(replies, 7, "gone", &one, now.mono_ms, &kept) == P2P_REPLIES_NEW);
    p2p_replies_end(replies, kept, strdup("gone"), strdup("gone"));
    CHECK(!is_kept(replies, 7, "gone", now.mono_ms + P2P_REPLY_KEPT_MS));
    CHECK_OK(p2p_replies_flush(replies, memory_kv_begin(memory), &now));
    CHECK_OK(memory_kv_commit(memory));
    CHECK(memory_kv_count(memory, P2P_TABLE_META) == 0);
    p2p_replies_close(replies);
    memory_kv_free(memory);
}

/* Broken: rows would be left behind for ever, or a changed one be answered. */
static void rows_go_with_their_replies(void **state)
{
    struct p2p_now now = {.mono_ms = 1, .wall_ms = 1};
    struct memory_kv *memory = memory_kv_new();
    struct p2p_replies *replies = start_again(NULL, memory, &now);
    struct p2p_slice key, value;
    char name[32];
    (void)state;
    for (unsigned i = 0; i < P2P_REPLIES_MAX + 9; i++, now.mono_ms++, now.wall_ms++) {
        snprintf(name, sizeof(name), "%u", i);
        ask_for_good(replies, memory, 1 + i % 16, name, &now);
    }
    CHECK(memory_kv_count(memory, P2P_TABLE_META) == P2P_REPLIES_MAX);
    replies = start_again(replies, memory, &now);
    CHECK(is_kept(replies, 1 + 9 % 16, "9", now.mono_ms));
    /* The first of all makes room, in the order in which they came. */
    ask_for_good(replies, memory, 99, "a", &now);
    CHECK(!is_kept(replies, 1 + 9 % 16, "9", now.mono_ms));
    CHECK(is_kept(replies, 1 + 12 % 16, "12", now.mono_ms));
    /* A damaged row is none, and is deleted with the next. */
    const struct p2p_kv *kv = memory_kv_begin(memory);
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_META, p2p_slice_text("reply/"), &key, &value));
    uint8_t copy[100], key_copy[64];
    CHECK(value.len <= sizeof(copy) && key.len <= sizeof(key_copy));
    struct p2p_slice changed = p2p_slice_of(memcpy(copy, value.data, value.len), value.len);
    struct p2p_slice changed_key = p2p_slice_of(memcpy(key_copy, key.data, key.len), key.len);
    copy[changed.len - 1] ^= 1;
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_META, changed_key, changed));
    CHECK_OK(memory_kv_commit(memory));
    size_t rows = memory_kv_count(memory, P2P_TABLE_META);
    replies = start_again(replies, memory, &now);
    ask_for_good(replies, memory, 99, "b", &now);
    CHECK(memory_kv_count(memory, P2P_TABLE_META) == rows);
    /* And all of them when their day is over. */
    now.wall_ms += P2P_REPLY_KEPT_MS;
    replies = start_again(replies, memory, &now);
    ask_for_good(replies, memory, 99, "c", &now);
    CHECK(memory_kv_count(memory, P2P_TABLE_META) == 1);
    p2p_replies_close(replies);
    memory_kv_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_done_once),
        cmocka_unit_test(they_are_kept_for_a_day),
        cmocka_unit_test(a_caller_has_room_of_its_own),
        cmocka_unit_test(what_is_under_way_stays),
        cmocka_unit_test(what_was_appended_is_known_after_a_start),
        cmocka_unit_test(what_ended_late_is_written_with_the_next_commit),
        cmocka_unit_test(rows_go_with_their_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
