/* The view of custody: one value per open, folded from the records that cite it. */
#include "custody_fold.h"

#include <p2p/assert.h>

#include <string.h>

/* ---- the value ---- */

static void pack_id(struct p2p_pack *pack, const struct p2p_record_id *id)
{
    p2p_pack_array(pack, 2);
    p2p_pack_uint(pack, id->feed);
    p2p_pack_uint(pack, id->index);
}

static void pack_tenures(struct p2p_pack *pack, const struct p2p_custody *custody)
{
    p2p_pack_text(pack, "tenures");
    p2p_pack_array(pack, (uint32_t)custody->tenure_count);
    for (size_t i = 0; i < custody->tenure_count; i++) {
        const struct p2p_tenure *tenure = &custody->tenures[i];
        p2p_pack_array(pack, 3u + (tenure->to != UINT64_MAX) + 2u * (tenure->rests_feed != 0));
        p2p_pack_uint(pack, tenure->feed);
        p2p_pack_uint(pack, tenure->epoch);
        p2p_pack_uint(pack, tenure->from);
        if (tenure->to != UINT64_MAX) {
            p2p_pack_uint(pack, tenure->to);
        }
        if (tenure->rests_feed != 0) {
            p2p_pack_uint(pack, tenure->rests_feed);
            p2p_pack_uint(pack, tenure->rests_index);
        }
    }
}

/* What became of it; absent where the open has no effect by its own verdict. */
static void pack_standing(struct p2p_pack *pack, const struct p2p_custody *custody)
{
    p2p_pack_text(pack, "opened_by");
    p2p_pack_uint(pack, custody->opened_by);
    if (custody->rests_feed != 0) {
        const struct p2p_record_id rests = {custody->rests_feed, custody->rests_index};
        p2p_pack_text(pack, "rests");
        pack_id(pack, &rests);
    }
    if (custody->rival_count > 0) {
        p2p_pack_text(pack, "rivals");
        p2p_pack_array(pack, (uint32_t)custody->rival_count);
        for (size_t i = 0; i < custody->rival_count; i++) {
            pack_id(pack, &custody->rivals[i]);
        }
    }
    p2p_pack_text(pack, "state");
    p2p_pack_text(pack, p2p_custody_state_word(custody->state));
    p2p_pack_text(pack, "step");
    pack_id(pack, &custody->step);
}

static enum p2p_err write_value(struct p2p_ledger *ledger, const struct p2p_custody *custody)
{
    enum { VALUE_BYTES_MAX = 4096 };
    uint8_t key[P2P_ID_KEY_BYTES];
    uint8_t *bytes = p2p_arena_take(ledger->arena, VALUE_BYTES_MAX);
    bool content = custody->container.len > 0;
    struct p2p_pack pack;
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    p2p_pack_init(&pack, bytes, VALUE_BYTES_MAX);
    p2p_pack_map(&pack, 6u + 2u * content + (custody->call.len > 0) + (custody->frozen != 0) +
                            (custody->rests_feed != 0) + (custody->rival_count > 0) +
                            (custody->to != 0) + (custody->why != P2P_WHY_NONE));
    if (custody->call.len > 0) {
        p2p_pack_text(&pack, "call");
        p2p_pack_str(&pack, custody->call);
    }
    if (content) {
        p2p_pack_text(&pack, "container");
        p2p_pack_str(&pack, custody->container);
    }
    p2p_pack_text(&pack, "epoch");
    p2p_pack_uint(&pack, custody->epoch);
    if (content) {
        p2p_pack_text(&pack, "facility");
        p2p_pack_str(&pack, custody->facility);
    }
    if (custody->frozen != 0) {
        p2p_pack_text(&pack, "frozen");
        p2p_pack_uint(&pack, custody->frozen);
    }
    p2p_pack_text(&pack, "holder");
    p2p_pack_uint(&pack, custody->holder);
    pack_standing(&pack, custody);
    pack_tenures(&pack, custody);
    if (custody->to != 0) {
        p2p_pack_text(&pack, "to");
        p2p_pack_uint(&pack, custody->to);
    }
    if (custody->why != P2P_WHY_NONE) {
        p2p_pack_text(&pack, "why");
        p2p_pack_text(&pack, p2p_why_word(custody->why));
    }
    p2p_assert(!p2p_pack_failed(&pack));
    return p2p_view_put(ledger, P2P_VIEW_CUSTODY, custody->circle,
                        p2p_id_key(key, &custody->id), p2p_pack_slice(&pack));
}

/* ---- the fold ---- */

/* Only what may still be released, or was, is told to be frozen. */
static bool shows_frozen(enum p2p_custody_state state)
{
    return state == P2P_CUSTODY_HELD || state == P2P_CUSTODY_OFFERED ||
           state == P2P_CUSTODY_RELEASED;
}

static enum p2p_err fold_open(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_custody token;
    struct custody_trace trace = {.ledger = ledger, .token = &token};
    enum p2p_err err = p2p_custody_stand(&trace, entry);
    if (err == P2P_OK && token.why == P2P_WHY_NONE) {
        err = p2p_custody_beside(&trace);
    }
    if (err == P2P_OK && !shows_frozen(token.state)) {
        token.frozen = 0;
        token.rival_count = 0;
    }
    if (err == P2P_OK) {
        err = p2p_custody_row_waits(ledger, token.circle, &token.id, trace.waits);
    }
    return err == P2P_OK ? write_value(ledger, &token) : err;
}

static enum p2p_err fold(struct p2p_ledger *ledger, struct p2p_slice key)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    if (!p2p_id_from_key(key, &id)) {
        return P2P_CORRUPT;
    }
    enum p2p_err err = p2p_ledger_entry_of_kind(ledger, &id, P2P_KIND_CUSTODY_OPEN, &entry);
    if (err == P2P_NOTFOUND) {
        return P2P_OK; /* named before it came, or what cites tokens is cited */
    }
    if (err != P2P_OK || entry.payload.len == 0 ||
        p2p_ledger_kind(ledger, entry.record.kind) == NULL) {
        return err;
    }
    return fold_open(ledger, &entry);
}

const struct p2p_view p2p_view_custody = {.fold = fold};
