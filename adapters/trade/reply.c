#include "reply.h"

#include "answer.h"
#include "json_text.h"
#include "outbox.h"
#include "task.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From us, with the qualifier by which the sender addressed us, to the sender. */
static void letter_of(struct p2p_trade_letter *letter, const struct p2p_trade *trade,
                      const json_t *origin, const char *what)
{
    char hash[P2P_TRADE_KEY_BYTES];
    struct p2p_slice parts[] = {p2p_slice_text(p2p_json_text(origin, "key")),
                                p2p_slice_text(what)};
    *letter = (struct p2p_trade_letter){.now_ms = trade->now_ms};
    const char *me =
        trade->agreement->me[0] != '\0' ? trade->agreement->me : p2p_json_text(origin, "me");
    bool addressed = strcmp(me, p2p_json_text(origin, "me")) == 0;
    snprintf(letter->from.id, sizeof letter->from.id, "%s", me);
    snprintf(letter->from.qualifier, sizeof letter->from.qualifier, "%s",
             addressed ? p2p_json_text(origin, "my_qualifier") : "");
    snprintf(letter->to.id, sizeof letter->to.id, "%s", p2p_json_text(origin, "sender"));
    snprintf(letter->to.qualifier, sizeof letter->to.qualifier, "%s",
             p2p_json_text(origin, "qualifier"));
    p2p_trade_key(hash, parts, 2);
    for (size_t i = 0; i + 1 < sizeof letter->reference; i++) {
        letter->reference[i] =
            hash[i] >= 'a' && hash[i] <= 'f' ? (char)(hash[i] - 'a' + 'A') : hash[i];
    }
}

/* Writes one answer and adds its name to names. */
static enum p2p_err send(const struct p2p_trade *trade, const json_t *origin, const char *kind,
                         const struct p2p_edi_writer *writer, json_t *names)
{
    char name[P2P_OUTBOX_NAME_BYTES];
    if (trade->answers == NULL) {
        return P2P_OK;
    }
    p2p_outbox_name(name, p2p_json_text(origin, "sender"), p2p_json_text(origin, "interchange"),
                    p2p_json_text(origin, "key"), kind);
    json_array_append_new(names, json_string(name));
    return p2p_outbox_write(trade->answers, name, p2p_slice_of(writer->data, writer->len));
}

json_t *p2p_trade_origin(const struct p2p_edi_interchange *in, const char *key,
                         const struct p2p_edi_message *message, const char *document)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "key", key, "sender",
                     in->sender.id, "qualifier", in->sender.qualifier, "me", in->recipient.id,
                     "my_qualifier", in->recipient.qualifier, "interchange", in->reference,
                     "message", message != NULL ? message->reference : "", "type",
                     message != NULL ? message->type : "", "release",
                     message != NULL ? message->release : "", "document", document);
}

json_t *p2p_trade_refusal(const json_t *task, const struct p2p_trade_result *result)
{
    return json_pack("{s:s, s:s, s:s, s:O}", "code", result->code, "text", result->text,
                     "container", p2p_json_text(task, "container"), "segment",
                     json_object_get(task, "segment"));
}

enum p2p_err p2p_trade_send_contrl(const struct p2p_trade *trade,
                                   const struct p2p_edi_interchange *in, const char *key,
                                   const char *delivery, json_t *names)
{
    struct p2p_trade_letter letter;
    struct p2p_edi_writer writer;
    char kind[64] = "contrl.edi";
    bool duplicate = in->fault.code == P2P_EDI_DUPLICATE;
    size_t room = p2p_trade_contrl_room(in);
    uint8_t *bytes = malloc(room);
    json_t *origin = p2p_trade_origin(in, key, NULL, "");
    enum p2p_err err = bytes == NULL || origin == NULL ? P2P_NOMEM : P2P_OK;
    if (in->fault.code != P2P_EDI_GOOD) { /* the answer to another delivery stays as it is */
        snprintf(kind, sizeof kind, "%s-%.8s.contrl.edi", duplicate ? "duplicate" : "rejected",
                 delivery);
    }
    if (err == P2P_OK) {
        letter_of(&letter, trade, origin, kind);
        p2p_edi_writer_init(&writer, bytes, room);
        p2p_trade_contrl(&writer, &letter, in);
        err = send(trade, origin, kind, &writer, names);
    }
    json_decref(origin);
    free(bytes);
    return err;
}

enum p2p_err p2p_trade_send_aperak(const struct p2p_trade *trade, const json_t *items,
                                   const char *kind, json_t *names)
{
    const json_t *origin = json_array_get(items, 0);
    struct p2p_trade_letter letter;
    struct p2p_edi_writer writer;
    size_t room = p2p_trade_aperak_room(items);
    uint8_t *bytes = malloc(room);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    letter_of(&letter, trade, origin, kind);
    p2p_edi_writer_init(&writer, bytes, room);
    p2p_trade_aperak(&writer, &letter, items);
    enum p2p_err err = send(trade, origin, kind, &writer, names);
    free(bytes);
    return err;
}
