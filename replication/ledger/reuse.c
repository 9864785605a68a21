#include <p2p/reuse.h>

#include <p2p/assert.h>
#include <p2p/text.h>

#include "feed/proof_text.h"

#include <stdio.h>
#include <string.h>

static const char first_line[] = "port2port/reuse@v1\n";

/* ---- from the store ---- */

static enum p2p_err find(const struct p2p_kv *kv, uint32_t feed, uint32_t issuer,
                         struct p2p_reused *out)
{
    struct p2p_reused at = {.feed = feed, .issuer = issuer - 1};
    enum p2p_err err = p2p_reused_next(kv, &at);
    if (err == P2P_OK && (at.feed != feed || at.issuer != issuer)) {
        err = P2P_NOTFOUND;
    }
    *out = at;
    return err;
}

enum p2p_err p2p_reuse_of(struct p2p_ledger *ledger, uint32_t feed_number, uint32_t issuer,
                          struct p2p_reuse *out)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, feed_number);
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed_number);
    struct p2p_reused found;
    if (feed == NULL || info == NULL || issuer == 0) {
        return P2P_NOTFOUND;
    }
    struct p2p_reuse reuse = {.origin = p2p_slice_text(info->origin), .head = feed->head};
    struct p2p_feed_hashes source = {.feed = feed_number, .kv = ledger->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    enum p2p_err err = find(ledger->kv, feed_number, issuer, &found);
    for (unsigned i = 0; i < 2 && err == P2P_OK; i++) {
        struct p2p_signed_leaf *record = &reuse.records[i];
        struct p2p_slice leaf;
        record->index = found.index[i];
        err = p2p_feed_leaf(feed, ledger->kv, record->index, &leaf);
        if (err == P2P_OK) {
            record->leaf = p2p_arena_copy(ledger->arena, leaf);
            err = record->leaf.data == NULL ? P2P_NOMEM : P2P_OK;
        }
        if (err == P2P_OK) {
            err = p2p_tree_inclusion(&reader, record->index, feed->head.size, &record->proof);
        }
    }
    if (err == P2P_OK) {
        *out = reuse;
    }
    return err;
}

/* ---- as text ---- */

size_t p2p_reuse_encode(const struct p2p_reuse *reuse, const struct p2p_feed_public *key,
                        char *out)
{
    size_t at = sizeof(first_line) - 1;
    memcpy(out, first_line, at);
    for (unsigned i = 0; i < 2; i++) {
        const struct p2p_signed_leaf *record = &reuse->records[i];
        at += (size_t)snprintf(out + at, P2P_REUSE_BYTES_MAX - at, "index %llu\nrecord ",
                               (unsigned long long)record->index);
        at = p2p_proof_line(out, at, P2P_REUSE_BYTES_MAX, record->leaf);
        for (size_t h = 0; h < record->proof.count; h++) {
            at = p2p_proof_line(out, at, P2P_REUSE_BYTES_MAX,
                                p2p_slice_of(record->proof.hashes[h].bytes, P2P_HASH_BYTES));
        }
        out[at++] = '\n';
    }
    at = p2p_proof_note(out, at, P2P_REUSE_BYTES_MAX - 1, reuse->origin, &reuse->head, key);
    out[at] = '\0';
    return at;
}

