#include "csv.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <string.h>

static const uint8_t BYTE_ORDER_MARK[3] = {0xef, 0xbb, 0xbf};

void p2p_csv_init(struct p2p_csv *csv, const struct p2p_alloc *alloc)
{
    *csv = (struct p2p_csv){.alloc = alloc, .line = 1, .next_line = 1, .fresh = true};
}

void p2p_csv_deinit(struct p2p_csv *csv)
{
    if (csv->alloc != NULL) {
        p2p_alloc_free(csv->alloc, csv->bytes);
    }
    *csv = (struct p2p_csv){0};
}

static void blame(struct p2p_csv *csv, const char *problem)
{
    if (csv->problem == NULL) {
        csv->problem = problem;
    }
}

static size_t field_start(const struct p2p_csv *csv, size_t i)
{
    return i == 0 ? 0 : csv->ends[i - 1];
}

struct p2p_slice p2p_csv_field(const struct p2p_csv *csv, size_t i)
{
    p2p_assert(i < csv->count);
    size_t start = field_start(csv, i);
    return p2p_slice_of(csv->bytes != NULL ? csv->bytes + start : NULL, csv->ends[i] - start);
}

/* Keeps a byte of the present field, unless the row is lost already. */
static void keep(struct p2p_csv *csv, uint8_t byte)
{
    if (byte == '\0') {
        blame(csv, "a zero byte stands in it");
    }
    if (csv->problem != NULL || csv->failed) {
        return;
    }
    if (csv->len - field_start(csv, csv->count) == P2P_CSV_FIELD_BYTES_MAX) {
        blame(csv, "a field is longer than 65,536 bytes");
        return;
    }
    if (csv->len == csv->capacity) {
        size_t capacity = csv->capacity == 0 ? 1024 : csv->capacity * 2;
        uint8_t *bytes = p2p_alloc_resize(csv->alloc, csv->bytes, capacity, 1);
        if (bytes == NULL) {
            csv->failed = true;
            return;
        }
        csv->bytes = bytes;
        csv->capacity = capacity;
    }
    csv->bytes[csv->len++] = byte;
}

static void end_field(struct p2p_csv *csv)
{
    if (csv->count == P2P_CSV_COLUMNS_MAX) {
        blame(csv, "it has more than 256 columns");
        return;
    }
    csv->ends[csv->count++] = csv->len;
}

static void begin_row(struct p2p_csv *csv)
{
    csv->state = P2P_CSV_AT_FIELD;
    csv->line = csv->next_line;
    csv->problem = NULL;
    csv->count = 0;
    csv->len = 0;
    csv->fresh = false;
    csv->any = false;
    csv->failed = false;
}

static enum p2p_csv_event end_row(struct p2p_csv *csv)
{
    end_field(csv);
    csv->fresh = true;
    if (csv->problem != NULL) {
        return P2P_CSV_BAD;
    }
    if (csv->failed) {
        return P2P_CSV_NOMEM;
    }
    return csv->any ? P2P_CSV_ROW : P2P_CSV_EMPTY;
}

/* A byte of a field without quotes, or the one that ends it. True: the row is over. */
static bool plain(struct p2p_csv *csv, uint8_t byte)
{
    switch (byte) {
    case ',':
        csv->any = true;
        end_field(csv);
        csv->state = P2P_CSV_AT_FIELD;
        return false;
    case '\r':
        csv->state = P2P_CSV_RETURN;
        return false;
    case '\n':
        return true;
    case '"':
        blame(csv, "a quote stands inside a field that does not begin with one");
        csv->state = P2P_CSV_PLAIN;
        return false;
    default:
        csv->any = true;
        keep(csv, byte);
        csv->state = P2P_CSV_PLAIN;
        return false;
    }
}

/* One byte; true when it ends the row. */
static bool step(struct p2p_csv *csv, uint8_t byte)
{
    if (csv->fresh) {
        begin_row(csv);
    }
    csv->next_line += byte == '\n';
    switch (csv->state) {
    case P2P_CSV_AT_FIELD:
        if (byte == '"') {
            csv->any = true;
            csv->state = P2P_CSV_QUOTED;
            return false;
        }
        return plain(csv, byte);
    case P2P_CSV_PLAIN:
        return plain(csv, byte);
    case P2P_CSV_QUOTED:
        if (byte == '"') {
            csv->state = P2P_CSV_CLOSED;
        } else {
            keep(csv, byte);
        }
        return false;
    case P2P_CSV_CLOSED:
        if (byte == '"') {
            keep(csv, byte);
            csv->state = P2P_CSV_QUOTED;
            return false;
        }
        if (byte != ',' && byte != '\r' && byte != '\n') {
            blame(csv, "something follows the closing quote of a field");
        }
        return plain(csv, byte);
    case P2P_CSV_RETURN:
        if (byte == '\n') {
            return true;
        }
        blame(csv, "a carriage return stands without its line feed");
        return plain(csv, byte);
    }
    return false;
}

enum p2p_csv_event p2p_csv_feed(struct p2p_csv *csv, struct p2p_slice *bytes)
{
    while (bytes->len > 0) {
        uint8_t byte = bytes->data[0];
        if (!csv->begun && csv->mark_bytes < sizeof BYTE_ORDER_MARK &&
            byte == BYTE_ORDER_MARK[csv->mark_bytes]) {
            csv->mark_bytes++;
            csv->begun = csv->mark_bytes == sizeof BYTE_ORDER_MARK;
            bytes->data++;
            bytes->len--;
            continue;
        }
        if (!csv->begun) {
            /* It only looked like a mark: these bytes belong to the first field. */
            csv->begun = true;
            for (size_t i = 0; i < csv->mark_bytes; i++) {
                (void)step(csv, BYTE_ORDER_MARK[i]);
            }
        }
        bytes->data++;
        bytes->len--;
        if (step(csv, byte)) {
            return end_row(csv);
        }
    }
    return P2P_CSV_MORE;
}

enum p2p_csv_event p2p_csv_end(struct p2p_csv *csv)
{
    if (!csv->begun) {
        csv->begun = true;
        for (size_t i = 0; i < csv->mark_bytes; i++) {
            (void)step(csv, BYTE_ORDER_MARK[i]);
        }
    }
    if (csv->fresh) {
        return P2P_CSV_MORE;
    }
    if (csv->state == P2P_CSV_QUOTED) {
        blame(csv, "a quote that opens a field is never closed");
    } else if (csv->state == P2P_CSV_RETURN) {
        blame(csv, "a carriage return stands without its line feed");
    }
    return end_row(csv);
}
