/* Random records of a small federation: see the header. */
#include "check.h"

#include "ledger_history.h"

#include <p2p/forked.h>
#include <p2p/rescued.h>

#include <stdio.h>
#include <stdlib.h>

struct history {
    struct p2p_record_id bans[256];
    uint32_t circles[256]; /* of bans */
    size_t ban_count;
    struct p2p_record_id suspends[256];
    size_t suspend_count;
    unsigned grants, cuts;
    struct written lost[32]; /* bans of another branch: owned, and in no feed */
    size_t lost_count;
};

static const struct author {
    uint32_t member;
    uint32_t issuer;
    enum p2p_ground ground;
} authors[] = {
    {1, COURT_1, P2P_GROUND_COURT},          {2, ADMIN_2, P2P_GROUND_ADMINISTRATIVE},
    {1, LOCAL_1, P2P_GROUND_LOCAL},          {3, EU_3, P2P_GROUND_EU_REGULATION},
    {3, COURT_3, P2P_GROUND_COURT},          {2, LATE_2, P2P_GROUND_LOCAL},
    {1, COURT_1, P2P_GROUND_ADMINISTRATIVE}, /* has no such grant */
    {4, COURT_1, P2P_GROUND_COURT},          /* writes in a feed that is not his */
};

static const struct author *any_author(struct rng *rng)
{
    return &authors[rng_below(rng, sizeof(authors) / sizeof(authors[0]))];
}

static void add_imposition(struct ledger_world *world, struct rng *rng, struct history *history,
                           const struct p2p_record_id *amends, size_t amend_count)
{
    static const char *const subjects[] = {"imo:9179842", "imo:9074729", "card:alfapass:1",
                                           "phone:1"};
    const struct author *author = any_author(rng);
    struct ledger_ban ban = {.subject = subjects[rng_below(rng, 4)],
                             .ground = author->ground,
                             .scope = author->issuer == LOCAL_1 ? "BEANR" : NULL,
                             .circle = rng_below(rng, 4) == 0 ? CIRCLE_PAIR : CIRCLE_ALL,
                             .amends = amends,
                             .amend_count = amend_count};
    history->circles[history->ban_count] = ban.circle;
    history->bans[history->ban_count++] =
        ledger_world_ban(world, author->member, author->issuer, &ban);
}

/* One to three records that exist already, now and then one that does not yet. Returns the
 * circle of the first. */
static uint32_t any_cites(struct ledger_world *world, struct rng *rng,
                          const struct history *history, bool suspends,
                          struct p2p_record_id out[3], size_t *n)
{
    size_t count = suspends ? history->suspend_count : history->ban_count;
    uint32_t circle = CIRCLE_ALL;
    *n = rng_below(rng, 3) == 0 ? 2 + rng_below(rng, 2) : 1;
    for (size_t i = *n; i-- > 0;) {
        size_t pick = rng_below(rng, count);
        out[i] = suspends ? history->suspends[pick] : history->bans[pick];
        circle = suspends ? CIRCLE_ALL : history->circles[pick];
        if (rng_below(rng, 20) == 0) {
            out[i].feed = 1 + (uint32_t)rng_below(rng, 6); /* 5 and 6 do not exist */
            out[i].index =
                ledger_world_size(world, 1 + (uint32_t)rng_below(rng, 4)) + rng_below(rng, 4);
        }
    }
    return rng_below(rng, 8) == 0 ? CIRCLE_PAIR : circle;
}

static void add_act(struct ledger_world *world, struct rng *rng, struct history *history)
{
    static const enum p2p_kind_number kinds[] = {P2P_KIND_BAN_LIFT, P2P_KIND_BAN_SUSPEND,
                                                 P2P_KIND_BAN_SUSPEND, P2P_KIND_BAN_RESUME,
                                                 P2P_KIND_BAN_AMEND};
    const struct author *author = rng_below(rng, 2) ? &authors[rng_below(rng, 2) * 4]
                                                    : any_author(rng); /* often a court */
    struct p2p_record_id cites[3];
    enum p2p_kind_number kind = kinds[rng_below(rng, 5)];
    bool resume = kind == P2P_KIND_BAN_RESUME;
    size_t n;
    if ((resume ? history->suspend_count : history->ban_count) == 0) {
        return;
    }
    uint32_t circle = any_cites(world, rng, history, resume, cites, &n);
    if (rng_below(rng, 3) > 0) {
        ledger_world_seen(world, author->member);
    }
    if (kind == P2P_KIND_BAN_AMEND) {
        add_imposition(world, rng, history, cites, n);
        return;
    }
    struct p2p_record_id id =
        ledger_world_act(world, author->member, author->issuer, kind, circle, cites, n);
    if (kind == P2P_KIND_BAN_SUSPEND) {
        history->suspends[history->suspend_count++] = id;
    }
}

