#include <p2p/ledger.h>

#include <p2p/assert.h>
#include <p2p/custody.h>
#include <p2p/forked.h>
#include <p2p/rescued.h>
#include <p2p/settled.h>

#include "folded.h"
#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct p2p_mark {
    enum p2p_view_number view;
    uint8_t len;
    uint8_t key[P2P_VIEW_KEY_BYTES_MAX];
};

/* The set hash of one (view, circle), kept in META under "view/<view>/<circle>". */
struct p2p_view_digest {
    enum p2p_view_number view;
    uint32_t circle;
    bool dirty;
    struct p2p_lthash set;
};

const char *p2p_view_word(enum p2p_view_number view)
{
    static const char *const words[] = {
#define VIEW_WORD(name, number, word) [number] = word,
        P2P_VIEW_MAP(VIEW_WORD)
#undef VIEW_WORD
    };
    return words[view];
}

static const enum p2p_view_number numbers[] = {
#define VIEW_NUMBER(name, number, word) P2P_VIEW_##name,
    P2P_VIEW_MAP(VIEW_NUMBER)
#undef VIEW_NUMBER
};

bool p2p_view_numbered(uint64_t number, enum p2p_view_number *view)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if ((uint64_t)numbers[i] == number) {
            *view = numbers[i];
            return true;
        }
    }
    return false;
}

const enum p2p_view_number *p2p_views_in_circles(size_t *count)
{
    static const enum p2p_view_number views[] = {P2P_VIEW_BANS, P2P_VIEW_CUSTODY,
                                                 P2P_VIEW_RIGHTS};
    *count = sizeof(views) / sizeof(views[0]);
    _Static_assert(sizeof(views) + sizeof(views[0]) == sizeof(numbers), "and forks");
    return views;
}

static const struct p2p_view *view_find(enum p2p_view_number view)
{
    switch (view) {
    case P2P_VIEW_BANS:
        return &p2p_view_bans;
    case P2P_VIEW_FORKS:
        return &p2p_view_forks;
    case P2P_VIEW_CUSTODY:
        return &p2p_view_custody;
    case P2P_VIEW_RIGHTS:
        return &p2p_view_rights;
    }
    return NULL;
}

static struct p2p_slice mark_key(const struct p2p_mark *mark)
{
    return p2p_slice_of(mark->key, mark->len);
}

static int compare_marks(const void *left, const void *right)
{
    const struct p2p_mark *a = left;
    const struct p2p_mark *b = right;
    if (a->view != b->view) {
        return a->view < b->view ? -1 : 1;
    }
    return p2p_slice_compare(mark_key(a), mark_key(b));
}

static enum p2p_err fold_one(struct p2p_ledger *ledger, const struct p2p_mark *mark)
{
    bool held = ledger->folded != NULL && mark->view == P2P_VIEW_FORKS;
    struct p2p_hash name;
    if (held) {
        name = p2p_folded_name(mark_key(mark));
        if (p2p_folded_has(ledger->folded, &name)) {
            return P2P_OK;
        }
    }
    enum p2p_err err = view_find(mark->view)->fold(ledger, mark_key(mark));
    if (err == P2P_OK && held) {
        p2p_folded_add(ledger->folded, &name);
    }
    return err;
}

/* Recomputes each marked key once: those of the view `forks`, or those of all others, which may
 * ask where a feed ends. Folds mark nothing, so the list stands still. */
static enum p2p_err fold_marks(struct p2p_ledger *ledger, bool forks)
{
    struct p2p_scratch scratch;
    struct p2p_mark *marks = ledger->marks;
    size_t count = ledger->mark_count;
    size_t kept = 0;
    enum p2p_err err = P2P_OK;
    if (count == 0) {
        return P2P_OK;
    }
    qsort(marks, count, sizeof(*marks), compare_marks);
    memset(ledger->judged, 0, sizeof(ledger->judged));
    p2p_scratch_begin(&scratch, ledger);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        if (kept > 0 && compare_marks(&marks[kept - 1], &marks[i]) == 0) {
            continue;
        }
        if ((marks[i].view == P2P_VIEW_FORKS) != forks) {
            marks[kept++] = marks[i];
        } else if (i == 0 || compare_marks(&marks[i - 1], &marks[i]) != 0) {
            err = fold_one(ledger, &marks[i]);
            p2p_scratch_reset(&scratch);
            if (err == P2P_OK && ledger->settled != NULL) {
                err = p2p_settled_folded(ledger->settled, marks[i].view, mark_key(&marks[i]));
            }
        }
    }
    p2p_scratch_end(&scratch, ledger);
    p2p_assert(ledger->mark_count == count);
    ledger->mark_count = err == P2P_OK ? kept : 0;
    return err;
}

