#include "agreement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo" /* of package tzdata */

static const char *text_of(const json_t *json, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : otherwise;
}

/* An object whose values are all strings, or all arrays of strings. */
static bool is_table(const json_t *json, bool of_lists)
{
    const char *key;
    json_t *value;
    if (!json_is_object(json)) {
        return false;
    }
    json_object_foreach((json_t *)json, key, value)
    {
        if (!of_lists && !json_is_string(value)) {
            return false;
        }
        for (size_t i = 0; of_lists && i < json_array_size(value); i++) {
            if (!json_is_string(json_array_get(value, i))) {
                return false;
            }
        }
        if (of_lists && !json_is_array(value)) {
            return false;
        }
    }
    return true;
}

static bool check(const json_t *json, char *problem, size_t cap)
{
    static const char *const TEXTS[] = {"me", "facility", "country", "card", "zone"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)json, key, value)
    {
        bool known = false;
        bool good = false;
        for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
            if (strcmp(key, TEXTS[i]) == 0) {
                known = true;
                good = json_is_string(value);
            }
        }
        if (strcmp(key, "senders") == 0) {
            known = true;
            good = is_table(value, true);
        } else if (strcmp(key, "parties") == 0 || strcmp(key, "facilities") == 0) {
            known = true;
            good = is_table(value, false);
        }
        if (!known) {
            snprintf(problem, cap, "an agreement has no \"%.40s\"", key);
            return false;
        }
        if (!good) {
            snprintf(problem, cap, "\"%s\" is not of the form that README.md says", key);
            return false;
        }
    }
    return true;
}

/* A name that is installed, or a rule as POSIX has it: CET-1CEST,M3.5.0,M10.5.0/3. */
static bool zone_exists(const char *zone)
{
    char path[256];
    size_t letters = strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    const char *offset = zone + letters + (zone[letters] == '-' || zone[letters] == '+');
    if (strcmp(zone, "UTC") == 0 || (letters >= 3 && *offset >= '0' && *offset <= '9')) {
        return true;
    }
    int n = snprintf(path, sizeof path, "%s/%s", ZONES, zone);
    return letters > 0 && strstr(zone, "..") == NULL && n > 0 && (size_t)n < sizeof path &&
           access(path, R_OK) == 0;
}

void p2p_agreement_use_zone(const struct p2p_agreement *agreement)
{
    setenv("TZ", agreement->zone, 1);
    tzset();
}

enum p2p_err p2p_agreement_read(struct p2p_agreement *out, struct p2p_slice bytes,
                                char *problem, size_t problem_cap)
{
    json_error_t error;
    json_t *json = bytes.len == 0 ? json_object()
                                  : json_loadb((const char *)bytes.data, bytes.len,
                                               JSON_REJECT_DUPLICATES, &error);
    if (json == NULL && bytes.len == 0) {
        return P2P_NOMEM;
    }
    if (!json_is_object(json)) {
        snprintf(problem, problem_cap, "it is not a JSON object%s%s", json == NULL ? ": " : "",
                 json == NULL ? error.text : "");
        json_decref(json);
        return P2P_USAGE;
    }
    if (!check(json, problem, problem_cap)) {
        json_decref(json);
        return P2P_USAGE;
    }
    const char *zone = text_of(json, "zone", "UTC");
    if (!zone_exists(zone)) {
        snprintf(problem, problem_cap,
                 "this machine knows no zone \"%.60s\"; install tzdata, or give a rule as "
                 "CET-1CEST,M3.5.0,M10.5.0/3",
                 zone);
        json_decref(json);
        return P2P_USAGE;
    }
    *out = (struct p2p_agreement){.json = json,
                                  .me = text_of(json, "me", ""),
                                  .facility = text_of(json, "facility", ""),
                                  .country = text_of(json, "country", "BE"),
                                  .card = text_of(json, "card", "alfapass"),
                                  .zone = zone};
    return P2P_OK;
}

void p2p_agreement_deinit(struct p2p_agreement *agreement)
{
    json_decref(agreement->json);
    *agreement = (struct p2p_agreement){0};
}

const char *p2p_agreement_party(const struct p2p_agreement *agreement, const char *code)
{
    return json_string_value(
        json_object_get(json_object_get(agreement->json, "parties"), code));
}

const char *p2p_agreement_facility(const struct p2p_agreement *agreement, const char *code)
{
    return json_string_value(
        json_object_get(json_object_get(agreement->json, "facilities"), code));
}

bool p2p_agreement_knows_sender(const struct p2p_agreement *agreement, const char *sender)
{
    const json_t *senders = json_object_get(agreement->json, "senders");
    return senders == NULL || json_object_get(senders, sender) != NULL;
}

bool p2p_agreement_allows(const struct p2p_agreement *agreement, const char *sender,
                          const char *type)
{
    const json_t *senders = json_object_get(agreement->json, "senders");
    const json_t *types = json_object_get(senders, sender);
    bool allowed = senders == NULL;
    for (size_t i = 0; i < json_array_size(types); i++) {
        allowed = allowed || strcmp(json_string_value(json_array_get(types, i)), type) == 0;
    }
    return allowed;
}
