#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_LINES_MIN 1000u /* below, a file is never written anew */
#define HISTORY_RATIO     4u
#define DAY_MS            86400000u
#define OPEN_TRIES        8u

static const char *const NAMES[P2P_JOURNAL_MAPS] = {"i", "t", "a", "s"};

struct p2p_journal {
    json_t *maps[P2P_JOURNAL_MAPS];
    size_t lines; /* in the file */
    int dir;
    int file;
    bool failed;
};

static size_t entries(const struct p2p_journal *journal)
{
    size_t count = 0;
    for (size_t i = 0; i < P2P_JOURNAL_MAPS; i++) {
        count += json_object_size(journal->maps[i]);
    }
    return count;
}

/* {"m":"i","k":"...","v":...}; without "v" the key goes. False: it is none of ours. */
static bool apply_line(struct p2p_journal *journal, const char *line, size_t len)
{
    json_t *json = json_loadb(line, len, 0, NULL);
    const char *map = json_string_value(json_object_get(json, "m"));
    const char *key = json_string_value(json_object_get(json, "k"));
    json_t *value = json_object_get(json, "v");
    bool good = false;
    for (size_t i = 0; map != NULL && key != NULL && i < P2P_JOURNAL_MAPS; i++) {
        if (strcmp(map, NAMES[i]) == 0) {
            good = true;
            if (value != NULL) {
                good = json_object_set(journal->maps[i], key, value) == 0;
            } else {
                json_object_del(journal->maps[i], key);
            }
        }
    }
    json_decref(json);
    return good;
}

/* Reads all lines; *whole is the length of those that are whole. */
static enum p2p_err load(struct p2p_journal *journal, off_t *whole)
{
    enum p2p_err err = P2P_OK;
    char *line = NULL;
    size_t cap = 0;
    int fd = dup(journal->file);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return P2P_IO;
    }
    *whole = 0;
    rewind(file);
    bool torn = false;
    for (ssize_t len; err == P2P_OK && (len = getline(&line, &cap, file)) >= 0;) {
        if (torn) {
            err = P2P_CORRUPT; /* more follows what is no line */
        } else if (line[len - 1] != '\n' || !apply_line(journal, line, (size_t)len)) {
            torn = true;
        } else {
            *whole += len;
            journal->lines++;
        }
    }
    if (err == P2P_OK && ferror(file)) {
        err = P2P_IO;
    }
    free(line);
    fclose(file);
    return err;
}

static uint64_t time_of(const json_t *value)
{
    return (uint64_t)json_integer_value(json_object_get(value, "t"));
}

static void forget(struct p2p_journal *journal, enum p2p_journal_map map, uint64_t now_ms)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(journal->maps[map], next, key, value)
    {
        if (time_of(value) + (uint64_t)P2P_JOURNAL_KEEP_DAYS * DAY_MS < now_ms) {
            json_object_del(journal->maps[map], key);
        }
    }
}

static enum p2p_err write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return P2P_IO;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return P2P_OK;
}

static enum p2p_err write_line(int fd, enum p2p_journal_map map, const char *key,
                               const json_t *value)
{
    json_t *json = json_pack("{s:s, s:s}", "m", NAMES[map], "k", key);
    if (value != NULL && json != NULL) {
        json_object_set(json, "v", (json_t *)value);
    }
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text == NULL) {
        return P2P_NOMEM;
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* in the place of the terminator: one write for the line */
    enum p2p_err err = write_all(fd, text, len + 1);
    free(text);
    return err;
}

/* Writes what is there into a new file, which takes the place of the old one. */
static enum p2p_err write_anew(struct p2p_journal *journal)
{
    enum p2p_err err = P2P_OK;
    int fd = openat(journal->dir, "journal.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return P2P_IO;
    }
    for (size_t i = 0; i < P2P_JOURNAL_MAPS; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(journal->maps[i], key, value)
        {
            if (err == P2P_OK) {
                err = write_line(fd, (enum p2p_journal_map)i, key, value);
            }
        }
    }
    if (err == P2P_OK && (fsync(fd) != 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 ||
                          renameat(journal->dir, "journal.new", journal->dir, "journal") != 0 ||
                          fsync(journal->dir) != 0)) {
        err = P2P_IO;
    }
    if (err == P2P_OK) {
        close(journal->file);
        journal->file = fd;
        journal->lines = entries(journal);
    } else {
        close(fd);
    }
    return err;
}

static bool mostly_history(const struct p2p_journal *journal)
{
    return journal->lines > HISTORY_LINES_MIN &&
           journal->lines > HISTORY_RATIO * entries(journal);
}

