#include "report.h"

#include "json_text.h"

#include <string.h>

static long long number_of(const json_t *json, const char *key)
{
    return (long long)json_integer_value(json_object_get(json, key));
}

/* What a sender wrote may stand in a terminal: nothing in it is obeyed there. */
static void put(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        fputc(*text < 0x20 || *text == 0x7f ? '.' : *text, out);
    }
}

static void put_head(FILE *out, const json_t *event)
{
    static const char *const PARTS[] = {"file", "sender",   "interchange", "message",
                                        "type", "document", "container"};
    const char *between = "";
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        const char *text = p2p_json_text(event, PARTS[i]);
        if (text[0] != '\0') {
            fputs(between, out);
            put(out, text);
            between = " ";
        }
    }
    fputs(": ", out);
}

static void tell_message(FILE *out, const json_t *event)
{
    size_t i;
    json_t *refusal;
    fprintf(out, "%s, %lld containers: %lld done, %lld waiting, %lld refused\n",
            p2p_json_text(event, "result"), number_of(event, "containers"),
            number_of(event, "done"), number_of(event, "waiting"), number_of(event, "refused"));
    json_array_foreach(json_object_get(event, "refusals"), i, refusal)
    {
        fputs("    ", out);
        put(out, p2p_json_text(refusal, "container"));
        fprintf(out, "%s%s: ", p2p_json_text(refusal, "container")[0] != '\0' ? " " : "",
                p2p_json_text(refusal, "code"));
        put(out, p2p_json_text(refusal, "text"));
        fputc('\n', out);
    }
}

static void tell_plain(FILE *out, const json_t *event)
{
    put_head(out, event);
    if (strcmp(p2p_json_text(event, "event"), "message") == 0) {
        tell_message(out, event);
        return;
    }
    fputs(p2p_json_text(event, "result"), out);
    if (number_of(event, "code") != 0) {
        fprintf(out, " (%lld)", number_of(event, "code"));
    }
    if (p2p_json_text(event, "text")[0] != '\0') {
        fputs(": ", out);
        put(out, p2p_json_text(event, "segment"));
        fputs(p2p_json_text(event, "segment")[0] != '\0' ? ": " : "", out);
        put(out, p2p_json_text(event, "text"));
    }
    fputc('\n', out);
}

void p2p_trade_tell(const struct p2p_trade_report *report, json_t *event)
{
    if (report->out != NULL && event != NULL) {
        if (report->json) {
            json_dumpf(event, report->out, JSON_COMPACT);
            fputc('\n', report->out);
        } else {
            tell_plain(report->out, event);
        }
        fflush(report->out);
    }
    json_decref(event);
}
