#include "check.h"

#include "custody_world.h"
#include "rng.h"

#include <p2p/fork.h>

#include <stdio.h>
#include <stdlib.h>

static const char *const custody_grants[] = {
    "custody",       "recount",         "issue",          "accept",
    "transfer",      "assign",          "block",          "commercial-light",
    "customs-light", "discharge-light", "terminal-light", "override"};

void custody_world_init(struct ledger_world *world)
{
    static struct world_draft draft;
    world_draft(&draft);
    for (uint32_t of = 0; of < 2 * LEDGER_WORLD_MEMBERS; of++) {
        char name[32], member[8];
        bool yard = of >= LEDGER_WORLD_MEMBERS;
        uint32_t m = 1 + of % LEDGER_WORLD_MEMBERS;
        snprintf(member, sizeof(member), "m%u", m);
        snprintf(name, sizeof(name), "%s-%u", yard ? "yard" : "custody", m);
        size_t count = yard ? 1 : sizeof(custody_grants) / sizeof(custody_grants[0]);
        for (size_t g = 0; g < count; g++) {
            world_grant(&draft, name, yard ? YARD_OF(m) : CUSTODY_OF(m), member,
                        yard ? "recount" : custody_grants[g], "*");
        }
        if (yard) {
            world_grant(&draft, name, YARD_OF(m), member, "approve", "*");
        }
    }
    ledger_world_entry(world, &draft);
    for (uint32_t m = 1; m <= LEDGER_WORLD_MEMBERS; m++) {
        const struct p2p_issuer *custody = p2p_charter_issuer(world->charter, CUSTODY_OF(m));
        const struct p2p_issuer *yard = p2p_charter_issuer(world->charter, YARD_OF(m));
        CHECK(custody != NULL && custody->member == m && yard != NULL && yard->member == m);
    }
}

uint32_t custody_world_member(const struct ledger_world *world, uint32_t feed)
{
    return p2p_charter_feed(world->charter, feed)->member;
}

static struct p2p_draft draft_of(struct ledger_world *world, uint32_t kind, uint32_t issuer,
                                 const struct p2p_record_id *cites, size_t cite_count)
{
    return (struct p2p_draft){.kind = kind,
                              .circle = CIRCLE_ALL,
                              .issuer = issuer,
                              .issuer_seq = issuer != 0 ? ++world->next_seq[issuer] : 0,
                              .cites = cites,
                              .cite_count = cite_count};
}

struct p2p_record_id custody_world_open_unaware(struct ledger_world *world, uint32_t feed,
                                                const char *container)
{
    uint8_t room[256];
    struct p2p_pack pack;
    struct p2p_draft draft = draft_of(world, P2P_KIND_CUSTODY_OPEN,
                                      CUSTODY_OF(custody_world_member(world, feed)), NULL, 0);
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_custody_open_pack(&pack, p2p_slice_text(container), p2p_slice_text("call-1"),
                                   p2p_slice_text("quay-1")));
    draft.payload = p2p_pack_slice(&pack);
    return ledger_world_write(world, feed, draft, 0);
}

struct p2p_record_id custody_world_open(struct ledger_world *world, uint32_t feed,
                                        const char *container)
{
    ledger_world_seen(world, feed);
    return custody_world_open_unaware(world, feed, container);
}

struct p2p_record_id custody_world_gate_in(struct ledger_world *world, uint32_t feed,
                                           const char *container,
                                           const struct p2p_record_id *opens, size_t count)
{
    uint8_t room[256];
    struct p2p_pack pack;
    struct p2p_draft draft =
        draft_of(world, P2P_KIND_CUSTODY_GATE_IN, CUSTODY_OF(custody_world_member(world, feed)),
                 opens, count);
    ledger_world_seen(world, feed);
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(
        p2p_custody_gate_in_pack(&pack, p2p_slice_text(container), p2p_slice_text("quay-1")));
    draft.payload = p2p_pack_slice(&pack);
    return ledger_world_write(world, feed, draft, 0);
}

