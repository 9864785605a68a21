#include <p2p/witness.h>

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

enum {
    FORMAT = 1,
    OWN_FORMAT = 2, /* of the row of what this node cosigned */
    KEY_BYTES = 5,
    SUM_BYTES = 8,
    OWN_BYTES = 8 + P2P_HASH_BYTES + 8,
};

static struct p2p_slice row_key(uint8_t out[KEY_BYTES], uint32_t feed, char what)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u8(&key, (uint8_t)what);
    return p2p_writer_slice(&key);
}

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

enum p2p_err p2p_quorum_load(struct p2p_cosigned *out, const struct p2p_kv *kv, uint32_t feed)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_FEED, row_key(key, feed, 'q'), &value);
    return err == P2P_OK ? p2p_cosigned_decode(out, value) : err;
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

enum p2p_err p2p_witnessing_load(struct p2p_witnessing *witnessing, const struct p2p_kv *kv,
                                 uint32_t feed)
{
    uint8_t key[KEY_BYTES];
    struct p2p_slice value;
    struct p2p_witnessing loaded = {0};
    enum p2p_err err = p2p_quorum_load(&loaded.candidates[0], kv, feed);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    loaded.quorum_size = loaded.candidates[0].size;
    loaded.quorum_root = loaded.candidates[0].root;
    err = p2p_kv_get(kv, P2P_TABLE_FEED, row_key(key, feed, 'w'), &value);
    if (err == P2P_OK) {
        read_own(&loaded, p2p_slice_of(key, KEY_BYTES), value);
    } else if (err != P2P_NOTFOUND) {
        return err;
    }
    err = p2p_history_load(&loaded.history, kv, feed, loaded.quorum_size);
    if (err == P2P_OK) {
        *witnessing = loaded;
    }
    return err;
}

bool p2p_witnessing_check(struct p2p_witnessing *witnessing, const struct p2p_charter *charter,
                          uint32_t feed, const struct p2p_sigs *sigs)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed);
    struct p2p_cosigned *loaded = &witnessing->candidates[0];
    if (loaded->size == 0 || info == NULL) {
        return true;
    }
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = loaded->size, .root = loaded->root};
    bool sound =
        p2p_checkpoint_verify_feed(&checkpoint, sigs, &info->key, &loaded->log) == P2P_OK &&
        p2p_charter_quorum(charter, feed, loaded->witnesses, loaded->count);
    for (uint32_t i = 0; i < loaded->count && sound; i++) {
        const struct p2p_witness_public *key =
            p2p_charter_witness_key(charter, loaded->witnesses[i]);
        sound = key != NULL && p2p_cosignature_verify_witness(
                                   &checkpoint, sigs, key, &loaded->cosignatures[i]) == P2P_OK;
    }
    if (!sound) {
        *loaded = (struct p2p_cosigned){.size = 0};
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
    struct p2p_slice name = row_key(key, feed, 'w');
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

void p2p_witnessing_mark(struct p2p_witnessing *witnessing, uint64_t before,
                         const struct p2p_tree_head *head, uint64_t mono_ms)
{
    struct p2p_marked_head *marked = &witnessing->marked[witnessing->marked_at];
    struct p2p_marked_head passed = {.head = *head};
    for (uint64_t changed = before ^ head->size; changed > 1; changed >>= 1) {
        passed.level++;
    }
    if (mono_ms - witnessing->marked_mono_ms >= P2P_MARK_EVERY_MS) {
        witnessing->marked_at = (witnessing->marked_at + 1) % P2P_MARKED_HEADS;
        witnessing->marked_mono_ms = mono_ms;
        witnessing->marked[witnessing->marked_at] = passed;
    } else if (passed.level >= marked->level) {
        *marked = passed;
    }
}

const struct p2p_tree_head *p2p_witnessing_choose(const struct p2p_witnessing *witnessing,
                                                  const struct p2p_feed *feed)
{
    const struct p2p_marked_head *best = NULL;
    for (unsigned i = 0; i < P2P_MARKED_HEADS; i++) {
        const struct p2p_marked_head *marked = &witnessing->marked[i];
        bool open = marked->head.size > witnessing->cosigned_size &&
                    marked->head.size <= feed->head.size;
        if (open && (best == NULL || marked->level > best->level ||
                     (marked->level == best->level && marked->head.size > best->head.size))) {
            best = marked;
        }
    }
    return best == NULL ? &feed->head : &best->head;
}

static bool same(const struct p2p_cosigned *candidate, uint64_t size,
                 const struct p2p_hash *root)
{
    return candidate->size == size && p2p_hash_equal(&candidate->root, root);
}

static bool has_witness(const struct p2p_cosigned *candidate, uint32_t witness)
{
    for (uint32_t i = 0; i < candidate->count; i++) {
        if (candidate->witnesses[i] == witness) {
            return true;
        }
    }
    return false;
}

/* The witness's place among those that wait: its own, or one that nobody has a right to any
 * more. There is always one, since there are as many as witnesses. */
static struct p2p_cosigned_ahead *ahead_of(struct p2p_witnessing *witnessing,
                                           const struct p2p_feed_info *info, uint32_t witness)
{
    struct p2p_cosigned_ahead *room = NULL;
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        struct p2p_cosigned_ahead *ahead = &witnessing->ahead[i];
        if (ahead->witness == witness) {
            return ahead;
        }
        if (ahead->witness == 0 || !p2p_feed_cosigner(info, ahead->witness)) {
            room = ahead;
        }
    }
    return room;
}

