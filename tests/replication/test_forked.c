/* What the records say about a forked feed: W is the same in whatever order they came, and only
 * what proves itself counts. */
#include "check.h"
#include "ledger_node.h"
#include "rng.h"

#include <p2p/forked.h>
#include <p2p/rescued.h>

#include <stdio.h>

static struct ledger_world world;
static struct world_draft draft;

enum { ACCUSED = 4, MASK_1 = 1 << 1, MASK_2 = 1 << 2, MASK_3 = 1 << 3 };

static int setup(void **state)
{
    (void)state;
    ledger_world_init(&world);
    world_draft(&draft);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_world_deinit(&world);
    return 0;
}

/* A proof that two roots were signed for one size of that origin, by the key of `signer`. */
static size_t make_proof(struct p2p_slice origin, uint32_t signer,
                         uint8_t out[P2P_FORK_BYTES_MAX])
{
    struct world_member keys;
    static const char *const roots[] = {"this", "that"};
    struct p2p_fork_proof proof = {.origin = origin};
    world_member(&keys, signer);
    for (unsigned i = 0; i < 2; i++) {
        struct p2p_tree_head *head = &proof.heads[i];
        head->size = 20;
        head->root = p2p_sha256(p2p_slice_text(roots[i]));
        const struct p2p_checkpoint checkpoint = {
            .origin = proof.origin, .size = head->size, .root = head->root};
        p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &keys.feed, &head->signature);
    }
    proof.other_root = proof.heads[1].root;
    return p2p_fork_encode(&proof, out);
}

struct fork {
    uint32_t by;
    uint32_t accused;
    uint32_t signer;       /* of the proof; 0: the accused */
    uint64_t size;         /* of the note; 0: none */
    uint32_t witnesses;    /* bit i: member i cosigned it */
    uint32_t note_of;      /* member whose checkpoint it is; 0: the accused */
    const char *instead;   /* bytes in the place of the note */
    struct p2p_slice name; /* in the place of that of the feed of the accused */
};

static struct p2p_record_id write_fork(const struct fork *fork)
{
    static uint8_t content[P2P_RECORD_BYTES_MAX];
    static char note[P2P_NOTE_BYTES_MAX];
    uint8_t proof[P2P_FORK_BYTES_MAX];
    uint8_t origin[P2P_ORIGIN_BYTES_MAX];
    char feed[32];
    struct p2p_pack pack;
    struct p2p_writer out;
    snprintf(feed, sizeof(feed), "m%u/1", fork->accused);
    struct p2p_slice name = fork->name.len > 0 ? fork->name : p2p_slice_text(feed);
    p2p_writer_init(&out, origin, sizeof(origin));
    p2p_writer_text(&out, WORLD_FEDERATION "/");
    p2p_writer_bytes(&out, name.data, name.len);
    size_t len = make_proof(p2p_writer_slice(&out),
                            fork->signer != 0 ? fork->signer : fork->accused, proof);
    bool noted = fork->size > 0 || fork->instead != NULL;
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, noted ? 2 : 1);
    p2p_pack_text(&pack, "proof");
    p2p_pack_bin(&pack, proof, len);
    if (fork->instead != NULL) {
        p2p_pack_text(&pack, "witnessed");
        p2p_pack_bin(&pack, fork->instead, strlen(fork->instead));
    } else if (noted) {
        len = world_feed_note(note, sizeof(note),
                              fork->note_of != 0 ? fork->note_of : fork->accused, fork->size,
                              fork->witnesses);
        p2p_pack_text(&pack, "witnessed");
        p2p_pack_bin(&pack, note, len);
    }
    return ledger_world_write(
        &world, fork->by,
        (struct p2p_draft){.kind = P2P_KIND_FORK, .content = p2p_pack_slice(&pack)}, 0);
}

static void change_witnesses(const char *add, const char *remove)
{
    const struct p2p_op_witness op = {.feed = "m4/1", .add = add, .remove = remove};
    world_draft(&draft);
    p2p_op_witness_pack(&draft.ops, &op);
    world_op(&draft);
    ledger_world_entry(&world, &draft);
}

