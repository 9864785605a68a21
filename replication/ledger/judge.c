#include <p2p/ledger.h>

#include <p2p/assert.h>
#include <p2p/planted.h>

#include "views.h"

#include <string.h>

/* ISSUER table: 2, feed u32, index u64 -> verdict u8; no row means none. Its other rows are
 * those of number.c and engine_append.c. */
enum { FORMAT = 1, ROW_VERDICT = 2, KEY_BYTES_MAX = 1 + 4 + 8 };

const char *p2p_why_word(enum p2p_why why)
{
    static const char *const words[] = {
#define WHY_WORD(name, word) [P2P_WHY_##name] = word,
        P2P_WHY_MAP(WHY_WORD)
#undef WHY_WORD
    };
    return words[why];
}

bool p2p_why_named(struct p2p_slice word, enum p2p_why *out)
{
    for (int why = P2P_WHY_NONE + 1; why <= P2P_WHY_ERASED; why++) {
        if (p2p_slice_equal(p2p_slice_text(p2p_why_word((enum p2p_why)why)), word)) {
            *out = (enum p2p_why)why;
            return true;
        }
    }
    return false;
}

static struct p2p_slice verdict_key(uint8_t out[KEY_BYTES_MAX], uint32_t feed, uint64_t index)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES_MAX);
    p2p_writer_u8(&key, ROW_VERDICT);
    p2p_writer_u32(&key, feed);
    p2p_writer_u64(&key, index);
    return p2p_writer_slice(&key);
}

/* ---- verdicts that are stored: signature and number ---- */

static enum p2p_err read_verdict(const struct p2p_ledger *ledger,
                                 const struct p2p_record_id *id, enum p2p_why *why)
{
    uint8_t key[KEY_BYTES_MAX];
    struct p2p_slice value;
    enum p2p_err err =
        p2p_kv_get(ledger->kv, P2P_TABLE_ISSUER, verdict_key(key, id->feed, id->index), &value);
    if (err == P2P_NOTFOUND) {
        *why = P2P_WHY_NONE;
        return P2P_OK;
    }
    if (err != P2P_OK) {
        return err;
    }
    if (value.len != 2 || value.data[0] != FORMAT || value.data[1] > P2P_WHY_ERASED) {
        return P2P_CORRUPT;
    }
    *why = (enum p2p_why)value.data[1];
    return P2P_OK;
}

static void verdict_element(uint8_t out[KEY_BYTES_MAX + 1], const struct p2p_record_id *id,
                            enum p2p_why why)
{
    verdict_key(out, id->feed, id->index);
    out[KEY_BYTES_MAX] = (uint8_t)why;
}

/* Replaces the stored verdict of one record and keeps the set that leaves_digest covers. */
static enum p2p_err store_verdict(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                  enum p2p_why before, enum p2p_why why)
{
    uint8_t key[KEY_BYTES_MAX];
    uint8_t element[KEY_BYTES_MAX + 1];
    const uint8_t value[] = {FORMAT, (uint8_t)why};
    if (before == why) {
        return P2P_OK;
    }
    ledger->verdicts_changed = ledger->verdicts_changed || !ledger->comparing;
    if (before != P2P_WHY_NONE && !ledger->comparing) {
        verdict_element(element, id, before);
        p2p_lthash_remove(&ledger->verdict_set, p2p_slice_of(element, sizeof(element)));
    }
    struct p2p_slice row = verdict_key(key, id->feed, id->index);
    if (why == P2P_WHY_NONE) {
        return p2p_kv_del(ledger->kv, P2P_TABLE_ISSUER, row);
    }
    if (!ledger->comparing) {
        verdict_element(element, id, why);
        p2p_lthash_add(&ledger->verdict_set, p2p_slice_of(element, sizeof(element)));
    }
    return p2p_kv_put(ledger->kv, P2P_TABLE_ISSUER, row, p2p_slice_of(value, sizeof(value)));
}

/* The verdict of a record whose signature has been looked at, against the numbers used before
 * it. */