/* What gave way to another checkpoint does not come back: else nodes that keep different ones
 * would pass it on to each other without end. */
static uint64_t gone_of(const struct p2p_witnessing *witnessing, uint32_t witness)
{
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        if (witnessing->holdings[i].witness == witness) {
            return witnessing->holdings[i].gone;
        }
    }
    return 0;
}

static void note_gone(struct p2p_witnessing *witnessing, const struct p2p_cosigned *candidate)
{
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        struct p2p_holding *holding = &witnessing->holdings[i];
        if (holding->gone < candidate->size && has_witness(candidate, holding->witness)) {
            holding->gone = candidate->size;
        }
    }
}

bool p2p_witnessing_wants(const struct p2p_witnessing *witnessing,
                          const struct p2p_feed_info *info, uint32_t witness, uint64_t size,
                          const struct p2p_hash *root, const struct p2p_feed *feed)
{
    if (!p2p_feed_cosigner(info, witness) || size == 0 || size < witnessing->quorum_size) {
        return false;
    }
    if (size > feed->edge.size) {
        for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
            if (witnessing->ahead[i].witness == witness) {
                return size > witnessing->ahead[i].size;
            }
        }
        return true;
    }
    for (unsigned i = 0; i < P2P_CANDIDATES_MAX; i++) {
        if (same(&witnessing->candidates[i], size, root)) {
            return !has_witness(&witnessing->candidates[i], witness);
        }
    }
    return size > witnessing->candidates[P2P_CANDIDATES_MAX - 1].size &&
           size > gone_of(witnessing, witness);
}

/* The place of one more cosignature: behind the others, or that of who cosigns no longer. */
static uint32_t take_place(struct p2p_cosigned *candidate, const struct p2p_feed_info *info)
{
    uint32_t at = 0;
    if (candidate->count < P2P_COSIGNERS_MAX) {
        return candidate->count++;
    }
    while (p2p_feed_cosigner(info, candidate->witnesses[at])) {
        at++;
        p2p_assert(at < candidate->count);
    }
    return at;
}

/* The feed's own signature over a candidate, if it passed by lately. */
static void find_log(const struct p2p_witnessing *witnessing, const struct p2p_feed *feed,
                     struct p2p_cosigned *candidate)
{
    const struct p2p_tree_head *found =
        same(candidate, feed->head.size, &feed->head.root) ? &feed->head : NULL;
    for (unsigned i = 0; i < P2P_MARKED_HEADS; i++) {
        const struct p2p_tree_head *head = &witnessing->marked[i].head;
        if (same(candidate, head->size, &head->root)) {
            found = head;
        }
    }
    if (found != NULL) {
        candidate->log = found->signature;
        candidate->has_log = true;
    }
}

/* The place of a witness, or of one that is not asked for any more; there are as many as may
 * cosign. */
static void note_holding(struct p2p_witnessing *witnessing, const struct p2p_feed_info *info,
                         uint32_t witness, uint64_t size)
{
    struct p2p_holding *room = NULL;
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        struct p2p_holding *holding = &witnessing->holdings[i];
        if (holding->witness == witness) {
            room = holding;
            break;
        }
        if (holding->witness == 0 || !p2p_feed_cosigner(info, holding->witness)) {
            room = holding;
        }
    }
    if (room != NULL && (room->witness != witness || room->size < size)) {
        uint64_t gone = room->witness == witness ? room->gone : 0;
        *room =
            (struct p2p_holding){.witness = witness, .size = size, .grew = true, .gone = gone};
        witnessing->holdings_grew = true;
    }
}

void p2p_witnessing_cut(struct p2p_witnessing *witnessing, uint64_t size)
{
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        struct p2p_holding *holding = &witnessing->holdings[i];
        holding->size = holding->size < size ? holding->size : size;
        holding->gone = holding->gone < size ? holding->gone : size;
    }
}

/* Whether a gives way before b: what is below the quorum, then what fewer have cosigned, then
 * what is smaller. */