enum p2p_err p2p_view_fold(struct p2p_ledger *ledger, enum p2p_view_number view,
                           struct p2p_slice key)
{
    memset(ledger->judged, 0, sizeof(ledger->judged));
    return view_find(view)->fold(ledger, key);
}

/* Keys of every view but `forks` are ids: of the record that begins the value. */
static bool is_begun_by(const struct p2p_record_id *id, enum p2p_view_number view,
                        struct p2p_slice key)
{
    uint8_t own[P2P_ID_KEY_BYTES];
    return view == P2P_VIEW_FORKS || p2p_slice_equal(key, p2p_id_key(own, id));
}

enum p2p_err p2p_view_mark(struct p2p_ledger *ledger, enum p2p_view_number view,
                           struct p2p_slice key)
{
    p2p_assert(key.len <= P2P_VIEW_KEY_BYTES_MAX);
    if (ledger->marks_of != NULL && !is_begun_by(ledger->marks_of, view, key)) {
        return P2P_OK;
    }
    if (ledger->mark_count == P2P_MARKS_MAX) {
        enum p2p_err err = fold_marks(ledger, false);
        if (err == P2P_OK && ledger->mark_count == P2P_MARKS_MAX) {
            err = fold_marks(ledger, true);
        }
        if (err != P2P_OK) {
            return err;
        }
    }
    if (ledger->mark_count == ledger->mark_cap) {
        size_t cap = ledger->mark_cap == 0 ? 64 : 2 * ledger->mark_cap;
        struct p2p_mark *grown =
            p2p_alloc_resize(ledger->alloc, ledger->marks, cap, sizeof(*grown));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        ledger->marks = grown;
        ledger->mark_cap = cap;
    }
    struct p2p_mark *mark = &ledger->marks[ledger->mark_count++];
    mark->view = view;
    mark->len = (uint8_t)key.len;
    memcpy(mark->key, key.data, key.len);
    return P2P_OK;
}

void p2p_view_forget_marks(struct p2p_ledger *ledger)
{
    ledger->mark_count = 0;
}

/* What others said about a feed before its records were here: once for each batch it grew in.
 */
static enum p2p_err settle(struct p2p_ledger *ledger, struct p2p_feed *feed)
{
    uint64_t from = feed->settled_size;
    if (from == feed->edge.size) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_flush(feed, ledger->kv);
    if (err == P2P_OK) {
        err = p2p_known_settle(ledger, feed->number);
    }
    if (err == P2P_OK) {
        err = p2p_touch_settle(ledger, feed->number, from);
    }
    if (err == P2P_OK && feed->ends_at != P2P_FEED_GOES_ON) {
        err = p2p_rescued_mark(ledger, feed->number); /* it may hold them again */
    }
    if (err == P2P_OK) {
        feed->settled_size = feed->edge.size;
    }
    return err;
}

/* A feed ends elsewhere than it did: what others said about it, and what was rescued from it.
 */
static enum p2p_err end_anew(struct p2p_ledger *ledger, struct p2p_feed *feed)
{
    feed->ends_anew = false;
    enum p2p_err err = p2p_feed_flush(feed, ledger->kv);
    if (err == P2P_OK) {
        err = p2p_known_again(ledger, feed->number);
    }
    if (err == P2P_OK) {
        err = p2p_custody_mark_feed(ledger, feed->number);
    }
    return err == P2P_OK ? p2p_rescued_mark(ledger, feed->number) : err;
}

/* Where feeds end comes before everything that asks for it. A feed that ends elsewhere marks
 * what rests on it, other proofs of forks among it; where they end changes nothing, so this
 * ends. */
