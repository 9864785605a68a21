/* Opening an engine over what its store holds, against the copy, and what of it stands in the
 * store by itself: the commit number, which generation was begun, whether it was complete. */
#include "engine_parts.h"

#include <p2p/planted.h>

#include <string.h>

static const char complete_name[] = "complete";
static const char witness_name[] = "witness-lost";
static const char begun_name[] = "begun";

static enum p2p_err read_number(const struct p2p_kv *kv, enum p2p_table table,
                                struct p2p_slice key, uint64_t *out)
{
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err = p2p_kv_get(kv, table, key, &value);
    *out = 0;
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    *out = p2p_reader_u64(&in);
    return p2p_reader_done(&in) ? P2P_OK : P2P_CORRUPT;
}

static enum p2p_err write_number(const struct p2p_kv *kv, enum p2p_table table,
                                 struct p2p_slice key, uint64_t number)
{
    uint8_t value[8];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u64(&out, number);
    return p2p_kv_put(kv, table, key, p2p_writer_slice(&out));
}

/* The commit number stands beside the own feed's state row, which nearly each commit writes. */
static struct p2p_slice commit_key(uint8_t out[5], uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, 5);
    p2p_writer_u32(&key, feed);
    p2p_writer_u8(&key, 'c');
    return p2p_writer_slice(&key);
}

