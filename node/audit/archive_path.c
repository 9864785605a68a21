/* The paths of an archive, written and read. Reading is strict in one way only: what was read
 * is written again and compared, so that each place has one spelling. */
#include <p2p/archive.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <string.h>

#define GROUPS_MAX 7u /* of three digits, in a number of 64 bits */
#define NUMBER_MAX ((uint64_t)INT64_MAX)

/* ---- writing ---- */

/* 1234067 as x001/x234/067. */
static void put_number(struct p2p_writer *out, uint64_t number)
{
    unsigned groups[GROUPS_MAX];
    size_t count = 0;
    do {
        groups[count++] = (unsigned)(number % 1000);
        number /= 1000;
    } while (number > 0);
    while (count-- > 0) {
        const unsigned group = groups[count];
        const uint8_t digits[] = {(uint8_t)('0' + group / 100),
                                  (uint8_t)('0' + group / 10 % 10),
                                  (uint8_t)('0' + group % 10)};
        p2p_writer_text(out, count > 0 ? "x" : "");
        p2p_writer_bytes(out, digits, sizeof(digits));
        p2p_writer_text(out, count > 0 ? "/" : "");
    }
}

static void put_decimal(struct p2p_writer *out, uint64_t number)
{
    char text[P2P_DECIMAL_BYTES];
    p2p_decimal_encode(text, number);
    p2p_writer_text(out, text);
}

static void put_wide_number(struct p2p_writer *out, uint64_t number, uint32_t width)
{
    put_number(out, number);
    if (width < P2P_TILE_HASHES) {
        p2p_writer_text(out, ".p/");
        put_decimal(out, width);
    }
}

static void put_tile(struct p2p_writer *out, int level, uint64_t number, uint32_t width)
{
    p2p_writer_text(out, "tile/");
    if (level == P2P_TILE_ENTRIES) {
        p2p_writer_text(out, "entries");
    } else {
        put_decimal(out, (uint64_t)level);
    }
    p2p_writer_text(out, "/");
    put_wide_number(out, number, width);
}

static size_t terminate(struct p2p_writer *out)
{
    size_t len = out->len;
    p2p_writer_u8(out, 0);
    p2p_assert(!out->failed);
    return len;
}

size_t p2p_tile_path(char out[P2P_TILE_PATH_BYTES_MAX], int level, uint64_t number,
                     uint32_t width)
{
    struct p2p_writer writer;
    p2p_assert(level >= P2P_TILE_ENTRIES && level < (int)P2P_TILE_LEVELS_MAX);
    p2p_assert(width >= 1 && width <= P2P_TILE_HASHES);
    p2p_writer_init(&writer, out, P2P_TILE_PATH_BYTES_MAX);
    put_tile(&writer, level, number, width);
    return terminate(&writer);
}

size_t p2p_archive_path(char out[P2P_ARCHIVE_PATH_BYTES_MAX],
                        const struct p2p_archive_place *place)
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, P2P_ARCHIVE_PATH_BYTES_MAX);
    if (place->type == P2P_PLACE_PROOF) {
        p2p_writer_text(&writer, "proofs/");
        p2p_writer_bytes(&writer, place->name.data, place->name.len);
        return terminate(&writer);
    }
    p2p_writer_text(&writer, place->type == P2P_PLACE_PAYLOADS ? "payloads/" : "");
    p2p_writer_bytes(&writer, place->feed.data, place->feed.len);
    p2p_writer_text(&writer, "/");
    switch (place->type) {
    case P2P_PLACE_CHECKPOINT:
        p2p_writer_text(&writer, "checkpoint");
        break;
    case P2P_PLACE_NOTE:
    case P2P_PLACE_HEARTBEAT:
        p2p_writer_text(&writer, "checkpoints/");
        put_number(&writer, place->size);
        if (place->type == P2P_PLACE_HEARTBEAT) {
            p2p_writer_text(&writer, place->ends ? ".e/" : ".h/");
            put_decimal(&writer, place->time_s);
        }
        break;
    case P2P_PLACE_TILE:
        put_tile(&writer, place->level, place->number, place->width);
        break;
    case P2P_PLACE_ENTRIES:
        put_tile(&writer, P2P_TILE_ENTRIES, place->number, place->width);
        break;
    case P2P_PLACE_PAYLOADS:
        put_wide_number(&writer, place->number, place->width);
        break;
    case P2P_PLACE_PROOF:
        break;
    }
    return terminate(&writer);
}