static enum p2p_err weigh(struct p2p_ledger *ledger, const struct p2p_record *record,
                          const struct p2p_record_id *id, enum p2p_signature_verdict signature,
                          enum p2p_why *why)
{
    bool repeated = false;
    enum p2p_err err = P2P_OK;
    switch (signature) {
    case P2P_SIGNATURE_NONE:
        *why = P2P_WHY_NONE;
        break;
    case P2P_SIGNATURE_UNKNOWN_ISSUER:
        *why = P2P_WHY_UNKNOWN_ISSUER;
        break;
    case P2P_SIGNATURE_BAD:
        *why = P2P_WHY_BAD_SIGNATURE;
        break;
    case P2P_SIGNATURE_GOOD:
        err = p2p_number_take(ledger, id, record, &repeated);
        *why = repeated && !P2P_PLANT(NUMBER_TWICE) ? P2P_WHY_REPEATED_SEQ : P2P_WHY_NONE;
        break;
    }
    return err;
}

enum { ISSUER_KEY_BYTES = 1 + 4 + P2P_ID_KEY_BYTES };

static struct p2p_slice issuer_key(uint8_t out[ISSUER_KEY_BYTES], uint32_t issuer,
                                   const struct p2p_record_id *id)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, ISSUER_KEY_BYTES);
    p2p_writer_u8(&key, P2P_INDEX_ISSUER);
    p2p_writer_u32(&key, issuer);
    p2p_writer_u32(&key, id->feed);
    p2p_writer_u64(&key, id->index);
    return p2p_writer_slice(&key);
}

enum p2p_err p2p_index_issuer(struct p2p_ledger *ledger, uint32_t issuer,
                              const struct p2p_record_id *id)
{
    uint8_t key[ISSUER_KEY_BYTES];
    return p2p_index_put(ledger, issuer_key(key, issuer, id));
}

enum p2p_err p2p_index_issuer_from(const struct p2p_kv *kv, uint32_t issuer,
                                   struct p2p_record_id *id)
{
    uint8_t key[ISSUER_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_INDEX, issuer_key(key, issuer, id), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != sizeof(key) || memcmp(found.data, key, 5) != 0) {
        return P2P_NOTFOUND;
    }
    return p2p_id_from_key(p2p_slice_of(found.data + 5, P2P_ID_KEY_BYTES), id) ? P2P_OK
                                                                               : P2P_CORRUPT;
}

static enum p2p_err verify_again(struct p2p_ledger *ledger, uint32_t feed,
                                 const struct p2p_record *record,
                                 enum p2p_signature_verdict *signature)
{
    struct p2p_scratch scratch;
    struct p2p_arrival arrival = {.feed = feed, .record = *record};
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_verify(ledger, &arrival, 1);
    p2p_scratch_end(&scratch, ledger);
    if (err == P2P_OK) {
        *signature = arrival.signature;
    }
    return err;
}

enum p2p_err p2p_judge_arrival(struct p2p_ledger *ledger, const struct p2p_arrival *arrival,
                               uint64_t index)
{
    enum p2p_why why = P2P_WHY_NONE;
    const struct p2p_record_id id = {arrival->feed, index};
    if (arrival->record.issuer == 0) {
        return P2P_OK;
    }
    enum p2p_signature_verdict signature = arrival->signature;
    enum p2p_err err = P2P_OK;
    if (signature == P2P_SIGNATURE_NONE || signature == P2P_SIGNATURE_UNKNOWN_ISSUER) {
        /* The charter may have named the issuer since this was verified, in this very batch. */
        err = verify_again(ledger, arrival->feed, &arrival->record, &signature);
    }
    if (err == P2P_OK) {
        err = weigh(ledger, &arrival->record, &id, signature, &why);
    }
    if (err == P2P_OK) {
        err = store_verdict(ledger, &id, P2P_WHY_NONE, why);
    }
    return err == P2P_OK ? p2p_index_issuer(ledger, arrival->record.issuer, &id) : err;
}

enum p2p_err p2p_judge_undo(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    enum p2p_why before = P2P_WHY_NONE;
    p2p_assert(ledger->undoing);
    enum p2p_err err = read_verdict(ledger, &entry->id, &before);
    if (err == P2P_OK) {
        err = store_verdict(ledger, &entry->id, before, P2P_WHY_NONE);
    }
    if (err == P2P_OK) {
        err = p2p_number_undo(ledger, &entry->id, &entry->record);
    }
    return err == P2P_OK ? p2p_index_issuer(ledger, entry->record.issuer, &entry->id) : err;
}