static enum p2p_err fold_forks(struct p2p_ledger *ledger)
{
    bool again = true;
    enum p2p_err err = P2P_OK;
    while (again && err == P2P_OK) {
        again = false;
        err = fold_marks(ledger, true);
        for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&ledger->touched, &i); i++) {
            if (ledger->feeds[i]->ends_anew) {
                again = true;
                err = end_anew(ledger, ledger->feeds[i]);
            }
        }
    }
    return err;
}

enum p2p_err p2p_ledger_fold(struct p2p_ledger *ledger)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; err == P2P_OK && p2p_feed_set_next(&ledger->touched, &i); i++) {
        err = settle(ledger, ledger->feeds[i]);
    }
    if (err == P2P_OK && ledger->forks_stale) {
        ledger->forks_stale = false;
        err = p2p_forked_mark_all(ledger);
    }
    if (err == P2P_OK) {
        err = fold_forks(ledger);
    }
    if (err == P2P_OK && ledger->closings_stale) {
        err = p2p_closed_again(ledger);
        /* That marks all above an end, proofs of forks among it, which say what they said. */
        err = err == P2P_OK ? fold_forks(ledger) : err;
    }
    return err == P2P_OK ? fold_marks(ledger, false) : err;
}

/* ---- values ---- */

size_t p2p_view_row_key(uint8_t *out, enum p2p_view_number view, uint32_t circle,
                        struct p2p_slice key)
{
    struct p2p_writer row;
    p2p_writer_init(&row, out, 5 + P2P_VIEW_KEY_BYTES_MAX);
    p2p_writer_u8(&row, (uint8_t)view);
    p2p_writer_u32(&row, circle);
    p2p_writer_bytes(&row, key.data, key.len);
    return p2p_writer_slice(&row).len;
}

enum p2p_err p2p_view_get(const struct p2p_kv *kv, enum p2p_view_number view, uint32_t circle,
                          struct p2p_slice key, struct p2p_slice *value)
{
    uint8_t row[5 + P2P_VIEW_KEY_BYTES_MAX];
    size_t len = p2p_view_row_key(row, view, circle, key);
    return p2p_kv_get(kv, P2P_TABLE_VIEW, p2p_slice_of(row, len), value);
}

enum p2p_err p2p_view_next(const struct p2p_kv *kv, enum p2p_view_number view, uint32_t circle,
                           const struct p2p_record_id *after, bool begin,
                           struct p2p_record_id *id, struct p2p_slice *value)
{
    uint8_t row[5 + P2P_VIEW_KEY_BYTES_MAX];
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_record_id from = {0, 0};
    struct p2p_slice found;
    struct p2p_slice there;
    if (!begin) {
        from = *after;
        from.index++;
    }
    size_t len = p2p_view_row_key(row, view, circle, p2p_id_key(key, &from));
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_VIEW, p2p_slice_of(row, len), &found, &there);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != len || memcmp(found.data, row, 5) != 0) {
        return P2P_NOTFOUND;
    }
    if (!p2p_id_from_key(p2p_slice_of(found.data + 5, P2P_ID_KEY_BYTES), id)) {
        return P2P_CORRUPT;
    }
    *value = there;
    return P2P_OK;
}

static struct p2p_slice digest_name(char out[64], enum p2p_view_number view, uint32_t circle)
{
    int len = snprintf(out, 64, "view/%u/%u", (unsigned)view, circle);
    return p2p_slice_of(out, (size_t)len);
}

enum p2p_err p2p_view_set(const struct p2p_kv *kv, enum p2p_view_number view, uint32_t circle,
                          struct p2p_lthash *out)
{
    char name[64];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_META, digest_name(name, view, circle), &value);
    if (err == P2P_OK && value.len != 2 * P2P_LTHASH_LANES) {
        err = P2P_CORRUPT;
    }
    if (err == P2P_OK) {
        p2p_lthash_decode(out, value.data);
    } else if (err == P2P_NOTFOUND) {
        p2p_lthash_init(out);
        err = P2P_OK;
    }
    return err;
}

static struct p2p_view_digest *digest_kept(const struct p2p_ledger *ledger,
                                           enum p2p_view_number view, uint32_t circle)
{
    for (size_t i = 0; i < ledger->digest_count; i++) {
        if (ledger->digests[i].view == view && ledger->digests[i].circle == circle) {
            return &ledger->digests[i];
        }
    }
    return NULL;
}

