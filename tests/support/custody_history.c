#include "check.h"

#include "custody_history.h"

enum { TOKENS_MAX = 64, LOST_MAX = 8, LATE_ISSUER = 14 /* m2: named by no entry at first */ };

static const char *const boxes[] = {CUSTODY_BOX,   "MSCU1000070", "HBMU2699702", "TTTU0000001",
                                    "TTTU0000002", "TTTU0000003", "TTTU0000004"};
enum { BOXES = sizeof(boxes) / sizeof(boxes[0]) };

struct history {
    struct ledger_world *world;
    struct rng *rng;
    struct ledger_node node; /* knows everything written so far */
    struct p2p_record_id tokens[TOKENS_MAX];
    const char *boxes[TOKENS_MAX];
    size_t token_count;
    struct p2p_record_id offers[TOKENS_MAX]; /* the last one of each token */
    struct p2p_record_id recounts[TOKENS_MAX];
    const char *found[TOKENS_MAX]; /* by the last recount */
    bool forks;
    struct custody_lost lost[LOST_MAX]; /* releases on a branch that is not the one written */
    size_t lost_count;
    uint32_t closed; /* feed; 0: none */
    uint32_t next;
};

static bool one_in(struct history *history, size_t n)
{
    return rng_below(history->rng, n) == 0;
}

static uint32_t any_feed(struct history *history)
{
    uint32_t feeds = LEDGER_WORLD_MEMBERS + (history->next != 0);
    return 1 + (uint32_t)rng_below(history->rng, feeds);
}

static uint32_t newest_feed(const struct history *history, uint32_t member)
{
    return p2p_charter_member(history->world->charter, member)->feed;
}

static void add_open(struct history *history)
{
    if (history->token_count == TOKENS_MAX) {
        return;
    }
    const char *box = boxes[rng_below(history->rng, BOXES)];
    size_t at = history->token_count++;
    uint32_t feed = any_feed(history);
    history->boxes[at] = box;
    history->tokens[at] = one_in(history, 3)
                              ? custody_world_open_unaware(history->world, feed, box)
                              : custody_world_open(history->world, feed, box);
    history->offers[at] = history->tokens[at];
    history->recounts[at] = history->tokens[at];
}

/* A step of who holds it, or of somebody who says so. */
static void add_step(struct history *history, size_t at, const struct p2p_custody *now)
{
    static const enum p2p_kind_number kinds[] = {
        P2P_KIND_USE,           P2P_KIND_CUSTODY_OFFER, P2P_KIND_CUSTODY_OFFER,
        P2P_KIND_CUSTODY_OFFER, P2P_KIND_CUSTODY_OFFER, P2P_KIND_CUSTODY_WITHDRAW};
    struct custody_act act = {.kind = kinds[rng_below(history->rng, 6)],
                              .token = history->tokens[at],
                              .rests = {now->rests_feed}};
    bool offers = act.kind == P2P_KIND_CUSTODY_OFFER;
    uint32_t feed = one_in(history, 8) ? any_feed(history) : now->holder;
    act.epoch = now->epoch + offers + one_in(history, 10);
    act.to = offers ? 1 + (uint32_t)rng_below(history->rng, LEDGER_WORLD_MEMBERS) : 0;
    if (one_in(history, 8)) {
        act.rests[0] = one_in(history, 2) ? 0 : any_feed(history);
    }
    act.witnesses = one_in(history, 8) ? 1u << (1 + rng_below(history->rng, 4)) : 0;
    act.no_seen = one_in(history, 4);
    act.issuer = feed == 2 && one_in(history, 6) ? LATE_ISSUER : 0;
    act.wrong = one_in(history, 20) ? WRITE_BAD_SIGNATURE : 0;
    struct p2p_record_id id = custody_world_act(history->world, feed, &act);
    history->offers[at] = offers ? id : history->offers[at];
}

static void add_answer(struct history *history, size_t at, const struct p2p_custody *now)
{
    struct p2p_record_id offer =
        one_in(history, 6)
            ? history->offers[at]
            : (now->state == P2P_CUSTODY_OFFERED ? now->step : history->offers[at]);
    uint32_t to = now->to != 0 ? now->to : 1 + (uint32_t)rng_below(history->rng, 4);
    uint32_t feed = one_in(history, 8) ? any_feed(history) : newest_feed(history, to);
    struct custody_act act = {.kind = one_in(history, 3) ? P2P_KIND_CUSTODY_REFUSE
                                                         : P2P_KIND_CUSTODY_ACCEPT,
                              .token = history->tokens[at],
                              .about = &offer,
                              .epoch = now->epoch + 1 - one_in(history, 10),
                              .rests = {one_in(history, 10) ? any_feed(history) : offer.feed},
                              .no_seen = one_in(history, 8)};
    act.witnesses = one_in(history, 8) ? 1u << (1 + rng_below(history->rng, 4)) : 0;
    custody_world_act(history->world, feed, &act);
}

