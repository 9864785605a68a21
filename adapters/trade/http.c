#include "http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS  5000L
#define EXCHANGE_MS 40000L /* longer than a node waits for a level */
#define URL_BYTES   2048u

struct p2p_trade_http {
    CURL *curl;
    const struct p2p_trade_endpoint *endpoint;
    char why[CURL_ERROR_SIZE + 64];
    char *text; /* of the reply so far */
    size_t len;
    bool too_large;
};

enum p2p_err p2p_trade_http_open(struct p2p_trade_http **out,
                                 const struct p2p_trade_endpoint *endpoint)
{
    static bool started;
    if (!started && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return P2P_IO;
    }
    started = true;
    struct p2p_trade_http *http = calloc(1, sizeof *http);
    CURL *curl = curl_easy_init();
    if (http == NULL || curl == NULL) {
        curl_easy_cleanup(curl);
        free(http);
        return P2P_NOMEM;
    }
    http->curl = curl;
    http->endpoint = endpoint;
    *out = http;
    return P2P_OK;
}

void p2p_trade_http_close(struct p2p_trade_http *http)
{
    if (http != NULL) {
        curl_easy_cleanup(http->curl);
        free(http->text);
        free(http);
    }
}

const char *p2p_trade_http_why(const struct p2p_trade_http *http)
{
    return http->why;
}

char *p2p_trade_http_escape(struct p2p_trade_http *http, const char *text)
{
    char *escaped = curl_easy_escape(http->curl, text, 0);
    char *copy = escaped != NULL ? strdup(escaped) : NULL;
    curl_free(escaped);
    return copy;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct p2p_trade_http *http = context;
    size_t len = size * count;
    if (len > P2P_TRADE_REPLY_BYTES_MAX - http->len) {
        http->too_large = true;
        return 0;
    }
    char *grown = realloc(http->text, http->len + len + 1);
    if (grown == NULL) {
        return 0;
    }
    http->text = grown;
    memcpy(grown + http->len, data, len);
    http->len += len;
    grown[http->len] = '\0';
    return len;
}

static bool set_way(struct p2p_trade_http *http)
{
    const struct p2p_trade_endpoint *endpoint = http->endpoint;
    CURL *curl = http->curl;
    if (endpoint->socket != NULL) {
        /* libcurl 7.88.1 (Debian 12) breaks the second exchange of a connection made with prior
         * knowledge (curl issue 10634). */
        return curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, endpoint->socket) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                                (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
    }
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) ==
               CURLE_OK &&
           (endpoint->trust == NULL ||
            curl_easy_setopt(curl, CURLOPT_CAINFO, endpoint->trust) == CURLE_OK) &&
           (endpoint->certificate == NULL ||
            (curl_easy_setopt(curl, CURLOPT_SSLCERT, endpoint->certificate) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_SSLKEY, endpoint->certificate) == CURLE_OK));
}

static bool set_exchange(struct p2p_trade_http *http, const char *url, const char *sent,
                         struct curl_slist *headers)
{
    CURL *curl = http->curl;
    curl_easy_reset(curl);
    bool good = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK && set_way(http);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->why);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, EXCHANGE_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    if (sent != NULL) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(sent));
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    }
    return good;
}

static bool add_header(struct curl_slist **headers, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*headers, header);
    if (longer != NULL) {
        *headers = longer;
    }
    return longer != NULL;
}

static bool say(struct p2p_trade_http *http, const char *why)
{
    snprintf(http->why, sizeof http->why, "%s", why);
    return false;
}

bool p2p_trade_http_ask(struct p2p_trade_http *http, const char *method, const char *path,
                        const char *query, const json_t *body, const char *key, long *status,
                        json_t **reply)
{
    char url[URL_BYTES];
    char header[128];
    char *sent = NULL;
    struct curl_slist *headers = NULL;
    bool post = strcmp(method, "POST") == 0;
    bool good = false;
    int n = snprintf(url, sizeof url, "%s%s%s%s",
                     http->endpoint->server != NULL ? http->endpoint->server : "http://node",
                     path, query != NULL ? "?" : "", query != NULL ? query : "");
    http->why[0] = '\0';
    http->len = 0;
    http->too_large = false;
    if (n < 0 || (size_t)n >= sizeof url) {
        return say(http, "the address is too long");
    }
    if (post) {
        snprintf(header, sizeof header, "Idempotency-Key: %s", key != NULL ? key : "");
        sent = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
        if (sent == NULL || !add_header(&headers, "Content-Type: application/json") ||
            (key != NULL && !add_header(&headers, header))) {
            say(http, "out of memory");
            goto out;
        }
    }
    if (!set_exchange(http, url, sent, headers)) {
        say(http, "the endpoint cannot be used: is libcurl built with HTTP/2 and TLS?");
        goto out;
    }
    CURLcode code = curl_easy_perform(http->curl);
    if (code != CURLE_OK) {
        if (http->too_large) {
            say(http, "its answer is longer than 16 MiB");
        } else if (http->why[0] == '\0') {
            say(http, curl_easy_strerror(code));
        }
        goto out;
    }
    json_t *json = json_loadb(http->text != NULL ? http->text : "", http->len, 0, NULL);
    if (json == NULL) {
        say(http, "it answered with something that is no JSON");
        goto out;
    }
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, status);
    *reply = json;
    good = true;
out:
    curl_slist_free_all(headers);
    free(sent);
    return good;
}
