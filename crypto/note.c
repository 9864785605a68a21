#include <p2p/note.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/hash.h>
#include <p2p/text.h>

#include <string.h>

#define NAME_BYTES_MAX 255u
#define TIME_BYTES     8u
#define LINE_START     "\xE2\x80\x94 "

struct p2p_key_id p2p_key_id_of(struct p2p_slice name, enum p2p_note_type type,
                                const uint8_t public_key[P2P_PUBLIC_BYTES])
{
    const uint8_t middle[2] = {'\n', (uint8_t)type};
    const struct p2p_slice parts[] = {name, p2p_slice_of(middle, sizeof middle),
                                      p2p_slice_of(public_key, P2P_PUBLIC_BYTES)};
    struct p2p_hash hash = p2p_sha256_many(parts, 3);
    struct p2p_key_id id;
    memcpy(id.bytes, hash.bytes, sizeof id.bytes);
    return id;
}

void p2p_vkey_init(struct p2p_vkey *vkey, struct p2p_slice name, enum p2p_note_type type,
                   const uint8_t public_key[P2P_PUBLIC_BYTES])
{
    p2p_assert(name.len <= NAME_BYTES_MAX);
    vkey->name = name;
    vkey->type = type;
    memcpy(vkey->public_key, public_key, P2P_PUBLIC_BYTES);
    vkey->id = p2p_key_id_of(name, type, public_key);
}

size_t p2p_vkey_format(const struct p2p_vkey *vkey, char out[P2P_VKEY_BYTES_MAX])
{
    uint8_t typed[1 + P2P_PUBLIC_BYTES];
    char hex[P2P_HEX_BYTES(P2P_KEY_ID_BYTES)], base64[P2P_BASE64_BYTES(sizeof typed)];
    struct p2p_writer writer;
    typed[0] = (uint8_t)vkey->type;
    memcpy(typed + 1, vkey->public_key, P2P_PUBLIC_BYTES);
    p2p_hex_encode(hex, vkey->id.bytes, P2P_KEY_ID_BYTES);
    p2p_base64_encode(base64, typed, sizeof typed);

    p2p_writer_init(&writer, out, P2P_VKEY_BYTES_MAX);
    p2p_writer_bytes(&writer, vkey->name.data, vkey->name.len);
    p2p_writer_text(&writer, "+");
    p2p_writer_text(&writer, hex);
    p2p_writer_text(&writer, "+");
    p2p_writer_text(&writer, base64);
    p2p_writer_u8(&writer, 0);
    p2p_assert(!writer.failed);
    return writer.len - 1;
}

static bool key_type_supported(uint8_t type)
{
    return type == P2P_NOTE_ED25519 || type == P2P_NOTE_COSIGNATURE;
}

static bool key_id_equal(const struct p2p_key_id *a, const struct p2p_key_id *b)
{
    return memcmp(a->bytes, b->bytes, P2P_KEY_ID_BYTES) == 0;
}

enum p2p_err p2p_vkey_parse(struct p2p_vkey *vkey, struct p2p_slice text)
{
    struct p2p_slice name, hex, rest = text;
    struct p2p_key_id id;
    size_t len = 0;
    if (!p2p_text_cut(&rest, '+', &name) || !p2p_text_cut(&rest, '+', &hex) ||
        !p2p_key_name_valid(name) || name.len > NAME_BYTES_MAX ||
        p2p_hex_decode(id.bytes, P2P_KEY_ID_BYTES, hex) || p2p_base64_measure(&len, rest) ||
        len == 0) {
        return P2P_MALFORMED;
    }
    /* Well-formed, but perhaps of an algorithm whose keys have another size. */
    uint8_t typed[1 + P2P_PUBLIC_BYTES];
    if (p2p_base64_decode(typed, sizeof typed, &len, rest) || len != sizeof typed ||
        !key_type_supported(typed[0]) || p2p_ed25519_check(typed + 1)) {
        return P2P_BADKEY;
    }
    struct p2p_vkey parsed;
    p2p_vkey_init(&parsed, name, (enum p2p_note_type)typed[0], typed + 1);
    if (!key_id_equal(&parsed.id, &id)) {
        return P2P_BADKEY;
    }
    *vkey = parsed;
    return P2P_OK;
}

