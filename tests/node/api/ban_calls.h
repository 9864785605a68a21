/* Calls on bans of an api_world, with bodies as the JSON text that a client would send. */
#ifndef BAN_CALLS_H
#define BAN_CALLS_H

#include "api_world.h"

/* A case on a struct api_world made for it: the node of beanr, one of three members. */
#define BAN_TEST(name, world)                                                                  \
    cmocka_unit_test_prestate_setup_teardown(name, ban_world_setup, ban_world_teardown, world)
int ban_world_setup(void **world);
int ban_world_teardown(void **world);

/* The body that the text says; text that is no JSON fails the test. */
json_t *body_of(const char *text);
/* Posts and checks the code of the error; code NULL: none is looked for. The caller decrefs. */
json_t *post(struct api_world *world, const char *path, const char *text, int status,
             const char *code);
/* The same, and that the error has a text. */
void refused(struct api_world *world, const char *path, const char *text, int status,
             const char *code);

/* One ban; the caller decrefs. */
json_t *show_ban(struct api_world *world, const char *id);
/* How many bans a list holds; query may be NULL. */
size_t listed(struct api_world *world, const char *query);
/* Imports count bans as beanr-pso, on plates numbered from `from`. */
void import_plates(struct api_world *world, unsigned from, unsigned count, int status);

#endif
