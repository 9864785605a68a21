#include "check.h"
#include "rng.h"

#include <p2p/record.h>
#include <p2p/text.h>
#include <p2p/wire.h>

#include <stdlib.h>

/* Made by hand from WIRE.md's layout; commitment and signature with Python's hashlib and
 * OpenSSL: origin below, issuer key of seed 00 .. 1f, salt a0 .. bf. */
static const char origin_text[] = "port.example/antwerp/1";
static const uint8_t payload_bytes[] = "\x81\xa6reason\xa4test";
static const char vector_head[] =
    "990114cf0000018bcfe568000207ce00011170929203059204cd012cc420"
    "a0b88994f0f5c515155e4fda3d2e1303c38dd3de6a516edac78a4214ce6e2301";
static const char vector_message_hash[] =
    "4292890de9c0e5c6a4513725770d289c04d4ae6fb67b5cc3cc1fa3359cdade82";
static const char vector_signature[] =
    "cf378d6171fac91bb3e4a0205003300311ec5badc35bd4f20a00062ee4db9a0d"
    "3345b14d9f647e40aae2b7ce1aa9eb57c115de219d11cd7db582c76591577b0a";

static const struct p2p_record_id cites[] = {{3, 5}, {4, 300}};

static struct p2p_slice origin(void)
{
    return p2p_slice_text(origin_text);
}

static struct p2p_slice payload(void)
{
    return p2p_slice_of(payload_bytes, sizeof(payload_bytes) - 1);
}

static struct p2p_draft draft_of_vector(void)
{
    struct p2p_draft draft = {
        .kind = 20,
        .time_ms = UINT64_C(1700000000000),
        .circle = 2,
        .issuer = 7,
        .issuer_seq = 70000,
        .cites = cites,
        .cite_count = 2,
        .payload = payload(),
    };
    for (unsigned i = 0; i < P2P_SALT_BYTES; i++) {
        draft.salt[i] = (uint8_t)(0xa0 + i);
    }
    return draft;
}

static struct p2p_issuer_secret vector_key(void)
{
    struct p2p_issuer_secret key;
    uint8_t seed[P2P_SEED_BYTES];
    for (unsigned i = 0; i < sizeof(seed); i++) {
        seed[i] = (uint8_t)i;
    }
    p2p_issuer_secret_init(&key, seed);
    return key;
}

static bool verifies(struct p2p_slice head, const uint8_t *signature)
{
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    struct p2p_issuer_secret key = vector_key();
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    size_t len = p2p_record_signed_bytes(message, head, origin());
    return sigs->verify(sigs->context, key.public_key.bytes, signature,
                        p2p_slice_of(message, len));
}

/* The way an author goes: draft, leaf with nil, signature over it, leaf with signature. */
static struct p2p_slice sign(const struct p2p_draft *draft, uint8_t *leaf, size_t cap)
{
    static uint8_t unsigned_leaf[P2P_RECORD_BYTES_MAX];
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    struct p2p_issuer_secret key = vector_key();
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    struct p2p_signature signature;
    struct p2p_pack pack;
    p2p_pack_init(&pack, unsigned_leaf, sizeof(unsigned_leaf));
    CHECK_OK(p2p_record_encode(draft, origin(), &pack));
    struct p2p_slice bytes = p2p_pack_slice(&pack);
    struct p2p_slice head = p2p_slice_of(bytes.data, bytes.len - 1);
    size_t len = p2p_record_signed_bytes(message, head, origin());
    sigs->sign(sigs->context, key.seed, key.public_key.bytes, p2p_slice_of(message, len),
               &signature);
    p2p_pack_init(&pack, leaf, cap);
    CHECK_OK(p2p_record_attach(head, &signature, &pack));
    return p2p_pack_slice(&pack);
}

static void salted_of(const struct p2p_draft *draft, uint8_t *out, struct p2p_slice *salted)
{
    memcpy(out, draft->salt, P2P_SALT_BYTES);
    memcpy(out + P2P_SALT_BYTES, draft->payload.data, draft->payload.len);
    *salted = p2p_slice_of(out, P2P_SALT_BYTES + draft->payload.len);
}

