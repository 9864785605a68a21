/* The worked example of replication/WIRE.md: every byte in it is made here from keys that are
 * counted up, so that somebody who writes a second implementation can trust them.
 *
 * A block of the document begins with "```hex NAME" (64 digits a line) or "```text NAME" and
 * ends with "```". With P2P_WIRE_PRINT set, the blocks are printed as they should stand. */
#include "check.h"

#include <p2p/ban.h>
#include <p2p/checkpoint.h>
#include <p2p/circle_key.h>
#include <p2p/frame.h>
#include <p2p/hash.h>
#include <p2p/kind.h>
#include <p2p/lthash.h>
#include <p2p/record.h>
#include <p2p/subject.h>
#include <p2p/text.h>
#include <p2p/token.h>
#include <p2p/tree.h>

#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT P2P_TEST_DATA "/../../replication/WIRE.md"
#define ORIGIN   "port.example/antwerp/1"
#define TIME_MS  1700000000000ull
#define TIME_S   1700000000ull

enum {
    DOCUMENT_BYTES_MAX = 1 << 20,
    BLOCK_BYTES_MAX = 1 << 14,
    FEED = 1,
    CIRCLE = 1,
    EPOCH = 1
};

static char document[DOCUMENT_BYTES_MAX];
static size_t blocks_checked;

/* ---- blocks ---- */

/* The text between the line that opens the block and the one that closes it. */
static bool find_block(const char *type, const char *name, char *out)
{
    char opening[64];
    snprintf(opening, sizeof(opening), "\n```%s %s\n", type, name);
    const char *begin = strstr(document, opening);
    if (begin == NULL) {
        return false;
    }
    begin += strlen(opening);
    const char *end = strstr(begin, "```");
    CHECK(end != NULL && (size_t)(end - begin) < BLOCK_BYTES_MAX);
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = '\0';
    return true;
}

static void expect_block(const char *type, const char *name, const char *text)
{
    static char found[BLOCK_BYTES_MAX];
    if (getenv("P2P_WIRE_PRINT") != NULL) {
        printf("```%s %s\n%s```\n", type, name, text);
        return;
    }
    if (!find_block(type, name, found) || strcmp(found, text) != 0) {
        print_error("WIRE.md: the block \"%s %s\" should be\n%s", type, name, text);
        CHECK(false);
    }
    blocks_checked++;
}

static void expect_hex(const char *name, const void *data, size_t len)
{
    static char text[BLOCK_BYTES_MAX];
    size_t at = 0;
    for (size_t i = 0; i < len; i += 32) {
        size_t n = len - i < 32 ? len - i : 32;
        CHECK(at + 66 < sizeof(text));
        p2p_hex_encode(text + at, (const uint8_t *)data + i, n);
        at += 2 * n;
        text[at++] = '\n';
    }
    text[at] = '\0';
    expect_block("hex", name, text);
}

static void expect_slice(const char *name, struct p2p_slice bytes)
{
    expect_hex(name, bytes.data, bytes.len);
}

