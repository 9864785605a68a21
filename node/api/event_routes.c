/* GET /v1/events: who may watch, and from where on; the stream itself is the daemon's. */
#include "call.h"

#include <p2p/text.h>

#include <string.h>

/* `<n>`, of this start of the node, or `<boot>-<n>`: a number of an earlier start has seen
 * nothing of this one, and what followed it in its own is gone. */
static bool read_after(const struct p2p_node *node, const char *text, uint64_t *after,
                       bool *lost)
{
    const char *dash = strchr(text, '-');
    uint64_t boot = node->boot;
    if (dash != NULL &&
        p2p_decimal_decode(&boot, p2p_slice_of(text, (size_t)(dash - text))) != P2P_OK) {
        return false;
    }
    if (p2p_decimal_decode(after, p2p_slice_text(dash != NULL ? dash + 1 : text)) != P2P_OK) {
        return false;
    }
    *lost = boot != node->boot;
    if (*lost) {
        *after = 0;
    }
    return true;
}

static void start_events(struct p2p_call *call, struct p2p_node *node)
{
    const char *param = p2p_call_param(call, "after");
    const char *text = call->last_event != NULL ? call->last_event : param;
    uint64_t after = 0;
    bool lost = false;
    if (!node->serving) {
        p2p_call_error(call, 503, "no-daemon", "start it with port2port serve",
                       "no daemon runs here, so nothing happens that could be watched");
        return;
    }
    if (text != NULL && !read_after(node, text, &after, &lost)) {
        p2p_call_error(call, 400, "bad-after", "give the id of the last event seen",
                       "%s is no event", text);
        return;
    }
    call->reply = (struct p2p_api_reply){
        .status = 200, .stream = true, .events_after = after, .events_lost = lost};
    call->work.done = true;
}

const struct p2p_route p2p_event_routes[] = {
    {.method = "GET",
     .path = "/v1/events",
     .start = start_events,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .errors = "400"},
    {0},
};
