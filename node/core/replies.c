#include "replies.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

enum { CHAINS = 1024 };

struct p2p_kept_reply {
    struct p2p_hash name; /* of caller and key */
    struct p2p_hash request;
    uint64_t caller;
    uint64_t begun_ms;
    char *text; /* NULL while it is under way */
    struct p2p_kept_reply *chain;
    struct p2p_kept_reply *older, *newer;
};

struct p2p_replies {
    struct p2p_kept_reply *chains[CHAINS];
    struct p2p_kept_reply *oldest, *newest;
    size_t count;
};

enum p2p_err p2p_replies_open(struct p2p_replies **out)
{
    struct p2p_replies *replies = calloc(1, sizeof(*replies));
    if (replies == NULL) {
        return P2P_NOMEM;
    }
    *out = replies;
    return P2P_OK;
}

static struct p2p_kept_reply **chain_of(struct p2p_replies *replies,
                                        const struct p2p_hash *name)
{
    return &replies->chains[(name->bytes[0] | (size_t)name->bytes[1] << 8) % CHAINS];
}

static void drop(struct p2p_replies *replies, struct p2p_kept_reply *kept)
{
    struct p2p_kept_reply **at = chain_of(replies, &kept->name);
    while (*at != kept) {
        at = &(*at)->chain;
    }
    *at = kept->chain;
    *(kept->older != NULL ? &kept->older->newer : &replies->oldest) = kept->newer;
    *(kept->newer != NULL ? &kept->newer->older : &replies->newest) = kept->older;
    replies->count--;
    free(kept->text);
    free(kept);
}

void p2p_replies_close(struct p2p_replies *replies)
{
    while (replies != NULL && replies->oldest != NULL) {
        drop(replies, replies->oldest);
    }
    free(replies);
}

static void drop_expired(struct p2p_replies *replies, uint64_t now_ms)
{
    struct p2p_kept_reply *kept = replies->oldest;
    while (kept != NULL && now_ms - kept->begun_ms >= P2P_REPLY_KEPT_MS) {
        struct p2p_kept_reply *newer = kept->newer;
        if (kept->text != NULL) {
            drop(replies, kept);
        }
        kept = newer;
    }
}

/* Drops the oldest kept one, of a caller or (0) of all; false when there is none. */
static bool drop_oldest(struct p2p_replies *replies, uint64_t caller)
{
    for (struct p2p_kept_reply *kept = replies->oldest; kept != NULL; kept = kept->newer) {
        if (kept->text != NULL && (caller == 0 || kept->caller == caller)) {
            drop(replies, kept);
            return true;
        }
    }
    return false;
}

static size_t count_of(const struct p2p_replies *replies, uint64_t caller)
{
    size_t count = 0;
    for (const struct p2p_kept_reply *kept = replies->oldest; kept != NULL;
         kept = kept->newer) {
        count += kept->caller == caller;
    }
    return count;
}

static struct p2p_hash name_of(uint64_t caller, const char *key)
{
    uint8_t number[8];
    struct p2p_writer writer;
    p2p_writer_init(&writer, number, sizeof(number));
    p2p_writer_u64(&writer, caller);
    const struct p2p_slice parts[] = {p2p_writer_slice(&writer), p2p_slice_text(key)};
    return p2p_sha256_many(parts, 2);
}

enum p2p_replies_answer p2p_replies_begin(struct p2p_replies *replies, uint64_t caller,
                                          const char *key, const struct p2p_hash *request,
                                          uint64_t now_ms, struct p2p_kept_reply **out)
{
    p2p_assert(caller != 0);
    struct p2p_hash name = name_of(caller, key);
    drop_expired(replies, now_ms);
    for (struct p2p_kept_reply *kept = *chain_of(replies, &name); kept != NULL;
         kept = kept->chain) {
        if (p2p_hash_equal(&kept->name, &name)) {
            *out = kept;
            return !p2p_hash_equal(&kept->request, request) ? P2P_REPLIES_OTHER
                   : kept->text == NULL                     ? P2P_REPLIES_RUNS
                                                            : P2P_REPLIES_KEPT;
        }
    }
    bool own_full = replies->count >= P2P_REPLIES_PER_CALLER_MAX &&
                    count_of(replies, caller) >= P2P_REPLIES_PER_CALLER_MAX;
    if ((own_full && !drop_oldest(replies, caller)) ||
        (replies->count >= P2P_REPLIES_MAX && !drop_oldest(replies, 0))) {
        return P2P_REPLIES_FULL;
    }
    struct p2p_kept_reply *kept = calloc(1, sizeof(*kept));
    if (kept == NULL) {
        return P2P_REPLIES_FULL;
    }
    *kept = (struct p2p_kept_reply){.name = name,
                                    .request = *request,
                                    .caller = caller,
                                    .begun_ms = now_ms,
                                    .chain = *chain_of(replies, &name),
                                    .older = replies->newest};
    *chain_of(replies, &name) = kept;
    *(kept->older != NULL ? &kept->older->newer : &replies->oldest) = kept;
    replies->newest = kept;
    replies->count++;
    *out = kept;
    return P2P_REPLIES_NEW;
}

void p2p_replies_end(struct p2p_replies *replies, struct p2p_kept_reply *kept, char *text)
{
    p2p_assert(kept->text == NULL);
    if (text == NULL || strlen(text) > P2P_REPLY_BYTES_MAX) {
        free(text);
        drop(replies, kept);
    } else {
        kept->text = text;
    }
}

const char *p2p_kept_reply_text(const struct p2p_kept_reply *kept)
{
    p2p_assert(kept->text != NULL);
    return kept->text;
}
