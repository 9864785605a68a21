/* Pages: a list's reply has `next`, the cursor behind its last row, or null. The same list from
 * there on is named in the answer's Link field (RFC 8288), so that a client needs to know
 * nothing of cursors: the query as it was, with another `after`. */
#include "call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 3986 section 2.3, and what may stand in a query besides. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~/:@", c) != NULL);
}

static void put_encoded(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (is_plain(*text)) {
            fputc(*text, out);
        } else {
            fprintf(out, "%%%02X", (unsigned char)*text);
        }
    }
}

/* The query's other parameters, each of which is encoded already, or is now. */
static void put_others(FILE *out, const char *query)
{
    while (query != NULL && *query != '\0') {
        size_t len = strcspn(query, "&");
        if (len > 0 && strncmp(query, "after=", strlen("after=")) != 0) {
            for (size_t i = 0; i < len; i++) {
                if (is_plain(query[i]) || strchr("%=+,", query[i]) != NULL) {
                    fputc(query[i], out);
                } else {
                    fprintf(out, "%%%02X", (unsigned char)query[i]);
                }
            }
            fputc('&', out);
        }
        query += len;
        query += *query == '&';
    }
}

char *p2p_page_link(const struct p2p_call *call)
{
    const json_t *next = json_object_get(call->reply.json, "next");
    char number[24];
    char *text = NULL;
    size_t len = 0;
    bool is_number = json_is_integer(next);
    if (call->reply.status != 200 || strcmp(call->method, "GET") != 0 ||
        !(is_number || json_is_string(next))) {
        return NULL;
    }
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL; /* `next` says it too */
    }
    snprintf(number, sizeof(number), "%" PRId64, (int64_t)json_integer_value(next));
    fputc('<', out);
    put_encoded(out, call->path);
    fputc('?', out);
    put_others(out, call->query);
    fputs("after=", out);
    put_encoded(out, is_number ? number : json_string_value(next));
    fputs(">; rel=\"next\"", out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