static bool gives_way(const struct p2p_witnessing *witnessing, const struct p2p_cosigned *a,
                      const struct p2p_cosigned *b)
{
    bool a_old = a->size < witnessing->quorum_size;
    bool b_old = b->size < witnessing->quorum_size;
    if (a_old != b_old) {
        return a_old;
    }
    return a->count != b->count ? a->count < b->count : a->size < b->size;
}

/* Room for one more checkpoint, in order of size. The largest one stays, which is where all
 * witnesses arrive in the end, and so does the quorum. */
static struct p2p_cosigned *make_candidate(struct p2p_witnessing *witnessing, uint64_t size)
{
    struct p2p_cosigned *candidates = witnessing->candidates;
    unsigned at = P2P_CANDIDATES_MAX;
    for (unsigned i = candidates[0].size > size; i < P2P_CANDIDATES_MAX; i++) {
        bool quorum = candidates[i].size > 0 && candidates[i].size == witnessing->quorum_size;
        if (!quorum && (at == P2P_CANDIDATES_MAX ||
                        gives_way(witnessing, &candidates[i], &candidates[at]))) {
            at = i;
        }
    }
    note_gone(witnessing, &candidates[at]);
    for (; at + 1 < P2P_CANDIDATES_MAX; at++) {
        candidates[at] = candidates[at + 1];
    }
    for (; at > 0 && candidates[at - 1].size < size; at--) {
        candidates[at] = candidates[at - 1];
    }
    return &candidates[at];
}

void p2p_witnessing_add(struct p2p_witnessing *witnessing, const struct p2p_feed_info *info,
                        uint32_t witness, uint64_t size, const struct p2p_hash *root,
                        const struct p2p_cosignature *cosignature, const struct p2p_feed *feed)
{
    struct p2p_cosigned *candidate = NULL;
    p2p_assert(p2p_witnessing_wants(witnessing, info, witness, size, root, feed));
    if (size > feed->edge.size) {
        *ahead_of(witnessing, info, witness) = (struct p2p_cosigned_ahead){
            .witness = witness, .size = size, .root = *root, .cosignature = *cosignature};
        return;
    }
    note_holding(witnessing, info, witness, size);
    for (unsigned i = 0; i < P2P_CANDIDATES_MAX; i++) {
        if (same(&witnessing->candidates[i], size, root)) {
            candidate = &witnessing->candidates[i];
        }
    }
    if (candidate == NULL) {
        candidate = make_candidate(witnessing, size);
        *candidate = (struct p2p_cosigned){.size = size, .root = *root};
    }
    find_log(witnessing, feed, candidate);
    uint32_t place = take_place(candidate, info);
    candidate->witnesses[place] = witness;
    candidate->cosignatures[place] = *cosignature;
}

