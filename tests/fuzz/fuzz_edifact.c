/* Any bytes through the EDIFACT parser, the maps and the answers: the parser must stay inside
 * its bounds, read in its second pass what it counted in the first, and get to the end of the
 * bytes; and whatever came, the answers are interchanges without a fault. */
#include "adapters/trade/answer.h"
#include "adapters/trade/message.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>

static struct p2p_edi_segment segment; /* too large for a stack frame under the sanitizers */

static void read_message(const struct p2p_edi_interchange *in,
                         const struct p2p_edi_message *message)
{
    struct p2p_edi_reader reader;
    uint32_t count = 0;
    bool good = true;
    p2p_edi_open(&reader, in, message);
    while (p2p_edi_next(&reader, &segment)) {
        count++;
        good = good && segment.fault.code == P2P_EDI_GOOD;
        p2p_assert(segment.number == count && segment.count <= P2P_EDI_VALUES_MAX);
        p2p_assert(segment.at >= message->begin && segment.at < message->end);
        for (size_t i = 0; i < segment.count; i++) {
            const struct p2p_edi_value *value = &segment.values[i];
            p2p_assert(value->len > 0 && value->element >= 1 && value->component >= 1);
            p2p_assert((size_t)value->begin + value->len <= P2P_EDI_SEGMENT_BYTES_MAX);
        }
    }
    p2p_assert(count == message->segments);
    if (message->fault_count == 0) {
        p2p_assert(good && p2p_edi_is(&segment, "UNT"));
    }
}

static const struct p2p_agreement *agreement(void)
{
    static struct p2p_agreement agreed;
    char problem[100];
    if (agreed.json == NULL) {
        enum p2p_err err = p2p_agreement_read(
            &agreed,
            p2p_slice_text("{\"parties\":{\"FWD-1\":\"f\"},\"facilities\":{\"K1742\":\"k\"}}"),
            problem, sizeof problem);
        p2p_assert(err == P2P_OK);
    }
    return &agreed;
}

static void check_answer(const uint8_t *bytes, size_t len)
{
    struct p2p_edi_interchange *in = NULL;
    struct p2p_edi_fault where;
    size_t used = 0;
    enum p2p_err err = p2p_edi_parse(&in, p2p_slice_of(bytes, len), &used, &where);
    p2p_assert(err == P2P_OK && used == len && in->fault.code == P2P_EDI_GOOD);
    for (size_t i = 0; i < in->message_count; i++) {
        p2p_assert(p2p_edi_sound(in, &in->messages[i]));
    }
    p2p_edi_free(in);
}

static void answer(const struct p2p_edi_interchange *in, const json_t *items)
{
    struct p2p_trade_letter letter = {.from = {.id = "US"}, .reference = "R"};
    struct p2p_edi_writer writer;
    size_t room = p2p_trade_contrl_room(in) + p2p_trade_aperak_room(items);
    uint8_t *bytes = malloc(room);
    p2p_assert(bytes != NULL);
    letter.to = in->sender;
    p2p_edi_writer_init(&writer, bytes, p2p_trade_contrl_room(in));
    p2p_trade_contrl(&writer, &letter, in);
    check_answer(bytes, writer.len);
    if (json_array_size(items) > 0) {
        p2p_edi_writer_init(&writer, bytes, p2p_trade_aperak_room(items));
        p2p_trade_aperak(&writer, &letter, items);
        check_answer(bytes, writer.len);
    }
    free(bytes);
}

/* What a message asks for, when it is one of ours; its refusals are added to items. */
static void map_message(const struct p2p_edi_interchange *in, struct p2p_edi_message *message,
                        json_t *items)
{
    struct p2p_trade_reading reading;
    struct p2p_edi_fault fault;
    const struct p2p_trade_map *map = p2p_trade_map_find(message, &fault);
    if (!p2p_edi_sound(in, message) || map == NULL) {
        return;
    }
    enum p2p_err err = p2p_trade_read(&reading, map, agreement(), in, message);
    p2p_assert(err == P2P_OK);
    p2p_assert(message->fault_count == 0 || json_array_size(reading.tasks) == 0);
    json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:O}", "interchange", in->reference,
                             "message", message->reference, "release", message->release,
                             "document", reading.document, "refusals", reading.refusals);
    p2p_assert(item != NULL);
    json_array_append_new(items, item);
    p2p_trade_reading_deinit(&reading);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_slice left = p2p_slice_of(data, size);
    struct p2p_edi_interchange *in = NULL;
    struct p2p_edi_fault where;
    size_t used = 0;
    while (p2p_edi_parse(&in, left, &used, &where) == P2P_OK) {
        p2p_assert(used > 0 && used <= left.len);
        p2p_assert(in->message_count <= P2P_EDI_MESSAGES_MAX);
        json_t *items = json_array();
        for (size_t i = 0; i < in->message_count; i++) {
            struct p2p_edi_message *message = &in->messages[i];
            for (uint32_t n = 0; n < message->fault_count && n < P2P_EDI_FAULTS_MAX; n++) {
                p2p_assert(message->faults[n].code != P2P_EDI_GOOD);
            }
            read_message(in, message);
            map_message(in, message, items);
        }
        answer(in, items);
        json_decref(items);
        p2p_edi_free(in);
        left = p2p_slice_of(left.data + used, left.len - used);
    }
    return 0;
}
