/* port2port-trade: trade messages for a port2port node. */
#include "api.h"
#include "intake.h"
#include "late.h"
#include "message.h"
#include "options.h"
#include "spool.h"
#include "whole_file.h"

#include <p2p/bytes.h>
#include <p2p/key.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRIES_MAX 1000u /* tasks that wait, tried in one round */

enum exit_code { DONE = 0, REFUSED = 1, USAGE = 2, UNDECIDED = 3, UNREADABLE = 4 };

struct program {
    struct p2p_trade_options options;
    struct p2p_agreement agreement;
    struct p2p_trade_signer signer;
    struct p2p_trade_endpoint endpoint;
    struct p2p_trade_http *http;
    struct p2p_trade_api api;
    struct p2p_spool spool;
    struct p2p_trade trade;
    char answers[P2P_SPOOL_PATH_BYTES];
    char state[P2P_SPOOL_PATH_BYTES];
    struct p2p_trade_tally total;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* One plain sentence on stderr; with --json an object on stdout too. */
static int say(const struct program *program, int code, const char *what, const char *text)
{
    fprintf(stderr, "port2port-trade: %s\n", text);
    if (program->options.json != NULL) {
        json_t *error = json_pack("{s:{s:s, s:s}}", "error", "code", what, "text", text);
        json_dumpf(error, stdout, JSON_COMPACT);
        fputc('\n', stdout);
        json_decref(error);
    }
    return code;
}

/* ---- setting up ---- */

/* A type that a sender may send and that nothing here reads: a slip of the pen. */
static const char *unknown_type(const struct p2p_agreement *agreement)
{
    const char *sender;
    json_t *types;
    json_object_foreach(json_object_get(agreement->json, "senders"), sender, types)
    {
        for (size_t i = 0; i < json_array_size(types); i++) {
            const char *type = json_string_value(json_array_get(types, i));
            bool known = false;
            for (size_t j = 0; p2p_trade_maps[j] != NULL; j++) {
                known = known || strcmp(p2p_trade_maps[j]->type, type) == 0;
            }
            if (!known) {
                return type;
            }
        }
    }
    return NULL;
}

static int open_agreement(struct program *program)
{
    const char *path = program->options.agreement;
    char problem[256] = "";
    char text[P2P_SPOOL_PATH_BYTES + 300];
    char *bytes = NULL;
    size_t len = 0;
    enum p2p_err err = P2P_OK;
    if (path != NULL) {
        err = p2p_whole_file(path, P2P_AGREEMENT_BYTES_MAX, &bytes, &len);
        snprintf(problem, sizeof problem, "it cannot be read: %s", p2p_err_text(err));
    }
    if (err == P2P_OK) {
        err = p2p_agreement_read(&program->agreement, p2p_slice_of(bytes, len), problem,
                                 sizeof problem);
    }
    free(bytes);
    if (err != P2P_OK) {
        snprintf(text, sizeof text, "the agreement %s: %s", path != NULL ? path : "", problem);
        return say(program, USAGE, "agreement", text);
    }
    const char *type = unknown_type(&program->agreement);
    if (type != NULL) {
        snprintf(text, sizeof text, "the agreement %s: no message %.20s is read here", path,
                 type);
        return say(program, USAGE, "agreement", text);
    }
    p2p_agreement_use_zone(&program->agreement);
    program->trade.agreement = &program->agreement;
    return DONE;
}

static int open_node(struct program *program)
{
    const struct p2p_trade_options *options = &program->options;
    char problem[P2P_TRADE_PROBLEM_BYTES];
    if (options->dry_run != NULL) {
        program->trade.carrier = p2p_trade_dry(stdout);
        return DONE;
    }
    if (options->key != NULL &&
        p2p_trade_signer_open(&program->signer, options->key, options->passphrase_file,
                              problem) != P2P_OK) {
        return say(program, UNDECIDED, "key", problem);
    }
    if (options->key != NULL && options->as != NULL &&
        strcmp(options->as, program->signer.name) != 0) {
        return say(program, USAGE, "usage",
                   "--as names another issuer than --key; leave it out");
    }
    program->endpoint = (struct p2p_trade_endpoint){.socket = options->socket,
                                                    .server = options->server,
                                                    .certificate = options->certificate,
                                                    .trust = options->trust};
    if (p2p_trade_http_open(&program->http, &program->endpoint) != P2P_OK) {
        return say(program, UNDECIDED, "http", "the HTTP library does not start");
    }
    program->api = (struct p2p_trade_api){
        .http = program->http,
        .journal = program->trade.journal,
        .signer = options->key != NULL ? &program->signer : NULL,
        .as = options->as != NULL    ? options->as
              : options->key != NULL ? program->signer.name
                                     : NULL,
    };
    program->trade.carrier = p2p_trade_api_carrier(&program->api);
    return DONE;
}

/* Whether what an option names is a directory; NULL names nothing. */
static bool is_directory(const struct program *program, const char *option, const char *path,
                         int *code)
{
    struct stat status;
    char text[P2P_SPOOL_PATH_BYTES + 200];
    if (path == NULL || (stat(path, &status) == 0 && S_ISDIR(status.st_mode))) {
        return true;
    }
    snprintf(text, sizeof text, "%s %s is no directory; make it first", option, path);
    *code = say(program, UNDECIDED, "not-found", text);
    return false;
}

static int open_places(struct program *program)
{
    const struct p2p_trade_options *options = &program->options;
    char text[P2P_SPOOL_PATH_BYTES + 200];
    enum p2p_err err = P2P_OK;
    const char *state = options->state;
    const char *answers = options->answers;
    if (options->spool != NULL) {
        err = p2p_spool_open(&program->spool, options->spool, options->settle_ms);
        if (err == P2P_OK) {
            err = p2p_spool_path(&program->spool, "state", "", program->state);
        }
        if (err == P2P_OK) {
            err = p2p_spool_path(&program->spool, "answers", "", program->answers);
        }
        if (err != P2P_OK) {
            snprintf(text, sizeof text, "%s cannot be used as a spool: %s", options->spool,
                     errno != 0 ? strerror(errno) : p2p_err_text(err));
            return say(program, UNDECIDED, "spool", text);
        }
        state = state != NULL ? state : program->state;
        answers = answers != NULL ? answers : program->answers;
    }
    bool dry = options->dry_run != NULL;
    int code = DONE;
    if ((!dry && !is_directory(program, "--state", state, &code)) ||
        !is_directory(program, "--answers", dry ? options->answers : answers, &code)) {
        return code;
    }
    err = p2p_journal_open(&program->trade.journal, dry ? NULL : state, wall_ms());
    if (err != P2P_OK) {
        snprintf(text, sizeof text, "the journal in %s cannot be opened: %s%s", state,
                 p2p_err_text(err),
                 err == P2P_CORRUPT ? "; restore it, or begin with an empty directory knowing "
                                      "that messages may then be taken twice"
                                    : "");
        return say(program, err == P2P_CORRUPT ? UNREADABLE : UNDECIDED, p2p_err_name(err),
                   text);
    }
    program->trade.answers = dry ? options->answers : answers;
    return DONE;
}

/* ---- working ---- */

static void add(struct p2p_trade_tally *total, const struct p2p_trade_tally *more)
{
    total->interchanges += more->interchanges;
    total->messages += more->messages;
    total->refused += more->refused;
    total->duplicates += more->duplicates;
    total->unreadable += more->unreadable;
    total->undecided = total->undecided || more->undecided;
}

static int stopped_by(const struct program *program, enum p2p_err err)
{
    char text[300];
    snprintf(
        text, sizeof text,
        "journal or answers cannot be written (%s); nothing more is taken, and what was not "
        "answered will be taken again",
        p2p_err_text(err));
    return say(program, UNDECIDED, p2p_err_name(err), text);
}

/* Takes one delivery that is in memory. */
static int take(struct program *program, char *bytes, size_t len, const char *name,
                const char *delivery, struct p2p_trade_tally *tally)
{
    *tally = (struct p2p_trade_tally){0};
    program->trade.now_ms = wall_ms();
    enum p2p_err err =
        p2p_trade_take(&program->trade, p2p_slice_of(bytes, len), name, delivery, tally);
    add(&program->total, tally);
    return err == P2P_OK ? DONE : stopped_by(program, err);
}

/* A file name for people and JSON: other bytes than printable ASCII become question marks. */
static void plain_name(char out[P2P_SPOOL_NAME_BYTES], const char *name)
{
    snprintf(out, P2P_SPOOL_NAME_BYTES, "%s", name);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at < 0x20 || *at > 0x7e ? '?' : *at;
    }
}