/* ---- what is stored, compared with the records ---- */

/* The verdict of a record anew, from its signature and the numbers used before it. */
static enum p2p_err judge_deep(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                               enum p2p_why *why)
{
    enum p2p_signature_verdict signature = P2P_SIGNATURE_NONE;
    bool repeated = false;
    enum p2p_err err = verify_again(ledger, entry->id.feed, &entry->record, &signature);
    if (err == P2P_OK && signature == P2P_SIGNATURE_GOOD) {
        err = p2p_number_compare(ledger, &entry->id, &entry->record, false, &repeated);
        *why = repeated ? P2P_WHY_REPEATED_SEQ : P2P_WHY_NONE;
        return err;
    }
    *why = signature == P2P_SIGNATURE_BAD ? P2P_WHY_BAD_SIGNATURE : P2P_WHY_UNKNOWN_ISSUER;
    return err;
}

enum p2p_err p2p_judge_compare(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                               bool deep)
{
    enum p2p_why held = P2P_WHY_NONE;
    enum p2p_why why = P2P_WHY_NONE;
    bool repeated = false;
    enum p2p_err err = p2p_index_issuer(ledger, entry->record.issuer, &entry->id);
    if (err == P2P_OK) {
        err = read_verdict(ledger, &entry->id, &held);
    }
    bool unreadable = err == P2P_CORRUPT;
    if (err != P2P_OK && !unreadable) {
        return err;
    }
    if (!unreadable && !deep && held == P2P_WHY_NONE) {
        return p2p_number_compare(ledger, &entry->id, &entry->record, true, &repeated);
    }
    err = judge_deep(ledger, entry, &why);
    if (err != P2P_OK) {
        return err;
    }
    if (unreadable && why == P2P_WHY_NONE) {
        uint8_t key[KEY_BYTES_MAX];
        return p2p_kv_del(ledger->kv, P2P_TABLE_ISSUER,
                          verdict_key(key, entry->id.feed, entry->id.index));
    }
    return store_verdict(ledger, &entry->id, unreadable ? P2P_WHY_NONE : held, why);
}

