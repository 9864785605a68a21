/* Who signed: the charter's own checkpoints, and quorum-cosigned checkpoints of feeds. Each key
 * counts once, however many lines a note has by it, and a bad line by a key that counts refuses
 * the note. */
#include "charter_state.h"

#include <p2p/assert.h>
#include <p2p/planted.h>
#include <p2p/text.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROOT_KEY_ID_BYTES 4u

void p2p_reason(char reason[P2P_REASON_BYTES], const char *format, ...)
{
    if (!reason) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(reason, P2P_REASON_BYTES, format, args);
    va_end(args);
}

size_t p2p_root_name(char out[P2P_ROOT_NAME_BYTES_MAX + 1], const char *federation,
                     const struct p2p_root_public *key)
{
    char hex[P2P_HEX_BYTES(ROOT_KEY_ID_BYTES)];
    p2p_hex_encode(hex, key->bytes, ROOT_KEY_ID_BYTES);
    int len = snprintf(out, P2P_ROOT_NAME_BYTES_MAX + 1, "%s/root/%s", federation, hex);
    p2p_assert(len > 0 && (size_t)len <= P2P_ROOT_NAME_BYTES_MAX);
    return (size_t)len;
}

size_t p2p_witness_name(char out[P2P_WITNESS_NAME_BYTES_MAX + 1], const char *federation,
                        const char *member, uint32_t generation)
{
    int len = snprintf(out, P2P_WITNESS_NAME_BYTES_MAX + 1, "%s/%s/w%u", federation, member,
                       (unsigned)generation);
    p2p_assert(len > 0 && (size_t)len <= P2P_WITNESS_NAME_BYTES_MAX);
    return (size_t)len;
}

const struct root_set *p2p_fold_roots_at(const struct charter_fold *fold, uint64_t index)
{
    const struct root_set *sets = fold->root_sets.at;
    size_t i = fold->root_sets.count;
    while (i > 1 && sets[i - 1].from > index) {
        i--;
    }
    return i == 0 ? NULL : &sets[i - 1];
}

/* Keys that may sign one note, log key first. names has room for their text. */
#define SIGNERS_MAX (1u + P2P_NOTE_SIGNATURES_MAX)
_Static_assert(2u * P2P_ROOTS_MAX < SIGNERS_MAX, "old and new roots fit, or each line's key");
_Static_assert(P2P_WITNESS_NAME_BYTES_MAX >= P2P_ROOT_NAME_BYTES_MAX,
               "so do both kinds of name");

struct signers {
    struct p2p_vkey keys[SIGNERS_MAX];
    char names[SIGNERS_MAX][P2P_WITNESS_NAME_BYTES_MAX + 1];
    size_t count;
    bool signed_by[SIGNERS_MAX];
    uint32_t lines; /* that verify by a key other than the log's */
};

static void signers_add(struct signers *signers, struct p2p_slice name, enum p2p_note_type type,
                        const uint8_t key[P2P_PUBLIC_BYTES])
{
    p2p_assert(signers->count < SIGNERS_MAX);
    p2p_vkey_init(&signers->keys[signers->count++], name, type, key);
}

