#include <p2p/ledger.h>

#include <p2p/assert.h>
#include <p2p/custody.h>
#include <p2p/forked.h>

#include "charter_store.h"
#include "feed/lately.h"
#include "once.h"
#include "views.h"

#include <string.h>

static const char verdicts_name[] = "verdicts";

/* ---- opening ---- */

static enum p2p_err add_feed(struct p2p_ledger *ledger, const struct p2p_kv *kv)
{
    struct p2p_feed **grown =
        p2p_alloc_resize(ledger->alloc, ledger->feeds, ledger->feed_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return P2P_NOMEM;
    }
    ledger->feeds = grown;
    struct p2p_feed *feed = p2p_alloc_zeroed(ledger->alloc, 1, sizeof(*feed));
    if (feed == NULL) {
        return P2P_NOMEM;
    }
    p2p_feed_init(feed, (uint32_t)ledger->feed_count);
    enum p2p_err err = p2p_feed_load(feed, kv);
    if (err != P2P_OK) {
        p2p_alloc_free(ledger->alloc, feed);
        return err;
    }
    feed->lately = ledger->lately;
    feed->touched = &ledger->touched;
    ledger->feeds[ledger->feed_count++] = feed;
    return P2P_OK;
}

/* Feeds that the charter names and nobody has asked for yet. named: an entry came that names
 * them. Some may be held already, from before a head of the charter hid them: what others said
 * of those meanwhile was about nothing, and is looked at by the next fold. */
static enum p2p_err add_feeds(struct p2p_ledger *ledger, const struct p2p_kv *kv, bool named)
{
    while (ledger->feed_count < p2p_charter_feed_count(ledger->charter)) {
        enum p2p_err err = add_feed(ledger, kv);
        if (err != P2P_OK) {
            return err;
        }
        if (named) {
            ledger->feeds[ledger->feed_count - 1]->settled_size = 0;
            p2p_feed_set_add(&ledger->touched, (uint32_t)ledger->feed_count - 1);
        }
    }
    return P2P_OK;
}

static enum p2p_err load_verdicts(struct p2p_ledger *ledger, const struct p2p_kv *kv)
{
    struct p2p_slice value;
    p2p_lthash_init(&ledger->verdict_set);
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_META, p2p_slice_text(verdicts_name), &value);
    if (err == P2P_NOTFOUND) {
        return P2P_OK;
    }
    if (err == P2P_OK && value.len != 2 * P2P_LTHASH_LANES) {
        return P2P_CORRUPT;
    }
    if (err == P2P_OK) {
        p2p_lthash_decode(&ledger->verdict_set, value.data);
    }
    return err;
}

enum p2p_err p2p_ledger_open(struct p2p_ledger *ledger, const struct p2p_alloc *alloc,
                             const struct p2p_sigs *sigs, const struct p2p_kv *kv,
                             const struct p2p_hash *federation_id)
{
    *ledger = (struct p2p_ledger){.alloc = alloc, .sigs = sigs, .kv = kv};
    ledger->lately = p2p_alloc_zeroed(alloc, 1, sizeof(*ledger->lately));
    enum p2p_err err = ledger->lately == NULL
                           ? P2P_NOMEM
                           : p2p_charter_new(&ledger->charter, alloc, federation_id);
    if (err == P2P_OK) {
        err = add_feed(ledger, kv);
    }
    if (err == P2P_OK) {
        err = p2p_charter_load(ledger, kv);
    }
    if (err == P2P_OK) {
        err = add_feeds(ledger, kv, false);
    }
    if (err == P2P_OK) {
        err = load_verdicts(ledger, kv);
    }
    if (err == P2P_OK) {
        err = p2p_forked_load(ledger, kv);
    }
    if (err == P2P_OK) {
        err = p2p_closed_load(ledger);
    }
    if (err != P2P_OK) {
        p2p_ledger_close(ledger);
    }
    return err;
}

void p2p_ledger_close(struct p2p_ledger *ledger)
{
    if (ledger->alloc == NULL) {
        return;
    }
    for (size_t i = 0; i < ledger->feed_count; i++) {
        p2p_alloc_free(ledger->alloc, ledger->feeds[i]);
    }
    p2p_alloc_free(ledger->alloc, ledger->feeds);
    p2p_alloc_free(ledger->alloc, ledger->lately);
    p2p_alloc_free(ledger->alloc, ledger->digests);
    p2p_alloc_free(ledger->alloc, ledger->marks);
    p2p_once_forget(ledger);
    p2p_charter_free(ledger->charter);
    *ledger = (struct p2p_ledger){0};
}

/* ---- batches ---- */

