#include <p2p/keyfile.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/hash.h>
#include <p2p/text.h>

#include <sodium.h>
#include <string.h>

#define KDF_HEADER         "port2port kdf v1"
#define KDF_ALGORITHM      "argon2id13"
#define KEY_HEADER         "port2port key v1"
#define KDF_OPS_MAX        64u
#define KDF_MEMORY_KIB_MAX (4u * 1024u * 1024u)
#define KDF_MEMORY_KIB_MIN 8u
#define BOUND_BYTES_MAX    (P2P_PREFIX_BYTES_MAX + 1u + P2P_PUBLIC_BYTES)

_Static_assert(P2P_KDF_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES, "salt");
_Static_assert(KDF_MEMORY_KIB_MIN * 1024u == crypto_pwhash_argon2id_MEMLIMIT_MIN, "memory");
_Static_assert(P2P_KEYFILE_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "nonce");
_Static_assert(sizeof(struct p2p_unlock_key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
               "unlock key");

/* Writing and reading `name: value` lines, in a fixed order. */

static void put_field(struct p2p_writer *writer, const char *field, const char *value)
{
    p2p_writer_text(writer, field);
    p2p_writer_text(writer, ": ");
    p2p_writer_text(writer, value);
    p2p_writer_text(writer, "\n");
}

static void put_decimal(struct p2p_writer *writer, const char *field, uint64_t value)
{
    char digits[P2P_DECIMAL_BYTES];
    p2p_decimal_encode(digits, value);
    put_field(writer, field, digits);
}

static void put_base64(struct p2p_writer *writer, const char *field, const uint8_t *value,
                       size_t len)
{
    char base64[P2P_BASE64_BYTES(64)];
    p2p_assert(len <= 64);
    p2p_base64_encode(base64, value, len);
    put_field(writer, field, base64);
}

static size_t put_end(struct p2p_writer *writer)
{
    p2p_writer_u8(writer, 0);
    p2p_assert(!writer->failed);
    return writer->len - 1;
}

static bool take_text(struct p2p_reader *reader, const char *expected)
{
    struct p2p_slice text = p2p_slice_text(expected);
    return p2p_slice_equal(p2p_reader_bytes(reader, text.len), text) && !reader->failed;
}

static bool take_field(struct p2p_reader *reader, const char *field, struct p2p_slice *value)
{
    if (!take_text(reader, field) || !take_text(reader, ": ")) {
        return false;
    }
    size_t left = p2p_reader_left(reader);
    const uint8_t *start = reader->data + reader->at;
    const uint8_t *end = left > 0 ? memchr(start, '\n', left) : NULL;
    if (!end) {
        return false;
    }
    *value = p2p_reader_bytes(reader, (size_t)(end - start));
    return p2p_reader_u8(reader) == '\n';
}

static bool take_decimal(struct p2p_reader *reader, const char *field, uint64_t *value)
{
    struct p2p_slice text;
    return take_field(reader, field, &text) && p2p_decimal_decode(value, text) == P2P_OK;
}

static bool take_base64(struct p2p_reader *reader, const char *field, uint8_t *out, size_t len)
{
    struct p2p_slice text;
    size_t n = 0;
    return take_field(reader, field, &text) &&
           p2p_base64_decode(out, len, &n, text) == P2P_OK && n == len;
}

/* The kdf file and the key it stands for. */

void p2p_kdf_init(struct p2p_kdf *kdf, enum p2p_kdf_cost cost,
                  const uint8_t salt[P2P_KDF_SALT_BYTES])
{
    bool moderate = cost == P2P_KDF_MODERATE;
    kdf->ops = moderate ? crypto_pwhash_argon2id_OPSLIMIT_MODERATE
                        : crypto_pwhash_argon2id_OPSLIMIT_MIN;
    kdf->memory_kib = moderate ? crypto_pwhash_argon2id_MEMLIMIT_MODERATE / 1024u
                               : crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024u;
    memcpy(kdf->salt, salt, P2P_KDF_SALT_BYTES);
}

size_t p2p_kdf_format(const struct p2p_kdf *kdf, char out[P2P_KEYFILE_BYTES_MAX])
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, P2P_KEYFILE_BYTES_MAX);
    p2p_writer_text(&writer, KDF_HEADER "\n");
    put_field(&writer, "algorithm", KDF_ALGORITHM);
    put_decimal(&writer, "ops", kdf->ops);
    put_decimal(&writer, "memory_kib", kdf->memory_kib);
    put_base64(&writer, "salt", kdf->salt, P2P_KDF_SALT_BYTES);
    return put_end(&writer);
}

