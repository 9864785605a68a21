#include "config_yaml.h"

#include <p2p/bytes.h>
#include <p2p/spool.h>
#include <p2p/text.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_DEFAULT       "../copies/%s"
#define COMMIT_RECORDS_MAX 4096u
#define RATES_PERCENT_MAX  10000u
#define STALE_AFTER_S_MAX  (365u * 24u * 3600u)

/* Words */

static const char *const release_words[] = {"mirrored", "local"};
static const char *const level_words[] = {"error", "warn", "info", "debug"};
_Static_assert(P2P_RELEASE_LOCAL + 1 == sizeof(release_words) / sizeof(release_words[0]),
               "a word for each release level");
_Static_assert(P2P_LOG_DEBUG + 1 == sizeof(level_words) / sizeof(level_words[0]),
               "a word for each log level");

const char *p2p_release_level_word(enum p2p_release_level level)
{
    return release_words[level];
}

const char *p2p_log_level_word(enum p2p_log_level level)
{
    return level_words[level];
}

/* From what was written to what it means. */

struct taking {
    const char *dir;
    const char *file;
    const char *text;
    char *message;
    size_t message_cap;
    enum p2p_err err; /* the first error; later steps do nothing */
};

__attribute__((format(printf, 3, 4))) static void refuse(struct taking *taking, const char *key,
                                                         const char *format, ...)
{
    char why[256];
    va_list args;

    if (taking->err != P2P_OK) {
        return;
    }
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    snprintf(taking->message, taking->message_cap, "%s line %u: %s: %s", taking->file,
             config_yaml_line(taking->text, key), key, why);
    taking->err = P2P_MALFORMED;
}

static char *keep(struct taking *taking, const char *text)
{
    char *copy = taking->err == P2P_OK ? strdup(text) : NULL;

    if (taking->err == P2P_OK && copy == NULL) {
        snprintf(taking->message, taking->message_cap, "%s: out of memory", taking->file);
        taking->err = P2P_NOMEM;
    }
    return copy;
}

static char *keep_path(struct taking *taking, const char *key, const char *path)
{
    char joined[P2P_PATH_BYTES_MAX];

    if (path[0] == '\0' || p2p_path_join(joined, taking->dir, path) != P2P_OK) {
        refuse(taking, key, "a path of 1 to %u bytes", P2P_PATH_BYTES_MAX - 1);
        return NULL;
    }
    return keep(taking, joined);
}

static bool address_valid(const char *address)
{
    const char *colon = strrchr(address, ':');
    char *end;

    if (colon == NULL || colon == address || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    unsigned long tcp_port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || tcp_port > 65535) {
        return false;
    }
    bool bracketed = address[0] == '[' && colon[-1] == ']';
    return strcspn(address, " /\t") == strlen(address) &&
           (bracketed || memchr(address, ':', (size_t)(colon - address)) == NULL);
}

static char *keep_address(struct taking *taking, const char *key, const char *address)
{
    if (!address_valid(address)) {
        refuse(taking, key, "\"%.80s\" is not HOST:PORT or [V6]:PORT", address);
        return NULL;
    }
    return keep(taking, address);
}

static char *keep_dial_from(struct taking *taking, const char *address)
{
    uint8_t binary[16];

    if (address[0] != '\0' && inet_pton(AF_INET, address, binary) != 1 &&
        inet_pton(AF_INET6, address, binary) != 1) {
        refuse(taking, "dial_from", "\"%.80s\" is not an IP address", address);
    }
    return keep(taking, address);
}

static uint64_t take_size(struct taking *taking, const char *key, const char *text)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    char *end = NULL;
    uint64_t number = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;

    for (size_t i = 0; end != NULL && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end + strspn(end, " "), units[i].suffix) == 0 && number > 0 &&
            number <= (uint64_t)INT64_MAX >> units[i].shift) {
            return number << units[i].shift;
        }
    }
    refuse(taking, key, "\"%.80s\" is not a size like 64GiB (KiB, MiB, GiB, TiB)", text);
    return 0;
}

static uint32_t take_number(struct taking *taking, const char *key, const uint32_t *written,
                            uint32_t low, uint32_t high, uint32_t standard)
{
    if (written == NULL) {
        return standard;
    }
    if (*written < low || *written > high) {
        refuse(taking, key, "%" PRIu32 " is not between %" PRIu32 " and %" PRIu32, *written,
               low, high);
    }
    return *written;
}

static unsigned take_word(struct taking *taking, const char *key, const char *written,
                          const char *const *words, unsigned count, unsigned standard)
{
    if (written == NULL) {
        return standard;
    }
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(written, words[i]) == 0) {
            return i;
        }
    }
    refuse(taking, key, "\"%.80s\" is none of the known words", written);
    return standard;
}

