#include <p2p/config.h>

#include <p2p/bytes.h>

#include <arpa/inet.h>
#include <cyaml/cyaml.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE            "config.yaml"
#define LISTEN_PEERS_DEFAULT   "0.0.0.0:7400"
#define LISTEN_PEOPLE_DEFAULT  "127.0.0.1:7401"
#define COPY_DEFAULT           "../copies/%s"
#define MAP_SIZE_DEFAULT       "64GiB"
#define COMMIT_RECORDS_DEFAULT 512u
#define COMMIT_RECORDS_MAX     4096u
#define STALE_AFTER_S_MAX      (365u * 24u * 3600u)
#define TEXT_MAX               1000u

/* What libcyaml fills; strings are NULL and counts 0 where the file says nothing. */
struct raw {
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
    char *release_level;
    uint32_t *commit_max_records;
    uint32_t *stale_after_s;
    char **operators;
    unsigned operators_count;
    char *log;
    char *level;
};

#define TEXT_FIELD(name)                                                                       \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw, name,  \
                           0, TEXT_MAX)
#define NUMBER_FIELD(name)                                                                     \
    CYAML_FIELD_UINT_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw, name)

static const cyaml_schema_field_t peer_fields[] = {
    CYAML_FIELD_STRING_PTR("member", CYAML_FLAG_POINTER, struct p2p_config_peer, member, 1,
                           TEXT_MAX),
    CYAML_FIELD_STRING_PTR("address", CYAML_FLAG_POINTER, struct p2p_config_peer, address, 1,
                           TEXT_MAX),
    CYAML_FIELD_END};
static const cyaml_schema_value_t peer_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct p2p_config_peer, peer_fields)};
static const cyaml_schema_value_t operator_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX)};
static const cyaml_schema_field_t raw_fields[] = {
    TEXT_FIELD(federation),
    TEXT_FIELD(member),
    TEXT_FIELD(role),
    TEXT_FIELD(locode),
    TEXT_FIELD(listen_peers),
    TEXT_FIELD(listen_people),
    TEXT_FIELD(dial_from),
    CYAML_FIELD_SEQUENCE("peers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw, peers,
                         &peer_value, 0, P2P_CONFIG_PEERS_MAX),
    TEXT_FIELD(copy),
    TEXT_FIELD(map_size),
    TEXT_FIELD(release_level),
    NUMBER_FIELD(commit_max_records),
    NUMBER_FIELD(stale_after_s),
    CYAML_FIELD_SEQUENCE("operators", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw,
                         operators, &operator_value, 0, P2P_CONFIG_OPERATORS_MAX),
    TEXT_FIELD(log),
    TEXT_FIELD(level),
    CYAML_FIELD_END};
static const cyaml_schema_value_t raw_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw, raw_fields)};

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

/* Where in the file */

static unsigned count_lines(const char *text, const char *end)
{
    unsigned line = 1;

    for (; text < end; text++) {
        line += *text == '\n';
    }
    return line;
}

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

