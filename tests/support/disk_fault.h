/* Disk calls that fail: the calls of this executable and of its libraries that write, reserve,
 * sync, cut or rename go through here, are counted while armed, and the n-th goes wrong as
 * asked.
 *
 * This works by standing in front of the C library's write, pwrite, writev, fsync, fdatasync,
 * fallocate, ftruncate and rename, so the code under test needs no hook. Standard output and
 * error are left alone. One test thread arms it at a time; other threads' calls count too. */
#ifndef DISK_FAULT_H
#define DISK_FAULT_H

#include <stdbool.h>

#define DISK_FAULT_EXIT 77

enum disk_fault_kind {
    DISK_FAULT_EIO,   /* nothing is done; EIO */
    DISK_FAULT_SHORT, /* half of a write is done; then as EIO */
    DISK_FAULT_CRASH, /* half of a write is done; the process ends with DISK_FAULT_EXIT */
    DISK_FAULT_FULL,  /* half of a write is done; ENOSPC */
};

/* countdown: calls that still succeed; negative: only count. persistent: all later ones fail
 * too. */
void disk_fault_arm(enum disk_fault_kind kind, long countdown, bool persistent);
/* Back to normal; how many calls there were since. */
long disk_fault_disarm(void);

#endif
