/* Any bytes through the CSV reader: it must stay inside its bounds, and cut the input into the
 * same rows however the bytes arrive. */
#include "node/cli/csv.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/hash.h>

#include <stdlib.h>
#include <string.h>

/* Reads in pieces; every event goes into a running hash. */
static struct p2p_hash read_all(const uint8_t *data, size_t size, size_t piece)
{
    struct p2p_csv csv;
    struct p2p_hash hash = {{0}};
    p2p_csv_init(&csv, p2p_alloc_default());
    for (size_t at = 0; at <= size; at += piece) {
        bool last = at + piece > size;
        struct p2p_slice left =
            p2p_slice_of(size > 0 ? data + at : data, last ? size - at : piece);
        for (bool ended = false; !ended;) {
            enum p2p_csv_event event = p2p_csv_feed(&csv, &left);
            if (event == P2P_CSV_MORE) {
                p2p_assert(left.len == 0);
                if (!last) {
                    break;
                }
                event = p2p_csv_end(&csv);
                ended = true;
            }
            p2p_assert(csv.count <= P2P_CSV_COLUMNS_MAX);
            p2p_assert(event != P2P_CSV_BAD || csv.problem != NULL);
            uint8_t head[17];
            struct p2p_writer writer;
            p2p_writer_init(&writer, head, sizeof head);
            p2p_writer_u8(&writer, (uint8_t)event);
            p2p_writer_u64(&writer, csv.line);
            p2p_writer_u64(&writer, csv.count);
            struct p2p_slice parts[3] = {p2p_slice_of(hash.bytes, sizeof hash.bytes),
                                         p2p_writer_slice(&writer),
                                         {NULL, 0}};
            hash = p2p_sha256_many(parts, 2);
            for (size_t i = 0; event == P2P_CSV_ROW && i < csv.count; i++) {
                parts[0] = p2p_slice_of(hash.bytes, sizeof hash.bytes);
                parts[2] = p2p_csv_field(&csv, i);
                p2p_assert(parts[2].len <= P2P_CSV_FIELD_BYTES_MAX);
                hash = p2p_sha256_many(parts, 3);
            }
        }
    }
    p2p_csv_deinit(&csv);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_hash whole = read_all(data, size, size + 1);
    struct p2p_hash pieces = read_all(data, size, 1 + size % 7);
    p2p_assert(p2p_hash_equal(&whole, &pieces));
    return 0;
}
