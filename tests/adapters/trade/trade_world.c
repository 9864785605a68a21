#include "trade_world.h"

#include "adapters/trade/edifact.h"
#include "check.h"

#include <p2p/bytes.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char AGREEMENT[] =
    "{\"me\":\"PORT2PORT\",\"senders\":{\"LINE-A\":[\"COREOR\"],\"TERM-B\":[\"COARRI\","
    "\"CODECO\"]},"
    "\"parties\":{\"FWD-1\":\"beanr-forwarder\"},\"facilities\":{\"K1742\":\"beanr-f1\"}}";

static void carry(void *context, const json_t *step, const char *issued, const char *key,
                  struct p2p_trade_result *out)
{
    struct trade_world *world = context;
    const char *verb = json_string_value(json_object_get(step, "verb"));
    const json_t *holder = json_object_get(step, "where") != NULL
                               ? json_object_get(step, "where")
                               : json_object_get(step, "body");
    const char *container = json_string_value(json_object_get(holder, "container"));
    *out = (struct p2p_trade_result){.outcome = P2P_TRADE_DONE};
    if (world->countdown == 0) {
        out->outcome = P2P_TRADE_UNREACHABLE;
        snprintf(out->text, sizeof out->text, "nobody serves");
        return;
    }
    world->countdown -= world->countdown > 0;
    if (world->remembers && json_object_get(world->keys, key) != NULL) {
        snprintf(out->id, sizeof out->id, "%s",
                 json_string_value(json_object_get(world->keys, key)));
        return;
    }
    size_t len = strlen(world->calls);
    snprintf(world->calls + len, sizeof world->calls - len, "%s %s;", verb,
             container != NULL ? container : issued);
    world->carried++;
    for (const struct double_row *row = world->rows; row != NULL && row->verb != NULL; row++) {
        if (strcmp(row->verb, verb) == 0 &&
            (row->container == NULL ||
             (container != NULL && strcmp(row->container, container) == 0))) {
            out->outcome = row->outcome;
            snprintf(out->code, sizeof out->code, "%s", row->code != NULL ? row->code : "");
            snprintf(out->text, sizeof out->text, "it's a \"no\" of the node + of its rules");
            break;
        }
    }
    if (out->outcome == P2P_TRADE_DONE) {
        snprintf(out->id, sizeof out->id, "beanr/1:%u", world->carried);
        CHECK(json_object_get(world->keys, key) == NULL); /* nothing is done twice */
        json_object_set_new(world->keys, key, json_string(out->id));
    }
}

static void open_journal(struct trade_world *world)
{
    CHECK_OK(p2p_journal_open(&world->trade.journal, world->dir.path, TRADE_WORLD_NOW_MS));
}

struct trade_world *trade_world_new(void)
{
    struct trade_world *world = calloc(1, sizeof *world);
    char problem[200];
    temp_dir_make(&world->dir);
    temp_path(&world->dir, "answers", world->answers);
    CHECK(mkdir(world->answers, 0700) == 0);
    CHECK_OK(p2p_agreement_read(&world->agreement, p2p_slice_text(AGREEMENT), problem,
                                sizeof problem));
    world->countdown = -1;
    world->keys = json_object();
    world->trade = (struct p2p_trade){.agreement = &world->agreement,
                                      .carrier = {.carry = carry, .context = world},
                                      .answers = world->answers,
                                      .now_ms = TRADE_WORLD_NOW_MS};
    open_journal(world);
    return world;
}

void trade_world_free(struct trade_world *world)
{
    p2p_journal_close(world->trade.journal);
    p2p_agreement_deinit(&world->agreement);
    json_decref(world->keys);
    temp_dir_remove(&world->dir);
    free(world);
}

void trade_world_reopen(struct trade_world *world)
{
    p2p_journal_close(world->trade.journal);
    world->trade.journal = NULL;
    open_journal(world);
}

void trade_world_take(struct trade_world *world, const char *text, const char *delivery)
{
    world->tally = (struct p2p_trade_tally){0};
    world->calls[0] = '\0';
    CHECK_OK(
        p2p_trade_take(&world->trade, p2p_slice_text(text), delivery, delivery, &world->tally));
}

void trade_world_retry(struct trade_world *world)
{
    world->tally = (struct p2p_trade_tally){0};
    world->calls[0] = '\0';
    CHECK_OK(p2p_trade_retry(&world->trade, 1000, &world->tally));
}

unsigned trade_world_answers(const struct trade_world *world)
{
    unsigned count = 0;
    DIR *dir = opendir(world->answers);
    for (struct dirent *each; (each = readdir(dir)) != NULL;) {
        CHECK(strstr(each->d_name, ".tmp") == NULL);
        count += each->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

void trade_world_answer(const struct trade_world *world, const char *part, char *text,
                        size_t bytes)
{
    char path[2 * TEMP_PATH_BYTES] = "";
    DIR *dir = opendir(world->answers);
    for (struct dirent *each; (each = readdir(dir)) != NULL;) {
        if (strstr(each->d_name, part) != NULL) {
            CHECK(path[0] == '\0');
            snprintf(path, sizeof path, "%s/%s", world->answers, each->d_name);
        }
    }
    closedir(dir);
    CHECK(path[0] != '\0');
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    size_t len = fread(text, 1, bytes - 1, file);
    fclose(file);
    text[len] = '\0';
}

void trade_world_check_answer(const struct trade_world *world, const char *part,
                              const char *expected)
{
    char text[4096];
    char flat[4096];
    size_t len = 0;
    trade_world_answer(world, part, text, sizeof text);
    char *from = strstr(text, "UNH");
    char *until = strstr(text, "\nUNZ+");
    CHECK(from != NULL && until != NULL);
    for (char *at = from; at < until; at++) {
        if (*at != '\n') {
            flat[len++] = *at;
        }
    }
    flat[len] = '\0';
    if (strcmp(flat, expected) != 0) {
        print_error("%s is %s\n", part, flat);
    }
    CHECK(strcmp(flat, expected) == 0);

    /* What we send is an interchange without a fault, from us to the sender. */
    struct p2p_edi_interchange *in = NULL;
    struct p2p_edi_fault where;
    size_t used = 0;
    CHECK_OK(p2p_edi_parse(&in, p2p_slice_text(text), &used, &where));
    CHECK(in->fault.code == P2P_EDI_GOOD && strcmp(in->sender.id, "PORT2PORT") == 0);
    for (size_t i = 0; i < in->message_count; i++) {
        CHECK(p2p_edi_sound(in, &in->messages[i]));
    }
    p2p_edi_free(in);
}

size_t trade_world_tasks(const struct trade_world *world)
{
    return json_object_size(p2p_journal_all(world->trade.journal, P2P_JOURNAL_TASKS));
}
