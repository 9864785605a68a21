#include <p2p/change.h>

#include <stdlib.h>

enum p2p_err p2p_change_init(struct p2p_change *change)
{
    uint8_t *bytes = malloc(P2P_CHANGE_BYTES_MAX);
    if (!bytes) {
        return P2P_NOMEM;
    }
    *change = (struct p2p_change){.bytes = bytes};
    p2p_change_reset(change);
    return P2P_OK;
}

void p2p_change_deinit(struct p2p_change *change)
{
    free(change->bytes);
    *change = (struct p2p_change){0};
}

void p2p_change_reset(struct p2p_change *change)
{
    p2p_pack_init(&change->ops, change->bytes, P2P_CHANGE_BYTES_MAX);
    change->count = 0;
    change->good_bytes = 0;
}

enum p2p_err p2p_change_count(struct p2p_change *change)
{
    if (p2p_pack_failed(&change->ops) || change->count == P2P_CHARTER_OPS_MAX) {
        change->ops.out.failed = false;
        change->ops.out.len = change->good_bytes;
        return P2P_TOOLARGE;
    }
    change->good_bytes = change->ops.out.len;
    change->count++;
    return P2P_OK;
}
