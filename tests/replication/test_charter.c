#include "check.h"

#include "charter_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct charter_world world;
static struct p2p_charter *charter;
static struct world_draft draft;
static struct world_entry entry;
static char reason[P2P_REASON_BYTES];

enum { MEMBERS = 5, ROOTS01 = 3, ROOTS012 = 7 };

/* Three roots, threshold two; m1 to m5 witness each other; m1-pso may ban locally in BEANR. */
static int begin(void **state)
{
    (void)state;
    world_init(&world);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &world, 3, 2);
    for (uint32_t i = 1; i <= MEMBERS; i++) {
        world_admit(&draft, i, MEMBERS);
    }
    world_grant(&draft, "m1-pso", 1, "m1", "ban-local", "BEANR");
    world_add(&world, charter, &draft, ROOTS01);
    world_draft(&draft);
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    return 0;
}

/* The draft, sealed by roots 0 and 1, is answered so; nothing changed unless it was taken. */
static void check_answer(enum p2p_err expected, const char *part, const char *file, int line)
{
    struct p2p_hash before = p2p_charter_root(charter), after;
    world_seal(&world, &draft, ROOTS01, &entry);
    enum p2p_err err = world_apply(charter, &entry, reason);
    check_err(err, expected, reason, file, line);
    after = p2p_charter_root(charter);
    if (err == P2P_OK) {
        world_push(&world, &entry);
    } else {
        check_true(strstr(reason, part) != NULL, reason, file, line);
        check_true(p2p_hash_equal(&before, &after), "root unchanged", file, line);
        check_err(p2p_charter_try(charter, p2p_sigs_ed25519(),
                                  p2p_slice_of(entry.leaf, entry.leaf_len), NULL),
                  expected, "p2p_charter_try agrees", file, line);
    }
    world_draft(&draft);
}
#define REFUSED(err, part) check_answer(err, part, __FILE__, __LINE__)
#define TAKEN()            check_answer(P2P_OK, "", __FILE__, __LINE__)

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
    CHECK(p2p_charter_member_by_transport(charter, &m3->transport_key) == m3);
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

