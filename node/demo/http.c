#include "http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS           5000L
#define STRANGER_MS      3000L
#define ANSWER_BYTES_MAX (16u << 20)

struct p2p_demo_http {
    CURL *curl;
    int dir; /* the socket is reached through it, so that its path may be long */
};

struct answer {
    char *data;
    size_t len;
};

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t len = size * count;
    char *grown = len > ANSWER_BYTES_MAX - answer->len
                      ? NULL
                      : realloc(answer->data, answer->len + len + 1);
    if (grown == NULL) {
        return 0;
    }
    memcpy(grown + answer->len, data, len);
    answer->data = grown;
    answer->len += len;
    return len;
}

struct p2p_demo_http *p2p_demo_http_open(const char *dir)
{
    struct p2p_demo_http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return NULL;
    }
    http->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    http->curl = curl_easy_init();
    if (http->dir < 0 || http->curl == NULL) {
        p2p_demo_http_close(http);
        return NULL;
    }
    return http;
}

void p2p_demo_http_close(struct p2p_demo_http *http)
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

long p2p_demo_http_ask(struct p2p_demo_http *http, const char *path, const json_t *body,
                       json_t **out)
{
    char socket_path[64], url[512];
    struct answer answer = {0};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    char *sent = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    long status = 0;
    *out = NULL;
    snprintf(socket_path, sizeof socket_path, "/proc/self/fd/%d/node.sock", http->dir);
    snprintf(url, sizeof url, "http://node%s", path);
    curl_easy_reset(http->curl);
    curl_easy_setopt(http->curl, CURLOPT_URL, url);
    curl_easy_setopt(http->curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    curl_easy_setopt(http->curl, CURLOPT_HTTP_VERSION,
                     (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    /* libcurl 7.88.1 (Debian 12) breaks the second exchange of such a connection (curl issue
     * 10634). */
    curl_easy_setopt(http->curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(http->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, ASK_MS);
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &answer);
    if (sent != NULL) {
        curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, sent);
    }
    if (curl_easy_perform(http->curl) == CURLE_OK) {
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
        *out = json_loadb(answer.data != NULL ? answer.data : "", answer.len, 0, NULL);
    }
    curl_slist_free_all(headers);
    free(sent);
    free(answer.data);
    return status;
}

bool p2p_demo_http_stranger(const char *address, char *words, size_t words_cap)
{
    char url[128], why[CURL_ERROR_SIZE] = "";
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        snprintf(words, words_cap, "no memory");
        return false;
    }
    snprintf(url, sizeof url, "https://%s/", address);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, STRANGER_MS);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    free(answer.data);
    snprintf(words, words_cap, "%s",
             code == CURLE_OK ? "it was answered"
             : why[0] != '\0' ? why
                              : curl_easy_strerror(code));
    /* The TLS alert of RFC 8446, section 6.2: certificate_required. */
    return code != CURLE_OK && strstr(words, "certificate required") != NULL;
}