/* Without this, another implementation could neither read nor verify what this one signs. */
static void test_vector(void **state)
{
    (void)state;
    uint8_t room[512], expected[256], message[P2P_SIGNED_BYTES_MAX];
    struct p2p_draft draft = draft_of_vector();
    struct p2p_slice leaf = sign(&draft, room, sizeof(room));
    size_t head_len = strlen(vector_head) / 2;
    CHECK_OK(p2p_hex_decode(expected, head_len, p2p_slice_text(vector_head)));
    CHECK(leaf.len == head_len + 2 + P2P_SIGNATURE_BYTES);
    CHECK_BYTES(leaf.data, expected, head_len);

    size_t len = p2p_record_signed_bytes(message, p2p_slice_of(leaf.data, head_len), origin());
    struct p2p_hash hash = p2p_sha256(p2p_slice_of(message, len));
    CHECK_OK(p2p_hex_decode(expected, 32, p2p_slice_text(vector_message_hash)));
    CHECK_BYTES(hash.bytes, expected, 32);

    CHECK_BYTES(leaf.data + head_len, "\xc4\x40", 2);
    CHECK_OK(p2p_hex_decode(expected, 64, p2p_slice_text(vector_signature)));
    CHECK_BYTES(leaf.data + head_len + 2, expected, 64);
}

/* Without this, a record would say something else than its author wrote. */
static void test_round_trip(void **state)
{
    (void)state;
    uint8_t room[512], salted_room[256];
    struct p2p_draft draft = draft_of_vector();
    struct p2p_slice leaf = sign(&draft, room, sizeof(room)), salted, opened;
    struct p2p_record record;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    CHECK_OK(p2p_record_decode(&record, leaf));
    CHECK(record.kind == 20 && record.circle == 2 && record.issuer == 7);
    CHECK(record.time_ms == UINT64_C(1700000000000) && record.issuer_seq == 70000);
    CHECK(record.body_type == P2P_BODY_COMMITMENT && record.content.len == 0);
    CHECK(record.cite_count == 2);
    p2p_cites_begin(&walk, &record);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(p2p_cites_next(&walk, &cite));
        CHECK(p2p_record_id_compare(&cite, &cites[i]) == 0);
    }
    CHECK(!p2p_cites_next(&walk, &cite));
    CHECK(p2p_slice_equal(record.leaf, leaf));
    CHECK(verifies(p2p_record_head(&record), record.signature));
    salted_of(&draft, salted_room, &salted);
    CHECK_OK(p2p_record_open(&record, origin(), salted, &opened));
    CHECK(p2p_slice_equal(opened, draft.payload));
}

/* Without this, a node's own records, which carry their content and no signature, would be
 * refused by peers. */
static void test_public_round_trip(void **state)
{
    (void)state;
    uint8_t room[128];
    struct p2p_draft draft = {.kind = 999, .time_ms = 1, .content = payload()};
    struct p2p_record record;
    struct p2p_pack pack;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    struct p2p_slice opened;
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_record_encode(&draft, origin(), &pack));
    CHECK_OK(p2p_record_decode(&record, p2p_pack_slice(&pack)));
    CHECK(record.kind == 999 && record.issuer == 0 && record.signature == NULL);
    CHECK(record.body_type == P2P_BODY_PUBLIC);
    CHECK(p2p_slice_equal(record.content, payload()));
    CHECK(p2p_record_head(&record).len == record.leaf.len - 1);
    p2p_cites_begin(&walk, &record);
    CHECK(!p2p_cites_next(&walk, &cite));
    CHECK_ERR(p2p_record_open(&record, origin(), payload(), &opened), P2P_COMMITMENT);

    draft.content = (struct p2p_slice){0};
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_record_encode(&draft, origin(), &pack));
    CHECK_OK(p2p_record_decode(&record, p2p_pack_slice(&pack)));
    CHECK(record.body_type == P2P_BODY_NONE && record.content.len == 0);
}

/* Without this, a leaf cut short would be taken for a whole one, or read past its end. */
static void test_truncation(void **state)
{
    (void)state;
    uint8_t room[512];
    struct p2p_draft draft = draft_of_vector();
    struct p2p_slice leaf = sign(&draft, room, sizeof(room));
    for (size_t len = 0; len < leaf.len; len++) {
        struct p2p_record record = {.kind = 12345};
        uint8_t *exact = malloc(len > 0 ? len : 1);
        CHECK(exact != NULL);
        memcpy(exact, leaf.data, len);
        enum p2p_err err = p2p_record_decode(&record, p2p_slice_of(exact, len));
        free(exact);
        CHECK_ERR(err, P2P_TRUNCATED);
        CHECK(record.kind == 12345); /* untouched on error */
    }
    room[leaf.len] = 0xc0;
    struct p2p_record record;
    CHECK_ERR(p2p_record_decode(&record, p2p_slice_of(room, leaf.len + 1)), P2P_MALFORMED);
}

