/* Frames: what two peers say to each other on one long-lived stream.
 *
 * A frame is a 32-bit length (of what follows), a type byte and a body of fixed big-endian
 * fields; see WIRE.md. Encoding stands beside decoding; decoding borrows and checks every
 * length before anything is believed. p2p_frame_split cuts frames out of a stream that arrives
 * in pieces without copying what is whole already. A frame is at most P2P_FRAME_BYTES_MAX
 * bytes; a longer one ends the session. */
#ifndef P2P_FRAME_H
#define P2P_FRAME_H

#include <p2p/alloc.h>
#include <p2p/charter.h>
#include <p2p/checkpoint.h>
#include <p2p/feed.h>
#include <p2p/overlay.h>
#include <p2p/tree.h>

#define P2P_FRAME_BYTES_MAX      (1792u * 1024u)
#define P2P_FRAME_HEADER_BYTES   5u
#define P2P_FRONTIER_ENTRIES_MAX P2P_FEEDS_MAX
#define P2P_ASK_PAYLOADS_MAX     1024u          /* indexes in one frame */
#define P2P_PAYLOADS_BYTES_MAX   (256u * 1024u) /* an answer as long as this tells no more */

/* X(NAME, number, word). */
#define P2P_FRAME_MAP(X)                                                                       \
    X(HELLO, 1, "hello")       /* who, which federation, whole frontier */                     \
    X(FRONTIER, 2, "frontier") /* (feed, size, root, witnessed size) that changed, or all */   \
    X(WANT, 3, "want")         /* send me feed from this index on */                           \
    X(RUN, 4, "run")           /* records up to a signed head */                               \
    X(ENTRY, 5, "entry")       /* one charter entry with its note */                           \
    X(COSIGN, 6, "cosign")     /* a witness's cosignature, or the owner's heartbeat */         \
    X(ACK, 7, "ack")           /* signed: held durably up to here */                           \
    X(DIGEST, 8, "digest")     /* of the whole frontier, to compare */                         \
    X(PROVE, 9, "prove")       /* show that this head extends that size */                     \
    X(PROOF, 10, "proof")      /* consistency hashes */                                        \
    X(FORK, 11, "fork")        /* proof of two histories */                                    \
    X(GAP, 12, "gap")          /* what was wanted cannot be sent from here, and why */         \
    X(PRUNE, 13, "prune")      /* these feeds come from elsewhere: only tell me of them */     \
    X(ASK_PAYLOADS, 14, "ask-payloads") /* of these records, whose leaves I hold */            \
    X(PAYLOADS, 15, "payloads")         /* those of them that the asker may have and I hold */ \
    X(NEIGHBOUR, 16, "neighbour")       /* of a partial view: asking, and the answer */        \
    X(WANT_LEAVES, 17, "want-leaves")   /* as want, also without payloads that you lack */     \
    X(LEASE_ASK, 18, "lease-ask")       /* of a witness: sign again what I have written */     \
    X(LEASE_ANSWER, 19, "lease-answer") /* signed, and what I hold */                          \
    X(GRAFT, 20, "graft")               /* these feeds come from nowhere: send me them */

enum p2p_frame_type {
#define P2P_FRAME_ENUM(name, number, word) P2P_FRAME_##name = (number),
    P2P_FRAME_MAP(P2P_FRAME_ENUM)
#undef P2P_FRAME_ENUM
};
/* "unknown" for a number without a name. */
const char *p2p_frame_word(uint8_t type);

struct p2p_frame {
    uint8_t type;
    struct p2p_slice body;
};

/* ---- cutting a stream ---- */

struct p2p_frame_split {
    const struct p2p_alloc *alloc;
    uint8_t *part; /* an unfinished frame */
    size_t part_len;
    size_t part_cap;
};
void p2p_frame_split_init(struct p2p_frame_split *split, const struct p2p_alloc *alloc);
void p2p_frame_split_deinit(struct p2p_frame_split *split);
/* Takes from *bytes; true when a frame is whole: it borrows from *bytes or from split until the
 * next call. False when *bytes is used up, or *err says P2P_TOOLARGE, P2P_MALFORMED or
 * P2P_NOMEM. */
bool p2p_frame_split_next(struct p2p_frame_split *split, struct p2p_slice *bytes,
                          struct p2p_frame *frame, enum p2p_err *err);

/* ---- bodies ---- */

struct p2p_frontier_entry {
    uint32_t feed;
    uint64_t size;
    struct p2p_hash root;
    uint64_t witnessed;
};

