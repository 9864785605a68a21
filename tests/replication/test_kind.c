#include "check.h"

#include <p2p/kind.h>
#include <p2p/ledger.h>

#include <stdlib.h>

enum { ROOM = 70000 };

static uint8_t room[ROOM];

/* How a field is packed: as its type wants it, or in one way wrong. */
enum how { WELL, AT_BOUND, ABOVE_BOUND, WRONG_TYPE, EMPTY };

static void pack_texts(struct p2p_pack *pack, uint32_t count)
{
    p2p_pack_array(pack, count);
    for (uint32_t i = 0; i < count; i++) {
        const char text[] = {(char)('a' + i / 26), (char)('a' + i % 26), '\0'};
        p2p_pack_text(pack, text);
    }
}

static void pack_subjects(struct p2p_pack *pack, uint32_t count)
{
    p2p_pack_array(pack, count);
    for (uint32_t i = 0; i < count; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_text(pack, "imo");
        p2p_pack_text(pack, "9179842");
    }
}

static void pack_field(struct p2p_pack *pack, const struct p2p_field *field, enum how how)
{
    static const uint8_t bytes[9000];
    static char text[9000];
    uint32_t n = how == EMPTY         ? 0
                 : how == AT_BOUND    ? field->max
                 : how == ABOVE_BOUND ? field->max + 1
                                      : 1;
    memset(text, 'x', sizeof(text));
    p2p_pack_text(pack, field->name);
    if (how == WRONG_TYPE) {
        p2p_pack_bool(pack, true);
        return;
    }
    switch (field->type) {
    case P2P_FIELD_UINT:
    case P2P_FIELD_TIME:
        p2p_pack_uint(pack, n);
        break;
    case P2P_FIELD_TEXT:
        p2p_pack_str(pack, p2p_slice_of(text, n));
        break;
    case P2P_FIELD_BYTES:
        p2p_pack_bin(pack, bytes, n);
        break;
    case P2P_FIELD_TEXTS:
        pack_texts(pack, n);
        break;
    case P2P_FIELD_SUBJECTS:
        pack_subjects(pack, n);
        break;
    case P2P_FIELD_ANY:
        p2p_pack_array(pack, 0);
        break;
    }
}

/* Content with every field whose bit stands in mask, `odd` packed in its own way. */
static struct p2p_slice content(const struct p2p_kind *kind, unsigned mask, size_t odd,
                                enum how how)
{
    struct p2p_pack pack;
    uint32_t count = 0;
    for (size_t i = 0; i < kind->field_count; i++) {
        count += mask >> i & 1;
    }
    p2p_pack_init(&pack, room, sizeof(room));
    p2p_pack_map(&pack, count);
    for (size_t i = 0; i < kind->field_count; i++) {
        if (mask >> i & 1) {
            pack_field(&pack, &kind->fields[i], i == odd ? how : WELL);
        }
    }
    CHECK(!p2p_pack_failed(&pack));
    CHECK_OK(p2p_wire_check(p2p_pack_slice(&pack)));
    return p2p_pack_slice(&pack);
}

/* Without this, a kind could not be found, or its fields not be read in one pass. */
static void test_table(void **state)
{
    size_t count;
    (void)state;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        const struct p2p_kind *kind = kinds[i];
        CHECK(p2p_kind_find(kind->number) == kind);
        CHECK(p2p_kind_named(p2p_slice_text(kind->word)) == kind);
        CHECK(i == 0 || kinds[i - 1]->number < kind->number);
        CHECK(kind->authors != 0);
        for (size_t f = 1; f < kind->field_count; f++) {
            CHECK(strcmp(kind->fields[f - 1].name, kind->fields[f].name) < 0);
        }
        /* Authority comes from issuers: what nodes write by themselves needs no grant. */
        CHECK((kind->granted != NULL) == (kind->authors == P2P_BY_ISSUER));
        CHECK(!kind->cites_required || kind->cites[0] != 0);
        for (size_t c = 0; c < 4 && kind->cites[c] != 0; c++) {
            CHECK(p2p_kind_find(kind->cites[c]) != NULL);
        }
    }
    CHECK(p2p_kind_find(0) == NULL && p2p_kind_find(15) == NULL &&
          p2p_kind_find(UINT32_MAX) == NULL);
    CHECK(p2p_kind_named(p2p_slice_text("")) == NULL);
    CHECK(p2p_kind_named(p2p_slice_text("ban")) == NULL);
}

/* Without this, a ban could be written by a node alone, without anybody who answers for it. */
static void test_no_ban_without_issuer(void **state)
{
    (void)state;
    for (uint32_t number = P2P_KIND_BAN_IMPOSE; number <= P2P_KIND_BAN_LIFT; number++) {
        const struct p2p_kind *kind = p2p_kind_find(number);
        CHECK(kind->authors == P2P_BY_ISSUER && kind->body == P2P_BODY_COMMITMENT);
        CHECK(kind->keys != NULL);
    }
    CHECK(p2p_kind_find(P2P_KIND_CHARTER)->authors == P2P_BY_CHARTER);
}

