#include "block.h"

#include <p2p/bytes.h>

#include <string.h>

#define FORMAT 2u

enum {
    HEAD_BYTES = 1,
    NUMBER_BYTES_MAX = 5,
    MARK_BYTES = 2,
    MARK_AT_MAX = UINT16_MAX,
    MARKS_MAX = 240,       /* made at one time */
    MARK_ROWS = 16,        /* from one to the next */
    UNMARKED_ROWS_MAX = 32 /* with more than that they are made again */
};

static uint8_t *write_number(uint8_t *out, size_t number)
{
    for (; number >= 0x80; number >>= 7) {
        *out++ = (uint8_t)(number | 0x80);
    }
    *out++ = (uint8_t)number;
    return out;
}

/* At *at, which it moves behind the number; false when none stands there. */
static inline bool read_number(struct p2p_slice rows, size_t *at, size_t *number)
{
    size_t value = 0;
    if (*at < rows.len && rows.data[*at] < 0x80) { /* nearly always */
        *number = rows.data[(*at)++];
        return true;
    }
    for (unsigned i = 0; i < NUMBER_BYTES_MAX && *at < rows.len; i++) {
        uint8_t byte = rows.data[(*at)++];
        value |= (size_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *number = value;
            return true;
        }
    }
    return false;
}

static uint8_t *write_mark(uint8_t *out, size_t number)
{
    *out++ = (uint8_t)(number >> 8);
    *out++ = (uint8_t)number;
    return out;
}

static size_t mark_of(const struct block_walk *walk, size_t i)
{
    return (size_t)walk->marks[MARK_BYTES * i] << 8 | walk->marks[MARK_BYTES * i + 1];
}

/* ---- reading ---- */

enum block_found block_begin(struct block_walk *walk, struct p2p_slice block)
{
    walk->at = HEAD_BYTES;
    walk->end = HEAD_BYTES;
    walk->shared = 0;
    walk->key_len = 0;
    walk->value = p2p_slice_of(NULL, 0);
    if (block.len <= HEAD_BYTES + MARK_BYTES || block.data[0] != FORMAT) {
        return BLOCK_BAD;
    }
    const uint8_t *end = block.data + block.len - MARK_BYTES;
    walk->mark_count = (size_t)end[0] << 8 | end[1];
    if (walk->mark_count * MARK_BYTES >= block.len - MARK_BYTES - HEAD_BYTES) {
        return BLOCK_BAD;
    }
    walk->marks = end - walk->mark_count * MARK_BYTES;
    walk->rows = p2p_slice_of(block.data, (size_t)(walk->marks - block.data));
    return BLOCK_ROW;
}

/* The numbers before a row's bytes. */
struct row_head {
    size_t shared, rest, value_len;
    size_t key_at; /* where the rest of the key begins */
    bool alike;    /* it says no lengths: they are those of the row before */
};

/* What a row's lengths are told by: those of the one before, both 0 for the first. */
struct lengths {
    size_t key, value;
};

static inline struct lengths lengths_of(const struct row_head *head)
{
    return (struct lengths){head->shared + head->rest, head->value_len};
}

/* False: no row stands there. */
static inline bool read_row_head(struct p2p_slice rows, size_t at, struct lengths before,
                                 struct row_head *head)
{
    size_t first;
    head->key_at = at;
    if (!read_number(rows, &head->key_at, &first)) {
        return false;
    }
    head->shared = first >> 1;
    head->alike = (first & 1) == 0;
    if (head->shared > before.key) {
        return false;
    }
    if (head->alike) {
        head->rest = before.key - head->shared;
        head->value_len = before.value;
    } else if (!read_number(rows, &head->key_at, &head->rest) ||
               !read_number(rows, &head->key_at, &head->value_len)) {
        return false;
    }
    return head->rest <= P2P_KV_KEY_BYTES_MAX - head->shared && head->shared + head->rest > 0 &&
           head->rest <= rows.len - head->key_at &&
           head->value_len <= rows.len - head->key_at - head->rest;
}

/* The walk stands at that row; of its key only the rest is written. */
static void stand_at(struct block_walk *walk, size_t at, const struct row_head *head)
{
    memcpy(walk->key + head->shared, walk->rows.data + head->key_at, head->rest);
    walk->at = at;
    walk->shared = head->shared;
    walk->key_len = head->shared + head->rest;
    walk->value = p2p_slice_of(walk->rows.data + head->key_at + head->rest, head->value_len);
    walk->end = head->key_at + head->rest + head->value_len;
}

/* Of the row at which the walk stands; before the first, none. */
static struct lengths lengths_at(const struct block_walk *walk)
{
    return (struct lengths){walk->key_len, walk->value.len};
}

