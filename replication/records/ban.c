/* A ban as gates and lists read it, and as an author drafts it. */
#include <p2p/ban.h>

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

const char *p2p_ban_state_word(enum p2p_ban_state state)
{
    switch (state) {
    case P2P_BAN_IN_FORCE:
        return "in-force";
    case P2P_BAN_FUTURE:
        return "future";
    case P2P_BAN_EXPIRED:
        return "expired";
    case P2P_BAN_SUSPENDED:
        return "suspended";
    case P2P_BAN_LIFTED:
        return "lifted";
    case P2P_BAN_NO_EFFECT:
        return "no-effect";
    }
    return "?";
}

enum p2p_err p2p_ban_read_content(struct p2p_ban *ban, struct p2p_slice payload)
{
    enum { EFFECTS, FROM, GROUND, REASON, REFERENCE, SCOPE, SUBJECTS, UNTIL, COUNT };
    static const char *const keys[COUNT] = {"effects",   "from",  "ground",   "reason",
                                            "reference", "scope", "subjects", "until"};
    struct p2p_slice values[COUNT];
    struct p2p_ban out = *ban;
    if (!p2p_unpack_fields(payload, keys, values, COUNT) ||
        !p2p_ground_named(p2p_raw_str(values[GROUND]), &out.ground) ||
        values[EFFECTS].len == 0 || values[SCOPE].len == 0 || values[SUBJECTS].len == 0 ||
        values[REFERENCE].len == 0) {
        return P2P_MALFORMED;
    }
    out.effects = values[EFFECTS];
    out.scope = values[SCOPE];
    out.subjects = values[SUBJECTS];
    out.reference = p2p_raw_str(values[REFERENCE]);
    out.reason = p2p_raw_str(values[REASON]);
    out.from_ms = p2p_raw_uint(values[FROM]);
    out.until_ms = p2p_raw_uint(values[UNTIL]);
    *ban = out;
    return P2P_OK;
}

enum p2p_err p2p_ban_decode(struct p2p_ban *out, const struct p2p_record_id *id,
                            uint32_t circle, struct p2p_slice value)
{
    enum { CONTENT, ISSUER, LIFTED, SUSPENDED, WHY, COUNT };
    static const char *const keys[COUNT] = {"content", "issuer", "lifted", "suspended", "why"};
    struct p2p_slice values[COUNT];
    struct p2p_ban ban = {.id = *id, .circle = circle};
    struct p2p_unpack in;
    if (p2p_wire_check(value) != P2P_OK || !p2p_unpack_fields(value, keys, values, COUNT) ||
        values[ISSUER].len == 0) {
        return P2P_CORRUPT;
    }
    p2p_unpack_init(&in, values[ISSUER]);
    ban.issuer = p2p_unpack_u32(&in);
    ban.lifted = values[LIFTED];
    ban.suspended = values[SUSPENDED];
    if (values[WHY].len > 0 && !p2p_why_named(p2p_raw_str(values[WHY]), &ban.why)) {
        ban.why = P2P_WHY_BAD_PAYLOAD;
    }
    if (values[CONTENT].len > 0) {
        if (p2p_ban_read_content(&ban, values[CONTENT]) != P2P_OK) {
            return P2P_CORRUPT;
        }
    } else if (ban.why == P2P_WHY_NONE) {
        return P2P_CORRUPT; /* only a ban without effect may have a payload nobody can read */
    }
    *out = ban;
    return P2P_OK;
}

enum p2p_err p2p_ban_get(const struct p2p_kv *kv, uint32_t circle,
                         const struct p2p_record_id *id, struct p2p_ban *out)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_view_get(kv, P2P_VIEW_BANS, circle, p2p_id_key(key, id), &value);
    return err == P2P_OK ? p2p_ban_decode(out, id, circle, value) : err;
}

enum p2p_ban_state p2p_ban_state_at(const struct p2p_ban *ban, uint64_t now_ms)
{
    if (ban->why != P2P_WHY_NONE) {
        return P2P_BAN_NO_EFFECT;
    }
    if (ban->lifted.len > 0) {
        return P2P_BAN_LIFTED;
    }
    if (ban->until_ms != 0 && now_ms >= ban->until_ms) {
        return P2P_BAN_EXPIRED;
    }
    if (ban->suspended.len > 0) {
        return P2P_BAN_SUSPENDED;
    }
    return now_ms < ban->from_ms ? P2P_BAN_FUTURE : P2P_BAN_IN_FORCE;
}

/* Whether an encoded array of strings holds one of two words. */
static bool holds(struct p2p_slice texts, struct p2p_slice word, const char *or_word)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, texts);
    uint32_t count = texts.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && !p2p_unpack_failed(&in); i++) {
        struct p2p_slice text = p2p_unpack_str(&in);
        if (p2p_slice_equal(text, word) ||
            (or_word != NULL && p2p_slice_equal(text, p2p_slice_text(or_word)))) {
            return true;
        }
    }
    return false;
}

bool p2p_ban_has_effect(const struct p2p_ban *ban, struct p2p_slice purpose)
{
    bool work = p2p_slice_equal(purpose, p2p_slice_text("work"));
    return holds(ban->effects, purpose, work ? "enter" : NULL);
}

bool p2p_ban_covers(const struct p2p_ban *ban, struct p2p_slice locode)
{
    return holds(ban->scope, locode, "*");
}

/* ---- walks ---- */

