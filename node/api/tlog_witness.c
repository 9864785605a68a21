/* POST /tlog/add-checkpoint and /tlog/<feed>/add-checkpoint (c2sp.org/tlog-witness).
 *
 * Of a feed of the federation this node cosigns, under its witness key, what it would cosign
 * anyway: a head that the records held lead to. Of a log outside, one that config.yaml names,
 * it cosigns what goes on from the head it cosigned before, under another key that signs
 * nothing else: consistency, and nothing about what the log says. META: `foreign/<origin>` ->
 * format 1, size u64, root 32; `foreign` -> format 1, the newest time signed u64. Check, state
 * and answer are one transaction: the answer leaves when it is synced. */
#include "call.h"

#include <p2p/archive.h>
#include <p2p/submission.h>
#include <p2p/text.h>
#include <p2p/witness.h>

#include <stdio.h>
#include <string.h>

enum { FORMAT = 1, KNOWN_BYTES = 1 + 8 + P2P_HASH_BYTES, TIME_BYTES = 1 + 8 };

struct p2p_slice p2p_tlog_witness_name(const struct p2p_node *node,
                                       char out[P2P_TLOG_NAME_BYTES])
{
    int len = snprintf(out, P2P_TLOG_NAME_BYTES, "%s/%s/foreign", node->config.federation,
                       node->config.member);
    return p2p_slice_of(out, (size_t)len);
}

/* ---- answers ---- */

static void reply_line(struct p2p_call *call, struct p2p_slice name,
                       const uint8_t key[P2P_PUBLIC_BYTES],
                       const struct p2p_cosignature *cosignature)
{
    char line[1024];
    size_t len = p2p_checkpoint_note_add(line, sizeof(line), 0, name, key, cosignature);
    p2p_call_reply_bytes(call, 200, "text/plain; charset=utf-8", NULL, p2p_slice_of(line, len));
}

static void reply_unknown(struct p2p_call *call)
{
    p2p_call_error(call, 404, "unknown-origin", NULL,
                   "no log of that origin is witnessed here");
}

/* Why it is not cosigned. */
static void reply_error(struct p2p_call *call, enum p2p_err err, uint64_t known_size)
{
    char size[P2P_DECIMAL_BYTES + 1];
    size_t len = p2p_decimal_encode(size, known_size);
    size[len++] = '\n';
    switch (err) {
    case P2P_USAGE:
        p2p_call_error(call, 400, "old-size", NULL,
                       "the old size is larger than the checkpoint's");
        break;
    case P2P_GAP:
        p2p_call_reply_bytes(call, 409, "text/x.tlog.size", NULL, p2p_slice_of(size, len));
        break;
    case P2P_BADPROOF:
    case P2P_MISMATCH:
        p2p_call_error(call, 422, "inconsistent", NULL,
                       "the checkpoint does not go on from the one of size %llu",
                       (unsigned long long)known_size);
        break;
    default:
        p2p_call_err(call, err, p2p_err_text(err));
        break;
    }
}

/* ---- feeds of the federation ---- */

static const struct p2p_feed_info *feed_of(const struct p2p_charter *charter,
                                           struct p2p_slice origin)
{
    for (uint32_t i = 1; i < p2p_charter_feed_count(charter); i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        if (info != NULL && p2p_slice_equal(origin, p2p_slice_text(info->origin))) {
            return info;
        }
    }
    return NULL;
}

/* The log's own signature in the note; verifies the note under this key alone. */
static enum p2p_err log_signature(const struct p2p_submission *submission,
                                  const struct p2p_vkey *key, struct p2p_signature *out)
{
    const struct p2p_note *note = &submission->note;
    enum p2p_err err = p2p_note_verify(note, p2p_sigs_ed25519(), key, 1, NULL, NULL);
    for (size_t i = 0; i < note->signature_count && err == P2P_OK; i++) {
        if (p2p_note_line_signature(&note->signatures[i], key->name, key->public_key, out) ==
            P2P_OK) {
            return P2P_OK;
        }
    }
    return err == P2P_OK ? P2P_BADSIG : err;
}

