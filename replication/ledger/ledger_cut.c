/* Taking back what the last records of a feed caused, so that nothing tells that they were ever
 * held. Only a feed that is proven to have two histories is cut.
 *
 * Each record, from the last one down, takes back what p2p_ledger_apply did: the marks of its
 * kind are set again while the rows that led to them are deleted (ledger->undoing), then
 * verdict, number, claims and payload go. What others said about the feed is looked at again.
 * Keys marked here are recomputed by the next fold, from the records that are left. */
#include <p2p/assert.h>
#include <p2p/rescued.h>

#include "once.h"
#include "views.h"

#include <string.h>

/* Deletes a row that may not be there. */
static enum p2p_err drop(const struct p2p_kv *kv, enum p2p_table table, struct p2p_slice key)
{
    enum p2p_err err = p2p_kv_del(kv, table, key);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err undo_record(struct p2p_ledger *ledger, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_entry entry;
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_kind *kind = p2p_ledger_kind(ledger, entry.record.kind);
    if (kind != NULL && kind->keys != NULL) {
        err = kind->keys(ledger, &entry);
    }
    if (err == P2P_OK && entry.record.issuer != 0) {
        err = p2p_judge_undo(ledger, &entry);
    }
    if (err == P2P_OK && entry.record.kind == P2P_KIND_SEEN && entry.record.issuer == 0 &&
        entry.record.body_type == P2P_BODY_PUBLIC) {
        err = p2p_known_undo(ledger, id->feed, id->index, entry.record.content);
    }
    return err == P2P_OK ? drop(ledger->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id)) : err;
}

enum p2p_err p2p_ledger_cut(struct p2p_ledger *ledger, uint32_t number,
                            const struct p2p_tree_head *head)
{
    struct p2p_feed *feed = p2p_ledger_feed(ledger, number);
    struct p2p_scratch scratch;
    p2p_assert(number != P2P_CHARTER_FEED && head->size <= feed->edge.size);
    ledger->newest.count = 0;
    p2p_once_forget(ledger);
    enum p2p_err err = p2p_feed_flush(feed, ledger->kv);
    if (err == P2P_OK) {
        err = p2p_touch_settle(ledger, number, head->size); /* who cited what goes */
    }
    p2p_scratch_begin(&scratch, ledger);
    ledger->undoing = true;
    for (uint64_t i = feed->edge.size; i > head->size && err == P2P_OK; i--) {
        const struct p2p_record_id id = {number, i - 1};
        err = undo_record(ledger, &id);
        p2p_scratch_reset(&scratch);
    }
    ledger->undoing = false;
    if (err == P2P_OK) {
        err = p2p_feed_cut(feed, ledger->kv, scratch.outer, head); /* its tail stays */
    }
    p2p_scratch_end(&scratch, ledger);
    p2p_judge_forget(ledger);
    p2p_once_forget(ledger);
    if (err == P2P_OK) {
        err = p2p_address_anew(ledger, number);
    }
    if (err == P2P_OK) {
        err = p2p_known_again(ledger, number);
    }
    return err == P2P_OK ? p2p_rescued_mark(ledger, number) : err;
}
