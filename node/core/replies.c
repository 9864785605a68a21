#include "replies.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

#define ROW_PREFIX "reply/"

enum {
    CHAINS = 1024,
    FORMAT = 1,
    CHECK_BYTES = 8,
    PREFIX_BYTES = sizeof(ROW_PREFIX) - 1,
    KEY_BYTES = PREFIX_BYTES + P2P_HASH_BYTES,
    HEAD_BYTES = CHECK_BYTES + 1 + P2P_HASH_BYTES + 8 + 8, /* the text is what follows */
    ROW_BYTES_MAX = HEAD_BYTES + P2P_REPLY_BYTES_MAX
};

struct p2p_kept_reply {
    struct p2p_hash name; /* of caller and key */
    struct p2p_hash request;
    uint64_t caller;
    uint64_t begun_ms;
    char *text;  /* NULL while it is under way */
    char *row;   /* to be written; NULL for nothing */
    bool stored; /* the store has a row of it */
    struct p2p_kept_reply *chain;
    struct p2p_kept_reply *older, *newer;
};

struct p2p_replies {
    struct p2p_kept_reply *chains[CHAINS];
    struct p2p_kept_reply *oldest, *newest;
    struct p2p_kept_reply *gone; /* by older: their rows are still to be deleted */
    size_t count;
    size_t bytes; /* of texts */
    size_t rows;  /* to be written */
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
    replies->bytes -= kept->text != NULL ? strlen(kept->text) : 0;
    free(kept->text);
    replies->rows -= kept->row != NULL;
    free(kept->row);
    kept->row = NULL;
    if (kept->stored) {
        kept->older = replies->gone;
        replies->gone = kept;
    } else {
        free(kept);
    }
}

static void drop_gone(struct p2p_replies *replies)
{
    struct p2p_kept_reply *kept = replies->gone;
    replies->gone = kept->older;
    free(kept);
}

void p2p_replies_close(struct p2p_replies *replies)
{
    while (replies != NULL && replies->oldest != NULL) {
        drop(replies, replies->oldest);
    }
    while (replies != NULL && replies->gone != NULL) {
        drop_gone(replies);
    }
    free(replies);
}

/* As the newest of all. */
static void put_in(struct p2p_replies *replies, struct p2p_kept_reply *kept)
{
    struct p2p_kept_reply **chain = chain_of(replies, &kept->name);
    kept->chain = *chain;
    *chain = kept;
    kept->older = replies->newest;
    *(kept->older != NULL ? &kept->older->newer : &replies->oldest) = kept;
    replies->newest = kept;
    replies->count++;
    replies->bytes += kept->text != NULL ? strlen(kept->text) : 0;
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
    *kept = (struct p2p_kept_reply){
        .name = name, .request = *request, .caller = caller, .begun_ms = now_ms};
    put_in(replies, kept);
    *out = kept;
    return P2P_REPLIES_NEW;
}

/* ---- rows ---- */

static struct p2p_slice row_key(uint8_t out[KEY_BYTES], const struct p2p_hash *name)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES);
    p2p_writer_bytes(&key, ROW_PREFIX, PREFIX_BYTES);
    p2p_writer_bytes(&key, name->bytes, P2P_HASH_BYTES);
    return p2p_writer_slice(&key);
}

/* Over a row's key, and its value behind the check. */
static struct p2p_hash row_check(struct p2p_slice key, struct p2p_slice value)
{
    const struct p2p_slice parts[] = {
        key, p2p_slice_of(value.data + CHECK_BYTES, value.len - CHECK_BYTES)};
    return p2p_sha256_many(parts, 2);
}

