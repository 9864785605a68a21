/* config.yaml as it is written: which keys it has, before anybody asks what they mean, and the
 * defaults that reading fills in and writing shows. Private to node/files. */
#ifndef P2P_CONFIG_YAML_H
#define P2P_CONFIG_YAML_H

#include <p2p/config.h>

#define CONFIG_FILE                   "config.yaml"
#define CONFIG_LISTEN_PEERS_DEFAULT   "0.0.0.0:7400"
#define CONFIG_LISTEN_PEOPLE_DEFAULT  "127.0.0.1:7401"
#define CONFIG_MAP_SIZE_DEFAULT       "64GiB"
#define CONFIG_SPOOL_SIZE_DEFAULT     "16MiB"
#define CONFIG_COMMIT_RECORDS_DEFAULT 512u
#define CONFIG_RATES_PERCENT_DEFAULT  100u

/* Strings and numbers are NULL and counts 0 where the file says nothing. */
struct config_raw {
    char *federation;
    char *member;
    char *role;
    char *locode;
    char *listen_peers;
    char *listen_people;
    char *dial_from;
    struct p2p_config_peer *peers;
    unsigned peers_count;
    char *copy;
    char *map_size;
    char *spool_size;
    char *release_level;
    uint32_t *commit_max_records;
    uint32_t *stale_after_s;
    char **operators;
    unsigned operators_count;
    char **tokens;
    unsigned tokens_count;
    uint32_t *rates_percent;
    char **witness_logs;
    unsigned witness_logs_count;
    char *log;
    char *level;
};

/* Reads text (terminated, len bytes before the zero) under the schema. *out is NULL for an
 * empty file; free it with config_yaml_free. Errors: P2P_MALFORMED (the message has file and
 * line), P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err config_yaml_load(struct config_raw **out, const char *file,
                                             const char *text, size_t len, char *message,
                                             size_t message_cap);
void config_yaml_free(struct config_raw *raw); /* accepts NULL */

/* The line of text that has `key:` first, list dashes aside; the last line when none has. */
unsigned config_yaml_line(const char *text, const char *key);

#endif
