/* Whole files: gone, grown, in the place of others. */
#include "tamper.h"

static void remove_file_stale(struct forger *forger)
{
    forger_remove(forger, "beanr-1/checkpoint");
    tampering.stale_manifest = true;
}

static void add_file_stale(struct forger *forger)
{
    forger_write(forger, "beanr-1/note", "x", 1);
    tampering.stale_manifest = true;
}

static void grow_file_stale(struct forger *forger)
{
    size_t len = 0;
    uint8_t *bytes = forger_read(forger, "beanr-1/checkpoint", &len);
    bytes[len] = '\n'; /* in the terminator's place */
    forger_write(forger, "beanr-1/checkpoint", bytes, len + 1);
    free(bytes);
    tampering.stale_manifest = true;
}

static void empty_file(struct forger *forger)
{
    forger_write(forger, "beanr-1/checkpoint", "", 0);
}

static void file_to_pipe(struct forger *forger)
{
    char path[2 * FORGER_PATH_BYTES];
    snprintf(path, sizeof path, "%s/beanr-1/checkpoint", forger->dir);
    CHECK(unlink(path) == 0 && mkfifo(path, 0644) == 0);
    tampering.stale_manifest = true;
}

static void file_to_link(struct forger *forger)
{
    char path[2 * FORGER_PATH_BYTES];
    snprintf(path, sizeof path, "%s/beanr-1/checkpoint", forger->dir);
    CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
    tampering.stale_manifest = true;
}

static void remove_tile(struct forger *forger)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    bundle_path(path, forger, P2P_PLACE_TILE, "beanr-1");
    forger_remove(forger, path);
}

static void remove_bundle(struct forger *forger)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    bundle_path(path, forger, P2P_PLACE_ENTRIES, "beanr-1");
    forger_remove(forger, path);
}

static void remove_checkpoint(struct forger *forger)
{
    forger_remove(forger, "beanr-1/checkpoint");
}

static void remove_feed(struct forger *forger)
{
    forger_remove(forger, "bezee-1");
    forger_remove(forger, "payloads/bezee-1");
}

static void remove_charter(struct forger *forger)
{
    forger_remove(forger, "charter-1");
}

static void remove_charter_version(struct forger *forger)
{
    forger_remove(forger, "charter-1/checkpoints");
}

static void swap_feeds(struct forger *forger)
{
    char line[4 * FORGER_PATH_BYTES];
    snprintf(line, sizeof line, "cd '%s' && mv begne-1 x && mv bebru-1 begne-1 && mv x bebru-1",
             forger->dir);
    CHECK(system(line) == 0);
}

static void strange_feed(struct forger *forger)
{
    char line[2 * FORGER_PATH_BYTES];
    snprintf(line, sizeof line, "cd '%s' && cp -r begne-1 nobody-1", forger->dir);
    CHECK(system(line) == 0);
}

static void bogus_proof(struct forger *forger)
{
    forger_write(forger, "proofs/made-up", "fork proof\n", 11);
}

static const struct fraud FRAUDS[] = {
    {"a file gone", remove_file_stale, DUE(FILE_MISSING)},
    {"a file more", add_file_stale, DUE(FILE_EXTRA)},
    {"a file longer", grow_file_stale, DUE(FILE_DIFFERS)},
    {"a checkpoint emptied", empty_file, DUE(NOTE_MALFORMED)},
    {"a pipe in a file's place", file_to_pipe, DUE(FILE_MISSING)},
    {"a link in a file's place", file_to_link, DUE(FILE_MISSING)},
    {"a tile gone", remove_tile, DUE(TILE_MISSING)},
    {"a bundle gone", remove_bundle, DUE(RECORDS_MISSING)},
    {"a checkpoint gone", remove_checkpoint, DUE(NO_CHECKPOINT)},
    {"a whole feed gone", remove_feed, DUE(OMITTED)},
    {"the charter gone", remove_charter, DUE(CHARTER_BROKEN)},
    {"a version of the charter gone", remove_charter_version, DUE(CHARTER_BROKEN)},
    {"two feeds under each other's names", swap_feeds, DUE(FOREIGN_CHECKPOINT)},
    {"a feed of nobody", strange_feed, DUE(FEED_UNKNOWN)},
    {"a proof made up", bogus_proof, DUE(BAD_PROOF)},
};

const struct frauds tamper_files = FRAUDS_OF(FRAUDS);
