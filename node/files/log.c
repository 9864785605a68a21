#include <p2p/log.h>

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVENT_BYTES_MAX 48u
#define HEX_SHOWN_MAX   32u
/* Kept free in a line for its closing bytes. */
#define LINE_END_BYTES 4u

struct bucket {
    char event[EVENT_BYTES_MAX];
    uint64_t refilled_ms;
    uint32_t tokens;
    uint64_t suppressed;
    enum p2p_log_level level; /* of the last one that was suppressed */
};

struct p2p_log {
    pthread_mutex_t mutex;
    struct p2p_log_clock clock;
    int fd;
    bool terminal;    /* people read it: text instead of JSON */
    atomic_int level; /* enum p2p_log_level; read without the mutex */
    struct bucket buckets[P2P_LOG_EVENTS_MAX + 1]; /* the last one is shared */
    size_t bucket_count;
    char path[P2P_PATH_BYTES_MAX];
};

/* Clocks */

static uint64_t now_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t system_wall_ms(void *context)
{
    (void)context;
    return now_ms(CLOCK_REALTIME);
}

static uint64_t system_monotonic_ms(void *context)
{
    (void)context;
    return now_ms(CLOCK_MONOTONIC);
}

/* Fields */

struct p2p_log_field p2p_log_slice(const char *name, struct p2p_slice text)
{
    return (struct p2p_log_field){name, P2P_LOG_TYPE_TEXT, text, 0};
}

struct p2p_log_field p2p_log_text(const char *name, const char *text)
{
    return p2p_log_slice(name, p2p_slice_text(text == NULL ? "" : text));
}

struct p2p_log_field p2p_log_hex(const char *name, const void *data, size_t n)
{
    return (struct p2p_log_field){name, P2P_LOG_TYPE_HEX, p2p_slice_of(data, n), 0};
}

struct p2p_log_field p2p_log_uint(const char *name, uint64_t number)
{
    return (struct p2p_log_field){name, P2P_LOG_TYPE_UINT, {NULL, 0}, number};
}

struct p2p_log_field p2p_log_int(const char *name, int64_t number)
{
    return (struct p2p_log_field){name, P2P_LOG_TYPE_INT, {NULL, 0}, (uint64_t)number};
}

struct p2p_log_field p2p_log_bool(const char *name, bool yes)
{
    return (struct p2p_log_field){name, P2P_LOG_TYPE_BOOL, {NULL, 0}, yes};
}

struct p2p_log_field p2p_log_err(enum p2p_err err)
{
    return p2p_log_text("error", p2p_err_text(err));
}

/* Lines */

/* The length of the well-formed UTF-8 character at `at`, 0 when there is none. */
static size_t character_len(struct p2p_slice text, size_t at)
{
    size_t most = text.len - at < 4 ? text.len - at : 4;

    for (size_t len = 1; len <= most; len++) {
        if (p2p_utf8_valid(p2p_slice_of(text.data + at, len))) {
            return len;
        }
    }
    return 0;
}

/* Bidirectional controls and line separators can make a terminal or an editor show another
 * text. */
static bool deceptive(const uint8_t *character, size_t len)
{
    if (len == 2) {
        return character[0] == 0xc2 && character[1] < 0xa0; /* C1 controls */
    }
    if (len != 3 || character[0] != 0xe2) {
        return false;
    }
    return (character[1] == 0x80 && character[2] >= 0x8b && character[2] <= 0xae &&
            (character[2] <= 0x8f || character[2] >= 0xa8)) ||
           (character[1] == 0x81 && character[2] >= 0xa6 && character[2] <= 0xa9);
}

static void put_unicode_escape(struct p2p_writer *line, unsigned code)
{
    char text[8];

    snprintf(text, sizeof(text), "\\u%04x", code);
    p2p_writer_text(line, text);
}

static unsigned code_of_three(const uint8_t *at)
{
    return (unsigned)(at[0] & 0x0f) << 12 | (unsigned)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
}

/* One character as a JSON string may hold it; returns how many bytes of text it took. */
static size_t put_character(struct p2p_writer *line, struct p2p_slice text, size_t at)
{
    const uint8_t *character = text.data + at;
    size_t len = character_len(text, at);

    if (len == 0) {
        p2p_writer_text(line, "\\ufffd"); /* U+FFFD stands for a broken byte */
        return 1;
    }
    if (character[0] == '"' || character[0] == '\\') {
        p2p_writer_u8(line, '\\');
        p2p_writer_u8(line, character[0]);
    } else if (character[0] < 0x20 || character[0] == 0x7f) {
        put_unicode_escape(line, character[0]);
    } else if (deceptive(character, len)) {
        put_unicode_escape(line, len == 2 ? 0x80u + (character[1] & 0x3fu)
                                          : code_of_three(character));
    } else {
        p2p_writer_bytes(line, character, len);
    }
    return len;
}

