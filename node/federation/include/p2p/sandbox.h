/* `federation sandbox`: a whole federation in one directory, to try things in.
 *
 *     DIR/trust  DIR/federation.json  DIR/roots/{kdf,charter.key,root-{1,2,3}.key,circles/}
 *     DIR/copies/MEMBER
 *     DIR/MEMBER/{config.yaml, keys/{kdf,feed,witness,transport,sealing}.key,
 *                 keys/issuers/ISSUER.key, people.crt, people.key, store/}
 *
 * Always: threshold 2 of 3, empty passphrases at the least cost, member k
 * on 127.77.0.k, every other member a witness (the first 15), nine issuers at each port and
 * none at the commission, which observes. It holds every key of everybody and is good for
 * nothing else. */
#ifndef P2P_SANDBOX_H
#define P2P_SANDBOX_H

#include <p2p/member_init.h>

#define P2P_SANDBOX_MEMBERS  "beanr,bezee,begne,beost,belgg,bebru,commission"
#define P2P_SANDBOX_NAME     "sandbox.example"
#define P2P_SANDBOX_TCP_PORT 7400u
#define P2P_SANDBOX_OBSERVER "commission"
/* Member k is 127.77.0.k, and an issuer's name still fits. */
#define P2P_SANDBOX_MEMBERS_MAX    100u
#define P2P_SANDBOX_NAME_BYTES_MAX (P2P_NAME_BYTES_MAX - 10u)

struct p2p_sandbox_options {
    const char *dir;     /* absent or empty */
    const char *members; /* names, comma between; NULL: the default */
    const char *name;    /* the federation's; NULL: the default */
    uint32_t tcp_port;   /* of peers, people's is the next; 0: the default */
    uint64_t now_ms;
    struct p2p_member_store store; /* called once for each member, in order */
};

/* P2P_USAGE: DIR is in use, or a name or number is not one; nothing was made then. On any other
 * error what was made stays in DIR for a look. message is one sentence. */
P2P_MUST_CHECK enum p2p_err p2p_sandbox_make(const struct p2p_sandbox_options *options,
                                             char *message, size_t message_cap);

#endif
