#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/checkpoint.h>
#include <p2p/hash.h>

struct antwerp {
    struct p2p_checkpoint checkpoint;
    struct p2p_feed_secret feed;
    struct p2p_charter_secret charter;
    struct p2p_witness_secret witness;
    struct p2p_root_secret root;
    struct p2p_signature signature;
    struct p2p_cosignature cosignature;
};

static struct antwerp antwerp_init(void)
{
    struct antwerp it = {
        .checkpoint = {p2p_slice_text(TLOG_ORIGIN), TLOG_RECORD_COUNT, tlog_hash(TLOG_ROOT)}};
    uint8_t seed[P2P_SEED_BYTES];
    tlog_seed(seed, 0);
    p2p_feed_secret_init(&it.feed, seed);
    p2p_charter_secret_init(&it.charter, seed);
    tlog_seed(seed, 32);
    p2p_witness_secret_init(&it.witness, seed);
    p2p_root_secret_init(&it.root, seed);
    p2p_checkpoint_sign_feed(&it.checkpoint, p2p_sigs_ed25519(), &it.feed, &it.signature);
    p2p_cosign_witness(&it.checkpoint, p2p_sigs_ed25519(), &it.witness, TLOG_TIME,
                       &it.cosignature);
    return it;
}

static enum p2p_err parse(const char *text, bool extensions_allowed)
{
    struct p2p_checkpoint checkpoint;
    return p2p_checkpoint_parse(&checkpoint, p2p_slice_text(text), extensions_allowed);
}

/* No tool of others could check our feeds, nor we theirs. */
static void signatures_are_the_published_ones(void **state)
{
    (void)state;
    struct antwerp it = antwerp_init();
    uint8_t blob[P2P_KEY_ID_BYTES + 8 + P2P_SIGNATURE_BYTES];
    size_t len = 0;
    CHECK_OK(p2p_base64_decode(blob, sizeof blob, &len, p2p_slice_text(TLOG_SIGNATURE)));
    CHECK(len == P2P_KEY_ID_BYTES + P2P_SIGNATURE_BYTES);
    CHECK_BYTES(it.signature.bytes, blob + P2P_KEY_ID_BYTES, P2P_SIGNATURE_BYTES);
    CHECK_OK(p2p_base64_decode(blob, sizeof blob, &len, p2p_slice_text(TLOG_COSIGNATURE)));
    CHECK(len == sizeof blob && it.cosignature.time_s == TLOG_TIME);
    CHECK_BYTES(it.cosignature.signature.bytes, blob + P2P_KEY_ID_BYTES + 8,
                P2P_SIGNATURE_BYTES);
}

/* The text that peers rebuild from (size, root) would not be the one that was signed. */
static void the_text_is_three_lines(void **state)
{
    (void)state;
    struct antwerp it = antwerp_init();
    char text[P2P_CHECKPOINT_TEXT_BYTES_MAX];
    size_t len = p2p_checkpoint_text(&it.checkpoint, text);
    CHECK(p2p_slice_equal(p2p_slice_of(text, len), p2p_slice_text(TLOG_TEXT)));

    uint8_t origin[P2P_ORIGIN_BYTES_MAX];
    memset(origin, 'o', sizeof origin);
    it.checkpoint.origin = p2p_slice_of(origin, sizeof origin);
    it.checkpoint.size = UINT64_MAX;
    CHECK(p2p_checkpoint_text(&it.checkpoint, text) == P2P_CHECKPOINT_TEXT_BYTES_MAX);
}

/* A signature would be good for another size, root, origin, key or time than its own. */
static void signatures_bind_everything(void **state)
{
    (void)state;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    struct antwerp it = antwerp_init();
    struct p2p_checkpoint altered[3] = {it.checkpoint, it.checkpoint, it.checkpoint};
    altered[0].origin = p2p_slice_text("port.example/antwerq");
    altered[1].size++;
    altered[2].root.bytes[31] ^= 1;
    for (size_t i = 0; i < 3; i++) {
        CHECK_ERR(
            p2p_checkpoint_verify_feed(&altered[i], sigs, &it.feed.public_key, &it.signature),
            P2P_BADSIG);
        CHECK_ERR(p2p_cosignature_verify_witness(&altered[i], sigs, &it.witness.public_key,
                                                 &it.cosignature),
                  P2P_BADSIG);
    }
    CHECK_OK(
        p2p_checkpoint_verify_feed(&it.checkpoint, sigs, &it.feed.public_key, &it.signature));
    CHECK_OK(p2p_cosignature_verify_witness(&it.checkpoint, sigs, &it.witness.public_key,
                                            &it.cosignature));
    it.cosignature.time_s++;
    CHECK_ERR(p2p_cosignature_verify_witness(&it.checkpoint, sigs, &it.witness.public_key,
                                             &it.cosignature),
              P2P_BADSIG);
    struct p2p_feed_public other;
    memcpy(other.bytes, it.witness.public_key.bytes, sizeof other.bytes);
    CHECK_ERR(p2p_checkpoint_verify_feed(&it.checkpoint, sigs, &other, &it.signature),
              P2P_BADSIG);
}

