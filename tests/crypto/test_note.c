#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/note.h>

#include <stdio.h>
#include <stdlib.h>

#define EM_DASH           "\xE2\x80\x94"
#define ML_DSA_44_BYTES   2420u
#define NOTE_BUFFER_BYTES (2 * P2P_NOTE_BYTES_MAX)

struct trusted {
    struct p2p_vkey keys[2]; /* the log, the witness */
};

static struct trusted trusted_init(void)
{
    struct trusted trusted;
    CHECK_OK(p2p_vkey_parse(&trusted.keys[0], p2p_slice_text(TLOG_VKEY)));
    CHECK_OK(p2p_vkey_parse(&trusted.keys[1], p2p_slice_text(TLOG_WITNESS_VKEY)));
    return trusted;
}

static enum p2p_err parse(const char *text)
{
    struct p2p_note note;
    return p2p_note_parse(&note, p2p_slice_text(text));
}

static enum p2p_err parse_and_verify(struct p2p_slice bytes, const struct p2p_vkey *keys,
                                     size_t key_count, int *verdicts)
{
    struct p2p_note note;
    enum p2p_err err = p2p_note_parse(&note, bytes);
    if (!err) {
        err = p2p_note_verify(&note, p2p_sigs_ed25519(), keys, key_count, verdicts, NULL);
    }
    return err;
}

/* Other people's trust files would not name our keys. */
static void vkeys_follow_the_published_texts(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    const char *texts[] = {TLOG_VKEY, TLOG_WITNESS_VKEY};
    for (size_t i = 0; i < 2; i++) {
        uint8_t seed[P2P_SEED_BYTES];
        char text[P2P_VKEY_BYTES_MAX];
        struct p2p_feed_secret key;
        struct p2p_vkey made;
        tlog_seed(seed, (uint8_t)(32 * i));
        p2p_feed_secret_init(&key, seed);
        CHECK_BYTES(trusted.keys[i].public_key, key.public_key.bytes, P2P_PUBLIC_BYTES);
        p2p_vkey_init(&made, trusted.keys[i].name, trusted.keys[i].type, key.public_key.bytes);
        CHECK(p2p_vkey_format(&made, text) == strlen(texts[i]));
        CHECK(strcmp(text, texts[i]) == 0);
    }
    CHECK(trusted.keys[0].type == P2P_NOTE_ED25519);
    CHECK(trusted.keys[1].type == P2P_NOTE_COSIGNATURE);
    CHECK(p2p_slice_equal(trusted.keys[1].name, p2p_slice_text(TLOG_WITNESS)));
}

/* A trust file with a mistake in it would trust nobody, or somebody else. */
static void damaged_vkeys_are_refused(void **state)
{
    (void)state;
    struct p2p_vkey vkey;
    const char *malformed[] = {"",
                               "a",
                               "a+af206f91",
                               "a+af206f91+",
                               "+af206f91+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
                               "a b+af206f91+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
                               "a+AF206F91+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
                               "a+af206f9+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
                               "a+af206f91+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG",
                               TLOG_VKEY "\n"};
    const char *bad_key[] = {
        "port.example/antwerq+af206f91+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "port.example/antwerp+af206f92+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "port.example/antwerp+af206f91+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "port.example/antwerp+af206f91+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "port.example/antwerp+af206f91+BgOhB7/zzhC+",
        "port.example/antwerp+af206f91+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        CHECK_ERR(p2p_vkey_parse(&vkey, p2p_slice_text(malformed[i])), P2P_MALFORMED);
    }
    for (size_t i = 0; i < sizeof bad_key / sizeof *bad_key; i++) {
        CHECK_ERR(p2p_vkey_parse(&vkey, p2p_slice_text(bad_key[i])), P2P_BADKEY);
    }
    for (size_t len = 0; len < strlen(TLOG_VKEY); len++) {
        CHECK(p2p_vkey_parse(&vkey, p2p_slice_of(TLOG_VKEY, len)) != P2P_OK);
    }
}

