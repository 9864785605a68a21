/* ban import: a file of lines becomes bans, one record per line, in requests of CHUNK_ROWS.
 *
 * A line that stands already - there or earlier in the file - is skipped, so an import that was
 * cut short is simply run again. Memory holds one chunk and 16 bytes for each line; what there
 * is to say of lines goes to a temporary file until the end, so that the report is one whole
 * document. A repeat of an earlier line of the file counts as already, whatever became of that
 * line. */
#include "command.h"
#include "csv.h"
#include "nouns.h"
#include "progress.h"
#include "request.h"
#include "seen.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_ROWS      500u
#define CHUNK_BYTES_MAX (256u * 1024u) /* well inside what a node takes in one request */
#define READ_BYTES      (64u * 1024u)
#define NO_COLUMN       SIZE_MAX
#define GO_ON           (-1)

enum column { SUBJECT, REFERENCE, FROM, UNTIL, COLUMN_COUNT };
static const char *const COLUMN_OPTIONS[COLUMN_COUNT] = {"subject-column", "reference-column",
                                                         "from-column", "until-column"};
static const char *const COLUMN_KEYS[COLUMN_COUNT] = {"subject", "reference", "from", "until"};

struct import {
    struct p2p_cli_call *call;
    struct p2p_cli_session session;
    const char *file; /* as named on the command line */
    int fd;
    bool dry;
    struct p2p_csv csv;
    bool has_header;
    size_t header_columns;
    size_t columns[COLUMN_COUNT];
    json_t *rows; /* the chunk */
    size_t rows_bytes;
    struct p2p_cli_seen seen;
    uint64_t lines, imposed, already, refused;
    json_t *said;  /* of lines of this chunk, by this side: at most CHUNK_ROWS */
    FILE *remarks; /* {"line","text"} per line, in the order of lines */
    struct p2p_cli_progress progress;
    uint64_t read_bytes;
    struct p2p_api_reply failure; /* what ended it early */
};

/* Writes what was said of the chunk's lines by this side and, in `errors`, by the node, in the
 * order of lines; both are in it. */
static void put_remarks(struct import *import, const json_t *errors)
{
    size_t here = 0;
    size_t there = 0;
    while (here < json_array_size(import->said) || there < json_array_size(errors)) {
        const json_t *mine = json_array_get(import->said, here);
        const json_t *theirs = json_array_get(errors, there);
        bool next = theirs == NULL || (mine != NULL && p2p_cli_number(mine, "line") <=
                                                           p2p_cli_number(theirs, "line"));
        p2p_cli_put_json(import->remarks, next ? mine : theirs);
        here += next;
        there += !next;
    }
    json_array_clear(import->said);
}

/* Sends the chunk. GO_ON, or the exit code with import->failure set. */
static int send_chunk(struct import *import)
{
    if (json_array_size(import->rows) == 0) {
        put_remarks(import, NULL);
        return GO_ON;
    }
    json_t *body =
        json_pack("{s:s,s:O,s:b}", "ground", p2p_cli_value(import->call, "ground", ""), "rows",
                  import->rows, "dry_run", import->dry);
    if (body != NULL && import->call->as != NULL) {
        json_object_set_new(body, "as", json_string(import->call->as));
    }
    struct p2p_api_reply reply = {0};
    p2p_cli_append(
        import->call, &import->session,
        &(struct p2p_api_request){.method = "POST", .path = "/v1/bans/import", .body = body},
        &reply);
    json_decref(body);
    json_array_clear(import->rows);
    import->rows_bytes = 0;
    if (p2p_cli_is_problem(&reply)) {
        put_remarks(import, NULL);
        import->failure = reply;
        return p2p_api_exit_code(&reply);
    }
    import->imposed += p2p_cli_number(reply.json, "imposed");
    import->already += p2p_cli_number(reply.json, "already");
    import->refused += p2p_cli_number(reply.json, "refused");
    put_remarks(import, json_object_get(reply.json, "errors"));
    p2p_api_reply_deinit(&reply);
    p2p_cli_progress_show(&import->progress, import->read_bytes, import->lines);
    return GO_ON;
}

static int remark(struct import *import, const char *text)
{
    json_array_append_new(import->said, json_pack("{s:I,s:s}", "line",
                                                  (json_int_t)import->csv.line, "text", text));
    return json_array_size(import->said) < CHUNK_ROWS ? GO_ON : send_chunk(import);
}

