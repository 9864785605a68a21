#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_BYTES_MAX (16u << 20)

static void text_add(struct p2p_demo_text *text, const char *data, size_t len)
{
    if (text->len + len + 1 > text->cap) {
        size_t cap = text->cap * 2 > text->len + len + 1 ? text->cap * 2 : text->len + len + 1;
        char *grown = cap > TEXT_BYTES_MAX ? NULL : realloc(text->data, cap);
        if (grown == NULL) {
            return; /* the rest is missing, and its JSON will not parse */
        }
        text->data = grown;
        text->cap = cap;
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

static void text_deinit(struct p2p_demo_text *text)
{
    free(text->data);
    *text = (struct p2p_demo_text){0};
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static int spawn(struct p2p_demo_command *command, char *const *argv, int out, int err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
    int error = posix_spawn(&command->pid, argv[0], &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

bool p2p_demo_command_start(struct p2p_demo_command *command, const char *binary,
                            const char *dir, const char *const *words,
                            struct p2p_demo_said *said)
{
    const char *argv[P2P_DEMO_WORDS_MAX + 5] = {binary, "--json"};
    size_t count = 2;
    int out[2] = {-1, -1}, err[2] = {-1, -1}, error = 0;
    *command = (struct p2p_demo_command){.out = -1, .err = -1};
    *said = (struct p2p_demo_said){.exit = -1};
    if (dir != NULL) {
        argv[count++] = "-C";
        argv[count++] = dir;
    }
    for (size_t i = 0; words[i] != NULL && count < P2P_DEMO_WORDS_MAX + 4; i++) {
        argv[count++] = words[i];
    }
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
        error = errno;
    } else {
        error = spawn(command, (char *const *)argv, out[1], err[1]);
    }
    close_fd(&out[1]);
    close_fd(&err[1]);
    command->out = out[0];
    command->err = err[0];
    if (error != 0) {
        snprintf(said->error, sizeof said->error, "%s cannot be run: %s", binary,
                 strerror(error));
        command->pid = 0;
        close_fd(&command->out);
        close_fd(&command->err);
    }
    return error == 0;
}

static void take(int *fd, struct p2p_demo_text *text)
{
    char part[8192];
    ssize_t n = read(*fd, part, sizeof part);
    if (n > 0) {
        text_add(text, part, (size_t)n);
    } else if (n == 0 || errno != EINTR) {
        close_fd(fd);
    }
}

bool p2p_demo_command_turn(struct p2p_demo_command *command, int wait_ms)
{
    if (command->pid == 0) {
        return true;
    }
    struct pollfd ready[2] = {{.fd = command->out, .events = POLLIN},
                              {.fd = command->err, .events = POLLIN}};
    if (poll(ready, 2, wait_ms) > 0) {
        if (ready[0].revents != 0) {
            take(&command->out, &command->out_text);
        }
        if (ready[1].revents != 0) {
            take(&command->err, &command->err_text);
        }
    }
    if (command->out >= 0 || command->err >= 0) {
        return false;
    }
    int status = 0;
    while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR) {
    }
    command->exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    command->pid = 0;
    return true;
}

void p2p_demo_command_stop(struct p2p_demo_command *command)
{
    if (command->pid != 0) {
        kill(-command->pid, SIGTERM);
        while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        command->pid = 0;
    }
    close_fd(&command->out);
    close_fd(&command->err);
    text_deinit(&command->out_text);
    text_deinit(&command->err_text);
}

static json_t *parse_lines(const struct p2p_demo_text *text)
{
    json_t *lines = json_array();
    const char *at = text->data, *end = at + text->len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        json_array_append_new(lines, json_loadb(at, (size_t)(stop - at), 0, NULL));
        at = stop + 1;
    }
    return lines;
}

void p2p_demo_command_said(struct p2p_demo_command *command, struct p2p_demo_said *said)
{
    *said =
        (struct p2p_demo_said){.exit = command->exit, .lines = parse_lines(&command->out_text)};
    size_t count = json_array_size(said->lines);
    const json_t *error = json_object_get(json_array_get(said->lines, count - 1), "error");
    const char *words = p2p_demo_text(error, "text");
    if (*words == '\0' && command->err_text.data != NULL) {
        words = command->err_text.data;
    }
    snprintf(said->error, sizeof said->error, "%.*s", (int)strcspn(words, "\n"), words);
    p2p_demo_command_stop(command);
}

void p2p_demo_said_deinit(struct p2p_demo_said *said)
{
    json_decref(said->lines);
    said->lines = NULL;
}

const json_t *p2p_demo_said_first(const struct p2p_demo_said *said)
{
    return json_array_get(said->lines, 0);
}

const char *p2p_demo_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

json_int_t p2p_demo_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}
