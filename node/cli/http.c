#include "http.h"

#include <p2p/file.h>

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 5000L

struct body {
    char *data;
    size_t len;
    size_t capacity;
    size_t bytes_max;
    enum p2p_err err;
};

struct p2p_cli_http {
    CURL *curl;
    int dir;         /* of the socket; -1: over TLS to */
    const char *url; /* this server, */
    const char *trust;
    const char *pem; /* with this certificate, or NULL */
    char why[CURL_ERROR_SIZE];
};

static bool body_add(struct body *body, const char *data, size_t len)
{
    if (len > body->bytes_max - body->len) {
        body->err = P2P_TOOLARGE;
        return false;
    }
    if (body->len + len + 1 > body->capacity) {
        size_t capacity = body->capacity == 0 ? 4096 : body->capacity;
        while (capacity < body->len + len + 1) {
            capacity *= 2;
        }
        char *grown = realloc(body->data, capacity);
        if (grown == NULL) {
            body->err = P2P_NOMEM;
            return false;
        }
        body->data = grown;
        body->capacity = capacity;
    }
    memcpy(body->data + body->len, data, len);
    body->len += len;
    body->data[body->len] = '\0';
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    return body_add(context, data, size * count) ? size * count : 0;
}

static enum p2p_err start_curl(void)
{
    static bool started;
    if (!started && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return P2P_IO;
    }
    started = true;
    return P2P_OK;
}

enum p2p_err p2p_cli_http_open(struct p2p_cli_http **out, const char *dir)
{
    enum p2p_err err = start_curl();
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_cli_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return P2P_NOMEM;
    }
    http->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (http->dir < 0) {
        err = errno == ENOENT || errno == ENOTDIR ? P2P_NOTFOUND : P2P_IO;
        goto out;
    }
    http->curl = curl_easy_init();
    if (http->curl == NULL) {
        err = P2P_NOMEM;
        goto out;
    }
    *out = http;
    http = NULL;
out:
    p2p_cli_http_close(http);
    return err;
}

enum p2p_err p2p_cli_http_open_server(struct p2p_cli_http **out, const char *url,
                                      const char *trust)
{
    static const char https[] = "https://";
    enum p2p_err err = strncmp(url, https, sizeof https - 1) == 0 ? start_curl() : P2P_USAGE;
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_cli_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return P2P_NOMEM;
    }
    *http = (struct p2p_cli_http){.dir = -1, .url = url, .trust = trust};
    http->curl = curl_easy_init();
    if (http->curl == NULL) {
        p2p_cli_http_close(http);
        return P2P_NOMEM;
    }
    *out = http;
    return P2P_OK;
}

void p2p_cli_http_show(struct p2p_cli_http *http, const char *pem)
{
    http->pem = pem;
}

void p2p_cli_http_close(struct p2p_cli_http *http)
{
    if (http == NULL) {
        return;
    }
    curl_easy_cleanup(http->curl);
    if (http->dir >= 0) {
        close(http->dir);
    }
    free(http);
}

const char *p2p_cli_http_why(const struct p2p_cli_http *http)
{
    return http->why;
}

static bool set_socket(const struct p2p_cli_http *http)
{
    char path[P2P_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d/node.sock", http->dir);
    /* libcurl 7.88.1 (Debian 12) breaks the second exchange of a connection made with prior
     * knowledge (curl issue 10634); over a Unix socket a new one costs next to nothing. */
    return curl_easy_setopt(http->curl, CURLOPT_UNIX_SOCKET_PATH, path) == CURLE_OK &&
           curl_easy_setopt(http->curl, CURLOPT_HTTP_VERSION,
                            (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE) == CURLE_OK &&
           curl_easy_setopt(http->curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
}

static bool set_server(const struct p2p_cli_http *http)
{
    CURL *curl = http->curl;
    struct curl_blob pem = {.data = (void *)(uintptr_t)http->pem,
                            .len = http->pem != NULL ? strlen(http->pem) : 0,
                            .flags = CURL_BLOB_COPY};
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) ==
               CURLE_OK &&
           (http->trust == NULL ||
            curl_easy_setopt(curl, CURLOPT_CAINFO, http->trust) == CURLE_OK) &&
           (http->pem == NULL ||
            (curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &pem) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &pem) == CURLE_OK));
}

