/* The numbers that issuers used, per feed: the highest, where each stands, and the first one
 * that was used for two different records. */
#include <p2p/reuse.h>

#include "views.h"

#include <string.h>

/* ISSUER: 1, feed u32, issuer u32 -> highest number u64;
 *         4, feed u32, issuer u32, number u64 -> index of its first record, without the zero
 *            bytes that it begins with;
 *         5, feed u32, issuer u32 -> number u64, index u64, index u64: used twice. */
enum {
    FORMAT = 1,
    FORMAT_INDEX = 2,
    ROW_HIGHEST = 1,
    ROW_NUMBER = 4,
    ROW_REUSED = 5,
    KEY_BYTES_MAX = 1 + 4 + 4 + 8,
    SHORT_KEY_BYTES = 1 + 4 + 4
};

static struct p2p_writer key_of(uint8_t out[KEY_BYTES_MAX], uint8_t row, uint32_t feed,
                                uint32_t issuer)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES_MAX);
    p2p_writer_u8(&key, row);
    p2p_writer_u32(&key, feed);
    p2p_writer_u32(&key, issuer);
    return key;
}

/* Rows of up to three numbers. */
static enum p2p_err put(struct p2p_ledger *ledger, struct p2p_slice key, const uint64_t *values,
                        size_t count)
{
    uint8_t value[1 + 3 * 8];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    for (size_t i = 0; i < count; i++) {
        p2p_writer_u64(&out, values[i]);
    }
    return p2p_kv_put(ledger->kv, P2P_TABLE_ISSUER, key, p2p_writer_slice(&out));
}

static enum p2p_err read(struct p2p_slice value, uint64_t *values, size_t count)
{
    struct p2p_reader in;
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    for (size_t i = 0; i < count; i++) {
        values[i] = p2p_reader_u64(&in);
    }
    return p2p_reader_done(&in) && format == FORMAT ? P2P_OK : P2P_CORRUPT;
}

static enum p2p_err get(const struct p2p_kv *kv, struct p2p_slice key, uint64_t *values,
                        size_t count)
{
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_ISSUER, key, &value);
    return err == P2P_OK ? read(value, values, count) : err;
}

struct p2p_slice p2p_number_value(uint8_t out[P2P_NUMBER_VALUE_BYTES], uint64_t index)
{
    struct p2p_writer value;
    p2p_writer_init(&value, out, P2P_NUMBER_VALUE_BYTES);
    p2p_writer_u8(&value, FORMAT_INDEX);
    for (unsigned bits = 64; bits > 0; bits -= 8) {
        if (index >> (bits - 8) != 0) {
            p2p_writer_u8(&value, (uint8_t)(index >> (bits - 8)));
        }
    }
    return p2p_writer_slice(&value);
}

static enum p2p_err put_index(struct p2p_ledger *ledger, struct p2p_slice key, uint64_t index)
{
    uint8_t value[P2P_NUMBER_VALUE_BYTES];
    return p2p_kv_put(ledger->kv, P2P_TABLE_ISSUER, key, p2p_number_value(value, index));
}

static enum p2p_err read_index(struct p2p_slice value, uint64_t *index)
{
    struct p2p_reader in;
    uint64_t read = 0;
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    size_t bytes = p2p_reader_left(&in);
    if (in.failed || format != FORMAT_INDEX || bytes > 8) {
        return P2P_CORRUPT;
    }
    for (size_t i = 0; i < bytes; i++) {
        uint8_t byte = p2p_reader_u8(&in);
        if (i == 0 && byte == 0) {
            return P2P_CORRUPT;
        }
        read = read << 8 | byte;
    }
    *index = read;
    return P2P_OK;
}

static enum p2p_err get_index(const struct p2p_kv *kv, struct p2p_slice key, uint64_t *index)
{
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_ISSUER, key, &value);
    return err == P2P_OK ? read_index(value, index) : err;
}

enum p2p_err p2p_issuer_seq(const struct p2p_ledger *ledger, uint32_t feed, uint32_t issuer,
                            uint64_t *seq)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct p2p_writer key = key_of(bytes, ROW_HIGHEST, feed, issuer);
    uint64_t highest = 0;
    enum p2p_err err = get(ledger->kv, p2p_writer_slice(&key), &highest, 1);
    if (err == P2P_OK || err == P2P_NOTFOUND) {
        *seq = highest;
        err = P2P_OK;
    }
    return err;
}

