#include <p2p/feed_set.h>

#include <p2p/charter.h>

_Static_assert(P2P_FEEDS_MAX <= P2P_FEED_SET_MAX, "every feed has its place in a set");

static uint32_t lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

bool p2p_feed_set_next(const struct p2p_feed_set *set, uint32_t *feed)
{
    uint32_t word = *feed / 64;
    if (word >= P2P_FEED_SET_WORDS) {
        return false;
    }
    uint64_t rest = set->words[word] >> *feed % 64;
    if (rest != 0) {
        *feed += lowest(rest);
        return true;
    }
    for (word++; word < P2P_FEED_SET_WORDS; word = (word / 64 + 1) * 64) {
        uint64_t some = set->some[word / 64] >> word % 64;
        if (some != 0) {
            word += lowest(some);
            *feed = word * 64 + lowest(set->words[word]);
            return true;
        }
    }
    return false;
}

void p2p_feed_set_clear(struct p2p_feed_set *set)
{
    for (uint32_t i = 0; i < sizeof(set->some) / sizeof(set->some[0]); i++) {
        for (; set->some[i] != 0; set->some[i] &= set->some[i] - 1) {
            set->words[i * 64 + lowest(set->some[i])] = 0;
        }
    }
}