/* The largest under any feed: a member's feed may become another one, its number only rises. */
static enum p2p_err load_commit_number(struct p2p_engine *engine)
{
    for (uint32_t i = 0; i < engine->extra_count; i++) {
        uint8_t key[5];
        uint64_t number;
        enum p2p_err err = read_number(engine->kv, P2P_TABLE_FEED, commit_key(key, i), &number);
        if (err != P2P_OK) {
            return err;
        }
        if (number > engine->commit_number) {
            engine->commit_number = number;
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_engine_count_commit(struct p2p_engine *engine)
{
    uint8_t key[5];
    engine->commit_number++;
    return write_number(engine->kv, P2P_TABLE_FEED, commit_key(key, engine->feed),
                        engine->commit_number);
}

bool p2p_engine_fetches_back(const struct p2p_engine *engine)
{
    return engine->read_only == P2P_READ_ONLY_NONE ||
           engine->read_only == P2P_READ_ONLY_RESTORED ||
           engine->read_only == P2P_READ_ONLY_CLOSED;
}

enum p2p_err p2p_engine_store_begun(struct p2p_engine *engine, uint64_t generation)
{
    engine->begun = generation;
    return write_number(engine->kv, P2P_TABLE_META, p2p_slice_text(begun_name), generation);
}

enum p2p_err p2p_engine_store_complete(struct p2p_engine *engine)
{
    return write_number(engine->kv, P2P_TABLE_META, p2p_slice_text(complete_name), 1);
}

enum p2p_err p2p_engine_lose_witness(struct p2p_engine *engine)
{
    const struct p2p_member *self = p2p_charter_member(engine->ledger.charter, engine->member);
    if (self == NULL) {
        return P2P_OK;
    }
    engine->witness_lost = self->witness_generation;
    return write_number(engine->kv, P2P_TABLE_META, p2p_slice_text(witness_name),
                        engine->witness_lost);
}

bool p2p_engine_witness_lost(const struct p2p_engine *engine)
{
    const struct p2p_member *self = p2p_charter_member(engine->ledger.charter, engine->member);
    return self != NULL && engine->witness_lost >= self->witness_generation;
}

bool p2p_engine_alone(const struct p2p_engine *engine, uint32_t circle, uint32_t member)
{
    const struct p2p_circle *info =
        circle == 0 ? NULL : p2p_charter_circle(engine->ledger.charter, circle);
    return info != NULL && info->member_count == 1 && info->members[0] == member;
}

enum p2p_err p2p_engine_load_seen(struct p2p_engine *engine)
{
    const struct p2p_feed *own = p2p_engine_own(engine);
    for (size_t i = 0; own != NULL && i < engine->extra_count; i++) {
        enum p2p_err err = p2p_known_size(&engine->ledger, engine->feed, own->edge.size,
                                          (uint32_t)i, &engine->extras[i].seen_size);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

static void set_restored(struct p2p_engine *engine, uint64_t generation)
{
    engine->restored = generation > 0 ? generation : 1;
    engine->read_only = P2P_READ_ONLY_RESTORED;
}

/* A copy of an earlier generation is older than all that left this node in this one, since it
 * is written before. So the feed is empty here, or was begun here; or somebody else wrote it.
 */
static void compare_earlier(struct p2p_engine *engine, const struct p2p_feed *own,
                            uint64_t generation)
{
    if (own->edge.size > 0 && engine->begun != generation) {
        set_restored(engine, generation);
    } else if (engine->commit_number < engine->options.copy_commit) {
        engine->commit_number = engine->options.copy_commit;
    }
}

/* WIRE.md section 15: a copy equal to or behind the store, by size and by commit number, is a
 * restart; missing, unreadable, contradicting or ahead is a restored backup. */
static enum p2p_err compare_copy(struct p2p_engine *engine)
{
    const struct p2p_engine_options *options = &engine->options;
    const struct p2p_feed *own = p2p_engine_own(engine);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    uint64_t generation = own != NULL && info != NULL ? info->generation : 0;
    uint64_t told = options->copy_generation > 0 ? options->copy_generation : generation;
    struct p2p_hash root;
    if (own != NULL && own->state == P2P_FEED_FORKED) {
        /* It is cut to W, so sizes say nothing; but a backup of it may be put back, too. */
        bool behind = told > generation || options->copy_commit > engine->commit_number;
        if (options->copy_lost || behind) {
            set_restored(engine, options->copy_lost ? generation : told);
        } else {
            engine->read_only = P2P_READ_ONLY_FORKED;
        }
        return P2P_OK;
    }
    if (own != NULL && !options->copy_lost && told < generation) {
        compare_earlier(engine, own, generation);
        return P2P_OK;
    }
    if (options->copy_lost || (own != NULL && told > generation) ||
        options->copy_commit > engine->commit_number ||
        (own == NULL && options->copy_size > 0) ||
        (own != NULL && options->copy_size > own->edge.size)) {
        if (P2P_PLANT(RESTORED_COSIGNS)) {
            return P2P_OK;
        }
        set_restored(engine, options->copy_lost ? generation : told);
        return P2P_OK;
    }
    if (own == NULL || options->copy_size == 0) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_root_at(own, engine->kv, options->copy_size, &root);
    if (err == P2P_OK && !p2p_hash_equal(&root, &options->copy_root)) {
        set_restored(engine, generation);
    }
    if (engine->begun < generation) { /* the copy says so, whatever the store remembers */
        engine->begun = generation;
    }
    return err;
}

enum p2p_err p2p_engine_open(struct p2p_engine **out, const struct p2p_engine_options *options,
                             const struct p2p_kv *kv)
{
    struct p2p_engine *engine = p2p_alloc_zeroed(options->alloc, 1, sizeof(*engine));
    uint64_t complete = 0;
    if (engine == NULL) {
        return P2P_NOMEM;
    }
    engine->options = *options;
    engine->kv = kv;
    engine->wanted.all = true;
    engine->proofs_kept = true;
    engine->keys.feed = *options->feed_key;
    engine->keys.witness = *options->witness_key;
    engine->scratch = p2p_alloc_resize(options->alloc, NULL, 1, P2P_FRAME_BYTES_MAX + 4);
    enum p2p_err err = engine->scratch == NULL ? P2P_NOMEM : P2P_OK;
    if (err == P2P_OK) {
        err = p2p_ledger_open(&engine->ledger, options->alloc, options->sigs, kv,
                              options->federation_id);
    }
    if (err == P2P_OK) {
        engine->ledger.kinds_unknown = options->kinds_unknown;
        engine->ledger.kv = kv;
        err = read_number(kv, P2P_TABLE_META, p2p_slice_text(witness_name),
                          &engine->witness_lost);
    }
    if (err == P2P_OK) {
        err = read_number(kv, P2P_TABLE_META, p2p_slice_text(begun_name), &engine->begun);
    }
    if (err == P2P_OK) {
        err = read_number(kv, P2P_TABLE_META, p2p_slice_text(complete_name), &complete);
        engine->complete = complete == 1;
        engine->complete_stored = engine->complete;
    }
    if (err == P2P_OK) {
        err = p2p_lack_load(engine);
    }
    if (err == P2P_OK) {
        err = p2p_scrub_open(engine);
    }
    if (err == P2P_OK) {
        err = p2p_scrub_recall(engine);
    }
    if (err == P2P_OK) {
        err = p2p_engine_follow_charter(engine);
    }
    if (err == P2P_OK) {
        err = load_commit_number(engine);
    }
    if (err == P2P_OK) {
        err = p2p_engine_load_seen(engine);
    }
    if (err == P2P_OK) {
        err = p2p_fork_count(engine);
    }
    if (err == P2P_OK) {
        err = p2p_rescue_open(engine);
    }
    if (err == P2P_OK) {
        err = compare_copy(engine);
    }
    if (err == P2P_OK && engine->read_only == P2P_READ_ONLY_RESTORED) {
        /* What this gate knew once is gone in part: until its witnesses say how much there is,
         * it lets nobody through. */
        engine->complete = false;
        engine->complete_stored = false;
        p2p_session_check_complete(engine);
    }
    if (err == P2P_OK) {
        err = p2p_generation_follow(engine);
    }
    if (err != P2P_OK) {
        p2p_engine_close(engine);
        return err;
    }
    if (options->damage_suspected || engine->scrub.noted) {
        p2p_scrub_suspect(engine);
    }
    err = engine->scrub.emptied ? p2p_scrub_emptied(engine) : P2P_OK;
    if (err != P2P_OK) {
        p2p_engine_close(engine);
        return err;
    }
    engine->kv = NULL;
    *out = engine;
    return P2P_OK;
}

void p2p_engine_close(struct p2p_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    const struct p2p_alloc *alloc = engine->options.alloc;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        p2p_alloc_free(alloc, engine->peers[i].feeds);
    }
    for (size_t i = 0; i < engine->extra_count; i++) {
        p2p_alloc_free(alloc, engine->extras[i].hole);
        p2p_witnessing_deinit(&engine->extras[i].witnessing);
    }
    p2p_alloc_free(alloc, engine->extras);
    p2p_alloc_free(alloc, engine->clocks);
    p2p_alloc_free(alloc, engine->lacks.circles);
    p2p_alloc_free(alloc, engine->scratch);
    p2p_spread_deinit(&engine->spread, alloc);
    p2p_ledger_close(&engine->ledger);
    p2p_wipe(&engine->place, sizeof(engine->place));
    p2p_wipe(engine->epochs, sizeof(engine->epochs));
    p2p_wipe(&engine->keys, sizeof(engine->keys));
    p2p_alloc_free(alloc, engine);
}
