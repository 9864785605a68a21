#include <p2p/overlay.h>

#include <p2p/assert.h>

static size_t place_active(const struct p2p_overlay *overlay, uint32_t member)
{
    size_t at = 0;
    while (at < overlay->active_count && overlay->active[at] != member) {
        at++;
    }
    return at;
}

static size_t place_asked(const struct p2p_overlay *overlay, uint32_t member)
{
    size_t at = 0;
    while (at < overlay->asked_count && overlay->asked[at].member != member) {
        at++;
    }
    return at;
}

static void forget_active(struct p2p_overlay *overlay, size_t at)
{
    p2p_assert(at < overlay->active_count);
    overlay->active[at] = overlay->active[--overlay->active_count];
}

static void forget_asked(struct p2p_overlay *overlay, size_t at)
{
    p2p_assert(at < overlay->asked_count);
    overlay->asked[at] = overlay->asked[--overlay->asked_count];
}

bool p2p_overlay_is_active(const struct p2p_overlay *overlay, uint32_t member)
{
    return place_active(overlay, member) < overlay->active_count;
}

bool p2p_overlay_wants(const struct p2p_overlay *overlay, uint32_t member)
{
    return p2p_overlay_is_active(overlay, member) ||
           place_asked(overlay, member) < overlay->asked_count;
}

/* ---- asking ---- */

bool p2p_overlay_seeks(struct p2p_overlay *overlay, uint64_t now_ms)
{
    for (size_t i = 0; i < overlay->asked_count;) {
        if (now_ms >= overlay->asked[i].until_ms) {
            forget_asked(overlay, i);
        } else {
            i++;
        }
    }
    return overlay->asked_count < P2P_OVERLAY_ASKED_MAX &&
           overlay->active_count + overlay->asked_count < P2P_OVERLAY_ACTIVE_MIN;
}

uint32_t p2p_overlay_draw(const struct p2p_overlay *overlay, uint32_t members, uint32_t self,
                          uint64_t random)
{
    for (uint32_t i = 0; i < members; i++) {
        uint32_t member = (uint32_t)((random + i) % members) + 1;
        if (member != self && !p2p_overlay_wants(overlay, member)) {
            return member;
        }
    }
    return 0;
}

static void ask(struct p2p_overlay *overlay, uint32_t member, uint64_t now_ms, bool priority)
{
    if (overlay->asked_count < P2P_OVERLAY_ASKED_MAX && !p2p_overlay_wants(overlay, member)) {
        overlay->asked[overlay->asked_count++] = (struct p2p_overlay_asked){
            .member = member, .until_ms = now_ms + P2P_OVERLAY_ASK_MS, .priority = priority};
    }
}

void p2p_overlay_ask(struct p2p_overlay *overlay, uint32_t member, uint64_t now_ms)
{
    ask(overlay, member, now_ms,
        overlay->active_count == 0 && overlay->turned_away >= P2P_OVERLAY_PATIENCE);
}

bool p2p_overlay_reaches(struct p2p_overlay *overlay, uint64_t now_ms)
{
    bool due = overlay->reach_at_ms != 0 && now_ms >= overlay->reach_at_ms;
    if (due || overlay->reach_at_ms == 0) {
        overlay->reach_at_ms = now_ms + P2P_OVERLAY_REACH_MS;
    }
    return due;
}

void p2p_overlay_reach(struct p2p_overlay *overlay, uint32_t member, uint64_t now_ms)
{
    ask(overlay, member, now_ms, true);
}

/* ---- what happens ---- */

/* Lets a member in, if need be for another one. */
static void let_in(struct p2p_overlay *overlay, uint32_t member, uint64_t random)
{
    if (overlay->active_count == P2P_OVERLAY_ACTIVE_MAX) {
        forget_active(overlay, random % P2P_OVERLAY_ACTIVE_MAX);
    }
    overlay->active[overlay->active_count++] = member;
    overlay->turned_away = 0;
}

enum p2p_neighbour_word p2p_overlay_up(struct p2p_overlay *overlay, uint32_t member)
{
    size_t at = place_asked(overlay, member);
    if (at == overlay->asked_count || overlay->asked[at].told) {
        return P2P_NEIGHBOUR_NONE;
    }
    overlay->asked[at].told = true;
    return overlay->asked[at].priority ? P2P_NEIGHBOUR_PRIORITY : P2P_NEIGHBOUR_ASK;
}

static enum p2p_neighbour_word hear_question(struct p2p_overlay *overlay, uint32_t member,
                                             bool priority, uint64_t random)
{
    size_t at = place_asked(overlay, member);
    bool asked = at < overlay->asked_count; /* both want it */
    if (p2p_overlay_is_active(overlay, member)) {
        return P2P_NEIGHBOUR_YES;
    }
    if (!asked && !priority && overlay->active_count == P2P_OVERLAY_ACTIVE_MAX) {
        return P2P_NEIGHBOUR_NO;
    }
    if (asked) {
        forget_asked(overlay, at);
    }
    let_in(overlay, member, random);
    return P2P_NEIGHBOUR_YES;
}

static enum p2p_neighbour_word hear_yes(struct p2p_overlay *overlay, uint32_t member,
                                        uint64_t random)
{
    size_t at = place_asked(overlay, member);
    if (p2p_overlay_is_active(overlay, member)) {
        return P2P_NEIGHBOUR_NONE;
    }
    if (at == overlay->asked_count || !overlay->asked[at].told) {
        return P2P_NEIGHBOUR_NO;
    }
    forget_asked(overlay, at);
    let_in(overlay, member, random);
    return P2P_NEIGHBOUR_NONE;
}

static void hear_no(struct p2p_overlay *overlay, uint32_t member)
{
    if (place_asked(overlay, member) < overlay->asked_count) {
        overlay->turned_away++;
    }
    p2p_overlay_down(overlay, member);
}

enum p2p_neighbour_word p2p_overlay_hear(struct p2p_overlay *overlay, uint32_t member,
                                         enum p2p_neighbour_word word, uint64_t random)
{
    switch (word) {
    case P2P_NEIGHBOUR_ASK:
        return hear_question(overlay, member, false, random);
    case P2P_NEIGHBOUR_PRIORITY:
        return hear_question(overlay, member, true, random);
    case P2P_NEIGHBOUR_YES:
        return hear_yes(overlay, member, random);
    case P2P_NEIGHBOUR_NO:
        hear_no(overlay, member);
        break;
    case P2P_NEIGHBOUR_NONE:
        break;
    }
    return P2P_NEIGHBOUR_NONE;
}

void p2p_overlay_down(struct p2p_overlay *overlay, uint32_t member)
{
    size_t active = place_active(overlay, member);
    size_t asked = place_asked(overlay, member);
    if (active < overlay->active_count) {
        forget_active(overlay, active);
    }
    if (asked < overlay->asked_count) {
        forget_asked(overlay, asked);
    }
}
