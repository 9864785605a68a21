#include "check.h"

#include "temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void temp_dir_make(struct temp_dir *dir)
{
    const char *base = getenv("TMPDIR");

    snprintf(dir->path, sizeof(dir->path), "%s/p2p-test-XXXXXX", base == NULL ? "/tmp" : base);
    CHECK(mkdtemp(dir->path) != NULL);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

void temp_dir_remove(struct temp_dir *dir)
{
    if (dir->path[0] != '\0') {
        CHECK(nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0);
        dir->path[0] = '\0';
    }
}

const char *temp_path(const struct temp_dir *dir, const char *name, char out[TEMP_PATH_BYTES])
{
    int len = snprintf(out, TEMP_PATH_BYTES, "%s/%s", dir->path, name);

    CHECK(len > 0 && len < TEMP_PATH_BYTES);
    return out;
}

unsigned char *temp_read(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");

    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size >= 0);
    rewind(file);
    unsigned char *bytes = malloc((size_t)size + 1);
    CHECK(bytes != NULL);
    CHECK(fread(bytes, 1, (size_t)size, file) == (size_t)size);
    bytes[size] = '\0';
    fclose(file);
    *len = (size_t)size;
    return bytes;
}

void temp_write(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, len, file) == len);
    CHECK(fclose(file) == 0);
}

void temp_copy(const char *from, const char *to)
{
    size_t len;
    unsigned char *bytes = temp_read(from, &len);

    temp_write(to, bytes, len);
    free(bytes);
}
