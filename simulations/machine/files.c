/* The twins of p2p/copy.h and p2p/spool.h. The copy is on a device of its own, which neither
 * lies nor fills up; the spool lies beside the store. */
#include "disk_state.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

/* As in node/files/spool.c: length u32, boot u64, n u64, a checksum. */
#define NUMBERS_BYTES    20u
#define ENTRY_HEAD_BYTES 36u

/* The file of the spool */

void spool_file_copy(struct spool_file *to, const struct spool_file *from)
{
    to->bytes = malloc(from->len + 1);
    p2p_assert(to->bytes != NULL);
    if (from->len > 0) {
        memcpy(to->bytes, from->bytes, from->len);
    }
    to->len = from->len;
    to->cap = from->len + 1;
}

void spool_file_deinit(struct spool_file *file)
{
    free(file->bytes);
    *file = (struct spool_file){0};
}

static void file_append(struct spool_file *file, struct p2p_spool_id id,
                        struct p2p_slice payload)
{
    struct p2p_writer writer;
    size_t len = file->len + ENTRY_HEAD_BYTES + payload.len;

    if (len > file->cap) {
        file->cap = len * 2;
        file->bytes = realloc(file->bytes, file->cap);
        p2p_assert(file->bytes != NULL);
    }
    uint8_t *head = file->bytes + file->len;
    memset(head, 0, ENTRY_HEAD_BYTES);
    p2p_writer_init(&writer, head, NUMBERS_BYTES);
    p2p_writer_u32(&writer, (uint32_t)payload.len);
    p2p_writer_u64(&writer, id.boot);
    p2p_writer_u64(&writer, id.n);
    memcpy(head + ENTRY_HEAD_BYTES, payload.data, payload.len);
    file->len = len;
}

static bool file_next(const struct spool_file *file, uint64_t *at, struct p2p_spool_id *id,
                      struct p2p_slice *payload)
{
    struct p2p_reader reader;

    if (*at >= file->len) {
        return false;
    }
    const uint8_t *head = file->bytes + *at;
    p2p_reader_init(&reader, p2p_slice_of(head, NUMBERS_BYTES));
    uint32_t len = p2p_reader_u32(&reader);
    id->boot = p2p_reader_u64(&reader);
    id->n = p2p_reader_u64(&reader);
    *payload = p2p_slice_of(head + ENTRY_HEAD_BYTES, len);
    *at += ENTRY_HEAD_BYTES + len;
    return true;
}

/* p2p/spool.h */

struct p2p_spool *sim_disk_spool(struct sim_disk *disk, uint64_t boot)
{
    struct p2p_spool *spool = &disk->spool;
    struct p2p_spool_id id;
    struct p2p_slice payload;
    uint64_t at = 0;

    p2p_assert(!disk->dead);
    p2p_assert(!spool->open);
    *spool = (struct p2p_spool){.disk = disk, .open = true, .boot = boot};
    while (file_next(&disk->spool_file, &at, &id, &payload)) {
        spool->count++;
        if (id.boot == boot && id.n >= spool->next_n) {
            spool->next_n = id.n + 1;
        }
    }
    return spool;
}

void p2p_spool_close(struct p2p_spool *spool)
{
    if (spool != NULL) {
        spool->open = false;
    }
}

/* An effect on the spool that happens; after a failed sync nobody knows. */
static bool happens(struct sim_disk *disk, enum effect effect)
{
    return effect == EFFECT_DONE || effect == EFFECT_LAST ||
           (effect == EFFECT_DOUBT && sim_chance_below(&disk->chance, 2) == 0);
}

/* What has come of it, in the node's words. */
static enum p2p_err spool_end(struct p2p_spool *spool, enum effect effect)
{
    struct sim_disk *disk = spool->disk;

    if (effect == EFFECT_LAST) {
        disk_power_lost(disk);
    }
    spool->failed = effect != EFFECT_DONE;
    return spool->failed ? P2P_IO : P2P_OK;
}

enum p2p_err p2p_spool_append(struct p2p_spool *spool, struct p2p_slice payload,
                              struct p2p_spool_id *id)
{
    struct spool_file *file = &spool->disk->spool_file;
    struct p2p_spool_id given = {spool->boot, spool->next_n};

