#include "intake.h"

#include "json_text.h"
#include "message.h"
#include "reply.h"
#include "task.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One interchange on its way through. */
struct passage {
    struct p2p_trade *trade;
    struct p2p_edi_interchange *in;
    const char *name;
    char delivery[P2P_TRADE_KEY_BYTES]; /* and the interchange's place in it */
    char key[P2P_TRADE_KEY_BYTES];
    char content[P2P_TRADE_KEY_BYTES];
    json_t *items;  /* refusals for APERAK, by message */
    json_t *events; /* told once the answers are written */
    json_t *over;   /* keys of tasks that are over */
    bool undecided;
    struct p2p_trade_result reason; /* why it is undecided */
    struct p2p_trade_tally *tally;
};

/* ---- judging the envelope ---- */

static void envelope_fault(struct p2p_edi_interchange *in, enum p2p_edi_code code,
                           uint16_t element)
{
    if (in->fault.code == P2P_EDI_GOOD) {
        in->fault = (struct p2p_edi_fault){.code = code, .tag = "UNB", .element = element};
    }
}

/* Elements of UNB: 2 sender, 3 recipient, 11 test indicator. */
static void judge_addresses(const struct p2p_trade *trade, struct p2p_edi_interchange *in)
{
    const struct p2p_agreement *agreement = trade->agreement;
    if (!p2p_agreement_knows_sender(agreement, in->sender.id)) {
        envelope_fault(in, P2P_EDI_SENDER, 2);
    }
    if (agreement->me[0] != '\0' && strcmp(agreement->me, in->recipient.id) != 0) {
        envelope_fault(in, P2P_EDI_RECIPIENT, 3);
    }
    if (in->is_test && !trade->tests) {
        envelope_fault(in, P2P_EDI_TEST, 11);
    }
}

static void interchange_key(struct passage *passage)
{
    const struct p2p_edi_interchange *in = passage->in;
    struct p2p_slice parts[] = {
        p2p_slice_text(in->sender.id), p2p_slice_text(in->sender.qualifier),
        p2p_slice_text(in->recipient.id), p2p_slice_text(in->reference)};
    p2p_trade_key(passage->key, parts, 4);
    p2p_trade_key(passage->content, &in->bytes, 1);
}

/* ---- messages ---- */

/* What came of one message. */
struct yield {
    json_t *ids;
    json_t *refusals;
    uint32_t done;
    uint32_t waiting;
    uint32_t refused;
};

static enum p2p_err run_task(struct passage *passage, const char *key, const json_t *task,
                             struct yield *yield)
{
    struct p2p_trade *trade = passage->trade;
    enum p2p_trade_end end = P2P_TRADE_OVER;
    struct p2p_trade_result result;
    enum p2p_err err = p2p_task_run(trade->journal, key, &trade->carrier, trade->now_ms,
                                    yield->ids, &end, &result);
    if (err != P2P_OK) {
        return err;
    }
    switch (end) {
    case P2P_TRADE_OVER:
        yield->done++;
        break;
    case P2P_TRADE_WAITS:
        yield->waiting++;
        break;
    case P2P_TRADE_NO:
        yield->refused++;
        if (json_array_size(yield->refusals) < P2P_TRADE_REFUSALS_MAX) {
            json_array_append_new(yield->refusals, p2p_trade_refusal(task, &result));
        }
        break;
    case P2P_TRADE_UNDECIDED:
        passage->undecided = true;
        passage->reason = result;
        break;
    }
    if (end == P2P_TRADE_OVER || end == P2P_TRADE_NO) {
        json_array_append_new(passage->over, json_string(key));
    }
    return P2P_OK;
}