/* Two recounts, or one, or the second to the last one. */
static void add_recount(struct history *history, size_t at, const struct p2p_custody *now)
{
    uint32_t feed = one_in(history, 8) ? any_feed(history) : now->holder;
    uint32_t member = custody_world_member(history->world, feed);
    if (one_in(history, 3)) {
        custody_world_recount(history->world, feed, history->tokens[at], now->epoch,
                              one_in(history, 2) ? "gone" : "held");
        return;
    }
    struct custody_act act = {.kind = P2P_KIND_RECOUNT,
                              .token = history->tokens[at],
                              .epoch = now->epoch + one_in(history, 10),
                              .found = one_in(history, 3) ? "gone" : "held",
                              .issuer =
                                  one_in(history, 2) ? YARD_OF(member) : CUSTODY_OF(member)};
    if (!one_in(history, 4)) {
        act.about = &history->recounts[at];
        act.found =
            history->found[at] != NULL && !one_in(history, 6) ? history->found[at] : act.found;
        if (history->recounts[at].feed == feed && !one_in(history, 4)) {
            act.issuer = YARD_OF(member); /* the first is usually by the other */
        }
    } else {
        act.issuer = CUSTODY_OF(member);
    }
    history->found[at] = act.found;
    history->recounts[at] = custody_world_act(history->world, feed, &act);
}

static void add_gate_in(struct history *history, size_t at)
{
    const char *box =
        one_in(history, 3) ? boxes[rng_below(history->rng, BOXES)] : history->boxes[at];
    custody_world_gate_in(history->world, any_feed(history), box, &history->tokens[at], 1);
}

/* Claims: everything, less, or what is not so. */
static void add_claims(struct history *history)
{
    struct ledger_world *world = history->world;
    uint32_t by = any_feed(history);
    uint32_t of = any_feed(history);
    uint64_t size = ledger_world_size(world, of);
    if (one_in(history, 2) || by == of || size == 0) {
        ledger_world_seen(world, by);
        return;
    }
    const struct p2p_hash nobodys = p2p_sha256(p2p_slice_text("what nobody has"));
    const struct ledger_claim claim = {.of = of,
                                       .size = 1 + rng_below(history->rng, size),
                                       .root = one_in(history, 3) ? &nobodys : NULL};
    ledger_world_claims(world, by, &claim, 1);
}

/* Closes the feed of m1; two of its witnesses say at once or later how much they hold. */
static void close_feed(struct history *history)
{
    struct ledger_world *world = history->world;
    if (world->entry_count + 2 > LEDGER_WORLD_ENTRIES) {
        return;
    }
    history->closed = 1;
    history->next = ledger_world_generation(world, 1, 20);
    ledger_world_seen(world, history->next);
}

static void add_seal(struct history *history)
{
    struct ledger_world *world = history->world;
    uint64_t size = ledger_world_size(world, history->closed);
    const struct ledger_claim claims[] = {
        {0, world->entry_count, false, NULL},
        {history->closed, size - rng_below(history->rng, size < 6 ? size : 6), false, NULL}};
    ledger_world_claims(world, 2 + (uint32_t)rng_below(history->rng, 3), claims, 2);
}

static void add_entry(struct history *history)
{
    struct ledger_world *world = history->world;
    uint32_t member = 1 + (uint32_t)rng_below(history->rng, 4);
    if (world->entry_count + 3 > LEDGER_WORLD_ENTRIES) {
        return;
    }
    if (one_in(history, 3)) {
        ledger_world_grant(world, LATE_ISSUER, 2, "custody", "*");
    } else if (ledger_world_size(world, member) > 4) {
        uint64_t size = ledger_world_size(world, member);
        ledger_world_cut(world, one_in(history, 4) ? YARD_OF(member) : CUSTODY_OF(member),
                         member, size - rng_below(history->rng, 5), NULL, 0);
        if (one_in(history, 2)) {
            ledger_world_grant(world, CUSTODY_OF(member), member, "custody", "*");
        }
    }
}

