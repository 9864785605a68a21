#include "charter_case.h"

#include <stdio.h>
#include <stdlib.h>

static void policy_op(uint32_t lease_s)
{
    struct p2p_policy policy = {
        .lease_s = lease_s, .heartbeat_s = 60, .fresh_cosignature_s = 900, .clock_skew_s = 300};
    p2p_op_policy_pack(&draft.ops, &policy);
    world_op(&draft);
}

/* Who is who could not be looked up. */
static void founding_gives_names_and_numbers(void **state)
{
    (void)state;
    CHECK(p2p_charter_size(charter) == 1);
    CHECK(strcmp(p2p_charter_federation(charter), WORLD_FEDERATION) == 0);
    CHECK(p2p_charter_member_count(charter) == MEMBERS);
    CHECK(p2p_charter_feed_count(charter) == MEMBERS + 1);
    CHECK(p2p_charter_threshold(charter) == 2 && p2p_charter_root_count(charter) == 3);
    const struct p2p_member *m3 = p2p_charter_member_named(charter, p2p_slice_text("m3"));
    CHECK(m3 != NULL && m3->number == 3 && m3->feed == 3);
    const struct p2p_feed_info *feed = p2p_charter_feed_named(charter, p2p_slice_text("m3/1"));
    CHECK(feed != NULL && feed->number == 3 && feed->member == 3 && feed->witness_count == 4);
    CHECK(strcmp(feed->origin, WORLD_FEDERATION "/m3/1") == 0);
    CHECK(p2p_charter_feed_named(charter, p2p_slice_text("charter/1"))->number == 0);
    CHECK(strcmp(p2p_charter_feed(charter, 0)->origin, WORLD_FEDERATION "/charter/1") == 0);
    CHECK(p2p_charter_feed(charter, MEMBERS + 1) == NULL);
    CHECK(p2p_charter_member(charter, 0) == NULL);
    const struct p2p_issuer *pso = p2p_charter_issuer_named(charter, p2p_slice_text("m1-pso"));
    CHECK(pso != NULL && pso->number == 1 && pso->member == 1 && pso->grant_count == 1);
    CHECK(p2p_charter_issuer_named(charter, p2p_slice_text("m1")) == NULL);
    CHECK(p2p_charter_has_key(charter, world.roots[2].public_key.bytes));
    CHECK(!p2p_charter_has_key(charter, world.roots[3].public_key.bytes));
    uint32_t witnesses[P2P_WITNESSES_MAX];
    CHECK(p2p_charter_witnesses_at(charter, 3, 0, witnesses) == 0);
    CHECK(p2p_charter_witnesses_at(charter, 3, 1, witnesses) == 4 && witnesses[2] == 4);
}

/* A quorum that is too small to intersect in an honest witness. */
static void quorum_follows_the_formula(void **state)
{
    (void)state;
    const uint32_t quorums[] = {0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 10};
    for (uint32_t n = 0; n <= P2P_WITNESSES_MAX; n++) {
        uint32_t f = p2p_witness_faults(n), k = p2p_witness_quorum(n);
        CHECK(k == quorums[n]);
        CHECK(n == 0 || 2 * k > n + f);
        CHECK(k <= n);
    }
}

/* One root's key could stand for several. */
static void threshold_counts_distinct_keys(void **state)
{
    (void)state;
    policy_op(3600);
    world_seal(&world, &draft, 1, &entry);
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_QUORUM);
    CHECK(strstr(reason, "1 distinct") != NULL);
    const char *last = strstr(entry.note, "\n\n");
    last = strstr(last + 2, "\n") + 1; /* the only cosignature */
    size_t line_len = entry.note_len - (size_t)(last - entry.note);
    memcpy(entry.note + entry.note_len, last, line_len);
    entry.note_len += line_len;
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_QUORUM);
    world_seal(&world, &draft, 1 | 8, &entry); /* root 3 is not in the charter */
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_QUORUM);
    world_seal(&world, &draft, 1 | 4, &entry);
    CHECK_OK(world_apply(charter, &entry, reason));
}