/* first, first + 1, ...: keys that anybody can write down. */
static void count_up(uint8_t *out, uint8_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

/* ---- the example ---- */

static struct p2p_feed_secret feed_key;
static struct p2p_witness_secret witness_key;
static struct p2p_issuer_secret issuer_key;
static struct p2p_circle_key circle_key;

static void make_keys(void)
{
    uint8_t seed[P2P_SEED_BYTES];
    count_up(seed, 0x00, sizeof(seed));
    p2p_feed_secret_init(&feed_key, seed);
    count_up(seed, 0x20, sizeof(seed));
    p2p_witness_secret_init(&witness_key, seed);
    count_up(seed, 0x40, sizeof(seed));
    p2p_issuer_secret_init(&issuer_key, seed);
    count_up(circle_key.bytes, 0x60, sizeof(circle_key.bytes));
    expect_hex("feed-public", feed_key.public_key.bytes, P2P_PUBLIC_BYTES);
    expect_hex("witness-public", witness_key.public_key.bytes, P2P_PUBLIC_BYTES);
    expect_hex("issuer-public", issuer_key.public_key.bytes, P2P_PUBLIC_BYTES);
}

static void a_circle_key_its_hash_and_a_box(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES];
    uint8_t ephemeral[P2P_SEED_BYTES];
    uint8_t opened[P2P_CIRCLE_KEY_BYTES];
    uint8_t bound_bytes[P2P_CIRCLE_BOX_BOUND_BYTES];
    uint8_t content[256], leaf[512];
    struct p2p_pack pack;
    struct p2p_circle_box box = {.epoch = 1, .member = 2};
    struct p2p_sealing_secret sealing;
    make_keys();
    count_up(seed, 0x80, sizeof(seed));
    count_up(ephemeral, 0xa0, sizeof(ephemeral));
    p2p_sealing_secret_init(&sealing, seed);
    struct p2p_hash hash = p2p_circle_key_hash(&circle_key);
    expect_hex("circle-key-hash", hash.bytes, sizeof(hash.bytes));
    struct p2p_slice bound = p2p_slice_of(
        bound_bytes, p2p_circle_box_bound(bound_bytes, p2p_slice_text(ORIGIN), 1, 1, 2));
    CHECK_OK(p2p_box_seal(box.box, p2p_slice_of(circle_key.bytes, sizeof(circle_key.bytes)),
                          bound, &sealing.public_key, ephemeral));
    CHECK_OK(p2p_box_open(opened, p2p_slice_of(box.box, sizeof(box.box)), bound, &sealing));
    CHECK_BYTES(opened, circle_key.bytes, sizeof(opened));
    expect_hex("sealing-public", sealing.public_key.bytes, P2P_PUBLIC_BYTES);
    expect_hex("box-bound", bound.data, bound.len);
    expect_hex("box", box.box, sizeof(box.box));
    memcpy(box.to, sealing.public_key.bytes, sizeof(box.to));
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_circle_boxes_pack(&pack, &box, 1);
    const struct p2p_draft draft = {.kind = P2P_KIND_CIRCLE_KEY,
                                    .time_ms = TIME_MS,
                                    .circle = 1,
                                    .content = p2p_pack_slice(&pack)};
    p2p_pack_init(&pack, leaf, sizeof(leaf));
    CHECK_OK(p2p_record_encode(&draft, p2p_slice_text(ORIGIN), &pack));
    expect_hex("circle-key-leaf", leaf, p2p_pack_slice(&pack).len);
}

/* What is shared by the tests below: one feed of two records. */
static uint8_t address_bytes[512], payload_bytes[512], head_bytes[512], leaf_bytes[512];
static uint8_t salted_bytes[P2P_SALT_BYTES + 512];
static struct p2p_slice address, payload, ban, salted;
static struct p2p_tree_head tree_head;
static struct p2p_cosignature cosignature;

static void make_address(void)
{
    uint8_t content[128];
    struct p2p_pack pack;
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "peers");
    p2p_pack_text(&pack, "192.0.2.1:7400");
    const struct p2p_draft draft = {
        .kind = P2P_KIND_ADDRESS, .time_ms = TIME_MS, .content = p2p_pack_slice(&pack)};
    struct p2p_pack leaf;
    p2p_pack_init(&leaf, address_bytes, sizeof(address_bytes));
    CHECK_OK(p2p_record_encode(&draft, p2p_slice_text(ORIGIN), &leaf));
    address = p2p_pack_slice(&leaf);
    expect_slice("address-leaf", address);
}

