#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/trust.h>

#include <stdio.h>

#define LOG      "log " TLOG_VKEY "\n"
#define W1       "witness w1 " TLOG_WITNESS_VKEY "\n"
#define MORE_MAX 4u

/* A trust file with more witnesses than the vectors' one, and notes that some of them cosigned.
 */
struct world {
    struct p2p_witness_secret witnesses[MORE_MAX];
    char lines[MORE_MAX][2 * P2P_VKEY_BYTES_MAX];
    char names[MORE_MAX][16];
    char text[4096];
    char note[4096];
};

static void world_init(struct world *world)
{
    for (size_t i = 0; i < MORE_MAX; i++) {
        uint8_t seed[P2P_SEED_BYTES];
        char text[P2P_VKEY_BYTES_MAX];
        struct p2p_vkey vkey;
        tlog_seed(seed, (uint8_t)(64 + 32 * i));
        p2p_witness_secret_init(&world->witnesses[i], seed);
        snprintf(world->names[i], sizeof world->names[i], "port.example/%zu", i);
        p2p_vkey_init(&vkey, p2p_slice_text(world->names[i]), P2P_NOTE_COSIGNATURE,
                      world->witnesses[i].public_key.bytes);
        p2p_vkey_format(&vkey, text);
        snprintf(world->lines[i], sizeof world->lines[i], "witness r%zu %s\n", i, text);
    }
}

/* The vectors' checkpoint, cosigned by the witnesses whose bits are set; bits may repeat one
 * witness: 16 is witness 0 again. */
static struct p2p_slice cosigned(struct world *world, unsigned bits)
{
    const struct p2p_checkpoint checkpoint = {p2p_slice_text(TLOG_ORIGIN), TLOG_RECORD_COUNT,
                                              tlog_hash(TLOG_ROOT)};
    size_t len = (size_t)snprintf(world->note, sizeof world->note, "%s", TLOG_NOTE);
    for (size_t i = 0; i <= MORE_MAX; i++) {
        const struct p2p_witness_secret *key = &world->witnesses[i % MORE_MAX];
        struct p2p_cosignature cosignature;
        if ((bits & (1u << i)) == 0) {
            continue;
        }
        p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), key, TLOG_TIME + i, &cosignature);
        len = p2p_checkpoint_note_add(world->note, sizeof world->note, len,
                                      p2p_slice_text(world->names[i % MORE_MAX]),
                                      key->public_key.bytes, &cosignature);
        CHECK(len > 0);
    }
    return p2p_slice_of(world->note, len);
}

static void trust_of(struct world *world, const char *groups, struct p2p_trust *trust)
{
    size_t line;
    snprintf(world->text, sizeof world->text, LOG "%s%s%s%s%s", world->lines[0],
             world->lines[1], world->lines[2], world->lines[3], groups);
    CHECK_OK(p2p_trust_parse(trust, p2p_slice_text(world->text), &line));
}

static enum p2p_err verify(struct world *world, const char *groups, unsigned bits)
{
    struct p2p_trust trust;
    struct p2p_checkpoint checkpoint;
    trust_of(world, groups, &trust);
    return p2p_trust_verify(&trust, p2p_sigs_ed25519(), cosigned(world, bits), &checkpoint);
}

/* A checkpoint that too few have cosigned would count, or one that enough have would not. */
static void the_quorum_is_what_the_groups_say(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    static const struct {
        const char *groups;
        unsigned bits;
        enum p2p_err err;
    } rows[] = {
        {"group g 2 r0 r1 r2 r3\nquorum g\n", 3, P2P_OK},
        {"group g 2 r0 r1 r2 r3\nquorum g\n", 8, P2P_QUORUM},
        {"group g 2 r0 r1 r2 r3\nquorum g\n", 17, P2P_QUORUM}, /* one of them twice */
        {"group g any r0 r1\nquorum g\n", 2, P2P_OK},
        {"group g any r0 r1\nquorum g\n", 12, P2P_QUORUM},
        {"group g all r0 r1\nquorum g\n", 3, P2P_OK},
        {"group g all r0 r1\nquorum g\n", 13, P2P_QUORUM},
        {"quorum r2\n", 4, P2P_OK},
        {"quorum r2\n", 11, P2P_QUORUM},
        {"group a any r0 r1\ngroup b any r2 r3\ngroup c all a b\nquorum c\n", 9, P2P_OK},
        {"group a any r0 r1\ngroup b any r2 r3\ngroup c all a b\nquorum c\n", 3, P2P_QUORUM},
        {"group g 2 r0 r1 r2 r3\nquorum g\n", 0, P2P_QUORUM},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_ERR(verify(&world, rows[i].groups, rows[i].bits), rows[i].err);
    }
}

