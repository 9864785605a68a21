/* Records of any kind there is, drawn from its row in the table of kinds: what a field holds
 * follows from its type and bound, so a kind that is new needs nothing here. */
#include "workload_task.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_USUAL     120u
#define TEXT_LONG      4000u /* where a field has no bound of its own */
#define LONG_PERMILLE  30u
#define GIVEN_PERMILLE 600u /* of fields that need not stand */
#define WORDS_MAX      8u
#define SUBJECTS_MAX   3u
#define ANY_DEPTH_MAX  3u
#define SPAN_MS        UINT64_C(172800000)
#define PAYLOAD_CAP    (P2P_RECORD_BYTES_MAX + 4096u)

/* ---- fields ---- */

static size_t draw_length(struct sim_chance *chance, uint32_t max)
{
    size_t bound = max == 0 ? TEXT_LONG : max;
    if (sim_chance_permille(chance, LONG_PERMILLE)) {
        return bound;
    }
    return sim_chance_below(chance, (bound < TEXT_USUAL ? bound : TEXT_USUAL) + 1);
}

static void draw_text(struct p2p_pack *pack, struct sim_chance *chance, size_t len)
{
    static const char *const pieces[] = {
        "a", "e", "n", "r", " ", "k", "\xc3\xa9", "7", "-", "Z", "\n", "\"", "\xe2\x82\xac",
        "."};
    char *text = malloc(len + 1);
    size_t at = 0;
    p2p_assert(text != NULL);
    while (at < len) {
        const char *piece = pieces[sim_chance_below(chance, sizeof(pieces) / sizeof(*pieces))];
        size_t bytes = strlen(piece) <= len - at ? strlen(piece) : 1;
        memcpy(text + at, bytes == strlen(piece) ? piece : "x", bytes);
        at += bytes;
    }
    p2p_pack_str(pack, p2p_slice_of(text, len));
    free(text);
}

static void draw_bytes(struct p2p_pack *pack, struct sim_chance *chance, size_t len)
{
    uint8_t *bytes = malloc(len + 1);
    p2p_assert(bytes != NULL);
    sim_chance_fill(chance, bytes, len);
    p2p_pack_bin(pack, bytes, len);
    free(bytes);
}

/* Any size of number is as likely as any other. */
static uint64_t draw_number(struct sim_chance *chance, uint32_t max)
{
    uint64_t number = sim_chance_next(chance) >> sim_chance_below(chance, 64);
    return max == 0 ? number : number % ((uint64_t)max + 1);
}

static void draw_words(struct p2p_pack *pack, struct sim_chance *chance, uint32_t max)
{
    uint32_t bound = max == 0 || max > WORDS_MAX ? WORDS_MAX : max;
    uint32_t count = (uint32_t)sim_chance_between(chance, 1, bound);
    p2p_pack_array(pack, count);
    for (uint32_t i = 0; i < count; i++) { /* the first letter makes them ascend */
        char word[16];
        snprintf(word, sizeof(word), "%c%u", (char)('a' + i),
                 (unsigned)sim_chance_below(chance, 1000));
        p2p_pack_text(pack, word);
    }
}

static void draw_subjects(struct p2p_pack *pack, const struct sim_workload *workload,
                          struct sim_chance *chance, uint32_t max,
                          const struct p2p_circle_secret *key)
{
    uint32_t bound = max == 0 || max > SUBJECTS_MAX ? SUBJECTS_MAX : max;
    uint32_t count = (uint32_t)sim_chance_between(chance, 1, bound);
    p2p_pack_array(pack, count);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_subject subject;
        sim_subject_draw(workload, chance, &subject);
        p2p_subject_pack(pack, &subject, &key->key, key->epoch);
    }
}

static void draw_any(struct p2p_pack *pack, struct sim_chance *chance, unsigned depth)
{
    switch (sim_chance_below(chance, depth < ANY_DEPTH_MAX ? 6 : 4)) {
    case 0:
        p2p_pack_uint(pack, draw_number(chance, 0));
        break;
    case 1:
        draw_text(pack, chance, sim_chance_below(chance, 20));
        break;
    case 2:
        draw_bytes(pack, chance, sim_chance_below(chance, 40));
        break;
    case 3:
        p2p_pack_nil(pack);
        break;
    default: {
        uint32_t count = (uint32_t)sim_chance_below(chance, 4);
        p2p_pack_array(pack, count);
        for (uint32_t i = 0; i < count; i++) {
            draw_any(pack, chance, depth + 1);
        }
        break;
    }
    }
}

struct drawing {
    struct p2p_pack *pack;
    const struct sim_workload *workload;
    struct sim_chance *chance;
    uint64_t now_ms;
    const struct p2p_circle_secret *key;
};

static void draw_field(const struct drawing *drawing, const struct p2p_field *field)
{
    struct p2p_pack *pack = drawing->pack;
    struct sim_chance *chance = drawing->chance;
    switch (field->type) {
    case P2P_FIELD_UINT:
        p2p_pack_uint(pack, draw_number(chance, field->max));
        break;
    case P2P_FIELD_TIME:
        p2p_pack_uint(pack, drawing->now_ms - SPAN_MS + sim_chance_below(chance, 2 * SPAN_MS));
        break;
    case P2P_FIELD_TEXT:
        draw_text(pack, chance, draw_length(chance, field->max));
        break;
    case P2P_FIELD_BYTES:
        draw_bytes(pack, chance, draw_length(chance, field->max));
        break;
    case P2P_FIELD_TEXTS:
        draw_words(pack, chance, field->max);
        break;
    case P2P_FIELD_SUBJECTS:
        draw_subjects(pack, drawing->workload, chance, field->max, drawing->key);
        break;
    case P2P_FIELD_ANY:
        draw_any(pack, chance, 0);
        break;
    }
}

