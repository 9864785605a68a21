#include "check.h"

#include <p2p/wire.h>

#include <stdio.h>
#include <stdlib.h>

enum { BYTES_MAX = 4096 };

struct bytes {
    uint8_t at[BYTES_MAX];
    size_t len;
};

static struct p2p_slice slice(const struct bytes *bytes)
{
    return p2p_slice_of(bytes->at, bytes->len);
}

/* "82 a1 61 01": blanks are free; *N repeats the byte before it N times. */
static struct bytes from_hex(const char *text)
{
    struct bytes out = {.len = 0};
    while (*text != '\0') {
        char *end;
        if (*text == ' ') {
            text++;
            continue;
        }
        if (*text == '*') {
            unsigned long times = strtoul(text + 1, &end, 10);
            CHECK(out.len > 0 && out.len + times <= BYTES_MAX);
            memset(out.at + out.len, out.at[out.len - 1], times - 1);
            out.len += times - 1;
            text = end;
            continue;
        }
        const char pair[] = {text[0], text[1], '\0'};
        CHECK(out.len < BYTES_MAX);
        out.at[out.len++] = (uint8_t)strtoul(pair, &end, 16);
        CHECK(*end == '\0');
        text += 2;
    }
    return out;
}

/* ---- the rules, one by one ---- */

