/* Ordered maps in memory behind p2p/kv.h: the store of simulated machines and of tests.
 *
 * One transaction at a time; abort undoes it, commit is instant. Strict on purpose where LMDB
 * is lucky: borrowed keys and values are moved at the next write, so with the address sanitizer
 * a slice kept too long is found (the last MEMORY_KV_LOANS_MAX of them); a key that was found
 * dies at the next seek or next in that table, a PAYLOAD or VIEW value at the next call on it;
 * a table's cursor is lost by a write to it. A lenient one leaves out the moving and the dying,
 * for long runs; what it answers is the same. Calls outside a transaction are assertions.
 * Aborts the process without memory. Not thread-safe. */
#ifndef MEMORY_KV_H
#define MEMORY_KV_H

#include <p2p/kv.h>

#define MEMORY_KV_LOANS_MAX 256u

struct memory_kv;

struct memory_kv *memory_kv_new(void); /* strict */
struct memory_kv *memory_kv_new_lenient(void);
void memory_kv_free(struct memory_kv *memory); /* accepts NULL; aborts an open transaction */

const struct p2p_kv *memory_kv_begin(struct memory_kv *memory);
/* Always P2P_OK; the type is that of a real store's commit. */
enum p2p_err memory_kv_commit(struct memory_kv *memory);
void memory_kv_abort(struct memory_kv *memory);
/* The same pointer that begin returns. */
const struct p2p_kv *memory_kv_kv(struct memory_kv *memory);
bool memory_kv_is_open(const struct memory_kv *memory); /* a transaction is */
/* The open transaction would change something. */
bool memory_kv_has_written(const struct memory_kv *memory);

/* Of what a transaction sees: also its own writes while one is open. */
size_t memory_kv_count(const struct memory_kv *memory, enum p2p_table table);
size_t memory_kv_bytes(const struct memory_kv *memory); /* keys and values held */
/* An independent map with the same committed contents, whatever is open: a snapshot to compare
 * or to crash back to. Rows are shared, so it costs a pointer for each. */
struct memory_kv *memory_kv_clone(const struct memory_kv *memory);
/* Without an open transaction in either. */
bool memory_kv_equal(const struct memory_kv *a, const struct memory_kv *b);

/* Whether somebody came upon rows that cannot be read, and nobody mended them since. */
bool memory_kv_spoiled(const struct memory_kv *memory);

/* How many values of a table have at least one byte. */
size_t memory_kv_value_count(const struct memory_kv *memory, enum p2p_table table);
/* Changes the n-th of them, in order of keys, behind everybody's back: what a disk does.
 * `spoil` gets its bytes. A PAYLOAD so changed is P2P_CORRUPT to read until it is written
 * again. No transaction may be open. */
void memory_kv_spoil(struct memory_kv *memory, enum p2p_table table, size_t n,
                     void (*spoil)(void *context, uint8_t *value, size_t len), void *context);
/* From the n-th row of a table on so many, as far as there are, cannot be read: getting,
 * putting or deleting one of them, or what would stand among them, is P2P_CORRUPT, as is a walk
 * that comes there. p2p_kv_mend gives them back, or takes them away when they are torn: what a
 * real store does with a block that the disk spoiled. No transaction may be open. */
void memory_kv_spoil_rows(struct memory_kv *memory, enum p2p_table table, size_t n,
                          size_t count, bool torn);

#endif
