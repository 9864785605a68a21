#include <p2p/draft.h>

#include "json_field.h"
#include "signed.h"

#include <p2p/text.h>

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAFT_FILE_BYTES_MAX ((size_t)1 << 20)

void p2p_draft_deinit(struct p2p_charter_draft *draft)
{
    free(draft->leaf);
    free(draft->note);
    *draft = (struct p2p_charter_draft){0};
}

static enum p2p_err draft_alloc(struct p2p_charter_draft *draft)
{
    *draft = (struct p2p_charter_draft){0};
    draft->leaf = malloc(P2P_RECORD_BYTES_MAX);
    draft->note = malloc(P2P_NOTE_BYTES_MAX);
    if (!draft->leaf || !draft->note) {
        p2p_draft_deinit(draft);
        return P2P_NOMEM;
    }
    return P2P_OK;
}

static struct p2p_slice draft_leaf(const struct p2p_charter_draft *draft)
{
    return p2p_slice_of(draft->leaf, draft->leaf_len);
}

/* What a draft says, decoded, with the words that follow from charter and leaf. */
struct reading {
    struct p2p_arena arena;
    struct p2p_version version;
    const char *federation;
    struct p2p_hash federation_id;
    struct p2p_charter_public log_key;
    char origin[P2P_ORIGIN_BYTES_MAX + 1];
    struct p2p_checkpoint checkpoint; /* the one this draft is to have */
};

static void reading_deinit(struct reading *reading)
{
    p2p_arena_deinit(&reading->arena);
}

static enum p2p_err reading_init(struct reading *reading, const struct p2p_charter *charter,
                                 struct p2p_slice leaf, char *message, size_t message_cap)
{
    char reason[P2P_REASON_BYTES];
    *reading = (struct reading){0};
    p2p_arena_init(&reading->arena, p2p_alloc_default(), P2P_VERSION_ARENA_BYTES_MAX);
    enum p2p_err err = p2p_charter_try(charter, p2p_sigs_ed25519(), leaf, reason);
    if (err != P2P_OK) {
        snprintf(message, message_cap, "%s", reason);
        return err;
    }
    err = p2p_version_decode(&reading->version, leaf, &reading->arena);
    if (err != P2P_OK) {
        return err;
    }
    bool first = p2p_charter_size(charter) == 0;
    const struct p2p_op_found *found = &reading->version.ops[0].found;
    reading->federation = first ? found->federation : p2p_charter_federation(charter);
    reading->federation_id = first ? p2p_sha256(leaf) : p2p_charter_federation_id(charter);
    reading->log_key = first ? found->log_key : *p2p_charter_log_key(charter);
    snprintf(reading->origin, sizeof(reading->origin), "%s/charter/1", reading->federation);
    reading->checkpoint = (struct p2p_checkpoint){.origin = p2p_slice_text(reading->origin),
                                                  .size = p2p_charter_size(charter) + 1,
                                                  .root = p2p_charter_root_with(charter, leaf)};
    return P2P_OK;
}

/* --- make -------------------------------------------------------------------------------- */

static enum p2p_err log_sign(struct p2p_charter_draft *draft, const struct reading *reading,
                             const struct p2p_charter_secret *log, char *message,
                             size_t message_cap)
{
    struct p2p_signature signature;
    if (memcmp(log->public_key.bytes, reading->log_key.bytes, P2P_PUBLIC_BYTES) != 0) {
        snprintf(message, message_cap,
                 "charter.key is not the log key of %s; use the directory it was founded in",
                 reading->federation);
        return P2P_BADKEY;
    }
    p2p_checkpoint_sign_charter(&reading->checkpoint, p2p_sigs_ed25519(), log, &signature);
    draft->note_len = p2p_checkpoint_note(&reading->checkpoint, log->public_key.bytes,
                                          &signature, draft->note, P2P_NOTE_BYTES_MAX);
    return draft->note_len > 0 ? P2P_OK : P2P_TOOLARGE;
}