/* Parsing: libcyaml says what is wrong through its log, first the fault, then where it had
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
    unsigned line = line_of_key(taking->text, key, strlen(key), 0);
    if (line == 0) {
        line = count_lines(taking->text, taking->text + strlen(taking->text));
    }
    snprintf(taking->message, taking->message_cap, "%s line %u: %s: %s", taking->file, line,
             key, why);
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

static void take_names(struct taking *taking, const struct raw *raw, struct p2p_config *config)
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

static void take_peers(struct taking *taking, const struct raw *raw, struct p2p_config *config)
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

static void take_operators(struct taking *taking, const struct raw *raw,
                           struct p2p_config *config)
{
    if (raw->operators_count == 0 || taking->err != P2P_OK) {
        return;
    }
    config->operators = calloc(raw->operators_count, sizeof(*config->operators));
    if (config->operators == NULL) {
        taking->err = P2P_NOMEM;
        return;
    }
    for (unsigned i = 0; i < raw->operators_count; i++) {
        if (!p2p_name_valid(p2p_slice_text(raw->operators[i]))) {
            refuse(taking, "operators", "\"%.80s\" is not an issuer's name", raw->operators[i]);
        }
        config->operators[i] = keep(taking, raw->operators[i]);
        config->operators_count++;
    }
}

static const char *or_default(const char *written, const char *standard)
{
    return written == NULL ? standard : written;
}

static void take_all(struct taking *taking, const struct raw *raw, struct p2p_config *config)
{
    char copy[sizeof(COPY_DEFAULT) + P2P_NAME_BYTES_MAX];
    const char *log = or_default(raw->log, "-");

    take_names(taking, raw, config);
    if (taking->err != P2P_OK) {
        return;
    }
    config->listen_peers = keep_address(taking, "listen_peers",
                                        or_default(raw->listen_peers, LISTEN_PEERS_DEFAULT));
    config->listen_people = keep_address(taking, "listen_people",
                                         or_default(raw->listen_people, LISTEN_PEOPLE_DEFAULT));
    config->dial_from = keep_dial_from(taking, or_default(raw->dial_from, ""));
    take_peers(taking, raw, config);
    snprintf(copy, sizeof(copy), COPY_DEFAULT, config->member);
    config->copy = keep_path(taking, "copy", or_default(raw->copy, copy));
    config->map_bytes =
        take_size(taking, "map_size", or_default(raw->map_size, MAP_SIZE_DEFAULT));
    config->release_level = (enum p2p_release_level)take_word(
        taking, "release_level", raw->release_level, release_words, 2, P2P_RELEASE_MIRRORED);
    config->commit_records_max =
        take_number(taking, "commit_max_records", raw->commit_max_records, 1,
                    COMMIT_RECORDS_MAX, COMMIT_RECORDS_DEFAULT);
    config->stale_after_s =
        take_number(taking, "stale_after_s", raw->stale_after_s, 0, STALE_AFTER_S_MAX, 0);
    take_operators(taking, raw, config);
    config->log = strcmp(log, "-") == 0 ? keep(taking, log) : keep_path(taking, "log", log);
    config->level = (enum p2p_log_level)take_word(taking, "level", raw->level, level_words, 4,
                                                  P2P_LOG_INFO);
}

enum p2p_err p2p_config_parse(struct p2p_config *config, const char *dir, const char *file,
                              struct p2p_slice text, char *message, size_t message_cap)
{
    struct complaint complaint = {"", 0};
    const cyaml_config_t cyaml = {.log_fn = listen_to_cyaml,
                                  .log_ctx = &complaint,
                                  .mem_fn = cyaml_mem,
                                  .log_level = CYAML_LOG_ERROR,
                                  .flags = CYAML_CFG_NO_ALIAS};
    struct p2p_config taken;
    struct raw *raw = NULL;
    struct raw nothing = {.federation = NULL};

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
    cyaml_err_t rc =
        cyaml_load_data(text.data, text.len, &cyaml, &raw_value, (cyaml_data_t **)&raw, NULL);
    if (rc == CYAML_ERR_OOM) {
        snprintf(message, message_cap, "%s: out of memory", file);
        taking.err = P2P_NOMEM;
    } else if (rc != CYAML_OK) {
        explain(&complaint, rc, file, terminated, message, message_cap);
        taking.err = P2P_MALFORMED;
    } else {
        take_all(&taking, raw == NULL ? &nothing : raw, &taken); /* NULL: an empty file */
    }
    cyaml_free(&cyaml, &raw_value, raw, 0);
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
    free(config->log);
    memset(config, 0, sizeof(*config));
}

/* Writing */

/* `key: value`, quoted; commented out with the default when the value is not given. */
static void write_text(FILE *out, const char *key, const char *value, const char *standard)
{
    if (value == NULL) {
        fprintf(out, "# %s: %s\n", key, standard);
        return;
    }
    fprintf(out, "%s: \"", key);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            fputc('\\', out);
        }
        fputc(*value, out);
    }
    fputs("\"\n", out);
}

static void write_number(FILE *out, const char *key, uint64_t value, uint64_t standard)
{
    fprintf(out, "%s%s: %" PRIu64 "\n", value == 0 ? "# " : "", key,
            value == 0 ? standard : value);
}

