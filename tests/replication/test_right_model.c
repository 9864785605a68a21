/* Rights against an independent model, written the simplest possible way: everything happens in
 * one order that everybody knows, so a list of what was said, with the times, and a loop over
 * it for each question are all it takes. */
#include "check.h"

#include "right_world.h"
#include "rng.h"

#include <stdlib.h>

enum { RIGHTS = 3, SAID_MAX = 512, CHAIN_MAX = 64 };

/* One record about one right. */
struct said {
    struct p2p_record_id id;
    enum p2p_kind_number kind;
    unsigned time; /* how many records were written before it */
    size_t right;
    uint32_t by; /* issuer */
    uint32_t to;
    unsigned light, value;
    size_t about; /* unblock: the place of its block in the list */
    bool ruled;
    bool acted; /* ruled, and it was allowed */
};

struct model_right {
    struct p2p_record_id id;
    uint32_t party[CHAIN_MAX]; /* the first issuer first */
    unsigned moved; /* when the last request was written that gave it on, or was an accept */
    size_t count;
    const char *state; /* by rulings alone */
    bool assigned;
    bool revoked, cancelled, used, unfit, out;
    unsigned used_at;
};

struct model {
    struct ledger_world world;
    struct ledger_node node;
    struct rng rng;
    struct p2p_record_id token;
    uint32_t holder; /* member */
    uint64_t epoch;
    uint32_t rests; /* feed */
    bool offered, released;
    struct p2p_record_id offer;
    uint32_t offered_to;
    unsigned holds_since;
    struct model_right rights[RIGHTS];
    struct said said[SAID_MAX];
    size_t said_count;
    unsigned time;
};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static uint32_t any_member(struct model *m)
{
    return 1 + (uint32_t)rng_below(&m->rng, LEDGER_WORLD_MEMBERS);
}

/* ---- what is said ---- */

static void begin(struct model *m, uint64_t seed)
{
    *m = (struct model){.rng = {seed}, .holder = 1, .epoch = 1};
    ledger_world_init(&m->world);
    custody_world_init(&m->world);
    m->token = custody_world_open(&m->world, 1, CUSTODY_BOX);
    for (size_t i = 0; i < RIGHTS; i++) {
        struct model_right *right = &m->rights[i];
        uint32_t first = any_member(m), to = any_member(m);
        right->id = right_world_issue(&m->world, first, m->token, PARTY_OF(to));
        right->party[0] = PARTY_OF(first);
        right->party[1] = PARTY_OF(to);
        right->count = 2;
        right->state = "PENDING";
        right->moved = ++m->time;
    }
    ledger_node_init(&m->node, &m->world, 0);
}

/* What acts without a ruling. */
static void hear(struct model *m, const struct said *said)
{
    struct model_right *right = &m->rights[said->right];
    bool first = said->by == right->party[0];
    if (said->kind == P2P_KIND_RIGHT_REVOKE && first) {
        right->revoked = true;
    }
    if (said->kind == P2P_KIND_RIGHT_CANCEL && first) {
        right->cancelled = true;
    }
    if (said->kind == P2P_KIND_RIGHT_GATE_OUT && right->used) {
        right->out = true;
    }
}

