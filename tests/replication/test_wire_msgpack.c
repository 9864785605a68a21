/* The reader of the wire's subset against msgpack-c: what both take they read the same. */
#include "check.h"
#include "rng.h"

#include <p2p/wire.h>

#include <msgpack.h>

enum { BYTES_MAX = 4096 };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_msgpack),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
