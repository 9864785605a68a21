/* A directory of key files that share one `kdf` file: a node's keys/, or wherever root keys
 * lie.
 *
 * Layout of a node's: kdf, {feed,witness,transport,sealing}.key, {feed,witness}-G.key of a
 * generation G above the first, issuers/NAME.key, and
 * circles/HASH.key, HASH in hex being what the charter holds of that circle key. Formats and
 * cryptography are those of p2p/keyfile.h; this noun does the files, the random seeds and
 * salts, and the words for people. One Argon2id derivation per passphrase and directory opens
 * all its files: derived keys are held in struct p2p_keydir, which is the caller's, until
 * deinit wipes them. The empty passphrase is tried before a given one. Files are 0600,
 * directories 0700, each written whole and synced. Deriving takes 0.9 s at P2P_KDF_MODERATE:
 * not on the loop's thread. One thread at a time. Messages are one sentence that names the file
 * and what to do. */
#ifndef P2P_KEYDIR_H
#define P2P_KEYDIR_H

#include <p2p/file.h>
#include <p2p/keyfile.h>

#define P2P_KEYDIR_KEYS_MAX      1024u
#define P2P_PASSPHRASE_BYTES_MAX 1024u

struct p2p_keydir {
    char dir[P2P_PATH_BYTES_MAX];
    struct p2p_kdf kdf;
    struct p2p_unlock_key empty; /* derived from the empty passphrase */
    struct p2p_unlock_key given; /* derived from the one passed to p2p_keydir_unlock */
    bool has_empty;
    bool has_given;
};

/* One opened key. The caller wipes it with p2p_wipe. */
struct p2p_keydir_key {
    enum p2p_key_purpose purpose;
    char name[P2P_KEY_NAME_BYTES_MAX + 1];
    uint8_t public_key[P2P_PUBLIC_BYTES];
    uint8_t seed[P2P_SEED_BYTES];
};

/* Reads dir/kdf; derives nothing yet. P2P_NOTFOUND, P2P_MALFORMED, P2P_TOOLARGE, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_init(struct p2p_keydir *keydir, const char *dir,
                                            char *message, size_t message_cap);
/* The same, but makes dir and a kdf file of this cost first when there is none. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_create(struct p2p_keydir *keydir, const char *dir,
                                              enum p2p_kdf_cost cost, char *message,
                                              size_t message_cap);
void p2p_keydir_deinit(struct p2p_keydir *keydir); /* wipes; accepts a zeroed object */

/* Derives from a passphrase and holds the result for load and make, in place of an earlier one;
 * an empty one goes to `empty`. Does not say whether it is the right one. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_unlock(struct p2p_keydir *keydir,
                                              struct p2p_slice passphrase, char *message,
                                              size_t message_cap);
/* Reads a passphrase file: its first line without the line end. The caller wipes out.
 * P2P_NOTFOUND, P2P_TOOLARGE, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_passphrase_read(const char *path,
                                                char out[P2P_PASSPHRASE_BYTES_MAX], size_t *len,
                                                char *message, size_t message_cap);

/* The place of a node's key inside its directory: "feed.key", "issuers/beanr-pso.key",
 * "circles/0f3a...key". Name is used for issuers and for circles (the hash, 64 hex digits) only
 * and is [a-z0-9-]{1,64}; P2P_USAGE. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_file(char out[P2P_PATH_BYTES_MAX],
                                            enum p2p_key_purpose purpose, const char *name);
/* Beside the keys of a generation above the first, durably: something that they signed is about
 * to leave. P2P_FULL, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_mark_used(const struct p2p_keydir *keydir,
                                                 uint32_t generation, char *message,
                                                 size_t message_cap);
/* Also when that cannot be looked up: whoever asks is to begin nothing then. */
bool p2p_keydir_is_used(const struct p2p_keydir *keydir, uint32_t generation);
/* That of a feed or witness key of a generation above the first: "feed-2.key". */
void p2p_keydir_generation_file(char out[P2P_PATH_BYTES_MAX], enum p2p_key_purpose purpose,
                                uint32_t generation);
/* Node keys made of a fresh random seed under the passphrase last unlocked (none: the empty
 * one) in `file`, relative to the directory, e.g. "root-1.key". out may be NULL. P2P_USAGE when
 * the file exists, P2P_FULL, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_make(struct p2p_keydir *keydir, const char *file,
                                            enum p2p_key_purpose purpose, const char *name,
                                            struct p2p_keydir_key *out, char *message,
                                            size_t message_cap);
/* Draws a key for a circle into circles/HASH.key, durably, under the passphrase last unlocked
 * (none: the empty one). hash [out]: what the charter is to hold of it. P2P_USAGE (no name),
 * P2P_FULL, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_draw(struct p2p_keydir *keydir, const char *circle,
                                            uint8_t hash[P2P_PUBLIC_BYTES], char *message,
                                            size_t message_cap);
/* Opens `file`, checking that it holds a key of this purpose and, unless NULL, this name. out
 * is untouched on error. Errors: P2P_NOTFOUND, P2P_LOCKED (another passphrase than the empty
 * one is needed and none was given), P2P_PASSPHRASE (given and wrong, or the file is damaged),
 * P2P_MALFORMED, P2P_BADKEY (another purpose or name), P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_load(struct p2p_keydir *keydir, const char *file,
                                            enum p2p_key_purpose purpose, const char *name,
                                            struct p2p_keydir_key *out, char *message,
                                            size_t message_cap);

/* What a key file says without a passphrase (unauthenticated until it is opened). */
struct p2p_keydir_entry {
    char file[P2P_PATH_BYTES_MAX]; /* relative to the directory */
    enum p2p_err err;              /* P2P_OK, or why the rest is empty */
    enum p2p_key_purpose purpose;
    char name[P2P_KEY_NAME_BYTES_MAX + 1];
    uint8_t public_key[P2P_PUBLIC_BYTES];
};

/* All *.key files of the directory and its issuers/, sorted by file; the caller frees *out.
 * P2P_TOOLARGE beyond P2P_KEYDIR_KEYS_MAX, P2P_NOTFOUND, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_keydir_list(const struct p2p_keydir *keydir,
                                            struct p2p_keydir_entry **out, size_t *count,
                                            char *message, size_t message_cap);

#endif
