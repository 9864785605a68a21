/* A new member's node directory, and what it asks the federation: join.json.
 *
 * DIR gets keys/{kdf,feed,witness,transport,sealing}.key, keys/circles/ with the key of the
 * member's own circle, people.crt, people.key, config.yaml,
 * federation.json, store/, the first checkpoint copy, and join.json:
 *
 *     {"federation", "federation_id", "member", "locode", "role",
 *      "feed", "witness", "transport", "sealing": base64 public keys,
 *      "circle": base64 hash of the key of the member's own circle,
 *      "proofs": {"feed", "witness", "transport": base64 signatures}}
 *
 * Each signing key signs prefix "join" and origin, then the federation id and a map of the
 * fields: who asks holds the keys, for this federation and name. The store itself is filled by
 * the caller's callback, after everything else stands. Not on the loop's thread. */
#ifndef P2P_MEMBER_INIT_H
#define P2P_MEMBER_INIT_H

#include <p2p/charter.h>
#include <p2p/config.h>
#include <p2p/keydir.h>

struct p2p_join {
    char federation[P2P_FEDERATION_BYTES_MAX + 1];
    struct p2p_hash federation_id;
    char member[P2P_NAME_BYTES_MAX + 1];
    char locode[6];
    enum p2p_role role;
    struct p2p_feed_public feed_key;
    struct p2p_witness_public witness_key;
    struct p2p_transport_public transport_key;
    struct p2p_sealing_public sealing_key;
    struct p2p_hash circle; /* of the key of its own circle, epoch 1 */
    struct p2p_signature feed_proof;
    struct p2p_signature witness_proof;
    struct p2p_signature transport_proof;
};

/* P2P_NOTFOUND, P2P_MALFORMED, P2P_BADKEY, P2P_BADSIG (a proof does not fit its key), P2P_IO.
 */
P2P_MUST_CHECK enum p2p_err p2p_join_read(struct p2p_join *join, const char *path,
                                          char *message, size_t message_cap);
P2P_MUST_CHECK enum p2p_err p2p_join_write(const struct p2p_join *join, const char *path,
                                           char *message, size_t message_cap);

/* Makes the member's store in dir (DIR/store is there and empty). Errors end the init. */
struct p2p_member_store {
    enum p2p_err (*make)(void *context, const char *dir, const char *member,
                         const struct p2p_charter *charter, char *message, size_t message_cap);
    void *context;
};

/* Draws a member's four keys and that of its own circle into DIR/keys (made; cost and
 * passphrase as given) and fills the public half of join, unsigned. keydir stays open for
 * issuers' keys; the caller deinits it. */
P2P_MUST_CHECK enum p2p_err
p2p_member_keys_make(const char *dir, const char *member, enum p2p_kdf_cost cost,
                     struct p2p_slice passphrase, struct p2p_keydir *keydir,
                     struct p2p_join *join, char *message, size_t message_cap);
/* Everything else of a node directory, once its keys stand: people.crt and people.key for these
 * hosts, config.yaml, store/, and the copy of an empty feed where config says. */
struct p2p_member_files {
    const char *dir;
    const struct p2p_config *config; /* copy is relative to dir */
    const char *const *hosts;
    size_t host_count;
    uint64_t now_ms;
};
P2P_MUST_CHECK enum p2p_err p2p_member_files_make(const struct p2p_member_files *files,
                                                  struct p2p_keydir *keydir, char *message,
                                                  size_t message_cap);

struct p2p_member_init {
    const char *dir;        /* made when absent; holds no node yet */
    const char *federation; /* path of federation.json */
    const char *name;
    const char *locode; /* NULL: none */
    enum p2p_role role;
    enum p2p_kdf_cost cost;
    struct p2p_slice passphrase;
    uint64_t now_ms;
    struct p2p_member_store store; /* make NULL: left empty */
};
/* P2P_USAGE (a node is there already, or a name is not one), and whatever files and keys say.
 */
P2P_MUST_CHECK enum p2p_err p2p_member_init(const struct p2p_member_init *options,
                                            char *message, size_t message_cap);

#endif
