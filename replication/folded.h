/* Keys of views that a pass of the scrubber has folded, and found what stands there.
 *
 * A pass comes to a key with each record that touches it, and to fold it looks at all of these:
 * a right that a thousand decisions ask about would be folded a thousand times over them. Once
 * is enough, since what changes the records under a key folds it anyway. Where a row turns out
 * to be another one, whatever was folded before may have rested on it: whoever compares forgets
 * all then.
 *
 * A place holds one key, and whatever comes later takes it over: what is not held is folded
 * again. Private to replication/. */
#ifndef P2P_FOLDED_H
#define P2P_FOLDED_H

#include <p2p/hash.h>
#include <p2p/ledger.h>

#define P2P_FOLDED_HELD 1024u

struct p2p_folded {
    struct p2p_hash held[P2P_FOLDED_HELD]; /* of view and key; zeros: nothing */
};

/* What a key is held as. */
struct p2p_hash p2p_folded_name(enum p2p_view_number view, struct p2p_slice key);
bool p2p_folded_has(struct p2p_folded *folded, const struct p2p_hash *name);
void p2p_folded_add(struct p2p_folded *folded, const struct p2p_hash *name);
void p2p_folded_forget(struct p2p_folded *folded);

#endif