static enum p2p_err run_tasks(struct passage *passage, const struct p2p_edi_message *message,
                              const struct p2p_trade_reading *reading, json_t *origin,
                              struct yield *yield)
{
    struct p2p_trade *trade = passage->trade;
    enum p2p_err err = P2P_OK;
    char message_key[P2P_TRADE_KEY_BYTES];
    size_t i;
    json_t *task;
    struct p2p_slice parts[] = {
        p2p_slice_text(passage->key), p2p_slice_text(message->reference),
        p2p_slice_of(passage->in->bytes.data + message->begin, message->end - message->begin)};
    p2p_trade_key(message_key, parts, 3);
    json_array_foreach(reading->tasks, i, task)
    {
        char key[P2P_TRADE_KEY_BYTES];
        /* By its segment, not by its place among the tasks: gone on with under another
         * agreement a message may have others. */
        p2p_task_key(key, message_key,
                     (size_t)json_integer_value(json_object_get(task, "segment")));
        if (p2p_journal_get(trade->journal, P2P_JOURNAL_TASKS, key) == NULL) {
            err = p2p_task_begin(trade->journal, key, task, origin, trade->now_ms);
        }
        if (err == P2P_OK) {
            err = run_task(passage, key, task, yield);
        }
        if (err != P2P_OK || passage->undecided) {
            break;
        }
    }
    return err;
}

static void tell_message(struct passage *passage, const struct p2p_edi_message *message,
                         const struct p2p_trade_reading *reading, struct yield *yield)
{
    const char *result = "nothing";
    if (message->fault_count > 0) {
        result = "syntax";
    } else if (yield->refused > 0) {
        result = "refused";
    } else if (yield->waiting > 0) {
        result = "waiting";
    } else if (yield->done > 0) {
        result = "done";
    }
    json_t *event = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:O, s:O}", "event",
        "message", "file", passage->name, "sender", passage->in->sender.id, "interchange",
        passage->in->reference, "message", message->reference, "type", message->type,
        "document", reading->document, "result", result, "containers", (int)reading->containers,
        "done", (int)yield->done, "waiting", (int)yield->waiting, "refused",
        (int)yield->refused, "ids", yield->ids, "refusals", yield->refusals);
    json_array_append_new(passage->events, event);
}

/* The syntax faults of a message, as refusals for people; CONTRL tells the sender. */
static void add_faults(const struct p2p_edi_message *message, json_t *refusals)
{
    for (uint32_t i = 0; i < message->fault_count && i < P2P_EDI_FAULTS_MAX; i++) {
        const struct p2p_edi_fault *fault = &message->faults[i];
        char code[16];
        snprintf(code, sizeof code, "syntax-%d", (int)fault->code);
        json_array_append_new(
            refusals,
            json_pack("{s:s, s:o, s:s, s:i}", "code", code, "text",
                      json_sprintf("segment %u %s, byte %zu: %s", (unsigned)fault->segment,
                                   fault->tag, fault->at, p2p_edi_code_text(fault->code)),
                      "container", "", "segment", (int)fault->segment));
    }
}

/* Reads a message by its map; what is wrong with it is added to its faults. */
static enum p2p_err read_message(struct passage *passage, struct p2p_edi_message *message,
                                 struct p2p_trade_reading *reading)
{
    struct p2p_edi_fault fault;
    const struct p2p_agreement *agreement = passage->trade->agreement;
    const struct p2p_trade_map *map = p2p_trade_map_find(message, &fault);
    if (map != NULL &&
        !p2p_agreement_allows(agreement, passage->in->sender.id, message->type)) {
        fault = (struct p2p_edi_fault){.code = P2P_EDI_NO_AGREEMENT,
                                       .tag = "UNH",
                                       .segment = 1,
                                       .element = 2,
                                       .component = 1,
                                       .at = message->begin};
        map = NULL;
    }
    if (map == NULL) {
        p2p_edi_fault_add(message, fault);
        return P2P_OK;
    }
    return p2p_trade_read(reading, map, agreement, passage->in, message);
}

