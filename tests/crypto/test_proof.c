#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/checkpoint.h>
#include <p2p/proof.h>
#include <p2p/text.h>

#include <stdlib.h>

/* Record 1, `two`, of the three; its siblings were hashed by another program. */
#define HEADER "c2sp.org/tlog-proof@v1\n"
#define HASHES                                                                                 \
    "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=\n"                                           \
    "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=\n"
#define VECTOR HEADER "extra dHdv\nindex 1\n" HASHES "\n" TLOG_COSIGNED

static enum p2p_err parse(const char *text)
{
    struct p2p_tlog_proof proof;
    return p2p_tlog_proof_parse(&proof, p2p_slice_text(text));
}

/* Nobody else's tool would find our records in our logs, nor we theirs. */
static void the_vector_leads_to_the_signed_root(void **state)
{
    (void)state;
    struct p2p_tlog_proof proof;
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    uint8_t record[8];
    size_t len = 0;
    CHECK_OK(p2p_tlog_proof_parse(&proof, p2p_slice_text(VECTOR)));
    CHECK(proof.index == 1 && proof.path.count == 2);
    CHECK_OK(p2p_base64_decode(record, sizeof record, &len, proof.extra_base64));
    CHECK(len == 3 && memcmp(record, "two", 3) == 0);
    CHECK_OK(p2p_note_parse(&note, proof.note));
    CHECK_OK(p2p_checkpoint_parse(&checkpoint, note.text, false));
    struct p2p_hash leaf = p2p_leaf_hash(p2p_slice_of(record, len));
    CHECK_OK(p2p_inclusion_verify(&leaf, proof.index, checkpoint.size, proof.path.hashes,
                                  proof.path.count, &checkpoint.root));
}

/* A proof that was read and written again would be another file. */
static void what_is_read_is_written_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        VECTOR, HEADER "index 1\n" HASHES "\n" TLOG_NOTE,
        HEADER "index 0\n\n" TLOG_NOTE, /* the only record of its log */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct p2p_tlog_proof proof;
        uint8_t extra[8];
        char out[2048];
        size_t len = 0;
        CHECK_OK(p2p_tlog_proof_parse(&proof, p2p_slice_text(texts[i])));
        CHECK_OK(p2p_base64_decode(extra, sizeof extra, &len, proof.extra_base64));
        size_t written = p2p_tlog_proof_format(p2p_slice_of(extra, len), proof.index,
                                               &proof.path, proof.note, out, sizeof out);
        CHECK(written == strlen(texts[i]));
        CHECK_BYTES(out, texts[i], written);
    }
}

/* One proof would have two spellings, or a cut file would pass for a whole one. */
static void any_other_form_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        HEADER,
        "c2sp.org/tlog-proof@v2\nindex 1\n" HASHES "\n" TLOG_NOTE,
        "c2sp.org/tlog-proof@v1\r\nindex 1\n" HASHES "\n" TLOG_NOTE,
        HEADER HASHES "\n" TLOG_NOTE,                         /* no index */
        HEADER "index 01\n" HASHES "\n" TLOG_NOTE,            /* leading zero */
        HEADER "index -1\n" HASHES "\n" TLOG_NOTE,            /* no number */
        HEADER "index 1 \n" HASHES "\n" TLOG_NOTE,            /* something behind it */
        HEADER "index 1\nextra dHdv\n" HASHES "\n" TLOG_NOTE, /* order */
        HEADER "extra dHdv\nextra dHdv\nindex 1\n" HASHES "\n" TLOG_NOTE,
        HEADER "extra \nindex 1\n" HASHES "\n" TLOG_NOTE,      /* empty */
        HEADER "extra dHdw=\nindex 1\n" HASHES "\n" TLOG_NOTE, /* not base64 */
        HEADER "extra dHe=\nindex 1\n" HASHES "\n" TLOG_NOTE,  /* spare bits */
        HEADER "index 1\n" HASHES TLOG_NOTE,                   /* no empty line */
        HEADER "index 1\nAAAA\n\n" TLOG_NOTE,                  /* a short hash */
        HEADER "index 1\n" HASHES "\n",                        /* no note */
        HEADER "index 1\n" HASHES,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK_ERR(parse(texts[i]), P2P_MALFORMED);
    }
    CHECK_OK(parse(VECTOR));
}

/* The base64 of a record is written in pieces: none may be lost or joined wrongly. */
static void records_of_every_length_come_back(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 3, 767, 768, 769, 1536, 60000, 65535};
    char *text = malloc(P2P_TLOG_PROOF_BYTES_MAX);
    uint8_t *record = malloc(65535);
    uint8_t *back = malloc(65535);
    const struct p2p_proof path = {.count = 0};
    CHECK(text != NULL && record != NULL && back != NULL);
    for (size_t i = 0; i < 65535; i++) {
        record[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct p2p_tlog_proof proof;
        size_t len = 0;
        size_t written =
            p2p_tlog_proof_format(p2p_slice_of(record, lengths[i]), 5, &path,
                                  p2p_slice_text(TLOG_NOTE), text, P2P_TLOG_PROOF_BYTES_MAX);
        CHECK(written > 0);
        CHECK_OK(p2p_tlog_proof_parse(&proof, p2p_slice_of(text, written)));
        CHECK_OK(p2p_base64_decode(back, 65535, &len, proof.extra_base64));
        CHECK(len == lengths[i] && proof.index == 5);
        CHECK_BYTES(back, record, len);
    }
    free(text);
    free(record);
    free(back);
}

/* A stranger's file would make us hold or walk as much as it likes. */
static void bounds_hold(void **state)
{
    (void)state;
    struct p2p_proof path = {.count = P2P_PROOF_HASHES_MAX};
    struct p2p_tlog_proof proof;
    size_t cap = 2 * P2P_TLOG_PROOF_BYTES_MAX;
    char *text = calloc(1, cap);
    uint8_t *extra = calloc(1, P2P_TLOG_PROOF_EXTRA_BYTES_MAX + 1);
    CHECK(text != NULL && extra != NULL);
    const struct p2p_slice note = p2p_slice_text(TLOG_NOTE);
    const struct p2p_slice none = {0};
    size_t len = p2p_tlog_proof_format(none, 1, &path, note, text, cap);
    CHECK_OK(p2p_tlog_proof_parse(&proof, p2p_slice_of(text, len)));
    CHECK(proof.path.count == P2P_PROOF_HASHES_MAX);
    /* One hash more: the first line of them stands twice. */
    const size_t first = strlen(HEADER "index 1\n");
    memmove(text + first + 45, text + first, len - first);
    CHECK_ERR(p2p_tlog_proof_parse(&proof, p2p_slice_of(text, len + 45)), P2P_TOOLARGE);

    path.count = 0;
    len = p2p_tlog_proof_format(p2p_slice_of(extra, P2P_TLOG_PROOF_EXTRA_BYTES_MAX + 1), 1,
                                &path, note, text, cap);
    CHECK_ERR(p2p_tlog_proof_parse(&proof, p2p_slice_of(text, len)), P2P_TOOLARGE);
    CHECK_ERR(p2p_tlog_proof_parse(&proof, p2p_slice_of(text, cap)), P2P_TOOLARGE);
    CHECK(p2p_tlog_proof_format(none, 1, &path, note, text, 40) == 0);
    free(text);
    free(extra);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_leads_to_the_signed_root),
        cmocka_unit_test(what_is_read_is_written_the_same),
        cmocka_unit_test(any_other_form_is_refused),
        cmocka_unit_test(records_of_every_length_come_back),
        cmocka_unit_test(bounds_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
