/* The trust file (c2sp.org/tlog-policy): the logs somebody trusts, and which witnesses must
 * have cosigned what they say.
 *
 *     log <vkey> [url]
 *     witness <name> <vkey> [url]
 *     group <name> <k|any|all> <member>...
 *     quorum <name>
 *
 * Words stand one space apart or more, `#` begins a line that says nothing, a name is defined
 * before it is used, names and keys are distinct, and there is exactly one quorum. What a log
 * says counts when its checkpoint carries its own signature and cosignatures that satisfy the
 * quorum. Here the log is the charter, the witnesses are its roots, and every other key comes
 * from the charter they signed (node/audit). `quorum none` is refused: who asks for nobody's
 * word trusts nobody.
 *
 * Parsing borrows from the caller's bytes. Any thread. */
#ifndef P2P_TRUST_H
#define P2P_TRUST_H

#include <p2p/checkpoint.h>

#define P2P_TRUST_FILE_BYTES_MAX 65536u
#define P2P_TRUST_LOGS_MAX       8u
#define P2P_TRUST_WITNESSES_MAX  32u
#define P2P_TRUST_GROUPS_MAX     16u

struct p2p_trust_witness {
    struct p2p_slice name;
    struct p2p_vkey key;
};

struct p2p_trust_group {
    struct p2p_slice name;
    uint32_t needed;
    uint32_t witnesses; /* its members: a bit for each witness, */
    uint32_t groups;    /* and for each earlier group */
};

struct p2p_trust {
    struct p2p_vkey logs[P2P_TRUST_LOGS_MAX];
    size_t log_count;
    struct p2p_trust_witness witnesses[P2P_TRUST_WITNESSES_MAX];
    size_t witness_count;
    struct p2p_trust_group groups[P2P_TRUST_GROUPS_MAX];
    size_t group_count;
    bool quorum_is_group;
    size_t quorum; /* place among groups, or among witnesses */
};

/* line [out]: of an error, from 1; 0: the whole. P2P_MALFORMED, P2P_TOOLARGE (more than a bound
 * above), P2P_BADKEY (inadmissible, of another type, or not what its id says), P2P_REFUSED
 * (`quorum none`). */
P2P_MUST_CHECK enum p2p_err p2p_trust_parse(struct p2p_trust *trust, struct p2p_slice text,
                                            size_t *line);
/* The log of that origin, or NULL. */
const struct p2p_vkey *p2p_trust_log(const struct p2p_trust *trust, struct p2p_slice origin);
/* Verifies a checkpoint note: of a trusted log, signed by it, cosigned by the quorum, each
 * witness counted once. checkpoint borrows from note. P2P_MALFORMED, P2P_TOOLARGE, P2P_UNKNOWN
 * (no log of that origin), P2P_BADSIG (also when a known witness's line is bad), P2P_QUORUM. */
P2P_MUST_CHECK enum p2p_err p2p_trust_verify(const struct p2p_trust *trust,
                                             const struct p2p_sigs *sigs, struct p2p_slice note,
                                             struct p2p_checkpoint *checkpoint);

#endif