static void make_payload(void)
{
    struct p2p_subject subjects[2];
    const char *const effects[] = {"enter", "call"};
    struct p2p_pack pack;
    CHECK_OK(p2p_subject_parse(&subjects[0], p2p_slice_text("imo:9179842")));
    CHECK_OK(p2p_subject_parse(&subjects[1], p2p_slice_text("nrn:85.07.30-033.28")));
    CHECK(subjects[0].check_ok && subjects[1].check_ok);
    struct p2p_token token = p2p_subject_token(&subjects[1], &circle_key, EPOCH);
    expect_hex("token", token.bytes, sizeof(token.bytes));
    const struct p2p_ban_draft draft = {.subjects = subjects,
                                        .subject_count = 2,
                                        .ground = P2P_GROUND_LOCAL,
                                        .reference = "order 7",
                                        .effects = effects,
                                        .effect_count = 2,
                                        .from_ms = TIME_MS};
    p2p_pack_init(&pack, payload_bytes, sizeof(payload_bytes));
    CHECK_OK(p2p_ban_pack(&pack, &draft, &circle_key, EPOCH));
    payload = p2p_pack_slice(&pack);
    CHECK_OK(p2p_kind_validate(p2p_kind_find(P2P_KIND_BAN_IMPOSE), payload));
    expect_slice("payload", payload);
}

/* The imposition, signed by issuer 1 under number 1. */
static void make_ban(void)
{
    static uint8_t message[P2P_SIGNED_BYTES_MAX];
    struct p2p_draft draft = {.kind = P2P_KIND_BAN_IMPOSE,
                              .time_ms = TIME_MS,
                              .circle = CIRCLE,
                              .issuer = 1,
                              .issuer_seq = 1,
                              .payload = payload};
    struct p2p_pack unsigned_leaf;
    struct p2p_pack leaf;
    struct p2p_signature signature;
    struct p2p_record record;
    struct p2p_slice opened;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    count_up(draft.salt, 0xc0, sizeof(draft.salt));
    struct p2p_hash commitment = p2p_commitment_of(p2p_slice_text(ORIGIN), CIRCLE, draft.kind,
                                                   1, 1, draft.salt, payload);
    expect_hex("commitment", commitment.bytes, sizeof(commitment.bytes));
    p2p_pack_init(&unsigned_leaf, head_bytes, sizeof(head_bytes));
    CHECK_OK(p2p_record_encode(&draft, p2p_slice_text(ORIGIN), &unsigned_leaf));
    struct p2p_slice whole = p2p_pack_slice(&unsigned_leaf);
    struct p2p_slice head = p2p_slice_of(whole.data, whole.len - 1);
    size_t len = p2p_record_signed_bytes(message, head, p2p_slice_text(ORIGIN));
    expect_hex("signed-bytes", message, len);
    sigs->sign(sigs->context, issuer_key.seed, issuer_key.public_key.bytes,
               p2p_slice_of(message, len), &signature);
    expect_hex("record-signature", signature.bytes, sizeof(signature.bytes));
    p2p_pack_init(&leaf, leaf_bytes, sizeof(leaf_bytes));
    CHECK_OK(p2p_record_attach(head, &signature, &leaf));
    ban = p2p_pack_slice(&leaf);
    expect_slice("ban-leaf", ban);
    memcpy(salted_bytes, draft.salt, P2P_SALT_BYTES);
    memcpy(salted_bytes + P2P_SALT_BYTES, payload.data, payload.len);
    salted = p2p_slice_of(salted_bytes, P2P_SALT_BYTES + payload.len);
    CHECK_OK(p2p_record_decode(&record, ban));
    CHECK_OK(p2p_record_open(&record, p2p_slice_text(ORIGIN), salted, &opened));
    CHECK(p2p_slice_equal(opened, payload));
}

static void a_record_from_its_words_to_its_leaf(void **state)
{
    (void)state;
    make_address();
    make_payload();
    make_ban();
}