/* The digest kept in memory, loaded or begun; *out stays as it is on an error. */
static enum p2p_err digest_of(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                              enum p2p_view_number view, uint32_t circle,
                              struct p2p_view_digest **out)
{
    struct p2p_view_digest *kept = digest_kept(ledger, view, circle);
    if (kept != NULL) {
        *out = kept;
        return P2P_OK;
    }
    struct p2p_view_digest *grown = p2p_alloc_resize(ledger->alloc, ledger->digests,
                                                     ledger->digest_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return P2P_NOMEM;
    }
    ledger->digests = grown;
    struct p2p_view_digest *fresh = &grown[ledger->digest_count];
    *fresh = (struct p2p_view_digest){.view = view, .circle = circle};
    enum p2p_err err = p2p_view_set(kv, view, circle, &fresh->set);
    if (err != P2P_OK) {
        return err;
    }
    ledger->digest_count++;
    *out = fresh;
    return P2P_OK;
}

/* The same where nothing is kept of an empty set, which most circles of a large federation
 * have: then *out is NULL. */
static enum p2p_err digest_if_any(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                  enum p2p_view_number view, uint32_t circle,
                                  struct p2p_view_digest **out)
{
    char name[64];
    struct p2p_slice value;
    *out = NULL;
    if (digest_kept(ledger, view, circle) == NULL) {
        enum p2p_err err =
            p2p_kv_get(kv, P2P_TABLE_META, digest_name(name, view, circle), &value);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
    }
    return digest_of(ledger, kv, view, circle, out);
}

enum p2p_err p2p_view_element(struct p2p_arena *arena, struct p2p_slice key,
                              struct p2p_slice value, struct p2p_slice *element)
{
    uint8_t *bytes = p2p_arena_take(arena, 2 + key.len + value.len);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, 2 + key.len + value.len);
    p2p_writer_u16(&out, (uint16_t)key.len);
    p2p_writer_bytes(&out, key.data, key.len);
    p2p_writer_bytes(&out, value.data, value.len);
    *element = p2p_writer_slice(&out);
    return P2P_OK;
}

/* Whether a walk has passed a key of that view. */
static bool is_behind(const struct p2p_view_walk *walk, enum p2p_view_number view,
                      uint32_t circle, struct p2p_slice key)
{
    return walk != NULL && walk->begun && walk->view == view && walk->circle == circle &&
           p2p_slice_compare(key, p2p_slice_of(walk->last, walk->last_len)) <= 0;
}

enum p2p_err p2p_view_put(struct p2p_ledger *ledger, enum p2p_view_number view, uint32_t circle,
                          struct p2p_slice key, struct p2p_slice value)
{
    uint8_t row[5 + P2P_VIEW_KEY_BYTES_MAX];
    struct p2p_slice name = p2p_slice_of(row, p2p_view_row_key(row, view, circle, key));
    struct p2p_view_digest *digest;
    struct p2p_slice before;
    struct p2p_slice element;
    enum p2p_err err = digest_of(ledger, ledger->kv, view, circle, &digest);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_kv_get(ledger->kv, P2P_TABLE_VIEW, name, &before);
    bool had = err == P2P_OK;
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    if (had ? p2p_slice_equal(before, value) : value.len == 0) {
        return P2P_OK;
    }
    if (ledger->comparing) {
        return value.len == 0 ? p2p_kv_del(ledger->kv, P2P_TABLE_VIEW, name)
                              : p2p_kv_put(ledger->kv, P2P_TABLE_VIEW, name, value);
    }
    struct p2p_lthash *sum =
        is_behind(ledger->walk, view, circle, key) ? &ledger->walk->sum : NULL;
    if (had) {
        err = p2p_view_element(ledger->arena, key, before, &element);
        if (err != P2P_OK) {
            return err;
        }
        p2p_lthash_remove(&digest->set, element);
        if (sum != NULL) {
            p2p_lthash_remove(sum, element);
        }
    }
    digest->dirty = true;
    if (value.len == 0) {
        return p2p_kv_del(ledger->kv, P2P_TABLE_VIEW, name);
    }
    err = p2p_view_element(ledger->arena, key, value, &element);
    if (err != P2P_OK) {
        return err;
    }
    p2p_lthash_add(&digest->set, element);
    if (sum != NULL) {
        p2p_lthash_add(sum, element);
    }
    return p2p_kv_put(ledger->kv, P2P_TABLE_VIEW, name, value);
}

