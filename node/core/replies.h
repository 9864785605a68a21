/* Replies under idempotency keys: what a caller was answered, for when it asks the same again.
 * Private to node/core and node/api; the writer's thread.
 *
 * A request with a key is begun; when it did something its reply is kept, when not it is
 * forgotten. The same key with the same request then gives the kept reply and does nothing,
 * with another request it is refused. Kept for P2P_REPLY_KEPT_MS, by the wall clock over a
 * start. What appended records, what a gate decided and released among it, is kept in the store
 * as well, written with them in one transaction: after a crash there are both or neither. What
 * is known only after its commit (that another member holds a release, the number of a spooled
 * decision) is written with the next one: asked again after a crash between the two, a release
 * is used. Every other reply a start forgets: what it did is as good done twice (a prepared
 * number), or ends with the start itself (a pause). A submitted record is besides known by its
 * own bytes, for ever (signed_outside.c). A backup that is put back has the replies of its
 * time.
 *
 * Bounds: P2P_REPLIES_MAX in all, with P2P_REPLIES_BYTES_MAX, and P2P_REPLIES_PER_CALLER_MAX of
 * one caller; beyond, the caller's oldest kept one goes first, then the oldest of all. When
 * nothing but requests under way is left, a new one is told to wait. A reply larger than
 * P2P_REPLY_BYTES_MAX is not kept. The store's rows (STORE.md, `reply/`) are at most as many,
 * and those of replies that went are deleted with the next commit. */
#ifndef P2P_REPLIES_H
#define P2P_REPLIES_H

#include <p2p/engine.h>
#include <p2p/hash.h>

#define P2P_REPLIES_MAX            4096u
#define P2P_REPLIES_PER_CALLER_MAX 512u
#define P2P_REPLY_BYTES_MAX        ((size_t)32 << 10) /* that to 512 records at once */
#define P2P_REPLIES_BYTES_MAX      ((size_t)8 << 20)
#define P2P_REPLY_KEPT_MS          (UINT64_C(24) * 3600 * 1000)

struct p2p_replies;
struct p2p_kept_reply;

enum p2p_replies_answer {
    P2P_REPLIES_NEW,   /* *out is begun, to be given to end */
    P2P_REPLIES_RUNS,  /* the same request is under way */
    P2P_REPLIES_KEPT,  /* *out has its reply */
    P2P_REPLIES_OTHER, /* the key was used for another request */
    P2P_REPLIES_FULL,  /* too many are under way */
};

P2P_MUST_CHECK enum p2p_err p2p_replies_open(struct p2p_replies **out);
void p2p_replies_close(struct p2p_replies *replies); /* accepts NULL */
/* After open: those that the store has. A row that is damaged, too old, or too many counts as
 * gone. P2P_NOMEM, and the store's errors; then only to be closed. */
P2P_MUST_CHECK enum p2p_err p2p_replies_load(struct p2p_replies *replies,
                                             const struct p2p_kv *kv,
                                             const struct p2p_now *now);

/* caller: whose keys these are; key: as sent, borrowed; request: hash of what is asked. */
enum p2p_replies_answer p2p_replies_begin(struct p2p_replies *replies, uint64_t caller,
                                          const char *key, const struct p2p_hash *request,
                                          uint64_t now_ms, struct p2p_kept_reply **out);
/* Writes a row for a begun one, in the transaction that appends what the reply tells of; end
 * still follows. text: borrowed; one that is too large gets no row. The store's errors. */
P2P_MUST_CHECK enum p2p_err p2p_replies_store(struct p2p_replies *replies,
                                              struct p2p_kept_reply *kept, const char *text,
                                              const struct p2p_kv *kv,
                                              const struct p2p_now *now);
/* Writes what ended with a row of its own since, and deletes the rows of what went; in any
 * transaction that is to be committed. One that is undone leaves those in memory alone. The
 * store's errors. */
P2P_MUST_CHECK enum p2p_err p2p_replies_flush(struct p2p_replies *replies,
                                              const struct p2p_kv *kv,
                                              const struct p2p_now *now);
/* text: the reply, taken; NULL forgets the request. row: what flush writes of it, taken; NULL
 * when the store has it already, or is not to. kept is not to be used any more. */
void p2p_replies_end(struct p2p_replies *replies, struct p2p_kept_reply *kept, char *text,
                     char *row);
/* Whether its row was written. */
bool p2p_kept_reply_stored(const struct p2p_kept_reply *kept);
/* Of a KEPT one; lives until the next call. */
const char *p2p_kept_reply_text(const struct p2p_kept_reply *kept);

#endif