static void admit_as(const char *name, uint32_t keys, const char *const *witnesses,
                     uint32_t count)
{
    struct world_member member;
    world_member(&member, keys);
    struct p2p_op_admit op = {.member = name,
                              .locode = "",
                              .feed_key = member.feed.public_key,
                              .witness_key = member.witness.public_key,
                              .transport_key = member.transport.public_key,
                              .sealing_key = member.sealing.public_key,
                              .witnesses = witnesses,
                              .witness_count = count};
    p2p_op_admit_pack(&draft.ops, &op);
    world_op(&draft);
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

/* Sixteen witnesses, or a member who witnesses himself. */
static void witnesses_change_one_per_version(void **state)
{
    (void)state;
    const struct {
        const char *feed, *add, *remove;
        enum p2p_err err;
        const char *part;
    } changes[] = {
        {"m1/1", NULL, NULL, P2P_REFUSED, "nothing"},
        {"m9/1", "m2", NULL, P2P_UNKNOWN, "no feed"},
        {"charter/1", "m2", NULL, P2P_UNKNOWN, "no feed"},
        {"m1/1", "m1", NULL, P2P_REFUSED, "own feed"},
        {"m1/1", "m2", NULL, P2P_REFUSED, "twice"},
        {"m1/1", "m9", NULL, P2P_UNKNOWN, "not a member"},
        {"m1/1", NULL, "m1", P2P_UNKNOWN, "not a witness"},
        {"m1/1", NULL, "m2", P2P_OK, ""},
        {"m1/1", "m2", "m3", P2P_OK, ""},
        {"m1/1", NULL, "m2", P2P_OK, ""},
        {"m1/1", NULL, "m4", P2P_OK, ""},
        {"m1/1", NULL, "m5", P2P_REFUSED, "without witnesses"},
        {"m1/1", "m3", "m5", P2P_OK, ""},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct p2p_op_witness op = {
            .feed = changes[i].feed, .add = changes[i].add, .remove = changes[i].remove};
        p2p_op_witness_pack(&draft.ops, &op);
        world_op(&draft);
        REFUSED(changes[i].err, changes[i].part);
    }
    struct p2p_op_witness first = {.feed = "m2/1", .remove = "m1"};
    struct p2p_op_witness second = {.feed = "m2/1", .remove = "m3"};
    p2p_op_witness_pack(&draft.ops, &first);
    world_op(&draft);
    p2p_op_witness_pack(&draft.ops, &second);
    world_op(&draft);
    REFUSED(P2P_REFUSED, "one per version");
    uint32_t w[P2P_WITNESSES_MAX];
    CHECK(p2p_charter_witnesses_at(charter, 1, 1, w) == 4 && w[0] == 2);
    CHECK(p2p_charter_witnesses_at(charter, 1, 2, w) == 3 && w[0] == 3);
    CHECK(p2p_charter_witnesses_at(charter, 1, 3, w) == 3 && w[2] == 2);
    CHECK(p2p_charter_witnesses_at(charter, 1, p2p_charter_size(charter), w) == 1 && w[0] == 3);
}

/* Every set of cosigners that makes a quorum before a change, and every one that does after it,
 * share more than f witnesses of a set both were counted in: so two histories never gain a
 * quorum each. All of them are looked at, for up to seven witnesses and all three sorts of
 * change. */
static void quorums_across_a_change_share_an_honest_witness(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 7; n++) {
        for (unsigned sort = 0; sort < 3; sort++) {
            struct p2p_charter *before;
            struct p2p_op_witness op = {.feed = "m1/1"};
            if (n == 1 && sort == 1) {
                continue; /* nobody would be left */
            }
            p2p_charter_free(charter);
            CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
            world_init(&world);
            world_draft(&draft);
            world_found(&draft, &world, 3, 2);
            for (uint32_t i = 1; i <= 9; i++) {
                world_admit(&draft, i, n + 1); /* feed 1: members 2 to n + 1 */
            }
            world_add(&world, charter, &draft, ROOTS01);
            CHECK_OK(p2p_charter_clone(&before, charter));
            op.add = sort == 1 ? NULL : "m9";
            op.remove = sort == 0 ? NULL : "m2";
            world_draft(&draft);
            p2p_op_witness_pack(&draft.ops, &op);
            world_op(&draft);
            world_add(&world, charter, &draft, ROOTS01);
            unsigned old_set = ((1u << n) - 1) << 2;
            uint32_t old_faults = p2p_witness_faults(n);
            /* The one history has a quorum of the old set alone; the other one of both sets. */
            for (unsigned one = 0; one < 1u << 10; one++) {
                uint32_t ones[10];
                size_t one_count = 0;
                for (uint32_t m = 0; m < 10; m++) {
                    if ((one >> m & 1) != 0) {
                        ones[one_count++] = m;
                    }
                }
                bool early = p2p_charter_quorum(before, 1, ones, one_count);
                if (early) {
                    CHECK(p2p_charter_quorum(charter, 1, ones, one_count)); /* for ever */
                }
                unsigned others = (unsigned)__builtin_popcount(old_set & ~one);
                uint32_t k = p2p_witness_quorum(n);
                bool could = others + old_faults >= k; /* a second history, with f liars */
                CHECK(!(early && could));
                bool after = p2p_charter_quorum(charter, 1, ones, one_count);
                CHECK(!after || (uint32_t)__builtin_popcount(old_set & one) >= k);
            }
            p2p_charter_free(before);
        }
    }
}

/* With n = 0 nothing is witnessed; the first witness makes quorums alone. */
static void from_nobody_to_a_witness(void **state)
{
    (void)state;
    const uint32_t two[] = {2};
    admit_as("m9", 9, NULL, 0);
    TAKEN();
    uint32_t feed = p2p_charter_feed_named(charter, p2p_slice_text("m9/1"))->number;
    CHECK(!p2p_charter_quorum(charter, feed, two, 1));
    CHECK(!p2p_charter_quorum(charter, feed, NULL, 0));
    struct p2p_op_witness op = {.feed = "m9/1", .add = "m2"};
    p2p_op_witness_pack(&draft.ops, &op);
    world_op(&draft);
    TAKEN();
    CHECK(p2p_charter_quorum(charter, feed, two, 1));
    CHECK(!p2p_charter_quorum(charter, feed, NULL, 0));
    CHECK(!p2p_charter_quorum(charter, P2P_CHARTER_FEED, two, 1));
    CHECK(!p2p_charter_quorum(charter, 999, two, 1));
}