struct p2p_record_id custody_world_act(struct ledger_world *world, uint32_t feed,
                                       const struct custody_act *act)
{
    static char notes[2][P2P_CUSTODY_NOTE_BYTES];
    uint8_t room[2 * P2P_CUSTODY_NOTE_BYTES + 256];
    struct p2p_slice rests[2];
    struct p2p_pack pack;
    struct p2p_record_id cites[2] = {act->token};
    struct p2p_custody_step step = {.epoch = act->epoch,
                                    .to = act->to,
                                    .found = act->found,
                                    .rests = rests,
                                    .seals = act->seals,
                                    .seal_count = act->seal_count};
    uint32_t member = custody_world_member(world, feed);
    uint32_t issuer = act->issuer != 0 ? act->issuer : CUSTODY_OF(member);
    if (act->about != NULL) {
        cites[1] = *act->about;
    }
    if (!act->no_seen) {
        ledger_world_seen(world, feed);
    }
    for (size_t i = 0; i < 2 && act->rests[i] != 0; i++) {
        uint32_t of = act->rests[i];
        uint32_t all = 0x1eu & ~(1u << custody_world_member(world, of));
        uint32_t witnesses = act->witnesses != 0 ? act->witnesses : all;
        witnesses = i > 0 && act->bare_second ? 0 : witnesses;
        size_t len = ledger_world_checkpoint(world, of, ledger_world_size(world, of), witnesses,
                                             notes[i], sizeof(notes[i]));
        rests[step.rests_count++] = p2p_slice_of(notes[i], len);
    }
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_custody_step_pack(&pack, &step));
    struct p2p_draft draft = draft_of(world, act->kind, act->kind == P2P_KIND_USE ? 0 : issuer,
                                      cites, act->about != NULL ? 2 : 1);
    draft.content = p2p_pack_slice(&pack);
    return ledger_world_write(world, feed, draft, act->wrong);
}

struct p2p_record_id custody_world_offer(struct ledger_world *world, uint32_t feed,
                                         struct p2p_record_id token, uint64_t epoch,
                                         uint32_t to, uint32_t rests)
{
    return custody_world_act(world, feed,
                             &(struct custody_act){.kind = P2P_KIND_CUSTODY_OFFER,
                                                   .token = token,
                                                   .epoch = epoch,
                                                   .to = to,
                                                   .rests = {rests}});
}

struct p2p_record_id custody_world_answer(struct ledger_world *world, uint32_t feed,
                                          enum p2p_kind_number kind, struct p2p_record_id token,
                                          struct p2p_record_id offer, uint64_t epoch)
{
    return custody_world_act(world, feed,
                             &(struct custody_act){.kind = kind,
                                                   .token = token,
                                                   .about = &offer,
                                                   .epoch = epoch,
                                                   .rests = {offer.feed}});
}

struct p2p_record_id custody_world_use(struct ledger_world *world, uint32_t feed,
                                       struct p2p_record_id token, uint64_t epoch,
                                       uint32_t rests)
{
    return custody_world_act(
        world, feed,
        &(struct custody_act){
            .kind = P2P_KIND_USE, .token = token, .epoch = epoch, .rests = {rests}});
}

struct p2p_record_id custody_world_recount_by(struct ledger_world *world, uint32_t feed,
                                              struct p2p_record_id token, uint64_t epoch,
                                              const char *found,
                                              const struct p2p_record_id *seals,
                                              size_t seal_count)
{
    struct custody_act act = {.kind = P2P_KIND_RECOUNT,
                              .token = token,
                              .epoch = epoch,
                              .found = found,
                              .seals = seals,
                              .seal_count = seal_count};
    struct p2p_record_id first = custody_world_act(world, feed, &act);
    act.issuer = YARD_OF(custody_world_member(world, feed));
    act.about = &first;
    return custody_world_act(world, feed, &act);
}

struct p2p_record_id custody_world_recount(struct ledger_world *world, uint32_t feed,
                                           struct p2p_record_id token, uint64_t epoch,
                                           const char *found)
{
    return custody_world_recount_by(world, feed, token, epoch, found, NULL, 0);
}