static void say(struct model *m)
{
    static const enum p2p_kind_number kinds[] = {
        P2P_KIND_RIGHT_ACCEPT,  P2P_KIND_RIGHT_ACCEPT,   P2P_KIND_RIGHT_ACCEPT,
        P2P_KIND_RIGHT_DECLINE, P2P_KIND_RIGHT_TRANSFER, P2P_KIND_RIGHT_TRANSFER,
        P2P_KIND_RIGHT_RETURN,  P2P_KIND_RIGHT_REVOKE,   P2P_KIND_RIGHT_CANCEL,
        P2P_KIND_RIGHT_ASSIGN,  P2P_KIND_RIGHT_ASSIGN,   P2P_KIND_RIGHT_UNASSIGN,
        P2P_KIND_RIGHT_BLOCK,   P2P_KIND_RIGHT_UNBLOCK,  P2P_KIND_RIGHT_LIGHT,
        P2P_KIND_RIGHT_LIGHT,   P2P_KIND_RIGHT_LIGHT,    P2P_KIND_RIGHT_GATE_OUT};
    struct said *said = &m->said[m->said_count];
    CHECK(m->said_count < SAID_MAX);
    *said = (struct said){.kind = kinds[rng_below(&m->rng, sizeof(kinds) / sizeof(kinds[0]))],
                          .right = rng_below(&m->rng, RIGHTS),
                          .about = SAID_MAX};
    struct model_right *right = &m->rights[said->right];
    uint32_t member = any_member(m);
    if (rng_below(&m->rng, 3) > 0) { /* the party at the end of the chain, or its giver */
        size_t back = 1 + (rng_below(&m->rng, 4) == 0);
        back = back > right->count ? 1 : back;
        member = right->party[right->count - back] - PARTY_OF(0);
    }
    bool ends = said->kind == P2P_KIND_RIGHT_REVOKE || said->kind == P2P_KIND_RIGHT_CANCEL;
    if (ends && PARTY_OF(member) == right->party[0] && rng_below(&m->rng, 6) > 0) {
        said->kind = P2P_KIND_RIGHT_TRANSFER; /* or all would end soon */
    }
    struct right_act act = {.kind = said->kind, .right = right->id};
    if (said->kind == P2P_KIND_RIGHT_TRANSFER) {
        act.to = PARTY_OF(any_member(m));
    }
    if (said->kind == P2P_KIND_RIGHT_ASSIGN) {
        act.driver = "card:alfapass:1";
    }
    if (said->kind == P2P_KIND_RIGHT_LIGHT) {
        act.light = (enum p2p_light)rng_below(&m->rng, 2);
        act.value = (unsigned)rng_below(&m->rng, 3);
    }
    for (size_t i = 0; said->kind == P2P_KIND_RIGHT_UNBLOCK && i < m->said_count; i++) {
        bool block = m->said[i].kind == P2P_KIND_RIGHT_BLOCK && m->said[i].right == said->right;
        said->about = block && rng_below(&m->rng, 2) == 0 ? i : said->about;
    }
    act.about = said->about < SAID_MAX ? &m->said[said->about].id : NULL;
    said->by = PARTY_OF(member);
    said->to = act.to;
    said->light = act.light;
    said->value = act.value;
    said->time = ++m->time;
    said->id = right_world_act(&m->world, member, &act);
    m->said_count++;
    hear(m, said);
}

/* ---- what is ruled ---- */

/* What would follow now, as a word; NULL: it is not allowed. */
static const char *allowed(const struct model *m, const struct said *said)
{
    const struct model_right *right = &m->rights[said->right];
    uint32_t last = right->party[right->count - 1];
    bool first = said->by == right->party[0];
    bool knew = right->moved < said->time;
    bool pending = is(right->state, "PENDING");
    bool active = is(right->state, "ACTIVE");
    switch (said->kind) {
    case P2P_KIND_RIGHT_ACCEPT:
        return pending && knew && said->by == last ? "ACTIVE" : NULL;
    case P2P_KIND_RIGHT_DECLINE:
        return pending && knew && said->by == last ? "back" : NULL;
    case P2P_KIND_RIGHT_RETURN:
        return active && knew && said->by == last ? "back" : NULL;
    case P2P_KIND_RIGHT_REVOKE:
        return pending && knew && !first && said->by == right->party[right->count - 2] ? "back"
                                                                                       : NULL;
    case P2P_KIND_RIGHT_TRANSFER:
        if (active && knew && said->by == last) {
            return right->count < P2P_RIGHT_CHAIN_MAX ? "PENDING" : NULL;
        }
        return is(right->state, "RETURNED") && knew && first ? "PENDING" : NULL;
    case P2P_KIND_RIGHT_ASSIGN:
        return active && knew && said->by == last ? "assign" : NULL;
    case P2P_KIND_RIGHT_UNASSIGN:
        return active && knew && said->by == last ? "unassign" : NULL;
    case P2P_KIND_RIGHT_UNBLOCK:
        return "stays";
    case P2P_KIND_RIGHT_LIGHT:
        return said->value == 0 ? "stays" : NULL;
    default:
        return NULL;
    }
}

