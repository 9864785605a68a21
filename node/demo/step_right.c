/* One container's right, from the carrier to the driver at the barrier; and what stops him. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

/* Containers of an owner code that nobody has, with right check digits; a driver of nobody. */
#define FIRST_BOX   "PTPU1000012"
#define SECOND_BOX  "PTPU1000028"
#define BANNED_CARD "card:alfapass:7305518264" /* a court's ban of step_person.c */
#define CARD        "card:alfapass:4401187265"
#define TRUCK       "plate:BE:1PTP001"

/* ---- asking ---- */

bool p2p_demo_write(struct p2p_demo *demo, enum p2p_demo_member member,
                    const char *const *words, char id[P2P_DEMO_ID_BYTES])
{
    struct p2p_demo_said said = {0};
    bool done = p2p_demo_done(demo, member, words, 0, &said);
    if (id != NULL) {
        snprintf(id, P2P_DEMO_ID_BYTES, "%s", p2p_demo_text(p2p_demo_said_first(&said), "id"));
    }
    p2p_demo_said_deinit(&said);
    return done;
}
static bool says(const json_t *reply, const char *code)
{
    size_t index = 0;
    const json_t *reason = NULL;
    json_array_foreach(json_object_get(reply, "reasons"), index, reason)
    {
        if (strcmp(p2p_demo_text(reason, "code"), code) == 0) {
            return true;
        }
    }
    return code == NULL;
}

bool p2p_demo_collect_is(struct p2p_demo *demo, enum p2p_demo_member member,
                         const char *container, const char *driver, const char *truck,
                         const char *answer, const char *code, char decision[P2P_DEMO_ID_BYTES])
{
    struct p2p_demo_said said = {0};
    if (!p2p_demo_run(demo, member,
                      P2P_DEMO_WORDS("gate", "collect", "--container", container, "--subject",
                                     driver, "--subject", truck),
                      &said)) {
        p2p_demo_said_deinit(&said);
        return false;
    }
    const json_t *reply = p2p_demo_said_first(&said);
    const char *got = p2p_demo_text(reply, "answer");
    bool fits = strcmp(got, answer) == 0 && (code == NULL || says(reply, code));
    if (!fits) {
        const json_t *reason = json_array_get(json_object_get(reply, "reasons"), 0);
        p2p_demo_false(demo, "the barrier at %s answered %s for %s, not %s%s%s (%s%s%s)",
                       p2p_demo_name(member), *got != '\0' ? got : "nothing", container, answer,
                       code != NULL ? ", " : "", code != NULL ? code : "",
                       p2p_demo_text(reason, "code"), reason != NULL ? ": " : "",
                       reason != NULL ? p2p_demo_text(reason, "text") : said.error);
    }
    if (decision != NULL) {
        snprintf(decision, P2P_DEMO_ID_BYTES, "%s", p2p_demo_text(reply, "decision"));
    }
    p2p_demo_said_deinit(&said);
    return fits;
}

/* A right at another member, once it is in that state there with nothing left to rule. */
static bool shown_at(struct p2p_demo *demo, enum p2p_demo_member member, const char *id,
                     const char *state, const char *party)
{
    char path[256];
    uint64_t since_ms = p2p_demo_now_ms();
    bool fits = false;
    snprintf(path, sizeof path, "/v1/rights/%s", id);
    while (!fits) {
        json_t *right = p2p_demo_get(demo, member, path);
        fits = strcmp(p2p_demo_text(right, "state"), state) == 0 &&
               strcmp(p2p_demo_text(right, "party"), party) == 0 &&
               json_array_size(json_object_get(right, "unruled")) == 0;
        if (!fits && !p2p_demo_wait(demo, since_ms, 5)) {
            p2p_demo_false(demo, "%s shows %s as %s of %s, not %s of %s", p2p_demo_name(member),
                           id, p2p_demo_text(right, "state"), p2p_demo_text(right, "party"),
                           state, party);
            json_decref(right);
            return false;
        }
        json_decref(right);
    }
    return true;
}

/* ---- the way of a right ---- */

/* Custody, a right that is accepted by the haulier, and all lights green; no driver yet. */
bool p2p_demo_release(struct p2p_demo *demo, const char *container, char id[P2P_DEMO_ID_BYTES])
{
    static const char *const lights[][3] = {
        {"commercial", "ok", "beanr-carrier"},
        {"customs", "released", "beanr-customs"},
        {"discharge", "discharged", "beanr-terminal"},
        {"terminal", "released", "beanr-terminal"},
    };
    const enum p2p_demo_member at = P2P_DEMO_ANTWERP;
    bool done =
        P2P_DEMO_WRITE(at, NULL, "custody", "open", "--container", container, "--call",
                       "PTP EXPRESS 41", "--facility", "beanr-f1", "--as", "beanr-terminal") &&
        P2P_DEMO_WRITE(at, id, "right", "issue", "--container", container, "--bl", "PTP4101",
                       "--to", "beanr-forwarder", "--as", "beanr-carrier") &&
        P2P_DEMO_WRITE(at, NULL, "right", "accept", id, "--as", "beanr-forwarder") &&
        P2P_DEMO_WRITE(at, NULL, "right", "transfer", id, "--to", "beanr-haulier", "--as",
                       "beanr-forwarder") &&
        P2P_DEMO_WRITE(at, NULL, "right", "accept", id, "--as", "beanr-haulier");
    for (size_t i = 0; done && i < sizeof lights / sizeof lights[0]; i++) {
        done = P2P_DEMO_WRITE(at, NULL, "right", "light", id, lights[i][0], lights[i][1],
                              "--as", lights[i][2]);
    }
    return done;
}

