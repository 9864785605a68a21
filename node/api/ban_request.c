/* A ban as a request becomes the payload of a record: one reader for the API, the import and
 * prepare. */
#include "call.h"

#include <stdio.h>
#include <string.h>

enum {
    PAYLOAD_CAP = 4096 + P2P_SUBJECTS_MAX * 256 + P2P_BAN_SCOPES_MAX * 64,
    SCOPE_TEXT_BYTES_MAX = P2P_BAN_SCOPES_MAX * (P2P_NAME_BYTES_MAX + 1),
};

bool p2p_ban_read_subjects(struct p2p_call *call, json_t *body, struct p2p_subject **out,
                           size_t *count)
{
    json_t *value = json_object_get(body, "subject");
    size_t n = json_is_array(value) ? json_array_size(value) : value != NULL;
    if (n == 0 || n > P2P_SUBJECTS_MAX) {
        p2p_call_error(call, 400, "bad-subject", "for example --subject imo:9179842",
                       "between 1 and %u subjects are needed", P2P_SUBJECTS_MAX);
        return false;
    }
    struct p2p_subject *subjects = p2p_call_take(call, n * sizeof(*subjects));
    for (size_t i = 0; i < n; i++) {
        const char *text =
            json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
        enum p2p_err err = text == NULL ? P2P_MALFORMED
                                        : p2p_subject_parse(&subjects[i], p2p_slice_text(text));
        if (err != P2P_OK) {
            p2p_call_error(call, 400, "bad-subject",
                           "write type:value, e.g. imo:9179842 or card:alfapass:1234567",
                           "%s is no subject", text != NULL ? text : "(not text)");
            return false;
        }
    }
    *out = subjects;
    *count = n;
    return true;
}

static bool read_time(struct p2p_call *call, json_t *body, const char *key, uint64_t *ms)
{
    const char *text = json_string_value(json_object_get(body, key));
    if (text != NULL && *text != '\0' && !p2p_time_parse(text, ms)) {
        p2p_call_error(call, 400, "bad-time", "write 2026-11-21 or 2026-11-21T22:00:00Z",
                       "%s is no time for --%s", text, key);
        return false;
    }
    return true;
}

static bool effect_valid(const char *word)
{
    return strcmp(word, "enter") == 0 || strcmp(word, "work") == 0 || strcmp(word, "call") == 0;
}

/* "*", or locodes, each a string of its own or several with commas between. */
static bool read_scope(struct p2p_call *call, struct p2p_node *node,
                       struct p2p_ban_draft *draft)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const char *const *texts;
    const char **words = p2p_call_take(call, P2P_BAN_SCOPES_MAX * sizeof(*words));
    size_t count = 0;
    int n = p2p_call_texts(call, "scope", &texts, P2P_BAN_SCOPES_MAX);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(texts[i]);
        if (len > SCOPE_TEXT_BYTES_MAX) {
            p2p_call_error(call, 400, "bad-scope",
                           "name ports by their locode, as BEANR,BEZEE, or * for all",
                           "a scope has at most %u bytes", SCOPE_TEXT_BYTES_MAX);
            return false;
        }
        char *text = p2p_call_take(call, len + 1);
        memcpy(text, texts[i], len);
        for (char *word = text; word != NULL;) {
            char *comma = strchr(word, ',');
            if (comma != NULL) {
                *comma++ = '\0';
            }
            if (count == P2P_BAN_SCOPES_MAX) {
                p2p_call_error(call, 400, "too-many", NULL,
                               "a scope names at most %u ports; * is all of them",
                               P2P_BAN_SCOPES_MAX);
                return false;
            }
            if (strcmp(word, "*") != 0 && /* a slip of the finger would hold nowhere */
                !p2p_charter_has_locode(charter, p2p_slice_text(word))) {
                p2p_call_error(call, 400, "bad-scope",
                               "name ports by their locode, as BEANR,BEZEE, or * for all",
                               "no member has the locode %.32s",
                               *word != '\0' ? word : "(empty)");
                return false;
            }
            words[count++] = word;
            word = comma;
        }
    }
    draft->scope = words;
    draft->scope_count = count;
    return n >= 0;
}

