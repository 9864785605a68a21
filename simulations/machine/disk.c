#include "disk_state.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

struct sim_backup {
    struct memory_kv *store_map;
    struct spool_file spool_file;
};

static void *need(void *memory)
{
    p2p_assert(memory != NULL);
    return memory;
}

static struct memory_kv *map_new(void)
{
#ifdef SIM_STRICT_LOANS
    return memory_kv_new();
#else
    return memory_kv_new_lenient();
#endif
}

static void replace_map(struct memory_kv **map, struct memory_kv *by)
{
    memory_kv_free(*map);
    *map = by;
}

/* Making disks */

static struct sim_disk *disk_make(const struct sim_disk_options *options, uint64_t seed,
                                  uint64_t number)
{
    struct sim_disk *disk = need(calloc(1, sizeof(*disk)));

    disk->options = *options;
    disk->seed = seed;
    disk->chance = sim_chance_of(seed, "disk", number);
    disk->calm = true;
    disk->store.disk = disk;
    disk->spool.disk = disk;
    disk->copy.disk = disk;
    return disk;
}

struct sim_disk *sim_disk_new(const struct sim_disk_options *options, uint64_t seed,
                              uint64_t number)
{
    struct sim_disk *disk = disk_make(options, seed, number);

    disk->store_map = map_new();
    return disk;
}

static void forget_lie(struct sim_disk *disk)
{
    replace_map(&disk->true_map, NULL);
    spool_file_deinit(&disk->true_spool);
}

void sim_disk_free(struct sim_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    p2p_assert(disk->look == NULL);
    memory_kv_free(disk->store_map);
    memory_kv_free(disk->maybe_map);
    spool_file_deinit(&disk->spool_file);
    forget_lie(disk);
    free(disk);
}

struct sim_disk *sim_disk_clone(const struct sim_disk *disk, uint64_t number)
{
    struct sim_disk *clone = disk_make(&disk->options, disk->seed, number);

    clone->calm = disk->calm;
    clone->full = disk->full;
    clone->store_map = memory_kv_clone(disk->store_map);
    spool_file_copy(&clone->spool_file, &disk->spool_file);
    clone->copy_file = disk->copy_file;
    clone->copy_file.safe = disk->copy_file.newest;
    clone->copy_file.unsynced = false;
    return clone;
}

/* Power */

static bool power_fails(struct sim_disk *disk)
{
    if (disk->fail_at != 0 && disk->effects >= disk->fail_at) {
        return true;
    }
    if (disk->calm || disk->options.power_after_effects == 0) {
        return false;
    }
    if (disk->random_at == 0) {
        disk->random_at =
            disk->effects + sim_chance_gap(&disk->chance, disk->options.power_after_effects);
    }
    return disk->effects >= disk->random_at;
}

enum effect disk_effect(struct sim_disk *disk)
{
    p2p_assert(disk->look == NULL);
    if (disk->dead) {
        return EFFECT_LOST;
    }
    disk->effects++;
    if (!power_fails(disk)) {
        return EFFECT_DONE;
    }
    if (sim_chance_below(&disk->chance, 2) == 0) {
        return EFFECT_LAST;
    }
    disk_power_lost(disk);
    return EFFECT_LOST;
}

enum effect disk_sync_effect(struct sim_disk *disk)
{
    enum effect effect = disk_effect(disk);
    bool fails = effect == EFFECT_DONE && !disk->calm &&
                 sim_chance_permille(&disk->chance, disk->options.failed_sync_permille);

    return fails ? EFFECT_DOUBT : effect;
}

void disk_settle_sync(struct sim_disk *disk)
{
    if (disk->maybe_map != NULL) {
        if (sim_chance_below(&disk->chance, 2) == 0) {
            replace_map(&disk->store_map, disk->maybe_map);
        } else {
            memory_kv_free(disk->maybe_map);
        }
        disk->maybe_map = NULL;
    }
}

void disk_power_lost(struct sim_disk *disk)
{
    if (disk->dead) {
        return;
    }
    disk->dead = true;
    disk->fail_at = 0;
    disk->random_at = 0;
    store_lose_txn(&disk->store);
    disk_settle_sync(disk);
    disk->went_back = disk->true_map != NULL;
    if (disk->went_back) {
        replace_map(&disk->store_map, disk->true_map);
        disk->true_map = NULL;
        spool_file_deinit(&disk->spool_file);
        disk->spool_file = disk->true_spool;
        disk->true_spool = (struct spool_file){0};
    }
    if (disk->copy_file.unsynced && sim_chance_below(&disk->chance, 2) == 0) {
        disk->copy_file.newest = disk->copy_file.safe;
    }
    disk->copy_file.safe = disk->copy_file.newest;
    disk->copy_file.unsynced = false;
}

bool disk_is_down(const struct sim_disk *disk)
{
    return disk->dead || (!disk->store.open && !disk->spool.open && !disk->copy.open);
}

void sim_disk_fail_power(struct sim_disk *disk)
{
    p2p_assert(disk->look == NULL);
    disk_power_lost(disk);
}

void sim_disk_kill(struct sim_disk *disk)
{
    p2p_assert(disk->look == NULL);
    store_lose_txn(&disk->store);
    disk->store.txn.open = false;
    disk->store.open = false;
    disk->spool.open = false;
    disk->copy.open = false;
    disk_settle_sync(disk);
}

void sim_disk_fail_at(struct sim_disk *disk, uint64_t effects)
{
    disk->fail_at = effects == 0 ? 0 : disk->effects + effects;
}

