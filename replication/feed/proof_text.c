#include "proof_text.h"

#include <p2p/assert.h>
#include <p2p/text.h>

#include <string.h>

size_t p2p_proof_line(char *out, size_t at, size_t cap, struct p2p_slice bytes)
{
    p2p_assert(at + P2P_BASE64_BYTES(bytes.len) + 1 < cap);
    p2p_base64_encode(out + at, bytes.data, bytes.len);
    at += strlen(out + at);
    out[at++] = '\n';
    return at;
}

size_t p2p_proof_note(char *out, size_t at, size_t cap, struct p2p_slice origin,
                      const struct p2p_tree_head *head, const struct p2p_feed_public *key)
{
    const struct p2p_checkpoint checkpoint = {
        .origin = origin, .size = head->size, .root = head->root};
    size_t len =
        p2p_checkpoint_note(&checkpoint, key->bytes, &head->signature, out + at, cap - at);
    p2p_assert(len > 0);
    return at + len;
}

bool p2p_proof_next_line(struct p2p_slice *text, struct p2p_slice *line)
{
    const uint8_t *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
    if (end == NULL) {
        return false;
    }
    *line = p2p_slice_of(text->data, (size_t)(end - text->data));
    *text = p2p_slice_of(end + 1, text->len - line->len - 1);
    return true;
}

bool p2p_proof_next_value(struct p2p_slice *text, const char *word, struct p2p_slice *value)
{
    struct p2p_slice line;
    size_t len = strlen(word);
    if (!p2p_proof_next_line(text, &line) || line.len <= len || line.data[len] != ' ' ||
        memcmp(line.data, word, len) != 0) {
        return false;
    }
    *value = p2p_slice_of(line.data + len + 1, line.len - len - 1);
    return true;
}

enum p2p_err p2p_proof_next_hashes(struct p2p_slice *text, struct p2p_proof *out)
{
    struct p2p_slice line;
    out->count = 0;
    while (p2p_proof_next_line(text, &line)) {
        size_t len = 0;
        if (line.len == 0) {
            return P2P_OK;
        }
        if (out->count == P2P_PROOF_HASHES_MAX) {
            return P2P_TOOLARGE;
        }
        enum p2p_err err =
            p2p_base64_decode(out->hashes[out->count++].bytes, P2P_HASH_BYTES, &len, line);
        if (err != P2P_OK || len != P2P_HASH_BYTES) {
            return P2P_MALFORMED;
        }
    }
    return P2P_MALFORMED;
}

enum p2p_err p2p_proof_head(struct p2p_slice text, struct p2p_slice *origin,
                            struct p2p_tree_head *head)
{
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    enum p2p_err err = p2p_note_parse(&note, text);
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&checkpoint, note.text, false);
    }
    for (size_t i = 0; err == P2P_OK && i < note.signature_count; i++) {
        uint8_t blob[P2P_KEY_ID_BYTES + P2P_SIGNATURE_BYTES];
        size_t len = 0;
        if (p2p_slice_equal(note.signatures[i].name, checkpoint.origin) &&
            p2p_base64_decode(blob, sizeof(blob), &len, note.signatures[i].base64) == P2P_OK &&
            len == sizeof(blob)) {
            *origin = checkpoint.origin;
            head->size = checkpoint.size;
            head->root = checkpoint.root;
            memcpy(head->signature.bytes, blob + P2P_KEY_ID_BYTES, P2P_SIGNATURE_BYTES);
            return P2P_OK;
        }
    }
    return err == P2P_OK ? P2P_MALFORMED : err;
}
