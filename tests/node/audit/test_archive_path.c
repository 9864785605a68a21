#include "check.h"

#include <p2p/archive.h>

static void check_tile(int level, uint64_t number, uint32_t width, const char *expected)
{
    char path[P2P_TILE_PATH_BYTES_MAX];
    int found_level = 77;
    uint64_t found_number = 0;
    uint32_t found_width = 0;
    CHECK(p2p_tile_path(path, level, number, width) == strlen(expected));
    CHECK(strcmp(path, expected) == 0);
    CHECK_OK(p2p_tile_path_parse(p2p_slice_text(expected), &found_level, &found_number,
                                 &found_width));
    CHECK(found_level == level && found_number == number && found_width == width);
}

/* Tools that nobody here wrote would not find a tile (C2SP tlog-tiles, its own example). */
static void tiles_stand_where_the_text_says(void **state)
{
    (void)state;
    check_tile(0, 1234067, 256, "tile/0/x001/x234/067");
    check_tile(P2P_TILE_ENTRIES, 0, 256, "tile/entries/000");
    check_tile(1, 1000, 17, "tile/1/x001/000.p/17");
    check_tile(P2P_TILE_ENTRIES, 999, 255, "tile/entries/999.p/255");
    check_tile(7, INT64_MAX, 1, "tile/7/x009/x223/x372/x036/x854/x775/807.p/1");
}

/* One place must have one spelling, or a manifest could list a file twice. */
static void other_spellings_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/00/001",
        "tile/8/001",
        "tile/-1/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p",
        "tile/0/x001/",
        "tile/0/x001/23a",
        "tile/entries/001/",
        "Tile/0/001",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int level;
        uint64_t number;
        uint32_t width;
        CHECK_ERR(p2p_tile_path_parse(p2p_slice_text(bad[i]), &level, &number, &width),
                  P2P_MALFORMED);
    }
}

/* A file that is read as something else than it was written for. */
static void places_are_read_as_written(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum p2p_place_type type;
        uint64_t number, size, time_s;
        uint32_t width;
    } rows[] = {
        {"beanr-1/checkpoint", P2P_PLACE_CHECKPOINT, 0, 0, 0, 0},
        {"charter-1/checkpoints/x012/345", P2P_PLACE_NOTE, 0, 12345, 0, 0},
        {"beanr-12/checkpoints/017.h/1763787600", P2P_PLACE_HEARTBEAT, 0, 17, 1763787600, 0},
        {"beanr-12/checkpoints/017.e/1763787600", P2P_PLACE_HEARTBEAT, 0, 17, 1763787600, 0},
        {"beanr-1/tile/entries/003.p/9", P2P_PLACE_ENTRIES, 3, 0, 0, 9},
        {"beanr-1/tile/2/003", P2P_PLACE_TILE, 3, 0, 0, 256},
        {"payloads/beanr-1/x001/003.p/9", P2P_PLACE_PAYLOADS, 1003, 0, 0, 9},
        {"proofs/fork-beanr-1", P2P_PLACE_PROOF, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct p2p_archive_place place;
        char again[P2P_ARCHIVE_PATH_BYTES_MAX];
        CHECK_OK(p2p_archive_path_parse(p2p_slice_text(rows[i].path), &place));
        CHECK(place.type == rows[i].type && place.number == rows[i].number);
        CHECK(place.size == rows[i].size && place.time_s == rows[i].time_s);
        CHECK(place.width == rows[i].width);
        CHECK(p2p_archive_path(again, &place) == strlen(rows[i].path));
        CHECK(strcmp(again, rows[i].path) == 0);
    }
    const char *const bad[] = {"manifest",
                               "beanr/checkpoint",
                               "beanr-0/checkpoint",
                               "beanr-01/checkpoint",
                               "-1/checkpoint",
                               "Beanr-1/checkpoint",
                               "beanr-1/",
                               "beanr-1/checkpoints/1",
                               "beanr-1/x",
                               "payloads/beanr-1",
                               "payloads/001",
                               "proofs/",
                               "proofs/a/b",
                               "beanr-1/checkpoints/001.h/01",
                               "beanr-1/checkpoints/001.e/",
                               "beanr-1/checkpoints/001.f/1",
                               "../beanr-1/checkpoint"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct p2p_archive_place place;
        CHECK_ERR(p2p_archive_path_parse(p2p_slice_text(bad[i]), &place), P2P_MALFORMED);
    }
}

/* Two feeds would share a directory, or one would have none. */
static void feeds_have_directories(void **state)
{
    (void)state;
    char dir[P2P_ARCHIVE_FEED_BYTES_MAX];
    CHECK(p2p_archive_feed_dir(dir, p2p_slice_text("beanr/1")) == 7);
    CHECK(strcmp(dir, "beanr-1") == 0);
    CHECK(p2p_archive_feed_dir(dir, p2p_slice_text("port2port.example/be-anr/12")) == 9);
    CHECK(strcmp(dir, "be-anr-12") == 0);
    CHECK(p2p_archive_feed_dir(dir, p2p_slice_text("a.example/charter/1")) == 9);
    CHECK(strcmp(dir, "charter-1") == 0);
    CHECK(p2p_archive_feed_dir(dir, p2p_slice_text("beanr")) == 0);
    CHECK(p2p_archive_feed_dir(dir, p2p_slice_text("beanr/x")) == 0);
    CHECK(p2p_archive_feed_dir(dir, p2p_slice_text("")) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_stand_where_the_text_says),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(places_are_read_as_written),
        cmocka_unit_test(feeds_have_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