/* Root keys named twice in the founding entry would be counted twice. */
static void founding_refuses_bad_root_sets(void **state)
{
    (void)state;
    const struct {
        uint32_t roots, threshold;
        enum p2p_err err;
    } sets[] = {{1, 1, P2P_OK},      {2, 1, P2P_REFUSED}, {2, 2, P2P_OK},
                {3, 1, P2P_REFUSED}, {3, 2, P2P_OK},      {4, 2, P2P_REFUSED},
                {4, 3, P2P_OK},      {3, 4, P2P_REFUSED}, {0, 0, P2P_REFUSED}};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct p2p_charter *fresh;
        struct charter_world other;
        world_init(&other);
        CHECK_OK(p2p_charter_new(&fresh, p2p_alloc_default(), NULL));
        world_draft(&draft);
        world_found(&draft, &other, sets[i].roots, sets[i].threshold);
        world_seal(&other, &draft, 15, &entry);
        CHECK_ERR(world_apply(fresh, &entry, reason), sets[i].err);
        other.roots[1] = other.roots[0];
        world_draft(&draft);
        world_found(&draft, &other, 3, 2);
        world_seal(&other, &draft, 15, &entry);
        CHECK(world_apply(fresh, &entry, reason) != P2P_OK);
        p2p_charter_free(fresh);
    }
}

/* Another federation could pass for ours. */
static void federation_id_is_entry_0(void **state)
{
    (void)state;
    struct p2p_charter *pinned;
    struct p2p_slice leaf, note;
    CHECK_OK(p2p_charter_entry(charter, 0, &leaf, &note));
    struct p2p_hash id = p2p_sha256(leaf), held = p2p_charter_federation_id(charter);
    CHECK(p2p_hash_equal(&id, &held));
    CHECK_OK(p2p_charter_new(&pinned, p2p_alloc_default(), &id));
    CHECK_OK(p2p_charter_apply(pinned, p2p_sigs_ed25519(), 0, leaf, note, reason));
    p2p_charter_free(pinned);
    id.bytes[0] ^= 1;
    CHECK_OK(p2p_charter_new(&pinned, p2p_alloc_default(), &id));
    CHECK_ERR(p2p_charter_apply(pinned, p2p_sigs_ed25519(), 0, leaf, note, reason),
              P2P_MISMATCH);
    CHECK(p2p_charter_size(pinned) == 0);
    CHECK_ERR(p2p_charter_apply(pinned, p2p_sigs_ed25519(), 1, leaf, note, reason), P2P_GAP);
    p2p_charter_free(pinned);
}

/* An op in the wrong place could refound or reorder the federation. */
static void ops_stand_where_they_may(void **state)
{
    (void)state;
    world_found(&draft, &world, 3, 2);
    REFUSED(P2P_REFUSED, "entry 0");
    policy_op(3600);
    world_found(&draft, &world, 3, 2);
    REFUSED(P2P_REFUSED, "'found' stands first");
    world.term = 1;
    policy_op(3600);
    REFUSED(P2P_REFUSED, "term 1");
    world.term = 0;
    policy_op(3600);
    TAKEN();
}

/* A member with a borrowed name or key could act as another. */
static void admissions_are_checked(void **state)
{
    (void)state;
    const char *const one[] = {"m1"}, *const twice[] = {"m1", "m1"}, *const self[] = {"m9"};
    const char *const stranger[] = {"m8"};
    admit_as("m1", 9, one, 1);
    REFUSED(P2P_REFUSED, "m1 is in use");
    admit_as("charter", 9, one, 1);
    REFUSED(P2P_REFUSED, "a name has");
    admit_as("M9", 9, one, 1);
    REFUSED(P2P_REFUSED, "a name has");
    admit_as("a-name-of-thirty-three-characters", 9, one, 1);
    REFUSED(P2P_REFUSED, "a name has");
    admit_as("m9", 1, one, 1);
    REFUSED(P2P_BADKEY, "in use already");
    admit_as("m9", 9, twice, 2);
    REFUSED(P2P_REFUSED, "named twice");
    admit_as("m9", 9, self, 1);
    REFUSED(P2P_REFUSED, "its own feed");
    admit_as("m9", 9, stranger, 1);
    REFUSED(P2P_UNKNOWN, "not a member");
    admit_as("m9", 9, stranger, 1);
    admit_as("m8", 8, self, 1);
    TAKEN();
    CHECK(p2p_charter_feed_named(charter, p2p_slice_text("m9/1"))->witnesses[0] == 7);
}

