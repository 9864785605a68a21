#include "writer_world.h"

#include "disk_fault.h"
#include "mdb_fault.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int writer_world_setup(void **world)
{
    api_world_make(*world, "beanr,bezee,commission", "beanr");
    json_decref(api_get(*world, "/v1/status", 200)); /* its address record stands */
    return 0;
}

int writer_world_teardown(void **world)
{
    mdb_fault_after_commit(NULL);
    (void)mdb_fault_disarm();
    (void)disk_fault_disarm();
    api_world_free(*world);
    return 0;
}

/* ---- the node's files ---- */

static const char *const kept_files[] = {"fed/beanr/store/data", "fed/beanr/store/keys",
                                         "fed/beanr/spool", "fed/copies/beanr"};

static const char *path_of(struct api_world *world, const char *name)
{
    static char path[TEMP_PATH_BYTES];
    return temp_path(&world->dir, name, path);
}

void open_node(struct api_world *world)
{
    char message[P2P_MESSAGE_BYTES] = "";
    const struct p2p_node_options options = {.dir = path_of(world, "fed/beanr")};
    enum p2p_err err = p2p_node_open(&world->node, &options, message);
    if (err != P2P_OK) {
        print_error("%s\n", message);
    }
    CHECK_OK(err);
}

void close_node(struct api_world *world)
{
    p2p_node_close(world->node);
    world->node = NULL;
}

void keep_files(struct api_world *world, bool back)
{
    for (size_t i = 0; i < sizeof(kept_files) / sizeof(kept_files[0]); i++) {
        char kept[TEMP_PATH_BYTES + 8];
        snprintf(kept, sizeof(kept), "%s.kept", path_of(world, kept_files[i]));
        if (access(back ? kept : path_of(world, kept_files[i]), F_OK) == 0) {
            temp_copy(back ? kept : path_of(world, kept_files[i]),
                      back ? path_of(world, kept_files[i]) : kept);
        }
    }
}

struct p2p_spool *open_spool(struct api_world *world)
{
    char message[P2P_MESSAGE_BYTES];
    struct p2p_spool *spool = NULL;
    CHECK_OK(p2p_spool_open(&spool, path_of(world, "fed/beanr/spool"), 1, P2P_SPOOL_BYTES_MIN,
                            NULL, message, sizeof(message)));
    return spool;
}

/* ---- asking ---- */

json_t *ban_body(unsigned n, const char *level)
{
    char subject[32];
    char reference[32];
    snprintf(subject, sizeof(subject), "plate:BE:%06u", n);
    snprintf(reference, sizeof(reference), "R-%u", n);
    return json_pack("{s:s, s:s, s:s, s:s, s:s*}", "as", "beanr-pso", "subject", subject,
                     "ground", "local", "reference", reference, "level", level);
}

json_t *check_body(void)
{
    return json_pack("{s:s, s:s}", "subject", "plate:BE:000001", "purpose", "enter");
}

int try_post(struct api_world *world, const char *path, json_t *body)
{
    const struct p2p_api_request request = {.method = "POST", .path = path, .body = body};
    struct p2p_api_reply reply;
    p2p_api_call(world->node, &request, &reply);
    json_decref(body);
    if (reply.status != 200) {
        CHECK(*text_of(reply.json, "code") != '\0');
        CHECK(*text_of(reply.json, "text") != '\0');
    }
    int status = reply.status;
    p2p_api_reply_deinit(&reply);
    return status;
}

static size_t rows_at(struct api_world *world, const char *path, const char *query,
                      const char *key)
{
    json_t *reply = api_call(world, "GET", path, query, NULL, 200);
    size_t count = json_array_size(json_object_get(reply, key));
    json_decref(reply);
    return count;
}

size_t bans(struct api_world *world)
{
    return rows_at(world, "/v1/bans", "limit=1000&all=true", "bans");
}

/* The first call after a start finds what its own batch has yet to append. */
size_t decisions(struct api_world *world)
{
    json_decref(api_get(world, "/v1/status", 200));
    return rows_at(world, "/v1/gates/log", NULL, "decisions");
}

void check_read_only(struct api_world *world, const char *word)
{
    json_t *status = api_get(world, "/v1/status", 200);
    if (word == NULL) {
        CHECK(json_is_null(json_object_get(status, "read_only")));
    } else {
        CHECK(strcmp(text_of(status, "read_only"), word) == 0);
    }
    json_decref(status);
}

void check_is_spooled(struct api_world *world)
{
    json_t *reply = api_post(world, "/v1/gates/main/checks", check_body(), 200);
    CHECK(json_is_null(json_object_get(reply, "decision")));
    CHECK(strchr(text_of(reply, "spooled"), ':') != NULL);
    CHECK(find_row(json_object_get(reply, "reasons"), "code", "read-only") != NULL);
    json_decref(reply);
}
