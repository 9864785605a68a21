#include "route.h"

#include "call.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct p2p_route *const p2p_route_tables[] = {
    p2p_ban_routes,   p2p_custody_routes,    p2p_right_routes,  p2p_bulk_routes,
    p2p_gate_routes,  p2p_status_routes,     p2p_record_routes, p2p_charter_routes,
    p2p_key_routes,   p2p_checkpoint_routes, p2p_copy_routes,   p2p_tlog_routes,
    p2p_proof_routes, p2p_receipt_routes,    p2p_event_routes,  p2p_openapi_routes,
};
const size_t p2p_route_table_count = sizeof(p2p_route_tables) / sizeof(p2p_route_tables[0]);

const char *p2p_who_word(enum p2p_who who)
{
    static const char *const words[] = {
#define WHO_WORD(name, word) word,
        P2P_WHO_MAP(WHO_WORD)
#undef WHO_WORD
    };
    return words[who];
}

const char *p2p_rate_word(enum p2p_rate rate)
{
    static const char *const words[] = {
#define RATE_WORD(name, word, per_s, burst) word,
        P2P_RATE_MAP(RATE_WORD)
#undef RATE_WORD
    };
    return words[rate];
}

/* Whether a path is of this shape, and which part of it is the parameter. */
static bool fits(const char *shape, const char *path, const char **rest, size_t *rest_len)
{
    const char *open = strchr(shape, '{');
    size_t before = open != NULL ? (size_t)(open - shape) : strlen(shape);
    *rest = path + strlen(path);
    *rest_len = 0;
    if (open == NULL) {
        return strcmp(shape, path) == 0;
    }
    if (strncmp(path, shape, before) != 0) {
        return false;
    }
    const char *after = strchr(open, '}');
    p2p_assert(after != NULL);
    after++;
    *rest = path + before;
    *rest_len = *after == '\0' ? strlen(*rest) : strcspn(*rest, "/");
    return *rest_len > 0 && strcmp(*rest + *rest_len, after) == 0;
}

/* Adds a method to a list that has each of them once; whatever is read is asked of by HEAD,
 * too. */
static void allow_add(char allow[P2P_ALLOW_BYTES], const char *method)
{
    size_t len = strlen(allow);
    if (strstr(allow, method) == NULL) {
        snprintf(allow + len, P2P_ALLOW_BYTES - len, "%s%s%s", len > 0 ? ", " : "", method,
                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
    }
}

const struct p2p_route *p2p_route_find(const char *method, const char *path, const char **rest,
                                       size_t *rest_len, char allow[P2P_ALLOW_BYTES])
{
    allow[0] = '\0';
    for (size_t t = 0; t < p2p_route_table_count; t++) {
        for (const struct p2p_route *route = p2p_route_tables[t]; route->method != NULL;
             route++) {
            if (!fits(route->path, path, rest, rest_len)) {
                continue;
            }
            if (strcmp(route->method, method) == 0) {
                return route;
            }
            allow_add(allow, route->method);
        }
    }
    return NULL;
}

static bool says(const char *statuses, int status)
{
    for (const char *at = statuses; at != NULL && *at != '\0'; at += strspn(at, " ")) {
        char *end;
        if (strtol(at, &end, 10) == status) {
            return true;
        }
        at = end;
    }
    return false;
}

bool p2p_route_answers(const struct p2p_route *route, int status)
{
    bool reads = strcmp(route->method, "GET") == 0;
    switch (status) {
    case 200:
        return true;
    case 304:
        return reads && route->reply != NULL;
    case 401:
        return route->who != P2P_WHO_ANYBODY;
    case 403:
        return route->who != P2P_WHO_ANYBODY || says(route->errors, status);
    case 413:
        return !reads;
    case 429:
        return route->rate != P2P_RATE_FREE;
    default:
        return says(route->errors, status);
    }
}