static enum p2p_err delete_gone(struct p2p_replies *replies, const struct p2p_kv *kv)
{
    uint8_t key[KEY_BYTES];
    enum p2p_err err = P2P_OK;
    while (replies->gone != NULL && (err == P2P_OK || err == P2P_NOTFOUND)) {
        err = p2p_kv_del(kv, P2P_TABLE_META, row_key(key, &replies->gone->name));
        drop_gone(replies);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_replies_store(struct p2p_replies *replies, struct p2p_kept_reply *kept,
                               const char *text, const struct p2p_kv *kv,
                               const struct p2p_now *now)
{
    static const uint8_t unknown[CHECK_BYTES];
    uint8_t key[KEY_BYTES];
    uint8_t value[ROW_BYTES_MAX];
    struct p2p_writer out;
    size_t len = strlen(text);
    enum p2p_err err = delete_gone(replies, kv);
    if (err != P2P_OK || len > P2P_REPLY_BYTES_MAX) {
        return err;
    }
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_bytes(&out, unknown, CHECK_BYTES);
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_bytes(&out, kept->request.bytes, P2P_HASH_BYTES);
    p2p_writer_u64(&out, kept->caller);
    p2p_writer_u64(&out, now->wall_ms);
    p2p_writer_bytes(&out, text, len);
    struct p2p_slice row = p2p_writer_slice(&out);
    struct p2p_hash check = row_check(row_key(key, &kept->name), row);
    memcpy(value, check.bytes, CHECK_BYTES);
    kept->stored = true;
    return p2p_kv_put(kv, P2P_TABLE_META, row_key(key, &kept->name), row);
}

enum p2p_err p2p_replies_flush(struct p2p_replies *replies, const struct p2p_kv *kv,
                               const struct p2p_now *now)
{
    enum p2p_err err = delete_gone(replies, kv);
    struct p2p_kept_reply *kept = replies->newest; /* what waits ended last */
    while (kept != NULL && replies->rows > 0 && err == P2P_OK) {
        if (kept->row != NULL) {
            err = p2p_replies_store(replies, kept, kept->row, kv, now);
            free(kept->row);
            kept->row = NULL;
            replies->rows--;
        }
        kept = kept->older;
    }
    return err;
}

/* One row as a reply of its own; without a text when it is damaged. P2P_NOMEM. */
static enum p2p_err read_row(struct p2p_slice key, struct p2p_slice value,
                             const struct p2p_now *now, struct p2p_kept_reply **out)
{
    struct p2p_kept_reply *kept = calloc(1, sizeof(*kept));
    struct p2p_reader in;
    if (kept == NULL) {
        return P2P_NOMEM;
    }
    *out = kept;
    kept->stored = true;
    memcpy(kept->name.bytes, key.data + PREFIX_BYTES, P2P_HASH_BYTES);
    if (value.len < HEAD_BYTES || value.len > ROW_BYTES_MAX) {
        return P2P_OK;
    }
    struct p2p_hash check = row_check(key, value);
    p2p_reader_init(&in, p2p_slice_of(value.data + CHECK_BYTES, HEAD_BYTES - CHECK_BYTES));
    uint8_t format = p2p_reader_u8(&in);
    p2p_reader_copy(&in, kept->request.bytes, P2P_HASH_BYTES);
    kept->caller = p2p_reader_u64(&in);
    uint64_t wall_ms = p2p_reader_u64(&in);
    uint64_t age_ms = now->wall_ms > wall_ms ? now->wall_ms - wall_ms : 0;
    kept->begun_ms = now->mono_ms - age_ms; /* before the clock's zero it wraps, as does the
                                               difference that is looked at */
    if (memcmp(check.bytes, value.data, CHECK_BYTES) != 0 || format != FORMAT ||
        age_ms >= P2P_REPLY_KEPT_MS) {
        return P2P_OK;
    }
    size_t len = value.len - HEAD_BYTES; /* no zero stands behind it */
    kept->text = calloc(1, len + 1);
    if (kept->text == NULL) {
        return P2P_NOMEM;
    }
    memcpy(kept->text, value.data + HEAD_BYTES, len);
    return P2P_OK;
}

struct loaded {
    struct p2p_kept_reply **rows;
    size_t count, cap;
};

static enum p2p_err load_row(struct loaded *loaded, struct p2p_slice key,
                             struct p2p_slice value, const struct p2p_now *now)
{
    if (loaded->count == loaded->cap) {
        size_t cap = loaded->cap == 0 ? 64 : 2 * loaded->cap;
        struct p2p_kept_reply **rows =
            realloc(loaded->rows, cap * sizeof(struct p2p_kept_reply *));
        if (rows == NULL) {
            return P2P_NOMEM;
        }
        loaded->rows = rows;
        loaded->cap = cap;
    }
    struct p2p_kept_reply *kept = NULL;
    enum p2p_err err = read_row(key, value, now, &kept);
    if (kept != NULL) {
        loaded->rows[loaded->count++] = kept;
    }
    return err;
}

/* By age, the oldest first; a begun_ms may have wrapped, so only differences say which. */
static int by_age(const void *a, const void *b)
{
    const struct p2p_kept_reply *left = *(struct p2p_kept_reply *const *)a;
    const struct p2p_kept_reply *right = *(struct p2p_kept_reply *const *)b;
    int64_t later_ms = (int64_t)(left->begun_ms - right->begun_ms);
    return later_ms < 0 ? -1 : later_ms > 0;
}

enum p2p_err p2p_replies_load(struct p2p_replies *replies, const struct p2p_kv *kv,
                              const struct p2p_now *now)
{
    struct p2p_slice prefix = p2p_slice_text(ROW_PREFIX);
    struct p2p_slice key, value;
    struct loaded loaded = {0};
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_META, prefix, &key, &value);
    while (err == P2P_OK && key.len == KEY_BYTES &&
           memcmp(key.data, prefix.data, prefix.len) == 0) {
        err = load_row(&loaded, key, value, now);
        if (err == P2P_OK) {
            err = p2p_kv_next(kv, P2P_TABLE_META, &key, &value);
        }
    }
    if (loaded.count > 0) {
        qsort(loaded.rows, loaded.count, sizeof(struct p2p_kept_reply *), by_age);
    }
    for (size_t i = 0; i < loaded.count; i++) {
        put_in(replies, loaded.rows[i]);
        if (loaded.rows[i]->text == NULL) {
            drop(replies, loaded.rows[i]);
        }
        while (replies->count > P2P_REPLIES_MAX || replies->bytes > P2P_REPLIES_BYTES_MAX) {
            drop(replies, replies->oldest);
        }
    }
    free(loaded.rows);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- the end of a request ---- */

void p2p_replies_end(struct p2p_replies *replies, struct p2p_kept_reply *kept, char *text,
                     char *row)
{
    p2p_assert(kept->text == NULL);
    if (text == NULL || strlen(text) > P2P_REPLY_BYTES_MAX) {
        free(text);
        free(row);
        drop(replies, kept);
    } else {
        kept->text = text;
        kept->row = row;
        replies->bytes += strlen(text);
        replies->rows += row != NULL;
    }
    while (replies->bytes > P2P_REPLIES_BYTES_MAX && drop_oldest(replies, 0)) {
    }
}

bool p2p_kept_reply_stored(const struct p2p_kept_reply *kept)
{
    return kept->stored;
}

const char *p2p_kept_reply_text(const struct p2p_kept_reply *kept)
{
    p2p_assert(kept->text != NULL);
    return kept->text;
}
