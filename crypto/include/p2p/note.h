/* Signed notes (c2sp.org/signed-note): text, an empty line, signature lines.
 *
 * Parsing borrows from the caller's bytes and checks the form strictly (UTF-8, no control bytes
 * but LF, canonical base64, key names without space or '+'); it verifies nothing. Verification
 * asks a list of trusted keys: unknown signatures are skipped, a bad one of a known key refuses
 * the note. A note is at most 64 KiB with at most 32 signature lines of up to 8 KiB (room for
 * ML-DSA-44). */
#ifndef P2P_NOTE_H
#define P2P_NOTE_H

#include <p2p/key.h>
#include <p2p/sigs.h>

#define P2P_NOTE_BYTES_MAX           65536u
#define P2P_NOTE_SIGNATURES_MAX      32u
#define P2P_NOTE_SIGNATURE_BYTES_MAX 6144u
#define P2P_KEY_ID_BYTES             4u

enum p2p_note_type {
    P2P_NOTE_ED25519 = 0x01,     /* logs */
    P2P_NOTE_COSIGNATURE = 0x04, /* timestamped Ed25519 cosignature */
    P2P_NOTE_ML_DSA_44 = 0x06,   /* reserved: skipped safely */
};

struct p2p_key_id {
    uint8_t bytes[P2P_KEY_ID_BYTES];
};

/* First 4 bytes of SHA256(name || 0x0A || type || public key). */
struct p2p_key_id p2p_key_id_of(struct p2p_slice name, enum p2p_note_type type,
                                const uint8_t public_key[P2P_PUBLIC_BYTES]);

/* A verifier key: who, which algorithm, which key. The name is borrowed. */
struct p2p_vkey {
    struct p2p_slice name;
    enum p2p_note_type type;
    uint8_t public_key[P2P_PUBLIC_BYTES];
    struct p2p_key_id id;
};

#define P2P_VKEY_BYTES_MAX (255u + 64u)

void p2p_vkey_init(struct p2p_vkey *vkey, struct p2p_slice name, enum p2p_note_type type,
                   const uint8_t public_key[P2P_PUBLIC_BYTES]);
/* `name+hex(key id)+base64(type || public key)`, terminated; returns the length. */
size_t p2p_vkey_format(const struct p2p_vkey *vkey, char out[P2P_VKEY_BYTES_MAX]);
/* Borrows text; P2P_MALFORMED, P2P_BADKEY (inadmissible key, or an id that is not its own). */
P2P_MUST_CHECK enum p2p_err p2p_vkey_parse(struct p2p_vkey *vkey, struct p2p_slice text);
/* Not empty, no Unicode space, no '+', valid UTF-8. */
bool p2p_key_name_valid(struct p2p_slice name);

struct p2p_note_signature {
    struct p2p_slice name;
    struct p2p_key_id id;
    struct p2p_slice base64; /* as it stands in the line: key id and signature */
};

struct p2p_note {
    struct p2p_slice text; /* with its last LF: what the signatures cover */
    struct p2p_note_signature signatures[P2P_NOTE_SIGNATURES_MAX];
    size_t signature_count;
};

/* Borrows bytes. P2P_MALFORMED, P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_note_parse(struct p2p_note *note, struct p2p_slice bytes);

/* verdicts[i] of note->signatures[i]: index into keys of the key that made it, or -1 (unknown).
 * times[i] is the POSIX time of a cosignature, 0 otherwise. Both have signature_count entries
 * and may be NULL. P2P_BADSIG: a known key's signature is bad, or no signature is by a known
 * key. */
P2P_MUST_CHECK enum p2p_err p2p_note_verify(const struct p2p_note *note,
                                            const struct p2p_sigs *sigs,
                                            const struct p2p_vkey *keys, size_t key_count,
                                            int *verdicts, uint64_t *times);

#define P2P_COSIGNATURE_PREFIX_BYTES_MAX (20u + 20u + 1u)
/* What cosignature/v1 signs before the note's text: `cosignature/v1` LF `time <seconds>` LF.
 * Not terminated; returns the length. */
size_t p2p_cosignature_prefix(char out[P2P_COSIGNATURE_PREFIX_BYTES_MAX], uint64_t time_s);

/* Appends one signature line: `— name base64(id || signature)` LF. out has cap bytes and holds
 * len already; returns the new length, or 0 when it does not fit. */
size_t p2p_note_append_line(char *out, size_t cap, size_t len, struct p2p_slice name,
                            const struct p2p_key_id *id, struct p2p_slice signature);

#endif
