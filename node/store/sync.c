#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return errno;
    }
    int rc = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

int sync_parent(const char *path)
{
    char copy[PATH_MAX];
    int len = snprintf(copy, sizeof(copy), "%s", path);

    return len > 0 && (size_t)len < sizeof(copy) ? sync_dir(dirname(copy)) : ENAMETOOLONG;
}
