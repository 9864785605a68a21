#include "config_yaml.h"

#include <p2p/bytes.h>

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1000u

#define TEXT_FIELD(name)                                                                       \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_raw, \
                           name, 0, TEXT_MAX)
#define NUMBER_FIELD(name)                                                                     \
    CYAML_FIELD_UINT_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_raw,   \
                         name)

static const cyaml_schema_field_t peer_fields[] = {
    CYAML_FIELD_STRING_PTR("member", CYAML_FLAG_POINTER, struct p2p_config_peer, member, 1,
                           TEXT_MAX),
    CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER, struct p2p_config_peer, address, 1,
                           TEXT_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t peer_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct p2p_config_peer, peer_fields)};
static const cyaml_schema_value_t word_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX)};
static const cyaml_schema_field_t raw_fields[] = {
    TEXT_FIELD(federation),
    TEXT_FIELD(member),
    TEXT_FIELD(role),
    TEXT_FIELD(locode),
    TEXT_FIELD(listen_peers),
    TEXT_FIELD(listen_people),
    TEXT_FIELD(dial_from),
    CYAML_FIELD_SEQUENCE("peers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_raw,
                         peers, &peer_value, 0, P2P_CONFIG_PEERS_MAX),
    TEXT_FIELD(copy),
    TEXT_FIELD(map_size),
    TEXT_FIELD(spool_size),
    TEXT_FIELD(release_level),
    NUMBER_FIELD(commit_max_records),
    NUMBER_FIELD(stale_after_s),
    CYAML_FIELD_SEQUENCE("operators", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct config_raw, operators, &word_value, 0,
                         P2P_CONFIG_OPERATORS_MAX),
    CYAML_FIELD_SEQUENCE("tokens", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_raw,
                         tokens, &word_value, 0, P2P_CONFIG_TOKENS_MAX),
    NUMBER_FIELD(rates_percent),
    CYAML_FIELD_SEQUENCE("witness_logs", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct config_raw, witness_logs, &word_value, 0, P2P_CONFIG_LOGS_MAX),
    TEXT_FIELD(log),
    TEXT_FIELD(level),
    CYAML_FIELD_END};
static const cyaml_schema_value_t raw_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_raw, raw_fields)};

/* Where in the file */

/* The first line after line `after` that has `key:` first, list dashes aside; 0 when none. */
static unsigned line_of_key(const char *text, const char *key, size_t key_len, unsigned after)
{
    unsigned line = 1;

    for (const char *at = text; at != NULL && *at != '\0'; line++) {
        const char *word = at + strspn(at, " \t-\"'");
        if (line > after && strncmp(word, key, key_len) == 0 &&
            (word[key_len] == ':' || word[key_len] == '"' || word[key_len] == '\'' ||
             word[key_len] == ' ')) {
            return line;
        }
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return 0;
}

unsigned config_yaml_line(const char *text, const char *key)
{
    unsigned line = line_of_key(text, key, strlen(key), 0);

    if (line == 0) {
        for (line = 1; *text != '\0'; text++) {
            line += *text == '\n';
        }
    }
    return line;
}

/* Loading: libcyaml says what is wrong through its log, first the fault, then where it had
 * been. */

struct complaint {
    char text[256];
    unsigned line; /* of the last event libcyaml had understood; 0: none */
};

static void listen_to_cyaml(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct complaint *complaint = context;
    char text[256];

    (void)level;
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *line = strstr(text, "(line: ");
    if (line != NULL) {
        if (complaint->line == 0) {
            complaint->line = (unsigned)strtoul(line + 7, NULL, 10);
        }
    } else if (complaint->text[0] == '\0' && strstr(text, "Backtrace") == NULL) {
        const char *start = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
        snprintf(complaint->text, sizeof(complaint->text), "%s", start);
    }
}

static const char *after_prefix(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static void explain(const struct complaint *complaint, cyaml_err_t rc, const char *file,
                    const char *text, char *message, size_t message_cap)
{
    const char *key = after_prefix(complaint->text, "Unexpected key: ");
    const char *twice = after_prefix(complaint->text, "Mapping field already seen: ");

    /* For both libcyaml has only the place of the value before. */
    const char *searched = key != NULL ? key : twice;
    unsigned line =
        searched == NULL ? 0 : line_of_key(text, searched, strlen(searched), complaint->line);
    line = line == 0 ? complaint->line : line;
    if (key != NULL) {
        snprintf(
            message, message_cap,
            "%s line %u: unknown key \"%s\"; see the comments of a new config.yaml for all",
            file, line, key);
    } else if (twice != NULL) {
        snprintf(message, message_cap, "%s line %u: \"%s\" stands there twice", file, line,
                 twice);
    } else if (rc == CYAML_ERR_LIBYAML_PARSER) {
        snprintf(message, message_cap, "%s at or after line %u: not YAML: %s", file,
                 line == 0 ? 1 : line,
                 complaint->text[0] == '\0' ? cyaml_strerror(rc) : complaint->text);
    } else {
        snprintf(message, message_cap, "%s line %u: %s", file, line == 0 ? 1 : line,
                 complaint->text[0] == '\0' ? cyaml_strerror(rc) : complaint->text);
    }
}

static cyaml_config_t cyaml_config(struct complaint *complaint)
{
    return (cyaml_config_t){.log_fn = listen_to_cyaml,
                            .log_ctx = complaint,
                            .mem_fn = cyaml_mem,
                            .log_level = CYAML_LOG_ERROR,
                            .flags = CYAML_CFG_NO_ALIAS};
}

enum p2p_err config_yaml_load(struct config_raw **out, const char *file, const char *text,
                              size_t len, char *message, size_t message_cap)
{
    struct complaint complaint = {"", 0};
    const cyaml_config_t cyaml = cyaml_config(&complaint);
    struct config_raw *raw = NULL;

    cyaml_err_t rc = cyaml_load_data((const uint8_t *)text, len, &cyaml, &raw_value,
                                     (cyaml_data_t **)&raw, NULL);
    if (rc == CYAML_ERR_OOM) {
        snprintf(message, message_cap, "%s: out of memory", file);
        return P2P_NOMEM;
    }
    if (rc != CYAML_OK) {
        explain(&complaint, rc, file, text, message, message_cap);
        return P2P_MALFORMED;
    }
    *out = raw;
    return P2P_OK;
}

void config_yaml_free(struct config_raw *raw)
{
    struct complaint unheard = {"", 0};
    const cyaml_config_t cyaml = cyaml_config(&unheard);

    cyaml_free(&cyaml, &raw_value, raw, 0);
}
