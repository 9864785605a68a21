/* federation.json: the whole charter in one file that proves itself, and the trust file.
 *
 *     {"federation": name, "federation_id": hex,
 *      "entries": [{"record": base64, "checkpoint": note}, ...],
 *      "rival": {"index": n, "entries": [...]}}            only while there are two heads
 *
 * Reading verifies every entry as p2p_charter_apply does; what the file says of itself (name,
 * id) must agree with its entries. Whoever knows the federation's id passes it and takes the
 * file from anywhere. The trust file is a tlog-policy: the charter's key, its roots as
 * witnesses, their threshold. Messages are one sentence that names the file and what to do. Any
 * thread. */
#ifndef P2P_BUNDLE_H
#define P2P_BUNDLE_H

#include <p2p/charter.h>
#include <p2p/file.h>

#define P2P_BUNDLE_BYTES_MAX ((size_t)256 << 20)

/* federation_id NULL: whichever it is; the caller shows it to people. P2P_NOTFOUND,
 * P2P_TOOLARGE, P2P_MALFORMED, P2P_MISMATCH (another federation), what p2p_charter_apply
 * refuses, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_bundle_read(struct p2p_charter **out, const char *path,
                                            const struct p2p_hash *federation_id, char *message,
                                            size_t message_cap);
/* The same from memory; name is the file's in messages. */
P2P_MUST_CHECK enum p2p_err p2p_bundle_parse(struct p2p_charter **out, const char *name,
                                             struct p2p_slice json,
                                             const struct p2p_hash *federation_id,
                                             char *message, size_t message_cap);
/* JSON text, terminated; the caller frees. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_bundle_format(const struct p2p_charter *charter, char **out,
                                              size_t *len);
/* Replaces the file as a whole, mode 0644. P2P_FULL, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_bundle_write(const struct p2p_charter *charter,
                                             const char *path, char *message,
                                             size_t message_cap);

#define P2P_TRUST_BYTES_MAX 8192u
/* `log`, `witness root-1 ...`, `group roots k ...`, `quorum roots`; terminated, returns the
 * length. */
size_t p2p_trust_format(const struct p2p_charter *charter, char out[P2P_TRUST_BYTES_MAX]);
P2P_MUST_CHECK enum p2p_err p2p_trust_write(const struct p2p_charter *charter, const char *path,
                                            char *message, size_t message_cap);

#endif
