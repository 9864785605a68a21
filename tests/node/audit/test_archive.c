/* Archives made by hand, and damaged. */
#include "check.h"

#include "temp_dir.h"

#include <p2p/archive.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 300, MANIFEST_CAP = 8192 };

struct world {
    struct temp_dir dir;
    char text[MANIFEST_CAP];
    size_t len;
};

static void make_parents(const char *path)
{
    char part[TEMP_PATH_BYTES];
    for (size_t i = 1; path[i] != '\0'; i++) {
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            mkdir(part, 0700);
        }
    }
}

static void put_file(struct world *world, const char *path, const void *bytes, size_t len)
{
    char full[TEMP_PATH_BYTES];
    temp_path(&world->dir, path, full);
    make_parents(full);
    temp_write(full, bytes, len);
}

/* Lists a file, in the order of calls. */
static void list_file(struct world *world, const char *path, const void *bytes, size_t len)
{
    char hex[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    struct p2p_hash hash = p2p_sha256(p2p_slice_of(bytes, len));
    p2p_hex_encode(hex, hash.bytes, P2P_HASH_BYTES);
    put_file(world, path, bytes, len);
    world->len += (size_t)snprintf(world->text + world->len, MANIFEST_CAP - world->len,
                                   "%s %zu %s\n", hex, len, path);
}

static void add_text(struct world *world, const char *text)
{
    world->len +=
        (size_t)snprintf(world->text + world->len, MANIFEST_CAP - world->len, "%s", text);
}

static void put_manifest(struct world *world)
{
    put_file(world, "manifest", world->text, world->len);
}

/* Record i is i in decimal. */
static size_t bundle_of(uint8_t *out, uint64_t first, uint64_t end)
{
    size_t at = 0;
    for (uint64_t i = first; i < end; i++) {
        int len = snprintf((char *)out + at + 2, 8, "%u", (unsigned)i);
        out[at] = 0;
        out[at + 1] = (uint8_t)len;
        at += 2 + (size_t)len;
    }
    return at;
}

static void world_make(struct world *world)
{
    static const uint8_t payloads[] = {3, 0, 2, 'o', 'k', 10, 0, 3, 'y', 'e', 's'};
    uint8_t bundle[4096];
    *world = (struct world){.len = 0};
    temp_dir_make(&world->dir);
    add_text(world, "port2port archive v1\nfederation "
                    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
                    "exporter beanr\n\n");
    list_file(world, "a-1-1/checkpoint", "other", 5);
    list_file(world, "a-1/checkpoint", "newest", 6);
    list_file(world, "a-1/checkpoints/100", "hundred", 7);
    list_file(world, "a-1/checkpoints/100.h/1700000000", "beat", 4);
    list_file(world, "a-1/checkpoints/100.h/999999999", "earlier", 7);
    list_file(world, "a-1/checkpoints/299", "three", 5);
    list_file(world, "a-1/tile/entries/000", bundle, bundle_of(bundle, 0, 256));
    list_file(world, "a-1/tile/entries/001.p/44", bundle, bundle_of(bundle, 256, RECORDS));
    list_file(world, "payloads/a-1/000", payloads, sizeof(payloads));
    add_text(world, "\nwithheld a-1 2 0 9\nmissing a-1 2 10 10\nerased a-1 3 20 299\n");
    put_manifest(world);
}

static struct p2p_archive *open_world(const struct world *world)
{
    struct p2p_archive *archive = NULL;
    char message[256] = "";
    CHECK_OK(p2p_archive_open(&archive, world->dir.path, p2p_alloc_default(), message,
                              sizeof(message)));
    return archive;
}

/* An auditor would see other records, or others in their places. */
static void records_are_walked(void **state)
{
    (void)state;
    struct world world;
    struct p2p_archive_walk walk;
    struct p2p_slice leaf;
    char expected[16];
    size_t feed = 99;
    world_make(&world);
    struct p2p_archive *archive = open_world(&world);
    CHECK(p2p_archive_feed_count(archive) == 2);
    CHECK(strcmp(p2p_archive_feed_name(archive, 0), "a-1") == 0); /* by name, not by path */
    CHECK_OK(p2p_archive_feed_find(archive, "a-1", &feed));
    CHECK(feed == 0 && p2p_archive_feed_size(archive, feed) == RECORDS);
    CHECK_ERR(p2p_archive_feed_find(archive, "a-2", &feed), P2P_NOTFOUND);
    CHECK(strcmp(p2p_archive_exporter(archive), "beanr") == 0);
    for (uint64_t from = 0; from <= RECORDS; from += 50) {
        p2p_archive_walk_begin(&walk, archive, feed, from);
        for (uint64_t i = from; i < RECORDS; i++) {
            CHECK_OK(p2p_archive_walk_next(&walk, &leaf));
            int len = snprintf(expected, sizeof(expected), "%u", (unsigned)i);
            CHECK(leaf.len == (size_t)len);
            CHECK_BYTES(leaf.data, expected, leaf.len);
        }
        CHECK_ERR(p2p_archive_walk_next(&walk, &leaf), P2P_NOTFOUND);
        p2p_archive_walk_end(&walk);
    }
    p2p_archive_close(archive);
    temp_dir_remove(&world.dir);
}

/* A cosignature's time would be looked for in the wrong place. */
static void notes_are_in_order(void **state)
{
    (void)state;
    static const char *const expected[] = {"hundred", "earlier", "beat", "three", "newest"};
    struct world world;
    struct p2p_archive_map map = {0};
    struct p2p_archive_place place;
    struct p2p_slice note;
    world_make(&world);
    struct p2p_archive *archive = open_world(&world);
    CHECK(p2p_archive_note_count(archive, 0) == 5);
    for (size_t i = 0; i < 5; i++) {
        CHECK_OK(p2p_archive_note(archive, 0, i, &map, &place, &note));
        CHECK(p2p_slice_equal(note, p2p_slice_text(expected[i])));
    }
    CHECK(place.type == P2P_PLACE_CHECKPOINT);
    CHECK_ERR(p2p_archive_note(archive, 0, 5, &map, NULL, &note), P2P_NOTFOUND);
    p2p_archive_unload(&map);
    p2p_archive_close(archive);
    temp_dir_remove(&world.dir);
}

/* A payload that nobody announced as missing would be passed over, or one be taken for that of
 * another record. */
static void payloads_are_found_or_accounted_for(void **state)
{
    (void)state;
    static const struct {
        uint64_t index;
        uint32_t circle;
        enum p2p_payload_state expected;
        const char *bytes;
    } rows[] = {
        {2, 2, P2P_PAYLOAD_WITHHELD, ""},     {3, 2, P2P_PAYLOAD_HELD, "ok"},
        {9, 2, P2P_PAYLOAD_WITHHELD, ""},     {9, 3, P2P_PAYLOAD_UNANNOUNCED, ""},
        {10, 2, P2P_PAYLOAD_HELD, "yes"},     {10, 2, P2P_PAYLOAD_HELD, "yes"},
        {11, 2, P2P_PAYLOAD_UNANNOUNCED, ""}, {255, 3, P2P_PAYLOAD_ERASED, ""},
        {299, 3, P2P_PAYLOAD_ERASED, ""},     {3, 2, P2P_PAYLOAD_HELD, "ok"},
    };
    struct world world;
    struct p2p_payload_walk walk;
    struct p2p_slice salted;
    enum p2p_payload_state found;
    world_make(&world);
    struct p2p_archive *archive = open_world(&world);
    p2p_payload_walk_begin(&walk, archive, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CHECK_OK(p2p_payload_walk_get(&walk, rows[i].index, rows[i].circle, &found, &salted));
        CHECK(found == rows[i].expected);
        CHECK(p2p_slice_equal(salted, p2p_slice_text(rows[i].bytes)));
    }
    CHECK_ERR(p2p_payload_walk_get(&walk, RECORDS, 2, &found, &salted), P2P_NOTFOUND);
    p2p_payload_walk_end(&walk);
    p2p_archive_close(archive);
    temp_dir_remove(&world.dir);
}

/* Whoever is given a damaged archive must be told so and not fall over: every byte of a bundle,
 * changed and cut off. */
static void damaged_bundles_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"a-1/tile/entries/001.p/44", "payloads/a-1/000"};
    struct world world;
    world_make(&world);
    struct p2p_archive *archive = open_world(&world);
    for (size_t p = 0; p < 2; p++) {
        char full[TEMP_PATH_BYTES];
        size_t len = 0;
        unsigned char *good = temp_read(temp_path(&world.dir, paths[p], full), &len);
        for (size_t at = 0; at <= 2 * len; at++) {
            unsigned char *bad = malloc(len + 1);
            struct p2p_archive_walk walk;
            struct p2p_payload_walk payloads;
            struct p2p_slice slice;
            enum p2p_payload_state found;
            CHECK(bad != NULL);
            memcpy(bad, good, len);
            if (at < len) {
                bad[at] ^= 0x41;
            }
            temp_write(full, bad, at < len ? len : 2 * len - at);
            p2p_archive_walk_begin(&walk, archive, 0, 256);
            p2p_payload_walk_begin(&payloads, archive, 0);
            enum p2p_err record = p2p_archive_walk_next(&walk, &slice);
            enum p2p_err payload = p2p_payload_walk_get(&payloads, 3, 2, &found, &slice);
            CHECK(record == P2P_OK || record == P2P_MALFORMED);
            CHECK(payload == P2P_OK || payload == P2P_MALFORMED);
            CHECK(p == 1 || at <= len || record == P2P_MALFORMED); /* one too few */
            p2p_archive_walk_end(&walk);
            p2p_payload_walk_end(&payloads);
            free(bad);
        }
        temp_write(full, good, len);
        free(good);
    }
    char gone[TEMP_PATH_BYTES];
    struct p2p_archive_walk walk;
    struct p2p_slice slice;
    CHECK(unlink(temp_path(&world.dir, paths[0], gone)) == 0);
    p2p_archive_walk_begin(&walk, archive, 0, 256);
    CHECK_ERR(p2p_archive_walk_next(&walk, &slice), P2P_GAP);
    p2p_archive_walk_end(&walk);
    p2p_archive_close(archive);
    temp_dir_remove(&world.dir);
}

