#include <p2p/words.h>

#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- times ---- */

/* Exactly so many digits, and moves past them. */
static bool digits(const char **at, size_t count, int *out)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += count;
    *out = value;
    return true;
}

static bool literal(const char **at, char c)
{
    bool there = **at == c;
    *at += there;
    return there;
}

/* What follows the second: a fraction or none. Digits below the millisecond are dropped. */
static bool fraction(const char **at, unsigned *millis)
{
    unsigned weight = 100;
    if (!literal(at, '.')) {
        return true;
    }
    const char *first = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++, weight /= 10) {
        *millis += weight * (unsigned)(**at - '0');
    }
    return *at != first;
}

bool p2p_time_parse(const char *text, uint64_t *ms)
{
    struct tm tm = {0};
    unsigned millis = 0;
    bool good = digits(&text, 4, &tm.tm_year) && literal(&text, '-') &&
                digits(&text, 2, &tm.tm_mon) && literal(&text, '-') &&
                digits(&text, 2, &tm.tm_mday);
    if (good && *text != '\0') {
        good = literal(&text, 'T') && digits(&text, 2, &tm.tm_hour) && literal(&text, ':') &&
               digits(&text, 2, &tm.tm_min) && literal(&text, ':') &&
               digits(&text, 2, &tm.tm_sec) && fraction(&text, &millis) && literal(&text, 'Z');
    }
    if (!good || *text != '\0' || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int month = tm.tm_mon;
    int day = tm.tm_mday;
    time_t seconds = timegm(&tm); /* would make 2 March of 30 February */
    if (seconds < 0 || tm.tm_mon != month || tm.tm_mday != day) {
        return false;
    }
    *ms = (uint64_t)seconds * 1000 + millis;
    return true;
}

json_t *p2p_time_json(uint64_t ms)
{
    char text[64];
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);
    gmtime_r(&seconds, &tm);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    if (ms % 1000 != 0) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, ".%03u", (unsigned)(ms % 1000));
    }
    snprintf(text + len, sizeof(text) - len, "Z");
    return json_string(text);
}

/* ---- ids and names ---- */

void p2p_id_text(const struct p2p_ledger *ledger, const struct p2p_record_id *id,
                 char out[P2P_ID_TEXT_BYTES])
{
    struct p2p_slice feed = p2p_feed_name(ledger, id->feed);
    snprintf(out, P2P_ID_TEXT_BYTES, "%.*s:%llu", (int)feed.len, (const char *)feed.data,
             (unsigned long long)id->index);
}

bool p2p_id_parse(const struct p2p_ledger *ledger, const char *text, struct p2p_record_id *id)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL) {
        return false;
    }
    const struct p2p_feed_info *feed =
        p2p_charter_feed_named(ledger->charter, p2p_slice_of(text, (size_t)(colon - text)));
    const char *end = strchr(colon, '#');
    size_t len = end != NULL ? (size_t)(end - colon - 1) : strlen(colon + 1);
    if (feed == NULL ||
        p2p_decimal_decode(&id->index, p2p_slice_of(colon + 1, len)) != P2P_OK) {
        return false;
    }
    id->feed = feed->number;
    return true;
}

json_t *p2p_id_json(const struct p2p_ledger *ledger, const struct p2p_record_id *id)
{
    char text[P2P_ID_TEXT_BYTES];
    p2p_id_text(ledger, id, text);
    return json_string(text);
}

const char *p2p_circle_name(const struct p2p_ledger *ledger, uint32_t circle)
{
    const struct p2p_circle *info = p2p_charter_circle(ledger->charter, circle);
    return circle == 0 ? "*" : info != NULL ? info->name : "";
}

json_t *p2p_hex_json(const struct p2p_hash *hash)
{
    char text[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(text, hash->bytes, P2P_HASH_BYTES);
    return json_string(text);
}

json_t *p2p_slice_json(struct p2p_slice text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    if (text.len == 0 || memchr(text.data, '\0', text.len) == NULL) {
        return json_stringn(text.len == 0 ? "" : (const char *)text.data, text.len);
    }
    char *copy = malloc(3 * text.len);
    size_t len = 0;
    if (copy == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool nul = text.data[i] == '\0';
        memcpy(copy + len, nul ? replacement : (const char *)text.data + i, nul ? 3 : 1);
        len += nul ? 3 : 1;
    }
    json_t *json = json_stringn(copy, len);
    free(copy);
    return json;
}

json_t *p2p_base64_json(struct p2p_slice bytes)
{
    char *text = malloc(P2P_BASE64_BYTES(bytes.len));
    if (text == NULL) {
        return NULL;
    }
    p2p_base64_encode(text, bytes.data, bytes.len);
    json_t *json = json_string(text);
    free(text);
    return json;
}