static void witness_feed(struct p2p_call *call, struct p2p_node *node,
                         const struct p2p_feed_info *info,
                         const struct p2p_submission *submission)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_charter *charter = ledger->charter;
    const uint32_t own = p2p_engine_member(node->engine);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(node->engine, info->number);
    struct p2p_feed *feed = p2p_ledger_feed(ledger, info->number);
    struct p2p_tree_head head = {.size = submission->checkpoint.size,
                                 .root = submission->checkpoint.root};
    struct p2p_vkey log;
    struct p2p_hash known_root = {{0}};
    if (own == 0 || witnessing == NULL || feed == NULL ||
        !p2p_feed_cosigner(info, p2p_charter_witness_of(charter, own))) {
        reply_unknown(call);
        return;
    }
    const uint64_t known_size = witnessing->cosigned_size;
    p2p_vkey_init(&log, p2p_slice_text(info->origin), P2P_NOTE_ED25519, info->key.bytes);
    if (log_signature(submission, &log, &head.signature) != P2P_OK) {
        p2p_call_error(call, 403, "badsig", NULL, "it is not signed by the key of %s",
                       info->origin);
        return;
    }
    enum p2p_err err = p2p_feed_flush(feed, node->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(feed, node->kv, known_size, &known_root);
    }
    if (err == P2P_OK) {
        err = p2p_submission_check(submission, known_size, &known_root);
    }
    if (err != P2P_OK) {
        reply_error(call, err, known_size);
        return;
    }
    struct p2p_cosignature cosignature;
    err = p2p_engine_cosign(node->engine, info->number, &head, &cosignature);
    if (err == P2P_GAP) {
        p2p_call_error(call, 503, "behind", "ask again later",
                       "the records up to %llu of %s are not here yet",
                       (unsigned long long)head.size, info->origin);
    } else if (err == P2P_REFUSED) {
        p2p_call_error(call, 503, "not-now", "ask again later",
                       "%s is not cosigned here at present", info->origin);
    } else if (err != P2P_OK) {
        reply_error(call, err, known_size);
    } else {
        const struct p2p_member *member = p2p_charter_member(charter, own);
        char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
        size_t len = p2p_witness_name(name, p2p_charter_federation(charter), member->name,
                                      member->witness_generation);
        reply_line(call, p2p_slice_of(name, len), member->witness_key.bytes, &cosignature);
    }
}

/* ---- logs outside ---- */

static bool foreign_key_of(const struct p2p_node *node, struct p2p_slice origin,
                           struct p2p_vkey *out)
{
    for (size_t i = 0; i < node->config.witness_logs_count; i++) {
        if (p2p_vkey_parse(out, p2p_slice_text(node->config.witness_logs[i])) == P2P_OK &&
            p2p_slice_equal(out->name, origin)) {
            return true;
        }
    }
    return false;
}

static struct p2p_slice row_key(char out[P2P_KV_KEY_BYTES_MAX], struct p2p_slice origin)
{
    int len = snprintf(out, P2P_KV_KEY_BYTES_MAX, "foreign/%.*s", (int)origin.len,
                       (const char *)origin.data);
    return p2p_slice_of(out, (size_t)len);
}

/* size 0 when nothing of it was cosigned yet. */
static enum p2p_err load_known(const struct p2p_kv *kv, struct p2p_slice origin, uint64_t *size,
                               struct p2p_hash *root)
{
    char key[P2P_KV_KEY_BYTES_MAX];
    struct p2p_slice value;
    struct p2p_reader in;
    *size = 0;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_META, row_key(key, origin), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    *size = p2p_reader_u64(&in);
    p2p_reader_copy(&in, root->bytes, P2P_HASH_BYTES);
    return p2p_reader_done(&in) && format == FORMAT ? P2P_OK : P2P_CORRUPT;
}