static const struct {
    const char *hex;
    enum p2p_err expected;
} encodings[] = {
    {"c0", P2P_OK},
    {"c2", P2P_OK},
    {"c3", P2P_OK},
    {"c1", P2P_MALFORMED}, /* never used */
    {"", P2P_TRUNCATED},
    /* unsigned integers, at both sides of each form's first number */
    {"00", P2P_OK},
    {"7f", P2P_OK},
    {"cc 7f", P2P_MALFORMED},
    {"cc 80", P2P_OK},
    {"cc ff", P2P_OK},
    {"cd 00ff", P2P_MALFORMED},
    {"cd 0100", P2P_OK},
    {"cd ffff", P2P_OK},
    {"ce 0000ffff", P2P_MALFORMED},
    {"ce 00010000", P2P_OK},
    {"ce ffffffff", P2P_OK},
    {"cf 00000000ffffffff", P2P_MALFORMED},
    {"cf 0000000100000000", P2P_OK},
    {"cf ffffffffffffffff", P2P_OK},
    /* negative ones */
    {"ff", P2P_OK},
    {"e0", P2P_OK},
    {"d0 e0", P2P_MALFORMED},
    {"d0 df", P2P_OK},
    {"d0 80", P2P_OK},
    {"d1 ff80", P2P_MALFORMED},
    {"d1 ff7f", P2P_OK},
    {"d1 8000", P2P_OK},
    {"d2 ffff8000", P2P_MALFORMED},
    {"d2 ffff7fff", P2P_OK},
    {"d2 80000000", P2P_OK},
    {"d3 ffffffff80000000", P2P_MALFORMED},
    {"d3 ffffffff7fffffff", P2P_OK},
    {"d3 8000000000000000", P2P_OK},
    /* what is not negative has no signed form */
    {"d0 00", P2P_MALFORMED},
    {"d0 7f", P2P_MALFORMED},
    {"d1 7fff", P2P_MALFORMED},
    {"d2 7fffffff", P2P_MALFORMED},
    {"d3 7fffffffffffffff", P2P_MALFORMED},
    /* floats and extensions */
    {"ca 3f800000", P2P_MALFORMED},
    {"cb 3ff0000000000000", P2P_MALFORMED},
    {"d4 01 00", P2P_MALFORMED},
    {"d5 01 0000", P2P_MALFORMED},
    {"d6 ff 00000000", P2P_MALFORMED},
    {"d7 01 0000000000000000", P2P_MALFORMED},
    {"d8 01 00*16", P2P_MALFORMED},
    {"c7 01 01 00", P2P_MALFORMED},
    {"c8 0001 01 00", P2P_MALFORMED},
    {"c9 00000001 01 00", P2P_MALFORMED},
    /* strings */
    {"a0", P2P_OK},
    {"a1 61", P2P_OK},
    {"bf 61*31", P2P_OK},
    {"d9 1f 61*31", P2P_MALFORMED},
    {"d9 20 61*32", P2P_OK},
    {"d9 ff 61*255", P2P_OK},
    {"da 00ff 61*255", P2P_MALFORMED},
    {"da 0100 61*256", P2P_OK},
    {"db 00000100 61*256", P2P_MALFORMED},
    {"d9 00", P2P_MALFORMED},
    /* UTF-8: RFC 3629 section 4 */
    {"a2 c3a9", P2P_OK},
    {"a3 e282ac", P2P_OK},
    {"a4 f09f9aa2", P2P_OK},
    {"a1 00", P2P_OK},
    {"a1 80", P2P_MALFORMED},
    {"a1 c3", P2P_MALFORMED},
    {"a2 c080", P2P_MALFORMED},
    {"a3 eda080", P2P_MALFORMED},
    {"a3 e08080", P2P_MALFORMED},
    {"a4 f4908080", P2P_MALFORMED},
    {"a4 f0808080", P2P_MALFORMED},
    {"a1 ff", P2P_MALFORMED},
    /* binary: any bytes */
    {"c4 00", P2P_OK},
    {"c4 02 ff80", P2P_OK},
    {"c4 ff 00*255", P2P_OK},
    {"c5 00ff 00*255", P2P_MALFORMED},
    {"c5 0100 00*256", P2P_OK},
    {"c6 00000100 00*256", P2P_MALFORMED},
    /* arrays */
    {"90", P2P_OK},
    {"91 c0", P2P_OK},
    {"9f c0*15", P2P_OK},
    {"dc 000f c0*15", P2P_MALFORMED},
    {"dc 0010 c0*16", P2P_OK},
    {"dd 00000010 c0*16", P2P_MALFORMED},
    {"93 01 02", P2P_TRUNCATED},
    {"92 90 90", P2P_OK},
    /* maps: keys are strings, ascending, once */
    {"80", P2P_OK},
    {"81 a1 61 01", P2P_OK},
    {"82 a1 61 01 a1 62 02", P2P_OK},
    {"82 a1 62 01 a1 61 02", P2P_MALFORMED},
    {"82 a1 61 01 a1 61 01", P2P_MALFORMED},
    {"82 a1 61 01 a2 6161 01", P2P_OK},
    {"82 a2 6161 01 a1 62 01", P2P_OK}, /* memcmp order, not by length first */
    {"82 a2 6161 01 a1 61 01", P2P_MALFORMED},
    {"81 a0 01", P2P_OK},
    {"82 a0 01 a1 61 01", P2P_OK},
    {"82 a0 01 a0 02", P2P_MALFORMED}, /* the empty key, twice */
    {"82 a1 61 01 a0 02", P2P_MALFORMED},
    {"83 a0 01 a0 02 a1 61 01", P2P_MALFORMED},
    {"81 01 01", P2P_MALFORMED},
    {"81 c4 01 61 01", P2P_MALFORMED},
    {"81 c0 01", P2P_MALFORMED},
    {"81 90 01", P2P_MALFORMED},
    {"81 a1 61", P2P_TRUNCATED},
    /* each map has an order of its own */
    {"81 a1 62 82 a1 61 01 a1 63 01", P2P_OK},
    {"82 a1 62 81 a1 7a 01 a1 63 01", P2P_OK},
    {"82 a1 62 81 a1 61 01 a1 61 01", P2P_MALFORMED},
    {"de 0010 a1 61 01", P2P_TRUNCATED},
    {"de 000f a1 61 01", P2P_MALFORMED},
    {"de 0001 a1 61 01", P2P_MALFORMED},
    {"df 00000001 a1 61 01", P2P_MALFORMED},
    /* one value, and nothing after it */
    {"c0 c0", P2P_MALFORMED},
    {"91 c0 00", P2P_MALFORMED},
    {"80 00", P2P_MALFORMED},
    {"a1 61 00", P2P_MALFORMED},
};

/* Without this, one value could be stored in two encodings, and one record would have two
 * hashes. */
