/* Single bytes of every sort of file, changed; bundles and tiles of a feed of several. */
#include "tamper.h"

static void flip(struct forger *forger, enum p2p_place_type type, const char *dir, long at)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    bundle_path(path, forger, type, dir);
    forger_flip(forger, path, at);
}

static void flip_record_stale(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "beanr-1", -1);
    tampering.stale_manifest = true;
}

static void flip_record(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "begne-1", -1);
}

static void flip_structure(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "beanr-1", 2);
}

static void flip_length(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "beanr-1", 0);
}

static void flip_tile(struct forger *forger)
{
    flip(forger, P2P_PLACE_TILE, "beanr-1", 40);
}

static void flip_tile_charter(struct forger *forger)
{
    flip(forger, P2P_PLACE_TILE, "charter-1", 3);
}

static void flip_payload(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "beanr-1", -1);
}

static void flip_salt(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "beanr-1", 5);
}

static void flip_payload_length(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "beanr-1", 1);
}

static void flip_payload_place(struct forger *forger)
{
    flip(forger, P2P_PLACE_PAYLOADS, "bezee-1", 0);
}

static void flip_charter_entry(struct forger *forger)
{
    flip(forger, P2P_PLACE_ENTRIES, "charter-1", 500);
}

/* A digit of the first file's hash, which stays a digit: what stands there is random. */
static void flip_manifest(struct forger *forger)
{
    size_t len = 0;
    char *text = (char *)forger_read(forger, "manifest", &len);
    char *digit = text;
    for (int line = 0; line < 4; line++) {
        digit = strchr(digit, '\n') + 1;
    }
    *digit = *digit == '0' ? '1' : '0';
    forger_write(forger, "manifest", text, len);
    free(text);
    tampering.stale_manifest = true;
}

static void flip_manifest_magic(struct forger *forger)
{
    forger_flip(forger, "manifest", 3);
    tampering.stale_manifest = true;
}

static void unsort_manifest(struct forger *forger)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "manifest", &len);
    forger_write(forger, "manifest", bytes, len - 1); /* its last line does not end */
    free(bytes);
    tampering.stale_manifest = true;
}

/* Line n (from 0) of a note: the byte `at` of its base64, counted from the line's end. */
static void flip_line(struct forger *forger, const char *path, unsigned line, long at)
{
    size_t len = 0;
    char *text = (char *)forger_read(forger, path, &len);
    char *begin = text;
    for (unsigned i = 0; i < line; i++) {
        begin = strchr(begin, '\n') + 1;
    }
    char *end = strchr(begin, '\n');
    end[-at] = end[-at] == 'A' ? 'B' : 'A';
    forger_write(forger, path, text, len);
    free(text);
}

static void flip_root(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 2, 20);
}

static void flip_size(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 1, 1); /* no number any more */
}

static void change_size(struct forger *forger)
{
    size_t len = 0;
    char *text = (char *)forger_read(forger, "beanr-1/checkpoint", &len);
    char *digit = strchr(text, '\n') + 1;
    *digit = *digit == '1' ? '2' : '1';
    forger_write(forger, "beanr-1/checkpoint", text, len);
    free(text);
}

static void flip_origin(struct forger *forger)
{
    forger_replace(forger, "beanr-1/checkpoint", "sandbox.example/beanr/1\n",
                   "sandbox.example/beanr/2\n");
}

static void flip_log_signature(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 4, 30);
}

static void flip_cosignature(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 5, 30);
}

static void flip_cosignature_time(struct forger *forger)
{
    flip_line(forger, "beanr-1/checkpoint", 6, 88);
}

static void flip_key_id(struct forger *forger)
{
    size_t len = 0;
    char *text = (char *)forger_read(forger, "beanr-1/checkpoint", &len);
    char *at = strstr(text, "/w1 ") + strlen("/w1 ");
    *at = *at == 'A' ? 'B' : 'A';
    forger_write(forger, "beanr-1/checkpoint", text, len);
    free(text);
}

static void cut_note(struct forger *forger)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "beanr-1/checkpoint", &len);
    forger_write(forger, "beanr-1/checkpoint", bytes, len - 20);
    free(bytes);
}

static void extend_note(struct forger *forger)
{
    forger_replace(forger, "beanr-1/checkpoint", "=\n\n", "=\nextension\n\n");
}

