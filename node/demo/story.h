/* The story: one claim per step, each shown by a function. */
#ifndef P2P_DEMO_STORY_H
#define P2P_DEMO_STORY_H

#include "demo.h"

/* Tells it all. True when every claim held; the first that does not ends it, as an interrupt
 * does. The report and the screen have every claim that was decided. */
bool p2p_demo_story_tell(struct p2p_demo *demo);

/* step_begin.c */
bool p2p_demo_step_up(struct p2p_demo *demo);
bool p2p_demo_step_import(struct p2p_demo *demo);
bool p2p_demo_step_everywhere(struct p2p_demo *demo);
bool p2p_demo_step_gate(struct p2p_demo *demo);
/* step_cut.c */
bool p2p_demo_step_cut_off(struct p2p_demo *demo);
bool p2p_demo_step_back(struct p2p_demo *demo);
/* step_crash.c */
bool p2p_demo_step_killed(struct p2p_demo *demo);
/* step_person.c */
bool p2p_demo_step_lift(struct p2p_demo *demo);
bool p2p_demo_step_person(struct p2p_demo *demo);
/* step_key.c */
bool p2p_demo_step_revoke(struct p2p_demo *demo);
bool p2p_demo_step_agree(struct p2p_demo *demo);

#endif
