/* Any bytes as a leaf, as a payload, as a charter entry and as a value of the ban view: each
 * decoder stays inside its bounds, and what it takes is canonical. */
#include <p2p/assert.h>
#include <p2p/ban.h>
#include <p2p/charter_op.h>
#include <p2p/kind.h>
#include <p2p/record.h>

#include <stdlib.h>
#include <string.h>

static bool inside(struct p2p_slice part, struct p2p_slice whole)
{
    return part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* A leaf that decodes is the only encoding of what it says. */
static void encode_again(const struct p2p_record *record)
{
    static uint8_t room[P2P_RECORD_BYTES_MAX];
    static struct p2p_record_id cites[P2P_CITES_MAX];
    struct p2p_cites walk;
    struct p2p_pack pack;
    size_t count = 0;
    p2p_cites_begin(&walk, record);
    while (p2p_cites_next(&walk, &cites[count])) {
        count++;
        if (count == P2P_CITES_MAX) {
            break;
        }
    }
    p2p_assert(count == record->cite_count);
    p2p_pack_init(&pack, room, sizeof(room));
    p2p_pack_array(&pack, 9);
    p2p_pack_uint(&pack, P2P_RECORD_VERSION);
    p2p_pack_uint(&pack, record->kind);
    p2p_pack_uint(&pack, record->time_ms);
    p2p_pack_uint(&pack, record->circle);
    p2p_pack_uint(&pack, record->issuer);
    p2p_pack_uint(&pack, record->issuer_seq);
    p2p_pack_array(&pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        p2p_pack_array(&pack, 2);
        p2p_pack_uint(&pack, cites[i].feed);
        p2p_pack_uint(&pack, cites[i].index);
    }
    switch (record->body_type) {
    case P2P_BODY_NONE:
        p2p_pack_nil(&pack);
        break;
    case P2P_BODY_COMMITMENT:
        p2p_pack_bin(&pack, record->commitment.bytes, P2P_HASH_BYTES);
        break;
    case P2P_BODY_PUBLIC:
        p2p_pack_raw(&pack, record->content);
        break;
    }
    struct p2p_slice head = p2p_record_head(record);
    p2p_assert(p2p_slice_equal(p2p_pack_slice(&pack), head));
    if (record->signature != NULL) {
        p2p_pack_bin(&pack, record->signature, P2P_SIGNATURE_BYTES);
    } else {
        p2p_pack_nil(&pack);
    }
    p2p_assert(p2p_slice_equal(p2p_pack_slice(&pack), record->leaf));
}

static void try_leaf(struct p2p_slice bytes)
{
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    struct p2p_record record;
    if (p2p_record_decode(&record, bytes) != P2P_OK) {
        return;
    }
    p2p_assert(p2p_wire_check(bytes) == P2P_OK);
    p2p_assert(inside(record.cites, bytes) && inside(record.content, bytes));
    p2p_assert((record.signature != NULL) == (record.issuer != 0));
    encode_again(&record);
    size_t len =
        p2p_record_signed_bytes(message, p2p_record_head(&record), p2p_slice_text("f/m/1"));
    p2p_assert(len <= sizeof(message));
    const struct p2p_kind *kind = p2p_kind_find(record.kind);
    if (kind != NULL && record.body_type == P2P_BODY_PUBLIC) {
        enum p2p_err err = p2p_kind_validate(kind, record.content);
        p2p_assert(err == P2P_OK || err == P2P_MALFORMED || err == P2P_TOOLARGE);
    }
}

static void try_subjects(struct p2p_slice subjects)
{
    struct p2p_unpack in, shown;
    p2p_unpack_init(&in, subjects);
    p2p_unpack_init(&shown, subjects);
    uint32_t count = p2p_unpack_array(&in);
    p2p_unpack_array(&shown);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_subject_key key;
        char text[P2P_SUBJECT_BYTES_MAX + 64];
        if (!p2p_subject_unpack(&in, &key)) {
            return;
        }
        p2p_assert(key.len <= sizeof(key.bytes));
        p2p_assert(p2p_subject_print(&shown, "ports", text, sizeof(text)));
        for (const char *c = text; *c != '\0'; c++) {
            p2p_assert((unsigned char)*c >= 0x20 && *c != 0x7f);
        }
    }
}

static void try_payload(struct p2p_slice bytes)
{
    size_t count;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    if (p2p_wire_check(bytes) != P2P_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct p2p_ban ban = {.circle = 1};
        if (p2p_kind_validate(kinds[i], bytes) == P2P_OK &&
            kinds[i]->number == P2P_KIND_BAN_IMPOSE &&
            p2p_ban_read_content(&ban, bytes) == P2P_OK) {
            p2p_assert(inside(ban.subjects, bytes) && inside(ban.scope, bytes));
            p2p_ban_has_effect(&ban, p2p_slice_text("work"));
            p2p_ban_covers(&ban, p2p_slice_text("BEANR"));
            try_subjects(ban.subjects);
        }
    }
    try_subjects(bytes);
}

static void try_view_value(struct p2p_slice bytes)
{
    const struct p2p_record_id id = {1, 2};
    struct p2p_ban ban;
    if (p2p_ban_decode(&ban, &id, 1, bytes) == P2P_OK) {
        p2p_ban_state_at(&ban, 1);
        p2p_ban_has_effect(&ban, p2p_slice_text("enter"));
    }
}

static void try_charter_entry(struct p2p_slice bytes)
{
    struct p2p_version version;
    struct p2p_arena arena;
    p2p_arena_init(&arena, p2p_alloc_default(), P2P_VERSION_ARENA_BYTES_MAX);
    enum p2p_err err = p2p_version_decode(&version, bytes, &arena);
    p2p_assert(err != P2P_NOMEM); /* the cap always suffices */
    p2p_assert(err != P2P_OK || version.op_count <= P2P_CHARTER_OPS_MAX);
    p2p_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_slice bytes = p2p_slice_of(data, size);
    struct p2p_subject subject;
    try_leaf(bytes);
    try_payload(bytes);
    try_view_value(bytes);
    try_charter_entry(bytes);
    if (p2p_subject_parse(&subject, bytes) == P2P_OK) {
        p2p_assert(strlen(subject.value) < sizeof(subject.value));
    }
    return 0;
}
