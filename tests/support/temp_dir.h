/* A directory of its own for one test, under $TMPDIR or /tmp, removed with everything in it. */
#ifndef TEMP_DIR_H
#define TEMP_DIR_H

#include <stddef.h>

#define TEMP_PATH_BYTES 512

struct temp_dir {
    char path[TEMP_PATH_BYTES];
};

void temp_dir_make(struct temp_dir *dir);
void temp_dir_remove(struct temp_dir *dir); /* accepts a zeroed object */
/* The path of name inside; returns out. */
const char *temp_path(const struct temp_dir *dir, const char *name, char out[TEMP_PATH_BYTES]);

/* Whole files; the test fails when they cannot be read or written. The caller frees. */
unsigned char *temp_read(const char *path, size_t *len);
void temp_write(const char *path, const void *bytes, size_t len);
void temp_copy(const char *from, const char *to);

#endif
