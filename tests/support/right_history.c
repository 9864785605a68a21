#include "check.h"

#include "ledger_history.h"
#include "right_history.h"

#include <p2p/rescued.h>

#include <stdlib.h>

enum {
    TOKENS_MAX = 4,
    RIGHTS_MAX = 8,
    REQUESTS_MAX = 512,
    LOST_MAX = 16,
    LATE_ISSUER = 14 /* m2: named by no entry at first */
};

struct history {
    struct ledger_world *world;
    struct rng *rng;
    struct ledger_node node; /* knows everything written so far */
    struct p2p_record_id tokens[TOKENS_MAX];
    size_t token_count;
    struct p2p_record_id rights[RIGHTS_MAX];
    size_t right_token[RIGHTS_MAX];
    size_t right_count;
    struct p2p_record_id requests[REQUESTS_MAX];
    size_t request_count;
    struct written lost[LOST_MAX]; /* blocks of another branch: owned, and in no feed */
    size_t lost_count;
};

static bool one_in(struct history *history, size_t n)
{
    return rng_below(history->rng, n) == 0;
}

static uint32_t any_member(struct history *history)
{
    return 1 + (uint32_t)rng_below(history->rng, LEDGER_WORLD_MEMBERS);
}

static uint32_t member_of(const struct history *history, uint32_t issuer)
{
    return p2p_charter_issuer(history->world->charter, issuer)->member;
}

static const char *const boxes[] = {CUSTODY_BOX, "MSCU1000070", "HBMU2699702"};

static void add_open(struct history *history)
{
    if (history->token_count < TOKENS_MAX) {
        uint32_t member = any_member(history);
        history->tokens[history->token_count] =
            custody_world_open(history->world, member, boxes[history->token_count % 3]);
        history->token_count++;
    }
}

static void add_issue(struct history *history)
{
    if (history->right_count == RIGHTS_MAX || history->token_count == 0) {
        return;
    }
    size_t token = rng_below(history->rng, history->token_count);
    uint32_t member = any_member(history);
    history->right_token[history->right_count] = token;
    uint32_t to = PARTY_OF(any_member(history));
    /* Now and then of another box than stands there. */
    const char *box = boxes[(history->right_count % 8 == 5 ? token + 1 : token) % 3];
    history->rights[history->right_count++] =
        right_world_issue_of(history->world, member, history->tokens[token], box, to);
}

static void keep(struct history *history, struct p2p_record_id request)
{
    if (history->request_count < REQUESTS_MAX) {
        history->requests[history->request_count++] = request;
    }
}

/* Who holds the token rules what waits: some of it, or all. False when nothing does. */
static bool rule_waiting(struct history *history, size_t at)
{
    struct p2p_right right = right_of(&history->node, history->rights[at]);
    struct p2p_custody token =
        custody_of(&history->node, history->tokens[history->right_token[at]]);
    if (right.unruled_count == 0) {
        return false;
    }
    size_t count = one_in(history, 2) ? right.unruled_count
                                      : 1 + rng_below(history->rng, right.unruled_count);
    right_world_rule(history->world, token.holder, right.unruled, count, token.epoch,
                     one_in(history, 10) ? 0 : token.rests_feed);
    return true;
}

/* What the party whose turn it is may do. */
static enum p2p_kind_number sensible(struct history *history, const struct p2p_right *right,
                                     uint32_t *member)
{
    static const enum p2p_kind_number held[] = {
        P2P_KIND_RIGHT_TRANSFER, P2P_KIND_RIGHT_TRANSFER, P2P_KIND_RIGHT_ASSIGN,
        P2P_KIND_RIGHT_ASSIGN,   P2P_KIND_RIGHT_UNASSIGN, P2P_KIND_RIGHT_RETURN};
    switch (right->below) {
    case P2P_RIGHT_PENDING:
        *member = member_of(history, one_in(history, 6) ? p2p_right_giver(right)
                                                        : p2p_right_pending(right));
        return one_in(history, 6)   ? P2P_KIND_RIGHT_DECLINE
               : one_in(history, 6) ? P2P_KIND_RIGHT_REVOKE
                                    : P2P_KIND_RIGHT_ACCEPT;
    case P2P_RIGHT_ACTIVE:
        *member = member_of(history, p2p_right_holder(right));
        return held[rng_below(history->rng, 6)];
    case P2P_RIGHT_USED:
        return P2P_KIND_RIGHT_GATE_OUT;
    default:
        *member = member_of(history, right->first);
        return P2P_KIND_RIGHT_TRANSFER;
    }
}

