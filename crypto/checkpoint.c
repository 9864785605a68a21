#include <p2p/checkpoint.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/hash.h>
#include <p2p/text.h>

#include <string.h>

#define TIME_BYTES         8u
#define COSIGNED_BYTES_MAX (P2P_COSIGNATURE_PREFIX_BYTES_MAX + P2P_CHECKPOINT_TEXT_BYTES_MAX)

_Static_assert(P2P_BASE64_BYTES(P2P_HASH_BYTES) == 45, "44 characters and a line feed");

size_t p2p_checkpoint_text(const struct p2p_checkpoint *checkpoint,
                           char out[P2P_CHECKPOINT_TEXT_BYTES_MAX])
{
    char size[P2P_DECIMAL_BYTES], root[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
    struct p2p_writer writer;
    p2p_decimal_encode(size, checkpoint->size);
    p2p_base64_encode(root, checkpoint->root.bytes, P2P_HASH_BYTES);
    p2p_writer_init(&writer, out, P2P_CHECKPOINT_TEXT_BYTES_MAX);
    p2p_writer_bytes(&writer, checkpoint->origin.data, checkpoint->origin.len);
    p2p_writer_text(&writer, "\n");
    p2p_writer_text(&writer, size);
    p2p_writer_text(&writer, "\n");
    p2p_writer_text(&writer, root);
    p2p_writer_text(&writer, "\n");
    p2p_assert(!writer.failed);
    return writer.len;
}

static bool extensions_valid(struct p2p_slice text)
{
    struct p2p_slice line;
    while (text.len > 0) {
        if (!p2p_text_cut(&text, '\n', &line) || line.len == 0) {
            return false;
        }
    }
    return true;
}

enum p2p_err p2p_checkpoint_parse(struct p2p_checkpoint *checkpoint, struct p2p_slice text,
                                  bool extensions_allowed)
{
    struct p2p_checkpoint parsed;
    struct p2p_slice size, root;
    size_t len = 0;
    if (!p2p_text_cut(&text, '\n', &parsed.origin) || !p2p_text_cut(&text, '\n', &size) ||
        !p2p_text_cut(&text, '\n', &root)) {
        return P2P_MALFORMED;
    }
    /* The origin is also the name of the log's key. */
    if (!p2p_key_name_valid(parsed.origin) || parsed.origin.len > P2P_ORIGIN_BYTES_MAX ||
        p2p_decimal_decode(&parsed.size, size) ||
        p2p_base64_decode(parsed.root.bytes, P2P_HASH_BYTES, &len, root) ||
        len != P2P_HASH_BYTES) {
        return P2P_MALFORMED;
    }
    if (text.len > 0 && !(extensions_allowed && extensions_valid(text))) {
        return P2P_MALFORMED;
    }
    *checkpoint = parsed;
    return P2P_OK;
}

static void checkpoint_sign(const struct p2p_checkpoint *checkpoint,
                            const struct p2p_sigs *sigs, const uint8_t seed[P2P_SEED_BYTES],
                            const uint8_t public_key[P2P_PUBLIC_BYTES],
                            struct p2p_signature *out)
{
    char text[P2P_CHECKPOINT_TEXT_BYTES_MAX];
    size_t len = p2p_checkpoint_text(checkpoint, text);
    sigs->sign(sigs->context, seed, public_key, p2p_slice_of(text, len), out);
}

static enum p2p_err checkpoint_verify(const struct p2p_checkpoint *checkpoint,
                                      const struct p2p_sigs *sigs,
                                      const uint8_t public_key[P2P_PUBLIC_BYTES],
                                      const struct p2p_signature *signature)
{
    char text[P2P_CHECKPOINT_TEXT_BYTES_MAX];
    size_t len = p2p_checkpoint_text(checkpoint, text);
    bool good =
        sigs->verify(sigs->context, public_key, signature->bytes, p2p_slice_of(text, len));
    return good ? P2P_OK : P2P_BADSIG;
}

void p2p_checkpoint_sign_feed(const struct p2p_checkpoint *checkpoint,
                              const struct p2p_sigs *sigs, const struct p2p_feed_secret *key,
                              struct p2p_signature *out)
{
    checkpoint_sign(checkpoint, sigs, key->seed, key->public_key.bytes, out);
}

void p2p_checkpoint_sign_charter(const struct p2p_checkpoint *checkpoint,
                                 const struct p2p_sigs *sigs,
                                 const struct p2p_charter_secret *key,
                                 struct p2p_signature *out)
{
    checkpoint_sign(checkpoint, sigs, key->seed, key->public_key.bytes, out);
}

enum p2p_err p2p_checkpoint_verify_feed(const struct p2p_checkpoint *checkpoint,
                                        const struct p2p_sigs *sigs,
                                        const struct p2p_feed_public *key,
                                        const struct p2p_signature *signature)
{
    return checkpoint_verify(checkpoint, sigs, key->bytes, signature);
}

enum p2p_err p2p_checkpoint_verify_charter(const struct p2p_checkpoint *checkpoint,
                                           const struct p2p_sigs *sigs,
                                           const struct p2p_charter_public *key,
                                           const struct p2p_signature *signature)
{
    return checkpoint_verify(checkpoint, sigs, key->bytes, signature);
}

static size_t cosigned_text(const struct p2p_checkpoint *checkpoint, uint64_t time_s,
                            char out[COSIGNED_BYTES_MAX])
{
    size_t len = p2p_cosignature_prefix(out, time_s);
    return len + p2p_checkpoint_text(checkpoint, out + len);
}

static void cosign(const struct p2p_checkpoint *checkpoint, const struct p2p_sigs *sigs,
                   const uint8_t seed[P2P_SEED_BYTES],
                   const uint8_t public_key[P2P_PUBLIC_BYTES], uint64_t time_s,
                   struct p2p_cosignature *out)
{
    char text[COSIGNED_BYTES_MAX];
    size_t len = cosigned_text(checkpoint, time_s, text);
    sigs->sign(sigs->context, seed, public_key, p2p_slice_of(text, len), &out->signature);
    out->time_s = time_s;
}

static enum p2p_err cosignature_verify(const struct p2p_checkpoint *checkpoint,
                                       const struct p2p_sigs *sigs,
                                       const uint8_t public_key[P2P_PUBLIC_BYTES],
                                       const struct p2p_cosignature *cosig)
{
    char text[COSIGNED_BYTES_MAX];
    size_t len = cosigned_text(checkpoint, cosig->time_s, text);
    bool good = sigs->verify(sigs->context, public_key, cosig->signature.bytes,
                             p2p_slice_of(text, len));
    return good ? P2P_OK : P2P_BADSIG;
}

void p2p_cosign_witness(const struct p2p_checkpoint *checkpoint, const struct p2p_sigs *sigs,
                        const struct p2p_witness_secret *key, uint64_t time_s,
                        struct p2p_cosignature *out)
{
    cosign(checkpoint, sigs, key->seed, key->public_key.bytes, time_s, out);
}

void p2p_cosign_root(const struct p2p_checkpoint *checkpoint, const struct p2p_sigs *sigs,
                     const struct p2p_root_secret *key, uint64_t time_s,
                     struct p2p_cosignature *out)
{
    cosign(checkpoint, sigs, key->seed, key->public_key.bytes, time_s, out);
}

enum p2p_err p2p_cosignature_verify_witness(const struct p2p_checkpoint *checkpoint,
                                            const struct p2p_sigs *sigs,
                                            const struct p2p_witness_public *key,
                                            const struct p2p_cosignature *cosig)
{
    return cosignature_verify(checkpoint, sigs, key->bytes, cosig);
}

enum p2p_err p2p_cosignature_verify_root(const struct p2p_checkpoint *checkpoint,
                                         const struct p2p_sigs *sigs,
                                         const struct p2p_root_public *key,
                                         const struct p2p_cosignature *cosig)
{
    return cosignature_verify(checkpoint, sigs, key->bytes, cosig);
}

size_t p2p_checkpoint_note(const struct p2p_checkpoint *checkpoint,
                           const uint8_t log_key[P2P_PUBLIC_BYTES],
                           const struct p2p_signature *signature, char *out, size_t cap)
{
    char text[P2P_CHECKPOINT_TEXT_BYTES_MAX];
    size_t len = p2p_checkpoint_text(checkpoint, text);
    struct p2p_key_id id = p2p_key_id_of(checkpoint->origin, P2P_NOTE_ED25519, log_key);
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, cap);
    p2p_writer_bytes(&writer, text, len);
    p2p_writer_text(&writer, "\n");
    if (writer.failed) {
        return 0;
    }
    return p2p_note_append_line(out, cap, writer.len, checkpoint->origin, &id,
                                p2p_slice_of(signature->bytes, P2P_SIGNATURE_BYTES));
}