static void test_encodings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        struct bytes bytes = from_hex(encodings[i].hex);
        enum p2p_err err = p2p_wire_check(slice(&bytes));
        if (err != encodings[i].expected) {
            print_error("%s\n", encodings[i].hex);
        }
        CHECK_ERR(err, encodings[i].expected);
    }
}

/* Without this, every single byte could stand for a value it does not. */
static void test_one_byte(void **state)
{
    (void)state;
    for (unsigned tag = 0; tag < 256; tag++) {
        uint8_t byte = (uint8_t)tag;
        bool whole = tag <= 0x7f || tag >= 0xe0 || tag == 0x80 || tag == 0x90 || tag == 0xa0 ||
                     tag == 0xc0 || tag == 0xc2 || tag == 0xc3;
        enum p2p_err err = p2p_wire_check(p2p_slice_of(&byte, 1));
        CHECK((err == P2P_OK) == whole);
    }
}

/* Without this, a peer could make the checker run on for hours, or run out of its stack of
 * levels: lengths are claims, and nothing is taken for them. */
static void test_claimed_lengths(void **state)
{
    static const char *const claims[] = {
        "dd ffffffff",    "df ffffffff",    "db ffffffff",          "c6 ffffffff",
        "dd ffffffff c0", "df ffffffff a0", "dd ffffffff 90*1000",  "91 dd ffffffff",
        "dc ffff",        "de ffff",        "91 df 80000000 a0 c0", "92 db ffffffff 61",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        struct bytes bytes = from_hex(claims[i]);
        CHECK_ERR(p2p_wire_check(slice(&bytes)), P2P_TRUNCATED);
    }
}

static struct bytes nested(const char *open, unsigned depth, const char *inner)
{
    struct bytes out = {.len = 0};
    struct bytes level = from_hex(open), value = from_hex(inner);
    CHECK(depth * level.len + value.len <= BYTES_MAX);
    for (unsigned i = 0; i < depth; i++) {
        memcpy(out.at + out.len, level.at, level.len);
        out.len += level.len;
    }
    memcpy(out.at + out.len, value.at, value.len);
    out.len += value.len;
    return out;
}

/* Without this, a value nested 17 deep would overrun the levels, or 16 deep be refused. */
static void test_depth(void **state)
{
    static const char *const opens[] = {"91", "81a161"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bytes bytes = nested(opens[i], P2P_WIRE_DEPTH_MAX, "c0");
        CHECK_OK(p2p_wire_check(slice(&bytes)));
        bytes = nested(opens[i], P2P_WIRE_DEPTH_MAX - 1, "90");
        CHECK_OK(p2p_wire_check(slice(&bytes)));
        bytes = nested(opens[i], P2P_WIRE_DEPTH_MAX, "90");
        CHECK_ERR(p2p_wire_check(slice(&bytes)), P2P_MALFORMED);
        bytes = nested(opens[i], P2P_WIRE_DEPTH_MAX + 1, "c0");
        CHECK_ERR(p2p_wire_check(slice(&bytes)), P2P_MALFORMED);
        bytes = nested(opens[i], 900, "c0");
        CHECK_ERR(p2p_wire_check(slice(&bytes)), P2P_MALFORMED);
    }
    /* Depth is about what is open, not about what has been. */
    struct bytes wide = from_hex("9f 90*15");
    CHECK_OK(p2p_wire_check(slice(&wide)));
}

/* ---- the reader and the writer ---- */

/* Without this, a reader asked for another type than stands there would yield something. */
static void test_wrong_type(void **state)
{
    struct bytes bytes = from_hex("93 01 a1 61 c0");
    struct p2p_unpack in;
    uint8_t fixed[4] = {1, 2, 3, 4};
    (void)state;
    p2p_unpack_init(&in, slice(&bytes));
    CHECK(p2p_unpack_map(&in) == 0);
    CHECK(p2p_unpack_failed(&in));
    CHECK(p2p_unpack_array(&in) == 0); /* failed stays failed */
    CHECK(p2p_unpack_type(&in) == P2P_WIRE_END);
    p2p_unpack_fixed(&in, fixed, sizeof(fixed));
    CHECK_BYTES(fixed, "\0\0\0\0", 4);
    CHECK(p2p_unpack_str(&in).len == 0 && p2p_unpack_raw(&in).len == 0);
    CHECK(!p2p_unpack_done(&in));

    p2p_unpack_init(&in, slice(&bytes));
    CHECK(p2p_unpack_array(&in) == 3);
    CHECK(!p2p_unpack_nil(&in)); /* asking for nil takes nothing else */
    CHECK(p2p_unpack_u32(&in) == 1);
    CHECK(!p2p_unpack_failed(&in));
    CHECK(p2p_unpack_bin(&in).len == 0);
    CHECK(p2p_unpack_failed(&in));
}

