/* What the charter has to do with a frozen token, and what helps: for `custody show`, and for
 * the doctor of the port that holds it. */
#include "custody_verbs.h"
#include "doctor.h"

#include <p2p/custody.h>

#include <stdio.h>

enum { LOOKED_MAX = 64 }; /* of the newest entries, by the doctor */

/* ---- reassigned ---- */

/* Seconds until it may be counted by who is to hold it, which is this member: null where its
 * first recount begins the wait. */
static json_t *wait_json(struct p2p_node *node, const struct p2p_sealing *sealing)
{
    uint64_t left_ms = 0;
    for (size_t i = 0; i < sealing->seal_count; i++) {
        uint64_t one_ms = p2p_engine_wait_left(node->engine, &node->now, &sealing->seals[i]);
        left_ms = one_ms > left_ms ? one_ms : left_ms;
    }
    return left_ms == UINT64_MAX ? json_null() : json_integer((json_int_t)(left_ms / 1000));
}

static json_t *reassigned_json(struct p2p_node *node, const struct p2p_custody *custody)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_reassign *given = p2p_custody_given(node, custody);
    struct p2p_sealing sealing = {.sealed = false};
    if (given == NULL) {
        return json_null();
    }
    bool told = p2p_custody_seals(node, custody, given, &sealing) == P2P_OK;
    bool here = given->member == p2p_engine_member(node->engine);
    return json_pack("{s:s, s:I, s:I, s:o, s:o}", "to", p2p_member_name(ledger, given->member),
                     "epoch", (json_int_t)given->epoch, "version", (json_int_t)given->entry + 1,
                     "sealed", told ? json_boolean(sealing.sealed) : json_null(), "wait_s",
                     told && here && sealing.sealed ? wait_json(node, &sealing) : json_null());
}

/* ---- settled away ---- */

/* The newest entry that settles it away; false: none. */
static bool find_settled(const struct p2p_node *node, const struct p2p_record_id *token,
                         struct p2p_settled_open *out)
{
    size_t count = 0;
    const struct p2p_settled_open *rows =
        p2p_charter_settled_opens(p2p_engine_ledger(node->engine)->charter, &count);
    for (size_t i = count; i > 0; i--) {
        if (p2p_record_id_compare(&rows[i - 1].token, token) == 0) {
            *out = rows[i - 1];
            return true;
        }
    }
    return false;
}

/* Whether two tokens are of one container, in one circle; false in *told: one is not here. */
static bool of_one(struct p2p_node *node, const struct p2p_record_id *a,
                   const struct p2p_record_id *b, bool *told)
{
    char container[P2P_CONTAINER_BYTES_MAX + 1];
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_custody custody;
    struct p2p_entry entry;
    *told = p2p_ledger_entry(ledger, a, &entry) == P2P_OK &&
            p2p_custody_get(node->kv, entry.record.circle, a, &custody) == P2P_OK;
    if (!*told) {
        return false;
    }
    uint32_t circle = custody.circle;
    snprintf(container, sizeof(container), "%.*s", (int)custody.container.len,
             (const char *)custody.container.data);
    *told = p2p_ledger_entry(ledger, b, &entry) == P2P_OK &&
            p2p_custody_get(node->kv, entry.record.circle, b, &custody) == P2P_OK;
    return *told && custody.circle == circle &&
           p2p_slice_equal(custody.container, p2p_slice_text(container));
}

static json_t *settled_json(struct p2p_node *node, const struct p2p_record_id *token)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_settled_open row;
    bool told;
    if (!find_settled(node, token, &row)) {
        return json_null();
    }
    bool fits = of_one(node, &row.token, &row.keep, &told);
    return json_pack("{s:o, s:I, s:o}", "keep", p2p_id_json(ledger, &row.keep), "version",
                     (json_int_t)row.entry + 1, "fits",
                     told ? json_boolean(fits) : json_null());
}

/* ---- the document ---- */

static json_t *helps_json(unsigned frozen)
{
    json_t *list = json_array();
    for (unsigned bit = 1; bit != 0 && bit <= frozen; bit <<= 1) {
        if ((frozen & bit) != 0) {
            json_array_append_new(list, json_string(p2p_frozen_end((enum p2p_frozen)bit)));
        }
    }
    return list;
}

json_t *p2p_custody_json(struct p2p_node *node, const struct p2p_custody *custody)
{
    const struct p2p_record_id id = custody->id;
    unsigned frozen = p2p_custody_is_over(custody->state) ? 0 : custody->frozen;
    json_t *json = p2p_custody_words(p2p_engine_ledger(node->engine), custody);
    json_object_set_new(json, "reassigned",
                        (frozen & P2P_FROZEN_REASSIGNED) != 0 ? reassigned_json(node, custody)
                                                              : json_null());
    json_object_set_new(json, "settled",
                        (frozen & P2P_FROZEN_SETTLED) != 0 ? settled_json(node, &id)
                                                           : json_null());
    json_object_set_new(json, "helps", helps_json(frozen));
    return json;
}

/* ---- the doctor ---- */

/* A token that this node holds, frozen, by its name; false: it does not. */
static bool held_frozen(struct p2p_node *node, const struct p2p_record_id *token,
                        char text[P2P_MESSAGE_BYTES])
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_custody custody;
    struct p2p_entry entry;
    char id[P2P_ID_TEXT_BYTES];
    if (p2p_ledger_entry(ledger, token, &entry) != P2P_OK ||
        p2p_custody_get(node->kv, entry.record.circle, token, &custody) != P2P_OK ||
        p2p_custody_is_over(custody.state) ||
        custody.holder != p2p_engine_own_feed(node->engine) ||
        (custody.frozen & P2P_FROZEN_SETTLED) == 0) {
        return false;
    }
    p2p_id_text(ledger, token, id);
    snprintf(text, P2P_MESSAGE_BYTES, "%.*s (%s)", (int)custody.container.len,
             (const char *)custody.container.data, id);
    return true;
}

void p2p_doctor_settled(struct p2p_visit *visit)
{
    char first[P2P_MESSAGE_BYTES] = "";
    char keep[P2P_ID_TEXT_BYTES] = "";
    size_t count = 0;
    size_t found = 0;
    bool fits = true;
    uint64_t entry = 0;
    const struct p2p_settled_open *rows =
        p2p_charter_settled_opens(visit->ledger->charter, &count);
    for (size_t i = count, looked = 0; i > 0 && looked < LOOKED_MAX; i--, looked++) {
        const struct p2p_settled_open row = rows[i - 1];
        char text[P2P_MESSAGE_BYTES];
        bool told;
        if (!held_frozen(visit->node, &row.token, text) || found++ > 0) {
            continue;
        }
        snprintf(first, sizeof(first), "%s", text);
        p2p_id_text(visit->ledger, &row.keep, keep);
        fits = of_one(visit->node, &row.token, &row.keep, &told) || !told;
        entry = row.entry;
    }
    if (found == 0) {
        return;
    }
    p2p_doctor_note(visit, "settled", false,
                    fits ? "if it does not stand here, port2port custody withdraw ends it at "
                           "once; else the holder of the other one counts that"
                         : "port2port custody withdraw, then open it anew; and tell the roots",
                    "%zu container%s held here no more, by the charter: of %s version %llu "
                    "keeps %s instead%s",
                    found, found == 1 ? " is" : "s are", first, (unsigned long long)entry + 1,
                    keep, fits ? "" : ", which is of another container");
}