enum p2p_err p2p_kdf_parse(struct p2p_kdf *kdf, struct p2p_slice text)
{
    struct p2p_reader reader;
    struct p2p_kdf parsed;
    p2p_reader_init(&reader, text);
    if (!take_text(&reader, KDF_HEADER "\n") ||
        !take_text(&reader, "algorithm: " KDF_ALGORITHM "\n") ||
        !take_decimal(&reader, "ops", &parsed.ops) ||
        !take_decimal(&reader, "memory_kib", &parsed.memory_kib) ||
        !take_base64(&reader, "salt", parsed.salt, P2P_KDF_SALT_BYTES) ||
        !p2p_reader_done(&reader)) {
        return P2P_MALFORMED;
    }
    if (parsed.ops > KDF_OPS_MAX || parsed.memory_kib > KDF_MEMORY_KIB_MAX) {
        return P2P_TOOLARGE;
    }
    if (parsed.ops == 0 || parsed.memory_kib < KDF_MEMORY_KIB_MIN) {
        return P2P_MALFORMED;
    }
    *kdf = parsed;
    return P2P_OK;
}

enum p2p_err p2p_kdf_derive(const struct p2p_kdf *kdf, struct p2p_slice passphrase,
                            struct p2p_unlock_key *out)
{
    struct p2p_unlock_key key;
    const char *text = passphrase.len > 0 ? (const char *)passphrase.data : "";
    int rc = crypto_pwhash_argon2id(key.bytes, sizeof key.bytes, text, passphrase.len,
                                    kdf->salt, kdf->ops, (size_t)kdf->memory_kib * 1024u,
                                    crypto_pwhash_argon2id_ALG_ARGON2ID13);
    if (rc == 0) {
        *out = key;
    }
    p2p_wipe(&key, sizeof key);
    return rc == 0 ? P2P_OK : P2P_NOMEM;
}

/* Key files. */

bool p2p_keyfile_name_valid(struct p2p_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < 0x20 || name.data[i] == 0x7F) {
            return false;
        }
    }
    return name.len > 0 && name.len <= P2P_KEY_NAME_BYTES_MAX && p2p_utf8_valid(name);
}

static struct p2p_slice name_of(const struct p2p_keyfile *file)
{
    return p2p_slice_of(file->name, strnlen(file->name, P2P_KEY_NAME_BYTES_MAX));
}

/* The associated data: "port2port/v1/key-file" NUL, length and name, purpose byte, public key.
 */
static size_t bound_to(const struct p2p_keyfile *file, uint8_t out[BOUND_BYTES_MAX])
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, BOUND_BYTES_MAX);
    writer.len = p2p_use_prefix(out, "key-file", name_of(file));
    p2p_writer_u8(&writer, (uint8_t)file->purpose);
    p2p_writer_bytes(&writer, file->public_key, P2P_PUBLIC_BYTES);
    p2p_assert(!writer.failed);
    return writer.len;
}

