/* Any bytes as the text of a checkpoint: what is taken without extension lines is the one text
 * of its origin, size and root; with them it begins so. */
#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/checkpoint.h>

#include <stdlib.h>
#include <string.h>

static void try_text(struct p2p_slice bytes, bool extensions)
{
    struct p2p_checkpoint checkpoint;
    char text[P2P_CHECKPOINT_TEXT_BYTES_MAX];
    if (p2p_checkpoint_parse(&checkpoint, bytes, extensions) != P2P_OK) {
        return;
    }
    p2p_assert(checkpoint.origin.data >= bytes.data &&
               checkpoint.origin.data + checkpoint.origin.len <= bytes.data + bytes.len);
    size_t len = p2p_checkpoint_text(&checkpoint, text);
    p2p_assert(len <= bytes.len && (extensions || len == bytes.len));
    p2p_assert(memcmp(text, bytes.data, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_slice bytes = p2p_slice_of(data, size);
    struct p2p_note note;
    try_text(bytes, false);
    try_text(bytes, true);
    if (p2p_note_parse(&note, bytes) == P2P_OK) { /* as it comes from outside: in a note */
        try_text(note.text, false);
        try_text(note.text, true);
    }
    return 0;
}
