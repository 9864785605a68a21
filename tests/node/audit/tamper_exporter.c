/* A dishonest exporter: what nobody signs, the manifest and the choice of files, says what is
 * not so. Every hash in it fits. */
#include "tamper.h"

/* The manifest that fits, with one more change. */
static void manifest_says(struct forger *forger, const char *old, const char *new)
{
    forger_seal(forger, NULL);
    forger_replace(forger, "manifest", old, new);
    tampering.stale_manifest = true;
}

static void other_federation(struct forger *forger)
{
    manifest_says(forger, "\nfederation ", "\nfederation x");
    char *text = NULL;
    size_t len = 0;
    text = (char *)forger_read(forger, "manifest", &len);
    char *digit = strstr(text, " x");
    memmove(digit + 1, digit + 2, len - (size_t)(digit + 2 - text)); /* the x out again, */
    digit[1] = digit[1] == '0' ? '1' : '0';                          /* and one digit another */
    forger_write(forger, "manifest", text, len - 1);
    free(text);
}

static void exporter_nobody(struct forger *forger)
{
    manifest_says(forger, "\nexporter beanr\n", "\nexporter nobody\n");
}

/* ---- files that nobody looks at ---- */

static void listed_stranger(struct forger *forger)
{
    forger_write(forger, "beanr-1/remarks", "x", 1);
}

/* The first records once more, in a bundle that stood at the edge when there were no more. */
static void bundle_beside(struct forger *forger)
{
    struct forged_feed feed;
    uint8_t bytes[65536];
    struct p2p_writer out;
    forged_feed_load(forger, &feed, "beanr-1");
    p2p_writer_init(&out, bytes, sizeof bytes);
    for (size_t i = 3; i < 5; i++) { /* others than those, even */
        p2p_writer_u16(&out, (uint16_t)feed.leaves[i].len);
        p2p_writer_bytes(&out, feed.leaves[i].data, feed.leaves[i].len);
    }
    forger_write(forger, "beanr-1/tile/entries/000.p/2", out.data, out.len);
    forged_feed_free(&feed);
}

static void tile_beside(struct forger *forger)
{
    const uint8_t hash[P2P_HASH_BYTES] = {1};
    forger_write(forger, "beanr-1/tile/0/000.p/1", hash, sizeof hash);
}

static void tile_above(struct forger *forger)
{
    const uint8_t hash[P2P_HASH_BYTES] = {1};
    forger_write(forger, "beanr-1/tile/1/000.p/1", hash, sizeof hash);
}

/* Numbers of 64 bits: 256 times this one is as good as none. */
static void bundle_far_out(struct forger *forger)
{
    struct forged_feed feed;
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    forged_feed_load(forger, &feed, "beanr-1");
    const struct p2p_archive_place place = {.type = P2P_PLACE_ENTRIES,
                                            .feed = p2p_slice_text("beanr-1"),
                                            .number = UINT64_C(1) << 56,
                                            .width = (uint32_t)feed.count};
    p2p_archive_path(path, &place);
    forger_write(forger, path, "\0\1x", 3);
    forged_feed_free(&feed);
}

static void payloads_beside(struct forger *forger)
{
    forger_write(forger, "payloads/beanr-1/000.p/1", "\0\0\1x", 4);
}

/* ---- payloads ---- */

static void add_payload_of_address(struct forger *forger, struct forged_feed *feed)
{
    (void)forger;
    forged_feed_put(feed, 0, feed->leaves[0], p2p_slice_text(SALT "x"));
}

static void payload_of_public(struct forger *forger)
{
    forge(forger, "beanr-1", add_payload_of_address, false);
}

static void announce(struct forger *forger, bool ban, const char *circle)
{
    static char range[128];
    struct forged_feed feed;
    forged_feed_load(forger, &feed, "beanr-1");
    size_t at = ban ? forged_feed_find(&feed, P2P_KIND_BAN_IMPOSE) : 0;
    snprintf(range, sizeof range, "missing beanr-1 %u %zu %zu", circle_of(forger, circle), at,
             at);
    tampering.announced = range;
    forged_feed_free(&feed);
}

static void held_and_announced(struct forger *forger)
{
    announce(forger, true, "national");
}

static void announced_of_address(struct forger *forger)
{
    announce(forger, false, "national");
}

static void announced_of_nobody(struct forger *forger)
{
    tampering.announced = "missing nobody-1 1 0 0";
    (void)forger;
}

/* ---- heads ---- */

/* A head that was signed and is not the newest, in its place. */
static void older_head(struct forger *forger)
{
    struct forged_feed feed;
    char name[64];
    size_t len = 0;
    forged_feed_load(forger, &feed, "beanr-1");
    uint8_t *newest = forger_read(forger, "beanr-1/checkpoint", &len);
    snprintf(name, sizeof name, "beanr-1/checkpoints/%03zu", feed.count);
    forger_write(forger, name, newest, len);
    forged_feed_sign(forger, &feed, feed.count - 1, NULL, NULL, 0);
    free(newest);
    forged_feed_free(&feed);
}

/* The charter as it was before an officer's key was cut off: every root signed it. */
static void older_charter(struct forger *forger)
{
    struct forged_feed feed;
    size_t len = 0;
    forged_feed_load(forger, &feed, "charter-1");
    forged_feed_remove(&feed, feed.count - 1);
    forged_feed_store(forger, &feed);
    char name[64];
    snprintf(name, sizeof name, "charter-1/checkpoints/%03zu", feed.count);
    uint8_t *note = forger_read(forger, name, &len);
    forger_write(forger, "charter-1/checkpoint", note, len);
    forger_remove(forger, name);
    free(note);
    forged_feed_free(&feed);
}

static const struct fraud FRAUDS[] = {
    {"a manifest of another federation", other_federation, DUE(ARCHIVES_FOREIGN)},
    {"a manifest by nobody", exporter_nobody, DUE(ARCHIVES_FOREIGN)},
    {"a listed file that no archive has", listed_stranger, DUE(FILE_EXTRA)},
    {"a bundle of other records beside the last", bundle_beside, DUE(FILE_EXTRA)},
    {"a bundle far beyond the last", bundle_far_out, DUE(FILE_EXTRA)},
    {"a tile beside the last", tile_beside, DUE(FILE_EXTRA)},
    {"a tile of a level that there is not", tile_above, DUE(FILE_EXTRA)},
    {"payloads beside the last", payloads_beside, DUE(FILE_EXTRA)},
    {"a payload of a record that has none", payload_of_public, DUE(BAD_COMMITMENT)},
    {"a payload said to be lost, and there", held_and_announced, DUE(FALSE_RANGE)},
    {"a payload said to be lost, of a public record", announced_of_address, DUE(FALSE_RANGE)},
    {"a payload said to be lost, of nobody", announced_of_nobody, DUE(FALSE_RANGE)},
    {"an older head in the newest one's place", older_head, DUE(RECORDS_UNSIGNED)},
    {"a charter before its newest entry", older_charter, DUE(OMITTED)},
};

const struct frauds tamper_exporter = FRAUDS_OF(FRAUDS);
