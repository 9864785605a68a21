#include "once.h"

#include "views.h"

#include <p2p/assert.h>

/* A copy that lives as long as it is kept; NULL: there is no room for it. */
static const struct p2p_entry *copy_of(struct p2p_arena *arena, const struct p2p_entry *entry)
{
    struct p2p_entry *copy = p2p_arena_take(arena, sizeof(*copy));
    struct p2p_slice leaf = p2p_arena_copy(arena, entry->record.leaf);
    struct p2p_slice payload = {0};
    if (entry->payload.len > 0) {
        payload = p2p_arena_copy(arena, entry->payload);
    }
    if (copy == NULL || leaf.data == NULL || (payload.data == NULL && entry->payload.len > 0)) {
        return NULL;
    }
    *copy = (struct p2p_entry){.id = entry->id, .payload = payload};
    enum p2p_err err = p2p_record_peek(&copy->record, leaf);
    p2p_assert(err == P2P_OK); /* it was decoded before */
    return copy;
}

enum p2p_err p2p_once_entry(struct p2p_ledger *ledger, const struct p2p_record_id *id,
                            struct p2p_entry *out)
{
    struct p2p_once *once = &ledger->once;
    const struct p2p_entry **place = &once->kept[p2p_judge_spread(id) % P2P_ONCE_MAX];
    if (*place != NULL && p2p_record_id_compare(&(*place)->id, id) == 0) {
        *out = **place;
        return P2P_OK;
    }
    enum p2p_err err = p2p_ledger_entry(ledger, id, out);
    if (err != P2P_OK || ledger->comparing || out->record.cite_count < P2P_ONCE_CITES_MIN) {
        return err;
    }
    if (once->arena.alloc == NULL) {
        p2p_arena_init(&once->arena, ledger->alloc, P2P_ONCE_BYTES_MAX);
    }
    const struct p2p_entry *copy = copy_of(&once->arena, out);
    *place = copy != NULL ? copy : *place;
    return P2P_OK;
}

void p2p_once_forget(struct p2p_ledger *ledger)
{
    p2p_arena_deinit(&ledger->once.arena);
    ledger->once = (struct p2p_once){.kept = {NULL}};
}
