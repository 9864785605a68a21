#include "api_world.h"

#include <p2p/sandbox.h>

#include <stdio.h>
#include <string.h>

void api_world_make(struct api_world *world, const char *members, const char *member)
{
    char path[TEMP_PATH_BYTES];
    char message[P2P_MESSAGE_BYTES] = "";
    char name[2 * TEMP_PATH_BYTES];
    *world = (struct api_world){0};
    temp_dir_make(&world->dir);
    const struct p2p_sandbox_options options = {
        .dir = temp_path(&world->dir, "fed", path),
        .members = members,
        .now_ms = UINT64_C(1700000000000),
        .store = {.make = p2p_node_make_store},
    };
    CHECK_OK(p2p_sandbox_make(&options, message, sizeof(message)));
    snprintf(name, sizeof(name), "%s/%s", path, member);
    const struct p2p_node_options node = {.dir = name};
    CHECK_OK(p2p_node_open(&world->node, &node, message));
}

void api_world_free(struct api_world *world)
{
    p2p_node_close(world->node);
    temp_dir_remove(&world->dir);
}

json_t *api_call(struct api_world *world, const char *method, const char *path,
                 const char *query, json_t *body, int status)
{
    const struct p2p_api_request request = {
        .method = method, .path = path, .query = query, .body = body};
    struct p2p_api_reply reply;
    p2p_api_call(world->node, &request, &reply);
    json_decref(body);
    if (reply.status != status) {
        print_error("%s %s: %d, not %d: %s\n", method, path, reply.status, status,
                    text_of(reply.json, "text"));
    }
    CHECK(reply.status == status);
    json_t *json = reply.json != NULL ? json_incref(reply.json) : json_string(reply.text);
    p2p_api_reply_deinit(&reply);
    return json;
}

json_t *api_get(struct api_world *world, const char *path, int status)
{
    return api_call(world, "GET", path, NULL, NULL, status);
}

json_t *api_post(struct api_world *world, const char *path, json_t *body, int status)
{
    CHECK(body != NULL);
    return api_call(world, "POST", path, NULL, body, status);
}

const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

json_t *find_row(const json_t *rows, const char *key, const char *text)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
    {
        if (strcmp(text_of(row, key), text) == 0) {
            return row;
        }
    }
    return NULL;
}

void impose(struct api_world *world, const char *as, const char *subject, char out[64])
{
    json_t *reply = api_post(world, "/v1/bans",
                             json_pack("{s:s, s:[s], s:s, s:s}", "as", as, "subject", subject,
                                       "ground", "local", "reference", "BEANR-1"),
                             200);
    snprintf(out, 64, "%s", text_of(reply, "id"));
    CHECK(out[0] != '\0');
    json_decref(reply);
}