/* Takes what stands in work/ under this name, and puts it away unless it is undecided. */
static int take_claimed(struct program *program, const char *claimed)
{
    char path[P2P_SPOOL_PATH_BYTES];
    char name[P2P_SPOOL_NAME_BYTES];
    char *bytes = NULL;
    size_t len = 0;
    struct p2p_trade_tally tally;
    plain_name(name, claimed);
    enum p2p_err err = p2p_spool_path(&program->spool, "work", claimed, path);
    if (err == P2P_OK) {
        err = p2p_whole_file(path, P2P_SPOOL_FILE_BYTES_MAX, &bytes, &len);
    }
    if (err != P2P_OK) {
        char text[P2P_SPOOL_PATH_BYTES + 100];
        snprintf(text, sizeof text, "%s cannot be read: %s", name, p2p_err_text(err));
        say(program, UNREADABLE, p2p_err_name(err), text);
        program->total.unreadable++;
        return p2p_spool_settle(&program->spool, claimed, false) == P2P_OK ? DONE : UNDECIDED;
    }
    int code = take(program, bytes, len, name, claimed, &tally);
    free(bytes);
    if (code == DONE && !tally.undecided) {
        bool good = tally.unreadable == 0 &&
                    (tally.interchanges > 0 || tally.duplicates > 0 || tally.refused == 0);
        if (p2p_spool_settle(&program->spool, claimed, good) != P2P_OK) {
            code = say(program, UNDECIDED, "io", "a file cannot be moved out of work/");
        }
    }
    return code;
}