static int refuse(struct import *import, const char *text)
{
    import->lines++;
    import->refused++;
    return remark(import, text);
}

/* Without the blanks around it. */
static struct p2p_slice trimmed(struct p2p_slice text)
{
    while (text.len > 0 && strchr(" \t", text.data[0]) != NULL) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t", text.data[text.len - 1]) != NULL) {
        text.len--;
    }
    return text;
}

static int take_row(struct import *import)
{
    struct p2p_slice values[COLUMN_COUNT] = {{0}};
    json_t *row = json_pack("{s:I}", "line", (json_int_t)import->csv.line);
    bool good = row != NULL;
    for (size_t i = 0; good && i < COLUMN_COUNT; i++) {
        if (import->columns[i] == NO_COLUMN) {
            continue;
        }
        values[i] = trimmed(p2p_csv_field(&import->csv, import->columns[i]));
        import->rows_bytes += values[i].len + 64;
        if (values[i].len == 0) {
            continue;
        }
        json_t *text = json_stringn((const char *)values[i].data, values[i].len);
        if (i == SUBJECT && text != NULL) {
            json_t *subject =
                json_sprintf("%s:%s", p2p_cli_value(import->call, "subject-type", ""),
                             json_string_value(text));
            json_decref(text);
            text = subject;
        }
        good = json_object_set_new(row, COLUMN_KEYS[i], text) == 0;
    }
    bool is_new = true;
    enum p2p_err err =
        good ? p2p_cli_seen_add(&import->seen, values, UNTIL, &is_new) : P2P_NOMEM;
    if (err != P2P_OK) {
        json_decref(row);
        p2p_cli_problem_reply(&import->failure, p2p_cli_status_of(err), p2p_err_name(err),
                              err == P2P_TOOLARGE ? "split the file" : "",
                              "%s: line %" PRIu64 " is one too many for this machine's import",
                              import->file, import->csv.line);
        return p2p_api_exit_code(&import->failure);
    }
    import->lines++;
    if (!is_new) {
        import->already++;
        json_decref(row);
        return GO_ON;
    }
    json_array_append_new(import->rows, row);
    if (json_array_size(import->rows) >= CHUNK_ROWS || import->rows_bytes >= CHUNK_BYTES_MAX) {
        return send_chunk(import);
    }
    return GO_ON;
}

static int check_row(struct import *import)
{
    char text[160];
    if (import->csv.count != import->header_columns) {
        snprintf(text, sizeof text, "it has %zu columns, the first line has %zu",
                 import->csv.count, import->header_columns);
        return refuse(import, text);
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (import->columns[i] == NO_COLUMN) {
            continue;
        }
        const char *name = p2p_cli_value(import->call, COLUMN_OPTIONS[i], "");
        struct p2p_slice value = p2p_csv_field(&import->csv, import->columns[i]);
        if (!p2p_utf8_valid(value)) {
            snprintf(text, sizeof text, "column %.64s is not UTF-8", name);
            return refuse(import, text);
        }
        if (trimmed(value).len == 0 && (i == SUBJECT || i == REFERENCE)) {
            snprintf(text, sizeof text, "column %.64s is empty", name);
            return refuse(import, text);
        }
    }
    return take_row(import);
}

__attribute__((format(printf, 3, 4))) static int
usage_problem(struct import *import, const char *hint, const char *format, ...)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p2p_cli_problem_reply(&import->failure, 400, "usage", hint, "%s", text);
    return P2P_CLI_USAGE;
}

/* Finds the named columns in the first line. */
static int take_header(struct import *import)
{
    import->has_header = true;
    import->header_columns = import->csv.count;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const char *name = p2p_cli_value(import->call, COLUMN_OPTIONS[i], NULL);
        import->columns[i] = NO_COLUMN;
        char known[256] = "it has ";
        size_t at = strlen(known);
        for (size_t c = 0; name != NULL && c < import->csv.count; c++) {
            struct p2p_slice head = trimmed(p2p_csv_field(&import->csv, c));
            if (p2p_slice_equal(head, p2p_slice_text(name))) {
                if (import->columns[i] != NO_COLUMN) {
                    return usage_problem(import, "name each column once in the first line",
                                         "%s has two columns \"%s\"", import->file, name);
                }
                import->columns[i] = c;
            }
            int n = snprintf(known + at, sizeof known - at, "%s%.*s", c > 0 ? ", " : "",
                             (int)(head.len < 64 ? head.len : 64), (const char *)head.data);
            at = n > 0 && (size_t)n < sizeof known - at ? at + (size_t)n : at;
            known[at] = '\0';
        }
        if (name != NULL && import->columns[i] == NO_COLUMN) {
            return usage_problem(import, known, "%s has no column \"%s\"", import->file, name);
        }
    }
    return GO_ON;
}

