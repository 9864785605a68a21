/* Payloads of private records: those held, in bundles, and for the rest why they are not here.
 *
 * They are all looked at in each export, since one that was missing may have come, and one that
 * was there may have been erased. */
#include "export_parts.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define KEY_BYTES P2P_ID_KEY_BYTES

/* A range that is still growing, of one circle. */
struct open_range {
    uint32_t circle;
    bool open;
    enum p2p_payload_state state;
    uint64_t first, last;
};

struct payloads {
    struct p2p_export *export;
    const struct p2p_export_feed *feed;
    uint8_t *bundle;
    size_t bundle_len, bundle_cap;
    struct open_range *ranges; /* by circle */
    size_t range_count, range_cap;
    /* the stored payload at or after the record looked at */
    bool at_end;
    uint64_t next_index;
    struct p2p_slice next;
};

/* ---- what is stored ---- */

static enum p2p_err take_found(struct payloads *payloads, enum p2p_err err,
                               struct p2p_slice key, struct p2p_slice value)
{
    struct p2p_record_id id = {.feed = 0};
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    if (err == P2P_OK && !p2p_id_from_key(key, &id)) {
        return P2P_CORRUPT;
    }
    payloads->at_end = err == P2P_NOTFOUND || id.feed != payloads->feed->feed->number;
    payloads->next_index = id.index;
    payloads->next = value;
    return P2P_OK;
}

static enum p2p_err seek_first(struct payloads *payloads)
{
    uint8_t key[KEY_BYTES];
    const struct p2p_record_id first = {.feed = payloads->feed->feed->number};
    struct p2p_slice found = {0};
    struct p2p_slice value = {0};
    enum p2p_err err = p2p_kv_seek(payloads->export->options->kv, P2P_TABLE_PAYLOAD,
                                   p2p_id_key(key, &first), &found, &value);
    return take_found(payloads, err, found, value);
}

/* Goes on until the stored payload is that of the record, or of a later one. */
static enum p2p_err seek_on(struct payloads *payloads, uint64_t index)
{
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && !payloads->at_end && payloads->next_index < index) {
        struct p2p_slice found = {0};
        struct p2p_slice value = {0};
        err = p2p_kv_next(payloads->export->options->kv, P2P_TABLE_PAYLOAD, &found, &value);
        err = take_found(payloads, err, found, value);
    }
    return err;
}

/* ---- ranges of what is not here ---- */

static struct open_range *range_of(struct payloads *payloads, uint32_t circle)
{
    size_t low = 0;
    size_t high = payloads->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (payloads->ranges[middle].circle < circle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < payloads->range_count && payloads->ranges[low].circle == circle) {
        return &payloads->ranges[low];
    }
    if (payloads->range_count == payloads->range_cap) {
        size_t cap = payloads->range_cap == 0 ? 16 : 2 * payloads->range_cap;
        struct open_range *grown =
            cap > P2P_MANIFEST_RANGES_MAX
                ? NULL
                : realloc(payloads->ranges, cap * sizeof(*payloads->ranges));
        if (grown == NULL) {
            return NULL;
        }
        payloads->ranges = grown;
        payloads->range_cap = cap;
    }
    memmove(&payloads->ranges[low + 1], &payloads->ranges[low],
            (payloads->range_count - low) * sizeof(*payloads->ranges));
    payloads->range_count++;
    payloads->ranges[low] = (struct open_range){.circle = circle};
    return &payloads->ranges[low];
}

static enum p2p_err close_range(struct payloads *payloads, struct open_range *range)
{
    const struct p2p_payload_range whole = {.state = range->state,
                                            .feed = payloads->feed->name,
                                            .first = range->first,
                                            .last = range->last,
                                            .circle = range->circle};
    if (!range->open) {
        return P2P_OK;
    }
    range->open = false;
    return p2p_archive_writer_range(payloads->export->writer, &whole);
}

static bool may_hold(const struct payloads *payloads, uint32_t number)
{
    const struct p2p_circle *circle =
        p2p_charter_circle(payloads->export->options->ledger->charter, number);
    return number == 0 || (circle != NULL && p2p_circle_has(circle, payloads->export->member));
}

