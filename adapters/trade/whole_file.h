/* Reads a whole file, or what is left of an open one, under a bound. */
#ifndef P2P_TRADE_WHOLE_FILE_H
#define P2P_TRADE_WHOLE_FILE_H

#include <p2p/base.h>

/* Memory of its own with a zero behind it; the caller frees. P2P_NOTFOUND, P2P_TOOLARGE,
 * P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_whole_file(const char *path, size_t bytes_max, char **out,
                                           size_t *len);
/* fd: stays open. */
P2P_MUST_CHECK enum p2p_err p2p_whole_stream(int fd, size_t bytes_max, char **out, size_t *len);

#endif
