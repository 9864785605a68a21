#include "asked.h"

static void take_reply(void *context, struct p2p_api_reply *reply)
{
    struct asked *to = context;
    CHECK(to->reply.status == 0); /* once */
    to->reply = *reply;
    *reply = (struct p2p_api_reply){0};
}

static void collect(struct p2p_node *node, struct p2p_work *work)
{
    struct asked *to = node->daemon;
    to->work = work;
}

struct asked *ask(struct api_world *world, struct asked_list *list, const char *path,
                  json_t *body)
{
    const struct p2p_api_request request = {.method = "POST", .path = path, .body = body};
    CHECK(list->count < ASKED_MAX);
    struct asked *to = &list->item[list->count++];
    *to = (struct asked){0};
    world->node->queue_work = collect;
    world->node->daemon = to;
    p2p_api_start(world->node, &request, take_reply, to);
    world->node->daemon = NULL;
    json_decref(body);
    return to;
}

void release_works(struct p2p_work *works)
{
    while (works != NULL) {
        struct p2p_work *work = works;
        works = work->next;
        work->release(work);
    }
}

size_t run_asked(struct api_world *world, struct asked_list *list, size_t first,
                 struct p2p_input *inputs, size_t *closes)
{
    struct p2p_batch batch;
    size_t out = 0;
    p2p_batch_init(&batch);
    struct p2p_work **end = &batch.works;
    for (size_t i = first; i < list->count; i++) {
        *end = list->item[i].work;
        list->item[i].work->next = NULL;
        end = &list->item[i].work->next;
    }
    batch.inputs = inputs;
    p2p_writer_run(world->node, &batch);
    for (struct p2p_work *work = batch.works; work != NULL; work = work->next) {
        out++;
    }
    if (closes != NULL) {
        *closes = batch.actions.close_count;
    }
    release_works(batch.works);
    batch.works = NULL;
    p2p_batch_deinit(&batch);
    return out;
}

void forget_asked(struct asked_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        p2p_api_reply_deinit(&list->item[i].reply);
    }
    list->count = 0;
}
