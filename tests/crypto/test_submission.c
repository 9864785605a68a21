#include "check.h"

#include <p2p/bytes.h>
#include <p2p/submission.h>

#include <stdio.h>

/* The vectors of the log formats: three records, a note signed by the log. */
#define NOTE                                                                                   \
    "port.example/antwerp\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n\n"                \
    "\xe2\x80\x94 port.example/antwerp "                                                       \
    "ryBvkVTOd10CwPbBzXOimceKvpt9W/93i+Z/"                                                     \
    "o6WhbzFfqzNn0myR8cTxdxY2q6US8rAdeLYb9ZX0JkNbZgA5nnu4LAI=\n"
#define HASH "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n"

static enum p2p_err parse(const char *text, struct p2p_submission *out)
{
    return p2p_submission_parse(out, p2p_slice_text(text));
}

/* What strangers send would be taken for something else than it is. */
static void form_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "old 1",
        "old 1\n",
        "old 01\n\n" NOTE,
        "old -1\n\n" NOTE,
        "old  1\n\n" NOTE,
        "Old 1\n\n" NOTE,
        "old 1\r\n\n" NOTE,
        "old 1\n" NOTE,
        "old 1\nshort=\n\n" NOTE,
        "old 1\n\n",
        "old 1\n\nport.example/antwerp\n",
        "old 1\n" HASH NOTE,
    };
    struct p2p_submission submission;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_ERR(parse(bad[i], &submission), P2P_MALFORMED);
    }
    CHECK_OK(parse("old 2\n" HASH "\n" NOTE, &submission));
    CHECK(submission.old_size == 2 && submission.hash_count == 1);
    CHECK(submission.checkpoint.size == 3 && submission.note.signature_count == 1);
}

static void hashes_are_bounded(void **state)
{
    (void)state;
    static char text[P2P_SUBMISSION_BYTES_MAX];
    struct p2p_submission submission;
    for (unsigned count = P2P_SUBMISSION_HASHES_MAX; count < P2P_SUBMISSION_HASHES_MAX + 2;
         count++) {
        size_t at = (size_t)snprintf(text, sizeof(text), "old 1\n");
        for (unsigned i = 0; i < count; i++) {
            at += (size_t)snprintf(text + at, sizeof(text) - at, HASH);
        }
        snprintf(text + at, sizeof(text) - at, "\n" NOTE);
        CHECK_ERR(parse(text, &submission),
                  count == P2P_SUBMISSION_HASHES_MAX ? P2P_OK : P2P_TOOLARGE);
    }
}

/* A witness would cosign a second history, or be of no use to an honest log. */
static void answers_are_those_of_the_text(void **state)
{
    (void)state;
    const struct p2p_hash leaves[] = {p2p_leaf_hash(p2p_slice_text("one")),
                                      p2p_leaf_hash(p2p_slice_text("two")),
                                      p2p_leaf_hash(p2p_slice_text("three"))};
    const struct p2p_hash two = p2p_node_hash(&leaves[0], &leaves[1]);
    struct p2p_submission submission;
    CHECK_OK(parse("old 3\n\n" NOTE, &submission));
    const struct p2p_hash root = submission.checkpoint.root;
    CHECK_OK(p2p_submission_check(&submission, 3, &root)); /* again: a fresh time */
    CHECK_ERR(p2p_submission_check(&submission, 3, &two), P2P_BADPROOF);
    CHECK_ERR(p2p_submission_check(&submission, 2, &two), P2P_GAP);
    submission.old_size = 4;
    CHECK_ERR(p2p_submission_check(&submission, 4, &root), P2P_USAGE);
    submission.old_size = 2;
    CHECK_ERR(p2p_submission_check(&submission, 2, &two), P2P_BADPROOF); /* without its proof */
    submission.hashes[0] = leaves[2];
    submission.hash_count = 1;
    CHECK_OK(p2p_submission_check(&submission, 2, &two));
    CHECK_ERR(p2p_submission_check(&submission, 2, &root), P2P_BADPROOF);
    submission.old_size = 0;
    CHECK_ERR(p2p_submission_check(&submission, 0, &root),
              P2P_BADPROOF); /* a proof of nothing */
    submission.hash_count = 0;
    CHECK_OK(p2p_submission_check(&submission, 0, &root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_is_strict),
        cmocka_unit_test(hashes_are_bounded),
        cmocka_unit_test(answers_are_those_of_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
