/* Proofs as files: UTF-8 lines that end in LF, hashes and leaves in base64, signed heads as
 * notes. Private to replication/; the two formats are in WIRE.md. */
#ifndef P2P_PROOF_TEXT_H
#define P2P_PROOF_TEXT_H

#include <p2p/feed.h>

/* Writes bytes in base64 and a LF at `at`; returns the new length. They must fit into cap. */
size_t p2p_proof_line(char *out, size_t at, size_t cap, struct p2p_slice bytes);
/* Writes a head as a note with the log's line alone; returns the new length. */
size_t p2p_proof_note(char *out, size_t at, size_t cap, struct p2p_slice origin,
                      const struct p2p_tree_head *head, const struct p2p_feed_public *key);

/* Cuts a line, without its LF, off the text; false at the end. */
bool p2p_proof_next_line(struct p2p_slice *text, struct p2p_slice *line);
/* What follows `word` and a space in the next line. */
bool p2p_proof_next_value(struct p2p_slice *text, const char *word, struct p2p_slice *value);
/* Hashes, a line each, up to an empty line. P2P_MALFORMED, P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_proof_next_hashes(struct p2p_slice *text,
                                                  struct p2p_proof *out);
/* A whole note: the head it is over, with the log's own signature; other lines are skipped, as
 * in every note. Verifies nothing; borrows origin. P2P_MALFORMED, P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_proof_head(struct p2p_slice text, struct p2p_slice *origin,
                                           struct p2p_tree_head *head);

#endif