/* A note of another log, or one that the log did not sign, would pass for the trusted one. */
static void only_the_logs_word_counts(void **state)
{
    (void)state;
    struct world world;
    struct p2p_trust trust;
    struct p2p_checkpoint checkpoint = {.size = 7};
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    world_init(&world);
    trust_of(&world, "quorum r0\n", &trust);
    CHECK_OK(p2p_trust_verify(&trust, sigs, cosigned(&world, 1), &checkpoint));
    CHECK(checkpoint.size == TLOG_RECORD_COUNT);

    struct p2p_slice note = cosigned(&world, 1);
    world.note[strlen(TLOG_ORIGIN) + 1] = '4'; /* another size */
    CHECK_ERR(p2p_trust_verify(&trust, sigs, note, &checkpoint), P2P_BADSIG);
    note = cosigned(&world, 1);
    world.note[0] = 'P'; /* another origin */
    CHECK_ERR(p2p_trust_verify(&trust, sigs, note, &checkpoint), P2P_UNKNOWN);

    /* The cosignature alone, without the log's own line. */
    note = cosigned(&world, 1);
    size_t text = strlen(TLOG_TEXT "\n"), line = strlen(TLOG_LINE);
    memmove(world.note + text, world.note + text + line, note.len - text - line);
    CHECK_ERR(
        p2p_trust_verify(&trust, sigs, p2p_slice_of(world.note, note.len - line), &checkpoint),
        P2P_BADSIG);
}

static enum p2p_err parse(const char *text, size_t *line)
{
    struct p2p_trust trust;
    return p2p_trust_parse(&trust, p2p_slice_text(text), line);
}

/* A slip in the file would silently be another trust. */
static void what_is_not_plain_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum p2p_err err;
        size_t line;
    } rows[] = {
        {LOG W1 "quorum w1\n", P2P_OK, 0},
        {"# a comment\n\n" LOG W1 "group g 1 w1\nquorum g", P2P_OK, 0},
        {"log  " TLOG_VKEY "  https://port.example/\n" W1 "quorum w1\n", P2P_OK, 0},
        {"", P2P_MALFORMED, 0},
        {LOG W1, P2P_MALFORMED, 0},           /* no quorum */
        {W1 "quorum w1\n", P2P_MALFORMED, 0}, /* no log */
        {LOG W1 "quorum none\n", P2P_REFUSED, 3},
        {LOG W1 "quorum w2\n", P2P_MALFORMED, 3}, /* nobody of that name */
        {LOG W1 "quorum w1\nquorum w1\n", P2P_MALFORMED, 4},
        {LOG LOG W1 "quorum w1\n", P2P_MALFORMED, 2},
        {LOG W1 W1 "quorum w1\n", P2P_MALFORMED, 3},
        {LOG W1 "witness w2 " TLOG_WITNESS_VKEY "\nquorum w1\n", P2P_MALFORMED, 3},
        {LOG "witness none " TLOG_WITNESS_VKEY "\nquorum none\n", P2P_MALFORMED, 2},
        {LOG W1 "group g 2 w1\nquorum g\n", P2P_MALFORMED, 3}, /* more than there are */
        {LOG W1 "group g 0 w1\nquorum g\n", P2P_MALFORMED, 3},
        {LOG W1 "group g 1 w1 w1\nquorum g\n", P2P_MALFORMED, 3},
        {LOG W1 "group g 1 g\nquorum g\n", P2P_MALFORMED, 3},
        {LOG W1 "group g any\nquorum g\n", P2P_MALFORMED, 3},
        {LOG W1 "group g all\nquorum g\n", P2P_MALFORMED, 3},
        {LOG W1 "trust w1\nquorum w1\n", P2P_MALFORMED, 3},
        {LOG W1 "quorum w1 w1\n", P2P_MALFORMED, 3},
        {"log " TLOG_WITNESS_VKEY "\n" W1 "quorum w1\n", P2P_BADKEY, 1},
        {LOG "witness w1 " TLOG_VKEY "\nquorum w1\n", P2P_BADKEY, 2},
        {"log port.example/antwerp+af206f92+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n" W1
         "quorum w1\n",
         P2P_BADKEY, 1}, /* not the id of that key */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t line = 99;
        CHECK_ERR(parse(rows[i].text, &line), rows[i].err);
        CHECK(line == rows[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quorum_is_what_the_groups_say),
        cmocka_unit_test(only_the_logs_word_counts),
        cmocka_unit_test(what_is_not_plain_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
