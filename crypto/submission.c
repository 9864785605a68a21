#include <p2p/submission.h>

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <string.h>

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

static enum p2p_err take_old(struct p2p_slice *text, uint64_t *old_size)
{
    static const char word[] = "old ";
    const size_t len = sizeof(word) - 1;
    struct p2p_slice line;
    if (!take_line(text, &line) || line.len < len || memcmp(line.data, word, len) != 0) {
        return P2P_MALFORMED;
    }
    return p2p_decimal_decode(old_size, p2p_slice_of(line.data + len, line.len - len));
}

static enum p2p_err take_hashes(struct p2p_slice *text, struct p2p_submission *out)
{
    for (;;) {
        struct p2p_slice line;
        size_t len = 0;
        if (!take_line(text, &line)) {
            return P2P_MALFORMED;
        }
        if (line.len == 0) {
            return P2P_OK;
        }
        if (out->hash_count == P2P_SUBMISSION_HASHES_MAX) {
            return P2P_TOOLARGE;
        }
        uint8_t *hash = out->hashes[out->hash_count++].bytes;
        if (p2p_base64_decode(hash, P2P_HASH_BYTES, &len, line) != P2P_OK ||
            len != P2P_HASH_BYTES) {
            return P2P_MALFORMED;
        }
    }
}

enum p2p_err p2p_submission_parse(struct p2p_submission *out, struct p2p_slice bytes)
{
    struct p2p_slice rest = bytes;
    out->hash_count = 0;
    if (bytes.len > P2P_SUBMISSION_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    enum p2p_err err = take_old(&rest, &out->old_size);
    if (err == P2P_OK) {
        err = take_hashes(&rest, out);
    }
    if (err == P2P_OK) {
        err = p2p_note_parse(&out->note, rest);
    }
    return err == P2P_OK ? p2p_checkpoint_parse(&out->checkpoint, out->note.text, true) : err;
}

enum p2p_err p2p_submission_check(const struct p2p_submission *submission, uint64_t known_size,
                                  const struct p2p_hash *known_root)
{
    const struct p2p_checkpoint *checkpoint = &submission->checkpoint;
    if (submission->old_size > checkpoint->size) {
        return P2P_USAGE;
    }
    if (submission->old_size != known_size) {
        return P2P_GAP;
    }
    const struct p2p_hash empty = p2p_sha256((struct p2p_slice){0});
    return p2p_consistency_verify(known_size, known_size == 0 ? &empty : known_root,
                                  checkpoint->size, &checkpoint->root, submission->hashes,
                                  submission->hash_count);
}
