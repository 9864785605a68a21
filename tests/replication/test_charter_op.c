#include "check.h"

#include "charter_world.h"

#include <stdlib.h>
#include <string.h>

static struct charter_world world;
static struct world_draft draft;
static struct world_entry entry;
static struct p2p_arena arena;
static struct p2p_version version;

static int begin(void **state)
{
    (void)state;
    world_init(&world);
    world_draft(&draft);
    p2p_arena_init(&arena, p2p_alloc_default(), P2P_VERSION_ARENA_BYTES_MAX);
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_arena_deinit(&arena);
    return 0;
}

static void one_of_each(void)
{
    const char *const members[] = {"m1", "m2"}, *const leaving[] = {"m3"};
    const uint64_t keep[] = {7, 300, 70000};
    struct p2p_policy policy = {
        .lease_s = 1, .heartbeat_s = 2, .fresh_cosignature_s = 3, .clock_skew_s = 4};
    uint8_t rival[64];
    struct p2p_pack leaves;
    p2p_pack_init(&leaves, rival, sizeof(rival));
    p2p_pack_array(&leaves, 2);
    p2p_pack_bin(&leaves, "one", 3);
    p2p_pack_bin(&leaves, "two", 3);
    struct p2p_op_settle settle = {.heads = {p2p_slice_text("a"), p2p_slice_text("b")},
                                   .rival_entries = p2p_pack_slice(&leaves)};
    struct p2p_op_witness witness = {.feed = "m1/1", .add = "m2"};
    struct p2p_op_revoke revoke = {.issuer = "m1-pso",
                                   .feed = "m1/1",
                                   .index = 5,
                                   .keep = keep,
                                   .keep_count = 3,
                                   .note = p2p_slice_text("note")};
    struct p2p_root_public root = world.roots[0].public_key;
    struct p2p_op_rotate rotate = {.roots = &root, .root_count = 1, .threshold = 1};
    const struct p2p_op_generation generation = {.member = "m2",
                                                 .feed_key = {.bytes = {8}},
                                                 .witness_key = {.bytes = {9}},
                                                 .witnesses = members,
                                                 .witness_count = 1};
    const struct p2p_op_reassign reassign = {
        .feed = "m1/1", .index = 70000, .epoch = 2, .member = "m2"};
    world_found(&draft, &world, 3, 2);
    world_admit(&draft, 1, 4);
    world_grant(&draft, "m1-pso", 1, "m1", "ban-local", "BEANR");
    world_circle(&draft, "police", 1, 3, members, 2, leaving, 1);
    p2p_op_witness_pack(&draft.ops, &witness);
    world_op(&draft);
    p2p_op_policy_pack(&draft.ops, &policy);
    world_op(&draft);
    p2p_op_revoke_pack(&draft.ops, &revoke);
    world_op(&draft);
    p2p_op_rotate_pack(&draft.ops, &rotate);
    world_op(&draft);
    p2p_op_settle_pack(&draft.ops, &settle);
    world_op(&draft);
    p2p_op_generation_pack(&draft.ops, &generation);
    world_op(&draft);
    p2p_op_reassign_pack(&draft.ops, &reassign);
    world_op(&draft);
    const struct p2p_op_open goes[] = {{"m2/1", 3}, {"m1/1", 70001}};
    const struct p2p_op_settle_opens settle_opens = {
        .keep = {"m1/1", 70000}, .others = goes, .other_count = 2};
    p2p_op_settle_opens_pack(&draft.ops, &settle_opens);
    world_op(&draft);
    world.term = 77;
    world_seal(&world, &draft, 0, &entry);
}

/* A tool would write what the fold reads differently. */
static void each_op_comes_back_as_it_was(void **state)
{
    (void)state;
    struct p2p_circle_key key = world_circle_key(3);
    struct p2p_hash hash = p2p_circle_key_hash(&key);
    one_of_each();
    CHECK_OK(p2p_version_decode(&version, p2p_slice_of(entry.leaf, entry.leaf_len), &arena));
    CHECK(version.op_count == 12 && version.term == 77 && version.time_ms == 1700000000000);
    const struct p2p_charter_op *op = version.ops;
    for (size_t i = 0; i < version.op_count; i++) {
        CHECK(op[i].type == (enum p2p_op)i);
    }
    CHECK(strcmp(op[0].found.federation, WORLD_FEDERATION) == 0 && op[0].found.threshold == 2);
    CHECK_BYTES(op[0].found.log_key.bytes, world.log.public_key.bytes, P2P_PUBLIC_BYTES);
    CHECK_BYTES(op[0].found.roots[2].bytes, world.roots[2].public_key.bytes, P2P_PUBLIC_BYTES);
    CHECK(strcmp(op[1].admit.locode, "BEANR") == 0 && op[1].admit.witness_count == 3);
    CHECK(strcmp(op[1].admit.witnesses[0], "m2") == 0 && op[1].admit.role == P2P_ROLE_PORT);
    CHECK(strcmp(op[2].grant.issuer, "m1-pso") == 0 && op[2].grant.grant_count == 1);
    CHECK(strcmp(op[2].grant.grants[0].scope, "BEANR") == 0);
    CHECK(op[3].circle.member_count == 2 && op[3].circle.epoch_count == 3);
    CHECK(p2p_hash_equal(&op[3].circle.epochs[2].key_hash, &hash));
    CHECK(strcmp(op[3].circle.members[1], "m2") == 0);
    CHECK(strcmp(op[3].circle.remove[0], "m3") == 0);
    CHECK(strcmp(op[4].witness.add, "m2") == 0 && op[4].witness.remove == NULL);
    CHECK(op[5].policy.lease_s == 1 && op[5].policy.clock_skew_s == 4);
    CHECK(op[6].revoke.index == 5 && op[6].revoke.keep[2] == 70000);
    CHECK(p2p_slice_equal(op[6].revoke.note, p2p_slice_text("note")));
    CHECK(op[7].rotate.root_count == 1 && op[7].rotate.threshold == 1);
    CHECK(p2p_slice_equal(op[8].settle.heads[1], p2p_slice_text("b")));
    CHECK(strcmp(op[9].generation.member, "m2") == 0 && op[9].generation.witness_count == 1);
    CHECK(op[9].generation.feed_key.bytes[0] == 8 &&
          op[9].generation.witness_key.bytes[0] == 9);
    CHECK(strcmp(op[9].generation.witnesses[0], "m1") == 0);
    CHECK(strcmp(op[10].reassign.feed, "m1/1") == 0 && op[10].reassign.index == 70000);
    CHECK(op[10].reassign.epoch == 2 && strcmp(op[10].reassign.member, "m2") == 0);
    CHECK(strcmp(op[11].settle_opens.keep.feed, "m1/1") == 0);
    CHECK(op[11].settle_opens.keep.index == 70000 && op[11].settle_opens.other_count == 2);
    CHECK(strcmp(op[11].settle_opens.others[0].feed, "m2/1") == 0);
    CHECK(op[11].settle_opens.others[1].index == 70001);
}

