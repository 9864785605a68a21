/* Any bytes as a signed note, a verifier key, or a proof of a fork: parsing stays inside the
 * bytes, and what it takes can be put together again to the same bytes. */
#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/fork.h>
#include <p2p/key.h>
#include <p2p/note.h>

#include <stdlib.h>
#include <string.h>

static bool inside(struct p2p_slice part, struct p2p_slice whole)
{
    return part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/* The keys of TLOG.md's vectors. */
static const char *const trusted[] = {
    "port.example/antwerp+af206f91+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
    "port.example/rotterdam/w1+ebcbbb11+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
};

/* Text, an empty line, and each line from its parts. */
static void put_together(const struct p2p_note *note, struct p2p_slice bytes)
{
    static uint8_t room[P2P_NOTE_BYTES_MAX];
    struct p2p_writer out;
    p2p_writer_init(&out, room, sizeof(room));
    p2p_writer_bytes(&out, note->text.data, note->text.len);
    p2p_writer_text(&out, "\n");
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct p2p_note_signature *line = &note->signatures[i];
        p2p_writer_text(&out, "\xe2\x80\x94 ");
        p2p_writer_bytes(&out, line->name.data, line->name.len);
        p2p_writer_text(&out, " ");
        p2p_writer_bytes(&out, line->base64.data, line->base64.len);
        p2p_writer_text(&out, "\n");
    }
    p2p_assert(!out.failed && p2p_slice_equal(p2p_writer_slice(&out), bytes));
}

static void try_note(struct p2p_slice bytes)
{
    struct p2p_note note;
    struct p2p_vkey keys[2];
    int verdicts[P2P_NOTE_SIGNATURES_MAX];
    uint64_t times[P2P_NOTE_SIGNATURES_MAX];
    if (p2p_note_parse(&note, bytes) != P2P_OK) {
        return;
    }
    p2p_assert(note.signature_count >= 1 && note.signature_count <= P2P_NOTE_SIGNATURES_MAX);
    p2p_assert(note.text.len > 0 && note.text.data[note.text.len - 1] == '\n');
    p2p_assert(inside(note.text, bytes));
    for (size_t i = 0; i < note.signature_count; i++) {
        p2p_assert(inside(note.signatures[i].name, bytes));
        p2p_assert(inside(note.signatures[i].base64, bytes));
        p2p_assert(p2p_key_name_valid(note.signatures[i].name));
    }
    put_together(&note, bytes);
    for (size_t i = 0; i < 2; i++) {
        p2p_assert(p2p_vkey_parse(&keys[i], p2p_slice_text(trusted[i])) == P2P_OK);
    }
    enum p2p_err err = p2p_note_verify(&note, p2p_sigs_ed25519(), keys, 2, verdicts, times);
    p2p_assert(err == P2P_OK || err == P2P_BADSIG);
    for (size_t i = 0; err == P2P_OK && i < note.signature_count; i++) {
        p2p_assert(verdicts[i] >= -1 && verdicts[i] < 2);
    }
}

static void try_vkey(struct p2p_slice bytes)
{
    struct p2p_vkey key;
    char again[P2P_VKEY_BYTES_MAX];
    if (p2p_vkey_parse(&key, bytes) == P2P_OK) {
        size_t len = p2p_vkey_format(&key, again);
        p2p_assert(p2p_slice_equal(p2p_slice_of(again, len), bytes));
    }
}

static void try_fork(struct p2p_slice bytes)
{
    static struct p2p_fork_proof proof;
    static uint8_t again[P2P_FORK_BYTES_MAX];
    const struct p2p_feed_public key = {{0x03, 0xa1, 0x07}};
    if (p2p_fork_decode(&proof, bytes) == P2P_OK) {
        size_t len = p2p_fork_encode(&proof, again);
        p2p_assert(p2p_slice_equal(p2p_slice_of(again, len), bytes));
        p2p_assert(p2p_fork_verify(&proof, p2p_sigs_ed25519(), &key) != P2P_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_slice bytes = p2p_slice_of(data, size);
    p2p_assert(p2p_crypto_init() == P2P_OK);
    try_note(bytes);
    try_vkey(bytes);
    try_fork(bytes);
    return 0;
}
