/* What each test of a right begins with: m1 has opened custody and issued the right to m2, in
 * the federation of right_world.h. Definitions, not declarations: a test program includes this
 * once.
 */
#ifndef RIGHT_CASE_H
#define RIGHT_CASE_H

#include "check.h"
#include "ledger_history.h"
#include "right_world.h"

#include <p2p/kind.h>

struct right_case {
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_record_id token;
    struct p2p_record_id right;
};

static inline void begin(struct right_case *f)
{
    ledger_world_init(&f->world);
    custody_world_init(&f->world);
    ledger_world_grant(&f->world, YARD_OF(1), 1, "override", "*");
    f->token = custody_world_open(&f->world, 1, CUSTODY_BOX);
    f->right = right_world_issue(&f->world, 1, f->token, PARTY_OF(2));
    ledger_node_init(&f->node, &f->world, 0);
}

static inline void end(struct right_case *f)
{
    struct ledger_node other; /* in another order, the same */
    ledger_node_take_all(&f->node);
    ledger_node_init(&other, &f->world, 0);
    ledger_node_begin(&other);
    ledger_node_charter(&other, f->world.entry_count);
    for (uint32_t feed = LEDGER_WORLD_MEMBERS; feed >= 1; feed--) {
        ledger_node_take(&other, feed, ledger_world_size(&f->world, feed));
        ledger_node_end(&other);
        ledger_node_begin(&other);
    }
    ledger_node_end(&other);
    ledger_node_check_same(&f->node, &other);
    ledger_node_deinit(&other);
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

static inline struct p2p_right now(struct right_case *f)
{
    ledger_node_take_all(&f->node);
    return right_of(&f->node, f->right);
}

static inline void check_state(struct right_case *f, const char *expected)
{
    struct p2p_right right = now(f);
    const char *got = p2p_right_state_word(p2p_right_state_at(&right, LEDGER_WORLD_TIME_MS));
    if (strcmp(got, expected) != 0) {
        print_error("the right is %s, not %s\n", got, expected);
    }
    CHECK(strcmp(got, expected) == 0);
}

static inline struct p2p_record_id ask(struct right_case *f, uint32_t member,
                                       enum p2p_kind_number kind)
{
    return right_world_act(&f->world, member,
                           &(struct right_act){.kind = kind, .right = f->right});
}

static inline struct p2p_record_id pass(struct right_case *f, uint32_t member, uint32_t to)
{
    return right_world_act(
        &f->world, member,
        &(struct right_act){.kind = P2P_KIND_RIGHT_TRANSFER, .right = f->right, .to = to});
}

static inline struct p2p_record_id assign(struct right_case *f, uint32_t member)
{
    return right_world_act(&f->world, member,
                           &(struct right_act){.kind = P2P_KIND_RIGHT_ASSIGN,
                                               .right = f->right,
                                               .driver = "card:alfapass:1234567",
                                               .truck = "plate:BE:1ABC234",
                                               .slot_from_ms = 1000,
                                               .slot_until_ms = 2000});
}

static inline struct p2p_record_id light(struct right_case *f, uint32_t member,
                                         enum p2p_light which, unsigned value)
{
    return right_world_act(
        &f->world, member,
        &(struct right_act){
            .kind = P2P_KIND_RIGHT_LIGHT, .right = f->right, .light = which, .value = value});
}

/* m1 holds the token first, and rules. */
static inline struct p2p_record_id rule(struct right_case *f, struct p2p_record_id request)
{
    return right_world_rule(&f->world, 1, &request, 1, 1, 0);
}

static inline void ruled(struct right_case *f, uint32_t member, enum p2p_kind_number kind)
{
    rule(f, ask(f, member, kind));
}

static inline bool same(struct p2p_record_id a, struct p2p_record_id b)
{
    return p2p_record_id_compare(&a, &b) == 0;
}

/* Takes so much of a feed, in a batch of its own. */
static inline void take(struct right_case *f, uint32_t feed, uint64_t size)
{
    ledger_node_begin(&f->node);
    ledger_node_charter(&f->node, f->world.entry_count);
    ledger_node_take(&f->node, feed, size);
    ledger_node_end(&f->node);
}

#endif