/* What anybody may do. */
static enum p2p_kind_number anything(struct history *history)
{
    static const enum p2p_kind_number kinds[] = {
        P2P_KIND_RIGHT_LIGHT,  P2P_KIND_RIGHT_LIGHT,    P2P_KIND_RIGHT_LIGHT,
        P2P_KIND_RIGHT_LIGHT,  P2P_KIND_RIGHT_BLOCK,    P2P_KIND_RIGHT_UNBLOCK,
        P2P_KIND_RIGHT_CANCEL, P2P_KIND_RIGHT_REVOKE,   P2P_KIND_RIGHT_ACCEPT,
        P2P_KIND_RIGHT_ASSIGN, P2P_KIND_RIGHT_TRANSFER, P2P_KIND_RIGHT_GATE_OUT};
    size_t pick = rng_below(history->rng, sizeof(kinds) / sizeof(kinds[0]));
    bool ends = kinds[pick] == P2P_KIND_RIGHT_CANCEL || kinds[pick] == P2P_KIND_RIGHT_REVOKE;
    return ends && !one_in(history, 2) ? P2P_KIND_RIGHT_LIGHT : kinds[pick];
}

static void add_request(struct history *history)
{
    size_t at = rng_below(history->rng, history->right_count);
    struct p2p_right right = right_of(&history->node, history->rights[at]);
    struct right_act act = {.right = history->rights[at]};
    uint32_t member = any_member(history);
    act.kind = one_in(history, 2) ? sensible(history, &right, &member) : anything(history);
    act.to = act.kind == P2P_KIND_RIGHT_TRANSFER ? PARTY_OF(any_member(history)) : 0;
    if (act.kind == P2P_KIND_RIGHT_ASSIGN) {
        act.driver = one_in(history, 2) ? "card:alfapass:1" : "card:alfapass:2";
        act.truck = one_in(history, 2) ? "plate:BE:1ABC234" : NULL;
    }
    if (act.kind == P2P_KIND_RIGHT_LIGHT) {
        act.light = (enum p2p_light)rng_below(history->rng, P2P_LIGHT_COUNT);
        act.value = one_in(history, 2) ? 0 : 1 + (unsigned)rng_below(history->rng, 4);
        act.value = p2p_light_value(act.light, act.value) != NULL ? act.value : 1;
    }
    if (act.kind == P2P_KIND_RIGHT_UNBLOCK && right.block_count > 0) {
        act.about = &right.blocks[rng_below(history->rng, right.block_count)];
    } else if (act.kind != P2P_KIND_RIGHT_UNBLOCK && one_in(history, 10)) {
        act.about = &history->rights[rng_below(history->rng, history->right_count)];
    } else if (one_in(history, 25) && history->request_count > 0) {
        act.about = &history->requests[rng_below(history->rng, history->request_count)];
    }
    act.issuer = one_in(history, 12) ? YARD_OF(member) : 0;
    act.no_seen = one_in(history, 5);
    keep(history, right_world_act(history->world, member, &act));
    ledger_node_take_all(&history->node);
    if (one_in(history, 2)) {
        rule_waiting(history, at);
    }
}

/* What waits, or anything, by anybody. */
static void add_ruling(struct history *history)
{
    size_t at = rng_below(history->rng, history->right_count);
    struct p2p_record_id requests[2];
    if ((!one_in(history, 4) && rule_waiting(history, at)) || history->request_count == 0) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        requests[i] = history->requests[rng_below(history->rng, history->request_count)];
    }
    struct p2p_custody token =
        custody_of(&history->node, history->tokens[history->right_token[at]]);
    right_world_rule(history->world, one_in(history, 2) ? token.holder : any_member(history),
                     requests, 1 + rng_below(history->rng, 2), 1 + rng_below(history->rng, 3),
                     one_in(history, 2) ? any_member(history) : 0);
}

static void add_custody(struct history *history)
{
    size_t at = rng_below(history->rng, history->token_count);
    struct p2p_record_id id = history->tokens[at];
    struct p2p_custody token = custody_of(&history->node, id);
    if (token.state == P2P_CUSTODY_OFFERED) {
        custody_world_answer(
            history->world, p2p_charter_member(history->world->charter, token.to)->feed,
            one_in(history, 4) ? P2P_KIND_CUSTODY_REFUSE : P2P_KIND_CUSTODY_ACCEPT, id,
            token.step, token.epoch + 1);
    } else if (token.state == P2P_CUSTODY_HELD && token.frozen != 0) {
        custody_world_recount(history->world, token.holder, id, token.epoch, "held");
    } else if (token.state == P2P_CUSTODY_HELD) {
        custody_world_offer(history->world, token.holder, id, token.epoch + 1,
                            any_member(history), token.rests_feed);
    }
}

