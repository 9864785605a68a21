#include <p2p/fork.h>

#include <p2p/assert.h>

#include <p2p/text.h>

#include "proof_text.h"

#include <string.h>

size_t p2p_fork_encode(const struct p2p_fork_proof *proof, uint8_t out[P2P_FORK_BYTES_MAX])
{
    struct p2p_writer to;
    p2p_writer_init(&to, out, P2P_FORK_BYTES_MAX);
    p2p_writer_u8(&to, (uint8_t)proof->origin.len);
    p2p_writer_bytes(&to, proof->origin.data, proof->origin.len);
    for (unsigned i = 0; i < 2; i++) {
        p2p_writer_u64(&to, proof->heads[i].size);
        p2p_writer_bytes(&to, proof->heads[i].root.bytes, P2P_HASH_BYTES);
        p2p_writer_bytes(&to, proof->heads[i].signature.bytes, P2P_SIGNATURE_BYTES);
    }
    p2p_writer_bytes(&to, proof->other_root.bytes, P2P_HASH_BYTES);
    p2p_writer_u8(&to, (uint8_t)proof->proof.count);
    for (size_t i = 0; i < proof->proof.count; i++) {
        p2p_writer_bytes(&to, proof->proof.hashes[i].bytes, P2P_HASH_BYTES);
    }
    p2p_assert(!to.failed);
    return to.len;
}

enum p2p_err p2p_fork_decode(struct p2p_fork_proof *out, struct p2p_slice bytes)
{
    struct p2p_reader in;
    struct p2p_fork_proof proof;
    p2p_reader_init(&in, bytes);
    proof.origin = p2p_reader_bytes(&in, p2p_reader_u8(&in));
    for (unsigned i = 0; i < 2; i++) {
        proof.heads[i].size = p2p_reader_u64(&in);
        p2p_reader_copy(&in, proof.heads[i].root.bytes, P2P_HASH_BYTES);
        p2p_reader_copy(&in, proof.heads[i].signature.bytes, P2P_SIGNATURE_BYTES);
    }
    p2p_reader_copy(&in, proof.other_root.bytes, P2P_HASH_BYTES);
    proof.proof.count = p2p_reader_u8(&in);
    if (in.failed || proof.proof.count > P2P_PROOF_HASHES_MAX) {
        return P2P_MALFORMED;
    }
    for (size_t i = 0; i < proof.proof.count; i++) {
        p2p_reader_copy(&in, proof.proof.hashes[i].bytes, P2P_HASH_BYTES);
    }
    if (!p2p_reader_done(&in)) {
        return P2P_MALFORMED;
    }
    *out = proof;
    return P2P_OK;
}

enum p2p_err p2p_fork_verify(const struct p2p_fork_proof *proof, const struct p2p_sigs *sigs,
                             const struct p2p_feed_public *key)
{
    const struct p2p_tree_head *small = &proof->heads[0];
    const struct p2p_tree_head *large = &proof->heads[1];
    for (unsigned i = 0; i < 2; i++) {
        const struct p2p_checkpoint checkpoint = {.origin = proof->origin,
                                                  .size = proof->heads[i].size,
                                                  .root = proof->heads[i].root};
        enum p2p_err err =
            p2p_checkpoint_verify_feed(&checkpoint, sigs, key, &proof->heads[i].signature);
        if (err != P2P_OK) {
            return err;
        }
    }
    if (small->size == large->size) {
        bool nothing_else =
            proof->proof.count == 0 && p2p_hash_equal(&large->root, &proof->other_root);
        return nothing_else && !p2p_hash_equal(&small->root, &large->root) ? P2P_OK
                                                                           : P2P_BADPROOF;
    }
    if (small->size == 0 || small->size > large->size ||
        p2p_hash_equal(&small->root, &proof->other_root)) {
        return P2P_BADPROOF;
    }
    return p2p_consistency_verify(small->size, &proof->other_root, large->size, &large->root,
                                  proof->proof.hashes, proof->proof.count);
}

/* Whether what the store gave leads to the head that is held. */
static bool leads_to_head(const struct p2p_fork_proof *proof)
{
    const struct p2p_tree_head *head = &proof->heads[1];
    if (proof->heads[0].size == head->size) {
        return p2p_hash_equal(&proof->other_root, &head->root);
    }
    return p2p_consistency_verify(proof->heads[0].size, &proof->other_root, head->size,
                                  &head->root, proof->proof.hashes,
                                  proof->proof.count) == P2P_OK;
}