/* Prints the requests of the spool's files and leaves them where they are. */
static int look(struct program *program)
{
    struct p2p_spool_list list;
    bool unready = false;
    int code = DONE;
    if (p2p_spool_ready(&program->spool, wall_ms(), &list, &unready) != P2P_OK) {
        return say(program, UNDECIDED, "io", "the spool cannot be read");
    }
    for (size_t i = 0; code == DONE && i < list.count; i++) {
        char path[P2P_SPOOL_PATH_BYTES];
        char name[P2P_SPOOL_NAME_BYTES];
        char *bytes = NULL;
        size_t len = 0;
        struct p2p_trade_tally tally;
        plain_name(name, list.names[i]);
        if (p2p_spool_path(&program->spool, ".", list.names[i], path) == P2P_OK &&
            p2p_whole_file(path, P2P_SPOOL_FILE_BYTES_MAX, &bytes, &len) == P2P_OK) {
            code = take(program, bytes, len, name, name, &tally);
        }
        free(bytes);
    }
    p2p_spool_list_free(&list);
    return code;
}

/* One round over the spool: what was interrupted, then what is new. */
static int sweep(struct program *program, bool *unready)
{
    struct p2p_spool_list list;
    int code = DONE;
    if (p2p_spool_interrupted(&program->spool, &list) != P2P_OK) {
        return say(program, UNDECIDED, "io", "the spool cannot be read");
    }
    for (size_t i = 0; code == DONE && !program->total.undecided && !stopping && i < list.count;
         i++) {
        code = take_claimed(program, list.names[i]);
    }
    p2p_spool_list_free(&list);
    if (code != DONE || program->total.undecided) {
        return code;
    }
    if (p2p_spool_ready(&program->spool, wall_ms(), &list, unready) != P2P_OK) {
        return say(program, UNDECIDED, "io", "the spool cannot be read");
    }
    for (size_t i = 0; code == DONE && !program->total.undecided && !stopping && i < list.count;
         i++) {
        char claimed[P2P_SPOOL_NAME_BYTES];
        enum p2p_err err = p2p_spool_claim(&program->spool, list.names[i], wall_ms(), claimed);
        if (err == P2P_OK) {
            code = take_claimed(program, claimed);
        } else if (err != P2P_NOTFOUND) {
            code = say(program, UNDECIDED, "io", "a file cannot be moved into work/");
        }
    }
    p2p_spool_list_free(&list);
    return code;
}

static int retry(struct program *program)
{
    struct p2p_trade_tally tally = {0};
    program->trade.now_ms = wall_ms();
    enum p2p_err err = p2p_trade_retry(&program->trade, RETRIES_MAX, &tally);
    add(&program->total, &tally);
    return err == P2P_OK ? DONE : stopped_by(program, err);
}

/* Waits until something comes into the spool, the interval is over, or we are to stop. */
static void wait_for_files(int notify, uint64_t ms)
{
    char events[4096];
    struct pollfd poll_fd = {.fd = notify, .events = POLLIN};
    if (poll(&poll_fd, notify >= 0 ? 1 : 0, (int)ms) > 0) {
        while (read(notify, events, sizeof events) > 0) {
        }
    }
}

