/* A stolen key, and what all agree on in the end. */
#include "story.h"

#include <string.h>

#define OFFICER    "beost-pso2"
#define TRUCK      "plate:BE:1DEM001"
#define TRUCK_ALSO "plate:BE:1DEM002"
#define NAP_MS     2

/* ---- a key is revoked ---- */

static bool impose(struct p2p_demo *demo, const char *subject, char id[P2P_DEMO_ID_BYTES])
{
    struct p2p_demo_said said = {0};
    bool done =
        p2p_demo_done(demo, P2P_DEMO_OSTEND,
                      P2P_DEMO_WORDS("ban", "impose", "--subject", subject, "--ground", "local",
                                     "--reference", "Ostend 2026/3", "--as", OFFICER),
                      0, &said);
    snprintf(id, P2P_DEMO_ID_BYTES, "%s", p2p_demo_text(p2p_demo_said_first(&said), "id"));
    p2p_demo_said_deinit(&said);
    return done;
}

/* Two of the three roots sign; Brussels' node takes it into the charter. */
static bool revoke(struct p2p_demo *demo)
{
    char one[PATH_MAX], other[PATH_MAX];
    struct p2p_demo_said said = {0};
    if (snprintf(one, sizeof one, "%s/roots/root-1.key", demo->fleet.federation) < 0 ||
        snprintf(other, sizeof other, "%s/roots/root-2.key", demo->fleet.federation) < 0) {
        return false;
    }
    bool done = p2p_demo_done(
        demo, P2P_DEMO_BRUSSELS,
        P2P_DEMO_WORDS("charter", "revoke", OFFICER, "--root-key", one, "--root-key", other), 0,
        &said);
    p2p_demo_said_deinit(&said);
    return done;
}

/* What the revocation is to leave in force has to be witnessed where it is made. */
static bool known_at_brussels(struct p2p_demo *demo, const char *id)
{
    struct p2p_demo_said said = {0};
    bool done = p2p_demo_done(
        demo, P2P_DEMO_BRUSSELS,
        P2P_DEMO_WORDS("wait", "record", id, "--level", "witnessed", "--timeout", "10"), 0,
        &said);
    p2p_demo_said_deinit(&said);
    return done;
}

/* State and reason of a ban at a member; "" when it does not know it. */
static void state_of(const struct p2p_demo *demo, enum p2p_demo_member member, const char *id,
                     char state[32], char why[32])
{
    char path[128];
    snprintf(path, sizeof path, "/v1/bans/%s", id);
    json_t *ban = p2p_demo_get(demo, member, path);
    snprintf(state, 32, "%s", p2p_demo_text(ban, "state"));
    snprintf(why, 32, "%s", p2p_demo_text(ban, "why"));
    json_decref(ban);
}

/* Waits until every member has a ban in this state, for this reason. */
static bool everywhere(struct p2p_demo *demo, const char *id, const char *state,
                       const char *why)
{
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        uint64_t since_ms = p2p_demo_now_ms();
        char state_there[32], why_there[32];
        for (;;) {
            state_of(demo, m, id, state_there, why_there);
            if (strcmp(state_there, state) == 0 && strcmp(why_there, why) == 0) {
                break;
            }
            if (!p2p_demo_wait(demo, since_ms, NAP_MS)) {
                return p2p_demo_false(demo, "%s is %s%s%s at %s, not %s %s", id,
                                      *state_there != '\0' ? state_there : "unknown",
                                      *why_there != '\0' ? " " : "", why_there,
                                      p2p_demo_name(m), state, why);
            }
        }
    }
    return true;
}

/* The officer's key once more, at its own port, which knows by now. */
static bool refused(struct p2p_demo *demo, char *words, size_t cap)
{
    struct p2p_demo_said said = {0};
    bool done =
        p2p_demo_done(demo, P2P_DEMO_OSTEND,
                      P2P_DEMO_WORDS("ban", "impose", "--subject", TRUCK_ALSO, "--ground",
                                     "local", "--reference", "Ostend 2026/5", "--as", OFFICER),
                      1, &said);
    snprintf(words, cap, "%s", said.error);
    p2p_demo_said_deinit(&said);
    return done;
}