/* A long name would overrun the buffer of p2p_vkey_format. */
static void the_longest_name_fits_and_no_longer_one(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES], name[256];
    char text[P2P_VKEY_BYTES_MAX], longer[P2P_VKEY_BYTES_MAX + 1];
    struct p2p_feed_secret key;
    struct p2p_vkey vkey, parsed;
    tlog_seed(seed, 0);
    memset(name, 'n', sizeof name);
    p2p_feed_secret_init(&key, seed);
    p2p_vkey_init(&vkey, p2p_slice_of(name, 255), P2P_NOTE_ED25519, key.public_key.bytes);
    CHECK(p2p_vkey_format(&vkey, text) == strlen(text));
    CHECK_OK(p2p_vkey_parse(&parsed, p2p_slice_text(text)));
    snprintf(longer, sizeof longer, "n%s", text);
    CHECK_ERR(p2p_vkey_parse(&parsed, p2p_slice_text(longer)), P2P_MALFORMED);
}

/* A name could break a note's lines apart, or hide where it ends (Unicode White_Space). */
static void key_names_have_no_space_or_plus(void **state)
{
    (void)state;
    const char *good[] = {"a",
                          "port2port.example/beanr/1",
                          "Zeebr\xC3\xBCgge",
                          "\xF0\x9F\x9A\xA2",
                          "\xE2\x80\x8B",
                          "=",
                          EM_DASH};
    const char *bad[] = {"",
                         "a b",
                         "a+b",
                         "a\nb",
                         "a\tb",
                         "a\x01",
                         "a\x1F",
                         "\xC2\x85",
                         "\xC2\xA0",
                         "\xE1\x9A\x80",
                         "\xE2\x80\x80",
                         "\xE2\x80\x8A",
                         "\xE2\x80\xA8",
                         "\xE2\x80\xA9",
                         "\xE2\x80\xAF",
                         "\xE2\x81\x9F",
                         "\xE3\x80\x80",
                         "\xFF",
                         "a\xC2"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(p2p_key_name_valid(p2p_slice_text(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!p2p_key_name_valid(p2p_slice_text(bad[i])));
    }
}

/* We could not read what other logs and witnesses sign. */
static void the_published_note_verifies(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    struct p2p_note note;
    int verdicts[2];
    uint64_t times[2];
    CHECK_OK(p2p_note_parse(&note, p2p_slice_text(TLOG_COSIGNED)));
    CHECK(p2p_slice_equal(note.text, p2p_slice_text(TLOG_TEXT)));
    CHECK(note.signature_count == 2);
    CHECK(p2p_slice_equal(note.signatures[1].name, p2p_slice_text(TLOG_WITNESS)));
    CHECK_BYTES(note.signatures[1].id.bytes, "\xEB\xCB\xBB\x11", P2P_KEY_ID_BYTES);
    CHECK_OK(p2p_note_verify(&note, p2p_sigs_ed25519(), trusted.keys, 2, verdicts, times));
    CHECK(verdicts[0] == 0 && verdicts[1] == 1);
    CHECK(times[0] == 0 && times[1] == TLOG_TIME);
    CHECK_OK(p2p_note_verify(&note, p2p_sigs_ed25519(), trusted.keys, 2, NULL, NULL));
}

/* A stranger's signature would make a note bad, or an unsigned one good. */
static void unknown_signatures_are_skipped_but_not_enough(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    int verdicts[2];
    struct p2p_slice cosigned = p2p_slice_text(TLOG_COSIGNED);
    CHECK_OK(parse_and_verify(cosigned, &trusted.keys[0], 1, verdicts));
    CHECK(verdicts[0] == 0 && verdicts[1] == -1);
    CHECK_OK(parse_and_verify(cosigned, &trusted.keys[1], 1, verdicts));
    CHECK(verdicts[0] == -1 && verdicts[1] == 0);
    verdicts[0] = 42;
    CHECK_ERR(parse_and_verify(cosigned, NULL, 0, verdicts), P2P_BADSIG);
    CHECK_ERR(parse_and_verify(p2p_slice_text(TLOG_NOTE), &trusted.keys[1], 1, verdicts),
              P2P_BADSIG);
    CHECK(verdicts[0] == 42);
}

/* Half a note would pass for a whole one. */
static void every_truncation_is_refused(void **state)
{
    (void)state;
    const char *cosigned = TLOG_COSIGNED;
    size_t first_line_end = strlen(TLOG_NOTE);
    for (size_t len = 0; len < strlen(cosigned); len++) {
        struct p2p_note note;
        char *exact = malloc(len > 0 ? len : 1); /* so that reading on is noticed */
        CHECK(exact != NULL);
        memcpy(exact, cosigned, len);
        enum p2p_err err = p2p_note_parse(&note, p2p_slice_of(exact, len));
        free(exact);
        CHECK(len == first_line_end ? err == P2P_OK : err == P2P_MALFORMED);
    }
}

/* An altered note would verify: every single bit of it. */
static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    char note[sizeof TLOG_NOTE];
    memcpy(note, TLOG_NOTE, sizeof note);
    struct p2p_slice bytes = p2p_slice_text(note);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        note[bit / 8] ^= (char)(1u << bit % 8);
        enum p2p_err err = parse_and_verify(bytes, trusted.keys, 2, NULL);
        CHECK(err == P2P_MALFORMED || err == P2P_BADSIG);
        note[bit / 8] ^= (char)(1u << bit % 8);
    }
    CHECK_OK(parse_and_verify(bytes, trusted.keys, 2, NULL));
}