static bool signers_has(const struct signers *signers, const uint8_t key[P2P_PUBLIC_BYTES])
{
    for (size_t i = 1; i < signers->count; i++) {
        if (memcmp(signers->keys[i].public_key, key, P2P_PUBLIC_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static void signers_add_roots(struct signers *signers, const char *federation,
                              const struct root_set *set)
{
    for (uint32_t i = 0; set && i < set->count; i++) {
        if (!signers_has(signers, set->roots[i].bytes)) {
            char *name = signers->names[signers->count];
            size_t len = p2p_root_name(name, federation, &set->roots[i]);
            signers_add(signers, p2p_slice_of(name, len), P2P_NOTE_COSIGNATURE,
                        set->roots[i].bytes);
        }
    }
}

/* Verifies every line by a key in signers and marks who signed. */
static enum p2p_err signers_verify(struct signers *signers, const struct p2p_note *note,
                                   const struct p2p_sigs *sigs, char *reason)
{
    int verdicts[P2P_NOTE_SIGNATURES_MAX];
    enum p2p_err err =
        p2p_note_verify(note, sigs, signers->keys, signers->count, verdicts, NULL);
    if (err != P2P_OK) {
        p2p_reason(reason, "a signature on the checkpoint does not verify");
        return err;
    }
    for (size_t i = 0; i < note->signature_count; i++) {
        if (verdicts[i] >= 0) {
            signers->signed_by[verdicts[i]] = true;
            signers->lines += verdicts[i] > 0;
        }
    }
    if (!signers->signed_by[0]) {
        p2p_reason(reason, "the checkpoint has no signature by the log's own key");
        return P2P_BADSIG;
    }
    return P2P_OK;
}

static uint32_t signers_count(const struct signers *signers, const struct root_set *set)
{
    uint32_t count = P2P_PLANT(ROOT_TWICE) ? signers->lines : 0;
    for (size_t i = 1; i < signers->count && !P2P_PLANT(ROOT_TWICE); i++) {
        for (uint32_t j = 0; signers->signed_by[i] && j < set->count; j++) {
            const uint8_t *root = set->roots[j].bytes;
            count += memcmp(signers->keys[i].public_key, root, P2P_PUBLIC_BYTES) == 0;
        }
    }
    return count;
}

enum p2p_err p2p_charter_note_parse(struct p2p_note *note, struct p2p_checkpoint *checkpoint,
                                    const struct charter_fold *fold, struct p2p_slice bytes,
                                    char reason[P2P_REASON_BYTES])
{
    const struct p2p_feed_info *feed = p2p_fold_feed(fold, P2P_CHARTER_FEED);
    p2p_assert(feed != NULL);
    enum p2p_err err = p2p_note_parse(note, bytes);
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(checkpoint, note->text, false);
    }
    if (err != P2P_OK) {
        p2p_reason(reason, "the checkpoint is not a signed note of three lines");
        return err;
    }
    if (!p2p_slice_equal(checkpoint->origin, p2p_slice_text(feed->origin))) {
        p2p_reason(reason, "the checkpoint is not of %s", feed->origin);
        return P2P_MISMATCH;
    }
    return P2P_OK;
}

enum p2p_err p2p_charter_note_verify(const struct p2p_note *note,
                                     const struct charter_fold *fold,
                                     const struct p2p_sigs *sigs,
                                     const struct charter_signers *signers,
                                     char reason[P2P_REASON_BYTES])
{
    struct signers all = {0};
    const struct p2p_feed_info *feed = p2p_fold_feed(fold, P2P_CHARTER_FEED);
    signers_add(&all, p2p_slice_text(feed->origin), P2P_NOTE_ED25519, fold->log_key.bytes);
    signers_add_roots(&all, fold->federation, signers->by);
    signers_add_roots(&all, fold->federation, signers->also);
    enum p2p_err err = signers_verify(&all, note, sigs, reason);
    if (err != P2P_OK) {
        return err;
    }
    uint32_t count = signers->by ? signers_count(&all, signers->by) : 0;
    if (count < signers->need) {
        p2p_reason(reason, "cosigned by %u distinct roots, %u are needed", count,
                   signers->need);
        return P2P_QUORUM;
    }
    if (signers->also && signers_count(&all, signers->also) < signers->also->threshold) {
        p2p_reason(reason, "cosigned by %u of the other root set, %u are needed",
                   signers_count(&all, signers->also), signers->also->threshold);
        return P2P_QUORUM;
    }
    return P2P_OK;
}

/* The n of `w<n>` as it is written; 0 for anything else. */
static uint32_t key_generation(struct p2p_slice text)
{
    uint32_t n = 0;
    if (text.len < 2 || text.len > 6 || text.data[0] != 'w' || text.data[1] == '0') {
        return 0;
    }
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        n = n * 10 + (uint32_t)(text.data[i] - '0');
    }
    return n < P2P_WITNESS_GENERATION_STEP ? n : 0;
}

/* The witness that a signature line names, 0 when it names none of this federation. */
static uint32_t line_witness(const struct charter_fold *fold, struct p2p_slice name)
{
    size_t prefix = strlen(fold->federation) + 1;
    if (name.len <= prefix || memcmp(name.data, fold->federation, prefix - 1) != 0 ||
        name.data[prefix - 1] != '/') {
        return 0;
    }
    struct p2p_slice rest = p2p_slice_of(name.data + prefix, name.len - prefix);
    const uint8_t *slash = memchr(rest.data, '/', rest.len);
    if (slash == NULL) {
        return 0;
    }
    size_t len = (size_t)(slash - rest.data);
    uint32_t generation = key_generation(p2p_slice_of(rest.data + len + 1, rest.len - len - 1));
    rest.len = len;
    uint32_t member = p2p_fold_name(fold, NAME_MEMBER, rest);
    return member == 0 || generation == 0 ? 0 : p2p_witness_number(member, generation);
}

/* Those of the note's signers that are or were the feed's witnesses; witnesses[i] is whose key
 * signers->keys[i] is. */
static void signers_add_witnesses(struct signers *signers, const struct charter_fold *fold,
                                  const struct p2p_feed_info *feed, const struct p2p_note *note,
                                  uint32_t witnesses[SIGNERS_MAX])
{
    for (size_t i = 0; i < note->signature_count; i++) {
        uint32_t witness = line_witness(fold, note->signatures[i].name);
        const struct p2p_witness_public *key =
            witness == 0 ? NULL : p2p_fold_key_of(fold, witness);
        if (key == NULL || signers_has(signers, key->bytes) ||
            !p2p_fold_was_witness(fold, feed, witness)) {
            continue;
        }
        char *name = signers->names[signers->count];
        size_t len = p2p_witness_name(name, fold->federation,
                                      p2p_fold_member(fold, p2p_witness_member(witness))->name,
                                      p2p_witness_generation(witness));
        witnesses[signers->count] = witness;
        signers_add(signers, p2p_slice_of(name, len), P2P_NOTE_COSIGNATURE, key->bytes);
    }
}

static enum p2p_err verify_quorum(const struct charter_fold *fold, const struct p2p_sigs *sigs,
                                  const struct p2p_feed_info *feed, const struct p2p_note *note,
                                  char reason[P2P_REASON_BYTES])
{
    struct signers all = {0};
    uint32_t witnesses[SIGNERS_MAX] = {0};
    uint32_t cosigners[SIGNERS_MAX];
    size_t count = 0;
    signers_add(&all, p2p_slice_text(feed->origin), P2P_NOTE_ED25519, feed->key.bytes);
    signers_add_witnesses(&all, fold, feed, note, witnesses);
    enum p2p_err err = signers_verify(&all, note, sigs, reason);
    if (err != P2P_OK) {
        return err;
    }
    for (size_t i = 1; i < all.count; i++) {
        if (all.signed_by[i]) {
            cosigners[count++] = witnesses[i];
        }
    }
    if (feed->witness_count == 0 || p2p_fold_quorum(fold, feed, cosigners, count)) {
        return P2P_OK;
    }
    p2p_reason(reason, "the checkpoint of %s is cosigned by %u witnesses, %u are needed%s",
               feed->origin, (unsigned)count, p2p_witness_quorum(feed->witness_count),
               feed->former_count > 0 ? ", and a quorum of those before the last change" : "");
    return P2P_QUORUM;
}

enum p2p_err p2p_fold_quorum_note(const struct charter_fold *fold, const struct p2p_sigs *sigs,
                                  uint32_t feed_number, struct p2p_slice bytes,
                                  struct p2p_checkpoint *checkpoint,
                                  char reason[P2P_REASON_BYTES])
{
    const struct p2p_feed_info *feed = p2p_fold_feed(fold, feed_number);
    struct p2p_note note;
    struct p2p_checkpoint parsed;
    if (!feed || feed->member == 0) {
        p2p_reason(reason, "no such feed");
        return P2P_UNKNOWN;
    }
    enum p2p_err err = p2p_note_parse(&note, bytes);
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&parsed, note.text, false);
    }
    if (err != P2P_OK) {
        p2p_reason(reason, "the checkpoint of %s is not a signed note", feed->origin);
        return err;
    }
    if (!p2p_slice_equal(parsed.origin, p2p_slice_text(feed->origin))) {
        p2p_reason(reason, "the checkpoint is not of %s", feed->origin);
        return P2P_MISMATCH;
    }
    if (sigs) {
        err = verify_quorum(fold, sigs, feed, &note, reason);
        if (err != P2P_OK) {
            return err;
        }
    }
    *checkpoint = parsed;
    return P2P_OK;
}