size_t p2p_checkpoint_note_add(char *out, size_t cap, size_t len, struct p2p_slice witness_name,
                               const uint8_t witness_key[P2P_PUBLIC_BYTES],
                               const struct p2p_cosignature *cosig)
{
    uint8_t timed[TIME_BYTES + P2P_SIGNATURE_BYTES];
    struct p2p_key_id id = p2p_key_id_of(witness_name, P2P_NOTE_COSIGNATURE, witness_key);
    struct p2p_writer writer;
    p2p_writer_init(&writer, timed, sizeof timed);
    p2p_writer_u64(&writer, cosig->time_s);
    p2p_writer_bytes(&writer, cosig->signature.bytes, P2P_SIGNATURE_BYTES);
    return p2p_note_append_line(out, cap, len, witness_name, &id, p2p_writer_slice(&writer));
}

/* What follows the key id in a line by exactly this key. */
static enum p2p_err line_decode(const struct p2p_note_signature *line, struct p2p_slice name,
                                enum p2p_note_type type,
                                const uint8_t public_key[P2P_PUBLIC_BYTES], uint8_t *out,
                                size_t out_len)
{
    uint8_t blob[P2P_KEY_ID_BYTES + TIME_BYTES + P2P_SIGNATURE_BYTES];
    struct p2p_key_id id = p2p_key_id_of(name, type, public_key);
    size_t len = 0;
    if (!p2p_slice_equal(line->name, name) ||
        memcmp(line->id.bytes, id.bytes, P2P_KEY_ID_BYTES) != 0) {
        return P2P_NOTFOUND;
    }
    if (p2p_base64_decode(blob, sizeof blob, &len, line->base64) ||
        len != P2P_KEY_ID_BYTES + out_len) {
        return P2P_MALFORMED;
    }
    memcpy(out, blob + P2P_KEY_ID_BYTES, out_len);
    return P2P_OK;
}

enum p2p_err p2p_note_line_signature(const struct p2p_note_signature *line,
                                     struct p2p_slice name,
                                     const uint8_t public_key[P2P_PUBLIC_BYTES],
                                     struct p2p_signature *out)
{
    return line_decode(line, name, P2P_NOTE_ED25519, public_key, out->bytes,
                       P2P_SIGNATURE_BYTES);
}

enum p2p_err p2p_note_line_cosignature(const struct p2p_note_signature *line,
                                       struct p2p_slice name,
                                       const uint8_t public_key[P2P_PUBLIC_BYTES],
                                       struct p2p_cosignature *out)
{
    uint8_t timed[TIME_BYTES + P2P_SIGNATURE_BYTES];
    struct p2p_reader reader;
    enum p2p_err err =
        line_decode(line, name, P2P_NOTE_COSIGNATURE, public_key, timed, sizeof timed);
    if (err) {
        return err;
    }
    p2p_reader_init(&reader, p2p_slice_of(timed, sizeof timed));
    out->time_s = p2p_reader_u64(&reader);
    p2p_reader_copy(&reader, out->signature.bytes, P2P_SIGNATURE_BYTES);
    return P2P_OK;
}