/* Whether the name still leads to the file that is open. */
static bool is_named(const struct p2p_journal *journal)
{
    struct stat held, named;
    return fstat(journal->file, &held) == 0 &&
           fstatat(journal->dir, "journal", &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* Another process may write the file anew between our opening it and our lock: what we locked
 * then is nobody's any more, and the one that counts is looked at again. */
static enum p2p_err open_locked(struct p2p_journal *journal)
{
    for (unsigned i = 0; i < OPEN_TRIES; i++) {
        journal->file =
            openat(journal->dir, "journal", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (journal->file < 0 || fsync(journal->dir) != 0) {
            return P2P_IO;
        }
        if (flock(journal->file, LOCK_EX | LOCK_NB) != 0) {
            return errno == EWOULDBLOCK ? P2P_LOCKED : P2P_IO;
        }
        if (is_named(journal)) {
            return P2P_OK;
        }
        close(journal->file);
        journal->file = -1;
    }
    return P2P_LOCKED;
}

enum p2p_err p2p_journal_open(struct p2p_journal **out, const char *dir, uint64_t now_ms)
{
    enum p2p_err err = P2P_NOMEM;
    struct p2p_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL) {
        return P2P_NOMEM;
    }
    journal->dir = -1;
    journal->file = -1;
    for (size_t i = 0; i < P2P_JOURNAL_MAPS; i++) {
        journal->maps[i] = json_object();
        if (journal->maps[i] == NULL) {
            goto out;
        }
    }
    if (dir == NULL) {
        *out = journal;
        return P2P_OK;
    }
    err = P2P_IO;
    journal->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->dir < 0) {
        goto out;
    }
    off_t whole = 0;
    err = open_locked(journal);
    if (err == P2P_OK) {
        err = load(journal, &whole);
    }
    if (err == P2P_OK && ftruncate(journal->file, whole) != 0) {
        err = P2P_IO;
    }
    if (err == P2P_OK) {
        forget(journal, P2P_JOURNAL_INTERCHANGES, now_ms);
        forget(journal, P2P_JOURNAL_SAID, now_ms);
        err = mostly_history(journal) ? write_anew(journal) : P2P_OK;
    }
    if (err == P2P_OK) {
        *out = journal;
        journal = NULL;
    }
out:
    p2p_journal_close(journal);
    return err;
}

void p2p_journal_close(struct p2p_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    for (size_t i = 0; i < P2P_JOURNAL_MAPS; i++) {
        json_decref(journal->maps[i]);
    }
    if (journal->file >= 0) {
        close(journal->file);
    }
    if (journal->dir >= 0) {
        close(journal->dir);
    }
    free(journal);
}

json_t *p2p_journal_get(const struct p2p_journal *journal, enum p2p_journal_map map,
                        const char *key)
{
    return json_object_get(journal->maps[map], key);
}

const json_t *p2p_journal_all(const struct p2p_journal *journal, enum p2p_journal_map map)
{
    return journal->maps[map];
}

/* Forgets the oldest interchange, or what was said before it: an object keeps the order in
 * which its keys came. */
static bool make_room(struct p2p_journal *journal)
{
    enum p2p_journal_map map = P2P_JOURNAL_INTERCHANGES;
    void *oldest = json_object_iter(journal->maps[map]);
    void *said = json_object_iter(journal->maps[P2P_JOURNAL_SAID]);
    char key[128];
    if (oldest != NULL &&
        !json_is_true(json_object_get(json_object_iter_value(oldest), "done"))) {
        oldest = NULL;
    }
    if (said != NULL && (oldest == NULL || time_of(json_object_iter_value(said)) <
                                               time_of(json_object_iter_value(oldest)))) {
        map = P2P_JOURNAL_SAID;
        oldest = said;
    }
    if (oldest == NULL) {
        return false;
    }
    snprintf(key, sizeof key, "%s", json_object_iter_key(oldest));
    return p2p_journal_put(journal, map, key, NULL) == P2P_OK;
}

enum p2p_err p2p_journal_put(struct p2p_journal *journal, enum p2p_journal_map map,
                             const char *key, json_t *value)
{
    enum p2p_err err = P2P_OK;
    bool is_new = json_object_get(journal->maps[map], key) == NULL;
    if (journal->failed) {
        err = P2P_IO;
    } else if (value != NULL && is_new && entries(journal) >= P2P_JOURNAL_ENTRIES_MAX &&
               !make_room(journal)) {
        err = P2P_FULL;
    } else if (value != NULL || !is_new) {
        err = journal->file >= 0 ? write_line(journal->file, map, key, value) : P2P_OK;
        journal->failed = err == P2P_IO;
        journal->lines++;
    }
    if (err == P2P_OK && value != NULL) {
        if (json_object_set(journal->maps[map], key, value) != 0) {
            err = P2P_NOMEM;
            journal->failed = true; /* file and memory differ */
        }
    } else if (err == P2P_OK) {
        json_object_del(journal->maps[map], key);
    }
    json_decref(value);
    return err;
}

enum p2p_err p2p_journal_sync(struct p2p_journal *journal)
{
    enum p2p_err err = P2P_OK;
    if (journal->failed) {
        err = P2P_IO;
    } else if (journal->file >= 0 && mostly_history(journal)) {
        err = write_anew(journal);
    } else if (journal->file >= 0 && fdatasync(journal->file) != 0) {
        err = P2P_IO;
    }
    journal->failed = err != P2P_OK;
    return err;
}
