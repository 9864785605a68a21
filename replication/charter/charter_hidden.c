/* What two heads of the charter hide: the entries from where they part on have no authority,
 * and yet somebody may be banned under a key, in a circle, or in a feed that one of them named.
 * Read from the ops alone, since an entry of the rival branch has no fold. */
#include "charter_state.h"

#include <string.h>

/* ---- keys and circles of a member ---- */

static bool joins(const struct p2p_op_circle *op, const char *name)
{
    for (size_t i = 0; i < op->member_count; i++) {
        if (strcmp(op->members[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void weigh_circle(const struct p2p_charter *charter, const struct p2p_member *member,
                         const struct p2p_op_circle *op, struct p2p_charter_hidden *out)
{
    const struct p2p_circle *circle =
        p2p_charter_circle_named(charter, p2p_slice_text(op->circle));
    if (circle == NULL || !p2p_circle_has(circle, member->number)) {
        out->circles = out->circles || joins(op, member->name);
        return;
    }
    for (size_t i = 0; i < op->epoch_count; i++) {
        out->keys = out->keys || op->epochs[i].epoch > circle->epoch_count;
    }
}

static enum p2p_err weigh_branch(const struct p2p_charter *charter,
                                 const struct charter_branch *branch, uint64_t end,
                                 const struct p2p_member *member,
                                 struct p2p_charter_hidden *out)
{
    struct p2p_arena arena;
    enum p2p_err err = P2P_OK;
    p2p_arena_init(&arena, charter->alloc, P2P_VERSION_ARENA_BYTES_MAX);
    for (uint64_t i = charter->fold.size;
         err == P2P_OK && i < branch->first + branch->count && i < end; i++) {
        struct p2p_version version;
        p2p_arena_reset(&arena);
        err = p2p_version_decode(&version, p2p_entry_leaf(branch->entries[i - branch->first]),
                                 &arena);
        for (size_t n = 0; err == P2P_OK && n < version.op_count; n++) {
            if (version.ops[n].type == P2P_OP_CIRCLE) {
                weigh_circle(charter, member, &version.ops[n].circle, out);
            }
        }
    }
    p2p_arena_deinit(&arena);
    return err;
}

enum p2p_err p2p_charter_hides(const struct p2p_charter *charter, uint32_t number, uint64_t end,
                               struct p2p_charter_hidden *out)
{
    const struct p2p_member *member = p2p_charter_member(charter, number);
    *out = (struct p2p_charter_hidden){.circles = member == NULL && charter->rival.count > 0};
    if (member == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = weigh_branch(charter, &charter->held, end, member, out);
    return err == P2P_OK && charter->rival.count > 0
               ? weigh_branch(charter, &charter->rival, end, member, out)
               : err;
}

/* ---- feeds ---- */

/* An op of an entry, as little of it as is needed. */
struct hidden_op {
    enum p2p_op op;
    struct p2p_slice member; /* that it names, if it does */
};

typedef bool op_match(const struct hidden_op *op, const void *context);

/* Whether an entry has such an op. What cannot be read may. */
static bool has_op(struct p2p_slice leaf, op_match *match, const void *context)
{
    struct p2p_record record;
    struct p2p_unpack ops;
    if (p2p_record_peek(&record, leaf) != P2P_OK ||
        !p2p_unpack_find(record.content, "ops", &ops)) {
        return true;
    }
    uint32_t count = p2p_unpack_array(&ops);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_unpack in;
        struct hidden_op op = {.member = {0}};
        struct p2p_slice map = p2p_unpack_raw(&ops);
        if (p2p_unpack_failed(&ops) || !p2p_unpack_find(map, "op", &in) ||
            p2p_op_of(&op.op, p2p_unpack_str(&in)) != P2P_OK) {
            return true;
        }
        if (p2p_unpack_find(map, "member", &in)) {
            op.member = p2p_unpack_str(&in);
        }
        if (match(&op, context)) {
            return true;
        }
    }
    return p2p_unpack_failed(&ops);
}

static bool creates_feed(const struct hidden_op *op, const void *context)
{
    (void)context;
    return op->op == P2P_OP_ADMIT || op->op == P2P_OP_GENERATION;
}

bool p2p_charter_hides_feeds(const struct p2p_charter *charter)
{
    bool hides = false;
    for (uint64_t i = charter->fold.size;
         charter->rival.count > 0 && i < charter->held.count && !hides; i++) {
        hides = has_op(p2p_entry_leaf(charter->held.entries[i]), creates_feed, NULL);
    }
    for (uint64_t i = 0; i < charter->rival.count && !hides; i++) {
        hides = has_op(p2p_entry_leaf(charter->rival.entries[i]), creates_feed, NULL);
    }
    return hides;
}

/* Grants the member named by the context another generation. */
static bool renews(const struct hidden_op *op, const void *context)
{
    const char *name = context;
    return op->op == P2P_OP_GENERATION && p2p_slice_equal(op->member, p2p_slice_text(name));
}

/* Ends what that member writes, or may. */
static bool ends_feed(const struct hidden_op *op, const void *context)
{
    return op->op == P2P_OP_REASSIGN || op->op == P2P_OP_SETTLE_OPENS || renews(op, context);
}

/* Whether an entry of the held branch below `end` that two heads hide has such an op about the
 * owner of the feed. */
static bool hides(const struct p2p_charter *charter, uint32_t feed, uint64_t end,
                  op_match *match)
{
    const struct p2p_feed_info *info = p2p_charter_feed(charter, feed);
    const struct p2p_member *owner = charter->rival.count == 0 || info == NULL
                                         ? NULL
                                         : p2p_charter_member(charter, info->member);
    bool found = false;
    for (uint64_t i = charter->fold.size;
         owner != NULL && i < charter->held.count && i < end && !found; i++) {
        found = has_op(p2p_entry_leaf(charter->held.entries[i]), match, owner->name);
    }
    return found;
}

bool p2p_charter_hides_end(const struct p2p_charter *charter, uint32_t feed, uint64_t end)
{
    return hides(charter, feed, end, ends_feed);
}

bool p2p_charter_hides_generation(const struct p2p_charter *charter, uint32_t feed)
{
    return hides(charter, feed, UINT64_MAX, renews);
}
