#include "story.h"

#include <errno.h>
#include <string.h>

static const struct step {
    const char *claim;
    bool (*show)(struct p2p_demo *demo);
} steps[] = {
    {"Seven nodes run, each with its own keys and store, all connected over mutual TLS.",
     p2p_demo_step_up},
    {"Antwerp imports the EU's list of banned ships: 633 lines, 632 ships.",
     p2p_demo_step_import},
    {"Every port has the whole list.", p2p_demo_step_everywhere},
    {"Ghent refuses a listed ship and lets an unlisted one call.", p2p_demo_step_gate},
    {"Ghent is cut off: it still decides, and one sees its knowledge grow old.",
     p2p_demo_step_cut_off},
    {"The line comes back, and the new ban holds at Ghent.", p2p_demo_step_back},
    {"Liege is killed (SIGKILL) while it takes in bans, and comes back with nothing lost.",
     p2p_demo_step_killed},
    {"A lift spreads as surely as a ban.", p2p_demo_step_lift},
    {"A court bans a person: every gate knows the card, no store holds its number.",
     p2p_demo_step_person},
    {"An officer's stolen key is revoked: what it signed before holds, nothing after does.",
     p2p_demo_step_revoke},
    {"A right to collect passes from carrier to forwarder to haulier, and no PIN exists.",
     p2p_demo_step_right},
    {"A driver with a court's port ban is refused at the barrier, though all else is green.",
     p2p_demo_step_banned_driver},
    {"Customs blocks a container and releases it; then the right driver collects.",
     p2p_demo_step_block},
    {"A container leaves once: not a second time, not by two lanes at once.",
     p2p_demo_step_once},
    {"A container goes to Liege by barge; Antwerp, cut off, cannot release it any more.",
     p2p_demo_step_barge},
    {"Two officers overrule a light, and the commission sees it.", p2p_demo_step_override},
    {"The commission shows that all seven agree.", p2p_demo_step_agree},
};

bool p2p_demo_story_tell(struct p2p_demo *demo)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t ms = 0;
        demo->evidence[0] = '\0';
        p2p_demo_screen_doing(&demo->screen, i + 1, steps[i].claim, p2p_demo_now_ms());
        bool holds = steps[i].show(demo);
        if (!holds && p2p_demo_stopped()) {
            return false;
        }
        if (!p2p_demo_report_add(&demo->report, steps[i].claim, holds, demo->evidence,
                                 p2p_demo_now_ms(), &ms)) {
            holds = p2p_demo_false(demo, "%s cannot be written: %s", demo->report.path,
                                   strerror(errno));
        }
        p2p_demo_screen_claim(&demo->screen, holds, steps[i].claim, ms, demo->evidence);
        if (!holds) {
            return false;
        }
    }
    return true;
}
