/* Keys of this member's issuers: which lie here, unlocking one for a session, locking it again.
 *
 * Unlocking derives from the passphrase first: 0.9 s and 256 MiB at moderate cost. That is the
 * slow part of the call (api.h), which runs before the call reaches the writer's thread: gates
 * go on answering meanwhile. The passphrase is wiped from the request as soon as it was used,
 * the derived key once it has opened that one issuer's file. */
#include "call.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

enum { UNLOCK_S_DEFAULT = 8 * 3600, UNLOCK_S_MAX = 366 * 86400 };

struct unlock {
    enum p2p_err err;
    struct p2p_unlock_key key;
};

/* ---- list ---- */

static const struct p2p_unlocked *find_session(const struct p2p_node *node, const char *issuer)
{
    for (size_t i = 0; i < node->unlocked_count; i++) {
        if (strcmp(node->unlocked[i].issuer, issuer) == 0 &&
            node->unlocked[i].until_mono_ms != UINT64_MAX) {
            return &node->unlocked[i];
        }
    }
    return NULL;
}

/* P2P_OK: its file opens without key unlock, by an empty passphrase or the one given at start.
 */
static enum p2p_err try_open(struct p2p_node *node, const char *file, const char *issuer)
{
    struct p2p_keydir_key key;
    enum p2p_err err =
        p2p_keydir_load(&node->keydir, file, P2P_KEY_ISSUER, issuer, &key, NULL, 0);
    if (err == P2P_OK) {
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

static bool is_known(const struct p2p_node *node, const struct p2p_keydir_entry *entry)
{
    const struct p2p_issuer *issuer = p2p_charter_issuer_named(
        p2p_engine_ledger(node->engine)->charter, p2p_slice_text(entry->name));
    return issuer != NULL && issuer->member == p2p_engine_member(node->engine) &&
           memcmp(issuer->key.bytes, entry->public_key, P2P_PUBLIC_BYTES) == 0;
}

static json_t *entry_json(struct p2p_node *node, const struct p2p_keydir_entry *entry)
{
    const struct p2p_unlocked *session = find_session(node, entry->name);
    bool open = try_open(node, entry->file, entry->name) == P2P_OK;
    bool unlocked = !open && session != NULL && session->until_mono_ms > node->now.mono_ms;
    uint64_t left_ms = unlocked ? session->until_mono_ms - node->now.mono_ms : 0;
    return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:b}", "issuer", entry->name, "file",
                     entry->file, "state",
                     open       ? "open"
                     : unlocked ? "unlocked"
                                : "locked",
                     "unlocked", open || unlocked, "until",
                     unlocked ? p2p_time_json(node->now.wall_ms + left_ms) : json_null(),
                     "for_s",
                     unlocked ? json_integer((json_int_t)(left_ms / 1000)) : json_null(),
                     "known", is_known(node, entry));
}

static void start_list(struct p2p_call *call, struct p2p_node *node)
{
    char message[P2P_MESSAGE_BYTES] = "";
    struct p2p_keydir_entry *entries = NULL;
    size_t count = 0;
    enum p2p_err err =
        p2p_keydir_list(&node->keydir, &entries, &count, message, sizeof(message));
    if (err != P2P_OK) {
        p2p_call_err(call, err, message);
        return;
    }
    json_t *keys = json_array();
    for (size_t i = 0; i < count; i++) {
        if (entries[i].err == P2P_OK && entries[i].purpose == P2P_KEY_ISSUER) {
            json_array_append_new(keys, entry_json(node, &entries[i]));
        }
    }
    free(entries);
    p2p_call_reply(call, json_pack("{s:o}", "keys", keys));
}

/* ---- unlock ---- */

void p2p_unlock_derive(struct p2p_call *call, struct p2p_node *node)
{
    json_t *text = json_object_get(call->body, "passphrase");
    struct unlock *unlock = p2p_call_take(call, sizeof(*unlock));
    size_t len = json_string_length(text);
    call->state = unlock;
    unlock->err = P2P_USAGE;
    if (json_is_string(text) && len < P2P_PASSPHRASE_BYTES_MAX) {
        unlock->err = p2p_kdf_derive(&node->keydir.kdf,
                                     p2p_slice_of(json_string_value(text), len), &unlock->key);
        p2p_wipe((char *)json_string_value(text), len);
        json_object_del(call->body, "passphrase");
    }
}