/* A damaged cosignature would count: flips in its line refuse the note or make it a stranger's.
 */
static void flipped_cosignatures_do_not_count(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    char note[sizeof TLOG_COSIGNED];
    memcpy(note, TLOG_COSIGNED, sizeof note);
    struct p2p_slice bytes = p2p_slice_text(note);
    for (size_t bit = 8 * strlen(TLOG_NOTE); bit < 8 * bytes.len; bit++) {
        int verdicts[2] = {42, 42};
        note[bit / 8] ^= (char)(1u << bit % 8);
        enum p2p_err err = parse_and_verify(bytes, trusted.keys, 2, verdicts);
        CHECK(err == P2P_MALFORMED || err == P2P_BADSIG ||
              (err == P2P_OK && verdicts[0] == 0 && verdicts[1] == -1));
        note[bit / 8] ^= (char)(1u << bit % 8);
    }
}

/* A known key's bad line would hide behind its good one, in either order; or twice the same
 * line name two keys. */
static void a_key_that_signs_twice(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    int verdicts[2] = {42, 42};
    char note[NOTE_BUFFER_BYTES], bad[sizeof TLOG_LINE];
    CHECK_OK(parse_and_verify(p2p_slice_text(TLOG_NOTE TLOG_LINE), trusted.keys, 2, verdicts));
    CHECK(verdicts[0] == 0 && verdicts[1] == 0);
    memcpy(bad, TLOG_LINE, sizeof bad);
    bad[sizeof bad - 10] = bad[sizeof bad - 10] == 'A' ? 'B' : 'A';
    snprintf(note, sizeof note, "%s\n%s%s", TLOG_TEXT, TLOG_LINE, bad);
    CHECK_ERR(parse_and_verify(p2p_slice_text(note), trusted.keys, 2, NULL), P2P_BADSIG);
    snprintf(note, sizeof note, "%s\n%s%s", TLOG_TEXT, bad, TLOG_LINE);
    CHECK_ERR(parse_and_verify(p2p_slice_text(note), trusted.keys, 2, NULL), P2P_BADSIG);
}

/* Key ids have 32 bits: a trusted key that collides with another would make its notes bad. */
static void colliding_trusted_keys_are_both_tried(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    struct p2p_vkey keys[2] = {trusted.keys[0], trusted.keys[0]};
    int verdict = 42;
    memcpy(keys[0].public_key, trusted.keys[1].public_key, P2P_PUBLIC_BYTES);
    CHECK_OK(parse_and_verify(p2p_slice_text(TLOG_NOTE), keys, 2, &verdict));
    CHECK(verdict == 1);
}

/* Text after an empty line would be taken for signatures. */
static void the_text_may_hold_empty_lines(void **state)
{
    (void)state;
    struct p2p_note note;
    CHECK_OK(p2p_note_parse(&note, p2p_slice_text("a\n\nb\n\n" TLOG_LINE)));
    CHECK(p2p_slice_equal(note.text, p2p_slice_text("a\n\nb\n")));
    CHECK_OK(p2p_note_parse(&note, p2p_slice_text("a\n\n\n" TLOG_LINE)));
    CHECK(p2p_slice_equal(note.text, p2p_slice_text("a\n\n")));
}