static enum p2p_err store_known(const struct p2p_kv *kv, const struct p2p_checkpoint *head)
{
    char key[P2P_KV_KEY_BYTES_MAX];
    uint8_t value[KNOWN_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u64(&out, head->size);
    p2p_writer_bytes(&out, head->root.bytes, P2P_HASH_BYTES);
    return p2p_kv_put(kv, P2P_TABLE_META, row_key(key, head->origin), p2p_writer_slice(&out));
}

/* The time to sign: now, or the last one signed when a clock went back. */
static enum p2p_err next_time(const struct p2p_node *node, uint64_t *time_s)
{
    const struct p2p_slice key = p2p_slice_text("foreign");
    uint8_t bytes[TIME_BYTES];
    struct p2p_slice value;
    struct p2p_reader in;
    struct p2p_writer out;
    *time_s = node->now.wall_ms / 1000;
    enum p2p_err err = p2p_kv_get(node->kv, P2P_TABLE_META, key, &value);
    if (err == P2P_OK) {
        p2p_reader_init(&in, value);
        uint8_t format = p2p_reader_u8(&in);
        uint64_t last_s = p2p_reader_u64(&in);
        if (!p2p_reader_done(&in) || format != FORMAT) {
            return P2P_CORRUPT;
        }
        *time_s = last_s > *time_s ? last_s : *time_s;
    } else if (err != P2P_NOTFOUND) {
        return err;
    }
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u64(&out, *time_s);
    return p2p_kv_put(node->kv, P2P_TABLE_META, key, p2p_writer_slice(&out));
}

/* Over the whole text of the note: extension lines are signed as they stand. */
static void cosign_text(struct p2p_call *call, const struct p2p_node *node,
                        struct p2p_slice text, struct p2p_cosignature *out)
{
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    char *message = p2p_call_take(call, P2P_COSIGNATURE_PREFIX_BYTES_MAX + text.len);
    size_t len = p2p_cosignature_prefix(message, out->time_s);
    memcpy(message + len, text.data, text.len);
    sigs->sign(sigs->context, node->foreign_key.seed, node->foreign_key.public_key.bytes,
               p2p_slice_of(message, len + text.len), &out->signature);
}

static void witness_foreign(struct p2p_call *call, struct p2p_node *node,
                            const struct p2p_vkey *log, const struct p2p_submission *submission)
{
    struct p2p_signature signature;
    struct p2p_hash known_root = {{0}};
    struct p2p_cosignature cosignature = {.time_s = 0};
    uint64_t known_size = 0;
    if (log_signature(submission, log, &signature) != P2P_OK) {
        p2p_call_error(call, 403, "badsig", NULL, "it is not signed by that log's key");
        return;
    }
    /* What an older backup remembers of cosigned heads is not enough to cosign more. */
    if (p2p_engine_read_only(node->engine) != P2P_READ_ONLY_NONE ||
        p2p_engine_witness_lost(node->engine) ||
        p2p_store_read_only_reason(node->store) != NULL) {
        p2p_call_error(call, 503, "not-now", "ask again later",
                       "this node cosigns nothing at present");
        return;
    }
    enum p2p_err err =
        load_known(node->kv, submission->checkpoint.origin, &known_size, &known_root);
    if (err == P2P_OK) {
        err = p2p_submission_check(submission, known_size, &known_root);
    }
    if (err == P2P_OK) {
        err = store_known(node->kv, &submission->checkpoint);
    }
    if (err == P2P_OK) {
        err = next_time(node, &cosignature.time_s);
    }
    if (err != P2P_OK) {
        reply_error(call, err, known_size);
        return;
    }
    cosign_text(call, node, submission->note.text, &cosignature);
    char name[P2P_TLOG_NAME_BYTES];
    reply_line(call, p2p_tlog_witness_name(node, name), node->foreign_key.public_key.bytes,
               &cosignature);
}

/* ---- the call ---- */

/* Whether the path asks for this origin: `add-checkpoint` for any, `<feed>/add-checkpoint` for
 * one. */
static bool path_fits(const struct p2p_call *call, struct p2p_slice origin)
{
    static const char word[] = "add-checkpoint";
    char dir[P2P_ARCHIVE_FEED_BYTES_MAX];
    const char *path = call->path + strlen("/tlog/");
    size_t len = strlen(path);
    if (strcmp(path, word) == 0) {
        return true;
    }
    size_t dir_len = p2p_archive_feed_dir(dir, origin);
    return dir_len > 0 && len == dir_len + sizeof(word) && memcmp(path, dir, dir_len) == 0 &&
           path[dir_len] == '/' && strcmp(path + dir_len + 1, word) == 0;
}

void p2p_tlog_witness_start(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_submission *submission = p2p_call_take(call, sizeof(*submission));
    json_t *text = json_object_get(call->body, "text");
    struct p2p_vkey log;
    const char *last = strrchr(call->path, '/');
    if (strcmp(last, "/add-checkpoint") != 0) {
        p2p_call_error(call, 404, "not-found", NULL, "there is nothing at %s", call->path);
        return;
    }
    enum p2p_err err =
        !json_is_string(text)
            ? P2P_MALFORMED
            : p2p_submission_parse(
                  submission, p2p_slice_of(json_string_value(text), json_string_length(text)));
    if (err != P2P_OK) {
        p2p_call_error(call, 400, p2p_err_name(err), NULL,
                       "that is not what c2sp.org/tlog-witness has a witness sent");
        return;
    }
    const struct p2p_slice origin = submission->checkpoint.origin;
    const struct p2p_feed_info *info =
        feed_of(p2p_engine_ledger(node->engine)->charter, origin);
    if (!path_fits(call, origin)) {
        reply_unknown(call);
    } else if (info != NULL) {
        witness_feed(call, node, info, submission);
    } else if (foreign_key_of(node, origin, &log)) {
        witness_foreign(call, node, &log, submission);
    } else {
        reply_unknown(call);
    }
}
