/* Mistakes that a build for the simulator's proof can plant, one at a time: what finds nothing
 * there proves nothing. In every other build P2P_PLANT is the constant false.
 *
 * Each stands in the one line where somebody would make it; `./dev sim --prove` shows that the
 * invariants of simulations/ find it. */
#ifndef P2P_PLANTED_H
#define P2P_PLANTED_H

#include <stdbool.h>

/* X(NAME, word, the mistake). */
#define P2P_PLANT_MAP(X)                                                                       \
    X(NOTHING, "nothing", "no mistake")                                                        \
    X(SYNC_IGNORED, "sync-ignored", "acknowledges although the sync failed")                   \
    X(COPY_LATE, "copy-late", "lets out what is signed before the copy is written")            \
    X(COPY_UNSYNCED, "copy-unsynced", "writes the copy and never syncs it")                    \
    X(COSIGN_FORGOTTEN, "cosign-forgotten", "does not store what it cosigned")                 \
    X(WITNESS_UNCHECKED, "witness-unchecked", "cosigns a feed that is known to be forked")     \
    X(RESTORED_COSIGNS, "restored-cosigns", "cosigns and appends after an old backup")         \
    X(ARRIVAL_FOLD, "arrival-fold", "folds a lift only onto bans that came before it")         \
    X(ROOT_TWICE, "root-twice", "counts one root's key for each line of it")                   \
    X(NUMBER_TWICE, "number-twice", "accepts an issuer's number again")                        \
    X(ROOT_UNCOMPARED, "root-uncompared", "stores a run without comparing the signed root")    \
    X(PAYLOAD_LESS, "payload-less", "takes a leaf without its payload and does not say so")    \
    X(LIFT_ANYTHING, "lift-anything", "lets any issuer lift any ban")                          \
    X(CACHED_FRONTIER, "cached-frontier", "believes what it knew of a peer, not what it says") \
    X(SNAPSHOT_DECISION, "snapshot-decision", "decides by a snapshot of ten seconds ago")      \
    X(TINY_FORK, "tiny-fork", "ends a forked feed where its histories part")                   \
    X(RELEASE_REPEATED, "release-repeated", "answers a release each time that it is asked")    \
    X(ANY_DRIVER, "any-driver", "lets a container out to whoever comes for it")                \
    X(ANY_TIME, "any-time", "lets a container out whatever slot was named")                    \
    X(BLOCK_IGNORED, "block-ignored", "lets a container out over a block")                     \
    X(LIGHT_IGNORED, "light-ignored", "lets a container out whatever its lights say")          \
    X(FROZEN_IGNORED, "frozen-ignored", "lets a frozen container out")                         \
    X(REASSIGN_FORGOTTEN, "reassign-forgotten", "keeps what the charter gave to another")      \
    X(RECOUNT_FORGOTTEN, "recount-forgotten", "goes on in a new generation without counting")  \
    X(LEASE_IGNORED, "lease-ignored", "lets containers out without a lease")                   \
    X(QUORUM_LESS, "quorum-less", "takes any note that a step rests on for a quorum's")
enum p2p_plant {
#define P2P_PLANT_ENUM(name, word, text) P2P_PLANT_##name,
    P2P_PLANT_MAP(P2P_PLANT_ENUM)
#undef P2P_PLANT_ENUM
        P2P_PLANT_COUNT
};

#ifdef P2P_PLANTED
/* The one that is planted; set before anything runs. */
extern enum p2p_plant p2p_planted;
#define P2P_PLANT(name) (p2p_planted == P2P_PLANT_##name)
#else
#define P2P_PLANT(name) false
#endif

#endif