/* Notes in other spellings would be accepted here and refused elsewhere. */
static void other_forms_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {
        "",
        "\n",
        "\n\n",
        "a\n",
        "a\n\n",
        "a\n\n\n",
        "a\n" TLOG_LINE,
        "\n" TLOG_LINE,
        "a\r\n\r\n" TLOG_LINE,
        "a\t\n\n" TLOG_LINE,
        "a\x01\n\n" TLOG_LINE,
        "a\x1F\n\n" TLOG_LINE,
        "a\xFF\n\n" TLOG_LINE,
        "a\xC0\x80\n\n" TLOG_LINE,
        "a\xED\xA0\x80\n\n" TLOG_LINE,
        "a\n\n" TLOG_LINE "\n",
        "a\n\n" TLOG_LINE "trailing",
        "a\n\n" TLOG_LINE "trailing\n",
        "a\n\n- name AAAAAAA=\n",
        "a\n\n" EM_DASH "name AAAAAAA=\n",
        "a\n\n" EM_DASH " name\n",
        "a\n\n" EM_DASH " name \n",
        "a\n\n" EM_DASH "  AAAAAAA=\n",
        "a\n\n" EM_DASH " na+me AAAAAAA=\n",
        "a\n\n" EM_DASH " na\xC2\xA0me AAAAAAA=\n",
        "a\n\n" EM_DASH " name AAAAAAA\n",
        "a\n\n" EM_DASH " name AAAAAAB=\n",
        "a\n\n" EM_DASH " name AAAAAA==\n", /* a key id and nothing else */
        "a\n\n" EM_DASH " name AAAAAAA= \n",
        "a\n\n" EM_DASH " name  AAAAAAA=\n",
        "a\n\n" EM_DASH " name AAAA-AA=\n",
        "a\n\n" EM_DASH " name AAAAAAA=",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(parse(bad[i]), P2P_MALFORMED);
    }
    CHECK_OK(parse("a\n\n" EM_DASH " name AAAAAAA=\n"));
    const char nul[] = "a\0\n\n" TLOG_LINE;
    struct p2p_note note;
    CHECK_ERR(p2p_note_parse(&note, p2p_slice_of(nul, sizeof nul - 1)), P2P_MALFORMED);
}

/* Appends a line by a key we do not know, of the given number of bytes. */
static size_t add_unknown(char *out, size_t len, size_t signature_bytes)
{
    static const uint8_t signature[P2P_NOTE_SIGNATURE_BYTES_MAX];
    const struct p2p_key_id id = {{1, 2, 3, 4}};
    return p2p_note_append_line(out, NOTE_BUFFER_BYTES, len,
                                p2p_slice_text("port.example/rotterdam/post-quantum"), &id,
                                p2p_slice_of(signature, signature_bytes));
}

/* The day witnesses add ML-DSA-44, older nodes would refuse every note. */
static void seventeen_large_lines_of_unknown_type_are_skipped(void **state)
{
    (void)state;
    struct trusted trusted = trusted_init();
    char *note = malloc(NOTE_BUFFER_BYTES);
    int verdicts[P2P_NOTE_SIGNATURES_MAX];
    size_t len = strlen(TLOG_NOTE);
    CHECK(note != NULL);
    memcpy(note, TLOG_NOTE, len);
    for (size_t i = 0; i < 17; i++) {
        len = add_unknown(note, len, 8 + ML_DSA_44_BYTES);
        CHECK(len > 0);
    }
    CHECK_OK(parse_and_verify(p2p_slice_of(note, len), trusted.keys, 2, verdicts));
    CHECK(verdicts[0] == 0 && verdicts[1] == -1 && verdicts[17] == -1);

    /* Lines of 5 kB are skipped as well, as many of them as fit 64 KiB; 17 do not. */
    len = strlen(TLOG_NOTE);
    for (size_t i = 0; i < 17; i++) {
        len = add_unknown(note, len, 3750);
        enum p2p_err err = parse_and_verify(p2p_slice_of(note, len), trusted.keys, 2, NULL);
        CHECK(err == (len <= P2P_NOTE_BYTES_MAX ? P2P_OK : P2P_TOOLARGE));
        CHECK((err == P2P_OK) == (i < 12));
    }
    free(note);
}

