/* A lift, and a person's ban whose card stands in no store. */
#include "story.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#define CARD_NUMBER "7305518264"
#define CARD        "card:alfapass:" CARD_NUMBER

/* ---- a lift ---- */

static bool all_gates(struct p2p_demo *demo, const char *subject, const char *purpose,
                      const char *answer, const char *record)
{
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_PORTS; m++) {
        if (!p2p_demo_gate_is(demo, m, subject, purpose, answer, record, NULL)) {
            return false;
        }
    }
    return true;
}

bool p2p_demo_step_lift(struct p2p_demo *demo)
{
    int64_t ms[P2P_DEMO_MEMBERS] = {0};
    char times[256];
    struct p2p_demo_said said = {0};
    bool done = all_gates(demo, P2P_DEMO_ONE_MORE, "call", "refuse", demo->one_more) &&
                p2p_demo_spread(demo, P2P_DEMO_ANTWERP,
                                P2P_DEMO_WORDS("ban", "lift", demo->one_more, "--reason",
                                               "the papers were found to be genuine", "--as",
                                               "beanr-pso"),
                                ms, &said) &&
                all_gates(demo, P2P_DEMO_ONE_MORE, "call", "allow", NULL);
    if (done) {
        int64_t took_ms = ms[P2P_DEMO_ANTWERP];
        ms[P2P_DEMO_ANTWERP] = -1;
        ms[P2P_DEMO_COMMISSION] = -1; /* it has no gate */
        p2p_demo_holds(
            demo,
            "IMO %s was refused at all six ports. Antwerp lifts its ban in %lld ms (%s), "
            "and all six allow it; known, after ms: %s.",
            p2p_demo_value(P2P_DEMO_ONE_MORE), (long long)took_ms,
            p2p_demo_text(p2p_demo_said_first(&said), "id"),
            p2p_demo_spread_text(ms, times, sizeof times));
    }
    p2p_demo_said_deinit(&said);
    return done;
}

/* ---- what the files hold ---- */

/* nftw has no context to hand on. */
static struct {
    const char *needle;
    size_t files;
    size_t found;
    char last[PATH_MAX]; /* a file that holds it */
} search;

static int search_file(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)walk;
    if (type != FTW_F) {
        return 0;
    }
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0; /* a socket */
    }
    static char part[1 << 16];
    size_t keep = strlen(search.needle) - 1, held = 0, n = 0;
    bool found = false;
    search.files++;
    while ((n = fread(part + held, 1, sizeof part - held, file)) > 0) {
        held += n;
        found = found || memmem(part, held, search.needle, keep + 1) != NULL;
        size_t rest = held < keep ? held : keep;
        memmove(part, part + held - rest, rest);
        held = rest;
    }
    fclose(file);
    if (found) {
        search.found++;
        snprintf(search.last, sizeof search.last, "%s", path);
    }
    return 0;
}

/* How many of the federation's files hold the text, of how many. */
static size_t files_with(const struct p2p_demo *demo, const char *text, size_t *files)
{
    search.needle = text;
    search.files = search.found = 0;
    nftw(demo->fleet.federation, search_file, 16, FTW_PHYS);
    *files = search.files;
    return search.found;
}

/* ---- a person ---- */

static bool impose_on_card(struct p2p_demo *demo, char id[P2P_DEMO_ID_BYTES])
{
    int64_t ms[P2P_DEMO_MEMBERS] = {0};
    struct p2p_demo_said said = {0};
    bool done =
        p2p_demo_spread(demo, P2P_DEMO_ZEEBRUGGE,
                        P2P_DEMO_WORDS("ban", "impose", "--subject", CARD, "--ground", "court",
                                       "--reference", "Court of Bruges 2026/482", "--until",
                                       "2031-11-21", "--as", "bezee-court"),
                        ms, &said);
    snprintf(id, P2P_DEMO_ID_BYTES, "%s", p2p_demo_text(p2p_demo_said_first(&said), "id"));
    p2p_demo_said_deinit(&said);
    return done;
}

/* The subject as a store shows it. */
static bool shown_as(struct p2p_demo *demo, const char *id, char *subject, size_t cap)
{
    struct p2p_demo_said show = {0};
    bool done =
        p2p_demo_done(demo, P2P_DEMO_BRUSSELS, P2P_DEMO_WORDS("ban", "show", id), 0, &show);
    const json_t *subjects = json_object_get(p2p_demo_said_first(&show), "subjects");
    const char *text = json_string_value(json_array_get(subjects, 0));
    snprintf(subject, cap, "%s", text != NULL ? text : "nothing");
    p2p_demo_said_deinit(&show);
    if (done && strncmp(subject, "card:token:", strlen("card:token:")) != 0) {
        done = p2p_demo_false(demo, "%s is shown as %s", id, subject);
    }
    return done;
}

bool p2p_demo_step_person(struct p2p_demo *demo)
{
    char id[P2P_DEMO_ID_BYTES], subject[128];
    size_t files = 0;
    if (!impose_on_card(demo, id) || !all_gates(demo, CARD, "enter", "refuse", id) ||
        !p2p_demo_gate_is(demo, P2P_DEMO_BRUSSELS, CARD, "work", "refuse", id, NULL) ||
        !shown_as(demo, id, subject, sizeof subject)) {
        return false;
    }
    if (files_with(demo, CARD_NUMBER, &files) > 0) {
        return p2p_demo_false(demo, "%s holds the card's number in clear", search.last);
    }
    size_t ships = files_with(demo, p2p_demo_value(demo->ship), &files);
    if (ships < P2P_DEMO_MEMBERS) {
        return p2p_demo_false(
            demo,
            "the search is no evidence: it finds a ship's number in %zu files "
            "only",
            ships);
    }
    return p2p_demo_holds(demo,
                          "Alfapass %s is refused at all six (%s). The stores know it as %s; "
                          "its number is in none "
                          "of %zu files (a ship's, no secret, is in %zu).",
                          CARD_NUMBER, id, subject, files, ships);
}