void p2p_ledger_begin(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                      struct p2p_arena *arena)
{
    p2p_assert(ledger->mark_count == 0);
    ledger->kv = kv;
    ledger->arena = arena;
    ledger->charter_changed = false;
    ledger->newest.count = 0;
    ledger->forks_changed = false;
    ledger->reused_count = 0;
    p2p_once_forget(ledger);
}

enum p2p_err p2p_ledger_finish(struct p2p_ledger *ledger)
{
    enum p2p_err err = p2p_ledger_fold(ledger);
    p2p_once_forget(ledger);
    ledger->newest.count = 0;
    for (uint32_t i = 0; err == P2P_OK && p2p_feed_set_next(&ledger->touched, &i); i++) {
        err = p2p_feed_flush(ledger->feeds[i], ledger->kv);
    }
    if (err == P2P_OK) {
        err = p2p_view_store_digests(ledger);
    }
    if (err == P2P_OK && ledger->verdicts_changed) {
        uint8_t value[2 * P2P_LTHASH_LANES];
        p2p_lthash_encode(&ledger->verdict_set, value);
        err = p2p_kv_put(ledger->kv, P2P_TABLE_META, p2p_slice_text(verdicts_name),
                         p2p_slice_of(value, sizeof(value)));
        ledger->verdicts_changed = false;
    }
    for (uint32_t i = 0; err == P2P_OK && p2p_feed_set_next(&ledger->touched, &i); i++) {
        const struct p2p_feed *feed = ledger->feeds[i];
        p2p_feed_end_batch(ledger->feeds[i]);
        if (!feed->ends_anew && feed->settled_size == feed->edge.size) {
            p2p_feed_set_remove(&ledger->touched, i);
        }
    }
    return err;
}

const struct p2p_kind *p2p_ledger_kind(const struct p2p_ledger *ledger, uint32_t number)
{
    bool lacks = number < 64 && (ledger->kinds_unknown >> number & 1) != 0;
    return lacks ? NULL : p2p_kind_find(number);
}

struct p2p_feed *p2p_ledger_feed(const struct p2p_ledger *ledger, uint32_t number)
{
    return number < ledger->feed_count ? ledger->feeds[number] : NULL;
}

/* ---- applying ---- */

static enum p2p_err store_payload(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                  struct p2p_slice salted)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    if (salted.len == 0) {
        return P2P_OK;
    }
    return p2p_kv_put(ledger->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id), salted);
}

static struct p2p_slice without_salt(struct p2p_slice salted)
{
    return salted.len > P2P_SALT_BYTES
               ? p2p_slice_of(salted.data + P2P_SALT_BYTES, salted.len - P2P_SALT_BYTES)
               : (struct p2p_slice){0};
}

enum p2p_err p2p_ledger_apply(struct p2p_ledger *ledger, const struct p2p_arrival *arrival)
{
    struct p2p_feed *feed = p2p_ledger_feed(ledger, arrival->feed);
    p2p_assert(feed != NULL && arrival->feed != P2P_CHARTER_FEED);
    const struct p2p_record *record = &arrival->record;
    const struct p2p_record_id id = {arrival->feed, feed->edge.size};
    enum p2p_err err = p2p_feed_append(feed, ledger->kv, ledger->arena, record->leaf,
                                       &arrival->leaf_hash, arrival->salted.len);
    if (err == P2P_OK) {
        err = store_payload(ledger, &id, arrival->salted);
    }
    if (err == P2P_OK) {
        err = p2p_judge_arrival(ledger, arrival, id.index);
    }
    if (err == P2P_OK && record->kind == P2P_KIND_SEEN && record->issuer == 0 &&
        record->body_type == P2P_BODY_PUBLIC) {
        err = p2p_known_apply(ledger, id.feed, id.index, record->content);
    }
    const struct p2p_kind *kind = p2p_ledger_kind(ledger, record->kind);
    if (err == P2P_OK && kind != NULL && kind->keys != NULL) {
        struct p2p_entry entry = {
            .id = id, .record = *record, .payload = without_salt(arrival->salted)};
        err = kind->keys(ledger, &entry);
    }
    return err;
}

enum p2p_err p2p_ledger_take_payload(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                     struct p2p_slice salted)
{
    enum p2p_err err = store_payload(ledger, id, salted);
    ledger->newest.count = 0; /* what came without it is read again */
    p2p_once_forget(ledger);
    return err == P2P_OK ? p2p_ledger_touch_again(ledger, id) : err;
}