/* Without this, a number would be cut to fit. */
static void test_number_bounds(void **state)
{
    struct bytes big = from_hex("cf 0000000100000000");
    struct bytes huge = from_hex("cf 8000000000000000");
    struct bytes least = from_hex("d3 8000000000000000");
    struct bytes bin = from_hex("c4 03 010203");
    struct p2p_unpack in;
    uint8_t fixed[4];
    (void)state;
    p2p_unpack_init(&in, slice(&big));
    CHECK(p2p_unpack_u32(&in) == 0 && p2p_unpack_failed(&in));
    p2p_unpack_init(&in, slice(&huge));
    CHECK(p2p_unpack_int(&in) == 0 && p2p_unpack_failed(&in));
    p2p_unpack_init(&in, slice(&least));
    CHECK(p2p_unpack_int(&in) == INT64_MIN && p2p_unpack_done(&in));
    p2p_unpack_init(&in, slice(&least));
    CHECK(p2p_unpack_uint(&in) == 0 && p2p_unpack_failed(&in));
    p2p_unpack_init(&in, slice(&bin));
    p2p_unpack_fixed(&in, fixed, 4);
    CHECK(p2p_unpack_failed(&in));
    p2p_unpack_init(&in, slice(&bin));
    p2p_unpack_fixed(&in, fixed, 3);
    CHECK(p2p_unpack_done(&in));
    CHECK_BYTES(fixed, "\1\2\3", 3);
}

/* Without this, a field would be looked for in its neighbour's value, or in what is no map. */
static void test_find(void **state)
{
    struct bytes map = from_hex("83 a0 01 a1 61 81 a1 62 02 a1 63 93 01 02 03");
    struct bytes array = from_hex("92 a1 61 01");
    struct p2p_unpack value;
    (void)state;
    CHECK(p2p_unpack_find(slice(&map), "", &value) && p2p_unpack_uint(&value) == 1);
    CHECK(!p2p_unpack_find(slice(&map), "b", &value)); /* it stands one level down */
    CHECK(p2p_unpack_find(slice(&map), "a", &value));
    CHECK(p2p_unpack_raw(&value).len == 4 && p2p_unpack_done(&value));
    CHECK(p2p_unpack_find(slice(&map), "c", &value) && p2p_unpack_array(&value) == 3);
    CHECK(!p2p_unpack_find(slice(&map), "d", &value));
    CHECK(!p2p_unpack_find(slice(&array), "a", &value));
    CHECK(!p2p_unpack_find((struct p2p_slice){0}, "a", &value));
}

/* Without this, a writer that ran out of room would hand on half a value. */
static void test_full_writer(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 40; cap++) {
        uint8_t room[40];
        struct p2p_pack pack;
        p2p_pack_init(&pack, room, cap);
        p2p_pack_array(&pack, 3);
        p2p_pack_uint(&pack, 1ull << 40);
        p2p_pack_text(&pack, "abcdefgh");
        p2p_pack_bin(&pack, "0123", 4);
        CHECK(p2p_pack_failed(&pack) == (cap < 1 + 9 + 9 + 6));
        if (!p2p_pack_failed(&pack)) {
            CHECK_OK(p2p_wire_check(p2p_pack_slice(&pack)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_one_byte),
        cmocka_unit_test(test_claimed_lengths),
        cmocka_unit_test(test_depth),

        cmocka_unit_test(test_wrong_type),
        cmocka_unit_test(test_number_bounds),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_full_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