static void two_leaves_a_checkpoint_and_its_cosignature(void **state)
{
    (void)state;
    static char note[4096];
    char text[P2P_CHECKPOINT_TEXT_BYTES_MAX];
    char line[P2P_VKEY_BYTES_MAX + 1];
    struct p2p_edge edge;
    struct p2p_vkey vkey;
    struct p2p_hash leaves[2] = {p2p_leaf_hash(address), p2p_leaf_hash(ban)};
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    p2p_edge_init(&edge);
    for (size_t i = 0; i < 2; i++) {
        p2p_edge_append(&edge, &leaves[i], NULL);
    }
    expect_hex("leaf-hashes", leaves, sizeof(leaves));
    tree_head.size = 2;
    tree_head.root = p2p_edge_root(&edge);
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(ORIGIN), .size = 2, .root = tree_head.root};
    size_t len = p2p_checkpoint_text(&checkpoint, text);
    CHECK(len > 0);
    p2p_checkpoint_sign_feed(&checkpoint, sigs, &feed_key, &tree_head.signature);
    p2p_cosign_witness(&checkpoint, sigs, &witness_key, TIME_S, &cosignature);
    len = p2p_checkpoint_note(&checkpoint, feed_key.public_key.bytes, &tree_head.signature,
                              note, sizeof(note));
    len = p2p_checkpoint_note_add(note, sizeof(note), len,
                                  p2p_slice_text("port.example/ghent/w1"),
                                  witness_key.public_key.bytes, &cosignature);
    CHECK(len > 0);
    note[len] = '\0';
    expect_block("text", "checkpoint-note", note);
    p2p_vkey_init(&vkey, p2p_slice_text(ORIGIN), P2P_NOTE_ED25519, feed_key.public_key.bytes);
    len = p2p_vkey_format(&vkey, line);
    line[len] = '\n';
    line[len + 1] = '\0';
    expect_block("text", "feed-vkey", line);
}

static void frames_of_a_session(void **state)
{
    (void)state;
    static uint8_t bytes[4096];
    struct p2p_writer out;
    struct p2p_run run;
    struct p2p_frame frame;
    struct p2p_frame_split split;
    enum p2p_err err;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    const struct p2p_want want = {.feed = FEED, .from = 0};
    p2p_want_write(&out, &want);
    expect_slice("want-frame", p2p_writer_slice(&out));

    p2p_writer_init(&out, bytes, sizeof(bytes));
    size_t begin = p2p_run_begin_write(&out, FEED, 0, 2, &tree_head);
    p2p_run_record_write(&out, address, p2p_slice_of(NULL, 0));
    p2p_run_record_write(&out, ban, salted);
    p2p_frame_end(&out, begin);
    expect_slice("run-frame", p2p_writer_slice(&out));
    struct p2p_slice whole = p2p_writer_slice(&out);
    p2p_frame_split_init(&split, p2p_alloc_default());
    CHECK(p2p_frame_split_next(&split, &whole, &frame, &err));
    CHECK_OK(p2p_run_read(&run, frame.body));
    CHECK(run.count == 2 && run.head.size == 2);
    p2p_frame_split_deinit(&split);

    p2p_writer_init(&out, bytes, sizeof(bytes));
    const struct p2p_cosign_body cosign = {.feed = FEED,
                                           .size = 2,
                                           .root = tree_head.root,
                                           .witness = 2,
                                           .cosignature = cosignature};
    p2p_cosign_write(&out, &cosign);
    expect_slice("cosign-frame", p2p_writer_slice(&out));
}

/* Signed by the feed key of member 2, here that of the example once more. */
static void an_acknowledgement(void **state)
{
    (void)state;
    uint8_t message[P2P_PREFIX_BYTES_MAX + 8 + P2P_HASH_BYTES];
    struct p2p_writer writer;
    struct p2p_signature signature;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    size_t prefix = p2p_use_prefix(message, "ack", p2p_slice_text(ORIGIN));
    p2p_writer_init(&writer, message + prefix, sizeof(message) - prefix);
    p2p_writer_u64(&writer, 2);
    p2p_writer_bytes(&writer, tree_head.root.bytes, P2P_HASH_BYTES);
    struct p2p_slice signed_bytes =
        p2p_slice_of(message, prefix + p2p_writer_slice(&writer).len);
    expect_slice("ack-bytes", signed_bytes);
    sigs->sign(sigs->context, feed_key.seed, feed_key.public_key.bytes, signed_bytes,
               &signature);
    expect_hex("ack-signature", signature.bytes, sizeof(signature.bytes));
}

