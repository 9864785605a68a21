#include "folded.h"

static struct p2p_hash *place_of(struct p2p_folded *folded, const struct p2p_hash *name)
{
    size_t at = (size_t)name->bytes[0] << 8 | name->bytes[1];
    _Static_assert(P2P_FOLDED_HELD <= 65536, "two bytes name a place");
    return &folded->held[at % P2P_FOLDED_HELD];
}

struct p2p_hash p2p_folded_name(struct p2p_slice key)
{
    return p2p_sha256(key);
}

bool p2p_folded_has(struct p2p_folded *folded, const struct p2p_hash *name)
{
    return p2p_hash_equal(place_of(folded, name), name);
}

void p2p_folded_add(struct p2p_folded *folded, const struct p2p_hash *name)
{
    *place_of(folded, name) = *name;
}

void p2p_folded_forget(struct p2p_folded *folded)
{
    *folded = (struct p2p_folded){0};
}
