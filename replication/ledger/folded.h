/* Feeds whose forks a pass of the scrubber has folded, and found what stands there.
 *
 * The value of a ban, a token or a right is folded with the record that begins it, once in a
 * pass. That a feed forked is begun by no record: everybody may tell it, and each record about
 * it would fold all of them. Once is enough, since what changes the records under a key folds
 * it anyway. Where a row turns out to be another one, whatever was folded before may have
 * rested on it: whoever compares forgets all then.
 *
 * A place holds one key, and whatever comes later takes it over: what is not held is folded
 * again. Private to replication/. */
#ifndef P2P_FOLDED_H
#define P2P_FOLDED_H

#include <p2p/bytes.h>
#include <p2p/hash.h>

#define P2P_FOLDED_HELD 1024u

struct p2p_folded {
    struct p2p_hash held[P2P_FOLDED_HELD]; /* of the key; zeros: nothing */
};

/* What a key of the view `forks` is held as. */
struct p2p_hash p2p_folded_name(struct p2p_slice key);
bool p2p_folded_has(struct p2p_folded *folded, const struct p2p_hash *name);
void p2p_folded_add(struct p2p_folded *folded, const struct p2p_hash *name);
void p2p_folded_forget(struct p2p_folded *folded);

#endif
