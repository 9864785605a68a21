/* A directory into which others put files, and where they go from there.
 *
 *     DIR/            new files; hidden ones and *.tmp, *.part, *.filepart are left alone
 *     DIR/work/       being processed, under a name of its own: STAMP-NAME
 *     DIR/done/       processed, DIR/failed/ what could not be read or was rejected as a whole
 *     DIR/answers/    CONTRL and APERAK
 *     DIR/state/      the journal
 *
 * A file is taken when nothing was written to it for `settle_ms`; one without a UNZ near its
 * end only after P2P_SPOOL_PATIENCE_MS: its writer may be slow. Taking is a rename into work/,
 * so a file is taken once, and what stands in work/ at a start was interrupted and is taken
 * again, under the same name. Files are taken in the order of their modification. All is on one
 * file system. Main thread. */
#ifndef P2P_TRADE_SPOOL_H
#define P2P_TRADE_SPOOL_H

#include <p2p/base.h>

#define P2P_SPOOL_PATH_BYTES     1024u
#define P2P_SPOOL_NAME_BYTES     256u
#define P2P_SPOOL_FILES_MAX      10000u      /* looked at in one scan; the rest in the next */
#define P2P_SPOOL_FILE_BYTES_MAX (64u << 20) /* several interchanges */
#define P2P_SPOOL_PATIENCE_MS    60000u

struct p2p_spool {
    char dir[P2P_SPOOL_PATH_BYTES];
    int fd; /* of dir */
    uint64_t settle_ms;
};

/* Makes the directories that are missing. P2P_IO, P2P_TOOLARGE (the path). */
P2P_MUST_CHECK enum p2p_err p2p_spool_open(struct p2p_spool *spool, const char *dir,
                                           uint64_t settle_ms);
void p2p_spool_close(struct p2p_spool *spool);
/* The path of something inside; P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_spool_path(const struct p2p_spool *spool, const char *sub,
                                           const char *name, char out[P2P_SPOOL_PATH_BYTES]);

/* A list of names, owned by the caller. */
struct p2p_spool_list {
    char (*names)[P2P_SPOOL_NAME_BYTES];
    size_t count;
};
void p2p_spool_list_free(struct p2p_spool_list *list); /* accepts a zeroed one */
/* What stands in work/, oldest first. P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_spool_interrupted(const struct p2p_spool *spool,
                                                  struct p2p_spool_list *out);
/* New files that are ready at now_ms (wall clock), oldest first. *unready: whether there are
 * others. */
P2P_MUST_CHECK enum p2p_err p2p_spool_ready(const struct p2p_spool *spool, uint64_t now_ms,
                                            struct p2p_spool_list *out, bool *unready);
/* Moves a new file into work/ under a name that it gets. P2P_NOTFOUND: it is gone. */
P2P_MUST_CHECK enum p2p_err p2p_spool_claim(const struct p2p_spool *spool, const char *name,
                                            uint64_t now_ms,
                                            char claimed[P2P_SPOOL_NAME_BYTES]);
/* Moves it out of work/, into done/ or failed/; durable when P2P_OK is returned. */
P2P_MUST_CHECK enum p2p_err p2p_spool_settle(const struct p2p_spool *spool, const char *claimed,
                                             bool done);

#endif