/* A stranger could make us hold or read more than the named bounds. */
static void the_bounds_hold(void **state)
{
    (void)state;
    struct p2p_note parsed;
    char *note = malloc(NOTE_BUFFER_BYTES);
    CHECK(note != NULL);
    memset(note, 'a', NOTE_BUFFER_BYTES);
    size_t line_bytes = strlen("\n\n" TLOG_LINE), text_bytes = P2P_NOTE_BYTES_MAX - line_bytes;
    memcpy(note + text_bytes, "\n\n" TLOG_LINE, line_bytes);
    CHECK_OK(p2p_note_parse(&parsed, p2p_slice_of(note, P2P_NOTE_BYTES_MAX)));
    CHECK_ERR(p2p_note_parse(&parsed, p2p_slice_of(note, P2P_NOTE_BYTES_MAX + 1)),
              P2P_TOOLARGE);

    size_t len = strlen(TLOG_NOTE);
    memcpy(note, TLOG_NOTE, len);
    for (size_t i = 1; i < P2P_NOTE_SIGNATURES_MAX; i++) {
        len = add_unknown(note, len, 64);
    }
    CHECK_OK(p2p_note_parse(&parsed, p2p_slice_of(note, len)));
    CHECK(parsed.signature_count == P2P_NOTE_SIGNATURES_MAX);
    len = add_unknown(note, len, 64);
    CHECK_ERR(p2p_note_parse(&parsed, p2p_slice_of(note, len)), P2P_TOOLARGE);

    len = strlen(TLOG_NOTE);
    CHECK(add_unknown(note, len, P2P_NOTE_SIGNATURE_BYTES_MAX) == 0);
    len = add_unknown(note, len, P2P_NOTE_SIGNATURE_BYTES_MAX - P2P_KEY_ID_BYTES);
    CHECK_OK(p2p_note_parse(&parsed, p2p_slice_of(note, len)));
    memcpy(note + len - 1, "AAAA\n", 5);
    CHECK_ERR(p2p_note_parse(&parsed, p2p_slice_of(note, len + 4)), P2P_TOOLARGE);
    free(note);
}

/* A line would be written past the caller's buffer. */
static void appending_respects_the_cap(void **state)
{
    (void)state;
    uint8_t blob[68];
    size_t len = 0, whole = strlen(TLOG_LINE);
    struct p2p_key_id id;
    char out[sizeof TLOG_LINE + 8];
    CHECK_OK(p2p_base64_decode(blob, sizeof blob, &len, p2p_slice_text(TLOG_SIGNATURE)));
    memcpy(id.bytes, blob, sizeof id.bytes);
    struct p2p_slice name = p2p_slice_text(TLOG_ORIGIN), signature = p2p_slice_of(blob + 4, 64);
    for (size_t cap = 0; cap <= whole + 3; cap++) {
        memset(out, '#', sizeof out);
        len = p2p_note_append_line(out, cap, 3, name, &id, signature);
        CHECK(len == (cap < whole + 3 ? 0 : whole + 3));
        for (size_t i = cap; i < sizeof out; i++) {
            CHECK(out[i] == '#');
        }
    }
    CHECK_BYTES(out + 3, TLOG_LINE, whole);
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vkeys_follow_the_published_texts),
        cmocka_unit_test(damaged_vkeys_are_refused),
        cmocka_unit_test(the_longest_name_fits_and_no_longer_one),
        cmocka_unit_test(key_names_have_no_space_or_plus),
        cmocka_unit_test(the_published_note_verifies),
        cmocka_unit_test(unknown_signatures_are_skipped_but_not_enough),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(flipped_cosignatures_do_not_count),
        cmocka_unit_test(a_key_that_signs_twice),
        cmocka_unit_test(colliding_trusted_keys_are_both_tried),
        cmocka_unit_test(the_text_may_hold_empty_lines),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(seventeen_large_lines_of_unknown_type_are_skipped),
        cmocka_unit_test(the_bounds_hold),
        cmocka_unit_test(appending_respects_the_cap),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
