#include "charter_source.h"

#include "error.h"
#include "request.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A request of this size fits into what a node takes, whatever the last entry adds. */
#define BATCH_BYTES (512u * 1024u)

static int read_node(struct p2p_cli_charter *source)
{
    struct p2p_api_reply reply = {0};
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    int exit = P2P_CLI_YES;
    p2p_cli_session_get(&source->session, "/v1/charter", NULL, &reply);
    if (p2p_cli_is_problem(&reply)) {
        exit = p2p_cli_fail_reply(source->call, &reply);
        goto out;
    }
    char *text = json_dumps(reply.json, JSON_COMPACT);
    enum p2p_err err =
        text == NULL ? P2P_NOMEM
                     : p2p_bundle_parse(&source->charter, "the node's charter",
                                        p2p_slice_text(text), NULL, message, sizeof message);
    free(text);
    if (err != P2P_OK) {
        exit = p2p_cli_fail_err(source->call, err, message);
    }
out:
    p2p_api_reply_deinit(&reply);
    return exit;
}

int p2p_cli_charter_init(struct p2p_cli_charter *source, const struct p2p_cli_call *call)
{
    *source = (struct p2p_cli_charter){
        .call = call,
        .file = p2p_cli_value(call, "federation", NULL),
    };
    p2p_cli_session_of(&source->session, call);
    int exit = P2P_CLI_YES;
    if (source->file == NULL) {
        exit = read_node(source);
    } else {
        char message[P2P_MESSAGE_BYTES_MAX] = "";
        enum p2p_err err =
            p2p_bundle_read(&source->charter, source->file, NULL, message, sizeof message);
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message) : P2P_CLI_YES;
    }
    if (exit == P2P_CLI_YES) {
        source->known_size = p2p_charter_size(source->charter);
    }
    return exit;
}

void p2p_cli_charter_deinit(struct p2p_cli_charter *source)
{
    p2p_charter_free(source->charter);
    p2p_cli_session_deinit(&source->session);
    *source = (struct p2p_cli_charter){0};
}

/* {"record","checkpoint"} of one entry; NULL without memory. */
static json_t *entry_of(struct p2p_slice leaf, struct p2p_slice note)
{
    char *record = malloc(P2P_BASE64_BYTES(leaf.len));
    if (record == NULL) {
        return NULL;
    }
    p2p_base64_encode(record, leaf.data, leaf.len);
    json_t *entry =
        json_pack("{s:s,s:s%}", "record", record, "checkpoint", note.data, note.len);
    free(record);
    return entry;
}

/* Posts entries, which is emptied. */
static int post(struct p2p_cli_charter *source, json_t *entries)
{
    if (json_array_size(entries) == 0) {
        return P2P_CLI_YES;
    }
    json_t *body = json_pack("{s:O}", "entries", entries);
    struct p2p_api_reply reply = {0};
    p2p_cli_session_call(
        &source->session,
        &(struct p2p_api_request){.method = "POST", .path = "/v1/charter", .body = body},
        &reply);
    int exit =
        p2p_cli_is_problem(&reply) ? p2p_cli_fail_reply(source->call, &reply) : P2P_CLI_YES;
    p2p_api_reply_deinit(&reply);
    json_array_clear(entries);
    json_decref(body);
    return exit;
}

/* One entry more; a batch that is full goes out before. */
static int add(struct p2p_cli_charter *source, json_t *entries, size_t *bytes,
               struct p2p_slice leaf, struct p2p_slice note)
{
    int exit = P2P_CLI_YES;
    if (*bytes > 0 && *bytes + P2P_BASE64_BYTES(leaf.len) + note.len > BATCH_BYTES) {
        exit = post(source, entries);
        *bytes = 0;
    }
    *bytes += P2P_BASE64_BYTES(leaf.len) + note.len;
    if (exit == P2P_CLI_YES && json_array_append_new(entries, entry_of(leaf, note)) != 0) {
        exit = p2p_cli_fail_err(source->call, P2P_NOMEM, NULL);
    }
    return exit;
}

static int give_node(struct p2p_cli_charter *source, const struct p2p_charter *from,
                     uint64_t first)
{
    json_t *entries = json_array();
    int exit = entries != NULL ? P2P_CLI_YES : p2p_cli_fail_err(source->call, P2P_NOMEM, NULL);
    size_t bytes = 0;
    struct p2p_slice leaf, note;
    for (uint64_t i = first;
         exit == P2P_CLI_YES && p2p_charter_entry(from, i, &leaf, &note) == P2P_OK; i++) {
        exit = add(source, entries, &bytes, leaf, note);
    }
    /* While there are two heads the other one goes along: who holds one has to see both. */
    uint64_t split = 0;
    if (p2p_charter_rival(from, &split, &leaf, &note) == P2P_OK) {
        for (uint64_t i = split;
             exit == P2P_CLI_YES && p2p_charter_rival_entry(from, i, &leaf, &note) == P2P_OK;
             i++) {
            exit = add(source, entries, &bytes, leaf, note);
        }
    }
    if (exit == P2P_CLI_YES) {
        exit = post(source, entries);
    }
    json_decref(entries);
    return exit;
}

int p2p_cli_charter_give(struct p2p_cli_charter *source, const struct p2p_charter *from,
                         uint64_t first)
{
    const struct p2p_cli_call *call = source->call;
    uint64_t size = p2p_charter_size(from);
    int exit = P2P_CLI_YES;
    if (source->file == NULL) {
        exit = give_node(source, from, first);
    } else {
        char message[P2P_MESSAGE_BYTES_MAX] = "";
        enum p2p_err err = p2p_bundle_write(from, source->file, message, sizeof message);
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message) : P2P_CLI_YES;
    }
    if (exit != P2P_CLI_YES) {
        return exit;
    }
    char id[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    struct p2p_hash hash = p2p_charter_federation_id(from);
    p2p_hex_encode(id, hash.bytes, sizeof hash.bytes);
    if (call->json) {
        json_t *json = json_pack(
            "{s:s,s:I,s:I}", "federation_id", id, "version", (json_int_t)size, "added",
            (json_int_t)(size > source->known_size ? size - source->known_size : 0));
        p2p_cli_put_json(call->out, json);
        json_decref(json);
    } else if (size > source->known_size) {
        fprintf(call->out, "the charter of %s is now at version %" PRIu64 "\n",
                p2p_charter_federation(from), size);
    } else {
        fprintf(call->out, "the charter of %s is at version %" PRIu64 " already",
                p2p_charter_federation(from), source->known_size);
        if (size < source->known_size) {
            fprintf(call->out, "; this one is version %" PRIu64, size);
        }
        fputc('\n', call->out);
    }
    return P2P_CLI_YES;
}
