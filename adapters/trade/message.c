#include "message.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX  24u
#define FIELD_BYTES_MAX 24u
#define ORIGINAL        "9" /* 1225; what a message without a function is */

const struct p2p_trade_map *const p2p_trade_maps[] = {
    &p2p_trade_coreor, &p2p_trade_coarri, &p2p_trade_codeco, &p2p_trade_copino, NULL,
};

const struct p2p_trade_map *p2p_trade_map_find(const struct p2p_edi_message *message,
                                               struct p2p_edi_fault *fault)
{
    const struct p2p_trade_map *found = NULL;
    for (size_t i = 0; p2p_trade_maps[i] != NULL; i++) {
        if (strcmp(p2p_trade_maps[i]->type, message->type) == 0) {
            found = p2p_trade_maps[i];
        }
    }
    uint16_t component = 0;
    if (found == NULL) {
        component = 1;
    } else if (strcmp(message->version, "D") != 0) {
        component = 2;
    } else if (strcmp(message->release, "95B") != 0 && strcmp(message->release, "00B") != 0) {
        component = 3;
    } else if (strcmp(message->agency, "UN") != 0) {
        component = 4;
    }
    if (component == 0) {
        return found;
    }
    *fault = (struct p2p_edi_fault){.code = P2P_EDI_VALUE_HERE,
                                    .tag = "UNH",
                                    .segment = 1,
                                    .element = 2,
                                    .component = component,
                                    .at = message->begin};
    return NULL;
}

void p2p_trade_reading_deinit(struct p2p_trade_reading *reading)
{
    json_decref(reading->tasks);
    json_decref(reading->refusals);
    *reading = (struct p2p_trade_reading){0};
}

struct walk {
    const struct p2p_trade_map *map;
    const struct p2p_agreement *agreement;
    struct p2p_edi_message *message;
    struct p2p_trade_reading *out;
    char path[PATH_BYTES_MAX];             /* of the last segment */
    uint32_t counts[P2P_TRADE_PLACES_MAX]; /* below the segment that they belong to */
    json_t *head[P2P_TRADE_SOURCES_MAX];   /* values, by source */
    json_t *here[P2P_TRADE_SOURCES_MAX];   /* of the present container */
    char document[4];                      /* BGM 1001 */
    char function[4];                      /* BGM 1225 */
    bool in_container;
    bool skipped;
    uint32_t container_segment;
    uint32_t equipment;
    bool has_total;
    uint64_t total; /* CNT+16 */
    bool failed;    /* no memory */
    struct p2p_edi_segment segment;
};

/* ---- places ---- */

static size_t find_place(const struct p2p_trade_map *map, const char *path)
{
    size_t i = 0;
    while (map->places[i].path != NULL && strcmp(map->places[i].path, path) != 0) {
        i++;
    }
    return i;
}

static bool is_below(const char *path, const char *above)
{
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && path[len] == '/';
}

/* Moves to the place of the present segment, the deepest that may have it. P2P_EDI_NOT_HERE:
 * the map has none, and the path stays; P2P_EDI_REPEATED. */
static enum p2p_edi_code move(struct walk *walk)
{
    char base[PATH_BYTES_MAX];
    snprintf(base, sizeof base, "%s", walk->path);
    for (;;) {
        char path[2 * PATH_BYTES_MAX];
        snprintf(path, sizeof path, "%s%s%s", base, base[0] != '\0' ? "/" : "",
                 walk->segment.tag);
        size_t i = find_place(walk->map, path);
        if (walk->map->places[i].path != NULL) {
            p2p_assert(i < P2P_TRADE_PLACES_MAX && strlen(path) < PATH_BYTES_MAX);
            snprintf(walk->path, sizeof walk->path, "%s", walk->map->places[i].path);
            walk->counts[i]++;
            for (size_t j = 0; walk->map->places[j].path != NULL; j++) {
                if (is_below(walk->map->places[j].path, path)) {
                    walk->counts[j] = 0;
                }
            }
            return walk->counts[i] > walk->map->places[i].max ? P2P_EDI_REPEATED : P2P_EDI_GOOD;
        }
        if (base[0] == '\0') {
            return P2P_EDI_NOT_HERE;
        }
        char *cut = strrchr(base, '/');
        *(cut != NULL ? cut : base) = '\0';
    }
}

