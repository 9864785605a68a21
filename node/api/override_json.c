/* Overrides: of a right, as they stand or wait; of a release, by what it cites. */
#include "override_json.h"

#include <p2p/wire.h>
#include <p2p/words.h>

/* ---- of a right ---- */

static json_t *reason_json(const struct p2p_entry *entry)
{
    static const char *const keys[] = {"reason"};
    struct p2p_slice value;
    return entry->payload.len > 0 && p2p_unpack_fields(entry->payload, keys, &value, 1)
               ? p2p_slice_json(p2p_raw_str(value))
               : json_null();
}

/* With who approved it, and what it overrules; approved NULL: nobody did. */
static json_t *override_json(struct p2p_ledger *ledger, const struct p2p_record_id *asked,
                             const struct p2p_right_override *approved)
{
    struct p2p_entry entry;
    struct p2p_entry approval;
    bool stands =
        approved != NULL && p2p_ledger_entry(ledger, &approved->seconded, &approval) == P2P_OK;
    if (p2p_ledger_entry(ledger, asked, &entry) != P2P_OK) {
        return json_null();
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "asked", p2p_id_json(ledger, asked), "by",
        p2p_issuer_json(ledger, entry.record.issuer), "reason", reason_json(&entry), "approved",
        stands ? p2p_id_json(ledger, &approved->seconded) : json_null(), "approved_by",
        stands ? p2p_issuer_json(ledger, approval.record.issuer) : json_null(), "overrules",
        stands ? p2p_overrules_words(approved) : json_array());
}

static bool read_record(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                        const struct p2p_record_id *id, struct p2p_record *record)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, id->feed);
    struct p2p_slice leaf;
    return feed != NULL && p2p_feed_leaf(feed, kv, id->index, &leaf) == P2P_OK &&
           p2p_record_peek(record, leaf) == P2P_OK;
}

/* Whether an approval of it would count: asked in the holder's time, with effect, by who may.
 */
static bool is_waiting(struct p2p_ledger *ledger, const struct p2p_right *right,
                       const struct p2p_tenure *now, const struct p2p_record_id *id)
{
    struct p2p_record record;
    struct p2p_entry entry;
    enum p2p_why why = P2P_WHY_NONE;
    return id->feed == now->feed && id->index > now->from &&
           read_record(ledger, ledger->kv, id, &record) && record.kind == P2P_KIND_OVERRIDE &&
           p2p_ledger_entry(ledger, id, &entry) == P2P_OK &&
           p2p_judge(ledger, &entry, &why) == P2P_OK && why == P2P_WHY_NONE &&
           p2p_right_may(ledger->charter, right, entry.record.issuer, P2P_RIGHT_DO_OVERRIDE);
}

json_t *p2p_override_of_right(struct p2p_node *node, const struct p2p_right *right,
                              const struct p2p_custody *custody)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    struct p2p_record_id newest = {0, 0};
    if (right->override.by.feed != 0) {
        return override_json(ledger, &right->override.by, &right->override);
    }
    if (right->below != P2P_RIGHT_ACTIVE || custody->tenure_count == 0) {
        return json_null();
    }
    p2p_touch_begin(&walk, P2P_VIEW_RIGHTS, p2p_id_key(key, &right->id));
    for (unsigned i = 0;
         i < P2P_OVERRIDE_LOOKS_MAX && p2p_touch_next(&walk, node->kv, &by) == P2P_OK; i++) {
        if (is_waiting(ledger, right, &custody->tenures[custody->tenure_count - 1], &by)) {
            newest = by;
        }
    }
    return newest.feed == 0 ? json_null() : override_json(ledger, &newest, NULL);
}

/* ---- of a release ---- */

/* The record of a kind that another cites; false: none, or it is not here. */
static bool cited(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                  const struct p2p_record_id *by, uint32_t kind, struct p2p_record_id *out)
{
    struct p2p_record record;
    struct p2p_record other;
    struct p2p_cites walk;
    if (!read_record(ledger, kv, by, &record)) {
        return false;
    }
    p2p_cites_begin(&walk, &record);
    while (p2p_cites_next(&walk, out)) {
        if (read_record(ledger, kv, out, &other) && other.kind == kind) {
            return true;
        }
    }
    return false;
}

json_t *p2p_override_of_use(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                            const struct p2p_record_id *use)
{
    struct p2p_record_id approved;
    struct p2p_record_id asked;
    return cited(ledger, kv, use, P2P_KIND_APPROVE, &approved) &&
                   cited(ledger, kv, &approved, P2P_KIND_OVERRIDE, &asked)
               ? json_pack("{s:o, s:o}", "asked", p2p_id_json(ledger, &asked), "approved",
                           p2p_id_json(ledger, &approved))
               : json_null();
}