/* An issuer could sign in two feeds, or change keys unseen. */
static void issuers_belong_to_one_member(void **state)
{
    (void)state;
    world_grant(&draft, "m1-pso", 1, "m2", "level", "*");
    REFUSED(P2P_REFUSED, "another member");
    world_grant(&draft, "m1-pso", 2, "m1", "level", "*");
    REFUSED(P2P_BADKEY, "another key");
    world_grant(&draft, "m9-pso", 2, "m9", "level", "*");
    REFUSED(P2P_UNKNOWN, "not a member");
    world_grant(&draft, "m1-pso", 1, "m1", "Level", "*");
    REFUSED(P2P_REFUSED, "no valid name");
    world_grant(&draft, "m1-pso", 1, "m1", "level", "");
    REFUSED(P2P_REFUSED, "no valid name or scope");
    world_grant(&draft, "m1-pso", 1, "m1", "level", "*");
    TAKEN();
    uint32_t touched[4];
    CHECK(p2p_charter_touched(charter, 1, touched, 4) == 1 && touched[0] == 1);
    CHECK(p2p_charter_touched(charter, 2, touched, 4) == 0);
    CHECK(p2p_charter_issuer(charter, 1)->grant_count == 2);
}

static bool granted(const char *name, const char *scope, uint32_t feed, uint64_t index,
                    uint64_t known)
{
    return p2p_charter_granted(charter, 1, name, p2p_slice_text(scope), feed, index, known);
}

/* A grant would reach other scopes, other feeds, or records written before anyone saw it. */
static void grants_hold_where_given(void **state)
{
    (void)state;
    CHECK(granted("ban-local", "BEANR", 1, 0, 1));
    CHECK(!granted("ban-local", "BEANR", 1, 0, 0));
    CHECK(!granted("ban-local", "BEZEE", 1, 0, 1));
    CHECK(!granted("ban-local", "*", 1, 0, 1));
    CHECK(!granted("ban-court", "BEANR", 1, 0, 1));
    CHECK(!granted("ban-local", "BEANR", 2, 0, 1));
    CHECK(!granted("ban-local", "BEANR", 0, 0, 1));
    CHECK(!p2p_charter_granted(charter, 2, "ban-local", p2p_slice_text("BEANR"), 1, 0, 1));
    world_grant(&draft, "m1-pso", 1, "m1", "ban-local", "*");
    TAKEN();
    CHECK(!granted("ban-local", "BEZEE", 1, 0, 1));
    CHECK(granted("ban-local", "BEZEE", 1, 0, 2));
    CHECK(granted("ban-local", "*", 1, 0, 2));
}

static void revoke_op(const char *issuer, const char *feed, uint64_t index,
                      const uint64_t *keep, size_t keep_count, uint32_t member, uint64_t size,
                      uint32_t witnesses)
{
    static char note[P2P_NOTE_BYTES_MAX];
    size_t len = world_feed_note(note, sizeof(note), member, size, witnesses);
    struct p2p_op_revoke op = {.issuer = issuer,
                               .feed = feed,
                               .index = index,
                               .keep = keep,
                               .keep_count = keep_count,
                               .note = p2p_slice_of(note, len)};
    p2p_op_revoke_pack(&draft.ops, &op);
    world_op(&draft);
}

enum { BY_M234 = (1 << 2) | (1 << 3) | (1 << 4), BY_M23 = (1 << 2) | (1 << 3) };