static void take_names(struct taking *taking, const struct config_raw *raw,
                       struct p2p_config *config)
{
    if (raw->federation == NULL) {
        refuse(taking, "federation", "is missing; write the federation's name");
    } else if (!p2p_federation_valid(p2p_slice_text(raw->federation))) {
        refuse(taking, "federation", "\"%.80s\" is not a name of [a-z0-9.-]", raw->federation);
    }
    if (raw->member == NULL) {
        refuse(taking, "member", "is missing; write this member's name");
    } else if (!p2p_name_valid(p2p_slice_text(raw->member))) {
        refuse(taking, "member", "\"%.80s\" is not a name of [a-z0-9-]{1,32}", raw->member);
    }
    config->role = P2P_ROLE_PORT;
    if (raw->role != NULL && p2p_role_of(&config->role, p2p_slice_text(raw->role)) != P2P_OK) {
        refuse(taking, "role", "\"%.80s\" is none of port, observer, police, customs, terminal",
               raw->role);
    }
    const char *locode = raw->locode == NULL ? "" : raw->locode;
    if (!p2p_locode_valid(p2p_slice_text(locode))) {
        refuse(taking, "locode", "\"%.80s\" is not a UN/LOCODE like BEANR", locode);
    }
    if (taking->err == P2P_OK) {
        config->federation = keep(taking, raw->federation);
        config->member = keep(taking, raw->member);
        config->locode = keep(taking, locode);
    }
}

static void take_peers(struct taking *taking, const struct config_raw *raw,
                       struct p2p_config *config)
{
    if (raw->peers_count == 0 || taking->err != P2P_OK) {
        return;
    }
    config->peers = calloc(raw->peers_count, sizeof(*config->peers));
    if (config->peers == NULL) {
        taking->err = P2P_NOMEM;
        return;
    }
    for (unsigned i = 0; i < raw->peers_count; i++) {
        const struct p2p_config_peer *peer = &raw->peers[i];
        if (!p2p_name_valid(p2p_slice_text(peer->member))) {
            refuse(taking, "peers", "member \"%.80s\" is not a name of [a-z0-9-]{1,32}",
                   peer->member);
        } else if (!address_valid(peer->address)) {
            refuse(taking, "peers", "address \"%.80s\" of %s is not HOST:PORT or [V6]:PORT",
                   peer->address, peer->member);
        }
        config->peers[i].member = keep(taking, peer->member);
        config->peers[i].address = keep(taking, peer->address);
        config->peers_count++;
    }
}

static bool is_issuer_name(const char *word)
{
    return p2p_name_valid(p2p_slice_text(word));
}

static bool is_token(const char *word)
{
    uint8_t hash[P2P_HASH_BYTES];
    const char *colon = strchr(word, ':');
    return colon != NULL && p2p_name_valid(p2p_slice_of(word, (size_t)(colon - word))) &&
           p2p_hex_decode(hash, sizeof(hash), p2p_slice_text(colon + 1)) == P2P_OK;
}

static bool is_log_key(const char *word)
{
    struct p2p_vkey vkey;
    return p2p_vkey_parse(&vkey, p2p_slice_text(word)) == P2P_OK &&
           vkey.type == P2P_NOTE_ED25519;
}

/* A list of words, each of which is `what`. */
static void take_words(struct taking *taking, const char *key, char *const *raw, unsigned count,
                       bool (*valid)(const char *word), const char *what, char ***out,
                       size_t *out_count)
{
    if (count == 0 || taking->err != P2P_OK) {
        return;
    }
    *out = calloc(count, sizeof(**out));
    if (*out == NULL) {
        taking->err = P2P_NOMEM;
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!valid(raw[i])) {
            refuse(taking, key, "\"%.80s\" is not %s", raw[i], what);
        }
        (*out)[i] = keep(taking, raw[i]);
        (*out_count)++;
    }
}

static const char *or_default(const char *written, const char *standard)
{
    return written == NULL ? standard : written;
}

static void take_all(struct taking *taking, const struct config_raw *raw,
                     struct p2p_config *config)
{
    char copy[sizeof(COPY_DEFAULT) + P2P_NAME_BYTES_MAX];
    const char *log = or_default(raw->log, "-");

