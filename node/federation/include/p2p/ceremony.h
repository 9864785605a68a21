/* The ceremony directory: what the roots of a federation keep.
 *
 *     kdf                          opens every key here
 *     charter.key                  the charter's log key
 *     root-1.key, root-2.key, ...  root keys; each may go to a city of its own, with a copy of
 * kdf root-1.key.signed            what that root cosigned: one root hash for each size
 *
 * No circle's key is ever here: members draw them and pass them on. The directory stands beside
 * the first --root-key. Nothing here is needed by a node, and nobody keeps it online. Messages
 * are one sentence that says what to do. Any thread, one at a time. */
#ifndef P2P_CEREMONY_H
#define P2P_CEREMONY_H

#include <p2p/change.h>
#include <p2p/keydir.h>

struct p2p_ceremony {
    struct p2p_keydir keydir;
};

/* Makes dir with a kdf of this cost when missing, and derives from the
 * passphrase. */
P2P_MUST_CHECK enum p2p_err p2p_ceremony_create(struct p2p_ceremony *ceremony, const char *dir,
                                                enum p2p_kdf_cost cost,
                                                struct p2p_slice passphrase, char *message,
                                                size_t message_cap);
/* passphrase: the empty one is tried anyway. P2P_NOTFOUND, P2P_MALFORMED, P2P_NOMEM, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_ceremony_open(struct p2p_ceremony *ceremony, const char *dir,
                                              struct p2p_slice passphrase, char *message,
                                              size_t message_cap);
/* The one beside a root key's file. */
P2P_MUST_CHECK enum p2p_err p2p_ceremony_open_beside(struct p2p_ceremony *ceremony,
                                                     const char *root_key,
                                                     struct p2p_slice passphrase, char *message,
                                                     size_t message_cap);
void p2p_ceremony_close(struct p2p_ceremony *ceremony); /* wipes; accepts a zeroed object */

P2P_MUST_CHECK enum p2p_err p2p_ceremony_log_make(struct p2p_ceremony *ceremony,
                                                  struct p2p_charter_public *out, char *message,
                                                  size_t message_cap);
/* The caller wipes with p2p_charter_secret_deinit. Errors are p2p_keydir_load's. */
P2P_MUST_CHECK enum p2p_err p2p_ceremony_log_key(struct p2p_ceremony *ceremony,
                                                 struct p2p_charter_secret *out, char *message,
                                                 size_t message_cap);
/* root-<number>.key */
P2P_MUST_CHECK enum p2p_err p2p_ceremony_root_make(struct p2p_ceremony *ceremony,
                                                   uint32_t number, struct p2p_root_public *out,
                                                   char *message, size_t message_cap);
/* `federation new`: dir/federation.json, dir/trust, dir/roots/... with one entry that every
 * root of the new federation cosigned. */
struct p2p_federation_new {
    const char *name;
    const char *dir; /* absent or empty */
    uint32_t roots;
    uint32_t threshold;
    enum p2p_kdf_cost cost;
    struct p2p_slice passphrase; /* of the root keys and the log key */
    uint64_t now_ms;
};
P2P_MUST_CHECK enum p2p_err p2p_federation_create(const struct p2p_federation_new *options,
                                                  struct p2p_charter **out, char *message,
                                                  size_t message_cap);
/* P2P_USAGE unless dir is absent (then it is made) or empty. */
P2P_MUST_CHECK enum p2p_err p2p_federation_dir(const char *dir, char *message,
                                               size_t message_cap);
/* Draws the log key and `count` root keys in a new ceremony directory and packs the founding
 * op. */
P2P_MUST_CHECK enum p2p_err p2p_ceremony_found(struct p2p_ceremony *ceremony, const char *name,
                                               uint32_t count, uint32_t threshold,
                                               struct p2p_change *change, char *message,
                                               size_t message_cap);

#endif