enum p2p_err p2p_draft_make(struct p2p_charter_draft *draft, const struct p2p_charter *charter,
                            const struct p2p_change *change, uint64_t term, uint64_t now_ms,
                            const struct p2p_charter_secret *log, char *message,
                            size_t message_cap)
{
    struct p2p_charter_draft made;
    struct reading reading = {0};
    struct p2p_pack leaf;
    enum p2p_err err = draft_alloc(&made);
    if (err != P2P_OK) {
        return err;
    }
    made.index = p2p_charter_size(charter);
    p2p_pack_init(&leaf, made.leaf, P2P_RECORD_BYTES_MAX);
    err = p2p_charter_leaf(p2p_pack_slice(&change->ops), change->count, term, now_ms, &leaf);
    if (err == P2P_OK) {
        made.leaf_len = p2p_pack_slice(&leaf).len;
        err = reading_init(&reading, charter, draft_leaf(&made), message, message_cap);
    } else {
        snprintf(message, message_cap, "the change does not fit into one charter entry");
    }
    if (err == P2P_OK) {
        err = log_sign(&made, &reading, log, message, message_cap);
    }
    reading_deinit(&reading);
    if (err != P2P_OK) {
        p2p_draft_deinit(&made);
        return err;
    }
    *draft = made;
    return P2P_OK;
}

/* --- sign -------------------------------------------------------------------------------- */

/* The note is of exactly this leaf in this place, and the log signed it. */
static enum p2p_err note_verify(const struct p2p_charter_draft *draft,
                                const struct reading *reading, char *message,
                                size_t message_cap)
{
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    struct p2p_vkey key;
    enum p2p_err err = p2p_note_parse(&note, p2p_slice_of(draft->note, draft->note_len));
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&checkpoint, note.text, false);
    }
    if (err != P2P_OK) {
        snprintf(message, message_cap, "the draft's checkpoint is damaged; draft it again");
        return err;
    }
    if (!p2p_slice_equal(checkpoint.origin, reading->checkpoint.origin) ||
        checkpoint.size != reading->checkpoint.size ||
        !p2p_hash_equal(&checkpoint.root, &reading->checkpoint.root)) {
        snprintf(message, message_cap,
                 "the draft's checkpoint is not that of its entry after "
                 "this charter; take the newest charter and draft it again");
        return P2P_MISMATCH;
    }
    p2p_vkey_init(&key, reading->checkpoint.origin, P2P_NOTE_ED25519, reading->log_key.bytes);
    err = p2p_note_verify(&note, p2p_sigs_ed25519(), &key, 1, NULL, NULL);
    if (err != P2P_OK) {
        snprintf(message, message_cap, "the charter's log key did not sign this draft");
    }
    return err;
}