/* Where the branches part, while there are two heads. */
static uint64_t split_of(const struct p2p_charter *charter)
{
    uint64_t split = UINT64_MAX;
    struct p2p_slice leaf;
    struct p2p_slice note;
    enum p2p_err err = p2p_charter_rival(charter, &split, &leaf, &note);
    return err == P2P_OK ? split : UINT64_MAX;
}

/* Everything that rests on the charter is judged again: two heads, or the end of them, take
 * authority back from what a whole branch granted. Issuers named at or above the split may be
 * others now, under the same numbers. */
static enum p2p_err judge_all(struct p2p_ledger *ledger, uint32_t issuer_count, uint64_t split)
{
    enum p2p_err err = p2p_known_anew(ledger, P2P_CHARTER_FEED);
    for (uint32_t i = 1; i <= issuer_count && err == P2P_OK; i++) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, i);
        err = p2p_judge_issuer(ledger, i, issuer == NULL || issuer->entry >= split);
    }
    return err;
}

enum p2p_err p2p_ledger_apply_charter(struct p2p_ledger *ledger, uint64_t index,
                                      struct p2p_slice leaf, struct p2p_slice note,
                                      char reason[P2P_REASON_BYTES])
{
    const struct p2p_charter *charter = ledger->charter;
    uint64_t size = p2p_charter_size(charter);
    uint64_t good_size = p2p_charter_good_size(charter);
    uint64_t rival_size = p2p_charter_rival_size(charter);
    uint32_t issuers = p2p_charter_issuer_count(charter);
    uint64_t split = split_of(charter);
    enum p2p_err applied =
        p2p_charter_apply(ledger->charter, ledger->sigs, index, leaf, note, reason);
    if (applied != P2P_OK && applied != P2P_FORKED) {
        return applied;
    }
    bool same_heads = rival_size == p2p_charter_rival_size(charter);
    if (size == p2p_charter_size(charter) && same_heads) {
        return applied; /* held already */
    }
    enum p2p_err err = p2p_charter_store(ledger);
    if (err == P2P_OK) {
        err = add_feeds(ledger, ledger->kv, true);
    }
    if (err == P2P_OK) {
        ledger->charter_changed = true;
        ledger->forks_stale = true;
        ledger->closings_stale = true;
        err = p2p_custody_mark_waiting(ledger);
    }
    if (err == P2P_OK) {
        err = p2p_custody_mark_reassigned(ledger);
    }
    if (err == P2P_OK) {
        bool grew = same_heads && p2p_charter_good_size(charter) == good_size + 1 &&
                    p2p_charter_size(charter) == size + 1;
        uint32_t now = p2p_charter_issuer_count(charter);
        uint64_t parted = split_of(charter);
        err = grew ? p2p_judge_charter(ledger, index)
                   : judge_all(ledger, issuers > now ? issuers : now,
                               parted < split ? parted : split);
    }
    return err == P2P_OK ? applied : err;
}

enum p2p_err p2p_ledger_verify(struct p2p_ledger *ledger, struct p2p_arrival *arrivals,
                               size_t count)
{
    struct p2p_verify_job *jobs = p2p_arena_take(ledger->arena, count * sizeof(*jobs));
    size_t *owners = p2p_arena_take(ledger->arena, count * sizeof(*owners));
    size_t job_count = 0;
    if (jobs == NULL || owners == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct p2p_record *record = &arrivals[i].record;
        arrivals[i].signature = P2P_SIGNATURE_NONE;
        if (record->issuer == 0) {
            continue;
        }
        const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, record->issuer);
        const struct p2p_feed_info *feed = p2p_charter_feed(ledger->charter, arrivals[i].feed);
        arrivals[i].signature = P2P_SIGNATURE_UNKNOWN_ISSUER;
        if (issuer == NULL || feed == NULL || issuer->member != feed->member) {
            continue;
        }
        struct p2p_slice origin = p2p_slice_text(feed->origin);
        uint8_t *message =
            p2p_arena_take(ledger->arena, P2P_PREFIX_BYTES_MAX + record->leaf.len);
        if (message == NULL) {
            return P2P_NOMEM;
        }
        size_t len = p2p_record_signed_bytes(message, p2p_record_head(record), origin);
        jobs[job_count] = (struct p2p_verify_job){.public_key = issuer->key.bytes,
                                                  .signature = record->signature,
                                                  .message = p2p_slice_of(message, len)};
        owners[job_count++] = i;
    }
    ledger->sigs->verify_many(ledger->sigs->context, jobs, job_count);
    for (size_t i = 0; i < job_count; i++) {
        arrivals[owners[i]].signature = jobs[i].good ? P2P_SIGNATURE_GOOD : P2P_SIGNATURE_BAD;
    }
    return P2P_OK;
}

