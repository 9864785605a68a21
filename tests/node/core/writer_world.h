/* One of three members on its real files, which can be closed, set aside and opened again, and
 * what its tests ask of it. Its store goes through mdb_fault.h. */
#ifndef WRITER_WORLD_H
#define WRITER_WORLD_H

#include "api_world.h"

/* A case on a struct api_world made for it, the node that of beanr, its address record
 * appended; afterwards every fault is disarmed. The node may be closed by then. */
#define WRITER_TEST(name, world)                                                               \
    cmocka_unit_test_prestate_setup_teardown(name, writer_world_setup, writer_world_teardown,  \
                                             world)
int writer_world_setup(void **world);
int writer_world_teardown(void **world);

void open_node(struct api_world *world);
void close_node(struct api_world *world);
/* Sets aside all that a node is made of, or puts it back; the node is closed. */
void keep_files(struct api_world *world, bool back);
/* The spool of the closed node; the caller closes it. */
struct p2p_spool *open_spool(struct api_world *world);

/* Bodies; the caller passes them on. level NULL: none is waited for. */
json_t *ban_body(unsigned n, const char *level);
json_t *check_body(void);
/* A call whose status may be anything, which is returned; body is taken. */
int try_post(struct api_world *world, const char *path, json_t *body);

size_t bans(struct api_world *world);
/* What the gate's log holds, after a batch that appended what waited. */
size_t decisions(struct api_world *world);
/* word NULL: the node appends. */
void check_read_only(struct api_world *world, const char *word);
/* A node that does not append answers all the same, and says so. */
void check_is_spooled(struct api_world *world);

#endif
