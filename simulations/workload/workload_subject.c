/* Whom and what a run is about. */
#include "workload_task.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

#define BAD_PERMILLE 50u /* of subjects: their papers have a wrong check digit */

/* What stands before the drawn digits, and how many there are; with another type's word as its
 * value where only the shape matters. */
static const struct {
    const char *type;
    const char *before;
    unsigned digits;
    uint32_t weight;
} shapes[] = {
    {"card", "alfapass:", 7, 250}, {"container", "MSCU", 7, 50}, {"doc", "BE:", 9, 100},
    {"imo", "9", 6, 200},          {"mmsi", "205", 6, 30},       {"nrn", "8", 10, 100},
    {"phone", "32", 8, 20},        {"plate", "BE:1", 6, 150},    {"vat", "BE0", 9, 100},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static bool parse(const char *text, struct p2p_subject *out)
{
    return p2p_subject_parse(out, p2p_slice_text(text)) == P2P_OK;
}

/* Counts the last two digits on until the check digit fits, or does not, as wanted. */
static void correct(char *text, bool wanted, struct p2p_subject *out)
{
    size_t len = strlen(text);
    for (unsigned last = 0; last < 100 && out->check_ok != wanted; last++) {
        text[len - 2] = (char)('0' + last / 10);
        text[len - 1] = (char)('0' + last % 10);
        bool parsed = parse(text, out);
        p2p_assert(parsed);
    }
}

void sim_subject_of(const struct sim_workload *workload, size_t rank, struct p2p_subject *out)
{
    struct sim_chance chance = sim_chance_of(workload->sim->options.seed, "subject", rank);
    char text[P2P_SUBJECT_BYTES_MAX];
    char digits[16] = "";
    uint64_t drawn = sim_chance_below(&chance, 1000);
    size_t i = 0;
    while (drawn >= shapes[i].weight) {
        drawn -= shapes[i++].weight;
        p2p_assert(i < SHAPES);
    }
    for (unsigned d = 0; d < shapes[i].digits; d++) {
        digits[d] = (char)('0' + sim_chance_below(&chance, 10));
    }
    snprintf(text, sizeof(text), "%s:%s%s", shapes[i].type, shapes[i].before, digits);
    bool parsed = parse(text, out);
    p2p_assert(parsed);
    if (out->type->check != NULL) {
        correct(text, !sim_chance_permille(&chance, BAD_PERMILLE), out);
    }
}

void sim_subject_draw(const struct sim_workload *workload, struct sim_chance *chance,
                      struct p2p_subject *out)
{
    sim_subject_of(workload, sim_zipf_draw(&workload->zipf, chance), out);
}

void sim_subject_mistype(struct p2p_subject *subject)
{
    char text[2 * P2P_SUBJECT_BYTES_MAX];
    if (subject->type->check == NULL) {
        return;
    }
    snprintf(text, sizeof(text), "%s:%s", subject->type->word, subject->value);
    correct(text, false, subject);
}
