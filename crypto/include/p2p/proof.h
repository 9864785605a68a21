/* Proofs of one record as text (c2sp.org/tlog-proof@v1): a record's place in a tree, the hashes
 * that lead from it to the root, and the checkpoint that says so.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>          optional; here always the record's own bytes, see below
 *     index <n>
 *     <base64 of a hash>      nearest sibling first, a line each
 *
 *     <the checkpoint, a signed note>
 *
 * The format leaves open where the record's bytes come from and what `extra` holds. A receipt
 * (node/audit) has to stand alone, so its `extra` is the record: whoever has the file has
 * everything but the keys. Parsing borrows, checks the form strictly (one spelling for each
 * proof) and verifies nothing. No I/O, any thread. */
#ifndef P2P_PROOF_H
#define P2P_PROOF_H

#include <p2p/note.h>
#include <p2p/tree.h>

#define P2P_TLOG_PROOF_EXTRA_BYTES_MAX 65535u /* a record of a tile's bundle has no more */
/* Header, extra, index, hashes, the empty line, the note. */
#define P2P_TLOG_PROOF_BYTES_MAX                                                               \
    (128u + (P2P_TLOG_PROOF_EXTRA_BYTES_MAX + 2u) / 3u * 4u + P2P_PROOF_HASHES_MAX * 45u +     \
     P2P_NOTE_BYTES_MAX)

struct p2p_tlog_proof {
    struct p2p_slice extra_base64; /* as it stands in the line; empty: there is none */
    uint64_t index;
    struct p2p_proof path;
    struct p2p_slice note;
};

/* Borrows bytes. P2P_MALFORMED; P2P_TOOLARGE: beyond the bounds above, or more hashes than a
 * tree has levels. The note's own form is for p2p_note_parse. */
P2P_MUST_CHECK enum p2p_err p2p_tlog_proof_parse(struct p2p_tlog_proof *proof,
                                                 struct p2p_slice bytes);
/* Writes the text, not terminated, into out of cap bytes; extra: raw bytes, empty for none.
 * Returns the length, 0 when it does not fit. */
size_t p2p_tlog_proof_format(struct p2p_slice extra, uint64_t index,
                             const struct p2p_proof *path, struct p2p_slice note, char *out,
                             size_t cap);

#endif