bool sim_disk_is_dead(const struct sim_disk *disk)
{
    return disk->dead;
}

bool sim_disk_went_back(const struct sim_disk *disk)
{
    return disk->went_back;
}

void sim_disk_revive(struct sim_disk *disk)
{
    sim_disk_kill(disk);
    disk->dead = false;
    disk->went_back = false;
}

/* Faults */

void sim_disk_calm(struct sim_disk *disk, bool calm)
{
    disk->calm = calm;
    disk->random_at = 0;
}

void sim_disk_set_full(struct sim_disk *disk, bool full)
{
    disk->full = full;
}

void sim_disk_lie(struct sim_disk *disk)
{
    if (disk->options.lying && disk->true_map == NULL) {
        disk->true_map = memory_kv_clone(disk->store_map);
        spool_file_copy(&disk->true_spool, &disk->spool_file);
    }
}

void sim_disk_be_honest(struct sim_disk *disk)
{
    forget_lie(disk);
}

static void flip(void *context, uint8_t *value, size_t len)
{
    uint64_t bit = sim_chance_below(context, (uint64_t)len * 8);

    value[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* The later part is of another page: of zeros, or of anything. */
static void tear(void *context, uint8_t *value, size_t len)
{
    size_t at = (size_t)sim_chance_below(context, len);
    uint8_t before = value[at];

    if (sim_chance_below(context, 2) == 0) {
        memset(value + at, 0, len - at);
    } else {
        sim_chance_fill(context, value + at, len - at);
    }
    if (value[at] == before) {
        value[at] ^= 0xff;
    }
}

static bool spoil(struct sim_disk *disk, enum p2p_table table,
                  void (*how)(void *context, uint8_t *value, size_t len))
{
    size_t count = memory_kv_value_count(disk->store_map, table);

    if (count == 0) {
        return false;
    }
    memory_kv_spoil(disk->store_map, table, (size_t)sim_chance_below(&disk->chance, count), how,
                    &disk->chance);
    return true;
}

enum { BLOCK_ROWS_MAX = 100 }; /* that go with one block: about as many as stand in one */

/* Tables whose rows stand in blocks with a sum (replication/STORE.md, Blocks): a flip is mended
 * by it, a tear takes all rows of a block. */
static bool in_blocks(enum p2p_table table)
{
    return table == P2P_TABLE_PAYLOAD || table == P2P_TABLE_ISSUER ||
           table == P2P_TABLE_TOUCH || table == P2P_TABLE_VIEW || table == P2P_TABLE_INDEX;
}

static bool spoil_block(struct sim_disk *disk, enum p2p_table table, bool torn)
{
    size_t count = memory_kv_count(disk->store_map, table);

    if (count == 0) {
        return false;
    }
    size_t first = (size_t)sim_chance_below(&disk->chance, count);
    size_t rows = (size_t)sim_chance_between(&disk->chance, 1, BLOCK_ROWS_MAX);
    memory_kv_spoil_rows(disk->store_map, table, first, rows, torn);
    return true;
}

bool sim_disk_flip(struct sim_disk *disk, enum p2p_table table)
{
    return in_blocks(table) ? spoil_block(disk, table, false) : spoil(disk, table, flip);
}

bool sim_disk_tear(struct sim_disk *disk, enum p2p_table table)
{
    return in_blocks(table) ? spoil_block(disk, table, true) : spoil(disk, table, tear);
}

/* What machines do with disks */

struct sim_backup *sim_disk_backup(const struct sim_disk *disk)
{
    struct sim_backup *backup = need(calloc(1, sizeof(*backup)));

    p2p_assert(disk_is_down(disk));
    backup->store_map = memory_kv_clone(disk->store_map);
    spool_file_copy(&backup->spool_file, &disk->spool_file);
    return backup;
}

void sim_backup_free(struct sim_backup *backup)
{
    if (backup != NULL) {
        memory_kv_free(backup->store_map);
        spool_file_deinit(&backup->spool_file);
        free(backup);
    }
}

void sim_disk_restore(struct sim_disk *disk, const struct sim_backup *backup)
{
    p2p_assert(disk_is_down(disk));
    forget_lie(disk);
    replace_map(&disk->store_map, memory_kv_clone(backup->store_map));
    spool_file_deinit(&disk->spool_file);
    spool_file_copy(&disk->spool_file, &backup->spool_file);
}

void sim_disk_wipe(struct sim_disk *disk)
{
    p2p_assert(disk_is_down(disk));
    forget_lie(disk);
    replace_map(&disk->store_map, map_new());
    spool_file_deinit(&disk->spool_file);
    disk->copy_file = (struct copy_file){0};
    disk->full = false;
}

/* Looking */

const struct p2p_kv *sim_disk_look(struct sim_disk *disk)
{
    p2p_assert(disk->look == NULL);
    disk->look =
        memory_kv_is_open(disk->store_map) ? memory_kv_clone(disk->store_map) : disk->store_map;
    return memory_kv_begin(disk->look);
}

void sim_disk_look_end(struct sim_disk *disk)
{
    p2p_assert(disk->look != NULL);
    memory_kv_abort(disk->look);
    if (disk->look != disk->store_map) {
        memory_kv_free(disk->look);
    }
    disk->look = NULL;
}

uint64_t sim_disk_effects(const struct sim_disk *disk)
{
    return disk->effects;
}

size_t sim_disk_bytes(const struct sim_disk *disk)
{
    return memory_kv_bytes(disk->store_map);
}
