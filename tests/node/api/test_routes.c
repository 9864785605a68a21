/* The table of routes: what is asked goes to one row, and each row can be asked. */
#include "check.h"

#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct p2p_route *found(const char *method, const char *path, char rest[64],
                                     char allow[P2P_ALLOW_BYTES])
{
    const char *at;
    size_t len;
    const struct p2p_route *route = p2p_route_find(method, path, &at, &len, allow);
    if (route != NULL) {
        snprintf(rest, 64, "%.*s", (int)len, at);
    }
    return route;
}

/* Broken: a request would reach another handler than the row that says who may ask it. */
static void a_path_has_one_row_and_one_parameter(void **state)
{
    static const struct {
        const char *method, *path, *shape, *rest;
    } rows[] = {
        {"GET", "/v1/bans", "/v1/bans", ""},
        {"GET", "/v1/bans/beanr/1:17", "/v1/bans/{id}", "beanr/1:17"},
        {"POST", "/v1/bans/lift", "/v1/bans/lift", ""},
        {"POST", "/v1/gates/main/checks", "/v1/gates/{name}/checks", "main"},
        {"GET", "/tlog/charter-1/checkpoint", "/tlog/charter-1/{path}", "checkpoint"},
        {"GET", "/tlog/charter-10/checkpoint", "/tlog/{path}", "charter-10/checkpoint"},
        {"GET", "/tlog/witness", "/tlog/witness", ""},
    };
    char rest[64], allow[P2P_ALLOW_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct p2p_route *route = found(rows[i].method, rows[i].path, rest, allow);
        CHECK(route != NULL);
        CHECK(strcmp(route->path, rows[i].shape) == 0);
        CHECK(strcmp(rest, rows[i].rest) == 0);
    }
}

/* Broken: a slip in a path would do something, or a client not learn what it may do there. */
static void what_is_not_in_the_table_is_told_apart(void **state)
{
    static const struct {
        const char *method, *path, *allow;
    } rows[] = {
        {"GET", "/", ""},
        {"GET", "", ""},
        {"GET", "/v1/bans/", ""},
        {"GET", "/v1/bansx", ""},
        {"GET", "/v1/gates//checks", ""},
        {"POST", "/v1/gates/a/b/checks", ""},
        {"POST", "/v1/gates/main/checks/", ""},
        {"DELETE", "/v1/bans", "POST, GET, HEAD"},
        {"GET", "/v1/gates/main/checks", "POST"},
        {"POST", "/v1/status", "GET, HEAD"},
        {"get", "/v1/status", "GET, HEAD"},
    };
    char rest[64], allow[P2P_ALLOW_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(found(rows[i].method, rows[i].path, rest, allow) == NULL);
        if (strcmp(allow, rows[i].allow) != 0) {
            print_error("%s: %s\n", rows[i].path, allow);
        }
        CHECK(strcmp(allow, rows[i].allow) == 0);
    }
}

/* Broken: a row could never be asked, or would let somebody write who may only read. */
static void each_row_is_whole(void **state)
{
    char rest[64], allow[P2P_ALLOW_BYTES];
    (void)state;
    for (size_t t = 0; t < p2p_route_table_count; t++) {
        for (const struct p2p_route *route = p2p_route_tables[t]; route->method != NULL;
             route++) {
            char path[128];
            const char *open = strchr(route->path, '{');
            snprintf(path, sizeof(path), "%.*s%s%s",
                     open != NULL ? (int)(open - route->path) : (int)strlen(route->path),
                     route->path, open != NULL ? "x" : "",
                     open != NULL ? strchr(open, '}') + 1 : "");
            CHECK(found(route->method, path, rest, allow) == route);
            CHECK(open == NULL || strchr(open + 1, '{') == NULL);
            bool posts = strcmp(route->method, "POST") == 0;
            CHECK(posts || strcmp(route->method, "GET") == 0);
            CHECK(posts || route->request == NULL);
            CHECK(!posts || route->who != P2P_WHO_READER);
            /* Everybody who is let in from outside is counted. */
            CHECK((route->rate == P2P_RATE_FREE) ==
                  (route->who == P2P_WHO_ANYBODY || route->who == P2P_WHO_SOCKET));
            CHECK(p2p_route_answers(route, 200) && !p2p_route_answers(route, 201));
            CHECK(p2p_route_answers(route, 413) == posts);
        }
    }
}

static char *link_of(const char *path, const char *query, const char *reply)
{
    struct p2p_call call = {
        .method = (char *)(uintptr_t) "GET",
        .path = (char *)(uintptr_t)path,
        .query = (char *)(uintptr_t)query,
        .reply = {.status = 200, .json = json_loads(reply, 0, NULL)},
    };
    char *link = p2p_page_link(&call);
    json_decref(call.reply.json);
    return link;
}

/* Broken: whoever follows the link would get the same page again, or another list. */
static void a_link_goes_on_where_a_list_ended(void **state)
{
    static const struct {
        const char *query, *reply, *link;
    } rows[] = {
        {NULL, "{\"next\":null}", NULL},
        {NULL, "{}", NULL},
        {NULL, "{\"next\":17}", "</v1/bans?after=17>; rel=\"next\""},
        {"limit=2", "{\"next\":\"0/beanr/1:17\"}",
         "</v1/bans?limit=2&after=0/beanr/1:17>; rel=\"next\""},
        {"after=1&limit=2&after=4", "{\"next\":\"a b\"}",
         "</v1/bans?limit=2&after=a%20b>; rel=\"next\""},
        {"subject=imo:9179842&x=%3E\">\r\n", "{\"next\":\">\\r\\n\\\"\"}",
         "</v1/bans?subject=imo:9179842&x=%3E%22%3E%0D%0A&after=%3E%0D%0A%22>; rel=\"next\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *link = link_of("/v1/bans", rows[i].query, rows[i].reply);
        if (rows[i].link == NULL) {
            CHECK(link == NULL);
        } else {
            CHECK(link != NULL);
            CHECK(strcmp(link, rows[i].link) == 0);
        }
        free(link);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_one_row_and_one_parameter),
        cmocka_unit_test(what_is_not_in_the_table_is_told_apart),
        cmocka_unit_test(each_row_is_whole),
        cmocka_unit_test(a_link_goes_on_where_a_list_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
