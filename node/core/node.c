#include "node_state.h"

#include <p2p/assert.h>
#include <p2p/sigs_pool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void p2p_node_now(struct p2p_now *now)
{
    now->mono_ms = clock_ms(CLOCK_BOOTTIME); /* counts suspension */
    now->wall_ms = clock_ms(CLOCK_REALTIME);
    int failed = getentropy(now->seed, sizeof(now->seed));
    p2p_assert(failed == 0); /* Linux gives 32 bytes always */
}

/* ---- keys ---- */

static enum p2p_err load_key(struct p2p_node *node, enum p2p_key_purpose purpose,
                             uint8_t seed[P2P_SEED_BYTES], char message[P2P_MESSAGE_BYTES])
{
    struct p2p_keydir_key key;
    char file[P2P_PATH_BYTES_MAX];
    enum p2p_err err = p2p_keydir_file(file, purpose, "");
    if (err == P2P_OK) {
        err = p2p_keydir_load(&node->keydir, file, purpose, NULL, &key, message,
                              P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        memcpy(seed, key.seed, P2P_SEED_BYTES);
        p2p_wipe(&key, sizeof(key));
    }
    return err == P2P_MALFORMED ? P2P_CORRUPT : err; /* malformed is what config.yaml may be */
}

static enum p2p_err unlock_with_file(struct p2p_node *node, const char *path,
                                     char message[P2P_MESSAGE_BYTES])
{
    char passphrase[P2P_PASSPHRASE_BYTES_MAX];
    size_t len = 0;
    enum p2p_err err = p2p_passphrase_read(path, passphrase, &len, message, P2P_MESSAGE_BYTES);
    if (err == P2P_OK) {
        err = p2p_keydir_unlock(&node->keydir, p2p_slice_of(passphrase, len), message,
                                P2P_MESSAGE_BYTES);
    }
    p2p_wipe(passphrase, sizeof(passphrase));
    return err;
}

static enum p2p_err open_keys(struct p2p_node *node, const char *passphrase_file,
                              char message[P2P_MESSAGE_BYTES])
{
    char dir[P2P_PATH_BYTES_MAX];
    uint8_t seed[P2P_SEED_BYTES];
    snprintf(dir, sizeof(dir), "%.*s/keys", (int)sizeof(dir) - 8, node->dir);
    enum p2p_err err = p2p_keydir_init(&node->keydir, dir, message, P2P_MESSAGE_BYTES);
    if (err == P2P_OK && passphrase_file != NULL) {
        err = unlock_with_file(node, passphrase_file, message);
    }
    if (err == P2P_OK && (err = load_key(node, P2P_KEY_FEED, seed, message)) == P2P_OK) {
        p2p_feed_secret_init(&node->feed_key, seed);
    }
    if (err == P2P_OK && (err = load_key(node, P2P_KEY_WITNESS, seed, message)) == P2P_OK) {
        p2p_witness_secret_init(&node->witness_key, seed);
    }
    if (err == P2P_OK && (err = load_key(node, P2P_KEY_TRANSPORT, seed, message)) == P2P_OK) {
        p2p_transport_secret_init(&node->transport_key, seed);
    }
    if (err == P2P_OK && (err = load_key(node, P2P_KEY_SEALING, seed, message)) == P2P_OK) {
        p2p_sealing_secret_init(&node->sealing_key, seed);
    }
    p2p_wipe(seed, sizeof(seed));
    return err;
}

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

/* ---- the copy ---- */

static void read_copy(struct p2p_node *node)
{
    char message[P2P_MESSAGE_BYTES];
    node->copy_state =
        p2p_copy_read(node->config.copy, &node->copy_point, message, sizeof(message));
    if (node->copy_state == P2P_COPY_OK &&
        p2p_copy_open(&node->copy, node->config.copy, message, sizeof(message)) != P2P_OK) {
        node->copy_state = P2P_COPY_UNREADABLE;
    }
    if (node->copy_state != P2P_COPY_OK) {
        snprintf(node->alarm, sizeof(node->alarm), "%s", message);
    }
}

/* ---- the engine ---- */

enum p2p_err p2p_node_open_engine(struct p2p_node *node)
{
    struct p2p_txn *txn;
    struct p2p_engine *engine = NULL;
    struct p2p_engine_options options = {
        .alloc = p2p_alloc_default(),
        .sigs = p2p_sigs_pool_sigs(node->sigs),
        .member = node->config.member,
        .feed_key = &node->feed_key,
        .witness_key = &node->witness_key,
        .sealing_key = &node->sealing_key,
        .listen_peers = node->config.listen_peers,
        .listen_people = node->config.listen_people,
        .stale_after_s = node->config.stale_after_s,
        .copy_lost = node->copy_state != P2P_COPY_OK,
        .copy_size = node->copy_point.size,
        .copy_root = node->copy_point.root,
        .copy_commit = node->copy_point.commit,
    };
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_engine_open(&engine, &options, p2p_txn_kv(txn));
    p2p_txn_abort(txn);
    if (err != P2P_OK) {
        return err;
    }
    const char *reason = p2p_store_read_only_reason(node->store);
    for (int i = P2P_READ_ONLY_NONE + 1; reason != NULL && i <= P2P_READ_ONLY_CLOSED; i++) {
        if (strcmp(reason, p2p_read_only_word((enum p2p_read_only)i)) == 0) {
            p2p_engine_set_read_only(engine, (enum p2p_read_only)i);
        }
    }
    if (node->read_back_failed && reason == NULL) {
        p2p_engine_set_read_only(engine, P2P_READ_ONLY_SYNC_FAILED);
    }
    p2p_engine_close(node->engine);
    node->engine = engine;
    return P2P_OK;
}

static enum p2p_err open_store(struct p2p_node *node, const struct p2p_node_options *options,
                               char message[P2P_MESSAGE_BYTES])
{
    char path[P2P_PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%.*s/store", (int)sizeof(path) - 8, node->dir);
    const struct p2p_store_options store = {.dir = path,
                                            .map_bytes = node->config.map_bytes,
                                            .lock_wait_ms = options->lock_wait_ms};
    enum p2p_err err = p2p_store_open(&node->store, &store, message, P2P_MESSAGE_BYTES);
    if (err != P2P_OK) {
        return err;
    }
    snprintf(path, sizeof(path), "%.*s/spool", (int)sizeof(path) - 8, node->dir);
    return p2p_spool_open(&node->spool, path, node->boot, NULL, message, P2P_MESSAGE_BYTES);
}

enum p2p_err p2p_node_open(struct p2p_node **out, const struct p2p_node_options *options,
                           char message[P2P_MESSAGE_BYTES])
{
    struct p2p_node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        snprintf(message, P2P_MESSAGE_BYTES, "out of memory");
        return P2P_NOMEM;
    }
    snprintf(node->dir, sizeof(node->dir), "%s", options->dir);
    p2p_node_now(&node->now);
    node->started_wall_ms = node->now.wall_ms;
    node->boot = node->now.wall_ms;
    enum p2p_err err = p2p_crypto_init();
    if (err == P2P_OK) {
        err = p2p_config_read(&node->config, node->dir, message, P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        err = open_keys(node, options->passphrase_file, message);
    }
    if (err == P2P_OK) {
        err = open_store(node, options, message);
    }
    if (err == P2P_OK) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        read_copy(node);
        err = p2p_sigs_pool_open(&node->sigs, cores > 1 ? (unsigned)cores - 1 : 0);
    }
    if (err == P2P_OK) {
        err = p2p_events_open(&node->events);
    }
    if (err == P2P_OK) {
        err = p2p_node_open_engine(node);
        if (err != P2P_OK) {
            snprintf(message, P2P_MESSAGE_BYTES, "%.300s/store: %s; see port2port doctor",
                     node->dir, p2p_err_text(err));
        }
    }
    if (err != P2P_OK) {
        p2p_node_close(node);
        return err;
    }
    *out = node;
    return P2P_OK;
}

void p2p_node_close(struct p2p_node *node)
{
    if (node == NULL) {
        return;
    }
    p2p_engine_close(node->engine);
    p2p_sigs_pool_close(node->sigs);
    p2p_spool_close(node->spool);
    p2p_copy_close(node->copy);
    p2p_store_close(node->store);
    p2p_events_close(node->events);
    p2p_log_close(node->log);
    p2p_keydir_deinit(&node->keydir);
    p2p_config_deinit(&node->config);
    p2p_wipe(node, sizeof(*node));
    free(node);
}

/* ---- a new member's store ---- */

enum p2p_err p2p_node_make_store(void *context, const char *dir, const char *member,
                                 const struct p2p_charter *charter, char *message,
                                 size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_store *store = NULL;
    struct p2p_txn *txn = NULL;
    struct p2p_ledger ledger = {0};
    struct p2p_arena arena;
    (void)context;
    snprintf(path, sizeof(path), "%s/store", dir);
    const struct p2p_store_options options = {.dir = path};
    p2p_arena_init(&arena, p2p_alloc_default(), P2P_BATCH_ARENA_BYTES);
    enum p2p_err err = p2p_store_open(&store, &options, message, message_cap);
    if (err != P2P_OK) {
        p2p_arena_deinit(&arena);
        return err;
    }
    err = p2p_store_begin(store, P2P_TXN_WRITE, &txn);
    if (err == P2P_OK) {
        err = p2p_ledger_open(&ledger, p2p_alloc_default(), p2p_sigs_ed25519(), p2p_txn_kv(txn),
                              NULL);
    }
    if (err == P2P_OK && p2p_charter_size(ledger.charter) > 0) {
        err = P2P_USAGE;
    }
    if (err == P2P_OK) {
        p2p_ledger_begin(&ledger, p2p_txn_kv(txn), &arena);
    }
    for (uint64_t i = 0; err == P2P_OK && i < p2p_charter_size(charter); i++) {
        struct p2p_slice leaf;
        struct p2p_slice note;
        err = p2p_charter_entry(charter, i, &leaf, &note);
        if (err == P2P_OK) {
            err = p2p_ledger_apply_charter(&ledger, i, leaf, note, NULL);
        }
    }
    if (err == P2P_OK) {
        err = p2p_ledger_finish(&ledger);
    }
    if (err == P2P_OK) {
        err = p2p_txn_commit(txn);
        txn = NULL;
    }
    if (err != P2P_OK) {
        snprintf(message, message_cap, "%s: the store of %s could not be made: %s", path,
                 member, p2p_err_text(err));
    }
    p2p_txn_abort(txn);
    p2p_ledger_close(&ledger);
    p2p_arena_deinit(&arena);
    p2p_store_close(store);
    return err;
}