/* A key with a second purpose, or one that many signatures fit. */
static void keys_are_admissible_and_distinct(void **state)
{
    (void)state;
    struct world_member member;
    world_member(&member, 9);
    struct p2p_op_admit op = {.member = "m9", .locode = "", .feed_key = member.feed.public_key};
    memcpy(op.witness_key.bytes, op.feed_key.bytes, P2P_PUBLIC_BYTES);
    op.transport_key = member.transport.public_key;
    op.sealing_key = member.sealing.public_key;
    p2p_op_admit_pack(&draft.ops, &op);
    world_op(&draft);
    REFUSED(P2P_BADKEY, "one purpose");
    memset(op.witness_key.bytes, 0, P2P_PUBLIC_BYTES);
    p2p_op_admit_pack(&draft.ops, &op);
    world_op(&draft);
    REFUSED(P2P_BADKEY, "not an admissible");
    op.witness_key = member.witness.public_key;
    op.locode = "BEAN";
    p2p_op_admit_pack(&draft.ops, &op);
    world_op(&draft);
    REFUSED(P2P_REFUSED, "UN/LOCODE");
    world_grant(&draft, "m1-x", 7, "m1", "level", "*");
    world_grant(&draft, "m2-x", 7, "m2", "level", "*");
    REFUSED(P2P_BADKEY, "in use already");
}

static void settle_op(uint64_t keep, uint64_t goes)
{
    const struct p2p_op_open other = {.feed = "m2/1", .index = goes};
    p2p_op_settle_opens_pack(
        &draft.ops, &(struct p2p_op_settle_opens){.keep = {.feed = "m2/1", .index = keep},
                                                  .others = &other,
                                                  .other_count = 1});
    world_op(&draft);
}

/* An open could come back of which the container left, or was opened anew, since it went. */
static void what_was_settled_away_is_not_kept(void **state)
{
    (void)state;
    settle_op(4, 7);
    TAKEN();
    settle_op(7, 9);
    REFUSED(P2P_REFUSED, "settled away");
    settle_op(9, 4);
    TAKEN();
}

static void rotate_op(uint32_t first, uint32_t count, uint32_t threshold)
{
    struct p2p_root_public keys[WORLD_ROOTS];
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = world.roots[first + i].public_key;
    }
    struct p2p_op_rotate op = {.roots = keys, .root_count = count, .threshold = threshold};
    p2p_op_rotate_pack(&draft.ops, &op);
    world_op(&draft);
}

/* The old roots could be pushed out, or the new ones never have agreed. */
static void rotation_needs_old_and_new(void **state)
{
    (void)state;
    rotate_op(2, 3, 1);
    REFUSED(P2P_REFUSED, "not above half");
    rotate_op(2, 3, 2); /* roots 2, 3, 4 */
    world_seal(&world, &draft, ROOTS01, &entry);
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_QUORUM); /* no new */
    world_seal(&world, &draft, 4 | 8 | 16, &entry);
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_QUORUM); /* one old */
    world_seal(&world, &draft, 1 | 2 | 8, &entry);
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_QUORUM); /* one new */
    world_seal(&world, &draft, 1 | 4 | 8, &entry);               /* root 2 counts in both */
    CHECK_OK(world_apply(charter, &entry, reason));
    world_push(&world, &entry);
    CHECK(p2p_charter_roots(charter)[0].bytes[0] == world.roots[2].public_key.bytes[0]);
    world_draft(&draft);
    policy_op(3600);
    world_seal(&world, &draft, ROOTS01, &entry);
    CHECK(world_apply(charter, &entry, reason) != P2P_OK);
    world_seal(&world, &draft, 8 | 16, &entry);
    CHECK_OK(world_apply(charter, &entry, reason));
    /* What the old roots signed before is still good. */
    struct p2p_slice leaf, note;
    CHECK_OK(p2p_charter_entry(charter, 0, &leaf, &note));
    CHECK_OK(p2p_charter_apply(charter, p2p_sigs_ed25519(), 0, leaf, note, reason));
}