static enum p2p_err reopen(struct world *world, const char *text, size_t len)
{
    struct p2p_archive *archive = NULL;
    char message[256] = "";
    put_file(world, "manifest", text, len);
    enum p2p_err err = p2p_archive_open(&archive, world->dir.path, p2p_alloc_default(), message,
                                        sizeof(message));
    CHECK((err == P2P_OK) == (message[0] == '\0'));
    p2p_archive_close(archive);
    return err;
}

/* Two manifests that say the same would give one archive two names; and none may crash it. */
static void manifests_are_strict(void **state)
{
    (void)state;
    struct world world;
    world_make(&world);
    CHECK_OK(reopen(&world, world.text, world.len));
    for (size_t at = 0; at < world.len; at++) { /* cut anywhere but behind the last lines */
        enum p2p_err err = reopen(&world, world.text, at);
        CHECK(err == P2P_MALFORMED || (err == P2P_OK && world.text[at - 1] == '\n'));
    }
    for (size_t at = 0; at < world.len; at++) { /* no byte is of no account to the form */
        char *bad = malloc(world.len);
        CHECK(bad != NULL);
        memcpy(bad, world.text, world.len);
        bad[at] = bad[at] == '\n' ? ' ' : '\n';
        CHECK_ERR(reopen(&world, bad, world.len), P2P_MALFORMED);
        bad[at] = '\0';
        CHECK_ERR(reopen(&world, bad, world.len), P2P_MALFORMED);
        free(bad);
    }
    temp_dir_remove(&world.dir);
}

