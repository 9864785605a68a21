/* Own records: what this node writes, in the order in which one commit must have them. */
#include "engine_parts.h"

#include <p2p/assert.h>

#include <string.h>

enum {
    SEEN_ENTRY_BYTES = 1 + 5 + 9 + 2 + P2P_HASH_BYTES,
    SEEN_FEEDS_MAX = (P2P_BODY_BYTES_MAX - 64) / SEEN_ENTRY_BYTES /* in one record */
};

enum p2p_err p2p_engine_pack(struct p2p_engine *engine, size_t cap, struct p2p_pack *pack)
{
    uint8_t *bytes = p2p_arena_take(engine->arena, cap);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    p2p_pack_init(pack, bytes, cap);
    return P2P_OK;
}

/* ---- one leaf ---- */

/* The leaf's head (all but its signature) and, for a private kind, salt and payload. */
enum p2p_err p2p_append_encode(struct p2p_engine *engine, const struct p2p_append *append,
                               uint64_t issuer_seq, struct p2p_slice *head,
                               struct p2p_slice *salted)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    struct p2p_draft draft = {
        .kind = append->kind,
        .time_ms = engine->now.wall_ms,
        .circle = append->circle,
        .issuer = append->issuer,
        .issuer_seq = issuer_seq,
        .cites = append->cites,
        .cite_count = append->cite_count,
        .content = append->content,
        .payload = append->payload,
    };
    struct p2p_pack pack;
    size_t cap = 256 + append->content.len + 16 * append->cite_count;
    enum p2p_err err = p2p_engine_pack(engine, cap, &pack);
    *salted = (struct p2p_slice){0};
    if (err == P2P_OK && append->payload.len > 0) {
        uint8_t *bytes = p2p_arena_take(engine->arena, P2P_SALT_BYTES + append->payload.len);
        if (bytes == NULL) {
            return P2P_NOMEM;
        }
        p2p_engine_random(engine, draft.salt);
        memcpy(bytes, draft.salt, P2P_SALT_BYTES);
        memcpy(bytes + P2P_SALT_BYTES, append->payload.data, append->payload.len);
        *salted = p2p_slice_of(bytes, P2P_SALT_BYTES + append->payload.len);
    }
    if (err == P2P_OK) {
        err = p2p_record_encode(&draft, p2p_slice_text(info->origin), &pack);
    }
    if (err == P2P_OK) {
        struct p2p_slice leaf = p2p_pack_slice(&pack);
        *head = p2p_slice_of(leaf.data, leaf.len - 1);
    }
    return err;
}

static enum p2p_err sign(struct p2p_engine *engine, const struct p2p_issuer_secret *key,
                         struct p2p_slice head, struct p2p_signature *out)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    uint8_t *message = p2p_arena_take(engine->arena, P2P_PREFIX_BYTES_MAX + head.len + 1);
    if (message == NULL) {
        return P2P_NOMEM;
    }
    size_t len = p2p_record_signed_bytes(message, head, p2p_slice_text(info->origin));
    const struct p2p_sigs *sigs = engine->options.sigs;
    sigs->sign(sigs->context, key->seed, key->public_key.bytes, p2p_slice_of(message, len),
               out);
    return P2P_OK;
}

enum p2p_err p2p_append_finish(struct p2p_engine *engine, struct p2p_slice head,
                               const struct p2p_signature *signature, struct p2p_slice *leaf)
{
    static const uint8_t nil = 0xc0;
    struct p2p_pack pack;
    enum p2p_err err = p2p_engine_pack(engine, head.len + 2 + P2P_SIGNATURE_BYTES, &pack);
    if (err != P2P_OK) {
        return err;
    }
    if (signature == NULL) {
        p2p_pack_raw(&pack, head);
        p2p_pack_raw(&pack, p2p_slice_of(&nil, 1));
    } else {
        err = p2p_record_attach(head, signature, &pack);
    }
    *leaf = p2p_pack_slice(&pack);
    return err;
}

static enum p2p_err apply(struct p2p_engine *engine, struct p2p_arrival *arrival,
                          struct p2p_slice leaf, struct p2p_record_id *id)
{
    enum p2p_err err = p2p_record_decode(&arrival->record, leaf);
    if (err != P2P_OK) {
        return err;
    }
    arrival->leaf_hash = p2p_leaf_hash(leaf);
    *id = (struct p2p_record_id){engine->feed, p2p_engine_own(engine)->edge.size};
    err = p2p_ledger_apply(&engine->ledger, arrival);
    p2p_feed_set_add(&engine->due.grew, engine->feed);
    p2p_feed_set_add(&engine->due.unsettled, engine->feed);
    p2p_spread_arrived(engine, id, &arrival->record);
    p2p_ruling_arrived(engine, id, &arrival->record);
    p2p_state_note(engine, arrival, id->index, false);
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_APPENDED,
                                                .feed = id->feed,
                                                .member = engine->member,
                                                .at = id->index,
                                                .value = arrival->record.kind});
    /* A commit larger than a run is signed in between: a run must fit a frame. */
    const struct p2p_feed *own = p2p_engine_own(engine);
    if (err == P2P_OK && (own->edge.size - own->kept_size >= P2P_KEEP_RECORDS ||
                          own->since_kept_bytes >= P2P_KEEP_BYTES)) {
        err = p2p_append_head(engine);
    }
    return err;
}

