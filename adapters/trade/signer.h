/* The issuer key of a party, which signs what a node prepared and lies nowhere but here.
 *
 * A key file as `port2port key new` makes it, with `kdf` beside it or one directory above, and
 * a passphrase; only an issuer's key is taken. What is signed is looked at first: it has to be
 * the bytes of a record (use `record`) that end with the very leaf that will be handed in, so
 * that a node cannot have anything else signed. The caller keeps the secret wiped. */
#ifndef P2P_TRADE_SIGNER_H
#define P2P_TRADE_SIGNER_H

#include <p2p/key.h>
#include <p2p/keyfile.h>

#define P2P_TRADE_PROBLEM_BYTES 512u

struct p2p_trade_signer {
    struct p2p_issuer_secret secret;
    char name[P2P_KEY_NAME_BYTES_MAX + 1]; /* the issuer's */
};

/* passphrase_file: its first line; NULL: the empty passphrase. problem: one sentence on every
 * error. P2P_NOTFOUND, P2P_MALFORMED, P2P_BADKEY, P2P_PASSPHRASE, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_trade_signer_open(struct p2p_trade_signer *signer,
                                                  const char *key_file,
                                                  const char *passphrase_file,
                                                  char problem[P2P_TRADE_PROBLEM_BYTES]);
void p2p_trade_signer_close(struct p2p_trade_signer *signer); /* wipes; accepts a zeroed one */

/* bytes: what /v1/prepare says is to be signed; leaf: the unsigned record. P2P_REFUSED: it is
 * not what it should be. */
P2P_MUST_CHECK enum p2p_err p2p_trade_sign(const struct p2p_trade_signer *signer,
                                           struct p2p_slice bytes, struct p2p_slice leaf,
                                           struct p2p_signature *out);

#endif
