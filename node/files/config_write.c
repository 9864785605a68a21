#include "config_yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

static void write_size(FILE *out, const char *key, uint64_t bytes, const char *standard)
{
    if (bytes == 0) {
        fprintf(out, "# %s: %s\n", key, standard);
    } else {
        fprintf(out, "%s: %" PRIu64 "\n", key, bytes);
    }
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

static void write_words(FILE *out, const char *key, char *const *words, size_t count)
{
    fprintf(out, count == 0 ? "# %s: []\n" : "%s:\n", key);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  - %s\n", words[i]);
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
    write_text(out, "listen_peers", config->listen_peers, CONFIG_LISTEN_PEERS_DEFAULT);
    write_text(out, "listen_people", config->listen_people, CONFIG_LISTEN_PEOPLE_DEFAULT);
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
    write_size(out, "map_size", config->map_bytes, CONFIG_MAP_SIZE_DEFAULT);
    fputs("\n# What is reserved on the disk for decisions that cannot be recorded at once.\n",
          out);
    write_size(out, "spool_size", config->spool_bytes, CONFIG_SPOOL_SIZE_DEFAULT);
    fputs("\n# A release answers allow once a peer has it (mirrored), or at once (local).\n",
          out);
    write_text(out, "release_level", p2p_release_level_word(config->release_level), "");
    fputs("\n# Records in one commit at most.\n", out);
    write_number(out, "commit_max_records", config->commit_records_max,
                 CONFIG_COMMIT_RECORDS_DEFAULT);
    fputs("\n# Seconds after which silence of too many witnesses makes gates refer; 0 shows "
          "ages\n"
          "# only.\n",
          out);
    write_number(out, "stale_after_s", config->stale_after_s, 0);
    fputs("\n# Issuers who may run this node over its people's listener.\n", out);
    write_words(out, "operators", config->operators, config->operators_count);
    fputs("\n# Who may read there with a bearer token: NAME:SHA256 of the token in hex.\n",
          out);
    write_words(out, "tokens", config->tokens, config->tokens_count);
    fputs("\n# How much one caller there may ask, in percent of what is usual.\n", out);
    write_number(out, "rates_percent", config->rates_percent, CONFIG_RATES_PERCENT_DEFAULT);
    write_words(out, "witness_logs", config->witness_logs, config->witness_logs_count);
    fputs("\n# Where the log goes (- is standard error), and from which level: error, warn, "
          "info,\n"
          "# debug.\n",
          out);
    write_text(out, "log", config->log, "\"-\"");
    write_text(out, "level", p2p_log_level_word(config->level), "");
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