/* A cut without a quorum's word for the feed could be put anywhere. */
static void revocations_need_a_quorum(void **state)
{
    (void)state;
    const uint64_t keep[] = {6, 8}, falling[] = {8, 6}, below[] = {4}, beyond[] = {10};
    revoke_op("m1-pso", "m1/1", 5, NULL, 0, 1, 10, BY_M23);
    REFUSED(P2P_QUORUM, "2 witnesses, 3");
    revoke_op("m1-pso", "m1/1", 5, NULL, 0, 1, 10, BY_M23 | (1 << 1));
    REFUSED(P2P_QUORUM, "2 witnesses, 3"); /* the owner counts in no quorum */
    revoke_op("m1-pso", "m1/1", 5, NULL, 0, 2, 10, BY_M234);
    REFUSED(P2P_MISMATCH, "not of");
    revoke_op("m1-pso", "m1/1", 11, NULL, 0, 1, 10, BY_M234);
    REFUSED(P2P_REFUSED, "smaller than the cut");
    revoke_op("m1-pso", "m2/1", 5, NULL, 0, 2, 10, (1 << 1) | (1 << 3) | (1 << 4));
    REFUSED(P2P_REFUSED, "not valid in");
    revoke_op("m1-x", "m1/1", 5, NULL, 0, 1, 10, BY_M234);
    REFUSED(P2P_UNKNOWN, "no issuer");
    revoke_op("m1-pso", "m1/1", 5, falling, 2, 1, 10, BY_M234);
    REFUSED(P2P_REFUSED, "ascending");
    revoke_op("m1-pso", "m1/1", 5, below, 1, 1, 10, BY_M234);
    REFUSED(P2P_REFUSED, "ascending");
    revoke_op("m1-pso", "m1/1", 5, beyond, 1, 1, 10, BY_M234);
    REFUSED(P2P_REFUSED, "ascending");
    revoke_op("m1-pso", "m1/1", 5, keep, 2, 1, 10, BY_M234);
    world_grant(&draft, "m1-pso", 1, "m1", "level", "*");
    REFUSED(P2P_REFUSED, "revoked in this entry");
    world_grant(&draft, "m1-pso", 1, "m1", "level", "*");
    revoke_op("m1-pso", "m1/1", 5, keep, 2, 1, 10, BY_M234);
    REFUSED(P2P_REFUSED, "granted something");
}

/* Cut points: before, at, past, kept, and granted anew. */
static void a_cut_ends_grants_from_its_index_on(void **state)
{
    (void)state;
    const uint64_t keep[] = {6, 8};
    CHECK(p2p_charter_cut(charter, 1, 1, 5, 1) == P2P_CUT_NONE);
    revoke_op("m1-pso", "m1/1", 5, keep, 2, 1, 10, BY_M234);
    TAKEN();
    const struct {
        uint64_t index;
        bool cut;
    } places[] = {{0, false}, {4, false}, {5, true}, {6, false},
                  {7, true},  {8, false}, {9, true}, {1000, true}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        uint64_t at = places[i].index;
        CHECK((p2p_charter_cut(charter, 1, 1, at, 1) == P2P_CUT_PAST) == places[i].cut);
        CHECK((p2p_charter_cut(charter, 1, 1, at, 2) == P2P_CUT_PAST) == places[i].cut);
        CHECK(granted("ban-local", "BEANR", 1, at, 2) == !places[i].cut);
    }
    CHECK(p2p_charter_cut(charter, 2, 1, 7, 2) == P2P_CUT_NONE);
    world_grant(&draft, "m1-pso", 1, "m1", "level", "*");
    TAKEN(); /* entry 2 */
    CHECK(p2p_charter_cut(charter, 1, 1, 12, 2) == P2P_CUT_PAST);
    CHECK(p2p_charter_cut(charter, 1, 1, 12, 3) == P2P_CUT_NONE);
    CHECK(granted("level", "*", 1, 12, 3));
    CHECK(!granted("level", "*", 1, 12, 2));
    CHECK(!granted("ban-local", "BEANR", 1, 12, 3)); /* only what was granted anew */
    CHECK(granted("ban-local", "BEANR", 1, 4, 3));
    revoke_op("m1-pso", "m1/1", 20, NULL, 0, 1, 30, BY_M234);
    TAKEN(); /* entry 3: the second cut ends the new grant as well */
    CHECK(granted("level", "*", 1, 19, 4));
    CHECK(!granted("level", "*", 1, 20, 4));
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(founding_gives_names_and_numbers),
        TEST(quorum_follows_the_formula),
        TEST(threshold_counts_distinct_keys),
        TEST(founding_refuses_bad_root_sets),
        TEST(federation_id_is_entry_0),
        TEST(ops_stand_where_they_may),
        TEST(admissions_are_checked),
        TEST(keys_are_admissible_and_distinct),
        TEST(witnesses_change_one_per_version),
        TEST(quorums_across_a_change_share_an_honest_witness),
        TEST(from_nobody_to_a_witness),
        TEST(issuers_belong_to_one_member),
        TEST(grants_hold_where_given),
        TEST(revocations_need_a_quorum),
        TEST(a_cut_ends_grants_from_its_index_on),
        TEST(rotation_needs_old_and_new),
        TEST(circles_have_members_and_epochs),
        TEST(policy_has_bounds),
        TEST(damage_is_never_accepted),
        TEST(a_clone_is_equal_and_independent),
        TEST(every_allocation_may_fail),
        TEST(large_charters_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