static struct p2p_forked get(struct ledger_node *node, uint32_t feed)
{
    struct p2p_forked forked = {.size = 0};
    const struct p2p_kv *kv = memory_kv_begin(node->store);
    CHECK_OK(p2p_forked_get(&node->ledger, kv, feed, &forked));
    memory_kv_abort(node->store);
    return forked;
}

static void check_why(struct ledger_node *node, const struct p2p_record_id *id,
                      enum p2p_why expected)
{
    ledger_node_begin(node);
    CHECK(ledger_node_why(node, id) == expected);
    ledger_node_end(node);
}

/* A record whose proof or note does not verify has no effect, and says why. */
static void test_only_what_proves_itself_counts(void **state)
{
    (void)state;
    static const struct {
        struct fork fork;
        enum p2p_why why;
    } cases[] = {
        {{.by = 1, .accused = ACCUSED}, P2P_WHY_NONE},
        {{.by = 2, .accused = ACCUSED, .size = 5, .witnesses = MASK_1 | MASK_2}, P2P_WHY_NONE},
        /* one of three witnesses; the owner; strangers */
        {{.by = 2, .accused = ACCUSED, .size = 90, .witnesses = MASK_1}, P2P_WHY_BAD_PAYLOAD},
        {{.by = 2,
          .accused = ACCUSED,
          .size = 90,
          .witnesses = MASK_1 | 1 << 4 | 1 << 5 | 1 << 6},
         P2P_WHY_BAD_PAYLOAD},
        /* another feed's checkpoint, however well cosigned */
        {{.by = 2, .accused = ACCUSED, .size = 90, .witnesses = 0x1e, .note_of = 3},
         P2P_WHY_BAD_PAYLOAD},
        {{.by = 2, .accused = ACCUSED, .instead = "not a note"}, P2P_WHY_BAD_PAYLOAD},
        {{.by = 2, .accused = ACCUSED, .instead = ""}, P2P_WHY_BAD_PAYLOAD},
        /* somebody else signed the two histories */
        {{.by = 2, .accused = ACCUSED, .signer = 2, .size = 90, .witnesses = MASK_1 | MASK_2},
         P2P_WHY_BAD_PAYLOAD},
        {{.by = 3, .accused = 9}, P2P_WHY_BAD_PAYLOAD}, /* nobody knows m9 */
    };
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    struct p2p_record_id ids[COUNT];
    struct ledger_node node;
    for (size_t i = 0; i < COUNT; i++) {
        ids[i] = write_fork(&cases[i].fork);
    }
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    for (size_t i = 0; i < COUNT; i++) {
        check_why(&node, &ids[i], cases[i].why);
    }
    struct p2p_forked forked = get(&node, ACCUSED);
    CHECK(forked.size == 5 && p2p_record_id_compare(&forked.by, &ids[1]) == 0);
    CHECK(p2p_record_id_compare(&forked.proof, &ids[0]) == 0);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    CHECK_ERR(p2p_forked_get(&node.ledger, kv, 3, &forked), P2P_NOTFOUND);
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
}

/* Of each author only the first few count: nobody makes the others verify without end. */
static void test_a_talkative_author(void **state)
{
    (void)state;
    struct ledger_node node;
    uint32_t told = 0;
    for (uint64_t size = 1; size <= P2P_FORKS_TOLD_MAX + 3; size++) {
        write_fork(&(struct fork){
            .by = 2, .accused = ACCUSED, .size = size, .witnesses = MASK_1 | MASK_2});
    }
    write_fork(
        &(struct fork){.by = 3, .accused = ACCUSED, .size = 6, .witnesses = MASK_1 | MASK_2});
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(get(&node, ACCUSED).size == P2P_FORKS_TOLD_MAX);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    static const uint32_t expected[] = {0, P2P_FORKS_TOLD_MAX, 1, 0};
    node.ledger.kv = kv;
    for (uint32_t by = 1; by <= 4; by++) {
        CHECK_OK(p2p_forks_told(&node.ledger, by, ACCUSED, &told));
        CHECK(told == expected[by - 1]);
    }
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
}

/* A record about a feed that only a later charter names waits for it; a quorum of witnesses
 * that were replaced since stays one. */
