#include <p2p/cosigned.h>

#include <p2p/assert.h>

enum {
    FORMAT = 1,
    KEY_BYTES = 5,
};

size_t p2p_cosigned_encode(const struct p2p_cosigned *cosigned,
                           uint8_t bytes[P2P_COSIGNED_BYTES_MAX])
{
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, P2P_COSIGNED_BYTES_MAX);
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u64(&out, cosigned->size);
    p2p_writer_bytes(&out, cosigned->root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(&out, cosigned->log.bytes, P2P_SIGNATURE_BYTES);
    p2p_writer_u8(&out, (uint8_t)cosigned->count);
    for (uint32_t i = 0; i < cosigned->count; i++) {
        p2p_writer_u32(&out, cosigned->witnesses[i]);
        p2p_writer_u64(&out, cosigned->cosignatures[i].time_s);
        p2p_writer_bytes(&out, cosigned->cosignatures[i].signature.bytes, P2P_SIGNATURE_BYTES);
    }
    p2p_assert(!out.failed);
    return out.len;
}

enum p2p_err p2p_cosigned_decode(struct p2p_cosigned *out, struct p2p_slice bytes)
{
    struct p2p_reader in;
    struct p2p_cosigned held = {.has_log = true};
    p2p_reader_init(&in, bytes);
    uint8_t format = p2p_reader_u8(&in);
    held.size = p2p_reader_u64(&in);
    p2p_reader_copy(&in, held.root.bytes, P2P_HASH_BYTES);
    p2p_reader_copy(&in, held.log.bytes, P2P_SIGNATURE_BYTES);
    held.count = p2p_reader_u8(&in);
    for (unsigned i = 0; i < held.count && i < P2P_COSIGNERS_MAX; i++) {
        held.witnesses[i] = p2p_reader_u32(&in);
        held.cosignatures[i].time_s = p2p_reader_u64(&in);
        p2p_reader_copy(&in, held.cosignatures[i].signature.bytes, P2P_SIGNATURE_BYTES);
    }
    if (!p2p_reader_done(&in) || format != FORMAT || held.count > P2P_COSIGNERS_MAX) {
        return P2P_CORRUPT;
    }
    *out = held;
    return P2P_OK;
}

static struct p2p_slice quorum_key(uint8_t out[KEY_BYTES], uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u8(&key, 'q');
    return p2p_writer_slice(&key);
}

enum p2p_err p2p_quorum_load(struct p2p_cosigned *out, const struct p2p_kv *kv, uint32_t feed)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_FEED, quorum_key(key, feed), &value);
    return err == P2P_OK ? p2p_cosigned_decode(out, value) : err;
}

enum p2p_err p2p_quorum_store(const struct p2p_cosigned *quorum, const struct p2p_kv *kv,
                              uint32_t feed)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[P2P_COSIGNED_BYTES_MAX];
    return p2p_kv_put(kv, P2P_TABLE_FEED, quorum_key(key, feed),
                      p2p_slice_of(value, p2p_cosigned_encode(quorum, value)));
}

enum p2p_err p2p_cosigned_note(const struct p2p_charter *charter, uint32_t feed,
                               const struct p2p_cosigned *quorum, char *out, size_t cap,
                               size_t *len)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed);
    if (info == NULL) {
        return P2P_UNKNOWN;
    }
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = quorum->size, .root = quorum->root};
    size_t at = p2p_checkpoint_note(&checkpoint, info->key.bytes, &quorum->log, out, cap);
    for (uint32_t i = 0; i < quorum->count && at > 0; i++) {
        uint32_t witness = quorum->witnesses[i];
        const struct p2p_witness_public *key = p2p_charter_witness_key(charter, witness);
        if (key != NULL) {
            char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
            const struct p2p_member *member =
                p2p_charter_member(charter, p2p_witness_member(witness));
            size_t name_len = p2p_witness_name(name, p2p_charter_federation(charter),
                                               member->name, p2p_witness_generation(witness));
            at = p2p_checkpoint_note_add(out, cap, at, p2p_slice_of(name, name_len), key->bytes,
                                         &quorum->cosignatures[i]);
        }
    }
    if (at == 0) {
        return P2P_TOOLARGE;
    }
    *len = at;
    return P2P_OK;
}

enum p2p_err p2p_quorum_note(const struct p2p_charter *charter, const struct p2p_kv *kv,
                             uint32_t feed, char *out, size_t cap, size_t *len)
{
    struct p2p_cosigned quorum;
    enum p2p_err err = p2p_quorum_load(&quorum, kv, feed);
    return err == P2P_OK ? p2p_cosigned_note(charter, feed, &quorum, out, cap, len) : err;
}
