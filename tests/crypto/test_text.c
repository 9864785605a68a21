#include "check.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

static enum p2p_err decode(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    return p2p_base64_decode(out, cap, len, p2p_slice_text(text));
}

/* Two spellings of one value: what was signed as text could be rewritten. */
static void hex_is_lower_case_and_exact(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0x00, 0x9A, 0xBC, 0xFF}, out[4] = {7, 7, 7, 7};
    const char *bad[] = {"009abcf", "009abcfff", "009ABCFF", "009abcfg", "009abc f", ""};
    char text[P2P_HEX_BYTES(4)];
    p2p_hex_encode(text, bytes, 4);
    CHECK(strcmp(text, "009abcff") == 0);
    CHECK_OK(p2p_hex_decode(out, 4, p2p_slice_text(text)));
    CHECK_BYTES(out, bytes, 4);
    memset(out, 7, 4);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(p2p_hex_decode(out, 4, p2p_slice_text(bad[i])), P2P_MALFORMED);
        CHECK(out[0] == 7 && out[3] == 7);
    }
}

/* Our notes would not be readable by others (RFC 4648 section 10). */
static void base64_follows_rfc_4648(void **state)
{
    (void)state;
    const char *plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    const char *coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < 7; i++) {
        char text[P2P_BASE64_BYTES(6)];
        uint8_t out[6];
        size_t len = 99;
        p2p_base64_encode(text, plain[i], strlen(plain[i]));
        CHECK(strcmp(text, coded[i]) == 0);
        CHECK_OK(decode(text, out, sizeof out, &len));
        CHECK(len == strlen(plain[i]));
        CHECK_BYTES(out, plain[i], len);
    }
    const uint8_t high[] = {0xFB, 0xFF, 0xBF, 0x00};
    char text[P2P_BASE64_BYTES(4)];
    p2p_base64_encode(text, high, sizeof high);
    CHECK(strcmp(text, "+/+/AA==") == 0);
}

/* One signature could be written in several ways, and a note have several digests. */
static void base64_has_one_form(void **state)
{
    (void)state;
    const char *bad[] = {"Zg",       "Zg=",      "Zg===",    "Zh==",     "Zm9=", "=",
                         "====",     "Z===",     "Zm9v\n",   "Zm 9v",    "Zm9-", "Zm9_",
                         "Zg==Zg==", "Zm9vZg=A", "Zm8=Zm8=", "Zm9v====", "Zg=g", "\xFFm9v"};
    uint8_t out[8];
    size_t len = 99;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(decode(bad[i], out, sizeof out, &len), P2P_MALFORMED);
        CHECK_ERR(p2p_base64_measure(&len, p2p_slice_text(bad[i])), P2P_MALFORMED);
        CHECK(len == 99);
    }
}

/* A second text that decodes to the same bytes would pass: tried over all last groups. */
static void each_last_group_decodes_from_one_text_only(void **state)
{
    (void)state;
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    for (size_t i = 0; i < 65 * 65; i++) {
        char text[5] = {'Q', digits[i / 65], digits[i % 65], '=', 0}, again[5];
        uint8_t out[3];
        size_t len = 0;
        if (decode(text, out, sizeof out, &len) == P2P_OK) {
            p2p_base64_encode(again, out, len);
            CHECK(strcmp(text, again) == 0);
        }
    }
}

/* A long field would overrun the buffer that was made for a short one. */
static void base64_respects_the_cap(void **state)
{
    (void)state;
    uint8_t out[3] = {7, 7, 7};
    size_t len = 99;
    CHECK_ERR(decode("Zm9v", out, 2, &len), P2P_TOOLARGE);
    CHECK(out[0] == 7 && len == 99);
    CHECK_OK(decode("Zm8=", out, 2, &len));
    CHECK(len == 2 && out[2] == 7);
}

/* Names that look alike but differ in bytes, or text that other tools refuse, would be accepted
 * (RFC 3629; the bounds of each length, and what Kuhn's stress test calls malformed). */
static void utf8_is_well_formed(void **state)
{
    (void)state;
    const char *good[] = {"",
                          "a",
                          "\x7F",
                          "\xC2\x80",
                          "\xDF\xBF",
                          "\xE0\xA0\x80",
                          "\xED\x9F\xBF",
                          "\xEE\x80\x80",
                          "\xEF\xBF\xBF",
                          "\xF0\x90\x80\x80",
                          "\xF4\x8F\xBF\xBF",
                          "Zeebr\xC3\xBCgge \xE2\x80\x94 \xF0\x9F\x9A\xA2"};
    const char *bad[] = {"\x80",
                         "\xBF",
                         "\xC0\x80",
                         "\xC1\xBF",
                         "\xE0\x80\x80",
                         "\xE0\x9F\xBF",
                         "\xF0\x80\x80\x80",
                         "\xF0\x8F\xBF\xBF",
                         "\xED\xA0\x80",
                         "\xED\xBF\xBF",
                         "\xF4\x90\x80\x80",
                         "\xF8\x88\x80\x80\x80",
                         "\xFE",
                         "\xFF",
                         "\xC2",
                         "\xE2\x80",
                         "\xF0\x9F\x9A",
                         "\xC2"
                         "a",
                         "a\xE2\x80"
                         "b",
                         "\xC3\x28"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(p2p_utf8_valid(p2p_slice_text(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!p2p_utf8_valid(p2p_slice_text(bad[i])));
    }
    uint32_t point = 0;
    CHECK(p2p_utf8_next(p2p_slice_text("\xF0\x9F\x9A\xA2x"), &point) == 4 && point == 0x1F6A2);
    CHECK(p2p_utf8_next(p2p_slice_text(""), &point) == 0);
}

/* A checkpoint's size would have two spellings, or wrap. */
static void decimals_have_one_form(void **state)
{
    (void)state;
    const char *good[] = {"0", "1", "10", "1234067", "9223372036854775807"};
    const uint64_t values[] = {0, 1, 10, 1234067, INT64_MAX};
    const char *bad[] = {"",
                         "00",
                         "01",
                         "-1",
                         "+1",
                         " 1",
                         "1 ",
                         "1\n",
                         "0x1",
                         "1e3",
                         "9223372036854775808",
                         "18446744073709551616",
                         "99999999999999999999"};
    uint64_t value = 42;
    for (size_t i = 0; i < 5; i++) {
        char text[P2P_DECIMAL_BYTES];
        CHECK_OK(p2p_decimal_decode(&value, p2p_slice_text(good[i])));
        CHECK(value == values[i]);
        CHECK(p2p_decimal_encode(text, value) == strlen(good[i]));
        CHECK(strcmp(text, good[i]) == 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        value = 42;
        CHECK_ERR(p2p_decimal_decode(&value, p2p_slice_text(bad[i])), P2P_MALFORMED);
        CHECK(value == 42);
    }
    char text[P2P_DECIMAL_BYTES];
    CHECK(p2p_decimal_encode(text, UINT64_MAX) == 20);
    CHECK(strcmp(text, "18446744073709551615") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_lower_case_and_exact),
        cmocka_unit_test(base64_follows_rfc_4648),
        cmocka_unit_test(base64_has_one_form),
        cmocka_unit_test(each_last_group_decodes_from_one_text_only),
        cmocka_unit_test(base64_respects_the_cap),
        cmocka_unit_test(utf8_is_well_formed),
        cmocka_unit_test(decimals_have_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
