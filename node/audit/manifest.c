#include "manifest.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <string.h>

static const char *const state_words[] = {
    [P2P_PAYLOAD_WITHHELD] = "withheld",
    [P2P_PAYLOAD_ERASED] = "erased",
    [P2P_PAYLOAD_MISSING] = "missing",
    [P2P_PAYLOAD_UNANNOUNCED] = NULL,
};

const char *p2p_payload_state_word(enum p2p_payload_state state)
{
    return state_words[state];
}

/* ---- words and lines ---- */

/* Cuts a line without its LF off the text; false when there is no whole one. */
static bool take_line(struct p2p_slice *text, struct p2p_slice *line)
{
    const uint8_t *end = text->len > 0 ? memchr(text->data, '\n', text->len) : NULL;
    if (end == NULL) {
        return false;
    }
    *line = p2p_slice_of(text->data, (size_t)(end - text->data));
    *text = p2p_slice_of(end + 1, text->len - line->len - 1);
    return true;
}

/* Cuts what stands before the next space, or all of it, off the line. */
static struct p2p_slice take_word(struct p2p_slice *line)
{
    const uint8_t *end = line->len > 0 ? memchr(line->data, ' ', line->len) : NULL;
    struct p2p_slice word = *line;
    if (end == NULL) {
        *line = (struct p2p_slice){0};
        return word;
    }
    word.len = (size_t)(end - line->data);
    *line = p2p_slice_of(end + 1, line->len - word.len - 1);
    return word;
}

/* Below DIR, whatever it names: visible ASCII, and no way up or around. */
static bool path_safe(struct p2p_slice path)
{
    size_t begin = 0;
    if (path.len == 0) {
        return false;
    }
    for (size_t i = 0; i <= path.len; i++) {
        if (i < path.len && path.data[i] != '/') {
            if (path.data[i] <= ' ' || path.data[i] > '~') {
                return false;
            }
            continue;
        }
        size_t len = i - begin;
        const uint8_t *segment = path.data + begin;
        if (len == 0 || (len == 1 && segment[0] == '.') ||
            (len == 2 && segment[0] == '.' && segment[1] == '.')) {
            return false;
        }
        begin = i + 1;
    }
    return path.len < P2P_ARCHIVE_PATH_BYTES_MAX;
}

enum p2p_err p2p_manifest_file_line(struct p2p_slice line, struct p2p_archive_file *file)
{
    struct p2p_archive_file found;
    struct p2p_slice rest = line;
    enum p2p_err err = p2p_hex_decode(found.hash.bytes, P2P_HASH_BYTES, take_word(&rest));
    if (err == P2P_OK) {
        err = p2p_decimal_decode(&found.size, take_word(&rest));
    }
    if (err != P2P_OK || !path_safe(rest)) {
        return P2P_MALFORMED;
    }
    found.path = (const char *)rest.data;
    *file = found;
    return P2P_OK;
}

static bool state_of(struct p2p_slice word, enum p2p_payload_state *state)
{
    for (int i = P2P_PAYLOAD_WITHHELD; i <= P2P_PAYLOAD_MISSING; i++) {
        if (p2p_slice_equal(word, p2p_slice_text(state_words[i]))) {
            *state = (enum p2p_payload_state)i;
            return true;
        }
    }
    return false;
}

/* The feed's name is ended by the zero that takes the place of the space behind it. */
static enum p2p_err range_line(struct p2p_slice line, struct p2p_payload_range *range)
{
    struct p2p_payload_range found;
    struct p2p_archive_place place;
    char path[P2P_ARCHIVE_FEED_BYTES_MAX + sizeof("/checkpoint")];
    struct p2p_slice rest = line;
    uint64_t circle;
    bool known = state_of(take_word(&rest), &found.state);
    struct p2p_slice feed = take_word(&rest);
    if (!known || feed.len >= P2P_ARCHIVE_FEED_BYTES_MAX) {
        return P2P_MALFORMED;
    }
    int len =
        snprintf(path, sizeof(path), "%.*s/checkpoint", (int)feed.len, (const char *)feed.data);
    enum p2p_err err =
        p2p_archive_path_parse(p2p_slice_of(path, (size_t)len), &place); /* a feed's name? */
    if (err == P2P_OK && place.type != P2P_PLACE_CHECKPOINT) {
        err = P2P_MALFORMED;
    }
    if (err == P2P_OK) {
        err = p2p_decimal_decode(&circle, take_word(&rest));
    }
    if (err == P2P_OK) {
        err = p2p_decimal_decode(&found.first, take_word(&rest));
    }
    if (err == P2P_OK) {
        err = p2p_decimal_decode(&found.last, rest);
    }
    if (err != P2P_OK || found.last < found.first || circle > UINT32_MAX) {
        return P2P_MALFORMED;
    }
    found.circle = (uint32_t)circle;
    found.feed = (const char *)feed.data;
    ((char *)(uintptr_t)feed.data)[feed.len] = '\0';
    *range = found;
    return P2P_OK;
}

/* ---- order ---- */

