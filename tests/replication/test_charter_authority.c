/* Who witnesses whom, and who may do what from where on, as the charter says. */
#include "charter_case.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHARTER_CASE(witnesses_change_one_per_version),
        CHARTER_CASE(quorums_across_a_change_share_an_honest_witness),
        CHARTER_CASE(from_nobody_to_a_witness),
        CHARTER_CASE(issuers_belong_to_one_member),
        CHARTER_CASE(grants_hold_where_given),
        CHARTER_CASE(revocations_need_a_quorum),
        CHARTER_CASE(a_cut_ends_grants_from_its_index_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
