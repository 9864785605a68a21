#include <p2p/record.h>

#include <p2p/assert.h>

#include <string.h>

enum { FIELDS = 9, SIGNATURE_WIRE_BYTES = 2 + P2P_SIGNATURE_BYTES };

int p2p_record_id_compare(const struct p2p_record_id *a, const struct p2p_record_id *b)
{
    if (a->feed != b->feed) {
        return a->feed < b->feed ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

/* [feed, index]; false when it is none, or the reader failed. */
static inline bool read_cite(struct p2p_unpack *in, struct p2p_record_id *cite)
{
    uint32_t items = p2p_unpack_array(in);
    cite->feed = p2p_unpack_u32(in);
    cite->index = p2p_unpack_uint(in);
    return items == 2 && !p2p_unpack_failed(in);
}

/* Reads [[feed, index], ...] and keeps its encoded bytes. */
static void decode_cites(struct p2p_unpack *in, struct p2p_record *out)
{
    struct p2p_unpack ahead = *in;
    struct p2p_record_id cite;
    uint32_t count = p2p_unpack_array(&ahead);
    bool reads = count <= P2P_CITES_MAX;
    for (uint32_t i = 0; i < count && reads; i++) {
        reads = read_cite(&ahead, &cite);
    }
    if (!reads || p2p_unpack_failed(&ahead)) {
        in->bytes.failed = true;
        return;
    }
    out->cites = p2p_slice_of(in->bytes.data + in->bytes.at, ahead.bytes.at - in->bytes.at);
    out->cite_count = count;
    *in = ahead;
}

static void decode_body(struct p2p_unpack *in, struct p2p_record *out)
{
    switch (p2p_unpack_type(in)) {
    case P2P_WIRE_NIL:
        p2p_unpack_nil(in);
        out->body_type = P2P_BODY_NONE;
        break;
    case P2P_WIRE_BIN:
        p2p_unpack_fixed(in, out->commitment.bytes, P2P_HASH_BYTES);
        out->body_type = P2P_BODY_COMMITMENT;
        break;
    case P2P_WIRE_MAP:
        out->content = p2p_unpack_raw(in);
        out->body_type = P2P_BODY_PUBLIC;
        break;
    case P2P_WIRE_BOOL:
    case P2P_WIRE_UINT:
    case P2P_WIRE_INT:
    case P2P_WIRE_STR:
    case P2P_WIRE_ARRAY:
    case P2P_WIRE_END:
        in->bytes.failed = true;
        break;
    }
}

enum p2p_err p2p_record_decode(struct p2p_record *record, struct p2p_slice leaf)
{
    if (leaf.len > P2P_RECORD_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    /* What peek reads it reads in canonical form; the map is all that it passes over. */
    struct p2p_record out;
    enum p2p_err err = p2p_record_peek(&out, leaf);
    if (err == P2P_OK && out.body_type == P2P_BODY_PUBLIC) {
        err = p2p_wire_check_within(out.content, 1);
    }
    if (err == P2P_OK) {
        *record = out;
        return P2P_OK;
    }
    err = p2p_wire_check(leaf); /* which says what is wrong */
    return err == P2P_OK ? P2P_MALFORMED : err;
}

enum p2p_err p2p_record_peek(struct p2p_record *record, struct p2p_slice leaf)
{
    struct p2p_record out = {.leaf = leaf};
    struct p2p_unpack in;
    p2p_unpack_init(&in, leaf);
    bool shape = p2p_unpack_array(&in) == FIELDS && p2p_unpack_uint(&in) == P2P_RECORD_VERSION;
    out.kind = p2p_unpack_u32(&in);
    out.time_ms = p2p_unpack_uint(&in);
    out.circle = p2p_unpack_u32(&in);
    out.issuer = p2p_unpack_u32(&in);
    out.issuer_seq = p2p_unpack_uint(&in);
    decode_cites(&in, &out);
    decode_body(&in, &out);
    if (!p2p_unpack_nil(&in)) {
        struct p2p_slice signature = p2p_unpack_bin(&in);
        shape = shape && signature.len == P2P_SIGNATURE_BYTES;
        out.signature = signature.data;
    }
    bool signs = out.signature != NULL;
    if (!shape || !p2p_unpack_done(&in) || signs != (out.issuer != 0) ||
        signs != (out.issuer_seq != 0)) {
        return P2P_MALFORMED;
    }
    *record = out;
    return P2P_OK;
}

enum p2p_err p2p_record_peek_kind(struct p2p_slice leaf, uint32_t *kind, uint32_t *circle)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, leaf);
    bool shape = p2p_unpack_array(&in) == FIELDS && p2p_unpack_uint(&in) == P2P_RECORD_VERSION;
    uint32_t found = p2p_unpack_u32(&in);
    p2p_unpack_uint(&in); /* its time */
    uint32_t within = p2p_unpack_u32(&in);
    if (!shape || p2p_unpack_failed(&in)) {
        return P2P_MALFORMED;
    }
    *kind = found;
    *circle = within;
    return P2P_OK;
}

void p2p_cites_begin(struct p2p_cites *walk, const struct p2p_record *record)
{
    p2p_unpack_init(&walk->in, record->cites);
    walk->left = record->cites.len == 0 ? 0 : p2p_unpack_array(&walk->in);
}

bool p2p_cites_next(struct p2p_cites *walk, struct p2p_record_id *cite)
{
    if (walk->left == 0) {
        return false;
    }
    walk->left--;
    bool reads = read_cite(&walk->in, cite);
    p2p_assert(reads); /* decode proved the shape */
    return true;
}

uint32_t p2p_cites_before(const struct p2p_record *record, const struct p2p_record_id *id)
{
    struct p2p_cites walk;
    struct p2p_record_id cite = {0, 0};
    uint32_t before = 0;
    p2p_cites_begin(&walk, record);
    while (before < walk.left && read_cite(&walk.in, &cite) &&
           (cite.index != id->index || cite.feed != id->feed)) {
        before++;
    }
    return before;
}

static void encode_body(const struct p2p_draft *draft, struct p2p_slice origin,
                        struct p2p_pack *out)
{
    if (draft->content.len > 0) {
        p2p_pack_raw(out, draft->content);
    } else if (draft->payload.len > 0) {
        struct p2p_hash commitment =
            p2p_commitment_of(origin, draft->circle, draft->kind, draft->issuer,
                              draft->issuer_seq, draft->salt, draft->payload);
        p2p_pack_bin(out, commitment.bytes, sizeof(commitment.bytes));
    } else {
        p2p_pack_nil(out);
    }
}

enum p2p_err p2p_record_encode(const struct p2p_draft *draft, struct p2p_slice origin,
                               struct p2p_pack *out)
{
    p2p_assert(draft->content.len == 0 || draft->payload.len == 0);
    if (draft->cite_count > P2P_CITES_MAX || draft->payload.len > P2P_PAYLOAD_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    p2p_pack_array(out, FIELDS);
    p2p_pack_uint(out, P2P_RECORD_VERSION);
    p2p_pack_uint(out, draft->kind);
    p2p_pack_uint(out, draft->time_ms);
    p2p_pack_uint(out, draft->circle);
    p2p_pack_uint(out, draft->issuer);
    p2p_pack_uint(out, draft->issuer_seq);
    p2p_pack_array(out, (uint32_t)draft->cite_count);
    for (size_t i = 0; i < draft->cite_count; i++) {
        p2p_pack_array(out, 2);
        p2p_pack_uint(out, draft->cites[i].feed);
        p2p_pack_uint(out, draft->cites[i].index);
    }
    encode_body(draft, origin, out);
    p2p_pack_nil(out);
    size_t signed_growth = draft->issuer != 0 ? SIGNATURE_WIRE_BYTES - 1 : 0;
    if (p2p_pack_failed(out) ||
        p2p_pack_slice(out).len + signed_growth > P2P_RECORD_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    return P2P_OK;
}

enum p2p_err p2p_record_attach(struct p2p_slice head, const struct p2p_signature *signature,
                               struct p2p_pack *out)
{
    p2p_pack_raw(out, head);
    p2p_pack_bin(out, signature->bytes, sizeof(signature->bytes));
    return p2p_pack_failed(out) ? P2P_TOOLARGE : P2P_OK;
}

struct p2p_slice p2p_record_head(const struct p2p_record *record)
{
    size_t tail = record->signature != NULL ? SIGNATURE_WIRE_BYTES : 1;
    return p2p_slice_of(record->leaf.data, record->leaf.len - tail);
}

size_t p2p_record_signed_bytes(uint8_t *out, struct p2p_slice head, struct p2p_slice origin)
{
    size_t prefix = p2p_use_prefix(out, "record", origin);
    memcpy(out + prefix, head.data, head.len);
    out[prefix + head.len] = 0xc0;
    return prefix + head.len + 1;
}

struct p2p_hash p2p_commitment_of(struct p2p_slice origin, uint32_t circle, uint32_t kind,
                                  uint32_t issuer, uint64_t issuer_seq,
                                  const uint8_t salt[P2P_SALT_BYTES], struct p2p_slice payload)
{
    uint8_t prefix[P2P_PREFIX_BYTES_MAX];
    uint8_t fields[4 + 4 + 4 + 8];
    struct p2p_writer writer;
    p2p_writer_init(&writer, fields, sizeof(fields));
    p2p_writer_u32(&writer, circle);
    p2p_writer_u32(&writer, kind);
    p2p_writer_u32(&writer, issuer);
    p2p_writer_u64(&writer, issuer_seq);
    const struct p2p_slice parts[] = {
        p2p_slice_of(prefix, p2p_use_prefix(prefix, "payload", origin)),
        p2p_writer_slice(&writer),
        p2p_slice_of(salt, P2P_SALT_BYTES),
        payload,
    };
    return p2p_sha256_many(parts, sizeof(parts) / sizeof(parts[0]));
}

enum p2p_err p2p_record_open(const struct p2p_record *record, struct p2p_slice origin,
                             struct p2p_slice salted, struct p2p_slice *payload)
{
    if (record->body_type != P2P_BODY_COMMITMENT || salted.len <= P2P_SALT_BYTES) {
        return P2P_COMMITMENT;
    }
    if (salted.len > P2P_SALT_BYTES + P2P_PAYLOAD_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    struct p2p_slice content =
        p2p_slice_of(salted.data + P2P_SALT_BYTES, salted.len - P2P_SALT_BYTES);
    struct p2p_hash opened =
        p2p_commitment_of(origin, record->circle, record->kind, record->issuer,
                          record->issuer_seq, salted.data, content);
    if (!p2p_hash_equal(&opened, &record->commitment)) {
        return P2P_COMMITMENT;
    }
    enum p2p_err err = p2p_wire_check(content);
    if (err != P2P_OK) {
        return err;
    }
    *payload = content;
    return P2P_OK;
}