/* Without this, one changed bit in a stored or sent record would act under the issuer's name.
 */
static void test_bit_flips(void **state)
{
    (void)state;
    uint8_t room[512];
    struct p2p_draft draft = draft_of_vector();
    struct p2p_slice leaf = sign(&draft, room, sizeof(room));
    unsigned decoded = 0;
    for (size_t bit = 0; bit < 8 * leaf.len; bit++) {
        struct p2p_record record;
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (p2p_record_decode(&record, leaf) == P2P_OK) {
            decoded++;
            CHECK(!verifies(p2p_record_head(&record), record.signature));
        }
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(decoded > 8 * (P2P_SIGNATURE_BYTES + P2P_HASH_BYTES)); /* flips there decode */
    CHECK(verifies(p2p_slice_of(room, leaf.len - 66), room + leaf.len - 64));
}

/* A leaf from pieces of hex, with %S for a 64-byte signature and %C for 32 bytes. */
static struct p2p_slice pieces(const char *text, uint8_t *out)
{
    size_t len = 0;
    while (*text != '\0') {
        if (*text == '%') {
            size_t n = text[1] == 'S' ? 64 : 32;
            memset(out + len, 0x55, n);
            len += n;
            text += 2;
        } else if (*text == ' ') {
            text++;
        } else {
            CHECK_OK(p2p_hex_decode(out + len, 1, p2p_slice_of(text, 2)));
            len++;
            text += 2;
        }
    }
    return p2p_slice_of(out, len);
}

/* Without this, canonical bytes that are no record would be stored as one. */
static void test_shape(void **state)
{
    static const struct {
        const char *hex;
        enum p2p_err expected;
    } leaves[] = {
        {"99 01 03 00 00 00 00 90 c0 c0", P2P_OK},
        {"99 01 03 00 00 00 00 90 80 c0", P2P_OK},
        {"99 01 10 00 00 01 01 90 c420%C c440%S", P2P_OK},
        {"99 01 10 00 00 01 00 90 c420%C c440%S", P2P_MALFORMED}, /* an issuer without number */
        {"99 01 ceffffffff 00 00 00 00 90 c0 c0", P2P_OK},        /* unknown kind */
        {"99 01 03 00 ceffffffff 00 00 90 c0 c0", P2P_OK},
        {"98 01 03 00 00 00 00 90 c0", P2P_MALFORMED},
        {"9a 01 03 00 00 00 00 90 c0 c0 c0", P2P_MALFORMED},
        {"99 00 03 00 00 00 00 90 c0 c0", P2P_MALFORMED},
        {"99 02 03 00 00 00 00 90 c0 c0", P2P_MALFORMED},
        {"99 ff 03 00 00 00 00 90 c0 c0", P2P_MALFORMED},
        {"99 01 cf0000000100000000 00 00 00 00 90 c0 c0", P2P_MALFORMED},
        {"99 01 ff 00 00 00 00 90 c0 c0", P2P_MALFORMED},
        {"99 01 03 ff 00 00 00 90 c0 c0", P2P_MALFORMED},
        {"99 01 03 00 cf0000000100000000 00 00 90 c0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 01 90 c0 c0", P2P_MALFORMED},     /* a number without issuer */
        {"99 01 03 00 00 00 00 90 c0 c440%S", P2P_MALFORMED}, /* signed by nobody */
        {"99 01 10 00 00 01 01 90 c420%C c0", P2P_MALFORMED}, /* an issuer without signature */
        {"99 01 10 00 00 01 01 90 c0 c420%C", P2P_MALFORMED}, /* 32 bytes of signature */
        {"99 01 10 00 00 01 01 90 c0 c441%S 00", P2P_MALFORMED}, /* 65 */
        {"99 01 10 00 00 01 01 90 c0 c400", P2P_MALFORMED},
        {"99 01 10 00 00 01 01 90 c0 a0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 c41f%C c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 c421%C 00 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 c400 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 00 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 c3 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 a0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 90 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 90 ff c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 91 92 00 00 c0 c0", P2P_OK},
        {"99 01 03 00 00 00 00 91 92 ceffffffff cfffffffffffffffff c0 c0", P2P_OK},
        {"99 01 03 00 00 00 00 91 91 00 c0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 91 93 00 00 00 c0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 91 92 00 ff c0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 91 92 cf0000000100000000 00 c0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 91 00 c0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 80 c0 c0", P2P_MALFORMED},
        {"99 01 03 00 00 00 00 c0 c0 c0", P2P_MALFORMED},
        {"c0", P2P_MALFORMED},
        {"80", P2P_MALFORMED},
        {"99 01 cc03 00 00 00 00 90 c0 c0", P2P_MALFORMED}, /* not canonical */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        uint8_t room[256];
        struct p2p_record record;
        enum p2p_err err = p2p_record_decode(&record, pieces(leaves[i].hex, room));
        if ((err == P2P_OK) != (leaves[i].expected == P2P_OK)) {
            print_error("%s\n", leaves[i].hex);
        }
        CHECK((err == P2P_OK) == (leaves[i].expected == P2P_OK));
    }
}

/* Without this, a record or a list of citations could be larger than every buffer allows. */
static void test_bounds(void **state)
{
    static uint8_t content[P2P_RECORD_BYTES_MAX + 16], leaf[P2P_RECORD_BYTES_MAX + 16];
    static struct p2p_record_id many[P2P_CITES_MAX + 1];
    (void)state;
    /* A note of exactly the largest size, one byte more, and what a decoder says to it. */
    for (unsigned more = 0; more < 2; more++) {
        size_t text_len = P2P_RECORD_BYTES_MAX - 9 - 9 + more; /* the record's and the map's */
        struct p2p_draft draft = {.kind = 4};
        struct p2p_record record;
        struct p2p_pack pack;
        static uint8_t text[P2P_RECORD_BYTES_MAX];
        memset(text, 'x', sizeof(text));
        p2p_pack_init(&pack, content, sizeof(content));
        p2p_pack_map(&pack, 1);
        p2p_pack_text(&pack, "text");
        p2p_pack_str(&pack, p2p_slice_of(text, text_len));
        draft.content = p2p_pack_slice(&pack);
        p2p_pack_init(&pack, leaf, sizeof(leaf));
        enum p2p_err err = p2p_record_encode(&draft, origin(), &pack);
        CHECK(p2p_pack_slice(&pack).len == P2P_RECORD_BYTES_MAX + more);
        CHECK_ERR(err, more ? P2P_TOOLARGE : P2P_OK);
        CHECK_ERR(p2p_record_decode(&record, p2p_pack_slice(&pack)),
                  more ? P2P_TOOLARGE : P2P_OK);
    }
    for (unsigned more = 0; more < 2; more++) {
        struct p2p_draft draft = {.kind = 4, .cites = many, .cite_count = P2P_CITES_MAX + more};
        struct p2p_pack pack;
        struct p2p_record record;
        struct p2p_cites walk;
        struct p2p_record_id cite;
        size_t count = 0;
        for (size_t i = 0; i < P2P_CITES_MAX + 1; i++) {
            many[i] = (struct p2p_record_id){(uint32_t)i, i << 32};
        }
        p2p_pack_init(&pack, leaf, sizeof(leaf));
        CHECK_ERR(p2p_record_encode(&draft, origin(), &pack), more ? P2P_TOOLARGE : P2P_OK);
        if (more) {
            continue;
        }
        CHECK_OK(p2p_record_decode(&record, p2p_pack_slice(&pack)));
        p2p_cites_begin(&walk, &record);
        while (p2p_cites_next(&walk, &cite)) {
            CHECK(p2p_record_id_compare(&cite, &many[count++]) == 0);
        }
        CHECK(count == P2P_CITES_MAX);
    }
    /* One citation too many in bytes that no encoder of ours would make. */
    struct p2p_record record;
    struct p2p_pack pack;
    p2p_pack_init(&pack, leaf, sizeof(leaf));
    p2p_pack_array(&pack, 9);
    p2p_pack_uint(&pack, 1);
    for (unsigned i = 0; i < 5; i++) {
        p2p_pack_uint(&pack, 0);
    }
    p2p_pack_array(&pack, P2P_CITES_MAX + 1);
    for (unsigned i = 0; i < P2P_CITES_MAX + 1; i++) {
        p2p_pack_array(&pack, 2);
        p2p_pack_uint(&pack, 0);
        p2p_pack_uint(&pack, 0);
    }
    p2p_pack_nil(&pack);
    p2p_pack_nil(&pack);
    CHECK_ERR(p2p_record_decode(&record, p2p_pack_slice(&pack)), P2P_MALFORMED);
    /* What leaves no room for the signature is refused before anybody signs. */
    for (size_t cap = 0; cap < 64; cap++) {
        struct p2p_draft draft = {.kind = 4};
        p2p_pack_init(&pack, leaf, cap);
        CHECK_ERR(p2p_record_encode(&draft, origin(), &pack), cap < 10 ? P2P_TOOLARGE : P2P_OK);
    }
}

/* Without this, an issuer's record could grow past the bound when its signature is attached. */
static void test_room_for_signature(void **state)
{
    static uint8_t content[P2P_RECORD_BYTES_MAX], leaf[P2P_RECORD_BYTES_MAX + 80];
    static uint8_t text[P2P_RECORD_BYTES_MAX];
    (void)state;
    for (size_t spare = 0; spare < 80; spare++) {
        struct p2p_draft draft = {.kind = 4, .issuer = 1, .issuer_seq = 1};
        struct p2p_pack pack;
        memset(text, 'x', sizeof(text));
        p2p_pack_init(&pack, content, sizeof(content));
        p2p_pack_map(&pack, 1);
        p2p_pack_text(&pack, "text");
        p2p_pack_str(&pack, p2p_slice_of(text, P2P_RECORD_BYTES_MAX - 18 - spare));
        draft.content = p2p_pack_slice(&pack);
        p2p_pack_init(&pack, leaf, P2P_RECORD_BYTES_MAX);
        enum p2p_err err = p2p_record_encode(&draft, origin(), &pack);
        CHECK_ERR(err, spare < 65 ? P2P_TOOLARGE : P2P_OK);
        if (err == P2P_OK) {
            struct p2p_record record;
            struct p2p_slice signed_leaf = sign(&draft, leaf, sizeof(leaf));
            CHECK(signed_leaf.len == P2P_RECORD_BYTES_MAX + 65 - spare);
            CHECK_OK(p2p_record_decode(&record, signed_leaf));
        }
    }
}

/* Without this, a payload could be moved to another record, or be changed after the fact. */
static void test_commitment(void **state)
{
    (void)state;
    uint8_t room[512], salted_room[256];
    struct p2p_draft draft = draft_of_vector();
    struct p2p_slice leaf = sign(&draft, room, sizeof(room)), salted, opened = {0};
    struct p2p_record record, other;
    CHECK_OK(p2p_record_decode(&record, leaf));
    salted_of(&draft, salted_room, &salted);
    for (size_t bit = 0; bit < 8 * salted.len; bit++) {
        salted_room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(p2p_record_open(&record, origin(), salted, &opened), P2P_COMMITMENT);
        salted_room[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < salted.len; len++) {
        CHECK_ERR(p2p_record_open(&record, origin(), p2p_slice_of(salted_room, len), &opened),
                  P2P_COMMITMENT);
    }
    CHECK(opened.len == 0);
    CHECK_ERR(
        p2p_record_open(&record, p2p_slice_text("port.example/antwerp/2"), salted, &opened),
        P2P_COMMITMENT);
    other = record;
    other.circle++;
    CHECK_ERR(p2p_record_open(&other, origin(), salted, &opened), P2P_COMMITMENT);
    other = record;
    other.kind++;
    CHECK_ERR(p2p_record_open(&other, origin(), salted, &opened), P2P_COMMITMENT);
    other = record;
    other.issuer++;
    CHECK_ERR(p2p_record_open(&other, origin(), salted, &opened), P2P_COMMITMENT);
    other = record;
    other.issuer_seq++;
    CHECK_ERR(p2p_record_open(&other, origin(), salted, &opened), P2P_COMMITMENT);
    CHECK_OK(p2p_record_open(&record, origin(), salted, &opened));
}

/* Without this, bytes that are no canonical value, or too many, would reach the folds though
 * their author committed to them. */
static void test_bad_payload(void **state)
{
    static uint8_t large[P2P_SALT_BYTES + P2P_PAYLOAD_BYTES_MAX + 1];
    static const struct {
        const char *bytes;
        size_t len;
        enum p2p_err expected;
    } payloads[] = {
        {"\xcc\x01", 2, P2P_MALFORMED},
        {"\x81\xa1", 2, P2P_TRUNCATED},
        {"\x80\x80", 2, P2P_MALFORMED},
        {"\x80", 1, P2P_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        uint8_t room[512], salted_room[64];
        struct p2p_draft draft = draft_of_vector();
        struct p2p_slice salted, opened;
        struct p2p_record record;
        draft.payload = p2p_slice_of(payloads[i].bytes, payloads[i].len);
        CHECK_OK(p2p_record_decode(&record, sign(&draft, room, sizeof(room))));
        salted_of(&draft, salted_room, &salted);
        CHECK_ERR(p2p_record_open(&record, origin(), salted, &opened), payloads[i].expected);
    }
    uint8_t room[512];
    struct p2p_draft draft = draft_of_vector();
    struct p2p_record record;
    struct p2p_slice opened;
    CHECK_OK(p2p_record_decode(&record, sign(&draft, room, sizeof(room))));
    CHECK_ERR(p2p_record_open(&record, origin(), p2p_slice_of(large, sizeof(large)), &opened),
              P2P_TOOLARGE);
    draft.payload = p2p_slice_of(large, P2P_PAYLOAD_BYTES_MAX + 1);
    struct p2p_pack pack;
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_ERR(p2p_record_encode(&draft, origin(), &pack), P2P_TOOLARGE);
}

/* Without this, keys and lists of ids would not stand in the order of the world. */
static void test_id_order(void **state)
{
    static const struct p2p_record_id ids[] = {{0, 0}, {0, 1},          {0, UINT64_MAX},
                                               {1, 0}, {1, 1ull << 40}, {UINT32_MAX, 0}};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            int order = p2p_record_id_compare(&ids[i], &ids[j]);
            CHECK((order < 0) == (i < j) && (order > 0) == (i > j));
        }
    }
}

/* What decoding takes is the canonical bytes that are a record, and no others. */
static void check_decode(struct p2p_slice leaf)
{
    struct p2p_record record;
    enum p2p_err canonical = p2p_wire_check(leaf);
    enum p2p_err shape = p2p_record_peek(&record, leaf);
    CHECK_ERR(p2p_record_decode(&record, leaf), canonical != P2P_OK ? canonical : shape);
}

/* Every byte of a leaf changed to every other, and every one left out. */
static void check_neighbours(uint8_t *leaf, size_t len)
{
    uint8_t *cut = malloc(len);
    CHECK(cut != NULL && len > 0);
    for (size_t at = 0; at < len; at++) {
        uint8_t was = leaf[at];
        for (unsigned value = 0; value < 256; value++) {
            leaf[at] = (uint8_t)value;
            check_decode(p2p_slice_of(leaf, len));
        }
        leaf[at] = was;
        memcpy(cut, leaf, at);
        memcpy(cut + at, leaf + at + 1, len - at - 1);
        check_decode(p2p_slice_of(cut, len - 1));
    }
    free(cut);
}

/* Without this, decoding in one pass would let in what is not canonical: in a map of the
 * content, which nothing else reads, or nested too deeply by that one level. */
static void test_decode_proves_form(void **state)
{
    static const uint8_t maps[] = "\x82\xa1"
                                  "a\x93\xcd\x01\x02\xc4\x01\x80\xa2\xc3\xa9\xa1"
                                  "b\x81\xa1"
                                  "c\xd0\x80";
    uint8_t room[512];
    uint8_t deep[3 + P2P_WIRE_DEPTH_MAX];
    struct p2p_draft draft = draft_of_vector();
    struct p2p_pack pack;
    (void)state;
    struct p2p_slice leaf = sign(&draft, room, sizeof(room));
    check_neighbours(room, leaf.len);
    draft.payload = (struct p2p_slice){0};
    draft.content = p2p_slice_of(maps, sizeof(maps) - 1);
    leaf = sign(&draft, room, sizeof(room));
    check_decode(leaf);
    check_neighbours(room, leaf.len);
    for (size_t levels = P2P_WIRE_DEPTH_MAX - 3; levels <= P2P_WIRE_DEPTH_MAX; levels++) {
        struct p2p_record record;
        memcpy(deep,
               "\x81\xa1"
               "a",
               3);
        memset(deep + 3, 0x91, levels - 1);
        deep[2 + levels] = 0x90;
        draft = (struct p2p_draft){.kind = 999, .content = p2p_slice_of(deep, 3 + levels)};
        p2p_pack_init(&pack, room, sizeof(room));
        CHECK_OK(p2p_record_encode(&draft, origin(), &pack));
        check_decode(p2p_pack_slice(&pack));
        CHECK((p2p_record_decode(&record, p2p_pack_slice(&pack)) == P2P_OK) ==
              (levels + 2 <= P2P_WIRE_DEPTH_MAX)); /* the leaf and the map lie around it */
    }
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init() == P2P_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_public_round_trip),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_room_for_signature),
        cmocka_unit_test(test_commitment),
        cmocka_unit_test(test_bad_payload),
        cmocka_unit_test(test_id_order),
        cmocka_unit_test(test_decode_proves_form),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
