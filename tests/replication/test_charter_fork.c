#include "check.h"

#include "charter_world.h"

#include <stdlib.h>
#include <string.h>

/* Two worlds with one past: entry 0 and 1 are common, then each goes its own way. */
static struct charter_world left, right;
static struct p2p_charter *charter; /* holds left */
static struct world_draft draft;
static struct world_entry left2, left3, right2, right3, settle;
static char reason[P2P_REASON_BYTES], note[P2P_NOTE_BYTES_MAX];

enum { ALL = 7, TWO = 3, BY_M234 = (1 << 2) | (1 << 3) | (1 << 4) };

static void policy(uint32_t lease_s)
{
    struct p2p_policy op = {
        .lease_s = lease_s, .heartbeat_s = 60, .fresh_cosignature_s = 900, .clock_skew_s = 300};
    p2p_op_policy_pack(&draft.ops, &op);
    world_op(&draft);
}

static void revoke(const char *issuer, uint64_t index)
{
    size_t len = world_feed_note(note, sizeof(note), 1, index + 10, BY_M234);
    struct p2p_op_revoke op = {
        .issuer = issuer, .feed = "m1/1", .index = index, .note = p2p_slice_of(note, len)};
    p2p_op_revoke_pack(&draft.ops, &op);
    world_op(&draft);
}

static int begin(void **state)
{
    (void)state;
    world_init(&left);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &left, 3, 2);
    for (uint32_t i = 1; i <= 5; i++) {
        world_admit(&draft, i, 5);
    }
    world_add(&left, charter, &draft, TWO);
    world_draft(&draft);
    world_grant(&draft, "m1-a", 1, "m1", "level", "*");
    world_grant(&draft, "m1-b", 2, "m1", "level", "*");
    world_add(&left, charter, &draft, TWO);
    right = left;

    world_draft(&draft);
    world_grant(&draft, "m1-a", 1, "m1", "block", "*");
    world_seal(&left, &draft, TWO, &left2);
    world_push(&left, &left2);
    world_draft(&draft);
    world_admit(&draft, 6, 6);
    revoke("m1-a", 5);
    world_seal(&left, &draft, TWO, &left3);
    world_push(&left, &left3);

    world_draft(&draft);
    world_grant(&draft, "m1-c", 3, "m1", "level", "*");
    world_seal(&right, &draft, TWO, &right2);
    world_push(&right, &right2);
    world_draft(&draft);
    revoke("m1-b", 8);
    world_seal(&right, &draft, TWO, &right3);
    world_push(&right, &right3);

    CHECK_OK(world_apply(charter, &left2, reason));
    CHECK_OK(world_apply(charter, &left3, reason));
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    return 0;
}

static bool granted(uint32_t issuer, const char *name, uint64_t index)
{
    return p2p_charter_granted(charter, issuer, name, p2p_slice_text("*"), 1, index, 100);
}

/* A settle on `world`'s branch, whose head is `held`, ending the branch with these entries. */
static void settle_seal(struct charter_world *world, const struct world_entry *held,
                        const struct world_entry *ended, const struct world_entry *first,
                        uint64_t term, uint32_t mask)
{
    static uint8_t leaves[P2P_RECORD_BYTES_MAX];
    struct p2p_pack rival;
    p2p_pack_init(&rival, leaves, sizeof(leaves));
    p2p_pack_array(&rival, first == ended ? 1 : 2);
    p2p_pack_bin(&rival, first->leaf, first->leaf_len);
    if (first != ended) {
        p2p_pack_bin(&rival, ended->leaf, ended->leaf_len);
    }
    struct p2p_op_settle op = {.heads = {p2p_slice_of(held->note, held->note_len),
                                         p2p_slice_of(ended->note, ended->note_len)},
                               .rival_entries = p2p_pack_slice(&rival)};
    world_draft(&draft);
    p2p_op_settle_pack(&draft.ops, &op);
    world_op(&draft);
    world_grant(&draft, "m1-c", 3, "m1", "level", "*");
    uint64_t before = world->term;
    world->term = term;
    world_seal(world, &draft, mask, &settle);
    world->term = before;
}