enum p2p_err p2p_judge_compare_set(struct p2p_ledger *ledger, bool *differs)
{
    static const uint8_t prefix[] = {ROW_VERDICT};
    struct p2p_lthash set;
    struct p2p_slice key;
    struct p2p_slice value;
    p2p_lthash_init(&set);
    enum p2p_err err = p2p_kv_seek(ledger->kv, P2P_TABLE_ISSUER,
                                   p2p_slice_of(prefix, sizeof(prefix)), &key, &value);
    while (err == P2P_OK && key.len == KEY_BYTES_MAX && key.data[0] == ROW_VERDICT) {
        uint8_t element[KEY_BYTES_MAX + 1];
        if (value.len != 2 || value.data[0] != FORMAT || value.data[1] > P2P_WHY_ERASED) {
            return P2P_CORRUPT;
        }
        memcpy(element, key.data, KEY_BYTES_MAX);
        element[KEY_BYTES_MAX] = value.data[1];
        p2p_lthash_add(&set, p2p_slice_of(element, sizeof(element)));
        err = p2p_kv_next(ledger->kv, P2P_TABLE_ISSUER, &key, &value);
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    *differs = memcmp(&set, &ledger->verdict_set, sizeof(set)) != 0;
    if (*differs) {
        ledger->verdict_set = set;
        ledger->verdicts_changed = true;
    }
    return P2P_OK;
}

/* ---- what is computed each time: cut, grant, content, and citations: judge_cites.c ---- */

static bool body_fits(const struct p2p_entry *entry, const struct p2p_kind *kind)
{
    if (entry->record.body_type != kind->body) {
        return false;
    }
    switch (kind->body) {
    case P2P_BODY_NONE:
        return true;
    case P2P_BODY_PUBLIC:
        return p2p_kind_validate(kind, entry->record.content) == P2P_OK;
    case P2P_BODY_COMMITMENT:
        /* Not held: not entitled, so its content is nobody's business here. */
        return entry->payload.len == 0 || p2p_kind_validate(kind, entry->payload) == P2P_OK;
    }
    return false;
}

static enum p2p_err judge_cut(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                              enum p2p_why *why)
{
    uint64_t known_charter = 0;
    enum p2p_err err = p2p_known_size(ledger, entry->id.feed, entry->id.index, P2P_CHARTER_FEED,
                                      &known_charter);
    if (err == P2P_OK && p2p_charter_cut(ledger->charter, entry->record.issuer, entry->id.feed,
                                         entry->id.index, known_charter) == P2P_CUT_PAST) {
        *why = P2P_WHY_PAST_CUT;
    }
    return err;
}

/* was_cut [out]: not NULL: whether a cut point is all that speaks against it, which then is no
 * verdict. */
static enum p2p_err judge_content(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                                  bool cites, bool *was_cut, enum p2p_why *out)
{
    enum p2p_why why = P2P_WHY_NONE;
    const struct p2p_kind *kind = p2p_ledger_kind(ledger, entry->record.kind);
    if (kind == NULL) {
        *out = P2P_WHY_UNKNOWN_KIND;
        return P2P_OK;
    }
    enum p2p_err err = entry->record.issuer != 0 ? judge_cut(ledger, entry, &why) : P2P_OK;
    if (was_cut != NULL) {
        *was_cut = why == P2P_WHY_PAST_CUT;
        why = P2P_WHY_NONE;
    }
    if (err == P2P_OK && why == P2P_WHY_NONE && !body_fits(entry, kind)) {
        why = P2P_WHY_BAD_PAYLOAD;
    }
    if (err == P2P_OK && why == P2P_WHY_NONE && kind->judge != NULL) {
        err = kind->judge(ledger, entry, &why);
    }
    if (err == P2P_OK && why == P2P_WHY_NONE && cites) {
        err = p2p_judge_cites(ledger, entry, kind, &why);
    }
    if (err == P2P_OK && why == P2P_WHY_NONE && kind->granted != NULL &&
        !kind->granted(ledger, entry)) {
        why = P2P_WHY_NO_GRANT;
    }
    if (err == P2P_OK) {
        *out = why;
    }
    return err;
}

enum p2p_err p2p_judge_content(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                               bool cites, enum p2p_why *why)
{
    return judge_content(ledger, entry, cites, NULL, why);
}

/* At or above the end of a closed generation. A fork proof is one wherever it stands, so that
 * where feeds end by forks does not rest on where they end by closings. */
static bool past_end(const struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, entry->id.feed);
    return feed != NULL && entry->id.index >= feed->closed_at &&
           entry->record.kind != P2P_KIND_FORK;
}

/* arrived: as in p2p_judge_once. */
static enum p2p_err judge(struct p2p_ledger *ledger, const struct p2p_entry *entry, bool cites,
                          const enum p2p_why *arrived, bool *was_cut, enum p2p_why *out)
{
    enum p2p_why why = P2P_WHY_NONE;
    const struct p2p_kind *kind = p2p_ledger_kind(ledger, entry->record.kind);
    enum p2p_author author = entry->id.feed == P2P_CHARTER_FEED ? P2P_BY_CHARTER
                             : entry->record.issuer == 0        ? P2P_BY_NODE
                                                                : P2P_BY_ISSUER;
    enum p2p_err err = P2P_OK;
    if (kind == NULL) {
        *out = P2P_WHY_UNKNOWN_KIND;
        return P2P_OK;
    }
    if ((kind->authors & (unsigned)author) == 0) {
        *out = P2P_WHY_UNKNOWN_ISSUER;
        return P2P_OK;
    }
    if (entry->record.issuer != 0 &&
        p2p_charter_issuer(ledger->charter, entry->record.issuer) == NULL) {
        why = P2P_WHY_UNKNOWN_ISSUER; /* whatever he is to who knows more of the charter */
    } else if (entry->record.issuer != 0 && arrived != NULL) {
        why = *arrived;
    } else if (entry->record.issuer != 0) {
        err = read_verdict(ledger, &entry->id, &why);
    }
    if (err == P2P_OK && why == P2P_WHY_NONE && was_cut == NULL && past_end(ledger, entry)) {
        why = P2P_WHY_PAST_CUT;
    }
    if (err == P2P_OK && why == P2P_WHY_NONE) {
        err = judge_content(ledger, entry, cites, was_cut, &why);
    }
    if (err == P2P_OK) {
        *out = why;
    }
    return err;
}

