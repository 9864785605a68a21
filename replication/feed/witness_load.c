/* What is stored of witnessing a feed: the newest quorum, and what this node cosigned itself.
 */
#include "witness_parts.h"

#include <string.h>

enum {
    OWN_FORMAT = 2, /* of the row of what this node cosigned */
    KEY_BYTES = 5,
    SUM_BYTES = 8,
    OWN_BYTES = 8 + P2P_HASH_BYTES + 8,
};

static struct p2p_slice own_key(uint8_t out[KEY_BYTES], uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u8(&key, 'w');
    return p2p_writer_slice(&key);
}

void p2p_witnessing_deinit(struct p2p_witnessing *witnessing)
{
    if (witnessing->alloc == NULL) {
        return;
    }
    p2p_witnessing_drop(witnessing, 0);
    p2p_alloc_free(witnessing->alloc, witnessing->ahead);
    p2p_alloc_free(witnessing->alloc, witnessing->holdings);
    p2p_alloc_free(witnessing->alloc, witnessing->marked);
    *witnessing = (struct p2p_witnessing){0};
}

/* The stored quorum as the only candidate. */
static enum p2p_err load_quorum(struct p2p_witnessing *witnessing, const struct p2p_kv *kv,
                                uint32_t feed)
{
    struct p2p_cosigned quorum;
    enum p2p_err err = p2p_quorum_load(&quorum, kv, feed);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    struct p2p_candidate *candidate =
        p2p_alloc_zeroed(witnessing->alloc, 1, sizeof(*candidate));
    struct p2p_cosigner *cosigners =
        p2p_alloc_zeroed(witnessing->alloc, quorum.count, sizeof(*cosigners));
    if (candidate == NULL || (cosigners == NULL && quorum.count > 0)) {
        p2p_alloc_free(witnessing->alloc, candidate);
        p2p_alloc_free(witnessing->alloc, cosigners);
        return P2P_NOMEM;
    }
    for (uint32_t i = 0; i < quorum.count; i++) {
        cosigners[i] = (struct p2p_cosigner){quorum.witnesses[i], quorum.cosignatures[i]};
    }
    *candidate = (struct p2p_candidate){.size = quorum.size,
                                        .root = quorum.root,
                                        .log = quorum.log,
                                        .has_log = true,
                                        .count = quorum.count,
                                        .cosigners = cosigners};
    witnessing->candidates = candidate;
    witnessing->candidate_count = 1;
    witnessing->quorum_size = quorum.size;
    witnessing->quorum_root = quorum.root;
    return P2P_OK;
}

/* The first bytes of SHA-256 over key and content: nothing else would show a changed bit. */
static void own_sum(uint8_t out[SUM_BYTES], struct p2p_slice key, struct p2p_slice content)
{
    const struct p2p_slice parts[] = {key, content};
    struct p2p_hash hash = p2p_sha256_many(parts, 2);
    memcpy(out, hash.bytes, SUM_BYTES);
}

/* What was cosigned last; own_damaged when the disk changed it. */
static void read_own(struct p2p_witnessing *loaded, struct p2p_slice key,
                     struct p2p_slice value)
{
    struct p2p_reader in;
    uint8_t sum[SUM_BYTES];
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    struct p2p_slice stated = p2p_reader_bytes(&in, SUM_BYTES);
    struct p2p_slice content = p2p_reader_bytes(&in, OWN_BYTES);
    if (!p2p_reader_done(&in) || format != OWN_FORMAT) {
        loaded->own_damaged = true;
        return;
    }
    own_sum(sum, key, content);
    loaded->own_damaged = memcmp(sum, stated.data, SUM_BYTES) != 0;
    if (!loaded->own_damaged) {
        p2p_reader_init(&in, content);
        loaded->cosigned_size = p2p_reader_u64(&in);
        p2p_reader_bytes(&in, P2P_HASH_BYTES);
        loaded->cosigned_time_s = p2p_reader_u64(&in);
    }
}

static enum p2p_err load_own(struct p2p_witnessing *witnessing, const struct p2p_kv *kv,
                             uint32_t feed)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    struct p2p_slice name = own_key(key, feed);
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_FEED, name, &value);
    if (err == P2P_OK) {
        read_own(witnessing, name, value);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_witnessing_load(struct p2p_witnessing *witnessing,
                                 const struct p2p_alloc *alloc, const struct p2p_kv *kv,
                                 uint32_t feed)
{
    struct p2p_witnessing loaded = {.alloc = alloc};
    enum p2p_err err = load_quorum(&loaded, kv, feed);
    if (err == P2P_OK) {
        err = load_own(&loaded, kv, feed);
    }
    if (err == P2P_OK) {
        err = p2p_history_load(&loaded.history, kv, feed, loaded.quorum_size);
    }
    if (err != P2P_OK) {
        p2p_witnessing_deinit(&loaded);
        return err;
    }
    *witnessing = loaded;
    return P2P_OK;
}

bool p2p_witnessing_check(struct p2p_witnessing *witnessing, const struct p2p_charter *charter,
                          uint32_t feed, const struct p2p_sigs *sigs)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed);
    if (witnessing->candidate_count == 0 || info == NULL) {
        return true;
    }
    const struct p2p_candidate *loaded = &witnessing->candidates[0];
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = loaded->size, .root = loaded->root};
    bool sound =
        p2p_checkpoint_verify_feed(&checkpoint, sigs, &info->key, &loaded->log) == P2P_OK &&
        p2p_candidate_quorum(loaded, charter, feed);
    for (uint32_t i = 0; i < loaded->count && sound; i++) {
        const struct p2p_cosigner *cosigner = &loaded->cosigners[i];
        const struct p2p_witness_public *key =
            p2p_charter_witness_key(charter, cosigner->witness);
        sound = key != NULL && p2p_cosignature_verify_witness(&checkpoint, sigs, key,
                                                              &cosigner->cosignature) == P2P_OK;
    }
    if (!sound) {
        p2p_witnessing_drop(witnessing, 0);
        witnessing->quorum_size = 0;
        witnessing->quorum_root = (struct p2p_hash){{0}};
    }
    return sound;
}

enum p2p_err p2p_witnessing_store_own(const struct p2p_witnessing *witnessing,
                                      const struct p2p_kv *kv, uint32_t feed,
                                      const struct p2p_hash *root)
{
    uint8_t key[KEY_BYTES];
    uint8_t content[OWN_BYTES];
    uint8_t value[1 + SUM_BYTES + OWN_BYTES];
    uint8_t sum[SUM_BYTES];
    struct p2p_slice name = own_key(key, feed);
    struct p2p_writer out;
    p2p_writer_init(&out, content, sizeof(content));
    p2p_writer_u64(&out, witnessing->cosigned_size);
    p2p_writer_bytes(&out, root->bytes, P2P_HASH_BYTES);
    p2p_writer_u64(&out, witnessing->cosigned_time_s);
    own_sum(sum, name, p2p_writer_slice(&out));
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, OWN_FORMAT);
    p2p_writer_bytes(&out, sum, sizeof(sum));
    p2p_writer_bytes(&out, content, sizeof(content));
    return p2p_kv_put(kv, P2P_TABLE_FEED, name, p2p_writer_slice(&out));
}
