#include "check.h"

#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/log.h>

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct clock {
    uint64_t wall_ms;
    uint64_t monotonic_ms;
};

static uint64_t wall_ms(void *context)
{
    return ((struct clock *)context)->wall_ms;
}

static uint64_t monotonic_ms(void *context)
{
    return ((struct clock *)context)->monotonic_ms;
}

static struct p2p_log *open_in(const char *path, enum p2p_log_level level, struct clock *clock)
{
    struct p2p_log_clock seam = {wall_ms, monotonic_ms, clock};
    struct p2p_log *log = NULL;

    CHECK_OK(p2p_log_open(&log, path, level, &seam, NULL, 0));
    return log;
}

/* Line n of the file as JSON; the caller drops it. */
static json_t *line_of(const char *path, size_t n)
{
    size_t len;
    char *text = (char *)temp_read(path, &len);
    char *line = text;

    for (size_t i = 0; i < n; i++) {
        line = strchr(line, '\n');
        CHECK(line != NULL);
        line++;
    }
    char *end = strchr(line, '\n');
    CHECK(end != NULL);
    CHECK((size_t)(end - line) < P2P_LOG_LINE_BYTES_MAX);
    json_t *json =
        json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    CHECK(json != NULL);
    free(text);
    return json;
}

static size_t count_lines(const char *path)
{
    size_t len;
    size_t lines = 0;
    unsigned char *text = temp_read(path, &len);

    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    free(text);
    return lines;
}

static const char *string_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    CHECK(text != NULL);
    return text;
}

/* A line is one JSON object with time, level, event and the fields, in that order. */
static void one_line(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    struct clock clock = {1700000000123u, 0};
    static const uint8_t root[40] = {0xab, 0xcd};

    (void)state;
    temp_dir_make(&dir);
    struct p2p_log *log = open_in(temp_path(&dir, "node.log", path), P2P_LOG_INFO, &clock);
    p2p_log_write(log, P2P_LOG_WARN, "feed.behind",
                  P2P_LOG_FIELDS(p2p_log_text("feed", "beanr/1"),
                                 p2p_log_uint("size", INT64_MAX), p2p_log_int("skew_ms", -5),
                                 p2p_log_bool("idle", true), p2p_log_hex("root", root, 2),
                                 p2p_log_hex("long", root, 40), p2p_log_err(P2P_FULL),
                                 p2p_log_text("none", NULL)));
    p2p_log_write(log, P2P_LOG_DEBUG, "not.shown", NULL, 0);
    p2p_log_write(NULL, P2P_LOG_ERROR, "no.log", NULL, 0);
    p2p_log_set_level(log, P2P_LOG_DEBUG);
    p2p_log_write(log, P2P_LOG_DEBUG, "shown", NULL, 0);
    p2p_log_close(log);
    p2p_log_close(NULL);
    CHECK(count_lines(path) == 2);
    json_t *line = line_of(path, 0);
    CHECK(strcmp(string_of(line, "time"), "2023-11-14T22:13:20.123Z") == 0);
    CHECK(strcmp(string_of(line, "level"), "warn") == 0);
    CHECK(strcmp(string_of(line, "event"), "feed.behind") == 0);
    CHECK(strcmp(string_of(line, "feed"), "beanr/1") == 0);
    CHECK(json_integer_value(json_object_get(line, "skew_ms")) == -5);
    CHECK(json_is_true(json_object_get(line, "idle")));
    CHECK(strcmp(string_of(line, "root"), "abcd") == 0);
    CHECK(strlen(string_of(line, "long")) == 67);
    CHECK(strcmp(string_of(line, "error"), p2p_err_text(P2P_FULL)) == 0);
    CHECK(strcmp(string_of(line, "none"), "") == 0);
    json_decref(line);
    temp_dir_remove(&dir);
}

/* Text from a peer can neither end the line, nor the string, nor speak to a terminal, nor be
 * long. */
static void hostile_text(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    struct clock clock = {0, 0};
    uint8_t all[256];
    char longer[P2P_LOG_TEXT_BYTES_MAX * 4];
    struct p2p_log_field many[40];
    size_t len;

    (void)state;
    temp_dir_make(&dir);
    for (int i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
    }
    memset(longer, '\x1b', sizeof(longer));
    struct p2p_log *log = open_in(temp_path(&dir, "node.log", path), P2P_LOG_INFO, &clock);
    p2p_log_write(
        log, P2P_LOG_INFO, "peer.refused",
        P2P_LOG_FIELDS(p2p_log_slice("a", p2p_slice_of(all, 256)),
                       p2p_log_text("b", "\"},{\"\\\n\r\x1b[31mred\xe2\x80\xae\xc2\x9b"
                                         "caf\xc3\xa9"),
                       p2p_log_slice("c", p2p_slice_of(longer, sizeof(longer)))));
    for (int i = 0; i < 40; i++) {
        many[i] = p2p_log_slice("x", p2p_slice_of(longer, sizeof(longer)));
    }
    p2p_log_write(log, P2P_LOG_INFO, "peer.long", many, 40);
    p2p_log_close(log);
    unsigned char *text = temp_read(path, &len);
    for (size_t i = 0; i < len; i++) {
        CHECK(text[i] == '\n' || (text[i] >= 0x20 && text[i] != 0x7f));
    }
    CHECK(memmem(text, len, "\xe2\x80\xae", 3) == NULL); /* would turn the text around */
    CHECK(memmem(text, len, "\xc2\x9b", 2) == NULL); /* a control sequence in one character */
    free(text);
    CHECK(count_lines(path) == 2);
    json_t *line = line_of(path, 0);
    CHECK(strstr(string_of(line, "b"), "caf\xc3\xa9") != NULL);
    const char *cut = string_of(line, "c");
    CHECK(strcmp(cut + strlen(cut) - 3, "...") == 0);
    json_decref(line);
    size_t whole_len;
    unsigned char *whole = temp_read(path, &whole_len);
    char *second = strchr((char *)whole, '\n') + 1; /* whole fields, then a proper end */
    CHECK(strlen(second) <= P2P_LOG_LINE_BYTES_MAX);
    CHECK(strcmp(second + strlen(second) - 3, "\"}\n") == 0);
    free(whole);
    temp_dir_remove(&dir);
}