enum p2p_err p2p_number_find(const struct p2p_ledger *ledger, uint32_t feed, uint32_t issuer,
                             uint64_t number, uint64_t *index)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct p2p_writer key = key_of(bytes, ROW_NUMBER, feed, issuer);
    p2p_writer_u64(&key, number);
    return get_index(ledger->kv, p2p_writer_slice(&key), index);
}

/* Whether the record at index says something else than this one: what was signed counts, not
 * the signature. */
static enum p2p_err differs(const struct p2p_ledger *ledger, uint32_t feed, uint64_t index,
                            const struct p2p_record *record, bool *out)
{
    struct p2p_slice leaf;
    struct p2p_record first;
    enum p2p_err err = p2p_feed_leaf(p2p_ledger_feed(ledger, feed), ledger->kv, index, &leaf);
    if (err == P2P_OK && p2p_record_decode(&first, leaf) != P2P_OK) {
        err = P2P_CORRUPT; /* only canonical records were let in */
    }
    if (err == P2P_OK) {
        *out = !p2p_slice_equal(p2p_record_head(&first), p2p_record_head(record));
    }
    return err;
}

/* Remembers the first reuse of an issuer in a feed; later ones prove nothing more. */
static enum p2p_err note_reuse(struct p2p_ledger *ledger, const struct p2p_reused *found)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct p2p_writer key = key_of(bytes, ROW_REUSED, found->feed, found->issuer);
    uint64_t values[] = {found->number, found->index[0], found->index[1]};
    uint64_t before[3];
    enum p2p_err err = get(ledger->kv, p2p_writer_slice(&key), before, 3);
    if (err != P2P_NOTFOUND) {
        return err;
    }
    if (ledger->reused_count < P2P_REUSED_TOLD_MAX) {
        ledger->reused[ledger->reused_count++] = (struct p2p_reuse_found){
            .feed = found->feed, .issuer = found->issuer, .index = found->index[1]};
    }
    return put(ledger, p2p_writer_slice(&key), values, 3);
}

enum p2p_err p2p_number_take(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                             const struct p2p_record *record, bool *repeated)
{
    uint8_t bytes[KEY_BYTES_MAX];
    uint64_t highest = 0;
    struct p2p_reused found = {
        .feed = id->feed, .issuer = record->issuer, .number = record->issuer_seq};
    enum p2p_err err = p2p_issuer_seq(ledger, id->feed, record->issuer, &highest);
    if (err != P2P_OK) {
        return err;
    }
    *repeated = record->issuer_seq <= highest;
    struct p2p_writer key = key_of(bytes, ROW_NUMBER, id->feed, record->issuer);
    p2p_writer_u64(&key, record->issuer_seq);
    err = *repeated ? get_index(ledger->kv, p2p_writer_slice(&key), &found.index[0])
                    : P2P_NOTFOUND;
    if (err == P2P_OK && found.index[0] != id->index) {
        bool other = false;
        err = differs(ledger, id->feed, found.index[0], record, &other);
        found.index[1] = id->index;
        return err == P2P_OK && other ? note_reuse(ledger, &found) : err;
    }
    if (err != P2P_NOTFOUND) {
        return err;
    }
    err = put_index(ledger, p2p_writer_slice(&key), id->index);
    if (err == P2P_OK && !*repeated) {
        key = key_of(bytes, ROW_HIGHEST, id->feed, record->issuer);
        err = put(ledger, p2p_writer_slice(&key), &record->issuer_seq, 1);
    }
    return err;
}

/* ---- compared with the records ---- */