static void write_peers(FILE *out, const struct p2p_config *config)
{
    fputs(config->peers_count == 0
              ? "# peers:\n#   - member: bezee\n#     address: \"192.0.2.7:7400\"\n"
              : "peers:\n",
          out);
    for (size_t i = 0; i < config->peers_count; i++) {
        fprintf(out, "  - member: %s\n    address: \"%s\"\n", config->peers[i].member,
                config->peers[i].address);
    }
}

static void write_operators(FILE *out, const struct p2p_config *config)
{
    fputs(config->operators_count == 0 ? "# operators: []\n" : "operators:\n", out);
    for (size_t i = 0; i < config->operators_count; i++) {
        fprintf(out, "  - %s\n", config->operators[i]);
    }
}

static void write_all(FILE *out, const struct p2p_config *config)
{
    fputs("# A port2port node. A line that starts with # shows a default.\n"
          "# Relative paths are relative to this directory.\n\n"
          "# Who this is: the federation's name, the member's name in it, its role (port,\n"
          "# observer, police, customs, terminal) and its UN/LOCODE.\n",
          out);
    write_text(out, "federation", config->federation, "");
    write_text(out, "member", config->member, "");
    write_text(out, "role", p2p_role_word(config->role), "");
    write_text(out, "locode", config->locode, "\"\"");
    fputs("\n# Where other members, and where people and programs, reach this node.\n", out);
    write_text(out, "listen_peers", config->listen_peers, LISTEN_PEERS_DEFAULT);
    write_text(out, "listen_people", config->listen_people, LISTEN_PEOPLE_DEFAULT);
    fputs("\n# The address to dial from, where it matters to a firewall.\n", out);
    write_text(out, "dial_from", config->dial_from, "\"\"");
    fputs("\n# Addresses of members known by hand, used until their own records tell.\n", out);
    write_peers(out, config);
    fputs(
        "\n# The copy of the own checkpoint, outside this directory, best on another device:\n"
        "# it tells a restart from a restored backup.\n",
        out);
    write_text(out, "copy", config->copy, "../copies/MEMBER");
    fputs("\n# The largest size of the store; costs nothing until it is used.\n", out);
    if (config->map_bytes == 0) {
        fputs("# map_size: " MAP_SIZE_DEFAULT "\n", out);
    } else {
        fprintf(out, "map_size: %" PRIu64 "\n", config->map_bytes);
    }
    fputs("\n# A release answers allow once a peer has it (mirrored), or at once (local).\n",
          out);
    write_text(out, "release_level", release_words[config->release_level], "");
    fputs("\n# Records in one commit at most.\n", out);
    write_number(out, "commit_max_records", config->commit_records_max, COMMIT_RECORDS_DEFAULT);
    fputs("\n# Seconds after which silence of too many witnesses makes gates refer; 0 shows "
          "ages\n"
          "# only.\n",
          out);
    write_number(out, "stale_after_s", config->stale_after_s, 0);
    fputs("\n# Issuers who may run this node over its people's listener.\n", out);
    write_operators(out, config);
    fputs("\n# Where the log goes (- is standard error), and from which level: error, warn, "
          "info,\n"
          "# debug.\n",
          out);
    write_text(out, "log", config->log, "\"-\"");
    write_text(out, "level", level_words[config->level], "");
}

enum p2p_err p2p_config_write(const struct p2p_config *config, const char *dir, char *message,
                              size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    char *text = NULL;
    size_t len = 0;

    if (p2p_path_join(path, dir, CONFIG_FILE) != P2P_OK) {
        snprintf(message, message_cap, "%s: the path is too long", dir);
        return P2P_IO;
    }
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        snprintf(message, message_cap, "%s: out of memory", path);
        return P2P_NOMEM;
    }
    write_all(out, config);
    bool good = !ferror(out);
    good = fclose(out) == 0 && good;
    enum p2p_err err = P2P_NOMEM;
    if (good) {
        err = p2p_file_write(path, p2p_slice_of(text, len), 0644, P2P_FILE_NEW, message,
                             message_cap);
    }
    free(text);
    return err;
}
