/* Any bytes as files of an archive: a path of it, a bundle of records and a bundle of payloads,
 * read through walks as an audit does. The first byte says how many records the bundle has. */
#include <p2p/archive.h>
#include <p2p/assert.h>
#include <p2p/text.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void write_file(const char *path, const void *bytes, size_t len)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", dir, path);
    FILE *out = fopen(full, "w");
    p2p_assert(out != NULL && fwrite(bytes, 1, len, out) == len && fclose(out) == 0);
}

static void make_dirs(void)
{
    static const char *const names[] = {
        "a-1",      "a-1/tile",     "a-1/tile/entries",  "a-1/tile/entries/000.p",
        "payloads", "payloads/a-1", "payloads/a-1/000.p"};
    char full[256];
    snprintf(dir, sizeof(dir), "%s/p2p-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    p2p_assert(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(full, sizeof(full), "%s/%s", dir, names[i]);
        p2p_assert(mkdir(full, 0700) == 0);
    }
}

static void remove_dirs(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    p2p_assert(system(command) >= -1);
}

static void try_path(struct p2p_slice bytes)
{
    struct p2p_archive_place place;
    char again[P2P_ARCHIVE_PATH_BYTES_MAX];
    int level;
    uint64_t number;
    uint32_t width;
    if (p2p_archive_path_parse(bytes, &place) == P2P_OK) {
        size_t len = p2p_archive_path(again, &place);
        p2p_assert(p2p_slice_equal(bytes, p2p_slice_of(again, len)));
    }
    if (p2p_tile_path_parse(bytes, &level, &number, &width) == P2P_OK) {
        size_t len = p2p_tile_path(again, level, number, width);
        p2p_assert(p2p_slice_equal(bytes, p2p_slice_of(again, len)));
    }
}

static void walk(const struct p2p_archive *archive, unsigned width)
{
    struct p2p_archive_walk records;
    struct p2p_payload_walk payloads;
    struct p2p_slice slice;
    enum p2p_payload_state state;
    unsigned count = 0;
    p2p_archive_walk_begin(&records, archive, 0, 0);
    while (p2p_archive_walk_next(&records, &slice) == P2P_OK) {
        p2p_assert(slice.len > 0);
        count++;
    }
    p2p_assert(count == 0 || count == width);
    p2p_archive_walk_end(&records);
    p2p_payload_walk_begin(&payloads, archive, 0);
    for (unsigned i = 0; i < width; i++) {
        if (p2p_payload_walk_get(&payloads, i, 1, &state, &slice) == P2P_OK) {
            p2p_assert(state == P2P_PAYLOAD_HELD || slice.len == 0);
        }
    }
    p2p_payload_walk_end(&payloads);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_archive *archive = NULL;
    char text[1024];
    char zeros[65];
    char path[2][64];
    try_path(p2p_slice_of(data, size));
    if (size == 0 || data[0] == 0) {
        return 0;
    }
    if (dir[0] == '\0') {
        make_dirs();
        atexit(remove_dirs);
    }
    memset(zeros, '0', 64);
    zeros[64] = '\0';
    snprintf(path[0], sizeof(path[0]), "a-1/tile/entries/000.p/%u", data[0]);
    snprintf(path[1], sizeof(path[1]), "payloads/a-1/000.p/%u", data[0]);
    snprintf(text, sizeof(text),
             "port2port archive v1\nfederation %s\nexporter a\n\n%s 1 %s\n%s 1 %s\n\n", zeros,
             zeros, path[0], zeros, path[1]);
    write_file("manifest", text, strlen(text));
    write_file(path[0], data + 1, size - 1);
    write_file(path[1], data + 1, size - 1);
    if (p2p_archive_open(&archive, dir, p2p_alloc_default(), text, sizeof(text)) == P2P_OK) {
        walk(archive, data[0]);
        p2p_archive_close(archive);
    }
    return 0;
}