static void add_use(struct history *history)
{
    size_t at = rng_below(history->rng, history->right_count);
    struct p2p_record_id token = history->tokens[history->right_token[at]];
    struct p2p_custody custody = custody_of(&history->node, token);
    custody_world_act(history->world, custody.holder,
                      &(struct custody_act){.kind = P2P_KIND_USE,
                                            .token = token,
                                            .about = &history->rights[at],
                                            .epoch = custody.epoch,
                                            .rests = {custody.rests_feed}});
}

/* Both halves of an override where the token is, most of the time. */
static void add_override(struct history *history)
{
    size_t at = rng_below(history->rng, history->right_count);
    struct p2p_custody token =
        custody_of(&history->node, history->tokens[history->right_token[at]]);
    uint32_t member = one_in(history, 5) ? any_member(history)
                                         : custody_world_member(history->world, token.holder);
    struct right_act act = {.kind = P2P_KIND_OVERRIDE,
                            .right = history->rights[at],
                            .container = boxes[history->right_token[at] % 3]};
    struct p2p_record_id override = right_world_act(history->world, member, &act);
    act.kind = P2P_KIND_APPROVE;
    act.about = &override;
    act.issuer = one_in(history, 6) ? 0 : YARD_OF(member);
    right_world_act(history->world, member, &act);
}

/* A request that is wrong in one way. */
static void add_wrong(struct history *history)
{
    static const uint8_t nothing[] = {0x80};
    uint32_t member = any_member(history);
    struct p2p_record_id cite = history->rights[rng_below(history->rng, history->right_count)];
    struct p2p_draft draft = {.kind = P2P_KIND_RIGHT_BLOCK,
                              .circle = CIRCLE_ALL,
                              .issuer = PARTY_OF(member),
                              .issuer_seq = ++history->world->next_seq[PARTY_OF(member)],
                              .cites = &cite,
                              .cite_count = 1,
                              .payload = p2p_slice_of(nothing, sizeof(nothing))};
    unsigned wrong = 0;
    switch (rng_below(history->rng, 6)) {
    case 0:
        wrong = WRITE_BAD_SIGNATURE;
        break;
    case 1: /* an issuer whom no entry names yet, or who is another member's */
        draft.issuer = one_in(history, 2) ? LATE_ISSUER : PARTY_OF(1 + member % 4);
        draft.issuer_seq = ++history->world->next_seq[draft.issuer];
        break;
    case 2:
        draft.circle = CIRCLE_PAIR;
        break;
    case 3: /* what is not there, or not yet */
        cite.index += rng_below(history->rng, 40);
        break;
    case 4:
        draft.kind = P2P_KIND_RIGHT_ASSIGN; /* of nobody */
        break;
    default:
        cite = history->tokens[0]; /* no right */
        break;
    }
    keep(history, ledger_world_write(history->world, member, draft, wrong));
}

/* A block that stood in a feed on a branch that is not the one written here. */
static void lose_block(struct history *history)
{
    uint32_t member = 2 + 2 * (uint32_t)rng_below(history->rng, 2);
    struct written_feed *feed = &history->world->feeds[member];
    ledger_world_seen(history->world, member);
    struct p2p_edge before = feed->edge;
    struct right_act act = {.kind = P2P_KIND_RIGHT_BLOCK,
                            .right =
                                history->rights[rng_below(history->rng, history->right_count)],
                            .issuer = one_in(history, 6) ? YARD_OF(member) : 0,
                            .no_seen = true};
    right_world_act(history->world, member, &act);
    history->lost[history->lost_count++] = feed->records[--feed->count];
    feed->edge = before;
}

/* A block carried on, perhaps not for the first time, whether or not its feed was told to be
 * forked; and perhaps unblocked. */