static void follow(struct model *m, struct said *said)
{
    struct model_right *right = &m->rights[said->right];
    const char *next = allowed(m, said);
    bool first_revokes = said->kind == P2P_KIND_RIGHT_REVOKE && said->by == right->party[0];
    if (said->ruled || first_revokes) {
        return;
    }
    said->ruled = true;
    said->acted = next != NULL;
    if (next == NULL || is(next, "stays")) {
        return;
    }
    if (is(next, "assign") || is(next, "unassign")) {
        right->assigned = is(next, "assign");
    } else if (is(next, "ACTIVE")) {
        right->state = "ACTIVE";
        right->moved = said->time;
    } else if (is(next, "PENDING")) {
        CHECK(right->count < CHAIN_MAX);
        right->party[right->count] = said->to;
        right->count++;
        right->moved = said->time;
        right->state = "PENDING";
        right->assigned = false;
    } else {
        right->count--;
        right->state = right->count == 1 ? "RETURNED" : "ACTIVE";
        right->moved = said->time;
        right->assigned = false;
    }
}

static bool can_be_ruled(const struct said *said)
{
    return said->kind != P2P_KIND_RIGHT_BLOCK && said->kind != P2P_KIND_RIGHT_CANCEL &&
           said->kind != P2P_KIND_RIGHT_GATE_OUT;
}

/* One to three requests, in any order, old ones too; now and then by who does not hold it. */
static void rule(struct model *m)
{
    struct p2p_record_id ids[3];
    size_t picks[3];
    size_t count = 0;
    for (size_t tries = 0; tries < 6 && count < 3 && m->said_count > 0; tries++) {
        size_t newest = m->said_count < 6 ? m->said_count : 6;
        size_t pick = rng_below(&m->rng, 4) == 0
                          ? rng_below(&m->rng, m->said_count)
                          : m->said_count - 1 - rng_below(&m->rng, newest);
        if (can_be_ruled(&m->said[pick])) {
            picks[count] = pick;
            ids[count++] = m->said[pick].id;
        }
    }
    if (count == 0) {
        return;
    }
    bool other = rng_below(&m->rng, 8) == 0;
    uint32_t by = other ? 1 + m->holder % LEDGER_WORLD_MEMBERS : m->holder;
    right_world_rule(&m->world, by, ids, count, m->epoch, m->rests);
    m->time++;
    for (size_t i = 0; i < count && !other && !m->offered && !m->released; i++) {
        follow(m, &m->said[picks[i]]);
    }
}

/* ---- the token ---- */

static void pass_token(struct model *m)
{
    if (m->released) {
        return;
    }
    m->time++;
    if (!m->offered) {
        m->offered_to = 1 + m->holder % LEDGER_WORLD_MEMBERS;
        m->offer = custody_world_offer(&m->world, m->holder, m->token, m->epoch + 1,
                                       m->offered_to, m->rests);
        m->offered = true;
        return;
    }
    bool accepts = rng_below(&m->rng, 2) == 0;
    custody_world_answer(&m->world, m->offered_to,
                         accepts ? P2P_KIND_CUSTODY_ACCEPT : P2P_KIND_CUSTODY_REFUSE, m->token,
                         m->offer, m->epoch + 1);
    m->rests = m->offered_to;
    m->holder = accepts ? m->offered_to : m->holder;
    m->epoch += accepts ? 1 : 2;
    m->offered = false;
}

static void use(struct model *m)
{
    size_t at = rng_below(&m->rng, RIGHTS);
    struct model_right *right = &m->rights[at];
    custody_world_act(&m->world, m->holder,
                      &(struct custody_act){.kind = P2P_KIND_USE,
                                            .token = m->token,
                                            .about = &right->id,
                                            .epoch = m->epoch,
                                            .rests = {m->rests}});
    m->time++;
    if (!m->offered && !m->released) {
        right->used = m->released = true;
        right->unfit = !is(right->state, "ACTIVE") || right->revoked || right->cancelled;
    }
}

/* ---- questions ---- */