void p2p_keyfile_seal(struct p2p_keyfile *file, enum p2p_key_purpose purpose, const char *name,
                      const uint8_t seed[P2P_SEED_BYTES],
                      const uint8_t nonce[P2P_KEYFILE_NONCE_BYTES],
                      const struct p2p_unlock_key *key)
{
    uint8_t bound[BOUND_BYTES_MAX];
    p2p_assert(p2p_keyfile_name_valid(p2p_slice_text(name)));
    *file = (struct p2p_keyfile){.purpose = purpose};
    memcpy(file->name, name, strlen(name));
    p2p_key_derive(purpose, seed, file->public_key);
    memcpy(file->nonce, nonce, P2P_KEYFILE_NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(file->sealed, NULL, seed, P2P_SEED_BYTES, bound,
                                               bound_to(file, bound), NULL, nonce, key->bytes);
}

enum p2p_err p2p_keyfile_open(const struct p2p_keyfile *file, const struct p2p_unlock_key *key,
                              uint8_t seed[P2P_SEED_BYTES])
{
    uint8_t bound[BOUND_BYTES_MAX], opened[P2P_SEED_BYTES], public_key[P2P_PUBLIC_BYTES];
    enum p2p_err err = P2P_PASSPHRASE;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            opened, NULL, NULL, file->sealed, sizeof file->sealed, bound, bound_to(file, bound),
            file->nonce, key->bytes) != 0) {
        goto out;
    }
    p2p_key_derive(file->purpose, opened, public_key);
    if (memcmp(public_key, file->public_key, P2P_PUBLIC_BYTES) != 0) {
        goto out;
    }
    memcpy(seed, opened, P2P_SEED_BYTES);
    err = P2P_OK;
out:
    p2p_wipe(opened, sizeof opened);
    return err;
}

size_t p2p_keyfile_format(const struct p2p_keyfile *file, char out[P2P_KEYFILE_BYTES_MAX])
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, P2P_KEYFILE_BYTES_MAX);
    p2p_writer_text(&writer, KEY_HEADER "\n");
    put_field(&writer, "purpose", p2p_key_purpose_word(file->purpose));
    put_field(&writer, "name", file->name);
    put_base64(&writer, "public", file->public_key, P2P_PUBLIC_BYTES);
    put_base64(&writer, "nonce", file->nonce, P2P_KEYFILE_NONCE_BYTES);
    put_base64(&writer, "sealed", file->sealed, sizeof file->sealed);
    return put_end(&writer);
}

static bool take_purpose(struct p2p_reader *reader, enum p2p_key_purpose *purpose)
{
    static const enum p2p_key_purpose all[] = {
#define KEY_PURPOSE(name, word, id) P2P_KEY_##name,
        P2P_KEY_PURPOSE_MAP(KEY_PURPOSE)
#undef KEY_PURPOSE
    };
    struct p2p_slice word;
    if (!take_field(reader, "purpose", &word)) {
        return false;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (p2p_slice_equal(word, p2p_slice_text(p2p_key_purpose_word(all[i])))) {
            *purpose = all[i];
            return true;
        }
    }
    return false;
}

static bool take_name(struct p2p_reader *reader, char name[P2P_KEY_NAME_BYTES_MAX + 1])
{
    struct p2p_slice text;
    if (!take_field(reader, "name", &text) || !p2p_keyfile_name_valid(text)) {
        return false;
    }
    memset(name, 0, P2P_KEY_NAME_BYTES_MAX + 1);
    memcpy(name, text.data, text.len);
    return true;
}

enum p2p_err p2p_keyfile_parse(struct p2p_keyfile *file, struct p2p_slice text)
{
    struct p2p_reader reader;
    struct p2p_keyfile parsed;
    p2p_reader_init(&reader, text);
    if (!take_text(&reader, KEY_HEADER "\n") || !take_purpose(&reader, &parsed.purpose) ||
        !take_name(&reader, parsed.name) ||
        !take_base64(&reader, "public", parsed.public_key, P2P_PUBLIC_BYTES) ||
        !take_base64(&reader, "nonce", parsed.nonce, P2P_KEYFILE_NONCE_BYTES) ||
        !take_base64(&reader, "sealed", parsed.sealed, sizeof parsed.sealed) ||
        !p2p_reader_done(&reader)) {
        return P2P_MALFORMED;
    }
    *file = parsed;
    return P2P_OK;
}
