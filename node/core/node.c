#include "feed_news.h"
#include "node_state.h"
#include "rates.h"
#include "replies.h"
#include "withheld.h"

#include <p2p/sigs_pool.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOREIGN_KEY_FILE "foreign.key"
#define FOREIGN_KEY_NAME "foreign"

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

/* The key that cosigns logs outside the federation, made when it is first needed: a cosigning
 * key is for one kind of thing only. */
static enum p2p_err load_foreign_key(struct p2p_node *node, char message[P2P_MESSAGE_BYTES])
{
    struct p2p_keydir_key key;
    if (node->config.witness_logs_count == 0) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_keydir_load(&node->keydir, FOREIGN_KEY_FILE, P2P_KEY_WITNESS,
                                       FOREIGN_KEY_NAME, &key, message, P2P_MESSAGE_BYTES);
    if (err == P2P_NOTFOUND) {
        err = p2p_keydir_make(&node->keydir, FOREIGN_KEY_FILE, P2P_KEY_WITNESS,
                              FOREIGN_KEY_NAME, &key, message, P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        p2p_witness_secret_init(&node->foreign_key, key.seed);
        p2p_wipe(&key, sizeof(key));
    }
    return err == P2P_MALFORMED ? P2P_CORRUPT : err;
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

static enum p2p_err drawn_key(struct p2p_node *node, const struct p2p_hash *hash,
                              struct p2p_circle_key *out, char message[P2P_MESSAGE_BYTES])
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    char file[P2P_PATH_BYTES_MAX];
    struct p2p_keydir_key key;
    p2p_hex_encode(hex, hash->bytes, sizeof(hash->bytes));
    enum p2p_err err = p2p_keydir_file(file, P2P_KEY_CIRCLE, hex);
    if (err == P2P_OK) {
        err = p2p_keydir_load(&node->keydir, file, P2P_KEY_CIRCLE, NULL, &key, message,
                              P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        memcpy(out->bytes, key.seed, sizeof(out->bytes));
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

static enum p2p_err load_generation(struct p2p_node *node, enum p2p_key_purpose purpose,
                                    uint32_t generation, uint8_t seed[P2P_SEED_BYTES],
                                    char message[P2P_MESSAGE_BYTES])
{
    char file[P2P_PATH_BYTES_MAX];
    struct p2p_keydir_key key;
    p2p_keydir_generation_file(file, purpose, generation);
    enum p2p_err err =
        p2p_keydir_load(&node->keydir, file, purpose, NULL, &key, message, P2P_MESSAGE_BYTES);
    if (err == P2P_OK) {
        memcpy(seed, key.seed, P2P_SEED_BYTES);
        p2p_wipe(&key, sizeof(key));
    }
    return err;
}

static enum p2p_err generation_keys(struct p2p_node *node, uint32_t generation,
                                    struct p2p_generation_keys *out,
                                    char message[P2P_MESSAGE_BYTES])
{
    uint8_t seed[P2P_SEED_BYTES];
    enum p2p_err err = load_generation(node, P2P_KEY_FEED, generation, seed, message);
    if (err == P2P_OK) {
        p2p_feed_secret_init(&out->feed, seed);
        err = load_generation(node, P2P_KEY_WITNESS, generation, seed, message);
    }
    if (err == P2P_OK) {
        p2p_witness_secret_init(&out->witness, seed);
        out->used = p2p_keydir_is_used(&node->keydir, generation);
    }
    p2p_wipe(seed, sizeof(seed));
    return err;
}

static enum p2p_err mark_used(struct p2p_node *node, uint32_t generation,
                              char message[P2P_MESSAGE_BYTES])
{
    return p2p_keydir_mark_used(&node->keydir, generation, message, P2P_MESSAGE_BYTES);
}

static enum p2p_err make_copy(struct p2p_node *node, const struct p2p_copy_point *point)
{
    char message[P2P_MESSAGE_BYTES];
    enum p2p_err err = p2p_copy_create(node->config.copy, point, message, sizeof(message));
    return err == P2P_OK
               ? p2p_copy_open(&node->copy, node->config.copy, message, sizeof(message))
               : err;
}

/* ---- opening ---- */

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
    uint64_t lost_bytes = 0;
    err = p2p_spool_open(&node->spool, path, node->boot, node->config.spool_bytes, &lost_bytes,
                         message, P2P_MESSAGE_BYTES);
    if (err == P2P_OK && !p2p_spool_reserved(node->spool)) {
        snprintf(node->alarm, sizeof(node->alarm),
                 "%.300s/spool: the disk has no room to reserve for decisions", node->dir);
    }
    if (err == P2P_OK && lost_bytes > 0) {
        snprintf(node->alarm, sizeof(node->alarm),
                 "%.300s/spool: %llu bytes at its end did not check; see spool.damaged",
                 node->dir, (unsigned long long)lost_bytes);
    }
    return err;
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
    p2p_node_now(node, &node->now);
    node->started_wall_ms = node->now.wall_ms;
    node->boot = node->now.wall_ms;
    node->drawn_key = drawn_key;
    node->generation_keys = generation_keys;
    node->mark_used = mark_used;
    node->make_copy = make_copy;
    enum p2p_err err = p2p_crypto_init();
    if (err == P2P_OK) {
        err = p2p_config_read(&node->config, node->dir, message, P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        err = open_keys(node, options->passphrase_file, message);
    }
    if (err == P2P_OK) {
        err = load_foreign_key(node, message);
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
    p2p_withheld_free(node->withheld);
    p2p_news_free(node->news);
    p2p_rates_close(node->rates);
    p2p_replies_close(node->replies);
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