static bool read_span(struct p2p_call *call, json_int_t *seconds)
{
    json_t *value = json_object_get(call->body, "for_s");
    *seconds = value == NULL ? UNLOCK_S_DEFAULT : json_integer_value(value);
    if (*seconds < 1 || *seconds > UNLOCK_S_MAX) {
        p2p_call_error(call, 400, "bad-time", "for example --for 8h",
                       "a key is unlocked for 1 second to 366 days");
        return false;
    }
    return true;
}

void p2p_unlock_start(struct p2p_call *call, struct p2p_node *node)
{
    struct unlock *unlock = call->state;
    const char *issuer = p2p_call_text(call, "issuer");
    char message[P2P_MESSAGE_BYTES] = "";
    json_int_t seconds;
    p2p_assert(unlock != NULL); /* its slow part was run */
    if (issuer == NULL || unlock->err == P2P_USAGE) {
        p2p_call_error(call, 400, "bad-request", "see port2port key unlock --help",
                       "an issuer and a passphrase below %u bytes are needed",
                       P2P_PASSPHRASE_BYTES_MAX);
    } else if (unlock->err != P2P_OK) {
        p2p_call_err(call, unlock->err, "there was no memory to derive the key");
    } else if (read_span(call, &seconds)) {
        enum p2p_err err =
            p2p_node_unlock(node, issuer, &unlock->key, (uint64_t)seconds * 1000, message);
        char file[P2P_PATH_BYTES_MAX];
        bool open = err == P2P_OK && p2p_keydir_file(file, P2P_KEY_ISSUER, issuer) == P2P_OK &&
                    try_open(node, file, issuer) == P2P_OK;
        if (open) { /* by what serve was given: it stays so when the time is over */
            p2p_call_reply(call, json_pack("{s:s, s:s}", "issuer", issuer, "state", "open"));
        } else if (err == P2P_OK) {
            p2p_call_reply(
                call,
                json_pack("{s:s, s:s, s:o, s:I}", "issuer", issuer, "state", "unlocked",
                          "until", p2p_time_json(node->now.wall_ms + (uint64_t)seconds * 1000),
                          "for_s", seconds));
        } else {
            p2p_call_err(call, err, *message != '\0' ? message : p2p_err_text(err));
        }
    }
    p2p_wipe(unlock, sizeof(*unlock));
}

/* ---- lock ---- */

static void start_lock(struct p2p_call *call, struct p2p_node *node)
{
    const char *issuer = p2p_call_text(call, "issuer");
    char file[P2P_PATH_BYTES_MAX];
    if (issuer == NULL || p2p_keydir_file(file, P2P_KEY_ISSUER, issuer) != P2P_OK) {
        p2p_call_error(call, 400, "bad-request", "see port2port key list",
                       "the name of an issuer is needed");
        return;
    }
    p2p_node_lock(node, issuer);
    enum p2p_err err = try_open(node, file, issuer);
    if (err == P2P_NOTFOUND) {
        p2p_call_error(call, 404, "no-key", "see port2port key list",
                       "the key of %s is not on this node", issuer);
        return;
    }
    if (err == P2P_OK) {
        p2p_call_error(call, 403, "open",
                       "give its key file a passphrase of its own, which serve is not given",
                       "the key of %s opens without key unlock, by an empty passphrase or the "
                       "one that serve was given, so it cannot be locked",
                       issuer);
        return;
    }
    p2p_call_reply(call, json_pack("{s:s, s:s}", "issuer", issuer, "state", "locked"));
}

const struct p2p_route p2p_key_routes[] = {
    {.method = "GET",
     .path = "/v1/keys",
     .start = start_list,
     .who = P2P_WHO_SOCKET,
     .reply = "KeyList"},
    {.method = "POST",
     .path = "/v1/keys/unlock",
     .start = p2p_unlock_start,
     .who = P2P_WHO_SOCKET,
     .request = "KeyUnlock",
     .reply = "KeyState",
     .errors = "400 404"},
    {.method = "POST",
     .path = "/v1/keys/lock",
     .start = start_lock,
     .who = P2P_WHO_SOCKET,
     .request = "KeyLock",
     .reply = "KeyState",
     .errors = "400 404"},
    {0},
};
