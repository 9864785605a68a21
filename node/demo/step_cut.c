/* Ghent without a line, and with one again. */
#include "story.h"

#include <string.h>

#define AGE_RISES_S 3u

/* How old what an answer rests on is, of one feed: false when it does not say. */
static bool age_of(const struct p2p_demo_said *answer, const char *feed, json_int_t *age_s,
                   json_int_t *size)
{
    size_t index = 0;
    const json_t *row = NULL;
    json_array_foreach(json_object_get(p2p_demo_said_first(answer), "knowledge"), index, row)
    {
        if (strcmp(p2p_demo_text(row, "feed"), feed) == 0) {
            *age_s = p2p_demo_number(row, "age_s");
            *size = p2p_demo_number(row, "size");
            return *age_s >= 0;
        }
    }
    return false;
}

/* The listed ship, refused at a member, and the age of Antwerp's feed there. */
static bool reading(struct p2p_demo *demo, enum p2p_demo_member member, json_int_t *age_s,
                    json_int_t *size)
{
    struct p2p_demo_said answer = {0};
    bool done = p2p_demo_gate_is(demo, member, demo->ship, "call", "refuse", NULL, &answer);
    if (done && !age_of(&answer, "beanr/1", age_s, size)) {
        done = p2p_demo_false(demo, "the gate at %s does not say how old its knowledge is",
                              p2p_demo_name(member));
    }
    p2p_demo_said_deinit(&answer);
    return done;
}

static bool impose_one_more(struct p2p_demo *demo)
{
    struct p2p_demo_said said = {0};
    bool done = p2p_demo_done(
        demo, P2P_DEMO_ANTWERP,
        P2P_DEMO_WORDS("ban", "impose", "--subject", P2P_DEMO_ONE_MORE, "--ground",
                       "administrative", "--reference", "Harbour Master 2026/17", "--reason",
                       "false papers", "--as", "beanr-pso", "--level", "witnessed"),
        0, &said);
    const json_t *record = p2p_demo_said_first(&said);
    snprintf(demo->one_more, sizeof demo->one_more, "%s", p2p_demo_text(record, "id"));
    p2p_demo_said_deinit(&said);
    return done;
}

static bool pause_s(struct p2p_demo *demo, unsigned seconds)
{
    uint64_t since_ms = p2p_demo_now_ms();
    while (p2p_demo_now_ms() - since_ms < seconds * 1000) {
        if (!p2p_demo_wait(demo, since_ms, 20)) {
            return p2p_demo_false(demo, "the time of the story is over");
        }
    }
    return true;
}

bool p2p_demo_step_cut_off(struct p2p_demo *demo)
{
    json_int_t first_s = 0, then_s = 0, elsewhere_s = 0, sizes[3] = {0};
    if (!p2p_demo_cut(demo, P2P_DEMO_GHENT) ||
        !reading(demo, P2P_DEMO_GHENT, &first_s, &sizes[0]) || !pause_s(demo, AGE_RISES_S) ||
        !impose_one_more(demo) ||
        !p2p_demo_gate_is(demo, P2P_DEMO_OSTEND, P2P_DEMO_ONE_MORE, "call", "refuse",
                          demo->one_more, NULL) ||
        !p2p_demo_gate_is(demo, P2P_DEMO_GHENT, P2P_DEMO_ONE_MORE, "call", "allow", NULL,
                          NULL) ||
        !reading(demo, P2P_DEMO_GHENT, &then_s, &sizes[1]) ||
        !reading(demo, P2P_DEMO_OSTEND, &elsewhere_s, &sizes[2])) {
        return false;
    }
    if (then_s - first_s < (json_int_t)AGE_RISES_S - 1 || sizes[1] != sizes[0] ||
        elsewhere_s >= then_s || sizes[2] <= sizes[1]) {
        return p2p_demo_false(
            demo,
            "Ghent's knowledge of Antwerp was %lld s old, %u s later %lld s; Ostend's %lld s",
            (long long)first_s, AGE_RISES_S, (long long)then_s, (long long)elsewhere_s);
    }
    return p2p_demo_holds(
        demo,
        "%s: refused; Ghent's news from Antwerp is %lld s old, then %lld s (Ostend's %lld s). "
        "Antwerp bans IMO %s: refused at Ostend, allowed at Ghent, which cannot know yet. Cut "
        "by "
        "`peers pause --all` at Ghent: no root needed.",
        demo->ship_name, (long long)first_s, (long long)then_s, (long long)elsewhere_s,
        p2p_demo_value(P2P_DEMO_ONE_MORE));
}

bool p2p_demo_step_back(struct p2p_demo *demo)
{
    struct p2p_demo_said said = {0};
    if (p2p_demo_banned(demo, P2P_DEMO_GHENT, P2P_DEMO_ONE_MORE)) {
        return p2p_demo_false(demo, "Ghent knew the new ban before the line was back");
    }
    uint64_t since_ms = p2p_demo_now_ms();
    if (!p2p_demo_mend(demo, P2P_DEMO_GHENT)) {
        return false;
    }
    while (!p2p_demo_banned(demo, P2P_DEMO_GHENT, P2P_DEMO_ONE_MORE)) {
        if (!p2p_demo_wait(demo, since_ms, 0)) {
            return p2p_demo_false(demo, "Ghent does not know the new ban after %.1f s",
                                  (double)(p2p_demo_now_ms() - since_ms) / 1000);
        }
    }
    bool done = p2p_demo_gate_is(demo, P2P_DEMO_GHENT, P2P_DEMO_ONE_MORE, "call", "refuse",
                                 demo->one_more, &said);
    uint64_t took_ms = p2p_demo_now_ms() - since_ms;
    if (done) {
        p2p_demo_holds(
            demo,
            "IMO %s is refused at Ghent %llu ms after `peers resume --all` was typed "
            "there (decision %s).",
            p2p_demo_value(P2P_DEMO_ONE_MORE), (unsigned long long)took_ms,
            p2p_demo_text(p2p_demo_said_first(&said), "decision"));
    }
    p2p_demo_said_deinit(&said);
    return done && p2p_demo_connected(demo, P2P_DEMO_GHENT);
}
