#include <p2p/circle_key.h>

#include "kinds.h"

#include <p2p/assert.h>
#include <p2p/charter_op.h>
#include <p2p/ledger.h>

#include <string.h>

enum {
    BOX_KEY_BYTES = 1 + 12 + P2P_CIRCLE_BOX_TO_BYTES + P2P_ID_KEY_BYTES,
    BAD_KEY_BYTES = 1 + 12 + 4
};
_Static_assert(sizeof(((struct p2p_circle_rows *)0)->last) == BOX_KEY_BYTES + 1, "row");
_Static_assert(P2P_CIRCLE_BOXES_MAX *P2P_CIRCLE_BOX_PACKED_MAX + 16 <= P2P_BODY_BYTES_MAX,
               "a full record is a record");

size_t p2p_circle_box_bound(uint8_t out[P2P_CIRCLE_BOX_BOUND_BYTES], struct p2p_slice origin,
                            uint32_t circle, uint32_t epoch, uint32_t member)
{
    struct p2p_writer writer;
    size_t prefix = p2p_use_prefix(out, "circle-box", origin);
    p2p_writer_init(&writer, out + prefix, 12);
    p2p_writer_u32(&writer, circle);
    p2p_writer_u32(&writer, epoch);
    p2p_writer_u32(&writer, member);
    return prefix + p2p_writer_slice(&writer).len;
}

/* ---- the content ---- */

static bool read_box(struct p2p_unpack *in, struct p2p_circle_box *out)
{
    if (p2p_unpack_array(in) != 4) {
        return false;
    }
    out->epoch = p2p_unpack_u32(in);
    out->member = p2p_unpack_u32(in);
    p2p_unpack_fixed(in, out->to, sizeof(out->to));
    p2p_unpack_fixed(in, out->box, sizeof(out->box));
    return !p2p_unpack_failed(in);
}

static bool ascends(const struct p2p_circle_box *last, const struct p2p_circle_box *next)
{
    return last->epoch < next->epoch ||
           (last->epoch == next->epoch && last->member < next->member);
}

void p2p_circle_box_begin(struct p2p_circle_box_walk *walk, struct p2p_slice content)
{
    struct p2p_circle_box last = {0};
    struct p2p_circle_box box;
    struct p2p_unpack in;
    *walk = (struct p2p_circle_box_walk){0};
    if (!p2p_unpack_find(content, "boxes", &in)) {
        return;
    }
    uint32_t count = p2p_unpack_array(&in);
    if (p2p_unpack_failed(&in) || count == 0 || count > P2P_CIRCLE_BOXES_MAX) {
        return;
    }
    walk->in = in;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_box(&in, &box) || box.epoch == 0 || box.member == 0 ||
            !ascends(&last, &box)) {
            return;
        }
        last = box;
    }
    walk->left = count;
}

bool p2p_circle_box_next(struct p2p_circle_box_walk *walk, struct p2p_circle_box *out)
{
    if (walk->left == 0) {
        return false;
    }
    walk->left--;
    return read_box(&walk->in, out);
}

void p2p_circle_boxes_pack(struct p2p_pack *pack, const struct p2p_circle_box *boxes,
                           size_t count)
{
    p2p_assert(count >= 1 && count <= P2P_CIRCLE_BOXES_MAX);
    p2p_pack_map(pack, 1);
    p2p_pack_text(pack, "boxes");
    p2p_pack_array(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        p2p_assert(i == 0 || ascends(&boxes[i - 1], &boxes[i]));
        p2p_pack_array(pack, 4);
        p2p_pack_uint(pack, boxes[i].epoch);
        p2p_pack_uint(pack, boxes[i].member);
        p2p_pack_bin(pack, boxes[i].to, sizeof(boxes[i].to));
        p2p_pack_bin(pack, boxes[i].box, sizeof(boxes[i].box));
    }
}

/* ---- rows ---- */

static void put_place(struct p2p_writer *key, enum p2p_index index, uint32_t circle,
                      uint32_t epoch)
{
    p2p_writer_u8(key, (uint8_t)index);
    p2p_writer_u32(key, circle);
    p2p_writer_u32(key, epoch);
}

static void rows_begin(struct p2p_circle_rows *rows, struct p2p_slice prefix)
{
    memcpy(rows->last, prefix.data, prefix.len);
    rows->prefix_len = prefix.len;
    rows->last_len = prefix.len;
}

/* The row behind the last one with that prefix; P2P_NOTFOUND. */
static enum p2p_err rows_next(struct p2p_circle_rows *rows, const struct p2p_kv *kv,
                              size_t key_len, struct p2p_reader *out)
{
    struct p2p_slice found;
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_INDEX,
                                   p2p_slice_of(rows->last, rows->last_len), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len < rows->prefix_len || memcmp(found.data, rows->last, rows->prefix_len) != 0) {
        return P2P_NOTFOUND;
    }
    if (found.len != key_len) {
        return P2P_CORRUPT;
    }
    memcpy(rows->last, found.data, found.len);
    rows->last[found.len] = 0; /* the smallest key behind it */
    rows->last_len = found.len + 1;
    p2p_reader_init(out, p2p_slice_of(rows->last, found.len));
    p2p_reader_bytes(out, 9);
    return P2P_OK;
}

void p2p_circle_boxes_begin(struct p2p_circle_rows *rows, uint32_t circle, uint32_t epoch,
                            uint32_t member, const struct p2p_sealing_public *to)
{
    uint8_t prefix[BOX_KEY_BYTES - P2P_ID_KEY_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, prefix, sizeof(prefix));
    put_place(&out, P2P_INDEX_BOX, circle, epoch);
    p2p_writer_u32(&out, member);
    p2p_writer_bytes(&out, to->bytes, P2P_CIRCLE_BOX_TO_BYTES);
    rows_begin(rows, p2p_writer_slice(&out));
}

