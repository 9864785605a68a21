#include <p2p/proof.h>

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <string.h>

#define HEADER "c2sp.org/tlog-proof@v1"
#define EXTRA  "extra "
#define INDEX  "index "

/* Takes a word from the front of a line; false when it does not begin so. */
static bool word(struct p2p_slice *line, const char *text)
{
    size_t len = strlen(text);
    if (line->len < len || memcmp(line->data, text, len) != 0) {
        return false;
    }
    *line = p2p_slice_of(line->data + len, line->len - len);
    return true;
}

static enum p2p_err read_extra(struct p2p_tlog_proof *proof, struct p2p_slice base64)
{
    size_t len = 0;
    if (p2p_base64_measure(&len, base64) != P2P_OK || len == 0) {
        return P2P_MALFORMED;
    }
    proof->extra_base64 = base64;
    return len <= P2P_TLOG_PROOF_EXTRA_BYTES_MAX ? P2P_OK : P2P_TOOLARGE;
}

/* The hashes and the empty line behind them. */
static enum p2p_err read_path(struct p2p_proof *path, struct p2p_slice *rest)
{
    struct p2p_slice line;
    while (p2p_text_cut(rest, '\n', &line)) {
        struct p2p_hash hash;
        size_t len = 0;
        if (line.len == 0) {
            return P2P_OK;
        }
        if (p2p_base64_decode(hash.bytes, sizeof hash.bytes, &len, line) != P2P_OK ||
            len != sizeof hash.bytes) {
            return P2P_MALFORMED;
        }
        if (path->count == P2P_PROOF_HASHES_MAX) {
            return P2P_TOOLARGE;
        }
        path->hashes[path->count++] = hash;
    }
    return P2P_MALFORMED;
}

enum p2p_err p2p_tlog_proof_parse(struct p2p_tlog_proof *proof, struct p2p_slice bytes)
{
    struct p2p_tlog_proof parsed = {.index = 0};
    struct p2p_slice rest = bytes, line;
    enum p2p_err err = P2P_OK;
    if (bytes.len > P2P_TLOG_PROOF_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (!p2p_text_cut(&rest, '\n', &line) || !p2p_slice_equal(line, p2p_slice_text(HEADER)) ||
        !p2p_text_cut(&rest, '\n', &line)) {
        return P2P_MALFORMED;
    }
    if (word(&line, EXTRA)) {
        err = read_extra(&parsed, line);
        if (err != P2P_OK) {
            return err;
        }
        if (!p2p_text_cut(&rest, '\n', &line)) {
            return P2P_MALFORMED;
        }
    }
    if (!word(&line, INDEX) || p2p_decimal_decode(&parsed.index, line) != P2P_OK) {
        return P2P_MALFORMED;
    }
    err = read_path(&parsed.path, &rest);
    if (err != P2P_OK) {
        return err;
    }
    if (rest.len == 0) {
        return P2P_MALFORMED;
    }
    if (rest.len > P2P_NOTE_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    parsed.note = rest;
    *proof = parsed;
    return P2P_OK;
}

/* The base64 of bytes of any length, a piece of whole triples at a time. */
static void write_base64(struct p2p_writer *writer, struct p2p_slice bytes)
{
    enum { PIECE = 3 * 256 };
    char text[P2P_BASE64_BYTES(PIECE)];
    for (size_t at = 0; at < bytes.len; at += PIECE) {
        size_t len = bytes.len - at < PIECE ? bytes.len - at : PIECE;
        p2p_base64_encode(text, bytes.data + at, len);
        p2p_writer_text(writer, text);
    }
}

size_t p2p_tlog_proof_format(struct p2p_slice extra, uint64_t index,
                             const struct p2p_proof *path, struct p2p_slice note, char *out,
                             size_t cap)
{
    char digits[P2P_DECIMAL_BYTES];
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, cap);
    p2p_writer_text(&writer, HEADER "\n");
    if (extra.len > 0) {
        p2p_writer_text(&writer, EXTRA);
        write_base64(&writer, extra);
        p2p_writer_text(&writer, "\n");
    }
    p2p_decimal_encode(digits, index);
    p2p_writer_text(&writer, INDEX);
    p2p_writer_text(&writer, digits);
    p2p_writer_text(&writer, "\n");
    for (size_t i = 0; i < path->count; i++) {
        write_base64(&writer, p2p_slice_of(path->hashes[i].bytes, P2P_HASH_BYTES));
        p2p_writer_text(&writer, "\n");
    }
    p2p_writer_text(&writer, "\n");
    p2p_writer_bytes(&writer, note.data, note.len);
    return writer.failed ? 0 : writer.len;
}
