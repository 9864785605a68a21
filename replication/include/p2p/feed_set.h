/* Feeds by number, of which something is to be done: so that a batch asks only those, and costs
 * what it changes, not what there is. A set of all feeds there may be takes 2 KiB and no
 * allocation; one that is empty is walked in a handful of reads.
 *
 *     for (uint32_t i = 1; p2p_feed_set_next(&set, &i); i++) { feed i is a member }
 *
 * visits the members from 1 on, ascending; adding and removing while it walks is allowed, and
 * what is added behind the walk is not visited any more. A zeroed set is empty. */
#ifndef P2P_FEED_SET_H
#define P2P_FEED_SET_H

#include <stdbool.h>
#include <stdint.h>

#define P2P_FEED_SET_MAX   16384u /* the highest number: P2P_FEEDS_MAX of charter.h */
#define P2P_FEED_SET_WORDS (P2P_FEED_SET_MAX / 64u + 1u)

struct p2p_feed_set {
    uint64_t some[P2P_FEED_SET_WORDS / 64u + 1u]; /* bit w: words[w] is not 0 */
    uint64_t words[P2P_FEED_SET_WORDS];
};

/* feed: at most P2P_FEED_SET_MAX. */
static inline void p2p_feed_set_add(struct p2p_feed_set *set, uint32_t feed)
{
    uint32_t word = feed / 64;
    set->words[word] |= UINT64_C(1) << feed % 64;
    set->some[word / 64] |= UINT64_C(1) << word % 64;
}

static inline void p2p_feed_set_remove(struct p2p_feed_set *set, uint32_t feed)
{
    uint32_t word = feed / 64;
    set->words[word] &= ~(UINT64_C(1) << feed % 64);
    if (set->words[word] == 0) {
        set->some[word / 64] &= ~(UINT64_C(1) << word % 64);
    }
}

static inline bool p2p_feed_set_has(const struct p2p_feed_set *set, uint32_t feed)
{
    return (set->words[feed / 64] >> feed % 64 & 1) != 0;
}

static inline void p2p_feed_set_put(struct p2p_feed_set *set, uint32_t feed, bool member)
{
    if (member) {
        p2p_feed_set_add(set, feed);
    } else {
        p2p_feed_set_remove(set, feed);
    }
}

/* The smallest member that is not below *feed takes its place. false: there is none. */
bool p2p_feed_set_next(const struct p2p_feed_set *set, uint32_t *feed);
/* Costs what the set holds. */
void p2p_feed_set_clear(struct p2p_feed_set *set);

#endif