static void put_string(struct p2p_writer *line, struct p2p_slice text)
{
    size_t end = text.len < P2P_LOG_TEXT_BYTES_MAX ? text.len : P2P_LOG_TEXT_BYTES_MAX;

    p2p_writer_u8(line, '"');
    for (size_t at = 0; at < end;) {
        at += put_character(line, text, at);
    }
    p2p_writer_text(line, end < text.len ? "...\"" : "\"");
}

static void put_hex(struct p2p_writer *line, struct p2p_slice bytes)
{
    char text[P2P_HEX_BYTES(HEX_SHOWN_MAX)];
    size_t shown = bytes.len < HEX_SHOWN_MAX ? bytes.len : HEX_SHOWN_MAX;

    p2p_hex_encode(text, bytes.data, shown);
    p2p_writer_u8(line, '"');
    p2p_writer_text(line, text);
    p2p_writer_text(line, shown < bytes.len ? "...\"" : "\"");
}

static void put_value(struct p2p_writer *line, const struct p2p_log_field *field)
{
    char number[24];

    switch (field->type) {
    case P2P_LOG_TYPE_TEXT:
        put_string(line, field->bytes);
        return;
    case P2P_LOG_TYPE_HEX:
        put_hex(line, field->bytes);
        return;
    case P2P_LOG_TYPE_UINT:
        snprintf(number, sizeof(number), "%" PRIu64, field->number);
        break;
    case P2P_LOG_TYPE_INT:
        snprintf(number, sizeof(number), "%" PRId64, (int64_t)field->number);
        break;
    case P2P_LOG_TYPE_BOOL:
        snprintf(number, sizeof(number), "%s", field->number != 0 ? "true" : "false");
        break;
    }
    p2p_writer_text(line, number);
}

static void put_field(const struct p2p_log *log, struct p2p_writer *line,
                      const struct p2p_log_field *field)
{
    struct p2p_writer before = *line;

    if (log->terminal) {
        p2p_writer_u8(line, ' ');
        p2p_writer_text(line, field->name);
        p2p_writer_u8(line, '=');
    } else {
        p2p_writer_u8(line, ',');
        put_string(line, p2p_slice_text(field->name));
        p2p_writer_u8(line, ':');
    }
    put_value(line, field);
    if (line->failed) { /* no half fields: the line stays readable */
        *line = before;
    }
}

static void put_start(const struct p2p_log *log, struct p2p_writer *line,
                      enum p2p_log_level level, const char *event)
{
    uint64_t wall_ms = log->clock.wall_ms(log->clock.context);
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    char stamp[64];