enum p2p_err p2p_judge(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                       enum p2p_why *why)
{
    return judge(ledger, entry, true, NULL, NULL, why);
}

enum p2p_err p2p_judge_but_cites(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                                 enum p2p_why *why)
{
    return judge(ledger, entry, false, NULL, NULL, why);
}

enum p2p_err p2p_judge_step(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                            enum p2p_why *why, bool *was_cut)
{
    *was_cut = false;
    return judge(ledger, entry, false, NULL, was_cut, why);
}

enum p2p_err p2p_judge_arrived(const struct p2p_ledger *ledger, const struct p2p_record_id *id,
                               enum p2p_why *why)
{
    return read_verdict(ledger, id, why);
}

enum p2p_err p2p_judge_once(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                            const enum p2p_why *arrived, enum p2p_why *why)
{
    struct p2p_judged *memo = &ledger->judged[p2p_judge_spread(&entry->id) % P2P_JUDGED_MAX];
    if (!memo->known || p2p_record_id_compare(&memo->id, &entry->id) != 0) {
        enum p2p_err err = judge(ledger, entry, true, arrived, NULL, &memo->why);
        memo->known = err == P2P_OK;
        memo->id = entry->id;
        if (err != P2P_OK) {
            return err;
        }
    }
    *why = memo->why;
    return P2P_OK;
}

/* ---- a new charter version ---- */

/* Weighs again a record whose issuer was unknown, or is somebody else now; the others'
 * signatures were looked at. */
static enum p2p_err weigh_again(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                const struct p2p_record *record, bool anew)
{
    enum p2p_why before = P2P_WHY_NONE;
    enum p2p_why why = P2P_WHY_NONE;
    enum p2p_signature_verdict signature = P2P_SIGNATURE_NONE;
    enum p2p_err err = read_verdict(ledger, id, &before);
    if (err != P2P_OK || (before != P2P_WHY_UNKNOWN_ISSUER && !anew)) {
        return err;
    }
    err = verify_again(ledger, id->feed, record, &signature);
    if (err == P2P_OK) {
        err = weigh(ledger, record, id, signature, &why);
    }
    return err == P2P_OK ? store_verdict(ledger, id, before, why) : err;
}

/* Looks again at one record of an issuer that a charter entry touched. */
static enum p2p_err judge_again(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                                bool anew)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    p2p_scratch_begin(&scratch, ledger);
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err == P2P_OK) {
        err = weigh_again(ledger, id, &entry.record, anew);
    }
    const struct p2p_kind *kind =
        err == P2P_OK ? p2p_ledger_kind(ledger, entry.record.kind) : NULL;
    if (kind != NULL && kind->keys != NULL) {
        ledger->reweighing = true;
        err = kind->keys(ledger, &entry);
        ledger->reweighing = false;
    }
    p2p_scratch_end(&scratch, ledger);
    return err;
}

enum p2p_err p2p_judge_issuer(struct p2p_ledger *ledger, uint32_t issuer, bool anew)
{
    struct p2p_record_id id = {0, 0};
    /* Another key's numbers begin anew, in every feed. */
    enum p2p_err err = anew ? p2p_number_forget(ledger, issuer) : P2P_OK;
    while (err == P2P_OK) {
        err = p2p_index_issuer_from(ledger->kv, issuer, &id);
        if (err == P2P_NOTFOUND) {
            return P2P_OK;
        }
        err = err == P2P_OK ? judge_again(ledger, &id, anew) : err;
        id.index++;
    }
    return err;
}

enum p2p_err p2p_judge_charter(struct p2p_ledger *ledger, uint64_t entry_index)
{
    size_t count = p2p_charter_touched(ledger->charter, entry_index, NULL, 0);
    uint32_t *issuers = p2p_arena_take(ledger->arena, count * sizeof(*issuers));
    if (issuers == NULL) {
        return P2P_NOMEM;
    }
    p2p_charter_touched(ledger->charter, entry_index, issuers, count);
    for (size_t i = 0; i < count; i++) {
        enum p2p_err err = p2p_judge_issuer(ledger, issuers[i], false);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}