/* A claim that is false, smaller than an earlier one, or about what is not written yet. */
void ledger_history_lie(struct ledger_world *world, struct rng *rng)
{
    uint32_t by = 1 + (uint32_t)rng_below(rng, 4), of = (uint32_t)rng_below(rng, 6);
    uint64_t size = of <= 4 ? ledger_world_size(world, of) : 3;
    struct ledger_claim claim = {.of = of, .size = size, .lie = true};
    if (of == by) {
        return;
    }
    if (rng_below(rng, 2) && of <= 4 && size > 0) {
        claim.lie = false; /* true, and less than it may have said before */
        claim.size = 1 + rng_below(rng, size);
    } else {
        claim.size = size + rng_below(rng, 6);
    }
    ledger_world_claims(world, by, &claim, 1);
}

/* What no author of ours writes: repeated numbers, bad signatures, payloads of another shape.
 */
static void add_wrong(struct ledger_world *world, struct rng *rng, struct history *history)
{
    static const char deep[] = "\x81\xa1"
                               "a\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
                               "\xc0";
    static const char lift[] = "\x81\xa6reason\xa1x";
    const struct author *author = any_author(rng);
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_LIFT,
                              .circle = CIRCLE_ALL,
                              .issuer = author->issuer,
                              .issuer_seq =
                                  1 + rng_below(rng, world->next_seq[author->issuer] + 1),
                              .cites = history->bans,
                              .cite_count = history->ban_count > 0,
                              .payload = p2p_slice_of(lift, sizeof(lift) - 1)};
    unsigned wrong = rng_below(rng, 2) ? WRITE_BAD_SIGNATURE : 0;
    switch (rng_below(rng, 4)) {
    case 0: /* a lift under a number that may be taken, perhaps badly signed */
        break;
    case 1: /* an imposition nested as deep as a record may be */
        draft.kind = P2P_KIND_BAN_IMPOSE;
        draft.issuer_seq = ++world->next_seq[author->issuer];
        draft.payload = p2p_slice_of(deep, sizeof(deep) - 1);
        draft.cite_count = 0;
        wrong = 0;
        break;
    case 2: /* a kind nobody knows */
        draft.kind = 4711;
        break;
    default: /* a note by an issuer */
        draft.kind = P2P_KIND_NOTE;
        draft.payload = (struct p2p_slice){0};
        draft.content = p2p_slice_of(lift, sizeof(lift) - 1);
        break;
    }
    struct p2p_record_id id = ledger_world_write(world, author->member, draft, wrong);
    if (draft.kind == P2P_KIND_BAN_IMPOSE) {
        history->circles[history->ban_count] = CIRCLE_ALL;
        history->bans[history->ban_count++] = id;
    }
}

static void add_entry(struct ledger_world *world, struct rng *rng, struct history *history)
{
    if (world->entry_count >= 8) {
        return;
    }
    switch (rng_below(rng, 4)) {
    case 0:
        ledger_world_grant(world, LATE_2, 2, history->grants++ % 2 ? "ban-court" : "ban-local",
                           "*");
        break;
    case 1:
        ledger_world_grant(world, COURT_1, 1, "ban-administrative", "*");
        break;
    default: {
        const struct author *author = &authors[rng_below(rng, 5)];
        uint64_t size = ledger_world_size(world, author->member);
        uint64_t index = rng_below(rng, size + 1);
        uint64_t keep[1] = {index};
        if (size > 0) {
            ledger_world_cut(world, author->issuer, author->member, index, keep,
                             index < size && rng_below(rng, 2));
            if (rng_below(rng, 2) && world->entry_count < 8) {
                ledger_world_grant(world, author->issuer, author->member, "ban-court", "*");
            }
        }
        break;
    }
    }
}