/* Without this, content with a missing, unknown, mistyped or oversized field would be taken. */
static void test_validate(void **state)
{
    size_t count;
    (void)state;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    for (size_t k = 0; k < count; k++) {
        const struct p2p_kind *kind = kinds[k];
        unsigned all = (1u << kind->field_count) - 1, required = 0;
        for (size_t i = 0; i < kind->field_count; i++) {
            required |= kind->fields[i].required ? 1u << i : 0;
        }
        for (unsigned mask = 0; mask <= all; mask++) {
            bool complete = (mask & required) == required;
            CHECK_ERR(p2p_kind_validate(kind, content(kind, mask, SIZE_MAX, WELL)),
                      complete ? P2P_OK : P2P_MALFORMED);
        }
        for (size_t i = 0; i < kind->field_count; i++) {
            const struct p2p_field *field = &kind->fields[i];
            bool set = field->type == P2P_FIELD_TEXTS || field->type == P2P_FIELD_SUBJECTS;
            if (field->type != P2P_FIELD_ANY) {
                CHECK_ERR(p2p_kind_validate(kind, content(kind, all, i, WRONG_TYPE)),
                          P2P_MALFORMED);
            }
            CHECK_ERR(p2p_kind_validate(kind, content(kind, all, i, EMPTY)),
                      set ? P2P_MALFORMED : P2P_OK);
            if (field->max != 0) {
                CHECK_OK(p2p_kind_validate(kind, content(kind, all, i, AT_BOUND)));
                CHECK_ERR(p2p_kind_validate(kind, content(kind, all, i, ABOVE_BOUND)),
                          P2P_TOOLARGE);
            }
        }
    }
}

/* Without this, fields nobody knows would hide in a record that everybody takes for checked. */
static void test_unknown_fields(void **state)
{
    static const char *const names[] = {"", "a", "reasom", "zz"};
    const struct p2p_kind *lift = p2p_kind_find(P2P_KIND_BAN_LIFT);
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct p2p_pack pack;
        bool before = strcmp(names[i], "reason") < 0;
        p2p_pack_init(&pack, room, sizeof(room));
        p2p_pack_map(&pack, 2);
        p2p_pack_text(&pack, before ? names[i] : "reason");
        p2p_pack_text(&pack, "x");
        p2p_pack_text(&pack, before ? "reason" : names[i]);
        p2p_pack_text(&pack, "x");
        CHECK_OK(p2p_wire_check(p2p_pack_slice(&pack)));
        CHECK_ERR(p2p_kind_validate(lift, p2p_pack_slice(&pack)), P2P_MALFORMED);
    }
    static const char *const no_maps[] = {"\xc0", "\x90", "\x91\xa1x", "\x01", "\xa1x"};
    for (size_t i = 0; i < 5; i++) {
        CHECK_ERR(p2p_kind_validate(lift, p2p_slice_text(no_maps[i])), P2P_MALFORMED);
    }
    CHECK_ERR(p2p_kind_validate(lift, p2p_slice_of("\x80", 1)), P2P_MALFORMED);
}

/* Without this, one set of scopes could be written in two ways. */
static void test_sets_ascend(void **state)
{
    static const char *const lists[] = {("\x92\xa1"
                                         "a\xa1"
                                         "b"),
                                        ("\x92\xa1"
                                         "b\xa1"
                                         "a"),
                                        ("\x92\xa1"
                                         "a\xa1"
                                         "a"),
                                        ("\x92\xa1"
                                         "a\x01")};
    const struct p2p_kind *impose = p2p_kind_find(P2P_KIND_BAN_IMPOSE);
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct p2p_pack pack;
        p2p_pack_init(&pack, room, sizeof(room));
        p2p_pack_map(&pack, 5);
        for (size_t f = 0; f < impose->field_count; f++) {
            const struct p2p_field *field = &impose->fields[f];
            if (strcmp(field->name, "scope") == 0) {
                p2p_pack_text(&pack, "scope");
                p2p_pack_raw(&pack, p2p_slice_text(lists[i]));
            } else if (field->required) {
                pack_field(&pack, field, WELL);
            }
        }
        CHECK_OK(p2p_wire_check(p2p_pack_slice(&pack)));
        CHECK_ERR(p2p_kind_validate(impose, p2p_pack_slice(&pack)),
                  i == 0 ? P2P_OK : P2P_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),       cmocka_unit_test(test_no_ban_without_issuer),
        cmocka_unit_test(test_validate),    cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_sets_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
