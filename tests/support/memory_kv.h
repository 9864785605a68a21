/* An ordered map in memory behind p2p/kv.h: the store for tests of the engine.
 *
 * One transaction at a time; abort undoes it, commit is instant. Strict on purpose where LMDB
 * is lucky: borrowed keys and values are moved at the next write, so with the address sanitizer
 * a slice kept too long is found (the last MEMORY_KV_LOANS_MAX of them); a PAYLOAD value dies
 * at the next call on that table; a table's cursor is lost by a write to it; after any error
 * but P2P_NOTFOUND the transaction is doomed. Calls outside a transaction are assertions. Not
 * thread-safe. */
#ifndef MEMORY_KV_H
#define MEMORY_KV_H

#include <p2p/kv.h>

#define MEMORY_KV_LOANS_MAX 256u

struct memory_kv;

struct memory_kv *memory_kv_new(void);         /* aborts the process without memory */
void memory_kv_free(struct memory_kv *memory); /* accepts NULL; aborts an open transaction */

const struct p2p_kv *memory_kv_begin(struct memory_kv *memory);
/* Always P2P_OK; the type is that of a real store's commit. */
enum p2p_err memory_kv_commit(struct memory_kv *memory);
void memory_kv_abort(struct memory_kv *memory);
/* The same pointer that begin returns. */
const struct p2p_kv *memory_kv_kv(struct memory_kv *memory);

size_t memory_kv_count(const struct memory_kv *memory, enum p2p_table table);
size_t memory_kv_bytes(const struct memory_kv *memory); /* keys and values held */
/* An independent map with the same committed contents: a snapshot to compare or to crash back
 * to. */
struct memory_kv *memory_kv_clone(const struct memory_kv *memory);
bool memory_kv_equal(const struct memory_kv *a, const struct memory_kv *b);

#endif