#define P2P_WIRE_VERSION 1u
struct p2p_hello {
    uint16_t version;
    struct p2p_hash federation_id;
    uint32_t member;
    struct p2p_slice entries; /* packed frontier entries, ascending by feed */
};
struct p2p_frontier_body {
    bool whole; /* all feeds of the sender, not only what changed */
    struct p2p_slice entries;
};
#define P2P_FRONTIER_ENTRY_BYTES (4u + 8u + P2P_HASH_BYTES + 8u)
size_t p2p_frontier_entry_count(struct p2p_slice entries);
void p2p_frontier_entry_at(struct p2p_slice entries, size_t i, struct p2p_frontier_entry *out);

struct p2p_want {
    uint32_t feed;
    uint64_t from;
    bool leaves; /* write: as want-leaves; reading leaves it false */
};

/* What the asker has of a feed. */
struct p2p_graft_entry {
    uint32_t feed;
    uint64_t size;
    uint64_t witnessed; /* of its newest quorum */
    uint64_t heard_s;   /* what its newest heartbeat signs, POSIX seconds; 0: none */
};
#define P2P_GRAFT_ENTRY_BYTES 28u
size_t p2p_graft_count(struct p2p_slice entries);
void p2p_graft_at(struct p2p_slice entries, size_t i, struct p2p_graft_entry *out);

size_t p2p_prune_count(struct p2p_slice feeds);
uint32_t p2p_prune_at(struct p2p_slice feeds, size_t i);

struct p2p_run {
    uint32_t feed;
    uint64_t first;
    struct p2p_tree_head head; /* head.size == first + count */
    uint32_t count;
    struct p2p_slice records; /* (u16 length, leaf, u16 length, salt and payload)* */
};
/* Walks the records of a run; false at the end or when the bytes do not fit (*err). */
struct p2p_run_walk {
    struct p2p_reader in;
    uint32_t left;
};
void p2p_run_begin(struct p2p_run_walk *walk, const struct p2p_run *run);
bool p2p_run_next(struct p2p_run_walk *walk, struct p2p_slice *leaf, struct p2p_slice *salted,
                  enum p2p_err *err);

struct p2p_entry_body {
    uint64_t index;
    struct p2p_slice leaf;
    struct p2p_slice note;
};

struct p2p_cosign_body {
    uint32_t feed;
    uint64_t size;
    struct p2p_hash root;
    uint32_t witness; /* member number; the feed's owner: a heartbeat */
    struct p2p_cosignature cosignature;
};

/* The asker's newest checkpoint, of its own feed. */
struct p2p_lease_ask {
    uint32_t feed;
    uint64_t size;
    struct p2p_hash root;
    struct p2p_hash nonce;
};

struct p2p_lease_answer {
    struct p2p_hash nonce;       /* the asker's */
    struct p2p_cosign_body sign; /* of that checkpoint, or of a later one of that feed */
    uint64_t charter;            /* size held by the witness */
    uint64_t held;               /* likewise of the feed asked about */
};

struct p2p_ack {
    uint32_t feed;
    uint64_t size;
    struct p2p_signature signature; /* feed key of the sender, over use "ack": see WIRE.md */
};

struct p2p_prove {
    uint32_t feed;
    uint64_t old_size;
    uint64_t new_size;
};

struct p2p_proof_body {
    uint32_t feed;
    uint64_t old_size;
    uint64_t new_size;
    struct p2p_hash old_root; /* of the sender's tree at old_size */
    struct p2p_proof proof;
};

struct p2p_gap {
    uint32_t feed;
    uint64_t at;
    uint8_t err; /* -enum p2p_err */
};

struct p2p_ask_payloads {
    uint32_t feed;
    struct p2p_slice indexes; /* u64 each, ascending, 1 to P2P_ASK_PAYLOADS_MAX */
};
size_t p2p_ask_payloads_count(const struct p2p_ask_payloads *ask);
uint64_t p2p_ask_payloads_at(const struct p2p_ask_payloads *ask, size_t i);

/* Tells of the records asked for in their order, from the first on, and perhaps not of the
 * last: those are asked for again. */
struct p2p_payloads_body {
    uint32_t feed;
    struct p2p_slice items; /* (index u64, u16 length, salt and payload)*, at least one */
};
struct p2p_payloads_walk {
    struct p2p_reader in;
};
void p2p_payloads_begin(struct p2p_payloads_walk *walk, const struct p2p_payloads_body *body);
/* salted: empty where the sender has none for who asked. */
bool p2p_payloads_next(struct p2p_payloads_walk *walk, uint64_t *index,
                       struct p2p_slice *salted);