enum block_found block_next(struct block_walk *walk)
{
    struct row_head head;
    walk->at = walk->end;
    if (walk->at == walk->rows.len) {
        return BLOCK_END;
    }
    if (!read_row_head(walk->rows, walk->at, lengths_at(walk), &head)) {
        return BLOCK_BAD;
    }
    stand_at(walk, walk->at, &head);
    return BLOCK_ROW;
}

/* How many bytes two keys begin with in common. */
static size_t common(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    size_t i = 0;
    while (i < len && a[i] == b[i]) {
        i++;
    }
    return i;
}

/* ---- searching ---- */

/* How a row's key compares with the one that is looked for, which has the first head->shared
 * bytes, too; same [out]: how many both begin with. */
static int compare_rest(struct p2p_slice rows, const struct row_head *head,
                        struct p2p_slice key, size_t *same)
{
    const uint8_t *rest = rows.data + head->key_at;
    size_t left = key.len - head->shared;
    size_t n = common(rest, head->rest, key.data + head->shared, left);
    *same = head->shared + n;
    if (n == head->rest || n == left) {
        return head->rest == left ? 0 : head->rest < left ? -1 : 1;
    }
    return rest[n] < key.data[*same] ? -1 : 1;
}

/* Where a search stands: at a row whose head is read. */
struct search {
    size_t at;
    struct row_head head;
    int order;   /* of its key with the one that is looked for */
    size_t same; /* bytes both begin with */
};

static size_t end_of(const struct row_head *head)
{
    return head->key_at + head->rest + head->value_len;
}

/* Reads the row at `at` and compares it, knowing how the row `before` compares, which may be
 * the first for a marked one. */
static bool compare_at(struct search *search, struct p2p_slice rows, size_t at,
                       const struct search *before, struct p2p_slice key)
{
    search->at = at;
    if (!read_row_head(rows, at, lengths_of(&before->head), &search->head)) {
        return false;
    }
    if (search->head.shared > before->same) { /* it goes on as the one before did */
        search->order = before->order;
        search->same = before->same;
    } else {
        search->order = compare_rest(rows, &search->head, key, &search->same);
    }
    return true;
}

