#include <p2p/subject.h>

#include <p2p/assert.h>
#include <p2p/container.h>
#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

/* Keeps letters and digits, letters in upper case; drops the separators people write. */
static bool normal_code(struct p2p_slice value, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (letter || (c >= '0' && c <= '9')) {
            out[len++] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
        } else if (c != ' ' && c != '-' && c != '.' && c != '/') {
            return false;
        }
    }
    out[len] = '\0';
    return len > 0;
}

/* Country or issuing scheme, a colon, a code: `BE:1ABC234`, `alfapass:1234567`. */
static bool normal_scheme(struct p2p_slice value, char *out)
{
    size_t colon = 0;
    while (colon < value.len && value.data[colon] != ':') {
        colon++;
    }
    if (colon == 0 || colon == value.len) {
        return false;
    }
    if (!normal_code(p2p_slice_of(value.data, colon), out)) {
        return false;
    }
    size_t len = strlen(out);
    out[len] = ':';
    return normal_code(p2p_slice_of(value.data + colon + 1, value.len - colon - 1),
                       out + len + 1);
}

static bool all_digits(const char *text, size_t len)
{
    if (strlen(text) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

/* IMO Resolution A.1117(30): the last digit is that of the sum of the first six times 7 to 2.
 */
static bool check_imo(const char *normal)
{
    unsigned sum = 0;
    if (!all_digits(normal, 7)) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        sum += (unsigned)(normal[i] - '0') * (7 - i);
    }
    return sum % 10 == (unsigned)(normal[6] - '0');
}

static uint64_t number_of(const char *digits, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++) {
        number = number * 10 + (uint64_t)(digits[i] - '0');
    }
    return number;
}

/* Belgian national number: the last two digits are 97 - (first nine mod 97); for births from
 * 2000 on the nine are preceded by a 2. */
static bool check_nrn(const char *normal)
{
    if (!all_digits(normal, 11)) {
        return false;
    }
    uint64_t nine = number_of(normal, 9);
    uint64_t check = number_of(normal + 9, 2);
    return 97 - nine % 97 == check || 97 - (2000000000ull + nine) % 97 == check;
}

/* Belgian enterprise number: the last two digits are 97 - (first eight mod 97). Others pass. */
static bool check_vat(const char *normal)
{
    if (strncmp(normal, "BE", 2) != 0) {
        return true;
    }
    if (!all_digits(normal + 2, 10)) {
        return false;
    }
    return 97 - number_of(normal + 2, 8) % 97 == number_of(normal + 10, 2);
}

static const struct p2p_subject_type types[] = {
    {"card", false, false, "enter", normal_scheme, NULL},
    {"container", true, false, "enter", normal_code, p2p_container_check},
    {"doc", false, false, "enter", normal_scheme, NULL},
    {"imo", true, false, "call", normal_code, check_imo},
    {"mmsi", true, true, "call", normal_code, NULL},
    {"nrn", false, false, "enter", normal_code, check_nrn},
    {"phone", false, true, "enter", normal_code, NULL},
    {"plate", false, false, "enter", normal_scheme, NULL},
    {"vat", true, false, "enter", normal_code, check_vat},
};

const struct p2p_subject_type *p2p_subject_types(size_t *count)
{
    *count = sizeof(types) / sizeof(types[0]);
    return types;
}

const struct p2p_subject_type *p2p_subject_type_named(struct p2p_slice word)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (p2p_slice_equal(p2p_slice_text(types[i].word), word)) {
            return &types[i];
        }
    }
    return NULL;
}