/* The next generation of m4, whose feed is witnessed by the others: what stands in the present
 * one at or above the size that they name in time has no effect. */
static void close_feed(struct ledger_world *world)
{
    static struct world_draft draft;
    static const char *const witnesses[] = {"m1", "m2", "m3"};
    struct world_member spare;
    world_member(&spare, 20);
    const struct p2p_op_generation op = {.member = "m4",
                                         .feed_key = spare.feed.public_key,
                                         .witness_key = spare.witness.public_key,
                                         .witnesses = witnesses,
                                         .witness_count = 3};
    world_draft(&draft);
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
    ledger_world_entry(world, &draft);
}

/* A proof that a member signed two roots for one size. */
static size_t make_proof(uint32_t accused, uint8_t out[P2P_FORK_BYTES_MAX])
{
    struct world_member keys;
    char origin[64];
    static const char *const roots[] = {"this", "that"};
    struct p2p_fork_proof proof = {.proof = {.count = 0}};
    world_member(&keys, accused);
    snprintf(origin, sizeof(origin), WORLD_FEDERATION "/m%u/1", accused);
    proof.origin = p2p_slice_text(origin);
    for (unsigned i = 0; i < 2; i++) {
        struct p2p_tree_head *head = &proof.heads[i];
        head->size = 500;
        head->root = p2p_sha256(p2p_slice_text(roots[i]));
        const struct p2p_checkpoint checkpoint = {
            .origin = proof.origin, .size = head->size, .root = head->root};
        p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &keys.feed, &head->signature);
    }
    proof.other_root = proof.heads[1].root;
    return p2p_fork_encode(&proof, out);
}

void ledger_history_tell(struct ledger_world *world, uint32_t by, uint32_t accused,
                         uint64_t size)
{
    static uint8_t content[P2P_RECORD_BYTES_MAX];
    static char note[P2P_NOTE_BYTES_MAX];
    uint8_t proof[P2P_FORK_BYTES_MAX];
    struct p2p_pack pack;
    size_t len = make_proof(accused, proof);
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, size > 0 ? 2 : 1);
    p2p_pack_text(&pack, "proof");
    p2p_pack_bin(&pack, proof, len);
    if (size > 0) {
        len = world_feed_note(note, sizeof(note), accused, size, 0x1e & ~(1u << accused));
        p2p_pack_text(&pack, "witnessed");
        p2p_pack_bin(&pack, note, len);
    }
    ledger_world_write(
        world, by, (struct p2p_draft){.kind = P2P_KIND_FORK, .content = p2p_pack_slice(&pack)},
        0);
}

void ledger_history_fork(struct ledger_world *world, struct rng *rng)
{
    uint32_t accused = 2 + (uint32_t)rng_below(rng, 2) * 2;
    uint32_t by = 1 + (uint32_t)rng_below(rng, 4);
    ledger_history_tell(world, by, accused,
                        rng_below(rng, ledger_world_size(world, accused) + 4));
}

/* A ban that stood in a feed on a branch that is not the one written here. */
static void lose_ban(struct ledger_world *world, struct rng *rng, struct history *history)
{
    const struct author *author = any_author(rng);
    struct written_feed *feed = &world->feeds[author->member];
    struct p2p_edge before = feed->edge;
    struct ledger_ban ban = {.subject = rng_below(rng, 2) ? "imo:9179842" : "card:alfapass:1",
                             .ground = author->ground,
                             .scope = author->issuer == LOCAL_1 ? "BEANR" : NULL};
    if (history->lost_count == 32) {
        return;
    }
    ledger_world_ban(world, author->member, author->issuer, &ban);
    history->lost[history->lost_count++] = feed->records[--feed->count];
    feed->edge = before;
}

/* A ban carried on, whether or not its feed was told to be forked: one that stands there, or
 * one of another branch. It may be cited like one's own. */