/* Whether the key at i signed the note; a bad line by it is none. */
static bool signed_by(const struct signers *signers, size_t i, const struct p2p_note *note,
                      const struct p2p_sigs *sigs)
{
    return p2p_note_verify(note, sigs, &signers->keys[i], 1, NULL, NULL) == P2P_OK;
}

enum p2p_err p2p_charter_cosigners(const struct p2p_charter *charter,
                                   const struct p2p_sigs *sigs, uint32_t feed_number,
                                   struct p2p_slice bytes, struct p2p_cosigners *out)
{
    const struct charter_fold *fold = &charter->fold;
    const struct p2p_feed_info *feed = p2p_fold_feed(fold, feed_number);
    struct signers all = {0};
    uint32_t witnesses[SIGNERS_MAX] = {0};
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    enum p2p_err err = p2p_fold_quorum_note(fold, NULL, feed_number, bytes, &checkpoint, NULL);
    if (err == P2P_OK) {
        err = p2p_note_parse(&note, bytes);
    }
    if (err != P2P_OK) {
        return err;
    }
    signers_add(&all, p2p_slice_text(feed->origin), P2P_NOTE_ED25519, feed->key.bytes);
    signers_add_witnesses(&all, fold, feed, &note, witnesses);
    if (!signed_by(&all, 0, &note, sigs)) {
        return P2P_BADSIG;
    }
    out->size = checkpoint.size;
    out->count = 0;
    for (size_t i = 1; i < all.count; i++) {
        if (signed_by(&all, i, &note, sigs)) {
            out->witnesses[out->count++] = witnesses[i];
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_charter_cosigned(const struct p2p_charter *charter,
                                  const struct p2p_sigs *sigs, uint32_t feed_number,
                                  struct p2p_slice bytes, uint64_t *size)
{
    struct p2p_cosigners by;
    enum p2p_err err = p2p_charter_cosigners(charter, sigs, feed_number, bytes, &by);
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_feed_info *feed = p2p_fold_feed(&charter->fold, feed_number);
    if (feed->witness_count > 0 &&
        !p2p_fold_quorum(&charter->fold, feed, by.witnesses, by.count)) {
        return P2P_QUORUM;
    }
    *size = by.size;
    return P2P_OK;
}

enum p2p_err p2p_charter_quorum_note(const struct p2p_charter *charter,
                                     const struct p2p_sigs *sigs, uint32_t feed,
                                     struct p2p_slice note, struct p2p_checkpoint *checkpoint)
{
    return p2p_fold_quorum_note(&charter->fold, sigs, feed, note, checkpoint, NULL);
}