static void fault(struct walk *walk, enum p2p_edi_code code, const char *tag, uint32_t segment)
{
    struct p2p_edi_fault found = {.code = code, .segment = segment, .at = walk->segment.at};
    snprintf(found.tag, sizeof found.tag, "%s", tag);
    p2p_edi_fault_add(walk->message, found);
}

static void check_required(struct walk *walk)
{
    for (size_t i = 0; walk->map->places[i].path != NULL; i++) {
        const struct p2p_trade_place *place = &walk->map->places[i];
        if (place->required && walk->counts[i] == 0) {
            p2p_assert(strchr(place->path, '/') == NULL);
            fault(walk, P2P_EDI_MISSING, place->path, walk->message->segments);
        }
    }
}

/* ---- values ---- */

static bool is_of_container(const char *path)
{
    return strcmp(path, "EQD") == 0 || is_below(path, "EQD");
}

static void clear(json_t **values)
{
    for (size_t i = 0; i < P2P_TRADE_SOURCES_MAX; i++) {
        json_decref(values[i]);
        values[i] = NULL;
    }
}

/* Of two segments that say the same the first counts. */
static void collect(struct walk *walk)
{
    json_t **values = is_of_container(walk->path) ? walk->here : walk->head;
    struct p2p_slice qualifier = p2p_edi_text(&walk->segment, 1, 1);
    for (size_t i = 0; walk->map->sources[i].field != NULL; i++) {
        const struct p2p_trade_source *source = &walk->map->sources[i];
        p2p_assert(i < P2P_TRADE_SOURCES_MAX);
        if (values[i] == NULL && strcmp(source->path, walk->path) == 0 &&
            (source->qualifier == NULL ||
             p2p_slice_equal(qualifier, p2p_slice_text(source->qualifier)))) {
            values[i] = p2p_trade_value(source->sort, &walk->segment, source->element,
                                        source->component, walk->agreement);
        }
    }
}

/* The value of a field, borrowed, or NULL. */
static json_t *value_of(const struct walk *walk, const char *field)
{
    for (size_t i = 0; walk->map->sources[i].field != NULL; i++) {
        const struct p2p_trade_source *source = &walk->map->sources[i];
        json_t *value = is_of_container(source->path) ? walk->here[i] : walk->head[i];
        if (strcmp(source->field, field) == 0 && value != NULL) {
            return value;
        }
    }
    return NULL;
}

/* ---- requests ---- */