static enum p2p_err take_message(struct passage *passage, struct p2p_edi_message *message)
{
    struct p2p_trade_reading reading = {0};
    struct yield yield = {.ids = json_array(), .refusals = json_array()};
    json_t *origin = NULL;
    enum p2p_err err = P2P_OK;
    if (p2p_edi_sound(passage->in, message)) {
        err = read_message(passage, message, &reading);
    }
    if (err != P2P_OK) {
        goto out;
    }
    origin = p2p_trade_origin(passage->in, passage->key, message, reading.document);
    if (origin == NULL || yield.ids == NULL || yield.refusals == NULL ||
        json_object_set_new(origin, "name", json_string(reading.name)) != 0 ||
        json_object_set_new(origin, "function", json_string(reading.function)) != 0) {
        err = P2P_NOMEM;
        goto out;
    }
    json_array_extend(yield.refusals, reading.refusals);
    yield.refused = reading.refusal_count;
    if (p2p_edi_sound(passage->in, message)) {
        err = run_tasks(passage, message, &reading, origin, &yield);
    }
    if (err != P2P_OK || passage->undecided) {
        goto out;
    }
    if (yield.refused > json_array_size(yield.refusals)) {
        json_array_append_new(
            yield.refusals,
            json_pack("{s:s, s:o, s:s, s:i}", "code", "more", "text",
                      json_sprintf("%zu more were refused, which have no room here",
                                   yield.refused - json_array_size(yield.refusals)),
                      "container", "", "segment", 0));
    }
    if (json_array_size(yield.refusals) > 0) {
        json_t *item = json_copy(origin);
        json_object_set(item, "refusals", yield.refusals);
        json_array_append_new(passage->items, item);
    }
    passage->tally->messages++;
    passage->tally->refused += yield.refused + (message->fault_count > 0 ? 1 : 0);
    if (message->fault_count > 0) {
        json_t *told = json_copy(yield.refusals);
        add_faults(message, told);
        json_decref(yield.refusals);
        yield.refusals = told;
    }
    tell_message(passage, message, &reading, &yield);
out:
    p2p_trade_reading_deinit(&reading);
    json_decref(yield.ids);
    json_decref(yield.refusals);
    json_decref(origin);
    return err;
}

/* ---- interchanges ---- */

static void tell_interchange(struct passage *passage, const char *result, json_t *names)
{
    const struct p2p_edi_fault *fault = &passage->in->fault;
    const char *text =
        passage->undecided ? passage->reason.text : p2p_edi_code_text(fault->code);
    p2p_trade_tell(&passage->trade->report,
                   json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:O}", "event",
                             "interchange", "file", passage->name, "sender",
                             passage->in->sender.id, "interchange", passage->in->reference,
                             "result", result, "code", (int)fault->code, "segment", fault->tag,
                             "text", text, "answers", names));
}

/* Rejected as a whole: nothing is recorded, the reference stays free. */
static enum p2p_err reject(struct passage *passage)
{
    bool duplicate = passage->in->fault.code == P2P_EDI_DUPLICATE;
    json_t *names = json_array();
    enum p2p_err err = p2p_trade_send_contrl(passage->trade, passage->in, passage->key,
                                             passage->delivery, names);
    if (err == P2P_OK) {
        tell_interchange(passage, duplicate ? "duplicate" : "rejected", names);
        passage->tally->duplicates += duplicate ? 1 : 0;
        passage->tally->refused += duplicate ? 0 : 1;
    }
    json_decref(names);
    return err;
}

static enum p2p_err mark(struct passage *passage, bool done)
{
    struct p2p_trade *trade = passage->trade;
    json_t *value =
        json_pack("{s:I, s:s, s:s, s:b}", "t", (json_int_t)trade->now_ms, "delivery",
                  passage->delivery, "content", passage->content, "done", done);
    return value == NULL
               ? P2P_NOMEM
               : p2p_journal_put(trade->journal, P2P_JOURNAL_INTERCHANGES, passage->key, value);
}

/* Everything is done: first durable, then answered, then marked as answered. */
static enum p2p_err answer(struct passage *passage)
{
    struct p2p_trade *trade = passage->trade;
    json_t *names = json_array();
    size_t i;
    json_t *each;
    enum p2p_err err = p2p_journal_sync(trade->journal);
    if (err == P2P_OK) {
        err = p2p_trade_send_contrl(passage->trade, passage->in, passage->key,
                                    passage->delivery, names);
    }
    if (err == P2P_OK && json_array_size(passage->items) > 0) {
        err = p2p_trade_send_aperak(trade, passage->items, "aperak.edi", names);
    }
    if (err == P2P_OK) {
        err = mark(passage, true);
    }
    json_array_foreach(passage->over, i, each)
    {
        if (err == P2P_OK) {
            err = p2p_journal_put(trade->journal, P2P_JOURNAL_TASKS, json_string_value(each),
                                  NULL);
        }
    }
    if (err == P2P_OK) {
        err = p2p_journal_sync(trade->journal);
    }
    if (err == P2P_OK) {
        json_array_foreach(passage->events, i, each)
        {
            p2p_trade_tell(&trade->report, json_incref(each));
        }
        tell_interchange(passage, "acknowledged", names);
        passage->tally->interchanges++;
    }
    json_decref(names);
    return err;
}