static bool roots_have(const struct p2p_root_public *roots, uint32_t count,
                       const struct p2p_root_public *key)
{
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(roots[i].bytes, key->bytes, P2P_PUBLIC_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* A root of the charter, or one that this very entry makes a root. A settle is signed by the
 * roots at its split, who may have been rotated out since: any key that ever was in the charter
 * may try. */
static bool is_root(const struct reading *reading, const struct p2p_charter *charter,
                    const struct p2p_root_public *key)
{
    bool settles = reading->version.ops[0].type == P2P_OP_SETTLE;
    if (roots_have(p2p_charter_roots(charter), p2p_charter_root_count(charter), key) ||
        (settles && p2p_charter_has_key(charter, key->bytes))) {
        return true;
    }
    for (size_t i = 0; i < reading->version.op_count; i++) {
        const struct p2p_charter_op *op = &reading->version.ops[i];
        if ((op->type == P2P_OP_FOUND &&
             roots_have(op->found.roots, op->found.root_count, key)) ||
            (op->type == P2P_OP_ROTATE &&
             roots_have(op->rotate.roots, op->rotate.root_count, key))) {
            return true;
        }
    }
    return false;
}

static bool signed_already(const struct p2p_charter_draft *draft, struct p2p_slice name,
                           const struct p2p_root_public *key)
{
    struct p2p_note note;
    struct p2p_cosignature cosignature;
    if (p2p_note_parse(&note, p2p_slice_of(draft->note, draft->note_len)) != P2P_OK) {
        return false;
    }
    for (size_t i = 0; i < note.signature_count; i++) {
        if (p2p_note_line_cosignature(&note.signatures[i], name, key->bytes, &cosignature) ==
            P2P_OK) {
            return true;
        }
    }
    return false;
}

enum how { SIGN, REHEARSE /* an empty line in a signature's place, nothing remembered */ };

static enum p2p_err cosign(struct p2p_charter_draft *draft, const struct reading *reading,
                           const char *root_key, const struct p2p_root_secret *secret,
                           uint64_t now_ms, enum how how, char *message, size_t message_cap)
{
    char name[P2P_ROOT_NAME_BYTES_MAX + 1];
    struct p2p_cosignature cosignature = {0};
    size_t name_len = p2p_root_name(name, reading->federation, &secret->public_key);
    if (signed_already(draft, p2p_slice_of(name, name_len), &secret->public_key)) {
        return P2P_OK;
    }
    if (how == SIGN) {
        enum p2p_err err =
            signed_remember(root_key, &reading->federation_id, reading->checkpoint.size,
                            &reading->checkpoint.root, message, message_cap);
        if (err != P2P_OK) {
            return err;
        }
        p2p_cosign_root(&reading->checkpoint, p2p_sigs_ed25519(), secret, now_ms / 1000,
                        &cosignature);
    }
    size_t len = p2p_checkpoint_note_add(draft->note, P2P_NOTE_BYTES_MAX, draft->note_len,
                                         p2p_slice_of(name, name_len), secret->public_key.bytes,
                                         &cosignature);
    if (len == 0) {
        snprintf(message, message_cap, "the draft has no room for another cosignature");
        return P2P_TOOLARGE;
    }
    draft->note_len = len;
    return P2P_OK;
}

static enum p2p_err root_load(struct p2p_root_secret *out, const char *root_key,
                              struct p2p_slice passphrase, char *message, size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_ceremony ceremony = {0};
    struct p2p_keydir_key key;
    enum p2p_err err =
        p2p_ceremony_open_beside(&ceremony, root_key, passphrase, message, message_cap);
    if (err == P2P_OK) {
        snprintf(path, sizeof(path), "%s", root_key);
        err = p2p_keydir_load(&ceremony.keydir, basename(path), P2P_KEY_ROOT, NULL, &key,
                              message, message_cap);
    }
    if (err == P2P_OK) {
        p2p_root_secret_init(out, key.seed);
        p2p_wipe(&key, sizeof(key));
    }
    p2p_ceremony_close(&ceremony);
    return err;
}

/* Of another version than the charter's next. */
static void say_stale(const struct p2p_charter_draft *draft, const struct p2p_charter *charter,
                      char *message, size_t message_cap)
{
    snprintf(message, message_cap,
             "the draft is of version %llu, the charter held here is at %llu; draft it again",
             (unsigned long long)draft->index + 1,
             (unsigned long long)p2p_charter_size(charter));
}

static enum p2p_err sign_with(struct p2p_charter_draft *draft,
                              const struct p2p_charter *charter, const char *root_key,
                              struct p2p_slice passphrase, uint64_t now_ms, enum how how,
                              char *message, size_t message_cap)
{
    struct reading reading = {0};
    struct p2p_root_secret secret;
    if (draft->index != p2p_charter_size(charter)) {
        say_stale(draft, charter, message, message_cap);
        return P2P_GAP;
    }
    enum p2p_err err = reading_init(&reading, charter, draft_leaf(draft), message, message_cap);
    if (err == P2P_OK) {
        err = note_verify(draft, &reading, message, message_cap);
    }
    if (err == P2P_OK) {
        err = root_load(&secret, root_key, passphrase, message, message_cap);
    }
    if (err == P2P_OK && !is_root(&reading, charter, &secret.public_key)) {
        snprintf(message, message_cap, "%s is not a root key of %s", root_key,
                 reading.federation);
        err = P2P_REFUSED;
        p2p_root_secret_deinit(&secret);
    }
    if (err == P2P_OK) {
        err = cosign(draft, &reading, root_key, &secret, now_ms, how, message, message_cap);
        p2p_root_secret_deinit(&secret);
    }
    reading_deinit(&reading);
    return err;
}

enum p2p_err p2p_draft_sign(struct p2p_charter_draft *draft, const struct p2p_charter *charter,
                            const char *root_key, struct p2p_slice passphrase, uint64_t now_ms,
                            char *message, size_t message_cap)
{
    return sign_with(draft, charter, root_key, passphrase, now_ms, SIGN, message, message_cap);
}

/* --- finish ------------------------------------------------------------------------------ */

enum p2p_err p2p_draft_finish(const struct p2p_charter_draft *draft,
                              struct p2p_charter *charter, char *message, size_t message_cap)
{
    char reason[P2P_REASON_BYTES];
    enum p2p_err err =
        p2p_charter_apply(charter, p2p_sigs_ed25519(), draft->index, draft_leaf(draft),
                          p2p_slice_of(draft->note, draft->note_len), reason);
    if (err == P2P_QUORUM && draft->index < p2p_charter_size(charter)) {
        say_stale(draft, charter, message, message_cap); /* with enough it would be a rival */
    } else if (err != P2P_OK) {
        snprintf(message, message_cap, "%s", reason);
    }
    return err;
}

/* --- rehearse ---------------------------------------------------------------------------- */

static bool trust(void *context, const uint8_t public_key[P2P_PUBLIC_BYTES],
                  const uint8_t signature[P2P_SIGNATURE_BYTES], struct p2p_slice message)
{
    (void)context, (void)public_key, (void)signature, (void)message;
    return true;
}

static void trust_many(void *context, struct p2p_verify_job *jobs, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        jobs[i].good = true;
    }
}

static enum p2p_err draft_copy(struct p2p_charter_draft *out,
                               const struct p2p_charter_draft *draft)
{
    enum p2p_err err = draft_alloc(out);
    if (err == P2P_OK) {
        memcpy(out->leaf, draft->leaf, draft->leaf_len);
        memcpy(out->note, draft->note, draft->note_len);
        out->leaf_len = draft->leaf_len;
        out->note_len = draft->note_len;
        out->index = draft->index;
    }
    return err;
}

/* Whether these roots would be enough, found out before one of them signs: a root signs one
 * version of each number, so one that then lacked a signature would bar every other for good.
 */
static enum p2p_err rehearse(const struct p2p_charter_draft *draft,
                             const struct p2p_charter *charter,
                             const struct p2p_signing *signing, char *message,
                             size_t message_cap)
{
    static const struct p2p_sigs trusting = {.verify = trust, .verify_many = trust_many};
    char reason[P2P_REASON_BYTES];
    struct p2p_charter_draft trial = {0};
    struct p2p_charter *clone = NULL;
    enum p2p_err err = draft_copy(&trial, draft);
    for (size_t i = 0; err == P2P_OK && i < signing->root_key_count; i++) {
        err = sign_with(&trial, charter, signing->root_keys[i], signing->passphrase,
                        signing->now_ms, REHEARSE, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_charter_clone(&clone, charter);
    }
    if (err == P2P_OK) {
        err = p2p_charter_apply(clone, &trusting, trial.index, draft_leaf(&trial),
                                p2p_slice_of(trial.note, trial.note_len), reason);
        if (err != P2P_OK) {
            snprintf(message, message_cap, "%s", reason);
        }
    }
    p2p_charter_free(clone);
    p2p_draft_deinit(&trial);
    return err;
}

/* --- all of it --------------------------------------------------------------------------- */

enum p2p_err p2p_draft_complete(struct p2p_charter_draft *draft, struct p2p_charter *charter,
                                const struct p2p_change *change, uint64_t term,
                                const struct p2p_signing *signing, char *message,
                                size_t message_cap)
{
    struct p2p_ceremony ceremony = {0};
    struct p2p_charter_secret log;
    struct p2p_charter_draft made = {0};
    if (signing->root_key_count == 0) {
        snprintf(message, message_cap,
                 "name at least one --root-key; charter.key lies beside it");
        return P2P_USAGE;
    }
    enum p2p_err err = p2p_ceremony_open_beside(&ceremony, signing->root_keys[0],
                                                signing->passphrase, message, message_cap);
    if (err == P2P_OK) {
        err = p2p_ceremony_log_key(&ceremony, &log, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_draft_make(&made, charter, change, term, signing->now_ms, &log, message,
                             message_cap);
        p2p_charter_secret_deinit(&log);
    }
    if (err == P2P_OK && signing->whole_only) {
        err = rehearse(&made, charter, signing, message, message_cap);
        if (err != P2P_OK) {
            p2p_draft_deinit(&made);
        }
    }
    for (size_t i = 0; err == P2P_OK && i < signing->root_key_count; i++) {
        err = p2p_draft_sign(&made, charter, signing->root_keys[i], signing->passphrase,
                             signing->now_ms, message, message_cap);
    }
    if (err == P2P_OK) {
        err = p2p_draft_finish(&made, charter, message, message_cap);
    }
    p2p_ceremony_close(&ceremony);
    if (err != P2P_OK && (err != P2P_QUORUM || signing->whole_only)) {
        p2p_draft_deinit(&made);
        return err;
    }
    *draft = made;
    return err;
}

/* --- the file ---------------------------------------------------------------------------- */

static enum p2p_err file_parse(struct p2p_charter_draft *draft, const json_t *root)
{
    const char *note = json_field_text(root, "checkpoint");
    uint64_t index = 0;
    if (!note || strlen(note) > P2P_NOTE_BYTES_MAX || !json_field_uint(root, "index", &index)) {
        return P2P_MALFORMED;
    }
    enum p2p_err err = draft_alloc(draft);
    if (err != P2P_OK) {
        return err;
    }
    uint8_t *leaf = NULL;
    err = json_field_bytes(root, "record", P2P_RECORD_BYTES_MAX, &leaf, &draft->leaf_len);
    if (err != P2P_OK) {
        p2p_draft_deinit(draft);
        return err;
    }
    memcpy(draft->leaf, leaf, draft->leaf_len);
    draft->note_len = strlen(note);
    memcpy(draft->note, note, draft->note_len);
    draft->index = index;
    free(leaf);
    return P2P_OK;
}

static bool of_federation(const json_t *root, const struct p2p_charter *charter)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    const char *id = json_field_text(root, "federation_id");
    struct p2p_hash held = p2p_charter_federation_id(charter);
    p2p_hex_encode(hex, held.bytes, P2P_HASH_BYTES);
    return p2p_charter_size(charter) == 0 || (id && strcmp(id, hex) == 0);
}

enum p2p_err p2p_draft_read(struct p2p_charter_draft *draft, const char *path,
                            const struct p2p_charter *charter, char *message,
                            size_t message_cap)
{
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err =
        p2p_file_read(path, DRAFT_FILE_BYTES_MAX, &text, &len, message, message_cap);
    if (err != P2P_OK) {
        return err;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    err = root ? P2P_OK : P2P_MALFORMED;
    if (err == P2P_OK && !of_federation(root, charter)) {
        snprintf(message, message_cap, "%s is a draft for another federation", path);
        err = P2P_MISMATCH;
    } else if (err == P2P_OK) {
        err = file_parse(draft, root);
    }
    if (err == P2P_MALFORMED) {
        snprintf(message, message_cap, "%s is not a charter draft or is damaged", path);
    }
    json_decref(root);
    free(text);
    return err;
}

enum p2p_err p2p_draft_write(const struct p2p_charter_draft *draft,
                             const struct p2p_charter *charter, const char *path, char *message,
                             size_t message_cap)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    struct p2p_hash id = p2p_charter_federation_id(charter);
    json_t *root = json_object();
    p2p_hex_encode(hex, id.bytes, P2P_HASH_BYTES);
    bool good =
        root && json_field_set_text(root, "federation", p2p_charter_federation(charter)) &&
        json_field_set_text(root, "federation_id", hex) &&
        json_object_set_new(root, "index", json_integer((json_int_t)draft->index)) == 0 &&
        json_field_set_bytes(root, "record", draft_leaf(draft)) &&
        json_field_set_slice(root, "checkpoint", p2p_slice_of(draft->note, draft->note_len));
    return json_field_write(root, good, path, message, message_cap);
}