/* Authority would go on under one of two histories. */
static void two_heads_take_authority_back_to_the_split(void **state)
{
    (void)state;
    uint64_t index;
    struct p2p_slice leaf, rival_note;
    CHECK(granted(1, "block", 0) && p2p_charter_member_count(charter) == 6);
    CHECK_ERR(p2p_charter_rival(charter, &index, &leaf, &rival_note), P2P_NOTFOUND);
    struct p2p_hash root = p2p_charter_root(charter);
    CHECK_ERR(world_apply(charter, &right2, reason), P2P_FORKED);
    CHECK_OK(p2p_charter_rival(charter, &index, &leaf, &rival_note));
    CHECK(index == 2 && p2p_slice_equal(leaf, p2p_slice_of(right2.leaf, right2.leaf_len)));
    CHECK(p2p_charter_good_size(charter) == 2 && p2p_charter_size(charter) == 4);
    struct p2p_hash same = p2p_charter_root(charter);
    CHECK(p2p_hash_equal(&root, &same));
    CHECK(!granted(1, "block", 0) && granted(1, "level", 6) && granted(2, "level", 9));
    CHECK(p2p_charter_member_count(charter) == 5 && p2p_charter_feed(charter, 6) == NULL);
    CHECK_ERR(world_apply(charter, &right2, reason), P2P_FORKED);
    CHECK_ERR(world_apply(charter, &right3, reason), P2P_FORKED);
    CHECK(p2p_charter_rival_size(charter) == 4);
    CHECK_OK(p2p_charter_rival_entry(charter, 3, &leaf, &rival_note));
    CHECK_OK(world_apply(charter, &left3, reason)); /* held, as before */
}

/* One signature of the log alone would stop every port. */
static void a_rival_needs_its_roots(void **state)
{
    (void)state;
    right2.index = 2;
    struct charter_world past = right;
    world_init(&past);
    struct p2p_slice leaf, any;
    for (uint64_t i = 0; i < 2; i++) {
        CHECK_OK(p2p_charter_entry(charter, i, &leaf, &any));
        struct p2p_hash hash = p2p_leaf_hash(leaf);
        p2p_edge_append(&past.edge, &hash, NULL);
    }
    world_sign(&past, 1, &right2);
    CHECK_ERR(world_apply(charter, &right2, reason), P2P_QUORUM);
    CHECK(p2p_charter_good_size(charter) == 4);
    right2.leaf[right2.leaf_len - 1] ^= 1;
    CHECK(world_apply(charter, &right2, reason) != P2P_FORKED);
}

/* The branch we hold goes on: its members stay, grants above the split are void, cuts of both
 * hold. */
static void settle_on_the_held_branch(void **state)
{
    (void)state;
    uint32_t touched[8];
    CHECK_ERR(world_apply(charter, &right2, reason), P2P_FORKED);
    settle_seal(&left, &left3, &right3, &right2, 1, TWO);
    CHECK_ERR(world_apply(charter, &settle, reason), P2P_QUORUM); /* k roots are not k+1 */
    settle_seal(&left, &left3, &right3, &right2, 0, ALL);
    CHECK_ERR(world_apply(charter, &settle, reason), P2P_REFUSED);
    settle_seal(&left, &left2, &right3, &right2, 1, ALL);
    CHECK_ERR(world_apply(charter, &settle, reason), P2P_MISMATCH);
    settle_seal(&left, &left3, &right3, &right3, 1, ALL);
    CHECK_ERR(world_apply(charter, &settle, reason), P2P_MISMATCH);
    settle_seal(&left, &left3, &left3, &left2, 1, ALL);
    CHECK_ERR(world_apply(charter, &settle, reason), P2P_MISMATCH);
    settle_seal(&left, &left3, &right3, &right2, 1, ALL);
    CHECK_OK(world_apply(charter, &settle, reason));
    CHECK(p2p_charter_rival_size(charter) == 0);
    CHECK(p2p_charter_size(charter) == 5 && p2p_charter_good_size(charter) == 5);
    CHECK(p2p_charter_member_count(charter) == 6 && p2p_charter_term(charter) == 1);
    CHECK(!granted(1, "block", 0));                           /* given above the split */
    CHECK(granted(1, "level", 4) && !granted(1, "level", 5)); /* cut by left */
    CHECK(granted(2, "level", 7) && !granted(2, "level", 8)); /* cut by right */
    CHECK(granted(3, "level", 0)); /* granted again by the settle itself */
    CHECK(p2p_charter_touched(charter, 4, touched, 8) == 3);
    CHECK_ERR(world_apply(charter, &right2, reason), P2P_REFUSED);
    CHECK_ERR(world_apply(charter, &right3, reason), P2P_REFUSED);
    world_push(&left, &settle);
    left.term = 1;
    world_draft(&draft);
    policy(3600);
    world_add(&left, charter, &draft, TWO);
}

