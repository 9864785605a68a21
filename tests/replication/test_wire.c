#include "check.h"
#include "rng.h"

#include <p2p/wire.h>

#include <msgpack.h>
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

/* ---- against msgpack-c ---- */

static void pack_random(struct rng *rng, struct p2p_pack *pack, unsigned depth)
{
    static const uint64_t edges[] = {0,          31,        32,         127,   128,
                                     255,        256,       65535,      65536, UINT32_MAX,
                                     1ull << 32, INT64_MAX, UINT64_MAX, 32768, 1ull << 31};
    uint8_t bytes[300];
    uint32_t count;
    uint64_t number =
        edges[rng_below(rng, sizeof(edges) / sizeof(edges[0]))] + rng_below(rng, 3) - 1;
    switch (rng_below(rng, depth > 0 ? 8 : 6)) {
    case 0:
        p2p_pack_nil(pack);
        break;
    case 1:
        p2p_pack_bool(pack, rng_below(rng, 2) == 1);
        break;
    case 2:
        p2p_pack_uint(pack, number);
        break;
    case 3:
        p2p_pack_int(pack, (int64_t)number);
        break;
    case 4:
        count = (uint32_t)rng_below(rng, rng_below(rng, 2) ? 40 : sizeof(bytes));
        memset(bytes, 'a' + (int)rng_below(rng, 26), count);
        p2p_pack_str(pack, p2p_slice_of(bytes, count));
        break;
    case 5:
        count = (uint32_t)rng_below(rng, sizeof(bytes));
        rng_fill(rng, bytes, count);
        p2p_pack_bin(pack, bytes, count);
        break;
    case 6:
        count = (uint32_t)rng_below(rng, 20);
        p2p_pack_array(pack, count);
        for (uint32_t i = 0; i < count; i++) {
            pack_random(rng, pack, depth - 1);
        }
        break;
    default:
        count = (uint32_t)rng_below(rng, 20);
        p2p_pack_map(pack, count);
        for (uint32_t i = 0; i < count; i++) {
            char key[8];
            snprintf(key, sizeof(key), "%03u", i * 7);
            p2p_pack_text(pack, i == 0 && rng_below(rng, 2) ? "" : key);
            pack_random(rng, pack, depth - 1);
        }
        break;
    }
}

static bool utf8_is_well_formed(const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t c = s[i];
        size_t more = c < 0x80         ? 0
                      : (c >> 5) == 6  ? 1
                      : (c >> 4) == 14 ? 2
                      : (c >> 3) == 30 ? 3
                                       : 9;
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (more == 9 || more > n - i - 1) {
            return false;
        }
        c = more == 0 ? c : c & (0x3fu >> more);
        for (size_t k = 1; k <= more; k++) {
            if ((s[i + k] & 0xc0) != 0x80) {
                return false;
            }
            c = c << 6 | (s[i + k] & 0x3fu);
        }
        if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

/* The canonical form's rules that are not about the length of a header, on what msgpack-c
 * made of the bytes. */
static bool object_is_canonical(const msgpack_object *object, unsigned depth)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_BOOLEAN:
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    case MSGPACK_OBJECT_BIN:
        return true;
    case MSGPACK_OBJECT_STR:
        return utf8_is_well_formed((const uint8_t *)object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_ARRAY:
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            if (!object_is_canonical(&object->via.array.ptr[i], depth + 1)) {
                return false;
            }
        }
        return depth < P2P_WIRE_DEPTH_MAX;
    case MSGPACK_OBJECT_MAP:
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            const msgpack_object *key = &object->via.map.ptr[i].key;
            if (key->type != MSGPACK_OBJECT_STR || !object_is_canonical(key, depth + 1) ||
                !object_is_canonical(&object->via.map.ptr[i].val, depth + 1)) {
                return false;
            }
            const msgpack_object *last = i > 0 ? &object->via.map.ptr[i - 1].key : NULL;
            if (last != NULL &&
                p2p_slice_compare(p2p_slice_of(last->via.str.ptr, last->via.str.size),
                                  p2p_slice_of(key->via.str.ptr, key->via.str.size)) >= 0) {
                return false;
            }
        }
        return depth < P2P_WIRE_DEPTH_MAX;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_EXT:
        return false;
    }
    return false;
}

/* Whether bytes are one canonical value, by msgpack-c: it reads them, the rules hold, and
 * packing again, which it does in the shortest form, gives the same bytes. */
static bool canonical_by_msgpack(struct p2p_slice bytes)
{
    msgpack_unpacked result;
    size_t at = 0;
    msgpack_unpacked_init(&result);
    msgpack_unpack_return got =
        msgpack_unpack_next(&result, (const char *)bytes.data, bytes.len, &at);
    bool good = got == MSGPACK_UNPACK_SUCCESS && at == bytes.len &&
                object_is_canonical(&result.data, 0);
    if (good) {
        msgpack_sbuffer again;
        msgpack_packer packer;
        msgpack_sbuffer_init(&again);
        msgpack_packer_init(&packer, &again, msgpack_sbuffer_write);
        CHECK(msgpack_pack_object(&packer, result.data) == 0);
        good = again.size == bytes.len && memcmp(again.data, bytes.data, bytes.len) == 0;
        msgpack_sbuffer_destroy(&again);
    }
    msgpack_unpacked_destroy(&result);
    return good;
}