static void add_rescue(struct ledger_world *world, struct rng *rng, struct history *history)
{
    static uint8_t payload[P2P_PAYLOAD_BYTES_MAX];
    struct p2p_pack pack;
    if (history->ban_count == 0) {
        return;
    }
    size_t pick = rng_below(rng, history->ban_count);
    const struct written *record = ledger_world_record(world, &history->bans[pick]);
    if (record->salted.len > 2000) {
        return; /* a rescue of a rescue of a rescue */
    }
    uint32_t circle = history->circles[pick];
    if (rng_below(rng, 4) > 0) {
        lose_ban(world, rng, history);
        record = &history->lost[rng_below(rng, history->lost_count)];
        circle = rng_below(rng, 10) == 0 ? CIRCLE_PAIR : CIRCLE_ALL;
    }
    struct p2p_rescued rescued = {.feed = record->id.feed,
                                  .index = record->id.index,
                                  .leaf = record->leaf,
                                  .salted = record->salted};
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_rescued_pack(&pack, &rescued));
    history->circles[history->ban_count] = circle;
    history->bans[history->ban_count++] = ledger_world_write(
        world, 1 + (uint32_t)rng_below(rng, 4),
        (struct p2p_draft){
            .kind = P2P_KIND_RESCUED, .circle = circle, .payload = p2p_pack_slice(&pack)},
        0);
}

void ledger_history_write(struct ledger_world *world, struct rng *rng, unsigned steps,
                          bool forks)
{
    struct history history = {.ban_count = 0};
    ledger_world_init(world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        ledger_world_seen(world, member);
    }
    for (unsigned i = 0; i < steps; i++) {
        size_t roll = rng_below(rng, 100);
        if (forks && i == steps / 2 && rng_below(rng, 2) == 0) {
            close_feed(world);
        }
        if (forks && rng_below(rng, 8) == 0) {
            if (rng_below(rng, 3) == 0) {
                ledger_history_fork(world, rng);
            } else {
                add_rescue(world, rng, &history);
            }
        } else if (roll < 25) {
            add_imposition(world, rng, &history, NULL, 0);
        } else if (roll < 55) {
            add_act(world, rng, &history);
        } else if (roll < 80) {
            ledger_world_seen(world, 1 + (uint32_t)rng_below(rng, 4));
        } else if (roll < 86) {
            ledger_history_lie(world, rng);
        } else if (roll < 92) {
            add_wrong(world, rng, &history);
        } else if (roll < 96) {
            add_entry(world, rng, &history);
        } else {
            ledger_world_note(world, 1 + (uint32_t)rng_below(rng, 4));
        }
    }
    for (size_t i = 0; i < history.lost_count; i++) {
        free((void *)history.lost[i].leaf.data);
        free((void *)history.lost[i].salted.data);
    }
}

/* ---- taken in some order ---- */

void ledger_history_take(struct ledger_node *node, struct rng *rng)
{
    const struct ledger_world *world = node->world;
    size_t charter_share = 1 + rng_below(rng, 20); /* the charter early, late or in between */
    ledger_node_begin(node);
    ledger_node_charter(node, 1);
    for (;;) {
        uint64_t left = world->entry_count - p2p_charter_size(node->ledger.charter);
        bool charter_left = left > 0;
        for (uint32_t f = 1; f <= LEDGER_WORLD_MEMBERS; f++) {
            left += ledger_world_size(world, f) - p2p_ledger_feed(&node->ledger, f)->edge.size;
        }
        if (left == 0) {
            break;
        }
        uint32_t f = 1 + (uint32_t)rng_below(rng, LEDGER_WORLD_MEMBERS);
        uint64_t held = p2p_ledger_feed(&node->ledger, f)->edge.size;
        uint64_t more = ledger_world_size(world, f) - held;
        if (charter_left && rng_below(rng, 20) < charter_share) {
            ledger_node_charter(node, p2p_charter_size(node->ledger.charter) + 1);
        } else if (more > 0) {
            ledger_node_take(node, f, held + 1 + rng_below(rng, more));
        }
        if (rng_below(rng, 6) == 0) {
            CHECK_OK(p2p_ledger_fold(&node->ledger));
        }
        if (rng_below(rng, 4) == 0) {
            ledger_node_end(node);
            if (rng_below(rng, 8) == 0) {
                ledger_node_reopen(node);
            }
            ledger_node_begin(node);
        }
    }
    ledger_node_end(node);
}