enum p2p_err p2p_fork_from_held(struct p2p_fork_proof *out, const struct p2p_feed *feed,
                                const struct p2p_kv *kv, struct p2p_slice origin,
                                const struct p2p_tree_head *other)
{
    struct p2p_fork_proof proof = {.origin = origin, .heads = {*other, feed->head}};
    enum p2p_err err = p2p_feed_root_at(feed, kv, other->size, &proof.other_root);
    if (err != P2P_OK) {
        return err;
    }
    if (p2p_hash_equal(&proof.other_root, &other->root)) {
        return P2P_USAGE;
    }
    if (other->size < feed->head.size) {
        struct p2p_feed_hashes source = {.feed = feed->number, .kv = kv};
        struct p2p_tree_reader reader = p2p_feed_tree(&source);
        err = p2p_tree_consistency(&reader, other->size, feed->head.size, &proof.proof);
    }
    if (err == P2P_OK && !leads_to_head(&proof)) {
        err = P2P_CORRUPT; /* damaged hashes frame nobody */
    }
    if (err == P2P_OK) {
        *out = proof;
    }
    return err;
}

/* ---- as a file ---- */

static const char first_line[] = "port2port/fork@v1\n";

size_t p2p_fork_text(const struct p2p_fork_proof *proof, const struct p2p_feed_public *key,
                     char out[P2P_FORK_TEXT_BYTES_MAX])
{
    static const char word[] = "other-root ";
    const size_t cap = P2P_FORK_TEXT_BYTES_MAX - 1;
    size_t at = sizeof(first_line) - 1;
    memcpy(out, first_line, at);
    memcpy(out + at, word, sizeof(word) - 1);
    at = p2p_proof_line(out, at + sizeof(word) - 1, cap,
                        p2p_slice_of(proof->other_root.bytes, P2P_HASH_BYTES));
    for (size_t i = 0; i < proof->proof.count; i++) {
        at = p2p_proof_line(out, at, cap,
                            p2p_slice_of(proof->proof.hashes[i].bytes, P2P_HASH_BYTES));
    }
    for (unsigned i = 0; i < 2; i++) {
        out[at++] = '\n';
        at = p2p_proof_note(out, at, cap, proof->origin, &proof->heads[i], key);
    }
    out[at] = '\0';
    return at;
}

/* A note of five lines, as they are written here: origin, size, root, nothing, the log's. */
static enum p2p_err next_note(struct p2p_slice *text, struct p2p_slice *origin,
                              struct p2p_tree_head *head)
{
    struct p2p_slice line;
    struct p2p_slice note = *text;
    for (unsigned i = 0; i < 5; i++) {
        if (!p2p_proof_next_line(text, &line)) {
            return P2P_MALFORMED;
        }
    }
    note.len -= text->len;
    return p2p_proof_head(note, origin, head);
}

enum p2p_err p2p_fork_text_read(struct p2p_fork_proof *out, struct p2p_slice text)
{
    struct p2p_fork_proof proof = {.proof = {.count = 0}};
    struct p2p_slice value;
    struct p2p_slice origins[2];
    size_t len = sizeof(first_line) - 1;
    if (text.len > P2P_FORK_TEXT_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (text.len < len || memcmp(text.data, first_line, len) != 0) {
        return P2P_MALFORMED;
    }
    text = p2p_slice_of(text.data + len, text.len - len);
    if (!p2p_proof_next_value(&text, "other-root", &value) ||
        p2p_base64_decode(proof.other_root.bytes, P2P_HASH_BYTES, &len, value) != P2P_OK ||
        len != P2P_HASH_BYTES) {
        return P2P_MALFORMED;
    }
    enum p2p_err err = p2p_proof_next_hashes(&text, &proof.proof);
    if (err == P2P_OK) {
        err = next_note(&text, &origins[0], &proof.heads[0]);
    }
    if (err == P2P_OK && (!p2p_proof_next_line(&text, &value) || value.len > 0)) {
        err = P2P_MALFORMED;
    }
    if (err == P2P_OK) {
        err = next_note(&text, &origins[1], &proof.heads[1]);
    }
    if (err == P2P_OK && text.len > 0) {
        err = P2P_MALFORMED;
    }
    if (err == P2P_OK && !p2p_slice_equal(origins[0], origins[1])) {
        err = P2P_MISMATCH;
    }
    if (err == P2P_OK) {
        proof.origin = origins[0];
        *out = proof;
    }
    return err;
}