/* ---- contents ---- */

/* A value that is not of the field's type: no field holds a truth value. */
static void draw_nonsense(struct p2p_pack *pack)
{
    p2p_pack_bool(pack, true);
}

static bool has_any(const struct p2p_kind *kind)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].type == P2P_FIELD_ANY) {
            return true;
        }
    }
    return false;
}

void sim_kind_fill(struct p2p_pack *pack, const struct p2p_kind *kind,
                   const struct sim_workload *workload, struct sim_chance *chance,
                   uint64_t now_ms, const struct p2p_circle_secret *key, bool wrong)
{
    const struct drawing drawing = {pack, workload, chance, now_ms, key};
    uint64_t given = 0;
    uint32_t count = 0;
    p2p_assert(kind->field_count > 0 && kind->field_count <= 64);
    for (size_t i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].required || sim_chance_permille(chance, GIVEN_PERMILLE)) {
            given |= UINT64_C(1) << i;
            count++;
        }
    }
    /* What a reader of its own must refuse is wrong enough. */
    size_t broken = wrong && !has_any(kind) ? sim_chance_below(chance, kind->field_count)
                                            : kind->field_count;
    if (broken < kind->field_count && (given & (UINT64_C(1) << broken)) == 0) {
        given |= UINT64_C(1) << broken;
        count++;
    }
    p2p_pack_map(pack, count);
    for (size_t i = 0; i < kind->field_count; i++) {
        if ((given & (UINT64_C(1) << i)) == 0) {
            continue;
        }
        p2p_pack_text(pack, kind->fields[i].name);
        if (i == broken) {
            draw_nonsense(pack);
        } else {
            draw_field(&drawing, &kind->fields[i]);
        }
    }
}

/* ---- records ---- */

static bool may_cite(const struct p2p_kind *kind, uint32_t cited)
{
    for (size_t i = 0; i < sizeof(kind->cites) / sizeof(kind->cites[0]); i++) {
        if (cited != 0 && kind->cites[i] == cited) {
            return true;
        }
    }
    return false;
}

/* A record that was appended lately, is held here, and may be cited; false when there is none.
 */
static bool draw_cite(struct sim_task *task, const struct p2p_node *node, uint32_t circle,
                      struct p2p_record_id *out)
{
    const struct sim_workload *workload = task->workload;
    uint64_t first = sim_chance_below(&task->chance, SIM_RECENT_MAX);
    for (uint64_t step = 0; step < SIM_RECENT_MAX; step++) {
        const struct sim_recent *recent = &workload->recent[(first + step) % SIM_RECENT_MAX];
        const struct p2p_feed *feed =
            p2p_ledger_feed(p2p_engine_ledger(node->engine), recent->id.feed);
        if (may_cite(task->order.kind, recent->kind) && recent->circle == circle &&
            feed != NULL && recent->id.index < feed->edge.size) {
            *out = recent->id;
            return true;
        }
    }
    return false;
}

/* Bytes that are no canonical value, or far more of them than fit. */
static struct p2p_slice spoil(struct sim_task *task, struct p2p_slice content)
{
    if (task->order.wrong == SIM_WRONG_TOO_LARGE) {
        const uint8_t *zeros = sim_task_take(task, P2P_RECORD_BYTES_MAX);
        struct p2p_pack pack;
        p2p_pack_init(&pack, sim_task_take(task, PAYLOAD_CAP), PAYLOAD_CAP);
        p2p_pack_bin(&pack, zeros, P2P_RECORD_BYTES_MAX);
        p2p_assert(!p2p_pack_failed(&pack));
        return p2p_pack_slice(&pack);
    }
    uint8_t *longer = sim_task_take(task, content.len + 1);
    memcpy(longer, content.data, content.len);
    longer[content.len] = 0xc0; /* something trailing */
    return p2p_slice_of(longer, content.len + 1);
}

static void start(struct sim_task *task, struct p2p_node *node)
{
    const struct p2p_kind *kind = task->order.kind;
    bool private = kind->body == P2P_BODY_COMMITMENT;
    struct p2p_append record = {.kind = kind->number,
                                .circle = private ? sim_task_circle(task, node) : 0};
    struct p2p_circle_secret key = {0};
    struct p2p_record_id cite;
    struct p2p_pack pack;
    if ((kind->authors & P2P_BY_NODE) == 0) {
        const struct sim_officer *officer = sim_task_officer(task, node, &record.issuer);
        if (officer == NULL) {
            sim_task_refuse(task);
            return;
        }
        record.key = &officer->key;
    }
    if (private && (record.circle == 0 ||
                    p2p_engine_circle_key(node->engine, record.circle, &key) != P2P_OK)) {
        sim_task_refuse(task);
        return;
    }
    p2p_pack_init(&pack, sim_task_take(task, PAYLOAD_CAP), PAYLOAD_CAP);
    sim_kind_fill(&pack, kind, task->workload, &task->chance, node->now.wall_ms, &key,
                  task->order.wrong == SIM_WRONG_CONTENT);
    struct p2p_slice content = p2p_pack_slice(&pack);
    if (task->order.wrong == SIM_WRONG_TOO_LARGE ||
        task->order.wrong == SIM_WRONG_NOT_CANONICAL) {
        content = spoil(task, content);
    }
    if (draw_cite(task, node, record.circle, &cite)) {
        struct p2p_slice kept = sim_task_copy(task, p2p_slice_of(&cite, sizeof(cite)));
        record.cites = (const struct p2p_record_id *)(const void *)kept.data;
        record.cite_count = 1;
    }
    if (private) {
        record.payload = content;
    } else {
        record.content = content;
    }
    sim_task_append(task, node, &record);
}

const struct sim_errand sim_errand_kind = {start, NULL, NULL, NULL};
