/* A container that moves to another port, and an override under the commission's eyes. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#define BARGE_BOX    "PTPU1000033"
#define OVERRULE_BOX "PTPU1000049"
#define CARD         "card:alfapass:4401187265"
#define TRUCK        "plate:BE:1PTP001"

/* Waits until a member knows the container in that state, at that holder. */
static bool custody_is(struct p2p_demo *demo, enum p2p_demo_member member,
                       const char *container, const char *state, const char *holder)
{
    char path[128];
    uint64_t since_ms = p2p_demo_now_ms();
    bool fits = false;
    snprintf(path, sizeof path, "/v1/custody/%s", container);
    while (!fits) {
        json_t *custody = p2p_demo_get(demo, member, path);
        fits = strcmp(p2p_demo_text(custody, "state"), state) == 0 &&
               strcmp(p2p_demo_text(custody, "holder"), holder) == 0;
        if (!fits && !p2p_demo_wait(demo, since_ms, 5)) {
            p2p_demo_false(demo, "%s knows %s as %s by %s, not %s by %s", p2p_demo_name(member),
                           container, p2p_demo_text(custody, "state"),
                           p2p_demo_text(custody, "holder"), state, holder);
            json_decref(custody);
            return false;
        }
        json_decref(custody);
    }
    return true;
}

bool p2p_demo_step_barge(struct p2p_demo *demo)
{
    char id[P2P_DEMO_ID_BYTES], decision[P2P_DEMO_ID_BYTES];
    if (!p2p_demo_release(demo, BARGE_BOX, id) || !p2p_demo_assign(demo, id, CARD) ||
        !P2P_DEMO_WRITE(P2P_DEMO_ANTWERP, NULL, "custody", "offer", BARGE_BOX, "--to", "belgg",
                        "--as", "beanr-terminal", "--level", "witnessed") ||
        !custody_is(demo, P2P_DEMO_LIEGE, BARGE_BOX, "offered", "beanr") ||
        !p2p_demo_cut(demo, P2P_DEMO_ANTWERP)) {
        return false;
    }
    /* Without a line Antwerp does not learn of the accept, and still must not release. */
    if (!p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, BARGE_BOX, CARD, TRUCK, "refuse",
                             "custody-elsewhere", decision) ||
        !P2P_DEMO_WRITE(P2P_DEMO_LIEGE, NULL, "custody", "accept", BARGE_BOX, "--as",
                        "belgg-terminal", "--level", "witnessed") ||
        !custody_is(demo, P2P_DEMO_BRUSSELS, BARGE_BOX, "held", "belgg") ||
        !custody_is(demo, P2P_DEMO_ANTWERP, BARGE_BOX, "offered", "beanr") ||
        !p2p_demo_collect_is(demo, P2P_DEMO_LIEGE, BARGE_BOX, CARD, TRUCK, "allow", NULL,
                             demo->collected) ||
        !p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, BARGE_BOX, CARD, TRUCK, "refuse",
                             "custody-elsewhere", NULL) ||
        !p2p_demo_mend(demo, P2P_DEMO_ANTWERP) || !p2p_demo_connected(demo, P2P_DEMO_ANTWERP)) {
        return false;
    }
    return p2p_demo_holds(demo,
                          "%s is offered to Liege, then Antwerp loses its line. Liege accepts "
                          "and releases (%s); Antwerp, which cannot know, refuses before (%s) "
                          "and after: no time-out gives it back.",
                          BARGE_BOX, demo->collected, decision);
}

/* What is promised: an override is seen within a second. */
#define OVERRIDE_SEEN_MS_MAX 1000u

/* How long until the commission's own list has the override. */
static bool commission_sees(struct p2p_demo *demo, const char *id, uint64_t *took_ms)
{
    uint64_t since_ms = p2p_demo_now_ms();
    char path[256];
    bool seen = false;
    snprintf(path, sizeof path, "/v1/records/%s", id);
    while (!seen) {
        json_t *record = p2p_demo_get(demo, P2P_DEMO_COMMISSION, path);
        seen = strcmp(p2p_demo_text(record, "kind"), "approve") == 0;
        json_decref(record);
        if (!seen && !p2p_demo_wait(demo, since_ms, 1)) {
            return p2p_demo_false(demo, "the commission does not see the override %s", id);
        }
    }
    *took_ms = p2p_demo_now_ms() - since_ms;
    return *took_ms <= OVERRIDE_SEEN_MS_MAX ||
           p2p_demo_false(demo, "the commission saw the override %s after %llu ms only", id,
                          (unsigned long long)*took_ms);
}

bool p2p_demo_step_override(struct p2p_demo *demo)
{
    char id[P2P_DEMO_ID_BYTES], override[P2P_DEMO_ID_BYTES], approve[P2P_DEMO_ID_BYTES];
    uint64_t took_ms = 0;
    if (!p2p_demo_release(demo, OVERRULE_BOX, id) || !p2p_demo_assign(demo, id, CARD) ||
        !P2P_DEMO_WRITE(P2P_DEMO_ANTWERP, NULL, "right", "light", id, "terminal", "hold",
                        "--as", "beanr-terminal") ||
        !p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, OVERRULE_BOX, CARD, TRUCK, "refuse",
                             "light-terminal", NULL) ||
        !P2P_DEMO_WRITE(P2P_DEMO_ANTWERP, override, "gate", "override", "--container",
                        OVERRULE_BOX, "--reason", "reefer failing: it has to leave", "--as",
                        "beanr-pso") ||
        !P2P_DEMO_WRITE(P2P_DEMO_ANTWERP, approve, "gate", "approve", override, "--as",
                        "beanr-pso2") ||
        !commission_sees(demo, approve, &took_ms) ||
        !p2p_demo_collect_is(demo, P2P_DEMO_ANTWERP, OVERRULE_BOX, CARD, TRUCK, "allow", NULL,
                             demo->collected)) {
        return false;
    }
    return p2p_demo_holds(demo,
                          "The terminal holds %s: refused. Two officers overrule it (%s, %s), "
                          "the commission sees it after %llu ms, the barrier opens (%s).",
                          OVERRULE_BOX, override, approve, (unsigned long long)took_ms,
                          demo->collected);
}