static enum p2p_err read_record(struct p2p_signed_leaf *record, struct p2p_arena *arena,
                                struct p2p_slice *text)
{
    struct p2p_slice value;
    size_t len;
    if (!p2p_proof_next_value(text, "index", &value) ||
        p2p_decimal_decode(&record->index, value) != P2P_OK ||
        !p2p_proof_next_value(text, "record", &value) ||
        p2p_base64_measure(&len, value) != P2P_OK) {
        return P2P_MALFORMED;
    }
    if (len > P2P_RECORD_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    uint8_t *leaf = p2p_arena_take(arena, len);
    if (leaf == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_base64_decode(leaf, len, &len, value);
    record->leaf = p2p_slice_of(leaf, len);
    return err == P2P_OK ? p2p_proof_next_hashes(text, &record->proof) : err;
}

enum p2p_err p2p_reuse_decode(struct p2p_reuse *out, struct p2p_arena *arena,
                              struct p2p_slice text)
{
    struct p2p_reuse reuse = {.head = {.size = 0}};
    size_t len = sizeof(first_line) - 1;
    if (text.len > P2P_REUSE_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (text.len < len || memcmp(text.data, first_line, len) != 0) {
        return P2P_MALFORMED;
    }
    text = p2p_arena_copy(arena, text);
    if (text.data == NULL) {
        return P2P_NOMEM;
    }
    text = p2p_slice_of(text.data + len, text.len - len);
    enum p2p_err err = read_record(&reuse.records[0], arena, &text);
    if (err == P2P_OK) {
        err = read_record(&reuse.records[1], arena, &text);
    }
    if (err == P2P_OK) {
        err = p2p_proof_head(text, &reuse.origin, &reuse.head);
    }
    if (err == P2P_OK) {
        *out = reuse;
    }
    return err;
}

/* ---- checking ---- */

static enum p2p_err say(char reason[P2P_REUSE_REASON_BYTES], enum p2p_err err, const char *text)
{
    if (reason != NULL) {
        snprintf(reason, P2P_REUSE_REASON_BYTES, "%s", text);
    }
    return err;
}

/* Any feed of this federation by its whole origin. */
static const struct p2p_feed_info *feed_of(const struct p2p_charter *charter,
                                           struct p2p_slice origin)
{
    for (uint32_t i = 1; i < p2p_charter_feed_count(charter); i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        if (info != NULL && p2p_slice_equal(p2p_slice_text(info->origin), origin)) {
            return info;
        }
    }
    return NULL;
}

static enum p2p_err verify_record(const struct p2p_signed_leaf *from, struct p2p_slice origin,
                                  const struct p2p_tree_head *head,
                                  const struct p2p_issuer *issuer,
                                  const struct p2p_record *record, const struct p2p_sigs *sigs,
                                  struct p2p_arena *arena, char *reason)
{
    struct p2p_hash hash = p2p_leaf_hash(from->leaf);
    if (p2p_inclusion_verify(&hash, from->index, head->size, from->proof.hashes,
                             from->proof.count, &head->root) != P2P_OK) {
        return say(reason, P2P_BADPROOF, "a record is not in the tree that the feed signed");
    }
    uint8_t *message = p2p_arena_take(arena, P2P_PREFIX_BYTES_MAX + from->leaf.len);
    if (message == NULL) {
        return say(reason, P2P_NOMEM, "out of memory");
    }
    size_t len = p2p_record_signed_bytes(message, p2p_record_head(record), origin);
    bool good = sigs->verify(sigs->context, issuer->key.bytes, record->signature,
                             p2p_slice_of(message, len));
    return good ? P2P_OK
                : say(reason, P2P_BADSIG, "a record is not signed by the issuer it names");
}

enum p2p_err p2p_reuse_verify(const struct p2p_reuse *reuse, const struct p2p_charter *charter,
                              const struct p2p_sigs *sigs, struct p2p_arena *arena,
                              uint32_t *issuer, char reason[P2P_REUSE_REASON_BYTES])
{
    const struct p2p_feed_info *feed = feed_of(charter, reuse->origin);
    struct p2p_record records[2];
    const struct p2p_checkpoint checkpoint = {
        .origin = reuse->origin, .size = reuse->head.size, .root = reuse->head.root};
    if (feed == NULL) {
        return say(reason, P2P_UNKNOWN, "the charter names no feed of that origin");
    }
    if (p2p_checkpoint_verify_feed(&checkpoint, sigs, &feed->key, &reuse->head.signature) !=
        P2P_OK) {
        return say(reason, P2P_BADSIG, "the checkpoint is not signed by the feed it names");
    }
    for (unsigned i = 0; i < 2; i++) {
        if (p2p_record_decode(&records[i], reuse->records[i].leaf) != P2P_OK) {
            return say(reason, P2P_MALFORMED, "one of the two is no record");
        }
    }
    if (records[0].issuer == 0 || records[0].issuer != records[1].issuer ||
        records[0].issuer_seq != records[1].issuer_seq) {
        return say(reason, P2P_REFUSED,
                   "the two records are not by one issuer under one number");
    }
    if (reuse->records[0].index == reuse->records[1].index ||
        p2p_slice_equal(p2p_record_head(&records[0]), p2p_record_head(&records[1]))) {
        return say(reason, P2P_REFUSED,
                   "the two records are the same, and a copy proves nothing");
    }
    const struct p2p_issuer *who = p2p_charter_issuer(charter, records[0].issuer);
    if (who == NULL || who->member != feed->member) {
        return say(reason, P2P_UNKNOWN, "the charter names no such issuer of that feed");
    }
    for (unsigned i = 0; i < 2; i++) {
        enum p2p_err err = verify_record(&reuse->records[i], reuse->origin, &reuse->head, who,
                                         &records[i], sigs, arena, reason);
        if (err != P2P_OK) {
            return err;
        }
    }
    *issuer = who->number;
    return P2P_OK;
}