    gmtime_r(&seconds, &utc);
    snprintf(stamp, sizeof(stamp), "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             (unsigned)(wall_ms % 1000));
    if (log->terminal) {
        p2p_writer_text(line, stamp);
        p2p_writer_u8(line, ' ');
        p2p_writer_text(line, p2p_log_level_word(level));
        p2p_writer_u8(line, ' ');
        p2p_writer_text(line, event);
        return;
    }
    p2p_writer_text(line, "{\"time\":\"");
    p2p_writer_text(line, stamp);
    p2p_writer_text(line, "\",\"level\":\"");
    p2p_writer_text(line, p2p_log_level_word(level));
    p2p_writer_text(line, "\",\"event\":");
    put_string(line, p2p_slice_text(event));
}

/* The caller holds the mutex. */
static void write_line(struct p2p_log *log, enum p2p_log_level level, const char *event,
                       uint64_t suppressed, const struct p2p_log_field *fields, size_t count)
{
    char bytes[P2P_LOG_LINE_BYTES_MAX];
    struct p2p_writer line;

    p2p_writer_init(&line, bytes, sizeof(bytes) - LINE_END_BYTES);
    put_start(log, &line, level, event);
    if (suppressed > 0) {
        struct p2p_log_field field = p2p_log_uint("suppressed", suppressed);
        put_field(log, &line, &field);
    }
    for (size_t i = 0; i < count; i++) {
        put_field(log, &line, &fields[i]);
    }
    line.cap = sizeof(bytes);
    p2p_writer_text(&line, log->terminal ? "\n" : "}\n");
    while (write(log->fd, bytes, line.len) < 0 && errno == EINTR) {
        continue; /* a full disk loses log lines, nothing else */
    }
}

/* Buckets */

static struct bucket *bucket_of(struct p2p_log *log, const char *event, uint64_t now)
{
    for (size_t i = 0; i < log->bucket_count; i++) {
        if (strncmp(log->buckets[i].event, event, EVENT_BYTES_MAX - 1) == 0) {
            return &log->buckets[i];
        }
    }
    bool room = log->bucket_count < P2P_LOG_EVENTS_MAX;
    struct bucket *bucket = &log->buckets[room ? log->bucket_count : P2P_LOG_EVENTS_MAX];
    if (room || bucket->event[0] == '\0') {
        *bucket = (struct bucket){.refilled_ms = now, .tokens = P2P_LOG_BURST};
        snprintf(bucket->event, sizeof(bucket->event), "%s", room ? event : "other");
        log->bucket_count += room;
    }
    return bucket;
}

static bool bucket_take(struct bucket *bucket, uint64_t now)
{
    uint64_t elapsed_ms = now > bucket->refilled_ms ? now - bucket->refilled_ms : 0;
    uint64_t most_ms = (uint64_t)P2P_LOG_BURST * 1000 / P2P_LOG_PER_SECOND;

    if (elapsed_ms >= most_ms) {
        bucket->tokens = P2P_LOG_BURST;
        bucket->refilled_ms = now;
    } else {
        uint64_t earned = elapsed_ms * P2P_LOG_PER_SECOND / 1000;
        bucket->refilled_ms += earned * 1000 / P2P_LOG_PER_SECOND;
        earned += bucket->tokens;
        bucket->tokens = earned < P2P_LOG_BURST ? (uint32_t)earned : P2P_LOG_BURST;
    }
    if (bucket->tokens == 0) {
        return false;
    }
    bucket->tokens--;
    return true;
}

/* Life cycle */

static int open_path(const char *path)
{
    return strcmp(path, "-") == 0 ? dup(STDERR_FILENO)
                                  : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

enum p2p_err p2p_log_open(struct p2p_log **out, const char *path, enum p2p_log_level level,
                          const struct p2p_log_clock *clock, char *message, size_t message_cap)
{
    static const struct p2p_log_clock system_clock = {system_wall_ms, system_monotonic_ms,
                                                      NULL};
    struct p2p_log *log = calloc(1, sizeof(*log));

    if (log == NULL) {
        snprintf(message, message_cap, "log %s: out of memory", path);
        return P2P_NOMEM;
    }
    log->clock = clock == NULL ? system_clock : *clock;
    log->level = (int)level;
    int len = snprintf(log->path, sizeof(log->path), "%s", path);
    log->fd = len > 0 && (size_t)len < sizeof(log->path) ? open_path(path) : -1;
    if (log->fd < 0 || pthread_mutex_init(&log->mutex, NULL) != 0) {
        snprintf(message, message_cap, "log %s: %s", path, strerror(errno));
        free(log);
        return P2P_IO;
    }
    log->terminal = isatty(log->fd) == 1;
    *out = log;
    return P2P_OK;
}

void p2p_log_close(struct p2p_log *log)
{
    if (log == NULL) {
        return;
    }
    for (size_t i = 0; i <= P2P_LOG_EVENTS_MAX; i++) {
        struct bucket *bucket = &log->buckets[i];
        if (bucket->suppressed > 0) {
            write_line(log, bucket->level, bucket->event, bucket->suppressed, NULL, 0);
        }
    }
    pthread_mutex_destroy(&log->mutex);
    close(log->fd);
    free(log);
}

void p2p_log_set_level(struct p2p_log *log, enum p2p_log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

bool p2p_log_enabled(const struct p2p_log *log, enum p2p_log_level level)
{
    return log != NULL && (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

enum p2p_err p2p_log_reopen(struct p2p_log *log)
{
    int fd = open_path(log->path);

    if (fd < 0) {
        return P2P_IO;
    }
    pthread_mutex_lock(&log->mutex);
    close(log->fd);
    log->fd = fd;
    log->terminal = isatty(fd) == 1;
    pthread_mutex_unlock(&log->mutex);
    return P2P_OK;
}

void p2p_log_write(struct p2p_log *log, enum p2p_log_level level, const char *event,
                   const struct p2p_log_field *fields, size_t field_count)
{
    if (!p2p_log_enabled(log, level)) {
        return;
    }
    pthread_mutex_lock(&log->mutex);
    uint64_t now = log->clock.monotonic_ms(log->clock.context);
    struct bucket *bucket = bucket_of(log, event, now);
    if (bucket_take(bucket, now)) {
        write_line(log, level, event, bucket->suppressed, fields, field_count);
        bucket->suppressed = 0;
    } else {
        bucket->suppressed++;
        bucket->level = level;
    }
    pthread_mutex_unlock(&log->mutex);
}
