/* A disk from the inside, for the three files that share it: disk.c is power, faults and what
 * machines do with disks, store.c the twin of p2p/store.h, files.c those of p2p/copy.h and
 * p2p/spool.h. Private to them.
 *
 * There are two views of the store and the spool: what a process reads now (`store_map`,
 * `spool_file`) and, while the disk lies, what is really on it (`true_map`, `true_spool`).
 * Every effect goes through disk_effect, or disk_sync_effect when it includes a sync:
 *
 *                        +-- EFFECT_DONE: it happens
 *     disk_effect -------+-- EFFECT_LAST: it happens, then the caller calls disk_power_lost
 *          |             +-- EFFECT_LOST: the power is gone; it does not happen
 *     disk_sync_effect ----- EFFECT_DOUBT: the sync fails; whether it happened shows later
 *
 * and all but the first return P2P_IO alike: the node cannot tell. */
#ifndef SIM_DISK_STATE_H
#define SIM_DISK_STATE_H

#include "disk.h"
#include "memory_kv.h"

struct p2p_txn {
    struct p2p_store *store;
    struct p2p_kv kv;
    enum p2p_txn_kind kind;
    bool open;
    bool lost;          /* the power failed: it stands on nothing any more */
    enum p2p_err doom;  /* the first error but P2P_NOTFOUND */
    uint32_t puts_left; /* on a full disk: before one finds no page; else 0 */
};

struct p2p_store {
    struct sim_disk *disk;
    bool open;
    bool reading; /* reopened after a failure */
    enum p2p_store_failure failure;
    struct p2p_txn txn;
};

struct p2p_spool {
    struct sim_disk *disk;
    bool open;
    bool failed;
    uint64_t boot;
    uint64_t next_n;
    size_t count;
};

struct p2p_copy {
    struct sim_disk *disk;
    bool open;
    bool attached; /* has the file open; else it is opened again at the next write */
    bool stale;    /* the file it has open is not the one of that name any more */
};

/* Entries one behind the other, as node/files/spool.c lays them out. */
struct spool_file {
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

/* The two slots: the one that was synced, and the one that was written last. */
struct copy_file {
    bool there;
    bool unsynced; /* newest is not yet safe */
    struct p2p_copy_point safe;
    struct p2p_copy_point newest;
};

struct sim_disk {
    struct sim_disk_options options;
    uint64_t seed;
    struct sim_chance chance;
    bool calm;
    bool dead;
    bool went_back; /* when it died it lied */
    bool full;
    uint64_t effects;
    uint64_t fail_at;   /* number of the effect at which the power fails; 0: none */
    uint64_t random_at; /* the same, drawn; 0: not drawn yet */
    struct memory_kv *store_map;
    struct memory_kv *maybe_map; /* after a failed sync: what a start may find; NULL: none */
    struct spool_file spool_file;
    struct memory_kv *true_map; /* NULL: the disk does not lie */
    struct spool_file true_spool;
    struct copy_file copy_file;
    struct p2p_store store;
    struct p2p_spool spool;
    struct p2p_copy copy;
    struct memory_kv *look; /* store_map or a clone of it; NULL: nobody looks */
};

enum effect { EFFECT_DONE, EFFECT_LAST, EFFECT_LOST, EFFECT_DOUBT };
enum effect disk_effect(struct sim_disk *disk);
enum effect disk_sync_effect(struct sim_disk *disk);
void disk_power_lost(struct sim_disk *disk);
/* The node does not run: what happens to its files happens between two lives of it. */
bool disk_is_down(const struct sim_disk *disk);
/* A process ended after a failed sync: the next one finds the transaction, or does not. */
void disk_settle_sync(struct sim_disk *disk);

/* Takes the open transaction back; the node's handle on it stays, and fails. */
void store_lose_txn(struct p2p_store *store);

void spool_file_copy(struct spool_file *to, const struct spool_file *from); /* to: zeroed */
void spool_file_deinit(struct spool_file *file);

#endif