    take_names(taking, raw, config);
    if (taking->err != P2P_OK) {
        return;
    }
    config->listen_peers = keep_address(
        taking, "listen_peers", or_default(raw->listen_peers, CONFIG_LISTEN_PEERS_DEFAULT));
    config->listen_people = keep_address(
        taking, "listen_people", or_default(raw->listen_people, CONFIG_LISTEN_PEOPLE_DEFAULT));
    config->dial_from = keep_dial_from(taking, or_default(raw->dial_from, ""));
    take_peers(taking, raw, config);
    snprintf(copy, sizeof(copy), COPY_DEFAULT, config->member);
    config->copy = keep_path(taking, "copy", or_default(raw->copy, copy));
    config->map_bytes =
        take_size(taking, "map_size", or_default(raw->map_size, CONFIG_MAP_SIZE_DEFAULT));
    config->spool_bytes =
        take_size(taking, "spool_size", or_default(raw->spool_size, CONFIG_SPOOL_SIZE_DEFAULT));
    if (taking->err == P2P_OK && (config->spool_bytes < P2P_SPOOL_BYTES_MIN ||
                                  config->spool_bytes > P2P_SPOOL_BYTES_MAX)) {
        refuse(taking, "spool_size", "\"%.80s\" is not between 64KiB and 1GiB",
               raw->spool_size);
    }
    config->release_level = (enum p2p_release_level)take_word(
        taking, "release_level", raw->release_level, release_words, 2, P2P_RELEASE_MIRRORED);
    config->commit_records_max =
        take_number(taking, "commit_max_records", raw->commit_max_records, 1,
                    COMMIT_RECORDS_MAX, CONFIG_COMMIT_RECORDS_DEFAULT);
    config->stale_after_s =
        take_number(taking, "stale_after_s", raw->stale_after_s, 0, STALE_AFTER_S_MAX, 0);
    take_words(taking, "operators", raw->operators, raw->operators_count, is_issuer_name,
               "an issuer's name", &config->operators, &config->operators_count);
    take_words(taking, "tokens", raw->tokens, raw->tokens_count, is_token,
               "NAME:SHA256 of a token in hex", &config->tokens, &config->tokens_count);
    config->rates_percent = take_number(taking, "rates_percent", raw->rates_percent, 1,
                                        RATES_PERCENT_MAX, CONFIG_RATES_PERCENT_DEFAULT);
    take_words(taking, "witness_logs", raw->witness_logs, raw->witness_logs_count, is_log_key,
               "a log's verifier key", &config->witness_logs, &config->witness_logs_count);
    config->log = strcmp(log, "-") == 0 ? keep(taking, log) : keep_path(taking, "log", log);
    config->level = (enum p2p_log_level)take_word(taking, "level", raw->level, level_words, 4,
                                                  P2P_LOG_INFO);
}

enum p2p_err p2p_config_parse(struct p2p_config *config, const char *dir, const char *file,
                              struct p2p_slice text, char *message, size_t message_cap)
{
    struct p2p_config taken;
    struct config_raw *raw = NULL;
    struct config_raw nothing = {.federation = NULL};

    if (text.len > P2P_CONFIG_BYTES_MAX) {
        snprintf(message, message_cap, "%s has more than %u bytes", file, P2P_CONFIG_BYTES_MAX);
        return P2P_TOOLARGE;
    }
    char *terminated = malloc(text.len + 1);
    if (terminated == NULL) {
        snprintf(message, message_cap, "%s: out of memory", file);
        return P2P_NOMEM;
    }
    memcpy(terminated, text.data, text.len);
    terminated[text.len] = '\0';
    memset(&taken, 0, sizeof(taken));
    struct taking taking = {dir, file, terminated, message, message_cap, P2P_OK};
    taking.err = config_yaml_load(&raw, file, terminated, text.len, message, message_cap);
    if (taking.err == P2P_OK) {
        take_all(&taking, raw == NULL ? &nothing : raw, &taken); /* NULL: an empty file */
    }
    config_yaml_free(raw);
    free(terminated);
    if (taking.err != P2P_OK) {
        p2p_config_deinit(&taken);
        return taking.err;
    }
    *config = taken;
    return P2P_OK;
}

enum p2p_err p2p_config_read(struct p2p_config *config, const char *dir, char *message,
                             size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    char *text = NULL;
    size_t len = 0;

    if (p2p_path_join(path, dir, CONFIG_FILE) != P2P_OK) {
        snprintf(message, message_cap, "%s: the path is too long", dir);
        return P2P_IO;
    }
    enum p2p_err err =
        p2p_file_read(path, P2P_CONFIG_BYTES_MAX, &text, &len, message, message_cap);
    if (err == P2P_NOTFOUND) {
        snprintf(message, message_cap,
                 "%s is missing: %s is not a node's directory; use -C DIR, or init", path, dir);
    }
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_config_parse(config, dir, path, p2p_slice_of(text, len), message, message_cap);
    free(text);
    return err;
}

void p2p_config_deinit(struct p2p_config *config)
{
    free(config->federation);
    free(config->member);
    free(config->locode);
    free(config->listen_peers);
    free(config->listen_people);
    free(config->dial_from);
    for (size_t i = 0; i < config->peers_count; i++) {
        free(config->peers[i].member);
        free(config->peers[i].address);
    }
    free(config->peers);
    free(config->copy);
    for (size_t i = 0; i < config->operators_count; i++) {
        free(config->operators[i]);
    }
    free(config->operators);
    for (size_t i = 0; i < config->tokens_count; i++) {
        free(config->tokens[i]);
    }
    free(config->tokens);
    for (size_t i = 0; i < config->witness_logs_count; i++) {
        free(config->witness_logs[i]);
    }
    free(config->witness_logs);
    free(config->log);
    memset(config, 0, sizeof(*config));
}
