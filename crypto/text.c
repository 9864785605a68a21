#include <p2p/text.h>

#include <string.h>

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void p2p_hex_encode(char *out, const void *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

enum p2p_err p2p_hex_decode(void *out, size_t n, struct p2p_slice text)
{
    if (text.len / 2 != n || text.len % 2 != 0) {
        return P2P_MALFORMED;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.data[i]) < 0) {
            return P2P_MALFORMED;
        }
    }
    uint8_t *bytes = out;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(text.data[2 * i]);
        bytes[i] = (uint8_t)(high << 4 | hex_value(text.data[2 * i + 1]));
    }
    return P2P_OK;
}

void p2p_base64_encode(char *out, const void *data, size_t n)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = data;
    size_t at = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? bytes[i + 2] : 0;
        out[at++] = digits[group >> 18];
        out[at++] = digits[group >> 12 & 63];
        out[at++] = left > 1 ? digits[group >> 6 & 63] : '=';
        out[at++] = left > 2 ? digits[group & 63] : '=';
    }
    out[at] = '\0';
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == '/' ? 63 : -1;
}

static size_t padding_of(struct p2p_slice text)
{
    if (text.len < 4 || text.data[text.len - 1] != '=') {
        return 0;
    }
    return text.data[text.len - 2] == '=' ? 2 : 1;
}

enum p2p_err p2p_base64_measure(size_t *len, struct p2p_slice text)
{
    if (text.len % 4 != 0) {
        return P2P_MALFORMED;
    }
    size_t padding = padding_of(text);
    size_t digits = text.len - padding;
    for (size_t i = 0; i < digits; i++) {
        if (base64_value(text.data[i]) < 0) {
            return P2P_MALFORMED;
        }
    }
    int spare_bits = padding == 2 ? 15 : padding == 1 ? 3 : 0;
    if (padding > 0 && (base64_value(text.data[digits - 1]) & spare_bits) != 0) {
        return P2P_MALFORMED;
    }
    *len = text.len / 4 * 3 - padding;
    return P2P_OK;
}

enum p2p_err p2p_base64_decode(void *out, size_t cap, size_t *len, struct p2p_slice text)
{
    size_t n = 0;
    enum p2p_err err = p2p_base64_measure(&n, text);
    if (err) {
        return err;
    }
    if (n > cap) {
        return P2P_TOOLARGE;
    }
    uint8_t *bytes = out;
    uint32_t bits = 0;
    for (size_t i = 0, at = 0; at < n; i++) {
        bits = bits << 6 | (uint32_t)base64_value(text.data[i]);
        if (i % 4 != 0) {
            bytes[at++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *len = n;
    return P2P_OK;
}

/* Length of the sequence that a lead byte opens, and the least code point it may encode. */
static size_t utf8_lead(uint8_t lead, uint32_t *bits, uint32_t *least)
{
    if (lead < 0x80) {
        *bits = lead;
        *least = 0;
        return 1;
    }
    if (lead >= 0xC0 && lead < 0xE0) {
        *bits = lead & 0x1F;
        *least = 0x80;
        return 2;
    }
    if (lead >= 0xE0 && lead < 0xF0) {
        *bits = lead & 0x0F;
        *least = 0x800;
        return 3;
    }
    if (lead >= 0xF0 && lead < 0xF8) {
        *bits = lead & 0x07;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

size_t p2p_utf8_next(struct p2p_slice text, uint32_t *code_point)
{
    uint32_t point = 0, least = 0;
    size_t n = text.len > 0 ? utf8_lead(text.data[0], &point, &least) : 0;
    if (n == 0 || n > text.len) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((text.data[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text.data[i] & 0x3F);
    }
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
        return 0;
    }
    *code_point = point;
    return n;
}

/* How many of the first bytes are ASCII, in steps of eight. */
static size_t ascii_prefix(struct p2p_slice text)
{
    uint64_t eight;
    size_t n = 0;
    while (text.len - n >= sizeof(eight)) {
        memcpy(&eight, text.data + n, sizeof(eight));
        if ((eight & 0x8080808080808080u) != 0) {
            break;
        }
        n += sizeof(eight);
    }
    return n;
}

bool p2p_utf8_valid(struct p2p_slice text)
{
    uint32_t code_point = 0;
    while (text.len > 0) {
        size_t n = ascii_prefix(text);
        if (n == 0) {
            n = p2p_utf8_next(text, &code_point);
        }
        if (n == 0) {
            return false;
        }
        text.data += n;
        text.len -= n;
    }
    return true;
}

size_t p2p_decimal_encode(char out[P2P_DECIMAL_BYTES], uint64_t value)
{
    size_t digits = 1;
    for (uint64_t rest = value / 10; rest > 0; rest /= 10) {
        digits++;
    }
    for (size_t i = digits; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    out[digits] = '\0';
    return digits;
}

enum p2p_err p2p_decimal_decode(uint64_t *out, struct p2p_slice text)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 19 || (text.len > 1 && text.data[0] == '0')) {
        return P2P_MALFORMED;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return P2P_MALFORMED;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0'); /* 19 digits fit 64 bits */
    }
    if (value > INT64_MAX) {
        return P2P_MALFORMED;
    }
    *out = value;
    return P2P_OK;
}

bool p2p_text_cut(struct p2p_slice *rest, char mark, struct p2p_slice *before)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->data, mark, rest->len) : NULL;
    if (!at) {
        return false;
    }
    size_t len = (size_t)(at - rest->data);
    *before = (struct p2p_slice){rest->data, len};
    *rest = (struct p2p_slice){at + 1, rest->len - len - 1};
    return true;
}