static void test_the_charter_changes(void **state)
{
    (void)state;
    struct ledger_node node;
    struct p2p_record_id early = write_fork(&(struct fork){.by = 1, .accused = 5});
    write_fork(
        &(struct fork){.by = 1, .accused = ACCUSED, .size = 9, .witnesses = MASK_2 | MASK_3});
    change_witnesses(NULL, "m3");
    struct p2p_record_id late = write_fork(
        &(struct fork){.by = 2, .accused = ACCUSED, .size = 11, .witnesses = MASK_1 | MASK_2});
    ledger_node_init(&node, &world, 0);
    ledger_node_begin(&node);
    ledger_node_charter(&node, 1);
    ledger_node_take(&node, 1, 2);
    ledger_node_end(&node);
    check_why(&node, &early, P2P_WHY_BAD_PAYLOAD);
    CHECK(get(&node, ACCUSED).size == 9);
    world_draft(&draft);
    world_admit(&draft, 5, 0);
    ledger_world_entry(&world, &draft);
    change_witnesses("m5", "m2");
    change_witnesses(NULL, "m1");
    ledger_node_take_all(&node);
    check_why(&node, &early, P2P_WHY_NONE);
    check_why(&node, &late, P2P_WHY_NONE);
    CHECK(get(&node, 5).size == 0);
    CHECK(get(&node, ACCUSED).size == 11);
    ledger_node_deinit(&node);
}

/* ---- carriers ---- */

struct carried {
    uint32_t by;
    uint32_t feed; /* of that ban */
    uint32_t issuer;
    const char *payload;
};

/* A ban in the form of its kind, and four that are not: another map, a ground nobody knows, no
 * subject, and nothing canonical at all. */
#define GROUND(word)                                                                           \
    "\x85\xa7"                                                                                 \
    "effects\x91\xa5"                                                                          \
    "enter\xa6"                                                                                \
    "ground" word "\xa9"                                                                       \
    "reference\xa1x\xa5"                                                                       \
    "scope\x91\xa1*\xa8"                                                                       \
    "subjects"
static const char ban_payload[] = GROUND("\xa5"
                                         "local") "\x91\x92\xa3"
                                                  "imo\xa7"
                                                  "9333670";
static const char *const no_bans[] = {
    "\x81\xa1x\x01",
    GROUND("\xa5"
           "other") "\x91\x92\xa3"
                    "imo\xa7"
                    "9333670",
    GROUND("\xa5"
           "local") "\x90",
    "\x81\xa1x",
};

/* A `rescued` record with a leaf that opens its commitment, whatever else is wrong with it. */
static struct p2p_record_id write_carrier(const struct carried *carried)
{
    static uint8_t head[1024], leaf[1024], salted[1024], payload[4096];
    char origin[64];
    struct p2p_pack pack;
    struct p2p_pack whole;
    const struct p2p_signature junk = {.bytes = {7}};
    const struct p2p_draft ban = {.kind = P2P_KIND_BAN_IMPOSE,
                                  .time_ms = 1,
                                  .circle = CIRCLE_ALL,
                                  .issuer = carried->issuer,
                                  .issuer_seq = 1,
                                  .payload = p2p_slice_text(carried->payload)};
    snprintf(origin, sizeof(origin), WORLD_FEDERATION "/m%u/1", carried->feed);
    p2p_pack_init(&pack, head, sizeof(head));
    CHECK_OK(p2p_record_encode(&ban, p2p_slice_text(origin), &pack));
    p2p_pack_init(&whole, leaf, sizeof(leaf));
    CHECK_OK(
        p2p_record_attach(p2p_slice_of(head, p2p_pack_slice(&pack).len - 1), &junk, &whole));
    memcpy(salted, ban.salt, P2P_SALT_BYTES);
    memcpy(salted + P2P_SALT_BYTES, ban.payload.data, ban.payload.len);
    const struct p2p_rescued rescued = {
        .feed = carried->feed,
        .index = 7,
        .leaf = p2p_pack_slice(&whole),
        .salted = p2p_slice_of(salted, P2P_SALT_BYTES + ban.payload.len)};
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_rescued_pack(&pack, &rescued));
    return ledger_world_write(&world, carried->by,
                              (struct p2p_draft){.kind = P2P_KIND_RESCUED,
                                                 .circle = CIRCLE_ALL,
                                                 .payload = p2p_pack_slice(&pack)},
                              0);
}

