/* The disk of one simulated machine, and behind it the twins of p2p/store.h, p2p/copy.h and
 * p2p/spool.h that the node's own writer runs on.
 *
 * Store and spool lie on one device, the checkpoint copy on another. A transaction is there as
 * a whole or not at all (LMDB writes its head last, in one sector), the copy is one of its two
 * slots, a spool entry is whole or cut off. Each call that changes what is durable is an
 * effect; the power can fail before or after any of them. From that moment every call fails and
 * changes nothing, until the machine starts again: nothing that rests on a lost effect can
 * leave.
 *
 *     effect: begin of a write, commit, write and sync of the copy, append to and clear of the
 *             spool */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "chance.h"

#include <p2p/copy.h>
#include <p2p/kv.h>
#include <p2p/spool.h>
#include <p2p/store.h>

/* What goes wrong with disks. The system promises:
 *
 *     crashes, failed syncs, full disks   nothing acknowledged is lost, nothing is signed twice
 *     lost syncs, old backups             the node finds it by the copy, whenever the power
 *                                         failed: it takes its own feed back from peers as
 *                                         far as the copy says, or appends nothing until the
 *                                         charter grants a new generation
 *     a lost copy                         the same: it counts as restored
 *     flipped bits, torn pages            found at the next read or by the scrubber; repaired
 *                                         from peers or refused, never signed over
 *
 * It does not promise to survive a store and a copy that both go back to the same older state:
 * nobody could tell that from a restart, which is why the copy lies on another device, whose
 * syncs are real. What the copy was not told to sync it may lose with the power: what a
 * witness cosigned in the last second. A store that loses just that second, too, makes it a
 * witness that lies, of which a feed bears f. */
struct sim_disk_options {
    uint32_t commit_us;            /* a synced commit takes about this long */
    uint32_t failed_sync_permille; /* of commits and of syncs of copy and spool, unless calm */
    uint32_t power_after_effects;  /* mean number of effects between power failures inside a
                                      batch, unless calm; 0: none */
    bool lying;                    /* sim_disk_lie takes effect */
};

struct sim_disk;
struct sim_backup; /* of store and spool, without the copy */

/* Empty, alive and calm. */
struct sim_disk *sim_disk_new(const struct sim_disk_options *options, uint64_t seed,
                              uint64_t number);
void sim_disk_free(struct sim_disk *disk); /* accepts NULL */
/* Ends the random faults from now on, or begins them. */
void sim_disk_calm(struct sim_disk *disk, bool calm);

/* What a machine that starts finds; each is opened once in a life, on a disk that is alive, and
 * ends with sim_disk_kill or its close function. One transaction is open at a time, which is
 * all that the writer asks for. */
struct p2p_store *sim_disk_store(struct sim_disk *disk);
struct p2p_spool *sim_disk_spool(struct sim_disk *disk, uint64_t boot);
enum p2p_copy_state sim_disk_copy(struct sim_disk *disk, struct p2p_copy_point *point,
                                  struct p2p_copy **copy);

/* Makes or replaces the copy, synced, as p2p_copy_create does: part of making a member's
 * directory. The node must be down. */
void sim_disk_make_copy(struct sim_disk *disk, const struct p2p_copy_point *point);

/* The process ends: an open transaction is lost, what was written is not. */
void sim_disk_kill(struct sim_disk *disk);
/* The power fails: also what was written and not synced may be lost. What the node still has
 * open fails from here on, and is let go of by sim_disk_kill or sim_disk_revive. */
void sim_disk_fail_power(struct sim_disk *disk);
/* The power fails by itself before or after the n-th effect from now (1: the next); 0: not. */
void sim_disk_fail_at(struct sim_disk *disk, uint64_t effects);
/* The power failed: start the machine again. */
bool sim_disk_is_dead(const struct sim_disk *disk);
/* And under a disk that lied: what was synced since it began to is gone. Until the revival. */
bool sim_disk_went_back(const struct sim_disk *disk);
void sim_disk_revive(struct sim_disk *disk);

/* A store that failed for it takes writes again only when it is opened anew. */
void sim_disk_set_full(struct sim_disk *disk, bool full);
/* From now on nothing that is synced is really on the disk, until a power failure takes it all
 * back, or honest is called. */
void sim_disk_lie(struct sim_disk *disk);
void sim_disk_be_honest(struct sim_disk *disk);
/* Changes one bit, or the later part, of a value of one table; false when no value there has a
 * byte. In a table whose rows stand in blocks some rows in a row cannot be read: the store
 * mends them after a bit, and takes them away after a tear. No transaction may be open. */
bool sim_disk_flip(struct sim_disk *disk, enum p2p_table table);
bool sim_disk_tear(struct sim_disk *disk, enum p2p_table table);
void sim_disk_lose_copy(struct sim_disk *disk);
/* A copy of the machine's directory, and that copy put back; the node must be down. */
struct sim_backup *sim_disk_backup(const struct sim_disk *disk);
void sim_disk_restore(struct sim_disk *disk, const struct sim_backup *backup);
void sim_backup_free(struct sim_backup *backup); /* accepts NULL */
/* Everything is gone, the copy too: a new machine. */
void sim_disk_wipe(struct sim_disk *disk);
/* Another machine with the same disks, copy included: two live copies of one node. */
struct sim_disk *sim_disk_clone(const struct sim_disk *disk, uint64_t number);

/* A transaction to look at what a process that started now would find, whatever else is open;
 * end it before anything else happens to the disk. What is written to it is undone. */
const struct p2p_kv *sim_disk_look(struct sim_disk *disk);
void sim_disk_look_end(struct sim_disk *disk);
/* The copy as a power failure now would leave it; false: there is none. */
bool sim_disk_copied(const struct sim_disk *disk, struct p2p_copy_point *point);
uint64_t sim_disk_effects(const struct sim_disk *disk); /* so far */
size_t sim_disk_bytes(const struct sim_disk *disk);     /* held in the store */

#endif