/* Seals ascend. */
static void sort_seals(struct p2p_record_id *seals, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && p2p_record_id_compare(&seals[j - 1], &seals[j]) > 0; j--) {
            struct p2p_record_id other = seals[j];
            seals[j] = seals[j - 1];
            seals[j - 1] = other;
        }
    }
}

/* Another member is to hold it: with seals at once, or fewer than a quorum, and recounts. */
static void add_reassign(struct history *history, size_t at, const struct p2p_custody *now)
{
    struct ledger_world *world = history->world;
    struct p2p_record_id token = history->tokens[at];
    struct p2p_record_id seals[3];
    uint64_t epoch = now->epoch + 1;
    uint32_t to = 1 + (uint32_t)rng_below(history->rng, LEDGER_WORLD_MEMBERS);
    uint64_t size = ledger_world_size(world, now->holder);
    size_t count = 0;
    if (world->entry_count + 3 > LEDGER_WORLD_ENTRIES) {
        return;
    }
    custody_world_reassign(world, token, epoch, to);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS && count < 3; member++) {
        uint64_t less = rng_below(history->rng, size < 4 ? size : 4);
        if (newest_feed(history, member) != now->holder && !one_in(history, 5)) {
            seals[count] = custody_world_seal(world, newest_feed(history, member), now->holder,
                                              size - less);
            count++;
        }
    }
    if (one_in(history, 3)) {
        add_step(history, at, now);
    }
    sort_seals(seals, count);
    custody_world_recount_by(world, newest_feed(history, to), token, epoch,
                             one_in(history, 5) ? "gone" : "held", seals, count);
}

/* The charter keeps one of two opens of a box: with seals at once, or fewer than a quorum, and
 * two who count it. */
static void add_settle(struct history *history, size_t at, const struct p2p_custody *now)
{
    struct ledger_world *world = history->world;
    struct p2p_record_id seals[3];
    size_t other = at;
    size_t count = 0;
    for (size_t i = 0; i < history->token_count && other == at; i++) {
        size_t pick = rng_below(history->rng, history->token_count);
        bool same_box = history->boxes[pick] == history->boxes[at];
        other = same_box || one_in(history, 20) ? pick : at;
    }
    bool gone = false; /* an entry that keeps it would be refused */
    size_t settled = 0;
    const struct p2p_settled_open *rows = p2p_charter_settled_opens(world->charter, &settled);
    for (size_t i = 0; i < settled; i++) {
        gone = gone || p2p_record_id_compare(&rows[i].token, &history->tokens[at]) == 0;
    }
    if (gone || other == at || world->entry_count + 3 > LEDGER_WORLD_ENTRIES) {
        return;
    }
    struct p2p_custody goes = custody_of(&history->node, history->tokens[other]);
    uint64_t size = ledger_world_size(world, goes.holder);
    custody_world_settle(world, history->tokens[at], &history->tokens[other], 1);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS && count < 3; member++) {
        uint32_t feed = newest_feed(history, member);
        if (feed != goes.holder && !one_in(history, 6)) {
            uint64_t less =
                one_in(history, 3) ? rng_below(history->rng, size < 4 ? size : 4) : 0;
            seals[count++] = custody_world_seal(world, feed, goes.holder, size - less);
        }
    }
    if (one_in(history, 4)) {
        add_step(history, other, &goes);
    }
    sort_seals(seals, count);
    custody_world_recount_by(world, now->holder, history->tokens[at], now->epoch,
                             one_in(history, 6) ? "gone" : "held", seals, count);
}

/* Somebody tells that a feed has two histories. */
static void add_fork(struct history *history)
{
    uint32_t accused = 2 + (uint32_t)rng_below(history->rng, 3);
    uint64_t size = ledger_world_size(history->world, accused);
    custody_world_fork(history->world, any_feed(history), accused,
                       size - rng_below(history->rng, size < 8 ? size : 8));
}

/* A release by who holds it, or held it, on a branch that is lost. */
static void lose_release(struct history *history, size_t at, const struct p2p_custody *now)
{
    bool holds = now->state == P2P_CUSTODY_HELD && !one_in(history, 4);
    size_t tenure = holds ? now->tenure_count : rng_below(history->rng, now->tenure_count + 1);
    struct custody_act act = {.kind = P2P_KIND_USE,
                              .token = history->tokens[at],
                              .epoch = now->epoch,
                              .rests = {now->rests_feed},
                              .no_seen = true};
    uint32_t feed = now->holder;
    if (tenure < now->tenure_count) {
        feed = now->tenures[tenure].feed;
        act.epoch = now->tenures[tenure].epoch;
        act.rests[0] = now->tenures[tenure].rests_feed;
    }
    custody_world_act(history->world, feed, &act);
    custody_world_lose(history->world, feed, &history->lost[history->lost_count++]);
}