static int take_event(struct import *import, enum p2p_csv_event event)
{
    switch (event) {
    case P2P_CSV_MORE:
        return GO_ON;
    case P2P_CSV_EMPTY:
        return remark(import, "it is empty and was passed over");
    case P2P_CSV_BAD:
        if (!import->has_header) {
            return usage_problem(import, "it has to name the columns",
                                 "the first line of %s cannot be read: %s", import->file,
                                 import->csv.problem);
        }
        return refuse(import, import->csv.problem);
    case P2P_CSV_NOMEM:
        return refuse(import, "there is no memory for it");
    case P2P_CSV_ROW:
        return import->has_header ? check_row(import) : take_header(import);
    }
    return GO_ON;
}

static int read_failed(struct import *import)
{
    p2p_cli_problem_reply(&import->failure, 503, "io", "", "%s cannot be read: %s",
                          import->file, strerror(errno));
    return P2P_CLI_UNDECIDED;
}

/* Once through the file. */
static int pass(struct import *import)
{
    uint8_t *chunk = malloc(READ_BYTES);
    int exit = chunk == NULL ? read_failed(import) : GO_ON;
    import->has_header = false;
    import->read_bytes = 0;
    p2p_csv_init(&import->csv, p2p_alloc_default());
    while (exit == GO_ON) {
        ssize_t n = read(import->fd, chunk, READ_BYTES);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            exit = read_failed(import);
            break;
        }
        import->read_bytes += (uint64_t)n;
        struct p2p_slice left = p2p_slice_of(chunk, (size_t)n);
        enum p2p_csv_event event = P2P_CSV_MORE;
        do {
            event = n == 0 ? p2p_csv_end(&import->csv) : p2p_csv_feed(&import->csv, &left);
            exit = take_event(import, event);
        } while (exit == GO_ON && event != P2P_CSV_MORE && n > 0);
        if (n == 0) {
            break;
        }
    }
    if (exit == GO_ON && !import->has_header) {
        exit = usage_problem(import, "its first line has to name the columns", "%s is empty",
                             import->file);
    }
    if (exit == GO_ON) {
        exit = send_chunk(import);
    }
    p2p_csv_deinit(&import->csv);
    free(chunk);
    return exit;
}

static void print_remarks(struct import *import)
{
    char *line = NULL;
    size_t capacity = 0;
    bool first = true;
    put_remarks(import, NULL);
    rewind(import->remarks);
    while (getline(&line, &capacity, import->remarks) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (import->call->json) {
            fprintf(import->call->out, "%s%s", first ? "" : ",", line);
        } else {
            json_t *json = json_loads(line, 0, NULL);
            fprintf(import->call->out, "line %" PRIu64 ": ", p2p_cli_number(json, "line"));
            p2p_cli_put(import->call->out, p2p_cli_text(json, "text"));
            fputc('\n', import->call->out);
            json_decref(json);
        }
        first = false;
    }
    free(line);
}