/* A cut or damaged entry would be read as another, or read past its end. */
static void damage_is_refused_or_another_entry(void **state)
{
    (void)state;
    one_of_each();
    for (size_t len = 0; len < entry.leaf_len; len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, entry.leaf, len);
        p2p_arena_reset(&arena);
        CHECK(p2p_version_decode(&version, p2p_slice_of(cut, len), &arena) != P2P_OK);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * entry.leaf_len; bit++) {
        entry.leaf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        p2p_arena_reset(&arena);
        enum p2p_err err =
            p2p_version_decode(&version, p2p_slice_of(entry.leaf, entry.leaf_len), &arena);
        CHECK(err == P2P_OK || err == P2P_MALFORMED || err == P2P_TRUNCATED ||
              err == P2P_REFUSED);
        entry.leaf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* A new op would be passed over by those who do not know it, and charters would part. */
static void unknown_ops_stop_the_charter(void **state)
{
    (void)state;
    p2p_pack_map(&draft.ops, 1);
    p2p_pack_text(&draft.ops, "op");
    p2p_pack_text(&draft.ops, "unheard-of");
    world_op(&draft);
    world_seal(&world, &draft, 0, &entry);
    CHECK_ERR(p2p_version_decode(&version, p2p_slice_of(entry.leaf, entry.leaf_len), &arena),
              P2P_REFUSED);
}

/* "m1" and "m1" with something behind a zero byte would pass for one name. */
static void zero_bytes_in_names_are_refused(void **state)
{
    (void)state;
    p2p_pack_map(&draft.ops, 4);
    p2p_pack_text(&draft.ops, "add");
    p2p_pack_str(&draft.ops, p2p_slice_of("m1\0x", 4));
    p2p_pack_text(&draft.ops, "feed");
    p2p_pack_text(&draft.ops, "m2/1");
    p2p_pack_text(&draft.ops, "op");
    p2p_pack_text(&draft.ops, "witness");
    p2p_pack_text(&draft.ops, "remove");
    p2p_pack_nil(&draft.ops);
    world_op(&draft);
    world_seal(&world, &draft, 0, &entry);
    CHECK_ERR(p2p_version_decode(&version, p2p_slice_of(entry.leaf, entry.leaf_len), &arena),
              P2P_MALFORMED);
}

/* Ops that do not fit would be cut. */
static void leaves_have_bounds(void **state)
{
    (void)state;
    static uint8_t out[P2P_RECORD_BYTES_MAX], many[P2P_RECORD_BYTES_MAX];
    struct p2p_pack leaf;
    p2p_pack_init(&leaf, out, sizeof(out));
    CHECK_ERR(p2p_charter_leaf(p2p_slice_of(many, 0), 0, 0, 0, &leaf), P2P_USAGE);
    memset(many, 0xc0, sizeof(many));
    CHECK_ERR(p2p_charter_leaf(p2p_slice_of(many, sizeof(many)), 1, 0, 0, &leaf), P2P_TOOLARGE);
}

/* A word without a grant, or a grant without a word. */
static void grants_have_their_words(void **state)
{
    (void)state;
    enum p2p_grant_word word;
    for (int i = 0; i < P2P_GRANT_COUNT; i++) {
        const char *name = p2p_grant_name((enum p2p_grant_word)i);
        CHECK_OK(p2p_grant_of(&word, p2p_slice_text(name)));
        CHECK(word == (enum p2p_grant_word)i && p2p_grant_text(word)[0] != '\0');
    }
    CHECK_ERR(p2p_grant_of(&word, p2p_slice_text("ban")), P2P_NOTFOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_op_comes_back_as_it_was), TEST(damage_is_refused_or_another_entry),
        TEST(unknown_ops_stop_the_charter), TEST(zero_bytes_in_names_are_refused),
        TEST(leaves_have_bounds),           TEST(grants_have_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