void custody_world_reassign(struct ledger_world *world, struct p2p_record_id token,
                            uint64_t epoch, uint32_t member)
{
    static struct world_draft draft;
    struct p2p_op_reassign op = {.feed = p2p_charter_feed(world->charter, token.feed)->origin +
                                         strlen(WORLD_FEDERATION) + 1,
                                 .index = token.index,
                                 .epoch = epoch,
                                 .member = p2p_charter_member(world->charter, member)->name};
    world_draft(&draft);
    p2p_op_reassign_pack(&draft.ops, &op);
    world_op(&draft);
    ledger_world_entry(world, &draft);
}

static struct p2p_op_open named(const struct ledger_world *world, struct p2p_record_id id)
{
    return (struct p2p_op_open){.feed = p2p_charter_feed(world->charter, id.feed)->origin +
                                        strlen(WORLD_FEDERATION) + 1,
                                .index = id.index};
}

void custody_world_settle(struct ledger_world *world, struct p2p_record_id keep,
                          const struct p2p_record_id *others, uint32_t count)
{
    static struct world_draft draft;
    struct p2p_op_open go[4];
    struct p2p_op_settle_opens op = {
        .keep = named(world, keep), .others = go, .other_count = count};
    CHECK(count <= 4);
    for (uint32_t i = 0; i < count; i++) {
        go[i] = named(world, others[i]);
    }
    world_draft(&draft);
    p2p_op_settle_opens_pack(&draft.ops, &op);
    world_op(&draft);
    ledger_world_entry(world, &draft);
}

struct p2p_record_id custody_world_seal(struct ledger_world *world, uint32_t member,
                                        uint32_t feed, uint64_t size)
{
    const struct ledger_claim claims[] = {{0, world->entry_count, false, NULL},
                                          {feed, size, false, NULL}};
    return ledger_world_claims(world, member, claims, 2);
}

/* Two roots for one size. */
static size_t make_proof(const struct ledger_world *world, uint32_t accused,
                         uint8_t out[P2P_FORK_BYTES_MAX])
{
    static const char *const roots[] = {"this", "that"};
    struct world_member keys;
    struct p2p_fork_proof proof = {.proof = {.count = 0}};
    world_member(&keys, world->feed_keys[accused]);
    proof.origin = p2p_slice_text(p2p_charter_feed(world->charter, accused)->origin);
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

struct p2p_record_id custody_world_fork(struct ledger_world *world, uint32_t by,
                                        uint32_t accused, uint64_t witnessed)
{
    static uint8_t content[2 * P2P_CUSTODY_NOTE_BYTES];
    static char note[P2P_CUSTODY_NOTE_BYTES];
    uint8_t proof[P2P_FORK_BYTES_MAX];
    struct p2p_pack pack;
    size_t len = make_proof(world, accused, proof);
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, 2);
    p2p_pack_text(&pack, "proof");
    p2p_pack_bin(&pack, proof, len);
    len = ledger_world_checkpoint(world, accused, witnessed, 0x1eu & ~(1u << accused), note,
                                  sizeof(note));
    p2p_pack_text(&pack, "witnessed");
    p2p_pack_bin(&pack, note, len);
    return ledger_world_write(
        world, by, (struct p2p_draft){.kind = P2P_KIND_FORK, .content = p2p_pack_slice(&pack)},
        0);
}

/* The perfect subtree (level, index) of a feed as written. */
static enum p2p_err subtree(void *context, unsigned level, uint64_t index, struct p2p_hash *out)
{
    const struct written_feed *feed = context;
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    for (uint64_t i = index << level; i < (index + 1) << level; i++) {
        p2p_edge_append(&edge, &feed->records[i].leaf_hash, NULL);
    }
    *out = p2p_edge_root(&edge);
    return P2P_OK;
}

