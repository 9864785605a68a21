/* Syncing directories, so that the names in them survive a crash. Returns errno, 0 when good.
 */
#ifndef P2P_STORE_SYNC_H
#define P2P_STORE_SYNC_H

#include <p2p/base.h>

P2P_MUST_CHECK int sync_dir(const char *dir);
/* The directory that path lies in. */
P2P_MUST_CHECK int sync_parent(const char *path);

#endif
