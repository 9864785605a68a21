/* What a `rescued` record carries: its payload, put together and taken apart. */
#include <p2p/rescued.h>

#include <p2p/assert.h>
#include <p2p/ban.h>
#include <p2p/right.h>

bool p2p_rescued_is_ban(uint32_t kind)
{
    return kind == P2P_KIND_BAN_IMPOSE || kind == P2P_KIND_BAN_AMEND;
}

bool p2p_rescued_kind(uint32_t kind)
{
    return p2p_rescued_is_ban(kind) || kind == P2P_KIND_RIGHT_BLOCK || kind == P2P_KIND_USE;
}

/* ---- packing ---- */

enum p2p_err p2p_rescued_pack(struct p2p_pack *pack, const struct p2p_rescued *rescued)
{
    p2p_pack_map(pack, 4);
    p2p_pack_text(pack, "feed");
    p2p_pack_uint(pack, rescued->feed);
    p2p_pack_text(pack, "index");
    p2p_pack_uint(pack, rescued->index);
    p2p_pack_text(pack, "leaf");
    p2p_pack_bin(pack, rescued->leaf.data, rescued->leaf.len);
    if (rescued->proof.len > 0) {
        p2p_pack_text(pack, "proof");
        p2p_pack_bin(pack, rescued->proof.data, rescued->proof.len);
    } else {
        p2p_pack_text(pack, "salted");
        p2p_pack_bin(pack, rescued->salted.data, rescued->salted.len);
    }
    return p2p_pack_failed(pack) || p2p_pack_slice(pack).len > P2P_PAYLOAD_BYTES_MAX
               ? P2P_TOOLARGE
               : P2P_OK;
}

