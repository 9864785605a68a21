#include "error.h"
#include "nouns.h"
#include "passphrase.h"
#include "style.h"

#include <p2p/bytes.h>
#include <p2p/member_init.h>
#include <p2p/node.h>
#include <p2p/text.h>

#include <string.h>

int p2p_cli_init_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "", passphrase[P2P_PASSPHRASE_BYTES_MAX];
    char path[P2P_PATH_BYTES_MAX], id[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    size_t len = 0;
    struct p2p_join join;
    enum p2p_role role = P2P_ROLE_PORT;
    enum p2p_err err = p2p_role_of(&role, p2p_slice_text(p2p_cli_value(call, "role", "port")));
    if (err == P2P_OK) {
        err = p2p_cli_passphrase(call, passphrase, &len, message, sizeof message);
    }
    struct p2p_member_init options = {
        .dir = call->dir,
        .federation = p2p_cli_value(call, "federation", ""),
        .name = p2p_cli_value(call, "name", ""),
        .locode = p2p_cli_value(call, "locode", NULL),
        .role = role,
        .cost = P2P_KDF_MODERATE,
        .passphrase = p2p_slice_of(passphrase, len),
        .now_ms = p2p_cli_wall_ms(),
        .store = {.make = p2p_node_make_store},
    };
    if (err == P2P_OK) {
        err = p2p_member_init(&options, message, sizeof message);
    }
    p2p_wipe(passphrase, sizeof passphrase);
    if (err == P2P_OK) {
        err = p2p_path_join(path, call->dir, "join.json");
    }
    if (err == P2P_OK) {
        err = p2p_join_read(&join, path, message, sizeof message);
    }
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, message);
    }
    if (len == 0) {
        fputs("The keys have an empty passphrase; --passphrase-file gives them one.\n",
              call->err);
    }
    p2p_hex_encode(id, join.federation_id.bytes, sizeof join.federation_id.bytes);
    if (call->json) {
        json_t *json =
            json_pack("{s:s,s:s,s:s,s:s,s:s}", "member", join.member, "federation",
                      join.federation, "federation_id", id, "dir", call->dir, "join", path);
        p2p_cli_put_json(call->out, json);
        json_decref(json);
    } else {
        fprintf(call->out,
                "%s is ready to join %s\nits id, to be compared by voice: %s\nSend this file "
                "to its "
                "roots, for charter admit: %s\n",
                join.member, join.federation, id, path);
    }
    return P2P_CLI_YES;
}