enum p2p_err p2p_append_leaf(struct p2p_engine *engine, struct p2p_slice leaf,
                             struct p2p_slice salted, enum p2p_signature_verdict signature,
                             struct p2p_record_id *id)
{
    struct p2p_arrival arrival = {
        .feed = engine->feed, .salted = salted, .signature = signature};
    return apply(engine, &arrival, leaf, id);
}

/* ---- numbers: never given twice, across what is appended and what was only prepared ---- */

static struct p2p_slice reserve_key(uint8_t out[9], uint32_t feed, uint32_t issuer)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, 9);
    p2p_writer_u8(&key, 3);
    p2p_writer_u32(&key, feed);
    p2p_writer_u32(&key, issuer);
    return p2p_writer_slice(&key);
}

enum p2p_err p2p_append_given(struct p2p_engine *engine, uint32_t issuer, uint64_t *seq)
{
    uint8_t key[9];
    struct p2p_slice value;
    uint64_t used = 0;
    uint64_t reserved = 0;
    enum p2p_err err = p2p_issuer_seq(&engine->ledger, engine->feed, issuer, &used);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_kv_get(engine->kv, P2P_TABLE_ISSUER, reserve_key(key, engine->feed, issuer),
                     &value);
    if (err == P2P_OK) {
        struct p2p_reader in;
        p2p_reader_init(&in, value);
        reserved = p2p_reader_u64(&in);
        err = p2p_reader_done(&in) ? P2P_OK : P2P_CORRUPT;
    }
    *seq = used > reserved ? used : reserved;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_append_number(struct p2p_engine *engine, uint32_t issuer, uint64_t *seq)
{
    enum p2p_err err = p2p_append_given(engine, issuer, seq);
    p2p_assert(err != P2P_OK || *seq < UINT64_MAX); /* the job was asked: numbers_left */
    (*seq)++;
    return err;
}

enum p2p_err p2p_append_reserve(struct p2p_engine *engine, uint32_t issuer, uint64_t seq)
{
    uint8_t key[9];
    uint8_t value[8];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u64(&out, seq);
    return p2p_kv_put(engine->kv, P2P_TABLE_ISSUER, reserve_key(key, engine->feed, issuer),
                      p2p_writer_slice(&out));
}

/* Which numbers were given out since an old backup nobody can say: as many are passed over as
 * were never given out in one stretch. */
enum p2p_err p2p_append_skip_numbers(struct p2p_engine *engine)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    uint32_t count = p2p_charter_issuer_count(charter);
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i <= count && err == P2P_OK; i++) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(charter, i);
        uint64_t seq;
        if (issuer == NULL || issuer->member != engine->member) {
            continue;
        }
        err = p2p_append_given(engine, i, &seq);
        if (err == P2P_OK && seq < UINT64_MAX - P2P_NUMBERS_SKIPPED) {
            err = p2p_append_reserve(engine, i, seq + P2P_NUMBERS_SKIPPED);
        }
    }
    return err;
}

enum p2p_err p2p_append_own(struct p2p_engine *engine, const struct p2p_append *append,
                            struct p2p_record_id *id)
{
    struct p2p_slice head;
    struct p2p_slice leaf;
    struct p2p_slice salted;
    struct p2p_signature signature;
    uint64_t seq = 0;
    p2p_assert((append->issuer == 0) == (append->key == NULL));
    enum p2p_err err = P2P_OK;
    if (append->issuer != 0) {
        err = p2p_append_number(engine, append->issuer, &seq);
    }
    if (err == P2P_OK) {
        err = p2p_append_encode(engine, append, seq, &head, &salted);
    }
    if (err == P2P_OK && append->issuer != 0) {
        err = sign(engine, append->key, head, &signature);
    }
    if (err == P2P_OK) {
        err = p2p_append_finish(engine, head, append->issuer != 0 ? &signature : NULL, &leaf);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_arrival *arrival = p2p_arena_take(engine->arena, sizeof(*arrival));
    if (arrival == NULL) {
        return P2P_NOMEM;
    }
    *arrival = (struct p2p_arrival){.feed = engine->feed,
                                    .salted = salted,
                                    .signature = append->issuer != 0 ? P2P_SIGNATURE_GOOD
                                                                     : P2P_SIGNATURE_NONE};
    err = apply(engine, arrival, leaf, id);
    if (err == P2P_OK) { /* folding it asks for it at once */
        engine->ledger.newest.arrivals = arrival;
        engine->ledger.newest.count = 1;
        engine->ledger.newest.first = id->index;
    }
    return err;
}

/* ---- seen ---- */

static bool unseen(const struct p2p_engine *engine, uint32_t feed)
{
    return feed != engine->feed &&
           p2p_ledger_feed(&engine->ledger, feed)->edge.size > engine->extras[feed].seen_size;
}

static void pack_seen(struct p2p_engine *engine, struct p2p_pack *pack, uint32_t number)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    struct p2p_hash root = p2p_edge_root(&feed->edge);
    p2p_pack_array(pack, 3);
    p2p_pack_uint(pack, number);
    p2p_pack_uint(pack, feed->edge.size);
    p2p_pack_bin(pack, root.bytes, P2P_HASH_BYTES);
    engine->extras[number].seen_size = feed->edge.size;
    engine->extras[number].noteworthy = false;
}

