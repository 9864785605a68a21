#include "seen.h"

#include <p2p/bytes.h>
#include <p2p/hash.h>

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 8u

void p2p_cli_seen_deinit(struct p2p_cli_seen *seen)
{
    free(seen->slots);
    *seen = (struct p2p_cli_seen){0};
}

/* The slot that holds key, or the free one where it belongs. */
static uint8_t *slot_of(const struct p2p_cli_seen *seen, const uint8_t key[16])
{
    static const uint8_t free_slot[16] = {0};
    struct p2p_reader reader;
    p2p_reader_init(&reader, p2p_slice_of(key, 16));
    size_t at = (size_t)p2p_reader_u64(&reader) & (seen->capacity - 1);
    while (memcmp(seen->slots[at], key, 16) != 0 &&
           memcmp(seen->slots[at], free_slot, 16) != 0) {
        at = (at + 1) & (seen->capacity - 1);
    }
    return seen->slots[at];
}

static enum p2p_err grow(struct p2p_cli_seen *seen)
{
    struct p2p_cli_seen larger = {.capacity = seen->capacity == 0 ? 1024 : seen->capacity * 2};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return P2P_NOMEM;
    }
    static const uint8_t free_slot[16] = {0};
    for (size_t i = 0; i < seen->capacity; i++) {
        if (memcmp(seen->slots[i], free_slot, 16) != 0) {
            memcpy(slot_of(&larger, seen->slots[i]), seen->slots[i], 16);
        }
    }
    larger.count = seen->count;
    free(seen->slots);
    *seen = larger;
    return P2P_OK;
}

enum p2p_err p2p_cli_seen_add(struct p2p_cli_seen *seen, const struct p2p_slice *parts,
                              size_t count, bool *is_new)
{
    /* Each part behind its length, so that no two lists of parts are the same bytes. */
    uint8_t lengths[PARTS_MAX][8];
    struct p2p_slice all[2 * PARTS_MAX];
    if (count > PARTS_MAX) {
        return P2P_TOOLARGE;
    }
    for (size_t i = 0; i < count; i++) {
        struct p2p_writer writer;
        p2p_writer_init(&writer, lengths[i], sizeof lengths[i]);
        p2p_writer_u64(&writer, parts[i].len);
        all[2 * i] = p2p_slice_of(lengths[i], sizeof lengths[i]);
        all[2 * i + 1] = parts[i];
    }
    if (2 * (seen->count + 1) > seen->capacity) {
        enum p2p_err err = seen->count >= P2P_CLI_SEEN_MAX ? P2P_TOOLARGE : grow(seen);
        if (err != P2P_OK) {
            return err;
        }
    }
    struct p2p_hash hash = p2p_sha256_many(all, 2 * count);
    uint8_t *slot = slot_of(seen, hash.bytes);
    *is_new = memcmp(slot, hash.bytes, 16) != 0;
    if (*is_new) {
        memcpy(slot, hash.bytes, 16);
        seen->count++;
    }
    return P2P_OK;
}
