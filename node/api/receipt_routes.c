/* Receipts: a record with the hashes and the quorum-cosigned checkpoint that prove it. */
#include "call.h"

#include <p2p/proof.h>
#include <p2p/text.h>

#include <string.h>

struct making {
    struct p2p_record_id id;
    char *note;
    size_t note_len;
    struct p2p_checkpoint checkpoint; /* borrows from note */
};

/* The newest version's note, which its roots cosigned. */
static enum p2p_err take_charter_note(struct p2p_node *node, struct making *making)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    struct p2p_slice leaf, note;
    uint64_t size = p2p_charter_good_size(charter);
    enum p2p_err err =
        size == 0 ? P2P_NOTFOUND : p2p_charter_entry(charter, size - 1, &leaf, &note);
    if (err != P2P_OK || note.len > P2P_NOTE_BYTES_MAX) {
        return err != P2P_OK ? err : P2P_CORRUPT;
    }
    memcpy(making->note, note.data, note.len);
    making->note_len = note.len;
    return P2P_OK;
}

/* The newest quorum's, with as few cosignatures as that takes, checked as whoever gets it will:
 * a witness may have another key by now. */
static enum p2p_err take_feed_note(struct p2p_node *node, struct making *making)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_witnessing *witnessing =
        p2p_engine_witnessing(node->engine, making->id.feed);
    struct p2p_checkpoint checkpoint;
    if (witnessing == NULL) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = p2p_witnessing_short_note(
        witnessing, ledger->charter, 0, p2p_ledger_feed(ledger, making->id.feed), node->kv,
        making->note, P2P_NOTE_BYTES_MAX, &making->note_len);
    if (err == P2P_OK) {
        err =
            p2p_charter_quorum_note(ledger->charter, p2p_sigs_ed25519(), making->id.feed,
                                    p2p_slice_of(making->note, making->note_len), &checkpoint);
    }
    return err;
}

static enum p2p_err take_note(struct p2p_node *node, struct making *making)
{
    struct p2p_note parsed;
    enum p2p_err err = making->id.feed == P2P_CHARTER_FEED ? take_charter_note(node, making)
                                                           : take_feed_note(node, making);
    if (err == P2P_OK) {
        err = p2p_note_parse(&parsed, p2p_slice_of(making->note, making->note_len));
    }
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&making->checkpoint, parsed.text, true);
    }
    return err;
}

static enum p2p_err write_receipt(struct p2p_call *call, struct p2p_node *node,
                                  const struct making *making, char **text, size_t *len)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_feed *feed = p2p_ledger_feed(ledger, making->id.feed);
    struct p2p_feed_hashes source = {.feed = making->id.feed, .kv = node->kv};
    const struct p2p_tree_reader reader = p2p_feed_tree(&source);
    struct p2p_proof path;
    struct p2p_slice leaf;
    enum p2p_err err = p2p_feed_flush(feed, node->kv);
    if (err == P2P_OK) {
        err = p2p_tree_inclusion(&reader, making->id.index, making->checkpoint.size, &path);
    }
    if (err == P2P_OK) {
        err = p2p_feed_leaf(feed, node->kv, making->id.index, &leaf);
    }
    if (err != P2P_OK) {
        return err;
    }
    /* What a disk has damaged is no receipt; the scrubber repairs it. */
    struct p2p_hash hash = p2p_leaf_hash(leaf);
    err = p2p_inclusion_verify(&hash, making->id.index, making->checkpoint.size, path.hashes,
                               path.count, &making->checkpoint.root);
    if (err != P2P_OK) {
        return P2P_CORRUPT;
    }
    *text = p2p_call_take(call, P2P_TLOG_PROOF_BYTES_MAX);
    *len = p2p_tlog_proof_format(leaf, making->id.index, &path,
                                 p2p_slice_of(making->note, making->note_len), *text,
                                 P2P_TLOG_PROOF_BYTES_MAX);
    return *len == 0 ? P2P_TOOLARGE : P2P_OK;
}

static void start_receipt(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct making making = {.note = p2p_call_take(call, P2P_NOTE_BYTES_MAX)};
    char *text = NULL;
    size_t len = 0;
    if (strchr(call->rest, ':') == NULL) {
        p2p_call_error(call, 400, "bad-id", "an id is written as beanr/1:17",
                       "%s is no id of a record", call->rest);
        return;
    }
    const struct p2p_feed *feed = NULL;
    if (p2p_id_parse(ledger, call->rest, &making.id)) {
        feed = p2p_ledger_feed(ledger, making.id.feed);
    }
    if (feed == NULL || making.id.index >= feed->edge.size) {
        p2p_call_error(call, 404, "not-found", "see port2port record list",
                       "there is no record %s here", call->rest);
        return;
    }
    enum p2p_err err = take_note(node, &making);
    if (err == P2P_NOTFOUND || err == P2P_QUORUM ||
        (err == P2P_OK && making.checkpoint.size <= making.id.index)) {
        p2p_call_error(call, 403, "not-witnessed",
                       "wait for it with port2port wait record ID --level witnessed",
                       "no checkpoint with %s in it is cosigned by a quorum yet", call->rest);
        return;
    }
    if (err == P2P_OK) {
        err = write_receipt(call, node, &making, &text, &len);
    }
    if (err != P2P_OK) {
        p2p_call_err(call, err, "the receipt cannot be made from what is stored");
        return;
    }
    p2p_call_reply(call,
                   json_pack("{s:o, s:I, s:I, s:s%}", "id", p2p_id_json(ledger, &making.id),
                             "size", (json_int_t)making.checkpoint.size, "bytes",
                             (json_int_t)len, "receipt", text, len));
}

const struct p2p_route p2p_receipt_routes[] = {
    {.method = "GET",
     .path = "/v1/receipts/{id}",
     .start = start_receipt,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "Receipt",
     .errors = "400 404"},
    {0},
};
