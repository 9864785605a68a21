/* node.pid: which process serves in this directory.
 *
 * The holder keeps a lock on the file for as long as it lives, so a file left by a killed node,
 * or one whose number belongs to another process by now, counts as absent. Reading takes no
 * lock. Main thread; the caller owns the object. */
#ifndef P2P_PIDFILE_H
#define P2P_PIDFILE_H

#include <p2p/base.h>
#include <sys/types.h>

struct p2p_pidfile;

/* Takes the file, replacing a stale one. P2P_LOCKED (the message names the pid), P2P_FULL,
 * P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_pidfile_open(struct p2p_pidfile **out, const char *path,
                                             char *message, size_t message_cap);
void p2p_pidfile_close(struct p2p_pidfile *pidfile); /* removes the file; accepts NULL */

/* The pid of the living holder. P2P_NOTFOUND when there is none, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_pidfile_read(const char *path, pid_t *pid);

#endif