static enum p2p_err note_absent(struct payloads *payloads, uint64_t index, uint32_t circle)
{
    struct open_range *range = range_of(payloads, circle);
    enum p2p_payload_state state =
        may_hold(payloads, circle) ? P2P_PAYLOAD_MISSING : P2P_PAYLOAD_WITHHELD;
    if (range == NULL) {
        return P2P_NOMEM;
    }
    if (range->open && range->state == state) {
        range->last = index;
        return P2P_OK;
    }
    enum p2p_err err = close_range(payloads, range);
    *range = (struct open_range){
        .circle = circle, .open = true, .state = state, .first = index, .last = index};
    return err;
}

/* ---- bundles ---- */

static enum p2p_err add_payload(struct payloads *payloads, uint64_t index, uint32_t circle)
{
    struct open_range *range = range_of(payloads, circle);
    struct p2p_slice salted = payloads->next;
    struct p2p_writer out;
    size_t need = payloads->bundle_len + 3 + salted.len;
    if (salted.len > UINT16_MAX) {
        return P2P_CORRUPT;
    }
    if (need > payloads->bundle_cap) {
        uint8_t *grown = realloc(payloads->bundle, 2 * need);
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        payloads->bundle = grown;
        payloads->bundle_cap = 2 * need;
    }
    p2p_writer_init(&out, payloads->bundle + payloads->bundle_len, need - payloads->bundle_len);
    p2p_writer_u8(&out, (uint8_t)(index % P2P_TILE_HASHES));
    p2p_writer_u16(&out, (uint16_t)salted.len);
    p2p_writer_bytes(&out, salted.data, salted.len);
    p2p_assert(!out.failed);
    payloads->bundle_len = need;
    payloads->export->result->payloads++;
    return range == NULL ? P2P_NOMEM : close_range(payloads, range);
}

/* The bundle that ends before this index. */
static enum p2p_err put_bundle(struct payloads *payloads, uint64_t end)
{
    struct p2p_archive_place place = p2p_export_place(payloads->feed, P2P_PLACE_PAYLOADS);
    if (payloads->bundle_len == 0) {
        return P2P_OK;
    }
    place.number = (end - 1) / P2P_TILE_HASHES;
    place.width = (uint32_t)((end - 1) % P2P_TILE_HASHES) + 1;
    enum p2p_err err = p2p_archive_writer_put(
        payloads->export->writer, &place, p2p_slice_of(payloads->bundle, payloads->bundle_len));
    payloads->bundle_len = 0;
    return err;
}

static enum p2p_err look_at(struct payloads *payloads, uint64_t index, struct p2p_slice leaf)
{
    struct p2p_record record;
    enum p2p_err err = p2p_record_peek(&record, leaf);
    if (err != P2P_OK || record.body_type != P2P_BODY_COMMITMENT) {
        return P2P_OK; /* what is no record has no payload either */
    }
    err = seek_on(payloads, index);
    if (err != P2P_OK) {
        return err;
    }
    return !payloads->at_end && payloads->next_index == index
               ? add_payload(payloads, index, record.circle)
               : note_absent(payloads, index, record.circle);
}

static enum p2p_err export_all(struct payloads *payloads)
{
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    enum p2p_err err = seek_first(payloads);
    p2p_feed_walk_begin(&walk, payloads->feed->feed, payloads->export->options->kv, 0);
    while (err == P2P_OK && (err = p2p_feed_walk_next(&walk, &leaf)) == P2P_OK) {
        err = look_at(payloads, walk.index - 1, leaf);
        if (err == P2P_OK && walk.index % P2P_TILE_HASHES == 0) {
            err = put_bundle(payloads, walk.index);
        }
        p2p_export_progress(payloads->export, 1);
    }
    err = err == P2P_NOTFOUND ? put_bundle(payloads, walk.index) : err;
    for (size_t i = 0; i < payloads->range_count && err == P2P_OK; i++) {
        err = close_range(payloads, &payloads->ranges[i]);
    }
    return err;
}

enum p2p_err p2p_export_payloads(struct p2p_export *export, const struct p2p_export_feed *feed)
{
    struct payloads payloads = {.export = export, .feed = feed};
    enum p2p_err err = export_all(&payloads);
    if (payloads.bundle != NULL) {
        p2p_wipe(payloads.bundle, payloads.bundle_cap);
    }
    free(payloads.bundle);
    free(payloads.ranges);
    return err == P2P_CORRUPT
               ? p2p_export_fail(export, err,
                                 "a payload of %s cannot be read; see port2port doctor",
                                 feed->name)
               : err;
}
