/* What was done with what came in: a small durable map, kept as a file that only grows.
 *
 * Four maps from keys to JSON values, wholly in memory: `interchanges` (which were received),
 * `tasks` (which are not over), `asked` (requests that were sent, and records that were signed,
 * without an answer that their task has noted), `said` (what was done of a container, by which
 * document: said.h). Each change is a line of JSON at the end of the
 * file; what is not synced may be lost in a crash, never torn: a last line that is not whole is
 * cut off at the next opening. Opening writes the file anew when most of it is history, and
 * forgets interchanges and what was said after P2P_JOURNAL_KEEP_DAYS. With
 * P2P_JOURNAL_ENTRIES_MAX entries the older of the oldest interchange, if that is done, and the
 * oldest of what was said is forgotten for each new entry; where there is neither, P2P_FULL.
 *
 * One process holds it at a time. A write or sync that fails is final: everything after it
 * fails too, so that nothing is answered that the journal does not hold. One thread. */
#ifndef P2P_TRADE_JOURNAL_H
#define P2P_TRADE_JOURNAL_H

#include <p2p/base.h>

#include <jansson.h>

#define P2P_JOURNAL_KEEP_DAYS   400u
#define P2P_JOURNAL_ENTRIES_MAX 250000u /* in all maps */

enum p2p_journal_map {
    P2P_JOURNAL_INTERCHANGES,
    P2P_JOURNAL_TASKS,
    P2P_JOURNAL_ASKED,
    P2P_JOURNAL_SAID
};
#define P2P_JOURNAL_MAPS 4u

struct p2p_journal;

/* dir: a directory that exists; the file in it is `journal`. NULL: in memory alone, for trying.
 * P2P_LOCKED: another process has
 * it. P2P_CORRUPT: a line that is not the last is none of ours. P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_journal_open(struct p2p_journal **out, const char *dir,
                                             uint64_t now_ms);
void p2p_journal_close(struct p2p_journal *journal); /* accepts NULL */

/* Borrowed until the next put under that key; NULL: none. */
json_t *p2p_journal_get(const struct p2p_journal *journal, enum p2p_journal_map map,
                        const char *key);
/* All of a map; borrowed, not to be changed. */
const json_t *p2p_journal_all(const struct p2p_journal *journal, enum p2p_journal_map map);
/* value: taken, also on error; NULL takes the key out. An interchange has its time in "t", as
 * has what was said. */
P2P_MUST_CHECK enum p2p_err p2p_journal_put(struct p2p_journal *journal,
                                            enum p2p_journal_map map, const char *key,
                                            json_t *value);
/* After P2P_OK everything put before is durable. */
P2P_MUST_CHECK enum p2p_err p2p_journal_sync(struct p2p_journal *journal);

#endif