/* A flood of one event is cut to its bucket, says how many were dropped, and leaves others
 * alone. */
static void floods(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    struct clock clock = {0, 1000};

    (void)state;
    temp_dir_make(&dir);
    struct p2p_log *log = open_in(temp_path(&dir, "node.log", path), P2P_LOG_INFO, &clock);
    for (int i = 0; i < 1000; i++) {
        p2p_log_write(log, P2P_LOG_WARN, "peer.refused", NULL, 0);
    }
    CHECK(count_lines(path) == P2P_LOG_BURST);
    p2p_log_write(log, P2P_LOG_INFO, "node.ready", NULL, 0);
    CHECK(count_lines(path) == P2P_LOG_BURST + 1);
    clock.monotonic_ms += 1000 / P2P_LOG_PER_SECOND;
    p2p_log_write(log, P2P_LOG_WARN, "peer.refused", NULL, 0);
    json_t *line = line_of(path, P2P_LOG_BURST + 1);
    CHECK(json_integer_value(json_object_get(line, "suppressed")) == 1000 - P2P_LOG_BURST);
    json_decref(line);
    for (int i = 0; i < 20; i++) { /* time that goes back earns nothing */
        clock.monotonic_ms -= 10;
        p2p_log_write(log, P2P_LOG_WARN, "peer.refused", NULL, 0);
    }
    CHECK(count_lines(path) == P2P_LOG_BURST + 2);
    p2p_log_close(log); /* the last ones are told at the end */
    line = line_of(path, P2P_LOG_BURST + 2);
    CHECK(json_integer_value(json_object_get(line, "suppressed")) == 20);
    json_decref(line);
    temp_dir_remove(&dir);
}

/* More event names than there are buckets share one: memory does not grow. */
static void many_events(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    struct clock clock = {0, 0};
    char event[32];

    (void)state;
    temp_dir_make(&dir);
    struct p2p_log *log = open_in(temp_path(&dir, "node.log", path), P2P_LOG_INFO, &clock);
    for (unsigned i = 0; i < P2P_LOG_EVENTS_MAX + 500; i++) {
        snprintf(event, sizeof(event), "event.%u", i);
        p2p_log_write(log, P2P_LOG_INFO, event, NULL, 0);
    }
    CHECK(count_lines(path) == P2P_LOG_EVENTS_MAX + P2P_LOG_BURST);
    p2p_log_close(log);
    temp_dir_remove(&dir);
}

static struct p2p_log *shared;

static void *write_lines(void *context)
{
    for (int i = 0; i < 40; i++) {
        p2p_log_write(shared, P2P_LOG_INFO, context, P2P_LOG_FIELDS(p2p_log_int("i", i)));
    }
    return NULL;
}

/* Lines of several threads never mix, and rotation loses none. */
static void threads_and_rotation(void **state)
{
    static char names[4][4] = {"a", "b", "c", "d"};
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char old[TEMP_PATH_BYTES];
    pthread_t threads[4];
    char message[256] = "";

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "node.log", path);
    CHECK_OK(p2p_log_open(&shared, path, P2P_LOG_INFO, NULL, NULL, 0));
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, write_lines, names[i]) == 0);
    }
    CHECK(rename(path, temp_path(&dir, "old.log", old)) == 0);
    CHECK_OK(p2p_log_reopen(shared));
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    p2p_log_write(shared, P2P_LOG_INFO, "end", NULL, 0);
    p2p_log_close(shared);
    size_t before = count_lines(old);
    size_t after = count_lines(path);
    CHECK(before + after == 161);
    for (size_t i = 0; i < before; i++) {
        json_decref(line_of(old, i));
    }
    for (size_t i = 0; i < after; i++) {
        json_decref(line_of(path, i));
    }
    CHECK_ERR(p2p_log_open(&shared, temp_path(&dir, "no/such", path), P2P_LOG_INFO, NULL,
                           message, sizeof(message)),
              P2P_IO);
    CHECK(strstr(message, path) != NULL);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line),
        cmocka_unit_test(hostile_text),
        cmocka_unit_test(floods),
        cmocka_unit_test(many_events),
        cmocka_unit_test(threads_and_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