/* ---- reading ---- */

static bool take_text(struct p2p_slice *rest, const char *text)
{
    size_t len = strlen(text);
    if (rest->len < len || memcmp(rest->data, text, len) != 0) {
        return false;
    }
    *rest = p2p_slice_of(rest->data + len, rest->len - len);
    return true;
}

/* What stands before the next slash, which is taken too. */
static bool take_segment(struct p2p_slice *rest, struct p2p_slice *segment)
{
    const uint8_t *slash = rest->len > 0 ? memchr(rest->data, '/', rest->len) : NULL;
    if (slash == NULL) {
        return false;
    }
    *segment = p2p_slice_of(rest->data, (size_t)(slash - rest->data));
    *rest = p2p_slice_of(slash + 1, rest->len - segment->len - 1);
    return true;
}

static bool take_digits(struct p2p_slice *rest, unsigned *group)
{
    unsigned value = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i >= rest->len || rest->data[i] < '0' || rest->data[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(rest->data[i] - '0');
    }
    *rest = p2p_slice_of(rest->data + 3, rest->len - 3);
    *group = value;
    return true;
}

static bool take_number(struct p2p_slice *rest, uint64_t *number)
{
    uint64_t value = 0;
    unsigned group;
    for (size_t i = 0; i < GROUPS_MAX; i++) {
        bool more = take_text(rest, "x");
        if (!take_digits(rest, &group) || value > (NUMBER_MAX - group) / 1000) {
            return false;
        }
        value = value * 1000 + group;
        if (!more) {
            *number = value;
            return true;
        }
        if (!take_text(rest, "/")) {
            return false;
        }
    }
    return false;
}

/* <N>[.p/<W>], which is all that is left. */
static bool take_wide_number(struct p2p_slice *rest, uint64_t *number, uint32_t *width)
{
    uint64_t value;
    if (!take_number(rest, number)) {
        return false;
    }
    *width = P2P_TILE_HASHES;
    if (rest->len == 0) {
        return true;
    }
    if (!take_text(rest, ".p/") || p2p_decimal_decode(&value, *rest) != P2P_OK || value == 0 ||
        value >= P2P_TILE_HASHES) {
        return false;
    }
    *width = (uint32_t)value;
    return true;
}

static bool take_tile(struct p2p_slice *rest, int *level, uint64_t *number, uint32_t *width)
{
    struct p2p_slice segment;
    uint64_t value;
    if (!take_text(rest, "tile/") || !take_segment(rest, &segment)) {
        return false;
    }
    if (p2p_slice_equal(segment, p2p_slice_text("entries"))) {
        *level = P2P_TILE_ENTRIES;
    } else if (p2p_decimal_decode(&value, segment) == P2P_OK && value < P2P_TILE_LEVELS_MAX) {
        *level = (int)value;
    } else {
        return false;
    }
    return take_wide_number(rest, number, width);
}

enum p2p_err p2p_tile_path_parse(struct p2p_slice path, int *level, uint64_t *number,
                                 uint32_t *width)
{
    struct p2p_slice rest = path;
    char again[P2P_TILE_PATH_BYTES_MAX];
    int found_level;
    uint64_t found_number;
    uint32_t found_width;
    if (!take_tile(&rest, &found_level, &found_number, &found_width)) {
        return P2P_MALFORMED;
    }
    size_t len = p2p_tile_path(again, found_level, found_number, found_width);
    if (!p2p_slice_equal(path, p2p_slice_of(again, len))) {
        return P2P_MALFORMED;
    }
    *level = found_level;
    *number = found_number;
    *width = found_width;
    return P2P_OK;
}

