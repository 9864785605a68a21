#include "check.h"

#include "ban_world.h"

void ban_world_begin(struct ban_world *f)
{
    ledger_world_init(&f->world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        ledger_world_seen(&f->world, member);
    }
    ledger_node_init(&f->node, &f->world, 0);
}

void ban_world_end(struct ban_world *f)
{
    ledger_node_take_all(&f->node);
    ledger_node_check_digests(&f->node);
    ledger_node_deinit(&f->node);
    ledger_world_deinit(&f->world);
}

static const char *state_of(struct ban_world *f, struct p2p_record_id ban)
{
    ledger_node_take_all(&f->node);
    return p2p_ban_state_word(ledger_node_state(&f->node, CIRCLE_ALL, &ban));
}

void ban_world_check(struct ban_world *f, struct p2p_record_id ban, const char *expected)
{
    const char *got = state_of(f, ban);
    if (strcmp(got, expected) != 0) {
        print_error("ban %u:%llu is %s, not %s\n", ban.feed, (unsigned long long)ban.index, got,
                    expected);
    }
    CHECK(strcmp(got, expected) == 0);
}

struct p2p_record_id ban_world_impose(struct ban_world *f, uint32_t member, uint32_t issuer,
                                      enum p2p_ground ground, const char *scope)
{
    return ledger_world_ban(&f->world, member, issuer,
                            &(struct ledger_ban){.ground = ground, .scope = scope});
}

struct p2p_record_id ban_world_court(struct ban_world *f)
{
    return ban_world_impose(f, 1, COURT_1, P2P_GROUND_COURT, NULL);
}

struct p2p_record_id ban_world_act(struct ban_world *f, uint32_t member, uint32_t issuer,
                                   enum p2p_kind_number kind, struct p2p_record_id cited)
{
    return ledger_world_act(&f->world, member, issuer, kind, CIRCLE_ALL, &cited, 1);
}

struct p2p_record_id ban_world_by_court(struct ban_world *f, enum p2p_kind_number kind,
                                        struct p2p_record_id cited)
{
    return ban_world_act(f, 1, COURT_1, kind, cited);
}
