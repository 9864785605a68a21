#include <p2p/wire.h>

#include <p2p/assert.h>
#include <p2p/text.h>

#include <msgpack.h>
#include <string.h>

/* One value's header: what it is and what follows it. */
struct head {
    enum p2p_wire_type type;
    uint64_t value; /* of an integer or bool */
    uint32_t count; /* bytes of a string or binary, items of an array, pairs of a map */
};

static inline bool big_endian(struct p2p_reader *in, unsigned bytes, uint64_t minimum,
                              uint64_t *out)
{
    switch (bytes) {
    case 1:
        *out = p2p_reader_u8(in);
        break;
    case 2:
        *out = p2p_reader_u16(in);
        break;
    case 4:
        *out = p2p_reader_u32(in);
        break;
    default:
        *out = p2p_reader_u64(in);
        break;
    }
    return *out >= minimum; /* below it, a shorter form was due */
}

/* The rest of a number above 0x7f after its first byte. */
static inline bool read_uint(struct p2p_reader *in, uint8_t tag, uint64_t *out)
{
    switch (tag) {
    case 0xcc:
        return big_endian(in, 1, 1u << 7, out);
    case 0xcd:
        return big_endian(in, 2, 1u << 8, out);
    case 0xce:
        return big_endian(in, 4, 1u << 16, out);
    case 0xcf:
        return big_endian(in, 8, 1ull << 32, out);
    default:
        return false;
    }
}

static bool sized(struct p2p_reader *in, enum p2p_wire_type type, unsigned bytes,
                  uint64_t minimum, struct head *out)
{
    uint64_t count;
    out->type = type;
    bool minimal = big_endian(in, bytes, minimum, &count);
    out->count = (uint32_t)count;
    return minimal;
}

static bool negative(struct p2p_reader *in, unsigned bytes, struct head *out)
{
    uint64_t raw;
    big_endian(in, bytes, 0, &raw);
    unsigned shift = 64 - 8 * bytes;
    int64_t value = (int64_t)(raw << shift) >> shift;
    static const int64_t least_shorter[] = {0, -32, INT8_MIN, 0, INT16_MIN, 0, 0, 0, INT32_MIN};
    out->type = P2P_WIRE_INT;
    out->value = (uint64_t)value;
    return value < least_shorter[bytes];
}

/* Reads one header in its shortest form; false for anything else. Running out of bytes shows in
 * in->failed. */
static bool read_head(struct p2p_reader *in, struct head *out)
{
    uint8_t tag = p2p_reader_u8(in);
    *out = (struct head){.type = P2P_WIRE_UINT};
    if (tag <= 0x7f) {
        out->value = tag;
        return true;
    }
    if (tag <= 0x8f) {
        *out = (struct head){.type = P2P_WIRE_MAP, .count = tag & 0x0fu};
        return true;
    }
    if (tag <= 0x9f) {
        *out = (struct head){.type = P2P_WIRE_ARRAY, .count = tag & 0x0fu};
        return true;
    }
    if (tag <= 0xbf) {
        *out = (struct head){.type = P2P_WIRE_STR, .count = tag & 0x1fu};
        return true;
    }
    if (tag >= 0xe0) {
        *out = (struct head){.type = P2P_WIRE_INT, .value = (uint64_t)(int64_t)(int8_t)tag};
        return true;
    }
    switch (tag) {
    case 0xc0:
        out->type = P2P_WIRE_NIL;
        return true;
    case 0xc2:
    case 0xc3:
        *out = (struct head){.type = P2P_WIRE_BOOL, .value = tag & 1u};
        return true;
    case 0xc4:
        return sized(in, P2P_WIRE_BIN, 1, 0, out);
    case 0xc5:
        return sized(in, P2P_WIRE_BIN, 2, 1u << 8, out);
    case 0xc6:
        return sized(in, P2P_WIRE_BIN, 4, 1u << 16, out);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return read_uint(in, tag, &out->value);
    case 0xd0:
        return negative(in, 1, out);
    case 0xd1:
        return negative(in, 2, out);
    case 0xd2:
        return negative(in, 4, out);
    case 0xd3:
        return negative(in, 8, out);
    case 0xd9:
        return sized(in, P2P_WIRE_STR, 1, 1u << 5, out);
    case 0xda:
        return sized(in, P2P_WIRE_STR, 2, 1u << 8, out);
    case 0xdb:
        return sized(in, P2P_WIRE_STR, 4, 1u << 16, out);
    case 0xdc:
        return sized(in, P2P_WIRE_ARRAY, 2, 1u << 4, out);
    case 0xdd:
        return sized(in, P2P_WIRE_ARRAY, 4, 1u << 16, out);
    case 0xde:
        return sized(in, P2P_WIRE_MAP, 2, 1u << 4, out);
    case 0xdf:
        return sized(in, P2P_WIRE_MAP, 4, 1u << 16, out);
    default:
        return false; /* float, extension, the reserved 0xc1 */
    }
}