enum p2p_err p2p_subject_parse(struct p2p_subject *out, struct p2p_slice text)
{
    size_t colon = 0;
    if (text.len >= P2P_SUBJECT_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    while (colon < text.len && text.data[colon] != ':') {
        colon++;
    }
    if (colon == text.len) {
        return P2P_MALFORMED;
    }
    struct p2p_subject subject = {.type =
                                      p2p_subject_type_named(p2p_slice_of(text.data, colon))};
    if (subject.type == NULL) {
        return P2P_UNKNOWN;
    }
    struct p2p_slice value = p2p_slice_of(text.data + colon + 1, text.len - colon - 1);
    if (!subject.type->normalise(value, subject.value)) {
        return P2P_MALFORMED;
    }
    subject.check_ok = subject.type->check == NULL || subject.type->check(subject.value);
    *out = subject;
    return P2P_OK;
}

static void key_begin(struct p2p_writer *key, struct p2p_subject_key *out, const char *type,
                      size_t type_len)
{
    p2p_writer_init(key, out->bytes, sizeof(out->bytes));
    p2p_writer_u8(key, (uint8_t)type_len);
    p2p_writer_bytes(key, type, type_len);
}

static void key_clear(struct p2p_subject_key *out, struct p2p_slice type,
                      struct p2p_slice value)
{
    struct p2p_writer key;
    key_begin(&key, out, (const char *)type.data, type.len);
    p2p_writer_u8(&key, 0);
    p2p_writer_u8(&key, (uint8_t)value.len);
    p2p_writer_bytes(&key, value.data, value.len);
    out->len = p2p_writer_slice(&key).len;
}

static void key_token(struct p2p_subject_key *out, struct p2p_slice type, uint32_t epoch,
                      const uint8_t token[P2P_TOKEN_BYTES])
{
    struct p2p_writer key;
    key_begin(&key, out, (const char *)type.data, type.len);
    p2p_writer_u8(&key, 1);
    p2p_writer_u32(&key, epoch);
    p2p_writer_bytes(&key, token, P2P_TOKEN_BYTES);
    out->len = p2p_writer_slice(&key).len;
}

void p2p_subject_key_clear(struct p2p_subject_key *key, const char *type,
                           struct p2p_slice value)
{
    p2p_assert(value.len < P2P_SUBJECT_BYTES_MAX);
    key_clear(key, p2p_slice_text(type), value);
}

void p2p_subject_key_token(struct p2p_subject_key *key, const char *type, uint32_t epoch,
                           const struct p2p_token *token)
{
    key_token(key, p2p_slice_text(type), epoch, token->bytes);
}

struct p2p_token p2p_subject_token(const struct p2p_subject *subject,
                                   const struct p2p_circle_key *key, uint32_t epoch)
{
    return p2p_token_of(key, epoch, p2p_slice_text(subject->type->word),
                        p2p_slice_text(subject->value));
}

void p2p_subject_pack(struct p2p_pack *pack, const struct p2p_subject *subject,
                      const struct p2p_circle_key *key, uint32_t epoch)
{
    p2p_pack_array(pack, 2);
    p2p_pack_text(pack, subject->type->word);
    if (subject->type->clear) {
        p2p_pack_text(pack, subject->value);
        return;
    }
    struct p2p_token token = p2p_subject_token(subject, key, epoch);
    p2p_pack_array(pack, 2);
    p2p_pack_uint(pack, epoch);
    p2p_pack_bin(pack, token.bytes, sizeof(token.bytes));
}

/* Whether a subject of this type stands as its type wants it: a person never in clear, a ship
 * never as a token, a value in its normal form, because gates look for nothing else. Types of a
 * later version pass. */
static bool stands_as_due(struct p2p_slice type_word, bool clear, struct p2p_slice value)
{
    char normal[P2P_SUBJECT_BYTES_MAX];
    const struct p2p_subject_type *type = p2p_subject_type_named(type_word);
    if (type == NULL) {
        return true;
    }
    if (type->clear != clear) {
        return false;
    }
    return !clear ||
           (type->normalise(value, normal) && p2p_slice_equal(p2p_slice_text(normal), value));
}

bool p2p_subject_unpack(struct p2p_unpack *in, struct p2p_subject_key *key)
{
    if (p2p_unpack_array(in) != 2) {
        return false;
    }
    struct p2p_slice type = p2p_unpack_str(in);
    if (p2p_unpack_failed(in) || type.len == 0 || type.len > 16) {
        return false;
    }
    if (p2p_unpack_type(in) == P2P_WIRE_STR) {
        struct p2p_slice value = p2p_unpack_str(in);
        if (value.len == 0 || value.len >= P2P_SUBJECT_BYTES_MAX ||
            !stands_as_due(type, true, value)) {
            return false;
        }
        key_clear(key, type, value);
        return true;
    }
    if (p2p_unpack_array(in) != 2) {
        return false;
    }
    uint32_t epoch = p2p_unpack_u32(in);
    struct p2p_token token;
    p2p_unpack_fixed(in, token.bytes, sizeof(token.bytes));
    if (p2p_unpack_failed(in) || !stands_as_due(type, false, (struct p2p_slice){0})) {
        return false;
    }
    key_token(key, type, epoch, token.bytes);
    return true;
}

/* A subject of a type we do not know is a peer's text: nothing in it may reach a terminal. */
static void blank_controls(char *text)
{
    for (; *text != '\0'; text++) {
        bool c1 =
            (uint8_t)text[0] == 0xc2 && (uint8_t)text[1] >= 0x80 && (uint8_t)text[1] < 0xa0;
        if ((uint8_t)*text < 0x20 || *text == 0x7f || c1) {
            *text = '?';
            if (c1) {
                text[1] = '?';
            }
        }
    }
}

bool p2p_subject_print(struct p2p_unpack *in, const char *circle, char *out, size_t cap)
{
    if (p2p_unpack_array(in) != 2) {
        return false;
    }
    struct p2p_slice type = p2p_unpack_str(in);
    if (p2p_unpack_type(in) == P2P_WIRE_STR) {
        struct p2p_slice value = p2p_unpack_str(in);
        snprintf(out, cap, "%.*s:%.*s", (int)type.len, (const char *)type.data, (int)value.len,
                 (const char *)value.data);
        blank_controls(out);
        return !p2p_unpack_failed(in);
    }
    struct p2p_token token;
    char hex[P2P_HEX_BYTES(8)];
    bool shape = p2p_unpack_array(in) == 2;
    uint32_t epoch = p2p_unpack_u32(in);
    p2p_unpack_fixed(in, token.bytes, sizeof(token.bytes));
    if (!shape || p2p_unpack_failed(in)) {
        return false;
    }
    p2p_hex_encode(hex, token.bytes, 8);
    snprintf(out, cap, "%.*s:token:%s/%u:%s", (int)type.len, (const char *)type.data, circle,
             epoch, hex);
    blank_controls(out);
    return true;
}
