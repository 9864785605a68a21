/* Rights in the federation of custody_world.h. Parties are its custody issuers, who are granted
 * everything that rights need but `approve`, which the yard issuers have. Everything stands in
 * circle `all`; a `seen` of everything goes before each record, unless said otherwise. */
#ifndef RIGHT_WORLD_H
#define RIGHT_WORLD_H

#include "custody_world.h"

#include <p2p/right.h>

#define PARTY_OF(m)      CUSTODY_OF(m)
#define RIGHT_EXPIRES_MS (LEDGER_WORLD_TIME_MS + UINT64_C(86400000))

/* An issue by the party of a member, in its feed, of CUSTODY_BOX or another container. */
struct p2p_record_id right_world_issue(struct ledger_world *world, uint32_t member,
                                       struct p2p_record_id token, uint32_t to);
struct p2p_record_id right_world_issue_of(struct ledger_world *world, uint32_t member,
                                          struct p2p_record_id token, const char *container,
                                          uint32_t to);

struct right_act {
    enum p2p_kind_number kind;
    struct p2p_record_id right;
    const struct p2p_record_id *about; /* what else it cites, or NULL */
    uint32_t issuer;                   /* 0: the member's party */
    uint32_t to;                       /* transfer */
    const char *container;             /* override; NULL: CUSTODY_BOX */
    const char *driver;                /* assign */
    const char *truck;
    uint64_t slot_from_ms, slot_until_ms;
    enum p2p_light light; /* right-light, and its value */
    unsigned value;
    bool no_seen;
};
struct p2p_record_id right_world_act(struct ledger_world *world, uint32_t member,
                                     const struct right_act *act);
/* A ruling in a feed. rests: a checkpoint of this feed as written so far; 0: none. */
struct p2p_record_id right_world_rule(struct ledger_world *world, uint32_t feed,
                                      const struct p2p_record_id *requests, size_t count,
                                      uint64_t epoch, uint32_t rests);
/* A release in a feed that cites token and right. */
struct p2p_record_id right_world_use(struct ledger_world *world, uint32_t feed,
                                     struct p2p_record_id token, struct p2p_record_id right,
                                     uint64_t epoch);

/* A right as a node has it. Its slices live until so many more were asked for. */
#define RIGHTS_LENT 8u
struct p2p_right right_of(struct ledger_node *node, struct p2p_record_id right);

#endif
