/* LMDB calls that fail: those of the store under test go through here, are counted while armed,
 * and the n-th returns an error without being carried out. Stands in front of the library's
 * symbols, so the store needs no hook. One thread. */
#ifndef MDB_FAULT_H
#define MDB_FAULT_H

enum mdb_fault_call { MDB_FAULT_PUT, MDB_FAULT_COMMIT, MDB_FAULT_READ };

/* From the call that is `countdown` calls away, `times` of this kind fail with rc. */
void mdb_fault_arm(enum mdb_fault_call call, long countdown, long times, int rc);
/* Back to normal; how many calls of that kind there were since. */
long mdb_fault_disarm(void);
/* Called after each commit that succeeded; NULL for none. */
void mdb_fault_after_commit(void (*hook)(void));

#endif