/* Reads a value with p2p_unpack and compares it with msgpack-c's reading. */
static void check_same(struct p2p_unpack *in, const msgpack_object *object)
{
    struct p2p_slice bytes;
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_NIL);
        CHECK(p2p_unpack_nil(in));
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_BOOL);
        CHECK(p2p_unpack_bool(in) == object->via.boolean);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_UINT);
        CHECK(p2p_unpack_uint(in) == object->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_INT);
        CHECK(p2p_unpack_int(in) == object->via.i64);
        break;
    case MSGPACK_OBJECT_STR:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_STR);
        bytes = p2p_unpack_str(in);
        CHECK(p2p_slice_equal(bytes, p2p_slice_of(object->via.str.ptr, object->via.str.size)));
        break;
    case MSGPACK_OBJECT_BIN:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_BIN);
        bytes = p2p_unpack_bin(in);
        CHECK(p2p_slice_equal(bytes, p2p_slice_of(object->via.bin.ptr, object->via.bin.size)));
        break;
    case MSGPACK_OBJECT_ARRAY:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_ARRAY);
        CHECK(p2p_unpack_array(in) == object->via.array.size);
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            check_same(in, &object->via.array.ptr[i]);
        }
        break;
    case MSGPACK_OBJECT_MAP:
        CHECK(p2p_unpack_type(in) == P2P_WIRE_MAP);
        CHECK(p2p_unpack_map(in) == object->via.map.size);
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            check_same(in, &object->via.map.ptr[i].key);
            check_same(in, &object->via.map.ptr[i].val);
        }
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_EXT:
        CHECK(false);
        break;
    }
}

/* Without this, a peer with another MessagePack library would read other values than we
 * wrote. */
static void test_agrees_with_msgpack(void **state)
{
    struct rng rng = {20260101};
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (unsigned i = 0; i < 1500; i++) {
        static uint8_t room[1u << 16];
        struct p2p_pack pack;
        struct p2p_unpack in, skip;
        msgpack_unpacked result;
        size_t at = 0;
        p2p_pack_init(&pack, room, sizeof(room));
        pack_random(&rng, &pack, 1 + (unsigned)rng_below(&rng, 3));
        if (p2p_pack_failed(&pack)) {
            continue;
        }
        struct p2p_slice bytes = p2p_pack_slice(&pack);
        CHECK_OK(p2p_wire_check(bytes));
        msgpack_unpacked_init(&result);
        CHECK(msgpack_unpack_next(&result, (const char *)bytes.data, bytes.len, &at) ==
              MSGPACK_UNPACK_SUCCESS);
        p2p_unpack_init(&in, bytes);
        check_same(&in, &result.data);
        CHECK(p2p_unpack_done(&in));
        CHECK(p2p_unpack_type(&in) == P2P_WIRE_END);
        p2p_unpack_init(&skip, bytes);
        CHECK(p2p_slice_equal(p2p_unpack_raw(&skip), bytes));
        CHECK(p2p_unpack_done(&skip));
        msgpack_unpacked_destroy(&result);
    }
}

/* Without this, some damaged or made-up bytes would pass for canonical, or canonical ones be
 * refused: the checker and an independent one agree on every input. */
static void test_damage(void **state)
{
    struct rng rng = {20260102};
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    unsigned canonical = 0;
    for (unsigned i = 0; i < 60000; i++) {
        uint8_t room[512];
        struct p2p_pack pack;
        p2p_pack_init(&pack, room, sizeof(room));
        pack_random(&rng, &pack, 2);
        size_t len = p2p_pack_slice(&pack).len;
        if (p2p_pack_failed(&pack) || len == 0) {
            continue;
        }
        for (size_t flips = rng_below(&rng, 4); flips > 0; flips--) {
            size_t at = rng_below(&rng, len < 16 || rng_below(&rng, 2) ? len : 16);
            room[at] = rng_below(&rng, 2) ? (uint8_t)(room[at] ^ (1u << rng_below(&rng, 8)))
                                          : (uint8_t)rng_next(&rng);
        }
        struct p2p_slice bytes = p2p_slice_of(room, len);
        if (memchr(room, 0xdd, len) != NULL || memchr(room, 0xdf, len) != NULL) {
            continue; /* msgpack-c takes memory for what these claim */
        }
        bool good = p2p_wire_check(bytes) == P2P_OK;
        CHECK(good == canonical_by_msgpack(bytes));
        canonical += good;
    }
    CHECK(canonical > 10000);
}

/* Without this, a value cut short at some length would be taken for a whole one. */
static void test_truncation(void **state)
{
    struct rng rng = {20260103};
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (unsigned i = 0; i < 200; i++) {
        uint8_t room[2048];
        struct p2p_pack pack;
        p2p_pack_init(&pack, room, sizeof(room));
        pack_random(&rng, &pack, 2);
        if (p2p_pack_failed(&pack)) {
            continue;
        }
        struct p2p_slice bytes = p2p_pack_slice(&pack);
        for (size_t len = 0; len < bytes.len; len++) {
            uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a read past it is seen */
            CHECK(exact != NULL);
            memcpy(exact, bytes.data, len);
            enum p2p_err err = p2p_wire_check(p2p_slice_of(exact, len));
            free(exact);
            CHECK_ERR(err, P2P_TRUNCATED);
        }
    }
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
        cmocka_unit_test(test_encodings),           cmocka_unit_test(test_one_byte),
        cmocka_unit_test(test_claimed_lengths),     cmocka_unit_test(test_depth),
        cmocka_unit_test(test_agrees_with_msgpack), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_truncation),          cmocka_unit_test(test_wrong_type),
        cmocka_unit_test(test_number_bounds),       cmocka_unit_test(test_find),
        cmocka_unit_test(test_full_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