static enum p2p_err take_interchange(struct passage *passage)
{
    struct p2p_trade *trade = passage->trade;
    struct p2p_edi_interchange *in = passage->in;
    judge_addresses(trade, in);
    interchange_key(passage);
    const json_t *known =
        p2p_journal_get(trade->journal, P2P_JOURNAL_INTERCHANGES, passage->key);
    bool done = json_is_true(json_object_get(known, "done"));
    bool same = strcmp(p2p_json_text(known, "delivery"), passage->delivery) == 0;
    if (same && done) {
        return P2P_OK; /* a crash came between its answer and its removal */
    }
    /* One that was begun and not answered is gone on with, whoever brings it again. */
    bool again = known != NULL && !done &&
                 (same || strcmp(p2p_json_text(known, "content"), passage->content) == 0);
    if (known != NULL && !again) {
        envelope_fault(in, P2P_EDI_DUPLICATE, 5);
    }
    if (in->fault.code != P2P_EDI_GOOD) {
        return reject(passage);
    }
    enum p2p_err err = mark(passage, false);
    if (err == P2P_OK) {
        err = p2p_journal_sync(trade->journal);
    }
    for (size_t i = 0; err == P2P_OK && !passage->undecided && i < in->message_count; i++) {
        err = take_message(passage, &in->messages[i]);
    }
    if (err == P2P_OK && passage->undecided) {
        json_t *names = json_array();
        err = p2p_journal_sync(trade->journal);
        passage->tally->undecided = true;
        tell_interchange(passage, "undecided", names);
        json_decref(names);
    } else if (err == P2P_OK) {
        err = answer(passage);
    }
    return err;
}

static void tell_unreadable(struct p2p_trade *trade, const char *name, enum p2p_err err,
                            const struct p2p_edi_fault *where, size_t at)
{
    json_t *text =
        err == P2P_MALFORMED
            ? json_sprintf("%s: %s; whom to answer is not known", where->tag,
                           p2p_edi_code_text(where->code))
            : json_string(err == P2P_NOTFOUND ? "there is nothing in it"
                                              : "an interchange in it is longer than 16 MiB");
    p2p_trade_tell(&trade->report,
                   json_pack("{s:s, s:s, s:s, s:I, s:o}", "event", "file", "file", name,
                             "result", "unreadable", "at", (json_int_t)at, "text", text));
}

enum p2p_err p2p_trade_take(struct p2p_trade *trade, struct p2p_slice bytes, const char *name,
                            const char *delivery, struct p2p_trade_tally *tally)
{
    struct p2p_slice left = bytes;
    enum p2p_err err = P2P_OK;
    size_t number = 0;
    while (err == P2P_OK && !tally->undecided) {
        struct p2p_edi_fault where = {0};
        struct passage passage = {.trade = trade, .name = name, .tally = tally};
        size_t used = 0;
        p2p_task_key(passage.delivery, delivery, number++);
        enum p2p_err parsed = p2p_edi_parse(&passage.in, left, &used, &where);
        if (parsed == P2P_NOMEM) {
            return parsed;
        }
        if (parsed != P2P_OK) {
            if (parsed != P2P_NOTFOUND || number == 1) {
                tell_unreadable(trade, name, parsed, &where, bytes.len - left.len + where.at);
                tally->unreadable++;
            }
            break;
        }
        passage.items = json_array();
        passage.events = json_array();
        passage.over = json_array();
        err = passage.items == NULL || passage.events == NULL || passage.over == NULL
                  ? P2P_NOMEM
                  : take_interchange(&passage);
        p2p_edi_free(passage.in);
        json_decref(passage.items);
        json_decref(passage.events);
        json_decref(passage.over);
        left = p2p_slice_of(left.data + used, left.len - used);
    }
    return err;
}
