/* One node of a sandbox in a directory of its own, opened without a daemon, and calls to its
 * API as a command makes them. A reply with another status than expected fails the test and
 * prints what it said. */
#ifndef API_WORLD_H
#define API_WORLD_H

#include "check.h"
#include "node_state.h"
#include "temp_dir.h"

#include <p2p/api.h>

struct api_world {
    struct temp_dir dir;
    struct p2p_node *node;
};

/* members as for the sandbox; the node is that of `member`. */
void api_world_make(struct api_world *world, const char *members, const char *member);
void api_world_free(struct api_world *world);

/* body is taken, NULL for none; query may be NULL. The caller decrefs the reply. */
json_t *api_call(struct api_world *world, const char *method, const char *path,
                 const char *query, json_t *body, int status);
json_t *api_get(struct api_world *world, const char *path, int status);
json_t *api_post(struct api_world *world, const char *path, json_t *body, int status);

const char *text_of(const json_t *object, const char *key); /* "" when there is none */
json_int_t number_of(const json_t *object, const char *key);
/* The element of an array of objects whose `key` is `text`; NULL when none is. */
json_t *find_row(const json_t *rows, const char *key, const char *text);
/* Imposes a ban as beanr-pso, or whoever; returns its id in out. */
void impose(struct api_world *world, const char *as, const char *subject, char out[64]);

#endif
