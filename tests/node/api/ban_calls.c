#include "ban_calls.h"

#include <stdio.h>
#include <string.h>

int ban_world_setup(void **world)
{
    api_world_make(*world, "beanr,bezee,commission", "beanr");
    return 0;
}

int ban_world_teardown(void **world)
{
    api_world_free(*world);
    return 0;
}

json_t *body_of(const char *text)
{
    json_error_t error;
    json_t *body = json_loads(text, 0, &error);
    if (body == NULL) {
        print_error("%s: %s\n", text, error.text);
    }
    CHECK(body != NULL);
    return body;
}

json_t *post(struct api_world *world, const char *path, const char *text, int status,
             const char *code)
{
    json_t *reply = api_post(world, path, body_of(text), status);
    if (code != NULL && strcmp(text_of(reply, "code"), code) != 0) {
        print_error("%s %s: %s (%s)\n", path, text, text_of(reply, "code"),
                    text_of(reply, "text"));
        CHECK(strcmp(text_of(reply, "code"), code) == 0);
    }
    return reply;
}

void refused(struct api_world *world, const char *path, const char *text, int status,
             const char *code)
{
    json_t *reply = post(world, path, text, status, code);
    CHECK(*text_of(reply, "text") != '\0');
    json_decref(reply);
}

json_t *show_ban(struct api_world *world, const char *id)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/bans/%s", id);
    return api_get(world, path, 200);
}

size_t listed(struct api_world *world, const char *query)
{
    json_t *reply = api_call(world, "GET", "/v1/bans", query, NULL, 200);
    size_t count = json_array_size(json_object_get(reply, "bans"));
    json_decref(reply);
    return count;
}

void import_plates(struct api_world *world, unsigned from, unsigned count, int status)
{
    json_t *rows = json_array();
    for (unsigned i = from; i < from + count; i++) {
        char subject[32];
        snprintf(subject, sizeof(subject), "plate:BE:%06u", i);
        json_array_append_new(rows, json_pack("{s:i, s:s, s:s}", "line", (int)i, "subject",
                                              subject, "reference", "R"));
    }
    json_t *reply = api_post(
        world, "/v1/bans/import",
        json_pack("{s:s, s:s, s:o}", "as", "beanr-pso", "ground", "local", "rows", rows),
        status);
    if (status == 200) {
        CHECK(number_of(reply, "imposed") == count);
    }
    json_decref(reply);
}
