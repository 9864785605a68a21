/* Calls that become works, and batches of them run by hand where the daemon's thread would. */
#ifndef ASKED_H
#define ASKED_H

#include "api_world.h"

enum { ASKED_MAX = 700 };

struct asked {
    struct p2p_work *work;
    void (*finish)(struct p2p_work *work, struct p2p_node *node); /* for a test that looks in */
    struct p2p_api_reply reply;                                   /* status 0 until answered */
};

struct asked_list {
    struct asked item[ASKED_MAX];
    size_t count;
};

/* Nothing runs yet; body is taken. What comes back lives in the list. */
struct asked *ask(struct api_world *world, struct asked_list *list, const char *path,
                  json_t *body);
/* One batch of list->item[first...] and inputs, which are taken and may be NULL. Returns how
 * many works came out, in *closes (may be NULL) how many links it would close. */
size_t run_asked(struct api_world *world, struct asked_list *list, size_t first,
                 struct p2p_input *inputs, size_t *closes);
void release_works(struct p2p_work *works);
void forget_asked(struct asked_list *list);

#endif
