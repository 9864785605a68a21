/* Canonical MessagePack: the checker at the door, a reader behind it, and a writer.
 *
 * Everything that is stored, signed or sent is in one canonical form: shortest integers,
 * shortest lengths, no floats, no extension types, map keys are UTF-8 strings in ascending
 * memcmp order without repeats, strings are well-formed UTF-8, nesting at most
 * P2P_WIRE_DEPTH_MAX, nothing trailing. p2p_wire_check proves that in one pass without
 * allocating, whatever lengths the bytes claim; what is read without it is bounded all the same
 * and in its shortest form, but nothing is known of what was passed over. The writer is
 * msgpack-c's packer over a bounded buffer.
 *
 * A reader that meets another type than it was asked for turns `failed` on and yields nothing
 * from then on: check once, at the end. Source: msgpack specification; canonical form: WIRE.md.
 */
#ifndef P2P_WIRE_H
#define P2P_WIRE_H

#include <p2p/bytes.h>

#define P2P_WIRE_DEPTH_MAX 16u

/* P2P_OK for exactly one canonical value; P2P_TRUNCATED, P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_wire_check(struct p2p_slice bytes);
/* The same of a value that lies in so many arrays and maps, which count as nesting. */
P2P_MUST_CHECK enum p2p_err p2p_wire_check_within(struct p2p_slice bytes, unsigned around);

enum p2p_wire_type {
    P2P_WIRE_NIL,
    P2P_WIRE_BOOL,
    P2P_WIRE_UINT,
    P2P_WIRE_INT, /* negative */
    P2P_WIRE_STR,
    P2P_WIRE_BIN,
    P2P_WIRE_ARRAY,
    P2P_WIRE_MAP,
    P2P_WIRE_END, /* nothing left, or failed */
};

struct p2p_unpack {
    struct p2p_reader bytes;
};

/* bytes were checked; they are borrowed, as are strings and bin that are read from them. What
 * reads a value moves past it; once failed, each yields 0, false or the empty slice. */
static inline void p2p_unpack_init(struct p2p_unpack *in, struct p2p_slice bytes)
{
    p2p_reader_init(&in->bytes, bytes);
}
enum p2p_wire_type p2p_unpack_type(const struct p2p_unpack *in);
/* What p2p_unpack_uint and p2p_unpack_array do where the first byte does not say all. */
uint64_t p2p_unpack_long_uint(struct p2p_unpack *in);
uint32_t p2p_unpack_long_array(struct p2p_unpack *in);

/* Most of what is read are small numbers and short arrays, whose first byte says all: past
 * that byte, if it lies in [from, to]. */
static inline bool p2p_unpack_short(struct p2p_unpack *in, uint8_t from, uint8_t to,
                                    uint8_t *tag)
{
    struct p2p_reader *bytes = &in->bytes;
    bool fits = !bytes->failed && bytes->at < bytes->len && bytes->data[bytes->at] >= from &&
                bytes->data[bytes->at] <= to;
    if (fits) {
        *tag = bytes->data[bytes->at++];
    }
    return fits;
}

static inline uint64_t p2p_unpack_uint(struct p2p_unpack *in)
{
    uint8_t tag;
    return p2p_unpack_short(in, 0x00, 0x7f, &tag) ? tag : p2p_unpack_long_uint(in);
}

/* At most UINT32_MAX, else failed. */
static inline uint32_t p2p_unpack_u32(struct p2p_unpack *in)
{
    uint64_t value = p2p_unpack_uint(in);
    in->bytes.failed = in->bytes.failed || value > UINT32_MAX;
    return in->bytes.failed ? 0 : (uint32_t)value;
}

int64_t p2p_unpack_int(struct p2p_unpack *in);
bool p2p_unpack_bool(struct p2p_unpack *in);
/* True and consumed when the next value is nil. */
bool p2p_unpack_nil(struct p2p_unpack *in);
struct p2p_slice p2p_unpack_str(struct p2p_unpack *in);
struct p2p_slice p2p_unpack_bin(struct p2p_unpack *in);
/* Exactly n bytes of bin copied to out; failed otherwise. */
void p2p_unpack_fixed(struct p2p_unpack *in, void *out, size_t n);
static inline uint32_t p2p_unpack_array(struct p2p_unpack *in)
{
    uint8_t tag;
    return p2p_unpack_short(in, 0x90, 0x9f, &tag) ? tag & 0x0fu : p2p_unpack_long_array(in);
}
uint32_t p2p_unpack_map(struct p2p_unpack *in);
/* The encoded bytes of the next value, whatever it is, and moves past it. */
struct p2p_slice p2p_unpack_raw(struct p2p_unpack *in);
static inline bool p2p_unpack_failed(const struct p2p_unpack *in)
{
    return in->bytes.failed;
}
/* Everything read and nothing failed. */
bool p2p_unpack_done(const struct p2p_unpack *in);
/* Finds key in a map whose encoded bytes are given and sets value over what stands there. */
bool p2p_unpack_find(struct p2p_slice map, const char *key, struct p2p_unpack *value);
/* Several keys, ascending, of a checked map in one pass: values[i] gets the encoded bytes of
 * what stands at keys[i], or nothing. Other keys are passed over. False when it is no map. */
bool p2p_unpack_fields(struct p2p_slice map, const char *const *keys, struct p2p_slice *values,
                       size_t count);

/* The number or string in the encoded bytes of one value, as p2p_unpack_fields gives them; 0 or
 * empty when there are none, or another type. */
uint64_t p2p_raw_uint(struct p2p_slice raw);
struct p2p_slice p2p_raw_str(struct p2p_slice raw);

struct p2p_pack {
    struct p2p_writer out;
};

/* data: cap bytes, borrowed; what does not fit turns p2p_pack_failed on. An array or map is
 * followed by so many values, or keys and values: that they are, and that keys ascend, is the
 * caller's duty and not looked at. Text is zero-terminated, its terminator left out. */
void p2p_pack_init(struct p2p_pack *pack, void *data, size_t cap);
void p2p_pack_nil(struct p2p_pack *pack);
void p2p_pack_bool(struct p2p_pack *pack, bool value);
void p2p_pack_uint(struct p2p_pack *pack, uint64_t value);
void p2p_pack_int(struct p2p_pack *pack, int64_t value);
void p2p_pack_str(struct p2p_pack *pack, struct p2p_slice text);
void p2p_pack_text(struct p2p_pack *pack, const char *text);
void p2p_pack_bin(struct p2p_pack *pack, const void *data, size_t n);
void p2p_pack_array(struct p2p_pack *pack, uint32_t count);
void p2p_pack_map(struct p2p_pack *pack, uint32_t count);
/* Bytes that are one canonical value already. */
void p2p_pack_raw(struct p2p_pack *pack, struct p2p_slice value);
bool p2p_pack_failed(const struct p2p_pack *pack);
struct p2p_slice p2p_pack_slice(const struct p2p_pack *pack);

#endif