/* The bans of the circle of all that have a value. */
static size_t bans_held(struct ledger_node *node)
{
    struct p2p_ban ban;
    size_t count = 0;
    const struct p2p_kv *kv = memory_kv_begin(node->store);
    enum p2p_err err = p2p_ban_next(kv, CIRCLE_ALL, NULL, true, &ban);
    for (; err == P2P_OK; count++) {
        err = p2p_ban_next(kv, CIRCLE_ALL, &ban.id, false, &ban);
    }
    CHECK_ERR(err, P2P_NOTFOUND);
    memory_kv_abort(node->store);
    return count;
}

/* Without this, one record of one member stops every node of its circle for good: what carries
 * no ban in a ban's form carries nothing, whatever its signature is worth. */
static void test_carriers_of_nothing(void **state)
{
    (void)state;
    static const uint32_t issuers[] = {ADMIN_2, EU_3, 15}; /* its own, another's, nobody */
    struct p2p_record_id ids[3][sizeof(no_bans) / sizeof(no_bans[0])];
    struct ledger_node node;
    for (unsigned i = 0; i < 8; i++) {
        ledger_world_note(&world, 2);
    }
    write_fork(&(struct fork){.by = 1, .accused = 2, .size = 5, .witnesses = 0x1a});
    for (unsigned i = 0; i < 3; i++) {
        for (size_t j = 0; j < sizeof(no_bans) / sizeof(no_bans[0]); j++) {
            ids[i][j] = write_carrier(&(struct carried){
                .by = 3, .feed = 2, .issuer = issuers[i], .payload = no_bans[j]});
        }
    }
    struct p2p_record_id unsigned_ban = write_carrier(
        &(struct carried){.by = 3, .feed = 2, .issuer = ADMIN_2, .payload = ban_payload});
    ledger_node_init(&node, &world, 0);
    ledger_node_begin(&node);
    ledger_node_charter(&node, world.entry_count);
    ledger_node_take(&node, 1, ledger_world_size(&world, 1));
    ledger_node_take(&node, 2, 5);
    ledger_node_take(&node, 3, ledger_world_size(&world, 3));
    ledger_node_end(&node);
    CHECK(get(&node, 2).size == 5);
    for (unsigned i = 0; i < 3; i++) {
        for (size_t j = 0; j < sizeof(no_bans) / sizeof(no_bans[0]); j++) {
            check_why(&node, &ids[i][j], P2P_WHY_BAD_PAYLOAD);
        }
    }
    check_why(&node, &unsigned_ban, P2P_WHY_BAD_SIGNATURE);
    CHECK(bans_held(&node) == 1);
    CHECK(ledger_node_ban(&node, CIRCLE_ALL, &unsigned_ban).why == P2P_WHY_BAD_SIGNATURE);
    ledger_node_check_digests(&node);
    ledger_node_deinit(&node);
}

/* Without this, a carrier of a ban from a feed that the charter names later would count only
 * where the charter came first. */
static void test_carriers_before_their_feed(void **state)
{
    (void)state;
    struct ledger_node early;
    struct ledger_node late;
    struct p2p_record_id id = write_carrier(
        &(struct carried){.by = 2, .feed = 5, .issuer = 15, .payload = ban_payload});
    world_draft(&draft);
    world_admit(&draft, 5, 4);
    ledger_world_entry(&world, &draft);
    write_fork(&(struct fork){.by = 3, .accused = 5, .size = 3, .witnesses = 0x1e});
    ledger_node_init(&early, &world, 0);
    ledger_node_take_all(&early);
    ledger_node_init(&late, &world, 0);
    ledger_node_begin(&late);
    ledger_node_charter(&late, 1);
    ledger_node_take(&late, 2, ledger_world_size(&world, 2));
    ledger_node_end(&late);
    ledger_node_take_all(&late);
    CHECK(get(&late, 5).size == 3);
    CHECK(ledger_node_ban(&late, CIRCLE_ALL, &id).why == P2P_WHY_UNKNOWN_ISSUER);
    ledger_node_check_same(&early, &late);
    ledger_node_deinit(&late);
    ledger_node_deinit(&early);
}