/* ---- encoding: each appends one whole frame; one that does not fit fails the writer ---- */

/* Begins a frame and gives where it began; end fills in the length. */
size_t p2p_frame_begin(struct p2p_writer *out, enum p2p_frame_type type);
void p2p_frame_end(struct p2p_writer *out, size_t begin);

void p2p_hello_write(struct p2p_writer *out, const struct p2p_hash *federation_id,
                     uint32_t member, const struct p2p_frontier_entry *entries, size_t count);
void p2p_frontier_write(struct p2p_writer *out, bool whole,
                        const struct p2p_frontier_entry *entries, size_t count);
void p2p_want_write(struct p2p_writer *out, const struct p2p_want *want);
/* The header of a run; the records follow with p2p_run_record_write, then p2p_frame_end. */
size_t p2p_run_begin_write(struct p2p_writer *out, uint32_t feed, uint64_t first,
                           uint32_t count, const struct p2p_tree_head *head);
void p2p_run_record_write(struct p2p_writer *out, struct p2p_slice leaf,
                          struct p2p_slice salted);
void p2p_entry_write(struct p2p_writer *out, const struct p2p_entry_body *entry);
void p2p_cosign_write(struct p2p_writer *out, const struct p2p_cosign_body *cosign);
void p2p_lease_ask_write(struct p2p_writer *out, const struct p2p_lease_ask *ask);
void p2p_lease_answer_write(struct p2p_writer *out, const struct p2p_lease_answer *answer);
void p2p_ack_write(struct p2p_writer *out, const struct p2p_ack *ack);
void p2p_digest_write(struct p2p_writer *out, const struct p2p_hash *digest);
void p2p_prove_write(struct p2p_writer *out, const struct p2p_prove *prove);
void p2p_proof_write(struct p2p_writer *out, const struct p2p_proof_body *proof);
void p2p_fork_write(struct p2p_writer *out, struct p2p_slice proof);
void p2p_gap_write(struct p2p_writer *out, const struct p2p_gap *gap);
/* feeds: count > 0 of them, ascending. */
void p2p_prune_write(struct p2p_writer *out, const uint32_t *feeds, size_t count);
/* entries: count > 0 of them, ascending by feed. */
void p2p_graft_write(struct p2p_writer *out, const struct p2p_graft_entry *entries,
                     size_t count);
void p2p_neighbour_write(struct p2p_writer *out, enum p2p_neighbour_word word);
void p2p_ask_payloads_write(struct p2p_writer *out, uint32_t feed, const uint64_t *indexes,
                            size_t count);
/* The header of an answer; items follow with p2p_payload_write, then p2p_frame_end. */
size_t p2p_payloads_begin_write(struct p2p_writer *out, uint32_t feed);
void p2p_payload_write(struct p2p_writer *out, uint64_t index, struct p2p_slice salted);

/* ---- decoding: P2P_MALFORMED, P2P_TOOLARGE, out untouched; else it borrows from body ---- */

P2P_MUST_CHECK enum p2p_err p2p_hello_read(struct p2p_hello *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_frontier_read(struct p2p_frontier_body *out,
                                              struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_want_read(struct p2p_want *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_run_read(struct p2p_run *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_entry_read(struct p2p_entry_body *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_cosign_read(struct p2p_cosign_body *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_lease_ask_read(struct p2p_lease_ask *out,
                                               struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_lease_answer_read(struct p2p_lease_answer *out,
                                                  struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_ack_read(struct p2p_ack *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_digest_read(struct p2p_hash *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_prove_read(struct p2p_prove *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_proof_read(struct p2p_proof_body *out, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_gap_read(struct p2p_gap *out, struct p2p_slice body);
/* feeds, entries [out]: borrowed from the body; p2p_prune_at, p2p_graft_at read them. */
P2P_MUST_CHECK enum p2p_err p2p_prune_read(struct p2p_slice *feeds, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_graft_read(struct p2p_slice *entries, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_neighbour_read(enum p2p_neighbour_word *word,
                                               struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_ask_payloads_read(struct p2p_ask_payloads *out,
                                                  struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_payloads_read(struct p2p_payloads_body *out,
                                              struct p2p_slice body);

#endif