void p2p_view_walk_begin(struct p2p_view_walk *walk, enum p2p_view_number view, uint32_t circle)
{
    *walk = (struct p2p_view_walk){.view = view, .circle = circle};
    p2p_lthash_init(&walk->sum);
}

/* At the end of a walk: the set hash that is kept should be the sum. */
static enum p2p_err compare_set(struct p2p_ledger *ledger, const struct p2p_view_walk *walk,
                                bool *differs)
{
    static const struct p2p_lthash empty;
    struct p2p_view_digest *digest;
    enum p2p_err err = digest_if_any(ledger, ledger->kv, walk->view, walk->circle, &digest);
    if (err != P2P_OK) {
        return err;
    }
    *differs = memcmp(digest == NULL ? &empty : &digest->set, &walk->sum, sizeof(empty)) != 0;
    if (*differs && digest == NULL) {
        err = digest_of(ledger, ledger->kv, walk->view, walk->circle, &digest);
    }
    if (*differs && err == P2P_OK) {
        digest->set = walk->sum;
        digest->dirty = true;
    }
    return err;
}

enum p2p_err p2p_view_walk_step(struct p2p_ledger *ledger, struct p2p_view_walk *walk,
                                size_t *rows, bool *differs)
{
    uint8_t prefix[5 + P2P_VIEW_KEY_BYTES_MAX];
    uint8_t from[5 + P2P_VIEW_KEY_BYTES_MAX + 1];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_scratch scratch;
    size_t len = p2p_view_row_key(prefix, walk->view, walk->circle, p2p_slice_of(NULL, 0));
    size_t at = p2p_view_row_key(from, walk->view, walk->circle,
                                 p2p_slice_of(walk->last, walk->last_len));
    if (walk->begun) {
        from[at++] = 0; /* the smallest key above the last one */
    }
    *differs = false;
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err =
        p2p_kv_seek(ledger->kv, P2P_TABLE_VIEW, p2p_slice_of(from, at), &found, &value);
    while (err == P2P_OK && *rows > 0 && found.len > len && found.len <= sizeof(prefix) &&
           memcmp(found.data, prefix, len) == 0) {
        struct p2p_slice element;
        struct p2p_slice key = p2p_slice_of(found.data + len, found.len - len);
        err = p2p_view_element(ledger->arena, key, value, &element);
        if (err == P2P_OK) {
            p2p_lthash_add(&walk->sum, element);
            memcpy(walk->last, key.data, key.len);
            walk->last_len = key.len;
            walk->begun = true;
            (*rows)--;
            p2p_scratch_reset(&scratch);
            err = p2p_kv_next(ledger->kv, P2P_TABLE_VIEW, &found, &value);
        }
    }
    p2p_scratch_end(&scratch, ledger);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    return *rows > 0 ? compare_set(ledger, walk, differs) : P2P_OK;
}

enum p2p_err p2p_view_digest(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                             enum p2p_view_number view, uint32_t circle, struct p2p_hash *out)
{
    static const struct p2p_lthash empty;
    struct p2p_view_digest *digest;
    enum p2p_err err = digest_if_any(ledger, kv, view, circle, &digest);
    if (err == P2P_OK) {
        *out = p2p_lthash_digest(digest == NULL ? &empty : &digest->set);
    }
    return err;
}

enum p2p_err p2p_view_store_digests(struct p2p_ledger *ledger)
{
    for (size_t i = 0; i < ledger->digest_count; i++) {
        struct p2p_view_digest *digest = &ledger->digests[i];
        uint8_t value[2 * P2P_LTHASH_LANES];
        char name[64];
        if (!digest->dirty) {
            continue;
        }
        p2p_lthash_encode(&digest->set, value);
        enum p2p_err err = p2p_kv_put(ledger->kv, P2P_TABLE_META,
                                      digest_name(name, digest->view, digest->circle),
                                      p2p_slice_of(value, sizeof(value)));
        if (err != P2P_OK) {
            return err;
        }
        digest->dirty = false;
    }
    return P2P_OK;
}