static void add_rescue(struct history *history)
{
    static uint8_t payload[P2P_PAYLOAD_BYTES_MAX];
    struct p2p_pack pack;
    struct p2p_record record;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    if (history->lost_count < LOST_MAX && (history->lost_count == 0 || one_in(history, 2))) {
        lose_block(history);
    }
    const struct written *lost = &history->lost[rng_below(history->rng, history->lost_count)];
    struct p2p_rescued rescued = {.feed = lost->id.feed,
                                  .index = lost->id.index,
                                  .leaf = lost->leaf,
                                  .salted = lost->salted};
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_rescued_pack(&pack, &rescued));
    uint32_t by = any_member(history);
    struct p2p_record_id id = ledger_world_write(
        history->world, by,
        (struct p2p_draft){.kind = P2P_KIND_RESCUED,
                           .circle = one_in(history, 12) ? CIRCLE_PAIR : CIRCLE_ALL,
                           .payload = p2p_pack_slice(&pack)},
        0);
    if (one_in(history, 4)) {
        CHECK_OK(p2p_record_decode(&record, lost->leaf));
        p2p_cites_begin(&walk, &record);
        CHECK(p2p_cites_next(&walk, &cite));
        keep(history,
             right_world_act(history->world, any_member(history),
                             &(struct right_act){
                                 .kind = P2P_KIND_RIGHT_UNBLOCK, .right = cite, .about = &id}));
    }
}

static void add_entry(struct history *history)
{
    uint32_t member = any_member(history);
    uint64_t size = ledger_world_size(history->world, member);
    if (history->world->entry_count >= 9) {
        return;
    }
    switch (rng_below(history->rng, 4)) {
    case 0:
        ledger_world_grant(history->world, LATE_ISSUER, 2, "block", "*");
        break;
    case 1:
        ledger_world_grant(history->world, YARD_OF(member), member,
                           one_in(history, 2) ? "block" : "override-block", "*");
        break;
    case 2:
        ledger_world_grant(history->world, PARTY_OF(member), member, "override-block", "*");
        break;
    default:
        ledger_world_cut(history->world, PARTY_OF(member), member,
                         rng_below(history->rng, size + 1), NULL, 0);
        ledger_world_grant(history->world, PARTY_OF(member), member, "accept", "*");
        break;
    }
}

static void meet(struct history *history, struct right_met *met)
{
    for (size_t i = 0; i < history->right_count; i++) {
        struct p2p_right right = right_of(&history->node, history->rights[i]);
        met->states[p2p_right_state_at(&right, LEDGER_WORLD_TIME_MS)]++;
        met->blocks += (unsigned)right.block_count;
        for (size_t b = 0; b < right.block_count; b++) {
            struct p2p_record record;
            CHECK_OK(p2p_record_decode(
                &record, ledger_world_record(history->world, &right.blocks[b])->leaf));
            met->rescued += record.kind == P2P_KIND_RESCUED;
        }
        met->unruled += (unsigned)right.unruled_count;
        met->unsure += (unsigned)right.unsure_count;
        met->overrides += right.override.by.feed != 0;
        met->unfit += right.unfit;
        met->assigned += right.driver.len > 0;
        for (unsigned l = 0; l < P2P_LIGHT_COUNT; l++) {
            met->lights_green += right.lights[l] == 0;
            met->lights_away += right.lights[l] != 0 && right.light_by[l].feed != 0;
        }
    }
}

static void step(struct history *history, bool forks)
{
    size_t roll = rng_below(history->rng, 100);
    if (history->right_count == 0 || roll < 4) {
        add_open(history);
        add_issue(history);
    } else if (forks && one_in(history, 20)) {
        ledger_history_fork(history->world, history->rng);
    } else if (forks && one_in(history, 12)) {
        add_rescue(history);
    } else if (roll < 60) {
        add_request(history);
    } else if (roll < 72) {
        add_ruling(history);
    } else if (roll < 78) {
        add_custody(history);
    } else if (roll < 80) {
        add_use(history);
    } else if (roll < 84) {
        add_override(history);
    } else if (roll < 88) {
        add_wrong(history);
    } else if (roll < 91) {
        ledger_history_lie(history->world, history->rng);
    } else if (roll < 94) {
        add_entry(history);
    } else {
        ledger_world_seen(history->world, any_member(history));
    }
}

void right_history_write(struct ledger_world *world, struct rng *rng, unsigned steps,
                         bool forks, struct right_met *met)
{
    static struct history history;
    history = (struct history){.world = world, .rng = rng};
    ledger_world_init(world);
    custody_world_init(world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        ledger_world_seen(world, member);
    }
    ledger_node_init(&history.node, world, 0);
    for (unsigned i = 0; i < steps; i++) {
        step(&history, forks);
        ledger_node_take_all(&history.node);
    }
    meet(&history, met);
    for (size_t i = 0; i < history.lost_count; i++) {
        free((void *)history.lost[i].leaf.data);
        free((void *)history.lost[i].salted.data);
    }
    ledger_node_deinit(&history.node);
}