/* The highest number of an issuer in a feed, from the rows of each number. */
static enum p2p_err find_highest(const struct p2p_ledger *ledger, uint32_t feed,
                                 uint32_t issuer, uint64_t *highest)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_writer key = key_of(bytes, ROW_NUMBER, feed, issuer);
    *highest = 0;
    enum p2p_err err =
        p2p_kv_seek(ledger->kv, P2P_TABLE_ISSUER, p2p_writer_slice(&key), &found, &value);
    while (err == P2P_OK && found.len == KEY_BYTES_MAX &&
           memcmp(found.data, bytes, SHORT_KEY_BYTES) == 0) {
        struct p2p_reader in;
        p2p_reader_init(&in, p2p_slice_of(found.data + SHORT_KEY_BYTES, 8));
        *highest = p2p_reader_u64(&in);
        err = p2p_kv_next(ledger->kv, P2P_TABLE_ISSUER, &found, &value);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Whether a number above this one was used before index. */
static enum p2p_err used_above(const struct p2p_ledger *ledger, uint32_t feed, uint32_t issuer,
                               uint64_t number, uint64_t index, bool *used)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_writer key = key_of(bytes, ROW_NUMBER, feed, issuer);
    p2p_writer_u64(&key, number + 1);
    *used = false;
    enum p2p_err err =
        number == UINT64_MAX
            ? P2P_NOTFOUND
            : p2p_kv_seek(ledger->kv, P2P_TABLE_ISSUER, p2p_writer_slice(&key), &found, &value);
    while (err == P2P_OK && !*used && found.len == KEY_BYTES_MAX &&
           memcmp(found.data, bytes, SHORT_KEY_BYTES) == 0) {
        uint64_t first = 0;
        err = read_index(value, &first);
        *used = err == P2P_OK && first < index;
        if (err == P2P_OK) {
            err = p2p_kv_next(ledger->kv, P2P_TABLE_ISSUER, &found, &value);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* The highest number is at least this one, and was used. */
static enum p2p_err compare_highest(struct p2p_ledger *ledger, uint32_t feed, uint32_t issuer,
                                    uint64_t number)
{
    uint8_t bytes[KEY_BYTES_MAX];
    uint64_t highest = 0;
    uint64_t first = 0;
    enum p2p_err err = p2p_issuer_seq(ledger, feed, issuer, &highest);
    bool right = err == P2P_OK && highest >= number;
    if (right && highest > number) {
        struct p2p_writer key = key_of(bytes, ROW_NUMBER, feed, issuer);
        p2p_writer_u64(&key, highest);
        err = get_index(ledger->kv, p2p_writer_slice(&key), &first);
        right = err != P2P_NOTFOUND;
    }
    if (right || (err != P2P_OK && err != P2P_NOTFOUND && err != P2P_CORRUPT)) {
        return right ? P2P_OK : err;
    }
    err = find_highest(ledger, feed, issuer, &highest);
    struct p2p_writer key = key_of(bytes, ROW_HIGHEST, feed, issuer);
    return err == P2P_OK ? put(ledger, p2p_writer_slice(&key), &highest, 1) : err;
}

/* The row of reuse, if it is gone: of the record and the first one with its number. */
static enum p2p_err compare_reuse(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                  const struct p2p_record *record, uint64_t first)
{
    const struct p2p_reused found = {.feed = id->feed,
                                     .issuer = record->issuer,
                                     .number = record->issuer_seq,
                                     .index = {first, id->index}};
    bool other = false;
    enum p2p_err err = differs(ledger, id->feed, first, record, &other);
    return err == P2P_OK && other ? note_reuse(ledger, &found) : err;
}

/* first: the record is known to be the first one with its number, and above all before it. */
enum p2p_err p2p_number_compare(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                const struct p2p_record *record, bool first, bool *repeated)
{
    uint8_t bytes[KEY_BYTES_MAX];
    uint64_t index = 0;
    struct p2p_writer key = key_of(bytes, ROW_NUMBER, id->feed, record->issuer);
    p2p_writer_u64(&key, record->issuer_seq);
    enum p2p_err err = get_index(ledger->kv, p2p_writer_slice(&key), &index);
    *repeated = false;
    if (err == P2P_NOTFOUND || err == P2P_CORRUPT ||
        (err == P2P_OK && (first ? index != id->index : index > id->index))) {
        index = id->index;
        err = put_index(ledger, p2p_writer_slice(&key), index);
    }
    if (err == P2P_OK && !first && index < id->index) {
        *repeated = true;
        err = compare_reuse(ledger, id, record, index);
    }
    if (err == P2P_OK && !first && !*repeated) {
        err = used_above(ledger, id->feed, record->issuer, record->issuer_seq, id->index,
                         repeated);
    }
    return err == P2P_OK ? compare_highest(ledger, id->feed, record->issuer, record->issuer_seq)
                         : err;
}

/* ---- forgotten ---- */

/* The rows of reuse and of the number go when this record wrote them. */
enum p2p_err p2p_number_undo(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                             const struct p2p_record *record)
{
    uint8_t bytes[KEY_BYTES_MAX];
    uint64_t values[3] = {0};
    uint64_t highest = 0;
    struct p2p_writer key = key_of(bytes, ROW_REUSED, id->feed, record->issuer);
    enum p2p_err err = get(ledger->kv, p2p_writer_slice(&key), values, 3);
    if (err == P2P_OK && values[2] == id->index) {
        err = p2p_kv_del(ledger->kv, P2P_TABLE_ISSUER, p2p_writer_slice(&key));
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    key = key_of(bytes, ROW_NUMBER, id->feed, record->issuer);
    p2p_writer_u64(&key, record->issuer_seq);
    err = get_index(ledger->kv, p2p_writer_slice(&key), &values[0]);
    if (err != P2P_OK || values[0] != id->index) {
        return err == P2P_NOTFOUND ? P2P_OK : err; /* not signed by him, or the second */
    }
    err = p2p_kv_del(ledger->kv, P2P_TABLE_ISSUER, p2p_writer_slice(&key));
    if (err == P2P_OK) {
        err = p2p_issuer_seq(ledger, id->feed, record->issuer, &highest);
    }
    if (err != P2P_OK || highest != record->issuer_seq) {
        return err;
    }
    err = find_highest(ledger, id->feed, record->issuer, &highest);
    key = key_of(bytes, ROW_HIGHEST, id->feed, record->issuer);
    if (err == P2P_OK) {
        err = highest == 0 ? p2p_kv_del(ledger->kv, P2P_TABLE_ISSUER, p2p_writer_slice(&key))
                           : put(ledger, p2p_writer_slice(&key), &highest, 1);
    }
    return err;
}

/* Deletes the rows whose keys begin so. */
static enum p2p_err delete_rows(const struct p2p_kv *kv, struct p2p_slice prefix)
{
    for (;;) {
        uint8_t copy[KEY_BYTES_MAX];
        struct p2p_slice found;
        struct p2p_slice value;
        enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_ISSUER, prefix, &found, &value);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        if (found.len < prefix.len || memcmp(found.data, prefix.data, prefix.len) != 0) {
            return P2P_OK;
        }
        if (found.len > sizeof(copy)) {
            return P2P_CORRUPT;
        }
        memcpy(copy, found.data, found.len);
        err = p2p_kv_del(kv, P2P_TABLE_ISSUER, p2p_slice_of(copy, found.len));
        if (err != P2P_OK) {
            return err;
        }
    }
}

enum p2p_err p2p_number_forget(struct p2p_ledger *ledger, uint32_t issuer)
{
    static const uint8_t rows[] = {ROW_HIGHEST, ROW_NUMBER, ROW_REUSED};
    enum p2p_err err = P2P_OK;
    for (size_t feed = 0; feed < ledger->feed_count; feed++) {
        for (size_t i = 0; i < sizeof(rows) && err == P2P_OK; i++) {
            uint8_t bytes[KEY_BYTES_MAX];
            struct p2p_writer key = key_of(bytes, rows[i], (uint32_t)feed, issuer);
            err = delete_rows(ledger->kv, p2p_writer_slice(&key));
        }
    }
    return err;
}

enum p2p_err p2p_reused_next(const struct p2p_kv *kv, struct p2p_reused *at)
{
    uint8_t bytes[KEY_BYTES_MAX];
    uint64_t values[3];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_reader in;
    struct p2p_reused next;
    struct p2p_writer key = key_of(bytes, ROW_REUSED, at->feed, at->issuer + 1);
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_ISSUER, p2p_writer_slice(&key), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    p2p_reader_init(&in, found);
    if (p2p_reader_u8(&in) != ROW_REUSED) {
        return P2P_NOTFOUND;
    }
    next.feed = p2p_reader_u32(&in);
    next.issuer = p2p_reader_u32(&in);
    err = p2p_reader_done(&in) ? read(value, values, 3) : P2P_CORRUPT;
    if (err == P2P_OK) {
        next.number = values[0];
        next.index[0] = values[1];
        next.index[1] = values[2];
        *at = next;
    }
    return err;
}