static bool add_header(struct curl_slist **headers, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*headers, text);
    *headers = longer != NULL ? longer : *headers;
    return longer != NULL;
}

static enum p2p_err set_body(struct p2p_cli_http *http, const struct p2p_api_request *request,
                             char **out_body, struct curl_slist **out_headers)
{
    char key[320];
    snprintf(key, sizeof key, "Idempotency-Key: %.256s",
             request->idempotency_key != NULL ? request->idempotency_key : "");
    *out_body = request->body != NULL ? json_dumps(request->body, JSON_COMPACT) : strdup("{}");
    if (*out_body == NULL || !add_header(out_headers, "Content-Type: application/json") ||
        (request->idempotency_key != NULL && !add_header(out_headers, key))) {
        return P2P_NOMEM;
    }
    curl_easy_setopt(http->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, *out_body);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(*out_body));
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, *out_headers);
    return P2P_OK;
}

/* Sets what every exchange needs; *out_body and *out_headers are the caller's to free after the
 * exchange. */
static enum p2p_err prepare(struct p2p_cli_http *http, const struct p2p_api_request *request,
                            char **out_body, struct curl_slist **out_headers)
{
    char *url = NULL;
    bool query = request->query != NULL && request->query[0] != '\0';
    if (asprintf(&url, "%s%s%s%s", http->url != NULL ? http->url : "http://node", request->path,
                 query ? "?" : "", query ? request->query : "") < 0) {
        return P2P_NOMEM;
    }
    CURL *curl = http->curl;
    curl_easy_reset(curl);
    http->why[0] = '\0';
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
    free(url);
    if (code != CURLE_OK || !(http->url != NULL ? set_server(http) : set_socket(http))) {
        return P2P_NOMEM;
    }
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->why);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    return strcmp(request->method, "POST") == 0 ? set_body(http, request, out_body, out_headers)
                                                : P2P_OK;
}

static enum p2p_cli_http_result result_of(struct p2p_cli_http *http, CURLcode code)
{
    if (code == CURLE_OK) {
        return P2P_CLI_HTTP_DONE;
    }
    if (http->why[0] == '\0') {
        snprintf(http->why, sizeof http->why, "%s", curl_easy_strerror(code));
    }
    return code == CURLE_COULDNT_CONNECT ? P2P_CLI_HTTP_ABSENT : P2P_CLI_HTTP_BROKEN;
}

/* Turns what arrived into a reply; takes body->data when it is text. */
static bool to_reply(struct p2p_cli_http *http, struct body *body, struct p2p_api_reply *reply)
{
    long status = 0;
    char *type = NULL;
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(http->curl, CURLINFO_CONTENT_TYPE, &type);
    if (type != NULL && strncmp(type, "text/", 5) == 0) {
        if (body->data == NULL && !body_add(body, "", 0)) {
            return false;
        }
        *reply = (struct p2p_api_reply){.status = (int)status, .text = body->data};
        body->data = NULL;
        return true;
    }
    json_t *json = json_loadb(body->data != NULL ? body->data : "", body->len, 0, NULL);
    if (json == NULL) {
        snprintf(http->why, sizeof http->why, "it answered %ld with something that is no JSON",
                 status);
        return false;
    }
    *reply = (struct p2p_api_reply){.status = (int)status, .json = json};
    return true;
}

enum p2p_cli_http_result p2p_cli_http_call(struct p2p_cli_http *http,
                                           const struct p2p_api_request *request,
                                           uint32_t timeout_ms, struct p2p_api_reply *reply)
{
    struct body body = {.bytes_max = P2P_CLI_REPLY_BYTES_MAX};
    char *sent = NULL;
    struct curl_slist *headers = NULL;
    enum p2p_cli_http_result result = P2P_CLI_HTTP_BROKEN;
    if (prepare(http, request, &sent, &headers) != P2P_OK) {
        snprintf(http->why, sizeof http->why, "out of memory");
        goto out;
    }
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &body);
    result = result_of(http, curl_easy_perform(http->curl));
    if (body.err != P2P_OK) {
        snprintf(http->why, sizeof http->why, "its answer is %s", p2p_err_text(body.err));
    }
    if (result == P2P_CLI_HTTP_DONE && !to_reply(http, &body, reply)) {
        result = P2P_CLI_HTTP_BROKEN;
    }