static void the_view_and_the_digests(void **state)
{
    (void)state;
    static uint8_t value[1024];
    static uint8_t element[1100];
    static const char leaves_use[] = "port2port/v1/leaves";
    char line[128];
    char root[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_pack pack;
    struct p2p_writer out;
    struct p2p_lthash set;
    const struct p2p_record_id id = {FEED, 1};
    p2p_pack_init(&pack, value, sizeof(value));
    p2p_pack_map(&pack, 2);
    p2p_pack_text(&pack, "content");
    p2p_pack_raw(&pack, payload);
    p2p_pack_text(&pack, "issuer");
    p2p_pack_uint(&pack, 1);
    struct p2p_ban read;
    CHECK_OK(p2p_ban_decode(&read, &id, CIRCLE, p2p_pack_slice(&pack)));
    CHECK(p2p_ban_state_at(&read, TIME_MS) == P2P_BAN_IN_FORCE);
    expect_slice("view-value", p2p_pack_slice(&pack));

    p2p_writer_init(&out, element, sizeof(element));
    p2p_writer_u16(&out, P2P_ID_KEY_BYTES);
    struct p2p_slice name = p2p_id_key(key, &id);
    p2p_writer_bytes(&out, name.data, name.len);
    p2p_writer_bytes(&out, value, p2p_pack_slice(&pack).len);
    p2p_lthash_init(&set);
    struct p2p_hash empty = p2p_lthash_digest(&set);
    p2p_lthash_add(&set, p2p_writer_slice(&out));
    struct p2p_hash digest = p2p_lthash_digest(&set);
    expect_hex("empty-set-digest", empty.bytes, sizeof(empty.bytes));
    expect_hex("view-digest", digest.bytes, sizeof(digest.bytes));

    p2p_base64_encode(root, tree_head.root.bytes, P2P_HASH_BYTES);
    snprintf(line, sizeof(line), "antwerp/1 2 %s\n", root);
    expect_block("text", "frontier-line", line);
    struct p2p_hash frontier = p2p_sha256(p2p_slice_text(line));
    expect_hex("frontier-digest", frontier.bytes, sizeof(frontier.bytes));
    const struct p2p_slice parts[] = {p2p_slice_of(leaves_use, sizeof(leaves_use)),
                                      p2p_slice_of(frontier.bytes, P2P_HASH_BYTES),
                                      p2p_slice_of(empty.bytes, P2P_HASH_BYTES)};
    struct p2p_hash leaves = p2p_sha256_many(parts, 3);
    expect_hex("leaves-digest", leaves.bytes, sizeof(leaves.bytes));
}

/* A block that no test makes would be a claim that nobody checks. */
static void every_block_is_made_here(void **state)
{
    (void)state;
    size_t in_document = 0;
    for (const char *at = document; (at = strstr(at, "\n```hex ")) != NULL; at++) {
        in_document++;
    }
    for (const char *at = document; (at = strstr(at, "\n```text ")) != NULL; at++) {
        in_document++;
    }
    CHECK(getenv("P2P_WIRE_PRINT") != NULL || in_document == blocks_checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circle_key_its_hash_and_a_box),
        cmocka_unit_test(a_record_from_its_words_to_its_leaf),
        cmocka_unit_test(two_leaves_a_checkpoint_and_its_cosignature),
        cmocka_unit_test(frames_of_a_session),
        cmocka_unit_test(an_acknowledgement),
        cmocka_unit_test(the_view_and_the_digests),
        cmocka_unit_test(every_block_is_made_here),
    };
    FILE *file = fopen(DOCUMENT, "r");
    if (p2p_crypto_init() != P2P_OK || file == NULL) {
        print_error("%s cannot be read\n", DOCUMENT);
        return 1;
    }
    size_t len = fread(document, 1, sizeof(document) - 1, file);
    document[len] = '\0';
    fclose(file);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
