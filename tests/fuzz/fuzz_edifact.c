/* Any bytes through the EDIFACT parser: it must stay inside its bounds, read in its second pass
 * what it counted in the first, and get to the end of the bytes. */
#include "adapters/trade/edifact.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_slice left = p2p_slice_of(data, size);
    struct p2p_edi_interchange *in = NULL;
    struct p2p_edi_fault where;
    size_t used = 0;
    while (p2p_edi_parse(&in, left, &used, &where) == P2P_OK) {
        p2p_assert(used > 0 && used <= left.len);
        p2p_assert(in->message_count <= P2P_EDI_MESSAGES_MAX);
        for (size_t i = 0; i < in->message_count; i++) {
            const struct p2p_edi_message *message = &in->messages[i];
            for (uint32_t n = 0; n < message->fault_count && n < P2P_EDI_FAULTS_MAX; n++) {
                p2p_assert(message->faults[n].code != P2P_EDI_GOOD);
            }
            read_message(in, message);
        }
        p2p_edi_free(in);
        left = p2p_slice_of(left.data + used, left.len - used);
    }
    return 0;
}