/* `beanr-1`: a member's name, and a generation without leading zeros. */
static bool feed_dir_valid(struct p2p_slice dir)
{
    uint64_t generation;
    size_t at = dir.len;
    while (at > 0 && dir.data[at - 1] != '-') {
        at--;
    }
    if (at < 2 || dir.len >= P2P_ARCHIVE_FEED_BYTES_MAX) {
        return false;
    }
    const struct p2p_slice name = p2p_slice_of(dir.data, at - 1);
    return (p2p_name_valid(name) || p2p_slice_equal(name, p2p_slice_text("charter"))) &&
           p2p_decimal_decode(&generation, p2p_slice_of(dir.data + at, dir.len - at)) ==
               P2P_OK &&
           generation > 0;
}

static bool proof_name_valid(struct p2p_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') {
            return false;
        }
    }
    return name.len > 0 && name.len < P2P_ARCHIVE_PATH_BYTES_MAX - sizeof("proofs/");
}

static bool take_note(struct p2p_slice *rest, struct p2p_archive_place *place)
{
    if (!take_number(rest, &place->size)) {
        return false;
    }
    place->type = P2P_PLACE_NOTE;
    if (rest->len == 0) {
        return true;
    }
    place->type = P2P_PLACE_HEARTBEAT;
    place->ends = take_text(rest, ".e/");
    return (place->ends || take_text(rest, ".h/")) &&
           p2p_decimal_decode(&place->time_s, *rest) == P2P_OK;
}

static bool take_place(struct p2p_slice rest, struct p2p_archive_place *place)
{
    if (take_text(&rest, "proofs/")) {
        place->type = P2P_PLACE_PROOF;
        place->name = rest;
        return proof_name_valid(rest);
    }
    bool payloads = take_text(&rest, "payloads/");
    if (!take_segment(&rest, &place->feed) || !feed_dir_valid(place->feed)) {
        return false;
    }
    if (payloads) {
        place->type = P2P_PLACE_PAYLOADS;
        return take_wide_number(&rest, &place->number, &place->width);
    }
    if (p2p_slice_equal(rest, p2p_slice_text("checkpoint"))) {
        place->type = P2P_PLACE_CHECKPOINT;
        return true;
    }
    if (take_text(&rest, "checkpoints/")) {
        return take_note(&rest, place);
    }
    bool tile = take_tile(&rest, &place->level, &place->number, &place->width);
    place->type = place->level == P2P_TILE_ENTRIES ? P2P_PLACE_ENTRIES : P2P_PLACE_TILE;
    return tile;
}

enum p2p_err p2p_archive_path_parse(struct p2p_slice path, struct p2p_archive_place *place)
{
    struct p2p_archive_place found = {.type = P2P_PLACE_CHECKPOINT};
    char again[P2P_ARCHIVE_PATH_BYTES_MAX];
    if (path.len >= sizeof(again) || !take_place(path, &found)) {
        return P2P_MALFORMED;
    }
    size_t len = p2p_archive_path(again, &found);
    if (!p2p_slice_equal(path, p2p_slice_of(again, len))) {
        return P2P_MALFORMED;
    }
    *place = found;
    return P2P_OK;
}

size_t p2p_archive_feed_dir(char out[P2P_ARCHIVE_FEED_BYTES_MAX], struct p2p_slice feed)
{
    size_t slashes = 0;
    size_t at = feed.len;
    while (at > 0 && (feed.data[at - 1] != '/' || ++slashes < 2)) {
        at--;
    }
    const struct p2p_slice name = p2p_slice_of(feed.data + at, feed.len - at);
    if (slashes == 0 || name.len >= P2P_ARCHIVE_FEED_BYTES_MAX) {
        return 0;
    }
    for (size_t i = 0; i < name.len; i++) {
        out[i] = name.data[i] == '/' ? '-' : (char)name.data[i];
    }
    out[name.len] = '\0';
    return feed_dir_valid(p2p_slice_of(out, name.len)) ? name.len : 0;
}