/* The report, whole also when the import ended early: then with what ended it. */
static int report(struct import *import, int exit)
{
    struct p2p_cli_call *call = import->call;
    bool dry = p2p_cli_flag(call, "dry-run");
    if (call->json) {
        fprintf(call->out,
                "{\"lines\":%" PRIu64 ",\"imposed\":%" PRIu64 ",\"already\":%" PRIu64
                ",\"refused\":%" PRIu64 ",\"errors\":[",
                import->lines, import->imposed, import->already, import->refused);
        print_remarks(import);
        fputc(']', call->out);
        if (exit != GO_ON) {
            char *error = json_dumps(import->failure.json, JSON_COMPACT);
            fprintf(call->out, ",\"error\":%s", error != NULL ? error : "{}");
            free(error);
        }
        fputs("}\n", call->out);
    } else {
        char n[4][P2P_CLI_SPAN_BYTES];
        print_remarks(import);
        fprintf(call->out, "%s lines: %s %s, %s already there, %s refused\n",
                p2p_cli_count(n[0], import->lines), p2p_cli_count(n[1], import->imposed),
                dry ? "would be imposed" : "imposed", p2p_cli_count(n[2], import->already),
                p2p_cli_count(n[3], import->refused));
        if (import->dry && !dry) {
            fputs("nothing was imposed: all or nothing was asked for\n", call->out);
        }
    }
    if (exit != GO_ON) {
        struct p2p_cli_call to_stderr = *call;
        to_stderr.json = false; /* stdout has it already */
        p2p_cli_fail_reply(&to_stderr, &import->failure);
        if (import->imposed > 0 && !dry) {
            fputs("What was imposed stands; run the same command again for the rest.\n",
                  call->err);
        }
        return exit;
    }
    return import->refused > 0 ? P2P_CLI_NO : P2P_CLI_YES;
}

static int open_file(struct import *import, uint64_t *size)
{
    struct stat status = {0};
    bool piped = strcmp(import->file, "-") == 0;
    import->fd = piped ? STDIN_FILENO : open(import->file, O_RDONLY | O_CLOEXEC);
    if (import->fd >= 0 && fstat(import->fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        close(import->fd);
        import->fd = -1;
    }
    if (import->fd < 0) {
        char text[P2P_CLI_SENTENCE_BYTES];
        bool absent = errno == ENOENT;
        snprintf(text, sizeof text, "%s cannot be read: %s", import->file, strerror(errno));
        return p2p_cli_fail(import->call, absent ? P2P_CLI_UNDECIDED : P2P_CLI_USAGE,
                            absent ? p2p_err_name(P2P_NOTFOUND) : "usage", text,
                            "name a CSV file");
    }
    *size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    if (p2p_cli_flag(import->call, "all-or-nothing") && !S_ISREG(status.st_mode)) {
        return p2p_cli_fail(import->call, P2P_CLI_USAGE, "usage",
                            "--all-or-nothing reads its input twice", "give it a file");
    }
    return GO_ON;
}

static int run_passes(struct import *import, uint64_t size)
{
    bool dry_run = p2p_cli_flag(import->call, "dry-run");
    if (!dry_run && p2p_cli_flag(import->call, "all-or-nothing")) {
        import->dry = true;
        p2p_cli_progress_init(&import->progress, import->call->err, "checking", size);
        int exit = pass(import);
        if (exit != GO_ON || import->refused > 0) {
            import->imposed = 0; /* nothing is, and nothing will be */
            return exit;
        }
        import->lines = import->imposed = import->already = 0;
        p2p_cli_seen_deinit(&import->seen);
        if (lseek(import->fd, 0, SEEK_SET) < 0 || ftruncate(fileno(import->remarks), 0) != 0) {
            return read_failed(import);
        }
        rewind(import->remarks);
    }
    import->dry = dry_run;
    p2p_cli_progress_init(&import->progress, import->call->err,
                          dry_run ? "checking" : "importing", size);
    return pass(import);
}

int p2p_cli_import_run(struct p2p_cli_call *call)
{
    struct import import = {
        .call = call,
        .file = p2p_cli_argument(call, 0),
        .fd = -1,
        .rows = json_array(),
        .said = json_array(),
        .remarks = tmpfile(),
    };
    uint64_t size = 0;
    p2p_cli_session_of(&import.session, call);
    int exit = P2P_CLI_UNDECIDED;
    if (import.rows == NULL || import.said == NULL || import.remarks == NULL) {
        exit = p2p_cli_fail(call, P2P_CLI_UNDECIDED, "io", "no temporary file can be made",
                            "see to the room in $TMPDIR or /tmp");
        goto out;
    }
    exit = open_file(&import, &size);
    if (exit == GO_ON) {
        exit = run_passes(&import, size);
        p2p_cli_progress_clear(&import.progress);
        exit = report(&import, exit);
    }
out:
    p2p_api_reply_deinit(&import.failure);
    p2p_cli_seen_deinit(&import.seen);
    p2p_cli_session_deinit(&import.session);
    json_decref(import.rows);
    json_decref(import.said);
    if (import.remarks != NULL) {
        fclose(import.remarks);
    }
    if (import.fd > STDIN_FILENO) {
        close(import.fd);
    }
    return exit;
}