/* Someone who left would read on, or a key be replaced under the number of another. */
static void circles_have_members_and_epochs(void **state)
{
    (void)state;
    const char *const m12[] = {"m1", "m2"}, *const m3[] = {"m3"}, *const m1[] = {"m1"};
    const char *const m23[] = {"m2", "m3"}, *const m9[] = {"m9"};
    world_circle(&draft, "police", 1, 1, m12, 2, NULL, 0);
    TAKEN();
    const struct p2p_circle *police =
        p2p_charter_circle_named(charter, p2p_slice_text("police"));
    CHECK(police && p2p_circle_has(police, 1) && !p2p_circle_has(police, 3));
    CHECK(police->epoch_count == 1);
    struct p2p_hash first = police->epochs[0].key_hash;
    world_circle(&draft, "police", 3, 3, m12, 2, NULL, 0);
    REFUSED(P2P_REFUSED, "next number");
    world_circle(&draft, "police", 1, 1, m3, 1, m1, 1);
    REFUSED(P2P_REFUSED, "new epoch");
    world_circle(&draft, "police", 2, 2, m1, 1, m1, 1);
    REFUSED(P2P_REFUSED, "leaves it and joins it");
    world_circle(&draft, "police", 1, 1, m9, 1, NULL, 0);
    REFUSED(P2P_UNKNOWN, "not a member");
    world_circle(&draft, "other", 2, 1, m12, 2, NULL, 0);
    REFUSED(P2P_REFUSED, "no key");
    world_circle(&draft, "police", 2, 1, m3, 1, NULL, 0); /* joins, and the keys stay */
    TAKEN();
    police = p2p_charter_circle_named(charter, p2p_slice_text("police"));
    CHECK(police->member_count == 3 && police->epoch_count == 1);
    world_circle(&draft, "police", 2, 2, m23, 2, m1, 1);
    TAKEN();
    police = p2p_charter_circle_named(charter, p2p_slice_text("police"));
    CHECK(police->member_count == 2 && police->epoch_count == 2);
    CHECK(!p2p_circle_has(police, 1) && p2p_circle_has(police, 3));
    CHECK(p2p_hash_equal(&police->epochs[0].key_hash, &first));
    world_circle(&draft, "charter", 1, 1, m12, 2, NULL, 0);
    REFUSED(P2P_REFUSED, "a circle's name");
}

/* A lease of no time, or of for ever. */
static void policy_has_bounds(void **state)
{
    (void)state;
    CHECK(p2p_charter_policy(charter)->lease_s == 259200);
    policy_op(59);
    REFUSED(P2P_REFUSED, "a lease");
    policy_op(31 * 86400);
    REFUSED(P2P_REFUSED, "a lease");
    policy_op(3600);
    TAKEN();
    CHECK(p2p_charter_policy(charter)->lease_s == 3600);
}

/* A byte lost or turned in an entry or its note would go unnoticed. */
static void damage_is_never_accepted(void **state)
{
    (void)state;
    world_grant(&draft, "m2-pso", 2, "m2", "level", "*");
    world_seal(&world, &draft, ROOTS01, &entry);
    for (size_t len = 0; len < entry.leaf_len; len++) {
        CHECK(p2p_charter_apply(charter, p2p_sigs_ed25519(), 1, p2p_slice_of(entry.leaf, len),
                                p2p_slice_of(entry.note, entry.note_len), reason) != P2P_OK);
    }
    for (size_t len = 0; len < entry.note_len; len++) {
        CHECK(p2p_charter_apply(charter, p2p_sigs_ed25519(), 1,
                                p2p_slice_of(entry.leaf, entry.leaf_len),
                                p2p_slice_of(entry.note, len), reason) != P2P_OK);
    }
    for (size_t bit = 0; bit < 8 * entry.leaf_len; bit++) {
        entry.leaf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(world_apply(charter, &entry, reason) != P2P_OK);
        entry.leaf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * entry.note_len; bit++) {
        entry.note[bit / 8] = (char)((unsigned char)entry.note[bit / 8] ^ (1u << bit % 8));
        CHECK(world_apply(charter, &entry, reason) != P2P_OK);
        CHECK(reason[0] != '\0');
        entry.note[bit / 8] = (char)((unsigned char)entry.note[bit / 8] ^ (1u << bit % 8));
    }
    CHECK(p2p_charter_size(charter) == 1);
    CHECK_OK(world_apply(charter, &entry, reason));
    CHECK_OK(world_apply(charter, &entry, reason));
    entry.note[entry.note_len - 4] ^= 1; /* held, but not with this note */
    CHECK(world_apply(charter, &entry, reason) != P2P_OK);
    entry.index = 3;
    CHECK_ERR(world_apply(charter, &entry, reason), P2P_GAP);
}

