#include "check.h"

#include "charter_world.h"

#include <p2p/bundle.h>
#include <p2p/receipt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS 7u /* six witnesses of each feed, four of them a quorum */
#define SIZE    1000000u
#define INDEX   271828u

/* A feed of a million: one record at INDEX, and the same leaf everywhere else. */
struct million {
    struct p2p_hash leaf;
    struct p2p_hash same[P2P_TREE_LEVELS_MAX]; /* of a subtree without the record */
};

static struct charter_world world;
static struct p2p_charter *charter;
static struct p2p_arena arena;
static char trust_text[P2P_TRUST_BYTES_MAX];
static struct p2p_trust trust;
static struct p2p_receipt receipt;
static char reason[P2P_REASON_BYTES];
static uint8_t record_bytes[512];
static struct p2p_slice record;
static char note[8192];
static char text[P2P_TLOG_PROOF_BYTES_MAX];
static size_t text_len;

static enum p2p_err subtree(void *context, unsigned level, uint64_t index, struct p2p_hash *out)
{
    const struct million *million = context;
    if (INDEX >> level != index) {
        *out = million->same[level];
        return P2P_OK;
    }
    *out = million->leaf;
    for (unsigned l = 0; l < level; l++) {
        bool right = (INDEX >> l & 1) != 0;
        *out = right ? p2p_node_hash(&million->same[l], out)
                     : p2p_node_hash(out, &million->same[l]);
    }
    return P2P_OK;
}

/* A ban as an officer signs it: the most usual record, with the largest issuer numbers. */
static void make_record(void)
{
    struct p2p_pack pack;
    uint8_t unsigned_bytes[512];
    struct p2p_signature signature;
    uint8_t payload[] = {0x80};
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_IMPOSE,
                              .time_ms = 1700000000000,
                              .circle = 1,
                              .issuer = 1,
                              .issuer_seq = 100000,
                              .payload = p2p_slice_of(payload, sizeof payload)};
    const struct p2p_feed_info *info = p2p_charter_feed(charter, 1);
    struct p2p_issuer_secret key = world_issuer_key(1);
    uint8_t *message = malloc(P2P_SIGNED_BYTES_MAX);
    CHECK(message != NULL);
    p2p_pack_init(&pack, unsigned_bytes, sizeof unsigned_bytes);
    CHECK_OK(p2p_record_encode(&draft, p2p_slice_text(info->origin), &pack));
    struct p2p_slice head = p2p_pack_slice(&pack);
    head.len--; /* the nil in the signature's place */
    size_t len = p2p_record_signed_bytes(message, head, p2p_slice_text(info->origin));
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    sigs->sign(sigs->context, key.seed, key.public_key.bytes, p2p_slice_of(message, len),
               &signature);
    free(message);
    struct p2p_pack done;
    p2p_pack_init(&done, record_bytes, sizeof record_bytes);
    CHECK_OK(p2p_record_attach(head, &signature, &done));
    record = p2p_pack_slice(&done);
}

/* The receipt of the record at INDEX, cosigned by the members whose bit (1 << number) is set.
 */
static void make_receipt(uint32_t witnesses)
{
    struct million million = {.leaf = p2p_leaf_hash(record),
                              .same = {p2p_leaf_hash(p2p_slice_text("another"))}};
    const struct p2p_tree_reader reader = {.hash = subtree, .context = &million};
    const struct p2p_feed_info *info = p2p_charter_feed(charter, 1);
    struct p2p_checkpoint checkpoint = {.origin = p2p_slice_text(info->origin), .size = SIZE};
    struct p2p_proof path;
    struct world_member owner;
    struct p2p_signature signature;
    for (unsigned l = 1; l < P2P_TREE_LEVELS_MAX; l++) {
        million.same[l] = p2p_node_hash(&million.same[l - 1], &million.same[l - 1]);
    }
    CHECK_OK(p2p_tree_root_at(&reader, SIZE, &checkpoint.root));
    CHECK_OK(p2p_tree_inclusion(&reader, INDEX, SIZE, &path));
    world_member(&owner, 1);
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &owner.feed, &signature);
    size_t len =
        p2p_checkpoint_note(&checkpoint, info->key.bytes, &signature, note, sizeof note);
    for (uint32_t i = 1; i <= MEMBERS; i++) {
        struct world_member member;
        struct p2p_cosignature cosignature;
        char name[P2P_WITNESS_NAME_BYTES_MAX + 1];
        if ((witnesses & (1u << i)) == 0) {
            continue;
        }
        world_member(&member, i);
        size_t name_len = p2p_witness_name(name, WORLD_FEDERATION, member.name, 1);
        p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &member.witness, 1700000000 + i,
                           &cosignature);
        len = p2p_checkpoint_note_add(note, sizeof note, len, p2p_slice_of(name, name_len),
                                      member.witness.public_key.bytes, &cosignature);
    }
    text_len =
        p2p_tlog_proof_format(record, INDEX, &path, p2p_slice_of(note, len), text, sizeof text);
    CHECK(text_len > 0);
}

