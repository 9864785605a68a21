#include "admission.h"

#include <p2p/assert.h>
#include <p2p/limits.h>

bool p2p_admission_allows(const struct p2p_conn *conn, enum p2p_refusal *out_reason)
{
    const struct p2p_net *net = conn->net;
    if (net->counts.handshakes >= P2P_HANDSHAKES_MAX) {
        *out_reason = P2P_REFUSAL_TOO_MANY_HANDSHAKES;
        return false;
    }
    unsigned same = 0;
    for (uint32_t i = 0; i < net->counts.handshakes; i++) {
        same +=
            p2p_address_same_host(&net->handshakes[i]->stream.address, &conn->stream.address);
    }
    if (same >= P2P_HANDSHAKES_PER_ADDRESS_MAX) {
        *out_reason = P2P_REFUSAL_TOO_MANY_FROM_ADDRESS;
        return false;
    }
    return true;
}

void p2p_admission_enter(struct p2p_conn *conn)
{
    struct p2p_net *net = conn->net;
    p2p_assert(net->counts.handshakes < P2P_HANDSHAKES_MAX);
    conn->handshake_index = net->counts.handshakes;
    net->handshakes[net->counts.handshakes++] = conn;
    conn->handshake_counted = true;
}

void p2p_admission_leave(struct p2p_conn *conn)
{
    struct p2p_net *net = conn->net;
    if (conn->handshake_counted) {
        conn->handshake_counted = false;
        struct p2p_conn *last = net->handshakes[--net->counts.handshakes];
        net->handshakes[conn->handshake_index] = last;
        last->handshake_index = conn->handshake_index;
    }
}