/* What is open around the value being checked. */
struct level {
    uint64_t left; /* values still due, keys counted */
    bool is_map;
    bool has_key;
    struct p2p_slice last_key; /* once has_key; may be empty */
};

static bool key_follows(struct level *map, struct p2p_slice key)
{
    bool rises = !map->has_key || p2p_slice_compare(map->last_key, key) < 0;
    map->has_key = true;
    map->last_key = key;
    return rises;
}

enum p2p_err p2p_wire_check(struct p2p_slice bytes)
{
    return p2p_wire_check_within(bytes, 0);
}

enum p2p_err p2p_wire_check_within(struct p2p_slice bytes, unsigned around_count)
{
    struct p2p_reader in;
    struct level stack[P2P_WIRE_DEPTH_MAX];
    unsigned depth = 0;

    p2p_reader_init(&in, bytes);
    do {
        struct head head;
        bool canonical = read_head(&in, &head);
        if (in.failed) {
            return P2P_TRUNCATED;
        }
        if (!canonical) {
            return P2P_MALFORMED;
        }
        struct level *around = depth > 0 ? &stack[depth - 1] : NULL;
        bool is_key = around != NULL && around->is_map && around->left % 2 == 0;
        if (is_key && head.type != P2P_WIRE_STR) {
            return P2P_MALFORMED;
        }
        if (around != NULL) {
            around->left--;
        }
        if (head.type == P2P_WIRE_STR || head.type == P2P_WIRE_BIN) {
            struct p2p_slice data = p2p_reader_bytes(&in, head.count);
            if (in.failed) {
                return P2P_TRUNCATED;
            }
            if (head.type == P2P_WIRE_STR && !p2p_utf8_valid(data)) {
                return P2P_MALFORMED;
            }
            if (is_key && !key_follows(around, data)) {
                return P2P_MALFORMED;
            }
        } else if (head.type == P2P_WIRE_ARRAY || head.type == P2P_WIRE_MAP) {
            bool is_map = head.type == P2P_WIRE_MAP;
            uint64_t values = (uint64_t)head.count * (is_map ? 2 : 1);
            if (values > p2p_reader_left(&in)) { /* each value takes a byte at least */
                return P2P_TRUNCATED;
            }
            if (depth + around_count == P2P_WIRE_DEPTH_MAX) {
                return P2P_MALFORMED;
            }
            stack[depth++] = (struct level){.left = values, .is_map = is_map};
        }
        while (depth > 0 && stack[depth - 1].left == 0) {
            depth--;
        }
    } while (depth > 0);
    return p2p_reader_done(&in) ? P2P_OK : P2P_MALFORMED;
}

enum p2p_wire_type p2p_unpack_type(const struct p2p_unpack *in)
{
    struct p2p_reader ahead = in->bytes;
    struct head head;
    if (ahead.failed || p2p_reader_left(&ahead) == 0 || !read_head(&ahead, &head) ||
        ahead.failed) {
        return P2P_WIRE_END;
    }
    return head.type;
}

/* The next header if it has this type; otherwise the reader fails. */
static bool expect(struct p2p_unpack *in, enum p2p_wire_type type, struct head *head)
{
    if (in->bytes.failed || !read_head(&in->bytes, head) || in->bytes.failed ||
        head->type != type) {
        in->bytes.failed = true;
        *head = (struct head){.type = P2P_WIRE_END};
        return false;
    }
    return true;
}

