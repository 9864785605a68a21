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
/* step_right.c: runs a verb that appends; id [out]: of the record, may be NULL. */
bool p2p_demo_write(struct p2p_demo *demo, enum p2p_demo_member member,
                    const char *const *words, char id[P2P_DEMO_ID_BYTES]);
#define P2P_DEMO_WRITE(member, id, ...)                                                        \
    p2p_demo_write(demo, member, P2P_DEMO_WORDS(__VA_ARGS__), id)
/* step_right.c: a collect that must be answered so, for that reason (NULL: any); decision may
 * be NULL. */
bool p2p_demo_collect_is(struct p2p_demo *demo, enum p2p_demo_member member,
                         const char *container, const char *driver, const char *truck,
                         const char *answer, const char *code,
                         char decision[P2P_DEMO_ID_BYTES]);
/* Everything for a release in Antwerp but the driver; then he. */
bool p2p_demo_release(struct p2p_demo *demo, const char *container, char id[P2P_DEMO_ID_BYTES]);
bool p2p_demo_assign(struct p2p_demo *demo, const char *id, const char *driver);
bool p2p_demo_step_right(struct p2p_demo *demo);
bool p2p_demo_step_banned_driver(struct p2p_demo *demo);
bool p2p_demo_step_block(struct p2p_demo *demo);
bool p2p_demo_step_once(struct p2p_demo *demo);
/* step_custody.c */
bool p2p_demo_step_barge(struct p2p_demo *demo);
bool p2p_demo_step_override(struct p2p_demo *demo);
/* step_key.c */
bool p2p_demo_step_revoke(struct p2p_demo *demo);
bool p2p_demo_step_agree(struct p2p_demo *demo);

#endif