/* What waited for records: taken when it fits them, forgotten when it does not. */
static enum p2p_err take_ahead(struct p2p_witnessing *witnessing,
                               const struct p2p_feed_info *info, const struct p2p_feed *feed,
                               const struct p2p_kv *kv)
{
    for (unsigned i = 0; i < P2P_COSIGNERS_MAX; i++) {
        const struct p2p_cosigned_ahead ahead = witnessing->ahead[i];
        struct p2p_hash root;
        if (ahead.witness == 0 || ahead.size > feed->edge.size) {
            continue;
        }
        witnessing->ahead[i] = (struct p2p_cosigned_ahead){0};
        enum p2p_err err = p2p_feed_root_at(feed, kv, ahead.size, &root);
        if (err != P2P_OK) {
            return err;
        }
        if (p2p_hash_equal(&root, &ahead.root) &&
            p2p_witnessing_wants(witnessing, info, ahead.witness, ahead.size, &root, feed)) {
            p2p_witnessing_add(witnessing, info, ahead.witness, ahead.size, &root,
                               &ahead.cosignature, feed);
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_witnessing_settle(struct p2p_witnessing *witnessing,
                                   const struct p2p_charter *charter,
                                   const struct p2p_feed *feed, const struct p2p_kv *kv,
                                   bool *found)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed->number);
    *found = false;
    if (info == NULL) {
        return P2P_OK; /* named by a branch of the charter that does not stand */
    }
    enum p2p_err err = take_ahead(witnessing, info, feed, kv);
    for (unsigned i = 0; i < P2P_CANDIDATES_MAX && err == P2P_OK && !*found; i++) {
        const struct p2p_cosigned *candidate = &witnessing->candidates[i];
        /* A forked feed may have been cut since they came: only what is held is told of. */
        if (candidate->size > witnessing->quorum_size && candidate->size <= feed->edge.size &&
            p2p_charter_quorum(charter, feed->number, candidate->witnesses, candidate->count)) {
            witnessing->quorum_size = candidate->size;
            witnessing->quorum_root = candidate->root;
            witnessing->quorum_dirty = true;
            *found = true;
        }
    }
    return err;
}

/* The feed's signature over exactly the quorum's size: noted with it, or that of a kept head.
 */
static enum p2p_err log_signature(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                  const struct p2p_cosigned *quorum, struct p2p_signature *out)
{
    struct p2p_tree_head head;
    if (quorum->has_log) {
        *out = quorum->log;
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_head_from(feed, kv, quorum->size, &head);
    if (err == P2P_OK && head.size != quorum->size) {
        err = P2P_NOTFOUND;
    }
    if (err == P2P_OK) {
        *out = head.signature;
    }
    return err;
}

enum p2p_err p2p_witnessing_log(const struct p2p_witnessing *witnessing,
                                const struct p2p_feed *feed, const struct p2p_kv *kv,
                                uint64_t size, const struct p2p_hash *root,
                                struct p2p_signature *out)
{
    struct p2p_cosigned head = {.size = size, .root = *root};
    find_log(witnessing, feed, &head);
    return log_signature(feed, kv, &head, out);
}

enum p2p_err p2p_witnessing_quorum(const struct p2p_witnessing *witnessing,
                                   const struct p2p_feed *feed, const struct p2p_kv *kv,
                                   struct p2p_cosigned *out)
{
    for (unsigned i = 0; i < P2P_CANDIDATES_MAX; i++) {
        const struct p2p_cosigned *candidate = &witnessing->candidates[i];
        if (same(candidate, witnessing->quorum_size, &witnessing->quorum_root)) {
            struct p2p_signature log;
            enum p2p_err err = log_signature(feed, kv, candidate, &log);
            if (err == P2P_OK) {
                *out = *candidate;
                out->log = log;
                out->has_log = true;
            }
            return err;
        }
    }
    return P2P_NOTFOUND;
}

enum p2p_err p2p_witnessing_store(struct p2p_witnessing *witnessing, const struct p2p_kv *kv,
                                  const struct p2p_feed *feed)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[P2P_COSIGNED_BYTES_MAX];
    struct p2p_cosigned quorum;
    if (!witnessing->quorum_dirty) {
        return P2P_OK;
    }
    witnessing->quorum_dirty = false;
    enum p2p_err err = p2p_witnessing_quorum(witnessing, feed, kv, &quorum);
    if (err != P2P_OK) { /* overtaken: a later quorum is stored */
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return p2p_kv_put(kv, P2P_TABLE_FEED, row_key(key, feed->number, 'q'),
                      p2p_slice_of(value, p2p_cosigned_encode(&quorum, value)));
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

/* The newest quorum there is, which may not be stored yet. */
static enum p2p_err newest_quorum(const struct p2p_witnessing *witnessing,
                                  const struct p2p_feed *feed, const struct p2p_kv *kv,
                                  struct p2p_cosigned *out)
{
    enum p2p_err err = witnessing->quorum_dirty
                           ? p2p_witnessing_quorum(witnessing, feed, kv, out)
                           : P2P_NOTFOUND;
    if (err != P2P_NOTFOUND) {
        return err;
    }
    return p2p_quorum_load(out, kv, feed->number);
}

enum p2p_err p2p_witnessing_note(const struct p2p_witnessing *witnessing,
                                 const struct p2p_charter *charter, const struct p2p_feed *feed,
                                 const struct p2p_kv *kv, char *out, size_t cap, size_t *len)
{
    struct p2p_cosigned quorum;
    enum p2p_err err = newest_quorum(witnessing, feed, kv, &quorum);
    return err == P2P_OK ? p2p_cosigned_note(charter, feed->number, &quorum, out, cap, len)
                         : err;
}

/* Leaves out each cosignature, the last ones first, without which the rest are a quorum still.
 */
static void leave_out(struct p2p_cosigned *quorum, const struct p2p_charter *charter,
                      uint32_t feed)
{
    for (uint32_t i = quorum->count; i-- > 0;) {
        struct p2p_cosigned fewer = *quorum;
        fewer.count--;
        for (uint32_t j = i; j < fewer.count; j++) {
            fewer.witnesses[j] = quorum->witnesses[j + 1];
            fewer.cosignatures[j] = quorum->cosignatures[j + 1];
        }
        if (p2p_charter_quorum(charter, feed, fewer.witnesses, fewer.count)) {
            *quorum = fewer;
        }
    }
}

enum p2p_err p2p_witnessing_short_note(const struct p2p_witnessing *witnessing,
                                       const struct p2p_charter *charter,
                                       const struct p2p_feed *feed, const struct p2p_kv *kv,
                                       char *out, size_t cap, size_t *len)
{
    struct p2p_cosigned quorum;
    enum p2p_err err = newest_quorum(witnessing, feed, kv, &quorum);
    if (err != P2P_OK) {
        return err;
    }
    leave_out(&quorum, charter, feed->number);
    return p2p_cosigned_note(charter, feed->number, &quorum, out, cap, len);
}
