/* Flags: what is done as asked, and told with the answer because it is likely a mistake. */
#include "call.h"

#include <p2p/container.h>

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_BYTES_MAX = 256 };

void p2p_call_flag(struct p2p_call *call, const char *code, const char *format, ...)
{
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (call->flags == NULL) {
        call->flags = json_array();
    }
    json_array_append_new(call->flags, json_pack("{s:s, s:s}", "code", code, "text", text));
}

void p2p_call_flag_subjects(struct p2p_call *call, const struct p2p_subject *subjects,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!subjects[i].check_ok) {
            p2p_call_flag(call, "bad-identifier",
                          "%s:%s has a wrong check digit; compare the document",
                          subjects[i].type->word, subjects[i].value);
        }
    }
}

void p2p_call_flag_container(struct p2p_call *call, const char *container)
{
    if (!p2p_container_check(container)) {
        p2p_call_flag(call, "bad-identifier", "%s has a wrong check digit; compare the box",
                      container);
    }
}

json_t *p2p_call_flagged(const struct p2p_call *call, json_t *reply)
{
    if (reply != NULL && json_array_size(call->flags) > 0) {
        json_object_set(reply, "flags", call->flags);
    }
    return reply;
}
