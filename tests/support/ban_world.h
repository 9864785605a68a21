/* Bans in a ledger_world with one node that takes all: what most tests of bans begin with. */
#ifndef BAN_WORLD_H
#define BAN_WORLD_H

#include "ledger_node.h"

struct ban_world {
    struct ledger_world world;
    struct ledger_node node;
};

/* Every member has told how far the charter goes. */
void ban_world_begin(struct ban_world *f);
/* Takes what is left, and looks whether digests are those of the records. */
void ban_world_end(struct ban_world *f);
/* The state a ban has, after everything written so far was taken. */
void ban_world_check(struct ban_world *f, struct p2p_record_id ban, const char *expected);

struct p2p_record_id ban_world_impose(struct ban_world *f, uint32_t member, uint32_t issuer,
                                      enum p2p_ground ground, const char *scope);
struct p2p_record_id ban_world_act(struct ban_world *f, uint32_t member, uint32_t issuer,
                                   enum p2p_kind_number kind, struct p2p_record_id cited);
/* The same by member 1's court. */
struct p2p_record_id ban_world_court(struct ban_world *f);
struct p2p_record_id ban_world_by_court(struct ban_world *f, enum p2p_kind_number kind,
                                        struct p2p_record_id cited);

#endif
