/* Verdicts under a version of the charter that the whole ledger went back from.
 *
 * While the charter has two heads the whole ledger knows nobody who was named above the split,
 * and has forgotten his numbers. Who knew of one head alone knew him: what he signed is looked
 * at once more, in the order in which it stands in each feed. */
#include "past_state.h"

#include <string.h>

enum { FORMAT = 1, ROW_VERDICT = 2, ROW_NUMBER = 4, NUMBER_KEY_BYTES = 1 + 4 + 4 + 8 };

/* Of the issuer in the feed that is walked through. */
struct weighing {
    struct p2p_past *past;
    uint32_t issuer;
    uint32_t feed;
    uint64_t highest;
};

static enum p2p_err put_verdict(struct p2p_past *past, const struct p2p_record_id *id,
                                enum p2p_why why)
{
    uint8_t key[1 + P2P_ID_KEY_BYTES] = {ROW_VERDICT};
    const uint8_t value[] = {FORMAT, (uint8_t)why};
    p2p_id_key(key + 1, id);
    return p2p_past_row_put(past, &past->reweighed, P2P_TABLE_ISSUER,
                            p2p_slice_of(key, sizeof(key)), p2p_slice_of(value, sizeof(value)));
}

static enum p2p_err take_number(struct weighing *weighing, const struct p2p_record_id *id,
                                uint64_t number, enum p2p_why *why)
{
    uint8_t key[NUMBER_KEY_BYTES];
    uint8_t value[P2P_NUMBER_VALUE_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, key, sizeof(key));
    p2p_writer_u8(&out, ROW_NUMBER);
    p2p_writer_u32(&out, id->feed);
    p2p_writer_u32(&out, weighing->issuer);
    p2p_writer_u64(&out, number);
    *why = number <= weighing->highest ? P2P_WHY_REPEATED_SEQ : P2P_WHY_NONE;
    weighing->highest = number > weighing->highest ? number : weighing->highest;
    struct past_rows *rows = &weighing->past->reweighed;
    struct p2p_slice row = p2p_writer_slice(&out);
    if (p2p_past_row_find(rows, P2P_TABLE_ISSUER, row) != NULL) {
        return P2P_OK; /* the first stands */
    }
    return p2p_past_row_put(weighing->past, rows, P2P_TABLE_ISSUER, row,
                            p2p_number_value(value, id->index));
}

static enum p2p_err weigh(struct weighing *weighing, const struct p2p_record_id *id)
{
    struct p2p_past *past = weighing->past;
    struct p2p_arrival arrival = {.feed = id->feed};
    struct p2p_scratch scratch;
    struct p2p_slice leaf;
    enum p2p_why why = P2P_WHY_BAD_SIGNATURE;
    if (id->feed != weighing->feed) {
        weighing->feed = id->feed;
        weighing->highest = 0;
    }
    enum p2p_err err = p2p_feed_leaf(&past->feeds[id->feed], past->under, id->index, &leaf);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err; /* beyond the horizon */
    }
    if (p2p_record_decode(&arrival.record, leaf) != P2P_OK) {
        return P2P_CORRUPT; /* only canonical records were let in */
    }
    if (arrival.record.issuer != weighing->issuer) {
        return P2P_OK; /* it carries a ban of his */
    }
    uint64_t number = arrival.record.issuer_seq;
    p2p_scratch_begin(&scratch, &past->ledger);
    err = p2p_ledger_verify(&past->ledger, &arrival, 1);
    p2p_scratch_end(&scratch, &past->ledger);
    if (err == P2P_OK && arrival.signature == P2P_SIGNATURE_UNKNOWN_ISSUER) {
        why = P2P_WHY_UNKNOWN_ISSUER; /* of another member */
    } else if (err == P2P_OK && arrival.signature == P2P_SIGNATURE_GOOD) {
        err = take_number(weighing, id, number, &why);
    }
    return err == P2P_OK && why != P2P_WHY_NONE ? put_verdict(past, id, why) : err;
}

static enum p2p_err weigh_all(struct p2p_past *past, uint32_t issuer)
{
    struct weighing weighing = {.past = past, .issuer = issuer};
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK) {
        err = p2p_index_issuer_from(past->under, issuer, &id);
        if (err == P2P_NOTFOUND) {
            return P2P_OK;
        }
        if (err == P2P_OK && id.feed < past->ledger.feed_count) {
            err = weigh(&weighing, &id);
        }
        id.index++;
    }
    return err;
}

enum p2p_err p2p_past_reweigh(struct p2p_past *past, uint32_t issuer)
{
    for (size_t i = 0; i < past->issuer_count; i++) {
        if (past->issuers[i] == issuer) {
            return P2P_OK;
        }
    }
    if (past->issuer_count == past->issuer_cap) {
        size_t cap = past->issuer_cap == 0 ? 8 : 2 * past->issuer_cap;
        void *grown = p2p_alloc_resize(past->alloc, past->issuers, cap, sizeof(uint32_t));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        past->issuers = grown;
        past->issuer_cap = cap;
    }
    enum p2p_err err = weigh_all(past, issuer);
    if (err == P2P_OK) {
        past->issuers[past->issuer_count++] = issuer;
    }
    return err;
}
