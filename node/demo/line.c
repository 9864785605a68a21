/* A member's lines to the others: cut, mended, connected. */
#include "demo.h"

#include <string.h>

#define NAP_MS 5

static const char *state_of(const json_t *status, const char *member)
{
    size_t index = 0;
    const json_t *peer = NULL;
    json_array_foreach(json_object_get(status, "peers"), index, peer)
    {
        if (strcmp(p2p_demo_text(peer, "member"), member) == 0) {
            return p2p_demo_text(peer, "state");
        }
    }
    return "";
}

/* Nobody but the member itself knows it as connected. */
static bool is_alone(const struct p2p_demo *demo, enum p2p_demo_member member)
{
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        json_t *status = m != member ? p2p_demo_get(demo, m, "/v1/status") : NULL;
        const char *state = state_of(status, p2p_demo_word(member));
        bool apart = m == member || (*state != '\0' && strcmp(state, "connected") != 0);
        json_decref(status);
        if (!apart) {
            return false;
        }
    }
    return true;
}

bool p2p_demo_cut(struct p2p_demo *demo, enum p2p_demo_member member)
{
    struct p2p_demo_said said = {0};
    uint64_t since_ms = p2p_demo_now_ms();
    bool done =
        p2p_demo_done(demo, member, P2P_DEMO_WORDS("peers", "pause", "--all"), 0, &said);
    p2p_demo_said_deinit(&said);
    while (done && !is_alone(demo, member)) {
        if (!p2p_demo_wait(demo, since_ms, NAP_MS)) {
            return p2p_demo_false(demo, "%s paused all its lines and is still connected",
                                  p2p_demo_name(member));
        }
    }
    return done;
}

bool p2p_demo_mend(struct p2p_demo *demo, enum p2p_demo_member member)
{
    struct p2p_demo_said said = {0};
    bool done =
        p2p_demo_done(demo, member, P2P_DEMO_WORDS("peers", "resume", "--all"), 0, &said);
    p2p_demo_said_deinit(&said);
    return done;
}

bool p2p_demo_connected(struct p2p_demo *demo, enum p2p_demo_member member)
{
    struct p2p_demo_said said = {0};
    bool done = p2p_demo_done(demo, member, P2P_DEMO_WORDS("wait", "connected"), 0, &said);
    p2p_demo_said_deinit(&said);
    return done;
}