/* A reader's copy would change under it, or differ. */
static void a_clone_is_equal_and_independent(void **state)
{
    (void)state;
    const char *const m12[] = {"m1", "m2"};
    const uint64_t keep[] = {6};
    struct p2p_charter *copy;
    world_circle(&draft, "police", 1, 1, m12, 2, NULL, 0);
    revoke_op("m1-pso", "m1/1", 5, keep, 1, 1, 10, BY_M234);
    TAKEN();
    CHECK_OK(p2p_charter_clone(&copy, charter));
    struct p2p_hash a = p2p_charter_root(charter), b = p2p_charter_root(copy);
    CHECK(p2p_hash_equal(&a, &b) && p2p_charter_size(copy) == 2);
    world_grant(&draft, "m1-pso", 1, "m1", "level", "*");
    TAKEN();
    p2p_charter_free(charter);
    charter = copy;
    CHECK(p2p_charter_size(charter) == 2);
    CHECK(p2p_charter_issuer(charter, 1)->grant_count == 1);
    CHECK(granted("ban-local", "BEANR", 1, 6, 2) && !granted("ban-local", "BEANR", 1, 7, 2));
    CHECK(p2p_circle_has(p2p_charter_circle(charter, 1), 1));
    CHECK_OK(world_apply(charter, &entry, reason)); /* and it goes on by itself */
    CHECK(granted("level", "*", 1, 12, 3));
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

/* An entry taken by half when memory runs out, or memory that is lost. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct p2p_slice leaf, note;
    const char *const m12[] = {"m1", "m2"};
    world_circle(&draft, "police", 1, 1, m12, 2, NULL, 0);
    revoke_op("m1-pso", "m1/1", 5, NULL, 0, 1, 10, BY_M234);
    TAKEN();
    bool done = false;
    for (long at = 0; !done; at++) {
        struct failing failing = {.countdown = at};
        struct p2p_alloc alloc = {failing_realloc, failing_free, &failing};
        struct p2p_charter *fresh = NULL, *copy = NULL;
        enum p2p_err err = p2p_charter_new(&fresh, &alloc, NULL);
        for (uint64_t i = 0; err == P2P_OK && i < p2p_charter_size(charter); i++) {
            CHECK_OK(p2p_charter_entry(charter, i, &leaf, &note));
            err = p2p_charter_apply(fresh, p2p_sigs_ed25519(), i, leaf, note, reason);
            if (err != P2P_OK) {
                CHECK(p2p_charter_size(fresh) == i && p2p_charter_good_size(fresh) == i);
                failing.countdown = -1;
                CHECK_OK(p2p_charter_apply(fresh, p2p_sigs_ed25519(), i, leaf, note, reason));
            }
        }
        if (err == P2P_OK) {
            err = p2p_charter_clone(&copy, fresh);
        }
        CHECK(err == P2P_OK || err == P2P_NOMEM);
        done = err == P2P_OK;
        p2p_charter_free(copy);
        p2p_charter_free(fresh);
        CHECK(failing.held == 0);
    }
}

/* A charter of the size of Europe's would take minutes to load. */
static void large_charters_are_quick(void **state)
{
    (void)state;
    char issuer[P2P_NAME_BYTES_MAX + 1], member[8];
    for (uint32_t i = MEMBERS + 1; i <= WORLD_MEMBERS; i++) {
        world_admit(&draft, i, WORLD_MEMBERS);
    }
    TAKEN();
    for (uint32_t i = 0; i < 10 * WORLD_MEMBERS; i++) {
        snprintf(member, sizeof(member), "m%u", i % WORLD_MEMBERS + 1);
        snprintf(issuer, sizeof(issuer), "issuer-%u", i);
        world_grant(&draft, issuer, 100 + i, member, "level", "*");
    }
    TAKEN();
    for (uint32_t i = 0; i < 1000; i++) {
        policy_op(3600 + i);
        world_add(&world, charter, &draft, ROOTS012);
        world_draft(&draft);
    }
    CHECK(p2p_charter_size(charter) == 1003);
    CHECK(p2p_charter_issuer_count(charter) == 10 * WORLD_MEMBERS + 1);
    for (uint32_t i = 1; i <= p2p_charter_issuer_count(charter); i++) {
        const struct p2p_issuer *by_number = p2p_charter_issuer(charter, i);
        CHECK(p2p_charter_issuer_named(charter, p2p_slice_text(by_number->name)) == by_number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHARTER_CASE(founding_gives_names_and_numbers),
        CHARTER_CASE(quorum_follows_the_formula),
        CHARTER_CASE(threshold_counts_distinct_keys),
        CHARTER_CASE(founding_refuses_bad_root_sets),
        CHARTER_CASE(federation_id_is_entry_0),
        CHARTER_CASE(ops_stand_where_they_may),
        CHARTER_CASE(admissions_are_checked),
        CHARTER_CASE(keys_are_admissible_and_distinct),
        CHARTER_CASE(what_was_settled_away_is_not_kept),
        CHARTER_CASE(rotation_needs_old_and_new),
        CHARTER_CASE(circles_have_members_and_epochs),
        CHARTER_CASE(policy_has_bounds),
        CHARTER_CASE(damage_is_never_accepted),
        CHARTER_CASE(a_clone_is_equal_and_independent),
        CHARTER_CASE(every_allocation_may_fail),
        CHARTER_CASE(large_charters_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
