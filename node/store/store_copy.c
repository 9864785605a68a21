/* Copies of a store: for those who read long, so that no reader is held in the store itself. */
#include "mdb.h"
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define COPY_TRIES 3

static int copy_data(struct p2p_store *store, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return errno;
    }
    int rc = mdb_env_copyfd2(store->env, fd, MDB_CP_COMPACT);
    if (rc == 0 && fsync(fd) != 0) {
        rc = errno;
    }
    close(fd);
    return rc;
}

static int copy_files(struct p2p_store *store, const char *data, const char *keys)
{
    int rc = 0;

    for (int tries = 0; tries < COPY_TRIES; tries++) {
        unsigned destroyed = wrap_destroyed(store->wrap);
        rc = copy_data(store, data);
        if (rc == 0) {
            rc = wrap_copy(store->wrap, keys);
        }
        if (rc == 0 && destroyed == wrap_destroyed(store->wrap)) {
            return 0;
        }
        /* An erasure came between: the rows copied may need keys that are gone. */
        unlink(data);
        unlink(keys);
        if (rc != 0) {
            return rc;
        }
    }
    return MDB_READERS_FULL;
}

enum p2p_err p2p_store_copy(struct p2p_store *store, const char *dir)
{
    char data[STORE_PATH_BYTES_MAX];
    char keys[STORE_PATH_BYTES_MAX];
    char lock[STORE_PATH_BYTES_MAX];
    int rc = store_make_dir(dir);

    if (!store_path(data, dir, "data") || !store_path(keys, dir, "keys") ||
        !store_path(lock, dir, "lock")) {
        return P2P_IO;
    }
    int fd = rc != 0 ? -1 : open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return rc == 0 && errno == EEXIST ? P2P_USAGE : P2P_IO;
    }
    close(fd);
    pthread_mutex_lock(&store->copying);
    rc = store->env == NULL || store->wrap == NULL ? EIO : copy_files(store, data, keys);
    pthread_mutex_unlock(&store->copying);
    if (rc == 0) {
        rc = sync_dir(dir);
    }
    if (rc != 0) {
        unlink(lock);
    }
    return store_from_mdb(rc);
}

enum p2p_err p2p_store_copy_remove(const char *dir)
{
    static const char *const names[] = {"data", "keys", "lock"}; /* the lock last */
    char path[STORE_PATH_BYTES_MAX];
    enum p2p_err err = P2P_OK;

    if (!store_path(path, dir, "lock")) {
        return P2P_IO;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return P2P_LOCKED;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!store_path(path, dir, names[i]) || (unlink(path) != 0 && errno != ENOENT)) {
            err = P2P_IO;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return err == P2P_OK && rmdir(dir) != 0 && errno != ENOENT ? P2P_IO : err;
}