out:
    curl_slist_free_all(headers);
    free(sent);
    free(body.data);
    return result;
}

struct stream {
    struct p2p_cli_http *http;
    struct body body; /* the line so far, or all of a problem document */
    bool (*on_line)(void *context, const char *line, size_t len);
    void *context;
    bool stopped;
};

static size_t on_stream(char *data, size_t size, size_t count, void *context)
{
    struct stream *stream = context;
    size_t left = size * count;
    long status = 0;
    curl_easy_getinfo(stream->http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        return body_add(&stream->body, data, left) ? left : 0;
    }
    const char *at = data;
    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        size_t n = end != NULL ? (size_t)(end - at) : left;
        if (!body_add(&stream->body, at, n)) {
            return 0;
        }
        if (end == NULL) {
            break;
        }
        if (stream->body.len > 0 &&
            !stream->on_line(stream->context, stream->body.data, stream->body.len)) {
            stream->stopped = true;
            return 0;
        }
        stream->body.len = 0;
        at = end + 1;
        left -= n + 1;
    }
    return size * count;
}

enum p2p_cli_http_result
p2p_cli_http_stream(struct p2p_cli_http *http, const struct p2p_api_request *request,
                    bool (*on_line)(void *context, const char *line, size_t len), void *context,
                    struct p2p_api_reply *reply)
{
    struct stream stream = {
        .http = http,
        .body = {.bytes_max = P2P_CLI_LINE_BYTES_MAX},
        .on_line = on_line,
        .context = context,
    };
    char *sent = NULL;
    struct curl_slist *headers = NULL;
    enum p2p_cli_http_result result = P2P_CLI_HTTP_BROKEN;
    *reply = (struct p2p_api_reply){0};
    if (prepare(http, request, &sent, &headers) != P2P_OK) {
        snprintf(http->why, sizeof http->why, "out of memory");
        goto out;
    }
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &stream);
    CURLcode code = curl_easy_perform(http->curl);
    long status = 0;
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (stream.stopped) {
        result = P2P_CLI_HTTP_DONE;
    } else if (code == CURLE_OK && status == 200) {
        snprintf(http->why, sizeof http->why, "the node ended the stream");
    } else {
        result = result_of(http, code);
        if (result == P2P_CLI_HTTP_DONE && !to_reply(http, &stream.body, reply)) {
            result = P2P_CLI_HTTP_BROKEN;
        }
    }
out:
    curl_slist_free_all(headers);
    free(sent);
    free(stream.body.data);
    return result;
}

enum p2p_err p2p_cli_http_fetch(const char *url, size_t bytes_max, char **out, size_t *len,
                                char *message, size_t message_cap)
{
    struct body body = {.bytes_max = bytes_max};
    char why[CURL_ERROR_SIZE] = "";
    enum p2p_err err = start_curl();
    CURL *curl = err == P2P_OK ? curl_easy_init() : NULL;
    if (curl == NULL) {
        return err != P2P_OK ? err : P2P_NOMEM;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 60000L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    /* The charter is signed by its roots: it proves itself wherever it comes from. */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK && (body.data != NULL || body_add(&body, "", 0))) {
        *out = body.data;
        *len = body.len;
        body.data = NULL;
    } else {
        err = body.err != P2P_OK ? body.err : P2P_IO;
        snprintf(message, message_cap, "%s could not be fetched: %s", url,
                 body.err != P2P_OK ? p2p_err_text(body.err)
                 : why[0] != '\0'   ? why
                                    : curl_easy_strerror(code));
    }
    curl_easy_cleanup(curl);
    free(body.data);
    return err;
}