static int watch(struct program *program)
{
    const struct p2p_trade_options *options = &program->options;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int notify =
        inotify_init1(IN_NONBLOCK | IN_CLOEXEC); /* without it the interval alone counts */
    if (notify >= 0) {
        inotify_add_watch(notify, options->spool, IN_CLOSE_WRITE | IN_MOVED_TO);
    }
    int code = DONE;
    uint64_t retried = 0;
    while (code == DONE && !stopping) {
        bool unready = false;
        program->total.undecided = false;
        uint64_t now = wall_ms();
        if (now - retried >= options->interval_ms) {
            code = retry(program);
            retried = now;
        }
        if (code == DONE) {
            code = sweep(program, &unready);
        }
        if (code == DONE && !stopping) {
            uint64_t soon = options->settle_ms > 100 ? options->settle_ms : 100;
            wait_for_files(
                notify, unready && soon < options->interval_ms ? soon : options->interval_ms);
        }
    }
    if (notify >= 0) {
        close(notify);
    }
    return code;
}

static int take_files(struct program *program)
{
    int code = DONE;
    for (int i = 0; code == DONE && i < program->options.file_count; i++) {
        const char *path = program->options.files[i];
        bool standard = strcmp(path, "-") == 0;
        char name[P2P_SPOOL_NAME_BYTES];
        char delivery[64];
        char *bytes = NULL;
        size_t len = 0;
        struct p2p_trade_tally tally;
        enum p2p_err err =
            standard ? p2p_whole_stream(STDIN_FILENO, P2P_SPOOL_FILE_BYTES_MAX, &bytes, &len)
                     : p2p_whole_file(path, P2P_SPOOL_FILE_BYTES_MAX, &bytes, &len);
        plain_name(name, path);
        if (err != P2P_OK) {
            char text[P2P_SPOOL_NAME_BYTES + 100];
            snprintf(text, sizeof text, "%s cannot be read: %s", name, p2p_err_text(err));
            return say(program, UNDECIDED, p2p_err_name(err), text);
        }
        /* Each run is a delivery of its own; one that was undecided is made good by what the
         * journal knows of its interchanges. */
        snprintf(delivery, sizeof delivery, "run-%llu-%d-%d", (unsigned long long)wall_ms(),
                 (int)getpid(), i);
        code = take(program, bytes, len, name, delivery, &tally);
        free(bytes);
    }
    return code;
}

static int work(struct program *program)
{
    const struct p2p_trade_options *options = &program->options;
    bool unready = false;
    if (options->watch != NULL) {
        return watch(program);
    }
    int code = options->dry_run != NULL ? DONE : retry(program);
    if (code != DONE) {
        return code;
    }
    if (options->spool == NULL) {
        return take_files(program);
    }
    return options->dry_run != NULL ? look(program) : sweep(program, &unready);
}

static int verdict(const struct program *program, int code)
{
    if (code != DONE) {
        return code;
    }
    if (program->options.watch != NULL) {
        return DONE;
    }
    if (program->total.undecided) {
        return UNDECIDED;
    }
    if (program->total.unreadable > 0) {
        return UNREADABLE;
    }
    return program->total.refused > 0 ? REFUSED : DONE;
}

int main(int argc, char **argv)
{
    struct program program = {.spool = {.fd = -1}};
    char problem[P2P_TRADE_SENTENCE_BYTES];
    enum p2p_err err = p2p_trade_options_read(&program.options, argc, argv, problem);
    if (err != P2P_OK) {
        return say(&program, USAGE, "usage", problem);
    }
    if (program.options.help != NULL) {
        p2p_trade_options_help(stdout);
        return DONE;
    }
    if (program.options.version != NULL) {
        printf("port2port-trade %s\n", P2P_VERSION);
        return DONE;
    }
    if (p2p_crypto_init() != P2P_OK) {
        return say(&program, UNDECIDED, "crypto", "libsodium does not start");
    }
    program.trade.report =
        (struct p2p_trade_report){.out = program.options.dry_run != NULL ? stderr : stdout,
                                  .json = program.options.json != NULL};
    program.trade.tests = program.options.tests != NULL || program.options.dry_run != NULL;
    errno = 0;
    int code = open_agreement(&program);
    code = code == DONE ? open_places(&program) : code;
    code = code == DONE ? open_node(&program) : code;
    code = code == DONE ? work(&program) : code;
    code = verdict(&program, code);
    p2p_trade_http_close(program.http);
    p2p_trade_signer_close(&program.signer);
    p2p_journal_close(program.trade.journal);
    p2p_agreement_deinit(&program.agreement);
    p2p_spool_close(&program.spool);
    return code;
}