/* One record that names the charter, if so, and the first `count` unseen feeds from *next on.
 */
static enum p2p_err append_seen_of(struct p2p_engine *engine, bool charter, uint32_t *next,
                                   uint32_t count)
{
    struct p2p_pack pack;
    struct p2p_record_id id;
    enum p2p_err err = p2p_engine_pack(engine, 32 + (size_t)count * SEEN_ENTRY_BYTES, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "feeds");
    p2p_pack_array(&pack, count);
    if (charter) {
        pack_seen(engine, &pack, P2P_CHARTER_FEED);
        count--;
    }
    for (; count > 0; (*next)++) {
        if (unseen(engine, *next)) {
            pack_seen(engine, &pack, *next);
            count--;
        }
    }
    const struct p2p_append seen = {.kind = P2P_KIND_SEEN, .content = p2p_pack_slice(&pack)};
    return p2p_append_own(engine, &seen, &id);
}

/* Where it takes several records, the last of them names the charter: who has `seen` an entry
 * has said by then how much it holds of every feed, and that is what seals one
 * (ledger_close.c).
 */
enum p2p_err p2p_append_seen(struct p2p_engine *engine)
{
    uint32_t next = P2P_CHARTER_FEED + 1;
    uint32_t count = 0;
    bool charter = unseen(engine, P2P_CHARTER_FEED);
    enum p2p_err err = P2P_OK;
    if (engine->seen_written) {
        return P2P_OK;
    }
    for (uint32_t i = 0; i < engine->extra_count; i++) {
        count += unseen(engine, i);
    }
    if (count == 0) {
        return P2P_OK;
    }
    engine->seen_written = true;
    engine->last_seen_ms = engine->now.mono_ms;
    while (count > 0 && err == P2P_OK) {
        uint32_t part = count < SEEN_FEEDS_MAX ? count : SEEN_FEEDS_MAX;
        err = append_seen_of(engine, charter && part == count, &next, part);
        count -= part;
    }
    return err;
}

/* Without a decision or an issuer's record: at most one a minute, and not for `seen` alone. */
enum p2p_err p2p_append_idle_seen(struct p2p_engine *engine)
{
    uint64_t every_ms = p2p_overlay_seen_every_ms(engine);
    bool due = false;
    if (engine->last_seen_ms == 0 && every_ms > P2P_SEEN_EVERY_MS) {
        engine->last_seen_ms = engine->now.mono_ms; /* not all at once when they start */
    }
    if (engine->now.mono_ms - engine->last_seen_ms < every_ms) {
        return P2P_OK;
    }
    for (size_t i = 0; i < engine->extra_count && !due; i++) {
        due = i != engine->feed && engine->extras[i].noteworthy;
    }
    return due ? p2p_append_seen(engine) : P2P_OK;
}

/* ---- the head ---- */

enum p2p_err p2p_append_head(struct p2p_engine *engine)
{
    struct p2p_feed *own = p2p_engine_own(engine);
    if (own == NULL || own->edge.size == own->head.size) {
        return P2P_OK;
    }
    p2p_assert(engine->read_only == P2P_READ_ONLY_NONE);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    struct p2p_tree_head head = {.size = own->edge.size, .root = p2p_edge_root(&own->edge)};
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = head.size, .root = head.root};
    p2p_checkpoint_sign_feed(&checkpoint, engine->options.sigs, &engine->keys.feed,
                             &head.signature);
    engine->signature_made = true;
    engine->heartbeat_due = true;
    enum p2p_err err = p2p_witnessing_mark(&engine->extras[engine->feed].witnessing,
                                           own->head.size, &head, engine->now.mono_ms);
    return err == P2P_OK ? p2p_feed_set_head(own, engine->kv, &head, p2p_slice_of(NULL, 0))
                         : err;
}