enum p2p_err p2p_circle_boxes_next(struct p2p_circle_rows *rows, const struct p2p_kv *kv,
                                   struct p2p_record_id *id)
{
    struct p2p_reader in;
    struct p2p_writer next;
    enum p2p_err err = rows_next(rows, kv, BOX_KEY_BYTES, &in);
    if (err != P2P_OK) {
        return err;
    }
    p2p_reader_bytes(&in, 4 + P2P_CIRCLE_BOX_TO_BYTES);
    id->feed = p2p_reader_u32(&in);
    id->index = p2p_reader_u64(&in);
    if (!p2p_reader_done(&in)) {
        return P2P_CORRUPT;
    }
    /* Feeds are numbered below P2P_FEEDS_MAX: there is a next number. */
    p2p_writer_init(&next, rows->last + rows->prefix_len, 4);
    p2p_writer_u32(&next, id->feed + 1);
    rows->last_len = rows->prefix_len + 4;
    return P2P_OK;
}

void p2p_circle_bad_begin(struct p2p_circle_rows *rows, uint32_t circle, uint32_t epoch)
{
    uint8_t prefix[9];
    struct p2p_writer out;
    p2p_writer_init(&out, prefix, sizeof(prefix));
    put_place(&out, P2P_INDEX_BOX_BAD, circle, epoch);
    rows_begin(rows, p2p_writer_slice(&out));
}

enum p2p_err p2p_circle_bad_next(struct p2p_circle_rows *rows, const struct p2p_kv *kv,
                                 uint32_t *member, uint32_t *feed)
{
    struct p2p_reader in;
    enum p2p_err err = rows_next(rows, kv, BAD_KEY_BYTES, &in);
    if (err != P2P_OK) {
        return err;
    }
    *member = p2p_reader_u32(&in);
    *feed = p2p_reader_u32(&in);
    return p2p_reader_done(&in) ? P2P_OK : P2P_CORRUPT;
}

static struct p2p_slice bad_key(uint8_t out[BAD_KEY_BYTES], uint32_t circle, uint32_t epoch,
                                uint32_t member, uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, BAD_KEY_BYTES);
    put_place(&key, P2P_INDEX_BOX_BAD, circle, epoch);
    p2p_writer_u32(&key, member);
    p2p_writer_u32(&key, feed);
    return p2p_writer_slice(&key);
}

enum p2p_err p2p_circle_box_bad(const struct p2p_kv *kv, uint32_t circle, uint32_t epoch,
                                uint32_t member, uint32_t feed, bool *bad)
{
    uint8_t key[BAD_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err =
        p2p_kv_get(kv, P2P_TABLE_INDEX, bad_key(key, circle, epoch, member, feed), &value);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    *bad = err == P2P_OK;
    return P2P_OK;
}

/* ---- the kinds ---- */

/* What a record is by itself: rows stand for all that a node wrote, whatever else comes and
 * where its feed is closed since. Who reads them looks at what counts. */
static bool is_own_word(const struct p2p_entry *entry)
{
    return entry->record.issuer == 0 && entry->record.body_type == P2P_BODY_PUBLIC;
}

static enum p2p_err key_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_circle_box_walk walk;
    struct p2p_circle_box box;
    enum p2p_err err = P2P_OK;
    if (!is_own_word(entry)) {
        return P2P_OK;
    }
    p2p_circle_box_begin(&walk, entry->record.content);
    while (err == P2P_OK && p2p_circle_box_next(&walk, &box)) {
        uint8_t key[BOX_KEY_BYTES];
        uint8_t id[P2P_ID_KEY_BYTES];
        struct p2p_writer out;
        p2p_writer_init(&out, key, sizeof(key));
        put_place(&out, P2P_INDEX_BOX, entry->record.circle, box.epoch);
        p2p_writer_u32(&out, box.member);
        p2p_writer_bytes(&out, box.to, sizeof(box.to));
        p2p_id_key(id, &entry->id);
        p2p_writer_bytes(&out, id, sizeof(id));
        err = p2p_index_put(ledger, p2p_writer_slice(&out));
    }
    return err;
}

static enum p2p_err bad_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, entry->id.feed);
    struct p2p_unpack in;
    enum p2p_err err = P2P_OK;
    if (!is_own_word(entry) || info == NULL ||
        !p2p_unpack_find(entry->record.content, "epoch", &in)) {
        return P2P_OK;
    }
    uint32_t epoch = p2p_unpack_u32(&in);
    struct p2p_cites walk;
    struct p2p_record_id cited;
    p2p_cites_begin(&walk, &entry->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cited)) {
        uint8_t key[BAD_KEY_BYTES];
        err = p2p_index_put(
            ledger, bad_key(key, entry->record.circle, epoch, info->member, cited.feed));
    }
    return err;
}

static const struct p2p_field key_fields[] = {
    {"boxes", P2P_FIELD_ANY, 0, true, P2P_TLP_CLEAR},
};
const struct p2p_kind p2p_kind_circle_key = {
    .number = P2P_KIND_CIRCLE_KEY,
    .word = "circle-key",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(key_fields),
    .keys = key_keys,
};

static const struct p2p_field bad_fields[] = {
    {"epoch", P2P_FIELD_UINT, P2P_CIRCLE_EPOCHS_MAX, true, P2P_TLP_CLEAR},
};
const struct p2p_kind p2p_kind_circle_key_bad = {
    .number = P2P_KIND_CIRCLE_KEY_BAD,
    .word = "circle-key-bad",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(bad_fields),
    .cites = {P2P_KIND_CIRCLE_KEY},
    .cites_required = true,
    .keys = bad_keys,
};
