#include <p2p/receipt.h>

#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

static enum p2p_err refuse(enum p2p_err err, char reason[P2P_REASON_BYTES], const char *text)
{
    snprintf(reason, P2P_REASON_BYTES, "%s", text);
    return err;
}

/* `beanr/1` of `port2port.example/beanr/1`. */
static void name_feed(struct p2p_receipt *receipt, struct p2p_slice origin)
{
    struct p2p_slice name = origin, federation;
    p2p_text_cut(&name, '/', &federation);
    snprintf(receipt->feed, sizeof receipt->feed, "%.*s", (int)name.len,
             (const char *)name.data);
}

/* ---- the record ---- */

static enum p2p_err read_record(struct p2p_receipt *receipt, const struct p2p_tlog_proof *proof,
                                struct p2p_arena *arena, char reason[P2P_REASON_BYTES])
{
    size_t len = 0;
    if (proof->extra_base64.len == 0) {
        return refuse(P2P_MALFORMED, reason, "it does not hold the record it is about");
    }
    uint8_t *leaf = p2p_arena_take(arena, P2P_TLOG_PROOF_EXTRA_BYTES_MAX);
    if (leaf == NULL) {
        return refuse(P2P_NOMEM, reason, "there was no memory for the record");
    }
    enum p2p_err err =
        p2p_base64_decode(leaf, P2P_TLOG_PROOF_EXTRA_BYTES_MAX, &len, proof->extra_base64);
    if (err == P2P_OK) {
        err = p2p_record_decode(&receipt->record, p2p_slice_of(leaf, len));
    }
    if (err != P2P_OK) {
        return refuse(err, reason, "what it holds is no record");
    }
    receipt->leaf_hash = p2p_leaf_hash(receipt->record.leaf);
    return P2P_OK;
}

static enum p2p_err check_issuer(struct p2p_receipt *receipt,
                                 const struct p2p_receipt_keys *keys, struct p2p_slice origin,
                                 struct p2p_arena *arena)
{
    const struct p2p_record *record = &receipt->record;
    const struct p2p_issuer *issuer =
        keys->charter == NULL ? NULL : p2p_charter_issuer(keys->charter, record->issuer);
    receipt->signature =
        record->signature == NULL ? P2P_SIGNATURE_NONE : P2P_SIGNATURE_UNKNOWN_ISSUER;
    if (record->signature == NULL || issuer == NULL) {
        return P2P_OK;
    }
    uint8_t *bytes = p2p_arena_take(arena, P2P_SIGNED_BYTES_MAX);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    size_t len = p2p_record_signed_bytes(bytes, p2p_record_head(record), origin);
    receipt->signature = keys->sigs->verify(keys->sigs->context, issuer->key.bytes,
                                            record->signature, p2p_slice_of(bytes, len))
                             ? P2P_SIGNATURE_GOOD
                             : P2P_SIGNATURE_BAD;
    return P2P_OK;
}

/* ---- who signed the checkpoint ---- */

static void add_cosigner(struct p2p_receipt *receipt, struct p2p_slice name, uint32_t member,
                         uint64_t time_s)
{
    for (size_t i = 0; i < receipt->cosigner_count; i++) {
        if (p2p_slice_equal(receipt->cosigners[i].name, name)) {
            return;
        }
    }
    receipt->cosigners[receipt->cosigner_count++] =
        (struct p2p_receipt_cosigner){.name = name, .member = member, .time_s = time_s};
}

/* Adds the line if it is a good cosignature by that witness key. */
static void list_witness(struct p2p_receipt *receipt, const struct p2p_receipt_keys *keys,
                         const struct p2p_checkpoint *checkpoint,
                         const struct p2p_note_signature *line, uint32_t witness)
{
    const struct p2p_charter *charter = keys->charter;
    const struct p2p_witness_public *key = p2p_charter_witness_key(charter, witness);
    const struct p2p_member *member = p2p_charter_member(charter, p2p_witness_member(witness));
    char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
    struct p2p_cosignature cosignature;
    if (key == NULL || member == NULL) {
        return;
    }
    size_t len = p2p_witness_name(name, p2p_charter_federation(charter), member->name,
                                  p2p_witness_generation(witness));
    if (p2p_note_line_cosignature(line, p2p_slice_of(name, len), key->bytes, &cosignature) ==
            P2P_OK &&
        p2p_cosignature_verify_witness(checkpoint, keys->sigs, key, &cosignature) == P2P_OK) {
        add_cosigner(receipt, line->name, member->number, cosignature.time_s);
    }
}

/* Each key once, old ones of a member too. */
static void list_witnesses(struct p2p_receipt *receipt, const struct p2p_receipt_keys *keys,
                           const struct p2p_checkpoint *checkpoint, const struct p2p_note *note)
{
    for (size_t i = 0; i < note->signature_count; i++) {
        for (uint32_t m = 1; m <= p2p_charter_member_count(keys->charter); m++) {
            const struct p2p_member *member = p2p_charter_member(keys->charter, m);
            for (uint32_t g = 1; member != NULL && g <= member->witness_generation; g++) {
                list_witness(receipt, keys, checkpoint, &note->signatures[i],
                             p2p_witness_number(m, g));
            }
        }
    }
}