/* One of them is carried on, whether or not its feed was told to be forked. */
static void add_rescue(struct history *history, size_t at, const struct p2p_custody *now)
{
    if (history->lost_count < LOST_MAX && (history->lost_count == 0 || one_in(history, 2))) {
        lose_release(history, at, now);
        if (!one_in(history, 3)) {
            uint32_t feed = history->lost[history->lost_count - 1].record.id.feed;
            uint64_t size = ledger_world_size(history->world, feed);
            uint64_t less = one_in(history, 2) && size > 4 ? rng_below(history->rng, 4) : 0;
            custody_world_fork(history->world, any_feed(history), feed, size - less);
        }
    }
    size_t lost = one_in(history, 3) ? rng_below(history->rng, history->lost_count)
                                     : history->lost_count - 1;
    custody_world_rescue(history->world, any_feed(history), &history->lost[lost]);
}

static void add_one(struct history *history)
{
    struct p2p_custody now;
    size_t roll = rng_below(history->rng, 100);
    if (history->token_count == 0 || roll < 14) {
        add_open(history);
        return;
    }
    size_t at = rng_below(history->rng, history->token_count);
    if (one_in(history, 2)) { /* rather one of the newest */
        at = history->token_count - 1;
    }
    ledger_node_take_all(&history->node);
    now = custody_of(&history->node, history->tokens[at]);
    if (history->forks && one_in(history, 12)) {
        add_rescue(history, at, &now);
    } else if (roll < 60) {
        if (now.state == P2P_CUSTODY_OFFERED || one_in(history, 10)) {
            add_answer(history, at, &now);
        } else {
            add_step(history, at, &now);
        }
    } else if (roll < 74) {
        add_recount(history, at, &now);
    } else if (roll < 80) {
        add_gate_in(history, at);
    } else if (roll < 90) {
        add_claims(history);
    } else if (roll < 93) {
        add_entry(history);
    } else if (roll == 93) {
        add_reassign(history, at, &now);
    } else if (roll == 94 || (now.rival_count > 0 && roll >= 97)) {
        add_settle(history, at, &now);
    } else if (roll == 95 && history->forks) {
        add_fork(history);
    } else if (history->closed != 0) {
        add_seal(history);
    } else {
        ledger_world_note(history->world, any_feed(history));
    }
}

static bool is_rescued(const struct ledger_world *world, const struct p2p_custody *custody)
{
    struct p2p_record record;
    CHECK_OK(p2p_record_decode(&record, ledger_world_record(world, &custody->step)->leaf));
    return record.kind == P2P_KIND_RESCUED;
}

static void count_met(struct history *history, struct custody_met *met)
{
    const struct ledger_world *world = history->world;
    ledger_node_take_all(&history->node);
    for (size_t i = 0; i < history->token_count; i++) {
        struct p2p_custody custody = custody_of(&history->node, history->tokens[i]);
        met->states[custody.state]++;
        met->rescued += custody.state == P2P_CUSTODY_RELEASED && is_rescued(world, &custody);
        met->passed += (unsigned)custody.tenure_count - (custody.tenure_count > 0);
        for (unsigned bit = 0; bit < 8; bit++) {
            met->frozen[bit] += custody.frozen >> bit & 1;
        }
    }
}

void custody_history_write(struct ledger_world *world, struct rng *rng, unsigned steps,
                           bool forks, struct custody_met *met)
{
    static struct history history;
    history = (struct history){.world = world, .rng = rng, .forks = forks};
    ledger_world_init(world);
    custody_world_init(world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        const struct ledger_claim claim = {0, world->entry_count, false, NULL};
        ledger_world_claims(world, member, &claim, 1);
    }
    ledger_node_init(&history.node, world, 0);
    for (unsigned i = 0; i < steps; i++) {
        if (i == steps / 2 && rng_below(rng, 2) == 0) {
            close_feed(&history);
        }
        add_one(&history);
    }
    count_met(&history, met);
    ledger_node_deinit(&history.node);
    for (size_t i = 0; i < history.lost_count; i++) {
        custody_lost_deinit(&history.lost[i]);
    }
}