/* The code points with the Unicode property White_Space. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool p2p_key_name_valid(struct p2p_slice name)
{
    if (name.len == 0) {
        return false;
    }
    while (name.len > 0) {
        uint32_t c = 0;
        size_t n = p2p_utf8_next(name, &c);
        if (n == 0 || c < 0x20 || c == '+' || is_space(c)) {
            return false;
        }
        name = p2p_slice_of(name.data + n, name.len - n);
    }
    return true;
}

static bool note_characters_valid(struct p2p_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] < 0x20 && bytes.data[i] != '\n') {
            return false;
        }
    }
    return p2p_utf8_valid(bytes);
}

/* Splits at the last empty line, since the text may hold others. */
static bool note_split(struct p2p_slice bytes, struct p2p_slice *text, struct p2p_slice *lines)
{
    for (size_t i = bytes.len; i >= 2; i--) {
        if (bytes.data[i - 1] == '\n' && bytes.data[i - 2] == '\n') {
            *text = p2p_slice_of(bytes.data, i - 1);
            *lines = p2p_slice_of(bytes.data + i, bytes.len - i);
            return true;
        }
    }
    return false;
}

static enum p2p_err line_parse(struct p2p_note_signature *out, struct p2p_slice line)
{
    const size_t start = sizeof LINE_START - 1;
    struct p2p_note_signature signature = {.id = {{0}}};
    size_t len = 0;
    if (line.len < start || memcmp(line.data, LINE_START, start) != 0) {
        return P2P_MALFORMED;
    }
    struct p2p_slice rest = p2p_slice_of(line.data + start, line.len - start);
    if (!p2p_text_cut(&rest, ' ', &signature.name) || !p2p_key_name_valid(signature.name) ||
        p2p_base64_measure(&len, rest) || len <= P2P_KEY_ID_BYTES) {
        return P2P_MALFORMED;
    }
    if (len > P2P_NOTE_SIGNATURE_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    /* The first 8 digits hold the first 6 bytes, and 8 digits are what 5 bytes take at least.
     */
    uint8_t head[6];
    enum p2p_err err = p2p_base64_decode(head, sizeof head, &len, p2p_slice_of(rest.data, 8));
    p2p_assert(err == P2P_OK);
    memcpy(signature.id.bytes, head, P2P_KEY_ID_BYTES);
    signature.base64 = rest;
    *out = signature;
    return P2P_OK;
}

static enum p2p_err lines_parse(struct p2p_note *note, struct p2p_slice lines)
{
    struct p2p_slice line;
    while (lines.len > 0) {
        if (!p2p_text_cut(&lines, '\n', &line)) {
            return P2P_MALFORMED;
        }
        if (note->signature_count == P2P_NOTE_SIGNATURES_MAX) {
            return P2P_TOOLARGE;
        }
        enum p2p_err err = line_parse(&note->signatures[note->signature_count], line);
        if (err) {
            return err;
        }
        note->signature_count++;
    }
    return note->signature_count > 0 ? P2P_OK : P2P_MALFORMED;
}

enum p2p_err p2p_note_parse(struct p2p_note *note, struct p2p_slice bytes)
{
    struct p2p_note parsed = {.signature_count = 0};
    struct p2p_slice lines;
    if (bytes.len > P2P_NOTE_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (!note_characters_valid(bytes) || !note_split(bytes, &parsed.text, &lines)) {
        return P2P_MALFORMED;
    }
    enum p2p_err err = lines_parse(&parsed, lines);
    if (!err) {
        *note = parsed;
    }
    return err;
}

static uint64_t time_decode(const uint8_t *bytes)
{
    struct p2p_reader reader;
    p2p_reader_init(&reader, p2p_slice_of(bytes, TIME_BYTES));
    return p2p_reader_u64(&reader);
}

size_t p2p_cosignature_prefix(char out[P2P_COSIGNATURE_PREFIX_BYTES_MAX], uint64_t time_s)
{
    char digits[P2P_DECIMAL_BYTES];
    struct p2p_writer writer;
    p2p_decimal_encode(digits, time_s);
    p2p_writer_init(&writer, out, P2P_COSIGNATURE_PREFIX_BYTES_MAX);
    p2p_writer_text(&writer, "cosignature/v1\ntime ");
    p2p_writer_text(&writer, digits);
    p2p_writer_text(&writer, "\n");
    p2p_assert(!writer.failed);
    return writer.len;
}

static bool cosignature_good(const struct p2p_note *note, const struct p2p_sigs *sigs,
                             const struct p2p_vkey *key, const uint8_t *timed)
{
    uint8_t message[P2P_COSIGNATURE_PREFIX_BYTES_MAX + P2P_NOTE_BYTES_MAX];
    p2p_assert(note->text.len <= P2P_NOTE_BYTES_MAX);
    size_t len = p2p_cosignature_prefix((char *)message, time_decode(timed));
    memcpy(message + len, note->text.data, note->text.len);
    return sigs->verify(sigs->context, key->public_key, timed + TIME_BYTES,
                        p2p_slice_of(message, len + note->text.len));
}

static bool line_good(const struct p2p_note *note, const struct p2p_sigs *sigs,
                      const struct p2p_vkey *key, struct p2p_slice blob)
{
    const uint8_t *signature = blob.data + P2P_KEY_ID_BYTES;
    switch (key->type) {
    case P2P_NOTE_ED25519:
        return blob.len == P2P_KEY_ID_BYTES + P2P_SIGNATURE_BYTES &&
               sigs->verify(sigs->context, key->public_key, signature, note->text);
    case P2P_NOTE_COSIGNATURE:
        return blob.len == P2P_KEY_ID_BYTES + TIME_BYTES + P2P_SIGNATURE_BYTES &&
               cosignature_good(note, sigs, key, signature);
    case P2P_NOTE_ML_DSA_44:
        return false;
    }
    return false;
}

static bool key_made_line(const struct p2p_vkey *key, const struct p2p_note_signature *line)
{
    return key_type_supported((uint8_t)key->type) && key_id_equal(&key->id, &line->id) &&
           p2p_slice_equal(key->name, line->name);
}

/* verdict: index of the key, -1 when none is known; P2P_BADSIG when known keys all say no. Two
 * keys may share name and id, since an id has only 32 bits. */
static enum p2p_err line_verify(const struct p2p_note *note,
                                const struct p2p_note_signature *line,
                                const struct p2p_sigs *sigs, const struct p2p_vkey *keys,
                                size_t key_count, int *verdict, uint64_t *time_s)
{
    uint8_t blob[P2P_KEY_ID_BYTES + TIME_BYTES + P2P_SIGNATURE_BYTES];
    size_t len = 0;
    bool known = false;
    *verdict = -1;
    *time_s = 0;
    for (size_t i = 0; i < key_count; i++) {
        if (!key_made_line(&keys[i], line)) {
            continue;
        }
        known = true;
        if (p2p_base64_decode(blob, sizeof blob, &len, line->base64) == P2P_OK &&
            line_good(note, sigs, &keys[i], p2p_slice_of(blob, len))) {
            *verdict = (int)i;
            *time_s =
                keys[i].type == P2P_NOTE_COSIGNATURE ? time_decode(blob + P2P_KEY_ID_BYTES) : 0;
            return P2P_OK;
        }
    }
    return known ? P2P_BADSIG : P2P_OK;
}

enum p2p_err p2p_note_verify(const struct p2p_note *note, const struct p2p_sigs *sigs,
                             const struct p2p_vkey *keys, size_t key_count, int *verdicts,
                             uint64_t *times)
{
    int found[P2P_NOTE_SIGNATURES_MAX];
    uint64_t found_times[P2P_NOTE_SIGNATURES_MAX];
    bool any = false;
    p2p_assert(note->signature_count <= P2P_NOTE_SIGNATURES_MAX);
    for (size_t i = 0; i < note->signature_count; i++) {
        enum p2p_err err = line_verify(note, &note->signatures[i], sigs, keys, key_count,
                                       &found[i], &found_times[i]);
        if (err) {
            return err;
        }
        any = any || found[i] >= 0;
    }
    if (!any) {
        return P2P_BADSIG;
    }
    if (verdicts) {
        memcpy(verdicts, found, note->signature_count * sizeof *found);
    }
    if (times) {
        memcpy(times, found_times, note->signature_count * sizeof *found_times);
    }
    return P2P_OK;
}

size_t p2p_note_append_line(char *out, size_t cap, size_t len, struct p2p_slice name,
                            const struct p2p_key_id *id, struct p2p_slice signature)
{
    uint8_t blob[P2P_NOTE_SIGNATURE_BYTES_MAX];
    char base64[P2P_BASE64_BYTES(sizeof blob)];
    struct p2p_writer writer;
    p2p_writer_init(&writer, blob, sizeof blob);
    p2p_writer_bytes(&writer, id->bytes, P2P_KEY_ID_BYTES);
    p2p_writer_bytes(&writer, signature.data, signature.len);
    if (writer.failed || len > cap) {
        return 0;
    }
    p2p_base64_encode(base64, blob, writer.len);

    p2p_writer_init(&writer, out + len, cap - len);
    p2p_writer_text(&writer, LINE_START);
    p2p_writer_bytes(&writer, name.data, name.len);
    p2p_writer_text(&writer, " ");
    p2p_writer_text(&writer, base64);
    p2p_writer_text(&writer, "\n");
    return writer.failed ? 0 : len + writer.len;
}
