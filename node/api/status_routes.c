/* Status, peers, doctor, metrics: what a node says of itself. */
#include "status.h"

#include <string.h>

static void start_status(struct p2p_call *call, struct p2p_node *node)
{
    json_t *status = p2p_status_json(call, node);
    if (status != NULL) {
        p2p_call_reply(call, status);
    }
}

static void start_peers(struct p2p_call *call, struct p2p_node *node)
{
    size_t count;
    const struct p2p_peer_view *views = p2p_peer_views(call, node, &count);
    json_t *peers = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *peer = p2p_peer_json(&views[i]);
        json_object_set_new(peer, "text", p2p_peer_text(&views[i]));
        json_array_append_new(peers, peer);
    }
    p2p_call_reply(call, json_pack("{s:o}", "peers", peers));
}

/* ---- pause and resume ---- */

/* Members named in the body, or every other one; -1 with an error reply. */
static int read_members(struct p2p_call *call, struct p2p_node *node, uint32_t **out)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    bool all = json_is_true(json_object_get(call->body, "all"));
    uint32_t own = p2p_engine_member(node->engine);
    uint32_t *members = p2p_call_take(call, P2P_MEMBERS_MAX * sizeof(*members));
    const char *const *names;
    int count = p2p_call_texts(call, "members", &names, P2P_MEMBERS_MAX);
    *out = members;
    if (count >= 0 && all == (count > 0)) {
        p2p_call_error(call, 400, "bad-request", "name members, or --all",
                       "either members or all of them are meant");
        return -1;
    }
    for (int i = 0; i < count; i++) {
        const struct p2p_member *member =
            p2p_charter_member_named(charter, p2p_slice_text(names[i]));
        if (member == NULL || member->number == own) {
            p2p_call_error(call, 404, "unknown-member", "see port2port peers",
                           "there is no other member %s", names[i]);
            return -1;
        }
        members[i] = member->number;
    }
    for (uint32_t i = 1; all && i <= p2p_charter_member_count(charter); i++) {
        if (i != own && p2p_charter_member(charter, i) != NULL) {
            members[count++] = i;
        }
    }
    return count;
}

static void change_pause(struct p2p_call *call, struct p2p_node *node, bool paused)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t *members;
    if (node->pause == NULL) {
        p2p_call_error(call, 503, "no-daemon", "start it with port2port serve",
                       "no daemon runs here, so there are no sessions to pause");
        return;
    }
    int count = read_members(call, node, &members);
    if (count < 0) {
        return;
    }
    json_t *names = json_array();
    for (int i = 0; i < count; i++) {
        node->pause(node, members[i], paused);
        json_array_append_new(names,
                              json_string(p2p_charter_member(charter, members[i])->name));
    }
    p2p_call_reply(call, json_pack("{s:o, s:b}", "members", names, "paused", paused));
}

static void start_pause(struct p2p_call *call, struct p2p_node *node)
{
    change_pause(call, node, true);
}

static void start_resume(struct p2p_call *call, struct p2p_node *node)
{
    change_pause(call, node, false);
}

const struct p2p_route p2p_status_routes[] = {
    {.method = "GET",
     .path = "/v1/status",
     .start = start_status,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "Status"},
    {.method = "GET",
     .path = "/v1/peers",
     .start = start_peers,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "PeerList"},
    {.method = "POST",
     .path = "/v1/peers/pause",
     .start = start_pause,
     .who = P2P_WHO_OPERATOR,
     .rate = P2P_RATE_WRITE,
     .request = "Members",
     .reply = "Paused",
     .errors = "400 404"},
    {.method = "POST",
     .path = "/v1/peers/resume",
     .start = start_resume,
     .who = P2P_WHO_OPERATOR,
     .rate = P2P_RATE_WRITE,
     .request = "Members",
     .reply = "Paused",
     .errors = "400 404"},
    {.method = "GET",
     .path = "/v1/doctor",
     .start = p2p_doctor_start,
     .who = P2P_WHO_OPERATOR,
     .rate = P2P_RATE_READ,
     .reply = "Doctor"},
    {.method = "GET",
     .path = "/metrics",
     .start = p2p_metrics_start,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ},
    {0},
};