/* Without this, a `fork` record about a name that is none could stand before the records of
 * others and hide them, or among the carriers of bans and stop every node. */
static void test_names_that_are_none(void **state)
{
    (void)state;
#define NAME(bytes) p2p_slice_of(bytes, sizeof(bytes) - 1)
    const struct p2p_slice names[] = {
        NAME("m4/1\0\0\0\1\0\0\0\0\0\0\0\0"),
        NAME("\0\0\0\0\4"),
        NAME("/1"),
        NAME("m4/"),
        NAME("m4/01"),
        NAME("m4"),
        NAME("M4/1"),
        NAME("a-name-of-more-than-thirty-two-bytes/1"),
    };
    struct ledger_node node;
    write_carrier(
        &(struct carried){.by = 2, .feed = ACCUSED, .issuer = EU_3, .payload = ban_payload});
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        write_fork(&(struct fork){.by = 1, .accused = ACCUSED, .name = names[i]});
    }
    write_fork(
        &(struct fork){.by = 3, .accused = ACCUSED, .size = 6, .witnesses = MASK_1 | MASK_2});
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(get(&node, ACCUSED).size == 6);
    for (uint64_t i = 0; i < ledger_world_size(&world, 1); i++) {
        check_why(&node, &(struct p2p_record_id){1, i}, P2P_WHY_BAD_PAYLOAD);
    }
    ledger_node_deinit(&node);
}

/* Whatever the order and the batches, and after a restart: the same W, byte for byte. */
static void test_any_order(void **state)
{
    (void)state;
    struct rng rng = {7};
    struct ledger_node whole;
    for (unsigned i = 0; i < 24; i++) {
        const struct fork fork = {.by = 1 + (uint32_t)rng_below(&rng, 4),
                                  .accused = 3 + (uint32_t)rng_below(&rng, 3),
                                  .size = rng_below(&rng, 12),
                                  .witnesses = (uint32_t)rng_below(&rng, 32) << 1};
        if (rng_below(&rng, 3) == 0) {
            ledger_world_seen(&world, fork.by);
        }
        write_fork(&fork);
        if (i == 8) {
            change_witnesses(NULL, "m3");
        }
        if (i == 16) {
            world_draft(&draft);
            world_admit(&draft, 5, 4);
            ledger_world_entry(&world, &draft);
        }
    }
    ledger_node_init(&whole, &world, 0);
    ledger_node_take_all(&whole);
    CHECK(get(&whole, 3).size > 0 && get(&whole, ACCUSED).size > 0);
    for (unsigned round = 0; round < 200; round++) {
        struct ledger_node node;
        uint64_t sizes[LEDGER_WORLD_MEMBERS + 1] = {1};
        bool more = true;
        ledger_node_init(&node, &world, 0);
        ledger_node_begin(&node);
        ledger_node_charter(&node, 1);
        while (more) {
            uint32_t feed = (uint32_t)rng_below(&rng, LEDGER_WORLD_MEMBERS + 1);
            uint64_t size = ledger_world_size(&world, feed);
            if (sizes[feed] < size) {
                sizes[feed] += 1 + rng_below(&rng, size - sizes[feed]);
                if (feed == P2P_CHARTER_FEED) {
                    ledger_node_charter(&node, sizes[feed]);
                } else {
                    ledger_node_take(&node, feed, sizes[feed]);
                }
            }
            if (rng_below(&rng, 3) == 0) {
                ledger_node_end(&node);
                if (rng_below(&rng, 4) == 0) {
                    ledger_node_reopen(&node);
                }
                ledger_node_begin(&node);
            }
            more = false;
            for (uint32_t i = 0; i <= LEDGER_WORLD_MEMBERS; i++) {
                more = more || sizes[i] < ledger_world_size(&world, i);
            }
        }
        ledger_node_end(&node);
        ledger_node_check_same(&whole, &node);
        ledger_node_deinit(&node);
    }
    ledger_node_deinit(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_what_proves_itself_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_talkative_author, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_charter_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carriers_of_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_carriers_before_their_feed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_order, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