static enum p2p_err verify_with(const struct p2p_charter *with)
{
    const struct p2p_receipt_keys keys = {
        .trust = &trust, .charter = with, .sigs = p2p_sigs_ed25519()};
    p2p_arena_reset(&arena);
    return p2p_receipt_verify(&receipt, &keys, p2p_slice_of(text, text_len), &arena, reason);
}

static int begin(void **state)
{
    struct world_draft draft;
    size_t line;
    (void)state;
    p2p_arena_init(&arena, p2p_alloc_default(), P2P_RECEIPT_ARENA_BYTES);
    world_init(&world);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &world, 3, 2);
    for (uint32_t i = 1; i <= MEMBERS; i++) {
        world_admit(&draft, i, MEMBERS);
    }
    world_grant(&draft, "m1-pso", 1, "m1", "ban-local", "*");
    world_add(&world, charter, &draft, 3);
    size_t len = p2p_trust_format(charter, trust_text);
    CHECK_OK(p2p_trust_parse(&trust, p2p_slice_of(trust_text, len), &line));
    make_record();
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    p2p_arena_deinit(&arena);
    return 0;
}

/* A receipt would not fit on paper, or would not say what it is about. */
static void one_of_a_million_is_below_2_kB(void **state)
{
    (void)state;
    make_receipt(0x3c); /* m2 to m5: a quorum */
    print_message("a receipt of one in %u records has %zu bytes\n", SIZE, text_len);
    CHECK(text_len < 2048);
    CHECK_OK(verify_with(charter));
    CHECK(strcmp(receipt.feed, "m1/1") == 0 && receipt.index == INDEX && receipt.size == SIZE);
    CHECK(receipt.cosigner_count == 4 && receipt.cosigners[0].member == 2 &&
          receipt.cosigners[0].time_s == 1700000002);
    CHECK(receipt.signature == P2P_SIGNATURE_GOOD);
    CHECK(receipt.record.kind == P2P_KIND_BAN_IMPOSE);
}

/* Three of six would be enough, or the owner's own cosignature would count. */
static void fewer_than_a_quorum_prove_nothing(void **state)
{
    (void)state;
    make_receipt(0x1c);
    CHECK_ERR(verify_with(charter), P2P_QUORUM);
    make_receipt(0x1c | 1u << 1); /* the owner besides */
    CHECK_ERR(verify_with(charter), P2P_QUORUM);
    make_receipt(0x5c);
    CHECK_OK(verify_with(charter));
}

/* A changed bit anywhere would go unnoticed. */
static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    make_receipt(0x3c);
    for (size_t i = 0; i < text_len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 3) {
            text[i] ^= (char)bit;
            CHECK(verify_with(charter) != P2P_OK);
            text[i] ^= (char)bit;
        }
    }
    for (size_t len = text_len; len-- > 0;) {
        const struct p2p_receipt_keys keys = {
            .trust = &trust, .charter = charter, .sigs = p2p_sigs_ed25519()};
        p2p_arena_reset(&arena);
        CHECK(p2p_receipt_verify(&receipt, &keys, p2p_slice_of(text, len), &arena, reason) !=
              P2P_OK);
    }
    CHECK_OK(verify_with(charter));
}

/* Anybody could found a federation of the same name and prove what he likes. */
static void the_charter_has_to_be_the_trusted_one(void **state)
{
    (void)state;
    struct world_draft draft;
    struct p2p_charter *other;
    uint64_t version;
    size_t line;
    struct p2p_trust strict;
    char changed[P2P_TRUST_BYTES_MAX];
    make_receipt(0x3c);
    CHECK_ERR(verify_with(NULL), P2P_NOTFOUND);

    /* Of other roots, under the same name and log key. */
    struct charter_world forged = world;
    forged.edge.size = 0;
    forged.term = 0;
    for (uint32_t i = 0; i < WORLD_ROOTS; i++) {
        forged.roots[i] = world.roots[(i + 2) % WORLD_ROOTS];
    }
    CHECK_OK(p2p_charter_new(&other, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &forged, 2, 2);
    for (uint32_t i = 1; i <= MEMBERS; i++) {
        world_admit(&draft, i, MEMBERS);
    }
    world_add(&forged, other, &draft, 3);
    CHECK_ERR(p2p_charter_anchor(other, &trust, p2p_sigs_ed25519(), &version), P2P_QUORUM);
    CHECK_ERR(verify_with(other), P2P_MISMATCH);
    p2p_charter_free(other);

    /* A trust file that wants more roots than ever signed. */
    snprintf(changed, sizeof changed, "%s", trust_text);
    char *group = strstr(changed, "group roots 2");
    CHECK(group != NULL);
    group[strlen("group roots ")] = '3';
    CHECK_OK(p2p_trust_parse(&strict, p2p_slice_text(changed), &line));
    CHECK_ERR(p2p_charter_anchor(charter, &strict, p2p_sigs_ed25519(), &version), P2P_QUORUM);
    CHECK_OK(p2p_charter_anchor(charter, &trust, p2p_sigs_ed25519(), &version));
    CHECK(version == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_a_million_is_below_2_kB),
        cmocka_unit_test(fewer_than_a_quorum_prove_nothing),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(the_charter_has_to_be_the_trusted_one),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
