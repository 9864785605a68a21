/* Subjects: who or what a ban, a check or a right is about, written `type:value`.
 *
 * A table of types says which stand in clear (ships, containers, companies) and which only as
 * tokens (persons, cards, documents, plates), which identify weakly, and how a value is brought
 * into its normal form. Check digits are verified and flagged, never a reason to drop. On the
 * wire a subject is [type, value] with value a string (clear) or [epoch, 16-byte token].
 * Sources: IMO Resolution A.1117(30) (ship numbers), container.h (containers), Belgian national
 * number (modulo 97), Belgian enterprise number (modulo 97). */
#ifndef P2P_SUBJECT_H
#define P2P_SUBJECT_H

#include <p2p/token.h>
#include <p2p/wire.h>

#define P2P_SUBJECT_BYTES_MAX 128u /* of `type:value` */
#define P2P_SUBJECTS_MAX      16u  /* in one record or check */

struct p2p_subject_type {
    const char *word;
    bool clear;         /* stands in clear in payloads and views */
    bool weak;          /* a match alone identifies nobody: the answer is `possible` */
    const char *effect; /* what a ban on it has by default: "enter" or "call" */
    /* Normal form of value into out[P2P_SUBJECT_BYTES_MAX], terminated; false when it has none.
     */
    bool (*normalise)(struct p2p_slice value, char *out);
    /* Whether a check digit fits the normal form; NULL: the type has none. */
    bool (*check)(const char *normal);
};

struct p2p_subject {
    const struct p2p_subject_type *type;
    char value[P2P_SUBJECT_BYTES_MAX]; /* normal form */
    bool check_ok;                     /* false: a check digit is wrong */
};

const struct p2p_subject_type *p2p_subject_type_named(struct p2p_slice word);
const struct p2p_subject_type *p2p_subject_types(size_t *count);
/* Reads `type:value`. P2P_UNKNOWN (no such type), P2P_MALFORMED (empty, control characters),
 * P2P_TOOLARGE. A wrong check digit is no error. */
P2P_MUST_CHECK enum p2p_err p2p_subject_parse(struct p2p_subject *out, struct p2p_slice text);

/* The form in which a subject is looked for: type, NUL-free, then value or epoch and token. */
#define P2P_SUBJECT_KEY_BYTES_MAX 192u
struct p2p_subject_key {
    uint8_t bytes[P2P_SUBJECT_KEY_BYTES_MAX];
    size_t len;
};
void p2p_subject_key_clear(struct p2p_subject_key *key, const char *type,
                           struct p2p_slice value);
void p2p_subject_key_token(struct p2p_subject_key *key, const char *type, uint32_t epoch,
                           const struct p2p_token *token);
struct p2p_token p2p_subject_token(const struct p2p_subject *subject,
                                   const struct p2p_circle_key *key, uint32_t epoch);

/* Packs [type, value], by the circle's key where the type is not clear. */
void p2p_subject_pack(struct p2p_pack *pack, const struct p2p_subject *subject,
                      const struct p2p_circle_key *key, uint32_t epoch);
/* Reads one packed subject and gives its key; false when its shape is wrong, which includes a
 * known type in clear that is due as a token, or the reverse, and a value that is not in its
 * normal form: no gate would ever find it. */
bool p2p_subject_unpack(struct p2p_unpack *in, struct p2p_subject_key *key);
/* Prints a packed subject for people: `imo:9179842` or `card:token:<circle>/<epoch>:<16
 * hex>`; moves past it. Control characters become '?'. out has P2P_SUBJECT_BYTES_MAX + 64
 * bytes. False when its shape is wrong. */
bool p2p_subject_print(struct p2p_unpack *in, const char *circle, char *out, size_t cap);

#endif