uint64_t p2p_unpack_long_uint(struct p2p_unpack *in)
{
    struct p2p_reader ahead = in->bytes;
    uint64_t value = 0;
    bool read = !ahead.failed && read_uint(&ahead, p2p_reader_u8(&ahead), &value);
    in->bytes.at = ahead.at;
    in->bytes.failed = ahead.failed || !read;
    return in->bytes.failed ? 0 : value;
}

int64_t p2p_unpack_int(struct p2p_unpack *in)
{
    struct head head;
    if (p2p_unpack_type(in) == P2P_WIRE_INT) {
        return expect(in, P2P_WIRE_INT, &head) ? (int64_t)head.value : 0;
    }
    uint64_t value = p2p_unpack_uint(in);
    if (value > INT64_MAX) {
        in->bytes.failed = true;
        return 0;
    }
    return (int64_t)value;
}

bool p2p_unpack_bool(struct p2p_unpack *in)
{
    struct head head;
    return expect(in, P2P_WIRE_BOOL, &head) && head.value == 1;
}

bool p2p_unpack_nil(struct p2p_unpack *in)
{
    uint8_t tag;
    return p2p_unpack_short(in, 0xc0, 0xc0, &tag);
}

static struct p2p_slice unpack_bytes(struct p2p_unpack *in, enum p2p_wire_type type)
{
    struct head head;
    if (!expect(in, type, &head)) {
        return (struct p2p_slice){0};
    }
    return p2p_reader_bytes(&in->bytes, head.count);
}

struct p2p_slice p2p_unpack_str(struct p2p_unpack *in)
{
    return unpack_bytes(in, P2P_WIRE_STR);
}

struct p2p_slice p2p_unpack_bin(struct p2p_unpack *in)
{
    return unpack_bytes(in, P2P_WIRE_BIN);
}

void p2p_unpack_fixed(struct p2p_unpack *in, void *out, size_t n)
{
    struct p2p_slice bytes = p2p_unpack_bin(in);
    if (in->bytes.failed || bytes.len != n) {
        in->bytes.failed = true;
        memset(out, 0, n);
        return;
    }
    memcpy(out, bytes.data, n);
}

uint32_t p2p_unpack_long_array(struct p2p_unpack *in)
{
    struct head head;
    return expect(in, P2P_WIRE_ARRAY, &head) ? head.count : 0;
}

uint32_t p2p_unpack_map(struct p2p_unpack *in)
{
    struct head head;
    return expect(in, P2P_WIRE_MAP, &head) ? head.count : 0;
}

struct p2p_slice p2p_unpack_raw(struct p2p_unpack *in)
{
    size_t begin = in->bytes.at;
    uint64_t due = 1;
    while (due > 0 && !in->bytes.failed) {
        struct head head;
        due--;
        if (!read_head(&in->bytes, &head)) {
            in->bytes.failed = true;
        } else if (head.type == P2P_WIRE_STR || head.type == P2P_WIRE_BIN) {
            p2p_reader_bytes(&in->bytes, head.count);
        } else if (head.type == P2P_WIRE_ARRAY) {
            due += head.count;
        } else if (head.type == P2P_WIRE_MAP) {
            due += 2 * (uint64_t)head.count;
        }
    }
    if (in->bytes.failed) {
        return (struct p2p_slice){0};
    }
    return p2p_slice_of(in->bytes.data + begin, in->bytes.at - begin);
}

bool p2p_unpack_done(const struct p2p_unpack *in)
{
    return p2p_reader_done(&in->bytes);
}

bool p2p_unpack_find(struct p2p_slice map, const char *key, struct p2p_unpack *value)
{
    struct p2p_unpack in;
    struct p2p_slice wanted = p2p_slice_text(key);
    p2p_unpack_init(&in, map);
    uint32_t pairs = p2p_unpack_map(&in);
    for (uint32_t i = 0; i < pairs && !p2p_unpack_failed(&in); i++) {
        struct p2p_slice name = p2p_unpack_str(&in);
        struct p2p_slice raw = p2p_unpack_raw(&in);
        if (!p2p_unpack_failed(&in) && p2p_slice_equal(name, wanted)) {
            p2p_unpack_init(value, raw);
            return true;
        }
    }
    return false;
}