static bool read_words(struct p2p_call *call, struct p2p_node *node,
                       struct p2p_ban_draft *draft)
{
    const char *const *words;
    int n = p2p_call_texts(call, "effect", &words, P2P_BAN_EFFECTS_MAX);
    if (n < 0) {
        return false;
    }
    draft->effects = words;
    draft->effect_count = (size_t)n;
    for (int i = 0; i < n; i++) {
        if (!effect_valid(words[i])) {
            p2p_call_error(call, 400, "bad-effect", "use enter, work or call",
                           "%s is no effect of a ban", words[i]);
            return false;
        }
    }
    return read_scope(call, node, draft);
}

bool p2p_ban_read_draft(struct p2p_call *call, struct p2p_node *node, json_t *body,
                        struct p2p_ban_draft *draft, bool without_subject)
{
    struct p2p_subject *subjects = NULL;
    const char *ground = json_string_value(json_object_get(body, "ground"));
    *draft = (struct p2p_ban_draft){
        .reference = json_string_value(json_object_get(body, "reference")),
        .reason = json_string_value(json_object_get(body, "reason")),
    };
    if (ground == NULL || !p2p_ground_named(p2p_slice_text(ground), &draft->ground)) {
        p2p_call_error(call, 400, "bad-ground",
                       "use court, magistrate, administrative, local or eu-regulation",
                       "%s is no ground of a ban", ground != NULL ? ground : "(nothing)");
        return false;
    }
    if (draft->reference == NULL || strlen(draft->reference) > 500 ||
        (draft->reason != NULL && strlen(draft->reason) > 2000)) {
        p2p_call_error(
            call, 400, "bad-reference", "name the decision with --reference",
            "a reference of at most 500 bytes is needed, a reason has at most 2,000");
        return false;
    }
    if ((!without_subject &&
         !p2p_ban_read_subjects(call, body, &subjects, &draft->subject_count)) ||
        !read_words(call, node, draft) || !read_time(call, body, "from", &draft->from_ms) ||
        !read_time(call, body, "until", &draft->until_ms)) {
        return false;
    }
    draft->subjects = without_subject ? NULL : subjects;
    return true;
}

bool p2p_ban_pack_draft(struct p2p_call *call, struct p2p_node *node,
                        const struct p2p_circle *circle, const struct p2p_ban_draft *draft,
                        struct p2p_append *out)
{
    struct p2p_circle_secret secret = {0};
    struct p2p_pack pack;
    bool needs_key = false;
    if (draft->until_ms != 0 && draft->until_ms <= draft->from_ms) {
        p2p_call_error(call, 400, "bad-time", "give an --until that is after --from",
                       "the ban would end before it begins");
        return false;
    }
    for (size_t i = 0; i < draft->subject_count; i++) {
        needs_key = needs_key || !draft->subjects[i].type->clear;
    }
    if (needs_key && p2p_engine_circle_key(node->engine, circle->number, &secret) != P2P_OK) {
        p2p_call_error(call, 503, "no-circle-key",
                       "a member that holds it gives it by itself; see port2port doctor",
                       "the key of circle %s has not come to this node yet", circle->name);
        return false;
    }
    p2p_pack_init(&pack, p2p_call_take(call, PAYLOAD_CAP), PAYLOAD_CAP);
    enum p2p_err err = p2p_ban_pack(&pack, draft, &secret.key, secret.epoch);
    p2p_wipe(&secret, sizeof(secret));
    if (err != P2P_OK) {
        p2p_call_err(call, err, "the ban is too large for one record");
        return false;
    }
    out->circle = circle->number;
    out->payload = p2p_pack_slice(&pack);
    return true;
}

/* A lift, suspend or resume carries only its reason. */
static bool pack_reason(struct p2p_call *call, const char *reason, struct p2p_append *out)
{
    struct p2p_pack pack;
    if (reason == NULL || *reason == '\0' || strlen(reason) > 2000) {
        p2p_call_error(call, 400, "bad-reason", "say why with --reason",
                       "a reason of at most 2,000 bytes is needed");
        return false;
    }
    p2p_pack_init(&pack, p2p_call_take(call, PAYLOAD_CAP), PAYLOAD_CAP);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_text(&pack, reason);
    out->payload = p2p_pack_slice(&pack);
    return true;
}

