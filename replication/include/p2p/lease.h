/* The lease: until when a node may release, and whether it may use custody at all yet.
 *
 * A holder that was replaced must stop by itself, since nobody can reach it to say so: it
 * releases only for a lease's time after it asked its witnesses, and a quorum of them answered
 * without naming a larger charter than is held here: of the present ones, by that charter, and
 * of those before the last change. A `reassign` takes effect by what a quorum of each set of
 * witnesses has `seen` that may have answered, so one honest witness is in both: it answered
 * before it saw the entry, and the new holder waits longer than that lease lasts.
 *
 * The other question that the same answers settle: whether this store is all that its feed ever
 * had. A node uses custody only after n - k + 1 + f witnesses have answered, in this start,
 * with no size of its feed above what it held when the answer came. Both begin anew with each
 * start.
 *
 * One round is asked at a time, with one nonce; what answers another nonce counts nothing. An
 * answer that names a larger charter waits until that much is held here, so a witness that lies
 * about it only does not count. A feed without witnesses, now or before the last change, asks
 * nobody: ready at once, and its lease is always whole; nobody could replace it either.
 *
 * Pure: who answered what, by p2p_now.mono_ms, which counts suspension. The frames are
 * engine_lease.c's. Source: DESIGN 6 and 7, replication/WIRE.md section 15. */
#ifndef P2P_LEASE_H
#define P2P_LEASE_H

#include <p2p/charter.h>

/* Between two rounds that were answered: a tenth of a lease, or this. */
#define P2P_LEASE_EVERY_MS_MAX 3600000u
/* After a round that was not: this, then twice as long each time, up to the above. */
#define P2P_LEASE_RETRY_MS 5000u

/* X(NAME, word). */
#define P2P_CUSTODY_READY_MAP(X)                                                               \
    X(READY, "ready")                                                                          \
    X(WAITING, "waiting-for-witnesses") /* they have not answered in this start */             \
    X(LEASE_OVER, "lease-over")         /* they have, too long ago */

enum p2p_custody_ready {
#define P2P_CUSTODY_READY_ENUM(name, word) P2P_CUSTODY_##name,
    P2P_CUSTODY_READY_MAP(P2P_CUSTODY_READY_ENUM)
#undef P2P_CUSTODY_READY_ENUM
};
const char *p2p_custody_ready_word(enum p2p_custody_ready ready);

/* The newest answer of one witness in this start. */
struct p2p_lease_witness {
    uint32_t witness; /* 0: none */
    bool in_round;    /* it answered the round that is asked now */
    bool no_more;     /* at some time in this start it named no more than was held here */
    uint64_t charter; /* size it named: in the round, or with no_more */
};

struct p2p_lease {
    uint32_t feed; /* that it is about */
    /* the round */
    uint64_t round; /* 0: none was asked yet */
    struct p2p_hash nonce;
    uint64_t asked_ms;
    unsigned tries; /* rounds since the last one that was answered */
    bool answered;  /* by a quorum, for the charter held */
    struct p2p_lease_witness witnesses[P2P_COSIGNERS_MAX];
    /* what came of all rounds */
    bool complete;    /* enough witnesses named no more of the own feed */
    bool held;        /* some round was answered */
    uint64_t from_ms; /* when the newest of those was asked */
};

/* A start, or another own feed: everything is to be asked anew. */
void p2p_lease_void(struct p2p_lease *lease, uint32_t feed);
/* When the next round is due; UINT64_MAX: nobody has to be asked. */
uint64_t p2p_lease_next_ms(const struct p2p_lease *lease, const struct p2p_charter *charter);
/* Begins one. nonce: fresh. */
void p2p_lease_ask(struct p2p_lease *lease, const struct p2p_hash *nonce, uint64_t mono_ms);
/* A witness has answered: its cosignature over a checkpoint of the own feed was verified.
 * charter: size it holds; no_more: it holds no more of the own feed than is held here. False:
 * not asked with this nonce, or no cosigner of the feed; nothing is taken. */
bool p2p_lease_take(struct p2p_lease *lease, const struct p2p_charter *charter,
                    uint32_t witness, const struct p2p_hash *nonce, uint64_t charter_size,
                    bool no_more);
/* What the answers come to by this charter: after each, and when the charter grew. */
void p2p_lease_follow(struct p2p_lease *lease, const struct p2p_charter *charter);
/* Whether custody may be used at this time; left_ms [out, may be NULL]: of the lease, 0 unless
 * ready. */
enum p2p_custody_ready p2p_lease_ready(const struct p2p_lease *lease,
                                       const struct p2p_charter *charter, uint64_t mono_ms,
                                       uint64_t *left_ms);

#endif
