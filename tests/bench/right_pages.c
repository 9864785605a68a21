#include "right_pages.h"

#include "client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_CAP = 512 };

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The path with the cursor, whatever characters that has. */
static void add_cursor(char out[PATH_CAP], const char *path, const char *cursor)
{
    size_t len = (size_t)snprintf(out, PATH_CAP, "%.300s&after=", path);
    for (; *cursor != '\0' && len + 4 < PATH_CAP; cursor++) {
        len += (size_t)snprintf(out + len, PATH_CAP - len,
                                isalnum((unsigned char)*cursor) ? "%c" : "%%%02X",
                                (unsigned char)*cursor);
    }
}

/* The path of the page behind this one; more [out]: there is one. False when this is no page.
 */
static bool next_page(const struct client *client, const char *array, const char *path,
                      char next[PATH_CAP], size_t *rows, bool *more)
{
    json_t *page = json_loadb(client->body, client->body_len, 0, NULL);
    const json_t *list = json_object_get(page, array);
    const char *cursor = json_string_value(json_object_get(page, "next"));
    bool good = json_is_array(list);
    *rows += json_array_size(list);
    *more = cursor != NULL;
    if (cursor != NULL) {
        add_cursor(next, path, cursor);
    }
    json_decref(page);
    return good;
}

bool pages_read(const struct fleet_node *node, const char *path, const char *array,
                size_t pages, size_t *rows, double *p95_ms)
{
    static double times_ms[PAGES_MAX];
    struct client client = {.fd = -1};
    char next[PATH_CAP];
    size_t count = 0;
    bool good = client_open(&client, node->socket);
    bool more = true;
    *rows = 0;
    snprintf(next, sizeof(next), "%.300s", path);
    while (good && more && count < pages && count < PAGES_MAX) {
        good = client_call(&client, "GET", next, NULL, 0) && client.status == 200;
        times_ms[count++] = (bench_now_s() - client.begun_s) * 1e3;
        good = good && next_page(&client, array, path, next, rows, &more);
    }
    if (!good || *rows == 0) {
        bench_fail("%s was answered %u: %.200s", path, client.status,
                   client.body != NULL ? client.body : "");
        good = false;
    }
    client_close(&client);
    qsort(times_ms, count, sizeof(times_ms[0]), ascending);
    *p95_ms = count > 0 ? times_ms[count * 95 / 100] : 0;
    return good;
}
