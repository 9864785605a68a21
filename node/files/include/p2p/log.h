/* The node's log: one JSON line per event; plain text when it goes to a terminal.
 *
 * A line is {"time","level","event", fields...}, time in RFC 3339 UTC with milliseconds. Error:
 * someone has to act. Warn: we degraded. Info: life cycle. Debug: decisions. Text is escaped
 * (control bytes, broken UTF-8) and cut at P2P_LOG_TEXT_BYTES_MAX, lines at
 * P2P_LOG_LINE_BYTES_MAX. Repeats of one event name beyond its bucket (a burst, then some per
 * second) are dropped and counted; the next that passes says "suppressed": n. Keys and payloads
 * never go in here: that is the caller's duty. Any thread; a line is written by one write call
 * and never waits for a sync. */
#ifndef P2P_LOG_H
#define P2P_LOG_H

#include <p2p/config.h>

#define P2P_LOG_TEXT_BYTES_MAX 256u
#define P2P_LOG_LINE_BYTES_MAX 4096u
#define P2P_LOG_BURST          50u /* lines of one event name at once */
#define P2P_LOG_PER_SECOND     5u  /* and then */
#define P2P_LOG_EVENTS_MAX                                                                     \
    256u /* event names with a bucket of their own; the others share one */

struct p2p_log;

struct p2p_log_clock {
    uint64_t (*wall_ms)(void *context);      /* since 1970 */
    uint64_t (*monotonic_ms)(void *context); /* for the buckets */
    void *context;
};

enum p2p_log_type {
    P2P_LOG_TYPE_TEXT,
    P2P_LOG_TYPE_UINT,
    P2P_LOG_TYPE_INT,
    P2P_LOG_TYPE_HEX,
    P2P_LOG_TYPE_BOOL
};

/* name is a literal; the rest is borrowed for the call. */
struct p2p_log_field {
    const char *name;
    enum p2p_log_type type;
    struct p2p_slice bytes; /* TEXT, HEX */
    uint64_t number;        /* UINT, INT (two's complement), BOOL */
};

struct p2p_log_field p2p_log_text(const char *name, const char *text); /* NULL: empty */
struct p2p_log_field p2p_log_slice(const char *name, struct p2p_slice text);
struct p2p_log_field p2p_log_hex(const char *name, const void *data,
                                 size_t n); /* at most 32 shown */
struct p2p_log_field p2p_log_uint(const char *name, uint64_t number);
struct p2p_log_field p2p_log_int(const char *name, int64_t number);
struct p2p_log_field p2p_log_bool(const char *name, bool yes);
struct p2p_log_field p2p_log_err(enum p2p_err err); /* "error": its sentence */

/* path "-" is stderr. clock NULL: the system's. P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_log_open(struct p2p_log **out, const char *path,
                                         enum p2p_log_level level,
                                         const struct p2p_log_clock *clock, char *message,
                                         size_t message_cap);
void p2p_log_close(struct p2p_log *log); /* writes what was suppressed; accepts NULL */
void p2p_log_set_level(struct p2p_log *log, enum p2p_log_level level);
bool p2p_log_enabled(const struct p2p_log *log, enum p2p_log_level level);
/* Opens the path again, after rotation; keeps the old file on failure. P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_log_reopen(struct p2p_log *log);

/* event is a literal like "peer.refused". A NULL log drops the line. */
void p2p_log_write(struct p2p_log *log, enum p2p_log_level level, const char *event,
                   const struct p2p_log_field *fields, size_t field_count);

/* p2p_log_write(log, P2P_LOG_INFO, "feed.extended", P2P_LOG_FIELDS(p2p_log_uint("size", 17)));
 */
#define P2P_LOG_FIELDS(...)                                                                    \
    (const struct p2p_log_field[]){__VA_ARGS__},                                               \
        sizeof((const struct p2p_log_field[]){__VA_ARGS__}) / sizeof(struct p2p_log_field)

#endif