/* The last marked row that is not above the key, in place of the first row. */
static bool skip_to_mark(const struct block_walk *walk, struct p2p_slice key,
                         struct search *search)
{
    const struct search first = *search;
    size_t low = 0;
    size_t high = walk->mark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct search at;
        size_t offset = mark_of(walk, middle);
        if (offset <= HEAD_BYTES || offset >= walk->rows.len ||
            !compare_at(&at, walk->rows, offset, &first, key) || at.head.alike) {
            return false;
        }
        if (at.order <= 0) {
            *search = at;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return true;
}

/* The rows before the place are passed over without putting their keys together. */
void block_find(struct block_place *place, struct p2p_slice block, struct p2p_slice key)
{
    struct block_walk *walk = &place->walk;
    const struct search nothing = {.order = -1};
    struct search search;
    place->equal = false;
    place->shared = 0; /* of the row before, which is below the key */
    place->key_len = 0;
    place->value_len = 0;
    place->scanned = 0;
    place->found = block_begin(walk, block);
    if (place->found != BLOCK_ROW) {
        return;
    }
    bool good = compare_at(&search, walk->rows, HEAD_BYTES, &nothing, key) &&
                (search.order >= 0 || skip_to_mark(walk, key, &search));
    while (good && search.order < 0) {
        struct search before = search;
        place->shared = search.same;
        place->key_len = before.head.shared + before.head.rest;
        place->value_len = before.head.value_len;
        place->scanned++;
        if (end_of(&before.head) == walk->rows.len) {
            walk->at = walk->rows.len;
            walk->end = walk->rows.len;
            place->found = BLOCK_END;
            return;
        }
        good = compare_at(&search, walk->rows, end_of(&before.head), &before, key);
    }
    if (!good) {
        place->found = BLOCK_BAD;
        return;
    }
    if (search.head.shared > 0) {
        memcpy(walk->key, key.data, search.head.shared); /* which the key has, too */
    }
    stand_at(walk, search.at, &search.head);
    place->equal = search.order == 0;
}

/* ---- writing ---- */

/* A row that says its lengths, for which it need not be known what stands before. */
static const struct lengths said = {0, 0};

/* before: of the row before, or `said`. */
static uint8_t *write_row(uint8_t *out, size_t shared, struct lengths before,
                          const uint8_t *key, size_t key_len, struct p2p_slice value)
{
    bool alike = before.key == key_len && before.value == value.len;
    out = write_number(out, shared << 1 | !alike);
    if (!alike) {
        out = write_number(out, key_len - shared);
        out = write_number(out, value.len);
    }
    memcpy(out, key + shared, key_len - shared);
    out += key_len - shared;
    if (value.len > 0) {
        memcpy(out, value.data, value.len);
    }
    return out + value.len;
}

/* The rows behind the one at which the walk stands. */
static uint8_t *write_rest(uint8_t *out, const struct block_walk *walk)
{
    size_t len = walk->rows.len - walk->end;
    memcpy(out, walk->rows.data + walk->end, len);
    return out + len;
}

static uint8_t *write_no_marks(uint8_t *out)
{
    return write_mark(out, 0);
}

static bool is_marked(const struct block_walk *walk, size_t at)
{
    size_t low = 0;
    size_t high = walk->mark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mark_of(walk, middle) < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < walk->mark_count && mark_of(walk, low) == at;
}

/* The marks of the rows before `from` as they are, those from there on moved to where they now
 * stand, and one more (0: none). */
static uint8_t *write_marks(uint8_t *out, const struct block_walk *walk, size_t from,
                            size_t removed, size_t added, size_t one_more)
{
    size_t count = 0;
    for (size_t i = 0; i < walk->mark_count; i++) {
        size_t at = mark_of(walk, i);
        if (at >= from) {
            at = at - removed + added;
        }
        if (at <= MARK_AT_MAX) {
            out = write_mark(out, at);
            count++;
        }
    }
    if (one_more > 0) {
        out = write_mark(out, one_more);
        count++;
    }
    return write_mark(out, count);
}

/* What a key has in common with the first of a block. */
static size_t common_with_first(const struct block_walk *walk, struct p2p_slice key)
{
    struct row_head head;
    return read_row_head(walk->rows, HEAD_BYTES, said, &head)
               ? common(walk->rows.data + head.key_at, head.rest, key.data, key.len)
               : 0;
}

/* The row at which the walk stands, behind one of those lengths, and those behind it. One that
 * is marked stays as long as it was. */
static uint8_t *write_from(uint8_t *out, const struct block_walk *walk, size_t shared,
                           struct lengths before)
{
    bool marked = walk->at > HEAD_BYTES && is_marked(walk, walk->at);
    out = write_row(out, marked ? walk->shared : shared, marked ? said : before, walk->key,
                    walk->key_len, walk->value);
    return write_rest(out, walk);
}

size_t block_put(uint8_t *out, const struct block_place *place, struct p2p_slice key,
                 struct p2p_slice value, size_t *row_at, size_t *row_end, bool *unmarked)
{
    const struct block_walk *walk = &place->walk;
    const struct lengths now = {key.len, value.len};
    struct lengths before = {place->key_len, place->value_len};
    size_t shared = place->equal ? walk->shared : place->shared;
    size_t one_more = 0;
    uint8_t *at = out;
    *row_at = HEAD_BYTES;
    *unmarked = place->scanned > UNMARKED_ROWS_MAX;
    if (walk->rows.len == 0) {
        *at++ = FORMAT;
        at = write_row(at, 0, said, key.data, key.len, value);
        *row_end = (size_t)(at - out);
        return (size_t)(write_no_marks(at) - out);
    }
    *row_at = walk->at;
    memcpy(at, walk->rows.data, walk->at);
    at += walk->at;
    if (place->found == BLOCK_END && place->scanned >= MARK_ROWS && walk->at <= MARK_AT_MAX) {
        size_t first = common_with_first(walk, key);
        shared = shared < first ? shared : first;
        one_more = walk->at;
        *unmarked = false;
    }
    if (one_more > 0 || (place->equal && is_marked(walk, walk->at))) {
        before = said;
    }
    at = write_row(at, shared, before, key.data, key.len, value);
    *row_end = (size_t)(at - out);
    if (place->found == BLOCK_ROW && !place->equal) {
        at = write_from(at, walk, common(key.data, key.len, walk->key, walk->key_len), now);
    } else if (place->found == BLOCK_ROW && value.len == walk->value.len) {
        at = write_rest(at, walk);
    } else if (place->found == BLOCK_ROW) { /* the next may have gone by the length that was */
        struct block_walk next = *walk;
        enum block_found found = block_next(&next);
        if (found == BLOCK_BAD) {
            return 0;
        }
        at = found == BLOCK_ROW ? write_from(at, &next, next.shared, now) : at;
    }
    if (walk->at == HEAD_BYTES && !place->equal) { /* marks are about the first row */
        *unmarked = true;
        return (size_t)(write_no_marks(at) - out);
    }
    at = write_marks(at, walk, walk->at + place->equal, walk->rows.len, (size_t)(at - out),
                     one_more);
    return (size_t)(at - out);
}

size_t block_del(uint8_t *out, const struct block_place *place, bool *unmarked, bool *bad)
{
    struct block_walk walk = place->walk;
    size_t before = walk.at;
    size_t shared = walk.shared;
    enum block_found found = block_next(&walk);
    *unmarked = before == HEAD_BYTES || is_marked(&walk, before);
    *bad = found == BLOCK_BAD;
    if (found == BLOCK_BAD || (found == BLOCK_END && before == HEAD_BYTES)) {
        return 0;
    }
    memcpy(out, walk.rows.data, before);
    uint8_t *at = out + before;
    if (found == BLOCK_ROW) { /* with the row before both, it has in common what both have */
        at = write_row(at, walk.shared < shared ? walk.shared : shared,
                       (struct lengths){place->key_len, place->value_len}, walk.key,
                       walk.key_len, walk.value);
        /* A mark of this one moves to where the other was; those behind move as the end does.
         */
        *unmarked = *unmarked || is_marked(&walk, walk.at);
        at = write_rest(at, &walk);
    }
    if (*unmarked) {
        return (size_t)(write_no_marks(at) - out);
    }
    return (size_t)(write_marks(at, &walk, before, walk.rows.len, (size_t)(at - out), 0) - out);
}

size_t block_head(uint8_t *out, const struct block_walk *walk)
{
    struct block_walk kept = *walk;
    memcpy(out, walk->rows.data, walk->at);
    kept.mark_count = 0;
    while (kept.mark_count < walk->mark_count && mark_of(walk, kept.mark_count) < walk->at) {
        kept.mark_count++;
    }
    return (size_t)(write_marks(out + walk->at, &kept, walk->at, 0, 0, 0) - out);
}

size_t block_tail(uint8_t *out, const struct block_walk *walk)
{
    uint8_t *at = out;
    *at++ = FORMAT;
    at = write_row(at, 0, said, walk->key, walk->key_len, walk->value);
    return (size_t)(write_no_marks(write_rest(at, walk)) - out);
}

bool block_is_marked(struct p2p_slice block)
{
    struct block_walk walk;
    return block_begin(&walk, block) == BLOCK_ROW && walk.mark_count > 0;
}

size_t block_join(uint8_t *out, struct p2p_slice first, struct p2p_slice second)
{
    struct block_walk last;
    struct block_walk next;
    if (block_begin(&next, second) != BLOCK_ROW || block_next(&next) != BLOCK_ROW ||
        block_begin(&last, first) != BLOCK_ROW) {
        return 0;
    }
    while (last.end < last.rows.len) {
        if (block_next(&last) != BLOCK_ROW) {
            return 0;
        }
    }
    memcpy(out, last.rows.data, last.rows.len);
    uint8_t *at =
        write_row(out + last.rows.len, common(last.key, last.key_len, next.key, next.key_len),
                  lengths_at(&last), next.key, next.key_len, next.value);
    return (size_t)(write_no_marks(write_rest(at, &next)) - out);
}

/* A mark makes its row longer by what it no longer shares, and by its lengths: no more than the
 * rows since the last one have. */
size_t block_mark(uint8_t *out, struct p2p_slice block)
{
    struct block_walk walk;
    uint8_t first[P2P_KV_KEY_BYTES_MAX];
    uint16_t marks[MARKS_MAX];
    size_t first_len = 0;
    size_t count = 0;
    size_t rows = 0;
    size_t since = HEAD_BYTES;
    struct lengths before = said;
    uint8_t *at = out;
    enum block_found found = block_begin(&walk, block);
    *at++ = FORMAT;
    while (found == BLOCK_ROW && (found = block_next(&walk)) == BLOCK_ROW) {
        size_t shared = walk.shared;
        size_t offset = (size_t)(at - out);
        size_t both = common(first, first_len, walk.key, walk.key_len);
        both = both < shared ? both : shared;
        if (walk.at == HEAD_BYTES) {
            memcpy(first, walk.key, walk.key_len);
            first_len = walk.key_len;
        } else if (rows >= MARK_ROWS && count < MARKS_MAX && offset <= MARK_AT_MAX &&
                   shared - both + BLOCK_ROW_OVERHEAD <= walk.at - since) {
            shared = both;
            before = said;
            marks[count++] = (uint16_t)offset;
            since = walk.at;
            rows = 0;
        }
        rows++;
        at = write_row(at, shared, before, walk.key, walk.key_len, walk.value);
        before = lengths_at(&walk);
    }
    if (found != BLOCK_END) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        at = write_mark(at, marks[i]);
    }
    return (size_t)(write_mark(at, count) - out);
}