/* "a|b|c" has the word, or is "*". */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    if (strcmp(list, "*") == 0) {
        return true;
    }
    for (const char *at = list; len > 0 && at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, word, len) == 0 && (at[len] == '|' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static void refuse(struct walk *walk, const char *code, json_t *text, const char *container)
{
    walk->out->refusal_count++;
    if (json_array_size(walk->out->refusals) >= P2P_TRADE_REFUSALS_MAX) {
        json_decref(text);
        return;
    }
    json_t *refusal = json_pack("{s:s, s:o, s:s, s:I}", "code", code, "text", text, "container",
                                container != NULL ? container : "", "segment",
                                (json_int_t)(container != NULL ? walk->container_segment : 0));
    walk->failed |= json_array_append_new(walk->out->refusals, refusal) != 0;
}

/* Fills an object from "field field? key=constant". NULL: a field that it needs is missing or
 * cannot be said, which is refused. */
static json_t *fill(struct walk *walk, const char *spec, const char *container)
{
    json_t *object = json_object();
    const char *at = spec;
    while (object != NULL && *at != '\0') {
        char word[2 * FIELD_BYTES_MAX];
        size_t len = strcspn(at, " ");
        p2p_assert(len < sizeof word);
        memcpy(word, at, len);
        word[len] = '\0';
        at += len + strspn(at + len, " ");
        char *constant = strchr(word, '=');
        if (constant != NULL) {
            *constant++ = '\0';
            walk->failed |= json_object_set_new(object, word, json_string(constant)) != 0;
            continue;
        }
        bool may_lack = word[len - 1] == '?';
        word[len - (may_lack ? 1 : 0)] = '\0';
        json_t *value = value_of(walk, word);
        if (p2p_trade_value_bad(value)) {
            refuse(walk, json_string_value(json_object_get(value, "code")),
                   json_incref(json_object_get(value, "text")), container);
        } else if (value == NULL && !may_lack) {
            char code[FIELD_BYTES_MAX + 8];
            snprintf(code, sizeof code, "missing-%s", word);
            refuse(walk, code, json_sprintf("the message does not name its %s", word),
                   container);
        } else {
            walk->failed |= value != NULL && json_object_set(object, word, value) != 0;
            continue;
        }
        json_decref(object);
        return NULL;
    }
    walk->failed |= object == NULL;
    return object;
}

/* One step; NULL when it was refused. */
static json_t *make_step(struct walk *walk, const struct p2p_trade_action *action,
                         const char *container)
{
    json_t *step = json_pack("{s:s}", "verb", action->verb);
    json_t *body = fill(walk, action->body, container);
    json_t *where =
        body != NULL && action->where != NULL ? fill(walk, action->where, container) : NULL;
    if (step == NULL || body == NULL || (action->where != NULL && where == NULL)) {
        json_decref(step);
        json_decref(body);
        return NULL;
    }
    int failed = json_object_set_new(step, "body", body);
    if (where != NULL) {
        failed |= json_object_set_new(step, "where", where);
    }
    if (action->states != NULL) {
        failed |= json_object_set_new(step, "states", json_string(action->states));
    }
    if (action->issued) {
        failed |= json_object_set_new(step, "issued", json_true());
    }
    if (action->waits) {
        failed |= json_object_set_new(step, "waits", json_true());
    }
    if (action->optional) {
        failed |= json_object_set_new(step, "optional", json_true());
    }
    walk->failed |= failed != 0;
    return step;
}

static bool action_applies(const struct walk *walk, const struct p2p_trade_action *action)
{
    return has_word(action->documents, walk->document) &&
           has_word(action->functions, walk->function);
}

/* What is asked for the container that ends here. */
static void end_container(struct walk *walk)
{
    if (!walk->in_container) {
        return;
    }
    walk->in_container = false;
    walk->out->containers++;
    const json_t *number = value_of(walk, "container");
    char container[P2P_TRADE_TEXT_BYTES_MAX + 1];
    snprintf(container, sizeof container, "%s",
             json_is_string(number) ? json_string_value(number) : "");
    json_t *steps = json_array();
    for (const struct p2p_trade_action *action = walk->map->actions;
         action->documents != NULL && !walk->skipped; action++) {
        if (action->verb == NULL || !action_applies(walk, action)) {
            continue;
        }
        json_t *step = make_step(walk, action, container);
        if (step == NULL) { /* all of it or nothing */
            json_decref(steps);
            return;
        }
        walk->failed |= json_array_append_new(steps, step) != 0;
    }
    walk->out->skipped += walk->skipped ? 1 : 0;
    if (json_array_size(steps) == 0) {
        json_decref(steps);
        return;
    }
    json_t *task = json_pack("{s:s, s:I, s:o}", "container", container, "segment",
                             (json_int_t)walk->container_segment, "steps", steps);
    walk->failed |= json_array_append_new(walk->out->tasks, task) != 0;
}

static bool is_skipped(const struct walk *walk)
{
    struct p2p_slice sort = p2p_edi_text(&walk->segment, 1, 1);
    if (!p2p_slice_equal(sort, p2p_slice_text("CN")) &&
        !p2p_slice_equal(sort, p2p_slice_text("SW"))) {
        return true; /* a chassis or the like; SW is a swap body */
    }
    for (const struct p2p_trade_skip *skip = walk->map->skips; skip->value != NULL; skip++) {
        if (p2p_slice_equal(p2p_edi_text(&walk->segment, skip->element, 1),
                            p2p_slice_text(skip->value))) {
            return true;
        }
    }
    return false;
}

static void begin_container(struct walk *walk)
{
    end_container(walk);
    clear(walk->here);
    walk->in_container = true;
    walk->skipped = is_skipped(walk);
    walk->container_segment = walk->segment.number;
    walk->equipment++;
}

/* BGM: 1001 document, 1004 its number, 1225 function. */
static void read_bgm(struct walk *walk)
{
    const struct p2p_edi_segment *bgm = &walk->segment;
    bool good = p2p_edi_copy(walk->document, sizeof walk->document, bgm, 1, 1) &&
                p2p_edi_copy(walk->function, sizeof walk->function, bgm, 3, 1) &&
                p2p_edi_copy(walk->out->document, sizeof walk->out->document, bgm, 2, 1);
    if (!good) {
        fault(walk, P2P_EDI_INVALID_VALUE, "BGM", bgm->number);
    }
    if (walk->function[0] == '\0') {
        memcpy(walk->function, ORIGINAL, sizeof ORIGINAL);
    }
    memcpy(walk->out->name, walk->document, sizeof walk->document);
    memcpy(walk->out->function, walk->function, sizeof walk->function);
}

/* CNT: C270 is 6069 what is counted, 6066 how many; 16 is the number of units of equipment. */
static void read_cnt(struct walk *walk)
{
    if (p2p_slice_equal(p2p_edi_text(&walk->segment, 1, 1), p2p_slice_text("16"))) {
        struct p2p_slice told = p2p_edi_text(&walk->segment, 1, 2);
        while (told.len > 1 && told.data[0] == '0') {
            told = p2p_slice_of(told.data + 1, told.len - 1);
        }
        walk->has_total = true;
        if (p2p_decimal_decode(&walk->total, told) != P2P_OK) {
            walk->total = UINT64_MAX;
        }
    }
}

static void read_segment(struct walk *walk)
{
    if (p2p_edi_is(&walk->segment, "UNH") || p2p_edi_is(&walk->segment, "UNT")) {
        return;
    }
    enum p2p_edi_code code = move(walk);
    if (code != P2P_EDI_GOOD) {
        fault(walk, code, walk->segment.tag, walk->segment.number);
        return;
    }
    if (strcmp(walk->path, "EQD") == 0) {
        begin_container(walk);
    } else if (!is_of_container(walk->path)) {
        end_container(walk);
    }
    if (strcmp(walk->path, "BGM") == 0) {
        read_bgm(walk);
    } else if (strcmp(walk->path, "CNT") == 0) {
        read_cnt(walk);
    }
    collect(walk);
}

/* What makes the whole message impossible. */
static void check_whole(struct walk *walk)
{
    bool known = false;
    for (const struct p2p_trade_action *action = walk->map->actions; action->documents != NULL;
         action++) {
        known = known || action_applies(walk, action);
    }
    if (!known) {
        refuse(walk, "not-read",
               json_sprintf("a %s with document %s and function %s is not read here",
                            walk->map->type, walk->document, walk->function),
               NULL);
        walk->out->refused = true;
    } else if (walk->has_total && walk->total != walk->equipment) {
        refuse(
            walk, "wrong-total",
            json_sprintf("CNT counts another number of containers than the %u that are there",
                         (unsigned)walk->equipment),
            NULL);
        walk->out->refused = true;
    }
}

enum p2p_err p2p_trade_read(struct p2p_trade_reading *out, const struct p2p_trade_map *map,
                            const struct p2p_agreement *agreement,
                            const struct p2p_edi_interchange *interchange,
                            struct p2p_edi_message *message)
{
    struct p2p_edi_reader reader;
    struct walk *walk = calloc(1, sizeof *walk);
    *out = (struct p2p_trade_reading){.tasks = json_array(), .refusals = json_array()};
    if (walk == NULL || out->tasks == NULL || out->refusals == NULL) {
        free(walk);
        p2p_trade_reading_deinit(out);
        return P2P_NOMEM;
    }
    walk->map = map;
    walk->agreement = agreement;
    walk->message = message;
    walk->out = out;
    p2p_edi_open(&reader, interchange, message);
    while (p2p_edi_next(&reader, &walk->segment)) {
        read_segment(walk);
    }
    end_container(walk);
    check_required(walk);
    if (message->fault_count == 0) {
        check_whole(walk);
    }
    if (message->fault_count > 0 || out->refused) {
        json_array_clear(out->tasks);
    }
    if (message->fault_count > 0) { /* CONTRL tells what is wrong with it; that is enough */
        json_array_clear(out->refusals);
        out->refusal_count = 0;
    }
    clear(walk->head);
    clear(walk->here);
    bool failed = walk->failed;
    free(walk);
    if (failed) {
        p2p_trade_reading_deinit(out);
        return P2P_NOMEM;
    }
    return P2P_OK;
}
