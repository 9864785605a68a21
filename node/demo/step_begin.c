/* From nothing to a refusal at a gate: the federation, the list, its spread, two ships. */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#define LINES 633u
#define SHIPS 632u

/* ---- seven nodes ---- */

static void take_pids(struct p2p_demo *demo, const struct p2p_demo_said *said)
{
    size_t index = 0;
    const json_t *line = NULL;
    json_array_foreach(said->lines, index, line)
    {
        const char *word = p2p_demo_text(line, "member");
        enum p2p_demo_member m = p2p_demo_member_named(word, strlen(word));
        if (m < P2P_DEMO_MEMBERS) {
            demo->fleet.pids[m] = (pid_t)p2p_demo_number(line, "pid");
        }
    }
}

/* The sandbox, and a process for each of the seven. */
static bool start(struct p2p_demo *demo)
{
    char tcp_port[16];
    struct p2p_demo_said made = {0}, up = {0};
    snprintf(tcp_port, sizeof tcp_port, "%u", demo->fleet.tcp_port);
    bool done = p2p_demo_done(
        demo, P2P_DEMO_MEMBERS,
        P2P_DEMO_WORDS("federation", "sandbox", demo->fleet.federation, "--tcp-port", tcp_port),
        0, &made);
    if (done && !p2p_demo_fleet_connect(&demo->fleet)) {
        done = p2p_demo_false(demo, "%s has not got all seven directories",
                              demo->fleet.federation);
    }
    if (done) {
        demo->fleet.up = true; /* from here on there may be something to stop */
        done = p2p_demo_done(
            demo, P2P_DEMO_MEMBERS,
            P2P_DEMO_WORDS("federation", "up", demo->fleet.federation, "--detach"), 0, &up);
        take_pids(demo, &up);
    }
    p2p_demo_said_deinit(&made);
    p2p_demo_said_deinit(&up);
    return done;
}

/* Sessions a node has; -1 when it does not answer. */
static int sessions(const struct p2p_demo *demo, enum p2p_demo_member member)
{
    size_t index = 0;
    const json_t *peer = NULL;
    int count = 0;
    json_t *status = p2p_demo_get(demo, member, "/v1/status");
    json_array_foreach(json_object_get(status, "peers"), index, peer)
    {
        count += strcmp(p2p_demo_text(peer, "state"), "connected") == 0;
    }
    count = status != NULL ? count : -1;
    json_decref(status);
    return count;
}

bool p2p_demo_step_up(struct p2p_demo *demo)
{
    char address[64], words[256] = "";
    int ends = 0;
    if (!start(demo)) {
        return false;
    }
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        if (!p2p_demo_connected(demo, m)) {
            return false;
        }
    }
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        int count = sessions(demo, m);
        if (count != P2P_DEMO_MEMBERS - 1) {
            return p2p_demo_false(demo, "%s has a session with %d of the other %d",
                                  p2p_demo_name(m), count, P2P_DEMO_MEMBERS - 1);
        }
        ends += count;
    }
    snprintf(address, sizeof address, "127.77.0.1:%u", demo->fleet.tcp_port);
    if (!p2p_demo_http_stranger(address, words, sizeof words)) {
        return p2p_demo_false(demo,
                              "a stranger without a certificate was not turned away at %s: %s",
                              address, words);
    }
    return p2p_demo_holds(demo,
                          "127.77.0.1 to .7, port %u, %d lines; a caller without a member's "
                          "certificate is turned away.",
                          demo->fleet.tcp_port, ends / 2);
}

/* ---- the list ---- */

/* Reads the name of a ship from the list: the second field of its line. */
static void find_name(const char *list, const char *imo, char *name, size_t cap)
{
    char line[1024];
    FILE *file = fopen(list, "r");
    snprintf(name, cap, "a ship");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        size_t len = strlen(imo);
        if (strncmp(line, imo, len) == 0 && line[len] == ',' && line[len + 1] != '"') {
            char *field = line + len + 1;
            snprintf(name, cap, "%.*s", (int)strcspn(field, ",\r\n"), field);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static const char *subject(const json_t *ban)
{
    const char *text = json_string_value(json_array_get(json_object_get(ban, "subjects"), 0));
    return text != NULL ? text : "";
}

static int by_subject(const void *left, const void *right)
{
    return strcmp(subject(*(json_t *const *)left), subject(*(json_t *const *)right));
}

/* What a list of bans names; twice: the one ban of a ship that stands twice, and the other. */
struct tally {
    size_t bans;
    size_t ships;
    const json_t *twice[2];
    size_t twices;
};

static bool tally(const json_t *bans, struct tally *out)
{
    size_t count = json_array_size(bans);
    const json_t **sorted = calloc(count + 1, sizeof *sorted);
    if (sorted == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = json_array_get(bans, i);
    }
    qsort(sorted, count, sizeof *sorted, by_subject);
    *out = (struct tally){.bans = count};
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && by_subject(&sorted[i - 1], &sorted[i]) == 0) {
            out->twice[0] = sorted[i - 1];
            out->twice[1] = sorted[i];
            out->twices++;
        } else {
            out->ships++;
        }
    }
    free(sorted);
    return true;
}