/* A manifest must not lead out of its directory. */
static void manifests_stay_below_their_directory(void **state)
{
    (void)state;
    static const char *const bad[] = {"/etc/passwd", "../x",  "a/../b", "a//b", "./a",
                                      "a/",          "a/./b", "a b",    "",     "a\xc3\xa9"};
    struct world world;
    char text[1024];
    world_make(&world);
    const char *hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int len = snprintf(text, sizeof(text),
                           "port2port archive v1\nfederation %s\nexporter a\n\n%s 1 %s\n\n",
                           hash, hash, bad[i]);
        CHECK_ERR(reopen(&world, text, (size_t)len), P2P_MALFORMED);
    }
    int len = snprintf(text, sizeof(text),
                       "port2port archive v1\nfederation %s\nexporter a\n\n%s 1 a/b.c\n\n",
                       hash, hash);
    CHECK_OK(reopen(&world, text, (size_t)len)); /* of no feed: for the audit to tell */
    temp_dir_remove(&world.dir);
}

struct found {
    size_t count;
    char last[256];
};

static void keep(void *context, const char *path)
{
    struct found *found = context;
    found->count++;
    snprintf(found->last, sizeof(found->last), "%s", path);
}

/* A file slipped in would not be seen; a pipe would hold the audit up for ever. */
static void strays_are_told(void **state)
{
    (void)state;
    struct world world;
    struct found found = {.count = 0};
    struct p2p_archive_map map = {0};
    struct p2p_slice bytes;
    char full[TEMP_PATH_BYTES];
    world_make(&world);
    struct p2p_archive *archive = open_world(&world);
    CHECK_OK(p2p_archive_strays(archive, keep, &found));
    CHECK(found.count == 0);
    put_file(&world, "a-1/tile/entries/002", "x", 1);
    CHECK_OK(p2p_archive_strays(archive, keep, &found));
    CHECK(found.count == 1 && strcmp(found.last, "a-1/tile/entries/002") == 0);
    CHECK(mkfifo(temp_path(&world.dir, "a-1/pipe", full), 0600) == 0);
    CHECK_ERR(p2p_archive_load(archive, "a-1/pipe", &map, &bytes), P2P_IO);
    CHECK(symlink("/etc/passwd", temp_path(&world.dir, "a-1/link", full)) == 0);
    CHECK_ERR(p2p_archive_load(archive, "a-1/link", &map, &bytes), P2P_IO);
    CHECK_ERR(p2p_archive_load(archive, "a-1/nothing", &map, &bytes), P2P_NOTFOUND);
    found.count = 0;
    CHECK_OK(p2p_archive_strays(archive, keep, &found));
    CHECK(found.count == 3);
    p2p_archive_unload(&map);
    p2p_archive_close(archive);
    temp_dir_remove(&world.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_walked),
        cmocka_unit_test(notes_are_in_order),
        cmocka_unit_test(payloads_are_found_or_accounted_for),
        cmocka_unit_test(damaged_bundles_are_refused),
        cmocka_unit_test(manifests_are_strict),
        cmocka_unit_test(manifests_stay_below_their_directory),
        cmocka_unit_test(strays_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