bool p2p_demo_assign(struct p2p_demo *demo, const char *id, const char *driver)
{
    return P2P_DEMO_WRITE(P2P_DEMO_ANTWERP, NULL, "right", "assign", id, "--driver", driver,
                          "--truck", TRUCK, "--as", "beanr-haulier");
}

bool p2p_demo_step_right(struct p2p_demo *demo)
{
    uint64_t since_ms = p2p_demo_now_ms();
    if (!p2p_demo_release(demo, FIRST_BOX, demo->right) ||
        !shown_at(demo, P2P_DEMO_LIEGE, demo->right, "ACTIVE", "beanr-haulier")) {
        return false;
    }
    uint64_t took_ms = p2p_demo_now_ms() - since_ms;
    return p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, FIRST_BOX, CARD, TRUCK, "refuse",
                               "not-accepted", NULL) &&
           p2p_demo_holds(demo,
                          "%s in Antwerp: carrier, forwarder, haulier, each accepted, all four "
                          "lights green; seen so at Liege %llu ms after the first word (right "
                          "%s). Nobody was given a PIN: without a driver's name the barrier "
                          "refuses.",
                          FIRST_BOX, (unsigned long long)took_ms, demo->right);
}

bool p2p_demo_step_banned_driver(struct p2p_demo *demo)
{
    char decision[P2P_DEMO_ID_BYTES];
    return p2p_demo_assign(demo, demo->right, BANNED_CARD) &&
           p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, FIRST_BOX, BANNED_CARD, TRUCK, "refuse",
                               "banned", decision) &&
           p2p_demo_assign(demo, demo->right, CARD) &&
           p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, FIRST_BOX, BANNED_CARD, TRUCK, "refuse",
                               "wrong-driver", NULL) &&
           p2p_demo_holds(demo,
                          "The haulier names the driver whom the court of Bruges banned: every "
                          "light is green, and the barrier refuses, `banned` (%s). It names "
                          "another; the first one is now `wrong-driver` besides.",
                          decision);
}

bool p2p_demo_step_block(struct p2p_demo *demo)
{
    return P2P_DEMO_WRITE(P2P_DEMO_ANTWERP, NULL, "right", "block", demo->right, "--reason",
                          "to be scanned", "--as", "beanr-customs") &&
           p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, FIRST_BOX, CARD, TRUCK, "refuse",
                               "blocked", NULL) &&
           P2P_DEMO_WRITE(P2P_DEMO_ANTWERP, NULL, "right", "unblock", demo->right, "--reason",
                          "scanned: nothing found", "--as", "beanr-customs") &&
           p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, FIRST_BOX, CARD, TRUCK, "allow", NULL,
                               demo->collected) &&
           p2p_demo_holds(demo,
                          "Blocked by customs: refused at once. Unblocked: the right driver "
                          "drives out with %s (decision %s).",
                          FIRST_BOX, demo->collected);
}

/* ---- once, whatever is tried ---- */

/* Two lanes ask at the same moment. */
static bool two_lanes(struct p2p_demo *demo, const char *container, size_t *allowed,
                      size_t *used)
{
    struct p2p_demo_command lanes[2] = {{0}, {0}};
    static const char *const names[] = {"lane-1", "lane-2"};
    bool done = true;
    *allowed = *used = 0;
    for (size_t i = 0; i < 2 && done; i++) {
        struct p2p_demo_said said = {0};
        done = p2p_demo_command_start(
                   &lanes[i], demo->fleet.binary, demo->fleet.members[P2P_DEMO_ANTWERP],
                   P2P_DEMO_WORDS("gate", "collect", "--container", container, "--subject",
                                  CARD, "--subject", TRUCK, "--gate", names[i]),
                   &said) ||
               p2p_demo_false(demo, "%s", said.error);
        p2p_demo_said_deinit(&said);
    }
    uint64_t since_ms = p2p_demo_now_ms();
    for (size_t i = 0; i < 2 && done; i++) {
        struct p2p_demo_said said = {0};
        while (done && !p2p_demo_command_turn(&lanes[i], 10)) {
            done = p2p_demo_wait(demo, since_ms, 0) ||
                   p2p_demo_false(demo, "%s does not answer", names[i]);
        }
        if (done) {
            p2p_demo_command_said(&lanes[i], &said);
            const json_t *reply = p2p_demo_said_first(&said);
            *allowed += strcmp(p2p_demo_text(reply, "answer"), "allow") == 0;
            *used += says(reply, "used");
        }
        p2p_demo_said_deinit(&said);
    }
    for (size_t i = 0; i < 2; i++) {
        p2p_demo_command_stop(&lanes[i]);
    }
    return done;
}

bool p2p_demo_step_once(struct p2p_demo *demo)
{
    char id[P2P_DEMO_ID_BYTES];
    size_t allowed = 0, used = 0;
    if (!p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, FIRST_BOX, CARD, TRUCK, "refuse", "used",
                             NULL) ||
        !p2p_demo_release(demo, SECOND_BOX, id) || !p2p_demo_assign(demo, id, CARD) ||
        !two_lanes(demo, SECOND_BOX, &allowed, &used)) {
        return false;
    }
    if (allowed != 1 || used != 1) {
        return p2p_demo_false(demo, "two lanes at once: %zu were allowed, %zu told `used`",
                              allowed, used);
    }
    return p2p_demo_holds(demo,
                          "Whoever comes for %s again is refused, `used`. Two lanes ask for %s "
                          "at the same moment: one is allowed, the other told `used`.",
                          FIRST_BOX, SECOND_BOX);
}