static void flip_charter_note(struct forger *forger)
{
    flip_line(forger, "charter-1/checkpoint", 5, 30);
}

/* ---- a feed of several bundles ---- */

/* So that there are whole bundles, and a tile above; cosigned when all else was done. */
static void long_feed(struct forger *forger)
{
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "commission-1");
    while (feed.count < 2 * P2P_TILE_HASHES + 3) {
        append_copy(forger, &feed);
    }
    forged_feed_store(forger, &feed);
    forged_feed_sign_all(forger, &feed, now_s(&feed) + 3600);
    forged_feed_free(&feed);
}

static void flip_whole_bundle(struct forger *forger)
{
    long_feed(forger);
    forger_flip(forger, "commission-1/tile/entries/001", -1);
}

static void flip_whole_tile(struct forger *forger)
{
    long_feed(forger);
    forger_flip(forger, "commission-1/tile/0/001", 40);
}

static void flip_tile_above(struct forger *forger)
{
    long_feed(forger);
    forger_flip(forger, "commission-1/tile/1/000.p/2", 40);
}

static void tile_above_gone(struct forger *forger)
{
    long_feed(forger);
    forger_remove(forger, "commission-1/tile/1");
}

static void whole_bundle_gone(struct forger *forger)
{
    long_feed(forger);
    forger_remove(forger, "commission-1/tile/entries/001");
}

static const struct fraud FRAUDS[] = {
    {"a record's byte, the manifest as it was", flip_record_stale, DUE(FILE_DIFFERS)},
    {"a record's byte", flip_record, DUE(BAD_ROOT)},
    {"a record's first byte", flip_structure, DUE(RECORD_MALFORMED)},
    {"a length in a bundle", flip_length, DUE(BUNDLE_MALFORMED)},
    {"a tile's byte", flip_tile, DUE(BAD_TILE)},
    {"a byte of the charter's tile", flip_tile_charter, DUE(BAD_TILE)},
    {"nothing, in a feed of several bundles", long_feed, SOUND},
    {"a record's byte in a whole bundle", flip_whole_bundle, DUE(BAD_ROOT)},
    {"a byte of a whole tile", flip_whole_tile, DUE(BAD_TILE)},
    {"a byte of the tile above", flip_tile_above, DUE(BAD_TILE)},
    {"the tile above gone", tile_above_gone, DUE(TILE_MISSING)},
    {"a whole bundle gone", whole_bundle_gone, DUE(RECORDS_MISSING)},
    {"a payload's byte", flip_payload, DUE(BAD_COMMITMENT)},
    {"a salt's byte", flip_salt, DUE(BAD_COMMITMENT)},
    {"a length in a payload bundle", flip_payload_length, DUE(BAD_COMMITMENT)},
    {"a place in a payload bundle", flip_payload_place, DUE(PAYLOAD_MISSING)},
    {"a byte of a charter entry", flip_charter_entry, DUE(CHARTER_BROKEN)},
    {"a byte of the charter's newest head", flip_charter_note, DUE(CHARTER_BROKEN)},
    {"a hash in the manifest", flip_manifest, DUE(FILE_DIFFERS)},
    {"the manifest's first line", flip_manifest_magic, REFUSES(MALFORMED)},
    {"the manifest's last line end", unsort_manifest, REFUSES(MALFORMED)},
    {"a checkpoint's root", flip_root, DUE(BAD_SIGNATURE)},
    {"a checkpoint's size, no number", flip_size, DUE(NOTE_MALFORMED)},
    {"a checkpoint's size, another", change_size, DUE(BAD_SIGNATURE)},
    {"a checkpoint's origin", flip_origin, DUE(FOREIGN_CHECKPOINT)},
    {"the log's signature", flip_log_signature, DUE(BAD_SIGNATURE)},
    {"a cosignature", flip_cosignature, DUE(BAD_COSIGNATURE)},
    {"a cosignature's time", flip_cosignature_time, DUE(BAD_COSIGNATURE)},
    {"a cosignature's key id", flip_key_id, DUE(UNKNOWN_KEY)},
    {"a checkpoint cut short", cut_note, DUE(NOTE_MALFORMED)},
    {"a line more in a checkpoint", extend_note, DUE(NOTE_MALFORMED)},
};

const struct frauds tamper_bytes = FRAUDS_OF(FRAUDS);
