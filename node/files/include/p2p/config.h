/* config.yaml: what a node is told by the people who run it.
 *
 * A key that is not in the table, a wrong type or a value out of range is an error that names
 * the file and the line. Sizes take KiB, MiB, GiB, TiB. Relative paths are relative to the
 * node's directory and come back joined to it. Everything has a default but federation and
 * member. Read once at start, on the main thread; the caller owns the object and its strings.
 */
#ifndef P2P_CONFIG_H
#define P2P_CONFIG_H

#include <p2p/charter.h>
#include <p2p/file.h>

#define P2P_CONFIG_BYTES_MAX     (256u << 10)
#define P2P_CONFIG_PEERS_MAX     4096u
#define P2P_CONFIG_OPERATORS_MAX 256u
#define P2P_CONFIG_LOGS_MAX      64u
#define P2P_CONFIG_TOKENS_MAX    64u

enum p2p_release_level { P2P_RELEASE_MIRRORED, P2P_RELEASE_LOCAL };
/* Also the levels of p2p/log.h. */
enum p2p_log_level { P2P_LOG_ERROR, P2P_LOG_WARN, P2P_LOG_INFO, P2P_LOG_DEBUG };

struct p2p_config_peer {
    char *member;
    char *address; /* HOST:PORT, [V6]:PORT */
};

struct p2p_config {
    char *federation;    /* the name in origins, e.g. sandbox.example */
    char *member;        /* [a-z0-9-]{1,32} */
    enum p2p_role role;  /* default port */
    char *locode;        /* five letters, "" when none */
    char *listen_peers;  /* HOST:PORT; default 0.0.0.0:7400 */
    char *listen_people; /* HOST:PORT; default 127.0.0.1:7401 */
    char *dial_from;     /* address to dial from; "" the system's choice */
    /* Addresses known by hand, used before any `address` record. */
    struct p2p_config_peer *peers;
    size_t peers_count;
    char *copy;         /* path of the copy; default ../copies/MEMBER, outside the directory */
    uint64_t map_bytes; /* map_size; default 64 GiB */
    uint64_t spool_bytes; /* spool_size: P2P_SPOOL_BYTES_MIN to _MAX; default 16 MiB */
    enum p2p_release_level release_level; /* default mirrored */
    uint32_t commit_records_max;          /* commit_max_records: 1 to 4,096, default 512 */
    uint32_t stale_after_s;               /* default 0: ages are only shown */
    char **operators; /* issuers whose people certificate may act on the node itself */
    size_t operators_count;
    char **tokens; /* who reads with a bearer token: NAME:SHA256 of the token, hex */
    size_t tokens_count;
    uint32_t rates_percent; /* of the rates of callers from outside; 1 to 10,000, default 100 */
    /* Logs outside the federation that are witnessed for consistency: verifier keys, checked.
     */
    char **witness_logs;
    size_t witness_logs_count;
    char *log;                /* path, or "-" for stderr (the default) */
    enum p2p_log_level level; /* default info */
};

/* Reads dir/config.yaml. Free with p2p_config_deinit. Errors: P2P_NOTFOUND, P2P_MALFORMED (the
 * message has file and line), P2P_TOOLARGE, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_config_read(struct p2p_config *config, const char *dir,
                                            char *message, size_t message_cap);
/* The same from memory; file is the name in messages. */
P2P_MUST_CHECK enum p2p_err p2p_config_parse(struct p2p_config *config, const char *dir,
                                             const char *file, struct p2p_slice text,
                                             char *message, size_t message_cap);
void p2p_config_deinit(struct p2p_config *config); /* accepts a zeroed object */

/* Writes a commented dir/config.yaml, new, for these values; strings that are NULL and numbers
 * that are 0 stand there as comments with their default; role, release_level and level are
 * always written. Paths are written as given. P2P_USAGE when it exists, P2P_FULL, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_config_write(const struct p2p_config *config, const char *dir,
                                             char *message, size_t message_cap);

const char *p2p_release_level_word(enum p2p_release_level level);
const char *p2p_log_level_word(enum p2p_log_level level);

#endif