static bool told(struct p2p_demo *demo, const json_t *report, const struct tally *tally)
{
    char name[64];
    json_int_t imposed = p2p_demo_number(report, "imposed"),
               refused = p2p_demo_number(report, "refused");
    if (p2p_demo_number(report, "lines") != LINES || imposed != LINES || refused != 0 ||
        tally->bans != LINES || tally->ships != SHIPS || tally->twices != 1) {
        return p2p_demo_false(demo,
                              "%lld lines, %lld imposed, %lld refused; Antwerp lists %zu bans "
                              "on %zu ships",
                              (long long)p2p_demo_number(report, "lines"), (long long)imposed,
                              (long long)refused, tally->bans, tally->ships);
    }
    const char *imo = p2p_demo_value(subject(tally->twice[0]));
    const char *one = p2p_demo_text(tally->twice[0], "from"),
               *other = p2p_demo_text(tally->twice[1], "from");
    bool ordered = strcmp(one, other) < 0;
    find_name(demo->list, imo, name, sizeof name);
    return p2p_demo_holds(
        demo,
        "%lld imposed, none refused. %s (IMO %s) was listed on %.10s and again on %.10s: two "
        "bans, not an error.",
        (long long)imposed, name, imo, ordered ? one : other, ordered ? other : one);
}

bool p2p_demo_step_import(struct p2p_demo *demo)
{
    struct p2p_demo_said import = {0}, list = {0};
    struct tally counted = {0};
    bool done = p2p_demo_spread(
        demo, P2P_DEMO_ANTWERP,
        P2P_DEMO_WORDS("ban", "import", demo->list, "--subject-type", "imo", "--subject-column",
                       "imo", "--reference-column", "legal_basis", "--from-column", "listed_on",
                       "--ground", "eu-regulation", "--as", "beanr-pso"),
        demo->spread_ms, &import);
    done =
        done && p2p_demo_done(demo, P2P_DEMO_ANTWERP, P2P_DEMO_WORDS("ban", "list"), 0, &list);
    if (done) {
        done = tally(list.lines, &counted) ? told(demo, p2p_demo_said_first(&import), &counted)
                                           : p2p_demo_false(demo, "no memory");
    }
    if (done) {
        const char *first = subject(json_array_get(list.lines, 0));
        snprintf(demo->ship, sizeof demo->ship, "%s", first);
        find_name(demo->list, p2p_demo_value(first), demo->ship_name, sizeof demo->ship_name);
    }
    p2p_demo_said_deinit(&import);
    p2p_demo_said_deinit(&list);
    return done;
}

/* ---- everywhere ---- */

bool p2p_demo_step_everywhere(struct p2p_demo *demo)
{
    char times[256];
    int64_t took_ms = demo->spread_ms[P2P_DEMO_ANTWERP];
    demo->spread_ms[P2P_DEMO_ANTWERP] = -1;
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        struct p2p_demo_said list = {0};
        json_t *status = p2p_demo_get(demo, m, "/v1/status");
        bool same = strcmp(p2p_demo_bans_digest(status), demo->spread_digest) == 0;
        json_decref(status);
        if (!same) {
            return p2p_demo_false(demo, "%s computed other bans than Antwerp",
                                  p2p_demo_name(m));
        }
        bool done = p2p_demo_done(demo, m, P2P_DEMO_WORDS("ban", "list"), 0, &list);
        size_t count = json_array_size(list.lines);
        p2p_demo_said_deinit(&list);
        if (!done || count != LINES) {
            return done ? p2p_demo_false(demo, "%s lists %zu bans", p2p_demo_name(m), count)
                        : false;
        }
    }
    return p2p_demo_holds(
        demo,
        "%u bans, one digest (%.12s) at all seven. After ms: Antwerp %lld (the import itself), "
        "%s.",
        LINES, demo->spread_digest, (long long)took_ms,
        p2p_demo_spread_text(demo->spread_ms, times, sizeof times));
}

/* ---- two ships at a gate ---- */

bool p2p_demo_step_gate(struct p2p_demo *demo)
{
    struct p2p_demo_said refused = {0};
    bool done =
        p2p_demo_gate_is(demo, P2P_DEMO_GHENT, demo->ship, "call", "refuse", NULL, &refused) &&
        p2p_demo_gate_is(demo, P2P_DEMO_GHENT, P2P_DEMO_UNLISTED, "call", "allow", NULL, NULL);
    const json_t *answer = p2p_demo_said_first(&refused);
    const json_t *reason = json_array_get(json_object_get(answer, "reasons"), 0);
    const char *record = p2p_demo_text(reason, "record");
    if (done && strcmp(p2p_demo_text(reason, "code"), "banned") != 0) {
        done = p2p_demo_false(demo, "%s is refused for %s", demo->ship,
                              p2p_demo_text(reason, "code"));
    }
    if (done) {
        p2p_demo_holds(demo,
                       "%s (IMO %s): refused, by record %s (%s). IMO %s, made up: allowed.",
                       demo->ship_name, p2p_demo_value(demo->ship), record,
                       p2p_demo_text(reason, "text"), p2p_demo_value(P2P_DEMO_UNLISTED));
    }
    p2p_demo_said_deinit(&refused);
    return done;
}
