#include "demo.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURN_MS 50

static volatile sig_atomic_t stopped;

const char *p2p_demo_value(const char *subject)
{
    const char *colon = strrchr(subject, ':');
    return colon != NULL ? colon + 1 : subject;
}

uint64_t p2p_demo_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

void p2p_demo_catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}; /* calls that wait are to return */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        /* What the caller has ignored, as nohup does, stays so. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
    signal(SIGPIPE, SIG_IGN);
}

bool p2p_demo_stopped(void)
{
    return stopped != 0;
}

void p2p_demo_go_on(void)
{
    stopped = 0;
}

bool p2p_demo_holds(struct p2p_demo *demo, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(demo->evidence, sizeof demo->evidence, format, list);
    va_end(list);
    return true;
}

bool p2p_demo_false(struct p2p_demo *demo, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(demo->evidence, sizeof demo->evidence, format, list);
    va_end(list);
    return false;
}

bool p2p_demo_wait(struct p2p_demo *demo, uint64_t since_ms, int nap_ms)
{
    uint64_t now_ms = p2p_demo_now_ms();
    const struct timespec nap = {.tv_sec = nap_ms / 1000,
                                 .tv_nsec = (long)(nap_ms % 1000) * 1000000};
    p2p_demo_screen_tick(&demo->screen, now_ms);
    if (stopped || now_ms > demo->until_ms || now_ms - since_ms > P2P_DEMO_WAIT_MS) {
        return false;
    }
    if (nap_ms > 0) {
        nanosleep(&nap, NULL);
    }
    return true;
}

/* ---- commands ---- */

static const char *dir_of(const struct p2p_demo *demo, enum p2p_demo_member member)
{
    return member < P2P_DEMO_MEMBERS ? demo->fleet.members[member] : NULL;
}

static const char *whose(enum p2p_demo_member member)
{
    return member < P2P_DEMO_MEMBERS ? p2p_demo_name(member) : "this machine";
}

bool p2p_demo_run(struct p2p_demo *demo, enum p2p_demo_member member, const char *const *words,
                  struct p2p_demo_said *said)
{
    struct p2p_demo_command command;
    uint64_t since_ms = p2p_demo_now_ms();
    if (!p2p_demo_command_start(&command, demo->fleet.binary, dir_of(demo, member), words,
                                said)) {
        return p2p_demo_false(demo, "%s", said->error);
    }
    while (!p2p_demo_command_turn(&command, TURN_MS)) {
        if (!p2p_demo_wait(demo, since_ms, 0)) {
            p2p_demo_command_stop(&command);
            return p2p_demo_false(demo, "%s %s at %s was stopped after %.1f s", words[0],
                                  words[1] != NULL ? words[1] : "", whose(member),
                                  (double)(p2p_demo_now_ms() - since_ms) / 1000);
        }
    }
    p2p_demo_command_said(&command, said);
    return true;
}

bool p2p_demo_done(struct p2p_demo *demo, enum p2p_demo_member member, const char *const *words,
                   int exit, struct p2p_demo_said *said)
{
    if (!p2p_demo_run(demo, member, words, said)) {
        return false;
    }
    if (said->exit != exit) {
        return p2p_demo_false(demo, "%s %s at %s ended with exit %d, not %d%s%s", words[0],
                              words[1] != NULL ? words[1] : "", whose(member), said->exit, exit,
                              said->error[0] != '\0' ? ": " : "", said->error);
    }
    return true;
}

/* ---- questions ---- */

json_t *p2p_demo_get(const struct p2p_demo *demo, enum p2p_demo_member member, const char *path)
{
    json_t *json = NULL;
    if (p2p_demo_http_ask(demo->fleet.http[member], path, NULL, &json) == 200) {
        return json;
    }
    json_decref(json);
    return NULL;
}

bool p2p_demo_banned(const struct p2p_demo *demo, enum p2p_demo_member member,
                     const char *subject)
{
    char path[256];
    size_t index = 0;
    const json_t *ban = NULL;
    bool in_force = false;
    snprintf(path, sizeof path, "/v1/bans?subject=%s", subject);
    json_t *reply = p2p_demo_get(demo, member, path);
    json_array_foreach(json_object_get(reply, "bans"), index, ban)
    {
        in_force = in_force || strcmp(p2p_demo_text(ban, "state"), "in-force") == 0;
    }
    json_decref(reply);
    return in_force;
}

const char *p2p_demo_bans_digest(const json_t *status)
{
    return p2p_demo_text(json_object_get(status, "digests"), "bans/national");
}