struct p2p_slice p2p_rescued_prove(const struct p2p_rescued_proof *proof, uint8_t *out)
{
    struct p2p_writer to;
    p2p_writer_init(&to, out, P2P_RESCUED_PROOF_BYTES_MAX);
    p2p_writer_u64(&to, proof->head.size);
    p2p_writer_bytes(&to, proof->head.root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(&to, proof->head.signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_writer_u8(&to, (uint8_t)proof->path.count);
    for (size_t i = 0; i < proof->path.count; i++) {
        p2p_writer_bytes(&to, proof->path.hashes[i].bytes, P2P_HASH_BYTES);
    }
    p2p_assert(!to.failed);
    return p2p_writer_slice(&to);
}

/* ---- taking apart ---- */

static bool read_proof(struct p2p_rescued_proof *out, struct p2p_slice bytes)
{
    struct p2p_reader in;
    p2p_reader_init(&in, bytes);
    out->head.size = p2p_reader_u64(&in);
    p2p_reader_copy(&in, out->head.root.bytes, P2P_HASH_BYTES);
    p2p_reader_copy(&in, out->head.signature.bytes, P2P_SIGNATURE_BYTES);
    out->path.count = p2p_reader_u8(&in);
    if (out->path.count > P2P_PROOF_HASHES_MAX) {
        return false;
    }
    for (size_t i = 0; i < out->path.count; i++) {
        p2p_reader_copy(&in, out->path.hashes[i].bytes, P2P_HASH_BYTES);
    }
    return p2p_reader_done(&in);
}

/* Whether a payload is that of the ban or block it is said to be. Who signed it is not asked
 * here: one that says nothing forbids nothing, whoever may have meant it. */
static bool is_of_its_kind(const struct p2p_rescued *rescued)
{
    struct p2p_ban ban = {.id = {0, 0}};
    const struct p2p_record *record = &rescued->record;
    return p2p_wire_check(rescued->payload) == P2P_OK &&
           p2p_kind_validate(p2p_kind_find(record->kind), rescued->payload) == P2P_OK &&
           (record->kind == P2P_KIND_RIGHT_BLOCK
                ? record->cite_count <= P2P_RIGHT_CITES_MAX
                : p2p_ban_read_content(&ban, rescued->payload) == P2P_OK);
}

/* A release says all in its leaf, which nobody signed: it stands below a head of its feed. */
static bool is_release(struct p2p_rescued *rescued)
{
    const struct p2p_record *record = &rescued->record;
    struct p2p_rescued_proof proof;
    return record->issuer == 0 && record->body_type == P2P_BODY_PUBLIC &&
           p2p_kind_validate(p2p_kind_find(record->kind), record->content) == P2P_OK &&
           read_proof(&proof, rescued->proof) &&
           p2p_inclusion_verify(&rescued->hash, rescued->index, proof.head.size,
                                proof.path.hashes, proof.path.count,
                                &proof.head.root) == P2P_OK;
}

/* A ban or block: its salt and payload go with it. */
static bool is_signed(struct p2p_rescued *rescued)
{
    if (rescued->salted.len <= P2P_SALT_BYTES || rescued->record.issuer == 0 ||
        rescued->record.body_type != P2P_BODY_COMMITMENT) {
        return false;
    }
    rescued->payload = p2p_slice_of(rescued->salted.data + P2P_SALT_BYTES,
                                    rescued->salted.len - P2P_SALT_BYTES);
    return is_of_its_kind(rescued);
}

enum p2p_err p2p_rescued_parse(struct p2p_rescued *out, struct p2p_slice payload)
{
    enum { FEED, INDEX, LEAF, PROOF, SALTED, COUNT };
    static const char *const names[COUNT] = {"feed", "index", "leaf", "proof", "salted"};
    struct p2p_slice values[COUNT];
    struct p2p_unpack in;
    struct p2p_rescued rescued = {.feed = 0};
    if (!p2p_unpack_fields(payload, names, values, COUNT) ||
        (values[PROOF].len > 0) == (values[SALTED].len > 0)) {
        return P2P_MALFORMED;
    }
    p2p_unpack_init(&in, values[FEED]);
    rescued.feed = p2p_unpack_u32(&in);
    bool shape = p2p_unpack_done(&in);
    p2p_unpack_init(&in, values[INDEX]);
    rescued.index = p2p_unpack_uint(&in);
    shape = shape && p2p_unpack_done(&in);
    p2p_unpack_init(&in, values[LEAF]);
    rescued.leaf = p2p_unpack_bin(&in);
    p2p_unpack_init(&in, values[PROOF].len > 0 ? values[PROOF] : values[SALTED]);
    if (values[PROOF].len > 0) {
        rescued.proof = p2p_unpack_bin(&in);
    } else {
        rescued.salted = p2p_unpack_bin(&in);
    }
    if (!shape || p2p_record_decode(&rescued.record, rescued.leaf) != P2P_OK ||
        !p2p_rescued_kind(rescued.record.kind)) {
        return P2P_MALFORMED;
    }
    rescued.hash = p2p_leaf_hash(rescued.leaf);
    if (rescued.record.kind == P2P_KIND_USE ? !is_release(&rescued) : !is_signed(&rescued)) {
        return P2P_MALFORMED;
    }
    *out = rescued;
    return P2P_OK;
}

enum p2p_err p2p_rescued_read(struct p2p_rescued *out, const struct p2p_charter *charter,
                              struct p2p_slice payload)
{
    struct p2p_rescued rescued;
    enum p2p_err err = p2p_rescued_parse(&rescued, payload);
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_feed_info *info = p2p_charter_feed(charter, rescued.feed);
    if (info == NULL || info->member == 0 ||
        (rescued.proof.len == 0 &&
         p2p_record_open(&rescued.record, p2p_slice_text(info->origin), rescued.salted,
                         &rescued.payload) != P2P_OK)) {
        return P2P_MALFORMED;
    }
    *out = rescued;
    return P2P_OK;
}

/* Whether the feed signed the head that a release stands below. */
static bool is_feeds(const struct p2p_ledger *ledger, const struct p2p_rescued *rescued)
{
    struct p2p_rescued_proof proof;
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, rescued->feed);
    if (info == NULL || !read_proof(&proof, rescued->proof)) {
        return false;
    }
    const struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(info->origin),
                                              .size = proof.head.size,
                                              .root = proof.head.root};
    return p2p_checkpoint_verify_feed(&checkpoint, ledger->sigs, &info->key,
                                      &proof.head.signature) == P2P_OK;
}

bool p2p_rescued_carries(const struct p2p_ledger *ledger, const struct p2p_entry *entry,
                         struct p2p_rescued *out)
{
    struct p2p_rescued rescued;
    if (entry->record.kind != P2P_KIND_RESCUED || entry->record.issuer != 0 ||
        entry->record.cite_count != 0 || entry->payload.len == 0 ||
        p2p_rescued_read(&rescued, ledger->charter, entry->payload) != P2P_OK ||
        rescued.record.circle != entry->record.circle ||
        (rescued.proof.len > 0 && !is_feeds(ledger, &rescued))) {
        return false;
    }
    *out = rescued;
    return true;
}