void custody_world_lose(struct ledger_world *world, uint32_t feed, struct custody_lost *lost)
{
    struct written_feed *of = &world->feeds[feed];
    const struct p2p_tree_reader reader = {.hash = subtree, .context = of};
    struct world_member keys;
    struct p2p_rescued_proof proof = {
        .head = {.size = of->count, .root = ledger_world_root(world, feed, of->count)}};
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(p2p_charter_feed(world->charter, feed)->origin),
        .size = proof.head.size,
        .root = proof.head.root};
    world_member(&keys, world->feed_keys[feed]);
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &keys.feed,
                             &proof.head.signature);
    CHECK_OK(p2p_tree_inclusion(&reader, of->count - 1, of->count, &proof.path));
    lost->proof_len = p2p_rescued_prove(&proof, lost->proof).len;
    lost->record = of->records[--of->count];
    p2p_edge_init(&of->edge);
    for (size_t i = 0; i < of->count; i++) {
        p2p_edge_append(&of->edge, &of->records[i].leaf_hash, NULL);
    }
}

void custody_lost_deinit(struct custody_lost *lost)
{
    free((void *)lost->record.leaf.data);
    free((void *)lost->record.salted.data);
}

struct p2p_record_id custody_world_rescue(struct ledger_world *world, uint32_t by,
                                          const struct custody_lost *lost)
{
    static uint8_t payload[P2P_PAYLOAD_BYTES_MAX];
    struct p2p_pack pack;
    struct p2p_rescued rescued = {.feed = lost->record.id.feed,
                                  .index = lost->record.id.index,
                                  .leaf = lost->record.leaf};
    if (lost->record.salted.len > 0) {
        rescued.salted = lost->record.salted;
    } else {
        rescued.proof = p2p_slice_of(lost->proof, lost->proof_len);
    }
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_rescued_pack(&pack, &rescued));
    struct p2p_draft draft = draft_of(world, P2P_KIND_RESCUED, 0, NULL, 0);
    draft.payload = p2p_pack_slice(&pack);
    return ledger_world_write(world, by, draft, 0);
}

struct p2p_custody custody_of(struct ledger_node *node, struct p2p_record_id token)
{
    struct p2p_custody custody;
    const struct p2p_kv *kv = node->kv != NULL ? node->kv : memory_kv_begin(node->store);
    CHECK_OK(p2p_custody_get(kv, CIRCLE_ALL, &token, &custody));
    if (node->kv == NULL) {
        memory_kv_abort(node->store);
    }
    return custody;
}

struct p2p_custody custody_world_now(const struct ledger_world *world,
                                     struct p2p_record_id token)
{
    struct ledger_node node;
    ledger_node_init(&node, world, 0);
    ledger_node_take_all(&node);
    ledger_node_check_digests(&node);
    struct p2p_custody custody = custody_of(&node, token);
    ledger_node_deinit(&node);
    return custody;
}

void custody_world_check_orders(const struct ledger_world *world, uint64_t seed)
{
    struct ledger_node first;
    struct rng rng = {seed};
    ledger_node_init(&first, world, 0);
    ledger_node_take_all(&first);
    for (unsigned round = 0; round < 6; round++) {
        struct ledger_node node;
        ledger_node_init(&node, world, 0);
        ledger_node_begin(&node);
        ledger_node_charter(&node, 1);
        ledger_node_end(&node);
        for (unsigned i = 0; i < 40; i++) {
            uint32_t of = (uint32_t)rng_below(&rng, node.ledger.feed_count + 1);
            ledger_node_begin(&node);
            if (of == node.ledger.feed_count || of == 0) {
                uint64_t size = p2p_charter_size(node.ledger.charter);
                uint64_t more = rng_below(&rng, world->entry_count - size + 1);
                ledger_node_charter(&node, size + more);
            } else {
                uint64_t size = p2p_ledger_feed(&node.ledger, of)->edge.size;
                uint64_t more = rng_below(&rng, ledger_world_size(world, of) - size + 1);
                ledger_node_take(&node, of, size + more);
            }
            ledger_node_end(&node);
            if (rng_below(&rng, 8) == 0) {
                ledger_node_reopen(&node);
            }
        }
        ledger_node_take_all(&node);
        ledger_node_check_same(&first, &node);
        ledger_node_deinit(&node);
    }
    ledger_node_deinit(&first);
}