const json_t *p2p_demo_feed(const json_t *status, const char *feed)
{
    size_t index = 0;
    const json_t *row = NULL;
    json_array_foreach(json_object_get(status, "feeds"), index, row)
    {
        if (strcmp(p2p_demo_text(row, "feed"), feed) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool names(const json_t *answer, const char *record)
{
    size_t index = 0;
    const json_t *reason = NULL;
    json_array_foreach(json_object_get(answer, "reasons"), index, reason)
    {
        if (strcmp(p2p_demo_text(reason, "record"), record) == 0) {
            return true;
        }
    }
    return false;
}

bool p2p_demo_gate_is(struct p2p_demo *demo, enum p2p_demo_member member, const char *subject,
                      const char *purpose, const char *answer, const char *record,
                      struct p2p_demo_said *said)
{
    struct p2p_demo_said own = {0};
    if (!p2p_demo_run(
            demo, member,
            P2P_DEMO_WORDS("gate", "check", "--subject", subject, "--purpose", purpose),
            said != NULL ? said : &own)) {
        return false;
    }
    const struct p2p_demo_said *heard = said != NULL ? said : &own;
    const json_t *reply = p2p_demo_said_first(heard);
    const char *got = p2p_demo_text(reply, "answer");
    int exit = strcmp(answer, "allow") == 0 ? 0 : strcmp(answer, "refuse") == 0 ? 1 : 3;
    bool fits = strcmp(got, answer) == 0 && heard->exit == exit;
    if (!fits) {
        const json_t *reason = json_array_get(json_object_get(reply, "reasons"), 0);
        p2p_demo_false(demo, "the gate at %s answered %s to %s, not %s (exit %d; %s%s%s)",
                       p2p_demo_name(member), *got != '\0' ? got : "nothing", subject, answer,
                       heard->exit, p2p_demo_text(reason, "code"), reason != NULL ? ": " : "",
                       reason != NULL ? p2p_demo_text(reason, "text") : heard->error);
    } else if (record != NULL && !names(reply, record)) {
        fits = p2p_demo_false(demo, "the gate at %s answered %s to %s, but not for %s",
                              p2p_demo_name(member), answer, subject, record);
    }
    p2p_demo_said_deinit(&own);
    return fits;
}

/* ---- how fast something is everywhere ---- */

struct seen {
    char digest[80];
    uint64_t at_us; /* when it was first seen so */
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void look(const struct p2p_demo *demo, enum p2p_demo_member member, struct seen *seen)
{
    json_t *status = p2p_demo_get(demo, member, "/v1/status");
    const char *digest = p2p_demo_bans_digest(status);
    if (status != NULL && strcmp(digest, seen->digest) != 0) {
        snprintf(seen->digest, sizeof seen->digest, "%s", digest);
        seen->at_us = now_us();
    }
    json_decref(status);
}

/* One round over all but source: the last that is not as source is, or _MEMBERS. */
static enum p2p_demo_member look_round(const struct p2p_demo *demo, enum p2p_demo_member source,
                                       const int64_t *ms, struct seen *seen)
{
    enum p2p_demo_member missing = P2P_DEMO_MEMBERS;
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        if (m != source && ms[m] >= 0) {
            look(demo, m, &seen[m]);
            missing = strcmp(seen[m].digest, seen[source].digest) != 0 ? m : missing;
        }
    }
    return missing;
}

/* Watches the others while the command runs, and after it until all are as source is. */
static bool watch(struct p2p_demo *demo, enum p2p_demo_member source,
                  struct p2p_demo_command *command, const int64_t *ms, struct seen *seen)
{
    enum p2p_demo_member missing = P2P_DEMO_MEMBERS;
    uint64_t since_ms = p2p_demo_now_ms();
    bool ended = false;
    do {
        if (!ended && p2p_demo_command_turn(command, 0)) {
            uint64_t at_us = now_us();
            ended = true;
            look(demo, source, &seen[source]);
            seen[source].at_us = at_us; /* when a person would know */
        }
        missing = look_round(demo, source, ms, seen);
        if (ended && (missing == P2P_DEMO_MEMBERS || command->exit != 0)) {
            return true;
        }
    } while (p2p_demo_wait(demo, since_ms, 1));
    return p2p_demo_false(demo, "after %.1f s %s has not got what %s has",
                          (double)(p2p_demo_now_ms() - since_ms) / 1000,
                          p2p_demo_name(missing < P2P_DEMO_MEMBERS ? missing : source),
                          p2p_demo_name(source));
}

bool p2p_demo_spread(struct p2p_demo *demo, enum p2p_demo_member source,
                     const char *const *words, int64_t ms[P2P_DEMO_MEMBERS],
                     struct p2p_demo_said *said)
{
    struct seen seen[P2P_DEMO_MEMBERS] = {0};
    struct p2p_demo_command command;
    look_round(demo, source, ms, seen);
    look(demo, source, &seen[source]);
    const struct seen first = seen[source];
    uint64_t typed_us = now_us();
    if (!p2p_demo_command_start(&command, demo->fleet.binary, dir_of(demo, source), words,
                                said)) {
        return p2p_demo_false(demo, "%s", said->error);
    }
    if (!watch(demo, source, &command, ms, seen)) {
        p2p_demo_command_stop(&command);
        return false;
    }
    p2p_demo_command_said(&command, said);
    if (said->exit != 0) {
        return p2p_demo_false(demo, "%s %s at %s ended with exit %d: %s", words[0], words[1],
                              p2p_demo_name(source), said->exit, said->error);
    }
    if (strcmp(first.digest, seen[source].digest) == 0) {
        return p2p_demo_false(demo, "%s %s at %s left the bans there as they were", words[0],
                              words[1], p2p_demo_name(source));
    }
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS; m++) {
        if (ms[m] >= 0) {
            ms[m] = (int64_t)(seen[m].at_us - typed_us + 500) / 1000;
        }
    }
    snprintf(demo->spread_digest, sizeof demo->spread_digest, "%s", seen[source].digest);
    return true;
}

const char *p2p_demo_spread_text(const int64_t ms[P2P_DEMO_MEMBERS], char *out, size_t cap)
{
    size_t at = 0;
    *out = '\0';
    for (enum p2p_demo_member m = 0; m < P2P_DEMO_MEMBERS && at < cap; m++) {
        if (ms[m] >= 0) {
            at += (size_t)snprintf(out + at, cap - at, "%s%s %lld", at > 0 ? ", " : "",
                                   p2p_demo_name(m), (long long)ms[m]);
        }
    }
    return out;
}