int p2p_manifest_compare_files(const void *left, const void *right)
{
    const struct p2p_archive_file *a = left;
    const struct p2p_archive_file *b = right;
    return strcmp(a->path, b->path);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int p2p_manifest_compare_ranges(const void *left, const void *right)
{
    const struct p2p_payload_range *a = left;
    const struct p2p_payload_range *b = right;
    int by = strcmp(a->feed, b->feed);
    by = by != 0 ? by : compare_numbers(a->circle, b->circle);
    return by != 0 ? by : compare_numbers(a->first, b->first);
}

/* In order, and of one feed and circle without a record in common. */
static bool follows(const struct p2p_payload_range *before,
                    const struct p2p_payload_range *range)
{
    bool same = strcmp(before->feed, range->feed) == 0 && before->circle == range->circle;
    return p2p_manifest_compare_ranges(before, range) < 0 &&
           (!same || before->last < range->first);
}

/* ---- parsing ---- */

struct parser {
    struct p2p_slice rest;
    size_t line; /* the number of the last one taken */
};

static bool next_line(struct parser *parser, struct p2p_slice *line)
{
    parser->line++;
    return take_line(&parser->rest, line);
}

static bool next_value(struct parser *parser, const char *word, struct p2p_slice *value)
{
    return next_line(parser, value) && p2p_slice_equal(take_word(value), p2p_slice_text(word));
}

static enum p2p_err parse_head(struct parser *parser, struct p2p_manifest *out)
{
    struct p2p_slice value;
    if (!next_line(parser, &value) ||
        !p2p_slice_equal(value,
                         p2p_slice_of(P2P_MANIFEST_MAGIC, sizeof(P2P_MANIFEST_MAGIC) - 2)) ||
        !next_value(parser, "federation", &value) ||
        p2p_hex_decode(out->federation_id.bytes, P2P_HASH_BYTES, value) != P2P_OK ||
        !next_value(parser, "exporter", &value) || !p2p_name_valid(value)) {
        return P2P_MALFORMED;
    }
    memcpy(out->exporter, value.data, value.len);
    out->exporter[value.len] = '\0';
    return next_line(parser, &value) && value.len == 0 ? P2P_OK : P2P_MALFORMED;
}

/* Lines before the next empty one. */
static size_t count_lines(struct p2p_slice rest)
{
    struct p2p_slice line;
    size_t count = 0;
    while (take_line(&rest, &line) && line.len > 0) {
        count++;
    }
    return count;
}

static enum p2p_err parse_files(struct parser *parser, struct p2p_manifest *out)
{
    size_t count = count_lines(parser->rest);
    struct p2p_slice line;
    out->files = p2p_alloc_zeroed(out->alloc, count + 1, sizeof(*out->files));
    if (out->files == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (!next_line(parser, &line) ||
            p2p_manifest_file_line(line, &out->files[i]) != P2P_OK) {
            return P2P_MALFORMED;
        }
        ((char *)(uintptr_t)line.data)[line.len] = '\0';
        if (i > 0 && strcmp(out->files[i - 1].path, out->files[i].path) >= 0) {
            return P2P_MALFORMED;
        }
        out->file_count = i + 1;
    }
    return next_line(parser, &line) && line.len == 0 ? P2P_OK : P2P_MALFORMED;
}

static enum p2p_err parse_ranges(struct parser *parser, struct p2p_manifest *out)
{
    size_t count = count_lines(parser->rest);
    struct p2p_slice line;
    if (count > P2P_MANIFEST_RANGES_MAX) {
        return P2P_TOOLARGE;
    }
    out->ranges = p2p_alloc_zeroed(out->alloc, count + 1, sizeof(*out->ranges));
    if (out->ranges == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (!next_line(parser, &line) || range_line(line, &out->ranges[i]) != P2P_OK ||
            (i > 0 && !follows(&out->ranges[i - 1], &out->ranges[i]))) {
            return P2P_MALFORMED;
        }
        out->range_count = i + 1;
    }
    return parser->rest.len == 0 ? P2P_OK : P2P_MALFORMED;
}

enum p2p_err p2p_manifest_parse(struct p2p_manifest *out, const struct p2p_alloc *alloc,
                                char *text, size_t len, size_t *line)
{
    struct p2p_manifest manifest = {.alloc = alloc};
    struct parser parser = {.rest = p2p_slice_of(text, len)};
    enum p2p_err err = memchr(text, '\0', len) != NULL ? P2P_MALFORMED : P2P_OK;
    if (err == P2P_OK) {
        err = parse_head(&parser, &manifest);
    }
    if (err == P2P_OK) {
        err = parse_files(&parser, &manifest);
    }
    if (err == P2P_OK) {
        err = parse_ranges(&parser, &manifest);
    }
    *line = parser.line;
    if (err != P2P_OK) {
        p2p_manifest_deinit(&manifest);
        return err;
    }
    *out = manifest;
    return P2P_OK;
}

void p2p_manifest_deinit(struct p2p_manifest *manifest)
{
    if (manifest->alloc != NULL) {
        p2p_alloc_free(manifest->alloc, manifest->files);
        p2p_alloc_free(manifest->alloc, manifest->ranges);
    }
    *manifest = (struct p2p_manifest){0};
}

/* ---- writing ---- */

bool p2p_manifest_put_head(FILE *out, const struct p2p_hash *federation_id,
                           const char *exporter)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(hex, federation_id->bytes, P2P_HASH_BYTES);
    return fprintf(out, P2P_MANIFEST_MAGIC "federation %s\nexporter %s\n\n", hex, exporter) > 0;
}

bool p2p_manifest_put_file(FILE *out, const struct p2p_archive_file *file)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(hex, file->hash.bytes, P2P_HASH_BYTES);
    return fprintf(out, "%s %llu %s\n", hex, (unsigned long long)file->size, file->path) > 0;
}

bool p2p_manifest_put_range(FILE *out, const struct p2p_payload_range *range)
{
    return fprintf(out, "%s %s %lu %llu %llu\n", p2p_payload_state_word(range->state),
                   range->feed, (unsigned long)range->circle, (unsigned long long)range->first,
                   (unsigned long long)range->last) > 0;
}