static void list_roots(struct p2p_receipt *receipt, const struct p2p_trust *trust,
                       const struct p2p_note *note)
{
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct p2p_note_signature *line = &note->signatures[i];
        for (size_t w = 0; w < trust->witness_count; w++) {
            const struct p2p_vkey *key = &trust->witnesses[w].key;
            struct p2p_cosignature cosignature;
            if (p2p_note_line_cosignature(line, key->name, key->public_key, &cosignature) ==
                P2P_OK) {
                add_cosigner(receipt, line->name, 0, cosignature.time_s);
            }
        }
    }
}

static enum p2p_err tell_note(enum p2p_err err, char reason[P2P_REASON_BYTES])
{
    return refuse(err, reason,
                  err == P2P_QUORUM
                      ? "its checkpoint is cosigned by fewer than it takes"
                      : "its checkpoint is not what the log and its witnesses signed");
}

static enum p2p_err check_charter_note(struct p2p_receipt *receipt,
                                       const struct p2p_receipt_keys *keys,
                                       const struct p2p_note *note, struct p2p_slice bytes,
                                       char reason[P2P_REASON_BYTES])
{
    struct p2p_checkpoint checkpoint;
    enum p2p_err err = p2p_trust_verify(keys->trust, keys->sigs, bytes, &checkpoint);
    if (err != P2P_OK) {
        return tell_note(err, reason);
    }
    list_roots(receipt, keys->trust, note);
    return P2P_OK;
}

static enum p2p_err check_feed_note(struct p2p_receipt *receipt,
                                    const struct p2p_receipt_keys *keys,
                                    const struct p2p_note *note, struct p2p_slice bytes,
                                    struct p2p_slice origin, char reason[P2P_REASON_BYTES])
{
    uint64_t version;
    struct p2p_checkpoint checkpoint;
    if (keys->charter == NULL) {
        return refuse(P2P_NOTFOUND, reason,
                      "it is about a member's record, whose keys stand in the charter");
    }
    enum p2p_err err = p2p_charter_anchor(keys->charter, keys->trust, keys->sigs, &version);
    if (err != P2P_OK) {
        return refuse(P2P_MISMATCH, reason, p2p_anchor_text(err));
    }
    const struct p2p_feed_info *info =
        p2p_charter_feed_named(keys->charter, p2p_slice_text(receipt->feed));
    if (info == NULL || !p2p_slice_equal(p2p_slice_text(info->origin), origin)) {
        return refuse(P2P_UNKNOWN, reason, "the charter names no feed of its origin");
    }
    err = p2p_charter_quorum_note(keys->charter, keys->sigs, info->number, bytes, &checkpoint);
    if (err != P2P_OK) {
        return tell_note(err, reason);
    }
    list_witnesses(receipt, keys, &checkpoint, note);
    return P2P_OK;
}

/* ---- the whole ---- */

enum p2p_err p2p_receipt_verify(struct p2p_receipt *out, const struct p2p_receipt_keys *keys,
                                struct p2p_slice text, struct p2p_arena *arena,
                                char reason[P2P_REASON_BYTES])
{
    struct p2p_tlog_proof proof;
    struct p2p_checkpoint checkpoint;
    struct p2p_receipt *receipt = p2p_arena_take(arena, sizeof(*receipt));
    struct p2p_note *note = p2p_arena_take(arena, sizeof(*note));
    if (receipt == NULL || note == NULL) {
        return refuse(P2P_NOMEM, reason, "there was no memory for it");
    }
    *receipt = (struct p2p_receipt){.index = 0};
    enum p2p_err err = p2p_tlog_proof_parse(&proof, text);
    if (err == P2P_OK) {
        err = p2p_note_parse(note, proof.note);
    }
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&checkpoint, note->text, false);
    }
    if (err != P2P_OK) {
        return refuse(err, reason, "it does not have the form of a receipt");
    }
    err = read_record(receipt, &proof, arena, reason);
    if (err != P2P_OK) {
        return err;
    }
    name_feed(receipt, checkpoint.origin);
    err = p2p_trust_log(keys->trust, checkpoint.origin) != NULL
              ? check_charter_note(receipt, keys, note, proof.note, reason)
              : check_feed_note(receipt, keys, note, proof.note, checkpoint.origin, reason);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_inclusion_verify(&receipt->leaf_hash, proof.index, checkpoint.size,
                               proof.path.hashes, proof.path.count, &checkpoint.root);
    if (err != P2P_OK) {
        return refuse(err, reason,
                      "its hashes do not lead from the record to the checkpoint's root");
    }
    receipt->index = proof.index;
    receipt->size = checkpoint.size;
    receipt->root = checkpoint.root;
    err = check_issuer(receipt, keys, checkpoint.origin, arena);
    if (err != P2P_OK) {
        return refuse(err, reason, "there was no memory for it");
    }
    *out = *receipt;
    return P2P_OK;
}