bool p2p_demo_step_revoke(struct p2p_demo *demo)
{
    char before[P2P_DEMO_ID_BYTES], after[P2P_DEMO_ID_BYTES], words[P2P_DEMO_SENTENCE_BYTES];
    if (!impose(demo, TRUCK, before) || !known_at_brussels(demo, before) ||
        !p2p_demo_cut(demo, P2P_DEMO_OSTEND) || !revoke(demo) ||
        !impose(demo, TRUCK_ALSO, after)) {
        return false;
    }
    uint64_t since_ms = p2p_demo_now_ms();
    if (!p2p_demo_mend(demo, P2P_DEMO_OSTEND) ||
        !everywhere(demo, after, "no-effect", "past-cut-point") ||
        !everywhere(demo, before, "in-force", "")) {
        return false;
    }
    uint64_t took_ms = p2p_demo_now_ms() - since_ms;
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_PORTS; m++) {
        if (!p2p_demo_gate_is(demo, m, TRUCK, "enter", "refuse", before, NULL) ||
            !p2p_demo_gate_is(demo, m, TRUCK_ALSO, "enter", "allow", NULL, NULL)) {
            return false;
        }
    }
    if (!refused(demo, words, sizeof words) || !p2p_demo_connected(demo, P2P_DEMO_OSTEND)) {
        return false;
    }
    return p2p_demo_holds(
        demo,
        "Two of three roots revoke " OFFICER
        "; the thief, at Ostend cut off, signs %s: past the "
        "cut point, no effect at all seven %llu ms after the line is back. %s, from before, "
        "holds. Again: \"%s\".",
        after, (unsigned long long)took_ms, before, words);
}

/* ---- all agree ---- */

/* The first difference between the seven, or that something is not witnessed; "" for none. */
static void compare(json_t *const *status, char *why, size_t cap)
{
    static const char *const digests[] = {"leaves_digest", "frontier_digest"};
    const json_t *first = status[P2P_DEMO_COMMISSION];
    *why = '\0';
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS && *why == '\0'; m++) {
        size_t index = 0;
        const json_t *feed = NULL;
        const char *name = p2p_demo_name(m);
        if (status[m] == NULL || first == NULL) {
            snprintf(why, cap, "%s does not answer", name);
            return;
        }
        for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
            if (strcmp(p2p_demo_text(status[m], digests[i]),
                       p2p_demo_text(first, digests[i])) != 0) {
                snprintf(why, cap, "%s and the commission differ in %s", name, digests[i]);
            }
        }
        if (strcmp(p2p_demo_bans_digest(status[m]), p2p_demo_bans_digest(first)) != 0) {
            snprintf(why, cap, "%s and the commission computed other bans", name);
        }
        json_array_foreach(json_object_get(status[m], "feeds"), index, feed)
        {
            json_int_t size = p2p_demo_number(feed, "size");
            if (p2p_demo_number(feed, "lag") != 0 ||
                p2p_demo_number(feed, "witnessed") != size) {
                snprintf(why, cap, "at %s, %s has %lld records, %lld witnessed, lag %lld", name,
                         p2p_demo_text(feed, "feed"), (long long)size,
                         (long long)p2p_demo_number(feed, "witnessed"),
                         (long long)p2p_demo_number(feed, "lag"));
            }
        }
    }
}

static void tell_agreement(struct p2p_demo *demo, const json_t *status)
{
    const json_t *feeds = json_object_get(status, "feeds"), *feed = NULL;
    json_int_t records = 0;
    size_t index = 0;
    json_array_foreach(feeds, index, feed)
    {
        records += p2p_demo_number(feed, "size");
    }
    p2p_demo_holds(demo,
                   "%lld records in %zu feeds, all witnessed, lag 0. At all seven the same "
                   "frontier %.12s, leaves %.12s, bans %.12s.",
                   (long long)records, json_array_size(feeds),
                   p2p_demo_text(status, "frontier_digest"),
                   p2p_demo_text(status, "leaves_digest"), p2p_demo_bans_digest(status));
}

bool p2p_demo_step_agree(struct p2p_demo *demo)
{
    json_t *status[P2P_DEMO_MEMBERS] = {NULL};
    uint64_t since_ms = p2p_demo_now_ms();
    char why[256];
    do {
        for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
            json_decref(status[m]);
            status[m] = p2p_demo_get(demo, m, "/v1/status");
        }
        compare(status, why, sizeof why);
    } while (*why != '\0' && p2p_demo_wait(demo, since_ms, NAP_MS));
    struct p2p_demo_said said = {0};
    bool agree = *why == '\0' || p2p_demo_false(demo, "%s", why);
    agree =
        agree &&
        p2p_demo_done(demo, P2P_DEMO_MEMBERS,
                      P2P_DEMO_WORDS("federation", "status", demo->fleet.federation), 0, &said);
    if (agree) {
        tell_agreement(demo, status[P2P_DEMO_COMMISSION]);
    }
    p2p_demo_said_deinit(&said);
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        json_decref(status[m]);
    }
    return agree;
}