static bool is_open(const struct model *m, size_t block)
{
    for (size_t i = 0; i < m->said_count; i++) {
        if (m->said[i].kind == P2P_KIND_RIGHT_UNBLOCK && m->said[i].acted &&
            m->said[i].about == block && m->said[i].by == m->said[block].by) {
            return false;
        }
    }
    return true;
}

static unsigned light_of(const struct model *m, size_t right, unsigned light)
{
    unsigned value = 1;
    unsigned newest_green = 0;
    for (size_t i = 0; i < m->said_count; i++) {
        const struct said *said = &m->said[i];
        if (said->kind == P2P_KIND_RIGHT_LIGHT && said->right == right &&
            said->light == light && said->value == 0 && said->acted) {
            newest_green = said->time; /* the list rises by time */
            value = 0;
        }
    }
    for (size_t i = 0; i < m->said_count; i++) {
        const struct said *said = &m->said[i];
        if (said->kind == P2P_KIND_RIGHT_LIGHT && said->right == right &&
            said->light == light && said->value != 0 && said->time > newest_green) {
            value = said->value;
        }
    }
    return value;
}

static void check_right(struct model *m, size_t at)
{
    const struct model_right *right = &m->rights[at];
    struct p2p_right got = right_of(&m->node, right->id);
    size_t blocks = 0, waiting = 0;
    const char *state = right->used        ? (right->out ? "FINISHED" : "USED")
                        : right->cancelled ? "CANCELLED"
                        : right->revoked   ? "REVOKED"
                                           : right->state;
    bool live = is(state, right->state);
    if (!is(p2p_right_state_word(got.below), state)) {
        print_error("right %zu at %u: %s, not %s\n", at, m->time,
                    p2p_right_state_word(got.below), state);
    }
    CHECK(is(p2p_right_state_word(got.below), state));
    CHECK(got.unfit == right->unfit);
    CHECK(got.chain_count == right->count);
    for (size_t i = 0; i < right->count; i++) {
        CHECK(got.chain[i].party == right->party[i]);
    }
    CHECK((got.driver.len > 0) == right->assigned);
    for (size_t i = 0; i < m->said_count; i++) {
        const struct said *said = &m->said[i];
        if (said->right != at) {
            continue;
        }
        blocks += said->kind == P2P_KIND_RIGHT_BLOCK && is_open(m, i);
        waiting += live && !said->ruled && allowed(m, said) != NULL;
    }
    CHECK(got.block_count == (blocks < P2P_RIGHT_BLOCKS_MAX ? blocks : P2P_RIGHT_BLOCKS_MAX));
    CHECK(got.unruled_count ==
          (waiting < P2P_RIGHT_UNRULED_MAX ? waiting : P2P_RIGHT_UNRULED_MAX));
    CHECK(got.lights[0] == light_of(m, at, 0) && got.lights[1] == light_of(m, at, 1));
}

/* Without this, the fold could be wrong everywhere in the same way. */
static void test_model(void **state)
{
    static struct model m;
    unsigned met[P2P_RIGHT_STATE_COUNT] = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        begin(&m, seed);
        for (unsigned step = 0; step < 110; step++) {
            size_t roll = rng_below(&m.rng, 100);
            if (roll < 52) {
                say(&m);
            } else if (roll < 92) {
                rule(&m);
            } else if (roll < 99 || step < 60) {
                pass_token(&m);
            } else {
                use(&m);
            }
            if (step % 5 == 0 || step > 100) {
                ledger_node_take_all(&m.node);
                for (size_t i = 0; i < RIGHTS; i++) {
                    check_right(&m, i);
                }
            }
        }
        for (size_t i = 0; i < RIGHTS; i++) {
            met[right_of(&m.node, m.rights[i].id).below]++;
        }
        ledger_node_deinit(&m.node);
        ledger_world_deinit(&m.world);
    }
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        print_message("%s %u\n", p2p_right_state_word((enum p2p_right_state)i), met[i]);
    }
    CHECK(met[P2P_RIGHT_PENDING] > 0 && met[P2P_RIGHT_ACTIVE] > 0 &&
          met[P2P_RIGHT_RETURNED] > 0 && met[P2P_RIGHT_USED] > 0 &&
          met[P2P_RIGHT_REVOKED] > 0 && met[P2P_RIGHT_CANCELLED] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