/* Sets from to the first id a walk may find: after the last one, or the very first. */
static void walk_from(struct p2p_record_id *from, const struct p2p_record_id *after, bool begin)
{
    *from = (struct p2p_record_id){0, 0};
    if (!begin) {
        *from = *after;
        from->index++;
    }
}

enum p2p_err p2p_ban_next(const struct p2p_kv *kv, uint32_t circle,
                          const struct p2p_record_id *after, bool begin, struct p2p_ban *out)
{
    struct p2p_slice value;
    struct p2p_record_id id;
    enum p2p_err err = p2p_view_next(kv, P2P_VIEW_BANS, circle, after, begin, &id, &value);
    return err == P2P_OK ? p2p_ban_decode(out, &id, circle, value) : err;
}

enum p2p_err p2p_ban_next_on(const struct p2p_kv *kv, uint32_t circle,
                             const struct p2p_subject_key *subject,
                             const struct p2p_record_id *after, bool begin,
                             struct p2p_record_id *out)
{
    uint8_t row[1 + 4 + P2P_SUBJECT_KEY_BYTES_MAX + P2P_ID_KEY_BYTES];
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_writer writer;
    struct p2p_record_id from;
    struct p2p_slice found;
    struct p2p_slice value;
    walk_from(&from, after, begin);
    p2p_id_key(key, &from);
    p2p_writer_init(&writer, row, sizeof(row));
    p2p_writer_u8(&writer, P2P_INDEX_SUBJECT);
    p2p_writer_u32(&writer, circle);
    p2p_writer_bytes(&writer, subject->bytes, subject->len);
    size_t prefix = p2p_writer_slice(&writer).len;
    p2p_writer_bytes(&writer, key, sizeof(key));
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_writer_slice(&writer), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != prefix + P2P_ID_KEY_BYTES || memcmp(found.data, row, prefix) != 0) {
        return P2P_NOTFOUND;
    }
    return p2p_id_from_key(p2p_slice_of(found.data + prefix, P2P_ID_KEY_BYTES), out)
               ? P2P_OK
               : P2P_CORRUPT;
}

/* ---- drafting ---- */

static int compare_texts(const void *left, const void *right)
{
    const char *const *a = left;
    const char *const *b = right;
    return strcmp(*a, *b);
}

/* Ascending and without repeats, as the schema wants sets. */
static void pack_texts(struct p2p_pack *pack, const char *const *texts, size_t count)
{
    const char *sorted[P2P_BAN_SCOPES_MAX];
    uint32_t kept = 0;
    p2p_assert(count <= P2P_BAN_SCOPES_MAX);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = texts[i];
    }
    qsort(sorted, count, sizeof(sorted[0]), compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(sorted[i], sorted[kept - 1]) != 0) {
            sorted[kept++] = sorted[i];
        }
    }
    p2p_pack_array(pack, kept);
    for (uint32_t i = 0; i < kept; i++) {
        p2p_pack_text(pack, sorted[i]);
    }
}

enum p2p_err p2p_ban_pack(struct p2p_pack *pack, const struct p2p_ban_draft *draft,
                          const struct p2p_circle_key *key, uint32_t epoch)
{
    static const char *const everywhere[] = {"*"};
    bool packed = draft->subject_count == 0 && draft->packed_subjects.len > 0;
    if ((draft->subject_count == 0 && !packed) || draft->subject_count > P2P_SUBJECTS_MAX ||
        (packed && draft->effect_count == 0) || draft->effect_count > P2P_BAN_EFFECTS_MAX ||
        draft->scope_count > P2P_BAN_SCOPES_MAX) {
        return P2P_TOOLARGE;
    }
    const char *usual[] = {packed ? NULL : draft->subjects[0].type->effect};
    p2p_pack_map(pack,
                 5u + (draft->from_ms != 0) + (draft->reason != NULL) + (draft->until_ms != 0));
    p2p_pack_text(pack, "effects");
    if (draft->effect_count > 0) {
        pack_texts(pack, draft->effects, draft->effect_count);
    } else {
        pack_texts(pack, usual, 1);
    }
    if (draft->from_ms != 0) {
        p2p_pack_text(pack, "from");
        p2p_pack_uint(pack, draft->from_ms);
    }
    p2p_pack_text(pack, "ground");
    p2p_pack_text(pack, p2p_ground_word(draft->ground));
    if (draft->reason != NULL) {
        p2p_pack_text(pack, "reason");
        p2p_pack_text(pack, draft->reason);
    }
    p2p_pack_text(pack, "reference");
    p2p_pack_text(pack, draft->reference);
    p2p_pack_text(pack, "scope");
    if (draft->scope_count > 0) {
        pack_texts(pack, draft->scope, draft->scope_count);
    } else {
        pack_texts(pack, everywhere, 1);
    }
    p2p_pack_text(pack, "subjects");
    if (packed) {
        p2p_pack_raw(pack, draft->packed_subjects);
    } else {
        p2p_pack_array(pack, (uint32_t)draft->subject_count);
    }
    for (size_t i = 0; i < draft->subject_count; i++) {
        p2p_subject_pack(pack, &draft->subjects[i], key, epoch);
    }
    if (draft->until_ms != 0) {
        p2p_pack_text(pack, "until");
        p2p_pack_uint(pack, draft->until_ms);
    }
    return p2p_pack_failed(pack) ? P2P_TOOLARGE : P2P_OK;
}