bool p2p_unpack_fields(struct p2p_slice map, const char *const *keys, struct p2p_slice *values,
                       size_t count)
{
    struct p2p_unpack in;
    size_t next = 0;
    p2p_unpack_init(&in, map);
    uint32_t pairs = p2p_unpack_map(&in);
    memset(values, 0, count * sizeof(*values));
    for (uint32_t i = 0; i < pairs && !p2p_unpack_failed(&in); i++) {
        struct p2p_slice name = p2p_unpack_str(&in);
        struct p2p_slice raw = p2p_unpack_raw(&in);
        for (size_t k = next; k < count && !p2p_unpack_failed(&in); k++) {
            if (name.len == strlen(keys[k]) && memcmp(name.data, keys[k], name.len) == 0) {
                values[k] = raw;
                next = k + 1;
                break;
            }
        }
    }
    return !p2p_unpack_failed(&in);
}

uint64_t p2p_raw_uint(struct p2p_slice raw)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    return raw.len == 0 ? 0 : p2p_unpack_uint(&in);
}

struct p2p_slice p2p_raw_str(struct p2p_slice raw)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    return raw.len == 0 ? raw : p2p_unpack_str(&in);
}

static int pack_write(void *context, const char *data, size_t len)
{
    struct p2p_writer *out = context;
    p2p_writer_bytes(out, data, len);
    return out->failed ? -1 : 0;
}

static msgpack_packer packer(struct p2p_pack *pack)
{
    return (msgpack_packer){.data = &pack->out, .callback = pack_write};
}

void p2p_pack_init(struct p2p_pack *pack, void *data, size_t cap)
{
    p2p_writer_init(&pack->out, data, cap);
}

void p2p_pack_nil(struct p2p_pack *pack)
{
    msgpack_packer to = packer(pack);
    msgpack_pack_nil(&to);
}

void p2p_pack_bool(struct p2p_pack *pack, bool value)
{
    msgpack_packer to = packer(pack);
    if (value) {
        msgpack_pack_true(&to);
    } else {
        msgpack_pack_false(&to);
    }
}

void p2p_pack_uint(struct p2p_pack *pack, uint64_t value)
{
    msgpack_packer to = packer(pack);
    msgpack_pack_uint64(&to, value);
}

void p2p_pack_int(struct p2p_pack *pack, int64_t value)
{
    msgpack_packer to = packer(pack);
    msgpack_pack_int64(&to, value);
}

void p2p_pack_str(struct p2p_pack *pack, struct p2p_slice text)
{
    msgpack_packer to = packer(pack);
    msgpack_pack_str(&to, text.len);
    p2p_writer_bytes(&pack->out, text.data, text.len);
}

void p2p_pack_text(struct p2p_pack *pack, const char *text)
{
    p2p_pack_str(pack, p2p_slice_text(text));
}

void p2p_pack_bin(struct p2p_pack *pack, const void *data, size_t n)
{
    msgpack_packer to = packer(pack);
    msgpack_pack_bin(&to, n);
    p2p_writer_bytes(&pack->out, data, n);
}

void p2p_pack_array(struct p2p_pack *pack, uint32_t count)
{
    msgpack_packer to = packer(pack);
    msgpack_pack_array(&to, count);
}

void p2p_pack_map(struct p2p_pack *pack, uint32_t count)
{
    msgpack_packer to = packer(pack);
    msgpack_pack_map(&to, count);
}

void p2p_pack_raw(struct p2p_pack *pack, struct p2p_slice value)
{
    p2p_writer_bytes(&pack->out, value.data, value.len);
}

bool p2p_pack_failed(const struct p2p_pack *pack)
{
    return pack->out.failed;
}

struct p2p_slice p2p_pack_slice(const struct p2p_pack *pack)
{
    return p2p_writer_slice(&pack->out);
}
