/* Checkpoints (c2sp.org/tlog-checkpoint) and cosignatures (c2sp.org/tlog-cosignature v1).
 *
 * A checkpoint is (origin, size, root); its text is three lines. A log signs it under a key
 * named like the origin; witnesses add timestamped cosignatures. Between peers only (size,
 * root, signature) travels, because origin and key follow from the charter: these functions
 * rebuild the exact text that was signed, and the note where a file or a stranger wants one. */
#ifndef P2P_CHECKPOINT_H
#define P2P_CHECKPOINT_H

#include <p2p/key.h>
#include <p2p/note.h>
#include <p2p/sigs.h>

#define P2P_CHECKPOINT_TEXT_BYTES_MAX (255u + 1u + 20u + 1u + 45u)
#define P2P_WITNESSES_MAX             15u

struct p2p_checkpoint {
    struct p2p_slice origin; /* borrowed */
    uint64_t size;
    struct p2p_hash root;
};

/* A log's signature over one checkpoint, as peers exchange it. */
struct p2p_tree_head {
    uint64_t size;
    struct p2p_hash root;
    struct p2p_signature signature;
};

struct p2p_cosignature {
    uint64_t time_s; /* POSIX seconds; never decreases for one witness key */
    struct p2p_signature signature;
};

/* The three lines; returns the length. */
size_t p2p_checkpoint_text(const struct p2p_checkpoint *checkpoint,
                           char out[P2P_CHECKPOINT_TEXT_BYTES_MAX]);
/* Reads the text of a note, borrowing origin. Extension lines are accepted when allowed.
 * P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_checkpoint_parse(struct p2p_checkpoint *checkpoint,
                                                 struct p2p_slice text,
                                                 bool extensions_allowed);

/* The log's own signature (note type 0x01), by feed or charter key. */
void p2p_checkpoint_sign_feed(const struct p2p_checkpoint *checkpoint,
                              const struct p2p_sigs *sigs, const struct p2p_feed_secret *key,
                              struct p2p_signature *out);
void p2p_checkpoint_sign_charter(const struct p2p_checkpoint *checkpoint,
                                 const struct p2p_sigs *sigs,
                                 const struct p2p_charter_secret *key,
                                 struct p2p_signature *out);
P2P_MUST_CHECK enum p2p_err p2p_checkpoint_verify_feed(const struct p2p_checkpoint *checkpoint,
                                                       const struct p2p_sigs *sigs,
                                                       const struct p2p_feed_public *key,
                                                       const struct p2p_signature *signature);
P2P_MUST_CHECK enum p2p_err
p2p_checkpoint_verify_charter(const struct p2p_checkpoint *checkpoint,
                              const struct p2p_sigs *sigs, const struct p2p_charter_public *key,
                              const struct p2p_signature *signature);

/* cosignature/v1 over the checkpoint at time_s, by a witness key, or by a root key (which
 * cosigns the charter's checkpoints in the same form). */
void p2p_cosign_witness(const struct p2p_checkpoint *checkpoint, const struct p2p_sigs *sigs,
                        const struct p2p_witness_secret *key, uint64_t time_s,
                        struct p2p_cosignature *out);
void p2p_cosign_root(const struct p2p_checkpoint *checkpoint, const struct p2p_sigs *sigs,
                     const struct p2p_root_secret *key, uint64_t time_s,
                     struct p2p_cosignature *out);
P2P_MUST_CHECK enum p2p_err p2p_cosignature_verify_witness(
    const struct p2p_checkpoint *checkpoint, const struct p2p_sigs *sigs,
    const struct p2p_witness_public *key, const struct p2p_cosignature *cosig);
P2P_MUST_CHECK enum p2p_err p2p_cosignature_verify_root(const struct p2p_checkpoint *checkpoint,
                                                        const struct p2p_sigs *sigs,
                                                        const struct p2p_root_public *key,
                                                        const struct p2p_cosignature *cosig);

/* Writes the whole note: text, empty line, the log's line under key name = origin. Cosignature
 * lines are then added one at a time. Return the length so far, 0 when out is too small. */
size_t p2p_checkpoint_note(const struct p2p_checkpoint *checkpoint,
                           const uint8_t log_key[P2P_PUBLIC_BYTES],
                           const struct p2p_signature *signature, char *out, size_t cap);
size_t p2p_checkpoint_note_add(char *out, size_t cap, size_t len, struct p2p_slice witness_name,
                               const uint8_t witness_key[P2P_PUBLIC_BYTES],
                               const struct p2p_cosignature *cosig);

/* Decodes the signature of one parsed note line when it is by exactly this key; P2P_NOTFOUND
 * when it is by another. Verifies nothing. */
P2P_MUST_CHECK enum p2p_err p2p_note_line_signature(const struct p2p_note_signature *line,
                                                    struct p2p_slice name,
                                                    const uint8_t public_key[P2P_PUBLIC_BYTES],
                                                    struct p2p_signature *out);
P2P_MUST_CHECK enum p2p_err
p2p_note_line_cosignature(const struct p2p_note_signature *line, struct p2p_slice name,
                          const uint8_t public_key[P2P_PUBLIC_BYTES],
                          struct p2p_cosignature *out);

#endif