/* The charter and its roots would sign in another form than feeds and witnesses. */
static void charter_and_roots_sign_in_the_same_form(void **state)
{
    (void)state;
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    struct antwerp it = antwerp_init();
    struct p2p_signature signature;
    struct p2p_cosignature cosignature;
    p2p_checkpoint_sign_charter(&it.checkpoint, sigs, &it.charter, &signature);
    CHECK_BYTES(signature.bytes, it.signature.bytes, sizeof signature.bytes);
    CHECK_OK(p2p_checkpoint_verify_charter(&it.checkpoint, sigs, &it.charter.public_key,
                                           &signature));
    p2p_cosign_root(&it.checkpoint, sigs, &it.root, TLOG_TIME, &cosignature);
    CHECK_BYTES(cosignature.signature.bytes, it.cosignature.signature.bytes,
                P2P_SIGNATURE_BYTES);
    CHECK_OK(
        p2p_cosignature_verify_root(&it.checkpoint, sigs, &it.root.public_key, &cosignature));
    signature.bytes[0] ^= 1;
    cosignature.signature.bytes[0] ^= 1;
    CHECK_ERR(
        p2p_checkpoint_verify_charter(&it.checkpoint, sigs, &it.charter.public_key, &signature),
        P2P_BADSIG);
    CHECK_ERR(
        p2p_cosignature_verify_root(&it.checkpoint, sigs, &it.root.public_key, &cosignature),
        P2P_BADSIG);
}

/* A file or a stranger would get a note that does not parse. */
static void the_note_is_the_published_one(void **state)
{
    (void)state;
    struct antwerp it = antwerp_init();
    struct p2p_slice witness = p2p_slice_text(TLOG_WITNESS);
    const size_t log_len = strlen(TLOG_NOTE), whole = strlen(TLOG_COSIGNED);
    for (size_t cap = 0; cap <= whole; cap++) {
        char out[sizeof TLOG_COSIGNED];
        size_t len = p2p_checkpoint_note(&it.checkpoint, it.feed.public_key.bytes,
                                         &it.signature, out, cap);
        CHECK(len == (cap < log_len ? 0 : log_len));
        if (len > 0) {
            CHECK_BYTES(out, TLOG_NOTE, len);
            len = p2p_checkpoint_note_add(out, cap, len, witness, it.witness.public_key.bytes,
                                          &it.cosignature);
            CHECK(len == (cap < whole ? 0 : whole));
        }
        if (len > 0) {
            CHECK_BYTES(out, TLOG_COSIGNED, len);
        }
    }
}

/* What travels between peers could not be taken from a note, or be taken from another's line.
 */
static void lines_give_back_their_signatures(void **state)
{
    (void)state;
    struct antwerp it = antwerp_init();
    struct p2p_slice origin = p2p_slice_text(TLOG_ORIGIN),
                     witness = p2p_slice_text(TLOG_WITNESS);
    const uint8_t *log_key = it.feed.public_key.bytes,
                  *witness_key = it.witness.public_key.bytes;
    struct p2p_note note;
    struct p2p_signature signature;
    struct p2p_cosignature cosignature;
    CHECK_OK(p2p_note_parse(&note, p2p_slice_text(TLOG_COSIGNED)));
    const struct p2p_note_signature *log_line = &note.signatures[0];
    const struct p2p_note_signature *witness_line = &note.signatures[1];
    CHECK_OK(p2p_note_line_signature(log_line, origin, log_key, &signature));
    CHECK_BYTES(signature.bytes, it.signature.bytes, sizeof signature.bytes);
    CHECK_OK(p2p_note_line_cosignature(witness_line, witness, witness_key, &cosignature));
    CHECK(cosignature.time_s == TLOG_TIME);
    CHECK_BYTES(cosignature.signature.bytes, it.cosignature.signature.bytes,
                P2P_SIGNATURE_BYTES);
    CHECK_ERR(p2p_note_line_signature(log_line, witness, log_key, &signature), P2P_NOTFOUND);
    CHECK_ERR(p2p_note_line_signature(log_line, origin, witness_key, &signature), P2P_NOTFOUND);
    CHECK_ERR(p2p_note_line_signature(witness_line, witness, witness_key, &signature),
              P2P_NOTFOUND);
    CHECK_ERR(p2p_note_line_cosignature(log_line, origin, log_key, &cosignature), P2P_NOTFOUND);
}