/* ---- reading ---- */

void p2p_scratch_begin(struct p2p_scratch *scratch, struct p2p_ledger *ledger)
{
    p2p_arena_init(&scratch->arena, ledger->alloc, P2P_SCRATCH_BYTES_MAX);
    scratch->outer = ledger->arena;
    ledger->arena = &scratch->arena;
}

void p2p_scratch_reset(struct p2p_scratch *scratch)
{
    p2p_arena_reset(&scratch->arena);
}

void p2p_scratch_end(struct p2p_scratch *scratch, struct p2p_ledger *ledger)
{
    ledger->arena = scratch->outer;
    p2p_arena_deinit(&scratch->arena);
}

enum p2p_err p2p_ledger_touch_again(struct p2p_ledger *ledger, const struct p2p_record_id *id)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    const struct p2p_kind *kind =
        err == P2P_OK ? p2p_ledger_kind(ledger, entry.record.kind) : NULL;
    if (kind != NULL && kind->keys != NULL) {
        err = kind->keys(ledger, &entry);
    }
    p2p_scratch_end(&scratch, ledger);
    return err;
}

enum p2p_err p2p_ledger_salted(const struct p2p_ledger *ledger, const struct p2p_record_id *id,
                               struct p2p_slice *salted)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    return p2p_kv_get(ledger->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id), salted);
}

/* The record as it arrived, if it is one of the newest; NULL. */
static const struct p2p_arrival *newest(const struct p2p_ledger *ledger,
                                        const struct p2p_record_id *id)
{
    if (ledger->newest.count == 0 || id->feed != ledger->newest.arrivals[0].feed ||
        id->index < ledger->newest.first ||
        id->index - ledger->newest.first >= ledger->newest.count) {
        return NULL;
    }
    return &ledger->newest.arrivals[id->index - ledger->newest.first];
}

/* Whether a leaf is of a kind. P2P_NOTFOUND: of another one. */
static enum p2p_err is_of_kind(struct p2p_slice leaf, uint32_t kind)
{
    uint32_t its = 0;
    uint32_t circle = 0;
    if (p2p_record_peek_kind(leaf, &its, &circle) != P2P_OK) {
        return P2P_CORRUPT; /* only canonical records were let in */
    }
    return its == kind ? P2P_OK : P2P_NOTFOUND;
}

/* kind: NULL: any. */
static enum p2p_err entry_if(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                             const uint32_t *kind, struct p2p_entry *out)
{
    struct p2p_slice bytes;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, id->feed);
    if (feed == NULL) {
        return P2P_NOTFOUND;
    }
    const struct p2p_arrival *arrival = newest(ledger, id);
    if (arrival != NULL) {
        if (kind != NULL && arrival->record.kind != *kind) {
            return P2P_NOTFOUND;
        }
        *out = (struct p2p_entry){
            .id = *id, .record = arrival->record, .payload = without_salt(arrival->salted)};
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_leaf(feed, ledger->kv, id->index, &bytes);
    if (err == P2P_OK && kind != NULL) {
        err = is_of_kind(bytes, *kind);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_slice leaf = p2p_arena_copy(ledger->arena, bytes);
    return leaf.data == NULL ? P2P_NOMEM : p2p_ledger_entry_of(ledger, id, leaf, out);
}

enum p2p_err p2p_ledger_entry(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                              struct p2p_entry *out)
{
    return entry_if(ledger, id, NULL, out);
}

enum p2p_err p2p_ledger_entry_of_kind(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                      uint32_t kind, struct p2p_entry *out)
{
    return entry_if(ledger, id, &kind, out);
}

enum p2p_err p2p_ledger_entry_of(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                 struct p2p_slice leaf, struct p2p_entry *out)
{
    struct p2p_entry entry = {.id = *id};
    struct p2p_slice bytes;
    enum p2p_err err = p2p_record_decode(&entry.record, leaf);
    if (err != P2P_OK) {
        return P2P_CORRUPT; /* only canonical records were let in */
    }
    if (entry.record.body_type == P2P_BODY_COMMITMENT) {
        err = p2p_ledger_salted(ledger, id, &bytes);
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            return err;
        }
        if (err == P2P_OK && bytes.len > P2P_SALT_BYTES) {
            entry.payload =
                p2p_arena_copy(ledger->arena, p2p_slice_of(bytes.data + P2P_SALT_BYTES,
                                                           bytes.len - P2P_SALT_BYTES));
            if (entry.payload.data == NULL) {
                return P2P_NOMEM;
            }
        }
    }
    *out = entry;
    return P2P_OK;
}
