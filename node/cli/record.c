#include "nouns.h"
#include "print.h"
#include "request.h"

#include <stdlib.h>
#include <string.h>

/* --field K=V ... -> {"K":"V"}; a key given twice becomes an array. NULL with *wrong set: no
 * "=". */
static json_t *fields_of(const struct p2p_cli_call *call, const char **wrong)
{
    json_t *fields = json_object();
    const char *given = NULL;
    *wrong = NULL;
    for (size_t n = 0; (given = p2p_cli_value_at(call, "field", n)) != NULL; n++) {
        const char *equals = strchr(given, '=');
        if (equals == NULL || equals == given) {
            *wrong = given;
            json_decref(fields);
            return NULL;
        }
        char *key = strndup(given, (size_t)(equals - given));
        json_t *value = json_string(equals + 1);
        json_t *old = key != NULL ? json_object_get(fields, key) : NULL;
        if (old == NULL) {
            json_object_set_new(fields, key != NULL ? key : "", value);
        } else if (json_is_array(old)) {
            json_array_append_new(old, value);
        } else {
            json_object_set_new(fields, key, json_pack("[O,o]", old, value));
        }
        free(key);
    }
    return fields;
}

static int add_run(struct p2p_cli_call *call)
{
    const char *wrong = NULL;
    json_t *fields = fields_of(call, &wrong);
    if (fields == NULL) {
        char text[P2P_CLI_SENTENCE_BYTES];
        snprintf(text, sizeof text, "--field %s has no value", wrong != NULL ? wrong : "");
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", text,
                            "write it as --field NAME=VALUE");
    }
    json_t *body = p2p_cli_body(call);
    if (body != NULL) {
        json_object_set(body, "fields", fields);
    }
    json_decref(fields);
    return p2p_cli_post(call, "/v1/records", body);
}

static const struct p2p_cli_command RECORD_COMMANDS[] = {
    {
        .verb = "add",
        .summary = "append a record of any kind",
        .options = P2P_CLI_OPTIONS({.name = "field",
                                    .value = "NAME=VALUE",
                                    .help = "a field of that kind; may be repeated",
                                    .rules = P2P_CLI_REPEATS | P2P_CLI_LOCAL},
                                   {.name = "circle", .value = "C", .help = "who may read it"}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "KIND", .help = "what kind of record", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_APPENDS,
        .run = add_run,
        .route = {.done = "record added"},
    },
    {
        .verb = "list",
        .summary = "the records of a kind",
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "KIND", .help = "what kind of record", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/records",
                  .rows = "records",
                  .print = p2p_cli_print_records,
                  .none = "no records of this kind"},
    },
    {
        .verb = "show",
        .summary = "one record, as it was signed",
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ID", .help = "a record, as beanr/1:17", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET", .path = "/v1/records/ID", .print = p2p_cli_print_record},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_record = {
    .name = "record",
    .summary = "records of every kind, as they stand in the feeds",
    .commands = RECORD_COMMANDS,
};
