/* Issuers' keys that this node may sign with: held for a session, wiped when it is over. */
#include "node_state.h"

#include <stdio.h>
#include <string.h>

static struct p2p_unlocked *find_unlocked(struct p2p_node *node, const char *issuer)
{
    for (size_t i = 0; i < node->unlocked_count; i++) {
        if (strcmp(node->unlocked[i].issuer, issuer) == 0) {
            return &node->unlocked[i];
        }
    }
    return NULL;
}

static enum p2p_err hold_issuer_key(struct p2p_node *node, struct p2p_keydir *keydir,
                                    const char *issuer, uint64_t until_mono_ms,
                                    char message[P2P_MESSAGE_BYTES], struct p2p_unlocked **out)
{
    struct p2p_keydir_key key;
    char file[P2P_PATH_BYTES_MAX];
    struct p2p_issuer_secret secret;
    struct p2p_unlocked *slot = find_unlocked(node, issuer);
    enum p2p_err err = p2p_keydir_file(file, P2P_KEY_ISSUER, issuer);
    if (err == P2P_OK) {
        err = p2p_keydir_load(keydir, file, P2P_KEY_ISSUER, issuer, &key, message,
                              P2P_MESSAGE_BYTES);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_issuer_secret_init(&secret, key.seed);
    p2p_wipe(&key, sizeof(key));
    if (slot != NULL &&
        memcmp(secret.public_key.bytes, slot->secret.public_key.bytes, P2P_PUBLIC_BYTES) != 0) {
        p2p_node_lock(node, issuer); /* the file was replaced; the batch may have borrowed it */
        slot = NULL;
    }
    if (slot == NULL) {
        if (node->unlocked_count == P2P_UNLOCKED_MAX) {
            p2p_wipe(&secret, sizeof(secret));
            snprintf(message, P2P_MESSAGE_BYTES, "%u keys are unlocked; lock one first",
                     P2P_UNLOCKED_MAX);
            return P2P_BUSY;
        }
        slot = &node->unlocked[node->unlocked_count++];
        snprintf(slot->issuer, sizeof(slot->issuer), "%s", issuer);
    }
    slot->secret = secret;
    slot->until_mono_ms = until_mono_ms;
    p2p_wipe(&secret, sizeof(secret));
    *out = slot;
    return P2P_OK;
}

void p2p_node_lock(struct p2p_node *node, const char *issuer)
{
    struct p2p_unlocked *slot = find_unlocked(node, issuer);
    if (slot != NULL) {
        slot->issuer[0] = '\0'; /* the batch that runs may have borrowed the secret */
    }
}

void p2p_node_sweep_keys(struct p2p_node *node)
{
    for (size_t i = 0; i < node->unlocked_count;) {
        struct p2p_unlocked *slot = &node->unlocked[i];
        if (slot->issuer[0] != '\0' && slot->until_mono_ms > node->now.mono_ms) {
            i++;
            continue;
        }
        struct p2p_unlocked *last = &node->unlocked[--node->unlocked_count];
        if (slot != last) {
            *slot = *last;
        }
        p2p_wipe(last, sizeof(*last));
    }
}

uint64_t p2p_node_keys_until(const struct p2p_node *node)
{
    uint64_t until_ms = UINT64_MAX;
    for (size_t i = 0; i < node->unlocked_count; i++) {
        const struct p2p_unlocked *slot = &node->unlocked[i];
        if (slot->issuer[0] == '\0') {
            return node->now.mono_ms + 1; /* with the next batch */
        }
        until_ms = slot->until_mono_ms < until_ms ? slot->until_mono_ms : until_ms;
    }
    return until_ms;
}

enum p2p_err p2p_node_issuer_key(struct p2p_node *node, const char *issuer,
                                 const struct p2p_issuer_secret **key)
{
    char message[P2P_MESSAGE_BYTES];
    struct p2p_unlocked *slot = find_unlocked(node, issuer);
    if (slot != NULL && slot->until_mono_ms <= node->now.mono_ms) {
        p2p_node_lock(node, issuer);
        slot = NULL;
    }
    if (slot == NULL) {
        enum p2p_err err =
            hold_issuer_key(node, &node->keydir, issuer, UINT64_MAX, message, &slot);
        if (err != P2P_OK) {
            return err == P2P_PASSPHRASE ? P2P_LOCKED : err;
        }
    }
    *key = &slot->secret;
    return P2P_OK;
}

enum p2p_err p2p_node_unlock(struct p2p_node *node, const char *issuer,
                             const struct p2p_unlock_key *key, uint64_t for_ms,
                             char message[P2P_MESSAGE_BYTES])
{
    struct p2p_unlocked *slot;
    struct p2p_keydir keydir = node->keydir; /* only for this issuer, and only now */
    keydir.given = *key;
    keydir.has_given = true;
    enum p2p_err err =
        hold_issuer_key(node, &keydir, issuer, node->now.mono_ms + for_ms, message, &slot);
    p2p_keydir_deinit(&keydir);
    return err;
}