    p2p_assert(spool->open);
    if (spool->failed) {
        return P2P_IO;
    }
    if (payload.len == 0 || payload.len > P2P_SPOOL_ENTRY_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (file->len + ENTRY_HEAD_BYTES + payload.len > P2P_SPOOL_BYTES_DEFAULT) {
        return P2P_FULL;
    }
    enum effect effect = disk_sync_effect(spool->disk); /* full or not: its room is reserved */
    if (happens(spool->disk, effect)) {
        file_append(file, given, payload);
    }
    enum p2p_err err = spool_end(spool, effect);
    if (err == P2P_OK) {
        *id = given;
        spool->next_n++;
        spool->count++;
    }
    return err;
}

size_t p2p_spool_count(const struct p2p_spool *spool)
{
    return spool->count;
}

uint64_t p2p_spool_bytes(const struct p2p_spool *spool)
{
    return spool->disk->spool_file.len;
}

enum p2p_err p2p_spool_next(struct p2p_spool *spool, uint64_t *at, struct p2p_spool_id *id,
                            struct p2p_slice *payload)
{
    p2p_assert(spool->open);
    if (spool->disk->dead) {
        return P2P_IO;
    }
    return file_next(&spool->disk->spool_file, at, id, payload) ? P2P_OK : P2P_NOTFOUND;
}

enum p2p_err p2p_spool_clear(struct p2p_spool *spool)
{
    p2p_assert(spool->open);
    if (spool->failed) {
        return P2P_IO;
    }
    enum effect effect = disk_sync_effect(spool->disk);
    if (happens(spool->disk, effect)) {
        spool->disk->spool_file.len = 0;
    }
    spool->count = 0;
    return spool_end(spool, effect);
}

/* p2p/copy.h */

bool sim_disk_copied(const struct sim_disk *disk, struct p2p_copy_point *point)
{
    *point = disk->copy_file.safe;
    return disk->copy_file.there;
}

enum p2p_copy_state sim_disk_copy(struct sim_disk *disk, struct p2p_copy_point *point,
                                  struct p2p_copy **copy)
{
    p2p_assert(!disk->dead);
    p2p_assert(!disk->copy.open);
    *copy = NULL;
    if (!disk->copy_file.there) {
        return P2P_COPY_MISSING;
    }
    disk->copy = (struct p2p_copy){.disk = disk, .open = true, .attached = true};
    /* Opening it syncs it: after a kill the newest slot may be only in the page cache. */
    disk->copy_file.safe = disk->copy_file.newest;
    disk->copy_file.unsynced = false;
    *point = disk->copy_file.newest;
    *copy = &disk->copy;
    return P2P_COPY_OK;
}

void sim_disk_make_copy(struct sim_disk *disk, const struct p2p_copy_point *point)
{
    p2p_assert(!disk->copy.open);
    disk->copy_file = (struct copy_file){.there = true, .safe = *point, .newest = *point};
}

void sim_disk_lose_copy(struct sim_disk *disk)
{
    disk->copy_file = (struct copy_file){0};
    disk->copy.stale = true;
}

enum p2p_err p2p_copy_write(struct p2p_copy *copy, const struct p2p_copy_point *point)
{
    struct copy_file *file = &copy->disk->copy_file;

    p2p_assert(copy->open);
    if (!copy->attached) {
        if (copy->disk->dead || !file->there) {
            return P2P_IO;
        }
        copy->attached =
            true; /* which slot is safe is not asked again: a sync may have failed */
        copy->stale = false;
    }
    enum effect effect = disk_effect(copy->disk);
    if (effect != EFFECT_LOST && !copy->stale) { /* else into a file without a name */
        file->newest = *point;
        file->unsynced = true;
    }
    if (effect == EFFECT_LAST) {
        disk_power_lost(copy->disk);
    }
    copy->attached = effect == EFFECT_DONE;
    return effect == EFFECT_DONE ? P2P_OK : P2P_IO;
}

enum p2p_err p2p_copy_sync(struct p2p_copy *copy)
{
    struct copy_file *file = &copy->disk->copy_file;

    p2p_assert(copy->open);
    if (copy->disk->dead || !copy->attached || copy->stale) {
        copy->attached = false;
        return P2P_IO;
    }
    if (!file->unsynced) {
        return P2P_OK;
    }
    enum effect effect = disk_sync_effect(copy->disk);
    if (effect == EFFECT_DONE || effect == EFFECT_LAST) {
        file->safe = file->newest;
        file->unsynced = false;
    }
    if (effect == EFFECT_LAST) {
        disk_power_lost(copy->disk);
    }
    copy->attached = effect == EFFECT_DONE;
    return effect == EFFECT_DONE ? P2P_OK : P2P_IO;
}

void p2p_copy_close(struct p2p_copy *copy)
{
    if (copy != NULL && copy->open) {
        if (copy->attached && !copy->stale) {
            enum p2p_err err = p2p_copy_sync(copy);
            (void)err; /* the next start sees an older copy, as after a crash */
        }
        copy->open = false;
    }
}