/* A line under a known id but of another length would be read beyond its end. */
static void lines_of_other_lengths_are_malformed(void **state)
{
    (void)state;
    struct antwerp it = antwerp_init();
    struct p2p_slice origin = p2p_slice_text(TLOG_ORIGIN);
    struct p2p_key_id id = p2p_key_id_of(origin, P2P_NOTE_ED25519, it.feed.public_key.bytes);
    static const size_t lengths[] = {1, 63, 65, 72, 80, 3000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        static const uint8_t zeros[3000];
        char out[8192] = "a\n\n";
        struct p2p_note note;
        struct p2p_signature signature;
        size_t len = p2p_note_append_line(out, sizeof out, 3, origin, &id,
                                          p2p_slice_of(zeros, lengths[i]));
        CHECK_OK(p2p_note_parse(&note, p2p_slice_of(out, len)));
        CHECK_ERR(p2p_note_line_signature(&note.signatures[0], origin, it.feed.public_key.bytes,
                                          &signature),
                  P2P_MALFORMED);
    }
}

/* One checkpoint would have several texts, and so several signatures. */
static void parsing_is_strict(void **state)
{
    (void)state;
    const char *bad[] = {
        "",
        "o\n",
        "o\n3\n",
        "o\n3\n" TLOG_ROOT,
        "\n3\n" TLOG_ROOT "\n",
        "o o\n3\n" TLOG_ROOT "\n",
        "o+o\n3\n" TLOG_ROOT "\n",
        "o\n03\n" TLOG_ROOT "\n",
        "o\n-3\n" TLOG_ROOT "\n",
        "o\n\n" TLOG_ROOT "\n",
        "o\n9223372036854775808\n" TLOG_ROOT "\n",
        "o\n3\n\n",
        "o\n3\nWqx3\n",
        "o\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKl=\n", /* spare bits */
        "o\n3\n" TLOG_ROOT "AAAA\n",
        "o\n3\n" TLOG_ROOT "\nextension",
        "o\n3\n" TLOG_ROOT "\n\n",
        "o\n3\n" TLOG_ROOT "\nextension\n\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(parse(bad[i], true), P2P_MALFORMED);
        CHECK_ERR(parse(bad[i], false), P2P_MALFORMED);
    }
    for (size_t len = 0; len < strlen(TLOG_TEXT); len++) {
        struct p2p_checkpoint checkpoint;
        CHECK_ERR(p2p_checkpoint_parse(&checkpoint, p2p_slice_of(TLOG_TEXT, len), true),
                  P2P_MALFORMED);
    }
    CHECK_OK(parse("o\n0\n" TLOG_EMPTY_ROOT "\n", false));
    CHECK_OK(parse("o\n9223372036854775807\n" TLOG_ROOT "\n", false));
}

/* Others' notes with extension lines would be refused, or ours could carry unnoticed ones. */
static void extensions_only_where_allowed(void **state)
{
    (void)state;
    const char *extended = TLOG_TEXT "extension one\ntwo\n";
    struct p2p_checkpoint checkpoint = {.size = 42};
    CHECK_ERR(p2p_checkpoint_parse(&checkpoint, p2p_slice_text(extended), false),
              P2P_MALFORMED);
    CHECK(checkpoint.size == 42);
    CHECK_OK(p2p_checkpoint_parse(&checkpoint, p2p_slice_text(extended), true));
    struct p2p_hash root = tlog_hash(TLOG_ROOT);
    CHECK(checkpoint.size == TLOG_RECORD_COUNT);
    CHECK(p2p_hash_equal(&checkpoint.root, &root));
    CHECK(p2p_slice_equal(checkpoint.origin, p2p_slice_text(TLOG_ORIGIN)));
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_the_published_ones),
        cmocka_unit_test(the_text_is_three_lines),
        cmocka_unit_test(signatures_bind_everything),
        cmocka_unit_test(charter_and_roots_sign_in_the_same_form),
        cmocka_unit_test(the_note_is_the_published_one),
        cmocka_unit_test(lines_give_back_their_signatures),
        cmocka_unit_test(lines_of_other_lengths_are_malformed),
        cmocka_unit_test(parsing_is_strict),
        cmocka_unit_test(extensions_only_where_allowed),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
