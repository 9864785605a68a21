/* A record: one leaf of a feed, in canonical MessagePack.
 *
 *     [version, kind, time, circle, issuer, issuer_seq, cites, body, signature]
 *
 * body is nil, or the 32-byte commitment to a private payload, or, for the public kinds whose
 * content everybody needs to judge other records (charter, address, seen, fork, note), that
 * content itself as a map. signature is nil (issuer 0) or the issuer's, over the same record
 * with nil in its place. Decoding borrows; the leaf's bytes are what is hashed and verified,
 * never a re-encoding. */
#ifndef P2P_RECORD_H
#define P2P_RECORD_H

#include <p2p/hash.h>
#include <p2p/key.h>
#include <p2p/sigs.h>
#include <p2p/wire.h>

#define P2P_RECORD_VERSION    1u
#define P2P_RECORD_BYTES_MAX  60000u
#define P2P_PAYLOAD_BYTES_MAX 60000u
#define P2P_CITES_MAX         1024u
#define P2P_SALT_BYTES        32u
/* The body's room in a record that carries its content. */
#define P2P_BODY_BYTES_MAX (P2P_RECORD_BYTES_MAX - 256u)

/* A record's place: feed number in the charter, index from 0. */
struct p2p_record_id {
    uint32_t feed;
    uint64_t index;
};

/* By feed, then index: below, at or above 0, as memcmp. */
int p2p_record_id_compare(const struct p2p_record_id *a, const struct p2p_record_id *b);

enum p2p_body { P2P_BODY_NONE, P2P_BODY_COMMITMENT, P2P_BODY_PUBLIC };

struct p2p_record {
    uint32_t kind;
    uint64_t time_ms; /* POSIX milliseconds, the author's clock, for people */
    uint32_t circle;  /* charter number; 0: everybody */
    uint32_t issuer;  /* charter number; 0: the node itself */
    uint64_t issuer_seq;
    struct p2p_slice cites; /* encoded array of [feed, index] */
    uint32_t cite_count;
    enum p2p_body body_type;
    struct p2p_hash commitment; /* body_type COMMITMENT */
    struct p2p_slice content;   /* body_type PUBLIC: an encoded map */
    const uint8_t *signature;   /* 64 bytes inside leaf, or NULL */
    struct p2p_slice leaf;      /* all of it */
};

/* Checks canonical form, shape and bounds; borrows leaf. Unknown kinds decode.
 * P2P_TOOLARGE, P2P_MALFORMED, P2P_TRUNCATED. */
P2P_MUST_CHECK enum p2p_err p2p_record_decode(struct p2p_record *record, struct p2p_slice leaf);
/* The same for a leaf that was let in before, as the store gives it back: does not prove
 * canonical form again. P2P_MALFORMED when it is no record. */
P2P_MUST_CHECK enum p2p_err p2p_record_peek(struct p2p_record *record, struct p2p_slice leaf);
/* Of such a leaf only kind and circle, whatever stands behind them. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_record_peek_kind(struct p2p_slice leaf, uint32_t *kind,
                                                 uint32_t *circle);
/* cites[i] of a decoded record; i < cite_count. Walk with p2p_cites_begin/next for many. */
struct p2p_cites {
    struct p2p_unpack in;
    uint32_t left;
};
void p2p_cites_begin(struct p2p_cites *walk, const struct p2p_record *record);
bool p2p_cites_next(struct p2p_cites *walk, struct p2p_record_id *cite);
/* How many cites of a decoded record stand before the first of that one; cite_count: none. */
uint32_t p2p_cites_before(const struct p2p_record *record, const struct p2p_record_id *id);

/* What an author gives; everything borrowed. */
struct p2p_draft {
    uint32_t kind;
    uint64_t time_ms;
    uint32_t circle;
    uint32_t issuer;
    uint64_t issuer_seq;
    const struct p2p_record_id *cites;
    size_t cite_count;
    struct p2p_slice content; /* a public kind's map; empty when private */
    struct p2p_slice payload; /* a private kind's payload; empty when public or none */
    uint8_t salt[P2P_SALT_BYTES];
};

/* Encodes the leaf with a nil signature into out. P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_record_encode(const struct p2p_draft *draft,
                                              struct p2p_slice origin, struct p2p_pack *out);
/* The head of a leaf is all of it but its last element, the signature or the nil in its place.
 */
struct p2p_slice p2p_record_head(const struct p2p_record *record);
/* out gets the signed leaf: head and signature. */
P2P_MUST_CHECK enum p2p_err p2p_record_attach(struct p2p_slice head,
                                              const struct p2p_signature *signature,
                                              struct p2p_pack *out);
/* The bytes an issuer signs: prefix "record" and origin, then the leaf with nil for its
 * signature. Returns the length; P2P_SIGNED_BYTES_MAX always suffices. */
#define P2P_SIGNED_BYTES_MAX (P2P_PREFIX_BYTES_MAX + P2P_RECORD_BYTES_MAX)
size_t p2p_record_signed_bytes(uint8_t *out, struct p2p_slice head, struct p2p_slice origin);
/* SHA256(prefix "payload" and origin || circle u32 || kind u32 || issuer u32 || issuer_seq u64
 * || salt || payload). */
struct p2p_hash p2p_commitment_of(struct p2p_slice origin, uint32_t circle, uint32_t kind,
                                  uint32_t issuer, uint64_t issuer_seq,
                                  const uint8_t salt[P2P_SALT_BYTES], struct p2p_slice payload);
/* salted = salt || payload, as payloads are stored and sent. P2P_COMMITMENT, P2P_MALFORMED
 * (payload not canonical), P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_record_open(const struct p2p_record *record,
                                            struct p2p_slice origin, struct p2p_slice salted,
                                            struct p2p_slice *payload);

#endif