/* Copies an encoded array of strings into the draft's words. */
static const char *const *unpack_words(struct p2p_call *call, struct p2p_slice texts,
                                       size_t *count)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, texts);
    uint32_t n = p2p_unpack_array(&in);
    const char **words = p2p_call_take(call, (n + 1) * sizeof(*words));
    for (uint32_t i = 0; i < n; i++) {
        struct p2p_slice text = p2p_unpack_str(&in);
        char *word = p2p_call_take(call, text.len + 1);
        memcpy(word, text.data, text.len);
        words[i] = word;
    }
    *count = n;
    return words;
}

static const char *copy_text(struct p2p_call *call, struct p2p_slice text)
{
    char *copy = p2p_call_take(call, text.len + 1);
    memcpy(copy, text.data, text.len);
    return copy;
}

static bool same_slice(struct p2p_slice a, struct p2p_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* null, no text and an empty list say nothing: what they are about is taken from the first. */
static bool says(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_string_length(value) > 0 || json_array_size(value) > 0;
}

/* Whether two bans say the same wherever the request says nothing. */
static bool agree(const json_t *body, const struct p2p_ban *a, const struct p2p_ban *b)
{
    return (says(body, "subject") || same_slice(a->subjects, b->subjects)) &&
           (says(body, "effect") || same_slice(a->effects, b->effects)) &&
           (says(body, "scope") || same_slice(a->scope, b->scope)) &&
           (says(body, "ground") || a->ground == b->ground) &&
           (says(body, "from") || a->from_ms == b->from_ms) &&
           (says(body, "until") || a->until_ms == b->until_ms);
}

/* All bans that an amend lifts, against the first: what one of them forbids beyond it would be
 * allowed from then on, and nobody asked for that. */
static bool one_terms(struct p2p_call *call, struct p2p_node *node,
                      const struct p2p_append *append, struct p2p_ban *first)
{
    for (size_t i = 1; i < append->cite_count; i++) {
        struct p2p_ban ban;
        /* The first anew each time: its value does not outlive those of so many others. */
        if (p2p_ban_get(node->kv, append->circle, &append->cites[0], first) != P2P_OK ||
            p2p_ban_get(node->kv, append->circle, &append->cites[i], &ban) != P2P_OK ||
            !agree(call->body, first, &ban)) {
            p2p_call_error(call, 400, "different-bans",
                           "amend them one by one, or say everything in which they differ",
                           "these bans differ in more than what is amended");
            return false;
        }
    }
    return true;
}

/* An amend says only what changes: the rest is taken from the first ban it names. */
static bool read_amended(struct p2p_call *call, struct p2p_node *node,
                         const struct p2p_append *append, struct p2p_ban_draft *draft)
{
    struct p2p_ban ban;
    json_t *body = call->body;
    size_t count;
    if (p2p_ban_get(node->kv, append->circle, &append->cites[0], &ban) != P2P_OK ||
        ban.subjects.len == 0) {
        p2p_call_error(call, 404, "not-found", "see port2port ban list",
                       "what is to be amended is no ban");
        return false;
    }
    if (!one_terms(call, node, append, &ban)) {
        return false;
    }
    if (json_object_get(body, "ground") == NULL) {
        json_object_set_new(body, "ground", json_string(p2p_ground_word(ban.ground)));
    }
    if (json_object_get(body, "reference") == NULL) {
        json_object_set_new(body, "reference", p2p_slice_json(ban.reference));
    }
    /* Borrowed from the store until its next write: copied before anything else happens. */
    struct p2p_ban kept = ban;
    const char *const *effects = unpack_words(call, ban.effects, &count);
    size_t effect_count = count;
    const char *const *scope = unpack_words(call, ban.scope, &count);
    const char *subjects = copy_text(call, ban.subjects);
    bool has_subject = json_object_get(body, "subject") != NULL;
    if (!p2p_ban_read_draft(call, node, body, draft, !has_subject)) {
        return false;
    }
    if (!has_subject) {
        draft->packed_subjects = p2p_slice_of(subjects, kept.subjects.len);
    }
    if (draft->effect_count == 0) {
        draft->effects = effects;
        draft->effect_count = effect_count;
    }
    if (draft->scope_count == 0) {
        draft->scope = scope;
        draft->scope_count = count;
    }
    draft->from_ms = draft->from_ms != 0 ? draft->from_ms : kept.from_ms;
    draft->until_ms = draft->until_ms != 0 ? draft->until_ms : kept.until_ms;
    return true;
}

/* Tells what is imposed as asked and is likely a mistake; packed subjects are those of the ban
 * that is amended. */
static void flag_draft(struct p2p_call *call, const struct p2p_node *node,
                       const struct p2p_ban_draft *draft)
{
    json_t *wrong = p2p_bad_identifiers_json(draft->packed_subjects);
    size_t i;
    json_t *subject;
    p2p_call_flag_subjects(call, draft->subjects, draft->subject_count);
    json_array_foreach(wrong, i, subject)
    {
        p2p_call_flag(call, "bad-identifier",
                      "%s has a wrong check digit; compare the document",
                      json_string_value(subject));
    }
    json_decref(wrong);
    if (draft->until_ms != 0 && draft->until_ms <= node->now.wall_ms) {
        p2p_call_flag(call, "expired", "its end is past already: it forbids nothing");
    }
}

bool p2p_ban_read_request(struct p2p_call *call, struct p2p_node *node, const char *what,
                          struct p2p_append *out)
{
    static const struct {
        const char *what;
        uint32_t kind;
    } forms[] = {
        {"impose", P2P_KIND_BAN_IMPOSE},   {"amend", P2P_KIND_BAN_AMEND},
        {"suspend", P2P_KIND_BAN_SUSPEND}, {"resume", P2P_KIND_BAN_RESUME},
        {"lift", P2P_KIND_BAN_LIFT},
    };
    static const char *const keys[] = {"as",    "subject", "ground", "reference", "effect",
                                       "scope", "from",    "until",  "reason",    "circle",
                                       "level", "id",      NULL};
    const struct p2p_circle *circle;
    struct p2p_ban_draft draft;
    if (!p2p_call_keys(call, keys)) {
        return false;
    }
    out->kind = 0;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        out->kind = strcmp(forms[i].what, what) == 0 ? forms[i].kind : out->kind;
    }
    switch (out->kind) {
    case P2P_KIND_BAN_IMPOSE:
        circle = p2p_call_circle(call, node);
        if (circle == NULL || !p2p_ban_read_draft(call, node, call->body, &draft, false) ||
            !p2p_ban_pack_draft(call, node, circle, &draft, out)) {
            return false;
        }
        flag_draft(call, node, &draft);
        return true;
    case P2P_KIND_BAN_AMEND:
        if (!p2p_ban_read_cites(call, node, p2p_kind_find(out->kind), out)) {
            return false;
        }
        circle = p2p_charter_circle(p2p_engine_ledger(node->engine)->charter, out->circle);
        if (circle == NULL) {
            p2p_call_error(call, 403, "unknown-circle", "see port2port charter show",
                           "what is to be amended stands in no circle");
            return false;
        }
        if (!read_amended(call, node, out, &draft) ||
            !p2p_ban_pack_draft(call, node, circle, &draft, out)) {
            return false;
        }
        flag_draft(call, node, &draft);
        return true;
    case P2P_KIND_BAN_SUSPEND:
    case P2P_KIND_BAN_RESUME:
    case P2P_KIND_BAN_LIFT:
        return p2p_ban_read_cites(call, node, p2p_kind_find(out->kind), out) &&
               pack_reason(call, p2p_call_text(call, "reason"), out);
    default:
        p2p_call_error(call, 400, "bad-request", NULL, "%s is not something one does to a ban",
                       what);
        return false;
    }
}