/* The branch we held ends: the charter takes over the other one, and both kinds of node agree.
 */
static void settle_on_the_rival_branch(void **state)
{
    (void)state;
    struct p2p_slice leaf, any;
    CHECK_ERR(world_apply(charter, &right2, reason), P2P_FORKED);
    CHECK_ERR(world_apply(charter, &right3, reason), P2P_FORKED);
    settle_seal(&right, &right3, &left3, &left2, 5, ALL);
    CHECK_OK(world_apply(charter, &settle, reason));
    CHECK(p2p_charter_size(charter) == 5 && p2p_charter_rival_size(charter) == 0);
    CHECK(p2p_charter_member_count(charter) == 5);
    CHECK(!granted(1, "block", 0) && !granted(1, "level", 5) && !granted(2, "level", 8));
    CHECK_OK(p2p_charter_entry(charter, 2, &leaf, &any));
    CHECK(p2p_slice_equal(leaf, p2p_slice_of(right2.leaf, right2.leaf_len)));
    CHECK_ERR(world_apply(charter, &left2, reason), P2P_REFUSED);

    struct p2p_charter *fresh, *kept = charter;
    CHECK_OK(p2p_charter_new(&fresh, p2p_alloc_default(), NULL));
    for (uint64_t i = 0; i < p2p_charter_size(charter); i++) {
        CHECK_OK(p2p_charter_entry(charter, i, &leaf, &any));
        CHECK_OK(p2p_charter_apply(fresh, p2p_sigs_ed25519(), i, leaf, any, reason));
    }
    charter = fresh;
    CHECK(!granted(1, "level", 5) && !granted(2, "level", 8) && granted(3, "level", 0));
    struct p2p_hash a = p2p_charter_root(fresh), b = p2p_charter_root(kept);
    CHECK(p2p_hash_equal(&a, &b));
    p2p_charter_free(kept);
}

struct failing {
    long countdown;
    long held;
};

static void *failing_realloc(void *context, void *old, size_t bytes)
{
    struct failing *failing = context;
    if (failing->countdown == 0) {
        return NULL;
    }
    failing->countdown -= failing->countdown > 0;
    failing->held += old == NULL;
    return realloc(old, bytes);
}

static void failing_free(void *context, void *old)
{
    struct failing *failing = context;
    failing->held -= old != NULL;
    free(old);
}

/* The whole story of two heads on one charter; stops at the first failure. */
static enum p2p_err story(struct p2p_charter *fresh, const struct p2p_charter *from)
{
    struct p2p_slice leaf, any;
    const struct world_entry *rivals[] = {&right2, &right3, &settle};
    const enum p2p_err expected[] = {P2P_FORKED, P2P_FORKED, P2P_OK};
    for (uint64_t i = 0; i < p2p_charter_size(from); i++) {
        CHECK_OK(p2p_charter_entry(from, i, &leaf, &any));
        enum p2p_err err = p2p_charter_apply(fresh, p2p_sigs_ed25519(), i, leaf, any, reason);
        if (err != P2P_OK) {
            return err;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        uint64_t size = p2p_charter_size(fresh), rival = p2p_charter_rival_size(fresh);
        enum p2p_err err = world_apply(fresh, rivals[i], reason);
        if (err != expected[i]) {
            CHECK(p2p_charter_size(fresh) == size && p2p_charter_rival_size(fresh) == rival);
            return err;
        }
    }
    return P2P_OK;
}

/* A branch half taken over when memory runs out, or memory that is lost. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    settle_seal(&right, &right3, &left3, &left2, 5, ALL);
    enum p2p_err err = P2P_NOMEM;
    for (long at = 0; err != P2P_OK; at++) {
        struct failing failing = {.countdown = at};
        struct p2p_alloc alloc = {failing_realloc, failing_free, &failing};
        struct p2p_charter *fresh = NULL;
        err = p2p_charter_new(&fresh, &alloc, NULL);
        if (err == P2P_OK) {
            err = story(fresh, charter);
        }
        CHECK(err == P2P_OK || err == P2P_NOMEM);
        p2p_charter_free(fresh);
        CHECK(failing.held == 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(two_heads_take_authority_back_to_the_split),
        TEST(a_rival_needs_its_roots),
        TEST(settle_on_the_held_branch),
        TEST(settle_on_the_rival_branch),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
